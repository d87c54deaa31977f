#include "spool.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "internal.h"
#include "spool_internal.h"
#include "topic.h"

#define START_MS       500   /* after a connect: statuses and requests go first */
#define WRITE_AFTER_MS 750   /* unacknowledged for so long while connected: on disk */
#define CHECK_MS       200   /* how often that is looked at */
#define DISK_AGAIN_MS  60000 /* after a failed write */
#define PAUSE_MIN_MS   1000  /* after a refused message */
#define PAUSE_MAX_MS   60000
#define POISON_MS      5000 /* a connection that ends so soon after a message is its fault, perhaps */
#define POISON_CLOSES  2
#define DROPS_LOG_MS   3600000
#define DISK_BYTES     (16 * 1024 * 1024)
#define MEMORY_BYTES   2621440
#define SHARE          4 /* a component may always have a quarter */

struct list {
    struct sedge_item *first;
    size_t n;
};

struct publisher {
    struct publisher *next;
    char *name;
    int64_t bytes;
};

struct sedge_spool {
    uv_loop_t *loop;
    struct sedge_mqtt *mqtt;
    struct sedge_spool_options o;
    char *path;
    struct sedge_dbw *writer; /* NULL: memory storage */
    uv_timer_t timer;
    struct list queue; /* QoS 1, by id */
    struct list loose; /* QoS 0 */
    struct publisher *publishers;
    int64_t next_id;
    int64_t loaded_id; /* rows up to here are or were in memory */
    int64_t unloaded;  /* messages only in the file, all newer than loaded_id */
    bool loading;
    bool disk_ok;
    int64_t disk_again;
    int inflight;
    bool probation; /* one at a time: a message may be closing the connection */
    int64_t paused_until;
    int pauses;
    struct sedge_bucket replay_messages, replay_bytes;
    struct sedge_spool_stats stats;
    int64_t drops_logged, drops_logged_at;
    int ops; /* writes under way */
    bool closing;
    void (*closed)(void *user);
    void *closed_user;
};

void sedge_spool_options_default(struct sedge_spool_options *o)
{
    *o = (struct sedge_spool_options){.max_messages = SEDGE_SPOOL_MESSAGES_MAX,
                                      .max_payload = SEDGE_MQTT_PAYLOAD_MAX,
                                      .min_free_bytes = 100000000,
                                      .max_retry = 100,
                                      .max_inflight = 5,
                                      .replay_messages_per_s = 10,
                                      .replay_bytes_per_s = 65536,
                                      .policy = SEDGE_SPOOL_REJECT_NEW};
}

static void step(struct sedge_spool *s);
static void arm(struct sedge_spool *s, int64_t ms);

/* --- accounts ---------------------------------------------------------------------------------------------------- */

static struct publisher *publisher_of(struct sedge_spool *s, const char *name)
{
    struct publisher *p;

    for (p = s->publishers; p; p = p->next)
        if (strcmp(p->name, name) == 0) return p;
    p = SEDGE_NEW(struct publisher);
    p->name = sedge_xstrdup(name);
    p->next = s->publishers;
    s->publishers = p;
    return p;
}

static void account(struct sedge_spool *s, const struct sedge_item *i, int sign)
{
    s->stats.messages += sign;
    s->stats.bytes += sign * i->size;
    publisher_of(s, i->component)->bytes += sign * i->size;
}

/* What one component may hold: all of it when it is alone, at least a quarter otherwise. */
static int64_t share_of(struct sedge_spool *s, const struct publisher *me)
{
    int64_t active = 1;

    for (struct publisher *p = s->publishers; p; p = p->next)
        active += p != me && p->bytes > 0;
    return s->o.max_bytes / (active < SHARE ? active : SHARE);
}

/* --- lists ------------------------------------------------------------------------------------------------------- */

static void insert_sorted(struct list *l, struct sedge_item *i)
{
    struct sedge_item **p = &l->first;

    while (*p && (*p)->id < i->id)
        p = &(*p)->next;
    i->next = *p;
    *p = i;
    l->n++;
}

static bool has_id(const struct list *l, int64_t id)
{
    for (const struct sedge_item *i = l->first; i; i = i->next)
        if (i->id == id) return true;
    return false;
}

