/* Deployment documents: the operator's form in, the device's form out, revisions and differences. */
#include "../test.h"

#include "base/json.h"
#include "base/mem.h"
#include "cloud/cloud.h"
#include "cloud/deploy/document.h"

static struct sedge_doc parse(const char *text)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_doc d;

    if (sedge_doc_parse(text, strlen(text), "d.json", &d, &err) != 0) fail_msg("%s", err.msg);
    return d;
}

static void defaults_are_those_of_the_api(void **st)
{
    struct sedge_doc d = parse("{\"components\":{\"a\":{\"componentVersion\":\"1.0.0\"}}}");
    sedge_auto_free char *text = sedge_json_text_sorted(d.content);

    (void)st;
    assert_int_equal(d.kind, -1);
    assert_string_equal(
        text, "{\"componentUpdatePolicy\":{\"action\":\"NOTIFY_COMPONENTS\",\"timeout\":60},\"components\":{\"a\":{"
              "\"version\":\"1.0.0\"}},\"configurationValidationPolicy\":{\"timeout\":60},"
              "\"failureHandlingPolicy\":\"ROLLBACK\",\"requiredCapabilities\":[]}");
    sedge_doc_release(&d);
}

static void the_device_document_carries_ids_and_comes_back_as_content(void **st)
{
    struct sedge_doc d = parse("{\"components\":{\"a\":{\"componentVersion\":\"1.0.0\",\"configurationUpdate\":{"
                               "\"reset\":[\"/x\"],\"merge\":\"{\\\"n\\\":1.50}\"}}}}");
    sedge_auto_buf struct sedge_buf out = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf h1 = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf h2 = SEDGE_BUF_INIT;
    sedge_auto_put struct json_object *back = NULL;

    (void)st;
    sedge_doc_device(d.content, &(struct sedge_doc_ids){"id", NULL, "arn:x:1", 1764590400000}, &out);
    assert_non_null(strstr(out.data, "\"deploymentId\":\"id\",\"schemaDate\":\"2021-05-17\",\"configurationArn\":"
                                     "\"arn:x:1\",\"creationTimestamp\":1764590400000,"));
    assert_non_null(strstr(out.data, "\"configurationUpdate\":{\"reset\":[\"/x\"],\"merge\":{\"n\":1.50}}"));
    assert_null(strstr(out.data, "null"));
    back = sedge_doc_content(out.data, NULL);
    sedge_doc_hash(d.content, &h1);
    sedge_doc_hash(back, &h2);
    assert_string_equal(h1.data, h2.data);
    sedge_doc_release(&d);
}

#define A(member) "{\"components\":{\"a\":{\"componentVersion\":\"1.0.0\",\"configurationUpdate\":{" member "}}}}"

static void bad_documents_are_refused_where_they_are_wrong(void **st)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"{", "d.json:1:"},
        {"[]", "d.json"},
        {"{\"component\":{}}", "did you mean \"components\"?"},
        {"{\"targetArn\":\"cams\"}", "targetArn: target \"cams\": expected group:NAME"},
        {"{\"targetArn\":\"arn:aws:iot:r:a:thinggroup/a b\"}", "group name \"a b\""},
        {"{\"components\":{\"a b\":{\"componentVersion\":\"1.0.0\"}}}", "component name \"a b\""},
        {"{\"components\":{\"a\":{}}}", "components.a"},
        {"{\"components\":{\"a\":3}}", "components.a: expected an object"},
        {"{\"components\":{\"a\":{\"componentVersion\":\">=1.0.0\"}}}", "is not a version"},
        {A("\"merge\":\"{\\\"x\\\" 1}\""), "components.a.configurationUpdate.merge:1:"},
        {A("\"merge\":\"[]\""), "configurationUpdate.merge"},
        {A("\"merge\":5"), "expected an object as JSON text"},
        {A("\"MERGE\":\"{}\""), "MERGE: unknown key; expected merge or reset"},
        {A("\"reset\":[\"x\"]"), "reset/0: expected a JSON pointer"},
        {"{\"deploymentPolicies\":{\"failureHandlingPolicy\":\"GIVE_UP\"}}", "neither ROLLBACK nor DO_NOTHING"},
        {"{\"deploymentPolicies\":{\"componentUpdatePolicy\":{\"action\":\"ASK\"}}}", "NOTIFY_COMPONENTS"},
        {"{\"deploymentPolicies\":{\"componentUpdatePolicy\":{\"timeoutInSeconds\":\"60\"}}}", "timeoutInSeconds"},
        {"{\"iotJobConfiguration\":{\"timeoutConfig\":{\"inProgressTimeoutInMinutes\":0}}}", "outside 1..10080"},
        {"{\"parentTargetArn\":\"arn:x\"}", "sub-deployments"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_err err = SEDGE_ERR_INIT;
        struct sedge_doc d;

        assert_int_equal(sedge_doc_parse(rows[i].text, strlen(rows[i].text), "d.json", &d, &err), -1);
        if (!strstr(err.msg, rows[i].says)) fail_msg("row %zu: \"%s\" lacks \"%s\"", i, err.msg, rows[i].says);
        sedge_doc_release(&d);
    }
}

