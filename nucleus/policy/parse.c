#include "parse.h"

#include "base/json_scan.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct reader {
    const char *component;
    sedge_policy_warn_cb warn;
    void *user;
    struct sedge_rules *out;
};

static void warn(const struct reader *r, const char *id, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void warn(const struct reader *r, const char *id, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    if (!r->warn) return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    r->warn(r->component, id, text, r->user);
}

static void release_rule(struct sedge_rule *rule)
{
    free(rule->service);
    sedge_strv_release(&rule->operations);
    for (size_t i = 0; i < rule->npatterns; i++)
        sedge_match_release(&rule->patterns[i]);
    free(rule->patterns);
}

void sedge_rules_free(struct sedge_rule *rules, size_t n)
{
    for (size_t i = 0; i < n; i++)
        release_rule(&rules[i]);
    free(rules);
}

/* The members of a policy, checked. NULL: absent. */
struct members {
    struct json_object *operations;
    struct json_object *resources;
};

static bool is_text_list(struct json_object *v)
{
    if (!json_object_is_type(v, json_type_array)) return false;
    for (size_t i = 0; i < json_object_array_length(v); i++)
        if (!sedge_json_is_str(json_object_array_get_idx(v, i))) return false;
    return true;
}

static int read_members(const struct reader *r, const char *id, struct json_object *policy, struct members *m)
{
    *m = (struct members){NULL, NULL};
    if (!json_object_is_type(policy, json_type_object)) {
        warn(r, id, "policy left out: expected an object, got %s", json_type_to_name(json_object_get_type(policy)));
        return -1;
    }
    json_object_object_foreach (policy, key, v) {
        bool good = is_text_list(v);

        if (strcasecmp(key, "operations") == 0) {
            m->operations = v;
        } else if (strcasecmp(key, "resources") == 0) {
            m->resources = v;
        } else if (strcasecmp(key, "policyDescription") == 0) {
            good = sedge_json_is_str(v);
        } else {
            warn(r, id, "policy left out: unknown member \"%s\"; expected policyDescription, operations, resources",
                 key);
            return -1;
        }
        if (!good) {
            warn(r, id, "policy left out: %s must be %s", key,
                 strcasecmp(key, "policyDescription") == 0 ? "a text" : "a list of texts");
            return -1;
        }
    }
    return 0;
}

static void add_patterns(const struct reader *r, const char *id, struct json_object *resources, struct sedge_rule *rule)
{
    size_t n = resources ? json_object_array_length(resources) : 0;

    if (n == 0) warn(r, id, "resources is missing or empty: the policy permits nothing");
    if (n > SEDGE_POLICY_RESOURCES_MAX) {
        warn(r, id, "%zu resources; those after the first %d are left out", n, SEDGE_POLICY_RESOURCES_MAX);
        n = SEDGE_POLICY_RESOURCES_MAX;
    }
    rule->patterns = sedge_xcalloc(n, sizeof *rule->patterns);
    for (size_t i = 0; i < n; i++) {
        const char *text = json_object_get_string(json_object_array_get_idx(resources, i));
        struct sedge_err err;

        if (sedge_match_compile(text, &rule->patterns[rule->npatterns], &err) == 0)
            rule->npatterns++;
        else
            warn(r, id, "resource left out: %s", err.msg);
    }
}

static void read_policy(const struct reader *r, const char *service, const char *id, struct json_object *policy)
{
    struct sedge_rule rule = {.service = NULL};
    struct members m;

    if (id[0] == '_') return; /* private keys of the configuration are not seen */
    if (!id[0]) {
        warn(r, id, "a policy of service %s is left out: its id is empty", service);
        return;
    }
    if (read_members(r, id, policy, &m) != 0) return;
    if (!m.operations || json_object_array_length(m.operations) == 0) {
        warn(r, id, "policy left out: operations is missing or empty");
        return;
    }
    if (r->out->n >= SEDGE_POLICY_COUNT_MAX) {
        warn(r, id, "policy left out: more than %d policies", SEDGE_POLICY_COUNT_MAX);
        return;
    }
    rule.service = sedge_xstrdup(service);
    for (size_t i = 0; i < json_object_array_length(m.operations); i++) {
        const char *operation = json_object_get_string(json_object_array_get_idx(m.operations, i));

        if (!sedge_policy_knows(service, operation))
            warn(r, id, "service %s has no operation \"%s\"", service, operation);
        else if (!sedge_strv_has(&rule.operations, operation))
            sedge_strv_add(&rule.operations, operation);
    }
    add_patterns(r, id, m.resources, &rule);
    r->out->v = sedge_xrealloc(r->out->v, r->out->n + 1, sizeof *r->out->v);
    r->out->v[r->out->n++] = rule;
}

static void read_services(const struct reader *r, struct json_object *access_control)
{
    json_object_object_foreach (access_control, service, policies) {
        if (service[0] == '_') continue;
        if (!sedge_policy_knows(service, "*")) {
            warn(r, "", "accessControl of service \"%s\" is left out: there is no such service", service);
            continue;
        }
        if (!json_object_is_type(policies, json_type_object)) {
            warn(r, "", "accessControl of service \"%s\" is left out: expected an object of policies", service);
            continue;
        }
        json_object_object_foreach (policies, id, policy) {
            read_policy(r, service, id, policy);
        }
    }
}

/* accessControl given as text. New reference; NULL after a warning. */
static struct json_object *from_text(const struct reader *r, struct json_object *text)
{
    const char *s = json_object_get_string(text);
    size_t n = (size_t)json_object_get_string_len(text);
    struct json_object *v = NULL;
    struct sedge_err err = SEDGE_ERR_INIT;

    if (n > SEDGE_POLICY_TEXT_MAX) {
        warn(r, "", "accessControl is left out: a text of %zu bytes; at most %u are allowed", n, SEDGE_POLICY_TEXT_MAX);
        return NULL;
    }
    if (sedge_json_scan(s, n, "accessControl", &err) == 0) v = sedge_json_parse_object(s, n, "accessControl", &err);
    if (!v) warn(r, "", "accessControl is left out: %s", err.msg);
    return v;
}

void sedge_rules_parse(const char *component, struct json_object *access_control, sedge_policy_warn_cb warn_cb,
                       void *user, struct sedge_rules *out)
{
    const struct reader r = {component, warn_cb, user, out};
    sedge_auto_put struct json_object *parsed = NULL;

    if (!access_control) return;
    if (json_object_is_type(access_control, json_type_string)) {
        parsed = from_text(&r, access_control);
        if (parsed) read_services(&r, parsed);
        return;
    }
    if (json_object_is_type(access_control, json_type_object))
        read_services(&r, access_control);
    else
        warn(&r, "", "accessControl is left out: expected an object, got %s",
             json_type_to_name(json_object_get_type(access_control)));
}
