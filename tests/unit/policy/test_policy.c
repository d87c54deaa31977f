#include "../test.h"

#include "base/mem.h"
#include "base/str.h"
#include "policy/policy.h"

#define PUB      "aws.greengrass#PublishToTopic"
#define SUB      "aws.greengrass#SubscribeToTopic"
#define CORE_PUB "aws.greengrass#PublishToIoTCore"
#define CORE_SUB "aws.greengrass#SubscribeToIoTCore"

static void patterns_match_as_the_reference_does(void **st)
{
    static const struct {
        const char *pattern;
        const char *resource;
        bool standard, mqtt;
    } rows[] = {
        {"*", "", true, true},
        {"*", "a/b/c", true, true},
        {"*", "*", true, true},
        {"abc", "abc", true, true},
        {"abc", "abcd", false, false},
        {"abc", "ABC", false, false},
        {"abc*", "abc", true, true},
        {"abc*", "abc/d/e", true, true},
        {"abc*", "xabc", false, false},
        {"*abc", "xyzabc", true, true},
        {"*abc", "abcx", false, false},
        {"a*c", "a/b/c", true, true},
        {"a*b*c", "a1b2c", true, true},
        {"a*b*c", "a1c2b", false, false},
        {"a/*/c", "a/b/d/c", true, true},
        {"a/*/c", "a//c", true, true},
        {"a/*/c", "a/c", false, false},
        {"a/${*}/c", "a/*/c", true, true},
        {"a/${*}/c", "a/b/c", false, false},
        {"a${?}b", "a?b", true, true},
        {"a${$}b", "a$b", true, true},
        {"a${$}b", "a${$}b", false, false},
        {"$aws/things/x/shadow", "$aws/things/x/shadow", true, true},
        {"$aws/things/x/shadow", "$aws/things/x/shadow/get", false, false},
        {"#", "a/b/c", false, true},
        {"#", "#", true, true},
        {"+", "a", false, true},
        {"+", "a/b", false, false},
        {"+", "+", true, true},
        {"a/#", "a", false, true},
        {"a/#", "a/", false, true},
        {"a/#", "a/b/c", false, true},
        {"a/#", "ab", false, false},
        {"a/#", "a/#", true, true},
        {"a/#", "a/+", false, true},
        {"a/+", "a/b", false, true},
        {"a/+", "a/", false, true},
        {"a/+", "a", false, false},
        {"a/+", "a/b/c", false, false},
        {"a/+", "a/#", false, false}, /* the reference says yes in MQTT style: closed on purpose */
        {"a/+", "a/+", true, true},
        {"+/b", "a/b", false, true},
        {"+/b", "+/b", true, true},
        {"+/b", "a/c/b", false, false},
        {"a/+/c", "a//c", false, true},
        {"a/+/c", "a/b/d/c", false, false},
        {"a/+/#", "a/b", false, true},
        {"a/+/#", "a", false, false},
        {"a/+/#", "a/#", false, false},
        {"a/b+", "a/b+", true, true},
        {"a/b+", "a/bc", false, false},
        {"a#", "a/b", false, false},
        {"a/#/c", "a/#/c", true, true},
        {"a/#/c", "a/b/c", false, false},
        {"*/#", "x", false, true},
        {"a/*/#", "a/b/c", false, true},
        {"*", "#", true, true},
        {"a/*", "a/#", true, true},
        {"hbs/*", "hbs/a/b", true, true},
        {"hbs/+", "hbs/a", false, true},
        {"hbs/+", "hbs/+", true, true},
        {"hbs/+", "hbs/a/b", false, false},
        {"hbs/#", "hbs", false, true},
        {"+", "#", false, false},
        {"*/+", "a/b/#", false, false},
        {"*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false, false},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        if (sedge_policy_match(rows[i].pattern, rows[i].resource, SEDGE_MATCH_STANDARD) != rows[i].standard)
            fail_msg("standard: %s on %s", rows[i].pattern, rows[i].resource);
        if (sedge_policy_match(rows[i].pattern, rows[i].resource, SEDGE_MATCH_MQTT) != rows[i].mqtt)
            fail_msg("MQTT: %s on %s", rows[i].pattern, rows[i].resource);
    }
}

static void bad_patterns_are_refused(void **st)
{
    static const struct {
        const char *pattern;
        bool good;
    } rows[] = {{"a", true},    {"$", true},   {"$aws", true},  {"a$b", true},   {"$$", true},    {"${*}", true},
                {"", false},    {"  ", false}, {"a?b", false},  {"?", false},    {"${x}", false}, {"${*bc}", false},
                {"${*", false}, {"${", false}, {"a${}", false}, {"${?}?", false}};
    char longer[SEDGE_POLICY_PATTERN_MAX + 2];

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_err err = SEDGE_ERR_INIT;
        int rc = sedge_policy_pattern_check(rows[i].pattern, &err);

        if (rc != (rows[i].good ? 0 : -1)) fail_msg("\"%s\": %s", rows[i].pattern, err.msg);
        if (rc != 0) assert_false(sedge_policy_match(rows[i].pattern, rows[i].pattern, SEDGE_MATCH_STANDARD));
    }
    memset(longer, 'a', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(sedge_policy_pattern_check(longer, NULL), -1);
}

struct warnings {
    struct sedge_strv ids;
    struct sedge_strv texts;
};

static void note(const char *component, const char *policy_id, const char *why, void *user)
{
    struct warnings *w = user;

    assert_string_equal(component, "com.x.A");
    sedge_strv_add(&w->ids, policy_id);
    sedge_strv_add(&w->texts, why);
}

static void set(struct sedge_policy *p, const char *component, const char *json, struct warnings *w)
{
    sedge_auto_put struct json_object *v = json_tokener_parse(json);

    assert_non_null(v);
    sedge_policy_set_component(p, component, v, w ? note : NULL, w);
}

static bool may(struct sedge_policy *p, const char *service, const char *principal, const char *operation,
                const char *resource)
{
    return sedge_policy_check(p, service, principal, operation, resource, sedge_policy_style(service), NULL) == 0;
}

static const char access_control[] =
    "{\"aws.greengrass.ipc.pubsub\":{"
    "\"p1\":{\"policyDescription\":\"d\",\"operations\":[\"aws.greengrass#SubscribeToTopic\"],\"resources\":[\"sensors/"
    "*\",\"alarm\"]},"
    "\"p2\":{\"Operations\":[\"*\"],\"RESOURCES\":[\"private/A/*\"]}},"
    "\"aws.greengrass.ipc.mqttproxy\":{\"p1\":{\"operations\":[\"aws.greengrass#PublishToIoTCore\"],\"resources\":[\"t/"
    "+\"]}},"
    "\"aws.greengrass.ipc.lifecycle\":{\"p\":{\"operations\":[\"aws.greengrass#PauseComponent\"],\"resources\":[]}},"
    "\"aws.greengrass.Cli\":{\"p\":{\"operations\":[\"aws.greengrass#ListComponents\",\"aws.greengrass#"
    "CancelLocalDeployment\"],"
    "\"resources\":[\"*\"]}}}";

static void policies_grant_to_the_component_that_holds_them(void **st)
{
    struct sedge_policy *p = sedge_policy_new();
    static const struct {
        const char *service;
        const char *principal;
        const char *operation;
        const char *resource;
        bool allowed;
    } rows[] = {
        {SEDGE_SERVICE_PUBSUB, "com.x.A", SUB, "sensors/1", true},
        {SEDGE_SERVICE_PUBSUB, "com.x.A", SUB, "alarm", true},
        {SEDGE_SERVICE_PUBSUB, "com.x.A", SUB, "alarm/1", false},
        {SEDGE_SERVICE_PUBSUB, "com.x.A", PUB, "alarm", false},
        {SEDGE_SERVICE_PUBSUB, "com.x.A", PUB, "private/A/x", true},
        {SEDGE_SERVICE_PUBSUB, "com.x.B", SUB, "alarm", false},
        {SEDGE_SERVICE_PUBSUB, "com.x.A", CORE_PUB, "t/a", false},
        {SEDGE_SERVICE_MQTTPROXY, "com.x.A", CORE_PUB, "t/a", true},
        {SEDGE_SERVICE_MQTTPROXY, "com.x.A", CORE_SUB, "t/a", false},
        {SEDGE_SERVICE_LIFECYCLE, "com.x.A", "aws.greengrass#PauseComponent", "x", false},
        {SEDGE_SERVICE_LIFECYCLE, "com.x.A", "aws.greengrass#PauseComponent", NULL, true},
        {SEDGE_SERVICE_CLI, "com.x.A", "aws.greengrass#ListComponents", "*", true},
        {SEDGE_SERVICE_CLI, "com.x.A", "aws.greengrass#CancelLocalDeployment", "*", true},
        {SEDGE_SERVICE_CLI, "com.x.A", "aws.greengrass#StopComponent", "*", false},
        {SEDGE_SERVICE_CLI, "greengrass-cli#user-1000", "aws.greengrass#StopComponent", "x", true},
        {SEDGE_SERVICE_CLI, "aws.greengrass.Cli", "aws.greengrass#StopComponent", "x", true},
        {SEDGE_SERVICE_CLI, "greengrass-cli", "aws.greengrass#StopComponent", "x", false},
        {SEDGE_SERVICE_PUBSUB, "greengrass-cli#user-1000", PUB, "x", false},
        {SEDGE_SERVICE_PUBSUB, "greengrass-cli#user-7", PUB, "x", true},
        {SEDGE_SERVICE_SHADOW, "aws.greengrass.ShadowManager", "aws.greengrass#GetThingShadow", "x", true},
        {SEDGE_SERVICE_SHADOW, "com.x.A", "aws.greengrass#GetThingShadow", "x", false},
        {SEDGE_SERVICE_METRIC, "aws.greengrass.StreamManager", "aws.greengrass#PutComponentMetric", "x", true},
        {SEDGE_SERVICE_METRIC, "aws.x", "aws.greengrass#PutComponentMetric", "x", false},
        {SEDGE_SERVICE_TES, "com.x.Any", "getCredentials", NULL, true},
    };

    (void)st;
    set(p, "com.x.A", access_control, NULL);
    sedge_policy_allow_all(p, "greengrass-cli#user-7", SEDGE_SERVICE_PUBSUB);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++)
        if (may(p, rows[i].service, rows[i].principal, rows[i].operation, rows[i].resource) != rows[i].allowed)
            fail_msg("row %zu: %s %s %s %s", i, rows[i].service, rows[i].principal, rows[i].operation,
                     rows[i].resource);
    sedge_policy_free(p);
}

