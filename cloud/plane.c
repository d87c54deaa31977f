#include "plane.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cloud.h"
#include "exec.h"
#include "plane_internal.h"
#include "query.h"

/* What is remembered of a thing while we run: its token bucket and its last complaint. */
struct guest {
    int64_t refilled_ms, poison_ms;
    double tokens;
    unsigned suppressed;
};

struct sedge_plane {
    struct sedge_db *db;
    struct guest *guests; /* by thing id */
    size_t n;
};

static const char *const filters[] = {
    "$aws/things/+/jobs/get",
    "$aws/things/+/jobs/start-next",
    "$aws/things/+/jobs/+/get",
    "$aws/things/+/jobs/+/update",
    ("$aws/things/+/jobs/+/" SEDGE_CLOUD_NS "/get"),
    ("$aws/things/+/jobs/+/" SEDGE_CLOUD_NS "/update"),
    "$aws/things/+/shadow/name/+/get",
    "$aws/things/+/shadow/name/+/update",
    "$aws/things/+/shadow/name/+/delete",
    "$aws/things/+/greengrassv2/health/json",
    "$aws/things/+/greengrass/health/json",
    NULL,
};
static const enum sedge_plane_op ops[] = {
    SEDGE_OP_JOBS_LIST,     SEDGE_OP_JOBS_START, SEDGE_OP_JOB_GET,    SEDGE_OP_JOB_UPDATE,
    SEDGE_OP_JOB_GET,       SEDGE_OP_JOB_UPDATE, SEDGE_OP_SHADOW_GET, SEDGE_OP_SHADOW_UPDATE,
    SEDGE_OP_SHADOW_DELETE, SEDGE_OP_FLEET,      SEDGE_OP_TELEMETRY,
};

const char *const *sedge_plane_filters(void)
{
    return filters;
}

struct sedge_plane *sedge_plane_new(struct sedge_db *db)
{
    struct sedge_plane *p = SEDGE_NEW(struct sedge_plane);

    p->db = db;
    return p;
}

void sedge_plane_free(struct sedge_plane *p)
{
    if (!p) return;
    free(p->guests);
    free(p);
}

void sedge_plane_out_release(struct sedge_plane_out *out)
{
    for (size_t i = 0; i < out->n; i++) {
        free(out->v[i].topic);
        free(out->v[i].payload);
    }
    free(out->v);
    *out = (struct sedge_plane_out){0};
}

void sedge_plane_send(struct sedge_plane_out *out, char *topic, struct sedge_buf *payload, bool notification)
{
    size_t len = payload->len;

    out->v = sedge_xrealloc(out->v, out->n + 1, sizeof(*out->v));
    out->v[out->n++] = (struct sedge_plane_msg){topic, sedge_buf_steal(payload), len, notification};
}

static void add_text(struct sedge_buf *b, const char *key, const char *text)
{
    struct json_object *s = json_object_new_string(text);

    sedge_buf_printf(b, ",\"%s\":%s", key, sedge_json_text(s));
    json_object_put(s);
}

void sedge_plane_accept(struct sedge_plane_req *r, const char *members)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    sedge_buf_printf(&b, "{%s\"timestamp\":%lld", members, (long long)(r->now_ms / 1000));
    if (r->token) add_text(&b, "clientToken", r->token);
    sedge_buf_putc(&b, '}');
    sedge_plane_send(r->out, sedge_xasprintf("%s/accepted", r->topic), &b, false);
}

void sedge_plane_reject(struct sedge_plane_req *r, const char *code, const char *message, const char *members)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    bool number = code[0] >= '0' && code[0] <= '9'; /* shadows answer with HTTP numbers */

    sedge_buf_printf(&b, "{\"code\":%s%s%s", number ? "" : "\"", code, number ? "" : "\"");
    add_text(&b, "message", message);
    sedge_buf_puts(&b, members);
    if (r->token) add_text(&b, "clientToken", r->token);
    sedge_buf_printf(&b, ",\"timestamp\":%lld}", (long long)(r->now_ms / 1000));
    sedge_plane_send(r->out, sedge_xasprintf("%s/rejected", r->topic), &b, false);
}

