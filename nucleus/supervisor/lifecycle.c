#include "lifecycle.h"

#include <string.h>

#include "base/mem.h"

/* ---- the two tables ---- */

enum decision {
    D_BUG = 0,
    D_STAY,
    D_GO,      /* to the state of the cell */
    D_INSTALL, /* wait for configuration, then install */
    D_GATE,    /* wait for configuration and dependencies, then to the state of the cell */
    D_LAUNCH,  /* dependencies checked again, then startup or run */
    D_LEAVE_BROKEN,
    D_REFUSE
};

struct decide_cell {
    enum decision what;
    enum sedge_lc_state to;
};

#define ROW(s)                [SEDGE_LC_##s]
#define WANT(goal, what, to_) [SEDGE_LC_GOAL_##goal] = {D_##what, SEDGE_LC_##to_}
#define ALL(what, to)                                                                                                  \
    WANT(NONE, what, to), WANT(NEW, what, to), WANT(INSTALLED, what, to), WANT(RUNNING, what, to),                     \
        WANT(FINISHED, what, to), WANT(UNINSTALLED, what, to)

/* A state whose own step has ended (or that has none), against the first goal that differs from it. */
static const struct decide_cell decide[SEDGE_LC_NSTATES][SEDGE_LC_NGOALS] = {
    ROW(STATELESS) = {ALL(STAY, STATELESS)},
    ROW(NEW) = {WANT(NONE, STAY, NEW), WANT(NEW, STAY, NEW), WANT(INSTALLED, INSTALL, INSTALLED),
                WANT(RUNNING, INSTALL, INSTALLED), WANT(FINISHED, INSTALL, INSTALLED),
                WANT(UNINSTALLED, GO, UNINSTALLING)},
    ROW(INSTALLED) = {WANT(NONE, STAY, INSTALLED), WANT(NEW, GO, NEW), WANT(INSTALLED, STAY, INSTALLED),
                      WANT(RUNNING, GATE, STARTING), WANT(FINISHED, GO, FINISHED), WANT(UNINSTALLED, GO, UNINSTALLING)},
    ROW(STARTING) = {WANT(NONE, STAY, STARTING), WANT(NEW, GO, STOPPING), WANT(INSTALLED, GO, STOPPING),
                     WANT(RUNNING, LAUNCH, RUNNING), WANT(FINISHED, GO, STOPPING), WANT(UNINSTALLED, GO, STOPPING)},
    ROW(RUNNING) = {WANT(NONE, STAY, RUNNING), WANT(NEW, GO, STOPPING), WANT(INSTALLED, GO, STOPPING),
                    WANT(RUNNING, STAY, RUNNING), WANT(FINISHED, GO, STOPPING), WANT(UNINSTALLED, GO, STOPPING)},
    ROW(STOPPING) = {WANT(NONE, GO, FINISHED), WANT(NEW, GO, NEW), WANT(INSTALLED, GO, INSTALLED),
                     WANT(RUNNING, GO, INSTALLED), WANT(FINISHED, GO, FINISHED), WANT(UNINSTALLED, GO, UNINSTALLING)},
    /* ERRORED that came from STOPPING; from elsewhere after_error() knows the way */
    ROW(ERRORED) = {WANT(NONE, GO, FINISHED), WANT(NEW, GO, NEW), WANT(INSTALLED, GO, INSTALLED),
                    WANT(RUNNING, GO, INSTALLED), WANT(FINISHED, GO, FINISHED), WANT(UNINSTALLED, GO, UNINSTALLING)},
    ROW(BROKEN) = {WANT(NONE, STAY, BROKEN), WANT(NEW, LEAVE_BROKEN, NEW), WANT(INSTALLED, REFUSE, BROKEN),
                   WANT(RUNNING, REFUSE, BROKEN), WANT(FINISHED, REFUSE, BROKEN), WANT(UNINSTALLED, GO, UNINSTALLING)},
    ROW(FINISHED) = {WANT(NONE, STAY, FINISHED), WANT(NEW, GO, NEW), WANT(INSTALLED, GO, INSTALLED),
                     WANT(RUNNING, GO, INSTALLED), WANT(FINISHED, STAY, FINISHED), WANT(UNINSTALLED, GO, UNINSTALLING)},
    ROW(UNINSTALLING) = {ALL(GO, UNINSTALLED)},
    ROW(UNINSTALLED) = {WANT(NONE, STAY, UNINSTALLED), WANT(NEW, GO, NEW), WANT(INSTALLED, STAY, UNINSTALLED),
                        WANT(RUNNING, STAY, UNINSTALLED), WANT(FINISHED, STAY, UNINSTALLED),
                        WANT(UNINSTALLED, STAY, UNINSTALLED)},
};

