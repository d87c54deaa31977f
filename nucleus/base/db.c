#include "db.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CACHE_KEPT (32 * 1024) /* bytes */
#define KEPT_SLOTS 256         /* statements; of two that share a slot the later one stays */

struct sedge_db {
    sqlite3 *h;
    char *path;
    bool alone;
    sqlite3_stmt **kept; /* by hash of their text; NULL until the first */
};

static int fail(struct sedge_db *db, struct sedge_err *err, const char *what)
{
    int rc = sqlite3_extended_errcode(db->h);
    enum sedge_err_code code = SEDGE_E_IO;

    if ((rc & 0xFF) == SQLITE_CORRUPT || (rc & 0xFF) == SQLITE_NOTADB) code = SEDGE_E_CORRUPT;
    if ((rc & 0xFF) == SQLITE_FULL) code = SEDGE_E_NO_SPACE;
    if ((rc & 0xFF) == SQLITE_CONSTRAINT) code = SEDGE_E_CONFLICT;
    return sedge_err_set(err, code, "%s: %s: %s", db->path, what, sqlite3_errmsg(db->h));
}

static int user_version(struct sedge_db *db, int *out, struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_db_prepare(db, "PRAGMA user_version", err);
    int rc;

    if (!q) return -1;
    rc = sedge_db_step(db, q, err);
    *out = rc == 1 ? sqlite3_column_int(q, 0) : 0;
    (void)sqlite3_finalize(q);
    return rc < 0 ? -1 : 0;
}

/* One step of the schema in one transaction. Another process may have taken it meanwhile. */
static int upgrade(struct sedge_db *db, const char *sql, int to, struct sedge_err *err)
{
    sedge_auto_free char *set = sedge_xasprintf("PRAGMA user_version=%d", to);
    int have = 0;

    if (sedge_db_exec(db, "BEGIN IMMEDIATE", err) != 0) return -1;
    if (user_version(db, &have, err) == 0 &&
        (have >= to || (sedge_db_exec(db, sql, err) == 0 && sedge_db_exec(db, set, err) == 0)))
        return sedge_db_exec(db, "COMMIT", err);
    (void)sedge_db_exec(db, "ROLLBACK", NULL);
    return -1;
}

/* `steps`: step i brings version i to i + 1; with one step only, it brings every older one to `version`. */
static int set_up(struct sedge_db *db, const char *const *steps, int n, int version, struct sedge_err *err)
{
    int have = 0;

    if (db->alone && sedge_db_exec(db, "PRAGMA locking_mode=EXCLUSIVE", err) != 0) return -1;
    if (sedge_db_exec(
            db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA cache_size=-256",
            err) != 0)
        return -1;
    if (user_version(db, &have, err) != 0) return -1;
    if (have > version)
        return sedge_err_set(err, SEDGE_E_CONFLICT,
                             "%s was written by a newer version (schema %d, this program knows %d)", db->path, have,
                             version);
    if (n == 1) return have == version ? 0 : upgrade(db, steps[0], version, err);
    for (int i = have; i < n; i++) {
        if (upgrade(db, steps[i], i + 1, err) != 0) return -1;
    }
    return 0;
}

/* Only when it is not there: closing a file that another connection of this process has open would drop that
 * connection's locks, and the next process to close the database would take its log away. */
static int create(const char *path, struct sedge_err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0) return errno == EEXIST ? 0 : sedge_err_sys(err, errno, "%s", path);
    (void)close(fd);
    return 0;
}

static struct sedge_db *open_at(const char *path, bool alone, const char *const *steps, int n, int version,
                                struct sedge_err *err)
{
    struct sedge_db *db = SEDGE_NEW(struct sedge_db);

