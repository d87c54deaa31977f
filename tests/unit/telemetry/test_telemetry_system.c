#include "../test.h"

#include "base/json.h"
#include "base/mem.h"
#include "telemetry/system.h"

static const char stat_text[] = "cpu  100 20 30 800 50 0 0 0 7 3\ncpu0 100 20 30 800 50 0 0 0 7 3\n";

static void waiting_processors_are_not_busy(void **st)
{
    struct sedge_cpu_time t = {0};

    (void)st;
    assert_int_equal(sedge_system_cpu_time(stat_text, &t), 0);
    assert_int_equal(t.total, 1000);
    assert_int_equal(t.busy, 150);
    assert_int_equal(sedge_system_cpu_time("intr 1 2 3", &t), -1);
    assert_int_equal(t.total, 1000);
}

static void the_share_is_that_of_the_time_between_two_readings(void **st)
{
    struct sedge_cpu_time before = {.busy = 150, .total = 1000}, now = {.busy = 175, .total = 1100};

    (void)st;
    assert_true(sedge_system_cpu_share(&before, &now) == 25.0);
    assert_true(sedge_system_cpu_share(&now, &now) == 0);
    assert_true(sedge_system_cpu_share(&now, &before) == 0); /* counters that went back */
}

static void files_and_memory_are_those_in_use(void **st)
{
    double v = -1;

    (void)st;
    assert_int_equal(sedge_system_files("1432\t0\t9223372036854775807\n", &v), 0);
    assert_true(v == 1432);
    assert_int_equal(sedge_system_files("", &v), -1);
    assert_int_equal(sedge_system_memory_mb("MemTotal:        4096 kB\nMemFree: 1 kB\nMemAvailable:    1024 kB\n", &v),
                     0);
    assert_true(v == 3.0);
    assert_int_equal(sedge_system_memory_mb("MemTotal: 4096 kB\n", &v), -1);
}

static void this_machine_can_be_read(void **st)
{
    struct sedge_cpu_time last = {0};
    struct sedge_system_load load;
    sedge_auto_put struct json_object *os = sedge_system_identity();
    static const char *const names[] = {"OSName", "OSVersion", "KernelVersion", "CPUArchitecture"};

    (void)st;
    sedge_system_load(&last, &load);
    assert_true(load.cpu_percent > 0 && load.cpu_percent <= 100); /* since the boot */
    assert_true(load.files > 0 && load.memory_mb > 0);
    assert_int_equal(json_object_array_length(os), SEDGE_ARRAY_LEN(names));
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(names); i++) {
        struct json_object *o = json_object_array_get_idx(os, i);
        assert_string_equal(sedge_json_str(o, "N", ""), names[i]);
        assert_string_not_equal(sedge_json_str(o, "U", ""), "");
        assert_true(sedge_json_double(o, "Sum", 0) == 1.0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waiting_processors_are_not_busy),
        cmocka_unit_test(the_share_is_that_of_the_time_between_two_readings),
        cmocka_unit_test(files_and_memory_are_those_in_use),
        cmocka_unit_test(this_machine_can_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
