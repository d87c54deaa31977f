#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "stream.h"

#define BACKLOG        512
#define ACCEPTS_A_TURN 64
#define TICK_MS        100u
#define SILENTLY       NULL

static struct sedge_client *client_of(struct sedge_conn *c)
{
    return (struct sedge_client *)c; /* first member */
}

/* ---- protocol ---- */

static void send_frame(struct sedge_client *cl, const struct sedge_buf *frame)
{
    sedge_conn_send_take(&cl->conn, sedge_out_new(frame->data, frame->len, NULL, NULL), false);
}

/* A fault of the connection: says so on stream 0, flushes, closes. */
static void fault(struct sedge_client *cl, enum sedge_msg_type type, const char *text)
{
    sedge_auto_buf struct sedge_buf out = SEDGE_BUF_INIT;

    cl->srv->protocol_errors++;
    sedge_log(SEDGE_WARN, "ipc", "protocol-error", "identity=%s pid=%d reason=%s", cl->ident ? cl->ident->name : "",
              (int)cl->peer.pid, text);
    sedge_message_protocol_error(&out, type, text);
    send_frame(cl, &out);
    sedge_conn_finish(&cl->conn);
}

static void ack(struct sedge_client *cl, bool accepted)
{
    sedge_auto_buf struct sedge_buf out = SEDGE_BUF_INIT;

    sedge_message_connect_ack(&out, accepted);
    send_frame(cl, &out);
}

static const char *check_token(struct sedge_client *cl, const struct sedge_message *m, const char **reason)
{
    struct sedge_ipc_server *srv = cl->srv;
    sedge_auto_put struct json_object *o = NULL;
    const char *identity = NULL;
    const char *token;

    *reason = "version";
    if (!sedge_text_is(m->version, SEDGE_IPC_VERSION)) return NULL;
    *reason = "payload";
    if (m->frame->oversize) return NULL;
    o = sedge_json_parse_object((const char *)m->frame->payload, m->frame->payload_len, "connect", NULL);
    token = sedge_json_str(o, "authToken", NULL);
    if (!token || !*token) return NULL;
    *reason = "token";
    identity = srv->cbs.authenticate(token, &cl->peer, srv->user);
    if (!identity || strlen(identity) > SEDGE_IPC_IDENTITY_MAX) return NULL;
    cl->ident = sedge_ident_new(identity, &cl->peer);
    return cl->ident->name;
}

static void handshake(struct sedge_client *cl, const struct sedge_message *m)
{
    const char *reason = "";

    if (m->type != SEDGE_MSG_CONNECT || m->stream_id != 0) {
        fault(cl, SEDGE_MSG_PROTOCOL_ERROR, "The first message of a connection must be Connect");
        return;
    }
    if (!check_token(cl, m, &reason)) {
        cl->srv->handshakes_refused++;
        sedge_log(SEDGE_WARN, "ipc", "handshake-refused", "pid=%d uid=%u reason=%s", (int)cl->peer.pid,
                  (unsigned)cl->peer.uid, reason);
        ack(cl, false);
        sedge_conn_finish(&cl->conn);
        return;
    }
    cl->state = SEDGE_CL_OPEN;
    cl->deadline = 0;
    cl->conn.in.limit_bytes = cl->srv->opt.frame_limit_bytes;
    sedge_log(SEDGE_DEBUG, "ipc", "connected", "identity=%s pid=%d", cl->ident->name, (int)cl->peer.pid);
    ack(cl, true);
}

static void ping(struct sedge_client *cl, const struct sedge_message *m)
{
    sedge_auto_buf struct sedge_buf out = SEDGE_BUF_INIT;

    if (m->frame->oversize || sedge_message_ping_response(&out, m->frame, NULL))
        fault(cl, SEDGE_MSG_PROTOCOL_ERROR, "The ping is too large");
    else
        send_frame(cl, &out);
}

static void connection_message(struct sedge_client *cl, const struct sedge_message *m)
{
    switch (m->type) {
    case SEDGE_MSG_PING:
        ping(cl, m);
        break;
    case SEDGE_MSG_PING_RESPONSE:
        break;
    case SEDGE_MSG_PROTOCOL_ERROR:
    case SEDGE_MSG_INTERNAL_ERROR:
        sedge_log(SEDGE_WARN, "ipc", "peer-reports-error", "identity=%s type=%d", cl->ident->name, (int)m->type);
        sedge_conn_finish(&cl->conn);
        break;
    case SEDGE_MSG_CONNECT:
        fault(cl, SEDGE_MSG_PROTOCOL_ERROR, "The connection is open already");
        break;
    case SEDGE_MSG_CONNECT_ACK:
        fault(cl, SEDGE_MSG_INTERNAL_ERROR, "A client does not send ConnectAck");
        break;
    default:
        fault(cl, SEDGE_MSG_PROTOCOL_ERROR, "Invalid message type for stream id 0");
    }
}

