#include "rows.h"

#include "arn.h"

#include "base/mem.h"

#include <openssl/crypto.h>
#include <string.h>

const char sedge_secret_schema[] =
    "CREATE TABLE secret (id INTEGER PRIMARY KEY, arn TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE,"
    " created INTEGER NOT NULL);"
    "CREATE TABLE version (id INTEGER PRIMARY KEY AUTOINCREMENT, secret INTEGER NOT NULL REFERENCES secret (id)"
    " ON DELETE CASCADE, name TEXT NOT NULL, created INTEGER NOT NULL, binary INTEGER NOT NULL, key_id TEXT NOT NULL,"
    " sealed BLOB NOT NULL, UNIQUE (secret, name));"
    "CREATE TABLE label (secret INTEGER NOT NULL REFERENCES secret (id) ON DELETE CASCADE, name TEXT NOT NULL,"
    " version INTEGER NOT NULL REFERENCES version (id) ON DELETE CASCADE, PRIMARY KEY (secret, name));";

/* ---- small statements: arguments are numbers (i) and texts (t) in the order of their places ---- */

struct argument {
    const char *text; /* NULL: the number */
    int64_t number;
};
#define T(s)                                                                                                           \
    (struct argument)                                                                                                  \
    {                                                                                                                  \
        (s), 0                                                                                                         \
    }
#define I(v)                                                                                                           \
    (struct argument)                                                                                                  \
    {                                                                                                                  \
        NULL, (v)                                                                                                      \
    }
#define ARGS(...)                                                                                                      \
    (const struct argument[]){__VA_ARGS__}, sizeof((const struct argument[]){__VA_ARGS__}) / sizeof(struct argument)

static sqlite3_stmt *ask(struct sedge_db *db, const char *sql, const struct argument *args, size_t n,
                         struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_db_prepare(db, sql, err);

    for (size_t i = 0; q && i < n; i++) {
        if (args[i].text)
            sedge_db_bind_text(q, (int)i + 1, args[i].text);
        else
            sedge_db_bind_i64(q, (int)i + 1, args[i].number);
    }
    return q;
}

static int run(struct sedge_db *db, const char *sql, const struct argument *args, size_t n, struct sedge_err *err)
{
    sqlite3_stmt *q = ask(db, sql, args, n, err);
    int rc;

    if (!q) return -1;
    do {
        rc = sedge_db_step(db, q, err);
    } while (rc == 1);
    (void)sqlite3_finalize(q);
    return rc;
}

/* One number: 1 found, 0 no row, -1. */
static int number(struct sedge_db *db, const char *sql, const struct argument *args, size_t n, int64_t *out,
                  struct sedge_err *err)
{
    sqlite3_stmt *q = ask(db, sql, args, n, err);
    int rc;

    if (!q) return -1;
    rc = sedge_db_step(db, q, err);
    if (rc == 1) *out = sqlite3_column_int64(q, 0);
    (void)sqlite3_finalize(q);
    return rc;
}

/* ---- reading what is not secret ---- */

void sedge_secret_free(struct sedge_secret *x)
{
    if (!x) return;
    for (size_t i = 0; i < x->n; i++) {
        free(x->versions[i].id);
        sedge_strv_release(&x->versions[i].labels);
    }
    free(x->versions);
    free(x->arn);
    free(x->name);
    free(x);
}

