/*
 * mqtt_driver - session, spool, jobs and fleet status without the rest of the nucleus, for tests/integ/test_mqtt.py.
 *
 * Options come as one JSON object in argv[1]; commands are JSON objects, one a line, on stdin; events leave the same
 * way on stdout. End of stdin closes everything in the order that main uses.
 */
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/buf.h"
#include "base/db.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "bridge/fleet.h"
#include "bridge/jobs.h"
#include "mqtt/session.h"
#include "mqtt/spool.h"

struct driver {
    uv_loop_t loop;
    uv_pipe_t in;
    struct sedge_buf line;
    struct json_object *o;
    struct sedge_mqtt *mqtt;
    struct sedge_mqtt_sub *sub[8];
    struct sedge_spool *spool;
    struct sedge_dbw *writer;
    struct sedge_jobs *jobs;
    struct sedge_fleet *fleet;
    struct json_object *components;
};

static void emit(struct json_object *o)
{
    (void)printf("%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
    (void)fflush(stdout);
    json_object_put(o);
}

static struct json_object *event(const char *name)
{
    struct json_object *o = json_object_new_object();

    sedge_json_add_str(o, "event", name);
    return o;
}

static void add_err(struct json_object *o, const struct sedge_err *err)
{
    if (!err) return;
    sedge_json_add_str(o, "code", sedge_err_name(err->code));
    sedge_json_add_str(o, "why", err->msg);
}

static void state_cb(void *user, enum sedge_mqtt_state state, bool first, const struct sedge_err *why)
{
    struct driver *d = user;
    struct json_object *e = event(state == SEDGE_MQTT_CONNECTED ? "connected" : "disconnected");

    sedge_json_add_bool(e, "first", first);
    sedge_json_add_bool(e, "v5", sedge_mqtt_is_v5(d->mqtt));
    add_err(e, why);
    emit(e);
}

static void done_cb(void *user, int reason, const struct sedge_err *err)
{
    struct json_object *e = event("done");

    sedge_json_add_str(e, "tag", user);
    sedge_json_add_i64(e, "reason", reason);
    add_err(e, err);
    free(user);
    emit(e);
}

static void message_cb(void *user, const struct sedge_mqtt_message *msg)
{
    struct json_object *e = event("message");

    (void)user;
    sedge_json_add_str(e, "topic", msg->topic);
    json_object_object_add(e, "payload", json_object_new_string_len(msg->payload, (int)msg->len));
    sedge_json_add_i64(e, "qos", msg->qos);
    if (msg->props) sedge_json_add_str(e, "contentType", msg->props->content_type);
    if (msg->props && msg->props->n_user) {
        sedge_json_add_str(e, "userKey", msg->props->user[0].key);
        sedge_json_add_str(e, "userValue", msg->props->user[0].value);
    }
    emit(e);
}

static void granted_cb(void *user, const int *codes, size_t n, const struct sedge_err *err)
{
    struct json_object *e = event("granted");
    struct json_object *a = json_object_new_array();

    (void)user;
    for (size_t i = 0; i < n; i++)
        json_object_array_add(a, json_object_new_int(codes[i]));
    json_object_object_add(e, "codes", a);
    add_err(e, err);
    emit(e);
}

static void refuse(const char *op, const char *tag, const struct sedge_err *err)
{
    struct json_object *e = event("refused");

    sedge_json_add_str(e, "op", op);
    sedge_json_add_str(e, "tag", tag);
    add_err(e, err);
    emit(e);
}

static struct sedge_mqtt_message message_of(struct json_object *c, struct sedge_mqtt_props *props)
{
    const char *payload = sedge_json_str(c, "payload", "");

    *props = SEDGE_MQTT_PROPS_INIT;
    props->content_type = sedge_json_str(c, "contentType", NULL);
    return (struct sedge_mqtt_message){.topic = sedge_json_str(c, "topic", ""),
                                       .payload = payload,
                                       .len = strlen(payload),
                                       .qos = (int)sedge_json_i64(c, "qos", 1),
                                       .props = props};
}

static void op_publish(struct driver *d, struct json_object *c)
{
    struct sedge_mqtt_user_prop user = {"k", "v"};
    struct sedge_mqtt_props props;
    struct sedge_mqtt_message m = message_of(c, &props);
    struct sedge_err err = SEDGE_ERR_INIT;
    char *tag = sedge_xstrdup(sedge_json_str(c, "tag", ""));

    props.user = &user;
    props.n_user = 1;
    if (sedge_mqtt_publish(d->mqtt, &m, done_cb, tag, &err) == 0) return;
    refuse("publish", tag, &err);
    free(tag);
}

/* "count" messages, "%d" in the payload being the number. */
static void op_spool(struct driver *d, struct json_object *c)
{
    struct sedge_mqtt_props props;
    struct sedge_mqtt_message m = message_of(c, &props);
    int64_t count = sedge_json_i64(c, "count", 1);
    int64_t first = sedge_json_i64(c, "first", 0);
    struct sedge_buf payload = SEDGE_BUF_INIT;

    for (int64_t i = 0; i < count; i++) {
        struct sedge_err err = SEDGE_ERR_INIT;
        if (count > 1) {
            int64_t n = first + i;
            sedge_buf_clear(&payload);
            sedge_buf_printf(&payload, "%lld", (long long)n);
            m.payload = payload.data;
            m.len = payload.len;
        }
        if (sedge_spool_publish(d->spool, sedge_json_str(c, "component", "c"), &m, &err) != 0)
            refuse("spool", sedge_json_str(c, "tag", ""), &err);
    }
    sedge_buf_release(&payload);
    emit(event("spooled"));
}

static void op_stats(struct driver *d, struct json_object *c)
{
    struct sedge_spool_stats st;
    struct json_object *e = event("stats");

    (void)c;
    sedge_spool_stats(d->spool, &st);
    sedge_json_add_i64(e, "messages", st.messages);
    sedge_json_add_i64(e, "bytes", st.bytes);
    sedge_json_add_i64(e, "delivered", st.delivered);
    sedge_json_add_i64(e, "dropped", st.dropped);
    sedge_json_add_bool(e, "onDisk", st.on_disk);
    emit(e);
}

static int start_spool(struct driver *d, struct sedge_err *err)
{
    struct json_object *mqtt = sedge_json_obj(d->o, "mqtt");
    struct sedge_spool_options o;
    bool disk;

    if (sedge_spool_options_read(mqtt, &o, &disk, err) != 0) return -1;
    o.path = disk ? sedge_json_str(d->o, "spool", NULL) : NULL;
    d->spool = sedge_spool_new(&d->loop, d->mqtt, &o, err);
    return d->spool ? 0 : -1;
}

static void op_subscribe(struct driver *d, struct json_object *c)
{
    static const struct sedge_mqtt_sub_cbs cbs = {message_cb, granted_cb};
    struct json_object *list = sedge_json_arr(c, "filters");
    const char *filters[SEDGE_MQTT_FILTERS_MAX + 1];
    struct sedge_err err = SEDGE_ERR_INIT;
    size_t n = 0;
    size_t slot = (size_t)sedge_json_i64(c, "slot", 0);

    for (; list && n < json_object_array_length(list) && n <= SEDGE_MQTT_FILTERS_MAX; n++)
        filters[n] = json_object_get_string(json_object_array_get_idx(list, n));
    d->sub[slot] = sedge_mqtt_subscribe(d->mqtt, filters, n, (int)sedge_json_i64(c, "qos", 1), &cbs, d, &err);
    if (!d->sub[slot]) refuse("subscribe", "", &err);
}

static void op_unsubscribe(struct driver *d, struct json_object *c)
{
    size_t slot = (size_t)sedge_json_i64(c, "slot", 0);

    sedge_mqtt_unsubscribe(d->sub[slot]);
    d->sub[slot] = NULL;
}

static int on_job(void *env, const struct sedge_job *job, struct sedge_err *err)
{
    struct json_object *e = event("job");

    (void)env, (void)err;
    sedge_json_add_str(e, "job", job->job_id);
    sedge_json_add_i64(e, "execution", job->execution_number);
    sedge_json_add_bool(e, "resumed", job->resumed);
    json_object_object_add(e, "document", json_object_get(job->document));
    emit(e);
    return 0;
}

static void on_cancel(void *env, const char *job_id, int64_t execution_number)
{
    struct json_object *e = event("cancel");

    (void)env;
    sedge_json_add_str(e, "job", job_id);
    sedge_json_add_i64(e, "execution", execution_number);
    emit(e);
}

static void on_reported(void *env, const char *job_id, int64_t execution_number, const char *status, bool accepted)
{
    struct json_object *e = event("reported");

    (void)env;
    sedge_json_add_str(e, "job", job_id);
    sedge_json_add_i64(e, "execution", execution_number);
    sedge_json_add_str(e, "status", status);
    sedge_json_add_bool(e, "accepted", accepted);
    emit(e);
}

static void op_status(struct driver *d, struct json_object *c)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_jobs_status(d->jobs, sedge_json_str(c, "job", ""), sedge_json_i64(c, "execution", 1),
                          sedge_json_str(c, "status", ""), sedge_json_obj(c, "details"), &err) != 0)
        refuse("status", "", &err);
}

