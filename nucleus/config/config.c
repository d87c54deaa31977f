#include "cfg.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

static void on_node(void *user, struct sedge_node *n, enum sedge_node_event event)
{
    struct sedge_config *cfg = user;

    if (event != SEDGE_NODE_STAMPED) cfg->generation++;
    if (cfg->loading) return;
    sedge_cfg_note(cfg, n, event == SEDGE_NODE_REMOVED);
    if (event == SEDGE_NODE_CHANGED) sedge_cfg_queue_event(cfg, n, SEDGE_CONFIG_CHANGED);
    if (event == SEDGE_NODE_ADDED) sedge_cfg_queue_event(cfg, n, SEDGE_CONFIG_ADDED);
    if (event == SEDGE_NODE_REMOVED) sedge_cfg_queue_event(cfg, n, SEDGE_CONFIG_REMOVED);
    sedge_cfg_schedule(cfg);
}

static void tick_cb(uv_timer_t *timer)
{
    struct sedge_config *cfg = timer->data;

    if (cfg->batch > 0) return; /* the end of the batch schedules again */
    sedge_config_dispatch(cfg);
    if (cfg->dbw && cfg->batch == 0 && (cfg->ops.n > 0 || cfg->whole)) sedge_cfg_submit(cfg, NULL, NULL, NULL);
}

static void retry_cb(uv_timer_t *timer)
{
    sedge_cfg_schedule(timer->data);
}

void sedge_cfg_schedule(struct sedge_config *cfg)
{
    if (cfg->loop && !cfg->closing && cfg->batch == 0 && !uv_is_active((uv_handle_t *)&cfg->tick))
        sedge_assert(uv_timer_start(&cfg->tick, tick_cb, 0, 0) == 0);
}

static void init_timer(struct sedge_config *cfg, uv_timer_t *timer)
{
    sedge_assert(uv_timer_init(cfg->loop, timer) == 0);
    timer->data = cfg;
    cfg->open_handles++;
}

struct sedge_config *sedge_config_new(uv_loop_t *loop)
{
    struct sedge_config *cfg = SEDGE_NEW(struct sedge_config);

    sedge_tree_init(&cfg->tree);
    cfg->tree.on = on_node;
    cfg->tree.user = cfg;
    cfg->events_end = &cfg->events;
    cfg->loop = loop;
    if (loop) {
        init_timer(cfg, &cfg->tick);
        init_timer(cfg, &cfg->retry);
        cfg->retry.timer_cb = retry_cb;
    }
    return cfg;
}

void sedge_cfg_free_if_done(struct sedge_config *cfg)
{
    void (*on_closed)(void *user) = cfg->on_closed;
    void *user = cfg->closed_user;

    if (!cfg->closing || cfg->open_handles > 0 || cfg->inflight > 0) return;
    sedge_cfg_drop_events(cfg);
    while (cfg->watches)
        sedge_config_unwatch(cfg->watches);
    sedge_cfg_ops_release(&cfg->ops);
    sedge_tree_release(&cfg->tree);
    free(cfg);
    if (on_closed) on_closed(user);
}

static void handle_closed_cb(uv_handle_t *h)
{
    struct sedge_config *cfg = h->data;

    cfg->open_handles--;
    sedge_cfg_free_if_done(cfg);
}

void sedge_config_close(struct sedge_config *cfg, void (*on_closed)(void *user), void *user)
{
    if (!cfg || cfg->closing) return;
    cfg->closing = true;
    cfg->on_closed = on_closed;
    cfg->closed_user = user;
    if (cfg->loop) {
        uv_close((uv_handle_t *)&cfg->tick, handle_closed_cb);
        uv_close((uv_handle_t *)&cfg->retry, handle_closed_cb);
    } else {
        sedge_cfg_free_if_done(cfg);
    }
}

size_t sedge_cfg_names(const struct sedge_node *n, const char **out)
{
    size_t depth = 0, i;

    for (const struct sedge_node *p = n; p->parent; p = p->parent)
        depth++;
    i = depth;
    for (const struct sedge_node *p = n; p->parent; p = p->parent)
        out[--i] = p->name;
    return depth;
}

uint64_t sedge_config_generation(const struct sedge_config *cfg)
{
    return cfg->generation;
}

/* ---- reading ---- */

int sedge_config_get(struct sedge_config *cfg, struct sedge_path path, unsigned flags, struct json_object **out)
{
    const struct sedge_node *n = sedge_tree_find(&cfg->tree, path);

    *out = n ? sedge_node_json(n, flags) : NULL;
    return n != NULL;
}

struct json_object *sedge_config_get_object(struct sedge_config *cfg, struct sedge_path path)
{
    const struct sedge_node *n = sedge_tree_find(&cfg->tree, path);

    return n && !n->leaf ? sedge_node_json(n, 0) : NULL;
}

