/* SubscribeToIoTCoreConnectionStatus, which only the component SDK for C knows (spec/ipc-operations.md 4.3). */
#include "internal.h"

#include "base/mem.h"
#include "mqtt/session.h"

#define EVENT_SHAPE "aws.greengrass#IoTCoreConnectionStatusEvent"

struct sedge_status_sub {
    struct sedge_api_sub base;
    struct sedge_status_sub *next;
};

static void end_status_sub(struct sedge_api_sub *base)
{
    struct sedge_status_sub *sub = (struct sedge_status_sub *)base;
    struct sedge_status_sub **p = &base->api->status_subs;

    while (*p != sub)
        p = &(*p)->next;
    *p = sub->next;
    free(sub);
}

static void tell(const struct sedge_api *api, struct sedge_ipc_stream *s)
{
    (void)sedge_ipc_event_json(s, EVENT_SHAPE,
                               api->connected ? "{\"connectionStatusEvent\":{\"status\":\"CONNECTED\"}}"
                                              : "{\"connectionStatusEvent\":{\"status\":\"DISCONNECTED\"}}");
}

static void set_connected(struct sedge_api *api, bool connected)
{
    if (api->connected == connected) return;
    api->connected = connected;
    for (struct sedge_status_sub *sub = api->status_subs; sub; sub = sub->next)
        tell(api, sub->base.stream);
}

static void state_cb(void *user, enum sedge_mqtt_state state, bool first, const struct sedge_err *why)
{
    (void)first;
    (void)why;
    set_connected(user, state == SEDGE_MQTT_CONNECTED);
}

void sedge_connection_status_follow(struct sedge_api *api, struct sedge_mqtt *mqtt)
{
    if (mqtt) sedge_mqtt_on_state(mqtt, state_cb, api);
    set_connected(api, mqtt && sedge_mqtt_connected(mqtt));
}

void sedge_connection_status_leave(struct sedge_api *api)
{
    if (api->o.mqtt) sedge_mqtt_remove_on_state(api->o.mqtt, state_cb, api);
}

void sedge_op_subscribe_connection_status(struct sedge_api *api, struct sedge_ipc_stream *s,
                                          struct json_object *request)
{
    struct sedge_status_sub *sub = SEDGE_NEW(struct sedge_status_sub);

    (void)request;
    sub->base = (struct sedge_api_sub){api, s, end_status_sub};
    sub->next = api->status_subs;
    api->status_subs = sub;
    sedge_ipc_stream_set_user(s, sub);
    (void)sedge_ipc_accept_stream(s, NULL);
    tell(api, s);
}
