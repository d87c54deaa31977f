/* Driving a component: carries out what its state machine decides, and tells the machine what happened. */
#include "service.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "recipe/step.h"

#define TURNS_MAX 16 /* state changes at a stretch, before others have their turn */

static void timer_cb(void *arg);

/* ---- steps ---- */

static void arm(struct service *s, int64_t timeout_s)
{
    if (timeout_s == SEDGE_STEP_NO_TIMEOUT)
        sedge_timer_stop(&s->timer);
    else
        service_time(s, &s->timer, timer_cb, (uint64_t)timeout_s * 1000);
}

/* Until the component reports RUNNING its start has a time of its own; the run step's goes on behind it. */
static int64_t start_timeout(struct service *s, enum step_kind kind, int64_t timeout_s)
{
    int64_t start_s = s->extension.start_timeout_s;

    s->run_until = 0;
    if (!s->awaits_report) return timeout_s;
    if (kind == STEP_RUN && timeout_s != SEDGE_STEP_NO_TIMEOUT) s->run_until = sedge_mono_ms() + timeout_s * 1000;
    if (start_s < 0) start_s = kind == STEP_STARTUP ? timeout_s : SEDGE_START_TIMEOUT_DEFAULT_S;
    return s->run_until > 0 && timeout_s < start_s ? timeout_s : start_s;
}

/* Begins a step and its time, unless the step is over already. */
static void run_step(struct service *s, enum step_kind kind)
{
    unsigned gen = s->gen + 1;
    enum sedge_lc_state state = s->lc.state;
    int64_t timeout_s = step_begin(s, kind);

    if (s->gen != gen || s->lc.state != state || (!s->lc.busy && !s->detached)) return;
    arm(s, kind == STEP_STARTUP || kind == STEP_RUN ? start_timeout(s, kind, timeout_s) : timeout_s);
}

static void install_now(struct service *s)
{
    step_forget_user(s);
    free(s->owned); /* artifacts may be others */
    s->owned = NULL;
    run_step(s, STEP_INSTALL);
}

static void launch_now(struct service *s)
{
    service_forget_shutdown(s);
    s->awaits_report = s->extension.report_ready;
    s->main_kind = STEP_STARTUP;
    run_step(s, STEP_STARTUP);
}

void service_retime(struct service *s)
{
    bool runs = s->lc.state == SEDGE_LC_RUNNING && s->main_kind == STEP_RUN;
    int64_t left = s->run_until - sedge_mono_ms();

    if (runs && !s->awaits_report) return; /* the run step's time goes on */
    sedge_timer_stop(&s->timer);
    if (runs && s->run_until > 0) service_time(s, &s->timer, timer_cb, left > 0 ? (uint64_t)left : 0);
}

void service_remember_shutdown(struct service *s, struct json_object *lifecycle, const char *version, const char *user)
{
    service_forget_shutdown(s);
    s->old_lifecycle = json_object_get(lifecycle);
    s->old_version = sedge_xstrdup(version);
    s->old_user = sedge_xstrdup(user);
}

void service_forget_shutdown(struct service *s)
{
    json_object_put(s->old_lifecycle);
    free(s->old_version);
    free(s->old_user);
    s->old_lifecycle = NULL;
    s->old_version = NULL;
    s->old_user = NULL;
}

static void shutdown_done(struct service *s)
{
    service_forget_shutdown(s);
    step_forget_user(s);
    if (s->lc.state == SEDGE_LC_BROKEN && !s->scripts) service_remove_groups(s);
    service_event(s, SEDGE_LC_EV_DONE, SEDGE_STATUS_NONE);
}

static void shutdown_expired(struct service *s)
{
    service_forget_shutdown(s);
    step_forget_user(s);
    service_event(s, SEDGE_LC_EV_EXPIRED, SEDGE_STATUS_NONE);
}

static void step_done(struct service *s)
{
    service_event(s, SEDGE_LC_EV_DONE, SEDGE_STATUS_NONE);
}

