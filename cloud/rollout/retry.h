/*
 * retry - what happens after an execution has ended: stale rejections, repetitions. Inside the caller's transaction.
 */
#ifndef SEDGE_CLOUD_RETRY_H
#define SEDGE_CLOUD_RETRY_H

#include "cloud/cloud.h"

#define SEDGE_RETRY_FIRST_S 300   /* doubled with each repetition */
#define SEDGE_RETRY_MAX_S   21600 /* 6 h */
#define SEDGE_RETRY_BATCH   1000  /* repetitions begun in one tick */

/* Call after a terminal status was stored: marks a stale rejection, plans a repetition if the policy has one left, and
 * settles the deployment. */
int sedge_retry_ended(struct sedge_db *db, int64_t now, int64_t thing_id, int64_t deployment_id, int64_t exec_no,
                      int64_t status, const char *details, struct sedge_err *err);
/* Offers again what is due. */
int sedge_retry_due(struct sedge_db *db, int64_t now, int *n, struct sedge_err *err);
/* Wait before repetition n (0 is the first), without jitter. */
int64_t sedge_retry_delay(int64_t n);

#endif
