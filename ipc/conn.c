#include "conn.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

struct sedge_out {
    struct sedge_out *next;
    struct sedge_payload *payload;
    size_t head_len;
    uint8_t trailer[4];
    bool is_event;
    uint8_t head[];
};

static void poll_cb(uv_poll_t *h, int status, int events);
static void drain(struct sedge_conn *c);

/* ---- queued frames ---- */

struct sedge_out *sedge_out_new(const void *head, size_t head_len, struct sedge_payload *p, const uint8_t trailer[4])
{
    struct sedge_out *o = sedge_xrealloc(NULL, sizeof *o + head_len, 1);

    *o = (struct sedge_out){.head_len = head_len};
    memcpy(o->head, head, head_len);
    if (p) {
        o->payload = sedge_payload_ref(p);
        memcpy(o->trailer, trailer, sizeof o->trailer);
    }
    return o;
}

struct sedge_out *sedge_out_whole(size_t len, uint8_t **data)
{
    struct sedge_out *o = sedge_xrealloc(NULL, sizeof *o + len, 1);

    *o = (struct sedge_out){.head_len = len};
    *data = o->head;
    return o;
}

static void free_one(struct sedge_out *o)
{
    sedge_payload_unref(o->payload);
    free(o);
}

void sedge_out_free_list(struct sedge_out *o)
{
    while (o) {
        struct sedge_out *next = o->next;

        free_one(o);
        o = next;
    }
}

size_t sedge_out_bytes(const struct sedge_out *o)
{
    return o->head_len + (o->payload ? o->payload->len + sizeof o->trailer : 0);
}

struct sedge_out *sedge_out_chain(struct sedge_out *tail, struct sedge_out *o)
{
    if (tail) tail->next = o;
    return o;
}

struct sedge_out *sedge_out_next_cut(struct sedge_out *o)
{
    struct sedge_out *next = o->next;

    o->next = NULL;
    return next;
}

/* ---- watching ---- */

/* Reads unless the peer owes us the reading of too many answers; below half of the bound it goes on. */
static bool may_read(const struct sedge_conn *c)
{
    size_t bound = c->host->queue_bytes;

    if (c->lost) return false;
    return (c->events & UV_READABLE) ? c->answer_bytes <= bound : c->answer_bytes <= bound / 2;
}

/* The socket was full: the loop tells when it takes more. */
static bool blocked(const struct sedge_conn *c)
{
    return c->events & UV_WRITABLE;
}

static void watch(struct sedge_conn *c)
{
    int events = UV_DISCONNECT;

    if (c->closing) return;
    if (c->lost) events = 0; /* a half-closed peer would report its disconnection for ever */
    if (may_read(c)) events |= UV_READABLE;
    if (c->head && (!c->is_dirty || blocked(c))) events |= UV_WRITABLE; /* what is dirty is tried first */
    if (events == c->events) return;
    c->events = events;
    if (events == 0)
        (void)uv_poll_stop(&c->poll);
    else
        (void)uv_poll_start(&c->poll, events, poll_cb);
}

/* ---- end ---- */

static void closed_cb(uv_handle_t *h)
{
    struct sedge_conn *c = h->data;

    (void)close(c->fd);
    sedge_frame_in_release(&c->in);
    sedge_out_free_list(c->head);
    c->host->on_freed(c);
}

static void unlist(struct sedge_conn *c)
{
    struct sedge_conn_host *host = c->host;
    struct sedge_conn **p = &host->dirty;
    struct sedge_conn *before = NULL;

    if (!c->is_dirty) return;
    while (*p && *p != c) {
        before = *p;
        p = &before->next_dirty;
    }
    if (*p) *p = c->next_dirty;
    if (host->dirty_tail == c) host->dirty_tail = before;
    c->is_dirty = false;
}

static void lose(struct sedge_conn *c, const struct sedge_err *why)
{
    if (c->lost) return;
    c->lost = true;
    c->host->on_lost(c, why);
}

static void close_why(struct sedge_conn *c, const struct sedge_err *why)
{
    lose(c, why);
    if (c->closing) return;
    c->closing = true;
    unlist(c);
    uv_close((uv_handle_t *)&c->poll, closed_cb);
}

