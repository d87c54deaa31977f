#include "../test.h"

#include "base/json.h"
#include "base/mem.h"
#include "fetch_helper/helper/settings.h"

static int init(struct sedge_settings *s, const char *text, struct sedge_err *err)
{
    sedge_auto_put struct json_object *o = sedge_json_parse_object(text, strlen(text), "test", err);

    assert_non_null(o);
    return sedge_settings_init(s, o, err);
}

static int no_environment(void **st)
{
    static const char *const names[] = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SHARED_CREDENTIALS_FILE",
                                        "AWS_PROFILE", "HOME"};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(names); i++)
        (void)unsetenv(names[i]);
    return 0;
}

static void defaults_are_filled_in(void **st)
{
    struct sedge_settings s;
    struct sedge_err err;

    (void)st;
    assert_int_equal(init(&s, "{\"op\":\"config\",\"objectStore\":{\"region\":\"eu-west-1\",\"bucket\":\"b\"}}", &err),
                     0);
    assert_string_equal(s.endpoint, "https://s3.eu-west-1.amazonaws.com");
    assert_false(s.path_style);
    assert_null(s.access_key);
    sedge_settings_release(&s);
    assert_int_equal(
        init(&s, "{\"objectStore\":{\"endpoint\":\"http://h:1//\",\"accessKeyId\":\"a:b\",\"secretAccessKey\":\"c\"}}",
             &err),
        0);
    assert_string_equal(s.endpoint, "http://h:1");
    assert_true(s.path_style);
    assert_string_equal(s.access_key, "a:b");
    sedge_settings_release(&s);
}

static void what_cannot_work_is_refused(void **st)
{
    static const struct {
        const char *text, *word;
    } rows[] = {
        {"{\"objectStore\":{\"endpoint\":\"h:9000\"}}", "http://HOST:PORT"},
        {"{\"objectStore\":{\"endpoint\":\"ftp://h\"}}", "endpoint"},
        {"{\"objectStore\":{\"endpoint\":\"http://u:p@h\"}}", "endpoint"},
        {"{\"objectStore\":{\"region\":\"eu west\"}}", "region"},
        {"{\"objectStore\":{\"secretAccessKey\":\"x\"}}", "secretAccessKey without accessKeyId"},
        {"{\"objectStore\":{\"endpoint\":1}}", "endpoint"},
        {"{\"parallel\":0}", "parallel"},
        {"{\"paralel\":1}", "paralel"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_settings s;
        struct sedge_err err = SEDGE_ERR_INIT;

        if (init(&s, rows[i].text, &err) == 0) fail_msg("accepted: %s", rows[i].text);
        if (!strstr(err.msg, rows[i].word)) fail_msg("%s: %s", rows[i].text, err.msg);
    }
}

static void credentials_files_are_read_by_profile(void **st)
{
    static const char text[] =
        "aws_access_key_id=outside\n[default]\naws_access_key_id = a\naws_secret_access_key = b=c \r\n"
        "; comment\n[ other ]\n# aws_access_key_id = no\naws_access_key_id=x\n"
        "aws_secret_access_key=y\naws_session_token = z\nregion = r\n[]\n[";
    struct sedge_settings s = {.endpoint = NULL};

    (void)st;
    sedge_credentials_parse(&s, text, "default");
    assert_string_equal(s.access_key, "a");
    assert_string_equal(s.secret_key, "b=c");
    assert_null(s.session_token);
    sedge_credentials_parse(&s, text, "other");
    assert_string_equal(s.access_key, "x");
    assert_string_equal(s.session_token, "z");
    sedge_settings_release(&s);
    sedge_credentials_parse(&s, text, "none");
    assert_null(s.access_key);
}

static void a_data_plane_that_cannot_be_asked_says_why(void **st)
{
    static const struct {
        const char *plane, *word;
    } rows[] = {
        {"{}", "greengrassDataPlaneEndpoint"},
        {"{\"url\":\"http://h\"}", "https://HOST:PORT"},
        {"{\"url\":\"https://\"}", "greengrassDataPlaneEndpoint"},
        {"{\"url\":\"https://h\"}", "rootCaPath"},
        {"{\"url\":\"https://h\",\"caFile\":\"/ca\"}", "certificateFilePath"},
        {"{\"url\":\"https://h\",\"caFile\":\"/ca\",\"certFile\":\"/none\"}", "/none"},
        {"{\"url\":\"https://h\",\"caFile\":\"/ca\",\"certFile\":\"/proc/version\"}", "privateKeyPath"},
        {"{\"url\":\"https://h\",\"caFile\":\"/ca\",\"certFile\":\"/proc/version\",\"keyFile\":\"pkcs11:x\"}",
         "PKCS#11"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_free char *text = sedge_xasprintf("{\"dataPlane\":%s}", rows[i].plane);
        struct sedge_settings s;
        struct sedge_err err;

        assert_int_equal(init(&s, text, &err), 0); /* the rest works all the same */
        assert_int_not_equal(s.plane.why.code, SEDGE_OK);
        if (!strstr(s.plane.why.msg, rows[i].word)) fail_msg("%s lacks %s: %s", text, rows[i].word, s.plane.why.msg);
        sedge_settings_release(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_filled_in),
        cmocka_unit_test(what_cannot_work_is_refused),
        cmocka_unit_test(credentials_files_are_read_by_profile),
        cmocka_unit_test(a_data_plane_that_cannot_be_asked_says_why),
    };

    return cmocka_run_group_tests(tests, no_environment, NULL);
}