bool sedge_config_info(struct sedge_config *cfg, struct sedge_path path, struct sedge_config_info *info)
{
    const struct sedge_node *n = sedge_tree_find(&cfg->tree, path);

    if (!n) return false;
    *info =
        (struct sedge_config_info){.leaf = n->leaf, .ts = sedge_node_ts(n), .name = n->name, .nchildren = n->nchildren};
    return true;
}

bool sedge_config_has(struct sedge_config *cfg, struct sedge_path path)
{
    return sedge_tree_find(&cfg->tree, path) != NULL;
}

void sedge_config_children(struct sedge_config *cfg, struct sedge_path path, struct sedge_strv *names)
{
    const struct sedge_node *n = sedge_tree_find(&cfg->tree, path);

    for (size_t i = 0; n && i < n->nchildren; i++)
        sedge_strv_add(names, n->child[i]->name);
}

static struct json_object *leaf_value(struct sedge_config *cfg, struct sedge_path path)
{
    const struct sedge_node *n = sedge_tree_find(&cfg->tree, path);

    return n && n->leaf ? n->value : NULL;
}

const char *sedge_config_str(struct sedge_config *cfg, struct sedge_path path, const char *def)
{
    struct json_object *v = leaf_value(cfg, path);

    if (!v) return def;
    return sedge_json_is_str(v) ? json_object_get_string(v) : sedge_json_text(v);
}

int64_t sedge_config_i64(struct sedge_config *cfg, struct sedge_path path, int64_t def)
{
    int64_t out;

    return sedge_cfg_as_i64(leaf_value(cfg, path), &out) ? out : def;
}

bool sedge_config_bool(struct sedge_config *cfg, struct sedge_path path, bool def)
{
    bool out;

    return sedge_cfg_as_bool(leaf_value(cfg, path), &out) ? out : def;
}

bool sedge_cfg_as_i64(struct json_object *v, int64_t *out)
{
    double d;

    if (json_object_is_type(v, json_type_int)) {
        *out = json_object_get_int64(v);
        return true;
    }
    if (json_object_is_type(v, json_type_double)) {
        d = json_object_get_double(v);
        if (!(d > -9.2e18 && d < 9.2e18)) return false;
        *out = (int64_t)d;
        return true;
    }
    return sedge_json_is_str(v) && sedge_str_to_i64(json_object_get_string(v), INT64_MIN, INT64_MAX, out, NULL) == 0;
}

bool sedge_cfg_as_bool(struct json_object *v, bool *out)
{
    static const char *const yes[] = {"true", "yes", "on", "t", "y", "Y"};

    if (json_object_is_type(v, json_type_boolean)) {
        *out = json_object_get_boolean(v);
    } else if (json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double)) {
        *out = json_object_get_double(v) != 0;
    } else if (sedge_json_is_str(v)) {
        *out = false;
        for (size_t i = 0; i < SEDGE_ARRAY_LEN(yes); i++)
            if (strcmp(json_object_get_string(v), yes[i]) == 0) *out = true;
    } else {
        return false;
    }
    return true;
}

/* ---- writing ---- */

static int write_node(struct sedge_config *cfg, struct sedge_path path, struct json_object *value, int64_t ts,
                      unsigned flags, struct sedge_err *err)
{
    struct sedge_path above = {path.v, path.n - 1};
    struct sedge_node *parent;

    if (path.n == 0) return sedge_err_set(err, SEDGE_E_INVALID, "the root of the configuration cannot be a value");
    if (sedge_tree_fits(&cfg->tree, path, value, err) != 0) return -1;
    parent = sedge_tree_container(&cfg->tree, above, ts, err);
    if (!parent) return -1;
    if (json_object_is_type(value, json_type_object)) {
        sedge_tree_merge(&cfg->tree, sedge_tree_make(&cfg->tree, parent, path.v[path.n - 1], ts), value, ts, flags);
        return 1;
    }
    return sedge_tree_leaf(&cfg->tree, parent, path.v[path.n - 1], value, ts, flags);
}

int sedge_config_write(struct sedge_config *cfg, struct sedge_path path, struct json_object *value, int64_t ts,
                       struct sedge_err *err)
{
    return write_node(cfg, path, value, ts, 0, err);
}

int sedge_config_write_take(struct sedge_config *cfg, struct sedge_path path, struct json_object *value, int64_t ts,
                            struct sedge_err *err)
{
    sedge_auto_put struct json_object *owned = value;

    return write_node(cfg, path, owned, ts, 0, err);
}

int sedge_config_set_take(struct sedge_config *cfg, struct sedge_path path, struct json_object *value, int64_t ts,
                          struct sedge_err *err)
{
    sedge_auto_put struct json_object *owned = value;

    return write_node(cfg, path, owned, ts, SEDGE_TREE_FORCE, err);
}

