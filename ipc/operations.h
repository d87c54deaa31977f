/*
 * operations - the one list of IPC operations (spec: ipc-operations 1).
 *
 * What a nucleus may be asked for: names, members, answers, errors, and the policy that guards each. From here come the
 * dispatch and the check of requests (api), the services and operations that policies and recipes may name (policy,
 * recipe), docs/ipc.md and the dictionaries of the fuzz targets (tests/support/operations_text.c).
 *
 * A new operation is a name in SEDGE_OPERATIONS, a row in operations.c and a handler in nucleus/api/operations.c.
 *
 *   const struct sedge_operation *op = sedge_operation_find("aws.greengrass#GetConfiguration");   // NULL: not in the
 * model if (sedge_operation_check(op, request, &err) != 0) -> a member has the wrong JSON type
 *
 * Constant data and pure functions; any thread.
 */
#ifndef SEDGE_IPC_OPERATIONS_H
#define SEDGE_IPC_OPERATIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/json.h"

#define SEDGE_OPERATION_PREFIX     "aws.greengrass#"
#define SEDGE_OPERATION_OWN_PREFIX "sedge#" /* not in the model: for `sedge`, refused to components */

/* In the order of the specification; at the end those of our own. */
#define SEDGE_OPERATIONS(X)                                                                                            \
    X(PublishToTopic)                                                                                                  \
    X(SubscribeToTopic)                                                                                                \
    X(PublishToIoTCore)                                                                                                \
    X(SubscribeToIoTCore)                                                                                              \
    X(SubscribeToIoTCoreConnectionStatus)                                                                              \
    X(GetConfiguration)                                                                                                \
    X(UpdateConfiguration)                                                                                             \
    X(SubscribeToConfigurationUpdate)                                                                                  \
    X(SubscribeToValidateConfigurationUpdates)                                                                         \
    X(SendConfigurationValidityReport)                                                                                 \
    X(UpdateState)                                                                                                     \
    X(SubscribeToComponentUpdates)                                                                                     \
    X(DeferComponentUpdate)                                                                                            \
    X(PauseComponent)                                                                                                  \
    X(ResumeComponent)                                                                                                 \
    X(GetComponentDetails)                                                                                             \
    X(ListComponents)                                                                                                  \
    X(RestartComponent)                                                                                                \
    X(StopComponent)                                                                                                   \
    X(CreateLocalDeployment)                                                                                           \
    X(CancelLocalDeployment)                                                                                           \
    X(GetLocalDeploymentStatus)                                                                                        \
    X(ListLocalDeployments)                                                                                            \
    X(CreateDebugPassword)                                                                                             \
    X(ValidateAuthorizationToken)                                                                                      \
    X(PutComponentMetric)                                                                                              \
    X(GetSecretValue)                                                                                                  \
    X(GetThingShadow)                                                                                                  \
    X(UpdateThingShadow)                                                                                               \
    X(DeleteThingShadow)                                                                                               \
    X(ListNamedShadowsForThing)                                                                                        \
    X(SubscribeToCertificateUpdates)                                                                                   \
    X(VerifyClientDeviceIdentity)                                                                                      \
    X(GetClientDeviceAuthToken)                                                                                        \
    X(AuthorizeClientDeviceAction)                                                                                     \
    X(SetSecret)                                                                                                       \
    X(ListSecrets)                                                                                                     \
    X(RemoveSecret)

#define SEDGE_OPERATION_ENUM(name) SEDGE_OP_##name,
enum sedge_operation_id { SEDGE_OPERATIONS(SEDGE_OPERATION_ENUM) SEDGE_OPERATION_COUNT };
#undef SEDGE_OPERATION_ENUM

