/* What others ask of the supervisor: settings, components, start and stop, bootstrap. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "react.h"
#include "recipe/recipe.h"
#include "recipe/step.h"
#include "service.h"

#define SWEEP_POLL_MS 10

/* ---- settings ---- */

void sedge_supervisor_set_log(struct sedge_supervisor *sup, const struct sedge_log_settings *log)
{
    sup->log = *log;
    sup->log.directory = NULL;
    free(sup->logs);
    sup->logs = log->directory ? sedge_xstrdup(log->directory) : sedge_xasprintf("%s/logs", sup->root);
    for (struct service *s = sup->services; s; s = s->next)
        sedge_output_configure(s->output, &sup->log, sup->logs);
    for (struct service *s = sup->detached; s; s = s->next)
        sedge_output_configure(s->output, &sup->log, sup->logs);
}

void sedge_supervisor_set_default_limits(struct sedge_supervisor *sup, struct sedge_limits limits)
{
    sup->default_limits = limits;
    for (struct service *s = sup->services; s; s = s->next)
        if (!s->has_limits) service_apply_limits(s);
}

void sedge_supervisor_begin_update(struct sedge_supervisor *sup)
{
    sup->updates++;
}

void sedge_supervisor_end_update(struct sedge_supervisor *sup)
{
    sedge_assert(sup->updates > 0);
    if (--sup->updates > 0) return;
    depend_sort(sup, sup->stopping);
    for (struct service *s = sup->services; s; s = s->next)
        s->dirty = true;
    supervisor_wake(sup);
}

/* ---- components ---- */

static void append(struct service **list, struct service *s)
{
    while (*list)
        list = &(*list)->next;
    s->next = NULL;
    *list = s;
}

void sedge_supervisor_add_builtin(struct sedge_supervisor *sup, const char *name, const char *version,
                                  enum sedge_lc_state state)
{
    struct sedge_service_spec spec = {.name = name, .version = version};
    struct service *s = service_find(sup, name);

    if (!s) {
        s = service_new(sup, &spec);
        append(&sup->services, s);
    } else {
        service_assign(s, &spec);
    }
    s->builtin = true;
    s->lc.state = state;
    s->token[0] = '\0';
    for (struct service *a = sup->services; a; a = a->next)
        a->dirty = true;
    supervisor_wake(sup);
}

static int check_name(const char *name, struct sedge_err *err)
{
    size_t n = strlen(name);
    bool ok = n > 0 && n <= SEDGE_COMPONENT_NAME_MAX && name[0] != '.';

    for (size_t i = 0; i < n && ok; i++)
        ok = isalnum((unsigned char)name[i]) || strchr("-_.", name[i]);
    if (ok) return 0;
    return sedge_err_set(err, SEDGE_E_INVALID,
                         "\"%s\" is not a component name: 1 to %d letters, digits, \"-\", \"_\" and \".\" are expected",
                         name, SEDGE_COMPONENT_NAME_MAX);
}

static struct sedge_service_spec spec_of(const struct service *s)
{
    return (struct sedge_service_spec){.name = s->name,
                                       .version = s->version,
                                       .lifecycle = s->lifecycle,
                                       .deps = s->deps,
                                       .ndeps = s->ndeps,
                                       .run_user = s->run_user,
                                       .limits = s->limits,
                                       .has_limits = s->has_limits,
                                       .setenv = s->setenv};
}

/* Somebody wants it to run: earlier errors and an earlier stop are forgotten. */
static void take_care(struct service *s)
{
    s->stopped = false;
    care_forgive(s);
}

static enum sedge_reaction update(struct service *s, const struct sedge_service_spec *spec)
{
    struct sedge_service_spec before = spec_of(s);
    enum sedge_reaction r = sedge_react(&before, spec);

    if (s->lc.state == SEDGE_LC_BROKEN && r == SEDGE_REACT_RESTART) r = SEDGE_REACT_REINSTALL;
    service_assign(s, spec);
    if (r >= SEDGE_REACT_RESTART) take_care(s);
    if (r < SEDGE_REACT_RESTART && service_is_active(s) && service_has_lost_dependency(s)) r = SEDGE_REACT_RESTART;
    if (r == SEDGE_REACT_LIMITS) service_apply_limits(s);
    if (r == SEDGE_REACT_REINSTALL) (void)sedge_lc_want_reinstall(&s->lc);
    if (r == SEDGE_REACT_RESTART && sedge_lc_want_restart(&s->lc) < 0) r = SEDGE_REACT_NONE; /* never started */
    service_dirty(s);
    return r;
}

