#include "consult.h"
#include "restart.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"

#include <string.h>

static void start_next(struct sedge_deployer *d);

/* ---- entries ---- */

static struct sedge_entry *find_entry(struct sedge_deployer *d, const char *id, enum sedge_source source,
                                      int64_t exec_no)
{
    for (struct sedge_entry *e = d->entries; e; e = e->next)
        if (e->source == source && strcmp(e->id, id) == 0 && (exec_no < 0 || e->execution_number == exec_no)) return e;
    return NULL;
}

struct sedge_entry *sedge_entry_add(struct sedge_deployer *d, const char *id, enum sedge_source source,
                                    struct json_object *request)
{
    struct sedge_entry *e = SEDGE_NEW(struct sedge_entry);
    struct sedge_entry **tail = &d->entries;

    while (*tail)
        tail = &(*tail)->next;
    *tail = e;
    e->id = sedge_xstrdup(id);
    e->seq = ++d->last_seq;
    e->source = source;
    e->request = json_object_get(request);
    e->created_ms = sedge_wall_ms();
    e->status = "QUEUED";
    return e;
}

static size_t count_waiting(struct sedge_deployer *d)
{
    size_t n = 0;

    for (struct sedge_entry *e = d->entries; e; e = e->next)
        n += e->phase == SEDGE_PHASE_QUEUED;
    return n;
}

static void forget_entry(struct sedge_deployer *d, struct sedge_entry *gone)
{
    struct sedge_entry **p = &d->entries;

    while (*p != gone)
        p = &(*p)->next;
    *p = gone->next;
    sedge_entry_free(gone);
}

/* Keeps the newest SEDGE_DEPLOY_RECORDS_MAX finished ones in memory, like the journal. */
static void forget_old(struct sedge_deployer *d)
{
    struct sedge_entry **p = &d->entries;

    while (*p) {
        struct sedge_entry *e = *p;
        if (e->phase == SEDGE_PHASE_DONE && e->seq <= d->last_seq - SEDGE_DEPLOY_RECORDS_MAX) {
            *p = e->next;
            sedge_entry_free(e);
        } else {
            p = &e->next;
        }
    }
}

/* ---- the running deployment: services for its steps ---- */

void sedge_run_phase(struct sedge_run *run, const char *text, const char *message)
{
    if (!sedge_str_eq(run->phase_text, text))
        sedge_log(SEDGE_INFO, "deploy", "deployment-phase", "id=%s phase=%s", run->entry->id, text);
    free(run->phase_text);
    free(run->message);
    run->phase_text = sedge_xstrdup(text);
    run->message = sedge_xstrdup(message);
    if (run->d->ops.progress)
        run->d->ops.progress(run->d->env, run->entry->id, run->entry->execution_number, run->entry->source, text, -1,
                             message);
}

void sedge_run_progress(struct sedge_run *run)
{
    int percent = run->bytes_total > 0 ? (int)(run->bytes_done * 100 / run->bytes_total) : -1;

    sedge_log(SEDGE_INFO, "deploy", "download-progress", "id=%s %lld of %lld bytes, %lld bytes/s", run->entry->id,
              (long long)run->bytes_done, (long long)run->bytes_total, (long long)run->bytes_per_s);
    if (run->d->ops.progress)
        run->d->ops.progress(run->d->env, run->entry->id, run->entry->execution_number, run->entry->source,
                             run->phase_text, percent, NULL);
}

/* An end counts as told when the writes that it leads to have been handed to the writer: they reach the disk before
 * this mark does. */
static void report_entry(struct sedge_deployer *d, struct sedge_entry *e, bool terminal)
{
    struct sedge_deploy_report r = {.id = e->id,
                                    .execution_number = e->execution_number,
                                    .source = e->source,
                                    .status = terminal ? e->status : "IN_PROGRESS",
                                    .details = terminal ? e->details : NULL,
                                    .deployment_id = e->deployment_id,
                                    .configuration_arn = e->configuration_arn,
                                    .unchanged_roots = terminal ? e->unchanged : NULL,
                                    .terminal = terminal};

    if (d->ops.report) d->ops.report(d->env, &r);
    if (!terminal || e->told) return;
    e->told = true;
    sedge_journal_save_entry(d, e, NULL, NULL);
}

void sedge_run_report(struct sedge_run *run, bool terminal)
{
    if (!terminal) run->entry->status = "IN_PROGRESS";
    report_entry(run->d, run->entry, terminal);
}

/* Ends that nobody has been told of, and jobs that the cloud offers again although they are finished: its record of
 * the end was lost. */
