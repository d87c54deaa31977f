/* audit - who changed what, and when: every change of an operator has a line (sedge_audit in registry.h). */
#ifndef SEDGE_CLOUD_AUDIT_H
#define SEDGE_CLOUD_AUDIT_H

#include <json-c/json.h>

#include "cloud/cloud.h"

#define SEDGE_AUDIT_SHOWN 100      /* lines, unless asked for more */
#define SEDGE_AUDIT_MAX   1000000  /* lines at once */
#define SEDGE_AUDIT_KEPT  63072000 /* seconds: two years */

struct sedge_audit_filter {
    const char *what; /* beginning of the kind of change, "deploy"; NULL: all */
    const char *ref;  /* what was changed; NULL: all */
    const char *who;  /* NULL: all */
    int64_t since_ms; /* 0: all */
    int64_t limit;    /* 0: SEDGE_AUDIT_SHOWN */
};
/* [{"at" (ms), "who"?, "what", "ref"?, "detail"?}], newest first. New reference. */
struct json_object *sedge_audit_list(struct sedge_cloud *c, const struct sedge_audit_filter *f, struct sedge_err *err);

#endif
