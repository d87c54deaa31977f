#include "document.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/semver.h"
#include "base/str.h"
#include "cloud/cloud.h"
#include "cloud/rollout/policy.h"

#define VERSION_MAX 128
#define TIMEOUT_MAX 604800

struct policies {
    char *failure;
    struct json_object *update, *validation;
};

struct input {
    char *target_arn, *name, *client_token, *parent;
    struct json_object *components, *policies, *job, *rollout, *tags;
};

static const struct sedge_jfield input_fields[] = {
    {"targetArn", SEDGE_J_STR, false, 1, 1024, offsetof(struct input, target_arn)},
    {"deploymentName", SEDGE_J_STR, false, 1, 256, offsetof(struct input, name)},
    {"components", SEDGE_J_OBJ, false, 0, 0, offsetof(struct input, components)},
    {"deploymentPolicies", SEDGE_J_OBJ, false, 0, 0, offsetof(struct input, policies)},
    {"iotJobConfiguration", SEDGE_J_OBJ, false, 0, 0, offsetof(struct input, job)},
    {"rollout", SEDGE_J_OBJ, false, 0, 0, offsetof(struct input, rollout)},
    {"parentTargetArn", SEDGE_J_STR, false, 1, 1024, offsetof(struct input, parent)},
    {"clientToken", SEDGE_J_STR, false, 1, 64, offsetof(struct input, client_token)},
    {"tags", SEDGE_J_OBJ, false, 0, 0, offsetof(struct input, tags)},
};
static const struct sedge_jfield policy_fields[] = {
    {"failureHandlingPolicy", SEDGE_J_STR, false, 1, 32, offsetof(struct policies, failure)},
    {"componentUpdatePolicy", SEDGE_J_OBJ, false, 0, 0, offsetof(struct policies, update)},
    {"configurationValidationPolicy", SEDGE_J_OBJ, false, 0, 0, offsetof(struct policies, validation)},
};

struct component {
    char *version;
    struct json_object *update, *run_with;
};
static const struct sedge_jfield component_fields[] = {
    {"componentVersion", SEDGE_J_STR, true, 1, VERSION_MAX, offsetof(struct component, version)},
    {"configurationUpdate", SEDGE_J_OBJ, false, 0, 0, offsetof(struct component, update)},
    {"runWith", SEDGE_J_OBJ, false, 0, 0, offsetof(struct component, run_with)},
};

struct timing {
    char *action;
    int64_t timeout;
};
static const struct sedge_jfield timing_fields[] = {
    {"action", SEDGE_J_STR, false, 1, 32, offsetof(struct timing, action)},
    {"timeoutInSeconds", SEDGE_J_INT, false, 0, TIMEOUT_MAX, offsetof(struct timing, timeout)},
};

int sedge_doc_parse_target(const char *text, int *kind, char **name, struct sedge_err *err)
{
    static const struct {
        const char *prefix;
        int kind;
        bool anywhere;
    } forms[] = {
        {"group:", SEDGE_TARGET_GROUP, false},
        {"thing:", SEDGE_TARGET_THING, false},
        {":thinggroup/", SEDGE_TARGET_GROUP, true},
        {":thing/", SEDGE_TARGET_THING, true},
    };

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(forms); i++) {
        const char *at = strstr(text, forms[i].prefix);

        if (!at || (!forms[i].anywhere && at != text) || (forms[i].anywhere && !sedge_str_starts(text, "arn:")))
            continue;
        *kind = forms[i].kind;
        *name = sedge_xstrdup(at + strlen(forms[i].prefix));
        return sedge_cloud_check_name(forms[i].kind == SEDGE_TARGET_GROUP ? "group" : "thing", *name, err);
    }
    return sedge_err_set(err, SEDGE_E_INVALID,
                         "target \"%s\": expected group:NAME, thing:NAME or an ARN such as "
                         "arn:aws:iot:REGION:ACCOUNT:thinggroup/NAME",
                         text);
}

static int check_version(const char *where, const char *text, struct sedge_err *err)
{
    struct sedge_version v;

    if (sedge_version_parse(text, &v, NULL) == 0) return 0;
    return sedge_err_set(
        err, SEDGE_E_INVALID,
        "%s: \"%s\" is not a version: expected MAJOR.MINOR.PATCH such as 1.0.3 (a deployment names exact "
        "versions, not ranges)",
        where, text);
}

static struct json_object *parse_merge(struct json_object *merge, const char *where, struct sedge_err *err)
{
    const char *text;