/* Services that policies may name. */
#define SEDGE_SERVICE_PUBSUB    "aws.greengrass.ipc.pubsub"
#define SEDGE_SERVICE_MQTTPROXY "aws.greengrass.ipc.mqttproxy"
#define SEDGE_SERVICE_LIFECYCLE "aws.greengrass.ipc.lifecycle"
#define SEDGE_SERVICE_METRIC    "aws.greengrass.ipc.componentmetric"
#define SEDGE_SERVICE_SECRETS   "aws.greengrass.SecretManager"
#define SEDGE_SERVICE_SHADOW    "aws.greengrass.ShadowManager"
#define SEDGE_SERVICE_CLIENTS   "aws.greengrass.clientdevices.Auth"
#define SEDGE_SERVICE_CLI       "aws.greengrass.Cli"
#define SEDGE_SERVICE_TES       "aws.greengrass.TokenExchangeService" /* getCredentials, which is no IPC operation */

enum sedge_member_type {
    SEDGE_M_STRING,
    SEDGE_M_ENUM,   /* a string; `of` has the values */
    SEDGE_M_BLOB,   /* a string in base64 */
    SEDGE_M_LONG,   /* a number without fraction */
    SEDGE_M_DOUBLE, /* a number */
    SEDGE_M_TIME,   /* a number: seconds since 1970, with fraction */
    SEDGE_M_BOOL,
    SEDGE_M_DOCUMENT, /* any JSON */
    SEDGE_M_OBJECT,   /* an object of any members: a document, or a map */
    SEDGE_M_SHAPE,    /* an object; `of` names the shape */
    SEDGE_M_SHAPES,   /* a list of them */
    SEDGE_M_STRINGS   /* a list of strings */
};

struct sedge_member {
    const char *name; /* NULL ends a list */
    enum sedge_member_type type;
    bool required; /* by the model; a handler says what it does without */
    const char *of;
    const char *note; /* for docs/ipc.md; NULL: none */
};

/* A structure, or a union: exactly one of its members is there. */
struct sedge_shape {
    const char *name;
    bool is_union;
    const struct sedge_member *members;
};

struct sedge_operation {
    const char *name;     /* full: aws.greengrass#PublishToTopic, sedge#SetSecret */
    const char *purpose;  /* one line */
    const char *service;  /* of the policy that guards it; NULL: none */
    const char *resource; /* what is compared with the resources of that policy, in words; NULL with `service` */
    const struct sedge_member *request;  /* NULL: no members */
    const struct sedge_member *response; /* NULL: no members */
    const char *event;                   /* shape of the events of a streaming operation; NULL: one answer */
    const char *const *errors;           /* short names, as the model lists them; ends with NULL */
    const char *const *also;             /* what is sent although the model does not list it; NULL: nothing */
    const char *remarks;                 /* for docs/ipc.md; NULL: none */
};

/* SEDGE_OPERATION_COUNT rows, by enum sedge_operation_id. */
const struct sedge_operation *sedge_operations(void);
/* By full name; NULL for one that is not in the model. */
const struct sedge_operation *sedge_operation_find(const char *name);
enum sedge_operation_id sedge_operation_id(const struct sedge_operation *op);
/* The name without its prefix. */
const char *sedge_operation_short(const struct sedge_operation *op);

const struct sedge_shape *sedge_shapes(size_t *n);
const struct sedge_shape *sedge_shape_find(const char *name); /* NULL: there is none */

/* The services that policies may name. */
const char *const *sedge_services(size_t *n);
/* Full names of the operations that a service has, at most SEDGE_SERVICE_OPERATIONS_MAX; 0 for an unknown service. */
#define SEDGE_SERVICE_OPERATIONS_MAX 12
size_t sedge_service_operations(const char *service, const char *names[SEDGE_SERVICE_OPERATIONS_MAX]);
bool sedge_service_has(const char *service, const char *operation); /* full name */

/* -1 INVALID names the first member, at any depth, whose JSON type is not that of the table: "member
 * a.b has the wrong type: expected string, got int". Members that are absent, null or unknown are fine, and so are
 * unknown values of enumerations. */
int sedge_operation_check(const struct sedge_operation *op, struct json_object *request, struct sedge_err *err);
/* How that message calls a type: "whole number". */
const char *sedge_member_type_text(enum sedge_member_type type);

#endif