int sedge_supervisor_put(struct sedge_supervisor *sup, const struct sedge_service_spec *spec,
                         enum sedge_reaction *reaction, struct sedge_err *err)
{
    struct service *s;
    enum sedge_reaction r = SEDGE_REACT_ADDED;

    if (check_name(spec->name, err) != 0) return -1;
    s = service_find(sup, spec->name);
    if (s && (s->builtin || s->removing))
        return sedge_err_set(err, SEDGE_E_CONFLICT, "%s %s", spec->name,
                             s->builtin ? "is part of the nucleus" : "is being removed");
    if (s) {
        r = update(s, spec);
    } else {
        s = service_new(sup, spec);
        append(&sup->services, s);
        service_dirty(s);
    }
    if (reaction) *reaction = r;
    return 0;
}

int sedge_supervisor_remove(struct sedge_supervisor *sup, const char *name, bool uninstall, sedge_supervisor_done done,
                            void *arg, struct sedge_err *err)
{
    struct service *s = supervisor_find_generic(sup, name, err);

    if (!s) return -1;
    if (s->removing) return sedge_err_set(err, SEDGE_E_CONFLICT, "%s is being removed already", name);
    s->closing = true;
    s->removing = true;
    s->uninstall = uninstall;
    s->removed = done;
    s->removed_arg = arg;
    service_dirty(s);
    return 0;
}

/* ---- requests ---- */

int sedge_supervisor_start(struct sedge_supervisor *sup, const char *name, struct sedge_err *err)
{
    struct service *s = supervisor_find_generic(sup, name, err);

    if (!s) return -1;
    take_care(s);
    if (sedge_lc_want_start(&s->lc)) service_dirty(s);
    return 0;
}

int sedge_supervisor_stop(struct sedge_supervisor *sup, const char *name, struct sedge_err *err)
{
    struct service *s = supervisor_find_generic(sup, name, err);

    if (!s) return -1;
    care_forgive(s);
    s->stopped = true;
    if (sedge_lc_want_stop(&s->lc)) service_dirty(s);
    return 0;
}

int sedge_supervisor_restart(struct sedge_supervisor *sup, const char *name, struct sedge_err *err)
{
    struct service *s = supervisor_find_generic(sup, name, err);
    int rc;

    if (!s) return -1;
    rc = sedge_lc_want_restart(&s->lc);
    if (rc < 0)
        return sedge_err_set(err, SEDGE_E_CONFLICT, "%s %s", name,
                             s->lc.closed ? "is being stopped for good" : "has not been started yet");
    take_care(s);
    if (rc > 0) service_dirty(s);
    return 0;
}

int sedge_supervisor_reinstall(struct sedge_supervisor *sup, const char *name, struct sedge_err *err)
{
    struct service *s = supervisor_find_generic(sup, name, err);

    if (!s) return -1;
    if (s->lc.closed) return sedge_err_set(err, SEDGE_E_CONFLICT, "%s is being stopped for good", name);
    take_care(s);
    if (sedge_lc_want_reinstall(&s->lc)) service_dirty(s);
    return 0;
}

void sedge_supervisor_start_all(struct sedge_supervisor *sup)
{
    sedge_auto_free struct service **order = NULL;
    size_t n;

    order = depend_order(sup, &n);
    for (size_t i = 0; i < n; i++)
        if (!order[i]->builtin && sedge_lc_want_start(&order[i]->lc)) service_dirty(order[i]);
}

int sedge_supervisor_report(struct sedge_supervisor *sup, const char *name, enum sedge_lc_state state,
                            struct sedge_err *err)
{
    struct service *s = supervisor_find_generic(sup, name, err);
    char reason[96];

