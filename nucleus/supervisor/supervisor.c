/* All components together: the table, what is due in a turn of the loop, dependencies, events, closing. */
#include "supervisor.h"

#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "service.h"

#define TURNS_MAX 64 /* rounds over all components in one turn of the loop */

/* ---- finding ---- */

struct service *service_find(struct sedge_supervisor *sup, const char *name)
{
    for (struct service *s = sup->services; s; s = s->next)
        if (strcmp(s->name, name) == 0) return s;
    return NULL;
}

struct service *supervisor_find(struct sedge_supervisor *sup, const char *name, struct sedge_err *err)
{
    struct service *s = service_find(sup, name);

    if (!s) (void)sedge_err_set(err, SEDGE_E_NOT_FOUND, "no component with the name \"%s\" is on this device", name);
    return s;
}

struct service *supervisor_find_generic(struct sedge_supervisor *sup, const char *name, struct sedge_err *err)
{
    struct service *s = supervisor_find(sup, name, err);

    if (!s || !s->builtin) return s;
    (void)sedge_err_set(err, SEDGE_E_DENIED, "%s is part of the nucleus: it cannot be started or stopped", name);
    return NULL;
}

/* ---- dependencies ---- */

static bool depends_hard(const struct service *s, const struct service *on)
{
    for (size_t i = 0; i < s->ndeps; i++)
        if (s->deps[i].hard && strcmp(s->deps[i].name, on->name) == 0) return true;
    return false;
}

/* About to go away and come back: starting now would mean starting twice. */
static bool will_restart(const struct service *d)
{
    return d->lc.ngoals > 0 && (d->lc.goals[0] == SEDGE_LC_GOAL_NEW || d->lc.goals[0] == SEDGE_LC_GOAL_INSTALLED ||
                                (d->lc.state == SEDGE_LC_STOPPING && d->lc.goals[0] == SEDGE_LC_GOAL_RUNNING));
}

bool service_deps_ready(const struct service *s)
{
    for (size_t i = 0; i < s->ndeps; i++) {
        const struct service *d = s->deps[i].hard ? service_find(s->sup, s->deps[i].name) : NULL;
        if (!s->deps[i].hard) continue;
        if (!d || !sedge_lc_is_ready(d->lc.state, d->lc.code) || will_restart(d)) return false;
    }
    return true;
}

bool service_has_lost_dependency(const struct service *s)
{
    for (size_t i = 0; i < s->ndeps; i++) {
        const struct service *d = s->deps[i].hard ? service_find(s->sup, s->deps[i].name) : NULL;
        if (s->deps[i].hard && (!d || !sedge_lc_is_ready(d->lc.state, d->lc.code))) return true;
    }
    return false;
}

bool service_is_active(const struct service *s)
{
    return s->lc.state == SEDGE_LC_STARTING || s->lc.state == SEDGE_LC_RUNNING;
}

static void add_event(struct service *s, enum sedge_lc_state old)
{
    struct sedge_supervisor *sup = s->sup;

    sup->events = sedge_xrealloc(sup->events, sup->nevents + 1, sizeof(*sup->events));
    sup->events[sup->nevents++] = (struct pending_event){.name = sedge_xstrdup(s->name),
                                                         .old_state = old,
                                                         .state = s->lc.state,
                                                         .code = s->lc.code,
                                                         .reason = sedge_xstrdup(care_reason(s))};
}

void supervisor_moved(struct service *s, enum sedge_lc_state old)
{
    bool ready = sedge_lc_is_ready(s->lc.state, s->lc.code);

    if (s->detached) return;
    sedge_log(SEDGE_INFO, "supervisor", "service-set-state", "serviceName=%s currentState=%s newState=%s%s%s", s->name,
              sedge_lc_name(old), sedge_lc_name(s->lc.state), s->reason ? " reason=" : "", s->reason ? s->reason : "");
    add_event(s, old);
    for (struct service *a = s->sup->services; a; a = a->next) {
        if (depends_hard(a, s) && !ready && service_is_active(a)) (void)sedge_lc_want_restart(&a->lc);
        a->dirty = true; /* dependents may go on, dependencies may close */
    }
    supervisor_wake(s->sup);
}

