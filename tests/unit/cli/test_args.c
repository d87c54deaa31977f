#include "../test.h"

#include "base/mem.h"
#include "cli/args.h"

struct args {
    const char *name;
    struct sedge_strv list;
    int lines;
    bool follow, colour;
};
static const struct sedge_arg rows[] = {
    {"--name", "-n", SEDGE_ARG_TEXT, true, offsetof(struct args, name), "<name>", "a name"},
    {"--filter", "-f", SEDGE_ARG_LIST, false, offsetof(struct args, list), "<text>", "a text"},
    {"--before", "-b", SEDGE_ARG_INT, false, offsetof(struct args, lines), "<lines>", "a number"},
    {"--follow", "-fol", SEDGE_ARG_FLAG, false, offsetof(struct args, follow), NULL, "a flag"},
    {"--no-color", "-nc", SEDGE_ARG_FLAG, false, offsetof(struct args, colour), NULL, "a flag"},
};

static enum sedge_args_result parse(const char *const *words, struct args *out, struct sedge_err *err)
{
    char *argv[8];
    int n = 0;

    for (; words[n]; n++)
        argv[n] = (char *)(uintptr_t)words[n];
    *out = (struct args){.name = NULL};
    return sedge_args_parse(n, argv, rows, SEDGE_ARRAY_LEN(rows), out, err);
}

static void release(struct args *a)
{
    sedge_args_release(rows, SEDGE_ARRAY_LEN(rows), a);
}

static void every_way_to_write_an_option_is_understood(void **st)
{
    static const char *const table[][4] = {{"--name", "x=y"}, {"--name=x=y"}, {"-n", "x=y"}, {"-n=x=y"}, {"-nx=y"}};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(table); i++) {
        struct args a;
        struct sedge_err err = SEDGE_ERR_INIT;
        assert_int_equal(parse(table[i], &a, &err), SEDGE_ARGS_RUN);
        assert_string_equal(a.name, "x=y");
        release(&a);
    }
}

static void longer_short_names_win_over_joined_values(void **st)
{
    static const char *const words[] = {"-nx", "-fol", "-f", "-1h", "-flow", "-nc", NULL};
    struct args a;
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)st;
    assert_int_equal(parse(words, &a, &err), SEDGE_ARGS_RUN);
    assert_true(a.follow && a.colour);
    assert_int_equal(a.list.n, 2);
    assert_string_equal(a.list.v[0], "-1h");
    assert_string_equal(a.list.v[1], "low");
    release(&a);
}

static void wrong_use_is_named(void **st)
{
    static const struct {
        const char *words[6];
        const char *want;
    } table[] = {
        {{"-f", "x"}, "Missing required option: '--name=<name>'"},
        {{"-nx", "--folow"}, "Unknown option: '--folow'; did you mean '--follow'?"},
        {{"-nx", "more"}, "Unmatched argument: 'more'"},
        {{"-n"}, "Missing required parameter for option '--name' (<name>)"},
        {{"-n", "--follow"}, "Expected parameter for option '--name' (<name>) but found '--follow'"},
        {{"-nx", "-ny"}, "option '--name' should be specified only once"},
        {{"-nx", "--follow=maybe"}, "option --follow: expected nothing, true or false, got 'maybe'"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(table); i++) {
        struct args a;
        struct sedge_err err = SEDGE_ERR_INIT;
        assert_int_equal(parse(table[i].words, &a, &err), SEDGE_ARGS_BAD);
        assert_string_equal(err.msg, table[i].want);
        release(&a);
    }
}

static void numbers_are_checked(void **st)
{
    static const char *const good[] = {"-nx", "-b3", NULL};
    static const char *const bad[][4] = {{"-nx", "-b", "-1"}, {"-nx", "-bmany"}, {"-nx", "-b99999999999"}};
    struct args a;
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)st;
    assert_int_equal(parse(good, &a, &err), SEDGE_ARGS_RUN);
    assert_int_equal(a.lines, 3);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(bad); i++) {
        assert_int_equal(parse(bad[i], &a, &err), SEDGE_ARGS_BAD);
        assert_non_null(strstr(err.msg, "--before"));
    }
}

static void help_and_version_need_nothing_else(void **st)
{
    static const struct {
        const char *words[3];
        enum sedge_args_result want;
    } table[] = {{{"-h"}, SEDGE_ARGS_HELP},
                 {{"--help", "--nonsense"}, SEDGE_ARGS_HELP},
                 {{"-V"}, SEDGE_ARGS_VERSION},
                 {{"--version"}, SEDGE_ARGS_VERSION}};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(table); i++) {
        struct args a;
        assert_int_equal(parse(table[i].words, &a, NULL), table[i].want);
    }
}

static void words_that_are_no_options_are_collected_where_a_command_takes_them(void **st)
{
    struct words_args {
        struct sedge_strv files;
        bool json;
    } a = {.json = false};
    static const struct sedge_arg table[] = {
        {"FILE...", NULL, SEDGE_ARG_WORDS, true, offsetof(struct words_args, files), NULL, "files"},
        {"--json", NULL, SEDGE_ARG_FLAG, false, offsetof(struct words_args, json), NULL, "a flag"},
    };
    char words[3][8] = {"a", "--json", "b"};
    char *argv[] = {words[0], words[1], words[2]};
    char unknown[] = "--jsn";
    char *bad[] = {words[0], unknown};
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)st;
    assert_int_equal(sedge_args_parse(3, argv, table, 2, &a, &err), SEDGE_ARGS_RUN);
    assert_int_equal(a.files.n, 2);
    assert_string_equal(a.files.v[1], "b");
    assert_true(a.json);
    sedge_args_release(table, 2, &a);
    a = (struct words_args){.json = false};
    assert_int_equal(sedge_args_parse(2, bad, table, 2, &a, &err), SEDGE_ARGS_BAD);
    assert_string_equal(err.msg, "Unknown option: '--jsn'; did you mean '--json'?");
    sedge_args_release(table, 2, &a);
    a = (struct words_args){.json = false};
    assert_int_equal(sedge_args_parse(0, NULL, table, 2, &a, &err), SEDGE_ARGS_BAD);
    assert_string_equal(err.msg, "Missing required parameter: 'FILE...'");
    assert_string_equal(sedge_args_words(table, 2), "FILE...");
    assert_null(sedge_args_words(rows, SEDGE_ARRAY_LEN(rows)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_to_write_an_option_is_understood),
        cmocka_unit_test(longer_short_names_win_over_joined_values),
        cmocka_unit_test(wrong_use_is_named),
        cmocka_unit_test(numbers_are_checked),
        cmocka_unit_test(help_and_version_need_nothing_else),
        cmocka_unit_test(words_that_are_no_options_are_collected_where_a_command_takes_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