enum reaction {
    R_BUG = 0,
    R_DROP,  /* means nothing here */
    R_MOVE,  /* to the state of the cell */
    R_READY, /* the step has ended: turn decides where to go */
    R_ERROR, /* counts: ERRORED or BROKEN */
    R_STOP   /* as a stop request, and to the state of the cell */
};

struct react_cell {
    enum reaction what;
    enum sedge_lc_state to;
    enum sedge_status_code code; /* when the event brings none */
};

#define ON(ev, what, to_)         [SEDGE_LC_EV_##ev] = {R_##what, SEDGE_LC_##to_, SEDGE_STATUS_NONE}
#define ON_CODE(ev, what, to_, c) [SEDGE_LC_EV_##ev] = {R_##what, SEDGE_LC_##to_, SEDGE_STATUS_##c}
#define NO_PROCESS(s)                                                                                                  \
    ON(EMPTY, DROP, s), ON(UP, DROP, s), ON(STARTUP_ENDED, DROP, s), ON(RUN_ENDED, DROP, s), ON(DIED, DROP, s)
#define IDLE(s) ON(DONE, DROP, s), ON(FAILED, DROP, s), ON(EXPIRED, DROP, s), NO_PROCESS(s), ON(REPORT_ERROR, DROP, s)

static const struct react_cell react[SEDGE_LC_NSTATES][SEDGE_LC_NEVENTS] = {
    ROW(STATELESS) = {IDLE(STATELESS)},
    ROW(NEW) = {ON(DONE, MOVE, INSTALLED), ON_CODE(FAILED, ERROR, ERRORED, INSTALL_ERROR),
                ON_CODE(EXPIRED, ERROR, ERRORED, INSTALL_TIMEOUT), NO_PROCESS(NEW),
                ON_CODE(REPORT_ERROR, ERROR, ERRORED, INSTALL_ERROR)},
    ROW(INSTALLED) = {IDLE(INSTALLED)},
    ROW(STARTING) = {ON(DONE, DROP, STARTING), ON_CODE(FAILED, ERROR, ERRORED, STARTUP_ERROR),
                     ON_CODE(EXPIRED, ERROR, ERRORED, STARTUP_TIMEOUT), ON(EMPTY, STOP, FINISHED),
                     ON(UP, MOVE, RUNNING), ON(STARTUP_ENDED, MOVE, RUNNING), ON(RUN_ENDED, STOP, STOPPING),
                     ON_CODE(DIED, ERROR, ERRORED, STARTUP_ERROR),
                     ON_CODE(REPORT_ERROR, ERROR, ERRORED, STARTUP_ERROR)},
    ROW(RUNNING) = {ON(DONE, DROP, RUNNING), ON_CODE(FAILED, ERROR, ERRORED, RUN_ERROR),
                    ON_CODE(EXPIRED, ERROR, ERRORED, RUN_TIMEOUT), ON(EMPTY, DROP, RUNNING), ON(UP, DROP, RUNNING),
                    ON(STARTUP_ENDED, DROP, RUNNING), ON(RUN_ENDED, STOP, STOPPING),
                    ON_CODE(DIED, ERROR, ERRORED, RUN_ERROR), ON_CODE(REPORT_ERROR, ERROR, ERRORED, RUN_ERROR)},
    ROW(STOPPING) = {ON(DONE, READY, STOPPING), ON_CODE(FAILED, ERROR, ERRORED, SHUTDOWN_ERROR),
                     ON_CODE(EXPIRED, ERROR, ERRORED, SHUTDOWN_TIMEOUT), NO_PROCESS(STOPPING),
                     ON_CODE(REPORT_ERROR, ERROR, ERRORED, SHUTDOWN_ERROR)},
    ROW(ERRORED) = {ON(DONE, READY, ERRORED), ON(FAILED, READY, ERRORED), ON(EXPIRED, READY, ERRORED),
                    NO_PROCESS(ERRORED), ON(REPORT_ERROR, DROP, ERRORED)},
    ROW(BROKEN) = {ON(DONE, READY, BROKEN), ON(FAILED, READY, BROKEN), ON(EXPIRED, READY, BROKEN), NO_PROCESS(BROKEN),
                   ON(REPORT_ERROR, DROP, BROKEN)},
    ROW(FINISHED) = {IDLE(FINISHED)},
    ROW(UNINSTALLING) = {ON(DONE, MOVE, UNINSTALLED), ON_CODE(FAILED, MOVE, UNINSTALLED, UNINSTALL_ERROR),
                         ON_CODE(EXPIRED, MOVE, UNINSTALLED, UNINSTALL_TIMEOUT), NO_PROCESS(UNINSTALLING),
                         ON(REPORT_ERROR, DROP, UNINSTALLING)},
    ROW(UNINSTALLED) = {IDLE(UNINSTALLED)},
};

