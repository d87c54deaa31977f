/* The rollout engine with a given clock: a fleet in memory, ticks, and devices that a test speaks for. */
#include "fleet_site.h"

/* Always the same things in the first wave: with a salt of its own for each revision, two can share the last place. */
#define WAVES                                                                                                          \
    "\"waves\":[{\"percent\":1,\"minThings\":10,\"soakMinutes\":60},{\"percent\":50},{\"percent\":100}],\"salt\":"     \
    "\"group\""

static void things_are_released_at_the_rate_and_the_first_ones_at_once(void **st)
{
    struct fleet *f = *st;
    int64_t d = create(f, "1.0.0", "{\"jobExecutionsRolloutConfig\":{\"maximumPerMinute\":600}}", NULL);

    assert_int_equal(given(f, d), 10);
    tick(f, 0);
    ticks(f, 4, 250);
    assert_int_equal(given(f, d), 20);
    ticks(f, 40, 250);
    assert_int_equal(given(f, d), 100);
    assert_int_equal(count(f, "SELECT released FROM deployment"), 1);
    assert_int_equal(count(f, "SELECT COUNT(*) FROM dirty"), 100);
}

static void an_exponential_rate_rises_with_success(void **st)
{
    struct fleet *f = *st;
    int64_t d = create(f, "1.0.0",
                       "{\"jobExecutionsRolloutConfig\":{\"maximumPerMinute\":600,\"exponentialRate\":{"
                       "\"baseRatePerMinute\":60,\"incrementFactor\":2,\"rateIncreaseCriteria\":{"
                       "\"numberOfSucceededThings\":5}}}}",
                       NULL);

    tick(f, 0);
    ticks(f, 16, 250);
    assert_int_equal(given(f, d), 5); /* one a second */
    finish(f, d, 5, SEDGE_EXEC_SUCCEEDED);
    tick(f, 0);
    assert_int_equal(count(f, "SELECT rate_step FROM deployment"), 1);
    ticks(f, 16, 250);
    assert_int_equal(given(f, d), 13); /* two a second */
}

static void a_wave_ends_by_success_and_soak_and_the_next_begins(void **st)
{
    struct fleet *f = *st;
    int64_t d = create(f, "1.0.0", FAST, "{" WAVES "}"), half;

    ticks(f, 8, 250);
    assert_int_equal(given(f, d), 10); /* minThings */
    finish(f, d, 10, SEDGE_EXEC_SUCCEEDED);
    ticks(f, 2, 250);
    assert_int_equal(given(f, d), 10); /* soaks */
    tick(f, 3600000);
    ticks(f, 4, 250);
    half = given(f, d);
    assert_in_range(half, 30, 70);
    assert_int_equal(count(f, "SELECT wave FROM deployment"), 1);
    finish(f, d, (int)half - 10, SEDGE_EXEC_SUCCEEDED);
    ticks(f, 4, 250);
    assert_int_equal(given(f, d), 100);
    assert_int_equal(state_of(f, d), SEDGE_DEP_ROLLING);
    finish(f, d, 100 - (int)half, SEDGE_EXEC_SUCCEEDED);
    tick(f, 250);
    assert_int_equal(state_of(f, d), SEDGE_DEP_ACTIVE);
}

static void a_restarted_engine_goes_on_where_the_other_stood(void **st)
{
    struct fleet *f = *st;
    int64_t d = create(f, "1.0.0", FAST, "{" WAVES "}");

    ticks(f, 4, 250);
    finish(f, d, 10, SEDGE_EXEC_SUCCEEDED);
    tick(f, 250);
    sedge_rollout_free(f->r);
    f->r = sedge_rollout_new(f->c);
    tick(f, 1800000);
    ticks(f, 4, 250);
    assert_int_equal(given(f, d), 10);
    tick(f, 1800000);
    ticks(f, 4, 250);
    assert_true(given(f, d) > 10);
    assert_int_equal(count(f, "SELECT wave FROM deployment"), 1);
}

