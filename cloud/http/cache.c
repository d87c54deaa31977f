#include "cache.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/mem.h"

struct entry {
    uint8_t key[SEDGE_SHA256_LEN];
    char *text;
    int64_t until_ms;
};

struct sedge_cache {
    pthread_mutex_t lock;
    int64_t ms;
    size_t bytes;
    struct entry v[SEDGE_CACHE_ENTRIES_MAX];
};

struct sedge_cache *sedge_cache_new(int64_t ms)
{
    struct sedge_cache *c = SEDGE_NEW(struct sedge_cache);

    c->ms = ms;
    (void)pthread_mutex_init(&c->lock, NULL);
    return c;
}

static void drop(struct sedge_cache *c, struct entry *e)
{
    if (!e->text) return;
    c->bytes -= strlen(e->text);
    free(e->text);
    e->text = NULL;
}

void sedge_cache_free(struct sedge_cache *c)
{
    if (!c) return;
    for (size_t i = 0; i < SEDGE_CACHE_ENTRIES_MAX; i++)
        drop(c, &c->v[i]);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

static struct entry *slot_of(struct sedge_cache *c, const char *key, uint8_t digest[SEDGE_SHA256_LEN])
{
    uint32_t n;

    sedge_sha256(key, strlen(key), digest);
    memcpy(&n, digest, sizeof(n));
    return &c->v[n % SEDGE_CACHE_ENTRIES_MAX];
}

char *sedge_cache_get(struct sedge_cache *c, const char *key)
{
    uint8_t digest[SEDGE_SHA256_LEN];
    struct entry *e = slot_of(c, key, digest);
    char *text = NULL;

    (void)pthread_mutex_lock(&c->lock);
    if (e->text && memcmp(e->key, digest, sizeof(digest)) == 0 && sedge_mono_ms() < e->until_ms)
        text = sedge_xstrdup(e->text);
    (void)pthread_mutex_unlock(&c->lock);
    return text;
}

void sedge_cache_put(struct sedge_cache *c, const char *key, const char *text)
{
    uint8_t digest[SEDGE_SHA256_LEN];
    struct entry *e = slot_of(c, key, digest);
    size_t n = strlen(text);

    if (n > SEDGE_CACHE_BYTES_MAX / 4) return;
    (void)pthread_mutex_lock(&c->lock);
    drop(c, e);
    for (size_t i = 0; c->bytes + n > SEDGE_CACHE_BYTES_MAX && i < SEDGE_CACHE_ENTRIES_MAX; i++)
        drop(c, &c->v[i]);
    memcpy(e->key, digest, sizeof(digest));
    e->text = sedge_xstrdup(text);
    e->until_ms = sedge_mono_ms() + c->ms;
    c->bytes += n;
    (void)pthread_mutex_unlock(&c->lock);
}
