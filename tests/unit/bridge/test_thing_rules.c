#include "bridge/thing_rules.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "../test.h"

#define A "arn:aws:greengrass:local:000000000000:configuration:thing/cam-1:3"
#define B "arn:aws:greengrass:local:000000000000:configuration:thing/cam-1:4"

static struct json_object *json(const char *text)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct json_object *o = sedge_json_parse(text, strlen(text), "test", &err);

    if (err.code != SEDGE_OK) fail_msg("%s", err.msg);
    return o;
}

static void topics_are_told_apart(void **st)
{
    static const struct {
        const char *topic;
        enum sedge_thing_topic is;
    } rows[] = {
        {"$aws/things/cam-1/shadow/name/AWSManagedGreengrassV2Deployment/get/accepted", SEDGE_THING_TOPIC_GET_ACCEPTED},
        {"$aws/things/cam-1/shadow/name/AWSManagedGreengrassV2Deployment/get/rejected", SEDGE_THING_TOPIC_GET_REJECTED},
        {"$aws/things/cam-1/shadow/name/AWSManagedGreengrassV2Deployment/update/accepted",
         SEDGE_THING_TOPIC_UPDATE_ACCEPTED},
        {"$aws/things/cam-1/shadow/name/AWSManagedGreengrassV2Deployment/update/rejected",
         SEDGE_THING_TOPIC_UPDATE_REJECTED},
        {"$aws/things/cam-1/shadow/name/AWSManagedGreengrassV2Deployment/update/delta", SEDGE_THING_TOPIC_OTHER},
        {"$aws/things/cam-1/shadow/name/AWSManagedGreengrassV2Deployment2/get/accepted", SEDGE_THING_TOPIC_OTHER},
        {"$aws/things/cam-11/shadow/name/AWSManagedGreengrassV2Deployment/get/accepted", SEDGE_THING_TOPIC_OTHER},
        {"$aws/things/cam-1/shadow/get/accepted", SEDGE_THING_TOPIC_OTHER},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++)
        assert_int_equal(sedge_thing_topic_of(rows[i].topic, "cam-1"), rows[i].is);
}

static void desired_state_is_used_whole_or_not_at_all(void **st)
{
    static const struct {
        const char *desired, *fault; /* NULL: whole, or nothing there */
        bool whole, canceled;
    } rows[] = {
        {"{\"desiredStatus\":\"SUCCEEDED\",\"fleetConfig\":\"{\\\"configurationArn\\\":\\\"" A "\\\"}\"}", NULL, true,
         false},
        {"{\"desiredStatus\":\"CANCELED\",\"fleetConfig\":\"{\\\"configurationArn\\\":\\\"" A "\\\"}\"}", NULL, true,
         true},
        {"{\"desiredStatus\":\"CANCELED\"}", "fleetConfig is missing", false, false},
        {"{\"fleetConfig\":\"{}\"}", "desiredStatus is missing", false, false},
        {"{\"desiredStatus\":\"SUCCEEDED\",\"fleetConfig\":\"{}\"}", "fleetConfig has no configurationArn", false,
         false},
        {"{\"desiredStatus\":\"SUCCEEDED\",\"fleetConfig\":\"[]\"}", "fleetConfig is not a JSON object", false, false},
        {"{\"desiredStatus\":\"SUCCEEDED\",\"fleetConfig\":{}}", "fleetConfig is missing", false, false},
        {"{}", NULL, false, false},
        {"null", NULL, false, false},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_put struct json_object *o = json(rows[i].desired);
        struct sedge_desired d;
        sedge_desired_read(o, &d);
        assert_int_equal(d.whole, rows[i].whole);
        if (d.whole) assert_int_equal(d.canceled, rows[i].canceled);
        if (rows[i].fault)
            assert_string_equal(d.fault, rows[i].fault);
        else
            assert_null(d.fault);
        sedge_desired_release(&d);
    }
}

