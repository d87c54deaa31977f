#include "../test.h"

#include "base/json.h"
#include "base/mem.h"
#include "config/params.h"

static struct json_object *json(const char *text)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct json_object *v = sedge_json_parse(text, strlen(text), "test", &err);

    if (err.code != SEDGE_OK) fail_msg("%s", err.msg);
    return v;
}

static void a_bad_value_is_named_with_what_was_expected(void **st)
{
    static const struct {
        const char *configuration, *message; /* NULL: fine */
        const char *unknown;
    } rows[] = {
        {"{}", NULL, ""},
        {"{\"mqtt\":{\"port\":443,\"spooler\":{\"keepQos0WhenOffline\":true}}}", NULL, ""},
        {"{\"mqtt\":{\"port\":70000}}", "mqtt.port: 70000 is outside 1..65535", ""},
        {"{\"mqtt\":{\"port\":\"http\"}}", "mqtt.port: expected an integer, got \"http\"", ""},
        {"{\"mqtt\":{\"port\":\"8883\"}}", NULL, ""},
        {"{\"mqtt\":5}", "mqtt: expected a map, got int", ""},
        {"{\"mqtt\":null}", NULL, ""},
        {"{\"MQTT\":{\"PORT\":0}}", "mqtt.port: 0 is outside 1..65535", ""},
        {"{\"mqtt\":{\"version\":\"MQTT5\"}}", "mqtt.version: expected mqtt5|mqtt3, got \"MQTT5\"", ""},
        {"{\"mqtt\":{\"version\":\"mqtt\"}}", "mqtt.version: expected mqtt5|mqtt3, got \"mqtt\"", ""},
        {"{\"logging\":{\"level\":\"debug\",\"colour\":1}}", NULL, ""}, /* ignored as a whole, elsewhere */
        {"{\"deploymentConfigurationTimeSource\":\"now\"}",
         "deploymentConfigurationTimeSource: expected deploymentCreationTime|deploymentProcessingTime, got \"now\"",
         ""},
        {"{\"runWithDefault\":{\"systemResourceLimits\":{\"cpus\":0.5,\"memory\":0}}}",
         "runWithDefault.systemResourceLimits.memory: 0 is outside 1..1099511627776", ""},
        {"{\"runWithDefault\":{\"systemResourceLimits\":{\"cpus\":\"1.5\"}}}", NULL, ""},
        {"{\"networkProxy\":{\"proxy\":{\"password\":[\"geheim\"]}}}",
         "networkProxy.proxy.password: expected a text, got array", ""},
        {"{\"telemetry\":{\"periodicPublishMetricsIntervalSeconds\":5}}", NULL, ""},
        {"{\"fleetstatus\":{\"periodicStatusPublishIntervalSeconds\":5}}", NULL, ""},
        {"{\"mqtt\":{\"keepAliveTimeoutMs\":1000}}",
         "mqtt.keepAliveTimeoutMs: 1000 must be above mqtt.pingTimeoutMs (30000), or 0", ""},
        {"{\"mqtt\":{\"keepAliveTimeoutMs\":0}}", NULL, ""},
        {"{\"platformOverride\":{\"os\":\"x\"},\"jvmOptions\":\"-X\",\"new\":1,\"mqtt\":{\"odd\":1}}", NULL,
         "new,mqtt.odd"},
        {"5", "configuration of the nucleus: expected a map, got int", ""},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_put struct json_object *o = json(rows[i].configuration);
        sedge_auto_strv struct sedge_strv unknown = {0};
        sedge_auto_free char *names = NULL;
        struct sedge_err err = SEDGE_ERR_INIT;

        assert_int_equal(sedge_nucleus_params_check(o, &unknown, &err), rows[i].message ? -1 : 0);
        assert_string_equal(err.msg, rows[i].message ? rows[i].message : "");
        names = sedge_strv_join(&unknown, ",");
        assert_string_equal(names, rows[i].unknown);
    }
}

