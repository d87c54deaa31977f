#include "resolve.h"
#include "document.h"

#include "base/mem.h"
#include "base/semver.h"

#include <string.h>

/* A choice can change the requirements of others, so picking goes round by round until nothing changes. */
#define ROUNDS_MAX 100

struct constraint {
    char *who;
    char *text;
};

struct node {
    char *component;
    char *version; /* NULL: not picked yet */
    bool builtin;
    bool root;
    bool local; /* a LOCAL_DEPLOYMENT root asks for it */
    struct constraint *constraints;
    size_t n;
    struct sedge_strv deps;   /* of `version` */
    int mark;                 /* of the depth-first walk */
    const struct node *above; /* where that walk came from */
};

struct work {
    const struct sedge_resolve_ops *ops;
    void *env;
    struct node *nodes; /* those reachable in this round, in order of discovery */
    size_t n;
    struct sedge_resolution *out;
    struct sedge_failure *f;
};

static struct node *find(struct work *w, const char *component)
{
    for (size_t i = 0; i < w->n; i++)
        if (strcmp(w->nodes[i].component, component) == 0) return &w->nodes[i];
    return NULL;
}

static void clear_constraints(struct node *n)
{
    for (size_t i = 0; i < n->n; i++) {
        free(n->constraints[i].who);
        free(n->constraints[i].text);
    }
    free(n->constraints);
    n->constraints = NULL;
    n->n = 0;
}

static void release_node(struct node *n)
{
    clear_constraints(n);
    sedge_strv_release(&n->deps);
    free(n->component);
    free(n->version);
}

/* Index instead of a pointer: the array may move. */
static size_t add_constraint(struct work *w, const char *component, const char *who, const char *text)
{
    struct node *n = find(w, component);

    if (!n) {
        w->nodes = sedge_xrealloc(w->nodes, w->n + 1, sizeof *w->nodes);
        n = &w->nodes[w->n++];
        memset(n, 0, sizeof *n);
        n->component = sedge_xstrdup(component);
    }
    n->constraints = sedge_xrealloc(n->constraints, n->n + 1, sizeof *n->constraints);
    n->constraints[n->n++] = (struct constraint){sedge_xstrdup(who), sedge_xstrdup(text)};
    return (size_t)(n - w->nodes);
}

static void add_missing(struct work *w, const char *component, const char *version, struct json_object *requirements)
{
    struct sedge_resolution *o = w->out;

    for (size_t i = 0; i < o->nmissing; i++)
        if (strcmp(o->missing[i].component, component) == 0 && sedge_str_eq(o->missing[i].version, version) &&
            json_object_equal(o->missing[i].requirements, requirements))
            return;
    o->missing = sedge_xrealloc(o->missing, o->nmissing + 1, sizeof *o->missing);
    o->missing[o->nmissing++] =
        (struct sedge_lookup){sedge_xstrdup(component), sedge_xstrdup(version), json_object_get(requirements)};
}

static bool satisfies_all(const struct node *n, const struct sedge_version *v)
{
    for (size_t i = 0; i < n->n; i++) {
        struct sedge_semreq *req = sedge_semreq_parse(n->constraints[i].text, NULL);
        bool ok = req && sedge_semreq_match(req, v);
        sedge_semreq_free(req);
        if (!ok) return false;
    }
    return true;
}

static int bad_requirement(struct work *w, const struct node *n)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    for (size_t i = 0; i < n->n; i++) {
        struct sedge_semreq *req = sedge_semreq_parse(n->constraints[i].text, &err);
        if (req) {
            sedge_semreq_free(req);
            continue;
        }
        sedge_failure_add(w->f, "NO_AVAILABLE_COMPONENT_VERSION");
        sedge_failure_add(w->f, "COMPONENT_VERSION_NOT_VALID");
        sedge_failure_cause(w->f, "%s requires %s in a way that is not a version requirement: %s",
                            n->constraints[i].who, n->component, err.msg);
        return -1;
    }
    return 0;
}

