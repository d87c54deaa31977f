/* Shadows of the device plane, and deployments that one of them carries. */
#include "world.h"

#include "base/str.h"

#define S      "$aws/things/cam-1/shadow/name/s"
#define D      "$aws/things/cam-1/shadow/name/" SEDGE_SHADOW_DEPLOYMENT
#define ARN(n) "arn:aws:greengrass:local:000000000000:configuration:thing/cam-1:" #n

/* The answer is the first message; `more` names what is published besides. */
static char *say(struct world *w, const char *topic, const char *payload, const char *kind, const char *more)
{
    struct sedge_plane_out out = {0};
    sedge_auto_free char *want = sedge_xasprintf("%s/%s", topic, kind);
    sedge_auto_buf struct sedge_buf rest = SEDGE_BUF_INIT;
    char *answer;

    tell(w, topic, payload, T0, &out);
    assert_true(out.n >= 1);
    if (strcmp(out.v[0].topic, want) != 0) fail_msg("%s: %s", out.v[0].topic, out.v[0].payload);
    for (size_t i = 1; i < out.n; i++)
        sedge_buf_printf(&rest, "%s ", strrchr(out.v[i].topic, '/') + 1);
    assert_string_equal(rest.data ? rest.data : "", more);
    answer = sedge_xstrdup(out.v[0].payload);
    sedge_plane_out_release(&out);
    return answer;
}

static void shadows_follow_the_rules(void **st)
{
    static const struct {
        const char *topic, *payload, *kind, *more, *says;
    } rows[] = {
        {S "/get", "", "rejected", "", "\"code\":404"},
        {S "/update", "{\"state\":{\"reported\":{\"a\":1,\"o\":{\"x\":1,\"y\":1}}},\"clientToken\":\"t\"}", "accepted",
         "documents ", "\"version\":1,\"timestamp\":1764590400,\"clientToken\":\"t\""},
        {S "/update", "{\"state\":{\"desired\":{\"a\":2},\"reported\":{\"o\":{\"y\":null}}},\"version\":1}", "accepted",
         "delta documents ", "\"version\":2"},
        {S "/update", "{\"state\":{\"reported\":{\"a\":3}},\"version\":1}", "rejected", "", "\"code\":409"},
        {S "/update", "{\"state\":{\"reported\":{\"l\":[1,null]}}}", "accepted", "delta documents ", "\"version\":3"},
        {S "/update", "{\"state\":7}", "rejected", "", "\"code\":400"},
        {S "/update", "{\"state\":{\"other\":{}}}", "rejected", "", "\"code\":400"},
        {S "/update", "{\"state\":", "rejected", "", "\"code\":400"},
        {S "/get", "{\"clientToken\":\"g\"}", "accepted", "", "\"clientToken\":\"g\""},
        {S "/get", "", "accepted", "", "\"delta\":{\"a\":2}"},
        {S "/delete", "{\"version\":1}", "rejected", "", "\"code\":409"},
        {S "/delete", "", "accepted", "", "\"version\":3"},
        {S "/get", "", "rejected", "", "No shadow exists"},
        {S "/update", "{\"state\":{\"reported\":{\"b\":1}}}", "accepted", "documents ", "\"version\":4"},
        {S "/get", "", "accepted", "", "{\"state\":{\"reported\":{\"b\":1}}"},
        {"$aws/things/cam-1/shadow/update", "{\"state\":{\"desired\":{\"b\":1}}}", "accepted", "delta documents ",
         "\"version\":1"},
        {"$aws/things/cam-1/shadow/get", "", "accepted", "", "\"desired\":{\"b\":1}"},
        {"$aws/things/cam-1/shadow/delete", "", "accepted", "", "\"version\":1"},
        {"$aws/things/cam-1/shadow/name/a b/get", "", "rejected", "", "\"code\":400"},
        {D "/get", "", "rejected", "", "\"code\":404"},
        {D "/update", "{\"state\":{\"desired\":{\"a\":1}}}", "rejected", "", "\"code\":403"},
        {D "/update", "{\"state\":null}", "rejected", "", "\"code\":403"},
        {D "/update", "{\"state\":{\"reported\":{\"a\":1},\"desired\":null}}", "rejected", "", "\"code\":403"},
    };

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_free char *answer = say(*st, rows[i].topic, rows[i].payload, rows[i].kind, rows[i].more);

        if (!strstr(answer, rows[i].says)) fail_msg("row %zu: %s", i, answer);
    }
}

