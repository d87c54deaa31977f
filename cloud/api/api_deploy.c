/* Deployments as the public API shows them. */
#include <string.h>

#include "api_internal.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "cloud/deploy/deploy.h"
#include "cloud/deploy/document.h"
#include "cloud/http/page.h"
#include "cloud/query.h"

#define HEAD                                                                                                           \
    "SELECT d.uuid, d.job_id, t.kind, t.ref_name, d.revision, d.name, d.creation_ms, d.state,"                         \
    " d.revision=t.last_revision, d.id FROM deployment d JOIN target t ON t.id=d.target_id "

/* What AWS calls our state: "completed" also when devices failed. */
static const char *status_of(int64_t state)
{
    const char *name = sedge_dep_state_name(state);

    if (strcmp(name, "ACTIVE") == 0) return "COMPLETED";
    if (strcmp(name, "CANCELED") == 0 || strcmp(name, "ABORTED") == 0) return "CANCELED";
    if (strcmp(name, "INACTIVE") == 0 || strcmp(name, "FAILED") == 0) return name;
    return "ACTIVE"; /* rolls out, is paused, or waits for its time */
}

static struct json_object *head_of(const struct sedge_cloud *c, sqlite3_stmt *q)
{
    struct json_object *o = json_object_new_object();
    sedge_auto_free char *arn = sedge_api_target_arn(c, sqlite3_column_int(q, 2), sedge_db_text(q, 3));
    sedge_auto_free char *revision = sedge_xasprintf("%lld", (long long)sqlite3_column_int64(q, 4));

    sedge_json_add_str(o, "deploymentId", sedge_db_text(q, 0));
    sedge_json_add_str(o, "targetArn", arn);
    sedge_json_add_str(o, "revisionId", revision);
    if (sqlite3_column_type(q, 5) != SQLITE_NULL) sedge_json_add_str(o, "deploymentName", sedge_db_text(q, 5));
    sedge_api_add_time(o, "creationTimestamp", sqlite3_column_int64(q, 6));
    sedge_json_add_str(o, "deploymentStatus", status_of(sqlite3_column_int64(q, 7)));
    sedge_json_add_bool(o, "isLatestForTarget", sqlite3_column_int(q, 8) != 0);
    return o;
}

static void add_job(const struct sedge_cloud *c, const char *job, struct json_object *o)
{
    sedge_auto_free char *arn = sedge_xasprintf("arn:aws:iot:%s:%s:job/%s", c->set.region, c->set.account, job);

    sedge_json_add_str(o, "iotJobId", job);
    sedge_json_add_str(o, "iotJobArn", arn);
}

static int list(const struct sedge_http_request *rq, struct json_object *out, struct sedge_err *err)
{
    const char *arn = sedge_http_query(&rq->target, "targetArn", NULL);
    bool all = strcmp(sedge_http_query(&rq->target, "historyFilter", "LATEST_ONLY"), "ALL") == 0;
    sedge_auto_free char *name = NULL;
    sqlite3_stmt *q;
    int kind = 0, rc = -1;

    if (arn && sedge_doc_parse_target(arn, &kind, &name, err) != 0) return sedge_err_wrap(err, "targetArn");
    q = sedge_q(rq->cloud->db, err,
                HEAD "WHERE (?1 IS NULL OR (t.ref_name=?1 AND t.kind=?2)) AND (?3 OR d.revision=t.last_revision)"
                     " ORDER BY d.creation_ms DESC, d.id DESC",
                "tii", (const char *)name, (int64_t)kind, (int64_t)all);
    while (q && (rc = sedge_db_step(rq->cloud->db, q, err)) == 1)
        (void)json_object_array_add(out, head_of(rq->cloud, q));
    (void)sqlite3_finalize(q);
    return rc;
}

void sedge_api_list_deployments(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct json_object *all = json_object_new_array();
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)user;
    if (list(rq, all, &err) == 0) {
        re->json = sedge_page_of(&rq->target, "deployments", all);
        return;
    }
    json_object_put(all);
    sedge_http_fail(re, &err);
}

static struct json_object *get(struct sedge_cloud *c, int64_t id, struct sedge_err *err)
{
    sedge_auto_free char *name = NULL;
    sedge_auto_put struct json_object *content = NULL;
    struct json_object *o = NULL;
    int64_t minutes = 0;
    sqlite3_stmt *q = sedge_q(c->db, err, HEAD "WHERE d.id=?1", "i", id);

