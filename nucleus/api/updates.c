/* SubscribeToComponentUpdates and DeferComponentUpdate (spec/ipc-operations.md 6.2, 6.3). */
#include "internal.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

#define EVENT_SHAPE "aws.greengrass#ComponentUpdatePolicyEvents"
#define PAUSE_MAX   9.2e18 /* fits into an int64_t */

struct sedge_update_sub {
    struct sedge_api_sub base;
    struct sedge_update_sub *next;
};

static void end_update_sub(struct sedge_api_sub *base)
{
    struct sedge_update_sub **p = &base->api->updates;

    while ((struct sedge_api_sub *)*p != base)
        p = &(*p)->next;
    *p = (*p)->next;
    free(base);
}

static bool listens(const struct sedge_api *api, const char *component)
{
    for (const struct sedge_update_sub *u = api->updates; u; u = u->next)
        if (strcmp(sedge_ipc_stream_identity(u->base.stream), component) == 0) return true;
    return false;
}

/* ---- events ---- */

static struct json_object *event_of(const char *member, const char *deployment_id, struct json_object **inner)
{
    struct json_object *o = json_object_new_object();

    *inner = json_object_new_object();
    sedge_json_add_str(*inner, "deploymentId", deployment_id);
    (void)json_object_object_add(o, member, *inner);
    return o;
}

static struct json_object *pre_update(const struct sedge_update_event *event)
{
    struct json_object *inner;
    struct json_object *o = event_of("preUpdateEvent", event->deployment_id, &inner);

    sedge_json_add_bool(inner, "isGgcRestarting", event->restarting);
    return o;
}

static void send_to(struct sedge_ipc_stream *s, struct json_object *o)
{
    (void)sedge_ipc_event_json(s, EVENT_SHAPE, sedge_json_text(o)); /* loss of a slow reader is counted there */
}

static void send_all(struct sedge_api *api, struct json_object *o)
{
    for (struct sedge_update_sub *u = api->updates; u; u = u->next)
        send_to(u->base.stream, o);
}

void sedge_api_listeners(struct sedge_api *api, struct sedge_strv *names)
{
    for (const struct sedge_update_sub *u = api->updates; u; u = u->next)
        sedge_strv_add(names, sedge_ipc_stream_identity(u->base.stream));
}

void sedge_api_pre_update(struct sedge_api *api, const struct sedge_update_event *event)
{
    sedge_auto_put struct json_object *o = pre_update(event);

    send_all(api, o);
}

void sedge_api_post_update(struct sedge_api *api, const char *deployment_id)
{
    struct json_object *inner;
    sedge_auto_put struct json_object *o = event_of("postUpdateEvent", deployment_id, &inner);

    send_all(api, o);
}

/* ---- operations ---- */

void sedge_op_subscribe_updates(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    const char *identity = sedge_ipc_stream_identity(s);
    struct sedge_update_sub **tail = &api->updates;
    struct sedge_service_info info;
    struct sedge_update_event event;

    (void)request;
    if (sedge_supervisor_get(api->o.supervisor, identity, &info, NULL) != 0) {
        sedge_api_not_found(s, "Component", identity, "Component with given name not found currently in Greengrass");
        return;
    }
    while (*tail)
        tail = &(*tail)->next;
    *tail = SEDGE_NEW(struct sedge_update_sub);
    (*tail)->base = (struct sedge_api_sub){api, s, end_update_sub};
    sedge_ipc_stream_set_user(s, *tail);
    (void)sedge_ipc_accept_stream(s, NULL);
    if (sedge_deployer_join_update(api->o.deployer, identity, &event)) {
        sedge_auto_put struct json_object *o = pre_update(&event);
        send_to(s, o);
    }
}

static int64_t pause_of(struct json_object *request)
{
    double ms = sedge_json_double(request, "recheckAfterMs", 0);

    if (!(ms > 0)) return 0; /* absent: go ahead */
    return ms < PAUSE_MAX ? (int64_t)ceil(ms) : INT64_MAX;
}

void sedge_op_defer_update(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    const char *identity = sedge_ipc_stream_identity(s);
    const char *id = sedge_json_str(request, "deploymentId", NULL);
    struct sedge_err err = SEDGE_ERR_INIT;

    if (!listens(api, identity))
        sedge_api_error(s, "InvalidArgumentsError", "Component is not subscribed to component update events");
    else if (!id)
        sedge_api_error(s, "InvalidArgumentsError", "Cannot defer the update, the deployment ID provided was null");
    else if (sedge_deployer_answer_update(api->o.deployer, identity, id, pause_of(request),
                                          sedge_json_str(request, "message", NULL), &err) != 0)
        sedge_api_error(s, "ServiceError", "%s", err.msg);
    else
        (void)sedge_ipc_respond(s, NULL);
}
