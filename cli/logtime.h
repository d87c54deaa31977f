/*
 * logtime - points in time and time windows of `logs get` (spec/cli.md 5.1), and the time stamps of log lines.
 *
 * "Now" is an argument. The local time zone is that of the C library. Pure otherwise.
 */
#ifndef SEDGE_CLI_LOGTIME_H
#define SEDGE_CLI_LOGTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct sedge_logwindow {
    int64_t begin_ms, end_ms; /* both outside the window */
};

/* "-1h", "-1days-3hr", "2020-07-14T22:15:13.123", "2020-07-14", "22:15"; "" is now. Local time. */
int sedge_logtime_parse(const char *text, int64_t now_ms, int64_t *out_ms, struct sedge_err *err);
/* "<begin>,<end>" or "<begin>" (to now). */
int sedge_logwindow_parse(const char *text, int64_t now_ms, struct sedge_logwindow *out, struct sedge_err *err);
/* Whether `ms` is inside one of the windows; without windows everything is. */
bool sedge_logwindow_has(const struct sedge_logwindow *windows, size_t n, int64_t ms);
/* Whether no line that is still to come can be inside; never without windows. */
bool sedge_logwindow_over(const struct sedge_logwindow *windows, size_t n, int64_t now_ms);

/* The time stamp that starts a text log line: "2024-03-07T10:15:42.123Z", ":42Z", "+01:00". Bytes used, 0 for none. */
size_t sedge_logtime_stamp(const char *text, int64_t *out_ms);
/* "Mar  7 10:15:42" of the year of `now_ms`, local time. Bytes used, 0 for none. */
size_t sedge_logtime_syslog(const char *text, int64_t now_ms, int64_t *out_ms);
/* "2024-03-07 11:15:42 CET" */
void sedge_logtime_local(int64_t ms, char *out, size_t size);
/* "2024-03-07T11:15:42.123+01:00" */
void sedge_logtime_offset(int64_t ms, char *out, size_t size);

#endif
