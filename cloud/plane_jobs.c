#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "exec.h"
#include "plane_internal.h"
#include "query.h"

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

/* "execution":{...}, with trailing comma. The document goes in as it is stored. */
static void add_execution(struct sedge_buf *b, const struct sedge_exec *e, const char *thing, bool document,
                          int64_t now)
{
    int64_t left = seconds_left(e, now);

    sedge_buf_puts(b, "\"execution\":{");
    add_summary(b, e);
    if (thing) sedge_buf_printf(b, ",\"thingName\":\"%s\"", thing);
    sedge_buf_printf(b, ",\"status\":\"%s\"", sedge_exec_state_name(e->status));
    if (e->details) sedge_buf_printf(b, ",\"statusDetails\":%s", e->details);
    if (left >= 0) sedge_buf_printf(b, ",\"approximateSecondsBeforeTimedOut\":%lld", (long long)left);
    if (document) sedge_buf_printf(b, ",\"jobDocument\":%s", e->document);
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
    if (sedge_exec_late(r->db, r->now_ms / 1000, r->thing_id, &offered, err) != 0) return -1;
    return offered ? sedge_exec_pending(r->db, r->thing_id, e, 1, err) : 0;
}

static int describe(struct sedge_plane_req *r, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    struct sedge_exec e = {0};
    bool next = strcmp(r->arg, "$next") == 0;
    int rc = next ? describe_next(r, &e, err)
                  : sedge_exec_find(r->db, r->thing_id, r->arg, sedge_json_i64(r->body, "executionNumber", 0), &e, err);

    if (rc < 0) return -1;
    if (rc == 0 && !next) {
        sedge_plane_reject(r, "ResourceNotFound", "this thing has no such job", "");
        return 0;
    }
    if (rc == 1)
        add_execution(&b, &e, r->thing, sedge_json_bool(r->body, "includeJobDocument", true), r->now_ms / 1000);
    sedge_plane_accept(r, b.data ? b.data : "");
    sedge_exec_release_row(&e);
    return 0;
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

static bool plain_text(const char *s)
{
    for (; *s; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7F) return false;
    }
    return true;
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
        if (!text[0] || strlen(text) > SEDGE_PLANE_DETAILS_MAX || !plain_text(text))
            return "statusDetails: a value is empty, longer than 1024 bytes, or has control characters";
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

static void set_timers(struct sedge_plane_req *r, struct sedge_exec *e, int64_t now)
{
    int64_t step = sedge_json_i64(r->body, "stepTimeoutInMinutes", 0);

    if (sedge_exec_terminal(e->status)) {
        e->deadline_at = e->step_deadline_at = 0;
        return;
    }
    if (!e->started_at) {
        sedge_auto_put struct json_object *policy =
            sedge_json_parse_object(e->policy, strlen(e->policy), "policy", NULL);

        e->started_at = now;
        e->deadline_at = now + 60 * sedge_json_i64(policy, "inProgressTimeoutInMinutes", 60);
    }
    if (step == -1) e->step_deadline_at = 0;
    if (step >= 1 && step <= STEP_MINUTES_MAX) e->step_deadline_at = now + step * 60;
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

static int apply(struct sedge_plane_req *r, struct sedge_exec *e, int status, struct sedge_err *err)
{
    struct json_object *details = sedge_json_get(r->body, "statusDetails");
    int64_t now = r->now_ms / 1000;
    int head = is_head(r, e, err);

    if (head < 0) return -1;
    e->status = status;
    e->version++;
    e->updated_at = now > e->updated_at ? now : e->updated_at;
    if (details) {
        free(e->details);
        e->details = sedge_xstrdup(sedge_json_text(details));
    }
    set_timers(r, e, now);
    if (store(r->db, e, err) != 0) return -1;
    if (!sedge_exec_terminal(status)) return head ? 0 : sedge_exec_mark_dirty(r->db, r->thing_id, err);
    if (sedge_exec_settle(r->db, e->deployment_id, err) != 0) return -1;
    return sedge_exec_mark_dirty(r->db, r->thing_id, err);
}

static void accept_update(struct sedge_plane_req *r, const struct sedge_exec *e)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    if (sedge_json_bool(r->body, "includeJobExecutionState", false)) {
        add_state(&b, e);
        sedge_buf_putc(&b, ',');
    }
    if (sedge_json_bool(r->body, "includeJobDocument", false)) sedge_buf_printf(&b, "\"jobDocument\":%s,", e->document);
    sedge_plane_accept(r, b.data ? b.data : "");
}

static int update_terminal(struct sedge_plane_req *r, const struct sedge_exec *e, int status, struct sedge_err *err)
{
    sedge_auto_free char *why = NULL;

    if (e->status == status) {
        accept_update(r, e);
        return 0;
    }
    if (sedge_q_run(r->db, err,
                    "UPDATE execution SET late_status=?4 WHERE thing_id=?1 AND deployment_id=?2 AND exec_no=?3", "iiii",
                    e->thing_id, e->deployment_id, e->exec_no, (int64_t)status) != 0)
        return -1;
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
    if (bad) {
        sedge_plane_reject(r, "InvalidRequest", bad, "");
        return 0;
    }
    if (!version_fits(r, e)) {
        reject_with_state(r, "VersionMismatch", "expectedVersion is not the version of the execution", e);
        return 0;
    }
    if (sedge_exec_terminal(e->status)) return update_terminal(r, e, status, err);
    if (apply(r, e, status, err) != 0) return -1;
    accept_update(r, e);
    return 0;
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

static void send_head(const struct sedge_exec *head, const char *thing, int64_t now, struct sedge_plane_out *out)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    sedge_buf_putc(&b, '{');
    if (head) add_execution(&b, head, NULL, true, now);
    sedge_buf_printf(&b, "\"timestamp\":%lld}", (long long)now);
    sedge_plane_send(out, sedge_xasprintf("$aws/things/%s/jobs/notify-next-" SEDGE_CLOUD_NS, thing), &b, true);
}

int sedge_plane_jobs_notify(struct sedge_db *db, int64_t now_ms, int64_t thing_id, bool force_next,
                            struct sedge_plane_out *out, char **head, struct sedge_err *err)
{
    struct sedge_exec rows[SEDGE_EXEC_PENDING_MAX];
    sedge_auto_free char *thing = NULL;
    sedge_auto_free char *told = NULL;
    int64_t now = now_ms / 1000;
    int n, rc = sedge_q_text(db, err, &thing, "SELECT name FROM thing WHERE id=?1 AND state=?2", "ii", thing_id,
                             (int64_t)SEDGE_THING_ACTIVE);

    if (rc <= 0) return rc;
    if (sedge_q_text(db, err, &told, "SELECT head FROM notified WHERE thing_id=?1 AND ns=?2", "ii", thing_id,
                     (int64_t)SEDGE_EXEC_NS_DEPLOY) < 0)
        return -1;
    n = sedge_exec_pending(db, thing_id, rows, SEDGE_EXEC_PENDING_MAX, err);
    if (n < 0) return -1;
    *head = n ? sedge_xasprintf("%s:%lld", rows[0].job_id, (long long)rows[0].exec_no) : sedge_xstrdup("");
    send_list(rows, n, thing, now, out);
    if (force_next || strcmp(told ? told : "", *head) != 0) send_head(n ? &rows[0] : NULL, thing, now, out);
    for (int i = 0; i < n; i++)
        sedge_exec_release_row(&rows[i]);
    return 0;
}
