#include "../test.h"

#include "base/json.h"
#include "base/mem.h"
#include "bridge/fleet.h"
#include "bridge/rules.h"
#include "bridge/status.h"

#define T "$aws/things/cam-1/jobs/"

static void topics_are_told_apart(void **st)
{
    static const struct {
        const char *topic;
        enum sedge_jobs_topic want;
        const char *job;
    } rows[] = {
        {T "notify-namespace-aws-gg-deployment", SEDGE_JOBS_TOPIC_NOTIFY, ""},
        {T "notify-next-namespace-aws-gg-deployment", SEDGE_JOBS_TOPIC_NOTIFY_NEXT, ""},
        {T "$next/namespace-aws-gg-deployment/get/accepted", SEDGE_JOBS_TOPIC_GET_ACCEPTED, "$next"},
        {T "j-1/namespace-aws-gg-deployment/get/rejected", SEDGE_JOBS_TOPIC_GET_REJECTED, "j-1"},
        {T "j-1/namespace-aws-gg-deployment/update/accepted", SEDGE_JOBS_TOPIC_UPDATE_ACCEPTED, "j-1"},
        {T "j-1/namespace-aws-gg-deployment/update/rejected", SEDGE_JOBS_TOPIC_UPDATE_REJECTED, "j-1"},
        {T "j-1/update/rejected", SEDGE_JOBS_TOPIC_OTHER, ""},
        {T "j-1/namespace-aws-gg-deployment/get", SEDGE_JOBS_TOPIC_OTHER, ""},
        {"$aws/things/cam-10/jobs/notify-namespace-aws-gg-deployment", SEDGE_JOBS_TOPIC_OTHER, ""},
        {T "01234567890123456789/namespace-aws-gg-deployment/get/accepted", SEDGE_JOBS_TOPIC_OTHER,
         ""}, /* too long here */
    };
    char job[16];

    (void)st;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(sedge_jobs_topic_of(rows[i].topic, "cam-1", job, sizeof job), rows[i].want);
        assert_string_equal(job, rows[i].job);
    }
}

static void an_execution_is_taken_once(void **st)
{
    (void)st;
    assert_int_equal(sedge_jobs_decide(SEDGE_JOBS_UNKNOWN), SEDGE_JOBS_TAKE);
    assert_int_equal(sedge_jobs_decide(SEDGE_JOBS_LEFT_OVER), SEDGE_JOBS_RESUME);
    assert_int_equal(sedge_jobs_decide(SEDGE_JOBS_RUNNING), SEDGE_JOBS_IGNORE);
    assert_int_equal(sedge_jobs_decide(SEDGE_JOBS_FINISHED), SEDGE_JOBS_REPEAT_STATUS);
    assert_int_equal(sedge_jobs_decide(SEDGE_JOBS_CANCELED), SEDGE_JOBS_TAKE);
}

static struct json_object *parse(const char *text)
{
    struct json_object *o = sedge_json_parse_object(text, strlen(text), "test", NULL);

    assert_non_null(o);
    return o;
}

static void a_rejected_update_is_judged_by_its_code(void **st)
{
    static const struct {
        const char *body;
        enum sedge_jobs_verdict want;
    } rows[] = {
        {"{\"code\":\"InvalidStateTransition\",\"executionState\":{\"status\":\"SUCCEEDED\"}}", SEDGE_JOBS_DONE},
        {"{\"code\":\"InvalidStateTransition\",\"executionState\":{\"status\":\"CANCELED\"}}", SEDGE_JOBS_DROP},
        {"{\"code\":\"ResourceNotFound\"}", SEDGE_JOBS_DROP},
        {"{\"code\":\"VersionMismatch\"}", SEDGE_JOBS_DROP},
        {"{\"code\":\"TerminalStateReached\"}", SEDGE_JOBS_DROP},
        {"{\"code\":\"InvalidRequest\"}", SEDGE_JOBS_PLAIN},
        {"{\"code\":\"InternalError\"}", SEDGE_JOBS_TRY_AGAIN},
        {"{\"code\":\"RequestThrottled\"}", SEDGE_JOBS_TRY_AGAIN},
        {"{\"code\":404}", SEDGE_JOBS_TRY_AGAIN},
        {"{}", SEDGE_JOBS_TRY_AGAIN},
    };

    (void)st;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sedge_auto_put struct json_object *o = parse(rows[i].body);
        assert_int_equal(sedge_jobs_judge(o, "SUCCEEDED"), rows[i].want);
    }
}

static void a_withdrawn_execution_is_recognised(void **st)
{
    static const struct {
        bool accepted;
        const char *body;
        bool want;
    } rows[] = {
        {false, "{\"code\":\"ResourceNotFound\"}", true},
        {false, "{\"code\":\"TerminalStateReached\"}", true},
        {false, "{\"code\":\"InternalError\"}", false},
        {true, "{\"execution\":{\"status\":\"CANCELED\"}}", true},
        {true, "{\"execution\":{\"status\":\"REMOVED\"}}", true},
        {true, "{\"execution\":{\"status\":\"TIMED_OUT\"}}", true},
        {true, "{\"execution\":{\"status\":\"QUEUED\",\"executionNumber\":2.0}}", false},
        {true, "{\"execution\":{\"status\":\"IN_PROGRESS\",\"executionNumber\":3}}", true},
        {true, "{\"execution\":{\"status\":\"IN_PROGRESS\"}}", false},
        {true, "{}", false},
    };

    (void)st;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sedge_auto_put struct json_object *o = parse(rows[i].body);
        assert_int_equal(sedge_jobs_is_withdrawn(rows[i].accepted, o, 2), rows[i].want);
    }
}