void sedge_conn_close(struct sedge_conn *c)
{
    close_why(c, NULL);
}

void sedge_conn_finish(struct sedge_conn *c)
{
    lose(c, NULL);
    if (c->closing || c->finishing) return;
    c->finishing = true;
    if (c->head)
        watch(c);
    else
        close_why(c, NULL);
}

/* ---- writing ---- */

static void add_piece(struct iovec *iov, int *n, const void *p, size_t len, size_t *skip)
{
    if (*skip >= len) {
        *skip -= len;
        return;
    }
    memcpy(&iov[*n].iov_base, &(const void *){(const char *)p + *skip}, sizeof(void *)); /* sendmsg only reads it */
    iov[*n].iov_len = len - *skip;
    *skip = 0;
    (*n)++;
}

static int gather(const struct sedge_conn *c, struct iovec *iov)
{
    size_t skip = c->head_sent;
    int n = 0;

    for (const struct sedge_out *o = c->head; o && n + 3 <= (int)SEDGE_CONN_IOV; o = o->next) {
        add_piece(iov, &n, o->head, o->head_len, &skip);
        if (!o->payload) continue;
        add_piece(iov, &n, o->payload->data, o->payload->len, &skip);
        add_piece(iov, &n, o->trailer, sizeof o->trailer, &skip);
    }
    return n;
}

static void caught_up(struct sedge_conn *c)
{
    if (c->dropped > 0)
        sedge_log(SEDGE_WARN, "ipc", "slow-reader-caught-up", "fd=%d events_dropped=%llu", c->fd,
                  (unsigned long long)c->dropped);
    c->dropped = 0;
}

static void written(struct sedge_conn *c, size_t n)
{
    c->host->bytes_out += n;
    n += c->head_sent;
    while (c->head && n >= sedge_out_bytes(c->head)) {
        struct sedge_out *o = c->head;
        size_t size = sedge_out_bytes(o);

        n -= size;
        c->queued_bytes -= size;
        c->queued_frames--;
        if (!o->is_event) c->answer_bytes -= size;
        c->host->frames_out++;
        c->head = o->next;
        free_one(o);
    }
    c->head_sent = n;
    if (c->head) return;
    c->tail = NULL;
    caught_up(c);
}

/* 1: wrote something, 0: the socket is full, -1: the peer is gone. */
static int write_once(struct sedge_conn *c)
{
    struct iovec iov[SEDGE_CONN_IOV];
    struct msghdr msg = {.msg_iov = iov};
    ssize_t n;

    msg.msg_iovlen = (size_t)gather(c, iov);
    do
        n = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ? 0 : -1;
    written(c, (size_t)n);
    return 1;
}

void sedge_conn_flush(struct sedge_conn *c)
{
    int rc = 1;

    if (c->closing) return;
    for (unsigned i = 0; i < SEDGE_CONN_WRITES_A_TURN && c->head && rc == 1; i++)
        rc = write_once(c);
    if (rc < 0) {
        drain(c);
        sedge_conn_close(c);
    } else if (c->finishing && !c->head) {
        close_why(c, NULL);
    } else {
        watch(c);
    }
}

void sedge_conn_flush_dirty(struct sedge_conn_host *host)
{
    host->fresh_bytes = 0;
    while (host->dirty) {
        struct sedge_conn *c = host->dirty;

        host->dirty = c->next_dirty;
        if (!host->dirty) host->dirty_tail = NULL;
        c->is_dirty = false;
        if (!blocked(c)) sedge_conn_flush(c);
    }
}

/* While more frames are read: the readers can begin, and the memory of what is written serves again. Closes nothing,
 * and watches nothing; the end of the turn does. */
static void write_early(struct sedge_conn_host *host)
{
    host->fresh_bytes = 0;
    for (struct sedge_conn *c = host->dirty; c; c = c->next_dirty)
        if (c->head && !c->closing && !blocked(c)) (void)write_once(c);
}

