#include "jobs.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "jobs_internal.h"
#include "mqtt/reconnect.h"
#include "status.h"

#define PROGRESS_STEP 10 /* percent */

void sedge_jobs_options_default(struct sedge_jobs_options *o)
{
    *o = (struct sedge_jobs_options){.poll_interval_s = 14400,
                                     .answer_timeout_ms = 30000,
                                     .retry_min_ms = 5000,
                                     .retry_max_ms = 60000,
                                     .progress_ms = 60000,
                                     .again_ms = 1000};
}

int64_t sedge_jobs_backoff(const struct sedge_jobs *j, int tries)
{
    uint32_t random;

    sedge_random_bytes(&random, sizeof random);
    return sedge_reconnect_delay_ms(tries > 0 ? (unsigned)tries : 1, j->o.retry_min_ms, j->o.retry_max_ms, random);
}

/* --- the list of executions -------------------------------------------------------------------------------------- */

struct sedge_exec *sedge_jobs_find(struct sedge_jobs *j, const char *job_id, int64_t number)
{
    for (struct sedge_exec *e = j->execs; e; e = e->next)
        if (e->number == number && strcmp(e->job_id, job_id) == 0) return e;
    return NULL;
}

static struct sedge_exec *add_exec(struct sedge_jobs *j, const char *job_id, int64_t number)
{
    struct sedge_exec **end = &j->execs;
    struct sedge_exec *e = SEDGE_NEW(struct sedge_exec);

    while (*end)
        end = &(*end)->next;
    *end = e;
    e->jobs = j;
    e->number = number;
    e->percent = -1;
    (void)snprintf(e->job_id, sizeof e->job_id, "%s", job_id);
    return e;
}

static void remove_exec(struct sedge_jobs *j, struct sedge_exec *gone)
{
    for (struct sedge_exec **p = &j->execs; *p; p = &(*p)->next)
        if (*p == gone) {
            *p = gone->next;
            break;
        }
    if (j->check.exec == gone) j->check.token[0] = 0;
    if (j->status.exec == gone) j->status.token[0] = 0;
    if (j->writer) sedge_store_delete(j->writer, gone);
    sedge_exec_free(gone);
}

/* Keeps the newest SEDGE_JOBS_FINISHED_MAX finished and SEDGE_JOBS_PENDING_MAX unreported executions. */
static void prune(struct sedge_jobs *j)
{
    int finished = 0;
    int pending = 0;
    struct sedge_exec *next;

    for (struct sedge_exec *e = j->execs; e; e = e->next) {
        finished += e->status && e->acked;
        pending += e->status && !e->acked;
    }
    for (struct sedge_exec *e = j->execs; e; e = next) {
        next = e->next;
        if (!e->status || e->puts > 0 || (j->status.token[0] && j->status.exec == e) ||
            (j->check.token[0] && j->check.exec == e))
            continue;
        if (e->acked ? finished <= SEDGE_JOBS_FINISHED_MAX : pending <= SEDGE_JOBS_PENDING_MAX) continue;
        if (!e->acked)
            sedge_log(SEDGE_WARN, "jobs", "status-dropped", "job=%s status=%s: too many wait", e->job_id, e->status);
        *(e->acked ? &finished : &pending) -= 1;
        remove_exec(j, e);
    }
}

static void maybe_closed(struct sedge_jobs *j);

static void put(struct sedge_exec *e, sedge_dbw_done done)
{
    if (!e->jobs->writer) return; /* before start: written with the next change */
    e->puts++;
    e->jobs->puts++;
    sedge_store_put(e->jobs->writer, e, done, e);
}

/* Common end of a write; NULL when the jobs are being closed. */
static struct sedge_exec *put_ended(void *arg, int rc, const struct sedge_err *err)
{
    struct sedge_exec *e = sedge_store_user(arg);
    struct sedge_jobs *j = e->jobs;

