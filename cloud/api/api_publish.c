/* Publishing: artifacts, then the recipe; what became of it. */
#include <string.h>

#include "api_internal.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "cloud/component/publication.h"
#include "cloud/data/data_internal.h"
#include "cloud/query.h"
#include "recipe/recipe.h"

void sedge_ext_upload(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    int rc = sedge_publication_add(rq->cloud, sedge_http_arg(rq, 0), sedge_http_arg(rq, 1), sedge_http_arg(rq, 2),
                                   rq->file, &err);

    (void)user;
    sedge_api_done(re, rc, "The artifact waits for its recipe.", &err);
    if (rc == 0) sedge_json_add_i64(re->json, "bytes", rq->nfile);
}

/* As the public API shows a version; takes the status of publication.h. */
static struct json_object *shown(const struct sedge_cloud *c, struct json_object *status)
{
    struct json_object *o = json_object_new_object(), *s = json_object_new_object();
    const char *name = sedge_json_str(status, "componentName", ""),
               *version = sedge_json_str(status, "componentVersion", "");
    sedge_auto_free char *arn = sedge_data_component_arn(c, name, version);

    sedge_json_add_str(o, "arn", arn);
    sedge_json_add_str(o, "componentName", name);
    sedge_json_add_str(o, "componentVersion", version);
    sedge_api_add_time(o, "creationTimestamp", sedge_json_i64(status, "at", 0) * 1000);
    (void)json_object_object_add(o, "status", s); /* takes s */
    sedge_json_add_str(s, "componentState", sedge_json_str(status, "state", ""));
    sedge_json_add_str(s, "message", sedge_json_str(status, "message", ""));
    (void)json_object_object_add(s, "errors", json_object_new_object());
    json_object_put(status);
    return o;
}

static struct json_object *create(const struct sedge_http_request *rq, struct json_object *body, struct sedge_err *err)
{
    const char *text = sedge_json_str(body, "inlineRecipe", NULL);
    sedge_auto_buf struct sedge_buf recipe = SEDGE_BUF_INIT;

    if (!text) {
        (void)sedge_err_set(
            err, SEDGE_E_INVALID,
            "inlineRecipe is missing: expected the recipe in base64 (a lambdaFunction is not supported)");
        return NULL;
    }
    if (sedge_base64_decode(&recipe, text, strlen(text), err) != 0) {
        (void)sedge_err_wrap(err, "inlineRecipe");
        return NULL;
    }
    sedge_buf_puts(&recipe, "");
    return sedge_publication_request(rq->cloud, recipe.data, recipe.len, sedge_wall_ms(), err);
}

void sedge_api_create_component(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    sedge_auto_put struct json_object *body = sedge_api_body(rq, re);
    struct sedge_err err = SEDGE_ERR_INIT;
    struct json_object *status;

    (void)user;
    if (!body) return;
    status = create(rq, body, &err);
    sedge_api_answer(re, status ? shown(rq->cloud, status) : NULL, &err);
    if (status) re->status = 201;
}

static void add_recipe(struct sedge_cloud *c, struct json_object *o)
{
    sedge_auto_free char *text = NULL;
    struct sedge_recipe *r;

    if (sedge_q_text(c->db, NULL, &text, "SELECT recipe FROM component_version WHERE name=?1 AND version=?2", "tt",
                     sedge_json_str(o, "componentName", ""), sedge_json_str(o, "componentVersion", "")) != 1)
        return;
    r = sedge_recipe_parse(text, strlen(text), "stored.json", NULL);
    if (!r) return;
    sedge_json_add_str(o, "publisher", r->publisher);
    sedge_json_add_str(o, "description", r->description);
    sedge_recipe_free(r);
}

void sedge_api_describe_component(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    sedge_auto_free char *name = NULL, *version = NULL;
    struct sedge_err err = SEDGE_ERR_INIT;
    struct json_object *status = NULL;

    (void)user;
    if (sedge_data_parse_arn(sedge_http_arg(rq, 0), &name, &version, &err) == 0)
        status = sedge_publication_status(rq->cloud, name, version, &err);
    sedge_api_answer(re, status ? shown(rq->cloud, status) : NULL, &err);
    if (status) add_recipe(rq->cloud, re->json);
}
