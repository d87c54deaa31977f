/*
 * deploy - deployment revisions: create, change, show. One transaction each.
 *
 * A target (group or thing) has at most one current revision. A new one takes the place of the one before: at once, or
 * wave by wave (release.h). Its first things are released in the same transaction, the others by the engine of `serve`
 * (rollout.h), which also tells the devices.
 */
#ifndef SEDGE_CLOUD_DEPLOY_H
#define SEDGE_CLOUD_DEPLOY_H

#include <json-c/json.h>

#include "base/str.h"
#include "cloud/cloud.h"

#define SEDGE_IDEM_SECONDS 86400

/* Before it is created, a request is checked as deploy_check.h says. */
struct sedge_deploy_request {
    int kind;
    const char *target;
    const char *name;                  /* or NULL */
    struct json_object *content;       /* document.h; borrowed */
    struct json_object *job, *rollout; /* policy.h; NULL: defaults; borrowed */
    int64_t in_progress_minutes;       /* 0: the service's default */
    bool expects;                      /* the target's last revision must be this one, else CONFLICT */
    int64_t expected_revision;
    int64_t only_after;  /* only for things that were given this deployment; 0: for all */
    const char *token;   /* idempotency; NULL: none */
    const char *request; /* the operator's text, for the record; NULL */
    bool skip_resolve;   /* do not ask whether the components are published */
    bool force;          /* a revision also when nothing changes */
};

/* The result: {deploymentId, jobId, target, revision, things, unchanged?, warnings?, large?}, and more of deploy show.
 * `large`: devices fetch the document from the object store, so sedge_archive_revisions should be called now; the
 * revision is SCHEDULED until it is there. New reference, NULL on failure. */
struct json_object *sedge_deploy_create(struct sedge_cloud *c, const struct sedge_deploy_request *rq, int64_t now_ms,
                                        struct sedge_err *err);

/* A new revision with the content of another one and its limits, without its waves and schedule. Inside of the caller's
 * transaction. only_after: as above. */
struct json_object *sedge_deploy_copy(struct sedge_cloud *c, int64_t from, int64_t only_after, int64_t now_ms,
                                      struct sedge_err *err);

/* A revision for one thing without components. Inside of the caller's transaction. */
struct json_object *sedge_deploy_nothing(struct sedge_cloud *c, const char *thing, int64_t now_ms,
                                         struct sedge_err *err);

/* A deployment by id, or the current (else the last) revision of TARGET, or TARGET:REV. NOT_FOUND. */
int sedge_deploy_find(struct sedge_cloud *c, const char *text, int64_t *id, struct sedge_err *err);
/* Content of a deployment (new reference), its target, name and time limit. */
struct json_object *sedge_deploy_content(struct sedge_cloud *c, int64_t id, char **name, int64_t *minutes,
                                         struct sedge_err *err);
/* Its iotJobConfiguration (without schedule) and rollout block; new references or NULL. */
int sedge_deploy_policy(struct sedge_cloud *c, int64_t id, struct json_object **job, struct json_object **rollout,
                        struct sedge_err *err);
/* 0 when the target has had none. */
int sedge_deploy_last_revision(struct sedge_cloud *c, int kind, const char *target, int64_t *out,
                               struct sedge_err *err);
/* What it is and its counters; deploy_status.h has how it fares. */
struct json_object *sedge_deploy_show(struct sedge_cloud *c, int64_t id, struct sedge_err *err);
/* target NULL: all. `latest`: only the last revision of each target. Newest first. */
struct json_object *sedge_deploy_list(struct sedge_cloud *c, const char *target, bool latest, struct sedge_err *err);

/* Changes of a deployment. CONFLICT when its state does not allow it, with what does. */
int sedge_deploy_pause(struct sedge_cloud *c, int64_t id, int64_t now_ms, struct sedge_err *err);
/* Goes on in the same wave; what has failed so far is accepted. */
int sedge_deploy_resume(struct sedge_cloud *c, int64_t id, int64_t now_ms, struct sedge_err *err);
/* By somebody else than who created it. */
int sedge_deploy_approve(struct sedge_cloud *c, int64_t id, const char *who, int64_t now_ms, struct sedge_err *err);
int sedge_deploy_cancel(struct sedge_cloud *c, int64_t id, bool force, int64_t now_ms, struct sedge_err *err);
/* As cancel; then the target's last revision that went well becomes current, as a new one. Its show. */
struct json_object *sedge_deploy_fall_back(struct sedge_cloud *c, int64_t id, bool force, int64_t now_ms,
                                           struct sedge_err *err);
/* A new revision with the content of `from`. Its show. */
struct json_object *sedge_deploy_revert(struct sedge_cloud *c, int64_t from, bool expects, int64_t expected_revision,
                                        int64_t now_ms, struct sedge_err *err);
/* New executions for things whose newest one is in one of the states (bits, 1 << SEDGE_EXEC_...). `things` (NULL: all):
 * names; one that the deployment has not, or in another state, is an error. *n counts. */
int sedge_deploy_retry(struct sedge_cloud *c, int64_t id, unsigned states, const struct sedge_strv *things,
                       int64_t now_ms, int64_t *n, struct sedge_err *err);
/* Open (also: things still to be released) and failed executions, for --wait. */
int sedge_deploy_progress(struct sedge_cloud *c, int64_t id, int64_t *open, int64_t *failed, int64_t *state,
                          struct sedge_err *err);

#endif
