#include "plane.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cloud/cloud.h"
#include "cloud/deploy/exec.h"
#include "plane_internal.h"
#include "cloud/query.h"
#include "cloud/registry/registry.h"

struct sedge_plane {
    struct sedge_db *db;
    struct sedge_guests *guests;
    struct sedge_doc_cache *docs;
    bool auto_register;
};

static const char *const filters[] = {
    "$aws/things/+/jobs/get",
    "$aws/things/+/jobs/start-next",
    "$aws/things/+/jobs/+/get",
    "$aws/things/+/jobs/+/update",
    ("$aws/things/+/jobs/+/" SEDGE_CLOUD_NS "/get"),
    ("$aws/things/+/jobs/+/" SEDGE_CLOUD_NS "/update"),
    "$aws/things/+/shadow/get",
    "$aws/things/+/shadow/update",
    "$aws/things/+/shadow/delete",
    "$aws/things/+/shadow/name/+/get",
    "$aws/things/+/shadow/name/+/update",
    "$aws/things/+/shadow/name/+/delete",
    "$aws/things/+/greengrassv2/health/json",
    "$aws/things/+/greengrass/health/json",
    NULL,
};
static const enum sedge_plane_op ops[] = {
    SEDGE_OP_JOBS_LIST,     SEDGE_OP_JOBS_START,    SEDGE_OP_JOB_GET,       SEDGE_OP_JOB_UPDATE,    SEDGE_OP_JOB_GET,
    SEDGE_OP_JOB_UPDATE,    SEDGE_OP_SHADOW_GET,    SEDGE_OP_SHADOW_UPDATE, SEDGE_OP_SHADOW_DELETE, SEDGE_OP_SHADOW_GET,
    SEDGE_OP_SHADOW_UPDATE, SEDGE_OP_SHADOW_DELETE, SEDGE_OP_FLEET,         SEDGE_OP_TELEMETRY,
};

const char *const *sedge_plane_filters(void)
{
    return filters;
}

struct sedge_plane *sedge_plane_new(struct sedge_db *db)
{
    struct sedge_plane *p = SEDGE_NEW(struct sedge_plane);

    p->db = db;
    p->guests = sedge_guests_new();
    p->docs = sedge_doc_cache_new();
    return p;
}

void sedge_plane_auto_register(struct sedge_plane *p, bool on)
{
    p->auto_register = on;
}

void sedge_plane_free(struct sedge_plane *p)
{
    if (!p) return;
    sedge_guests_free(p->guests);
    sedge_doc_cache_free(p->docs);
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

/* Whether the topic fits the filter; *a and *b are the levels that its + stand for, without their end. */
static bool fits(const char *filter, const char *topic, const char **a, const char **b)
{
    *a = *b = NULL;
    for (; *filter; filter++) {
        if (*filter != '+') {
            if (*topic++ != *filter) return false;
            continue;
        }
        *(*a ? b : a) = topic;
        topic += strcspn(topic, "/");
    }
    return *topic == 0;
}

static char *level(const char *at)
{
    return at ? sedge_xstrndup(at, strcspn(at, "/")) : NULL;
}

/* Fills op, thing and arg from the topic; false when it fits no filter. */
static bool parse_topic(struct sedge_plane_req *r)
{
    const char *thing, *arg;

    for (size_t f = 0; filters[f]; f++) {
        if (!fits(filters[f], r->topic, &thing, &arg)) continue;
        r->op = ops[f];
        r->thing = level(thing);
        r->arg = level(arg);
        r->deployments = strstr(filters[f], SEDGE_CLOUD_NS) != NULL;
        return true;
    }
    sedge_log(SEDGE_WARN, "plane", "unexpected-topic", "topic=%s", r->topic);
    return false;
}

static void complain(struct sedge_plane *p, const struct sedge_plane_req *r, const char *why)
{
    struct sedge_guest *g = r->guest ? r->guest : sedge_guests_by_id(p->guests, 0);
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

static bool is_shadow(const struct sedge_plane_req *r)
{
    return r->op == SEDGE_OP_SHADOW_GET || r->op == SEDGE_OP_SHADOW_UPDATE || r->op == SEDGE_OP_SHADOW_DELETE;
}

/* Shadows answer with the numbers of HTTP. */
static const char *code_for(const struct sedge_plane_req *r, const char *code)
{
    static const struct {
        const char *job, *shadow;
    } codes[] = {
        {"RequestThrottled", "429"}, {"ResourceNotFound", "404"}, {"InternalError", "500"}, {"TooLarge", "413"}};

    if (!is_shadow(r)) return strcmp(code, "TooLarge") == 0 ? "InvalidRequest" : code;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(codes); i++) {
        if (strcmp(codes[i].job, code) == 0) return codes[i].shadow;
    }
    return "400";
}

static void refuse(struct sedge_plane *p, struct sedge_plane_req *r, const char *code, const char *message)
{
    complain(p, r, message);
    if (has_answers(r)) sedge_plane_reject(r, code_for(r, code), message, "");
}

/* An empty body counts as {}. false: answered. */
static bool read_body(struct sedge_plane *p, struct sedge_plane_req *r, const void *payload, size_t n)
{
    struct sedge_err why = SEDGE_ERR_INIT;

    if (n > SEDGE_PLANE_PAYLOAD_MAX) {
        refuse(p, r, "TooLarge", "the payload is larger than 131072 bytes");
        return false;
    }
    r->body = n ? sedge_json_parse_object(payload, n, "payload", &why) : json_object_new_object();
    if (!r->body) {
        refuse(p, r, "InvalidJson", why.msg);
        return false;
    }
    r->token = sedge_json_str(r->body, "clientToken", NULL);
    if (r->token && strlen(r->token) > SEDGE_PLANE_TOKEN_MAX) {
        r->token = NULL;
        refuse(p, r, "InvalidRequest", "clientToken is longer than 64 bytes");
        return false;
    }
    return true;
}

static int telemetry(struct sedge_plane_req *r, struct sedge_err *err)
{
    return sedge_q_run(r->db, err,
                       "INSERT INTO telemetry(thing_id,at,body) VALUES(?1,?2,?3) ON CONFLICT(thing_id) DO UPDATE SET"
                       " at=excluded.at, body=excluded.body",
                       "iit", r->thing_id, r->now_ms / 1000, sedge_json_text(r->body));
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
        return sedge_plane_shadow(r, err);
    case SEDGE_OP_FLEET:
        rc = sedge_plane_fleet(r, &why, err);
        if (why) complain(p, r, why);
        return rc;
    case SEDGE_OP_TELEMETRY:
        return telemetry(r, err);
    }
    return 0;
}