    sedge_store_free(arg);
    e->puts--;
    j->puts--;
    if (rc != 0) sedge_log(SEDGE_ERROR, "jobs", "store-failed", "job=%s: %s", e->job_id, err->msg);
    if (!j->closing) return e;
    maybe_closed(j);
    return NULL;
}

static void put_done(void *arg, int rc, const struct sedge_err *err)
{
    (void)put_ended(arg, rc, err);
}

static void status_put_done(void *arg, int rc, const struct sedge_err *err)
{
    struct sedge_exec *e = put_ended(arg, rc, err);

    if (!e) return;
    e->stored = true; /* also after a failed write: reporting it is still the best that can be done */
    prune(e->jobs);
    sedge_jobs_step(e->jobs);
}

static void set_status(struct sedge_exec *e, const char *status, struct json_object *details)
{
    free(e->status);
    e->status = sedge_xstrdup(status);
    json_object_put(e->details);
    e->details = details ? sedge_json_copy(details) : NULL;
    json_object_put(sedge_steal(&e->document));
    e->acked = strcmp(status, "CANCELED") == 0; /* nothing is sent for it */
    e->stored = e->plain = e->check = false;
    e->tries = 0;
    e->due = 0;
    sedge_log(SEDGE_INFO, "jobs", "status", "job=%s execution=%lld status=%s", e->job_id, (long long)e->number, status);
    put(e, status_put_done);
}

static void fail_document(struct sedge_exec *e, const struct sedge_err *why)
{
    const char *stack[] = {"DEPLOYMENT_FAILURE", "DEPLOYMENT_DOCUMENT_NOT_VALID",
                           why->code == SEDGE_E_LIMIT ? "DEPLOYMENT_DOCUMENT_SIZE_EXCEEDED"
                                                      : "DEPLOYMENT_DOCUMENT_PARSE_ERROR"};
    const char *types[] = {"CLOUD_SERVICE_ERROR"};
    struct sedge_outcome o = {
        .cause = why->msg, .stack = stack, .n_stack = SEDGE_ARRAY_LEN(stack), .types = types, .n_types = 1};
    sedge_auto_put struct json_object *details = sedge_outcome_for_job(&o);

    set_status(e, "FAILED", details);
}

static void fail_interrupted(struct sedge_exec *e)
{
    const char *stack[] = {"DEPLOYMENT_FAILURE", "DEPLOYMENT_INTERRUPTED"};
    struct sedge_outcome o = {.detailed = "FAILED_NO_STATE_CHANGE",
                              .cause = "The deployment was started several times and never came to an end",
                              .stack = stack,
                              .n_stack = SEDGE_ARRAY_LEN(stack)};
    sedge_auto_put struct json_object *details = sedge_outcome_for_job(&o);

    set_status(e, "FAILED", details);
}

/* --- what the cloud offers --------------------------------------------------------------------------------------- */

static void hand_over(struct sedge_exec *e, bool resumed)
{
    struct sedge_jobs *j = e->jobs;
    struct sedge_job job = {e->job_id, e->number, resumed, e->document};
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_put struct json_object *document = json_object_get(e->document); /* the callback may end the job */

    e->taken = true;
    sedge_log(SEDGE_INFO, "jobs", "taken", "job=%s execution=%lld resumed=%d", e->job_id, (long long)e->number,
              resumed);
    job.document = document;
    if (j->ops.on_job(j->ops.env, &job, &err) != 0 && !e->status) fail_document(e, &err);
}

static void taken_put_done(void *arg, int rc, const struct sedge_err *err)
{
    struct sedge_exec *e = put_ended(arg, rc, err);
    struct sedge_jobs *j;

    if (!e || e->status) return;
    j = e->jobs;
    if (rc == 0) {
        hand_over(e, e->attempts > 1);
    } else { /* not acted upon before it is safe: ask again later */
        remove_exec(j, e);
        j->want_next = true;
        j->next_due = sedge_mono_ms() + j->o.retry_max_ms;
    }
    sedge_jobs_step(j);
}

