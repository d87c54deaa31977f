/*
 * logprint - how `logs get` shows an entry (spec/cli.md 5.1, "Output"). Pure.
 */
#ifndef SEDGE_CLI_LOGPRINT_H
#define SEDGE_CLI_LOGPRINT_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"
#include "logentry.h"

struct sedge_logstyle {
    bool verbose; /* the full text form, with thread and stack trace */
    bool colour;  /* highlight */
    bool json;    /* one object a line; nothing is highlighted */
};

/* Appends the entry and a newline. Entries that are not JSON are shown as they were written. */
void sedge_logprint(struct sedge_buf *out, const struct sedge_logentry *e, const struct sedge_strv *keywords,
                    const struct sedge_logstyle *style);

#endif
