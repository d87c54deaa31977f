/* All components together: the table, requests, events, the order of starting and stopping. */
#include "supervisor.h"

#include <ctype.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "react.h"
#include "recipe/recipe.h"
#include "recipe/step.h"
#include "service.h"

#define ANCESTORS_MAX 256
#define TURNS_MAX     64 /* rounds over all components in one turn of the loop */

/* ---- finding ---- */

struct service *service_find(struct sedge_supervisor *sup, const char *name)
{
    for (struct service *s = sup->services; s; s = s->next)
        if (strcmp(s->name, name) == 0) return s;
    return NULL;
}

static struct service *find(struct sedge_supervisor *sup, const char *name, struct sedge_err *err)
{
    struct service *s = service_find(sup, name);

    if (!s) (void)sedge_err_set(err, SEDGE_E_NOT_FOUND, "no component with the name \"%s\" is on this device", name);
    return s;
}

static struct service *find_generic(struct sedge_supervisor *sup, const char *name, struct sedge_err *err)
{
    struct service *s = find(sup, name, err);

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

static bool has_lost_dependency(const struct service *s)
{
    for (size_t i = 0; i < s->ndeps; i++) {
        const struct service *d = s->deps[i].hard ? service_find(s->sup, s->deps[i].name) : NULL;
        if (s->deps[i].hard && (!d || !sedge_lc_is_ready(d->lc.state, d->lc.code))) return true;
    }
    return false;
}

static bool is_active(const struct service *s)
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
                                                         .reason = sedge_xstrdup(s->reason ? s->reason : "")};
}

void supervisor_moved(struct service *s, enum sedge_lc_state old)
{
    bool ready = sedge_lc_is_ready(s->lc.state, s->lc.code);

    if (s->detached) return;
    sedge_log(SEDGE_INFO, "supervisor", "service-set-state", "serviceName=%s currentState=%s newState=%s%s%s", s->name,
              sedge_lc_name(old), sedge_lc_name(s->lc.state), s->reason ? " reason=" : "", s->reason ? s->reason : "");
    add_event(s, old);
    for (struct service *a = s->sup->services; a; a = a->next) {
        if (depends_hard(a, s) && !ready && is_active(a)) (void)sedge_lc_want_restart(&a->lc);
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

static void unlink_service(struct service **list, struct service *s)
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

    unlink_service(&sup->services, s);
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

/* ---- birth and death ---- */

/* What is the nucleus' own business and not a component's. */
static bool is_private(const char *assignment)
{
    static const char *const names[] = {
        "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_SESSION_TOKEN=", "NOTIFY_SOCKET=",
        "WATCHDOG_USEC=",     "WATCHDOG_PID=",          "LISTEN_FDS=",        "LISTEN_PID=",
        "LISTEN_FDNAMES="};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(names); i++)
        if (sedge_str_starts(assignment, names[i])) return true;
    return false;
}

/* PATH of the nucleus, and the four system folders that exist. */
static char *search_path(void)
{
    static const char *const system[] = {"/bin", "/usr/bin", "/sbin", "/usr/sbin"};
    sedge_auto_strv struct sedge_strv dirs = {NULL, 0};
    const char *path = getenv("PATH");

    if (path && *path) sedge_strv_split(&dirs, path, ":,");
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(system); i++)
        if (!sedge_strv_has(&dirs, system[i]) && sedge_fs_is_dir(system[i])) sedge_strv_add(&dirs, system[i]);
    return sedge_strv_join(&dirs, ":");
}

static char *own_home(void)
{
    struct passwd pw, *found = NULL;
    char buffer[4096];
    const char *home = getenv("HOME");

    if (home && *home) return sedge_xstrdup(home);
    (void)getpwuid_r(geteuid(), &pw, buffer, sizeof(buffer), &found);
    return sedge_xstrdup(found ? found->pw_dir : "/");
}

static void take_environment(struct sedge_supervisor *sup)
{
    sup->search_path = search_path();
    sup->home = own_home();
    for (char **e = environ; *e; e++)
        if (!is_private(*e)) sedge_strv_add(&sup->base_env, *e);
    sedge_env_set(&sup->base_env, "PATH", sup->search_path);
    sedge_env_set(&sup->base_env, "HOME", sup->home);
}

