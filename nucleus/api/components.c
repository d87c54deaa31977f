/* UpdateState and the operations on components (spec/ipc-operations.md 6.1, 7.1 to 7.4). */
#include "internal.h"

#include "base/mem.h"
#include "base/proc.h"

#include <string.h>

void sedge_op_update_state(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    const char *identity = sedge_ipc_stream_identity(s);
    const char *name = sedge_json_str(request, "state", "");
    bool running = strcmp(name, "RUNNING") == 0;
    struct sedge_service_info info;
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_supervisor_get(api->o.supervisor, identity, &info, NULL) != 0)
        sedge_api_not_found(s, "Component", identity, "Component with given name not found");
    else if (!running && strcmp(name, "ERRORED") != 0)
        sedge_api_error(s, "ServiceError", "state must be RUNNING or ERRORED, not \"%s\"", name);
    else if (sedge_supervisor_report(api->o.supervisor, identity, running ? SEDGE_LC_RUNNING : SEDGE_LC_ERRORED,
                                     &err) != 0)
        sedge_api_error(s, "ServiceError", "%s", err.msg);
    else
        (void)sedge_ipc_respond(s, NULL);
}

static struct json_object *details(struct sedge_api *api, const struct sedge_service_info *info)
{
    struct json_object *o = json_object_new_object();
    struct json_object *configuration = NULL;

    sedge_json_add_str(o, "componentName", info->name);
    sedge_json_add_str(o, "version", info->version);
    sedge_json_add_str(o, "state", sedge_lc_wire(info->state));
    if (sedge_config_get(api->o.config, SEDGE_PATH("services", info->name, "configuration"), SEDGE_CONFIG_PUBLIC,
                         &configuration) == 1)
        (void)json_object_object_add(o, "configuration", configuration);
    return o;
}

/* The name in the request, known and allowed; otherwise the error is answered. `unknown`: the error for a stranger. */
static const char *target(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request,
                          const char *unknown, struct sedge_service_info *info)
{
    const char *name = sedge_json_str(request, "componentName", "");

    if (!*name) {
        sedge_api_error(s, "InvalidArgumentsError", "Component name cannot be empty");
        return NULL;
    }
    if (sedge_api_authorize(api, s, name, NULL) != 0) return NULL;
    if (sedge_supervisor_get(api->o.supervisor, name, info, NULL) == 0) return name;
    sedge_api_error(s, unknown, "Component with name %s not found in Greengrass", name);
    return NULL;
}

static void add_exit(struct json_object *o, const struct sedge_last_exit *exit)
{
    char name[SEDGE_SIGNAL_NAME_LEN];

    sedge_json_add_str(o, "step", exit->step);
    sedge_json_add_i64(o, "code", exit->code);
    sedge_json_add_i64(o, "signal", exit->signal);
    if (exit->signal) sedge_json_add_str(o, "signalName", sedge_signal_name(exit->signal, name));
    sedge_json_add_bool(o, "coreDumped", exit->core);
    sedge_json_add_bool(o, "killedByNucleus", exit->killed);
}

static struct json_object *list_of(const struct sedge_strv *lines)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < lines->n; i++)
        (void)json_object_array_add(list, json_object_new_string(lines->v[i]));
    return list;
}

static void add_failure(struct json_object *o, const struct sedge_service_failure *f)
{
    struct json_object *failure = json_object_new_object();

    sedge_json_add_i64(failure, "timestamp", f->wall_ms);
    sedge_json_add_str(failure, "version", f->version);
    sedge_json_add_str(failure, "statusCode", sedge_status_name(f->code));
    sedge_json_add_str(failure, "statusReason", f->reason);
    if (f->exit.known) add_exit(failure, &f->exit);
    (void)json_object_object_add(failure, "lines", list_of(f->lines));
    (void)json_object_object_add(o, "lastFailure", failure);
}

/* Members beyond the original's, for forensics; clients ignore what they do not know. */
static void add_forensics(struct sedge_api *api, struct json_object *o, const struct sedge_service_info *info)
{
    sedge_auto_strv struct sedge_strv lines = {NULL, 0};
    struct sedge_service_failure failure;

    sedge_json_add_str(o, "statusCode", sedge_status_name(info->code));
    sedge_json_add_str(o, "statusReason", info->reason);
    if (info->pid > 0) sedge_json_add_i64(o, "pid", info->pid);
    if (info->paused) sedge_json_add_bool(o, "paused", true);
    if (info->last_exit.known) {
        struct json_object *last = json_object_new_object();
        add_exit(last, &info->last_exit);
        sedge_json_add_i64(last, "timestamp", info->last_exit.wall_ms);
        (void)json_object_object_add(o, "lastExit", last);
    }
    if (sedge_supervisor_failure(api->o.supervisor, info->name, &failure) == 0) add_failure(o, &failure);
    sedge_supervisor_last_lines(api->o.supervisor, info->name, &lines);
    (void)json_object_object_add(o, "lastLines", list_of(&lines));
}

void sedge_op_component_details(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    struct sedge_service_info info;
    struct json_object *response;
    struct json_object *o;

    if (!target(api, s, request, "ResourceNotFoundError", &info)) return;
    response = json_object_new_object();
    o = details(api, &info);
    add_forensics(api, o, &info);
    (void)json_object_object_add(response, "componentDetails", o);
    sedge_api_respond_take(s, response);
}

struct listing {
    struct sedge_api *api;
    struct json_object *list;
};

static int add_component(const struct sedge_service_info *info, void *user)
{
    struct listing *l = user;

    if (strcmp(info->name, "main") != 0) (void)json_object_array_add(l->list, details(l->api, info));
    return 0;
}

void sedge_op_list_components(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    struct listing l = {api, NULL};
    struct json_object *response;

    (void)request;
    if (sedge_api_authorize(api, s, "*", NULL) != 0) return;
    l.list = json_object_new_array();
    sedge_supervisor_each(api->o.supervisor, add_component, &l);
    response = json_object_new_object();
    (void)json_object_object_add(response, "components", l.list);
    sedge_api_respond_take(s, response);
}

static void respond_status(struct sedge_ipc_stream *s, const char *member, bool done, const char *message)
{
    struct json_object *response = json_object_new_object();

    sedge_json_add_str(response, member, done ? "SUCCEEDED" : "FAILED");
    if (!done) sedge_json_add_str(response, "message", message);
    sedge_api_respond_take(s, response);
}

void sedge_op_restart_component(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    struct sedge_service_info info;
    struct sedge_err err = SEDGE_ERR_INIT;
    const char *name = target(api, s, request, "ComponentNotFoundError", &info);

    if (!name) return;
    respond_status(s, "restartStatus", sedge_supervisor_restart(api->o.supervisor, name, &err) == 0, err.msg);
}

void sedge_op_stop_component(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    struct sedge_service_info info;
    struct sedge_err err = SEDGE_ERR_INIT;
    const char *name = target(api, s, request, "ComponentNotFoundError", &info);

    if (!name) return;
    respond_status(s, "stopStatus", sedge_supervisor_stop(api->o.supervisor, name, &err) == 0, err.msg);
}
