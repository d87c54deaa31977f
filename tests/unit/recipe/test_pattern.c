#include "../test.h"

#include "base/mem.h"
#include "recipe/pattern.h"

#include <string.h>

static bool hits(const char *pattern, const char *value)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_pattern *p = sedge_pattern_parse(pattern, &err);
    bool hit;

    if (!p) fail_msg("%s: %s", pattern, err.msg);
    hit = sedge_pattern_match(p, value);
    sedge_pattern_free(p);
    return hit;
}

static void expressions_match_whole_values_as_in_java(void **st)
{
    static const struct {
        const char *pattern, *yes, *no; /* NULL: none */
    } rows[] = {
        {"linux", "linux", "linux2"},
        {"lin", "lin", "linux"},
        {"windows|linux", "linux", "windowslinux"},
        {"a|b|", "", "ab"},
        {"", "", "x"},
        {"lin.*", "linux", "alinux"},
        {".", "\xc3\xa4", "ab"},
        {".", "x", "\n"},
        {"(ab)+", "abab", "aba"},
        {"(?:ab)*c", "c", "abab"},
        {"(?<name>a)b", "ab", "b"},
        {"a?b", "b", "aab"},
        {"a{2}", "aa", "aaa"},
        {"a{2,}", "aaaa", "a"},
        {"a{1,3}", "aaa", "aaaa"},
        {"a{0}b", "b", "ab"},
        {"(a|b){2}c", "abc", "ac"},
        {"(a*)*b", "aab", "a"},
        {"(a?){3}", "aa", "aaaa"},
        {"armv\\d\\w", "armv7l", "armvxl"},
        {"\\D\\W\\S", "a-b", "1-b"},
        {"\\D\\W\\S", "a-b", "aab"},
        {"a\\sb", "a\tb", "a_b"},
        {"a\\hb", "a b", "a\nb"},
        {"v1\\.2\\-x", "v1.2-x", "v1x2-x"},
        {"\\Qa.b\\E+", "a.bb", "axb"},
        {"\\Qa|b", "a|b", "a"},
        {"\\x41\\u0042\\0103", "ABC", "ABc"},
        {"\\t\\n\\r\\f\\a\\e", "\t\n\r\f\a\033", "t"},
        {"^\\Aa$\\z\\Z", "a", "ab"},
        {"a\\b-\\Bb", NULL, "a-b"},
        {"a\\b-b", "a-b", "aab"},
        {"a\\Bb", "ab", "a"},
        {"[abc]", "b", "d"},
        {"[^abc]", "d", "b"},
        {"[^abc]", "\xc3\xa4", "ab"},
        {"[a-cx-z]+", "axz", "axm"},
        {"[a-]", "-", "b"},
        {"[-a]", "-", "b"},
        {"[]a]", "]", "b"},
        {"[\\]\\-\\\\]+", "]-\\", "a"},
        {"[\\d_]+", "1_", "a"},
        {"[^\\d]", "a", "1"},
        {"[\\D]", "a", "1"},
        {"[a[0-9]]+", "a1", "b"},
        {"[.*+?]", ".", "a"},
        {"[\xc3\xa0-\xc3\xa5]", "\xc3\xa4", "a"},
        {"\\p{Alpha}\\p{Digit}", "a1", "aa"},
        {"\\P{Alpha}", "1", "a"},
        {"(?i)LINUX", "linux", "linu"},
        {"(?i)[a-c]x", "BX", "dx"},
        {"(?i)[^a]", "b", "A"},
        {"a+?b", "aab", "b"},
        {"a*?", "aa", "b"},
        {"a??b", "ab", "aab"},
        {"a{1,2}?", "aa", "aaa"},
        {"a]b}", "a]b}", "ab"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        if (rows[i].yes && !hits(rows[i].pattern, rows[i].yes)) fail_msg("%s misses %s", rows[i].pattern, rows[i].yes);
        if (rows[i].no && hits(rows[i].pattern, rows[i].no)) fail_msg("%s hits %s", rows[i].pattern, rows[i].no);
    }
}

static void what_is_not_supported_is_named(void **st)
{
    static const struct {
        const char *pattern;
        enum sedge_err_code code;
        const char *says;
    } rows[] = {
        {"(?=a)b", SEDGE_E_UNSUPPORTED, "look-ahead (?=...) is not supported"},
        {"(?!windows).*", SEDGE_E_UNSUPPORTED, "look-ahead (?!...)"},
        {"(?<=a)b", SEDGE_E_UNSUPPORTED, "look-behind (?<=...)"},
        {"(?<!a)b", SEDGE_E_UNSUPPORTED, "look-behind (?<!...)"},
        {"(?>a)b", SEDGE_E_UNSUPPORTED, "an atomic group"},
        {"(?m)a", SEDGE_E_UNSUPPORTED, "a flag (?...) other than (?i)"},
        {"a(?i)b", SEDGE_E_UNSUPPORTED, "a flag"},
        {"(a)\\1", SEDGE_E_UNSUPPORTED, "a back-reference"},
        {"(?<n>a)\\k<n>", SEDGE_E_UNSUPPORTED, "a back-reference"},
        {"a++", SEDGE_E_UNSUPPORTED, "a possessive quantifier"},
        {"a{2}+", SEDGE_E_UNSUPPORTED, "a possessive quantifier"},
        {"[a-z&&[^b]]", SEDGE_E_UNSUPPORTED, "an intersection (&&)"},
        {"\\p{Lu}", SEDGE_E_UNSUPPORTED, "a \\p{...} other than"},
        {"\\pL", SEDGE_E_UNSUPPORTED, "a \\p{...} other than"},
        {"\\R", SEDGE_E_UNSUPPORTED, "\\R is not supported"},
        {"(", SEDGE_E_INVALID, "a \"(\" without \")\""},
        {"a)", SEDGE_E_INVALID, "a \")\" without \"(\""},
        {"[a", SEDGE_E_INVALID, "a \"[\" without \"]\""},
        {"[", SEDGE_E_INVALID, "a \"[\" without \"]\""},
        {"[b-a]", SEDGE_E_INVALID, "a range that goes down"},
        {"*a", SEDGE_E_INVALID, "a \"*\" with nothing to repeat"},
        {"a|+", SEDGE_E_INVALID, "a \"+\" with nothing to repeat"},
        {"a**", SEDGE_E_INVALID, "a \"*\" with nothing to repeat"},
        {"a{x}", SEDGE_E_INVALID, "expected a number"},
        {"a{1", SEDGE_E_INVALID, "a \"{\" without \"}\""},
        {"a{2,1}", SEDGE_E_INVALID, "goes down"},
        {"\\", SEDGE_E_INVALID, "a \"\\\" at the end"},
        {"\\y", SEDGE_E_INVALID, "there is no escape \\y"},
        {"\\x4", SEDGE_E_INVALID, "too few digits"},
        {"\\x00", SEDGE_E_INVALID, "the character zero"},
        {"(?<n", SEDGE_E_INVALID, "no end"},
        {"a{1001}", SEDGE_E_LIMIT, "more than 1000 times"},
        {"((a{99}){99}){99}", SEDGE_E_LIMIT, "too large"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_err err = SEDGE_ERR_INIT;
        struct sedge_pattern *p = sedge_pattern_parse(rows[i].pattern, &err);

        if (p) fail_msg("%s was accepted", rows[i].pattern);
        if (err.code != rows[i].code || !strstr(err.msg, rows[i].says))
            fail_msg("%s: %d %s", rows[i].pattern, err.code, err.msg);
    }
}

static void groups_nest_up_to_the_limit(void **st)
{
    char text[2 * SEDGE_PATTERN_DEPTH_MAX + 4];
    struct sedge_err err = SEDGE_ERR_INIT;
    size_t n = SEDGE_PATTERN_DEPTH_MAX;

    (void)st;
    memset(text, '(', n);
    memset(text + n, ')', n);
    text[2 * n] = '\0';
    assert_true(hits(text, ""));
    memset(text, '(', n + 1);
    memset(text + n + 1, ')', n + 1);
    text[2 * n + 2] = '\0';
    assert_null(sedge_pattern_parse(text, &err));
    assert_int_equal(err.code, SEDGE_E_LIMIT);
}

/* What takes a backtracking matcher longer than the universe has. */
static void hard_expressions_take_no_time(void **st)
{
    char value[200];

    (void)st;
    memset(value, 'a', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    assert_false(hits("(a+)+b", value));
    assert_false(hits("(a|a|aa)*b", value));
    assert_true(hits("(a?){500}", value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_match_whole_values_as_in_java),
        cmocka_unit_test(what_is_not_supported_is_named),
        cmocka_unit_test(groups_nest_up_to_the_limit),
        cmocka_unit_test(hard_expressions_take_no_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
