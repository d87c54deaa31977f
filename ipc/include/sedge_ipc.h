/*
 * sedge_ipc - C library for component authors: talks to the nucleus over its IPC socket.
 *
 * Works with sedge and with every other nucleus that speaks the Greengrass V2 IPC protocol. Link with -lsedge-ipc
 * (pkg-config sedge-ipc). Needs libc, json-c and zlib; this header needs nothing but libc. C++ may include it.
 *
 *   #include <sedge_ipc.h>
 *
 *   static void on_message(const struct sedge_ipc_message *m, void *user)
 *   {
 *       printf("%s: %.*s\n", m->topic, (int)m->size, (const char *)m->data);
 *   }
 *
 *   int main(void)
 *   {
 *       struct sedge_ipc_err err;
 *       struct sedge_ipc_client *c = sedge_ipc_connect(NULL, &err);
 *       if (!c) { fprintf(stderr, "%s\n", err.message); return 1; }
 *       sedge_ipc_sub_t sub;
 *       if (sedge_ipc_subscribe_topic(c, "sensors/+", NULL, on_message, NULL, NULL, &sub, &err)) ...
 *       if (sedge_ipc_publish_json(c, "hello", "{\"n\":1}", &err)) ...
 *       while (sedge_ipc_client_dispatch(c, -1, &err) >= 0) { }
 *       sedge_ipc_disconnect(c);
 *   }
 *
 * OPERATIONS. sedge_ipc_call and sedge_ipc_subscribe do every operation of the protocol, by name and with JSON texts;
 * the other functions spare you the JSON of what components use most. Names are given with or without their prefix:
 * "GetConfiguration" is "aws.greengrass#GetConfiguration". The library has no list of them: what a nucleus does not
 * serve is its error.
 *
 * BLOCKING CALLS. Every function that takes an `err` and talks to the nucleus waits for the answer, at most the
 * client's time-out (sedge_ipc_set_timeout), and goes on after signals. Events that arrive meanwhile are kept for the
 * next dispatch; callbacks never run from inside such a call. Functions named _async do not wait: their callback runs
 * from dispatch.
 *
 * CALLBACKS. They run from sedge_ipc_client_dispatch only, in the order in which things came. A callback may call
 * everything but dispatch: also blocking calls, unsubscribe (its own subscription, too) and disconnect. What it gets is
 * valid until it returns.
 *
 * EVENT LOOPS. Watch sedge_ipc_client_fd for reading and call sedge_ipc_client_dispatch(c, 0, &err) when it is
 * readable. The descriptor stays the same for the life of the client and is readable whenever there is something to
 * do: bytes, kept events, a time-out, the next attempt to connect.
 *
 * RESULTS. 0 (or a count, or a pointer) for success, -1 (or NULL) for failure with *err filled; err may be NULL. After
 * SEDGE_IPC_E_CLOSED or SEDGE_IPC_E_PROTOCOL the connection is gone: disconnect and connect again, or let the library
 * do so, see below. After all other failures the client remains usable. Of the nucleus' errors (SEDGE_IPC_E_REMOTE)
 * err has name and text, and sedge_ipc_client_error_json everything, such as resourceType or context.
 *
 * CONNECTIONS THAT END. Without further ado, all that waits gets SEDGE_IPC_E_CLOSED, and the client is of no use any
 * more. For most components that is right: exit, and the nucleus starts you again. With reconnect_ms in the options
 * the library connects again by itself, after 100 ms, then doubling up to reconnect_ms: calls in flight fail all the
 * same (nobody knows whether they took effect), blocking calls that start meanwhile wait, within their time-out, and
 * subscriptions are made again. on_state tells; events of the time between are lost. Works while somebody dispatches
 * or makes blocking calls. It gives up, as without it, when the nucleus refuses the token: a nucleus that was started
 * again starts its components with new ones.
 *
 * MEMORY. Texts given to the library are copied or used up before it returns. What it returns through a pointer to a
 * pointer is the caller's, one block each: sedge_ipc_free. Without memory the process ends (abort).
 *
 * THREADS AND PROCESSES. No thread of its own; a client may be used by one thread at a time, several clients by
 * several. No signal is raised by a dead nucleus. All descriptors are closed by exec. After a fork the child may only
 * disconnect, which leaves the parent's connection alone.
 *
 * LIMITS. A frame (request or answer) is at most 24 MiB. While nobody dispatches, at most 4096 events or 32 MiB are
 * kept; beyond that the oldest are dropped (sedge_ipc_client_dropped). A nucleus that does not read: up to 8 MiB of
 * requests wait, then calls fail with SEDGE_IPC_E_TIMEOUT.
 *
 * COMPATIBILITY. Structures that the caller makes begin with `size` (use their _INIT) or are complete for good; those
 * that the library hands out may grow at the end. Symbols are versioned.
 */
