/* Documents going out: the device's form, the operator's form, hash and differences. */
#include <string.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "cloud/cloud.h"
#include "document.h"

void sedge_doc_device(struct json_object *content, const struct sedge_doc_ids *ids, struct sedge_buf *out)
{
    sedge_auto_put struct json_object *o = json_object_new_object();

    sedge_json_add_str(o, "deploymentId", ids->deployment_id);
    sedge_json_add_str(o, "schemaDate", "2021-05-17");
    sedge_json_add_str(o, "deploymentName", ids->name);
    sedge_json_add_str(o, "configurationArn", ids->arn);
    sedge_json_add_i64(o, "creationTimestamp", ids->creation_ms);
    json_object_object_foreach (content, key, value) {
        (void)json_object_object_add(o, key, json_object_get(value));
    }
    sedge_buf_puts(out, sedge_json_text(o));
}

static size_t escaped_length(const char *text)
{
    sedge_auto_put struct json_object *s = json_object_new_string(text);

    return strlen(sedge_json_text(s));
}

void sedge_doc_fit(struct json_object *content, const struct sedge_doc_ids *ids, int kind, struct sedge_buf *out,
                   struct sedge_buf *full)
{
    sedge_auto_put struct json_object *small = NULL;
    struct json_object *capabilities = json_object_new_array();

    sedge_doc_device(content, ids, out);
    if (kind == SEDGE_TARGET_GROUP ? out->len <= SEDGE_DOC_INLINE_MAX
                                   : escaped_length(out->data) <= SEDGE_DOC_SHADOW_MAX) {
        json_object_put(capabilities);
        return;
    }
    sedge_buf_puts(full, out->data);
    sedge_buf_clear(out);
    small = sedge_json_copy(content);
    json_object_object_del(small, "components");
    (void)json_object_array_add(capabilities, json_object_new_string("LARGE_CONFIGURATION"));
    (void)json_object_object_add(small, "requiredCapabilities", capabilities); /* takes capabilities */
    sedge_doc_device(small, ids, out);
}

static struct json_object *operator_component(struct json_object *c)
{
    struct json_object *o = json_object_new_object(), *u = sedge_json_obj(c, "configurationUpdate");
    struct json_object *merge = sedge_json_get(u, "merge"), *reset = sedge_json_get(u, "reset");
    struct json_object *run_with = sedge_json_get(c, "runWith");

    sedge_json_add_str(o, "componentVersion", sedge_json_str(c, "version", ""));
    if (u) {
        struct json_object *update = json_object_new_object();

        (void)json_object_object_add(o, "configurationUpdate", update); /* takes update */
        if (merge) sedge_json_add_str(update, "merge", sedge_json_text(merge));
        if (reset) (void)json_object_object_add(update, "reset", json_object_get(reset));
    }
    if (run_with) (void)json_object_object_add(o, "runWith", json_object_get(run_with));
    return o;
}

static struct json_object *operator_timing(struct json_object *t)
{
    struct json_object *o = json_object_new_object();

    sedge_json_add_i64(o, "timeoutInSeconds", sedge_json_i64(t, "timeout", 60));
    sedge_json_add_str(o, "action", sedge_json_str(t, "action", NULL));
    return o;
}

static struct json_object *operator_policies(struct json_object *content)
{
    struct json_object *o = json_object_new_object();

    sedge_json_add_str(o, "failureHandlingPolicy", sedge_json_str(content, "failureHandlingPolicy", "ROLLBACK"));
    (void)json_object_object_add(o, "componentUpdatePolicy",
                                 operator_timing(sedge_json_obj(content, "componentUpdatePolicy")));
    (void)json_object_object_add(o, "configurationValidationPolicy",
                                 operator_timing(sedge_json_obj(content, "configurationValidationPolicy")));
    return o;
}

/* iotJobConfiguration as it was given, with the time limit that was in force. */
static struct json_object *operator_job(struct json_object *policy)
{
    struct json_object *given = sedge_json_obj(policy, "iotJobConfiguration");
    struct json_object *job = given ? sedge_json_copy(given) : json_object_new_object();
    struct json_object *timeout = json_object_new_object();
    int64_t minutes = sedge_json_i64(policy, "inProgressTimeoutInMinutes", 0);

