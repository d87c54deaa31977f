/*
 * service - inside of the supervisor: one component, its steps and its processes. Nobody outside includes this.
 *
 * service.c is its memory and its state, drive.c turns the state machine, kill.c ends its processes, group.c limits and
 * freezes them, failure.c keeps what a crash leaves behind, step.c runs a step (work item, process, output), care.c has
 * what is beyond the original (pauses, watchdog), supervisor.c holds all of them (birth.c, request.c and look.c are its
 * outer sides).
 */
#ifndef SEDGE_SUPERVISOR_SERVICE_H
#define SEDGE_SUPERVISOR_SERVICE_H

#include "base/cgroup.h"
#include "lifecycle.h"
#include "output.h"
#include "periodic.h"
#include "prepare.h"
#include "process.h"
#include "supervisor.h"
#include "timer.h"

#define SERVICE_TOKEN_LEN 32 /* 128 bits as hexadecimal digits */

enum step_kind {
    STEP_BOOTSTRAP,
    STEP_INSTALL,
    STEP_STARTUP,
    STEP_RUN,
    STEP_SHUTDOWN,
    STEP_RECOVER,
    STEP_UNINSTALL,
    NSTEPS
};

enum step_outcome {
    STEP_NOTHING,    /* absent, empty or skipped */
    STEP_BAD_CONFIG, /* the recipe's step makes no sense */
    STEP_BAD_IO,     /* it could not be set up or launched */
    STEP_NO_USER,
    STEP_LAUNCHED, /* and more will come */
    STEP_EXITED
};

struct step_result {
    enum step_kind kind;
    enum step_outcome outcome;
    struct sedge_process_exit exit;
    struct sedge_err err; /* for the three failures */
    bool out_of_memory;   /* it ended after the kernel had killed for its memory limit */
};

enum service_pause { SERVICE_NOT_PAUSED, SERVICE_FREEZING, SERVICE_PAUSED, SERVICE_THAWING };

#define STEP_EXIT_NO_ACCOUNT 1 /* as if the script had: there is nobody to run it as */

struct service;
struct pause_waiter;

struct script { /* a process of a service, running or being killed */
    struct script *next;
    struct service *s;
    struct sedge_process *process;
    struct sedge_output_source *source;
    enum step_kind kind;
    unsigned gen;
    struct sedge_err *launch; /* why it could not be executed; NULL: it could */
    bool doomed;              /* has been told to end */
    char token[SERVICE_TOKEN_LEN + 1];
};

struct failure { /* the way into ERRORED or BROKEN */
    char *version, *reason;
    enum sedge_status_code code;
    int64_t wall_ms;
    struct sedge_last_exit exit; /* known: it was a script's end */
    struct sedge_strv lines;     /* of that script, up to then */
};

struct service {
    struct sedge_supervisor *sup;
    struct service *next; /* in dependency order; what is added comes last until the end of the update */
    char *name;
    char *version;
    struct json_object *lifecycle;
    struct json_object *setenv;
    struct sedge_service_dep *deps; /* names in dep_names */
    size_t ndeps;
    struct sedge_strv dep_names;
    char *run_user;
    char *fixed_user; /* as which all scripts run until the shutdown; NULL: to be read from the configuration */
    char *owned;      /* "version user" that the files have been given to */
    struct sedge_limits limits;
    bool has_limits;

    struct sedge_lc lc;
    bool builtin;
    bool dirty;     /* a turn is due */
    bool closing;   /* to be closed as soon as no dependent needs it */
    bool uninstall; /* on closing */
    bool removing;  /* forget it when settled */
    bool detached;  /* of a bootstrap: not in the table */
    bool closed;
    int refs; /* timers, work items, scripts; the memory goes with the last one */
    sedge_supervisor_done removed;
    void *removed_arg;
    sedge_bootstrap_done bootstrapped;
    void *bootstrap_arg;
    bool bootstrap_over; /* has its result; its processes are being ended */
    int bootstrap_code;
    struct sedge_err *bootstrap_err; /* NULL: none. Errors are large, and most components never have one */

