#include "../test.h"

#include "base/mem.h"
#include "shadow/document.h"
#include "shadow/names.h"

#define LIMIT 8192
#define X16   "xxxxxxxxxxxxxxxx"
#define X64   X16 X16 X16 X16
#define X128  X64 X64

static struct json_object *parse(const char *text)
{
    struct json_object *o = sedge_json_parse(text, strlen(text), "test", NULL);

    assert_non_null(o);
    return o;
}

static struct sedge_shadow_doc stored(int64_t version, const char *state, const char *metadata)
{
    return (struct sedge_shadow_doc){true, version, 100, parse(state), parse(metadata)};
}

static int update(struct sedge_shadow_doc *doc, const char *text, int64_t now_s, struct sedge_err *err)
{
    struct sedge_shadow_update u = SEDGE_SHADOW_UPDATE_INIT;
    int rc = sedge_shadow_update_parse(&u, text, strlen(text), err);

    if (rc == 0) rc = sedge_shadow_update_apply(doc, &u, LIMIT, now_s, err);
    sedge_shadow_update_release(&u);
    return rc;
}

static void assert_text(struct json_object *o, const char *text)
{
    assert_string_equal(sedge_json_text(o), text);
    (void)json_object_put(o);
}

static void names_are_checked(void **st)
{
    static const struct {
        const char *thing, *name, *error;
    } rows[] = {
        {"cam-1", "", NULL},
        {"cam-1", NULL, NULL},
        {"a:B_9-", "x:Y_0-", NULL},
        {X128, X64, NULL},
        {"", "", "ThingName is missing"},
        {NULL, "", "ThingName is missing"},
        {X128 "x", "", "ThingName has a maximum length of 128"},
        {"a/b", "", "ThingName must match pattern [a-zA-Z0-9:_-]+"},
        {"a", X64 "x", "ShadowName has a maximum length of 64"},
        {"a", "n+", "ShadowName must match pattern [a-zA-Z0-9:_-]+"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_err err = SEDGE_ERR_INIT;
        int rc = sedge_shadow_check_thing(rows[i].thing, &err);

        if (rc == 0) rc = sedge_shadow_check_name(rows[i].name, &err);
        assert_int_equal(rc, rows[i].error ? -1 : 0);
        if (rows[i].error) assert_string_equal(err.msg, rows[i].error);
    }
}

static void topics_have_the_name_of_a_named_shadow(void **st)
{
    sedge_auto_free char *classic = sedge_shadow_topic("cam", "", "/get/accepted");
    sedge_auto_free char *named = sedge_shadow_topic("cam", "conf", "");

    (void)st;
    assert_string_equal(classic, "$aws/things/cam/shadow/get/accepted");
    assert_string_equal(named, "$aws/things/cam/shadow/name/conf");
}

static void the_form_of_an_update_is_checked(void **st)
{
    static const struct {
        const char *text;
        enum sedge_err_code code;
        const char *error; /* its beginning; NULL: a good one */
    } rows[] = {
        {"{\"state\":{\"desired\":{\"a\":1}}}", SEDGE_OK, NULL},
        {"{\"state\":{\"desired\":null,\"reported\":null}}", SEDGE_OK, NULL},
        {"{\"state\":null}", SEDGE_OK, NULL},
        {"{\"state\":{}}", SEDGE_OK, NULL},
        {"{\"state\":{\"delta\":{\"a\":1}},\"other\":1}", SEDGE_OK, NULL},
        {"{\"state\":{},\"version\":0,\"clientToken\":\"" X64 "\"}", SEDGE_OK, NULL},
        {"{\"state\":{},\"version\":3.0}", SEDGE_OK, NULL},
        {"", SEDGE_E_INVALID, "Missing update payload"},
        {"{", SEDGE_E_INVALID, "Invalid JSON: "},
        {"nonsense", SEDGE_E_INVALID, "Invalid JSON: "},
        {"null", SEDGE_E_INVALID, "Invalid JSON: expected an object"},
        {"{}", SEDGE_E_INVALID, "Invalid JSON: state: is missing"},
        {"[]", SEDGE_E_INVALID, "Invalid JSON: expected an object"},
        {"{\"state\":1}", SEDGE_E_INVALID, "Invalid JSON: state: expected an object or null"},
        {"{\"state\":[]}", SEDGE_E_INVALID, "Invalid JSON: state: expected an object or null"},
        {"{\"state\":{\"desired\":1}}", SEDGE_E_INVALID, "Invalid JSON: state.desired: expected an object or null"},
        {"{\"state\":{\"reported\":[]}}", SEDGE_E_INVALID, "Invalid JSON: state.reported: expected an object or null"},
        {"{\"state\":{\"delta\":\"x\"}}", SEDGE_E_INVALID, "Invalid JSON: state.delta: expected an object or null"},
        {"{\"state\":{\"wanted\":{}}}", SEDGE_E_INVALID, "Invalid JSON: state.wanted: "},
        {"{\"state\":{},\"version\":\"1\"}", SEDGE_E_INVALID, "Invalid JSON: version: expected a number"},
        {"{\"state\":{},\"version\":null}", SEDGE_E_INVALID, "Invalid JSON: version: expected a number"},
        {"{\"state\":{},\"version\":-1}", SEDGE_E_INVALID, "Invalid JSON: version: must have a minimum value of 0"},
        {"{\"state\":{},\"version\":1.5}", SEDGE_E_INVALID, "Invalid JSON: version: expected an integer"},
        {"{\"state\":{},\"version\":1e300}", SEDGE_E_INVALID, "Invalid JSON: version: expected an integer"},
        {"{\"state\":{},\"clientToken\":1}", SEDGE_E_INVALID, "Invalid JSON: clientToken: expected a string"},
        {"{\"state\":{},\"clientToken\":\"" X64 "x\"}", SEDGE_E_INVALID, "Invalid JSON: clientToken: must be"},
        {"{\"state\":{\"desired\":{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{}}}}}}}}", SEDGE_OK, NULL},
        {"{\"state\":{\"desired\":{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{\"f\":{}}}}}}}}}", SEDGE_OK, NULL},
        {"{\"state\":{\"desired\":{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{\"f\":1}}}}}}}}", SEDGE_OK, NULL},
        {"{\"state\":{\"reported\":{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":{\"f\":{\"g\":1}}}}}}}}}", SEDGE_E_INVALID,
         "JSON contains too many levels of nesting; maximum is 6"},
        {"{\"state\":{\"desired\":{\"a\":[[[[[[1]]]]]]}}}", SEDGE_E_INVALID,
         "JSON contains too many levels of nesting; maximum is 6"},
        {"{\"state\":{\"desired\":{\"a\":[[[[[]]]]]}}}", SEDGE_OK, NULL},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_shadow_doc doc = SEDGE_SHADOW_DOC_INIT;
        struct sedge_shadow_update u = SEDGE_SHADOW_UPDATE_INIT;
        struct sedge_err err = SEDGE_ERR_INIT;

        if (sedge_shadow_update_parse(&u, rows[i].text, strlen(rows[i].text), &err) != (rows[i].error ? -1 : 0))
            fail_msg("%s: %s", rows[i].text, err.msg);
        assert_int_equal(err.code, rows[i].code);
        if (rows[i].error && strncmp(err.msg, rows[i].error, strlen(rows[i].error)) != 0)
            fail_msg("%s: %s", rows[i].text, err.msg);
        sedge_shadow_update_release(&u);
        sedge_shadow_doc_release(&doc);
    }
}

static void an_update_larger_than_any_shadow_is_not_even_read(void **st)
{
    struct sedge_shadow_update u = SEDGE_SHADOW_UPDATE_INIT;
    struct sedge_err err = SEDGE_ERR_INIT;
    size_t len = SEDGE_SHADOW_REQUEST_MAX + 1;
    sedge_auto_free char *text = sedge_xcalloc(len, 1);

    (void)st;
    memset(text, ' ', len);
    assert_int_equal(sedge_shadow_update_parse(&u, text, len, &err), -1);
    assert_int_equal(err.code, SEDGE_E_LIMIT);
    assert_string_equal(err.msg, "The payload exceeds the maximum size allowed");
}

static void versions_are_checked(void **st)
{
    static const struct {
        bool exists;
        int64_t have;
        const char *text;
        enum sedge_err_code code;
        const char *error;
        int64_t becomes;
    } rows[] = {
        {false, 0, "{\"state\":{}}", SEDGE_OK, "", 1},
        {false, 0, "{\"state\":{},\"version\":1}", SEDGE_OK, "", 1},
        {false, 0, "{\"state\":{},\"version\":0}", SEDGE_E_INVALID, "Invalid version", 0},
        {false, 0, "{\"state\":{},\"version\":2}", SEDGE_E_INVALID, "Invalid version", 0},
        {false, 4, "{\"state\":{}}", SEDGE_OK, "", 5}, /* deleted before */
        {false, 4, "{\"state\":{},\"version\":1}", SEDGE_OK, "", 5},
        {false, 4, "{\"state\":{},\"version\":4}", SEDGE_E_INVALID, "Invalid version", 4},
        {true, 4, "{\"state\":{}}", SEDGE_OK, "", 5},
        {true, 4, "{\"state\":{},\"version\":4}", SEDGE_OK, "", 5},
        {true, 4, "{\"state\":{},\"version\":3}", SEDGE_E_CONFLICT, "Version conflict", 4},
        {true, 4, "{\"state\":{},\"version\":5}", SEDGE_E_CONFLICT, "Version conflict", 4},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_shadow_doc doc = SEDGE_SHADOW_DOC_INIT;
        struct sedge_err err = SEDGE_ERR_INIT;

        if (rows[i].exists) doc = stored(0, "{}", "{}");
        doc.version = rows[i].have;
        assert_int_equal(update(&doc, rows[i].text, 200, &err), rows[i].code == SEDGE_OK ? 0 : -1);
        assert_int_equal(err.code, rows[i].code);
        assert_string_equal(err.msg, rows[i].error);
        assert_int_equal(doc.version, rows[i].becomes);
        sedge_shadow_doc_release(&doc);
    }
}

static void updates_are_merged(void **st)
{
    static const struct {
        const char *state, *metadata; /* before */
        const char *text;
        const char *state_after, *metadata_after;
    } rows[] = {
        {"{}", "{}", "{\"state\":{\"desired\":{\"a\":1}}}", "{\"desired\":{\"a\":1}}",
         "{\"desired\":{\"a\":{\"timestamp\":200}}}"},
        {"{\"desired\":{\"a\":1}}", "{\"desired\":{\"a\":{\"timestamp\":100}}}",
         "{\"state\":{\"desired\":{\"b\":\"x\"}}}", "{\"desired\":{\"a\":1,\"b\":\"x\"}}",
         "{\"desired\":{\"a\":{\"timestamp\":100},\"b\":{\"timestamp\":200}}}"},
        {"{\"desired\":{\"o\":{\"a\":1,\"b\":2}}}",
         "{\"desired\":{\"o\":{\"a\":{\"timestamp\":100},\"b\":{\"timestamp\":100}}}}",
         "{\"state\":{\"desired\":{\"o\":{\"b\":3}}}}", "{\"desired\":{\"o\":{\"a\":1,\"b\":3}}}",
         "{\"desired\":{\"o\":{\"a\":{\"timestamp\":100},\"b\":{\"timestamp\":200}}}}"},
        /* null deletes a key, and a part that is empty goes */
        {"{\"desired\":{\"a\":1,\"b\":2}}", "{\"desired\":{\"a\":{\"timestamp\":100},\"b\":{\"timestamp\":100}}}",
         "{\"state\":{\"desired\":{\"a\":null}}}", "{\"desired\":{\"b\":2}}",
         "{\"desired\":{\"b\":{\"timestamp\":100}}}"},
        {"{\"desired\":{\"a\":1},\"reported\":{\"a\":1}}",
         "{\"desired\":{\"a\":{\"timestamp\":100}},\"reported\":{\"a\":{\"timestamp\":100}}}",
         "{\"state\":{\"desired\":{\"a\":null}}}", "{\"reported\":{\"a\":1}}",
         "{\"reported\":{\"a\":{\"timestamp\":100}}}"},
        {"{\"desired\":{\"a\":1},\"reported\":{\"a\":1}}",
         "{\"desired\":{\"a\":{\"timestamp\":100}},\"reported\":{\"a\":{\"timestamp\":100}}}",
         "{\"state\":{\"desired\":null}}", "{\"reported\":{\"a\":1}}", "{\"reported\":{\"a\":{\"timestamp\":100}}}"},
        {"{\"desired\":{\"a\":1},\"reported\":{\"a\":1}}",
         "{\"desired\":{\"a\":{\"timestamp\":100}},\"reported\":{\"a\":{\"timestamp\":100}}}", "{\"state\":null}", "{}",
         "{}"},
        /* lists are values */
        {"{\"desired\":{\"l\":[1,2]}}", "{\"desired\":{\"l\":[{\"timestamp\":100},{\"timestamp\":100}]}}",
         "{\"state\":{\"desired\":{\"l\":[3]}}}", "{\"desired\":{\"l\":[3]}}",
         "{\"desired\":{\"l\":[{\"timestamp\":200}]}}"},
        /* a value becomes an object, and an object a value; nulls in a new object are nothing */
        {"{\"desired\":{\"a\":1}}", "{\"desired\":{\"a\":{\"timestamp\":100}}}",
         "{\"state\":{\"desired\":{\"a\":{\"b\":1,\"c\":null}}}}", "{\"desired\":{\"a\":{\"b\":1}}}",
         "{\"desired\":{\"a\":{\"b\":{\"timestamp\":200}}}}"},
        {"{\"desired\":{\"a\":{\"b\":1}}}", "{\"desired\":{\"a\":{\"b\":{\"timestamp\":100}}}}",
         "{\"state\":{\"desired\":{\"a\":2}}}", "{\"desired\":{\"a\":2}}", "{\"desired\":{\"a\":{\"timestamp\":200}}}"},
        /* delta of a request counts for nothing; numbers keep their text */
        {"{}", "{}", "{\"state\":{\"delta\":{\"a\":1},\"reported\":{\"n\":12345678901234567,\"d\":1.50}}}",
         "{\"reported\":{\"n\":12345678901234567,\"d\":1.50}}",
         "{\"reported\":{\"n\":{\"timestamp\":200},\"d\":{\"timestamp\":200}}}"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_shadow_doc doc = stored(1, rows[i].state, rows[i].metadata);
        struct sedge_err err = SEDGE_ERR_INIT;

        assert_int_equal(update(&doc, rows[i].text, 200, &err), 0);
        assert_string_equal(sedge_json_text(doc.state), rows[i].state_after);
        assert_string_equal(sedge_json_text(doc.metadata), rows[i].metadata_after);
        assert_int_equal(doc.timestamp, 200);
        sedge_shadow_doc_release(&doc);
    }
}

static void the_size_limit_is_that_of_what_results(void **st)
{
    struct sedge_shadow_doc doc = SEDGE_SHADOW_DOC_INIT;
    struct sedge_shadow_update u = SEDGE_SHADOW_UPDATE_INIT;
    struct sedge_err err = SEDGE_ERR_INIT;
    static const char text[] = "{ \"state\": {\"desired\": {\"a\": 1}, \"reported\": {\"b\": 2}} }"; /* 7 + 7 */

    (void)st;
    for (size_t limit = 13; limit <= 14; limit++) {
        assert_int_equal(sedge_shadow_update_parse(&u, text, strlen(text), &err), 0);
        assert_int_equal(sedge_shadow_update_apply(&doc, &u, limit, 1, &err), limit == 14 ? 0 : -1);
        if (limit == 13) assert_string_equal(err.msg, "The payload exceeds the maximum size allowed");
        if (limit == 13) assert_int_equal(sedge_shadow_code(err.code), 413);
        sedge_shadow_update_release(&u);
        sedge_shadow_doc_release(&doc);
    }
}

static void answers_have_their_documents(void **st)
{
    struct sedge_shadow_doc doc = stored(4, "{\"desired\":{\"a\":1,\"o\":{\"x\":1,\"y\":1}},\"reported\":{\"a\":1}}",
                                         "{\"desired\":{\"a\":{\"timestamp\":100},\"o\":{\"x\":{\"timestamp\":100},"
                                         "\"y\":{\"timestamp\":100}}},\"reported\":{\"a\":{\"timestamp\":100}}}");
    static const char text[] = "{\"state\":{\"desired\":{\"a\":null},\"reported\":{\"o\":{\"x\":1}}},\"clientToken\":"
                               "\"t\",\"version\":4}";
    struct sedge_shadow_update u = SEDGE_SHADOW_UPDATE_INIT;
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)st;
    assert_int_equal(sedge_shadow_update_parse(&u, text, strlen(text), &err), 0);
    assert_int_equal(sedge_shadow_update_apply(&doc, &u, LIMIT, 200, &err), 0);
    assert_text(sedge_shadow_accepted(&doc, &u), "{\"state\":{\"desired\":{\"a\":null},\"reported\":{\"o\":{\"x\":1}}},"
                                                 "\"metadata\":{\"reported\":{\"o\":{\"x\":{\"timestamp\":200}}}},"
                                                 "\"version\":5,\"timestamp\":200,\"clientToken\":\"t\"}");
    assert_text(sedge_shadow_delta(&doc, "t"),
                "{\"state\":{\"o\":{\"y\":1}},\"metadata\":{\"o\":{\"y\":{\"timestamp\":100}}},"
                "\"version\":5,\"timestamp\":200,\"clientToken\":\"t\"}");
    assert_text(
        sedge_shadow_got(&doc, 300),
        "{\"state\":{\"desired\":{\"o\":{\"x\":1,\"y\":1}},\"reported\":{\"a\":1,\"o\":{\"x\":1}},"
        "\"delta\":{\"o\":{\"y\":1}}},\"metadata\":{\"desired\":{\"o\":{\"x\":{\"timestamp\":100},"
        "\"y\":{\"timestamp\":100}}},\"reported\":{\"a\":{\"timestamp\":100},\"o\":{\"x\":{\"timestamp\":200}}}},"
        "\"version\":5,\"timestamp\":300}");
    sedge_shadow_update_release(&u);
    sedge_shadow_doc_release(&doc);
}

static void without_a_difference_there_is_no_delta(void **st)
{
    static const char *const states[] = {"{}", "{\"reported\":{\"a\":1}}",
                                         "{\"desired\":{\"a\":[1]},\"reported\":{\"a\":[1],\"b\":2}}"};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(states); i++) {
        struct sedge_shadow_doc doc = stored(1, states[i], "{}");
        sedge_auto_put struct json_object *got = sedge_shadow_got(&doc, 1);

        assert_null(sedge_shadow_delta(&doc, NULL));
        assert_false(sedge_json_has(sedge_json_obj(got, "state"), "delta"));
        sedge_shadow_doc_release(&doc);
    }
}

static void deleting_everything_answers_with_null(void **st)
{
    struct sedge_shadow_doc doc = stored(1, "{\"desired\":{\"a\":1}}", "{\"desired\":{\"a\":{\"timestamp\":1}}}");
    struct sedge_shadow_update u = SEDGE_SHADOW_UPDATE_INIT;
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)st;
    assert_int_equal(sedge_shadow_update_parse(&u, "{\"state\":null}", 14, &err), 0);
    assert_int_equal(sedge_shadow_update_apply(&doc, &u, LIMIT, 2, &err), 0);
    assert_text(sedge_shadow_accepted(&doc, &u), "{\"state\":null,\"metadata\":{},\"version\":2,\"timestamp\":2}");
    assert_text(sedge_shadow_got(&doc, 3), "{\"state\":{},\"metadata\":{},\"version\":2,\"timestamp\":3}");
    sedge_shadow_update_release(&u);
    sedge_shadow_doc_release(&doc);
}

