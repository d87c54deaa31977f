#include "../test.h"

#include "base/mem.h"
#include "deploy/failure.h"

/* spec/deployment.md 18.3 and 18.4: local type, cloud type */
static void every_code_has_the_type_of_the_specification(void **st)
{
    static const struct {
        const char *type;
        const char *codes;
    } rows[] = {
        {NULL, "DEPLOYMENT_FAILURE DEPLOYMENT_REJECTED DEPLOYMENT_INTERRUPTED ARTIFACT_DOWNLOAD_ERROR "
               "NO_AVAILABLE_COMPONENT_VERSION COMPONENT_PACKAGE_LOADING_ERROR REJECTED_STALE_DEPLOYMENT "
               "CLOUD_API_ERROR IO_ERROR IO_MAPPING_ERROR A_CODE_THAT_NOBODY_KNOWS"},
        {"REQUEST_ERROR",
         "NUCLEUS_MISSING_REQUIRED_CAPABILITIES COMPONENT_CIRCULAR_DEPENDENCY_ERROR "
         "UNAUTHORIZED_NUCLEUS_MINOR_VERSION_UPDATE MISSING_DOCKER_APPLICATION_MANAGER MISSING_TOKEN_EXCHANGE_SERVICE "
         "COMPONENT_VERSION_REQUIREMENTS_NOT_MET MULTIPLE_NUCLEUS_RESOLVED_ERROR THROTTLING_ERROR CONFLICTED_REQUEST "
         "RESOURCE_NOT_FOUND RUN_WITH_CONFIG_NOT_VALID UNSUPPORTED_REGION IOT_CRED_ENDPOINT_FORMAT_NOT_VALID "
         "IOT_DATA_ENDPOINT_FORMAT_NOT_VALID S3_HEAD_OBJECT_RESOURCE_NOT_FOUND "
         "S3_GET_BUCKET_LOCATION_RESOURCE_NOT_FOUND S3_GET_OBJECT_RESOURCE_NOT_FOUND"},
        {"NUCLEUS_ERROR", "BAD_REQUEST NUCLEUS_VERSION_NOT_FOUND NUCLEUS_RESTART_FAILURE COMPONENT_LOAD_FAILURE"},
        {"PERMISSION_ERROR",
         "ACCESS_DENIED GET_DEPLOYMENT_CONFIGURATION_ACCESS_DENIED GET_COMPONENT_VERSION_ARTIFACT_ACCESS_DENIED "
         "RESOLVE_COMPONENT_CANDIDATES_ACCESS_DENIED MISSING_MQTT_CONNECT_POLICY CREDENTIAL_ENDPOINT_AUTH_FAILURE "
         "GET_ECR_CREDENTIAL_ERROR USER_NOT_AUTHORIZED_FOR_DOCKER S3_ACCESS_DENIED S3_HEAD_OBJECT_ACCESS_DENIED "
         "S3_GET_BUCKET_LOCATION_ACCESS_DENIED S3_GET_OBJECT_ACCESS_DENIED"},
        {"SERVER_ERROR", "SERVER_ERROR CREDENTIAL_ENDPOINT_SERVER_ERROR S3_SERVER_ERROR"},
        {"NETWORK_ERROR", "NETWORK_ERROR MQTT_CONNECTION_FAILED TLS_HANDSHAKE_FAILURE"},
        {"HTTP_ERROR", "HTTP_REQUEST_ERROR DOWNLOAD_DEPLOYMENT_DOCUMENT_ERROR GET_GREENGRASS_ARTIFACT_SIZE_ERROR "
                       "DOWNLOAD_GREENGRASS_ARTIFACT_ERROR"},
        {"DEVICE_ERROR",
         "IO_WRITE_ERROR IO_READ_ERROR DISK_SPACE_CRITICAL IO_FILE_ATTRIBUTE_ERROR SET_PERMISSION_ERROR IO_UNZIP_ERROR "
         "LOCAL_RECIPE_NOT_FOUND LOCAL_RECIPE_CORRUPTED LOCAL_RECIPE_METADATA_NOT_FOUND HASHING_ALGORITHM_UNAVAILABLE "
         "LAUNCH_DIRECTORY_CORRUPTED DEVICE_CONFIG_NOT_VALID_FOR_ARTIFACT_DOWNLOAD"},
        {"COMPONENT_RECIPE_ERROR",
         "RECIPE_PARSE_ERROR RECIPE_METADATA_PARSE_ERROR ARTIFACT_URI_NOT_VALID S3_ARTIFACT_URI_NOT_VALID "
         "DOCKER_ARTIFACT_URI_NOT_VALID EMPTY_ARTIFACT_URI EMPTY_ARTIFACT_SCHEME UNSUPPORTED_ARTIFACT_SCHEME "
         "RECIPE_MISSING_MANIFEST RECIPE_MISSING_ARTIFACT_HASH_ALGORITHM ARTIFACT_CHECKSUM_MISMATCH "
         "COMPONENT_DEPENDENCY_NOT_VALID CONFIG_INTERPOLATE_ERROR COMPONENT_VERSION_NOT_VALID"},
        {"DEPENDENCY_ERROR", "DOCKER_ERROR DOCKER_SERVICE_UNAVAILABLE DOCKER_IMAGE_QUERY_ERROR DOCKER_LOGIN_ERROR "
                             "DOCKER_PULL_ERROR DOCKER_IMAGE_NOT_VALID S3_ERROR S3_RESOURCE_NOT_FOUND S3_BAD_REQUEST"},
        {"CLOUD_SERVICE_ERROR", "RESOLVE_COMPONENT_CANDIDATES_BAD_RESPONSE DEPLOYMENT_DOCUMENT_SIZE_EXCEEDED "
                                "GREENGRASS_ARTIFACT_SIZE_NOT_FOUND"},
        {"USER_COMPONENT_ERROR", "CUSTOM_PLUGIN_NOT_SUPPORTED COMPONENT_UPDATE_ERROR COMPONENT_BROKEN "
                                 "REMOVE_COMPONENT_ERROR COMPONENT_BOOTSTRAP_TIMEOUT COMPONENT_BOOTSTRAP_ERROR "
                                 "COMPONENT_CONFIGURATION_NOT_VALID"},
        {"UNKNOWN_ERROR", "DEPLOYMENT_TYPE_NOT_VALID"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_strv struct sedge_strv codes = {NULL, 0};
        sedge_strv_split(&codes, rows[i].codes, " ");
        for (size_t k = 0; k < codes.n; k++) {
            const char *local = sedge_failure_type(codes.v[k], SEDGE_SOURCE_LOCAL);
            if (!sedge_str_eq(local, rows[i].type))
                fail_msg("%s: expected %s, got %s", codes.v[k], rows[i].type ? rows[i].type : "none",
                         local ? local : "none");
        }
    }
}

static void a_bad_document_is_the_fault_of_who_made_it(void **st)
{
    static const char *const codes[] = {"DEPLOYMENT_DOCUMENT_NOT_VALID", "EMPTY_DEPLOYMENT_REQUEST",
                                        "DEPLOYMENT_DOCUMENT_PARSE_ERROR",
                                        "COMPONENT_METADATA_NOT_VALID_IN_DEPLOYMENT"};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(codes); i++) {
        assert_string_equal(sedge_failure_type(codes[i], SEDGE_SOURCE_LOCAL), "NUCLEUS_ERROR");
        assert_string_equal(sedge_failure_type(codes[i], SEDGE_SOURCE_JOBS), "CLOUD_SERVICE_ERROR");
        assert_string_equal(sedge_failure_type(codes[i], SEDGE_SOURCE_SHADOW), "CLOUD_SERVICE_ERROR");
    }
}

