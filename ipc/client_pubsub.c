/* Messages: the local bus and the cloud's broker. */
#include "client.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

/* ---- publish ---- */

/* One request, with or without waiting. */
static int publish(struct sedge_ipc_client *c, const char *operation, const char *request, bool waits,
                   sedge_ipc_reply_cb on_reply, void *user, struct sedge_ipc_err *err)
{
    if (waits) return sedge_ipc_call(c, operation, request, NULL, err);
    return sedge_ipc_call_async(c, operation, request, on_reply, user, err);
}

static int publish_json(struct sedge_ipc_client *c, const char *topic, const char *json, bool waits,
                        sedge_ipc_reply_cb on_reply, void *user, struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    if (sedge_need("topic", topic, err) || sedge_need_object("message", json, err)) return -1;
    sedge_req_open(&b);
    sedge_req_text(&b, "topic", topic);
    sedge_buf_puts(&b, ",\"publishMessage\":{\"jsonMessage\":{\"message\":");
    sedge_buf_puts(&b, json);
    sedge_buf_puts(&b, "}}}");
    return publish(c, "PublishToTopic", b.data, waits, on_reply, user, err);
}

static int publish_binary(struct sedge_ipc_client *c, const char *topic, const void *data, size_t size, bool waits,
                          sedge_ipc_reply_cb on_reply, void *user, struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    if (sedge_need("topic", topic, err) || sedge_limit_blob(size, err)) return -1;
    sedge_req_open(&b);
    sedge_req_text(&b, "topic", topic);
    sedge_buf_puts(&b, ",\"publishMessage\":{\"binaryMessage\":{");
    sedge_req_blob(&b, "message", data, size);
    sedge_buf_puts(&b, "}}}");
    return publish(c, "PublishToTopic", b.data, waits, on_reply, user, err);
}

int sedge_ipc_publish_json(struct sedge_ipc_client *c, const char *topic, const char *json, struct sedge_ipc_err *err)
{
    return publish_json(c, topic, json, true, NULL, NULL, err);
}

int sedge_ipc_publish_binary(struct sedge_ipc_client *c, const char *topic, const void *data, size_t size,
                             struct sedge_ipc_err *err)
{
    return publish_binary(c, topic, data, size, true, NULL, NULL, err);
}

int sedge_ipc_publish_json_async(struct sedge_ipc_client *c, const char *topic, const char *json,
                                 sedge_ipc_reply_cb on_reply, void *user, struct sedge_ipc_err *err)
{
    return publish_json(c, topic, json, false, on_reply, user, err);
}

int sedge_ipc_publish_binary_async(struct sedge_ipc_client *c, const char *topic, const void *data, size_t size,
                                   sedge_ipc_reply_cb on_reply, void *user, struct sedge_ipc_err *err)
{
    return publish_binary(c, topic, data, size, false, on_reply, user, err);
}

/* ---- publish to the cloud ---- */

static void add_user_properties(struct sedge_buf *b, const struct sedge_ipc_mqtt *m)
{
    if (m->nuser_properties == 0) return;
    sedge_req_key(b, "userProperties");
    sedge_buf_putc(b, '[');
    for (size_t i = 0; i < m->nuser_properties; i++) {
        if (i > 0) sedge_buf_putc(b, ',');
        sedge_req_open(b);
        sedge_req_text(b, "key", m->user_properties[i].key);
        sedge_req_text(b, "value", m->user_properties[i].value);
        (void)sedge_req_close(b);
    }
    sedge_buf_putc(b, ']');
}

static void add_properties(struct sedge_buf *b, const struct sedge_ipc_mqtt *given)
{
    struct sedge_ipc_mqtt m = SEDGE_IPC_MQTT_INIT;

    memcpy(&m, given, given->size < sizeof m ? given->size : sizeof m); /* as read_options in client.c */
    if (m.retain) sedge_req_raw(b, "retain", "true");
    if (m.is_text) sedge_req_text(b, "payloadFormat", "1");
    sedge_req_text(b, "contentType", m.content_type);
    sedge_req_text(b, "responseTopic", m.response_topic);
    if (m.correlation_data) sedge_req_blob(b, "correlationData", m.correlation_data, m.correlation_size);
    if (m.expiry_s >= 0) sedge_req_int(b, "messageExpiryIntervalSeconds", m.expiry_s);
    add_user_properties(b, &m);
}

static int need_qos(int qos, struct sedge_ipc_err *err)
{
    if (qos == 0 || qos == 1) return 0;
    return sedge_client_fail(err, SEDGE_IPC_E_ARGUMENT, "qos is %d, expected 0 or 1", qos);
}

