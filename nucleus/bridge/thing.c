#include "thing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "mqtt/reconnect.h"
#include "status.h"
#include "thing_rules.h"

#define TOKEN_MAX      32
#define CODE_NOT_FOUND 404

/* A request whose answer has not come. */
struct flight {
    char token[TOKEN_MAX]; /* "": none */
    int64_t deadline;
};

struct sedge_thing {
    uv_loop_t *loop;
    uv_timer_t timer;
    struct sedge_thing_options o;
    char *thing, *ggc_version;
    struct sedge_thing_ops ops;
    struct sedge_mqtt *mqtt;
    struct sedge_mqtt_sub *sub;
    bool ready;      /* connected, and every filter granted */
    int64_t version; /* the newest that was seen; -1: none */
    bool read;       /* since the last connect */
    /* what is wanted */
    char *last_arn;
    bool last_canceled;
    /* what is told */
    char *arn, *status; /* of the newest deployment; status may be QUEUED: nothing to tell so far */
    struct json_object *details;
    bool told;
    bool plain;    /* the cloud does not like the details */
    bool refused;  /* nor without them */
    char *telling; /* status on its way, with its ARN in front */
    bool want_get;
    int tries;
    int64_t due; /* of the next request after a failed one */
    int64_t poll_due;
    struct flight get, update;
    char boot[9];
    unsigned counter;
    bool closing;
    void (*closed)(void *user);
    void *closed_user;
};

static void step(struct sedge_thing *t);

void sedge_thing_options_default(struct sedge_thing_options *o)
{
    *o = (struct sedge_thing_options){
        .poll_interval_s = 14400, .answer_timeout_ms = 30000, .retry_min_ms = 5000, .retry_max_ms = 60000};
}

/* ---- the newest status ---- */

static bool is_to_be_told(const struct sedge_thing *t)
{
    return t->status && !t->told && !t->refused && strcmp(t->status, "QUEUED") != 0;
}

bool sedge_thing_owes(const struct sedge_thing *t)
{
    return is_to_be_told(t) && sedge_status_is_terminal(t->status);
}

static void set_status(struct sedge_thing *t, const char *arn, const char *status, struct json_object *details)
{
    char *new_arn = sedge_xstrdup(arn);

    free(t->arn);
    free(t->status);
    (void)json_object_put(t->details);
    t->arn = new_arn;
    t->status = sedge_xstrdup(status);
    t->details = details ? sedge_json_copy(details) : NULL;
    t->told = t->plain = t->refused = false;
}

static char *key_of(const struct sedge_thing *t)
{
    return sedge_xasprintf("%s %s", t->arn, t->status);
}

static void note_told(struct sedge_thing *t)
{
    if (t->told) return;
    t->told = true;
    if (!sedge_status_is_terminal(t->status)) return;
    sedge_log(SEDGE_INFO, "thing", "reported", "arn=%s status=%s", t->arn, t->status);
    t->want_get = true; /* what else is wanted */
    if (t->ops.on_reported) t->ops.on_reported(t->ops.env, t->arn, t->status);
}

/* ---- requests ---- */

static void failed(struct sedge_thing *t)
{
    uint32_t random;

    sedge_random_bytes(&random, sizeof random);
    t->tries++;
    t->due =
        sedge_mono_ms() + sedge_reconnect_delay_ms((unsigned)t->tries, t->o.retry_min_ms, t->o.retry_max_ms, random);
    t->want_get = true; /* before anything is told: what is known may be old */
}

static void sent_cb(void *user, int reason, const struct sedge_err *err)
{
    struct sedge_thing *t = user;

    (void)reason;
    if (!err || !t->ready || err->code == SEDGE_E_CANCELED) return;
    sedge_log(SEDGE_WARN, "thing", "publish-failed", "%s", err->msg);
    t->get.token[0] = t->update.token[0] = 0;
    failed(t);
    step(t);
}

/* Takes the body. */
static void publish(struct sedge_thing *t, struct flight *f, const char *verb, struct json_object *body)
{
    sedge_auto_free char *topic =
        sedge_xasprintf("$aws/things/%s/shadow/name/" SEDGE_THING_SHADOW "/%s", t->thing, verb);
    sedge_auto_put struct json_object *owned = body;
    struct sedge_mqtt_message msg = {.topic = topic, .qos = 1};
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)snprintf(f->token, sizeof f->token, "%s-%u", t->boot, ++t->counter);
    f->deadline = sedge_mono_ms() + t->o.answer_timeout_ms;
    sedge_json_add_str(owned, "clientToken", f->token);
    msg.payload = sedge_json_text(owned);
    msg.len = strlen(msg.payload);
    if (sedge_mqtt_publish(t->mqtt, &msg, sent_cb, t, &err) == 0) return;
    f->token[0] = 0;
    failed(t);
}

