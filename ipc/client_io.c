/* Bytes, waiting, timers. */
#include "client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"

#define READ_BYTES    65536u
#define READS_AT_ONCE 16
#define WAIT_MS_MAX   3600000

int64_t sedge_client_deadline(int timeout_ms)
{
    return timeout_ms < 0 ? -1 : sedge_mono_ms() + timeout_ms;
}

bool sedge_client_passed(int64_t deadline)
{
    return deadline >= 0 && sedge_mono_ms() >= deadline;
}

static int left(int64_t deadline)
{
    int64_t ms;

    if (deadline < 0) return -1;
    ms = deadline - sedge_mono_ms();
    return ms < 0 ? 0 : ms > WAIT_MS_MAX ? WAIT_MS_MAX : (int)ms;
}

/* ---- the author's descriptor ---- */

int sedge_client_open_fds(struct sedge_ipc_client *c, struct sedge_ipc_err *err)
{
    struct epoll_event ev = {.events = EPOLLIN};

    c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    c->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (c->epoll_fd < 0 || c->wake_fd < 0 || c->timer_fd < 0 ||
        epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, c->wake_fd, &ev) < 0 ||
        epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, c->timer_fd, &ev) < 0)
        return sedge_client_fail(err, SEDGE_IPC_E_SYSTEM, "no descriptors for a connection: %s", strerror(errno));
    return 0;
}

void sedge_client_watch(struct sedge_ipc_client *c, bool on)
{
    struct epoll_event ev = {.events = EPOLLIN};

    c->out_watched = false;
    (void)epoll_ctl(c->epoll_fd, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, c->fd, &ev); /* fails without memory: the kernel
                                                                                   * then is beyond our help */
}

static void watch_out(struct sedge_ipc_client *c)
{
    bool want = c->fd >= 0 && c->out_sent < c->out.len;
    struct epoll_event ev = {.events = want ? EPOLLIN | EPOLLOUT : EPOLLIN};

    if (want == c->out_watched) return;
    c->out_watched = want;
    if (c->fd >= 0) (void)epoll_ctl(c->epoll_fd, EPOLL_CTL_MOD, c->fd, &ev);
}

void sedge_client_wake(struct sedge_ipc_client *c)
{
    bool want = c->first || c->link == SEDGE_LINK_OVER;
    uint64_t n = 1;
    ssize_t rc;

    watch_out(c);
    if (want == c->awake) return;
    c->awake = want;
    rc = want ? write(c->wake_fd, &n, sizeof n) : read(c->wake_fd, &n, sizeof n);
    (void)rc; /* a counter that is set already, or clear already, is what we want */
}

static void set_timer(struct sedge_ipc_client *c, int64_t ms)
{
    struct itimerspec t = {{0, 0}, {0, 0}};

    if (ms == c->timer_ms) return;
    c->timer_ms = ms;
    if (ms >= 0) t.it_value = (struct timespec){ms / 1000, ms % 1000 * 1000000 + 1}; /* 0 would switch it off */
    (void)timerfd_settime(c->timer_fd, TFD_TIMER_ABSTIME, &t, NULL);                 /* fails for bad arguments only */
}

void sedge_client_timer(struct sedge_ipc_client *c, int64_t ms)
{
    if (ms >= 0 && (c->timer_ms < 0 || ms < c->timer_ms)) set_timer(c, ms);
}

static void timers(struct sedge_ipc_client *c)
{
    int64_t next;

    if (!sedge_client_passed(c->timer_ms)) return;
    next = sedge_client_expire(c, sedge_mono_ms());
    set_timer(c, -1);
    sedge_client_timer(c, next);
    sedge_client_timer(c, c->link_ms);
}

/* ---- reading ---- */

static void frames(struct sedge_ipc_client *c, size_t n)
{
    struct sedge_err why = SEDGE_ERR_INIT;
    struct sedge_frame f;
    int rc = 0;

    sedge_frame_in_push(&c->in, c->read_buf, n);
    while (c->fd >= 0 && (rc = sedge_frame_in_next(&c->in, &f, &why)) == 1)
        sedge_client_frame(c, &f);
    if (rc < 0) sedge_client_break(c, SEDGE_IPC_E_PROTOCOL, why.msg);
}

static void read_all(struct sedge_ipc_client *c)
{
    for (int i = 0; i < READS_AT_ONCE && c->fd >= 0; i++) {
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
}

/* ---- writing ---- */

void sedge_client_flush(struct sedge_ipc_client *c)
{
    while (c->fd >= 0 && c->out_sent < c->out.len) {
        ssize_t n = send(c->fd, c->out.data + c->out_sent, c->out.len - c->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n >= 0) {
            c->out_sent += (size_t)n;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (errno != EINTR) {
            read_all(c); /* it may have said why */
            if (c->fd >= 0) sedge_client_break(c, SEDGE_IPC_E_CLOSED, "the nucleus closed the connection");
        }
    }
    c->out_sent = 0;
    if (c->out.cap > READ_BYTES)
        sedge_buf_release(&c->out);
    else
        sedge_buf_clear(&c->out);
}

static bool has_room(const void *arg)
{
    const struct sedge_ipc_client *c = arg;

    return c->link != SEDGE_LINK_UP || c->out.len == c->out_sent;
}

int sedge_client_room(struct sedge_ipc_client *c, size_t n, int64_t deadline, struct sedge_ipc_err *err)
{
    struct sedge_ipc_err e = {.code = SEDGE_IPC_OK};

    if (c->out.len == c->out_sent || c->out.len - c->out_sent + n <= SEDGE_IPC_OUT_BYTES) return 0;
    if (sedge_client_wait(c, deadline, has_room, c, &e) == 0 && c->link == SEDGE_LINK_UP) return 0;
    if (e.code == SEDGE_IPC_E_TIMEOUT)
        return sedge_client_fail(err, SEDGE_IPC_E_TIMEOUT, "the nucleus does not read requests");
    if (err) *err = c->why;
    return -1;
}

/* ---- turns ---- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

enum sedge_turn sedge_client_turn(struct sedge_ipc_client *c, int64_t deadline)
{
    bool writes = c->out_sent < c->out.len;
    struct pollfd p = {.fd = c->fd, .events = (short)(writes ? POLLIN | POLLOUT : POLLIN)};
    int rc = poll(&p, 1, left(earlier(deadline, c->timer_ms)));

    if (rc < 0 && errno == EINTR) return SEDGE_TURN_SIGNAL;
    if (rc > 0 && (p.revents & ~POLLOUT)) read_all(c);
    timers(c);
    sedge_client_link_turn(c);
    sedge_client_flush(c);
    sedge_client_wake(c);
    return SEDGE_TURN_DONE;
}

int sedge_client_wait(struct sedge_ipc_client *c, int64_t deadline, bool (*done)(const void *arg), const void *arg,
                      struct sedge_ipc_err *err)
{
    while (!done(arg)) {
        if (c->link == SEDGE_LINK_OVER) {
            if (err) *err = c->why;
            return -1;
        }
        (void)sedge_client_turn(c, deadline);
        if (!done(arg) && sedge_client_passed(deadline))
            return sedge_client_fail(err, SEDGE_IPC_E_TIMEOUT, "no answer from the nucleus in time");
    }
    return 0;
}
