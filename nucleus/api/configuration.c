/* GetConfiguration, UpdateConfiguration, SubscribeToConfigurationUpdate (spec/ipc-operations.md 5). */
#include "internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

#define EVENT_SHAPE "aws.greengrass#ConfigurationUpdateEvents"
#define PATH_PREFIX 3 /* services, component, configuration */

/* services.<component>.configuration.<keyPath...>; `names` borrows from the request. */
static int full_path(struct sedge_ipc_stream *s, struct json_object *request, const char **names, size_t *n)
{
    struct json_object *keys = sedge_json_arr(request, "keyPath");
    size_t count = keys ? json_object_array_length(keys) : 0;

    if (count + PATH_PREFIX > SEDGE_CONFIG_DEPTH_MAX) return -1;
    names[0] = "services";
    names[1] = sedge_json_str(request, "componentName", sedge_ipc_stream_identity(s));
    names[2] = "configuration";
    for (size_t i = 0; i < count; i++)
        names[PATH_PREFIX + i] = json_object_get_string(json_object_array_get_idx(keys, i));
    *n = count + PATH_PREFIX;
    return 0;
}

static void key_not_found(struct sedge_ipc_stream *s)
{
    (void)sedge_ipc_error(s, "ResourceNotFoundError", "Key not found", NULL);
}

void sedge_op_get_configuration(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    const char *names[SEDGE_CONFIG_DEPTH_MAX];
    struct sedge_path path = {names, 0};
    struct sedge_config_info info;
    struct json_object *value = NULL;
    struct json_object *response;

    if (full_path(s, request, names, &path.n) != 0 || !sedge_config_info(api->o.config, path, &info) ||
        sedge_config_get(api->o.config, path, SEDGE_CONFIG_PUBLIC, &value) != 1) {
        key_not_found(s);
        return;
    }
    if (info.leaf) {
        struct json_object *wrapped = json_object_new_object();
        (void)json_object_object_add(wrapped, info.name, value);
        value = wrapped;
    }
    response = json_object_new_object();
    sedge_json_add_str(response, "componentName", names[1]);
    (void)json_object_object_add(response, "value", value);
    sedge_api_respond_take(s, response);
}

static const char *update_error(enum sedge_err_code code)
{
    if (code == SEDGE_E_INVALID) return "InvalidArgumentsError";
    return code == SEDGE_E_CONFLICT ? "FailedUpdateConditionCheckError" : "ServiceError";
}

void sedge_op_update_configuration(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    struct json_object *value = sedge_json_get(request, "valueToMerge");
    const char *names[SEDGE_CONFIG_DEPTH_MAX];
    struct sedge_path path = {names, 0};
    struct sedge_err err = SEDGE_ERR_INIT;
    double seconds = sedge_json_double(request, "timestamp", 0);

    if (!sedge_json_get(request, "timestamp")) {
        sedge_api_error(s, "InvalidArgumentsError", "Timestamp is required");
        return;
    }
    if (!value) {
        sedge_api_error(s, "InvalidArgumentsError", "ValueToMerge is required");
        return;
    }
    if (!(seconds >= 0 && seconds < 1e12) || full_path(s, request, names, &path.n) != 0) {
        sedge_api_error(s, "InvalidArgumentsError", "timestamp or keyPath is out of range");
        return;
    }
    if (sedge_config_update(api->o.config, sedge_ipc_stream_identity(s),
                            (struct sedge_path){names + PATH_PREFIX, path.n - PATH_PREFIX}, value,
                            (int64_t)llround(seconds * 1000.0), &err) == 0)
        (void)sedge_ipc_respond(s, NULL);
    else
        sedge_api_error(s, update_error(err.code), "%s", err.msg);
}

struct config_sub {
    struct sedge_api_sub base;
    struct sedge_config_watch *watch;
    char *component;
};

static void end_config_sub(struct sedge_api_sub *base)
{
    struct config_sub *sub = (struct config_sub *)base;

    sedge_config_unwatch(sub->watch);
    free(sub->component);
    free(sub);
}

static void changed_cb(const struct sedge_config_event *event, void *user)
{
    struct config_sub *sub = user;
    sedge_auto_put struct json_object *o = NULL;
    struct json_object *inner;
    struct json_object *keys;

    if (event->path.n < PATH_PREFIX) return; /* the component itself was removed */
    o = json_object_new_object();
    inner = json_object_new_object();
    keys = json_object_new_array();
    for (size_t i = PATH_PREFIX; i < event->path.n; i++)
        (void)json_object_array_add(keys, json_object_new_string(event->path.v[i]));
    sedge_json_add_str(inner, "componentName", sub->component);
    (void)json_object_object_add(inner, "keyPath", keys);
    (void)json_object_object_add(o, "configurationUpdateEvent", inner);
    (void)sedge_ipc_event_json(sub->base.stream, EVENT_SHAPE,
                               sedge_json_text(o)); /* loss of a slow reader is counted there */
}

/* The root of a component that is known can always be watched: a configuration is made if there is none. */
static bool may_watch(struct sedge_api *api, struct sedge_path path)
{
    struct sedge_path component = {path.v, PATH_PREFIX - 1};
    sedge_auto_put struct json_object *empty = NULL;

    if (sedge_config_has(api->o.config, path)) return true;
    if (path.n > PATH_PREFIX || !sedge_config_has(api->o.config, component)) return false;
    empty = json_object_new_object();
    return sedge_config_merge(api->o.config, path, empty, sedge_wall_ms(), NULL) == 0;
}

void sedge_op_subscribe_configuration(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    const char *names[SEDGE_CONFIG_DEPTH_MAX];
    struct sedge_path path = {names, 0};
    struct config_sub *sub;

    if (full_path(s, request, names, &path.n) != 0 || !may_watch(api, path)) {
        key_not_found(s);
        return;
    }
    sub = SEDGE_NEW(struct config_sub);
    sub->base = (struct sedge_api_sub){api, s, end_config_sub};
    sub->component = sedge_xstrdup(names[1]);
    sub->watch = sedge_config_watch(api->o.config, path, changed_cb, sub);
    sedge_ipc_stream_set_user(s, sub);
    (void)sedge_ipc_accept_stream(s, NULL);
}
