/*
 * logreader - complete lines of one file after the other, and of the last one also what is appended later.
 */
#ifndef SEDGE_CLI_LOGREADER_H
#define SEDGE_CLI_LOGREADER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct sedge_logreader;

/* `paths` is borrowed until free. `limit`: longest line; what is longer comes in pieces. */
struct sedge_logreader *sedge_logreader_new(const struct sedge_strv *paths, size_t limit, bool follow);
void sedge_logreader_free(struct sedge_logreader *r);
/* The next line without its end, lent until the next call; NULL at the end (when following: for now). Files that cannot
 * be read are named on stderr, once. */
const char *sedge_logreader_next(struct sedge_logreader *r);

#endif
