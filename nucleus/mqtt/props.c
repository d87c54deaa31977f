/* MQTT 5 properties of messages, between our struct and the library's list. */
#include <mqtt_protocol.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "internal.h"
#include "topic.h"

static int check_text(const char *name, const char *text, struct sedge_err *err)
{
    if (!text) return 0;
    if (strlen(text) > UINT16_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "%s has %zu bytes; MQTT allows %d", name, strlen(text), UINT16_MAX);
    if (sedge_mqtt_text_valid(text)) return 0;
    return sedge_err_set(err, SEDGE_E_INVALID, "%s has a character that MQTT does not allow", name);
}

int sedge_mqtt_props_check(const struct sedge_mqtt_props *p, struct sedge_err *err)
{
    if (!p) return 0;
    if (check_text("contentType", p->content_type, err) || check_text("responseTopic", p->response_topic, err))
        return -1;
    if (p->response_topic && (!p->response_topic[0] || strpbrk(p->response_topic, "+#")))
        return sedge_err_set(err, SEDGE_E_INVALID, "responseTopic must be a topic without '#' and '+'");
    if (p->correlation && p->correlation_len > UINT16_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "correlationData has %zu bytes; MQTT allows %d", p->correlation_len,
                             UINT16_MAX);
    if (p->expiry_s > UINT32_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "messageExpiryIntervalSeconds is larger than %u", UINT32_MAX);
    for (size_t i = 0; i < p->n_user; i++)
        if (check_text("the key of a user property", p->user[i].key, err) ||
            check_text("the value of a user property", p->user[i].value, err))
            return -1;
    return 0;
}

mosquitto_property *sedge_props_to_library(const struct sedge_mqtt_props *p)
{
    mosquitto_property *list = NULL;

    if (!p) return NULL;
    /* What the library refuses was refused by sedge_mqtt_props_check before. */
    if (p->payload_format >= 0)
        (void)mosquitto_property_add_byte(&list, MQTT_PROP_PAYLOAD_FORMAT_INDICATOR, p->payload_format == 1);
    if (p->expiry_s >= 0)
        (void)mosquitto_property_add_int32(&list, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL, (uint32_t)p->expiry_s);
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
                out->correlation = data ? data : sedge_xcalloc(1, 1); /* none comes for an empty one */
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
