#include "tes.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "request.h"

#define BACKLOG 16

struct connection {
    struct connection *next;
    struct sedge_tes *t;
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_write_t write;
    char text[SEDGE_TES_REQUEST_MAX + 1];
    size_t n;
    char *answer;
    bool waiting; /* for the provider */
    bool closing;
    int open; /* handles */
};

struct sedge_tes {
    uv_loop_t *loop;
    uv_tcp_t listener;
    struct sedge_tes_ops ops;
    void *env;
    struct sedge_tes_cache cache;
    struct connection *connections;
    size_t n;
    bool asking;
    bool closing, listener_open;
    void (*closed)(void *user);
    void *closed_user;
};

/* ---- connections ---- */

static void maybe_closed(struct sedge_tes *t)
{
    void (*closed)(void *user) = t->closed;
    void *user = t->closed_user;

    if (!t->closing || t->listener_open || t->connections) return;
    sedge_tes_cache_release(&t->cache);
    free(t);
    if (closed) closed(user);
}

static void handle_closed_cb(uv_handle_t *h)
{
    struct connection *c = h->data;
    struct sedge_tes *t = c->t;
    struct connection **p = &t->connections;

    if (--c->open > 0) return;
    while (*p != c)
        p = &(*p)->next;
    *p = c->next;
    t->n--;
    if (c->answer) sedge_wipe(c->answer, strlen(c->answer));
    free(c->answer);
    sedge_wipe(c->text, sizeof c->text);
    free(c);
    maybe_closed(t);
}

static void end(struct connection *c)
{
    if (c->closing) return;
    c->closing = true;
    c->waiting = false;
    uv_close((uv_handle_t *)&c->tcp, handle_closed_cb);
    uv_close((uv_handle_t *)&c->timer, handle_closed_cb);
}

static const char *words(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 403:
        return "Forbidden";
    case 405:
        return "Method Not Allowed";
    case 504:
        return "Gateway Timeout";
    default:
        return status / 100 == 4 ? "Client Error" : "Server Error";
    }
}

static void written_cb(uv_write_t *w, int status)
{
    (void)status; /* closed either way */
    end(w->data);
}

static void too_slow_cb(uv_timer_t *timer)
{
    end(timer->data);
}

static void answer(struct connection *c, int status, const char *body)
{
    uv_buf_t buf;

    c->waiting = false;
    (void)uv_read_stop((uv_stream_t *)&c->tcp);
    c->answer = sedge_xasprintf("HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
                                "Connection: close\r\n\r\n%s",
                                status, words(status), strlen(body), body);
    buf = uv_buf_init(c->answer, (unsigned)strlen(c->answer));
    c->write.data = c;
    (void)uv_timer_start(&c->timer, too_slow_cb, SEDGE_TES_REQUEST_MS, 0); /* to take the answer */
    if (uv_write(&c->write, (uv_stream_t *)&c->tcp, &buf, 1, written_cb) != 0) end(c);
}

/* ---- requests ---- */

static void silent_cb(uv_timer_t *timer)
{
    answer(timer->data, 504, "");
}

static void serve(struct connection *c)
{
    struct sedge_tes *t = c->t;
    char token[SEDGE_TES_TOKEN_MAX + 1] = "";
    int status = sedge_tes_request_read(c->text, token);

    if (status == 200 && !t->ops.allowed(t->env, token)) status = 403;
    sedge_wipe(token, sizeof token);
    if (status != 200) {
        answer(c, status, "");
        return;
    }
    if (sedge_tes_cache_valid(&t->cache, sedge_wall_ms())) {
        answer(c, t->cache.status, t->cache.body);
        return;
    }
    c->waiting = true;
    (void)uv_timer_start(&c->timer, silent_cb, SEDGE_TES_ANSWER_MS, 0);
    if (t->asking) return;
    t->asking = true;
    t->ops.ask(t->env);
}

static void alloc_cb(uv_handle_t *h, size_t hint, uv_buf_t *buf)
{
    struct connection *c = h->data;

    (void)hint;
    *buf = uv_buf_init(c->text + c->n, (unsigned)(SEDGE_TES_REQUEST_MAX - c->n));
}

