/*
 * atfile - "@file" among the arguments: the words of that file take its place.
 *
 * Words are separated by blanks and line ends; '...' and "..." keep blanks, a backslash within them the next
 * character; "#" starts a comment. A file may name further files. "@@x" is the word "@x"; "@x" stays as it is when
 * there is no file x.
 */
#ifndef SEDGE_CLI_ATFILE_H
#define SEDGE_CLI_ATFILE_H

#include "base/err.h"
#include "base/str.h"

#define SEDGE_ATFILE_MAX       (1u << 20) /* bytes of one file */
#define SEDGE_ATFILE_DEPTH_MAX 8          /* files that name files */

/* Appends the expanded words to *out. */
int sedge_atfile_expand(int argc, char **argv, struct sedge_strv *out, struct sedge_err *err);

#endif
