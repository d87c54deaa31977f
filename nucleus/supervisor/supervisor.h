/*
 * supervisor - runs the components: lifecycle, dependencies, processes, logs.
 *
 *   struct sedge_supervisor *sup = sedge_supervisor_new(loop, &options, &ops, env, &err);
 *   sedge_supervisor_add_builtin(sup, "aws.greengrass.Nucleus", "2.17.0", SEDGE_LC_FINISHED);
 *   sedge_supervisor_begin_update(sup);          // components in NEW and INSTALLED wait meanwhile
 *   sedge_supervisor_put(sup, &spec, &err);      // for each component: adds it, or reacts to what differs
 *   sedge_supervisor_end_update(sup);
 *   sedge_supervisor_start(sup, name);           // a new component does nothing before it is asked to
 *   ...
 *   sedge_supervisor_stop_all(sup, deadline_ms, done, arg);   // then, in or after done:
 *   sedge_supervisor_free(sup, freed, arg);
 *
 * Everything runs on the loop's thread. Nothing here blocks: files and name look-ups are work items. Callbacks (events,
 * done) run later, never from inside the call that caused them; each `done` runs exactly once. In a callback every
 * function may be called, except sedge_supervisor_free from `event`.
 *
 * Ownership: specifications are copied (JSON objects: a reference is kept, do not change them afterwards). Texts in
 * infos and events are borrowed until the callback returns or, from sedge_supervisor_get, until the next call here.
 *
 * Every script runs under sedge-exec, which stays as its parent: processes that a script leaves behind, daemons
 * included, stay below it and end with the component, or with the nucleus, however that dies.
 */
#ifndef SEDGE_SUPERVISOR_SUPERVISOR_H
#define SEDGE_SUPERVISOR_SUPERVISOR_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "base/err.h"
#include "base/log.h"
#include "base/str.h"
#include "lifecycle.h"

/* Limits (docs/limits.md) */
#define SEDGE_SCRIPT_MAX           ((size_t)128 * 1024) /* bytes of one script: the kernel's limit for one argument */
#define SEDGE_LOG_LINE_MAX         ((size_t)16 * 1024)  /* bytes of one output line; longer ones are cut into pieces */
#define SEDGE_LAST_LINES           20                   /* lines of output kept in memory for each component */
#define SEDGE_LAST_LINE_MAX        160                  /* bytes kept of each of them */
#define SEDGE_OUTPUT_BYTES_PER_SEC ((size_t)256 * 1024) /* of log for one component; more is dropped and counted */
#define SEDGE_OUTPUT_BURST         ((size_t)4 * 1024 * 1024)
#define SEDGE_KILL_GRACE_MS        5000
#define SEDGE_LIMIT_MEMORY_KB_MAX  ((int64_t)1 << 40) /* a larger limit counts as this one */
#define SEDGE_LIMIT_CPUS_MAX       4096
#define SEDGE_FREEZE_TIMEOUT_MS    5000 /* for all processes of a component to be frozen */

struct sedge_supervisor;

struct sedge_log_settings {
    enum sedge_level level;
    enum sedge_log_format format;
    bool console; /* outputType CONSOLE: to our stdout instead of files */
    int64_t file_size_kb;
    int64_t total_size_kb;
    const char *directory; /* NULL: <root>/logs */
};
#define SEDGE_LOG_SETTINGS_DEFAULT                                                                                     \
    ((struct sedge_log_settings){                                                                                      \
        .level = SEDGE_INFO, .format = SEDGE_LOG_TEXT, .file_size_kb = 1024, .total_size_kb = 10240})

struct sedge_limits { /* 0 or less: no limit */
    int64_t memory_kb;
    double cpus;
};

struct sedge_supervisor_options {
    const char *root;
    const char *exec_path;    /* sedge-exec, absolute */
    const char *default_user; /* runWithDefault.posixUser, "user[:group]"; NULL or "": none */
    const char *shell;        /* runWithDefault.posixShell; NULL: sh */
    const char *cgroup_name;  /* group above ours; NULL: "greengrass-<digest of root>", so that two nuclei on a machine
                                 never share a group */
    struct sedge_limits default_limits;
    struct sedge_log_settings log; /* start from SEDGE_LOG_SETTINGS_DEFAULT */
};

struct sedge_last_exit {
    bool known;
    const char *step; /* "run" */
    int code;         /* exit code, or -1 when a signal ended it */
    int signal;       /* 0, or the signal */
    bool core;        /* a core was dumped */
    bool killed;      /* the nucleus had told it to end */
    int64_t wall_ms;
};