static void unlink_item(struct sedge_spool *s, struct sedge_item *gone)
{
    struct list *l = gone->qos > 0 ? &s->queue : &s->loose;

    for (struct sedge_item **p = &l->first; *p; p = &(*p)->next)
        if (*p == gone) {
            *p = gone->next;
            l->n--;
            return;
        }
}

/* --- the file ---------------------------------------------------------------------------------------------------- */

static void maybe_closed(struct sedge_spool *s);

static void submit(struct sedge_spool *s, sedge_dbw_work work, sedge_dbw_done done, struct sedge_spool_op fill)
{
    struct sedge_spool_op *op = SEDGE_NEW(struct sedge_spool_op);

    *op = fill;
    op->s = s;
    s->ops++;
    sedge_dbw_submit(s->writer, work, done, op);
}

static void op_ended(struct sedge_spool_op *op)
{
    struct sedge_spool *s = op->s;

    free(op);
    s->ops--;
    if (s->closing) maybe_closed(s);
}

static void small_op_done(void *arg, int rc, const struct sedge_err *err)
{
    if (rc != 0) sedge_log(SEDGE_WARN, "spool", "write-failed", "%s", err->msg);
    op_ended(arg);
}

static void disk_failed(struct sedge_spool *s, const struct sedge_err *err)
{
    if (s->disk_ok)
        sedge_log(SEDGE_ERROR, "spool", "disk-failed", "%s; messages are kept in memory until it works again",
                  err->msg);
    s->disk_ok = false;
    s->stats.on_disk = false;
    s->disk_again = sedge_mono_ms() + DISK_AGAIN_MS;
}

static void insert_done(void *arg, int rc, const struct sedge_err *err)
{
    struct sedge_spool_op *op = arg;
    struct sedge_spool *s = op->s;
    struct sedge_item *i = op->item;

    i->disk = rc == 0 ? SEDGE_DISK_YES : SEDGE_DISK_NO;
    if (rc != 0)
        disk_failed(s, err);
    else if (!s->disk_ok) {
        sedge_log(SEDGE_INFO, "spool", "disk-works", "%s", s->path);
        s->disk_ok = s->stats.on_disk = true;
    }
    if (i->gone) sedge_item_free(i); /* acknowledged meanwhile; its row is deleted behind this */
    op_ended(op);
}

static void write_item(struct sedge_spool *s, struct sedge_item *i)
{
    if (!s->writer || i->qos == 0 || i->disk != SEDGE_DISK_NO) return;
    if (!s->disk_ok && sedge_mono_ms() < s->disk_again) return;
    i->disk = SEDGE_DISK_WRITING;
    submit(s, sedge_spool_insert, insert_done,
           (struct sedge_spool_op){.item = i, .path = s->path, .min_free = s->o.min_free_bytes});
}

/* An item that goes to the file only: older ones are there already. Its memory is freed when it is safe. */
static void insert_only_done(void *arg, int rc, const struct sedge_err *err)
{
    struct sedge_spool_op *op = arg;
    struct sedge_spool *s = op->s;
    struct sedge_item *i = op->item;

    if (rc == 0) {
        sedge_item_free(i);
    } else { /* kept in memory; it may be sent before older ones that are in the file */
        disk_failed(s, err);
        s->unloaded--;
        i->disk = SEDGE_DISK_NO;
        insert_sorted(&s->queue, i);
    }
    op_ended(op);
    if (!s->closing) arm(s, 0);
}

static void load_done(void *arg, int rc, const struct sedge_err *err)
{
    struct sedge_spool_op *op = arg;
    struct sedge_spool *s = op->s;
    struct sedge_item *i;

    s->loading = false;
    if (rc != 0) disk_failed(s, err);
    while ((i = op->rows)) {
        op->rows = i->next;
        i->s = s;
        s->loaded_id = i->id;
        s->unloaded--;
        if (has_id(&s->queue, i->id)) /* was kept in memory while the disk failed */
            sedge_item_free(i);
        else
            insert_sorted(&s->queue, i);
    }
    if (rc == 0 && s->queue.n == 0) s->unloaded = 0; /* whatever was counted is not there */
    op_ended(op);
    if (!s->closing) arm(s, rc == 0 ? 0 : DISK_AGAIN_MS);
}

static void load_more(struct sedge_spool *s)
{
    if (s->unloaded <= 0 || s->loading || s->queue.n > SEDGE_SPOOL_WINDOW / 2 || s->closing) return;
    s->loading = true;
    submit(s, sedge_spool_load, load_done, (struct sedge_spool_op){.after = s->loaded_id, .limit = SEDGE_SPOOL_WINDOW});
}

