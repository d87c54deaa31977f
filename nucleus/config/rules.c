/* Writing a whole tree over the tree: deployments and rollbacks. */
#include "cfg.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"

struct writing {
    struct sedge_config *cfg;
    const struct sedge_config_rule *rules;
    size_t nrules;
};

/* How precisely one element of a rule names `name`: -1 not at all. */
static int element_rank(const char *element, const char *name)
{
    if (strcmp(element, "*") == 0) return 0;
    if (strcmp(element, "_*") == 0) return name[0] == '_' ? 1 : -1;
    return strcasecmp(element, name) == 0 ? 2 : -1;
}

/* Compares the rule with the path; *rank grows with precision, earlier names counting more. */
static bool rule_fits(const struct sedge_config_rule *rule, const char *const *names, size_t n, uint64_t *rank)
{
    *rank = 0;
    if (rule->path.n != n) return false;
    for (size_t i = 0; i < n; i++) {
        int r = element_rank(rule->path.v[i], names[i]);

        if (r < 0) return false;
        *rank = *rank * 3 + (uint64_t)r;
    }
    return true;
}

static const struct sedge_config_rule *rule_for(const struct writing *w, const char *const *names, size_t n,
                                                const struct sedge_config_rule *inherited)
{
    const struct sedge_config_rule *best = NULL;
    uint64_t best_rank = 0, rank;

    for (size_t i = 0; i < w->nrules; i++)
        if (rule_fits(&w->rules[i], names, n, &rank) && (!best || rank > best_rank)) {
            best = &w->rules[i];
            best_rank = rank;
        }
    return best ? best : inherited;
}

static void remove_unmentioned(const struct writing *w, struct sedge_node *node, struct json_object *object,
                               const char **names, size_t depth, const struct sedge_config_rule *rule)
{
    for (size_t i = node->nchildren; i-- > 0;) {
        const char *stored = NULL;

        names[depth] = node->child[i]->name;
        (void)sedge_json_get_nocase(object, node->child[i]->name, &stored);
        if (!stored && rule_for(w, names, depth + 1, rule)->mode == SEDGE_MODE_REPLACE)
            sedge_tree_remove(&w->cfg->tree, node->child[i]);
    }
}

static void write_over(const struct writing *w, struct sedge_node *node, struct json_object *object, const char **names,
                       size_t depth, const struct sedge_config_rule *rule)
{
    struct sedge_tree *t = &w->cfg->tree;

    remove_unmentioned(w, node, object, names, depth, rule);
    json_object_object_foreach (object, key, value) {
        const struct sedge_config_rule *r;

        names[depth] = key;
        r = rule_for(w, names, depth + 1, rule);
        if (json_object_is_type(value, json_type_object))
            write_over(w, sedge_tree_make(t, node, key, r->ts), value, names, depth + 1, r);
        else
            (void)sedge_tree_leaf(t, node, key, value, r->ts, SEDGE_TREE_RAISE);
    }
}

int sedge_config_replace(struct sedge_config *cfg, struct json_object *object, const struct sedge_config_rule *rules,
                         size_t n, struct sedge_err *err)
{
    const char *names[SEDGE_CONFIG_DEPTH_MAX + 1] = {NULL};
    struct writing w = {cfg, rules, n};
    const struct sedge_config_rule *root = rule_for(&w, names, 0, NULL);

    sedge_assert(root != NULL);
    if (!json_object_is_type(object, json_type_object))
        return sedge_err_set(err, SEDGE_E_INVALID, "expected an object to write, got %s",
                             json_type_to_name(json_object_get_type(object)));
    if (sedge_tree_fits(&cfg->tree, SEDGE_PATH_ROOT, object, err) != 0) return -1;
    sedge_config_begin(cfg);
    write_over(&w, cfg->tree.root, object, names, 0, root);
    sedge_config_end(cfg);
    return 0;
}

/* A clock that has been set back must not keep what a deployment decides from being written. `configuration` has rules
 * of its own, and the components' own values are not touched. */
static int64_t not_before_stored(struct sedge_config *cfg, int64_t now)
{
    const struct sedge_node *services = sedge_node_child(cfg->tree.root, "services");

    for (size_t i = 0; services && i < services->nchildren; i++) {
        const struct sedge_node *s = services->child[i];
        for (size_t k = 0; k < s->nchildren; k++) {
            const char *name = s->child[k]->name;
            int64_t ts = sedge_node_ts(s->child[k]);
            if (name[0] != '_' && strcasecmp(name, "configuration") != 0 && strcasecmp(name, "runtime") != 0 &&
                ts > now)
                now = ts;
        }
    }
    return now;
}

