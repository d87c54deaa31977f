/* Counters by triggers, and migrations of the database. */
#include "site.h"

#include <unistd.h>

#include "cloud/rollout/counters.h"
#include "cloud/schema.h"

static struct sedge_counts counts(struct sedge_cloud *c)
{
    struct sedge_counts n;

    assert_int_equal(sedge_counts_read(c->db, 1, &n, NULL), 0);
    return n;
}

static void run(struct sedge_cloud *c, const char *sql)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_db_exec(c->db, sql, &err) != 0) fail_msg("%s", err.msg);
}

static void each_thing_counts_once_by_its_newest_execution(void **st)
{
    struct sedge_cloud *c = *st;

    run(c, "INSERT INTO execution(thing_id,deployment_id,status,queued_at,updated_at) VALUES(1,1,0,1,1),(2,1,0,1,1)");
    run(c, "UPDATE execution SET status=1 WHERE thing_id=1");
    assert_int_equal(counts(c).n[SEDGE_EXEC_QUEUED], 1);
    run(c, "UPDATE execution SET status=3, flags=4 WHERE thing_id=1");
    assert_int_equal(counts(c).n[SEDGE_EXEC_FAILED], 0);
    assert_int_equal(counts(c).n[SEDGE_COUNT_RETRY], 1);
    run(c, "INSERT INTO execution(thing_id,deployment_id,exec_no,status,queued_at,updated_at) VALUES(1,1,2,0,2,2)");
    run(c, "UPDATE execution SET flags=0 WHERE thing_id=1 AND exec_no=1");
    assert_int_equal(counts(c).n[SEDGE_COUNT_RETRY], 0);
    assert_int_equal(counts(c).n[SEDGE_EXEC_QUEUED], 2);
    run(c, "UPDATE execution SET status=2 WHERE thing_id=1 AND exec_no=2");
    run(c, "UPDATE execution SET flags=2 WHERE thing_id=1 AND exec_no=2");
    run(c, "UPDATE execution SET status=4, late_status=2 WHERE thing_id=2");
    assert_int_equal(counts(c).n[SEDGE_EXEC_SUCCEEDED], 0);
    assert_int_equal(counts(c).n[SEDGE_COUNT_UNHEALTHY], 1);
    assert_int_equal(counts(c).n[SEDGE_COUNT_LATE], 1);
    assert_int_equal(counts(c).n[SEDGE_EXEC_TIMED_OUT], 1);
}

static void counters_can_be_made_anew_from_the_executions(void **st)
{
    struct sedge_cloud *c = *st;
    struct sedge_counts before;

    json_object_put(site_deploy(c, SEDGE_TARGET_GROUP, "cams", "1.0.0", T0));
    run(c, "INSERT INTO execution(thing_id,deployment_id,exec_no,status,queued_at,updated_at,flags) VALUES"
           "(2,1,1,5,1,1,8),(3,1,1,3,1,1,4),(3,1,2,2,1,1,0),(4,1,1,4,1,1,0)");
    run(c, "UPDATE execution SET late_status=2 WHERE thing_id=4");
    before = counts(c);
    run(c, "UPDATE counter SET n=77");
    assert_int_equal(sedge_counts_rebuild(c->db, NULL), 0);
    for (int i = 0; i < SEDGE_COUNT_N; i++)
        assert_int_equal(counts(c).n[i], before.n[i]);
    assert_int_equal(before.n[SEDGE_COUNT_STALE], 1);
    assert_int_equal(before.n[SEDGE_COUNT_LATE], 1);
}

static void an_older_database_is_taken_over_with_its_data(void **st)
{
    char path[] = "/tmp/sedge-migrate-XXXXXX";
    int fd = mkstemp(path);
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_db *db;
    struct sedge_counts n;
    int64_t released = 0;

    (void)st;
    assert_true(fd >= 0);
    (void)close(fd);
    db = sedge_db_open(path, sedge_cloud_schema[0], 1, &err);
    if (!db) fail_msg("%s", err.msg);
    assert_int_equal(sedge_db_exec(db,
                                   "INSERT INTO target(kind,ref_name) VALUES(0,'g');"
                                   "INSERT INTO deployment(uuid,job_id,target_id,revision,creation_ms,state,device_doc,"
                                   "content_hash,request,policy) VALUES('u','j',1,1,1,0,'{}','','','{}');"
                                   "INSERT INTO execution(thing_id,deployment_id,status,queued_at,updated_at)"
                                   " VALUES(1,1,3,1,1),(2,1,0,1,1)",
                                   &err),
                     0);
    sedge_db_close(db);
    db = sedge_cloud_db_open(path, &err);
    if (!db) fail_msg("%s", err.msg);
    assert_int_equal(sedge_counts_read(db, 1, &n, &err), 0);
    assert_int_equal(n.n[SEDGE_EXEC_FAILED], 1);
    assert_int_equal(n.n[SEDGE_EXEC_QUEUED], 1);
    assert_int_equal(sedge_q_i64(db, &err, &released, "SELECT released FROM deployment", ""), 1);
    assert_int_equal(released, 1);
    sedge_db_close(db);
    assert_null(sedge_db_open(path, sedge_cloud_schema[0], 1, &err)); /* an older program on a newer database */
    assert_int_equal(err.code, SEDGE_E_CONFLICT);
    (void)unlink(path);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, site_setup, site_teardown)
    const struct CMUnitTest tests[] = {
        T(each_thing_counts_once_by_its_newest_execution),
        T(counters_can_be_made_anew_from_the_executions),
        T(an_older_database_is_taken_over_with_its_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