#ifndef SEDGE_IPC_H
#define SEDGE_IPC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SEDGE_IPC_API __attribute__((visibility("default")))
#else
#define SEDGE_IPC_API
#endif

/* ---- errors ---------------------------------------------------------------------------------------------------- */

enum sedge_ipc_code {
    SEDGE_IPC_OK = 0,
    SEDGE_IPC_E_ARGUMENT,    /* a parameter or an environment variable is missing or malformed; nothing was sent */
    SEDGE_IPC_E_CONNECT,     /* nobody answers on the socket */
    SEDGE_IPC_E_REFUSED,     /* the nucleus does not know the token */
    SEDGE_IPC_E_REMOTE,      /* the nucleus answered with an error: see `name` */
    SEDGE_IPC_E_TIMEOUT,     /* no answer in time; the call may still take effect */
    SEDGE_IPC_E_CLOSED,      /* the connection ended */
    SEDGE_IPC_E_PROTOCOL,    /* the nucleus sent something that cannot be understood */
    SEDGE_IPC_E_LIMIT,       /* too large */
    SEDGE_IPC_E_SYSTEM,      /* the operating system refused */
    SEDGE_IPC_E_DISCONNECTED /* dispatch: a callback disconnected; the client is freed */
};

struct sedge_ipc_err {
    int code;          /* enum sedge_ipc_code */
    char name[64];     /* REMOTE: "ResourceNotFoundError", "UnauthorizedError", ...; otherwise "" */
    char message[512]; /* for people; a longer one is cut */
};

/* "timeout" for SEDGE_IPC_E_TIMEOUT and so on. */
SEDGE_IPC_API const char *sedge_ipc_code_name(int code);

/* ---- connection ------------------------------------------------------------------------------------------------ */

#define SEDGE_IPC_ENV_TOKEN       "SVCUID"
#define SEDGE_IPC_ENV_SOCKET      "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT"
#define SEDGE_IPC_DEFAULT_TIMEOUT 10000 /* ms */

struct sedge_ipc_client;

enum sedge_ipc_state {
    SEDGE_IPC_LOST,     /* the connection ended, attempts follow; `why` says why */
    SEDGE_IPC_RESTORED, /* connected; the subscriptions are being made again, read again what you follow */
    SEDGE_IPC_GIVEN_UP  /* the token is refused; dispatch returns -1 from now on */
};
typedef void (*sedge_ipc_state_cb)(struct sedge_ipc_client *c, enum sedge_ipc_state state,
                                   const struct sedge_ipc_err *why, void *user);

struct sedge_ipc_options {
    size_t size;                 /* of this structure: SEDGE_IPC_OPTIONS_INIT sets it */
    const char *socket_path;     /* NULL: from the environment */
    const char *token;           /* NULL: from the environment */
    int timeout_ms;              /* 0: SEDGE_IPC_DEFAULT_TIMEOUT; negative: wait for ever */
    int reconnect_ms;            /* longest pause between attempts to connect again; 0: the end is the end */
    sedge_ipc_state_cb on_state; /* only with reconnect_ms; may be NULL */
    void *user;                  /* of on_state */
};
#define SEDGE_IPC_OPTIONS_INIT                                                                                         \
    {                                                                                                                  \
        sizeof(struct sedge_ipc_options), NULL, NULL, 0, 0, NULL, NULL                                                 \
    }