bool sedge_conn_room(struct sedge_conn *c, size_t held_bytes, size_t held_frames, const char *who)
{
    size_t bytes = c->queued_bytes + held_bytes;
    size_t frames = c->queued_frames + held_frames;

    if (bytes < c->host->queue_bytes && frames < c->host->queue_frames) return true;
    c->host->events_dropped++;
    if (c->dropped++ == 0)
        sedge_log(SEDGE_WARN, "ipc", "event-dropped",
                  "identity=%s fd=%d queued_bytes=%zu queued_frames=%zu reason=slow-reader", who, c->fd, bytes, frames);
    return false;
}

/* Behind the others: what a message causes is written before the answer to who has sent it. */
static void mark_dirty(struct sedge_conn *c)
{
    struct sedge_conn_host *host = c->host;

    c->is_dirty = true;
    c->next_dirty = NULL;
    if (host->dirty_tail)
        host->dirty_tail->next_dirty = c;
    else
        host->dirty = c;
    host->dirty_tail = c;
}

void sedge_conn_send_take(struct sedge_conn *c, struct sedge_out *o, bool is_event)
{
    size_t size = sedge_out_bytes(o);

    if (c->closing || c->finishing) {
        free_one(o);
        return;
    }
    o->is_event = is_event;
    o->next = NULL;
    c->tail = sedge_out_chain(c->tail, o);
    if (!c->head) c->head = o;
    c->queued_bytes += size;
    c->queued_frames++;
    c->host->fresh_bytes += size;
    if (!is_event) c->answer_bytes += size;
    if (c->is_dirty) return;
    mark_dirty(c);
}

/* ---- reading ---- */

static void frames(struct sedge_conn *c, size_t n)
{
    struct sedge_err why = SEDGE_ERR_INIT;
    struct sedge_frame f;
    int rc = 0;

    c->host->bytes_in += n;
    sedge_frame_in_push(&c->in, c->host->read_buf, n);
    while (!c->lost && (rc = sedge_frame_in_next(&c->in, &f, &why)) == 1) {
        c->host->frames_in++;
        c->host->on_frame(c, &f);
        if (c->host->fresh_bytes >= SEDGE_CONN_EARLY_BYTES) write_early(c->host);
    }
    if (rc < 0)
        close_why(c, &why);
    else if (!c->lost && sedge_frame_in_partial(&c->in))
        c->host->on_partial(c);
}

/* 1: there may be more, 0: nothing there, -1: the end (handled). */
static int read_once(struct sedge_conn *c)
{
    struct sedge_err why = SEDGE_ERR_INIT;
    ssize_t n;

    do
        n = recv(c->fd, c->host->read_buf, SEDGE_CONN_READ_BYTES, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        frames(c, (size_t)n);
        return c->lost ? -1 : 1;
    }
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return 0;
    if (n < 0) {
        (void)sedge_err_sys(&why, errno, "read");
        close_why(c, &why);
    } else {
        sedge_conn_finish(c);
    }
    return -1;
}

/* The peer is gone: what it has sent before that still counts. */
static void drain(struct sedge_conn *c)
{
    int rc = 1;

    while (!c->lost && rc == 1)
        rc = read_once(c);
}

static void poll_cb(uv_poll_t *h, int status, int events)
{
    struct sedge_conn *c = h->data;

    if (status < 0) { /* libuv has stopped the watcher: the socket is in error */
        c->events = 0;
        drain(c);
        sedge_conn_close(c);
        return;
    }
    if (events & UV_WRITABLE) sedge_conn_flush(c);
    if (c->closing) return;
    if (events & (UV_READABLE | UV_DISCONNECT)) {
        if (c->events & UV_READABLE)
            (void)read_once(c);
        else if (events & UV_DISCONNECT)
            drain(c);
    }
    watch(c);
}

/* ---- start ---- */

int sedge_conn_open_take(struct sedge_conn *c, struct sedge_conn_host *host, int fd, size_t limit_bytes,
                         struct sedge_err *err)
{
    int rc;

    *c = (struct sedge_conn){.host = host, .fd = fd};
    rc = uv_poll_init(host->loop, &c->poll, fd);
    if (rc < 0) {
        (void)close(fd);
        return sedge_err_set(err, SEDGE_E_IO, "watching a connection: %s", uv_strerror(rc));
    }
    c->poll.data = c;
    sedge_frame_in_init(&c->in, limit_bytes);
    watch(c);
    return 0;
}
