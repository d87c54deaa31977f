#include "stream.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

enum stream_state { AWAITS_ANSWER, STREAMING, OVER };

struct sedge_ipc_stream {
    unsigned refs;
    enum stream_state state;
    int32_t id;
    struct sedge_client *client; /* NULL when over */
    struct sedge_ident *ident;
    void *user;
    struct sedge_ipc_stream *next_slot;
    struct sedge_ipc_stream *prev, *next;
    struct sedge_out *held, *held_tail; /* events before the response */
    size_t held_bytes, held_frames;
    char operation[];
};

#define SLOTS_MIN 16u
#define COPY_MAX  512u /* bytes of a payload that are copied for each reader: cheaper than to share them */

/* ---- identity ---- */

struct sedge_ident *sedge_ident_new(const char *name, const struct sedge_ipc_peer *peer)
{
    size_t n = strlen(name) + 1;
    struct sedge_ident *id = sedge_xcalloc(1, sizeof *id + n);

    id->refs = 1;
    id->peer = *peer;
    memcpy(id->name, name, n);
    return id;
}

void sedge_ident_unref(struct sedge_ident *id)
{
    if (id && --id->refs == 0) free(id);
}

/* ---- table ---- */

static size_t slot_of(const struct sedge_streams *t, int32_t id)
{
    return (size_t)(uint32_t)id & (t->nslots - 1); /* ids count upwards: they spread by themselves */
}

static void grow(struct sedge_streams *t)
{
    free(t->slots);
    t->nslots = t->nslots ? t->nslots * 2 : SLOTS_MIN;
    t->slots = sedge_xcalloc(t->nslots, sizeof(struct sedge_ipc_stream *));
    for (struct sedge_ipc_stream *s = t->first; s; s = s->next) {
        size_t i = slot_of(t, s->id);

        s->next_slot = t->slots[i];
        t->slots[i] = s;
    }
}

static void insert(struct sedge_client *cl, struct sedge_ipc_stream *s)
{
    struct sedge_streams *t = &cl->streams;
    size_t i;

    if (t->n >= t->nslots) grow(t);
    i = slot_of(t, s->id);
    s->next_slot = t->slots[i];
    t->slots[i] = s;
    s->next = t->first;
    if (t->first) t->first->prev = s;
    t->first = s;
    t->n++;
    cl->srv->nstreams++;
}

struct sedge_ipc_stream *sedge_stream_find(const struct sedge_client *cl, int32_t id)
{
    const struct sedge_streams *t = &cl->streams;
    struct sedge_ipc_stream *s = t->nslots ? t->slots[slot_of(t, id)] : NULL;

    while (s && s->id != id)
        s = s->next_slot;
    return s;
}

static void drop_held(struct sedge_ipc_stream *s)
{
    sedge_out_free_list(s->held);
    s->held = s->held_tail = NULL;
    s->held_bytes = s->held_frames = 0;
}

/* Takes the stream out of the table; the table's reference is still to be given back. */
static void detach(struct sedge_ipc_stream *s)
{
    struct sedge_client *cl = s->client;
    struct sedge_streams *t = &cl->streams;
    struct sedge_ipc_stream **p = &t->slots[slot_of(t, s->id)];

    while (*p != s)
        p = &(*p)->next_slot;
    *p = s->next_slot;
    if (s->prev)
        s->prev->next = s->next;
    else
        t->first = s->next;
    if (s->next) s->next->prev = s->prev;
    s->prev = s->next = s->next_slot = NULL;
    t->n--;
    cl->srv->nstreams--;
    s->state = OVER;
    drop_held(s);
}

/* ---- life ---- */

struct sedge_ipc_stream *sedge_ipc_stream_ref(struct sedge_ipc_stream *s)
{
    s->refs++;
    return s;
}

void sedge_ipc_stream_unref(struct sedge_ipc_stream *s)
{
    if (!s || --s->refs > 0) return;
    sedge_ident_unref(s->ident);
    free(s);
}

bool sedge_ipc_stream_alive(const struct sedge_ipc_stream *s)
{
    return s->state != OVER;
}

const char *sedge_ipc_stream_identity(const struct sedge_ipc_stream *s)
{
    return s->ident->name;
}

const char *sedge_ipc_stream_operation(const struct sedge_ipc_stream *s)
{
    return s->operation;
}

const struct sedge_ipc_peer *sedge_ipc_stream_peer(const struct sedge_ipc_stream *s)
{
    return &s->ident->peer;
}

void sedge_ipc_stream_set_user(struct sedge_ipc_stream *s, void *user)
{
    s->user = user;
}

void *sedge_ipc_stream_user(const struct sedge_ipc_stream *s)
{
    return s->user;
}

void **sedge_ipc_stream_conn_slot(struct sedge_ipc_stream *s)
{
    return s->client ? &s->client->slot : NULL;
}

/* ---- sending ---- */