static void ask(struct sedge_thing *t)
{
    t->want_get = false;
    publish(t, &t->get, "get", json_object_new_object());
}

/* A key that an earlier status has set is removed by null. */
static struct json_object *details_of(const struct sedge_thing *t)
{
    struct sedge_outcome none = {.detailed = NULL};
    struct json_object *o = t->details && !t->plain ? sedge_json_copy(t->details) : sedge_outcome_for_fleet(&none);

    if (t->details && t->plain)
        sedge_json_add_str(o, "detailedStatus", sedge_json_str(t->details, "detailedStatus", NULL));
    if (!sedge_json_has(o, "detailedStatus")) (void)json_object_object_add(o, "detailedStatus", NULL);
    return o;
}

static void tell(struct sedge_thing *t)
{
    struct json_object *body = json_object_new_object();
    struct json_object *state = json_object_new_object();
    struct json_object *reported = json_object_new_object();

    sedge_json_add_str(reported, "ggcVersion", t->ggc_version);
    sedge_json_add_str(reported, "fleetConfigurationArnForStatus", t->arn);
    (void)json_object_object_add(reported, "statusDetails", details_of(t));
    sedge_json_add_str(reported, "status", t->status);
    (void)json_object_object_add(state, "reported", reported);
    (void)json_object_object_add(body, "state", state);
    sedge_json_add_i64(body, "version", t->version);
    free(t->telling);
    t->telling = key_of(t);
    publish(t, &t->update, "update", body);
}

/* ---- answers ---- */

static void remember(struct sedge_thing *t, const struct sedge_desired *d)
{
    free(t->last_arn);
    t->last_arn = sedge_xstrdup(d->arn);
    t->last_canceled = d->canceled;
}

static void act(struct sedge_thing *t, const struct sedge_desired *d, struct json_object *reported)
{
    struct sedge_thing_memory m = {t->last_arn, t->last_canceled, t->arn,
                                   t->status && sedge_status_is_terminal(t->status)};
    enum sedge_thing_decision decision = sedge_thing_decide(d, reported, &m);

    remember(t, d);
    if (decision == SEDGE_THING_NOTHING) return;
    sedge_log(SEDGE_INFO, "thing", decision == SEDGE_THING_DEPLOY ? "wanted" : "withdrawn", "arn=%s", d->arn);
    if (decision == SEDGE_THING_DEPLOY)
        t->ops.on_deployment(t->ops.env, d->arn, d->document);
    else
        t->ops.on_cancel(t->ops.env);
}

/* whole: the answer to a get; otherwise only what has changed. */
static void look_at_desired(struct sedge_thing *t, struct json_object *state, bool whole)
{
    struct json_object *desired = sedge_json_obj(state, "desired");
    struct sedge_desired d;

    if (!desired) return;
    sedge_desired_read(desired, &d);
    if (!whole && (!t->read || !d.whole))
        t->want_get = true; /* the rest of it is needed */
    else if (d.whole)
        act(t, &d, sedge_json_obj(state, "reported"));
    else if (d.fault)
        sedge_log(SEDGE_ERROR, "thing", "ignored", "the desired state cannot be used: %s", d.fault);
    sedge_desired_release(&d);
}

static void look_at_reported(struct sedge_thing *t, struct json_object *reported, bool whole)
{
    if (!t->status || strcmp(t->status, "QUEUED") == 0 || (!reported && !whole)) return;
    if (!reported || !sedge_json_has(reported, "status") || sedge_thing_differs(reported, t->arn, t->status)) {
        if (whole || t->told) t->told = false; /* tell again, with the new version */
    } else if (whole) {
        note_told(t);
    }
}

static void document(struct sedge_thing *t, struct json_object *body, bool whole)
{
    int64_t version = sedge_json_i64(body, "version", t->version);
    struct json_object *state = sedge_json_obj(body, "state");

    if (version < t->version && !(whole && !t->read)) return; /* older than what is known */
    t->version = version;
    look_at_reported(t, sedge_json_obj(state, "reported"), whole);
    look_at_desired(t, state, whole);
    if (whole) t->read = true;
}

static void got(struct sedge_thing *t, struct json_object *body)
{
    t->get.token[0] = 0;
    t->tries = 0;
    document(t, body, true);
}

