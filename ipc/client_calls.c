/* The typed helpers: each builds a request, makes the generic call and takes the answer apart. */
#include "client.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

static void add_quoted(struct sedge_buf *b, const char *s)
{
    sedge_json_quote(b, s, strlen(s));
}

static void add_member(struct sedge_buf *b, const char *key, const char *text)
{
    if (b->len > 1) sedge_buf_putc(b, ',');
    add_quoted(b, key);
    sedge_buf_putc(b, ':');
    add_quoted(b, text);
}

static void add_path(struct sedge_buf *b, const char *const *key_path, const char *extra)
{
    sedge_buf_puts(b, b->len > 1 ? ",\"keyPath\":[" : "\"keyPath\":[");
    for (size_t i = 0; key_path && key_path[i]; i++) {
        if (i > 0) sedge_buf_putc(b, ',');
        add_quoted(b, key_path[i]);
    }
    if (extra) {
        if (key_path && key_path[0]) sedge_buf_putc(b, ',');
        add_quoted(b, extra);
    }
    sedge_buf_putc(b, ']');
}

static int need(const char *what, const char *value, struct sedge_ipc_err *err)
{
    return value ? 0 : sedge_ipc_fail(err, SEDGE_IPC_E_ARGUMENT, "no %s given", what);
}

/* Text that goes into a request as it is: it has to be an object by itself. */
static int need_object(const char *what, const char *json, struct sedge_ipc_err *err)
{
    struct sedge_err e = SEDGE_ERR_INIT;
    struct json_object *o;

    if (need(what, json, err)) return -1;
    o = sedge_json_parse_object(json, strlen(json), what, &e);
    if (!o) return sedge_ipc_fail(err, SEDGE_IPC_E_ARGUMENT, "%s", e.msg);
    (void)json_object_put(o);
    return 0;
}

static int limit_blob(size_t size, struct sedge_ipc_err *err)
{
    if (size <= (size_t)SEDGE_FRAME_MAX / 4 * 3) return 0;
    return sedge_ipc_fail(err, SEDGE_IPC_E_LIMIT, "%zu bytes do not fit a frame of %u", size, SEDGE_FRAME_MAX);
}

/* ---- publish ---- */

int sedge_ipc_publish_json(struct sedge_ipc_client *c, const char *topic, const char *json, struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    if (need("topic", topic, err) || need_object("message", json, err)) return -1;
    sedge_buf_putc(&b, '{');
    add_member(&b, "topic", topic);
    sedge_buf_puts(&b, ",\"publishMessage\":{\"jsonMessage\":{\"message\":");
    sedge_buf_puts(&b, json);
    sedge_buf_puts(&b, "}}}");
    return sedge_ipc_call(c, "PublishToTopic", b.data, NULL, err);
}

int sedge_ipc_publish_binary(struct sedge_ipc_client *c, const char *topic, const void *data, size_t size,
                             struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    if (need("topic", topic, err) || limit_blob(size, err)) return -1;
    sedge_buf_putc(&b, '{');
    add_member(&b, "topic", topic);
    sedge_buf_puts(&b, ",\"publishMessage\":{\"binaryMessage\":{\"message\":\"");
    sedge_base64_encode(&b, data, size);
    sedge_buf_puts(&b, "\"}}}");
    return sedge_ipc_call(c, "PublishToTopic", b.data, NULL, err);
}

int sedge_ipc_publish_iot_core(struct sedge_ipc_client *c, const char *topic, int qos, const void *data, size_t size,
                               struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    if (need("topic", topic, err) || limit_blob(size, err)) return -1;
    if (qos != 0 && qos != 1) return sedge_ipc_fail(err, SEDGE_IPC_E_ARGUMENT, "qos is %d, expected 0 or 1", qos);
    sedge_buf_putc(&b, '{');
    add_member(&b, "topicName", topic);
    add_member(&b, "qos", qos ? "1" : "0");
    sedge_buf_puts(&b, ",\"payload\":\"");
    sedge_base64_encode(&b, data, size);
    sedge_buf_puts(&b, "\"}");
    return sedge_ipc_call(c, "PublishToIoTCore", b.data, NULL, err);
}

/* ---- subscribe ---- */