/* ---- names ---- */

static const struct {
    const char *name;
    const char *wire;
    bool closable;
} states[] = {
#define X(sym, wire, closable) {#sym, wire, closable},
    SEDGE_LC_STATES(X)
#undef X
};

static const struct {
    const char *name;
    const char *text;
} codes[] = {
#define X(sym, text) {#sym, text},
    SEDGE_STATUS_CODES(X)
#undef X
};

const char *sedge_lc_name(enum sedge_lc_state state)
{
    return states[state].name;
}

const char *sedge_lc_wire(enum sedge_lc_state state)
{
    return states[state].wire;
}

int sedge_lc_from_wire(const char *name, enum sedge_lc_state *out)
{
    for (int s = SEDGE_LC_NEW; s <= SEDGE_LC_FINISHED; s++) {
        if (strcmp(states[s].name, name) != 0) continue;
        *out = (enum sedge_lc_state)s;
        return 0;
    }
    return -1;
}

bool sedge_lc_is_closable(enum sedge_lc_state state)
{
    return states[state].closable;
}

const char *sedge_status_name(enum sedge_status_code code)
{
    return codes[code].name;
}

const char *sedge_status_text(enum sedge_status_code code)
{
    return codes[code].text;
}

static bool is_startup_failure(enum sedge_status_code code)
{
    return code >= SEDGE_STATUS_STARTUP_ERROR && code <= SEDGE_STATUS_STARTUP_TIMEOUT;
}

bool sedge_lc_is_ready(enum sedge_lc_state state, enum sedge_status_code code)
{
    if (state == SEDGE_LC_STOPPING) return !is_startup_failure(code);
    return state == SEDGE_LC_RUNNING || state == SEDGE_LC_FINISHED || state == SEDGE_LC_STATELESS;
}

/* ---- goals ---- */

void sedge_lc_init(struct sedge_lc *lc)
{
    *lc = (struct sedge_lc){.state = SEDGE_LC_NEW, .from = SEDGE_LC_NEW};
    lc->error_reset_ms = SEDGE_LC_ERROR_RESET_DEFAULT * (int64_t)1000;
}

static int find_goal(const struct sedge_lc *lc, enum sedge_lc_goal goal)
{
    for (int i = 0; i < lc->ngoals; i++)
        if (lc->goals[i] == goal) return i;
    return -1;
}

static bool set_goals(struct sedge_lc *lc, const enum sedge_lc_goal *goals, int n)
{
    if (n == lc->ngoals && memcmp(lc->goals, goals, (size_t)n * sizeof(*goals)) == 0) return false;
    memcpy(lc->goals, goals, (size_t)n * sizeof(*goals));
    lc->ngoals = n;
    lc->refused = false;
    return true;
}

/* Everything up to a pending NEW (a reinstall under way is not lost), then `last`; without one `otherwise`. */
static bool keep_reinstall(struct sedge_lc *lc, enum sedge_lc_goal last, const enum sedge_lc_goal *otherwise, int n)
{
    enum sedge_lc_goal goals[SEDGE_LC_GOALS_MAX];
    int at = find_goal(lc, SEDGE_LC_GOAL_NEW);

    if (at < 0 || at + 2 > SEDGE_LC_GOALS_MAX) return set_goals(lc, otherwise, n);
    memcpy(goals, lc->goals, (size_t)(at + 1) * sizeof(goals[0]));
    goals[at + 1] = last;
    return set_goals(lc, goals, at + 2);
}

