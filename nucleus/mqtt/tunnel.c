#include "tunnel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "link.h"

#define STEP_MS 200 /* how often a wait looks at `cancel` */

struct sedge_tunnel {
    int fd;   /* to the proxy, later our side of it; -1: taken */
    SSL *ssl; /* NULL: in the clear */
    struct sedge_relay *relay;
    /* while it is opened */
    const struct sedge_proxy *proxy;
    atomic_bool *cancel;
    int timeout_ms;
    int64_t deadline; /* of the present step */
    struct sedge_err *err;
};

/* ---- reading and writing with a deadline ---- */

static int fail(struct sedge_tunnel *t, enum sedge_err_code code, const char *what)
{
    return sedge_err_set(t->err, code, "proxy %s port %d: %s", t->proxy->host, t->proxy->port, what);
}

static int wait_for(struct sedge_tunnel *t, short events)
{
    while (!atomic_load(t->cancel) && sedge_mono_ms() < t->deadline) {
        struct pollfd p = {.fd = t->fd, .events = events};
        if (poll(&p, 1, STEP_MS) > 0) return 0;
    }
    if (atomic_load(t->cancel)) return fail(t, SEDGE_E_CANCELED, "connecting was given up");
    return fail(t, SEDGE_E_TIMEOUT, "no answer; check networkProxy.proxy.url");
}

static int wait_for_tls(struct sedge_tunnel *t, int rc)
{
    int want = SSL_get_error(t->ssl, rc);
    const char *reason;

    if (want == SSL_ERROR_WANT_READ) return wait_for(t, POLLIN);
    if (want == SSL_ERROR_WANT_WRITE) return wait_for(t, POLLOUT);
    if (SSL_get_verify_result(t->ssl) != X509_V_OK)
        reason = X509_verify_cert_error_string(SSL_get_verify_result(t->ssl));
    else
        reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return fail(t, SEDGE_E_UNAVAILABLE, reason ? reason : "the TLS connection ended; check that it is a TLS port");
}

static int write_all(struct sedge_tunnel *t, const void *data, size_t n)
{
    const char *p = data;

    while (n > 0) {
        ssize_t done = t->ssl ? SSL_write(t->ssl, p, (int)n) : send(t->fd, p, n, MSG_NOSIGNAL);
        if (done > 0) {
            p += done;
            n -= (size_t)done;
        } else if (t->ssl) {
            if (wait_for_tls(t, (int)done) != 0) return -1;
        } else if (errno != EAGAIN && errno != EINTR) {
            return fail(t, SEDGE_E_UNAVAILABLE, strerror(errno));
        } else if (wait_for(t, POLLOUT) != 0) {
            return -1;
        }
    }
    return 0;
}

/* Never more than is asked for: what follows belongs to the broker. */
static int read_all(struct sedge_tunnel *t, void *data, size_t n)
{
    char *p = data;

    while (n > 0) {
        ssize_t got = t->ssl ? SSL_read(t->ssl, p, (int)n) : recv(t->fd, p, n, 0);
        if (got > 0) {
            p += got;
            n -= (size_t)got;
        } else if (t->ssl) {
            if (wait_for_tls(t, (int)got) != 0) return -1;
        } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            return fail(t, SEDGE_E_UNAVAILABLE, got == 0 ? "closed the connection" : strerror(errno));
        } else if (wait_for(t, POLLIN) != 0) {
            return -1;
        }
    }
    return 0;
}

/* ---- to the proxy ---- */

static int dial_address(struct sedge_tunnel *t, const struct addrinfo *ai)
{
    int so = 0;
    socklen_t n = sizeof so;

    t->fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (t->fd < 0) return fail(t, SEDGE_E_UNAVAILABLE, strerror(errno));
    t->deadline = sedge_mono_ms() + t->timeout_ms;
    if (connect(t->fd, ai->ai_addr, ai->ai_addrlen) == 0) return 0;
    if (errno != EINPROGRESS) return fail(t, SEDGE_E_UNAVAILABLE, strerror(errno));
    if (wait_for(t, POLLOUT) != 0) return -1;
    if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &so, &n) == 0 && so == 0) return 0;
    return fail(t, SEDGE_E_UNAVAILABLE, strerror(so));
}

static int dial(struct sedge_tunnel *t)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    sedge_auto_free char *port = sedge_xasprintf("%d", t->proxy->port);
    int rc = getaddrinfo(t->proxy->host, port, &hints, &list);
    int one = 1;

    if (rc != 0) return fail(t, SEDGE_E_UNAVAILABLE, gai_strerror(rc));
    rc = -1;
    for (struct addrinfo *ai = list; ai && rc != 0 && !atomic_load(t->cancel); ai = ai->ai_next) {
        if (t->fd >= 0) (void)close(t->fd);
        rc = dial_address(t, ai);
    }
    freeaddrinfo(list);
    if (rc == 0) (void)setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* for speed alone */
    return rc;
}