static void a_revision_changes_what_it_names(void **st)
{
    struct sedge_doc d =
        parse("{\"components\":{\"a\":{\"componentVersion\":\"1.0.0\",\"configurationUpdate\":{\"merge\":{"
              "\"x\":{\"y\":1,\"z\":2}}}},\"b\":{\"componentVersion\":\"1.0.0\"}}}");
    sedge_auto_put struct json_object *now = sedge_json_copy(d.content);
    sedge_auto_buf struct sedge_buf diff = SEDGE_BUF_INIT;
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)st;
    sedge_doc_diff(d.content, now, &diff);
    assert_int_equal(diff.len, 0);
    assert_int_equal(sedge_doc_merge(now, "a={\"x\":{\"y\":9}}", &err), 0);
    assert_int_equal(sedge_doc_reset(now, "a=/q", &err), 0);
    assert_int_equal(sedge_doc_set_component(now, "a@1.1.0", &err), 0);
    assert_int_equal(sedge_doc_set_component(now, "c@2.0.0", &err), 0);
    assert_int_equal(sedge_doc_rm_component(now, "b", &err), 0);
    sedge_doc_diff(d.content, now, &diff);
    assert_string_equal(diff.data, "~ a version: 1.0.0 -> 1.1.0\n"
                                   "~ a merge: {\"x\":{\"y\":1,\"z\":2}} -> {\"x\":{\"y\":9,\"z\":2}}\n"
                                   "~ a reset: (none) -> [\"/q\"]\n"
                                   "+ c@2.0.0\n"
                                   "- b@1.0.0\n");
    assert_int_equal(sedge_doc_rm_component(now, "zz", &err), -1);
    assert_int_equal(err.code, SEDGE_E_NOT_FOUND);
    assert_int_equal(sedge_doc_merge(now, "a={x", &err), -1);
    assert_int_equal(sedge_doc_merge(now, "a", &err), -1);
    assert_int_equal(sedge_doc_reset(now, "a=q", &err), -1);
    assert_int_equal(sedge_doc_set_component(now, "a", &err), -1);
    sedge_doc_release(&d);
}

static void targets_are_read_in_every_spelling(void **st)
{
    static const struct {
        const char *text, *name;
        int kind;
    } rows[] = {
        {"group:cams", "cams", SEDGE_TARGET_GROUP},
        {"thing:cam-1", "cam-1", SEDGE_TARGET_THING},
        {"arn:aws:iot:us-west-2:REPLACEME_ACCOUNTID:thinggroup/hbshub", "hbshub", SEDGE_TARGET_GROUP},
        {"arn:aws:iot:us-west-2:1:thing/cam-1", "cam-1", SEDGE_TARGET_THING},
        {"cams", NULL, 0},
        {"group:", NULL, 0},
        {"x group:cams", NULL, 0},
        {"thinggroup/cams", NULL, 0},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_free char *name = NULL;
        int kind = -1;

        assert_int_equal(sedge_doc_parse_target(rows[i].text, &kind, &name, NULL), rows[i].name ? 0 : -1);
        if (!rows[i].name) continue;
        assert_int_equal(kind, rows[i].kind);
        assert_string_equal(name, rows[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_api),
        cmocka_unit_test(the_device_document_carries_ids_and_comes_back_as_content),
        cmocka_unit_test(bad_documents_are_refused_where_they_are_wrong),
        cmocka_unit_test(a_revision_changes_what_it_names),
        cmocka_unit_test(targets_are_read_in_every_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
