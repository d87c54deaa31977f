#include "../test.h"

#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "cli/atfile.h"

/* The words that "@<file with text>" becomes, joined by "|"; NULL: an error. */
static char *expand(const char *text)
{
    char path[] = "/tmp/sedge-at-XXXXXX";
    int fd = mkstemp(path);
    sedge_auto_free char *word = sedge_xasprintf("@%s", path);
    sedge_auto_strv struct sedge_strv out = {NULL, 0};
    int rc;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
    rc = sedge_atfile_expand(1, &word, &out, NULL);
    (void)unlink(path);
    return rc == 0 ? sedge_strv_join(&out, "|") : NULL;
}

static void words_of_a_file_are_split_like_in_a_shell(void **st)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"component list", "component|list"},
        {"-m\n  a=1.0.0\r\n", "-m|a=1.0.0"},
        {"\"two words\" 'a \"b\"'", "two words|a \"b\""},
        {"-c \"{\\\"a\\\":1}\"", "-c|{\"a\":1}"},
        {"# nothing\nx # y\nz", "x|z"},
        {"@@x", "@x"},
        {"", ""},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_free char *got = expand(rows[i].text);
        assert_non_null(got);
        assert_string_equal(got, rows[i].want);
    }
}

static void words_without_a_file_stay(void **st)
{
    char plain[] = "x", at[] = "@/no/such/file", two[] = "@@x";
    char *argv[] = {plain, at, two};
    sedge_auto_strv struct sedge_strv out = {NULL, 0};
    sedge_auto_free char *got = NULL;

    (void)st;
    assert_int_equal(sedge_atfile_expand(3, argv, &out, NULL), 0);
    got = sedge_strv_join(&out, "|");
    assert_string_equal(got, "x|@/no/such/file|@x");
}

static void a_file_that_names_itself_is_refused(void **st)
{
    char path[] = "/tmp/sedge-at-XXXXXX";
    int fd = mkstemp(path);
    sedge_auto_free char *word = sedge_xasprintf("@%s", path);
    sedge_auto_strv struct sedge_strv out = {NULL, 0};
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)st;
    assert_int_equal(write(fd, word, strlen(word)), (ssize_t)strlen(word));
    (void)close(fd);
    assert_int_equal(sedge_atfile_expand(1, &word, &out, &err), -1);
    assert_int_equal(err.code, SEDGE_E_LIMIT);
    (void)unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_of_a_file_are_split_like_in_a_shell),
        cmocka_unit_test(words_without_a_file_stay),
        cmocka_unit_test(a_file_that_names_itself_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