    char token[SERVICE_TOKEN_LEN + 1];
    struct sedge_output *output;
    struct script *scripts;
    unsigned gen;              /* of the step under way: what comes from an older one is only noted */
    struct sedge_timer timer;  /* the step's time */
    struct sedge_timer killer; /* TERM, then KILL */
    struct sedge_timer last;   /* closed: the table's reference goes */
    int kill_round;
    bool forced; /* no grace: KILL at once */
    void (*after_kill)(struct service *s);
    enum step_kind main_kind;          /* startup or run, of this launch */
    struct json_object *old_lifecycle; /* whose shutdown step belongs to what runs now; NULL: the current one */
    char *old_version, *old_user;
    struct sedge_last_exit last_exit;
    unsigned last_exit_gen;
    struct failure *failure; /* the last one; NULL: none */
    char *user;
    char *reason;
    bool limited;             /* limits were set in its control group */
    struct sedge_strv warned; /* what has been said once */
    int64_t oom_kills;        /* known of its control group */
    enum service_pause pause;
    struct pause_waiter *pause_waiters;
    struct sedge_timer freezer; /* looks whether it is frozen or thawed */
    int64_t pause_until;        /* of the try under way, sedge_mono_ms() */
    int looks, thaw_tries;
    struct sedge_err *thaw_err;             /* of the try under way; NULL: none */
    bool gathering, limits_due, freeze_due; /* work items of group.c */
    int64_t since, broken_since;
    int mark; /* for the topological order */

    struct sedge_extension extension;
    struct sedge_periodic periodic;
    char *complaints;                          /* about these settings, said already */
    struct sedge_timer alarm;                  /* end of a pause, watchdog, or periodic start: as the state is */
    int64_t retry_at;                          /* monotonic; 0: no pause */
    int64_t errors[SEDGE_LC_ERRORS_TO_BROKEN]; /* with a back-off: when they were, newest first; 0: none */
    char *shown_reason;
    int64_t alive;      /* the last sign of life */
    bool suspect;       /* the time for one is over: one last look */
    bool stopped;       /* somebody wants it stopped: no periodic start */
    bool awaits_report; /* this launch is RUNNING only when the component says so */
    int64_t run_until;  /* monotonic: end of the run step's time, while it awaits the report; 0: none */
};

struct pending_event {
    char *name;
    enum sedge_lc_state old_state, state;
    enum sedge_status_code code;
    char *reason;
};

struct sedge_supervisor {
    uv_loop_t *loop;
    struct sedge_supervisor_ops ops;
    void *env;
    char *root, *exec_path, *default_user, *shell, *logs;
    struct sedge_limits default_limits;
    struct sedge_log_settings log;
    struct sedge_cgroups *cgroups;
    bool is_root;
    struct sedge_strv base_env; /* of the nucleus, without its secrets */
    char *search_path, *home;
    struct sedge_process_reader *reader;
    struct service *services;
    struct service *detached; /* bootstraps */
    uv_idle_t idle;           /* runs while something is due */
    uv_timer_t deadline;      /* of stop_all */
    int nopen;
    struct pending_event *events;
    size_t nevents;
    int updates;   /* begin_update without its end */
    bool sweeping; /* leftovers of a previous life are being killed */
    int refs;      /* work items of our own */
    bool stopping, freeing, closed;
    sedge_supervisor_done stopped;
    void *stopped_arg;
    void (*freed)(void *arg);
    void *freed_arg;
};

/* supervisor.c */
/* With NOT_FOUND; and with DENIED for a part of the nucleus. */
struct service *supervisor_find(struct sedge_supervisor *sup, const char *name, struct sedge_err *err);
struct service *supervisor_find_generic(struct sedge_supervisor *sup, const char *name, struct sedge_err *err);
bool service_has_lost_dependency(const struct service *s);
bool service_is_active(const struct service *s); /* STARTING or RUNNING */
void service_unlink(struct service **list, struct service *s);
struct service *service_find(struct sedge_supervisor *sup, const char *name);
void supervisor_wake(struct sedge_supervisor *sup);
/* A service's state changed: queues the event, wakes its dependents and dependencies. */
void supervisor_moved(struct service *s, enum sedge_lc_state old);
bool service_deps_ready(const struct service *s);
/* birth.c */
void supervisor_unref(struct sedge_supervisor *sup);
void supervisor_check_freed(struct sedge_supervisor *sup);

/* service.c */
struct service *service_new(struct sedge_supervisor *sup, const struct sedge_service_spec *spec);
void service_assign(struct service *s, const struct sedge_service_spec *spec);
/* For each launch another one: what an earlier launch was given ends with it. */
void service_new_token(struct service *s);
void service_dirty(struct service *s);
void service_event(struct service *s, enum sedge_lc_event event, enum sedge_status_code code);
/* The same; `detail` (may be NULL) is added to the text of the code. */
void service_event_detail(struct service *s, enum sedge_lc_event event, enum sedge_status_code code,
                          const char *detail);
