/* Ways through the lifecycle. */
#include "drive.h"

/* ---- ways through the machine ---- */

static void a_component_installs_waits_and_runs(void **st)
{
    struct drive d = new_drive();

    (void)st;
    assert_int_equal(turn(&d, &ready), SEDGE_LC_NONE);
    (void)sedge_lc_want_start(&d.lc);
    assert_int_equal(turn(&d, &updating), SEDGE_LC_WAIT);
    assert_int_equal(turn(&d, &waiting), SEDGE_LC_INSTALL);
    assert_true(sedge_lc_event(&d.lc, SEDGE_LC_EV_DONE, 0, SEDGE_STATUS_NONE));
    assert_int_equal(turn(&d, &waiting), SEDGE_LC_WAIT);
    assert_int_equal(turn(&d, &updating), SEDGE_LC_WAIT);
    assert_int_equal(turn(&d, &ready), SEDGE_LC_LAUNCH);
    assert_int_equal(d.lc.state, SEDGE_LC_STARTING);
    event(&d, SEDGE_LC_EV_UP);
    assert_int_equal(d.lc.state, SEDGE_LC_RUNNING);
    assert_int_equal(d.lc.ngoals, 0);
}

static void a_dependency_lost_just_before_launch_leads_back_to_installed(void **st)
{
    struct drive d = new_drive();

    (void)st;
    (void)sedge_lc_want_start(&d.lc);
    d.lc.state = SEDGE_LC_STARTING;
    assert_int_equal(turn(&d, &waiting), SEDGE_LC_WAIT);
    assert_string_equal(d.trace, "INSTALLED");
}

static void traces_of_typical_cases(void **st)
{
    struct drive d;

    (void)st;
    d = new_drive(); /* 1: install fails twice, then succeeds */
    (void)sedge_lc_want_start(&d.lc);
    (void)turn(&d, &ready);
    for (int i = 0; i < 2; i++) {
        event(&d, SEDGE_LC_EV_FAILED);
        event(&d, SEDGE_LC_EV_DONE); /* recover */
    }
    event(&d, SEDGE_LC_EV_DONE);
    event(&d, SEDGE_LC_EV_UP);
    assert_string_equal(d.trace, "install ERRORED recover NEW install ERRORED recover NEW install INSTALLED STARTING "
                                 "launch RUNNING");

    d = running(); /* 2: restart */
    assert_int_equal(sedge_lc_want_restart(&d.lc), 1);
    (void)turn(&d, &ready);
    event(&d, SEDGE_LC_EV_DONE);
    event(&d, SEDGE_LC_EV_UP);
    assert_string_equal(d.trace, "STOPPING shutdown INSTALLED STARTING launch RUNNING");

    d = running(); /* 3: stop, later restart */
    (void)sedge_lc_want_stop(&d.lc);
    (void)turn(&d, &ready);
    event(&d, SEDGE_LC_EV_DONE);
    assert_int_equal(sedge_lc_want_restart(&d.lc), 1);
    (void)turn(&d, &ready);
    event(&d, SEDGE_LC_EV_UP);
    assert_string_equal(d.trace, "STOPPING shutdown FINISHED INSTALLED STARTING launch RUNNING");

    d = running(); /* 4: version update */
    (void)sedge_lc_want_reinstall(&d.lc);
    (void)turn(&d, &ready);
    event(&d, SEDGE_LC_EV_DONE);
    event(&d, SEDGE_LC_EV_DONE);
    event(&d, SEDGE_LC_EV_UP);
    assert_string_equal(d.trace, "STOPPING shutdown NEW install INSTALLED STARTING launch RUNNING");

    d = running(); /* 5: shutdown too long */
    (void)sedge_lc_want_stop(&d.lc);
    (void)turn(&d, &ready);
    assert_true(sedge_lc_event(&d.lc, SEDGE_LC_EV_EXPIRED, 0, SEDGE_STATUS_NONE));
    assert_int_equal(d.lc.code, SEDGE_STATUS_SHUTDOWN_TIMEOUT);
    (void)turn(&d, &ready);
    event(&d, SEDGE_LC_EV_DONE);
    assert_string_equal(d.trace, "STOPPING shutdown recover FINISHED");

    d = running(); /* 6: removal */
    sedge_lc_close(&d.lc, true);
    (void)turn(&d, &ready);
    event(&d, SEDGE_LC_EV_DONE);
    assert_false(sedge_lc_is_settled(&d.lc));
    event(&d, SEDGE_LC_EV_DONE);
    assert_string_equal(d.trace, "STOPPING shutdown FINISHED UNINSTALLING uninstall UNINSTALLED");
    assert_true(sedge_lc_is_settled(&d.lc));
}

