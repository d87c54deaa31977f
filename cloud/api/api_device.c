/* Core devices as the public API shows them. */
#include <string.h>

#include "api_internal.h"
#include "base/json.h"
#include "base/mem.h"
#include "cloud/deploy/document.h"
#include "cloud/fleet.h"
#include "cloud/http/page.h"
#include "cloud/query.h"
#include "cloud/registry/registry.h"

static void add_if(struct json_object *o, const char *key, sqlite3_stmt *q, int column)
{
    if (sqlite3_column_type(q, column) != SQLITE_NULL) sedge_json_add_str(o, key, sedge_db_text(q, column));
}

#define DEVICE                                                                                                         \
    "SELECT t.name, t.health, COALESCE(t.fss_ts, t.last_seen*1000), t.platform, t.arch, t.runtime, t.ggc_version"      \
    " FROM thing t WHERE t.state<>2 "

/* A thing that has told nothing yet has no status; AWS has no such devices, and lists them as unhealthy here. */
static struct json_object *device_of(sqlite3_stmt *q)
{
    struct json_object *o = json_object_new_object();

    sedge_json_add_str(o, "coreDeviceThingName", sedge_db_text(q, 0));
    sedge_json_add_str(o, "status", sqlite3_column_int(q, 1) ? "HEALTHY" : "UNHEALTHY");
    if (sqlite3_column_type(q, 2) != SQLITE_NULL)
        sedge_api_add_time(o, "lastStatusUpdateTimestamp", sqlite3_column_int64(q, 2));
    add_if(o, "platform", q, 3);
    add_if(o, "architecture", q, 4);
    add_if(o, "runtime", q, 5);
    return o;
}

/* "", or the group's name of ?thingGroupArn=. */
static int group_of(const struct sedge_http_request *rq, char **name, struct sedge_err *err)
{
    const char *arn = sedge_http_query(&rq->target, "thingGroupArn", NULL);
    int kind = SEDGE_TARGET_GROUP;
    int64_t id = 0;

    *name = NULL;
    if (!arn) return 0;
    if (sedge_doc_parse_target(arn, &kind, name, err) != 0) return sedge_err_wrap(err, "thingGroupArn");
    if (kind != SEDGE_TARGET_GROUP)
        return sedge_err_set(err, SEDGE_E_INVALID, "thingGroupArn: \"%s\" is a thing, not a group", arn);
    return sedge_group_id(rq->cloud, *name, &id, err);
}

static int list(const struct sedge_http_request *rq, struct json_object *o, struct sedge_err *err)
{
    sedge_auto_free char *group = NULL;
    sedge_auto_free char *after = sedge_page_after(sedge_http_query(&rq->target, "nextToken", ""));
    const char *status = sedge_http_query(&rq->target, "status", NULL);
    int64_t size = sedge_page_size(&rq->target, SEDGE_PAGE_DEFAULT);
    struct json_object *all = json_object_new_array();
    sqlite3_stmt *q;
    int rc = -1;

    (void)json_object_object_add(o, "coreDevices", all); /* takes all */
    if (status && strcmp(status, "HEALTHY") != 0 && strcmp(status, "UNHEALTHY") != 0)
        return sedge_err_set(err, SEDGE_E_INVALID, "status \"%s\": expected HEALTHY or UNHEALTHY", status);
    if (group_of(rq, &group, err) != 0) return -1;
    q = sedge_q(rq->cloud->db, err,
                DEVICE "AND t.name>?1 AND (?2 IS NULL OR EXISTS(SELECT 1 FROM effective_member m JOIN grp g ON"
                       " g.id=m.group_id WHERE m.thing_id=t.id AND g.name=?2))"
                       " AND (?3 IS NULL OR (COALESCE(t.health,0)<>0)=(?3='HEALTHY')) ORDER BY t.name LIMIT ?4",
                "ttti", (const char *)after, (const char *)group, status, size + 1);
    while (q && (rc = sedge_db_step(rq->cloud->db, q, err)) == 1) {
        if ((int64_t)json_object_array_length(all) == size) {
            struct json_object *last = json_object_array_get_idx(all, (size_t)size - 1);
            sedge_auto_free char *next = sedge_page_token(sedge_json_str(last, "coreDeviceThingName", ""));

            sedge_json_add_str(o, "nextToken", next);
            rc = 0;
            break;
        }
        (void)json_object_array_add(all, device_of(q));
    }
    (void)sqlite3_finalize(q);
    return rc;
}

