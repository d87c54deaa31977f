/* The cloud side of the nucleus: session, spool, jobs, the shadow of deployments, fleet status, and what the deployer
 * tells them. */
#include "nucleus.h"

#include "base/log.h"
#include "base/mem.h"
#include "bridge/status.h"
#include "config/params.h"
#include "recipe/platform.h"

#include <string.h>

#define GGC_VERSION  "2.17.0"
#define FLEET_STATUS "fleetStatus"
#define CADENCE      "periodicStatusPublishIntervalSeconds"

/* ---- jobs ---- */

static int job_cb(void *env, const struct sedge_job *job, struct sedge_err *err)
{
    struct sedge_nucleus *n = env;

    (void)err; /* a bad document is the deployer's to report, with its cause */
    sedge_deployer_submit_job(n->deployer, job->job_id, job->execution_number, job->document);
    return 0;
}

static void cancel_cb(void *env, const char *job_id, int64_t execution_number)
{
    struct sedge_nucleus *n = env;
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_deployer_cancel(n->deployer, SEDGE_SOURCE_JOBS, job_id, execution_number, &err) < 0)
        sedge_log(SEDGE_INFO, "cloud", "job-cancel", "%s", err.msg);
}

/* ---- the shadow's deployment ---- */

static void thing_deployment_cb(void *env, const char *arn, struct json_object *document)
{
    struct sedge_nucleus *n = env;

    sedge_deployer_submit_shadow(n->deployer, arn, document);
}

static void thing_cancel_cb(void *env)
{
    struct sedge_nucleus *n = env;

    sedge_deployer_cancel_shadow(n->deployer);
}

/* ---- fleet status ---- */

struct listing {
    struct sedge_nucleus *n;
    struct json_object *list;
};

/* Only of a component that does not work; what it once had is no news (spec/cloud-protocol.md 13.4). */
static struct json_object *status_details(const struct sedge_service_info *info)
{
    struct json_object *codes, *o;

    if (info->state != SEDGE_LC_ERRORED && info->state != SEDGE_LC_BROKEN) return NULL;
    codes = json_object_new_array();
    (void)json_object_array_add(codes, json_object_new_string(sedge_status_name(info->code)));
    o = json_object_new_object();
    (void)json_object_object_add(o, "statusCodes", codes);
    sedge_json_add_str(o, "statusReason", info->reason);
    return o;
}

static int add_component(const struct sedge_service_info *info, void *user)
{
    struct listing *l = user;
    struct json_object *o = json_object_new_object();
    bool root = false;
    struct json_object *arns = sedge_deployer_arns_of(l->n->deployer, info->name, &root);

    if (info->builtin && json_object_array_length(arns) == 0) json_object_put(sedge_steal(&arns));
    sedge_json_add_str(o, "componentName", info->name);
    sedge_json_add_str(o, "version", info->version);
    (void)json_object_object_add(o, "fleetConfigArns", arns);
    sedge_json_add_bool(o, "isRoot", root);
    sedge_json_add_str(o, "status", sedge_lc_wire(info->state));
    (void)json_object_object_add(o, "componentStatusDetails", status_details(info));
    (void)json_object_array_add(l->list, o);
    return 0;
}

static struct json_object *components_cb(void *env)
{
    struct listing l = {env, json_object_new_array()};

    sedge_supervisor_each(l.n->supervisor, add_component, &l);
    return l.list;
}

/* ---- what the deployer tells ---- */

struct outcome {
    struct sedge_outcome o;
    char *cause; /* with as much of the component's output as a status may hold */
    const char **stack;
    const char **types;
};

static const char **texts_of(struct json_object *list, size_t *n)
{
    const char **v;

    *n = list ? json_object_array_length(list) : 0;
    v = sedge_xcalloc(*n, sizeof *v);
    for (size_t i = 0; i < *n; i++)
        v[i] = json_object_get_string(json_object_array_get_idx(list, i));
    return v;
}