/* The table of ipc-wire 5.7. */
static void stream_message(struct sedge_client *cl, const struct sedge_message *m)
{
    struct sedge_ipc_stream *s = sedge_stream_find(cl, m->stream_id);
    bool last = m->flags & SEDGE_MSG_TERMINATE;

    if (s)
        sedge_stream_end(s, last ? SILENTLY : "This operation does not take further messages from the client");
    else if (m->stream_id <= cl->last_id)
        sedge_log(SEDGE_TRACE, "ipc", "frame-for-finished-stream", "identity=%s stream=%d", cl->ident->name,
                  (int)m->stream_id);
    else if (!m->operation.p) {
        if (!last) fault(cl, SEDGE_MSG_PROTOCOL_ERROR, "The first message of a stream must name its operation");
    } else {
        cl->last_id = m->stream_id;
        if (!last) sedge_stream_open(cl, m);
    }
}

static void on_frame(struct sedge_conn *c, const struct sedge_frame *f)
{
    struct sedge_client *cl = client_of(c);
    struct sedge_message m;
    struct sedge_err err = SEDGE_ERR_INIT;

    if (cl->state == SEDGE_CL_OPEN) cl->deadline = 0; /* of the frame */
    if (sedge_message_decode(f, &m, &err))
        fault(cl, SEDGE_MSG_PROTOCOL_ERROR, err.msg);
    else if (cl->state == SEDGE_CL_HANDSHAKE)
        handshake(cl, &m);
    else if (m.stream_id == 0)
        connection_message(cl, &m);
    else if (m.stream_id < 0)
        fault(cl, SEDGE_MSG_PROTOCOL_ERROR, "A stream id must not be negative");
    else if (m.type == SEDGE_MSG_APPLICATION || m.type == SEDGE_MSG_ERROR)
        stream_message(cl, &m);
    else
        fault(cl, SEDGE_MSG_PROTOCOL_ERROR, "Invalid message type for a stream");
}

/* ---- connections ---- */

static void arm_timer(struct sedge_ipc_server *srv);

/* What has begun must go on: each read inside a frame starts the time anew. The handshake has its own deadline. */
static void on_partial(struct sedge_conn *c)
{
    struct sedge_client *cl = client_of(c);
    struct sedge_ipc_server *srv = cl->srv;

    if (cl->state != SEDGE_CL_OPEN) return;
    cl->deadline = uv_now(srv->host.loop) + srv->opt.frame_timeout_ms;
    arm_timer(srv);
}

static void on_lost(struct sedge_conn *c, const struct sedge_err *why)
{
    struct sedge_client *cl = client_of(c);
    struct sedge_ipc_server *srv = cl->srv;

    if (why)
        sedge_log(cl->ident ? SEDGE_INFO : SEDGE_WARN, "ipc", "connection-lost", "identity=%s pid=%d reason=%s",
                  cl->ident ? cl->ident->name : "", (int)cl->peer.pid, why->msg);
    cl->state = SEDGE_CL_OVER;
    cl->deadline = uv_now(srv->host.loop) + SEDGE_IPC_FLUSH_TIMEOUT_MS;
    arm_timer(srv);
    sedge_streams_end_all(cl, NULL, NULL);
    if (cl->ident && srv->cbs.on_disconnected) srv->cbs.on_disconnected(cl->ident->name, cl->slot, srv->user);
    cl->slot = NULL;
}

static void maybe_close_handles(struct sedge_ipc_server *srv);

static void on_freed(struct sedge_conn *c)
{
    struct sedge_client *cl = client_of(c);
    struct sedge_ipc_server *srv = cl->srv;

    if (cl->prev)
        cl->prev->next = cl->next;
    else
        srv->clients = cl->next;
    if (cl->next) cl->next->prev = cl->prev;
    srv->nclients--;
    srv->connections_refused = 0;
    sedge_ident_unref(cl->ident);
    free(cl->streams.slots);
    free(cl);
    maybe_close_handles(srv);
}

