/*
 * deploy - deployment revisions: create, cancel, show. One transaction each.
 *
 * A target (group or thing) has at most one current revision. Creating one supersedes the one before: what is open of
 * it is cancelled, and every member of the target gets an execution of the new one. `serve` tells the devices.
 */
#ifndef SEDGE_CLOUD_DEPLOY_H
#define SEDGE_CLOUD_DEPLOY_H

#include <json-c/json.h>

#include "cloud.h"

#define SEDGE_IDEM_SECONDS 86400

/* Before it is created, a request is checked as deploy_check.h says. */
struct sedge_deploy_request {
    int kind;
    const char *target;
    const char *name;            /* or NULL */
    struct json_object *content; /* document.h; borrowed */
    int64_t in_progress_minutes; /* 0: the service's default */
    const char *token;           /* idempotency; NULL: none */
    const char *request;         /* the operator's text, for the record; NULL */
    bool skip_resolve;           /* do not ask whether the components are published */
    bool force;                  /* a revision also when nothing changes */
};

/* The result: {deploymentId, jobId, target, revision, things, unchanged?, warnings?}. New reference, NULL on failure.
 */
struct json_object *sedge_deploy_create(struct sedge_cloud *c, const struct sedge_deploy_request *rq, int64_t now_ms,
                                        struct sedge_err *err);

/* A deployment by id, or the current (else the last) revision of TARGET, or TARGET:REV. NOT_FOUND. */
int sedge_deploy_find(struct sedge_cloud *c, const char *text, int64_t *id, struct sedge_err *err);
/* Content of a deployment (new reference), its target, name and time limit. */
struct json_object *sedge_deploy_content(struct sedge_cloud *c, int64_t id, char **name, int64_t *minutes,
                                         struct sedge_err *err);
struct json_object *sedge_deploy_show(struct sedge_cloud *c, int64_t id, bool devices, struct sedge_err *err);
/* target NULL: all. `latest`: only the last revision of each target. Newest first. */
struct json_object *sedge_deploy_list(struct sedge_cloud *c, const char *target, bool latest, struct sedge_err *err);
int sedge_deploy_cancel(struct sedge_cloud *c, int64_t id, bool force, int64_t now_ms, struct sedge_err *err);
/* Open and failed executions, for --wait. */
int sedge_deploy_progress(struct sedge_cloud *c, int64_t id, int64_t *open, int64_t *failed, int64_t *state,
                          struct sedge_err *err);

#endif