    if (!s) return -1;
    if (state != SEDGE_LC_RUNNING && state != SEDGE_LC_ERRORED)
        return sedge_err_set(err, SEDGE_E_INVALID, "a component can report RUNNING or ERRORED, not %s",
                             sedge_lc_name(state));
    if (state == SEDGE_LC_RUNNING && s->lc.state == SEDGE_LC_RUNNING && care_alive(s)) return 0;
    if (!sedge_lc_may_report(&s->lc, state)) {
        service_note(s, SEDGE_WARN, "report-ignored", "The component reported %s while it is %s: ignored",
                     sedge_lc_name(state), sedge_lc_name(s->lc.state));
        return 0;
    }
    (void)snprintf(reason, sizeof(reason), "The component reported ERRORED while it was %s.",
                   sedge_lc_name(s->lc.state));
    service_event_reason(s, state == SEDGE_LC_RUNNING ? SEDGE_LC_EV_UP : SEDGE_LC_EV_REPORT_ERROR, SEDGE_STATUS_NONE,
                         reason);
    return 0;
}

/* ---- stopping everything ---- */

static void deadline_cb(uv_timer_t *t)
{
    struct sedge_supervisor *sup = t->data;

    for (struct service *s = sup->services; s; s = s->next) {
        if (s->builtin || (sedge_lc_is_settled(&s->lc) && !s->scripts)) continue;
        sedge_log(SEDGE_WARN, "supervisor", "service-killed", "serviceName=%s state=%s: it did not stop in time",
                  s->name, sedge_lc_name(s->lc.state));
        service_force(s);
    }
    for (struct service *next, *s = sup->detached; s; s = next) {
        next = s->next; /* it may be gone at once */
        service_abort_bootstrap(s, true);
    }
}

void sedge_supervisor_stop_all(struct sedge_supervisor *sup, int64_t deadline_ms, sedge_supervisor_done done, void *arg)
{
    sup->stopping = true;
    sup->stopped = done;
    sup->stopped_arg = arg;
    depend_sort(sup, true);
    for (struct service *s = sup->services; s; s = s->next)
        if (!s->builtin) s->closing = true;
    for (struct service *next, *s = sup->detached; s; s = next) {
        next = s->next;
        service_abort_bootstrap(s, false);
    }
    if (deadline_ms > 0) (void)uv_timer_start(&sup->deadline, deadline_cb, (uint64_t)deadline_ms, 0);
    supervisor_wake(sup);
}

void sedge_supervisor_reopen(struct sedge_supervisor *sup)
{
    struct service *next;

    sedge_assert(sup->stopping && !sup->stopped);
    for (struct service *s = sup->services; s; s = next) {
        next = s->next;
        if (s->builtin) continue;
        service_unlink(&sup->services, s);
        service_close(s);
    }
    sup->stopping = false;
}

/* ---- bootstrap ---- */

bool sedge_lifecycle_has_bootstrap(struct json_object *lifecycle)
{
    struct sedge_step step;

    switch (sedge_lifecycle_step(lifecycle, "bootstrap", &step)) {
    case SEDGE_STEP_SCRIPT:
    case SEDGE_STEP_INVALID: /* it will fail, and say why */
        return true;
    case SEDGE_STEP_ABSENT:
    case SEDGE_STEP_EMPTY:
        break;
    }
    return false;
}

struct bootstrap {
    struct sedge_supervisor *sup;
    struct service *s;
    sedge_bootstrap_done done;
    void *arg;
};

static void bootstrapped(void *arg, int code, const struct sedge_err *err)
{
    struct bootstrap *b = arg;

    b->done(b->arg, code, err); /* its last lines can still be asked for */
    service_unlink(&b->sup->detached, b->s);
    supervisor_wake(b->sup);
    free(b);
}

/* From the loop and not from inside the caller, since an absent step is done at once. */
static void bootstrap_cb(void *arg)
{
    struct service *s = arg;

    if (s->sup->sweeping) /* what an earlier life left is killed by its control group, which is ours, too */
        service_time(s, &s->timer, bootstrap_cb, SWEEP_POLL_MS);
    else
        service_begin_bootstrap(s);
}

void sedge_supervisor_bootstrap(struct sedge_supervisor *sup, const struct sedge_service_spec *spec,
                                sedge_bootstrap_done done, void *arg)
{
    struct bootstrap *b = SEDGE_NEW(struct bootstrap);
    struct service *s = service_new(sup, spec);

    *b = (struct bootstrap){.sup = sup, .s = s, .done = done, .arg = arg};
    s->detached = true;
    s->bootstrapped = bootstrapped;
    s->bootstrap_arg = b;
    append(&sup->detached, s);
    service_time(s, &s->timer, bootstrap_cb, 0);
}
