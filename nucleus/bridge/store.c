#include "store.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

const char sedge_bridge_schema[] =
    "CREATE TABLE IF NOT EXISTS bridge_execution (seq INTEGER PRIMARY KEY AUTOINCREMENT, job_id TEXT NOT NULL,"
    " number INTEGER NOT NULL, attempts INTEGER NOT NULL, status TEXT, details TEXT, document TEXT,"
    " acked INTEGER NOT NULL, UNIQUE (job_id, number));"
    "CREATE TABLE IF NOT EXISTS bridge_value (name TEXT PRIMARY KEY, value TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS bridge_event (id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL,"
    " info TEXT NOT NULL);";

void sedge_exec_free(struct sedge_exec *e)
{
    if (!e) return;
    free(e->status);
    json_object_put(e->details);
    json_object_put(e->document);
    free(e);
}

static struct json_object *parse(const char *text, const char *what)
{
    return text[0] ? sedge_json_parse_object(text, strlen(text), what, NULL) : NULL;
}

static struct sedge_exec *read_row(sqlite3_stmt *q)
{
    struct sedge_exec *e = SEDGE_NEW(struct sedge_exec);

    (void)snprintf(e->job_id, sizeof e->job_id, "%s", sedge_db_text(q, 0));
    e->number = sqlite3_column_int64(q, 1);
    e->attempts = sqlite3_column_int64(q, 2);
    if (sqlite3_column_type(q, 3) != SQLITE_NULL) e->status = sedge_xstrdup(sedge_db_text(q, 3));
    e->details = parse(sedge_db_text(q, 4), "details");
    e->document = parse(sedge_db_text(q, 5), "document");
    e->acked = sqlite3_column_int(q, 6) != 0;
    e->stored = true;
    return e;
}

int sedge_store_load(struct sedge_db *db, struct sedge_exec **list, struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_db_prepare(
        db, "SELECT job_id, number, attempts, status, details, document, acked FROM bridge_execution ORDER BY seq",
        err);
    int rc;

    if (!q) return -1;
    while ((rc = sedge_db_step(db, q, err)) == 1) {
        *list = read_row(q);
        list = &(*list)->next;
    }
    (void)sqlite3_finalize(q);
    return rc;
}

/* A copy of what is written: the worker must not touch what the loop changes. */
struct row {
    char job_id[SEDGE_JOB_ID_MAX + 1];
    int64_t number, attempts;
    char *status, *details, *document;
    bool acked;
    void *user;
};

void *sedge_store_user(void *arg)
{
    return ((struct row *)arg)->user;
}

void sedge_store_free(void *arg)
{
    struct row *r = arg;

    free(r->status);
    free(r->details);
    free(r->document);
    free(r);
}

static struct row *row_of(const struct sedge_exec *e)
{
    struct row *r = SEDGE_NEW(struct row);

    memcpy(r->job_id, e->job_id, sizeof r->job_id);
    r->number = e->number;
    r->attempts = e->attempts;
    r->status = sedge_xstrdup(e->status);
    if (e->details) r->details = sedge_xstrdup(sedge_json_text(e->details));
    if (e->document && !e->status) r->document = sedge_xstrdup(sedge_json_text(e->document));
    r->acked = e->acked;
    return r;
}

static void bind_put(sqlite3_stmt *q, void *user)
{
    const struct row *r = user;

    sedge_db_bind_text(q, 1, r->job_id);
    sedge_db_bind_i64(q, 2, r->number);
    sedge_db_bind_i64(q, 3, r->attempts);
    sedge_db_bind_text(q, 4, r->status);
    sedge_db_bind_text(q, 5, r->details);
    sedge_db_bind_text(q, 6, r->document);
    sedge_db_bind_i64(q, 7, r->acked);
}

static int put_work(struct sedge_db *db, void *arg, struct sedge_err *err)
{
    return sedge_db_run(db,
                        "INSERT INTO bridge_execution (job_id, number, attempts, status, details, document, acked)"
                        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (job_id, number) DO UPDATE SET"
                        " attempts = ?3, status = ?4, details = ?5, document = ?6, acked = ?7",
                        bind_put, arg, err);
}

void sedge_store_put(struct sedge_dbw *w, const struct sedge_exec *e, sedge_dbw_done done, void *user)
{
    struct row *r = row_of(e);

    r->user = user;
    sedge_dbw_submit(w, put_work, done, r);
}

static void bind_delete(sqlite3_stmt *q, void *user)
{
    const struct row *r = user;

    sedge_db_bind_text(q, 1, r->job_id);
    sedge_db_bind_i64(q, 2, r->number);
}

static int delete_work(struct sedge_db *db, void *arg, struct sedge_err *err)
{
    return sedge_db_run(db, "DELETE FROM bridge_execution WHERE job_id = ?1 AND number = ?2", bind_delete, arg, err);
}

static void delete_done(void *arg, int rc, const struct sedge_err *err)
{
    if (rc != 0) sedge_log(SEDGE_WARN, "jobs", "forget-failed", "%s", err->msg);
    sedge_store_free(arg);
}

void sedge_store_delete(struct sedge_dbw *w, const struct sedge_exec *e)
{
    sedge_dbw_submit(w, delete_work, delete_done, row_of(e));
}
