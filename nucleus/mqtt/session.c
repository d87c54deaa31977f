#include "session.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "internal.h"
#include "proxy.h"

#define TICK_MS  1000
#define AGAIN_MS 1000 /* from the end of a connection to the next with other options */

void sedge_mqtt_options_default(struct sedge_mqtt_options *o)
{
    *o = (struct sedge_mqtt_options){.port = 8883,
                                     .keep_alive_s = 60,
                                     .ping_timeout_ms = 30000,
                                     .connect_timeout_ms = 10000,
                                     .operation_timeout_ms = 30000,
                                     .reconnect_min_ms = 5000,
                                     .reconnect_max_ms = 300000,
                                     .stable_ms = 30000,
                                     .resubscribe_ms = 120000,
                                     .session_expiry_s = 604800,
                                     .receive_max = 100,
                                     .publishes_per_s = 100,
                                     .bytes_per_s = 512 * 1024};
}

bool sedge_mqtt_connected(const struct sedge_mqtt *m)
{
    return m->connected;
}

bool sedge_mqtt_is_v5(const struct sedge_mqtt *m)
{
    return m->was_v5;
}

/* --- listeners --------------------------------------------------------------------------------------------------- */

void sedge_mqtt_on_state(struct sedge_mqtt *m, sedge_mqtt_state_cb cb, void *user)
{
    struct sedge_listener **end = &m->listeners;

    while (*end)
        end = &(*end)->next;
    *end = SEDGE_NEW(struct sedge_listener);
    (*end)->cb = cb;
    (*end)->user = user;
}

void sedge_mqtt_remove_on_state(struct sedge_mqtt *m, sedge_mqtt_state_cb cb, void *user)
{
    for (struct sedge_listener *l = m->listeners; l; l = l->next)
        if (l->cb == cb && l->user == user) l->cb = NULL; /* the element stays until the end: lists may be walked now */
}

static void tell(struct sedge_mqtt *m, enum sedge_mqtt_state state, bool first, const struct sedge_err *why)
{
    for (struct sedge_listener *l = m->listeners; l; l = l->next)
        if (l->cb) l->cb(l->user, state, first, why);
}

/* --- the connection ---------------------------------------------------------------------------------------------- */

static void try_connect(struct sedge_mqtt *m);

static void handle_gone(struct sedge_mqtt *m);

static void poll_closed_cb(uv_handle_t *h)
{
    struct sedge_mqtt *m = h->data;

    free(h);
    handle_gone(m);
}

static void close_poll(struct sedge_mqtt *m)
{
    if (!m->poll) return;
    uv_close((uv_handle_t *)m->poll, poll_closed_cb);
    m->poll = NULL;
}

/* From inside a callback of the library: its socket is closed or about to be. Nothing else may happen here. */
static void gone_cb(void *user)
{
    struct sedge_mqtt *m = user;

    if (m->poll) (void)uv_poll_stop(m->poll);
    sedge_mqtt_kick(m, 0);
}

static void retry_cb(uv_timer_t *t)
{
    try_connect(t->data);
}

static void schedule_retry(struct sedge_mqtt *m, bool at_once)
{
    uint32_t random;
    int64_t delay;

    if (m->closing) return;
    sedge_random_bytes(&random, sizeof random);
    delay = at_once ? 0 : sedge_reconnect_delay_ms(m->failures, m->o.reconnect_min_ms, m->o.reconnect_max_ms, random);
    if (!at_once) sedge_log(SEDGE_DEBUG, "mqtt", "reconnect-scheduled", "in %lld ms", (long long)delay);
    (void)uv_timer_start(&m->retry, retry_cb, (uint64_t)delay, 0);
}

static void lost(struct sedge_mqtt *m, int rc)
{
    struct sedge_link *l = m->link;
    struct sedge_err why;

    sedge_link_explain_end(l, rc);
    why = l->err;
    close_poll(m);
    m->connected = false;
    m->link = NULL;
    sedge_link_free(l);
    (void)uv_timer_stop(&m->tick);
    if (sedge_mono_ms() - m->connected_at >= m->o.stable_ms) m->failures = 0;
    m->failures++;
    sedge_log(SEDGE_WARN, "mqtt", "disconnected", "%s", why.msg);
    sedge_pub_fail_all(m, SEDGE_E_UNAVAILABLE, why.msg);
    schedule_retry(m, false);
    tell(m, SEDGE_MQTT_DISCONNECTED, false, &why);
}

