#include "../test.h"

#include "base/mem.h"
#include "recipe/step.h"

static void steps_are_read_in_every_form(void **st)
{
    static const struct {
        const char *lifecycle;
        const char *name;
        enum sedge_step_form form;
        const char *script;
        bool privilege;
        int64_t timeout;
        const char *skipif;
    } rows[] = {
        {"{\"run\":\"x\"}", "run", SEDGE_STEP_SCRIPT, "x", false, SEDGE_STEP_NO_TIMEOUT, NULL},
        {"{\"Run\":\"x\"}", "run", SEDGE_STEP_SCRIPT, "x", false, SEDGE_STEP_NO_TIMEOUT, NULL},
        {"{\"INSTALL\":{\"script\":\"x\"}}", "install", SEDGE_STEP_SCRIPT, "x", false, 120, NULL},
        {"{\"install\":{\"Script\":\"x\",\"requiresPrivilege\":true}}", "install", SEDGE_STEP_SCRIPT, "x", true, 120,
         NULL},
        {"{\"install\":{\"Script\":\"x\",\"RequiresPrivilege\":\"true\"}}", "install", SEDGE_STEP_SCRIPT, "x", true,
         120, NULL},
        {"{\"install\":{\"Script\":\"x\",\"RequiresPrivilege\":\"True\"}}", "install", SEDGE_STEP_SCRIPT, "x", false,
         120, NULL},
        {"{\"shutdown\":{\"Script\":\"x\",\"timeout\":30}}", "shutdown", SEDGE_STEP_SCRIPT, "x", false, 30, NULL},
        {"{\"shutdown\":{\"Script\":\"x\",\"Timeout\":\"30.9\"}}", "shutdown", SEDGE_STEP_SCRIPT, "x", false, 30, NULL},
        {"{\"shutdown\":{\"Script\":\"x\",\"Timeout\":\"{a:b}\"}}", "shutdown", SEDGE_STEP_SCRIPT, "x", false, 0, NULL},
        {"{\"shutdown\":{\"Script\":\"x\",\"Timeout\":-5}}", "shutdown", SEDGE_STEP_SCRIPT, "x", false, 0, NULL},
        {"{\"shutdown\":{\"Script\":\"x\",\"Timeout\":null}}", "shutdown", SEDGE_STEP_SCRIPT, "x", false, 15, NULL},
        {"{\"shutdown\":{\"Script\":\"x\",\"Timeout\":1e300}}", "shutdown", SEDGE_STEP_SCRIPT, "x", false,
         SEDGE_STEP_TIMEOUT_MAX_S, NULL},
        {"{\"recover\":{\"Script\":\"x\",\"SkipIf\":\"exists /x\"}}", "recover", SEDGE_STEP_SCRIPT, "x", false, 60,
         "exists /x"},
        {"{\"startup\":{\"Script\":\"\"}}", "startup", SEDGE_STEP_EMPTY, NULL, false, 120, NULL},
        {"{\"startup\":{\"Script\":null}}", "startup", SEDGE_STEP_EMPTY, NULL, false, 120, NULL},
        {"{\"startup\":{}}", "startup", SEDGE_STEP_INVALID, NULL, false, 120, NULL},
        {"{\"startup\":{\"Script\":{\"a\":1}}}", "startup", SEDGE_STEP_INVALID, NULL, false, 120, NULL},
        {"{\"startup\":\"\"}", "startup", SEDGE_STEP_EMPTY, NULL, false, 120, NULL},
        {"{\"startup\":null}", "startup", SEDGE_STEP_EMPTY, NULL, false, 120, NULL},
        {"{\"startup\":[\"x\"]}", "startup", SEDGE_STEP_ABSENT, NULL, false, 120, NULL},
        {"{}", "bootstrap", SEDGE_STEP_ABSENT, NULL, false, 120, NULL},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_put struct json_object *lifecycle = json_tokener_parse(rows[i].lifecycle);
        struct sedge_step s;

        if (sedge_lifecycle_step(lifecycle, rows[i].name, &s) != rows[i].form || s.form != rows[i].form ||
            !sedge_str_eq(s.script, rows[i].script) || s.requires_privilege != rows[i].privilege ||
            s.timeout_s != rows[i].timeout || !sedge_str_eq(s.skipif, rows[i].skipif))
            fail_msg("%s: form %d script %s timeout %lld", rows[i].lifecycle, (int)s.form, s.script ? s.script : "-",
                     (long long)s.timeout_s);
    }
}