static char *cgroup_name(const struct sedge_supervisor_options *o)
{
    sedge_auto_buf struct sedge_buf hex = SEDGE_BUF_INIT;

    if (o->cgroup_name) return sedge_xstrdup(o->cgroup_name);
    sedge_sha256_hex(o->root, strlen(o->root), &hex);
    return sedge_xasprintf("greengrass-%.8s", hex.data);
}

struct sweep {
    uv_work_t work;
    struct sedge_supervisor *sup;
};

static void sweep_cb(uv_work_t *w)
{
    struct sweep *sw = w->data;

    sweep_leftovers(sw->sup->root, sw->sup->cgroups);
}

static void swept_cb(uv_work_t *w, int status)
{
    struct sweep *sw = w->data;
    struct sedge_supervisor *sup = sw->sup;

    (void)status;
    free(sw);
    sup->sweeping = false;
    for (struct service *s = sup->services; s; s = s->next)
        s->dirty = true;
    supervisor_wake(sup);
    supervisor_unref(sup);
}

static void sweep_if_needed(struct sedge_supervisor *sup)
{
    sedge_auto_free char *marker = sedge_xasprintf("%s/state/components.running", sup->root);
    struct sweep *sw;

    if (!sedge_fs_exists(marker)) return;
    sw = SEDGE_NEW(struct sweep);
    sw->work.data = sw;
    sw->sup = sup;
    sup->sweeping = true;
    sup->refs++;
    (void)uv_queue_work(sup->loop, &sw->work, sweep_cb, swept_cb);
}

static void set_options(struct sedge_supervisor *sup, const struct sedge_supervisor_options *o)
{
    sup->root = sedge_xstrdup(o->root);
    sup->exec_path = sedge_xstrdup(o->exec_path);
    sup->default_user = sedge_xstrdup(o->default_user ? o->default_user : "");
    sup->shell = sedge_xstrdup(o->shell && *o->shell ? o->shell : "sh");
    sup->default_limits = o->default_limits;
    sup->is_root = geteuid() == 0;
    sup->log = o->log;
    sup->logs = o->log.directory ? sedge_xstrdup(o->log.directory) : sedge_xasprintf("%s/logs", o->root);
    sup->log.directory = NULL;
    sup->chunk = sedge_xcalloc(1, SEDGE_PROCESS_CHUNK);
}

struct sedge_supervisor *sedge_supervisor_new(uv_loop_t *loop, const struct sedge_supervisor_options *options,
                                              const struct sedge_supervisor_ops *ops, void *env, struct sedge_err *err)
{
    sedge_auto_free char *state = sedge_xasprintf("%s/state", options->root);
    sedge_auto_free char *group = cgroup_name(options);
    struct sedge_supervisor *sup;

    if (access(options->exec_path, X_OK) != 0) {
        (void)sedge_err_set(err, SEDGE_E_NOT_FOUND,
                            "%s: the helper that starts components is not there or not executable: is the nucleus "
                            "installed completely?",
                            options->exec_path);
        return NULL;
    }
    if (sedge_fs_mkdirs(state, 0700, err) != 0) return NULL;
    sup = SEDGE_NEW(struct sedge_supervisor);
    sup->loop = loop;
    sup->ops = *ops;
    sup->env = env;
    set_options(sup, options);
    take_environment(sup);
    sup->cgroups = sedge_cgroups_open("/sys/fs/cgroup", group);
    (void)uv_idle_init(loop, &sup->idle);
    (void)uv_timer_init(loop, &sup->deadline);
    sup->idle.data = sup;
    sup->deadline.data = sup;
    sup->refs = 1;
    sweep_if_needed(sup);
    return sup;
}

static void destroy(struct sedge_supervisor *sup)
{
    void (*freed)(void *) = sup->freed;
    void *arg = sup->freed_arg;

    for (size_t i = 0; i < sup->nevents; i++) {
        free(sup->events[i].name);
        free(sup->events[i].reason);
    }
    free(sup->events);
    sedge_cgroups_close(sup->cgroups);
    sedge_strv_release(&sup->base_env);
    free(sup->search_path);
    free(sup->home);
    free(sup->root);
    free(sup->exec_path);
    free(sup->default_user);
    free(sup->shell);
    free(sup->logs);
    free(sup->chunk);
    free(sup);
    if (freed) freed(arg);
}

