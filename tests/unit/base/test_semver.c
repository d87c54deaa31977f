#include "../test.h"

#include "base/mem.h"
#include "base/semver.h"

static struct sedge_version version(const char *text)
{
    struct sedge_version v;
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_version_parse(text, &v, &err) != 0) fail_msg("%s", err.msg);
    return v;
}

static void versions_are_strict(void **st)
{
    static const struct {
        const char *text;
        enum sedge_err_code code;
    } rows[] = {
        {"1.0.0", SEDGE_OK},
        {"0.0.0", SEDGE_OK},
        {"999999.999999.999999", SEDGE_OK},
        {"1.0.0-beta", SEDGE_OK},
        {"1.0.0-beta.1-x+build.01", SEDGE_OK},
        {"1.0.0+b", SEDGE_OK},
        {"1.0.0-1", SEDGE_OK},
        {"1000000.0.0", SEDGE_E_LIMIT},
        {"99999999999999999999.0.0", SEDGE_E_LIMIT},
        {"1.0", SEDGE_E_INVALID},
        {"1", SEDGE_E_INVALID},
        {"", SEDGE_E_INVALID},
        {"1.0.0.0", SEDGE_E_INVALID},
        {"v1.0.0", SEDGE_E_INVALID},
        {" 1.0.0", SEDGE_E_INVALID},
        {"1.0.0 ", SEDGE_E_INVALID},
        {"1.0.x", SEDGE_E_INVALID},
        {"01.0.0", SEDGE_E_INVALID},
        {"1.0.0-", SEDGE_E_INVALID},
        {"1.0.0-a..b", SEDGE_E_INVALID},
        {"1.0.0-01", SEDGE_E_INVALID},
        {"1.0.0+", SEDGE_E_INVALID},
        {"1.0.0-b_c", SEDGE_E_INVALID},
        {"-1.0.0", SEDGE_E_INVALID},
        {"1.0.0-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", SEDGE_OK},       /* 64 characters */
        {"1.0.0-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", SEDGE_E_LIMIT}, /* 65 */
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_err err = SEDGE_ERR_INIT;
        struct sedge_version v;

        (void)sedge_version_parse(rows[i].text, &v, &err);
        if (err.code != rows[i].code) fail_msg("\"%s\": %s %s", rows[i].text, sedge_err_name(err.code), err.msg);
        if (err.code == SEDGE_OK) assert_string_equal(v.text, rows[i].text);
    }
}

static void versions_are_ordered(void **st)
{
    static const char *const ascending[] = {
        "0.0.1",         "0.1.0",      "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
        "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0",       "1.0.1",         "1.10.0",           "2.0.0"};
    static const char *const equal[][2] = {{"1.0.0", "1.0.0+build"}, {"1.0.0-BETA", "1.0.0-beta"}};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(ascending); i++) {
        for (size_t k = 0; k < SEDGE_ARRAY_LEN(ascending); k++) {
            struct sedge_version a = version(ascending[i]);
            struct sedge_version b = version(ascending[k]);
            int rc = sedge_version_cmp(&a, &b);

            if ((rc < 0) != (i < k) || (rc == 0) != (i == k)) fail_msg("%s %s: %d", ascending[i], ascending[k], rc);
        }
    }
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(equal); i++) {
        struct sedge_version a = version(equal[i][0]);
        struct sedge_version b = version(equal[i][1]);
        assert_int_equal(sedge_version_cmp(&a, &b), 0);
    }
}

static void check_all(const char *requirement, const char *versions, bool expected)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_semreq *r = sedge_semreq_parse(requirement, &err);
    sedge_auto_free char *copy = sedge_xstrdup(versions);
    char *rest = NULL;

    if (!r) fail_msg("%s", err.msg);
    for (char *v = strtok_r(copy, " ", &rest); v; v = strtok_r(NULL, " ", &rest)) {
        struct sedge_version parsed = version(v);
        if (sedge_semreq_match(r, &parsed) != expected)
            fail_msg("\"%s\" %s %s", requirement, expected ? "must match" : "must not match", v);
    }
    sedge_semreq_free(r);
}

