#include "client.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define READ_BYTES 65536u

/* ---- errors ---- */

const char *sedge_ipc_code_name(int code)
{
    static const char *const names[] = {"ok",     "argument", "connect", "refused", "remote",      "timeout",
                                        "closed", "protocol", "limit",   "system",  "disconnected"};

    return code >= 0 && (size_t)code < SEDGE_ARRAY_LEN(names) ? names[code] : "unknown";
}

int sedge_client_fail(struct sedge_ipc_err *err, int code, const char *fmt, ...)
{
    va_list ap;

    if (!err) return -1;
    err->code = code;
    err->name[0] = 0;
    va_start(ap, fmt);
    (void)vsnprintf(err->message, sizeof err->message, fmt, ap);
    va_end(ap);
    return -1;
}

int sedge_client_fail_from(struct sedge_ipc_err *err, const struct sedge_err *e)
{
    return sedge_client_fail(err, e->code == SEDGE_E_LIMIT ? SEDGE_IPC_E_LIMIT : SEDGE_IPC_E_ARGUMENT, "%s", e->msg);
}

/* ---- options ---- */

/* A caller that was built against an earlier header has a smaller structure: what it lacks is as if not given. */
static struct sedge_ipc_options read_options(const struct sedge_ipc_options *given)
{
    struct sedge_ipc_options o = SEDGE_IPC_OPTIONS_INIT;

    if (given) memcpy(&o, given, given->size < sizeof o ? given->size : sizeof o);
    return o;
}

static int take_addresses(struct sedge_ipc_client *c, const struct sedge_ipc_options *o, struct sedge_ipc_err *err)
{
    const char *path = o->socket_path ? o->socket_path : getenv(SEDGE_IPC_ENV_SOCKET);
    const char *token = o->token ? o->token : getenv(SEDGE_IPC_ENV_TOKEN);

    if (!path || !token)
        return sedge_client_fail(err, SEDGE_IPC_E_ARGUMENT,
                                 "%s is not set: the nucleus sets it for its components; give it by hand elsewhere",
                                 path ? SEDGE_IPC_ENV_TOKEN : SEDGE_IPC_ENV_SOCKET);
    c->path = sedge_xstrdup(path);
    c->token = sedge_xstrdup(token);
    return 0;
}

/* ---- life ---- */

static struct sedge_ipc_client *client_new(void)
{
    struct sedge_ipc_client *c = SEDGE_NEW(struct sedge_ipc_client);

    c->fd = c->epoll_fd = c->wake_fd = c->timer_fd = -1;
    c->link_ms = c->timer_ms = -1;
    c->last = &c->first;
    c->read_buf = sedge_xrealloc(NULL, READ_BYTES, 1);
    c->pause_ms = SEDGE_IPC_RECONNECT_MIN_MS;
    sedge_ipc_set_timeout(c, 0);
    sedge_frame_in_init(&c->in, SEDGE_FRAME_MAX);
    return c;
}

static int start(struct sedge_ipc_client *c, const struct sedge_ipc_options *o, struct sedge_ipc_err *err)
{
    sedge_ipc_set_timeout(c, o->timeout_ms);
    if (take_addresses(c, o, err) || sedge_client_open_fds(c, err) || sedge_client_link_open(c, err)) return -1;
    c->reconnect_ms = o->reconnect_ms > 0 ? o->reconnect_ms : 0; /* from now on: the first time has to succeed */
    c->on_state = o->on_state;
    c->user = o->user;
    return 0;
}

struct sedge_ipc_client *sedge_ipc_connect(const struct sedge_ipc_options *options, struct sedge_ipc_err *err)
{
    struct sedge_ipc_options o;
    struct sedge_ipc_client *c;

    if (err) *err = (struct sedge_ipc_err){.code = SEDGE_IPC_OK};
    if (options && options->size < sizeof options->size) {
        (void)sedge_client_fail(err, SEDGE_IPC_E_ARGUMENT, "options without their size: use SEDGE_IPC_OPTIONS_INIT");
        return NULL;
    }
    o = read_options(options);
    c = client_new();
    if (start(c, &o, err) == 0) return c;
    sedge_client_free(c);
    return NULL;
}

struct sedge_ipc_client *sedge_client_adopt(int fd, struct sedge_ipc_err *err)
{
    struct sedge_ipc_client *c = client_new();

    if (sedge_client_open_fds(c, err)) {
        sedge_client_free(c);
        return NULL;
    }
    c->fd = fd;
    sedge_client_watch(c, true);
    c->link = SEDGE_LINK_UP;
    return c;
}

static void close_fd(int fd)
{
    if (fd >= 0) (void)close(fd); /* sockets and counters: nothing to learn from the result */
}

/* Closes and nothing more: a child after a fork shares the connection with its parent. */
void sedge_client_free(struct sedge_ipc_client *c)
{
    sedge_client_drop_calls(c);
    close_fd(c->fd);
    close_fd(c->epoll_fd);
    close_fd(c->wake_fd);
    close_fd(c->timer_fd);
    sedge_frame_in_release(&c->in);
    sedge_buf_release(&c->out);
    free(c->read_buf);
    free(c->path);
    free(c->token);
    free(c->error_json);
    free(c);
}

void sedge_ipc_disconnect(struct sedge_ipc_client *c)
{
    if (!c) return;
    if (!c->dispatching) {
        sedge_client_free(c);
        return;
    }
    c->closing = true; /* dispatch frees it */
    c->reconnect_ms = 0;
    sedge_client_break(c, SEDGE_IPC_E_DISCONNECTED, "a callback has disconnected");
}

void sedge_ipc_set_timeout(struct sedge_ipc_client *c, int timeout_ms)
{
    c->timeout_ms = timeout_ms == 0 ? SEDGE_IPC_DEFAULT_TIMEOUT : timeout_ms;
}

void sedge_ipc_free(void *p)
{
    free(p);
}

int sedge_ipc_client_fd(const struct sedge_ipc_client *c)
{
    return c->epoll_fd;
}

unsigned long long sedge_ipc_client_dropped(const struct sedge_ipc_client *c)
{
    return c->dropped;
}

const char *sedge_ipc_client_error_json(const struct sedge_ipc_client *c)
{
    return c->error_json ? c->error_json : "{}";
}
