#include "../test.h"

#include "base/mem.h"
#include "fetch_helper/helper/s3url.h"

static void every_form_of_url_is_understood_or_refused(void **st)
{
    static const struct {
        const char *url;
        int ok;
        enum sedge_scheme scheme;
        const char *bucket, *key, *path;
    } rows[] = {
        {"s3://bucket/key", 1, SEDGE_SCHEME_S3, "bucket", "key", NULL},
        {"S3://bucket/a b+c%20.txt", 1, SEDGE_SCHEME_S3, "bucket", "a b+c%20.txt", NULL},
        {"s3://bucket/a//b/", 1, SEDGE_SCHEME_S3, "bucket", "a//b/", NULL},
        {"s3://bucket", 1, SEDGE_SCHEME_S3, "bucket", "", NULL},
        {"s3:///key", 0, SEDGE_SCHEME_S3, NULL, NULL, NULL},
        {"s3://buc ket/key", 0, SEDGE_SCHEME_S3, NULL, NULL, NULL},
        {"s3://user@bucket/key", 0, SEDGE_SCHEME_S3, NULL, NULL, NULL},
        {"s3://bucket/\xff", 0, SEDGE_SCHEME_S3, NULL, NULL, NULL},
        {"file:///a/b", 1, SEDGE_SCHEME_FILE, NULL, NULL, "/a/b"},
        {"file://localhost/a%20b", 1, SEDGE_SCHEME_FILE, NULL, NULL, "/a b"},
        {"file:///a%zzb%4", 1, SEDGE_SCHEME_FILE, NULL, NULL, "/a%zzb%4"},
        {"file://a/b", 0, SEDGE_SCHEME_FILE, NULL, NULL, NULL},
        {"file:///a%00b", 0, SEDGE_SCHEME_FILE, NULL, NULL, NULL},
        {"https://h/p?q=1#f", 1, SEDGE_SCHEME_HTTP, NULL, NULL, NULL},
        {"http:///p", 0, SEDGE_SCHEME_HTTP, NULL, NULL, NULL},
        {"http://h/a b", 0, SEDGE_SCHEME_HTTP, NULL, NULL, NULL},
        {"greengrass:x/y", 1, SEDGE_SCHEME_NAME, NULL, NULL, NULL},
        {"ftp://h/x", 0, SEDGE_SCHEME_HTTP, NULL, NULL, NULL},
        {"/plain/path", 0, SEDGE_SCHEME_HTTP, NULL, NULL, NULL},
        {"", 0, SEDGE_SCHEME_HTTP, NULL, NULL, NULL},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_source s;
        struct sedge_fail fail = {.stack = NULL};
        int rc = sedge_source_parse(&s, rows[i].url, &fail);

        if ((rc == 0) != rows[i].ok) fail_msg("%s: %s", rows[i].url, rc ? fail.err.msg : "accepted");
        if (rc == 0) {
            assert_int_equal(s.scheme, rows[i].scheme);
            if (rows[i].bucket) assert_string_equal(s.bucket, rows[i].bucket);
            if (rows[i].key) assert_string_equal(s.key, rows[i].key);
            if (rows[i].path) assert_string_equal(s.path, rows[i].path);
        } else {
            assert_true(fail.err.msg[0] && fail.stack);
        }
        sedge_source_release(&s);
    }
}

static void a_password_in_a_url_stays_out_of_messages(void **st)
{
    struct sedge_source s;
    struct sedge_fail fail;

    (void)st;
    assert_int_equal(sedge_source_parse(&s, "https://me:secret@host/p@th", &fail), 0);
    assert_string_equal(s.text, "https://host/p@th");
    assert_string_equal(s.url, "https://me:secret@host/p@th");
    sedge_source_release(&s);
}

static void the_address_of_a_key_follows_the_style_of_the_store(void **st)
{
    char path_endpoint[] = "http://127.0.0.1:9000", host_endpoint[] = "https://s3.eu-west-1.amazonaws.com";
    struct sedge_settings by_path = {.endpoint = path_endpoint, .path_style = true};
    struct sedge_settings by_host = {.endpoint = host_endpoint};
    const struct sedge_query query[] = {{"list-type", "2"}, {"prefix", "a/b c+"}};
    const struct {
        const struct sedge_settings *s;
        const char *key;
        size_t nquery;
        const char *url;
    } rows[] = {
        {&by_path, "a b/\xc3\xbc+%", 0, "http://127.0.0.1:9000/bkt/a%20b/%C3%BC%2B%25"},
        {&by_path, "", 2, "http://127.0.0.1:9000/bkt?list-type=2&prefix=a%2Fb%20c%2B"},
        {&by_host, "k~.-_", 0, "https://bkt.s3.eu-west-1.amazonaws.com/k~.-_"},
        {&by_host, "", 1, "https://bkt.s3.eu-west-1.amazonaws.com/?list-type=2"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_free char *url = sedge_s3_url(rows[i].s, "bkt", rows[i].key, query, rows[i].nquery);

        assert_string_equal(url, rows[i].url);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_url_is_understood_or_refused),
        cmocka_unit_test(a_password_in_a_url_stays_out_of_messages),
        cmocka_unit_test(the_address_of_a_key_follows_the_style_of_the_store),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
