/* The typed functions: the request that each makes, byte for byte, and what it makes of an answer. */
#include "../test.h"

#include <stdbool.h>

#include "base/clock.h"
#include "base/mem.h"
#include "peer.h"
#include "sedge_ipc.h"

#define WAIT_MS 60000 /* ends a hang */

/* What a row found, as text. */
struct out {
    struct sedge_ipc_client *c;
    struct sedge_ipc_err err;
    char text[1024];
    unsigned events;
};

typedef int (*row_fn)(struct out *o);

struct row {
    row_fn call;
    const char *request, *answer;
    int rc;
    const char *text; /* NULL: nothing is said */
};

static int take(struct out *o, int rc, char *text)
{
    (void)snprintf(o->text, sizeof o->text, "%s", text ? text : "(null)");
    sedge_ipc_free(text);
    return rc;
}

/* ---- messages ---- */

static int publish_json(struct out *o)
{
    return sedge_ipc_publish_json(o->c, "a\"b", "{\"x\" : 1.0}", &o->err);
}

static int publish_binary(struct out *o)
{
    return sedge_ipc_publish_binary(o->c, "t", "\0\xff", 2, &o->err);
}

static int publish_plain(struct out *o)
{
    return sedge_ipc_publish_iot_core(o->c, "t", 0, "hi", 2, &o->err);
}

static int publish_full(struct out *o)
{
    static const struct sedge_ipc_user_property properties[] = {{"k", "v"}, {"k", "w"}};
    struct sedge_ipc_mqtt m = SEDGE_IPC_MQTT_INIT;

    m.retain = 1;
    m.is_text = 1;
    m.content_type = "text/plain";
    m.response_topic = "r";
    m.correlation_data = "c";
    m.correlation_size = 1;
    m.expiry_s = 60;
    m.user_properties = properties;
    m.nuser_properties = 2;
    return sedge_ipc_publish_mqtt(o->c, "t", 1, "", 0, &m, NULL, NULL, &o->err);
}

/* ---- the component ---- */

static int report(struct out *o)
{
    return sedge_ipc_report_validity(o->c, "d1", 0, "too hot", &o->err);
}

static int defer(struct out *o)
{
    return sedge_ipc_defer_update(o->c, "d1", 5000, NULL, &o->err);
}

static int pause_one(struct out *o)
{
    return sedge_ipc_pause_component(o->c, "a", &o->err);
}

static int resume_one(struct out *o)
{
    return sedge_ipc_resume_component(o->c, "a", &o->err);
}

static int restart_one(struct out *o)
{
    int rc = sedge_ipc_restart_component(o->c, "a", &o->err);

    (void)snprintf(o->text, sizeof o->text, "%s %s", o->err.name, o->err.message);
    return rc;
}

static int stop_one(struct out *o)
{
    return sedge_ipc_stop_component(o->c, "a", &o->err);
}

static int list(struct out *o, const char *name)
{
    struct sedge_ipc_component **v = NULL;
    int rc = sedge_ipc_list_components(o->c, name, &v, &o->err);

    for (size_t i = 0; v && v[i]; i++) {
        size_t n = strlen(o->text);

        (void)snprintf(o->text + n, sizeof o->text - n, "%s %s %s %s;", v[i]->name, v[i]->version, v[i]->state,
                       v[i]->configuration_json);
    }
    sedge_ipc_free(v);
    return rc;
}

static int list_all(struct out *o)
{
    return list(o, NULL);
}

static int list_one(struct out *o)
{
    return list(o, "a");
}

static int create(struct out *o)
{
    char *id;
    int rc = sedge_ipc_create_deployment(o->c, "{\"rootComponentVersionsToAdd\":{\"a\":\"1.0.0\"}}", &id, &o->err);

    return take(o, rc, id);
}

static int status(struct out *o)
{
    char *text;
    int rc = sedge_ipc_deployment_status(o->c, "d1", &text, &o->err);

    return take(o, rc, text);
}

static int cancel(struct out *o)
{
    return sedge_ipc_cancel_deployment(o->c, "d1", &o->err);
}

/* ---- services ---- */

static int secret(struct out *o)
{
    void *data;
    size_t size;
    int rc = sedge_ipc_get_secret(o->c, "s", NULL, "AWSPREVIOUS", &data, &size, &o->err);

    (void)snprintf(o->text, sizeof o->text, "%zu %s", size, rc == 0 ? (const char *)data : "(null)");
    sedge_ipc_free_secret(data, size);
    return rc;
}