static void not_got(struct sedge_thing *t, struct json_object *body)
{
    int64_t code = sedge_json_i64(body, "code", 0);

    t->get.token[0] = 0;
    if (code == CODE_NOT_FOUND) { /* nobody has deployed anything to this device so far */
        t->tries = 0;
        t->version = -1;
        t->read = true;
        return;
    }
    sedge_log(SEDGE_WARN, "thing", "get-refused", "code=%lld message=%s", (long long)code,
              sedge_json_str(body, "message", ""));
    failed(t);
}

static bool is_answer(const struct flight *f, struct json_object *body)
{
    const char *token = sedge_json_str(body, "clientToken", NULL);

    return f->token[0] && (!token || strcmp(token, f->token) == 0);
}

static void updated(struct sedge_thing *t, struct json_object *body)
{
    bool ours = is_answer(&t->update, body) && sedge_json_obj(sedge_json_obj(body, "state"), "reported");
    sedge_auto_free char *newest = t->status ? key_of(t) : NULL;

    if (!ours) {
        document(t, body, false);
        return;
    }
    t->update.token[0] = 0;
    t->tries = 0;
    if (sedge_json_i64(body, "version", 0) > t->version) t->version = sedge_json_i64(body, "version", 0);
    if (sedge_str_eq(newest, t->telling)) note_told(t);
}

static void not_updated(struct sedge_thing *t, struct json_object *body)
{
    int64_t code = sedge_json_i64(body, "code", 0);

    if (!is_answer(&t->update, body)) return;
    t->update.token[0] = 0;
    sedge_log(SEDGE_WARN, "thing", "report-refused", "arn=%s status=%s code=%lld message=%s", t->arn, t->status,
              (long long)code, sedge_json_str(body, "message", ""));
    switch (sedge_thing_judge(code)) {
    case SEDGE_THING_READ_AGAIN:
        t->want_get = true;
        t->read = false; /* nothing is told before the answer */
        break;
    case SEDGE_THING_PLAIN:
        t->refused = t->plain; /* it will never be taken */
        t->plain = true;
        break;
    case SEDGE_THING_TRY_AGAIN:
        failed(t);
        break;
    }
}

static void message_cb(void *user, const struct sedge_mqtt_message *msg)
{
    struct sedge_thing *t = user;
    enum sedge_thing_topic topic = sedge_thing_topic_of(msg->topic, t->thing);
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_put struct json_object *body = NULL;

    if (topic == SEDGE_THING_TOPIC_OTHER || t->closing) return;
    body = sedge_json_parse_object(msg->payload, msg->len, msg->topic, &err);
    if (!body) {
        sedge_log(SEDGE_WARN, "thing", "unreadable", "%s", err.msg);
        return; /* the request times out and is repeated */
    }
    if (topic == SEDGE_THING_TOPIC_GET_ACCEPTED)
        got(t, body);
    else if (topic == SEDGE_THING_TOPIC_GET_REJECTED)
        not_got(t, body);
    else if (topic == SEDGE_THING_TOPIC_UPDATE_ACCEPTED)
        updated(t, body);
    else
        not_updated(t, body);
    step(t);
}

/* ---- what is due ---- */

static void poll_later(struct sedge_thing *t, int64_t now)
{
    uint32_t random;
    int64_t ms = t->o.poll_interval_s * 1000;

    sedge_random_bytes(&random, sizeof random);
    t->poll_due = now + ms * 3 / 4 + (int64_t)((double)ms / 2 * ((double)random / 4294967295.0));
}

static void check_deadline(struct sedge_thing *t, struct flight *f, const char *what, int64_t now)
{
    if (!f->token[0] || now < f->deadline) return;
    sedge_log(SEDGE_WARN, "thing", "no-answer", "request=%s wait-ms=%lld", what, (long long)t->o.answer_timeout_ms);
    f->token[0] = 0;
    failed(t);
}

static void send_due(struct sedge_thing *t, int64_t now)
{
    if (t->due > now || t->get.token[0]) return;
    if (t->want_get)
        ask(t);
    else if (is_to_be_told(t) && t->read && t->version >= 0 && !t->update.token[0])
        tell(t);
}

static void timer_cb(uv_timer_t *timer)
{
    step(timer->data);
}

