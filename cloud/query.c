#include "query.h"

#include <stdarg.h>

#include "base/mem.h"

static sqlite3_stmt *bind_all(sqlite3_stmt *q, const char *types, va_list ap)
{
    for (int i = 0; q && types[i]; i++) {
        if (types[i] == 't')
            sedge_db_bind_text(q, i + 1, va_arg(ap, const char *));
        else
            sedge_db_bind_i64(q, i + 1, va_arg(ap, int64_t));
    }
    return q;
}

sqlite3_stmt *sedge_q(struct sedge_db *db, struct sedge_err *err, const char *sql, const char *types, ...)
{
    sqlite3_stmt *q;
    va_list ap;

    va_start(ap, types);
    q = bind_all(sedge_db_prepare(db, sql, err), types, ap);
    va_end(ap);
    return q;
}

sqlite3_stmt *sedge_q_kept(struct sedge_db *db, struct sedge_err *err, const char *sql, const char *types, ...)
{
    sqlite3_stmt *q;
    va_list ap;

    va_start(ap, types);
    q = bind_all(sedge_db_keep(db, sql, err), types, ap);
    va_end(ap);
    return q;
}

int sedge_q_run(struct sedge_db *db, struct sedge_err *err, const char *sql, const char *types, ...)
{
    sqlite3_stmt *q;
    va_list ap;
    int rc = -1;

    va_start(ap, types);
    q = bind_all(sedge_db_keep(db, sql, err), types, ap);
    va_end(ap);
    if (!q) return -1;
    while ((rc = sedge_db_step(db, q, err)) == 1) {
    }
    sedge_db_done(db, q);
    return rc;
}

int sedge_q_i64(struct sedge_db *db, struct sedge_err *err, int64_t *out, const char *sql, const char *types, ...)
{
    sqlite3_stmt *q;
    va_list ap;
    int rc;

    va_start(ap, types);
    q = bind_all(sedge_db_keep(db, sql, err), types, ap);
    va_end(ap);
    if (!q) return -1;
    rc = sedge_db_step(db, q, err);
    if (rc == 1) *out = sqlite3_column_int64(q, 0);
    sedge_db_done(db, q);
    return rc;
}

int sedge_q_text(struct sedge_db *db, struct sedge_err *err, char **out, const char *sql, const char *types, ...)
{
    sqlite3_stmt *q;
    va_list ap;
    int rc;

    va_start(ap, types);
    q = bind_all(sedge_db_keep(db, sql, err), types, ap);
    va_end(ap);
    if (!q) return -1;
    rc = sedge_db_step(db, q, err);
    if (rc == 1) *out = sedge_xstrdup(sedge_db_text(q, 0));
    sedge_db_done(db, q);
    return rc;
}

int sedge_q_begin(struct sedge_db *db, struct sedge_err *err)
{
    return sedge_db_exec(db, "BEGIN IMMEDIATE", err);
}

int sedge_q_end(struct sedge_db *db, int rc, struct sedge_err *err)
{
    if (rc == 0 && sedge_db_exec(db, "COMMIT", err) == 0) return 0;
    (void)sedge_db_exec(db, "ROLLBACK", NULL);
    return -1;
}

int sedge_q_part_begin(struct sedge_db *db, struct sedge_err *err)
{
    return sedge_db_exec(db, "SAVEPOINT part", err);
}

int sedge_q_part_end(struct sedge_db *db, int rc, struct sedge_err *err)
{
    if (rc != 0 && sedge_db_exec(db, "ROLLBACK TO part", err) != 0) return -1;
    return sedge_db_exec(db, "RELEASE part", err);
}
