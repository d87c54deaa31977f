/*
 * conn - one connected socket on the loop: frames in, bounded output queue, flush then close. Knows nothing of streams.
 * Internal to the server.
 *
 *   on_frame   for each complete frame, valid during the call; not after finish or close
 *   on_partial after a read that ended inside a frame
 *   on_lost    once, when no further frame will come: end of file, error, finish or close. Output that is queued when
 * the peer has only half-closed is still written on_freed   once, later: the last thing that is heard of the connection
 *
 * Output is queued; sedge_conn_flush (at the end of the loop's turn) writes it. The owner learns through `dirty` in the
 * host that there is something to flush. See server.h for the rule of a slow reader.
 */
#ifndef SEDGE_IPC_CONN_H
#define SEDGE_IPC_CONN_H

#include <uv.h>

#include "frame.h"
#include "payload.h"

#define SEDGE_CONN_READ_BYTES    262144u /* one read; the buffer is shared by all connections */
#define SEDGE_CONN_IOV           384u    /* pieces of one write */
#define SEDGE_CONN_WRITES_A_TURN 4u
#define SEDGE_CONN_EARLY_BYTES   65536u /* of all connections: what is written before the turn is over */

struct sedge_conn;
struct sedge_out; /* a queued frame */

/* What all connections of a server share. */
struct sedge_conn_host {
    uv_loop_t *loop;
    uint8_t *read_buf; /* SEDGE_CONN_READ_BYTES */
    size_t queue_bytes, queue_frames;
    size_t fresh_bytes;                    /* queued since the last writing */
    struct sedge_conn *dirty, *dirty_tail; /* list through sedge_conn.next_dirty, in the order of the first output */
    uint64_t bytes_in, bytes_out, frames_in, frames_out, events_dropped;
    void (*on_frame)(struct sedge_conn *c, const struct sedge_frame *f);
    void (*on_partial)(struct sedge_conn *c);
    void (*on_lost)(struct sedge_conn *c, const struct sedge_err *why);
    void (*on_freed)(struct sedge_conn *c);
};

/* The first member of the owner's struct, which the owner frees in on_freed. */
struct sedge_conn {
    struct sedge_conn_host *host;
    uv_poll_t poll;
    int fd, events;
    struct sedge_frame_in in;
    struct sedge_out *head, *tail;
    size_t head_sent; /* bytes of *head that are written */
    size_t queued_bytes, queued_frames, answer_bytes;
    uint64_t dropped; /* since it last caught up */
    struct sedge_conn *next_dirty;
    bool is_dirty, lost, finishing, closing;
};

/* Takes fd (non-blocking) in any case: on failure it is closed and -1 returned; on_freed does not come then. */
int sedge_conn_open_take(struct sedge_conn *c, struct sedge_conn_host *host, int fd, size_t limit_bytes,
                         struct sedge_err *err);
void sedge_conn_finish(struct sedge_conn *c); /* no more frames in; close when all output is written */
void sedge_conn_close(struct sedge_conn *c);  /* now */
void sedge_conn_flush(struct sedge_conn *c);
void sedge_conn_flush_dirty(struct sedge_conn_host *host);

/* A frame to be written: head (copied), payload (a new reference; may be NULL) and trailer (with a payload only). */
struct sedge_out *sedge_out_new(const void *head, size_t head_len, struct sedge_payload *p, const uint8_t trailer[4]);
/* A frame in one piece, to be filled by the caller: *data has room for len bytes. */
struct sedge_out *sedge_out_whole(size_t len, uint8_t **data);
void sedge_out_free_list(struct sedge_out *o);
size_t sedge_out_bytes(const struct sedge_out *o);
struct sedge_out *sedge_out_chain(struct sedge_out *tail, struct sedge_out *o); /* puts o behind tail, returns o */
struct sedge_out *sedge_out_next_cut(struct sedge_out *o);                      /* unlinks and returns the rest */

/* Whether the queue takes one more event when `held_bytes` and `held_frames` wait elsewhere for it: what waits is below
 * the bound, whatever the size of the new one. Counts and logs the drop when it does not. */
bool sedge_conn_room(struct sedge_conn *c, size_t held_bytes, size_t held_frames, const char *who);
void sedge_conn_send_take(struct sedge_conn *c, struct sedge_out *o, bool is_event);

#endif
