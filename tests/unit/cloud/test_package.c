/* Packages: a recipe and its artifacts on the operator's disk, ready to be uploaded. */
#include "../test.h"

#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "cloud/component/component.h"

static int folder_setup(void **st)
{
    char *dir = sedge_xstrdup("/tmp/sedge-package-XXXXXX");

    if (!mkdtemp(dir)) fail();
    *st = dir;
    return 0;
}

static int folder_teardown(void **st)
{
    (void)sedge_fs_remove_tree(*st, NULL);
    free(*st);
    return 0;
}

static void put(const char *dir, const char *name, const char *text)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/%s", dir, name);

    assert_int_equal(sedge_fs_write_atomic(path, text, strlen(text), 0644, NULL), 0);
}

#define RECIPE(uri)                                                                                                    \
    "{\"RecipeFormatVersion\":\"2020-01-25\",\"ComponentName\":\"a\",\"ComponentVersion\":\"1.0.0\",\"Manifests\":[{"  \
    "\"Platform\":{\"os\":\"linux\"},\"Lifecycle\":{\"run\":\"true\"},\"Artifacts\":[{\"uri\":\"" uri                  \
    "\",\"unarchive\":\"NONE\"}]}]}"

static void digests_and_locations_are_filled_in(void **st)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_package p;
    sedge_auto_put struct json_object *r = NULL;
    struct json_object *a = NULL;

    put(*st, "recipe.json", RECIPE("s3://EXAMPLE/x/f.txt"));
    put(*st, "f.txt", "abc");
    if (sedge_package_load(*st, NULL, "b", "p/q", &p, &err) != 0) fail_msg("%s", err.msg);
    assert_int_equal(p.nfiles, 1);
    assert_int_equal(p.bytes, 3);
    assert_string_equal(p.files[0].sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    r = sedge_json_parse_object(p.recipe, strlen(p.recipe), "r", &err);
    assert_int_equal(sedge_json_pointer(r, "/Manifests/0/Artifacts/0", &a, &err), 1);
    assert_string_equal(sedge_json_str(a, "uri", ""), "s3://b/p/q/artifacts/a/1.0.0/f.txt");
    assert_string_equal(sedge_json_str(a, "Digest", ""), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    assert_string_equal(sedge_json_str(a, "Algorithm", ""), "SHA-256");
    sedge_package_release(&p);
}

static void what_is_missing_or_unsafe_is_refused(void **st)
{
    static const struct {
        const char *recipe, *says;
        enum sedge_err_code code;
    } rows[] = {
        {RECIPE("nothing.bin"), "artifact \"nothing.bin\"", SEDGE_E_NOT_FOUND},
        {RECIPE("s3://b/nothing.bin"), "nothing.bin", SEDGE_E_NOT_FOUND},
        {RECIPE("../secret"), "expected a file name below", SEDGE_E_INVALID},
        {RECIPE("/etc/passwd"), "expected a file name below", SEDGE_E_INVALID},
        {"{}", "recipe.json", SEDGE_E_INVALID},
        {"{\"RecipeFormatVersion\":\"2020-01-25\",\"ComponentName\":\"a\",\"ComponentVersion\":\"1.0.0\"}",
         "Manifests is missing", SEDGE_E_INVALID},
    };

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_err err = SEDGE_ERR_INIT;
        struct sedge_package p;

        put(*st, "recipe.json", rows[i].recipe);
        assert_int_equal(sedge_package_load(*st, NULL, "b", "", &p, &err), -1);
        if (!strstr(err.msg, rows[i].says) || err.code != rows[i].code) fail_msg("row %zu: %s", i, err.msg);
        sedge_package_release(&p);
    }
}

static void a_recipe_with_errors_is_refused_with_the_first_and_their_number(void **st)
{
    static const char wrong[] =
        "{\"RecipeFormatVersion\":\"2020-01-25\",\"ComponentName\":\"a b\",\"ComponentVersion\":"
        "\"1.0.0\",\n\"Manifests\":[{\"Lifecycle\":{\"run\":{\"Timeout\":5}}}],\n\"Lifecycle\":5}";
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_package p;

    put(*st, "recipe.json", wrong);
    assert_int_equal(sedge_package_load(*st, NULL, "b", "", &p, &err), -1);
    assert_int_equal(err.code, SEDGE_E_INVALID);
    if (!strstr(err.msg, "recipe.json:1:53: ComponentName: component name") ||
        !strstr(err.msg, "(2 more errors: sedge recipe check "))
        fail_msg("%s", err.msg);
    sedge_package_release(&p);
}

static void artifacts_from_elsewhere_stay_as_they_are(void **st)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_package p;

    put(*st, "recipe.json", RECIPE("https://files.example/f.txt"));
    if (sedge_package_load(*st, NULL, "b", "", &p, &err) != 0) fail_msg("%s", err.msg);
    assert_int_equal(p.nfiles, 0);
    assert_non_null(strstr(p.recipe, "https://files.example/f.txt"));
    sedge_package_release(&p);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, folder_setup, folder_teardown)
    const struct CMUnitTest tests[] = {
        T(digests_and_locations_are_filled_in),
        T(what_is_missing_or_unsafe_is_refused),
        T(a_recipe_with_errors_is_refused_with_the_first_and_their_number),
        T(artifacts_from_elsewhere_stay_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