static int start_tls(struct sedge_tunnel *t, const char *ca)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    int rc;

    sedge_assert(ctx);
    ERR_clear_error();
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    sedge_link_tls_name(ctx, t->proxy->host);
    if (!ca || SSL_CTX_load_verify_file(ctx, ca) != 1) {
        SSL_CTX_free(ctx);
        return fail(t, SEDGE_E_INVALID, "needs a CA file to check it: set rootCaPath");
    }
    t->ssl = SSL_new(ctx);
    SSL_CTX_free(ctx); /* the connection keeps it */
    sedge_assert(t->ssl && SSL_set_fd(t->ssl, t->fd) == 1);
    sedge_link_tls_sni(t->ssl, t->proxy->host);
    t->deadline = sedge_mono_ms() + t->timeout_ms;
    while ((rc = SSL_connect(t->ssl)) != 1)
        if (wait_for_tls(t, rc) != 0) return -1;
    return 0;
}

/* ---- HTTP CONNECT ---- */

static void add_authorization(const struct sedge_proxy *p, struct sedge_buf *b)
{
    sedge_auto_free char *pair = NULL;

    if (!p->user) return;
    pair = sedge_xasprintf("%s:%s", p->user, p->password);
    sedge_buf_puts(b, "Proxy-Authorization: Basic ");
    sedge_base64_encode(b, pair, strlen(pair));
    sedge_buf_puts(b, "\r\n");
    sedge_wipe(pair, strlen(pair));
}

static int read_answer(struct sedge_tunnel *t, struct sedge_buf *b)
{
    while (b->len < 4 || memcmp(b->data + b->len - 4, "\r\n\r\n", 4) != 0) {
        char c;
        if (read_all(t, &c, 1) != 0) return -1;
        if (b->len == SEDGE_TUNNEL_ANSWER_MAX)
            return fail(t, SEDGE_E_UNAVAILABLE, "its answer to CONNECT does not end");
        sedge_buf_putc(b, c);
    }
    return 0;
}

static int explain_answer(struct sedge_tunnel *t, const char *answer, const char *target)
{
    sedge_auto_free char *line = sedge_xstrndup(answer, strcspn(answer, "\r\n"));
    sedge_auto_free char *what = NULL;
    bool user = strstr(line, " 407") != NULL;

    if (!sedge_str_starts(line, "HTTP/")) return fail(t, SEDGE_E_UNAVAILABLE, "does not speak HTTP");
    what = sedge_xasprintf("CONNECT %s: it says \"%.200s\"%s", target, line + strcspn(line, " ") + 1,
                           user ? "; check networkProxy.proxy.username and password" : "");
    return fail(t, user || strstr(line, " 403") ? SEDGE_E_DENIED : SEDGE_E_UNAVAILABLE, what);
}

static int http_connect(struct sedge_tunnel *t, const char *host, int port)
{
    bool v6 = strchr(host, ':') != NULL;
    sedge_auto_free char *target = sedge_xasprintf(v6 ? "[%s]:%d" : "%s:%d", host, port);
    sedge_auto_buf struct sedge_buf request = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf answer = SEDGE_BUF_INIT;
    int rc;

    sedge_buf_reserve(&request, 2048); /* growing would leave copies of the password behind */
    sedge_buf_printf(&request, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", target, target);
    add_authorization(t->proxy, &request);
    sedge_buf_puts(&request, "\r\n");
    t->deadline = sedge_mono_ms() + t->timeout_ms;
    rc = write_all(t, request.data, request.len);
    sedge_buf_wipe(&request);
    if (rc != 0 || read_answer(t, &answer) != 0) return -1;
    if (strncmp(answer.data, "HTTP/1.", 7) == 0 && strncmp(answer.data + 8, " 2", 2) == 0) return 0;
    return explain_answer(t, answer.data, target);
}

/* ---- SOCKS5 (RFC 1928, 1929) ---- */

static int socks_login(struct sedge_tunnel *t)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    const struct sedge_proxy *p = t->proxy;
    unsigned char answer[2];
    int rc;

    sedge_buf_reserve(&b, 3 + 2 * (SEDGE_PROXY_TEXT_MAX + 1));
    sedge_buf_putc(&b, 1);
    sedge_buf_putc(&b, (char)strlen(p->user));
    sedge_buf_puts(&b, p->user);
    sedge_buf_putc(&b, (char)strlen(p->password));
    sedge_buf_puts(&b, p->password);
    rc = write_all(t, b.data, b.len);
    sedge_buf_wipe(&b);
    if (rc != 0 || read_all(t, answer, sizeof answer) != 0) return -1;
    if (answer[1] == 0) return 0;
    return fail(t, SEDGE_E_DENIED, "refuses the user; check networkProxy.proxy.username and password");
}