static void report_again(struct sedge_deployer *d)
{
    for (struct sedge_entry *e = d->entries; e; e = e->next) {
        if (!e->report_again) continue;
        e->report_again = false;
        report_entry(d, e, true);
    }
}

static void timer_cb(uv_timer_t *timer)
{
    struct sedge_deployer *d = timer->data;

    if (d->run && d->timer_fn) d->timer_fn(d->run);
}

void sedge_run_after(struct sedge_run *run, int64_t ms, void (*fn)(struct sedge_run *run))
{
    if (run->d->frozen) return;
    run->d->timer_fn = fn;
    (void)uv_timer_start(&run->d->timer, timer_cb, (uint64_t)(ms > 0 ? ms : 0), 0);
}

struct work_item {
    struct sedge_run *run;
    void (*work)(struct sedge_run *run);
    void (*then)(struct sedge_run *run);
};

static void work_cb(uv_work_t *req)
{
    struct work_item *item = req->data;

    item->work(item->run);
}

static void after_work_cb(uv_work_t *req, int status)
{
    struct work_item item = *(struct work_item *)req->data;
    struct sedge_run *run = item.run;

    (void)status; /* never cancelled */
    free(req->data);
    run->working = false;
    item.then(run);
}

void sedge_run_work(struct sedge_run *run, void (*work)(struct sedge_run *run), void (*then)(struct sedge_run *run))
{
    struct work_item *item = SEDGE_NEW(struct work_item);

    *item = (struct work_item){run, work, then};
    run->work.data = item;
    run->working = true;
    sedge_assert(uv_queue_work(run->d->o.loop, &run->work, work_cb, after_work_cb) == 0);
}

/* ---- the end of a deployment ---- */

static void free_run(struct sedge_run *run)
{
    sedge_run_release_prepared(run);
    sedge_run_release_downloads(run);
    sedge_consultation_end(run);
    sedge_document_release(&run->doc);
    sedge_failure_release(&run->failure);
    sedge_strv_release(&run->broken_before);
    (void)json_object_put(run->services);
    (void)json_object_put(run->tasks);
    free(run->new_user);
    free(run->new_shell);
    free(run->phase_text);
    free(run->message);
    free(run);
}

static void kick_cb(uv_timer_t *timer)
{
    start_next(timer->data);
}

void sedge_deployer_kick(struct sedge_deployer *d)
{
    if (!d->closing && !d->frozen) (void)uv_timer_start(&d->kick, kick_cb, 0, 0);
}

static void tell_post_update(struct sedge_deployer *d, struct sedge_entry *e)
{
    if (!e->asked) return;
    if (d->ops.post_update) d->ops.post_update(d->env, e->deployment_id);
    (void)json_object_put(e->asked);
    e->asked = NULL;
}

static void finished_cb(struct sedge_run *run, const struct sedge_err *err);

static void keep_end(struct sedge_run *run)
{
    sedge_journal_save(run, finished_cb);
}

static void log_end(const struct sedge_entry *e)
{
    sedge_auto_free char *failure = sedge_failure_line(e->details);

    sedge_log(strcmp(e->status, "SUCCEEDED") == 0 ? SEDGE_INFO : SEDGE_WARN, "deploy", "deployment-finished",
              "id=%s status=%s%s", e->id, e->status, failure);
}

/* Nobody hears of an end that a kill could undo: the disk is waited for, however long that takes. */
static void finished_cb(struct sedge_run *run, const struct sedge_err *err)
{
    struct sedge_deployer *d = run->d;
    struct sedge_entry *e = run->entry;

    if (err->code != SEDGE_OK && sedge_run_is_over(run)) {
        sedge_run_abandon(run);
        return;
    }
    if (err->code != SEDGE_OK) {
        sedge_run_phase(run, "WAITING", err->msg);
        sedge_run_after(run, SEDGE_DEPLOY_JOURNAL_RETRY_MS, keep_end);
        return;
    }
    log_end(e);
    tell_post_update(d, e);
    sedge_run_report(run, true);
    sedge_run_clean_up(run);
    d->run = NULL;
    free_run(run);
    forget_old(d);
    if (d->closing)
        sedge_deployer_try_close(d);
    else
        sedge_deployer_kick(d);
}

