/* The component itself, other components, deployments. */
#include "client.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"

/* A request with one text, whose answer says nothing. */
static int call_with(struct sedge_ipc_client *c, const char *operation, const char *key, const char *value,
                     struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    if (sedge_need(key, value, err)) return -1;
    sedge_req_open(&b);
    sedge_req_text(&b, key, value);
    return sedge_ipc_call(c, operation, sedge_req_close(&b), NULL, err);
}

static struct json_object *ask_with(struct sedge_ipc_client *c, const char *operation, const char *key,
                                    const char *value, struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    if (sedge_need(key, value, err)) return NULL;
    sedge_req_open(&b);
    sedge_req_text(&b, key, value);
    return sedge_client_ask(c, operation, sedge_req_close(&b), err);
}

/* ---- the component itself ---- */

int sedge_ipc_update_state(struct sedge_ipc_client *c, const char *state, struct sedge_ipc_err *err)
{
    return call_with(c, "UpdateState", "state", state, err);
}

static int update_event(sedge_any_cb callback, const char *json, size_t size, void *user)
{
    sedge_auto_put struct json_object *o = sedge_json_parse_object(json, size, "event", NULL);
    struct json_object *before = sedge_json_obj(o, "preUpdateEvent"), *after = sedge_json_obj(o, "postUpdateEvent");
    struct json_object *e = before ? before : after;
    struct sedge_ipc_update u = {.deployment_id = sedge_json_str(e, "deploymentId", NULL), .is_over = !before};

    if (!u.deployment_id) return -1;
    u.nucleus_is_restarting = sedge_json_bool(e, "isGgcRestarting", false);
    if (callback) SEDGE_AS_CB(sedge_ipc_update_cb, callback)(&u, user);
    return 0;
}

int sedge_ipc_subscribe_updates(struct sedge_ipc_client *c, sedge_ipc_update_cb on_update, sedge_ipc_end_cb on_end,
                                void *user, sedge_ipc_sub_t *sub, struct sedge_ipc_err *err)
{
    struct sedge_sub_spec spec = {
        "SubscribeToComponentUpdates", update_event, SEDGE_ANY_CB(on_update), NULL, on_end, user, false};

    return sedge_client_subscribe(c, &spec, NULL, sub, err);
}

int sedge_ipc_defer_update(struct sedge_ipc_client *c, const char *deployment_id, long long recheck_after_ms,
                           const char *message, struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    if (sedge_need("deployment", deployment_id, err)) return -1;
    sedge_req_open(&b);
    sedge_req_text(&b, "deploymentId", deployment_id);
    sedge_req_text(&b, "message", message);
    sedge_req_int(&b, "recheckAfterMs", recheck_after_ms);
    return sedge_ipc_call(c, "DeferComponentUpdate", sedge_req_close(&b), NULL, err);
}

/* ---- other components ---- */

int sedge_ipc_pause_component(struct sedge_ipc_client *c, const char *name, struct sedge_ipc_err *err)
{
    return call_with(c, "PauseComponent", "componentName", name, err);
}

int sedge_ipc_resume_component(struct sedge_ipc_client *c, const char *name, struct sedge_ipc_err *err)
{
    return call_with(c, "ResumeComponent", "componentName", name, err);
}

/* Restart and stop have a status of their own in the answer. */
static int request_of(struct sedge_ipc_client *c, const char *operation, const char *member, const char *name,
                      struct sedge_ipc_err *err)
{
    sedge_auto_put struct json_object *o = ask_with(c, operation, "componentName", name, err);

    if (!o) return -1;
    if (strcmp(sedge_json_str(o, member, "SUCCEEDED"), "FAILED") != 0) return 0;
    (void)sedge_client_fail(err, SEDGE_IPC_E_REMOTE, "%s",
                            sedge_json_str(o, "message", "the nucleus did not take up the request"));
    if (err) memcpy(err->name, "FAILED", sizeof "FAILED");
    return -1;
}

int sedge_ipc_restart_component(struct sedge_ipc_client *c, const char *name, struct sedge_ipc_err *err)
{
    return request_of(c, "RestartComponent", "restartStatus", name, err);
}