static void op_progress(struct driver *d, struct json_object *c)
{
    sedge_jobs_progress(d->jobs, sedge_json_str(c, "job", ""), sedge_json_i64(c, "execution", 1),
                        sedge_json_str(c, "phase", ""), (int)sedge_json_i64(c, "percent", 0));
}

static void op_poll(struct driver *d, struct json_object *c)
{
    (void)c;
    sedge_jobs_poll(d->jobs);
}

static struct json_object *components_of(void *env)
{
    const struct driver *d = env;

    return d->components ? sedge_json_copy(d->components) : NULL;
}

static void op_components(struct driver *d, struct json_object *c)
{
    json_object_put(d->components);
    d->components = json_object_get(sedge_json_arr(c, "list"));
}

static void op_settled(struct driver *d, struct json_object *c)
{
    (void)c;
    sedge_fleet_settled(d->fleet);
}

static void op_component(struct driver *d, struct json_object *c)
{
    sedge_fleet_component(d->fleet, sedge_json_str(c, "name", ""), sedge_json_str(c, "state", ""));
}

static void op_deployed(struct driver *d, struct json_object *c)
{
    sedge_fleet_deployment_ended(d->fleet, sedge_json_str(c, "id", "d"),
                                 (enum sedge_fleet_deployment)sedge_json_i64(c, "kind", 0), sedge_json_obj(c, "info"));
}