void sedge_run_finish(struct sedge_run *run, const char *status, const char *detailed)
{
    struct sedge_entry *e = run->entry;
    bool kept = strcmp(status, "SUCCEEDED") == 0 || sedge_str_eq(detailed, "FAILED_ROLLBACK_NOT_REQUESTED");

    (void)uv_timer_stop(&run->d->timer);
    sedge_consultation_end(run);
    e->status = status;
    (void)json_object_put(e->details);
    e->details = strcmp(status, "CANCELED") == 0 ? NULL : sedge_failure_details(&run->failure, detailed, e->source);
    sedge_config_begin(run->d->o.config);
    if (kept) sedge_groups_commit(run);
    sedge_config_end(run->d->o.config);
    e->phase = SEDGE_PHASE_DONE;
    sedge_run_note_end(run);
    (void)json_object_put(e->request);
    (void)json_object_put(e->snapshot);
    (void)json_object_put(e->outcome);
    (void)json_object_put(e->restart);
    e->request = e->snapshot = e->outcome = e->restart = NULL;
    if (run->d->ops.changed) run->d->ops.changed(run->d->env);
    keep_end(run);
}

bool sedge_run_is_over(const struct sedge_run *run)
{
    return run->d->closing || run->d->frozen;
}

void sedge_run_abandon(struct sedge_run *run)
{
    sedge_deployer_try_close(run->d);
}

void sedge_run_fail_early(struct sedge_run *run)
{
    if (run->waiting > 0 || run->working) return; /* the last of them comes back here */
    if (sedge_run_is_over(run))
        sedge_run_abandon(run);
    else if (run->entry->cancel)
        sedge_run_finish(run, "CANCELED", NULL);
    else
        sedge_run_finish(run, "FAILED", "FAILED_NO_STATE_CHANGE");
}

/* ---- queue ---- */

static void begin_cb(struct sedge_run *run, const struct sedge_err *err)
{
    struct sedge_entry *e = run->entry;

    (void)err; /* logged; without a journal the deployment still runs */
    if (sedge_run_is_over(run)) {
        sedge_run_abandon(run);
        return;
    }
    if (sedge_run_resume_restart(run)) return;
    switch (e->phase) {
    case SEDGE_PHASE_APPLIED:
        sedge_run_resume_applied(run);
        return;
    case SEDGE_PHASE_ROLLED_BACK:
        sedge_run_resume_rolled_back(run);
        return;
    case SEDGE_PHASE_QUEUED:
    case SEDGE_PHASE_BOOTSTRAP:
    case SEDGE_PHASE_ROLLBACK_BOOTSTRAP:
    case SEDGE_PHASE_DONE:
    case SEDGE_PHASE_COUNT:
        break;
    }
    if (e->attempts > SEDGE_DEPLOY_ATTEMPTS_MAX) {
        sedge_failure_add(&run->failure, "DEPLOYMENT_INTERRUPTED");
        sedge_failure_cause(&run->failure, "The nucleus ended %d times while this deployment was under way",
                            SEDGE_DEPLOY_ATTEMPTS_MAX);
        sedge_run_finish(run, "FAILED", "FAILED_NO_STATE_CHANGE");
        return;
    }
    sedge_run_prepare(run);
}

static void start_next(struct sedge_deployer *d)
{
    struct sedge_entry *e = d->entries;
    struct sedge_run *run;

    report_again(d);
    if (d->run || d->cleaning || d->closing || d->frozen || !d->booted) return;
    while (e && e->phase == SEDGE_PHASE_DONE)
        e = e->next;
    if (!e) return;
    run = SEDGE_NEW(struct sedge_run);
    run->d = d;
    run->entry = e;
    d->run = run;
    if (!e->restart) e->attempts++; /* guard.c has counted the others */
    sedge_log(SEDGE_INFO, "deploy", "deployment-started", "id=%s source=%s attempt=%lld", e->id,
              sedge_source_name(e->source), (long long)e->attempts);
    sedge_journal_save(run, begin_cb);
}

/* Whether copying from there would copy the store into itself. */
static bool holds_artifact_store(const struct sedge_deployer *d, const char *folder)
{
    sedge_auto_free char *store = sedge_xasprintf("%s/packages/artifacts", d->root);
    sedge_auto_free char *real = realpath(store, NULL);
    sedge_auto_free char *given = realpath(folder, NULL);
    size_t n = given ? strlen(given) : 0;

    if (!given || !sedge_str_starts(real ? real : store, given)) return false;
    return n == 1 || strchr("/", (real ? real : store)[n]); /* the end counts */
}

