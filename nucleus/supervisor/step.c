/* Running one step: read it from the lifecycle, prepare it in a work item, spawn it, follow it to its end. */
#include <stdio.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "recipe/step.h"
#include "service.h"

#define FOREGROUND_DRAIN_MS 5000

static const struct {
    const char *name;
    const char *title; /* for "Run script exited" */
    bool foreground;   /* its pipes get a limited time after its exit */
} steps[NSTEPS] = {
    [STEP_BOOTSTRAP] = {"bootstrap", "Bootstrap", false}, [STEP_INSTALL] = {"install", "Install", true},
    [STEP_STARTUP] = {"startup", "Startup", false},       [STEP_RUN] = {"run", "Run", false},
    [STEP_SHUTDOWN] = {"shutdown", "Shutdown", true},     [STEP_RECOVER] = {"recover", "Recover", false},
    [STEP_UNINSTALL] = {"uninstall", "Uninstall", true},
};

const char *step_name(enum step_kind kind)
{
    return steps[kind].name;
}

struct launch { /* a step on its way through the work item */
    uv_work_t work;
    struct service *s;
    enum step_kind kind;
    unsigned gen;
    struct json_object *lifecycle; /* keeps `step` alive */
    struct sedge_step step;
    char *script_name;
    char *version, *user_text, *marker, *owned;
    const char *shutdown_skipif; /* of the shutdown step that this launch remembers */
    bool remember_shutdown;
    struct sedge_prepare in;
    enum sedge_prepared rc;
    struct sedge_prepare_out out;
};

static void report(struct service *s, enum step_kind kind, enum step_outcome outcome, const struct sedge_err *err)
{
    struct step_result r = {.kind = kind, .outcome = outcome};

    if (err) r.err = *err;
    if (outcome == STEP_EXITED) r.exit.code = STEP_EXIT_NO_ACCOUNT;
    service_on_step(s, &r);
}

void step_forget_user(struct service *s)
{
    free(s->fixed_user);
    s->fixed_user = NULL;
}

void step_cancel(struct service *s)
{
    s->gen++;
}

/* ---- the environment ---- */

static void add_identity(struct sedge_strv *env, const struct launch *l)
{
    const struct sedge_run_as *as = &l->out.run_as;

    if (!as->name) return;
    sedge_env_set(env, "USER", as->name);
    sedge_env_set(env, "LOGNAME", as->name);
    if (as->home) sedge_env_set(env, "HOME", as->home);
}

static void add_list(struct sedge_strv *env, const struct sedge_strv *list)
{
    for (size_t i = 0; i < list->n; i++) {
        char *eq = strchr(list->v[i], '=');
        sedge_auto_free char *name = eq ? sedge_xstrndup(list->v[i], (size_t)(eq - list->v[i])) : NULL;
        if (name) sedge_env_set(env, name, eq + 1);
    }
}

static void make_environment(const struct launch *l, struct sedge_strv *env)
{
    struct service *s = l->s;
    struct sedge_supervisor *sup = s->sup;
    sedge_auto_strv struct sedge_strv global = {NULL, 0};

    for (size_t i = 0; i < sup->base_env.n; i++)
        sedge_strv_add(env, sup->base_env.v[i]);
    if (l->out.run_as.switch_user || l->in.is_root) add_identity(env, l);
    sedge_env_set(env, "SVCUID", s->token);
    sedge_env_set(env, "AWS_CONTAINER_AUTHORIZATION_TOKEN", s->token);
    if (sup->ops.environment) sup->ops.environment(sup->env, s->name, &global);
    add_list(env, &global);
    sedge_env_add_map(env, s->setenv);
    sedge_env_add_step(env, l->lifecycle, &l->step);
    if (l->kind == STEP_UNINSTALL) sedge_env_set(env, "GREENGRASS_COMPONENT_VERSION", s->version);
    sedge_env_set(env, SWEEP_VARIABLE, sup->root); /* last: nothing may hide a script from the next life's sweep */
    sedge_strv_add_take(env, NULL);
}

/* ---- the process ---- */

static void on_started(struct sedge_process *p, void *user)
{
    struct script *sc = user;

    (void)p;
    if (sc->gen == sc->s->gen && !sc->launch) report(sc->s, sc->kind, STEP_LAUNCHED, NULL);
}

static size_t on_output(struct sedge_process *p, bool is_stderr, const char *data, size_t n, void *user)
{
    struct script *sc = user;

    (void)p;
    if (n > 0 && sc->s->extension.output_is_life) (void)care_alive(sc->s);
    return sedge_output_data(sc->source, is_stderr, data, n, sedge_mono_ms());
}

