/* One round of a shadow: ask, read, plan, write here, write there. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "mqtt/reconnect.h"
#include "shadow/names.h"
#include "shadow_sync_internal.h"

#define CODE_CONFLICT  409
#define CODE_NOT_FOUND 404
#define CODE_THROTTLED 429
#define CODE_INTERNAL  500 /* and above: may heal */

static void end(struct sedge_synced *s)
{
    s->phase = SEDGE_SYNC_IDLE;
    s->token[0] = 0;
    sedge_shadow_view_release(&s->local);
    sedge_shadow_view_release(&s->cloud);
    sedge_shadow_plan_release(&s->plan);
    sedge_shadow_sync_step(s->sync);
}

void sedge_shadow_round_abort(struct sedge_synced *s)
{
    s->cloud_changed = true;
    s->tries = 0;
    s->due = 0;
    if (s->phase == SEDGE_SYNC_ASKING || s->phase == SEDGE_SYNC_TELLING) end(s);
}

void sedge_shadow_round_fail(struct sedge_synced *s, const char *why)
{
    struct sedge_shadow_sync *y = s->sync;
    uint32_t random;
    int64_t pause;

    sedge_random_bytes(&random, sizeof random);
    s->tries++;
    pause = sedge_reconnect_delay_ms((unsigned)s->tries, y->o.retry_min_ms, y->o.retry_max_ms, random);
    s->due = sedge_mono_ms() + pause;
    s->cloud_changed = true;
    sedge_log(SEDGE_WARN, "shadow", "sync-failed", "thing=%s shadow=%s: %s; again in %lld s", s->thing, s->name, why,
              (long long)(pause / 1000));
    end(s);
}

/* It will not get better before one side changes. */
static void give_up(struct sedge_synced *s, const char *why)
{
    sedge_log(SEDGE_ERROR, "shadow", "sync-refused", "thing=%s shadow=%s: %s; tried again when it changes", s->thing,
              s->name, why);
    s->released = false;
    end(s);
}

static void again(struct sedge_synced *s)
{
    s->cloud_changed = true;
    end(s);
}

static void finish(struct sedge_synced *s, int64_t cloud_version)
{
    bool was = s->base.exists;

    sedge_shadow_view_release(&s->base);
    s->base = (struct sedge_shadow_view){s->plan.exists, cloud_version, sedge_steal(&s->plan.state)};
    s->known = true;
    s->tries = 0;
    s->released = s->cloud_changed || s->local_changed;
    sedge_shadow_state_put(s);
    if (s->plan.local != SEDGE_SHADOW_LEAVE || s->plan.cloud != SEDGE_SHADOW_LEAVE)
        sedge_log(SEDGE_INFO, "shadow", "synced", "thing=%s shadow=%s version=%lld%s", s->thing, s->name,
                  (long long)cloud_version, was && !s->base.exists ? " deleted" : "");
    end(s);
}

/* ---- requests to the cloud ---- */

static void sent_cb(void *user, int reason, const struct sedge_err *err)
{
    struct sedge_synced *s = user;

    (void)reason;
    if (err && (s->phase == SEDGE_SYNC_ASKING || s->phase == SEDGE_SYNC_TELLING) && s->of && s->of->ready)
        sedge_shadow_round_fail(s, err->msg);
}

void sedge_shadow_round_forget(struct sedge_synced *s)
{
    if (s->sync->mqtt) sedge_mqtt_forget(s->sync->mqtt, sent_cb, s);
}

/* Takes the request. */
static void publish(struct sedge_synced *s, enum sedge_shadow_phase phase, const char *suffix,
                    struct json_object *request)
{
    struct sedge_shadow_sync *y = s->sync;
    sedge_auto_free char *topic = sedge_shadow_topic(s->thing, s->name, suffix);
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_mqtt_message msg = {.topic = topic, .qos = 1};