static int socks_greet(struct sedge_tunnel *t)
{
    const unsigned char hello[] = {5, t->proxy->user ? 2 : 1, 0, 2};
    unsigned char answer[2];

    if (write_all(t, hello, t->proxy->user ? 4 : 3) != 0 || read_all(t, answer, sizeof answer) != 0) return -1;
    if (answer[0] != 5) return fail(t, SEDGE_E_UNAVAILABLE, "does not speak SOCKS5");
    if (answer[1] == 0) return 0;
    if (answer[1] == 2 && t->proxy->user) return socks_login(t);
    return fail(t, SEDGE_E_DENIED, "asks for a user; set networkProxy.proxy.username and password");
}

static void add_target(struct sedge_buf *b, const char *host, int port)
{
    unsigned char address[16];

    if (inet_pton(AF_INET, host, address) == 1) {
        sedge_buf_putc(b, 1);
        sedge_buf_add(b, address, 4);
    } else if (inet_pton(AF_INET6, host, address) == 1) {
        sedge_buf_putc(b, 4);
        sedge_buf_add(b, address, 16);
    } else {
        sedge_buf_putc(b, 3);
        sedge_buf_putc(b, (char)strlen(host));
        sedge_buf_puts(b, host);
    }
    sedge_buf_putc(b, (char)(port >> 8));
    sedge_buf_putc(b, (char)port);
}

static int socks_refused(struct sedge_tunnel *t, unsigned code)
{
    static const char *const texts[] = {"",
                                        "general failure",
                                        "its rules do not allow the broker",
                                        "network unreachable",
                                        "host unreachable: check iotDataEndpoint",
                                        "connection refused by the broker: check mqtt.port",
                                        "expired",
                                        "command not supported",
                                        "kind of address not supported"};

    return fail(t, code == 2 ? SEDGE_E_DENIED : SEDGE_E_UNAVAILABLE,
                code < SEDGE_ARRAY_LEN(texts) ? texts[code] : "refused for an unknown reason");
}

static int socks_connect(struct sedge_tunnel *t, const char *host, int port)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    unsigned char answer[4], length = 0, rest[256 + 2];

    if (strlen(host) > SEDGE_PROXY_TEXT_MAX) return fail(t, SEDGE_E_INVALID, "the name of the broker is too long");
    t->deadline = sedge_mono_ms() + t->timeout_ms;
    if (socks_greet(t) != 0) return -1;
    sedge_buf_add(&b, "\5\1\0", 3);
    add_target(&b, host, port);
    if (write_all(t, b.data, b.len) != 0 || read_all(t, answer, sizeof answer) != 0) return -1;
    if (answer[1] != 0) return socks_refused(t, answer[1]);
    if (answer[3] == 3 && read_all(t, &length, 1) != 0) return -1;
    if (answer[3] != 3) length = answer[3] == 4 ? 16 : 4;
    return read_all(t, rest, (size_t)length + 2); /* where it is bound: of no interest */
}

/* ---- public ---- */

static int encrypt(struct sedge_tunnel *t)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
        return fail(t, SEDGE_E_UNAVAILABLE, strerror(errno));
    t->relay = sedge_relay_start(pair[1], t->ssl);
    if (!t->relay) {
        (void)close(pair[0]);
        (void)close(pair[1]);
        return fail(t, SEDGE_E_UNAVAILABLE, "no thread can be started");
    }
    t->ssl = NULL; /* the relay's, with its socket */
    t->fd = pair[0];
    return 0;
}

struct sedge_tunnel *sedge_tunnel_open(const struct sedge_proxy *proxy, const char *host, int port, const char *ca,
                                       int timeout_ms, atomic_bool *cancel, struct sedge_err *err)
{
    struct sedge_tunnel *t = SEDGE_NEW(struct sedge_tunnel);
    int rc;

    *t = (struct sedge_tunnel){.fd = -1, .proxy = proxy, .cancel = cancel, .timeout_ms = timeout_ms, .err = err};
    rc = dial(t);
    if (rc == 0 && proxy->kind == SEDGE_PROXY_HTTPS) rc = start_tls(t, ca);
    if (rc == 0) rc = proxy->kind == SEDGE_PROXY_SOCKS5 ? socks_connect(t, host, port) : http_connect(t, host, port);
    if (rc == 0 && t->ssl) rc = encrypt(t);
    if (rc == 0) return t;
    sedge_tunnel_free(t);
    return NULL;
}

int sedge_tunnel_take(struct sedge_tunnel *t)
{
    int fd = t->fd;

    t->fd = -1;
    return fd;
}

void sedge_tunnel_free(struct sedge_tunnel *t)
{
    if (!t) return;
    if (t->ssl) SSL_free(t->ssl);
    if (t->fd >= 0) (void)close(t->fd);
    sedge_relay_join(t->relay);
    free(t);
}