static void send_shaped(struct sedge_ipc_stream *s, enum sedge_msg_type type, int32_t flags, const char *shape,
                        const char *json, size_t len)
{
    struct sedge_ipc_server *srv = s->client->srv;
    struct sedge_err err;

    sedge_buf_clear(&srv->scratch);
    if (sedge_message_application(&srv->scratch, type, flags, s->id, shape, json, len, &err)) {
        sedge_log(SEDGE_WARN, "ipc", "answer-too-large", "identity=%s operation=%s bytes=%zu", s->ident->name,
                  s->operation, len);
        return;
    }
    sedge_conn_send_take(&s->client->conn, sedge_out_new(srv->scratch.data, srv->scratch.len, NULL, NULL), false);
    if (srv->scratch.cap > SEDGE_FRAME_KEEP_BYTES) sedge_buf_release(&srv->scratch);
}

/* Texts that repeat a long topic or name of the request are cut: the error has to fit what clients can receive. */
static char *bounded(const char *message)
{
    size_t n = strlen(message);

    if (n <= SEDGE_IPC_ERROR_TEXT_MAX) return sedge_xstrdup(message);
    n = sedge_utf8_prefix(message, SEDGE_IPC_ERROR_TEXT_MAX);
    return sedge_xasprintf("%.*s...", (int)n, message);
}

/* A frame of the stream in one piece. */
static struct sedge_out *whole(const struct sedge_ipc_stream *s, const struct sedge_head *h, const char *payload)
{
    uint8_t *data;
    struct sedge_out *o = sedge_out_whole(h->frame_len, &data);

    sedge_head_frame(h, s->id, payload, data);
    return o;
}

static void send_error(struct sedge_ipc_stream *s, const char *name, const char *message, const char *extras)
{
    sedge_auto_buf struct sedge_buf json = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf shape = SEDGE_BUF_INIT;
    sedge_auto_free char *text = bounded(message ? message : "");

    if (extras && strlen(extras) > SEDGE_FRAME_MAX / 2) extras = NULL;
    sedge_buf_printf(&shape, SEDGE_IPC_NAMESPACE "%s", name);
    sedge_message_error_json(&json, name, text, extras);
    send_shaped(s, SEDGE_MSG_ERROR, SEDGE_MSG_TERMINATE, shape.data, json.data, json.len);
}

/* The stream ends by the handler's own answer: no callback. */
static void done(struct sedge_ipc_stream *s)
{
    detach(s);
    s->client = NULL;
    sedge_ipc_stream_unref(s);
}

static int too_large(struct sedge_ipc_stream *s, size_t len)
{
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;

    sedge_buf_printf(&text, "The answer of %zu bytes does not fit a frame of %u bytes", len, SEDGE_FRAME_MAX);
    return sedge_ipc_error(s, "ServiceError", text.data, NULL);
}

static void send_response(struct sedge_ipc_stream *s, int32_t flags, const char *json, size_t len)
{
    sedge_auto_buf struct sedge_buf shape = SEDGE_BUF_INIT;

    if (len <= COPY_MAX && sedge_head_set(&s->client->srv->answer, flags, s->operation, "Response", len, NULL) == 0) {
        sedge_conn_send_take(&s->client->conn, whole(s, &s->client->srv->answer, json), false);
        return;
    }
    sedge_buf_printf(&shape, "%sResponse", s->operation);
    send_shaped(s, SEDGE_MSG_APPLICATION, flags, shape.data, json, len);
}

int sedge_ipc_respond_n(struct sedge_ipc_stream *s, const char *json, size_t len)
{
    if (s->state != AWAITS_ANSWER) return -1;
    if (len > SEDGE_FRAME_MAX - 2 * SEDGE_IPC_OPERATION_MAX) return too_large(s, len);
    send_response(s, SEDGE_MSG_TERMINATE, len ? json : "{}", len ? len : 2);
    done(s);
    return 0;
}

int sedge_ipc_respond(struct sedge_ipc_stream *s, const char *json)
{
    return sedge_ipc_respond_n(s, json, json ? strlen(json) : 0);
}

int sedge_ipc_accept_stream(struct sedge_ipc_stream *s, const char *json)
{
    struct sedge_out *o;
    size_t len = json ? strlen(json) : 0;

    if (s->state != AWAITS_ANSWER) return -1;
    if (len > SEDGE_FRAME_MAX - 2 * SEDGE_IPC_OPERATION_MAX) return too_large(s, len);
    s->state = STREAMING;
    send_response(s, 0, len ? json : "{}", len ? len : 2);
    o = s->held;
    s->held = NULL;
    drop_held(s);
    while (o) {
        struct sedge_out *next = sedge_out_next_cut(o);

        sedge_conn_send_take(&s->client->conn, o, true);
        o = next;
    }
    return 0;
}

static struct sedge_out *short_event(struct sedge_ipc_stream *s, const char *shape, const struct sedge_payload *p)
{
    struct sedge_head *head = &s->client->srv->event;

    if (sedge_head_set(head, 0, shape, "", p->len, NULL)) return NULL;
    return whole(s, head, p->data);
}

/* The subscribers share the payload. */
static struct sedge_out *long_event(struct sedge_ipc_stream *s, const char *shape, struct sedge_payload *p)
{
    struct sedge_buf *head = &s->client->srv->scratch;
    uint8_t trailer[4];

