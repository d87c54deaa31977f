#include "../test.h"

#include "base/mem.h"
#include "base/yaml.h"

static struct json_object *parse(const char *text, struct sedge_err *err)
{
    return sedge_yaml_parse(text, strlen(text), "d.yaml", err);
}

static void documents_become_the_tree_of_json(void **st)
{
    static const struct {
        const char *yaml;
        const char *json;
    } rows[] = {
        {"", "null"},
        {"# only a comment\n", "null"},
        {"a: 1\nb: [x, 'y', \"z\\n\"]\nc: {d: {}}\n", "{\"a\":1,\"b\":[\"x\",\"y\",\"z\\n\"],\"c\":{\"d\":{}}}"},
        {"---\n- 1\n- - 2\n...\n", "[1,[2]]"},
        {"{\"a\": [1, 2.5, true, null, \"x\"]}", "{\"a\":[1,2.5,true,null,\"x\"]}"},
        {"[~, null, Null, NULL, ]", "[null,null,null,null]"},
        {"a:\n", "{\"a\":null}"},
        {"[true, True, TRUE, false, False, FALSE]", "[true,true,true,false,false,false]"},
        {"[yes, no, on, off, y, n, tRUE, nULL]", "[\"yes\",\"no\",\"on\",\"off\",\"y\",\"n\",\"tRUE\",\"nULL\"]"},
        {"[0, -1, +2, 007, 0x1F, 0o17, 9223372036854775807, 18446744073709551615]",
         "[0,-1,2,7,31,15,9223372036854775807,18446744073709551615]"},
        {"[1.0, 1.50, -0.5, 1e3, 1E-2]", "[1.0,1.50,-0.5,1e3,1E-2]"},
        {"[1.0.0, 2020-01-25, 12:30, 0b1, 1_000, .inf, -.INF, .nan, 1e, ., -, 0x, 1.2.3-b]",
         "[\"1.0.0\",\"2020-01-25\",\"12:30\",\"0b1\",\"1_000\",\".inf\",\"-.INF\",\".nan\",\"1e\",\".\",\"-\",\"0x\","
         "\"1.2.3-b\"]"},
        {"['1', \"true\", '~', '']", "[\"1\",\"true\",\"~\",\"\"]"},
        {"[!!str 1, !!int 2, !!float 3, !!bool true, !!null ~, ! 4]", "[\"1\",2,3,true,null,\"4\"]"},
        {"a: |\n  x\n   y\nb: >\n  x\n  y\n", "{\"a\":\"x\\n y\\n\",\"b\":\"x y\\n\"}"},
        {"1: a\ntrue: b\n", "{\"1\":\"a\",\"true\":\"b\"}"},
        {"a: &x {b: 1}\nc: *x\nd: [*x]\n", "{\"a\":{\"b\":1},\"c\":{\"b\":1},\"d\":[{\"b\":1}]}"},
        {"a: &x 1\nb: &x 2\nc: *x\n", "{\"a\":1,\"b\":2,\"c\":2}"},
        {"a: &x ~\nb: *x\n", "{\"a\":null,\"b\":null}"},
        {"&k a: 1\nb: *k\n", "{\"a\":1,\"b\":\"a\"}"},
        {"<<: {a: 1}\n", "{\"<<\":{\"a\":1}}"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_err err = SEDGE_ERR_INIT;
        sedge_auto_put struct json_object *v = parse(rows[i].yaml, &err);

        if (err.code != SEDGE_OK || strcmp(sedge_json_text(v), rows[i].json) != 0)
            fail_msg("%s\n-> %s %s", rows[i].yaml, sedge_json_text(v), err.msg);
    }
}

static void what_is_refused_is_named_with_line_and_column(void **st)
{
    static const struct {
        const char *yaml;
        enum sedge_err_code code;
        const char *message;
    } rows[] = {
        {"a: 1\nb: 2\na: 3\n", SEDGE_E_INVALID, "d.yaml:3:1: key \"a\" is there twice"},
        {"{a: 1, 'a': 2}", SEDGE_E_INVALID, "d.yaml:1:8: key \"a\" is there twice"},
        {"a: [1\nb: 2\n", SEDGE_E_INVALID, "d.yaml:2:2: not valid YAML: "},
        {"\ta: 1\n", SEDGE_E_INVALID, "d.yaml:1:1: not valid YAML: "},
        {"a: 'x\n", SEDGE_E_INVALID, "not valid YAML: "},
        {"? [a]\n: b\n", SEDGE_E_INVALID, "d.yaml:1:3: a key must be a text"},
        {"a: 1\n---\nb: 2\n", SEDGE_E_INVALID, "d.yaml:2:1: expected one YAML document"},
        {"a: !foo x\n", SEDGE_E_INVALID, "d.yaml:1:4: unknown tag"},
        {"a: !!int x\n", SEDGE_E_INVALID, "d.yaml:1:4: unknown tag, or a text that does not fit it"},
        {"a: !!python/object {}\n", SEDGE_E_INVALID, "unknown tag"},
        {"a: *x\n", SEDGE_E_INVALID, "d.yaml:1:4: alias of an anchor that was not defined before"},
        {"a: &x [*x]\n", SEDGE_E_INVALID, "d.yaml:1:8: alias of a node that encloses it"},
        {"a: \"\\0\"\n", SEDGE_E_INVALID, "d.yaml:1:4: a text holds a NUL character"},
        {"\"\\0\": 1\n", SEDGE_E_INVALID, "d.yaml:1:1: a key holds a NUL character"},
        {"a: \xff\n", SEDGE_E_INVALID, "not valid YAML: invalid leading UTF-8 octet at byte 3"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_err err = SEDGE_ERR_INIT;
        struct json_object *v = parse(rows[i].yaml, &err);

        if (v || err.code != rows[i].code || !strstr(err.msg, rows[i].message))
            fail_msg("%s\n-> %s %s", rows[i].yaml, sedge_err_name(err.code), err.msg);
    }
}

static void aliases_cannot_grow_a_document(void **st)
{
    static const char bomb[] = "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                               "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
                               "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
                               "g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f,*f]\n";
    struct sedge_buf deep = SEDGE_BUF_INIT;
    struct sedge_buf wide = SEDGE_BUF_INIT;
    struct sedge_err err;

    (void)st;
    assert_null(parse(bomb, &err));
    assert_int_equal(err.code, SEDGE_E_LIMIT);
    for (int i = 0; i < 100; i++)
        sedge_buf_puts(&deep, "[");
    assert_null(parse(deep.data, &err));
    assert_int_equal(err.code, SEDGE_E_LIMIT);
    sedge_buf_puts(&wide, "a: &a \"");
    for (int i = 0; i < 100000; i++)
        sedge_buf_puts(&wide, "0123456789");
    sedge_buf_puts(&wide, "\"\nb: [*a,*a,*a,*a,*a]\n");
    assert_null(parse(wide.data, &err));
    assert_int_equal(err.code, SEDGE_E_LIMIT);
    sedge_buf_release(&deep);
    sedge_buf_release(&wide);
}

static void positions_are_found_by_pointer(void **st)
{
    static const char text[] = "# top\na:\n  - x: 1\n    y/z: [10, {k: v}]\n  - &n text\nb: *n\n";
    static const struct {
        const char *pointer;
        unsigned line, column; /* 0: not there */
    } rows[] = {{"", 2, 1},         {"/a", 3, 3}, {"/a/0", 3, 5}, {"/a/0/x", 3, 8}, {"/a/0/y~1z/1/k", 4, 19},
                {"/a/1", 5, 5},     {"/b", 6, 4}, {"/a/2", 0, 0}, {"/c", 0, 0},     {"/b/x", 0, 0},
                {"/a/0/x/y", 0, 0}, {"x", 0, 0}};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        unsigned line = 0;
        unsigned column = 0;
        int rc = sedge_yaml_locate(text, strlen(text), rows[i].pointer, &line, &column);

        if (rc != (rows[i].line ? 0 : -1) || (rc == 0 && (line != rows[i].line || column != rows[i].column)))
            fail_msg("%s: %d %u:%u", rows[i].pointer, rc, line, column);
    }
}

static void what_is_written_reads_back_equal(void **st)
{
    static const char *const rows[] = {
        "null",
        "{}",
        "[]",
        "\"\"",
        "1.50",
        "{\"a\":[],\"b\":{},\"c\":null,\"d\":[[1,[]],{\"x\":[{}]}]}",
        "[\"true\",\"null\",\"~\",\"1\",\"1.0\",\"0x1\",\"1e3\",\"yes\",\"2020-01-25\",\"1.0.0\",\"-\",\"<<\",\"=\",\"."
        "\"]",
        "[\"a: b\",\"a #b\",\"#x\",\"- "
        "x\",\"*x\",\"&x\",\"!x\",\"|\",\">\",\"%x\",\"@x\",\"`\",\"{\",\"}\",\"[\",\"]\",\",\",\"?\",\": \"]",
        "[\" lead\",\"trail \",\"\\n\",\"a\\nb\",\"a\\nb\\n\",\"a\\n\\n\\nb\\n\\n\",\"\\na\",\" a\\nb\",\"a\\n  b\\n "
        "c\",\"a \\nb\",\"a\\tb\\n\\tc\"]",
        "[\"\\u0001\",\"\\u0085\",\"\\u2028\",\"\\ufeff\",\"\\u00e9\\ud83d\\ude00\",\"\\r\\n\",\"a\\rb\",\"it's\","
        "\"\\\"q\\\"\\\\\"]",
        "{\"a b\":1,\"\":2,\"multi\\nline\":3,\"1\":4,\"true\":5,\"?\":6}",
        "[9223372036854775807,-9223372036854775808,18446744073709551615,1e300,-0.5,true,false]",
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_err err = SEDGE_ERR_INIT;
        sedge_auto_put struct json_object *v = sedge_json_parse(rows[i], strlen(rows[i]), "row", &err);
        sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;
        sedge_auto_put struct json_object *back = NULL;

        assert_int_equal(err.code, SEDGE_OK);
        sedge_yaml_emit(&text, v);
        back = parse(text.data, &err);
        if (err.code != SEDGE_OK || strcmp(sedge_json_text(v), sedge_json_text(back)) != 0)
            fail_msg("%s\n%s\n%s %s", rows[i], text.data, sedge_json_text(back), err.msg);
    }
}

static void a_number_too_large_for_a_double_is_a_text(void **st)
{
    sedge_auto_free char *digits = sedge_xcalloc(400, 1);
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_put struct json_object *v = NULL;

    (void)st;
    memset(digits, '2', 318);
    v = parse(digits, &err);
    assert_int_equal(json_object_get_type(v), json_type_string);
    assert_string_equal(json_object_get_string(v), digits);
}

static void scripts_stay_readable(void **st)
{
    sedge_auto_put struct json_object *v = json_object_new_object();
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;

    (void)st;
    sedge_json_add_str(v, "Run", "cd x\n\n  ./go\n");
    sedge_json_add_str(v, "Version", "1.0.0");
    sedge_yaml_emit(&text, v);
    assert_string_equal(text.data, "Run: |\n  cd x\n\n    ./go\nVersion: '1.0.0'\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_become_the_tree_of_json),
        cmocka_unit_test(what_is_refused_is_named_with_line_and_column),
        cmocka_unit_test(aliases_cannot_grow_a_document),
        cmocka_unit_test(positions_are_found_by_pointer),
        cmocka_unit_test(what_is_written_reads_back_equal),
        cmocka_unit_test(a_number_too_large_for_a_double_is_a_text),
        cmocka_unit_test(scripts_stay_readable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
