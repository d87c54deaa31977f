/*
 * thing_rules - what the documents of the deployment shadow mean (spec/cloud-protocol.md 12). Pure; internal to bridge.
 */
#ifndef SEDGE_BRIDGE_THING_RULES_H
#define SEDGE_BRIDGE_THING_RULES_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#define SEDGE_THING_SHADOW "AWSManagedGreengrassV2Deployment"

enum sedge_thing_topic {
    SEDGE_THING_TOPIC_OTHER,
    SEDGE_THING_TOPIC_GET_ACCEPTED,
    SEDGE_THING_TOPIC_GET_REJECTED,
    SEDGE_THING_TOPIC_UPDATE_ACCEPTED,
    SEDGE_THING_TOPIC_UPDATE_REJECTED
};
enum sedge_thing_topic sedge_thing_topic_of(const char *topic, const char *thing);

/* What the cloud wants of the device. */
struct sedge_desired {
    bool whole;                   /* nothing is missing */
    bool canceled;                /* desiredStatus */
    struct json_object *document; /* of fleetConfig; owned */
    const char *arn;              /* in it */
    const char *fault;            /* why it is not whole; NULL: there is no desired state */
};
void sedge_desired_read(struct json_object *desired, struct sedge_desired *out);
void sedge_desired_release(struct sedge_desired *d);

/* What the device knows when it reads it. */
struct sedge_thing_memory {
    const char *last_arn; /* desired before; NULL: nothing was, since the start of the process */
    bool last_canceled;
    const char *own_arn; /* of the newest deployment that the device itself remembers; NULL: none */
    bool own_ended;
};
enum sedge_thing_decision { SEDGE_THING_NOTHING, SEDGE_THING_DEPLOY, SEDGE_THING_CANCEL };
/* reported: of the same document, for the first one; may be NULL. */
enum sedge_thing_decision sedge_thing_decide(const struct sedge_desired *d, struct json_object *reported,
                                             const struct sedge_thing_memory *m);

/* Whether `reported` (borrowed, may be NULL) says something else about ARN or status. What it leaves out is no
 * difference: messages have the changed members only. */
bool sedge_thing_differs(struct json_object *reported, const char *arn, const char *status);

/* What a refused report asks for. */
enum sedge_thing_verdict {
    SEDGE_THING_READ_AGAIN, /* the shadow has changed: get it, then again */
    SEDGE_THING_PLAIN,      /* once more without statusDetails */
    SEDGE_THING_TRY_AGAIN   /* later */
};
enum sedge_thing_verdict sedge_thing_judge(int64_t code);

#endif
