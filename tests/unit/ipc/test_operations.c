#include "../test.h"

#include "base/mem.h"
#include "base/str.h"
#include "ipc_model/operations.h"

#include <string.h>

static void every_operation_has_a_row(void **st)
{
#define NAME(name) #name,
    static const char *const names[] = {SEDGE_OPERATIONS(NAME)};
#undef NAME

    (void)st;
    for (size_t i = 0; i < SEDGE_OPERATION_COUNT; i++) {
        const struct sedge_operation *op = &sedge_operations()[i];

        if (!op->name) fail_msg("%s has no row", names[i]);
        assert_string_equal(sedge_operation_short(op), names[i]);
        assert_ptr_equal(sedge_operation_find(op->name), op);
        assert_int_equal(sedge_operation_id(op), i);
        if (!op->purpose || !op->errors || !op->errors[0] || !op->service != !op->resource)
            fail_msg("the row of %s is incomplete", names[i]);
    }
}

static void those_of_the_model_and_our_own_are_told_apart_by_their_prefix(void **st)
{
    size_t model = 0, own = 0;

    (void)st;
    for (size_t i = 0; i < SEDGE_OPERATION_COUNT; i++) {
        model += sedge_str_starts(sedge_operations()[i].name, SEDGE_OPERATION_PREFIX);
        own += sedge_str_starts(sedge_operations()[i].name, SEDGE_OPERATION_OWN_PREFIX);
    }
    assert_int_equal(model, 35); /* one of them only the C SDK knows */
    assert_int_equal(model + own, SEDGE_OPERATION_COUNT);
}

static void names_that_are_not_in_the_model_are_not_found(void **st)
{
    static const char *const names[] = {"",
                                        "PublishToTopic",
                                        "aws.greengrass#",
                                        "aws.greengrass#publishToTopic",
                                        "aws.greengrass#SetSecret",
                                        "sedge#GetSecretValue",
                                        "aws.greengrass#PublishToTopic ",
                                        "other#PublishToTopic"};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(names); i++)
        if (sedge_operation_find(names[i])) fail_msg("\"%s\" is found", names[i]);
}

static bool names_shape(const struct sedge_member *m, const char *shape)
{
    for (; m && m->name; m++)
        if ((m->type == SEDGE_M_SHAPE || m->type == SEDGE_M_SHAPES) && strcmp(m->of, shape) == 0) return true;
    return false;
}

static void check_shapes_of(const char *owner, const struct sedge_member *m)
{
    for (; m && m->name; m++)
        if ((m->type == SEDGE_M_SHAPE || m->type == SEDGE_M_SHAPES) && (!m->of || !sedge_shape_find(m->of)))
            fail_msg("%s.%s: no shape %s", owner, m->name, m->of ? m->of : "is named");
}

static void shapes_that_members_name_exist(void **st)
{
    size_t n;
    const struct sedge_shape *shapes = sedge_shapes(&n);

    (void)st;
    for (size_t i = 0; i < n; i++)
        check_shapes_of(shapes[i].name, shapes[i].members);
    for (size_t i = 0; i < SEDGE_OPERATION_COUNT; i++) {
        const struct sedge_operation *op = &sedge_operations()[i];

        check_shapes_of(op->name, op->request);
        check_shapes_of(op->name, op->response);
        if (op->event && !sedge_shape_find(op->event)) fail_msg("%s: no shape %s", op->name, op->event);
    }
}

static bool is_used(const struct sedge_shape *shapes, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (names_shape(shapes[i].members, name)) return true;
    for (size_t i = 0; i < SEDGE_OPERATION_COUNT; i++) {
        const struct sedge_operation *op = &sedge_operations()[i];

        if (names_shape(op->request, name) || names_shape(op->response, name)) return true;
        if (op->event && strcmp(op->event, name) == 0) return true;
    }
    return false;
}

static void every_shape_is_used(void **st)
{
    size_t n;
    const struct sedge_shape *shapes = sedge_shapes(&n);

    (void)st;
    for (size_t i = 0; i < n; i++)
        if (!is_used(shapes, n, shapes[i].name)) fail_msg("shape %s is not used", shapes[i].name);
}

static void services_have_the_operations_of_their_rows(void **st)
{
    const struct {
        const char *service;
        size_t operations;
    } rows[] = {
        {SEDGE_SERVICE_PUBSUB, 2},  {SEDGE_SERVICE_MQTTPROXY, 2}, {SEDGE_SERVICE_LIFECYCLE, 2},
        {SEDGE_SERVICE_METRIC, 1},  {SEDGE_SERVICE_SECRETS, 1},   {SEDGE_SERVICE_SHADOW, 4},
        {SEDGE_SERVICE_CLIENTS, 4}, {SEDGE_SERVICE_CLI, 9},       {SEDGE_SERVICE_TES, 1},
        {"aws.greengrass.ipc", 0},
    };
    const char *names[SEDGE_SERVICE_OPERATIONS_MAX];
    size_t n;

    (void)st;
    (void)sedge_services(&n);
    assert_int_equal(n, SEDGE_ARRAY_LEN(rows) - 1);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++)
        assert_int_equal(sedge_service_operations(rows[i].service, names), rows[i].operations);
    assert_true(sedge_service_has(SEDGE_SERVICE_CLI, "aws.greengrass#CancelLocalDeployment"));
    assert_true(sedge_service_has(SEDGE_SERVICE_TES, "getCredentials"));
    assert_false(sedge_service_has(SEDGE_SERVICE_CLI, "CancelLocalDeployment"));
    assert_false(sedge_service_has(SEDGE_SERVICE_PUBSUB, "aws.greengrass#PauseComponent"));
}

