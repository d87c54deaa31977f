#include "engine.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../protocol.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "job.h"
#include "reply.h"
#include "retry.h"
#include "sandbox.h"

#define READ_BLOCK  65536
#define POLL_MAX_MS 60000

struct engine {
    CURLM *multi;
    int in; /* -1 at its end */
    struct sedge_buf lines;
    struct sedge_settings settings;
    bool configured;
    struct sedge_fail config_fail; /* why nothing can be done */
    pid_t parent;
    struct sedge_job *jobs, **last; /* in the order they came */
    size_t njobs, nactive;
};

/* ---- phases ---- */

static void end(struct engine *e, struct sedge_job *job)
{
    if (job->phase != SEDGE_PHASE_QUEUED) e->nactive--;
    job->phase = SEDGE_PHASE_OVER;
    if (job->result == 0)
        sedge_reply_done(job->req.id, job->answer);
    else
        sedge_reply_error(job->req.id, &job->fail, sedge_request_stack_base(&job->req),
                          job->req.op == SEDGE_OP_API ? job->answer : NULL);
    /* Without a digest no later run may continue the part file. */
    if (job->result && job->part && !job->req.digest && !job->req.sha256) (void)unlink(job->part);
}

static void fail(struct engine *e, struct sedge_job *job)
{
    job->result = -1;
    end(e, job);
}

static void *run_step(void *user)
{
    struct sedge_job *job = user;
    CURLM *multi = job->multi;

    job->step(job);
    atomic_store(&job->step_over, true);
    (void)curl_multi_wakeup(multi); /* can only fail when a wake-up is under way already */
    return NULL;
}

static void start_step(struct engine *e, struct sedge_job *job, enum sedge_phase phase,
                       void (*step)(struct sedge_job *))
{
    int rc;

    job->phase = phase;
    job->step = step;
    atomic_store(&job->step_over, false);
    rc = pthread_create(&job->thread, NULL, run_step, job);
    if (rc == 0) return;
    (void)sedge_err_sys(&job->fail.err, rc, "cannot start a thread");
    fail(e, job);
}

static void transfer(struct engine *e, struct sedge_job *job)
{
    job->phase = SEDGE_PHASE_TRANSFER;
    if (sedge_transfer_begin(job)) {
        fail(e, job);
        return;
    }
    job->attempts++;
    job->attempts_total++;
    if (curl_multi_add_handle(e->multi, job->easy) == CURLM_OK) return;
    (void)sedge_job_fail(job, SEDGE_E_IO, NULL, "cannot start the transfer of %s", job->req.source.text);
    fail(e, job);
}

static void finish(struct engine *e, struct sedge_job *job)
{
    bool blocks = job->req.op == SEDGE_OP_GET || job->req.op == SEDGE_OP_UNPACK || job->req.op == SEDGE_OP_TEXT ||
                  job->req.op == SEDGE_OP_API;

    job->result = 0;
    if (blocks)
        start_step(e, job, SEDGE_PHASE_FINISH, sedge_file_finish);
    else
        end(e, job);
}

static void wait_and_retry(struct engine *e, struct sedge_job *job, int64_t asked_ms)
{
    const struct sedge_settings *s = job->settings;
    int64_t delay = 0, attempts = job->req.attempts ? job->req.attempts : s->attempts;
    uint32_t random;

    if (job->req.op == SEDGE_OP_GET && job->have > job->start) job->attempts = 1; /* it moves: patience */
    if (job->attempts >= attempts || job->attempts_total >= SEDGE_JOB_ATTEMPTS_MAX) {
        if (job->attempts_total > 1)
            (void)sedge_err_wrap(&job->fail.err, "gave up after %lld attempts", (long long)job->attempts_total);
        fail(e, job);
        return;
    }
    sedge_random_bytes(&random, sizeof random);
    delay = sedge_retry_delay_ms(job->attempts, s->retry_base_ms, s->retry_max_ms, asked_ms, random);
    if (job->restart) {
        job->have = 0;
        job->validator[0] = 0;
    }
    sedge_reply_retry(job->req.id, job->attempts_total, delay, job->fail.err.msg);
    job->wake_ms = sedge_mono_ms() + delay;
    job->phase = SEDGE_PHASE_WAIT;
}

