/* SubscribeToValidateConfigurationUpdates and SendConfigurationValidityReport (spec/ipc-operations.md 5.5, 5.6). */
#include "internal.h"

#include "base/mem.h"

#include <string.h>

#define EVENT_SHAPE "aws.greengrass#ValidateConfigurationUpdateEvents"

/* The newest open stream of a component is its validator. */
struct sedge_validator {
    struct sedge_api_sub base;
    struct sedge_validator *next;
};

static struct sedge_validator *validator_of(const struct sedge_api *api, const char *component)
{
    struct sedge_validator *v = api->validators;

    while (v && strcmp(sedge_ipc_stream_identity(v->base.stream), component) != 0)
        v = v->next;
    return v;
}

static void ask(struct sedge_validator *v, const char *deployment_id, struct json_object *configuration)
{
    sedge_auto_put struct json_object *o = json_object_new_object();
    struct json_object *inner = json_object_new_object();

    (void)json_object_object_add(inner, "configuration", json_object_get(configuration));
    sedge_json_add_str(inner, "deploymentId", deployment_id);
    (void)json_object_object_add(o, "validateConfigurationUpdateEvent", inner);
    (void)sedge_ipc_event_json(v->base.stream, EVENT_SHAPE, sedge_json_text(o)); /* lost: no answer in time */
}

bool sedge_api_validate(struct sedge_api *api, const char *component, const char *deployment_id,
                        struct json_object *configuration)
{
    struct sedge_validator *v = validator_of(api, component);

    if (!v) return false;
    ask(v, deployment_id, configuration);
    return true;
}

/* A question that is open goes to the component's new validator. */
static void ask_again(struct sedge_api *api, const char *component)
{
    struct sedge_validator *v = validator_of(api, component);
    const char *id = NULL;
    struct json_object *configuration = sedge_deployer_unjudged(api->o.deployer, component, &id);

    if (v && configuration) ask(v, id, configuration);
}

static void end_validator(struct sedge_api_sub *base)
{
    struct sedge_api *api = base->api;
    struct sedge_validator **p = &api->validators;
    sedge_auto_free char *component = sedge_xstrdup(sedge_ipc_stream_identity(base->stream));
    bool in_charge = (struct sedge_api_sub *)validator_of(api, component) == base;

    while ((struct sedge_api_sub *)*p != base)
        p = &(*p)->next;
    *p = (*p)->next;
    free(base);
    if (in_charge) ask_again(api, component);
}

void sedge_op_subscribe_validation(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    struct sedge_validator *v = SEDGE_NEW(struct sedge_validator);

    (void)request;
    v->base = (struct sedge_api_sub){api, s, end_validator};
    v->next = api->validators;
    api->validators = v;
    sedge_ipc_stream_set_user(s, v);
    (void)sedge_ipc_accept_stream(s, NULL);
    ask_again(api, sedge_ipc_stream_identity(s));
}

void sedge_op_report_validity(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    struct json_object *report = sedge_json_obj(request, "configurationValidityReport");
    const char *id = sedge_json_str(report, "deploymentId", NULL);
    const char *status = sedge_json_str(report, "status", "");
    bool accepted = strcmp(status, "ACCEPTED") == 0;
    struct sedge_err err = SEDGE_ERR_INIT;

    if (!report)
        sedge_api_error(s, "ServiceError", "configurationValidityReport is missing");
    else if (!id)
        sedge_api_error(s, "InvalidArgumentsError",
                        "Cannot accept configuration validity report, the deployment ID provided was null");
    else if (!accepted && strcmp(status, "REJECTED") != 0)
        sedge_api_error(s, "InvalidArgumentsError", "status must be ACCEPTED or REJECTED, not \"%s\"", status);
    else if (sedge_deployer_answer_validation(api->o.deployer, sedge_ipc_stream_identity(s), id, accepted,
                                              sedge_json_str(report, "message", NULL), &err) != 0)
        sedge_api_error(s, "InvalidArgumentsError", "%s", err.msg);
    else
        (void)sedge_ipc_respond(s, NULL);
}