int sedge_secret_compare(const void *a, const void *b)
{
    const struct sedge_secret *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

static int read_labels(struct sedge_db *db, int64_t version, struct sedge_strv *out, struct sedge_err *err)
{
    sqlite3_stmt *q = ask(db, "SELECT name FROM label WHERE version = ?1 ORDER BY name", ARGS(I(version)), err);
    int rc;

    if (!q) return -1;
    while ((rc = sedge_db_step(db, q, err)) == 1)
        sedge_strv_add(out, sedge_db_text(q, 0));
    (void)sqlite3_finalize(q);
    return rc;
}

static int read_versions(struct sedge_db *db, int64_t id, struct sedge_secret *x, struct sedge_err *err)
{
    sqlite3_stmt *q =
        ask(db, "SELECT id, name, created, binary FROM version WHERE secret = ?1 ORDER BY id DESC", ARGS(I(id)), err);
    int rc;

    if (!q) return -1;
    while ((rc = sedge_db_step(db, q, err)) == 1) {
        struct sedge_secret_version *v;
        x->versions = sedge_xrealloc(x->versions, x->n + 1, sizeof *x->versions);
        v = &x->versions[x->n++];
        *v = (struct sedge_secret_version){
            sedge_xstrdup(sedge_db_text(q, 1)), sqlite3_column_int64(q, 2), sqlite3_column_int(q, 3) != 0, {NULL, 0}};
        if (read_labels(db, sqlite3_column_int64(q, 0), &v->labels, err) != 0) {
            rc = -1;
            break;
        }
    }
    (void)sqlite3_finalize(q);
    return rc;
}

/* From a row of secret (id, arn, name, created). */
static struct sedge_secret *read_secret(struct sedge_db *db, sqlite3_stmt *q, struct sedge_err *err)
{
    struct sedge_secret *x = SEDGE_NEW(struct sedge_secret);

    x->arn = sedge_xstrdup(sedge_db_text(q, 1));
    x->name = sedge_xstrdup(sedge_db_text(q, 2));
    x->created_ms = sqlite3_column_int64(q, 3);
    if (read_versions(db, sqlite3_column_int64(q, 0), x, err) == 0) return x;
    sedge_secret_free(x);
    return NULL;
}

static struct sedge_secret *load_one(struct sedge_db *db, int64_t id, struct sedge_err *err)
{
    sqlite3_stmt *q = ask(db, "SELECT id, arn, name, created FROM secret WHERE id = ?1", ARGS(I(id)), err);
    struct sedge_secret *x = q && sedge_db_step(db, q, err) == 1 ? read_secret(db, q, err) : NULL;

    (void)sqlite3_finalize(q);
    return x;
}

int sedge_secret_rows_load(struct sedge_db *db, struct sedge_secret ***list, size_t *n, struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_db_prepare(db, "SELECT id, arn, name, created FROM secret", err);
    int rc;

    if (!q) return -1;
    while ((rc = sedge_db_step(db, q, err)) == 1) {
        struct sedge_secret *x = read_secret(db, q, err);
        if (!x) {
            rc = -1;
            break;
        }
        *list = sedge_xrealloc(*list, *n + 1, sizeof(struct sedge_secret *));
        (*list)[(*n)++] = x;
    }
    (void)sqlite3_finalize(q);
    return rc;
}

int sedge_secret_rows_foreign(struct sedge_db *db, const char *key_id, int64_t *out, struct sedge_err *err)
{
    *out = 0;
    return number(db, "SELECT count(*) FROM version WHERE key_id <> ?1", ARGS(T(key_id)), out, err) < 0 ? -1 : 0;
}

/* ---- values ---- */

/* What a record is bound to: it opens as this value of this version of this secret and as no other. */
static void bind_record(struct sedge_buf *out, const char *arn, const char *version_id, bool binary)
{
    sedge_buf_printf(out, "sedge secret 1\n%s\n%s\n%s", arn, version_id, binary ? "binary" : "text");
}

static int unseal(sqlite3_stmt *q, const char *arn, const char *version_id, const struct sedge_secret_key *key,
                  struct sedge_buf *out, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf bound = SEDGE_BUF_INIT;
    const void *sealed = sqlite3_column_blob(q, 0);
    int n = sqlite3_column_bytes(q, 0);

    if (!key->id[0])
        return sedge_err_set(err, SEDGE_E_DENIED,
                             "the value of secret %s cannot be read: its key is missing or cannot be used (see the log "
                             "of the nucleus); put state/secret.key back or set the secret anew",
                             arn);
    if (strcmp(sedge_db_text(q, 1), key->id) != 0)
        return sedge_err_set(err, SEDGE_E_DENIED,
                             "the value of secret %s cannot be read: it was encrypted with another key (%s) than that "
                             "in state/secret.key (%s); put the old key back or set the secret anew",
                             arn, sedge_db_text(q, 1), key->id);
    bind_record(&bound, arn, version_id, sqlite3_column_int(q, 2) != 0);
    if (sedge_unseal(key->bytes, &bound, sealed, (size_t)n, out, err) == 0) return 0;
    return sedge_err_set(err, SEDGE_E_DIGEST,
                         "the value of secret %s, version %s is damaged: its record in state/secrets.db has been "
                         "changed; set the secret anew",
                         arn, version_id);
}

int sedge_secret_rows_value(struct sedge_db *db, const char *arn, const char *version_id,
                            const struct sedge_secret_key *key, struct sedge_buf *out, struct sedge_err *err)
{
    sqlite3_stmt *q = ask(db,
                          "SELECT v.sealed, v.key_id, v.binary FROM version v JOIN secret s ON v.secret = s.id"
                          " WHERE s.arn = ?1 AND v.name = ?2",
                          ARGS(T(arn), T(version_id)), err);
    int rc;

    if (!q) return -1;
    rc = sedge_db_step(db, q, err);
    if (rc == 1)
        rc = unseal(q, arn, version_id, key, out, err);
    else if (rc == 0)
        rc = sedge_err_set(err, SEDGE_E_NOT_FOUND, "secret %s has no version %s", arn, version_id);
    (void)sqlite3_finalize(q);
    return rc;
}

/* ---- setting ---- */

static int taken(struct sedge_err *err, const char *name, const char *arn)
{
    return sedge_err_set(err, SEDGE_E_CONFLICT,
                         "a secret %s is stored already, with the ARN %s; use that, or remove it first", name, arn);
}

/* The row of the secret; it is made when there is none. */
static int secret_row(struct sedge_db *db, struct sedge_secret_write *w, int64_t *id, struct sedge_err *err)
{
    sqlite3_stmt *q = ask(db, "SELECT id, arn, name FROM secret WHERE name = ?1 OR arn = ?2",
                          ARGS(T(w->name), T(w->arn ? w->arn : "")), err);
    int64_t count = 0;
    int rc;

    if (!q) return -1;
    rc = sedge_db_step(db, q, err);
    if (rc == 1) {
        const char *arn = sedge_db_text(q, 1), *name = sedge_db_text(q, 2);
        *id = sqlite3_column_int64(q, 0);
        rc = strcmp(name, w->name) != 0 || (w->arn && strcmp(arn, w->arn) != 0) ? taken(err, name, arn) : 1;
        free(w->arn);
        w->arn = sedge_xstrdup(arn);
    }
    (void)sqlite3_finalize(q);
    if (rc != 0) return rc < 0 ? -1 : 0;
    if (!w->arn) w->arn = sedge_secret_local_arn(w->name);
    if (number(db, "SELECT count(*) FROM secret", NULL, 0, &count, err) < 0) return -1;
    if (count >= SEDGE_SECRETS_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "the store has %d secrets, no more are possible: remove some",
                             SEDGE_SECRETS_MAX);
    rc = run(db, "INSERT INTO secret (arn, name, created) VALUES (?1, ?2, ?3)",
             ARGS(T(w->arn), T(w->name), I(w->now_ms)), err);
    *id = sqlite3_last_insert_rowid(sedge_db_handle(db));
    return rc;
}

/* 1 the version is there with the same value, 0 there is none, -1 it has another value. */
static int is_repeated(struct sedge_db *db, const struct sedge_secret_write *w, int64_t secret,
                       const struct sedge_secret_key *key, struct sedge_err *err)
{
    struct sedge_buf old = SEDGE_BUF_INIT;
    int64_t binary = 0;
    bool same;
    int rc = number(db, "SELECT binary FROM version WHERE secret = ?1 AND name = ?2", ARGS(I(secret), T(w->version_id)),
                    &binary, err);

    if (rc <= 0) return rc;
    same = (binary != 0) == w->binary && sedge_secret_rows_value(db, w->arn, w->version_id, key, &old, NULL) == 0 &&
           old.len == w->value.len && CRYPTO_memcmp(old.data, w->value.data, old.len) == 0;
    sedge_buf_wipe(&old);
    if (same) return 1;
    return sedge_err_set(err, SEDGE_E_CONFLICT, "secret %s has a version %s with another value already; use another id",
                         w->name, w->version_id);
}

static int insert_version(struct sedge_db *db, const struct sedge_secret_write *w, int64_t secret,
                          const struct sedge_secret_key *key, int64_t *id, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf bound = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf sealed = SEDGE_BUF_INIT;
    sqlite3_stmt *q = ask(db,
                          "INSERT INTO version (secret, name, created, binary, key_id, sealed)"
                          " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                          ARGS(I(secret), T(w->version_id), I(w->now_ms), I(w->binary), T(key->id)), err);
    int rc;

    if (!q) return -1;
    bind_record(&bound, w->arn, w->version_id, w->binary);
    sedge_seal(key->bytes, &bound, w->value.data, w->value.len, &sealed);
    sedge_db_bind_blob(q, 6, sealed.data, sealed.len);
    rc = sedge_db_step(db, q, err);
    (void)sqlite3_finalize(q);
    *id = sqlite3_last_insert_rowid(sedge_db_handle(db));
    return rc;
}

static int put_label(struct sedge_db *db, int64_t secret, const char *label, int64_t version, struct sedge_err *err)
{
    return run(db,
               "INSERT INTO label (secret, name, version) VALUES (?1, ?2, ?3)"
               " ON CONFLICT (secret, name) DO UPDATE SET version = ?3",
               ARGS(I(secret), T(label), I(version)), err);
}

/* Moves the labels of the new version there, and AWSPREVIOUS to the one that was current. */
static int move_labels(struct sedge_db *db, const struct sedge_secret_write *w, int64_t secret, int64_t version,
                       struct sedge_err *err)
{
    int64_t current = 0;
    int has = number(db, "SELECT version FROM label WHERE secret = ?1 AND name = ?2",
                     ARGS(I(secret), T(SEDGE_SECRET_CURRENT)), &current, err);
    bool moves = has == 0 || w->labels.n == 0 || sedge_strv_has(&w->labels, SEDGE_SECRET_CURRENT);

    if (has < 0) return -1;
    if (moves && has == 1 && put_label(db, secret, SEDGE_SECRET_PREVIOUS, current, err) != 0) return -1;
    if (moves && put_label(db, secret, SEDGE_SECRET_CURRENT, version, err) != 0) return -1;
    for (size_t i = 0; i < w->labels.n; i++)
        if (put_label(db, secret, w->labels.v[i], version, err) != 0) return -1;
    return 0;
}

/* Room for one more: the oldest version without a label goes. */
static int make_room(struct sedge_db *db, const struct sedge_secret_write *w, int64_t secret, struct sedge_err *err)
{
    int64_t count = 0, oldest = 0;
    int rc = number(db, "SELECT count(*) FROM version WHERE secret = ?1", ARGS(I(secret)), &count, err);

    if (rc < 0 || count <= SEDGE_SECRET_VERSIONS_MAX) return rc < 0 ? -1 : 0;
    rc = number(db,
                "SELECT id FROM version WHERE secret = ?1 AND id NOT IN (SELECT version FROM label WHERE secret = ?1)"
                " ORDER BY id LIMIT 1",
                ARGS(I(secret)), &oldest, err);
    if (rc == 0)
        return sedge_err_set(err, SEDGE_E_LIMIT,
                             "secret %s has %d versions that all have labels, no more are possible: remove one",
                             w->name, SEDGE_SECRET_VERSIONS_MAX);
    return rc < 0 ? -1 : run(db, "DELETE FROM version WHERE id = ?1", ARGS(I(oldest)), err);
}

struct sedge_secret *sedge_secret_rows_set(struct sedge_db *db, struct sedge_secret_write *w,
                                           const struct sedge_secret_key *key, struct sedge_err *err)
{
    int64_t secret = 0, version = 0;
    int rc;

    if (secret_row(db, w, &secret, err) != 0) return NULL;
    rc = is_repeated(db, w, secret, key, err);
    if (rc < 0) return NULL;
    if (rc == 0 && (insert_version(db, w, secret, key, &version, err) != 0 ||
                    move_labels(db, w, secret, version, err) != 0 || make_room(db, w, secret, err) != 0))
        return NULL;
    return load_one(db, secret, err);
}

/* ---- removing ---- */

static int remove_version(struct sedge_db *db, const char *arn, int64_t secret, const char *version_id,
                          struct sedge_err *err)
{
    int64_t version = 0, current = 0;
    int rc = number(db, "SELECT id FROM version WHERE secret = ?1 AND name = ?2", ARGS(I(secret), T(version_id)),
                    &version, err);

    if (rc == 0) return sedge_err_set(err, SEDGE_E_NOT_FOUND, "secret %s has no version %s", arn, version_id);
    if (rc < 0 || number(db, "SELECT version FROM label WHERE secret = ?1 AND name = ?2",
                         ARGS(I(secret), T(SEDGE_SECRET_CURRENT)), &current, err) < 0)
        return -1;
    if (current == version)
        return sedge_err_set(err, SEDGE_E_CONFLICT,
                             "version %s of secret %s is the current one: set another value first, or remove the "
                             "secret",
                             version_id, arn);
    return run(db, "DELETE FROM version WHERE id = ?1", ARGS(I(version)), err);
}

/* The secret with this ARN or name: 1 found, 0 none, -1. */
static int find_row(struct sedge_db *db, const char *arn_or_name, int64_t *id, char **arn, struct sedge_err *err)
{
    sqlite3_stmt *q = ask(db, "SELECT id, arn FROM secret WHERE arn = ?1 OR name = ?1", ARGS(T(arn_or_name)), err);
    int rc;

    if (!q) return -1;
    rc = sedge_db_step(db, q, err);
    if (rc == 1) {
        *id = sqlite3_column_int64(q, 0);
        *arn = sedge_xstrdup(sedge_db_text(q, 1));
    }
    (void)sqlite3_finalize(q);
    return rc;
}

int sedge_secret_rows_remove(struct sedge_db *db, const char *arn_or_name, const char *version_id, char **arn,
                             struct sedge_secret **left, struct sedge_err *err)
{
    int64_t secret = 0;
    int rc = find_row(db, arn_or_name, &secret, arn, err);

    if (rc == 0) return sedge_err_set(err, SEDGE_E_NOT_FOUND, "there is no secret %s in the store", arn_or_name);
    if (rc < 0) return -1;
    if (!version_id) return run(db, "DELETE FROM secret WHERE id = ?1", ARGS(I(secret)), err);
    if (remove_version(db, *arn, secret, version_id, err) != 0) return -1;
    *left = load_one(db, secret, err);
    return *left ? 0 : -1;
}