static void the_canary_group_comes_first(void **st)
{
    struct fleet *f = *st;
    int64_t d;

    assert_int_equal(sedge_group_create(f->c, "lab", NULL), 0);
    sql(f, "INSERT INTO member SELECT 2, id, 1764590400 FROM thing WHERE id<=3");
    d = create(f, "1.0.0", FAST, "{\"canaryGroup\":\"lab\"}");
    ticks(f, 4, 250);
    assert_int_equal(given(f, d), 3);
    assert_int_equal(count(f, "SELECT COUNT(*) FROM execution WHERE thing_id<=3"), 3);
    finish(f, d, 3, SEDGE_EXEC_SUCCEEDED);
    ticks(f, 4, 250);
    assert_int_equal(given(f, d), 100);
}

static void when_thirty_percent_fail_in_the_first_wave_nothing_more_is_released(void **st)
{
    struct fleet *f = *st;
    int64_t d = create(f, "1.0.0", FAST, "{" WAVES "}");
    sedge_auto_put struct json_object *o = NULL;

    ticks(f, 4, 250);
    finish(f, d, 7, SEDGE_EXEC_SUCCEEDED);
    finish(f, d, 3, SEDGE_EXEC_FAILED);
    tick(f, 250);
    assert_int_equal(state_of(f, d), SEDGE_DEP_PAUSED);
    tick(f, 7200000);
    ticks(f, 4, 250);
    assert_int_equal(given(f, d), 10);
    o = sedge_deploy_show(f->c, d, NULL);
    assert_string_equal(sedge_json_str(o, "outcome", ""), "BAD");
    assert_non_null(strstr(sedge_json_str(o, "reason", ""), "gate: 70.0 % of 10"));
    assert_int_equal(sedge_deploy_resume(f->c, d, f->now_ms, NULL), 0);
    tick(f, 250);
    tick(f, 3600000);
    ticks(f, 4, 250);
    assert_true(given(f, d) > 10); /* the operator has accepted these failures */
    assert_int_equal(state_of(f, d), SEDGE_DEP_ROLLING);
}

static void an_abort_criterion_cancels_what_waits_and_tells_why(void **st)
{
    struct fleet *f = *st;
    int64_t d = create(f, "1.0.0",
                       "{\"jobExecutionsRolloutConfig\":{\"maximumPerMinute\":1200},\"abortConfig\":{\"criteriaList\":["
                       "{\"action\":\"CANCEL\",\"failureType\":\"FAILED\",\"minNumberOfExecutedThings\":4,"
                       "\"thresholdPercentage\":50}]}}",
                       NULL);
    sedge_auto_free char *reason = NULL;

    assert_int_equal(given(f, d), 20);
    sql(f, "UPDATE execution SET status=1 WHERE thing_id=(SELECT MAX(thing_id) FROM execution)");
    finish(f, d, 2, SEDGE_EXEC_SUCCEEDED);
    finish(f, d, 1, SEDGE_EXEC_FAILED);
    tick(f, 0);
    assert_int_equal(state_of(f, d), SEDGE_DEP_ROLLING);
    finish(f, d, 1, SEDGE_EXEC_FAILED);
    tick(f, 0);
    assert_int_equal(state_of(f, d), SEDGE_DEP_ABORTED);
    assert_int_equal(sedge_q_text(f->c->db, NULL, &reason, "SELECT reason FROM deployment", ""), 1);
    assert_string_equal(reason, "abort criterion 1: FAILED 50.0 % of 4");
    assert_int_equal(count(f, "SELECT COUNT(*) FROM execution WHERE status=0"), 0);
    assert_int_equal(count(f, "SELECT COUNT(*) FROM execution WHERE status=1"), 1); /* goes on */
    assert_int_equal(count(f, "SELECT COUNT(*) FROM target WHERE current_deployment IS NULL"), 1);
    ticks(f, 8, 250);
    assert_int_equal(given(f, d), 20);
}

static void without_criteria_a_fifth_of_failures_pauses(void **st)
{
    struct fleet *f = *st;
    int64_t d = create(f, "1.0.0", "{\"jobExecutionsRolloutConfig\":{\"maximumPerMinute\":1200}}", NULL);

    finish(f, d, 2, SEDGE_EXEC_TIMED_OUT);
    finish(f, d, 7, SEDGE_EXEC_SUCCEEDED);
    tick(f, 0);
    assert_int_equal(state_of(f, d), SEDGE_DEP_ROLLING);
    finish(f, d, 1, SEDGE_EXEC_SUCCEEDED);
    tick(f, 0);
    assert_int_equal(state_of(f, d), SEDGE_DEP_PAUSED);
}

