/* The device plane: what is answered to what, without a broker. */
#include "world.h"

static void updates_follow_the_table_of_states(void **st)
{
    static const struct {
        int before;
        const char *status, *kind, *code;
        int after;
    } rows[] = {
        {SEDGE_EXEC_QUEUED, "IN_PROGRESS", "accepted", NULL, SEDGE_EXEC_IN_PROGRESS},
        {SEDGE_EXEC_QUEUED, "SUCCEEDED", "accepted", NULL, SEDGE_EXEC_SUCCEEDED},
        {SEDGE_EXEC_QUEUED, "FAILED", "accepted", NULL, SEDGE_EXEC_FAILED},
        {SEDGE_EXEC_QUEUED, "REJECTED", "accepted", NULL, SEDGE_EXEC_REJECTED},
        {SEDGE_EXEC_IN_PROGRESS, "IN_PROGRESS", "accepted", NULL, SEDGE_EXEC_IN_PROGRESS},
        {SEDGE_EXEC_IN_PROGRESS, "SUCCEEDED", "accepted", NULL, SEDGE_EXEC_SUCCEEDED},
        {SEDGE_EXEC_SUCCEEDED, "SUCCEEDED", "accepted", NULL, SEDGE_EXEC_SUCCEEDED},
        {SEDGE_EXEC_SUCCEEDED, "FAILED", "rejected", "InvalidStateTransition", SEDGE_EXEC_SUCCEEDED},
        {SEDGE_EXEC_FAILED, "IN_PROGRESS", "rejected", "InvalidStateTransition", SEDGE_EXEC_FAILED},
        {SEDGE_EXEC_CANCELED, "SUCCEEDED", "rejected", "InvalidStateTransition", SEDGE_EXEC_CANCELED},
        {SEDGE_EXEC_TIMED_OUT, "SUCCEEDED", "rejected", "InvalidStateTransition", SEDGE_EXEC_TIMED_OUT},
        {SEDGE_EXEC_REMOVED, "FAILED", "rejected", "InvalidStateTransition", SEDGE_EXEC_REMOVED},
        {SEDGE_EXEC_QUEUED, "CANCELED", "rejected", "InvalidRequest", SEDGE_EXEC_QUEUED},
        {SEDGE_EXEC_QUEUED, "FAILURE", "rejected", "InvalidRequest", SEDGE_EXEC_QUEUED},
        {SEDGE_EXEC_QUEUED, "QUEUED", "rejected", "InvalidRequest", SEDGE_EXEC_QUEUED},
    };
    struct world *w = *st;
    sedge_auto_free char *topic = begin(w);

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_free char *body = sedge_xasprintf("{\"status\":\"%s\"}", rows[i].status);
        sedge_auto_free char *answer = NULL;

        assert_int_equal(sedge_q_run(w->c->db, NULL, "UPDATE execution SET status=?1", "i", (int64_t)rows[i].before),
                         0);
        answer = ask(w, topic, body, rows[i].kind, T0 + 1000);
        if (rows[i].code) assert_non_null(strstr(answer, rows[i].code));
        assert_int_equal(site_count(w->c, "SELECT status FROM execution"), rows[i].after);
    }
}

static void versions_and_details_are_checked(void **st)
{
    static const struct {
        const char *body, *kind, *says;
    } rows[] = {
        {GO ",\"expectedVersion\":2}", "rejected", "VersionMismatch"},
        {GO ",\"expectedVersion\":\"7\"}", "rejected", "\"versionNumber\":1"},
        {GO ",\"statusDetails\":{\"a\":5}}", "rejected", "must be a text"},
        {GO ",\"statusDetails\":{\"a\":\"\"}}", "rejected", "InvalidRequest"},
        {GO ",\"statusDetails\":{\"a b\":\"x\"}}", "rejected", "InvalidRequest"},
        {GO ",\"statusDetails\":[]}", "rejected", "expected an object"},
        {GO ",\"executionNumber\":9}", "rejected", "ResourceNotFound"},
        {GO ",\"executionNumber\":\"1\"}", "rejected", "executionNumber: expected a number"},
        {GO ",\"stepTimeoutInMinutes\":10081}", "rejected", "stepTimeoutInMinutes"},
        {GO ",\"clientToken\":5}", "accepted", "timestamp"},
        {GO ",\"expectedVersion\":\"2\",\"statusDetails\":{\"a\":\"x\"},\"clientToken\":\"t\"}", "accepted",
         "\"clientToken\":\"t\""},
        {GO ",\"includeJobExecutionState\":true}", "accepted",
         "\"executionState\":{\"status\":\"IN_PROGRESS\",\"statusDetails\":{\"a\":\"x\"},\"versionNumber\":4}"},
        {GO ",\"includeJobDocument\":true}", "accepted", "\"jobDocument\":{\"deploymentId\""},
        {GO ",\"thingName\":\"cam-2\"}", "rejected", "another thing"},
        {"not json", "rejected", "InvalidJson"},
        {"[]", "rejected", "InvalidJson"},
    };
    struct world *w = *st;
    sedge_auto_free char *topic = begin(w);

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_free char *answer = ask(w, topic, rows[i].body, rows[i].kind, T0 + 1000);

        if (!strstr(answer, rows[i].says)) fail_msg("row %zu: %s", i, answer);
    }
}

