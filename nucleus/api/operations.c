/* The table of operations and what all of them have in common. */
#include "internal.h"

#include "base/mem.h"
#include "ipc_wire/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PREFIX SEDGE_IPC_NAMESPACE
#define FIELDS(...)                                                                                                    \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }

static const struct sedge_operation operations[] = {
    {"PublishToTopic", SEDGE_SERVICE_PUBSUB, "Publish a message to local subscribers", {{0}}, .raw = sedge_op_publish},
    {"SubscribeToTopic", SEDGE_SERVICE_PUBSUB, "Receive local messages on a topic filter",
     FIELDS({"topic", SEDGE_M_STR}, {"receiveMode", SEDGE_M_STR}), .handle = sedge_op_subscribe},
    {"PublishToIoTCore", SEDGE_SERVICE_MQTTPROXY, "Publish a message to the cloud broker",
     FIELDS({"topicName", SEDGE_M_STR}, {"qos", SEDGE_M_STR}, {"payload", SEDGE_M_BLOB}, {"retain", SEDGE_M_BOOL},
            {"userProperties", SEDGE_M_ARR}, {"messageExpiryIntervalSeconds", SEDGE_M_NUM},
            {"correlationData", SEDGE_M_BLOB}, {"responseTopic", SEDGE_M_STR}, {"payloadFormat", SEDGE_M_STR},
            {"contentType", SEDGE_M_STR}),
     .handle = sedge_op_publish_iotcore},
    {"SubscribeToIoTCore", SEDGE_SERVICE_MQTTPROXY, "Receive messages of the cloud broker on a topic filter",
     FIELDS({"topicName", SEDGE_M_STR}, {"qos", SEDGE_M_STR}), .handle = sedge_op_subscribe_iotcore},
    {"GetConfiguration", NULL, "Read the configuration of a component",
     FIELDS({"componentName", SEDGE_M_STR}, {"keyPath", SEDGE_M_STRS}), .handle = sedge_op_get_configuration},
    {"UpdateConfiguration", NULL, "Merge into the caller's configuration",
     FIELDS({"keyPath", SEDGE_M_STRS}, {"timestamp", SEDGE_M_NUM}, {"valueToMerge", SEDGE_M_OBJ}),
     .handle = sedge_op_update_configuration},
    {"SubscribeToConfigurationUpdate", NULL, "Be told when a configuration changes",
     FIELDS({"componentName", SEDGE_M_STR}, {"keyPath", SEDGE_M_STRS}), .handle = sedge_op_subscribe_configuration},
    {"UpdateState", NULL, "Report RUNNING or ERRORED", FIELDS({"state", SEDGE_M_STR}), .handle = sedge_op_update_state},
    {"PauseComponent", SEDGE_SERVICE_LIFECYCLE, "Freeze the processes of a component",
     FIELDS({"componentName", SEDGE_M_STR}), .handle = sedge_op_pause_component},
    {"ResumeComponent", SEDGE_SERVICE_LIFECYCLE, "Let a paused component go on", FIELDS({"componentName", SEDGE_M_STR}),
     .handle = sedge_op_resume_component},
    {"GetComponentDetails", SEDGE_SERVICE_CLI, "State, version and configuration of a component",
     FIELDS({"componentName", SEDGE_M_STR}), .handle = sedge_op_component_details},
    {"ListComponents", SEDGE_SERVICE_CLI, "All components", {{0}}, .handle = sedge_op_list_components},
    {"RestartComponent", SEDGE_SERVICE_CLI, "Request a restart", FIELDS({"componentName", SEDGE_M_STR}),
     .handle = sedge_op_restart_component},
    {"StopComponent", SEDGE_SERVICE_CLI, "Request a stop", FIELDS({"componentName", SEDGE_M_STR}),
     .handle = sedge_op_stop_component},
    {"CreateLocalDeployment", SEDGE_SERVICE_CLI, "Queue a local deployment",
     FIELDS({"groupName", SEDGE_M_STR}, {"rootComponentVersionsToAdd", SEDGE_M_OBJ},
            {"rootComponentsToRemove", SEDGE_M_STRS}, {"componentToConfiguration", SEDGE_M_OBJ},
            {"componentToRunWithInfo", SEDGE_M_OBJ}, {"recipeDirectoryPath", SEDGE_M_STR},
            {"artifactsDirectoryPath", SEDGE_M_STR}, {"failureHandlingPolicy", SEDGE_M_STR}),
     .handle = sedge_op_create_deployment},
    {"CancelLocalDeployment", SEDGE_SERVICE_CLI, "Cancel a local deployment", FIELDS({"deploymentId", SEDGE_M_STR}),
     .handle = sedge_op_cancel_deployment},
    {"GetLocalDeploymentStatus", SEDGE_SERVICE_CLI, "Status of a local deployment",
     FIELDS({"deploymentId", SEDGE_M_STR}), .handle = sedge_op_deployment_status},
    {"ListLocalDeployments", SEDGE_SERVICE_CLI, "All local deployments", {{0}}, .handle = sedge_op_list_deployments},
};