static void peer_of(int fd, struct sedge_ipc_peer *peer)
{
    struct ucred cred;
    socklen_t n = sizeof cred;

    *peer = (struct sedge_ipc_peer){.uid = (uid_t)-1, .gid = (gid_t)-1};
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) < 0) return;
    *peer = (struct sedge_ipc_peer){cred.pid, cred.uid, cred.gid};
}

static void client_open_take(struct sedge_ipc_server *srv, int fd)
{
    struct sedge_client *cl;
    struct sedge_err err = SEDGE_ERR_INIT;

    if (srv->nclients >= srv->opt.connections_max) {
        if (srv->connections_refused++ == 0)
            sedge_log(SEDGE_WARN, "ipc", "connection-refused", "reason=more than %u connections",
                      srv->opt.connections_max);
        (void)close(fd);
        return;
    }
    cl = SEDGE_NEW(struct sedge_client);
    if (sedge_conn_open_take(&cl->conn, &srv->host, fd, SEDGE_IPC_HANDSHAKE_FRAME_MAX, &err)) {
        sedge_log(SEDGE_ERROR, "ipc", "connection-refused", "reason=%s", err.msg);
        free(cl);
        return;
    }
    cl->srv = srv;
    peer_of(fd, &cl->peer);
    cl->deadline = uv_now(srv->host.loop) + srv->opt.handshake_timeout_ms;
    cl->next = srv->clients;
    if (cl->next) cl->next->prev = cl;
    srv->clients = cl;
    srv->nclients++;
    arm_timer(srv);
}