static void unknown_topics_and_things_change_nothing(void **st)
{
    static const char *const topics[] = {
        "$aws/things/cam-1/jobs",
        "$aws/things/cam-1/jobs/x/y/z",
        "$aws/things/cam-1/jobs/x/namespace-other/get",
        "x/y",
        "",
        "$aws/things/cam-9/greengrassv2/health/json",
    };
    sedge_auto_free char *unknown = NULL;

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(topics); i++)
        assert_null(ask(*st, topics[i], "{}", "accepted", T0));
    unknown = ask(*st, "$aws/things/cam-9/jobs/$next" NS "/get", "", "rejected", T0);
    assert_non_null(strstr(unknown, "ResourceNotFound"));
}

static void a_thing_that_asks_too_often_is_throttled_and_others_are_not(void **st)
{
    struct world *w = *st;
    struct sedge_plane_out out = {0};
    sedge_auto_free char *other = NULL;
    size_t throttled = 0;

    for (int i = 0; i < SEDGE_GUEST_BURST * 2; i++)
        assert_int_equal(sedge_plane_handle(w->p, T0, "$aws/things/cam-1/jobs/get", "", 0, &out, NULL), 0);
    for (size_t i = 0; i < out.n; i++)
        throttled += strstr(out.v[i].payload, "RequestThrottled") != NULL;
    assert_in_range(throttled, SEDGE_GUEST_BURST / 2, SEDGE_GUEST_BURST);
    other = ask(w, "$aws/things/cam-2/jobs/get", "", "accepted", T0);
    assert_non_null(other);
    sedge_plane_out_release(&out);
}

static void a_deadline_that_passes_ends_the_execution(void **st)
{
    struct world *w = *st;
    sedge_auto_free char *topic = begin(w);
    sedge_auto_free char *first = ask(w, topic, GO "}", "accepted", T0);
    sedge_auto_free char *late = NULL;
    int n = -1;

    assert_non_null(first);
    assert_int_equal(sedge_exec_expire(w->c->db, T0 / 1000 + 3599, &n, NULL), 0);
    assert_int_equal(n, 0);
    assert_int_equal(sedge_exec_expire(w->c->db, T0 / 1000 + 3600, &n, NULL), 0);
    assert_int_equal(n, 1);
    assert_int_equal(site_count(w->c, "SELECT status FROM execution"), SEDGE_EXEC_TIMED_OUT);
    assert_int_equal(site_count(w->c, "SELECT state FROM deployment"), SEDGE_DEP_ACTIVE);
    late = ask(w, topic, "{\"status\":\"SUCCEEDED\"}", "rejected", T0 + 4000000);
    assert_non_null(strstr(late, "TIMED_OUT"));
    assert_int_equal(site_count(w->c, "SELECT late_status FROM execution"), SEDGE_EXEC_SUCCEEDED);
}

static void a_step_timer_ends_earlier_and_can_be_taken_away(void **st)
{
    struct world *w = *st;
    sedge_auto_free char *topic = begin(w);
    sedge_auto_free char *a = ask(w, topic, GO ",\"stepTimeoutInMinutes\":5}", "accepted", T0);
    sedge_auto_free char *b = NULL;
    int n = -1;

    assert_non_null(a);
    assert_int_equal(site_count(w->c, "SELECT step_deadline_at FROM execution"), T0 / 1000 + 300);
    b = ask(w, topic, GO ",\"stepTimeoutInMinutes\":-1}", "accepted", T0);
    assert_non_null(b);
    assert_int_equal(sedge_exec_expire(w->c->db, T0 / 1000 + 301, &n, NULL), 0);
    assert_int_equal(n, 0);
}

static void times_never_go_back_when_the_clock_does(void **st)
{
    struct world *w = *st;
    sedge_auto_put struct json_object *one = site_deploy(w->c, SEDGE_TARGET_GROUP, "cams", "1.0.0", T0);
    sedge_auto_put struct json_object *two = site_deploy(w->c, SEDGE_TARGET_GROUP, "cams", "2.0.0", T0 - 86400000);

    assert_true(sedge_json_i64(two, "creationTimestamp", 0) > sedge_json_i64(one, "creationTimestamp", 0));
    assert_int_equal(site_count(w->c, "SELECT COUNT(*) FROM execution a JOIN execution b ON a.deployment_id=1 AND"
                                      " b.deployment_id=2 WHERE b.queued_at>a.queued_at"),
                     1);
}

