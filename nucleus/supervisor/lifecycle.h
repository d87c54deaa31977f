/*
 * lifecycle - the state machine of a component, as tables. Pure: no loop, clock, process or allocation.
 *
 *   struct sedge_lc lc;
 *   sedge_lc_init(&lc);
 *   sedge_lc_want_start(&lc);                           // requests change the list of goals
 *   while ((act = sedge_lc_turn(&lc, &conditions)) == SEDGE_LC_MOVED) { ...tell the world: lc.state changed... }
 *   ...do what `act` says (run a step, wait); when it ends or something happens:
 *   sedge_lc_event(&lc, SEDGE_LC_EV_DONE, now_ms, code) // may move the state; then turn again
 *
 * What a component should be (`goals`) is apart from what it is (`state`); each turn re-reads the goals. A step that an
 * action starts runs once for each entry to a state: turn returns SEDGE_LC_NONE while `busy`.
 *
 * Two tables hold the rules of the lifecycle: decide[state][goal] for a state whose work is done, and
 * react[state][event] for what happens meanwhile. Zero in a cell means that nobody wrote it.
 */
#ifndef SEDGE_SUPERVISOR_LIFECYCLE_H
#define SEDGE_SUPERVISOR_LIFECYCLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backoff.h"

/* sym, name on the wire (only eight states exist there), whether dependencies of a component in it may stop */
#define SEDGE_LC_STATES(X)                                                                                             \
    X(STATELESS, "FINISHED", true)                                                                                     \
    X(NEW, "NEW", true)                                                                                                \
    X(INSTALLED, "INSTALLED", false)                                                                                   \
    X(STARTING, "STARTING", false)                                                                                     \
    X(RUNNING, "RUNNING", false)                                                                                       \
    X(STOPPING, "STOPPING", false)                                                                                     \
    X(ERRORED, "ERRORED", true)                                                                                        \
    X(BROKEN, "BROKEN", true)                                                                                          \
    X(FINISHED, "FINISHED", true)                                                                                      \
    X(UNINSTALLING, "STOPPING", false)                                                                                 \
    X(UNINSTALLED, "FINISHED", true)

enum sedge_lc_state {
#define X(sym, wire, closable) SEDGE_LC_##sym,
    SEDGE_LC_STATES(X)
#undef X
        SEDGE_LC_NSTATES
};

enum sedge_lc_goal {
    SEDGE_LC_GOAL_NONE,
    SEDGE_LC_GOAL_NEW,
    SEDGE_LC_GOAL_INSTALLED,
    SEDGE_LC_GOAL_RUNNING,
    SEDGE_LC_GOAL_FINISHED,
    SEDGE_LC_GOAL_UNINSTALLED,
    SEDGE_LC_NGOALS
};

#define SEDGE_LC_EVENTS(X)                                                                                             \
    X(DONE)          /* the step of this state ended well, was skipped or absent */                                    \
    X(FAILED)        /* it could not be launched or ended badly */                                                     \
    X(EXPIRED)       /* it did not end in time */                                                                      \
    X(EMPTY)         /* STARTING: neither startup nor run to execute */                                                \
    X(UP)            /* the run script was launched, or the component reported RUNNING */                              \
    X(STARTUP_ENDED) /* the startup script exited with 0 */                                                            \
    X(RUN_ENDED)     /* the run script exited with 0 */                                                                \
    X(DIED)          /* startup or run exited otherwise */                                                             \
    X(REPORT_ERROR)  /* the component reported ERRORED */

enum sedge_lc_event {
#define X(sym) SEDGE_LC_EV_##sym,
    SEDGE_LC_EVENTS(X)
#undef X
        SEDGE_LC_NEVENTS
};

/* What the driver has to do next. */
enum sedge_lc_act {
    SEDGE_LC_BUG = 0,
    SEDGE_LC_NONE,    /* nothing until the next request or event */
    SEDGE_LC_MOVED,   /* the state changed: announce it, then turn again */
    SEDGE_LC_WAIT,    /* a condition is missing (configuration update, dependency, pause): turn again when it changes */
    SEDGE_LC_REFUSED, /* BROKEN and another goal than leaving it: say that a deployment is needed */
    SEDGE_LC_INSTALL, /* run this step, then DONE, FAILED or EXPIRED */
    SEDGE_LC_LAUNCH,  /* startup or run: EMPTY, UP, FAILED, EXPIRED; later STARTUP_ENDED, RUN_ENDED, DIED */
    SEDGE_LC_SHUTDOWN,  /* shutdown step, then kill all processes: DONE, FAILED, EXPIRED */
    SEDGE_LC_RECOVER,   /* DONE in any case */
    SEDGE_LC_UNINSTALL, /* DONE in any case */
    SEDGE_LC_NACTS
};

