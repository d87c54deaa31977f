/* The tables of the lifecycle, and goals. */
#include "drive.h"

/* ---- the tables: what is expected of every cell, so that none can change unseen ---- */

#define S(sym) [SEDGE_LC_##sym]

/* What a state does whose own step is over, by the first goal that is left. "-": nothing. ">X": goes to X. */
static const char *const by_goal[SEDGE_LC_NSTATES][SEDGE_LC_NGOALS] = {
    /*                (none)        NEW           INSTALLED     RUNNING       FINISHED      UNINSTALLED */
    S(STATELESS) = {"-", "-", "-", "-", "-", "-"},
    S(NEW) = {"-", "-", "install", "install", "install", ">UNINSTALLING"},
    S(INSTALLED) = {"-", ">NEW", "-", ">STARTING", ">FINISHED", ">UNINSTALLING"},
    S(STARTING) = {"-", ">STOPPING", ">STOPPING", "launch", ">STOPPING", ">STOPPING"},
    S(RUNNING) = {"-", ">STOPPING", ">STOPPING", "-", ">STOPPING", ">STOPPING"},
    S(STOPPING) = {">FINISHED", ">NEW", ">INSTALLED", ">INSTALLED", ">FINISHED", ">UNINSTALLING"},
    S(ERRORED) = {">INSTALLED", ">NEW", ">INSTALLED", ">INSTALLED", ">FINISHED", ">UNINSTALLING"}, /* from STOPPING */
    S(BROKEN) = {"-", ">NEW", "refused", "refused", "refused", ">UNINSTALLING"},
    S(FINISHED) = {"-", ">NEW", ">INSTALLED", ">INSTALLED", "-", ">UNINSTALLING"},
    S(UNINSTALLING) = {">UNINSTALLED", ">UNINSTALLED", ">UNINSTALLED", ">UNINSTALLED", ">UNINSTALLED", ">UNINSTALLED"},
    S(UNINSTALLED) = {"-", ">NEW", "-", "-", "-", "-"},
};

/* The cells that look at more than the goal. */
static const struct {
    enum sedge_lc_state state;
    enum sedge_lc_goal goal;
    const struct sedge_lc_conditions *when;
    const char *does;
} held_up[] = {
    {SEDGE_LC_NEW, SEDGE_LC_GOAL_INSTALLED, &updating, "wait"},
    {SEDGE_LC_NEW, SEDGE_LC_GOAL_RUNNING, &updating, "wait"},
    {SEDGE_LC_NEW, SEDGE_LC_GOAL_FINISHED, &updating, "wait"},
    {SEDGE_LC_NEW, SEDGE_LC_GOAL_INSTALLED, &pausing, "wait"},
    {SEDGE_LC_NEW, SEDGE_LC_GOAL_RUNNING, &pausing, "wait"},
    {SEDGE_LC_NEW, SEDGE_LC_GOAL_FINISHED, &pausing, "wait"},
    {SEDGE_LC_INSTALLED, SEDGE_LC_GOAL_RUNNING, &updating, "wait"},
    {SEDGE_LC_INSTALLED, SEDGE_LC_GOAL_RUNNING, &waiting, "wait"},
    {SEDGE_LC_INSTALLED, SEDGE_LC_GOAL_RUNNING, &pausing, "wait"},
    {SEDGE_LC_STARTING, SEDGE_LC_GOAL_RUNNING, &waiting, ">INSTALLED"},
};

static const char *expected_of(enum sedge_lc_state state, enum sedge_lc_goal goal,
                               const struct sedge_lc_conditions *when)
{
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(held_up); i++)
        if (held_up[i].state == state && held_up[i].goal == goal && held_up[i].when == when) return held_up[i].does;
    return by_goal[state][goal];
}

/* What a turn does, in the words of the table above. */
static const char *turned(struct sedge_lc *lc, const struct sedge_lc_conditions *when)
{
    static const char *const words[SEDGE_LC_NACTS] = {"BUG",     "-",      NULL,       "wait",    "refused",
                                                      "install", "launch", "shutdown", "recover", "uninstall"};
    static char moved[32];
    enum sedge_lc_act act = sedge_lc_turn(lc, when);

    if (act != SEDGE_LC_MOVED) return words[act];
    (void)snprintf(moved, sizeof(moved), ">%s", sedge_lc_name(lc->state));
    return moved;
}

static struct sedge_lc resting(int state, int goal)
{
    struct sedge_lc lc;

    sedge_lc_init(&lc);
    lc.state = (enum sedge_lc_state)state;
    lc.from = SEDGE_LC_STOPPING;
    lc.done = true;
    lc.goals[0] = (enum sedge_lc_goal)goal;
    lc.ngoals = goal == SEDGE_LC_GOAL_NONE ? 0 : 1;
    return lc;
}