int sedge_ipc_stop_component(struct sedge_ipc_client *c, const char *name, struct sedge_ipc_err *err)
{
    return request_of(c, "StopComponent", "stopStatus", name, err);
}

static char *put_text(char **at, const char *s)
{
    char *start = *at;
    size_t n = strlen(s) + 1;

    memcpy(start, s, n);
    *at += n;
    return start;
}

static const char *const component_members[] = {"componentName", "version", "state"};

static size_t room_of(struct json_object *o)
{
    size_t n = strlen(sedge_json_text(sedge_json_obj(o, "configuration"))) + 1;

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(component_members); i++)
        n += strlen(sedge_json_str(o, component_members[i], "")) + 1;
    return n;
}

/* One block: the pointers, the structures, the texts. */
static struct sedge_ipc_component **component_list(struct json_object *const *from, size_t n)
{
    size_t texts = 0;
    struct sedge_ipc_component **list, *one;
    char *at;

    for (size_t i = 0; i < n; i++)
        texts += room_of(from[i]);
    list = sedge_xcalloc(1, (n + 1) * sizeof(void *) + n * sizeof *one + texts);
    one = (struct sedge_ipc_component *)(void *)(list + n + 1);
    at = (char *)(one + n);
    for (size_t i = 0; i < n; i++, one++) {
        struct json_object *configuration = sedge_json_obj(from[i], "configuration");

        list[i] = one;
        one->name = put_text(&at, sedge_json_str(from[i], component_members[0], ""));
        one->version = put_text(&at, sedge_json_str(from[i], component_members[1], ""));
        one->state = put_text(&at, sedge_json_str(from[i], component_members[2], ""));
        one->configuration_json = put_text(&at, configuration ? sedge_json_text(configuration) : "{}");
    }
    return list;
}

int sedge_ipc_list_components(struct sedge_ipc_client *c, const char *name, struct sedge_ipc_component ***list,
                              struct sedge_ipc_err *err)
{
    sedge_auto_put struct json_object *o = name ? ask_with(c, "GetComponentDetails", "componentName", name, err)
                                                : sedge_client_ask(c, "ListComponents", NULL, err);
    struct json_object *one = sedge_json_obj(o, "componentDetails"), *all = sedge_json_arr(o, "components");
    size_t n = all ? json_object_array_length(all) : 0;
    sedge_auto_free struct json_object **v = sedge_xcalloc(n + 1, sizeof(void *));

    *list = NULL;
    if (!o) return -1;
    for (size_t i = 0; i < n; i++)
        v[i] = json_object_array_get_idx(all, i);
    if (one) v[n++] = one;
    if (!one && !all) return sedge_client_fail(err, SEDGE_IPC_E_PROTOCOL, "the nucleus answered without components");
    *list = component_list(v, n);
    return 0;
}

/* ---- deployments ---- */

/* One text of an answer. */
static int text_of(struct json_object *o, const char *key, char **text, struct sedge_ipc_err *err)
{
    const char *s = sedge_json_str(o, key, NULL);

    if (!s) return sedge_client_fail(err, SEDGE_IPC_E_PROTOCOL, "the nucleus answered without \"%s\"", key);
    *text = sedge_xstrdup(s);
    return 0;
}

int sedge_ipc_create_deployment(struct sedge_ipc_client *c, const char *request_json, char **deployment_id,
                                struct sedge_ipc_err *err)
{
    sedge_auto_put struct json_object *o = sedge_client_ask(c, "CreateLocalDeployment", request_json, err);

    *deployment_id = NULL;
    return o ? text_of(o, "deploymentId", deployment_id, err) : -1;
}

int sedge_ipc_deployment_status(struct sedge_ipc_client *c, const char *deployment_id, char **status,
                                struct sedge_ipc_err *err)
{
    sedge_auto_put struct json_object *o = ask_with(c, "GetLocalDeploymentStatus", "deploymentId", deployment_id, err);

    *status = NULL;
    return o ? text_of(sedge_json_obj(o, "deployment"), "status", status, err) : -1;
}

int sedge_ipc_cancel_deployment(struct sedge_ipc_client *c, const char *deployment_id, struct sedge_ipc_err *err)
{
    return call_with(c, "CancelLocalDeployment", "deploymentId", deployment_id, err);
}
