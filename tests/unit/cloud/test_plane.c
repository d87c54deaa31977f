/* The device plane: what is answered to what, without a broker. */
#include "site.h"

#include "cloud/exec.h"
#include "cloud/plane.h"

#define NS   "/namespace-aws-gg-deployment"
#define NEXT "$aws/things/cam-1/jobs/$next" NS "/get"

struct world {
    struct sedge_cloud *c;
    struct sedge_plane *p;
};

static int setup(void **st)
{
    struct world *w = SEDGE_NEW(struct world);
    void *c = NULL;

    (void)site_setup(&c);
    w->c = c;
    w->p = sedge_plane_new(w->c->db);
    *st = w;
    return 0;
}

static int teardown(void **st)
{
    struct world *w = *st;
    void *c = w->c;

    sedge_plane_free(w->p);
    free(w);
    return site_teardown(&c);
}

/* Sends one message and returns the only answer's payload (heap), NULL when there is none. */
static char *ask(struct world *w, const char *topic, const char *payload, const char *kind, int64_t now_ms)
{
    struct sedge_plane_out out = {0};
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_free char *want = sedge_xasprintf("%s/%s", topic, kind);
    char *answer = NULL;

    if (sedge_plane_handle(w->p, now_ms, topic, payload, strlen(payload), &out, &err) != 0) fail_msg("%s", err.msg);
    if (out.n) {
        assert_int_equal(out.n, 1);
        if (strcmp(out.v[0].topic, want) != 0) fail_msg("%s: %s", out.v[0].topic, out.v[0].payload);
        assert_false(out.v[0].notification);
        answer = sedge_xstrdup(out.v[0].payload);
    }
    sedge_plane_out_release(&out);
    return answer;
}

/* Deploys to cams and returns the update topic of the job (heap). */
static char *begin(struct world *w)
{
    sedge_auto_put struct json_object *d = site_deploy(w->c, SEDGE_TARGET_GROUP, "cams", "1.0.0", T0);

    return sedge_xasprintf("$aws/things/cam-1/jobs/%s" NS "/update", sedge_json_str(d, "jobId", ""));
}

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
#define GO "{\"status\":\"IN_PROGRESS\""
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

    for (int i = 0; i < SEDGE_PLANE_BURST * 2; i++)
        assert_int_equal(sedge_plane_handle(w->p, T0, "$aws/things/cam-1/jobs/get", "", 0, &out, NULL), 0);
    for (size_t i = 0; i < out.n; i++)
        throttled += strstr(out.v[i].payload, "RequestThrottled") != NULL;
    assert_in_range(throttled, SEDGE_PLANE_BURST / 2, SEDGE_PLANE_BURST);
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
    assert_int_equal(sedge_plane_notify(w->p, T0, 1, false, &out, &head, NULL), 0);
    assert_int_equal(out.n, 2);
    assert_string_equal(out.v[0].topic, "$aws/things/cam-1/jobs/notify-namespace-aws-gg-deployment");
    assert_string_equal(out.v[1].topic, "$aws/things/cam-1/jobs/notify-next-namespace-aws-gg-deployment");
    assert_true(out.v[0].notification && out.v[1].notification);
    sedge_plane_out_release(&out);
    assert_int_equal(sedge_plane_told(w->p, 1, seq, head, NULL), 0);
    assert_int_equal(site_count(w->c, "SELECT COUNT(*) FROM dirty"), 0);
    assert_int_equal(sedge_plane_notify(w->p, T0, 1, false, &out, &again, NULL), 0);
    assert_int_equal(out.n, 1); /* the head is known */
    sedge_plane_out_release(&out);
}

static void a_change_during_a_notification_stays_dirty(void **st)
{
    struct world *w = *st;
    int64_t seq;

    free(begin(w));
    seq = site_count(w->c, "SELECT seq FROM dirty");
    assert_int_equal(sedge_exec_mark_dirty(w->c->db, 1, NULL), 0);
    assert_int_equal(sedge_plane_told(w->p, 1, seq, "x", NULL), 0);
    assert_int_equal(site_count(w->c, "SELECT COUNT(*) FROM dirty"), 1);
}

#define CA_ "{\"componentName\":\"a\",\"version\":\"1.0.0\",\"status\":\"RUNNING\",\"fleetConfigArns\":[\"x\"]}"
#define CB                                                                                                             \
    "{\"componentName\":\"b\",\"version\":\"1.0.0\",\"status\":\"BROKEN\",\"componentStatusDetails\":{"                \
    "\"statusCodes\":[\"RUN_ERROR\"]}}"
#define CGONE    "{\"componentName\":\"a\",\"version\":\"\",\"status\":\"UNINSTALLED\",\"fleetConfigArns\":[]}"
#define CBARE    "{\"componentName\":\"a\",\"version\":\"1.0.0\",\"status\":\"FINISHED\",\"fleetConfigArns\":[]}"
#define COMPLETE ",\"messageType\":\"COMPLETE\""