static void on_note(struct sedge_process *p, char kind, const char *text, void *user)
{
    struct script *sc = user;

    (void)p;
    if (kind == 'E') {
        if (!sc->launch) sc->launch = SEDGE_NEW(struct sedge_err);
        (void)sedge_err_set(sc->launch, SEDGE_E_IO, "%s", text);
        service_note(sc->s, SEDGE_ERROR, "script-not-started", "The %s script could not be started: %s",
                     step_name(sc->kind), text);
        return;
    }
    service_note(sc->s, SEDGE_WARN, "script-set-up", "%s", text);
}

static const char *hint_of(int code)
{
    if (code == 126)
        return "the shell found a program that it may not execute: check that it is executable (artifact permission "
               "Execute) and its first line";
    if (code == 127) return "the shell did not find a program: check its name, PATH and the artifacts";
    return NULL;
}

static void note_exit(const struct script *sc, const struct sedge_process_exit *how)
{
    struct service *s = sc->s;
    sedge_auto_put struct json_object *extra = json_object_new_object();
    sedge_auto_free char *text = sedge_xasprintf("%s script exited", steps[sc->kind].title);
    sedge_auto_free char *code = sedge_xasprintf("%d", how->signal ? 128 + how->signal : how->code);
    const char *hint = hint_of(how->code);

    sedge_json_add_str(extra, "exitCode", code);
    if (how->signal) {
        char name[SEDGE_SIGNAL_NAME_LEN];
        sedge_json_add_str(extra, "signal", sedge_signal_name(how->signal, name));
        sedge_json_add_str(extra, "coreDumped", how->core ? "true" : "false");
    }
    sedge_output_note(s->output, SEDGE_INFO, "", text, extra);
    if (hint && !sc->launch) service_note(s, SEDGE_ERROR, "script-exit-code", "Exit code %d: %s", how->code, hint);
}

static void remember_exit(const struct script *sc, const struct sedge_process_exit *how)
{
    sc->s->last_exit_gen = sc->gen;
    sc->s->last_exit = (struct sedge_last_exit){.known = true,
                                                .step = step_name(sc->kind),
                                                .code = how->code,
                                                .signal = how->signal,
                                                .core = how->core,
                                                .killed = sc->doomed,
                                                .wall_ms = sedge_wall_ms()};
}

/* Whether the kernel has killed one of its processes, since this was last asked, for its memory limit. */
static bool has_run_out_of_memory(struct service *s)
{
    int64_t before = s->oom_kills;

    if (!s->limited) return false;
    s->oom_kills = sedge_cgroups_oom_kills(s->sup->cgroups, s->name);
    return s->oom_kills > before;
}

static void on_ended(struct sedge_process *p, const struct sedge_process_exit *how, void *user)
{
    struct script *sc = user;
    struct step_result r = {.kind = sc->kind, .outcome = STEP_EXITED, .exit = *how};

    (void)p;
    sedge_output_finish(sc->source);
    note_exit(sc, how);
    remember_exit(sc, how);
    r.out_of_memory = has_run_out_of_memory(sc->s);
    if (sc->gen != sc->s->gen) return; /* killed by a later step: its end changes nothing */
    if (sc->launch) r.err = *sc->launch;
    service_on_step(sc->s, &r);
}

static void forget_script(struct script *sc)
{
    struct service *s = sc->s;

    for (struct script **at = &s->scripts; *at; at = &(*at)->next) {
        if (*at != sc) continue;
        *at = sc->next;
        break;
    }
    sedge_output_source_free(sc->source);
    free(sc->launch);
    free(sc);
    service_script_gone(s);
    service_unref(s);
}

struct sweep {
    uv_work_t work;
    struct script *sc;
};

static void sweep_cb(uv_work_t *w)
{
    const struct script *sc = ((const struct sweep *)w)->sc;

    sweep_script(sc->token, sc->s->name, sc->s->sup->cgroups);
}

static void swept_cb(uv_work_t *w, int status)
{
    (void)status;
    forget_script(((struct sweep *)w)->sc);
    free(w);
}

static void on_gone(struct sedge_process *p, void *user)
{
    struct script *sc = user;
    struct sweep *sw;

    sc->process = NULL;
    if (!sedge_process_lost_monitor(p)) {
        forget_script(sc);
        return;
    }
    sw = SEDGE_NEW(struct sweep); /* it counts as running until its children are found and killed */
    sw->sc = sc;
    (void)uv_queue_work(sc->s->sup->loop, &sw->work, sweep_cb, swept_cb);
}

static const struct sedge_process_cbs process_cbs = {on_started, on_output, on_note, on_ended, on_gone};

