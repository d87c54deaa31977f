#include "dataplane.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "internal.h"

#define BASE "/greengrass/v2"

struct question {
    struct sedge_fetcher *f;
    int attempts, page;
    struct sedge_strv names;
    char *component;
    sedge_plane_groups_cb on_groups;
    sedge_plane_candidate_cb on_candidate;
    sedge_plane_document_cb on_document;
    void *user;
};

static struct question *question_new(struct sedge_fetcher *f, int attempts, void *user)
{
    struct question *q = SEDGE_NEW(struct question);

    q->f = f;
    q->attempts = attempts;
    q->user = user;
    return q;
}

static void question_free(struct question *q)
{
    sedge_strv_release(&q->names);
    free(q->component);
    free(q);
}

static void ask(struct question *q, const char *path, const char *body, sedge_fetch_done_cb done)
{
    sedge_auto_put struct json_object *o = json_object_new_object();

    sedge_json_add_str(o, "op", "api");
    sedge_json_add_str(o, "path", path);
    sedge_json_add_str(o, "text", body);
    if (q->attempts) sedge_json_add_i64(o, "attempts", q->attempts);
    (void)sedge_fetch_submit(q->f, o, NULL, done, q);
}

static struct sedge_plane_result result_of(const struct sedge_fetch_result *r)
{
    return (struct sedge_plane_result){.err = r->err,
                                       .stack = r->stack,
                                       .status = r->err ? sedge_json_i64(r->reply, "status", 0) : 0,
                                       .message = r->err ? sedge_json_str(r->reply, "answer", "") : "",
                                       .pause_ms = r->err ? sedge_json_i64(r->reply, "retryAfterMs", 0) : 0};
}

/* The answer as an object; NULL: *err says that it is none. */
static struct json_object *answer_of(const struct sedge_fetch_result *r, struct sedge_err *err)
{
    const char *text = sedge_json_str(r->reply, "text", "");

    return sedge_json_parse_object(text, strlen(text), "the answer of the data plane", err);
}

static void add_segment(struct sedge_buf *path, const char *text)
{
    sedge_buf_putc(path, '/');
    sedge_url_encode(path, text, false);
}

static const char *thing_of(const struct sedge_fetcher *f)
{
    return sedge_json_str(sedge_fetcher_plane(f), "thingName", "");
}

static void add_endpoint_type(const struct sedge_fetcher *f, struct sedge_buf *path)
{
    const char *type = sedge_json_str(sedge_fetcher_plane(f), "s3EndpointType", "GLOBAL");

    if (strcmp(type, "GLOBAL") != 0) sedge_buf_printf(path, "?s3EndpointType=%s", type);
}

/* ---- thing groups ---- */

static void groups_end(struct question *q, const struct sedge_plane_result *r)
{
    q->on_groups(&(struct sedge_plane_groups){.r = *r, .names = &q->names}, q->user);
    question_free(q);
}

static void groups_bad(struct question *q, const char *why)
{
    struct sedge_err err;

    (void)sedge_err_set(&err, SEDGE_E_UNAVAILABLE, "the data plane's list of thing groups cannot be used: %s", why);
    groups_end(q, &(struct sedge_plane_result){.err = &err, .message = ""});
}

static void add_group(struct sedge_strv *names, struct json_object *group)
{
    const char *name = sedge_json_str(group, "thingGroupName", "");

    if (*name && !sedge_strv_has(names, name)) sedge_strv_add(names, name);
}

static void add_groups(struct sedge_strv *names, struct json_object *list)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *group = json_object_array_get_idx(list, i);
        struct json_object *parents = sedge_json_arr(group, "rootToParentThingGroups");

        add_group(names, group);
        for (size_t k = 0; parents && k < json_object_array_length(parents); k++)
            add_group(names, json_object_array_get_idx(parents, k));
    }
}

static void groups_got(const struct sedge_fetch_result *r, void *user);

