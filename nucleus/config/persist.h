/*
 * persist - the configuration tree in state/nucleus.db: one row for each node that is not private.
 *
 *   db = sedge_config_open_db(path, all_schemas, SCHEMA_VERSION, &moved, &err);   // blocking, at the start
 *   sedge_config_start(cfg, &options{.db = db, .db_was_bad = moved}, &err);       // start.h loads from it
 *   w = sedge_dbw_new(loop, db);
 *   sedge_config_attach(cfg, w);                         // from now on changes are written by themselves
 *   sedge_config_flush_with(cfg, journal_work, journal_done, row);   // changes + a journal row: one transaction
 *
 * A change schedules a flush at the end of the loop turn; all changes up to then are one submission. When a submission
 * fails (disk full), it is logged, and the complete tree is written with the next try, at most
 * SEDGE_CONFIG_RETRY_MS later. Loop thread, except sedge_config_open_db (blocking).
 */
#ifndef SEDGE_CONFIG_PERSIST_H
#define SEDGE_CONFIG_PERSIST_H

#include "base/db.h"
#include "config.h"

#define SEDGE_CONFIG_RETRY_MS 5000

/* CREATE TABLE IF NOT EXISTS ...: part of the schema of nucleus.db. */
extern const char sedge_config_schema[];

/* sedge_db_open with a check of the whole file. A damaged one is logged, moved to "<path>.bad" (replacing an older
 * .bad) and an empty one is made; *moved says so: the start then goes on with
 * config/bootstrap.tlog (start.h). */
struct sedge_db *sedge_config_open_db(const char *path, const char *schema, int version, bool *moved,
                                      struct sedge_err *err);
/* Reads the rows into the (empty) tree. 1 there was something, 0 no rows, -1 CORRUPT or IO. Blocking. */
int sedge_config_load(struct sedge_config *cfg, struct sedge_db *db, struct sedge_err *err);

/* The stored rows are thrown away with the next flush, which writes the complete tree. */
void sedge_config_discard_stored(struct sedge_config *cfg);

/* Borrowed; must outlive the tree's close or be closed (sedge_dbw_close) right after sedge_config_close is called. What
 * has changed since sedge_config_load is submitted at the end of this turn. */
void sedge_config_attach(struct sedge_config *cfg, struct sedge_dbw *w);

typedef void (*sedge_config_flushed)(void *arg, int rc, const struct sedge_err *err);
/* Submits what has changed; `done` (may be NULL) runs on the loop when everything changed up to now is on the disk. */
void sedge_config_flush(struct sedge_config *cfg, sedge_config_flushed done, void *arg);
/* The same with `work` in the same transaction, after the changes: both or nothing. `work` runs on the worker thread.
 */
void sedge_config_flush_with(struct sedge_config *cfg, sedge_dbw_work work, sedge_config_flushed done, void *arg);

#endif