static void fill_process(const struct launch *l, const struct sedge_strv *env, struct sedge_process_spec *spec)
{
    const struct sedge_run_as *as = &l->out.run_as;
    struct sedge_supervisor *sup = l->s->sup;

    *spec = (struct sedge_process_spec){
        .exec_path = sup->exec_path,
        .shell = sup->shell,
        .script = l->step.script,
        .dir = l->out.work_dir,
        .env = env->v,
        .cgroups = &l->out.cgroup_dirs,
        .switch_user = as->switch_user,
        .privileged = l->step.requires_privilege,
        .uid = as->uid,
        .gid = as->gid,
        .groups = as->groups,
        .ngroups = as->ngroups,
        .drain_ms = steps[l->kind].foreground ? FOREGROUND_DRAIN_MS : -1,
        .reader = sup->reader,
    };
}

static void note_start(const struct launch *l)
{
    sedge_auto_put struct json_object *extra = json_object_new_object();
    sedge_auto_free char *command = sedge_xasprintf("[\"%s\", \"-c\", \"%s\"]", l->s->sup->shell, l->step.script);

    sedge_json_add_str(extra, "command", command);
    sedge_output_note(l->s->output, SEDGE_INFO, "shell-runner-start", "", extra);
}

static int spawn(struct launch *l, struct sedge_err *err)
{
    sedge_auto_strv struct sedge_strv env = {NULL, 0};
    struct sedge_process_spec spec;
    struct script *sc = SEDGE_NEW(struct script);

    make_environment(l, &env);
    fill_process(l, &env, &spec);
    *sc = (struct script){.s = l->s, .kind = l->kind, .gen = l->gen};
    memcpy(sc->token, l->s->token, sizeof(sc->token));
    sc->source = sedge_output_begin(l->s->output, l->script_name);
    note_start(l);
    sc->process = sedge_process_spawn(l->s->sup->loop, &spec, &process_cbs, sc, err);
    if (!sc->process) {
        sedge_output_source_free(sc->source);
        free(sc);
        return -1;
    }
    sc->next = l->s->scripts;
    l->s->scripts = sc;
    l->s->refs++;
    return 0;
}

/* ---- after the work item ---- */

static enum step_outcome outcome_of(enum sedge_prepared rc)
{
    switch (rc) {
    case SEDGE_PREPARED_SKIP:
        return STEP_NOTHING;
    case SEDGE_PREPARED_BAD_CONFIG:
        return STEP_BAD_CONFIG;
    case SEDGE_PREPARED_NO_USER:
        return STEP_NO_USER;
    case SEDGE_PREPARED_BAD_IO:
        return STEP_BAD_IO;
    case SEDGE_PREPARED_NO_ACCOUNT:
        return STEP_EXITED;
    case SEDGE_PREPARED:
        break;
    }
    return STEP_LAUNCHED;
}

static void warn(struct service *s, const struct sedge_strv *warnings)
{
    for (size_t i = 0; i < warnings->n; i++)
        service_warn_once(s, warnings->v[i]);
}

static void go(struct launch *l)
{
    struct service *s = l->s;
    struct sedge_err err = SEDGE_ERR_INIT;

    warn(s, &l->out.warnings);
    if (l->rc == SEDGE_PREPARED) {
        free(s->user);
        s->user = sedge_xstrdup(l->out.run_as.name ? l->out.run_as.name : "");
        s->limited = l->in.set_limits;
        free(s->owned);
        s->owned = sedge_steal(&l->owned);
        if (spawn(l, &err) != 0) report(s, l->kind, STEP_BAD_IO, &err);
        return;
    }
    if (l->rc == SEDGE_PREPARED_SKIP)
        service_note(s, SEDGE_INFO, "step-skipped", "The %s step is skipped: skipif %s", step_name(l->kind),
                     l->step.skipif);
    if (l->rc == SEDGE_PREPARED_NO_ACCOUNT)
        service_note(s, SEDGE_ERROR, "script-not-started", "The %s script could not be started: %s", step_name(l->kind),
                     l->out.err.msg);
    report(s, l->kind, outcome_of(l->rc), &l->out.err);
}

static void free_launch(struct launch *l)
{
    sedge_prepare_release(&l->out);
    json_object_put(l->lifecycle);
    free(l->script_name);
    free(l->version);
    free(l->user_text);
    free(l->marker);
    free(l->owned);
    free(l);
}

static void prepared_cb(uv_work_t *w, int status)
{
    struct launch *l = w->data;
    struct service *s = l->s;

    if (status == 0 && l->gen == s->gen && !s->sup->freeing) {
        if (l->remember_shutdown) service_remember_shutdown(s, l->lifecycle, l->version, l->user_text);
        go(l);
    }
    free_launch(l);
    service_unref(s);
}

