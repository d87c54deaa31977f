/*
 * rollout - the engine: releases revisions wave by wave at their rate, judges the results, retries, and ends what is
 * over.
 *
 *   struct sedge_rollout *r = sedge_rollout_new(c);
 *   every SEDGE_ROLLOUT_TICK_MS: begin transaction; sedge_rollout_tick(r, wall_ms, mono_ms, &err); commit;
 *
 * Everything that must survive is in the database (wave, its start and end, step of the rate, who has an execution), so
 * a kill at any instant loses nothing: what is kept here is only a list of the things that come next, made again by
 * looking. Two engines on one database are harmless: each step looks inside its transaction.
 */
#ifndef SEDGE_CLOUD_ROLLOUT_H
#define SEDGE_CLOUD_ROLLOUT_H

#include "judge.h"
#include "release.h"

#define SEDGE_ROLLOUT_TICK_MS    250
#define SEDGE_ROLLOUT_BATCH      1000  /* releases of one deployment in one tick */
#define SEDGE_ROLLOUT_SCAN       20000 /* members looked at in one tick */
#define SEDGE_ROLLOUT_ONLINE_S   18000 /* seen in the time between two polls of a device: released before others */
#define SEDGE_ROLLOUT_SLEEPER_MS 10000 /* how often dormant things of a wave are counted */
#define SEDGE_ROLLOUT_REST_MS    10000 /* until a deployment that could not go on is tried again */

struct sedge_rollout;

struct sedge_rollout *sedge_rollout_new(struct sedge_cloud *c); /* c is borrowed */
void sedge_rollout_free(struct sedge_rollout *r);
/* A deployment that cannot go on is logged, and holds up no other. -1: the database fails. */
int sedge_rollout_tick(struct sedge_rollout *r, int64_t now_ms, int64_t mono_ms, struct sedge_err *err);

/* A deployment that was created, approved, or whose time has come: it takes its place, and its first things are
 * released at once. */
int sedge_rollout_begin(struct sedge_cloud *c, int64_t deployment_id, int64_t now_ms, struct sedge_err *err);

#endif
