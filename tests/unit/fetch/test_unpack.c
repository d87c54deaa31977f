#include "../test.h"

#include "base/mem.h"
#include "base/str.h"
#include "fetch_helper/helper/unpack.h"

static void names_are_cleaned_or_refused(void **st)
{
    static const struct {
        const char *name, *clean; /* NULL: refused */
    } rows[] = {
        {"a", "a"},     {"a/b/c", "a/b/c"}, {"./a//b/./c/", "a/b/c"}, {"./", ""},       {"..a/b..", "..a/b.."},
        {"..", NULL},   {"a/..", NULL},     {"a/../b", NULL},         {"/a", NULL},     {"../a", NULL},
        {"a\nb", NULL}, {"a\x7f", NULL},    {"...", "..."},           {"a\\b", "a\\b"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_buf struct sedge_buf out = SEDGE_BUF_INIT;
        struct sedge_err err;
        int rc = sedge_unpack_name(rows[i].name, &out, &err);

        if ((rc == 0) != (rows[i].clean != NULL)) fail_msg("%s", rows[i].name);
        if (rc == 0) assert_string_equal(out.data ? out.data : "", rows[i].clean);
    }
}

static void only_links_that_stay_inside_are_allowed(void **st)
{
    static const struct {
        const char *name, *target;
        bool allowed;
    } rows[] = {
        {"l", "a", true},         {"l", "a/b", true},          {"l", ".", true},          {"d/l", "..", true},
        {"d/l", "../a", true},    {"d/e/l", "../../a", true},  {"d/l", "./../a", true},   {"l", "", false},
        {"l", "/a", false},       {"l", "..", false},          {"l", "../a", false},      {"d/l", "../../a", false},
        {"d/l", "a/../b", false}, {"d/l", "a/../../b", false}, {"d/l", ".././..", false}, {"l", "a\nb", false},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++)
        if (sedge_unpack_link_allowed(rows[i].name, rows[i].target) != rows[i].allowed)
            fail_msg("%s -> %s", rows[i].name, rows[i].target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_cleaned_or_refused),
        cmocka_unit_test(only_links_that_stay_inside_are_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
