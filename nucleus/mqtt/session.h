/*
 * session - the one connection to the cloud broker: libmosquitto on the loop, with its own reconnecting.
 *
 *   struct sedge_mqtt_options o;
 *   sedge_mqtt_options_default(&o);
 *   o.host = "broker.example.com"; o.client_id = "cam-17"; o.ca = ...; o.cert = ...; o.key = ...;
 *   struct sedge_mqtt *m = sedge_mqtt_new(loop, &o, &err);
 *   sedge_mqtt_on_state(m, state_cb, me);          // any number of listeners, called in this order
 *   sub = sedge_mqtt_subscribe(m, filters, n, 1, &cbs, me, &err);   // before or after start, online or offline
 *   sedge_mqtt_start(m);
 *   sedge_mqtt_publish(m, &msg, done_cb, me, &err);                 // online only: see spool.h for the rest
 *   sedge_mqtt_close(m, closed_cb, me);            // says goodbye to the broker; frees m and all subscriptions
 *
 * Connecting (names, TCP, TLS, CONNECT) happens in a work item; the loop never waits. MQTT 5 is tried first, 3.1.1 when
 * the broker refuses the version. Through a proxy the proxy resolves the broker's name. The first connection of a
 * process starts clean, later ones resume; nothing depends on the broker's session, because every subscription is made
 * again after each connect. A lost connection is retried for ever (reconnect.h).
 *
 * Subscriptions: several users of one filter share one subscription at the broker, and a filter that a granted one
 * covers causes no traffic. Each message goes once to each subscription handle with a matching filter.
 *
 * Limits: SEDGE_MQTT_* below. Rates: a bucket of publishes and bytes per second; what exceeds it waits in the session.
 * Callbacks run on the loop, never from inside a call of this header, and may call anything here. Loop thread only.
 */
#ifndef SEDGE_MQTT_SESSION_H
#define SEDGE_MQTT_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"

#define SEDGE_MQTT_FILTERS_MAX       8      /* in one SUBSCRIBE, and in one handle */
#define SEDGE_MQTT_SUBSCRIPTIONS_MAX 50     /* filters at the broker */
#define SEDGE_MQTT_PAYLOAD_MAX       131072 /* default of max_payload */
#define SEDGE_MQTT_PENDING_MAX       256    /* publishes that wait for a token or an acknowledgement */
#define SEDGE_MQTT_INFLIGHT_MAX      100    /* unacknowledged QoS 1 publishes */
#define SEDGE_MQTT_CLIENT_ID_MAX     128

struct sedge_mqtt;
struct sedge_mqtt_sub;

struct sedge_mqtt_options { /* texts are copied */
    const char *host;
    int port;
    const char *client_id;            /* the thing name */
    const char *ca, *cert, *key;      /* PEM files; all NULL: plain TCP (tests, private networks) */
    const char *proxy;                /* http://, https:// or socks5://[user:password@]host[:port]; NULL: none */
    bool v311_only;                   /* mqtt.version mqtt3 */
    int keep_alive_s;                 /* 60; 0 or 5.. */
    int ping_timeout_ms;              /* 30000: unacknowledged bytes for so long end the connection */
    int connect_timeout_ms;           /* 10000 for each address and step */
    int operation_timeout_ms;         /* 30000: PUBACK, SUBACK, UNSUBACK */
    int64_t reconnect_min_ms;         /* 5000 */
    int64_t reconnect_max_ms;         /* 300000 */
    int64_t stable_ms;                /* 30000: connected for so long resets the back-off */
    int64_t resubscribe_ms;           /* 120000 (+ up to 10 s): a refused filter is tried again */
    uint32_t session_expiry_s;        /* 604800; MQTT 5 */
    int receive_max;                  /* 100; MQTT 5 */
    int publishes_per_s, bytes_per_s; /* 100, 524288 */
};
void sedge_mqtt_options_default(struct sedge_mqtt_options *o);
struct json_object;
/* Overlays the `mqtt` object of the nucleus configuration (may be NULL); unknown keys are left alone. INVALID for a bad
 * value. Host, client id and files come from elsewhere (iotDataEndpoint, system). */
int sedge_mqtt_options_read(struct json_object *mqtt, struct sedge_mqtt_options *o, struct sedge_err *err);

/* MQTT 5 properties of a message. Zero-initialised except: */
#define SEDGE_MQTT_PROPS_INIT ((struct sedge_mqtt_props){.expiry_s = -1, .payload_format = -1})
struct sedge_mqtt_user_prop {
    const char *key, *value;
};
struct sedge_mqtt_props {
    const char *content_type;
    const char *response_topic;
    const void *correlation;
    size_t correlation_len; /* at most 65535 */
    int64_t expiry_s;       /* -1: none */
    int payload_format;     /* -1: not said, 0 bytes, 1 UTF-8 */
    const struct sedge_mqtt_user_prop *user;
    size_t n_user;
};

