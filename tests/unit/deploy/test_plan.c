#include "../test.h"

#include "base/mem.h"
#include "config/config.h"
#include "deploy/plan.h"

static struct json_object *json(const char *text)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct json_object *v = text ? sedge_json_parse(text, strlen(text), "test", &err) : NULL;

    if (err.code != SEDGE_OK) fail_msg("%s: %s", text, err.msg);
    return v;
}

static struct sedge_recipe *recipe(const char *text)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_recipe *r = sedge_recipe_parse(text, strlen(text), "test.yaml", &err);

    if (!r) fail_msg("%s", err.msg);
    return r;
}

/* The running configuration with all leaves at time `ts`. */
static struct json_object *running(const char *text, int64_t ts)
{
    struct sedge_config *cfg = sedge_config_new(NULL);
    sedge_auto_put struct json_object *o = json(text);
    struct json_object *v;

    assert_int_equal(sedge_config_merge(cfg, SEDGE_PATH("c"), o, ts, NULL), 0);
    assert_true(sedge_config_get(cfg, SEDGE_PATH("c"), SEDGE_CONFIG_STAMPED, &v));
    sedge_config_close(cfg, NULL, NULL);
    return v;
}

static void note(void *user, const char *component, const char *text)
{
    struct sedge_strv *warnings = user;

    sedge_strv_add_take(warnings, sedge_xasprintf("%s: %s", component, text));
}

#define STORE                                                                                                          \
    "RecipeFormatVersion: '2020-01-25'\nComponentName: store\nComponentVersion: 1.1.0\n"                               \
    "ComponentConfiguration:\n  DefaultConfiguration:\n    folder: models\n    port: 1\n"                              \
    "Manifests:\n- Lifecycle: {}\n"
#define APP                                                                                                            \
    "RecipeFormatVersion: '2020-01-25'\nComponentName: app\nComponentVersion: 2.0.0\n"                                 \
    "ComponentConfiguration:\n  DefaultConfiguration:\n    interval: 60\n    mode: slow\n"                             \
    "ComponentDependencies:\n  store: {VersionRequirement: ^1.0.0}\n"                                                  \
    "  aws.greengrass.Nucleus: {VersionRequirement: '>=2.0.0', DependencyType: SOFT}\n"                                \
    "Manifests:\n- Lifecycle:\n    Run: 'app {configuration:/interval} {configuration:/mode} "                         \
    "{store:configuration:/folder} {store:artifacts:path} {work:path} {iot:thingName} {configuration:/nothing}'\n"

static void a_service_is_planned_from_recipe_configuration_and_update(void **st)
{
    struct sedge_recipe *store = recipe(STORE), *app = recipe(APP);
    sedge_auto_put struct json_object *app_runs = running("{\"interval\":30,\"mode\":\"old\"}", 100);
    sedge_auto_put struct json_object *merge = json("{\"interval\":5}"), *reset = json("[\"/mode\"]");
    char name[] = "app", version[] = "2.0.0";
    struct sedge_root root = {.name = name, .version = version, .merge = merge, .reset = reset};
    struct sedge_plan_component c[] = {
        {.recipe = store, .manifest = &store->manifests[0]},
        {.recipe = app,
         .manifest = &app->manifests[0],
         .running = app_runs,
         .running_version = "1.0.0",
         .previous_version = "0.9.0",
         .root = &root},
    };
    sedge_auto_strv struct sedge_strv warnings = {NULL, 0};
    struct sedge_plan_input in = {.components = c,
                                  .n = 2,
                                  .root = "/r",
                                  .thing_name = "cam-1",
                                  .deploy_ts = 200,
                                  .warn = note,
                                  .user = &warnings};
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_put struct json_object *services = sedge_plan_services(&in, &err);
    struct json_object *s;

    (void)st;
    if (!services) fail_msg("%s", err.msg);
    assert_int_equal(json_object_object_length(services), 2);
    s = sedge_json_obj(services, "app");
    assert_string_equal(sedge_json_str(s, "version", ""), "2.0.0");
    assert_string_equal(sedge_json_str(s, "previousVersion", ""), "1.0.0");
    assert_string_equal(sedge_json_str(s, "componentType", ""), "GENERIC");
    assert_string_equal(sedge_json_text(sedge_json_arr(s, "dependencies")),
                        "[\"store:HARD\",\"aws.greengrass.Nucleus:SOFT\"]");
    assert_int_equal(sedge_json_i64(sedge_json_obj(s, "configuration"), "interval", 0), 5);
    assert_string_equal(sedge_json_str(sedge_json_obj(s, "configuration"), "mode", ""), "slow");
    assert_string_equal(sedge_json_str(sedge_json_get_nocase(s, "lifecycle", NULL), "Run", ""),
                        "app 5 slow models /r/packages/artifacts/store/1.1.0 /r/work/app cam-1 "
                        "{configuration:/nothing}");
    assert_int_equal(warnings.n, 1);
    assert_true(sedge_str_starts(warnings.v[0], "app: recipe variable {configuration:/nothing} is left as it is"));
    s = sedge_json_obj(services, "store");
    assert_false(sedge_json_has(s, "previousVersion"));
    assert_string_equal(sedge_json_text(sedge_json_arr(s, "dependencies")), "[]");
    sedge_recipe_free(store);
    sedge_recipe_free(app);
}

