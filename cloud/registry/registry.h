/*
 * registry - things and groups. Each function is one transaction; now_ms is wall time.
 *
 * Joining a group offers the group's current revision to the thing, leaving ends what is open of it; serve tells the
 * device. Messages say what exists when a name is not known.
 */
#ifndef SEDGE_CLOUD_REGISTRY_H
#define SEDGE_CLOUD_REGISTRY_H

#include <json-c/json.h>

#include "base/buf.h"
#include "base/str.h"
#include "cloud/cloud.h"

#define SEDGE_ATTRIBUTES_MAX      50 /* of one thing */
#define SEDGE_ATTRIBUTE_NAME_MAX  128
#define SEDGE_ATTRIBUTE_VALUE_MAX 800
#define SEDGE_GROUP_DEPTH_MAX     7 /* a group and those above it */
#define SEDGE_REVOCATIONS_FILE    "ca.crl"
#define SEDGE_GROUP_UNASSIGNED    "unassigned" /* of things that register themselves */

struct sedge_bundle {
    const char *out;         /* folder to write */
    const char *install_dir; /* where the device will have these files; NULL: out itself */
    const char *root;        /* the nucleus' root folder, written as system.rootpath; NULL: not written */
};

/* Key, certificate and registration; writes device.key (0600), device.crt, ca.crt and config.yaml into the bundle's
 * folder. CONFLICT when the thing exists. */
int sedge_thing_create(struct sedge_cloud *c, const char *name, const struct sedge_bundle *where, int64_t now_ms,
                       struct sedge_err *err);
/* What is open for it becomes REMOVED, its shadows go, its certificate is revoked. The name may be used again; revision
 * numbers of the thing's own target go on. */
int sedge_thing_delete(struct sedge_cloud *c, const char *name, int64_t now_ms, struct sedge_err *err);
/* Each change is NAME=VALUE; an empty VALUE takes the attribute away. All or nothing. */
int sedge_thing_set_attributes(struct sedge_cloud *c, const char *name, const struct sedge_strv *changes,
                               int64_t now_ms, struct sedge_err *err);
/* A blocked thing is answered by nobody, and its certificate is revoked; unblocking takes both back. */
int sedge_thing_block(struct sedge_cloud *c, const char *name, bool blocked, int64_t now_ms, struct sedge_err *err);
/* Writes the list of revoked certificates beside the broker's other files (settings: broker_dir); nothing while there
 * is no such folder. The broker reads it when it starts and on SIGHUP. Called by block and delete. */
int sedge_revocations_write(struct sedge_cloud *c, struct sedge_err *err);

/* A thing that nobody has made comes with a certificate that the site's authority has signed for it: it is made, and
 * joins SEDGE_GROUP_UNASSIGNED. 1 and its id; 0: the name was used before, the certificate is revoked, or the name is
 * none. fingerprint, serial: NULL where the certificate is not seen (MQTT). Inside of the caller's transaction; only
 * when the settings allow it (auto_register). */
int sedge_thing_meet(struct sedge_cloud *c, const char *name, const char *fingerprint, const char *serial,
                     int64_t now_ms, int64_t *id, struct sedge_err *err);
/* The first certificate that is seen of a thing without one is its own from now on. */
int sedge_thing_pin(struct sedge_cloud *c, int64_t id, const char *fingerprint, const char *serial,
                    struct sedge_err *err);

/* Members that are NULL or 0 do not filter. */
struct sedge_thing_filter {
    const char *attribute; /* NAME or NAME=VALUE */
    const char *group;     /* members of groups below it count */
    const char *health;    /* "HEALTHY", "UNHEALTHY", "UNKNOWN" */
    const char *component; /* NAME or NAME@VERSION, as reported by the device */
    int64_t seen_before;   /* s: not seen since then, or never */
};
/* New references; NULL on failure. `filter` may be NULL. */
struct json_object *sedge_thing_find(struct sedge_cloud *c, const struct sedge_thing_filter *filter,
                                     struct sedge_err *err);
struct json_object *sedge_thing_list(struct sedge_cloud *c, struct sedge_err *err);
struct json_object *sedge_thing_show(struct sedge_cloud *c, const char *name, struct sedge_err *err);

/* `parent` (may be NULL): its deployments reach the members of the new group too. */
int sedge_group_create_below(struct sedge_cloud *c, const char *name, const char *parent, struct sedge_err *err);
int sedge_group_create(struct sedge_cloud *c, const char *name, struct sedge_err *err);
/* Refused (CONFLICT) while it has a current revision, unless cascade, and while there are groups below it. */
int sedge_group_delete(struct sedge_cloud *c, const char *name, bool cascade, int64_t now_ms, struct sedge_err *err);
/* `offers`: the revisions that the thing gets by joining (of the group and those above it), as text, or NULL. */
int sedge_group_add(struct sedge_cloud *c, const char *group, const char *thing, int64_t now_ms, char **offers,
                    struct sedge_err *err);
/* The same inside of the caller's transaction, for dynamic groups too, without a line of the audit. */
int sedge_group_join(struct sedge_cloud *c, const char *group, const char *thing, int64_t now_ms,
                     struct sedge_buf *offers, struct sedge_err *err);
/* From one group into another, as one change: the device never sees it out of both. */
int sedge_group_move(struct sedge_cloud *c, const char *from, const char *to, const char *thing, int64_t now_ms,
                     char **offers, struct sedge_err *err);
/* Those of an operator refuse dynamic groups (CONFLICT); this is for who keeps them as their query says. */
int sedge_group_set_member(struct sedge_cloud *c, const char *group, const char *thing, bool in, int64_t now_ms,
                           struct sedge_err *err);
int sedge_group_rm(struct sedge_cloud *c, const char *group, const char *thing, int64_t now_ms, struct sedge_err *err);
/* The same, and the device removes the group's components at once: *by is what makes it do so (prune.h); heap.
 * UNSUPPORTED without a data plane. */
int sedge_group_prune(struct sedge_cloud *c, const char *group, const char *thing, int64_t now_ms, char **by,
                      struct sedge_err *err);
struct json_object *sedge_group_list(struct sedge_cloud *c, struct sedge_err *err);
struct json_object *sedge_group_show(struct sedge_cloud *c, const char *name, struct sedge_err *err);

/* Ids; NOT_FOUND with the names that there are. */
int sedge_thing_id(struct sedge_cloud *c, const char *name, int64_t *id, struct sedge_err *err);
int sedge_group_id(struct sedge_cloud *c, const char *name, int64_t *id, struct sedge_err *err);
/* Who does it, for the record: the user of the control API, else the one who runs this program. Lives until the next
 * call. */
const char *sedge_who(void);
/* One line of the audit. */
int sedge_audit(struct sedge_db *db, int64_t now_ms, const char *what, const char *ref, const char *body,
                struct sedge_err *err);

#endif
