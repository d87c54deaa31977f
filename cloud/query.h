/*
 * query - SQL with bound arguments in one call.
 *
 *   sqlite3_stmt *q = sedge_q(db, err, "SELECT id FROM thing WHERE name=?1 AND state<>?2", "ti", name, (int64_t)2);
 *   while (q && (rc = sedge_db_step(db, q, err)) == 1) ...
 *   sqlite3_finalize(q);
 *
 * sedge_q_kept is the same for what runs with every message: the statement is prepared once; end it with sedge_db_done.
 * The functions that run a statement as a whole keep it, too.
 *
 * `types` has one letter for each argument: t = const char * (NULL binds NULL), i = int64_t (cast literals!).
 * Blocking; the thread that owns the database.
 */
#ifndef SEDGE_CLOUD_QUERY_H
#define SEDGE_CLOUD_QUERY_H

#include <stdint.h>

#include "base/db.h"
#include "base/err.h"

sqlite3_stmt *sedge_q(struct sedge_db *db, struct sedge_err *err, const char *sql, const char *types, ...);
sqlite3_stmt *sedge_q_kept(struct sedge_db *db, struct sedge_err *err, const char *sql, const char *types, ...);
/* Runs to the end; result rows are ignored. */
int sedge_q_run(struct sedge_db *db, struct sedge_err *err, const char *sql, const char *types, ...);
/* First column of the first row: 1 found, 0 no row (*out unchanged), -1 failure. */
int sedge_q_i64(struct sedge_db *db, struct sedge_err *err, int64_t *out, const char *sql, const char *types, ...);
/* As text, a heap copy ("" for NULL). */
int sedge_q_text(struct sedge_db *db, struct sedge_err *err, char **out, const char *sql, const char *types, ...);

/* One write transaction (BEGIN IMMEDIATE). end: commits when rc is 0, otherwise rolls back; returns 0 or -1. */
int sedge_q_begin(struct sedge_db *db, struct sedge_err *err);
int sedge_q_end(struct sedge_db *db, int rc, struct sedge_err *err);
/* A part of a transaction that may fail without the rest. end: keeps what was done since when rc is 0, otherwise undoes
 * it; -1 only when that could not be done. Not nested. */
int sedge_q_part_begin(struct sedge_db *db, struct sedge_err *err);
int sedge_q_part_end(struct sedge_db *db, int rc, struct sedge_err *err);

#endif