static void op_deploying(struct driver *d, struct json_object *c)
{
    sedge_fleet_deployment_began(d->fleet, sedge_json_str(c, "id", "d"));
}

static void op_cadence(struct driver *d, struct json_object *c)
{
    sedge_fleet_set_cadence(d->fleet, sedge_json_i64(c, "seconds", 1));
}

static int start_fleet(struct driver *d, struct sedge_db *db, struct sedge_err *err)
{
    const struct sedge_fleet_ops fleet_ops = {d, components_of};
    struct sedge_fleet_options o;

    sedge_fleet_options_default(&o);
    o.thing = sedge_json_str(d->o, "thing", "thing");
    o.version = "2.17.0";
    o.gap_ms = sedge_json_i64(d->o, "gapMs", 50);
    o.launch_ms = sedge_json_i64(d->o, "launchMs", o.launch_ms);
    o.cadence_s = sedge_json_i64(d->o, "cadenceS", o.cadence_s);
    d->fleet = sedge_fleet_new(&d->loop, db, &o, &fleet_ops, err);
    return d->fleet ? 0 : -1;
}

static int start_bridge(struct driver *d, struct sedge_err *err)
{
    const struct sedge_jobs_ops jobs_ops = {d, on_job, on_cancel, on_reported};
    const char *path = sedge_json_str(d->o, "db", NULL);
    const char *adopted = sedge_json_str(d->o, "adopt", NULL);
    struct sedge_jobs_options o;
    struct sedge_db *db;

    if (!path) return 0;
    d->components = json_object_get(sedge_json_arr(d->o, "components"));
    db = sedge_db_open(path, sedge_bridge_schema, 1, err);
    if (!db) return -1;
    sedge_jobs_options_default(&o);
    o.thing = sedge_json_str(d->o, "thing", "thing");
    o.answer_timeout_ms = sedge_json_i64(d->o, "answerTimeoutMs", 500);
    o.retry_min_ms = sedge_json_i64(d->o, "retryMinMs", 50);
    o.retry_max_ms = sedge_json_i64(d->o, "retryMaxMs", 200);
    o.progress_ms = sedge_json_i64(d->o, "progressMs", 100);
    o.again_ms = sedge_json_i64(d->o, "againMs", 50);
    o.poll_interval_s = sedge_json_i64(d->o, "pollS", 14400);
    d->jobs = sedge_jobs_new(&d->loop, db, &o, &jobs_ops, err);
    if (!d->jobs || start_fleet(d, db, err) != 0) return -1;
    if (adopted) sedge_jobs_adopt(d->jobs, adopted, 1);
    d->writer = sedge_dbw_new(&d->loop, db);
    sedge_jobs_start(d->jobs, d->mqtt, d->writer);
    sedge_fleet_start(d->fleet, d->mqtt, d->writer);
    return 0;
}

static const struct {
    const char *name;
    void (*run)(struct driver *d, struct json_object *c);
} ops[] = {{"publish", op_publish},     {"subscribe", op_subscribe}, {"unsubscribe", op_unsubscribe},
           {"status", op_status},       {"progress", op_progress},   {"poll", op_poll},
           {"spool", op_spool},         {"stats", op_stats},         {"components", op_components},
           {"settled", op_settled},     {"component", op_component}, {"deployed", op_deployed},
           {"deploying", op_deploying}, {"cadence", op_cadence}};

