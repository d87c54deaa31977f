#include "../test.h"

#include "base/mem.h"
#include "base/str.h"
#include "recipe/interpolate.h"

struct fixture {
    struct sedge_interp in;
    struct sedge_interp_component lib;
    struct sedge_strv unknown;
};

static void note(const char *placeholder, const char *why, void *user)
{
    assert_non_null(why);
    sedge_strv_add(user, placeholder);
}

static int setup(void **st)
{
    struct fixture *f = SEDGE_NEW(struct fixture);

    f->lib = (struct sedge_interp_component){"com.x.Lib", "2.1.0",
                                             json_tokener_parse("{\"port\":80,\"nested\":\"{work:path}\"}")};
    f->in = (struct sedge_interp){
        .root = "/g",
        .thing_name = "core1",
        .self = {"com.x.A", "1.0.0",
                 json_tokener_parse(
                     "{\"Message\":\"hi\",\"opts\":{\"b\":2,\"A\":[1,null]},\"n\":null,\"t\":true,\"d\":1.50,"
                     "\"ref\":\"{com.x.Lib:configuration:/port}\",\"self\":\"{work:path}\",\"a/b\":\"s\"}")},
        .dependencies = &f->lib,
        .ndependencies = 1,
        .on_unknown = note,
        .user = &f->unknown};
    *st = f;
    return 0;
}

static int teardown(void **st)
{
    struct fixture *f = *st;

    (void)json_object_put(f->lib.configuration);
    (void)json_object_put(f->in.self.configuration);
    sedge_strv_release(&f->unknown);
    free(f);
    return 0;
}

static void variables_are_replaced_and_the_rest_stays(void **st)
{
    static const struct {
        const char *text;
        const char *result;
        size_t nunknown;
    } rows[] = {
        {"plain", "plain", 0},
        {"", "", 0},
        {"{artifacts:path}/x", "/g/packages/artifacts/com.x.A/1.0.0/x", 0},
        {"{artifacts:decompressedPath}", "/g/packages/artifacts-unarchived/com.x.A/1.0.0", 0},
        {"{work:path} {kernel:rootPath} {iot:thingName}", "/g/work/com.x.A /g core1", 0},
        {"'{configuration:/Message}' '{configuration:/opts}' {configuration:/none}",
         "'hi' '{\"A\":[1,null],\"b\":2}' {configuration:/none}", 1},
        {"{configuration:/opts/A/0}{configuration:/n}{configuration:/t}{configuration:/d}", "1nulltrue1.50", 0},
        {"{configuration:/a~1b}", "s", 0},
        {"{configuration:/message}", "{configuration:/message}", 1},
        {"${VAR:-x} {a} {a:b {:} {} {a:b:c:d}", "${VAR:-x} {a} {a:b {:} {} {a:b:c:d}", 1},
        {"{Artifacts:path}", "{Artifacts:path}", 1},
        {"{artifacts:Path}", "{artifacts:Path}", 1},
        {"{com.x.Lib:artifacts:path}", "/g/packages/artifacts/com.x.Lib/2.1.0", 0},
        {"{com.x.Lib:artifacts:decompressedPath}", "/g/packages/artifacts-unarchived/com.x.Lib/2.1.0", 0},
        {"{com.x.Lib:work:path}{com.x.Lib:configuration:/port}", "/g/work/com.x.Lib80", 0},
        {"{com.x.Lib:kernel:rootPath}", "{com.x.Lib:kernel:rootPath}", 1},
        {"{com.x.Other:work:path}", "{com.x.Other:work:path}", 1},
        {"{com.x.Lib:configuration:/none}", "{com.x.Lib:configuration:/none}", 1},
        {"{configuration:/ref}", "80", 0},           /* the second pass sees what the first put */
        {"{configuration:/self}", "{work:path}", 0}, /* within a pass nothing is looked at again */
        {"{com.x.Lib:configuration:/nested}", "{work:path}", 0},
        {"{{work:path}}", "{/g/work/com.x.A}", 0},
    };
    struct fixture *f = *st;

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_err err = SEDGE_ERR_INIT;
        sedge_auto_free char *out = NULL;

        sedge_strv_release(&f->unknown);
        out = sedge_interpolate_text(&f->in, rows[i].text, &err);
        if (!sedge_str_eq(out, rows[i].result) || f->unknown.n != rows[i].nunknown)
            fail_msg("%s -> %s, %zu unknown, %s", rows[i].text, out ? out : "(failed)", f->unknown.n, err.msg);
    }
}

