#include "../test.h"

#include <curl/curl.h>
#include <errno.h>

#include "base/mem.h"
#include "base/str.h"
#include "fetch_helper/helper/verdict.h"

static char endpoint[] = "http://store:9000", key_id[] = "id";
static const struct sedge_settings signed_settings = {.endpoint = endpoint, .access_key = key_id};
static const struct sedge_settings open_settings = {.endpoint = endpoint};

static void every_end_of_a_transfer_has_its_verdict(void **st)
{
    static const struct {
        int curl;
        long status;
        const char *s3_code;
        const struct sedge_settings *s;
        enum sedge_verdict verdict;
        enum sedge_err_code code;
        const char *stack, *word;
    } rows[] = {
        {CURLE_OK, 200, "", &signed_settings, SEDGE_VERDICT_OK, SEDGE_OK, NULL, NULL},
        {CURLE_OK, 206, "", &signed_settings, SEDGE_VERDICT_OK, SEDGE_OK, NULL, NULL},
        {CURLE_OK, 403, "SignatureDoesNotMatch", &signed_settings, SEDGE_VERDICT_FINAL, SEDGE_E_DENIED,
         "S3_ERROR S3_ACCESS_DENIED", "system.objectStore"},
        {CURLE_OK, 403, "RequestTimeTooSkewed", &signed_settings, SEDGE_VERDICT_FINAL, SEDGE_E_DENIED,
         "S3_ERROR S3_ACCESS_DENIED", "clock"},
        {CURLE_OK, 400, "AuthorizationHeaderMalformed", &signed_settings, SEDGE_VERDICT_FINAL, SEDGE_E_DENIED,
         "S3_ERROR S3_ACCESS_DENIED", "region"},
        {CURLE_OK, 400, "", &open_settings, SEDGE_VERDICT_FINAL, SEDGE_E_DENIED, "S3_ERROR S3_ACCESS_DENIED",
         "not signed"},
        {CURLE_OK, 400, "BadDigest", &signed_settings, SEDGE_VERDICT_FINAL, SEDGE_E_INVALID, "S3_ERROR S3_BAD_REQUEST",
         "BadDigest"},
        {CURLE_OK, 301, "PermanentRedirect", &signed_settings, SEDGE_VERDICT_FINAL, SEDGE_E_INVALID,
         "S3_ERROR S3_BAD_REQUEST", "objectStore.region"},
        {CURLE_OK, 404, "NoSuchKey", &signed_settings, SEDGE_VERDICT_FINAL, SEDGE_E_NOT_FOUND,
         "S3_ERROR S3_RESOURCE_NOT_FOUND", "no key \"k\" in bucket \"bkt\""},
        {CURLE_OK, 404, "NoSuchBucket", &signed_settings, SEDGE_VERDICT_FINAL, SEDGE_E_NOT_FOUND,
         "S3_ERROR S3_RESOURCE_NOT_FOUND", "bucket \"bkt\" does not exist"},
        {CURLE_OK, 412, "", &signed_settings, SEDGE_VERDICT_FINAL, SEDGE_E_CONFLICT, "S3_ERROR S3_BAD_REQUEST",
         "already"},
        {CURLE_OK, 501, "", &signed_settings, SEDGE_VERDICT_FINAL, SEDGE_E_UNSUPPORTED, "S3_ERROR S3_SERVER_ERROR",
         "offer"},
        {CURLE_OK, 408, "", &signed_settings, SEDGE_VERDICT_HEAL, SEDGE_E_UNAVAILABLE, "S3_ERROR S3_SERVER_ERROR",
         "later"},
        {CURLE_OK, 429, "", &signed_settings, SEDGE_VERDICT_HEAL, SEDGE_E_UNAVAILABLE, "S3_ERROR S3_SERVER_ERROR",
         "429"},
        {CURLE_OK, 503, "SlowDown", &signed_settings, SEDGE_VERDICT_HEAL, SEDGE_E_UNAVAILABLE,
         "S3_ERROR S3_SERVER_ERROR", "SlowDown"},
        {CURLE_COULDNT_CONNECT, 0, "", &signed_settings, SEDGE_VERDICT_HEAL, SEDGE_E_UNAVAILABLE, "NETWORK_ERROR",
         "Connection refused"},
        {CURLE_PARTIAL_FILE, 200, "", &signed_settings, SEDGE_VERDICT_HEAL, SEDGE_E_UNAVAILABLE, "NETWORK_ERROR",
         "broke"},
        {CURLE_OPERATION_TIMEDOUT, 0, "", &signed_settings, SEDGE_VERDICT_HEAL, SEDGE_E_TIMEOUT, "NETWORK_ERROR",
         endpoint},
        {CURLE_PEER_FAILED_VERIFICATION, 0, "", &signed_settings, SEDGE_VERDICT_FINAL, SEDGE_E_DENIED,
         "NETWORK_ERROR TLS_HANDSHAKE_FAILURE", "certificate"},
        {CURLE_OUT_OF_MEMORY, 0, "", &signed_settings, SEDGE_VERDICT_FINAL, SEDGE_E_IO, "HTTP_REQUEST_ERROR", "memory"},
    };
    struct sedge_source src;
    struct sedge_fail fail = {.stack = NULL};

    (void)st;
    assert_int_equal(sedge_source_parse(&src, "s3://bkt/k", &fail), 0);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_outcome o = {
            .curl = rows[i].curl, .status = rows[i].status, .detail = "", .os_errno = ECONNREFUSED};

        (void)snprintf(o.s3_code, sizeof o.s3_code, "%s", rows[i].s3_code);
        assert_int_equal(sedge_verdict_of(&o, rows[i].s, &src, &fail), rows[i].verdict);
        if (rows[i].verdict == SEDGE_VERDICT_OK) continue;
        if (!strstr(fail.err.msg, rows[i].word)) fail_msg("row %zu lacks \"%s\": %s", i, rows[i].word, fail.err.msg);
        assert_non_null(strstr(fail.err.msg, "s3://bkt/k"));
        assert_int_equal(fail.err.code, rows[i].code);
        assert_string_equal(fail.stack, rows[i].stack);
    }
    sedge_source_release(&src);
}

