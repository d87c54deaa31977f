/*
 * shadow - the rows of table `shadow`, and the deployment shadow that carries deployments to a single thing
 * (cloud-protocol 12).
 *
 * The rules of a shadow's document are those of shadow_rules/document.h, the same that devices use. A deleted shadow
 * keeps its row: versions go on. Inside the caller's transaction; times are seconds.
 *
 * A deployment to one thing is carried by its deployment shadow, or by a job: `thing.carrier` is auto (by shadow unless
 * the device says that it is of a kind that knows none), shadow or job. Either way it has an execution row; a row that
 * the shadow carries (SEDGE_EXEC_BY_SHADOW) is never in the list of pending jobs and has no timers.
 */
#ifndef SEDGE_CLOUD_SHADOW_H
#define SEDGE_CLOUD_SHADOW_H

#include "cloud/cloud.h"
#include "shadow_rules/document.h"

#define SEDGE_SHADOW_DEPLOYMENT "AWSManagedGreengrassV2Deployment"
#define SEDGE_SHADOW_DOC_MAX    8192 /* bytes of desired and reported together */
#define SEDGE_SHADOWS_MAX       100  /* shadows of one thing, deleted ones too */

/* doc->exists is false when there is none, or it is deleted. Release it in any case. */
int sedge_shadow_load(struct sedge_db *db, int64_t thing_id, const char *name, struct sedge_shadow_doc *doc,
                      struct sedge_err *err);
int sedge_shadow_save(struct sedge_db *db, int64_t thing_id, const char *name, const struct sedge_shadow_doc *doc,
                      struct sedge_err *err);
/* An update by this side: merged, and the device is told. LIMIT, CONFLICT or INVALID with the text of the rules. */
int sedge_shadow_change(struct sedge_db *db, int64_t now, int64_t thing_id, const char *name, const char *update,
                        struct sedge_err *err);
int sedge_shadow_delete(struct sedge_db *db, int64_t thing_id, const char *name, struct sedge_err *err);

/* How the newest execution of a deployment travels. 1: the shadow carries it, and `desired` is written; 0: it stays a
 * job (also for all groups); -1. */
int sedge_carrier_route(struct sedge_db *db, int64_t now, int64_t thing_id, int64_t deployment_id,
                        struct sedge_err *err);
/* Before a deployment is cancelled: takes `desired` back. CONFLICT when the device has finished it. Nothing for jobs.
 */
int sedge_carrier_cancel(struct sedge_db *db, int64_t now, int64_t deployment_id, struct sedge_err *err);
/* The setting, or what the device says of itself, has changed: what is open travels the other way from now on. */
int sedge_carrier_switch(struct sedge_db *db, int64_t now, int64_t thing_id, struct sedge_err *err);
/* "auto", "shadow" or "job". */
int sedge_carrier_set(struct sedge_cloud *c, const char *thing, const char *carrier, int64_t now_ms,
                      struct sedge_err *err);

#endif