/* In the model, but no part that is installed serves them. */
static const char *const not_served[] = {"SubscribeToValidateConfigurationUpdates",
                                         "SendConfigurationValidityReport",
                                         "SubscribeToComponentUpdates",
                                         "DeferComponentUpdate",
                                         "CreateDebugPassword",
                                         "ValidateAuthorizationToken",
                                         "PutComponentMetric",
                                         "GetSecretValue",
                                         "GetThingShadow",
                                         "UpdateThingShadow",
                                         "DeleteThingShadow",
                                         "ListNamedShadowsForThing",
                                         "SubscribeToCertificateUpdates",
                                         "VerifyClientDeviceIdentity",
                                         "GetClientDeviceAuthToken",
                                         "AuthorizeClientDeviceAction"};

const struct sedge_operation *sedge_api_operations(size_t *n)
{
    *n = SEDGE_ARRAY_LEN(operations);
    return operations;
}

static bool is_blob(struct json_object *v)
{
    sedge_auto_buf struct sedge_buf bytes = SEDGE_BUF_INIT;

    return sedge_json_is_str(v) &&
           sedge_base64_decode(&bytes, json_object_get_string(v), (size_t)json_object_get_string_len(v), NULL) == 0;
}

static bool is_strings(struct json_object *v)
{
    if (!json_object_is_type(v, json_type_array)) return false;
    for (size_t i = 0; i < json_object_array_length(v); i++)
        if (!sedge_json_is_str(json_object_array_get_idx(v, i))) return false;
    return true;
}

static bool has_type(struct json_object *v, enum sedge_member type)
{
    switch (type) {
    case SEDGE_M_STR:
        return sedge_json_is_str(v);
    case SEDGE_M_NUM:
        return json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double);
    case SEDGE_M_BOOL:
        return json_object_is_type(v, json_type_boolean);
    case SEDGE_M_OBJ:
        return json_object_is_type(v, json_type_object);
    case SEDGE_M_ARR:
        return json_object_is_type(v, json_type_array);
    case SEDGE_M_BLOB:
        return is_blob(v);
    case SEDGE_M_STRS:
        return is_strings(v);
    case SEDGE_M_END:
        break;
    }
    return true;
}

/* The member whose JSON type is wrong, or NULL. */
static const char *wrong_member(const struct sedge_operation *op, struct json_object *request)
{
    for (size_t i = 0; i < SEDGE_OPERATION_FIELDS_MAX && op->fields[i].type != SEDGE_M_END; i++) {
        struct json_object *v = sedge_json_get(request, op->fields[i].name);
        if (v && !has_type(v, op->fields[i].type)) return op->fields[i].name;
    }
    return NULL;
}

static void run(struct sedge_api *api, const struct sedge_operation *op, struct sedge_ipc_stream *s,
                const char *payload, size_t len)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_put struct json_object *request = NULL;
    const char *wrong;

    if (op->raw) {
        op->raw(api, s, payload, len);
        return;
    }
    request = sedge_json_parse_object(payload, len, "request", &err);
    if (!request) {
        sedge_api_error(s, "ServiceError", "%s", err.msg);
        return;
    }
    wrong = wrong_member(op, request);
    if (wrong)
        sedge_api_error(s, "ServiceError", "request: member %s has the wrong type", wrong);
    else
        op->handle(api, s, request);
}

void sedge_api_dispatch(struct sedge_api *api, struct sedge_ipc_stream *s, const char *operation, const char *payload,
                        size_t len)
{
    const char *name = sedge_str_starts(operation, PREFIX) ? operation + strlen(PREFIX) : "";

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(operations); i++) {
        if (strcmp(operations[i].name, name) == 0) {
            run(api, &operations[i], s, payload, len);
            return;
        }
    }
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(not_served); i++) {
        if (strcmp(not_served[i], name) == 0) {
            sedge_api_error(s, "ServiceError", "Operation %s is not supported by Greengrass", operation);
            return;
        }
    }
    sedge_api_error(s, "ServiceError", "%s is an unsupported operation.", operation);
}

int sedge_api_authorize(struct sedge_api *api, struct sedge_ipc_stream *s, const char *service, const char *resource,
                        const char *text)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_policy_check(api->policy, service, sedge_ipc_stream_identity(s), sedge_ipc_stream_operation(s), resource,
                           sedge_policy_style(service), &err) == 0)
        return 0;
    (void)sedge_ipc_error(s, "UnauthorizedError", text ? text : err.msg, NULL);
    return -1;
}

void sedge_api_respond_take(struct sedge_ipc_stream *s, struct json_object *o)
{
    (void)sedge_ipc_respond(s, sedge_json_text(o)); /* a stream that is over by now needs no answer */
    (void)json_object_put(o);
}

void sedge_api_error(struct sedge_ipc_stream *s, const char *name, const char *fmt, ...)
{
    sedge_auto_free char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0) text = NULL;
    va_end(ap);
    (void)sedge_ipc_error(s, name, text, NULL);
}

void sedge_api_not_found(struct sedge_ipc_stream *s, const char *type, const char *name, const char *message)
{
    sedge_auto_put struct json_object *extras = json_object_new_object();

    sedge_json_add_str(extras, "resourceType", type);
    sedge_json_add_str(extras, "resourceName", name);
    (void)sedge_ipc_error(s, "ResourceNotFoundError", message, sedge_json_text(extras));
}