static void every_state_does_with_every_goal_what_the_table_says(void **st)
{
    static const struct sedge_lc_conditions *const all[] = {&ready, &waiting, &updating, &pausing};

    (void)st;
    for (size_t c = 0; c < SEDGE_ARRAY_LEN(all); c++) {
        for (int s = 0; s < SEDGE_LC_NSTATES; s++) {
            for (int g = 0; g < SEDGE_LC_NGOALS; g++) {
                struct sedge_lc lc = resting(s, g);
                const char *want = expected_of((enum sedge_lc_state)s, (enum sedge_lc_goal)g, all[c]);
                const char *got = turned(&lc, all[c]);
                if (strcmp(got, want) != 0)
                    fail_msg("%s, goal %d, condition %zu: %s, expected %s", sedge_lc_name((enum sedge_lc_state)s), g, c,
                             got, want);
                if (*want != '>') assert_int_equal(lc.state, s);
                assert_int_equal(lc.busy, strcmp(want, "install") == 0 || strcmp(want, "launch") == 0);
            }
        }
    }
}

static void a_step_under_way_is_left_alone_but_a_start_lets_itself_be_interrupted(void **st)
{
    (void)st;
    for (int s = 0; s < SEDGE_LC_NSTATES; s++) {
        for (int g = 0; g < SEDGE_LC_NGOALS; g++) {
            struct sedge_lc lc = resting(s, g);
            bool breaks_off = s == SEDGE_LC_STARTING && g != SEDGE_LC_GOAL_RUNNING && g != SEDGE_LC_GOAL_NONE;
            lc.done = false;
            lc.busy = true;
            assert_string_equal(turned(&lc, &ready), breaks_off ? ">STOPPING" : "-");
        }
    }
}

/* A state's own step runs on entry, whatever the goal is. */
static void states_run_their_own_step_first(void **st)
{
    static const char *const step[SEDGE_LC_NSTATES] = {S(STOPPING) = "shutdown", S(ERRORED) = "recover",
                                                       S(UNINSTALLING) = "uninstall"};

    (void)st;
    for (int s = 0; s < SEDGE_LC_NSTATES; s++) {
        for (int from = 0; from < SEDGE_LC_NSTATES; from++) {
            for (int g = 0; g < SEDGE_LC_NGOALS; g++) {
                struct sedge_lc lc = resting(s, g);
                const char *want = step[s];
                if (s == SEDGE_LC_BROKEN && (from == SEDGE_LC_STARTING || from == SEDGE_LC_RUNNING)) want = "shutdown";
                if (s == SEDGE_LC_ERRORED && !want) continue;
                lc.done = false;
                lc.from = (enum sedge_lc_state)from;
                assert_string_equal(turned(&lc, &ready), want ? want : by_goal[s][g]);
                assert_string_equal(want ? turned(&lc, &ready) : "-", "-"); /* once */
            }
        }
    }
}

/* ERRORED goes on by where it came from. */
static void the_way_out_of_an_error_depends_on_where_it_happened(void **st)
{
    (void)st;
    for (int g = 0; g < SEDGE_LC_NGOALS; g++) {
        for (int closed = 0; closed < 2; closed++) {
            struct sedge_lc lc = resting(SEDGE_LC_ERRORED, g);
            lc.closed = closed;
            lc.from = SEDGE_LC_STARTING;
            assert_string_equal(turned(&lc, &ready), ">STOPPING");
            lc = resting(SEDGE_LC_ERRORED, g);
            lc.closed = closed;
            lc.from = SEDGE_LC_RUNNING;
            assert_string_equal(turned(&lc, &ready), ">STOPPING");
            lc = resting(SEDGE_LC_ERRORED, g);
            lc.from = SEDGE_LC_NEW;
            assert_string_equal(turned(&lc, &ready), ">NEW");
        }
    }
    for (int uninstall = 0; uninstall < 2; uninstall++) {
        struct sedge_lc lc = resting(SEDGE_LC_ERRORED, SEDGE_LC_GOAL_RUNNING);
        lc.from = SEDGE_LC_NEW;
        sedge_lc_close(&lc, uninstall);
        assert_string_equal(turned(&lc, &ready), ">FINISHED");
        assert_string_equal(turned(&lc, &ready), uninstall ? ">UNINSTALLING" : "-");
    }
}

