#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "cloud/deploy/exec.h"
#include "plane_internal.h"
#include "cloud/query.h"
#include "cloud/rollout/release.h"
#include "cloud/rollout/retry.h"

#define STEP_MINUTES_MAX 10080

static void add_summary(struct sedge_buf *b, const struct sedge_exec *e)
{
    sedge_buf_printf(b, "\"jobId\":\"%s\",\"queuedAt\":%lld", e->job_id, (long long)e->queued_at);
    if (e->started_at) sedge_buf_printf(b, ",\"startedAt\":%lld", (long long)e->started_at);
    sedge_buf_printf(b, ",\"lastUpdatedAt\":%lld,\"executionNumber\":%lld,\"versionNumber\":%lld",
                     (long long)e->updated_at, (long long)e->exec_no, (long long)e->version);
}

static int64_t seconds_left(const struct sedge_exec *e, int64_t now)
{
    int64_t at = e->deadline_at;

    if (e->step_deadline_at && (!at || e->step_deadline_at < at)) at = e->step_deadline_at;
    return at ? (at > now ? at - now : 0) : -1;
}

/* "execution":{...}, with trailing comma. The document goes in as it is stored; NULL leaves it out. */
static void add_execution(struct sedge_buf *b, const struct sedge_exec *e, const char *thing,
                          const struct sedge_doc_text *document, int64_t now)
{
    int64_t left = seconds_left(e, now);

    sedge_buf_puts(b, "\"execution\":{");
    add_summary(b, e);
    if (thing) sedge_buf_printf(b, ",\"thingName\":\"%s\"", thing);
    sedge_buf_printf(b, ",\"status\":\"%s\"", sedge_exec_state_name(e->status));
    if (e->details) sedge_buf_printf(b, ",\"statusDetails\":%s", e->details);
    if (left >= 0) sedge_buf_printf(b, ",\"approximateSecondsBeforeTimedOut\":%lld", (long long)left);
    if (document) {
        sedge_buf_puts(b, ",\"jobDocument\":");
        sedge_buf_add(b, document->text, document->len);
    }
    sedge_buf_puts(b, "},");
}

static void add_state(struct sedge_buf *b, const struct sedge_exec *e)
{
    sedge_buf_printf(b, "\"executionState\":{\"status\":\"%s\",\"statusDetails\":%s,\"versionNumber\":%lld}",
                     sedge_exec_state_name(e->status), e->details ? e->details : "{}", (long long)e->version);
}

static void reject_with_state(struct sedge_plane_req *r, const char *code, const char *message,
                              const struct sedge_exec *e)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    sedge_buf_putc(&b, ',');
    add_state(&b, e);
    sedge_plane_reject(r, code, message, b.data);
}

/* The plain namespace holds no jobs. */
static int plain(struct sedge_plane_req *r)
{
    if (r->op == SEDGE_OP_JOBS_LIST)
        sedge_plane_accept(r, "\"inProgressJobs\":[],\"queuedJobs\":[],");
    else if (r->op == SEDGE_OP_JOBS_START || (r->op == SEDGE_OP_JOB_GET && strcmp(r->arg, "$next") == 0))
        sedge_plane_accept(r, "");
    else
        sedge_plane_reject(r, "ResourceNotFound", "there is no such job in the default namespace", "");
    return 0;
}

static int describe_next(struct sedge_plane_req *r, struct sedge_exec *e, struct sedge_err *err)
{
    int offered = 0;
    int n = sedge_exec_pending(r->db, r->thing_id, e, 1, err);

    if (n != 0) return n;
    if (sedge_release_late(r->db, r->now_ms / 1000, r->thing_id, &offered, err) != 0) return -1;
    if (offered) n = sedge_exec_pending(r->db, r->thing_id, e, 1, err);
    if (n == 0) sedge_guest_set_idle(r->guests, r->guest, true);
    return n;
}

/* NULL, or which member of the body has the wrong form. */
static const char *bad_member(struct json_object *body)
{
    struct json_object *number = sedge_json_get(body, "executionNumber"),
                       *step = sedge_json_get(body, "stepTimeoutInMinutes");
    int64_t minutes = sedge_json_i64(body, "stepTimeoutInMinutes", 0);

    if (number && sedge_json_i64(body, "executionNumber", 0) < 1) return "executionNumber: expected a number from 1";
    if (step && minutes != -1 && (minutes < 1 || minutes > STEP_MINUTES_MAX))
        return "stepTimeoutInMinutes: expected 1 to 10080, or -1";
    return NULL;
}