/* ---- closing ---- */

static bool dependents_let_go(const struct service *s)
{
    for (const struct service *a = s->sup->services; a; a = a->next)
        if (a != s && !a->builtin && depends_hard(a, s) && !sedge_lc_is_closable(a->lc.state)) return false;
    return true;
}

static bool is_gone(struct service *s)
{
    if (!sedge_lc_is_settled(&s->lc)) return false;
    if (s->scripts && s->kill_round == 0) service_kill(s, NULL);
    return !s->scripts;
}

void service_unlink(struct service **list, struct service *s)
{
    for (struct service **at = list; *at; at = &(*at)->next) {
        if (*at != s) continue;
        *at = s->next;
        return;
    }
}

static void forget(struct service *s)
{
    struct sedge_supervisor *sup = s->sup;
    struct sedge_err ok = SEDGE_ERR_INIT;
    sedge_supervisor_done done = s->removed;
    void *arg = s->removed_arg;

    service_unlink(&sup->services, s);
    sedge_cgroups_remove(sup->cgroups, s->name);
    service_close(s);
    if (done) done(arg, &ok);
}

static void close_if_due(struct service *s)
{
    if (s->closing && !s->lc.closed && dependents_let_go(s)) {
        sedge_lc_close(&s->lc, s->uninstall);
        s->dirty = true;
    }
}

/* ---- the idle handle: everything that is due ---- */

static void emit_events(struct sedge_supervisor *sup)
{
    struct pending_event *events = sup->events;
    size_t n = sup->nevents;

    sup->events = NULL;
    sup->nevents = 0;
    for (size_t i = 0; i < n; i++) {
        struct pending_event *e = &events[i];
        struct sedge_service_event ev = {e->name, e->old_state, e->state, e->code, e->reason};
        if (sup->ops.event) sup->ops.event(sup->env, &ev);
        free(e->name);
        free(e->reason);
    }
    free(events);
}

static bool turn_all(struct sedge_supervisor *sup)
{
    bool any = false;

    for (struct service *s = sup->services; s; s = s->next) {
        close_if_due(s);
        if (!s->dirty) continue;
        any = true;
        if (s->builtin)
            s->dirty = false;
        else
            service_turn(s);
    }
    return any;
}

static void forget_removed(struct sedge_supervisor *sup)
{
    struct service *next;

    for (struct service *s = sup->services; s; s = next) {
        next = s->next;
        if (!s->removing || !is_gone(s)) continue;
        forget(s);
        next = sup->services; /* the callback may have changed the list */
    }
}

static void check_stopped(struct sedge_supervisor *sup)
{
    sedge_auto_free char *marker = NULL;
    struct sedge_err ok = SEDGE_ERR_INIT;
    sedge_supervisor_done done = sup->stopped;

    if (!sup->stopping || !done || sup->detached) return;
    for (struct service *s = sup->services; s; s = s->next)
        if (!s->builtin && !is_gone(s)) return;
    for (struct service *s = sup->services; s; s = s->next)
        sedge_cgroups_remove(sup->cgroups, s->name);
    marker = sedge_xasprintf("%s/state/components.running", sup->root);
    (void)unlink(marker); /* nothing to clean up for the next life; not there: no script ever ran */
    (void)uv_timer_stop(&sup->deadline);
    sup->stopped = NULL;
    done(sup->stopped_arg, &ok);
}

static void idle_cb(uv_idle_t *h)
{
    struct sedge_supervisor *sup = h->data;

    (void)uv_idle_stop(h);
    sup->refs++; /* callbacks may free */
    for (int i = 0; i < TURNS_MAX && turn_all(sup); i++) {
    }
    emit_events(sup);
    forget_removed(sup);
    check_stopped(sup);
    supervisor_check_freed(sup);
    supervisor_unref(sup);
}

void supervisor_wake(struct sedge_supervisor *sup)
{
    if (!sup->closed) (void)uv_idle_start(&sup->idle, idle_cb);
}
