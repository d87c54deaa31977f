/* The table of keys and the schema that is made from it. */
#include "../test.h"

#include "base/fs.h"
#include "base/mem.h"
#include "recipe/keys.h"
#include "recipe/recipe.h"
#include "recipe/schema.h"

#include <strings.h>

static void every_key_is_there_once_and_is_described(void **st)
{
    (void)st;
    for (unsigned level = 0; level < SEDGE_KEYS_NLEVELS; level++) {
        size_t n;
        const struct sedge_key *rows = sedge_keys((enum sedge_keys_level)level, &n);

        assert_true(n > 0);
        assert_non_null(sedge_keys_level_name((enum sedge_keys_level)level));
        for (size_t i = 0; i < n; i++) {
            assert_ptr_equal(sedge_key_find((enum sedge_keys_level)level, rows[i].name), &rows[i]);
            assert_true(rows[i].about && *rows[i].about && *sedge_key_expected(&rows[i]));
            assert_int_equal(rows[i].type == SEDGE_KEY_WORD && !rows[i].words, 0);
        }
    }
}

static void letter_case_counts_for_platforms_only(void **st)
{
    (void)st;
    assert_non_null(sedge_key_find(SEDGE_KEYS_STEP, "requiresprivilege"));
    assert_non_null(sedge_key_find(SEDGE_KEYS_ARTIFACT, "Uri"));
    assert_null(sedge_key_find(SEDGE_KEYS_PLATFORM, "OS"));
    assert_non_null(sedge_key_find(SEDGE_KEYS_PLATFORM, "os"));
}

static void the_key_that_was_meant_is_found(void **st)
{
    static const struct {
        enum sedge_keys_level level;
        const char *written, *meant;
    } rows[] = {{SEDGE_KEYS_STEP, "RequirePrivilege", "RequiresPrivilege"},
                {SEDGE_KEYS_STEP, "scripts", "Script"},
                {SEDGE_KEYS_STEP, "env", "Setenv"},
                {SEDGE_KEYS_LIFECYCLE, "Startp", "startup"},
                {SEDGE_KEYS_LIFECYCLE, "stop", "shutdown"},
                {SEDGE_KEYS_RECIPE, "manifest", "Manifests"},
                {SEDGE_KEYS_ARTIFACT, "url", "URI"},
                {SEDGE_KEYS_ARTIFACT, "Permissions", "Permission"},
                {SEDGE_KEYS_STEP, "zzz", NULL}};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        const char *near = sedge_key_nearest(rows[i].level, rows[i].written);

        if (!sedge_str_eq(near, rows[i].meant)) fail_msg("%s: %s", rows[i].written, near ? near : "nothing");
    }
}

static void the_committed_schema_is_up_to_date(void **st)
{
    sedge_auto_put struct json_object *schema = sedge_recipe_schema();
    sedge_auto_buf struct sedge_buf file = SEDGE_BUF_INIT;
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_free char *want = sedge_xasprintf(
        "%s\n", json_object_to_json_string_ext(schema, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));

    (void)st;
    if (sedge_fs_read(SEDGE_SOURCE_DIR "/recipes/recipe.schema.json", 1u << 20, &file, &err) != 0)
        fail_msg("%s", err.msg);
    if (strcmp(file.data, want) != 0)
        fail_msg("recipes/recipe.schema.json is old; write it again: sedge recipe schema >recipes/recipe.schema.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_there_once_and_is_described),
        cmocka_unit_test(letter_case_counts_for_platforms_only),
        cmocka_unit_test(the_key_that_was_meant_is_found),
        cmocka_unit_test(the_committed_schema_is_up_to_date),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
