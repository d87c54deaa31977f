/*
 * release - giving a revision to things: one at a time, by the rules of waves, dormancy and membership. The rollout
 * engine (rollout.h) does it for many; the device plane for a device that asks; group commands for a thing that joins.
 *
 * A thing is offered the newest revision of a target that reaches it, never two. While a revision rolls out in waves
 * the one before stays alive for the things that it has not reached; releasing ends what the thing still has open of
 * it.
 *
 * All functions run inside the caller's transaction; `now` is wall time in seconds.
 */
#ifndef SEDGE_CLOUD_RELEASE_H
#define SEDGE_CLOUD_RELEASE_H

#include "base/buf.h"
#include "counters.h"
#include "policy.h"

#define SEDGE_RELEASE_ANSWER_S 120 /* a device that is connected begins in this time */

/* A deployment row with its policy. */
struct sedge_rev {
    int64_t id, target_id, kind, revision, state;
    int64_t wave, wave_started_at, wave_done_at, wave_limit; /* limit -1: the wave has not begun */
    int64_t rate_step, rate_mark;
    bool released;                /* everybody that it is for has been offered it; who joins gets it at once */
    bool gated;                   /* the gate decides when it is over */
    bool stopped;                 /* a rule has paused or aborted it */
    bool unstored;                /* devices fetch its document, which is not in the object store yet */
    int64_t only_after;           /* only for things that were given this deployment; 0: for all */
    int64_t joins;                /* rises when somebody joins */
    int64_t minute, minute_n;     /* how many were released in the minute `minute` (epoch seconds / 60) */
    int64_t bytes_owed, bytes_at; /* released and had no time yet, at that time (seconds) */
    char *target, *uuid, *reason;
    struct sedge_counts accepted; /* what had happened when an operator resumed it */
    struct sedge_policy policy;
};

/* 1, 0 when there is none, -1. Release in any case. */
int sedge_rev_load(struct sedge_db *db, int64_t id, struct sedge_rev *out, struct sedge_err *err);
void sedge_rev_release(struct sedge_rev *r);
/* What its things are hashed with. */
const char *sedge_rev_salt(const struct sedge_rev *r);

/* Whether this thing belongs to what has begun: 1, 0, -1. */
int sedge_rev_reaches(struct sedge_db *db, const struct sedge_rev *r, int64_t thing_id, struct sedge_err *err);
/* How many may be open now, by maxInProgress; INT64_MAX without. */
int sedge_rev_room(struct sedge_db *db, const struct sedge_rev *r, int64_t now, int64_t *room, struct sedge_err *err);

/* Whether maxBytesPerSecond lets the thing have it now; then its bytes are counted (download.h). */
int sedge_rev_spend(struct sedge_db *db, int64_t now, struct sedge_rev *r, int64_t thing_id, bool *may,
                    struct sedge_err *err);

enum sedge_release {
    SEDGE_RELEASE_DONE,
    SEDGE_RELEASE_HAD,  /* it has this or a newer one */
    SEDGE_RELEASE_LATER /* the bytes it has to fetch are too many now */
};
/* Offers the revision to a thing, ends older ones there, and counts it. */
int sedge_release_one(struct sedge_db *db, int64_t now, struct sedge_rev *r, int64_t thing_id, enum sedge_release *done,
                      struct sedge_err *err);
/* Offers what the thing should have and has no execution of. *offered counts. */
int sedge_release_late(struct sedge_db *db, int64_t now, int64_t thing_id, int *offered, struct sedge_err *err);

/* The thing has become, or is no longer, a member of the group (by itself or by a group below). `offers` gets what it
 * is offered, as text: "group:NAME:REVISION". A thing that was a member before gets a new execution. */
int sedge_release_joined(struct sedge_db *db, int64_t now, const char *group, int64_t thing_id,
                         struct sedge_buf *offers, struct sedge_err *err);
int sedge_release_left(struct sedge_db *db, int64_t now, const char *group, int64_t thing_id, struct sedge_err *err);
/* The group is deleted: everybody leaves, its revisions are over. */
int sedge_release_group_gone(struct sedge_db *db, int64_t now, const char *group, struct sedge_err *err);

/* Ends all revisions of a target before `revision`: a newer one has taken their place. */
int sedge_release_supersede(struct sedge_db *db, int64_t now, int64_t target_id, int64_t revision,
                            struct sedge_err *err);
/* Ends a deployment: QUEUED executions, with `force` also those in progress, become CANCELED, retries are dropped. The
 * revision before becomes current again if it is still alive, else the target has none. */
int sedge_release_stop(struct sedge_db *db, int64_t now, int64_t deployment_id, int64_t state, bool force,
                       const char *reason, struct sedge_err *err);

#endif