/* The first component runs 1.1.0 as planned, with `previous` before it. */
static struct json_object *plan_store(const char *running_version, const char *previous, struct sedge_root *root,
                                      const char *run_with)
{
    struct sedge_recipe *store = recipe(STORE);
    sedge_auto_put struct json_object *with = json(run_with);
    struct sedge_plan_component c = {.recipe = store,
                                     .manifest = &store->manifests[0],
                                     .run_with = with,
                                     .running_version = running_version,
                                     .previous_version = previous,
                                     .root = root};
    struct sedge_plan_input in = {.components = &c, .n = 1, .root = "/r", .thing_name = "", .deploy_ts = 200};
    struct json_object *services = sedge_plan_services(&in, NULL);
    struct json_object *s = json_object_get(sedge_json_obj(services, "store"));

    (void)json_object_put(services);
    sedge_recipe_free(store);
    return s;
}

static void the_previous_version_changes_only_with_the_version(void **st)
{
    static const struct {
        const char *running, *previous, *expected;
    } rows[] = {
        {NULL, NULL, "none"}, {"1.0.0", "0.9.0", "1.0.0"}, {"1.1.0", "1.0.0", "1.0.0"}, {"1.1.0", NULL, "none"}};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_put struct json_object *s = plan_store(rows[i].running, rows[i].previous, NULL, NULL);
        assert_string_equal(sedge_json_str(s, "previousVersion", "none"), rows[i].expected);
    }
}

