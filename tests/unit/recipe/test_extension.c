#include "../test.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "recipe/extension.h"

/* The lifecycle as YAML; the warnings, one a line. */
static struct sedge_extension read_yaml(const char *yaml, char **warnings)
{
    struct sedge_extension x;
    sedge_auto_strv struct sedge_strv list = {NULL, 0};
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_put struct json_object *o = sedge_yaml_parse(yaml, strlen(yaml), "lifecycle", &err);

    if (!o) fail_msg("%s: %s", yaml, err.msg);
    sedge_lifecycle_extension(o, &x, &list);
    *warnings = sedge_strv_join(&list, "\n");
    return x;
}

static struct sedge_extension read_well(const char *yaml)
{
    char *warnings;
    struct sedge_extension x = read_yaml(yaml, &warnings);

    if (*warnings) fail_msg("%s: %s", yaml, warnings);
    free(warnings);
    return x;
}

static void assert_backoff(const struct sedge_backoff_settings *b, int64_t initial_ms, int64_t max_ms, double factor,
                           double jitter, int64_t reset_ms, int attempts)
{
    assert_true(b->on);
    assert_int_equal(b->initial_ms, initial_ms);
    assert_int_equal(b->max_ms, max_ms);
    assert_true(b->factor >= factor && b->factor <= factor);
    assert_true(b->jitter >= jitter && b->jitter <= jitter);
    assert_int_equal(b->reset_after_ms, reset_ms);
    assert_int_equal(b->attempts, attempts);
}

static void nothing_is_on_unless_it_is_asked_for(void **st)
{
    static const char *const lifecycles[] = {
        "{}",
        "{run: x}",
        "{sedge: null}",
        "{sedge: {}}",
        "{sedge: false}",
        "{sedge: ''}",
        "{sedge: {backoff: null, readiness: null, watchdog: null}}",
        "{sedge: {backoff: false, readiness: none, watchdog: 0}}",
        "{sedge: {backoff: '', readiness: '', watchdog: ''}}",
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(lifecycles); i++) {
        struct sedge_extension x = read_well(lifecycles[i]);
        assert_false(x.backoff.on);
        assert_false(x.report_ready);
        assert_int_equal(x.watchdog_ms, 0);
        assert_int_equal(x.start_timeout_s, -1);
    }
}

static void a_lifecycle_that_is_no_map_has_no_extension(void **st)
{
    struct sedge_extension x;
    sedge_auto_strv struct sedge_strv warnings = {NULL, 0};

    (void)st;
    sedge_lifecycle_extension(NULL, &x, &warnings);
    assert_false(x.backoff.on);
    assert_int_equal(warnings.n, 0);
}

static void all_settings_are_read_in_any_letter_case(void **st)
{
    struct sedge_extension x =
        read_well("{SEDGE: {BackOff: {INITIAL: 0.5, Max: 60, factor: 3, jitter: 0, resetafter: 30, "
                  "attempts: 7}, Readiness: REPORT, starttimeout: 9, WATCHDOG: 30}}");

    (void)st;
    assert_backoff(&x.backoff, 500, 60000, 3, 0, 30000, 7);
    assert_true(x.report_ready);
    assert_int_equal(x.start_timeout_s, 9);
    assert_int_equal(x.watchdog_ms, 30000);
    assert_false(x.output_is_life);
}

static void a_back_off_has_defaults(void **st)
{
    struct sedge_extension x = read_well("{sedge: {backoff: {}}}");

    (void)st;
    assert_backoff(&x.backoff, 1000, 300000, 2, 0.2, 600000, 0);
    x = read_well("{sedge: {backoff: true}}");
    assert_backoff(&x.backoff, 1000, 300000, 2, 0.2, 600000, 0);
    x = read_well("{sedge: {backoff: {initial: 400}}}"); /* the longest pause grows with it */
    assert_backoff(&x.backoff, 400000, 400000, 2, 0.2, 600000, 0);
}

