#include "probe.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "metrics.h"

struct sedge_probe {
    pthread_mutex_t lock;
    char *endpoint, *host, *port;
    bool up, trying;
    int64_t next_ms;
};

/* "[::1]:9000", "host", "host:80": the address's parts. */
static void split(struct sedge_probe *p)
{
    const char *start = strstr(p->endpoint, "://");
    sedge_auto_free char *rest = sedge_xstrdup(start ? start + 3 : p->endpoint);
    char *colon, *host = rest;

    rest[strcspn(rest, "/?#")] = 0;
    colon = strrchr(rest, ':');
    if (colon && strchr(colon, ']')) colon = NULL;
    p->port = sedge_xstrdup(colon ? colon + 1 : sedge_str_starts(p->endpoint, "https://") ? "443" : "80");
    if (colon) *colon = 0;
    if (host[0] == '[') {
        host++;
        host[strcspn(host, "]")] = 0;
    }
    p->host = sedge_xstrdup(host);
}

struct sedge_probe *sedge_probe_new(const char *endpoint)
{
    struct sedge_probe *p = SEDGE_NEW(struct sedge_probe);

    (void)pthread_mutex_init(&p->lock, NULL);
    p->up = true;
    p->endpoint = sedge_xstrdup(endpoint);
    if (p->endpoint) split(p);
    return p;
}

void sedge_probe_free(struct sedge_probe *p)
{
    if (!p) return;
    (void)pthread_mutex_destroy(&p->lock);
    free(p->endpoint);
    free(p->host);
    free(p->port);
    free(p);
}

static bool connects(const struct addrinfo *a)
{
    struct pollfd fd = {.fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), .events = POLLOUT};
    int failure = 0;
    socklen_t n = sizeof(failure);
    bool up;

    if (fd.fd < 0) return false;
    up = connect(fd.fd, a->ai_addr, a->ai_addrlen) == 0 ||
         (errno == EINPROGRESS && poll(&fd, 1, SEDGE_PROBE_TIMEOUT_MS) == 1 &&
          getsockopt(fd.fd, SOL_SOCKET, SO_ERROR, &failure, &n) == 0 && failure == 0);
    (void)close(fd.fd);
    return up;
}

static bool try(const struct sedge_probe *p)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    bool up = false;

    if (getaddrinfo(p->host, p->port, &hints, &list) != 0) return false;
    for (const struct addrinfo *a = list; a && !up; a = a->ai_next)
        up = connects(a);
    freeaddrinfo(list);
    return up;
}

bool sedge_probe_up(struct sedge_probe *p)
{
    bool up, mine, was;

    if (!p->endpoint) return true;
    (void)pthread_mutex_lock(&p->lock);
    was = up = p->up;
    mine = !p->trying && sedge_mono_ms() >= p->next_ms;
    p->trying |= mine;
    (void)pthread_mutex_unlock(&p->lock);
    if (!mine) return up;
    up = try(p);
    (void)pthread_mutex_lock(&p->lock);
    p->up = up;
    p->trying = false;
    p->next_ms = sedge_mono_ms() + (up ? SEDGE_PROBE_EVERY_MS : SEDGE_PROBE_TIMEOUT_MS);
    (void)pthread_mutex_unlock(&p->lock);
    if (!up) sedge_metrics_add(SEDGE_METRIC_STORE_ERRORS, 1);
    if (up != was)
        sedge_log(up ? SEDGE_INFO : SEDGE_ERROR, "http", up ? "store-up" : "store-down", "endpoint=%s", p->endpoint);
    return up;
}