static void stale_rejections_are_counted_apart(void **st)
{
    struct fleet *f = *st;
    int64_t d = create(f, "1.0.0", "{\"jobExecutionsRolloutConfig\":{\"maximumPerMinute\":1200}}", NULL);
    struct sedge_counts n;

    sql(f, "UPDATE execution SET status=5");
    for (int64_t t = 1; t <= 100; t++)
        (void)sedge_retry_ended(f->c->db, S0, t, d, 1, SEDGE_EXEC_REJECTED,
                                "{\"deployment-error-stack\":\"[\\\"REJECTED_STALE_DEPLOYMENT\\\"]\"}", NULL);
    assert_int_equal(sedge_counts_read(f->c->db, d, &n, NULL), 0);
    assert_int_equal(n.n[SEDGE_COUNT_STALE], 20);
    assert_int_equal(sedge_counts_executed(&n), 0);
    tick(f, 0);
    assert_int_equal(state_of(f, d), SEDGE_DEP_ROLLING);
}

static void a_failing_gate_can_go_back_where_the_revision_has_come(void **st)
{
    struct fleet *f = *st;
    int64_t one = create(f, "1.0.0", FAST, NULL), two, three;

    ticks(f, 4, 250);
    finish(f, one, 100, SEDGE_EXEC_SUCCEEDED);
    two = create(f, "2.0.0", FAST, "{" WAVES ",\"gate\":{\"onFail\":\"REVERT\"}}");
    ticks(f, 4, 250);
    finish(f, two, 9, SEDGE_EXEC_FAILED);
    ticks(f, 4, 250);
    three = count(f, "SELECT MAX(id) FROM deployment");
    assert_int_not_equal(three, two);
    assert_int_equal(state_of(f, two), SEDGE_DEP_ABORTED);
    assert_int_equal(given(f, three), 9); /* the tenth was still waiting */
    assert_int_equal(count(f, "SELECT COUNT(*) FROM execution a JOIN execution b ON a.thing_id=b.thing_id AND"
                              " a.deployment_id=2 AND b.deployment_id=3"),
                     9);
    assert_int_equal(
        count(f, "SELECT a.content_hash=b.content_hash FROM deployment a, deployment b WHERE a.id=1 AND b.id=3"), 1);
    finish(f, three, 9, SEDGE_EXEC_SUCCEEDED);
    tick(f, 250);
    assert_int_equal(state_of(f, three), SEDGE_DEP_ACTIVE);
    assert_int_equal(state_of(f, one), SEDGE_DEP_ACTIVE);
}

static void a_revision_in_waves_leaves_the_one_before_to_the_others(void **st)
{
    struct fleet *f = *st;
    int64_t one = create(f, "1.0.0", "{\"jobExecutionsRolloutConfig\":{\"maximumPerMinute\":1200}}", NULL), two;
    int offered = 0;

    assert_int_equal(given(f, one), 20);
    two = create(f, "2.0.0", FAST, "{" WAVES "}");
    ticks(f, 40, 250);
    assert_int_equal(given(f, two), 10);
    assert_int_equal(count(f, "SELECT COUNT(DISTINCT thing_id) FROM execution"), 100);
    /* Of the ten, those that had revision 1 open do not see it any more. */
    assert_int_equal(count(f, "SELECT COUNT(*) FROM execution a JOIN execution b ON a.thing_id=b.thing_id WHERE"
                              " a.deployment_id=1 AND b.deployment_id=2 AND a.status<>7"),
                     0);
    for (int64_t t = 1; t <= 100; t++)
        assert_int_equal(sedge_release_late(f->c->db, f->now_ms / 1000, t, &offered, NULL), 0);
    assert_int_equal(given(f, two), 10);
    finish(f, two, 10, SEDGE_EXEC_SUCCEEDED);
    tick(f, 250);
    tick(f, 3600000);
    ticks(f, 4, 250);
    finish(f, two, (int)given(f, two) - 10, SEDGE_EXEC_SUCCEEDED);
    ticks(f, 4, 250);
    assert_int_equal(given(f, two), 100);
    assert_int_equal(state_of(f, one), SEDGE_DEP_INACTIVE);
    assert_int_equal(count(f, "SELECT COUNT(*) FROM execution WHERE deployment_id=1 AND status IN (0,1)"), 0);
}

