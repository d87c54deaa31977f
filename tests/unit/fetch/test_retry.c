#include "../test.h"

#include "base/mem.h"
#include "fetch_helper/helper/retry.h"

static void delays_double_up_to_the_limit_with_jitter(void **st)
{
    static const struct {
        int64_t attempt, asked;
        uint32_t random;
        int64_t delay;
    } rows[] = {
        {1, 0, 0, 250},     {1, 0, 250, 500},      {2, 0, 0, 500},       {3, 0, 0, 1000},
        {6, 0, 0, 8000},    {7, 0, 0, 10000},      {7, 0, 10000, 20000}, {1000, 0, 10000, 20000},
        {1, 3000, 0, 3000}, {1, 900000, 0, 20000}, {7, 1000, 0, 10000},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++)
        assert_int_equal(sedge_retry_delay_ms(rows[i].attempt, 500, 20000, rows[i].asked, rows[i].random),
                         rows[i].delay);
}

static void odd_settings_give_a_delay_all_the_same(void **st)
{
    (void)st;
    assert_int_equal(sedge_retry_delay_ms(1, 0, 0, 0, 7), 0);
    assert_int_equal(sedge_retry_delay_ms(5, 1, 1, 0, 7), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_double_up_to_the_limit_with_jitter),
        cmocka_unit_test(odd_settings_give_a_delay_all_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
