/*
 * fleet - the device tells the cloud which components it has and how they are (greengrassv2/health/json).
 *
 *   struct sedge_fleet *f = sedge_fleet_new(loop, db, &options, &ops, &err);  // db: before the writer has work
 *   sedge_fleet_start(f, mqtt, writer);            // before sedge_mqtt_start, after sedge_jobs_start
 *   sedge_fleet_settled(f);                        // components have been started and came to rest: the launch message
 *   sedge_fleet_component(f, name, "BROKEN");      // at each change of a component's state
 *   sedge_fleet_deployment_began(f, id);
 *   sedge_fleet_deployment_ended(f, id, SEDGE_FLEET_THING_GROUP, info);
 *   sedge_fleet_close(f, closed_cb, me);
 *
 * State, not messages: offline changes are remembered as names and told in one message after the reconnect; ends of
 * cloud deployments are kept (at most SEDGE_FLEET_EVENTS_MAX), those of local ones are not. Nothing is sent before the
 * launch message, which goes out when settled or 60 s after start. During a deployment changes wait for its end, but an
 * ERRORED component is told alone and at once; otherwise ERRORED and BROKEN are told at once with all that has
 * changed, and other changes when everything is at rest. Changes come gap_ms after another message, the rest at once.
 * The sequence number and the time of the last complete message are persisted. No timer runs between two of them. Loop
 * thread only.
 */
#ifndef SEDGE_BRIDGE_FLEET_H
#define SEDGE_BRIDGE_FLEET_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/db.h"
#include "base/err.h"
#include "mqtt/session.h"

#define SEDGE_FLEET_MESSAGE_MAX 128000
#define SEDGE_FLEET_EVENTS_MAX  16
#define SEDGE_FLEET_RUNTIME     "sedge"

struct sedge_fleet_ops {
    void *env;
    /* All components as an array of {"componentName","version","fleetConfigArns":[],"isRoot","status",
     * "componentStatusDetails"}; parts of the nucleus that no deployment names have null for fleetConfigArns. New
     * reference, the entries may be changed; NULL when not known yet. */
    struct json_object *(*components)(void *env);
};

struct sedge_fleet_options {
    const char *thing;
    const char *version;      /* ggcVersion: the Greengrass version we are compatible with */
    const char *architecture; /* amd64, aarch64, arm, ... */
    int64_t cadence_s;        /* fleetStatus.periodicStatusPublishIntervalSeconds 86400; above 0 */
    int64_t launch_ms;        /* 60000 */
    int64_t gap_ms;           /* 3000 between another message and COMPONENT_STATUS_CHANGE */
};
void sedge_fleet_options_default(struct sedge_fleet_options *o);

enum sedge_fleet_deployment { SEDGE_FLEET_THING_GROUP, SEDGE_FLEET_THING, SEDGE_FLEET_LOCAL };

struct sedge_fleet;
struct sedge_fleet *sedge_fleet_new(uv_loop_t *loop, struct sedge_db *db, const struct sedge_fleet_options *o,
                                    const struct sedge_fleet_ops *ops, struct sedge_err *err);
void sedge_fleet_start(struct sedge_fleet *f, struct sedge_mqtt *mqtt, struct sedge_dbw *writer);
void sedge_fleet_settled(struct sedge_fleet *f);
void sedge_fleet_component(struct sedge_fleet *f, const char *name, const char *state);
void sedge_fleet_set_cadence(struct sedge_fleet *f, int64_t cadence_s); /* a complete message that is overdue is sent */
void sedge_fleet_deployment_began(struct sedge_fleet *f, const char *id);
/* info: deploymentInformation {"status","statusDetails","fleetConfigurationArnForStatus","deploymentId",
 * "unchangedRootComponents":[]}; borrowed. */
void sedge_fleet_deployment_ended(struct sedge_fleet *f, const char *id, enum sedge_fleet_deployment kind,
                                  struct json_object *info);
void sedge_fleet_close(struct sedge_fleet *f, void (*closed)(void *user), void *user);

/* Pure: splits `components` over copies of `base` (no "components" member) so that no message exceeds `max` bytes; adds
 * chunkInfo when more than one is needed. An entry that does not fit alone is left out and counted in *skipped (may be
 * NULL). New reference to an array of messages, never empty. */
struct json_object *sedge_fleet_chunks(struct json_object *base, struct json_object *components, size_t max,
                                       size_t *skipped);

#endif