struct sedge_service_failure { /* how a component last came to be ERRORED or BROKEN; borrowed like an info */
    const char *version;
    enum sedge_status_code code;
    const char *reason;          /* "" when code is NONE */
    struct sedge_last_exit exit; /* known: a script's end was the reason; otherwise a timeout, a report, no user ... */
    const struct sedge_strv *lines; /* the last ones of the script */
    int64_t wall_ms;
};

struct sedge_service_info {
    const char *name;
    const char *version;
    enum sedge_lc_state state;
    enum sedge_status_code code;
    const char *reason; /* "" when code is NONE */
    bool builtin;
    bool pending;              /* has an outstanding goal, or a step is under way; not while it pauses */
    int64_t pause_ms;          /* until the back-off lets it start again; 0: no pause */
    int64_t error_mono;        /* with a back-off: when it failed last; 0: never, or forgiven */
    int64_t third_error_mono;  /* when it failed SEDGE_LC_ERRORS_TO_BROKEN - 1 times before; 0 likewise */
    int64_t state_since_mono;  /* sedge_mono_ms() of the last state change */
    int64_t broken_since_mono; /* 0: not BROKEN */
    pid_t pid;                 /* of the running startup or run script, else of another step; 0: none */
    struct sedge_last_exit last_exit;
    const char *user; /* as which its scripts run; "" before the first one */
    bool paused;      /* RUNNING, and frozen */
};

struct sedge_service_event {
    const char *name;
    enum sedge_lc_state old_state;
    enum sedge_lc_state state;
    enum sedge_status_code code;
    const char *reason;
};

/* Connections to the rest, given by main. Any member may be NULL. */
struct sedge_supervisor_ops {
    /* A component's state changed. A removed component reports UNINSTALLED or FINISHED last. */
    void (*event)(void *env, const struct sedge_service_event *event);
    /* Adds NAME=VALUE for a script of the component: setenv of the configuration root, GG_ROOT_CA_PATH, proxy, region,
     * thing name, IPC socket. Later entries win. Called on the loop before each script. */
    void (*environment)(void *env, const char *component, struct sedge_strv *out);
};

struct sedge_service_dep {
    const char *name;
    bool hard;
};

struct sedge_service_spec {
    const char *name;
    const char *version;
    struct json_object *lifecycle; /* for this platform, interpolated; NULL: nothing to do */
    const struct sedge_service_dep *deps;
    size_t ndeps;
    const char *run_user; /* runWith.posixUser; NULL: the default */
    struct sedge_limits limits;
    bool has_limits;              /* runWith.systemResourceLimits is there: the default does not count */
    struct json_object *setenv;   /* services.<name>.setenv; NULL: none */
    struct json_object *periodic; /* services.<name>.periodic; NULL: none */
};

/* From {"memory": kilobytes, "cpus": processors}; numbers or texts, fractions allowed; NULL, absent and odd values: 0.
 */
struct sedge_limits sedge_limits_read(struct json_object *limits);

/* What a changed specification leads to; higher ones include lower ones. */
enum sedge_reaction {
    SEDGE_REACT_NONE,
    SEDGE_REACT_LIMITS,
    SEDGE_REACT_RESTART,
    SEDGE_REACT_REINSTALL,
    SEDGE_REACT_ADDED
};

typedef void (*sedge_supervisor_done)(void *arg, const struct sedge_err *err); /* err->code is SEDGE_OK on success */

struct sedge_supervisor *sedge_supervisor_new(uv_loop_t *loop, const struct sedge_supervisor_options *options,
                                              const struct sedge_supervisor_ops *ops, void *env, struct sedge_err *err);
/* Kills what is left, closes all handles, frees; `freed` (may be NULL) runs when the memory is gone. */
void sedge_supervisor_free(struct sedge_supervisor *sup, void (*freed)(void *arg), void *arg);

/* Settings that a configuration change may touch while components run. */
void sedge_supervisor_set_log(struct sedge_supervisor *sup, const struct sedge_log_settings *log);
void sedge_supervisor_set_default_limits(struct sedge_supervisor *sup, struct sedge_limits limits);

/* A component that is part of the nucleus: listed, can be depended upon, never runs. */
void sedge_supervisor_add_builtin(struct sedge_supervisor *sup, const char *name, const char *version,
                                  enum sedge_lc_state state);
/* Adds a component, or compares with what is known and requests what the difference demands (*reaction, may be NULL).
 * INVALID: bad name. CONFLICT: a built-in has this name, or it is being removed. */
int sedge_supervisor_put(struct sedge_supervisor *sup, const struct sedge_service_spec *spec,
                         enum sedge_reaction *reaction, struct sedge_err *err);
/* Stops the component; with `uninstall` runs its uninstall step; forgets it; then `done`. NOT_FOUND at once (-1, and
 * done does not run). */
int sedge_supervisor_remove(struct sedge_supervisor *sup, const char *name, bool uninstall, sedge_supervisor_done done,
                            void *arg, struct sedge_err *err);