static int conflict(struct work *w, const struct node *n, const struct sedge_strv *versions)
{
    sedge_auto_buf struct sedge_buf who = SEDGE_BUF_INIT;
    sedge_auto_free char *known = sedge_strv_join(versions, ", ");

    if (bad_requirement(w, n) != 0) return -1;
    for (size_t i = 0; i < n->n; i++)
        sedge_buf_printf(&who, "%s%s requires %s", i ? ", " : "", n->constraints[i].who, n->constraints[i].text);
    sedge_failure_add(w->f, "NO_AVAILABLE_COMPONENT_VERSION");
    sedge_failure_add(w->f, "COMPONENT_VERSION_REQUIREMENTS_NOT_MET");
    if (versions->n == 0)
        sedge_failure_cause(
            w->f,
            "No version of component %s is known on this device or in its component store (%s). Publish it, or "
            "give its recipe with the deployment",
            n->component, who.data);
    else
        sedge_failure_cause(w->f, "No version of component %s satisfies everybody: %s; there are: %s", n->component,
                            who.data, known);
    return -1;
}

/* Highest of the versions that satisfies all; NULL if none does. */
static const char *highest(const struct node *n, const struct sedge_strv *versions)
{
    struct sedge_version best = {{0}, "", ""};
    const char *found = NULL;

    for (size_t i = 0; i < versions->n; i++) {
        struct sedge_version v;
        if (sedge_version_parse(versions->v[i], &v, NULL) != 0 || !satisfies_all(n, &v)) continue;
        if (found && sedge_version_cmp(&v, &best) <= 0) continue;
        best = v;
        found = versions->v[i];
    }
    return found;
}

enum picked { PICK_FAILED = -1, PICK_DONE, PICK_UNKNOWN };

/* The version that runs, if it fits. */
static const char *fitting_active(struct work *w, const struct node *n)
{
    const char *active = w->ops->active(w->env, n->component);
    struct sedge_version v;

    return active && sedge_version_parse(active, &v, NULL) == 0 && satisfies_all(n, &v) ? active : NULL;
}

static bool are_requirements(const struct node *n)
{
    for (size_t i = 0; i < n->n; i++) {
        struct sedge_semreq *req = sedge_semreq_parse(n->constraints[i].text, NULL);

        if (!req) return false;
        sedge_semreq_free(req);
    }
    return true;
}

static struct json_object *requirements_of(const struct node *n)
{
    struct json_object *o = json_object_new_object();

    for (size_t i = 0; i < n->n; i++)
        sedge_json_add_str(o, n->constraints[i].who, n->constraints[i].text);
    return o;
}

/* The data plane decides; what the device has is a proposal (spec/deployment.md 9.1). */
static enum picked negotiate(struct work *w, const struct node *n, char **version, struct sedge_strv *versions)
{
    const char *candidate = fitting_active(w, n), *decided;
    sedge_auto_put struct json_object *requirements = requirements_of(n);

    if (!are_requirements(n)) return PICK_FAILED;
    if (!candidate && w->ops->versions(w->env, n->component, true, versions) != 0) candidate = highest(n, versions);
    if (n->local && candidate && !(w->ops->foreign && w->ops->foreign(w->env, n->component, candidate))) {
        *version = sedge_xstrdup(candidate);
        return PICK_DONE;
    }
    if (w->ops->negotiate(w->env, n->component, candidate, requirements, &decided) == 0) {
        add_missing(w, n->component, candidate, requirements);
        return PICK_UNKNOWN;
    }
    *version = sedge_xstrdup(decided);
    return PICK_DONE;
}

static enum picked pick(struct work *w, const struct node *n, char **version, struct sedge_strv *versions)
{
    const char *active = fitting_active(w, n);
    const char *found;