/* 1: another page is wanted, 0: complete, -1. */
static int take_page(struct sedge_job *job)
{
    struct json_object *keys, *prefixes;

    if (sedge_listing_parse(&job->listing, job->in.body.data ? job->in.body.data : "", job->in.body.len,
                            &job->fail.err)) {
        job->fail.stack = "S3_ERROR S3_BAD_REQUEST";
        return sedge_err_wrap(&job->fail.err, "%s at %s", job->req.source.text, job->settings->endpoint);
    }
    if (job->listing.keys.n + job->listing.prefixes.n > SEDGE_FETCH_LIST_MAX)
        return sedge_job_fail(job, SEDGE_E_LIMIT, NULL, "%s: more than %d keys under \"%s\"", job->req.source.text,
                              SEDGE_FETCH_LIST_MAX, job->req.prefix ? job->req.prefix : "");
    if (job->listing.truncated) return 1;
    keys = json_object_new_array();
    prefixes = json_object_new_array();
    for (size_t i = 0; i < job->listing.keys.n; i++)
        json_object_array_add(keys, json_object_new_string(job->listing.keys.v[i]));
    for (size_t i = 0; i < job->listing.prefixes.n; i++)
        json_object_array_add(prefixes, json_object_new_string(job->listing.prefixes.v[i]));
    json_object_object_add(job->answer, "keys", keys);
    json_object_object_add(job->answer, "prefixes", prefixes);
    return 0;
}

static void answer_put(struct sedge_job *job)
{
    sedge_json_add_i64(job->answer, "bytes", job->size);
    sedge_json_add_str(job->answer, "etag", job->in.etag);
    sedge_json_add_str(job->answer, "sha256", job->sha256);
}

static void answered(struct engine *e, struct sedge_job *job)
{
    int more = 0;

    if (job->req.op == SEDGE_OP_LIST) more = take_page(job);
    if (job->req.op == SEDGE_OP_HEAD) {
        sedge_json_add_i64(job->answer, "bytes", job->in.range_total >= 0 ? job->in.range_total : job->in.length);
        sedge_json_add_str(job->answer, "etag", job->in.etag);
        sedge_json_add_str(job->answer, "signedUrl", job->signed_url);
    }
    if (job->req.op == SEDGE_OP_PUT && job->req.if_none_match && !job->looked_up)
        more = sedge_job_fail(job, SEDGE_E_CONFLICT, NULL, "%s at %s exists already", job->req.source.text,
                              job->settings->endpoint);
    else if (job->req.op == SEDGE_OP_PUT)
        answer_put(job);
    if (more < 0) {
        fail(e, job);
    } else if (more > 0) {
        job->attempts = 0;
        transfer(e, job);
    } else {
        finish(e, job);
    }
}

/* Refusals that are what was wished for. */
static bool is_fine(struct sedge_job *job)
{
    const struct sedge_buf *refuse = &job->in.refuse;
    char code[64] = "";

    if (job->req.op == SEDGE_OP_DELETE) return job->in.status == 404;
    if (job->req.op != SEDGE_OP_PUT || job->in.status != 409 || job->req.source.scheme != SEDGE_SCHEME_S3 ||
        *job->req.source.key)
        return false;
    if (refuse->len > 0) sedge_s3_error_code(refuse->data, refuse->len, code, sizeof code);
    return strcmp(code, "BucketAlreadyOwnedByYou") == 0;
}

static void transferred(struct engine *e, struct sedge_job *job, CURLcode rc)
{
    int64_t asked_ms;
    enum sedge_verdict v = sedge_transfer_end(job, rc, &asked_ms);

    (void)curl_multi_remove_handle(e->multi, job->easy);
    if (v == SEDGE_VERDICT_OK && job->asking && job->req.op != SEDGE_OP_API) {
        if (sedge_transfer_take_signed(job))
            fail(e, job);
        else
            transfer(e, job);
    } else if (v == SEDGE_VERDICT_OK || is_fine(job)) {
        answered(e, job);
    } else if (sedge_transfer_sign_again(job)) {
        transfer(e, job);
    } else if (job->req.op == SEDGE_OP_PUT && !job->looked_up && job->req.if_none_match && job->in.status == 404) {
        job->looked_up = true;
        job->attempts = 0;
        transfer(e, job);
    } else if (job->req.op == SEDGE_OP_PUT && !job->unconditional && job->req.if_none_match && job->in.status == 501) {
        job->unconditional = true; /* the store does not know the header: the look before has to do */
        transfer(e, job);
    } else if (v == SEDGE_VERDICT_HEAL) {
        wait_and_retry(e, job, asked_ms);
    } else {
        fail(e, job);
    }
}