static void a_cancelled_wave_makes_the_revision_before_current_again(void **st)
{
    struct fleet *f = *st;
    int64_t one = create(f, "1.0.0", FAST, NULL), two;

    ticks(f, 4, 250);
    two = create(f, "2.0.0", FAST, "{" WAVES "}");
    assert_int_equal(sedge_deploy_cancel(f->c, two, true, f->now_ms, NULL), 0);
    assert_int_equal(count(f, "SELECT current_deployment FROM target"), one);
    assert_int_equal(count(f, "SELECT COUNT(*) FROM execution WHERE deployment_id=2 AND status<>7"), 0);
}

static void without_waves_the_one_before_is_over_at_once(void **st)
{
    struct fleet *f = *st;
    int64_t one = create(f, "1.0.0", FAST, NULL), two;

    ticks(f, 4, 250);
    sql(f, "UPDATE execution SET status=1 WHERE thing_id<50");
    two = create(f, "2.0.0", FAST, NULL);
    assert_int_equal(state_of(f, one), SEDGE_DEP_INACTIVE);
    assert_int_equal(count(f, "SELECT COUNT(*) FROM execution WHERE deployment_id=1 AND status<>7"), 0);
    ticks(f, 4, 250);
    assert_int_equal(given(f, two), 100);
}

static void two_engines_do_not_release_twice(void **st)
{
    struct fleet *f = *st;
    struct sedge_rollout *other = sedge_rollout_new(f->c), *mine = f->r;
    int64_t d = create(f, "1.0.0", "{\"jobExecutionsRolloutConfig\":{\"maximumPerMinute\":1200}}", NULL);

    for (int i = 0; i < 40; i++) {
        f->r = i % 2 ? mine : other;
        tick(f, 250);
    }
    f->r = mine;
    sedge_rollout_free(other);
    assert_int_equal(given(f, d), 100);
    assert_int_equal(count(f, "SELECT MAX(exec_no) FROM execution"), 1);
    assert_int_equal(count(f, "SELECT n FROM counter WHERE status=0"), 100);
}

static void a_failure_is_tried_again_after_a_pause_that_grows(void **st)
{
    struct fleet *f = *st;
    int64_t d = create(f, "1.0.0",
                       "{\"jobExecutionsRetryConfig\":{\"criteriaList\":[{\"failureType\":\"FAILED\","
                       "\"numberOfRetries\":2}]}}",
                       NULL);
    struct sedge_counts n;

    finish(f, d, 1, SEDGE_EXEC_FAILED);
    assert_int_equal(sedge_counts_read(f->c->db, d, &n, NULL), 0);
    assert_true(n.n[SEDGE_COUNT_RETRY] == 1 && n.n[SEDGE_EXEC_FAILED] == 0);
    assert_in_range(count(f, "SELECT next_retry_at FROM execution WHERE status=3"), S0 + 300, S0 + 375);
    tick(f, 299000);
    assert_int_equal(count(f, "SELECT MAX(exec_no) FROM execution"), 1);
    tick(f, 80000);
    assert_int_equal(count(f, "SELECT MAX(exec_no) FROM execution"), 2);
    assert_int_equal(count(f, "SELECT b.queued_at>a.queued_at AND b.status=0 FROM execution a JOIN execution b ON"
                              " a.thing_id=b.thing_id AND a.exec_no=1 AND b.exec_no=2"),
                     1);
    finish(f, d, 1, SEDGE_EXEC_FAILED);
    tick(f, 600000);
    tick(f, 160000);
    assert_int_equal(count(f, "SELECT MAX(exec_no) FROM execution"), 3);
    finish(f, d, 1, SEDGE_EXEC_FAILED); /* the last one */
    assert_int_equal(sedge_counts_read(f->c->db, d, &n, NULL), 0);
    assert_true(n.n[SEDGE_COUNT_RETRY] == 0 && n.n[SEDGE_EXEC_FAILED] == 1);
    assert_int_equal(sedge_retry_delay(0), 300);
    assert_int_equal(sedge_retry_delay(1), 600);
    assert_int_equal(sedge_retry_delay(60), 21600);
}

