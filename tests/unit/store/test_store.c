#include "../test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/store.h"

struct bench {
    char root[64];
    struct sedge_store *store;
};

static void quiet(const char *line, size_t n, void *user)
{
    (void)line;
    (void)n;
    (void)user;
}

static int make_root(void **st)
{
    struct bench *b = SEDGE_NEW(struct bench);

    sedge_log_set_sink(quiet, NULL);
    (void)snprintf(b->root, sizeof(b->root), "/tmp/sedge-test-XXXXXX");
    assert_non_null(mkdtemp(b->root));
    b->store = sedge_store_open(b->root, NULL);
    assert_non_null(b->store);
    *st = b;
    return 0;
}

static int remove_root(void **st)
{
    struct bench *b = *st;

    sedge_store_close(b->store);
    (void)sedge_fs_remove_tree(b->root, NULL);
    free(b);
    return 0;
}

static char *recipe(const char *name, const char *version)
{
    return sedge_xasprintf("---\n# kept\nRecipeFormatVersion: '2020-01-25'\nComponentName: %s\nComponentVersion: '%s'\n"
                           "Manifests:\n  - Lifecycle:\n      Run: echo\n",
                           name, version);
}

static void put(struct bench *b, const char *name, const char *version)
{
    sedge_auto_free char *text = recipe(name, version);
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_store_put_recipe(b->store, name, version, text, NULL, &err) != 0) fail_msg("%s", err.msg);
}

static void put_file(struct bench *b, const char *name, const char *text)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/%s", b->root, name), *dir = sedge_xstrdup(path);

    *strrchr(dir, '/') = '\0';
    assert_int_equal(sedge_fs_mkdirs(dir, 0755, NULL), 0);
    assert_int_equal(sedge_fs_write_atomic(path, text, strlen(text), 0644, NULL), 0);
}

static bool there(struct bench *b, const char *name)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/%s", b->root, name);

    return sedge_fs_exists(path);
}

static void assert_versions(struct bench *b, const char *name, const char *expected)
{
    sedge_auto_strv struct sedge_strv v = {0};
    sedge_auto_free char *text = NULL;

    assert_int_equal(sedge_store_versions(b->store, name, &v, NULL), 0);
    text = sedge_strv_join(&v, " ");
    assert_string_equal(text, expected);
}

static void reopen(struct bench *b)
{
    sedge_store_close(b->store);
    b->store = sedge_store_open(b->root, NULL);
    assert_non_null(b->store);
}

static void recipes_are_kept_as_they_came_and_listed_newest_first(void **st)
{
    struct bench *b = *st;
    sedge_auto_free char *expected = recipe("com.example.A", "1.9.0"), *text = NULL;
    sedge_auto_strv struct sedge_strv names = {0};

    put(b, "com.example.A", "1.9.0");
    put(b, "com.example.A", "1.10.0");
    put(b, "com.example.A", "1.10.0-beta.1");
    put(b, "B", "1.0.0");
    for (int round = 0; round < 2; round++) {
        assert_versions(b, "com.example.A", "1.10.0 1.10.0-beta.1 1.9.0");
        assert_versions(b, "unknown", "");
        reopen(b);
    }
    text = sedge_store_recipe(b->store, "com.example.A", "1.9.0", NULL);
    assert_string_equal(text, expected);
    assert_int_equal(sedge_store_names(b->store, &names, NULL), 0);
    assert_int_equal(names.n, 2);
    assert_string_equal(names.v[0], "B");
}

static void the_name_inside_the_file_decides(void **st)
{
    struct bench *b = *st;
    sedge_auto_free char *text = recipe("A", "1.0.0");

    put_file(b, "packages/recipes/any@9.9.9.recipe.yaml", text);
    put_file(b, "packages/recipes/broken@1.0.0.recipe.yaml", "{{{");
    put_file(b, "packages/recipes/notes.txt", "x");
    assert_versions(b, "A", "1.0.0");
    assert_int_equal(sedge_store_remove(b->store, "A", "1.0.0", NULL), 0);
    assert_versions(b, "A", "");
    assert_false(there(b, "packages/recipes/any@9.9.9.recipe.yaml"));
}

