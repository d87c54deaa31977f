/*
 * config - the one tree of settings and state of the nucleus (spec/config.md 1, 2).
 *
 *   struct sedge_config *cfg = sedge_config_new(loop);
 *   sedge_config_start(cfg, ...);                               // start.h: stored configuration and files
 *   sedge_config_write_take(cfg, SEDGE_PATH("services", name, "version"), json_object_new_string("1.0.0"), now, NULL);
 *   w = sedge_config_watch(cfg, SEDGE_PATH("services"), changed_cb, user);
 *   ...
 *   sedge_config_close(cfg, closed_cb, user);
 *
 * A node is a container (named children in the order of creation) or a leaf (any JSON value that is not an object; a
 * list is one leaf, whatever is in it). Names are looked up without regard to ASCII case and keep the spelling of the
 * first write. Each node has a modification time in ms; that of a container is the newest below it, an empty one keeps
 * the time of its creation or of the child removed last. Names that begin with '_' are private: not persisted, and left
 * out by SEDGE_CONFIG_PUBLIC.
 *
 * Timed write: refused (returns 0, silently) when the leaf is newer than the time given; an equal time wins. A leaf
 * that meets an object or the reverse is replaced whatever the times.
 *
 * Every change is handed to the database at the end of the loop turn (persist.h), and events go to the watchers then,
 * in order: never from inside a call that writes, never while a batch is open.
 *
 * Loop thread only. JSON arguments are borrowed and copied unless the name says _take; JSON results are new references.
 */
#ifndef SEDGE_CONFIG_CONFIG_H
#define SEDGE_CONFIG_CONFIG_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "base/str.h"

struct sedge_config;
struct sedge_config_watch;

#define SEDGE_CONFIG_DEPTH_MAX 32     /* names in a path; a deeper write is LIMIT */
#define SEDGE_CONFIG_NAME_MAX  1024   /* bytes in a name; longer is LIMIT */
#define SEDGE_CONFIG_NODES_MAX 200000 /* nodes in the tree; more is LIMIT */

struct sedge_path {
    const char *const *v;
    size_t n;
};
/* SEDGE_PATH("services", name, "configuration"); lives to the end of the block. */
#define SEDGE_PATH(...)                                                                                                \
    ((struct sedge_path){(const char *const[]){__VA_ARGS__},                                                           \
                         sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)})
#define SEDGE_PATH_ROOT ((struct sedge_path){NULL, 0})

/* `loop` may be NULL (tools, tests): then nothing happens by itself and sedge_config_dispatch delivers. */
struct sedge_config *sedge_config_new(uv_loop_t *loop);
/* Stops timers; when the last submission to the database is done too, frees and calls on_closed (may be NULL).
 * Watches that are still there end with it: do not unwatch them afterwards. With a NULL loop it frees at once. Flush
 * first: what has not been submitted is not written any more. */
void sedge_config_close(struct sedge_config *cfg, void (*on_closed)(void *user), void *user);

/* ---- reading ---- */

#define SEDGE_CONFIG_PUBLIC  1u /* leave out private names at every level below the node */
#define SEDGE_CONFIG_STAMPED 2u /* with times: leaf {"t":ms,"v":value}, container {"t":ms,"c":{name:...}} */

/* 1 found (*out new reference; NULL for a leaf that is null), 0 no such node (also: the path goes on below a leaf). */
int sedge_config_get(struct sedge_config *cfg, struct sedge_path path, unsigned flags, struct json_object **out);
/* A container as a plain object, NULL when there is none. */
struct json_object *sedge_config_get_object(struct sedge_config *cfg, struct sedge_path path);

struct sedge_config_info {
    bool leaf;
    int64_t ts;       /* a container's: the newest below it */
    const char *name; /* as stored; valid until the next write */
    size_t nchildren;
};
bool sedge_config_info(struct sedge_config *cfg, struct sedge_path path, struct sedge_config_info *info);
bool sedge_config_has(struct sedge_config *cfg, struct sedge_path path);
/* Names of the children, in order; none for a leaf or an absent node. */
void sedge_config_children(struct sedge_config *cfg, struct sedge_path path, struct sedge_strv *names);

/* Leaves with the coercions of the specification (config.md 2); the default when absent or not convertible.
 * The text of _str is valid until the next write. */
const char *sedge_config_str(struct sedge_config *cfg, struct sedge_path path, const char *def);
int64_t sedge_config_i64(struct sedge_config *cfg, struct sedge_path path, int64_t def);
bool sedge_config_bool(struct sedge_config *cfg, struct sedge_path path, bool def);

/* Grows with every change of a value (not of a time only): for caches of what was read. */
uint64_t sedge_config_generation(const struct sedge_config *cfg);

/* ---- writing: one node or subtree ---- */

#define SEDGE_CONFIG_FORCE 1u /* whatever the times are */

/* All: 1 done (or nothing to do), 0 refused because the node is newer, -1 CONFLICT (a parent on the path is a leaf)
 * or LIMIT. Missing containers are made. An equal value changes nothing, not even the time. An object is merged. */
