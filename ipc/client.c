#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <poll.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#define READ_BYTES 65536u

/* ---- errors ---- */

const char *sedge_ipc_code_name(int code)
{
    static const char *const names[] = {"ok",      "argument", "connect",  "refused", "remote",
                                        "timeout", "closed",   "protocol", "limit",   "system"};

    return code >= 0 && (size_t)code < SEDGE_ARRAY_LEN(names) ? names[code] : "unknown";
}

int sedge_ipc_fail(struct sedge_ipc_err *err, int code, const char *fmt, ...)
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

static int fail_from(struct sedge_ipc_err *err, const struct sedge_err *e)
{
    return sedge_ipc_fail(err, e->code == SEDGE_E_LIMIT ? SEDGE_IPC_E_LIMIT : SEDGE_IPC_E_ARGUMENT, "%s", e->msg);
}

static void copy_text(char *out, size_t cap, const char *s, size_t n)
{
    if (n >= cap) n = cap - 1;
    memcpy(out, s, n);
    out[n] = 0;
}

/* The error of a type 1 frame: name from the shape, else from the payload. */
static void remote_error(struct sedge_ipc_err *err, const struct sedge_message *m)
{
    sedge_auto_put struct json_object *o =
        sedge_json_parse_object((const char *)m->frame->payload, m->frame->payload_len, "error", NULL);
    struct sedge_text shape = m->service_model_type;
    const char *hash = shape.p ? memchr(shape.p, '#', shape.len) : NULL;
    const char *message = sedge_json_str(o, "message", sedge_json_str(o, "_message", ""));
    const char *name = sedge_json_str(o, "_errorCode", "ServiceError");

    *err = (struct sedge_ipc_err){.code = SEDGE_IPC_E_REMOTE};
    if (hash)
        copy_text(err->name, sizeof err->name, hash + 1, shape.len - (size_t)(hash + 1 - shape.p));
    else
        copy_text(err->name, sizeof err->name, name, strlen(name));
    copy_text(err->message, sizeof err->message, message, strlen(message));
}

/* ---- calls ---- */

static struct sedge_call *call_find(struct sedge_ipc_client *c, int32_t id)
{
    struct sedge_call *k = c->calls;

    while (k && k->id != id)
        k = k->next;
    return k;
}

static void call_free(struct sedge_ipc_client *c, struct sedge_call *k)
{
    struct sedge_call **p = &c->calls;

    while (*p && *p != k)
        p = &(*p)->next;
    if (*p) *p = k->next;
    free(k->text);
    free(k);
}

/* ---- what waits for dispatch ---- */

static struct sedge_item *item_pop(struct sedge_ipc_client *c)
{
    struct sedge_item *i = c->first;

    if (!i) return NULL;
    c->first = i->next;
    if (!c->first) c->last = &c->first;
    if (i->kind == SEDGE_ITEM_EVENT) {
        c->kept_events--;
        c->kept_bytes -= i->size;
    }
    return i;
}

static void item_free(struct sedge_item *i)
{
    free(i->text);
    free(i);
}

/* Takes items out: those of stream `id`, or (id 0) the oldest event only. */
static void items_remove(struct sedge_ipc_client *c, int32_t id)
{
    struct sedge_item **p = &c->first;

    while (*p) {
        struct sedge_item *i = *p;

        if (id ? i->id != id : i->kind != SEDGE_ITEM_EVENT) {
            p = &i->next;
            continue;
        }
        *p = i->next;
        if (c->last == &i->next) c->last = p;
        if (i->kind == SEDGE_ITEM_EVENT) {
            c->kept_events--;
            c->kept_bytes -= i->size;
        }
        item_free(i);
        if (id == 0) return;
    }
}

static struct sedge_item *item_add(struct sedge_ipc_client *c, enum sedge_item_kind kind, int32_t id, const char *text,
                                   size_t size)
{
    struct sedge_item *i = SEDGE_NEW(struct sedge_item);

    i->kind = kind;
    i->id = id;
    i->size = size;
    if (text) {
        i->text = sedge_xrealloc(NULL, size + 1, 1);
        if (size > 0) memcpy(i->text, text, size);
        i->text[size] = 0;
    }
    *c->last = i;
    c->last = &i->next;
    if (kind == SEDGE_ITEM_EVENT) {
        c->kept_events++;
        c->kept_bytes += size;
    }
    return i;
}

