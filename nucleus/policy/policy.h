/*
 * policy - may component X do operation Y of service S on resource Z.
 *
 *   struct sedge_policy *p = sedge_policy_new();
 *   sedge_policy_set_component(p, "com.x.Reader", accessControl, warn, user);   // replaces what it had, at once
 *   if (sedge_policy_check(p, SEDGE_SERVICE_PUBSUB, caller, "aws.greengrass#PublishToTopic", topic,
 *                          SEDGE_MATCH_STANDARD, &err) != 0) -> UnauthorizedError with err.msg
 *   sedge_policy_free(p);
 *
 * The principal is the component whose configuration holds the policy. No deny statements; the default is deny. A bad
 * policy is dropped alone and reported through `warn`, a bad resource alone too. Pure: no loop, file or clock; one
 * thread.
 *
 * Caching verdicts: a verdict stays true while sedge_policy_generation is the same.
 *
 * Different from the original on purpose: a malformed policy does not disable the component's others; in MQTT style a
 * "+" of a policy does not cover the "#" of a requested filter (a/+ does not permit subscribing to a/#);
 * aws.greengrass#CancelLocalDeployment can be granted by name.
 */
#ifndef SEDGE_POLICY_POLICY_H
#define SEDGE_POLICY_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "ipc_model/operations.h"

#define SEDGE_CLI_IDENTITY "greengrass-cli#" /* command-line users: "greengrass-cli#user-1000" */

#define SEDGE_POLICY_TEXT_MAX      (256u << 10) /* bytes of accessControl given as text */
#define SEDGE_POLICY_PATTERN_MAX   1024         /* bytes of one resource */
#define SEDGE_POLICY_RESOURCES_MAX 1024         /* in one policy */
#define SEDGE_POLICY_COUNT_MAX     1024         /* policies of one component */

enum sedge_match_style { SEDGE_MATCH_STANDARD, SEDGE_MATCH_MQTT };

/* `policy_id` is "" when the whole of a component or service is meant. `why` lives during the call. */
typedef void (*sedge_policy_warn_cb)(const char *component, const char *policy_id, const char *why, void *user);

struct sedge_policy;
struct sedge_policy *sedge_policy_new(void);
void sedge_policy_free(struct sedge_policy *p); /* NULL is fine */

/* Replaces the policies of a component by those of `access_control` (object, or text that holds JSON; NULL: none). The
 * object is borrowed during the call. Never fails: what is bad is reported and left out. `warn` may be NULL. */
void sedge_policy_set_component(struct sedge_policy *p, const char *component, struct json_object *access_control,
                                sedge_policy_warn_cb warn, void *user);
void sedge_policy_remove_component(struct sedge_policy *p, const char *component);
/* Gives `principal` operation "*" on resource "*" of a service, beside its own policies, until remove or set_component
 * (for identities of command-line users: pub/sub and IoT Core). */
void sedge_policy_allow_all(struct sedge_policy *p, const char *principal, const char *service);
/* Changes with every set, remove and allow. Never 0. */
uint64_t sedge_policy_generation(const struct sedge_policy *p);

/*
 * 0 allowed; -1 with DENIED and the text for the caller (spec: ipc-authorization 4.1, 4.2). `resource` NULL: the
 * operation has none. Exempt callers (4.3) are allowed: greengrass-cli#... and aws.greengrass.Cli for the CLI service,
 * aws.greengrass.ShadowManager for its own, aws.greengrass.StreamManager for PutComponentMetric. PutComponentMetric
 * also demands a caller that begins with "aws.". Operations without policy (GetConfiguration ...) must not be asked
 * here.
 */
int sedge_policy_check(const struct sedge_policy *p, const char *service, const char *principal, const char *operation,
                       const char *resource, enum sedge_match_style style, struct sedge_err *err);
/* The style that belongs to a service: MQTT for mqttproxy, otherwise standard. */
enum sedge_match_style sedge_policy_style(const char *service);
/* Whether the service is known and has the operation (full name, or "*"), by the table of ipc/operations.c. */
bool sedge_policy_knows(const char *service, const char *operation);

/* One pattern against one resource; false for a pattern that is not valid. */
bool sedge_policy_match(const char *pattern, const char *resource, enum sedge_match_style style);
/* INVALID says what is wrong with a resource pattern. */
int sedge_policy_pattern_check(const char *pattern, struct sedge_err *err);

#endif
