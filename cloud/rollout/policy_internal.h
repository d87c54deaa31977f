/* policy_internal - what the files of the policy share. */
#ifndef SEDGE_CLOUD_POLICY_INTERNAL_H
#define SEDGE_CLOUD_POLICY_INTERNAL_H

#include "base/json.h"
#include "base/mem.h"
#include "policy.h"

/* "iotJobConfiguration" and "rollout"; both may be NULL. */
int sedge_policy_decode_job(struct json_object *job, struct sedge_policy *p, struct sedge_err *err);
int sedge_policy_decode_schedule(struct json_object *schedule, struct sedge_policy *p, struct sedge_err *err);
int sedge_policy_decode_rollout(struct json_object *rollout, struct sedge_policy *p, struct sedge_err *err);

/* Index of `text` in names (NULL ends them), or -1 with "WHERE: "TEXT" is none of A, B, C". */
int sedge_policy_choice(const char *where, const char *text, const char *const *names, struct sedge_err *err);

#endif
