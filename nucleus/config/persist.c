#include "persist.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "cfg.h"

const char sedge_config_schema[] = "CREATE TABLE IF NOT EXISTS config("
                                   " id INTEGER PRIMARY KEY,"    /* order of creation */
                                   " path TEXT NOT NULL UNIQUE," /* JSON pointer */
                                   " ts INTEGER NOT NULL,"       /* ms */
                                   " kind INTEGER NOT NULL,"     /* 0 container, 1 leaf */
                                   " value TEXT);";              /* JSON of a leaf */

/* ---- paths as text ---- */

static void encode_name(struct sedge_buf *out, const char *name)
{
    sedge_buf_putc(out, '/');
    for (; *name; name++) {
        if (*name == '~')
            sedge_buf_puts(out, "~0");
        else if (*name == '/')
            sedge_buf_puts(out, "~1");
        else
            sedge_buf_putc(out, *name);
    }
}

static char *encode_path(const struct sedge_node *n)
{
    const char *names[SEDGE_CONFIG_DEPTH_MAX];
    size_t count = sedge_cfg_names(n, names);
    struct sedge_buf b = SEDGE_BUF_INIT;

    for (size_t i = 0; i < count; i++)
        encode_name(&b, names[i]);
    return sedge_buf_steal(&b);
}

static void decode_path(const char *text, struct sedge_strv *out)
{
    struct sedge_buf b = SEDGE_BUF_INIT;

    for (const char *p = text; *p;) {
        p++; /* the slash */
        sedge_buf_clear(&b);
        for (; *p && *p != '/'; p++) {
            if (*p == '~' && (p[1] == '0' || p[1] == '1'))
                sedge_buf_putc(&b, *++p == '0' ? '~' : '/');
            else
                sedge_buf_putc(&b, *p);
        }
        sedge_strv_add(out, b.len ? b.data : "");
    }
    sedge_buf_release(&b);
}

/* ---- what has changed ---- */

static void release_op(struct sedge_cfg_op *op)
{
    free(op->path);
    free(op->value);
}

void sedge_cfg_ops_release(struct sedge_cfg_ops *ops)
{
    for (size_t i = 0; i < ops->n; i++)
        release_op(&ops->v[i]);
    free(ops->v);
    *ops = (struct sedge_cfg_ops){0};
}

static struct sedge_cfg_op *next_op(struct sedge_cfg_ops *ops)
{
    if (ops->n == ops->cap) {
        ops->cap = ops->cap ? ops->cap * 2 : 16;
        ops->v = sedge_xrealloc(ops->v, ops->cap, sizeof(*ops->v));
    }
    return &ops->v[ops->n++];
}

/* Of a copy: json-c keeps the text that it has made in the object, here for the life of the leaf. */
static char *text_of(struct json_object *value)
{
    sedge_auto_put struct json_object *copy = sedge_json_copy(value);

    return sedge_xstrdup(sedge_json_text(copy));
}

static void add_op(struct sedge_cfg_ops *ops, const struct sedge_node *n, bool removed)
{
    struct sedge_cfg_op op = {.path = encode_path(n), .del = removed, .leaf = n->leaf, .ts = n->ts};
    struct sedge_cfg_op *last = ops->n ? &ops->v[ops->n - 1] : NULL;

    if (!removed && n->leaf) op.value = text_of(n->value);
    if (last && !removed && !last->del && strcmp(last->path, op.path) == 0)
        release_op(last);
    else
        last = next_op(ops);
    *last = op;
}

void sedge_cfg_note(struct sedge_config *cfg, const struct sedge_node *n, bool removed)
{
    if (cfg->whole || !n->parent || sedge_node_private(n)) return;
    add_op(&cfg->ops, n, removed);
    if (cfg->ops.n > SEDGE_CFG_OPS_MAX) {
        sedge_cfg_ops_release(&cfg->ops);
        cfg->whole = true;
    }
}

static void add_tree(struct sedge_cfg_ops *ops, const struct sedge_node *n)
{
    for (size_t i = 0; i < n->nchildren; i++) {
        if (n->child[i]->name[0] == '_') continue;
        add_op(ops, n->child[i], false);
        add_tree(ops, n->child[i]);
    }
}

/* ---- the submission ---- */

struct submission {
    struct sedge_config *cfg;
    struct sedge_cfg_ops ops;
    bool whole;
    sedge_dbw_work work;
    sedge_config_flushed done;
    void *arg;
};