    (void)json_object_object_add(job, "timeoutConfig", timeout); /* takes timeout */
    if (minutes) sedge_json_add_i64(timeout, "inProgressTimeoutInMinutes", minutes);
    return job;
}

struct json_object *sedge_doc_operator(struct json_object *content, const char *target_arn, const char *name,
                                       struct json_object *policy)
{
    struct json_object *o = json_object_new_object(), *components = json_object_new_object();
    struct json_object *all = sedge_json_obj(content, "components"), *rollout = sedge_json_obj(policy, "rollout");

    sedge_json_add_str(o, "targetArn", target_arn);
    sedge_json_add_str(o, "deploymentName", name);
    (void)json_object_object_add(o, "components", components); /* takes components, and so on */
    if (all) {
        json_object_object_foreach (all, component, c) {
            (void)json_object_object_add(components, component, operator_component(c));
        }
    }
    (void)json_object_object_add(o, "deploymentPolicies", operator_policies(content));
    (void)json_object_object_add(o, "iotJobConfiguration", operator_job(policy));
    if (rollout) (void)json_object_object_add(o, "rollout", json_object_get(rollout));
    return o;
}

struct json_object *sedge_doc_content(const char *device_doc, struct sedge_err *err)
{
    static const char *const own[] = {"deploymentId", "schemaDate", "deploymentName", "configurationArn",
                                      "creationTimestamp"};
    struct json_object *o = sedge_json_parse_object(device_doc, strlen(device_doc), "stored document", err);

    for (size_t i = 0; o && i < SEDGE_ARRAY_LEN(own); i++)
        json_object_object_del(o, own[i]);
    return o;
}

void sedge_doc_hash(struct json_object *content, struct sedge_buf *hex)
{
    sedge_auto_free char *text = sedge_json_text_sorted(content);

    sedge_sha256_hex(text, strlen(text), hex);
}

static void diff_member(const char *name, const char *what, struct json_object *a, struct json_object *b,
                        struct sedge_buf *out)
{
    sedge_auto_free char *ta = a ? sedge_json_text_sorted(a) : NULL;
    sedge_auto_free char *tb = b ? sedge_json_text_sorted(b) : NULL;

    if (sedge_str_eq(ta, tb)) return;
    sedge_buf_printf(out, "~ %s %s: %s -> %s\n", name, what, ta ? ta : "(none)", tb ? tb : "(none)");
}

static void diff_component(const char *name, struct json_object *a, struct json_object *b, struct sedge_buf *out)
{
    const char *va = sedge_json_str(a, "version", ""), *vb = sedge_json_str(b, "version", "");
    struct json_object *ua = sedge_json_obj(a, "configurationUpdate"), *ub = sedge_json_obj(b, "configurationUpdate");

    if (!a) sedge_buf_printf(out, "+ %s@%s\n", name, vb);
    if (!b) sedge_buf_printf(out, "- %s@%s\n", name, va);
    if (!b) return;
    if (a && strcmp(va, vb) != 0) sedge_buf_printf(out, "~ %s version: %s -> %s\n", name, va, vb);
    diff_member(name, "merge", sedge_json_get(ua, "merge"), sedge_json_get(ub, "merge"), out);
    diff_member(name, "reset", sedge_json_get(ua, "reset"), sedge_json_get(ub, "reset"), out);
    diff_member(name, "runWith", sedge_json_get(a, "runWith"), sedge_json_get(b, "runWith"), out);
}

void sedge_doc_diff(struct json_object *old, struct json_object *now, struct sedge_buf *out)
{
    struct json_object *ca = sedge_json_obj(old, "components"), *cb = sedge_json_obj(now, "components");

    json_object_object_foreach (cb, name, c) {
        diff_component(name, sedge_json_obj(ca, name), c, out);
    }
    if (ca) {
        json_object_object_foreach (ca, gone, was) {
            if (!sedge_json_obj(cb, gone)) diff_component(gone, was, NULL, out);
        }
    }
    if (!old) return;
    json_object_object_foreach (now, key, value) {
        if (strcmp(key, "components") != 0) diff_member("deployment", key, sedge_json_get(old, key), value, out);
    }
}