static int get_shadow(struct out *o)
{
    char *text;
    int rc = sedge_ipc_get_shadow(o->c, "lamp", "s", &text, &o->err);

    return take(o, rc, text);
}

static int update_shadow(struct out *o)
{
    char *text;
    int rc = sedge_ipc_update_shadow(o->c, "lamp", NULL, "{}", &text, &o->err);

    return take(o, rc, text);
}

static int delete_shadow(struct out *o)
{
    return sedge_ipc_delete_shadow(o->c, "lamp", "s", &o->err);
}

static int list_shadows(struct out *o)
{
    char **names = NULL;
    int rc = sedge_ipc_list_shadows(o->c, "lamp", &names, &o->err);

    for (size_t i = 0; names && names[i]; i++) {
        size_t n = strlen(o->text);

        (void)snprintf(o->text + n, sizeof o->text - n, "%s;", names[i]);
    }
    sedge_ipc_free(names);
    return rc;
}

static int metric(struct out *o)
{
    return sedge_ipc_put_metric(o->c, "m", "COUNT", 2.5, &o->err);
}

static int debug_password(struct out *o)
{
    char *name, *word;
    long long expires = 0;
    int rc = sedge_ipc_create_debug_password(o->c, &name, &word, &expires, &o->err);

    (void)snprintf(o->text, sizeof o->text, "%s %s %lld", name, word, expires);
    sedge_ipc_free(name);
    return rc;
}

static int validate(struct out *o)
{
    return sedge_ipc_validate_token(o->c, "t", &o->err);
}

static int verify(struct out *o)
{
    return sedge_ipc_verify_client_device(o->c, "PEM\n", &o->err);
}

static int device_token(struct out *o)
{
    char *text;
    int rc = sedge_ipc_client_device_token(o->c, "id", "PEM", NULL, NULL, &text, &o->err);

    return take(o, rc, text);
}

static int authorize(struct out *o)
{
    return sedge_ipc_authorize_client_device(o->c, "t", "mqtt:publish", "mqtt:topic:a", &o->err);
}