static void listen_cb(uv_poll_t *h, int status, int events)
{
    struct sedge_ipc_server *srv = h->data;

    (void)status;
    (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd = accept4(srv->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            srv->accepts_failed = 0;
            client_open_take(srv, fd);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return;
        if (srv->accepts_failed++ == 0) sedge_log(SEDGE_ERROR, "ipc", "accept-failed", "reason=%s", strerror(errno));
        srv->accept_paused = true; /* out of descriptors: the waiting peer would wake us without end */
        (void)uv_poll_stop(&srv->listener);
        arm_timer(srv);
        return;
    }
}

/* ---- time ---- */

static void overdue(struct sedge_client *cl)
{
    if (cl->state == SEDGE_CL_HANDSHAKE)
        sedge_log(SEDGE_WARN, "ipc", "handshake-timeout", "pid=%d uid=%u", (int)cl->peer.pid, (unsigned)cl->peer.uid);
    else if (cl->state == SEDGE_CL_OPEN)
        sedge_log(SEDGE_WARN, "ipc", "frame-timeout", "identity=%s pid=%d", cl->ident->name, (int)cl->peer.pid);
    sedge_conn_close(&cl->conn);
}

static void tick_cb(uv_timer_t *t)
{
    struct sedge_ipc_server *srv = t->data;
    uint64_t now = uv_now(srv->host.loop);
    bool more = false;

    if (srv->accept_paused) {
        srv->accept_paused = false;
        (void)uv_poll_start(&srv->listener, UV_READABLE, listen_cb);
    }
    for (struct sedge_client *cl = srv->clients; cl; cl = cl->next) {
        if (cl->deadline == 0 || cl->conn.closing) continue;
        if (cl->deadline <= now)
            overdue(cl);
        else
            more = true;
    }
    if (!more) (void)uv_timer_stop(t);
}

static void arm_timer(struct sedge_ipc_server *srv)
{
    if (!srv->handles_closing && !uv_is_active((uv_handle_t *)&srv->timer))
        (void)uv_timer_start(&srv->timer, tick_cb, TICK_MS, TICK_MS);
}

static void prepare_cb(uv_prepare_t *h)
{
    struct sedge_ipc_server *srv = h->data;

    sedge_conn_flush_dirty(&srv->host);
}

static void check_cb(uv_check_t *h)
{
    struct sedge_ipc_server *srv = h->data;

    sedge_conn_flush_dirty(&srv->host);
}

/* ---- the socket ---- */

static int too_long(const char *path, struct sedge_err *err)
{
    return sedge_err_set(
        err, SEDGE_E_LIMIT,
        "ipc: the socket path \"%s\" has %zu bytes, and its last name is too long for a socket: choose a "
        "shorter name with system.ipcSocketPath",
        path, strlen(path));
}

/* An address has little room: a longer path goes by way of its folder, held open in *folder (-1: none needed). */
static int fill_address(const char *path, struct sockaddr_un *a, int *folder, struct sedge_err *err)
{
    sedge_auto_free char *dir = sedge_xstrdup(path);
    char *slash = strrchr(dir, '/');
    size_t n = strlen(path);
    int len;

    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    *folder = -1;
    if (n == 0) return sedge_err_set(err, SEDGE_E_INVALID, "ipc: the socket path is empty");
    if (n <= SEDGE_IPC_SOCKET_PATH_MAX) {
        memcpy(a->sun_path, path, n + 1);
        return 0;
    }
    if (!slash) return too_long(path, err);
    *slash = '\0';
    *folder = open(*dir ? dir : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*folder < 0) return sedge_err_sys(err, errno, "ipc: folder of the socket %s", path);
    len = snprintf(a->sun_path, sizeof a->sun_path, "/proc/self/fd/%d/%s", *folder, slash + 1);
    if (len > 0 && (size_t)len < sizeof a->sun_path) return 0;
    (void)close(*folder);
    *folder = -1;
    return too_long(path, err);
}

/* Removes what an earlier nucleus left; CONFLICT when somebody is alive behind it. */
static int clear_path(const char *path, const struct sockaddr_un *a, struct sedge_err *err)
{
    sedge_auto_close int fd = -1;
    struct stat st;

    if (lstat(path, &st) < 0) return errno == ENOENT ? 0 : sedge_err_sys(err, errno, "ipc: socket path %s", path);
    if (!S_ISSOCK(st.st_mode))
        return sedge_err_set(err, SEDGE_E_CONFLICT, "ipc: %s exists and is not a socket: move it away", path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return sedge_err_sys(err, errno, "ipc: socket");
    if (connect(fd, (const struct sockaddr *)a, sizeof *a) == 0 || errno == EAGAIN || errno == EINPROGRESS)
        return sedge_err_set(err, SEDGE_E_CONFLICT,
                             "ipc: another nucleus answers on %s: stop it first, or use another root folder", path);
    if (unlink(path) < 0 && errno != ENOENT)
        return sedge_err_sys(err, errno, "ipc: removing the stale socket %s", path);
    return 0;
}

static int bind_path(struct sedge_ipc_server *srv, const struct sockaddr_un *a, struct sedge_err *err)
{
    struct stat st;

    srv->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (srv->fd < 0) return sedge_err_sys(err, errno, "ipc: socket");
    if (bind(srv->fd, (const struct sockaddr *)a, sizeof *a) < 0)
        return sedge_err_sys(err, errno, "ipc: creating the socket %s", srv->path);
    if (chmod(srv->path, 0666) < 0 || stat(srv->path, &st) < 0)
        return sedge_err_sys(err, errno, "ipc: opening the socket %s for all users", srv->path);
    srv->dev = st.st_dev;
    srv->ino = st.st_ino;
    if (listen(srv->fd, BACKLOG) < 0) return sedge_err_sys(err, errno, "ipc: listening on %s", srv->path);
    return 0;
}

/* Only our own file: a nucleus that came after us may have put another there. */
static void remove_path(const struct sedge_ipc_server *srv)
{
    struct stat st;

    if (srv->ino != 0 && lstat(srv->path, &st) == 0 && st.st_ino == srv->ino && st.st_dev == srv->dev)
        (void)unlink(srv->path); /* a file that stays is stale, and the next start removes it */
}

static void server_free(struct sedge_ipc_server *srv)
{
    if (srv->fd >= 0) (void)close(srv->fd);
    free(srv->host.read_buf);
    free(srv->path);
    sedge_buf_release(&srv->scratch);
    free(srv);
}

static void start_handles(struct sedge_ipc_server *srv)
{
    uv_loop_t *loop = srv->host.loop;

    (void)uv_prepare_init(loop, &srv->prepare);
    (void)uv_check_init(loop, &srv->check);
    (void)uv_timer_init(loop, &srv->timer);
    srv->handles = 4;
    srv->listener.data = srv->prepare.data = srv->check.data = srv->timer.data = srv;
    (void)uv_poll_start(&srv->listener, UV_READABLE, listen_cb);
    (void)uv_prepare_start(&srv->prepare, prepare_cb);
    (void)uv_check_start(&srv->check, check_cb);
    uv_unref((uv_handle_t *)&srv->prepare);
    uv_unref((uv_handle_t *)&srv->check);
}

static struct sedge_ipc_server *server_new(uv_loop_t *loop, const char *path,
                                           const struct sedge_ipc_server_options *options,
                                           const struct sedge_ipc_callbacks *cbs, void *user)
{
    struct sedge_ipc_server *srv = SEDGE_NEW(struct sedge_ipc_server);

    srv->opt = options ? *options : SEDGE_IPC_SERVER_OPTIONS_INIT;
    srv->cbs = *cbs;
    srv->user = user;
    srv->path = sedge_xstrdup(path);
    srv->fd = -1;
    srv->host = (struct sedge_conn_host){.loop = loop,
                                         .read_buf = sedge_xrealloc(NULL, SEDGE_CONN_READ_BYTES, 1),
                                         .queue_bytes = srv->opt.queue_bytes,
                                         .queue_frames = srv->opt.queue_frames,
                                         .on_frame = on_frame,
                                         .on_partial = on_partial,
                                         .on_lost = on_lost,
                                         .on_freed = on_freed};
    return srv;
}

struct sedge_ipc_server *sedge_ipc_server_open(uv_loop_t *loop, const char *path,
                                               const struct sedge_ipc_server_options *options,
                                               const struct sedge_ipc_callbacks *cbs, void *user, struct sedge_err *err)
{
    sedge_auto_close int folder = -1;
    struct sedge_ipc_server *srv;
    struct sockaddr_un a;
    int rc;

    if (fill_address(path, &a, &folder, err) || clear_path(path, &a, err)) return NULL;
    srv = server_new(loop, path, options, cbs, user);
    if (bind_path(srv, &a, err)) goto fail;
    rc = uv_poll_init(loop, &srv->listener, srv->fd);
    if (rc < 0) {
        (void)sedge_err_set(err, SEDGE_E_IO, "ipc: watching the socket: %s", uv_strerror(rc));
        goto fail;
    }
    start_handles(srv);
    return srv;
fail:
    remove_path(srv);
    server_free(srv);
    return NULL;
}

/* ---- end ---- */

static void handle_closed_cb(uv_handle_t *h)
{
    struct sedge_ipc_server *srv = h->data;

    if (--srv->handles > 0) return;
    if (srv->on_closed) srv->on_closed(srv->on_closed_arg);
    server_free(srv);
}

static void maybe_close_handles(struct sedge_ipc_server *srv)
{
    if (!srv->closing || srv->nclients > 0 || srv->handles_closing) return;
    srv->handles_closing = true;
    uv_close((uv_handle_t *)&srv->listener, handle_closed_cb);
    uv_close((uv_handle_t *)&srv->prepare, handle_closed_cb);
    uv_close((uv_handle_t *)&srv->check, handle_closed_cb);
    uv_close((uv_handle_t *)&srv->timer, handle_closed_cb);
}

void sedge_ipc_server_close(struct sedge_ipc_server *srv, void (*on_closed)(void *arg), void *arg)
{
    sedge_assert(!srv->closing);
    srv->closing = true;
    srv->on_closed = on_closed;
    srv->on_closed_arg = arg;
    (void)uv_poll_stop(&srv->listener);
    srv->accept_paused = false;
    remove_path(srv);
    for (struct sedge_client *cl = srv->clients; cl; cl = cl->next) {
        sedge_streams_end_all(cl, "The nucleus is shutting down", NULL);
        sedge_conn_finish(&cl->conn);
    }
    maybe_close_handles(srv);
}

size_t sedge_ipc_server_drop_identity(struct sedge_ipc_server *srv, const char *identity)
{
    size_t n = 0;

    for (struct sedge_client *cl = srv->clients; cl; cl = cl->next) {
        if (cl->state != SEDGE_CL_OPEN || strcmp(cl->ident->name, identity) != 0) continue;
        sedge_streams_end_all(cl, "The component was removed", "The component was removed");
        sedge_conn_finish(&cl->conn);
        n++;
    }
    return n;
}

void sedge_ipc_server_stats(const struct sedge_ipc_server *srv, struct sedge_ipc_stats *out)
{
    *out = (struct sedge_ipc_stats){.connections = srv->nclients,
                                    .streams = srv->nstreams,
                                    .frames_in = srv->host.frames_in,
                                    .frames_out = srv->host.frames_out,
                                    .bytes_in = srv->host.bytes_in,
                                    .bytes_out = srv->host.bytes_out,
                                    .events_dropped = srv->host.events_dropped,
                                    .handshakes_refused = srv->handshakes_refused,
                                    .protocol_errors = srv->protocol_errors};
}
