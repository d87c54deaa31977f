/* Which versions of components a device should take, with their recipes. */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "data_internal.h"
#include "cloud/query.h"
#include "cloud/component/resolve.h"

int64_t sedge_data_generation(struct sedge_cloud *c)
{
    int64_t n = 0;

    (void)sedge_q_i64(c->db, NULL, &n,
                      "SELECT COALESCE(MAX(id),0)*4096 + COUNT(*) + SUM(id*state) FROM component_version", "");
    return n;
}

char *sedge_data_component_arn(const struct sedge_cloud *c, const char *name, const char *version)
{
    return sedge_xasprintf("arn:aws:greengrass:%s:%s:components:%s:versions:%s", c->set.region, c->set.account, name,
                           version);
}

int sedge_data_parse_arn(const char *arn, char **name, char **version, struct sedge_err *err)
{
    const char *start = strstr(arn, ":components:"), *end = start ? strstr(start + 12, ":versions:") : NULL;

    if (!sedge_str_starts(arn, "arn:") || !end || end == start + 12 || !end[10] || strchr(end + 10, ':'))
        return sedge_err_set(
            err, SEDGE_E_INVALID,
            "\"%s\" is no component: expected arn:aws:greengrass:REGION:ACCOUNT:components:NAME:versions:"
            "VERSION",
            arn);
    *name = sedge_xstrndup(start + 12, (size_t)(end - start - 12));
    *version = sedge_xstrdup(end + 10);
    return 0;
}

struct question {
    struct sedge_need needs[SEDGE_DATA_NEEDS_MAX];
    struct sedge_resolve_query q;
};

static int read_needs(struct json_object *candidate, struct question *out, struct sedge_err *err)
{
    struct json_object *ranges = sedge_json_get(candidate, "versionRequirements");

    out->q.needs = out->needs;
    if (!ranges) return 0;
    if (!json_object_is_type(ranges, json_type_object))
        return sedge_err_set(err, SEDGE_E_INVALID, "versionRequirements of %s: expected an object", out->q.component);
    json_object_object_foreach (ranges, who, range) {
        if (out->q.nneeds == SEDGE_DATA_NEEDS_MAX)
            return sedge_err_set(err, SEDGE_E_LIMIT, "%s has more than %d requirements", out->q.component,
                                 SEDGE_DATA_NEEDS_MAX);
        if (!sedge_json_is_str(range))
            return sedge_err_set(err, SEDGE_E_INVALID, "versionRequirements.%s of %s: expected a text", who,
                                 out->q.component);
        out->needs[out->q.nneeds++] = (struct sedge_need){who, json_object_get_string(range)};
    }
    return 0;
}

static int read_candidate(struct json_object *candidate, struct json_object *attributes, struct question *out,
                          struct sedge_err *err)
{
    *out = (struct question){0};
    out->q.component = sedge_json_str(candidate, "componentName", NULL);
    out->q.current = sedge_json_str(candidate, "componentVersion", NULL);
    out->q.platform = attributes;
    if (!out->q.component)
        return sedge_err_set(err, SEDGE_E_INVALID, "componentCandidates: expected objects with componentName");
    if (out->q.current && !out->q.current[0]) out->q.current = NULL;
    if (sedge_cloud_check_name("component", out->q.component, err) != 0) return -1;
    return read_needs(candidate, out, err);
}

static void add_answer(const struct sedge_cloud *c, const char *name, const struct sedge_resolved *got,
                       struct json_object *list)
{
    struct json_object *o = json_object_new_object();
    sedge_auto_free char *arn = sedge_data_component_arn(c, name, got->version);
    sedge_auto_buf struct sedge_buf recipe = SEDGE_BUF_INIT;

    sedge_base64_encode(&recipe, got->recipe, strlen(got->recipe));
    sedge_json_add_str(o, "arn", arn);
    sedge_json_add_str(o, "componentName", name);
    sedge_json_add_str(o, "componentVersion", got->version);
    sedge_json_add_str(o, "recipe", recipe.data);
    if (got->deprecated) sedge_json_add_str(o, "vendorGuidance", "DISCONTINUED");
    (void)json_object_array_add(list, o); /* takes o */
}

static int resolve(const struct sedge_http_request *rq, struct json_object *candidate, struct json_object *attributes,
                   struct json_object *list, struct sedge_err *err)
{
    sedge_auto_free struct question *ask = SEDGE_NEW(struct question);
    struct sedge_resolved got;
    int rc;

    if (read_candidate(candidate, attributes, ask, err) != 0) return -1;
    rc = sedge_resolve_version(rq->cloud, &ask->q, &got, err);
    if (rc == 0) add_answer(rq->cloud, ask->q.component, &got, list);
    sedge_resolved_release(&got);
    return rc;
}

static int resolve_all(const struct sedge_http_request *rq, struct json_object *body, struct json_object *list,
                       struct sedge_err *err)
{
    struct json_object *all = sedge_json_arr(body, "componentCandidates"), *platform = sedge_json_obj(body, "platform");

    for (size_t i = 0; i < json_object_array_length(all); i++) {
        if (resolve(rq, json_object_array_get_idx(all, i), sedge_json_obj(platform, "attributes"), list, err) != 0)
            return -1;
    }
    return 0;
}

static int check(struct sedge_data_plane *d, const struct sedge_http_request *rq, struct json_object *body,
                 struct sedge_err *err)
{
    struct json_object *all = sedge_json_arr(body, "componentCandidates"), *platform = sedge_json_obj(body, "platform");
    size_t n = all ? json_object_array_length(all) : 0;

    if (n == 0 || n > SEDGE_DATA_CANDIDATES_MAX)
        return sedge_err_set(err, SEDGE_E_INVALID, "componentCandidates: expected a list of 1 to %d",
                             SEDGE_DATA_CANDIDATES_MAX);
    for (size_t i = 0; i < n; i++) {
        const char *name = sedge_json_str(json_object_array_get_idx(all, i), "componentName", "");

        if (sedge_data_allowed(d, rq, name, sedge_json_obj(platform, "attributes"), err) != 0) return -1;
    }
    return 0;
}

/* The same question of many devices has one key: it names no thing. */
static char *key_of(const struct sedge_http_request *rq, struct json_object *body)
{
    sedge_auto_free char *text = sedge_json_text_sorted(body);

    return sedge_xasprintf("%lld %s", (long long)sedge_data_generation(rq->cloud), text);
}

static void answer(struct sedge_data_plane *d, const struct sedge_http_request *rq, struct json_object *body,
                   struct sedge_http_reply *re)
{
    sedge_auto_free char *key = key_of(rq, body);
    sedge_auto_free char *known = sedge_cache_get(d->answers, key);
    struct json_object *list;
    struct sedge_err err = SEDGE_ERR_INIT;

    if (known) {
        sedge_buf_puts(&re->text, known);
        return;
    }
    list = json_object_new_array();
    re->json = json_object_new_object();
    (void)json_object_object_add(re->json, "resolvedComponentVersions", list); /* takes list */
    if (resolve_all(rq, body, list, &err) == 0)
        sedge_cache_put(d->answers, key, sedge_json_text(re->json));
    else
        sedge_http_fail(re, &err);
}

void sedge_data_resolve(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_put struct json_object *body = sedge_json_parse_object(rq->body, rq->nbody, "body", &err);

    if (body && check(user, rq, body, &err) == 0)
        answer(user, rq, body, re);
    else
        sedge_http_fail(re, &err);
}
