#include "serve.h"

#include <errno.h>
#include <fcntl.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cloud/api/api.h"
#include "cloud/data/data_plane.h"
#include "cloud/deploy/exec.h"
#include "cloud/http/metrics.h"
#include "cloud/plane/plane.h"
#include "cloud/plane/publisher.h"
#include "query.h"
#include "cloud/rollout/rollout.h"
#include "cloud/site/upkeep.h"

#define KEEPALIVE_S 30

struct incoming {
    char *topic;
    void *data;
    size_t n;
};

struct serve {
    struct sedge_cloud *c;
    struct sedge_plane *plane;
    struct sedge_rollout *rollout;
    struct sedge_publisher *publisher;
    struct sedge_upkeep *upkeep;
    struct sedge_data_plane *data;
    struct sedge_api *api;
    struct mosquitto *m;
    int signals, lock;
    bool connected, ever, refused;
    int64_t retry_at, retry_ms, timers_at, rollout_at, again_at, waiting_since, heard_at;
    struct incoming *in;
    size_t nin, room;
};

static void subscribe(struct serve *s)
{
    for (const char *const *f = sedge_plane_filters(); *f; f++) {
        int rc = mosquitto_subscribe_v5(s->m, NULL, *f, 1, 0, NULL);

        if (rc != MOSQ_ERR_SUCCESS)
            sedge_log(SEDGE_ERROR, "serve", "subscribe-failed", "filter=%s: %s", *f, mosquitto_strerror(rc));
    }
}

static void on_connect(struct mosquitto *m, void *user, int rc, int flags, const mosquitto_property *props)
{
    struct serve *s = user;

    (void)m;
    (void)flags;
    (void)props;
    if (rc != 0) {
        s->refused = rc == MQTT_RC_NOT_AUTHORIZED || rc == MQTT_RC_BAD_USERNAME_OR_PASSWORD;
        sedge_log(SEDGE_ERROR, "serve", "refused", "the broker refused the connection: %s",
                  mosquitto_reason_string(rc));
        return;
    }
    s->connected = true;
    sedge_metrics_set(SEDGE_METRIC_MQTT_CONNECTED, 1);
    s->retry_ms = SEDGE_SERVE_RETRY_MIN_MS;
    subscribe(s);
}

static void on_subscribe(struct mosquitto *m, void *user, int mid, int n, const int *granted,
                         const mosquitto_property *props)
{
    struct serve *s = user;

    (void)m;
    (void)mid;
    (void)props;
    for (int i = 0; i < n; i++) {
        if (granted[i] > 2)
            sedge_log(SEDGE_ERROR, "serve", "subscription-refused",
                      "the broker does not let user %s subscribe to what devices send: %s; see service.acl",
                      s->c->set.service_user, mosquitto_reason_string(granted[i]));
    }
    if (s->ever) return;
    s->ever = true;
    printf("sedge-cloud: ready, connected to the broker at %s:%lld\n", s->c->set.service_host,
           (long long)s->c->set.service_port);
    (void)fflush(stdout);
}

static void on_message(struct mosquitto *m, void *user, const struct mosquitto_message *msg,
                       const mosquitto_property *props)
{
    struct serve *s = user;
    struct incoming *in;

    (void)m;
    (void)props;
    sedge_metrics_add(SEDGE_METRIC_MQTT_IN, 1);
    if (s->nin == SEDGE_SERVE_WAITING_MAX) {
        sedge_metrics_add(SEDGE_METRIC_MQTT_DROPPED, 1);
        sedge_log(SEDGE_WARN, "serve", "overload", "topic=%s: dropped, the device repeats it", msg->topic);
        return;
    }
    if (s->nin == s->room) {
        s->room = s->room ? s->room * 2 : SEDGE_SERVE_BATCH;
        s->in = sedge_xrealloc(s->in, s->room, sizeof(*s->in));
    }
    in = &s->in[s->nin++];
    in->topic = sedge_xstrdup(msg->topic);
    in->n = msg->payloadlen > 0 ? (size_t)msg->payloadlen : 0;
    in->data = sedge_xcalloc(in->n + 1, 1);
    if (in->n) memcpy(in->data, msg->payload, in->n);
}

static void on_publish(struct mosquitto *m, void *user, int mid, int reason, const mosquitto_property *props)
{
    struct serve *s = user;

    (void)m;
    (void)props;
    if (reason >= 0x80)
        sedge_log(SEDGE_ERROR, "serve", "publish-refused", "the broker refused a message: %s; see service.acl",
                  mosquitto_reason_string(reason));
    sedge_metrics_add(SEDGE_METRIC_MQTT_SENT, 1);
    sedge_publisher_acked(s->publisher, mid, reason != MQTT_RC_NO_MATCHING_SUBSCRIBERS);
}

