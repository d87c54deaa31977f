/*
 * cgroup - one control group for each component, where the machine lets us have one (spec/lifecycle.md 13, 14): v2, or
 * the v1 hierarchies memory, cpu and freezer, or a hybrid of both: what v1 does not have is looked for in
 * <mount>/unified. Everything here may fail; nothing depends on it but limits and freezing.
 *
 *   struct sedge_cgroups *all = sedge_cgroups_open("/sys/fs/cgroup", "greengrass-ab12cd34");
 *   sedge_cgroups_make(all, "com.example.Tick", limits, &dirs, &err)  // folders into which sedge-exec puts the script
 *   sedge_cgroups_limit(all, "com.example.Tick", memory_kb, cpus, &err)
 *   sedge_cgroups_kill(all, ...); sedge_cgroups_remove(all, ...)
 *
 * A component is always in the group that can freeze (and, in v2, limit) it; into groups of v1 that only limit it goes
 * when it has limits: each of them costs the kernel memory, and each start time.
 *
 * Files in memory: quick. Any thread: nothing here changes after open.
 */
#ifndef SEDGE_BASE_CGROUP_H
#define SEDGE_BASE_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"
#include "str.h"

/* Limits (docs/limits.md) */
#define SEDGE_CGROUP_QUOTA_MIN_US 1000 /* the least share of a processor that the kernel takes, for each period */

struct sedge_cgroups;

/* Never NULL. Creates nothing yet. */
struct sedge_cgroups *sedge_cgroups_open(const char *mount, const char *group);
void sedge_cgroups_close(struct sedge_cgroups *c); /* also removes the groups that are empty */

/* Mounts what it lacks of the hierarchies that we use, where the kernel has them and lets us (root). Before open.
 */
void sedge_cgroups_mount(const char *mount_point);

/* Creates the component's groups and adds their folders to *dirs; with `limits` also those that only limit. -1: none
 * could be made (UNSUPPORTED, DENIED). */
int sedge_cgroups_make(struct sedge_cgroups *c, const char *component, bool limits, struct sedge_strv *dirs,
                       struct sedge_err *err);
/* Sets or changes limits, in groups that it creates where they are needed; values of 0 or less mean none. -1: at least
 * one could not be set. UNSUPPORTED says which controller is missing. */
int sedge_cgroups_limit(struct sedge_cgroups *c, const char *component, int64_t memory_kb, double cpus,
                        struct sedge_err *err);
/* Puts processes into all groups that the component has. Returns how many were not there yet; -1 when one could not be
 * moved. A process that is gone meanwhile is none of these. */
int sedge_cgroups_enter(struct sedge_cgroups *c, const char *component, const pid_t *pids, size_t n,
                        struct sedge_err *err);
/* Asks for it; the kernel may take a moment. UNSUPPORTED: there is no freezer that we may use. */
int sedge_cgroups_freeze(struct sedge_cgroups *c, const char *component, bool frozen, struct sedge_err *err);
/* It takes long: v1 can miss a process that was born while it froze the others, until it is asked anew. */
void sedge_cgroups_freeze_again(struct sedge_cgroups *c, const char *component);
/* Whether every process of it is frozen. */
bool sedge_cgroups_is_frozen(struct sedge_cgroups *c, const char *component);
/* How often the kernel has killed one of its processes for its memory limit; 0 when that is not known. */
int64_t sedge_cgroups_oom_kills(struct sedge_cgroups *c, const char *component);
/* SIGKILL to every process in the component's group, thawed if need be. */
void sedge_cgroups_kill(struct sedge_cgroups *c, const char *component);
/* Number of processes in it. */
size_t sedge_cgroups_count(struct sedge_cgroups *c, const char *component);
void sedge_cgroups_remove(struct sedge_cgroups *c, const char *component);
/* Kills and removes all component groups: what a previous life left. Returns 0 when it found no process; otherwise call
 * it again, since processes may have been born meanwhile. */
size_t sedge_cgroups_kill_all(struct sedge_cgroups *c);

#endif
