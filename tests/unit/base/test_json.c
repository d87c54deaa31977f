#include "../test.h"

#include "base/json.h"
#include "base/mem.h"

static struct json_object *parse(const char *text, struct sedge_err *err)
{
    return sedge_json_parse(text, strlen(text), "doc", err);
}

static void a_message_names_line_and_column(void **st)
{
    struct sedge_err err;

    (void)st;
    assert_null(parse("{\n  \"a\": 1,\n  oops\n}", &err));
    assert_int_equal(err.code, SEDGE_E_INVALID);
    assert_non_null(strstr(err.msg, "doc:3:"));
    assert_null(parse("{\"a\":", &err));
    assert_non_null(strstr(err.msg, "ends too early"));
    assert_null(parse("{} {}", &err));
    assert_non_null(strstr(err.msg, "doc:1:4"));
    assert_null(parse("{\n\"\xc1\x9a\":1}", &err)); /* an overlong "Z" */
    assert_non_null(strstr(err.msg, "doc:2:2: not valid JSON: byte 0xc1 is not UTF-8"));
    assert_null(parse("\"\xed\xa0\x80\"", &err)); /* half of a surrogate pair */
    assert_non_null(strstr(err.msg, "doc:1:2"));
}

static void one_value_of_any_type_is_parsed(void **st)
{
    static const char *const good[] = {"1", "-2.5e3", "\"x\"", "[1,2]", "{}", " true ", "{\"a\":{\"b\":[null]}}\n"};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(good); i++) {
        struct sedge_err err;
        sedge_auto_put struct json_object *v = parse(good[i], &err);
        assert_int_equal(err.code, SEDGE_OK);
        assert_non_null(v);
    }
}

static void getters_do_not_convert(void **st)
{
    sedge_auto_put struct json_object *o =
        parse("{\"n\":5,\"s\":\"5\",\"d\":5.0,\"f\":5.5,\"z\":\"a\\u0000b\",\"x\":null}", NULL);

    (void)st;
    assert_null(sedge_json_str(o, "n", NULL));
    assert_int_equal(sedge_json_i64(o, "s", -1), -1);
    assert_int_equal(sedge_json_i64(o, "d", -1), 5);
    assert_int_equal(sedge_json_i64(o, "f", -1), -1);
    assert_null(sedge_json_str(o, "z", NULL));
    assert_null(sedge_json_get(o, "x"));
    assert_true(sedge_json_has(o, "x"));
    assert_null(sedge_json_str(NULL, "n", NULL));
}

static void pointers_follow_rfc_6901(void **st)
{
    sedge_auto_put struct json_object *o = parse("{\"a\":[10,{\"b/c\":1,\"~\":2}],\"\":3}", NULL);
    static const struct {
        const char *pointer;
        const char *text;
    } rows[] = {{"/a/0", "10"}, {"/a/1/b~1c", "1"}, {"/a/1/~0", "2"}, {"/", "3"},
                {"/a/2", NULL}, {"/a/00", NULL},    {"/b", NULL}};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct json_object *v = NULL;
        assert_int_equal(sedge_json_pointer(o, rows[i].pointer, &v, NULL), rows[i].text ? 1 : 0);
        if (rows[i].text) assert_string_equal(sedge_json_text(v), rows[i].text);
    }
    struct json_object *v = NULL;
    struct sedge_err err;
    assert_int_equal(sedge_json_pointer(o, "a", &v, &err), -1);
    assert_int_equal(sedge_json_pointer(o, "/~2", &v, &err), -1);
}

struct limits {
    char *name;
    int64_t memory;
    bool on;
};
static const struct sedge_jfield fields[] = {
    {"name", SEDGE_J_STR, true, 1, 8, offsetof(struct limits, name)},
    {"memory", SEDGE_J_INT, false, 1, 1000, offsetof(struct limits, memory)},
    {"on", SEDGE_J_BOOL, false, 0, 0, offsetof(struct limits, on)},
};

static void a_table_decodes_and_words_every_fault(void **st)
{
    static const struct {
        const char *text;
        const char *message; /* NULL: good */
    } rows[] = {
        {"{\"name\":\"a\",\"memory\":5,\"on\":true}", NULL},
        {"{\"name\":\"a\",\"memory\":5.0,\"on\":null}", NULL},
        {"{\"memory\":5}", "limits.name: missing; expected string"},
        {"{\"name\":5}", "limits.name: expected string, got int"},
        {"{\"name\":\"123456789\"}", "limits.name: the length is outside 1..8"},
        {"{\"name\":\"a\",\"memory\":0}", "limits.memory: 0 is outside 1..1000"},
        {"{\"name\":\"a\",\"memory\":\"5\"}", "limits.memory: expected integer, got string"},
        {"{\"name\":\"a\",\"memry\":5}", "limits.memry: unknown key; did you mean \"memory\"?"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_put struct json_object *o = parse(rows[i].text, NULL);
        struct limits l = {0};
        struct sedge_err err;
        int rc = sedge_json_decode(o, "limits", fields, SEDGE_ARRAY_LEN(fields), 0, &l, &err);
        assert_int_equal(rc, rows[i].message ? -1 : 0);
        if (rows[i].message) assert_string_equal(err.msg, rows[i].message);
        sedge_json_release_fields(fields, SEDGE_ARRAY_LEN(fields), &l);
    }
}

static void sorted_text_does_not_depend_on_the_order_of_keys(void **st)
{
    sedge_auto_put struct json_object *a = parse("{\"b\":{\"y\":1,\"x\":[1,{\"q\":0,\"p\":0}]},\"a\":null}", NULL);
    sedge_auto_free char *text = sedge_json_text_sorted(a);

    (void)st;
    assert_string_equal(text, "{\"a\":null,\"b\":{\"x\":[1,{\"p\":0,\"q\":0}],\"y\":1}}");
}

static void a_compacted_value_is_the_same_and_can_grow(void **st)
{
    static const char text[] = "{\"a\":1,\"b\":[1,2,{}],\"c\":{\"d\":{\"e\":null}},\"f\":\"x\"}";
    sedge_auto_put struct json_object *o = sedge_json_parse_object(text, strlen(text), "text", NULL);

    (void)st;
    sedge_json_compact(NULL);
    sedge_json_compact(o);
    assert_string_equal(sedge_json_text(o), text);
    for (int i = 0; i < 100; i++) {
        sedge_auto_free char *key = sedge_xasprintf("key%d", i);
        sedge_json_add_i64(o, key, i);
        (void)json_object_array_add(sedge_json_arr(o, "b"), json_object_new_int(i));
    }
    assert_int_equal(sedge_json_i64(o, "key99", 0), 99);
    assert_int_equal(sedge_json_i64(o, "a", 0), 1);
    assert_int_equal(json_object_array_length(sedge_json_arr(o, "b")), 103);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_names_line_and_column),
        cmocka_unit_test(one_value_of_any_type_is_parsed),
        cmocka_unit_test(getters_do_not_convert),
        cmocka_unit_test(pointers_follow_rfc_6901),
        cmocka_unit_test(a_table_decodes_and_words_every_fault),
        cmocka_unit_test(sorted_text_does_not_depend_on_the_order_of_keys),
        cmocka_unit_test(a_compacted_value_is_the_same_and_can_grow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