static void handle_closed_cb(uv_handle_t *h)
{
    supervisor_unref(h->data);
}

void supervisor_unref(struct sedge_supervisor *sup)
{
    if (--sup->refs > 0) return;
    destroy(sup);
}

/* While it is being freed: forgets components whose processes are gone, and closes at last. */
void supervisor_check_freed(struct sedge_supervisor *sup)
{
    struct service *next;

    if (!sup->freeing || sup->closed) return;
    for (struct service *s = sup->services; s; s = next) {
        next = s->next;
        if (s->scripts) continue;
        unlink_service(&sup->services, s);
        sedge_cgroups_remove(sup->cgroups, s->name);
        service_close(s);
    }
    if (sup->services || sup->detached) return;
    sup->closed = true;
    sup->refs += 2;
    uv_close((uv_handle_t *)&sup->idle, handle_closed_cb);
    uv_close((uv_handle_t *)&sup->deadline, handle_closed_cb);
    supervisor_unref(sup); /* the one that new gave */
}

static void cancel_callbacks(struct sedge_supervisor *sup)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)sedge_err_set(&err, SEDGE_E_CANCELED, "the supervisor is being freed");
    for (struct service *s = sup->services; s; s = s->next) {
        sedge_supervisor_done done = s->removed;
        s->removed = NULL;
        if (done) done(s->removed_arg, &err);
    }
    if (sup->stopped) sup->stopped(sup->stopped_arg, &err);
    sup->stopped = NULL;
}

void sedge_supervisor_free(struct sedge_supervisor *sup, void (*freed)(void *arg), void *arg)
{
    if (sup->freeing) return;
    sup->freeing = true;
    sup->freed = freed;
    sup->freed_arg = arg;
    cancel_callbacks(sup);
    sup->ops = (struct sedge_supervisor_ops){.event = NULL};
    for (struct service *s = sup->services; s; s = s->next) {
        s->removing = false;
        if (!s->builtin) service_force(s);
    }
    for (struct service *s = sup->detached; s; s = s->next)
        service_force(s);
    supervisor_wake(sup);
}

/* ---- settings ---- */

void sedge_supervisor_set_log(struct sedge_supervisor *sup, const struct sedge_log_settings *log)
{
    sup->log = *log;
    sup->log.directory = NULL;
    free(sup->logs);
    sup->logs = log->directory ? sedge_xstrdup(log->directory) : sedge_xasprintf("%s/logs", sup->root);
    for (struct service *s = sup->services; s; s = s->next)
        sedge_output_configure(s->output, &sup->log, sup->logs);
}

static void apply_limits(struct service *s)
{
    struct sedge_limits l = service_limits(s);
    struct sedge_err err = SEDGE_ERR_INIT;

    if (s->builtin || !s->scripts) return; /* the next launch sets them */
    s->limited = true;
    if (sedge_cgroups_limit(s->sup->cgroups, s->name, l.memory_kb, l.cpus, &err) != 0)
        service_note(s, SEDGE_WARN, "limits", "systemResourceLimits are not applied: %s", err.msg);
}

void sedge_supervisor_set_default_limits(struct sedge_supervisor *sup, struct sedge_limits limits)
{
    sup->default_limits = limits;
    for (struct service *s = sup->services; s; s = s->next)
        if (!s->has_limits) apply_limits(s);
}

void sedge_supervisor_begin_update(struct sedge_supervisor *sup)
{
    sup->updates++;
}

