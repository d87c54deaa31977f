/* Back-off, readiness, watchdog and periodic starts, with real processes. */
#include "sup.h"

#define LONG_PAUSE "'sedge':{'backoff':{'initial':3000,'max':3000}}"

static int count(const char *text, const char *word)
{
    int n = 0;

    for (const char *p = strstr(text, word); p; p = strstr(p + 1, word))
        n++;
    return n;
}

static bool has_started_five_times(struct rig *r, const char *text)
{
    return count(r->trace, text) >= 5;
}

/* ---- back-off ---- */

static void a_component_that_crashes_pauses_and_says_so(void **st)
{
    struct rig r;
    struct sedge_service_info info;
    sedge_auto_free char *log = NULL;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a", "{'run':'exit 7'," LONG_PAUSE "}");
    rig_wait(&r, "a:RUNNING a:ERRORED a:STOPPING a:INSTALLED");
    info = rig_info(&r, "a");
    assert_in_range(info.pause_ms, 1, 3000 * 1000);
    assert_false(info.pending);
    assert_int_equal(info.code, SEDGE_STATUS_RUN_ERROR);
    assert_non_null(strstr(info.reason, "It exited with code 7. Starts again in "));
    assert_non_null(strstr(info.reason, " s (attempt 2)."));
    log = rig_file(&r, "logs/a.log");
    assert_non_null(strstr(log, "Error 1 in a row: the component starts again in "));
    rig_close(&r);
}

static void a_crash_loop_goes_on_for_ever_with_a_backoff(void **st)
{
    struct rig r;
    struct sedge_service_info info;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a", "{'startup':'exit 1','sedge':{'backoff':{'initial':0.1,'factor':1}}}");
    rig_until(&r, has_started_five_times, "a:STARTING");
    assert_null(strstr(r.trace, "BROKEN"));
    info = rig_info(&r, "a");
    assert_true(info.third_error_mono > 0 && info.third_error_mono < info.error_mono);
    rig_close(&r);
}

static void a_recipe_may_say_when_to_give_up(void **st)
{
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a", "{'run':'exit 1','sedge':{'backoff':{'initial':0.1,'attempts':2}}}");
    rig_wait(&r, "a:BROKEN");
    assert_int_equal(count(r.trace, "a:STARTING"), 2);
    assert_int_equal(rig_info(&r, "a").pause_ms, 0);
    rig_close(&r);
}

static void a_failed_install_pauses_in_new(void **st)
{
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a", "{'install':'exit 1'," LONG_PAUSE "}");
    rig_wait(&r, "a:ERRORED a:NEW");
    assert_true(rig_info(&r, "a").pause_ms > 0);
    assert_int_equal(rig_info(&r, "a").code, SEDGE_STATUS_INSTALL_ERROR);
    assert_int_equal(sedge_supervisor_restart(r.sup, "a", &r.err), 0); /* again at once */
    rig_wait(&r, "a:ERRORED a:NEW a:ERRORED a:NEW");
    assert_non_null(strstr(rig_info(&r, "a").reason, "(attempt 2)")); /* and forgiven */
    rig_close(&r);
}

static void requests_end_a_pause(void **st)
{
    static const char lifecycle[] = "{'run':'test -e go && exec sleep 1000; exit 1'," LONG_PAUSE "}";
    static const char changed[] = "{'run':'test -e go && exec sleep 1001; exit 1'," LONG_PAUSE "}";
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a", lifecycle);
    rig_wait(&r, "a:ERRORED a:STOPPING a:INSTALLED");
    assert_int_equal(sedge_supervisor_stop(r.sup, "a", &r.err), 0);
    rig_wait(&r, "a:INSTALLED a:FINISHED");
    assert_string_equal(rig_info(&r, "a").reason, "");
    assert_int_equal(sedge_supervisor_start(r.sup, "a", &r.err), 0);
    rig_wait(&r, "a:FINISHED a:INSTALLED a:STARTING a:RUNNING a:ERRORED a:STOPPING a:INSTALLED");
    r.trace[0] = '\0';
    assert_int_equal(sedge_supervisor_start(r.sup, "a", &r.err), 0); /* as a deployment does that changes nothing */
    rig_wait(&r, "a:STARTING a:RUNNING a:ERRORED a:STOPPING a:INSTALLED");
    r.trace[0] = '\0';
    assert_int_equal(rig_put(&r, "a", "1.0.0", changed, NULL), SEDGE_REACT_RESTART);
    rig_wait(&r, "a:STARTING a:RUNNING a:ERRORED a:STOPPING a:INSTALLED");
    assert_non_null(strstr(rig_info(&r, "a").reason, "(attempt 2)"));
    sedge_supervisor_stop_all(r.sup, 0, rig_done, &r); /* neither does the end of the nucleus wait */
    rig_until(&r, rig_is_done, "stop");
    rig_close(&r);
}

