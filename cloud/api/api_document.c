/* The device's form of a deployment back into the operator's. */
#include "api_internal.h"
#include "base/json.h"

static void add_update(struct json_object *out, struct json_object *update)
{
    struct json_object *o = json_object_new_object();
    struct json_object *merge = sedge_json_get(update, "merge"), *reset = sedge_json_get(update, "reset");

    (void)json_object_object_add(out, "configurationUpdate", o); /* takes o */
    if (merge) sedge_json_add_str(o, "merge", sedge_json_text(merge));
    if (reset) (void)json_object_object_add(o, "reset", json_object_get(reset));
}

static void add_components(struct json_object *out, struct json_object *components)
{
    struct json_object *all = json_object_new_object();

    (void)json_object_object_add(out, "components", all); /* takes all */
    json_object_object_foreach (components, name, c) {
        struct json_object *o = json_object_new_object();
        struct json_object *update = sedge_json_obj(c, "configurationUpdate"), *run = sedge_json_obj(c, "runWith");

        (void)json_object_object_add(all, name, o); /* takes o */
        sedge_json_add_str(o, "componentVersion", sedge_json_str(c, "version", ""));
        if (update) add_update(o, update);
        if (run) (void)json_object_object_add(o, "runWith", json_object_get(run));
    }
}

static void add_timing(struct json_object *policies, struct json_object *content, const char *key)
{
    struct json_object *in = sedge_json_obj(content, key), *o;

    if (!in) return;
    o = json_object_new_object();
    (void)json_object_object_add(policies, key, o); /* takes o */
    sedge_json_add_i64(o, "timeoutInSeconds", sedge_json_i64(in, "timeout", 0));
    sedge_json_add_str(o, "action", sedge_json_str(in, "action", NULL));
}

void sedge_api_add_content(struct json_object *o, struct json_object *content)
{
    struct json_object *policies = json_object_new_object();

    add_components(o, sedge_json_obj(content, "components"));
    (void)json_object_object_add(o, "deploymentPolicies", policies); /* takes policies */
    sedge_json_add_str(policies, "failureHandlingPolicy", sedge_json_str(content, "failureHandlingPolicy", NULL));
    add_timing(policies, content, "componentUpdatePolicy");
    add_timing(policies, content, "configurationValidationPolicy");
}