static void run_with_is_kept_replaced_or_reset(void **st)
{
    static const struct {
        const char *what, *stored;
        bool has;
        const char *given, *expected;
    } rows[] = {
        {"no word about it", "{\"posixUser\":\"u\"}", false, NULL, "{\"posixUser\":\"u\"}"},
        {"a document without it resets", "{\"posixUser\":\"u\"}", true, NULL, "{}"},
        {"replaced", "{\"posixUser\":\"u\"}", true, "{\"posixUser\":\"v:w\"}", "{\"posixUser\":\"v:w\"}"},
        {"what is left out goes", "{\"posixUser\":\"u\",\"systemResourceLimits\":{\"memory\":5}}", true,
         "{\"posixUser\":\"u\"}", "{\"posixUser\":\"u\"}"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_put struct json_object *given = json(rows[i].given);
        char name[] = "store", version[] = "1.1.0";
        struct sedge_root root = {.name = name, .version = version, .has_run_with = rows[i].has, .run_with = given};
        sedge_auto_put struct json_object *s = plan_store("1.1.0", NULL, &root, rows[i].stored);
        if (strcmp(sedge_json_text(sedge_json_obj(s, "runWith")), rows[i].expected) != 0)
            fail_msg("%s: %s", rows[i].what, sedge_json_text(sedge_json_obj(s, "runWith")));
    }
}

static void a_bad_update_names_the_component(void **st)
{
    struct sedge_recipe *store = recipe(STORE);
    sedge_auto_put struct json_object *reset = json("[\"port\"]");
    char name[] = "store", version[] = "1.1.0";
    struct sedge_root root = {.name = name, .version = version, .reset = reset};
    struct sedge_plan_component c = {.recipe = store, .manifest = &store->manifests[0], .root = &root};
    struct sedge_plan_input in = {.components = &c, .n = 1, .root = "/r", .thing_name = "", .deploy_ts = 200};
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)st;
    assert_null(sedge_plan_services(&in, &err));
    assert_int_equal(err.code, SEDGE_E_INVALID);
    assert_non_null(strstr(err.msg, "store: configuration update"));
    assert_non_null(strstr(err.msg, "port"));
    sedge_recipe_free(store);
}

static void a_skipped_reset_is_told(void **st)
{
    struct sedge_recipe *store = recipe(STORE);
    sedge_auto_put struct json_object *reset = json("[\"/list/0\"]"), *runs = running("{\"list\":[1,2]}", 100);
    char name[] = "store", version[] = "1.1.0";
    struct sedge_root root = {.name = name, .version = version, .reset = reset};
    struct sedge_plan_component c = {.recipe = store, .manifest = &store->manifests[0], .running = runs, .root = &root};
    sedge_auto_strv struct sedge_strv warnings = {NULL, 0};
    struct sedge_plan_input in = {
        .components = &c, .n = 1, .root = "/r", .thing_name = "", .deploy_ts = 200, .warn = note, .user = &warnings};
    sedge_auto_put struct json_object *services = sedge_plan_services(&in, NULL);

    (void)st;
    assert_non_null(services);
    assert_int_equal(warnings.n, 1);
    assert_non_null(strstr(warnings.v[0], "store: reset of /list/0 is skipped"));
    sedge_recipe_free(store);
}

static void configuration_is_interpolated_only_when_asked_for(void **st)
{
    static const char text[] = "RecipeFormatVersion: '2020-01-25'\nComponentName: store\nComponentVersion: 1.1.0\n"
                               "ComponentConfiguration:\n  DefaultConfiguration:\n    folder: '{work:path}/x'\n"
                               "Manifests:\n- Lifecycle: {Run: 'ls {configuration:/folder}'}\n";
    struct sedge_recipe *store = recipe(text);

    (void)st;
    for (int on = 0; on < 2; on++) {
        struct sedge_plan_component c = {.recipe = store, .manifest = &store->manifests[0]};
        struct sedge_plan_input in = {.components = &c,
                                      .n = 1,
                                      .root = "/r",
                                      .thing_name = "",
                                      .deploy_ts = 200,
                                      .interpolate_configuration = on == 1};
        sedge_auto_put struct json_object *services = sedge_plan_services(&in, NULL);
        struct json_object *s = sedge_json_obj(services, "store");
        assert_string_equal(sedge_json_str(sedge_json_obj(s, "configuration"), "folder", ""),
                            on ? "/r/work/store/x" : "{work:path}/x");
        if (on) assert_string_equal(sedge_json_str(sedge_json_obj(s, "lifecycle"), "Run", ""), "ls /r/work/store/x");
    }
    sedge_recipe_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service_is_planned_from_recipe_configuration_and_update),
        cmocka_unit_test(the_previous_version_changes_only_with_the_version),
        cmocka_unit_test(run_with_is_kept_replaced_or_reset),
        cmocka_unit_test(a_bad_update_names_the_component),
        cmocka_unit_test(a_skipped_reset_is_told),
        cmocka_unit_test(configuration_is_interpolated_only_when_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
