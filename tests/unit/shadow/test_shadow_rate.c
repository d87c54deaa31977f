#include "../test.h"

#include "base/mem.h"
#include "shadow/rate.h"

static int taken(struct sedge_shadow_rate *r, const char *thing, int64_t now_ms, int tries)
{
    int n = 0;

    for (int i = 0; i < tries; i++)
        n += sedge_shadow_rate_take(r, thing, 200, 20, now_ms);
    return n;
}

static void a_thing_has_twenty_a_second(void **st)
{
    struct sedge_shadow_rate r = SEDGE_SHADOW_RATE_INIT;

    (void)st;
    assert_int_equal(taken(&r, "a", 1000, 100), 20);
    assert_int_equal(taken(&r, "b", 1000, 100), 20); /* its own */
    assert_int_equal(taken(&r, "a", 1500, 100), 10); /* half a second later */
    assert_int_equal(taken(&r, "a", 9000, 100), 20); /* no more than a second's */
    sedge_shadow_rate_release(&r);
}

static void all_things_have_two_hundred(void **st)
{
    struct sedge_shadow_rate r = SEDGE_SHADOW_RATE_INIT;
    int n = 0;

    (void)st;
    for (int i = 0; i < 30; i++) {
        sedge_auto_free char *thing = sedge_xasprintf("t%d", i);
        n += taken(&r, thing, 1000, 20);
    }
    assert_int_equal(n, 200);
    sedge_shadow_rate_release(&r);
}

static void things_that_are_silent_are_forgotten(void **st)
{
    struct sedge_shadow_rate r = SEDGE_SHADOW_RATE_INIT;

    (void)st;
    for (int i = 0; i < 5000; i++) {
        sedge_auto_free char *thing = sedge_xasprintf("t%d", i);
        (void)sedge_shadow_rate_take(&r, thing, 200, 20, 1000 + 5 * i);
    }
    assert_true(r.n <= 201);
    sedge_shadow_rate_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thing_has_twenty_a_second),
        cmocka_unit_test(all_things_have_two_hundred),
        cmocka_unit_test(things_that_are_silent_are_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
