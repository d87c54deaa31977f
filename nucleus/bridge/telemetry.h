/*
 * telemetry - measures the machine and counts the components, and tells the cloud (greengrass/health/json).
 *
 *   struct sedge_telemetry *t = sedge_telemetry_new(loop, config, &options, &ops);
 *   sedge_telemetry_start(t, mqtt);                // NULL: measures only
 *   sedge_telemetry_set(t, &settings);             // at each change of the configuration
 *   sedge_telemetry_close(t, closed_cb, me);       // before the session and the configuration
 *
 * Once in an aggregation interval the present values go to the logs of `dir`, together with what components put there
 * meanwhile they are summed up, and the sums go to AggregateMetrics.log (telemetry/records.h). Once in a publication
 * interval what has been summed up since the last successful publication is sent. The logs and two times below
 * services.TelemetryAgent.runtime of the configuration are all the memory: a kill loses nothing of it.
 *
 * The first publication after a start comes at random within one aggregation interval. One that is due while the device
 * is offline is left out, and the next one has its data points, too. Between two intervals nothing runs. Loop thread
 * only; the logs are read by a worker.
 */
#ifndef SEDGE_BRIDGE_TELEMETRY_H
#define SEDGE_BRIDGE_TELEMETRY_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "config/config.h"
#include "mqtt/session.h"

#define SEDGE_TELEMETRY_AGENT       "TelemetryAgent"
#define SEDGE_TELEMETRY_MESSAGE_MAX 128000
#define SEDGE_TELEMETRY_SCHEMA_DATE "2022-06-30"

struct sedge_telemetry_settings {
    bool enabled;
    int64_t aggregate_s, publish_s; /* above 0 */
};
struct sedge_telemetry_options {
    const char *dir;   /* <root>/telemetry; copied, as the next */
    const char *thing; /* NULL without a cloud */
    struct sedge_telemetry_settings settings;
};
struct sedge_telemetry_ops {
    void *env;
    /* How many components are in a state ("RUNNING"), those that are built in included. */
    int64_t (*count)(void *env, const char *state);
};

struct sedge_telemetry;
struct sedge_telemetry *sedge_telemetry_new(uv_loop_t *loop, struct sedge_config *config,
                                            const struct sedge_telemetry_options *o,
                                            const struct sedge_telemetry_ops *ops);
void sedge_telemetry_start(struct sedge_telemetry *t, struct sedge_mqtt *mqtt);
/* An interval that is over with the new length ends soon. The same settings again change nothing. */
void sedge_telemetry_set(struct sedge_telemetry *t, const struct sedge_telemetry_settings *s);
void sedge_telemetry_close(struct sedge_telemetry *t, void (*closed)(void *user), void *user);

/* Pure: the data points (JSON texts) as messages of at most `max` bytes, appended to *out. One that does not fit alone
 * is left out; returns how many. At least one message. */
size_t sedge_telemetry_messages(const struct sedge_strv *points, size_t max, struct sedge_strv *out);

#endif