static int run_ops(struct sedge_db *db, const struct sedge_cfg_ops *ops, sqlite3_stmt *put, sqlite3_stmt *del,
                   struct sedge_err *err)
{
    for (size_t i = 0; i < ops->n; i++) {
        const struct sedge_cfg_op *op = &ops->v[i];
        sqlite3_stmt *q = op->del ? del : put;

        sedge_db_bind_text(q, 1, op->path);
        if (!op->del) {
            sedge_db_bind_i64(q, 2, op->ts);
            sedge_db_bind_i64(q, 3, op->leaf);
            sedge_db_bind_text(q, 4, op->value);
        }
        if (sedge_db_step(db, q, err) < 0) return -1;
        (void)sqlite3_reset(q); /* repeats the result of the step */
    }
    return 0;
}

static int write_ops(struct sedge_db *db, const struct submission *s, struct sedge_err *err)
{
    sqlite3_stmt *put, *del;
    int rc = -1;

    if (s->whole && sedge_db_exec(db, "DELETE FROM config", err) != 0) return -1;
    if (s->ops.n == 0) return 0;
    put = sedge_db_prepare(db,
                           "INSERT INTO config(path, ts, kind, value) VALUES(?1, ?2, ?3, ?4)"
                           " ON CONFLICT(path) DO UPDATE SET ts = ?2, kind = ?3, value = ?4",
                           err);
    /* Everything below "/a" lies between "/a/" and "/a0": '0' follows '/'. */
    del = sedge_db_prepare(db, "DELETE FROM config WHERE path = ?1 OR (path > ?1 || '/' AND path < ?1 || '0')", err);
    if (put && del) rc = run_ops(db, &s->ops, put, del, err);
    (void)sqlite3_finalize(put); /* repeats the result of the last step */
    (void)sqlite3_finalize(del);
    return rc;
}

static int work_cb(struct sedge_db *db, void *arg, struct sedge_err *err)
{
    struct submission *s = arg;

    if (write_ops(db, s, err) != 0) return sedge_err_wrap(err, "configuration");
    return s->work ? s->work(db, s->arg, err) : 0;
}

static void retry_later(struct sedge_config *cfg)
{
    sedge_cfg_ops_release(&cfg->ops);
    cfg->whole = true;
    if (!cfg->closing && cfg->loop && !uv_is_active((uv_handle_t *)&cfg->retry))
        sedge_assert(uv_timer_start(&cfg->retry, cfg->retry.timer_cb, SEDGE_CONFIG_RETRY_MS, 0) == 0);
}

static void done_cb(void *arg, int rc, const struct sedge_err *err)
{
    struct submission *s = arg;
    struct sedge_config *cfg = s->cfg;

    cfg->inflight--;
    if (rc != 0 && (s->ops.n > 0 || s->whole)) {
        sedge_log(SEDGE_ERROR, "config", "config-not-stored", "%s; the complete configuration will be written again",
                  err ? err->msg : "");
        retry_later(cfg);
    }
    if (s->done) s->done(s->arg, rc, err);
    sedge_cfg_ops_release(&s->ops);
    free(s);
    sedge_cfg_free_if_done(cfg);
}

void sedge_cfg_submit(struct sedge_config *cfg, sedge_dbw_work work, sedge_config_flushed done, void *arg)
{
    struct submission *s = SEDGE_NEW(struct submission);

    sedge_assert(cfg->dbw != NULL);
    *s = (struct submission){.cfg = cfg, .whole = cfg->whole, .work = work, .done = done, .arg = arg};
    if (cfg->whole) {
        sedge_cfg_ops_release(&cfg->ops);
        add_tree(&s->ops, cfg->tree.root);
    } else {
        s->ops = cfg->ops;
        cfg->ops = (struct sedge_cfg_ops){0};
    }
    cfg->whole = false;
    cfg->inflight++;
    sedge_dbw_submit(cfg->dbw, work_cb, done_cb, s);
}

void sedge_config_flush(struct sedge_config *cfg, sedge_config_flushed done, void *arg)
{
    sedge_cfg_submit(cfg, NULL, done, arg);
}

void sedge_config_flush_with(struct sedge_config *cfg, sedge_dbw_work work, sedge_config_flushed done, void *arg)
{
    sedge_cfg_submit(cfg, work, done, arg);
}

void sedge_config_discard_stored(struct sedge_config *cfg)
{
    sedge_cfg_ops_release(&cfg->ops);
    cfg->whole = true;
}

