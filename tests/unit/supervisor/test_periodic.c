#include "../test.h"

#include "base/json.h"
#include "base/mem.h"
#include "supervisor/periodic.h"

static struct sedge_periodic read_text(const char *text, struct sedge_strv *warnings)
{
    struct sedge_periodic p;
    sedge_auto_put struct json_object *v = json_tokener_parse(text);

    sedge_periodic_read(v, &p, warnings);
    return p;
}

static void the_interval_is_a_number_or_a_member(void **st)
{
    static const struct {
        const char *text;
        int64_t interval_ms, phase_ms;
        double fuzz;
        size_t warnings;
    } rows[] = {
        {"null", 0, 0, 0.5, 0},
        {"60", 60000, 0, 0.5, 0},
        {"\"1.5\"", 1500, 0, 0.5, 0},
        {"{}", 300000, 0, 0.5, 0},
        {"{\"Interval\":60,\"FUZZ\":0,\"phase\":\"7\"}", 60000, 7000, 0, 0},
        {"0", 300000, 0, 0.5, 1},
        {"\"often\"", 300000, 0, 0.5, 1},
        {"{\"interval\":10,\"fuzz\":2,\"phase\":-1}", 10000, 0, 0.5, 2},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_strv struct sedge_strv warnings = {NULL, 0};
        struct sedge_periodic p = read_text(rows[i].text, &warnings);
        assert_int_equal(p.interval_ms, rows[i].interval_ms);
        assert_int_equal(p.phase_ms, rows[i].phase_ms);
        assert_true(p.fuzz >= rows[i].fuzz && p.fuzz <= rows[i].fuzz);
        assert_int_equal(warnings.n, rows[i].warnings);
    }
}

static void starts_are_due_at_multiples_of_the_interval(void **st)
{
    struct sedge_periodic p = {.interval_ms = 60000, .fuzz = 0};

    (void)st;
    assert_int_equal(sedge_periodic_delay_ms(&p, 600000, 5), 60000);
    assert_int_equal(sedge_periodic_delay_ms(&p, 600001, 5), 59999);
    assert_int_equal(sedge_periodic_delay_ms(&p, 659999, 5), 1);
    p.phase_ms = 10000;
    assert_int_equal(sedge_periodic_delay_ms(&p, 600000, 5), 10000);
    assert_int_equal(sedge_periodic_delay_ms(&p, 5000, 5), 5000); /* the clock of a device without a battery */
}

static void fuzz_delays_a_start_at_random(void **st)
{
    struct sedge_periodic p = {.interval_ms = 60000, .fuzz = 0.5};

    (void)st;
    assert_int_equal(sedge_periodic_delay_ms(&p, 659000, 0), 1000);
    assert_int_equal(sedge_periodic_delay_ms(&p, 659000, UINT32_MAX), 31000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_interval_is_a_number_or_a_member),
        cmocka_unit_test(starts_are_due_at_multiples_of_the_interval),
        cmocka_unit_test(fuzz_delays_a_start_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