    if (active) {
        *version = sedge_xstrdup(active);
        return PICK_DONE;
    }
    if (n->local && w->ops->versions(w->env, n->component, true, versions) != 0) {
        found = highest(n, versions);
        if (found) {
            *version = sedge_xstrdup(found);
            return PICK_DONE;
        }
    }
    sedge_strv_release(versions);
    if (w->ops->versions(w->env, n->component, false, versions) == 0) {
        add_missing(w, n->component, NULL, NULL);
        return PICK_UNKNOWN;
    }
    found = highest(n, versions);
    if (!found) return PICK_FAILED;
    *version = sedge_xstrdup(found);
    return PICK_DONE;
}

/* Follows the dependencies of what is picked so far and collects every requirement. */
static int collect(struct work *w, struct node *old, size_t nold)
{
    for (size_t i = 0; i < w->n; i++) {
        sedge_auto_strv struct sedge_strv names = {NULL, 0};
        sedge_auto_strv struct sedge_strv texts = {NULL, 0};
        struct sedge_err err = SEDGE_ERR_INIT;
        sedge_auto_free char *who = NULL;
        int known;

        if (w->n > SEDGE_RESOLVE_COMPONENTS_MAX) {
            sedge_failure_add(w->f, "COMPONENT_VERSION_REQUIREMENTS_NOT_MET");
            sedge_failure_cause(w->f, "The deployment needs more than %d components", SEDGE_RESOLVE_COMPONENTS_MAX);
            return -1;
        }
        for (size_t k = 0; k < nold && !w->nodes[i].version; k++)
            if (strcmp(old[k].component, w->nodes[i].component) == 0)
                w->nodes[i].version = sedge_xstrdup(old[k].version);
        w->nodes[i].builtin = w->ops->builtin(w->env, w->nodes[i].component) != NULL;
        if (w->nodes[i].builtin || !w->nodes[i].version) continue;
        known = w->ops->dependencies(w->env, w->nodes[i].component, w->nodes[i].version, &names, &texts, &err);
        if (known < 0) {
            sedge_failure_add(w->f, "COMPONENT_PACKAGE_LOADING_ERROR");
            sedge_failure_cause(w->f, "%s", err.msg);
            return -1;
        }
        if (known == 0) {
            add_missing(w, w->nodes[i].component, w->nodes[i].version, NULL);
            continue;
        }
        who = sedge_xasprintf("%s %s", w->nodes[i].component, w->nodes[i].version);
        for (size_t k = 0; k < names.n; k++) {
            (void)add_constraint(w, names.v[k], who, texts.v[k]);
            sedge_strv_add(&w->nodes[i].deps, names.v[k]);
        }
    }
    return 0;
}

/* Picks for every node. 1 something changed, 0 stable, -1 no version fits and nothing else moved. */
static int pick_all(struct work *w)
{
    bool changed = false;
    const struct node *failed = NULL;
    sedge_auto_strv struct sedge_strv failed_versions = {NULL, 0};

    for (size_t i = 0; i < w->n; i++) {
        struct node *n = &w->nodes[i];
        sedge_auto_strv struct sedge_strv versions = {NULL, 0};
        sedge_auto_free char *version = NULL;
        enum picked rc;

        if (n->builtin) {
            if (!n->version) n->version = sedge_xstrdup(w->ops->builtin(w->env, n->component));
            continue;
        }
        rc = w->ops->negotiate ? negotiate(w, n, &version, &versions) : pick(w, n, &version, &versions);
        if (rc == PICK_FAILED && !failed) {
            failed = n;
            failed_versions = versions;
            versions = (struct sedge_strv){NULL, 0};
        }
        if (rc != PICK_DONE || sedge_str_eq(version, n->version)) continue;
        free(n->version);
        n->version = sedge_steal(&version);
        changed = true;
    }
    if (changed) return 1;
    return failed ? conflict(w, failed, &failed_versions) : 0;
}

