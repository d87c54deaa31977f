/* iotJobConfiguration and the rollout block: what is taken, what is refused and how it is said. */
#include "site.h"

#include "cloud/rollout/policy.h"
#include "cloud/rollout/wave.h"

static int decode(const char *job, const char *rollout, struct sedge_policy *p, struct sedge_err *err)
{
    sedge_auto_put struct json_object *j = job ? sedge_json_parse_object(job, strlen(job), "job", NULL) : NULL;
    sedge_auto_put struct json_object *r =
        rollout ? sedge_json_parse_object(rollout, strlen(rollout), "rollout", NULL) : NULL;

    assert_true(!job || j);
    assert_true(!rollout || r);
    return sedge_policy_decode(j, r, p, err);
}

static void what_is_wrong_is_named_with_its_place(void **st)
{
#define RATE(x)  "{\"jobExecutionsRolloutConfig\":{" x "}}"
#define GROW(x)  RATE("\"exponentialRate\":{\"baseRatePerMinute\":10,\"incrementFactor\":" x "}")
#define ABORT(x) "{\"abortConfig\":{\"criteriaList\":[{" x "}]}}"
#define RULE(a, f, m, t)                                                                                               \
    ABORT("\"action\":\"" a "\",\"failureType\":\"" f "\",\"minNumberOfExecutedThings\":" m                            \
          ",\"thresholdPercentage\":" t)
    static const struct {
        const char *job, *rollout, *says;
    } rows[] = {
        {"{\"abortConf\":{}}", NULL, "did you mean \"abortConfig\""},
        {RATE("\"maximumPerMinute\":0"), NULL, "jobExecutionsRolloutConfig.maximumPerMinute"},
        {RATE("\"maximumPerMinute\":60001"), NULL, "outside 1..60000"},
        {RATE("\"maximumPerMinute\":\"5\""), NULL, "expected integer"},
        {GROW("1.25,\"rateIncreaseCriteria\":{\"numberOfNotifiedThings\":5}"), NULL, "more than one decimal"},
        {GROW("1.5,\"rateIncreaseCriteria\":{}"), NULL, "exactly one of"},
        {GROW("6,\"rateIncreaseCriteria\":{\"numberOfNotifiedThings\":5}"), NULL, "incrementFactor"},
        {RULE("PAUSE", "FAILED", "1", "5"), NULL, "criteriaList/0.action: \"PAUSE\" is not CANCEL"},
        {RULE("CANCEL", "BROKEN", "1", "5"), NULL, "criteriaList/0.failureType: \"BROKEN\" is none of FAILED"},
        {RULE("CANCEL", "FAILED", "0", "5"), NULL, "minNumberOfExecutedThings"},
        {RULE("CANCEL", "FAILED", "1", "5.123"), NULL, "two decimals"},
        {RULE("CANCEL", "FAILED", "1", "101"), NULL, "thresholdPercentage"},
        {"{\"timeoutConfig\":{\"inProgressTimeoutInMinutes\":10081}}", NULL, "outside 1..10080"},
        {"{\"jobExecutionsRetryConfig\":{\"criteriaList\":[{\"failureType\":\"REJECTED\",\"numberOfRetries\":1}]}}",
         NULL, "none of FAILED, TIMED_OUT, ALL"},
        {"{\"jobExecutionsRetryConfig\":{\"criteriaList\":[{\"failureType\":\"ALL\",\"numberOfRetries\":11}]}}", NULL,
         "outside 0..10"},
        {"{\"schedulingConfig\":{\"startTime\":\"tomorrow\"}}", NULL, "expected a time in UTC"},
        {"{\"schedulingConfig\":{\"endBehavior\":\"CANCEL\"}}", NULL, "needs an endTime"},
        {"{\"schedulingConfig\":{\"startTime\":\"2026-01-02 00:00\",\"endTime\":\"2026-01-01 00:00\"}}", NULL,
         "not after startTime"},
        {"{\"schedulingConfig\":{\"maintenanceWindows\":[{\"startTime\":\"daily\",\"durationInMinutes\":60}]}}", NULL,
         "maintenanceWindows/0.startTime: \"daily\": expected cron("},
        {NULL, "{\"wave\":[]}", "did you mean \"waves\""},
        {NULL, "{\"waves\":[]}", "expected 1 to 32 waves"},
        {NULL, "{\"waves\":[{\"percent\":50}]}", "the last wave must be 100"},
        {NULL, "{\"waves\":[{\"percent\":50},{\"percent\":20},{\"percent\":100}]}", "waves/1.percent: 20 is not above"},
        {NULL, "{\"waves\":[{\"percent\":0.001},{\"percent\":100}]}", "0.01"},
        {NULL, "{\"gate\":{\"onFail\":\"STOP\"}}", "rollout.gate.onFail: \"STOP\" is none of PAUSE, ABORT, REVERT"},
        {NULL, "{\"salt\":\"thing\"}", "none of revision, group"},
        {NULL, "{\"supersede\":\"never\"}", "none of immediately, waves"},
        {NULL, "{\"maxBytesPerSecond\":0}", "maxBytesPerSecond"},
        {NULL, "{\"canaryGroup\":\"a b\"}", "canaryGroup"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_err err = SEDGE_ERR_INIT;
        struct sedge_policy p;

        assert_int_equal(decode(rows[i].job, rows[i].rollout, &p, &err), -1);
        if (!strstr(err.msg, rows[i].says)) fail_msg("row %zu: %s", i, err.msg);
        sedge_policy_release(&p);
    }
}

static void everything_that_is_given_is_taken_and_survives_storing(void **st)
{
    static const char job[] =
        "{\"jobExecutionsRolloutConfig\":{\"maximumPerMinute\":600,\"exponentialRate\":{\"baseRatePerMinute\":10,"
        "\"incrementFactor\":1.5,\"rateIncreaseCriteria\":{\"numberOfSucceededThings\":20}}},\"abortConfig\":{"
        "\"criteriaList\":[{\"action\":\"CANCEL\",\"failureType\":\"ALL\",\"minNumberOfExecutedThings\":7,"
        "\"thresholdPercentage\":12.25}]},\"timeoutConfig\":{\"inProgressTimeoutInMinutes\":9},"
        "\"jobExecutionsRetryConfig\":{\"criteriaList\":[{\"failureType\":\"FAILED\",\"numberOfRetries\":2},"
        "{\"failureType\":\"TIMED_OUT\",\"numberOfRetries\":3}]},\"schedulingConfig\":{\"startTime\":"
        "\"2026-01-01 00:00\",\"endTime\":\"2026-01-02T00:00\",\"endBehavior\":\"FORCE_CANCEL\"}}";
    static const char rollout[] =
        "{\"waves\":[{\"percent\":1,\"minThings\":5,\"soakMinutes\":60},{\"percent\":100}],\"canaryGroup\":\"lab\","
        "\"gate\":{\"successPercentage\":90,\"minFinished\":3,\"maxUnfinishedPercentage\":5,\"onFail\":\"REVERT\"},"
        "\"maxInProgress\":50,\"maxBytesPerSecond\":125000000,\"salt\":\"group\",\"dormantDays\":7,"
        "\"healthWindowMinutes\":2,\"approval\":true}";
    sedge_auto_put struct json_object *j = sedge_json_parse_object(job, strlen(job), "job", NULL);
    sedge_auto_put struct json_object *r = sedge_json_parse_object(rollout, strlen(rollout), "rollout", NULL);
    sedge_auto_free char *text = sedge_policy_text(j, r, 9);
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_policy p;

    (void)st;
    if (sedge_policy_load(text, &p, &err) != 0) fail_msg("%s", err.msg);
    assert_int_equal(p.per_minute, 600);
    assert_int_equal(p.base_per_minute, 10);
    assert_true(p.increase_by_success && p.increase_at == 20);
    assert_true(p.n_rules == 1 && p.rules[0].failures == SEDGE_FAIL_ALL && p.rules[0].percent > 12.2);
    assert_int_equal(p.in_progress_minutes, 9);
    assert_true(p.retries_failed == 2 && p.retries_timed_out == 3);
    assert_int_equal(p.start_at, 1767225600);
    assert_true(p.end_at == p.start_at + 86400 && p.at_end == SEDGE_END_FORCE_CANCEL);
    assert_int_equal(p.n_waves, 3);
    assert_true(p.waves[0].canary && p.waves[1].hundredths == 100 && p.waves[1].min_things == 5);
    assert_true(p.gated && p.on_fail == SEDGE_GATE_REVERT && p.min_finished == 3);
    assert_true(p.max_in_progress == 50 && p.salt_group && p.supersede_waves && p.approval);
    assert_int_equal(p.max_bytes_per_second, 125000000);
    assert_true(p.dormant_days == 7 && p.health_minutes == 2);
    sedge_policy_release(&p);
}

static void a_maintenance_window_is_open_for_its_length(void **st)
{
    static const struct {
        const char *cron;
        int64_t at; /* seconds after 2026-01-01 00:00, a Thursday */
        bool open;
    } rows[] = {
        {"cron(0 22 ? * * *)", 22 * 3600 - 1, false},        {"cron(0 22 ? * * *)", 22 * 3600, true},
        {"cron(0 22 ? * * *)", 22 * 3600 + 3599, true},      {"cron(0 22 ? * * *)", 23 * 3600, false},
        {"cron(30 23 ? * * *)", 86400 + 60, true},           {"cron(0 5 ? * FRI *)", 5 * 3600, false},
        {"cron(0 5 ? * FRI *)", 86400 + 5 * 3600, true},     {"cron(0 5 2 JAN ? *)", 86400 + 5 * 3600, true},
        {"cron(0/15 1-3,9 ? * 5-6 *)", 9 * 3600 + 60, true}, {"cron(0 5 1 FEB ? *)", 5 * 3600, false},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_free char *job =
            sedge_xasprintf("{\"schedulingConfig\":{\"maintenanceWindows\":[{\"startTime\":\"%s\","
                            "\"durationInMinutes\":60}]}}",
                            rows[i].cron);
        struct sedge_err err = SEDGE_ERR_INIT;
        struct sedge_policy p;

        if (decode(job, NULL, &p, &err) != 0) fail_msg("%s", err.msg);
        if (sedge_policy_window_open(&p, 1767225600 + rows[i].at) != rows[i].open) fail_msg("row %zu", i);
        sedge_policy_release(&p);
    }
}

static void waves_take_their_share_and_keep_it(void **st)
{
    int64_t buckets[] = {900, 20, 400, 7000};
    int below = 0;

    (void)st;
    for (int i = 0; i < 10000; i++) {
        sedge_auto_free char *name = sedge_xasprintf("cam-%05d", i);

        below += sedge_wave_bucket(sedge_wave_hash("salt", name)) < 1000;
    }
    assert_in_range(below, 850, 1150); /* 10 % */
    assert_int_equal(sedge_wave_limit(100, 0, buckets, 4), 100);
    assert_int_equal(sedge_wave_limit(100, 3, buckets, 4), 901);
    assert_int_equal(sedge_wave_limit(100, 9, buckets, 4), 7001);
    assert_int_equal(sedge_wave_limit(5000, 2, buckets, 4), 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_is_named_with_its_place),
        cmocka_unit_test(everything_that_is_given_is_taken_and_survives_storing),
        cmocka_unit_test(a_maintenance_window_is_open_for_its_length),
        cmocka_unit_test(waves_take_their_share_and_keep_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
