#include "compare.h"

#include "base/mem.h"

static bool is_object(struct json_object *v)
{
    return json_object_is_type(v, json_type_object);
}

static bool is_empty(struct json_object *o)
{
    return json_object_object_length(o) == 0;
}

struct json_object *sedge_shadow_difference(struct json_object *desired, struct json_object *reported,
                                            struct json_object *desired_metadata, struct json_object **metadata)
{
    struct json_object *out = json_object_new_object();
    struct json_object *stamps = json_object_new_object();

    if (is_object(desired)) {
        json_object_object_foreach (desired, key, want) {
            struct json_object *have = sedge_json_get(reported, key);
            struct json_object *stamp = sedge_json_get(desired_metadata, key);

            if (json_object_equal(want, have)) continue;
            if (is_object(want) && is_object(have)) {
                struct json_object *inner_stamps = NULL;
                struct json_object *inner = sedge_shadow_difference(want, have, stamp, &inner_stamps);

                if (is_empty(inner)) {
                    (void)json_object_put(inner);
                    (void)json_object_put(inner_stamps);
                    continue;
                }
                (void)json_object_object_add(out, key, inner);
                (void)json_object_object_add(stamps, key, inner_stamps);
                continue;
            }
            (void)json_object_object_add(out, key, sedge_json_copy(want));
            if (stamp) (void)json_object_object_add(stamps, key, sedge_json_copy(stamp));
        }
    }
    if (metadata)
        *metadata = stamps;
    else
        (void)json_object_put(stamps);
    return out;
}

static void add_changed(struct json_object *patch, struct json_object *from, struct json_object *to)
{
    json_object_object_foreach (to, key, value) {
        struct json_object *old = sedge_json_get(from, key);

        if (sedge_json_has(from, key) && json_object_equal(old, value)) continue;
        (void)json_object_object_add(
            patch, key, is_object(old) && is_object(value) ? sedge_shadow_patch(old, value) : sedge_json_copy(value));
    }
}

struct json_object *sedge_shadow_patch(struct json_object *from, struct json_object *to)
{
    struct json_object *patch = json_object_new_object();

    if (is_object(from)) {
        json_object_object_foreach (from, key, value) {
            (void)value;
            if (!sedge_json_has(to, key)) (void)json_object_object_add(patch, key, NULL);
        }
    }
    if (is_object(to)) add_changed(patch, from, to);
    return patch;
}

/* One key; any of the three may be absent (NULL). */
static void merge_key(struct json_object *out, const char *key, struct json_object *base, struct json_object *local,
                      struct json_object *cloud)
{
    struct json_object *chosen = cloud;

    if (is_object(local) && is_object(cloud)) {
        (void)json_object_object_add(out, key, sedge_shadow_merge3(base, local, cloud));
        return;
    }
    if (json_object_equal(cloud, base)) chosen = local;
    if (chosen) (void)json_object_object_add(out, key, sedge_json_copy(chosen));
}

struct json_object *sedge_shadow_merge3(struct json_object *base, struct json_object *local, struct json_object *cloud)
{
    struct json_object *out = json_object_new_object();

    if (is_object(cloud)) {
        json_object_object_foreach (cloud, key, value) {
            merge_key(out, key, sedge_json_get(base, key), sedge_json_get(local, key), value);
        }
    }
    if (is_object(local)) {
        json_object_object_foreach (local, key, value) {
            if (!sedge_json_has(cloud, key)) merge_key(out, key, sedge_json_get(base, key), value, NULL);
        }
    }
    return out;
}
