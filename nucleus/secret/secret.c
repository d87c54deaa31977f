#include "secret.h"

#include "arn.h"
#include "key.h"
#include "rows.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Who waits for the end of an attempt to open the store. */
struct waiting {
    struct waiting *next;
    sedge_secrets_opened_cb cb;
    void *arg;
};

struct sedge_secrets {
    uv_loop_t *loop;
    struct sedge_dbw *writer; /* NULL: not open */
    char *path, *key_path;
    struct sedge_secret_key key; /* the worker's, once the store is open */
    struct sedge_secret **list;  /* by name */
    size_t n;
    size_t reads;
    /* opening again: all but the list of who waits is the worker's meanwhile */
    uv_work_t work;
    struct sedge_db *opened;
    struct sedge_err why;
    struct waiting *waiting;
};

/* ---- opening ---- */

static struct sedge_db *open_file(struct sedge_secrets *s, struct sedge_err *err)
{
    struct sedge_db *db = sedge_db_open_alone(s->path, sedge_secret_schema, SEDGE_SECRET_SCHEMA_VERSION, err);

    if (db && sedge_db_exec(db, "PRAGMA secure_delete=ON", err) == 0 &&
        sedge_secret_rows_load(db, &s->list, &s->n, err) == 0)
        return db;
    sedge_db_close(db);
    for (size_t i = 0; i < s->n; i++)
        sedge_secret_free(s->list[i]);
    s->n = 0;
    return NULL;
}

static void set_aside(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(suffixes); i++) {
        sedge_auto_free char *from = sedge_xasprintf("%s%s", path, suffixes[i]);
        sedge_auto_free char *to = sedge_xasprintf("%s.bad%s", path, suffixes[i]);
        (void)rename(from, to); /* if it fails, opening again fails, too, and reports it */
    }
}

/* A key that cannot be used is no reason to stop: it is told here, and with each secret that needs it. */
static void load_key(struct sedge_secrets *s, struct sedge_db *db)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    int64_t foreign = 0;
    bool loaded = sedge_secret_key_load(s->key_path, &s->key, &err) == 0;

    if (!loaded && err.code != SEDGE_E_NOT_FOUND) sedge_log(SEDGE_ERROR, "secret", "key", "%s", err.msg);
    if (sedge_secret_rows_foreign(db, s->key.id, &foreign, &err) != 0 || foreign == 0) return;
    sedge_log(SEDGE_ERROR, "secret", "key",
              "%lld values of secrets cannot be read: %s is %s; put it back, or set these secrets anew",
              (long long)foreign, s->key_path,
              loaded ? "not the key that they were encrypted with" : "missing or unusable");
}

/* Blocking: at the start, or on a worker. */
static struct sedge_db *open_store(struct sedge_secrets *s, struct sedge_err *err)
{
    struct sedge_db *db = open_file(s, err);

    if (!db && err->code == SEDGE_E_CORRUPT) {
        sedge_log(SEDGE_ERROR, "secret", "damaged", "%s; kept as %s.bad, a new one is begun: set the secrets anew",
                  err->msg, s->path);
        set_aside(s->path);
        *err = SEDGE_ERR_INIT;
        db = open_file(s, err);
    }
    if (!db) return NULL;
    if (s->n > 0) qsort(s->list, s->n, sizeof(struct sedge_secret *), sedge_secret_compare);
    load_key(s, db);
    return db;
}

struct sedge_secrets *sedge_secrets_open(uv_loop_t *loop, const char *state_dir, struct sedge_err *err)
{
    struct sedge_secrets *s = SEDGE_NEW(struct sedge_secrets);
    struct sedge_db *db;

    s->loop = loop;
    s->path = sedge_xasprintf("%s/secrets.db", state_dir);
    s->key_path = sedge_xasprintf("%s/secret.key", state_dir);
    db = open_store(s, err);
    if (db) s->writer = sedge_dbw_new(loop, db);
    return s;
}

bool sedge_secrets_is_open(const struct sedge_secrets *s)
{
    return s->writer != NULL;
}

