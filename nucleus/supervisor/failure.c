/* What is remembered of a component's last failure: a restart hides it from everything but this and the log. */
#include "service.h"

#include "base/clock.h"
#include "base/mem.h"

void failure_forget(struct service *s)
{
    if (!s->failure) return;
    free(s->failure->version);
    free(s->failure->reason);
    sedge_strv_release(&s->failure->lines);
    free(s->failure);
    s->failure = NULL;
}

static bool is_down(enum sedge_lc_state state)
{
    return state == SEDGE_LC_ERRORED || state == SEDGE_LC_BROKEN;
}

void failure_note(struct service *s, enum sedge_lc_state old)
{
    struct failure *f;

    if (!is_down(s->lc.state) || is_down(old)) return;
    failure_forget(s);
    f = s->failure = SEDGE_NEW(struct failure);
    f->version = sedge_xstrdup(s->version);
    f->reason = sedge_xstrdup(s->reason);
    f->code = s->lc.code;
    f->wall_ms = sedge_wall_ms();
    if (s->last_exit.known && s->last_exit_gen == s->gen && !s->last_exit.killed) f->exit = s->last_exit;
    sedge_output_last(s->output, true, &f->lines);
}

int sedge_supervisor_failure(struct sedge_supervisor *sup, const char *name, struct sedge_service_failure *out)
{
    const struct service *s = service_find(sup, name);

    if (!s || !s->failure) return -1;
    *out = (struct sedge_service_failure){.version = s->failure->version,
                                          .reason = s->failure->reason ? s->failure->reason : "",
                                          .code = s->failure->code,
                                          .wall_ms = s->failure->wall_ms,
                                          .exit = s->failure->exit,
                                          .lines = &s->failure->lines};
    return 0;
}
