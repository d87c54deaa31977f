/* Configuration: reading, writing, watching, and deployments that ask before they change it. */
#include "client.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

static void add_path(struct sedge_buf *b, const char *const *key_path, const char *extra)
{
    size_t n = 0;

    sedge_req_key(b, "keyPath");
    sedge_buf_putc(b, '[');
    for (; key_path && key_path[n]; n++) {
        if (n > 0) sedge_buf_putc(b, ',');
        sedge_json_quote(b, key_path[n], strlen(key_path[n]));
    }
    if (extra && n > 0) sedge_buf_putc(b, ',');
    if (extra) sedge_json_quote(b, extra, strlen(extra));
    sedge_buf_putc(b, ']');
}

static const char *config_request(struct sedge_buf *b, const char *component, const char *const *key_path,
                                  const char *extra)
{
    sedge_req_open(b);
    sedge_req_text(b, "componentName", component);
    add_path(b, key_path, extra);
    return sedge_req_close(b);
}

/* ---- reading ---- */

/* The one member of `value` if it could be a leaf called `key` in its wrapping: its text, else {NULL, 0}. */
static struct sedge_text wrapped(struct sedge_text value, const char *key)
{
    sedge_auto_put struct json_object *o = sedge_json_parse_object(value.p, value.len, "value", NULL);
    struct json_object_iterator it;

    if (!o || json_object_object_length(o) != 1) return (struct sedge_text){NULL, 0};
    it = json_object_iter_begin(o);
    if (strcasecmp(json_object_iter_peek_name(&it), key) != 0 ||
        json_object_is_type(json_object_iter_peek_value(&it), json_type_object))
        return (struct sedge_text){NULL, 0};
    return sedge_json_member(value, json_object_iter_peek_name(&it));
}

/* {"port":8883} for path mqtt/port is the leaf port, or a container port with a member port: nothing exists below a
 * leaf, so asking for mqtt/port/port tells. 1 leaf, 0 container, -1 failed. */
static int is_leaf(struct sedge_ipc_client *c, const char *component, const char *const *key_path, const char *key,
                   struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    struct sedge_ipc_err e = {.code = SEDGE_IPC_OK};

    if (sedge_ipc_call(c, "GetConfiguration", config_request(&b, component, key_path, key), NULL, &e) == 0) return 0;
    if (e.code == SEDGE_IPC_E_REMOTE && strcmp(e.name, "ResourceNotFoundError") == 0) return 1;
    if (err) *err = e;
    return -1;
}

static int unwrap(struct sedge_ipc_client *c, const char *component, const char *const *key_path,
                  struct sedge_text *value, struct sedge_ipc_err *err)
{
    struct sedge_text leaf;
    size_t n = 0;
    int rc;

    while (key_path && key_path[n])
        n++;
    if (n == 0) return 0;
    leaf = wrapped(*value, key_path[n - 1]);
    if (!leaf.p) return 0;
    rc = is_leaf(c, component, key_path, key_path[n - 1], err);
    if (rc == 1) *value = leaf;
    return rc < 0 ? -1 : 0;
}

int sedge_ipc_get_configuration(struct sedge_ipc_client *c, const char *component, const char *const *key_path,
                                char **value_json, struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    sedge_auto_free char *text = NULL;
    struct sedge_text value;

    *value_json = NULL;
    if (sedge_ipc_call(c, "GetConfiguration", config_request(&b, component, key_path, NULL), &text, err)) return -1;
    value = sedge_json_member((struct sedge_text){text, strlen(text)}, "value");
    if (!value.p || *value.p != '{')
        return sedge_client_fail(err, SEDGE_IPC_E_PROTOCOL, "the nucleus answered without a value");
    if (unwrap(c, component, key_path, &value, err)) return -1;
    *value_json = sedge_text_dup(value);
    return 0;
}

/* ---- writing ---- */

