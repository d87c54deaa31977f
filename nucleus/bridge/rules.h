/*
 * rules - what the answers of the jobs service mean. Pure; internal to bridge.
 */
#ifndef SEDGE_BRIDGE_RULES_H
#define SEDGE_BRIDGE_RULES_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define SEDGE_JOBS_NAMESPACE "namespace-aws-gg-deployment"

enum sedge_jobs_topic {
    SEDGE_JOBS_TOPIC_OTHER,
    SEDGE_JOBS_TOPIC_NOTIFY,
    SEDGE_JOBS_TOPIC_NOTIFY_NEXT,
    SEDGE_JOBS_TOPIC_GET_ACCEPTED,
    SEDGE_JOBS_TOPIC_GET_REJECTED,
    SEDGE_JOBS_TOPIC_UPDATE_ACCEPTED,
    SEDGE_JOBS_TOPIC_UPDATE_REJECTED
};
/* job gets the id of the path ("$next" too), "" for notifications. `size` bytes are enough with SEDGE_JOB_ID_MAX + 1.
 */
enum sedge_jobs_topic sedge_jobs_topic_of(const char *topic, const char *thing, char *job, size_t size);

/* What a device knows of the execution that the cloud offers. */
enum sedge_jobs_known {
    SEDGE_JOBS_UNKNOWN,
    SEDGE_JOBS_LEFT_OVER,
    SEDGE_JOBS_RUNNING,
    SEDGE_JOBS_FINISHED,
    SEDGE_JOBS_CANCELED
};
enum sedge_jobs_decision { SEDGE_JOBS_TAKE, SEDGE_JOBS_RESUME, SEDGE_JOBS_IGNORE, SEDGE_JOBS_REPEAT_STATUS };
enum sedge_jobs_decision sedge_jobs_decide(enum sedge_jobs_known known);

/* What a rejected status update asks for. */
enum sedge_jobs_verdict {
    SEDGE_JOBS_DONE,  /* the cloud has this status already */
    SEDGE_JOBS_DROP,  /* it never will */
    SEDGE_JOBS_PLAIN, /* once more without statusDetails */
    SEDGE_JOBS_TRY_AGAIN
};
enum sedge_jobs_verdict sedge_jobs_judge(struct json_object *rejection, const char *wanted);

/* Whether the answer to a describe of one execution says that it is over for us. */
bool sedge_jobs_is_withdrawn(bool accepted, struct json_object *answer, int64_t execution_number);

/* The parts of a document without which nothing can be done: an object, its size, configurationArn, components. The
 * rest is the deployment side's to check. */
int sedge_jobs_check_document(struct json_object *document, struct sedge_err *err);
/* Cloud times: integer or float, seconds or (above 1e11) milliseconds; in seconds. 0 when absent. */
int64_t sedge_jobs_seconds(struct json_object *o, const char *key);

#endif
