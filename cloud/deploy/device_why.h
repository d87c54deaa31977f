/*
 * device_why - what a device runs and why: which target gives it which component, what is under way, what is in the
 * way.
 *
 * Three sources are put side by side: what the targets ask for, what the device said of each deployment (its
 * execution), and what its fleet status says that it runs. Where they disagree, that is said. Reads only.
 */
#ifndef SEDGE_CLOUD_DEVICE_WHY_H
#define SEDGE_CLOUD_DEVICE_WHY_H

#include <json-c/json.h>

#include "cloud/cloud.h"

/*
 * {"thingName", "state", "lastSeen"?, "health"?, "coreVersion"?, ...: as thing show, and
 *  "targets": [{"target", "revision", "deploymentId", "state", "status"?, "since"?, "phase"?, "cause"?, "lateStatus"?,
 *               "reportedRevision"?}]                          current deployments that reach the thing
 *  "components": [{"componentName", "wanted": [{"target", "version"}], "version"?, "status"?, "reason"?}]
 *  "why": ["sentence", ...]}                                   what a person should know, most urgent first
 * New reference; NULL: NOT_FOUND.
 */
struct json_object *sedge_device_why(struct sedge_cloud *c, const char *thing, int64_t now_s, struct sedge_err *err);

#endif
