/* The table. docs/ipc.md is printed from it: texts are for readers of that page. */
#include "operations.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define MEMBERS(...) ((const struct sedge_member[]){__VA_ARGS__, {.name = NULL}})
#define REQ(n, t, ...)                                                                                                 \
    {                                                                                                                  \
        .name = (n), .type = SEDGE_M_##t, .required = true, __VA_ARGS__                                                \
    }
#define OPT(n, t, ...)                                                                                                 \
    {                                                                                                                  \
        .name = (n), .type = SEDGE_M_##t, __VA_ARGS__                                                                  \
    }
#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* One row: each member is named. */
#define OP(n, ...) [SEDGE_OP_##n] = {.name = SEDGE_OPERATION_PREFIX #n, __VA_ARGS__}

#define OWN(n, ...)                                                                                                    \
    [SEDGE_OP_##n] = {.name = SEDGE_OPERATION_OWN_PREFIX #n,                                                           \
                      .remarks = "Not in the model: its full name is `" SEDGE_OPERATION_OWN_PREFIX #n                  \
                                 "`, and it is for command-line users alone.",                                         \
                      __VA_ARGS__}

#define SERVICE   "ServiceError"
#define DENIED    "UnauthorizedError"
#define NOT_FOUND "ResourceNotFoundError"
#define INVALID   "InvalidArgumentsError"
#define CONFLICT  "ConflictError"

#define QOS          "\"0\", \"1\""
#define THING        REQ("thingName", STRING, .note = "letters, digits, `:`, `_`, `-`; at most 128")
#define SHADOW       OPT("shadowName", STRING, .note = "the same characters, at most 64; absent or empty: the classic shadow")
#define SHADOW_TOPIC "`$aws/things/THING/shadow`, or `$aws/things/THING/shadow/name/SHADOW`"