/* Requests. NOT_FOUND: no such component; DENIED: a built-in. The state follows later. Each ends a pause of the
 * back-off and makes it forget earlier errors. */
int sedge_supervisor_start(struct sedge_supervisor *sup, const char *name, struct sedge_err *err);
int sedge_supervisor_stop(struct sedge_supervisor *sup, const char *name, struct sedge_err *err);
/* CONFLICT: refused, because it is being closed or was never started. A BROKEN component stays so. */
int sedge_supervisor_restart(struct sedge_supervisor *sup, const char *name, struct sedge_err *err);
int sedge_supervisor_reinstall(struct sedge_supervisor *sup, const char *name, struct sedge_err *err);
/* Start requests for all, in dependency order. */
void sedge_supervisor_start_all(struct sedge_supervisor *sup);
/* UpdateState of a component: SEDGE_LC_RUNNING or SEDGE_LC_ERRORED. A report that does not fit is ignored with a
 * warning in the component's log and is no failure. With a watchdog RUNNING again is a sign of life. NOT_FOUND; INVALID
 * for another state. */
int sedge_supervisor_report(struct sedge_supervisor *sup, const char *name, enum sedge_lc_state state,
                            struct sedge_err *err);

/* Freezes or thaws all processes of a RUNNING component, then `done`. It stays RUNNING; what stops it thaws it first.
 * At once (-1, and done does not run): NOT_FOUND; DENIED: a built-in; CONFLICT: not running, or for resume not paused;
 * UNAVAILABLE: a resume is under way. Later:
 * UNSUPPORTED: no freezer; TIMEOUT: it did not freeze (nothing is frozen then), or not thaw (it is restarted then);
 * CANCELED: it was stopped meanwhile. Pausing what is paused succeeds. */
int sedge_supervisor_pause(struct sedge_supervisor *sup, const char *name, sedge_supervisor_done done, void *arg,
                           struct sedge_err *err);
int sedge_supervisor_resume(struct sedge_supervisor *sup, const char *name, sedge_supervisor_done done, void *arg,
                            struct sedge_err *err);

/* Between them (they nest) no component leaves NEW or INSTALLED. */
void sedge_supervisor_begin_update(struct sedge_supervisor *sup);
void sedge_supervisor_end_update(struct sedge_supervisor *sup);

/* Stops all in reverse dependency order. After deadline_ms (0: none) the rest is killed without its shutdown step.
 * `done` runs when no process is left. */
void sedge_supervisor_stop_all(struct sedge_supervisor *sup, int64_t deadline_ms, sedge_supervisor_done done,
                               void *arg);
/* After stop_all has told that it is done: forgets the components, and takes new ones. For what was stopped in vain. */
void sedge_supervisor_reopen(struct sedge_supervisor *sup);

/* Runs the bootstrap step of a specification, which need not be known here; the component itself should be stopped.
 * exit_code: of the script; 0 without or with a skipped step; 1 for one that cannot be run. err: TIMEOUT, CANCELED by a
 * signal or by stop_all, or why it could not be run. Works after stop_all, too. `done` runs when no process is left. */
typedef void (*sedge_bootstrap_done)(void *arg, int exit_code, const struct sedge_err *err);
void sedge_supervisor_bootstrap(struct sedge_supervisor *sup, const struct sedge_service_spec *spec,
                                sedge_bootstrap_done done, void *arg);
/* Whether the lifecycle has a bootstrap step with something to do, or one that is wrong. */
bool sedge_lifecycle_has_bootstrap(struct json_object *lifecycle);

/* -1: NOT_FOUND. */
int sedge_supervisor_get(struct sedge_supervisor *sup, const char *name, struct sedge_service_info *out,
                         struct sedge_err *err);
/* All, dependencies first; fn returning non-zero ends it. */
void sedge_supervisor_each(struct sedge_supervisor *sup, int (*fn)(const struct sedge_service_info *info, void *user),
                           void *user);
/* The last lines of a component's output, oldest first, for diagnosis. While `done` of its bootstrap runs: of that. */
void sedge_supervisor_last_lines(struct sedge_supervisor *sup, const char *name, struct sedge_strv *out);

/* -1: it has not failed since the nucleus runs. It is kept over restarts and new versions, until the next failure. */
int sedge_supervisor_failure(struct sedge_supervisor *sup, const char *name, struct sedge_service_failure *out);

/* The component whose token this is (compared in constant time), NULL for none. */
const char *sedge_supervisor_owner_of_token(struct sedge_supervisor *sup, const char *token);
/* The component below which the process runs, NULL when it is not one of ours. Reads /proc. */
const char *sedge_supervisor_owner_of_pid(struct sedge_supervisor *sup, pid_t pid);

#endif