/* Fills op, thing and arg from the topic; false when it fits no filter. */
static bool parse_topic(struct sedge_plane_req *r)
{
    sedge_auto_strv struct sedge_strv have = {0};

    sedge_strv_split(&have, r->topic, "/");
    for (size_t f = 0; filters[f]; f++) {
        sedge_auto_strv struct sedge_strv want = {0};
        const char *plus[2] = {NULL, NULL};
        size_t np = 0, i;

        sedge_strv_split(&want, filters[f], "/");
        if (want.n != have.n) continue;
        for (i = 0; i < want.n; i++) {
            if (strcmp(want.v[i], "+") == 0 && np < 2)
                plus[np++] = have.v[i];
            else if (strcmp(want.v[i], have.v[i]) != 0)
                break;
        }
        if (i < want.n || !plus[0]) continue;
        r->op = ops[f];
        r->thing = sedge_xstrdup(plus[0]);
        r->arg = sedge_xstrdup(plus[1]);
        r->deployments = strstr(filters[f], SEDGE_CLOUD_NS) != NULL;
        return true;
    }
    return false;
}

static struct guest *guest_of(struct sedge_plane *p, int64_t thing_id)
{
    size_t at = (size_t)thing_id;

    if (at >= p->n) {
        p->guests = sedge_xrealloc(p->guests, at + 64, sizeof(*p->guests));
        memset(p->guests + p->n, 0, (at + 64 - p->n) * sizeof(*p->guests));
        p->n = at + 64;
    }
    return &p->guests[at];
}

static bool within_rate(struct guest *g)
{
    int64_t now = sedge_mono_ms();

    if (!g->refilled_ms) g->tokens = SEDGE_PLANE_BURST;
    g->tokens += (double)(now - (g->refilled_ms ? g->refilled_ms : now)) * SEDGE_PLANE_RATE / 1000.0;
    if (g->tokens > SEDGE_PLANE_BURST) g->tokens = SEDGE_PLANE_BURST;
    g->refilled_ms = now;
    if (g->tokens < 1.0) return false;
    g->tokens -= 1.0;
    return true;
}

static void complain(struct sedge_plane *p, const struct sedge_plane_req *r, const char *why)
{
    struct guest *g = guest_of(p, r->thing_id);
    int64_t now = sedge_mono_ms();

    if (g->poison_ms && now - g->poison_ms < SEDGE_PLANE_POISON_MS) {
        g->suppressed++;
        return;
    }
    sedge_log(SEDGE_WARN, "plane", "bad-message", "thing=%s topic=%s suppressed=%u: %s", r->thing, r->topic,
              g->suppressed, why);
    g->poison_ms = now;
    g->suppressed = 0;
}

static bool has_answers(const struct sedge_plane_req *r)
{
    return r->op != SEDGE_OP_FLEET && r->op != SEDGE_OP_TELEMETRY;
}

static void refuse(struct sedge_plane *p, struct sedge_plane_req *r, const char *code, const char *message)
{
    complain(p, r, message);
    if (has_answers(r)) sedge_plane_reject(r, code, message, "");
}

/* An empty body counts as {}. false: answered. */
static bool read_body(struct sedge_plane *p, struct sedge_plane_req *r, const void *payload, size_t n)
{
    bool shadow = r->op == SEDGE_OP_SHADOW_GET || r->op == SEDGE_OP_SHADOW_UPDATE || r->op == SEDGE_OP_SHADOW_DELETE;
    struct sedge_err why = SEDGE_ERR_INIT;

    if (n > SEDGE_PLANE_PAYLOAD_MAX) {
        refuse(p, r, shadow ? "413" : "InvalidRequest", "the payload is larger than 131072 bytes");
        return false;
    }
    r->body = n ? sedge_json_parse_object(payload, n, "payload", &why) : json_object_new_object();
    if (!r->body) {
        refuse(p, r, shadow ? "400" : "InvalidJson", why.msg);
        return false;
    }
    r->token = sedge_json_str(r->body, "clientToken", NULL);
    if (r->token && strlen(r->token) > SEDGE_PLANE_TOKEN_MAX) {
        r->token = NULL;
        refuse(p, r, shadow ? "400" : "InvalidRequest", "clientToken is longer than 64 bytes");
        return false;
    }
    return true;
}

static int shadow(struct sedge_plane_req *r)
{
    sedge_auto_free char *none = sedge_xasprintf("No shadow exists with name: '%s'", r->arg);

    if (r->op == SEDGE_OP_SHADOW_UPDATE)
        sedge_plane_reject(r, "403", "this service does not keep shadows of devices", "");
    else
        sedge_plane_reject(r, "404", none, "");
    return 0;
}

static int telemetry(struct sedge_plane_req *r, struct sedge_err *err)
{
    return sedge_q_run(r->db, err, "UPDATE thing SET telemetry=?2 WHERE id=?1", "it", r->thing_id,
                       sedge_json_text(r->body));
}