/* code, name, the sentence for people */
#define SEDGE_STATUS_CODES(X)                                                                                          \
    X(NONE, "")                                                                                                        \
    X(INSTALL_ERROR, "The install script exited with an error.")                                                       \
    X(INSTALL_CONFIG_NOT_VALID, "The install step of the recipe is not valid: see the component's log.")               \
    X(INSTALL_IO_ERROR, "The install script could not be set up: see the component's log.")                            \
    X(INSTALL_MISSING_DEFAULT_RUNWITH,                                                                                 \
      "No user to run the install script: set runWithDefault.posixUser of the nucleus or runWith.posixUser.")          \
    X(INSTALL_TIMEOUT, "The install script did not end within its timeout.")                                           \
    X(STARTUP_ERROR, "The startup script exited with an error.")                                                       \
    X(STARTUP_CONFIG_NOT_VALID, "The startup step of the recipe is not valid: see the component's log.")               \
    X(STARTUP_IO_ERROR, "The startup script could not be set up: see the component's log.")                            \
    X(STARTUP_MISSING_DEFAULT_RUNWITH,                                                                                 \
      "No user to run the startup script: set runWithDefault.posixUser of the nucleus or runWith.posixUser.")          \
    X(STARTUP_TIMEOUT, "The startup script did not end or report RUNNING within its timeout.")                         \
    X(RUN_ERROR, "The run script exited with an error.")                                                               \
    X(RUN_MISSING_DEFAULT_RUNWITH,                                                                                     \
      "No user to run the run script: set runWithDefault.posixUser of the nucleus or runWith.posixUser.")              \
    X(RUN_CONFIG_NOT_VALID, "The run step of the recipe is not valid: see the component's log.")                       \
    X(RUN_IO_ERROR, "The run script could not be set up: see the component's log.")                                    \
    X(RUN_TIMEOUT, "The run script did not end within its timeout.")                                                   \
    X(SHUTDOWN_ERROR, "The component failed while it was stopping.")                                                   \
    X(SHUTDOWN_TIMEOUT, "The shutdown did not end within its timeout.")                                                \
    X(UNINSTALL_ERROR, "The uninstall script exited with an error.")                                                   \
    X(UNINSTALL_TIMEOUT, "The uninstall script did not end within its timeout.")

enum sedge_status_code {
#define X(sym, text) SEDGE_STATUS_##sym,
    SEDGE_STATUS_CODES(X)
#undef X
        SEDGE_STATUS_COUNT
};

#define SEDGE_LC_GOALS_MAX           4
#define SEDGE_LC_ERRORS_TO_BROKEN    3
#define SEDGE_LC_ERROR_RESET_DEFAULT 3600 /* s */

struct sedge_lc_history { /* errors reported while in one state */
    int count;
    int64_t last_ms;
};

struct sedge_lc {
    enum sedge_lc_state state;
    enum sedge_lc_state from; /* the state before this one */
    enum sedge_lc_goal goals[SEDGE_LC_GOALS_MAX];
    int ngoals;
    bool busy;      /* the step of this state is under way */
    bool done;      /* the step of this state has ended */
    bool closed;    /* nucleus ends, or the component is being removed: every way leads to FINISHED */
    bool uninstall; /* and on to UNINSTALLED */
    bool refused;   /* BROKEN: has said so for these goals */
    enum sedge_status_code code;
    int64_t error_reset_ms;
    struct sedge_lc_history history[3];    /* NEW, STARTING, RUNNING */
    struct sedge_backoff_settings backoff; /* when on: errors are counted by it, and not by the histories */
    int failures;                          /* errors in a row by that count */
    int64_t up_ms;                         /* when it became RUNNING */
};

struct sedge_lc_conditions {
    bool updating;   /* a deployment is writing configuration */
    bool deps_ready; /* all HARD dependencies are ready */
    bool pausing;    /* after an error: the time of the back-off is not over */
};

void sedge_lc_init(struct sedge_lc *lc); /* NEW, no goals */

/* Requests. Each returns whether the list of goals changed. */
bool sedge_lc_want_start(struct sedge_lc *lc);
bool sedge_lc_want_stop(struct sedge_lc *lc);
bool sedge_lc_want_reinstall(struct sedge_lc *lc);
bool sedge_lc_want_uninstall(struct sedge_lc *lc);
/* The nucleus ends or the component is removed: stops, with `uninstall` goes on to UNINSTALLED, and takes no further
 * requests. */
void sedge_lc_close(struct sedge_lc *lc, bool uninstall);
/* Its processes have been killed without asking: closed and FINISHED. */
void sedge_lc_force(struct sedge_lc *lc);
/* Closed, and arrived where closing leads. */
bool sedge_lc_is_settled(const struct sedge_lc *lc);
/* -1: refused, because the component is being closed or has never been asked to start. Otherwise as above. */
int sedge_lc_want_restart(struct sedge_lc *lc);

/* Somebody took care of it: errors up to now count no longer for the back-off. */
void sedge_lc_forgive(struct sedge_lc *lc);

/* What to do now. After INSTALL, LAUNCH, SHUTDOWN, RECOVER or UNINSTALL the machine is busy. */
enum sedge_lc_act sedge_lc_turn(struct sedge_lc *lc, const struct sedge_lc_conditions *conditions);
/* Something happened. `code` tells what kind of error; NONE takes the default of the state. Returns whether the state
 * changed (announce it). Events that mean nothing in the state are dropped. */
bool sedge_lc_event(struct sedge_lc *lc, enum sedge_lc_event event, int64_t now_ms, enum sedge_status_code code);
/* Whether UpdateState(RUNNING or ERRORED) is acceptable now. */
bool sedge_lc_may_report(const struct sedge_lc *lc, enum sedge_lc_state reported);

/* Whether a HARD dependent may run while this component is in `state` with `code`. */
bool sedge_lc_is_ready(enum sedge_lc_state state, enum sedge_status_code code);
bool sedge_lc_is_closable(enum sedge_lc_state state);
const char *sedge_lc_name(enum sedge_lc_state state); /* "UNINSTALLING" */
const char *sedge_lc_wire(enum sedge_lc_state state); /* one of the eight public names */
/* Public name to state; -1 when it is none of the eight. */
int sedge_lc_from_wire(const char *name, enum sedge_lc_state *out);
const char *sedge_status_name(enum sedge_status_code code);
const char *sedge_status_text(enum sedge_status_code code);

#endif
