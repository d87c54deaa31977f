#include "tree.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"

#define FIRST_CHILDREN 3 /* as many as the smallest piece of the heap holds */

static uint32_t hash_name(const char *s)
{
    uint32_t h = 2166136261u;

    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;

        h = (h ^ (c >= 'A' && c <= 'Z' ? c + 32u : c)) * 16777619u;
    }
    return h;
}

static struct sedge_node *new_node(const char *name)
{
    size_t size = strlen(name) + 1;
    struct sedge_node *n = sedge_xcalloc(1, offsetof(struct sedge_node, name) + size);

    memcpy(n->name, name, size);
    return n;
}

void sedge_tree_init(struct sedge_tree *t)
{
    *t = (struct sedge_tree){.root = new_node("")};
}

static void free_node(struct sedge_node *n);

static void free_content(struct sedge_node *n)
{
    for (size_t i = 0; i < n->nchildren; i++)
        free_node(n->child[i]);
    if (n->leaf)
        (void)json_object_put(n->value);
    else
        free(n->child);
}

static void free_node(struct sedge_node *n)
{
    free_content(n);
    free(n);
}

void sedge_tree_release(struct sedge_tree *t)
{
    if (t->root) free_node(t->root);
    t->root = NULL;
}

static void tell(struct sedge_tree *t, struct sedge_node *n, enum sedge_node_event event)
{
    if (t->on) t->on(t->user, n, event);
}

struct sedge_node *sedge_node_child(const struct sedge_node *n, const char *name)
{
    uint32_t h = hash_name(name);

    for (size_t i = 0; i < n->nchildren; i++)
        if (n->child[i]->hash == h && strcasecmp(n->child[i]->name, name) == 0) return n->child[i];
    return NULL;
}

struct sedge_node *sedge_tree_find(const struct sedge_tree *t, struct sedge_path path)
{
    struct sedge_node *n = t->root;

    for (size_t i = 0; n && i < path.n; i++)
        n = n->leaf ? NULL : sedge_node_child(n, path.v[i]);
    return n;
}

int64_t sedge_node_ts(const struct sedge_node *n)
{
    int64_t newest = 0;

    if (n->leaf || n->nchildren == 0) return n->ts;
    for (size_t i = 0; i < n->nchildren; i++) {
        int64_t ts = sedge_node_ts(n->child[i]);

        if (i == 0 || ts > newest) newest = ts;
    }
    return newest;
}

bool sedge_node_private(const struct sedge_node *n)
{
    for (; n; n = n->parent)
        if (n->name[0] == '_') return true;
    return false;
}

struct json_object *sedge_node_json(const struct sedge_node *n, unsigned flags)
{
    struct json_object *o, *c;

    if (n->leaf) {
        if (!(flags & SEDGE_CONFIG_STAMPED)) return sedge_json_copy(n->value);
        o = json_object_new_object();
        sedge_json_add_i64(o, "t", n->ts);
        (void)json_object_object_add(o, "v", sedge_json_copy(n->value));
        return o;
    }
    c = json_object_new_object();
    for (size_t i = 0; i < n->nchildren; i++) {
        if ((flags & SEDGE_CONFIG_PUBLIC) && n->child[i]->name[0] == '_') continue;
        (void)json_object_object_add(c, n->child[i]->name, sedge_node_json(n->child[i], flags));
    }
    if (!(flags & SEDGE_CONFIG_STAMPED)) return c;
    o = json_object_new_object();
    sedge_json_add_i64(o, "t", n->ts);
    (void)json_object_object_add(o, "c", c);
    return o;
}

