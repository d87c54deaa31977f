#include "../test.h"

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "telemetry/records.h"

struct bench {
    char dir[64];
};

static int make_folder(void **st)
{
    struct bench *b = SEDGE_NEW(struct bench);

    (void)snprintf(b->dir, sizeof b->dir, "/tmp/sedge-test-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    *st = b;
    return 0;
}

static int remove_folder(void **st)
{
    struct bench *b = *st;

    (void)sedge_fs_remove_tree(b->dir, NULL);
    free(b);
    return 0;
}

static void write_value(struct sedge_logfile *f, double v, int64_t ts)
{
    sedge_metric_write(f, "aws.meter", "m", "Count", "Sum", json_object_new_double(v), ts);
}

static void expect_sum(struct bench *b, int64_t after, int64_t until, const char *point)
{
    struct sedge_aggregate *a = sedge_aggregate_new();
    sedge_auto_strv struct sedge_strv out = {NULL, 0};

    sedge_metrics_read(b->dir, after, until, a);
    sedge_aggregate_points(a, until, &out);
    assert_int_equal(out.n, point ? 1 : 0);
    if (point) assert_string_equal(out.v[0], point);
    sedge_aggregate_free(a);
}

static void values_of_the_interval_are_read_back(void **st)
{
    struct bench *b = *st;
    struct sedge_logfile *f = sedge_metric_log(b->dir, "aws.meter");
    const int64_t now = 4000000000000; /* files count when they were written after the beginning of the interval */

    (void)now;
    write_value(f, 1, 10);
    write_value(f, 2, 11);
    write_value(f, 4, 20);
    write_value(f, 8, 21);
    sedge_logfile_write(f, "{\"message\":\"{\\\"NS\\\"", 20); /* cut by a power cut */
    sedge_logfile_free(f);
    expect_sum(b, 10, 20, "{\"TS\":20,\"NS\":\"aws.meter\",\"M\":[{\"N\":\"m\",\"Sum\":6.0,\"U\":\"Count\"}]}");
    expect_sum(b, 30, 40, NULL);
    expect_sum(b, now, now + 1, NULL);
}

static void rotated_files_count_once(void **st)
{
    struct bench *b = *st;
    struct sedge_logfile *f = sedge_metric_log(b->dir, "aws.meter");

    sedge_logfile_limits(f, 1, 1000);
    for (int i = 0; i < 100; i++)
        write_value(f, 1, 5);
    sedge_logfile_free(f);
    expect_sum(b, 4, 6, "{\"TS\":6,\"NS\":\"aws.meter\",\"M\":[{\"N\":\"m\",\"Sum\":100.0,\"U\":\"Count\"}]}");
}

static void points_are_read_back_as_they_were_written(void **st)
{
    struct bench *b = *st;
    struct sedge_logfile *f = sedge_metric_log(b->dir, SEDGE_TELEMETRY_POINTS);
    sedge_auto_strv struct sedge_strv out = {NULL, 0};
    static const char text[] =
        "{\"TS\":7,\"NS\":\"SystemMetrics\",\"M\":[{\"N\":\"CpuUsage\",\"Sum\":12.5,\"U\":\"Percent\"}]}";

    sedge_points_write(f, text);
    sedge_points_write(f, "{\"TS\":3,\"NS\":\"SystemMetrics\",\"M\":[]}");
    sedge_logfile_free(f);
    sedge_points_read(b->dir, 3, 7, &out);
    assert_int_equal(out.n, 1);
    assert_string_equal(out.v[0], text);
    expect_sum(b, 0, 10, NULL); /* a point is no value */
}

static void of_very_many_points_the_newest_are_given(void **st)
{
    struct bench *b = *st;
    struct sedge_logfile *f = sedge_metric_log(b->dir, SEDGE_TELEMETRY_POINTS);
    sedge_auto_strv struct sedge_strv out = {NULL, 0};

    for (int i = 1; i <= SEDGE_TELEMETRY_POINTS_MAX + 5; i++) {
        sedge_auto_free char *text = sedge_xasprintf("{\"TS\":%d,\"NS\":\"n\",\"M\":[]}", i);
        sedge_points_write(f, text);
    }
    sedge_logfile_free(f);
    sedge_points_read(b->dir, 0, 100000, &out);
    assert_int_equal(out.n, SEDGE_TELEMETRY_POINTS_MAX);
    assert_string_equal(out.v[0], "{\"TS\":6,\"NS\":\"n\",\"M\":[]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_of_the_interval_are_read_back, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(rotated_files_count_once, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(points_are_read_back_as_they_were_written, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(of_very_many_points_the_newest_are_given, make_folder, remove_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