/* Connects and shows the token. `options` NULL: everything from the environment that the nucleus gives to components.
 */
SEDGE_IPC_API struct sedge_ipc_client *sedge_ipc_connect(const struct sedge_ipc_options *options,
                                                         struct sedge_ipc_err *err);
/* Ends all subscriptions, closes, frees. NULL is fine. Callbacks are not called. In a callback: at once nothing is
 * delivered any more, and the client is freed when dispatch returns, with -1 and SEDGE_IPC_E_DISCONNECTED. */
SEDGE_IPC_API void sedge_ipc_disconnect(struct sedge_ipc_client *c);
SEDGE_IPC_API void sedge_ipc_set_timeout(struct sedge_ipc_client *c, int timeout_ms); /* as in the options */
SEDGE_IPC_API void sedge_ipc_free(void *p);

/* A descriptor to watch for reading; never read or close it. */
SEDGE_IPC_API int sedge_ipc_client_fd(const struct sedge_ipc_client *c);
/* Waits up to timeout_ms (0: not at all, negative: for ever) for something to tell, then runs the callbacks of
 * everything that is there. The number of callbacks; 0 when the time is over or a signal handler ran; -1 when the
 * connection has ended for good and all is told. */
SEDGE_IPC_API int sedge_ipc_client_dispatch(struct sedge_ipc_client *c, int timeout_ms, struct sedge_ipc_err *err);
/* Events dropped so far because nobody dispatched. */
SEDGE_IPC_API unsigned long long sedge_ipc_client_dropped(const struct sedge_ipc_client *c);
/* The whole JSON object of the last SEDGE_IPC_E_REMOTE of a blocking call, with resourceType, resourceName, context,
 * ...
 * "{}" before the first. Valid until the next call on the client. */
SEDGE_IPC_API const char *sedge_ipc_client_error_json(const struct sedge_ipc_client *c);

/* ---- any operation --------------------------------------------------------------------------------------------- */

/* One call. `request_json` is the text of a JSON object, NULL for {}. On success *response_json is the answer's JSON
 * text; on SEDGE_IPC_E_REMOTE it is the error's JSON text with all members (resourceName, context, ...), otherwise
 * NULL. response_json may be NULL. */
SEDGE_IPC_API int sedge_ipc_call(struct sedge_ipc_client *c, const char *operation, const char *request_json,
                                 char **response_json, struct sedge_ipc_err *err);

/* The same without waiting: on_reply (may be NULL) runs once from dispatch, with err->code SEDGE_IPC_OK and the answer,
 * or with the error (E_TIMEOUT after the client's time-out; E_CLOSED when the connection ends first). Any number may
 * be in flight; answers come in any order. Not called when this function itself fails. */
typedef void (*sedge_ipc_reply_cb)(const struct sedge_ipc_err *err, const char *response_json, void *user);
SEDGE_IPC_API int sedge_ipc_call_async(struct sedge_ipc_client *c, const char *operation, const char *request_json,
                                       sedge_ipc_reply_cb on_reply, void *user, struct sedge_ipc_err *err);

/* A subscription; ids are never used twice on a client. */
typedef int32_t sedge_ipc_sub_t;

/* `event_json` is the JSON text of one event, e.g. {"configurationUpdateEvent":{...}}; terminated, `size` without NUL.
 */
typedef void (*sedge_ipc_event_cb)(const char *event_json, size_t size, void *user);
/* The nucleus ended the subscription (err->code REMOTE, or OK for an end without an error), the connection is gone for
 * good (CLOSED, REFUSED), or an event cannot be read (PROTOCOL). Runs once, and not after sedge_ipc_unsubscribe. */
typedef void (*sedge_ipc_end_cb)(const struct sedge_ipc_err *err, void *user);