int sedge_config_write(struct sedge_config *cfg, struct sedge_path path, struct json_object *value, int64_t ts,
                       struct sedge_err *err);
int sedge_config_write_take(struct sedge_config *cfg, struct sedge_path path, struct json_object *value, int64_t ts,
                            struct sedge_err *err);
/* Sets value and time in any case. */
int sedge_config_set_take(struct sedge_config *cfg, struct sedge_path path, struct json_object *value, int64_t ts,
                          struct sedge_err *err);
/* Objects level by level, everything else is a timed write; what is not mentioned stays; equal values get the newer
 * time. A leaf at `path` is replaced by the object. 0 or -1; older leaves are left silently. */
int sedge_config_merge(struct sedge_config *cfg, struct sedge_path path, struct json_object *object, int64_t ts,
                       struct sedge_err *err);
/* 1 removed with all below, 0 there is none or it is newer than ts. */
int sedge_config_remove(struct sedge_config *cfg, struct sedge_path path, int64_t ts, unsigned flags);

/* ---- writing: a deployment ---- */

enum sedge_config_mode { SEDGE_MODE_MERGE, SEDGE_MODE_REPLACE };
/* How nodes at and below `path` are treated when an object is written over the tree. "*" in a path is any one name.
 * The longest matching rule counts, a name before "*"; a node without a rule of its own has its parent's.
 * REPLACE: a node that the object does not mention is removed, whatever its time. */
struct sedge_config_rule {
    struct sedge_path path;
    enum sedge_config_mode mode;
    int64_t ts;
};
/* Writes `object` over the whole tree by the rules (one for the root is required). 0 or -1 (LIMIT). */
int sedge_config_replace(struct sedge_config *cfg, struct json_object *object, const struct sedge_config_rule *rules,
                         size_t n, struct sedge_err *err);
/* The table of deployment.md 12 over sedge_config_replace. `services` is the object of all components of the result,
 * each with version, dependencies, lifecycle, configuration and so on. Components not in it are removed; `runtime` and
 * private names of a component and the services in keep[] (built-ins) stay. configuration is written with time
 * `deploy_ts`, everything else with `wall_ms`, or with the newest time that is there should the clock have been set
 * back. Make it one batch with what else belongs to it. */
int sedge_config_apply(struct sedge_config *cfg, struct json_object *services, int64_t deploy_ts, int64_t wall_ms,
                       const char *const *keep, size_t nkeep, struct sedge_err *err);
/* The complete tree with times, without private names; new reference. */
struct json_object *sedge_config_snapshot(struct sedge_config *cfg);
/* Rollback: every value gets the snapshot's value and time, what is not in the snapshot is removed. Left as they are
 * now: `runtime` and private names of components, and the services in keep[]; one of these that is gone comes back.
 * INVALID when it is not a snapshot (nothing changed then). */
int sedge_config_restore(struct sedge_config *cfg, struct json_object *snapshot, const char *const *keep, size_t nkeep,
                         struct sedge_err *err);

/* IPC UpdateConfiguration of component `name` (ipc-operations.md 5.3). Checked first; on any failure nothing is
 * changed. ts 0: now. INVALID -> InvalidArgumentsError (accessControl, unknown component), CONFLICT ->
 * FailedUpdateConditionCheckError (the time is older than the container's), UNSUPPORTED -> ServiceError (a parent is a
 * leaf), LIMIT -> ServiceError. */
int sedge_config_update(struct sedge_config *cfg, const char *name, struct sedge_path key_path,
                        struct json_object *value, int64_t ts, struct sedge_err *err);

/* ---- batches and watchers ---- */

/* Nest. While a batch is open no watcher runs and nothing is flushed by itself: what is in it reaches the watchers and
 * the disk as one unit. */
void sedge_config_begin(struct sedge_config *cfg);
void sedge_config_end(struct sedge_config *cfg);

enum sedge_config_change {
    SEDGE_CONFIG_CHANGED, /* a leaf has another value */
    SEDGE_CONFIG_ADDED,   /* a new leaf; containers give no event of their own */
    SEDGE_CONFIG_REMOVED  /* a leaf or a container, one event for the whole subtree */
};
struct sedge_config_event {
    enum sedge_config_change change;
    struct sedge_path path; /* full, in the stored spelling; for the time of the call */
};
typedef void (*sedge_config_cb)(const struct sedge_config_event *event, void *user);

/* Events for the node at `path` and all below, whether it exists yet or not, from now on; and REMOVED of a node above
 * it if the path existed (then event->path is shorter than the watched path). A leaf that becomes a container or the
 * reverse gives REMOVED and then ADDED of the new leaves. Time stamps alone give no event. */
struct sedge_config_watch *sedge_config_watch(struct sedge_config *cfg, struct sedge_path path, sedge_config_cb cb,
                                              void *user);
/* Any time, also from the callback; no event comes after it. NULL is fine. */
void sedge_config_unwatch(struct sedge_config_watch *w);
/* Delivers what is queued now, unless a batch is open. For NULL loops, tests and the end of the program. */
void sedge_config_dispatch(struct sedge_config *cfg);

#endif