static const char plane[] = "https://plane:8443/greengrass/v2/x";

static enum sedge_verdict ask(int curl, long status, const char *body, struct sedge_plane_answer *answer,
                              struct sedge_fail *fail)
{
    struct sedge_outcome o = {.curl = curl, .status = status, .detail = "", .os_errno = ECONNREFUSED};

    *fail = (struct sedge_fail){.stack = NULL};
    return sedge_verdict_of_plane(&o, &open_settings, plane, body, body ? strlen(body) : 0, answer, fail);
}

static void every_answer_of_the_data_plane_has_its_verdict(void **st)
{
    static const struct {
        int curl;
        long status;
        enum sedge_verdict verdict;
        enum sedge_err_code code;
        const char *stack, *word;
    } rows[] = {
        {CURLE_OK, 200, SEDGE_VERDICT_OK, SEDGE_OK, NULL, NULL},
        {CURLE_OK, 400, SEDGE_VERDICT_FINAL, SEDGE_E_INVALID, "CLOUD_API_ERROR BAD_REQUEST", "400"},
        {CURLE_OK, 403, SEDGE_VERDICT_FINAL, SEDGE_E_DENIED, "CLOUD_API_ERROR ACCESS_DENIED", "certificate"},
        {CURLE_OK, 404, SEDGE_VERDICT_FINAL, SEDGE_E_NOT_FOUND, "CLOUD_API_ERROR RESOURCE_NOT_FOUND", "published"},
        {CURLE_OK, 409, SEDGE_VERDICT_FINAL, SEDGE_E_CONFLICT, "CLOUD_API_ERROR CONFLICTED_REQUEST", "409"},
        {CURLE_OK, 429, SEDGE_VERDICT_HEAL, SEDGE_E_UNAVAILABLE, "CLOUD_API_ERROR THROTTLING_ERROR", "too often"},
        {CURLE_OK, 500, SEDGE_VERDICT_HEAL, SEDGE_E_UNAVAILABLE, "CLOUD_API_ERROR SERVER_ERROR", "500"},
        {CURLE_OK, 503, SEDGE_VERDICT_HEAL, SEDGE_E_UNAVAILABLE, "CLOUD_API_ERROR SERVER_ERROR", "later"},
        {CURLE_OK, 302, SEDGE_VERDICT_FINAL, SEDGE_E_INVALID, "CLOUD_API_ERROR", "greengrassDataPlaneEndpoint"},
        {CURLE_COULDNT_CONNECT, 0, SEDGE_VERDICT_HEAL, SEDGE_E_UNAVAILABLE, "NETWORK_ERROR", "greengrassDataPlanePort"},
        {CURLE_PEER_FAILED_VERIFICATION, 0, SEDGE_VERDICT_FINAL, SEDGE_E_DENIED, "NETWORK_ERROR TLS_HANDSHAKE_FAILURE",
         "system.rootCaPath"},
        {CURLE_SSL_CERTPROBLEM, 0, SEDGE_VERDICT_FINAL, SEDGE_E_INVALID, "NETWORK_ERROR TLS_HANDSHAKE_FAILURE",
         "system.privateKeyPath"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_plane_answer answer = {.message = ""};
        struct sedge_fail fail;

        assert_int_equal(ask(rows[i].curl, rows[i].status, NULL, &answer, &fail), rows[i].verdict);
        if (rows[i].verdict == SEDGE_VERDICT_OK) continue;
        if (!strstr(fail.err.msg, rows[i].word)) fail_msg("row %zu lacks \"%s\": %s", i, rows[i].word, fail.err.msg);
        assert_non_null(strstr(fail.err.msg, plane));
        assert_int_equal(fail.err.code, rows[i].code);
        assert_string_equal(fail.stack, rows[i].stack);
    }
}

static void the_words_of_the_data_plane_are_kept(void **st)
{
    struct sedge_plane_answer answer = {.exception = "ResourceNotFoundException"};
    sedge_auto_free char *body = NULL;
    char text[1202];
    struct sedge_fail fail;

    (void)st;
    (void)ask(CURLE_OK, 404, "{\"message\":\"no usable version\"}", &answer, &fail);
    assert_string_equal(answer.message, "no usable version");
    assert_non_null(strstr(fail.err.msg, "404 ResourceNotFoundException: no usable version"));
    (void)ask(CURLE_OK, 404, "<html>", &answer, &fail);
    assert_string_equal(answer.message, "");
    text[0] = 'x';
    for (size_t i = 1; i < sizeof text - 1; i++) /* characters of two bytes: the cut may not go through one */
        text[i] = i % 2 ? (char)0xC3 : (char)0xBC;
    text[sizeof text - 1] = 0;
    body = sedge_xasprintf("{\"message\":\"%s\"}", text);
    (void)ask(CURLE_OK, 500, body, &answer, &fail);
    assert_true(strlen(answer.message) > 500 && sedge_utf8_valid(answer.message, strlen(answer.message)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_end_of_a_transfer_has_its_verdict),
        cmocka_unit_test(every_answer_of_the_data_plane_has_its_verdict),
        cmocka_unit_test(the_words_of_the_data_plane_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