static int64_t min_of(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void step(struct sedge_thing *t)
{
    int64_t now = sedge_mono_ms();
    int64_t next;

    if (!t->ready || t->closing) return;
    check_deadline(t, &t->get, "get", now);
    check_deadline(t, &t->update, "update", now);
    if (t->poll_due <= now) {
        t->want_get = true;
        poll_later(t, now);
    }
    send_due(t, now);
    next = t->poll_due;
    if (t->due > now) next = min_of(next, t->due);
    if (t->get.token[0]) next = min_of(next, t->get.deadline);
    if (t->update.token[0]) next = min_of(next, t->update.deadline);
    (void)uv_timer_start(&t->timer, timer_cb, next > now ? (uint64_t)(next - now) : 1, 0);
}

/* ---- connection ---- */

static void granted_cb(void *user, const int *codes, size_t n, const struct sedge_err *err)
{
    struct sedge_thing *t = user;

    (void)codes, (void)n;
    if (err) return; /* logged and repeated by the session */
    t->ready = true;
    t->read = false;
    t->want_get = true;
    t->tries = 0;
    t->due = 0;
    t->get.token[0] = t->update.token[0] = 0;
    poll_later(t, sedge_mono_ms());
    step(t);
}

static void state_cb(void *user, enum sedge_mqtt_state state, bool first, const struct sedge_err *why)
{
    struct sedge_thing *t = user;

    (void)first, (void)why;
    if (state == SEDGE_MQTT_CONNECTED) return;
    t->ready = false;
    (void)uv_timer_stop(&t->timer);
}

void sedge_thing_start(struct sedge_thing *t, struct sedge_mqtt *mqtt)
{
    static const char *const rest[] = {"get/+", "update/accepted", "update/rejected"};
    static const struct sedge_mqtt_sub_cbs cbs = {message_cb, granted_cb};
    struct sedge_strv filters = {NULL, 0};
    struct sedge_err err = SEDGE_ERR_INIT;

    t->mqtt = mqtt;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rest); i++)
        sedge_strv_add_take(&filters,
                            sedge_xasprintf("$aws/things/%s/shadow/name/" SEDGE_THING_SHADOW "/%s", t->thing, rest[i]));
    sedge_mqtt_on_state(mqtt, state_cb, t);
    t->sub = sedge_mqtt_subscribe(mqtt, (const char *const *)filters.v, filters.n, 1, &cbs, t, &err);
    if (!t->sub) sedge_log(SEDGE_ERROR, "thing", "not-subscribed", "%s", err.msg);
    sedge_strv_release(&filters);
}

/* ---- public ---- */

struct sedge_thing *sedge_thing_new(uv_loop_t *loop, const struct sedge_thing_options *o,
                                    const struct sedge_thing_ops *ops)
{
    struct sedge_thing *t = SEDGE_NEW(struct sedge_thing);
    struct sedge_buf boot = SEDGE_BUF_INIT;
    unsigned char random[4];

    t->loop = loop;
    t->o = *o;
    t->thing = sedge_xstrdup(o->thing);
    t->ggc_version = sedge_xstrdup(o->version);
    t->ops = *ops;
    t->version = -1;
    sedge_random_bytes(random, sizeof random);
    sedge_hex_encode(&boot, random, sizeof random);
    (void)snprintf(t->boot, sizeof t->boot, "%s", boot.data);
    sedge_buf_release(&boot);
    (void)uv_timer_init(loop, &t->timer);
    t->timer.data = t;
    return t;
}

void sedge_thing_adopt(struct sedge_thing *t, const char *arn, const char *status, struct json_object *details)
{
    set_status(t, arn, status, details);
}

void sedge_thing_status(struct sedge_thing *t, const char *arn, const char *status, struct json_object *details)
{
    set_status(t, arn, status, details);
    step(t);
}

static void timer_closed_cb(uv_handle_t *h)
{
    struct sedge_thing *t = h->data;
    void (*closed)(void *user) = t->closed;
    void *user = t->closed_user;

    free(t->thing);
    free(t->ggc_version);
    free(t->last_arn);
    free(t->arn);
    free(t->status);
    free(t->telling);
    (void)json_object_put(t->details);
    free(t);
    if (closed) closed(user);
}

void sedge_thing_close(struct sedge_thing *t, void (*closed)(void *user), void *user)
{
    if (!t || t->closing) return;
    t->closing = true;
    t->closed = closed;
    t->closed_user = user;
    if (t->mqtt) {
        sedge_mqtt_unsubscribe(t->sub);
        sedge_mqtt_remove_on_state(t->mqtt, state_cb, t);
        sedge_mqtt_forget(t->mqtt, sent_cb, t);
    }
    uv_close((uv_handle_t *)&t->timer, timer_closed_cb);
}