void sedge_api_list_devices(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)user;
    re->json = json_object_new_object();
    if (list(rq, re->json, &err) != 0) sedge_http_fail(re, &err);
}

void sedge_api_get_device(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    int64_t id = 0;
    sqlite3_stmt *q = NULL;

    (void)user;
    if (sedge_thing_id(rq->cloud, sedge_http_arg(rq, 0), &id, &err) == 0)
        q = sedge_q(rq->cloud->db, &err, DEVICE "AND t.id=?1", "i", id);
    if (q && sedge_db_step(rq->cloud->db, q, &err) == 1) {
        re->json = device_of(q);
        add_if(re->json, "coreVersion", q, 6);
        (void)json_object_object_add(re->json, "tags", json_object_new_object());
    } else
        sedge_http_fail(re, &err);
    (void)sqlite3_finalize(q);
}

static void add_codes(struct json_object *o, const char *text)
{
    struct json_object *codes = text[0] ? sedge_json_parse(text, strlen(text), "codes", NULL) : NULL;

    if (json_object_is_type(codes, json_type_array))
        (void)json_object_object_add(o, "lifecycleStatusCodes", codes); /* takes codes */
    else
        json_object_put(codes);
}

static struct json_object *component_of(sqlite3_stmt *q)
{
    struct json_object *o = json_object_new_object();

    sedge_json_add_str(o, "componentName", sedge_db_text(q, 0));
    sedge_json_add_str(o, "componentVersion", sedge_db_text(q, 1));
    sedge_json_add_str(o, "lifecycleState", sedge_fleet_state_name(sqlite3_column_int64(q, 2)));
    sedge_json_add_bool(o, "isRoot", sqlite3_column_int(q, 3) != 0);
    add_if(o, "lifecycleStateDetails", q, 4);
    sedge_api_add_time(o, "lastStatusChangeTimestamp", sqlite3_column_int64(q, 5) * 1000);
    add_codes(o, sedge_db_text(q, 6));
    return o;
}

static int installed(const struct sedge_http_request *rq, struct json_object *all, struct sedge_err *err)
{
    bool roots = strcmp(sedge_http_query(&rq->target, "topologyFilter", "ROOT"), "ALL") != 0;
    int64_t id = 0;
    sqlite3_stmt *q;
    int rc = -1;

    if (sedge_thing_id(rq->cloud, sedge_http_arg(rq, 0), &id, err) != 0) return -1;
    q = sedge_q(rq->cloud->db, err,
                "SELECT n.name, s.version, s.state, s.is_root, s.reason, s.updated_at, s.codes FROM component_state s"
                " JOIN name n ON n.id=s.name_id WHERE s.thing_id=?1 AND (s.is_root OR NOT ?2) ORDER BY n.name",
                "ii", id, (int64_t)roots);
    while (q && (rc = sedge_db_step(rq->cloud->db, q, err)) == 1)
        (void)json_object_array_add(all, component_of(q));
    (void)sqlite3_finalize(q);
    return rc;
}

/* A list of a thing, in pieces. */
static void answer_list(const struct sedge_http_request *rq, struct sedge_http_reply *re, const char *member,
                        int (*fill)(const struct sedge_http_request *rq, struct json_object *all,
                                    struct sedge_err *err))
{
    struct json_object *all = json_object_new_array();
    struct sedge_err err = SEDGE_ERR_INIT;

    if (fill(rq, all, &err) == 0) {
        re->json = sedge_page_of(&rq->target, member, all); /* takes all */
        return;
    }
    json_object_put(all);
    sedge_http_fail(re, &err);
}

void sedge_api_installed_components(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    (void)user;
    answer_list(rq, re, "installedComponents", installed);
}