static const struct sedge_shape shapes[] = {
    {"PublishMessage", true,
     MEMBERS(OPT("jsonMessage", SHAPE, .of = "JsonMessage"), OPT("binaryMessage", SHAPE, .of = "BinaryMessage"))},
    {"SubscriptionResponseMessage", true,
     MEMBERS(OPT("jsonMessage", SHAPE, .of = "JsonMessage"), OPT("binaryMessage", SHAPE, .of = "BinaryMessage"))},
    {"JsonMessage", false, MEMBERS(OPT("message", OBJECT), OPT("context", SHAPE, .of = "MessageContext"))},
    {"BinaryMessage", false, MEMBERS(OPT("message", BLOB), OPT("context", SHAPE, .of = "MessageContext"))},
    {"MessageContext", false,
     MEMBERS(OPT("topic", STRING, .note = "as the publisher wrote it; of a request it is ignored"))},
    {"IoTCoreMessage", true, MEMBERS(OPT("message", SHAPE, .of = "MQTTMessage"))},
    {"MQTTMessage", false,
     MEMBERS(REQ("topicName", STRING), OPT("payload", BLOB), OPT("retain", BOOL),
             OPT("userProperties", SHAPES, .of = "UserProperty"), OPT("messageExpiryIntervalSeconds", LONG),
             OPT("correlationData", BLOB), OPT("responseTopic", STRING), OPT("payloadFormat", ENUM, .of = QOS),
             OPT("contentType", STRING))},
    {"IoTCoreConnectionStatusEvent", true, MEMBERS(OPT("connectionStatusEvent", SHAPE, .of = "ConnectionStatusEvent"))},
    {"ConnectionStatusEvent", false, MEMBERS(REQ("status", ENUM, .of = "CONNECTED, DISCONNECTED"))},
    {"UserProperty", false, MEMBERS(OPT("key", STRING), OPT("value", STRING))},
    {"ConfigurationUpdateEvents", true,
     MEMBERS(OPT("configurationUpdateEvent", SHAPE, .of = "ConfigurationUpdateEvent"))},
    {"ConfigurationUpdateEvent", false,
     MEMBERS(REQ("componentName", STRING),
             REQ("keyPath", STRINGS, .note = "of what changed, from the root of the configuration"))},
    {"ValidateConfigurationUpdateEvents", true,
     MEMBERS(OPT("validateConfigurationUpdateEvent", SHAPE, .of = "ValidateConfigurationUpdateEvent"))},
    {"ValidateConfigurationUpdateEvent", false,
     MEMBERS(OPT("configuration", OBJECT, .note = "the whole new configuration"), REQ("deploymentId", STRING))},
    {"ConfigurationValidityReport", false,
     MEMBERS(REQ("status", ENUM, .of = "ACCEPTED, REJECTED"), REQ("deploymentId", STRING, .note = "from the event"),
             OPT("message", STRING))},
    {"ComponentUpdatePolicyEvents", true,
     MEMBERS(OPT("preUpdateEvent", SHAPE, .of = "PreComponentUpdateEvent"),
             OPT("postUpdateEvent", SHAPE, .of = "PostComponentUpdateEvent"))},
    {"PreComponentUpdateEvent", false, MEMBERS(REQ("deploymentId", STRING), REQ("isGgcRestarting", BOOL))},
    {"PostComponentUpdateEvent", false, MEMBERS(REQ("deploymentId", STRING))},
    {"ComponentDetails", false,
     MEMBERS(REQ("componentName", STRING), REQ("version", STRING),
             REQ("state", ENUM, .of = "NEW, INSTALLED, STARTING, RUNNING, STOPPING, ERRORED, BROKEN, FINISHED"),
             OPT("configuration", OBJECT))},
    {"LocalDeployment", false,
     MEMBERS(REQ("deploymentId", STRING), REQ("status", ENUM, .of = "QUEUED, IN_PROGRESS, SUCCEEDED, FAILED, CANCELED"),
             OPT("createdOn", STRING, .note = "`dd-MM-yyyy HH:mm:ss UTC`"),
             OPT("deploymentStatusDetails", SHAPE, .of = "DeploymentStatusDetails"))},
    {"DeploymentStatusDetails", false,
     MEMBERS(REQ("detailedDeploymentStatus", ENUM,
                 .of = "SUCCESSFUL, FAILED_NO_STATE_CHANGE, FAILED_ROLLBACK_NOT_REQUESTED, FAILED_ROLLBACK_COMPLETE, "
                       "REJECTED"),
             OPT("deploymentErrorStack", STRINGS), OPT("deploymentErrorTypes", STRINGS),
             OPT("deploymentFailureCause", STRING))},
    {"Metric", false,
     MEMBERS(REQ("name", STRING, .note = "at most 32 bytes"),
             REQ("unit", ENUM, .of = "BYTES, BYTES_PER_SECOND, COUNT, COUNT_PER_SECOND, MEGABYTES, SECONDS"),
             REQ("value", DOUBLE, .note = "0 or more"))},
    {"SecretValue", true, MEMBERS(OPT("secretString", STRING), OPT("secretBinary", BLOB))},
    {"StoredSecret", false,
     MEMBERS(REQ("name", STRING), REQ("arn", STRING), REQ("createdOn", LONG, .note = "ms since 1970"),
             REQ("versions", SHAPES, .of = "StoredVersion"))},
    {"StoredVersion", false,
     MEMBERS(REQ("versionId", STRING), REQ("labels", STRINGS), REQ("binary", BOOL), REQ("createdOn", LONG))},
    {"CertificateOptions", false, MEMBERS(REQ("certificateType", ENUM, .of = "SERVER"))},
    {"CertificateUpdateEvent", true, MEMBERS(OPT("certificateUpdate", SHAPE, .of = "CertificateUpdate"))},
    {"CertificateUpdate", false,
     MEMBERS(OPT("privateKey", STRING), OPT("publicKey", STRING), OPT("certificate", STRING),
             OPT("caCertificates", STRINGS))},
    {"ClientDeviceCredential", true, MEMBERS(OPT("clientDeviceCertificate", STRING))},
    {"CredentialDocument", true, MEMBERS(OPT("mqttCredential", SHAPE, .of = "MQTTCredential"))},
    {"MQTTCredential", false,
     MEMBERS(OPT("clientId", STRING), OPT("certificatePem", STRING), OPT("username", STRING), OPT("password", STRING))},
};