/* Takes what the library noted during the call that returned rc. */
static void process(struct sedge_mqtt *m, int rc)
{
    struct sedge_link_event *e;

    while (m->link && (e = sedge_link_next(m->link))) {
        switch (e->kind) {
        case SEDGE_LINK_PUBACK:
            sedge_pub_acked(m, e->mid, e->reason);
            break;
        case SEDGE_LINK_SUBACK:
            sedge_subs_acked(m, e);
            break;
        case SEDGE_LINK_MESSAGE:
            if (!m->closing) sedge_subs_dispatch(m, e);
            break;
        case SEDGE_LINK_UNSUBACK:
            break;
        }
        sedge_link_event_free(e);
    }
    if (m->link && (m->link->gone || rc != MOSQ_ERR_SUCCESS))
        lost(m, m->link->gone ? m->link->gone_reason : rc);
    else
        sedge_mqtt_update_poll(m);
}

static void poll_cb(uv_poll_t *h, int status, int events)
{
    struct sedge_mqtt *m = h->data;
    int rc = MOSQ_ERR_SUCCESS;

    if (status < 0) {
        process(m, MOSQ_ERR_CONN_LOST);
        return;
    }
    if (events & UV_WRITABLE) rc = mosquitto_loop_write(m->link->mosq, 1);
    if (rc == MOSQ_ERR_SUCCESS && !m->link->gone && (events & (UV_READABLE | UV_DISCONNECT)))
        rc = mosquitto_loop_read(m->link->mosq, 1);
    process(m, rc);
}

void sedge_mqtt_update_poll(struct sedge_mqtt *m)
{
    int events = UV_READABLE | UV_DISCONNECT;

    if (!m->poll || m->link->gone) return;
    if (mosquitto_want_write(m->link->mosq)) events |= UV_WRITABLE;
    (void)uv_poll_start(m->poll, events, poll_cb);
}

static void tick_cb(uv_timer_t *t)
{
    struct sedge_mqtt *m = t->data;
    int64_t now = sedge_mono_ms();

    sedge_pub_expire(m, now);
    sedge_subs_expire(m, now);
    process(m, mosquitto_loop_misc(m->link->mosq));
}

static bool start_poll(struct sedge_mqtt *m)
{
    uv_poll_t *p = SEDGE_NEW(uv_poll_t);

    if (uv_poll_init_socket(m->loop, p, mosquitto_socket(m->link->mosq)) != 0) {
        free(p);
        return false;
    }
    p->data = m;
    m->poll = p;
    m->open_handles++;
    return true;
}

static void came_up(struct sedge_mqtt *m)
{
    bool first = !m->had_connection;

    m->link->on_gone = gone_cb;
    m->link->user = m;
    m->connected_at = sedge_mono_ms();
    if (!start_poll(m)) {
        lost(m, MOSQ_ERR_CONN_LOST);
        return;
    }
    m->connected = true;
    m->had_connection = true;
    m->was_v5 = m->link->v5;
    sedge_bucket_init(&m->publishes, m->o.publishes_per_s, m->connected_at);
    sedge_bucket_init(&m->bytes, m->o.bytes_per_s, m->connected_at);
    (void)uv_timer_start(&m->tick, tick_cb, TICK_MS, TICK_MS);
    sedge_log(SEDGE_INFO, "mqtt", "connected", "%s port %d as %s, MQTT %s", m->o.host, m->o.port, m->o.client_id,
              m->was_v5 ? "5" : "3.1.1");
    sedge_subs_reset(m);
    sedge_subs_sync(m);
    tell(m, SEDGE_MQTT_CONNECTED, first, NULL);
    process(m, MOSQ_ERR_SUCCESS); /* messages may have come right behind the CONNACK */
    sedge_mqtt_kick(m, 0);
}

