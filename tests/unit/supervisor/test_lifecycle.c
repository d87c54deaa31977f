#include "../test.h"

#include "base/mem.h"
#include "supervisor/lifecycle.h"

static const struct sedge_lc_conditions ready = {.updating = false, .deps_ready = true};
static const struct sedge_lc_conditions waiting = {.updating = false, .deps_ready = false};
static const struct sedge_lc_conditions updating = {.updating = true, .deps_ready = true};

/* ---- a machine with a driver that records its way: "NEW install INSTALLED STARTING launch" ---- */

struct drive {
    struct sedge_lc lc;
    int64_t now;
    char trace[1024];
};

static void note(struct drive *d, const char *word)
{
    size_t n = strlen(d->trace);
    (void)snprintf(d->trace + n, sizeof(d->trace) - n, "%s%s", n ? " " : "", word);
}

static enum sedge_lc_act turn(struct drive *d, const struct sedge_lc_conditions *c)
{
    static const char *const words[SEDGE_LC_NACTS] = {"BUG",     NULL,     NULL,       NULL,      "refused",
                                                      "install", "launch", "shutdown", "recover", "uninstall"};
    enum sedge_lc_act act;

    for (int i = 0; i < 20; i++) {
        act = sedge_lc_turn(&d->lc, c);
        if (act == SEDGE_LC_MOVED) {
            note(d, sedge_lc_name(d->lc.state));
            continue;
        }
        if (words[act]) note(d, words[act]);
        return act;
    }
    fail_msg("the machine does not come to rest: %s", d->trace);
    return SEDGE_LC_BUG;
}

static void event(struct drive *d, enum sedge_lc_event ev)
{
    if (sedge_lc_event(&d->lc, ev, d->now, SEDGE_STATUS_NONE)) note(d, sedge_lc_name(d->lc.state));
    (void)turn(d, &ready);
}

static struct drive new_drive(void)
{
    struct drive d = {.now = 1000000};
    sedge_lc_init(&d.lc);
    return d;
}

static struct drive running(void)
{
    struct drive d = new_drive();
    (void)sedge_lc_want_start(&d.lc);
    (void)turn(&d, &ready);
    event(&d, SEDGE_LC_EV_DONE);
    event(&d, SEDGE_LC_EV_UP);
    assert_int_equal(d.lc.state, SEDGE_LC_RUNNING);
    d.trace[0] = '\0';
    return d;
}

/* ---- the tables ---- */

static void every_state_answers_every_goal(void **st)
{
    (void)st;
    for (int s = 0; s < SEDGE_LC_NSTATES; s++) {
        for (int g = 0; g < SEDGE_LC_NGOALS; g++) {
            struct sedge_lc lc;
            sedge_lc_init(&lc);
            lc.state = (enum sedge_lc_state)s;
            lc.done = true;
            lc.goals[0] = (enum sedge_lc_goal)g;
            lc.ngoals = g == SEDGE_LC_GOAL_NONE ? 0 : 1;
            assert_int_not_equal(sedge_lc_turn(&lc, &ready), SEDGE_LC_BUG);
        }
    }
}

static void every_state_answers_every_event(void **st)
{
    (void)st;
    for (int s = 0; s < SEDGE_LC_NSTATES; s++) {
        for (int e = 0; e < SEDGE_LC_NEVENTS; e++) {
            struct sedge_lc lc;
            sedge_lc_init(&lc);
            lc.state = (enum sedge_lc_state)s;
            lc.busy = true;
            /* an empty cell would abort here */
            bool moved = sedge_lc_event(&lc, (enum sedge_lc_event)e, 5, SEDGE_STATUS_NONE);
            assert_int_equal(moved, lc.state != (enum sedge_lc_state)s);
        }
    }
}

/* What each goal does in each resting state: rows of the transition table. */
static void goals_lead_where_the_table_says(void **st)
{
    static const struct {
        enum sedge_lc_state state;
        enum sedge_lc_goal goal;
        enum sedge_lc_act act;
        enum sedge_lc_state to;
    } rows[] = {
#define R(s, g, a, t) {SEDGE_LC_##s, SEDGE_LC_GOAL_##g, SEDGE_LC_##a, SEDGE_LC_##t}
        R(NEW, NONE, NONE, NEW),
        R(NEW, RUNNING, INSTALL, NEW),
        R(NEW, FINISHED, INSTALL, NEW),
        R(NEW, INSTALLED, INSTALL, NEW),
        R(NEW, UNINSTALLED, MOVED, UNINSTALLING),
        R(INSTALLED, NONE, NONE, INSTALLED),
        R(INSTALLED, NEW, MOVED, NEW),
        R(INSTALLED, RUNNING, MOVED, STARTING),
        R(INSTALLED, FINISHED, MOVED, FINISHED),
        R(STARTING, RUNNING, LAUNCH, STARTING),
        R(STARTING, NEW, MOVED, STOPPING),
        R(STARTING, INSTALLED, MOVED, STOPPING),
        R(STARTING, FINISHED, MOVED, STOPPING),
        R(RUNNING, NONE, NONE, RUNNING),
        R(RUNNING, NEW, MOVED, STOPPING),
        R(RUNNING, INSTALLED, MOVED, STOPPING),
        R(RUNNING, FINISHED, MOVED, STOPPING),
        R(RUNNING, UNINSTALLED, MOVED, STOPPING),
        R(STOPPING, NONE, MOVED, FINISHED),
        R(STOPPING, NEW, MOVED, NEW),
        R(STOPPING, INSTALLED, MOVED, INSTALLED),
        R(STOPPING, RUNNING, MOVED, INSTALLED),
        R(STOPPING, FINISHED, MOVED, FINISHED),
        R(STOPPING, UNINSTALLED, MOVED, UNINSTALLING),
        R(BROKEN, NONE, NONE, BROKEN),
        R(BROKEN, NEW, MOVED, NEW),
        R(BROKEN, RUNNING, REFUSED, BROKEN),
        R(BROKEN, FINISHED, REFUSED, BROKEN),
        R(BROKEN, UNINSTALLED, MOVED, UNINSTALLING),
        R(FINISHED, NONE, NONE, FINISHED),
        R(FINISHED, NEW, MOVED, NEW),
        R(FINISHED, INSTALLED, MOVED, INSTALLED),
        R(FINISHED, RUNNING, MOVED, INSTALLED),
        R(FINISHED, UNINSTALLED, MOVED, UNINSTALLING),
        R(UNINSTALLED, NEW, MOVED, NEW),
        R(UNINSTALLED, RUNNING, NONE, UNINSTALLED),
        R(STATELESS, RUNNING, NONE, STATELESS),
#undef R
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_lc lc;
        enum sedge_lc_act act;
        sedge_lc_init(&lc);
        lc.state = rows[i].state;
        lc.done = true;
        lc.goals[0] = rows[i].goal;
        lc.ngoals = rows[i].goal == SEDGE_LC_GOAL_NONE ? 0 : 1;
        act = sedge_lc_turn(&lc, &ready);
        if (act != rows[i].act || lc.state != rows[i].to)
            fail_msg("%s with goal %d: act %d, state %s", sedge_lc_name(rows[i].state), rows[i].goal, act,
                     sedge_lc_name(lc.state));
    }
}