    if (q && sedge_db_step(c->db, q, err) == 1) {
        o = head_of(c, q);
        add_job(c, sedge_db_text(q, 1), o);
    }
    (void)sqlite3_finalize(q);
    content = o ? sedge_deploy_content(c, id, &name, &minutes, err) : NULL;
    if (content) {
        struct json_object *job = NULL, *rollout = NULL, *timeout;

        sedge_api_add_content(o, content);
        (void)sedge_deploy_policy(c, id, &job, &rollout, NULL);
        if (!job) job = json_object_new_object();
        (void)json_object_object_add(o, "iotJobConfiguration", job);      /* takes job */
        if (rollout) (void)json_object_object_add(o, "rollout", rollout); /* takes rollout */
        timeout = json_object_new_object();
        (void)json_object_object_add(job, "timeoutConfig", timeout); /* takes timeout */
        sedge_json_add_i64(timeout, "inProgressTimeoutInMinutes", minutes);
        (void)json_object_object_add(o, "tags", json_object_new_object());
        return o;
    }
    json_object_put(o);
    return NULL;
}

void sedge_api_get_deployment(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    int64_t id = 0;
    int rc = sedge_deploy_find(rq->cloud, sedge_http_arg(rq, 0), &id, &err);

    (void)user;
    sedge_api_answer(re, rc == 0 ? get(rq->cloud, id, &err) : NULL, &err);
}

static struct json_object *create(const struct sedge_http_request *rq, struct sedge_doc *doc, struct sedge_err *err)
{
    const char *expected = sedge_http_query(&rq->target, "expectedRevision", NULL);
    struct sedge_deploy_request request;

    if (sedge_doc_parse(rq->body, rq->nbody, "body", doc, err) != 0) return NULL;
    if (!doc->target) {
        (void)sedge_err_set(err, SEDGE_E_INVALID, "targetArn is missing: it names the group or thing to deploy to");
        return NULL;
    }
    if (sedge_roles_may_deploy(&rq->peer, doc->kind, doc->target, err) != 0) return NULL;
    request = (struct sedge_deploy_request){.kind = doc->kind,
                                            .target = doc->target,
                                            .name = doc->name,
                                            .content = doc->content,
                                            .job = doc->job,
                                            .rollout = doc->rollout,
                                            .in_progress_minutes = doc->in_progress_minutes,
                                            .token = doc->client_token,
                                            .request = rq->body,
                                            .skip_resolve = sedge_api_flag(rq, "skipResolve"),
                                            .force = sedge_api_flag(rq, "force")};
    if (expected) {
        if (sedge_str_to_i64(expected, 0, INT64_MAX, &request.expected_revision, err) != 0) {
            (void)sedge_err_wrap(err, "expectedRevision");
            return NULL;
        }
        request.expects = true;
    }
    return sedge_deploy_create(rq->cloud, &request, sedge_wall_ms(), err);
}

void sedge_api_create_deployment(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_doc doc = {0};
    sedge_auto_put struct json_object *made = create(rq, &doc, &err);

    (void)user;
    if (made) {
        struct json_object *warnings = sedge_json_get(made, "warnings");

        re->status = 201;
        re->json = json_object_new_object();
        sedge_json_add_str(re->json, "deploymentId", sedge_json_str(made, "deploymentId", ""));
        add_job(rq->cloud, sedge_json_str(made, "jobId", ""), re->json);
        if (warnings) (void)json_object_object_add(re->json, "warnings", json_object_get(warnings));
        if (sedge_json_bool(made, "unchanged", false)) sedge_json_add_bool(re->json, "unchanged", true);
    } else
        sedge_http_fail(re, &err);
    sedge_doc_release(&doc);
}

int sedge_api_own_deployment(const struct sedge_http_request *rq, int64_t *id, struct sedge_err *err)
{
    sedge_auto_free char *target = NULL;
    int64_t kind = 0;

    if (sedge_deploy_find(rq->cloud, sedge_http_arg(rq, 0), id, err) != 0 ||
        sedge_q_i64(rq->cloud->db, err, &kind,
                    "SELECT t.kind FROM deployment d JOIN target t ON t.id=d.target_id WHERE d.id=?1", "i", *id) < 0 ||
        sedge_q_text(rq->cloud->db, err, &target,
                     "SELECT t.ref_name FROM deployment d JOIN target t ON t.id=d.target_id WHERE d.id=?1", "i",
                     *id) < 0)
        return -1;
    return sedge_roles_may_deploy(&rq->peer, (int)kind, target ? target : "", err);
}

void sedge_api_cancel_deployment(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    int64_t id = 0;
    int rc = sedge_api_own_deployment(rq, &id, &err);

    (void)user;
    if (rc == 0) rc = sedge_deploy_cancel(rq->cloud, id, sedge_api_flag(rq, "force"), sedge_wall_ms(), &err);
    sedge_api_done(re, rc, "The deployment is cancelled; devices that applied it stay as they are.", &err);
}
