#include "lookup.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "internal.h"

struct lookup {
    struct sedge_fetcher *f;
    char *bucket, *prefix; /* prefix: "" or ends in a slash */
    char *component, *version;
    sedge_fetch_versions_cb on_versions;
    sedge_fetch_recipe_cb on_recipe;
    void *user;
    bool in_recipes; /* looking without manifests */
    const char *extension;
    char *url;
    struct json_object *manifest;
};

static void lookup_free(struct lookup *l)
{
    free(l->bucket);
    free(l->prefix);
    free(l->component);
    free(l->version);
    free(l->url);
    json_object_put(l->manifest);
    free(l);
}

static char *clean_prefix(const char *s)
{
    size_t n;

    s += strspn(s, "/");
    n = strlen(s);
    while (n > 0 && s[n - 1] == '/')
        n--;
    return sedge_xasprintf("%.*s%s", (int)n, s, n ? "/" : "");
}

static struct lookup *lookup_new(struct sedge_fetcher *f, const char *component, const char *version, void *user)
{
    struct lookup *l = SEDGE_NEW(struct lookup);
    struct json_object *store = sedge_fetcher_store(f);

    l->f = f;
    l->bucket = sedge_xstrdup(sedge_json_str(store, "bucket", ""));
    l->prefix = clean_prefix(sedge_json_str(store, "prefix", ""));
    l->component = sedge_xstrdup(component);
    l->version = sedge_xstrdup(version);
    l->user = user;
    return l;
}

static int no_bucket(const struct lookup *l, struct sedge_err *err)
{
    if (*l->bucket) return 0;
    return sedge_err_set(err, SEDGE_E_NOT_FOUND,
                         "%s cannot be looked up: no object store is configured; set objectStore.bucket (and endpoint) "
                         "in the configuration of aws.greengrass.Nucleus",
                         l->component);
}

static void list_folder(struct lookup *l, const char *folder, sedge_fetch_done_cb done)
{
    sedge_auto_free char *prefix = sedge_xasprintf("%s%s/%s/", l->prefix, folder, l->component);

    (void)sedge_fetch_list(l->f, l->bucket, prefix, "/", done, l);
}

/* "…/1.0.0.yaml" -> "1.0.0"; NULL for a file that is no recipe or manifest. */
static char *version_of(const char *key)
{
    static const char *const ends[] = {".json", ".yaml"};
    const char *name = strrchr(key, '/');

    name = name ? name + 1 : key;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(ends); i++)
        if (sedge_str_ends(name, ends[i]) && strlen(name) > strlen(ends[i]))
            return sedge_xstrndup(name, strlen(name) - strlen(ends[i]));
    return NULL;
}

static void read_versions(struct sedge_strv *out, struct json_object *reply)
{
    struct json_object *keys = sedge_json_arr(reply, "keys");

    for (size_t i = 0; keys && i < json_object_array_length(keys); i++) {
        struct json_object *k = json_object_array_get_idx(keys, i);
        char *v = sedge_json_is_str(k) ? version_of(json_object_get_string(k)) : NULL;

        if (v && !sedge_strv_has(out, v))
            sedge_strv_add_take(out, v);
        else
            free(v);
    }
}

/* ---- versions ---- */

static void versions_end(struct lookup *l, const struct sedge_err *err, struct json_object *stack,
                         const struct sedge_strv *versions)
{
    const struct sedge_strv none = {NULL, 0};

    l->on_versions(&(struct sedge_fetch_versions){.err = err, .stack = stack, .versions = versions ? versions : &none},
                   l->user);
    lookup_free(l);
}

static void versions_listed(const struct sedge_fetch_result *r, void *user)
{
    struct lookup *l = user;
    sedge_auto_strv struct sedge_strv versions = {NULL, 0};

    if (r->err) {
        versions_end(l, r->err, r->stack, NULL);
        return;
    }
    read_versions(&versions, r->reply);
    if (versions.n > 0 || l->in_recipes) {
        versions_end(l, NULL, NULL, &versions);
        return;
    }
    l->in_recipes = true;
    list_folder(l, "recipes", versions_listed);
}

void sedge_fetch_component_versions(struct sedge_fetcher *f, const char *component, sedge_fetch_versions_cb cb,
                                    void *user)
{
    struct lookup *l = lookup_new(f, component, NULL, user);
    struct sedge_err err;

    l->on_versions = cb;
    if (no_bucket(l, &err))
        sedge_fetch_submit_failed(f, &err, versions_listed, l);
    else
        list_folder(l, "manifests", versions_listed);
}

/* ---- one recipe ---- */

