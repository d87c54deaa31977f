#include "telemetry.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "telemetry/aggregate.h"
#include "telemetry/records.h"
#include "telemetry/system.h"

#define SOON_MS       5000 /* for what is over already */
#define SYSTEM        "SystemMetrics"
#define COMPONENTS    "GreengrassComponents"
#define LAST_PUBLISH  "lastPeriodicPublishMetricsTime"
#define LAST_SUMMED   "lastPeriodicAggregationMetricsTime"
#define PATH_OF(name) SEDGE_PATH("services", SEDGE_TELEMETRY_AGENT, "runtime", name)

static const struct {
    const char *state, *name;
} states[] = {{"STARTING", "NumberOfComponentsStarting"},   {"INSTALLED", "NumberOfComponentsInstalled"},
              {"STATELESS", "NumberOfComponentsStateless"}, {"STOPPING", "NumberOfComponentsStopping"},
              {"BROKEN", "NumberOfComponentsBroken"},       {"RUNNING", "NumberOfComponentsRunning"},
              {"ERRORED", "NumberOfComponentsErrored"},     {"NEW", "NumberOfComponentsNew"},
              {"FINISHED", "NumberOfComponentsFinished"}};

struct sedge_telemetry {
    uv_loop_t *loop;
    uv_timer_t timer;
    struct sedge_config *config;
    struct sedge_mqtt *mqtt;
    struct sedge_telemetry_ops ops;
    struct sedge_telemetry_settings s;
    char *dir, *thing;
    struct sedge_logfile *system_log, *components_log, *points_log;
    struct sedge_cpu_time cpu;
    int64_t summed;    /* wall ms: what is older has been summed up */
    int64_t published; /* wall ms: what is older has been sent, or is from before this device had telemetry */
    int64_t sum_due, publish_due; /* monotonic ms */
    bool started, closing;
    bool working; /* a work item is under way */
    /* the publication in flight */
    int waiting; /* PUBACKs */
    bool failed;
    int64_t until;
    void (*closed)(void *user);
    void *closed_user;
};

static void arm(struct sedge_telemetry *t);
static void maybe_closed(struct sedge_telemetry *t);

static void remember(struct sedge_telemetry *t, const char *name, int64_t wall_ms)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_config_set_take(t->config, PATH_OF(name), json_object_new_int64(wall_ms), sedge_wall_ms(), &err) < 0)
        sedge_log(SEDGE_WARN, "telemetry", "not-remembered", "%s: %s", name, err.msg);
}

/* ---- work ---- */

struct task {
    uv_work_t work;
    struct sedge_telemetry *t;
    char *dir;
    int64_t after, until;
    struct sedge_strv points;   /* in and out */
    struct sedge_strv messages; /* out */
};

static struct task *new_task(struct sedge_telemetry *t, int64_t after, int64_t until)
{
    struct task *k = SEDGE_NEW(struct task);

    k->work.data = k;
    k->t = t;
    k->dir = sedge_xstrdup(t->dir);
    k->after = after;
    k->until = until;
    t->working = true;
    return k;
}

static void end_task(struct task *k)
{
    k->t->working = false;
    sedge_strv_release(&k->points);
    sedge_strv_release(&k->messages);
    free(k->dir);
    free(k);
}

/* ---- summing up ---- */

static void write_system(struct sedge_telemetry *t, int64_t now)
{
    struct sedge_system_load load;
    struct sedge_logfile *f = t->system_log;

    sedge_system_load(&t->cpu, &load);
    sedge_metric_write(f, SYSTEM, "CpuUsage", "Percent", "Average", json_object_new_double(load.cpu_percent), now);
    sedge_metric_write(f, SYSTEM, "TotalNumberOfFDs", "Count", "Average", json_object_new_double(load.files), now);
    sedge_metric_write(f, SYSTEM, "SystemMemUsage", "Megabytes", "Average", json_object_new_double(load.memory_mb),
                       now);
}

static void write_components(struct sedge_telemetry *t, int64_t now)
{
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(states); i++)
        sedge_metric_write(t->components_log, COMPONENTS, states[i].name, "Count", "Average",
                           json_object_new_int64(t->ops.count(t->ops.env, states[i].state)), now);
}

