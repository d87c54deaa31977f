/*
 * jobs - deployments that arrive as jobs (namespace aws-gg-deployment), and their way back as statuses.
 *
 *   struct sedge_jobs *j = sedge_jobs_new(loop, db, &options, &ops, &err);   // reads what an earlier run left; db:
 * before
 *                                                                             // the writer has work
 *   sedge_jobs_adopt(j, job_id, execution);        // for each job that the deployment journal resumes by itself
 *   sedge_jobs_start(j, mqtt, writer);             // before sedge_mqtt_start
 *   ... ops.on_job -> the deployment is queued ...
 *   sedge_jobs_status(j, job_id, execution, "IN_PROGRESS", NULL);            // when it really starts
 *   sedge_jobs_progress(j, job_id, execution, "DOWNLOADING", 43);
 *   sedge_jobs_status(j, job_id, execution, "SUCCEEDED", details);           // exactly one terminal status
 *   sedge_jobs_close(j, closed_cb, me);            // before the session and the writer
 *
 * A job is on disk before on_job runs. A terminal status is on disk before its first publish and is sent, at every
 * connect and with back-off, until the cloud has answered. Notifications are doorbells: what counts is the answer to
 * $next, which is asked at every connect, doorbell, end of a job and poll. An execution that is finished here is never
 * run again; its status is sent again. A job that vanished from the cloud is cancelled only after a describe confirmed
 * it.
 *
 * Tables: sedge_bridge_schema (made by sedge_jobs_new when missing). Loop thread only.
 */
#ifndef SEDGE_BRIDGE_JOBS_H
#define SEDGE_BRIDGE_JOBS_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/db.h"
#include "base/err.h"
#include "mqtt/session.h"

#define SEDGE_JOBS_FINISHED_MAX 32    /* executions remembered as finished */
#define SEDGE_JOBS_PENDING_MAX  64    /* terminal statuses that wait for an answer */
#define SEDGE_JOBS_DOCUMENT_MAX 32768 /* bytes of a job document */
#define SEDGE_JOBS_ATTEMPTS_MAX 5     /* starts of one execution that never came to an end */
#define SEDGE_JOB_ID_MAX        64

/* Tables of jobs and fleet status in nucleus.db; may be run any number of times. */
extern const char sedge_bridge_schema[];

struct sedge_job {
    const char *job_id;
    int64_t execution_number;
    bool resumed;                 /* was begun by an earlier run of the program */
    struct json_object *document; /* borrowed: take a reference to keep it */
};

struct sedge_jobs_ops {
    void *env;
    /* Queue this deployment. -1 with a message: the document is not valid; the job is reported FAILED with
     * DEPLOYMENT_DOCUMENT_PARSE_ERROR and nothing more is asked of the deployment side. */
    int (*on_job)(void *env, const struct sedge_job *job, struct sedge_err *err);
    /* The cloud has withdrawn it (confirmed). If it can still be stopped, stop it and answer with status "CANCELED";
     * otherwise let it end and answer as usual. */
    void (*on_cancel)(void *env, const char *job_id, int64_t execution_number);
    /* The cloud has accepted or finally refused the terminal status. May be NULL. */
    void (*on_reported)(void *env, const char *job_id, int64_t execution_number, const char *status, bool accepted);
};

struct sedge_jobs_options {
    const char *thing;
    int64_t poll_interval_s;   /* 14400, +-25 % */
    int64_t answer_timeout_ms; /* 30000 */
    int64_t retry_min_ms;      /* 5000 */
    int64_t retry_max_ms;      /* 60000 */
    int64_t progress_ms;       /* 60000 between two progress updates */
    int64_t again_ms;          /* 1000..5000: one more question after an empty answer that a notify contradicts */
};
void sedge_jobs_options_default(struct sedge_jobs_options *o);

struct sedge_jobs;
struct sedge_jobs *sedge_jobs_new(uv_loop_t *loop, struct sedge_db *db, const struct sedge_jobs_options *o,
                                  const struct sedge_jobs_ops *ops, struct sedge_err *err);
void sedge_jobs_adopt(struct sedge_jobs *j, const char *job_id, int64_t execution_number);
void sedge_jobs_start(struct sedge_jobs *j, struct sedge_mqtt *mqtt, struct sedge_dbw *writer);
/* status: IN_PROGRESS, SUCCEEDED, FAILED, REJECTED, or CANCELED (ends the job without a message). details: flat map of
 * texts (sedge_outcome_for_job), borrowed, or NULL. -1 INVALID for an unknown status. A second terminal status for one
 * execution is ignored. */
int sedge_jobs_status(struct sedge_jobs *j, const char *job_id, int64_t execution_number, const char *status,
                      struct json_object *details, struct sedge_err *err);
/* IN_PROGRESS with phase and percent; sent a minute after the last update at the earliest, and only on real change.
 * That it begins to wait
 * ("WAITING: why") is sent at once. */
void sedge_jobs_progress(struct sedge_jobs *j, const char *job_id, int64_t execution_number, const char *phase,
                         int percent);
/* A terminal status waits for the answer of the cloud. */
bool sedge_jobs_owes(const struct sedge_jobs *j);
/* Ask $next now. */
void sedge_jobs_poll(struct sedge_jobs *j);
void sedge_jobs_close(struct sedge_jobs *j, void (*closed)(void *user), void *user);

#endif