static void topic_and_qos(struct sedge_buf *b, const char *topic, int qos)
{
    sedge_req_open(b);
    sedge_req_text(b, "topicName", topic);
    sedge_req_text(b, "qos", qos ? "1" : "0");
}

int sedge_ipc_publish_mqtt(struct sedge_ipc_client *c, const char *topic, int qos, const void *data, size_t size,
                           const struct sedge_ipc_mqtt *properties, sedge_ipc_reply_cb on_reply, void *user,
                           struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    if (sedge_need("topic", topic, err) || sedge_limit_blob(size, err) || need_qos(qos, err)) return -1;
    topic_and_qos(&b, topic, qos);
    sedge_req_blob(&b, "payload", data, size);
    if (properties) add_properties(&b, properties);
    return publish(c, "PublishToIoTCore", sedge_req_close(&b), on_reply == NULL, on_reply, user, err);
}

int sedge_ipc_publish_iot_core(struct sedge_ipc_client *c, const char *topic, int qos, const void *data, size_t size,
                               struct sedge_ipc_err *err)
{
    return sedge_ipc_publish_mqtt(c, topic, qos, data, size, NULL, NULL, NULL, err);
}

/* ---- subscribe ---- */

/* Base64 of an event as bytes with a NUL behind; an absent one is empty. */
static int blob(struct sedge_buf *b, const char *base64, size_t len)
{
    if (base64 && sedge_base64_decode(b, base64, len, NULL)) return -1;
    sedge_buf_putc(b, '\0');
    b->len--;
    return 0;
}

/* The text of a JSON string, unescaped; NULL: not one. */
static struct json_object *string_of(struct sedge_text t)
{
    struct json_object *o = t.p ? sedge_json_parse(t.p, t.len, "text", NULL) : NULL;

    if (sedge_json_is_str(o)) return o;
    (void)json_object_put(o);
    return NULL;
}

/* The document of a JSON message passes through as it is, byte for byte and however deep. */
static int message_data(struct sedge_text body, bool is_json, struct sedge_buf *out)
{
    struct sedge_text message = sedge_json_member(body, "message");
    sedge_auto_put struct json_object *base64 = NULL;

    if (is_json) {
        if (!message.p || *message.p != '{') return -1;
        sedge_buf_add(out, message.p, message.len);
        return blob(out, NULL, 0);
    }
    base64 = string_of(message);
    if (message.p && !base64) return -1;
    return blob(out, json_object_get_string(base64), (size_t)json_object_get_string_len(base64));
}

static int topic_event(sedge_any_cb callback, const char *json, size_t size, void *user)
{
    struct sedge_text event = {json, size}, j = sedge_json_member(event, "jsonMessage");
    struct sedge_text body = j.p ? j : sedge_json_member(event, "binaryMessage");
    sedge_auto_put struct json_object *topic =
        string_of(sedge_json_member(sedge_json_member(body, "context"), "topic"));
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    struct sedge_ipc_message m = {.is_json = j.p != NULL};

    if (!body.p || message_data(body, m.is_json, &b)) return -1;
    m.topic = topic ? json_object_get_string(topic) : "";
    m.data = b.data;
    m.size = b.len;
    if (callback) SEDGE_AS_CB(sedge_ipc_message_cb, callback)(&m, user);
    return 0;
}

int sedge_ipc_subscribe_topic(struct sedge_ipc_client *c, const char *filter, const char *receive_mode,
                              sedge_ipc_message_cb on_message, sedge_ipc_end_cb on_end, void *user,
                              sedge_ipc_sub_t *sub, struct sedge_ipc_err *err)
{
    struct sedge_sub_spec spec = {"SubscribeToTopic", topic_event, SEDGE_ANY_CB(on_message), NULL, on_end, user, false};
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    if (sedge_need("filter", filter, err)) return -1;
    sedge_req_open(&b);
    sedge_req_text(&b, "topic", filter);
    sedge_req_text(&b, "receiveMode", receive_mode);
    return sedge_client_subscribe(c, &spec, sedge_req_close(&b), sub, err);
}

static struct sedge_ipc_user_property *user_properties(struct json_object *list, size_t *n)
{
    struct sedge_ipc_user_property *p;

