/* The transaction log of a Greengrass installation (config.md 3.1): reading one, and a complete dump. */
#include "start.h"

#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "cfg.h"

struct line {
    struct sedge_strv path;
    const char *what;
    int64_t ts;
    struct json_object *doc;
};

static void release_line(struct line *l)
{
    sedge_strv_release(&l->path);
    (void)json_object_put(l->doc);
    *l = (struct line){0};
}

static int bad_line(const char *where, const char *what, struct sedge_err *err)
{
    return sedge_err_set(err, SEDGE_E_INVALID, "%s: %s", where, what);
}

static int decode_path(struct json_object *tp, struct line *l, const char *where, struct sedge_err *err)
{
    size_t n = tp ? json_object_array_length(tp) : 0;

    if (!tp) return bad_line(where, "\"TP\" is not a list of names", err);
    if (n > SEDGE_CONFIG_DEPTH_MAX) return bad_line(where, "\"TP\" has too many names", err);
    for (size_t i = 0; i < n; i++) {
        struct json_object *name = json_object_array_get_idx(tp, i);

        if (!sedge_json_is_str(name)) return bad_line(where, "\"TP\" is not a list of names", err);
        sedge_strv_add(&l->path, json_object_get_string(name));
    }
    return 0;
}

static int decode_line(const char *text, size_t n, const char *where, struct line *l, struct sedge_err *err)
{
    static const char *const kinds[] = {"changed", "removed", "timestampUpdated", "interiorAdded"};

    l->doc = sedge_json_parse_object(text, n, where, err);
    if (!l->doc) return -1;
    if (!json_object_is_type(sedge_json_get(l->doc, "TS"), json_type_int))
        return bad_line(where, "\"TS\" is not a number", err);
    l->ts = sedge_json_i64(l->doc, "TS", 0);
    if (decode_path(sedge_json_arr(l->doc, "TP"), l, where, err) != 0) return -1;
    l->what = sedge_json_str(l->doc, "W", "");
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(kinds); i++)
        if (strcmp(kinds[i], l->what) == 0) return 0;
    return bad_line(where, "\"W\" is not changed, removed, timestampUpdated or interiorAdded", err);
}

static int apply_line(struct sedge_config *cfg, const struct line *l, struct sedge_err *err)
{
    struct sedge_path path = {(const char *const *)l->path.v, l->path.n};
    struct sedge_node *n = sedge_tree_find(&cfg->tree, path);
    struct json_object *value;

    if (path.n == 0) return 0;
    if (strcmp(l->what, "removed") == 0) {
        (void)sedge_config_remove(cfg, path, l->ts, 0);
        return 0;
    }
    if (strcmp(l->what, "timestampUpdated") == 0) {
        if (n && l->ts > n->ts) sedge_tree_stamp(&cfg->tree, n, l->ts);
        return 0;
    }
    value = strcmp(l->what, "changed") == 0 ? sedge_json_get(l->doc, "V") : NULL;
    if (strcmp(l->what, "interiorAdded") == 0 || json_object_is_type(value, json_type_object)) {
        sedge_auto_put struct json_object *empty = json_object_new_object();

        return n && !n->leaf ? 0 : sedge_config_merge(cfg, path, value ? value : empty, l->ts, err);
    }
    return sedge_config_write(cfg, path, value, l->ts, err) < 0 ? -1 : 0;
}

/* Goes through all lines; with a NULL tree only checks. */
static int each_line(struct sedge_config *cfg, const char *text, const char *path, struct sedge_err *err)
{
    size_t nr = 0, n;
    int rc = 0;

    for (const char *p = text; *p && rc == 0; p += n + (p[n] == '\n')) {
        sedge_auto_free char *where = sedge_xasprintf("%s:%zu", path, ++nr);
        struct line l = {0};

        n = strcspn(p, "\n");
        rc = decode_line(p, n, where, &l, err);
        if (rc == 0 && cfg && apply_line(cfg, &l, err) != 0) rc = sedge_err_wrap(err, "%s", where);
        release_line(&l);
    }
    return rc;
}

int sedge_cfg_tlog_apply(struct sedge_config *cfg, const char *text, const char *path, struct sedge_err *err)
{
    if (!*text) return sedge_err_set(err, SEDGE_E_INVALID, "%s: empty", path);
    if (each_line(NULL, text, path, err) != 0) return -1;
    return each_line(cfg, text, path, err);
}

int sedge_config_read_tlog(struct sedge_config *cfg, const char *path, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;

    if (sedge_fs_read(path, SEDGE_CONFIG_TLOG_MAX, &text, err) != 0) return -1;
    if (text.len == 0 || memchr(text.data, '\0', text.len))
        return sedge_err_set(err, SEDGE_E_INVALID, "%s: empty, or not text", path);
    return sedge_cfg_tlog_apply(cfg, text.data, path, err);
}

static void dump_node(const struct sedge_node *n, struct json_object *path, struct sedge_buf *out)
{
    struct json_object *line;

    if (n->name[0] == '_') return;
    for (size_t i = 0; i < n->nchildren; i++) {
        (void)json_object_array_add(path, json_object_new_string(n->child[i]->name));
        dump_node(n->child[i], path, out);
        (void)json_object_array_del_idx(path, json_object_array_length(path) - 1, 1);
    }
    if (n->nchildren > 0 || !n->parent) return;
    line = json_object_new_object();
    sedge_json_add_i64(line, "TS", n->ts);
    (void)json_object_object_add(line, "TP", json_object_get(path));
    sedge_json_add_str(line, "W", n->leaf ? "changed" : "interiorAdded");
    (void)json_object_object_add(line, "V", n->leaf ? json_object_get(n->value) : NULL);
    sedge_buf_puts(out, sedge_json_text(line));
    sedge_buf_putc(out, '\n');
    (void)json_object_put(line);
}

void sedge_config_tlog_text(struct sedge_config *cfg, struct sedge_buf *out)
{
    sedge_auto_put struct json_object *path = json_object_new_array();

    dump_node(cfg->tree.root, path, out);
}