static void a_missing_lifecycle_has_no_steps(void **st)
{
    struct sedge_step s;

    (void)st;
    assert_int_equal(sedge_lifecycle_step(NULL, "run", &s), SEDGE_STEP_ABSENT);
    assert_int_equal(sedge_lifecycle_error_reset_s(NULL), SEDGE_ERROR_RESET_DEFAULT_S);
}

static void truth_is_what_the_original_takes_for_it(void **st)
{
    static const struct {
        const char *json;
        bool result;
    } rows[] = {{"true", true},     {"false", false},    {"1", true},       {"-0.5", true},  {"0", false},
                {"\"true\"", true}, {"\"yes\"", true},   {"\"on\"", true},  {"\"t\"", true}, {"\"y\"", true},
                {"\"Y\"", true},    {"\"TRUE\"", false}, {"\"1\"", false},  {"\"\"", false}, {"null", false},
                {"[]", false},      {"\"Yes\"", false},  {"\"no\"", false}, {"{}", false}};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_put struct json_object *v = json_tokener_parse(rows[i].json);
        if (sedge_json_truthy(v) != rows[i].result) fail_msg("%s", rows[i].json);
    }
}

static void bootstrap_and_error_reset_are_read(void **st)
{
    sedge_auto_put struct json_object *lifecycle =
        json_tokener_parse("{\"ErrorResetTime\":\"60\",\"bootstrap\":{\"Script\":\"x\",\"bootstrapOnRollback\":true}}");
    struct sedge_step s;

    (void)st;
    assert_int_equal(sedge_lifecycle_error_reset_s(lifecycle), 60);
    (void)sedge_lifecycle_step(lifecycle, "bootstrap", &s);
    assert_true(s.bootstrap_on_rollback);
}

static void the_environment_of_a_step_overrides_that_of_the_lifecycle(void **st)
{
    sedge_auto_put struct json_object *lifecycle = json_tokener_parse(
        "{\"setEnv\":{\"A\":\"1\",\"B\":2,\"C\":true,\"D\":null,\"E\":{\"x\":1},\"\":\"n\",\"a=b\":\"n\"},"
        "\"run\":{\"Script\":\"x\",\"setenv\":{\"A\":\"$B\",\"F\":1.5}}}");
    sedge_auto_strv struct sedge_strv env = {NULL, 0};
    struct sedge_step s;
    char *all;

    (void)st;
    sedge_env_set(&env, "PATH", "/bin");
    sedge_env_set(&env, "A", "0");
    (void)sedge_lifecycle_step(lifecycle, "run", &s);
    sedge_env_add_step(&env, lifecycle, &s);
    all = sedge_strv_join(&env, " ");
    assert_string_equal(all, "PATH=/bin A=$B B=2 C=true F=1.5");
    assert_string_equal(sedge_env_get(&env, "F"), "1.5");
    assert_null(sedge_env_get(&env, "PAT"));
    free(all);
}

