/* Fleet status: what is believed of components, and which lost results it repairs. */
#include "world.h"

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

        assert_null(ask(w, HEALTH, m, "x", T0));
        n = site_count(w->c, "SELECT COUNT(*) FROM component_state");
        last = site_count(w->c, "SELECT fss_seq FROM thing WHERE id=1");
        gap = site_count(w->c, "SELECT fss_gap FROM thing WHERE id=1");
        if (n != rows[i].n || last != rows[i].last || gap != rows[i].gap)
            fail_msg("row %zu: %lld components, seq %lld, gap %lld", i, (long long)n, (long long)last, (long long)gap);
    }
}

static void pieces(struct world *w, int seq, const char *kind, const int *ids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sedge_auto_free char *m = sedge_xasprintf(
            "{\"sequenceNumber\":%d,\"timestamp\":%d,\"messageType\":\"%s\",\"chunkInfo\":{\"chunkId\":%d,"
            "\"totalChunks\":3},\"components\":[{\"componentName\":\"p%d\",\"version\":\"1.0.0\","
            "\"status\":\"RUNNING\"}]}",
            seq, seq * 10, kind, ids[i], ids[i]);
        assert_null(ask(w, HEALTH, m, "x", T0));
    }
}

static void a_message_in_pieces_prunes_when_the_last_piece_is_there(void **st)
{
    struct world *w = *st;

    assert_null(ask(w, HEALTH, "{\"sequenceNumber\":1,\"timestamp\":10,\"components\":[" CA_ "," CB "]}", "x", T0));
    pieces(w, 3, "COMPLETE", (int[]){2, 2, 1}, 3);
    assert_int_equal(site_count(w->c, "SELECT COUNT(*) FROM component_state"), 4);
    assert_int_equal(site_count(w->c, "SELECT fss_gap FROM thing WHERE id=1"), 1);
    pieces(w, 3, "COMPLETE", (int[]){3}, 1);
    assert_int_equal(site_count(w->c, "SELECT COUNT(*) FROM component_state"), 3);
    assert_int_equal(site_count(w->c, "SELECT fss_gap FROM thing WHERE id=1"), 0);
    pieces(w, 4, "PARTIAL", (int[]){1, 2, 3}, 3);
    assert_int_equal(site_count(w->c, "SELECT COUNT(*) FROM component_state"), 3);
    assert_int_equal(site_count(w->c, "SELECT fss_seq FROM thing WHERE id=1"), 4);
}

static void tell_result(struct world *w, int seq, const char *status, const char *more)
{
    sedge_auto_free char *m = sedge_xasprintf(
        "{\"sequenceNumber\":%d,\"timestamp\":%d,\"trigger\":\"THING_GROUP_DEPLOYMENT\",\"components\":null,"
        "\"overallDeviceStatus\":null,\"deploymentInformation\":{\"status\":\"%s\",%s,\"unchangedRootComponents\":null}"
        "}",
        seq, seq, status, more);

    assert_null(ask(w, HEALTH, m, "x", T0 + 1000));
}
#define ARN1                                                                                                           \
    "\"fleetConfigurationArnForStatus\":\"arn:aws:greengrass:local:000000000000:configuration:thinggroup/cams:1\""

static void a_lost_result_is_taken_from_the_fleet_status(void **st)
{
    struct world *w = *st;

    free(begin(w));
    tell_result(w, 1, "IN_PROGRESS", ARN1);
    assert_int_equal(site_count(w->c, "SELECT status FROM execution"), SEDGE_EXEC_QUEUED);
    tell_result(w, 2, "SUCCEEDED",
                "\"deploymentId\":null,\"fleetConfigurationArnForStatus\":\"arn:x:configuration:thinggroup/cams:9\"");
    assert_int_equal(site_count(w->c, "SELECT status FROM execution"), SEDGE_EXEC_QUEUED);
    tell_result(w, 3, "FAILED",
                "\"deploymentId\":null," ARN1 ",\"statusDetails\":{\"detailedStatus\":\"FAILED_ROLLBACK_COMPLETE\","
                "\"failureCause\":\"it broke\",\"errorStack\":[\"DEPLOYMENT_FAILURE\"],\"errorTypes\":null}");
    assert_int_equal(site_count(w->c, "SELECT status FROM execution"), SEDGE_EXEC_FAILED);
    assert_int_equal(site_count(w->c, "SELECT details='{\"detailed-deployment-status\":\"FAILED_ROLLBACK_COMPLETE\","
                                      "\"deployment-failure-cause\":\"it broke\",\"deployment-error-stack\":"
                                      "\"[\\\"DEPLOYMENT_FAILURE\\\"]\"}' FROM execution"),
                     1);
    assert_int_equal(site_count(w->c, "SELECT seq FROM dirty WHERE ns=1"), 2);
    tell_result(w, 4, "SUCCEEDED", ARN1); /* it is over */
    assert_int_equal(site_count(w->c, "SELECT status FROM execution"), SEDGE_EXEC_FAILED);
}

