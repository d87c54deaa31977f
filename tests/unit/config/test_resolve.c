#include "../test.h"

#include "base/json.h"
#include "base/mem.h"
#include "config/config.h"
#include "config/resolve.h"

static struct json_object *json(const char *text)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct json_object *v = text ? sedge_json_parse(text, strlen(text), "test", &err) : NULL;

    if (err.code != SEDGE_OK) fail_msg("%s", err.msg);
    return v;
}

/* The running configuration with all leaves at time `ts`. */
static struct json_object *running(const char *text, int64_t ts)
{
    struct sedge_config *cfg;
    sedge_auto_put struct json_object *o = json(text);
    struct json_object *v;

    if (!o) return NULL;
    cfg = sedge_config_new(NULL);
    assert_int_equal(sedge_config_merge(cfg, SEDGE_PATH("c"), o, ts, NULL), 0);
    assert_true(sedge_config_get(cfg, SEDGE_PATH("c"), SEDGE_CONFIG_STAMPED, &v));
    sedge_config_close(cfg, NULL, NULL);
    return v;
}

#define DEFAULTS "{\"a\":1,\"b\":{\"x\":1,\"y\":2},\"l\":[1,2]}"

static void a_component_gets_the_configuration_of_the_specification(void **st)
{
    static const struct {
        const char *what, *running;
        int64_t running_ts;
        const char *defaults, *reset, *merge;
        int64_t d;
        const char *expected; /* NULL: refused */
        const char *skipped;
    } rows[] = {
        {"example 11.4", "{\"a\":5,\"b\":{\"x\":9,\"y\":2},\"l\":[1,2],\"old\":true}", 100, DEFAULTS,
         "[\"/b/x\",\"/l\"]", "{\"b\":{\"y\":null},\"n\":{\"k\":\"v\"}}", 200,
         "{\"a\":5,\"b\":{\"x\":1,\"y\":null},\"l\":[1,2],\"old\":true,\"n\":{\"k\":\"v\"}}", ""},
        {"new component", NULL, 0, DEFAULTS, NULL, NULL, 200, DEFAULTS, ""},
        {"new component with an update", NULL, 0, DEFAULTS, NULL, "{\"a\":2}", 200,
         "{\"a\":2,\"b\":{\"x\":1,\"y\":2},\"l\":[1,2]}", ""},
        {"nothing at all", NULL, 0, NULL, NULL, NULL, 200, "{}", ""},
        {"defaults do not override stored values", "{\"a\":5}", 100, "{\"a\":1,\"z\":1}", NULL, NULL, 200,
         "{\"a\":5,\"z\":1}", ""},
        {"a default object replaces a stored leaf", "{\"a\":5}", 100, "{\"a\":{\"x\":1}}", NULL, NULL, 200,
         "{\"a\":{\"x\":1}}", ""},
        {"a default leaf replaces a stored object", "{\"a\":{\"x\":1}}", 100, "{\"a\":5}", NULL, NULL, 200, "{\"a\":5}",
         ""},
        {"a newer local value survives MERGE", "{\"a\":5}", 300, NULL, NULL, "{\"a\":6,\"b\":1}", 200,
         "{\"a\":5,\"b\":1}", ""},
        {"a change of kind ignores the times", "{\"a\":5}", 300, NULL, NULL, "{\"a\":{\"b\":1}}", 200,
         "{\"a\":{\"b\":1}}", ""},
        {"empty pointer clears all and ends the list", "{\"a\":5,\"old\":1}", 100, DEFAULTS, "[\"\",\"bad\"]", NULL,
         200, DEFAULTS, ""},
        {"a pointer without slash fails", "{\"a\":5}", 100, NULL, "[\"a\"]", NULL, 200, NULL, ""},
        {"a numeric segment is skipped", "{\"l\":[1,2],\"m\":{\"0\":1}}", 100, NULL, "[\"/l/0\",\"/m/0\",\"/m/x\"]",
         NULL, 200, "{\"l\":[1,2],\"m\":{\"0\":1}}", "/l/0,/m/0"},
        {"escapes of a pointer", "{\"a/b\":1,\"c~d\":2,\"e\":3}", 100, NULL, "[\"/a~1b\",\"/c~0d\"]", NULL, 200,
         "{\"e\":3}", ""},
        {"pointers ignore case", "{\"Alpha\":{\"Beta\":1,\"g\":1}}", 100, NULL, "[\"/alpha/BETA\"]", NULL, 200,
         "{\"Alpha\":{\"g\":1}}", ""},
        {"lists are replaced as a whole", "{\"l\":[1,2,3]}", 100, NULL, NULL, "{\"l\":[9]}", 200, "{\"l\":[9]}", ""},
        {"merge keeps the stored spelling", "{\"Port\":1}", 100, NULL, NULL, "{\"PORT\":2}", 200, "{\"Port\":2}", ""},
        {"reset of a list that is no text", "{}", 100, NULL, "[5]", NULL, 200, NULL, ""},
        {"merge must be an object", "{}", 100, NULL, NULL, "[5]", 200, NULL, ""},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_put struct json_object *now = running(rows[i].running, rows[i].running_ts);
        sedge_auto_put struct json_object *defaults = json(rows[i].defaults), *reset = json(rows[i].reset),
                                          *merge = json(rows[i].merge);
        sedge_auto_strv struct sedge_strv skipped = {0};
        struct sedge_err err = SEDGE_ERR_INIT;
        sedge_auto_put struct json_object *out =
            sedge_config_resolve_component(now, defaults, reset, merge, rows[i].d, &skipped, &err);
        sedge_auto_free char *joined = sedge_strv_join(&skipped, ",");

        print_message("%s\n", rows[i].what);
        if (!rows[i].expected) {
            assert_null(out);
            assert_int_equal(err.code, SEDGE_E_INVALID);
            continue;
        }
        assert_non_null(out);
        sedge_auto_put struct json_object *expected = json(rows[i].expected);
        sedge_auto_free char *got_text = sedge_json_text_sorted(out), *text = sedge_json_text_sorted(expected);
        assert_string_equal(got_text, text);
        assert_string_equal(joined, rows[i].skipped);
    }
}