static void a_refusal_says_what_the_caller_is_to_see(void **st)
{
    struct sedge_policy *p = sedge_policy_new();
    static const struct {
        const char *service;
        const char *principal;
        const char *operation;
        const char *resource;
        const char *text;
    } rows[] = {
        {SEDGE_SERVICE_PUBSUB, "com.x.A", PUB, "t",
         "Principal com.x.A is not authorized to perform aws.greengrass.ipc.pubsub:aws.greengrass#PublishToTopic on "
         "resource t"},
        {SEDGE_SERVICE_PUBSUB, "com.x.A", PUB, NULL,
         "Principal com.x.A is not authorized to perform aws.greengrass.ipc.pubsub:aws.greengrass#PublishToTopic on "
         "resource "
         "null"},
        {SEDGE_SERVICE_PUBSUB, "com.x.A", PUB, "", "Resource cannot be empty"},
        {SEDGE_SERVICE_PUBSUB, "com.x.A", PUB, " ", "Resource cannot be empty"},
        {SEDGE_SERVICE_PUBSUB, "com.x.A", "x", "t",
         "Component aws.greengrass.ipc.pubsub not registered for operation x"},
        {SEDGE_SERVICE_PUBSUB, "com.x.A", "*", "t",
         "Component aws.greengrass.ipc.pubsub not registered for operation *"},
        {"nobody", "com.x.A", PUB, "t", "Component nobody not registered for operation aws.greengrass#PublishToTopic"},
        {SEDGE_SERVICE_MQTTPROXY, "com.x.A", CORE_PUB, "t", "Not Authorized"},
        {SEDGE_SERVICE_MQTTPROXY, "com.x.A", CORE_SUB, "", "Not Authorized"},
        {SEDGE_SERVICE_CLI, "", "aws.greengrass#ListComponents", "*", "Component is not authorized to call CLI APIs"},
        {SEDGE_SERVICE_METRIC, "com.x.A", "aws.greengrass#PutComponentMetric", "m",
         "Principal com.x.A is not authorized to perform "
         "aws.greengrass.ipc.componentmetric:aws.greengrass#PutComponentMetric "},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_err err = SEDGE_ERR_INIT;

        assert_int_equal(sedge_policy_check(p, rows[i].service, rows[i].principal, rows[i].operation, rows[i].resource,
                                            sedge_policy_style(rows[i].service), &err),
                         -1);
        assert_int_equal(err.code, SEDGE_E_DENIED);
        assert_string_equal(err.msg, rows[i].text);
    }
    sedge_policy_free(p);
}

