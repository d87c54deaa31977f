/*
 * server - the nucleus' end of ipc.socket: connections, handshake, streams, bounded output (spec: ipc-wire 1, 3-9).
 *
 *   struct sedge_ipc_server_options opts = SEDGE_IPC_SERVER_OPTIONS_INIT;
 *   struct sedge_ipc_callbacks cbs = { .authenticate = ..., .on_request = ..., .on_stream_closed = ... };
 *   struct sedge_ipc_server *srv = sedge_ipc_server_open(loop, "/var/lib/sedge/ipc.socket", &opts, &cbs, user, &err);
 *   ...
 *   sedge_ipc_server_close(srv, on_closed, arg);    // answers what is pending, closes, removes the socket file
 *
 * Streams. Every call of a client is one stream. on_request hands it over and the handler answers, at once or later,
 * with exactly one of
 *     unary:      sedge_ipc_respond             (the stream is over)
 *     streaming:  sedge_ipc_accept_stream, then any number of sedge_ipc_event, in the end perhaps sedge_ipc_error
 *     failure:    sedge_ipc_error               (the stream is over)
 * The pointer is good during on_request and, when the handler left the stream open, until on_stream_closed returns or
 * the handler ends it. Whoever may still hold it after that (a database or download callback) takes a reference with
 * sedge_ipc_stream_ref first: every call on a stream that is over is harmless (-1, nothing is sent).
 * on_stream_closed comes exactly once for a stream that ended by other hands (client, connection, drop_identity, server
 * close) and never for one that the handler ended itself; it is where a subscription is removed. It never comes from
 * inside a call of the handler on that stream, except through sedge_ipc_server_drop_identity and _close.
 *
 * Order. Requests of a connection start in the order in which they came; what is queued on a stream leaves in order.
 * Output is queued and written at the end of the loop's turn, or as soon as SEDGE_CONN_EARLY_BYTES have gathered, one
 * sendmsg for all frames of a connection; the connections in the order in which they got their first frame of the turn,
 * so that the messages which a publish causes leave before its answer.
 *
 * Slow readers. While a connection has `queue_bytes` or `queue_frames` waiting, further events for it are dropped,
 * counted, and logged once until it has caught up; responses and errors are never dropped. One event may go over the
 * bound, so that a large one is not lost behind a small one. A connection whose waiting
 * responses alone exceed `queue_bytes` is not read from until half of them has gone. Nobody else is slowed.
 *
 * Silent peers. The handshake has to be over in time; after it, a connection may be silent for ever between two frames,
 * but not inside one.
 *
 * One loop thread. Nothing blocks. No signal is raised by a dead peer (MSG_NOSIGNAL).
 */
#ifndef SEDGE_IPC_SERVER_H
#define SEDGE_IPC_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "base/err.h"
#include "payload.h"

#define SEDGE_IPC_CONNECTIONS_MAX      2048  /* default; more are closed at once */
#define SEDGE_IPC_STREAMS_MAX          4096  /* default, open at once on one connection; more get ServiceError */
#define SEDGE_IPC_TOTAL_STREAMS_MAX    65536 /* default, open at once on all connections */
#define SEDGE_IPC_FRAME_LIMIT          25165824u
#define SEDGE_IPC_QUEUE_BYTES          (8u << 20)
#define SEDGE_IPC_QUEUE_FRAMES         8192u
#define SEDGE_IPC_HANDSHAKE_TIMEOUT_MS 10000u
#define SEDGE_IPC_FRAME_TIMEOUT_MS     60000u /* without a byte of a frame that has begun */
#define SEDGE_IPC_HANDSHAKE_FRAME_MAX  65536u /* a frame before the handshake is over */
#define SEDGE_IPC_FLUSH_TIMEOUT_MS     2000u  /* how long a closing connection may take to take its last frames */
#define SEDGE_IPC_IDENTITY_MAX         256u
#define SEDGE_IPC_OPERATION_MAX        256u
#define SEDGE_IPC_ERROR_TEXT_MAX       3072u /* bytes of a message; it is sent twice, and the C SDK takes 10000 */
#define SEDGE_IPC_SOCKET_PATH_MAX      107u  /* of an address; a longer path is reached by way of its folder */

struct sedge_ipc_server;
struct sedge_ipc_stream;

struct sedge_ipc_peer {
    pid_t pid; /* 0: unknown */
    uid_t uid;
    gid_t gid;
};

struct sedge_ipc_server_options {
    unsigned connections_max, streams_max, total_streams_max;
    size_t frame_limit_bytes; /* larger requests get ServiceError */
    size_t queue_bytes, queue_frames;
    unsigned handshake_timeout_ms, frame_timeout_ms;
};
#define SEDGE_IPC_SERVER_OPTIONS_INIT                                                                                  \
    ((struct sedge_ipc_server_options){SEDGE_IPC_CONNECTIONS_MAX, SEDGE_IPC_STREAMS_MAX, SEDGE_IPC_TOTAL_STREAMS_MAX,  \
                                       SEDGE_IPC_FRAME_LIMIT, SEDGE_IPC_QUEUE_BYTES, SEDGE_IPC_QUEUE_FRAMES,           \
                                       SEDGE_IPC_HANDSHAKE_TIMEOUT_MS, SEDGE_IPC_FRAME_TIMEOUT_MS})

