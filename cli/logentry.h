/*
 * logentry - what one line of a log says (spec/config.md 12.3 and 12.4, spec/cli.md 5.1).
 *
 * JSON lines, text lines and lines of the system log all become the keys of the JSON format: timestamp, level, thread,
 * loggerName, eventType, message, contexts, cause; for the system log priority, host, logger, class, message. Filters
 * therefore need to know one form only. A line in no known form has its message alone, or, after an entry of the same
 * file, everything of that entry: it is a line of its stack trace.
 *
 * Pure: "now" is an argument.
 */
#ifndef SEDGE_CLI_LOGENTRY_H
#define SEDGE_CLI_LOGENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"

enum sedge_logform { SEDGE_LOGFORM_JSON, SEDGE_LOGFORM_TEXT, SEDGE_LOGFORM_PLAIN, SEDGE_LOGFORM_SYSLOG };

struct sedge_logentry {
    enum sedge_logform form;
    char *raw; /* the line, without its end */
    int64_t time_ms;
    struct json_object *fields;
};

void sedge_logentry_release(struct sedge_logentry *e);

/* `before`: the entry before it in the same file, or NULL. Always succeeds. */
void sedge_logentry_parse(const char *line, const struct sedge_logentry *before, int64_t now_ms,
                          struct sedge_logentry *out);
/* INVALID: not a line of the system log. */
int sedge_logentry_parse_syslog(const char *line, int64_t now_ms, struct sedge_logentry *out, struct sedge_err *err);

/* Key of the entry itself or of its contexts, as text; NULL if absent. Lives as long as the entry. */
const char *sedge_logentry_get(const struct sedge_logentry *e, const char *key);

#endif