static void nothing_to_run_is_finished_and_stays_so(void **st)
{
    struct drive d = new_drive();

    (void)st;
    (void)sedge_lc_want_start(&d.lc);
    (void)turn(&d, &ready);
    event(&d, SEDGE_LC_EV_DONE);
    event(&d, SEDGE_LC_EV_EMPTY);
    assert_string_equal(d.trace, "install INSTALLED STARTING launch FINISHED");
    assert_int_equal(d.lc.ngoals, 0);
}

static void a_run_script_that_ends_well_is_shut_down_and_finished(void **st)
{
    struct drive d = running();

    (void)st;
    event(&d, SEDGE_LC_EV_RUN_ENDED);
    event(&d, SEDGE_LC_EV_DONE);
    assert_string_equal(d.trace, "STOPPING shutdown FINISHED");
}

static void crash(struct drive *d)
{
    event(d, SEDGE_LC_EV_DIED);
    if (d->lc.state == SEDGE_LC_BROKEN) return;
    event(d, SEDGE_LC_EV_DONE); /* recover */
    event(d, SEDGE_LC_EV_DONE); /* shutdown */
    event(d, SEDGE_LC_EV_UP);
}

static void the_third_crash_breaks_a_component(void **st)
{
    struct drive d = running();

    (void)st;
    crash(&d);
    assert_string_equal(d.trace, "ERRORED recover STOPPING shutdown INSTALLED STARTING launch RUNNING");
    crash(&d);
    d.trace[0] = '\0';
    crash(&d);
    assert_string_equal(d.trace, "BROKEN shutdown"); /* recover does not run for the last error */
    assert_int_equal(d.lc.code, SEDGE_STATUS_RUN_ERROR);
    event(&d, SEDGE_LC_EV_DONE);
    d.trace[0] = '\0';
    (void)sedge_lc_want_restart(&d.lc);
    (void)turn(&d, &ready);
    (void)turn(&d, &ready);
    assert_string_equal(d.trace, "refused"); /* once */
    (void)sedge_lc_want_reinstall(&d.lc);
    d.trace[0] = '\0';
    (void)turn(&d, &ready);
    assert_string_equal(d.trace, "NEW install");
    assert_int_equal(d.lc.history[2].count, 0);
}

static void crashes_an_hour_apart_never_break_it(void **st)
{
    struct drive d = running();

    (void)st;
    for (int i = 0; i < 10; i++) {
        d.now += 3600 * 1000;
        crash(&d);
        d.trace[0] = '\0';
        assert_int_equal(d.lc.state, SEDGE_LC_RUNNING);
    }
    d.now += 3599 * 1000;
    crash(&d);
    assert_int_equal(d.lc.state, SEDGE_LC_RUNNING);
    d.now += 3599 * 1000;
    crash(&d);
    assert_int_equal(d.lc.state, SEDGE_LC_BROKEN);
}

static void a_requested_restart_forgets_earlier_crashes(void **st)
{
    struct drive d = running();

    (void)st;
    crash(&d);
    crash(&d);
    assert_int_equal(sedge_lc_want_restart(&d.lc), 1);
    (void)turn(&d, &ready);
    event(&d, SEDGE_LC_EV_DONE);
    event(&d, SEDGE_LC_EV_UP);
    d.trace[0] = '\0';
    crash(&d);
    assert_int_equal(d.lc.state, SEDGE_LC_RUNNING);
}

