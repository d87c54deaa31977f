/* Outgoing messages of a session: token bucket, window of unacknowledged ones, time-outs. */
#include <mqtt_protocol.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "internal.h"
#include "topic.h"

static void push(struct sedge_pub_list *l, struct sedge_pub *p)
{
    p->next = NULL;
    if (l->last)
        l->last->next = p;
    else
        l->first = p;
    l->last = p;
    l->n++;
}

static struct sedge_pub *pop(struct sedge_pub_list *l)
{
    struct sedge_pub *p = l->first;

    if (!p) return NULL;
    l->first = p->next;
    if (!l->first) l->last = NULL;
    l->n--;
    return p;
}

static void unlink_pub(struct sedge_pub_list *l, struct sedge_pub *gone)
{
    struct sedge_pub *prev = NULL;

    for (struct sedge_pub *p = l->first; p; prev = p, p = p->next) {
        if (p != gone) continue;
        if (prev)
            prev->next = p->next;
        else
            l->first = p->next;
        if (l->last == p) l->last = prev;
        l->n--;
        return;
    }
}

static void free_pub(struct sedge_pub *p)
{
    free(p->topic);
    free(p->payload);
    mosquitto_property_free_all(&p->props);
    free(p);
}

static enum sedge_err_code code_of_reason(int reason)
{
    switch (reason) {
    case MQTT_RC_NOT_AUTHORIZED:
        return SEDGE_E_DENIED;
    case MQTT_RC_TOPIC_NAME_INVALID:
    case MQTT_RC_PACKET_TOO_LARGE:
    case MQTT_RC_PAYLOAD_FORMAT_INVALID:
        return SEDGE_E_INVALID;
    default:
        return SEDGE_E_UNAVAILABLE;
    }
}

static void finish(struct sedge_mqtt *m, struct sedge_pub *p, int reason)
{
    p->reason = reason;
    if (reason >= 0x80)
        (void)sedge_err_set(&p->err, code_of_reason(reason), "the broker refused the message on %s: %s (%s, code %d)",
                            p->topic, mosquitto_reason_string(reason), sedge_mqtt_reason_name(reason), reason);
    push(&m->finished, p);
    sedge_mqtt_kick(m, 0);
}

static void finish_failed(struct sedge_mqtt *m, struct sedge_pub *p, enum sedge_err_code code, const char *why)
{
    p->reason = -1;
    (void)sedge_err_set(&p->err, code, "message on %s: %s", p->topic, why);
    push(&m->finished, p);
    sedge_mqtt_kick(m, 0);
}

int sedge_mqtt_publish(struct sedge_mqtt *m, const struct sedge_mqtt_message *msg, sedge_mqtt_done done, void *user,
                       struct sedge_err *err)
{
    struct sedge_pub *p;

    if (!m->connected || m->closing) return sedge_err_set(err, SEDGE_E_UNAVAILABLE, "not connected to %s", m->o.host);
    if (sedge_mqtt_topic_check(msg->topic, sedge_mqtt_is_v5(m), err) != 0) return -1;
    if (sedge_mqtt_props_check(msg->props, err) != 0) return -1;
    if (msg->qos < 0 || msg->qos > 1) return sedge_err_set(err, SEDGE_E_INVALID, "QoS %d: 0 or 1 expected", msg->qos);
    if (msg->len > (size_t)SEDGE_MQTT_PAYLOAD_MAX * 2048)
        return sedge_err_set(err, SEDGE_E_LIMIT, "a message of %zu bytes is too large for MQTT", msg->len);
    if (m->waiting.n + m->sent.n >= SEDGE_MQTT_PENDING_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "%d messages wait for the broker", SEDGE_MQTT_PENDING_MAX);
    p = SEDGE_NEW(struct sedge_pub);
    p->topic = sedge_xstrdup(msg->topic);
    p->payload = sedge_xcalloc(1, msg->len + 1);
    if (msg->len) memcpy(p->payload, msg->payload, msg->len);
    p->len = msg->len;
    p->qos = msg->qos;
    p->retain = msg->retain;
    if (sedge_mqtt_is_v5(m)) p->props = sedge_props_to_library(msg->props);
    p->done = done;
    p->user = user;
    p->deadline = sedge_mono_ms() + m->o.operation_timeout_ms;
    push(&m->waiting, p);
    sedge_mqtt_kick(m, 0);
    return 0;
}

static void forget_in(struct sedge_pub_list *l, sedge_mqtt_done done, void *user)
{
    for (struct sedge_pub *p = l->first; p; p = p->next)
        if (p->done == done && p->user == user) p->done = NULL;
}

void sedge_mqtt_forget(struct sedge_mqtt *m, sedge_mqtt_done done, void *user)
{
    forget_in(&m->waiting, done, user);
    forget_in(&m->sent, done, user);
    forget_in(&m->finished, done, user);
}

