#include "../test.h"

#include "base/mem.h"
#include "deploy/patience.h"

static void pauses_grow_up_to_the_longest_and_are_half_chance(void **st)
{
    static const struct {
        int64_t tries, least, most;
    } rows[] = {{1, 1000, 2000}, {2, 2000, 4000}, {5, 16000, 32000}, {6, 30000, 60000}, {1000, 30000, 60000}};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        assert_int_equal(sedge_patience_ms(rows[i].tries, 2000, 60000, 0), rows[i].least);
        for (uint32_t random = 1; random < 2000000; random += 997) {
            int64_t ms = sedge_patience_ms(rows[i].tries, 2000, 60000, random);

            assert_true(ms >= rows[i].least && ms <= rows[i].most);
        }
    }
}

static void strange_bounds_still_give_a_pause(void **st)
{
    (void)st;
    assert_true(sedge_patience_ms(1, 0, 0, 7) >= 0);
    assert_true(sedge_patience_ms(9, 5000, 10, 7) >= 2500);
    assert_true(sedge_patience_ms(9, 5000, 10, 7) <= 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pauses_grow_up_to_the_longest_and_are_half_chance),
        cmocka_unit_test(strange_bounds_still_give_a_pause),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
