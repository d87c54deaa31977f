#include "fleet.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "jobs.h"

#define AFTER_CONNECT_MS 300 /* statuses and requests of jobs go first */
#define RETRY_MS         5000
#define RECONNECT_GAP_MS 60000
#define CADENCE_MIN_S    300

struct event {
    struct event *next;
    int64_t row; /* in bridge_event; 0: not stored */
    char *trigger;
    struct json_object *info;
};

struct sedge_fleet {
    uv_loop_t *loop;
    uv_timer_t timer;
    struct sedge_fleet_options o;
    char *thing, *version, *architecture;
    struct sedge_fleet_ops ops;
    struct sedge_mqtt *mqtt;
    struct sedge_dbw *writer;
    int64_t sequence;
    int64_t cadence_wall; /* when the last COMPLETE message was sent */
    int64_t started, ready_at, last_sent, last_reconnect;
    bool online, settled, launched, reconnected, deploying, urgent, changed;
    struct sedge_strv dirty;
    struct json_object *reported; /* names that the cloud knows */
    struct event *events;
    int64_t next_row;
    /* the message in flight */
    int waiting; /* PUBACKs */
    bool failed, complete;
    char *flight_trigger;
    struct sedge_strv flight; /* its component names */
    struct event *flight_event;
    int ops_running;
    bool closing;
    void (*closed)(void *user);
    void *closed_user;
};

void sedge_fleet_options_default(struct sedge_fleet_options *o)
{
    *o = (struct sedge_fleet_options){.cadence_s = 86400, .launch_ms = 60000, .gap_ms = 3000, .architecture = "amd64"};
}

static void step(struct sedge_fleet *f);
static void maybe_closed(struct sedge_fleet *f);

static void arm(struct sedge_fleet *f, int64_t ms);

/* --- stored values ----------------------------------------------------------------------------------------------- */

struct write {
    struct sedge_fleet *f;
    const char *sql;
    char *text;
    int64_t number;
    char *name;
};

static void bind_write(sqlite3_stmt *q, void *user)
{
    const struct write *w = user;
    int n = sqlite3_bind_parameter_count(q);

    if (n >= 1) sedge_db_bind_i64(q, 1, w->number);
    if (n >= 2) sedge_db_bind_text(q, 2, w->name);
    if (n >= 3) sedge_db_bind_text(q, 3, w->text);
}

static int write_work(struct sedge_db *db, void *arg, struct sedge_err *err)
{
    struct write *w = arg;

    return sedge_db_run(db, w->sql, bind_write, w, err);
}

static void write_done(void *arg, int rc, const struct sedge_err *err)
{
    struct write *w = arg;
    struct sedge_fleet *f = w->f;

    if (rc != 0) sedge_log(SEDGE_WARN, "fleet", "store-failed", "%s", err->msg);
    free(w->text);
    free(w->name);
    free(w);
    f->ops_running--;
    if (f->closing) maybe_closed(f);
}

static void submit(struct sedge_fleet *f, const char *sql, int64_t number, const char *name, const char *text)
{
    struct write *w = SEDGE_NEW(struct write);

    w->f = f;
    w->sql = sql;
    w->number = number;
    w->name = sedge_xstrdup(name);
    w->text = sedge_xstrdup(text);
    f->ops_running++;
    sedge_dbw_submit(f->writer, write_work, write_done, w);
}

static void store_value(struct sedge_fleet *f, const char *name, int64_t v)
{
    submit(f, "INSERT INTO bridge_value (value, name) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?1", v,
           name, NULL);
}

static int load_values(struct sedge_fleet *f, struct sedge_db *db, struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_db_prepare(db, "SELECT name, value FROM bridge_value", err);
    int rc;

    if (!q) return -1;
    while ((rc = sedge_db_step(db, q, err)) == 1) {
        if (strcmp(sedge_db_text(q, 0), "fleet-sequence") == 0) f->sequence = sqlite3_column_int64(q, 1);
        if (strcmp(sedge_db_text(q, 0), "fleet-cadence") == 0) f->cadence_wall = sqlite3_column_int64(q, 1);
    }
    (void)sqlite3_finalize(q);
    return rc;
}

static void bind_sequence(sqlite3_stmt *q, void *user)
{
    const struct sedge_fleet *f = user;

    sedge_db_bind_i64(q, 1, f->sequence);
}

