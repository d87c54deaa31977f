#include "../test.h"

#include <stdbool.h>

#include "broker/topic.h"

struct row {
    const char *filter, *topic;
    bool want;
};

static void local_topics_match_as_the_table_says(void **st)
{
    static const struct row rows[] = {
        {"a/b", "a/b", 1},   {"a/b", "a/b/", 1},  {"a/b", "a", 0},       {"a/b", "a/b/c", 0},   {"a/b", "/a/b", 0},
        {"a/b", "A/b", 0},   {"a/b/", "a/b", 1},  {"a/b/", "a/b/", 1},   {"a/+", "a/b", 1},     {"a/+", "a/b/", 1},
        {"a/+", "a", 0},     {"a/+", "a/", 0},    {"a/+", "a/b/c", 0},   {"+/b", "a/b", 1},     {"+/b", "/b", 1},
        {"+/b", "b", 0},     {"+", "a", 1},       {"+", "a/b", 0},       {"+", "/a", 0},        {"a/#", "a/b", 1},
        {"a/#", "a/b/c", 1}, {"a/#", "a", 0},     {"a/#", "a/", 0},      {"a/#", "ab", 0},      {"#", "a", 1},
        {"#", "a/b", 1},     {"#", "/a", 1},      {"#", "$aws/x", 1},    {"a/#/c", "a/b/c", 1}, {"a/#/c", "a/x/y/c", 0},
        {"a/#/c", "a/c", 0}, {"a/#/c", "a/b", 0}, {"a/+/c", "a/b/c", 1}, {"a/+/c", "a//c", 1},  {"a/+/c", "a/b/b/c", 0},
        {"a//c", "a//c", 1}, {"a//c", "a/c", 0},  {"a/b+", "a/b+", 1},   {"a/b+", "a/bc", 0},   {"a/*", "a/b", 0},
        {"/", "/", 0},       {"", "a", 0},        {"#", "///", 0},       {"a/#/", "a/b/c", 1},  {"x/", "x///", 1},
    };

    (void)st;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (sedge_topic_matches(rows[i].filter, rows[i].topic) != rows[i].want)
            fail_msg("%s %s: expected %d", rows[i].filter, rows[i].topic, rows[i].want);
}

static void a_wildcard_is_a_whole_level(void **st)
{
    static const struct {
        const char *filter;
        bool want;
    } rows[] = {{"a/b", 0},  {"a/+/c", 1}, {"a/#", 1}, {"a/#/", 1}, {"a/#/c", 0},
                {"a/b+", 0}, {"+", 1},     {"#", 1},   {"", 0}};

    (void)st;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(sedge_topic_filter_has_wildcard(rows[i].filter), rows[i].want);
    assert_true(sedge_topic_has_wildcard_char("a*b"));
    assert_false(sedge_topic_has_wildcard_char("a/b"));
    assert_false(sedge_topic_has_level("//"));
}

static void mqtt_topics_match_by_the_rules_of_mqtt(void **st)
{
    static const struct row rows[] = {
        {"a/#", "a", 1},
        {"a/#", "a/b/c", 1},
        {"a/+", "a/", 1},
        {"a/+", "a", 0},
        {"#", "a/b", 1},
        {"#", "$SYS/x", 0},
        {"+/x", "$SYS/x", 0},
        {"$SYS/#", "$SYS/x", 1},
        {"a/b/", "a/b", 0},
        {"+/+", "/a", 1},
        {"/+", "/a", 1},
        {"+", "/a", 0},
        {"$share/g/a/+", "a/b", 1},
        {"$share/g/a", "a/b", 0},
        {"a", "A", 0},
    };

    (void)st;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (sedge_mqtt_topic_matches(rows[i].filter, rows[i].topic) != rows[i].want)
            fail_msg("%s %s: expected %d", rows[i].filter, rows[i].topic, rows[i].want);
}

static void a_wider_filter_covers_a_narrower_one(void **st)
{
    static const struct row rows[] = {
        {"a/#", "a/b", 1},  {"a/#", "a/#", 1}, {"a/#", "a", 1},       {"a/#", "a/+/c", 1}, {"#", "a/#", 1},
        {"+/b", "a/b", 1},  {"a/b", "a/+", 0}, {"a/+", "a/#", 0},     {"+", "+", 1},       {"+", "#", 0},
        {"#", "$aws/#", 0}, {"a/+", "a/+", 1}, {"a/+/c", "a/b/c", 1}, {"a/b", "a/b/c", 0},
    };

    (void)st;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (sedge_mqtt_filter_covers(rows[i].filter, rows[i].topic) != rows[i].want)
            fail_msg("%s %s: expected %d", rows[i].filter, rows[i].topic, rows[i].want);
}

static void iot_core_limits_are_checked_with_the_reference_texts(void **st)
{
    static const char seven[] = "1/2/3/4/5/6/7/8";
    static const char eight[] = "1/2/3/4/5/6/7/8/9";
    char text[700];
    struct sedge_err err;

    (void)st;
    assert_int_equal(sedge_iotcore_topic_check(seven, &err), 0);
    assert_int_equal(sedge_iotcore_topic_check(eight, &err), -1);
    assert_string_equal(err.msg, "The request topic must have no more than 7 forward slashes (/)");
    assert_int_equal(sedge_iotcore_topic_check("$aws/rules/r/1/2/3/4/5/6/7/8", &err), 0);
    assert_int_equal(sedge_iotcore_topic_check("$aws/things/t/shadow/name/n/update/x/y/z", &err), 0);
    assert_int_equal(sedge_iotcore_topic_check("a/+", &err), -1);
    assert_string_equal(err.msg, "Publish topics must not contain wildcard characters of '#' or '+'");
    assert_int_equal(sedge_iotcore_topic_check("", &err), -1);
    assert_string_equal(err.msg, "Topic must not be empty");
    memset(text, 'x', sizeof text);
    text[256] = 0;
    assert_int_equal(sedge_iotcore_topic_check(text, &err), 0);
    text[256] = 'x';
    text[257] = 0;
    assert_int_equal(sedge_iotcore_topic_check(text, &err), -1);
    assert_memory_equal(err.msg, "The topic size of request must be no larger than 256 bytes", 58);
    text[0] = '$';
    assert_int_equal(sedge_iotcore_topic_check(text, &err), 0);
    text[257] = 'x';
    text[513] = 0;
    assert_int_equal(sedge_iotcore_topic_check(text, &err), -1);
    assert_memory_equal(err.msg, "Reserved topic total length is greater than 512 bytes", 53);
    assert_int_equal(sedge_iotcore_filter_check("a/#", &err), 0);
    assert_int_equal(sedge_iotcore_filter_check("$share/g/1/2/3/4/5/6/7/#", &err), 0);
    assert_int_equal(sedge_iotcore_filter_check("a/#/b", &err), -1);
    assert_int_equal(sedge_iotcore_filter_check("a+/b", &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(local_topics_match_as_the_table_says),
        cmocka_unit_test(a_wildcard_is_a_whole_level),
        cmocka_unit_test(mqtt_topics_match_by_the_rules_of_mqtt),
        cmocka_unit_test(a_wider_filter_covers_a_narrower_one),
        cmocka_unit_test(iot_core_limits_are_checked_with_the_reference_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
