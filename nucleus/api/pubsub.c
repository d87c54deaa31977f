/* PublishToTopic and SubscribeToTopic (spec/ipc-operations.md 3). */
#include "internal.h"

#include "base/mem.h"
#include "broker/topic.h"
#include "ipc_wire/payload.h"

#include <string.h>

/* The last verdict for this connection: components publish to few topics, many times. */
struct verdict {
    uint64_t generation;
    char *topic;
};

void sedge_pubsub_forget(void *slot)
{
    struct verdict *v = slot;

    if (!v) return;
    free(v->topic);
    free(v);
}

static int authorize_publish(struct sedge_api *api, struct sedge_ipc_stream *s, const struct sedge_publish *p)
{
    void **slot = sedge_ipc_stream_conn_slot(s);
    struct verdict *v = slot ? *slot : NULL;
    uint64_t generation = sedge_policy_generation(api->policy);

    if (v && p->has_topic && v->generation == generation && strcmp(v->topic, p->topic) == 0) return 0;
    if (sedge_api_authorize(api, s, p->has_topic ? p->topic : NULL, NULL) != 0) return -1;
    if (!slot || !p->has_topic) return 0;
    if (!v) *slot = v = SEDGE_NEW(struct verdict);
    free(v->topic);
    v->topic = sedge_xstrdup(p->topic);
    v->generation = generation;
    return 0;
}

static void deliver_cb(void *user, void *arg)
{
    struct sedge_api_sub *sub = user;

    (void)sedge_ipc_event(sub->stream, SEDGE_PUBLISH_EVENT_SHAPE, arg); /* a slow reader's loss is counted there */
}

static const char *invalid_publish(const struct sedge_publish *p)
{
    if (!p->has_publish_message) return "publishMessage is missing";
    if (p->nkinds != 1) return "publishMessage must have exactly one of jsonMessage and binaryMessage";
    if (p->kind == SEDGE_PUBLISH_JSON && !p->has_message) return "jsonMessage.message is missing";
    return NULL;
}

void sedge_op_publish(struct sedge_api *api, struct sedge_ipc_stream *s, const char *payload, size_t len)
{
    struct sedge_publish *p = &api->scan;
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_payload *event;
    const char *fault;

    if (sedge_publish_scan(payload, len, p, &err) != 0) {
        sedge_api_error(s, "ServiceError", "%s", err.msg);
        return;
    }
    if (authorize_publish(api, s, p) != 0) return;
    fault = invalid_publish(p);
    if (fault) {
        sedge_api_error(s, "ServiceError", "%s", fault);
        return;
    }
    if (!p->has_topic)
        fault = "Publish topic must not be null";
    else if (sedge_topic_has_wildcard_char(p->topic))
        fault = "Publish topic must not contain a wildcard.";
    else if (!sedge_topic_has_level(p->topic))
        fault = "Publish topic must have at least one level";
    if (fault) {
        sedge_api_error(s, "InvalidArgumentsError", "%s", fault);
        return;
    }
    event = sedge_publish_event(p);
    (void)sedge_broker_publish(api->broker, p->topic, sedge_ipc_stream_identity(s), deliver_cb, event);
    sedge_payload_unref(event);
    (void)sedge_ipc_respond(s, NULL);
}

struct topic_sub {
    struct sedge_api_sub base;
    struct sedge_subscription *subscription;
};

static void end_topic_sub(struct sedge_api_sub *base)
{
    struct topic_sub *sub = (struct topic_sub *)base;

    sedge_broker_unsubscribe(base->api->broker, sub->subscription);
    free(sub);
}

void sedge_op_subscribe(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    const char *filter = sedge_json_str(request, "topic", NULL);
    enum sedge_receive_mode mode = sedge_receive_mode_from_name(sedge_json_str(request, "receiveMode", NULL));
    struct sedge_err err = SEDGE_ERR_INIT;
    struct topic_sub *sub;

    if (sedge_api_authorize(api, s, filter, NULL) != 0) return;
    if (!filter || strspn(filter, " \t") == strlen(filter)) {
        sedge_api_error(s, "InvalidArgumentsError", "Subscribe topic must not be empty");
        return;
    }
    sub = SEDGE_NEW(struct topic_sub);
    sub->base = (struct sedge_api_sub){api, s, end_topic_sub};
    sub->subscription = sedge_broker_subscribe(api->broker, filter, sedge_ipc_stream_identity(s), mode, sub, &err);
    if (!sub->subscription) {
        free(sub);
        sedge_api_error(s, "InvalidArgumentsError", "%s", err.msg);
        return;
    }
    sedge_ipc_stream_set_user(s, sub);
    (void)sedge_ipc_accept_stream(s, NULL);
}