static void a_late_success_is_not_tried_again(void **st)
{
    struct fleet *f = *st;
    int64_t d = create(f, "1.0.0",
                       "{\"jobExecutionsRetryConfig\":{\"criteriaList\":[{\"failureType\":\"TIMED_OUT\","
                       "\"numberOfRetries\":2}]}}",
                       NULL);
    int64_t thing;
    int offered = 0;

    finish(f, d, 1, SEDGE_EXEC_TIMED_OUT);
    thing = count(f, "SELECT thing_id FROM execution WHERE status=4");
    sql(f, "UPDATE execution SET late_status=2 WHERE status=4");
    tick(f, 86400000);
    assert_int_equal(count(f, "SELECT MAX(exec_no) FROM execution"), 1);
    assert_int_equal(count(f, "SELECT n FROM counter WHERE status=11"), 1);
    assert_int_equal(count(f, "SELECT n FROM counter WHERE status=4"), 1);
    assert_int_equal(sedge_release_late(f->c->db, f->now_ms / 1000, thing, &offered, NULL), 0);
    assert_int_equal(offered, 0);
}

static void dormant_things_do_not_hold_up_a_wave_and_get_it_when_they_come(void **st)
{
    struct fleet *f = *st;
    int64_t d;
    int offered = 0;

    sql(f, "UPDATE thing SET last_seen=1764590400-40*86400 WHERE id<=30");
    d = create(f, "1.0.0", FAST, NULL);
    ticks(f, 4, 250);
    assert_int_equal(given(f, d), 70);
    finish(f, d, 70, SEDGE_EXEC_SUCCEEDED);
    assert_int_equal(state_of(f, d), SEDGE_DEP_ACTIVE);
    assert_int_equal(sedge_release_late(f->c->db, f->now_ms / 1000, 7, &offered, NULL), 0);
    assert_int_equal(offered, 1);
    assert_int_equal(state_of(f, d), SEDGE_DEP_ROLLING);
}

static void while_all_devices_are_offline_the_outcome_is_unknown(void **st)
{
    struct fleet *f = *st;
    int64_t d = create(f, "1.0.0", FAST, "{" WAVES "}");
    sedge_auto_put struct json_object *o = NULL;

    ticks(f, 8, 250);
    tick(f, 86400000);
    ticks(f, 8, 250);
    o = sedge_deploy_show(f->c, d, NULL);
    assert_string_equal(sedge_json_str(o, "outcome", ""), "UNKNOWN");
    assert_int_equal(given(f, d), 10);
}

static void open_executions_stay_below_their_bound(void **st)
{
    struct fleet *f = *st;
    int64_t d = create(f, "1.0.0", FAST, "{\"maxInProgress\":7}");

    ticks(f, 8, 250);
    assert_int_equal(given(f, d), 7);
    finish(f, d, 3, SEDGE_EXEC_SUCCEEDED);
    ticks(f, 8, 250);
    assert_int_equal(given(f, d), 10);
    tick(f, 130000); /* the others are away */
    ticks(f, 2, 250);
    assert_true(given(f, d) > 10);
}

static void who_leaves_is_removed_and_who_comes_back_gets_a_new_execution(void **st)
{
    struct fleet *f = *st;
    int64_t d = create(f, "1.0.0", FAST, NULL);
    sedge_auto_free char *offers = NULL;

    ticks(f, 4, 250);
    assert_int_equal(sedge_group_rm(f->c, "g", "t-005", f->now_ms, NULL), 0);
    assert_int_equal(count(f, "SELECT status FROM execution WHERE thing_id=5"), SEDGE_EXEC_REMOVED);
    assert_int_equal(sedge_group_add(f->c, "g", "t-005", f->now_ms, &offers, NULL), 0);
    assert_string_equal(offers, "group:g:1");
    assert_int_equal(count(f, "SELECT status FROM execution WHERE thing_id=5 AND exec_no=2"), SEDGE_EXEC_QUEUED);
    assert_int_equal(given(f, d), 101);
}

