#include "../test.h"

#include "base/mem.h"
#include "deploy/document.h"

#define ARN "arn:aws:greengrass:us-east-1:123456789012:configuration:thinggroup/cameras:7"

static struct json_object *json(const char *text)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct json_object *v = sedge_json_parse(text, strlen(text), "test", &err);

    if (err.code != SEDGE_OK) fail_msg("%s: %s", text, err.msg);
    return v;
}

static void parse(const char *text, struct sedge_document *d)
{
    sedge_auto_put struct json_object *doc = json(text);
    struct sedge_failure f = SEDGE_FAILURE_INIT;

    if (sedge_document_parse(doc, d, &f) != 0) fail_msg("%s: %s", text, f.cause);
}

/* cloud-protocol.md 8.3 */
static void the_ml_example_is_read_whole(void **st)
{
    struct sedge_document d;
    const struct sedge_root *r;

    (void)st;
    parse("{\"deploymentId\":\"5e2b1c1e-6f0e-4c37-9a2f-0d8f3f1f2b11\",\"schemaDate\":\"2021-05-17\","
          "\"deploymentName\":\"dlr-image-classification\",\"configurationArn\":\"" ARN "\","
          "\"creationTimestamp\":1764590400000,\"components\":{"
          "\"variant.DLR.ImageClassification.ModelStore\":{\"version\":\"2.1.4\"},"
          "\"variant.DLR\":{\"version\":\"1.6.11\"},\"aws.greengrass.DLRImageClassification\":{\"version\":\"2.1.5\","
          "\"configurationUpdate\":{\"merge\":{\"InferenceInterval\":\"5\"},\"reset\":[\"/mode\"]},"
          "\"runWith\":{\"posixUser\":\"app:app\",\"systemResourceLimits\":{\"memory\":51200,\"cpus\":0.5}}}},"
          "\"failureHandlingPolicy\":\"ROLLBACK\",\"requiredCapabilities\":[],"
          "\"componentUpdatePolicy\":{\"timeout\":60,\"action\":\"NOTIFY_COMPONENTS\"},"
          "\"configurationValidationPolicy\":{\"timeout\":30}}",
          &d);
    assert_string_equal(d.deployment_id, "5e2b1c1e-6f0e-4c37-9a2f-0d8f3f1f2b11");
    assert_string_equal(d.configuration_arn, ARN);
    assert_string_equal(d.group, "thinggroup/cameras");
    assert_int_equal(d.revision, 7);
    assert_true(d.created_ms == 1764590400000);
    assert_true(d.rollback);
    assert_true(d.notify);
    assert_int_equal(d.notify_timeout_s, 60);
    assert_int_equal(d.validation_timeout_s, 30);
    assert_int_equal(d.nroots, 3);
    r = sedge_document_root(&d, "aws.greengrass.DLRImageClassification");
    assert_string_equal(r->version, "2.1.5");
    assert_string_equal(sedge_json_text(r->merge), "{\"InferenceInterval\":\"5\"}"); /* stays a text */
    assert_string_equal(sedge_json_text(r->reset), "[\"/mode\"]");
    assert_string_equal(sedge_json_str(r->run_with, "posixUser", ""), "app:app");
    assert_null(sedge_document_root(&d, "variant.dlr"));
    sedge_document_release(&d);
}

static void absent_members_have_the_defaults_of_the_specification(void **st)
{
    struct sedge_document d;

    (void)st;
    parse("{\"configurationArn\":\"" ARN "\"}", &d);
    assert_string_equal(d.deployment_id, ARN);
    assert_int_equal(d.nroots, 0);
    assert_true(d.rollback);
    assert_true(d.notify);
    assert_int_equal(d.notify_timeout_s, 60);
    assert_int_equal(d.validation_timeout_s, 60);
    assert_true(d.created_ms == 0);
    sedge_document_release(&d);
}

