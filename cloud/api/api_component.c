/* Components as the public API shows them. */
#include <string.h>

#include "api_internal.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/semver.h"
#include "cloud/data/data_internal.h"
#include "cloud/http/page.h"
#include "cloud/query.h"

static char *component_arn(const struct sedge_cloud *c, const char *name)
{
    return sedge_xasprintf("arn:aws:greengrass:%s:%s:components:%s", c->set.region, c->set.account, name);
}

static bool higher(const char *a, const char *b)
{
    struct sedge_version x, y;

    return sedge_version_parse(a, &x, NULL) == 0 && sedge_version_parse(b, &y, NULL) == 0 &&
           sedge_version_cmp(&x, &y) > 0;
}

static void set_latest(const struct sedge_cloud *c, struct json_object *o, sqlite3_stmt *q)
{
    struct json_object *latest = json_object_new_object();
    sedge_auto_free char *arn = sedge_data_component_arn(c, sedge_db_text(q, 0), sedge_db_text(q, 1));

    sedge_json_add_str(latest, "arn", arn);
    sedge_json_add_str(latest, "componentVersion", sedge_db_text(q, 1));
    sedge_api_add_time(latest, "creationTimestamp", sqlite3_column_int64(q, 2) * 1000);
    (void)json_object_object_add(o, "latestVersion", latest); /* takes latest */
}

static int list(const struct sedge_http_request *rq, struct json_object *all, struct sedge_err *err)
{
    struct sedge_cloud *c = rq->cloud;
    sqlite3_stmt *q =
        sedge_q(c->db, err, "SELECT name, version, created_at FROM component_version ORDER BY name, id", "");
    struct json_object *last = NULL;
    int rc = -1;

    while (q && (rc = sedge_db_step(c->db, q, err)) == 1) {
        const char *name = sedge_db_text(q, 0);
        const char *latest = sedge_json_str(sedge_json_obj(last, "latestVersion"), "componentVersion", "");

        if (!last || strcmp(sedge_json_str(last, "componentName", ""), name) != 0) {
            sedge_auto_free char *arn = component_arn(c, name);

            last = json_object_new_object();
            (void)json_object_array_add(all, last); /* takes last */
            sedge_json_add_str(last, "arn", arn);
            sedge_json_add_str(last, "componentName", name);
            set_latest(c, last, q);
        } else if (higher(sedge_db_text(q, 1), latest))
            set_latest(c, last, q);
    }
    (void)sqlite3_finalize(q);
    return rc;
}

/* A page of all; takes all. */
static void answer_page(const struct sedge_http_request *rq, struct sedge_http_reply *re, const char *member,
                        struct json_object *all, int rc, const struct sedge_err *err)
{
    if (rc == 0) {
        re->json = sedge_page_of(&rq->target, member, all);
        return;
    }
    json_object_put(all);
    sedge_http_fail(re, err);
}

void sedge_api_list_components(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct json_object *all = json_object_new_array();
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)user;
    answer_page(rq, re, "components", all, list(rq, all, &err), &err);
}

/* "arn:...:components:NAME" or "...:NAME:versions:VERSION"; *version is NULL for the first. */
static int parse_arn(const char *arn, char **name, char **version, struct sedge_err *err)
{
    const char *start = strstr(arn, ":components:");

    *name = *version = NULL;
    if (strstr(arn, ":versions:")) return sedge_data_parse_arn(arn, name, version, err);
    if (!sedge_str_starts(arn, "arn:") || !start || !start[12] || strchr(start + 12, ':'))
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "\"%s\" is no component: expected arn:aws:greengrass:REGION:ACCOUNT:"
                             "components:NAME",
                             arn);
    *name = sedge_xstrdup(start + 12);
    return 0;
}

static int versions(const struct sedge_http_request *rq, struct json_object *all, struct sedge_err *err)
{
    sedge_auto_free char *name = NULL;
    sedge_auto_free char *version = NULL;
    sqlite3_stmt *q;
    int rc = -1;

    if (parse_arn(sedge_http_arg(rq, 0), &name, &version, err) != 0) return -1;
    q = sedge_q(rq->cloud->db, err, "SELECT version FROM component_version WHERE name=?1 ORDER BY id DESC", "t",
                (const char *)name);
    while (q && (rc = sedge_db_step(rq->cloud->db, q, err)) == 1) {
        struct json_object *o = json_object_new_object();
        sedge_auto_free char *arn = sedge_data_component_arn(rq->cloud, name, sedge_db_text(q, 0));

        sedge_json_add_str(o, "componentName", name);
        sedge_json_add_str(o, "componentVersion", sedge_db_text(q, 0));
        sedge_json_add_str(o, "arn", arn);
        (void)json_object_array_add(all, o); /* takes o */
    }
    (void)sqlite3_finalize(q);
    if (rc == 0 && json_object_array_length(all) == 0)
        return sedge_err_set(err, SEDGE_E_NOT_FOUND, "component %s is not published", name);
    return rc;
}

void sedge_api_list_versions(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct json_object *all = json_object_new_array();
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)user;
    answer_page(rq, re, "componentVersions", all, versions(rq, all, &err), &err);
}

static int recipe(const struct sedge_http_request *rq, struct sedge_buf *base64, struct sedge_err *err)
{
    sedge_auto_free char *name = NULL;
    sedge_auto_free char *version = NULL;
    sedge_auto_free char *text = NULL;
    const char *format = sedge_http_query(&rq->target, "recipeOutputFormat", "JSON");

    if (sedge_data_parse_arn(sedge_http_arg(rq, 0), &name, &version, err) != 0) return -1;
    if (strcmp(format, "JSON") != 0)
        return sedge_err_set(err, SEDGE_E_UNSUPPORTED, "recipeOutputFormat \"%s\": only JSON is stored", format);
    if (sedge_q_text(rq->cloud->db, err, &text, "SELECT recipe FROM component_version WHERE name=?1 AND version=?2",
                     "tt", (const char *)name, (const char *)version) < 0)
        return -1;
    if (!text || !text[0])
        return sedge_err_set(err, SEDGE_E_NOT_FOUND, "component %s version %s is not published", name, version);
    sedge_base64_encode(base64, text, strlen(text));
    return 0;
}

void sedge_api_get_component(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    sedge_auto_buf struct sedge_buf base64 = SEDGE_BUF_INIT;
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)user;
    if (recipe(rq, &base64, &err) != 0) {
        sedge_http_fail(re, &err);
        return;
    }
    re->json = json_object_new_object();
    sedge_json_add_str(re->json, "recipeOutputFormat", "JSON");
    sedge_json_add_str(re->json, "recipe", base64.data);
    (void)json_object_object_add(re->json, "tags", json_object_new_object());
}
