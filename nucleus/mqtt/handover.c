/* A link through a proxy. The library connects by itself and takes no socket from outside; so it is given a listener of
 * ours to connect to, and its end of that connection is then replaced, under the same number, by the tunnel's. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/mem.h"
#include "link.h"
#include "tunnel.h"

static int listen_here(int *port, struct sedge_err *err)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr *any = (struct sockaddr *)(void *)&a;
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd >= 0 && bind(fd, any, n) == 0 && listen(fd, 4) == 0 && getsockname(fd, any, &n) == 0) {
        *port = ntohs(a.sin_port);
        return fd;
    }
    (void)sedge_err_sys(err, errno, "127.0.0.1: a socket for the way to the proxy");
    if (fd >= 0) (void)close(fd);
    return -1;
}

static in_port_t port_of(int fd, bool peer)
{
    struct sockaddr_in a = {0};
    struct sockaddr *any = (struct sockaddr *)(void *)&a;
    socklen_t n = sizeof a;

    return (peer ? getpeername(fd, any, &n) : getsockname(fd, any, &n)) == 0 ? a.sin_port : 0;
}

/* The library's connection, and nobody else's who was quick. */
static int accept_library(struct sedge_link *l, int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) return -1;
        if (port_of(fd, true) == port_of(mosquitto_socket(l->mosq), false)) return fd;
        (void)close(fd);
    }
}

/* What the library has written already: some hundred bytes, which fit any socket buffer. */
static int move_bytes(int from, int to, int64_t deadline)
{
    char data[4096];
    ssize_t n;

    while ((n = recv(from, data, sizeof data, 0)) > 0)
        for (ssize_t at = 0; at < n;) {
            ssize_t done = send(to, data + at, (size_t)(n - at), MSG_NOSIGNAL);
            struct pollfd p = {.fd = to, .events = POLLOUT};
            if (done > 0) at += done;
            if (done < 0 && (errno != EAGAIN || sedge_mono_ms() > deadline)) return -1;
            if (done < 0) (void)poll(&p, 1, 100);
        }
    return n < 0 && errno == EAGAIN ? 0 : -1;
}

static int hand_over(struct sedge_link *l, int listener)
{
    sedge_auto_close int theirs = accept_library(l, listener);
    sedge_auto_close int fd = sedge_tunnel_take(l->tunnel);

    if (theirs >= 0 && move_bytes(theirs, fd, sedge_mono_ms() + l->o->connect_timeout_ms) == 0 &&
        dup3(fd, mosquitto_socket(l->mosq), O_CLOEXEC) >= 0)
        return 0;
    return sedge_err_sys(&l->err, errno, "%s port %d: the way through the proxy broke", l->o->host, l->o->port);
}

int sedge_link_through_proxy(struct sedge_link *l, int (*connect_to)(struct sedge_link *l, const char *host, int port))
{
    struct sedge_proxy proxy;
    int rc = sedge_proxy_parse(l->o->proxy, &proxy, &l->err);
    int port = 0;

    if (rc == 0)
        l->tunnel =
            sedge_tunnel_open(&proxy, l->o->host, l->o->port, l->o->ca, l->o->connect_timeout_ms, &l->cancel, &l->err);
    sedge_proxy_release(&proxy);
    if (l->tunnel) {
        sedge_auto_close int listener = listen_here(&port, &l->err);
        if (listener >= 0 && connect_to(l, "127.0.0.1", port) == 0) return hand_over(l, listener);
    }
    return -1;
}
