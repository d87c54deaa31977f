/*
 * cfg - the inside of struct sedge_config, shared by config.c, rules.c, watch.c and persist.c. Not for other boxes.
 */
#ifndef SEDGE_CONFIG_CFG_H
#define SEDGE_CONFIG_CFG_H

#include "persist.h"
#include "tree.h"

/* One row to write: a node's path in the form of a JSON pointer, and what it is now. */
struct sedge_cfg_op {
    char *path;
    bool del;
    bool leaf;
    int64_t ts;
    char *value; /* JSON text of a leaf */
};
struct sedge_cfg_ops {
    struct sedge_cfg_op *v;
    size_t n, cap;
};
#define SEDGE_CFG_OPS_MAX 100000 /* more than this waiting: the complete tree is written instead */

struct sedge_config_watch {
    struct sedge_config *cfg;
    struct sedge_strv path;
    sedge_config_cb cb;
    void *user;
    struct sedge_config_watch *next;
};

struct sedge_cfg_event {
    struct sedge_config_watch *watch; /* NULL: unwatched meanwhile */
    enum sedge_config_change change;
    struct sedge_strv path;
    struct sedge_cfg_event *next;
};

struct sedge_config {
    uv_loop_t *loop;
    struct sedge_tree tree;
    uint64_t generation;
    unsigned batch;
    bool loading; /* changes come from the database: nothing to write, nobody to tell */

    struct sedge_config_watch *watches;
    struct sedge_cfg_event *events, **events_end;

    uv_timer_t tick, retry;
    struct sedge_dbw *dbw;
    struct sedge_cfg_ops ops;
    bool whole; /* the next submission writes the complete tree */
    size_t inflight;

    bool closing;
    unsigned open_handles;
    void (*on_closed)(void *user);
    void *closed_user;
};

/* Names from the root to `n` into out[SEDGE_CONFIG_DEPTH_MAX]; the count. */
size_t sedge_cfg_names(const struct sedge_node *n, const char **out);
/* The end of this turn has work. */
void sedge_cfg_schedule(struct sedge_config *cfg);
void sedge_cfg_free_if_done(struct sedge_config *cfg);

/* The coercions of config.md 2; false: not convertible. */
bool sedge_cfg_as_i64(struct json_object *v, int64_t *out);
bool sedge_cfg_as_bool(struct json_object *v, bool *out);

/* watch.c */
void sedge_cfg_queue_event(struct sedge_config *cfg, const struct sedge_node *n, enum sedge_config_change change);
void sedge_cfg_drop_events(struct sedge_config *cfg);
/* persist.c */
void sedge_cfg_note(struct sedge_config *cfg, const struct sedge_node *n, bool removed);
void sedge_cfg_ops_release(struct sedge_cfg_ops *ops);
void sedge_cfg_submit(struct sedge_config *cfg, sedge_dbw_work work, sedge_config_flushed done, void *arg);

/* tlog.c: `text` as read from `path`. */
int sedge_cfg_tlog_apply(struct sedge_config *cfg, const char *text, const char *path, struct sedge_err *err);

#endif
