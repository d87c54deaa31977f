#include "fleet_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

#define AFTER_CONNECT_MS 300 /* statuses and requests of jobs go first */
#define RETRY_MS         5000
#define RECONNECT_GAP_MS 60000
#define COLLECT_MS       100 /* a moment, for what changes together */
#define CADENCE_JITTER   20  /* one in so many parts of the interval, at random: not all devices at the same time */

void sedge_fleet_options_default(struct sedge_fleet_options *o)
{
    *o = (struct sedge_fleet_options){.cadence_s = 86400, .launch_ms = 60000, .gap_ms = 3000, .architecture = "amd64"};
}

static void step(struct sedge_fleet *f);
static void maybe_closed(struct sedge_fleet *f);
static void arm(struct sedge_fleet *f, int64_t ms);

static void draw_jitter(struct sedge_fleet *f)
{
    uint64_t random;

    sedge_random_bytes(&random, sizeof random);
    f->jitter_ms = (int64_t)(random % (uint64_t)(f->o.cadence_s * 1000 / CADENCE_JITTER + 1));
}

/* --- sending ----------------------------------------------------------------------------------------------------- */

static void sent_whole(struct sedge_fleet *f)
{
    json_object_put(f->known);
    f->known = sedge_steal(&f->flight_known);
    if (f->flight_event) sedge_fleet_forget_event(f, sedge_steal(&f->flight_event));
    if (!f->complete) return;
    f->cadence_wall = sedge_wall_ms();
    draw_jitter(f);
    sedge_fleet_store_value(f, "fleet-cadence", f->cadence_wall);
}

static void add_name(struct sedge_strv *list, const char *name)
{
    if (!sedge_strv_has(list, name)) sedge_strv_add(list, name);
}

/* What was in it goes with the next one. Offline, only ends of cloud deployments are kept as messages: all else is in
 * what RECONNECT tells. */
static void not_sent(struct sedge_fleet *f)
{
    for (size_t i = 0; i < f->flight.n; i++)
        add_name(&f->dirty, f->flight.v[i]);
    if (f->flight_event && !f->flight_event->row && !f->online) {
        sedge_fleet_free_event(sedge_steal(&f->flight_event));
    } else if (f->flight_event) {
        f->flight_event->next = f->events;
        f->events = sedge_steal(&f->flight_event);
    }
    if (strcmp(f->flight_trigger, "NUCLEUS_LAUNCH") == 0) f->launched = false;
    if (strcmp(f->flight_trigger, "RECONNECT") == 0) f->reconnected = true;
    if (strcmp(f->flight_trigger, "COMPONENT_STATUS_CHANGE") == 0)
        for (size_t i = 0; i < f->flight.n; i++)
            add_name(&f->urgent, f->flight.v[i]);
}

static void clear_flight(struct sedge_fleet *f)
{
    sedge_strv_release(&f->flight);
    free(sedge_steal(&f->flight_trigger));
    json_object_put(sedge_steal(&f->flight_known));
}

static void end_flight(struct sedge_fleet *f)
{
    if (f->failed) {
        not_sent(f);
        f->ready_at = sedge_mono_ms() + RETRY_MS;
    } else {
        sent_whole(f);
    }
    clear_flight(f);
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
    end_flight(f);
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
    if (f->waiting == 0) end_flight(f); /* the connection is going */
}

/* What the cloud knows when it has the message: with a selection, what it knew and that. */
static struct json_object *known_after(struct sedge_fleet *f, struct json_object *all, const struct sedge_strv *only)
{
    struct json_object *names = sedge_fleet_names(all);
    struct json_object *known;

    if (!only) return names;
    known = sedge_json_copy(f->known);
    for (size_t i = 0; i < only->n; i++) {
        if (sedge_json_has(names, only->v[i]))
            sedge_json_add_bool(known, only->v[i], true);
        else
            json_object_object_del(known, only->v[i]);
    }
    json_object_put(names);
    return known;
}