/* The same; `reason` (may be NULL) takes the place of the text of the code. */
void service_event_reason(struct service *s, enum sedge_lc_event event, enum sedge_status_code code,
                          const char *reason);
/* The machine is in another state than `old`: what goes with every change. */
void service_moved(struct service *s, enum sedge_lc_state old);
/* Closes timers; the memory goes when nothing refers to it any more. */
void service_close(struct service *s);
/* Starts one of its timers; not once it is closed. */
void service_time(struct service *s, struct sedge_timer *t, void (*fn)(void *service), uint64_t ms);
void service_unref(struct service *s);
/* Replaces *at by a copy of the error, by NULL for SEDGE_OK. */
void service_keep_error(struct sedge_err **at, const struct sedge_err *err);
void service_note(struct service *s, enum sedge_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
struct sedge_limits service_limits(const struct service *s);
void service_remove_groups(struct service *s);
/* Warns with `text`, once for each text. */
void service_warn_once(struct service *s, const char *text);
void service_warn_limits(struct service *s, const char *why);

/* drive.c */
/* Turns the machine until it rests. */
void service_turn(struct service *s);
/* For a detached service: runs its bootstrap step; the result goes to `bootstrapped` when no process is left. */
void service_begin_bootstrap(struct service *s);
/* Ends it before its time, with CANCELED; `now`: without grace. */
void service_abort_bootstrap(struct service *s, bool now);
void service_on_step(struct service *s, const struct step_result *r);
/* The state changed: the step's time is over, or another one begins. */
void service_retime(struct service *s);
/* The shutdown step of this lifecycle belongs to what is launched now: a later version must not stop it by its own. */
void service_remember_shutdown(struct service *s, struct json_object *lifecycle, const char *version, const char *user);
void service_forget_shutdown(struct service *s);

/* care.c */
/* Takes the settings of s->lifecycle; they count at once. */
void care_configure(struct service *s, struct json_object *periodic);
void care_moved(struct service *s);
/* An error was counted: the pause begins. */
void care_failed(struct service *s);
/* A person or a deployment took care of it: errors are forgotten, the pause is over. */
void care_forgive(struct service *s);
/* What is left of the pause that keeps it from being installed or started; 0: nothing. */
int64_t care_pause_ms(const struct service *s);
void care_wait(struct service *s); /* wakes it when the pause is over */
/* A sign of life. Whether anybody waits for one. */
bool care_alive(struct service *s);
/* As people should see it; valid until the next call. */
const char *care_reason(struct service *s);

/* kill.c */
/* TERM to all its processes, KILL after the grace; then `after` (once; at once when there is none). */
void service_kill(struct service *s, void (*after)(struct service *s));
/* KILL now; no shutdown step, no waiting. */
void service_force(struct service *s);
void service_script_gone(struct service *s);

/* group.c */
/* Its limits have changed: they reach every process that it has. */
void service_apply_limits(struct service *s);
/* It stops: thaws it if need be, and answers those who wait for a pause or resume. */
void service_end_pause(struct service *s);

/* failure.c */
/* The state has changed: keeps what a failure leaves behind. */
void failure_note(struct service *s, enum sedge_lc_state old);
void failure_forget(struct service *s);

/* step.c */
const char *step_name(enum step_kind kind);
/* Starts the step under a new generation; results come through service_on_step, for NOTHING and BAD_CONFIG at once.
 * Returns the step's timeout in seconds (SEDGE_STEP_NO_TIMEOUT for none). */
int64_t step_begin(struct service *s, enum step_kind kind);
/* The next script looks anew as whom it runs. */
void step_forget_user(struct service *s);
/* What is under way no longer counts. */
void step_cancel(struct service *s);

/* sweep.c: kills what a previous life of this nucleus has left; blocks. */
void sweep_leftovers(const char *root, struct sedge_cgroups *cgroups);
/* Kills what a script has left whose sedge-exec was killed: what was started with its token, or is in the component's
 * control group. Blocks. */
void sweep_script(const char *token, const char *component, struct sedge_cgroups *cgroups);
#define SWEEP_VARIABLE "SEDGE_SUPERVISED_BY"

/* depend.c: services in dependency order, dependencies first. */
struct service **depend_order(struct sedge_supervisor *sup, size_t *n);
/* Puts the table itself into that order, in which components have their turns. */
void depend_sort(struct sedge_supervisor *sup, bool backwards);

#endif
