/* What a deployment is asked before it becomes a revision, and documents that fit no message. */
#include "site.h"

#include "base/digest.h"
#include "base/str.h"
#include "cloud/component/component.h"
#include "cloud/deploy/deploy_check.h"
#include "cloud/rollout/rollout.h"

static void put(struct sedge_cloud *c, const char *name, const char *version, int64_t state, const char *architecture,
                const char *dependencies)
{
    sedge_auto_free char *recipe = sedge_xasprintf(
        "{\"RecipeFormatVersion\":\"2020-01-25\",\"ComponentName\":\"%s\",\"ComponentVersion\":\"%s\","
        "\"ComponentDependencies\":{%s},\"Manifests\":[{\"Platform\":{\"os\":\"linux\",\"architecture\":\"%s\"},"
        "\"Lifecycle\":{\"run\":\"true\"}}]}",
        name, version, dependencies, architecture);

    assert_int_equal(
        sedge_q_run(c->db, NULL,
                    "INSERT INTO component_version(name,version,state,recipe_sha256,manifest,created_at,recipe)"
                    " VALUES(?1,?2,?3,'','{}',1,?4)",
                    "ttit", name, version, state, (const char *)recipe),
        0);
}

static struct json_object *content_of(const char *const *components, size_t n)
{
    struct json_object *content = sedge_doc_empty();

