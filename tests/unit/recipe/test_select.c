#include "../test.h"

#include "base/mem.h"
#include "recipe/platform.h"
#include "recipe/recipe.h"

#define HEAD "RecipeFormatVersion: 2020-01-25\nComponentName: com.x.A\nComponentVersion: 1.0.0\n"

static struct sedge_recipe *parse(const char *text)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_recipe *r = sedge_recipe_parse(text, strlen(text), "x.yaml", &err);

    if (!r) fail_msg("%s", err.msg);
    return r;
}

static void the_first_manifest_that_fits_is_used(void **st)
{
    struct sedge_recipe *r =
        parse(HEAD "Manifests:\n"
                   "  - {Name: pi, Platform: {os: linux, architecture: arm, architecture.detail: armv7l}}\n"
                   "  - {Name: cpu, Platform: {os: linux, architecture: /amd64|aarch64/}}\n"
                   "  - {Name: line, Platform: {os: all, line: blue}}\n"
                   "  - {Name: mac, Platform: {os: darwin}}\n");
    static const struct {
        const char *platform;
        const char *name; /* NULL: none */
    } rows[] = {
        {"{\"os\":\"linux\",\"architecture\":\"arm\",\"architecture.detail\":\"armv7l\"}", "pi"},
        {"{\"os\":\"linux\",\"architecture\":\"amd64\",\"line\":\"blue\"}", "cpu"},
        {"{\"os\":\"linux\",\"architecture\":\"x86\",\"line\":\"blue\"}", "line"},
        {"{\"os\":\"darwin\",\"architecture\":\"aarch64\"}", "mac"},
        {"{\"os\":\"linux\",\"architecture\":\"arm\"}", NULL},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_put struct json_object *platform = json_tokener_parse(rows[i].platform);
        struct sedge_err err = SEDGE_ERR_INIT;
        const struct sedge_manifest *m = sedge_recipe_select(r, platform, &err);

        assert_true(sedge_str_eq(m ? m->name : NULL, rows[i].name));
        if (!m) {
            assert_int_equal(err.code, SEDGE_E_NOT_FOUND);
            assert_non_null(strstr(err.msg, "com.x.A 1.0.0 has no manifest for this device"));
            assert_non_null(strstr(err.msg, "{\"os\":\"darwin\"}"));
        }
    }
    sedge_recipe_free(r);
}

static void lifecycles_are_chosen_and_filtered_but_never_merged(void **st)
{
#define PLATFORMS                                                                                                      \
    "Manifests:\n"                                                                                                     \
    "  - {Platform: {architecture: arm}, Selections: [pi, linux]}\n"                                                   \
    "  - {Platform: {architecture: amd64}, Selections: [linux]}\n"                                                     \
    "  - {Platform: {architecture: win}, Selections: [win]}\n"                                                         \
    "  - {Platform: {architecture: own}, Lifecycle: {Run: mine}}\n"                                                    \
    "  - {Platform: {architecture: empty}, Lifecycle: {}}\n"
#define GUIDE                                                                                                          \
    "Lifecycle:\n"                                                                                                     \
    "  install: {linux: apt, win: choco}\n"                                                                            \
    "  setenv: {pi: {LED: 'on'}, all: {LED: 'off'}}\n"                                                                 \
    "  run: {script: {pi: ./pi-main, all: ./main}}\n"
    static const struct {
        const char *lifecycle;
        const char *architecture;
        const char *result;
    } rows[] = {
        {GUIDE, "arm", "{\"install\":\"apt\",\"setenv\":{\"LED\":\"on\"},\"run\":{\"script\":\"./pi-main\"}}"},
        {GUIDE, "amd64", "{\"install\":\"apt\",\"setenv\":{\"LED\":\"off\"},\"run\":{\"script\":\"./main\"}}"},
        {GUIDE, "own", "{\"Run\":\"mine\"}"},
        {GUIDE, "empty", "{\"setenv\":{\"LED\":\"off\"},\"run\":{\"script\":\"./main\"}}"},
        {"Lifecycle: {all: {run: a}, linux: {run: l}, extra: 1}\n", "amd64", "{\"run\":\"l\"}"},
        {"Lifecycle: {all: {run: a}, linux: {run: l}, extra: 1}\n", "win", "{\"run\":\"a\"}"},
        {"Lifecycle: {linux: {run: l}}\n", "win", "{}"},
        {"Lifecycle: {linux: text}\n", "amd64", "{}"},
        {"Lifecycle: {pi: null, linux: {run: l}}\n", "arm", "{\"run\":\"l\"}"},
        {"Lifecycle: {run: {Linux: x}, a: null, b: [1]}\n", "amd64", "{\"run\":{\"Linux\":\"x\"},\"b\":[1]}"},
        {"Lifecycle: [{all: {run: a}}]\n", "amd64", "{\"run\":\"a\"}"},
        {"Lifecycle: {all: {linux: {all: {run: deep}}}}\n", "amd64", "{\"run\":\"deep\"}"},
        {"Lifecycle: null\n", "amd64", "{}"},
        {"", "amd64", "{}"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_free char *text = sedge_xasprintf("%s%s%s", HEAD, PLATFORMS, rows[i].lifecycle);
        sedge_auto_put struct json_object *platform = json_object_new_object();
        sedge_auto_put struct json_object *result = NULL;
        struct sedge_recipe *r = parse(text);
        const struct sedge_manifest *m;

        sedge_json_add_str(platform, "architecture", rows[i].architecture);
        m = sedge_recipe_select(r, platform, NULL);
        assert_non_null(m);
        result = sedge_recipe_lifecycle(r, m);
        assert_string_equal(sedge_json_text(result), rows[i].result);
        sedge_recipe_free(r);
    }
}

static void recipes_that_no_device_can_use_say_why(void **st)
{
    static const struct {
        const char *recipe, *says;
        enum sedge_err_code code;
    } rows[] = {
        {HEAD, "the recipe has no Manifests", SEDGE_E_INVALID},
        {HEAD "Manifests: null\n", "the recipe has no Manifests", SEDGE_E_INVALID},
        {HEAD "Manifests: []\n", "the recipe has no Manifests", SEDGE_E_INVALID},
        {HEAD "Manifests: [{Platform: {os: '/(?!win).*/'}}]\n", "look-ahead (?!...) is not supported",
         SEDGE_E_UNSUPPORTED},
    };
    sedge_auto_put struct json_object *platform = json_tokener_parse("{\"os\":\"linux\"}");

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_recipe *r = parse(rows[i].recipe);
        struct sedge_err err = SEDGE_ERR_INIT;

        assert_null(sedge_recipe_select(r, platform, &err));
        if (err.code != rows[i].code || !strstr(err.msg, rows[i].says)) fail_msg("row %zu: %s", i, err.msg);
        sedge_recipe_free(r);
    }
}

static void what_no_device_comes_to_may_be_unsupported(void **st)
{
    struct sedge_recipe *r = parse(HEAD "Manifests: [{Platform: {os: linux}}, {Platform: {os: '/(?!win).*/'}}]\n");
    sedge_auto_put struct json_object *platform = json_tokener_parse("{\"os\":\"linux\"}");

    (void)st;
    assert_ptr_equal(sedge_recipe_select(r, platform, NULL), &r->manifests[0]);
    sedge_recipe_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_manifest_that_fits_is_used),
        cmocka_unit_test(recipes_that_no_device_can_use_say_why),
        cmocka_unit_test(what_no_device_comes_to_may_be_unsupported),
        cmocka_unit_test(lifecycles_are_chosen_and_filtered_but_never_merged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