int sedge_deployer_submit_local(struct sedge_deployer *d, struct json_object *request, char id[SEDGE_UUID_LEN + 1],
                                void (*kept)(void *arg, const struct sedge_err *err), void *arg, struct sedge_err *err)
{
    const char *artifacts = sedge_json_str(request, "artifactsDirectoryPath", NULL);
    struct sedge_document checked;

    if (artifacts && holds_artifact_store(d, artifacts))
        return sedge_err_set(
            err, SEDGE_E_CONFLICT,
            "Requested artifacts directory path is parent of kernel artifacts directory path. Specify another "
            "path to avoid recursive copy");
    if (sedge_document_from_local(request, "", 0, NULL, &checked, err) != 0) return -1;
    sedge_document_release(&checked);
    if (count_waiting(d) >= SEDGE_DEPLOY_QUEUE_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "Deployments queue is full, Please try again later");
    sedge_uuid4(id);
    sedge_journal_save_entry(d, sedge_entry_add(d, id, SEDGE_SOURCE_LOCAL, request), kept, arg);
    sedge_deployer_kick(d);
    return 0;
}

void sedge_deployer_submit_job(struct sedge_deployer *d, const char *job_id, int64_t execution_number,
                               struct json_object *document)
{
    struct sedge_entry *e = find_entry(d, job_id, SEDGE_SOURCE_JOBS, execution_number);

    if (e && strcmp(e->status, "CANCELED") == 0 && !e->report_again) { /* withdrawn, and now wanted after all */
        forget_entry(d, e);
        e = NULL;
    }
    if (e) {
        sedge_log(SEDGE_INFO, "deploy", "job-known", "id=%s execution=%lld", job_id, (long long)execution_number);
        e->report_again = e->phase == SEDGE_PHASE_DONE;
        sedge_deployer_kick(d);
        return;
    }
    e = sedge_entry_add(d, job_id, SEDGE_SOURCE_JOBS, document);
    e->execution_number = execution_number;
    sedge_journal_save_entry(d, e, NULL, NULL);
    sedge_deployer_kick(d);
}

void sedge_deployer_each_job(struct sedge_deployer *d,
                             void (*fn)(const char *job_id, int64_t execution_number, void *user), void *user)
{
    for (struct sedge_entry *e = d->entries; e; e = e->next)
        if (e->source == SEDGE_SOURCE_JOBS && e->phase != SEDGE_PHASE_DONE) fn(e->id, e->execution_number, user);
}

int sedge_entry_cancel(struct sedge_deployer *d, struct sedge_entry *e)
{
    if (e->phase == SEDGE_PHASE_DONE) return 0;
    if (e->phase != SEDGE_PHASE_QUEUED) return 1; /* its changes run to the end */
    e->cancel = true;
    if (!d->run || d->run->entry != e) {
        e->phase = SEDGE_PHASE_DONE;
        e->status = "CANCELED";
        e->report_again = true;
        tell_post_update(d, e);
        sedge_journal_save_entry(d, e, NULL, NULL);
        sedge_deployer_kick(d);
        return 1;
    }
    sedge_run_cancel_downloads(d->run);
    if (uv_is_active((uv_handle_t *)&d->timer))
        sedge_run_after(d->run, 0, sedge_run_fail_early); /* it was waiting to retry */
    return 1;
}

int sedge_deployer_cancel(struct sedge_deployer *d, enum sedge_source source, const char *id, int64_t execution_number,
                          struct sedge_err *err)
{
    struct sedge_entry *e = find_entry(d, id, source, execution_number);

    if (!e) return sedge_err_set(err, SEDGE_E_NOT_FOUND, "Cannot find the deployment id provided %s", id);
    return sedge_entry_cancel(d, e);
}

/* ---- status ---- */

bool sedge_deployer_serves_cloud(const struct sedge_deployer *d)
{
    return d->run && d->run->entry->source != SEDGE_SOURCE_LOCAL;
}

/* An end counts when it is on the disk. */
static bool is_ending(const struct sedge_deployer *d, const struct sedge_entry *e)
{
    return d->run && d->run->entry == e && e->phase == SEDGE_PHASE_DONE;
}

static struct json_object *brief(const struct sedge_deployer *d, const struct sedge_entry *e)
{
    struct json_object *o = json_object_new_object();
    char created[SEDGE_TIME_LEN];

    sedge_time_cli(e->created_ms, created);
    sedge_json_add_str(o, "deploymentId", e->id);
    sedge_json_add_str(o, "status", is_ending(d, e) ? "IN_PROGRESS" : e->status);
    sedge_json_add_str(o, "createdOn", created);
    return o;
}

static struct json_object *status_details(struct json_object *details)
{
    struct json_object *o = json_object_new_object();
    static const char *const names[][2] = {{"detailed-deployment-status", "detailedDeploymentStatus"},
                                           {"deployment-error-stack", "deploymentErrorStack"},
                                           {"deployment-error-types", "deploymentErrorTypes"}};
    sedge_auto_free char *cause = sedge_failure_text(details, 0);

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(names); i++) {
        struct json_object *v = sedge_json_get(details, names[i][0]);
        if (v) (void)json_object_object_add(o, names[i][1], json_object_get(v));
    }
    sedge_json_add_str(o, "deploymentFailureCause", cause);
    return o;
}