static void an_old_result_does_not_end_the_next_try(void **st)
{
    struct world *w = *st;
    sedge_auto_free char *topic = begin(w);

    free(ask(w, topic, "{\"status\":\"FAILED\"}", "accepted", T0));
    assert_int_equal(sedge_exec_offer(w->c->db, T0 / 1000, 1, 1, NULL), 0);
    tell_result(w, 1, "FAILED", ARN1);
    assert_int_equal(site_count(w->c, "SELECT status FROM execution WHERE exec_no=2"), SEDGE_EXEC_QUEUED);
}

static void revision_numbers_are_learned_from_devices(void **st)
{
    struct world *w = *st;
    sedge_auto_put struct json_object *next = NULL;

    free(begin(w));
    assert_null(
        ask(w, HEALTH,
            "{\"sequenceNumber\":1,\"timestamp\":1,\"components\":[{\"componentName\":\"a\",\"version\":\"1.0.0\","
            "\"status\":\"RUNNING\",\"fleetConfigArns\":[7,\"x\",\"arn:aws:greengrass:r:a:configuration:thinggroup/"
            "cams:41\","
            "\"arn:aws:greengrass:r:a:configuration:thinggroup/cams:99999999999\"]}]}",
            "x", T0));
    next = site_deploy(w->c, SEDGE_TARGET_GROUP, "cams", "2.0.0", T0);
    assert_int_equal(sedge_json_i64(next, "revision", 0), 42);
}

static void a_component_that_breaks_after_success_counts_against_the_revision(void **st)
{
    struct world *w = *st;
    sedge_auto_free char *topic = begin(w);

    free(ask(w, topic, "{\"status\":\"SUCCEEDED\"}", "accepted", T0));
    assert_null(
        ask(w, HEALTH,
            "{\"sequenceNumber\":1,\"timestamp\":1,\"components\":[{\"componentName\":\"a\",\"version\":\"1.0.0\","
            "\"status\":\"BROKEN\",\"fleetConfigArns\":[\"arn:aws:greengrass:r:a:configuration:thinggroup/cams:1\"]}]}",
            "x", T0 + 60000));
    assert_int_equal(site_count(w->c, "SELECT flags FROM execution"), SEDGE_EXEC_UNHEALTHY_AFTER);
}

static void a_device_that_lost_everything_gets_its_revision_again(void **st)
{
    struct world *w = *st;
    sedge_auto_free char *topic = begin(w);
    sedge_auto_free char *answer = NULL;

    assert_null(
        ask(w, HEALTH, "{\"sequenceNumber\":70,\"timestamp\":70,\"components\":[" CA_ "]" COMPLETE "}", "x", T0));
    free(ask(w, topic, "{\"status\":\"SUCCEEDED\"}", "accepted", T0));
    assert_null(ask(w, HEALTH, "{\"sequenceNumber\":1,\"timestamp\":90,\"components\":[]" COMPLETE "}", "x", T0));
    answer = ask(w, NEXT, "", "accepted", T0);
    assert_non_null(strstr(answer, "\"executionNumber\":2"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        T(fleet_status_follows_the_sequence_rules),
        T(a_message_in_pieces_prunes_when_the_last_piece_is_there),
        T(a_lost_result_is_taken_from_the_fleet_status),
        T(an_old_result_does_not_end_the_next_try),
        T(revision_numbers_are_learned_from_devices),
        T(a_component_that_breaks_after_success_counts_against_the_revision),
        T(a_device_that_lost_everything_gets_its_revision_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
