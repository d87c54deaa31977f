/* The sending side of the spool: what goes to the session when, and what its answers mean. */
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "internal.h"
#include "spool_parts.h"

#define START_MS       500  /* after a connect: statuses and requests go first */
#define WRITE_AFTER_MS 750  /* unacknowledged for so long while connected: on disk */
#define CHECK_MS       200  /* how often that is looked at */
#define PAUSE_MIN_MS   1000 /* after a refused message */
#define PAUSE_MAX_MS   60000
#define POISON_MS      5000 /* a connection that ends so soon after a message is its fault, perhaps */
#define POISON_CLOSES  2
#define DROPS_LOG_MS   3600000

/* --- answers ----------------------------------------------------------------------------------------------------- */

static void pause_sending(struct sedge_spool *s)
{
    uint32_t random;

    sedge_random_bytes(&random, sizeof random);
    s->paused_until =
        sedge_mono_ms() + sedge_reconnect_delay_ms((unsigned)++s->pauses, PAUSE_MIN_MS, PAUSE_MAX_MS, random);
}

static void failed(struct sedge_spool *s, struct sedge_item *i, int reason, const struct sedge_err *err)
{
    if (err->code == SEDGE_E_DENIED || err->code == SEDGE_E_INVALID) {
        sedge_spool_drop(s, i, err->msg);
        return;
    }
    if (i->qos == 0 && !s->o.keep_qos0) {
        sedge_spool_drop(s, i, err->msg);
        return;
    }
    if (reason < 0 && err->code != SEDGE_E_TIMEOUT) return; /* the connection ended: not the message's fault */
    i->attempts++;
    if (s->o.max_retry >= 0 && i->attempts > s->o.max_retry) {
        sedge_spool_drop(s, i, err->msg);
        return;
    }
    if (i->disk != SEDGE_DISK_NO) sedge_spool_save_attempts(s, i);
    pause_sending(s);
}

static void done_cb(void *user, int reason, const struct sedge_err *err)
{
    struct sedge_item *i = user;
    struct sedge_spool *s = i->s;

    i->sent = false;
    s->inflight--;
    if (err) {
        failed(s, i, reason, err);
    } else {
        s->stats.delivered++;
        s->pauses = 0;
        s->probation = false;
        sedge_spool_remove(s, i);
    }
    sedge_spool_arm(s, 0);
}

/* --- sending ----------------------------------------------------------------------------------------------------- */

static int64_t age_s(const struct sedge_item *i)
{
    int64_t ms = i->accepted ? sedge_mono_ms() - i->accepted : sedge_wall_ms() - i->created_ms;

    return ms > 0 ? ms / 1000 : 0; /* a clock that went backwards: young */
}

/* Milliseconds to wait for the replay rate; 0: go. */
static int64_t replay_wait(struct sedge_spool *s, const struct sedge_item *i)
{
    int64_t now = sedge_mono_ms();
    int64_t wait;

    if (!i->replay) return 0;
    wait = sedge_bucket_wait(&s->replay_bytes, (double)i->size, now);
    if (wait == 0) wait = sedge_bucket_take(&s->replay_messages, 1, now);
    if (wait == 0) (void)sedge_bucket_take(&s->replay_bytes, (double)i->size, now);
    return wait;
}

static bool publish_item(struct sedge_spool *s, struct sedge_item *i)
{
    struct sedge_mqtt_props props;
    bool have = sedge_props_parse(i->props, &props);
    struct sedge_mqtt_message msg = {
        .topic = i->topic, .payload = i->payload, .len = i->len, .qos = i->qos, .retain = i->retain};
    int rc;

    if (have && props.expiry_s >= 0) props.expiry_s = props.expiry_s > age_s(i) ? props.expiry_s - age_s(i) : 0;
    if (have) msg.props = &props;
    rc = sedge_mqtt_publish(s->mqtt, &msg, done_cb, i, NULL);
    sedge_props_release(&props);
    if (rc != 0) return false;
    i->sent = true;
    i->sent_at = sedge_mono_ms();
    s->inflight++;
    return true;
}

static bool has_expired(const struct sedge_spool *s, const struct sedge_item *i)
{
    struct sedge_mqtt_props props;
    bool over = s->o.max_age_s > 0 && age_s(i) > s->o.max_age_s;

    if (!over && sedge_props_parse(i->props, &props)) {
        over = props.expiry_s >= 0 && age_s(i) >= props.expiry_s && props.expiry_s > 0;
        sedge_props_release(&props);
    }
    return over;
}

