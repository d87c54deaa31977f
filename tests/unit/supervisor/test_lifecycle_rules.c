/* Rules of spec/lifecycle.md 4, 5, 7, 8 and 9 that the other tests do not have, with real processes. */
#include "sup.h"

static int count(const char *text, const char *word)
{
    int n = 0;

    for (const char *p = strstr(text, word); p; p = strstr(p + 1, word))
        n++;
    return n;
}

static void expect_file(struct rig *r, const char *path, const char *content)
{
    sedge_auto_free char *text = rig_file(r, path);
    assert_string_equal(text, content);
}

static void touch(struct rig *r, const char *name)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/%s", r->root, name);
    assert_int_equal(sedge_fs_write_atomic(path, "", 0, 0644, NULL), 0);
}

static void untouch(struct rig *r, const char *name)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/%s", r->root, name);
    assert_int_equal(unlink(path), 0);
}

static bool has_text(struct rig *r, const char *path)
{
    sedge_auto_free char *text = rig_file(r, path);
    return *text != '\0';
}

/* ---- 4.2: the shutdown step of what runs ---- */

static void put_new(struct rig *r)
{
    (void)rig_put(r, "a", "2.0.0",
                  "{'run':'sleep 1000','shutdown':{'skipif':'exists ~root/flag','script':'echo new >> o'}}", NULL);
}

static void start_old(struct rig *r)
{
    rig_start(r, "a", "{'run':'sleep 1000','shutdown':{'skipif':'exists ~root/flag','script':'echo old >> o'}}");
    rig_wait(r, "a:STARTING a:RUNNING");
}

static void whether_shutdown_is_skipped_is_decided_at_the_launch(void **st)
{
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    start_old(&r);
    touch(&r, "flag"); /* too late */
    assert_int_equal(sedge_supervisor_stop(r.sup, "a", &r.err), 0);
    rig_wait(&r, "a:STOPPING a:FINISHED");
    expect_file(&r, "work/a/o", "old\n");
    rig_close(&r);
}

static void a_shutdown_skipped_at_the_launch_leaves_the_choice_to_the_stop(void **st)
{
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    touch(&r, "flag");
    start_old(&r);
    put_new(&r); /* the flag is still there: neither runs */
    rig_wait(&r, "a:STOPPING a:NEW a:INSTALLED a:STARTING a:RUNNING");
    expect_file(&r, "work/a/o", "");
    untouch(&r, "flag");
    assert_int_equal(sedge_supervisor_stop(r.sup, "a", &r.err), 0);
    rig_wait(&r, "a:STOPPING a:FINISHED");
    expect_file(&r, "work/a/o", "new\n");
    rig_close(&r);
}

static void a_startup_step_without_shutdown_is_stopped_by_that_of_the_new_version(void **st)
{
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a", "{'startup':'true'}");
    rig_wait(&r, "a:STARTING a:RUNNING");
    (void)rig_put(&r, "a", "2.0.0", "{'startup':'true','shutdown':'echo new >> o'}", NULL);
    rig_wait(&r, "a:STOPPING a:NEW a:INSTALLED a:STARTING a:RUNNING");
    expect_file(&r, "work/a/o", "new\n");
    rig_close(&r);
}

/* ---- 4.1, 4.4, 4.5 and 5: which steps run ---- */

static void steps_run_when_the_table_says(void **st)
{
    static const struct {
        const char *lifecycle, *end, *steps;
    } rows[] = {
        {"{'shutdown':'echo down >> o'}", "a:STARTING a:FINISHED", ""},
        {"{'install':'exit 1','recover':'echo rec >> o','shutdown':'echo down >> o'}", "a:NEW a:BROKEN", "rec\nrec\n"},
        {"{'startup':'exit 1','recover':'echo rec >> o; exit 9','shutdown':'echo down >> o; exit 9'}", "a:BROKEN",
         "rec\ndown\nrec\ndown\n"},
        {"{'run':'echo run >> o','shutdown':'echo down >> o; exit 9'}", "a:STOPPING a:FINISHED", "run\ndown\n"},
        {"{'startup':'echo up >> o','run':'echo run >> o'}", "a:RUNNING", "up\n"},
        {"{'run':'exit 1','recover':{'skipif':'exists /','script':'echo rec >> o'}}", "a:BROKEN", ""},
        {"{'run':'exit 1','recover':{'script':'echo rec >> o; sleep 1000','timeout':0}}", "a:BROKEN", NULL},
        {"{'run':'true','shutdown':{'timeout':5}}", "a:STOPPING a:FINISHED", ""},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct rig r;
        rig_open(&r, NULL);
        rig_start(&r, "a", rows[i].lifecycle);
        rig_wait(&r, rows[i].end);
        if (rows[i].steps) expect_file(&r, "work/a/o", rows[i].steps);
        rig_close(&r);
    }
}

