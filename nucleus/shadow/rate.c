#include "rate.h"

#include <string.h>

#include "base/mem.h"

#define FULL_AGAIN_MS 1000

static void refill(struct sedge_shadow_bucket *b, int64_t per_s, int64_t now_ms)
{
    if (b->at_ms == 0)
        b->tokens = (double)per_s;
    else
        b->tokens += (double)(now_ms - b->at_ms) * (double)per_s / FULL_AGAIN_MS;
    if (b->tokens > (double)per_s) b->tokens = (double)per_s;
    b->at_ms = now_ms;
}

bool sedge_shadow_bucket_take(struct sedge_shadow_bucket *b, int64_t per_s, int64_t now_ms)
{
    refill(b, per_s, now_ms);
    if (b->tokens < 1) return false;
    b->tokens -= 1;
    return true;
}

static void forget(struct sedge_shadow_rate *r, int64_t now_ms)
{
    for (size_t i = 0; i < r->n;) {
        if (now_ms - r->things[i].bucket.at_ms < FULL_AGAIN_MS) {
            i++;
            continue;
        }
        free(r->things[i].thing);
        r->things[i] = r->things[--r->n];
    }
}

static struct sedge_shadow_bucket *bucket_of(struct sedge_shadow_rate *r, const char *thing, int64_t now_ms)
{
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->things[i].thing, thing) == 0) return &r->things[i].bucket;
    forget(r, now_ms);
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 8;
        r->things = sedge_xrealloc(r->things, r->cap, sizeof *r->things);
    }
    r->things[r->n] = (struct sedge_thing_bucket){sedge_xstrdup(thing), {0, 0}};
    return &r->things[r->n++].bucket;
}

bool sedge_shadow_rate_take(struct sedge_shadow_rate *r, const char *thing, int64_t total_per_s, int64_t thing_per_s,
                            int64_t now_ms)
{
    struct sedge_shadow_bucket *own;

    refill(&r->total, total_per_s, now_ms);
    if (r->total.tokens < 1) return false;
    own = bucket_of(r, thing, now_ms);
    return sedge_shadow_bucket_take(own, thing_per_s, now_ms) &&
           sedge_shadow_bucket_take(&r->total, total_per_s, now_ms);
}

void sedge_shadow_rate_release(struct sedge_shadow_rate *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->things[i].thing);
    free(r->things);
    *r = SEDGE_SHADOW_RATE_INIT;
}