static void notifications_tell_the_list_and_a_new_head_once(void **st)
{
    struct world *w = *st;
    struct sedge_plane_out out = {0};
    sedge_auto_free char *head = NULL;
    sedge_auto_free char *again = NULL;
    int64_t seq;

    free(begin(w));
    seq = site_count(w->c, "SELECT seq FROM dirty");
    assert_int_equal(sedge_plane_notify(w->p, T0, 1, SEDGE_EXEC_NS_DEPLOY, &out, &head, NULL), 0);
    assert_int_equal(out.n, 2);
    assert_string_equal(out.v[0].topic, "$aws/things/cam-1/jobs/notify-namespace-aws-gg-deployment");
    assert_string_equal(out.v[1].topic, "$aws/things/cam-1/jobs/notify-next-namespace-aws-gg-deployment");
    assert_true(out.v[0].notification && out.v[1].notification);
    sedge_plane_out_release(&out);
    assert_int_equal(sedge_plane_told(w->p, 1, SEDGE_EXEC_NS_DEPLOY, seq, head, NULL), 0);
    assert_int_equal(site_count(w->c, "SELECT COUNT(*) FROM dirty"), 0);
    assert_int_equal(sedge_plane_notify(w->p, T0, 1, SEDGE_EXEC_NS_DEPLOY, &out, &again, NULL), 0);
    assert_int_equal(out.n, 1); /* the head is known */
    sedge_plane_out_release(&out);
}

/* Names of the messages that this dirty row leads to: L a list, H a head. */
static void told(struct world *w, int64_t ns, const char *want)
{
    struct sedge_plane_out out = {0};
    sedge_auto_free char *head = NULL;
    char have[8] = "";

    assert_int_equal(sedge_plane_notify(w->p, T0, 1, ns, &out, &head, NULL), 0);
    for (size_t i = 0; i < out.n; i++)
        have[i] = strstr(out.v[i].topic, "notify-next") ? 'H' : 'L';
    assert_string_equal(have, want);
    assert_int_equal(sedge_plane_told(w->p, 1, ns, 1, head, NULL), 0);
    sedge_plane_out_release(&out);
}

static void one_that_is_not_the_head_becomes_the_head_without_a_new_list(void **st)
{
    struct world *w = *st;
    sedge_auto_put struct json_object *two = NULL;
    sedge_auto_free char *topic = NULL;
    sedge_auto_free char *update = NULL;

    free(begin(w));
    assert_int_equal(sedge_group_create(w->c, "more", NULL), 0);
    two = site_deploy(w->c, SEDGE_TARGET_GROUP, "more", "1.0.0", T0);
    assert_int_equal(sedge_exec_offer(w->c->db, T0 / 1000, 1, 2, NULL), 0);
    told(w, SEDGE_EXEC_NS_DEPLOY, "LH");
    assert_int_equal(sedge_db_exec(w->c->db, "DELETE FROM dirty", NULL), 0);
    topic = sedge_xasprintf("$aws/things/cam-1/jobs/%s" NS "/update", sedge_json_str(two, "jobId", ""));
    update = ask(w, topic, GO "}", "accepted", T0);
    assert_non_null(update);
    assert_int_equal(site_count(w->c, "SELECT ns FROM dirty"), SEDGE_EXEC_NS_HEAD);
    told(w, SEDGE_EXEC_NS_HEAD, "H");
    assert_int_equal(site_count(w->c, "SELECT COUNT(*) FROM dirty"), 0);
}

static void an_absent_thing_is_not_told_until_it_is_heard(void **st)
{
    struct world *w = *st;
    sedge_auto_free char *answer = NULL;

    free(begin(w));
    sedge_plane_absent(w->p, 1);
    told(w, SEDGE_EXEC_NS_DEPLOY, "");
    answer = ask(w, NEXT, "", "accepted", T0);
    assert_non_null(strstr(answer, "QUEUED"));
    told(w, SEDGE_EXEC_NS_DEPLOY, "LH");
}

static void a_thing_with_nothing_to_do_is_answered_without_a_look_until_something_changes(void **st)
{
    struct world *w = *st;
    struct sedge_plane_out out = {0};
    sedge_auto_free char *topic = NULL;

    assert_false(sedge_plane_quick(w->p, T0, NEXT, "", 0, &out));
    free(ask(w, NEXT, "", "accepted", T0));
    assert_int_equal(sedge_plane_refresh(w->p, NULL), 0);
    assert_true(sedge_plane_quick(w->p, T0, NEXT, "{\"clientToken\":\"t\"}", 19, &out));
    assert_int_equal(out.n, 1);
    assert_string_equal(out.v[0].payload, "{\"timestamp\":1764590400,\"clientToken\":\"t\"}");
    topic = begin(w);
    assert_int_equal(sedge_plane_refresh(w->p, NULL), 0);
    assert_false(sedge_plane_quick(w->p, T0, NEXT, "", 0, &out));
    sedge_plane_out_release(&out);
}