static int count_fit(struct json_object *v, size_t depth, size_t *nnodes, struct sedge_err *err)
{
    if (++*nnodes > SEDGE_CONFIG_NODES_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "the configuration would have more than %d entries",
                             SEDGE_CONFIG_NODES_MAX);
    if (depth > SEDGE_CONFIG_DEPTH_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "the configuration would be more than %d levels deep",
                             SEDGE_CONFIG_DEPTH_MAX);
    if (!json_object_is_type(v, json_type_object)) return 0;
    json_object_object_foreach (v, key, child) {
        if (strlen(key) > SEDGE_CONFIG_NAME_MAX)
            return sedge_err_set(err, SEDGE_E_LIMIT, "key \"%.40s...\" is longer than %d bytes", key,
                                 SEDGE_CONFIG_NAME_MAX);
        if (count_fit(child, depth + 1, nnodes, err) != 0) return -1;
    }
    return 0;
}

int sedge_tree_fits(const struct sedge_tree *t, struct sedge_path path, struct json_object *value,
                    struct sedge_err *err)
{
    size_t nnodes = t->nnodes + path.n;

    for (size_t i = 0; i < path.n; i++)
        if (strlen(path.v[i]) > SEDGE_CONFIG_NAME_MAX)
            return sedge_err_set(err, SEDGE_E_LIMIT, "key \"%.40s...\" is longer than %d bytes", path.v[i],
                                 SEDGE_CONFIG_NAME_MAX);
    return count_fit(value, path.n, &nnodes, err);
}

static struct sedge_node *add_child(struct sedge_tree *t, struct sedge_node *parent, const char *name, int64_t ts)
{
    struct sedge_node *n = new_node(name);

    n->hash = hash_name(name);
    n->parent = parent;
    n->ts = ts;
    if (parent->nchildren == parent->cap) {
        parent->cap = parent->cap ? parent->cap * 2 : FIRST_CHILDREN;
        parent->child = sedge_xrealloc(parent->child, parent->cap, sizeof(struct sedge_node *));
    }
    parent->child[parent->nchildren++] = n;
    t->nnodes++;
    return n;
}

static size_t count_below(const struct sedge_node *n)
{
    size_t sum = n->nchildren;

    for (size_t i = 0; i < n->nchildren; i++)
        sum += count_below(n->child[i]);
    return sum;
}

/* Takes everything out of a node, which keeps its name and place. */
static void hollow(struct sedge_tree *t, struct sedge_node *n)
{
    t->nnodes -= count_below(n);
    free_content(n);
    n->child = NULL;
    n->nchildren = n->cap = 0;
    n->leaf = false;
}

void sedge_tree_remove(struct sedge_tree *t, struct sedge_node *n)
{
    struct sedge_node *parent = n->parent;
    int64_t ts = sedge_node_ts(n);
    size_t i = 0;

    tell(t, n, SEDGE_NODE_REMOVED);
    while (parent->child[i] != n)
        i++;
    memmove(parent->child + i, parent->child + i + 1, (parent->nchildren - i - 1) * sizeof(struct sedge_node *));
    parent->nchildren--;
    t->nnodes -= count_below(n) + 1;
    free_node(n);
    if (parent->nchildren == 0) sedge_tree_stamp(t, parent, ts);
}

void sedge_tree_stamp(struct sedge_tree *t, struct sedge_node *n, int64_t ts)
{
    if (n->ts == ts) return;
    n->ts = ts;
    tell(t, n, SEDGE_NODE_STAMPED);
}

struct sedge_node *sedge_tree_make(struct sedge_tree *t, struct sedge_node *parent, const char *name, int64_t ts)
{
    struct sedge_node *n = sedge_node_child(parent, name);

    if (n && !n->leaf) return n;
    if (n) {
        tell(t, n, SEDGE_NODE_REMOVED);
        hollow(t, n);
        n->ts = ts;
    } else {
        n = add_child(t, parent, name, ts);
    }
    tell(t, n, SEDGE_NODE_MADE);
    return n;
}

struct sedge_node *sedge_tree_container(struct sedge_tree *t, struct sedge_path path, int64_t ts, struct sedge_err *err)
{
    struct sedge_node *n = t->root, *next;