static void failed(struct sedge_mqtt *m)
{
    struct sedge_link *l = m->link;
    struct sedge_err why = l->err;
    /* A broker that knows only 3.1.1 says so, or just hangs up; in the second case try both in turn. */
    bool hung_up = l->v5 && !l->acked && l->note.code == SEDGE_OK && mosquitto_socket(l->mosq) < 0 && l->tls_up;
    bool at_once = l->refused_version;

    if (l->refused_version) m->want_v311 = true;
    if (!m->o.v311_only && !m->had_connection && !l->refused_version) m->want_v311 = hung_up;
    m->link = NULL;
    sedge_link_free(l);
    if (!at_once) {
        m->failures++;
        sedge_log(SEDGE_WARN, "mqtt", "connect-failed", "%s", why.msg);
    }
    schedule_retry(m, at_once);
    if (!at_once) tell(m, SEDGE_MQTT_DISCONNECTED, false, &why);
}

static void connect_work_cb(uv_work_t *w)
{
    struct sedge_mqtt *m = w->data;

    sedge_link_connect(m->link);
}

static void connect_done_cb(uv_work_t *w, int status)
{
    struct sedge_mqtt *m = w->data;

    (void)status; /* never cancelled */
    m->busy = false;
    if (m->closing) {
        sedge_mqtt_kick(m, 0);
        return;
    }
    if (m->next) sedge_mqtt_kick(m, 0);
    if (m->link->connected)
        came_up(m);
    else
        failed(m);
}

static void try_connect(struct sedge_mqtt *m)
{
    if (m->busy || m->link || m->closing) return;
    m->link = sedge_link_new(&m->o, !m->o.v311_only && !m->want_v311, !m->had_connection);
    m->busy = true;
    m->work.data = m;
    sedge_assert(uv_queue_work(m->loop, &m->work, connect_work_cb, connect_done_cb) == 0);
}

void sedge_mqtt_start(struct sedge_mqtt *m)
{
    if (m->started) return;
    m->started = true;
    schedule_retry(m, true);
}

void sedge_mqtt_reconnect_now(struct sedge_mqtt *m)
{
    if (m->started && !m->link) schedule_retry(m, true);
}

/* --- work from the loop, making, closing ------------------------------------------------------------------------- */

static void free_text(const char *owned)
{
    free(sedge_link_unconst(owned)); /* our copies: const only for the caller of new */
}

static void copy_options(struct sedge_mqtt_options *to, const struct sedge_mqtt_options *from, const char *client_id)
{
    *to = *from;
    to->host = sedge_xstrdup(from->host);
    to->client_id = sedge_xstrdup(client_id);
    to->ca = sedge_xstrdup(from->ca);
    to->cert = sedge_xstrdup(from->cert);
    to->key = sedge_xstrdup(from->key);
    to->proxy = sedge_xstrdup(from->proxy);
}

static void release_options(struct sedge_mqtt_options *o)
{
    free_text(o->host);
    free_text(o->client_id);
    free_text(o->ca);
    free_text(o->cert);
    free_text(o->key);
    if (o->proxy) sedge_wipe_text(o->proxy, strlen(o->proxy));
    free_text(o->proxy);
}

static void free_next(struct sedge_mqtt *m)
{
    if (m->next) release_options(m->next);
    free(sedge_steal(&m->next));
}

static void handle_gone(struct sedge_mqtt *m)
{
    void (*closed)(void *user) = m->closed;
    void *user = m->closed_user;
    struct sedge_listener *l;

    if (--m->open_handles > 0) return;
    while ((l = m->listeners)) {
        m->listeners = l->next;
        free(l);
    }
    release_options(&m->o);
    free_next(m);
    free(m);
    (void)mosquitto_lib_cleanup();
    if (closed) closed(user);
}

static void handle_closed_cb(uv_handle_t *h)
{
    handle_gone(h->data);
}

