/* Ending the processes of a component: TERM, KILL after the grace, and going on without those that stay. */
#include "service.h"

static bool has_doomed(const struct service *s)
{
    for (const struct script *sc = s->scripts; sc; sc = sc->next)
        if (sc->doomed) return true;
    return false;
}

static void signal_doomed(struct service *s, enum sedge_process_signal which)
{
    for (struct script *sc = s->scripts; sc; sc = sc->next)
        if (sc->doomed) sedge_process_signal(sc->process, which);
}

static void after_kill(struct service *s)
{
    void (*fn)(struct service *) = s->after_kill;

    sedge_timer_stop(&s->killer);
    s->kill_round = 0;
    s->after_kill = NULL;
    if (fn) fn(s);
}

static void killer_cb(void *arg)
{
    struct service *s = arg;

    if (++s->kill_round == 2) {
        signal_doomed(s, SEDGE_PROCESS_KILL);
        sedge_cgroups_kill(s->sup->cgroups, s->name); /* the kernel outruns those who fork all the time */
        service_time(s, &s->killer, killer_cb, SEDGE_KILL_GRACE_MS);
        return;
    }
    service_note(s, SEDGE_ERROR, "process-not-stopped",
                 "Processes are still there after SIGKILL: they hang in the kernel. The nucleus goes on without them");
    after_kill(s);
}

void service_kill(struct service *s, void (*after)(struct service *s))
{
    s->after_kill = after;
    for (struct script *sc = s->scripts; sc; sc = sc->next)
        sc->doomed = true;
    if (!s->scripts) {
        after_kill(s);
        return;
    }
    signal_doomed(s, s->forced ? SEDGE_PROCESS_KILL : SEDGE_PROCESS_TERM);
    if (s->forced) sedge_cgroups_kill(s->sup->cgroups, s->name);
    s->kill_round = s->forced ? 2 : 1;
    service_time(s, &s->killer, killer_cb, SEDGE_KILL_GRACE_MS);
}

void service_script_gone(struct service *s)
{
    if (!has_doomed(s) && s->kill_round > 0) after_kill(s);
    service_dirty(s);
}

void service_force(struct service *s)
{
    enum sedge_lc_state old = s->lc.state;

    s->forced = true;
    step_cancel(s);
    sedge_timer_stop(&s->timer);
    if (!sedge_lc_is_settled(&s->lc)) {
        sedge_lc_force(&s->lc);
        service_moved(s, old);
    }
    if (!s->closed) service_kill(s, NULL);
    service_dirty(s);
}
