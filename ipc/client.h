/*
 * client - inside of the client library: the connection and its streams. The contract is in include/sedge_ipc.h.
 */
#ifndef SEDGE_IPC_CLIENT_H
#define SEDGE_IPC_CLIENT_H

#include <stdbool.h>

#include "message.h"
#include "sedge_ipc.h"

#define SEDGE_IPC_KEPT_EVENTS 4096u
#define SEDGE_IPC_KEPT_BYTES  (32u << 20)

enum sedge_call_kind { SEDGE_CALL_BLOCKING, SEDGE_CALL_ASYNC, SEDGE_CALL_SUBSCRIPTION };

/* Turns the JSON text of an event into a call of the author's callback. */
typedef void (*sedge_event_adapter)(void (*callback)(void), const char *json, size_t size, void *user);

struct sedge_call {
    struct sedge_call *next;
    int32_t id;
    enum sedge_call_kind kind;
    bool answered; /* the response or error is here */
    sedge_event_adapter adapter;
    void (*callback)(void); /* the author's function, cast back by the adapter */
    sedge_ipc_reply_cb on_reply;
    sedge_ipc_end_cb on_end;
    void *user;
    /* answer of a blocking call */
    struct sedge_ipc_err err;
    char *text;
};

enum sedge_item_kind { SEDGE_ITEM_EVENT, SEDGE_ITEM_REPLY, SEDGE_ITEM_END };

/* Something for the next dispatch. */
struct sedge_item {
    struct sedge_item *next;
    enum sedge_item_kind kind;
    int32_t id;
    struct sedge_ipc_err err;
    char *text;
    size_t size;
};

struct sedge_ipc_client {
    int fd, epoll_fd, wake_fd;
    int timeout_ms;
    int32_t last_id;
    bool broken, acked, dispatching, awake;
    int ack_flags;
    struct sedge_ipc_err why; /* of `broken` */
    struct sedge_frame_in in;
    struct sedge_call *calls;
    struct sedge_item *first, **last;
    size_t kept_events, kept_bytes;
    unsigned long long dropped;
    uint8_t *read_buf;
};

int sedge_ipc_fail(struct sedge_ipc_err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As sedge_ipc_subscribe, with a callback of another form. */
int sedge_ipc_subscribe_as(struct sedge_ipc_client *c, const char *operation, const char *request,
                           sedge_event_adapter adapter, void (*callback)(void), sedge_ipc_end_cb on_end, void *user,
                           sedge_ipc_sub_t *sub, struct sedge_ipc_err *err);

/* ---- client_io.c: bytes ---- */

int64_t sedge_client_deadline(int timeout_ms); /* -1: none */
/* Waits until `done(c, arg)` or the deadline, reading frames. 0, or -1 with TIMEOUT or the reason of the end. */
int sedge_client_wait(struct sedge_ipc_client *c, int64_t deadline, bool (*done)(struct sedge_ipc_client *c, void *arg),
                      void *arg, struct sedge_ipc_err *err);
/* Writes all of it, reading what comes meanwhile. */
int sedge_client_write(struct sedge_ipc_client *c, const struct sedge_buf *b, int64_t deadline,
                       struct sedge_ipc_err *err);
/* Reads what is there without waiting. */
void sedge_client_read(struct sedge_ipc_client *c);
void sedge_client_break(struct sedge_ipc_client *c, int code, const char *why);
void sedge_client_wake(struct sedge_ipc_client *c);
int sedge_client_poll(struct sedge_ipc_client *c, short events, int64_t deadline); /* as poll(2) */

/* ---- client.c: frames ---- */

void sedge_client_frame(struct sedge_ipc_client *c, const struct sedge_frame *f);
void sedge_client_end_all(struct sedge_ipc_client *c);

#endif
