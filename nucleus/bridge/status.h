/*
 * status - outcomes of deployments in the words of the cloud documents. Pure.
 */
#ifndef SEDGE_BRIDGE_STATUS_H
#define SEDGE_BRIDGE_STATUS_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#define SEDGE_DETAIL_VALUE_MAX 1024 /* characters of one value in statusDetails */

struct sedge_outcome {
    const char *detailed;     /* SUCCESSFUL, FAILED_ROLLBACK_COMPLETE, ...; NULL: none (IN_PROGRESS, CANCELED) */
    const char *cause;        /* may be NULL */
    const char *const *stack; /* DEPLOYMENT_FAILURE first, generic to specific */
    size_t n_stack;
    const char *const *types;
    size_t n_types;
};

/* SUCCEEDED, FAILED or REJECTED for a detailed status; NULL for an unknown one. */
const char *sedge_status_for_job(const char *detailed);
bool sedge_status_is_terminal(const char *status);
/* Flat map of texts for a job update: empty values left out, long ones cut, control characters replaced. New reference.
 */
struct json_object *sedge_outcome_for_job(const struct sedge_outcome *o);
/* {"detailedStatus","failureCause","errorStack":[],"errorTypes":[]}: shadow and fleet status. New reference. */
struct json_object *sedge_outcome_for_fleet(const struct sedge_outcome *o);
/* A value that statusDetails may hold: at most SEDGE_DETAIL_VALUE_MAX characters, no control characters. Heap text. */
char *sedge_detail_value(const char *text);

#endif
