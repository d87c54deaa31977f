#include "peer.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "ipc_wire/message.h"

#define REQUESTS_MAX 64
#define WAIT_MS      60000

struct peer {
    pthread_t thread;
    int listener, fd;
    char dir[32], path[64];
    const struct act *script;
    size_t n;
    struct sedge_frame_in in;
    uint8_t *chunk;
    int32_t stream;
    char *requests[REQUESTS_MAX];
    atomic_size_t nrequests;
    atomic_bool go;
};

static void put(struct peer *p, const struct sedge_buf *b)
{
    size_t sent = 0;

    while (sent < b->len) {
        ssize_t n = send(p->fd, b->data + sent, b->len - sent, MSG_NOSIGNAL);

        if (n < 0) return; /* the client has gone: what follows in the script tells */
        sent += (size_t)n;
    }
}

/* The next frame; false at the end of the connection. */
static bool next_frame(struct peer *p, struct sedge_frame *f)
{
    for (;;) {
        ssize_t n;

        if (sedge_frame_in_next(&p->in, f, NULL) == 1) return true;
        n = recv(p->fd, p->chunk, 65536, 0);
        if (n <= 0) return false;
        sedge_frame_in_push(&p->in, p->chunk, (size_t)n);
    }
}

static void take(struct peer *p)
{
    struct sedge_frame f;
    struct sedge_message m;

    if (!next_frame(p, &f)) return;
    sedge_assert(sedge_message_decode(&f, &m, NULL) == 0);
    if (m.operation.p) p->stream = m.stream_id;
    sedge_assert(p->nrequests < REQUESTS_MAX);
    p->requests[p->nrequests] = m.type == SEDGE_MSG_PING_RESPONSE ? sedge_xstrdup("pong")
                                : (m.flags & SEDGE_MSG_TERMINATE) != 0
                                    ? sedge_xstrdup("!")
                                    : sedge_xstrndup((const char *)f.payload, f.payload_len);
    atomic_fetch_add(&p->nrequests, 1);
}

static void hello(struct peer *p, bool accepted)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    struct sedge_frame f;

    p->fd = accept(p->listener, NULL, NULL);
    sedge_frame_in_release(&p->in);
    sedge_frame_in_init(&p->in, SEDGE_FRAME_MAX);
    if (p->fd < 0 || !next_frame(p, &f)) return;
    sedge_message_connect_ack(&b, accepted);
    put(p, &b);
}

static void frame(struct peer *p, enum sedge_msg_type type, int32_t flags, const char *text, bool drip)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    sedge_assert(
        sedge_message_application(&b, type, flags, p->stream, "aws.greengrass#Any", text, strlen(text), NULL) == 0);
    if (!drip) {
        put(p, &b);
        return;
    }
    for (size_t i = 0; i < b.len; i++)
        put(p, &(struct sedge_buf){.data = b.data + i, .len = 1});
}

static void fail(struct peer *p, const char *name)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf json = SEDGE_BUF_INIT;
    sedge_auto_free char *shape = sedge_xasprintf("aws.greengrass#%s", name);

    sedge_message_error_json(&json, name, "because", NULL);
    sedge_assert(sedge_message_application(&b, SEDGE_MSG_ERROR, SEDGE_MSG_TERMINATE, p->stream, shape, json.data,
                                           json.len, NULL) == 0);
    put(p, &b);
}

static void ping(struct peer *p)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    size_t start = b.len;

    sedge_frame_begin(&b);
    sedge_frame_int32(&b, ":message-type", SEDGE_MSG_PING);
    sedge_frame_int32(&b, ":message-flags", 0);
    sedge_frame_int32(&b, ":stream-id", 0);
    sedge_assert(sedge_frame_end(&b, start, "{}", 2, NULL) == 0);
    put(p, &b);
}

static void send_signals(void)
{
    for (int i = 0; i < 50; i++) {
        (void)kill(getpid(), SIGUSR1);
        (void)usleep(1000);
    }
}