static void take(struct sedge_jobs *j, const char *job_id, int64_t number, struct json_object *document)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_exec *e = add_exec(j, job_id, number);

    e->attempts = 1;
    if (sedge_jobs_check_document(document, &err) != 0) {
        fail_document(e, &err);
        return;
    }
    e->document = json_object_get(document);
    put(e, taken_put_done);
}

static void resume(struct sedge_exec *e, struct json_object *document)
{
    if (e->taken || e->puts > 0) return;
    if (++e->attempts > SEDGE_JOBS_ATTEMPTS_MAX) {
        fail_interrupted(e);
        return;
    }
    if (document && json_object_is_type(document, json_type_object)) {
        json_object_put(e->document);
        e->document = json_object_get(document);
    }
    put(e, taken_put_done);
}

static enum sedge_jobs_known known(const struct sedge_exec *e)
{
    if (!e) return SEDGE_JOBS_UNKNOWN;
    if (e->status) return strcmp(e->status, "CANCELED") == 0 ? SEDGE_JOBS_CANCELED : SEDGE_JOBS_FINISHED;
    return e->taken || e->puts > 0 ? SEDGE_JOBS_RUNNING : SEDGE_JOBS_LEFT_OVER;
}

static void repeat_status(struct sedge_jobs *j, struct sedge_exec *e)
{
    if (!e->acked) return; /* on its way */
    e->acked = false;
    e->due = e->tries > 0 ? sedge_mono_ms() + sedge_jobs_backoff(j, e->tries) : 0;
    e->tries++;
}

/* Every other execution that is not over may have been withdrawn: ask. */
static void check_others(struct sedge_jobs *j, const struct sedge_exec *offered)
{
    for (struct sedge_exec *e = j->execs; e; e = e->next)
        if (e != offered && !e->status && !e->told) e->check = true;
}

static void nothing_offered(struct sedge_jobs *j)
{
    check_others(j, NULL);
    if (!j->rang || j->asked_again) {
        j->asked_again = false;
        return;
    }
    j->asked_again = true; /* a notification contradicts the empty answer: once more */
    j->want_next = true;
    j->next_due = sedge_mono_ms() + j->o.again_ms + sedge_jobs_backoff(j, 0) % (4 * j->o.again_ms + 1);
}

void sedge_jobs_offer(struct sedge_jobs *j, struct json_object *execution)
{
    const char *job_id = sedge_json_str(execution, "jobId", "");
    int64_t number = sedge_json_i64(execution, "executionNumber", 1);
    struct json_object *document = sedge_json_get(execution, "jobDocument");
    enum sedge_jobs_decision decision;
    struct sedge_exec *e;

    if (!execution) {
        nothing_offered(j);
        return;
    }
    if (!job_id[0] || strlen(job_id) > SEDGE_JOB_ID_MAX || strpbrk(job_id, "/+#$")) {
        sedge_log(SEDGE_ERROR, "jobs", "bad-job-id", "%s", job_id);
        return;
    }
    j->asked_again = false;
    e = sedge_jobs_find(j, job_id, number);
    if (known(e) == SEDGE_JOBS_CANCELED && e->puts == 0) {
        remove_exec(j, e);
        e = NULL;
    }
    check_others(j, e);
    decision = sedge_jobs_decide(known(e));
    if (!e)
        take(j, job_id, number, document);
    else if (decision == SEDGE_JOBS_RESUME)
        resume(e, document);
    else if (decision == SEDGE_JOBS_REPEAT_STATUS)
        repeat_status(j, e);
    else if (e->began && !e->announced && sedge_mono_ms() - e->announced_at >= j->o.answer_timeout_ms)
        sedge_jobs_tell_progress(j, e); /* the first one was lost */
}