static void step_failed(struct service *s)
{
    service_event(s, SEDGE_LC_EV_FAILED, SEDGE_STATUS_NONE);
}

static void step_expired(struct service *s)
{
    service_event(s, SEDGE_LC_EV_EXPIRED, SEDGE_STATUS_NONE);
}

static void bootstrap_gone(struct service *s)
{
    static const struct sedge_err none = {.code = SEDGE_OK};
    sedge_bootstrap_done done = s->bootstrapped;

    s->bootstrapped = NULL;
    if (done) done(s->bootstrap_arg, s->bootstrap_code, s->bootstrap_err ? s->bootstrap_err : &none);
    service_close(s);
}

/* The result is told when all of its processes are gone: what comes next may be a restart of the nucleus. */
static void bootstrap_end(struct service *s, int code, const struct sedge_err *err)
{
    if (s->bootstrap_over) return;
    s->bootstrap_over = true;
    s->bootstrap_code = code;
    service_keep_error(&s->bootstrap_err, err);
    sedge_timer_stop(&s->timer);
    step_cancel(s);
    service_kill(s, bootstrap_gone);
}

/* The step's time is over. */
static void timer_cb(void *arg)
{
    struct service *s = arg;
    struct sedge_err err = SEDGE_ERR_INIT;

    if (s->detached) {
        (void)sedge_err_set(&err, SEDGE_E_TIMEOUT, "the bootstrap script of %s did not end within its timeout",
                            s->name);
        bootstrap_end(s, 1, &err);
        return;
    }
    service_note(s, SEDGE_WARN, "step-timeout", "%s: the step did not end within its timeout",
                 sedge_lc_name(s->lc.state));
    switch (s->lc.state) {
    case SEDGE_LC_NEW:
    case SEDGE_LC_UNINSTALLING:
        step_cancel(s);
        service_kill(s, step_expired);
        break;
    case SEDGE_LC_STOPPING:
    case SEDGE_LC_BROKEN:
        step_cancel(s);
        s->forced = s->kill_round > 0; /* the grace is used up already */
        service_kill(s, shutdown_expired);
        s->forced = false;
        break;
    case SEDGE_LC_ERRORED:
    case SEDGE_LC_STARTING:
        step_expired(s);
        break;
    case SEDGE_LC_RUNNING: /* recover and shutdown come after it */
        step_expired(s);
        service_kill(s, NULL);
        break;
    case SEDGE_LC_STATELESS:
    case SEDGE_LC_INSTALLED:
    case SEDGE_LC_FINISHED:
    case SEDGE_LC_UNINSTALLED:
    case SEDGE_LC_NSTATES:
        break;
    }
}

/* ---- results of steps ---- */

/* Codes of the three steps that have them, in the order BAD_CONFIG, BAD_IO, NO_USER. */
static enum sedge_status_code failure_code(enum step_kind kind, enum step_outcome outcome)
{
    static const enum sedge_status_code codes[NSTEPS][3] = {
        [STEP_INSTALL] = {SEDGE_STATUS_INSTALL_CONFIG_NOT_VALID, SEDGE_STATUS_INSTALL_IO_ERROR,
                          SEDGE_STATUS_INSTALL_MISSING_DEFAULT_RUNWITH},
        [STEP_STARTUP] = {SEDGE_STATUS_STARTUP_CONFIG_NOT_VALID, SEDGE_STATUS_STARTUP_IO_ERROR,
                          SEDGE_STATUS_STARTUP_MISSING_DEFAULT_RUNWITH},
        [STEP_RUN] = {SEDGE_STATUS_RUN_CONFIG_NOT_VALID, SEDGE_STATUS_RUN_IO_ERROR,
                      SEDGE_STATUS_RUN_MISSING_DEFAULT_RUNWITH},
    };
    return codes[kind][outcome - STEP_BAD_CONFIG];
}