static struct json_object *progress_of(const struct sedge_run *run)
{
    struct json_object *o = json_object_new_object();

    sedge_json_add_str(o, "phase", run->phase_text);
    sedge_json_add_str(o, "message", run->message);
    if (run->bytes_total > 0) {
        sedge_json_add_i64(o, "doneBytes", run->bytes_done);
        sedge_json_add_i64(o, "totalBytes", run->bytes_total);
        sedge_json_add_i64(o, "bytesPerSecond", run->bytes_per_s);
    }
    return o;
}

struct json_object *sedge_deployer_local_status(struct sedge_deployer *d, const char *id)
{
    struct sedge_entry *e = find_entry(d, id, SEDGE_SOURCE_LOCAL, -1);
    struct json_object *o;

    if (!e) return NULL;
    o = brief(d, e);
    if (e->details && !is_ending(d, e))
        (void)json_object_object_add(o, "deploymentStatusDetails", status_details(e->details));
    if (d->run && d->run->entry == e) (void)json_object_object_add(o, "progress", progress_of(d->run));
    return o;
}

struct json_object *sedge_deployer_local_list(struct sedge_deployer *d)
{
    struct json_object *list = json_object_new_array();

    for (struct sedge_entry *e = d->entries; e; e = e->next)
        if (e->source == SEDGE_SOURCE_LOCAL) (void)json_object_array_add(list, brief(d, e));
    return list;
}

void sedge_deployer_service_event(struct sedge_deployer *d, const struct sedge_service_event *event)
{
    (void)event; /* all that matters is asked anew */
    if (d->run && d->run->watching && !d->closing && !d->frozen) sedge_run_after(d->run, 0, sedge_run_check);
}

/* ---- life ---- */

struct sedge_deployer *sedge_deployer_new(const struct sedge_deployer_options *options,
                                          const struct sedge_deployer_ops *ops, void *env)
{
    struct sedge_deployer *d = SEDGE_NEW(struct sedge_deployer);

    d->o = *options;
    d->root = sedge_xstrdup(options->root);
    d->o.root = d->root;
    d->ops = *ops;
    d->env = env;
    (void)uv_timer_init(d->o.loop, &d->timer);
    (void)uv_timer_init(d->o.loop, &d->kick);
    d->timer.data = d;
    d->kick.data = d;
    d->open_handles = 2;
    return d;
}

int sedge_deployer_load(struct sedge_deployer *d, struct sedge_db *db, struct sedge_err *err)
{
    if (sedge_journal_load(d, db, err) != 0) return -1;
    d->holding = sedge_restart_holds(sedge_restart_pending(d->entries));
    return 0;
}

void sedge_deployer_freeze(struct sedge_deployer *d)
{
    d->frozen = true;
    (void)uv_timer_stop(&d->timer);
    (void)uv_timer_stop(&d->kick);
}

void sedge_deployer_resume(struct sedge_deployer *d)
{
    sedge_deployer_clean_up(d);
    sedge_deployer_kick(d);
}

static void handle_closed_cb(uv_handle_t *handle)
{
    struct sedge_deployer *d = handle->data;

    if (--d->open_handles > 0) return;
    while (d->entries) {
        struct sedge_entry *e = d->entries;
        d->entries = e->next;
        sedge_entry_free(e);
    }
    if (d->closed) d->closed(d->closed_arg);
    free(d->root);
    free(d);
}

void sedge_deployer_try_close(struct sedge_deployer *d)
{
    if (!d->closing || d->cleaning || uv_is_closing((uv_handle_t *)&d->timer)) return;
    if (d->run && (d->run->waiting > 0 || d->run->working || d->run->saving > 0 || d->run->removing > 0)) return;
    if (d->run) {
        free_run(d->run);
        d->run = NULL;
    }
    uv_close((uv_handle_t *)&d->timer, handle_closed_cb);
    uv_close((uv_handle_t *)&d->kick, handle_closed_cb);
}

void sedge_deployer_close(struct sedge_deployer *d, void (*closed)(void *arg), void *arg)
{
    d->closing = true;
    d->closed = closed;
    d->closed_arg = arg;
    (void)uv_timer_stop(&d->timer);
    (void)uv_timer_stop(&d->kick);
    if (d->run) sedge_run_cancel_pulls(d->run);
    sedge_deployer_try_close(d);
}