static void prepare_cb(uv_work_t *w)
{
    struct launch *l = w->data;
    /* tells the next life of the nucleus that there may be something to clean up */
    int fd = open(l->marker, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    if (fd >= 0) (void)close(fd);
    if (l->remember_shutdown) l->remember_shutdown = sedge_prepare_wanted(&l->in, l->shutdown_skipif);
    l->rc = sedge_prepare(&l->in, &l->out);
}

/* ---- before it ---- */

/* services.<component>.lifecycle.Run.Script, in the recipe's spelling */
static char *script_name(const struct service *s, struct json_object *lifecycle, enum step_kind kind)
{
    const char *step = NULL, *script = NULL;
    struct json_object *v = sedge_json_get_nocase(lifecycle, step_name(kind), &step);

    if (v && json_object_is_type(v, json_type_object)) (void)sedge_json_get_nocase(v, "script", &script);
    return sedge_xasprintf("services.%s.lifecycle.%s%s%s", s->name, step ? step : step_name(kind), script ? "." : "",
                           script ? script : "");
}

static void fill_prepare(struct launch *l)
{
    struct service *s = l->s;
    const char *user = l->kind == STEP_SHUTDOWN && s->old_lifecycle ? s->old_user : s->run_user;
    struct sedge_supervisor *sup = s->sup;
    struct sedge_limits limits = service_limits(s);

    if (!s->fixed_user) s->fixed_user = sedge_xstrdup(user && *user ? user : sup->default_user);
    l->user_text = sedge_xstrdup(s->fixed_user);
    l->owned = sedge_xasprintf("%s %s", l->version, l->user_text);
    l->marker = sedge_xasprintf("%s/state/components.running", sup->root);
    l->in = (struct sedge_prepare){
        .root = sup->root,
        .component = s->name,
        .version = l->version,
        .user_text = l->user_text,
        .skipif = l->step.skipif,
        .search_path = sup->search_path,
        .home = sup->home,
        .privileged = l->step.requires_privilege,
        .is_root = sup->is_root,
        .own_files = !sedge_str_eq(s->owned, l->owned),
        .cgroups = sup->cgroups,
        .limits = limits,
        .set_limits = s->limited || limits.memory_kb > 0 || limits.cpus > 0,
    };
}

/* A launch takes its own shutdown step along, unless that is to be skipped at this time. */
static void plan_shutdown(struct launch *l)
{
    struct sedge_step step;

    if (l->kind != STEP_STARTUP && l->kind != STEP_RUN) return;
    l->remember_shutdown = sedge_lifecycle_step(l->lifecycle, "shutdown", &step) == SEDGE_STEP_SCRIPT;
    l->shutdown_skipif = step.skipif;
}

static void queue(struct service *s, enum step_kind kind, struct json_object *lifecycle, const char *version,
                  const struct sedge_step *step)
{
    struct launch *l = SEDGE_NEW(struct launch);

    l->work.data = l;
    l->s = s;
    l->kind = kind;
    l->gen = s->gen;
    l->lifecycle = json_object_get(lifecycle);
    l->step = *step;
    l->version = sedge_xstrdup(version);
    l->script_name = script_name(s, lifecycle, kind);
    fill_prepare(l);
    plan_shutdown(l);
    s->refs++;
    (void)uv_queue_work(s->sup->loop, &l->work, prepare_cb, prepared_cb);
}

static bool is_too_long(const struct sedge_step *step, struct sedge_err *err)
{
    if (strlen(step->script) < SEDGE_SCRIPT_MAX) return false;
    (void)sedge_err_set(err, SEDGE_E_LIMIT, "the script has %zu bytes, at most %zu are possible", strlen(step->script),
                        SEDGE_SCRIPT_MAX - 1);
    return true;
}

int64_t step_begin(struct service *s, enum step_kind kind)
{
    bool old = kind == STEP_SHUTDOWN && s->old_lifecycle;
    struct json_object *lifecycle = old ? s->old_lifecycle : s->lifecycle;
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_step step;

    s->gen++;
    switch (sedge_lifecycle_step(lifecycle, step_name(kind), &step)) {
    case SEDGE_STEP_ABSENT:
    case SEDGE_STEP_EMPTY:
        report(s, kind, STEP_NOTHING, NULL);
        break;
    case SEDGE_STEP_INVALID:
        (void)sedge_err_set(&err, SEDGE_E_INVALID, "the step %s of the recipe is a map without \"Script\"",
                            step_name(kind));
        report(s, kind, STEP_BAD_CONFIG, &err);
        break;
    case SEDGE_STEP_SCRIPT:
        if (old) step.skipif = NULL; /* was asked at the launch */
        if (is_too_long(&step, &err))
            report(s, kind, STEP_BAD_CONFIG, &err);
        else
            queue(s, kind, lifecycle, old ? s->old_version : s->version, &step);
        break;
    }
    return step.timeout_s;
}
