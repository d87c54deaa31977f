#include "../test.h"

#include "base/mem.h"
#include "cli/logfiles.h"

static void names_are_read_from_the_right(void **st)
{
    static const struct {
        const char *name, *group;
        bool rotated;
        long long when, index;
    } rows[] = {
        {"greengrass.log", "greengrass", false, 0, 0},
        {"greengrass_2024_03_07_10_0.log", "greengrass", true, 2024030710, 0},
        {"my_comp_12_2024_03_07_10_12.log", "my_comp_12", true, 2024030710, 12},
        {"a_2024_03_07_10.log", "a_2024_03_07_10", false, 0, 0},
        {"a_2024_3_07_10_1.log", "a_2024_3_07_10_1", false, 0, 0},
        {"_2024_03_07_10_1.log", "_2024_03_07_10_1", false, 0, 0},
    };
    static const char *const odd[] = {"greengrass.log.gz", "log", ".log", "loader.txt"};
    struct sedge_logname n;

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        assert_int_equal(sedge_logname_parse(rows[i].name, &n, NULL), 0);
        assert_int_equal(n.group_length, strlen(rows[i].group));
        assert_int_equal(n.rotated, rows[i].rotated);
        if (n.rotated) assert_true(n.when == rows[i].when && n.index == rows[i].index);
    }
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(odd); i++)
        assert_int_equal(sedge_logname_parse(odd[i], &n, NULL), -1);
}

static void files_of_a_group_are_in_the_order_of_their_lines(void **st)
{
    static const char *const paths[] = {"/l/a.log",
                                        "/l/a_2024_03_07_10_10.log",
                                        "/l/a_2024_03_07_10_9.log",
                                        "/l/b.log",
                                        "/l/a_2023_12_31_23_0.log",
                                        "/m/a.log",
                                        "/l/a.log",
                                        "/l/a.txt"};
    sedge_auto_strv struct sedge_strv list = {NULL, 0};
    sedge_auto_strv struct sedge_strv odd = {NULL, 0};
    struct sedge_loggroups groups = {NULL, 0};
    sedge_auto_free char *first = NULL;

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(paths); i++)
        sedge_strv_add(&list, paths[i]);
    sedge_logfiles_group(&list, &groups, &odd);
    assert_int_equal(groups.n, 3);
    first = sedge_strv_join(&groups.v[0].paths, " ");
    assert_string_equal(first, "/l/a_2023_12_31_23_0.log /l/a_2024_03_07_10_9.log /l/a_2024_03_07_10_10.log /l/a.log");
    assert_int_equal(odd.n, 1);
    sedge_loggroups_release(&groups);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_read_from_the_right),
        cmocka_unit_test(files_of_a_group_are_in_the_order_of_their_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
