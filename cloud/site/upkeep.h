/*
 * upkeep - the slow work of the cloud side (archive.h, component.h), in a process of its own beside serve, so that the
 * object store never holds up a device.
 *
 *   struct sedge_upkeep *u = sedge_upkeep_new(cloud);
 *   sedge_upkeep_turn(u, sedge_mono_ms());       // now and then: looks for work, starts and reaps the process
 *   sedge_upkeep_free(u);                        // ends a process that runs; nothing is lost by that
 *
 * The process is this program again, as `sedge-cloud upkeep`. One at a time; after a failure the next try waits longer.
 */
#ifndef SEDGE_CLOUD_UPKEEP_H
#define SEDGE_CLOUD_UPKEEP_H

#include "cloud/cloud.h"

#define SEDGE_UPKEEP_LOOK_MS      2000    /* how often serve looks for revisions to archive */
#define SEDGE_UPKEEP_RETRY_MIN_MS 10000   /* after a failure */
#define SEDGE_UPKEEP_RETRY_MAX_MS 3600000 /* doubled up to this */
#define SEDGE_UPKEEP_DAY_S        86400   /* between cleanings; the time of the last one is that of upkeep.stamp */

struct sedge_upkeep;
struct sedge_upkeep *sedge_upkeep_new(struct sedge_cloud *c);
void sedge_upkeep_turn(struct sedge_upkeep *u, int64_t mono_ms);
void sedge_upkeep_free(struct sedge_upkeep *u);

struct sedge_upkeep_done {
    int revisions, published, executions, leftovers, moved; /* moved: into dynamic groups or out of them */
    bool cleaned;                                           /* the daily part was done */
};
/* What the process does, dynamic groups (group_dynamic.h) included. `force`: the daily part also when it is not due. */
int sedge_upkeep_run(struct sedge_cloud *c, bool force, int64_t now_ms, struct sedge_upkeep_done *done,
                     struct sedge_err *err);

#endif
