/*
 * registry - things and groups. Each function is one transaction; now_ms is wall time.
 *
 * Joining a group offers the group's current revision to the thing, leaving ends what is open of it; serve tells the
 * device. Messages say what exists when a name is not known.
 */
#ifndef SEDGE_CLOUD_REGISTRY_H
#define SEDGE_CLOUD_REGISTRY_H

#include <json-c/json.h>

#include "cloud.h"

struct sedge_bundle {
    const char *out;         /* folder to write */
    const char *install_dir; /* where the device will have these files; NULL: out itself */
    const char *root;        /* the nucleus' root folder, written as system.rootpath; NULL: not written */
};

/* Key, certificate and registration; writes device.key (0600), device.crt, ca.crt and config.yaml into the bundle's
 * folder. CONFLICT when the thing exists. */
int sedge_thing_create(struct sedge_cloud *c, const char *name, const struct sedge_bundle *where, int64_t now_ms,
                       struct sedge_err *err);
int sedge_thing_delete(struct sedge_cloud *c, const char *name, int64_t now_ms, struct sedge_err *err);
/* New references; NULL on failure. */
struct json_object *sedge_thing_list(struct sedge_cloud *c, struct sedge_err *err);
struct json_object *sedge_thing_show(struct sedge_cloud *c, const char *name, struct sedge_err *err);

int sedge_group_create(struct sedge_cloud *c, const char *name, struct sedge_err *err);
/* Refused (CONFLICT) while it has a current revision, unless cascade. */
int sedge_group_delete(struct sedge_cloud *c, const char *name, bool cascade, int64_t now_ms, struct sedge_err *err);
/* `offers`: the revision that the thing gets by joining, as text, or NULL. */
int sedge_group_add(struct sedge_cloud *c, const char *group, const char *thing, int64_t now_ms, char **offers,
                    struct sedge_err *err);
int sedge_group_rm(struct sedge_cloud *c, const char *group, const char *thing, int64_t now_ms, struct sedge_err *err);
struct json_object *sedge_group_list(struct sedge_cloud *c, struct sedge_err *err);
struct json_object *sedge_group_show(struct sedge_cloud *c, const char *name, struct sedge_err *err);

/* Ids; NOT_FOUND with the names that there are. */
int sedge_thing_id(struct sedge_cloud *c, const char *name, int64_t *id, struct sedge_err *err);
int sedge_group_id(struct sedge_cloud *c, const char *name, int64_t *id, struct sedge_err *err);
/* One line of the audit. */
int sedge_audit(struct sedge_db *db, int64_t now_ms, const char *what, const char *ref, const char *body,
                struct sedge_err *err);

#endif