static void deliver_blob(void (*callback)(void), const char *topic, const char *base64, void *user)
{
    sedge_auto_buf struct sedge_buf bytes = SEDGE_BUF_INIT;
    struct sedge_ipc_message m = {.topic = topic};

    sedge_buf_reserve(&bytes, 0);
    sedge_buf_clear(&bytes);
    if (base64 && sedge_base64_decode(&bytes, base64, strlen(base64), NULL)) return; /* no nucleus sends that */
    m.data = bytes.data;
    m.size = bytes.len;
    ((sedge_ipc_message_cb)(void *)callback)(&m, user);
}

static void topic_event(void (*callback)(void), const char *json, size_t size, void *user)
{
    sedge_auto_put struct json_object *o = sedge_json_parse_object(json, size, "event", NULL);
    struct json_object *j = sedge_json_obj(o, "jsonMessage");
    struct json_object *body = j ? j : sedge_json_obj(o, "binaryMessage");
    const char *topic = sedge_json_str(sedge_json_obj(body, "context"), "topic", "");
    struct sedge_ipc_message m = {.topic = topic, .is_json = 1};

    if (!body) return;
    if (!j) {
        deliver_blob(callback, topic, sedge_json_str(body, "message", NULL), user);
        return;
    }
    m.data = sedge_json_text(sedge_json_get(j, "message"));
    m.size = strlen(m.data);
    ((sedge_ipc_message_cb)(void *)callback)(&m, user);
}

static void iot_core_event(void (*callback)(void), const char *json, size_t size, void *user)
{
    sedge_auto_put struct json_object *o = sedge_json_parse_object(json, size, "event", NULL);
    struct json_object *m = sedge_json_obj(o, "message");

    if (m) deliver_blob(callback, sedge_json_str(m, "topicName", ""), sedge_json_str(m, "payload", NULL), user);
}

int sedge_ipc_subscribe_topic(struct sedge_ipc_client *c, const char *filter, const char *receive_mode,
                              sedge_ipc_message_cb on_message, sedge_ipc_end_cb on_end, void *user,
                              sedge_ipc_sub_t *sub, struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    if (need("filter", filter, err)) return -1;
    sedge_buf_putc(&b, '{');
    add_member(&b, "topic", filter);
    if (receive_mode) add_member(&b, "receiveMode", receive_mode);
    sedge_buf_putc(&b, '}');
    return sedge_ipc_subscribe_as(c, "SubscribeToTopic", b.data, topic_event, (void (*)(void))(void *)on_message,
                                  on_end, user, sub, err);
}

int sedge_ipc_subscribe_iot_core(struct sedge_ipc_client *c, const char *filter, int qos,
                                 sedge_ipc_message_cb on_message, sedge_ipc_end_cb on_end, void *user,
                                 sedge_ipc_sub_t *sub, struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    if (need("filter", filter, err)) return -1;
    if (qos != 0 && qos != 1) return sedge_ipc_fail(err, SEDGE_IPC_E_ARGUMENT, "qos is %d, expected 0 or 1", qos);
    sedge_buf_putc(&b, '{');
    add_member(&b, "topicName", filter);
    add_member(&b, "qos", qos ? "1" : "0");
    sedge_buf_putc(&b, '}');
    return sedge_ipc_subscribe_as(c, "SubscribeToIoTCore", b.data, iot_core_event, (void (*)(void))(void *)on_message,
                                  on_end, user, sub, err);
}

/* ---- configuration ---- */

static void config_request(struct sedge_buf *b, const char *component, const char *const *key_path, const char *extra)
{
    sedge_buf_putc(b, '{');
    if (component) add_member(b, "componentName", component);
    add_path(b, key_path, extra);
    sedge_buf_putc(b, '}');
}

/* The one member of `value` if it could be a leaf called `key` in its wrapping, and whether it is there. */
static bool wrapped(struct json_object *value, const char *key, struct json_object **leaf)
{
    struct json_object_iterator it;

    if (json_object_object_length(value) != 1) return false;
    it = json_object_iter_begin(value);
    *leaf = json_object_iter_peek_value(&it);
    return strcasecmp(json_object_iter_peek_name(&it), key) == 0 && !json_object_is_type(*leaf, json_type_object);
}

/* {"port":8883} for path mqtt/port is the leaf port, or a container port with a member port: nothing exists below a
 * leaf, so asking for mqtt/port/port tells. 1 leaf, 0 container, -1 failed. */