static void close_handles(struct sedge_mqtt *m)
{
    if (m->handles_closing) return;
    m->handles_closing = true;
    uv_close((uv_handle_t *)&m->tick, handle_closed_cb);
    uv_close((uv_handle_t *)&m->kick, handle_closed_cb);
    uv_close((uv_handle_t *)&m->retry, handle_closed_cb);
}

static void end(struct sedge_mqtt *m)
{
    if (m->busy) return; /* connect_done_cb comes back here */
    if (m->link) {
        if (m->connected && !m->link->gone) (void)mosquitto_disconnect_v5(m->link->mosq, 0, NULL);
        m->connected = false;
        close_poll(m);
        sedge_link_free(m->link);
        m->link = NULL;
    }
    sedge_pub_fail_all(m, SEDGE_E_CANCELED, "the session was closed");
    sedge_pub_deliver_done(m);
    if (m->finished.first) return; /* a callback's kick is on its way */
    sedge_subs_free_all(m);
    close_handles(m);
}

/* In order: the broker sees no lost connection. */
static void hang_up(struct sedge_mqtt *m)
{
    struct sedge_err why = SEDGE_ERR_INIT;
    bool told = m->connected;

    if (!m->link) return;
    if (m->connected && !m->link->gone) (void)mosquitto_disconnect_v5(m->link->mosq, 0, NULL); /* it is going */
    close_poll(m);
    (void)uv_timer_stop(&m->tick);
    m->connected = false;
    sedge_link_free(sedge_steal(&m->link));
    (void)sedge_err_set(&why, SEDGE_E_UNAVAILABLE, "the configuration of the connection has changed");
    sedge_pub_fail_all(m, SEDGE_E_UNAVAILABLE, why.msg);
    if (told) tell(m, SEDGE_MQTT_DISCONNECTED, false, &why);
}

static void use_next(struct sedge_mqtt *m)
{
    struct sedge_mqtt_options *next = sedge_steal(&m->next);

    hang_up(m);
    release_options(&m->o);
    m->o = *next;
    free(next);
    m->failures = 0;
    m->want_v311 = false;
    sedge_log(SEDGE_INFO, "mqtt", "options-changed", "%s port %d", m->o.host, m->o.port);
    if (m->started) (void)uv_timer_start(&m->retry, retry_cb, AGAIN_MS, 0);
}

static void kick_cb(uv_timer_t *t)
{
    struct sedge_mqtt *m = t->data;

    if (m->closing) {
        end(m);
        return;
    }
    if (m->next && !m->busy) use_next(m);
    if (m->link && m->connected && m->link->gone) {
        process(m, MOSQ_ERR_CONN_LOST);
        return;
    }
    sedge_subs_sync(m);
    sedge_pub_pump(m);
    sedge_pub_deliver_done(m);
    sedge_subs_answer(m);
    if (m->connected) process(m, MOSQ_ERR_SUCCESS);
}

void sedge_mqtt_kick(struct sedge_mqtt *m, int64_t ms)
{
    if (m->handles_closing) return;
    if (uv_is_active((uv_handle_t *)&m->kick) && uv_timer_get_due_in(&m->kick) <= (uint64_t)ms) return;
    (void)uv_timer_start(&m->kick, kick_cb, (uint64_t)ms, 0);
}