static const struct row rows[] = {
    {publish_json, "{\"topic\":\"a\\\"b\",\"publishMessage\":{\"jsonMessage\":{\"message\":{\"x\" : 1.0}}}}", "{}", 0,
     NULL},
    {publish_binary, "{\"topic\":\"t\",\"publishMessage\":{\"binaryMessage\":{\"message\":\"AP8=\"}}}", "{}", 0, NULL},
    {publish_plain, "{\"topicName\":\"t\",\"qos\":\"0\",\"payload\":\"aGk=\"}", "{}", 0, NULL},
    {publish_full,
     "{\"topicName\":\"t\",\"qos\":\"1\",\"payload\":\"\",\"retain\":true,\"payloadFormat\":\"1\",\"contentType\":"
     "\"text/plain\","
     "\"responseTopic\":\"r\",\"correlationData\":\"Yw==\",\"messageExpiryIntervalSeconds\":60,"
     "\"userProperties\":[{\"key\":\"k\",\"value\":\"v\"},{\"key\":\"k\",\"value\":\"w\"}]}",
     "{}", 0, NULL},
    {report,
     "{\"configurationValidityReport\":{\"status\":\"REJECTED\",\"deploymentId\":\"d1\",\"message\":\"too hot\"}}",
     "{}", 0, NULL},
    {defer, "{\"deploymentId\":\"d1\",\"recheckAfterMs\":5000}", "{}", 0, NULL},
    {pause_one, "{\"componentName\":\"a\"}", "{}", 0, NULL},
    {resume_one, "{\"componentName\":\"a\"}", "{}", 0, NULL},
    {restart_one, "{\"componentName\":\"a\"}", "{\"restartStatus\":\"FAILED\",\"message\":\"closed\"}", -1,
     "FAILED closed"},
    {stop_one, "{\"componentName\":\"a\"}", "{\"stopStatus\":\"SUCCEEDED\"}", 0, NULL},
    {list_all, "{}",
     "{\"components\":[{\"componentName\":\"a\",\"version\":\"1.0.0\",\"state\":\"RUNNING\",\"configuration\":{\"k\":1}"
     "},"
     "{\"componentName\":\"b\",\"state\":\"NEW\"}]}",
     0, "a 1.0.0 RUNNING {\"k\":1};b  NEW {};"},
    {list_one, "{\"componentName\":\"a\"}",
     "{\"componentDetails\":{\"componentName\":\"a\",\"version\":\"2\",\"state\":\"BROKEN\"}}", 0, "a 2 BROKEN {};"},
    {list_all, "{}", "{\"other\":1}", -1, NULL},
    {create, "{\"rootComponentVersionsToAdd\":{\"a\":\"1.0.0\"}}", "{\"deploymentId\":\"d2\"}", 0, "d2"},
    {status, "{\"deploymentId\":\"d1\"}", "{\"deployment\":{\"deploymentId\":\"d1\",\"status\":\"QUEUED\"}}", 0,
     "QUEUED"},
    {status, "{\"deploymentId\":\"d1\"}", "{}", -1, "(null)"},
    {cancel, "{\"deploymentId\":\"d1\"}", "{\"message\":\"x\"}", 0, NULL},
    {secret, "{\"secretId\":\"s\",\"versionStage\":\"AWSPREVIOUS\"}", "{\"secretValue\":{\"secretString\":\"pw\"}}", 0,
     "2 pw"},
    {secret, "{\"secretId\":\"s\",\"versionStage\":\"AWSPREVIOUS\"}", "{\"secretValue\":{\"secretBinary\":\"cHcx\"}}",
     0, "3 pw1"},
    {secret, "{\"secretId\":\"s\",\"versionStage\":\"AWSPREVIOUS\"}", "{\"secretValue\":{}}", -1, "0 (null)"},
    {get_shadow, "{\"thingName\":\"lamp\",\"shadowName\":\"s\"}", "{\"payload\":\"e30=\"}", 0, "{}"},
    {update_shadow, "{\"thingName\":\"lamp\",\"payload\":\"e30=\"}", "{\"payload\":\"W10=\"}", 0, "[]"},
    {update_shadow, "{\"thingName\":\"lamp\",\"payload\":\"e30=\"}", "{\"payload\":\"?\"}", -1, "(null)"},
    {delete_shadow, "{\"thingName\":\"lamp\",\"shadowName\":\"s\"}", "{\"payload\":\"\"}", 0, NULL},
    {list_shadows, "{\"thingName\":\"lamp\"}", "{\"results\":[\"a\",\"b\"],\"timestamp\":1.5}", 0, "a;b;"},
    {metric, "{\"metrics\":[{\"name\":\"m\",\"unit\":\"COUNT\",\"value\":2.5}]}", "{}", 0, NULL},
    {debug_password, "{}", "{\"username\":\"debug\",\"password\":\"pw\",\"passwordExpiration\":1700000000.123}", 0,
     "debug pw 1700000000123"},
    {validate, "{\"token\":\"t\"}", "{\"isValid\":true}", 1, NULL},
    {validate, "{\"token\":\"t\"}", "{\"isValid\":\"yes\"}", -1, NULL},
    {verify, "{\"credential\":{\"clientDeviceCertificate\":\"PEM\\n\"}}", "{\"isValidClientDevice\":false}", 0, NULL},
    {device_token, "{\"credential\":{\"mqttCredential\":{\"clientId\":\"id\",\"certificatePem\":\"PEM\"}}}",
     "{\"clientDeviceAuthToken\":\"tok\"}", 0, "tok"},
    {authorize, "{\"clientDeviceAuthToken\":\"t\",\"operation\":\"mqtt:publish\",\"resource\":\"mqtt:topic:a\"}",
     "{\"isAuthorized\":true}", 1, NULL},
};

static void run_script(const struct act *script, size_t n, void (*body)(struct out *o, struct peer *p, const void *arg),
                       const void *arg)
{
    struct sedge_ipc_options o = SEDGE_IPC_OPTIONS_INIT;
    struct peer *p = peer_start(script, n);
    struct out out = {.c = NULL};

    o.socket_path = peer_path(p);
    o.token = "x";
    o.timeout_ms = WAIT_MS;
    out.c = sedge_ipc_connect(&o, &out.err);
    assert_non_null(out.c);
    body(&out, p, arg);
    sedge_ipc_disconnect(out.c);
    peer_stop(p);
}