static const struct sedge_operation operations[SEDGE_OPERATION_COUNT] = {
    OP(PublishToTopic, .purpose = "Publishes a message to the local subscribers of a topic.",
       .service = SEDGE_SERVICE_PUBSUB, .resource = "the topic",
       .request = MEMBERS(REQ("topic", STRING, .note = "without `+`, `#`, `*`"),
                          REQ("publishMessage", SHAPE, .of = "PublishMessage")),
       .errors = NAMES(SERVICE, DENIED), .also = NAMES(INVALID),
       .remarks = "At most once, nothing is stored. Succeeds also if nobody listens. A JSON message is an object and "
                  "arrives byte for byte."),
    OP(SubscribeToTopic, .purpose = "Receives the messages of a topic filter.", .service = SEDGE_SERVICE_PUBSUB,
       .resource = "the filter as given",
       .request = MEMBERS(REQ("topic", STRING, .note = "`+` is one level; `#` at the end is one or more"),
                          OPT("receiveMode", ENUM, .of = "RECEIVE_ALL_MESSAGES, RECEIVE_MESSAGES_FROM_OTHERS",
                              .note = "absent: the component's own messages are left out by a filter with a wildcard")),
       .event = "SubscriptionResponseMessage", .errors = NAMES(INVALID, SERVICE, DENIED)),
    OP(PublishToIoTCore, .purpose = "Publishes a message to the cloud broker.", .service = SEDGE_SERVICE_MQTTPROXY,
       .resource = "the topic, with the wildcards of MQTT",
       .request = MEMBERS(
           REQ("topicName", STRING), REQ("qos", ENUM, .of = QOS),
           OPT("payload", BLOB, .note = "may be empty, not absent"), OPT("retain", BOOL),
           OPT("userProperties", SHAPES, .of = "UserProperty", .note = "in order, with duplicates"),
           OPT("messageExpiryIntervalSeconds", LONG), OPT("correlationData", BLOB), OPT("responseTopic", STRING),
           OPT("payloadFormat", ENUM, .of = QOS, .note = "bytes, or UTF-8 text"), OPT("contentType", STRING)),
       .errors = NAMES(SERVICE, DENIED), .also = NAMES(INVALID),
       .remarks = "Answered when the message is in the queue, not when the broker has it. What MQTT 3.1.1 has not is "
                  "left out there."),
    OP(SubscribeToIoTCore, .purpose = "Receives the cloud broker's messages of a topic filter.",
       .service = SEDGE_SERVICE_MQTTPROXY, .resource = "the filter as given, with the wildcards of MQTT",
       .request = MEMBERS(REQ("topicName", STRING), REQ("qos", ENUM, .of = QOS)), .event = "IoTCoreMessage",
       .errors = NAMES(SERVICE, DENIED), .also = NAMES(INVALID),
       .remarks =
           "Answered when the broker has granted it. Subscribers of one filter share one subscription at the broker."),
    OP(SubscribeToIoTCoreConnectionStatus,
       .purpose = "Tells whether the device is connected to the cloud broker: at once, and at each change.",
       .event = "IoTCoreConnectionStatusEvent", .errors = NAMES(SERVICE),
       .remarks = "Only the component SDK for C knows it."),
    OP(GetConfiguration, .purpose = "Reads the configuration of any component.",
       .request = MEMBERS(OPT("componentName", STRING, .note = "absent: the caller"),
                          REQ("keyPath", STRINGS, .note = "empty: all")),
       .response = MEMBERS(OPT("componentName", STRING),
                           OPT("value", DOCUMENT, .note = "an object; of a leaf: its key and value")),
       .errors = NAMES(SERVICE, NOT_FOUND)),
    OP(UpdateConfiguration, .purpose = "Merges into the caller's own configuration.",
       .request = MEMBERS(OPT("keyPath", STRINGS, .note = "where to merge; empty: the root"),
                          REQ("timestamp", TIME, .note = "of the change; 0: now"), REQ("valueToMerge", OBJECT)),
       .errors = NAMES(SERVICE, DENIED, CONFLICT, "FailedUpdateConditionCheckError", INVALID),
       .remarks = "An older time than that of the container changes nothing: FailedUpdateConditionCheckError. "
                  "`accessControl` cannot be changed."),
    OP(SubscribeToConfigurationUpdate, .purpose = "Tells each change below a node of a configuration.",
       .request = MEMBERS(OPT("componentName", STRING, .note = "absent: the caller"),
                          REQ("keyPath", STRINGS, .note = "empty: all")),
       .event = "ConfigurationUpdateEvents", .errors = NAMES(SERVICE, NOT_FOUND)),
    OP(SubscribeToValidateConfigurationUpdates,
       .purpose = "Asks the component before a deployment changes its configuration.",
       .event = "ValidateConfigurationUpdateEvents", .errors = NAMES(SERVICE),
       .remarks =
           "One that keeps its version is asked. The deployment goes on only when all that were asked accept in time."),
    OP(SendConfigurationValidityReport, .purpose = "Answers the question of SubscribeToValidateConfigurationUpdates.",
       .request = MEMBERS(REQ("configurationValidityReport", SHAPE, .of = "ConfigurationValidityReport")),
       .errors = NAMES(INVALID, SERVICE)),
    OP(UpdateState, .purpose = "Reports that the component runs, or has failed.",
       .request = MEMBERS(REQ("state", ENUM, .of = "RUNNING, ERRORED")), .errors = NAMES(SERVICE, NOT_FOUND),
       .remarks = "A report that does not fit the present state is ignored with success."),
    OP(SubscribeToComponentUpdates, .purpose = "Tells before and after a deployment of the cloud changes components.",
       .event = "ComponentUpdatePolicyEvents", .errors = NAMES(SERVICE, NOT_FOUND),
       .remarks = "Local deployments do not notify."),
    OP(DeferComponentUpdate, .purpose = "Answers a pre-update event: go ahead, or ask again later.",
       .request = MEMBERS(REQ("deploymentId", STRING, .note = "from the event"), OPT("message", STRING),
                          OPT("recheckAfterMs", LONG, .note = "0 or absent: go ahead")),
       .errors = NAMES(SERVICE, NOT_FOUND, INVALID)),
    OP(PauseComponent, .purpose = "Freezes the processes of a component.", .service = SEDGE_SERVICE_LIFECYCLE,
       .resource = "the component's name", .request = MEMBERS(REQ("componentName", STRING)),
       .errors = NAMES(DENIED, SERVICE, NOT_FOUND), .also = NAMES(INVALID)),
    OP(ResumeComponent, .purpose = "Lets a paused component go on.", .service = SEDGE_SERVICE_LIFECYCLE,
       .resource = "the component's name", .request = MEMBERS(REQ("componentName", STRING)),
       .errors = NAMES(DENIED, SERVICE, NOT_FOUND), .also = NAMES(INVALID)),
    OP(GetComponentDetails, .purpose = "State, version and configuration of a component.", .service = SEDGE_SERVICE_CLI,
       .resource = "the component's name", .request = MEMBERS(REQ("componentName", STRING)),
       .response = MEMBERS(REQ("componentDetails", SHAPE, .of = "ComponentDetails")),
       .errors = NAMES(SERVICE, NOT_FOUND, INVALID), .also = NAMES(DENIED)),
    OP(ListComponents, .purpose = "All components.", .service = SEDGE_SERVICE_CLI, .resource = "`*`",
       .response = MEMBERS(OPT("components", SHAPES, .of = "ComponentDetails")), .errors = NAMES(SERVICE),
       .also = NAMES(DENIED)),
    OP(RestartComponent, .purpose = "Requests the restart of a component, without its install step.",
       .service = SEDGE_SERVICE_CLI, .resource = "the component's name",
       .request = MEMBERS(REQ("componentName", STRING)),
       .response = MEMBERS(REQ("restartStatus", ENUM, .of = "SUCCEEDED, FAILED"), OPT("message", STRING)),
       .errors = NAMES(SERVICE, "ComponentNotFoundError", INVALID), .also = NAMES(DENIED)),
    OP(StopComponent, .purpose = "Requests the stop of a component.", .service = SEDGE_SERVICE_CLI,
       .resource = "the component's name", .request = MEMBERS(REQ("componentName", STRING)),
       .response = MEMBERS(REQ("stopStatus", ENUM, .of = "SUCCEEDED, FAILED"), OPT("message", STRING)),
       .errors = NAMES(SERVICE, "ComponentNotFoundError", INVALID), .also = NAMES(DENIED)),
    OP(CreateLocalDeployment, .purpose = "Queues a local deployment.", .service = SEDGE_SERVICE_CLI, .resource = "`*`",
       .request =
           MEMBERS(OPT("groupName", STRING),
                   OPT("rootComponentVersionsToAdd", OBJECT, .of = "string", .note = "version by component"),
                   OPT("rootComponentsToRemove", STRINGS),
                   OPT("componentToConfiguration", OBJECT, .of = "document",
                       .note = "by component, each `{\"MERGE\":{...},\"RESET\":[\"/pointer\",...]}`"),
                   OPT("componentToRunWithInfo", OBJECT, .of = "RunWithInfo",
                       .note = "by component: `posixUser`, `systemResourceLimits`: { `memory` in KiB, `cpus` }"),
                   OPT("recipeDirectoryPath", STRING), OPT("artifactsDirectoryPath", STRING),
                   OPT("failureHandlingPolicy", ENUM, .of = "ROLLBACK, DO_NOTHING", .note = "default DO_NOTHING")),
       .response = MEMBERS(OPT("deploymentId", STRING)),
       .errors = NAMES(SERVICE, "InvalidRecipeDirectoryPathError", "InvalidArtifactsDirectoryPathError", INVALID),
       .also = NAMES(DENIED)),
    OP(CancelLocalDeployment, .purpose = "Cancels a local deployment that has not begun to change components.",
       .service = SEDGE_SERVICE_CLI, .resource = "`*`", .request = MEMBERS(OPT("deploymentId", STRING)),
       .response = MEMBERS(OPT("message", STRING)), .errors = NAMES(SERVICE, NOT_FOUND, INVALID),
       .also = NAMES(DENIED)),
    OP(GetLocalDeploymentStatus, .purpose = "Status of a local deployment.", .service = SEDGE_SERVICE_CLI,
       .resource = "the id of the deployment", .request = MEMBERS(REQ("deploymentId", STRING)),
       .response = MEMBERS(REQ("deployment", SHAPE, .of = "LocalDeployment")), .errors = NAMES(SERVICE, NOT_FOUND),
       .also = NAMES(DENIED, INVALID)),
    OP(ListLocalDeployments, .purpose = "All local deployments that are remembered, without details.",
       .service = SEDGE_SERVICE_CLI, .resource = "`*`",
       .response = MEMBERS(OPT("localDeployments", SHAPES, .of = "LocalDeployment")), .errors = NAMES(SERVICE),
       .also = NAMES(DENIED)),
    OP(CreateDebugPassword, .purpose = "A password for the local debug console.", .service = SEDGE_SERVICE_CLI,
       .resource = "`*`",
       .response = MEMBERS(REQ("password", STRING), REQ("username", STRING), REQ("passwordExpiration", TIME),
                           OPT("certificateSHA256Hash", STRING), OPT("certificateSHA1Hash", STRING)),
       .errors = NAMES(DENIED, SERVICE)),
    OP(ValidateAuthorizationToken, .purpose = "Says whether a token belongs to a component.",
       .request = MEMBERS(REQ("token", STRING)),
       .response = MEMBERS(REQ("isValid", BOOL, .note = "always true; otherwise InvalidTokenError")),
       .errors = NAMES("InvalidTokenError", DENIED, SERVICE),
       .remarks = "Only `aws.greengrass.StreamManager` may ask."),
    OP(PutComponentMetric, .purpose = "Adds to the telemetry.", .service = SEDGE_SERVICE_METRIC,
       .resource = "the name of each metric", .request = MEMBERS(REQ("metrics", SHAPES, .of = "Metric")),
       .errors = NAMES(DENIED, SERVICE, INVALID), .remarks = "Only components whose name begins with `aws.`."),
    OP(GetSecretValue, .purpose = "Reads a secret.", .service = SEDGE_SERVICE_SECRETS,
       .resource = "the ARN of the secret",
       .request = MEMBERS(REQ("secretId", STRING, .note = "ARN or name"), OPT("versionId", STRING),
                          OPT("versionStage", STRING, .note = "default AWSCURRENT"), OPT("refresh", BOOL)),
       .response = MEMBERS(REQ("secretId", STRING, .note = "the ARN"), REQ("versionId", STRING),
                           REQ("versionStage", STRINGS), REQ("secretValue", SHAPE, .of = "SecretValue")),
       .errors = NAMES(DENIED, NOT_FOUND, SERVICE)),
    OP(GetThingShadow, .purpose = "Reads a shadow.", .service = SEDGE_SERVICE_SHADOW, .resource = SHADOW_TOPIC,
       .request = MEMBERS(THING, SHADOW),
       .response = MEMBERS(REQ("payload", BLOB, .note = "JSON: state, metadata, version, timestamp")),
       .errors = NAMES(INVALID, NOT_FOUND, SERVICE, DENIED)),
    OP(UpdateThingShadow, .purpose = "Merges into a shadow, or makes it.", .service = SEDGE_SERVICE_SHADOW,
       .resource = SHADOW_TOPIC,
       .request =
           MEMBERS(THING, SHADOW, REQ("payload", BLOB, .note = "JSON: state, and perhaps version and clientToken")),
       .response = MEMBERS(REQ("payload", BLOB)), .errors = NAMES(INVALID, CONFLICT, SERVICE, DENIED)),
    OP(DeleteThingShadow, .purpose = "Removes a shadow.", .service = SEDGE_SERVICE_SHADOW, .resource = SHADOW_TOPIC,
       .request = MEMBERS(THING, SHADOW), .response = MEMBERS(REQ("payload", BLOB, .note = "empty")),
       .errors = NAMES(INVALID, NOT_FOUND, SERVICE, DENIED)),
    OP(ListNamedShadowsForThing, .purpose = "The names of the shadows of a thing.", .service = SEDGE_SERVICE_SHADOW,
       .resource = "the name of the thing",
       .request = MEMBERS(THING, OPT("nextToken", STRING), OPT("pageSize", LONG, .note = "1 to 100, default 25")),
       .response = MEMBERS(REQ("results", STRINGS), REQ("timestamp", TIME),
                           OPT("nextToken", STRING, .note = "when the page is full")),
       .errors = NAMES(INVALID, NOT_FOUND, SERVICE, DENIED)),
    OP(SubscribeToCertificateUpdates, .purpose = "The server certificate for client devices, now and at each renewal.",
       .service = SEDGE_SERVICE_CLIENTS, .resource = "`*`",
       .request = MEMBERS(REQ("certificateOptions", SHAPE, .of = "CertificateOptions")),
       .event = "CertificateUpdateEvent", .errors = NAMES(SERVICE, DENIED, INVALID)),
    OP(VerifyClientDeviceIdentity, .purpose = "Whether the certificate of a client device is known.",
       .service = SEDGE_SERVICE_CLIENTS, .resource = "`*`",
       .request = MEMBERS(REQ("credential", SHAPE, .of = "ClientDeviceCredential")),
       .response = MEMBERS(REQ("isValidClientDevice", BOOL)), .errors = NAMES(DENIED, SERVICE, INVALID)),
    OP(GetClientDeviceAuthToken, .purpose = "A session for a client device.", .service = SEDGE_SERVICE_CLIENTS,
       .resource = "`*`", .request = MEMBERS(REQ("credential", SHAPE, .of = "CredentialDocument")),
       .response = MEMBERS(REQ("clientDeviceAuthToken", STRING)),
       .errors = NAMES(DENIED, SERVICE, INVALID, "InvalidCredentialError")),
    OP(AuthorizeClientDeviceAction, .purpose = "Whether the session of a client device may do something.",
       .service = SEDGE_SERVICE_CLIENTS, .resource = "`*`",
       .request =
           MEMBERS(REQ("clientDeviceAuthToken", STRING), REQ("operation", STRING, .note = "such as `mqtt:publish`"),
                   REQ("resource", STRING, .note = "such as `mqtt:topic:a/b`")),
       .response = MEMBERS(REQ("isAuthorized", BOOL)),
       .errors = NAMES(DENIED, SERVICE, INVALID, "InvalidClientDeviceAuthTokenError")),
    OWN(SetSecret, .purpose = "Stores a secret, or a new version of one.",
        .request = MEMBERS(OPT("name", STRING, .note = "or the ARN; required unless `arn` is there"),
                           OPT("arn", STRING, .note = "default: the configured one of that name, or one of the device"),
                           OPT("versionId", STRING, .note = "default: a random UUID"),
                           OPT("labels", STRINGS, .note = "default AWSCURRENT"), OPT("secretString", STRING),
                           OPT("secretBinary", BLOB, .note = "exactly one of the two")),
        .response = MEMBERS(REQ("name", STRING), REQ("arn", STRING), REQ("versionId", STRING), REQ("labels", STRINGS)),
        .errors = NAMES(DENIED, INVALID, CONFLICT, SERVICE)),
    OWN(ListSecrets, .purpose = "Names, versions and labels of the stored secrets; no values.",
        .response = MEMBERS(REQ("secrets", SHAPES, .of = "StoredSecret")), .errors = NAMES(DENIED, SERVICE)),
    OWN(RemoveSecret, .purpose = "Removes a secret, or one version of it.",
        .request = MEMBERS(REQ("secretId", STRING, .note = "ARN or name"),
                           OPT("versionId", STRING, .note = "not the current one")),
        .response = MEMBERS(REQ("name", STRING), REQ("arn", STRING), OPT("versionId", STRING), OPT("labels", STRINGS)),
        .errors = NAMES(DENIED, INVALID, NOT_FOUND, CONFLICT, SERVICE)),
};

