/*
 * Gives memory back to the system once there is no work any more. A deployment reads recipes and builds plans in the
 * heap, and what stays lies between what goes: without this the pages of the largest deployment remain ours for ever.
 */
#include "nucleus.h"

#include <malloc.h>

#define TRIM_AFTER_MS 3000

static void trim_cb(uv_timer_t *timer)
{
    (void)timer;
    (void)malloc_trim(0);
}

void sedge_trim_open(struct sedge_nucleus *n)
{
    (void)uv_timer_init(&n->loop, &n->trim);
    uv_unref((uv_handle_t *)&n->trim);
}

void sedge_trim_later(struct sedge_nucleus *n)
{
    if (!n->stopping) (void)uv_timer_start(&n->trim, trim_cb, TRIM_AFTER_MS, 0);
}

void sedge_trim_close(struct sedge_nucleus *n)
{
    uv_close((uv_handle_t *)&n->trim, NULL);
}