static void sum_work(uv_work_t *work)
{
    struct task *k = work->data;
    struct sedge_aggregate *a = sedge_aggregate_new();

    sedge_metrics_read(k->dir, k->after, k->until, a);
    sedge_aggregate_points(a, k->until, &k->points);
    sedge_aggregate_free(a);
}

static void summed_cb(uv_work_t *work, int status)
{
    struct task *k = work->data;
    struct sedge_telemetry *t = k->t;

    (void)status; /* never cancelled */
    if (!t->closing) {
        for (size_t i = 0; i < k->points.n; i++)
            sedge_points_write(t->points_log, k->points.v[i]);
        t->summed = k->until;
        remember(t, LAST_SUMMED, t->summed);
        t->sum_due = sedge_mono_ms() + t->s.aggregate_s * 1000;
    }
    end_task(k);
    arm(t);
}

static void sum_up(struct sedge_telemetry *t)
{
    int64_t now = sedge_wall_ms();

    if (t->summed > now) t->summed = now - 1; /* the clock went back: what the future holds counts when it comes */
    write_system(t, now);
    write_components(t, now);
    sedge_assert(uv_queue_work(t->loop, &new_task(t, t->summed, now)->work, sum_work, summed_cb) == 0);
}

/* ---- publishing ---- */

#define HEAD "{\"Schema\":\"" SEDGE_TELEMETRY_SCHEMA_DATE "\",\"ADP\":["
#define TAIL "]}"

static void end_message(struct sedge_buf *b, struct sedge_strv *out)
{
    sedge_buf_puts(b, TAIL);
    sedge_strv_add_take(out, sedge_buf_steal(b));
    sedge_buf_puts(b, HEAD);
}

size_t sedge_telemetry_messages(const struct sedge_strv *points, size_t max, struct sedge_strv *out)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    size_t fixed = strlen(HEAD) + strlen(TAIL);
    size_t before = out->n, left_out = 0;

    sedge_buf_puts(&b, HEAD);
    for (size_t i = 0; i < points->n; i++) {
        size_t need = strlen(points->v[i]);
        if (fixed + need > max) {
            left_out++;
            continue;
        }
        if (b.len > strlen(HEAD) && b.len + 1 + need + strlen(TAIL) > max) end_message(&b, out);
        if (b.len > strlen(HEAD)) sedge_buf_putc(&b, ',');
        sedge_buf_puts(&b, points->v[i]);
    }
    if (b.len > strlen(HEAD) || out->n == before) end_message(&b, out);
    return left_out;
}

/* The components' states over the whole period, from the points of its intervals. */
static void add_whole_period(struct task *k, struct sedge_strv *now)
{
    struct sedge_aggregate *a = sedge_aggregate_new();
    struct sedge_strv *from = k->points.n ? &k->points : now;

    for (size_t i = 0; i < from->n; i++) {
        sedge_auto_put struct json_object *p = sedge_json_parse_object(from->v[i], strlen(from->v[i]), "point", NULL);
        struct json_object *list = sedge_json_arr(p, "M");
        if (strcmp(sedge_json_str(p, "NS", ""), COMPONENTS) != 0) continue;
        for (size_t m = 0; list && m < json_object_array_length(list); m++) {
            struct json_object *o = json_object_array_get_idx(list, m);
            sedge_aggregate_add(a, COMPONENTS, sedge_json_str(o, "N", ""), sedge_json_str(o, "U", "Count"), "Average",
                                sedge_json_double(o, "Sum", 0));
        }
    }
    sedge_aggregate_points(a, k->until, &k->points);
    sedge_aggregate_free(a);
}

static void add_identity(struct task *k)
{
    sedge_auto_put struct json_object *o = json_object_new_object();

    sedge_json_add_i64(o, "TS", k->until);
    sedge_json_add_str(o, "NS", SYSTEM);
    (void)json_object_object_add(o, "M", sedge_system_identity());
    sedge_strv_add(&k->points, sedge_json_text(o));
}

