/* jobs_internal - what jobs.c (state, public) and requests.c (wire) share. */
#ifndef SEDGE_BRIDGE_JOBS_INTERNAL_H
#define SEDGE_BRIDGE_JOBS_INTERNAL_H

#include "jobs.h"
#include "rules.h"
#include "store.h"

#define SEDGE_TOKEN_MAX 32

enum sedge_request_kind { SEDGE_ASK_NEXT, SEDGE_ASK_JOB, SEDGE_TELL_STATUS, SEDGE_TELL_PROGRESS };

/* At most one of each of the first three is in flight. */
struct sedge_flight {
    char token[SEDGE_TOKEN_MAX]; /* "": none */
    struct sedge_exec *exec;
    int64_t deadline;
};

/* A publish whose acknowledgement has not come; freed by its done callback or at close. */
struct sedge_sent {
    struct sedge_sent *next;
    struct sedge_jobs *jobs;
    enum sedge_request_kind kind;
    char token[SEDGE_TOKEN_MAX];
};

struct sedge_jobs {
    uv_loop_t *loop;
    uv_timer_t timer;
    struct sedge_jobs_options o;
    char *thing;
    struct sedge_jobs_ops ops;
    struct sedge_mqtt *mqtt;
    struct sedge_mqtt_sub *sub;
    struct sedge_dbw *writer;
    struct sedge_exec *execs;
    bool ready;     /* connected, and every filter granted */
    bool want_next; /* ask $next */
    bool rang;      /* a notify with entries came after the question was sent */
    bool asked_again;
    char head[SEDGE_JOB_ID_MAX + 1]; /* that the last notification named; "": none */
    int64_t head_number;
    int64_t next_due;
    int next_tries;
    int64_t poll_due;
    struct sedge_flight next, check, status;
    struct sedge_sent *sent;
    char boot[9];
    unsigned counter;
    int puts;
    bool closing;
    void (*closed)(void *user);
    void *closed_user;
};

/* jobs.c */
void sedge_jobs_step(struct sedge_jobs *j); /* sends what is due; arms the timer */
struct sedge_exec *sedge_jobs_find(struct sedge_jobs *j, const char *job_id, int64_t number);
int64_t sedge_jobs_backoff(const struct sedge_jobs *j, int tries);
void sedge_jobs_offer(struct sedge_jobs *j, struct json_object *execution);
void sedge_jobs_settle(struct sedge_jobs *j, struct sedge_exec *e, bool accepted);
void sedge_jobs_withdrawn(struct sedge_jobs *j, struct sedge_exec *e);
/* requests.c */
void sedge_jobs_ask_next(struct sedge_jobs *j, int64_t now);
void sedge_jobs_ask_job(struct sedge_jobs *j, struct sedge_exec *e, int64_t now);
void sedge_jobs_tell_status(struct sedge_jobs *j, struct sedge_exec *e, int64_t now);
void sedge_jobs_tell_progress(struct sedge_jobs *j, struct sedge_exec *e);
void sedge_jobs_message(void *user, const struct sedge_mqtt_message *msg);
void sedge_jobs_check_deadlines(struct sedge_jobs *j, int64_t now);
void sedge_jobs_forget_flights(struct sedge_jobs *j); /* the connection is gone: no answer will come */
void sedge_jobs_forget_sent(struct sedge_jobs *j);    /* at close */

#endif
