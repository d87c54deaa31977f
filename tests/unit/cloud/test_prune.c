/* A thing that left a group is given something to do, so that it looks at its groups. */
#include "site.h"

#include "cloud/deploy/exec.h"

static int prune_setup(void **st)
{
    int rc = site_setup(st);
    struct sedge_cloud *c = *st;

    c->set.data_port = 8443;
    return rc;
}

static void join(struct sedge_cloud *c, const char *group)
{
    sedge_auto_free char *offers = NULL;

    (void)sedge_group_create(c, group, NULL);
    assert_int_equal(sedge_group_add(c, group, "cam-1", T0, &offers, NULL), 0);
}

static void deploy(struct sedge_cloud *c, int kind, const char *target, int status)
{
    json_object_put(site_deploy(c, kind, target, "1.0.0", T0));
    assert_int_equal(sedge_q_run(c->db, NULL,
                                 "UPDATE execution SET status=?1 WHERE deployment_id=(SELECT MAX(id) FROM deployment)",
                                 "i", (int64_t)status),
                     0);
}

static void prunes_by(struct sedge_cloud *c, const char *want)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_free char *by = NULL;

    if (sedge_group_prune(c, "cams", "cam-1", T0 + 1000, &by, &err) != 0) fail_msg("%s", err.msg);
    assert_string_equal(by, want);
    assert_int_equal(site_count(c, "SELECT COUNT(*) FROM member m JOIN grp g ON g.id=m.group_id WHERE g.name='cams'"),
                     0);
    assert_int_equal(site_count(c, "SELECT COUNT(*) FROM execution WHERE status=0"), 1);
}

static void a_group_that_it_is_still_in_is_done_once_more(void **st)
{
    struct sedge_cloud *c = *st;

    join(c, "hall");
    deploy(c, SEDGE_TARGET_GROUP, "cams", SEDGE_EXEC_SUCCEEDED);
    deploy(c, SEDGE_TARGET_GROUP, "hall", SEDGE_EXEC_SUCCEEDED);
    prunes_by(c, "group:hall:1");
    assert_int_equal(site_count(c, "SELECT exec_no FROM execution WHERE status=0"), 2);
    assert_int_equal(site_count(c, "SELECT COUNT(*) FROM deployment"), 2);
    assert_int_equal(site_count(c, "SELECT n FROM counter WHERE deployment_id=2 AND status=0"), 1);
}

static void what_failed_there_is_not_tried_again(void **st)
{
    struct sedge_cloud *c = *st;

    join(c, "hall");
    deploy(c, SEDGE_TARGET_GROUP, "hall", SEDGE_EXEC_FAILED);
    prunes_by(c, "thing:cam-1:1");
    assert_int_equal(site_count(c, "SELECT device_doc LIKE '%\"components\":{}%' FROM deployment WHERE id=2"), 1);
}

static void its_own_deployment_stays_what_it_is(void **st)
{
    struct sedge_cloud *c = *st;

    deploy(c, SEDGE_TARGET_THING, "cam-1", SEDGE_EXEC_SUCCEEDED);
    prunes_by(c, "thing:cam-1:2");
    assert_int_equal(
        site_count(c, "SELECT a.content_hash=b.content_hash FROM deployment a, deployment b WHERE a.id=1 AND b.id=2"),
        1);
}

static void nothing_is_added_while_something_waits(void **st)
{
    struct sedge_cloud *c = *st;

    join(c, "hall");
    join(c, "line");
    deploy(c, SEDGE_TARGET_GROUP, "hall", SEDGE_EXEC_SUCCEEDED);
    deploy(c, SEDGE_TARGET_GROUP, "line", SEDGE_EXEC_QUEUED);
    prunes_by(c, "group:line:1");
    assert_int_equal(site_count(c, "SELECT COUNT(*) FROM execution"), 2);
}

static void without_a_data_plane_it_is_refused_and_the_thing_stays(void **st)
{
    struct sedge_cloud *c = *st;
    struct sedge_err err = SEDGE_ERR_INIT;
    char *by = NULL;

    c->set.data_port = 0;
    assert_int_equal(sedge_group_prune(c, "cams", "cam-1", T0, &by, &err), -1);
    assert_int_equal(err.code, SEDGE_E_UNSUPPORTED);
    assert_null(by);
    assert_int_equal(site_count(c, "SELECT COUNT(*) FROM member"), 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, prune_setup, site_teardown)
    const struct CMUnitTest tests[] = {
        T(a_group_that_it_is_still_in_is_done_once_more),
        T(what_failed_there_is_not_tried_again),
        T(its_own_deployment_stays_what_it_is),
        T(nothing_is_added_while_something_waits),
        T(without_a_data_plane_it_is_refused_and_the_thing_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