static void send_from(struct sedge_spool *s, struct sedge_spool_list *l)
{
    int window = s->probation ? 1 : s->o.max_inflight;
    struct sedge_item *next;

    for (struct sedge_item *i = l->first; i && s->inflight < window; i = next) {
        int64_t wait;
        next = i->next;
        if (i->sent) continue;
        if (has_expired(s, i)) {
            sedge_spool_drop(s, i, "too old");
            continue;
        }
        wait = replay_wait(s, i);
        if (wait > 0) {
            sedge_spool_arm(s, wait);
            return;
        }
        if (!publish_item(s, i)) {
            sedge_spool_arm(s, CHECK_MS);
            return;
        }
    }
}

static void log_drops(struct sedge_spool *s, int64_t now)
{
    if (s->stats.dropped == s->drops_logged || now - s->drops_logged_at < DROPS_LOG_MS) return;
    sedge_log(SEDGE_WARN, "spool", "drops", "%lld messages since start", (long long)s->stats.dropped);
    s->drops_logged = s->stats.dropped;
    s->drops_logged_at = now;
}

static void step(struct sedge_spool *s)
{
    int64_t now = sedge_mono_ms();
    bool connected = s->mqtt && sedge_mqtt_connected(s->mqtt);

    if (s->closing) return;
    log_drops(s, now);
    sedge_spool_load_more(s);
    sedge_spool_write_waiting(s, connected ? now - WRITE_AFTER_MS : now);
    if (connected && now >= s->paused_until) {
        send_from(s, &s->queue);
        if (s->unloaded == 0 || s->queue.n == 0) send_from(s, &s->loose);
    } else if (connected)
        sedge_spool_arm(s, s->paused_until - now);
    if (s->queue.n > 0 || s->unloaded > 0) sedge_spool_arm(s, CHECK_MS);
}

static void timer_cb(uv_timer_t *t)
{
    step(t->data);
}

void sedge_spool_arm(struct sedge_spool *s, int64_t ms)
{
    if (s->closing) return;
    if (ms < 0) ms = 0;
    if (uv_is_active((uv_handle_t *)&s->timer) && uv_timer_get_due_in(&s->timer) <= (uint64_t)ms) return;
    (void)uv_timer_start(&s->timer, timer_cb, (uint64_t)ms, 0);
}

/* --- connection -------------------------------------------------------------------------------------------------- */

/* A message after which the broker closes the connection again and again would keep us offline for ever. */
static void suspect(struct sedge_spool *s, int64_t now)
{
    struct sedge_item *only = NULL;
    int recent = 0;

    for (struct sedge_item *i = s->queue.first; i; i = i->next)
        if (i->sent && now - i->sent_at < POISON_MS) {
            recent++;
            only = i;
        }
    if (recent == 0) return;
    if (s->probation && recent == 1) only->closes++;
    s->probation = true;
    if (recent != 1 || only->closes < POISON_CLOSES) return;
    sedge_mqtt_forget(s->mqtt, done_cb, only);
    s->inflight--;
    s->probation = false;
    sedge_spool_drop(s, only, "the broker closed the connection each time after this message");
}

static void drop_loose(struct sedge_spool *s)
{
    struct sedge_item *next;

    for (struct sedge_item *i = s->loose.first; i; i = next) {
        next = i->next;
        if (i->sent) continue;
        s->stats.dropped++;
        sedge_spool_remove(s, i);
    }
}

static void state_cb(void *user, enum sedge_mqtt_state state, bool first, const struct sedge_err *why)
{
    struct sedge_spool *s = user;
    int64_t now = sedge_mono_ms();

    (void)first;
    if (state == SEDGE_MQTT_CONNECTED) {
        s->paused_until = now + START_MS;
        sedge_bucket_init(&s->replay_messages, s->o.replay_messages_per_s, now);
        sedge_bucket_init(&s->replay_bytes, s->o.replay_bytes_per_s, now);
    } else {
        if (why && why->code != SEDGE_E_TIMEOUT) suspect(s, now);
        if (!s->o.keep_qos0) drop_loose(s);
        for (struct sedge_item *i = s->queue.first; i; i = i->next)
            i->replay = true;
    }
    sedge_spool_arm(s, 0);
}

/* --- beginning and end ------------------------------------------------------------------------------------------- */

void sedge_spool_sender_start(struct sedge_spool *s)
{
    (void)uv_timer_init(s->loop, &s->timer);
    s->timer.data = s;
    if (s->mqtt) sedge_mqtt_on_state(s->mqtt, state_cb, s);
    sedge_spool_arm(s, 0);
}

static void forget_sent(struct sedge_spool *s, struct sedge_spool_list *l)
{
    for (struct sedge_item *i = l->first; i; i = i->next)
        if (i->sent) sedge_mqtt_forget(s->mqtt, done_cb, i);
}

void sedge_spool_sender_stop(struct sedge_spool *s)
{
    if (!s->mqtt) return;
    forget_sent(s, &s->queue);
    forget_sent(s, &s->loose);
    sedge_mqtt_remove_on_state(s->mqtt, state_cb, s);
}