static void run_line(struct driver *d, const char *line, size_t n)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_put struct json_object *c = sedge_json_parse_object(line, n, "command", &err);

    for (size_t i = 0; c && i < SEDGE_ARRAY_LEN(ops); i++)
        if (strcmp(ops[i].name, sedge_json_str(c, "op", "")) == 0) {
            ops[i].run(d, c);
            return;
        }
    refuse("command", line, &err);
}

static void session_closed_cb(void *user)
{
    (void)user;
    emit(event("closed"));
}

static void bridge_closed_cb(void *user)
{
    struct driver *d = user;

    sedge_mqtt_close(d->mqtt, session_closed_cb, d);
}

static void fleet_closed_cb(void *user)
{
    struct driver *d = user;

    sedge_jobs_close(d->jobs, bridge_closed_cb, d);
}

static void spool_closed_cb(void *user)
{
    struct driver *d = user;

    if (d->fleet)
        sedge_fleet_close(d->fleet, fleet_closed_cb, d);
    else
        bridge_closed_cb(d);
}

static void shut_down(struct driver *d)
{
    uv_close((uv_handle_t *)&d->in, NULL);
    sedge_spool_close(d->spool, spool_closed_cb, d);
}

static void alloc_cb(uv_handle_t *h, size_t hint, uv_buf_t *buf)
{
    struct driver *d = h->data;

    sedge_buf_reserve(&d->line, hint);
    *buf = uv_buf_init(d->line.data + d->line.len, (unsigned)hint);
}

static void read_cb(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct driver *d = s->data;
    char *nl;

    (void)buf;
    if (n < 0) {
        shut_down(d);
        return;
    }
    d->line.len += (size_t)n;
    while ((nl = memchr(d->line.data, '\n', d->line.len))) {
        size_t len = (size_t)(nl - d->line.data);
        if (len) run_line(d, d->line.data, len);
        sedge_buf_drop_front(&d->line, len + 1);
    }
}

static int connect_session(struct driver *d, struct sedge_err *err)
{
    struct sedge_mqtt_options o;

    sedge_mqtt_options_default(&o);
    o.host = sedge_json_str(d->o, "host", "localhost");
    o.port = (int)sedge_json_i64(d->o, "port", 8883);
    o.client_id = sedge_json_str(d->o, "thing", "thing");
    o.ca = sedge_json_str(d->o, "ca", NULL);
    o.cert = sedge_json_str(d->o, "cert", NULL);
    o.key = sedge_json_str(d->o, "key", NULL);
    o.v311_only = sedge_json_bool(d->o, "v311", false);
    o.proxy = sedge_json_str(d->o, "proxy", NULL);
    o.reconnect_min_ms = sedge_json_i64(d->o, "reconnectMinMs", 50);
    o.reconnect_max_ms = sedge_json_i64(d->o, "reconnectMaxMs", 200);
    o.connect_timeout_ms = (int)sedge_json_i64(d->o, "connectTimeoutMs", 60000);
    o.operation_timeout_ms = (int)sedge_json_i64(d->o, "operationTimeoutMs", 60000);
    d->mqtt = sedge_mqtt_new(&d->loop, &o, err);
    if (!d->mqtt) return -1;
    sedge_mqtt_on_state(d->mqtt, state_cb, d);
    return 0;
}

int main(int argc, char **argv)
{
    struct driver d = {.line = SEDGE_BUF_INIT};
    struct sedge_err err = SEDGE_ERR_INIT;

    if (argc != 2) return 2;
    sedge_log_set_level(SEDGE_DEBUG);
    d.o = sedge_json_parse_object(argv[1], strlen(argv[1]), "options", &err);
    (void)uv_loop_init(&d.loop);
    (void)uv_pipe_init(&d.loop, &d.in, 0);
    d.in.data = &d;
    if (!d.o || connect_session(&d, &err) != 0 || start_bridge(&d, &err) != 0 || start_spool(&d, &err) != 0) {
        refuse("start", "", &err);
        return 1;
    }
    (void)uv_pipe_open(&d.in, STDIN_FILENO);
    (void)uv_read_start((uv_stream_t *)&d.in, alloc_cb, read_cb);
    sedge_mqtt_start(d.mqtt);
    (void)uv_run(&d.loop, UV_RUN_DEFAULT);
    sedge_dbw_close(d.writer);
    (void)uv_loop_close(&d.loop);
    sedge_buf_release(&d.line);
    json_object_put(d.components);
    json_object_put(d.o);
    return 0;
}