/* The write of the last number used may have been lost with the power: a start skips one, and that is on the disk
 * before the first message, so that no number is ever used twice. */
static int skip_number(struct sedge_fleet *f, struct sedge_db *db, struct sedge_err *err)
{
    f->sequence++;
    return sedge_db_run(db,
                        "INSERT INTO bridge_value (value, name) VALUES (?1, 'fleet-sequence')"
                        " ON CONFLICT (name) DO UPDATE SET value = ?1",
                        bind_sequence, f, err);
}

static void append_event(struct sedge_fleet *f, int64_t row, const char *trigger, struct json_object *info_take)
{
    struct event **end = &f->events;

    while (*end)
        end = &(*end)->next;
    *end = SEDGE_NEW(struct event);
    (*end)->row = row;
    (*end)->trigger = sedge_xstrdup(trigger);
    (*end)->info = info_take;
}

static void free_event(struct event *e)
{
    if (!e) return;
    free(e->trigger);
    json_object_put(e->info);
    free(e);
}

static int load_events(struct sedge_fleet *f, struct sedge_db *db, struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_db_prepare(db, "SELECT id, kind, info FROM bridge_event ORDER BY id", err);
    int rc;

    if (!q) return -1;
    while ((rc = sedge_db_step(db, q, err)) == 1) {
        const char *text = sedge_db_text(q, 2);
        struct json_object *info = sedge_json_parse_object(text, strlen(text), "event", NULL);
        f->next_row = sqlite3_column_int64(q, 0) + 1;
        if (info) append_event(f, sqlite3_column_int64(q, 0), sedge_db_text(q, 1), info);
    }
    (void)sqlite3_finalize(q);
    return rc;
}

static void forget_event(struct sedge_fleet *f, struct event *e)
{
    if (e->row) submit(f, "DELETE FROM bridge_event WHERE id = ?1", e->row, NULL, NULL);
    free_event(e);
}

/* --- building a message ------------------------------------------------------------------------------------------ */

static struct json_object *base_of(struct sedge_fleet *f, const char *type, const char *trigger, bool healthy)
{
    struct json_object *o = json_object_new_object();

    sedge_json_add_str(o, "ggcVersion", f->version);
    sedge_json_add_str(o, "platform", "linux");
    sedge_json_add_str(o, "architecture", f->architecture);
    sedge_json_add_str(o, "runtime", SEDGE_FLEET_RUNTIME);
    sedge_json_add_str(o, "thing", f->thing);
    sedge_json_add_str(o, "overallDeviceStatus", healthy ? "HEALTHY" : "UNHEALTHY");
    sedge_json_add_i64(o, "sequenceNumber", f->sequence);
    sedge_json_add_i64(o, "timestamp", sedge_wall_ms());
    sedge_json_add_str(o, "messageType", type);
    sedge_json_add_str(o, "trigger", trigger);
    return o;
}

static const char *name_of(struct json_object *entry)
{
    return sedge_json_str(entry, "componentName", "");
}

static struct json_object *find_entry(struct json_object *all, const char *name)
{
    for (size_t i = 0; i < json_object_array_length(all); i++)
        if (strcmp(name_of(json_object_array_get_idx(all, i)), name) == 0) return json_object_array_get_idx(all, i);
    return NULL;
}

static bool is_healthy(struct json_object *all)
{
    for (size_t i = 0; i < json_object_array_length(all); i++)
        if (strcmp(sedge_json_str(json_object_array_get_idx(all, i), "status", ""), "BROKEN") == 0) return false;
    return true;
}

static bool all_stable(struct json_object *all)
{
    static const char *const moving[] = {"NEW", "INSTALLED", "STARTING", "STOPPING", "UNINSTALLING"};

    for (size_t i = 0; i < json_object_array_length(all); i++)
        for (size_t k = 0; k < SEDGE_ARRAY_LEN(moving); k++)
            if (strcmp(sedge_json_str(json_object_array_get_idx(all, i), "status", ""), moving[k]) == 0) return false;
    return true;
}

static void add_removed(struct json_object *list, const char *name)
{
    struct json_object *e = json_object_new_object();

    sedge_json_add_str(e, "componentName", name);
    sedge_json_add_str(e, "version", "");
    json_object_object_add(e, "fleetConfigArns", json_object_new_array());
    sedge_json_add_bool(e, "isRoot", false);
    sedge_json_add_str(e, "status", "UNINSTALLED");
    (void)json_object_array_add(list, e);
}