static void ask_groups(struct question *q, const char *next)
{
    struct sedge_buf path = SEDGE_BUF_INIT;

    sedge_buf_puts(&path, BASE "/coreDevices");
    add_segment(&path, thing_of(q->f));
    sedge_buf_puts(&path, "/thingGroups");
    if (next) {
        sedge_buf_puts(&path, "?nextToken=");
        sedge_url_encode(&path, next, false);
    }
    ask(q, path.data, NULL, groups_got);
    sedge_buf_release(&path);
}

static void groups_got(const struct sedge_fetch_result *r, void *user)
{
    struct question *q = user;
    struct sedge_plane_result result = result_of(r);
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_put struct json_object *answer = NULL;
    struct json_object *list;
    const char *next;

    if (r->err) {
        groups_end(q, &result);
        return;
    }
    answer = answer_of(r, &err);
    list = sedge_json_arr(answer, "thingGroups");
    if (!list) {
        groups_bad(q, answer ? "it has no thingGroups" : err.msg);
        return;
    }
    add_groups(&q->names, list);
    next = sedge_json_str(answer, "nextToken", "");
    if (!*next)
        groups_end(q, &result);
    else if (++q->page >= SEDGE_PLANE_PAGES_MAX)
        groups_bad(q, "it never ends");
    else
        ask_groups(q, next);
}

void sedge_plane_thing_groups(struct sedge_fetcher *f, int attempts, sedge_plane_groups_cb cb, void *user)
{
    struct question *q = question_new(f, attempts, user);

    q->on_groups = cb;
    ask_groups(q, NULL);
}

/* ---- component candidates ---- */

static void candidate_end(struct question *q, const struct sedge_plane_candidate *c)
{
    q->on_candidate(c, q->user);
    question_free(q);
}

static void candidate_bad(struct question *q, const char *why)
{
    struct sedge_err err;

    (void)sedge_err_set(&err, SEDGE_E_INVALID, "the data plane's answer about component %s cannot be used: %s",
                        q->component, why);
    candidate_end(q, &(struct sedge_plane_candidate){.r = {.err = &err, .message = ""}, .bad = true});
}

/* The one result; NULL and why. */
static struct json_object *only_result(struct question *q, struct json_object *answer, const char **why)
{
    struct json_object *list = sedge_json_arr(answer, "resolvedComponentVersions");
    struct json_object *one = list && json_object_array_length(list) == 1 ? json_object_array_get_idx(list, 0) : NULL;

    *why = NULL;
    if (!one)
        *why = "expected one resolved version";
    else if (strcmp(sedge_json_str(one, "componentName", ""), q->component) != 0)
        *why = "it is about another component";
    else if (!*sedge_json_str(one, "componentVersion", "") || !*sedge_json_str(one, "arn", "") ||
             !*sedge_json_str(one, "recipe", ""))
        *why = "componentVersion, arn or recipe is missing";
    return *why ? NULL : one;
}

static void candidate_got(const struct sedge_fetch_result *r, void *user)
{
    struct question *q = user;
    struct sedge_plane_candidate c = {.r = result_of(r)};
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_put struct json_object *answer = NULL;
    sedge_auto_buf struct sedge_buf recipe = SEDGE_BUF_INIT;
    struct json_object *one;
    const char *why = NULL, *text;

    if (r->err) {
        candidate_end(q, &c);
        return;
    }
    answer = answer_of(r, &err);
    one = answer ? only_result(q, answer, &why) : NULL;
    if (!one) {
        candidate_bad(q, answer ? why : err.msg);
        return;
    }
    text = sedge_json_str(one, "recipe", "");
    if (sedge_base64_decode(&recipe, text, strlen(text), &err) != 0 || !recipe.data ||
        !sedge_utf8_valid(recipe.data, recipe.len)) {
        candidate_bad(q, "its recipe is not base64 of UTF-8 text");
        return;
    }
    c.arn = sedge_json_str(one, "arn", NULL);
    c.version = sedge_json_str(one, "componentVersion", NULL);
    c.recipe = recipe.data;
    c.discontinued = strcmp(sedge_json_str(one, "vendorGuidance", ""), "DISCONTINUED") == 0;
    candidate_end(q, &c);
}

