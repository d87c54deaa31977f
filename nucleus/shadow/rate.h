/*
 * rate - how many requests for shadows are let through: so many a second in all, and so many for one thing. Pure.
 *
 *   struct sedge_shadow_rate r = SEDGE_SHADOW_RATE_INIT;
 *   if (!sedge_shadow_rate_take(&r, "thing-1", total, per_thing, now_ms)) -> Too Many Requests
 *   sedge_shadow_rate_release(&r);
 *
 * Buckets that hold the requests of one second. A thing that has asked for nothing in the last second is forgotten, so
 * that no more are kept than the total lets through.
 */
#ifndef SEDGE_SHADOW_RATE_H
#define SEDGE_SHADOW_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sedge_shadow_bucket {
    double tokens;
    int64_t at_ms; /* when they were counted; 0: never used, full */
};
/* One token, if there is one. */
bool sedge_shadow_bucket_take(struct sedge_shadow_bucket *b, int64_t per_s, int64_t now_ms);

struct sedge_thing_bucket {
    char *thing;
    struct sedge_shadow_bucket bucket;
};
struct sedge_shadow_rate {
    struct sedge_shadow_bucket total;
    struct sedge_thing_bucket *things;
    size_t n, cap;
};
#define SEDGE_SHADOW_RATE_INIT ((struct sedge_shadow_rate){.n = 0})
/* now_ms: monotonic. */
bool sedge_shadow_rate_take(struct sedge_shadow_rate *r, const char *thing, int64_t total_per_s, int64_t thing_per_s,
                            int64_t now_ms);
void sedge_shadow_rate_release(struct sedge_shadow_rate *r);

#endif