int sedge_config_apply(struct sedge_config *cfg, struct json_object *services, int64_t deploy_ts, int64_t wall_ms,
                       const char *const *keep, size_t nkeep, struct sedge_err *err)
{
    const int64_t now = not_before_stored(cfg, wall_ms);
    sedge_auto_put struct json_object *object = json_object_new_object();
    const struct sedge_config_rule fixed[] = {
        {SEDGE_PATH_ROOT, SEDGE_MODE_MERGE, now},
        {SEDGE_PATH("services", "*"), SEDGE_MODE_REPLACE, now},
        {SEDGE_PATH("services", "_*"), SEDGE_MODE_MERGE, now},
        {SEDGE_PATH("services", "*", "runtime"), SEDGE_MODE_MERGE, now},
        {SEDGE_PATH("services", "*", "_*"), SEDGE_MODE_MERGE, now},
        {SEDGE_PATH("services", "*", "configuration"), SEDGE_MODE_REPLACE, deploy_ts},
    };
    const size_t nfixed = SEDGE_ARRAY_LEN(fixed);
    struct sedge_config_rule *rules = sedge_xcalloc(nfixed + nkeep, sizeof(*rules));
    const char **paths = sedge_xcalloc(2 * nkeep + 1, sizeof(*paths));
    int rc;

    memcpy(rules, fixed, sizeof(fixed));
    for (size_t i = 0; i < nkeep; i++) {
        paths[2 * i] = "services";
        paths[2 * i + 1] = keep[i];
        rules[nfixed + i] = (struct sedge_config_rule){{paths + 2 * i, 2}, SEDGE_MODE_MERGE, now};
    }
    (void)json_object_object_add(object, "services", json_object_get(services));
    rc = sedge_config_replace(cfg, object, rules, nfixed + nkeep, err);
    free(rules);
    free(paths);
    return rc;
}

/* ---- snapshot and rollback ---- */

struct json_object *sedge_config_snapshot(struct sedge_config *cfg)
{
    return sedge_node_json(cfg->tree.root, SEDGE_CONFIG_PUBLIC | SEDGE_CONFIG_STAMPED);
}

struct restoring {
    struct sedge_tree *t;
    const char *const *keep;
    size_t nkeep;
};

/* Whether child `name` of `node` is left alone by a rollback. */
static bool kept(const struct restoring *r, const struct sedge_node *node, const char *name)
{
    const struct sedge_node *above = node->parent;

    if (name[0] == '_') return true;
    if (above && !above->parent && strcasecmp(node->name, "services") == 0) {
        for (size_t i = 0; i < r->nkeep; i++)
            if (strcasecmp(name, r->keep[i]) == 0) return true;
        return false;
    }
    return above && above->parent && !above->parent->parent && strcasecmp(above->name, "services") == 0 &&
           strcasecmp(name, "runtime") == 0;
}

static void restore_node(const struct restoring *r, struct sedge_node *node, struct json_object *stamped);

static void restore_child(const struct restoring *r, struct sedge_node *node, const char *name, struct json_object *v)
{
    int64_t ts = sedge_json_i64(v, "t", 0);

    if (kept(r, node, name) && sedge_node_child(node, name)) return;
    if (sedge_json_obj(v, "c"))
        restore_node(r, sedge_tree_make(r->t, node, name, ts), v);
    else
        (void)sedge_tree_leaf(r->t, node, name, sedge_json_get(v, "v"), ts, SEDGE_TREE_FORCE);
}

static void restore_node(const struct restoring *r, struct sedge_node *node, struct json_object *stamped)
{
    struct json_object *children = sedge_json_obj(stamped, "c");

    for (size_t i = node->nchildren; i-- > 0;) {
        const char *stored = NULL, *name = node->child[i]->name;

        (void)sedge_json_get_nocase(children, name, &stored);
        if (!stored && !kept(r, node, name)) sedge_tree_remove(r->t, node->child[i]);
    }
    json_object_object_foreach (children, key, v) {
        restore_child(r, node, key, v);
    }
    sedge_tree_stamp(r->t, node, sedge_json_i64(stamped, "t", 0));
}

int sedge_config_restore(struct sedge_config *cfg, struct json_object *snapshot, const char *const *keep, size_t nkeep,
                         struct sedge_err *err)
{
    struct restoring r = {&cfg->tree, keep, nkeep};

    if (sedge_stamped_check(snapshot, err) != 0) return -1;
    if (!sedge_json_obj(snapshot, "c"))
        return sedge_err_set(err, SEDGE_E_INVALID, "snapshot: the root is not a container");
    sedge_config_begin(cfg);
    restore_node(&r, cfg->tree.root, snapshot);
    sedge_config_end(cfg);
    return 0;
}