static int check_options(const struct sedge_mqtt_options *o, struct sedge_err *err)
{
    if (!o->host || !o->host[0])
        return sedge_err_set(err, SEDGE_E_INVALID, "no broker: set iotDataEndpoint in the nucleus configuration");
    if (o->port < 1 || o->port > 65535)
        return sedge_err_set(err, SEDGE_E_INVALID, "mqtt.port: %d is outside 1..65535", o->port);
    if (!o->client_id || !o->client_id[0] || strlen(o->client_id) > SEDGE_MQTT_CLIENT_ID_MAX ||
        strpbrk(o->client_id, "+#/"))
        return sedge_err_set(err, SEDGE_E_INVALID, "thing name \"%s\": 1 to %d characters without +, # and / expected",
                             o->client_id ? o->client_id : "", SEDGE_MQTT_CLIENT_ID_MAX);
    if (o->proxy) {
        struct sedge_proxy proxy;
        int rc = sedge_proxy_parse(o->proxy, &proxy, err);
        sedge_proxy_release(&proxy);
        if (rc != 0) return -1;
    }
    if (o->cert && !o->key)
        return sedge_err_set(err, SEDGE_E_INVALID, "certificateFilePath is set without privateKeyPath");
    if ((o->cert || o->key) && !o->ca)
        return sedge_err_set(err, SEDGE_E_INVALID, "certificateFilePath is set without rootCaPath");
    if (o->keep_alive_s != 0 && (o->keep_alive_s < 5 || o->keep_alive_s > 65535))
        return sedge_err_set(err, SEDGE_E_INVALID, "mqtt.keepAliveTimeoutMs: %d s is outside 5..65535",
                             o->keep_alive_s);
    if (o->keep_alive_s != 0 && (int64_t)o->keep_alive_s * 1000 <= o->ping_timeout_ms)
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "mqtt.keepAliveTimeoutMs (%d s) must exceed mqtt.pingTimeoutMs (%d ms)", o->keep_alive_s,
                             o->ping_timeout_ms);
    return 0;
}

static bool is_same(const struct sedge_mqtt_options *a, const struct sedge_mqtt_options *b)
{
    return sedge_str_eq(a->host, b->host) && sedge_str_eq(a->ca, b->ca) && sedge_str_eq(a->cert, b->cert) &&
           sedge_str_eq(a->key, b->key) && sedge_str_eq(a->proxy, b->proxy) && a->port == b->port &&
           a->v311_only == b->v311_only && a->keep_alive_s == b->keep_alive_s &&
           a->ping_timeout_ms == b->ping_timeout_ms && a->connect_timeout_ms == b->connect_timeout_ms &&
           a->operation_timeout_ms == b->operation_timeout_ms && a->reconnect_min_ms == b->reconnect_min_ms &&
           a->reconnect_max_ms == b->reconnect_max_ms && a->stable_ms == b->stable_ms &&
           a->resubscribe_ms == b->resubscribe_ms && a->session_expiry_s == b->session_expiry_s &&
           a->receive_max == b->receive_max && a->publishes_per_s == b->publishes_per_s &&
           a->bytes_per_s == b->bytes_per_s;
}

int sedge_mqtt_set_options(struct sedge_mqtt *m, const struct sedge_mqtt_options *o, struct sedge_err *err)
{
    if (check_options(o, err) != 0) return -1;
    free_next(m);
    if (m->closing || is_same(&m->o, o)) return 0;
    m->next = SEDGE_NEW(struct sedge_mqtt_options);
    copy_options(m->next, o, m->o.client_id);
    if (m->busy) atomic_store(&m->link->cancel, true);
    sedge_mqtt_kick(m, 0);
    return 0;
}

struct sedge_mqtt *sedge_mqtt_new(uv_loop_t *loop, const struct sedge_mqtt_options *o, struct sedge_err *err)
{
    struct sedge_mqtt *m;

    if (check_options(o, err) != 0) return NULL;
    if (mosquitto_lib_init() != MOSQ_ERR_SUCCESS) {
        (void)sedge_err_set(err, SEDGE_E_IO, "libmosquitto could not be initialised");
        return NULL;
    }
    m = SEDGE_NEW(struct sedge_mqtt);
    m->loop = loop;
    copy_options(&m->o, o, o->client_id);
    m->was_v5 = !o->v311_only;
    (void)uv_timer_init(loop, &m->tick);
    (void)uv_timer_init(loop, &m->kick);
    (void)uv_timer_init(loop, &m->retry);
    m->tick.data = m->kick.data = m->retry.data = m;
    m->open_handles = 3;
    return m;
}

void sedge_mqtt_close(struct sedge_mqtt *m, void (*closed)(void *user), void *user)
{
    if (!m || m->closing) return;
    m->closing = true;
    m->closed = closed;
    m->closed_user = user;
    if (m->busy) atomic_store(&m->link->cancel, true);
    (void)uv_timer_stop(&m->retry);
    (void)uv_timer_stop(&m->tick);
    sedge_mqtt_kick(m, 0);
}
