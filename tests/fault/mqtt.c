/* Messages, on this side of the MQTT library: TLS hides them on the other. */
#include "fault.h"

#include <mosquitto.h>
#include <stdio.h>

typedef void (*on_publish)(struct mosquitto *, void *, int, int, const mosquitto_property *);
typedef void (*on_message)(struct mosquitto *, void *, const struct mosquitto_message *, const mosquitto_property *);

static on_publish real_on_publish; /* one connection at a time, always the same function */
static on_message real_on_message;

FAULT_EXPORT int mosquitto_publish_v5(struct mosquitto *m, int *mid, const char *topic, int len, const void *payload,
                                      int qos, bool retain, const mosquitto_property *props)
{
    static __typeof__(&mosquitto_publish_v5) next;
    struct fault_event e = fault_other(FAULT_mqtt, "publish", topic);
    int rc;

    if (!next) next = FAULT_NEXT(mosquitto_publish_v5);
    rc = next(m, mid, topic, len, payload, qos, retain, props);
    fault_done(&e);
    return rc;
}

static void acknowledged(struct mosquitto *m, void *user, int mid, int reason, const mosquitto_property *props)
{
    char what[32];
    struct fault_event e;

    (void)snprintf(what, sizeof what, "%d", mid);
    e = fault_other(FAULT_mqtt, "puback", what);
    real_on_publish(m, user, mid, reason, props);
    fault_done(&e);
}

static void received(struct mosquitto *m, void *user, const struct mosquitto_message *message,
                     const mosquitto_property *props)
{
    struct fault_event e = fault_other(FAULT_mqtt, "message", message->topic);

    real_on_message(m, user, message, props);
    fault_done(&e);
}

FAULT_EXPORT void mosquitto_publish_v5_callback_set(struct mosquitto *m, on_publish fn)
{
    real_on_publish = fn;
    FAULT_NEXT(mosquitto_publish_v5_callback_set)(m, acknowledged);
}

FAULT_EXPORT void mosquitto_message_v5_callback_set(struct mosquitto *m, on_message fn)
{
    real_on_message = fn;
    FAULT_NEXT(mosquitto_message_v5_callback_set)(m, received);
}
