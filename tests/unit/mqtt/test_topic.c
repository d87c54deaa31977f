#include "../test.h"

#include "mqtt/topic.h"

static char long_topic[600];

static const char *text(size_t n, const char *head)
{
    memset(long_topic, 'x', n);
    memcpy(long_topic, head, strlen(head));
    long_topic[n] = 0;
    return long_topic;
}

static void topics_are_checked_with_the_texts_of_greengrass(void **st)
{
    static const struct {
        const char *topic;
        const char *begins; /* NULL: fine */
    } rows[] = {
        {"a", NULL},
        {"1/2/3/4/5/6/7/8", NULL},
        {"1/2/3/4/5/6/7/8/9", "The request topic must have no more than 7 forward slashes (/)"},
        {"$aws/rules/rule/1/2/3/4/5/6/7/8", NULL},
        {"$aws/rules/rule/1/2/3/4/5/6/7/8/9", "The request topic must have"},
        {"$aws/things/t/jobs/1/2/3/4/5/6", NULL}, /* reserved: no slash limit with MQTT 5 */
        {"", "Topic must not be empty"},
        {"a/+/b", "Publish topics must not contain wildcard characters of '#' or '+'"},
        {"a/#", "Publish topics must not"},
        {"a\xff", "Topic has a character that MQTT does not allow"},
        {"a\nb", "Topic has a character that MQTT does not allow"},
        {"a\xef\xbf\xbe", "Topic has a character"},
        {"a\xc2\x85", "Topic has a character"},
    };
    struct sedge_err err;

    (void)st;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        err = SEDGE_ERR_INIT;
        assert_int_equal(sedge_mqtt_topic_check(rows[i].topic, true, &err), rows[i].begins ? -1 : 0);
        if (rows[i].begins) assert_int_equal(strncmp(err.msg, rows[i].begins, strlen(rows[i].begins)), 0);
    }
    assert_int_equal(sedge_mqtt_topic_check(text(256, "a"), true, NULL), 0);
    assert_int_equal(sedge_mqtt_topic_check(text(257, "a"), true, NULL), -1);
    assert_int_equal(sedge_mqtt_topic_check(text(512, "$aws/"), true, NULL), 0);
    assert_int_equal(sedge_mqtt_topic_check(text(512, "$aws/"), false, NULL), -1);
    assert_int_equal(sedge_mqtt_topic_check(text(513, "$aws/"), true, NULL), -1);
}

static void filters_are_checked(void **st)
{
    static const struct {
        const char *filter;
        int want;
    } rows[] = {
        {"#", 0},
        {"+", 0},
        {"a/+/b", 0},
        {"a/#", 0},
        {"a#", -1},
        {"$share/g/a/#", 0},
        {"$share/g", -1},
        {"$share//a", -1},
        {"$share/g/", -1},
        {"$share/g#/a", -1},
        {"a/#/b", -1},
        {"a+/b", -1},
        {"+a", -1},
        {"", -1},
        {"$share/g/1/2/3/4/5/6/7/8", 0},
        {"1/2/3/4/5/6/7/8/9", -1},
    };

    (void)st;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(sedge_mqtt_filter_check(rows[i].filter, true, NULL), rows[i].want);
}

static void filters_match_by_the_rules_of_mqtt(void **st)
{
    static const struct {
        const char *filter, *topic;
        bool want;
    } rows[] = {
        {"a", "a", true},
        {"a", "ab", false},
        {"a/b", "a/b", true},
        {"a/+", "a/b", true},
        {"a/+", "a", false},
        {"a/+", "a/b/c", false},
        {"a/#", "a", true},
        {"a/#", "a/b/c", true},
        {"#", "a/b", true},
        {"#", "$aws/x", false},
        {"+/x", "$aws/x", false},
        {"$aws/#", "$aws/x/y", true},
        {"+/+", "/x", true},
        {"+", "", true},
        {"a//b", "a//b", true},
        {"a/+/b", "a//b", true},
        {"$share/g/a/+", "a/b", true},
        {"a/b", "a", false},
        {"$aws/things/t/jobs/+/ns/get/+", "$aws/things/t/jobs/$next/ns/get/accepted", true},
    };

    (void)st;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (sedge_mqtt_filter_matches(rows[i].filter, rows[i].topic) != rows[i].want)
            fail_msg("%s against %s", rows[i].filter, rows[i].topic);
}

static void a_wider_filter_covers_a_narrower_one(void **st)
{
    static const struct {
        const char *wide, *narrow;
        bool want;
    } rows[] = {
        {"a", "a", true},           {"#", "a/b", true},
        {"#", "+/x", true},         {"a/#", "a/+", true},
        {"a/#", "a", true},         {"a/#", "a/#", true},
        {"a/+", "a/b", true},       {"a/+", "a/#", false},
        {"a/b", "a/+", false},      {"+/b", "a/+", false},
        {"#", "$aws/x", false},     {"$share/g/#", "a", false},
        {"#", "$share/g/a", false}, {"$share/g/a", "$share/g/a", true},
        {"a/+/c", "a/b/c", true},   {"a/+/#", "a/+", true},
        {"a/+/#", "a/b/c/d", true}, {"a/+/#", "a/#", false},
    };

    (void)st;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (sedge_mqtt_filter_covers(rows[i].wide, rows[i].narrow) != rows[i].want)
            fail_msg("%s covers %s", rows[i].wide, rows[i].narrow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topics_are_checked_with_the_texts_of_greengrass),
        cmocka_unit_test(filters_are_checked),
        cmocka_unit_test(filters_match_by_the_rules_of_mqtt),
        cmocka_unit_test(a_wider_filter_covers_a_narrower_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