static void disturb(const struct peer *p)
{
    struct pollfd client = {.fd = p->fd, .events = POLLIN};

    do
        (void)kill(getpid(), SIGUSR1);
    while (poll(&client, 1, 1) == 0);
}

static void wait_for_go(struct peer *p)
{
    while (!atomic_load(&p->go))
        (void)usleep(1000);
    atomic_store(&p->go, false);
}

static void act(struct peer *p, const struct act *a)
{
    switch (a->kind) {
    case WAIT:
        take(p);
        break;
    case ANSWER:
    case DRIP:
        frame(p, SEDGE_MSG_APPLICATION, SEDGE_MSG_TERMINATE, a->text, a->kind == DRIP);
        break;
    case ACCEPT:
    case EVENT:
        frame(p, SEDGE_MSG_APPLICATION, 0, a->text, false);
        break;
    case FAIL:
        fail(p, a->text);
        break;
    case RAW:
        (void)send(p->fd, a->text, a->size, MSG_NOSIGNAL);
        break;
    case PING:
        ping(p);
        break;
    case CLOSE:
        (void)close(p->fd);
        p->fd = -1;
        break;
    case NEXT:
    case REFUSE:
        hello(p, a->kind == NEXT);
        break;
    case SIGNAL:
        send_signals();
        break;
    case DISTURB:
        disturb(p);
        break;
    case PATIENCE:
        wait_for_go(p);
        break;
    }
}

static void *run(void *arg)
{
    struct peer *p = arg;
    sigset_t all;

    (void)sigfillset(&all); /* signals are for the client */
    (void)pthread_sigmask(SIG_BLOCK, &all, NULL);
    hello(p, true);
    for (size_t i = 0; i < p->n; i++)
        act(p, &p->script[i]);
    while (p->fd >= 0 && recv(p->fd, p->chunk, 65536, 0) > 0)
        ;
    if (p->fd >= 0) (void)close(p->fd);
    return NULL;
}

struct peer *peer_start(const struct act *script, size_t n)
{
    struct peer *p = SEDGE_NEW(struct peer);
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    p->script = script;
    p->n = n;
    p->fd = -1;
    p->chunk = sedge_xcalloc(1, 65536);
    sedge_frame_in_init(&p->in, SEDGE_FRAME_MAX);
    (void)snprintf(p->dir, sizeof p->dir, "/tmp/sedge-peer-XXXXXX");
    sedge_assert(mkdtemp(p->dir) != NULL);
    (void)snprintf(p->path, sizeof p->path, "%s/ipc.socket", p->dir);
    memcpy(a.sun_path, p->path, strlen(p->path) + 1);
    p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sedge_assert(bind(p->listener, (struct sockaddr *)&a, sizeof a) == 0 && listen(p->listener, 8) == 0);
    sedge_assert(pthread_create(&p->thread, NULL, run, p) == 0);
    return p;
}

const char *peer_path(const struct peer *p)
{
    return p->path;
}

const char *peer_request(struct peer *p, size_t i)
{
    for (int ms = 0; ms < WAIT_MS && atomic_load(&p->nrequests) <= i; ms++)
        (void)usleep(1000);
    return atomic_load(&p->nrequests) > i ? p->requests[i] : "(none came)";
}

size_t peer_requests(const struct peer *p)
{
    return atomic_load(&p->nrequests);
}

void peer_go(struct peer *p)
{
    atomic_store(&p->go, true);
}

void peer_stop(struct peer *p)
{
    (void)shutdown(p->listener, SHUT_RDWR); /* a script that waits for a connection has none coming */
    (void)pthread_join(p->thread, NULL);
    (void)close(p->listener);
    (void)unlink(p->path);
    (void)rmdir(p->dir);
    for (size_t i = 0; i < p->nrequests; i++)
        free(p->requests[i]);
    sedge_frame_in_release(&p->in);
    free(p->chunk);
    free(p);
}