/* "." is dropped, "ok" ends the state's step, anything else is the new state and its code. */
static const char *const by_event[SEDGE_LC_NSTATES][SEDGE_LC_NEVENTS] = {
    /* DONE, FAILED, EXPIRED, EMPTY, UP, STARTUP_ENDED, RUN_ENDED, DIED, REPORT_ERROR */
    S(STATELESS) = {".", ".", ".", ".", ".", ".", ".", ".", "."},
    S(NEW) = {"INSTALLED NONE", "ERRORED INSTALL_ERROR", "ERRORED INSTALL_TIMEOUT", ".", ".", ".", ".", ".",
              "ERRORED INSTALL_ERROR"},
    S(INSTALLED) = {".", ".", ".", ".", ".", ".", ".", ".", "."},
    S(STARTING) = {".", "ERRORED STARTUP_ERROR", "ERRORED STARTUP_TIMEOUT", "FINISHED NONE", "RUNNING NONE",
                   "RUNNING NONE", "STOPPING NONE", "ERRORED STARTUP_ERROR", "ERRORED STARTUP_ERROR"},
    S(RUNNING) = {".", "ERRORED RUN_ERROR", "ERRORED RUN_TIMEOUT", ".", ".", ".", "STOPPING NONE", "ERRORED RUN_ERROR",
                  "ERRORED RUN_ERROR"},
    S(STOPPING) = {"ok", "ERRORED SHUTDOWN_ERROR", "ERRORED SHUTDOWN_TIMEOUT", ".", ".", ".", ".", ".",
                   "ERRORED SHUTDOWN_ERROR"},
    S(ERRORED) = {"ok", "ok", "ok", ".", ".", ".", ".", ".", "."},
    S(BROKEN) = {"ok", "ok", "ok", ".", ".", ".", ".", ".", "."},
    S(FINISHED) = {".", ".", ".", ".", ".", ".", ".", ".", "."},
    S(UNINSTALLING) = {"UNINSTALLED NONE", "UNINSTALLED UNINSTALL_ERROR", "UNINSTALLED UNINSTALL_TIMEOUT", ".", ".",
                       ".", ".", ".", "."},
    S(UNINSTALLED) = {".", ".", ".", ".", ".", ".", ".", ".", "."},
};

static void take_event(int state, int ev, enum sedge_status_code code, const char *want)
{
    struct sedge_lc lc = resting(state, SEDGE_LC_GOAL_RUNNING);
    char got[64];
    bool moved;

    lc.done = false;
    lc.busy = true;
    moved = sedge_lc_event(&lc, (enum sedge_lc_event)ev, 5, code);
    (void)snprintf(got, sizeof(got), "%s %s", sedge_lc_name(lc.state), sedge_status_name(lc.code));
    if (!moved) (void)snprintf(got, sizeof(got), "%s", lc.done ? "ok" : ".");
    if (strcmp(got, want) != 0)
        fail_msg("%s, event %d: %s, expected %s", sedge_lc_name((enum sedge_lc_state)state), ev, got, want);
    assert_int_equal(lc.busy, strcmp(want, ".") == 0);
    if (moved) assert_int_equal(lc.from, state);
    if (!moved) assert_int_equal(lc.state, state);
}

static void every_event_does_in_every_state_what_the_table_says(void **st)
{
    (void)st;
    for (int s = 0; s < SEDGE_LC_NSTATES; s++)
        for (int e = 0; e < SEDGE_LC_NEVENTS; e++)
            take_event(s, e, SEDGE_STATUS_NONE, by_event[s][e]);
}

static void an_error_keeps_the_code_that_it_brings(void **st)
{
    (void)st;
    for (int s = 0; s < SEDGE_LC_NSTATES; s++)
        for (int e = 0; e < SEDGE_LC_NEVENTS; e++)
            if (strncmp(by_event[s][e], "ERRORED ", 8) == 0)
                take_event(s, e, SEDGE_STATUS_RUN_IO_ERROR, "ERRORED RUN_IO_ERROR");
}

static void a_script_that_has_done_its_work_is_not_started_again(void **st)
{
    static const struct {
        enum sedge_lc_state state;
        enum sedge_lc_event event;
    } rows[] = {{SEDGE_LC_STARTING, SEDGE_LC_EV_EMPTY},
                {SEDGE_LC_STARTING, SEDGE_LC_EV_RUN_ENDED},
                {SEDGE_LC_RUNNING, SEDGE_LC_EV_RUN_ENDED}};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_lc lc = resting((int)rows[i].state, SEDGE_LC_GOAL_RUNNING);
        assert_true(sedge_lc_event(&lc, rows[i].event, 5, SEDGE_STATUS_NONE));
        assert_int_equal(lc.ngoals, 1);
        assert_int_equal(lc.goals[0], SEDGE_LC_GOAL_FINISHED);
    }
}

/* ---- goals ---- */

/* letters: N new I installed R running F finished U uninstalled */
static const char letters[] = " NIRFU";

static struct sedge_lc with_goals(const char *goals)
{
    struct sedge_lc lc;

    sedge_lc_init(&lc);
    lc.state = SEDGE_LC_STOPPING;
    for (const char *p = goals; *p; p++)
        lc.goals[lc.ngoals++] = (enum sedge_lc_goal)(strchr(letters, *p) - letters);
    return lc;
}

