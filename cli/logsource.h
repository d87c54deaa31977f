/*
 * logsource - the lines of one log (its rotated files, then the active one) that are to be printed: those in the time
 * windows that the filter lets through, and the lines around them.
 *
 *   struct sedge_logsource *s = sedge_logsource_new(&group->paths, &query);
 *   while (sedge_logsource_next(s, &hit) == 1) { ...; sedge_loghit_release(&hit); }
 *
 * A follower asks again after 0: then more may have been written. It follows the active file also when that is rotated.
 * A line longer than SEDGE_LOGLINE_MAX is cut into several. Files that cannot be read are reported on stderr and
 * skipped.
 */
#ifndef SEDGE_CLI_LOGSOURCE_H
#define SEDGE_CLI_LOGSOURCE_H

#include "logentry.h"
#include "logfilter.h"
#include "logtime.h"

#define SEDGE_LOGLINE_MAX (1u << 20)

struct sedge_logquery {
    const struct sedge_logwindow *windows;
    size_t nwindows;
    const struct sedge_logfilter *filter;
    int before, after; /* lines around a match */
    bool syslog, follow;
};

struct sedge_loghit {
    struct sedge_logentry entry;
    struct sedge_strv keywords; /* to highlight */
};
void sedge_loghit_release(struct sedge_loghit *h);

struct sedge_logsource;

/* `paths` and `query` are borrowed until free. */
struct sedge_logsource *sedge_logsource_new(const struct sedge_strv *paths, const struct sedge_logquery *query);
void sedge_logsource_free(struct sedge_logsource *s);
/* The next hit, lent until it is taken; NULL: none (any more, or now when following). */
const struct sedge_loghit *sedge_logsource_peek(struct sedge_logsource *s);
/* 1: *out is the caller's. 0: as NULL of peek. */
int sedge_logsource_next(struct sedge_logsource *s, struct sedge_loghit *out);

#endif