static void skipif_expressions_are_read_or_refused(void **st)
{
    static const struct {
        const char *text;
        bool good;
        enum sedge_skipif_op op;
        bool negate;
        const char *argument;
    } rows[] = {
        {"onpath git", true, SEDGE_SKIPIF_ONPATH, false, "git"},
        {"  onpath \t git  ", true, SEDGE_SKIPIF_ONPATH, false, "git"},
        {"! onpath git", true, SEDGE_SKIPIF_ONPATH, true, "git"},
        {"!exists /a b", true, SEDGE_SKIPIF_EXISTS, true, "/a b"},
        {"exists ~/x", true, SEDGE_SKIPIF_EXISTS, false, "~/x"},
        {"Exists /a", false, SEDGE_SKIPIF_EXISTS, false, NULL},
        {"exists", false, SEDGE_SKIPIF_EXISTS, false, NULL},
        {"exists  ", false, SEDGE_SKIPIF_EXISTS, false, NULL},
        {"existsx /a", false, SEDGE_SKIPIF_EXISTS, false, NULL},
        {"", false, SEDGE_SKIPIF_EXISTS, false, NULL},
        {"!", false, SEDGE_SKIPIF_EXISTS, false, NULL},
        {"!! exists /a", false, SEDGE_SKIPIF_EXISTS, false, NULL},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_skipif s;
        struct sedge_err err;
        int rc = sedge_skipif_parse(rows[i].text, &s, &err);

        assert_int_equal(rc, rows[i].good ? 0 : -1);
        if (rc == 0) {
            assert_int_equal(s.op, rows[i].op);
            assert_int_equal(s.negate, rows[i].negate);
            assert_string_equal(s.argument, rows[i].argument);
        } else {
            assert_int_equal(err.code, SEDGE_E_INVALID);
        }
        sedge_skipif_release(&s);
    }
}

static bool in_list(const char *path, void *user)
{
    const char *const *list = user;

    for (; *list; list++)
        if (strcmp(*list, path) == 0) return true;
    return false;
}

static void skipif_asks_the_right_paths(void **st)
{
    static const char *const present[] = {"/opt/git",    "/usr/sbin/tool", "/home/u/x", "/r/y",
                                          "/r/config/c", "/r/packages/p",  "/abs",      NULL};
    struct sedge_skipif_env env = {"/opt,/usr/bin", "/home/u", "/r", in_list, in_list, NULL};
    static const struct {
        const char *text;
        bool skip;
    } rows[] = {{"onpath git", true},         {"!onpath git", false},   {"onpath tool", true},
                {"onpath none", false},       {"onpath /abs", true},    {"onpath /none", false},
                {"exists ~/x", true},         {"exists ~root/y", true}, {"exists ~config/c", true},
                {"exists ~packages/p", true}, {"exists /abs", true},    {"! exists /abs", false},
                {"exists ~other/x", false}};

    (void)st;
    memcpy(&env.user, &(const void *){present}, sizeof env.user);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_skipif s;

        assert_int_equal(sedge_skipif_parse(rows[i].text, &s, NULL), 0);
        if (sedge_skipif_eval(&s, &env) != rows[i].skip) fail_msg("%s", rows[i].text);
        sedge_skipif_release(&s);
    }
}

static void skipif_asks_the_file_system_by_default(void **st)
{
    const struct sedge_skipif_env env = {"/bin", "/", "/", NULL, NULL, NULL};
    static const struct {
        const char *text;
        bool skip;
    } rows[] = {{"onpath sh", true}, {"exists /bin", true}, {"onpath /bin", false}, {"exists /no/such/thing", false}};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_skipif s;

        assert_int_equal(sedge_skipif_parse(rows[i].text, &s, NULL), 0);
        assert_int_equal(sedge_skipif_eval(&s, &env), rows[i].skip);
        sedge_skipif_release(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_read_in_every_form),
        cmocka_unit_test(a_missing_lifecycle_has_no_steps),
        cmocka_unit_test(truth_is_what_the_original_takes_for_it),
        cmocka_unit_test(bootstrap_and_error_reset_are_read),
        cmocka_unit_test(the_environment_of_a_step_overrides_that_of_the_lifecycle),
        cmocka_unit_test(skipif_expressions_are_read_or_refused),
        cmocka_unit_test(skipif_asks_the_right_paths),
        cmocka_unit_test(skipif_asks_the_file_system_by_default),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