static void event_add(struct sedge_ipc_client *c, int32_t id, const struct sedge_frame *f)
{
    while (c->kept_events > 0 &&
           (c->kept_events >= SEDGE_IPC_KEPT_EVENTS || c->kept_bytes + f->payload_len > SEDGE_IPC_KEPT_BYTES)) {
        items_remove(c, 0);
        c->dropped++;
    }
    (void)item_add(c, SEDGE_ITEM_EVENT, id, (const char *)f->payload, f->payload_len);
}

/* ---- frames ---- */

static void answer_blocking(struct sedge_call *k, const struct sedge_message *m)
{
    const struct sedge_frame *f = m->frame;

    k->answered = true;
    if (m->type == SEDGE_MSG_ERROR) remote_error(&k->err, m);
    k->text = sedge_xrealloc(NULL, f->payload_len + 1, 1);
    if (f->payload_len > 0) memcpy(k->text, f->payload, f->payload_len);
    k->text[f->payload_len] = 0;
}

static void end_add(struct sedge_ipc_client *c, int32_t id, const struct sedge_message *m)
{
    struct sedge_item *i = item_add(c, SEDGE_ITEM_END, id, NULL, 0);

    if (m->type == SEDGE_MSG_ERROR) remote_error(&i->err, m);
}

static void subscription_frame(struct sedge_ipc_client *c, struct sedge_call *k, const struct sedge_message *m)
{
    bool last = m->flags & SEDGE_MSG_TERMINATE;

    if (!k->answered) {
        answer_blocking(k, m);
        if (last && m->type != SEDGE_MSG_ERROR) end_add(c, k->id, m);
        return;
    }
    if (m->type == SEDGE_MSG_APPLICATION && m->frame->payload_len > 0) event_add(c, k->id, m->frame);
    if (last || m->type == SEDGE_MSG_ERROR) end_add(c, k->id, m);
}

static void stream_frame(struct sedge_ipc_client *c, const struct sedge_message *m)
{
    struct sedge_call *k = call_find(c, m->stream_id);
    struct sedge_item *i;

    if (!k) return; /* an answer that came after its time */
    switch (k->kind) {
    case SEDGE_CALL_BLOCKING:
        if (!k->answered) answer_blocking(k, m);
        break;
    case SEDGE_CALL_ASYNC:
        if (k->answered) break;
        k->answered = true;
        i = item_add(c, SEDGE_ITEM_REPLY, k->id, (const char *)m->frame->payload, m->frame->payload_len);
        if (m->type == SEDGE_MSG_ERROR) remote_error(&i->err, m);
        break;
    case SEDGE_CALL_SUBSCRIPTION:
        subscription_frame(c, k, m);
        break;
    }
}

static void connection_frame(struct sedge_ipc_client *c, const struct sedge_message *m)
{
    sedge_auto_buf struct sedge_buf out = SEDGE_BUF_INIT;

    if (m->type == SEDGE_MSG_CONNECT_ACK) {
        c->acked = true;
        c->ack_flags = m->flags;
    } else if (m->type == SEDGE_MSG_PING) {
        if (sedge_message_ping_response(&out, m->frame, NULL) == 0)
            (void)send(c->fd, out.data, out.len, MSG_NOSIGNAL); /* a peer that pings reads */
    } else if (m->type == SEDGE_MSG_PROTOCOL_ERROR || m->type == SEDGE_MSG_INTERNAL_ERROR) {
        sedge_auto_put struct json_object *o =
            sedge_json_parse_object((const char *)m->frame->payload, m->frame->payload_len, "error", NULL);

        sedge_client_break(c, SEDGE_IPC_E_PROTOCOL, sedge_json_str(o, "message", "the nucleus reports a fault"));
    }
}

void sedge_client_frame(struct sedge_ipc_client *c, const struct sedge_frame *f)
{
    struct sedge_message m;
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_message_decode(f, &m, &err))
        sedge_client_break(c, SEDGE_IPC_E_PROTOCOL, err.msg);
    else if (m.stream_id == 0)
        connection_frame(c, &m);
    else if (m.type == SEDGE_MSG_APPLICATION || m.type == SEDGE_MSG_ERROR)
        stream_frame(c, &m);
}

/* The connection is over: everything that waits for it learns so. */
void sedge_client_end_all(struct sedge_ipc_client *c)
{
    for (struct sedge_call *k = c->calls; k; k = k->next) {
        if (k->kind == SEDGE_CALL_ASYNC && !k->answered) {
            k->answered = true;
            item_add(c, SEDGE_ITEM_REPLY, k->id, NULL, 0)->err = c->why;
        } else if (k->kind == SEDGE_CALL_SUBSCRIPTION && k->answered && k->err.code == SEDGE_IPC_OK) {
            item_add(c, SEDGE_ITEM_END, k->id, NULL, 0)->err = c->why;
        }
    }
}

