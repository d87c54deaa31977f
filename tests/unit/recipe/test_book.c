#include "../test.h"

#include "base/fs.h"
#include "base/mem.h"
#include "recipe/platform.h"
#include "recipe/recipe.h"

#define BOOK  SEDGE_SHARED_DIR "/data/book"
#define WRONG "chapter7/recipes/model-manifest.json"

static int load_one(const char *path, const char *relative, void *user, struct sedge_err *err)
{
    unsigned *loaded = user;
    struct sedge_recipe *r;

    if (!strstr(relative, "/recipes/") || strcmp(relative, WRONG) == 0) return 0;
    r = sedge_recipe_load(path, err);
    if (!r) return -1;
    assert_true(r->nmanifests > 0);
    assert_non_null(strstr(r->name, "."));
    sedge_recipe_free(r);
    (*loaded)++;
    return 0;
}

static void every_recipe_of_the_book_loads(void **st)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    unsigned loaded = 0;

    (void)st;
    if (!sedge_fs_is_dir(BOOK)) {
        print_message("skipped: %s is not there\n", BOOK);
        skip();
    }
    if (sedge_fs_walk(BOOK, load_one, &loaded, &err) != 0) fail_msg("%s", err.msg);
    assert_true(loaded >= 10);
}

static void the_malformed_one_is_refused_with_its_place_and_what_was_expected(void **st)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)st;
    if (!sedge_fs_exists(BOOK "/" WRONG)) {
        print_message("skipped: %s is not there\n", BOOK "/" WRONG);
        skip();
    }
    assert_null(sedge_recipe_load(BOOK "/" WRONG, &err));
    assert_int_equal(err.code, SEDGE_E_INVALID);
    assert_non_null(
        strstr(err.msg, WRONG ":31:9: not valid JSON: expected \",\" or \"]\" after an element of a list, got \"}\""));
}

static void every_shipped_recipe_survives_the_store(void **st)
{
    static const char *const names[] = {"chapter7/recipes/inference-manifest.json",
                                        "chapter5/recipes/com.hbs.hub.Aggregator-1.0.0.yaml",
                                        "chapter8/recipes/com.hbs.hub.Container-1.0.0.yaml"};

    (void)st;
    if (!sedge_fs_is_dir(BOOK)) {
        print_message("skipped: %s is not there\n", BOOK);
        skip();
    }
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(names); i++) {
        sedge_auto_free char *path = sedge_xasprintf(BOOK "/%s", names[i]);
        struct sedge_err err = SEDGE_ERR_INIT;
        struct sedge_recipe *a = sedge_recipe_load(path, &err);
        struct sedge_recipe *b;
        char *text;

        assert_non_null(a);
        text = sedge_recipe_to_yaml(a);
        b = sedge_recipe_parse(text, strlen(text), "stored.yaml", &err);
        if (!b) fail_msg("%s\n%s", err.msg, text);
        assert_true(json_object_equal(a->document, b->document));
        free(text);
        sedge_recipe_free(a);
        sedge_recipe_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_recipe_of_the_book_loads),
        cmocka_unit_test(the_malformed_one_is_refused_with_its_place_and_what_was_expected),
        cmocka_unit_test(every_shipped_recipe_survives_the_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
