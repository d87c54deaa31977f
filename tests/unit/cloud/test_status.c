/* How a deployment fares, and what is said of a device. */
#include "site.h"

#include "base/clock.h"
#include "cloud/site/audit.h"
#include "cloud/deploy/deploy_status.h"
#include "cloud/deploy/device_why.h"

#define NOW (T0 / 1000)
#define FAILURE(cause, stack)                                                                                          \
    "'{\"deployment-failure-cause\":\"" cause "\",\"deployment-error-stack\":\"[\\\"DEPLOYMENT_FAILURE\\\",\\\"" stack \
    "\\\"]\"}'"

static void sql(struct sedge_cloud *c, const char *text)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_db_exec(c->db, text, &err) != 0) fail_msg("%s", err.msg);
}

/* Group cams with ten things more, all of them offered revision 1. */
static int fleet_setup(void **st)
{
    struct json_object *o;

    if (site_setup(st) != 0) return -1;
    sql(*st,
        "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i+1 FROM n WHERE i<19) INSERT INTO thing(name,created_at)"
        " SELECT 'dev-' || i, 1764590400 FROM n;"
        "INSERT INTO member SELECT (SELECT id FROM grp), id, 0 FROM thing WHERE name LIKE 'dev-%'");
    o = site_deploy(*st, SEDGE_TARGET_GROUP, "cams", "1.0.0", T0);
    assert_int_equal(sedge_json_i64(o, "things", 0), 11);
    json_object_put(o);
    return 0;
}

static struct json_object *status(struct sedge_cloud *c)
{
    struct json_object *o = json_object_new_object();
    struct sedge_err err = SEDGE_ERR_INIT;
    int64_t id = 0;

    assert_int_equal(sedge_deploy_find(c, "group:cams", &id, &err), 0);
    if (sedge_deploy_status(c, id, NOW, o, &err) != 0) fail_msg("%s", err.msg);
    return o;
}

static void errors_are_grouped_by_their_stack(void **st)
{
    struct sedge_cloud *c = *st;
    sedge_auto_put struct json_object *o = NULL;
    struct json_object *errors, *first, *second;

    sql(c, "UPDATE execution SET status=3, details=" FAILURE(
               "disk full on dev-1x", "DISK_FULL") " WHERE thing_id IN"
                                                   " (SELECT id FROM thing WHERE name BETWEEN 'dev-10' AND 'dev-13')");
    sql(c, "UPDATE execution SET status=3, details=" FAILURE(
               "exit 3", "COMPONENT_BROKEN") " WHERE thing_id ="
                                             " (SELECT id FROM thing WHERE name='dev-14')");
    sql(c,
        "UPDATE execution SET status=4, details=NULL WHERE thing_id IN (SELECT id FROM thing WHERE name IN ('dev-15',"
        "'dev-16'))");
    o = status(c);
    errors = sedge_json_arr(o, "errors");
    assert_int_equal(json_object_array_length(errors), 3);
    first = json_object_array_get_idx(errors, 0);
    assert_int_equal(sedge_json_i64(first, "count", 0), 4);
    assert_string_equal(sedge_json_str(first, "cause", ""), "disk full on dev-1x");
    assert_string_equal(sedge_json_text(sedge_json_arr(first, "things")), "[\"dev-10\",\"dev-11\",\"dev-12\"]");
    assert_string_equal(sedge_json_text(sedge_json_arr(first, "errorStack")), "[\"DEPLOYMENT_FAILURE\",\"DISK_FULL\"]");
    second = json_object_array_get_idx(errors, 1);
    assert_string_equal(sedge_json_str(second, "status", ""), "TIMED_OUT");
    assert_null(sedge_json_get(second, "errorStack"));
}

