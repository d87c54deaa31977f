/* Signed URLs against the example that AWS documents, and their parts for other stores. */
#include "../test.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cloud/http/presign.h"

#define MAY_24_2013 1369353600000LL

static const struct sedge_presign documented = {.region = "us-east-1",
                                                .access_key = "AKIAIOSFODNN7EXAMPLE",
                                                .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                                                .now_ms = MAY_24_2013,
                                                .expires_s = 86400};

static char *url_of(const struct sedge_presign *p, const char *bucket, const char *key)
{
    struct sedge_buf url = SEDGE_BUF_INIT;
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_presign_get(p, bucket, key, &url, &err) != 0) fail_msg("%s", err.msg);
    return sedge_buf_steal(&url);
}

static void the_example_of_aws_has_its_signature(void **st)
{
    struct sedge_presign p = documented;
    sedge_auto_free char *url = NULL;

    (void)st;
    p.endpoint = "https://s3.amazonaws.com";
    url = url_of(&p, "examplebucket", "test.txt");
    assert_string_equal(
        url,
        "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="
        "AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires="
        "86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
        "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

static void bucket_and_key_stand_where_the_store_wants_them(void **st)
{
    static const struct {
        const char *endpoint;
        bool path_style;
        const char *key, *begin;
    } rows[] = {
        {NULL, false, "a", "https://b.s3.us-east-1.amazonaws.com/a?"},
        {"http://127.0.0.1:9000", true, "x/y z+\xc3\xa4", "http://127.0.0.1:9000/b/x/y%20z%2B%C3%A4?"},
        {"http://127.0.0.1:9000/", false, "x", "http://b.127.0.0.1:9000/x?"},
        {"https://store.example:443", true, "x", "https://store.example/b/x?"},
        {"http://store.example:80", true, "x", "http://store.example/b/x?"},
        {"http://store.example:8080", true, "%2F", "http://store.example:8080/b/%252F?"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_presign p = documented;
        sedge_auto_free char *url = NULL;

        p.endpoint = rows[i].endpoint;
        p.path_style = rows[i].path_style;
        url = url_of(&p, "b", rows[i].key);
        assert_memory_equal(url, rows[i].begin, strlen(rows[i].begin));
    }
}

static void a_session_token_is_signed_in_its_place(void **st)
{
    struct sedge_presign p = documented;
    sedge_auto_free char *url = NULL;
    const char *expires, *token, *headers;

    (void)st;
    p.session_token = "t/o=";
    url = url_of(&p, "b", "k");
    expires = strstr(url, "&X-Amz-Expires=");
    token = strstr(url, "&X-Amz-Security-Token=t%2Fo%3D&");
    headers = strstr(url, "&X-Amz-SignedHeaders=");
    assert_true(expires && token && headers && expires < token && token < headers);
}

static void what_cannot_be_signed_is_refused(void **st)
{
    struct sedge_presign p = documented, none = documented, late = documented;
    sedge_auto_buf struct sedge_buf url = SEDGE_BUF_INIT;
    sedge_auto_free char *longest = sedge_xcalloc(SEDGE_PRESIGN_KEY_MAX + 2, 1);
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)st;
    memset(longest, 'k', SEDGE_PRESIGN_KEY_MAX + 1);
    none.secret_key = NULL;
    late.expires_s = SEDGE_PRESIGN_EXPIRES_MAX_S + 1;
    assert_int_equal(sedge_presign_get(&p, "", "k", &url, &err), -1);
    assert_int_equal(sedge_presign_get(&p, "b", "", &url, &err), -1);
    assert_int_equal(sedge_presign_get(&p, "b", longest, &url, &err), -1);
    assert_int_equal(sedge_presign_get(&none, "b", "k", &url, &err), -1);
    assert_int_equal(sedge_presign_get(&late, "b", "k", &url, &err), -1);
    p.endpoint = "http:///x";
    assert_int_equal(sedge_presign_get(&p, "b", "k", &url, &err), -1);
    assert_int_equal(err.code, SEDGE_E_INVALID);
    assert_int_equal(url.len, 0);
}

static void set_all(const char *key, const char *secret, const char *file)
{
    assert_int_equal(key ? setenv("AWS_ACCESS_KEY_ID", key, 1) : unsetenv("AWS_ACCESS_KEY_ID"), 0);
    assert_int_equal(secret ? setenv("AWS_SECRET_ACCESS_KEY", secret, 1) : unsetenv("AWS_SECRET_ACCESS_KEY"), 0);
    assert_int_equal(setenv("AWS_SHARED_CREDENTIALS_FILE", file, 1), 0);
}

static void credentials_are_found_where_the_publisher_finds_them(void **st)
{
    char file[] = "/tmp/sedge-presign-XXXXXX";
    static const char text[] =
        "[other]\naws_access_key_id=no\n[default]\naws_access_key_id = F\naws_secret_access_key=G\n";
    struct sedge_cloud_settings set = {0};
    struct sedge_presign_keys k;
    struct sedge_err err = SEDGE_ERR_INIT;
    int fd = mkstemp(file);

    (void)st;
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
    set_all(NULL, NULL, "/nowhere");
    assert_int_equal(sedge_presign_keys_find(&set, &k, &err), -1);
    assert_int_equal(err.code, SEDGE_E_NOT_FOUND);
    set_all(NULL, NULL, file);
    assert_int_equal(sedge_presign_keys_find(&set, &k, &err), 0);
    assert_string_equal(k.access_key, "F");
    sedge_presign_keys_release(&k);
    set_all("E", "S", file);
    assert_int_equal(sedge_presign_keys_find(&set, &k, &err), 0);
    assert_string_equal(k.access_key, "E");
    sedge_presign_keys_release(&k);
    set.s3_access_key = (char *)(uintptr_t) "P";
    set.s3_secret_key = (char *)(uintptr_t) "P2";
    set.s3_device_access_key = (char *)(uintptr_t) "D";
    set.s3_device_secret_key = (char *)(uintptr_t) "D2";
    assert_int_equal(sedge_presign_keys_find(&set, &k, &err), 0);
    assert_string_equal(k.secret_key, "D2");
    sedge_presign_keys_release(&k);
    (void)unlink(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_aws_has_its_signature),
        cmocka_unit_test(bucket_and_key_stand_where_the_store_wants_them),
        cmocka_unit_test(a_session_token_is_signed_in_its_place),
        cmocka_unit_test(what_cannot_be_signed_is_refused),
        cmocka_unit_test(credentials_are_found_where_the_publisher_finds_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