static void read_outcome(struct json_object *details, struct outcome *out)
{
    memset(out, 0, sizeof *out);
    out->o.detailed = sedge_json_str(details, "detailed-deployment-status", NULL);
    out->cause = sedge_failure_text(details, SEDGE_DETAIL_VALUE_MAX);
    out->o.cause = out->cause;
    out->stack = texts_of(sedge_json_arr(details, "deployment-error-stack"), &out->o.n_stack);
    out->types = texts_of(sedge_json_arr(details, "deployment-error-types"), &out->o.n_types);
    out->o.stack = out->stack;
    out->o.types = out->types;
}

static void release_outcome(struct outcome *out)
{
    free(out->cause);
    free(out->stack);
    free(out->types);
}

/* The id of a shadow's deployment is its ARN, also when its document cannot be used. */
static const char *arn_of(const struct sedge_deploy_report *r)
{
    return r->configuration_arn || r->source != SEDGE_SOURCE_SHADOW ? r->configuration_arn : r->id;
}

static void tell_fleet(struct sedge_nucleus *n, const struct sedge_deploy_report *r, const struct sedge_outcome *o)
{
    static const enum sedge_fleet_deployment kinds[] = {[SEDGE_SOURCE_LOCAL] = SEDGE_FLEET_LOCAL,
                                                        [SEDGE_SOURCE_JOBS] = SEDGE_FLEET_THING_GROUP,
                                                        [SEDGE_SOURCE_SHADOW] = SEDGE_FLEET_THING};
    sedge_auto_put struct json_object *info = json_object_new_object();

    sedge_json_add_str(info, "status", r->status);
    (void)json_object_object_add(info, "statusDetails", sedge_outcome_for_fleet(o));
    sedge_json_add_str(info, "fleetConfigurationArnForStatus", arn_of(r));
    sedge_json_add_str(info, "deploymentId", r->deployment_id);
    if (r->unchanged_roots)
        (void)json_object_object_add(info, "unchangedRootComponents", json_object_get(r->unchanged_roots));
    sedge_fleet_deployment_ended(n->fleet, r->id, kinds[r->source], info);
}

static void tell_thing(struct sedge_nucleus *n, const struct sedge_deploy_report *r, const struct sedge_outcome *o)
{
    sedge_auto_put struct json_object *details = r->details ? sedge_outcome_for_fleet(o) : NULL;

    sedge_thing_status(n->thing, arn_of(r), r->status, details);
}

void sedge_cloud_report(void *env, const struct sedge_deploy_report *r)
{
    struct sedge_nucleus *n = env;
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_put struct json_object *details = NULL;
    struct outcome out;

    if (!n->mqtt) return;
    if (!r->terminal && n->fleet) sedge_fleet_deployment_began(n->fleet, r->id);
    read_outcome(r->details, &out);
    if (r->details) details = sedge_outcome_for_job(&out.o);
    if (r->source == SEDGE_SOURCE_JOBS && n->jobs &&
        sedge_jobs_status(n->jobs, r->id, r->execution_number, r->status, details, &err) != 0)
        sedge_log(SEDGE_WARN, "cloud", "job-status", "%s", err.msg);
    if (r->source == SEDGE_SOURCE_SHADOW && n->thing) tell_thing(n, r, &out.o);
    if (r->terminal && n->fleet) tell_fleet(n, r, &out.o);
    release_outcome(&out);
}

void sedge_cloud_progress(void *env, const char *id, int64_t execution_number, enum sedge_source source,
                          const char *phase, int percent, const char *text)
{
    struct sedge_nucleus *n = env;
    sedge_auto_free char *words = text ? sedge_xasprintf("%s: %s", phase, text) : sedge_xstrdup(phase);

    if (source == SEDGE_SOURCE_JOBS && n->jobs) sedge_jobs_progress(n->jobs, id, execution_number, words, percent);
}