static void three_failed_installs_break_it(void **st)
{
    struct drive d = new_drive();

    (void)st;
    (void)sedge_lc_want_start(&d.lc);
    (void)turn(&d, &ready);
    for (int i = 0; i < 2; i++) {
        event(&d, SEDGE_LC_EV_EXPIRED);
        event(&d, SEDGE_LC_EV_DONE);
    }
    d.trace[0] = '\0';
    event(&d, SEDGE_LC_EV_EXPIRED);
    assert_string_equal(d.trace, "BROKEN refused"); /* no shutdown: it never ran */
    assert_int_equal(d.lc.code, SEDGE_STATUS_INSTALL_TIMEOUT);
}

/* ---- errors ---- */

static void fail_in(struct sedge_lc *lc, enum sedge_lc_state state, int64_t now)
{
    lc->state = state;
    assert_true(sedge_lc_event(lc, SEDGE_LC_EV_FAILED, now, SEDGE_STATUS_NONE));
}

static void errors_are_counted_for_each_state_apart(void **st)
{
    static const enum sedge_lc_state counted[] = {SEDGE_LC_NEW, SEDGE_LC_STARTING, SEDGE_LC_RUNNING};
    struct sedge_lc lc;

    (void)st;
    sedge_lc_init(&lc);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < SEDGE_ARRAY_LEN(counted); i++) {
            fail_in(&lc, counted[i], 1000);
            assert_int_equal(lc.state, SEDGE_LC_ERRORED);
        }
    }
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(counted); i++) {
        struct sedge_lc third = lc;
        fail_in(&third, counted[i], 1000);
        assert_int_equal(third.state, SEDGE_LC_BROKEN);
    }
    for (int i = 0; i < 9; i++) { /* errors while stopping do not count */
        fail_in(&lc, SEDGE_LC_STOPPING, 1000);
        assert_int_equal(lc.state, SEDGE_LC_ERRORED);
    }
}

static void an_old_error_no_longer_counts(void **st)
{
    static const struct {
        int64_t reset_s, gap_ms;
        enum sedge_lc_state end;
    } rows[] = {{3600, 3599999, SEDGE_LC_BROKEN},
                {3600, 3600000, SEDGE_LC_ERRORED},
                {10, 9999, SEDGE_LC_BROKEN},
                {10, 10000, SEDGE_LC_ERRORED},
                {0, 0, SEDGE_LC_ERRORED}};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_lc lc;
        sedge_lc_init(&lc);
        lc.error_reset_ms = rows[i].reset_s * 1000;
        for (int n = 0; n < 3; n++) /* the gap is from one error to the next, not from the first to the last */
            fail_in(&lc, SEDGE_LC_RUNNING, 1000 + n * rows[i].gap_ms);
        assert_int_equal(lc.state, rows[i].end);
    }
}

static void what_goes_well_clears_the_errors_of_its_state(void **st)
{
    static const struct {
        enum sedge_lc_state state;
        enum sedge_lc_event event;
    } rows[] = {{SEDGE_LC_NEW, SEDGE_LC_EV_DONE},
                {SEDGE_LC_STARTING, SEDGE_LC_EV_UP},
                {SEDGE_LC_STARTING, SEDGE_LC_EV_STARTUP_ENDED},
                {SEDGE_LC_STARTING, SEDGE_LC_EV_EMPTY},
                {SEDGE_LC_RUNNING, SEDGE_LC_EV_RUN_ENDED}};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_lc lc;
        sedge_lc_init(&lc);
        fail_in(&lc, rows[i].state, 1000);
        fail_in(&lc, rows[i].state, 1000);
        lc.state = rows[i].state;
        assert_true(sedge_lc_event(&lc, rows[i].event, 1000, SEDGE_STATUS_NONE));
        fail_in(&lc, rows[i].state, 1000);
        fail_in(&lc, rows[i].state, 1000);
        assert_int_equal(lc.state, SEDGE_LC_ERRORED);
    }
}