void sedge_supervisor_end_update(struct sedge_supervisor *sup)
{
    sedge_assert(sup->updates > 0);
    if (--sup->updates > 0) return;
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

static enum sedge_reaction update(struct service *s, const struct sedge_service_spec *spec)
{
    struct sedge_service_spec before = spec_of(s);
    enum sedge_reaction r = sedge_react(&before, spec);

    if (s->lc.state == SEDGE_LC_BROKEN && r == SEDGE_REACT_RESTART) r = SEDGE_REACT_REINSTALL;
    service_assign(s, spec);
    if (r < SEDGE_REACT_RESTART && is_active(s) && has_lost_dependency(s)) r = SEDGE_REACT_RESTART;
    if (r == SEDGE_REACT_LIMITS) apply_limits(s);
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
    struct service *s = find_generic(sup, name, err);

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
    struct service *s = find_generic(sup, name, err);

    if (!s) return -1;
    if (sedge_lc_want_start(&s->lc)) service_dirty(s);
    return 0;
}

int sedge_supervisor_stop(struct sedge_supervisor *sup, const char *name, struct sedge_err *err)
{
    struct service *s = find_generic(sup, name, err);

    if (!s) return -1;
    if (sedge_lc_want_stop(&s->lc)) service_dirty(s);
    return 0;
}

int sedge_supervisor_restart(struct sedge_supervisor *sup, const char *name, struct sedge_err *err)
{
    struct service *s = find_generic(sup, name, err);
    int rc;

    if (!s) return -1;
    rc = sedge_lc_want_restart(&s->lc);
    if (rc < 0)
        return sedge_err_set(err, SEDGE_E_CONFLICT, "%s %s", name,
                             s->lc.closed ? "is being stopped for good" : "has not been started yet");
    if (rc > 0) service_dirty(s);
    return 0;
}

int sedge_supervisor_reinstall(struct sedge_supervisor *sup, const char *name, struct sedge_err *err)
{
    struct service *s = find_generic(sup, name, err);

    if (!s) return -1;
    if (s->lc.closed) return sedge_err_set(err, SEDGE_E_CONFLICT, "%s is being stopped for good", name);
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
    struct service *s = find_generic(sup, name, err);

    if (!s) return -1;
    if (state != SEDGE_LC_RUNNING && state != SEDGE_LC_ERRORED)
        return sedge_err_set(err, SEDGE_E_INVALID, "a component can report RUNNING or ERRORED, not %s",
                             sedge_lc_name(state));
    if (!sedge_lc_may_report(&s->lc, state)) {
        service_note(s, SEDGE_WARN, "report-ignored", "The component reported %s while it is %s: ignored",
                     sedge_lc_name(state), sedge_lc_name(s->lc.state));
        return 0;
    }
    service_event(s, state == SEDGE_LC_RUNNING ? SEDGE_LC_EV_UP : SEDGE_LC_EV_REPORT_ERROR, SEDGE_STATUS_NONE);
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
    for (struct service *s = sup->detached; s; s = s->next)
        service_force(s);
}

void sedge_supervisor_stop_all(struct sedge_supervisor *sup, int64_t deadline_ms, sedge_supervisor_done done, void *arg)
{
    sup->stopping = true;
    sup->stopped = done;
    sup->stopped_arg = arg;
    for (struct service *s = sup->services; s; s = s->next)
        if (!s->builtin) s->closing = true;
    if (deadline_ms > 0) (void)uv_timer_start(&sup->deadline, deadline_cb, (uint64_t)deadline_ms, 0);
    supervisor_wake(sup);
}

/* ---- bootstrap ---- */

bool sedge_lifecycle_has_bootstrap(struct json_object *lifecycle)
{
    struct sedge_step step;

    return sedge_lifecycle_step(lifecycle, "bootstrap", &step) == SEDGE_STEP_SCRIPT;
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

    unlink_service(&b->sup->detached, b->s);
    b->done(b->arg, code, err);
    free(b);
}

/* From the loop and not from inside the caller, since an absent step is done at once. */
static void bootstrap_cb(uv_timer_t *t)
{
    struct service *s = t->data;

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
    (void)uv_timer_start(&s->timer, bootstrap_cb, 0, 0);
}

/* ---- looking ---- */

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

static void fill_info(const struct service *s, struct sedge_service_info *out)
{
    *out = (struct sedge_service_info){
        .name = s->name,
        .version = s->version,
        .state = s->lc.state,
        .code = s->lc.code,
        .reason = s->reason ? s->reason : "",
        .builtin = s->builtin,
        .pending = !s->builtin && (s->lc.ngoals > 0 || s->lc.busy || s->dirty),
        .state_since_mono = s->since,
        .broken_since_mono = s->broken_since,
        .pid = pid_of(s),
        .last_exit = s->last_exit,
        .user = s->user ? s->user : "",
    };
}

int sedge_supervisor_get(struct sedge_supervisor *sup, const char *name, struct sedge_service_info *out,
                         struct sedge_err *err)
{
    struct service *s = find(sup, name, err);

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
    struct service *s = service_find(sup, name);

    if (s) sedge_output_last(s->output, out);
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
