/* Our extensions: deployments as the commands show and change them, and metrics. */
#include <string.h>

#include "api_internal.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "cloud/deploy/deploy.h"
#include "cloud/deploy/deploy_status.h"
#include "cloud/deploy/document.h"
#include "cloud/http/metrics.h"

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
        o = sedge_deploy_report(rq->cloud, id, sedge_wall_ms() / 1000, sedge_api_flag(rq, "devices"), NULL, &err);
    sedge_api_answer(re, o, &err);
}

void sedge_ext_pause(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    int64_t id = 0;
    int rc = sedge_api_own_deployment(rq, &id, &err);

    (void)user;
    if (rc == 0) rc = sedge_deploy_pause(rq->cloud, id, sedge_wall_ms(), &err);
    sedge_api_done(re, rc, "Nothing more is released; devices that have it go on.", &err);
}

void sedge_ext_resume(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    int64_t id = 0;
    int rc = sedge_api_own_deployment(rq, &id, &err);

    (void)user;
    if (rc == 0) rc = sedge_deploy_resume(rq->cloud, id, sedge_wall_ms(), &err);
    sedge_api_done(re, rc, "The deployment goes on; failures so far are accepted.", &err);
}

void sedge_ext_approve(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    int64_t id = 0;
    int rc = sedge_api_own_deployment(rq, &id, &err);

    (void)user;
    if (rc == 0) rc = sedge_deploy_approve(rq->cloud, id, rq->peer.who, sedge_wall_ms(), &err);
    sedge_api_done(re, rc, "The deployment is approved.", &err);
}

static int read_texts(struct json_object *body, const char *key, struct sedge_strv *out, struct sedge_err *err)
{
    struct json_object *list = sedge_json_get(body, key);

    if (!list) return 0;
    if (!json_object_is_type(list, json_type_array))
        return sedge_err_set(err, SEDGE_E_INVALID, "%s: expected a list of texts", key);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *v = json_object_array_get_idx(list, i);

        if (!sedge_json_is_str(v)) return sedge_err_set(err, SEDGE_E_INVALID, "%s: expected a list of texts", key);
        sedge_strv_add(out, json_object_get_string(v));
    }
    return 0;
}

static int read_states(struct json_object *body, unsigned *bits, struct sedge_err *err)
{
    static const int allowed[] = {SEDGE_EXEC_FAILED, SEDGE_EXEC_TIMED_OUT, SEDGE_EXEC_REJECTED};
    sedge_auto_strv struct sedge_strv names = {0};

    if (read_texts(body, "status", &names, err) != 0) return -1;
    *bits = names.n ? 0 : (1u << SEDGE_EXEC_FAILED) | (1u << SEDGE_EXEC_TIMED_OUT);
    for (size_t i = 0; i < names.n; i++) {
        unsigned bit = 0;

        for (size_t k = 0; k < SEDGE_ARRAY_LEN(allowed); k++) {
            if (strcmp(names.v[i], sedge_exec_state_name(allowed[k])) == 0) bit = 1u << allowed[k];
        }
        if (!bit)
            return sedge_err_set(err, SEDGE_E_INVALID, "status: \"%s\" is none of FAILED, TIMED_OUT, REJECTED",
                                 names.v[i]);
        *bits |= bit;
    }
    return 0;
}

void sedge_ext_retry(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    sedge_auto_put struct json_object *body = sedge_api_body(rq, re);
    sedge_auto_strv struct sedge_strv things = {0};
    struct sedge_err err = SEDGE_ERR_INIT;
    unsigned states = 0;
    int64_t id = 0, n = 0;
    int rc;

    (void)user;
    if (!body) return;
    rc = read_states(body, &states, &err);
    if (rc == 0) rc = read_texts(body, "things", &things, &err);
    if (rc == 0) rc = sedge_api_own_deployment(rq, &id, &err);
    if (rc == 0) rc = sedge_deploy_retry(rq->cloud, id, states, &things, sedge_wall_ms(), &n, &err);
    sedge_api_done(re, rc, "It is tried again.", &err);
    if (rc == 0) sedge_json_add_i64(re->json, "things", n);
}

static struct json_object *revert(const struct sedge_http_request *rq, struct json_object *body, struct sedge_err *err)
{
    int64_t to = sedge_json_i64(body, "revision", 0), expected = sedge_json_i64(body, "expectedRevision", -1), id = 0;
    sedge_auto_free char *name = NULL;
    sedge_auto_free char *text = NULL;
    int kind = 0;

    if (sedge_doc_parse_target(sedge_http_arg(rq, 0), &kind, &name, err) != 0 ||
        sedge_roles_may_deploy(&rq->peer, kind, name, err) != 0)
        return NULL;
    if (to < 1) {
        (void)sedge_err_set(err, SEDGE_E_INVALID, "revision: expected the number of the revision to go back to");
        return NULL;
    }
    text = sedge_xasprintf("%s:%s:%lld", kind == SEDGE_TARGET_GROUP ? "group" : "thing", name, (long long)to);
    if (sedge_deploy_find(rq->cloud, text, &id, err) != 0) return NULL;
    return sedge_deploy_revert(rq->cloud, id, expected >= 0, expected, sedge_wall_ms(), err);
}

void sedge_ext_revert(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    sedge_auto_put struct json_object *body = sedge_api_body(rq, re);
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)user;
    if (body) sedge_api_answer(re, revert(rq, body, &err), &err);
}

void sedge_ext_metrics(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)user;
    re->type = "text/plain; version=0.0.4";
    if (sedge_metrics_write(rq->cloud, sedge_wall_ms(), &re->text, &err) != 0) sedge_http_fail(re, &err);
}