static int is_leaf(struct sedge_ipc_client *c, const char *component, const char *const *key_path, const char *key,
                   struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    struct sedge_ipc_err e = {.code = SEDGE_IPC_OK};

    config_request(&b, component, key_path, key);
    if (sedge_ipc_call(c, "GetConfiguration", b.data, NULL, &e) == 0) return 0;
    if (e.code == SEDGE_IPC_E_REMOTE && strcmp(e.name, "ResourceNotFoundError") == 0) return 1;
    if (err) *err = e;
    return -1;
}

static int unwrap(struct sedge_ipc_client *c, const char *component, const char *const *key_path,
                  struct json_object **value, struct sedge_ipc_err *err)
{
    struct json_object *leaf = NULL;
    size_t n = 0;
    int rc;

    while (key_path && key_path[n])
        n++;
    if (n == 0 || !wrapped(*value, key_path[n - 1], &leaf)) return 0;
    rc = is_leaf(c, component, key_path, key_path[n - 1], err);
    if (rc == 1) *value = leaf;
    return rc < 0 ? -1 : 0;
}

int sedge_ipc_get_configuration(struct sedge_ipc_client *c, const char *component, const char *const *key_path,
                                char **value_json, struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    sedge_auto_free char *text = NULL;
    sedge_auto_put struct json_object *o = NULL;
    struct json_object *value;

    *value_json = NULL;
    config_request(&b, component, key_path, NULL);
    if (sedge_ipc_call(c, "GetConfiguration", b.data, &text, err)) return -1;
    o = sedge_json_parse_object(text, strlen(text), "answer", NULL);
    value = sedge_json_obj(o, "value");
    if (!value) return sedge_ipc_fail(err, SEDGE_IPC_E_PROTOCOL, "the nucleus answered without a value");
    if (unwrap(c, component, key_path, &value, err)) return -1;
    *value_json = sedge_xstrdup(sedge_json_text(value));
    return 0;
}

int sedge_ipc_update_configuration(struct sedge_ipc_client *c, const char *const *key_path, const char *value_json,
                                   struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    int64_t now = sedge_wall_ms();

    if (need_object("value", value_json, err)) return -1;
    sedge_buf_putc(&b, '{');
    add_path(&b, key_path, NULL);
    sedge_buf_printf(&b, ",\"timestamp\":%lld.%03d,\"valueToMerge\":%s}", (long long)(now / 1000), (int)(now % 1000),
                     value_json);
    return sedge_ipc_call(c, "UpdateConfiguration", b.data, NULL, err);
}

static void config_event(void (*callback)(void), const char *json, size_t size, void *user)
{
    sedge_auto_put struct json_object *o = sedge_json_parse_object(json, size, "event", NULL);
    struct json_object *e = sedge_json_obj(o, "configurationUpdateEvent");
    struct json_object *keys = sedge_json_arr(e, "keyPath");
    size_t n = keys ? json_object_array_length(keys) : 0;
    sedge_auto_free const char **path = sedge_xcalloc(n + 1, sizeof *path);

    if (!e) return;
    for (size_t i = 0; i < n; i++) {
        struct json_object *key = json_object_array_get_idx(keys, i);

        path[i] = sedge_json_is_str(key) ? json_object_get_string(key) : "";
    }
    ((sedge_ipc_config_cb)(void *)callback)(sedge_json_str(e, "componentName", ""), path, user);
}

int sedge_ipc_subscribe_configuration(struct sedge_ipc_client *c, const char *component, const char *const *key_path,
                                      sedge_ipc_config_cb on_change, sedge_ipc_end_cb on_end, void *user,
                                      sedge_ipc_sub_t *sub, struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    config_request(&b, component, key_path, NULL);
    return sedge_ipc_subscribe_as(c, "SubscribeToConfigurationUpdate", b.data, config_event,
                                  (void (*)(void))(void *)on_change, on_end, user, sub, err);
}

/* ---- lifecycle ---- */

int sedge_ipc_update_state(struct sedge_ipc_client *c, const char *state, struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    if (need("state", state, err)) return -1;
    sedge_buf_putc(&b, '{');
    add_member(&b, "state", state);
    sedge_buf_putc(&b, '}');
    return sedge_ipc_call(c, "UpdateState", b.data, NULL, err);
}
