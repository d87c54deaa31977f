/*
 * resolve - what a deployment makes of a component's configuration (deployment.md 11). Pure: values in, values out.
 * JSON arguments are borrowed and not changed; results are new references. Any thread.
 */
#ifndef SEDGE_CONFIG_RESOLVE_H
#define SEDGE_CONFIG_RESOLVE_H

#include <json-c/json.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define SEDGE_CONFIG_DEFAULT_TS 1 /* time of default values: anything explicit wins */

/* 11.2 steps 1 to 4.
 *   running   sedge_config_get(..., SEDGE_CONFIG_STAMPED) of services.<name>.configuration; NULL: new component
 *   defaults  DefaultConfiguration of the recipe, object or NULL
 *   reset     list of JSON pointers, or NULL; merge: object or NULL. Both NULL: not a target root, or no update
 *   deploy_ts time D of the deployment
 *   skipped   collects reset pointers with a numeric segment, which are not applied (log them); may be NULL
 * NULL with INVALID when a reset pointer does not start with '/', or an argument has the wrong type. */
struct json_object *sedge_config_resolve_component(struct json_object *running, struct json_object *defaults,
                                                   struct json_object *reset, struct json_object *merge,
                                                   int64_t deploy_ts, struct sedge_strv *skipped,
                                                   struct sedge_err *err);

/* What is in the tree when `planned` (an object) has been written over `running` (as above) with time deploy_ts, as
 * deployment.md 12 does it: what `planned` does not mention is gone, a leaf that is newer keeps its value. */
struct json_object *sedge_config_resolve_written(struct json_object *running, struct json_object *planned,
                                                 int64_t deploy_ts);

/* 11.6. `stored`: services.<name>.runWith or NULL. `given`: the deployment's runWith information for the component,
 * {"posixUser":..., "systemResourceLimits":{...}}; NULL (no information) leaves everything as it is; a member that is
 * absent, null or empty text removes. Returns the new map, {} when nothing is left. */
struct json_object *sedge_config_resolve_run_with(struct json_object *stored, struct json_object *given);

#endif