static void requirements_match_what_the_grammar_says(void **st)
{
    static const struct {
        const char *text;
        const char *yes;
        const char *no;
    } rows[] = {
        {"1.2.3", "1.2.3 1.2.3+b", "1.2.2 1.2.4 1.2.3-a"},
        {"=1.2.3", "1.2.3", "1.2.4"},
        {" = 1.2.3 ", "1.2.3", "1.2.4"},
        {"v1.2.3", "1.2.3", "1.2.4"},
        {">=v1.2.3", "1.2.3 3.0.0", "1.2.2"},
        {"*", "0.0.0 9.9.9 1.0.0-a", ""},
        {"", "0.0.0 9.9.9 1.0.0-a", ""},
        {"  ", "0.0.0 9.9.9", ""},
        {"latest", "0.0.0 9.9.9", ""},
        {"x", "0.0.0 9.9.9", ""},
        {"1.2", "1.2.0 1.2.9", "1.1.9 1.3.0 1.2.0-a 1.3.0-a"},
        {"1.2.x", "1.2.0 1.2.9", "1.1.9 1.3.0"},
        {"1.2.X", "1.2.0 1.2.9", "1.1.9 1.3.0"},
        {"1.2.*", "1.2.0 1.2.9", "1.1.9 1.3.0"},
        {"~1.2", "1.2.0 1.2.9", "1.1.9 1.3.0"},
        {"~1.2.0", "1.2.0 1.2.9", "1.1.9 1.3.0"},
        {"~ 1.2.0", "1.2.0 1.2.9", "1.1.9 1.3.0"},
        {"1", "1.0.0 1.9.9", "0.9.9 2.0.0"},
        {"1.x", "1.0.0 1.9.9", "0.9.9 2.0.0"},
        {"1.x.x", "1.0.0 1.9.9", "0.9.9 2.0.0"},
        {"~1", "1.0.0 1.9.9", "0.9.9 2.0.0"},
        {"~1.2.3", "1.2.3 1.2.9", "1.2.2 1.3.0"},
        {"^1.2.3", "1.2.3 1.9.0", "1.2.2 2.0.0 2.0.0-a 1.3.0-a"},
        {"^0.2.3", "0.2.3 0.2.9", "0.2.2 0.3.0"},
        {"^0.0.3", "0.0.3", "0.0.2 0.0.4"},
        {"^0.0", "0.0.0 0.0.9", "0.1.0"},
        {"^0", "0.0.0 0.9.9", "1.0.0"},
        {"^0.2", "0.2.0 0.2.9", "0.1.9 0.3.0"},
        {"^1", "1.0.0 1.9.0", "0.9.9 2.0.0"},
        {"^1.2", "1.2.0 1.9.0", "1.1.9 2.0.0"},
        {"^*", "0.0.0 9.9.9", ""},
        {"<1.2.3", "1.2.2 0.0.0 1.2.3-a", "1.2.3"},
        {"<=1.2.3", "1.2.3 0.0.0", "1.2.4"},
        {">1.2.3", "1.2.4 2.0.0", "1.2.3"},
        {">=1.2.3", "1.2.3 9.0.0 2.0.0-a", "1.2.2"},
        {"<1.2", "1.1.9", "1.2.0"},
        {"<=1.2", "1.2.9", "1.3.0"},
        {">1.2", "1.3.0", "1.2.9"},
        {">=1.2", "1.2.0", "1.1.9"},
        {">1", "2.0.0", "1.9.9"},
        {"<=1", "1.9.9", "2.0.0"},
        {">=*", "0.0.0 1.0.0", ""},
        {">=1.0.0 <2.0.0", "1.0.0 1.9.9", "0.9.9 2.0.0"},
        {">=1.0.0<2.0.0", "1.0.0 1.9.9", "0.9.9 2.0.0"},
        {"  >=  1.0.0   <  2.0.0 ", "1.0.0 1.9.9", "0.9.9 2.0.0"},
        {">=2.1.0 <2.2.0", "2.1.6", "2.2.0 2.0.9"},
        {"1.2.3 - 2.3.4", "1.2.3 2.3.4", "1.2.2 2.3.5"},
        {"1.2.3 -2.3.4", "1.2.3 2.3.4", "1.2.2 2.3.5"},
        {"1.2 - 2.3", "1.2.0 2.3.9", "1.1.9 2.4.0"},
        {"1.2 - 2", "1.2.0 2.9.9", "1.1.9 3.0.0"},
        {"1.2.3 - *", "1.2.3 9.0.0", "1.2.2"},
        {"1.2.3 || 2.0.0", "1.2.3 2.0.0", "1.2.4 2.0.1"},
        {"1.2.3||2.0.0", "1.2.3 2.0.0", "1.2.4"},
        {"<1.0.0 || >=2.0.0 <3.0.0", "0.9.0 2.5.0", "1.0.0 3.0.0"},
        {"latest || 1.0.0", "5.0.0", ""},
        {"1.0.0-beta", "1.0.0-beta 1.0.0-BETA", "1.0.0 1.0.0-alpha"},
        {"1.0.0-1", "1.0.0-1", "1.0.0 1.0.0-2"},
        {">=1.0.0-beta <2.0.0", "1.0.0-beta 1.0.0-rc 1.0.0 1.5.0", "1.5.0-a 2.0.0-a 1.0.0-alpha"},
        {"^1.0.0-beta", "1.0.0-beta 1.0.0", "1.1.0-beta 2.0.0"},
        {">=1.0.0 <2.0.0", "1.0.0", "1.5.0-a"},
        {">1.0.0-alpha", "1.0.0-beta 1.0.0 2.0.0-x", "1.0.0-alpha"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        check_all(rows[i].text, rows[i].yes, true);
        check_all(rows[i].text, rows[i].no, false);
    }
}

static void a_bad_requirement_is_refused_with_its_text(void **st)
{
    static const char *const rows[] = {">>1.0.0",   "=>1.0.0", "!1.0.0",     "1.0.0 2.0.0", "1.0.0 ||",    "|| 1.0.0",
                                       "1.0.0 | 2", "1.2-2.3", "1.2.3.4",    "abc",         ">=",          ">*",
                                       "<x",        "1..2",    "1.2.3 - ",   "1.2.3 - >2",  "1000000",     "01",
                                       "1.2.3-",    "1,2",     ">=1.0.0,<2", "latest 1",    "1.2.3 ||| 2", "^^1"};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_err err = SEDGE_ERR_INIT;
        struct sedge_semreq *r = sedge_semreq_parse(rows[i], &err);

        if (r) fail_msg("\"%s\" was accepted", rows[i]);
        assert_true(err.code == SEDGE_E_INVALID || err.code == SEDGE_E_LIMIT);
        assert_non_null(strstr(err.msg, rows[i][0] == ' ' ? rows[i] + 1 : "version requirement \""));
    }
}

static void a_requirement_keeps_its_text_and_its_limit(void **st)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_semreq *r = sedge_semreq_parse("  ^1.0.0 ", &err);
    char longer[SEDGE_SEMREQ_TEXT_MAX + 2];

    (void)st;
    assert_string_equal(sedge_semreq_text(r), "^1.0.0");
    sedge_semreq_free(r);
    sedge_semreq_free(NULL);
    memset(longer, ' ', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    assert_null(sedge_semreq_parse(longer, &err));
    assert_int_equal(err.code, SEDGE_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_strict),
        cmocka_unit_test(versions_are_ordered),
        cmocka_unit_test(requirements_match_what_the_grammar_says),
        cmocka_unit_test(a_bad_requirement_is_refused_with_its_text),
        cmocka_unit_test(a_requirement_keeps_its_text_and_its_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