static bool is_failure(enum step_outcome outcome)
{
    return outcome == STEP_BAD_CONFIG || outcome == STEP_BAD_IO || outcome == STEP_NO_USER;
}

static bool ended_well(const struct step_result *r)
{
    return r->outcome == STEP_NOTHING || (r->outcome == STEP_EXITED && r->exit.code == 0 && r->exit.signal == 0);
}

static void exit_detail(const struct step_result *r, char *out, size_t n)
{
    if (r->err.code != SEDGE_OK)
        (void)snprintf(out, n, "It could not be executed: %s.", r->err.msg);
    else if (r->exit.signal)
        (void)snprintf(out, n, "It was ended by signal %d (%s), %s.", r->exit.signal, strsignal(r->exit.signal),
                       r->exit.core ? "core dumped" : "no core dumped");
    else
        (void)snprintf(out, n, "It exited with code %d.", r->exit.code);
}

static void on_died(struct service *s, const struct step_result *r, enum sedge_lc_event event,
                    enum sedge_status_code code)
{
    char detail[SEDGE_ERR_MSG_MAX + 256];
    size_t n;

    exit_detail(r, detail, sizeof(detail));
    n = strlen(detail);
    if (r->out_of_memory)
        (void)snprintf(detail + n, sizeof(detail) - n,
                       " It needed more than its memory limit of %lld kB (systemResourceLimits.memory).",
                       (long long)service_limits(s).memory_kb);
    /* never ran: the error of the state, whatever the step */
    if (r->err.code != SEDGE_OK && r->exit.code != STEP_EXIT_NO_ACCOUNT) code = SEDGE_STATUS_NONE;
    service_event_detail(s, event, code, detail);
}

static void on_install(struct service *s, const struct step_result *r)
{
    if (r->outcome == STEP_LAUNCHED) return;
    if (ended_well(r))
        step_done(s);
    else
        on_died(s, r, SEDGE_LC_EV_FAILED, SEDGE_STATUS_INSTALL_ERROR);
}

static void on_startup(struct service *s, const struct step_result *r)
{
    if (r->outcome == STEP_LAUNCHED) return;
    if (r->outcome == STEP_NOTHING) {
        s->main_kind = STEP_RUN;
        run_step(s, STEP_RUN);
    } else if (ended_well(r)) {
        if (!s->awaits_report) service_event(s, SEDGE_LC_EV_STARTUP_ENDED, SEDGE_STATUS_NONE);
    } else {
        on_died(s, r, SEDGE_LC_EV_DIED, SEDGE_STATUS_STARTUP_ERROR);
    }
}

static void on_run(struct service *s, const struct step_result *r)
{
    if (r->outcome == STEP_NOTHING)
        service_event(s, SEDGE_LC_EV_EMPTY, SEDGE_STATUS_NONE);
    else if (r->outcome == STEP_LAUNCHED && s->awaits_report)
        return;
    else if (r->outcome == STEP_LAUNCHED)
        service_event(s, SEDGE_LC_EV_UP, SEDGE_STATUS_NONE);
    else if (ended_well(r))
        service_event(s, SEDGE_LC_EV_RUN_ENDED, SEDGE_STATUS_NONE);
    else
        on_died(s, r, SEDGE_LC_EV_DIED, SEDGE_STATUS_RUN_ERROR);
}

static void on_bootstrap(struct service *s, const struct step_result *r)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    if (r->outcome == STEP_LAUNCHED) return;
    if (is_failure(r->outcome) || r->err.code != SEDGE_OK) err = r->err;
    if (r->outcome == STEP_EXITED && r->exit.signal) {
        char detail[SEDGE_ERR_MSG_MAX + 64];
        exit_detail(r, detail, sizeof(detail));
        (void)sedge_err_set(&err, SEDGE_E_CANCELED, "%s", detail);
    }
    bootstrap_end(s, is_failure(r->outcome) || r->exit.signal ? 1 : r->exit.code, &err);
}