static void a_repeated_deployment_leaves_a_pause_alone_and_settings_count_at_once(void **st)
{
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a", "{'run':'exit 1'," LONG_PAUSE "}");
    rig_wait(&r, "a:ERRORED a:STOPPING a:INSTALLED");
    assert_int_equal(rig_put(&r, "a", "1.0.0", "{'run':'exit 1'," LONG_PAUSE "}", NULL), SEDGE_REACT_NONE);
    assert_true(rig_info(&r, "a").pause_ms > 0);
    r.trace[0] = '\0';
    assert_int_equal(rig_put(&r, "a", "1.0.0", "{'run':'exit 1'}", NULL), SEDGE_REACT_NONE);
    rig_wait(&r, "a:BROKEN"); /* as without a back-off, from now on */
    rig_close(&r);
}

static void bad_settings_are_said_once_and_change_nothing(void **st)
{
    static const char lifecycle[] = "{'run':'sleep 1000','sedge':{'watchdog':'often','backoff':{'initial':-1}}}";
    struct rig r;
    sedge_auto_free char *log = NULL;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a", lifecycle);
    rig_wait(&r, "a:STARTING a:RUNNING");
    (void)rig_put(&r, "a", "1.0.0", lifecycle, NULL);
    log = rig_file(&r, "logs/a.log");
    assert_int_equal(count(log, "sedge.watchdog of the lifecycle is \\\"often\\\"") +
                         count(log, "sedge.watchdog of the lifecycle is \"often\""),
                     1);
    assert_int_equal(count(log, "sedge.backoff.initial of the lifecycle is -1: expected a number from 0.1"), 1);
    rig_close(&r);
}

/* ---- readiness ---- */

static void a_component_is_running_only_when_it_says_so(void **st)
{
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    (void)rig_put(&r, "b", "1.0.0", "{'run':'sleep 1000'}", "a");
    (void)rig_put(&r, "a", "1.0.0", "{'run':'echo $$ > pid; exec sleep 1000','sedge':{'readiness':'report'}}", NULL);
    sedge_supervisor_start_all(r.sup);
    rig_until(&r, rig_pid_written, "work/a/pid");
    assert_int_equal(rig_info(&r, "a").state, SEDGE_LC_STARTING);
    assert_int_equal(rig_info(&r, "b").state, SEDGE_LC_INSTALLED);
    assert_int_equal(sedge_supervisor_report(r.sup, "a", SEDGE_LC_RUNNING, &r.err), 0);
    rig_wait(&r, "a:RUNNING b:STARTING b:RUNNING");
    rig_close(&r);
}

static bool has_ended(struct rig *r, const char *name)
{
    return rig_info(r, name).last_exit.known;
}

static void a_startup_script_that_ends_well_is_not_enough(void **st)
{
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a", "{'startup':'true','sedge':{'readiness':'report'}}");
    rig_until(&r, has_ended, "a");
    assert_int_equal(rig_info(&r, "a").state, SEDGE_LC_STARTING);
    assert_int_equal(sedge_supervisor_report(r.sup, "a", SEDGE_LC_RUNNING, &r.err), 0);
    rig_wait(&r, "a:STARTING a:RUNNING");
    rig_close(&r);
}

static const char *const late[] = {"a", "b", "c", "d"};

static bool all_pause(struct rig *r, const char *text)
{
    (void)text;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(late); i++)
        if (rig_info(r, late[i]).pause_ms == 0) return false;
    return true;
}

static void who_does_not_report_in_time_has_failed_to_start(void **st)
{
    static const char *const lifecycles[SEDGE_ARRAY_LEN(late)] = {
        "{'run':'sleep 1000','sedge':{'readiness':'report','startTimeout':1,'backoff':{'initial':3000}}}",
        "{'startup':'true','sedge':{'readiness':'report','startTimeout':1,'backoff':{'initial':3000}}}",
        "{'startup':{'script':'true','timeout':1},'sedge':{'readiness':'report','backoff':{'initial':3000}}}",
        "{'run':{'script':'sleep 1000','timeout':1},'sedge':{'readiness':'report','backoff':{'initial':3000}}}",
    };
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(late); i++)
        rig_start(&r, late[i], lifecycles[i]);
    rig_until(&r, all_pause, "the end of their time");
    assert_null(strstr(r.trace, "RUNNING"));
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(late); i++)
        assert_int_equal(rig_info(&r, late[i]).code, SEDGE_STATUS_STARTUP_TIMEOUT);
    rig_close(&r);
}