static void members_of_a_wrong_json_type_are_named(void **st)
{
    const struct {
        const char *operation, *request, *why; /* NULL: fine */
    } rows[] = {
        {"GetConfiguration", "{}", NULL},
        {"GetConfiguration", "{\"componentName\":null,\"keyPath\":null,\"more\":5}", NULL},
        {"GetConfiguration", "{\"componentName\":5}",
         "member componentName has the wrong type: expected string, got int"},
        {"GetConfiguration", "{\"componentName\":\"a\\u0000b\"}", "componentName"},
        {"GetConfiguration", "{\"keyPath\":\"a\"}", "expected list of strings, got string"},
        {"GetConfiguration", "{\"keyPath\":[\"a\",5]}", "member keyPath"},
        {"UpdateConfiguration", "{\"timestamp\":1,\"valueToMerge\":{}}", NULL},
        {"UpdateConfiguration", "{\"timestamp\":1.5E9,\"valueToMerge\":{\"a\":null}}", NULL},
        {"UpdateConfiguration", "{\"timestamp\":\"1\"}", "timestamp"},
        {"UpdateConfiguration", "{\"valueToMerge\":[1]}",
         "member valueToMerge has the wrong type: expected object, got array"},
        {"DeferComponentUpdate", "{\"recheckAfterMs\":5.0}", NULL},
        {"DeferComponentUpdate", "{\"recheckAfterMs\":5.5}", "expected whole number, got double"},
        {"DeferComponentUpdate", "{\"recheckAfterMs\":true}", "recheckAfterMs"},
        {"PublishToIoTCore", "{\"payload\":\"aGk=\",\"retain\":false,\"qos\":\"7\"}", NULL},
        {"PublishToIoTCore", "{\"payload\":\"a\"}", "member payload has the wrong type: expected string in base64"},
        {"PublishToIoTCore", "{\"retain\":\"true\"}", "retain"},
        {"PublishToIoTCore", "{\"qos\":1}", "qos"},
        {"PublishToIoTCore", "{\"userProperties\":[{\"key\":\"a\",\"value\":\"b\"},{}]}", NULL},
        {"PublishToIoTCore", "{\"userProperties\":[{},{\"key\":5}]}", "member userProperties[1].key"},
        {"PublishToIoTCore", "{\"userProperties\":[null]}",
         "member userProperties[0] has the wrong type: expected object"},
        {"PublishToIoTCore", "{\"userProperties\":{}}", "expected list, got object"},
        {"SendConfigurationValidityReport", "{\"configurationValidityReport\":{\"status\":\"MAYBE\"}}", NULL},
        {"SendConfigurationValidityReport", "{\"configurationValidityReport\":{\"status\":1}}",
         "member configurationValidityReport.status"},
        {"GetClientDeviceAuthToken", "{\"credential\":{\"mqttCredential\":{\"password\":1}}}",
         "member credential.mqttCredential.password"},
        {"PutComponentMetric", "{\"metrics\":[{\"name\":\"a\",\"unit\":\"COUNT\",\"value\":1}]}", NULL},
        {"PutComponentMetric", "{\"metrics\":[{\"value\":\"1\"}]}", "member metrics[0].value"},
        {"ListComponents", "{\"anything\":1}", NULL},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_free char *name = sedge_xasprintf(SEDGE_OPERATION_PREFIX "%s", rows[i].operation);
        sedge_auto_put struct json_object *request = json_tokener_parse(rows[i].request);
        struct sedge_err err = SEDGE_ERR_INIT;
        int rc = sedge_operation_check(sedge_operation_find(name), request, &err);

        if (rc != (rows[i].why ? -1 : 0)) fail_msg("row %zu (%s): %d %s", i, rows[i].request, rc, err.msg);
        if (rows[i].why && !strstr(err.msg, rows[i].why)) fail_msg("row %zu (%s): %s", i, rows[i].request, err.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_has_a_row),
        cmocka_unit_test(those_of_the_model_and_our_own_are_told_apart_by_their_prefix),
        cmocka_unit_test(names_that_are_not_in_the_model_are_not_found),
        cmocka_unit_test(shapes_that_members_name_exist),
        cmocka_unit_test(every_shape_is_used),
        cmocka_unit_test(services_have_the_operations_of_their_rows),
        cmocka_unit_test(members_of_a_wrong_json_type_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
