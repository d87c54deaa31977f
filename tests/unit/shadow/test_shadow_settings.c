#include "../test.h"

#include "base/json.h"
#include "base/mem.h"
#include "shadow/settings.h"

static int load(struct sedge_shadow_settings *s, const char *text, struct sedge_err *err)
{
    sedge_auto_put struct json_object *o = text ? sedge_json_parse_object(text, strlen(text), "test", NULL) : NULL;

    assert_true(!text || o);
    return sedge_shadow_settings_read(s, o, "core", err);
}

static void nothing_configured_gives_the_defaults(void **st)
{
    struct sedge_shadow_settings s = SEDGE_SHADOW_SETTINGS_INIT;
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)st;
    assert_int_equal(load(&s, NULL, &err), 0);
    assert_int_equal(s.size_limit, 8192);
    assert_int_equal(s.thing_rate, 20);
    assert_int_equal(s.total_rate, 200);
    assert_int_equal(s.outbound_rate, 100);
    assert_int_equal(s.direction, SEDGE_SHADOW_BOTH_WAYS);
    assert_int_equal(s.delay_s, 0);
    assert_int_equal(s.nsynced, 0);
    sedge_shadow_settings_release(&s);
}

static void every_key_is_read(void **st)
{
    struct sedge_shadow_settings s = SEDGE_SHADOW_SETTINGS_INIT;
    struct sedge_err err = SEDGE_ERR_INIT;
    static const char *const want[][2] = {{"core", ""}, {"core", "a"}, {"t1", "b"}, {"t2", ""}, {"t3", ""}};

    (void)st;
    assert_int_equal(
        load(
            &s,
            "{\"strategy\":{\"type\":\"periodic\",\"delay\":60},\"synchronize\":{\"coreThing\":{\"namedShadows\":[\"a\""
            ",\"a\"]},\"shadowDocuments\":[{\"thingName\":\"t1\",\"classic\":false,\"namedShadows\":[\"b\"]},"
            "{\"thingName\":\"t2\"}],\"shadowDocumentsMap\":{\"t3\":{\"classic\":true}},\"direction\":\"deviceToCloud\""
            "},\"rateLimits\":{\"maxOutboundSyncUpdatesPerSecond\":7,\"maxTotalLocalRequestsRate\":8,"
            "\"maxLocalRequestsPerSecondPerThing\":9.0},\"shadowDocumentSizeLimitBytes\":30720,\"x\":1}",
            &err),
        0);
    assert_int_equal(s.size_limit, 30720);
    assert_int_equal(s.outbound_rate, 7);
    assert_int_equal(s.total_rate, 8);
    assert_int_equal(s.thing_rate, 9);
    assert_int_equal(s.direction, SEDGE_SHADOW_TO_CLOUD);
    assert_int_equal(s.delay_s, 60);
    assert_int_equal(s.nsynced, SEDGE_ARRAY_LEN(want));
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(want); i++) {
        assert_string_equal(s.synced[i].thing, want[i][0]);
        assert_string_equal(s.synced[i].name, want[i][1]);
    }
    sedge_shadow_settings_release(&s);
}

static void a_bad_value_is_named_and_changes_nothing(void **st)
{
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"{\"shadowDocumentSizeLimitBytes\":30721}", "shadowDocumentSizeLimitBytes: expected an integer in 1..30720"},
        {"{\"shadowDocumentSizeLimitBytes\":\"x\"}", "shadowDocumentSizeLimitBytes: expected an integer"},
        {"{\"rateLimits\":5}", "rateLimits: expected an object"},
        {"{\"rateLimits\":{\"maxTotalLocalRequestsRate\":0}}", "maxTotalLocalRequestsRate: expected an integer"},
        {"{\"strategy\":{\"type\":\"never\"}}", "strategy.type: expected realTime or periodic"},
        {"{\"strategy\":{\"type\":\"periodic\",\"delay\":0}}", "delay: expected an integer"},
        {"{\"synchronize\":[]}", "synchronize: expected an object"},
        {"{\"synchronize\":{\"direction\":\"up\"}}", "synchronize.direction: expected betweenDeviceAndCloud"},
        {"{\"synchronize\":{\"coreThing\":{\"classic\":1}}}", "synchronize: classic: expected true or false"},
        {"{\"synchronize\":{\"coreThing\":{\"namedShadows\":\"a\"}}}", "synchronize: namedShadows: expected a list"},
        {"{\"synchronize\":{\"coreThing\":{\"namedShadows\":[\"a b\"]}}}", "synchronize: \"a b\": ShadowName must"},
        {"{\"synchronize\":{\"shadowDocuments\":[{\"classic\":true}]}}", "synchronize: \"\": ThingName is missing"},
        {"{\"synchronize\":{\"shadowDocuments\":{}}}", "synchronize.shadowDocuments: expected a list"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_shadow_settings s = SEDGE_SHADOW_SETTINGS_INIT;
        struct sedge_err err = SEDGE_ERR_INIT;

        s.size_limit = 77;
        assert_int_equal(load(&s, rows[i].text, &err), -1);
        if (strncmp(err.msg, rows[i].error, strlen(rows[i].error)) != 0) fail_msg("%s: %s", rows[i].text, err.msg);
        assert_int_equal(s.size_limit, 77);
        sedge_shadow_settings_release(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_configured_gives_the_defaults),
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(a_bad_value_is_named_and_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