/* The changed components, and those that the cloud knows and that are not there any more. */
static struct json_object *changed_of(struct sedge_fleet *f, struct json_object *all)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < json_object_array_length(all); i++) {
        struct json_object *e = json_object_array_get_idx(all, i);
        if (sedge_strv_has(&f->dirty, name_of(e)) || !sedge_json_has(f->reported, name_of(e)))
            (void)json_object_array_add(list, json_object_get(e));
    }
    json_object_object_foreach (f->reported, known, unused) {
        (void)unused;
        if (!find_entry(all, known)) add_removed(list, known);
    }
    return list;
}

/* --- sending ----------------------------------------------------------------------------------------------------- */

static void sent_whole(struct sedge_fleet *f)
{
    if (f->flight_event) forget_event(f, sedge_steal(&f->flight_event));
    if (!f->complete) return;
    f->cadence_wall = sedge_wall_ms();
    store_value(f, "fleet-cadence", f->cadence_wall);
}

static void not_sent(struct sedge_fleet *f)
{
    for (size_t i = 0; i < f->flight.n; i++)
        if (!sedge_strv_has(&f->dirty, f->flight.v[i])) sedge_strv_add(&f->dirty, f->flight.v[i]);
    if (f->flight_event) {
        f->flight_event->next = f->events;
        f->events = sedge_steal(&f->flight_event);
    }
    if (strcmp(f->flight_trigger, "NUCLEUS_LAUNCH") == 0) f->launched = false;
    if (strcmp(f->flight_trigger, "COMPONENT_STATUS_CHANGE") == 0)
        f->reconnected = true; /* told with the next chance */
}

static void clear_flight(struct sedge_fleet *f)
{
    sedge_strv_release(&f->flight);
    free(sedge_steal(&f->flight_trigger));
}

static void published_cb(void *user, int reason, const struct sedge_err *err)
{
    struct sedge_fleet *f = user;

    (void)reason;
    if (err) {
        f->failed = true;
        sedge_log(SEDGE_WARN, "fleet", "not-sent", "%s", err->msg);
    }
    if (--f->waiting > 0) return;
    if (f->failed)
        not_sent(f);
    else
        sent_whole(f);
    clear_flight(f);
    if (f->failed) f->last_sent = sedge_mono_ms() + RETRY_MS - f->o.gap_ms;
    step(f);
}

static void publish_chunks(struct sedge_fleet *f, struct json_object *chunks)
{
    sedge_auto_free char *topic = sedge_xasprintf("$aws/things/%s/greengrassv2/health/json", f->thing);

    for (size_t i = 0; i < json_object_array_length(chunks); i++) {
        const char *text = sedge_json_text(json_object_array_get_idx(chunks, i));
        struct sedge_mqtt_message msg = {.topic = topic, .payload = text, .len = strlen(text), .qos = 1};
        struct sedge_err err = SEDGE_ERR_INIT;
        if (sedge_mqtt_publish(f->mqtt, &msg, published_cb, f, &err) == 0)
            f->waiting++;
        else
            f->failed = true;
    }
    if (f->waiting > 0) return;
    not_sent(f); /* the connection is going */
    clear_flight(f);
}

static void remember_reported(struct sedge_fleet *f, struct json_object *all)
{
    json_object_put(f->reported);
    f->reported = json_object_new_object();
    for (size_t i = 0; i < json_object_array_length(all); i++)
        sedge_json_add_bool(f->reported, name_of(json_object_array_get_idx(all, i)), true);
}

static void send_message(struct sedge_fleet *f, struct json_object *all, bool complete, const char *trigger,
                         struct event *event)
{
    sedge_auto_put struct json_object *components = complete ? json_object_get(all) : changed_of(f, all);
    sedge_auto_put struct json_object *base = NULL;
    sedge_auto_put struct json_object *chunks = NULL;
    size_t skipped = 0;