void sedge_jobs_withdrawn(struct sedge_jobs *j, struct sedge_exec *e)
{
    if (e->status || e->told) return;
    sedge_log(SEDGE_INFO, "jobs", "withdrawn", "job=%s execution=%lld", e->job_id, (long long)e->number);
    if (!e->taken) { /* left over from an earlier run, and nobody works on it */
        set_status(e, "CANCELED", NULL);
        return;
    }
    e->told = true;
    j->ops.on_cancel(j->ops.env, e->job_id, e->number);
}

void sedge_jobs_settle(struct sedge_jobs *j, struct sedge_exec *e, bool accepted)
{
    e->acked = true;
    put(e, put_done);
    sedge_log(SEDGE_INFO, "jobs", "reported", "job=%s execution=%lld status=%s accepted=%d", e->job_id,
              (long long)e->number, e->status, accepted);
    j->want_next = true;
    j->next_due = 0;
    if (j->ops.on_reported) j->ops.on_reported(j->ops.env, e->job_id, e->number, e->status, accepted);
}

bool sedge_jobs_owes(const struct sedge_jobs *j)
{
    for (const struct sedge_exec *e = j->execs; e; e = e->next)
        if (e->status && !e->acked) return true;
    return false;
}

/* --- what is due ------------------------------------------------------------------------------------------------- */

static struct sedge_exec *first_to_report(struct sedge_jobs *j)
{
    for (struct sedge_exec *e = j->execs; e; e = e->next)
        if (e->status && !e->acked && e->stored) return e;
    return NULL;
}

static struct sedge_exec *first_to_check(struct sedge_jobs *j, int64_t now, int64_t *due)
{
    for (struct sedge_exec *e = j->execs; e; e = e->next) {
        if (!e->check || e->status) continue;
        if (e->due <= now) return e;
        if (e->due < *due) *due = e->due;
    }
    return NULL;
}

static void earlier(int64_t *due, int64_t t)
{
    if (t < *due) *due = t;
}

static void send_due(struct sedge_jobs *j, int64_t now, int64_t *due)
{
    struct sedge_exec *report = j->status.token[0] ? NULL : first_to_report(j);
    struct sedge_exec *check = j->check.token[0] ? NULL : first_to_check(j, now, due);

    if (report && report->due <= now)
        sedge_jobs_tell_status(j, report, now);
    else if (report)
        earlier(due, report->due);
    /* A status that is on its way comes first, so that the answer takes it into account. */
    if (j->want_next && !j->next.token[0] && !j->status.token[0]) {
        if (j->next_due <= now)
            sedge_jobs_ask_next(j, now);
        else
            earlier(due, j->next_due);
    }
    if (check) sedge_jobs_ask_job(j, check, now);
}

static void poll_later(struct sedge_jobs *j, int64_t now)
{
    uint32_t random;
    int64_t ms = j->o.poll_interval_s * 1000;

    sedge_random_bytes(&random, sizeof random);
    j->poll_due = now + ms * 3 / 4 + (int64_t)((double)ms / 2 * ((double)random / 4294967295.0));
}

static void timer_cb(uv_timer_t *t)
{
    sedge_jobs_step(t->data);
}

void sedge_jobs_step(struct sedge_jobs *j)
{
    int64_t now = sedge_mono_ms();
    int64_t due = INT64_MAX;

    if (!j->ready || j->closing) return;
    sedge_jobs_check_deadlines(j, now);
    if (j->poll_due <= now) {
        j->want_next = true;
        poll_later(j, now);
    }
    send_due(j, now, &due);
    earlier(&due, j->poll_due);
    if (j->next.token[0]) earlier(&due, j->next.deadline);
    if (j->check.token[0]) earlier(&due, j->check.deadline);
    if (j->status.token[0]) earlier(&due, j->status.deadline);
    (void)uv_timer_start(&j->timer, timer_cb, due > now ? (uint64_t)(due - now) : 1, 0);
}

/* --- connection -------------------------------------------------------------------------------------------------- */