    db->path = sedge_xstrdup(path);
    db->alone = alone;
    if (strcmp(path, ":memory:") != 0 && create(path, err) != 0) {
        sedge_db_close(db);
        return NULL;
    }
    if (sqlite3_open_v2(path, &db->h, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK) {
        (void)fail(db, err, "open");
        sedge_db_close(db);
        return NULL;
    }
    (void)sqlite3_busy_timeout(db->h, 5000);
    if (set_up(db, steps, n, version, err) != 0) {
        sedge_db_close(db);
        return NULL;
    }
    return db;
}

struct sedge_db *sedge_db_open(const char *path, const char *schema, int version, struct sedge_err *err)
{
    return open_at(path, false, &schema, 1, version, err);
}

struct sedge_db *sedge_db_open_alone(const char *path, const char *schema, int version, struct sedge_err *err)
{
    return open_at(path, true, &schema, 1, version, err);
}

struct sedge_db *sedge_db_open_steps(const char *path, const char *const *steps, int n, struct sedge_err *err)
{
    return open_at(path, false, steps, n, n, err);
}

void sedge_db_close(struct sedge_db *db)
{
    if (!db) return;
    for (size_t i = 0; db->kept && i < KEPT_SLOTS; i++)
        (void)sqlite3_finalize(db->kept[i]);
    free(db->kept);
    if (db->h) (void)sqlite3_close_v2(db->h);
    free(db->path);
    free(db);
}

sqlite3 *sedge_db_handle(struct sedge_db *db)
{
    return db->h;
}

int sedge_db_exec(struct sedge_db *db, const char *sql, struct sedge_err *err)
{
    return sqlite3_exec(db->h, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : fail(db, err, sql);
}

sqlite3_stmt *sedge_db_prepare(struct sedge_db *db, const char *sql, struct sedge_err *err)
{
    sqlite3_stmt *q = NULL;

    if (sqlite3_prepare_v2(db->h, sql, -1, &q, NULL) != SQLITE_OK) (void)fail(db, err, sql);
    return q;
}

static sqlite3_stmt **slot_of(struct sedge_db *db, const char *sql)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (; *sql; sql++)
        hash = (hash ^ (unsigned char)*sql) * 16777619u;
    if (!db->kept) db->kept = sedge_xcalloc(KEPT_SLOTS, sizeof(sqlite3_stmt *));
    return &db->kept[hash % KEPT_SLOTS];
}

sqlite3_stmt *sedge_db_keep(struct sedge_db *db, const char *sql, struct sedge_err *err)
{
    sqlite3_stmt **slot = slot_of(db, sql);
    sqlite3_stmt *q;

    if (*slot && sqlite3_stmt_busy(*slot)) return sedge_db_prepare(db, sql, err);
    if (*slot && strcmp(sqlite3_sql(*slot), sql) == 0) return *slot;
    q = sedge_db_prepare(db, sql, err);
    if (!q) return NULL;
    (void)sqlite3_finalize(*slot);
    *slot = q;
    return q;
}

void sedge_db_done(struct sedge_db *db, sqlite3_stmt *q)
{
    if (!q) return;
    if (*slot_of(db, sqlite3_sql(q)) == q) {
        (void)sqlite3_reset(q);
        (void)sqlite3_clear_bindings(q);
    } else
        (void)sqlite3_finalize(q);
}

void sedge_db_bind_text(sqlite3_stmt *q, int index, const char *text)
{
    int rc = text ? sqlite3_bind_text(q, index, text, -1, SQLITE_TRANSIENT) : sqlite3_bind_null(q, index);

    sedge_assert(rc == SQLITE_OK);
}

void sedge_db_bind_i64(sqlite3_stmt *q, int index, int64_t v)
{
    sedge_assert(sqlite3_bind_int64(q, index, v) == SQLITE_OK);
}

void sedge_db_bind_blob(sqlite3_stmt *q, int index, const void *p, size_t n)
{
    sedge_assert(sqlite3_bind_blob64(q, index, n ? p : "", n, SQLITE_TRANSIENT) == SQLITE_OK);
}

int sedge_db_step(struct sedge_db *db, sqlite3_stmt *q, struct sedge_err *err)
{
    int rc = sqlite3_step(q);

    if (rc == SQLITE_ROW) return 1;
    return rc == SQLITE_DONE ? 0 : fail(db, err, sqlite3_sql(q));
}

int sedge_db_run(struct sedge_db *db, const char *sql, void (*bind)(sqlite3_stmt *q, void *user), void *user,
                 struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_db_prepare(db, sql, err);
    int rc;

    if (!q) return -1;
    if (bind) bind(q, user);
    do {
        rc = sedge_db_step(db, q, err);
    } while (rc == 1);
    (void)sqlite3_finalize(q);
    return rc;
}

const char *sedge_db_text(sqlite3_stmt *q, int column)
{
    const unsigned char *t = sqlite3_column_text(q, column);

    return t ? (const char *)t : "";
}

/* --- writer ----------------------------------------------------------------------------------------------------- */

struct submission {
    sedge_dbw_work work;
    sedge_dbw_done done;
    void *arg;
    int rc;
    struct sedge_err err;
    struct submission *next;
};

struct list {
    struct submission *first;
    struct submission *last;
};

struct sedge_dbw {
    uv_loop_t *loop;
    struct sedge_db *db;
    uv_work_t req;
    struct list waiting; /* loop only */
    struct list batch;   /* the worker's while `busy` */
    bool busy;
};

static void run_one(struct sedge_db *db, struct submission *s)
{
    s->rc = sedge_db_exec(db, "SAVEPOINT one", &s->err);
    if (s->rc != 0) return;
    s->rc = s->work(db, s->arg, &s->err);
    if (s->rc != 0) (void)sedge_db_exec(db, "ROLLBACK TO one", NULL);
    (void)sedge_db_exec(db, "RELEASE one", NULL);
}

static void run_batch(struct sedge_db *db, struct submission *first)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    int rc = sedge_db_exec(db, "BEGIN IMMEDIATE", &err);