/* Waits until the nucleus has accepted the subscription. on_end and sub may be NULL. */
SEDGE_IPC_API int sedge_ipc_subscribe(struct sedge_ipc_client *c, const char *operation, const char *request_json,
                                      sedge_ipc_event_cb on_event, sedge_ipc_end_cb on_end, void *user,
                                      sedge_ipc_sub_t *sub, struct sedge_ipc_err *err);
/* Does not wait: on_accept (may be NULL) runs when it is accepted; a refusal is an on_end. There is no time-out. */
typedef void (*sedge_ipc_accept_cb)(void *user);
SEDGE_IPC_API int sedge_ipc_subscribe_async(struct sedge_ipc_client *c, const char *operation, const char *request_json,
                                            sedge_ipc_event_cb on_event, sedge_ipc_accept_cb on_accept,
                                            sedge_ipc_end_cb on_end, void *user, sedge_ipc_sub_t *sub,
                                            struct sedge_ipc_err *err);
/* No event of it is delivered afterwards. An id that is over is ignored. */
SEDGE_IPC_API void sedge_ipc_unsubscribe(struct sedge_ipc_client *c, sedge_ipc_sub_t sub);

/* ---- local publish/subscribe ----------------------------------------------------------------------------------- */

struct sedge_ipc_mqtt;

struct sedge_ipc_message {
    const char *topic;
    const void *data; /* JSON messages: the text; binary ones: the bytes. Always followed by a NUL outside of `size` */
    size_t size;
    int is_json;                       /* 1: JSON object text; 0: bytes */
    const struct sedge_ipc_mqtt *mqtt; /* messages of the cloud: their other members; otherwise NULL */
};
typedef void (*sedge_ipc_message_cb)(const struct sedge_ipc_message *m, void *user);

/* `json` is the text of a JSON object. */
SEDGE_IPC_API int sedge_ipc_publish_json(struct sedge_ipc_client *c, const char *topic, const char *json,
                                         struct sedge_ipc_err *err);
SEDGE_IPC_API int sedge_ipc_publish_binary(struct sedge_ipc_client *c, const char *topic, const void *data, size_t size,
                                           struct sedge_ipc_err *err);
/* As sedge_ipc_call_async, for many in flight. */
SEDGE_IPC_API int sedge_ipc_publish_json_async(struct sedge_ipc_client *c, const char *topic, const char *json,
                                               sedge_ipc_reply_cb on_reply, void *user, struct sedge_ipc_err *err);
SEDGE_IPC_API int sedge_ipc_publish_binary_async(struct sedge_ipc_client *c, const char *topic, const void *data,
                                                 size_t size, sedge_ipc_reply_cb on_reply, void *user,
                                                 struct sedge_ipc_err *err);
/* `filter` may hold the wildcards + and #. `receive_mode`: "RECEIVE_ALL_MESSAGES", "RECEIVE_MESSAGES_FROM_OTHERS" or
 * NULL for the default (own messages only when the filter has no wildcard). */
SEDGE_IPC_API int sedge_ipc_subscribe_topic(struct sedge_ipc_client *c, const char *filter, const char *receive_mode,
                                            sedge_ipc_message_cb on_message, sedge_ipc_end_cb on_end, void *user,
                                            sedge_ipc_sub_t *sub, struct sedge_ipc_err *err);

/* ---- cloud (MQTT) ---------------------------------------------------------------------------------------------- */

struct sedge_ipc_user_property {
    const char *key, *value;
};

/* What a message of the cloud has beside topic and payload; all but `retain` needs MQTT 5 on the way. */
struct sedge_ipc_mqtt {
    size_t size;              /* of this structure: SEDGE_IPC_MQTT_INIT sets it */
    int retain;               /* 0 or 1 */
    int is_text;              /* payload format: 1 for UTF-8 text, 0 for bytes */
    const char *content_type; /* NULL: absent, like the next ones */
    const char *response_topic;
    const void *correlation_data;
    size_t correlation_size;
    long long expiry_s; /* message expiry interval in seconds; negative: none */
    const struct sedge_ipc_user_property *user_properties;
    size_t nuser_properties;
};
#define SEDGE_IPC_MQTT_INIT                                                                                            \
    {                                                                                                                  \
        sizeof(struct sedge_ipc_mqtt), 0, 0, NULL, NULL, NULL, 0, -1, NULL, 0                                          \
    }

