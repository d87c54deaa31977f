#include "http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "http_internal.h"

#define BACKLOG    128
#define PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

struct sedge_cloud *sedge_http_context_take(struct sedge_http *h)
{
    struct sedge_cloud *c = NULL;

    (void)pthread_mutex_lock(&h->lock);
    for (unsigned i = 0; !c && i < h->ncontexts; i++) {
        if (h->taken[i]) continue;
        h->taken[i] = true;
        c = &h->contexts[i];
    }
    (void)pthread_mutex_unlock(&h->lock);
    sedge_assert(c != NULL); /* there are as many as threads */
    return c;
}

void sedge_http_context_give(struct sedge_http *h, struct sedge_cloud *c)
{
    (void)pthread_mutex_lock(&h->lock);
    h->taken[c - h->contexts] = false;
    (void)pthread_mutex_unlock(&h->lock);
}

static void opened(struct sedge_http *h, struct MHD_Connection *mc, void **context)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mc, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct sedge_http_connection *c = SEDGE_NEW(struct sedge_http_connection);

    c->fd = info ? info->connect_fd : -1;
    c->since_ms = sedge_mono_ms();
    c->next = h->connections;
    if (c->next) c->next->prev = c;
    h->connections = c;
    *context = c;
}

static void closed(struct sedge_http *h, struct sedge_http_connection *c)
{
    if (c->prev)
        c->prev->next = c->next;
    else
        h->connections = c->next;
    if (c->next) c->next->prev = c->prev;
    free(c->cn);
    free(c->fingerprint);
    free(c->serial);
    free(c);
}

/* MHD tells the end before it closes the socket, so that sweep never touches one that is somebody else's. */
static void on_connection(void *cls, struct MHD_Connection *mc, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct sedge_http *h = cls;

    (void)pthread_mutex_lock(&h->lock);
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        opened(h, mc, context);
    else if (*context) {
        closed(h, *context);
        *context = NULL;
    }
    (void)pthread_mutex_unlock(&h->lock);
}

void sedge_http_sweep(struct sedge_http *h)
{
    int64_t latest = sedge_mono_ms() - ((int64_t)h->o.request_s + h->o.idle_s) * 1000;

    (void)pthread_mutex_lock(&h->lock);
    for (struct sedge_http_connection *c = h->connections; c; c = c->next) {
        if (c->since_ms < latest && c->fd >= 0) (void)shutdown(c->fd, SHUT_RDWR);
    }
    (void)pthread_mutex_unlock(&h->lock);
}

static void __attribute__((format(printf, 2, 0))) on_log(void *cls, const char *fmt, va_list args)
{
    struct sedge_http *h = cls;
    char line[SEDGE_ERR_MSG_MAX];

    (void)vsnprintf(line, sizeof(line), fmt, args);
    line[strcspn(line, "\n")] = 0;
    sedge_log(SEDGE_DEBUG, "http", h->name, "%s", line);
}

/* The path as it came: http_target.h decodes it. */
static size_t keep_escapes(void *cls, struct MHD_Connection *mc, char *s)
{
    (void)cls;
    (void)mc;
    return strlen(s);
}

static int bind_socket(const struct sedge_http_options *o, struct sedge_err *err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t n = strlen(o->socket);
    int fd;

    if (n >= sizeof(a.sun_path))
        return sedge_err_set(err, SEDGE_E_LIMIT, "socket %s: a path may have %zu characters; choose a shorter one",
                             o->socket, sizeof(a.sun_path) - 1);
    memcpy(a.sun_path, o->socket, n);
    (void)unlink(o->socket); /* of a server that was killed */
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&a, sizeof(a)) == 0 && chmod(o->socket, 0666) == 0 &&
        listen(fd, BACKLOG) == 0)
        return fd;
    (void)sedge_err_sys(err, errno, "socket %s", o->socket);
    if (fd >= 0) (void)close(fd);
    return -1;
}

static socklen_t address_of(const struct sedge_http_options *o, struct sockaddr_storage *out)
{
    struct sockaddr_in *four = (struct sockaddr_in *)out;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;

    *out = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, o->address, &four->sin_addr) == 1) {
        four->sin_family = AF_INET;
        four->sin_port = htons((uint16_t)o->port);
        return sizeof(*four);
    }
    if (o->address[0] && inet_pton(AF_INET6, o->address, &six->sin6_addr) != 1) return 0;
    six->sin6_family = AF_INET6; /* "" : every address, also of IPv4 */
    six->sin6_port = htons((uint16_t)o->port);
    return sizeof(*six);
}

