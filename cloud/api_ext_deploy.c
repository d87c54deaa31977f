/* Our extensions: deployments as the commands show and change them, and metrics. */
#include <string.h>

#include "api_internal.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "deploy.h"
#include "metrics.h"

void sedge_ext_deployments(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    const char *target = sedge_http_query(&rq->target, "target", NULL);
    bool latest = strcmp(sedge_http_query(&rq->target, "history", "all"), "latest") == 0;
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)user;
    sedge_api_answer(re, sedge_deploy_list(rq->cloud, target, latest, &err), &err);
}

void sedge_ext_deployment(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct json_object *o = NULL;
    int64_t id = 0;

    (void)user;
    if (sedge_deploy_find(rq->cloud, sedge_http_arg(rq, 0), &id, &err) == 0)
        o = sedge_deploy_show(rq->cloud, id, sedge_api_flag(rq, "devices"), &err);
    sedge_api_answer(re, o, &err);
}

void sedge_ext_metrics(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)user;
    re->type = "text/plain; version=0.0.4";
    if (sedge_metrics_write(rq->cloud, sedge_wall_ms(), &re->text, &err) != 0) sedge_http_fail(re, &err);
}