    if (json_object_is_type(merge, json_type_object)) return json_object_get(merge);
    if (!sedge_json_is_str(merge)) {
        (void)sedge_err_set(err, SEDGE_E_INVALID,
                            "%s: expected an object as JSON text, such as \"{\\\"InferenceInterval\\\":\\\"5\\\"}\"",
                            where);
        return NULL;
    }
    text = json_object_get_string(merge);
    if (!text[0]) return json_object_new_object();
    return sedge_json_parse_object(text, strlen(text), where, err);
}

static int check_reset(struct json_object *reset, const char *where, struct sedge_err *err)
{
    size_t n = json_object_array_length(reset);

    for (size_t i = 0; i < n; i++) {
        struct json_object *v = json_object_array_get_idx(reset, i);
        const char *s = sedge_json_is_str(v) ? json_object_get_string(v) : NULL;

        if (!s || (s[0] && s[0] != '/'))
            return sedge_err_set(err, SEDGE_E_INVALID,
                                 "%s/%zu: expected a JSON pointer such as \"/InferenceInterval\" (\"\" is the whole "
                                 "configuration), got %s",
                                 where, i, sedge_json_text(v));
    }
    return 0;
}

static int parse_update(struct json_object *in, const char *where, struct json_object *out, struct sedge_err *err)
{
    struct json_object *merge = sedge_json_get(in, "merge"), *reset = sedge_json_get(in, "reset");
    struct json_object *update = json_object_new_object();
    sedge_auto_free char *at_merge = sedge_xasprintf("%s.merge", where);
    sedge_auto_free char *at_reset = sedge_xasprintf("%s.reset", where);

    (void)json_object_object_add(out, "configurationUpdate", update); /* takes update */
    json_object_object_foreach (in, key, value) {
        (void)value;
        if (strcmp(key, "merge") != 0 && strcmp(key, "reset") != 0)
            return sedge_err_set(err, SEDGE_E_INVALID, "%s.%s: unknown key; expected merge or reset", where, key);
    }
    if (reset) {
        if (!json_object_is_type(reset, json_type_array))
            return sedge_err_set(err, SEDGE_E_INVALID, "%s: expected a list of JSON pointers", at_reset);
        if (check_reset(reset, at_reset, err) != 0) return -1;
        (void)json_object_object_add(update, "reset", json_object_get(reset));
    }
    if (merge) {
        struct json_object *parsed = parse_merge(merge, at_merge, err);

        if (!parsed) return -1;
        (void)json_object_object_add(update, "merge", parsed);
    }
    return 0;
}

static int parse_component(const char *name, struct json_object *in, struct json_object *out, struct sedge_err *err)
{
    sedge_auto_free char *where = sedge_xasprintf("components.%s", name);
    sedge_auto_free char *at_version = sedge_xasprintf("%s.componentVersion", where);
    sedge_auto_free char *at_update = sedge_xasprintf("%s.configurationUpdate", where);
    struct json_object *c = json_object_new_object();
    struct component v = {0};
    int rc = -1;

    (void)json_object_object_add(out, name, c); /* takes c */
    if (!json_object_is_type(in, json_type_object))
        return sedge_err_set(err, SEDGE_E_INVALID, "%s: expected an object with componentVersion", where);
    if (sedge_cloud_check_name("component", name, err) == 0 &&
        sedge_json_decode(in, where, component_fields, SEDGE_ARRAY_LEN(component_fields), 0, &v, err) == 0 &&
        check_version(at_version, v.version, err) == 0) {
        sedge_json_add_str(c, "version", v.version);
        rc = v.update ? parse_update(v.update, at_update, c, err) : 0;
        if (v.run_with) (void)json_object_object_add(c, "runWith", json_object_get(v.run_with));
    }
    sedge_json_release_fields(component_fields, SEDGE_ARRAY_LEN(component_fields), &v);
    return rc;
}

static int parse_timing(struct json_object *in, const char *where, const char *action, int64_t timeout,
                        struct json_object *content, const char *key, struct sedge_err *err)
{
    struct json_object *o = json_object_new_object();
    struct timing t = {.timeout = timeout};
    int rc = 0;

