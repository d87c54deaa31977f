#include <string.h>

#include "base/json.h"
#include "fleet.h"

#define CHUNK_INFO_MAX 64 /* ,"chunkInfo":{"chunkId":N,"totalChunks":N} with wide numbers, and ,"components":[] */

static size_t size_of(struct json_object *o)
{
    return strlen(sedge_json_text(o));
}

static struct json_object *new_chunk(struct json_object *base, struct json_object *chunks)
{
    struct json_object *c = sedge_json_copy(base);
    struct json_object *list = json_object_new_array();

    json_object_object_add(c, "components", list);
    (void)json_object_array_add(chunks, c);
    return list;
}

static void number(struct json_object *chunks)
{
    size_t n = json_object_array_length(chunks);

    for (size_t k = 0; n > 1 && k < n; k++) {
        struct json_object *info = json_object_new_object();
        sedge_json_add_i64(info, "chunkId", (int64_t)k + 1);
        sedge_json_add_i64(info, "totalChunks", (int64_t)n);
        json_object_object_add(json_object_array_get_idx(chunks, k), "chunkInfo", info);
    }
}

struct json_object *sedge_fleet_chunks(struct json_object *base, struct json_object *components, size_t max,
                                       size_t *skipped)
{
    struct json_object *chunks = json_object_new_array();
    struct json_object *list = new_chunk(base, chunks);
    size_t fixed = size_of(base) + CHUNK_INFO_MAX + sizeof ",\"components\":[]";
    size_t used = fixed;
    size_t left_out = 0;

    for (size_t i = 0; i < json_object_array_length(components); i++) {
        struct json_object *c = json_object_array_get_idx(components, i);
        size_t need = size_of(c) + 1; /* its comma */
        if (fixed + need > max) {
            left_out++;
            continue;
        }
        if (used + need > max) {
            list = new_chunk(base, chunks);
            used = fixed;
        }
        (void)json_object_array_add(list, json_object_get(c));
        used += need;
    }
    number(chunks);
    if (skipped) *skipped = left_out;
    return chunks;
}
