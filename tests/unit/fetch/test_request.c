#include "../test.h"

#include "base/json.h"
#include "base/mem.h"
#include "fetch_helper/helper/request.h"

static int parse(struct sedge_request *r, const char *text, struct sedge_fail *fail)
{
    sedge_auto_put struct json_object *o = sedge_json_parse_object(text, strlen(text), "test", &fail->err);

    assert_non_null(o);
    return sedge_request_parse(r, o, fail);
}

static void a_download_is_read_with_all_its_members(void **st)
{
    struct sedge_request r;
    struct sedge_fail fail;

    (void)st;
    assert_int_equal(parse(&r,
                           "{\"id\":7,\"op\":\"get\",\"url\":\"s3://b/k\",\"dest\":\"/d\",\"digest\":\"AAAA\","
                           "\"algorithm\":\"SHA-256\",\"mode\":288,\"unarchive\":\"zip\",\"unarchiveTo\":\"/u\","
                           "\"fileMode\":365,\"maxBytes\":10}",
                           &fail),
                     0);
    assert_int_equal(r.op, SEDGE_OP_GET);
    assert_int_equal(json_object_get_int(r.id), 7);
    assert_string_equal(r.source.bucket, "b");
    assert_int_equal(r.mode, 0440);
    assert_int_equal(r.file_mode, 0555);
    assert_int_equal(r.unarchive, SEDGE_UNARCHIVE_ZIP);
    sedge_request_release(&r);
}

static void what_makes_no_sense_is_refused_and_named(void **st)
{
    static const struct {
        const char *text, *word;
    } rows[] = {
        {"{}", "missing"},
        {"{\"op\":\"run\"}", "run"},
        {"{\"op\":\"get\",\"url\":\"s3://b/k\"}", "dest"},
        {"{\"op\":\"get\",\"url\":\"s3://b/k\",\"dest\":\"d\"}", "absolute"},
        {"{\"op\":\"get\",\"url\":1,\"dest\":\"/d\"}", "url"},
        {"{\"op\":\"get\",\"url\":\"s3://b/k\",\"dest\":\"/d\",\"mode\":4096}", "mode"},
        {"{\"op\":\"get\",\"url\":\"s3://b/k\",\"dest\":\"/d\",\"sha256\":\"ab\"}", "sha256"},
        {"{\"op\":\"get\",\"url\":\"s3://b/k\",\"dest\":\"/d\",\"unarchive\":\"TAR\"}", "unarchiveTo"},
        {"{\"op\":\"get\",\"url\":\"s3://b/k\",\"dest\":\"/d\",\"unarchive\":\"7Z\",\"unarchiveTo\":\"/u\"}", "7Z"},
        {"{\"op\":\"unpack\",\"file\":\"/a\",\"unarchiveTo\":\"/u\"}", "ZIP, TAR or TGZ"},
        {"{\"op\":\"get\",\"url\":\"greengrass:a/b\",\"dest\":\"/d\"}", "data plane"},
        {"{\"op\":\"get\",\"url\":\"s3://b/k\",\"dest\":\"/d\",\"presign\":\"x\"}", "presign"},
        {"{\"op\":\"text\",\"url\":\"s3://b/k\",\"presign\":\"/x\"}", "presign"},
        {"{\"op\":\"api\"}", "path"},
        {"{\"op\":\"api\",\"path\":\"greengrass\"}", "path"},
        {"{\"op\":\"api\",\"path\":\"/a b\"}", "path"},
        {"{\"op\":\"list\"}", "bucket"},
        {"{\"op\":\"list\",\"bucket\":\"\"}", "BUCKET"},
        {"{\"op\":\"list\",\"bucket\":\"a b\"}", "BUCKET"},
        {"{\"op\":\"put\",\"url\":\"s3://b/k\"}", "file"},
        {"{\"op\":\"put\",\"url\":\"s3://b/k\",\"file\":\"/f\",\"text\":\"t\"}", "exclude"},
        {"{\"op\":\"put\",\"url\":\"file:///f\",\"text\":\"t\"}", "write"},
        {"{\"op\":\"put\",\"url\":\"s3://b/k\",\"text\":\"t\",\"contentType\":\"a\\r\\nb\"}", "contentType"},
        {"{\"op\":\"put\",\"url\":\"s3://b/k\",\"text\":\"t\",\"ifNoneMatch\":\"e\"}", "ifNoneMatch"},
        {"{\"op\":\"text\",\"url\":\"s3://b\"}", "no key"},
        {"{\"op\":\"get\",\"url\":\"s3://b/k\",\"dest\":\"/d\",\"dset\":\"/d\"}", "dset"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_request r;
        struct sedge_fail fail;

        if (parse(&r, rows[i].text, &fail) == 0) fail_msg("accepted: %s", rows[i].text);
        if (!strstr(fail.err.msg, rows[i].word)) fail_msg("%s: %s", rows[i].text, fail.err.msg);
        sedge_request_release(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_download_is_read_with_all_its_members),
        cmocka_unit_test(what_makes_no_sense_is_refused_and_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
