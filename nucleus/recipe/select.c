/* Which manifest counts on a device, and which lifecycle goes with it. */
#include "recipe.h"
#include "platform.h"

#include "base/buf.h"
#include "base/mem.h"

#include <string.h>

const struct sedge_manifest *sedge_recipe_select(const struct sedge_recipe *r, struct json_object *platform,
                                                 struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf wanted = SEDGE_BUF_INIT;

    for (size_t i = 0; i < r->nmanifests; i++) {
        const struct sedge_manifest *m = &r->manifests[i];
        int rc = sedge_platform_match(m->platform, platform, err);

        if (rc == 1) return m;
        if (rc < 0) {
            (void)sedge_err_wrap(err, "component %s %s: Manifests[%zu]", r->name, r->version.text, i);
            return NULL;
        }
        sedge_buf_printf(&wanted, "%s%s", i ? ", " : "", sedge_json_text(m->platform));
    }
    if (r->nmanifests == 0) {
        (void)sedge_err_set(err, SEDGE_E_INVALID,
                            "component %s %s: the recipe has no Manifests; expected a list with at least one manifest",
                            r->name, r->version.text);
        return NULL;
    }
    (void)sedge_err_set(err, SEDGE_E_NOT_FOUND,
                        "component %s %s has no manifest for this device %s; its manifests are for %s", r->name,
                        r->version.text, sedge_json_text(platform), wanted.data ? wanted.data : "nothing");
    return NULL;
}

static bool is_keyword(const struct sedge_recipe *r, const char *key)
{
    if (strcmp(key, "all") == 0) return true;
    for (size_t i = 0; i < r->nmanifests; i++)
        if (sedge_strv_has(&r->manifests[i].selections, key)) return true;
    return false;
}

static bool is_selection_level(const struct sedge_recipe *r, struct json_object *map)
{
    json_object_object_foreach (map, key, v) {
        (void)v;
        if (is_keyword(r, key)) return true;
    }
    return false;
}

static struct json_object *filter(const struct sedge_recipe *r, const struct sedge_manifest *m, struct json_object *v);

/* The value that the manifest's preferences choose on a selection level; borrowed, NULL for none. */
static struct json_object *choose(const struct sedge_manifest *m, struct json_object *map)
{
    for (size_t i = 0; i < m->selections.n; i++) {
        struct json_object *v = sedge_json_get(map, m->selections.v[i]);
        if (v) return v;
    }
    return sedge_json_get(map, "all");
}

/* New reference; NULL when nothing is left. */
static struct json_object *filter(const struct sedge_recipe *r, const struct sedge_manifest *m, struct json_object *v)
{
    struct json_object *out;

    if (!v || !json_object_is_type(v, json_type_object)) return sedge_json_copy(v);
    if (is_selection_level(r, v)) return filter(r, m, choose(m, v));
    out = json_object_new_object();
    json_object_object_foreach (v, key, child) {
        struct json_object *kept = filter(r, m, child);
        if (kept) (void)json_object_object_add(out, key, kept); /* takes the reference */
    }
    return out;
}

struct json_object *sedge_recipe_lifecycle(const struct sedge_recipe *r, const struct sedge_manifest *m)
{
    struct json_object *out;

    if (m->lifecycle && json_object_object_length(m->lifecycle) > 0) return sedge_json_copy(m->lifecycle);
    out = filter(r, m, r->lifecycle);
    if (out && json_object_is_type(out, json_type_object)) return out;
    (void)json_object_put(out);
    return json_object_new_object();
}