static void a_bad_policy_harms_only_itself_and_is_reported(void **st)
{
#define GOOD           "\"good\":{\"operations\":[\"*\"],\"resources\":[\"t\"]}"
#define IN_PUBSUB(bad) "{\"aws.greengrass.ipc.pubsub\":{" bad "," GOOD "}}"
    static const struct {
        const char *json;
        const char *id; /* NULL: nothing is reported */
        const char *warning;
    } rows[] = {
        {IN_PUBSUB("\"b\":{\"operations\":[\"*\"],\"resources\":[\"t\"],\"effect\":\"x\"}"), "b",
         "unknown member \"effect\""},
        {IN_PUBSUB("\"b\":{\"operations\":\"*\",\"resources\":[\"t\"]}"), "b", "operations must be a list of texts"},
        {IN_PUBSUB("\"b\":{\"operations\":[1],\"resources\":[\"t\"]}"), "b", "operations must be a list of texts"},
        {IN_PUBSUB("\"b\":{\"operations\":[\"*\"],\"resources\":null}"), "b", "resources must be a list of texts"},
        {IN_PUBSUB("\"b\":{\"operations\":[\"*\"],\"policyDescription\":5}"), "b", "policyDescription must be a text"},
        {IN_PUBSUB("\"b\":{\"resources\":[\"t\"]}"), "b", "operations is missing or empty"},
        {IN_PUBSUB("\"b\":{\"operations\":[],\"resources\":[\"t\"]}"), "b", "operations is missing or empty"},
        {IN_PUBSUB("\"b\":{\"operations\":[\"*\"]}"), "b", "resources is missing or empty"},
        {IN_PUBSUB("\"b\":{\"operations\":[\"*\"],\"resources\":[\"a?\"]}"), "b", "resource left out: resource \"a?\""},
        {IN_PUBSUB("\"b\":{\"operations\":[\"PublishToTopic\"],\"resources\":[\"t\"]}"), "b",
         "has no operation \"PublishToTopic\""},
        {IN_PUBSUB("\"b\":[]"), "b", "expected an object, got array"},
        {IN_PUBSUB("\"\":{\"operations\":[\"*\"],\"resources\":[\"t\"]}"), "", "its id is empty"},
        {IN_PUBSUB("\"_b\":5"), NULL, NULL},
        {"{\"nobody\":{},\"aws.greengrass.ipc.pubsub\":{" GOOD "}}", "", "there is no such service"},
        {"{\"_private\":{},\"aws.greengrass.ipc.pubsub\":{" GOOD "}}", NULL, NULL},
        {"{\"aws.greengrass.Cli\":[],\"aws.greengrass.ipc.pubsub\":{" GOOD "}}", "", "expected an object of policies"},
        {"\"{\\\"aws.greengrass.ipc.pubsub\\\":{\\\"good\\\":{\\\"operations\\\":[\\\"*\\\"],\\\"resources\\\":["
         "\\\"t\\\"]}}}\"",
         NULL, NULL},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_policy *p = sedge_policy_new();
        struct warnings w = {{NULL, 0}, {NULL, 0}};

        set(p, "com.x.A", rows[i].json, &w);
        if (!may(p, SEDGE_SERVICE_PUBSUB, "com.x.A", PUB, "t")) fail_msg("row %zu: the good policy is gone", i);
        assert_int_equal(w.ids.n, rows[i].id ? 1 : 0);
        if (rows[i].id) {
            assert_string_equal(w.ids.v[0], rows[i].id);
            if (!strstr(w.texts.v[0], rows[i].warning)) fail_msg("row %zu: %s", i, w.texts.v[0]);
        }
        sedge_strv_release(&w.ids);
        sedge_strv_release(&w.texts);
        sedge_policy_free(p);
    }
}

