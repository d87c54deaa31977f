/*
 * timer - a one-shot timer that takes no memory while it does not run. A device has hundreds of components, each with
 * several times to watch, nearly all of which do not run.
 *
 *   struct sedge_timer t = {NULL};
 *   sedge_timer_start(&t, loop, fn, arg, ms);     fn(arg) once, from the loop; a running one starts anew
 *   sedge_timer_stop(&t);                         fn does not come any more; may be called when none runs, and in fn
 *
 * The owner must stop it before the memory of `t` goes. The thread of the loop.
 */
#ifndef SEDGE_SUPERVISOR_TIMER_H
#define SEDGE_SUPERVISOR_TIMER_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct sedge_timer {
    struct sedge_timer_handle *handle; /* NULL: does not run */
};

void sedge_timer_start(struct sedge_timer *t, uv_loop_t *loop, void (*fn)(void *arg), void *arg, uint64_t ms);
void sedge_timer_stop(struct sedge_timer *t);
static inline bool sedge_timer_runs(const struct sedge_timer *t)
{
    return t->handle != NULL;
}

#endif
