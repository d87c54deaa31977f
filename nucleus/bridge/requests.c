/* What jobs.c sends, and what it makes of the answers. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "jobs_internal.h"

static void new_token(struct sedge_jobs *j, char out[SEDGE_TOKEN_MAX])
{
    (void)snprintf(out, SEDGE_TOKEN_MAX, "%s-%u", j->boot, ++j->counter);
}

/* --- failures ---------------------------------------------------------------------------------------------------- */

static void next_failed(struct sedge_jobs *j, int64_t wait)
{
    j->next.token[0] = 0;
    j->want_next = true;
    j->next_due = sedge_mono_ms() + (wait ? wait : sedge_jobs_backoff(j, ++j->next_tries));
}

static void exec_failed(struct sedge_jobs *j, struct sedge_flight *f, int64_t wait)
{
    f->token[0] = 0;
    f->exec->due = sedge_mono_ms() + (wait ? wait : sedge_jobs_backoff(j, ++f->exec->tries));
}

static void flight_failed(struct sedge_jobs *j, struct sedge_flight *f, int64_t wait)
{
    if (f == &j->next)
        next_failed(j, wait);
    else
        exec_failed(j, f, wait);
}

static struct sedge_flight *flight_of(struct sedge_jobs *j, const char *token)
{
    struct sedge_flight *all[] = {&j->next, &j->check, &j->status};

    for (size_t i = 0; token[0] && i < SEDGE_ARRAY_LEN(all); i++)
        if (strcmp(all[i]->token, token) == 0) return all[i];
    return NULL;
}

void sedge_jobs_check_deadlines(struct sedge_jobs *j, int64_t now)
{
    struct sedge_flight *all[] = {&j->next, &j->check, &j->status};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(all); i++) {
        if (!all[i]->token[0] || now < all[i]->deadline) continue;
        sedge_log(SEDGE_WARN, "jobs", "no-answer", "request=%s token=%s wait-ms=%lld",
                  i == 0 ? "$next" : all[i]->exec->job_id, all[i]->token, (long long)j->o.answer_timeout_ms);
        flight_failed(j, all[i], i == 0 && j->rang ? 1 : 0); /* the cloud has spoken meanwhile: no pause */
    }
}

void sedge_jobs_forget_flights(struct sedge_jobs *j)
{
    if (j->next.token[0]) j->want_next = true;
    j->next.token[0] = j->check.token[0] = j->status.token[0] = 0;
}

/* --- sending ----------------------------------------------------------------------------------------------------- */

static void unlink_sent(struct sedge_jobs *j, struct sedge_sent *s)
{
    for (struct sedge_sent **p = &j->sent; *p; p = &(*p)->next)
        if (*p == s) {
            *p = s->next;
            return;
        }
}

static void published_cb(void *user, int reason, const struct sedge_err *err)
{
    struct sedge_sent *s = user;
    struct sedge_jobs *j = s->jobs;
    struct sedge_flight *f = flight_of(j, s->token);

    (void)reason;
    unlink_sent(j, s);
    if (err && f && err->code != SEDGE_E_CANCELED) {
        sedge_log(SEDGE_WARN, "jobs", "publish-failed", "%s", err->msg);
        flight_failed(j, f, 0); /* also when it is not allowed: somebody may put the access rules right */
    }
    free(s);
    sedge_jobs_step(j);
}

void sedge_jobs_forget_sent(struct sedge_jobs *j)
{
    struct sedge_sent *s;

    while ((s = j->sent)) {
        j->sent = s->next;
        sedge_mqtt_forget(j->mqtt, published_cb, s);
        free(s);
    }
}

/* Takes body. Whether the message is on its way. */
static bool send_request(struct sedge_jobs *j, enum sedge_request_kind kind, const char *job_id, const char *verb,
                         struct json_object *body, const char *token)
{
    sedge_auto_free char *topic =
        sedge_xasprintf("$aws/things/%s/jobs/%s/" SEDGE_JOBS_NAMESPACE "/%s", j->thing, job_id, verb);
    sedge_auto_put struct json_object *owned = body;
    struct sedge_sent *s = SEDGE_NEW(struct sedge_sent);
    struct sedge_mqtt_message msg = {.topic = topic, .qos = 1};
    struct sedge_err err = SEDGE_ERR_INIT;

    sedge_json_add_str(owned, "clientToken", token);
    msg.payload = sedge_json_text(owned);
    msg.len = strlen(msg.payload);
    s->jobs = j;
    s->kind = kind;
    (void)snprintf(s->token, sizeof s->token, "%s", token);
    if (sedge_mqtt_publish(j->mqtt, &msg, published_cb, s, &err) != 0) {
        sedge_log(SEDGE_DEBUG, "jobs", "not-sent", "%s", err.msg);
        free(s);
        return false;
    }
    sedge_log(SEDGE_DEBUG, "jobs", "sent", "topic=%s body=%s", topic, (const char *)msg.payload);
    s->next = j->sent;
    j->sent = s;
    return true;
}

