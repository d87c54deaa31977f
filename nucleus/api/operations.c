/* The handler of each operation, and what all of them have in common. */
#include "internal.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Exactly one of them. `raw` gets the text itself: the hot path. */
struct handler {
    void (*handle)(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request);
    void (*raw)(struct sedge_api *api, struct sedge_ipc_stream *s, const char *payload, size_t len);
};

/* Operations without a row are in the model, but no part that is installed serves them. */
static const struct handler handlers[SEDGE_OPERATION_COUNT] = {
    [SEDGE_OP_PublishToTopic] = {.raw = sedge_op_publish},
    [SEDGE_OP_SubscribeToTopic] = {.handle = sedge_op_subscribe},
    [SEDGE_OP_PublishToIoTCore] = {.handle = sedge_op_publish_iotcore},
    [SEDGE_OP_SubscribeToIoTCore] = {.handle = sedge_op_subscribe_iotcore},
    [SEDGE_OP_SubscribeToIoTCoreConnectionStatus] = {.handle = sedge_op_subscribe_connection_status},
    [SEDGE_OP_GetConfiguration] = {.handle = sedge_op_get_configuration},
    [SEDGE_OP_UpdateConfiguration] = {.handle = sedge_op_update_configuration},
    [SEDGE_OP_SubscribeToConfigurationUpdate] = {.handle = sedge_op_subscribe_configuration},
    [SEDGE_OP_SubscribeToValidateConfigurationUpdates] = {.handle = sedge_op_subscribe_validation},
    [SEDGE_OP_SendConfigurationValidityReport] = {.handle = sedge_op_report_validity},
    [SEDGE_OP_UpdateState] = {.handle = sedge_op_update_state},
    [SEDGE_OP_SubscribeToComponentUpdates] = {.handle = sedge_op_subscribe_updates},
    [SEDGE_OP_DeferComponentUpdate] = {.handle = sedge_op_defer_update},
    [SEDGE_OP_PauseComponent] = {.handle = sedge_op_pause_component},
    [SEDGE_OP_ResumeComponent] = {.handle = sedge_op_resume_component},
    [SEDGE_OP_GetComponentDetails] = {.handle = sedge_op_component_details},
    [SEDGE_OP_ListComponents] = {.handle = sedge_op_list_components},
    [SEDGE_OP_RestartComponent] = {.handle = sedge_op_restart_component},
    [SEDGE_OP_StopComponent] = {.handle = sedge_op_stop_component},
    [SEDGE_OP_CreateLocalDeployment] = {.handle = sedge_op_create_deployment},
    [SEDGE_OP_CancelLocalDeployment] = {.handle = sedge_op_cancel_deployment},
    [SEDGE_OP_GetLocalDeploymentStatus] = {.handle = sedge_op_deployment_status},
    [SEDGE_OP_ListLocalDeployments] = {.handle = sedge_op_list_deployments},
    [SEDGE_OP_GetThingShadow] = {.handle = sedge_op_get_shadow},
    [SEDGE_OP_UpdateThingShadow] = {.handle = sedge_op_update_shadow},
    [SEDGE_OP_DeleteThingShadow] = {.handle = sedge_op_delete_shadow},
    [SEDGE_OP_ListNamedShadowsForThing] = {.handle = sedge_op_list_shadows},
    [SEDGE_OP_CreateDebugPassword] = {.handle = sedge_op_debug_password},
    [SEDGE_OP_ValidateAuthorizationToken] = {.handle = sedge_op_validate_token},
    [SEDGE_OP_PutComponentMetric] = {.handle = sedge_op_put_metric},
    [SEDGE_OP_GetSecretValue] = {.handle = sedge_op_get_secret},
    [SEDGE_OP_SetSecret] = {.handle = sedge_op_set_secret},
    [SEDGE_OP_ListSecrets] = {.handle = sedge_op_list_secrets},
    [SEDGE_OP_RemoveSecret] = {.handle = sedge_op_remove_secret},
};

bool sedge_api_serves(enum sedge_operation_id id)
{
    return handlers[id].handle || handlers[id].raw;
}

/* Operations of our own are for command-line users alone. */
static bool may_call(struct sedge_ipc_stream *s, const struct sedge_operation *op)
{
    if (!sedge_str_starts(op->name, SEDGE_OPERATION_OWN_PREFIX)) return true;
    if (sedge_str_starts(sedge_ipc_stream_identity(s), SEDGE_CLI_IDENTITY)) return true;
    sedge_api_error(s, "UnauthorizedError", "%s is not authorized to perform %s: it is for command-line users alone",
                    sedge_ipc_stream_identity(s), op->name);
    return false;
}

static void run(struct sedge_api *api, const struct sedge_operation *op, struct sedge_ipc_stream *s,
                const char *payload, size_t len)
{
    const struct handler *h = &handlers[sedge_operation_id(op)];
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_put struct json_object *request = NULL;

    if (h->raw) {
        h->raw(api, s, payload, len);
        return;
    }
    request = sedge_json_parse_object(payload, len, "request", &err);
    if (!request)
        sedge_api_error(s, "ServiceError", "%s", err.msg);
    else if (sedge_operation_check(op, request, &err) != 0)
        sedge_api_error(s, "ServiceError", "request: %s", err.msg);
    else
        h->handle(api, s, request);
}

void sedge_api_dispatch(struct sedge_api *api, struct sedge_ipc_stream *s, const char *operation, const char *payload,
                        size_t len)
{
    const struct sedge_operation *op = sedge_operation_find(operation);

    if (!op)
        sedge_api_error(s, "ServiceError", "%s is an unsupported operation.", operation);
    else if (!sedge_api_serves(sedge_operation_id(op)))
        sedge_api_error(s, "ServiceError", "Operation %s is not supported by Greengrass", operation);
    else if (may_call(s, op))
        run(api, op, s, payload, len);
}

int sedge_api_authorize(struct sedge_api *api, struct sedge_ipc_stream *s, const char *resource, const char *text)
{
    const struct sedge_operation *op = sedge_operation_find(sedge_ipc_stream_operation(s));
    struct sedge_err err = SEDGE_ERR_INIT;

    sedge_assert(op && op->service); /* only what has a policy is asked */
    if (sedge_policy_check(api->policy, op->service, sedge_ipc_stream_identity(s), op->name, resource,
                           sedge_policy_style(op->service), &err) == 0)
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