static void fleet_status_follows_the_sequence_rules(void **st)
{
    static const struct {
        int seq, ts;
        const char *more, *components;
        int n, last, gap;
    } rows[] = {
        {5, 50, COMPLETE, "[" CA_ "," CB "]", 2, 5, 0},
        {5, 50, COMPLETE, "[]", 2, 5, 0},        /* delivered again */
        {4, 40, COMPLETE, "[]", 2, 5, 0},        /* old */
        {4, 51, COMPLETE, "[" CA_ "]", 2, 5, 0}, /* overtaken: counts as partial */
        {8, 60, "", "[" CA_ "]", 2, 8, 1},       /* something was lost */
        {9, 70, "", "[" CGONE "]", 1, 9, 1},
        {10, 80, COMPLETE, "[" CB "]", 1, 10, 0},
        {1, 90, COMPLETE, "[" CA_ "," CB "]", 2, 1, 0}, /* installed anew */
        {2, 91, ",\"trigger\":\"THING_GROUP_DEPLOYMENT\"", "[" CBARE "]", 1, 2, 0},
        {3, 96, "",
         "[{\"componentName\":\"../x\",\"status\":\"RUNNING\"},{\"componentName\":\"q\",\"status\":\"DANCING\"},7]", 1,
         3, 0},
        {4, 97, ",\"deploymentInformation\":{}", "null", 1, 4, 0},
    };
    struct world *w = *st;

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_free char *m = sedge_xasprintf("{\"sequenceNumber\":%d,\"timestamp\":%d,\"components\":%s%s}",
                                                  rows[i].seq, rows[i].ts, rows[i].components, rows[i].more);
        int64_t n, last, gap;

        assert_null(ask(w, "$aws/things/cam-1/greengrassv2/health/json", m, "x", T0));
        n = site_count(w->c, "SELECT COUNT(*) FROM component_state");
        last = site_count(w->c, "SELECT fss_seq FROM thing WHERE id=1");
        gap = site_count(w->c, "SELECT fss_gap FROM thing WHERE id=1");
        if (n != rows[i].n || last != rows[i].last || gap != rows[i].gap)
            fail_msg("row %zu: %lld components, seq %lld, gap %lld", i, (long long)n, (long long)last, (long long)gap);
    }
}

static void a_thing_target_is_offered_to_that_thing_only(void **st)
{
    struct world *w = *st;
    sedge_auto_put struct json_object *d = site_deploy(w->c, SEDGE_TARGET_THING, "cam-2", "1.0.0", T0);
    sedge_auto_free char *mine = ask(w, "$aws/things/cam-2/jobs/$next" NS "/get", "", "accepted", T0);
    sedge_auto_free char *other = ask(w, NEXT, "", "accepted", T0);

    assert_non_null(d);
    assert_non_null(strstr(mine, ":configuration:thing/cam-2:1"));
    assert_null(strstr(other, "execution"));
}

static void of_two_targets_the_older_is_the_head_until_one_is_in_progress(void **st)
{
    struct world *w = *st;
    sedge_auto_put struct json_object *one = site_deploy(w->c, SEDGE_TARGET_GROUP, "cams", "1.0.0", T0);
    sedge_auto_put struct json_object *two = site_deploy(w->c, SEDGE_TARGET_THING, "cam-1", "1.0.0", T0);
    sedge_auto_free char *topic =
        sedge_xasprintf("$aws/things/cam-1/jobs/%s" NS "/update", sedge_json_str(two, "jobId", ""));
    sedge_auto_free char *before = ask(w, NEXT, "", "accepted", T0);
    sedge_auto_free char *update = ask(w, topic, GO "}", "accepted", T0);
    sedge_auto_free char *after = ask(w, NEXT, "{\"includeJobDocument\":false}", "accepted", T0);

    assert_non_null(update);
    assert_non_null(strstr(before, sedge_json_str(one, "jobId", "?")));
    assert_non_null(strstr(after, sedge_json_str(two, "jobId", "?")));
    assert_null(strstr(after, "jobDocument"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(updates_follow_the_table_of_states),
        T(versions_and_details_are_checked),
        T(unknown_topics_and_things_change_nothing),
        T(a_thing_that_asks_too_often_is_throttled_and_others_are_not),
        T(a_deadline_that_passes_ends_the_execution),
        T(a_step_timer_ends_earlier_and_can_be_taken_away),
        T(times_never_go_back_when_the_clock_does),
        T(notifications_tell_the_list_and_a_new_head_once),
        T(a_change_during_a_notification_stays_dirty),
        T(fleet_status_follows_the_sequence_rules),
        T(a_thing_target_is_offered_to_that_thing_only),
        T(of_two_targets_the_older_is_the_head_until_one_is_in_progress),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
