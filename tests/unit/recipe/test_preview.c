#include "../test.h"

#include "base/mem.h"
#include "recipe/preview.h"

static const char text[] =
    "RecipeFormatVersion: 2020-01-25\nComponentName: com.x.A\nComponentVersion: 1.0.0\n"
    "ComponentConfiguration: {DefaultConfiguration: {Port: 1, Deep: {a: 1, b: 2}}}\n"
    "ComponentDependencies: {com.x.Lib: {VersionRequirement: '*'}}\n"
    "Manifests:\n"
    "  - Platform: {os: linux, architecture: aarch64}\n"
    "    Name: big\n"
    "    Artifacts: [{Uri: s3://b/k/app.zip, Unarchive: ZIP}]\n"
    "    Lifecycle:\n"
    "      setenv: {A: 1, B: '{iot:thingName}'}\n"
    "      install: {Script: 'i {configuration:/Deep}', Skipif: 'exists {work:path}/x', Timeout: 5}\n"
    "      run: {RequiresPrivilege: true, Setenv: {A: 2}, Script: 'r {configuration:/Port} "
    "{configuration:/none} {com.x.Lib:artifacts:path}'}\n"
    "  - Platform: {os: linux, architecture: arm, line: blue}\n"
    "    Selections: [small]\n"
    "Lifecycle: {run: {small: s, all: a}}\n";

static struct json_object *preview(const char *on, const char *configuration)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_recipe *r = sedge_recipe_parse(text, strlen(text), "x.yaml", &err);
    sedge_auto_put struct json_object *platform = sedge_platform_parse(on, &err);
    sedge_auto_put struct json_object *c =
        configuration ? sedge_json_parse(configuration, strlen(configuration), "", &err) : NULL;
    const struct sedge_preview_options o = {.root = "/g", .thing_name = "core", .configuration = c};
    struct json_object *p;

    if (!r || !platform) fail_msg("%s", err.msg);
    p = sedge_recipe_preview(r, platform, &o, &err);
    if (!p) fail_msg("%s", err.msg);
    sedge_recipe_free(r);
    return p;
}

static void platforms_are_written_as_other_programs_do(void **st)
{
    static const struct {
        const char *written, *platform;
    } rows[] = {
        {"linux/arm64", "{\"os\":\"linux\",\"architecture\":\"aarch64\"}"},
        {"linux/aarch64", "{\"os\":\"linux\",\"architecture\":\"aarch64\"}"},
        {"Linux/x86_64", "{\"os\":\"linux\",\"architecture\":\"amd64\"}"},
        {"linux/amd64", "{\"os\":\"linux\",\"architecture\":\"amd64\"}"},
        {"linux/386", "{\"os\":\"linux\",\"architecture\":\"x86\"}"},
        {"linux/arm", "{\"os\":\"linux\",\"architecture\":\"arm\"}"},
        {"linux/arm/v7", "{\"os\":\"linux\",\"architecture\":\"arm\",\"architecture.detail\":\"armv7l\"}"},
        {"linux/armv6l", "{\"os\":\"linux\",\"architecture\":\"arm\",\"architecture.detail\":\"armv6l\"}"},
        {"windows/amd64,line=blue,x=", "{\"os\":\"windows\",\"architecture\":\"amd64\",\"line\":\"blue\",\"x\":\"\"}"}};
    static const char *const bad[] = {
        "", "linux", "linux/", "linux/sparc", "plan9/amd64", "linux/amd64,line", "linux/amd64,=x"};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_err err = SEDGE_ERR_INIT;
        sedge_auto_put struct json_object *p = sedge_platform_parse(rows[i].written, &err);

        if (!p) fail_msg("%s", err.msg);
        assert_string_equal(sedge_json_text(p), rows[i].platform);
    }
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(bad); i++) {
        struct sedge_err err = SEDGE_ERR_INIT;

        assert_null(sedge_platform_parse(bad[i], &err));
        assert_int_equal(err.code, SEDGE_E_INVALID);
    }
}

static void the_chosen_manifest_is_shown_with_what_its_scripts_become(void **st)
{
    sedge_auto_put struct json_object *p = preview("linux/arm64", "{\"Port\":7,\"Deep\":{\"b\":3}}");

    (void)st;
    assert_string_equal(sedge_json_text(sedge_json_obj(p, "manifest")),
                        "{\"index\":0,\"name\":\"big\",\"platform\":{\"os\":\"linux\",\"architecture\":\"aarch64\"}}");
    assert_string_equal(sedge_json_str(p, "lifecycle", ""), "manifest");
    assert_string_equal(json_object_to_json_string_ext(sedge_json_arr(p, "artifacts"), JSON_C_TO_STRING_NOSLASHESCAPE),
                        "[{\"uri\":\"s3://b/k/app.zip\",\"file\":\"/g/packages/artifacts/com.x.A/1.0.0/app.zip\","
                        "\"unpacked\":\"/g/packages/artifacts-unarchived/com.x.A/1.0.0/app\"}]");
    assert_string_equal(
        json_object_to_json_string_ext(sedge_json_arr(p, "steps"), JSON_C_TO_STRING_NOSLASHESCAPE),
        "[{\"step\":\"install\",\"script\":\"i {\\\"a\\\":1,\\\"b\\\":3}\",\"requiresPrivilege\":false,\"timeout\":5,"
        "\"skipif\":\"exists /g/work/com.x.A/x\",\"environment\":{\"A\":\"1\",\"B\":\"core\"}},"
        "{\"step\":\"run\",\"script\":\"r 7 {configuration:/none} /g/packages/artifacts/com.x.Lib/<version>\","
        "\"requiresPrivilege\":true,\"timeout\":null,\"environment\":{\"A\":\"2\",\"B\":\"core\"}}]");
    assert_int_equal(json_object_array_length(sedge_json_arr(p, "unresolved")), 1);
}

static void selections_of_the_global_lifecycle_are_followed(void **st)
{
    sedge_auto_put struct json_object *p = preview("linux/armv7l,line=blue", NULL);

    (void)st;
    assert_string_equal(sedge_json_str(p, "lifecycle", ""), "global");
    assert_string_equal(sedge_json_str(json_object_array_get_idx(sedge_json_arr(p, "steps"), 0), "script", ""), "s");
}

static void a_platform_without_a_manifest_is_said_with_the_reason(void **st)
{
    sedge_auto_put struct json_object *p = preview("linux/amd64", NULL);

    (void)st;
    assert_false(sedge_json_has(p, "manifest"));
    assert_non_null(strstr(sedge_json_str(p, "reason", ""), "no manifest for this device"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(platforms_are_written_as_other_programs_do),
        cmocka_unit_test(the_chosen_manifest_is_shown_with_what_its_scripts_become),
        cmocka_unit_test(selections_of_the_global_lifecycle_are_followed),
        cmocka_unit_test(a_platform_without_a_manifest_is_said_with_the_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
