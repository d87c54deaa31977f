/*
 * output - what the scripts of one component write, as lines of its log; and what the nucleus notes about it there.
 *
 *   o = sedge_output_new(name, &settings, logs_dir)
 *   sedge_output_begin(o, "services.x.lifecycle.Run.Script", "STARTING")     for each script
 *   sedge_output_data(o, is_stderr, data, n, now_ms)                         n 0: the stream's end
 *   sedge_output_note(o, SEDGE_INFO, "shell-runner-start", text, contexts)
 *
 * "\n", "\r\n" and a lone "\r" end a line. Lines are trimmed, escaped where they are not UTF-8, and cut in pieces of
 * SEDGE_LOG_LINE_MAX. Beyond SEDGE_OUTPUT_BYTES_PER_SEC (after a burst of SEDGE_OUTPUT_BURST) lines are dropped, and
 * their number is noted when there is room again. The last SEDGE_LAST_LINES of those logged stay in memory.
 */
#ifndef SEDGE_SUPERVISOR_OUTPUT_H
#define SEDGE_SUPERVISOR_OUTPUT_H

#include "base/str.h"
#include "supervisor.h"

struct sedge_output;

/* `settings` is copied, its directory ignored in favour of `dir`. */
struct sedge_output *sedge_output_new(const char *name, const struct sedge_log_settings *settings, const char *dir);
void sedge_output_free(struct sedge_output *o);
void sedge_output_configure(struct sedge_output *o, const struct sedge_log_settings *settings, const char *dir);
void sedge_output_begin(struct sedge_output *o, const char *script_name);
void sedge_output_state(struct sedge_output *o, const char *state); /* currentState of the lines to come */
void sedge_output_data(struct sedge_output *o, bool is_stderr, const char *data, size_t n, int64_t now_ms);
/* A line of our own; the usual contexts are added, and `key`=`value` when given. */
void sedge_output_note(struct sedge_output *o, enum sedge_level level, const char *event, const char *message,
                       const char *key, const char *value);
void sedge_output_last(const struct sedge_output *o, struct sedge_strv *out);
int64_t sedge_output_dropped(const struct sedge_output *o); /* lines, since the last notice */

#endif
