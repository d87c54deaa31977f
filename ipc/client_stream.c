/* The calls in flight and the subscriptions, and what becomes of what arrives for them. */
#include "client.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"

/* ---- the list of calls ---- */

static struct sedge_call **bucket_of(struct sedge_ipc_client *c, int32_t stream)
{
    return &c->bucket[(uint32_t)stream % SEDGE_CLIENT_BUCKETS];
}

static struct sedge_call *call_find(struct sedge_ipc_client *c, int32_t stream)
{
    struct sedge_call *k = *bucket_of(c, stream);

    while (k && k->stream != stream)
        k = k->same;
    return k;
}

void sedge_call_number(struct sedge_ipc_client *c, struct sedge_call *k, int32_t stream)
{
    struct sedge_call **p = bucket_of(c, k->stream);

    while (*p && *p != k)
        p = &(*p)->same;
    if (*p) *p = k->same;
    k->stream = stream;
    if (stream == 0) return;
    p = bucket_of(c, stream);
    k->same = *p;
    *p = k;
}

struct sedge_call *sedge_call_new(struct sedge_ipc_client *c, enum sedge_call_kind kind)
{
    struct sedge_call *k = SEDGE_NEW(struct sedge_call);

    k->kind = kind;
    k->waits = kind == SEDGE_CALL_BLOCKING;
    k->deadline = -1;
    k->prev = c->last_call;
    *(c->last_call ? &c->last_call->next : &c->calls) = k;
    c->last_call = k;
    return k;
}

void sedge_call_free(struct sedge_ipc_client *c, struct sedge_call *k)
{
    sedge_items_remove(c, k);
    sedge_call_number(c, k, 0);
    *(k->prev ? &k->prev->next : &c->calls) = k->next;
    *(k->next ? &k->next->prev : &c->last_call) = k->prev;
    free(k->operation);
    free(k->request);
    free(k->text);
    free(k);
}

void sedge_client_drop_calls(struct sedge_ipc_client *c)
{
    sedge_items_drop(c);
    while (c->calls)
        sedge_call_free(c, c->calls);
}

struct sedge_call *sedge_call_of_sub(struct sedge_ipc_client *c, sedge_ipc_sub_t sub)
{
    struct sedge_call *k = c->calls;

    while (k && (k->kind != SEDGE_CALL_SUBSCRIPTION || k->sub != sub))
        k = k->next;
    return k;
}

/* ---- ends ---- */

void sedge_call_done(struct sedge_ipc_client *c, struct sedge_call *k, const struct sedge_ipc_err *err,
                     const struct sedge_frame *f)
{
    k->state = SEDGE_CALL_DONE;
    sedge_call_number(c, k, 0);
    if (k->waits) {
        k->err = *err;
        if (f) k->text = sedge_frame_text(f);
        return;
    }
    sedge_item_add(c, k->kind == SEDGE_CALL_ASYNC ? SEDGE_ITEM_REPLY : SEDGE_ITEM_END, k, f)->err = *err;
}

void sedge_client_fail_all(struct sedge_ipc_client *c)
{
    for (struct sedge_call *k = c->calls; k; k = k->next) {
        if (k->state == SEDGE_CALL_DONE) continue;
        if (k->kind == SEDGE_CALL_SUBSCRIPTION && !k->waits && c->link != SEDGE_LINK_OVER)
            sedge_call_number(c, k, 0); /* made again when there is a connection */
        else
            sedge_call_done(c, k, &c->why, NULL);
    }
}

void sedge_call_terminate(struct sedge_ipc_client *c, int32_t stream)
{
    if (c->link == SEDGE_LINK_UP && stream != 0) sedge_message_terminate(&c->out, stream);
}

int64_t sedge_client_expire(struct sedge_ipc_client *c, int64_t now)
{
    struct sedge_ipc_err late = {.code = SEDGE_IPC_E_TIMEOUT, .message = "no answer from the nucleus in time"};
    int64_t next = -1;

    for (struct sedge_call *k = c->calls; k; k = k->next) {
        if (k->deadline < 0 || k->state == SEDGE_CALL_DONE) continue;
        if (k->deadline <= now) {
            sedge_call_terminate(c, k->stream);
            sedge_call_done(c, k, &late, NULL);
        } else if (next < 0 || k->deadline < next) {
            next = k->deadline;
        }
    }
    return next;
}

/* ---- frames ---- */

static void copy_text(char *out, size_t cap, const char *s, size_t n)
{
    if (n >= cap) n = cap - 1;
    memcpy(out, s, n);
    out[n] = 0;
}

/* The error of a type 1 frame: name from the shape, else from the payload. */
static struct sedge_ipc_err remote_error(const struct sedge_message *m)
{
    sedge_auto_put struct json_object *o =
        sedge_json_parse_object((const char *)m->frame->payload, m->frame->payload_len, "error", NULL);
    struct sedge_ipc_err err = {.code = SEDGE_IPC_E_REMOTE};
    struct sedge_text shape = m->service_model_type;
    const char *hash = shape.p ? memchr(shape.p, '#', shape.len) : NULL;
    const char *message = sedge_json_str(o, "message", sedge_json_str(o, "_message", ""));
    const char *name = sedge_json_str(o, "_errorCode", "ServiceError");

    if (hash)
        copy_text(err.name, sizeof err.name, hash + 1, shape.len - (size_t)(hash + 1 - shape.p));
    else
        copy_text(err.name, sizeof err.name, name, strlen(name));
    if (o)
        copy_text(err.message, sizeof err.message, message, strlen(message));
    else
        copy_text(err.message, sizeof err.message, (const char *)m->frame->payload, m->frame->payload_len);
    return err;
}

static void subscription_answer(struct sedge_ipc_client *c, struct sedge_call *k, const struct sedge_frame *f)
{
    bool accepted = k->state == SEDGE_CALL_LIVE;

    k->state = SEDGE_CALL_LIVE;
    k->waits = false;
    if (!accepted && k->on_accept)
        (void)sedge_item_add(c, SEDGE_ITEM_ACCEPT, k, NULL);
    else if (accepted && f->payload_len > 0)
        sedge_event_add(c, k, f);
}

static void stream_frame(struct sedge_ipc_client *c, const struct sedge_message *m)
{
    static const struct sedge_ipc_err fine = {.code = SEDGE_IPC_OK};
    struct sedge_call *k = call_find(c, m->stream_id);
    struct sedge_ipc_err err;

    if (!k) return; /* an answer that came after its time */
    if (m->type == SEDGE_MSG_ERROR) {
        err = remote_error(m);
        sedge_call_done(c, k, &err, m->frame);
        return;
    }
    if (k->kind == SEDGE_CALL_SUBSCRIPTION) {
        subscription_answer(c, k, m->frame);
        if (m->flags & SEDGE_MSG_TERMINATE) sedge_call_done(c, k, &fine, NULL);
        return;
    }
    if (!(m->flags & SEDGE_MSG_TERMINATE)) sedge_call_terminate(c, k->stream); /* some nuclei leave that to us */
    sedge_call_done(c, k, &fine, m->frame);
}

static void connection_frame(struct sedge_ipc_client *c, const struct sedge_message *m)
{
    if (m->type == SEDGE_MSG_CONNECT_ACK) {
        sedge_client_link_answer(c, m->flags & SEDGE_MSG_ACCEPTED);
    } else if (m->type == SEDGE_MSG_PING) {
        if (c->out.len - c->out_sent + m->frame->payload_len <= SEDGE_IPC_OUT_BYTES)
            (void)sedge_message_ping_response(&c->out, m->frame, NULL); /* fails for a ping of full size: no answer */
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
