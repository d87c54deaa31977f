#include "../test.h"

#include "base/json.h"
#include "base/mem.h"
#include "mqtt/session.h"
#include "mqtt/spool.h"

static struct json_object *parse(const char *text)
{
    struct json_object *o = sedge_json_parse_object(text, strlen(text), "options", NULL);

    assert_non_null(o);
    return o;
}

static void every_parameter_of_the_connection_is_read(void **st)
{
    sedge_auto_put struct json_object *o =
        parse("{\"version\":\"mqtt3\",\"port\":443,\"keepAliveTimeoutMs\":61001,\"pingTimeoutMs\":20000,"
              "\"operationTimeoutMs\":5000,\"socketTimeoutMs\":4000,\"minimumReconnectDelaySeconds\":2,"
              "\"maximumReconnectDelaySeconds\":\"40\",\"minimumConnectedTimeBeforeRetryResetSeconds\":7,"
              "\"sessionExpirySeconds\":60,\"receiveMaximum\":9,\"threadPoolSize\":4}");
    struct sedge_mqtt_options m;

    (void)st;
    sedge_mqtt_options_default(&m);
    assert_int_equal(sedge_mqtt_options_read(o, &m, NULL), 0);
    assert_true(m.v311_only);
    assert_int_equal(m.port, 443);
    assert_int_equal(m.keep_alive_s, 62); /* whole seconds, none lost */
    assert_int_equal(m.ping_timeout_ms, 20000);
    assert_int_equal(m.operation_timeout_ms, 5000);
    assert_int_equal(m.connect_timeout_ms, 4000);
    assert_int_equal(m.reconnect_min_ms, 2000);
    assert_int_equal(m.reconnect_max_ms, 40000);
    assert_int_equal(m.stable_ms, 7000);
    assert_int_equal(m.session_expiry_s, 60);
    assert_int_equal(m.receive_max, 9);
}

static void absent_ones_and_delays_of_zero_leave_the_defaults(void **st)
{
    sedge_auto_put struct json_object *o =
        parse("{\"minimumReconnectDelaySeconds\":0,\"maximumReconnectDelaySeconds\":0,"
              "\"minimumConnectedTimeBeforeRetryResetSeconds\":0}");
    struct sedge_mqtt_options def, m;

    (void)st;
    sedge_mqtt_options_default(&def);
    sedge_mqtt_options_default(&m);
    assert_int_equal(sedge_mqtt_options_read(o, &m, NULL), 0);
    assert_int_equal(m.reconnect_min_ms, def.reconnect_min_ms);
    assert_int_equal(m.reconnect_max_ms, def.reconnect_max_ms);
    assert_int_equal(m.stable_ms, def.stable_ms);
    assert_int_equal(sedge_mqtt_options_read(NULL, &m, NULL), 0);
    assert_int_equal(m.port, def.port);
    assert_int_equal(m.keep_alive_s, def.keep_alive_s);
    assert_int_equal(m.connect_timeout_ms, def.connect_timeout_ms);
}

static void every_parameter_of_the_spool_is_read(void **st)
{
    sedge_auto_put struct json_object *o =
        parse("{\"maxInFlightPublishes\":101,\"maxMessageSizeInBytes\":1000,\"maxPublishRetry\":-1,\"spooler\":{"
              "\"storageType\":\"memory\",\"maxSizeInBytes\":5000,\"keepQos0WhenOffline\":true,\"maxMessages\":7,"
              "\"maxAgeSeconds\":8,\"minFreeBytes\":9,\"replayMessagesPerSecond\":10,\"replayBytesPerSecond\":11,"
              "\"dropPolicy\":\"drop-oldest\",\"pluginName\":\"x\"}}");
    struct sedge_spool_options s;
    bool disk = true;

    (void)st;
    assert_int_equal(sedge_spool_options_read(o, &s, &disk, NULL), 0);
    assert_false(disk);
    assert_int_equal(s.max_inflight, 101); /* the spool caps it */
    assert_int_equal(s.max_payload, 1000);
    assert_int_equal(s.max_retry, -1);
    assert_int_equal(s.max_bytes, 5000);
    assert_true(s.keep_qos0);
    assert_int_equal(s.max_messages, 7);
    assert_int_equal(s.max_age_s, 8);
    assert_int_equal(s.min_free_bytes, 9);
    assert_int_equal(s.replay_messages_per_s, 10);
    assert_int_equal(s.replay_bytes_per_s, 11);
    assert_int_equal(s.policy, SEDGE_SPOOL_DROP_OLDEST);
}

static void a_bad_value_is_named(void **st)
{
    static const struct {
        const char *text, *name;
    } rows[] = {{"{\"version\":\"mqtt4\"}", "mqtt.version: \"mqtt4\""},
                {"{\"port\":0}", "mqtt.port: 0"},
                {"{\"port\":\"x\"}", "mqtt.port: \"x\""},
                {"{\"receiveMaximum\":65536}", "mqtt.receiveMaximum: 65536"}};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_put struct json_object *o = parse(rows[i].text);
        struct sedge_mqtt_options m;
        struct sedge_err err = SEDGE_ERR_INIT;
        sedge_mqtt_options_default(&m);
        assert_int_equal(sedge_mqtt_options_read(o, &m, &err), -1);
        assert_non_null(strstr(err.msg, rows[i].name));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_parameter_of_the_connection_is_read),
        cmocka_unit_test(absent_ones_and_delays_of_zero_leave_the_defaults),
        cmocka_unit_test(every_parameter_of_the_spool_is_read),
        cmocka_unit_test(a_bad_value_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