static void a_component_that_breaks_on_its_way_out_is_uninstalled_all_the_same(void **st)
{
    struct drive d = running();

    (void)st;
    d.lc.history[2] = (struct sedge_lc_history){2, d.now};
    sedge_lc_close(&d.lc, true);
    event(&d, SEDGE_LC_EV_DIED);
    event(&d, SEDGE_LC_EV_DONE);
    event(&d, SEDGE_LC_EV_DONE);
    assert_string_equal(d.trace, "BROKEN shutdown UNINSTALLING uninstall UNINSTALLED");
    assert_true(sedge_lc_is_settled(&d.lc));
}

/* ---- the same with a back-off ---- */

static struct drive running_with_backoff(int attempts)
{
    struct drive d = running();

    d.lc.backoff = (struct sedge_backoff_settings){
        .on = true, .initial_ms = 1000, .max_ms = 8000, .factor = 2, .reset_after_ms = 60000, .attempts = attempts};
    return d;
}

static void with_a_backoff_a_crash_loop_never_breaks_the_component(void **st)
{
    struct drive d = running_with_backoff(0);

    (void)st;
    for (int i = 1; i <= 100; i++) {
        d.now += 1000;
        d.trace[0] = '\0';
        crash(&d);
        assert_int_equal(d.lc.state, SEDGE_LC_RUNNING);
        assert_int_equal(d.lc.failures, i);
    }
}

static void with_a_backoff_the_recipe_says_how_many_errors_break_it(void **st)
{
    struct drive d = running_with_backoff(5);

    (void)st;
    for (int i = 0; i < 4; i++)
        crash(&d);
    assert_int_equal(d.lc.state, SEDGE_LC_RUNNING);
    crash(&d);
    assert_int_equal(d.lc.state, SEDGE_LC_BROKEN);
    event(&d, SEDGE_LC_EV_DONE);
    (void)sedge_lc_want_reinstall(&d.lc);
    (void)turn(&d, &ready);
    assert_int_equal(d.lc.failures, 0);
}

static void with_a_backoff_errors_of_all_states_count_together(void **st)
{
    struct drive d = running_with_backoff(3);

    (void)st;
    crash(&d);
    fail_in(&d.lc, SEDGE_LC_NEW, d.now);
    fail_in(&d.lc, SEDGE_LC_STOPPING, d.now); /* still not this one */
    assert_int_equal(d.lc.state, SEDGE_LC_ERRORED);
    fail_in(&d.lc, SEDGE_LC_STARTING, d.now);
    assert_int_equal(d.lc.state, SEDGE_LC_BROKEN);
}

static void with_a_backoff_a_stable_time_begins_the_count_anew(void **st)
{
    struct drive d = running_with_backoff(0);

    (void)st;
    crash(&d);
    crash(&d);
    d.now += 59999;
    crash(&d);
    assert_int_equal(d.lc.failures, 3);
    d.now += 60000;
    crash(&d);
    assert_int_equal(d.lc.failures, 1);
    sedge_lc_forgive(&d.lc);
    assert_int_equal(d.lc.failures, 0);
    crash(&d);
    event(&d, SEDGE_LC_EV_RUN_ENDED);
    assert_int_equal(d.lc.failures, 0);
}

static void while_it_pauses_the_code_of_the_error_stays(void **st)
{
    struct drive d = running_with_backoff(0);

    (void)st;
    event(&d, SEDGE_LC_EV_DIED);
    event(&d, SEDGE_LC_EV_DONE);                                             /* recover */
    (void)sedge_lc_event(&d.lc, SEDGE_LC_EV_DONE, d.now, SEDGE_STATUS_NONE); /* shutdown */
    assert_int_equal(turn(&d, &pausing), SEDGE_LC_WAIT);
    assert_int_equal(d.lc.state, SEDGE_LC_INSTALLED);
    assert_int_equal(d.lc.code, SEDGE_STATUS_RUN_ERROR);
    (void)sedge_lc_want_stop(&d.lc); /* a stop does not wait for the end of the pause */
    assert_int_equal(turn(&d, &pausing), SEDGE_LC_NONE);
    assert_int_equal(d.lc.state, SEDGE_LC_FINISHED);
    assert_int_equal(d.lc.code, SEDGE_STATUS_NONE);
}