static int answer_describe(struct sedge_plane_req *r, const struct sedge_exec *e, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    const struct sedge_doc_text *document = NULL;

    if (sedge_json_bool(r->body, "includeJobDocument", true)) {
        document = sedge_doc_cache_get(r->docs, r->db, e->deployment_id, err);
        if (!document) return -1;
    }
    add_execution(&b, e, r->thing, document, r->now_ms / 1000);
    sedge_plane_accept(r, b.data);
    return 0;
}

static int describe(struct sedge_plane_req *r, struct sedge_err *err)
{
    struct sedge_exec e = {0};
    bool next = strcmp(r->arg, "$next") == 0;
    const char *bad = bad_member(r->body);
    int rc;

    if (bad) {
        sedge_plane_reject(r, "InvalidRequest", bad, "");
        return 0;
    }
    rc = next ? describe_next(r, &e, err)
              : sedge_exec_find(r->db, r->thing_id, r->arg, sedge_json_i64(r->body, "executionNumber", 0), &e, err);
    if (rc == 1)
        rc = answer_describe(r, &e, err);
    else if (rc == 0 && next)
        sedge_plane_accept(r, "");
    else if (rc == 0)
        sedge_plane_reject(r, "ResourceNotFound", "this thing has no such job", "");
    sedge_exec_release_row(&e);
    return rc;
}

/* The states that a device may set; -1 for anything else. */
static int wanted_status(const char *text)
{
    static const int allowed[] = {SEDGE_EXEC_IN_PROGRESS, SEDGE_EXEC_SUCCEEDED, SEDGE_EXEC_FAILED, SEDGE_EXEC_REJECTED};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(allowed); i++) {
        if (strcmp(text, sedge_exec_state_name(allowed[i])) == 0) return allowed[i];
    }
    return -1;
}

/* 1 to 1024 characters, none of them for control. */
static bool good_value(const char *s)
{
    size_t n = 0;

    for (; *s; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7F) return false;
        n += ((unsigned char)*s & 0xC0) != 0x80;
    }
    return n >= 1 && n <= SEDGE_PLANE_DETAILS_MAX;
}

