/* Local deployments (spec/ipc-operations.md 7.5 to 7.8). */
#include "internal.h"

#include "base/mem.h"

#include <string.h>

/* A request that is answered when it is on the disk. */
struct accepted {
    struct sedge_ipc_stream *stream;
    char id[SEDGE_UUID_LEN + 1];
};

static void kept_cb(void *arg, const struct sedge_err *err)
{
    struct accepted *a = arg;
    struct json_object *response = json_object_new_object();

    (void)err; /* logged by the journal; the deployment runs */
    sedge_json_add_str(response, "deploymentId", a->id);
    sedge_api_respond_take(a->stream, response);
    sedge_ipc_stream_unref(a->stream);
    free(a);
}

void sedge_op_create_deployment(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct accepted *a;
    const char *name = "ServiceError";

    if (sedge_api_authorize(api, s, "*", NULL) != 0) return;
    a = SEDGE_NEW(struct accepted);
    a->stream = s;
    if (sedge_deployer_submit_local(api->o.deployer, request, a->id, kept_cb, a, &err) == 0) {
        sedge_ipc_stream_ref(s);
        return;
    }
    free(a);
    if (err.code == SEDGE_E_INVALID) name = "InvalidArgumentsError";
    if (err.code == SEDGE_E_CONFLICT) name = "InvalidArtifactsDirectoryPathError";
    sedge_api_error(s, name, "%s", err.msg);
}

/* The id in the request if it is a UUID; otherwise the error is answered. */
static const char *deployment_id(struct sedge_ipc_stream *s, struct json_object *request)
{
    const char *id = sedge_json_str(request, "deploymentId", "");

    if (sedge_is_uuid(id)) return id;
    sedge_api_error(s, "InvalidArgumentsError", "Invalid deploymentId format received. DeploymentId is a UUID");
    return NULL;
}

void sedge_op_cancel_deployment(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    const char *id = deployment_id(s, request);
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_free char *text = NULL;
    struct json_object *response;
    int rc;

    if (!id || sedge_api_authorize(api, s, "*", NULL) != 0) return;
    rc = sedge_deployer_cancel(api->o.deployer, SEDGE_SOURCE_LOCAL, id, 0, &err);
    if (rc < 0) {
        sedge_api_not_found(s, "LocalDeployment", id, err.msg);
        return;
    }
    if (rc == 1)
        text = sedge_xasprintf("Cancel request submitted. Deployment ID: %s", id);
    else
        text = sedge_xstrdup("Cancellation request is not processed because deployment is already finished");
    response = json_object_new_object();
    sedge_json_add_str(response, "message", text);
    sedge_api_respond_take(s, response);
}

void sedge_op_deployment_status(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    const char *id = deployment_id(s, request);
    struct json_object *status;
    struct json_object *response;

    if (!id || sedge_api_authorize(api, s, id, NULL) != 0) return;
    status = sedge_deployer_local_status(api->o.deployer, id);
    if (!status) {
        sedge_api_not_found(s, "LocalDeployment", id, "Cannot find deployment");
        return;
    }
    response = json_object_new_object();
    (void)json_object_object_add(response, "deployment", status);
    sedge_api_respond_take(s, response);
}

void sedge_op_list_deployments(struct sedge_api *api, struct sedge_ipc_stream *s, struct json_object *request)
{
    struct json_object *response;

    (void)request;
    if (sedge_api_authorize(api, s, "*", NULL) != 0) return;
    response = json_object_new_object();
    (void)json_object_object_add(response, "localDeployments", sedge_deployer_local_list(api->o.deployer));
    sedge_api_respond_take(s, response);
}
