/* What is asked of a component before it is published, beyond what its recipe says of itself. */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "component.h"
#include "recipe/recipe.h"
#include "resolve.h"

struct walk {
    struct sedge_cloud *c;
    const char *name;          /* the component that is to be published */
    struct sedge_strv visited; /* components */
    struct sedge_strv path;    /* from `name` to where the walk is */
};

static int cycle(struct walk *w, struct sedge_err *err)
{
    sedge_auto_free char *path = sedge_strv_join(&w->path, " -> ");

    return sedge_err_set(
        err, SEDGE_E_INVALID,
        "dependency cycle: %s -> %s; a device could start none of them, so one of these dependencies has "
        "to go",
        path, w->name);
}

/* Follows the best published version of what `r` depends on. */
static int follow(struct walk *w, const struct sedge_recipe *r, struct sedge_err *err)
{
    for (size_t i = 0; i < r->ndependencies; i++) {
        const char *name = r->dependencies[i].name;
        struct sedge_need need = {r->name, sedge_semreq_text(r->dependencies[i].requirement)};
        struct sedge_resolve_query q = {.component = name, .needs = &need, .nneeds = 1};
        struct sedge_recipe *next = NULL;
        struct sedge_resolved got;
        int rc = 0;

        if (strcmp(name, w->name) == 0) return cycle(w, err);
        if (sedge_strv_has(&w->visited, name)) continue;
        sedge_strv_add(&w->visited, name);
        if (sedge_resolve_version(w->c, &q, &got, NULL) == 0)
            next = sedge_recipe_parse(got.recipe, strlen(got.recipe), "stored.json", NULL);
        sedge_resolved_release(&got);
        if (!next) continue;
        sedge_strv_add(&w->path, name);
        rc = follow(w, next, err);
        free(w->path.v[--w->path.n]);
        sedge_recipe_free(next);
        if (rc != 0) return -1;
    }
    return 0;
}

static int check_cycle(struct sedge_cloud *c, const struct sedge_recipe *r, struct sedge_err *err)
{
    struct walk w = {.c = c, .name = r->name};
    int rc;

    sedge_strv_add(&w.path, r->name);
    rc = follow(&w, r, err);
    sedge_strv_release(&w.visited);
    sedge_strv_release(&w.path);
    return rc;
}

/* Dependencies that nobody has published yet: a warning, since the order of publication is the operator's. */
static int check_missing(struct sedge_cloud *c, const struct sedge_recipe *r, struct json_object *warnings,
                         struct sedge_err *err)
{
    for (size_t i = 0; i < r->ndependencies; i++) {
        const struct sedge_dependency *d = &r->dependencies[i];
        struct sedge_need need = {r->name, sedge_semreq_text(d->requirement)};
        struct sedge_resolve_query q = {.component = d->name, .needs = &need, .nneeds = 1};
        struct sedge_err why = SEDGE_ERR_INIT;
        struct sedge_resolved got;
        int rc;

        if (sedge_device_part(d->name)) continue;
        rc = sedge_resolve_version(c, &q, &got, &why);
        sedge_resolved_release(&got);
        if (rc == 0) continue;
        if (why.code != SEDGE_E_NOT_FOUND) {
            if (err) *err = why;
            return -1;
        }
        (void)json_object_array_add(warnings, json_object_new_string(why.msg));
    }
    return 0;
}

/* The longest text below `v`, with the key that it stands under. */
static size_t longest(struct json_object *v, const char *under, const char **key)
{
    size_t most = 0;

    if (json_object_is_type(v, json_type_string)) {
        *key = under;
        return (size_t)json_object_get_string_len(v);
    }
    if (!json_object_is_type(v, json_type_object)) return 0;
    json_object_object_foreach (v, name, child) {
        const char *where = NULL;
        size_t n = longest(child, strcasecmp(name, "script") == 0 ? under : name, &where);

        if (n <= most) continue;
        most = n;
        *key = where;
    }
    return most;
}

static int check_script(struct json_object *lifecycle, struct sedge_err *err)
{
    const char *key = "";
    size_t n = longest(lifecycle, "Lifecycle", &key);

    if (n < SEDGE_SCRIPT_BYTES_MAX) return 0;
    return sedge_err_set(
        err, SEDGE_E_LIMIT,
        "the script of \"%s\" has %zu bytes; Linux starts no command with a text of %d or more. Put it "
        "into an artifact and run that",
        key, n, SEDGE_SCRIPT_BYTES_MAX);
}

static int check_scripts(const struct sedge_recipe *r, struct sedge_err *err)
{
    if (check_script(r->lifecycle, err) != 0) return -1;
    for (size_t i = 0; i < r->nmanifests; i++) {
        if (check_script(r->manifests[i].lifecycle, err) != 0) return -1;
    }
    return 0;
}

int sedge_component_check(struct sedge_cloud *c, const struct sedge_package *p, struct json_object *warnings,
                          struct sedge_err *err)
{
    struct sedge_recipe *r = sedge_recipe_parse(p->recipe, strlen(p->recipe), "recipe.json", err);
    int rc = r ? check_scripts(r, err) : -1;

    if (rc == 0) rc = check_cycle(c, r, err);
    if (rc == 0) rc = check_missing(c, r, warnings, err);
    sedge_recipe_free(r);
    return rc == 0 ? 0 : sedge_err_wrap(err, "%s@%s", p->name, p->version);
}