static void stepped(struct engine *e, struct sedge_job *job)
{
    (void)pthread_join(job->thread, NULL); /* it has ended or is about to */
    if (job->result == 0 && job->phase == SEDGE_PHASE_PREPARE) {
        if (atomic_load(&job->canceled)) {
            (void)sedge_job_fail(job, SEDGE_E_CANCELED, NULL, "canceled");
            fail(e, job);
        } else if (job->complete) {
            finish(e, job);
        } else {
            transfer(e, job);
        }
    } else if (job->result && job->phase == SEDGE_PHASE_FINISH && job->restart && !atomic_load(&job->canceled)) {
        wait_and_retry(e, job, 0);
    } else {
        end(e, job);
    }
}

static void start(struct engine *e, struct sedge_job *job)
{
    bool blocks = job->req.op == SEDGE_OP_GET || job->req.op == SEDGE_OP_PUT || job->req.op == SEDGE_OP_UNPACK ||
                  job->req.source.scheme == SEDGE_SCHEME_FILE;

    e->nactive++;
    if (blocks)
        start_step(e, job, SEDGE_PHASE_PREPARE, sedge_file_prepare);
    else
        transfer(e, job);
}

static void cancel(struct engine *e, struct sedge_job *job)
{
    atomic_store(&job->canceled, true);
    if (job->phase == SEDGE_PHASE_PREPARE || job->phase == SEDGE_PHASE_FINISH || job->phase == SEDGE_PHASE_OVER)
        return; /* the step looks at the flag */
    if (job->phase == SEDGE_PHASE_TRANSFER) (void)curl_multi_remove_handle(e->multi, job->easy);
    (void)sedge_job_fail(job, SEDGE_E_CANCELED, NULL, "canceled");
    fail(e, job);
}

/* ---- lines ---- */

static void configure(struct engine *e, struct json_object *line)
{
    e->configured = true;
    if (sedge_settings_init(&e->settings, line, &e->config_fail.err)) return;
    if (sedge_sandbox_enter(e->settings.user, e->parent, &e->config_fail.err)) return;
    e->config_fail.err.code = SEDGE_OK;
}

static struct sedge_job *find(struct engine *e, struct json_object *id)
{
    struct sedge_job *job = e->jobs;

    while (job && (job->phase == SEDGE_PHASE_OVER || !json_object_equal(job->req.id, id)))
        job = job->next;
    return job;
}

static void take_request(struct engine *e, struct json_object *line)
{
    struct sedge_job *job = sedge_job_new(&e->settings, e->multi), *other;
    int rc = sedge_request_parse(&job->req, line, &job->fail);

    if (rc == 0 && e->config_fail.err.code != SEDGE_OK) {
        job->fail = e->config_fail;
        rc = -1;
    }
    if (rc == 0 && job->req.signed_url) job->signed_url = sedge_steal(&job->req.signed_url);
    if (rc == 0 && job->req.op != SEDGE_OP_CANCEL) {
        job->phase = SEDGE_PHASE_QUEUED;
        *e->last = job;
        e->last = &job->next;
        e->njobs++;
        return;
    }
    other = rc == 0 ? find(e, job->req.id) : NULL;
    if (other) cancel(e, other);
    if (rc) sedge_reply_error(job->req.id, &job->fail, sedge_request_stack_base(&job->req), NULL);
    sedge_job_free(job);
}

static void take_line(struct engine *e, const char *text, size_t n)
{
    struct sedge_fail why = {.stack = NULL};
    sedge_auto_put struct json_object *line = sedge_json_parse_object(text, n, "request", &why.err);

    if (!line) {
        sedge_reply_error(NULL, &why, "ARTIFACT_DOWNLOAD_ERROR", NULL);
    } else if (strcmp(sedge_json_str(line, "op", ""), "config") != 0) {
        if (!e->configured) configure(e, NULL);
        take_request(e, line);
    } else if (!e->configured) {
        configure(e, line);
    } else {
        (void)sedge_err_set(&why.err, SEDGE_E_CONFLICT, "the configuration must be the first line");
        sedge_reply_error(NULL, &why, "ARTIFACT_DOWNLOAD_ERROR", NULL);
    }
}

static void take_lines(struct engine *e)
{
    size_t done = 0;
    const char *nl;

    while ((nl = memchr(e->lines.data + done, '\n', e->lines.len - done))) {
        size_t n = (size_t)(nl - e->lines.data) - done;

        if (n > 0) take_line(e, e->lines.data + done, n);
        done += n + 1;
    }
    if (done > 0) sedge_buf_drop_front(&e->lines, done);
}

