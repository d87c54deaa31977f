/*
 * failure - why a deployment failed: codes from general to specific, their types, and a cause for people.
 *
 * Code names, types and their assignment are those of spec/deployment.md section 18. Pure.
 *
 *   struct sedge_failure f = SEDGE_FAILURE_INIT;
 *   sedge_failure_add(&f, "DEPLOYMENT_FAILURE");
 *   sedge_failure_add(&f, "COMPONENT_UPDATE_ERROR");
 *   sedge_failure_cause(&f, "com.example.A broke: its startup script exited with code 1");
 *   struct json_object *details = sedge_failure_details(&f, "FAILED_ROLLBACK_COMPLETE", SEDGE_SOURCE_LOCAL);
 *   sedge_failure_release(&f);
 */
#ifndef SEDGE_DEPLOY_FAILURE_H
#define SEDGE_DEPLOY_FAILURE_H

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

enum sedge_source { SEDGE_SOURCE_LOCAL, SEDGE_SOURCE_JOBS, SEDGE_SOURCE_SHADOW };
/* "LOCAL", "IOT_JOBS", "SHADOW" */
const char *sedge_source_name(enum sedge_source source);
int sedge_source_from_name(const char *name, enum sedge_source *out);

struct sedge_failure {
    struct sedge_strv stack;
    char *cause;
    struct sedge_strv output; /* last lines of the component that is to blame, oldest first */
};
#define SEDGE_FAILURE_INIT ((struct sedge_failure){.cause = NULL})

void sedge_failure_release(struct sedge_failure *f);
bool sedge_failure_is_set(const struct sedge_failure *f);
/* A code already in the stack is not added again. DEPLOYMENT_FAILURE is put first if the stack begins otherwise. */
void sedge_failure_add(struct sedge_failure *f, const char *code);
/* Sets the cause if none is set: the first failure is the one that is reported. */
void sedge_failure_cause(struct sedge_failure *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The codes that go with an error of storing, fetching or reading, e.g. DISK_SPACE_CRITICAL for NO_SPACE. */
void sedge_failure_add_err(struct sedge_failure *f, const char *base_code, const struct sedge_err *err);

/* Type of a code for a deployment of this source: "NETWORK_ERROR"; NULL for codes without type. */
const char *sedge_failure_type(const char *code, enum sedge_source source);

/* New reference: {"detailed-deployment-status", "deployment-failure-cause", "deployment-error-stack" (array),
 * "deployment-error-types" (array), "deployment-failure-output" (array)}; all but the first only when there is a
 * failure, the last only when a component has printed something. */
struct json_object *sedge_failure_details(const struct sedge_failure *f, const char *detailed_status,
                                          enum sedge_source source);
/* The cause of such details with the last lines of output behind it, for people; NULL when there is no cause. `max`
 * bytes (0: no limit): of the output the oldest lines go first, the cause stays as it is. Heap text. */
char *sedge_failure_text(struct json_object *details, size_t max);

/* Such details for a line of the log: " detailedStatus=X errorStack=A,B errorTypes=T cause=...", the last lines of
 * output on the same line behind the cause; "" without a failure. Heap text. */
char *sedge_failure_line(struct json_object *details);

/* Codes, cause and output, for the journal: {"stack": [], "cause": "", "output": []}. */
struct json_object *sedge_failure_to_json(const struct sedge_failure *f); /* new reference */
void sedge_failure_from_json(struct sedge_failure *f, struct json_object *o);

#endif