static void refusals_have_their_codes(void **st)
{
    static const struct {
        enum sedge_err_code code;
        const char *text;
    } rows[] = {
        {SEDGE_E_INVALID, "{\"code\":400,\"message\":\"why\",\"timestamp\":7,\"clientToken\":\"t\"}"},
        {SEDGE_E_DENIED, "{\"code\":401,\"message\":\"why\",\"timestamp\":7,\"clientToken\":\"t\"}"},
        {SEDGE_E_NOT_FOUND, "{\"code\":404,\"message\":\"why\",\"timestamp\":7,\"clientToken\":\"t\"}"},
        {SEDGE_E_CONFLICT, "{\"code\":409,\"message\":\"why\",\"timestamp\":7,\"clientToken\":\"t\"}"},
        {SEDGE_E_LIMIT, "{\"code\":413,\"message\":\"why\",\"timestamp\":7,\"clientToken\":\"t\"}"},
        {SEDGE_E_UNAVAILABLE, "{\"code\":429,\"message\":\"why\",\"timestamp\":7,\"clientToken\":\"t\"}"},
        {SEDGE_E_IO, "{\"code\":500,\"message\":\"Internal service failure\",\"timestamp\":7,\"clientToken\":\"t\"}"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_err err = SEDGE_ERR_INIT;

        (void)sedge_err_set(&err, rows[i].code, "why");
        assert_text(sedge_shadow_rejected(&err, "t", 7), rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(topics_have_the_name_of_a_named_shadow),
        cmocka_unit_test(the_form_of_an_update_is_checked),
        cmocka_unit_test(an_update_larger_than_any_shadow_is_not_even_read),
        cmocka_unit_test(versions_are_checked),
        cmocka_unit_test(updates_are_merged),
        cmocka_unit_test(the_size_limit_is_that_of_what_results),
        cmocka_unit_test(answers_have_their_documents),
        cmocka_unit_test(without_a_difference_there_is_no_delta),
        cmocka_unit_test(deleting_everything_answers_with_null),
        cmocka_unit_test(refusals_have_their_codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
