#include "client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

#define READ_BYTES    65536u
#define READS_AT_ONCE 16

int64_t sedge_client_deadline(int timeout_ms)
{
    return timeout_ms < 0 ? -1 : sedge_mono_ms() + timeout_ms;
}

static int left(int64_t deadline)
{
    int64_t ms;

    if (deadline < 0) return -1;
    ms = deadline - sedge_mono_ms();
    return ms < 0 ? 0 : ms > 3600000 ? 3600000 : (int)ms;
}

int sedge_client_poll(struct sedge_ipc_client *c, short events, int64_t deadline)
{
    struct pollfd p = {.fd = c->fd, .events = events};
    int rc;

    do
        rc = poll(&p, 1, left(deadline));
    while (rc < 0 && errno == EINTR);
    return rc <= 0 ? rc : p.revents;
}

/* The eventfd inside the author's descriptor follows what waits for dispatch. */
void sedge_client_wake(struct sedge_ipc_client *c)
{
    bool want = c->first || c->broken;
    uint64_t n = 1;
    ssize_t rc;

    if (want == c->awake) return;
    c->awake = want;
    rc = want ? write(c->wake_fd, &n, sizeof n) : read(c->wake_fd, &n, sizeof n);
    (void)rc; /* a counter that is set already, or clear already, is what we want */
}

void sedge_client_break(struct sedge_ipc_client *c, int code, const char *why)
{
    if (c->broken) return;
    c->broken = true;
    (void)sedge_ipc_fail(&c->why, code, "%s", why);
    (void)shutdown(c->fd, SHUT_RDWR);
    sedge_client_end_all(c);
    sedge_client_wake(c);
}

static void frames(struct sedge_ipc_client *c, size_t n)
{
    struct sedge_err why = SEDGE_ERR_INIT;
    struct sedge_frame f;
    int rc = 0;

    sedge_frame_in_push(&c->in, c->read_buf, n);
    while (!c->broken && (rc = sedge_frame_in_next(&c->in, &f, &why)) == 1)
        sedge_client_frame(c, &f);
    if (rc < 0) sedge_client_break(c, SEDGE_IPC_E_PROTOCOL, why.msg);
}

void sedge_client_read(struct sedge_ipc_client *c)
{
    for (int i = 0; i < READS_AT_ONCE && !c->broken; i++) {
        ssize_t n = recv(c->fd, c->read_buf, READ_BYTES, MSG_DONTWAIT);

        if (n > 0)
            frames(c, (size_t)n);
        else if (n == 0)
            sedge_client_break(c, SEDGE_IPC_E_CLOSED, "the nucleus closed the connection");
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            break;
        else if (errno != EINTR)
            sedge_client_break(c, SEDGE_IPC_E_CLOSED, strerror(errno));
        if (n > 0 && n < (ssize_t)READ_BYTES) break;
    }
    sedge_client_wake(c);
}

static int ended(const struct sedge_ipc_client *c, struct sedge_ipc_err *err)
{
    if (err) *err = c->why;
    return -1;
}

int sedge_client_wait(struct sedge_ipc_client *c, int64_t deadline, bool (*done)(struct sedge_ipc_client *c, void *arg),
                      void *arg, struct sedge_ipc_err *err)
{
    while (!done(c, arg)) {
        int rc;

        if (c->broken) return ended(c, err);
        rc = sedge_client_poll(c, POLLIN, deadline);
        if (rc == 0) return sedge_ipc_fail(err, SEDGE_IPC_E_TIMEOUT, "no answer from the nucleus in time");
        if (rc < 0) return sedge_ipc_fail(err, SEDGE_IPC_E_SYSTEM, "poll: %s", strerror(errno));
        sedge_client_read(c);
    }
    return 0;
}

/* A frame that went out in part cannot be taken back: the connection ends with the call that failed. */
static int write_failed(struct sedge_ipc_client *c, size_t sent, struct sedge_ipc_err *err)
{
    if (sent > 0) sedge_client_break(c, SEDGE_IPC_E_TIMEOUT, "the nucleus does not read: a request went out in part");
    return sedge_ipc_fail(err, SEDGE_IPC_E_TIMEOUT, "the nucleus does not read requests");
}

int sedge_client_write(struct sedge_ipc_client *c, const struct sedge_buf *b, int64_t deadline,
                       struct sedge_ipc_err *err)
{
    size_t sent = 0;

    while (sent < b->len) {
        ssize_t n;
        int rc;

        if (c->broken) return ended(c, err);
        n = send(c->fd, b->data + sent, b->len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) {
            sent += (size_t)n;
            continue;
        }
        if (errno == EINTR) continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK) {
            sedge_client_read(c); /* it may have said why */
            sedge_client_break(c, SEDGE_IPC_E_CLOSED, "the nucleus closed the connection");
            return ended(c, err);
        }
        rc = sedge_client_poll(c, POLLIN | POLLOUT, deadline);
        if (rc == 0) return write_failed(c, sent, err);
        if (rc < 0) return sedge_ipc_fail(err, SEDGE_IPC_E_SYSTEM, "poll: %s", strerror(errno));
        if (rc & (POLLIN | POLLHUP | POLLERR)) sedge_client_read(c);
    }
    return 0;
}