static void open_work_cb(uv_work_t *work)
{
    struct sedge_secrets *s = work->data;

    s->opened = open_store(s, &s->why);
}

static void open_done_cb(uv_work_t *work, int status)
{
    struct sedge_secrets *s = work->data;
    struct waiting *all = sedge_steal(&s->waiting);
    struct sedge_err why = s->why;
    struct waiting *w;

    (void)status; /* never cancelled */
    if (s->opened) s->writer = sedge_dbw_new(s->loop, sedge_steal(&s->opened));
    while ((w = all)) {
        all = w->next;
        w->cb(w->arg, &why);
        free(w);
    }
}

void sedge_secrets_open_again(struct sedge_secrets *s, sedge_secrets_opened_cb cb, void *arg)
{
    struct waiting **end = &s->waiting;
    bool under_way = s->waiting != NULL;

    while (*end)
        end = &(*end)->next;
    *end = SEDGE_NEW(struct waiting);
    **end = (struct waiting){NULL, cb, arg};
    if (under_way) return;
    s->why = (struct sedge_err)SEDGE_ERR_INIT;
    s->work.data = s;
    sedge_assert(uv_queue_work(s->loop, &s->work, open_work_cb, open_done_cb) == 0);
}

void sedge_secrets_close(struct sedge_secrets *s)
{
    if (!s) return;
    sedge_assert(!s->waiting);
    if (s->writer) sedge_dbw_close(s->writer);
    for (size_t i = 0; i < s->n; i++)
        sedge_secret_free(s->list[i]);
    free(s->list);
    free(s->path);
    free(s->key_path);
    sedge_wipe(&s->key, sizeof s->key);
    free(s);
}

/* ---- looking ---- */

size_t sedge_secrets_count(const struct sedge_secrets *s)
{
    return s->n;
}

const struct sedge_secret *sedge_secrets_at(const struct sedge_secrets *s, size_t i)
{
    return s->list[i];
}

const struct sedge_secret *sedge_secrets_find(const struct sedge_secrets *s, const char *arn_or_name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->list[i]->name, arn_or_name) == 0 || strcmp(s->list[i]->arn, arn_or_name) == 0) return s->list[i];
    return NULL;
}

const struct sedge_secret_version *sedge_secret_version(const struct sedge_secret *x, const char *id)
{
    for (size_t i = 0; i < x->n; i++)
        if (strcmp(x->versions[i].id, id) == 0) return &x->versions[i];
    return NULL;
}

const struct sedge_secret_version *sedge_secret_labelled(const struct sedge_secret *x, const char *label)
{
    for (size_t i = 0; i < x->n; i++)
        if (sedge_strv_has(&x->versions[i].labels, label)) return &x->versions[i];
    return NULL;
}

/* Takes `now` over: it stands for the secret `arn` from here on; NULL: it is gone. Returns what was there. */
static struct sedge_secret *replace(struct sedge_secrets *s, const char *arn, struct sedge_secret *now)
{
    struct sedge_secret *old = NULL;
    size_t i = 0;

    while (i < s->n && strcmp(s->list[i]->arn, arn) != 0)
        i++;
    if (i < s->n) old = s->list[i];
    if (now && !old) s->list = sedge_xrealloc(s->list, ++s->n, sizeof(struct sedge_secret *));
    if (now)
        s->list[i] = now;
    else if (old)
        s->list[i] = s->list[--s->n];
    if (s->n > 0) qsort(s->list, s->n, sizeof(struct sedge_secret *), sedge_secret_compare);
    return old;
}

/* ---- reading a value ---- */

struct reading {
    struct sedge_secrets *s;
    char *arn, *version_id;
    struct sedge_buf value;
    sedge_secret_value_cb cb;
    void *arg;
};

static int read_work(struct sedge_db *db, void *arg, struct sedge_err *err)
{
    struct reading *r = arg;

    return sedge_secret_rows_value(db, r->arn, r->version_id, &r->s->key, &r->value, err);
}