static void floats_nulls_and_unknown_members_are_accepted(void **st)
{
    struct sedge_document d;

    (void)st;
    parse("{\"configurationArn\":\"" ARN
          "\",\"creationTimestamp\":1.764590400E12,\"deploymentId\":null,\"x\":{\"y\":1},"
          "\"failureHandlingPolicy\":null,\"requiredCapabilities\":null,\"onBehalfOf\":null,\"parentTargetArn\":null,"
          "\"componentUpdatePolicy\":{\"timeout\":120.0,\"action\":\"SKIP_NOTIFY_COMPONENTS\",\"z\":1},"
          "\"configurationValidationPolicy\":null,\"components\":{"
          "\"A\":{\"version\":\"1.0.0\",\"configurationUpdate\":null,\"runWith\":null,\"new\":[]},"
          "\"B\":{\"version\":\"1.0.0\",\"configurationUpdate\":{\"merge\":null,\"reset\":null}},"
          "\"C\":{\"version\":\"1.0.0\",\"configurationUpdate\":{\"merge\":\"\",\"reset\":[\"\"]}}}}",
          &d);
    assert_true(d.created_ms == 1764590400000);
    assert_int_equal(d.notify_timeout_s, 120);
    assert_int_equal(d.validation_timeout_s, 60);
    assert_false(d.notify);
    assert_true(d.rollback);
    assert_string_equal(d.deployment_id, ARN);
    assert_int_equal(d.nroots, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_null(d.roots[i].merge);
        assert_null(d.roots[i].run_with);
        assert_true(d.roots[i].has_run_with); /* the cloud's document is complete: back to the default */
    }
    assert_string_equal(sedge_json_text(d.roots[2].reset), "[\"\"]");
    sedge_document_release(&d);
    parse("{\"configurationArn\":\"" ARN "\",\"components\":null,\"failureHandlingPolicy\":\"DO_NOTHING\"}", &d);
    assert_false(d.rollback);
    sedge_document_release(&d);
}

static void the_group_comes_from_the_arn(void **st)
{
    static const struct {
        const char *arn, *on_behalf_of, *group;
        int64_t revision;
    } rows[] = {
        {ARN, NULL, "thinggroup/cameras", 7},
        {"arn:aws:greengrass:eu-west-1:1:configuration:thing/cam-0017:3", NULL, "thing/cam-0017", 3},
        {"arn:aws:greengrass:eu-west-1:1:configuration:thinggroup/a:b:12", NULL, "thinggroup/a:b", 12},
        {"arn:aws:greengrass:eu-west-1:1:configuration:thinggroup/a:x", NULL, "thinggroup/a", 0},
        {"not an arn", NULL, "not an arn", 0},
        {"arn:aws:greengrass:eu-west-1:1:configuration:thing", NULL,
         "arn:aws:greengrass:eu-west-1:1:configuration:thing", 0},
        {ARN, "arn:aws:iot:us-east-1:123456789012:thinggroup/parent", "thinggroup/parent", 7},
        {ARN, "nonsense", "thinggroup/cameras", 7},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_put struct json_object *doc = json_object_new_object();
        struct sedge_failure f = SEDGE_FAILURE_INIT;
        struct sedge_document d;
        sedge_json_add_str(doc, "configurationArn", rows[i].arn);
        sedge_json_add_str(doc, "onBehalfOf", rows[i].on_behalf_of);
        assert_int_equal(sedge_document_parse(doc, &d, &f), 0);
        assert_string_equal(d.group, rows[i].group);
        assert_true(d.revision == rows[i].revision);
        sedge_document_release(&d);
    }
}

