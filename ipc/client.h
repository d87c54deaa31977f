/*
 * client - inside of the client library. The contract is in include/sedge_ipc.h.
 *
 *   client.c         connect, options, disconnect
 *   client_link.c    the connection: socket, handshake, its end, connecting again
 *   client_io.c      bytes, waiting, timers; nothing else touches the socket
 *   client_call.c    requests: calls and subscriptions begun and ended by the author
 *   client_stream.c  the calls there are, and what becomes of what arrives for them
 *   client_dispatch.c   what waits for the author, and handing it out
 *   client_json.c    requests built, answers taken apart
 *   client_pubsub.c, client_config.c, client_component.c, client_service.c   the typed functions
 *
 * What arrives is handled in sedge_client_frame, which changes the state of calls, queues items for dispatch and
 * bytes for the socket, and does no I/O itself: so nothing is ever re-entered.
 */
#ifndef SEDGE_IPC_CLIENT_H
#define SEDGE_IPC_CLIENT_H

#include <stdbool.h>

#include "message.h"
#include "sedge_ipc.h"

#define SEDGE_IPC_KEPT_EVENTS      4096u
#define SEDGE_IPC_KEPT_BYTES       (32u << 20)
#define SEDGE_IPC_OUT_BYTES        (8u << 20)
#define SEDGE_IPC_RECONNECT_MIN_MS 100

enum { SEDGE_CLIENT_BUCKETS = 256 }; /* of the table of calls in flight */

enum sedge_call_kind { SEDGE_CALL_BLOCKING, SEDGE_CALL_ASYNC, SEDGE_CALL_SUBSCRIPTION };
/* SENT: no answer yet. LIVE: an accepted subscription. DONE: `err` and `text` are filled, or an item waits that says
 * so. */
enum sedge_call_state { SEDGE_CALL_SENT, SEDGE_CALL_LIVE, SEDGE_CALL_DONE };

/* Turns the JSON text of an event into a call of the author's callback. -1: cannot be read. */
typedef void (*sedge_any_cb)(void);
typedef int (*sedge_event_adapter)(sedge_any_cb callback, const char *json, size_t size, void *user);

struct sedge_call {
    struct sedge_call *next, *prev; /* all, oldest first */
    struct sedge_call *same;        /* bucket of the stream number */
    enum sedge_call_kind kind;
    enum sedge_call_state state;
    bool waits; /* a blocking caller waits for it, and frees it */
    int32_t stream;
    sedge_ipc_sub_t sub;
    int64_t deadline; /* of an asynchronous call; -1: none */
    sedge_event_adapter adapter;
    sedge_any_cb callback; /* the author's function, cast back by the adapter */
    sedge_ipc_reply_cb on_reply;
    sedge_ipc_accept_cb on_accept;
    sedge_ipc_end_cb on_end;
    void *user;
    char *operation, *request; /* of a subscription that can be made again */
    struct sedge_ipc_err err;
    char *text;
};

enum sedge_item_kind { SEDGE_ITEM_EVENT, SEDGE_ITEM_REPLY, SEDGE_ITEM_ACCEPT, SEDGE_ITEM_END, SEDGE_ITEM_STATE };

/* Something for the next dispatch. */
struct sedge_item {
    struct sedge_item *next;
    enum sedge_item_kind kind;
    enum sedge_ipc_state state;
    struct sedge_call *call; /* NULL: STATE */
    struct sedge_ipc_err err;
    char *text;
    size_t size;
};

enum sedge_link {
    SEDGE_LINK_DOWN,     /* the next attempt is at link_ms */
    SEDGE_LINK_GREETING, /* the token is on its way; fails at link_ms */
    SEDGE_LINK_UP,
    SEDGE_LINK_OVER /* for good */
};

struct sedge_ipc_client {
    int fd, epoll_fd, wake_fd, timer_fd;
    char *path, *token;
    int timeout_ms, reconnect_ms;
    sedge_ipc_state_cb on_state;
    void *user;