static void progress_counts_everybody_once(void **st)
{
    struct sedge_cloud *c = *st;
    sedge_auto_put struct json_object *o = NULL;
    struct json_object *p;

    sql(c, "UPDATE execution SET status=2, started_at=updated_at WHERE thing_id IN (SELECT id FROM thing WHERE "
           "name<'dev-15'"
           " AND name>'dev')");
    sql(c, "UPDATE execution SET status=3 WHERE thing_id=(SELECT id FROM thing WHERE name='dev-15')");
    sql(c, "UPDATE thing SET last_seen=1764590400-100 WHERE name='dev-16';"
           "UPDATE thing SET last_seen=1764590400-90000 WHERE name='dev-17'");
    o = status(c);
    p = sedge_json_obj(o, "progress");
    assert_int_equal(sedge_json_i64(p, "eligible", 0), 11);
    assert_int_equal(sedge_json_i64(p, "unreleased", -1), 0);
    assert_int_equal(sedge_json_i64(p, "done", 0), 6);
    assert_int_equal(sedge_json_i64(p, "succeededPercent", 0), 45);
    assert_int_equal(sedge_json_i64(p, "failedPercent", 0), 9);
    assert_int_equal(sedge_json_i64(p, "queuedRecent", 0), 1);
    assert_int_equal(sedge_json_i64(p, "queuedAway", 0), 1);
    assert_int_equal(sedge_json_i64(p, "queuedDormant", 0), 3);
    assert_int_equal(sedge_json_i64(p, "secondsLeft", 0), 5 * 60 * 5 / 6);
}

static void stuck_is_who_has_no_news_for_twice_the_usual_time(void **st)
{
    struct sedge_cloud *c = *st;
    sedge_auto_put struct json_object *none = NULL, *o = NULL;
    struct json_object *stuck;

    sql(c, "UPDATE execution SET status=1, started_at=1764590400-900, updated_at=1764590400-500, details="
           "'{\"phase\":\"Downloading\"}' WHERE thing_id=(SELECT id FROM thing WHERE name='dev-10');"
           "UPDATE execution SET status=1, started_at=1764590400-900, updated_at=1764590400-100 WHERE"
           " thing_id=(SELECT id FROM thing WHERE name='dev-11')");
    none = status(c);
    assert_int_equal(sedge_json_i64(none, "stuckTotal", -1), 0); /* nobody to compare with */
    sql(c, "UPDATE execution SET status=2, started_at=1764590400-2000, updated_at=1764590400-1900 WHERE thing_id IN"
           " (SELECT id FROM thing WHERE name IN ('dev-12','dev-13','dev-14'))");
    o = status(c);
    stuck = sedge_json_arr(o, "stuck");
    assert_int_equal(sedge_json_i64(o, "medianSeconds", 0), 100);
    assert_int_equal(json_object_array_length(stuck), 1);
    assert_string_equal(sedge_json_str(json_object_array_get_idx(stuck, 0), "thingName", ""), "dev-10");
    assert_string_equal(sedge_json_str(json_object_array_get_idx(stuck, 0), "phase", ""), "Downloading");
}

static void devices_are_filtered_by_status(void **st)
{
    struct sedge_cloud *c = *st;
    sedge_auto_put struct json_object *o = json_object_new_object();
    struct sedge_err err = SEDGE_ERR_INIT;
    int64_t id = 0;

    sql(c, "UPDATE execution SET status=3 WHERE thing_id=(SELECT id FROM thing WHERE name='dev-10')");
    assert_int_equal(sedge_deploy_find(c, "group:cams", &id, &err), 0);
    assert_int_equal(sedge_deploy_devices(c, id, "failed", o, &err), 0);
    assert_int_equal(json_object_array_length(sedge_json_arr(o, "devices")), 1);
    assert_int_equal(sedge_deploy_devices(c, id, "FAILD", o, &err), -1);
    assert_non_null(strstr(err.msg, "IN_PROGRESS"));
}

static void expect_why(struct sedge_cloud *c, const char *thing, const char *text)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_put struct json_object *o = sedge_device_why(c, thing, NOW, &err);
    struct json_object *why = sedge_json_arr(o, "why");

    if (!o) fail_msg("%s", err.msg);
    for (size_t i = 0; i < json_object_array_length(why); i++) {
        if (strstr(json_object_get_string(json_object_array_get_idx(why, i)), text)) return;
    }
    fail_msg("\"%s\" is not in %s", text, sedge_json_text(why));
}

