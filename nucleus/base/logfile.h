/*
 * logfile - a text file that rotates by hour and size, with a bound on the total (spec/config.md 12).
 *
 *   struct sedge_logfile *f = sedge_logfile_new("/var/lib/sedge/logs", "com.example.Tick");
 *   sedge_logfile_limits(f, 1024, 10240);
 *   sedge_logfile_write(f, line, n);
 *
 * The active file is <name>.log. It becomes <name>_yyyy_MM_dd_HH_<i>.log (local time) when the hour changes or it has
 * reached its size; the oldest of those are deleted beyond the total. Opened on the first line (O_APPEND, 0600).
 *
 * A failing disk is reported once through sedge_log (unless the file is the log's own: `quiet`), lines are then dropped
 * and counted, and opening is tried again every SEDGE_LOGFILE_RETRY_MS.
 *
 * Writes go to the page cache and are quick; rotation renames and lists one folder. One thread at a time.
 */
#ifndef SEDGE_BASE_LOGFILE_H
#define SEDGE_BASE_LOGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEDGE_LOGFILE_RETRY_MS 5000

struct sedge_logfile;

struct sedge_logfile *sedge_logfile_new(const char *dir, const char *name);
void sedge_logfile_free(struct sedge_logfile *f); /* NULL is fine */
void sedge_logfile_limits(struct sedge_logfile *f, int64_t file_kb, int64_t total_kb);
void sedge_logfile_quiet(struct sedge_logfile *f, bool quiet);
void sedge_logfile_write(struct sedge_logfile *f, const char *line, size_t n);
/* The file has been renamed or removed by someone else: open it anew with the next line. */
void sedge_logfile_reopen(struct sedge_logfile *f);
int64_t sedge_logfile_dropped(const struct sedge_logfile *f); /* lines lost to errors so far */
/* For sedge_log_set_sink: user is the struct sedge_logfile. */
void sedge_logfile_sink(const char *line, size_t n, void *user);
/* Deletes all but the newest rotated files so that the total with `active_bytes` fits. */
void sedge_logfile_trim(const char *dir, const char *name, int64_t total_bytes, int64_t active_bytes);

#endif