static void check_row(struct out *o, struct peer *p, const void *arg)
{
    const struct row *r = arg;

    assert_int_equal(r->call(o), r->rc);
    assert_string_equal(peer_request(p, 0), r->request);
    if (r->text) assert_string_equal(o->text, r->text);
    if (r->rc < 0 && o->err.code != SEDGE_IPC_E_REMOTE) assert_int_equal(o->err.code, SEDGE_IPC_E_PROTOCOL);
}

static void every_function_makes_its_request_and_reads_its_answer(void **st)
{
    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct act script[] = {{.kind = WAIT}, {.kind = ANSWER, .text = rows[i].answer}};

        run_script(script, 2, check_row, &rows[i]);
    }
}

static void check_pages(struct out *o, struct peer *p, const void *arg)
{
    (void)arg;
    assert_int_equal(list_shadows(o), 0);
    assert_string_equal(o->text, "a;b;c;");
    assert_string_equal(peer_request(p, 1), "{\"thingName\":\"lamp\",\"nextToken\":\"n1\"}");
}

static void shadows_are_listed_over_all_pages(void **st)
{
    static const struct act script[] = {
        {.kind = WAIT}, {.kind = ANSWER, .text = "{\"results\":[\"a\",\"b\"],\"nextToken\":\"n1\"}"},
        {.kind = WAIT}, {.kind = ANSWER, .text = "{\"results\":[\"c\"],\"nextToken\":\"n2\"}"},
        {.kind = WAIT}, {.kind = ANSWER, .text = "{\"results\":[],\"nextToken\":\"n3\"}"}};

    (void)st;
    run_script(script, SEDGE_ARRAY_LEN(script), check_pages, NULL);
}

static void check_invalid_token(struct out *o, struct peer *p, const void *arg)
{
    (void)p;
    (void)arg;
    assert_int_equal(validate(o), 0);
}

static void an_invalid_token_is_no_error(void **st)
{
    static const struct act script[] = {{.kind = WAIT}, {.kind = FAIL, .text = "InvalidTokenError"}};

    (void)st;
    run_script(script, SEDGE_ARRAY_LEN(script), check_invalid_token, NULL);
}

/* ---- subscriptions ---- */

static void on_message(const struct sedge_ipc_message *m, void *user)
{
    struct out *o = user;
    const struct sedge_ipc_mqtt *q = m->mqtt;

    o->events++;
    (void)snprintf(o->text, sizeof o->text, "%s %s %d %d %s %s %.*s %lld %zu %s", m->topic, (const char *)m->data,
                   q->retain, q->is_text, q->content_type, q->response_topic, (int)q->correlation_size,
                   (const char *)q->correlation_data, q->expiry_s, q->nuser_properties, q->user_properties[1].value);
}

static void on_connection(int connected, void *user)
{
    struct out *o = user;

    o->events++;
    (void)snprintf(o->text, sizeof o->text, "%d", connected);
}

static void on_question(const char *deployment_id, const char *configuration_json, void *user)
{
    struct out *o = user;

    o->events++;
    (void)snprintf(o->text, sizeof o->text, "%s %s", deployment_id, configuration_json);
}

static void on_update(const struct sedge_ipc_update *u, void *user)
{
    struct out *o = user;

    o->events++;
    (void)snprintf(o->text, sizeof o->text, "%s %d %d", u->deployment_id, u->is_over, u->nucleus_is_restarting);
}

static void on_certificate(const struct sedge_ipc_certificate *cert, void *user)
{
    struct out *o = user;

    o->events++;
    (void)snprintf(o->text, sizeof o->text, "%s %s %s %s %s", cert->private_key, cert->public_key, cert->certificate,
                   cert->ca_certificates[0], cert->ca_certificates[1] ? "more" : "end");
}

static int subscribe_iot_core(struct out *o)
{
    return sedge_ipc_subscribe_iot_core(o->c, "a/+", 1, on_message, NULL, o, NULL, &o->err);
}

static int subscribe_connection(struct out *o)
{
    return sedge_ipc_subscribe_connection(o->c, on_connection, NULL, o, NULL, &o->err);
}

static int subscribe_validation(struct out *o)
{
    return sedge_ipc_subscribe_validation(o->c, on_question, NULL, o, NULL, &o->err);
}

static int subscribe_updates(struct out *o)
{
    return sedge_ipc_subscribe_updates(o->c, on_update, NULL, o, NULL, &o->err);
}