bool sedge_lc_want_start(struct sedge_lc *lc)
{
    enum sedge_lc_goal goals[SEDGE_LC_GOALS_MAX];
    int n = lc->ngoals;

    if (lc->closed) return false;
    if (n > 0 && lc->goals[n - 1] == SEDGE_LC_GOAL_RUNNING) return false;
    memcpy(goals, lc->goals, sizeof(goals));
    if (n > 0 && (lc->goals[n - 1] == SEDGE_LC_GOAL_FINISHED || n == SEDGE_LC_GOALS_MAX)) n--;
    goals[n] = SEDGE_LC_GOAL_RUNNING;
    return set_goals(lc, goals, n + 1);
}

bool sedge_lc_want_stop(struct sedge_lc *lc)
{
    static const enum sedge_lc_goal stop[] = {SEDGE_LC_GOAL_FINISHED};

    if (lc->closed) return false;
    return keep_reinstall(lc, SEDGE_LC_GOAL_FINISHED, stop, 1);
}

bool sedge_lc_want_reinstall(struct sedge_lc *lc)
{
    static const enum sedge_lc_goal reinstall[] = {SEDGE_LC_GOAL_NEW, SEDGE_LC_GOAL_RUNNING};

    if (lc->closed) return false;
    return set_goals(lc, reinstall, 2);
}

bool sedge_lc_want_uninstall(struct sedge_lc *lc)
{
    static const enum sedge_lc_goal goals[] = {SEDGE_LC_GOAL_FINISHED, SEDGE_LC_GOAL_UNINSTALLED};

    if (lc->closed) return false;
    if (lc->state == SEDGE_LC_BROKEN) return set_goals(lc, goals + 1, 1);
    return set_goals(lc, goals, 2);
}

int sedge_lc_want_restart(struct sedge_lc *lc)
{
    static const enum sedge_lc_goal restart[] = {SEDGE_LC_GOAL_INSTALLED, SEDGE_LC_GOAL_RUNNING};

    if (lc->closed || (lc->ngoals == 0 && lc->state == SEDGE_LC_NEW)) return -1;
    return keep_reinstall(lc, SEDGE_LC_GOAL_RUNNING, restart, 2);
}

void sedge_lc_close(struct sedge_lc *lc, bool uninstall)
{
    static const enum sedge_lc_goal goals[] = {SEDGE_LC_GOAL_FINISHED, SEDGE_LC_GOAL_UNINSTALLED};

    lc->uninstall = lc->uninstall || uninstall;
    lc->closed = true;
    if (lc->uninstall && lc->state == SEDGE_LC_BROKEN)
        (void)set_goals(lc, goals + 1, 1);
    else
        (void)set_goals(lc, goals, lc->uninstall ? 2 : 1);
}

void sedge_lc_force(struct sedge_lc *lc)
{
    lc->from = lc->state;
    lc->state = lc->uninstall ? SEDGE_LC_UNINSTALLED : SEDGE_LC_FINISHED;
    lc->ngoals = 0;
    lc->closed = true;
    lc->busy = false;
    lc->done = true;
}

bool sedge_lc_is_settled(const struct sedge_lc *lc)
{
    if (!lc->closed || lc->busy) return false;
    if (lc->uninstall) return lc->state == SEDGE_LC_UNINSTALLED || lc->state == SEDGE_LC_STATELESS;
    return lc->state == SEDGE_LC_FINISHED || lc->state == SEDGE_LC_UNINSTALLED || lc->state == SEDGE_LC_STATELESS ||
           (lc->state == SEDGE_LC_BROKEN && lc->done);
}

static enum sedge_lc_goal goal_of(enum sedge_lc_state state)
{
    static const enum sedge_lc_goal of[SEDGE_LC_NSTATES] = {
        [SEDGE_LC_NEW] = SEDGE_LC_GOAL_NEW,
        [SEDGE_LC_INSTALLED] = SEDGE_LC_GOAL_INSTALLED,
        [SEDGE_LC_RUNNING] = SEDGE_LC_GOAL_RUNNING,
        [SEDGE_LC_FINISHED] = SEDGE_LC_GOAL_FINISHED,
        [SEDGE_LC_UNINSTALLED] = SEDGE_LC_GOAL_UNINSTALLED,
    };
    return of[state];
}

static void strip_goals(struct sedge_lc *lc)
{
    while (lc->ngoals > 0 && lc->goals[0] == goal_of(lc->state)) {
        lc->ngoals--;
        memmove(lc->goals, lc->goals + 1, (size_t)lc->ngoals * sizeof(lc->goals[0]));
    }
}

static enum sedge_lc_goal first_goal(const struct sedge_lc *lc)
{
    return lc->ngoals > 0 ? lc->goals[0] : SEDGE_LC_GOAL_NONE;
}