static void what_is_done_depends_on_what_is_known(void **st)
{
    static const struct {
        const char *what;
        struct sedge_desired desired;
        const char *reported;
        struct sedge_thing_memory known;
        enum sedge_thing_decision decision;
    } rows[] = {
        {"first", {.whole = true, .arn = A}, "{}", {.last_arn = NULL}, SEDGE_THING_DEPLOY},
        {"first, not readable", {.whole = false}, "{}", {.last_arn = NULL}, SEDGE_THING_NOTHING},
        {"first, cancelled",
         {.whole = true, .arn = A, .canceled = true},
         "{}",
         {.last_arn = NULL},
         SEDGE_THING_NOTHING},
        {"first, over",
         {.whole = true, .arn = A},
         "{\"fleetConfigurationArnForStatus\":\"" A "\",\"status\":\"FAILED\"}",
         {.last_arn = NULL},
         SEDGE_THING_NOTHING},
        {"first, interrupted",
         {.whole = true, .arn = A},
         "{\"fleetConfigurationArnForStatus\":\"" A "\",\"status\":\"IN_PROGRESS\"}",
         {.last_arn = NULL},
         SEDGE_THING_DEPLOY},
        {"first, another is over",
         {.whole = true, .arn = B},
         "{\"fleetConfigurationArnForStatus\":\"" A "\",\"status\":\"SUCCEEDED\"}",
         {.last_arn = NULL},
         SEDGE_THING_DEPLOY},
        {"first, goes on by itself",
         {.whole = true, .arn = A},
         "{\"fleetConfigurationArnForStatus\":\"" A "\",\"status\":\"IN_PROGRESS\"}",
         {.own_arn = A},
         SEDGE_THING_NOTHING},
        {"first, over here and not told",
         {.whole = true, .arn = A},
         "{}",
         {.own_arn = A, .own_ended = true},
         SEDGE_THING_NOTHING},
        {"first, an older one goes on", {.whole = true, .arn = B}, "{}", {.own_arn = A}, SEDGE_THING_DEPLOY},
        {"first, cancelled, and it goes on",
         {.whole = true, .arn = A, .canceled = true},
         "{}",
         {.own_arn = A},
         SEDGE_THING_CANCEL},
        {"again", {.whole = true, .arn = A}, "{}", {.last_arn = A}, SEDGE_THING_NOTHING},
        {"newer", {.whole = true, .arn = B}, "{}", {.last_arn = A}, SEDGE_THING_DEPLOY},
        {"cancelled", {.whole = true, .arn = A, .canceled = true}, "{}", {.last_arn = A}, SEDGE_THING_CANCEL},
        {"cancelled twice",
         {.whole = true, .arn = A, .canceled = true},
         "{}",
         {.last_arn = A, .last_canceled = true},
         SEDGE_THING_NOTHING},
        {"cancelled with an older document",
         {.whole = true, .arn = A, .canceled = true},
         "{}",
         {.last_arn = B},
         SEDGE_THING_CANCEL},
        {"wanted again", {.whole = true, .arn = A}, "{}", {.last_arn = A, .last_canceled = true}, SEDGE_THING_DEPLOY},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_put struct json_object *reported = json(rows[i].reported);
        if (sedge_thing_decide(&rows[i].desired, reported, &rows[i].known) != rows[i].decision)
            fail_msg("%s", rows[i].what);
    }
}

static void only_what_is_said_can_differ(void **st)
{
    static const struct {
        const char *reported;
        bool differs;
    } rows[] = {
        {"{\"fleetConfigurationArnForStatus\":\"" A "\",\"status\":\"FAILED\"}", false},
        {"{\"fleetConfigurationArnForStatus\":\"" A "\",\"status\":\"IN_PROGRESS\"}", true},
        {"{\"fleetConfigurationArnForStatus\":\"" B "\",\"status\":\"FAILED\"}", true},
        {"{\"status\":\"FAILED\"}", false},
        {"{\"ggcVersion\":\"1\"}", false},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_put struct json_object *o = json(rows[i].reported);
        assert_int_equal(sedge_thing_differs(o, A, "FAILED"), rows[i].differs);
    }
}

static void a_refused_report_is_repeated_as_its_code_says(void **st)
{
    (void)st;
    assert_int_equal(sedge_thing_judge(409), SEDGE_THING_READ_AGAIN);
    assert_int_equal(sedge_thing_judge(404), SEDGE_THING_READ_AGAIN);
    assert_int_equal(sedge_thing_judge(413), SEDGE_THING_PLAIN);
    assert_int_equal(sedge_thing_judge(400), SEDGE_THING_PLAIN);
    assert_int_equal(sedge_thing_judge(429), SEDGE_THING_TRY_AGAIN);
    assert_int_equal(sedge_thing_judge(500), SEDGE_THING_TRY_AGAIN);
    assert_int_equal(sedge_thing_judge(0), SEDGE_THING_TRY_AGAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topics_are_told_apart),
        cmocka_unit_test(desired_state_is_used_whole_or_not_at_all),
        cmocka_unit_test(what_is_done_depends_on_what_is_known),
        cmocka_unit_test(only_what_is_said_can_differ),
        cmocka_unit_test(a_refused_report_is_repeated_as_its_code_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