static void granted_cb(void *user, const int *codes, size_t n, const struct sedge_err *err)
{
    struct sedge_jobs *j = user;

    (void)codes, (void)n;
    if (err) return; /* logged and repeated by the session */
    sedge_jobs_forget_flights(j);
    for (struct sedge_exec *e = j->execs; e; e = e->next) {
        e->due = 0;
        e->tries = 0;
        e->unanswered = 0;
    }
    j->ready = true;
    for (struct sedge_exec *e = j->execs; e; e = e->next)
        if (e->began && !e->announced && !e->status) sedge_jobs_tell_progress(j, e);
    j->want_next = true;
    j->next_due = 0;
    j->next_tries = 0;
    poll_later(j, sedge_mono_ms());
    sedge_jobs_step(j);
}

static void state_cb(void *user, enum sedge_mqtt_state state, bool first, const struct sedge_err *why)
{
    struct sedge_jobs *j = user;

    (void)first, (void)why;
    if (state == SEDGE_MQTT_CONNECTED) return;
    j->ready = false;
    sedge_jobs_forget_flights(j);
    (void)uv_timer_stop(&j->timer);
}

static int subscribe(struct sedge_jobs *j, struct sedge_err *err)
{
    static const char *const rest[] = {"notify-" SEDGE_JOBS_NAMESPACE, "notify-next-" SEDGE_JOBS_NAMESPACE,
                                       "+/" SEDGE_JOBS_NAMESPACE "/get/+", "+/" SEDGE_JOBS_NAMESPACE "/update/+"};
    static const struct sedge_mqtt_sub_cbs cbs = {sedge_jobs_message, granted_cb};
    struct sedge_strv filters = {NULL, 0};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rest); i++)
        sedge_strv_add_take(&filters, sedge_xasprintf("$aws/things/%s/jobs/%s", j->thing, rest[i]));
    j->sub = sedge_mqtt_subscribe(j->mqtt, (const char *const *)filters.v, filters.n, 1, &cbs, j, err);
    sedge_strv_release(&filters);
    return j->sub ? 0 : -1;
}

/* --- public ------------------------------------------------------------------------------------------------------ */

struct sedge_jobs *sedge_jobs_new(uv_loop_t *loop, struct sedge_db *db, const struct sedge_jobs_options *o,
                                  const struct sedge_jobs_ops *ops, struct sedge_err *err)
{
    struct sedge_jobs *j = SEDGE_NEW(struct sedge_jobs);
    struct sedge_buf boot = SEDGE_BUF_INIT;
    unsigned char random[4];

    if (sedge_db_exec(db, sedge_bridge_schema, err) != 0 || sedge_store_load(db, &j->execs, err) != 0) {
        struct sedge_exec *e;
        while ((e = j->execs)) {
            j->execs = e->next;
            sedge_exec_free(e);
        }
        free(j);
        return NULL;
    }
    for (struct sedge_exec *e = j->execs; e; e = e->next)
        e->jobs = j;
    j->loop = loop;
    j->o = *o;
    j->thing = sedge_xstrdup(o->thing);
    j->ops = *ops;
    sedge_random_bytes(random, sizeof random);
    sedge_hex_encode(&boot, random, sizeof random);
    (void)snprintf(j->boot, sizeof j->boot, "%s", boot.data);
    sedge_buf_release(&boot);
    (void)uv_timer_init(loop, &j->timer);
    j->timer.data = j;
    return j;
}

void sedge_jobs_adopt(struct sedge_jobs *j, const char *job_id, int64_t execution_number)
{
    struct sedge_exec *e = sedge_jobs_find(j, job_id, execution_number);

    if (!e) e = add_exec(j, job_id, execution_number);
    if (e->status) return;
    e->taken = true;
    e->began = true;
    e->attempts++;
    put(e, put_done);
}

