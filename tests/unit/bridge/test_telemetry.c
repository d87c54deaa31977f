#include "../test.h"

#include "base/mem.h"
#include "bridge/telemetry.h"

#define HEAD "{\"Schema\":\"2022-06-30\",\"ADP\":["

static void points_are_split_over_messages_that_fit(void **st)
{
    sedge_auto_strv struct sedge_strv points = {NULL, 0};
    sedge_auto_strv struct sedge_strv out = {NULL, 0};

    (void)st;
    sedge_strv_add(&points, "{\"TS\":1}");
    sedge_strv_add(&points, "{\"TS\":2}");
    sedge_strv_add(&points, "{\"TS\":3,\"much\":\"too long\"}");
    sedge_strv_add(&points, "{\"TS\":4}");
    assert_int_equal(sedge_telemetry_messages(&points, strlen(HEAD "{\"TS\":1},{\"TS\":2}]}"), &out), 1);
    assert_int_equal(out.n, 2);
    assert_string_equal(out.v[0], HEAD "{\"TS\":1},{\"TS\":2}]}");
    assert_string_equal(out.v[1], HEAD "{\"TS\":4}]}");
}

static void there_is_always_a_message(void **st)
{
    sedge_auto_strv struct sedge_strv points = {NULL, 0};
    sedge_auto_strv struct sedge_strv out = {NULL, 0};

    (void)st;
    assert_int_equal(sedge_telemetry_messages(&points, SEDGE_TELEMETRY_MESSAGE_MAX, &out), 0);
    assert_int_equal(out.n, 1);
    assert_string_equal(out.v[0], HEAD "]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_are_split_over_messages_that_fit),
        cmocka_unit_test(there_is_always_a_message),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