    for (size_t i = 0; i < path.n; i++, n = next) {
        next = sedge_node_child(n, path.v[i]);
        if (next && next->leaf) {
            (void)sedge_err_set(err, SEDGE_E_CONFLICT, "%s is already a leaf, cannot become a container", next->name);
            return NULL;
        }
        if (!next) next = sedge_tree_make(t, n, path.v[i], ts);
    }
    return n;
}

static struct json_object *keep(struct json_object *value)
{
    struct json_object *copy = sedge_json_copy(value);

    sedge_json_compact(copy);
    return copy;
}

int sedge_tree_leaf(struct sedge_tree *t, struct sedge_node *parent, const char *name, struct json_object *value,
                    int64_t ts, unsigned flags)
{
    struct sedge_node *n = sedge_node_child(parent, name);

    if (n && n->leaf) {
        if (!(flags & SEDGE_TREE_FORCE) && ts < n->ts) return 0;
        if (json_object_equal(n->value, value)) {
            if (flags & (SEDGE_TREE_FORCE | SEDGE_TREE_RAISE)) sedge_tree_stamp(t, n, ts);
            return 1;
        }
        (void)json_object_put(n->value);
        n->value = keep(value);
        n->ts = ts;
        tell(t, n, SEDGE_NODE_CHANGED);
        return 1;
    }
    if (n) {
        tell(t, n, SEDGE_NODE_REMOVED);
        hollow(t, n);
        n->ts = ts;
    } else {
        n = add_child(t, parent, name, ts);
    }
    n->leaf = true;
    n->value = keep(value);
    tell(t, n, SEDGE_NODE_ADDED);
    return 1;
}

void sedge_tree_merge(struct sedge_tree *t, struct sedge_node *into, struct json_object *object, int64_t ts,
                      unsigned flags)
{
    json_object_object_foreach (object, key, value) {
        if (json_object_is_type(value, json_type_object))
            sedge_tree_merge(t, sedge_tree_make(t, into, key, ts), value, ts, flags);
        else
            (void)sedge_tree_leaf(t, into, key, value, ts, flags);
    }
}

static int check_stamped(struct json_object *stamped, unsigned depth, struct sedge_err *err)
{
    struct json_object *t = sedge_json_get(stamped, "t"), *c = sedge_json_obj(stamped, "c");

    if (depth > SEDGE_CONFIG_DEPTH_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "snapshot: more than %d levels", SEDGE_CONFIG_DEPTH_MAX);
    if (!json_object_is_type(t, json_type_int))
        return sedge_err_set(err, SEDGE_E_INVALID, "snapshot: expected {\"t\":time, \"v\":value or \"c\":children}");
    if (!c) {
        if (sedge_json_has(stamped, "v") && !json_object_is_type(sedge_json_get(stamped, "v"), json_type_object))
            return 0;
        return sedge_err_set(err, SEDGE_E_INVALID, "snapshot: an entry has neither a value nor children");
    }
    json_object_object_foreach (c, key, child) {
        if (check_stamped(child, depth + 1, err) != 0) return sedge_err_wrap(err, "%s", key);
    }
    return 0;
}

int sedge_stamped_check(struct json_object *stamped, struct sedge_err *err)
{
    return check_stamped(stamped, 0, err);
}

void sedge_tree_merge_stamped(struct sedge_tree *t, struct sedge_node *into, struct json_object *stamped,
                              unsigned flags)
{
    json_object_object_foreach (sedge_json_obj(stamped, "c"), key, v) {
        int64_t ts = sedge_json_i64(v, "t", 0);

        if (sedge_json_obj(v, "c"))
            sedge_tree_merge_stamped(t, sedge_tree_make(t, into, key, ts), v, flags);
        else
            (void)sedge_tree_leaf(t, into, key, sedge_json_get(v, "v"), ts, flags);
    }
}
