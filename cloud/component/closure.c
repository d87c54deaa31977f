/* The closure of a deployment: rounds of "choose every component for what asks for it, ask what the choices depend on"
 * until the choices stay. A component that cannot be resolved fails the closure only when it is still asked for then.
 */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "recipe/recipe.h"
#include "resolve.h"

struct node {
    char *component, *version; /* version NULL: not resolved, see failure */
    struct sedge_strv who, range;
    struct sedge_strv dep, dep_range; /* of the chosen version */
    bool root, part, deprecated;
    struct sedge_err failure;
};
struct nodes {
    struct node *v;
    size_t n;
};

static void nodes_release(struct nodes *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->v[i].component);
        free(l->v[i].version);
        sedge_strv_release(&l->v[i].who);
        sedge_strv_release(&l->v[i].range);
        sedge_strv_release(&l->v[i].dep);
        sedge_strv_release(&l->v[i].dep_range);
    }
    free(l->v);
    *l = (struct nodes){0};
}

static struct node *node_of(struct nodes *l, const char *component)
{
    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->v[i].component, component) == 0) return &l->v[i];
    }
    l->v = sedge_xrealloc(l->v, l->n + 1, sizeof(*l->v));
    l->v[l->n] = (struct node){.component = sedge_xstrdup(component), .part = sedge_device_part(component)};
    return &l->v[l->n++];
}

static void ask(struct nodes *l, const char *component, const char *who, const char *range, bool root)
{
    struct node *n = node_of(l, component);

    sedge_strv_add(&n->who, who);
    sedge_strv_add(&n->range, range);
    n->root |= root;
}

static void take_dependencies(struct node *n, const char *recipe)
{
    struct sedge_recipe *r = sedge_recipe_parse(recipe, strlen(recipe), "stored.json", NULL);

    for (size_t i = 0; r && i < r->ndependencies; i++) {
        sedge_strv_add(&n->dep, r->dependencies[i].name);
        sedge_strv_add(&n->dep_range, sedge_semreq_text(r->dependencies[i].requirement));
    }
    sedge_recipe_free(r);
}

static int choose(struct sedge_cloud *c, struct node *n, struct json_object *platform, struct sedge_err *err)
{
    sedge_auto_free struct sedge_need *needs = sedge_xcalloc(n->who.n, sizeof(*needs));
    struct sedge_resolve_query q = {
        .component = n->component, .needs = needs, .nneeds = n->who.n, .platform = platform};
    struct sedge_resolved got;

    if (n->part) {
        n->version = sedge_xstrdup(n->root ? n->range.v[0] : "");
        return 0;
    }
    for (size_t i = 0; i < n->who.n; i++)
        needs[i] = (struct sedge_need){n->who.v[i], n->range.v[i]};
    if (sedge_resolve_version(c, &q, &got, &n->failure) == 0) {
        n->version = sedge_steal(&got.version);
        n->deprecated = got.deprecated;
        take_dependencies(n, got.recipe);
    }
    sedge_resolved_release(&got);
    if (n->version || n->failure.code == SEDGE_E_NOT_FOUND) return 0;
    if (err) *err = n->failure;
    return -1;
}

/* The next round: the roots, and what the choices of `was` depend on. */
static int next_round(struct sedge_cloud *c, struct json_object *components, struct json_object *platform,
                      const char *who, const struct nodes *was, struct nodes *out, struct sedge_err *err)
{
    json_object_object_foreach (components, name, v) {
        ask(out, name, who, sedge_json_str(v, "version", "*"), true);
    }
    for (size_t i = 0; i < was->n; i++) {
        const struct node *n = &was->v[i];
        sedge_auto_free char *label = n->version ? sedge_xasprintf("%s@%s", n->component, n->version) : NULL;

        for (size_t k = 0; k < n->dep.n; k++)
            ask(out, n->dep.v[k], label, n->dep_range.v[k], false);
    }
    if (out->n > SEDGE_CLOSURE_COMPONENTS_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "the deployment and its dependencies have more than %d components",
                             SEDGE_CLOSURE_COMPONENTS_MAX);
    for (size_t i = 0; i < out->n; i++) {
        if (choose(c, &out->v[i], platform, err) != 0) return -1;
    }
    return 0;
}

static bool same(const struct nodes *a, const struct nodes *b)
{
    if (a->n != b->n) return false;
    for (size_t i = 0; i < a->n; i++) {
        if (strcmp(a->v[i].component, b->v[i].component) != 0 || !sedge_str_eq(a->v[i].version, b->v[i].version))
            return false;
    }
    return true;
}

static int settle(struct sedge_cloud *c, struct json_object *components, struct json_object *platform, const char *who,
                  struct nodes *out, struct sedge_err *err)
{
    for (int round = 0; round < SEDGE_CLOSURE_ROUNDS_MAX; round++) {
        struct nodes next = {0};
        int rc = next_round(c, components, platform, who, out, &next, err);
        bool done = rc == 0 && same(out, &next);

        nodes_release(out);
        *out = next;
        if (rc != 0 || done) return rc;
    }
    return sedge_err_set(err, SEDGE_E_NOT_FOUND,
                         "the dependencies of %s do not settle: versions that are chosen rule each other out", who);
}

void sedge_closure_release(struct sedge_closure *r)
{
    for (size_t i = 0; i < r->n; i++) {
        free(r->v[i].component);
        free(r->v[i].version);
    }
    free(r->v);
    *r = (struct sedge_closure){0};
}

static int hand_over(struct nodes *l, struct sedge_closure *out, struct sedge_err *err)
{
    for (size_t i = 0; i < l->n; i++) {
        if (l->v[i].version) continue;
        if (err) *err = l->v[i].failure;
        return -1;
    }
    out->v = sedge_xcalloc(l->n + 1, sizeof(*out->v));
    for (size_t i = 0; i < l->n; i++) {
        struct node *n = &l->v[i];

        out->v[out->n++] = (struct sedge_chosen){.component = sedge_steal(&n->component),
                                                 .version = sedge_steal(&n->version),
                                                 .root = n->root,
                                                 .device_part = n->part,
                                                 .deprecated = n->deprecated};
    }
    return 0;
}

int sedge_resolve_closure(struct sedge_cloud *c, struct json_object *components, struct json_object *platform,
                          const char *who, struct sedge_closure *out, struct sedge_err *err)
{
    struct nodes l = {0};
    int rc = settle(c, components, platform, who, &l, err);

    *out = (struct sedge_closure){0};
    if (rc == 0) rc = hand_over(&l, out, err);
    nodes_release(&l);
    return rc;
}

const struct sedge_chosen *sedge_closure_find(const struct sedge_closure *r, const char *component)
{
    for (size_t i = 0; i < r->n; i++) {
        if (strcmp(r->v[i].component, component) == 0) return &r->v[i];
    }
    return NULL;
}