static void who_leaves_or_is_deleted_before_its_turn_is_not_offered(void **st)
{
    struct fleet *f = *st;
    int64_t d = create(f, "1.0.0", "{\"jobExecutionsRolloutConfig\":{\"maximumPerMinute\":600}}", NULL);
    sedge_auto_free char *leaves = NULL;
    sedge_auto_free char *goes = NULL;

    tick(f, 0); /* all are in the list now */
    assert_int_equal(sedge_q_text(f->c->db, NULL, &leaves,
                                  "SELECT name FROM thing WHERE id NOT IN (SELECT thing_id FROM execution) ORDER BY id",
                                  ""),
                     1);
    assert_int_equal(sedge_group_rm(f->c, "g", leaves, f->now_ms, NULL), 0);
    assert_int_equal(sedge_q_text(f->c->db, NULL, &goes,
                                  "SELECT name FROM thing WHERE id NOT IN (SELECT thing_id FROM execution)"
                                  " ORDER BY id DESC",
                                  ""),
                     1);
    assert_int_equal(sedge_thing_delete(f->c, goes, f->now_ms, NULL), 0);
    ticks(f, 60, 250);
    assert_int_equal(given(f, d), 98);
    assert_int_equal(count(f, "SELECT released FROM deployment"), 1);
}

static void a_move_between_groups_is_one_change(void **st)
{
    struct fleet *f = *st;
    sedge_auto_free char *offers = NULL;
    struct sedge_err err = SEDGE_ERR_INIT;
    int64_t d = create(f, "1.0.0", FAST, NULL);

    ticks(f, 4, 250);
    assert_int_equal(sedge_group_create(f->c, "other", NULL), 0);
    sql(f, "DELETE FROM dirty");
    assert_int_equal(sedge_group_move(f->c, "g", "other", "t-005", f->now_ms, &offers, &err), 0);
    assert_int_equal(count(f, "SELECT status FROM execution WHERE thing_id=5"), SEDGE_EXEC_REMOVED);
    assert_int_equal(count(f, "SELECT seq FROM dirty WHERE thing_id=5"), 1);
    assert_int_equal(sedge_group_move(f->c, "g", "other", "t-005", f->now_ms, &offers, &err), -1);
    assert_int_equal(err.code, SEDGE_E_NOT_FOUND);
    assert_int_equal(given(f, d), 100);
}

static void who_joins_during_the_first_wave_waits_for_a_later_one(void **st)
{
    struct fleet *f = *st;
    int64_t d = create(f, "1.0.0", FAST, "{" WAVES "}");
    int64_t before;

    ticks(f, 4, 250);
    before = given(f, d);
    sql(f, "WITH RECURSIVE n(i) AS (SELECT 101 UNION ALL SELECT i+1 FROM n WHERE i<140) INSERT INTO"
           " thing(name,created_at,last_seen) SELECT printf('t-%03d',i), 1764590400, 1764590400 FROM n");
    for (int i = 101; i <= 140; i++) {
        sedge_auto_free char *name = sedge_xasprintf("t-%03d", i);
        sedge_auto_free char *offers = NULL;

        assert_int_equal(sedge_group_add(f->c, "g", name, f->now_ms, &offers, NULL), 0);
    }
    ticks(f, 4, 250);
    assert_in_range(given(f, d), before, before + 20); /* those whose hash is in the wave */
    finish(f, d, (int)given(f, d), SEDGE_EXEC_SUCCEEDED);
    tick(f, 250);
    tick(f, 3600000);
    ticks(f, 4, 250);
    assert_in_range(given(f, d), 40, 105);
}

static void a_crowd_that_joins_afterwards_is_released_at_the_rate(void **st)
{
    struct fleet *f = *st;
    int64_t d = create(f, "1.0.0", "{\"jobExecutionsRolloutConfig\":{\"maximumPerMinute\":120}}", NULL);

    ticks(f, 400, 250);
    finish(f, d, 100, SEDGE_EXEC_SUCCEEDED);
    assert_int_equal(state_of(f, d), SEDGE_DEP_ACTIVE);
    tick(f, 120000);
    sql(f, "WITH RECURSIVE n(i) AS (SELECT 101 UNION ALL SELECT i+1 FROM n WHERE i<400) INSERT INTO"
           " thing(name,created_at,last_seen) SELECT printf('t-%03d',i), 1764590400, 1764590400 FROM n");
    for (int i = 101; i <= 400; i++) {
        sedge_auto_free char *name = sedge_xasprintf("t-%03d", i);
        sedge_auto_free char *offers = NULL;

        assert_int_equal(sedge_group_add(f->c, "g", name, f->now_ms, &offers, NULL), 0);
    }
    assert_int_equal(given(f, d), 220);
    assert_int_equal(state_of(f, d), SEDGE_DEP_ROLLING);
    ticks(f, 480, 250);
    assert_int_equal(given(f, d), 400);
}