    (void)snprintf(s->token, sizeof s->token, "%s-%u", y->boot, ++y->counter);
    sedge_json_add_str(request, "clientToken", s->token);
    msg.payload = sedge_json_text(request);
    msg.len = strlen(msg.payload);
    s->phase = phase;
    s->deadline = sedge_mono_ms() + y->o.answer_timeout_ms;
    if (sedge_mqtt_publish(y->mqtt, &msg, sent_cb, s, &err) != 0) sedge_shadow_round_fail(s, err.msg);
    (void)json_object_put(request);
}

static void tell(struct sedge_synced *s)
{
    struct json_object *request = json_object_new_object();

    if (!s->of || !s->of->ready) { /* the connection has gone meanwhile */
        (void)json_object_put(request);
        again(s);
        return;
    }
    if (s->cloud.exists) sedge_json_add_i64(request, "version", s->cloud.version);
    if (s->plan.cloud == SEDGE_SHADOW_UPDATE)
        (void)json_object_object_add(request, "state", sedge_steal(&s->plan.cloud_patch));
    publish(s, SEDGE_SYNC_TELLING, s->plan.cloud == SEDGE_SHADOW_UPDATE ? "/update" : "/delete", request);
}

/* ---- the device's side ---- */

/* The entry of a call that is back; NULL when nobody waits for it any more. */
static struct sedge_synced *back(void *arg)
{
    struct sedge_synced *s = arg;
    struct sedge_shadow_sync *y = s->sync;

    s->calls--;
    if (s->gone) {
        sedge_synced_free(s);
        s = NULL;
    }
    sedge_shadow_sync_call_ended(y); /* the last one when it is being closed: then the entries are gone, too */
    return s;
}

static void after_writing(struct sedge_synced *s)
{
    if (s->plan.cloud == SEDGE_SHADOW_LEAVE)
        finish(s, s->cloud.version);
    else
        tell(s);
}

static void written_cb(void *arg, const struct sedge_shadow_result *result, const struct sedge_err *err)
{
    struct sedge_synced *s = back(arg);

    (void)result;
    if (!s) return;
    if (err->code == SEDGE_OK)
        after_writing(s);
    else if (err->code == SEDGE_E_CONFLICT || err->code == SEDGE_E_NOT_FOUND) /* a component was faster */
        again(s);
    else if (err->code == SEDGE_E_INVALID || err->code == SEDGE_E_LIMIT)
        give_up(s, err->msg);
    else
        sedge_shadow_round_fail(s, err->msg);
}

static void called(struct sedge_synced *s, enum sedge_shadow_phase phase)
{
    s->phase = phase;
    s->calls++;
    s->sync->calls++;
}

static void write_here(struct sedge_synced *s)
{
    struct sedge_shadow_update u = SEDGE_SHADOW_UPDATE_INIT;
    struct json_object *root;

    called(s, SEDGE_SYNC_WRITING);
    if (s->plan.local == SEDGE_SHADOW_DELETE) {
        sedge_shadows_delete(s->sync->shadows, s->thing, s->name, s->local.version, SEDGE_SHADOW_TELL, written_cb, s);
        return;
    }
    root = json_object_new_object();
    u.state = sedge_steal(&s->plan.local_patch);
    (void)json_object_object_add(root, "state", u.state);
    u.root = root;
    if (s->local.exists) u.version = s->local.version;
    sedge_shadows_update_take(s->sync->shadows, s->thing, s->name, &u, SEDGE_SHADOW_TELL, written_cb, s);
}

static void read_cb(void *arg, const struct sedge_shadow_result *result, const struct sedge_err *err)
{
    struct sedge_synced *s = back(arg);
    sedge_auto_put struct json_object *document = NULL;

    if (!s) return;
    if (err->code != SEDGE_OK && err->code != SEDGE_E_NOT_FOUND) {
        sedge_shadow_round_fail(s, err->msg);
        return;
    }
    if (err->code == SEDGE_OK)
        document = sedge_json_parse_object(result->document, strlen(result->document), "shadow", NULL);
    if (document) (void)sedge_shadow_view_read(&s->local, document);
    sedge_shadow_plan_make(&s->plan, &s->base, &s->local, &s->cloud, s->sync->direction);
    if (s->plan.local != SEDGE_SHADOW_LEAVE)
        write_here(s);
    else
        after_writing(s);
}