static void a_failed_install_pauses_too_and_closing_does_not_wait(void **st)
{
    struct drive d = new_drive();

    (void)st;
    d.lc.backoff.on = true;
    (void)sedge_lc_want_start(&d.lc);
    (void)turn(&d, &ready);
    (void)sedge_lc_event(&d.lc, SEDGE_LC_EV_FAILED, d.now, SEDGE_STATUS_NONE);
    (void)turn(&d, &pausing);
    (void)sedge_lc_event(&d.lc, SEDGE_LC_EV_DONE, d.now, SEDGE_STATUS_NONE);
    assert_int_equal(turn(&d, &pausing), SEDGE_LC_WAIT);
    assert_int_equal(d.lc.state, SEDGE_LC_NEW);
    assert_int_equal(d.lc.code, SEDGE_STATUS_INSTALL_ERROR);
    sedge_lc_close(&d.lc, false);
    (void)turn(&d, &pausing);
    assert_int_equal(d.lc.state, SEDGE_LC_FINISHED);
}

/* ---- what others see ---- */

static void reports_are_accepted_by_state(void **st)
{
    struct sedge_lc lc;

    (void)st;
    sedge_lc_init(&lc);
    for (int s = 0; s < SEDGE_LC_NSTATES; s++) {
        lc.state = (enum sedge_lc_state)s;
        assert_int_equal(sedge_lc_may_report(&lc, SEDGE_LC_RUNNING), s == SEDGE_LC_STARTING);
        assert_int_equal(sedge_lc_may_report(&lc, SEDGE_LC_ERRORED), s == SEDGE_LC_NEW || s == SEDGE_LC_STARTING ||
                                                                         s == SEDGE_LC_RUNNING ||
                                                                         s == SEDGE_LC_STOPPING);
        assert_false(sedge_lc_may_report(&lc, SEDGE_LC_FINISHED));
    }
}

static void the_code_of_an_error_stays_while_it_is_handled(void **st)
{
    struct drive d = running();

    (void)st;
    event(&d, SEDGE_LC_EV_DIED);
    assert_int_equal(d.lc.code, SEDGE_STATUS_RUN_ERROR);
    event(&d, SEDGE_LC_EV_DONE);
    assert_int_equal(d.lc.state, SEDGE_LC_STOPPING);
    assert_int_equal(d.lc.code, SEDGE_STATUS_RUN_ERROR);
    event(&d, SEDGE_LC_EV_DONE);
    assert_int_equal(d.lc.code, SEDGE_STATUS_NONE);
}

static void readiness_for_hard_dependents(void **st)
{
    (void)st;
    for (int s = 0; s < SEDGE_LC_NSTATES; s++) {
        bool want =
            s == SEDGE_LC_RUNNING || s == SEDGE_LC_FINISHED || s == SEDGE_LC_STOPPING || s == SEDGE_LC_STATELESS;
        assert_int_equal(sedge_lc_is_ready((enum sedge_lc_state)s, SEDGE_STATUS_NONE), want);
    }
    assert_false(sedge_lc_is_ready(SEDGE_LC_STOPPING, SEDGE_STATUS_STARTUP_TIMEOUT));
    assert_true(sedge_lc_is_ready(SEDGE_LC_STOPPING, SEDGE_STATUS_RUN_ERROR));
}