const struct sedge_operation *sedge_operations(void)
{
    return operations;
}

const struct sedge_operation *sedge_operation_find(const char *name)
{
    for (size_t i = 0; i < SEDGE_OPERATION_COUNT; i++)
        if (strcmp(operations[i].name, name) == 0) return &operations[i];
    return NULL;
}

enum sedge_operation_id sedge_operation_id(const struct sedge_operation *op)
{
    return (enum sedge_operation_id)(op - operations);
}

const char *sedge_operation_short(const struct sedge_operation *op)
{
    return strchr(op->name, '#') + 1;
}

const struct sedge_shape *sedge_shapes(size_t *n)
{
    *n = SEDGE_ARRAY_LEN(shapes);
    return shapes;
}

const struct sedge_shape *sedge_shape_find(const char *name)
{
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(shapes); i++)
        if (strcmp(shapes[i].name, name) == 0) return &shapes[i];
    return NULL;
}

const char *const *sedge_services(size_t *n)
{
    static const char *const names[] = {SEDGE_SERVICE_PUBSUB,  SEDGE_SERVICE_MQTTPROXY, SEDGE_SERVICE_LIFECYCLE,
                                        SEDGE_SERVICE_METRIC,  SEDGE_SERVICE_SECRETS,   SEDGE_SERVICE_SHADOW,
                                        SEDGE_SERVICE_CLIENTS, SEDGE_SERVICE_CLI,       SEDGE_SERVICE_TES};

    *n = SEDGE_ARRAY_LEN(names);
    return names;
}

size_t sedge_service_operations(const char *service, const char *names[SEDGE_SERVICE_OPERATIONS_MAX])
{
    size_t n = 0;

    if (strcmp(service, SEDGE_SERVICE_TES) == 0) names[n++] = "getCredentials";
    for (size_t i = 0; i < SEDGE_OPERATION_COUNT; i++) {
        if (!operations[i].service || strcmp(operations[i].service, service) != 0) continue;
        sedge_assert(n < SEDGE_SERVICE_OPERATIONS_MAX);
        names[n++] = operations[i].name;
    }
    return n;
}

bool sedge_service_has(const char *service, const char *operation)
{
    const char *names[SEDGE_SERVICE_OPERATIONS_MAX];
    size_t n = sedge_service_operations(service, names);

    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], operation) == 0) return true;
    return false;
}
