/* The connection: its socket, the handshake, its end, and connecting again. */
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

/* A path that is too long for an address goes by way of its folder, held open in *folder (-1: none needed). */
static int address(const char *path, struct sockaddr_un *a, int *folder, struct sedge_ipc_err *err)
{
    sedge_auto_free char *dir = sedge_xstrdup(path);
    char *slash = strrchr(dir, '/');
    size_t n = strlen(path);
    int len;

    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    *folder = -1;
    if (n > 0 && n < sizeof a->sun_path) {
        memcpy(a->sun_path, path, n + 1);
        return 0;
    }
    if (slash) *slash = '\0';
    if (slash) *folder = open(*dir ? dir : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    len = *folder >= 0 ? snprintf(a->sun_path, sizeof a->sun_path, "/proc/self/fd/%d/%s", *folder, slash + 1) : -1;
    if (len > 0 && (size_t)len < sizeof a->sun_path) return 0;
    return sedge_client_fail(
        err, SEDGE_IPC_E_ARGUMENT,
        "socket path \"%s\": expected at most %zu bytes, or a short name in a folder that is there", path,
        sizeof a->sun_path - 1);
}

static int connect_retrying(int fd, const struct sockaddr_un *a)
{
    int rc;

    do
        rc = connect(fd, (const struct sockaddr *)a, sizeof *a);
    while (rc < 0 && errno == EINTR);
    return rc;
}

/* `wait_ms`: how long the queue of the nucleus may be full; 0: not at all; negative: for ever. */
static int open_socket(struct sedge_ipc_client *c, int wait_ms, struct sedge_ipc_err *err)
{
    struct timeval limit = {wait_ms / 1000, wait_ms % 1000 * 1000L};
    sedge_auto_close int folder = -1;
    struct sockaddr_un a;

    if (address(c->path, &a, &folder, err)) return -1;
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (wait_ms == 0 ? SOCK_NONBLOCK : 0), 0);
    if (c->fd < 0) return sedge_client_fail(err, SEDGE_IPC_E_SYSTEM, "no socket: %s", strerror(errno));
    if (wait_ms > 0) (void)setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit); /* else: for ever */
    if (connect_retrying(c->fd, &a) == 0) return 0;
    (void)sedge_client_fail(err, SEDGE_IPC_E_CONNECT, "nobody answers on %s: %s", c->path, strerror(errno));
    (void)close(c->fd);
    c->fd = -1;
    return -1;
}

/* Connects and puts the first frame into `out`. */
static int greet(struct sedge_ipc_client *c, int wait_ms, struct sedge_ipc_err *err)
{
    struct sedge_err e = SEDGE_ERR_INIT;

    sedge_frame_in_release(&c->in);
    sedge_frame_in_init(&c->in, SEDGE_FRAME_MAX);
    sedge_buf_clear(&c->out);
    c->out_sent = 0;
    c->last_stream = 0;
    c->greeted = false;
    if (sedge_message_connect(&c->out, c->token, &e)) return sedge_client_fail_from(err, &e);
    if (open_socket(c, wait_ms, err)) return -1;
    c->link = SEDGE_LINK_GREETING;
    sedge_client_watch(c, true);
    sedge_client_flush(c);
    return 0;
}

static bool is_settled(const void *arg)
{
    const struct sedge_ipc_client *c = arg;

    return c->link == SEDGE_LINK_UP || c->link == SEDGE_LINK_OVER;
}

static int ended(const struct sedge_ipc_client *c, struct sedge_ipc_err *err)
{
    if (err) *err = c->why;
    return -1;
}

int sedge_client_link_open(struct sedge_ipc_client *c, struct sedge_ipc_err *err)
{
    int64_t deadline = sedge_client_deadline(c->timeout_ms);

    if (greet(c, c->timeout_ms, err) || sedge_client_wait(c, deadline, is_settled, c, err)) return -1;
    return c->link == SEDGE_LINK_UP ? 0 : ended(c, err);
}