static void write_waiting(struct sedge_spool *s, int64_t older_than)
{
    for (struct sedge_item *i = s->queue.first; i; i = i->next)
        if (i->disk == SEDGE_DISK_NO && i->accepted <= older_than) write_item(s, i);
}

/* --- the end of a message ---------------------------------------------------------------------------------------- */

static void remove_item(struct sedge_spool *s, struct sedge_item *i)
{
    unlink_item(s, i);
    account(s, i, -1);
    if (i->disk != SEDGE_DISK_NO) submit(s, sedge_spool_delete, small_op_done, (struct sedge_spool_op){.id = i->id});
    if (i->disk == SEDGE_DISK_WRITING)
        i->gone = true;
    else
        sedge_item_free(i);
}

static void drop_item(struct sedge_spool *s, struct sedge_item *i, const char *why)
{
    sedge_log(SEDGE_WARN, "spool", "dropped", "component=%s topic=%s bytes=%zu: %s", i->component, i->topic, i->len,
              why);
    s->stats.dropped++;
    remove_item(s, i);
}

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
        drop_item(s, i, err->msg);
        return;
    }
    if (i->qos == 0 && !s->o.keep_qos0) {
        drop_item(s, i, err->msg);
        return;
    }
    if (reason < 0 && err->code != SEDGE_E_TIMEOUT) return; /* the connection ended: not the message's fault */
    i->attempts++;
    if (s->o.max_retry >= 0 && i->attempts > s->o.max_retry) {
        drop_item(s, i, err->msg);
        return;
    }
    if (i->disk != SEDGE_DISK_NO)
        submit(s, sedge_spool_set_attempts, small_op_done,
               (struct sedge_spool_op){.id = i->id, .attempts = i->attempts});
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
        remove_item(s, i);
    }
    arm(s, 0);
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

    if (have && props.expiry_s >= 0) props.expiry_s -= age_s(i);
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