/* ---- moving ---- */

static struct sedge_lc_history *history_of(struct sedge_lc *lc, enum sedge_lc_state state)
{
    if (state == SEDGE_LC_NEW) return &lc->history[0];
    if (state == SEDGE_LC_STARTING) return &lc->history[1];
    if (state == SEDGE_LC_RUNNING) return &lc->history[2];
    return NULL;
}

/* On the way from an error to the next attempt its code stays; with a back-off also while the component pauses. */
static bool is_handling_error(const struct sedge_lc *lc, enum sedge_lc_state to)
{
    if (lc->state == SEDGE_LC_ERRORED) return to == SEDGE_LC_STOPPING || to == SEDGE_LC_NEW;
    return lc->state == SEDGE_LC_STOPPING && to == SEDGE_LC_INSTALLED && lc->backoff.on && lc->failures > 0;
}

/* The one setter of the state. */
static void move(struct sedge_lc *lc, enum sedge_lc_state to, enum sedge_status_code code)
{
    bool handling_error = is_handling_error(lc, to);
    bool is_error = to == SEDGE_LC_ERRORED || to == SEDGE_LC_BROKEN;
    struct sedge_lc_history *h = history_of(lc, lc->state);

    if (h && !is_error) h->count = 0;
    if (!handling_error) lc->code = code;
    lc->from = lc->state;
    lc->state = to;
    lc->busy = false;
    lc->done = false;
    lc->refused = false;
}

/* Counts an error; whether it was one too many. Errors while stopping do not count. */
static bool is_last_straw(struct sedge_lc *lc, int64_t now_ms)
{
    struct sedge_lc_history *h = history_of(lc, lc->state);

    if (!h) return false;
    if (h->count > 0 && now_ms - h->last_ms >= lc->error_reset_ms) h->count = 0;
    h->count++;
    h->last_ms = now_ms;
    if (!lc->backoff.on) return h->count >= SEDGE_LC_ERRORS_TO_BROKEN;
    lc->failures =
        sedge_backoff_count(&lc->backoff, lc->failures, lc->state == SEDGE_LC_RUNNING ? now_ms - lc->up_ms : 0);
    return sedge_backoff_gives_up(&lc->backoff, lc->failures);
}

static void fail(struct sedge_lc *lc, int64_t now_ms, enum sedge_status_code code)
{
    move(lc, is_last_straw(lc, now_ms) ? SEDGE_LC_BROKEN : SEDGE_LC_ERRORED, code);
}

void sedge_lc_forgive(struct sedge_lc *lc)
{
    lc->failures = 0;
}

/* The step that a state runs on entry, before any goal counts. */
static enum sedge_lc_act entry_step(const struct sedge_lc *lc)
{
    if (lc->done) return SEDGE_LC_NONE;
    switch (lc->state) {
    case SEDGE_LC_STOPPING:
        return SEDGE_LC_SHUTDOWN;
    case SEDGE_LC_ERRORED:
        return SEDGE_LC_RECOVER;
    case SEDGE_LC_UNINSTALLING:
        return SEDGE_LC_UNINSTALL;
    case SEDGE_LC_BROKEN:
        return lc->from == SEDGE_LC_STARTING || lc->from == SEDGE_LC_RUNNING ? SEDGE_LC_SHUTDOWN : SEDGE_LC_NONE;
    case SEDGE_LC_STATELESS:
    case SEDGE_LC_NEW:
    case SEDGE_LC_INSTALLED:
    case SEDGE_LC_STARTING:
    case SEDGE_LC_RUNNING:
    case SEDGE_LC_FINISHED:
    case SEDGE_LC_UNINSTALLED:
    case SEDGE_LC_NSTATES:
        break;
    }
    return SEDGE_LC_NONE;
}

static enum sedge_lc_act go(struct sedge_lc *lc, enum sedge_lc_state to)
{
    move(lc, to, SEDGE_STATUS_NONE);
    return SEDGE_LC_MOVED;
}

static enum sedge_lc_act begin(struct sedge_lc *lc, enum sedge_lc_act step)
{
    lc->busy = true;
    return step;
}

static enum sedge_lc_act after_error(struct sedge_lc *lc)
{
    if (lc->from == SEDGE_LC_STARTING || lc->from == SEDGE_LC_RUNNING) return go(lc, SEDGE_LC_STOPPING);
    if (lc->from == SEDGE_LC_NEW && !lc->closed) return go(lc, SEDGE_LC_NEW);
    return go(lc, decide[SEDGE_LC_ERRORED][first_goal(lc)].to);
}