static void publish_work(uv_work_t *work)
{
    struct task *k = work->data;
    sedge_auto_strv struct sedge_strv now = k->points;
    size_t left_out;

    k->points = (struct sedge_strv){NULL, 0};
    sedge_points_read(k->dir, k->after, k->until, &k->points);
    add_whole_period(k, &now);
    add_identity(k);
    left_out = sedge_telemetry_messages(&k->points, SEDGE_TELEMETRY_MESSAGE_MAX, &k->messages);
    if (left_out) sedge_log(SEDGE_WARN, "telemetry", "too-large", "%zu data points do not fit a message", left_out);
}

static void end_publication(struct sedge_telemetry *t)
{
    if (t->failed) {
        sedge_log(SEDGE_INFO, "telemetry", "not-sent", "the next publication has it");
    } else {
        t->published = t->until;
        remember(t, LAST_PUBLISH, t->published);
    }
}

static void published_cb(void *user, int reason, const struct sedge_err *err)
{
    struct sedge_telemetry *t = user;

    (void)reason;
    if (err) t->failed = true;
    if (--t->waiting == 0) end_publication(t);
}

static void send_all(struct sedge_telemetry *t, const struct task *k)
{
    sedge_auto_free char *topic = sedge_xasprintf("$aws/things/%s/greengrass/health/json", t->thing);

    t->failed = false;
    t->until = k->until;
    for (size_t i = 0; i < k->messages.n && !t->failed; i++) {
        struct sedge_mqtt_message m = {
            .topic = topic, .payload = k->messages.v[i], .len = strlen(k->messages.v[i]), .qos = 1};
        if (sedge_mqtt_publish(t->mqtt, &m, published_cb, t, NULL) == 0)
            t->waiting++;
        else
            t->failed = true;
    }
    sedge_log(SEDGE_DEBUG, "telemetry", "send", "points=%zu messages=%zu", k->points.n, k->messages.n);
    if (t->waiting == 0) end_publication(t);
}

static void ready_cb(uv_work_t *work, int status)
{
    struct task *k = work->data;
    struct sedge_telemetry *t = k->t;

    (void)status; /* never cancelled */
    if (!t->closing) send_all(t, k);
    end_task(k);
    arm(t);
}

/* One point of how the components are now, for a device that has summed up nothing yet. */
static void add_now(struct sedge_telemetry *t, struct task *k)
{
    struct sedge_aggregate *a = sedge_aggregate_new();

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(states); i++)
        sedge_aggregate_add(a, COMPONENTS, states[i].name, "Count", "Average",
                            (double)t->ops.count(t->ops.env, states[i].state));
    sedge_aggregate_points(a, k->until, &k->points);
    sedge_aggregate_free(a);
}

static void publish(struct sedge_telemetry *t)
{
    struct task *k;

    t->publish_due = sedge_mono_ms() + t->s.publish_s * 1000;
    if (!sedge_mqtt_connected(t->mqtt) || t->waiting > 0) {
        sedge_log(SEDGE_DEBUG, "telemetry", "skipped", "the next publication has it");
        return;
    }
    if (t->published > sedge_wall_ms())
        t->published = sedge_wall_ms() - t->s.publish_s * 1000; /* the clock went back */
    k = new_task(t, t->published, sedge_wall_ms());
    add_now(t, k);
    sedge_assert(uv_queue_work(t->loop, &k->work, publish_work, ready_cb) == 0);
}

/* ---- when ---- */

static void timer_cb(uv_timer_t *timer)
{
    struct sedge_telemetry *t = timer->data;
    int64_t now = sedge_mono_ms();

    if (now >= t->sum_due)
        sum_up(t);
    else if (t->mqtt && now >= t->publish_due)
        publish(t);
    arm(t);
}

static void arm(struct sedge_telemetry *t)
{
    int64_t due = t->mqtt && t->publish_due < t->sum_due ? t->publish_due : t->sum_due;
    int64_t ms = due - sedge_mono_ms();

    if (t->closing) {
        maybe_closed(t);
        return;
    }
    (void)uv_timer_stop(&t->timer);
    if (!t->started || !t->s.enabled || t->working) return;
    (void)uv_timer_start(&t->timer, timer_cb, (uint64_t)(ms > 0 ? ms : 0), 0);
}

