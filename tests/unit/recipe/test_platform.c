#include "../test.h"

#include "base/mem.h"
#include "recipe/platform.h"

static void names_of_the_machine_become_attributes(void **st)
{
    static const struct {
        const char *sysname;
        const char *machine;
        const char *platform;
    } rows[] = {
        {"Linux", "x86_64", "{\"os\":\"linux\",\"architecture\":\"amd64\"}"},
        {"Linux", "i386", "{\"os\":\"linux\",\"architecture\":\"x86\"}"},
        {"Linux", "i686", "{\"os\":\"linux\",\"architecture\":\"x86\"}"},
        {"Linux", "aarch64", "{\"os\":\"linux\",\"architecture\":\"aarch64\"}"},
        {"Linux", "armv7l", "{\"os\":\"linux\",\"architecture\":\"arm\",\"architecture.detail\":\"armv7l\"}"},
        {"Linux", "ARMV6L", "{\"os\":\"linux\",\"architecture\":\"arm\",\"architecture.detail\":\"armv6l\"}"},
        {"Linux", "armv5tel", "{\"os\":\"linux\",\"architecture\":\"arm\"}"},
        {"Linux", "riscv64", "{\"os\":\"linux\",\"architecture\":\"unknown\"}"},
        {"Darwin", "arm64", "{\"os\":\"darwin\",\"architecture\":\"arm\"}"},
        {"Haiku", "x86_64", "{\"os\":\"unknown\",\"architecture\":\"amd64\"}"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_put struct json_object *p = sedge_platform_from(rows[i].sysname, rows[i].machine);
        assert_string_equal(sedge_json_text(p), rows[i].platform);
    }
}

static void the_device_has_an_os_and_an_architecture(void **st)
{
    sedge_auto_put struct json_object *p = sedge_platform_detect();

    (void)st;
    assert_string_equal(sedge_json_str(p, "os", ""), "linux");
    assert_non_null(sedge_json_str(p, "architecture", NULL));
}

static void overrides_replace_and_add_texts_only(void **st)
{
    sedge_auto_put struct json_object *p = sedge_platform_from("Linux", "x86_64");
    sedge_auto_put struct json_object *o = json_tokener_parse("{\"os\":\"factory\",\"line\":\"blue\",\"n\":5}");

    (void)st;
    sedge_platform_override(p, o);
    sedge_platform_override(p, NULL);
    assert_string_equal(sedge_json_text(p), "{\"os\":\"factory\",\"architecture\":\"amd64\",\"line\":\"blue\"}");
}

static void templates_match_as_specified(void **st)
{
    static const char device[] =
        "{\"os\":\"linux\",\"architecture\":\"amd64\",\"line\":\"blue\",\"odd\":\"+x\",\"blank\":\" \"}";
    static const struct {
        const char *wanted;
        int result;
    } rows[] = {
        {"{}", 1},
        {"{\"os\":\"linux\"}", 1},
        {"{\"os\":\"Linux\"}", 0},
        {"{\"OS\":\"linux\"}", 0},
        {"{\"os\":\"linux\",\"architecture\":\"arm\"}", 0},
        {"{\"os\":null,\"nothing\":null}", 1},
        {"{\"os\":\"*\",\"nothing\":\"*\"}", 1},
        {"{\"nothing\":\"x\"}", 0},
        {"{\"nothing\":\"/.*/\"}", 0},
        {"{\"blank\":\"/.*/\"}", 0},
        {"{\"os\":\"/windows|linux/\"}", 1},
        {"{\"os\":\"/lin/\"}", 0},
        {"{\"os\":\"/lin.*/\"}", 1},
        {"{\"os\":\"/(/\"}", -1},
        {"{\"os\":\"/\"}", 0},
        {"{\"os\":\"all\",\"architecture\":\"any\"}", 1},
        {"{\"os\":\"ALL\"}", 0},
        {"{\"line\":\"all\"}", 0},
        {"{\"line\":\"blue\"}", 1},
        {"{\"odd\":\"+x\"}", 0},
        {"{\"os\":\"\"}", 0},
        {"{\"runtime\":\"aws_nucleus_lite\"}", 0},
        {"{\"runtime\":\"*\"}", 1},
    };
    sedge_auto_put struct json_object *platform = json_tokener_parse(device);

    (void)st;
    assert_int_equal(sedge_platform_match(NULL, platform, NULL), 1);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_put struct json_object *wanted = json_tokener_parse(rows[i].wanted);
        int rc = sedge_platform_match(wanted, platform, NULL);

        if (rc != rows[i].result) fail_msg("%s: %d", rows[i].wanted, rc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_the_machine_become_attributes),
        cmocka_unit_test(the_device_has_an_os_and_an_architecture),
        cmocka_unit_test(overrides_replace_and_add_texts_only),
        cmocka_unit_test(templates_match_as_specified),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
