/* The spool as others see it: accepting messages, making and closing. */
#include "spool.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "spool_parts.h"
#include "topic.h"

#define DISK_BYTES   (16 * 1024 * 1024)
#define MEMORY_BYTES 2621440

void sedge_spool_options_default(struct sedge_spool_options *o)
{
    *o = (struct sedge_spool_options){.max_messages = SEDGE_SPOOL_MESSAGES_MAX,
                                      .max_payload = SEDGE_MQTT_PAYLOAD_MAX,
                                      .min_free_bytes = 100000000,
                                      .max_retry = 100,
                                      .max_inflight = 5,
                                      .replay_messages_per_s = 10,
                                      .replay_bytes_per_s = 65536,
                                      .policy = SEDGE_SPOOL_REJECT_NEW};
}

/* --- accepting --------------------------------------------------------------------------------------------------- */

static int check(struct sedge_spool *s, const struct sedge_mqtt_message *msg, struct sedge_err *err)
{
    if (!s->mqtt)
        return sedge_err_set(err, SEDGE_E_UNAVAILABLE, "Cannot publish because device is configured to run offline");
    if (msg->len > (size_t)s->o.max_payload)
        return sedge_err_set(err, SEDGE_E_LIMIT,
                             "The publishing message size %zu bytes exceeds the configured limit of %lld bytes",
                             msg->len, (long long)s->o.max_payload);
    if (sedge_mqtt_topic_check(msg->topic, sedge_mqtt_is_v5(s->mqtt), err) != 0) return -1;
    if (sedge_mqtt_props_check(msg->props, err) != 0) return -1;
    if (msg->qos < 0 || msg->qos > 1) return sedge_err_set(err, SEDGE_E_INVALID, "Invalid QoS value: %d", msg->qos);
    if (msg->qos == 0 && !s->o.keep_qos0 && !sedge_mqtt_connected(s->mqtt))
        return sedge_err_set(err, SEDGE_E_UNAVAILABLE, "Device is offline. Dropping QoS 0 message.");
    if (s->closing) return sedge_err_set(err, SEDGE_E_CANCELED, "The nucleus is shutting down");
    return 0;
}

static void enqueue(struct sedge_spool *s, struct sedge_item *i)
{
    bool full = s->queue.n >= SEDGE_SPOOL_WINDOW || s->unloaded > 0;

    if (i->qos > 0 && full && s->writer && s->disk_ok) {
        sedge_spool_write_only(s, i);
        return;
    }
    if (i->qos > 0 && s->unloaded == 0) s->loaded_id = i->id;
    sedge_spool_list_add(i->qos > 0 ? &s->queue : &s->loose, i);
}

int sedge_spool_publish(struct sedge_spool *s, const char *component, const struct sedge_mqtt_message *msg,
                        struct sedge_err *err)
{
    struct sedge_item *i;

    if (check(s, msg, err) != 0) return -1;
    i = sedge_item_new(component, msg);
    if (sedge_spool_make_room(s, i, err) != 0) {
        sedge_item_free(i);
        return -1;
    }
    i->s = s;
    i->id = s->next_id++;
    i->replay = !sedge_mqtt_connected(s->mqtt);
    sedge_spool_account(s, i, 1);
    s->stats.accepted++;
    enqueue(s, i);
    sedge_spool_arm(s, 0);
    return 0;
}

/* --- making and closing ------------------------------------------------------------------------------------------ */

static void take_options(struct sedge_spool *s, const struct sedge_spool_options *o)
{
    s->o = *o;
    if (s->o.max_inflight < 1) s->o.max_inflight = 1;
    if (s->o.max_inflight > SEDGE_MQTT_INFLIGHT_MAX) s->o.max_inflight = SEDGE_MQTT_INFLIGHT_MAX;
    if (s->o.max_bytes == 0) s->o.max_bytes = s->writer ? DISK_BYTES : MEMORY_BYTES;
}

void sedge_spool_set_options(struct sedge_spool *s, const struct sedge_spool_options *o)
{
    int64_t now = sedge_mono_ms();

    take_options(s, o);
    sedge_bucket_init(&s->replay_messages, s->o.replay_messages_per_s, now);
    sedge_bucket_init(&s->replay_bytes, s->o.replay_bytes_per_s, now);
    sedge_spool_arm(s, 0);
}

struct sedge_spool *sedge_spool_new(uv_loop_t *loop, struct sedge_mqtt *mqtt, const struct sedge_spool_options *o,
                                    struct sedge_err *err)
{
    struct sedge_spool *s;

    if (o->max_bytes < 0 || o->max_messages < 1 || o->max_payload < 0) {
        (void)sedge_err_set(err, SEDGE_E_INVALID, "mqtt.spooler: sizes must be positive");
        return NULL;
    }
    s = SEDGE_NEW(struct sedge_spool);
    s->loop = loop;
    s->mqtt = mqtt;
    s->o = *o;
    s->path = sedge_xstrdup(o->path);
    s->next_id = 1;
    if (s->path) sedge_spool_open_storage(s);
    take_options(s, o);
    sedge_spool_sender_start(s);
    return s;
}

void sedge_spool_stats(const struct sedge_spool *s, struct sedge_spool_stats *out)
{
    *out = s->stats;
}

static void timer_closed_cb(uv_handle_t *h)
{
    struct sedge_spool *s = h->data;
    void (*closed)(void *user) = s->closed;
    void *user = s->closed_user;

    sedge_dbw_close(s->writer); /* idle: does not wait */
    sedge_spool_queue_release(s);
    free(s->path);
    free(s);
    if (closed) closed(user);
}

void sedge_spool_maybe_closed(struct sedge_spool *s)
{
    if (s->ops > 0 || uv_is_closing((uv_handle_t *)&s->timer)) return;
    uv_close((uv_handle_t *)&s->timer, timer_closed_cb);
}

void sedge_spool_close(struct sedge_spool *s, void (*closed)(void *user), void *user)
{
    if (!s || s->closing) return;
    s->closing = true;
    s->closed = closed;
    s->closed_user = user;
    sedge_spool_sender_stop(s);
    s->disk_again = 0;
    sedge_spool_write_waiting(s, INT64_MAX);
    sedge_spool_maybe_closed(s);
}
