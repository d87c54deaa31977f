/* What others may know: states, exits, output, and whose a token or a process is. */
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/proc.h"
#include "service.h"

#define ANCESTORS_MAX 256

static pid_t pid_of(const struct service *s)
{
    pid_t any = 0;

    for (const struct script *sc = s->scripts; sc; sc = sc->next) {
        pid_t pid = sedge_process_pid(sc->process);
        if (pid && (sc->kind == STEP_STARTUP || sc->kind == STEP_RUN)) return pid;
        if (pid) any = pid;
    }
    return any;
}

static void fill_info(struct service *s, struct sedge_service_info *out)
{
    int64_t pause = care_pause_ms(s);

    *out = (struct sedge_service_info){
        .name = s->name,
        .version = s->version,
        .state = s->lc.state,
        .code = s->lc.code,
        .reason = care_reason(s),
        .builtin = s->builtin,
        .pending = !s->builtin && pause == 0 && (s->lc.ngoals > 0 || s->lc.busy || s->dirty),
        .pause_ms = pause,
        .error_mono = s->errors[0],
        .third_error_mono = s->errors[SEDGE_LC_ERRORS_TO_BROKEN - 1],
        .state_since_mono = s->since,
        .broken_since_mono = s->broken_since,
        .pid = pid_of(s),
        .last_exit = s->last_exit,
        .user = s->user ? s->user : "",
        .paused = s->pause == SERVICE_PAUSED,
    };
}

int sedge_supervisor_get(struct sedge_supervisor *sup, const char *name, struct sedge_service_info *out,
                         struct sedge_err *err)
{
    struct service *s = supervisor_find(sup, name, err);

    if (!s) return -1;
    fill_info(s, out);
    return 0;
}

void sedge_supervisor_each(struct sedge_supervisor *sup, int (*fn)(const struct sedge_service_info *info, void *user),
                           void *user)
{
    sedge_auto_free struct service **order = NULL;
    size_t n;

    order = depend_order(sup, &n);
    for (size_t i = 0; i < n; i++) {
        struct sedge_service_info info;
        fill_info(order[i], &info);
        if (fn(&info, user) != 0) return;
    }
}

void sedge_supervisor_last_lines(struct sedge_supervisor *sup, const char *name, struct sedge_strv *out)
{
    struct service *s = sup->detached;

    while (s && strcmp(s->name, name) != 0)
        s = s->next;
    if (!s) s = service_find(sup, name);
    if (s) sedge_output_last(s->output, false, out);
}

const char *sedge_supervisor_owner_of_token(struct sedge_supervisor *sup, const char *token)
{
    const char *owner = NULL;

    for (struct service *s = sup->services; s; s = s->next) /* all of them, whichever matches */
        if (!s->builtin && sedge_secret_eq(s->token, token)) owner = s->name;
    return owner;
}

static const char *owner_of_monitor(struct service *list, pid_t pid)
{
    for (struct service *s = list; s; s = s->next)
        for (const struct script *sc = s->scripts; sc; sc = sc->next)
            if (sedge_process_monitor(sc->process) == pid) return s->name;
    return NULL;
}

const char *sedge_supervisor_owner_of_pid(struct sedge_supervisor *sup, pid_t pid)
{
    struct sedge_proc_stat st;
    pid_t self = getpid();

    for (int i = 0; i < ANCESTORS_MAX && pid > 1 && pid != self; i++) {
        const char *name = owner_of_monitor(sup->services, pid);
        if (!name) name = owner_of_monitor(sup->detached, pid);
        if (name) return name;
        if (sedge_proc_stat(pid, &st) != 0) return NULL;
        pid = st.ppid;
    }
    return NULL;
}