int sedge_ipc_update_configuration(struct sedge_ipc_client *c, const char *const *key_path, const char *value_json,
                                   struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    int64_t now = sedge_wall_ms();

    if (sedge_need_object("value", value_json, err)) return -1;
    sedge_req_open(&b);
    add_path(&b, key_path, NULL);
    sedge_req_key(&b, "timestamp");
    sedge_buf_printf(&b, "%lld.%03d", (long long)(now / 1000), (int)(now % 1000));
    sedge_req_raw(&b, "valueToMerge", value_json);
    return sedge_ipc_call(c, "UpdateConfiguration", sedge_req_close(&b), NULL, err);
}

/* ---- watching ---- */

static int config_event(sedge_any_cb callback, const char *json, size_t size, void *user)
{
    sedge_auto_put struct json_object *o = sedge_json_parse_object(json, size, "event", NULL);
    struct json_object *e = sedge_json_obj(o, "configurationUpdateEvent");
    struct json_object *keys = sedge_json_arr(e, "keyPath");
    size_t n = keys ? json_object_array_length(keys) : 0;
    sedge_auto_free const char **path = sedge_xcalloc(n + 1, sizeof *path);

    if (!e) return -1;
    for (size_t i = 0; i < n; i++) {
        struct json_object *key = json_object_array_get_idx(keys, i);

        path[i] = sedge_json_is_str(key) ? json_object_get_string(key) : "";
    }
    if (callback) SEDGE_AS_CB(sedge_ipc_config_cb, callback)(sedge_json_str(e, "componentName", ""), path, user);
    return 0;
}

int sedge_ipc_subscribe_configuration(struct sedge_ipc_client *c, const char *component, const char *const *key_path,
                                      sedge_ipc_config_cb on_change, sedge_ipc_end_cb on_end, void *user,
                                      sedge_ipc_sub_t *sub, struct sedge_ipc_err *err)
{
    struct sedge_sub_spec spec = {
        "SubscribeToConfigurationUpdate", config_event, SEDGE_ANY_CB(on_change), NULL, on_end, user, false};
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    return sedge_client_subscribe(c, &spec, config_request(&b, component, key_path, NULL), sub, err);
}

/* ---- validation ---- */

static int validation_event(sedge_any_cb callback, const char *json, size_t size, void *user)
{
    struct sedge_text e = sedge_json_member((struct sedge_text){json, size}, "validateConfigurationUpdateEvent");
    struct sedge_text configuration = sedge_json_member(e, "configuration");
    sedge_auto_free char *text = sedge_text_dup(configuration);
    sedge_auto_put struct json_object *id = NULL;
    struct sedge_text quoted = sedge_json_member(e, "deploymentId");

    if (quoted.p) id = sedge_json_parse(quoted.p, quoted.len, "deploymentId", NULL);
    if (!sedge_json_is_str(id)) return -1;
    if (callback) SEDGE_AS_CB(sedge_ipc_validation_cb, callback)(json_object_get_string(id), text ? text : "{}", user);
    return 0;
}

int sedge_ipc_subscribe_validation(struct sedge_ipc_client *c, sedge_ipc_validation_cb on_question,
                                   sedge_ipc_end_cb on_end, void *user, sedge_ipc_sub_t *sub, struct sedge_ipc_err *err)
{
    struct sedge_sub_spec spec = {"SubscribeToValidateConfigurationUpdates",
                                  validation_event,
                                  SEDGE_ANY_CB(on_question),
                                  NULL,
                                  on_end,
                                  user,
                                  false};

    return sedge_client_subscribe(c, &spec, NULL, sub, err);
}

int sedge_ipc_report_validity(struct sedge_ipc_client *c, const char *deployment_id, int accepted, const char *message,
                              struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    if (sedge_need("deployment", deployment_id, err)) return -1;
    sedge_req_open(&b);
    sedge_req_key(&b, "configurationValidityReport");
    sedge_req_open(&b);
    sedge_req_text(&b, "status", accepted ? "ACCEPTED" : "REJECTED");
    sedge_req_text(&b, "deploymentId", deployment_id);
    sedge_req_text(&b, "message", message);
    (void)sedge_req_close(&b);
    return sedge_ipc_call(c, "SendConfigurationValidityReport", sedge_req_close(&b), NULL, err);
}
