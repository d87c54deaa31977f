/*
 * logfilter - the expressions of `logs get --filter` (spec/cli.md 5.1).
 *
 *   sedge_logfilter_add(f, "level=WARN,timed out", &err)    one option: elements are ORed
 *   sedge_logfilter_add(f, "serviceName=com.example.Tick")  several options are ANDed
 *   if (sedge_logfilter_match(f, &entry, &keywords)) ...
 *
 * An element without "=" is a regular expression, searched in the raw line: POSIX extended with \d \w \s \b and (?:.
 */
#ifndef SEDGE_CLI_LOGFILTER_H
#define SEDGE_CLI_LOGFILTER_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"
#include "logentry.h"

struct sedge_logfilter;

struct sedge_logfilter *sedge_logfilter_new(void);
void sedge_logfilter_free(struct sedge_logfilter *f); /* NULL is fine */
/* INVALID: more than one "=", or not a regular expression. *warning (heap, or NULL): what is odd but not wrong. */
int sedge_logfilter_add(struct sedge_logfilter *f, const char *text, char **warning, struct sedge_err *err);
/* Adds the texts that matched to *keywords, for highlighting. Without elements everything matches. */
bool sedge_logfilter_match(const struct sedge_logfilter *f, const struct sedge_logentry *e,
                           struct sedge_strv *keywords);

#endif
