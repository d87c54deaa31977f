/* The thread between our side of a tunnel and a proxy that speaks TLS: TLS in TLS, which no socket option gives. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "tunnel.h"

#define BUFFER 16384
#define STACK  131072

struct flow {
    char data[BUFFER];
    size_t at, n; /* what is still to be written: data[at..n) */
};

struct sedge_relay {
    pthread_t thread;
    int fd;
    SSL *ssl;
    struct flow out, in; /* to the proxy, from it */
    bool ended;
    bool write_wants_read, read_wants_write;
};

static bool is_empty(const struct flow *f)
{
    return f->at == f->n;
}

static void fill(struct flow *f, size_t n)
{
    f->at = 0;
    f->n = n;
}

static bool from_client(struct sedge_relay *r)
{
    ssize_t n;

    if (!is_empty(&r->out)) return false;
    n = recv(r->fd, r->out.data, BUFFER, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) r->ended = true;
    if (n > 0) fill(&r->out, (size_t)n);
    return n > 0;
}

static bool to_client(struct sedge_relay *r)
{
    ssize_t n;

    if (is_empty(&r->in)) return false;
    n = send(r->fd, r->in.data + r->in.at, r->in.n - r->in.at, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) r->ended = true;
    if (n > 0) r->in.at += (size_t)n;
    return n > 0;
}

static void look_at(struct sedge_relay *r, int rc, bool writing)
{
    int want = SSL_get_error(r->ssl, rc);

    if (want == SSL_ERROR_WANT_READ)
        r->write_wants_read = writing;
    else if (want == SSL_ERROR_WANT_WRITE)
        r->read_wants_write = !writing;
    else
        r->ended = true;
    ERR_clear_error();
}

static bool to_proxy(struct sedge_relay *r)
{
    int n;

    if (is_empty(&r->out)) return false;
    r->write_wants_read = false;
    n = SSL_write(r->ssl, r->out.data + r->out.at, (int)(r->out.n - r->out.at));
    if (n > 0)
        r->out.at += (size_t)n;
    else
        look_at(r, n, true);
    return n > 0;
}

static bool from_proxy(struct sedge_relay *r)
{
    int n;

    if (!is_empty(&r->in)) return false;
    r->read_wants_write = false;
    n = SSL_read(r->ssl, r->in.data, BUFFER);
    if (n > 0)
        fill(&r->in, (size_t)n);
    else
        look_at(r, n, false);
    return n > 0;
}

static void wait_for_both(struct sedge_relay *r)
{
    struct pollfd p[2] = {{.fd = r->fd}, {.fd = SSL_get_fd(r->ssl)}};

    if (is_empty(&r->out)) p[0].events |= POLLIN;
    if (!is_empty(&r->in)) p[0].events |= POLLOUT;
    if (is_empty(&r->in) || r->write_wants_read) p[1].events |= POLLIN;
    if ((!is_empty(&r->out) && !r->write_wants_read) || r->read_wants_write) p[1].events |= POLLOUT;
    if (poll(p, 2, -1) < 0 && errno != EINTR) r->ended = true;
    if (p[0].revents & (POLLHUP | POLLERR)) r->ended = true;
}

static void *run(void *arg)
{
    struct sedge_relay *r = arg;

    while (!r->ended) {
        bool moved = from_client(r);
        moved = to_proxy(r) || moved;
        moved = from_proxy(r) || moved;
        moved = to_client(r) || moved;
        if (!moved && !r->ended) wait_for_both(r);
    }
    (void)shutdown(r->fd, SHUT_RDWR); /* the other side sees the end at once */
    return NULL;
}

struct sedge_relay *sedge_relay_start(int fd, SSL *ssl)
{
    struct sedge_relay *r = SEDGE_NEW(struct sedge_relay);
    pthread_attr_t attr;
    sigset_t all, old;
    int rc;

    r->fd = fd;
    r->ssl = ssl;
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, STACK);
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old); /* signals are the loop's */
    rc = pthread_create(&r->thread, &attr, run, r);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    (void)pthread_attr_destroy(&attr);
    if (rc == 0) return r;
    free(r);
    return NULL;
}

void sedge_relay_join(struct sedge_relay *r)
{
    int fd;

    if (!r) return;
    (void)pthread_join(r->thread, NULL);
    fd = SSL_get_fd(r->ssl);
    SSL_free(r->ssl);
    (void)close(fd);
    (void)close(r->fd);
    free(r);
}