void sedge_config_attach(struct sedge_config *cfg, struct sedge_dbw *w)
{
    cfg->dbw = w;
    if (cfg->ops.n > 0 || cfg->whole) sedge_cfg_schedule(cfg);
}

/* ---- start ---- */

static int load_row(struct sedge_config *cfg, sqlite3_stmt *q, struct sedge_err *err)
{
    sedge_auto_strv struct sedge_strv names = {0};
    sedge_auto_put struct json_object *value = NULL;
    const char *text = sedge_db_text(q, 3);
    struct sedge_node *parent;
    int64_t ts = sqlite3_column_int64(q, 1);

    decode_path(sedge_db_text(q, 0), &names);
    if (names.n == 0 || names.n > SEDGE_CONFIG_DEPTH_MAX)
        return sedge_err_set(err, SEDGE_E_CORRUPT, "stored configuration: bad path \"%s\"", sedge_db_text(q, 0));
    parent = sedge_tree_container(&cfg->tree, (struct sedge_path){(const char *const *)names.v, names.n - 1}, ts, err);
    if (!parent) return -1;
    if (sqlite3_column_int(q, 2) == 0) {
        sedge_tree_stamp(&cfg->tree, sedge_tree_make(&cfg->tree, parent, names.v[names.n - 1], ts), ts);
        return 0;
    }
    struct sedge_err why = SEDGE_ERR_INIT;
    value = sedge_json_parse(text, strlen(text), sedge_db_text(q, 0), &why);
    if (!value && why.code != SEDGE_OK) return sedge_err_set(err, SEDGE_E_CORRUPT, "stored configuration: %s", why.msg);
    (void)sedge_tree_leaf(&cfg->tree, parent, names.v[names.n - 1], value, ts, SEDGE_TREE_FORCE);
    return 0;
}

int sedge_config_load(struct sedge_config *cfg, struct sedge_db *db, struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_db_prepare(db, "SELECT path, ts, kind, value FROM config ORDER BY id", err);
    int rc, rows = 0;

    if (!q) return -1;
    cfg->loading = true;
    while ((rc = sedge_db_step(db, q, err)) == 1) {
        rows = 1;
        if (load_row(cfg, q, err) != 0) {
            rc = -1;
            break;
        }
    }
    cfg->loading = false;
    (void)sqlite3_finalize(q); /* repeats the result of the last step */
    sedge_db_release_cache(db);
    return rc < 0 ? -1 : rows;
}

static int check_file(struct sedge_db *db, struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_db_prepare(db, "PRAGMA quick_check(1)", err);
    int rc;

    if (!q) return -1;
    rc = sedge_db_step(db, q, err);
    if (rc == 1 && strcmp(sedge_db_text(q, 0), "ok") != 0)
        rc = sedge_err_set(err, SEDGE_E_CORRUPT, "%s", sedge_db_text(q, 0));
    (void)sqlite3_finalize(q); /* repeats the result of the last step */
    return rc < 0 ? -1 : 0;
}

static int move_aside(const char *path, struct sedge_err *err)
{
    static const char *const parts[] = {"", "-wal", "-shm"};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(parts); i++) {
        sedge_auto_free char *from = sedge_xasprintf("%s%s", path, parts[i]);
        sedge_auto_free char *to = sedge_xasprintf("%s.bad%s", path, parts[i]);

        if (unlink(to) != 0 && errno != ENOENT) return sedge_err_sys(err, errno, "%s", to);
        if (rename(from, to) != 0 && errno != ENOENT) return sedge_err_sys(err, errno, "%s", from);
    }
    return sedge_fs_sync_parent(path, err);
}

struct sedge_db *sedge_config_open_db(const char *path, const char *schema, int version, bool *moved,
                                      struct sedge_err *err)
{
    struct sedge_err why = SEDGE_ERR_INIT;
    struct sedge_db *db = sedge_db_open_alone(path, schema, version, &why);

    *moved = false;
    if (db && check_file(db, &why) == 0) return db;
    sedge_db_close(db);
    if (why.code != SEDGE_E_CORRUPT) {
        if (err) *err = why;
        return NULL;
    }
    sedge_log(SEDGE_ERROR, "config", "database-damaged",
              "%s; it is kept as %s.bad, and the start goes on with the configuration of the first start", why.msg,
              path);
    if (move_aside(path, err) != 0) return NULL;
    *moved = true;
    return sedge_db_open_alone(path, schema, version, err);
}