static void forget_told(struct sedge_fleet *f, const struct sedge_strv *told)
{
    struct sedge_strv left = {NULL, 0};

    for (size_t i = 0; i < f->dirty.n; i++)
        if (!sedge_strv_has(told, f->dirty.v[i])) sedge_strv_add(&left, f->dirty.v[i]);
    sedge_strv_release(&f->dirty);
    f->dirty = left;
}

/* `only` (may be NULL): just these, the rest stays for later. */
static void send_message(struct sedge_fleet *f, struct json_object *all, bool complete, const char *trigger,
                         struct sedge_fleet_event *event, const struct sedge_strv *only)
{
    sedge_auto_put struct json_object *components = sedge_fleet_select(f, all, complete, only);
    sedge_auto_put struct json_object *base = NULL;
    sedge_auto_put struct json_object *chunks = NULL;
    size_t skipped = 0;

    f->sequence++;
    sedge_fleet_store_value(f, "fleet-sequence", f->sequence);
    base = sedge_fleet_base(f, complete, trigger, all);
    if (event)
        (void)json_object_object_add(base, "deploymentInformation", sedge_fleet_information(event->info, components));
    chunks = sedge_fleet_chunks(base, components, SEDGE_FLEET_MESSAGE_MAX, &skipped);
    if (skipped) sedge_log(SEDGE_ERROR, "fleet", "too-large", "%zu components do not fit into a message", skipped);
    f->failed = false;
    f->complete = complete;
    f->flight_event = event;
    f->flight_trigger = sedge_xstrdup(trigger);
    f->flight_known = known_after(f, all, only);
    for (size_t i = 0; i < json_object_array_length(components); i++)
        sedge_strv_add(&f->flight, sedge_json_str(json_object_array_get_idx(components, i), "componentName", ""));
    if (only) {
        forget_told(f, only);
    } else {
        sedge_strv_release(&f->dirty);
        f->changed = false;
    }
    sedge_strv_release(&f->urgent);
    f->last_sent = sedge_mono_ms();
    sedge_log(SEDGE_DEBUG, "fleet", "send", "trigger=%s sequence=%lld components=%zu", trigger, (long long)f->sequence,
              f->flight.n);
    publish_chunks(f, chunks);
}

/* --- when -------------------------------------------------------------------------------------------------------- */

/* 0: now. A clock that went back must not put it off. */
static int64_t until_cadence(const struct sedge_fleet *f)
{
    int64_t since = sedge_wall_ms() - f->cadence_wall;
    int64_t left = f->o.cadence_s * 1000 + f->jitter_ms - since;

    return since < 0 || left < 0 ? 0 : left;
}

static void send_event(struct sedge_fleet *f, struct json_object *all)
{
    struct sedge_fleet_event *e = f->events;

    f->events = e->next;
    e->next = NULL;
    send_message(f, all, false, e->trigger, e, NULL);
}

static void send_change(struct sedge_fleet *f, struct json_object *all)
{
    struct sedge_strv only = f->urgent;

    f->urgent = (struct sedge_strv){NULL, 0};
    send_message(f, all, false, "COMPONENT_STATUS_CHANGE", NULL, f->deployment ? &only : NULL);
    sedge_strv_release(&only);
}

static bool reconnect_counts(const struct sedge_fleet *f, int64_t now)
{
    return f->dirty.n > 0 || f->last_reconnect == 0 || now - f->last_reconnect >= RECONNECT_GAP_MS;
}

/* Sends what is due. Otherwise in how many ms to look again; what happens until then looks by itself. */
static int64_t send_due(struct sedge_fleet *f, struct json_object *all, int64_t now)
{
    bool reconnected = f->reconnected && reconnect_counts(f, now);
    bool change = f->urgent.n > 0 || (f->changed && !f->deployment && sedge_fleet_all_stable(all));

    if (f->launched && f->reconnected && !reconnected) f->reconnected = false;
    if (!f->launched) {
        f->launched = true;
        f->reconnected = false;
        send_message(f, all, true, "NUCLEUS_LAUNCH", NULL, NULL);
    } else if (f->events) {
        send_event(f, all);
    } else if (reconnected) {
        f->last_reconnect = now;
        f->reconnected = false;
        send_message(f, all, false, "RECONNECT", NULL, NULL);
    } else if (!f->deployment && until_cadence(f) == 0) {
        send_message(f, all, true, "CADENCE", NULL, NULL);
    } else if (change && now - f->last_sent >= f->o.gap_ms) {
        send_change(f, all);
    } else {
        return change ? f->o.gap_ms - (now - f->last_sent) : until_cadence(f);
    }
    return -1;
}

