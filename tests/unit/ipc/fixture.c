#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "broker/broker.h"
#include "broker/publish.h"

struct watch {
    struct watch *next;
    struct sedge_ipc_stream *s;
    char *component;
};

struct fixture {
    uv_loop_t *loop;
    struct sedge_ipc_server *srv;
    struct sedge_broker *broker;
    struct sedge_publish publish;
    struct json_object *config; /* component -> document */
    struct watch *watches;
    char identity[256];
    atomic_uint closed, disconnects;
};

/* What hangs on a stream. */
struct sub {
    struct sedge_subscription *topic; /* or NULL: a configuration watch */
};

static const char *authenticate(const char *token, const struct sedge_ipc_peer *peer, void *user)
{
    struct fixture *f = user;

    sedge_assert(peer->pid > 0);
    if (strcmp(token, "LABTOKEN00000001") == 0) return "com.example.A";
    if (!sedge_str_starts(token, "T:") || strlen(token) > 200) return NULL;
    (void)snprintf(f->identity, sizeof f->identity, "%s", token + 2);
    return f->identity;
}

/* ---- pub/sub ---- */

static void deliver(void *user, void *arg)
{
    (void)sedge_ipc_event(user, SEDGE_PUBLISH_EVENT_SHAPE, arg);
}

static void publish(struct fixture *f, struct sedge_ipc_stream *s, const char *payload, size_t len)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_payload *event;

    if (sedge_publish_scan(payload, len, &f->publish, &err)) {
        (void)sedge_ipc_error(s, "ServiceError", err.msg, NULL);
    } else if (!f->publish.has_topic || f->publish.nkinds != 1) {
        (void)sedge_ipc_error(s, "InvalidArgumentsError", "Publish topic must not be null", NULL);
    } else {
        event = sedge_publish_event(&f->publish);
        (void)sedge_broker_publish(f->broker, f->publish.topic, sedge_ipc_stream_identity(s), deliver, event);
        sedge_payload_unref(event);
        (void)sedge_ipc_respond(s, NULL);
    }
}

static void subscribe(struct fixture *f, struct sedge_ipc_stream *s, struct json_object *o)
{
    struct sub *sub;
    const char *filter = sedge_json_str(o, "topic", "");

    if (!*filter) {
        (void)sedge_ipc_error(s, "InvalidArgumentsError", "Subscribe topic must not be empty", NULL);
        return;
    }
    sub = SEDGE_NEW(struct sub);
    sub->topic = sedge_broker_subscribe(f->broker, filter, sedge_ipc_stream_identity(s),
                                        sedge_receive_mode_from_name(sedge_json_str(o, "receiveMode", NULL)), s, NULL);
    sedge_ipc_stream_set_user(s, sub);
    (void)sedge_ipc_accept_stream(s, NULL);
}

/* ---- configuration ---- */

static struct json_object *document(struct fixture *f, const char *component)
{
    struct json_object *doc = sedge_json_obj(f->config, component);

    if (doc) return doc;
    doc = json_object_new_object();
    (void)json_object_object_add(f->config, component, doc);
    return doc;
}

static const char *component_of(struct sedge_ipc_stream *s, struct json_object *o)
{
    return sedge_json_str(o, "componentName", sedge_ipc_stream_identity(s));
}

static void get_configuration(struct fixture *f, struct sedge_ipc_stream *s, struct json_object *o)
{
    struct json_object *path = sedge_json_arr(o, "keyPath");
    struct json_object *at = document(f, component_of(s, o));
    size_t n = path ? json_object_array_length(path) : 0;
    const char *key = NULL;
    sedge_auto_put struct json_object *out = json_object_new_object();

    for (size_t i = 0; i < n; i++) {
        key = json_object_get_string(json_object_array_get_idx(path, i));
        if (!sedge_json_has(at, key)) {
            (void)sedge_ipc_error(s, "ResourceNotFoundError", "Key not found", NULL);
            return;
        }
        at = sedge_json_get(at, key);
    }
    sedge_json_add_str(out, "componentName", component_of(s, o));
    if (at && json_object_is_type(at, json_type_object)) {
        (void)json_object_object_add(out, "value", json_object_get(at));
    } else {
        struct json_object *wrap = json_object_new_object();

        (void)json_object_object_add(wrap, key, json_object_get(at));
        (void)json_object_object_add(out, "value", wrap);
    }
    (void)sedge_ipc_respond(s, sedge_json_text(out));
}

static void changed(struct fixture *f, const char *component, const char *key)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    sedge_buf_printf(&b, "{\"configurationUpdateEvent\":{\"componentName\":\"%s\",\"keyPath\":[\"%s\"]}}", component,
                     key);
    for (struct watch *w = f->watches; w; w = w->next)
        if (strcmp(w->component, component) == 0)
            (void)sedge_ipc_event_json(w->s, "aws.greengrass#ConfigurationUpdateEvents", b.data);
}