    f->sequence++;
    store_value(f, "fleet-sequence", f->sequence);
    base = base_of(f, complete ? "COMPLETE" : "PARTIAL", trigger, is_healthy(all));
    if (event) json_object_object_add(base, "deploymentInformation", json_object_get(event->info));
    chunks = sedge_fleet_chunks(base, components, SEDGE_FLEET_MESSAGE_MAX, &skipped);
    if (skipped) sedge_log(SEDGE_ERROR, "fleet", "too-large", "%zu components do not fit into a message", skipped);
    f->failed = false;
    f->complete = complete;
    f->flight_event = event;
    f->flight_trigger = sedge_xstrdup(trigger);
    for (size_t i = 0; i < json_object_array_length(components); i++)
        sedge_strv_add(&f->flight, name_of(json_object_array_get_idx(components, i)));
    sedge_strv_release(&f->dirty);
    remember_reported(f, all);
    f->urgent = f->changed = f->reconnected = false;
    f->last_sent = sedge_mono_ms();
    sedge_log(SEDGE_DEBUG, "fleet", "send", "trigger=%s sequence=%lld components=%zu", trigger, (long long)f->sequence,
              f->flight.n);
    publish_chunks(f, chunks);
}

static bool cadence_is_due(const struct sedge_fleet *f)
{
    int64_t since = sedge_wall_ms() - f->cadence_wall;

    return since < 0 || since >= f->o.cadence_s * 1000; /* a clock that went backwards: now */
}

/* Which message is due, if any. */
static void send_due(struct sedge_fleet *f, struct json_object *all, int64_t now)
{
    if (!f->launched) {
        f->launched = true;
        send_message(f, all, true, "NUCLEUS_LAUNCH", NULL);
    } else if (f->events) {
        struct event *e = f->events;
        f->events = e->next;
        e->next = NULL;
        send_message(f, all, false, e->trigger, e);
    } else if (f->reconnected && (f->dirty.n > 0 || now - f->last_reconnect >= RECONNECT_GAP_MS)) {
        f->last_reconnect = now;
        send_message(f, all, false, "RECONNECT", NULL);
    } else if (!f->deploying && cadence_is_due(f)) {
        send_message(f, all, true, "CADENCE", NULL);
    } else if (f->urgent || (f->changed && !f->deploying && all_stable(all))) {
        send_message(f, all, false, "COMPONENT_STATUS_CHANGE", NULL);
    }
}

static void step(struct sedge_fleet *f)
{
    int64_t now = sedge_mono_ms();
    sedge_auto_put struct json_object *all = NULL;

    if (f->closing || !f->online || f->waiting > 0) return;
    if (now < f->ready_at || (f->last_sent && now - f->last_sent < f->o.gap_ms)) {
        arm(f, f->ready_at > now ? f->ready_at - now : f->o.gap_ms - (now - f->last_sent));
        return;
    }
    if (!f->launched && !f->settled && now - f->started < f->o.launch_ms) {
        arm(f, f->o.launch_ms - (now - f->started));
        return;
    }
    all = f->ops.components(f->ops.env);
    if (all) send_due(f, all, now);
    arm(f, f->events || f->changed || !all ? f->o.gap_ms : 60000);
}

static void timer_cb(uv_timer_t *t)
{
    step(t->data);
}

static void arm(struct sedge_fleet *f, int64_t ms)
{
    if (f->closing) return;
    if (uv_is_active((uv_handle_t *)&f->timer) && uv_timer_get_due_in(&f->timer) <= (uint64_t)(ms > 0 ? ms : 0)) return;
    (void)uv_timer_start(&f->timer, timer_cb, (uint64_t)(ms > 0 ? ms : 0), 0);
}

static void state_cb(void *user, enum sedge_mqtt_state state, bool first, const struct sedge_err *why)
{
    struct sedge_fleet *f = user;

    (void)why;
    f->online = state == SEDGE_MQTT_CONNECTED;
    if (!f->online) return;
    f->reconnected = !first;
    f->ready_at = sedge_mono_ms() + AFTER_CONNECT_MS;
    arm(f, AFTER_CONNECT_MS);
}

/* --- public ------------------------------------------------------------------------------------------------------ */

static void free_fleet(struct sedge_fleet *f)
{
    struct event *e;

    while ((e = f->events)) {
        f->events = e->next;
        free_event(e);
    }
    free_event(f->flight_event);
    clear_flight(f);
    sedge_strv_release(&f->dirty);
    json_object_put(f->reported);
    free(f->thing);
    free(f->version);
    free(f->architecture);
    free(f);
}