static void numbers_may_be_texts_as_variables_give_them(void **st)
{
    struct sedge_extension x = read_well("{sedge: {backoff: {initial: '2', max: '10.5', factor: '1', jitter: '0.1', "
                                         "resetAfter: '0', attempts: '3'}, readiness: report, startTimeout: '60', "
                                         "watchdog: {timeout: '1.5', output: 'true'}}}");

    (void)st;
    assert_backoff(&x.backoff, 2000, 10500, 1, 0.1, 0, 3);
    assert_int_equal(x.start_timeout_s, 60);
    assert_int_equal(x.watchdog_ms, 1500);
    assert_true(x.output_is_life);
}

static void what_makes_no_sense_takes_its_default_and_is_said(void **st)
{
    static const struct {
        const char *settings, *warning;
    } rows[] = {
        {"{sedge: 5}", "sedge of the lifecycle is 5: expected a map"},
        {"{sedge: {backoff: soon}}", "sedge.backoff of the lifecycle is \"soon\": expected a map"},
        {"{sedge: {backoff: {initial: 0}}}", "sedge.backoff.initial of the lifecycle is 0: expected a number from 0.1"},
        {"{sedge: {backoff: {initial: later}}}", "is \"later\": expected a number from 0.1 to 86400; 1 is used"},
        {"{sedge: {backoff: {max: 86401}}}", "sedge.backoff.max of the lifecycle is 86401"},
        {"{sedge: {backoff: {initial: 10, max: 5}}}", "less than sedge.backoff.initial: every pause has 10 s"},
        {"{sedge: {backoff: {factor: 0.5}}}", "sedge.backoff.factor"},
        {"{sedge: {backoff: {factor: [2]}}}", "sedge.backoff.factor"},
        {"{sedge: {backoff: {factor: .nan}}}", "sedge.backoff.factor"},
        {"{sedge: {backoff: {jitter: 1.1}}}", "sedge.backoff.jitter"},
        {"{sedge: {backoff: {resetAfter: -1}}}", "sedge.backoff.resetAfter"},
        {"{sedge: {backoff: {attempts: 1000001}}}", "sedge.backoff.attempts"},
        {"{sedge: {backoff: {atempts: 3}}}", "sedge.backoff.atempts of the lifecycle is not known and ignored"},
        {"{sedge: {readiness: ready}}", "sedge.readiness of the lifecycle is \"ready\": expected \"report\""},
        {"{sedge: {readiness: report, startTimeout: 0}}", "sedge.startTimeout of the lifecycle is 0"},
        {"{sedge: {startTimeout: 5}}", "no effect without sedge.readiness"},
        {"{sedge: {watchdog: -1}}", "sedge.watchdog of the lifecycle is -1"},
        {"{sedge: {watchdog: {seconds: 5}}}", "sedge.watchdog.seconds of the lifecycle is not known"},
        {"{sedge: {watchdog: {output: true}}}", "sedge.watchdog of the lifecycle has no timeout"},
        {"{sedge: {watchdog: {timeout: 5, output: maybe}}}", "sedge.watchdog.output of the lifecycle is \"maybe\""},
        {"{sedge: {watchdok: 5}}", "sedge.watchdok of the lifecycle is not known and ignored: expected backoff"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        char *warnings;
        struct sedge_extension x = read_yaml(rows[i].settings, &warnings);
        if (!strstr(warnings, rows[i].warning)) fail_msg("%s: %s", rows[i].settings, warnings);
        free(warnings);
        if (!x.backoff.on) continue;
        assert_true(x.backoff.initial_ms >= 100 && x.backoff.max_ms >= x.backoff.initial_ms);
        assert_true(x.backoff.factor >= 1 && x.backoff.jitter >= 0 && x.backoff.jitter <= 1);
        assert_int_equal(x.backoff.attempts, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_on_unless_it_is_asked_for),
        cmocka_unit_test(a_lifecycle_that_is_no_map_has_no_extension),
        cmocka_unit_test(all_settings_are_read_in_any_letter_case),
        cmocka_unit_test(a_back_off_has_defaults),
        cmocka_unit_test(numbers_may_be_texts_as_variables_give_them),
        cmocka_unit_test(what_makes_no_sense_takes_its_default_and_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