static void begin(struct sedge_jobs *j, struct sedge_flight *f, struct sedge_exec *e, int64_t now)
{
    new_token(j, f->token);
    f->exec = e;
    f->deadline = now + j->o.answer_timeout_ms;
}

void sedge_jobs_ask_next(struct sedge_jobs *j, int64_t now)
{
    begin(j, &j->next, NULL, now);
    j->want_next = false;
    j->rang = false;
    if (!send_request(j, SEDGE_ASK_NEXT, "$next", "get", json_object_new_object(), j->next.token)) next_failed(j, 0);
}

void sedge_jobs_ask_job(struct sedge_jobs *j, struct sedge_exec *e, int64_t now)
{
    struct json_object *body = json_object_new_object();

    begin(j, &j->check, e, now);
    sedge_json_add_bool(body, "includeJobDocument", false);
    if (!send_request(j, SEDGE_ASK_JOB, e->job_id, "get", body, j->check.token)) exec_failed(j, &j->check, 0);
}

static struct json_object *update_body(const struct sedge_exec *e, const char *status, struct json_object *details)
{
    struct json_object *body = json_object_new_object();

    sedge_json_add_str(body, "status", status);
    if (details && !e->plain) json_object_object_add(body, "statusDetails", json_object_get(details));
    sedge_json_add_i64(body, "executionNumber", e->number);
    return body;
}

void sedge_jobs_tell_status(struct sedge_jobs *j, struct sedge_exec *e, int64_t now)
{
    struct json_object *body = update_body(e, e->status, e->details);

    begin(j, &j->status, e, now);
    if (e->tries > 0) sedge_json_add_bool(body, "includeJobExecutionState", true);
    if (!send_request(j, SEDGE_TELL_STATUS, e->job_id, "update", body, j->status.token)) exec_failed(j, &j->status, 0);
}

void sedge_jobs_tell_progress(struct sedge_jobs *j, struct sedge_exec *e)
{
    struct json_object *details = NULL;
    char token[SEDGE_TOKEN_MAX];
    char percent[16];

    if (!j->ready) return; /* repeated at the next connect */
    if (e->phase[0]) {
        details = json_object_new_object();
        (void)snprintf(percent, sizeof percent, "%d", e->percent);
        sedge_json_add_str(details, "phase", e->phase);
        sedge_json_add_str(details, "progress", percent);
    }
    new_token(j, token);
    if (send_request(j, SEDGE_TELL_PROGRESS, e->job_id, "update", update_body(e, "IN_PROGRESS", details), token)) {
        e->unanswered++;
        e->announced_at = sedge_mono_ms();
        e->progress_at = e->announced_at;
    }
    json_object_put(details);
}

/* --- answers ----------------------------------------------------------------------------------------------------- */

/* Whether the doorbell that came last was about this execution. */
static bool is_head(const struct sedge_jobs *j, struct json_object *execution)
{
    return strcmp(j->head, sedge_json_str(execution, "jobId", "")) == 0 &&
           j->head_number == sedge_json_i64(execution, "executionNumber", 1);
}

static void next_answered(struct sedge_jobs *j, bool accepted, struct json_object *answer)
{
    struct json_object *execution = accepted ? sedge_json_obj(answer, "execution") : NULL;

    if (!accepted) {
        sedge_log(SEDGE_WARN, "jobs", "next-refused", "code=%s message=%s", sedge_json_str(answer, "code", ""),
                  sedge_json_str(answer, "message", ""));
        next_failed(j, 0);
        return;
    }
    j->next.token[0] = 0;
    j->next_tries = 0;
    if (execution && is_head(j, execution)) j->want_next = false; /* what the bells meant */
    sedge_jobs_offer(j, execution);
}

static void check_answered(struct sedge_jobs *j, bool accepted, struct json_object *answer)
{
    struct sedge_exec *e = j->check.exec;

    if (!accepted && sedge_jobs_judge(answer, "") == SEDGE_JOBS_TRY_AGAIN) {
        exec_failed(j, &j->check, 0);
        return;
    }
    j->check.token[0] = 0;
    e->check = false;
    e->tries = 0;
    if (sedge_jobs_is_withdrawn(accepted, answer, e->number)) sedge_jobs_withdrawn(j, e);
}

static void status_answered(struct sedge_jobs *j, bool accepted, struct json_object *answer)
{
    struct sedge_exec *e = j->status.exec;
    enum sedge_jobs_verdict v = accepted ? SEDGE_JOBS_DONE : sedge_jobs_judge(answer, e->status);

    if (!accepted)
        sedge_log(SEDGE_WARN, "jobs", "status-refused", "job=%s status=%s code=%s message=%s", e->job_id, e->status,
                  sedge_json_str(answer, "code", ""), sedge_json_str(answer, "message", ""));
    if (v == SEDGE_JOBS_PLAIN && (e->plain || !e->details)) v = SEDGE_JOBS_DROP;
    if (v == SEDGE_JOBS_TRY_AGAIN) {
        exec_failed(j, &j->status, 0);
        return;
    }
    j->status.token[0] = 0;
    if (v == SEDGE_JOBS_PLAIN) {
        e->plain = true;
        e->due = 0;
        return;
    }
    sedge_jobs_settle(j, e, v == SEDGE_JOBS_DONE);
}

