/*
 * cache - answers that are asked for again and again, for a short time. Any thread.
 *
 *   struct sedge_cache *c = sedge_cache_new(60000);
 *   char *text = sedge_cache_get(c, key);          heap; NULL: not there, or too old
 *   sedge_cache_put(c, key, text);                 copies
 *   sedge_cache_free(c);
 *
 * Bounded by entries and bytes: what is put takes the place of another entry, or of all when the bytes are used up.
 */
#ifndef SEDGE_CLOUD_CACHE_H
#define SEDGE_CLOUD_CACHE_H

#include <stdint.h>

#define SEDGE_CACHE_ENTRIES_MAX 1024
#define SEDGE_CACHE_BYTES_MAX   8388608 /* of all texts; a text of more than a quarter of it is not kept */

struct sedge_cache;

struct sedge_cache *sedge_cache_new(int64_t ms);
void sedge_cache_free(struct sedge_cache *c);
char *sedge_cache_get(struct sedge_cache *c, const char *key);
void sedge_cache_put(struct sedge_cache *c, const char *key, const char *text);

#endif