static int count_pending(const struct sedge_service_info *info, void *user)
{
    size_t *pending = user;

    *pending += !info->builtin && info->pending;
    return 0;
}

/* All components have come to rest after the start. */
static void look_settled(struct sedge_nucleus *n)
{
    size_t pending = 0;

    if (n->settled) return;
    sedge_supervisor_each(n->supervisor, count_pending, &pending);
    if (pending > 0) return;
    n->settled = true;
    sedge_fleet_settled(n->fleet);
}

void sedge_cloud_service_event(struct sedge_nucleus *n, const struct sedge_service_event *event)
{
    if (!n->fleet) return;
    sedge_fleet_component(n->fleet, event->name, sedge_lc_wire(event->state));
    look_settled(n);
}

void sedge_cloud_set_cadence(struct sedge_nucleus *n)
{
    int64_t s = sedge_settings_interval(n, FLEET_STATUS, CADENCE);

    if (n->fleet && s > 0) sedge_fleet_set_cadence(n->fleet, s); /* too short: what is in force stays */
}

/* ---- life ---- */

static void state_cb(void *user, enum sedge_mqtt_state state, bool first, const struct sedge_err *why)
{
    (void)user;
    if (state == SEDGE_MQTT_CONNECTED)
        sedge_log(SEDGE_INFO, "cloud", first ? "mqtt-connected" : "mqtt-reconnected", "%s", "");
    else
        sedge_log(SEDGE_WARN, "cloud", "mqtt-disconnected", "%s", why ? why->msg : "");
}

static void adopt_cb(const char *job_id, int64_t execution_number, void *user)
{
    sedge_jobs_adopt(user, job_id, execution_number);
}

static void adopt_shadow_cb(void *user, const struct sedge_deploy_report *r)
{
    struct sedge_nucleus *n = user;
    sedge_auto_put struct json_object *details = NULL;
    struct outcome out;

    read_outcome(r->details, &out);
    if (r->details) details = sedge_outcome_for_fleet(&out.o);
    sedge_thing_adopt(n->thing, r->id, r->status, details);
    release_outcome(&out);
}

static void open_thing(struct sedge_nucleus *n, const struct sedge_mqtt_options *mqtt)
{
    struct sedge_thing_options o;
    struct sedge_thing_ops ops = {.env = n, .on_deployment = thing_deployment_cb, .on_cancel = thing_cancel_cb};

    sedge_thing_options_default(&o);
    o.thing = mqtt->client_id;
    o.answer_timeout_ms = mqtt->operation_timeout_ms;
    o.version = GGC_VERSION;
    n->thing = sedge_thing_new(&n->loop, &o, &ops);
}

static int open_bridge(struct sedge_nucleus *n, const struct sedge_mqtt_options *mqtt, struct sedge_err *err)
{
    struct sedge_jobs_options jobs;
    struct sedge_fleet_options fleet;
    struct sedge_shadow_sync_options shadows;
    struct sedge_jobs_ops jobs_ops = {.env = n, .on_job = job_cb, .on_cancel = cancel_cb};
    struct sedge_fleet_ops fleet_ops = {.env = n, .components = components_cb};
    sedge_auto_put struct json_object *platform = sedge_platform_detect();

    sedge_jobs_options_default(&jobs);
    jobs.thing = mqtt->client_id;
    jobs.answer_timeout_ms = mqtt->operation_timeout_ms;
    n->jobs = sedge_jobs_new(&n->loop, n->db, &jobs, &jobs_ops, err);
    if (!n->jobs) return -1;
    open_thing(n, mqtt);
    sedge_fleet_options_default(&fleet);
    fleet.thing = mqtt->client_id;
    fleet.version = GGC_VERSION;
    fleet.architecture = sedge_json_str(platform, "architecture", "unknown");
    fleet.cadence_s = sedge_settings_interval(n, FLEET_STATUS, CADENCE);
    if (fleet.cadence_s < 0) fleet.cadence_s = sedge_settings_default_interval(FLEET_STATUS, CADENCE);
    n->fleet = sedge_fleet_new(&n->loop, n->db, &fleet, &fleet_ops, err);
    if (!n->fleet) return -1;
    sedge_shadow_sync_options_default(&shadows);
    n->shadow_sync = sedge_shadow_sync_new(&n->loop, n->db, n->shadows, &shadows, err);
    return n->shadow_sync ? 0 : -1;
}

