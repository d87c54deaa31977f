/*
 * ipc_load - the programs behind tests/bench/ipc.py.
 *
 *   ipc_load relay PATH SUBS                    the floor: copies what the last of SUBS + 1 connections sends to the
 * others ipc_load latency PUB SUB SUBS OP COUNT      one message at a time: p50, p99 until all subscribers have it, and
 * until it is answered ipc_load flood PUB SUB SUBS OP COUNT        100 in flight: messages in a second ipc_load hold
 * PUB CONNECTIONS TOPIC         two subscriptions on each connection: to TOPIC, and to one of its own (TOPIC -: both
 * its own); reads and forgets until it is killed
 *
 * PUB and SUB are addresses of ipc_peer.h. OP: publish, iotcore0, iotcore1, config. One line of JSON on standard
 * output. One thread for publisher and subscribers: one clock, and no wake-ups between them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "ipc_peer.h"

#define TOPIC       "bench/a"
#define IN_FLIGHT   100u
#define WARM_UP     2000u
#define PAUSE_US    12000u /* with the cloud: the session sends 100 in a second */
#define SUBS_MAX    64u
#define RELAY_BYTES (256u << 10)

struct load {
    struct peer pub, subs[SUBS_MAX];
    unsigned nsubs;
    bool answers; /* the publisher is answered */
    struct request request;
};

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static enum kind kind_of(const char *name)
{
    static const char *const names[] = {"publish", "iotcore0", "iotcore1", "config"};

    for (unsigned i = 0; i < 4; i++)
        if (strcmp(name, names[i]) == 0) return (enum kind)i;
    die("%s: publish, iotcore0, iotcore1 or config expected", name);
}

static void open_load(struct load *l, char **argv)
{
    *l = (struct load){.nsubs = (unsigned)strtoul(argv[2], NULL, 10)};
    if (l->nsubs > SUBS_MAX) die("more than %u subscribers", SUBS_MAX);
    for (unsigned i = 0; i < l->nsubs; i++) {
        peer_open(&l->subs[i], argv[1]);
        peer_subscribe(&l->subs[i], TOPIC);
    }
    peer_open(&l->pub, argv[0]);
    l->answers = l->pub.proto == SEDGE;
    request_make(&l->request, &l->pub, kind_of(argv[3]), TOPIC);
}

/* ---- one at a time ---- */

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void print_times(const char *name, uint64_t *ns, size_t n)
{
    size_t p50 = n / 2, p99 = n - 1 - n / 100;

    qsort(ns, n, sizeof *ns, by_value);
    (void)printf("\"%s_p50\":%.2f,\"%s_p99\":%.2f,\"%s_max\":%.1f,", name, (double)ns[p50] / 1e3, name,
                 (double)ns[p99] / 1e3, name, (double)ns[n - 1] / 1e3);
}

static void latency(struct load *l, uint64_t count)
{
    uint64_t *delivery = calloc(count, sizeof *delivery);
    uint64_t *answer = calloc(count, sizeof *answer);
    bool cloud = l->request.kind == IOTCORE_0 || l->request.kind == IOTCORE_1;
    uint64_t warm_up = cloud ? 5 : WARM_UP;

    if (!delivery || !answer) die("no memory");
    for (uint64_t i = 0; i < count + warm_up; i++) {
        uint64_t at = i < warm_up ? 0 : i - warm_up;
        uint64_t began = now_ns();

        request_add(&l->request, &l->pub, i);
        peer_send(&l->pub);
        for (unsigned s = 0; s < l->nsubs; s++)
            while (l->subs[s].deliveries <= i)
                peer_read(&l->subs[s], true);
        delivery[at] = now_ns() - began;
        while (l->answers && l->pub.answers <= i)
            peer_read(&l->pub, true);
        answer[at] = now_ns() - began;
        if (cloud) (void)usleep(PAUSE_US);
    }
    (void)putchar('{');
    if (l->nsubs > 0) print_times("delivery", delivery, count);
    if (l->answers) print_times("answer", answer, count);
    (void)printf("\"count\":%llu}\n", (unsigned long long)count);
    free(delivery);
    free(answer);
}

/* ---- many in flight ---- */

static uint64_t finished(const struct load *l)
{
    uint64_t n = l->answers ? l->pub.answers : UINT64_MAX;

    for (unsigned i = 0; i < l->nsubs; i++)
        if (l->subs[i].deliveries < n) n = l->subs[i].deliveries;
    return n;
}

static void watch(int poll, struct peer *p)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = p};

    if (epoll_ctl(poll, EPOLL_CTL_ADD, p->fd, &e) < 0) die("epoll: %s", strerror(errno));
}