/* ---- requests ---- */

static struct sedge_call *call_start(struct sedge_ipc_client *c, enum sedge_call_kind kind, const char *operation,
                                     const char *request, int64_t deadline, struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf out = SEDGE_BUF_INIT;
    sedge_auto_free char *full = NULL;
    struct sedge_err e = SEDGE_ERR_INIT;
    struct sedge_call *k;

    if (!operation || !*operation) {
        (void)sedge_ipc_fail(err, SEDGE_IPC_E_ARGUMENT, "no operation given");
        return NULL;
    }
    if (c->last_id == INT32_MAX) {
        (void)sedge_ipc_fail(err, SEDGE_IPC_E_LIMIT, "all call numbers of this connection are used: connect again");
        return NULL;
    }
    full = strchr(operation, '#') ? sedge_xstrdup(operation) : sedge_xasprintf(SEDGE_IPC_NAMESPACE "%s", operation);
    if (!request) request = "{}";
    if (sedge_message_request(&out, c->last_id + 1, full, request, strlen(request), &e)) {
        (void)fail_from(err, &e);
        return NULL;
    }
    k = SEDGE_NEW(struct sedge_call);
    k->kind = kind;
    k->id = ++c->last_id;
    k->next = c->calls;
    c->calls = k;
    if (sedge_client_write(c, &out, deadline, err) == 0) return k;
    items_remove(c, k->id);
    call_free(c, k);
    return NULL;
}

static void terminate(struct sedge_ipc_client *c, int32_t id)
{
    sedge_auto_buf struct sedge_buf out = SEDGE_BUF_INIT;

    if (c->broken) return;
    sedge_message_terminate(&out, id);
    (void)sedge_client_write(c, &out, sedge_client_deadline(c->timeout_ms), NULL); /* if it fails, c is broken */
}

static bool answered(struct sedge_ipc_client *c, void *arg)
{
    (void)c;
    return ((struct sedge_call *)arg)->answered;
}

/* Waits for the answer of k. On failure k is gone. */
static int await(struct sedge_ipc_client *c, struct sedge_call *k, int64_t deadline, struct sedge_ipc_err *err)
{
    if (sedge_client_wait(c, deadline, answered, k, err)) {
        int32_t id = k->id;

        call_free(c, k);
        items_remove(c, id);
        terminate(c, id);
        return -1;
    }
    return 0;
}

int sedge_ipc_call(struct sedge_ipc_client *c, const char *operation, const char *request_json, char **response_json,
                   struct sedge_ipc_err *err)
{
    int64_t deadline = sedge_client_deadline(c->timeout_ms);
    struct sedge_call *k;
    int rc;

    if (response_json) *response_json = NULL;
    k = call_start(c, SEDGE_CALL_BLOCKING, operation, request_json, deadline, err);
    if (!k || await(c, k, deadline, err)) return -1;
    rc = k->err.code == SEDGE_IPC_OK ? 0 : -1;
    if (rc && err) *err = k->err;
    if (response_json) *response_json = sedge_steal(&k->text);
    call_free(c, k);
    return rc;
}

int sedge_ipc_call_async(struct sedge_ipc_client *c, const char *operation, const char *request_json,
                         sedge_ipc_reply_cb on_reply, void *user, struct sedge_ipc_err *err)
{
    struct sedge_call *k =
        call_start(c, SEDGE_CALL_ASYNC, operation, request_json, sedge_client_deadline(c->timeout_ms), err);

    if (!k) return -1;
    k->on_reply = on_reply;
    k->user = user;
    return 0;
}

int sedge_ipc_subscribe_as(struct sedge_ipc_client *c, const char *operation, const char *request,
                           sedge_event_adapter adapter, void (*callback)(void), sedge_ipc_end_cb on_end, void *user,
                           sedge_ipc_sub_t *sub, struct sedge_ipc_err *err)
{
    int64_t deadline = sedge_client_deadline(c->timeout_ms);
    struct sedge_call *k = call_start(c, SEDGE_CALL_SUBSCRIPTION, operation, request, deadline, err);

    if (!k) return -1;
    k->adapter = adapter;
    k->callback = callback;
    k->on_end = on_end;
    k->user = user;
    if (await(c, k, deadline, err)) return -1;
    if (k->err.code != SEDGE_IPC_OK) {
        if (err) *err = k->err;
        call_free(c, k);
        return -1;
    }
    if (sub) *sub = k->id;
    return 0;
}

