#include "aggregate.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

struct series {
    char *namespace, *name, *unit, *kind;
    double sum, least, most;
    int64_t n;
};

struct sedge_aggregate {
    struct series *v;
    size_t n;
};

struct sedge_aggregate *sedge_aggregate_new(void)
{
    return SEDGE_NEW(struct sedge_aggregate);
}

void sedge_aggregate_free(struct sedge_aggregate *a)
{
    if (!a) return;
    for (size_t i = 0; i < a->n; i++) {
        free(a->v[i].namespace);
        free(a->v[i].name);
        free(a->v[i].unit);
        free(a->v[i].kind);
    }
    free(a->v);
    free(a);
}

/* NULL when there are too many. */
static struct series *series_of(struct sedge_aggregate *a, const char *namespace, const char *name)
{
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->v[i].namespace, namespace) == 0 && strcmp(a->v[i].name, name) == 0) return &a->v[i];
    if (a->n >= SEDGE_TELEMETRY_SERIES_MAX) return NULL;
    a->v = sedge_xrealloc(a->v, a->n + 1, sizeof *a->v);
    a->v[a->n] = (struct series){.namespace = sedge_xstrdup(namespace), .name = sedge_xstrdup(name)};
    return &a->v[a->n++];
}

static void set_text(char **to, const char *text)
{
    if (*to && strcmp(*to, text) == 0) return;
    free(*to);
    *to = sedge_xstrdup(text);
}

void sedge_aggregate_add(struct sedge_aggregate *a, const char *namespace, const char *name, const char *unit,
                         const char *kind, double value)
{
    struct series *s = series_of(a, namespace, name);

    if (!s) return;
    set_text(&s->unit, unit);
    set_text(&s->kind, kind);
    if (s->n == 0 || value < s->least) s->least = value;
    if (s->n == 0 || value > s->most) s->most = value;
    s->sum += value;
    s->n++;
}

static double value_of(const struct series *s)
{
    if (strcmp(s->kind, "Sum") == 0) return s->sum;
    if (strcmp(s->kind, "Maximum") == 0) return s->most;
    if (strcmp(s->kind, "Minimum") == 0) return s->least;
    if (strcmp(s->kind, "Count") == 0) return (double)s->n;
    return s->sum / (double)s->n;
}

static struct json_object *metric_of(const struct series *s)
{
    struct json_object *o = json_object_new_object();

    sedge_json_add_str(o, "N", s->name);
    (void)json_object_object_add(o, "Sum", json_object_new_double(value_of(s)));
    sedge_json_add_str(o, "U", s->unit);
    return o;
}

static void add_point(int64_t ts, const char *namespace, struct json_object *metrics_take, struct sedge_strv *out)
{
    sedge_auto_put struct json_object *o = json_object_new_object();

    sedge_json_add_i64(o, "TS", ts);
    sedge_json_add_str(o, "NS", namespace);
    (void)json_object_object_add(o, "M", metrics_take);
    sedge_strv_add(out, sedge_json_text(o));
}

static bool is_first_of_namespace(const struct sedge_aggregate *a, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (strcmp(a->v[i].namespace, a->v[at].namespace) == 0) return false;
    return true;
}

void sedge_aggregate_points(const struct sedge_aggregate *a, int64_t ts, struct sedge_strv *out)
{
    for (size_t first = 0; first < a->n; first++) {
        const char *namespace = a->v[first].namespace;
        struct json_object *metrics;
        if (!is_first_of_namespace(a, first)) continue;
        metrics = json_object_new_array();
        for (size_t i = first; i < a->n; i++) {
            if (strcmp(a->v[i].namespace, namespace) != 0) continue;
            if (json_object_array_length(metrics) == SEDGE_TELEMETRY_POINT_MAX) {
                add_point(ts, namespace, metrics, out);
                metrics = json_object_new_array();
            }
            (void)json_object_array_add(metrics, metric_of(&a->v[i]));
        }
        add_point(ts, namespace, metrics, out);
    }
}

/* Letter case and everything but letters and digits do not matter. */
const char *sedge_metric_unit(const char *text)
{
    static const char *const units[] = {"Bytes", "BytesPerSecond", "Count", "CountPerSecond", "Megabytes", "Seconds"};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(units); i++) {
        const char *u = units[i], *t = text;
        for (; *t; t++) {
            if (!isalnum((unsigned char)*t)) continue;
            if (tolower((unsigned char)*t) != tolower((unsigned char)*u)) break;
            u++;
        }
        if (!*t && !*u) return units[i];
    }
    return NULL;
}