static bool runs_or_pauses(struct rig *r, const char *path)
{
    return rig_pid_written(r, path) || rig_info(r, "a").pause_ms > 0;
}

static void the_time_of_the_run_step_goes_on_after_the_report(void **st)
{
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a",
              "{'run':{'script':'echo $$ > pid; exec sleep 1000','timeout':2},'sedge':{'readiness':'report',"
              "'backoff':{'initial':3000}}}");
    rig_until(&r, runs_or_pauses, "work/a/pid");
    if (rig_info(&r, "a").state == SEDGE_LC_STARTING) /* on a very slow machine its time may be over */
        assert_int_equal(sedge_supervisor_report(r.sup, "a", SEDGE_LC_RUNNING, &r.err), 0);
    rig_wait(&r, "a:ERRORED a:STOPPING a:INSTALLED");
    assert_int_equal(rig_info(&r, "a").code,
                     strstr(r.trace, "a:RUNNING") ? SEDGE_STATUS_RUN_TIMEOUT : SEDGE_STATUS_STARTUP_TIMEOUT);
    rig_close(&r);
}

static void a_run_script_may_end_without_ever_reporting(void **st)
{
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a", "{'run':'exit 0','sedge':{'readiness':'report'}}");
    rig_wait(&r, "a:STARTING a:STOPPING a:FINISHED");
    rig_start(&r, "b", "{'run':'exit 5','sedge':{'readiness':'report','backoff':{'initial':3000}}}");
    rig_wait(&r, "b:STARTING b:ERRORED b:STOPPING b:INSTALLED");
    assert_non_null(strstr(rig_info(&r, "b").reason, "exited with code 5"));
    rig_close(&r);
}

/* ---- watchdog ---- */

static void silence_is_answered_by_killing_and_starting_again(void **st)
{
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a", "{'run':'sleep 1000 & wait','sedge':{'watchdog':0.5,'backoff':{'initial':3000}}}");
    rig_wait(&r, "a:RUNNING a:ERRORED a:STOPPING a:INSTALLED");
    assert_false(rig_has_processes(&r));
    assert_int_equal(rig_info(&r, "a").code, SEDGE_STATUS_RUN_ERROR);
    assert_non_null(strstr(rig_info(&r, "a").reason, "gave no sign of life for 0.5 s (watchdog)"));
    rig_close(&r);
}

static void without_a_backoff_the_third_silence_breaks_it(void **st)
{
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a", "{'run':'sleep 1000','sedge':{'watchdog':0.2}}");
    rig_wait(&r, "a:BROKEN");
    assert_int_equal(count(r.trace, "a:ERRORED"), 2);
    rig_close(&r);
}

static void report_cb(uv_timer_t *t)
{
    struct rig *r = t->data;
    (void)sedge_supervisor_report(r->sup, "a", SEDGE_LC_RUNNING, NULL);
}

static void over_cb(uv_timer_t *t)
{
    struct rig *r = t->data;
    r->done = true;
}

/* For `ms`, with a report every 5 ms when `reporting`. */
static void let_time_pass(struct rig *r, uint64_t ms, bool reporting)
{
    uv_timer_t over, tick;

    r->done = false;
    (void)uv_timer_init(&r->loop, &over);
    (void)uv_timer_init(&r->loop, &tick);
    over.data = r;
    tick.data = r;
    (void)uv_timer_start(&over, over_cb, ms, 0);
    if (reporting) (void)uv_timer_start(&tick, report_cb, 5, 5);
    rig_until(r, rig_is_done, "the time");
    uv_close((uv_handle_t *)&over, NULL);
    uv_close((uv_handle_t *)&tick, NULL);
    (void)uv_run(&r->loop, UV_RUN_NOWAIT);
}

static void reports_keep_a_component_alive_and_are_not_complained_about(void **st)
{
    struct rig r;
    sedge_auto_free char *log = NULL;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a", "{'run':'sleep 1000','sedge':{'watchdog':0.5}}");
    rig_wait(&r, "a:RUNNING");
    let_time_pass(&r, 1500, true);
    assert_true(rig_traced(&r, "a:RUNNING"));
    log = rig_file(&r, "logs/a.log");
    assert_null(strstr(log, "report-ignored"));
    rig_wait(&r, "a:RUNNING a:ERRORED a:STOPPING a:INSTALLED a:STARTING a:RUNNING"); /* silence again */
    rig_close(&r);
}