static enum sedge_lc_act leave_broken(struct sedge_lc *lc, enum sedge_lc_state to)
{
    memset(lc->history, 0, sizeof(lc->history));
    sedge_lc_forgive(lc);
    return go(lc, to);
}

static enum sedge_lc_act refuse(struct sedge_lc *lc)
{
    if (find_goal(lc, SEDGE_LC_GOAL_UNINSTALLED) >= 0) return go(lc, SEDGE_LC_UNINSTALLING); /* broke on its way out */
    if (lc->refused) return SEDGE_LC_NONE;
    lc->refused = true;
    return SEDGE_LC_REFUSED;
}

static enum sedge_lc_act apply(struct sedge_lc *lc, const struct decide_cell *cell,
                               const struct sedge_lc_conditions *conditions)
{
    switch (cell->what) {
    case D_STAY:
        return SEDGE_LC_NONE;
    case D_GO:
        return go(lc, cell->to);
    case D_INSTALL:
        if (lc->closed) return go(lc, SEDGE_LC_FINISHED); /* never ran: nothing to stop */
        return conditions->updating || conditions->pausing ? SEDGE_LC_WAIT : begin(lc, SEDGE_LC_INSTALL);
    case D_GATE:
        if (conditions->updating || conditions->pausing || !conditions->deps_ready) return SEDGE_LC_WAIT;
        return go(lc, cell->to);
    case D_LAUNCH:
        return conditions->deps_ready ? begin(lc, SEDGE_LC_LAUNCH) : go(lc, SEDGE_LC_INSTALLED);
    case D_LEAVE_BROKEN:
        return leave_broken(lc, cell->to);
    case D_REFUSE:
        return refuse(lc);
    case D_BUG:
        break;
    }
    return SEDGE_LC_BUG;
}

enum sedge_lc_act sedge_lc_turn(struct sedge_lc *lc, const struct sedge_lc_conditions *conditions)
{
    enum sedge_lc_act step;
    enum sedge_lc_goal goal;

    strip_goals(lc);
    goal = first_goal(lc);
    if (lc->busy) { /* only a component that starts up lets itself be interrupted */
        if (lc->state != SEDGE_LC_STARTING || goal == SEDGE_LC_GOAL_RUNNING || goal == SEDGE_LC_GOAL_NONE)
            return SEDGE_LC_NONE;
        return go(lc, SEDGE_LC_STOPPING);
    }
    step = entry_step(lc);
    if (step != SEDGE_LC_NONE) return begin(lc, step);
    lc->done = true;
    if (lc->state == SEDGE_LC_ERRORED) {
        if (lc->ngoals == 0) (void)sedge_lc_want_start(lc);
        return after_error(lc);
    }
    return apply(lc, &decide[lc->state][goal], conditions);
}

bool sedge_lc_event(struct sedge_lc *lc, enum sedge_lc_event event, int64_t now_ms, enum sedge_status_code code)
{
    const struct react_cell *cell = &react[lc->state][event];

    if (code == SEDGE_STATUS_NONE) code = cell->code;
    switch (cell->what) {
    case R_DROP:
        return false;
    case R_MOVE:
        move(lc, cell->to, code);
        if (lc->state == SEDGE_LC_RUNNING) lc->up_ms = now_ms;
        return true;
    case R_READY:
        lc->busy = false;
        lc->done = true;
        return false;
    case R_ERROR:
        fail(lc, now_ms, code);
        return true;
    case R_STOP: /* it did what it had to do */
        sedge_lc_forgive(lc);
        (void)sedge_lc_want_stop(lc);
        move(lc, cell->to, SEDGE_STATUS_NONE);
        return true;
    case R_BUG:
        break;
    }
    sedge_bug(__FILE__, __LINE__, "lifecycle: a cell of the table is empty");
}

bool sedge_lc_may_report(const struct sedge_lc *lc, enum sedge_lc_state reported)
{
    if (reported == SEDGE_LC_RUNNING) return lc->state == SEDGE_LC_STARTING;
    if (reported != SEDGE_LC_ERRORED) return false;
    return lc->state == SEDGE_LC_NEW || lc->state == SEDGE_LC_STARTING || lc->state == SEDGE_LC_RUNNING ||
           lc->state == SEDGE_LC_STOPPING;
}
