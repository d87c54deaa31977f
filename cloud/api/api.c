#include "api_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "cloud/component/publication.h"
#include "cloud/registry/registry.h"
#include "cloud/site/server_cert.h"

#define VIEW    SEDGE_ROLE_VIEW
#define DEPLOY  SEDGE_ROLE_DEPLOY
#define PUBLISH SEDGE_ROLE_PUBLISH
#define ADMIN   SEDGE_ROLE_ADMIN
#define GG      "greengrass/v2/"
#define EXT     "ext/v1/"

static const struct sedge_http_route routes[] = {
    {"POST", GG "deployments", "CreateDeployment", DEPLOY, sedge_api_create_deployment},
    {"GET", GG "deployments", "ListDeployments", VIEW, sedge_api_list_deployments},
    {"GET", GG "deployments/{}", "GetDeployment", VIEW, sedge_api_get_deployment},
    {"POST", GG "deployments/{}/cancel", "CancelDeployment", DEPLOY, sedge_api_cancel_deployment},
    {"GET", GG "coreDevices", "ListCoreDevices", VIEW, sedge_api_list_devices},
    {"GET", GG "coreDevices/{}", "GetCoreDevice", VIEW, sedge_api_get_device},
    {"GET", GG "coreDevices/{}/installedComponents", "ListInstalledComponents", VIEW, sedge_api_installed_components},
    {"GET", GG "coreDevices/{}/effectiveDeployments", "ListEffectiveDeployments", VIEW,
     sedge_api_effective_deployments},
    {"GET", GG "components", "ListComponents", VIEW, sedge_api_list_components},
    {"GET", GG "components/{}/versions", "ListComponentVersions", VIEW, sedge_api_list_versions},
    {"POST", GG "createComponentVersion", "CreateComponentVersion", PUBLISH, sedge_api_create_component},
    {"GET", GG "components/{}/metadata", "DescribeComponent", VIEW, sedge_api_describe_component},
    {"GET", GG "components/{}", "GetComponent", VIEW, sedge_api_get_component},

    {"GET", EXT "things", "ListThings", VIEW, sedge_ext_things},
    {"POST", EXT "things", "CreateThing", ADMIN, sedge_ext_thing_create},
    {"GET", EXT "things/{}", "ShowThing", VIEW, sedge_ext_thing},
    {"GET", EXT "things/{}/why", "ExplainThing", VIEW, sedge_ext_thing_why},
    {"DELETE", EXT "things/{}", "DeleteThing", ADMIN, sedge_ext_thing_delete},
    {"POST", EXT "things/{}/block", "BlockThing", ADMIN, sedge_ext_thing_block},
    {"POST", EXT "things/{}/unblock", "UnblockThing", ADMIN, sedge_ext_thing_unblock},
    {"PUT", EXT "things/{}/attributes", "SetAttributes", ADMIN, sedge_ext_thing_attributes},
    {"GET", EXT "groups", "ListGroups", VIEW, sedge_ext_groups},
    {"POST", EXT "groups", "CreateGroup", ADMIN, sedge_ext_group_create},
    {"GET", EXT "groups/{}", "ShowGroup", VIEW, sedge_ext_group},
    {"DELETE", EXT "groups/{}", "DeleteGroup", ADMIN, sedge_ext_group_delete},
    {"PUT", EXT "groups/{}/things/{}", "AddThingToGroup", ADMIN, sedge_ext_group_add},
    {"DELETE", EXT "groups/{}/things/{}", "RemoveThingFromGroup", ADMIN, sedge_ext_group_rm},
    {"GET", EXT "deployments", "ListRevisions", VIEW, sedge_ext_deployments},
    {"GET", EXT "deployments/{}", "ShowDeployment", VIEW, sedge_ext_deployment},
    {"POST", EXT "deployments/{}/pause", "PauseDeployment", DEPLOY, sedge_ext_pause},
    {"POST", EXT "deployments/{}/resume", "ResumeDeployment", DEPLOY, sedge_ext_resume},
    {"POST", EXT "deployments/{}/approve", "ApproveDeployment", DEPLOY, sedge_ext_approve},
    {"POST", EXT "deployments/{}/retry", "RetryDeployment", DEPLOY, sedge_ext_retry},
    {"POST", EXT "targets/{}/revert", "RevertTarget", DEPLOY, sedge_ext_revert},
    {"PUT", EXT "uploads/{}/{}/{}", "UploadArtifact", PUBLISH | SEDGE_HTTP_TO_FILE, sedge_ext_upload},
    {"POST", EXT "components/{}/deprecate", "DeprecateComponent", PUBLISH, sedge_ext_component_deprecate},
    {"POST", EXT "components/{}/block", "BlockComponent", PUBLISH, sedge_ext_component_block},
    {"POST", EXT "components/{}/restore", "RestoreComponent", PUBLISH, sedge_ext_component_restore},
    {"DELETE", EXT "components/{}", "DeleteComponent", PUBLISH, sedge_ext_component_delete},
    {"GET", EXT "audit", "ListAudit", ADMIN, sedge_ext_audit},
    {"GET", "metrics", "Metrics", VIEW, sedge_ext_metrics},
    {0},
};

