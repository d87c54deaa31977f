/*
 * aggregate - many values of metrics into one for each (pure).
 *
 *   struct sedge_aggregate *a = sedge_aggregate_new();
 *   sedge_aggregate_add(a, "SystemMetrics", "CpuUsage", "Percent", "Average", 12.5);
 *   sedge_aggregate_points(a, period_end_ms, &texts);      // {"TS":..,"NS":"SystemMetrics","M":[{"N","Sum","U"}]}
 *   sedge_aggregate_free(a);
 *
 * A series is a namespace and a name; unit and kind are those of its newest value. The kind says what becomes of the
 * values: Average, Sum, Maximum, Minimum, Count (how many there were); another word counts as Average. Values of more
 * than SEDGE_TELEMETRY_SERIES_MAX series are left out. One thread at a time.
 */
#ifndef SEDGE_TELEMETRY_AGGREGATE_H
#define SEDGE_TELEMETRY_AGGREGATE_H

#include <stdint.h>

#include "base/str.h"

#define SEDGE_TELEMETRY_SERIES_MAX 1000 /* in one aggregation */
#define SEDGE_TELEMETRY_POINT_MAX  250  /* metrics in one data point; more make another one */

struct sedge_aggregate;

struct sedge_aggregate *sedge_aggregate_new(void);
void sedge_aggregate_free(struct sedge_aggregate *a); /* NULL is fine */
void sedge_aggregate_add(struct sedge_aggregate *a, const char *namespace, const char *name, const char *unit,
                         const char *kind, double value);
/* Appends the data points as JSON texts, namespaces and names in the order of their first values. */
void sedge_aggregate_points(const struct sedge_aggregate *a, int64_t ts, struct sedge_strv *out);
/* The name that the logs have for a unit ("MEGA_BYTES" and "megabytes": "Megabytes"); NULL: there is no such unit. */
const char *sedge_metric_unit(const char *text);

#endif