    sedge_buf_clear(head);
    if (sedge_message_head(head, SEDGE_MSG_APPLICATION, 0, s->id, shape, p, trailer, NULL)) {
        sedge_log(SEDGE_WARN, "ipc", "event-dropped", "identity=%s bytes=%zu reason=too-large", s->ident->name, p->len);
        return NULL;
    }
    return sedge_out_new(head->data, head->len, p, trailer);
}

int sedge_ipc_event(struct sedge_ipc_stream *s, const char *shape, struct sedge_payload *p)
{
    struct sedge_out *o;

    if (s->state == OVER) return -1;
    if (!sedge_conn_room(&s->client->conn, s->held_bytes, s->held_frames, s->ident->name)) return 1;
    o = p->len <= COPY_MAX ? short_event(s, shape, p) : NULL;
    if (!o) o = long_event(s, shape, p);
    if (!o) return 1;
    if (s->state == STREAMING) {
        sedge_conn_send_take(&s->client->conn, o, true);
        return 0;
    }
    s->held_tail = sedge_out_chain(s->held_tail, o);
    if (!s->held) s->held = o;
    s->held_bytes += sedge_out_bytes(o);
    s->held_frames++;
    return 0;
}

int sedge_ipc_event_json(struct sedge_ipc_stream *s, const char *shape, const char *json)
{
    struct sedge_payload *p;
    int rc;

    if (s->state == OVER) return -1;
    p = sedge_payload_copy(json, strlen(json));
    rc = sedge_ipc_event(s, shape, p);
    sedge_payload_unref(p);
    return rc;
}

int sedge_ipc_error(struct sedge_ipc_stream *s, const char *name, const char *message, const char *extras_json)
{
    if (s->state == OVER) return -1;
    send_error(s, name, message, extras_json);
    done(s);
    return 0;
}

/* ---- opened and ended by the client ---- */

void sedge_stream_end(struct sedge_ipc_stream *s, const char *error)
{
    struct sedge_client *cl = s->client;
    struct sedge_ipc_server *srv = cl->srv;

    if (error) send_error(s, "ServiceError", error, NULL);
    detach(s);
    if (srv->cbs.on_stream_closed) srv->cbs.on_stream_closed(s, srv->user);
    s->client = NULL;
    sedge_ipc_stream_unref(s);
}

void sedge_streams_end_all(struct sedge_client *cl, const char *pending_error, const char *streaming_error)
{
    while (cl->streams.first)
        sedge_stream_end(cl->streams.first,
                         cl->streams.first->state == AWAITS_ANSWER ? pending_error : streaming_error);
}

static struct sedge_ipc_stream *stream_new(struct sedge_client *cl, const struct sedge_message *m)
{
    size_t n = m->operation.len;
    struct sedge_ipc_stream *s;

    if (n > SEDGE_IPC_OPERATION_MAX) n = SEDGE_IPC_OPERATION_MAX;
    s = sedge_xcalloc(1, sizeof *s + n + 1);
    s->refs = 1;
    s->id = m->stream_id;
    s->client = cl;
    s->ident = cl->ident;
    s->ident->refs++;
    memcpy(s->operation, m->operation.p, n);
    insert(cl, s);
    return s;
}

/* Whether the server itself has to refuse: sends the error and is done with the stream then. */
static bool refused(struct sedge_ipc_stream *s, const struct sedge_message *m)
{
    const struct sedge_ipc_server *srv = s->client->srv;
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;

    if (m->frame->oversize)
        sedge_buf_printf(&text, "The request of %zu bytes exceeds the limit of %zu bytes", m->frame->payload_len,
                         srv->opt.frame_limit_bytes);
    else if (s->client->streams.n > srv->opt.streams_max)
        sedge_buf_printf(&text, "More than %u calls and subscriptions are open on this connection",
                         srv->opt.streams_max);
    else if (srv->nstreams > srv->opt.total_streams_max)
        sedge_buf_printf(&text, "More than %u calls and subscriptions are open", srv->opt.total_streams_max);
    else if (m->operation.len > SEDGE_IPC_OPERATION_MAX || memchr(m->operation.p, 0, m->operation.len))
        sedge_buf_printf(&text, "The operation name of %zu bytes is not supported", m->operation.len);
    else
        return false;
    sedge_log(SEDGE_WARN, "ipc", "request-refused", "identity=%s operation=%s reason=%s", s->ident->name, s->operation,
              text.data);
    (void)sedge_ipc_error(s, "ServiceError", text.data, NULL);
    return true;
}

void sedge_stream_open(struct sedge_client *cl, const struct sedge_message *m)
{
    struct sedge_ipc_server *srv = cl->srv;
    struct sedge_ipc_stream *s = stream_new(cl, m);
    bool empty = m->frame->payload_len == 0;

    if (refused(s, m)) return;
    sedge_ipc_stream_ref(s);
    srv->cbs.on_request(s, s->operation, empty ? "{}" : (const char *)m->frame->payload,
                        empty ? 2 : m->frame->payload_len, srv->user);
    sedge_ipc_stream_unref(s);
}