static struct json_object *candidates(const struct sedge_plane_question *in)
{
    struct json_object *body = json_object_new_object(), *list = json_object_new_array();
    struct json_object *candidate = json_object_new_object(), *platform = json_object_new_object();

    sedge_json_add_str(candidate, "componentName", in->component);
    sedge_json_add_str(candidate, "componentVersion", in->version);
    json_object_object_add(candidate, "versionRequirements", sedge_json_copy(in->requirements));
    json_object_array_add(list, candidate);
    sedge_json_add_str(platform, "name", sedge_json_str(in->platform, "os", "linux"));
    json_object_object_add(platform, "attributes", sedge_json_copy(in->platform));
    json_object_object_add(body, "componentCandidates", list);
    json_object_object_add(body, "platform", platform);
    return body;
}

void sedge_plane_resolve(struct sedge_fetcher *f, const struct sedge_plane_question *in, int attempts,
                         sedge_plane_candidate_cb cb, void *user)
{
    struct question *q = question_new(f, attempts, user);
    sedge_auto_put struct json_object *body = candidates(in);

    q->on_candidate = cb;
    q->component = sedge_xstrdup(in->component);
    ask(q, BASE "/resolveComponentCandidates", sedge_json_text(body), candidate_got);
}

/* ---- documents and artifacts ---- */

static void document_got(const struct sedge_fetch_result *r, void *user)
{
    struct question *q = user;
    struct sedge_plane_document d = {.r = result_of(r)};
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_put struct json_object *answer = r->err ? NULL : answer_of(r, &err);
    struct json_object *check = sedge_json_obj(answer, "integrityCheck");

    d.url = sedge_json_str(answer, "preSignedUrl", "");
    d.algorithm = sedge_json_str(check, "algorithm", "SHA-256");
    d.digest = sedge_json_str(check, "digest", "");
    if (!r->err && (!*d.url || !*d.digest)) { /* an empty answer is asked for again: cloud-protocol.md 8.4 */
        (void)sedge_err_set(&err, SEDGE_E_UNAVAILABLE,
                            "the data plane's answer has no preSignedUrl or no integrityCheck.digest");
        d.r.err = &err;
    }
    q->on_document(&d, q->user);
    question_free(q);
}

void sedge_plane_configuration(struct sedge_fetcher *f, const char *deployment_id, int attempts,
                               sedge_plane_document_cb cb, void *user)
{
    struct question *q = question_new(f, attempts, user);
    sedge_auto_free char *path = sedge_plane_configuration_path(f, deployment_id);

    q->on_document = cb;
    ask(q, path, NULL, document_got);
}

char *sedge_plane_artifact_path(const struct sedge_fetcher *f, const char *arn, const char *uri)
{
    struct sedge_buf path = SEDGE_BUF_INIT;

    sedge_buf_puts(&path, BASE "/components");
    add_segment(&path, arn);
    sedge_buf_puts(&path, "/artifacts");
    add_segment(&path, uri);
    add_endpoint_type(f, &path);
    return sedge_buf_steal(&path);
}

char *sedge_plane_configuration_path(const struct sedge_fetcher *f, const char *deployment_id)
{
    struct sedge_buf path = SEDGE_BUF_INIT;

    sedge_buf_puts(&path, BASE "/coreDevices");
    add_segment(&path, thing_of(f));
    sedge_buf_puts(&path, "/deployments");
    add_segment(&path, deployment_id);
    sedge_buf_puts(&path, "/configuration");
    add_endpoint_type(f, &path);
    return sedge_buf_steal(&path);
}