static void send_one(struct sedge_mqtt *m, struct sedge_pub *p)
{
    int rc =
        mosquitto_publish_v5(m->link->mosq, &p->mid, p->topic, (int)p->len, p->payload, p->qos, p->retain, p->props);

    switch (rc) {
    case MOSQ_ERR_PAYLOAD_SIZE:
    case MOSQ_ERR_OVERSIZE_PACKET:
        finish(m, p, MQTT_RC_PACKET_TOO_LARGE);
        return;
    case MOSQ_ERR_QOS_NOT_SUPPORTED:
    case MOSQ_ERR_RETAIN_NOT_SUPPORTED:
        finish(m, p, MQTT_RC_RETAIN_NOT_SUPPORTED);
        return;
    case MOSQ_ERR_INVAL:
    case MOSQ_ERR_MALFORMED_UTF8:
    case MOSQ_ERR_PROTOCOL:
        finish(m, p, MQTT_RC_TOPIC_NAME_INVALID);
        return;
    default:
        break; /* a lost connection is noticed by the session, which then fails all that was sent */
    }
    if (p->qos == 0 && rc == MOSQ_ERR_SUCCESS) {
        finish(m, p, 0);
        return;
    }
    p->deadline = sedge_mono_ms() + m->o.operation_timeout_ms;
    push(&m->sent, p);
}

void sedge_pub_pump(struct sedge_mqtt *m)
{
    while (m->connected && !m->link->gone && m->waiting.first && m->sent.n < SEDGE_MQTT_INFLIGHT_MAX) {
        struct sedge_pub *p = m->waiting.first;
        int64_t now = sedge_mono_ms();
        int64_t wait = sedge_bucket_wait(&m->bytes, (double)p->len, now);

        if (wait == 0) wait = sedge_bucket_take(&m->publishes, 1, now);
        if (wait > 0) {
            sedge_mqtt_kick(m, wait);
            return;
        }
        (void)sedge_bucket_take(&m->bytes, (double)p->len, now);
        (void)pop(&m->waiting);
        send_one(m, p);
    }
}

void sedge_pub_acked(struct sedge_mqtt *m, int mid, int reason)
{
    for (struct sedge_pub *p = m->sent.first; p; p = p->next) {
        if (p->mid != mid) continue;
        unlink_pub(&m->sent, p);
        finish(m, p, reason);
        return;
    }
}

static void expire_list(struct sedge_mqtt *m, struct sedge_pub_list *l, int64_t now)
{
    struct sedge_pub *next;

    for (struct sedge_pub *p = l->first; p; p = next) {
        next = p->next;
        if (now < p->deadline) continue;
        unlink_pub(l, p);
        finish_failed(m, p, SEDGE_E_TIMEOUT, "the broker did not acknowledge it in time");
    }
}

void sedge_pub_expire(struct sedge_mqtt *m, int64_t now)
{
    expire_list(m, &m->sent, now);
    expire_list(m, &m->waiting, now);
}

void sedge_pub_fail_all(struct sedge_mqtt *m, enum sedge_err_code code, const char *why)
{
    struct sedge_pub *p;

    while ((p = pop(&m->sent)))
        finish_failed(m, p, code, why);
    while ((p = pop(&m->waiting)))
        finish_failed(m, p, code, why);
}

void sedge_pub_deliver_done(struct sedge_mqtt *m)
{
    struct sedge_pub_list now = m->finished;
    struct sedge_pub *p;

    /* Stays reachable for sedge_mqtt_forget: taken one by one, and only what was there at the beginning. */
    for (size_t i = 0; i < now.n && (p = pop(&m->finished)); i++) {
        if (p->done) p->done(p->user, p->reason, p->err.code == SEDGE_OK ? NULL : &p->err);
        free_pub(p);
    }
    if (m->finished.first) sedge_mqtt_kick(m, 0);
}

static const struct {
    int code;
    const char *name;
} reasons[] = {
    {0x00, "SUCCESS"},
    {0x01, "GRANTED_QOS_1"},
    {0x02, "GRANTED_QOS_2"},
    {0x10, "NO_MATCHING_SUBSCRIBERS"},
    {0x80, "UNSPECIFIED_ERROR"},
    {0x83, "IMPLEMENTATION_SPECIFIC_ERROR"},
    {0x87, "NOT_AUTHORIZED"},
    {0x8F, "TOPIC_FILTER_INVALID"},
    {0x90, "TOPIC_NAME_INVALID"},
    {0x91, "PACKET_IDENTIFIER_IN_USE"},
    {0x95, "PACKET_TOO_LARGE"},
    {0x97, "QUOTA_EXCEEDED"},
    {0x99, "PAYLOAD_FORMAT_INVALID"},
    {0x9A, "RETAIN_NOT_SUPPORTED"},
    {0x9B, "QOS_NOT_SUPPORTED"},
    {0x9E, "SHARED_SUBSCRIPTIONS_NOT_SUPPORTED"},
    {0xA1, "SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED"},
    {0xA2, "WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED"},
};

const char *sedge_mqtt_reason_name(int reason)
{
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(reasons); i++)
        if (reasons[i].code == reason) return reasons[i].name;
    return "UNKNOWN";
}
