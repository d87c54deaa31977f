#include "../test.h"

#include "base/json_scan.h"
#include "base/mem.h"

static void a_wrong_text_is_refused_with_place_and_expectation(void **st)
{
    static const struct {
        const char *text;
        const char *message; /* NULL: good */
    } rows[] = {
        {" {\"a\": [1, -2.5e+3, \"x\\n\\u0041\", true, false, null, {}, []]}\n", NULL},
        {"1", NULL},
        {"", "d:1:1: not valid JSON: expected a value"},
        {"{", "d:1:2: not valid JSON: expected a key in double quotes, got the end of the text"},
        {"{a:1}", "d:1:2: not valid JSON: expected a key in double quotes, got \"a\""},
        {"{\"a\" 1}", "d:1:6: not valid JSON: expected \":\" after a key, got \"1\""},
        {"{\"a\":1,}", "d:1:8: not valid JSON: expected a key in double quotes, got \"}\""},
        {"{\"a\":1 \"b\":2}", "d:1:8: not valid JSON: expected \",\" or \"}\" after a value of an object"},
        {"[1,\n2}", "d:2:2: not valid JSON: expected \",\" or \"]\" after an element of a list, got \"}\""},
        {"[1,]", "d:1:4: not valid JSON: expected a value"},
        {"[tru]", "d:1:2: not valid JSON: expected a value"},
        {"\"x", "d:1:3: not valid JSON: expected a closing quote, got the end of the text"},
        {"\"x\ny\"", "d:1:3: not valid JSON: expected a closing quote (line breaks"},
        {"\"\\x\"", "d:1:3: not valid JSON: expected one of"},
        {"01", "d:1:2: not valid JSON: expected the end of the text, got \"1\""},
        {"-", "d:1:2: not valid JSON: expected a digit"},
        {"1.", "expected a digit after the point"},
        {"1e", "expected a digit of the exponent"},
        {"{} {}", "d:1:4: not valid JSON: expected the end of the text, got \"{\""},
        {"{\"a\":1,\n  \"\\u0061\":2}", "d:2:3: key \"a\" is there twice"},
        {"\"\xc3\xa9\xc3\xa9\" x", "d:1:6: not valid JSON: expected the end"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_err err = SEDGE_ERR_INIT;
        int rc = sedge_json_scan(rows[i].text, strlen(rows[i].text), "d", &err);

        if (rc != (rows[i].message ? -1 : 0) || (rc != 0 && !strstr(err.msg, rows[i].message)))
            fail_msg("%s: %d %s", rows[i].text, rc, err.msg);
    }
}

static void depth_is_limited(void **st)
{
    char text[1000];
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)st;
    memset(text, '[', sizeof text);
    assert_int_equal(sedge_json_scan(text, sizeof text, "d", &err), -1);
    assert_int_equal(err.code, SEDGE_E_LIMIT);
}

static void positions_are_found_by_pointer(void **st)
{
    static const char text[] = "{\n  \"a\": [1, {\"b/c\": true}],\n  \"\": {\"~\": []}\n}";
    static const struct {
        const char *pointer;
        unsigned line, column; /* 0: not there */
    } rows[] = {{"", 1, 1},      {"/a", 2, 8}, {"/a/0", 2, 9}, {"/a/1/b~1c", 2, 20}, {"/", 3, 7},
                {"//~0", 3, 13}, {"/x", 0, 0}, {"/a/2", 0, 0}, {"/a/01", 0, 0},      {"/a/0/x", 0, 0}};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        unsigned line = 0;
        unsigned column = 0;
        int rc = sedge_json_locate(text, strlen(text), rows[i].pointer, &line, &column);

        if (rc != (rows[i].line ? 0 : -1) || (rc == 0 && (line != rows[i].line || column != rows[i].column)))
            fail_msg("%s: %d %u:%u", rows[i].pointer, rc, line, column);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_text_is_refused_with_place_and_expectation),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(positions_are_found_by_pointer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
