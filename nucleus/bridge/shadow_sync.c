#include "shadow_sync.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "shadow/names.h"
#include "shadow_sync_internal.h"

#define RATE_PAUSE_MS 50 /* until there may be a token for a round again */

void sedge_shadow_sync_options_default(struct sedge_shadow_sync_options *o)
{
    *o = (struct sedge_shadow_sync_options){.answer_timeout_ms = 30000, .retry_min_ms = 1000, .retry_max_ms = 300000};
}

/* ---- the list ---- */

struct sedge_synced *sedge_synced_find(struct sedge_shadow_sync *y, const char *thing, const char *name)
{
    for (struct sedge_synced *s = y->list; s; s = s->next)
        if (strcmp(s->thing, thing) == 0 && strcmp(s->name, name) == 0) return s;
    return NULL;
}

void sedge_synced_free(struct sedge_synced *s)
{
    sedge_shadow_view_release(&s->base);
    sedge_shadow_view_release(&s->local);
    sedge_shadow_view_release(&s->cloud);
    sedge_shadow_plan_release(&s->plan);
    free(s->thing);
    free(s->name);
    free(s);
}

/* Out of the list; a call that is under way frees it. */
static void drop(struct sedge_synced **link)
{
    struct sedge_synced *s = *link;

    *link = s->next;
    sedge_shadow_round_forget(s);
    s->gone = true;
    if (s->calls == 0) sedge_synced_free(s);
}

static struct sedge_synced_thing *find_thing(struct sedge_shadow_sync *y, const char *thing)
{
    for (struct sedge_synced_thing *t = y->things; t; t = t->next)
        if (strcmp(t->thing, thing) == 0) return t;
    return NULL;
}

/* ---- the schedule ---- */

static bool wants(const struct sedge_synced *s)
{
    return s->phase == SEDGE_SYNC_IDLE && s->of && s->of->ready && (s->cloud_changed || s->local_changed) &&
           (s->sync->delay_s == 0 || s->released);
}

static int running(const struct sedge_shadow_sync *y)
{
    int n = 0;

    for (struct sedge_synced *s = y->list; s; s = s->next)
        n += s->phase != SEDGE_SYNC_IDLE;
    return n;
}

static void tick(struct sedge_shadow_sync *y, int64_t now)
{
    if (y->delay_s == 0 || now < y->tick_due) return;
    y->tick_due = now + y->delay_s * 1000;
    for (struct sedge_synced *s = y->list; s; s = s->next)
        s->released = s->cloud_changed || s->local_changed;
}

static void earlier(int64_t *at, int64_t candidate)
{
    if (candidate < *at) *at = candidate;
}

static bool waits_for_answer(const struct sedge_synced *s)
{
    return s->phase == SEDGE_SYNC_ASKING || s->phase == SEDGE_SYNC_TELLING;
}

static void timer_cb(uv_timer_t *timer)
{
    struct sedge_shadow_sync *y = timer->data;
    int64_t now = sedge_mono_ms();
    struct sedge_synced *next;

    for (struct sedge_synced *s = y->list; s; s = next) {
        next = s->next;
        if (waits_for_answer(s) && s->deadline <= now) sedge_shadow_round_fail(s, "no answer of the cloud");
    }
    sedge_shadow_sync_step(y);
}

/* When the next thing is due, whatever it is. */
static void arm(struct sedge_shadow_sync *y, int64_t now, bool throttled)
{
    int64_t due = INT64_MAX;

    for (struct sedge_synced *s = y->list; s; s = s->next) {
        if (waits_for_answer(s)) earlier(&due, s->deadline);
        if (wants(s)) earlier(&due, s->due > now ? s->due : throttled ? now + RATE_PAUSE_MS : INT64_MAX);
    }
    if (y->delay_s > 0 && y->things) earlier(&due, y->tick_due);
    if (due == INT64_MAX)
        (void)uv_timer_stop(&y->timer);
    else
        (void)uv_timer_start(&y->timer, timer_cb, due > now ? (uint64_t)(due - now) : 1, 0);
}