int sedge_client_link_wait(struct sedge_ipc_client *c, int64_t deadline, struct sedge_ipc_err *err)
{
    struct sedge_ipc_err e = {.code = SEDGE_IPC_OK};

    if (c->link == SEDGE_LINK_UP) return 0;
    if (sedge_client_wait(c, deadline, is_settled, c, &e) == 0 && c->link == SEDGE_LINK_UP) return 0;
    if (e.code == SEDGE_IPC_E_TIMEOUT)
        return sedge_client_fail(err, SEDGE_IPC_E_CLOSED, "not connected: %s", c->why.message);
    return ended(c, err);
}

/* ---- the end ---- */

static void next_attempt(struct sedge_ipc_client *c)
{
    if (c->pause_ms > c->reconnect_ms) c->pause_ms = c->reconnect_ms;
    c->link = SEDGE_LINK_DOWN;
    c->link_ms = sedge_mono_ms() + c->pause_ms;
    c->pause_ms = c->pause_ms > c->reconnect_ms / 2 ? c->reconnect_ms : c->pause_ms * 2;
    sedge_client_timer(c, c->link_ms);
}

void sedge_client_break(struct sedge_ipc_client *c, int code, const char *why)
{
    bool was_up = c->link == SEDGE_LINK_UP;

    if (c->link == SEDGE_LINK_OVER) return;
    (void)sedge_client_fail(&c->why, code, "%s", why);
    if (c->fd >= 0) {
        sedge_client_watch(c, false);
        (void)close(c->fd);
        c->fd = -1;
    }
    c->link_ms = -1;
    if (c->reconnect_ms > 0 && code != SEDGE_IPC_E_REFUSED)
        next_attempt(c);
    else
        c->link = SEDGE_LINK_OVER;
    if (was_up && c->link == SEDGE_LINK_DOWN) sedge_client_state_add(c, SEDGE_IPC_LOST);
    if (c->link == SEDGE_LINK_OVER && c->reconnect_ms > 0) sedge_client_state_add(c, SEDGE_IPC_GIVEN_UP);
    sedge_client_fail_all(c);
}

void sedge_client_link_answer(struct sedge_ipc_client *c, bool accepted)
{
    if (c->link != SEDGE_LINK_GREETING) return; /* a second one: nothing new */
    c->greeted = accepted;
    if (!accepted)
        sedge_client_break(c, SEDGE_IPC_E_REFUSED,
                           "the nucleus does not accept the token: it belongs to another start of the component, or to "
                           "another nucleus");
}

/* ---- connecting again ---- */

static void try_again(struct sedge_ipc_client *c)
{
    struct sedge_ipc_err err;

    if (greet(c, 0, &err)) {
        next_attempt(c);
        return;
    }
    c->link_ms = sedge_client_deadline(c->timeout_ms < 0 ? SEDGE_IPC_DEFAULT_TIMEOUT : c->timeout_ms);
    sedge_client_timer(c, c->link_ms);
}

static void come_up(struct sedge_ipc_client *c)
{
    bool again = c->link_ms >= 0;

    c->link = SEDGE_LINK_UP;
    c->link_ms = -1;
    c->pause_ms = SEDGE_IPC_RECONNECT_MIN_MS;
    if (!again) return;
    sedge_client_state_add(c, SEDGE_IPC_RESTORED);
    sedge_client_subscribe_again(c);
}

void sedge_client_link_turn(struct sedge_ipc_client *c)
{
    bool due = c->link_ms >= 0 && sedge_mono_ms() >= c->link_ms;

    if (c->link == SEDGE_LINK_GREETING && c->greeted)
        come_up(c);
    else if (c->link == SEDGE_LINK_GREETING && due)
        sedge_client_break(c, SEDGE_IPC_E_CLOSED, "the nucleus does not answer the handshake");
    else if (c->link == SEDGE_LINK_DOWN && due)
        try_again(c);
}