/* 0, or -1 when MQTT cannot carry them: INVALID for characters or a response topic with wildcards, LIMIT for sizes. The
 * message names the member as PublishToIoTCore does. NULL is fine. */
int sedge_mqtt_props_check(const struct sedge_mqtt_props *p, struct sedge_err *err);

struct sedge_mqtt_message {
    const char *topic;
    const void *payload;
    size_t len;
    int qos;
    bool retain;
    const struct sedge_mqtt_props *props; /* NULL: none; dropped on MQTT 3.1.1 */
};

enum sedge_mqtt_state { SEDGE_MQTT_DISCONNECTED, SEDGE_MQTT_CONNECTED };
/* why: NULL when connected; otherwise what happened and what to check. Called at each change, and with DISCONNECTED
 * also after each failed attempt. `first`: the first connection of this process. */
typedef void (*sedge_mqtt_state_cb)(void *user, enum sedge_mqtt_state state, bool first, const struct sedge_err *why);

/* INVALID for a bad client id, a missing host, a certificate without key. Files are read at each attempt. */
struct sedge_mqtt *sedge_mqtt_new(uv_loop_t *loop, const struct sedge_mqtt_options *o, struct sedge_err *err);
void sedge_mqtt_on_state(struct sedge_mqtt *m, sedge_mqtt_state_cb cb, void *user);
void sedge_mqtt_remove_on_state(struct sedge_mqtt *m, sedge_mqtt_state_cb cb, void *user);
void sedge_mqtt_start(struct sedge_mqtt *m);
/* Ends pending operations (CANCELED), sends DISCONNECT, frees. closed may be NULL. Any number of times. */
void sedge_mqtt_close(struct sedge_mqtt *m, void (*closed)(void *user), void *user);
bool sedge_mqtt_connected(const struct sedge_mqtt *m);
bool sedge_mqtt_is_v5(const struct sedge_mqtt *m); /* of the present or last connection; true before the first */
/* Connects anew with these options, a moment after the old connection has ended; the same ones change nothing. The
 * client id stays. -1: they are not possible (as for new), and the old ones stay. */
int sedge_mqtt_set_options(struct sedge_mqtt *m, const struct sedge_mqtt_options *o, struct sedge_err *err);
/* Tries at once instead of waiting for the back-off (the network came up). */
void sedge_mqtt_reconnect_now(struct sedge_mqtt *m);

/* reason: MQTT reason code (0, 0x10: success), -1 when there was no answer. err: NULL on success; DENIED for 0x87,
 * INVALID for what never succeeds (0x90, 0x95, 0x99), UNAVAILABLE (connection lost, 0x80, 0x83, 0x97), TIMEOUT,
 * CANCELED. Runs once for each publish that returned 0. */
typedef void (*sedge_mqtt_done)(void *user, int reason, const struct sedge_err *err);
/* -1: UNAVAILABLE when not connected, LIMIT when SEDGE_MQTT_PENDING_MAX wait, INVALID. Everything is copied. QoS 0 is
 * done when it has been handed to the socket. done may be NULL. */
int sedge_mqtt_publish(struct sedge_mqtt *m, const struct sedge_mqtt_message *msg, sedge_mqtt_done done, void *user,
                       struct sedge_err *err);
/* Forget a publish: its done will not run. */
void sedge_mqtt_forget(struct sedge_mqtt *m, sedge_mqtt_done done, void *user);

struct sedge_mqtt_sub_cbs {
    void (*on_message)(void *user, const struct sedge_mqtt_message *msg);
    /* The broker's answer for all filters of the handle, after the first SUBACK and again after each reconnect and each
     * repeated try. codes[i]: granted QoS or a reason >= 0x80. err: NULL when all were granted; DENIED, INVALID,
     * TIMEOUT otherwise. Nothing while offline. May be NULL. */
    void (*on_granted)(void *user, const int *codes, size_t n, const struct sedge_err *err);
};
/* NULL: INVALID (filter rules), LIMIT. The handle lives until unsubscribe or close. */
struct sedge_mqtt_sub *sedge_mqtt_subscribe(struct sedge_mqtt *m, const char *const *filters, size_t n, int qos,
                                            const struct sedge_mqtt_sub_cbs *cbs, void *user, struct sedge_err *err);
/* No callback of the handle runs after this. The broker is told when nobody else needs the filter. */
void sedge_mqtt_unsubscribe(struct sedge_mqtt_sub *s);

/* In on_granted with an error: what the broker said in words (MQTT 5), or NULL. Valid during the callback. */
const char *sedge_mqtt_sub_reason_string(const struct sedge_mqtt_sub *s);

/* "NOT_AUTHORIZED" for 0x87 and so on: the names of ipc-operations 4.2. Never NULL. */
const char *sedge_mqtt_reason_name(int reason);

#endif