static void run_with_follows_its_table(void **st)
{
    static const struct {
        const char *stored, *given, *expected;
    } rows[] = {
        {NULL, NULL, "{}"},
        {"{\"posixUser\":\"a\"}", NULL, "{\"posixUser\":\"a\"}"},
        {"{\"posixUser\":\"a\"}", "{\"posixUser\":\"b:c\"}", "{\"posixUser\":\"b:c\"}"},
        {"{\"posixUser\":\"a\",\"systemResourceLimits\":{\"memory\":1}}", "{}", "{}"},
        {"{\"posixUser\":\"a\"}", "{\"posixUser\":\"\"}", "{}"},
        {"{\"PosixUser\":\"a\"}", "{\"posixUser\":null}", "{}"},
        {"{\"posixUser\":\"a\"}", "{\"systemResourceLimits\":{\"cpus\":0.5}}",
         "{\"systemResourceLimits\":{\"cpus\":0.5}}"},
        {"{\"systemResourceLimits\":{\"memory\":1}}", "{\"posixUser\":\"u\"}", "{\"posixUser\":\"u\"}"},
        {"{\"systemResourceLimits\":{\"memory\":1}}", "{\"systemResourceLimits\":{\"cpus\":2}}",
         "{\"systemResourceLimits\":{\"cpus\":2}}"},
        {"{\"windowsUser\":\"w\"}", "{}", "{\"windowsUser\":\"w\"}"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_put struct json_object *stored = json(rows[i].stored), *given = json(rows[i].given);
        sedge_auto_put struct json_object *out = sedge_config_resolve_run_with(stored, given);

        assert_string_equal(sedge_json_text(out), rows[i].expected);
    }
}

static void what_is_newer_than_a_deployment_is_left_by_it(void **st)
{
    static const struct {
        const char *running;
        int64_t running_ts;
        const char *planned, *expected; /* at time 200 */
    } rows[] = {
        {NULL, 0, "{\"a\":1,\"b\":{}}", "{\"a\":1,\"b\":{}}"},
        {"{\"a\":0,\"b\":{\"c\":0},\"gone\":0}", 200, "{\"a\":1,\"b\":{\"c\":1}}", "{\"a\":1,\"b\":{\"c\":1}}"},
        {"{\"a\":0,\"b\":{\"c\":null},\"gone\":0}", 201, "{\"a\":1,\"B\":{\"C\":1,\"d\":1}}",
         "{\"a\":0,\"B\":{\"C\":null,\"d\":1}}"},
        {"{\"a\":{\"c\":0},\"b\":0}", 201, "{\"a\":1,\"b\":{\"c\":1}}", "{\"a\":1,\"b\":{\"c\":1}}"},
        {"{\"l\":[1]}", 201, "{\"l\":[1,2]}", "{\"l\":[1]}"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_put struct json_object *now = running(rows[i].running, rows[i].running_ts),
                                          *planned = json(rows[i].planned);
        sedge_auto_put struct json_object *out = sedge_config_resolve_written(now, planned, 200);

        assert_string_equal(sedge_json_text(out), rows[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_component_gets_the_configuration_of_the_specification),
        cmocka_unit_test(what_is_newer_than_a_deployment_is_left_by_it),
        cmocka_unit_test(run_with_follows_its_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
