/* Telemetry of the nucleus, and its section of the configuration, which is live. */
#include "nucleus.h"

#include "base/mem.h"
#include "config/params.h"

#include <string.h>

#define TELEMETRY "telemetry"

/* Under its name of today, or the older one. */
static int64_t interval(struct sedge_nucleus *n, const char *name, const char *older)
{
    int64_t s = sedge_settings_interval(n, TELEMETRY, name);

    if (s < 0) s = sedge_settings_interval(n, TELEMETRY, older);
    return s < 0 ? sedge_settings_default_interval(TELEMETRY, name) : s;
}

static struct sedge_telemetry_settings settings(struct sedge_nucleus *n)
{
    return (struct sedge_telemetry_settings){
        .enabled = sedge_nucleus_param_bool(n->config, "telemetry.enabled"),
        .aggregate_s = interval(n, "periodicAggregateMetricsIntervalSeconds", "periodicAggregateMetricsIntervalSec"),
        .publish_s = interval(n, "periodicPublishMetricsIntervalSeconds", "periodicPublishMetricsIntervalSec")};
}

struct counting {
    const char *state;
    int64_t n;
};

static int count(const struct sedge_service_info *info, void *user)
{
    struct counting *c = user;

    c->n += strcmp(sedge_lc_wire(info->state), c->state) == 0;
    return 0;
}

/* With the root of all dependencies, which Greengrass calls main and which has nothing to run. */
static int64_t count_cb(void *env, const char *state)
{
    struct sedge_nucleus *n = env;
    struct counting c = {state, strcmp(state, sedge_lc_wire(SEDGE_LC_FINISHED)) == 0};

    sedge_supervisor_each(n->supervisor, count, &c);
    return c.n;
}

void sedge_nucleus_start_telemetry(struct sedge_nucleus *n)
{
    sedge_auto_free char *dir = sedge_xasprintf("%s/telemetry", n->root);
    struct sedge_telemetry_ops ops = {n, count_cb};
    struct sedge_telemetry_options o = {.dir = dir, .settings = settings(n)};

    if (n->mqtt) o.thing = sedge_config_str(n->config, SEDGE_PATH("system", "thingName"), "");
    n->telemetry = sedge_telemetry_new(&n->loop, n->config, &o, &ops);
    sedge_telemetry_start(n->telemetry, n->mqtt);
}

void sedge_nucleus_configure_telemetry(struct sedge_nucleus *n)
{
    struct sedge_telemetry_settings s = settings(n);

    sedge_telemetry_set(n->telemetry, &s);
}