static void read_here(struct sedge_synced *s)
{
    called(s, SEDGE_SYNC_READING);
    sedge_shadows_get(s->sync->shadows, s->thing, s->name, 0, read_cb, s);
}

/* ---- the round ---- */

void sedge_shadow_round_begin(struct sedge_synced *s)
{
    bool ask = s->cloud_changed || !s->known;

    s->cloud_changed = s->local_changed = false;
    if (ask) {
        publish(s, SEDGE_SYNC_ASKING, "/get", json_object_new_object());
        return;
    }
    s->cloud = (struct sedge_shadow_view){s->base.exists, s->base.version, json_object_get(s->base.state)};
    read_here(s);
}

static void refused(struct sedge_synced *s, struct json_object *answer)
{
    int64_t code = sedge_json_i64(answer, "code", CODE_INTERNAL);
    sedge_auto_free char *why =
        sedge_xasprintf("the cloud refuses: %lld %s", (long long)code, sedge_json_str(answer, "message", ""));

    if (s->phase == SEDGE_SYNC_ASKING && code == CODE_NOT_FOUND)
        read_here(s);
    else if (s->phase == SEDGE_SYNC_TELLING && (code == CODE_CONFLICT || code == CODE_NOT_FOUND))
        again(s);
    else if (code == CODE_THROTTLED || code >= CODE_INTERNAL)
        sedge_shadow_round_fail(s, why);
    else
        give_up(s, why);
}

static void answered(struct sedge_synced *s, bool accepted, struct json_object *answer)
{
    s->token[0] = 0;
    if (!accepted)
        refused(s, answer);
    else if (s->phase == SEDGE_SYNC_TELLING)
        finish(s, sedge_json_i64(answer, "version", s->cloud.version));
    else if (sedge_shadow_view_read(&s->cloud, answer) == 0)
        read_here(s);
    else
        sedge_shadow_round_fail(s, "the cloud's answer is no shadow document");
}

/* Somebody else has changed the cloud's. */
static void rang(struct sedge_synced *s, enum sedge_shadow_topic verb, struct json_object *document)
{
    struct sedge_shadow_sync *y = s->sync;

    if (verb == SEDGE_SHADOW_TOPIC_GET || y->direction == SEDGE_SHADOW_TO_CLOUD) return;
    if (verb == SEDGE_SHADOW_TOPIC_UPDATE && s->known && s->base.exists &&
        sedge_json_i64(document, "version", INT64_MAX) <= s->base.version)
        return; /* our own, once more */
    s->cloud_changed = true;
    sedge_shadow_sync_step(y);
}

void sedge_shadow_round_message(void *user, const struct sedge_mqtt_message *msg)
{
    struct sedge_synced_thing *t = user;
    sedge_auto_free char *thing = NULL;
    sedge_auto_free char *name = NULL;
    sedge_auto_put struct json_object *o = NULL;
    bool accepted = false;
    enum sedge_shadow_topic verb = sedge_shadow_topic_of(msg->topic, &thing, &name, &accepted);
    struct sedge_synced *s = verb != SEDGE_SHADOW_TOPIC_OTHER ? sedge_synced_find(t->sync, thing, name) : NULL;

    if (!s || !s->of) return;
    o = sedge_json_parse_object(msg->payload, msg->len, "shadow message", NULL);
    if (!o) return; /* not of the shadow service */
    if (s->token[0] && strcmp(sedge_json_str(o, "clientToken", ""), s->token) == 0)
        answered(s, accepted, o);
    else if (accepted)
        rang(s, verb, o);
}