struct sedge_fleet *sedge_fleet_new(uv_loop_t *loop, struct sedge_db *db, const struct sedge_fleet_options *o,
                                    const struct sedge_fleet_ops *ops, struct sedge_err *err)
{
    struct sedge_fleet *f = SEDGE_NEW(struct sedge_fleet);

    f->loop = loop;
    f->o = *o;
    if (f->o.cadence_s < CADENCE_MIN_S) f->o.cadence_s = CADENCE_MIN_S;
    f->thing = sedge_xstrdup(o->thing);
    f->version = sedge_xstrdup(o->version);
    f->architecture = sedge_xstrdup(o->architecture);
    f->ops = *ops;
    f->reported = json_object_new_object();
    f->next_row = 1;
    if (sedge_db_exec(db, sedge_bridge_schema, err) != 0 || load_values(f, db, err) != 0 ||
        load_events(f, db, err) != 0 || skip_number(f, db, err) != 0) {
        free_fleet(f);
        return NULL;
    }
    f->started = sedge_mono_ms();
    (void)uv_timer_init(loop, &f->timer);
    f->timer.data = f;
    return f;
}

void sedge_fleet_start(struct sedge_fleet *f, struct sedge_mqtt *mqtt, struct sedge_dbw *writer)
{
    f->mqtt = mqtt;
    f->writer = writer;
    f->online = sedge_mqtt_connected(mqtt);
    sedge_mqtt_on_state(mqtt, state_cb, f);
}

void sedge_fleet_settled(struct sedge_fleet *f)
{
    f->settled = true;
    arm(f, 0);
}

void sedge_fleet_component(struct sedge_fleet *f, const char *name, const char *state)
{
    bool errored = strcmp(state, "ERRORED") == 0;

    if (!sedge_strv_has(&f->dirty, name)) sedge_strv_add(&f->dirty, name);
    if (errored || (strcmp(state, "BROKEN") == 0 && !f->deploying)) f->urgent = true;
    f->changed = true;
    if (f->launched) arm(f, f->urgent ? 0 : 100); /* a moment, for what changes together */
}

void sedge_fleet_deployment_began(struct sedge_fleet *f)
{
    f->deploying = true;
}

static void store_event(struct sedge_fleet *f, const char *trigger, struct json_object *info)
{
    int64_t row = f->next_row++;
    size_t n = 0;

    for (struct event *e = f->events; e; e = e->next)
        n++;
    if (n >= SEDGE_FLEET_EVENTS_MAX) {
        struct event *oldest = f->events;
        f->events = oldest->next;
        forget_event(f, oldest);
    }
    append_event(f, row, trigger, sedge_json_copy(info));
    if (f->writer)
        submit(f, "INSERT INTO bridge_event (id, kind, info) VALUES (?1, ?2, ?3)", row, trigger, sedge_json_text(info));
}

void sedge_fleet_deployment_ended(struct sedge_fleet *f, enum sedge_fleet_deployment kind, struct json_object *info)
{
    f->deploying = false;
    if (kind != SEDGE_FLEET_LOCAL)
        store_event(f, kind == SEDGE_FLEET_THING ? "THING_DEPLOYMENT" : "THING_GROUP_DEPLOYMENT", info);
    else if (f->online)
        append_event(f, 0, "LOCAL_DEPLOYMENT", sedge_json_copy(info)); /* offline: RECONNECT carries the changes */
    arm(f, 0);
}

static void timer_closed_cb(uv_handle_t *h)
{
    struct sedge_fleet *f = h->data;
    void (*closed)(void *user) = f->closed;
    void *user = f->closed_user;

    free_fleet(f);
    if (closed) closed(user);
}

static void maybe_closed(struct sedge_fleet *f)
{
    if (f->ops_running > 0 || uv_is_closing((uv_handle_t *)&f->timer)) return;
    uv_close((uv_handle_t *)&f->timer, timer_closed_cb);
}

void sedge_fleet_close(struct sedge_fleet *f, void (*closed)(void *user), void *user)
{
    if (!f || f->closing) return;
    f->closing = true;
    f->closed = closed;
    f->closed_user = user;
    if (f->mqtt) {
        sedge_mqtt_remove_on_state(f->mqtt, state_cb, f);
        sedge_mqtt_forget(f->mqtt, published_cb, f);
    }
    maybe_closed(f);
}
