#include "../test.h"

#include "base/mem.h"
#include "cli/logfilter.h"

#define WARN_LINE                                                                                                      \
    "2024-03-07T10:15:42.123Z [WARN] (Copier) com.example.Tick: stderr. took 250 ms. {serviceName=com.example.Tick}"
#define CAUSE_LINE "{\"timestamp\":1,\"level\":\"ERROR\",\"message\":\"m\",\"cause\":{\"message\":\"disk is full\"}}"

/* The keywords joined by "|"; NULL: no match. */
static char *match(const char *const *options, const char *line)
{
    struct sedge_logfilter *f = sedge_logfilter_new();
    sedge_auto_strv struct sedge_strv keywords = {NULL, 0};
    struct sedge_logentry e;
    bool found;

    for (size_t i = 0; i < 2 && options[i]; i++) {
        char *warning;
        assert_int_equal(sedge_logfilter_add(f, options[i], &warning, NULL), 0);
        free(warning);
    }
    sedge_logentry_parse(line, NULL, 0, &e);
    found = sedge_logfilter_match(f, &e, &keywords);
    sedge_logentry_release(&e);
    sedge_logfilter_free(f);
    return found ? sedge_strv_join(&keywords, "|") : NULL;
}

static void filters_match_as_documented(void **st)
{
    static const struct {
        const char *options[2];
        const char *line;
        const char *want; /* keywords; NULL: no match */
    } rows[] = {
        {{NULL}, WARN_LINE, ""},
        {{"took [0-9]+"}, WARN_LINE, "took 250"},
        {{"\\d+ ms"}, WARN_LINE, "250 ms"},
        {{"took [\\d]+"}, WARN_LINE, "took 250"},
        {{"(?:took|gave) \\w+"}, WARN_LINE, "took 250"},
        {{"nothing"}, WARN_LINE, NULL},
        {{"level=WARN"}, WARN_LINE, "WARN"},
        {{"level=INFO"}, WARN_LINE, "WARN"},
        {{"level=ERROR"}, WARN_LINE, NULL},
        {{"level=warn"}, WARN_LINE, NULL},
        {{"serviceName=com.example.Tick"}, WARN_LINE, "com.example.Tick"},
        {{"serviceName=com.example"}, WARN_LINE, NULL},
        {{"thread=Copier,thread=main"}, WARN_LINE, "Copier"},
        {{"level=ERROR,took"}, WARN_LINE, "took"},
        {{"level=WARN", "took"}, WARN_LINE, "WARN|took"},
        {{"level=WARN", "nothing"}, WARN_LINE, NULL},
        {{"error=any"}, CAUSE_LINE, ""},
        {{"error=full"}, CAUSE_LINE, "full"},
        {{"error=empty"}, CAUSE_LINE, NULL},
        {{"error=any"}, WARN_LINE, NULL},
        {{"q*"}, WARN_LINE, ""},
        {{",,"}, WARN_LINE, ""},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_free char *got = match(rows[i].options, rows[i].line);
        if (!sedge_str_eq(got, rows[i].want))
            fail_msg("'%s': '%s', expected '%s'", rows[i].options[0] ? rows[i].options[0] : "", got ? got : "(none)",
                     rows[i].want ? rows[i].want : "(none)");
    }
}

static void wrong_filters_are_named(void **st)
{
    static const char *const rows[] = {"a=b=c", "(", "x,[a"};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_logfilter *f = sedge_logfilter_new();
        struct sedge_err err = SEDGE_ERR_INIT;
        char *warning;
        assert_int_equal(sedge_logfilter_add(f, rows[i], &warning, &err), -1);
        assert_int_equal(err.code, SEDGE_E_INVALID);
        sedge_logfilter_free(f);
    }
}

static void an_unknown_level_is_a_plain_value_with_a_warning(void **st)
{
    struct sedge_logfilter *f = sedge_logfilter_new();
    char *warning = NULL;

    (void)st;
    assert_int_equal(sedge_logfilter_add(f, "level=LOUD", &warning, NULL), 0);
    assert_non_null(warning);
    assert_non_null(strstr(warning, "LOUD"));
    free(warning);
    sedge_logfilter_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_match_as_documented),
        cmocka_unit_test(wrong_filters_are_named),
        cmocka_unit_test(an_unknown_level_is_a_plain_value_with_a_warning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