static void a_shadow_has_a_size_and_a_thing_a_number_of_them(void **st)
{
    struct world *w = *st;
    sedge_auto_free char *big = sedge_xasprintf("{\"state\":{\"reported\":{\"a\":\"%08180d\"}}}", 7);
    sedge_auto_free char *fits = sedge_xasprintf("{\"state\":{\"reported\":{\"a\":\"%08184d\"}}}", 7);
    sedge_auto_free char *over = sedge_xasprintf("{\"state\":{\"reported\":{\"a\":\"%08185d\"}}}", 7);
    sedge_auto_free char *a = say(w, S "/update", big, "accepted", "documents ");
    sedge_auto_free char *b = say(w, S "/update", fits, "accepted", "documents ");
    sedge_auto_free char *c = say(w, S "/update", over, "rejected", "");

    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(strstr(c, "\"code\":413"));
    for (int i = 1; i < SEDGE_SHADOWS_MAX; i++) {
        sedge_auto_free char *name = sedge_xasprintf("s%d", i);
        assert_int_equal(sedge_shadow_change(w->c->db, 1, 1, name, "{\"state\":{}}", NULL), 0);
    }
    free(c);
    c = say(w, "$aws/things/cam-1/shadow/update", "{\"state\":{}}", "rejected", "");
    assert_non_null(strstr(c, "\"code\":413"));
}

static void too_fast_is_told_with_a_number(void **st)
{
    struct world *w = *st;
    struct sedge_plane_out out = {0};

    for (int i = 0; i < SEDGE_GUEST_BURST * 2; i++)
        tell(w, S "/get", "", T0, &out);
    assert_non_null(strstr(out.v[out.n - 1].payload, "\"code\":429"));
    sedge_plane_out_release(&out);
}

static struct json_object *deploy(struct world *w, const char *version)
{
    return site_deploy(w->c, SEDGE_TARGET_THING, "cam-1", version, T0);
}

static void report(struct world *w, const char *arn, const char *status, const char *kind)
{
    sedge_auto_free char *m = sedge_xasprintf(
        "{\"state\":{\"reported\":{\"ggcVersion\":\"0.1.0\",\"fleetConfigurationArnForStatus\":\"%s\","
        "\"statusDetails\":{"
        "\"detailedStatus\":\"FAILED_NO_STATE_CHANGE\",\"failureCause\":\"no\",\"errorStack\":[],\"errorTypes\":[]},"
        "\"status\":\"%s\"}}}",
        arn, status);

    free(say(w, D "/update", m, kind, ""));
}

/* What the device is told by dirty rows of this kind: the only message, heap; NULL none. */
static char *told(struct world *w, int64_t ns, const char *ending)
{
    struct sedge_plane_out out = {0};
    sedge_auto_free char *head = NULL;
    char *text = NULL;
    int64_t seq = 0;

    if (sedge_q_i64(w->c->db, NULL, &seq, "SELECT seq FROM dirty WHERE thing_id=1 AND ns=?1", "i", ns) != 1)
        return NULL;
    assert_int_equal(sedge_plane_notify(w->p, T0, 1, ns, &out, &head, NULL), 0);
    if (out.n) {
        assert_int_equal(out.n, 1);
        assert_true(out.v[0].notification);
        if (!sedge_str_ends(out.v[0].topic, ending)) fail_msg("%s", out.v[0].topic);
        text = sedge_xstrdup(out.v[0].payload);
    }
    assert_int_equal(sedge_plane_told(w->p, 1, ns, seq, head, NULL), 0);
    sedge_plane_out_release(&out);
    return text;
}

static void a_deployment_to_one_thing_travels_in_its_shadow(void **st)
{
    struct world *w = *st;
    sedge_auto_put struct json_object *d = deploy(w, "1.0.0");
    sedge_auto_free char *got = say(w, D "/get", "", "accepted", "");
    sedge_auto_free char *next = ask(w, NEXT, "", "accepted", T0);
    sedge_auto_free char *pushed = told(w, SEDGE_EXEC_NS_SHADOW, D "/update/accepted");

    assert_non_null(d);
    assert_non_null(strstr(
        got, "{\"state\":{\"desired\":{\"desiredStatus\":\"SUCCEEDED\",\"fleetConfig\":\"{\\\"deploymentId\\\":"));
    assert_null(strstr(got, "delta"));
    assert_non_null(strstr(got, "configuration:thing/cam-1:1"));
    assert_null(strstr(next, "execution"));
    assert_non_null(strstr(pushed, "\"fleetConfig\""));
    assert_non_null(strstr(pushed, "\"version\":1"));
    assert_int_equal(site_count(w->c, "SELECT COUNT(*) FROM dirty"), 0);
    report(w, ARN(1), "IN_PROGRESS", "accepted");
    assert_int_equal(site_count(w->c, "SELECT status FROM execution"), SEDGE_EXEC_IN_PROGRESS);
    assert_int_equal(site_count(w->c, "SELECT deadline_at IS NULL AND flags=1 FROM execution"), 1);
    report(w, ARN(1), "FAILED", "accepted");
    assert_int_equal(site_count(w->c, "SELECT status FROM execution"), SEDGE_EXEC_FAILED);
    assert_int_equal(site_count(w->c, "SELECT json_extract(details,'$.deployment-failure-cause')='no' FROM execution"),
                     1);
    assert_int_equal(site_count(w->c, "SELECT state FROM deployment"), SEDGE_DEP_ACTIVE);
    assert_int_equal(site_count(w->c, "SELECT COUNT(*) FROM dirty"), 0);
    report(w, ARN(1), "SUCCEEDED", "accepted"); /* too late: kept apart */
    assert_int_equal(site_count(w->c, "SELECT late_status FROM execution"), SEDGE_EXEC_SUCCEEDED);
}

