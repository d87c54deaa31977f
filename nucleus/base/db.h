/*
 * db - SQLite with our error convention, and an ordered writer with group commit.
 *
 * struct sedge_db: one connection, WAL, synchronous=FULL, foreign keys on. Blocking; one thread at a time.
 *
 *   struct sedge_db *db = sedge_db_open(path, schema, SCHEMA_VERSION, &err);
 *   struct sqlite3_stmt *q = sedge_db_prepare(db, "SELECT v FROM t WHERE k = ?1", &err);
 *   sedge_db_bind_text(q, 1, key);
 *   while ((rc = sedge_db_step(db, q, &err)) == 1) { ...sqlite3_column_*... }
 *   sqlite3_finalize(q);
 *
 * struct sedge_dbw: the writer. All writes of a database go through it, in the order of submission, on a worker thread;
 * what has been submitted while a transaction was under way commits together in the next one. The loop never waits for
 * a disk. Each submission's `done` runs on the loop, after the commit is on the disk (or has failed), exactly once and
 * never from inside submit.
 */
#ifndef SEDGE_BASE_DB_H
#define SEDGE_BASE_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "err.h"

struct sedge_db;
struct sedge_dbw;

/* Opens or creates (mode 0600). `schema` is run in one transaction when the database's user_version is 0, which is then
 * set to `version`; a newer user_version than `version` is refused (CONFLICT). A damaged file is CORRUPT. */
struct sedge_db *sedge_db_open(const char *path, const char *schema, int version, struct sedge_err *err);
/* The same for a file that this process has for itself until it closes it. There is no file of shared memory then,
 * which could not be made on a full disk: what is in the database can still be read. */
struct sedge_db *sedge_db_open_alone(const char *path, const char *schema, int version, struct sedge_err *err);
/* The same for a schema that has grown: steps[i] brings user_version i to i + 1, each in a transaction of its own; a
 * new database goes through all of them. Safe when several processes open at once. n is at least 2. */
struct sedge_db *sedge_db_open_steps(const char *path, const char *const *steps, int n, struct sedge_err *err);
void sedge_db_close(struct sedge_db *db);
/* Gives the memory of a large cache back, after much was read or written. The writer does it after each batch. */
void sedge_db_release_cache(struct sedge_db *db);
sqlite3 *sedge_db_handle(struct sedge_db *db);
int sedge_db_exec(struct sedge_db *db, const char *sql, struct sedge_err *err);
sqlite3_stmt *sedge_db_prepare(struct sedge_db *db, const char *sql, struct sedge_err *err);
/* For statements that run often: prepared once, kept with the database and used again for the same text. Give it back
 * with sedge_db_done, not with sqlite3_finalize, as soon as the last row is read: until the first row and after the
 * last, no other statement may be kept. Within its own rows a statement is simply prepared a second time. */
sqlite3_stmt *sedge_db_keep(struct sedge_db *db, const char *sql, struct sedge_err *err);
void sedge_db_done(struct sedge_db *db, sqlite3_stmt *q);              /* NULL is fine */
void sedge_db_bind_text(sqlite3_stmt *q, int index, const char *text); /* NULL binds NULL; copied */
void sedge_db_bind_i64(sqlite3_stmt *q, int index, int64_t v);
void sedge_db_bind_blob(sqlite3_stmt *q, int index, const void *p, size_t n); /* copied */
/* 1 a row, 0 done, -1 failure. */
int sedge_db_step(struct sedge_db *db, sqlite3_stmt *q, struct sedge_err *err);
/* Prepares, runs to the end and finalizes a statement whose arguments `bind` sets (may be NULL). */
int sedge_db_run(struct sedge_db *db, const char *sql, void (*bind)(sqlite3_stmt *q, void *user), void *user,
                 struct sedge_err *err);
/* Column as text, "" for NULL. Valid until the next step. */
const char *sedge_db_text(sqlite3_stmt *q, int column);

/* `work` runs on the worker inside the transaction; -1 rolls back this submission's changes only (savepoint). It owns
 * nothing but what `arg` holds. `done` (may be NULL) runs on the loop with work's result; it frees `arg`. */
typedef int (*sedge_dbw_work)(struct sedge_db *db, void *arg, struct sedge_err *err);
typedef void (*sedge_dbw_done)(void *arg, int rc, const struct sedge_err *err);

/* Takes the database over. */
struct sedge_dbw *sedge_dbw_new(uv_loop_t *loop, struct sedge_db *db);
void sedge_dbw_submit(struct sedge_dbw *w, sedge_dbw_work work, sedge_dbw_done done, void *arg);
/* Waits until everything submitted is committed, runs the `done` callbacks, closes the database and frees. Blocks:
 * for the end of the program. */
void sedge_dbw_close(struct sedge_dbw *w);

#endif