void sedge_shadow_sync_step(struct sedge_shadow_sync *y)
{
    int64_t now = sedge_mono_ms();
    bool throttled = false;
    int free_rounds;

    if (y->closing || y->stepping) return;
    y->stepping = true;
    tick(y, now);
    free_rounds = SEDGE_SHADOW_SYNC_PARALLEL - running(y);
    for (struct sedge_synced *s = y->list; s && free_rounds > 0 && !throttled; s = s->next) {
        if (!wants(s) || s->due > now) continue;
        throttled = !sedge_shadow_bucket_take(&y->outbound, y->outbound_rate, now);
        if (throttled) break;
        free_rounds--;
        sedge_shadow_round_begin(s);
    }
    y->stepping = false;
    arm(y, now, throttled);
}

static void changed_cb(void *user, const char *thing, const char *name)
{
    struct sedge_shadow_sync *y = user;
    struct sedge_synced *s = sedge_synced_find(y, thing, name);

    if (!s || y->direction == SEDGE_SHADOW_TO_DEVICE) return;
    s->local_changed = true;
    sedge_shadow_sync_step(y);
}

/* ---- connection ---- */

static void want_all(struct sedge_shadow_sync *y, const struct sedge_synced_thing *of)
{
    for (struct sedge_synced *s = y->list; s; s = s->next) {
        if (s->of != of) continue;
        s->cloud_changed = s->released = true;
        s->due = 0;
        s->tries = 0;
    }
}

static void granted_cb(void *user, const int *codes, size_t n, const struct sedge_err *err)
{
    struct sedge_synced_thing *t = user;

    (void)codes, (void)n;
    if (err) return; /* logged and repeated by the session */
    t->ready = true;
    want_all(t->sync, t);
    sedge_shadow_sync_step(t->sync);
}

static void state_cb(void *user, enum sedge_mqtt_state state, bool first, const struct sedge_err *why)
{
    struct sedge_shadow_sync *y = user;

    (void)first, (void)why;
    if (state == SEDGE_MQTT_CONNECTED) return;
    for (struct sedge_synced_thing *t = y->things; t; t = t->next)
        t->ready = false;
    for (struct sedge_synced *s = y->list; s; s = s->next)
        sedge_shadow_round_abort(s);
}

static void subscribe(struct sedge_synced_thing *t)
{
    static const char *const results[] = {"accepted", "rejected"};
    static const struct sedge_mqtt_sub_cbs cbs = {sedge_shadow_round_message, granted_cb};
    sedge_auto_strv struct sedge_strv filters = {NULL, 0};
    struct sedge_err err = SEDGE_ERR_INIT;

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(results); i++) {
        if (t->classic)
            sedge_strv_add_take(&filters, sedge_xasprintf("$aws/things/%s/shadow/+/%s", t->thing, results[i]));
        if (t->named)
            sedge_strv_add_take(&filters, sedge_xasprintf("$aws/things/%s/shadow/name/+/+/%s", t->thing, results[i]));
    }
    t->sub = sedge_mqtt_subscribe(t->sync->mqtt, (const char *const *)filters.v, filters.n, 1, &cbs, t, &err);
    if (!t->sub)
        sedge_log(SEDGE_ERROR, "shadow", "not-subscribed", "the shadows of %s are not synchronised: %s", t->thing,
                  err.msg);
}

/* ---- configuration ---- */

static void free_thing(struct sedge_synced_thing *t)
{
    if (t->sub) sedge_mqtt_unsubscribe(t->sub);
    free(t->thing);
    free(t);
}

static void forget_things(struct sedge_shadow_sync *y)
{
    struct sedge_synced_thing *t;

    for (struct sedge_synced *s = y->list; s; s = s->next)
        s->of = NULL;
    while ((t = y->things)) {
        y->things = t->next;
        free_thing(t);
    }
}

static struct sedge_synced_thing *need_thing(struct sedge_shadow_sync *y, const struct sedge_shadow_id *id)
{
    struct sedge_synced_thing *t = find_thing(y, id->thing);

    if (!t) {
        t = SEDGE_NEW(struct sedge_synced_thing);
        t->sync = y;
        t->thing = sedge_xstrdup(id->thing);
        t->next = y->things;
        y->things = t;
    }
    if (*id->name)
        t->named = true;
    else
        t->classic = true;
    return t;
}

static void need_shadow(struct sedge_shadow_sync *y, const struct sedge_shadow_id *id)
{
    struct sedge_synced *s = sedge_synced_find(y, id->thing, id->name);

    if (!s) {
        s = SEDGE_NEW(struct sedge_synced);
        s->sync = y;
        s->thing = sedge_xstrdup(id->thing);
        s->name = sedge_xstrdup(id->name);
        s->next = y->list;
        y->list = s;
    }
    s->of = need_thing(y, id);
}