static int publish(void *user, const struct sedge_plane_msg *msg, int *mid)
{
    struct serve *s = user;
    mosquitto_property *props = NULL;
    int rc;

    if (msg->notification && mosquitto_property_add_int32(&props, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL,
                                                          SEDGE_SERVE_NOTIFY_EXPIRY_S) != MOSQ_ERR_SUCCESS)
        return -1;
    rc = mosquitto_publish_v5(s->m, mid, msg->topic, (int)msg->len, msg->payload, 1, false, props);
    mosquitto_property_free_all(&props);
    if (rc == MOSQ_ERR_SUCCESS) return 0;
    sedge_log(SEDGE_WARN, "serve", "publish-failed", "topic=%s: %s", msg->topic, mosquitto_strerror(rc));
    return -1;
}

static int handle_all(struct serve *s, int64_t now_ms, struct sedge_plane_out *out, struct sedge_err *err)
{
    for (size_t i = 0; i < s->nin; i++) {
        struct sedge_err one = SEDGE_ERR_INIT;
        int rc;

        if (sedge_q_part_begin(s->c->db, err) != 0) return -1;
        rc = sedge_plane_handle(s->plane, now_ms, s->in[i].topic, s->in[i].data, s->in[i].n, out, &one);
        if (rc != 0) {
            sedge_metrics_add(SEDGE_METRIC_MQTT_FAILED, 1);
            sedge_log(SEDGE_ERROR, "serve", "message-failed", "topic=%s: %s", s->in[i].topic, one.msg);
        }
        if (sedge_q_part_end(s->c->db, rc, err) != 0) return -1;
    }
    return 0;
}

static void drop(struct incoming *in)
{
    free(in->topic);
    free(in->data);
}

/* What needs no database is answered; the rest stays. */
static void take_quick(struct serve *s, int64_t now_ms, struct sedge_plane_out *out)
{
    size_t left = 0;

    for (size_t i = 0; i < s->nin; i++) {
        if (sedge_plane_quick(s->plane, now_ms, s->in[i].topic, s->in[i].data, s->in[i].n, out))
            drop(&s->in[i]);
        else
            s->in[left++] = s->in[i];
    }
    s->nin = left;
}

static void drop_all(struct serve *s)
{
    for (size_t i = 0; i < s->nin; i++)
        drop(&s->in[i]);
    s->nin = 0;
}

static void take_later(struct serve *s, const struct sedge_err *err)
{
    int64_t now = sedge_mono_ms();

    if (!s->waiting_since) s->waiting_since = now;
    s->again_at = now + SEDGE_SERVE_AGAIN_MS;
    sedge_log(SEDGE_ERROR, "serve", "database", "messages=%zu waiting: %s", s->nin, err->msg);
    if (now - s->waiting_since < (int64_t)SEDGE_SERVE_WAITING_S * 1000) return;
    sedge_log(SEDGE_ERROR, "serve", "dropped", "messages=%zu: devices repeat them", s->nin);
    drop_all(s);
    s->waiting_since = 0;
}

static void send_out(struct serve *s, struct sedge_plane_out *out)
{
    for (size_t i = 0; i < out->n; i++)
        (void)publish(s, &out->v[i], NULL);
    sedge_plane_out_release(out);
}

/* Everything that has arrived in one transaction; answers go out after it. */
static void take_in(struct serve *s)
{
    struct sedge_plane_out out = {0};
    struct sedge_err err = SEDGE_ERR_INIT;
    int64_t now = sedge_wall_ms(), began;
    int rc;

    sedge_metrics_set(SEDGE_METRIC_MQTT_QUEUE, (int64_t)s->nin);
    if (s->nin == 0 || sedge_mono_ms() < s->again_at) return;
    rc = sedge_plane_refresh(s->plane, &err);
    if (rc == 0) {
        take_quick(s, now, &out);
        send_out(s, &out);
        if (s->nin == 0) return;
        rc = sedge_q_begin(s->c->db, &err);
    }
    began = sedge_mono_ms();
    if (rc == 0) rc = sedge_q_end(s->c->db, handle_all(s, now, &out, &err), &err);
    sedge_metrics_add(SEDGE_METRIC_COMMITS, 1);
    sedge_metrics_add(SEDGE_METRIC_COMMIT_MS, sedge_mono_ms() - began);
    if (rc != 0) {
        sedge_plane_out_release(&out);
        take_later(s, &err);
        return;
    }
    sedge_plane_own(s->plane);
    send_out(s, &out);
    drop_all(s);
    s->waiting_since = 0;
}