/* When the time of the second is over, that of the first would have been before. */
static void output_counts_as_life_only_when_the_recipe_says_so(void **st)
{
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a", "{'run':'yes','sedge':{'watchdog':{'timeout':3,'output':true}}}");
    rig_wait(&r, "a:RUNNING");
    rig_start(&r, "b",
              "{'run':'while :; do echo x; sleep 0.1; done','sedge':{'watchdog':3.5,'backoff':{'initial':3000}}}");
    rig_wait(&r, "b:RUNNING b:ERRORED b:STOPPING b:INSTALLED");
    assert_null(strstr(r.trace, "a:ERRORED"));
    rig_close(&r);
}

static void a_watchdog_that_is_taken_away_or_made_longer_counts_at_once(void **st)
{
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a", "{'run':'sleep 1000','sedge':{'watchdog':1000}}");
    rig_wait(&r, "a:RUNNING");
    assert_int_equal(rig_put(&r, "a", "1.0.0", "{'run':'sleep 1000','sedge':{'watchdog':0.2}}", NULL),
                     SEDGE_REACT_NONE);
    rig_wait(&r, "a:RUNNING a:ERRORED a:STOPPING a:INSTALLED a:STARTING a:RUNNING");
    assert_int_equal(rig_put(&r, "a", "1.0.0", "{'run':'sleep 1000'}", NULL), SEDGE_REACT_NONE);
    rig_close(&r);
}

/* ---- periodic ---- */

static void put_periodic(struct rig *r, const char *periodic)
{
    static const char text[] = "{\"run\":\"echo x >> o\"}";
    sedge_auto_put struct json_object *lifecycle = sedge_json_parse_object(text, strlen(text), "x", NULL);
    sedge_auto_put struct json_object *p = json_tokener_parse(periodic);
    struct sedge_service_spec spec = {.name = "a", .version = "1.0.0", .lifecycle = lifecycle, .periodic = p};

    if (sedge_supervisor_put(r->sup, &spec, NULL, &r->err) != 0) fail_msg("%s", r->err.msg);
}

static bool has_finished_twice(struct rig *r, const char *text)
{
    return count(r->trace, text) >= 2;
}

static void a_periodic_component_starts_again_after_it_has_finished(void **st)
{
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    put_periodic(&r, "{\"interval\":1,\"fuzz\":0.1}");
    assert_int_equal(sedge_supervisor_start(r.sup, "a", &r.err), 0);
    rig_until(&r, has_finished_twice, "a:FINISHED");
    assert_null(strstr(r.trace, "ERRORED"));
    rig_close(&r);
}

static void who_is_stopped_stays_so_until_started(void **st)
{
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    put_periodic(&r, "1");
    assert_int_equal(sedge_supervisor_start(r.sup, "a", &r.err), 0);
    rig_wait(&r, "a:FINISHED");
    assert_int_equal(sedge_supervisor_stop(r.sup, "a", &r.err), 0);
    let_time_pass(&r, 100, false);
    if (!rig_traced(&r, "a:FINISHED")) rig_wait(&r, "a:FINISHED"); /* it had been started in the meantime */
    r.trace[0] = '\0';
    let_time_pass(&r, 1500, false);
    assert_string_equal(r.trace, "");
    assert_int_equal(sedge_supervisor_restart(r.sup, "a", &r.err), 0);
    rig_until(&r, has_finished_twice, "a:FINISHED");
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_component_that_crashes_pauses_and_says_so),
        cmocka_unit_test(a_crash_loop_goes_on_for_ever_with_a_backoff),
        cmocka_unit_test(a_recipe_may_say_when_to_give_up),
        cmocka_unit_test(a_failed_install_pauses_in_new),
        cmocka_unit_test(requests_end_a_pause),
        cmocka_unit_test(a_repeated_deployment_leaves_a_pause_alone_and_settings_count_at_once),
        cmocka_unit_test(bad_settings_are_said_once_and_change_nothing),
        cmocka_unit_test(a_component_is_running_only_when_it_says_so),
        cmocka_unit_test(a_startup_script_that_ends_well_is_not_enough),
        cmocka_unit_test(who_does_not_report_in_time_has_failed_to_start),
        cmocka_unit_test(the_time_of_the_run_step_goes_on_after_the_report),
        cmocka_unit_test(a_run_script_may_end_without_ever_reporting),
        cmocka_unit_test(silence_is_answered_by_killing_and_starting_again),
        cmocka_unit_test(without_a_backoff_the_third_silence_breaks_it),
        cmocka_unit_test(reports_keep_a_component_alive_and_are_not_complained_about),
        cmocka_unit_test(output_counts_as_life_only_when_the_recipe_says_so),
        cmocka_unit_test(a_watchdog_that_is_taken_away_or_made_longer_counts_at_once),
        cmocka_unit_test(a_periodic_component_starts_again_after_it_has_finished),
        cmocka_unit_test(who_is_stopped_stays_so_until_started),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