static void update_configuration(struct fixture *f, struct sedge_ipc_stream *s, struct json_object *o)
{
    struct json_object *merge = sedge_json_obj(o, "valueToMerge");
    struct json_object *path = sedge_json_arr(o, "keyPath");
    struct json_object *doc = document(f, sedge_ipc_stream_identity(s));

    for (size_t i = 0; path && i < json_object_array_length(path); i++) {
        const char *key = json_object_get_string(json_object_array_get_idx(path, i));

        if (!sedge_json_obj(doc, key)) (void)json_object_object_add(doc, key, json_object_new_object());
        doc = sedge_json_obj(doc, key);
    }
    if (!merge) {
        (void)sedge_ipc_error(s, "InvalidArgumentsError", "ValueToMerge is required", NULL);
        return;
    }
    json_object_object_foreach (merge, key, value) {
        (void)json_object_object_add(doc, key, json_object_get(value));
        changed(f, sedge_ipc_stream_identity(s), key);
    }
    (void)sedge_ipc_respond(s, "{}");
}

static void watch_configuration(struct fixture *f, struct sedge_ipc_stream *s, struct json_object *o)
{
    struct watch *w = SEDGE_NEW(struct watch);

    w->s = s;
    w->component = sedge_xstrdup(component_of(s, o));
    w->next = f->watches;
    f->watches = w;
    (void)sedge_ipc_accept_stream(s, "{}");
}

static void unwatch(struct fixture *f, struct sedge_ipc_stream *s)
{
    for (struct watch **p = &f->watches; *p; p = &(*p)->next) {
        struct watch *w = *p;

        if (w->s != s) continue;
        *p = w->next;
        free(w->component);
        free(w);
        return;
    }
}

/* ---- test operations ---- */

struct later {
    uv_timer_t timer;
    struct sedge_ipc_stream *s;
    char *text;
};

static void later_freed(uv_handle_t *h)
{
    struct later *l = h->data;

    sedge_ipc_stream_unref(l->s);
    free(l->text);
    free(l);
}

static void later_cb(uv_timer_t *t)
{
    struct later *l = t->data;

    (void)sedge_ipc_respond(l->s, l->text); /* harmless when the client has gone */
    uv_close((uv_handle_t *)t, later_freed);
}

static void later(struct fixture *f, struct sedge_ipc_stream *s, const char *payload, size_t len)
{
    struct later *l = SEDGE_NEW(struct later);

    l->s = sedge_ipc_stream_ref(s);
    l->text = sedge_xstrndup(payload, len);
    l->timer.data = l;
    (void)uv_timer_init(f->loop, &l->timer);
    (void)uv_timer_start(&l->timer, later_cb, 30, 0);
}

static void burst(struct sedge_ipc_stream *s, struct json_object *o, bool early)
{
    int64_t n = early ? 1 : sedge_json_i64(o, "count", 0);
    const char *pad = sedge_json_str(o, "pad", "");

    if (!early) (void)sedge_ipc_accept_stream(s, NULL);
    for (int64_t i = 0; i < n; i++) {
        sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

        sedge_buf_printf(&b, "{\"n\":%lld,\"pad\":\"%s\"}", (long long)i, pad);
        (void)sedge_ipc_event_json(s, "aws.greengrass#TestEvent", b.data);
    }
    if (early) (void)sedge_ipc_accept_stream(s, NULL);
}

static void test_operation(struct fixture *f, struct sedge_ipc_stream *s, const char *op, const char *payload,
                           size_t len, struct json_object *o)
{
    if (strcmp(op, "TestEcho") == 0)
        (void)sedge_ipc_respond_n(s, payload, len);
    else if (strcmp(op, "TestLater") == 0)
        later(f, s, payload, len);
    else if (strcmp(op, "TestBurst") == 0)
        burst(s, o, false);
    else if (strcmp(op, "TestEarly") == 0)
        burst(s, o, true);
    else if (strcmp(op, "TestDrop") == 0)
        (void)sedge_ipc_server_drop_identity(f->srv, sedge_json_str(o, "identity", ""));
    else if (strcmp(op, "TestFail") == 0)
        (void)sedge_ipc_error(s, sedge_json_str(o, "name", "ServiceError"), sedge_json_str(o, "message", NULL),
                              sedge_json_str(o, "extras", NULL));
    else if (strcmp(op, "TestNever") != 0) {
        sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

        sedge_buf_printf(&b, "%s is an unsupported operation.", sedge_ipc_stream_operation(s));
        (void)sedge_ipc_error(s, "ServiceError", b.data, NULL);
    }
}

/* ---- the server's callbacks ---- */

static void on_request(struct sedge_ipc_stream *s, const char *operation, const char *payload, size_t len, void *user)
{
    struct fixture *f = user;
    const char *op = strchr(operation, '#') ? strchr(operation, '#') + 1 : operation;
    sedge_auto_put struct json_object *o = NULL;
    struct sedge_err err = SEDGE_ERR_INIT;

    if (strcmp(op, "PublishToTopic") == 0) {
        publish(f, s, payload, len);
        return;
    }
    o = sedge_json_parse_object(payload, len, "request", &err);
    if (!o)
        (void)sedge_ipc_error(s, "ServiceError", err.msg, NULL);
    else if (strcmp(op, "SubscribeToTopic") == 0)
        subscribe(f, s, o);
    else if (strcmp(op, "GetConfiguration") == 0)
        get_configuration(f, s, o);
    else if (strcmp(op, "UpdateConfiguration") == 0)
        update_configuration(f, s, o);
    else if (strcmp(op, "SubscribeToConfigurationUpdate") == 0)
        watch_configuration(f, s, o);
    else if (strcmp(op, "UpdateState") == 0)
        (void)sedge_ipc_respond(s, NULL);
    else
        test_operation(f, s, op, payload, len, o);
}