static void a_bad_document_is_refused_with_code_and_cause(void **st)
{
    static const struct {
        const char *members; /* besides the ARN; with "!" in front: the whole document */
        const char *code;    /* the last of the stack */
        const char *word;
    } rows[] = {
        {"![]", "DEPLOYMENT_DOCUMENT_PARSE_ERROR", "expected a JSON object"},
        {"!{}", "DEPLOYMENT_DOCUMENT_PARSE_ERROR", "configurationArn is missing"},
        {"!{\"configurationArn\":5}", "DEPLOYMENT_DOCUMENT_PARSE_ERROR", "configurationArn is missing"},
        {"\"components\":[]", "DEPLOYMENT_DOCUMENT_PARSE_ERROR", "components must be an object"},
        {"\"components\":{\"\":{\"version\":\"1.0.0\"}}", "COMPONENT_METADATA_NOT_VALID_IN_DEPLOYMENT",
         "name is empty"},
        {"\"components\":{\"A\":{}}", "COMPONENT_METADATA_NOT_VALID_IN_DEPLOYMENT", "\"A\": the version is missing"},
        {"\"components\":{\"A\":{\"version\":1}}", "COMPONENT_METADATA_NOT_VALID_IN_DEPLOYMENT",
         "\"A\": the version is missing"},
        {"\"components\":{\"A\":null}", "COMPONENT_METADATA_NOT_VALID_IN_DEPLOYMENT", "the version is missing"},
        {"\"components\":{\"A\":{\"version\":\"1.0.0\",\"configurationUpdate\":{\"merge\":[1]}}}",
         "COMPONENT_METADATA_NOT_VALID_IN_DEPLOYMENT", "configurationUpdate.merge must be an object"},
        {"\"components\":{\"A\":{\"version\":\"1.0.0\",\"configurationUpdate\":{\"reset\":\"/x\"}}}",
         "COMPONENT_METADATA_NOT_VALID_IN_DEPLOYMENT", "configurationUpdate.reset must be a list"},
        {"\"components\":{\"A\":{\"version\":\"1.0.0\",\"configurationUpdate\":{\"reset\":[1]}}}",
         "COMPONENT_METADATA_NOT_VALID_IN_DEPLOYMENT", "configurationUpdate.reset must be a list"},
        {"\"components\":{\"a/b\":{\"version\":\"1.0.0\"}}", "COMPONENT_METADATA_NOT_VALID_IN_DEPLOYMENT", "a/b"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_free char *text = rows[i].members[0] == '!'
                                         ? sedge_xstrdup(rows[i].members + 1)
                                         : sedge_xasprintf("{\"configurationArn\":\"" ARN "\",%s}", rows[i].members);
        sedge_auto_put struct json_object *doc = json(text);
        struct sedge_failure f = SEDGE_FAILURE_INIT;
        struct sedge_document d;
        if (sedge_document_parse(doc, &d, &f) != -1) fail_msg("%s was accepted", text);
        assert_string_equal(f.stack.v[0], "DEPLOYMENT_FAILURE");
        if (strcmp(f.stack.v[f.stack.n - 1], rows[i].code) != 0) fail_msg("%s: %s", text, f.stack.v[f.stack.n - 1]);
        if (!strstr(f.cause, rows[i].word)) fail_msg("%s: \"%s\"", text, f.cause);
        sedge_failure_release(&f);
    }
}

static void capabilities_that_the_nucleus_lacks_are_refused(void **st)
{
    static const struct {
        const char *list, *lacking; /* NULL: none */
    } rows[] = {
        {"[\"LINUX_RESOURCE_LIMITS\",\"SUB_DEPLOYMENTS\"]", NULL},
        {"null", NULL},
        {"[\"LINUX_RESOURCE_LIMITS\",\"TELEPORT\"]", "TELEPORT"},
        {"[null]", "null"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_free char *text = sedge_xasprintf("{\"requiredCapabilities\":%s}", rows[i].list);
        sedge_auto_put struct json_object *doc = json(text);
        struct sedge_failure f = SEDGE_FAILURE_INIT;
        assert_int_equal(sedge_document_check_capabilities(doc, &f), rows[i].lacking ? -1 : 0);
        if (rows[i].lacking) {
            assert_string_equal(f.stack.v[1], "NUCLEUS_MISSING_REQUIRED_CAPABILITIES");
            assert_non_null(strstr(f.cause, rows[i].lacking));
        }
        sedge_failure_release(&f);
    }
}

static void a_document_that_is_too_large_is_refused(void **st)
{
    sedge_auto_put struct json_object *doc = json("{\"configurationArn\":\"" ARN "\"}");
    sedge_auto_free char *text = sedge_xcalloc(1, SEDGE_DOCUMENT_BYTES_MAX + 1);
    struct sedge_failure f = SEDGE_FAILURE_INIT;
    struct sedge_document d;

    (void)st;
    memset(text, 'x', SEDGE_DOCUMENT_BYTES_MAX);
    sedge_json_add_str(doc, "deploymentName", text);
    assert_int_equal(sedge_document_parse(doc, &d, &f), -1);
    assert_true(sedge_strv_has(&f.stack, "DEPLOYMENT_DOCUMENT_SIZE_EXCEEDED"));
    assert_non_null(strstr(f.cause, "32768"));
    sedge_failure_release(&f);
}

/* spec/deployment.md 3.2 */
static void a_local_request_changes_the_roots_of_its_group(void **st)
{
    static const struct {
        const char *request, *roots, *group, *expected; /* "A=1.0.0 B=2.0.0" */
    } rows[] = {
        {"{}", NULL, "LOCAL_DEPLOYMENT", ""},
        {"{\"groupName\":\"\"}", NULL, "LOCAL_DEPLOYMENT", ""},
        {"{\"groupName\":\"line1\"}", NULL, "thinggroup/line1", ""},
        {"{\"rootComponentVersionsToAdd\":{\"A\":\"1.0.0\"}}", NULL, "LOCAL_DEPLOYMENT", "A=1.0.0"},
        {"{\"rootComponentVersionsToAdd\":{\"A\":\"^2.0.0\"}}", "{\"A\":\"1.0.0\",\"B\":\"1.1.0\"}", "LOCAL_DEPLOYMENT",
         "B=1.1.0 A=^2.0.0"},
        {"{\"rootComponentsToRemove\":[\"B\",\"other\"]}", "{\"A\":\"1.0.0\",\"B\":\"1.1.0\"}", "LOCAL_DEPLOYMENT",
         "A=1.0.0"},
        {"{\"rootComponentsToRemove\":[\"A\"],\"rootComponentVersionsToAdd\":{\"A\":\"3.0.0\"}}", "{\"A\":\"1.0.0\"}",
         "LOCAL_DEPLOYMENT", "A=3.0.0"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_put struct json_object *request = json(rows[i].request);
        sedge_auto_put struct json_object *roots = rows[i].roots ? json(rows[i].roots) : NULL;
        char text[256] = "";
        struct sedge_err err = SEDGE_ERR_INIT;
        struct sedge_document d;
        if (sedge_document_from_local(request, "id-1", 5, roots, &d, &err) != 0) fail_msg("%s", err.msg);
        for (size_t k = 0; k < d.nroots; k++) {
            size_t n = strlen(text);
            (void)snprintf(text + n, sizeof text - n, "%s%s=%s", k ? " " : "", d.roots[k].name, d.roots[k].version);
        }
        assert_string_equal(text, rows[i].expected);
        assert_string_equal(d.group, rows[i].group);
        assert_string_equal(d.deployment_id, "id-1");
        assert_true(d.created_ms == 5);
        assert_false(d.rollback); /* locally the default is DO_NOTHING */
        assert_false(d.notify);
        assert_int_equal(d.validation_timeout_s, 20);
        sedge_document_release(&d);
    }
}

static void a_local_request_carries_configuration_users_and_folders(void **st)
{
    sedge_auto_put struct json_object *request =
        json("{\"rootComponentVersionsToAdd\":{\"A\":\"1.0.0\",\"B\":\"1.0.0\"},\"failureHandlingPolicy\":\"ROLLBACK\","
             "\"recipeDirectoryPath\":\"/r\",\"artifactsDirectoryPath\":\"/a\","
             "\"componentToConfiguration\":{\"A\":{\"MERGE\":{\"x\":1},\"RESET\":[\"/y\"]},"
             "\"B\":{\"merge\":{\"x\":1},\"reset\":[\"/y\"]},\"not.a.root\":{\"MERGE\":{\"x\":1}}},"
             "\"componentToRunWithInfo\":{\"A\":{\"posixUser\":\"u\"}}}");
    struct sedge_document d;

    (void)st;
    assert_int_equal(sedge_document_from_local(request, "id-1", 5, NULL, &d, NULL), 0);
    assert_true(d.rollback);
    assert_string_equal(d.recipe_dir, "/r");
    assert_string_equal(d.artifact_dir, "/a");
    assert_int_equal(d.nroots, 2);
    assert_string_equal(sedge_json_text(d.roots[0].merge), "{\"x\":1}");
    assert_string_equal(sedge_json_text(d.roots[0].reset), "[\"/y\"]");
    assert_true(d.roots[0].has_run_with);
    assert_null(d.roots[1].merge); /* the keys are upper case here */
    assert_null(d.roots[1].reset);
    assert_false(d.roots[1].has_run_with); /* no entry: what is stored is kept */
    sedge_document_release(&d);
}

static void a_bad_local_request_is_refused(void **st)
{
    sedge_auto_put struct json_object *colon = json("{\"groupName\":\"a:b\"}");
    sedge_auto_put struct json_object *number = json("{\"rootComponentVersionsToAdd\":{\"A\":1}}");
    struct sedge_document d;
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)st;
    assert_int_equal(sedge_document_from_local(colon, "id", 5, NULL, &d, &err), -1);
    assert_non_null(strstr(err.msg, "colon"));
    assert_int_equal(sedge_document_from_local(number, "id", 5, NULL, &d, &err), -1);
    assert_non_null(strstr(err.msg, "rootComponentVersionsToAdd.A"));
}

static void a_large_document_is_completed_with_the_components_alone(void **st)
{
    sedge_auto_put struct json_object *small = json("{\"deploymentId\":\"d\",\"configurationArn\":\"" ARN "\","
                                                    "\"failureHandlingPolicy\":\"DO_NOTHING\",\"components\":{},"
                                                    "\"requiredCapabilities\":[\"LARGE_CONFIGURATION\"]}");
    sedge_auto_put struct json_object *full = json("{\"failureHandlingPolicy\":\"ROLLBACK\","
                                                   "\"components\":{\"a\":{\"version\":\"1.0.0\"}}}");
    sedge_auto_put struct json_object *none = json("{\"components\":[]}");
    sedge_auto_put struct json_object *whole = NULL, *offered = NULL;
    struct sedge_failure f = SEDGE_FAILURE_INIT;
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_document d;

    (void)st;
    assert_int_equal(sedge_document_parse(small, &d, &f), 0);
    assert_true(d.incomplete && d.nroots == 0);
    sedge_document_release(&d);
    assert_null(sedge_document_complete(small, none, &err));
    assert_non_null(strstr(err.msg, "components"));
    whole = sedge_document_complete(small, full, &err);
    assert_int_equal(sedge_document_parse(whole, &d, &f), 0);
    assert_false(d.incomplete || d.rollback);
    assert_int_equal(d.nroots, 1);
    assert_string_equal(d.roots[0].name, "a");
    sedge_document_release(&d);
    offered = sedge_document_offered(whole);
    assert_true(json_object_equal(offered, small));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ml_example_is_read_whole),
        cmocka_unit_test(absent_members_have_the_defaults_of_the_specification),
        cmocka_unit_test(floats_nulls_and_unknown_members_are_accepted),
        cmocka_unit_test(the_group_comes_from_the_arn),
        cmocka_unit_test(a_bad_document_is_refused_with_code_and_cause),
        cmocka_unit_test(capabilities_that_the_nucleus_lacks_are_refused),
        cmocka_unit_test(a_document_that_is_too_large_is_refused),
        cmocka_unit_test(a_large_document_is_completed_with_the_components_alone),
        cmocka_unit_test(a_local_request_changes_the_roots_of_its_group),
        cmocka_unit_test(a_local_request_carries_configuration_users_and_folders),
        cmocka_unit_test(a_bad_local_request_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
