/*
 * logfiles - which files `logs` reads, and which of them belong together (spec/cli.md 5.1, spec/config.md 12.5).
 *
 * <group>_yyyy_MM_dd_HH_<i>.log are the rotated files of <group>.log. Names are read from the right, because groups may
 * hold digits and "_" themselves.
 */
#ifndef SEDGE_CLI_LOGFILES_H
#define SEDGE_CLI_LOGFILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct sedge_logname {
    size_t group_length; /* of the file's name */
    bool rotated;
    long long when; /* yyyyMMddHH */
    long long index;
};

struct sedge_loggroup {
    char *name;              /* folder and group */
    struct sedge_strv paths; /* in the order of their lines: rotated files, the active file last */
};
struct sedge_loggroups {
    struct sedge_loggroup *v;
    size_t n;
};

/* Pure. INVALID: not the name of a log file. */
int sedge_logname_parse(const char *file_name, struct sedge_logname *out, struct sedge_err *err);
/* Adds the regular files of `dir` whose names contain "log", in byte order. -1: `dir` cannot be read. */
int sedge_logfiles_list(const char *dir, struct sedge_strv *out, struct sedge_err *err);
/* Names that cannot be read go to *odd. A path given twice counts once. */
void sedge_logfiles_group(const struct sedge_strv *paths, struct sedge_loggroups *out, struct sedge_strv *odd);
void sedge_loggroups_release(struct sedge_loggroups *groups);

#endif