struct sedge_ipc_callbacks {
    /* The identity (component name) that belongs to the token, copied at once, or NULL to refuse. */
    const char *(*authenticate)(const char *token, const struct sedge_ipc_peer *peer, void *user);
    /* A new stream. `operation` is the full name ("aws.greengrass#PublishToTopic"), `payload` its JSON ("{}" when the
     * frame had none), not terminated, both valid during the call only. */
    void (*on_request)(struct sedge_ipc_stream *s, const char *operation, const char *payload, size_t len, void *user);
    void (*on_stream_closed)(struct sedge_ipc_stream *s, void *user);
    /* Optional: a connection has gone, after the on_stream_closed of its streams. `slot` is what conn_slot holds. */
    void (*on_disconnected)(const char *identity, void *slot, void *user);
};

/* Binds with mode 0666. A stale file is removed; CONFLICT when a live server answers on the path; LIMIT when the last
 * name of the path is too long for a socket. `options` may be NULL. */
struct sedge_ipc_server *sedge_ipc_server_open(uv_loop_t *loop, const char *path,
                                               const struct sedge_ipc_server_options *options,
                                               const struct sedge_ipc_callbacks *cbs, void *user,
                                               struct sedge_err *err);
/* Answers open unary calls with ServiceError, gives connections a moment to take their last frames (at most
 * SEDGE_IPC_FLUSH_TIMEOUT_MS), closes them and removes the socket file. on_closed runs once, later; the server is freed
 * when it returns. No callback but on_stream_closed and on_disconnected comes after this call. */
void sedge_ipc_server_close(struct sedge_ipc_server *srv, void (*on_closed)(void *arg), void *arg);
/* Closes every connection of a removed component or revoked token holder. Returns how many. */
size_t sedge_ipc_server_drop_identity(struct sedge_ipc_server *srv, const char *identity);

struct sedge_ipc_stats {
    size_t connections, streams;
    uint64_t frames_in, frames_out, bytes_in, bytes_out, events_dropped, handshakes_refused, protocol_errors;
};
void sedge_ipc_server_stats(const struct sedge_ipc_server *srv, struct sedge_ipc_stats *out);

/* Answers. Each returns 0, or -1 when the stream is over already or its state does not allow the call; nothing else
 * can fail: an answer too large for a frame is replaced by a ServiceError that says so. The shape of a response is
 * derived from the operation ("aws.greengrass#<Op>Response"). `json` is a JSON object text; NULL means "{}". */
int sedge_ipc_respond(struct sedge_ipc_stream *s, const char *json);
int sedge_ipc_respond_n(struct sedge_ipc_stream *s, const char *json, size_t len);
int sedge_ipc_accept_stream(struct sedge_ipc_stream *s, const char *json);
/* An event. `shape` is the full name of the event union ("aws.greengrass#SubscriptionResponseMessage"), a text that
 * outlives the call. Takes a reference of its own on `p`. Events that come before accept_stream are held back. 1 when
 * it was dropped because the reader is too slow. */
int sedge_ipc_event(struct sedge_ipc_stream *s, const char *shape, struct sedge_payload *p);
int sedge_ipc_event_json(struct sedge_ipc_stream *s, const char *shape, const char *json);
/* `name` is the short shape name ("ResourceNotFoundError"); `message` may be NULL (empty); `extras_json` is NULL or a
 * JSON object text with the modelled extra members ({"resourceType":"Component"}). A message longer than
 * SEDGE_IPC_ERROR_TEXT_MAX is cut. */
int sedge_ipc_error(struct sedge_ipc_stream *s, const char *name, const char *message, const char *extras_json);

struct sedge_ipc_stream *sedge_ipc_stream_ref(struct sedge_ipc_stream *s);
void sedge_ipc_stream_unref(struct sedge_ipc_stream *s); /* NULL is fine */
bool sedge_ipc_stream_alive(const struct sedge_ipc_stream *s);
/* These work on a dead stream too, as long as a reference is held (conn_slot: NULL then). */
const char *sedge_ipc_stream_identity(const struct sedge_ipc_stream *s);
const char *sedge_ipc_stream_operation(const struct sedge_ipc_stream *s);
const struct sedge_ipc_peer *sedge_ipc_stream_peer(const struct sedge_ipc_stream *s);
void sedge_ipc_stream_set_user(struct sedge_ipc_stream *s, void *user);
void *sedge_ipc_stream_user(const struct sedge_ipc_stream *s);
/* A slot of the connection for the owner of the callbacks (a cache of policy verdicts, say); NULL at first. */
void **sedge_ipc_stream_conn_slot(struct sedge_ipc_stream *s);

#endif