static void add_choice(struct work *w, const struct node *n)
{
    struct sedge_resolution *o = w->out;

    o->choices = sedge_xrealloc(o->choices, o->n + 1, sizeof *o->choices);
    o->choices[o->n++] =
        (struct sedge_choice){sedge_xstrdup(n->component), sedge_xstrdup(n->version), n->builtin, n->root};
}

/* `last` depends on n, from which the walk has come to it. */
static int circle(struct work *w, const struct node *n, const struct node *last)
{
    sedge_auto_free char *way = sedge_xstrdup(n->component);

    for (const struct node *at = last; at != n; at = at->above) {
        char *longer = sedge_xasprintf("%s -> %s", at->component, way);
        free(way);
        way = longer;
    }
    sedge_failure_add(w->f, "COMPONENT_CIRCULAR_DEPENDENCY_ERROR");
    sedge_failure_cause(w->f, "Component %s %s depends on itself through its dependencies: %s -> %s", n->component,
                        n->version, n->component, way);
    return -1;
}

/* Depth first: dependencies before dependants; a node met again while it is open closes a cycle. */
static int order(struct work *w, struct node *n, const struct node *above)
{
    if (n->mark == 2) return 0;
    if (n->mark == 1) return circle(w, n, above);
    n->mark = 1;
    n->above = above;
    for (size_t i = 0; i < n->deps.n; i++)
        if (order(w, find(w, n->deps.v[i]), n) != 0) return -1;
    n->mark = 2;
    add_choice(w, n);
    return 0;
}

static void free_nodes(struct node *nodes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        release_node(&nodes[i]);
    free(nodes);
}

static int run_round(struct work *w, const struct sedge_requirement *roots, size_t nroots)
{
    struct node *old = w->nodes;
    size_t nold = w->n;
    int rc;

    w->nodes = NULL;
    w->n = 0;
    for (size_t i = 0; i < nroots; i++) {
        size_t at = add_constraint(w, roots[i].component, roots[i].who, roots[i].text);
        w->nodes[at].root = true;
        if (strcmp(roots[i].who, SEDGE_LOCAL_GROUP) == 0) w->nodes[at].local = true;
    }
    rc = collect(w, old, nold);
    free_nodes(old, nold);
    return rc != 0 ? -1 : pick_all(w);
}

int sedge_resolve(const struct sedge_requirement *roots, size_t nroots, const struct sedge_resolve_ops *ops, void *env,
                  struct sedge_resolution *out, struct sedge_failure *f)
{
    struct work w = {ops, env, NULL, 0, out, f};
    int rc = 1;

    memset(out, 0, sizeof *out);
    for (int round = 0; rc == 1 && round < ROUNDS_MAX; round++)
        rc = run_round(&w, roots, nroots);
    if (rc == 1) {
        sedge_failure_add(f, "COMPONENT_VERSION_REQUIREMENTS_NOT_MET");
        sedge_failure_cause(f, "The version requirements chase each other and never settle");
        rc = -1;
    }
    if (rc == 0 && out->nmissing > 0) rc = 1;
    for (size_t i = 0; rc == 0 && i < w.n; i++)
        rc = order(&w, &w.nodes[i], NULL);
    free_nodes(w.nodes, w.n);
    return rc;
}

void sedge_resolution_release(struct sedge_resolution *r)
{
    for (size_t i = 0; i < r->n; i++) {
        free(r->choices[i].component);
        free(r->choices[i].version);
    }
    for (size_t i = 0; i < r->nmissing; i++) {
        free(r->missing[i].component);
        free(r->missing[i].version);
        json_object_put(r->missing[i].requirements);
    }
    free(r->choices);
    free(r->missing);
    memset(r, 0, sizeof *r);
}

const struct sedge_choice *sedge_resolution_find(const struct sedge_resolution *r, const char *component)
{
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->choices[i].component, component) == 0) return &r->choices[i];
    return NULL;
}