/* NULL, or what is wrong with statusDetails. */
static const char *bad_details(struct json_object *details)
{
    if (!json_object_is_type(details, json_type_object)) return "statusDetails: expected an object";
    json_object_object_foreach (details, key, value) {
        const char *text = sedge_json_is_str(value) ? json_object_get_string(value) : NULL;
        size_t n = strlen(key);

        if (n < 1 || n > 128 || strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_-") != n)
            return "statusDetails: a key has characters other than letters, digits, : _ - or is too long";
        if (!text) return "statusDetails: every value must be a text";
        if (!good_value(text))
            return "statusDetails: a value is empty, longer than 1024 characters, or has control characters";
    }
    return NULL;
}

/* expectedVersion as number or text of digits; false when it is given and differs. */
static bool version_fits(struct sedge_plane_req *r, const struct sedge_exec *e)
{
    struct json_object *v = sedge_json_get(r->body, "expectedVersion");
    int64_t want = 0;

    if (!v) return true;
    if (sedge_json_is_str(v))
        return sedge_str_to_i64(json_object_get_string(v), 0, INT64_MAX, &want, NULL) == 0 && want == e->version;
    return sedge_json_i64(r->body, "expectedVersion", -1) == e->version;
}

static int set_timers(struct sedge_plane_req *r, struct sedge_exec *e, int64_t step, int64_t now, struct sedge_err *err)
{
    if (sedge_exec_terminal(e->status)) {
        e->deadline_at = e->step_deadline_at = 0;
        return 0;
    }
    if (e->flags & SEDGE_EXEC_BY_SHADOW) { /* no timer sees it */
        if (!e->started_at) e->started_at = now;
        return 0;
    }
    if (!e->started_at) {
        const struct sedge_doc_text *d = sedge_doc_cache_get(r->docs, r->db, e->deployment_id, err);

        if (!d) return -1;
        e->started_at = now;
        e->deadline_at = now + 60 * d->in_progress_minutes;
    }
    if (step == -1) e->step_deadline_at = 0;
    if (step >= 1) e->step_deadline_at = now + step * 60;
    return 0;
}

static int store(struct sedge_db *db, const struct sedge_exec *e, struct sedge_err *err)
{
    return sedge_q_run(db, err,
                       "UPDATE execution SET status=?4, version=?5, updated_at=?6, started_at=NULLIF(?7,0),"
                       " deadline_at=NULLIF(?8,0), step_deadline_at=NULLIF(?9,0), details=?10"
                       " WHERE thing_id=?1 AND deployment_id=?2 AND exec_no=?3",
                       "iiiiiiiiit", e->thing_id, e->deployment_id, e->exec_no, e->status, e->version, e->updated_at,
                       e->started_at, e->deadline_at, e->step_deadline_at, (const char *)e->details);
}

/* Whether this execution is the one that $next gives. 1, 0, -1. */
static int is_head(struct sedge_plane_req *r, const struct sedge_exec *e, struct sedge_err *err)
{
    struct sedge_exec head = {0};
    int n = sedge_exec_pending(r->db, r->thing_id, &head, 1, err);
    int same = n == 1 && head.deployment_id == e->deployment_id && head.exec_no == e->exec_no;

    sedge_exec_release_row(&head);
    return n < 0 ? -1 : same;
}

int sedge_plane_apply(struct sedge_plane_req *r, struct sedge_exec *e, int status, const char *details,
                      int64_t step_minutes, struct sedge_err *err)
{
    int64_t now = r->now_ms / 1000;
    bool shadow = (e->flags & SEDGE_EXEC_BY_SHADOW) != 0;
    int head = !shadow && status == SEDGE_EXEC_IN_PROGRESS && e->status == SEDGE_EXEC_QUEUED ? is_head(r, e, err) : 1;

    if (head < 0) return -1;
    e->status = status;
    e->version++;
    e->updated_at = now > e->updated_at ? now : e->updated_at;
    if (details) {
        free(e->details);
        e->details = sedge_xstrdup(details);
    }
    if (set_timers(r, e, step_minutes, now, err) != 0 || store(r->db, e, err) != 0) return -1;
    if (!sedge_exec_terminal(status)) return head ? 0 : sedge_exec_mark(r->db, r->thing_id, SEDGE_EXEC_NS_HEAD, err);
    if (sedge_retry_ended(r->db, now, r->thing_id, e->deployment_id, e->exec_no, status, e->details, err) != 0)
        return -1;
    return shadow ? 0 : sedge_exec_mark_dirty(r->db, r->thing_id, err);
}

static int accept_update(struct sedge_plane_req *r, const struct sedge_exec *e, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    if (sedge_json_bool(r->body, "includeJobExecutionState", false)) {
        add_state(&b, e);
        sedge_buf_putc(&b, ',');
    }
    if (sedge_json_bool(r->body, "includeJobDocument", false)) {
        const struct sedge_doc_text *d = sedge_doc_cache_get(r->docs, r->db, e->deployment_id, err);

        if (!d) return -1;
        sedge_buf_printf(&b, "\"jobDocument\":%s,", d->text);
    }
    sedge_plane_accept(r, b.data ? b.data : "");
    return 0;
}

static int update_terminal(struct sedge_plane_req *r, const struct sedge_exec *e, int status, struct sedge_err *err)
{
    sedge_auto_free char *why = NULL;

    if (e->status == status) return accept_update(r, e, err);
    if (sedge_exec_terminal(status) && sedge_exec_store_late(r->db, e, status, err) != 0) return -1;
    why = sedge_xasprintf("the execution is %s and stays so", sedge_exec_state_name(e->status));
    reject_with_state(r, "InvalidStateTransition", why, e);
    return 0;
}

static int update_found(struct sedge_plane_req *r, struct sedge_exec *e, struct sedge_err *err)
{
    const char *text = sedge_json_str(r->body, "status", "");
    struct json_object *details = sedge_json_get(r->body, "statusDetails");
    int status = wanted_status(text);
    const char *bad = status < 0 ? "status: expected IN_PROGRESS, SUCCEEDED, FAILED or REJECTED" : NULL;

    if (!bad && details) bad = bad_details(details);
    if (!bad) bad = bad_member(r->body);
    if (bad) {
        sedge_plane_reject(r, "InvalidRequest", bad, "");
        return 0;
    }
    if (!version_fits(r, e)) {
        reject_with_state(r, "VersionMismatch", "expectedVersion is not the version of the execution", e);
        return 0;
    }
    if (sedge_exec_terminal(e->status)) return update_terminal(r, e, status, err);
    if (sedge_plane_apply(r, e, status, details ? sedge_json_text(details) : NULL,
                          sedge_json_i64(r->body, "stepTimeoutInMinutes", 0), err) != 0)
        return -1;
    return accept_update(r, e, err);
}

static int update(struct sedge_plane_req *r, struct sedge_err *err)
{
    struct sedge_exec e = {0};
    int rc = sedge_exec_find(r->db, r->thing_id, r->arg, sedge_json_i64(r->body, "executionNumber", 0), &e, err);

    if (rc == 0) sedge_plane_reject(r, "ResourceNotFound", "this thing has no such job", "");
    if (rc == 1) rc = update_found(r, &e, err);
    sedge_exec_release_row(&e);
    return rc;
}

int sedge_plane_jobs(struct sedge_plane_req *r, struct sedge_err *err)
{
    if (!r->deployments) return plain(r);
    return r->op == SEDGE_OP_JOB_GET ? describe(r, err) : update(r, err);
}

static void add_list(struct sedge_buf *b, const char *key, const struct sedge_exec *rows, int n, int64_t status)
{
    bool first = true;

    for (int i = 0; i < n; i++) {
        if (rows[i].status != status) continue;
        if (first) sedge_buf_printf(b, "%s\"%s\":[", b->data && b->data[b->len - 1] == ']' ? "," : "", key);
        sedge_buf_puts(b, first ? "{" : ",{");
        add_summary(b, &rows[i]);
        sedge_buf_putc(b, '}');
        first = false;
    }
    if (!first) sedge_buf_putc(b, ']');
}

static void send_list(const struct sedge_exec *rows, int n, const char *thing, int64_t now, struct sedge_plane_out *out)
{
    sedge_auto_buf struct sedge_buf lists = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    add_list(&lists, "IN_PROGRESS", rows, n, SEDGE_EXEC_IN_PROGRESS);
    add_list(&lists, "QUEUED", rows, n, SEDGE_EXEC_QUEUED);
    sedge_buf_printf(&b, "{\"timestamp\":%lld,\"jobs\":{%s}}", (long long)now, lists.data ? lists.data : "");
    sedge_plane_send(out, sedge_xasprintf("$aws/things/%s/jobs/notify-" SEDGE_CLOUD_NS, thing), &b, true);
}

static int send_head(const struct sedge_plane_tell *t, const struct sedge_exec *head, const char *thing,
                     struct sedge_plane_out *out, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    int64_t now = t->now_ms / 1000;

    sedge_buf_putc(&b, '{');
    if (head) {
        const struct sedge_doc_text *d = sedge_doc_cache_get(t->docs, t->db, head->deployment_id, err);

        if (!d) return -1;
        add_execution(&b, head, NULL, d, now);
    }
    sedge_buf_printf(&b, "\"timestamp\":%lld}", (long long)now);
    sedge_plane_send(out, sedge_xasprintf("$aws/things/%s/jobs/notify-next-" SEDGE_CLOUD_NS, thing), &b, true);
    return 0;
}

int sedge_plane_jobs_notify(const struct sedge_plane_tell *t, struct sedge_plane_out *out, char **head,
                            struct sedge_err *err)
{
    struct sedge_exec rows[SEDGE_EXEC_PENDING_MAX];
    sedge_auto_free char *thing = NULL;
    sedge_auto_free char *told = NULL;
    int n, rc = sedge_q_text(t->db, err, &thing, "SELECT name FROM thing WHERE id=?1 AND state=?2", "ii", t->thing_id,
                             (int64_t)SEDGE_THING_ACTIVE);

    if (rc <= 0) return rc;
    if (sedge_q_text(t->db, err, &told, "SELECT head FROM notified WHERE thing_id=?1 AND ns=?2", "ii", t->thing_id,
                     (int64_t)SEDGE_EXEC_NS_DEPLOY) < 0)
        return -1;
    n = sedge_exec_pending(t->db, t->thing_id, rows, SEDGE_EXEC_PENDING_MAX, err);
    if (n < 0) return -1;
    *head = n ? sedge_xasprintf("%s:%lld", rows[0].job_id, (long long)rows[0].exec_no) : sedge_xstrdup("");
    if (t->ns == SEDGE_EXEC_NS_DEPLOY) send_list(rows, n, thing, t->now_ms / 1000, out);
    rc = 0;
    if (strcmp(told ? told : "", *head) != 0) rc = send_head(t, n ? &rows[0] : NULL, thing, out, err);
    for (int i = 0; i < n; i++)
        sedge_exec_release_row(&rows[i]);
    return rc;
}
