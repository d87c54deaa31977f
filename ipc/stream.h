/*
 * stream - the calls of one connection: table by id, answers, events (spec: ipc-wire 5). Internal to the server.
 */
#ifndef SEDGE_IPC_STREAM_H
#define SEDGE_IPC_STREAM_H

#include "conn.h"
#include "message.h"
#include "server.h"

/* Who is at the other end; shared by a connection and its streams, which may outlive it. */
struct sedge_ident {
    unsigned refs;
    struct sedge_ipc_peer peer;
    char name[];
};
struct sedge_ident *sedge_ident_new(const char *name, const struct sedge_ipc_peer *peer);
void sedge_ident_unref(struct sedge_ident *id); /* NULL is fine */

struct sedge_streams {
    struct sedge_ipc_stream **slots; /* buckets by id */
    size_t nslots, n;
    struct sedge_ipc_stream *first; /* all, newest first */
};

enum sedge_client_state { SEDGE_CL_HANDSHAKE, SEDGE_CL_OPEN, SEDGE_CL_OVER };

/* A connection of the server. */
struct sedge_client {
    struct sedge_conn conn; /* first */
    struct sedge_ipc_server *srv;
    struct sedge_client *prev, *next;
    enum sedge_client_state state;
    struct sedge_ident *ident; /* NULL before the handshake is over */
    struct sedge_ipc_peer peer;
    void *slot;
    int32_t last_id;
    uint64_t deadline; /* of the handshake or of the last flush; 0: none */
    struct sedge_streams streams;
};

struct sedge_ipc_server {
    struct sedge_conn_host host; /* its connections are struct sedge_client */
    struct sedge_ipc_server_options opt;
    struct sedge_ipc_callbacks cbs;
    void *user;
    char *path;
    dev_t dev;
    ino_t ino;
    int fd;
    uv_poll_t listener;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_timer_t timer;
    unsigned handles; /* not yet closed */
    struct sedge_client *clients;
    size_t nclients, nstreams;
    uint64_t handshakes_refused, protocol_errors;
    uint64_t connections_refused, accepts_failed; /* since there was room; the first of them is logged */
    bool accept_paused, closing, handles_closing;
    void (*on_closed)(void *arg);
    void *on_closed_arg;
    struct sedge_buf scratch;
    struct sedge_head answer, event; /* of the last one of its kind */
};

/* The end of a stream by other hands: on_stream_closed, then the table's reference goes. An `error` (message of a
 * ServiceError) is sent before when not NULL. */
void sedge_stream_end(struct sedge_ipc_stream *s, const char *error);
void sedge_streams_end_all(struct sedge_client *cl, const char *pending_error, const char *streaming_error);
struct sedge_ipc_stream *sedge_stream_find(const struct sedge_client *cl, int32_t id);
/* Steps 5.7/6: opens the stream and hands it to on_request. */
void sedge_stream_open(struct sedge_client *cl, const struct sedge_message *m);

#endif