static void a_flood_is_not_answered_at_all(void **st)
{
    struct world *w = *st;
    struct sedge_plane_out out = {0};

    for (int i = 0; i < SEDGE_GUEST_BURST * SEDGE_GUEST_FLOOD * 2; i++)
        assert_int_equal(sedge_plane_handle(w->p, T0, "$aws/things/cam-1/jobs/get", "", 0, &out, NULL), 0);
    assert_in_range(out.n, SEDGE_GUEST_BURST * SEDGE_GUEST_FLOOD, SEDGE_GUEST_BURST * SEDGE_GUEST_FLOOD * 3 / 2);
    sedge_plane_out_release(&out);
    assert_true(sedge_plane_quick(w->p, T0, "$aws/things/cam-1/jobs/get", "", 0, &out));
    assert_int_equal(out.n, 0);
}

static void a_change_during_a_notification_stays_dirty(void **st)
{
    struct world *w = *st;
    int64_t seq;

    free(begin(w));
    seq = site_count(w->c, "SELECT seq FROM dirty");
    assert_int_equal(sedge_exec_mark_dirty(w->c->db, 1, NULL), 0);
    assert_int_equal(sedge_plane_told(w->p, 1, SEDGE_EXEC_NS_DEPLOY, seq, "x", NULL), 0);
    assert_int_equal(site_count(w->c, "SELECT COUNT(*) FROM dirty"), 1);
}

static void a_thing_target_is_offered_to_that_thing_only(void **st)
{
    struct world *w = *st;
    sedge_auto_put struct json_object *d = NULL;
    sedge_auto_free char *mine = NULL;
    sedge_auto_free char *other = NULL;

    assert_int_equal(sedge_carrier_set(w->c, "cam-2", "job", T0, NULL), 0);
    d = site_deploy(w->c, SEDGE_TARGET_THING, "cam-2", "1.0.0", T0);
    mine = ask(w, "$aws/things/cam-2/jobs/$next" NS "/get", "", "accepted", T0);
    other = ask(w, NEXT, "", "accepted", T0);
    assert_non_null(d);
    assert_non_null(strstr(mine, ":configuration:thing/cam-2:1"));
    assert_null(strstr(other, "execution"));
}

static void of_two_targets_the_older_is_the_head_until_one_is_in_progress(void **st)
{
    struct world *w = *st;
    sedge_auto_put struct json_object *one = site_deploy(w->c, SEDGE_TARGET_GROUP, "cams", "1.0.0", T0);
    sedge_auto_put struct json_object *two = NULL;
    sedge_auto_free char *before = NULL;
    sedge_auto_free char *topic = NULL;
    sedge_auto_free char *after = NULL;

    assert_int_equal(sedge_carrier_set(w->c, "cam-1", "job", T0, NULL), 0);
    two = site_deploy(w->c, SEDGE_TARGET_THING, "cam-1", "1.0.0", T0);
    before = ask(w, NEXT, "", "accepted", T0);
    assert_non_null(strstr(before, sedge_json_str(one, "jobId", "?")));
    topic = sedge_xasprintf("$aws/things/cam-1/jobs/%s" NS "/update", sedge_json_str(two, "jobId", ""));
    free(ask(w, topic, GO "}", "accepted", T0));
    after = ask(w, NEXT, "{\"includeJobDocument\":false}", "accepted", T0);
    assert_non_null(strstr(after, sedge_json_str(two, "jobId", "?")));
    assert_null(strstr(after, "jobDocument"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(updates_follow_the_table_of_states),
        T(versions_and_details_are_checked),
        T(unknown_topics_and_things_change_nothing),
        T(a_thing_that_asks_too_often_is_throttled_and_others_are_not),
        T(a_deadline_that_passes_ends_the_execution),
        T(a_step_timer_ends_earlier_and_can_be_taken_away),
        T(times_never_go_back_when_the_clock_does),
        T(notifications_tell_the_list_and_a_new_head_once),
        T(one_that_is_not_the_head_becomes_the_head_without_a_new_list),
        T(an_absent_thing_is_not_told_until_it_is_heard),
        T(a_thing_with_nothing_to_do_is_answered_without_a_look_until_something_changes),
        T(a_flood_is_not_answered_at_all),
        T(a_change_during_a_notification_stays_dirty),
        T(a_thing_target_is_offered_to_that_thing_only),
        T(of_two_targets_the_older_is_the_head_until_one_is_in_progress),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