    for (struct submission *s = first; s && rc == 0; s = s->next)
        run_one(db, s);
    if (rc == 0) rc = sedge_db_exec(db, "COMMIT", &err);
    if (rc == 0) return;
    (void)sedge_db_exec(db, "ROLLBACK", NULL);
    for (struct submission *s = first; s; s = s->next) {
        s->rc = -1;
        s->err = err;
    }
}

void sedge_db_release_cache(struct sedge_db *db)
{
    int used = 0, highest = 0;

    if (sqlite3_db_status(db->h, SQLITE_DBSTATUS_CACHE_USED, &used, &highest, 0) == SQLITE_OK && used > CACHE_KEPT)
        (void)sqlite3_db_release_memory(db->h); /* always SQLITE_OK */
}

static void work_cb(uv_work_t *req)
{
    struct sedge_dbw *w = req->data;

    run_batch(w->db, w->batch.first);
    sedge_db_release_cache(w->db);
}

static void finish_batch(struct sedge_dbw *w)
{
    struct submission *s = w->batch.first;

    w->batch = (struct list){NULL, NULL};
    while (s) {
        struct submission *next = s->next;
        if (s->done) s->done(s->arg, s->rc, &s->err);
        free(s);
        s = next;
    }
}

static void start_batch(struct sedge_dbw *w);

static void after_work_cb(uv_work_t *req, int status)
{
    struct sedge_dbw *w = req->data;

    (void)status; /* never cancelled */
    w->busy = false;
    finish_batch(w);
    if (!w->busy && w->waiting.first) start_batch(w);
}

static void start_batch(struct sedge_dbw *w)
{
    w->batch = w->waiting;
    w->waiting = (struct list){NULL, NULL};
    w->busy = true;
    w->req.data = w;
    sedge_assert(uv_queue_work(w->loop, &w->req, work_cb, after_work_cb) == 0);
}

struct sedge_dbw *sedge_dbw_new(uv_loop_t *loop, struct sedge_db *db)
{
    struct sedge_dbw *w = SEDGE_NEW(struct sedge_dbw);

    w->loop = loop;
    w->db = db;
    return w;
}

void sedge_dbw_submit(struct sedge_dbw *w, sedge_dbw_work work, sedge_dbw_done done, void *arg)
{
    struct submission *s = SEDGE_NEW(struct submission);

    s->work = work;
    s->done = done;
    s->arg = arg;
    if (w->waiting.last)
        w->waiting.last->next = s;
    else
        w->waiting.first = s;
    w->waiting.last = s;
    if (!w->busy) start_batch(w);
}

void sedge_dbw_close(struct sedge_dbw *w)
{
    if (!w) return;
    while (w->busy)
        (void)uv_run(w->loop, UV_RUN_ONCE);
    sedge_db_close(w->db);
    free(w);
}
