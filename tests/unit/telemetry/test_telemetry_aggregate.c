#include "../test.h"

#include "base/json.h"
#include "base/mem.h"
#include "telemetry/aggregate.h"

static void values_become_one_by_their_kind(void **st)
{
    static const struct {
        const char *kind, *text;
    } rows[] = {{"Average", "{\"TS\":9,\"NS\":\"n\",\"M\":[{\"N\":\"m\",\"Sum\":3.0,\"U\":\"Count\"}]}"},
                {"Sum", "{\"TS\":9,\"NS\":\"n\",\"M\":[{\"N\":\"m\",\"Sum\":9.0,\"U\":\"Count\"}]}"},
                {"Maximum", "{\"TS\":9,\"NS\":\"n\",\"M\":[{\"N\":\"m\",\"Sum\":5.5,\"U\":\"Count\"}]}"},
                {"Minimum", "{\"TS\":9,\"NS\":\"n\",\"M\":[{\"N\":\"m\",\"Sum\":1.0,\"U\":\"Count\"}]}"},
                {"Count", "{\"TS\":9,\"NS\":\"n\",\"M\":[{\"N\":\"m\",\"Sum\":3.0,\"U\":\"Count\"}]}"},
                {"Median", "{\"TS\":9,\"NS\":\"n\",\"M\":[{\"N\":\"m\",\"Sum\":3.0,\"U\":\"Count\"}]}"}};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_aggregate *a = sedge_aggregate_new();
        sedge_auto_strv struct sedge_strv out = {NULL, 0};
        sedge_aggregate_add(a, "n", "m", "Count", rows[i].kind, 2.5);
        sedge_aggregate_add(a, "n", "m", "Count", rows[i].kind, 5.5);
        sedge_aggregate_add(a, "n", "m", "Count", rows[i].kind, 1.0);
        sedge_aggregate_points(a, 9, &out);
        assert_int_equal(out.n, 1);
        assert_string_equal(out.v[0], rows[i].text);
        sedge_aggregate_free(a);
    }
}

static void each_namespace_has_its_own_point(void **st)
{
    struct sedge_aggregate *a = sedge_aggregate_new();
    sedge_auto_strv struct sedge_strv out = {NULL, 0};

    (void)st;
    sedge_aggregate_points(a, 1, &out);
    assert_int_equal(out.n, 0);
    sedge_aggregate_add(a, "n", "m", "Count", "Sum", 1);
    sedge_aggregate_add(a, "o", "m", "Count", "Sum", 2);
    sedge_aggregate_add(a, "n", "k", "Bytes", "Sum", 3);
    sedge_aggregate_points(a, 1, &out);
    assert_int_equal(out.n, 2);
    assert_string_equal(out.v[0], "{\"TS\":1,\"NS\":\"n\",\"M\":[{\"N\":\"m\",\"Sum\":1.0,\"U\":\"Count\"},"
                                  "{\"N\":\"k\",\"Sum\":3.0,\"U\":\"Bytes\"}]}");
    sedge_aggregate_free(a);
}

static void many_series_make_several_points_and_too_many_are_left_out(void **st)
{
    struct sedge_aggregate *a = sedge_aggregate_new();
    sedge_auto_strv struct sedge_strv out = {NULL, 0};

    (void)st;
    for (int i = 0; i < SEDGE_TELEMETRY_SERIES_MAX + 10; i++) {
        sedge_auto_free char *name = sedge_xasprintf("m%d", i);
        sedge_aggregate_add(a, "n", name, "Count", "Sum", 1);
    }
    sedge_aggregate_points(a, 1, &out);
    assert_int_equal(out.n, SEDGE_TELEMETRY_SERIES_MAX / SEDGE_TELEMETRY_POINT_MAX);
    for (size_t i = 0; i < out.n; i++) {
        sedge_auto_put struct json_object *o = sedge_json_parse_object(out.v[i], strlen(out.v[i]), "point", NULL);
        assert_int_equal(json_object_array_length(sedge_json_arr(o, "M")), SEDGE_TELEMETRY_POINT_MAX);
    }
    sedge_aggregate_free(a);
}

static void units_are_known_in_any_spelling(void **st)
{
    (void)st;
    assert_string_equal(sedge_metric_unit("BYTES_PER_SECOND"), "BytesPerSecond");
    assert_string_equal(sedge_metric_unit("megaBytes"), "Megabytes");
    assert_null(sedge_metric_unit("PARSECS"));
    assert_null(sedge_metric_unit("Count/s"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_become_one_by_their_kind),
        cmocka_unit_test(each_namespace_has_its_own_point),
        cmocka_unit_test(many_series_make_several_points_and_too_many_are_left_out),
        cmocka_unit_test(units_are_known_in_any_spelling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
