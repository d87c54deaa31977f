/* What waits for the author, and handing it out. */
#include "client.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

/* ---- items ---- */

static void item_free(struct sedge_item *i)
{
    free(i->text);
    free(i);
}

static void item_forget(struct sedge_ipc_client *c, const struct sedge_item *i)
{
    if (i->kind != SEDGE_ITEM_EVENT) return;
    c->kept_events--;
    c->kept_bytes -= i->size;
}

void sedge_items_remove(struct sedge_ipc_client *c, const struct sedge_call *k)
{
    struct sedge_item **p = &c->first;

    while (*p) {
        struct sedge_item *i = *p;

        if (k ? i->call != k : i->kind != SEDGE_ITEM_EVENT) {
            p = &i->next;
            continue;
        }
        *p = i->next;
        if (c->last == &i->next) c->last = p;
        item_forget(c, i);
        item_free(i);
        if (!k) return;
    }
}

/* All bytes, also behind a NUL that no JSON has, and one more. */
char *sedge_frame_text(const struct sedge_frame *f)
{
    char *text = sedge_xrealloc(NULL, f->payload_len + 1, 1);

    if (f->payload_len > 0) memcpy(text, f->payload, f->payload_len);
    text[f->payload_len] = '\0';
    return text;
}

struct sedge_item *sedge_item_add(struct sedge_ipc_client *c, enum sedge_item_kind kind, struct sedge_call *k,
                                  const struct sedge_frame *f)
{
    struct sedge_item *i = SEDGE_NEW(struct sedge_item);

    i->kind = kind;
    i->call = k;
    if (f) {
        i->size = f->payload_len;
        i->text = sedge_frame_text(f);
    }
    *c->last = i;
    c->last = &i->next;
    if (kind == SEDGE_ITEM_EVENT) {
        c->kept_events++;
        c->kept_bytes += i->size;
    }
    return i;
}

void sedge_event_add(struct sedge_ipc_client *c, struct sedge_call *k, const struct sedge_frame *f)
{
    while (c->kept_events > 0 &&
           (c->kept_events >= SEDGE_IPC_KEPT_EVENTS || c->kept_bytes + f->payload_len > SEDGE_IPC_KEPT_BYTES)) {
        sedge_items_remove(c, NULL);
        c->dropped++;
    }
    (void)sedge_item_add(c, SEDGE_ITEM_EVENT, k, f);
}

void sedge_client_state_add(struct sedge_ipc_client *c, enum sedge_ipc_state state)
{
    struct sedge_item *i;

    if (!c->on_state) return;
    i = sedge_item_add(c, SEDGE_ITEM_STATE, NULL, NULL);
    i->state = state;
    i->err = c->why;
    if (state == SEDGE_IPC_RESTORED) i->err = (struct sedge_ipc_err){.code = SEDGE_IPC_OK};
}

static struct sedge_item *item_pop(struct sedge_ipc_client *c)
{
    struct sedge_item *i = c->first;

    if (!i) return NULL;
    c->first = i->next;
    if (!c->first) c->last = &c->first;
    item_forget(c, i);
    return i;
}

void sedge_items_drop(struct sedge_ipc_client *c)
{
    struct sedge_item *i;

    while ((i = item_pop(c)) != NULL)
        item_free(i);
}

/* ---- dispatch ---- */

/* An event that nobody can read ends its subscription: silence would be worse. */
static void unreadable(struct sedge_ipc_client *c, struct sedge_call *k)
{
    struct sedge_ipc_err err;

    if (!k || k->state == SEDGE_CALL_DONE) return; /* the callback ended it, or its end waits already */
    (void)sedge_client_fail(&err, SEDGE_IPC_E_PROTOCOL, "the nucleus sent an event that cannot be read");
    sedge_items_remove(c, k);
    sedge_call_terminate(c, k->stream);
    sedge_call_done(c, k, &err, NULL);
}

/* The callback may do anything: after it only what is looked up again counts. */
static void deliver_event(struct sedge_ipc_client *c, const struct sedge_item *i)
{
    struct sedge_call *k = i->call;
    sedge_ipc_sub_t sub = k->sub;

    if (k->callback && k->adapter(k->callback, i->text, i->size, k->user)) unreadable(c, sedge_call_of_sub(c, sub));
}

static void deliver_last(struct sedge_ipc_client *c, const struct sedge_item *i)
{
    struct sedge_call k = *i->call;

    sedge_call_free(c, i->call);
    if (i->kind == SEDGE_ITEM_END && k.on_end) k.on_end(&i->err, k.user);
    if (i->kind == SEDGE_ITEM_REPLY && k.on_reply) k.on_reply(&i->err, i->text ? i->text : "{}", k.user);
}

static void deliver(struct sedge_ipc_client *c, const struct sedge_item *i)
{
    switch (i->kind) {
    case SEDGE_ITEM_EVENT:
        deliver_event(c, i);
        break;
    case SEDGE_ITEM_ACCEPT:
        i->call->on_accept(i->call->user);
        break;
    case SEDGE_ITEM_REPLY:
    case SEDGE_ITEM_END:
        deliver_last(c, i);
        break;
    case SEDGE_ITEM_STATE:
        c->on_state(c, i->state, &i->err, c->user);
        break;
    }
}

static int deliver_all(struct sedge_ipc_client *c)
{
    struct sedge_item *i;
    size_t limit = 0;
    int n = 0;

    for (i = c->first; i; i = i->next)
        limit++; /* what callbacks add has to wait: an event that causes an event must not hold the caller for ever */
    c->dispatching = true;
    while (limit-- > 0 && !c->closing && (i = item_pop(c)) != NULL) {
        deliver(c, i);
        item_free(i);
        n++;
    }
    c->dispatching = false;
    return n;
}

/* Until there is something to deliver. */
static void wait_for_items(struct sedge_ipc_client *c, int timeout_ms)
{
    int64_t deadline = sedge_client_deadline(c->first || c->link == SEDGE_LINK_OVER ? 0 : timeout_ms);

    while (sedge_client_turn(c, deadline) == SEDGE_TURN_DONE && !c->first && c->link != SEDGE_LINK_OVER &&
           !sedge_client_passed(deadline))
        ;
}

int sedge_ipc_client_dispatch(struct sedge_ipc_client *c, int timeout_ms, struct sedge_ipc_err *err)
{
    int n;

    if (c->dispatching) return sedge_client_fail(err, SEDGE_IPC_E_ARGUMENT, "dispatch was called from a callback");
    wait_for_items(c, timeout_ms);
    n = deliver_all(c);
    if (c->closing) {
        sedge_client_free(c);
        return sedge_client_fail(err, SEDGE_IPC_E_DISCONNECTED, "a callback has disconnected");
    }
    sedge_client_flush(c);
    sedge_client_wake(c);
    if (c->link != SEDGE_LINK_OVER || c->first) return n;
    if (err) *err = c->why;
    return -1;
}
