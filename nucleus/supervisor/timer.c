#include "timer.h"

#include "base/mem.h"

struct sedge_timer_handle {
    uv_timer_t timer;
    struct sedge_timer *owner; /* NULL: stopped */
    void (*fn)(void *arg);
    void *arg;
};

static void closed_cb(uv_handle_t *h)
{
    free(h->data);
}

static void fired_cb(uv_timer_t *timer)
{
    struct sedge_timer_handle *h = timer->data;

    sedge_timer_stop(h->owner);
    h->fn(h->arg);
}

static struct sedge_timer_handle *new_handle(struct sedge_timer *t, uv_loop_t *loop)
{
    struct sedge_timer_handle *h = SEDGE_NEW(struct sedge_timer_handle);

    (void)uv_timer_init(loop, &h->timer);
    h->timer.data = h;
    h->owner = t;
    return h;
}

void sedge_timer_start(struct sedge_timer *t, uv_loop_t *loop, void (*fn)(void *arg), void *arg, uint64_t ms)
{
    if (!t->handle) t->handle = new_handle(t, loop);
    t->handle->fn = fn;
    t->handle->arg = arg;
    (void)uv_timer_start(&t->handle->timer, fired_cb, ms, 0);
}

void sedge_timer_stop(struct sedge_timer *t)
{
    struct sedge_timer_handle *h = t->handle;

    if (!h) return;
    t->handle = NULL;
    h->owner = NULL;
    uv_close((uv_handle_t *)&h->timer, closed_cb);
}