/* Answers that carry no token are matched by topic and order. */
static struct sedge_flight *match(struct sedge_jobs *j, bool update, const char *job_id, const char *token)
{
    struct sedge_flight *f = update ? &j->status : strcmp(job_id, "$next") == 0 ? &j->next : &j->check;

    if (token) {
        f = flight_of(j, token);
        return f;
    }
    if (!f->token[0] || (f != &j->next && strcmp(f->exec->job_id, job_id) != 0)) return NULL;
    if (update && f->exec->unanswered > 0) { /* the answer to an earlier IN_PROGRESS */
        f->exec->unanswered--;
        return NULL;
    }
    return f;
}

static void note_announced(struct sedge_jobs *j, const char *job_id)
{
    for (struct sedge_exec *e = j->execs; e; e = e->next)
        if (!e->status && e->began && strcmp(e->job_id, job_id) == 0) e->announced = true;
}

static void answered(struct sedge_jobs *j, bool update, bool accepted, const char *job_id, struct json_object *answer)
{
    struct sedge_flight *f = match(j, update, job_id, sedge_json_str(answer, "clientToken", NULL));

    if (!f) { /* a second copy, too late, or the answer to a progress update */
        if (update && accepted) note_announced(j, job_id);
        return;
    }
    if (f == &j->next)
        next_answered(j, accepted, answer);
    else if (f == &j->check)
        check_answered(j, accepted, answer);
    else
        status_answered(j, accepted, answer);
}

/* What the notification says that $next will be; NULL: nothing is pending. */
static struct json_object *head_of(struct json_object *notification)
{
    struct json_object *jobs = sedge_json_obj(notification, "jobs");
    struct json_object *list = sedge_json_arr(jobs, "IN_PROGRESS");
    struct json_object *execution = sedge_json_obj(notification, "execution");

    if (execution) return execution;
    if (!list || json_object_array_length(list) == 0) list = sedge_json_arr(jobs, "QUEUED");
    return list && json_object_array_length(list) > 0 ? json_object_array_get_idx(list, 0) : NULL;
}

static bool works(const struct sedge_jobs *j)
{
    for (const struct sedge_exec *e = j->execs; e; e = e->next)
        if (!e->status) return true;
    return false;
}

static void rang(struct sedge_jobs *j, struct json_object *notification)
{
    struct json_object *jobs = sedge_json_obj(notification, "jobs");
    struct json_object *head = head_of(notification);
    int64_t soon = sedge_mono_ms() + j->o.again_ms;

    (void)snprintf(j->head, sizeof j->head, "%s", sedge_json_str(head, "jobId", ""));
    j->head_number = sedge_json_i64(head, "executionNumber", 1);
    if (!head && !works(j)) return; /* nothing there, and nothing here */
    j->want_next = true;
    if (!sedge_json_get(jobs, "QUEUED") && !sedge_json_obj(notification, "execution")) return;
    j->rang = true;
    if (j->next_tries == 0) j->next_due = 0; /* not after a refusal */
    /* A question that nobody was there to hear will not be answered now either: soon ask again. */
    if (j->next.token[0] && j->next.deadline > soon) j->next.deadline = soon;
}

void sedge_jobs_message(void *user, const struct sedge_mqtt_message *msg)
{
    struct sedge_jobs *j = user;
    char job_id[SEDGE_JOB_ID_MAX + 1];
    enum sedge_jobs_topic topic = sedge_jobs_topic_of(msg->topic, j->thing, job_id, sizeof job_id);
    sedge_auto_put struct json_object *body = NULL;
    struct sedge_err err = SEDGE_ERR_INIT;
    bool update = topic == SEDGE_JOBS_TOPIC_UPDATE_ACCEPTED || topic == SEDGE_JOBS_TOPIC_UPDATE_REJECTED;
    bool accepted = topic == SEDGE_JOBS_TOPIC_UPDATE_ACCEPTED || topic == SEDGE_JOBS_TOPIC_GET_ACCEPTED;

    if (topic == SEDGE_JOBS_TOPIC_OTHER || j->closing) return;
    body = sedge_json_parse_object(msg->payload, msg->len, msg->topic, &err);
    if (!body) {
        sedge_log(SEDGE_WARN, "jobs", "unreadable", "%s", err.msg);
        return; /* the question times out and is repeated */
    }
    if (topic == SEDGE_JOBS_TOPIC_NOTIFY || topic == SEDGE_JOBS_TOPIC_NOTIFY_NEXT)
        rang(j, body);
    else
        answered(j, update, accepted, job_id, body);
    sedge_jobs_step(j);
}