struct sedge_api {
    char *dir;
    struct sedge_http *local, *tcp;
};

static int identify(void *user, struct sedge_cloud *c, const struct sedge_http_proof *proof,
                    struct sedge_http_peer *out, struct sedge_err *err)
{
    const struct sedge_api *a = user;

    (void)c;
    return sedge_roles_of(a->dir, proof, out, err);
}

static int start_local(struct sedge_api *a, const struct sedge_cloud_settings *set, struct sedge_err *err)
{
    sedge_auto_free char *path =
        set->api_socket ? sedge_xstrdup(set->api_socket) : sedge_xasprintf("%s/api.sock", a->dir);
    struct sedge_http_options o = {.name = "api",
                                   .dir = a->dir,
                                   .socket = path,
                                   .routes = routes,
                                   .identify = identify,
                                   .user = a,
                                   .file_max = SEDGE_PUBLICATION_FILE_MAX};
    struct sedge_err why = SEDGE_ERR_INIT;

    a->local = sedge_http_start(&o, &why);
    if (a->local) return 0;
    if (why.code == SEDGE_E_LIMIT && !set->api_socket) { /* nobody asked for it: go on without */
        sedge_log(SEDGE_WARN, "serve", "no-api", "%s; choose one with: sedge-cloud init --api-socket PATH", why.msg);
        return 0;
    }
    *err = why;
    return -1;
}

static int start_tcp(struct sedge_api *a, const struct sedge_cloud_settings *set, struct sedge_err *err)
{
    struct sedge_server_cert files = {0};
    struct sedge_http_tls tls;
    struct sedge_http_options o = {.name = "api-tcp",
                                   .dir = a->dir,
                                   .address = set->api_bind ? set->api_bind : "",
                                   .port = (int)set->api_port,
                                   .tls = &tls,
                                   .routes = routes,
                                   .identify = identify,
                                   .user = a,
                                   .file_max = SEDGE_PUBLICATION_FILE_MAX};
    int rc = sedge_roles_make_token(a->dir, err);

    if (rc == 0) rc = sedge_server_cert_read(a->dir, "api", set->api_host, &files, err);
    if (rc == 0) {
        tls = (struct sedge_http_tls){.key = files.key.data, .cert = files.cert.data};
        a->tcp = sedge_http_start(&o, err);
    }
    sedge_server_cert_release(&files);
    if (!a->tcp) return -1;
    sedge_log(SEDGE_INFO, "serve", "api", "port=%d hosts=%s", sedge_http_port(a->tcp), set->api_host);
    return 0;
}

struct sedge_api *sedge_api_start(const char *dir, const struct sedge_cloud_settings *set, struct sedge_err *err)
{
    struct sedge_api *a = SEDGE_NEW(struct sedge_api);

    a->dir = sedge_xstrdup(dir);
    if (start_local(a, set, err) == 0 && (!set->api_port || start_tcp(a, set, err) == 0)) return a;
    sedge_api_stop(a);
    return NULL;
}

void sedge_api_tick(struct sedge_api *a)
{
    if (a->local) sedge_http_sweep(a->local);
    if (a->tcp) sedge_http_sweep(a->tcp);
}

void sedge_api_stop(struct sedge_api *a)
{
    if (!a) return;
    sedge_http_stop(a->local);
    sedge_http_stop(a->tcp);
    free(a->dir);
    free(a);
}

void sedge_api_answer(struct sedge_http_reply *re, struct json_object *o, const struct sedge_err *err)
{
    if (o)
        re->json = o;
    else
        sedge_http_fail(re, err);
}

void sedge_api_done(struct sedge_http_reply *re, int rc, const char *text, const struct sedge_err *err)
{
    if (rc != 0) {
        sedge_http_fail(re, err);
        return;
    }
    re->json = json_object_new_object();
    sedge_json_add_str(re->json, "message", text);
}

struct json_object *sedge_api_body(const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct json_object *o = sedge_json_parse_object(rq->body, rq->nbody, "body", &err);

    if (!o) sedge_http_fail(re, &err);
    return o;
}

bool sedge_api_flag(const struct sedge_http_request *rq, const char *name)
{
    return strcmp(sedge_http_query(&rq->target, name, "false"), "true") == 0;
}

void sedge_api_add_time(struct json_object *o, const char *key, int64_t ms)
{
    sedge_auto_free char *text = sedge_xasprintf("%lld.%03lld", (long long)(ms / 1000), (long long)(ms % 1000));

    (void)json_object_object_add(o, key, json_object_new_double_s((double)ms / 1000, text));
}

char *sedge_api_target_arn(const struct sedge_cloud *c, int kind, const char *name)
{
    return sedge_xasprintf("arn:aws:iot:%s:%s:%s/%s", c->set.region, c->set.account,
                           kind == SEDGE_TARGET_GROUP ? "thinggroup" : "thing", name);
}