/* The three whose failure is only logged. */
static void on_cleanup(struct service *s, const struct step_result *r)
{
    if (r->outcome == STEP_LAUNCHED) return;
    if (r->kind == STEP_SHUTDOWN)
        service_kill(s, shutdown_done);
    else if (r->kind == STEP_UNINSTALL)
        service_kill(s, ended_well(r) ? step_done : step_failed);
    else
        step_done(s);
}

static void on_failure(struct service *s, const struct step_result *r)
{
    service_note(s, SEDGE_ERROR, "step-failed", "%s: %s", step_name(r->kind), r->err.msg);
    if (r->kind == STEP_BOOTSTRAP)
        on_bootstrap(s, r);
    else if (r->kind == STEP_INSTALL || r->kind == STEP_STARTUP || r->kind == STEP_RUN)
        service_event_detail(s, SEDGE_LC_EV_FAILED, failure_code(r->kind, r->outcome), r->err.msg);
    else
        on_cleanup(s, r);
}

void service_on_step(struct service *s, const struct step_result *r)
{
    if (is_failure(r->outcome)) {
        on_failure(s, r);
        return;
    }
    switch (r->kind) {
    case STEP_BOOTSTRAP:
        on_bootstrap(s, r);
        break;
    case STEP_INSTALL:
        on_install(s, r);
        break;
    case STEP_STARTUP:
        on_startup(s, r);
        break;
    case STEP_RUN:
        on_run(s, r);
        break;
    case STEP_SHUTDOWN:
    case STEP_RECOVER:
    case STEP_UNINSTALL:
        on_cleanup(s, r);
        break;
    case NSTEPS:
        break;
    }
}

/* ---- turning ---- */

static void act_on(struct service *s, enum sedge_lc_act act)
{
    switch (act) {
    case SEDGE_LC_INSTALL:
        service_new_token(s);
        service_kill(s, install_now);
        break;
    case SEDGE_LC_LAUNCH:
        service_new_token(s);
        service_kill(s, launch_now);
        break;
    case SEDGE_LC_SHUTDOWN:
        run_step(s, STEP_SHUTDOWN);
        break;
    case SEDGE_LC_RECOVER:
        run_step(s, STEP_RECOVER);
        break;
    case SEDGE_LC_UNINSTALL:
        run_step(s, STEP_UNINSTALL);
        break;
    case SEDGE_LC_REFUSED:
        service_note(s, SEDGE_WARN, "service-broken",
                     "The component is BROKEN: a deployment is needed to start it "
                     "again");
        break;
    case SEDGE_LC_WAIT:
        care_wait(s);
        break;
    case SEDGE_LC_NONE:
    case SEDGE_LC_MOVED:
        break;
    case SEDGE_LC_BUG:
    case SEDGE_LC_NACTS:
        sedge_bug(__FILE__, __LINE__, "lifecycle: a cell of the table is empty");
    }
}

void service_turn(struct service *s)
{
    struct sedge_lc_conditions c = {.updating = s->sup->updates > 0 || s->sup->sweeping};

    s->dirty = false;
    for (int i = 0; i < TURNS_MAX; i++) {
        enum sedge_lc_state old = s->lc.state;
        enum sedge_lc_act act;
        c.deps_ready = service_deps_ready(s);
        c.pausing = care_pause_ms(s) > 0;
        act = sedge_lc_turn(&s->lc, &c);
        if (act != SEDGE_LC_MOVED) {
            act_on(s, act);
            return;
        }
        service_moved(s, old);
    }
    service_dirty(s);
}

void service_begin_bootstrap(struct service *s)
{
    run_step(s, STEP_BOOTSTRAP);
}

void service_abort_bootstrap(struct service *s, bool now)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    s->forced = s->forced || now;
    (void)sedge_err_set(&err, SEDGE_E_CANCELED, "the nucleus is being stopped");
    if (!s->bootstrap_over)
        bootstrap_end(s, 1, &err);
    else if (now)
        service_kill(s, bootstrap_gone); /* its grace ends here */
}
