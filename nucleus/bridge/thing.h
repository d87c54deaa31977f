/*
 * thing - the deployment of this one device: named shadow AWSManagedGreengrassV2Deployment, and the way back of its
 * statuses.
 *
 *   struct sedge_thing *t = sedge_thing_new(loop, &options, &ops);
 *   sedge_thing_adopt(t, arn, "FAILED", details);      // for each shadow deployment in the journal, oldest first
 *   sedge_thing_start(t, mqtt);                        // after sedge_jobs_start, before sedge_mqtt_start
 *   ... ops.on_deployment -> it is queued ...
 *   sedge_thing_status(t, arn, "IN_PROGRESS", NULL);   // when it really starts
 *   sedge_thing_status(t, arn, "SUCCEEDED", details);
 *   sedge_thing_close(t, closed_cb, me);               // before the session
 *
 * The shadow is state, not a queue: what is asked for is the newest desired state, and what is told is the newest
 * status. It is read at every connect and poll, after each end of a deployment, and whenever an answer contradicts what
 * is known, so that a lost message is healed. Reports carry the version that was seen last; when the shadow has changed
 * meanwhile (409) it is read, and then told again. Nothing is stored here: the journal of deployments knows the newest
 * status, and a report is repeated until the shadow has it.
 *
 * Loop thread only. Callbacks run from the session's messages.
 */
#ifndef SEDGE_BRIDGE_THING_H
#define SEDGE_BRIDGE_THING_H

#include <json-c/json.h>
#include <stdint.h>
#include <uv.h>

#include "base/err.h"
#include "mqtt/session.h"

struct sedge_thing;

struct sedge_thing_ops {
    void *env;
    /* The cloud wants this document (borrowed), whose configurationArn is `arn`. */
    void (*on_deployment)(void *env, const char *arn, struct json_object *document);
    /* The cloud takes it back: stop it if that is still possible; its end is told as usual. */
    void (*on_cancel)(void *env);
    /* The shadow has this terminal status, or will not take it. May be NULL. */
    void (*on_reported)(void *env, const char *arn, const char *status);
};

struct sedge_thing_options {
    const char *thing;
    const char *version;       /* ggcVersion */
    int64_t poll_interval_s;   /* 14400, +-25 % */
    int64_t answer_timeout_ms; /* 30000 */
    int64_t retry_min_ms;      /* 5000 */
    int64_t retry_max_ms;      /* 60000 */
};
void sedge_thing_options_default(struct sedge_thing_options *o);

struct sedge_thing *sedge_thing_new(uv_loop_t *loop, const struct sedge_thing_options *o,
                                    const struct sedge_thing_ops *ops);
/* What an earlier run left: QUEUED and IN_PROGRESS go on by themselves. details as in sedge_thing_status. */
void sedge_thing_adopt(struct sedge_thing *t, const char *arn, const char *status, struct json_object *details);
void sedge_thing_start(struct sedge_thing *t, struct sedge_mqtt *mqtt);
/* details: sedge_outcome_for_fleet, borrowed; NULL: none. */
void sedge_thing_status(struct sedge_thing *t, const char *arn, const char *status, struct json_object *details);
/* Whether a terminal status has not reached the shadow. */
bool sedge_thing_owes(const struct sedge_thing *t);
/* NULL is fine: then closed does not run. */
void sedge_thing_close(struct sedge_thing *t, void (*closed)(void *user), void *user);

#endif
