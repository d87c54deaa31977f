/* MQTT 5 properties of messages, between our struct and the library's list. */
#include <mqtt_protocol.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "internal.h"

mosquitto_property *sedge_props_to_library(const struct sedge_mqtt_props *p)
{
    mosquitto_property *list = NULL;

    if (!p) return NULL;
    /* A property that the library refuses (invalid UTF-8) is left out: the message matters more. */
    if (p->payload_format >= 0)
        (void)mosquitto_property_add_byte(&list, MQTT_PROP_PAYLOAD_FORMAT_INDICATOR, p->payload_format == 1);
    if (p->expiry_s >= 0)
        (void)mosquitto_property_add_int32(&list, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL,
                                           p->expiry_s > UINT32_MAX ? UINT32_MAX : (uint32_t)p->expiry_s);
    if (p->content_type) (void)mosquitto_property_add_string(&list, MQTT_PROP_CONTENT_TYPE, p->content_type);
    if (p->response_topic) (void)mosquitto_property_add_string(&list, MQTT_PROP_RESPONSE_TOPIC, p->response_topic);
    if (p->correlation && p->correlation_len <= UINT16_MAX)
        (void)mosquitto_property_add_binary(&list, MQTT_PROP_CORRELATION_DATA, p->correlation,
                                            (uint16_t)p->correlation_len);
    for (size_t i = 0; i < p->n_user; i++)
        (void)mosquitto_property_add_string_pair(&list, MQTT_PROP_USER_PROPERTY, p->user[i].key ? p->user[i].key : "",
                                                 p->user[i].value ? p->user[i].value : "");
    return list;
}

static void add_user(struct sedge_mqtt_props *out, struct sedge_mqtt_user_prop **user, const mosquitto_property *p)
{
    char *key = NULL;
    char *value = NULL;

    if (!mosquitto_property_read_string_pair(p, MQTT_PROP_USER_PROPERTY, &key, &value, false)) return;
    *user = sedge_xrealloc(*user, out->n_user + 1, sizeof **user);
    (*user)[out->n_user++] = (struct sedge_mqtt_user_prop){key, value};
}

void sedge_props_from_library(const mosquitto_property *list, struct sedge_mqtt_props *out)
{
    struct sedge_mqtt_user_prop *user = NULL;
    void *data = NULL;
    uint16_t n = 0;
    uint32_t u32;
    uint8_t byte;
    char *text;

    *out = SEDGE_MQTT_PROPS_INIT;
    for (const mosquitto_property *p = list; p; p = mosquitto_property_next(p)) {
        text = NULL;
        switch (mosquitto_property_identifier(p)) {
        case MQTT_PROP_PAYLOAD_FORMAT_INDICATOR:
            if (mosquitto_property_read_byte(p, MQTT_PROP_PAYLOAD_FORMAT_INDICATOR, &byte, false))
                out->payload_format = byte;
            break;
        case MQTT_PROP_MESSAGE_EXPIRY_INTERVAL:
            if (mosquitto_property_read_int32(p, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL, &u32, false)) out->expiry_s = u32;
            break;
        case MQTT_PROP_CONTENT_TYPE:
            if (mosquitto_property_read_string(p, MQTT_PROP_CONTENT_TYPE, &text, false)) out->content_type = text;
            break;
        case MQTT_PROP_RESPONSE_TOPIC:
            if (mosquitto_property_read_string(p, MQTT_PROP_RESPONSE_TOPIC, &text, false)) out->response_topic = text;
            break;
        case MQTT_PROP_CORRELATION_DATA:
            if (mosquitto_property_read_binary(p, MQTT_PROP_CORRELATION_DATA, &data, &n, false)) {
                out->correlation = data;
                out->correlation_len = n;
            }
            break;
        case MQTT_PROP_USER_PROPERTY:
            add_user(out, &user, p);
            break;
        default:
            break;
        }
    }
    out->user = user;
}

static void drop(const void *p)
{
    free(sedge_link_unconst(p)); /* ours since sedge_props_from_library */
}

void sedge_props_release(struct sedge_mqtt_props *p)
{
    for (size_t i = 0; i < p->n_user; i++) {
        drop(p->user[i].key);
        drop(p->user[i].value);
    }
    drop(p->user);
    drop(p->content_type);
    drop(p->response_topic);
    drop(p->correlation);
    *p = SEDGE_MQTT_PROPS_INIT;
}
