/* PublishToIoTCore and SubscribeToIoTCore (spec/ipc-operations.md 4). */
#include "internal.h"

#include "base/mem.h"
#include "mqtt/session.h"
#include "mqtt/spool.h"
#include "mqtt/topic.h"

#include <string.h>

#define EVENT_SHAPE  "aws.greengrass#IoTCoreMessage"
#define OFFLINE_TEXT "Device is not configured to connect to AWS"

/* Answers what is wrong with topic or qos; 0 when they are fine. */
static int check_request(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request, bool payload,
                         int *qos)
{
    const char *topic = sedge_json_str(request, "topicName", NULL);
    const char *text = sedge_json_str(request, "qos", NULL);

    if (!topic) {
        sedge_api_error(s, "InvalidArgumentsError", "Topic is required");
        return -1;
    }
    if (sedge_api_authorize(api, s, topic, "Not Authorized") != 0) return -1;
    if (payload && !sedge_json_get(request, "payload")) {
        sedge_api_error(s, "InvalidArgumentsError", "Payload is required");
        return -1;
    }
    if (!text) {
        sedge_api_error(s, "InvalidArgumentsError", "QoS is required");
        return -1;
    }
    if (strcmp(text, "0") != 0 && strcmp(text, "1") != 0) {
        sedge_api_error(s, "InvalidArgumentsError", "Invalid QoS value: %s", text);
        return -1;
    }
    *qos = text[0] - '0';
    return 0;
}

static void decode_blob(struct json_object *request, const char *name, struct sedge_buf *out)
{
    const char *text = sedge_json_str(request, name, "");

    sedge_buf_puts(out, "");
    (void)sedge_base64_decode(out, text, strlen(text), NULL); /* its form was checked with the request */
}

/* The MQTT 5 members of a request, and the memory behind them. */
struct members {
    struct sedge_mqtt_props props;
    struct sedge_mqtt_user_prop *user;
    struct sedge_buf correlation;
};

static void release_members(struct members *m)
{
    free(m->user);
    sedge_buf_release(&m->correlation);
}

static int read_user_properties(struct json_object *request, struct members *m, struct sedge_err *err)
{
    struct json_object *list = sedge_json_arr(request, "userProperties");
    size_t n = list ? json_object_array_length(list) : 0;

    if (n == 0) return 0;
    if (n > SEDGE_API_USER_PROPERTIES_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "%zu user properties; at most %d are possible", n,
                             SEDGE_API_USER_PROPERTIES_MAX);
    m->user = sedge_xcalloc(n, sizeof *m->user);
    for (size_t i = 0; i < n; i++) {
        struct json_object *p = json_object_array_get_idx(list, i);
        m->user[i].key = sedge_json_str(p, "key", "");
        m->user[i].value = sedge_json_str(p, "value", "");
    }
    m->props.user = m->user;
    m->props.n_user = n;
    return 0;
}

static int read_members(struct json_object *request, struct members *m, struct sedge_err *err)
{
    const char *format = sedge_json_str(request, "payloadFormat", "");
    struct sedge_mqtt_props *p = &m->props;

    *m = (struct members){.props = SEDGE_MQTT_PROPS_INIT, .correlation = SEDGE_BUF_INIT};
    p->content_type = sedge_json_str(request, "contentType", NULL);
    p->response_topic = sedge_json_str(request, "responseTopic", NULL);
    if (sedge_json_get(request, "correlationData")) {
        decode_blob(request, "correlationData", &m->correlation);
        p->correlation = m->correlation.data;
        p->correlation_len = m->correlation.len;
    }
    if (sedge_json_get(request, "messageExpiryIntervalSeconds")) {
        p->expiry_s = sedge_json_i64(request, "messageExpiryIntervalSeconds", 0);
        if (p->expiry_s < 0)
            return sedge_err_set(err, SEDGE_E_INVALID, "messageExpiryIntervalSeconds must not be negative");
    }
    if (strcmp(format, "0") == 0 || strcmp(format, "1") == 0) p->payload_format = format[0] - '0';
    return read_user_properties(request, m, err);
}

void sedge_op_publish_iotcore(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    sedge_auto_buf struct sedge_buf payload = SEDGE_BUF_INIT;
    struct members members;
    struct sedge_mqtt_message msg = {.topic = sedge_json_str(request, "topicName", ""), .props = &members.props};
    struct sedge_err err = SEDGE_ERR_INIT;

    if (check_request(api, s, request, true, &msg.qos) != 0) return;
    decode_blob(request, "payload", &payload);
    msg.payload = payload.data;
    msg.len = payload.len;
    msg.retain = sedge_json_bool(request, "retain", false);
    if (read_members(request, &members, &err) == 0 &&
        sedge_spool_publish(api->o.spool, sedge_ipc_stream_identity(s), &msg, &err) == 0)
        (void)sedge_ipc_respond(s, NULL);
    else
        sedge_api_error(s, "ServiceError", "Publish to topic %s failed: %s", msg.topic, err.msg);
    release_members(&members);
}

/* ---- subscribing ---- */

struct iotcore_sub {
    struct sedge_api_sub base;
    struct sedge_mqtt_sub *mqtt;
    bool accepted;
    char *filter;
};

