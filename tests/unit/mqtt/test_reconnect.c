#include "../test.h"

#include "mqtt/reconnect.h"

static void the_wait_doubles_up_to_the_maximum_and_is_jittered(void **st)
{
    static const struct {
        unsigned failures;
        uint32_t random;
        int64_t want;
    } rows[] = {
        {1, 0, 5000},
        {1, UINT32_MAX, 10000},
        {2, UINT32_MAX, 20000},
        {5, UINT32_MAX, 160000},
        {6, UINT32_MAX, 300000},
        {60, 0, 5000},
        {60, UINT32_MAX, 300000},
        {4000000000u, UINT32_MAX, 300000},
    };

    (void)st;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(sedge_reconnect_delay_ms(rows[i].failures, 5000, 300000, rows[i].random), rows[i].want);
}

static void odd_bounds_still_give_a_wait(void **st)
{
    (void)st;
    assert_int_equal(sedge_reconnect_delay_ms(3, 0, 0, UINT32_MAX), 1);
    assert_int_equal(sedge_reconnect_delay_ms(3, 100, 50, 77), 100);
    assert_int_equal(sedge_reconnect_delay_ms(1, INT64_C(1) << 61, INT64_MAX, 0), INT64_C(1) << 61);
}

static void a_bucket_holds_one_second_and_refills(void **st)
{
    struct sedge_bucket b;

    (void)st;
    sedge_bucket_init(&b, 10, 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(sedge_bucket_take(&b, 1, 0), 0);
    assert_in_range(sedge_bucket_take(&b, 1, 0), 100, 101);
    assert_int_equal(sedge_bucket_take(&b, 1, 101), 0);
    assert_int_not_equal(sedge_bucket_take(&b, 1, 101), 0);
    assert_int_equal(sedge_bucket_wait(&b, 10, 1000000), 0);
}

static void more_than_the_bucket_holds_passes_when_it_is_full_and_is_paid_back(void **st)
{
    struct sedge_bucket b;

    (void)st;
    sedge_bucket_init(&b, 100, 0);
    assert_int_equal(sedge_bucket_take(&b, 300, 0), 0);
    assert_int_not_equal(sedge_bucket_take(&b, 1, 1000), 0);
    assert_int_equal(sedge_bucket_take(&b, 1, 2100), 0);
    sedge_bucket_init(&b, 0, 0);
    assert_int_equal(sedge_bucket_take(&b, 1e9, 0), 0); /* no limit */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wait_doubles_up_to_the_maximum_and_is_jittered),
        cmocka_unit_test(odd_bounds_still_give_a_wait),
        cmocka_unit_test(a_bucket_holds_one_second_and_refills),
        cmocka_unit_test(more_than_the_bucket_holds_passes_when_it_is_full_and_is_paid_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