static void times_are_seconds_whatever_they_look_like(void **st)
{
    sedge_auto_put struct json_object *o =
        parse("{\"a\":1764590401,\"b\":1764590401.5,\"c\":1764590401000,\"d\":\"x\",\"e\":-1}");

    (void)st;
    assert_int_equal(sedge_jobs_seconds(o, "a"), 1764590401);
    assert_int_equal(sedge_jobs_seconds(o, "b"), 1764590401);
    assert_int_equal(sedge_jobs_seconds(o, "c"), 1764590401);
    assert_int_equal(sedge_jobs_seconds(o, "d"), 0);
    assert_int_equal(sedge_jobs_seconds(o, "e"), 0);
}

static void outcomes_become_job_statuses(void **st)
{
    (void)st;
    assert_string_equal(sedge_status_for_job("SUCCESSFUL"), "SUCCEEDED");
    assert_string_equal(sedge_status_for_job("FAILED_ROLLBACK_COMPLETE"), "FAILED");
    assert_string_equal(sedge_status_for_job("FAILED_UNABLE_TO_ROLLBACK"), "FAILED");
    assert_string_equal(sedge_status_for_job("REJECTED"), "REJECTED");
    assert_null(sedge_status_for_job("FINE"));
    assert_null(sedge_status_for_job(NULL));
}

static void details_are_flat_texts_without_empty_values(void **st)
{
    const char *stack[] = {"DEPLOYMENT_FAILURE", "COMPONENT_BROKEN"};
    struct sedge_outcome o = {.detailed = "FAILED_ROLLBACK_COMPLETE", .cause = "a\nb", .stack = stack, .n_stack = 2};
    sedge_auto_put struct json_object *job = sedge_outcome_for_job(&o);
    sedge_auto_put struct json_object *fleet = sedge_outcome_for_fleet(&o);

    (void)st;
    assert_string_equal(sedge_json_str(job, "deployment-failure-cause", ""), "a b");
    assert_string_equal(sedge_json_str(job, "deployment-error-stack", ""),
                        "[\"DEPLOYMENT_FAILURE\",\"COMPONENT_BROKEN\"]");
    assert_false(sedge_json_has(job, "deployment-error-types"));
    assert_int_equal(json_object_array_length(sedge_json_arr(fleet, "errorStack")), 2);
    assert_int_equal(json_object_array_length(sedge_json_arr(fleet, "errorTypes")), 0);
}

static void long_values_are_cut_at_a_character(void **st)
{
    char text[3000] = "";
    sedge_auto_free char *cut = NULL;

    (void)st;
    for (size_t i = 0; i < 1400; i++)
        memcpy(text + 2 * i, "\xc3\xa4", 3); /* two bytes each */
    cut = sedge_detail_value(text);
    assert_int_equal(strlen(cut), 2 * SEDGE_DETAIL_VALUE_MAX);
}

static struct json_object *components(size_t n, size_t size)
{
    struct json_object *a = json_object_new_array();
    char *filler = calloc(1, size + 1);

    memset(filler, 'x', size);
    for (size_t i = 0; i < n; i++) {
        struct json_object *o = json_object_new_object();
        json_object_object_add(o, "n", json_object_new_int((int)i));
        json_object_object_add(o, "f", json_object_new_string(filler));
        json_object_array_add(a, o);
    }
    free(filler);
    return a;
}

static void chunks_hold_every_component_once_and_keep_the_limit(void **st)
{
    static const struct {
        size_t n, size, max, chunks, skipped;
    } rows[] = {{0, 10, 1000, 1, 0},   {3, 10, 1000, 1, 0},       {20, 100, 1000, 3, 0},
                {5, 2000, 1000, 1, 5}, {1000, 100, 128000, 1, 0}, {2000, 100, 128000, 2, 0}};

    (void)st;
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        sedge_auto_put struct json_object *base = parse("{\"trigger\":\"CADENCE\"}");
        sedge_auto_put struct json_object *list = components(rows[r].n, rows[r].size);
        size_t skipped = 99, next = 0;
        sedge_auto_put struct json_object *chunks = sedge_fleet_chunks(base, list, rows[r].max, &skipped);
        size_t n = json_object_array_length(chunks);

        assert_int_equal(skipped, rows[r].skipped);
        assert_int_equal(n, rows[r].chunks);
        for (size_t k = 0; k < n; k++) {
            struct json_object *c = json_object_array_get_idx(chunks, k);
            struct json_object *in = sedge_json_arr(c, "components");
            assert_true(strlen(sedge_json_text(c)) <= rows[r].max);
            assert_int_equal(sedge_json_has(c, "chunkInfo"), n > 1);
            if (n > 1) assert_int_equal(sedge_json_i64(sedge_json_obj(c, "chunkInfo"), "chunkId", 0), k + 1);
            for (size_t i = 0; i < json_object_array_length(in); i++)
                assert_int_equal(sedge_json_i64(json_object_array_get_idx(in, i), "n", -1), next++);
        }
        assert_int_equal(next + skipped, rows[r].n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topics_are_told_apart),
        cmocka_unit_test(an_execution_is_taken_once),
        cmocka_unit_test(a_rejected_update_is_judged_by_its_code),
        cmocka_unit_test(a_withdrawn_execution_is_recognised),
        cmocka_unit_test(times_are_seconds_whatever_they_look_like),
        cmocka_unit_test(outcomes_become_job_statuses),
        cmocka_unit_test(details_are_flat_texts_without_empty_values),
        cmocka_unit_test(long_values_are_cut_at_a_character),
        cmocka_unit_test(chunks_hold_every_component_once_and_keep_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
