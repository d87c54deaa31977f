/*
 * sedge_ipc - C library for component authors: talks to the nucleus over its IPC socket.
 *
 * Works with sedge and with every other nucleus that speaks the Greengrass V2 IPC protocol. Link with -lsedge-ipc
 * (pkg-config sedge-ipc). Needs libc, json-c and zlib; this header needs nothing but libc.
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
 * BLOCKING CALLS. Every function that takes an `err` and talks to the nucleus waits for the answer, at most the
 * client's time-out (sedge_ipc_set_timeout). Events that arrive meanwhile are kept for the next dispatch; callbacks
 * never run from inside such a call.
 *
 * CALLBACKS. They run from sedge_ipc_client_dispatch only. A callback may make blocking calls, subscribe, unsubscribe
 * and start asynchronous calls; it may not call dispatch or disconnect.
 *
 * EVENT LOOPS. Watch sedge_ipc_client_fd for reading and call sedge_ipc_client_dispatch(c, 0, &err) when it is
 * readable. The descriptor is also readable while kept events wait.
 *
 * RESULTS. 0 (or a count, or a pointer) for success, -1 (or NULL) for failure with *err filled; err may be NULL. After
 * SEDGE_IPC_E_CLOSED or SEDGE_IPC_E_PROTOCOL the connection is gone: disconnect and connect again. Subscriptions do not
 * survive that. After all other failures the client remains usable.
 *
 * MEMORY. Texts given to the library are copied or used up before it returns. Texts that it returns through a char **
 * are the caller's: sedge_ipc_free. What a callback gets is valid until the callback returns.
 *
 * THREADS. No thread of its own; a client may be used by one thread at a time. No signal is raised by a dead nucleus.
 *
 * LIMITS. A frame (request or answer) is at most 24 MiB. While nobody dispatches, at most 4096 events or 32 MiB are
 * kept; beyond that the oldest are dropped (sedge_ipc_client_dropped).
 *
 * OPERATIONS are named with or without their prefix: "GetConfiguration" is "aws.greengrass#GetConfiguration".
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
    SEDGE_IPC_E_ARGUMENT, /* a parameter or an environment variable is missing or malformed; nothing was sent */
    SEDGE_IPC_E_CONNECT,  /* nobody answers on the socket */
    SEDGE_IPC_E_REFUSED,  /* the nucleus does not know the token */
    SEDGE_IPC_E_REMOTE,   /* the nucleus answered with an error: see `name` */
    SEDGE_IPC_E_TIMEOUT,  /* no answer in time; the call may still take effect */
    SEDGE_IPC_E_CLOSED,   /* the connection ended */
    SEDGE_IPC_E_PROTOCOL, /* the nucleus sent something that cannot be understood */
    SEDGE_IPC_E_LIMIT,    /* too large */
    SEDGE_IPC_E_SYSTEM    /* the operating system refused */
};

struct sedge_ipc_err {
    int code;          /* enum sedge_ipc_code */
    char name[64];     /* REMOTE: "ResourceNotFoundError", "UnauthorizedError", ...; otherwise "" */
    char message[512]; /* for people */
};

/* "timeout" for SEDGE_IPC_E_TIMEOUT and so on. */
SEDGE_IPC_API const char *sedge_ipc_code_name(int code);

/* ---- connection ------------------------------------------------------------------------------------------------ */

#define SEDGE_IPC_ENV_TOKEN       "SVCUID"
#define SEDGE_IPC_ENV_SOCKET      "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT"
#define SEDGE_IPC_DEFAULT_TIMEOUT 10000 /* ms */

struct sedge_ipc_client;

struct sedge_ipc_options {
    const char *socket_path; /* NULL: from the environment */
    const char *token;       /* NULL: from the environment */
    int timeout_ms;          /* 0: SEDGE_IPC_DEFAULT_TIMEOUT; negative: wait for ever */
};

/* Connects and shows the token. `options` NULL: everything from the environment that the nucleus gives to components.
 */
SEDGE_IPC_API struct sedge_ipc_client *sedge_ipc_connect(const struct sedge_ipc_options *options,
                                                         struct sedge_ipc_err *err);
/* Ends all subscriptions, closes, frees. NULL is fine. Callbacks of open subscriptions are not called. */
SEDGE_IPC_API void sedge_ipc_disconnect(struct sedge_ipc_client *c);
SEDGE_IPC_API void sedge_ipc_set_timeout(struct sedge_ipc_client *c, int timeout_ms); /* as in the options */
SEDGE_IPC_API void sedge_ipc_free(void *p);

/* A descriptor to watch for reading; never read or close it. */
SEDGE_IPC_API int sedge_ipc_client_fd(const struct sedge_ipc_client *c);
/* Waits up to timeout_ms (0: not at all, negative: for ever) for something to arrive, then runs the callbacks of
 * everything that is there. The number of callbacks, 0 when the time is over, -1 when the connection has ended. */