static int dispatch(struct sedge_plane *p, struct sedge_plane_req *r, struct sedge_err *err)
{
    const char *why = NULL;
    int rc = 0;

    switch (r->op) {
    case SEDGE_OP_JOBS_LIST:
    case SEDGE_OP_JOBS_START:
    case SEDGE_OP_JOB_GET:
    case SEDGE_OP_JOB_UPDATE:
        return sedge_plane_jobs(r, err);
    case SEDGE_OP_SHADOW_GET:
    case SEDGE_OP_SHADOW_UPDATE:
    case SEDGE_OP_SHADOW_DELETE:
        return shadow(r);
    case SEDGE_OP_FLEET:
        rc = sedge_plane_fleet(r, &why, err);
        if (why) complain(p, r, why);
        return rc;
    case SEDGE_OP_TELEMETRY:
        return telemetry(r, err);
    }
    return 0;
}

/* 1 known and active; 0 answered or dropped; -1 failure. */
static int find_thing(struct sedge_plane *p, struct sedge_plane_req *r, struct sedge_err *err)
{
    int rc = sedge_q_i64(p->db, err, &r->thing_id, "SELECT id FROM thing WHERE name=?1 AND state=?2", "ti", r->thing,
                         (int64_t)SEDGE_THING_ACTIVE);

    if (rc == 0) {
        sedge_auto_free char *message = sedge_xasprintf("thing \"%s\" is not registered here", r->thing);
        refuse(p, r, "ResourceNotFound", message);
    }
    return rc;
}

static int handle(struct sedge_plane *p, struct sedge_plane_req *r, const void *payload, size_t n,
                  struct sedge_err *err)
{
    const char *claimed;
    int rc = find_thing(p, r, err);

    if (rc <= 0) return rc;
    if (!within_rate(guest_of(p, r->thing_id))) {
        refuse(p, r, "RequestThrottled", "more than 10 requests a second; repeat later");
        return 0;
    }
    if (!read_body(p, r, payload, n)) return 0;
    claimed = sedge_json_str(r->body, r->op == SEDGE_OP_FLEET ? "thing" : "thingName", r->thing);
    if (strcmp(claimed, r->thing) != 0) {
        refuse(p, r, "InvalidRequest", "the payload names another thing than the topic");
        return 0;
    }
    if (sedge_q_run(p->db, err, "UPDATE thing SET last_seen=?2 WHERE id=?1", "ii", r->thing_id, r->now_ms / 1000) != 0)
        return -1;
    return dispatch(p, r, err);
}

int sedge_plane_handle(struct sedge_plane *p, int64_t now_ms, const char *topic, const void *payload, size_t n,
                       struct sedge_plane_out *out, struct sedge_err *err)
{
    struct sedge_plane_req r = {.topic = topic, .now_ms = now_ms, .db = p->db, .out = out};
    size_t before = out->n;
    int rc = 0;

    if (parse_topic(&r)) {
        rc = handle(p, &r, payload, n, err);
        if (rc < 0) {
            while (out->n > before) {
                out->n--;
                free(out->v[out->n].topic);
                free(out->v[out->n].payload);
            }
            if (has_answers(&r))
                sedge_plane_reject(&r, "InternalError", "the service could not store this; repeat", "");
        }
    } else
        sedge_log(SEDGE_WARN, "plane", "unexpected-topic", "topic=%s", topic);
    free(r.thing);
    free(r.arg);
    json_object_put(r.body);
    return rc < 0 ? -1 : 0;
}

int sedge_plane_notify(struct sedge_plane *p, int64_t now_ms, int64_t thing_id, bool force_next,
                       struct sedge_plane_out *out, char **head, struct sedge_err *err)
{
    return sedge_plane_jobs_notify(p->db, now_ms, thing_id, force_next, out, head, err);
}

int sedge_plane_told(struct sedge_plane *p, int64_t thing_id, int64_t seq, const char *head, struct sedge_err *err)
{
    int64_t ns = SEDGE_EXEC_NS_DEPLOY;

    if (sedge_q_run(p->db, err,
                    "INSERT INTO notified(thing_id,ns,head) VALUES(?1,?2,?3)"
                    " ON CONFLICT(thing_id,ns) DO UPDATE SET head=excluded.head",
                    "iit", thing_id, ns, head) != 0)
        return -1;
    return sedge_q_run(p->db, err, "DELETE FROM dirty WHERE thing_id=?1 AND ns=?2 AND seq=?3", "iii", thing_id, ns,
                       seq);
}