static void requests_change_the_goals_as_specified(void **st)
{
    static const struct {
        const char *before, *request, *after;
    } rows[] = {
        /* letters: N new I installed R running F finished U uninstalled */
        {"", "start", "R"},      {"F", "start", "R"},    {"R", "start", "R"},       {"IR", "start", "IR"},
        {"NF", "start", "NR"},   {"NR", "start", "NR"},  {"", "restart", "IR"},     {"NR", "restart", "NR"},
        {"NF", "restart", "NR"}, {"F", "restart", "IR"}, {"IR", "reinstall", "NR"}, {"", "reinstall", "NR"},
        {"NR", "stop", "NF"},    {"IR", "stop", "F"},    {"", "stop", "F"},         {"IR", "uninstall", "FU"},
        {"I", "start", "IR"},
    };
    static const char letters[] = " NIRFU";

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_lc lc;
        char got[8] = "";
        sedge_lc_init(&lc);
        lc.state = SEDGE_LC_STOPPING;
        for (const char *p = rows[i].before; *p; p++)
            lc.goals[lc.ngoals++] = (enum sedge_lc_goal)(strchr(letters, *p) - letters);
        if (strcmp(rows[i].request, "start") == 0) (void)sedge_lc_want_start(&lc);
        if (strcmp(rows[i].request, "stop") == 0) (void)sedge_lc_want_stop(&lc);
        if (strcmp(rows[i].request, "restart") == 0) assert_true(sedge_lc_want_restart(&lc) >= 0);
        if (strcmp(rows[i].request, "reinstall") == 0) (void)sedge_lc_want_reinstall(&lc);
        if (strcmp(rows[i].request, "uninstall") == 0) (void)sedge_lc_want_uninstall(&lc);
        for (int g = 0; g < lc.ngoals; g++)
            got[g] = letters[lc.goals[g]];
        if (strcmp(got, rows[i].after) != 0)
            fail_msg("[%s] %s: [%s], expected [%s]", rows[i].before, rows[i].request, got, rows[i].after);
    }
}

static void restart_is_refused_before_the_first_start_and_after_closing(void **st)
{
    struct sedge_lc lc;

    (void)st;
    sedge_lc_init(&lc);
    assert_int_equal(sedge_lc_want_restart(&lc), -1);
    (void)sedge_lc_want_start(&lc);
    assert_int_equal(sedge_lc_want_restart(&lc), 1);
    assert_int_equal(sedge_lc_want_restart(&lc), 0); /* the same list: nothing changed */
    sedge_lc_close(&lc, false);
    assert_int_equal(sedge_lc_want_restart(&lc), -1);
    assert_false(sedge_lc_want_start(&lc));
}

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
        cmocka_unit_test(every_state_answers_every_goal),
        cmocka_unit_test(every_state_answers_every_event),
        cmocka_unit_test(goals_lead_where_the_table_says),
        cmocka_unit_test(requests_change_the_goals_as_specified),
        cmocka_unit_test(restart_is_refused_before_the_first_start_and_after_closing),
        cmocka_unit_test(a_component_installs_waits_and_runs),
        cmocka_unit_test(a_dependency_lost_just_before_launch_leads_back_to_installed),
        cmocka_unit_test(traces_of_typical_cases),
        cmocka_unit_test(nothing_to_run_is_finished_and_stays_so),
        cmocka_unit_test(a_run_script_that_ends_well_is_shut_down_and_finished),
        cmocka_unit_test(the_third_crash_breaks_a_component),
        cmocka_unit_test(crashes_an_hour_apart_never_break_it),
        cmocka_unit_test(a_requested_restart_forgets_earlier_crashes),
        cmocka_unit_test(three_failed_installs_break_it),
        cmocka_unit_test(reports_are_accepted_by_state),
        cmocka_unit_test(the_code_of_an_error_stays_while_it_is_handled),
        cmocka_unit_test(readiness_for_hard_dependents),
        cmocka_unit_test(closing_settles_from_every_state),
        cmocka_unit_test(the_wire_knows_eight_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
