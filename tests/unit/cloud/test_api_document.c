/* Deployments in the operator's form, made from the device's form. */
#include "site.h"

#include <string.h>

#include "cloud/api/api_internal.h"

static void what_an_operator_wrote_comes_back(void **st)
{
    static const char text[] =
        "{\"components\":{\"a.b\":{\"componentVersion\":\"1.0.0\",\"configurationUpdate\":{\"merge\":\"{\\\"k\\\":"
        "\\\"5\\\"}\","
        "\"reset\":[\"/"
        "x\"]},\"runWith\":{\"posixUser\":\"u:g\",\"systemResourceLimits\":{\"cpus\":0.5,\"memory\":1024}}},"
        "\"c\":{\"componentVersion\":\"2.0.0\"}},\"deploymentPolicies\":{\"failureHandlingPolicy\":\"DO_NOTHING\","
        "\"componentUpdatePolicy\":{\"action\":\"SKIP_NOTIFY_COMPONENTS\",\"timeoutInSeconds\":7},"
        "\"configurationValidationPolicy\":{\"timeoutInSeconds\":8}}}";
    struct sedge_doc in, out;
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_put struct json_object *form = json_object_new_object();
    const char *again;

    (void)st;
    assert_int_equal(sedge_doc_parse(text, strlen(text), "in", &in, &err), 0);
    sedge_api_add_content(form, in.content);
    again = sedge_json_text(form);
    if (sedge_doc_parse(again, strlen(again), "out", &out, &err) != 0) fail_msg("%s: %s", err.msg, again);
    {
        sedge_auto_free char *a = sedge_json_text_sorted(in.content);
        sedge_auto_free char *b = sedge_json_text_sorted(out.content);

        assert_string_equal(a, b);
    }
    sedge_doc_release(&in);
    sedge_doc_release(&out);
}

static void times_are_seconds_with_milliseconds(void **st)
{
    sedge_auto_put struct json_object *o = json_object_new_object();

    (void)st;
    sedge_api_add_time(o, "t", 1764590400007LL);
    assert_string_equal(sedge_json_text(o), "{\"t\":1764590400.007}");
}

static struct sedge_http_peer peer_with(const char *group)
{
    struct sedge_http_peer p = {.who = "x"};

    if (group) sedge_strv_add(&p.groups, group);
    return p;
}

static void a_deployer_of_some_groups_deploys_to_them_alone(void **st)
{
    struct sedge_http_peer all = peer_with(NULL), cams = peer_with("cams");
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)st;
    assert_int_equal(sedge_roles_may_deploy(&all, SEDGE_TARGET_THING, "cam-1", &err), 0);
    assert_int_equal(sedge_roles_may_deploy(&cams, SEDGE_TARGET_GROUP, "cams", &err), 0);
    assert_int_equal(sedge_roles_may_deploy(&cams, SEDGE_TARGET_GROUP, "lamps", &err), -1);
    assert_int_equal(sedge_roles_may_deploy(&cams, SEDGE_TARGET_THING, "cams", &err), -1);
    assert_int_equal(err.code, SEDGE_E_DENIED);
    sedge_strv_release(&cams.groups);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_operator_wrote_comes_back),
        cmocka_unit_test(times_are_seconds_with_milliseconds),
        cmocka_unit_test(a_deployer_of_some_groups_deploys_to_them_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