static void read_cb(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct connection *c = s->data;
    size_t head;

    (void)buf;
    if (n < 0) { /* also: it is full */
        if (n == UV_ENOBUFS)
            answer(c, 400, "");
        else
            end(c);
        return;
    }
    if (c->waiting) return;
    c->n += (size_t)n;
    head = sedge_tes_request_end(c->text, c->n);
    if (head == 0) return;
    c->text[head] = '\0';
    serve(c);
}

static void connection_cb(uv_stream_t *listener, int status)
{
    struct sedge_tes *t = listener->data;
    struct connection *c;

    if (status != 0 || t->closing) return;
    c = SEDGE_NEW(struct connection);
    c->t = t;
    c->next = t->connections;
    t->connections = c;
    t->n++;
    c->open = 2;
    (void)uv_tcp_init(t->loop, &c->tcp);
    (void)uv_timer_init(t->loop, &c->timer);
    c->tcp.data = c->timer.data = c;
    if (uv_accept(listener, (uv_stream_t *)&c->tcp) != 0 || t->n > SEDGE_TES_CONNECTIONS_MAX ||
        uv_read_start((uv_stream_t *)&c->tcp, alloc_cb, read_cb) != 0) {
        end(c);
        return;
    }
    (void)uv_timer_start(&c->timer, too_slow_cb, SEDGE_TES_REQUEST_MS, 0);
}

/* ---- the provider's answer ---- */

static void tell_all(struct sedge_tes *t)
{
    struct connection *next;

    t->asking = false;
    if (t->closing) return;
    for (struct connection *c = t->connections; c; c = next) {
        next = c->next;
        if (c->waiting) answer(c, t->cache.status, t->cache.body);
    }
}

void sedge_tes_credentials(struct sedge_tes *t, const char *text)
{
    sedge_tes_cache_credentials(&t->cache, text, sedge_wall_ms());
    if (t->cache.status != 200)
        sedge_log(SEDGE_ERROR, "tes", "credentials",
                  "the provider's answer has no credentials that are valid now; "
                  "check the clock of this machine and iotCredEndpoint");
    tell_all(t);
}

void sedge_tes_failed(struct sedge_tes *t, int status, const char *body, const struct sedge_tes_pauses *pauses)
{
    sedge_tes_cache_error(&t->cache, status, body, pauses, sedge_wall_ms());
    tell_all(t);
}

void sedge_tes_forget(struct sedge_tes *t)
{
    sedge_tes_cache_release(&t->cache);
}

/* ---- public ---- */

static int listen_on(struct sedge_tes *t, int port)
{
    struct sockaddr_in a;
    int rc = uv_ip4_addr("127.0.0.1", port, &a);

    if (rc == 0) rc = uv_tcp_bind(&t->listener, (const struct sockaddr *)(const void *)&a, 0);
    return rc == 0 ? uv_listen((uv_stream_t *)&t->listener, BACKLOG, connection_cb) : rc;
}

static void listener_closed_cb(uv_handle_t *h)
{
    struct sedge_tes *t = h->data;

    t->listener_open = false;
    maybe_closed(t);
}

struct sedge_tes *sedge_tes_new(uv_loop_t *loop, int port, const struct sedge_tes_ops *ops, void *env,
                                struct sedge_err *err)
{
    struct sedge_tes *t = SEDGE_NEW(struct sedge_tes);
    int rc;

    t->loop = loop;
    t->ops = *ops;
    t->env = env;
    (void)uv_tcp_init(loop, &t->listener);
    t->listener.data = t;
    t->listener_open = true;
    rc = listen_on(t, port);
    if (rc == 0) return t;
    (void)sedge_err_set(err, SEDGE_E_CONFLICT,
                        "port %d of 127.0.0.1: %s; choose another one, or 0, for the parameter port", port,
                        uv_strerror(rc));
    sedge_tes_close(t, NULL, NULL);
    return NULL;
}

int sedge_tes_port(const struct sedge_tes *t)
{
    struct sockaddr_in a = {0};
    int n = sizeof a;

    (void)uv_tcp_getsockname(&t->listener, (struct sockaddr *)(void *)&a, &n); /* it is bound */
    return ntohs(a.sin_port);
}

void sedge_tes_close(struct sedge_tes *t, void (*closed)(void *user), void *user)
{
    if (!t || t->closing) return;
    t->closing = true;
    t->closed = closed;
    t->closed_user = user;
    for (struct connection *c = t->connections; c; c = c->next)
        end(c);
    uv_close((uv_handle_t *)&t->listener, listener_closed_cb);
}