static int subscribe_certificate(struct out *o)
{
    return sedge_ipc_subscribe_certificate(o->c, on_certificate, NULL, o, NULL, &o->err);
}

/* Here `answer` is the event. */
static const struct row events[] = {
    {subscribe_iot_core, "{\"topicName\":\"a/+\",\"qos\":\"1\"}",
     "{\"message\":{\"topicName\":\"a/"
     "b\",\"payload\":\"aGk=\",\"retain\":true,\"payloadFormat\":\"1\",\"contentType\":\"c\","
     "\"responseTopic\":\"r\",\"correlationData\":\"eA==\",\"messageExpiryIntervalSeconds\":5,"
     "\"userProperties\":[{\"key\":\"k\",\"value\":\"v\"},{\"key\":\"k\",\"value\":\"w\"}]}}",
     0, "a/b hi 1 1 c r x 5 2 w"},
    {subscribe_connection, "{}", "{\"connectionStatusEvent\":{\"status\":\"CONNECTED\"}}", 0, "1"},
    {subscribe_validation, "{}",
     "{\"validateConfigurationUpdateEvent\":{\"configuration\":{\"a\": [1]},\"deploymentId\":\"d\\u0031\"}}", 0,
     "d1 {\"a\": [1]}"},
    {subscribe_updates, "{}", "{\"preUpdateEvent\":{\"deploymentId\":\"d\",\"isGgcRestarting\":true}}", 0, "d 0 1"},
    {subscribe_updates, "{}", "{\"postUpdateEvent\":{\"deploymentId\":\"d\"}}", 0, "d 1 0"},
    {subscribe_certificate, "{\"certificateOptions\":{\"certificateType\":\"SERVER\"}}",
     "{\"certificateUpdate\":{\"privateKey\":\"p\",\"publicKey\":\"q\",\"certificate\":\"c\",\"caCertificates\":["
     "\"ca\"]}}",
     0, "p q c ca end"},
};

static void check_event(struct out *o, struct peer *p, const void *arg)
{
    int64_t end = sedge_mono_ms() + WAIT_MS;
    const struct row *r = arg;

    assert_int_equal(r->call(o), r->rc);
    assert_string_equal(peer_request(p, 0), r->request);
    while (o->events == 0 && sedge_mono_ms() < end)
        assert_true(sedge_ipc_client_dispatch(o->c, 100, NULL) >= 0);
    assert_string_equal(o->text, r->text);
}

static void every_subscription_makes_its_request_and_reads_its_event(void **st)
{
    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(events); i++) {
        struct act script[] = {
            {.kind = WAIT}, {.kind = ACCEPT, .text = "{}"}, {.kind = EVENT, .text = events[i].answer}};

        run_script(script, 3, check_event, &events[i]);
    }
}

/* ---- arguments ---- */

static void check_arguments(struct out *o, struct peer *p, const void *arg)
{
    char **names;
    char *text;

    (void)p;
    (void)arg;
    assert_int_equal(sedge_ipc_publish_json(o->c, NULL, "{}", &o->err), -1);
    assert_int_equal(o->err.code, SEDGE_IPC_E_ARGUMENT);
    assert_int_equal(sedge_ipc_publish_iot_core(o->c, "t", 2, "", 0, &o->err), -1);
    assert_string_equal(o->err.message, "qos is 2, expected 0 or 1");
    assert_int_equal(sedge_ipc_put_metric(o->c, "m", "COUNT", 1.0 / 0.0, &o->err), -1);
    assert_int_equal(sedge_ipc_list_shadows(o->c, NULL, &names, &o->err), -1);
    assert_int_equal(sedge_ipc_get_shadow(o->c, NULL, NULL, &text, &o->err), -1);
    assert_int_equal(sedge_ipc_call(o->c, "", NULL, NULL, &o->err), -1);
    assert_int_equal(sedge_ipc_update_state(o->c, NULL, &o->err), -1);
    assert_string_equal(o->err.message, "no state given");
}

static void a_bad_argument_is_refused_before_anything_is_sent(void **st)
{
    (void)st;
    run_script(NULL, 0, check_arguments, NULL);
}

#define T(f) cmocka_unit_test(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_function_makes_its_request_and_reads_its_answer),
        T(shadows_are_listed_over_all_pages),
        T(an_invalid_token_is_no_error),
        T(every_subscription_makes_its_request_and_reads_its_event),
        T(a_bad_argument_is_refused_before_anything_is_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
