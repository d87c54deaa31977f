/*
 * accessControl: what the nucleus would leave out of it, and what permits something else than the author thinks.
 */
#include "check_parts.h"

#include "base/json_scan.h"
#include "base/mem.h"
#include "ipc_model/operations.h"

#include <string.h>
#include <strings.h>

#define PUBSUB SEDGE_SERVICE_PUBSUB

/* --- operations --------------------------------------------------------------------------------------------------- */

static bool one_of(const char *const *list, size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], word) == 0) return true;
    return false;
}

/* The service that has an operation, NULL for none. */
static const char *service_with(const char *operation)
{
    size_t n;
    const char *const *services = sedge_services(&n);

    for (size_t i = 0; i < n; i++)
        if (sedge_service_has(services[i], operation)) return services[i];
    return NULL;
}

/* The operation of the service that was probably meant: "PublishToTopic" for "aws.greengrass#PublishToTopic". */
static const char *nearest_operation(const char *service, const char *word)
{
    const char *names[SEDGE_SERVICE_OPERATIONS_MAX];
    size_t n = sedge_service_operations(service, names);

    for (size_t i = 0; i < n; i++) {
        const char *plain = strchr(names[i], '#');

        if (strcasecmp(names[i], word) == 0 || (plain && strcasecmp(plain + 1, word) == 0)) return names[i];
    }
    return sedge_str_nearest(word, names, n);
}

static void check_operation(struct check *c, const struct at *at, const char *service, struct json_object *v)
{
    const char *word = sedge_json_is_str(v) ? json_object_get_string(v) : NULL;
    struct about about = {.at = at, .text = word};
    const char *other;

    if (!word || strcmp(word, "*") == 0 || sedge_service_has(service, word)) return;
    other = service_with(word);
    if (other) {
        sedge_check_found(c, RULE_ACCESS_OPERATION, &about, "permits nothing here: %s is an operation of %s", word,
                          other);
        return;
    }
    about.suggestion = nearest_operation(service, word);
    sedge_check_found(c, RULE_ACCESS_OPERATION, &about, "%s has no such operation", service);
}

/* --- resources ---------------------------------------------------------------------------------------------------- */

/* Why a pattern is refused; NULL for a good one. */
static const char *bad_pattern(const char *text)
{
    if (!text[strspn(text, " \t\r\n")]) return "is empty";
    for (const char *p = text; *p; p++) {
        if (*p == '?') return "\"?\" is no wildcard: write ${?} for the character, or \"*\"";
        if (*p != '$' || p[1] != '{') continue;
        if (!p[2] || !strchr("*$?", p[2]) || p[3] != '}') return "after \"${\" only ${*}, ${$} and ${?} are possible";
        p += 3;
    }
    return NULL;
}

/* Trap 10: "+" or "#" as a whole level. */
static bool has_mqtt_wildcard(const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p != '+' && *p != '#') continue;
        if ((p == text || p[-1] == '/') && (!p[1] || p[1] == '/')) return true;
    }
    return false;
}

static void check_resource(struct check *c, const struct at *at, const char *service, struct json_object *v)
{
    const char *text = sedge_json_is_str(v) ? json_object_get_string(v) : NULL;
    const char *why = text ? bad_pattern(text) : NULL;
    const struct about about = {.at = at, .text = text};

    if (why)
        sedge_check_found(c, RULE_ACCESS_RESOURCE, &about, "this resource is left out: %s", why);
    else if (text && strcmp(service, PUBSUB) == 0 && has_mqtt_wildcard(text))
        sedge_check_found(
            c, RULE_ACCESS_RESOURCE, &about,
            "\"+\" and \"#\" are ordinary characters in policies of pubsub: this covers subscribing to exactly "
            "\"%.100s\"; use \"*\" for any run of characters",
            text);
}

/* --- policies ----------------------------------------------------------------------------------------------------- */

static bool is_text_list(struct json_object *v)
{
    if (!json_object_is_type(v, json_type_array)) return false;
    for (size_t i = 0; i < json_object_array_length(v); i++)
        if (!sedge_json_is_str(json_object_array_get_idx(v, i))) return false;
    return true;
}