static void the_stack_goes_from_general_to_specific_without_repeats(void **st)
{
    struct sedge_failure f = SEDGE_FAILURE_INIT;
    struct sedge_failure rejected = SEDGE_FAILURE_INIT;
    sedge_auto_free char *text = NULL;

    (void)st;
    assert_false(sedge_failure_is_set(&f));
    sedge_failure_add(&f, "COMPONENT_UPDATE_ERROR");
    sedge_failure_add(&f, "COMPONENT_BROKEN");
    sedge_failure_add(&f, "COMPONENT_UPDATE_ERROR");
    sedge_failure_add(&f, "DEPLOYMENT_FAILURE");
    assert_true(sedge_failure_is_set(&f));
    text = sedge_strv_join(&f.stack, " ");
    assert_string_equal(text, "DEPLOYMENT_FAILURE COMPONENT_UPDATE_ERROR COMPONENT_BROKEN");
    sedge_failure_release(&f);
    assert_false(sedge_failure_is_set(&f));
    sedge_failure_add(&rejected, "DEPLOYMENT_REJECTED");
    sedge_failure_add(&rejected, "REJECTED_STALE_DEPLOYMENT");
    assert_string_equal(rejected.stack.v[0], "DEPLOYMENT_REJECTED");
    assert_int_equal(rejected.stack.n, 2);
    sedge_failure_release(&rejected);
}

static void the_first_cause_is_the_one_that_counts(void **st)
{
    struct sedge_failure f = SEDGE_FAILURE_INIT;

    (void)st;
    sedge_failure_cause(&f, "%s broke", "A");
    sedge_failure_cause(&f, "%s broke", "B");
    assert_string_equal(f.cause, "A broke");
    sedge_failure_release(&f);
}

