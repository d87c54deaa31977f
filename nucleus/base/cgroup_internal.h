/*
 * cgroup_internal - what the files of cgroup share. Private to them.
 */
#ifndef SEDGE_BASE_CGROUP_INTERNAL_H
#define SEDGE_BASE_CGROUP_INTERNAL_H

#include <stdbool.h>

#include "buf.h"
#include "err.h"

enum { SEDGE_CGROUP_MEMORY, SEDGE_CGROUP_CPU, SEDGE_CGROUP_FREEZER, SEDGE_CGROUP_NPLACES };

struct sedge_cgroup_place {
    char *base; /* folder of our group; NULL: not there, or not for us */
    bool v2;
};

struct sedge_cgroups {
    struct sedge_cgroup_place places[SEDGE_CGROUP_NPLACES];
};

bool sedge_cgroup_is_v2(const char *mount);
/* Folder of the component's group, NULL when there is none of that kind. */
char *sedge_cgroup_dir(const struct sedge_cgroups *c, int kind, const char *component);
/* Whether an earlier kind has the same folder (v2). */
bool sedge_cgroup_is_twin(const struct sedge_cgroups *c, int kind);
/* -1 also for an empty file. */
int sedge_cgroup_read(const char *dir, const char *file, struct sedge_buf *out);
int sedge_cgroup_write(const char *dir, const char *file, const char *text, struct sedge_err *err);

#endif
