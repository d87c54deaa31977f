/*
 * metrics - numbers for the operator, in the text format that Prometheus reads.
 *
 * Counters are kept in memory since the start of `serve`; the rest is read from the database when it is asked for. Any
 * thread.
 */
#ifndef SEDGE_CLOUD_METRICS_H
#define SEDGE_CLOUD_METRICS_H

#include <stdint.h>

#include "base/buf.h"
#include "cloud/cloud.h"

#define SEDGE_METRICS_SERIES_MAX 512 /* combinations of plane, operation and status; more are counted as "other" */

/* name, type, help */
#define SEDGE_METRICS(X)                                                                                               \
    X(MQTT_CONNECTED, "sedge_mqtt_connected", "gauge", "1 while the broker is connected")                              \
    X(MQTT_QUEUE, "sedge_mqtt_inbound_messages", "gauge", "messages of devices in the last batch")                     \
    X(MQTT_IN, "sedge_mqtt_received_total", "counter", "messages of devices")                                          \
    X(MQTT_DROPPED, "sedge_mqtt_dropped_total", "counter",                                                             \
      "messages of devices dropped, because too many came at once")                                                    \
    X(MQTT_FAILED, "sedge_mqtt_failed_total", "counter", "messages of devices that could not be handled")              \
    X(MQTT_SENT, "sedge_mqtt_sent_total", "counter", "messages that the broker took")                                  \
    X(COMMITS, "sedge_database_commits_total", "counter", "transactions with messages of devices")                     \
    X(COMMIT_MS, "sedge_database_commit_milliseconds_total", "counter", "time that they took")                         \
    X(STORE_ERRORS, "sedge_object_store_errors_total", "counter", "failed attempts to reach the object store")         \
    X(NOT_ALLOWED, "sedge_data_plane_unlisted_total", "counter",                                                       \
      "components asked for that no deployment of the thing has")
enum sedge_metric {
#define X(sym, name, type, help) SEDGE_METRIC_##sym,
    SEDGE_METRICS(X)
#undef X
        SEDGE_METRIC_COUNT
};
void sedge_metrics_add(enum sedge_metric m, int64_t n);
void sedge_metrics_set(enum sedge_metric m, int64_t value);

/* One HTTP request. Texts are of the program, not of the peer. */
void sedge_metrics_request(const char *plane, const char *operation, int status, int64_t ms);

/* Appends everything. */
int sedge_metrics_write(struct sedge_cloud *c, int64_t now_ms, struct sedge_buf *out, struct sedge_err *err);

#endif