static void read_done(void *arg, int rc, const struct sedge_err *err)
{
    struct reading *r = arg;

    r->s->reads--;
    r->cb(r->arg, rc == 0 ? r->value.data : NULL, r->value.len, err);
    sedge_buf_wipe(&r->value);
    free(r->arn);
    free(r->version_id);
    free(r);
}

int sedge_secrets_read(struct sedge_secrets *s, const struct sedge_secret *x, const struct sedge_secret_version *v,
                       sedge_secret_value_cb cb, void *arg, struct sedge_err *err)
{
    struct reading *r;

    if (s->reads >= SEDGE_SECRET_READS_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "%d values of secrets are being read already", SEDGE_SECRET_READS_MAX);
    s->reads++;
    r = SEDGE_NEW(struct reading);
    *r = (struct reading){s, sedge_xstrdup(x->arn), sedge_xstrdup(v->id), SEDGE_BUF_INIT, cb, arg};
    sedge_dbw_submit(s->writer, read_work, read_done, r);
    return 0;
}

/* ---- setting ---- */

struct setting {
    struct sedge_secrets *s;
    struct sedge_secret_write w;
    struct sedge_secret *result;
    struct sedge_err bad; /* found before the worker was asked */
    sedge_secret_done_cb cb;
    void *arg;
};

static bool is_printable(const char *text)
{
    for (; *text; text++)
        if (*text <= ' ' || *text > '~') return false;
    return true;
}

static int check_word(const char *what, const char *text, size_t max, struct sedge_err *err)
{
    if (strlen(text) > max)
        return sedge_err_set(err, SEDGE_E_LIMIT, "the %s has %zu bytes, at most %zu are possible", what, strlen(text),
                             max);
    if (*text && is_printable(text)) return 0;
    return sedge_err_set(err, SEDGE_E_INVALID, "\"%s\" is no %s: it is of printable ASCII characters without blanks",
                         text, what);
}

static int check_new(const struct sedge_secret_write *w, struct sedge_err *err)
{
    if (sedge_secret_name_check(w->name, err) != 0) return -1;
    if (check_word("version id", w->version_id, SEDGE_SECRET_VERSION_ID_MAX, err) != 0) return -1;
    if (w->labels.n > SEDGE_SECRET_LABELS_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "%zu labels are given, at most %d are possible", w->labels.n,
                             SEDGE_SECRET_LABELS_MAX);
    for (size_t i = 0; i < w->labels.n; i++)
        if (check_word("staging label", w->labels.v[i], SEDGE_SECRET_LABEL_MAX, err) != 0) return -1;
    if (w->value.len == 0) return sedge_err_set(err, SEDGE_E_INVALID, "the value of secret %s is empty", w->name);
    if (w->value.len > SEDGE_SECRET_VALUE_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "the value of secret %s has %zu bytes, at most %d are possible",
                             w->name, w->value.len, SEDGE_SECRET_VALUE_MAX);
    if (!w->binary && !sedge_utf8_valid(w->value.data, w->value.len))
        return sedge_err_set(err, SEDGE_E_INVALID, "the value of secret %s is not UTF-8 text: set it as binary",
                             w->name);
    return 0;
}

static int fill_names(struct sedge_secret_write *w, const struct sedge_secret_new *in, struct sedge_err *err)
{
    sedge_auto_free char *name = in->arn ? sedge_secret_arn_name(in->arn, err) : NULL;

    w->name = sedge_xstrdup(in->name ? in->name : name ? name : "");
    w->arn = sedge_xstrdup(in->arn);
    if (!in->arn) return 0;
    if (!name) return -1;
    if (strcmp(name, w->name) == 0) return 0;
    return sedge_err_set(err, SEDGE_E_INVALID, "the ARN %s is that of a secret %s, not of %s", in->arn, name, w->name);
}

