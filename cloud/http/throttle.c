#include "throttle.h"

#include <pthread.h>

#include "base/mem.h"

struct bucket {
    int64_t id, at_ms, milli; /* thousandths of a token */
};

struct sedge_throttle {
    pthread_mutex_t lock;
    int64_t rate, burst;
    struct bucket v[SEDGE_THROTTLE_PLACES];
};

struct sedge_throttle *sedge_throttle_new(int rate_per_s, int burst)
{
    struct sedge_throttle *t = SEDGE_NEW(struct sedge_throttle);

    (void)pthread_mutex_init(&t->lock, NULL);
    t->rate = rate_per_s;
    t->burst = (int64_t)burst * 1000;
    return t;
}

void sedge_throttle_free(struct sedge_throttle *t)
{
    if (!t) return;
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
}

bool sedge_throttle_take(struct sedge_throttle *t, int64_t id, int64_t now_ms)
{
    struct bucket *b = &t->v[(uint64_t)id % SEDGE_THROTTLE_PLACES];
    bool ok;

    (void)pthread_mutex_lock(&t->lock);
    if (b->id != id) *b = (struct bucket){.id = id, .at_ms = now_ms, .milli = t->burst};
    if (now_ms > b->at_ms) b->milli += (now_ms - b->at_ms > 3600000 ? 3600000 : now_ms - b->at_ms) * t->rate;
    if (b->milli > t->burst) b->milli = t->burst;
    b->at_ms = now_ms;
    ok = b->milli >= 1000;
    if (ok) b->milli -= 1000;
    (void)pthread_mutex_unlock(&t->lock);
    return ok;
}