/* `qos` 0 or 1. Success means that the nucleus has queued the message, not that the broker has it. */
SEDGE_IPC_API int sedge_ipc_publish_iot_core(struct sedge_ipc_client *c, const char *topic, int qos, const void *data,
                                             size_t size, struct sedge_ipc_err *err);
/* With properties (NULL: none) and, if `on_reply` is given, without waiting, as sedge_ipc_call_async. */
SEDGE_IPC_API int sedge_ipc_publish_mqtt(struct sedge_ipc_client *c, const char *topic, int qos, const void *data,
                                         size_t size, const struct sedge_ipc_mqtt *properties,
                                         sedge_ipc_reply_cb on_reply, void *user, struct sedge_ipc_err *err);
/* Waits for the broker: without a connection to it until the time-out. */
SEDGE_IPC_API int sedge_ipc_subscribe_iot_core(struct sedge_ipc_client *c, const char *filter, int qos,
                                               sedge_ipc_message_cb on_message, sedge_ipc_end_cb on_end, void *user,
                                               sedge_ipc_sub_t *sub, struct sedge_ipc_err *err);
/* Does not wait, see sedge_ipc_subscribe_async: what a component that starts offline wants. */
SEDGE_IPC_API int sedge_ipc_subscribe_iot_core_async(struct sedge_ipc_client *c, const char *filter, int qos,
                                                     sedge_ipc_message_cb on_message, sedge_ipc_accept_cb on_accept,
                                                     sedge_ipc_end_cb on_end, void *user, sedge_ipc_sub_t *sub,
                                                     struct sedge_ipc_err *err);
/* The state now, and each change: 1 connected to the cloud, 0 not. Not every nucleus has it. */
typedef void (*sedge_ipc_connection_cb)(int connected, void *user);
SEDGE_IPC_API int sedge_ipc_subscribe_connection(struct sedge_ipc_client *c, sedge_ipc_connection_cb on_change,
                                                 sedge_ipc_end_cb on_end, void *user, sedge_ipc_sub_t *sub,
                                                 struct sedge_ipc_err *err);

/* ---- configuration --------------------------------------------------------------------------------------------- */

/* `component` NULL: the caller's own. `key_path`: keys from the root of the configuration downwards, NULL-terminated;
 * NULL: everything. *value_json: text of the value. For a container that is the object; a leaf is answered by the
 * nucleus as an object with the one member and is unwrapped here: {"mqtt":{"port":8883}}, path mqtt/port gives 8883. */
SEDGE_IPC_API int sedge_ipc_get_configuration(struct sedge_ipc_client *c, const char *component,
                                              const char *const *key_path, char **value_json,
                                              struct sedge_ipc_err *err);
/* Merges the object `value_json` into the caller's configuration at key_path, with the time of now. */
SEDGE_IPC_API int sedge_ipc_update_configuration(struct sedge_ipc_client *c, const char *const *key_path,
                                                 const char *value_json, struct sedge_ipc_err *err);
/* `key_path` of the callback is that of the changed node, NULL-terminated. */
typedef void (*sedge_ipc_config_cb)(const char *component, const char *const *key_path, void *user);
SEDGE_IPC_API int sedge_ipc_subscribe_configuration(struct sedge_ipc_client *c, const char *component,
                                                    const char *const *key_path, sedge_ipc_config_cb on_change,
                                                    sedge_ipc_end_cb on_end, void *user, sedge_ipc_sub_t *sub,
                                                    struct sedge_ipc_err *err);
/* A deployment asks whether the caller can live with a new configuration, whole and as JSON text. Answer with
 * sedge_ipc_report_validity in time (20 s unless the deployment says otherwise), from the callback or later. */