    for (size_t i = 0; i < n; i++)
        assert_int_equal(sedge_doc_set_component(content, components[i], NULL), 0);
    return content;
}
#define CONTENT(...)                                                                                                   \
    content_of((const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static int check(struct sedge_cloud *c, struct json_object *content, struct json_object *warnings,
                 struct sedge_err *err)
{
    *err = SEDGE_ERR_INIT;
    return sedge_deploy_check(c, SEDGE_TARGET_GROUP, "cams", content, false, warnings, err);
}

static void says(const struct sedge_err *err, const char *text)
{
    if (!strstr(err->msg, text)) fail_msg("\"%s\" is not in: %s", text, err->msg);
}

static void all_that_is_missing_is_told_at_once(void **st)
{
    sedge_auto_put struct json_object *w = json_object_new_array();
    sedge_auto_put struct json_object *content = CONTENT("variant.DLR@1.6.4", "x@2.0.0", "y@1.0.0",
                                                         "aws.greengrass.Cli@2.4.0", "aws.greengrass.LogManager@2.2.0");
    struct sedge_err err;

    put(*st, "x", "1.0.0", SEDGE_VERSION_DEPLOYABLE, "*", "");
    assert_int_equal(check(*st, content, w, &err), -1);
    assert_int_equal(err.code, SEDGE_E_NOT_FOUND);
    says(&err, "variant.DLR@1.6.4 is not published (only AWS ships it)");
    says(&err, "x@2.0.0 is not published; published versions: 1.0.0");
    says(&err, "y@1.0.0 is not published, nor any other version of it");
    says(&err, "aws greengrassv2 get-component");
    assert_null(strstr(err.msg, "LogManager@"));
}

static void every_platform_of_the_group_must_be_served(void **st)
{
    struct sedge_cloud *c = *st;
    sedge_auto_put struct json_object *w = json_object_new_array();
    sedge_auto_put struct json_object *content = CONTENT("x@1.0.0");
    sedge_auto_free char *offers = NULL;
    struct sedge_err err;

    put(c, "x", "1.0.0", SEDGE_VERSION_DEPLOYABLE, "*", "\"lib\":{\"VersionRequirement\":\"^1.0.0\"}");
    put(c, "lib", "1.0.0", SEDGE_VERSION_DEPLOYABLE, "amd64", "");
    assert_int_equal(check(c, content, w, &err), 0); /* no device has said what it is */
    assert_int_equal(sedge_db_exec(c->db, "UPDATE thing SET platform='linux', arch='amd64' WHERE name='cam-1'", NULL),
                     0);
    assert_int_equal(check(c, content, w, &err), 0);
    assert_int_equal(sedge_db_exec(c->db, "UPDATE thing SET platform='linux', arch='aarch64' WHERE name='cam-2'", NULL),
                     0);
    assert_int_equal(check(c, content, w, &err), 0); /* not a member */
    assert_int_equal(sedge_group_add(c, "cams", "cam-2", T0, &offers, NULL), 0);
    assert_int_equal(check(c, content, w, &err), -1);
    says(&err, "devices with linux aarch64");
    says(&err, "lib");
    says(&err, "x@1.0.0 asks for ^1.0.0");
    says(&err, "--skip-resolve");
    assert_int_equal(sedge_deploy_check(c, SEDGE_TARGET_GROUP, "cams", content, true, w, &err), 0);
}

static void a_conflict_of_two_groups_is_predicted(void **st)
{
    struct sedge_cloud *c = *st;
    sedge_auto_put struct json_object *w = json_object_new_array();
    sedge_auto_put struct json_object *other = NULL, *content = CONTENT("a@2.0.0");
    sedge_auto_free char *offers = NULL;
    struct sedge_err err = SEDGE_ERR_INIT;

    assert_int_equal(sedge_group_create(c, "site", &err), 0);
    assert_int_equal(sedge_group_add(c, "site", "cam-1", T0, &offers, &err), 0);
    other = site_deploy(c, SEDGE_TARGET_GROUP, "site", "1.0.0", T0);
    assert_non_null(other);
    assert_int_equal(sedge_deploy_check(c, SEDGE_TARGET_GROUP, "cams", content, true, w, &err), 0);
    assert_int_equal(json_object_array_length(w), 1);
    assert_string_equal(json_object_get_string(json_object_array_get_idx(w, 0)),
                        "a: this deployment asks for 2.0.0, group:site:1 for 1.0.0; 1 thing in both will fail: cam-1");
    /* The same for the thing itself; not for a thing that shares no target. */
    assert_int_equal(sedge_deploy_check(c, SEDGE_TARGET_THING, "cam-1", content, true, w, &err), 0);
    assert_int_equal(json_object_array_length(w), 2);
    assert_int_equal(sedge_deploy_check(c, SEDGE_TARGET_THING, "cam-2", content, true, w, &err), 0);
    assert_int_equal(json_object_array_length(w), 2);
}

static struct json_object *large(size_t bytes)
{
    struct json_object *content = CONTENT("a@1.0.0");
    sedge_auto_free char *text = sedge_xcalloc(bytes + 1, 1);
    sedge_auto_free char *merge = NULL;

    memset(text, 'x', bytes);
    merge = sedge_xasprintf("a={\"long\":\"%s\"}", text);
    assert_int_equal(sedge_doc_merge(content, merge, NULL), 0);
    return content;
}

static void a_document_that_fits_no_message_is_fetched(void **st)
{
    struct sedge_cloud *c = *st;
    sedge_auto_put struct json_object *content = large(40000);
    sedge_auto_put struct json_object *made = NULL, *sent = NULL, *again = NULL;
    sedge_auto_free char *small = NULL;
    sedge_auto_free char *full = NULL;
    sedge_auto_free char *digest = NULL;
    sedge_auto_buf struct sedge_buf expected = SEDGE_BUF_INIT;
    struct sedge_deploy_request rq = {
        .kind = SEDGE_TARGET_GROUP, .target = "cams", .content = content, .skip_resolve = true};
    struct sedge_err err = SEDGE_ERR_INIT;
    unsigned char sum[SEDGE_SHA256_LEN];

    c->set.s3_bucket = sedge_xstrdup("b");
    made = sedge_deploy_create(c, &rq, T0, &err);
    if (!made) fail_msg("%s", err.msg);
    assert_int_equal(sedge_q_text(c->db, &err, &small, "SELECT device_doc FROM deployment WHERE large=1", ""), 1);
    assert_int_equal(sedge_q_text(c->db, &err, &full, "SELECT full_doc FROM deployment", ""), 1);
    assert_int_equal(sedge_q_text(c->db, &err, &digest, "SELECT full_sha256 FROM deployment", ""), 1);
    sent = sedge_json_parse_object(small, strlen(small), "sent", &err);
    assert_string_equal(sedge_json_text(sedge_json_arr(sent, "requiredCapabilities")), "[\"LARGE_CONFIGURATION\"]");
    assert_null(sedge_json_get(sent, "components"));
    assert_non_null(strstr(full, "xxxx"));
    sedge_sha256(full, strlen(full), sum);
    sedge_base64_encode(&expected, sum, sizeof(sum));
    assert_string_equal(digest, expected.data);
    /* Seen whole by who reads or repeats it. */
    assert_string_equal(sedge_json_str(sedge_json_obj(sedge_json_obj(made, "components"), "a"), "version", ""),
                        "1.0.0");
    again = sedge_deploy_create(c, &rq, T0, &err);
    assert_true(sedge_json_bool(again, "unchanged", false));
}

static int64_t number(struct sedge_cloud *c, const char *query)
{
    int64_t n = -1;

    assert_int_equal(sedge_q_i64(c->db, NULL, &n, query, ""), 1);
    return n;
}

static void nobody_is_told_of_a_large_document_before_it_is_stored(void **st)
{
    struct sedge_cloud *c = *st;
    struct sedge_rollout *engine = sedge_rollout_new(c);
    sedge_auto_put struct json_object *content = large(40000);
    sedge_auto_put struct json_object *made = NULL;
    struct sedge_deploy_request rq = {
        .kind = SEDGE_TARGET_GROUP, .target = "cams", .content = content, .skip_resolve = true};
    struct sedge_err err = SEDGE_ERR_INIT;

    c->set.s3_bucket = sedge_xstrdup("b");
    made = sedge_deploy_create(c, &rq, T0, &err);
    if (!made) fail_msg("%s", err.msg);
    assert_string_equal(sedge_json_str(made, "state", ""), "SCHEDULED");
    assert_string_equal(sedge_json_str(made, "reason", ""), "its document is not in the object store yet");
    assert_int_equal(sedge_rollout_tick(engine, T0 + 1000, 1000, &err), 0);
    assert_int_equal(number(c, "SELECT COUNT(*) FROM execution"), 0);
    assert_int_equal(sedge_q_run(c->db, &err, "UPDATE deployment SET archived=1", ""), 0);
    assert_int_equal(sedge_rollout_tick(engine, T0 + 2000, 2000, &err), 0);
    assert_int_equal(number(c, "SELECT state FROM deployment"), SEDGE_DEP_ROLLING);
    assert_int_equal(number(c, "SELECT COUNT(*) FROM execution"), number(c, "SELECT COUNT(*) FROM member"));
    sedge_rollout_free(engine);
}

static void a_shadow_takes_less_than_a_job(void **st)
{
    static const struct {
        int kind;
        size_t bytes;
        bool fits;
    } rows[] = {{SEDGE_TARGET_GROUP, 8000, true},
                {SEDGE_TARGET_THING, 6000, true},
                {SEDGE_TARGET_THING, 8000, false},
                {SEDGE_TARGET_GROUP, 32000, false}};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_put struct json_object *content = large(rows[i].bytes);
        sedge_auto_buf struct sedge_buf out = SEDGE_BUF_INIT;
        sedge_auto_buf struct sedge_buf full = SEDGE_BUF_INIT;

        sedge_doc_fit(content, &(struct sedge_doc_ids){"id", NULL, "arn", 1}, rows[i].kind, &out, &full);
        assert_int_equal(full.len == 0, rows[i].fits);
    }
}

static void the_operators_form_comes_back_as_it_went_in(void **st)
{
    static const char text[] =
        "{\"targetArn\":\"arn:aws:iot:local:0:thinggroup/cams\",\"deploymentName\":\"n\",\"components\":{\"a\":{"
        "\"componentVersion\":\"1.0.0\",\"configurationUpdate\":{\"merge\":\"{\\\"k\\\":1.50}\",\"reset\":[\"/x\"]},"
        "\"runWith\":{\"posixUser\":\"u:g\"}}},\"deploymentPolicies\":{\"failureHandlingPolicy\":\"DO_NOTHING\","
        "\"componentUpdatePolicy\":{\"timeoutInSeconds\":30,\"action\":\"SKIP_NOTIFY_COMPONENTS\"}},"
        "\"iotJobConfiguration\":{\"timeoutConfig\":{\"inProgressTimeoutInMinutes\":9}}}";
    struct sedge_doc one = {0}, two = {0};
    sedge_auto_put struct json_object *form = NULL, *policy = json_object_new_object();
    struct sedge_err err = SEDGE_ERR_INIT;
    const char *out;

    (void)st;
    if (sedge_doc_parse(text, strlen(text), "in", &one, &err) != 0) fail_msg("%s", err.msg);
    sedge_json_add_i64(policy, "inProgressTimeoutInMinutes", one.in_progress_minutes);
    form = sedge_doc_operator(one.content, "arn:aws:iot:local:0:thinggroup/cams", one.name, policy);
    out = sedge_json_text(form);
    if (sedge_doc_parse(out, strlen(out), "out", &two, &err) != 0) fail_msg("%s", err.msg);
    assert_string_equal(sedge_json_text(two.content), sedge_json_text(one.content));
    assert_int_equal(two.in_progress_minutes, 9);
    assert_string_equal(two.target, "cams");
    sedge_doc_release(&one);
    sedge_doc_release(&two);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, site_setup, site_teardown)
    const struct CMUnitTest tests[] = {
        T(all_that_is_missing_is_told_at_once),
        T(every_platform_of_the_group_must_be_served),
        T(a_conflict_of_two_groups_is_predicted),
        T(a_document_that_fits_no_message_is_fetched),
        T(nobody_is_told_of_a_large_document_before_it_is_stored),
        cmocka_unit_test(a_shadow_takes_less_than_a_job),
        cmocka_unit_test(the_operators_form_comes_back_as_it_went_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