/* 0, or -1 when the parent does not keep to the protocol. */
static int read_input(struct engine *e)
{
    char block[READ_BLOCK];
    ssize_t n = read(e->in, block, sizeof block);

    if (n < 0) return errno == EINTR || errno == EAGAIN ? 0 : -1;
    if (n == 0) {
        if (e->lines.len > 0) take_line(e, e->lines.data, e->lines.len); /* a last line without its newline */
        e->in = -1;
        return 0;
    }
    sedge_buf_add(&e->lines, block, (size_t)n);
    take_lines(e);
    return e->lines.len > SEDGE_FETCH_LINE_MAX ? -1 : 0;
}

/* ---- turns ---- */

static bool same_target(const struct sedge_job *a, const struct sedge_job *b)
{
    return (a->req.dest && b->req.dest && strcmp(a->req.dest, b->req.dest) == 0) ||
           (a->req.unarchive_to && b->req.unarchive_to && strcmp(a->req.unarchive_to, b->req.unarchive_to) == 0);
}

/* Two requests for one file: the later waits, and then finds it there. */
static bool is_blocked(const struct engine *e, const struct sedge_job *job)
{
    for (const struct sedge_job *a = e->jobs; a != job; a = a->next)
        if (a->phase != SEDGE_PHASE_OVER && same_target(a, job)) return true;
    return false;
}

static void start_queued(struct engine *e)
{
    for (struct sedge_job *job = e->jobs; job && e->nactive < (size_t)e->settings.parallel; job = job->next)
        if (job->phase == SEDGE_PHASE_QUEUED && !is_blocked(e, job)) start(e, job);
}

static void turn_jobs(struct engine *e)
{
    int64_t now = sedge_mono_ms();

    for (struct sedge_job *job = e->jobs; job; job = job->next) {
        bool stepping = job->phase == SEDGE_PHASE_PREPARE || job->phase == SEDGE_PHASE_FINISH;

        if (stepping && atomic_load(&job->step_over))
            stepped(e, job);
        else if (job->phase == SEDGE_PHASE_WAIT && job->wake_ms <= now)
            transfer(e, job);
    }
}

static void drop_over(struct engine *e)
{
    struct sedge_job **p = &e->jobs;

    while (*p) {
        struct sedge_job *job = *p;

        if (job->phase != SEDGE_PHASE_OVER) {
            p = &job->next;
            continue;
        }
        *p = job->next;
        e->njobs--;
        sedge_job_free(job);
    }
    e->last = p;
}

static int poll_ms(const struct engine *e)
{
    int64_t now = sedge_mono_ms(), ms = POLL_MAX_MS;

    for (const struct sedge_job *job = e->jobs; job; job = job->next)
        if (job->phase == SEDGE_PHASE_WAIT && job->wake_ms - now < ms) ms = job->wake_ms - now;
    return ms < 0 ? 0 : (int)ms;
}

static int turn(struct engine *e)
{
    struct curl_waitfd in = {.fd = e->in, .events = CURL_WAIT_POLLIN};
    bool listen = e->in >= 0 && e->njobs < SEDGE_FETCH_QUEUE_MAX;
    int running, left;
    CURLMsg *m;

    if (curl_multi_poll(e->multi, &in, listen ? 1 : 0, poll_ms(e), NULL) != CURLM_OK) return -1;
    if (listen && in.revents && read_input(e)) return -1;
    if (curl_multi_perform(e->multi, &running) != CURLM_OK) return -1;
    while ((m = curl_multi_info_read(e->multi, &left))) {
        struct sedge_job *job = NULL;

        if (m->msg != CURLMSG_DONE) continue;
        (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&job);
        if (job) transferred(e, job, m->data.result);
    }
    turn_jobs(e);
    drop_over(e);
    start_queued(e);
    drop_over(e);
    return 0;
}

int sedge_engine_run(int in)
{
    struct engine e = {.in = in, .parent = getppid()};
    int rc = 0;

    e.last = &e.jobs;
    if (curl_global_init(CURL_GLOBAL_DEFAULT)) return 1;
    e.multi = curl_multi_init();
    if (!e.multi) return 1;
    while (rc == 0 && (e.in >= 0 || e.jobs))
        rc = turn(&e);
    if (rc) return 1; /* threads may still be at work: the end of the process ends them */
    (void)curl_multi_cleanup(e.multi);
    sedge_settings_release(&e.settings);
    sedge_buf_release(&e.lines);
    curl_global_cleanup();
    return 0;
}