enum request { START, RESTART, REINSTALL, STOP, UNINSTALL, NREQUESTS };

static int ask(struct sedge_lc *lc, enum request request)
{
    switch (request) {
    case START:
        return sedge_lc_want_start(lc);
    case RESTART:
        return sedge_lc_want_restart(lc);
    case REINSTALL:
        return sedge_lc_want_reinstall(lc);
    case STOP:
        return sedge_lc_want_stop(lc);
    case UNINSTALL:
        return sedge_lc_want_uninstall(lc);
    case NREQUESTS:
        break;
    }
    return -2;
}

static const char *goals_of(const struct sedge_lc *lc)
{
    static char got[SEDGE_LC_GOALS_MAX + 1];

    for (int g = 0; g < lc->ngoals; g++)
        got[g] = letters[lc->goals[g]];
    got[lc->ngoals] = '\0';
    return got;
}

static void requests_change_the_goals_as_specified(void **st)
{
    static const struct {
        const char *before, *after[NREQUESTS]; /* start, restart, reinstall, stop, uninstall */
    } rows[] = {
        {"", {"R", "IR", "NR", "F", "FU"}},         {"R", {"R", "IR", "NR", "F", "FU"}},
        {"F", {"R", "IR", "NR", "F", "FU"}},        {"I", {"IR", "IR", "NR", "F", "FU"}},
        {"N", {"NR", "NR", "NR", "NF", "FU"}},      {"U", {"UR", "IR", "NR", "F", "FU"}},
        {"IR", {"IR", "IR", "NR", "F", "FU"}},      {"NR", {"NR", "NR", "NR", "NF", "FU"}},
        {"NF", {"NR", "NR", "NR", "NF", "FU"}},     {"FU", {"FUR", "IR", "NR", "F", "FU"}},
        {"INR", {"INR", "INR", "NR", "INF", "FU"}},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        for (int r = 0; r < NREQUESTS; r++) {
            struct sedge_lc lc = with_goals(rows[i].before);
            int changed = ask(&lc, (enum request)r);
            if (strcmp(goals_of(&lc), rows[i].after[r]) != 0)
                fail_msg("[%s], request %d: [%s], expected [%s]", rows[i].before, r, goals_of(&lc), rows[i].after[r]);
            assert_int_equal(changed, strcmp(rows[i].before, rows[i].after[r]) != 0); /* an equal list is no change */
            lc = with_goals(rows[i].before);
            lc.closed = true;
            assert_int_equal(ask(&lc, (enum request)r), r == RESTART ? -1 : 0);
            assert_string_equal(goals_of(&lc), rows[i].before);
        }
    }
}

static void a_broken_component_is_uninstalled_without_being_stopped(void **st)
{
    struct sedge_lc lc = with_goals("R");

    (void)st;
    lc.state = SEDGE_LC_BROKEN;
    assert_true(sedge_lc_want_uninstall(&lc));
    assert_string_equal(goals_of(&lc), "U");
    lc = with_goals("R");
    lc.state = SEDGE_LC_BROKEN;
    sedge_lc_close(&lc, true);
    assert_string_equal(goals_of(&lc), "U");
    lc = with_goals("R");
    sedge_lc_close(&lc, true);
    assert_string_equal(goals_of(&lc), "FU");
    sedge_lc_close(&lc, false); /* the uninstallation stays */
    assert_string_equal(goals_of(&lc), "FU");
}

static void goals_that_are_reached_are_dropped(void **st)
{
    struct sedge_lc lc = with_goals("INR");

    (void)st;
    lc.state = SEDGE_LC_INSTALLED;
    assert_string_equal(turned(&lc, &ready), ">NEW");
    assert_string_equal(goals_of(&lc), "NR");
    assert_string_equal(turned(&lc, &ready), "install");
    assert_string_equal(goals_of(&lc), "R");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_does_with_every_goal_what_the_table_says),
        cmocka_unit_test(a_step_under_way_is_left_alone_but_a_start_lets_itself_be_interrupted),
        cmocka_unit_test(states_run_their_own_step_first),
        cmocka_unit_test(the_way_out_of_an_error_depends_on_where_it_happened),
        cmocka_unit_test(every_event_does_in_every_state_what_the_table_says),
        cmocka_unit_test(an_error_keeps_the_code_that_it_brings),
        cmocka_unit_test(a_script_that_has_done_its_work_is_not_started_again),
        cmocka_unit_test(requests_change_the_goals_as_specified),
        cmocka_unit_test(a_broken_component_is_uninstalled_without_being_stopped),
        cmocka_unit_test(goals_that_are_reached_are_dropped),
        cmocka_unit_test(restart_is_refused_before_the_first_start_and_after_closing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