static void a_section_is_checked_strictly(void **st)
{
    static const struct {
        const char *value, *message;
    } rows[] = {
        {"{\"level\":\"WARN\",\"format\":\"JSON\"}", ""},
        {"{\"Level\":\"WARN\"}", "logging.Level: unknown key; did you mean logging.level"},
        {"{\"level\":\"WARN\",\"colour\":1}", "logging.colour: unknown key"},
        {"{\"level\":\"debug\"}", "logging.level: expected TRACE|DEBUG|INFO|WARN|ERROR, got \"debug\""},
        {"{\"level\":\"IN\"}", "logging.level: expected TRACE|DEBUG|INFO|WARN|ERROR, got \"IN\""},
        {"{\"format\":\"RAW\",\"outputDirectory\":null}", ""},
        {"{\"fileSizeKB\":0}", "logging.fileSizeKB: 0 is outside 1..1073741824"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_put struct json_object *o = json(rows[i].value);
        struct sedge_err err = SEDGE_ERR_INIT;

        assert_int_equal(sedge_nucleus_section_check("logging", o, &err), *rows[i].message ? -1 : 0);
        assert_string_equal(err.msg, rows[i].message);
    }
}

static void getters_give_the_default_for_what_is_absent_or_wrong(void **st)
{
    struct sedge_config *cfg = sedge_config_new(NULL);
    sedge_auto_put struct json_object *o =
        json("{\"services\":{\"my.Nucleus\":{\"componentType\":\"NUCLEUS\",\"configuration\":{"
             "\"mqtt\":{\"port\":\"443\",\"maxInFlightPublishes\":\"x\",\"spooler\":{\"keepQos0WhenOffline\":\"yes\"}},"
             "\"fleetstatus\":{\"periodicStatusPublishIntervalSeconds\":5},"
             "\"runWithDefault\":{\"posixUser\":\"u:g\",\"systemResourceLimits\":{\"cpus\":1.5}},"
             "\"logging\":\"no map\",\"platformOverride\":{\"os\":\"x\"},\"objectStore\":{\"bucket\":\"b\"}}}}}");
    struct json_object *map;

    (void)st;
    assert_int_equal(sedge_nucleus_param_i64(cfg, "mqtt.port"), 8883); /* an empty tree */
    assert_int_equal(sedge_config_merge(cfg, SEDGE_PATH_ROOT, o, 1, NULL), 0);
    assert_int_equal(sedge_nucleus_param_i64(cfg, "mqtt.port"), 443);
    assert_int_equal(sedge_nucleus_param_i64(cfg, "mqtt.maxInFlightPublishes"), 5);
    assert_int_equal(sedge_nucleus_param_i64(cfg, "fleetStatus.periodicStatusPublishIntervalSeconds"), 86400);
    assert_true(sedge_nucleus_param_bool(cfg, "mqtt.spooler.keepQos0WhenOffline"));
    assert_false(sedge_nucleus_param_bool(cfg, "interpolateComponentConfiguration"));
    assert_true(sedge_nucleus_param_bool(cfg, "objectStore.pathStyle"));
    assert_true(sedge_nucleus_param_number(cfg, "runWithDefault.systemResourceLimits.cpus") == 1.5);
    assert_string_equal(sedge_nucleus_param_str(cfg, "runWithDefault.posixUser"), "u:g");
    assert_string_equal(sedge_nucleus_param_str(cfg, "runWithDefault.posixShell"), "sh");
    assert_string_equal(sedge_nucleus_param_str(cfg, "logging.level"), "INFO");
    assert_null(sedge_nucleus_param_str(cfg, "logging.outputDirectory"));
    map = sedge_nucleus_param_map(cfg, "platformOverride");
    assert_string_equal(sedge_json_text(map), "{\"os\":\"x\"}");
    (void)json_object_put(map);
    map = sedge_nucleus_param_map(cfg, "runWithDefault.systemResourceLimits"); /* a section is a map too */
    assert_string_equal(sedge_json_text(map), "{\"cpus\":1.5}");
    (void)json_object_put(map);
    assert_null(sedge_nucleus_param_map(cfg, "logging"));
    assert_null(sedge_nucleus_param_map(cfg, "telemetry"));
    sedge_config_close(cfg, NULL, NULL);
}

static void a_section_is_given_in_the_spelling_and_types_of_the_table(void **st)
{
    struct sedge_config *cfg = sedge_config_new(NULL);
    sedge_auto_put struct json_object *o = json(
        "{\"services\":{\"aws.greengrass.Nucleus\":{\"configuration\":{\"MQTT\":{\"PORT\":\"443\",\"receiveMaximum\":0,"
        "\"version\":\"mqtt9\",\"x\":1,\"spooler\":{\"KeepQos0WhenOffline\":\"yes\",\"maxSizeInBytes\":\"5000\"}}}}}}");
    sedge_auto_put struct json_object *none = sedge_nucleus_param_values(cfg, "mqtt");
    sedge_auto_put struct json_object *got = NULL;

    (void)st;
    assert_string_equal(sedge_json_text(none), "{}");
    assert_int_equal(sedge_config_merge(cfg, SEDGE_PATH_ROOT, o, 1, NULL), 0);
    got = sedge_nucleus_param_values(cfg, "mqtt");
    assert_string_equal(sedge_json_text(got),
                        "{\"port\":443,\"spooler\":{\"maxSizeInBytes\":5000,\"keepQos0WhenOffline\":true}}");
    sedge_config_close(cfg, NULL, NULL);
}

static void the_strongest_reaction_to_a_change_is_found(void **st)
{
    static const struct {
        const char *before, *after;
        enum sedge_param_reload reload;
        const char *name;
    } rows[] = {
        {"{}", "{}", SEDGE_P_NEXT_USE, NULL},
        {"{\"mqtt\":{\"port\":1}}", "{\"MQTT\":{\"port\":1}}", SEDGE_P_NEXT_USE, NULL},
        {"{}", "{\"componentStoreMaxSizeBytes\":5}", SEDGE_P_NEXT_USE, NULL},
        {"{}", "{\"mqtt\":{\"version\":\"mqtt5\",\"port\":\"8883\"}}", SEDGE_P_NEXT_USE, NULL},
        {"{\"runWithDefault\":{\"posixShell\":\"sh\"}}", "{\"networkProxy\":{\"noProxyAddresses\":\"\"}}",
         SEDGE_P_NEXT_USE, NULL},
        {"{}", "{\"fipsMode\":true}", SEDGE_P_RESTART, "fipsMode"},
        {"{\"mqtt\":{\"spooler\":{\"storageType\":\"Memory\"}}}", "{}", SEDGE_P_RESTART, "mqtt.spooler.storageType"},
        {"{\"runWithDefault\":{\"posixUser\":\"a\"}}", "{\"runWithDefault\":{\"posixUser\":\"b\"}}", SEDGE_P_RESTART,
         "runWithDefault.posixUser"},
        {"{}", "{\"logging\":{\"level\":\"WARN\"}}", SEDGE_P_LIVE, "logging.level"},
        {"{}", "{\"logging\":{\"level\":\"WARN\"},\"mqtt\":{\"port\":5}}", SEDGE_P_RECONNECT, "mqtt.port"},
        {"{\"mqtt\":{\"version\":\"mqtt3\"}}", "{\"iotDataEndpoint\":\"h\"}", SEDGE_P_RESTART, "iotDataEndpoint"},
        {"{\"iotDataEndpoint\":\"g\"}", "{\"iotDataEndpoint\":\"h\"}", SEDGE_P_RECONNECT, "iotDataEndpoint"},
        {"{\"iotDataEndpoint\":\"g\"}", "{}", SEDGE_P_RESTART, "iotDataEndpoint"},
        {"{}", "{\"networkProxy\":{\"proxy\":{\"url\":\"http://p\"}}}", SEDGE_P_RESTART, "networkProxy.proxy.url"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_put struct json_object *before = json(rows[i].before), *after = json(rows[i].after);
        const char *name;

        assert_int_equal(sedge_nucleus_params_diff(before, after, &name), rows[i].reload);
        assert_true(sedge_str_eq(name, rows[i].name));
    }
}

static void every_row_of_the_table_holds_together(void **st)
{
    size_t n;
    const struct sedge_param *p = sedge_nucleus_params(&n);

    (void)st;
    for (size_t i = 0; i < n; i++) {
        sedge_auto_put struct json_object *o = json_object_new_object();
        struct json_object *inner = o;
        sedge_auto_strv struct sedge_strv names = {0};
        struct sedge_err err = SEDGE_ERR_INIT;

        assert_ptr_equal(sedge_nucleus_param_find(p[i].name), &p[i]); /* no name twice */
        assert_non_null(p[i].note);
        if (p[i].type == SEDGE_P_CHOICE) assert_non_null(p[i].choices);
        if (!p[i].def) continue;
        sedge_strv_split(&names, p[i].name, ".");
        for (size_t k = 0; k + 1 < names.n; k++) {
            struct json_object *next = json_object_new_object();

            (void)json_object_object_add(inner, names.v[k], next);
            inner = next;
        }
        sedge_json_add_str(inner, names.v[names.n - 1], p[i].def);
        if (sedge_nucleus_params_check(o, NULL, &err) != 0) fail_msg("default of %s", err.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bad_value_is_named_with_what_was_expected),
        cmocka_unit_test(a_section_is_checked_strictly),
        cmocka_unit_test(getters_give_the_default_for_what_is_absent_or_wrong),
        cmocka_unit_test(a_section_is_given_in_the_spelling_and_types_of_the_table),
        cmocka_unit_test(the_strongest_reaction_to_a_change_is_found),
        cmocka_unit_test(every_row_of_the_table_holds_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