static int bind_port(struct sedge_http *h, struct sedge_err *err)
{
    const struct sedge_http_options *o = &h->o;
    struct sockaddr_storage a;
    socklen_t n = address_of(o, &a);
    int one = 1, zero = 0, fd;

    if (n == 0) return sedge_err_set(err, SEDGE_E_INVALID, "%s: \"%s\" is not an IP address", o->name, o->address);
    fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return sedge_err_sys(err, errno, "%s", o->name);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (a.ss_family == AF_INET6) (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
    if (bind(fd, (const struct sockaddr *)&a, n) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &n) != 0) {
        (void)sedge_err_sys(err, errno, "%s: port %d of %s", o->name, o->port,
                            o->address[0] ? o->address : "every address");
        (void)close(fd);
        return -1;
    }
    h->port =
        ntohs(a.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&a)->sin6_port : ((struct sockaddr_in *)&a)->sin_port);
    return fd;
}

static int open_contexts(struct sedge_http *h, struct sedge_err *err)
{
    h->contexts = sedge_xcalloc(h->o.threads, sizeof(*h->contexts));
    h->taken = sedge_xcalloc(h->o.threads, sizeof(*h->taken));
    while (h->ncontexts < h->o.threads) {
        if (sedge_cloud_open(&h->contexts[h->ncontexts++], h->dir, err) != 0) return -1;
    }
    return 0;
}

static int start_daemon(struct sedge_http *h, int fd, struct sedge_err *err)
{
    const struct sedge_http_tls *tls = h->o.tls;
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_ERROR_LOG | (tls ? MHD_USE_TLS : 0);
    struct MHD_OptionItem more[8];
    size_t n = 0;

    if (tls) {
        more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, sedge_http_unconst(tls->key)};
        more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, sedge_http_unconst(tls->cert)};
        more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, sedge_http_unconst(PRIORITIES)};
        more[n++] =
            (struct MHD_OptionItem){MHD_OPTION_TLS_NO_ALPN, 1, NULL}; /* devices of AWS offer a name of theirs */
        if (tls->client_ca)
            more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0, sedge_http_unconst(tls->client_ca)};
    }
    if (h->o.threads > 1)
        more[n++] = (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)h->o.threads, NULL};
    more[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    h->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, sedge_http_on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_log, h, MHD_OPTION_LISTEN_SOCKET,
        fd, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_URI_LOG_CALLBACK, sedge_http_on_target, h,
        MHD_OPTION_NOTIFY_COMPLETED, sedge_http_on_completed, h, MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)SEDGE_HTTP_CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        (unsigned)(h->socket ? 0 : SEDGE_HTTP_ADDRESS_MAX), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)SEDGE_HTTP_MEMORY_MAX, MHD_OPTION_CONNECTION_TIMEOUT, h->o.idle_s, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
        MHD_OPTION_ARRAY, more, MHD_OPTION_END);
    if (h->daemon) return 0;
    return sedge_err_set(err, SEDGE_E_INVALID, "%s: the HTTP server does not start%s", h->name,
                         tls ? "; are its key and certificate in order?" : "");
}

struct sedge_http *sedge_http_start(const struct sedge_http_options *o, struct sedge_err *err)
{
    struct sedge_http *h = SEDGE_NEW(struct sedge_http);
    int fd = -1;

    (void)signal(SIGPIPE, SIG_IGN);
    h->o = *o;
    h->name = sedge_xstrdup(o->name);
    h->dir = sedge_xstrdup(o->dir);
    h->socket = sedge_xstrdup(o->socket);
    h->asks_certificates = o->tls && o->tls->client_ca;
    h->o.threads = o->threads ? o->threads : 1;
    h->o.body_max = o->body_max ? o->body_max : SEDGE_HTTP_BODY_MAX;
    h->o.idle_s = o->idle_s ? o->idle_s : SEDGE_HTTP_IDLE_S;
    h->o.request_s = o->request_s ? o->request_s : SEDGE_HTTP_REQUEST_S;
    (void)pthread_mutex_init(&h->lock, NULL);
    if (open_contexts(h, err) == 0) {
        fd = o->socket ? bind_socket(o, err) : bind_port(h, err);
        if (fd >= 0 && start_daemon(h, fd, err) == 0) return h;
    }
    if (fd >= 0) (void)close(fd);
    sedge_http_stop(h);
    return NULL;
}

void sedge_http_stop(struct sedge_http *h)
{
    if (!h) return;
    if (h->daemon) MHD_stop_daemon(h->daemon);
    if (h->daemon && h->socket) (void)unlink(h->socket);
    for (unsigned i = 0; i < h->ncontexts; i++)
        sedge_cloud_close(&h->contexts[i]);
    free(h->contexts);
    free(h->taken);
    free(h->name);
    free(h->dir);
    free(h->socket);
    (void)pthread_mutex_destroy(&h->lock);
    free(h);
}

int sedge_http_port(const struct sedge_http *h)
{
    return h->port;
}