static void on_stream_closed(struct sedge_ipc_stream *s, void *user)
{
    struct fixture *f = user;
    struct sub *sub = sedge_ipc_stream_user(s);

    sedge_assert(!sedge_ipc_stream_alive(s));
    sedge_assert(sedge_ipc_respond(s, NULL) == -1);
    if (sub) sedge_broker_unsubscribe(f->broker, sub->topic);
    free(sub);
    unwatch(f, s);
    atomic_fetch_add(&f->closed, 1);
}

static void on_disconnected(const char *identity, void *slot, void *user)
{
    struct fixture *f = user;

    (void)identity;
    (void)slot;
    atomic_fetch_add(&f->disconnects, 1);
}

struct fixture *fixture_new(uv_loop_t *loop, const char *path, const struct sedge_ipc_server_options *opt,
                            struct sedge_err *err)
{
    static const struct sedge_ipc_callbacks cbs = {authenticate, on_request, on_stream_closed, on_disconnected};
    struct fixture *f = SEDGE_NEW(struct fixture);

    f->loop = loop;
    f->broker = sedge_broker_new();
    f->config = json_object_new_object();
    f->publish = SEDGE_PUBLISH_INIT;
    f->srv = sedge_ipc_server_open(loop, path, opt, &cbs, f, err);
    sedge_assert(f->srv != NULL);
    return f;
}

struct sedge_ipc_server *fixture_server(struct fixture *f)
{
    return f->srv;
}

static void closed(void *arg)
{
    struct fixture *f = arg;

    sedge_assert(sedge_broker_count(f->broker) == 0);
    sedge_assert(f->watches == NULL);
    sedge_broker_free(f->broker);
    sedge_publish_release(&f->publish);
    (void)json_object_put(f->config);
    free(f);
}

void fixture_close(struct fixture *f)
{
    sedge_ipc_server_close(f->srv, closed, f);
}

/* ---- in a thread ---- */

struct fixture_thread {
    pthread_t thread;
    uv_loop_t loop;
    uv_async_t wake;
    struct fixture *f;
    char dir[32];
    char path[64];
    atomic_bool stop;
    _Atomic(struct sedge_ipc_stats *) stats;
};

static void wake_cb(uv_async_t *a)
{
    struct fixture_thread *t = a->data;
    struct sedge_ipc_stats *out = atomic_load(&t->stats);

    if (out) {
        sedge_ipc_server_stats(t->f->srv, out);
        atomic_store(&t->stats, NULL);
    }
    if (!atomic_load(&t->stop)) return;
    fixture_close(t->f);
    uv_close((uv_handle_t *)a, NULL);
}

static void *run(void *arg)
{
    struct fixture_thread *t = arg;

    (void)uv_run(&t->loop, UV_RUN_DEFAULT);
    return NULL;
}

struct fixture_thread *fixture_start(const struct sedge_ipc_server_options *opt)
{
    struct fixture_thread *t = SEDGE_NEW(struct fixture_thread);

    (void)snprintf(t->dir, sizeof t->dir, "/tmp/sedge-ipc-XXXXXX");
    sedge_assert(mkdtemp(t->dir) != NULL);
    (void)snprintf(t->path, sizeof t->path, "%s/ipc.socket", t->dir);
    sedge_assert(uv_loop_init(&t->loop) == 0);
    sedge_assert(uv_async_init(&t->loop, &t->wake, wake_cb) == 0);
    t->wake.data = t;
    t->f = fixture_new(&t->loop, t->path, opt, NULL);
    sedge_assert(pthread_create(&t->thread, NULL, run, t) == 0);
    return t;
}

const char *fixture_path(const struct fixture_thread *t)
{
    return t->path;
}

unsigned fixture_closed_streams(struct fixture_thread *t)
{
    return atomic_load(&t->f->closed);
}

unsigned fixture_disconnects(struct fixture_thread *t)
{
    return atomic_load(&t->f->disconnects);
}

void fixture_stats(struct fixture_thread *t, struct sedge_ipc_stats *out)
{
    atomic_store(&t->stats, out);
    (void)uv_async_send(&t->wake);
    while (atomic_load(&t->stats))
        (void)usleep(200);
}

void fixture_stop(struct fixture_thread *t)
{
    atomic_store(&t->stop, true);
    (void)uv_async_send(&t->wake);
    (void)pthread_join(t->thread, NULL);
    sedge_assert(uv_loop_close(&t->loop) == 0);
    sedge_assert(access(t->path, F_OK) != 0);
    sedge_assert(rmdir(t->dir) == 0);
    free(t);
}