static void a_new_revision_replaces_what_is_desired(void **st)
{
    struct world *w = *st;
    sedge_auto_put struct json_object *one = deploy(w, "1.0.0");
    sedge_auto_put struct json_object *two = deploy(w, "2.0.0");
    sedge_auto_free char *got = say(w, D "/get", "", "accepted", "");

    assert_non_null(one);
    assert_non_null(two);
    assert_non_null(strstr(got, "thing/cam-1:2"));
    assert_non_null(strstr(got, "\"version\":2"));
    assert_null(strstr(got, "thing/cam-1:1"));
    assert_int_equal(site_count(w->c, "SELECT status FROM execution WHERE deployment_id=1"), SEDGE_EXEC_CANCELED);
    report(w, ARN(1), "CANCELED", "accepted");
    report(w, ARN(2), "SUCCEEDED", "accepted");
    assert_int_equal(site_count(w->c, "SELECT status FROM execution WHERE deployment_id=2"), SEDGE_EXEC_SUCCEEDED);
}

static void a_cancelled_one_is_taken_back_unless_it_is_over(void **st)
{
    struct world *w = *st;
    sedge_auto_put struct json_object *one = deploy(w, "1.0.0");
    sedge_auto_put struct json_object *two = NULL;
    sedge_auto_free char *pushed = NULL;

    assert_non_null(one);
    report(w, ARN(1), "IN_PROGRESS", "accepted");
    assert_int_equal(sedge_deploy_cancel(w->c, 1, false, T0, NULL), 0);
    pushed = told(w, SEDGE_EXEC_NS_SHADOW, D "/update/accepted");
    assert_non_null(strstr(pushed, "\"desiredStatus\":\"CANCELED\""));
    assert_int_equal(site_count(w->c, "SELECT status FROM execution"), SEDGE_EXEC_IN_PROGRESS);
    report(w, ARN(1), "CANCELED", "accepted");
    assert_int_equal(site_count(w->c, "SELECT status FROM execution"), SEDGE_EXEC_CANCELED);
    two = deploy(w, "2.0.0");
    assert_non_null(two);
    report(w, ARN(2), "SUCCEEDED", "accepted");
    assert_int_equal(sedge_deploy_cancel(w->c, 2, false, T0, NULL), -1);
}

static void a_device_without_shadows_gets_a_job(void **st)
{
    struct world *w = *st;
    sedge_auto_put struct json_object *d = deploy(w, "1.0.0");
    sedge_auto_free char *next = NULL;
    sedge_auto_free char *back = NULL;

    assert_non_null(d);
    assert_null(ask(w, HEALTH, "{\"sequenceNumber\":1,\"timestamp\":1,\"runtime\":\"aws_nucleus_lite\"}", "x", T0));
    next = ask(w, NEXT, "", "accepted", T0);
    assert_non_null(strstr(next, "\"execution\""));
    assert_int_equal(sedge_carrier_set(w->c, "cam-1", "shadow", T0, NULL), 0);
    back = ask(w, NEXT, "", "accepted", T0);
    assert_null(strstr(back, "\"execution\""));
    assert_int_equal(site_count(w->c, "SELECT json_extract(desired,'$.desiredStatus')='SUCCEEDED' FROM shadow"), 1);
    assert_int_equal(sedge_carrier_set(w->c, "cam-1", "pigeon", T0, NULL), -1);
}

static void a_change_by_the_operator_is_told(void **st)
{
    struct world *w = *st;
    sedge_auto_free char *a = NULL;
    sedge_auto_free char *b = NULL;

    free(say(w, S "/update", "{\"state\":{\"reported\":{\"a\":2}}}", "accepted", "documents "));
    assert_int_equal(sedge_shadow_change(w->c->db, T0 / 1000, 1, "s", "{\"state\":{\"desired\":{\"a\":2}}}", NULL), 0);
    a = told(w, SEDGE_EXEC_NS_SHADOW, "s/update/accepted");
    assert_non_null(strstr(a, "{\"state\":{\"desired\":{\"a\":2}}"));
    assert_int_equal(sedge_shadow_delete(w->c->db, 1, "s", NULL), 0);
    b = told(w, SEDGE_EXEC_NS_SHADOW, "s/delete/accepted");
    assert_non_null(strstr(b, "\"version\":2"));
    assert_int_equal(site_count(w->c, "SELECT COUNT(*) FROM dirty"), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(shadows_follow_the_rules),
        T(a_shadow_has_a_size_and_a_thing_a_number_of_them),
        T(too_fast_is_told_with_a_number),
        T(a_deployment_to_one_thing_travels_in_its_shadow),
        T(a_new_revision_replaces_what_is_desired),
        T(a_cancelled_one_is_taken_back_unless_it_is_over),
        T(a_device_without_shadows_gets_a_job),
        T(a_change_by_the_operator_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
