/* rollout_internal - what the files of the engine share. */
#ifndef SEDGE_CLOUD_ROLLOUT_INTERNAL_H
#define SEDGE_CLOUD_ROLLOUT_INTERNAL_H

#include "rollout.h"

struct candidate {
    int64_t thing_id;
    bool away; /* not seen for a while: comes after the others */
    uint64_t hash;
};

/* One deployment that rolls out, between two ticks. */
struct sedge_run_state {
    int64_t id, wave, joins;
    int64_t last_ms; /* monotonic; when tokens were added last */
    double tokens;
    int64_t cursor; /* members up to this thing have been looked at */
    bool complete;  /* all members have */
    struct candidate *next;
    size_t n, at;
    int64_t sleeping, sleeping_ms; /* QUEUED executions of dormant things; when they were counted */
    bool seen;                     /* in this tick */
    int64_t rests_until;           /* monotonic; it could not go on */
};

/* Looks at the next members and sorts those who may get the revision: online ones first, then by hash. */
int sedge_rollout_scan(struct sedge_db *db, const struct sedge_rev *r, int64_t now, struct sedge_run_state *s,
                       struct sedge_err *err);
void sedge_rollout_rescan(struct sedge_run_state *s, const struct sedge_rev *r);

/* The current wave begins: its limit is computed and stored. */
int sedge_wave_begin(struct sedge_db *db, struct sedge_rev *r, int64_t now, struct sedge_err *err);
/* Everything of the wave is released: the next one begins when it is done and has soaked. *over: it was the last. */
int sedge_wave_step(struct sedge_db *db, struct sedge_rev *r, const struct sedge_counts *n, int64_t sleeping,
                    int64_t now, bool *over, struct sedge_err *err);

/* Asks the judge, and does what it says. *stopped: nothing more is released. */
int sedge_rollout_judge(struct sedge_cloud *c, struct sedge_rev *r, const struct sedge_counts *n, int64_t now_ms,
                        bool *stopped, struct sedge_err *err);

#endif