    if (in) rc = sedge_json_decode(in, where, timing_fields, SEDGE_ARRAY_LEN(timing_fields), 0, &t, err);
    if (rc == 0 && t.action &&
        (!action || (strcmp(t.action, "NOTIFY_COMPONENTS") != 0 && strcmp(t.action, "SKIP_NOTIFY_COMPONENTS") != 0)))
        rc = sedge_err_set(err, SEDGE_E_INVALID, "%s.action: \"%s\" %s", where, t.action,
                           action ? "is neither NOTIFY_COMPONENTS nor SKIP_NOTIFY_COMPONENTS" : "is not expected here");
    sedge_json_add_i64(o, "timeout", t.timeout);
    if (action) sedge_json_add_str(o, "action", t.action ? t.action : action);
    (void)json_object_object_add(content, key, o); /* takes o */
    sedge_json_release_fields(timing_fields, SEDGE_ARRAY_LEN(timing_fields), &t);
    return rc;
}

static int parse_policies(struct json_object *in, struct json_object *content, struct sedge_err *err)
{
    struct policies p = {0};
    int rc =
        in ? sedge_json_decode(in, "deploymentPolicies", policy_fields, SEDGE_ARRAY_LEN(policy_fields), 0, &p, err) : 0;

    if (rc == 0 && p.failure && strcmp(p.failure, "ROLLBACK") != 0 && strcmp(p.failure, "DO_NOTHING") != 0)
        rc = sedge_err_set(err, SEDGE_E_INVALID,
                           "deploymentPolicies.failureHandlingPolicy: \"%s\" is neither ROLLBACK nor DO_NOTHING",
                           p.failure);
    if (rc == 0) {
        sedge_json_add_str(content, "failureHandlingPolicy", p.failure ? p.failure : "ROLLBACK");
        (void)json_object_object_add(content, "requiredCapabilities", json_object_new_array());
        rc = parse_timing(p.update, "deploymentPolicies.componentUpdatePolicy", "NOTIFY_COMPONENTS", 60, content,
                          "componentUpdatePolicy", err);
    }
    if (rc == 0)
        rc = parse_timing(p.validation, "deploymentPolicies.configurationValidationPolicy", NULL, 60, content,
                          "configurationValidationPolicy", err);
    sedge_json_release_fields(policy_fields, SEDGE_ARRAY_LEN(policy_fields), &p);
    return rc;
}

static int parse_rollout(struct input *in, struct sedge_doc *out, struct sedge_err *err)
{
    struct sedge_policy p;
    int rc = sedge_policy_decode(in->job, in->rollout, &p, err);

    out->in_progress_minutes = p.in_progress_minutes;
    out->job = sedge_steal(&in->job);
    out->rollout = sedge_steal(&in->rollout);
    sedge_policy_release(&p);
    return rc;
}

static int take_input(struct input *in, struct sedge_doc *out, struct sedge_err *err)
{
    struct json_object *components = json_object_new_object();

    (void)json_object_object_add(out->content, "components", components); /* takes components */
    if (in->target_arn && sedge_doc_parse_target(in->target_arn, &out->kind, &out->target, err) != 0)
        return sedge_err_wrap(err, "targetArn");
    if (in->parent)
        return sedge_err_set(err, SEDGE_E_UNSUPPORTED, "parentTargetArn: sub-deployments are not offered yet");
    if (in->components) {
        json_object_object_foreach (in->components, name, value) {
            if (parse_component(name, value, components, err) != 0) return -1;
        }
    }
    out->name = sedge_steal(&in->name);
    out->client_token = sedge_steal(&in->client_token);
    if (parse_policies(in->policies, out->content, err) != 0) return -1;
    return parse_rollout(in, out, err);
}

int sedge_doc_parse(const char *text, size_t n, const char *what, struct sedge_doc *out, struct sedge_err *err)
{
    sedge_auto_put struct json_object *o = NULL;
    struct input in = {0};
    int rc;

    *out = (struct sedge_doc){.kind = -1, .content = json_object_new_object()};
    o = sedge_json_parse_object(text, n, what, err);
    if (!o) return -1;
    rc = sedge_json_decode(o, what, input_fields, SEDGE_ARRAY_LEN(input_fields), 0, &in, err);
    if (rc == 0 && (rc = take_input(&in, out, err)) != 0) (void)sedge_err_wrap(err, "%s", what);
    sedge_json_release_fields(input_fields, SEDGE_ARRAY_LEN(input_fields), &in);
    return rc;
}

void sedge_doc_release(struct sedge_doc *d)
{
    free(d->target);
    free(d->name);
    free(d->client_token);
    json_object_put(d->content);
    json_object_put(d->job);
    json_object_put(d->rollout);
    *d = (struct sedge_doc){0};
}

