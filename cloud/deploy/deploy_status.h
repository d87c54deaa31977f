/*
 * deploy_status - how a deployment fares, beyond its counters (cloud-service specification 9): how far and how fast,
 * who is stuck, what went wrong. Reads only; each is a query or two over the deployment's executions.
 */
#ifndef SEDGE_CLOUD_DEPLOY_STATUS_H
#define SEDGE_CLOUD_DEPLOY_STATUS_H

#include <json-c/json.h>

#include "cloud/cloud.h"

#define SEDGE_STUCK_MIN_S   60      /* in progress for less is never called stuck */
#define SEDGE_STUCK_SHOWN   20      /* things */
#define SEDGE_ERRORS_SHOWN  5       /* different error stacks */
#define SEDGE_RATE_WINDOW_S 300     /* over which the rate is measured */
#define SEDGE_OFFLINE_S     86400   /* not heard for so long: a queued thing counts as away */
#define SEDGE_DORMANT_S     2592000 /* ... as dormant */

/* Adds to `o` (the object of sedge_deploy_show):
 *   "progress": {"eligible", "released", "unreleased", "done", "succeededPercent", "failedPercent",
 *                "queuedRecent", "queuedAway", "queuedDormant", "perMinute", "secondsLeft"?}
 *   "stuck": [{"thingName", "since", "phase"?}], "stuckTotal", "medianSeconds"?
 *   "errors": [{"status", "errorStack"?, "count", "cause"?, "things": [...]}], most frequent first */
int sedge_deploy_status(struct sedge_cloud *c, int64_t id, int64_t now_s, struct json_object *o, struct sedge_err *err);
/* Adds "devices": [{"thingName", "status", "executionNumber", "since", "lastSeen"?, "coreVersion"?, "lateStatus"?,
 * "phase"?, "detailedStatus"?, "errorStack"?, "cause"?}]; `status` (NULL: all) is the name of a state. */
int sedge_deploy_devices(struct sedge_cloud *c, int64_t id, const char *status, struct json_object *o,
                         struct sedge_err *err);
/* All of it in one object, as `deploy show` and the HTTP interface give it: sedge_deploy_show, the progress, and with
 * `devices` those too. New reference, NULL on failure. */
struct json_object *sedge_deploy_report(struct sedge_cloud *c, int64_t id, int64_t now_s, bool devices,
                                        const char *status, struct sedge_err *err);

#endif