static void a_component_that_was_not_launched_is_not_shut_down(void **st)
{
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    (void)rig_put(&r, "a", "1.0.0", "{'run':'sleep 1000','shutdown':'echo down >> o'}", "missing");
    assert_int_equal(sedge_supervisor_start(r.sup, "a", &r.err), 0);
    rig_wait(&r, "a:INSTALLED");
    assert_int_equal(sedge_supervisor_stop(r.sup, "a", &r.err), 0);
    rig_wait(&r, "a:INSTALLED a:FINISHED");
    expect_file(&r, "work/a/o", "");
    rig_close(&r);
}

/* ---- 7: reports ---- */

static void a_reported_error_has_the_code_of_its_state_and_says_who_reported_it(void **st)
{
    static const struct {
        const char *lifecycle, *wait, *code, *reason;
    } rows[] = {
        {"{'install':'echo 1 > p; exec sleep 1000'}", "", "INSTALL_ERROR", "reported ERRORED while it was NEW."},
        {"{'startup':'echo 1 > p; exec sleep 1000'}", "", "STARTUP_ERROR", "reported ERRORED while it was STARTING."},
        {"{'run':'echo 1 > p; exec sleep 1000'}", "a:RUNNING", "RUN_ERROR", "reported ERRORED while it was RUNNING."},
        {"{'run':'exec sleep 1000','shutdown':{'timeout':1000,'script':'echo 1 > p; exec sleep 1000'}}", "a:RUNNING",
         "SHUTDOWN_ERROR", "reported ERRORED while it was STOPPING."},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct rig r;
        struct sedge_service_info info;
        rig_open(&r, NULL);
        rig_start(&r, "a", rows[i].lifecycle);
        if (*rows[i].wait) rig_wait(&r, rows[i].wait); /* the script may be quicker than the supervisor */
        if (strstr(rows[i].lifecycle, "shutdown")) assert_int_equal(sedge_supervisor_stop(r.sup, "a", &r.err), 0);
        rig_until(&r, rig_pid_written, "work/a/p");
        assert_int_equal(sedge_supervisor_report(r.sup, "a", SEDGE_LC_ERRORED, &r.err), 0);
        info = rig_info(&r, "a");
        assert_int_equal(info.state, SEDGE_LC_ERRORED);
        assert_string_equal(sedge_status_name(info.code), rows[i].code);
        if (!strstr(info.reason, rows[i].reason)) fail_msg("%s", info.reason);
        rig_close(&r);
    }
}

static void a_startup_that_reported_running_may_end_later(void **st)
{
    static const struct {
        const char *lifecycle, *end;
    } rows[] = {{"{'startup':'echo 1 > p; while [ ! -e ../../go ]; do sleep 0.05; done'}", "a:STARTING a:RUNNING"},
                {"{'startup':'echo 1 > p; while [ ! -e ../../go ]; do sleep 0.05; done; exit 4',"
                 "'sedge':{'backoff':{'initial':3000}}}",
                 "a:RUNNING a:ERRORED a:STOPPING a:INSTALLED"}};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct rig r;
        rig_open(&r, NULL);
        rig_start(&r, "a", rows[i].lifecycle);
        rig_until(&r, rig_pid_written, "work/a/p");
        assert_int_equal(sedge_supervisor_report(r.sup, "a", SEDGE_LC_RUNNING, &r.err), 0);
        touch(&r, "go");
        while (!rig_info(&r, "a").last_exit.known || strcmp(rig_info(&r, "a").last_exit.step, "startup") != 0)
            (void)uv_run(&r.loop, UV_RUN_ONCE);
        rig_wait(&r, rows[i].end);
        if (i == 1) assert_int_equal(rig_info(&r, "a").code, SEDGE_STATUS_STARTUP_ERROR);
        rig_close(&r);
    }
}

static void reports_that_do_not_fit_are_ignored_with_a_warning(void **st)
{
    struct rig r;
    sedge_auto_free char *log = NULL;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a", "{'run':'sleep 1000'}");
    rig_wait(&r, "a:RUNNING");
    assert_int_equal(sedge_supervisor_report(r.sup, "a", SEDGE_LC_RUNNING, &r.err), 0);
    assert_int_equal(sedge_supervisor_stop(r.sup, "a", &r.err), 0);
    rig_wait(&r, "a:STOPPING a:FINISHED");
    assert_int_equal(sedge_supervisor_report(r.sup, "a", SEDGE_LC_RUNNING, &r.err), 0);
    assert_int_equal(sedge_supervisor_report(r.sup, "a", SEDGE_LC_ERRORED, &r.err), 0);
    assert_int_equal(sedge_supervisor_report(r.sup, "nobody", SEDGE_LC_RUNNING, &r.err), -1);
    assert_int_equal(r.err.code, SEDGE_E_NOT_FOUND);
    log = rig_file(&r, "logs/a.log");
    assert_int_equal(count(log, "The component reported RUNNING while it is RUNNING: ignored"), 1);
    assert_int_equal(count(log, "The component reported RUNNING while it is FINISHED: ignored"), 1);
    assert_int_equal(count(log, "The component reported ERRORED while it is FINISHED: ignored"), 1);
    rig_close(&r);
}