static void end_iotcore_sub(struct sedge_api_sub *base)
{
    struct iotcore_sub *sub = (struct iotcore_sub *)base;

    sedge_mqtt_unsubscribe(sub->mqtt);
    free(sub->filter);
    free(sub);
}

static struct json_object *user_properties(const struct sedge_mqtt_props *p)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < p->n_user; i++) {
        struct json_object *o = json_object_new_object();
        sedge_json_add_str(o, "key", p->user[i].key);
        sedge_json_add_str(o, "value", p->user[i].value);
        (void)json_object_array_add(list, o);
    }
    return list;
}

static void add_blob(struct json_object *o, const char *name, const void *data, size_t n)
{
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;

    sedge_buf_puts(&text, "");
    sedge_base64_encode(&text, data, n);
    sedge_json_add_str(o, name, text.data);
}

static void add_props(struct json_object *m, const struct sedge_mqtt_props *p)
{
    if (!p) return;
    if (p->n_user) (void)json_object_object_add(m, "userProperties", user_properties(p));
    if (p->expiry_s >= 0) sedge_json_add_i64(m, "messageExpiryIntervalSeconds", p->expiry_s);
    if (p->correlation) add_blob(m, "correlationData", p->correlation, p->correlation_len);
    sedge_json_add_str(m, "responseTopic", p->response_topic);
    sedge_json_add_str(m, "contentType", p->content_type);
}

static void message_cb(void *user, const struct sedge_mqtt_message *msg)
{
    struct iotcore_sub *sub = user;
    sedge_auto_put struct json_object *event = json_object_new_object();
    struct json_object *m = json_object_new_object();

    sedge_json_add_str(m, "topicName", msg->topic);
    add_blob(m, "payload", msg->payload, msg->len);
    sedge_json_add_bool(m, "retain", msg->retain);
    sedge_json_add_str(m, "payloadFormat", msg->props && msg->props->payload_format == 1 ? "1" : "0");
    add_props(m, msg->props);
    (void)json_object_object_add(event, "message", m);
    (void)sedge_ipc_event_json(sub->base.stream, EVENT_SHAPE,
                               sedge_json_text(event)); /* loss of a slow reader is counted there */
}

static void refuse(struct iotcore_sub *sub, int code, const struct sedge_err *err)
{
    sedge_auto_put struct json_object *context = json_object_new_object();
    sedge_auto_put struct json_object *extras = json_object_new_object();
    sedge_auto_free char *text = sedge_xasprintf("Subscribe to topic %s failed with error %s", sub->filter,
                                                 code >= 0x80 ? sedge_mqtt_reason_name(code) : err->msg);
    const char *words = sedge_mqtt_sub_reason_string(sub->mqtt);
    struct sedge_ipc_stream *s = sub->base.stream;

    (void)json_object_object_add(context, "reasonString", words ? json_object_new_string(words) : NULL);
    sedge_json_add_i64(context, "reasonCode", code);
    if (code >= 0x80) (void)json_object_object_add(extras, "context", sedge_steal(&context));
    sedge_ipc_stream_set_user(s, NULL);
    (void)sedge_ipc_error(s, "ServiceError", text, sedge_json_text(extras));
    end_iotcore_sub(&sub->base);
}

static void granted_cb(void *user, const int *codes, size_t n, const struct sedge_err *err)
{
    struct iotcore_sub *sub = user;

    if (sub->accepted) return; /* made again after a reconnect */
    if (err) {
        refuse(sub, n ? codes[0] : -1, err);
        return;
    }
    sub->accepted = true;
    (void)sedge_ipc_accept_stream(sub->base.stream, NULL);
}

void sedge_op_subscribe_iotcore(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    static const struct sedge_mqtt_sub_cbs cbs = {message_cb, granted_cb};
    const char *filter = sedge_json_str(request, "topicName", "");
    struct sedge_err err = SEDGE_ERR_INIT;
    struct iotcore_sub *sub;
    int qos = 0;

    if (check_request(api, s, request, false, &qos) != 0) return;
    if (!api->o.mqtt)
        (void)sedge_err_set(&err, SEDGE_E_UNAVAILABLE, OFFLINE_TEXT);
    else
        (void)sedge_mqtt_filter_check(filter, sedge_mqtt_is_v5(api->o.mqtt), &err);
    if (err.code != SEDGE_OK) {
        sedge_api_error(s, "ServiceError", "Subscribe to topic %s failed with error %s", filter, err.msg);
        return;
    }
    sub = SEDGE_NEW(struct iotcore_sub);
    sub->base = (struct sedge_api_sub){api, s, end_iotcore_sub};
    sub->filter = sedge_xstrdup(filter);
    sub->mqtt = sedge_mqtt_subscribe(api->o.mqtt, &filter, 1, qos, &cbs, sub, &err);
    if (!sub->mqtt) {
        sedge_api_error(s, "ServiceError", "Subscribe to topic %s failed with error %s", filter, err.msg);
        free(sub->filter);
        free(sub);
        return;
    }
    sedge_ipc_stream_set_user(s, sub);
}