/* One member of a policy. */
static void check_member(struct check *c, const struct at *at, const char *service, struct json_object *v)
{
    const struct sedge_key *key = sedge_key_find(SEDGE_KEYS_POLICY, at->key);
    bool list = key && key->type == SEDGE_KEY_TEXTS;
    struct about about = {.at = at, .key = !key, .text = at->key};

    if (!key) {
        about.suggestion = sedge_key_nearest(SEDGE_KEYS_POLICY, at->key);
        sedge_check_found(
            c, RULE_ACCESS_FORM, &about,
            "unknown key of a policy: the policy is left out (Greengrass drops all policies of the component)");
        return;
    }
    if (list ? !is_text_list(v) : !sedge_json_is_str(v)) {
        sedge_check_found(
            c, RULE_ACCESS_FORM, &about,
            "expected %s, got %s: the policy is left out (Greengrass drops all policies of the component)",
            sedge_key_expected(key),
            json_object_is_type(v, json_type_array) ? "a list with something else in it" : sedge_check_type_name(v));
        return;
    }
    for (size_t i = 0; list && i < json_object_array_length(v) && !c->full; i++) {
        if (strcmp(key->name, "operations") == 0)
            check_operation(c, AT_INDEX(at, i), service, json_object_array_get_idx(v, i));
        else
            check_resource(c, AT_INDEX(at, i), service, json_object_array_get_idx(v, i));
    }
}

static void check_filled(struct check *c, const struct at *at, struct json_object *policy, const char *name,
                         const char *then)
{
    const char *stored = NULL;
    struct json_object *v = sedge_json_get_nocase(policy, name, &stored);

    if (stored && (!json_object_is_type(v, json_type_array) || json_object_array_length(v) > 0)) return;
    sedge_check_found(c, RULE_ACCESS_FORM, &(struct about){.at = stored ? AT(at, stored) : at, .key = true},
                      "%s is %s: %s", name, stored ? "empty" : "missing", then);
}

static void check_policy(struct check *c, const struct at *at, const char *service, struct json_object *policy)
{
    if (at->key[0] == '_') return; /* private keys of the configuration are not seen */
    if (!json_object_is_type(policy, json_type_object)) {
        sedge_check_found(c, RULE_ACCESS_FORM, &(struct about){.at = at},
                          "expected a policy (an object), got %s: it is left out (Greengrass drops all policies of the "
                          "component)",
                          sedge_check_type_name(policy));
        return;
    }
    json_object_object_foreach (policy, name, v) {
        check_member(c, AT(at, name), service, v);
    }
    check_filled(c, at, policy, "operations", "the policy is left out");
    check_filled(c, at, policy, "resources", "the policy permits nothing");
}

static void check_service(struct check *c, const struct at *at, struct json_object *policies)
{
    struct about about = {.at = at, .key = true, .text = at->key};
    size_t n;
    const char *const *names = sedge_services(&n);

    if (at->key[0] == '_') return;
    if (!one_of(names, n, at->key)) {
        about.suggestion = sedge_str_nearest(at->key, names, n);
        sedge_check_found(c, RULE_ACCESS_SERVICE, &about, "no service of this name: its policies are left out");
        return;
    }
    if (!json_object_is_type(policies, json_type_object)) {
        sedge_check_found(c, RULE_ACCESS_FORM, &(struct about){.at = at}, "expected an object of policies, got %s",
                          sedge_check_type_name(policies));
        return;
    }
    json_object_object_foreach (policies, id, policy) {
        if (!c->full) check_policy(c, AT(at, id), at->key, policy);
    }
}

static void check_object(struct check *c, const struct at *at, struct json_object *v)
{
    json_object_object_foreach (v, service, policies) {
        check_service(c, AT(at, service), policies);
    }
}

/* A text that holds JSON: places below it are that of the text. */
static void check_text(struct check *c, const struct at *at, const char *text, size_t n)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_put struct json_object *v = NULL;

    if (sedge_json_scan(text, n, "accessControl", &err) == 0)
        v = sedge_json_parse_object(text, n, "accessControl", &err);
    if (v)
        check_object(c, at, v);
    else
        sedge_check_found(c, RULE_ACCESS_FORM, &(struct about){.at = at, .text = text}, "is left out: %s", err.msg);
}

void sedge_check_access(struct check *c, const struct at *configuration)
{
    const char *key = NULL;
    struct json_object *v = c->defaults ? sedge_json_get_nocase(c->defaults, "accessControl", &key) : NULL;
    const struct at at = {configuration, key, 0};

    if (!v) return;
    if (json_object_is_type(v, json_type_object))
        check_object(c, &at, v);
    else if (sedge_json_is_str(v))
        check_text(c, &at, json_object_get_string(v), (size_t)json_object_get_string_len(v));
    else
        sedge_check_found(c, RULE_ACCESS_FORM, &(struct about){.at = &at}, "is left out: expected an object, got %s",
                          sedge_check_type_name(v));
}
