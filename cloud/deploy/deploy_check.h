/*
 * deploy_check - what a deployment is asked before it becomes a revision (cloud-service specification 5.1, steps 2
 * and 3).
 *
 * Errors: a component that is not published (all of them are told at once, with what to do), a BLOCKED version, and for
 * each platform that the target's devices report a closure that cannot be resolved (resolve.h). Warnings: deprecated
 * versions, and devices that would be told different versions of a component by different targets and will therefore
 * fail. Reads only.
 */
#ifndef SEDGE_CLOUD_DEPLOY_CHECK_H
#define SEDGE_CLOUD_DEPLOY_CHECK_H

#include <json-c/json.h>
#include <stdbool.h>

#include "cloud/cloud.h"

#define SEDGE_CHECK_PLATFORMS_MAX 32 /* different ones among the devices of a target that are looked at */

/* `content`: document.h. `skip_resolve`: no errors, warnings only. `warnings`: an array that gets texts. -1: NOT_FOUND,
 * or CONFLICT for a blocked version. */
int sedge_deploy_check(struct sedge_cloud *c, int kind, const char *target, struct json_object *content,
                       bool skip_resolve, struct json_object *warnings, struct sedge_err *err);

#endif