void sedge_jobs_start(struct sedge_jobs *j, struct sedge_mqtt *mqtt, struct sedge_dbw *writer)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    j->mqtt = mqtt;
    j->writer = writer;
    for (struct sedge_exec *e = j->execs; e; e = e->next) {
        if (e->taken && !e->status) put(e, put_done); /* adopted before there was a writer */
        if (e->status && !e->stored) put(e, status_put_done);
    }
    sedge_mqtt_on_state(mqtt, state_cb, j);
    if (subscribe(j, &err) != 0) sedge_log(SEDGE_ERROR, "jobs", "not-subscribed", "%s", err.msg);
}

int sedge_jobs_status(struct sedge_jobs *j, const char *job_id, int64_t execution_number, const char *status,
                      struct json_object *details, struct sedge_err *err)
{
    bool terminal = sedge_status_is_terminal(status);
    struct sedge_exec *e;

    if (!terminal && strcmp(status, "IN_PROGRESS") != 0)
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "job status \"%s\": IN_PROGRESS, SUCCEEDED, FAILED, REJECTED or CANCELED expected",
                             status);
    if (strlen(job_id) > SEDGE_JOB_ID_MAX)
        return sedge_err_set(err, SEDGE_E_INVALID, "job id \"%s\" is too long", job_id);
    e = sedge_jobs_find(j, job_id, execution_number);
    if (!e) e = add_exec(j, job_id, execution_number); /* the deployment journal knows more than we do */
    if (e->status) return 0;                           /* one terminal status only */
    e->taken = true;
    if (terminal) {
        set_status(e, status, details);
        if (strcmp(status, "CANCELED") == 0) sedge_jobs_poll(j);
        return 0;
    }
    e->began = true;
    sedge_jobs_tell_progress(j, e);
    return 0;
}

void sedge_jobs_progress(struct sedge_jobs *j, const char *job_id, int64_t execution_number, const char *phase,
                         int percent)
{
    struct sedge_exec *e = sedge_jobs_find(j, job_id, execution_number);
    int64_t now = sedge_mono_ms();
    bool changed, begins_to_wait;

    if (!e || e->status || !e->began) return;
    changed = strncmp(e->phase, phase, sizeof e->phase - 1) != 0 || percent >= e->percent + PROGRESS_STEP;
    begins_to_wait = sedge_str_starts(phase, "WAITING") && !sedge_str_starts(e->phase, "WAITING");
    if (!changed || (!begins_to_wait && e->progress_at && now - e->progress_at < j->o.progress_ms)) return;
    (void)snprintf(e->phase, sizeof e->phase, "%s", phase);
    e->percent = percent;
    sedge_jobs_tell_progress(j, e);
}

void sedge_jobs_poll(struct sedge_jobs *j)
{
    j->want_next = true;
    j->next_due = 0;
    sedge_jobs_step(j);
}

static void timer_closed_cb(uv_handle_t *h)
{
    struct sedge_jobs *j = h->data;
    void (*closed)(void *user) = j->closed;
    void *user = j->closed_user;
    struct sedge_exec *e;

    while ((e = j->execs)) {
        j->execs = e->next;
        sedge_exec_free(e);
    }
    free(j->thing);
    free(j);
    if (closed) closed(user);
}

static void maybe_closed(struct sedge_jobs *j)
{
    if (j->puts > 0 || uv_is_closing((uv_handle_t *)&j->timer)) return;
    uv_close((uv_handle_t *)&j->timer, timer_closed_cb);
}

void sedge_jobs_close(struct sedge_jobs *j, void (*closed)(void *user), void *user)
{
    if (!j || j->closing) return;
    j->closing = true;
    j->closed = closed;
    j->closed_user = user;
    if (j->mqtt) {
        sedge_mqtt_unsubscribe(j->sub);
        sedge_mqtt_remove_on_state(j->mqtt, state_cb, j);
        sedge_jobs_forget_sent(j);
    }
    maybe_closed(j);
}
