/*
 * counters - how many things stand where in a deployment, and what that says about it.
 *
 * Triggers of the database keep them (schema.h): each thing counts once, by its newest execution. Reading is a few
 * rows, however many things there are. All functions run inside the caller's transaction, or outside of one.
 *
 *   struct sedge_counts n;
 *   if (sedge_counts_read(db, deployment_id, &n, &err) != 0) ...
 *   sedge_counts_open(&n), sedge_counts_executed(&n)
 */
#ifndef SEDGE_CLOUD_COUNTERS_H
#define SEDGE_CLOUD_COUNTERS_H

#include "cloud/cloud.h"

/* The first ones are the states of executions; the others take their place where a difference matters. */
enum sedge_count {
    SEDGE_COUNT_STALE = SEDGE_EXEC_COUNT, /* REJECTED because the device has a newer revision: no defect of this one */
    SEDGE_COUNT_RETRY,                    /* FAILED or TIMED_OUT, and tried again soon */
    SEDGE_COUNT_UNHEALTHY,                /* SUCCEEDED, but a component broke soon afterwards */
    SEDGE_COUNT_LATE,                     /* SUCCEEDED after TIMED_OUT; counted besides TIMED_OUT */
    SEDGE_COUNT_N
};

struct sedge_counts {
    int64_t n[SEDGE_COUNT_N];
};

const char *sedge_count_name(int class); /* "SUCCEEDED", "STALE", ... */

int sedge_counts_read(struct sedge_db *db, int64_t deployment_id, struct sedge_counts *out, struct sedge_err *err);
/* Counts the executions of all deployments that are alive anew, after an unclean end. */
int sedge_counts_rebuild(struct sedge_db *db, struct sedge_err *err);

/* Released: everything but REMOVED and CANCELED. Open: not finished, or to be tried again. Executed: finished, without
 * stale ones. Bad: of these, FAILED, TIMED_OUT, REJECTED and unhealthy ones. */
int64_t sedge_counts_released(const struct sedge_counts *n);
int64_t sedge_counts_open(const struct sedge_counts *n);
int64_t sedge_counts_executed(const struct sedge_counts *n);
int64_t sedge_counts_bad(const struct sedge_counts *n);
/* now - was, nothing below 0. */
struct sedge_counts sedge_counts_minus(const struct sedge_counts *now, const struct sedge_counts *was);
/* "[0,0,12,...]", and back; NULL gives zeros. */
char *sedge_counts_text(const struct sedge_counts *n);
struct sedge_counts sedge_counts_parse(const char *text);

#endif
