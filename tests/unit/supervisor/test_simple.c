/* Which scripts need no shell. */
#include "supervisor/simple.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_words(const char *script, const char *expected)
{
    sedge_auto_strv struct sedge_strv words = {NULL, 0};
    char joined[512] = "";

    assert_true(sedge_simple_words(script, &words));
    for (size_t i = 0; i < words.n; i++) {
        strcat(joined, i ? "|" : "");
        strcat(joined, words.v[i]);
    }
    assert_string_equal(joined, expected);
}

static void assert_shell(const char *script)
{
    struct sedge_strv words = {NULL, 0};

    if (sedge_simple_words(script, &words)) fail_msg("\"%s\" needs a shell", script);
    assert_int_equal(words.n, 0);
}

static void a_plain_command_needs_no_shell(void **state)
{
    (void)state;
    assert_words("exec sleep 1000", "sleep|1000");
    assert_words("python3 -u /a/b_c/main.py --port=80 a:b,c@d+e", "python3|-u|/a/b_c/main.py|--port=80|a:b,c@d+e");
    assert_words("  \n/bin/x \t y \n", "/bin/x|y");
    assert_words("exec\techo 100%", "echo|100%"); /* exec means the program of that name */
    assert_words("/bin/echo hi", "/bin/echo|hi");
    assert_words("execute", "execute");
}

static void whatever_means_something_to_a_shell_goes_to_it(void **state)
{
    static const char *const scripts[] = {"a && b",  "a; b",    "a | b",  "a > b",      "a < b", "a &",  "a $B",
                                          "a `b`",   "a \"b\"", "a 'b'",  "a \\b",      "a *",   "a b?", "a [b]",
                                          "a {b,c}", "a ~",     "a ~/b",  "!a",         "#a",    "a #b", "(a)",
                                          "a ^b",    "a\nb",    "a \n b", "a \xc3\xa4", "a\rb",  "a\vb"};

    (void)state;
    for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++)
        assert_shell(scripts[i]);
}

static void the_shells_own_commands_go_to_it(void **state)
{
    static const char *const scripts[] = {"echo hi",   "exit 3",     "true",   ":",       ". ./env",
                                          "test -e x", "cd /",       "kill 1", "x=1",     "x=1 run",
                                          "x+=1",      "while true", "exec",   "exec ",   "exec -a name run",
                                          "exec x=1",  "%1",         "- x",    "printf a"};

    (void)state;
    for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++)
        assert_shell(scripts[i]);
}

static void nothing_to_execute_goes_to_the_shell(void **state)
{
    (void)state;
    assert_shell("");
    assert_shell(" \n\t");
}

static void a_command_of_very_many_words_goes_to_the_shell(void **state)
{
    char script[2 * SEDGE_SIMPLE_WORDS_MAX + 8] = "";
    sedge_auto_strv struct sedge_strv words = {NULL, 0};

    (void)state;
    for (unsigned i = 0; i < SEDGE_SIMPLE_WORDS_MAX; i++)
        strcat(script, "a ");
    assert_true(sedge_simple_words(script, &words));
    strcat(script, "a");
    assert_shell(script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_command_needs_no_shell),
        cmocka_unit_test(whatever_means_something_to_a_shell_goes_to_it),
        cmocka_unit_test(the_shells_own_commands_go_to_it),
        cmocka_unit_test(nothing_to_execute_goes_to_the_shell),
        cmocka_unit_test(a_command_of_very_many_words_goes_to_the_shell),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