static void a_scheduled_deployment_begins_and_ends_at_its_times(void **st)
{
    struct fleet *f = *st;
    /* T0 is 2025-12-01 12:00 */
    int64_t d = create(f, "1.0.0",
                       "{\"jobExecutionsRolloutConfig\":{\"maximumPerMinute\":60},\"schedulingConfig\":{\"startTime\":"
                       "\"2025-12-01 13:00\",\"endTime\":\"2025-12-01 13:01\",\"endBehavior\":\"CANCEL\"}}",
                       NULL);

    assert_int_equal(state_of(f, d), SEDGE_DEP_SCHEDULED);
    tick(f, 3599000);
    assert_int_equal(given(f, d), 0);
    tick(f, 1000);
    assert_int_equal(given(f, d), 1);
    assert_int_equal(state_of(f, d), SEDGE_DEP_ROLLING);
    ticks(f, 239, 250);
    assert_in_range(given(f, d), 50, 70);
    tick(f, 250);
    assert_int_equal(state_of(f, d), SEDGE_DEP_CANCELED);
    assert_int_equal(count(f, "SELECT COUNT(*) FROM execution WHERE status<>7"), 0);
}

static void approval_needs_a_second_user(void **st)
{
    struct fleet *f = *st;
    int64_t d = create(f, "1.0.0", FAST, "{\"approval\":true}");
    struct sedge_err err = SEDGE_ERR_INIT;

    ticks(f, 4, 250);
    assert_int_equal(given(f, d), 0);
    assert_int_equal(sedge_deploy_approve(f->c, d, sedge_who(), f->now_ms, &err), -1);
    assert_int_equal(err.code, SEDGE_E_DENIED);
    assert_int_equal(sedge_deploy_approve(f->c, d, "somebody-else", f->now_ms, &err), 0);
    ticks(f, 4, 250);
    assert_int_equal(given(f, d), 100);
}

static void a_revert_is_a_new_revision_and_somebody_elses_change_is_seen(void **st)
{
    struct fleet *f = *st;
    int64_t one = create(f, "1.0.0", FAST, NULL);
    sedge_auto_put struct json_object *o = NULL;
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)create(f, "2.0.0", FAST, NULL);
    assert_null(sedge_deploy_revert(f->c, one, true, 1, f->now_ms, &err));
    assert_int_equal(err.code, SEDGE_E_CONFLICT);
    o = sedge_deploy_revert(f->c, one, true, 2, f->now_ms, &err);
    if (!o) fail_msg("%s", err.msg);
    assert_int_equal(sedge_json_i64(o, "revision", 0), 3);
    assert_int_equal(
        count(f, "SELECT a.content_hash=b.content_hash FROM deployment a, deployment b WHERE a.id=1 AND b.id=3"), 1);
}

static void cancel_with_fallback_makes_the_last_good_revision_again(void **st)
{
    struct fleet *f = *st;
    int64_t one = create(f, "1.0.0", FAST, NULL), two;
    sedge_auto_put struct json_object *o = NULL;
    struct sedge_err err = SEDGE_ERR_INIT;

    ticks(f, 4, 250);
    finish(f, one, 100, SEDGE_EXEC_SUCCEEDED);
    two = create(f, "2.0.0", FAST, NULL);
    o = sedge_deploy_fall_back(f->c, two, false, f->now_ms, &err);
    if (!o) fail_msg("%s", err.msg);
    assert_int_equal(sedge_json_i64(o, "revision", 0), 3);
    assert_int_equal(state_of(f, two), SEDGE_DEP_CANCELED);
    assert_int_equal(
        count(f, "SELECT a.content_hash=b.content_hash FROM deployment a, deployment b WHERE a.id=1 AND b.id=3"), 1);
}