static void an_unreadable_access_control_grants_nothing(void **st)
{
    static const char *const rows[] = {"5", "[]", "\"no json\"", "\"[1]\"", "\"{\\\"a\\\":1,\\\"a\\\":2}\""};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_policy *p = sedge_policy_new();
        struct warnings w = {{NULL, 0}, {NULL, 0}};

        set(p, "com.x.A", rows[i], &w);
        assert_int_equal(w.ids.n, 1);
        assert_false(may(p, SEDGE_SERVICE_PUBSUB, "com.x.A", PUB, "t"));
        sedge_strv_release(&w.ids);
        sedge_strv_release(&w.texts);
        sedge_policy_free(p);
    }
}

static void every_change_has_a_new_generation(void **st)
{
    struct sedge_policy *p = sedge_policy_new();
    uint64_t g = sedge_policy_generation(p);

    (void)st;
    assert_true(g > 0);
    set(p, "com.x.A", access_control, NULL);
    set(p, "com.x.B", access_control, NULL);
    assert_true(sedge_policy_generation(p) > g);
    g = sedge_policy_generation(p);
    sedge_policy_remove_component(p, "com.x.None");
    assert_int_equal(sedge_policy_generation(p), g);
    sedge_policy_remove_component(p, "com.x.A");
    assert_true(sedge_policy_generation(p) > g);
    assert_false(may(p, SEDGE_SERVICE_PUBSUB, "com.x.A", SUB, "alarm"));
    assert_true(may(p, SEDGE_SERVICE_PUBSUB, "com.x.B", SUB, "alarm"));
    sedge_policy_set_component(p, "com.x.B", NULL, NULL, NULL);
    assert_false(may(p, SEDGE_SERVICE_PUBSUB, "com.x.B", SUB, "alarm"));
    sedge_policy_remove_component(p, "*");
    assert_true(may(p, SEDGE_SERVICE_TES, "com.x.B", "getCredentials", NULL));
    sedge_policy_free(p);
    sedge_policy_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_match_as_the_reference_does),
        cmocka_unit_test(bad_patterns_are_refused),
        cmocka_unit_test(policies_grant_to_the_component_that_holds_them),
        cmocka_unit_test(a_refusal_says_what_the_caller_is_to_see),
        cmocka_unit_test(a_bad_policy_harms_only_itself_and_is_reported),
        cmocka_unit_test(an_unreadable_access_control_grants_nothing),
        cmocka_unit_test(every_change_has_a_new_generation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
