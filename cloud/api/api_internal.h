/* api_internal - the handlers of the control API, and what they share. */
#ifndef SEDGE_CLOUD_API_INTERNAL_H
#define SEDGE_CLOUD_API_INTERNAL_H

#include "api.h"
#include "cloud/http/http.h"
#include "cloud/http/roles.h"

#define SEDGE_API_HANDLER(name) void name(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)

/* The public API. */
SEDGE_API_HANDLER(sedge_api_create_deployment);
SEDGE_API_HANDLER(sedge_api_list_deployments);
SEDGE_API_HANDLER(sedge_api_get_deployment);
SEDGE_API_HANDLER(sedge_api_cancel_deployment);
SEDGE_API_HANDLER(sedge_api_list_devices);
SEDGE_API_HANDLER(sedge_api_get_device);
SEDGE_API_HANDLER(sedge_api_installed_components);
SEDGE_API_HANDLER(sedge_api_effective_deployments);
SEDGE_API_HANDLER(sedge_api_list_components);
SEDGE_API_HANDLER(sedge_api_list_versions);
SEDGE_API_HANDLER(sedge_api_get_component);
SEDGE_API_HANDLER(sedge_api_create_component);
SEDGE_API_HANDLER(sedge_api_describe_component);

/* Ours. */
SEDGE_API_HANDLER(sedge_ext_things);
SEDGE_API_HANDLER(sedge_ext_thing_create);
SEDGE_API_HANDLER(sedge_ext_thing);
SEDGE_API_HANDLER(sedge_ext_thing_why);
SEDGE_API_HANDLER(sedge_ext_thing_delete);
SEDGE_API_HANDLER(sedge_ext_thing_block);
SEDGE_API_HANDLER(sedge_ext_thing_unblock);
SEDGE_API_HANDLER(sedge_ext_thing_attributes);
SEDGE_API_HANDLER(sedge_ext_groups);
SEDGE_API_HANDLER(sedge_ext_group_create);
SEDGE_API_HANDLER(sedge_ext_group);
SEDGE_API_HANDLER(sedge_ext_group_delete);
SEDGE_API_HANDLER(sedge_ext_group_add);
SEDGE_API_HANDLER(sedge_ext_group_rm);
SEDGE_API_HANDLER(sedge_ext_deployments);
SEDGE_API_HANDLER(sedge_ext_deployment);
SEDGE_API_HANDLER(sedge_ext_pause);
SEDGE_API_HANDLER(sedge_ext_resume);
SEDGE_API_HANDLER(sedge_ext_approve);
SEDGE_API_HANDLER(sedge_ext_retry);
SEDGE_API_HANDLER(sedge_ext_revert);
SEDGE_API_HANDLER(sedge_ext_upload);
SEDGE_API_HANDLER(sedge_ext_component_deprecate);
SEDGE_API_HANDLER(sedge_ext_component_block);
SEDGE_API_HANDLER(sedge_ext_component_restore);
SEDGE_API_HANDLER(sedge_ext_component_delete);
SEDGE_API_HANDLER(sedge_ext_audit);
SEDGE_API_HANDLER(sedge_ext_metrics);

/* The object becomes the answer (taken), or the error does when it is NULL. */
void sedge_api_answer(struct sedge_http_reply *re, struct json_object *o, const struct sedge_err *err);
/* {"message": text}, or the error when rc is not 0. */
void sedge_api_done(struct sedge_http_reply *re, int rc, const char *text, const struct sedge_err *err);
/* The body as an object; NULL with the answer in re. New reference. */
struct json_object *sedge_api_body(const struct sedge_http_request *rq, struct sedge_http_reply *re);
bool sedge_api_flag(const struct sedge_http_request *rq, const char *name);
/* Seconds since the epoch with milliseconds, as the SDKs of AWS read times. */
void sedge_api_add_time(struct json_object *o, const char *key, int64_t ms);
char *sedge_api_target_arn(const struct sedge_cloud *c, int kind, const char *name);
/* The deployment that the route's {} names, which the peer may change. */
int sedge_api_own_deployment(const struct sedge_http_request *rq, int64_t *id, struct sedge_err *err);

/* Content of a deployment (document.h) as the public API shows it: adds components and deploymentPolicies. */
void sedge_api_add_content(struct json_object *o, struct json_object *content);

#endif