static int fill(struct sedge_secret_write *w, const struct sedge_secret_new *in, struct sedge_err *err)
{
    char uuid[SEDGE_UUID_LEN + 1];

    sedge_uuid4(uuid);
    w->version_id = sedge_xstrdup(in->version_id ? in->version_id : uuid);
    for (size_t i = 0; in->labels && i < in->labels->n; i++)
        sedge_strv_add(&w->labels, in->labels->v[i]);
    sedge_buf_add(&w->value, in->data, in->len);
    w->binary = in->binary;
    w->now_ms = sedge_wall_ms();
    return fill_names(w, in, err) == 0 ? check_new(w, err) : -1;
}

/* The key is on the disk before anything is sealed with it. A file that cannot be used is never replaced. */
static int ensure_key(struct sedge_secrets *s, struct sedge_err *err)
{
    if (s->key.id[0] || sedge_secret_key_load(s->key_path, &s->key, err) == 0) return 0;
    if (err->code != SEDGE_E_NOT_FOUND) return -1;
    *err = SEDGE_ERR_INIT;
    if (sedge_secret_key_create(s->key_path, &s->key, err) != 0) return -1;
    sedge_log(SEDGE_INFO, "secret", "key", "made %s: back it up apart from the rest, values cannot be read without it",
              s->key_path);
    return 0;
}

static int set_work(struct sedge_db *db, void *arg, struct sedge_err *err)
{
    struct setting *x = arg;

    if (x->bad.code != SEDGE_OK) {
        *err = x->bad;
        return -1;
    }
    if (ensure_key(x->s, err) != 0) return -1;
    x->result = sedge_secret_rows_set(db, &x->w, &x->s->key, err);
    return x->result ? 0 : -1;
}

static void set_done(void *arg, int rc, const struct sedge_err *err)
{
    struct setting *x = arg;

    if (rc == 0) {
        sedge_secret_free(replace(x->s, x->result->arn, x->result));
        x->cb(x->arg, x->result, sedge_secret_version(x->result, x->w.version_id), err);
    } else {
        sedge_secret_free(x->result); /* the commit may have failed behind it */
        x->cb(x->arg, NULL, NULL, err);
    }
    sedge_buf_wipe(&x->w.value);
    sedge_strv_release(&x->w.labels);
    free(x->w.name);
    free(x->w.arn);
    free(x->w.version_id);
    free(x);
}

void sedge_secrets_set(struct sedge_secrets *s, const struct sedge_secret_new *in, sedge_secret_done_cb cb, void *arg)
{
    struct setting *x = SEDGE_NEW(struct setting);

    x->s = s;
    x->cb = cb;
    x->arg = arg;
    (void)fill(&x->w, in, &x->bad);
    sedge_dbw_submit(s->writer, set_work, set_done, x);
}

/* ---- removing ---- */

struct removing {
    struct sedge_secrets *s;
    char *id, *version_id; /* id: ARN or name */
    char *arn;
    struct sedge_secret *left;
    sedge_secret_done_cb cb;
    void *arg;
};

static int remove_work(struct sedge_db *db, void *arg, struct sedge_err *err)
{
    struct removing *r = arg;

    return sedge_secret_rows_remove(db, r->id, r->version_id, &r->arn, &r->left, err);
}

static void remove_done(void *arg, int rc, const struct sedge_err *err)
{
    struct removing *r = arg;

    if (rc == 0) {
        struct sedge_secret *old = replace(r->s, r->arn, r->left);
        r->cb(r->arg, old, old && r->version_id ? sedge_secret_version(old, r->version_id) : NULL, err);
        sedge_secret_free(old);
    } else {
        sedge_secret_free(r->left);
        r->cb(r->arg, NULL, NULL, err);
    }
    free(r->id);
    free(r->arn);
    free(r->version_id);
    free(r);
}

void sedge_secrets_remove(struct sedge_secrets *s, const char *arn_or_name, const char *version_id,
                          sedge_secret_done_cb cb, void *arg)
{
    struct removing *r = SEDGE_NEW(struct removing);

    r->s = s;
    r->id = sedge_xstrdup(arn_or_name);
    r->version_id = sedge_xstrdup(version_id);
    r->cb = cb;
    r->arg = arg;
    sedge_dbw_submit(s->writer, remove_work, remove_done, r);
}