static void a_recipe_of_another_name_or_version_is_refused(void **st)
{
    struct bench *b = *st;
    sedge_auto_free char *text = recipe("A", "1.0.0");
    struct sedge_err err = SEDGE_ERR_INIT;

    assert_int_equal(sedge_store_put_recipe(b->store, "A", "1.0.1", text, NULL, &err), -1);
    assert_int_equal(err.code, SEDGE_E_INVALID);
    assert_int_equal(sedge_store_put_recipe(b->store, "B", "1.0.0", text, NULL, &err), -1);
    assert_int_equal(sedge_store_put_recipe(b->store, NULL, NULL, text, NULL, &err), 0);
    assert_null(sedge_store_recipe(b->store, "A", "2.0.0", &err));
    assert_int_equal(err.code, SEDGE_E_NOT_FOUND);
}

static void metadata_comes_and_goes_with_its_recipe(void **st)
{
    struct bench *b = *st;
    sedge_auto_free char *text = recipe("A", "1.0.0");
    sedge_auto_put struct json_object *metadata = json_object_new_object(), *back = NULL;
    struct sedge_err err = SEDGE_ERR_INIT;

    sedge_json_add_str(metadata, "componentVersionArn", "arn:x");
    assert_int_equal(sedge_store_put_recipe(b->store, "A", "1.0.0", text, metadata, NULL), 0);
    back = sedge_store_metadata(b->store, "A", "1.0.0", NULL);
    assert_string_equal(sedge_json_str(back, "componentVersionArn", ""), "arn:x");
    put(b, "A", "1.0.0");
    assert_null(sedge_store_metadata(b->store, "A", "1.0.0", &err));
    assert_int_equal(err.code, SEDGE_E_NOT_FOUND);
}

static void paths_are_refused_for_bad_names(void **st)
{
    static const char *const bad[][2] = {
        {"", "1.0.0"}, {"..", "1.0.0"}, {".", "1.0.0"}, {"a/b", "1.0.0"},
        {"A", ""},     {"A", ".."},     {"A", "1.0"},   {"A", "1.0.0/x"},
    };
    struct bench *b = *st;
    sedge_auto_free char *good = sedge_store_artifact_dir(b->store, "com.example.A", "1.0.0", NULL);

    assert_true(sedge_str_ends(good, "/packages/artifacts/com.example.A/1.0.0"));
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(bad); i++) {
        struct sedge_err err = SEDGE_ERR_INIT;

        assert_null(sedge_store_artifact_dir(b->store, bad[i][0], bad[i][1], &err));
        assert_true(err.code == SEDGE_E_INVALID || err.code == SEDGE_E_LIMIT);
        assert_null(sedge_store_unarchived_dir(b->store, bad[i][0], bad[i][1], NULL));
    }
}