static bool spool_options(struct sedge_nucleus *n, struct sedge_spool_options *o)
{
    sedge_auto_put struct json_object *mqtt = sedge_nucleus_param_values(n->config, "mqtt");
    struct sedge_err err = SEDGE_ERR_INIT;
    bool disk = true;

    if (sedge_spool_options_read(mqtt, o, &disk, &err) == 0) return disk;
    /* a bad value must not keep the device from starting */
    sedge_log(SEDGE_ERROR, "cloud", "configuration", "%s; the spool uses its defaults", err.msg);
    sedge_spool_options_default(o);
    return true;
}

static int open_spool(struct sedge_nucleus *n, struct sedge_err *err)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/state/spool.db", n->root);
    struct sedge_spool_options o;

    o.path = spool_options(n, &o) ? path : NULL;
    n->spool = sedge_spool_new(&n->loop, n->mqtt, &o, err);
    return n->spool ? 0 : -1;
}

void sedge_cloud_reconfigure(struct sedge_nucleus *n)
{
    struct sedge_spool_options spool;

    (void)spool_options(n, &spool);
    sedge_spool_set_options(n->spool, &spool);
    if (n->mqtt) sedge_move_later(n);
}

void sedge_cloud_connect_anew(struct sedge_nucleus *n)
{
    sedge_auto_strv struct sedge_strv texts = {NULL, 0};
    struct sedge_mqtt_options mqtt;
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_settings_mqtt(n, &mqtt, &texts) && sedge_mqtt_set_options(n->mqtt, &mqtt, &err) != 0)
        sedge_log(SEDGE_ERROR, "cloud", "configuration", "%s; the connection stays as it is", err.msg);
}

/* Before the writer of nucleus.db has work. */
int sedge_cloud_open(struct sedge_nucleus *n, struct sedge_err *err)
{
    struct sedge_mqtt_options o;
    sedge_auto_strv struct sedge_strv paths = {NULL, 0};
    bool configured = sedge_settings_mqtt(n, &o, &paths);
    int rc = 0;

    if (configured) {
        n->mqtt = sedge_mqtt_new(&n->loop, &o, err);
        if (n->mqtt) sedge_mqtt_on_state(n->mqtt, state_cb, n);
        if (n->mqtt) {
            rc = open_bridge(n, &o, err);
        } else { /* local deployments can still put the configuration right */
            sedge_log(SEDGE_ERROR, "cloud", "configuration", "%s; going on without the cloud", err->msg);
            *err = SEDGE_ERR_INIT;
        }
    } else {
        sedge_log(
            SEDGE_INFO, "cloud", "offline",
            "not configured for a cloud (needs system.thingName, certificateFilePath, privateKeyPath, rootCaPath and "
            "iotDataEndpoint): local deployments only");
    }
    return rc == 0 ? open_spool(n, err) : -1;
}

void sedge_cloud_start(struct sedge_nucleus *n)
{
    if (!n->mqtt) return;
    sedge_deployer_each_job(n->deployer, adopt_cb, n->jobs);
    sedge_deployer_each_shadow(n->deployer, adopt_shadow_cb, n);
    sedge_jobs_start(n->jobs, n->mqtt, n->writer);
    sedge_thing_start(n->thing, n->mqtt);
    sedge_fleet_start(n->fleet, n->mqtt, n->writer);
    sedge_nucleus_sync_shadows(n);
    sedge_mqtt_start(n->mqtt);
    look_settled(n);
}