static int meet(struct sedge_plane *p, const struct sedge_plane_req *r, int64_t *id, struct sedge_err *err)
{
    struct sedge_cloud c = {.db = p->db};

    return sedge_thing_meet(&c, r->thing, NULL, NULL, r->now_ms, id, err);
}

/* 1 known and active; 0 answered or dropped; -1 failure. */
static int find_thing(struct sedge_plane *p, struct sedge_plane_req *r, struct sedge_err *err)
{
    int64_t id = 0;
    int rc;

    r->guest = sedge_guests_by_name(p->guests, r->thing);
    if (!r->guest) {
        rc = sedge_q_i64(p->db, err, &id, "SELECT id FROM thing WHERE name=?1 AND state=?2", "ti", r->thing,
                         (int64_t)SEDGE_THING_ACTIVE);
        if (rc == 0 && p->auto_register) rc = meet(p, r, &id, err);
        if (rc < 0) return -1;
        if (rc == 0) {
            sedge_auto_free char *message = sedge_xasprintf("thing \"%s\" is not registered here", r->thing);
            refuse(p, r, "ResourceNotFound", message);
            return 0;
        }
        r->guest = sedge_guests_learn(p->guests, r->thing, id);
    }
    r->thing_id = r->guest->thing_id;
    r->guest->absent = false;
    return 1;
}

static bool welcome(struct sedge_plane *p, struct sedge_plane_req *r)
{
    switch (sedge_guest_count(r->guest, sedge_mono_ms())) {
    case SEDGE_GUEST_WELCOME:
        return true;
    case SEDGE_GUEST_TOO_FAST:
        refuse(p, r, "RequestThrottled", "more than 10 requests a second; repeat later");
        return false;
    case SEDGE_GUEST_TURNS_DEAF:
        sedge_log(SEDGE_WARN, "plane", "flood",
                  "thing=%s: more than %d requests a second; it is not answered for %d s. If it goes on, revoke its "
                  "certificate",
                  r->thing, SEDGE_GUEST_RATE * SEDGE_GUEST_FLOOD, SEDGE_GUEST_FLOOD_MS / 1000);
        return false;
    case SEDGE_GUEST_DEAF:
        break;
    }
    return false;
}

/* Rate, body, and whether the payload speaks of this thing. False: answered. */
static bool admit(struct sedge_plane *p, struct sedge_plane_req *r, const void *payload, size_t n)
{
    const char *claimed;

    if (!welcome(p, r) || !read_body(p, r, payload, n)) return false;
    claimed = sedge_json_str(r->body, r->op == SEDGE_OP_FLEET ? "thing" : "thingName", r->thing);
    if (strcmp(claimed, r->thing) == 0) return true;
    refuse(p, r, "InvalidRequest", "the payload names another thing than the topic");
    return false;
}

static int handle(struct sedge_plane *p, struct sedge_plane_req *r, const void *payload, size_t n,
                  struct sedge_err *err)
{
    int rc = find_thing(p, r, err);