static void two_groups_that_contradict_each_other_are_both_named(void **st)
{
    struct sedge_cloud *c = *st;
    sedge_auto_put struct json_object *other = NULL;
    sedge_auto_free char *offers = NULL;

    assert_int_equal(sedge_group_create(c, "site", NULL), 0);
    assert_int_equal(sedge_group_add(c, "site", "cam-1", T0, &offers, NULL), 0);
    other = site_deploy(c, SEDGE_TARGET_GROUP, "site", "2.0.0", T0);
    assert_non_null(other);
    expect_why(c, "cam-1", "group:cams asks for a 1.0.0 and group:site for 2.0.0");
    expect_why(c, "cam-1", "group:cams:1 is next");
    expect_why(c, "cam-1", "group:site:1 waits");
}

static void what_the_device_says_and_what_it_runs_are_compared(void **st)
{
    struct sedge_cloud *c = *st;

    expect_why(c, "cam-1", "cam-1 has never been heard");
    expect_why(c, "cam-2", "No current deployment reaches cam-2");
    sql(c, "UPDATE execution SET status=2; UPDATE thing SET last_seen=1764590400-5;"
           "INSERT INTO name VALUES(1,'a'); INSERT INTO component_state SELECT id,1,'0.9.0',6,1,"
           "'[\"arn:aws:greengrass:l:0:configuration:thinggroup/cams:6\"]',NULL,'exit code 3',1 FROM thing");
    expect_why(c, "cam-1", "group:cams: reported by job: SUCCEEDED for revision 1; fleet status: revision 6.");
    expect_why(c, "cam-1", "a 0.9.0 is BROKEN: exit code 3");
    expect_why(c, "cam-1", "a: group:cams asks for 1.0.0, the device runs 0.9.0.");
    sql(c, "UPDATE component_state SET version='1.0.0', state=3,"
           " arns='[\"arn:aws:greengrass:l:0:configuration:thinggroup/cams:1\"]'");
    expect_why(c, "cam-1", "Everything is as the current deployments ask for it.");
    sql(c, "UPDATE execution SET status=4");
    expect_why(c, "cam-1", "reported by job: TIMED_OUT for revision 1; fleet status: the device runs revision 1.");
    sql(c, "UPDATE execution SET status=1, updated_at=1764590400-600, details='{\"phase\":\"Downloading\"}'");
    expect_why(c, "cam-1", "group:cams:1 is being applied, without news for 10 min; last phase: Downloading.");
    assert_int_equal(sedge_thing_block(c, "cam-1", true, T0, NULL), 0);
    expect_why(c, "cam-1", "cam-1 is blocked");
}

static void what_was_done_can_be_looked_up(void **st)
{
    struct sedge_audit_filter f = {.what = "group"};
    sedge_auto_put struct json_object *groups = sedge_audit_list(*st, &f, NULL);
    sedge_auto_put struct json_object *none = NULL;

    assert_int_equal(json_object_array_length(groups), 1); /* cam-1 into cams */
    assert_string_equal(sedge_json_str(json_object_array_get_idx(groups, 0), "detail", ""), "cam-1");
    f.since_ms = T0 + 1;
    none = sedge_audit_list(*st, &f, NULL);
    assert_int_equal(json_object_array_length(none), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fleet_setup, site_teardown)
    const struct CMUnitTest tests[] = {
        T(errors_are_grouped_by_their_stack),
        T(progress_counts_everybody_once),
        T(stuck_is_who_has_no_news_for_twice_the_usual_time),
        T(devices_are_filtered_by_status),
        T(two_groups_that_contradict_each_other_are_both_named),
        T(what_the_device_says_and_what_it_runs_are_compared),
        T(what_was_done_can_be_looked_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