static void the_folder_of_an_archive_is_its_name_without_the_last_extension(void **st)
{
    static const char *const rows[][2] = {
        {"archive.zip", "archive"},     {"my.lib.zip", "my.lib"}, {"Archive.zip", "Archive"},
        {".hidden.zip", ".hidden.zip"}, {"plain", "plain"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_free char *name = sedge_store_unarchived_name(rows[i][0]);

        assert_string_equal(name, rows[i][1]);
    }
}

static void a_recipe_directory_is_imported_with_its_folders(void **st)
{
    struct bench *b = *st;
    sedge_auto_free char *yaml = recipe("A", "1.0.0"), *dir = sedge_xasprintf("%s/user", b->root);
    size_t count = 0;
    struct sedge_err err = SEDGE_ERR_INIT;

    put_file(b, "user/a.yaml", yaml);
    put_file(b, "user/sub/b.JSON",
             "{\"RecipeFormatVersion\":\"2020-01-25\",\"ComponentName\":\"B\",\"ComponentVersion\":\"2.0.0\","
             "\"ComponentDescription\":\"a \\\\ \\/ \\ud83d\\ude00\",\"Manifests\":[{\"Lifecycle\":{\"Run\":\"x\"}}]}");
    put_file(b, "user/readme.md", "no recipe");
    put_file(b, "user/empty.yaml", "");
    if (sedge_store_import_recipes(b->store, dir, &count, &err) != 0) fail_msg("%s", err.msg);
    assert_int_equal(count, 2);
    reopen(b);
    assert_versions(b, "A", "1.0.0");
    assert_versions(b, "B", "2.0.0");
    put_file(b, "user/bad.yaml", "RecipeFormatVersion: '2020-01-25'\nComponentName: C\nComponentVersion: [1\n");
    assert_int_equal(sedge_store_import_recipes(b->store, dir, &count, &err), -1);
    assert_non_null(strstr(err.msg, "user/bad.yaml:"));
    assert_int_equal(sedge_store_import_recipes(b->store, "/nonexistent", &count, &err), -1);
    assert_int_equal(err.code, SEDGE_E_NOT_FOUND);
}

static void an_artifact_directory_is_copied_and_replaces_files(void **st)
{
    struct bench *b = *st;
    sedge_auto_free char *dir = sedge_xasprintf("%s/user", b->root),
                         *file = sedge_xasprintf("%s/packages/artifacts/A/1.0.0/f.txt", b->root);
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;
    struct sedge_err err = SEDGE_ERR_INIT;

    put_file(b, "user/A/1.0.0/f.txt", "new");
    put_file(b, "user/A/1.0.0/sub/g.txt", "g");
    put_file(b, "user/.git/x", "skipped");
    put_file(b, "packages/artifacts/A/1.0.0/f.txt", "old");
    put_file(b, "packages/artifacts/A/1.0.0/stays.txt", "s");
    assert_int_equal(chmod(file, 0440), 0);
    if (sedge_store_import_artifacts(b->store, dir, &err) != 0) fail_msg("%s", err.msg);
    assert_int_equal(sedge_fs_read(file, 100, &text, NULL), 0);
    assert_string_equal(text.data, "new");
    assert_true(there(b, "packages/artifacts/A/1.0.0/sub/g.txt"));
    assert_true(there(b, "packages/artifacts/A/1.0.0/stays.txt"));
    put_file(b, "user/B/notes.txt", "wrong place");
    put_file(b, "user/A/1.0.0/f.txt", "newer");
    assert_int_equal(sedge_store_import_artifacts(b->store, dir, &err), -1);
    assert_non_null(strstr(err.msg, "expected as"));
    sedge_buf_clear(&text);
    assert_int_equal(sedge_fs_read(file, 100, &text, NULL), 0);
    assert_string_equal(text.data, "new"); /* checked before anything is copied */
}

static void the_clean_up_removes_only_what_nothing_keeps(void **st)
{
    struct bench *b = *st;
    struct sedge_store_keep keep = {{0}};
    sedge_auto_strv struct sedge_strv removed = {0};
    int64_t before, after;

    put(b, "A", "1.0.0");
    put(b, "A", "2.0.0");
    put(b, "A", "3.0.0");
    put(b, "RecipeOnly", "1.0.0");
    put_file(b, "packages/artifacts/A/1.0.0/f", "0123456789");
    put_file(b, "packages/artifacts-unarchived/A/1.0.0/f/x", "0123456789");
    put_file(b, "packages/artifacts/A/2.0.0/f", "x");
    put_file(b, "packages/artifacts/A/3.0.0/f", "x");
    before = sedge_store_size(b->store, NULL);
    sedge_store_keep_add(&keep, "A", "2.0.0");
    sedge_store_pin(b->store, "A", "3.0.0");
    assert_int_equal(sedge_store_collect(b->store, &keep, &removed), 1);
    assert_string_equal(removed.v[0], "A@1.0.0");
    assert_versions(b, "A", "3.0.0 2.0.0");
    assert_versions(b, "RecipeOnly", "1.0.0");
    assert_false(there(b, "packages/artifacts/A/1.0.0"));
    assert_false(there(b, "packages/artifacts-unarchived/A/1.0.0"));
    after = sedge_store_size(b->store, NULL);
    assert_true(before - after > 20);
    sedge_store_pin(b->store, "A", "3.0.0");
    sedge_store_unpin(b->store, "A", "3.0.0");
    assert_int_equal(sedge_store_collect(b->store, &keep, NULL), 0); /* pins nest */
    sedge_store_unpin(b->store, "A", "3.0.0");
    assert_int_equal(sedge_store_collect(b->store, &keep, NULL), 1);
    assert_versions(b, "A", "2.0.0");
    sedge_store_keep_release(&keep);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_root, remove_root)
    const struct CMUnitTest tests[] = {
        T(recipes_are_kept_as_they_came_and_listed_newest_first),
        T(the_name_inside_the_file_decides),
        T(a_recipe_of_another_name_or_version_is_refused),
        T(metadata_comes_and_goes_with_its_recipe),
        T(paths_are_refused_for_bad_names),
        T(the_folder_of_an_archive_is_its_name_without_the_last_extension),
        T(a_recipe_directory_is_imported_with_its_folders),
        T(an_artifact_directory_is_copied_and_replaces_files),
        T(the_clean_up_removes_only_what_nothing_keeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