    if (rc <= 0) return rc;
    if (!admit(p, r, payload, n)) return 0;
    if (sedge_guest_write_seen(r->guest, p->db, r->now_ms / 1000, err) != 0) return -1;
    if (r->op != SEDGE_OP_JOB_GET) sedge_guest_set_idle(p->guests, r->guest, false);
    return dispatch(p, r, err);
}

static struct sedge_plane_req request(struct sedge_plane *p, int64_t now_ms, const char *topic,
                                      struct sedge_plane_out *out)
{
    return (struct sedge_plane_req){
        .topic = topic, .now_ms = now_ms, .db = p->db, .out = out, .guests = p->guests, .docs = p->docs};
}

static void release(struct sedge_plane_req *r)
{
    free(r->thing);
    free(r->arg);
    json_object_put(r->body);
}

int sedge_plane_handle(struct sedge_plane *p, int64_t now_ms, const char *topic, const void *payload, size_t n,
                       struct sedge_plane_out *out, struct sedge_err *err)
{
    struct sedge_plane_req r = request(p, now_ms, topic, out);
    size_t before = out->n;
    int rc;

    r.payload = payload;
    r.payload_len = n;
    rc = parse_topic(&r) ? handle(p, &r, payload, n, err) : 0;
    if (rc < 0) {
        while (out->n > before) {
            out->n--;
            free(out->v[out->n].topic);
            free(out->v[out->n].payload);
        }
        if (has_answers(&r))
            sedge_plane_reject(&r, code_for(&r, "InternalError"), "the service could not store this; repeat", "");
    }
    release(&r);
    return rc < 0 ? -1 : 0;
}

static bool next_get(const struct sedge_plane_req *r)
{
    return r->op == SEDGE_OP_JOB_GET && r->deployments && strcmp(r->arg, "$next") == 0;
}

bool sedge_plane_quick(struct sedge_plane *p, int64_t now_ms, const char *topic, const void *payload, size_t n,
                       struct sedge_plane_out *out)
{
    struct sedge_plane_req r = request(p, now_ms, topic, out);
    bool done = !parse_topic(&r);

    r.guest = done ? NULL : sedge_guests_by_name(p->guests, r.thing);
    if (r.guest && sedge_mono_ms() < r.guest->deaf_until_ms)
        done = true;
    else if (r.guest && next_get(&r) && sedge_guest_idle(p->guests, r.guest)) {
        r.guest->absent = false;
        r.guest->seen_s = now_ms / 1000;
        if (admit(p, &r, payload, n)) sedge_plane_accept(&r, "");
        done = true;
    }
    release(&r);
    return done;
}

int sedge_plane_refresh(struct sedge_plane *p, struct sedge_err *err)
{
    return sedge_guests_refresh(p->guests, p->db, err);
}

void sedge_plane_own(struct sedge_plane *p)
{
    sedge_guests_own(p->guests, p->db);
}

int sedge_plane_write_seen(struct sedge_plane *p, int64_t now_s, struct sedge_err *err)
{
    return sedge_guests_write_seen(p->guests, p->db, now_s, err);
}

int sedge_plane_notify(struct sedge_plane *p, int64_t now_ms, int64_t thing_id, int64_t ns, struct sedge_plane_out *out,
                       char **head, struct sedge_err *err)
{
    const struct sedge_plane_tell t = {p->db, p->docs, now_ms, thing_id, ns};

    if (sedge_guests_by_id(p->guests, thing_id)->absent) return 0;
    if (ns == SEDGE_EXEC_NS_SHADOW) return sedge_plane_shadow_notify(&t, out, head, err);
    return sedge_plane_jobs_notify(&t, out, head, err);
}

static int remember_head(struct sedge_plane *p, int64_t thing_id, const char *head, struct sedge_err *err)
{
    return sedge_q_run(p->db, err,
                       "INSERT INTO notified(thing_id,ns,head) VALUES(?1,?2,?3)"
                       " ON CONFLICT(thing_id,ns) DO UPDATE SET head=excluded.head WHERE head<>excluded.head",
                       "iit", thing_id, (int64_t)SEDGE_EXEC_NS_DEPLOY, head);
}

int sedge_plane_told(struct sedge_plane *p, int64_t thing_id, int64_t ns, int64_t seq, const char *head,
                     struct sedge_err *err)
{
    if (ns == SEDGE_EXEC_NS_SHADOW) return sedge_plane_shadow_told(p->db, thing_id, seq, head, err);
    if (head && remember_head(p, thing_id, head, err) != 0) return -1;
    return sedge_q_run(p->db, err, "DELETE FROM dirty WHERE thing_id=?1 AND ns=?2 AND seq=?3", "iii", thing_id, ns,
                       seq);
}

void sedge_plane_absent(struct sedge_plane *p, int64_t thing_id)
{
    sedge_guests_by_id(p->guests, thing_id)->absent = true;
}