SEDGE_IPC_API int sedge_ipc_client_dispatch(struct sedge_ipc_client *c, int timeout_ms, struct sedge_ipc_err *err);
/* Events dropped so far because nobody dispatched. */
SEDGE_IPC_API unsigned long long sedge_ipc_client_dropped(const struct sedge_ipc_client *c);

/* ---- any operation --------------------------------------------------------------------------------------------- */

/* One call. `request_json` is the text of a JSON object, NULL for {}. On success *response_json is the answer's JSON
 * text; on SEDGE_IPC_E_REMOTE it is the error's JSON text with all members (resourceName, context, ...), otherwise
 * NULL. response_json may be NULL. */
SEDGE_IPC_API int sedge_ipc_call(struct sedge_ipc_client *c, const char *operation, const char *request_json,
                                 char **response_json, struct sedge_ipc_err *err);

/* The same without waiting: on_reply runs once from dispatch, with err->code SEDGE_IPC_OK and the answer, or with the
 * error (E_CLOSED when the connection ends first; then from the dispatch that reports it). */
typedef void (*sedge_ipc_reply_cb)(const struct sedge_ipc_err *err, const char *response_json, void *user);
SEDGE_IPC_API int sedge_ipc_call_async(struct sedge_ipc_client *c, const char *operation, const char *request_json,
                                       sedge_ipc_reply_cb on_reply, void *user, struct sedge_ipc_err *err);

/* A subscription; ids are never used twice on a client. */
typedef int32_t sedge_ipc_sub_t;

/* `event_json` is the JSON text of one event, e.g. {"configurationUpdateEvent":{...}}; terminated, `size` without NUL.
 */
typedef void (*sedge_ipc_event_cb)(const char *event_json, size_t size, void *user);
/* The nucleus ended the subscription (err->code REMOTE, or OK for an end without an error) or the connection is gone
 * (CLOSED). Runs once, and not after sedge_ipc_unsubscribe. */
typedef void (*sedge_ipc_end_cb)(const struct sedge_ipc_err *err, void *user);

/* Waits until the nucleus has accepted the subscription. on_end may be NULL. */
SEDGE_IPC_API int sedge_ipc_subscribe(struct sedge_ipc_client *c, const char *operation, const char *request_json,
                                      sedge_ipc_event_cb on_event, sedge_ipc_end_cb on_end, void *user,
                                      sedge_ipc_sub_t *sub, struct sedge_ipc_err *err);
/* No event of it is delivered afterwards. An id that is over is ignored. */
SEDGE_IPC_API void sedge_ipc_unsubscribe(struct sedge_ipc_client *c, sedge_ipc_sub_t sub);

/* ---- local publish/subscribe ----------------------------------------------------------------------------------- */

struct sedge_ipc_message {
    const char *topic;
    const void *data; /* JSON messages: the text; binary ones: the bytes. Always followed by a NUL outside of `size` */
    size_t size;
    int is_json; /* 1: JSON object text; 0: bytes */
};
typedef void (*sedge_ipc_message_cb)(const struct sedge_ipc_message *m, void *user);

/* `json` is the text of a JSON object. */
SEDGE_IPC_API int sedge_ipc_publish_json(struct sedge_ipc_client *c, const char *topic, const char *json,
                                         struct sedge_ipc_err *err);
SEDGE_IPC_API int sedge_ipc_publish_binary(struct sedge_ipc_client *c, const char *topic, const void *data, size_t size,
                                           struct sedge_ipc_err *err);
/* `filter` may hold the wildcards + and #. `receive_mode`: "RECEIVE_ALL_MESSAGES", "RECEIVE_MESSAGES_FROM_OTHERS" or
 * NULL for the default (own messages only when the filter has no wildcard). */
SEDGE_IPC_API int sedge_ipc_subscribe_topic(struct sedge_ipc_client *c, const char *filter, const char *receive_mode,
                                            sedge_ipc_message_cb on_message, sedge_ipc_end_cb on_end, void *user,
                                            sedge_ipc_sub_t *sub, struct sedge_ipc_err *err);

/* ---- cloud (MQTT) ---------------------------------------------------------------------------------------------- */

/* `qos` 0 or 1. Success means that the nucleus has queued the message, not that the broker has it. */
SEDGE_IPC_API int sedge_ipc_publish_iot_core(struct sedge_ipc_client *c, const char *topic, int qos, const void *data,
                                             size_t size, struct sedge_ipc_err *err);
SEDGE_IPC_API int sedge_ipc_subscribe_iot_core(struct sedge_ipc_client *c, const char *filter, int qos,
                                               sedge_ipc_message_cb on_message, sedge_ipc_end_cb on_end, void *user,
                                               sedge_ipc_sub_t *sub, struct sedge_ipc_err *err);

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

/* ---- lifecycle ------------------------------------------------------------------------------------------------- */

/* `state` is "RUNNING" (from a startup script that is ready) or "ERRORED". */
SEDGE_IPC_API int sedge_ipc_update_state(struct sedge_ipc_client *c, const char *state, struct sedge_ipc_err *err);

#ifdef __cplusplus
}
#endif

#endif
