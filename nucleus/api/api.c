#include "internal.h"

#include "base/files.h"
#include "base/log.h"
#include "base/mem.h"
#include "shadow/shadows.h"

#include <string.h>

/* ---- callbacks of the server ---- */

static const char *authenticate_cb(const char *token, const struct sedge_ipc_peer *peer, void *user)
{
    struct sedge_api *api = user;
    const char *owner = sedge_supervisor_owner_of_token(api->o.supervisor, token);
    const char *process;

    if (!owner) return sedge_cli_tokens_owner(api, token);
    process = peer->pid > 0 ? sedge_supervisor_owner_of_pid(api->o.supervisor, peer->pid) : NULL;
    if (!process || strcmp(process, owner) == 0) return owner;
    sedge_log(SEDGE_WARN, "api", "token-refused", "process %d of component %s showed the token of %s", (int)peer->pid,
              process, owner);
    return NULL;
}

static void request_cb(struct sedge_ipc_stream *s, const char *operation, const char *payload, size_t len, void *user)
{
    sedge_api_dispatch(user, s, operation, payload, len);
}

static void stream_closed_cb(struct sedge_ipc_stream *s, void *user)
{
    struct sedge_api_sub *sub = sedge_ipc_stream_user(s);

    (void)user;
    if (!sub) return;
    sedge_ipc_stream_set_user(s, NULL);
    sub->end(sub);
}

static void disconnected_cb(const char *identity, void *slot, void *user)
{
    (void)identity;
    (void)user;
    sedge_pubsub_forget(slot);
}

/* ---- policies ---- */

static void warn_cb(const char *component, const char *policy_id, const char *why, void *user)
{
    (void)user;
    sedge_log(SEDGE_ERROR, "api", "policy", "component=%s policy=%s %s", component, policy_id, why);
}

static void forget_absent(struct sedge_api *api, const struct sedge_strv *present)
{
    for (size_t i = 0; i < api->principals.n; i++) {
        if (sedge_strv_has(present, api->principals.v[i])) continue;
        sedge_policy_remove_component(api->policy, api->principals.v[i]);
        (void)sedge_ipc_server_drop_identity(api->server, api->principals.v[i]);
    }
}

void sedge_api_reload_policies(struct sedge_api *api)
{
    struct sedge_strv names = {NULL, 0};

    sedge_config_children(api->o.config, SEDGE_PATH("services"), &names);
    forget_absent(api, &names);
    for (size_t i = 0; i < names.n; i++) {
        struct json_object *access = NULL;
        (void)sedge_config_get(api->o.config, SEDGE_PATH("services", names.v[i], "configuration", "accessControl"), 0,
                               &access);
        if (access || sedge_strv_has(&api->principals, names.v[i]))
            sedge_policy_set_component(api->policy, names.v[i], access, warn_cb, api);
        (void)json_object_put(access);
    }
    sedge_strv_release(&api->principals);
    api->principals = names;
}

static void access_changed_cb(const struct sedge_config_event *event, void *user)
{
    if (event->path.n >= 4 && strcmp(event->path.v[3], "accessControl") == 0) sedge_api_reload_policies(user);
}

static void groups_changed_cb(const struct sedge_config_event *event, void *user)
{
    (void)event;
    sedge_cli_tokens_offer(user);
}

static void secrets_changed_cb(const struct sedge_config_event *event, void *user)
{
    (void)event;
    sedge_api_check_secrets(user);
}

/* ---- life ---- */

static void release(struct sedge_api *api)
{
    sedge_shadows_on_message(api->o.shadows, NULL, NULL);
    sedge_config_unwatch(api->cli_watch);
    sedge_config_unwatch(api->access_watch);
    sedge_connection_status_leave(api);
    sedge_config_unwatch(api->secrets_watch);
    sedge_metric_logs_free(api->metric_logs);
    sedge_cli_tokens_release(api);
    sedge_broker_free(api->broker);
    sedge_policy_free(api->policy);
    sedge_publish_release(&api->scan);
    sedge_strv_release(&api->principals);
    free(api->root);
    free(api->socket_path);
    free(api);
}

/* Connections must not take the files that components, downloads and the database need. */
static struct sedge_ipc_server_options server_options(void)
{
    struct sedge_ipc_server_options o = SEDGE_IPC_SERVER_OPTIONS_INIT;
    size_t limit = sedge_files_limit();
    size_t room = limit / 2 > SEDGE_API_RESERVED_FILES ? limit - SEDGE_API_RESERVED_FILES : limit / 2;

    if (room < o.connections_max) o.connections_max = (unsigned)room;
    return o;
}

struct sedge_api *sedge_api_open(const struct sedge_api_options *options, struct sedge_err *err)
{
    static const struct sedge_ipc_callbacks cbs = {authenticate_cb, request_cb, stream_closed_cb, disconnected_cb};
    const struct sedge_ipc_server_options server = server_options();
    struct sedge_api *api = SEDGE_NEW(struct sedge_api);

    api->o = *options;
    api->root = sedge_xstrdup(options->root);
    api->socket_path = sedge_xstrdup(options->socket_path);
    api->policy = sedge_policy_new();
    api->broker = sedge_broker_new();
    api->scan = SEDGE_PUBLISH_INIT;
    api->server = sedge_ipc_server_open(options->loop, options->socket_path, &server, &cbs, api, err);
    if (!api->server) {
        release(api);
        return NULL;
    }
    sedge_cli_tokens_offer(api);
    sedge_random_bytes(api->page_key, sizeof api->page_key);
    sedge_shadows_on_message(api->o.shadows, sedge_api_shadow_message, api);
    sedge_api_reload_policies(api);
    sedge_connection_status_follow(api, api->o.mqtt);
    api->access_watch = sedge_config_watch(api->o.config, SEDGE_PATH("services"), access_changed_cb, api);
    api->cli_watch = sedge_config_watch(
        api->o.config, SEDGE_PATH("services", "aws.greengrass.Cli", "configuration", "AuthorizedPosixGroups"),
        groups_changed_cb, api);
    api->secrets_watch =
        sedge_config_watch(api->o.config, SEDGE_PATH("services", "aws.greengrass.SecretManager", "configuration"),
                           secrets_changed_cb, api);
    sedge_api_check_secrets(api);
    return api;
}

void sedge_api_call_ended(struct sedge_api *api)
{
    void (*closed)(void *) = api->closed;
    void *closed_arg = api->closed_arg;

    if (!api->server_closed || api->calls > 0) return;
    release(api);
    if (closed) closed(closed_arg);
}

static void server_closed_cb(void *arg)
{
    struct sedge_api *api = arg;

    api->server_closed = true;
    sedge_api_call_ended(api);
}

void sedge_api_close(struct sedge_api *api, void (*closed)(void *arg), void *arg)
{
    api->closed = closed;
    api->closed_arg = arg;
    sedge_ipc_server_close(api->server, server_closed_cb, api);
}

void sedge_api_set_mqtt(struct sedge_api *api, struct sedge_mqtt *mqtt)
{
    sedge_connection_status_leave(api);
    api->o.mqtt = mqtt;
    sedge_connection_status_follow(api, mqtt);
}