static void recipe_end(struct lookup *l, const struct sedge_err *err, struct json_object *stack, const char *text)
{
    struct sedge_fetch_recipe r = {.err = err, .stack = stack, .url = l->url, .manifest = l->manifest};

    if (!err) {
        r.text = text;
        r.len = strlen(text);
        r.extension = l->extension;
    }
    l->on_recipe(&r, l->user);
    lookup_free(l);
}

static void recipe_invalid(struct lookup *l, enum sedge_err_code code, const char *what)
{
    sedge_auto_put struct json_object *stack = json_object_new_array();
    struct sedge_err err;

    (void)sedge_err_set(&err, code, "%s %s: %s", l->component, l->version, what);
    json_object_array_add(stack, json_object_new_string("COMPONENT_PACKAGE_LOADING_ERROR"));
    recipe_end(l, &err, stack, NULL);
}

static void get_text(struct lookup *l, const char *key, const char *sha256, sedge_fetch_done_cb done)
{
    free(l->url);
    l->url = sedge_xasprintf("s3://%s/%s%s", l->bucket, l->prefix, key);
    (void)sedge_fetch_text(l->f, l->url, sha256, done, l);
}

static void get_recipe(struct lookup *l, const char *extension, sedge_fetch_done_cb done)
{
    sedge_auto_free char *key = sedge_xasprintf("recipes/%s/%s.%s", l->component, l->version, extension);

    l->extension = extension;
    get_text(l, key, NULL, done);
}

static void recipe_got(const struct sedge_fetch_result *r, void *user)
{
    struct lookup *l = user;

    if (r->err && r->err->code == SEDGE_E_NOT_FOUND && !l->manifest && strcmp(l->extension, "yaml") == 0)
        get_recipe(l, "json", recipe_got);
    else
        recipe_end(l, r->err, r->stack, r->err ? NULL : sedge_json_str(r->reply, "text", ""));
}

/* The version has no manifest: it exists only if the component has none at all. */
static void manifests_listed(const struct sedge_fetch_result *r, void *user)
{
    struct lookup *l = user;
    sedge_auto_strv struct sedge_strv versions = {NULL, 0};
    sedge_auto_free char *there = NULL, *what = NULL;

    if (r->err) {
        recipe_end(l, r->err, r->stack, NULL);
        return;
    }
    read_versions(&versions, r->reply);
    if (versions.n == 0) {
        get_recipe(l, "yaml", recipe_got);
        return;
    }
    there = sedge_strv_join(&versions, ", ");
    what = sedge_xasprintf("this version is not in bucket \"%s\"; published versions: %.400s", l->bucket, there);
    recipe_invalid(l, SEDGE_E_NOT_FOUND, what);
}

static void take_manifest(struct lookup *l, const char *text)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct json_object *recipe;
    const char *key, *sha256;

    l->manifest = sedge_json_parse_object(text, strlen(text), l->url, &err);
    if (!l->manifest) {
        recipe_invalid(l, SEDGE_E_INVALID, err.msg);
        return;
    }
    recipe = sedge_json_obj(l->manifest, "recipe");
    key = sedge_json_str(recipe, "key", "");
    sha256 = sedge_json_str(recipe, "sha256", "");
    if (!sedge_str_starts(key, "recipes/") || strlen(sha256) != 64) {
        recipe_invalid(l, SEDGE_E_INVALID, "the manifest has no recipe.key under recipes/ or no recipe.sha256");
        return;
    }
    l->extension = sedge_str_ends(key, ".json") ? "json" : "yaml";
    get_text(l, key, sha256, recipe_got);
}

static void manifest_got(const struct sedge_fetch_result *r, void *user)
{
    struct lookup *l = user;

    if (!r->err)
        take_manifest(l, sedge_json_str(r->reply, "text", ""));
    else if (r->err->code == SEDGE_E_NOT_FOUND && *l->bucket)
        list_folder(l, "manifests", manifests_listed);
    else
        recipe_end(l, r->err, r->stack, NULL);
}

void sedge_fetch_component_recipe(struct sedge_fetcher *f, const char *component, const char *version,
                                  sedge_fetch_recipe_cb cb, void *user)
{
    struct lookup *l = lookup_new(f, component, version, user);
    sedge_auto_free char *key = sedge_xasprintf("manifests/%s/%s.json", component, version);
    struct sedge_err err;

    l->on_recipe = cb;
    if (no_bucket(l, &err))
        sedge_fetch_submit_failed(f, &err, manifest_got, l);
    else
        get_text(l, key, NULL, manifest_got);
}
