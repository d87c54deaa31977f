#include "telemetry.h"

#include <string.h>

#include "cloud/commands/args.h"
#include "cloud/query.h"

int sedge_telemetry_add(struct sedge_db *db, int64_t thing_id, struct json_object *out, struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_q(db, err, "SELECT at, body FROM telemetry WHERE thing_id=?1", "i", thing_id);
    int rc = q ? sedge_db_step(db, q, err) : -1;

    if (rc == 1) {
        const char *text = sedge_db_text(q, 1);
        struct json_object *o = json_object_new_object();

        sedge_json_add_i64(o, "receivedAt", sqlite3_column_int64(q, 0));
        (void)json_object_object_add(o, "message", sedge_json_parse(text, strlen(text), "telemetry", NULL));
        (void)json_object_object_add(out, "telemetry", o); /* takes o */
    }
    (void)sqlite3_finalize(q);
    return rc < 0 ? -1 : 0;
}

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

void sedge_telemetry_print(struct json_object *telemetry, FILE *f)
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