/* When an interval that began at `began` (wall) ends, as monotonic time. */
static int64_t due_after(int64_t began, int64_t interval_s)
{
    int64_t left = began + interval_s * 1000 - sedge_wall_ms();

    if (left < SOON_MS) left = interval_s * 1000 < SOON_MS ? interval_s * 1000 : SOON_MS;
    if (left > interval_s * 1000) left = interval_s * 1000; /* the clock went back */
    return sedge_mono_ms() + left;
}

static int64_t random_below(int64_t ms)
{
    uint64_t random;

    sedge_random_bytes(&random, sizeof random);
    return (int64_t)(random % (uint64_t)ms);
}

/* ---- public ---- */

struct sedge_telemetry *sedge_telemetry_new(uv_loop_t *loop, struct sedge_config *config,
                                            const struct sedge_telemetry_options *o,
                                            const struct sedge_telemetry_ops *ops)
{
    struct sedge_telemetry *t = SEDGE_NEW(struct sedge_telemetry);
    struct sedge_system_load load;

    t->loop = loop;
    t->config = config;
    t->ops = *ops;
    t->s = o->settings;
    t->dir = sedge_xstrdup(o->dir);
    t->thing = sedge_xstrdup(o->thing);
    t->system_log = sedge_metric_log(o->dir, SYSTEM);
    t->components_log = sedge_metric_log(o->dir, COMPONENTS);
    t->points_log = sedge_metric_log(o->dir, SEDGE_TELEMETRY_POINTS);
    sedge_system_load(&t->cpu, &load); /* from here on */
    (void)uv_timer_init(loop, &t->timer);
    t->timer.data = t;
    return t;
}

/* The time kept in the configuration, or from now on. */
static int64_t recall(struct sedge_telemetry *t, const char *name)
{
    int64_t now = sedge_wall_ms();
    int64_t kept = sedge_config_i64(t->config, PATH_OF(name), 0);

    if (kept > 0 && kept <= now) return kept;
    remember(t, name, now);
    return now;
}

void sedge_telemetry_start(struct sedge_telemetry *t, struct sedge_mqtt *mqtt)
{
    t->mqtt = t->thing ? mqtt : NULL;
    t->started = true;
    t->summed = recall(t, LAST_SUMMED);
    t->published = recall(t, LAST_PUBLISH);
    t->sum_due = due_after(t->summed, t->s.aggregate_s);
    t->publish_due = sedge_mono_ms() + random_below(t->s.aggregate_s * 1000);
    arm(t);
}

void sedge_telemetry_set(struct sedge_telemetry *t, const struct sedge_telemetry_settings *s)
{
    struct sedge_telemetry_settings old = t->s;

    t->s = *s;
    if (!t->started) return;
    if (old.aggregate_s != s->aggregate_s || old.enabled != s->enabled)
        t->sum_due = due_after(t->summed, s->aggregate_s);
    if (old.publish_s != s->publish_s || old.enabled != s->enabled)
        t->publish_due = due_after(t->published, s->publish_s);
    arm(t);
}

static void timer_closed_cb(uv_handle_t *h)
{
    struct sedge_telemetry *t = h->data;
    void (*closed)(void *user) = t->closed;
    void *user = t->closed_user;

    sedge_logfile_free(t->system_log);
    sedge_logfile_free(t->components_log);
    sedge_logfile_free(t->points_log);
    free(t->dir);
    free(t->thing);
    free(t);
    if (closed) closed(user);
}

static void maybe_closed(struct sedge_telemetry *t)
{
    if (t->working || uv_is_closing((uv_handle_t *)&t->timer)) return;
    uv_close((uv_handle_t *)&t->timer, timer_closed_cb);
}

void sedge_telemetry_close(struct sedge_telemetry *t, void (*closed)(void *user), void *user)
{
    if (!t || t->closing) return;
    t->closing = true;
    t->closed = closed;
    t->closed_user = user;
    if (t->mqtt) sedge_mqtt_forget(t->mqtt, published_cb, t);
    maybe_closed(t);
}