static void write_seen(struct serve *s)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    int rc = sedge_plane_refresh(s->plane, &err);

    if (rc == 0) rc = sedge_q_begin(s->c->db, &err);
    if (rc == 0) rc = sedge_q_end(s->c->db, sedge_plane_write_seen(s->plane, sedge_wall_ms() / 1000, &err), &err);
    if (rc == 0)
        sedge_plane_own(s->plane);
    else
        sedge_log(SEDGE_ERROR, "serve", "database", "%s", err.msg);
}

static void expire(struct serve *s)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    int n = 0, rc = sedge_q_begin(s->c->db, &err);

    if (rc == 0) rc = sedge_q_end(s->c->db, sedge_exec_expire(s->c->db, sedge_wall_ms() / 1000, &n, &err), &err);
    if (rc != 0) sedge_log(SEDGE_ERROR, "serve", "database", "%s", err.msg);
    if (n) sedge_log(SEDGE_WARN, "serve", "timed-out", "executions=%d", n);
}

/* The rollout engine, as one transaction. */
static void roll_out(struct serve *s)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    int rc = sedge_q_begin(s->c->db, &err);

    if (rc == 0)
        rc = sedge_q_end(s->c->db, sedge_rollout_tick(s->rollout, sedge_wall_ms(), sedge_mono_ms(), &err), &err);
    if (rc != 0) sedge_log(SEDGE_ERROR, "serve", "database", "roll-out: %s", err.msg);
}

static void lost(struct serve *s, const char *why)
{
    if (s->connected) sedge_log(SEDGE_WARN, "serve", "disconnected", "%s", why);
    s->connected = false;
    sedge_metrics_set(SEDGE_METRIC_MQTT_CONNECTED, 0);
    sedge_publisher_lost(s->publisher);
    s->retry_at = sedge_mono_ms() + s->retry_ms;
    s->retry_ms = s->retry_ms * 2 > SEDGE_SERVE_RETRY_MAX_MS ? SEDGE_SERVE_RETRY_MAX_MS : s->retry_ms * 2;
}

static void try_connect(struct serve *s)
{
    const struct sedge_cloud_settings *set = &s->c->set;
    mosquitto_property *props = NULL;
    int rc;

    if (sedge_mono_ms() < s->retry_at) return;
    rc = mosquitto_property_add_int32(&props, MQTT_PROP_SESSION_EXPIRY_INTERVAL, SEDGE_SERVE_SESSION_S);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_connect_bind_v5(s->m, set->service_host, (int)set->service_port, KEEPALIVE_S, NULL, props);
    mosquitto_property_free_all(&props);
    if (rc == MOSQ_ERR_SUCCESS) {
        s->retry_at = INT64_MAX; /* until the connection is lost */
        return;
    }
    if (s->retry_ms == SEDGE_SERVE_RETRY_MIN_MS)
        sedge_log(SEDGE_WARN, "serve", "no-broker",
                  "%s:%lld: %s; is mosquitto running with the configuration of sedge-cloud broker-config? trying again",
                  set->service_host, (long long)set->service_port,
                  rc == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(rc));
    lost(s, "");
}

/* Takes what has arrived meanwhile, too, and when much comes, what comes in a moment: one transaction for all of it. */
static int read_more(struct serve *s)
{
    int64_t now = sedge_mono_ms(), until = now;
    int rc = MOSQ_ERR_SUCCESS;

    if (s->nin && now - s->heard_at < SEDGE_SERVE_BUSY_MS) until = now + SEDGE_SERVE_GATHER_MS;
    while (rc == MOSQ_ERR_SUCCESS && s->nin < SEDGE_SERVE_BATCH) {
        struct pollfd fd = {.fd = mosquitto_socket(s->m), .events = POLLIN};

        if (fd.fd < 0 || poll(&fd, 1, (int)(until - now)) <= 0) break;
        rc = mosquitto_loop_read(s->m, 1);
        now = sedge_mono_ms();
        if (now > until) until = now;
    }
    if (s->nin) s->heard_at = sedge_mono_ms();
    return rc;
}

static void network(struct serve *s)
{
    int rc;

    if (s->retry_at != INT64_MAX) {
        try_connect(s);
        return;
    }
    rc = mosquitto_loop(s->m, SEDGE_SERVE_TURN_MS, 1);
    if (rc == MOSQ_ERR_SUCCESS) rc = read_more(s);
    if (rc != MOSQ_ERR_SUCCESS) lost(s, mosquitto_strerror(rc));
}