/* Status texts of AWS differ from those of jobs in two words. */
static const char *execution_status(int64_t state)
{
    const char *name = sedge_exec_state_name(state);

    if (strcmp(name, "TIMED_OUT") == 0) return "TIMED_OUT";
    return strcmp(name, "REMOVED") == 0 ? "CANCELED" : name;
}

static void add_stack(struct json_object *o, struct json_object *details)
{
    static const char *const keys[][2] = {{"deployment-error-stack", "errorStack"},
                                          {"deployment-error-types", "errorTypes"}};
    struct json_object *out = json_object_new_object();

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(keys); i++) {
        const char *text = sedge_json_str(details, keys[i][0], "[]");
        struct json_object *list = sedge_json_parse(text, strlen(text), "details", NULL);

        if (json_object_is_type(list, json_type_array) && json_object_array_length(list) > 0)
            (void)json_object_object_add(out, keys[i][1], list); /* takes list */
        else
            json_object_put(list);
    }
    if (json_object_object_length(out) > 0)
        (void)json_object_object_add(o, "statusDetails", out); /* takes out */
    else
        json_object_put(out);
}

static struct json_object *effective_of(const struct sedge_cloud *c, sqlite3_stmt *q)
{
    struct json_object *o = json_object_new_object();
    const char *text = sedge_db_text(q, 6), *job = sedge_db_text(q, 2);
    sedge_auto_put struct json_object *details =
        text[0] ? sedge_json_parse_object(text, strlen(text), "details", NULL) : NULL;
    sedge_auto_free char *arn = sedge_api_target_arn(c, sqlite3_column_int(q, 3), sedge_db_text(q, 4));
    sedge_auto_free char *job_arn = sedge_xasprintf("arn:aws:iot:%s:%s:job/%s", c->set.region, c->set.account, job);

    sedge_json_add_str(o, "deploymentId", sedge_db_text(q, 0));
    sedge_json_add_str(o, "deploymentName", sedge_db_text(q, 1));
    sedge_json_add_str(o, "iotJobId", job);
    sedge_json_add_str(o, "iotJobArn", job_arn);
    sedge_json_add_str(o, "targetArn", arn);
    sedge_json_add_str(o, "coreDeviceExecutionStatus", execution_status(sqlite3_column_int64(q, 5)));
    sedge_json_add_str(o, "reason", sedge_json_str(details, "deployment-failure-cause", NULL));
    sedge_json_add_str(o, "description", sedge_json_str(details, "detailed-deployment-status", NULL));
    add_stack(o, details);
    sedge_api_add_time(o, "creationTimestamp", sqlite3_column_int64(q, 7) * 1000);
    sedge_api_add_time(o, "modifiedTimestamp", sqlite3_column_int64(q, 8) * 1000);
    return o;
}

/* The newest execution of each target that the thing still belongs to. */
static int effective(const struct sedge_http_request *rq, struct json_object *all, struct sedge_err *err)
{
    int64_t id = 0;
    sqlite3_stmt *q;
    int rc = -1;

    if (sedge_thing_id(rq->cloud, sedge_http_arg(rq, 0), &id, err) != 0) return -1;
    q = sedge_q(
        rq->cloud->db, err,
        "SELECT d.uuid, COALESCE(d.name,''), d.job_id, t.kind, t.ref_name, e.status, e.details, e.queued_at,"
        " e.updated_at FROM execution e JOIN deployment d ON d.id=e.deployment_id JOIN target t ON t.id=d.target_id"
        " WHERE e.thing_id=?1 AND e.status<>6 AND NOT EXISTS(SELECT 1 FROM execution n JOIN deployment f ON"
        " f.id=n.deployment_id WHERE n.thing_id=?1 AND f.target_id=d.target_id AND (f.revision>d.revision OR"
        " (f.id=d.id AND n.exec_no>e.exec_no))) ORDER BY e.updated_at DESC, d.id DESC",
        "i", id);
    while (q && (rc = sedge_db_step(rq->cloud->db, q, err)) == 1)
        (void)json_object_array_add(all, effective_of(rq->cloud, q));
    (void)sqlite3_finalize(q);
    return rc;
}

void sedge_api_effective_deployments(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    (void)user;
    answer_list(rq, re, "effectiveDeployments", effective);
}
