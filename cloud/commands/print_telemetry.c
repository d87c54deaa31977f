#include "base/json.h"
#include "commands.h"

#include <string.h>

/* Text values (of the operating system) stand in the unit. */
static void print_metric(struct json_object *m, bool first, FILE *f)
{
    const char *unit = sedge_json_str(m, "U", "");
    bool text = sedge_json_str(m, "N", "")[0] && strcmp(unit, "Count") != 0 && strcmp(unit, "Percent") != 0 &&
                strcmp(unit, "Megabytes") != 0;

    (void)fprintf(f, "%s%s ", first ? "" : ", ", sedge_json_str(m, "N", "?"));
    if (text)
        (void)fputs(unit, f);
    else
        (void)fprintf(f, "%g%s", sedge_json_double(m, "Sum", 0),
                      strcmp(unit, "Percent") == 0     ? " %"
                      : strcmp(unit, "Megabytes") == 0 ? " MB"
                                                       : "");
}

static void print_point(struct json_object *point, FILE *f)
{
    struct json_object *metrics = sedge_json_arr(point, "M");
    size_t n = metrics ? json_object_array_length(metrics) : 0;

    (void)fprintf(f, "  %s: ", sedge_json_str(point, "NS", "?"));
    for (size_t i = 0; i < n; i++)
        print_metric(json_object_array_get_idx(metrics, i), i == 0, f);
    (void)fputc('\n', f);
}

/* Two points are of one kind when namespace and first metric are the same. */
static bool same_kind(struct json_object *a, struct json_object *b)
{
    struct json_object *ma = sedge_json_arr(a, "M"), *mb = sedge_json_arr(b, "M");

    if (strcmp(sedge_json_str(a, "NS", ""), sedge_json_str(b, "NS", "")) != 0) return false;
    return !ma || !mb || !json_object_array_length(ma) || !json_object_array_length(mb) ||
           strcmp(sedge_json_str(json_object_array_get_idx(ma, 0), "N", ""),
                  sedge_json_str(json_object_array_get_idx(mb, 0), "N", "")) == 0;
}

static bool superseded(struct json_object *points, size_t at)
{
    struct json_object *p = json_object_array_get_idx(points, at);

    for (size_t i = 0; i < json_object_array_length(points); i++) {
        struct json_object *o = json_object_array_get_idx(points, i);
        int64_t a = sedge_json_i64(p, "TS", 0), b = sedge_json_i64(o, "TS", 0);

        if (i != at && same_kind(p, o) && (b > a || (b == a && i > at))) return true;
    }
    return false;
}

void sedge_print_telemetry(struct json_object *telemetry, FILE *f)
{
    struct json_object *points = sedge_json_arr(sedge_json_obj(telemetry, "message"), "ADP");
    char ago[32];

    if (!points) return;
    sedge_ago(sedge_json_i64(telemetry, "receivedAt", 0), ago);
    (void)fprintf(f, "\nTelemetry (%s):\n", ago);
    for (size_t i = 0; i < json_object_array_length(points); i++) {
        if (!superseded(points, i)) print_point(json_object_array_get_idx(points, i), f);
    }
}
