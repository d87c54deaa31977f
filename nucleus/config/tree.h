/*
 * tree - nodes of the configuration and the rules of timed writes; the inside of config.h. No loop, no file, no clock.
 *
 * Every change is told to `on`: of a removed node while it is still in its place, of the others afterwards.
 * One thread at a time.
 */
#ifndef SEDGE_CONFIG_TREE_H
#define SEDGE_CONFIG_TREE_H

#include "config.h"

struct sedge_node { /* a device has thousands of them */
    struct sedge_node *parent;
    union {
        struct sedge_node **child; /* of a container */
        struct json_object *value; /* of a leaf */
    };
    int64_t ts; /* a container's counts while it has no children */
    uint32_t nchildren, cap;
    uint32_t hash; /* of the name without case: most comparisons end here */
    bool leaf;
    char name[];
};

enum sedge_node_event {
    SEDGE_NODE_CHANGED, /* leaf, other value */
    SEDGE_NODE_ADDED,   /* leaf */
    SEDGE_NODE_MADE,    /* container */
    SEDGE_NODE_STAMPED, /* only the time */
    SEDGE_NODE_REMOVED
};

struct sedge_tree {
    struct sedge_node *root;
    size_t nnodes;
    void (*on)(void *user, struct sedge_node *node, enum sedge_node_event event); /* may be NULL */
    void *user;
};

void sedge_tree_init(struct sedge_tree *t);
void sedge_tree_release(struct sedge_tree *t);

struct sedge_node *sedge_node_child(const struct sedge_node *n, const char *name);
struct sedge_node *sedge_tree_find(const struct sedge_tree *t, struct sedge_path path);
int64_t sedge_node_ts(const struct sedge_node *n);
bool sedge_node_private(const struct sedge_node *n); /* a name on its path begins with '_' */
/* Plain or with times, see SEDGE_CONFIG_PUBLIC and _STAMPED. New reference. */
struct json_object *sedge_node_json(const struct sedge_node *n, unsigned flags);

#define SEDGE_TREE_FORCE 1u /* ignore the times */
#define SEDGE_TREE_RAISE 2u /* an equal value gets the newer time */

/* Whether `value` fits below `depth` names; LIMIT. Call before anything is changed. */
int sedge_tree_fits(const struct sedge_tree *t, struct sedge_path path, struct json_object *value,
                    struct sedge_err *err);
/* The container at `path`, made where missing. NULL with CONFLICT when a leaf is in the way. */
struct sedge_node *sedge_tree_container(struct sedge_tree *t, struct sedge_path path, int64_t ts,
                                        struct sedge_err *err);
/* Child `name` becomes a container, whatever it was. */
struct sedge_node *sedge_tree_make(struct sedge_tree *t, struct sedge_node *parent, const char *name, int64_t ts);
/* 1 written or nothing to do, 0 refused. */
int sedge_tree_leaf(struct sedge_tree *t, struct sedge_node *parent, const char *name, struct json_object *value,
                    int64_t ts, unsigned flags);
void sedge_tree_merge(struct sedge_tree *t, struct sedge_node *into, struct json_object *object, int64_t ts,
                      unsigned flags);
void sedge_tree_stamp(struct sedge_tree *t, struct sedge_node *n, int64_t ts);
/* Not for the root. */
void sedge_tree_remove(struct sedge_tree *t, struct sedge_node *n);

/* `stamped` has the form of SEDGE_CONFIG_STAMPED; INVALID otherwise. */
int sedge_stamped_check(struct json_object *stamped, struct sedge_err *err);
/* Merges a checked stamped container with the times that it holds. */
void sedge_tree_merge_stamped(struct sedge_tree *t, struct sedge_node *into, struct json_object *stamped,
                              unsigned flags);

#endif
