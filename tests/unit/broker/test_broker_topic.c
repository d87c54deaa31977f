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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(local_topics_match_as_the_table_says),
        cmocka_unit_test(a_wildcard_is_a_whole_level),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
