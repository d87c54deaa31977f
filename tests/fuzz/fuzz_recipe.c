/* A recipe in one form (RECIPE_FILE: a name with the extension of JSON or YAML), and everything that is done with it:
 * choose, read steps, replace variables, store. */
#include "base/mem.h"
#include "recipe/interpolate.h"
#include "recipe/platform.h"
#include "recipe/recipe.h"
#include "recipe/step.h"

#include <string.h>

static void use_steps(struct json_object *lifecycle)
{
    static const char *const names[] = {"bootstrap", "install", "startup", "run", "shutdown", "recover", "uninstall"};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(names); i++) {
        sedge_auto_strv struct sedge_strv env = {NULL, 0};
        struct sedge_step step;
        struct sedge_skipif skipif;

        (void)sedge_lifecycle_step(lifecycle, names[i], &step);
        sedge_env_add_step(&env, lifecycle, &step);
        if (!step.skipif || sedge_skipif_parse(step.skipif, &skipif, NULL) != 0) continue;
        sedge_skipif_release(&skipif);
    }
}

static void use(const struct sedge_recipe *r, const struct sedge_manifest *m)
{
    sedge_auto_put struct json_object *lifecycle = sedge_recipe_lifecycle(r, m);
    const struct sedge_interp in = {
        .root = "/g", .thing_name = "t", .self = {r->name, r->version.text, r->default_configuration}};
    sedge_auto_put struct json_object *done = sedge_interpolate(&in, lifecycle, NULL);

    use_steps(done);
    for (size_t i = 0; i < m->nartifacts; i++) {
        sedge_auto_free char *name = sedge_artifact_file_name(m->artifacts[i].uri, NULL);
        sedge_auto_free char *base = name ? sedge_artifact_base_name(name, m->artifacts[i].unarchive) : NULL;

        sedge_assert(!name || (*name && !strchr(name, '/')));
        (void)base;
    }
}

/* The stored text must be read again as the same recipe. */
static void store(const struct sedge_recipe *r)
{
    sedge_auto_free char *text = sedge_recipe_to_yaml(r);
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_recipe *again = sedge_recipe_parse(text, strlen(text), "stored.yaml", &err);

    sedge_assert(again || err.code == SEDGE_E_LIMIT);
    if (again) sedge_assert(json_object_equal(again->document, r->document));
    sedge_recipe_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sedge_auto_free char *text = sedge_xcalloc(size + 1, 1);
    sedge_auto_put struct json_object *platform = sedge_platform_from("Linux", "x86_64");
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_recipe *r;

    memcpy(text, data, size);
    r = sedge_recipe_parse(text, size, RECIPE_FILE, &err);
    if (r) {
        const struct sedge_manifest *m = sedge_recipe_select(r, platform, NULL);

        if (m) use(r, m);
        store(r);
    } else {
        sedge_assert(err.code != SEDGE_OK && err.msg[0]);
    }
    sedge_recipe_free(r);
    return 0;
}