typedef void (*sedge_ipc_validation_cb)(const char *deployment_id, const char *configuration_json, void *user);
SEDGE_IPC_API int sedge_ipc_subscribe_validation(struct sedge_ipc_client *c, sedge_ipc_validation_cb on_question,
                                                 sedge_ipc_end_cb on_end, void *user, sedge_ipc_sub_t *sub,
                                                 struct sedge_ipc_err *err);
/* `message` (may be NULL) tells the deployment's author why not. */
SEDGE_IPC_API int sedge_ipc_report_validity(struct sedge_ipc_client *c, const char *deployment_id, int accepted,
                                            const char *message, struct sedge_ipc_err *err);

/* ---- the component itself -------------------------------------------------------------------------------------- */

/* `state` is "RUNNING" (from a startup script that is ready) or "ERRORED". */
SEDGE_IPC_API int sedge_ipc_update_state(struct sedge_ipc_client *c, const char *state, struct sedge_ipc_err *err);

struct sedge_ipc_update {
    const char *deployment_id;
    int is_over;               /* 0: about to begin, answer with sedge_ipc_defer_update; 1: it is over */
    int nucleus_is_restarting; /* for it */
};
typedef void (*sedge_ipc_update_cb)(const struct sedge_ipc_update *u, void *user);
SEDGE_IPC_API int sedge_ipc_subscribe_updates(struct sedge_ipc_client *c, sedge_ipc_update_cb on_update,
                                              sedge_ipc_end_cb on_end, void *user, sedge_ipc_sub_t *sub,
                                              struct sedge_ipc_err *err);
/* `recheck_after_ms` 0: go ahead; otherwise ask again after that time. `message` may be NULL. */
SEDGE_IPC_API int sedge_ipc_defer_update(struct sedge_ipc_client *c, const char *deployment_id,
                                         long long recheck_after_ms, const char *message, struct sedge_ipc_err *err);

/* ---- other components and deployments -------------------------------------------------------------------------- */

SEDGE_IPC_API int sedge_ipc_pause_component(struct sedge_ipc_client *c, const char *name, struct sedge_ipc_err *err);
SEDGE_IPC_API int sedge_ipc_resume_component(struct sedge_ipc_client *c, const char *name, struct sedge_ipc_err *err);
/* Success: the request is accepted. One that the nucleus does not take up is SEDGE_IPC_E_REMOTE, name "FAILED". */
SEDGE_IPC_API int sedge_ipc_restart_component(struct sedge_ipc_client *c, const char *name, struct sedge_ipc_err *err);
SEDGE_IPC_API int sedge_ipc_stop_component(struct sedge_ipc_client *c, const char *name, struct sedge_ipc_err *err);

struct sedge_ipc_component {
    const char *name, *version, *state; /* "RUNNING", ...; version may be "" */
    const char *configuration_json;
};
/* All components, or the one called `name`. *list ends with NULL and is one block: sedge_ipc_free(list). */
SEDGE_IPC_API int sedge_ipc_list_components(struct sedge_ipc_client *c, const char *name,
                                            struct sedge_ipc_component ***list, struct sedge_ipc_err *err);

/* `request_json` has the members of CreateLocalDeployment: rootComponentVersionsToAdd, recipeDirectoryPath, ... */
SEDGE_IPC_API int sedge_ipc_create_deployment(struct sedge_ipc_client *c, const char *request_json,
                                              char **deployment_id, struct sedge_ipc_err *err);
/* *status: "QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED" or "CANCELED". */
SEDGE_IPC_API int sedge_ipc_deployment_status(struct sedge_ipc_client *c, const char *deployment_id, char **status,
                                              struct sedge_ipc_err *err);
SEDGE_IPC_API int sedge_ipc_cancel_deployment(struct sedge_ipc_client *c, const char *deployment_id,
                                              struct sedge_ipc_err *err);

/* ---- secrets, shadows, metrics --------------------------------------------------------------------------------- */

/* `secret_id`: ARN or name. `version_id` and `stage`: at most one; both NULL: the current version. *data is a text or
 * bytes, always followed by a NUL outside of *size; sedge_ipc_free_secret wipes it before it frees it. */