static void errors_of_the_boxes_below_become_codes(void **st)
{
    static const struct {
        enum sedge_err_code code;
        const char *stack;
    } rows[] = {
        {SEDGE_E_NO_SPACE, "DEPLOYMENT_FAILURE ARTIFACT_DOWNLOAD_ERROR DISK_SPACE_CRITICAL"},
        {SEDGE_E_DIGEST, "DEPLOYMENT_FAILURE ARTIFACT_DOWNLOAD_ERROR ARTIFACT_CHECKSUM_MISMATCH"},
        {SEDGE_E_UNAVAILABLE, "DEPLOYMENT_FAILURE ARTIFACT_DOWNLOAD_ERROR NETWORK_ERROR"},
        {SEDGE_E_TIMEOUT, "DEPLOYMENT_FAILURE ARTIFACT_DOWNLOAD_ERROR NETWORK_ERROR"},
        {SEDGE_E_IO, "DEPLOYMENT_FAILURE ARTIFACT_DOWNLOAD_ERROR IO_ERROR"},
        {SEDGE_E_DENIED, "DEPLOYMENT_FAILURE ARTIFACT_DOWNLOAD_ERROR"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_failure f = SEDGE_FAILURE_INIT;
        struct sedge_err err = SEDGE_ERR_INIT;
        sedge_auto_free char *text = NULL;
        (void)sedge_err_set(&err, rows[i].code, "model.zip: no good");
        sedge_failure_add_err(&f, "ARTIFACT_DOWNLOAD_ERROR", &err);
        text = sedge_strv_join(&f.stack, " ");
        assert_string_equal(text, rows[i].stack);
        assert_string_equal(f.cause, "model.zip: no good");
        sedge_failure_release(&f);
    }
}

/* spec/deployment.md 19.1, 23.3, 23.5 */
static void details_have_the_keys_of_the_specification(void **st)
{
    struct sedge_failure f = SEDGE_FAILURE_INIT;
    sedge_auto_put struct json_object *good = sedge_failure_details(&f, "SUCCESSFUL", SEDGE_SOURCE_LOCAL);
    sedge_auto_put struct json_object *bad = NULL;

    (void)st;
    assert_string_equal(sedge_json_text(good), "{\"detailed-deployment-status\":\"SUCCESSFUL\"}");
    sedge_failure_add(&f, "COMPONENT_UPDATE_ERROR");
    sedge_failure_add(&f, "COMPONENT_BROKEN");
    sedge_failure_cause(&f, "A broke");
    bad = sedge_failure_details(&f, "FAILED_ROLLBACK_NOT_REQUESTED", SEDGE_SOURCE_LOCAL);
    assert_string_equal(sedge_json_text(bad),
                        "{\"detailed-deployment-status\":\"FAILED_ROLLBACK_NOT_REQUESTED\","
                        "\"deployment-failure-cause\":\"A broke\",\"deployment-error-stack\":[\"DEPLOYMENT_FAILURE\","
                        "\"COMPONENT_UPDATE_ERROR\",\"COMPONENT_BROKEN\"],"
                        "\"deployment-error-types\":[\"USER_COMPONENT_ERROR\"]}");
    sedge_failure_release(&f);
}

static void a_failure_is_told_with_the_last_lines_that_fit(void **st)
{
    struct sedge_failure f = SEDGE_FAILURE_INIT, again = SEDGE_FAILURE_INIT;
    sedge_auto_put struct json_object *kept = NULL, *details = NULL;
    sedge_auto_free char *all = NULL, *some = NULL, *none = NULL, *line = NULL;

    (void)st;
    sedge_failure_add(&f, "COMPONENT_BROKEN");
    sedge_failure_cause(&f, "A broke");
    sedge_strv_add(&f.output, "first");
    sedge_strv_add(&f.output, "second");
    kept = sedge_failure_to_json(&f); /* through the journal */
    sedge_failure_from_json(&again, kept);
    details = sedge_failure_details(&again, "FAILED_ROLLBACK_COMPLETE", SEDGE_SOURCE_JOBS);
    all = sedge_failure_text(details, 0);
    assert_string_equal(all, "A broke\nLast lines of its output:\n  first\n  second");
    some = sedge_failure_text(details, strlen(all) - 1);
    assert_string_equal(some, "A broke\nLast lines of its output:\n  second");
    none = sedge_failure_text(details, 40);
    assert_string_equal(none, "A broke");
    line = sedge_failure_line(details);
    assert_string_equal(line,
                        " detailedStatus=FAILED_ROLLBACK_COMPLETE errorStack=DEPLOYMENT_FAILURE,COMPONENT_BROKEN "
                        "errorTypes=USER_COMPONENT_ERROR cause=A broke Last lines of its output:   first   second");
    sedge_failure_release(&f);
    sedge_failure_release(&again);
}

static void sources_have_names(void **st)
{
    enum sedge_source back;

    (void)st;
    for (int i = SEDGE_SOURCE_LOCAL; i <= SEDGE_SOURCE_SHADOW; i++) {
        assert_int_equal(sedge_source_from_name(sedge_source_name((enum sedge_source)i), &back), 0);
        assert_int_equal(back, i);
    }
    assert_int_equal(sedge_source_from_name("local", &back), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_the_type_of_the_specification),
        cmocka_unit_test(a_bad_document_is_the_fault_of_who_made_it),
        cmocka_unit_test(the_stack_goes_from_general_to_specific_without_repeats),
        cmocka_unit_test(the_first_cause_is_the_one_that_counts),
        cmocka_unit_test(errors_of_the_boxes_below_become_codes),
        cmocka_unit_test(details_have_the_keys_of_the_specification),
        cmocka_unit_test(a_failure_is_told_with_the_last_lines_that_fit),
        cmocka_unit_test(sources_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