/* 1: a signal says stop. */
static int turn(struct serve *s)
{
    struct pollfd fd = {.fd = s->signals, .events = POLLIN};
    int64_t now;

    network(s);
    take_in(s);
    now = sedge_mono_ms();
    sedge_publisher_confirm(s->publisher, now);
    if (s->connected) sedge_publisher_turn(s->publisher, now, sedge_wall_ms());
    sedge_upkeep_turn(s->upkeep, now);
    if (now >= s->timers_at) {
        expire(s);
        write_seen(s);
        sedge_data_plane_tick(s->data);
        sedge_api_tick(s->api);
        s->timers_at = now + SEDGE_SERVE_TIMERS_MS;
    }
    if (now >= s->rollout_at) {
        roll_out(s);
        s->rollout_at = now + SEDGE_ROLLOUT_TICK_MS;
    }
    return poll(&fd, 1, s->retry_at == INT64_MAX ? 0 : SEDGE_SERVE_TURN_MS) > 0;
}

static int lock_folder(struct serve *s, struct sedge_err *err)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/serve.lock", s->c->dir);

    s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock < 0) return sedge_err_sys(err, errno, "%s", path);
    if (flock(s->lock, LOCK_EX | LOCK_NB) == 0) return 0;
    return sedge_err_set(err, SEDGE_E_CONFLICT, "another sedge-cloud serve is running on %s; stop it first", s->c->dir);
}

static int widen_cache(struct serve *s, struct sedge_err *err)
{
    sedge_auto_free char *sql = sedge_xasprintf("PRAGMA cache_size=-%d", SEDGE_SERVE_CACHE_KB);

    return sedge_db_exec(s->c->db, sql, err);
}

static int set_up(struct serve *s, struct sedge_err *err)
{
    sigset_t set;

    if (lock_folder(s, err) != 0 || widen_cache(s, err) != 0) return -1;
    if (!s->c->set.service_password)
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "the settings hold no password for the service; run sedge-cloud init");
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    s->m = mosquitto_new(s->c->set.service_user, false, s);
    if (s->signals < 0 || !s->m) return sedge_err_sys(err, errno, "serve");
    if (mosquitto_int_option(s->m, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5) != MOSQ_ERR_SUCCESS ||
        mosquitto_username_pw_set(s->m, s->c->set.service_user, s->c->set.service_password) != MOSQ_ERR_SUCCESS)
        return sedge_err_set(err, SEDGE_E_IO, "MQTT client: out of memory");
    mosquitto_connect_v5_callback_set(s->m, on_connect);
    mosquitto_subscribe_v5_callback_set(s->m, on_subscribe);
    mosquitto_message_v5_callback_set(s->m, on_message);
    mosquitto_publish_v5_callback_set(s->m, on_publish);
    s->plane = sedge_plane_new(s->c->db);
    sedge_plane_auto_register(s->plane, s->c->set.auto_register);
    s->upkeep = sedge_upkeep_new(s->c);
    s->publisher = sedge_publisher_new(s->c->db, s->plane, publish, s);
    s->rollout = sedge_rollout_new(s->c);
    s->retry_ms = SEDGE_SERVE_RETRY_MIN_MS;
    s->data = sedge_data_plane_start(s->c->dir, &s->c->set, err);
    if (!s->data && s->c->set.data_port) return -1;
    s->api = sedge_api_start(s->c->dir, &s->c->set, err);
    if (!s->api || sedge_q_begin(s->c->db, err) != 0) return -1;
    return sedge_q_end(s->c->db, sedge_counts_rebuild(s->c->db, err), err);
}

static void tear_down(struct serve *s)
{
    if (s->m && s->connected) (void)mosquitto_disconnect_v5(s->m, 0, NULL);
    if (s->m) mosquitto_destroy(s->m);
    if (s->plane) write_seen(s);
    sedge_upkeep_free(s->upkeep);
    sedge_publisher_free(s->publisher);
    sedge_data_plane_stop(s->data);
    sedge_api_stop(s->api);
    sedge_plane_free(s->plane);
    sedge_rollout_free(s->rollout);
    drop_all(s);
    free(s->in);
    if (s->signals >= 0) (void)close(s->signals);
    if (s->lock >= 0) (void)close(s->lock);
    free(s);
    (void)mosquitto_lib_cleanup();
}

int sedge_serve(struct sedge_cloud *c, struct sedge_err *err)
{
    struct serve *s = SEDGE_NEW(struct serve);
    int rc;

    (void)mosquitto_lib_init();
    s->c = c;
    s->signals = s->lock = -1;
    rc = set_up(s, err);
    while (rc == 0 && turn(s) == 0) {
        if (s->refused && !s->ever)
            rc = sedge_err_set(
                err, SEDGE_E_DENIED,
                "the broker at %s:%lld refused user %s: the password in %s/cloud.json is not the one in its "
                "service.pw. Write the broker's files again with sedge-cloud broker-config and restart the "
                "broker",
                c->set.service_host, (long long)c->set.service_port, c->set.service_user, c->dir);
    }
    tear_down(s);
    return rc;
}
