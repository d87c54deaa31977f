#include "../test.h"

#include <stdbool.h>

#include "base/json.h"
#include "broker/publish.h"
#include "ipc_wire/payload.h"

static void events_are_built_from_the_bytes_of_the_request(void **st)
{
    static const struct {
        const char *request, *event;
    } rows[] = {
        {"{\"topic\":\"my/topic\",\"publishMessage\":{\"jsonMessage\":{\"message\":{\"t\" : 1.50, \"n\":null}}}}",
         "{\"jsonMessage\":{\"message\":{\"t\" : 1.50, \"n\":null},\"context\":{\"topic\":\"my/topic\"}}}"},
        {" { \"publishMessage\" : {\"binaryMessage\":{\"context\":{\"topic\":\"x\"},\"message\":\"AAEC+v8=\"}}, "
         "\"topic\":\"a\\u002fb\\\"\"}\n",
         "{\"binaryMessage\":{\"message\":\"AAEC+v8=\",\"context\":{\"topic\":\"a/b\\\"\"}}}"},
        {"{\"topic\":\"t\",\"publishMessage\":{\"binaryMessage\":{\"message\":\"AAEC+v8\"}}}",
         "{\"binaryMessage\":{\"message\":\"AAEC+v8=\",\"context\":{\"topic\":\"t\"}}}"},
        {"{\"topic\":\"t\",\"publishMessage\":{\"binaryMessage\":{\"message\":\"\\/\\/8=\"}}}",
         "{\"binaryMessage\":{\"message\":\"//8=\",\"context\":{\"topic\":\"t\"}}}"},
        {"{\"topic\":\"t\",\"publishMessage\":{\"binaryMessage\":{}}}",
         "{\"binaryMessage\":{\"message\":\"\",\"context\":{\"topic\":\"t\"}}}"},
        {"{\"topic\":\"\\ud83d\\ude00\",\"publishMessage\":{\"jsonMessage\":{\"message\":{}},\"binaryMessage\":null}}",
         "{\"jsonMessage\":{\"message\":{},\"context\":{\"topic\":\"\xF0\x9F\x98\x80\"}}}"},
    };
    struct sedge_publish p = SEDGE_PUBLISH_INIT;
    struct sedge_err err;

    (void)st;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sedge_payload *e;

        if (sedge_publish_scan(rows[i].request, strlen(rows[i].request), &p, &err)) fail_msg("%s", err.msg);
        e = sedge_publish_event(&p);
        assert_string_equal(e->data, rows[i].event);
        assert_int_equal(e->len, strlen(rows[i].event));
        sedge_payload_unref(e);
    }
    sedge_publish_release(&p);
}

static void missing_members_are_told_apart(void **st)
{
    static const struct {
        const char *request;
        bool topic, pm, message;
        unsigned nkinds;
    } rows[] = {
        {"{}", 0, 0, 0, 0},
        {"{\"topic\":null,\"publishMessage\":null}", 0, 0, 0, 0},
        {"{\"topic\":\"\",\"publishMessage\":{}}", 1, 1, 0, 0},
        {"{\"topic\":\"t\",\"publishMessage\":{\"jsonMessage\":{}}}", 1, 1, 0, 1},
        {"{\"topic\":\"t\",\"publishMessage\":{\"jsonMessage\":{\"message\":null}}}", 1, 1, 0, 1},
        {"{\"topic\":\"t\",\"publishMessage\":{\"jsonMessage\":{\"message\":{}},\"binaryMessage\":{\"message\":\"\"}}}",
         1, 1, 1, 2},
        {"{\"x\":[1,{\"topic\":5}],\"publishMessage\":{\"binaryMessage\":{\"message\":\"\"}}}", 0, 1, 1, 1},
    };
    struct sedge_publish p = SEDGE_PUBLISH_INIT;

    (void)st;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(sedge_publish_scan(rows[i].request, strlen(rows[i].request), &p, NULL), 0);
        assert_int_equal(p.has_topic, rows[i].topic);
        assert_int_equal(p.has_publish_message, rows[i].pm);
        assert_int_equal(p.has_message, rows[i].message);
        assert_int_equal(p.nkinds, rows[i].nkinds);
    }
    sedge_publish_release(&p);
}

static void what_is_not_a_publish_is_refused(void **st)
{
    static const char *const rows[] = {
        "",
        "[]",
        "{",
        "{}x",
        "{\"topic\":5}",
        "{\"topic\":\"\\u0000\"}",
        "{\"topic\":\"\\ud800\"}",
        "{\"topic\":\"\xFF\"}",
        "{\"topic\":\"a\nb\"}",
        "{\"topic\":\"a\",}",
        "{\"a\":01}",
        "{\"a\":NaN}",
        "{\"a\":tru}",
        "{\"a\":\"\\x\"}",
        "{\"publishMessage\":[]}",
        "{\"publishMessage\":{\"jsonMessage\":{\"message\":5}}}",
        "{\"publishMessage\":{\"jsonMessage\":{\"message\":[]}}}",
        "{\"publishMessage\":{\"binaryMessage\":{\"message\":{}}}}",
        "{\"publishMessage\":{\"binaryMessage\":{\"message\":\"a\"}}}",
        "{\"publishMessage\":{\"binaryMessage\":{\"message\":\"a=bc\"}}}",
        "{\"publishMessage\":{\"binaryMessage\":{\"message\":\"====\"}}}",
    };
    struct sedge_publish p = SEDGE_PUBLISH_INIT;

    (void)st;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (sedge_publish_scan(rows[i], strlen(rows[i]), &p, NULL) == 0) fail_msg("accepted: %s", rows[i]);
    sedge_publish_release(&p);
}

static void nesting_ends_where_the_parser_ends(void **st)
{
    struct sedge_publish p = SEDGE_PUBLISH_INIT;

    (void)st;
    for (unsigned depth = 55; depth < 70; depth++) {
        char text[300] = "{\"a\":";
        struct json_object *o;
        int rc;

        for (unsigned i = 0; i < depth; i++)
            strcat(text, "[");
        for (unsigned i = 0; i < depth; i++)
            strcat(text, "]");
        strcat(text, "}");
        o = sedge_json_parse_object(text, strlen(text), "x", NULL);
        rc = sedge_publish_scan(text, strlen(text), &p, NULL);
        assert_int_equal(rc == 0, o != NULL);
        (void)json_object_put(o);
    }
    sedge_publish_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_built_from_the_bytes_of_the_request),
        cmocka_unit_test(missing_members_are_told_apart),
        cmocka_unit_test(what_is_not_a_publish_is_refused),
        cmocka_unit_test(nesting_ends_where_the_parser_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
