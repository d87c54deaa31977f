#include "../test.h"

#include "base/mem.h"
#include "supervisor/lifecycle.h"

static const struct sedge_lc_conditions ready = {.updating = false, .deps_ready = true};
static const struct sedge_lc_conditions waiting = {.updating = false, .deps_ready = false};
static const struct sedge_lc_conditions updating = {.updating = true, .deps_ready = true};
static const struct sedge_lc_conditions pausing = {.deps_ready = true, .pausing = true};

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