static void raw_event(void (*callback)(void), const char *json, size_t size, void *user)
{
    ((sedge_ipc_event_cb)(void *)callback)(json, size, user);
}

int sedge_ipc_subscribe(struct sedge_ipc_client *c, const char *operation, const char *request_json,
                        sedge_ipc_event_cb on_event, sedge_ipc_end_cb on_end, void *user, sedge_ipc_sub_t *sub,
                        struct sedge_ipc_err *err)
{
    return sedge_ipc_subscribe_as(c, operation, request_json, raw_event, (void (*)(void))(void *)on_event, on_end, user,
                                  sub, err);
}

void sedge_ipc_unsubscribe(struct sedge_ipc_client *c, sedge_ipc_sub_t sub)
{
    struct sedge_call *k = call_find(c, sub);

    if (!k || k->kind != SEDGE_CALL_SUBSCRIPTION) return;
    call_free(c, k);
    items_remove(c, sub);
    terminate(c, sub);
    sedge_client_wake(c);
}

/* ---- dispatch ---- */

static void deliver(struct sedge_ipc_client *c, struct sedge_item *i)
{
    struct sedge_call *k = call_find(c, i->id);
    struct sedge_call copy;

    if (!k) return;
    copy = *k;
    if (i->kind != SEDGE_ITEM_EVENT) call_free(c, k);
    switch (i->kind) { /* the callback may end the subscription: only the copy is used */
    case SEDGE_ITEM_EVENT:
        copy.adapter(copy.callback, i->text, i->size, copy.user);
        break;
    case SEDGE_ITEM_REPLY:
        if (copy.on_reply) copy.on_reply(&i->err, i->text ? i->text : "{}", copy.user);
        break;
    case SEDGE_ITEM_END:
        if (copy.on_end) copy.on_end(&i->err, copy.user);
        break;
    }
}

static int deliver_all(struct sedge_ipc_client *c)
{
    struct sedge_item *i;
    int n = 0;
    size_t limit = 0;

    for (i = c->first; i; i = i->next)
        limit++; /* what callbacks add has to wait: an event that causes an event must not hold the caller for ever */
    while (limit-- > 0 && (i = item_pop(c)) != NULL) {
        deliver(c, i);
        item_free(i);
        n++;
    }
    return n;
}

int sedge_ipc_client_dispatch(struct sedge_ipc_client *c, int timeout_ms, struct sedge_ipc_err *err)
{
    int n;

    if (c->dispatching) return sedge_ipc_fail(err, SEDGE_IPC_E_ARGUMENT, "dispatch was called from a callback");
    if (!c->broken) {
        if (!c->first && sedge_client_poll(c, POLLIN, sedge_client_deadline(timeout_ms)) < 0)
            return sedge_ipc_fail(err, SEDGE_IPC_E_SYSTEM, "poll: %s", strerror(errno));
        sedge_client_read(c);
    }
    c->dispatching = true;
    n = deliver_all(c);
    c->dispatching = false;
    sedge_client_wake(c);
    if (!c->broken || c->first) return n;
    if (err) *err = c->why;
    return -1;
}

int sedge_ipc_client_fd(const struct sedge_ipc_client *c)
{
    return c->epoll_fd;
}

unsigned long long sedge_ipc_client_dropped(const struct sedge_ipc_client *c)
{
    return c->dropped;
}

void sedge_ipc_set_timeout(struct sedge_ipc_client *c, int timeout_ms)
{
    c->timeout_ms = timeout_ms == 0 ? SEDGE_IPC_DEFAULT_TIMEOUT : timeout_ms;
}

void sedge_ipc_free(void *p)
{
    free(p);
}

/* ---- connecting ---- */

/* A path that is too long for an address goes by way of its folder, held open in *folder (-1: none needed). */
static int address(const char *path, struct sockaddr_un *a, int *folder, struct sedge_ipc_err *err)
{
    sedge_auto_free char *dir = sedge_xstrdup(path);
    char *slash = strrchr(dir, '/');
    size_t n = strlen(path);
    int len;

    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    *folder = -1;
    if (n > 0 && n < sizeof a->sun_path) {
        memcpy(a->sun_path, path, n + 1);
        return 0;
    }
    if (slash) *slash = '\0';
    if (slash) *folder = open(*dir ? dir : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    len = *folder >= 0 ? snprintf(a->sun_path, sizeof a->sun_path, "/proc/self/fd/%d/%s", *folder, slash + 1) : -1;
    if (len > 0 && (size_t)len < sizeof a->sun_path) return 0;
    return sedge_ipc_fail(err, SEDGE_IPC_E_ARGUMENT,
                          "socket path \"%s\": expected at most %zu bytes, or a short name in a folder that is there",
                          path, sizeof a->sun_path - 1);
}

static int watch_add(int epoll_fd, int fd)
{
    struct epoll_event ev = {.events = EPOLLIN};

    return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev);
}

