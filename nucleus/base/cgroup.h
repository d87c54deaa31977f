/*
 * cgroup - one control group for each component, where the machine lets us have one: v2 first, else the v1 hierarchies
 * memory, cpu and freezer (spec/lifecycle.md 13, 14). Everything here may fail; nothing depends on it but limits and
 * freezing. Files in memory: quick. Any thread: nothing here changes after open.
 *
 *   struct sedge_cgroups *all = sedge_cgroups_open("/sys/fs/cgroup", "greengrass-ab12cd34");
 *   sedge_cgroups_make(all, "com.example.Tick", &paths)          // folders into which sedge-exec puts the script
 *   sedge_cgroups_limit(all, "com.example.Tick", memory_kb, cpus, &err)
 *   sedge_cgroups_kill(all, ...); sedge_cgroups_remove(all, ...)
 */
#ifndef SEDGE_BASE_CGROUP_H
#define SEDGE_BASE_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "str.h"

struct sedge_cgroups;

enum sedge_cgroup_version { SEDGE_CGROUP_ABSENT, SEDGE_CGROUP_V1, SEDGE_CGROUP_V2 };

/* Never NULL; version ABSENT when there is nothing that we may use. Creates nothing yet. */
struct sedge_cgroups *sedge_cgroups_open(const char *mount, const char *group);
void sedge_cgroups_close(struct sedge_cgroups *c); /* also removes the groups that are empty */
enum sedge_cgroup_version sedge_cgroups_version(const struct sedge_cgroups *c);

/* Creates the component's groups and adds their folders to *dirs. -1: none could be made (UNSUPPORTED, DENIED). */
int sedge_cgroups_make(struct sedge_cgroups *c, const char *component, struct sedge_strv *dirs, struct sedge_err *err);
/* Sets or changes limits; values of 0 or less mean none. UNSUPPORTED says which controller is missing. */
int sedge_cgroups_limit(struct sedge_cgroups *c, const char *component, int64_t memory_kb, double cpus,
                        struct sedge_err *err);
int sedge_cgroups_freeze(struct sedge_cgroups *c, const char *component, bool frozen, struct sedge_err *err);
/* SIGKILL to every process in the component's group. */
void sedge_cgroups_kill(struct sedge_cgroups *c, const char *component);
/* Number of processes in it. */
size_t sedge_cgroups_count(struct sedge_cgroups *c, const char *component);
void sedge_cgroups_remove(struct sedge_cgroups *c, const char *component);
/* Kills and removes all component groups: what a previous life left. */
void sedge_cgroups_kill_all(struct sedge_cgroups *c);

#endif