/* ---- 8: time-outs ---- */

static void a_run_script_that_takes_too_long_is_killed_before_recover(void **st)
{
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a",
              "{'run':{'timeout':3,'script':'echo $$ > pid; exec sleep 1000'},"
              "'recover':'while kill -0 $(cat pid) 2>/dev/null; do sleep 0.05; done; echo gone > r',"
              "'sedge':{'backoff':{'initial':3000}}}");
    rig_wait(&r, "a:RUNNING a:ERRORED a:STOPPING a:INSTALLED");
    assert_int_equal(rig_info(&r, "a").code, SEDGE_STATUS_RUN_TIMEOUT);
    assert_true(has_text(&r, "work/a/r"));
    rig_close(&r);
}

/* ---- 9: dependents ---- */

static void dependents_follow_a_hard_dependency_by_the_table(void **st)
{
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    (void)rig_put(&r, "d", "1.0.0", "{'run':'while [ ! -e ../../end ]; do sleep 0.05; done; exit $(cat ../../end)'}",
                  NULL);
    (void)rig_put(&r, "a", "1.0.0", "{'run':'sleep 1000'}", "d");
    sedge_supervisor_start_all(r.sup);
    rig_wait(&r, "a:RUNNING");
    r.trace[0] = '\0';
    touch(&r, "end"); /* "exit" without a number: 0 */
    rig_wait(&r, "d:STOPPING d:FINISHED");
    assert_null(strstr(r.trace, "a:")); /* finishing is as good as running */
    untouch(&r, "end");
    r.trace[0] = '\0';
    assert_int_equal(sedge_supervisor_start(r.sup, "d", &r.err), 0);
    rig_wait(&r, "a:STARTING a:RUNNING"); /* but coming back goes through INSTALLED */
    r.trace[0] = '\0';
    assert_int_equal(sedge_supervisor_report(r.sup, "d", SEDGE_LC_ERRORED, &r.err), 0);
    rig_wait(&r, "a:STARTING a:RUNNING");
    assert_int_equal(count(r.trace, "a:STOPPING"), 1);
    assert_non_null(strstr(r.trace, "d:RUNNING"));
    rig_close(&r);
}

static bool broken_and_waiting(struct rig *r, const char *text)
{
    (void)text;
    return rig_info(r, "d").state == SEDGE_LC_BROKEN && rig_info(r, "a").state == SEDGE_LC_INSTALLED;
}

static void who_depends_on_a_broken_component_waits(void **st)
{
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    (void)rig_put(&r, "d", "1.0.0", "{'run':'while [ ! -e ../../end ]; do sleep 0.05; done; exit 3'}", NULL);
    (void)rig_put(&r, "a", "1.0.0", "{'run':'sleep 1000'}", "d");
    sedge_supervisor_start_all(r.sup);
    rig_wait(&r, "a:RUNNING");
    touch(&r, "end");
    rig_until(&r, broken_and_waiting, "d to be BROKEN and a to wait");
    rig_close(&r);
}

static void a_soft_dependency_has_no_say(void **st)
{
    static const char text[] = "{\"run\":\"sleep 1000\"}";
    const struct sedge_service_dep soft = {"nobody", false};
    struct sedge_service_spec spec = {.name = "a", .version = "1.0.0", .deps = &soft, .ndeps = 1};
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    spec.lifecycle = sedge_json_parse_object(text, strlen(text), "x", &r.err);
    assert_int_equal(sedge_supervisor_put(r.sup, &spec, NULL, &r.err), 0);
    json_object_put(spec.lifecycle);
    assert_int_equal(sedge_supervisor_start(r.sup, "a", &r.err), 0);
    rig_wait(&r, "a:STARTING a:RUNNING");
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whether_shutdown_is_skipped_is_decided_at_the_launch),
        cmocka_unit_test(a_shutdown_skipped_at_the_launch_leaves_the_choice_to_the_stop),
        cmocka_unit_test(a_startup_step_without_shutdown_is_stopped_by_that_of_the_new_version),
        cmocka_unit_test(steps_run_when_the_table_says),
        cmocka_unit_test(a_component_that_was_not_launched_is_not_shut_down),
        cmocka_unit_test(a_reported_error_has_the_code_of_its_state_and_says_who_reported_it),
        cmocka_unit_test(a_startup_that_reported_running_may_end_later),
        cmocka_unit_test(reports_that_do_not_fit_are_ignored_with_a_warning),
        cmocka_unit_test(a_run_script_that_takes_too_long_is_killed_before_recover),
        cmocka_unit_test(dependents_follow_a_hard_dependency_by_the_table),
        cmocka_unit_test(who_depends_on_a_broken_component_waits),
        cmocka_unit_test(a_soft_dependency_has_no_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