static void closing_settles_from_every_state(void **st)
{
    (void)st;
    for (int s = SEDGE_LC_NEW; s < SEDGE_LC_NSTATES; s++) {
        for (int uninstall = 0; uninstall < 2; uninstall++) {
            struct drive d = new_drive();
            d.lc.state = (enum sedge_lc_state)s;
            d.lc.from = SEDGE_LC_RUNNING;
            sedge_lc_close(&d.lc, uninstall);
            for (int i = 0; i < 10 && !sedge_lc_is_settled(&d.lc); i++) {
                (void)turn(&d, &ready);
                if (d.lc.busy) event(&d, SEDGE_LC_EV_DONE);
            }
            if (!sedge_lc_is_settled(&d.lc))
                fail_msg("from %s (uninstall %d): %s", sedge_lc_name((enum sedge_lc_state)s), uninstall, d.trace);
        }
    }
}

static void what_breaks_on_its_way_out_is_removed_all_the_same(void **st)
{
    struct drive d = new_drive();

    (void)st;
    (void)sedge_lc_want_start(&d.lc);
    (void)turn(&d, &ready);
    for (int i = 0; i < 2; i++) {
        event(&d, SEDGE_LC_EV_FAILED);
        event(&d, SEDGE_LC_EV_DONE); /* recover */
    }
    sedge_lc_close(&d.lc, true); /* while the third install runs */
    d.trace[0] = '\0';
    event(&d, SEDGE_LC_EV_FAILED);
    event(&d, SEDGE_LC_EV_DONE); /* uninstall */
    assert_string_equal(d.trace, "BROKEN UNINSTALLING uninstall UNINSTALLED");
    assert_true(sedge_lc_is_settled(&d.lc));
}

static void the_wire_knows_eight_states(void **st)
{
    enum sedge_lc_state s;

    (void)st;
    assert_string_equal(sedge_lc_wire(SEDGE_LC_UNINSTALLING), "STOPPING");
    assert_string_equal(sedge_lc_wire(SEDGE_LC_UNINSTALLED), "FINISHED");
    assert_int_equal(sedge_lc_from_wire("BROKEN", &s), 0);
    assert_int_equal(s, SEDGE_LC_BROKEN);
    assert_int_equal(sedge_lc_from_wire("UNINSTALLED", &s), -1);
    assert_int_equal(sedge_lc_from_wire("running", &s), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_component_installs_waits_and_runs),
        cmocka_unit_test(a_dependency_lost_just_before_launch_leads_back_to_installed),
        cmocka_unit_test(traces_of_typical_cases),
        cmocka_unit_test(nothing_to_run_is_finished_and_stays_so),
        cmocka_unit_test(a_run_script_that_ends_well_is_shut_down_and_finished),
        cmocka_unit_test(the_third_crash_breaks_a_component),
        cmocka_unit_test(crashes_an_hour_apart_never_break_it),
        cmocka_unit_test(a_requested_restart_forgets_earlier_crashes),
        cmocka_unit_test(three_failed_installs_break_it),
        cmocka_unit_test(errors_are_counted_for_each_state_apart),
        cmocka_unit_test(an_old_error_no_longer_counts),
        cmocka_unit_test(what_goes_well_clears_the_errors_of_its_state),
        cmocka_unit_test(a_component_that_breaks_on_its_way_out_is_uninstalled_all_the_same),
        cmocka_unit_test(with_a_backoff_a_crash_loop_never_breaks_the_component),
        cmocka_unit_test(with_a_backoff_the_recipe_says_how_many_errors_break_it),
        cmocka_unit_test(with_a_backoff_errors_of_all_states_count_together),
        cmocka_unit_test(with_a_backoff_a_stable_time_begins_the_count_anew),
        cmocka_unit_test(while_it_pauses_the_code_of_the_error_stays),
        cmocka_unit_test(a_failed_install_pauses_too_and_closing_does_not_wait),
        cmocka_unit_test(reports_are_accepted_by_state),
        cmocka_unit_test(the_code_of_an_error_stays_while_it_is_handled),
        cmocka_unit_test(readiness_for_hard_dependents),
        cmocka_unit_test(closing_settles_from_every_state),
        cmocka_unit_test(what_breaks_on_its_way_out_is_removed_all_the_same),
        cmocka_unit_test(the_wire_knows_eight_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