static void an_empty_pointer_is_the_whole_configuration(void **st)
{
    struct fixture *f = *st;
    sedge_auto_free char *out = sedge_interpolate_text(&f->in, "{com.x.Lib:configuration:}", NULL);

    assert_string_equal(out, "{\"nested\":\"{work:path}\",\"port\":80}");
}

static void a_pointer_without_slash_fails(void **st)
{
    static const char *const rows[] = {"{configuration:port}", "{com.x.Lib:configuration:port}"};
    struct fixture *f = *st;

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_err err = SEDGE_ERR_INIT;

        assert_null(sedge_interpolate_text(&f->in, rows[i], &err));
        assert_int_equal(err.code, SEDGE_E_INVALID);
        assert_non_null(strstr(err.msg, "{configuration:/port}"));
    }
}

static void every_text_of_a_tree_is_treated_and_no_key(void **st)
{
    struct fixture *f = *st;
    sedge_auto_put struct json_object *v = json_tokener_parse(
        "{\"{work:path}\":[\"{work:path}\",1,null,{\"Timeout\":\"{configuration:/opts/b}\"}],\"n\":null}");
    sedge_auto_put struct json_object *out = sedge_interpolate(&f->in, v, NULL);

    assert_string_equal(sedge_json_text(out),
                        "{\"{work:path}\":[\"/g/work/com.x.A\",1,null,{\"Timeout\":\"2\"}],\"n\":null}");
    assert_non_null(strstr(sedge_json_text(v), "\"{work:path}\",1"));
}

static void a_failure_inside_a_tree_says_where(void **st)
{
    struct fixture *f = *st;
    sedge_auto_put struct json_object *v = json_tokener_parse("{\"run\":{\"script\":\"{configuration:x}\"}}");
    struct sedge_err err = SEDGE_ERR_INIT;

    assert_null(sedge_interpolate(&f->in, v, &err));
    assert_non_null(strstr(err.msg, "run: script: "));
}

static void configuration_variables_can_be_left_alone(void **st)
{
    struct fixture *f = *st;
    sedge_auto_free char *out = NULL;

    f->in.without_configuration = true;
    out = sedge_interpolate_text(&f->in, "{configuration:/Message}{configuration:x}{work:path}", NULL);
    assert_string_equal(out, "{configuration:/Message}{configuration:x}/g/work/com.x.A");
    assert_int_equal(f->unknown.n, 0);
}

static void growth_is_limited(void **st)
{
    struct fixture *f = *st;
    struct sedge_buf big = SEDGE_BUF_INIT;
    struct sedge_buf text = SEDGE_BUF_INIT;
    struct sedge_err err = SEDGE_ERR_INIT;

    for (int i = 0; i < 5000; i++) {
        sedge_buf_putc(&big, 'x');
        sedge_buf_puts(&text, "{configuration:/Message}");
    }
    sedge_json_add_str(f->in.self.configuration, "Message", big.data);
    assert_null(sedge_interpolate_text(&f->in, text.data, &err));
    assert_int_equal(err.code, SEDGE_E_LIMIT);
    sedge_buf_release(&big);
    sedge_buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(variables_are_replaced_and_the_rest_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_pointer_is_the_whole_configuration, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pointer_without_slash_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(every_text_of_a_tree_is_treated_and_no_key, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failure_inside_a_tree_says_where, setup, teardown),
        cmocka_unit_test_setup_teardown(configuration_variables_can_be_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(growth_is_limited, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