static void a_retry_by_hand_takes_the_states_that_are_asked_for(void **st)
{
    struct fleet *f = *st;
    int64_t d = create(f, "1.0.0", "{\"jobExecutionsRolloutConfig\":{\"maximumPerMinute\":600}}", NULL), n = 0;
    struct sedge_err err = SEDGE_ERR_INIT;

    finish(f, d, 1, SEDGE_EXEC_FAILED);
    finish(f, d, 1, SEDGE_EXEC_TIMED_OUT);
    finish(f, d, 3, SEDGE_EXEC_SUCCEEDED);
    assert_int_equal(sedge_deploy_retry(f->c, d, 1u << SEDGE_EXEC_FAILED, NULL, f->now_ms, &n, &err), 0);
    assert_int_equal(n, 1);
    assert_int_equal(count(f, "SELECT COUNT(*) FROM execution WHERE exec_no=2"), 1);
    assert_int_equal(count(f, "SELECT n FROM counter WHERE status=3"), 0);
}

static void a_deployment_that_cannot_go_on_holds_up_no_other(void **st)
{
    struct fleet *f = *st;
    int64_t broken = create(f, "1.0.0", FAST, NULL), had = given(f, broken), other;
    struct sedge_err err = SEDGE_ERR_INIT;

    assert_int_equal(sedge_group_create(f->c, "h", &err), 0);
    sql(f, "INSERT INTO member SELECT (SELECT id FROM grp WHERE name='h'), id, 1764590400 FROM thing");
    other = create_for(f, "h", "1.0.0", FAST, NULL);
    sql(f, "UPDATE deployment SET policy='{' WHERE id=1");
    ticks(f, 40, 250);
    assert_int_equal(given(f, broken), had);
    assert_int_equal(given(f, other), 100);
    sql(f, "UPDATE deployment SET policy=(SELECT policy FROM deployment WHERE id=2) WHERE id=1");
    tick(f, SEDGE_ROLLOUT_REST_MS);
    ticks(f, 40, 250);
    assert_int_equal(given(f, broken), 100);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_deployment_that_cannot_go_on_holds_up_no_other),
        T(things_are_released_at_the_rate_and_the_first_ones_at_once),
        T(an_exponential_rate_rises_with_success),
        T(a_wave_ends_by_success_and_soak_and_the_next_begins),
        T(a_restarted_engine_goes_on_where_the_other_stood),
        T(the_canary_group_comes_first),
        T(when_thirty_percent_fail_in_the_first_wave_nothing_more_is_released),
        T(an_abort_criterion_cancels_what_waits_and_tells_why),
        T(without_criteria_a_fifth_of_failures_pauses),
        T(stale_rejections_are_counted_apart),
        T(a_failing_gate_can_go_back_where_the_revision_has_come),
        T(a_revision_in_waves_leaves_the_one_before_to_the_others),
        T(a_cancelled_wave_makes_the_revision_before_current_again),
        T(without_waves_the_one_before_is_over_at_once),
        T(two_engines_do_not_release_twice),
        T(a_failure_is_tried_again_after_a_pause_that_grows),
        T(a_late_success_is_not_tried_again),
        T(dormant_things_do_not_hold_up_a_wave_and_get_it_when_they_come),
        T(while_all_devices_are_offline_the_outcome_is_unknown),
        T(open_executions_stay_below_their_bound),
        T(who_leaves_is_removed_and_who_comes_back_gets_a_new_execution),
        T(who_leaves_or_is_deleted_before_its_turn_is_not_offered),
        T(a_move_between_groups_is_one_change),
        T(who_joins_during_the_first_wave_waits_for_a_later_one),
        T(a_crowd_that_joins_afterwards_is_released_at_the_rate),
        T(a_scheduled_deployment_begins_and_ends_at_its_times),
        T(approval_needs_a_second_user),
        T(a_revert_is_a_new_revision_and_somebody_elses_change_is_seen),
        T(cancel_with_fallback_makes_the_last_good_revision_again),
        T(a_retry_by_hand_takes_the_states_that_are_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
