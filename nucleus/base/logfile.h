/*
 * logfile - a text file that rotates by hour and size, with a bound on the total (spec/config.md 12).
 *
 *   struct sedge_logfile *f = sedge_logfile_new("/var/lib/sedge/logs", "com.example.Tick");
 *   sedge_logfile_limits(f, 1024, 10240);
 *   sedge_logfile_write(f, lines, n);
 *
 * The active file is <name>.log. It becomes <name>_yyyy_MM_dd_HH_<i>.log (local time) when the hour has changed or the
 * next line would make it larger than its size; the oldest of those are deleted beyond the total, and beyond total/size
 * in number. All files of a name together stay below the total, but for a single line that is larger. Opened on the
 * first line (O_APPEND, 0600; the folder 0700).
 *
 * A failing disk is reported once through sedge_log (unless the file is the log's own: `quiet`), lines are then dropped
 * and counted, and opening is tried again every SEDGE_LOGFILE_RETRY_MS. A file that cannot be renamed counts as
 * failing.
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
/* A file size above the total is taken as the total. */
void sedge_logfile_limits(struct sedge_logfile *f, int64_t file_kb, int64_t total_kb);
void sedge_logfile_clock(struct sedge_logfile *f, int64_t (*wall_ms)(void)); /* instead of sedge_wall_ms: for tests */
void sedge_logfile_quiet(struct sedge_logfile *f, bool quiet);
/* One or more lines, each with its newline. */
void sedge_logfile_write(struct sedge_logfile *f, const char *text, size_t n);
/* The file has been renamed or removed by someone else: open it anew with the next line. */
void sedge_logfile_reopen(struct sedge_logfile *f);
int64_t sedge_logfile_dropped(const struct sedge_logfile *f); /* lines lost to errors so far */
/* For sedge_log_set_sink: user is the struct sedge_logfile. */
void sedge_logfile_sink(const char *line, size_t n, void *user);
/* Deletes all but the newest rotated files: so that the total with `active_bytes` fits, and at most max_files stay. */
void sedge_logfile_trim(const char *dir, const char *name, int64_t total_bytes, int64_t active_bytes, size_t max_files);

#endif