struct json_object *sedge_doc_empty(void)
{
    struct json_object *o = json_object_new_object();

    (void)json_object_object_add(o, "components", json_object_new_object());
    (void)parse_policies(NULL, o, NULL); /* defaults cannot fail */
    return o;
}

static struct json_object *find(struct json_object *content, const char *name, struct sedge_err *err)
{
    struct json_object *c = sedge_json_obj(sedge_json_obj(content, "components"), name);

    if (!c)
        (void)sedge_err_set(err, SEDGE_E_NOT_FOUND,
                            "component \"%s\" is not in the deployment; add it with --set-component %s@VERSION", name,
                            name);
    return c;
}

int sedge_doc_set_component(struct json_object *content, const char *text, struct sedge_err *err)
{
    const char *at = strrchr(text, '@');
    sedge_auto_free char *name = NULL;
    struct json_object *all = sedge_json_obj(content, "components"), *c;

    if (!at || at == text || !at[1])
        return sedge_err_set(err, SEDGE_E_INVALID, "--set-component %s: expected NAME@VERSION", text);
    name = sedge_xstrndup(text, (size_t)(at - text));
    if (sedge_cloud_check_name("component", name, err) != 0 || check_version("--set-component", at + 1, err) != 0)
        return -1;
    c = sedge_json_obj(all, name);
    if (!c) {
        c = json_object_new_object();
        (void)json_object_object_add(all, name, c); /* takes c */
    }
    sedge_json_add_str(c, "version", at + 1);
    return 0;
}

int sedge_doc_rm_component(struct json_object *content, const char *name, struct sedge_err *err)
{
    if (!find(content, name, err)) return -1;
    json_object_object_del(sedge_json_obj(content, "components"), name);
    return 0;
}

/* Splits NAME=REST and lends the component's configurationUpdate, made when missing. */
static struct json_object *update_of(struct json_object *content, const char *text, const char *option,
                                     const char **rest, struct sedge_err *err)
{
    const char *eq = strchr(text, '=');
    sedge_auto_free char *name = NULL;
    struct json_object *c, *u;

    if (!eq || eq == text) {
        (void)sedge_err_set(err, SEDGE_E_INVALID, "%s %s: expected NAME=VALUE", option, text);
        return NULL;
    }
    *rest = eq + 1;
    name = sedge_xstrndup(text, (size_t)(eq - text));
    c = find(content, name, err);
    if (!c) return NULL;
    u = sedge_json_obj(c, "configurationUpdate");
    if (!u) {
        u = json_object_new_object();
        (void)json_object_object_add(c, "configurationUpdate", u); /* takes u */
    }
    return u;
}

/* Objects merge by key, everything else replaces. */
static void merge_into(struct json_object *to, struct json_object *from)
{
    json_object_object_foreach (from, key, value) {
        struct json_object *have = sedge_json_obj(to, key);

        if (have && json_object_is_type(value, json_type_object))
            merge_into(have, value);
        else
            (void)json_object_object_add(to, key, value ? sedge_json_copy(value) : NULL);
    }
}

int sedge_doc_merge(struct json_object *content, const char *text, struct sedge_err *err)
{
    sedge_auto_free char *what = NULL;
    sedge_auto_put struct json_object *parsed = NULL;
    struct json_object *u, *have;
    const char *json = NULL;

    u = update_of(content, text, "--merge", &json, err);
    if (!u) return -1;
    what = sedge_xasprintf("--merge %.*s", (int)(json - text - 1), text);
    parsed = sedge_json_parse_object(json, strlen(json), what, err);
    if (!parsed) return -1;
    have = sedge_json_obj(u, "merge");
    if (have)
        merge_into(have, parsed);
    else
        (void)json_object_object_add(u, "merge", json_object_get(parsed));
    return 0;
}

int sedge_doc_reset(struct json_object *content, const char *text, struct sedge_err *err)
{
    sedge_auto_put struct json_object *one = json_object_new_array();
    const char *pointer = NULL;
    struct json_object *u = update_of(content, text, "--reset", &pointer, err), *have;

    if (!u) return -1;
    (void)json_object_array_add(one, json_object_new_string(pointer));
    if (check_reset(one, "--reset", err) != 0) return -1;
    have = sedge_json_arr(u, "reset");
    if (!have) {
        (void)json_object_object_add(u, "reset", json_object_get(one));
        return 0;
    }
    (void)json_object_array_add(have, json_object_new_string(pointer));
    return 0;
}