SEDGE_IPC_API int sedge_ipc_get_secret(struct sedge_ipc_client *c, const char *secret_id, const char *version_id,
                                       const char *stage, void **data, size_t *size, struct sedge_ipc_err *err);
SEDGE_IPC_API void sedge_ipc_free_secret(void *data, size_t size);

/* `shadow` NULL: the classic one. Documents are JSON texts: {"state":{"desired":{...},"reported":{...}},"version":n}.
 */
SEDGE_IPC_API int sedge_ipc_get_shadow(struct sedge_ipc_client *c, const char *thing, const char *shadow,
                                       char **document_json, struct sedge_ipc_err *err);
/* *accepted_json (may be NULL): the answer, with the new version. */
SEDGE_IPC_API int sedge_ipc_update_shadow(struct sedge_ipc_client *c, const char *thing, const char *shadow,
                                          const char *document_json, char **accepted_json, struct sedge_ipc_err *err);
SEDGE_IPC_API int sedge_ipc_delete_shadow(struct sedge_ipc_client *c, const char *thing, const char *shadow,
                                          struct sedge_ipc_err *err);
/* All pages. *names ends with NULL and is one block: sedge_ipc_free(names). */
SEDGE_IPC_API int sedge_ipc_list_shadows(struct sedge_ipc_client *c, const char *thing, char ***names,
                                         struct sedge_ipc_err *err);

/* `unit`: "BYTES", "BYTES_PER_SECOND", "COUNT", "COUNT_PER_SECOND", "MEGABYTES" or "SECONDS". */
SEDGE_IPC_API int sedge_ipc_put_metric(struct sedge_ipc_client *c, const char *name, const char *unit, double value,
                                       struct sedge_ipc_err *err);

/* ---- tokens and client devices --------------------------------------------------------------------------------- */

/* *username and *password: one block, sedge_ipc_free(*username). *expires_ms (may be NULL): since the epoch. */
SEDGE_IPC_API int sedge_ipc_create_debug_password(struct sedge_ipc_client *c, char **username, char **password,
                                                  long long *expires_ms, struct sedge_ipc_err *err);
/* 1: the token belongs to a component; 0: it does not (InvalidTokenError, too); -1. */
SEDGE_IPC_API int sedge_ipc_validate_token(struct sedge_ipc_client *c, const char *token, struct sedge_ipc_err *err);

/* 1: a known client device; 0: not; -1. */
SEDGE_IPC_API int sedge_ipc_verify_client_device(struct sedge_ipc_client *c, const char *certificate_pem,
                                                 struct sedge_ipc_err *err);
/* Any of the texts may be NULL; *token is for the next function. */
SEDGE_IPC_API int sedge_ipc_client_device_token(struct sedge_ipc_client *c, const char *client_id,
                                                const char *certificate_pem, const char *username, const char *password,
                                                char **token, struct sedge_ipc_err *err);
/* `operation`: "mqtt:publish", ...; `resource`: "mqtt:topic:a/b", ... 1: allowed; 0: not; -1. */
SEDGE_IPC_API int sedge_ipc_authorize_client_device(struct sedge_ipc_client *c, const char *token,
                                                    const char *operation, const char *resource,
                                                    struct sedge_ipc_err *err);
struct sedge_ipc_certificate {
    const char *private_key, *public_key, *certificate; /* PEM */
    const char *const *ca_certificates;                 /* PEM, NULL-terminated */
};
typedef void (*sedge_ipc_certificate_cb)(const struct sedge_ipc_certificate *cert, void *user);
/* The server certificate for client devices: the present one at once, and each renewal. */
SEDGE_IPC_API int sedge_ipc_subscribe_certificate(struct sedge_ipc_client *c, sedge_ipc_certificate_cb on_certificate,
                                                  sedge_ipc_end_cb on_end, void *user, sedge_ipc_sub_t *sub,
                                                  struct sedge_ipc_err *err);

#ifdef __cplusplus
}
#endif

#endif