static void flood(struct load *l, uint64_t count)
{
    struct epoll_event events[SUBS_MAX + 1];
    int poll = epoll_create1(EPOLL_CLOEXEC);
    uint64_t began = now_ns();
    uint64_t sent = 0;
    double seconds;

    watch(poll, &l->pub);
    for (unsigned i = 0; i < l->nsubs; i++)
        watch(poll, &l->subs[i]);
    for (uint64_t done = 0; done < count; done = finished(l)) {
        int n;

        while (sent < count && sent - done < IN_FLIGHT)
            request_add(&l->request, &l->pub, sent++);
        peer_send(&l->pub);
        n = epoll_wait(poll, events, SUBS_MAX + 1, -1);
        for (int i = 0; i < n; i++)
            peer_read(events[i].data.ptr, false);
    }
    seconds = (double)(now_ns() - began) / 1e9;
    (void)printf("{\"rate\":%.0f,\"deliveries\":%.0f,\"count\":%llu}\n", (double)count / seconds,
                 (double)count * l->nsubs / seconds, (unsigned long long)count);
    (void)close(poll);
}

/* ---- the floor ---- */

static int listen_on(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof a.sun_path) die("%s is too long", path);
    memcpy(a.sun_path, path, strlen(path));
    if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof a) < 0 || listen(fd, SUBS_MAX) < 0)
        die("%s: %s", path, strerror(errno));
    return fd;
}

static void copy(int from, const int *to, unsigned n)
{
    static char buf[RELAY_BYTES];
    ssize_t got;

    while ((got = recv(from, buf, sizeof buf, 0)) > 0)
        for (unsigned i = 0; i < n; i++)
            for (ssize_t at = 0, put = 0; at < got; at += put)
                if ((put = send(to[i], buf + at, (size_t)(got - at), MSG_NOSIGNAL)) < 0) return;
}

static void relay(const char *path, unsigned subs)
{
    int listener = listen_on(path);
    int fds[SUBS_MAX + 1];

    if (subs > SUBS_MAX) die("more than %u subscribers", SUBS_MAX);
    for (;;) {
        for (unsigned i = 0; i <= subs; i++)
            if ((fds[i] = accept(listener, NULL, NULL)) < 0) die("accept: %s", strerror(errno));
        copy(fds[subs], fds, subs);
        for (unsigned i = 0; i <= subs; i++)
            (void)close(fds[i]);
    }
}

/* ---- connections that do nothing ---- */

static void own_topic(char *out, size_t size, unsigned connection, unsigned subscription)
{
    (void)snprintf(out, size, "bench/own/%05u/%u", connection, subscription);
}

static void hold(const char *spec, unsigned n, const char *topic)
{
    static char forget[RELAY_BYTES];
    struct rlimit files = {n + 64, n + 64};
    int poll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN};
    char own[64];

    (void)setrlimit(RLIMIT_NOFILE, &files);
    for (unsigned i = 0; i < n; i++) {
        struct peer p;

        peer_open(&p, spec);
        own_topic(own, sizeof own, i, 0);
        peer_subscribe(&p, strcmp(topic, "-") == 0 ? own : topic);
        own_topic(own, sizeof own, i, 1);
        peer_subscribe(&p, own);
        free(p.in);
        e.data.fd = p.fd;
        if (epoll_ctl(poll, EPOLL_CTL_ADD, p.fd, &e) < 0) die("epoll: %s", strerror(errno));
    }
    (void)printf("{\"pid\":%d}\n", (int)getpid());
    (void)fflush(stdout);
    while (epoll_wait(poll, &e, 1, -1) >= 0 || errno == EINTR)
        if (recv(e.data.fd, forget, sizeof forget, MSG_DONTWAIT) == 0) return;
}

int main(int argc, char **argv)
{
    static struct load l;

    if (argc == 7 && (strcmp(argv[1], "latency") == 0 || strcmp(argv[1], "flood") == 0)) {
        open_load(&l, argv + 2);
        (argv[1][0] == 'l' ? latency : flood)(&l, strtoull(argv[6], NULL, 10));
        return 0;
    }
    if (argc == 4 && strcmp(argv[1], "relay") == 0) relay(argv[2], (unsigned)strtol(argv[3], NULL, 10));
    if (argc == 5 && strcmp(argv[1], "hold") == 0) {
        hold(argv[2], (unsigned)strtol(argv[3], NULL, 10), argv[4]);
        return 0;
    }
    (void)fputs("usage: ipc_load relay PATH SUBS | latency|flood PUB SUB SUBS OP COUNT | hold PUB CONNECTIONS TOPIC\n",
                stderr);
    return 100;
}
