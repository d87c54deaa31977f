#include "../test.h"

#include "base/mem.h"
#include "fetch_helper/helper/listing.h"

static void listings_of_several_stores_are_read(void **st)
{
    static const struct {
        const char *xml, *keys, *prefixes, *token;
    } rows[] = {
        {"<?xml version='1.0' encoding='UTF-8'?>\n<ListBucketResult "
         "xmlns=\"http://x/\"><Name>b</Name><Prefix>p/</Prefix>"
         "<IsTruncated>false</IsTruncated><Contents><Key>p/a</Key><Size>1</Size></Contents>"
         "<Contents><Key>p/b</Key></Contents></ListBucketResult>",
         "p/a|p/b", "", NULL},
        {"<ListBucketResult><Contents><Key>a&amp;b&lt;&gt;&quot;&apos;&#65;&#x42;&#xfc;&#x1F600;</Key></Contents>"
         "</ListBucketResult>",
         "a&b<>\"'AB\xc3\xbc\xf0\x9f\x98\x80", "", NULL},
        {"<s3:ListBucketResult xmlns:s3='x'><!-- a > comment --><s3:Contents><s3:Key><![CDATA[<k>&amp;]]></s3:Key>"
         "</s3:Contents></s3:ListBucketResult>",
         "<k>&amp;", "", NULL},
        {"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t/1==</NextContinuationToken>"
         "<CommonPrefixes><Prefix>x/</Prefix></CommonPrefixes><CommonPrefixes><Prefix>y/</Prefix></CommonPrefixes>"
         "</ListBucketResult>",
         "", "x/|y/", "t/1=="},
        {"<ListBucketResult><Contents><Owner><ID>i</ID><Key>not a key</Key></Owner><Key> k </Key></Contents><Empty/>"
         "</ListBucketResult>",
         " k ", "", NULL},
        {"<ListBucketResult><Contents><Key>a &unknown; & b &#0; &#xD800;</Key></Contents></ListBucketResult>",
         "a &unknown; & b &#0; &#xD800;", "", NULL},
        {"<ListBucketResult/>", "", "", NULL},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_listing l = {.token = NULL};
        struct sedge_err err = SEDGE_ERR_INIT;
        sedge_auto_free char *keys = NULL, *prefixes = NULL;

        if (sedge_listing_parse(&l, rows[i].xml, strlen(rows[i].xml), &err)) fail_msg("row %zu: %s", i, err.msg);
        keys = sedge_strv_join(&l.keys, "|");
        prefixes = sedge_strv_join(&l.prefixes, "|");
        assert_string_equal(keys, rows[i].keys);
        assert_string_equal(prefixes, rows[i].prefixes);
        if (rows[i].token) assert_string_equal(l.token, rows[i].token);
        assert_int_equal(l.truncated, rows[i].token != NULL);
        sedge_listing_release(&l);
    }
}

static void what_is_no_listing_is_refused(void **st)
{
    static const char *const rows[] = {
        "",
        "<",
        "text",
        "<html><body>Welcome</body></html>",
        "<ListBucketResult>",
        "<ListBucketResult></Other>",
        "<ListBucketResult><Contents><Key>a</Contents></Key></ListBucketResult>",
        "<ListBucketResult><![CDATA[</ListBucketResult>",
        "<ListBucketResult><!-- </ListBucketResult>",
        "<Error><Code>AccessDenied</Code></Error>",
        "</ListBucketResult>",
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>", /* no token: would never end */
        "<ListBucketResult><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>",
        "<ListBucketResult><></></ListBucketResult>",
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_listing l = {.token = NULL};
        struct sedge_err err = SEDGE_ERR_INIT;

        if (sedge_listing_parse(&l, rows[i], strlen(rows[i]), &err) == 0) fail_msg("accepted: %s", rows[i]);
        assert_int_equal(err.code, SEDGE_E_INVALID);
        sedge_listing_release(&l);
    }
}

static void keys_with_a_nul_are_refused(void **st)
{
    static const char xml[] = "<ListBucketResult><Contents><Key>a\0b</Key></Contents></ListBucketResult>";
    struct sedge_listing l = {.token = NULL};

    (void)st;
    assert_int_equal(sedge_listing_parse(&l, xml, sizeof xml - 1, NULL), -1);
    sedge_listing_release(&l);
}

static void the_code_of_an_error_is_found(void **st)
{
    static const struct {
        const char *xml, *code;
    } rows[] = {
        {"<?xml version='1.0'?><Error><Code>NoSuchKey</Code><Message>m</Message></Error>", "NoSuchKey"},
        {"<Error><Resource>/Code</Resource><Code>AccessDenied</Code></Error>", "AccessDenied"},
        {"<Error><Code>evil\x1b[0m</Code></Error>", ""},
        {"<Other><Code>X</Code></Other>", ""},
        {"not xml", ""},
        {"<Error><Code>NoSuchBucket</Code>", "NoSuchBucket"},
    };
    char code[64];

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_s3_error_code(rows[i].xml, strlen(rows[i].xml), code, sizeof code);
        assert_string_equal(code, rows[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listings_of_several_stores_are_read),
        cmocka_unit_test(what_is_no_listing_is_refused),
        cmocka_unit_test(keys_with_a_nul_are_refused),
        cmocka_unit_test(the_code_of_an_error_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