    *n = list ? json_object_array_length(list) : 0;
    p = sedge_xcalloc(*n + 1, sizeof *p);
    for (size_t i = 0; i < *n; i++) {
        struct json_object *one = json_object_array_get_idx(list, i);

        p[i].key = sedge_json_str(one, "key", "");
        p[i].value = sedge_json_str(one, "value", "");
    }
    return p;
}

static int iot_core_event(sedge_any_cb callback, const char *json, size_t size, void *user)
{
    sedge_auto_put struct json_object *o = sedge_json_parse_object(json, size, "event", NULL);
    struct json_object *e = sedge_json_obj(o, "message");
    const char *payload = sedge_json_str(e, "payload", ""), *correlation = sedge_json_str(e, "correlationData", NULL);
    sedge_auto_buf struct sedge_buf data = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf extra = SEDGE_BUF_INIT;
    struct sedge_ipc_mqtt q = SEDGE_IPC_MQTT_INIT;
    struct sedge_ipc_message m = {.topic = sedge_json_str(e, "topicName", ""), .mqtt = &q};
    sedge_auto_free struct sedge_ipc_user_property *list = NULL;

    if (!e || blob(&data, payload, strlen(payload)) || blob(&extra, correlation, correlation ? strlen(correlation) : 0))
        return -1;
    m.data = data.data;
    m.size = data.len;
    q.retain = sedge_json_bool(e, "retain", false);
    q.is_text = strcmp(sedge_json_str(e, "payloadFormat", "0"), "1") == 0;
    q.content_type = sedge_json_str(e, "contentType", NULL);
    q.response_topic = sedge_json_str(e, "responseTopic", NULL);
    q.correlation_data = correlation ? extra.data : NULL;
    q.correlation_size = extra.len;
    q.expiry_s = sedge_json_i64(e, "messageExpiryIntervalSeconds", -1);
    q.user_properties = list = user_properties(sedge_json_arr(e, "userProperties"), &q.nuser_properties);
    if (callback) SEDGE_AS_CB(sedge_ipc_message_cb, callback)(&m, user);
    return 0;
}

static int subscribe_iot_core(struct sedge_ipc_client *c, const char *filter, int qos,
                              const struct sedge_sub_spec *spec, sedge_ipc_sub_t *sub, struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    if (sedge_need("filter", filter, err) || need_qos(qos, err)) return -1;
    topic_and_qos(&b, filter, qos);
    return sedge_client_subscribe(c, spec, sedge_req_close(&b), sub, err);
}

int sedge_ipc_subscribe_iot_core(struct sedge_ipc_client *c, const char *filter, int qos,
                                 sedge_ipc_message_cb on_message, sedge_ipc_end_cb on_end, void *user,
                                 sedge_ipc_sub_t *sub, struct sedge_ipc_err *err)
{
    struct sedge_sub_spec spec = {
        "SubscribeToIoTCore", iot_core_event, SEDGE_ANY_CB(on_message), NULL, on_end, user, false};

    return subscribe_iot_core(c, filter, qos, &spec, sub, err);
}

int sedge_ipc_subscribe_iot_core_async(struct sedge_ipc_client *c, const char *filter, int qos,
                                       sedge_ipc_message_cb on_message, sedge_ipc_accept_cb on_accept,
                                       sedge_ipc_end_cb on_end, void *user, sedge_ipc_sub_t *sub,
                                       struct sedge_ipc_err *err)
{
    struct sedge_sub_spec spec = {
        "SubscribeToIoTCore", iot_core_event, SEDGE_ANY_CB(on_message), on_accept, on_end, user, true};

    return subscribe_iot_core(c, filter, qos, &spec, sub, err);
}

static int connection_event(sedge_any_cb callback, const char *json, size_t size, void *user)
{
    sedge_auto_put struct json_object *o = sedge_json_parse_object(json, size, "event", NULL);
    const char *status = sedge_json_str(sedge_json_obj(o, "connectionStatusEvent"), "status", NULL);

    if (!status) return -1;
    if (callback) SEDGE_AS_CB(sedge_ipc_connection_cb, callback)(strcmp(status, "CONNECTED") == 0, user);
    return 0;
}

int sedge_ipc_subscribe_connection(struct sedge_ipc_client *c, sedge_ipc_connection_cb on_change,
                                   sedge_ipc_end_cb on_end, void *user, sedge_ipc_sub_t *sub, struct sedge_ipc_err *err)
{
    struct sedge_sub_spec spec = {
        "SubscribeToIoTCoreConnectionStatus", connection_event, SEDGE_ANY_CB(on_change), NULL, on_end, user, false};

    return sedge_client_subscribe(c, &spec, NULL, sub, err);
}
