/*
 * exec - job executions: one row for each thing and deployment revision that was released to it.
 *
 * All functions run inside the caller's transaction. `now` is wall time in seconds; queued_at never goes back for one
 * thing, whatever the clock does. Functions that change what a device should see mark the thing dirty; `serve` then
 * publishes notify and notify-next (plane.h).
 */
#ifndef SEDGE_CLOUD_EXEC_H
#define SEDGE_CLOUD_EXEC_H

#include <stdbool.h>

#include "base/buf.h"
#include "cloud/cloud.h"

#define SEDGE_EXEC_PENDING_MAX 10 /* summaries in one notify */
/* dirty.ns: what a thing is to be told; notified.ns is always the first. */
#define SEDGE_EXEC_NS_DEPLOY 1 /* the list of pending executions, and its head when that is another one */
#define SEDGE_EXEC_NS_HEAD   2 /* the head alone: the list is the same as before */
#define SEDGE_EXEC_NS_SHADOW 3 /* its shadows that are marked `untold` */
#define SEDGE_EXEC_NS_COUNT  4

/* execution.flags */
enum {
    SEDGE_EXEC_BY_SHADOW = 1,
    SEDGE_EXEC_UNHEALTHY_AFTER = 2,
    SEDGE_EXEC_RETRY_PENDING = 4,
    SEDGE_EXEC_STALE = 8 /* REJECTED because the device has a newer revision */
};

struct sedge_exec {
    int64_t thing_id, deployment_id, exec_no, status, version, queued_at, started_at, updated_at, deadline_at,
        step_deadline_at, flags;
    char *details; /* JSON text or NULL */
    char *job_id;  /* the document is in doc_cache.h */
    int64_t deployment_state;
};
void sedge_exec_release_row(struct sedge_exec *e);

bool sedge_exec_terminal(int64_t status);
int sedge_exec_mark_dirty(struct sedge_db *db, int64_t thing_id, struct sedge_err *err);
int sedge_exec_mark(struct sedge_db *db, int64_t thing_id, int ns, struct sedge_err *err);
/* Offers the deployment to one thing (execution number + 1 if it had it before). Whether it may: release.h. */
int sedge_exec_offer(struct sedge_db *db, int64_t now, int64_t thing_id, int64_t deployment_id, struct sedge_err *err);
/* Ends open executions of a deployment: of one thing, or of all with thing_id 0; QUEUED, and with `force` also
 * IN_PROGRESS. Planned repetitions are dropped. */
int sedge_exec_end(struct sedge_db *db, int64_t now, int64_t thing_id, int64_t deployment_id, bool force,
                   enum sedge_exec_state to, struct sedge_err *err);
/* ROLLING while things are still to be released, to finish or to be tried again, otherwise ACTIVE; other states stay,
 * and so does a gated deployment until its gate has passed (rollout.h). */
int sedge_exec_settle(struct sedge_db *db, int64_t deployment_id, struct sedge_err *err);
/* Executions whose time is over become TIMED_OUT. *n counts them. */
int sedge_exec_expire(struct sedge_db *db, int64_t now, int *n, struct sedge_err *err);

/* The pending list of a thing, head first (IN_PROGRESS before QUEUED, oldest first), at most max rows; returns how
 * many, -1 on failure. */
int sedge_exec_pending(struct sedge_db *db, int64_t thing_id, struct sedge_exec *rows, int max, struct sedge_err *err);
/* One execution by job id; exec_no 0: the newest. 1, 0 or -1. */
int sedge_exec_find(struct sedge_db *db, int64_t thing_id, const char *job_id, int64_t exec_no, struct sedge_exec *out,
                    struct sedge_err *err);
/* The newest execution of a deployment, also one that the shadow carries. 1, 0 or -1. */
int sedge_exec_newest(struct sedge_db *db, int64_t thing_id, int64_t deployment_id, struct sedge_exec *out,
                      struct sedge_err *err);
/* A terminal status that came after the end: kept for the operator. */
int sedge_exec_store_late(struct sedge_db *db, const struct sedge_exec *e, int64_t status, struct sedge_err *err);
/* Offers the current revisions of the thing's groups that are over for it once more, to a device that has lost all. */
int sedge_exec_offer_again(struct sedge_db *db, int64_t now, int64_t thing_id, struct sedge_err *err);

#endif