static void step(struct sedge_fleet *f)
{
    int64_t now = sedge_mono_ms();
    int64_t again;
    sedge_auto_put struct json_object *all = NULL;

    if (f->closing || !f->online || f->waiting > 0) return;
    if (now < f->ready_at) {
        arm(f, f->ready_at - now);
        return;
    }
    if (!f->launched && !f->settled && now - f->started < f->o.launch_ms) {
        arm(f, f->o.launch_ms - (now - f->started));
        return;
    }
    all = f->ops.components(f->ops.env);
    again = all ? send_due(f, all, now) : f->o.gap_ms;
    if (again >= 0 && !(f->deployment && again == 0)) arm(f, again); /* the end of a deployment looks again */
    if (again < 0 && f->waiting == 0) arm(f, RETRY_MS);
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
    if (!f->online) {
        sedge_fleet_drop_local_events(f); /* RECONNECT has the changes */
        return;
    }
    f->reconnected = !first;
    f->ready_at = sedge_mono_ms() + AFTER_CONNECT_MS;
    arm(f, AFTER_CONNECT_MS);
}

/* --- public ------------------------------------------------------------------------------------------------------ */

static void free_fleet(struct sedge_fleet *f)
{
    struct sedge_fleet_event *e;

    while ((e = f->events)) {
        f->events = e->next;
        sedge_fleet_free_event(e);
    }
    sedge_fleet_free_event(f->flight_event);
    clear_flight(f);
    sedge_strv_release(&f->dirty);
    sedge_strv_release(&f->urgent);
    json_object_put(f->known);
    free(f->deployment);
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
    f->thing = sedge_xstrdup(o->thing);
    f->version = sedge_xstrdup(o->version);
    f->architecture = sedge_xstrdup(o->architecture);
    f->ops = *ops;
    f->known = json_object_new_object();
    f->next_row = 1;
    draw_jitter(f);
    if (sedge_fleet_load(f, db, err) != 0) {
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

void sedge_fleet_set_cadence(struct sedge_fleet *f, int64_t cadence_s)
{
    if (cadence_s == f->o.cadence_s) return;
    f->o.cadence_s = cadence_s;
    draw_jitter(f);
    arm(f, 0);
}

void sedge_fleet_settled(struct sedge_fleet *f)
{
    f->settled = true;
    arm(f, 0);
}

void sedge_fleet_component(struct sedge_fleet *f, const char *name, const char *state)
{
    add_name(&f->dirty, name);
    if (strcmp(state, "ERRORED") == 0 || (strcmp(state, "BROKEN") == 0 && !f->deployment)) add_name(&f->urgent, name);
    f->changed = true;
    if (f->launched) arm(f, f->urgent.n ? 0 : COLLECT_MS);
}

void sedge_fleet_deployment_began(struct sedge_fleet *f, const char *id)
{
    free(f->deployment);
    f->deployment = sedge_xstrdup(id);
}

void sedge_fleet_deployment_ended(struct sedge_fleet *f, const char *id, enum sedge_fleet_deployment kind,
                                  struct json_object *info)
{
    if (sedge_str_eq(f->deployment, id)) free(sedge_steal(&f->deployment)); /* not for one that was only queued */
    if (kind != SEDGE_FLEET_LOCAL)
        sedge_fleet_store_event(f, kind == SEDGE_FLEET_THING ? "THING_DEPLOYMENT" : "THING_GROUP_DEPLOYMENT", info);
    else if (f->online)
        sedge_fleet_append_event(f, 0, "LOCAL_DEPLOYMENT", sedge_json_copy(info)); /* offline: RECONNECT has it */
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

void sedge_fleet_stored(struct sedge_fleet *f)
{
    f->ops_running--;
    if (f->closing) maybe_closed(f);
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