    enum sedge_link link;
    bool greeted;             /* the nucleus has accepted the token: the link comes up with the next turn */
    struct sedge_ipc_err why; /* of the last end of the link */
    int64_t link_ms;          /* -1: nothing to do */
    int64_t timer_ms;         /* what timer_fd is set to; -1: off */
    int pause_ms;             /* before the next attempt */

    struct sedge_frame_in in;
    uint8_t *read_buf;
    struct sedge_buf out;
    size_t out_sent; /* of `out` */
    bool out_watched;

    int32_t last_stream;
    sedge_ipc_sub_t last_sub;
    struct sedge_call *calls, *last_call;
    struct sedge_call *bucket[SEDGE_CLIENT_BUCKETS];
    struct sedge_item *first, **last;
    size_t kept_events, kept_bytes;
    unsigned long long dropped;
    char *error_json;
    bool awake, dispatching, closing;
};

int sedge_client_fail(struct sedge_ipc_err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int sedge_client_fail_from(struct sedge_ipc_err *err, const struct sedge_err *e);
void sedge_client_free(struct sedge_ipc_client *c);
/* A client whose handshake is done, on a connected socket: for tests. `o` as in sedge_ipc_connect, already checked. */
struct sedge_ipc_client *sedge_client_adopt(int fd, struct sedge_ipc_err *err);

/* ---- client_link.c ---- */

int sedge_client_link_open(struct sedge_ipc_client *c, struct sedge_ipc_err *err); /* the first time: waits */
void sedge_client_link_answer(struct sedge_ipc_client *c, bool accepted);          /* to the handshake */
void sedge_client_break(struct sedge_ipc_client *c, int code, const char *why);
void sedge_client_link_turn(struct sedge_ipc_client *c); /* what is due: after reading, and at link_ms */
/* Waits while the library connects again. */
int sedge_client_link_wait(struct sedge_ipc_client *c, int64_t deadline, struct sedge_ipc_err *err);

/* ---- client_io.c ---- */

enum sedge_turn { SEDGE_TURN_DONE, SEDGE_TURN_SIGNAL };
int64_t sedge_client_deadline(int timeout_ms); /* -1: none */
bool sedge_client_passed(int64_t deadline);
int sedge_client_open_fds(struct sedge_ipc_client *c, struct sedge_ipc_err *err);
void sedge_client_watch(struct sedge_ipc_client *c, bool on); /* the socket, in the author's descriptor */
/* Waits for bytes, room, a timer or the deadline, whichever is first, and handles them. */
enum sedge_turn sedge_client_turn(struct sedge_ipc_client *c, int64_t deadline);
/* Turns until `done(arg)`; signals do not end it. 0, or -1 with TIMEOUT, or the reason why the link is over. */
int sedge_client_wait(struct sedge_ipc_client *c, int64_t deadline, bool (*done)(const void *arg), const void *arg,
                      struct sedge_ipc_err *err);
/* Makes room for a frame of n bytes in `out`. */
int sedge_client_room(struct sedge_ipc_client *c, size_t n, int64_t deadline, struct sedge_ipc_err *err);
void sedge_client_flush(struct sedge_ipc_client *c); /* writes what goes without waiting */
void sedge_client_wake(struct sedge_ipc_client *c);  /* the author's descriptor follows what waits for dispatch */
void sedge_client_timer(struct sedge_ipc_client *c, int64_t ms); /* something is due then; earlier ones stay */

/* ---- client_stream.c ---- */

struct sedge_call *sedge_call_new(struct sedge_ipc_client *c, enum sedge_call_kind kind);
void sedge_call_free(struct sedge_ipc_client *c, struct sedge_call *k); /* with what waits of it */
struct sedge_call *sedge_call_of_sub(struct sedge_ipc_client *c, sedge_ipc_sub_t sub);
/* The number under which the nucleus knows the call; 0: none. */
void sedge_call_number(struct sedge_ipc_client *c, struct sedge_call *k, int32_t stream);
/* The call is over, by an answer (`f` or none) and perhaps an error. */
void sedge_call_done(struct sedge_ipc_client *c, struct sedge_call *k, const struct sedge_ipc_err *err,
                     const struct sedge_frame *f);
void sedge_call_terminate(struct sedge_ipc_client *c, int32_t stream); /* puts the frame into `out` */
void sedge_client_frame(struct sedge_ipc_client *c, const struct sedge_frame *f);
/* The link has ended: everything that waits learns so, subscriptions only if it is for good. */
void sedge_client_fail_all(struct sedge_ipc_client *c);
/* Ends calls whose time is over. The time of the next one, -1 for none. */
int64_t sedge_client_expire(struct sedge_ipc_client *c, int64_t now);
void sedge_client_drop_calls(struct sedge_ipc_client *c);

/* ---- client_dispatch.c ---- */

char *sedge_frame_text(const struct sedge_frame *f); /* the payload with a NUL behind */
struct sedge_item *sedge_item_add(struct sedge_ipc_client *c, enum sedge_item_kind kind, struct sedge_call *k,
                                  const struct sedge_frame *f);
void sedge_event_add(struct sedge_ipc_client *c, struct sedge_call *k, const struct sedge_frame *f);
void sedge_client_state_add(struct sedge_ipc_client *c, enum sedge_ipc_state state);
/* Takes items out: all of `k`, or (NULL) the oldest event only. */
void sedge_items_remove(struct sedge_ipc_client *c, const struct sedge_call *k);
void sedge_items_drop(struct sedge_ipc_client *c);

/* ---- client_call.c ---- */

void sedge_client_subscribe_again(struct sedge_ipc_client *c); /* on a new connection */
/* What the author gave for a subscription; kind by kind the callbacks differ. */
struct sedge_sub_spec {
    const char *operation;
    sedge_event_adapter adapter;
    sedge_any_cb callback;
    sedge_ipc_accept_cb on_accept;
    sedge_ipc_end_cb on_end;
    void *user;
    bool async;
};
int sedge_client_subscribe(struct sedge_ipc_client *c, const struct sedge_sub_spec *spec, const char *request,
                           sedge_ipc_sub_t *sub, struct sedge_ipc_err *err);

/* ---- client_json.c: requests ---- */

/* {"a":"x","b":1}: members are put one after the other; absent texts are left out. */
void sedge_req_open(struct sedge_buf *b);
const char *sedge_req_close(struct sedge_buf *b);
void sedge_req_key(struct sedge_buf *b, const char *key);
void sedge_req_text(struct sedge_buf *b, const char *key, const char *text);
void sedge_req_blob(struct sedge_buf *b, const char *key, const void *data, size_t size);
void sedge_req_raw(struct sedge_buf *b, const char *key, const char *json);
void sedge_req_int(struct sedge_buf *b, const char *key, long long value);
int sedge_need(const char *what, const char *value, struct sedge_ipc_err *err);
/* Text that goes into a request as it is has to be an object by itself. */
int sedge_need_object(const char *what, const char *json, struct sedge_ipc_err *err);
int sedge_limit_blob(size_t size, struct sedge_ipc_err *err);

/* The text of member `key` of the object that [json, json + size) is, without a tree: documents pass through byte for
 * byte and however deep. {NULL, 0} if it is not there. The text is trusted to be JSON; if it is not, the answer is
 * some part of it. */
struct sedge_text sedge_json_member(struct sedge_text json, const char *key);
char *sedge_text_dup(struct sedge_text t);

/* A call whose answer is taken apart: the tree (new reference), or NULL. */
struct json_object *sedge_client_ask(struct sedge_ipc_client *c, const char *operation, const char *request,
                                     struct sedge_ipc_err *err);
/* Base64 of a member as fresh bytes with a NUL behind. */
int sedge_client_blob(struct json_object *o, const char *key, char **data, size_t *size, struct sedge_ipc_err *err);

/* Casts between callbacks go by way of void *, which quiets the compilers' warnings about just that. */
#define SEDGE_ANY_CB(f)      ((sedge_any_cb)(void *)(f))
#define SEDGE_AS_CB(type, f) ((type)(void *)(f))

#endif
