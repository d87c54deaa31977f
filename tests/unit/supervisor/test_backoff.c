#include "../test.h"

#include "base/mem.h"
#include "supervisor/backoff.h"

static const struct sedge_backoff_settings plain = {
    .on = true, .initial_ms = 1000, .max_ms = 300000, .factor = 2, .jitter = 0, .reset_after_ms = 600000};

static void pauses_double_up_to_the_longest(void **st)
{
    static const int64_t expected[] = {1000, 2000, 4000, 8000, 16000, 32000, 64000, 128000, 256000, 300000, 300000};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(expected); i++)
        assert_int_equal(sedge_backoff_pause_ms(&plain, (int)i + 1, 12345), expected[i]);
    assert_int_equal(sedge_backoff_pause_ms(&plain, 2147483647, 0), 300000);
}

static void other_factors_are_possible(void **st)
{
    struct sedge_backoff_settings s = plain;

    (void)st;
    s.factor = 1;
    assert_int_equal(sedge_backoff_pause_ms(&s, 2147483647, 0), 1000);
    s.factor = 1.5;
    assert_int_equal(sedge_backoff_pause_ms(&s, 3, 0), 2250);
    s.factor = 100;
    assert_int_equal(sedge_backoff_pause_ms(&s, 2, 0), 100000);
    s.initial_ms = 400000; /* never longer than the longest */
    assert_int_equal(sedge_backoff_pause_ms(&s, 1, 0), 300000);
}

static void jitter_takes_a_random_share_off(void **st)
{
    struct sedge_backoff_settings s = plain;

    (void)st;
    s.jitter = 0.2;
    assert_int_equal(sedge_backoff_pause_ms(&s, 1, 0), 1000);
    assert_int_equal(sedge_backoff_pause_ms(&s, 1, UINT32_MAX), 800);
    assert_in_range(sedge_backoff_pause_ms(&s, 1, UINT32_MAX / 2), 899, 901);
    s.jitter = 1;
    assert_int_equal(sedge_backoff_pause_ms(&s, 20, UINT32_MAX), 0);
    for (uint32_t r = 0; r < 1000; r++)
        assert_in_range(sedge_backoff_pause_ms(&s, 20, r * 4294967u), 0, 300000);
}

static void the_count_goes_up_until_the_component_was_stable(void **st)
{
    (void)st;
    assert_int_equal(sedge_backoff_count(&plain, 0, 0), 1);
    assert_int_equal(sedge_backoff_count(&plain, 7, 0), 8);
    assert_int_equal(sedge_backoff_count(&plain, 7, 599999), 8);
    assert_int_equal(sedge_backoff_count(&plain, 7, 600000), 1);
    assert_int_equal(sedge_backoff_count(&plain, 2147483647, 0), 2147483647);
}

static void without_a_stable_time_every_run_counts_as_stable(void **st)
{
    struct sedge_backoff_settings s = plain;

    (void)st;
    s.reset_after_ms = 0;
    assert_int_equal(sedge_backoff_count(&s, 7, 1), 1);
    assert_int_equal(sedge_backoff_count(&s, 7, 0), 8); /* did not run */
}

static void it_gives_up_only_when_told_to(void **st)
{
    struct sedge_backoff_settings s = plain;

    (void)st;
    assert_false(sedge_backoff_gives_up(&s, 2147483647));
    s.attempts = 5;
    assert_false(sedge_backoff_gives_up(&s, 4));
    assert_true(sedge_backoff_gives_up(&s, 5));
    assert_true(sedge_backoff_gives_up(&s, 6)); /* the number may shrink while it counts */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_double_up_to_the_longest),
        cmocka_unit_test(other_factors_are_possible),
        cmocka_unit_test(jitter_takes_a_random_share_off),
        cmocka_unit_test(the_count_goes_up_until_the_component_was_stable),
        cmocka_unit_test(without_a_stable_time_every_run_counts_as_stable),
        cmocka_unit_test(it_gives_up_only_when_told_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
