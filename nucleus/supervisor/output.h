/*
 * output - what the scripts of one component write, as lines of its log; and what the nucleus notes about it there.
 *
 *   o = sedge_output_new(name, &settings, logs_dir)
 *   src = sedge_output_begin(o, "services.x.lifecycle.Run.Script")           for each script
 *   sedge_output_data(src, is_stderr, data, n, now_ms)                       n 0: the stream's end
 *   sedge_output_finish(src)                                                 the script has ended
 *   sedge_output_source_free(src)                                            and nothing more can come of it
 *   sedge_output_note(o, SEDGE_INFO, "shell-runner-start", text, extra)
 *
 * "\n", "\r\n" and a lone "\r" end a line. Lines are trimmed, escaped where they are not UTF-8, and cut in pieces of
 * SEDGE_LOG_LINE_MAX. Scripts that run at the same time (run and shutdown) do not mix within a line.
 *
 * More than SEDGE_OUTPUT_BYTES_PER_SEC of log (after a burst of SEDGE_OUTPUT_BURST) is dropped, until there is room for
 * a second's worth again; the log says how much. What is dropped, or hidden by the level, costs next to nothing: lines
 * are only counted. The last SEDGE_LAST_LINES written, also of those that were dropped, stay in memory, escaped: it is
 * those that matter after a crash. A quiet component has no memory for them.
 */
#ifndef SEDGE_SUPERVISOR_OUTPUT_H
#define SEDGE_SUPERVISOR_OUTPUT_H

#include "base/str.h"
#include "supervisor.h"

#define SEDGE_OUTPUT_BATCH_MAX ((size_t)64 * 1024) /* bytes of log that are collected before they are written */

struct sedge_output;
struct sedge_output_source; /* one script; belongs to its caller, and must be freed before the output */

/* `settings` is copied, its directory ignored in favour of `dir`. */
struct sedge_output *sedge_output_new(const char *name, const struct sedge_log_settings *settings, const char *dir);
void sedge_output_free(struct sedge_output *o);
void sedge_output_configure(struct sedge_output *o, const struct sedge_log_settings *settings, const char *dir);
void sedge_output_state(struct sedge_output *o, const char *state); /* currentState of the lines to come */

struct sedge_output_source *sedge_output_begin(struct sedge_output *o, const char *script_name);
/* Returns how many bytes of log it has made: what it has cost. */
size_t sedge_output_data(struct sedge_output_source *src, bool is_stderr, const char *data, size_t n, int64_t now_ms);
void sedge_output_finish(struct sedge_output_source *src); /* lines without an end have it here; data may still come */
void sedge_output_source_free(struct sedge_output_source *src); /* NULL is fine */

/* A line of our own; `extra` (object of texts; may be NULL, stays the caller's) comes before the usual contexts. */
void sedge_output_note(struct sedge_output *o, enum sedge_level level, const char *event, const char *message,
                       struct json_object *extra);
/* Oldest first; with `newest_script` only those of the script begun last. */
void sedge_output_last(const struct sedge_output *o, bool newest_script, struct sedge_strv *out);
int64_t sedge_output_dropped(const struct sedge_output *o); /* lines, since the last notice */

#endif