static void send_from(struct sedge_spool *s, struct list *l)
{
    int window = s->probation ? 1 : s->o.max_inflight;
    struct sedge_item *next;

    for (struct sedge_item *i = l->first; i && s->inflight < window; i = next) {
        int64_t wait;
        next = i->next;
        if (i->sent) continue;
        if (has_expired(s, i)) {
            drop_item(s, i, "too old");
            continue;
        }
        wait = replay_wait(s, i);
        if (wait > 0) {
            arm(s, wait);
            return;
        }
        if (!publish_item(s, i)) {
            arm(s, CHECK_MS);
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
    load_more(s);
    write_waiting(s, connected ? now - WRITE_AFTER_MS : now);
    if (connected && now >= s->paused_until) {
        send_from(s, &s->queue);
        if (s->unloaded == 0 || s->queue.n == 0) send_from(s, &s->loose);
    } else if (connected)
        arm(s, s->paused_until - now);
    if (s->queue.n > 0 || s->unloaded > 0) arm(s, CHECK_MS);
}

static void timer_cb(uv_timer_t *t)
{
    step(t->data);
}

static void arm(struct sedge_spool *s, int64_t ms)
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
    drop_item(s, only, "the broker closed the connection each time after this message");
}

static void drop_loose(struct sedge_spool *s)
{
    struct sedge_item *next;

    for (struct sedge_item *i = s->loose.first; i; i = next) {
        next = i->next;
        if (i->sent) continue;
        s->stats.dropped++;
        remove_item(s, i);
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
    arm(s, 0);
}

/* --- accepting --------------------------------------------------------------------------------------------------- */

static bool fits(struct sedge_spool *s, const struct sedge_item *i)
{
    const struct publisher *p = publisher_of(s, i->component);

    return s->stats.bytes + i->size <= s->o.max_bytes && s->stats.messages < s->o.max_messages &&
           p->bytes + i->size <= share_of(s, p);
}

static bool drop_oldest_of(struct sedge_spool *s, struct list *l, const char *component)
{
    for (struct sedge_item *i = l->first; i; i = i->next) {
        if (i->sent || (component && strcmp(i->component, component) != 0)) continue;
        drop_item(s, i, "the spool is full");
        return true;
    }
    return false;
}

static void coalesce(struct sedge_spool *s, const struct sedge_item *newer)
{
    struct list *l = newer->qos > 0 ? &s->queue : &s->loose;

    for (struct sedge_item *i = l->first; i; i = i->next)
        if (!i->sent && strcmp(i->topic, newer->topic) == 0) {
            remove_item(s, i);
            return;
        }
}

static int make_room(struct sedge_spool *s, const struct sedge_item *i, struct sedge_err *err)
{
    if (i->size > s->o.max_bytes)
        return sedge_err_set(err, SEDGE_E_LIMIT, "Message is larger than the size of message spool.");
    if (s->o.policy == SEDGE_SPOOL_COALESCE) coalesce(s, i);
    while (!fits(s, i))
        if (!drop_oldest_of(s, &s->loose, NULL) &&
            (s->o.policy != SEDGE_SPOOL_DROP_OLDEST || !drop_oldest_of(s, &s->queue, i->component)))
            return sedge_err_set(err, SEDGE_E_LIMIT, "Message spool is full. Message could not be added.");
    return 0;
}

static int check(struct sedge_spool *s, const struct sedge_mqtt_message *msg, struct sedge_err *err)
{
    if (!s->mqtt)
        return sedge_err_set(err, SEDGE_E_UNAVAILABLE, "Cannot publish because device is configured to run offline");
    if (msg->len > (size_t)s->o.max_payload)
        return sedge_err_set(err, SEDGE_E_LIMIT,
                             "The publishing message size %zu bytes exceeds the configured limit of %lld bytes",
                             msg->len, (long long)s->o.max_payload);
    if (sedge_mqtt_topic_check(msg->topic, sedge_mqtt_is_v5(s->mqtt), err) != 0) return -1;
    if (msg->qos < 0 || msg->qos > 1) return sedge_err_set(err, SEDGE_E_INVALID, "Invalid QoS value: %d", msg->qos);
    if (msg->qos == 0 && !s->o.keep_qos0 && !sedge_mqtt_connected(s->mqtt))
        return sedge_err_set(err, SEDGE_E_UNAVAILABLE, "Device is offline. Dropping QoS 0 message.");
    if (s->closing) return sedge_err_set(err, SEDGE_E_CANCELED, "The nucleus is shutting down");
    return 0;
}

static void enqueue(struct sedge_spool *s, struct sedge_item *i)
{
    bool full = s->queue.n >= SEDGE_SPOOL_WINDOW || s->unloaded > 0;

    if (i->qos > 0 && full && s->writer && s->disk_ok) {
        s->unloaded++;
        submit(s, sedge_spool_insert, insert_only_done,
               (struct sedge_spool_op){.item = i, .path = s->path, .min_free = s->o.min_free_bytes});
        return;
    }
    if (i->qos > 0 && s->unloaded == 0) s->loaded_id = i->id;
    insert_sorted(i->qos > 0 ? &s->queue : &s->loose, i);
}

int sedge_spool_publish(struct sedge_spool *s, const char *component, const struct sedge_mqtt_message *msg,
                        struct sedge_err *err)
{
    struct sedge_item *i;

    if (check(s, msg, err) != 0) return -1;
    i = sedge_item_new(component, msg);
    if (make_room(s, i, err) != 0) {
        sedge_item_free(i);
        return -1;
    }
    i->s = s;
    i->id = s->next_id++;
    i->replay = !sedge_mqtt_connected(s->mqtt);
    account(s, i, 1);
    s->stats.accepted++;
    enqueue(s, i);
    arm(s, 0);
    return 0;
}

/* --- making and closing ------------------------------------------------------------------------------------------ */

static struct sedge_db *open_file(const char *path, struct sedge_spool_totals *totals, struct sedge_err *err)
{
    struct sedge_db *db = sedge_db_open(path, sedge_spool_schema, SEDGE_SPOOL_SCHEMA_VERSION, err);

    if (db && sedge_spool_totals(db, totals, err) == 0) return db;
    sedge_db_close(db);
    return NULL;
}

static void set_aside(const char *path)
{
    sedge_auto_free char *bad = sedge_xasprintf("%s.bad", path);
    static const char *const companions[] = {"-wal", "-shm"};

    if (rename(path, bad) != 0) return; /* then opening again fails, too, and memory is used */
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(companions); i++) {
        sedge_auto_free char *file = sedge_xasprintf("%s%s", path, companions[i]);
        (void)unlink(file); /* mostly not there */
    }
}

static void open_storage(struct sedge_spool *s)
{
    struct sedge_spool_totals totals = {0, 0, 0};
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_db *db = open_file(s->path, &totals, &err);

    if (!db && err.code == SEDGE_E_CORRUPT) {
        sedge_log(SEDGE_ERROR, "spool", "damaged", "%s; kept as %s.bad, a new one is begun", err.msg, s->path);
        set_aside(s->path);
        err = SEDGE_ERR_INIT;
        db = open_file(s->path, &totals, &err);
    }
    if (!db) {
        sedge_log(SEDGE_ERROR, "spool", "memory-only", "%s; messages will not survive a restart", err.msg);
        return;
    }
    s->writer = sedge_dbw_new(s->loop, db);
    s->disk_ok = s->stats.on_disk = true;
    s->next_id = totals.last_id + 1;
    s->unloaded = totals.messages;
    s->stats.messages = totals.messages;
    s->stats.bytes = totals.bytes;
    if (totals.messages)
        sedge_log(SEDGE_INFO, "spool", "waiting", "%lld messages from an earlier run", (long long)totals.messages);
}

struct sedge_spool *sedge_spool_new(uv_loop_t *loop, struct sedge_mqtt *mqtt, const struct sedge_spool_options *o,
                                    struct sedge_err *err)
{
    struct sedge_spool *s;

    if (o->max_bytes < 0 || o->max_messages < 1 || o->max_payload < 0) {
        (void)sedge_err_set(err, SEDGE_E_INVALID, "mqtt.spooler: sizes must be positive");
        return NULL;
    }
    s = SEDGE_NEW(struct sedge_spool);
    s->loop = loop;
    s->mqtt = mqtt;
    s->o = *o;
    s->path = sedge_xstrdup(o->path);
    s->next_id = 1;
    if (s->o.max_inflight < 1) s->o.max_inflight = 1;
    if (s->o.max_inflight > SEDGE_MQTT_INFLIGHT_MAX) s->o.max_inflight = SEDGE_MQTT_INFLIGHT_MAX;
    if (s->path) open_storage(s);
    if (s->o.max_bytes == 0) s->o.max_bytes = s->writer ? DISK_BYTES : MEMORY_BYTES;
    (void)uv_timer_init(loop, &s->timer);
    s->timer.data = s;
    if (mqtt) sedge_mqtt_on_state(mqtt, state_cb, s);
    arm(s, 0);
    return s;
}

void sedge_spool_stats(const struct sedge_spool *s, struct sedge_spool_stats *out)
{
    *out = s->stats;
}

static void free_list(struct list *l)
{
    struct sedge_item *i;

    while ((i = l->first)) {
        l->first = i->next;
        sedge_item_free(i);
    }
}

static void timer_closed_cb(uv_handle_t *h)
{
    struct sedge_spool *s = h->data;
    void (*closed)(void *user) = s->closed;
    void *user = s->closed_user;
    struct publisher *p;

    sedge_dbw_close(s->writer); /* idle: does not wait */
    free_list(&s->queue);
    free_list(&s->loose);
    while ((p = s->publishers)) {
        s->publishers = p->next;
        free(p->name);
        free(p);
    }
    free(s->path);
    free(s);
    if (closed) closed(user);
}

static void maybe_closed(struct sedge_spool *s)
{
    if (s->ops > 0 || uv_is_closing((uv_handle_t *)&s->timer)) return;
    uv_close((uv_handle_t *)&s->timer, timer_closed_cb);
}

static void forget_sent(struct sedge_spool *s, struct list *l)
{
    for (struct sedge_item *i = l->first; i; i = i->next)
        if (i->sent) sedge_mqtt_forget(s->mqtt, done_cb, i);
}

void sedge_spool_close(struct sedge_spool *s, void (*closed)(void *user), void *user)
{
    if (!s || s->closing) return;
    s->closing = true;
    s->closed = closed;
    s->closed_user = user;
    if (s->mqtt) {
        forget_sent(s, &s->queue);
        forget_sent(s, &s->loose);
        sedge_mqtt_remove_on_state(s->mqtt, state_cb, s);
    }
    s->disk_again = 0;
    write_waiting(s, INT64_MAX);
    maybe_closed(s);
}
