/* The bucket against the database: what is published there and not known here, and what a crashed upload left. */
#include <string.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "component.h"
#include "cloud/query.h"
#include "cloud/registry/registry.h"
#include "store.h"

/* "manifests/NAME/VERSION.json" to its parts; false for another key. */
static bool manifest_parts(const char *key, char **name, char **version)
{
    const char *rest = key + strlen("manifests/"), *slash, *end = key + strlen(key) - strlen(".json");

    if (!sedge_str_starts(key, "manifests/") || !sedge_str_ends(key, ".json")) return false;
    slash = strchr(rest, '/');
    if (!slash || slash >= end || strchr(slash + 1, '/')) return false;
    *name = sedge_xstrndup(rest, (size_t)(slash - rest));
    *version = sedge_xstrndup(slash + 1, (size_t)(end - slash - 1));
    return true;
}

static int read_recipe(struct sedge_store *s, struct json_object *manifest, struct sedge_buf *recipe,
                       struct sedge_err *err)
{
    struct json_object *r = sedge_json_obj(manifest, "recipe");
    sedge_auto_buf struct sedge_buf sha = SEDGE_BUF_INIT;
    const char *key = sedge_json_str(r, "key", "");

    if (sedge_store_get_text(s, key, recipe, err) != 0) return -1;
    sedge_sha256_hex(recipe->data, recipe->len, &sha);
    if (strcmp(sha.data, sedge_json_str(r, "sha256", "")) == 0) return 0;
    return sedge_err_set(err, SEDGE_E_DIGEST, "%s is not the recipe that its manifest names", key);
}

static int take_in(struct sedge_cloud *c, const char *name, const char *version, struct json_object *manifest,
                   const char *recipe, struct sedge_err *err)
{
    return sedge_q_run(
        c->db, err,
        "INSERT INTO component_version(name,version,state,recipe_sha256,manifest,created_at,recipe)"
        " VALUES(?1,?2,0,?3,?4,?5,?6) ON CONFLICT(name,version) DO UPDATE SET recipe_sha256=excluded.recipe_sha256,"
        " manifest=excluded.manifest, recipe=excluded.recipe",
        "ttttit", name, version, sedge_json_str(sedge_json_obj(manifest, "recipe"), "sha256", ""),
        sedge_json_text(manifest), sedge_json_i64(manifest, "publishedAt", 0), recipe);
}

static int rebuild_one(struct sedge_cloud *c, struct sedge_store *s, const char *key, int *n, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf recipe = SEDGE_BUF_INIT;
    sedge_auto_put struct json_object *manifest = NULL;
    sedge_auto_free char *name = NULL;
    sedge_auto_free char *version = NULL;

    if (!manifest_parts(key, &name, &version)) return 0;
    if (sedge_store_get_text(s, key, &text, err) != 0) return -1;
    manifest = sedge_json_parse_object(text.data, text.len, key, err);
    if (!manifest || read_recipe(s, manifest, &recipe, err) != 0 ||
        take_in(c, name, version, manifest, recipe.data, err) != 0)
        return -1;
    ++*n;
    return 0;
}

int sedge_component_rebuild(struct sedge_cloud *c, int64_t now_ms, int *n, struct sedge_err *err)
{
    sedge_auto_strv struct sedge_strv keys = {0};
    struct sedge_store *s = sedge_store_open(&c->set, err);
    int rc = s ? sedge_store_list(s, "manifests/", &keys, err) : -1;

    *n = 0;
    for (size_t i = 0; rc == 0 && i < keys.n; i++)
        rc = rebuild_one(c, s, keys.v[i], n, err);
    sedge_store_close(s);
    if (rc == 0) rc = sedge_audit(c->db, now_ms, "component-rebuild", NULL, NULL, err);
    return rc;
}

/* "artifacts/NAME/VERSION/..." and "recipes/NAME/VERSION.json" to the key of the manifest that they belong to. */
static char *owner_of(const char *key)
{
    sedge_auto_strv struct sedge_strv parts = {0};

    sedge_strv_split(&parts, key, "/");
    if (parts.n >= 4 && strcmp(parts.v[0], "artifacts") == 0)
        return sedge_xasprintf("manifests/%s/%s.json", parts.v[1], parts.v[2]);
    if (parts.n == 3 && strcmp(parts.v[0], "recipes") == 0) {
        char *dot = strrchr(parts.v[2], '.');

        if (dot) *dot = 0;
        return sedge_xasprintf("manifests/%s/%s.json", parts.v[1], parts.v[2]);
    }
    return NULL;
}

/* Notes when an object without manifest was first seen; 1 it is old enough to go. */
static int is_garbage(struct sedge_cloud *c, const char *key, int64_t now, struct sedge_err *err)
{
    int64_t since = now;

    if (sedge_q_run(c->db, err, "INSERT INTO leftover(key,seen_at) VALUES(?1,?2) ON CONFLICT(key) DO NOTHING", "ti",
                    key, now) != 0 ||
        sedge_q_i64(c->db, err, &since, "SELECT seen_at FROM leftover WHERE key=?1", "t", key) != 1)
        return -1;
    return now - since >= SEDGE_LEFTOVER_SECONDS;
}

static int clean_one(struct sedge_cloud *c, struct sedge_store *s, const char *key, const struct sedge_strv *manifests,
                     int64_t now, int *n, struct sedge_err *err)
{
    sedge_auto_free char *owner = owner_of(key);
    int rc;

    if (!owner) return 0;
    if (sedge_strv_has(manifests, owner)) return sedge_q_run(c->db, err, "DELETE FROM leftover WHERE key=?1", "t", key);
    rc = is_garbage(c, key, now, err);
    if (rc <= 0) return rc;
    if (sedge_store_delete(s, key, err) != 0) return -1;
    ++*n;
    return sedge_q_run(c->db, err, "DELETE FROM leftover WHERE key=?1", "t", key);
}

int sedge_component_clean(struct sedge_cloud *c, int64_t now_ms, int *n, struct sedge_err *err)
{
    static const char *const places[] = {"artifacts/", "recipes/"};
    sedge_auto_strv struct sedge_strv objects = {0};
    sedge_auto_strv struct sedge_strv manifests = {0};
    struct sedge_store *s = sedge_store_open(&c->set, err);
    int rc = s ? 0 : -1;

    *n = 0;
    /* Manifests last: what is completed meanwhile has one by then. */
    for (size_t i = 0; rc == 0 && i < SEDGE_ARRAY_LEN(places); i++)
        rc = sedge_store_list(s, places[i], &objects, err);
    if (rc == 0) rc = sedge_store_list(s, "manifests/", &manifests, err);
    for (size_t i = 0; rc == 0 && i < objects.n; i++)
        rc = clean_one(c, s, objects.v[i], &manifests, now_ms / 1000, n, err);
    sedge_store_close(s);
    return rc;
}
