#include "../test.h"

#include <time.h>

#include "base/mem.h"
#include "cli/logtime.h"

#define NOW INT64_C(1709806542123) /* 2024-03-07T10:15:42.123Z = 11:15:42 in the zone of the test */
#define DAY INT64_C(86400000)

static int zone(void **st)
{
    (void)st;
    (void)setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    return 0;
}

static void points_in_time_are_read_in_all_forms(void **st)
{
    static const struct {
        const char *text;
        int64_t want;
    } rows[] = {
        {"", NOW},
        {"-1h", NOW - 3600000},
        {"-1days-3hr", NOW - DAY - 3 * 3600000},
        {"+30min", NOW + 30 * 60000},
        {"-1d2h-3m4s", NOW - DAY + 2 * 3600000 - 3 * 60000 + 4000},
        {"10seconds", NOW + 10000},
        {"2024-03-07T11:15:42.123", NOW},
        {"2024-03-07T11:15:42123", NOW},
        {"2024-03-07T11:15:42", NOW - 123},
        {"2024-03-07T11:15", NOW - 42123},
        {"2024-03-07T11:15:42.1", NOW - 23},
        {"2024-03-07T11:15:42.123456789", NOW},
        {"2020-07-14", INT64_C(1594677600000)}, /* summer time */
        {"20200714", INT64_C(1594677600000)},
        {"11:15:42", NOW - 123},
        {"11:15", NOW - 42123},
        {"11:15:42123", NOW},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        int64_t got = 0;
        struct sedge_err err = SEDGE_ERR_INIT;
        if (sedge_logtime_parse(rows[i].text, NOW, &got, &err) != 0 || got != rows[i].want)
            fail_msg("'%s': %lld, expected %lld %s", rows[i].text, (long long)got, (long long)rows[i].want, err.msg);
    }
}

static void other_texts_are_no_time(void **st)
{
    static const char *const rows[] = {"h",          "-1",         "1h1d",      "-1x",           "1m1m",
                                       "2024-13-01", "2023-02-29", "24:00",     "2024-03-07T",   "2024-3-7",
                                       "11:15:42.",  "11:60",      "yesterday", "2024-03-07T1:2"};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        int64_t got;
        struct sedge_err err = SEDGE_ERR_INIT;
        assert_int_equal(sedge_logtime_parse(rows[i], NOW, &got, &err), -1);
        assert_non_null(strstr(err.msg, rows[i]));
    }
}

static void windows_have_two_ends(void **st)
{
    static const struct {
        const char *text;
        int64_t begin, end;
    } rows[] = {{"-1h,-30m", NOW - 3600000, NOW - 1800000},
                {"-1h", NOW - 3600000, NOW},
                {"-1h,", NOW - 3600000, NOW},
                {",+1h", NOW, NOW + 3600000}};
    static const char *const bad[] = {",", "a,b", "1h,2h,3h", "-1h,x"};
    struct sedge_logwindow w;

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        assert_int_equal(sedge_logwindow_parse(rows[i].text, NOW, &w, NULL), 0);
        assert_true(w.begin_ms == rows[i].begin && w.end_ms == rows[i].end);
    }
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(bad); i++)
        assert_int_equal(sedge_logwindow_parse(bad[i], NOW, &w, NULL), -1);
}

static void the_ends_are_outside_and_several_windows_are_ored(void **st)
{
    static const struct sedge_logwindow w[] = {{10, 20}, {30, 40}};

    (void)st;
    assert_false(sedge_logwindow_has(w, 2, 10));
    assert_true(sedge_logwindow_has(w, 2, 11));
    assert_false(sedge_logwindow_has(w, 2, 20));
    assert_true(sedge_logwindow_has(w, 2, 39));
    assert_true(sedge_logwindow_has(w, 0, 5));
    assert_false(sedge_logwindow_over(w, 2, 39));
    assert_true(sedge_logwindow_over(w, 2, 40));
    assert_false(sedge_logwindow_over(w, 0, 40));
}

static void stamps_of_lines_are_read(void **st)
{
    static const struct {
        const char *text;
        size_t used;
        int64_t want;
    } rows[] = {{"2024-03-07T10:15:42.123Z [INFO]", 24, NOW}, {"2024-03-07T10:15:42Z x", 20, NOW - 123},
                {"2024-03-07T11:15:42.123+01:00 x", 29, NOW}, {"2024-03-07T05:15:42.123-0500 x", 28, NOW},
                {"2024-03-07T10:15:42.123 x", 0, 0},          {"hello", 0, 0}};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        int64_t got = 0;
        assert_int_equal(sedge_logtime_stamp(rows[i].text, &got), rows[i].used);
        if (rows[i].used) assert_true(got == rows[i].want);
    }
}

static void stamps_of_the_system_log_are_of_this_year(void **st)
{
    int64_t got = 0;

    (void)st;
    assert_int_equal(sedge_logtime_syslog("Mar  7 11:15:42 host", NOW, &got), 15);
    assert_true(got == NOW - 123);
    assert_int_equal(sedge_logtime_syslog("Mar 07 11:15:42 host", NOW, &got), 15);
    assert_true(got == NOW - 123);
    assert_int_equal(sedge_logtime_syslog("Mrz  7 11:15:42 host", NOW, &got), 0);
    assert_int_equal(sedge_logtime_syslog("Mar 32 11:15:42 host", NOW, &got), 0);
}

static void times_are_shown_in_the_local_zone(void **st)
{
    char text[64];

    (void)st;
    sedge_logtime_local(NOW, text, sizeof text);
    assert_string_equal(text, "2024-03-07 11:15:42 CET");
    sedge_logtime_offset(NOW, text, sizeof text);
    assert_string_equal(text, "2024-03-07T11:15:42.123+01:00");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_in_time_are_read_in_all_forms),
        cmocka_unit_test(other_texts_are_no_time),
        cmocka_unit_test(windows_have_two_ends),
        cmocka_unit_test(the_ends_are_outside_and_several_windows_are_ored),
        cmocka_unit_test(stamps_of_lines_are_read),
        cmocka_unit_test(stamps_of_the_system_log_are_of_this_year),
        cmocka_unit_test(times_are_shown_in_the_local_zone),
    };
    return cmocka_run_group_tests(tests, zone, NULL);
}
