/* A real server and a client that says anything, in frames whose checksums are right or in raw bytes. What comes back
 * is well-formed and keeps the rules of streams: only on ids that were opened, nothing behind the last frame of one.
 * When the client is gone nothing of it is left. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "ipc_server/server.h"
#include "ipc_wire/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STREAMS   64
#define TURNS_MAX 10000
#define EVENT     "aws.greengrass#SubscriptionResponseMessage"

static uv_loop_t loop;
static struct sedge_ipc_server *server;
static char path[64];

static const char *authenticate_cb(const char *token, const struct sedge_ipc_peer *peer, void *user)
{
    (void)peer;
    (void)user;
    return token[0] == 'T' ? "x" : NULL;
}

static void request_cb(struct sedge_ipc_stream *s, const char *operation, const char *payload, size_t len, void *user)
{
    (void)user;
    switch (*operation ? operation[strlen(operation) - 1] : 0) {
    case 'S': /* a subscription, with an event before its answer */
        (void)sedge_ipc_event_json(s, EVENT, "{}");
        (void)sedge_ipc_accept_stream(s, NULL);
        (void)sedge_ipc_event_json(s, EVENT, "{}");
        break;
    case 'L': /* left open */
        break;
    case 'E':
        (void)sedge_ipc_error(s, "ServiceError", operation, NULL);
        break;
    default:
        (void)sedge_ipc_respond_n(s, payload, len);
    }
}

static void setup(void)
{
    static const struct sedge_ipc_callbacks cbs = {authenticate_cb, request_cb, NULL, NULL};

    sedge_log_set_level(SEDGE_ERROR);
    (void)snprintf(path, sizeof path, "/tmp/sedge-fuzz-%d.sock", (int)getpid());
    if (uv_loop_init(&loop) != 0) abort();
    server = sedge_ipc_server_open(&loop, path, NULL, &cbs, NULL, NULL);
    if (!server) abort();
}

/* What the client says, made from the input: each piece is a kind and what belongs to it. */
struct input {
    const uint8_t *p;
    size_t left;
};

static unsigned byte_of(struct input *in)
{
    if (in->left == 0) return 0;
    in->left--;
    return *in->p++;
}

static void add_frame(struct sedge_buf *out, struct input *in)
{
    static const char *const operations[] = {NULL, "aws.greengrass#S", "aws.greengrass#L", "aws.greengrass#E", "R", ""};
    static const char *const versions[] = {NULL, "0.1.0", "0.1.1"};
    int32_t type = (int32_t)(int8_t)byte_of(in);
    int32_t flags = (int32_t)byte_of(in);
    int32_t stream = (int32_t)(int8_t)byte_of(in);
    const char *operation = operations[byte_of(in) % (sizeof operations / sizeof operations[0])];
    const char *version = versions[byte_of(in) % (sizeof versions / sizeof versions[0])];
    size_t n = byte_of(in);
    size_t start = out->len;

    if (n > in->left) n = in->left;
    sedge_frame_begin(out);
    sedge_frame_int32(out, ":message-type", type);
    sedge_frame_int32(out, ":message-flags", flags);
    if (stream != -100) sedge_frame_int32(out, ":stream-id", stream);
    if (operation) sedge_frame_string(out, "operation", operation, strlen(operation));
    if (version) sedge_frame_string(out, ":version", version, strlen(version));
    (void)sedge_frame_end(out, start, in->p, n, NULL);
    in->p += n;
    in->left -= n;
}

static void add_raw(struct sedge_buf *out, struct input *in)
{
    size_t n = byte_of(in);

    if (n > in->left) n = in->left;
    if (n > 0) sedge_buf_add(out, in->p, n);
    in->p += n;
    in->left -= n;
}

static void check_frame(const struct sedge_frame *f, bool ended[STREAMS * 4])
{
    struct sedge_message m;

    if (sedge_message_decode(f, &m, NULL) != 0) abort();
    if (m.stream_id == 0) return;
    if (m.stream_id < 0 || m.stream_id > 127 || ended[m.stream_id]) abort();
    if (m.type != SEDGE_MSG_APPLICATION && m.type != SEDGE_MSG_ERROR) abort();
    if (m.type == SEDGE_MSG_ERROR && !(m.flags & SEDGE_MSG_TERMINATE)) abort();
    if (f->payload_len == 0 || !m.content_type.p || !m.service_model_type.p) abort();
    ended[m.stream_id] = m.flags & SEDGE_MSG_TERMINATE;
}

static void check_answers(const struct sedge_buf *in)
{
    bool ended[STREAMS * 4] = {false};
    struct sedge_frame_in split;
    struct sedge_frame f;
    int rc;

    sedge_frame_in_init(&split, SEDGE_FRAME_MAX);
    if (in->len > 0) sedge_frame_in_push(&split, in->data, in->len);
    while ((rc = sedge_frame_in_next(&split, &f, NULL)) == 1)
        check_frame(&f, ended);
    if (rc < 0) abort();
    sedge_frame_in_release(&split);
}

/* Whether the other end has closed. */
static bool read_all(int fd, struct sedge_buf *in)
{
    char b[65536];
    ssize_t n;

    while ((n = recv(fd, b, sizeof b, MSG_DONTWAIT)) > 0)
        sedge_buf_add(in, b, (size_t)n);
    return n == 0 || (n < 0 && errno != EAGAIN);
}

static void talk(const struct sedge_buf *out, size_t step)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct sedge_buf in = SEDGE_BUF_INIT;
    struct sedge_ipc_stats stats;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    size_t sent = 0;
    unsigned turns = 0;
    bool over = false;

    memcpy(a.sun_path, path, sizeof path);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&a, sizeof a) != 0) abort();
    do {
        size_t n = out->len - sent < step ? out->len - sent : step;
        ssize_t done = n > 0 ? send(fd, out->data + sent, n, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;

        if (done > 0) sent += (size_t)done;
        if (done < 0 && errno != EAGAIN) sent = out->len;
        if (sent == out->len) (void)shutdown(fd, SHUT_WR);
        (void)uv_run(&loop, UV_RUN_NOWAIT);
        over = read_all(fd, &in);
        if (++turns > TURNS_MAX) abort(); /* everything was said, and the connection stays */
    } while (!over);
    (void)close(fd);
    do {
        (void)uv_run(&loop, UV_RUN_NOWAIT);
        sedge_ipc_server_stats(server, &stats);
        if (++turns > 2 * TURNS_MAX) abort();
    } while (stats.connections > 0);
    if (stats.streams > 0) abort();
    check_answers(&in);
    sedge_buf_release(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct sedge_buf out = SEDGE_BUF_INIT;
    size_t step;

    if (!server) setup();
    step = byte_of(&in) * 16 + 1;
    sedge_buf_puts(&out, "");
    if (byte_of(&in) % 8) (void)sedge_message_connect(&out, "T", NULL);
    while (in.left > 0) {
        if (byte_of(&in) % 8 == 0)
            add_raw(&out, &in);
        else
            add_frame(&out, &in);
    }
    talk(&out, step);
    sedge_buf_release(&out);
    return 0;
}