static void drop_unneeded(struct sedge_shadow_sync *y)
{
    struct sedge_synced **link = &y->list;

    while (*link) {
        if ((*link)->of) {
            link = &(*link)->next;
            continue;
        }
        sedge_shadow_state_delete(*link);
        drop(link);
    }
}

static bool same_list(const struct sedge_shadow_sync *y, const struct sedge_shadow_settings *settings)
{
    size_t n = 0;

    for (struct sedge_synced *s = y->list; s; s = s->next)
        n += s->of != NULL;
    if (n != settings->nsynced) return false;
    for (size_t i = 0; i < settings->nsynced; i++) {
        bool found = false;
        for (struct sedge_synced *s = y->list; s && !found; s = s->next)
            found = s->of && strcmp(s->thing, settings->synced[i].thing) == 0 &&
                    strcmp(s->name, settings->synced[i].name) == 0;
        if (!found) return false;
    }
    return true;
}

void sedge_shadow_sync_configure(struct sedge_shadow_sync *y, const struct sedge_shadow_settings *settings)
{
    bool same = same_list(y, settings) && y->direction == settings->direction && y->delay_s == settings->delay_s;

    y->outbound_rate = settings->outbound_rate;
    if (same && y->configured) return;
    y->configured = true;
    y->direction = settings->direction;
    y->delay_s = settings->delay_s;
    y->tick_due = sedge_mono_ms() + y->delay_s * 1000;
    forget_things(y);
    for (size_t i = 0; i < settings->nsynced; i++)
        need_shadow(y, &settings->synced[i]);
    drop_unneeded(y);
    for (struct sedge_synced *s = y->list; s; s = s->next)
        sedge_shadow_round_abort(s);
    for (struct sedge_synced_thing *t = y->things; t; t = t->next)
        subscribe(t);
    sedge_shadow_sync_step(y);
}

/* ---- life ---- */

struct sedge_shadow_sync *sedge_shadow_sync_new(uv_loop_t *loop, struct sedge_db *db, struct sedge_shadows *shadows,
                                                const struct sedge_shadow_sync_options *o, struct sedge_err *err)
{
    struct sedge_shadow_sync *y = SEDGE_NEW(struct sedge_shadow_sync);
    sedge_auto_buf struct sedge_buf boot = SEDGE_BUF_INIT;
    unsigned char random[4];

    y->loop = loop;
    y->o = *o;
    y->shadows = shadows;
    if (sedge_shadow_state_load(y, db, err) != 0) {
        while (y->list)
            drop(&y->list);
        free(y);
        return NULL;
    }
    sedge_random_bytes(random, sizeof random);
    sedge_hex_encode(&boot, random, sizeof random);
    (void)snprintf(y->boot, sizeof y->boot, "%s", boot.data);
    (void)uv_timer_init(loop, &y->timer);
    y->timer.data = y;
    return y;
}

void sedge_shadow_sync_start(struct sedge_shadow_sync *y, struct sedge_mqtt *mqtt, struct sedge_dbw *writer)
{
    y->mqtt = mqtt;
    y->writer = writer;
    sedge_mqtt_on_state(mqtt, state_cb, y);
    sedge_shadows_on_change(y->shadows, changed_cb, y);
}

static void timer_closed_cb(uv_handle_t *h)
{
    struct sedge_shadow_sync *y = h->data;
    void (*closed)(void *user) = y->closed;
    void *user = y->closed_user;

    free(y);
    if (closed) closed(user);
}

static void maybe_closed(struct sedge_shadow_sync *y)
{
    if (!y->closing || y->calls > 0 || uv_is_closing((uv_handle_t *)&y->timer)) return;
    uv_close((uv_handle_t *)&y->timer, timer_closed_cb);
}

void sedge_shadow_sync_call_ended(struct sedge_shadow_sync *y)
{
    y->calls--;
    maybe_closed(y);
}

void sedge_shadow_sync_close(struct sedge_shadow_sync *y, void (*closed)(void *user), void *user)
{
    if (!y || y->closing) return;
    y->closing = true;
    y->closed = closed;
    y->closed_user = user;
    sedge_shadows_on_change(y->shadows, NULL, NULL);
    if (y->mqtt) sedge_mqtt_remove_on_state(y->mqtt, state_cb, y);
    forget_things(y);
    while (y->list)
        drop(&y->list);
    maybe_closed(y);
}