int sedge_config_merge(struct sedge_config *cfg, struct sedge_path path, struct json_object *object, int64_t ts,
                       struct sedge_err *err)
{
    struct sedge_node *into = cfg->tree.root;

    if (!json_object_is_type(object, json_type_object))
        return sedge_err_set(err, SEDGE_E_INVALID, "expected an object to merge, got %s",
                             json_type_to_name(json_object_get_type(object)));
    if (sedge_tree_fits(&cfg->tree, path, object, err) != 0) return -1;
    if (path.n > 0) {
        into = sedge_tree_container(&cfg->tree, (struct sedge_path){path.v, path.n - 1}, ts, err);
        if (!into) return -1;
        into = sedge_tree_make(&cfg->tree, into, path.v[path.n - 1], ts);
    }
    sedge_tree_merge(&cfg->tree, into, object, ts, SEDGE_TREE_RAISE);
    return 0;
}

int sedge_config_remove(struct sedge_config *cfg, struct sedge_path path, int64_t ts, unsigned flags)
{
    struct sedge_node *n = sedge_tree_find(&cfg->tree, path);

    if (!n || !n->parent) return 0;
    if (!(flags & SEDGE_CONFIG_FORCE) && ts < sedge_node_ts(n)) return 0;
    sedge_tree_remove(&cfg->tree, n);
    return 1;
}

/* ---- UpdateConfiguration ---- */

static int refuse_access_control(struct sedge_path key_path, struct json_object *value, struct sedge_err *err)
{
    const char *stored = NULL;

    if (key_path.n == 0) (void)sedge_json_get_nocase(value, "accessControl", &stored);
    if (stored || (key_path.n > 0 && strcasecmp(key_path.v[0], "accessControl") == 0))
        return sedge_err_set(err, SEDGE_E_INVALID, "Config update is not allowed for following fields [accessControl]");
    return 0;
}

/* 1 the whole path exists (*found), 0 it ends early, -1 a parent is a leaf. */
static int walk(struct sedge_node *n, struct sedge_path path, struct sedge_node **found, struct sedge_err *err)
{
    for (size_t i = 0; i < path.n; i++) {
        if (n->leaf)
            return sedge_err_set(err, SEDGE_E_UNSUPPORTED, "%s is already a leaf, cannot become a container", n->name);
        n = sedge_node_child(n, path.v[i]);
        if (!n) return 0;
    }
    *found = n;
    return 1;
}

static int update_times(const struct sedge_node *target, int64_t *ts, struct sedge_err *err)
{
    int64_t now = sedge_wall_ms(), newest = target ? sedge_node_ts(target) : 0;

    if (!target) {
        *ts = now;
    } else if (*ts == 0) { /* what clients without a clock of their own send: now, and never in conflict */
        *ts = now > newest ? now : newest;
    } else if (!target->leaf && *ts < newest) {
        return sedge_err_set(err, SEDGE_E_CONFLICT,
                             "Proposed timestamp is older than the config's latest modified timestamp");
    }
    return 0;
}

int sedge_config_update(struct sedge_config *cfg, const char *name, struct sedge_path key_path,
                        struct json_object *value, int64_t ts, struct sedge_err *err)
{
    struct sedge_node *service = sedge_tree_find(&cfg->tree, SEDGE_PATH("services", name)), *config, *target = NULL;
    const char *full[SEDGE_CONFIG_DEPTH_MAX] = {"services", name, "configuration"};
    struct sedge_path path = {full, key_path.n + 3};

    if (!json_object_is_type(value, json_type_object))
        return sedge_err_set(err, SEDGE_E_INVALID, "ValueToMerge must be an object, got %s",
                             json_type_to_name(json_object_get_type(value)));
    if (refuse_access_control(key_path, value, err) != 0) return -1;
    if (!service || service->leaf)
        return sedge_err_set(err, SEDGE_E_INVALID, "Component config not found for component %s", name);
    if (path.n > SEDGE_CONFIG_DEPTH_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "KeyPath has %zu keys; at most %d are possible", key_path.n,
                             SEDGE_CONFIG_DEPTH_MAX - 3);
    if (key_path.n > 0) memcpy(full + 3, key_path.v, key_path.n * sizeof(*full));
    if (sedge_tree_fits(&cfg->tree, path, value, err) != 0) return -1;
    config = sedge_node_child(service, "configuration");
    if (config && walk(config, key_path, &target, err) < 0) return -1;
    if (update_times(target, &ts, err) != 0) return -1;
    return sedge_config_merge(cfg, path, value, ts, err);
}

/* ---- batches ---- */

void sedge_config_begin(struct sedge_config *cfg)
{
    cfg->batch++;
}

void sedge_config_end(struct sedge_config *cfg)
{
    sedge_assert(cfg->batch > 0);
    cfg->batch--;
    if (cfg->batch == 0 && (cfg->ops.n > 0 || cfg->whole || cfg->events)) sedge_cfg_schedule(cfg);
}
