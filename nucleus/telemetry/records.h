/*
 * records - the logs of <root>/telemetry (spec/config.md 13.2): they are all the memory that telemetry has.
 *
 *   struct sedge_logfile *f = sedge_metric_log(dir, "SystemMetrics");
 *   sedge_metric_write(f, "SystemMetrics", "CpuUsage", "Percent", "Average", json_object_new_double(12.5), now);
 *   sedge_metrics_read(dir, after, until, a);          // <namespace>.log and what it was rotated to, into an aggregate
 *   sedge_points_write(points_log, "{\"TS\":...}");    // AggregateMetrics.log
 *   sedge_points_read(dir, after, until, &texts);
 *
 * A line is a JSON log line whose message is JSON itself: {"NS","N","U","A","V","TS"} for a value, {"TS","NS","M"} for
 * a data point. Lines that are not (cut by a power cut) are passed over. Times are those of the lines, after < TS <=
 * until. Writing: the page cache, loop thread. Reading blocks: for a worker; it may go on while lines are written.
 */
#ifndef SEDGE_TELEMETRY_RECORDS_H
#define SEDGE_TELEMETRY_RECORDS_H

#include <json-c/json.h>
#include <stdint.h>

#include "aggregate.h"
#include "base/logfile.h"

#define SEDGE_TELEMETRY_FILE_KB    1024  /* a log is rotated */
#define SEDGE_TELEMETRY_TOTAL_KB   10240 /* the oldest logs of that name are deleted */
#define SEDGE_TELEMETRY_POINTS_MAX 2048  /* data points that one reading gives: the newest */
#define SEDGE_TELEMETRY_POINTS     "AggregateMetrics"

struct sedge_logfile *sedge_metric_log(const char *dir, const char *name);
/* `value` is taken over. unit and kind: as aggregate.h has them. */
void sedge_metric_write(struct sedge_logfile *f, const char *namespace, const char *name, const char *unit,
                        const char *kind, struct json_object *value, int64_t ts);
void sedge_metrics_read(const char *dir, int64_t after, int64_t until, struct sedge_aggregate *a);

void sedge_points_write(struct sedge_logfile *f, const char *point);
void sedge_points_read(const char *dir, int64_t after, int64_t until, struct sedge_strv *out);

#endif