static int open_fds(struct sedge_ipc_client *c, struct sedge_ipc_err *err)
{
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->fd < 0 || c->epoll_fd < 0 || c->wake_fd < 0 || watch_add(c->epoll_fd, c->fd) ||
        watch_add(c->epoll_fd, c->wake_fd))
        return sedge_ipc_fail(err, SEDGE_IPC_E_SYSTEM, "no descriptors for a connection: %s", strerror(errno));
    return 0;
}

static bool acked(struct sedge_ipc_client *c, void *arg)
{
    (void)arg;
    return c->acked;
}

static int handshake(struct sedge_ipc_client *c, const char *token, struct sedge_ipc_err *err)
{
    sedge_auto_buf struct sedge_buf out = SEDGE_BUF_INIT;
    int64_t deadline = sedge_client_deadline(c->timeout_ms);
    struct sedge_err e = SEDGE_ERR_INIT;

    if (sedge_message_connect(&out, token, &e)) return fail_from(err, &e);
    if (sedge_client_write(c, &out, deadline, err) || sedge_client_wait(c, deadline, acked, NULL, err)) return -1;
    if (c->ack_flags & SEDGE_MSG_ACCEPTED) return 0;
    return sedge_ipc_fail(err, SEDGE_IPC_E_REFUSED,
                          "the nucleus does not accept the token: it belongs to another start of the component, or to "
                          "another nucleus");
}

static struct sedge_ipc_client *client_new(int timeout_ms)
{
    struct sedge_ipc_client *c = SEDGE_NEW(struct sedge_ipc_client);

    c->fd = c->epoll_fd = c->wake_fd = -1;
    c->last = &c->first;
    c->read_buf = sedge_xrealloc(NULL, READ_BYTES, 1);
    sedge_ipc_set_timeout(c, timeout_ms);
    sedge_frame_in_init(&c->in, SEDGE_FRAME_MAX);
    return c;
}

struct sedge_ipc_client *sedge_ipc_connect(const struct sedge_ipc_options *options, struct sedge_ipc_err *err)
{
    const char *path = options && options->socket_path ? options->socket_path : getenv(SEDGE_IPC_ENV_SOCKET);
    const char *token = options && options->token ? options->token : getenv(SEDGE_IPC_ENV_TOKEN);
    sedge_auto_close int folder = -1;
    struct sedge_ipc_client *c;
    struct sockaddr_un a;

    if (err) *err = (struct sedge_ipc_err){.code = SEDGE_IPC_OK};
    if (!path || !token) {
        (void)sedge_ipc_fail(err, SEDGE_IPC_E_ARGUMENT,
                             "%s is not set: the nucleus sets it for its components; give it by hand elsewhere",
                             path ? SEDGE_IPC_ENV_TOKEN : SEDGE_IPC_ENV_SOCKET);
        return NULL;
    }
    if (address(path, &a, &folder, err)) return NULL;
    c = client_new(options ? options->timeout_ms : 0);
    if (open_fds(c, err) == 0) {
        if (connect(c->fd, (const struct sockaddr *)&a, sizeof a) < 0)
            (void)sedge_ipc_fail(err, SEDGE_IPC_E_CONNECT, "nobody answers on %s: %s", path, strerror(errno));
        else if (handshake(c, token, err) == 0)
            return c;
    }
    sedge_ipc_disconnect(c);
    return NULL;
}

void sedge_ipc_disconnect(struct sedge_ipc_client *c)
{
    struct sedge_item *i;

    if (!c) return;
    sedge_assert(!c->dispatching);
    while ((i = item_pop(c)) != NULL)
        item_free(i);
    while (c->calls)
        call_free(c, c->calls);
    if (c->fd >= 0) (void)close(c->fd);
    if (c->epoll_fd >= 0) (void)close(c->epoll_fd);
    if (c->wake_fd >= 0) (void)close(c->wake_fd);
    sedge_frame_in_release(&c->in);
    free(c->read_buf);
    free(c);
}
