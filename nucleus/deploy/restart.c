#include "restart.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "bootstrap.h"
#include "config/params.h"

#include <string.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static void go_on(struct sedge_run *run);
static void reboot_now(struct sedge_run *run);

static struct json_object *tasks_of(const struct sedge_entry *e)
{
    return sedge_json_arr(e->restart, e->phase == SEDGE_PHASE_ROLLBACK_BOOTSTRAP ? "back" : "tasks");
}

static char *boot_id(void)
{
    struct sedge_buf text = SEDGE_BUF_INIT;

    if (sedge_fs_read(BOOT_ID, 256, &text, NULL) != 0) sedge_buf_clear(&text);
    sedge_buf_puts(&text, "");
    return sedge_buf_steal(&text);
}

static bool reboot_is_due(const struct sedge_entry *e)
{
    sedge_auto_free char *now = boot_id();

    return sedge_str_eq(sedge_json_str(e->restart, "rebootFrom", NULL), now);
}

bool sedge_restart_holds(const struct sedge_entry *e)
{
    if (!e || !e->restart) return false;
    if (sedge_json_bool(e->restart, "fellBack", false)) return sedge_bootstrap_next(sedge_json_arr(e->restart, "back"));
    return e->phase == SEDGE_PHASE_BOOTSTRAP || e->phase == SEDGE_PHASE_ROLLBACK_BOOTSTRAP || reboot_is_due(e);
}

struct sedge_entry *sedge_restart_pending(struct sedge_entry *entries)
{
    while (entries && (entries->phase == SEDGE_PHASE_DONE || !entries->restart))
        entries = entries->next;
    return entries;
}

/* ---- is it needed? ---- */

static const char *changed_parameter(struct sedge_run *run)
{
    sedge_auto_put struct json_object *before =
        sedge_config_get_object(run->d->o.config, SEDGE_PATH("services", SEDGE_NUCLEUS, "configuration"));
    struct json_object *service = sedge_json_obj(run->services, SEDGE_NUCLEUS);
    const char *name = NULL;

    if (!service) return NULL;
    switch (sedge_nucleus_params_diff(before, sedge_json_obj(service, "configuration"), &name)) {
    case SEDGE_P_RESTART:
        return name;
    case SEDGE_P_RECONNECT:
    case SEDGE_P_LIVE:
    case SEDGE_P_NEXT_USE:
    case SEDGE_P_IGNORED:
        break;
    }
    return NULL;
}

void sedge_run_look_for_restart(struct sedge_run *run)
{
    sedge_auto_put struct json_object *now = sedge_config_get_object(run->d->o.config, SEDGE_PATH("services"));

    (void)json_object_put(run->tasks);
    run->tasks = sedge_bootstrap_tasks(now, run->services);
    run->restart_for = changed_parameter(run);
    for (size_t i = 0; i < json_object_array_length(run->tasks); i++)
        sedge_log(SEDGE_INFO, "deploy", "bootstrap-required", "id=%s component=%s", run->entry->id,
                  sedge_bootstrap_component(json_object_array_get_idx(run->tasks, i)));
    if (run->restart_for)
        sedge_log(SEDGE_INFO, "deploy", "restart-required", "id=%s parameter=%s", run->entry->id, run->restart_for);
    run->restarts = run->restart_for || json_object_array_length(run->tasks) > 0;
}

/* ---- the journal ---- */

static void keep_again(struct sedge_run *run);

static void kept_cb(struct sedge_run *run, const struct sedge_err *err)
{
    if (sedge_run_is_over(run)) {
        sedge_run_abandon(run);
        return;
    }
    if (err->code == SEDGE_OK) {
        run->kept(run);
        return;
    }
    sedge_run_phase(run, "WAITING", err->msg);
    sedge_run_after(run, SEDGE_DEPLOY_JOURNAL_RETRY_MS, keep_again);
}

static void keep_again(struct sedge_run *run)
{
    sedge_journal_save(run, kept_cb);
}

/* To the disk, however long that takes, and only then on: a step that has run must not be forgotten. */
static void keep(struct sedge_run *run, void (*then)(struct sedge_run *run))
{
    run->kept = then;
    keep_again(run);
}

/* ---- the end of a part ---- */

static void restart_nucleus(struct sedge_run *run)
{
    sedge_run_phase(run, "RESTARTING", "the nucleus");
    run->d->ops.restart(run->d->env);
}

/* All steps have run: the next start of the nucleus starts the components. */
static void enter_next_phase(struct sedge_entry *e)
{
    if (sedge_bootstrap_next(tasks_of(e))) return;
    e->phase = e->phase == SEDGE_PHASE_BOOTSTRAP ? SEDGE_PHASE_APPLIED : SEDGE_PHASE_ROLLED_BACK;
}

static void restart_with(struct sedge_run *run)
{
    run->entry->attempts = 0;
    enter_next_phase(run->entry);
    keep(run, restart_nucleus);
}

/* Nothing has changed, or nothing can be changed any more: the components are started without a restart. */
static void start_components(struct sedge_run *run)
{
    sedge_supervisor_reopen(run->d->o.supervisor);
    sedge_services_start_all(run->d);
}

/* A step failed, or what it asked for. On the way back that is the end of the way. */
static void step_failed(struct sedge_run *run)
{
    if (!run->rolling_back) {
        sedge_run_restart_back(run);
        return;
    }
    sedge_services_start_all(run->d);
    sedge_run_finish(run, "FAILED", "FAILED_UNABLE_TO_ROLLBACK");
}

/* ---- reboot ---- */

static void reboot_failed(struct sedge_run *run, const char *why)
{
    sedge_log(SEDGE_ERROR, "deploy", "reboot-failed", "id=%s %s", run->entry->id, why);
    json_object_object_del(run->entry->restart, "rebootFrom");
    sedge_failure_add(&run->failure, "COMPONENT_BOOTSTRAP_ERROR");
    sedge_failure_cause(&run->failure,
                        "A bootstrap script asked for a reboot of the machine (exit code %d), which failed: %s",
                        SEDGE_BOOTSTRAP_EXIT_REBOOT, why);
    step_failed(run);
}

static void still_up(struct sedge_run *run)
{
    sedge_auto_free char *why = sedge_xasprintf("it did not go down within %d s", SEDGE_DEPLOY_REBOOT_WAIT_MS / 1000);

    reboot_failed(run, why);
}

/* Told once; should we live on, the service manager ends us. */
static void wait_for_reboot(struct sedge_run *run)
{
    sedge_run_phase(run, "REBOOTING", "the machine");
    sedge_run_after(run, SEDGE_DEPLOY_REBOOT_WAIT_MS, still_up);
}

static void reboot_cb(void *arg, const struct sedge_err *err)
{
    struct sedge_run *run = arg;

    run->waiting--;
    if (err->code != SEDGE_OK) {
        if (sedge_run_is_over(run))
            sedge_run_abandon(run); /* it stays due */
        else
            reboot_failed(run, err->msg);
        return;
    }
    json_object_object_del(run->entry->restart, "rebootFrom");
    keep(run, wait_for_reboot);
}

static void reboot_now(struct sedge_run *run)
{
    sedge_run_phase(run, "REBOOTING", "the machine");
    run->waiting++;
    run->d->ops.reboot(run->d->env, reboot_cb, run);
}

static void reboot_with(struct sedge_run *run)
{
    sedge_auto_free char *now = boot_id();

    sedge_json_add_str(run->entry->restart, "rebootFrom", now);
    run->entry->attempts = 0;
    enter_next_phase(run->entry);
    keep(run, reboot_now);
}

/* ---- steps ---- */

static void note_failure(struct sedge_run *run, const char *component, int code, const struct sedge_err *err)
{
    const char *version = sedge_config_str(run->d->o.config, SEDGE_PATH("services", component, "version"), "");
    sedge_auto_free char *how =
        err->code != SEDGE_OK ? sedge_xstrdup(err->msg) : sedge_xasprintf("It exited with code %d.", code);

    sedge_log(SEDGE_ERROR, "deploy", "bootstrap-failed", "id=%s component=%s %s", run->entry->id, component, how);
    sedge_failure_add(&run->failure,
                      err->code == SEDGE_E_TIMEOUT ? "COMPONENT_BOOTSTRAP_TIMEOUT" : "COMPONENT_BOOTSTRAP_ERROR");
    sedge_failure_cause(&run->failure, "The bootstrap step of component %s %s failed: %s See %s/logs/%s.log", component,
                        version, how, run->d->root, component);
    if (run->failure.output.n == 0) sedge_supervisor_last_lines(run->d->o.supervisor, component, &run->failure.output);
}

static void step_done(void *arg, int code, const struct sedge_err *err)
{
    struct sedge_run *run = arg;
    struct json_object *task = sedge_bootstrap_next(tasks_of(run->entry));
    enum sedge_bootstrap_result result;

    run->waiting--;
    if (sedge_run_is_over(run)) { /* ended by us, perhaps: it stays PENDING */
        sedge_run_abandon(run);
        return;
    }
    sedge_log(SEDGE_INFO, "deploy", "bootstrap-ended", "id=%s component=%s exitCode=%d", run->entry->id,
              sedge_bootstrap_component(task), code);
    result = sedge_bootstrap_end(task, code);
    switch (result) {
    case SEDGE_BOOTSTRAP_GO_ON:
        keep(run, go_on);
        break;
    case SEDGE_BOOTSTRAP_RESTART:
        restart_with(run);
        break;
    case SEDGE_BOOTSTRAP_REBOOT:
        reboot_with(run);
        break;
    case SEDGE_BOOTSTRAP_FAILED:
        note_failure(run, sedge_bootstrap_component(task), code, err);
        step_failed(run);
        break;
    }
}

static void run_step(struct sedge_run *run)
{
    const char *component = sedge_bootstrap_component(sedge_bootstrap_next(tasks_of(run->entry)));
    sedge_auto_free char *text = sedge_xasprintf("component %s", component);

    sedge_run_phase(run, "BOOTSTRAPPING", text);
    run->waiting++;
    sedge_service_bootstrap(run->d, component, step_done, run);
}

static void go_on(struct sedge_run *run)
{
    struct json_object *task = sedge_bootstrap_next(tasks_of(run->entry));

    if (!task) {
        restart_with(run);
        return;
    }
    sedge_bootstrap_begin(task);
    keep(run, run_step);
}

/* ---- there ---- */

static void entered_cb(struct sedge_run *run, const struct sedge_err *err)
{
    struct sedge_entry *e = run->entry;

    if (sedge_run_is_over(run)) {
        sedge_run_abandon(run);
        return;
    }
    if (err->code == SEDGE_OK) {
        go_on(run);
        return;
    }
    sedge_failure_add_err(&run->failure, "IO_WRITE_ERROR", err);
    (void)sedge_run_restore(run, NULL);
    e->phase = SEDGE_PHASE_QUEUED;
    (void)json_object_put(e->restart);
    e->restart = NULL;
    start_components(run);
    sedge_run_fail_early(run);
}

static void stopped_cb(void *arg, const struct sedge_err *err)
{
    struct sedge_run *run = arg;
    struct sedge_entry *e = run->entry;

    (void)err; /* what did not stop in time has been killed */
    if (sedge_run_is_over(run)) {
        sedge_run_abandon(run);
        return;
    }
    if (e->cancel || sedge_run_write_plan(run) != 0) {
        start_components(run);
        sedge_run_fail_early(run);
        return;
    }
    e->restart = json_object_new_object();
    (void)json_object_object_add(e->restart, "tasks", json_object_get(run->tasks));
    e->phase = SEDGE_PHASE_BOOTSTRAP;
    e->attempts = 0;
    sedge_journal_save(run, entered_cb);
}

void sedge_run_restart(struct sedge_run *run)
{
    struct sedge_entry *e = run->entry;

    (void)json_object_put(e->snapshot);
    e->snapshot = sedge_config_snapshot(run->d->o.config);
    sedge_run_phase(run, "STOPPING", "all components, for a restart of the nucleus");
    sedge_supervisor_stop_all(run->d->o.supervisor, SEDGE_DEPLOY_STOP_MS, stopped_cb, run);
}

/* ---- back ---- */

struct json_object *sedge_restart_restore(struct sedge_config *cfg, struct sedge_entry *e, struct sedge_err *err)
{
    sedge_auto_put struct json_object *failed = sedge_config_get_object(cfg, SEDGE_PATH("services"));
    sedge_auto_put struct json_object *snapshot = NULL;
    size_t n = 0;

    while (sedge_builtins[n])
        n++;
    if (sedge_config_restore(cfg, e->snapshot, sedge_builtins, n, err) != 0) return NULL;
    snapshot = sedge_config_get_object(cfg, SEDGE_PATH("services"));
    return sedge_bootstrap_tasks_back(snapshot, failed, sedge_json_arr(e->restart, "tasks"));
}

/* The old configuration is in the tree: what the journal says of it. */
static void note_way_back(struct sedge_run *run, struct json_object *tasks)
{
    struct sedge_entry *e = run->entry;

    (void)json_object_object_add(e->restart, "back", tasks);
    json_object_object_del(e->restart, "fellBack");
    json_object_object_del(e->restart, "rebootFrom");
    (void)json_object_put(e->outcome);
    e->outcome = sedge_failure_to_json(&run->failure);
    e->phase = sedge_bootstrap_next(tasks) ? SEDGE_PHASE_ROLLBACK_BOOTSTRAP : SEDGE_PHASE_ROLLED_BACK;
    e->attempts = 0;
    run->rolling_back = true;
}

static void stopped_for_back_cb(void *arg, const struct sedge_err *err)
{
    struct sedge_run *run = arg;
    struct json_object *tasks;

    (void)err;
    if (sedge_run_is_over(run)) {
        sedge_run_abandon(run);
        return;
    }
    sedge_config_begin(run->d->o.config);
    tasks = sedge_restart_restore(run->d->o.config, run->entry, &run->err);
    sedge_config_end(run->d->o.config);
    if (!tasks) {
        sedge_log(SEDGE_ERROR, "deploy", "rollback-failed", "id=%s %s", run->entry->id, run->err.msg);
        start_components(run);
        sedge_run_finish(run, "FAILED", "FAILED_UNABLE_TO_ROLLBACK");
        return;
    }
    note_way_back(run, tasks);
    keep(run, restart_nucleus);
}

void sedge_run_restart_back(struct sedge_run *run)
{
    sedge_log(SEDGE_WARN, "deploy", "rollback", "id=%s %s", run->entry->id, run->failure.cause);
    sedge_run_phase(run, "ROLLING_BACK", NULL);
    sedge_supervisor_stop_all(run->d->o.supervisor, SEDGE_DEPLOY_STOP_MS, stopped_for_back_cb, run);
}

/* ---- after a start ---- */

static void fallen_back(struct sedge_run *run)
{
    if (run->entry->phase == SEDGE_PHASE_ROLLBACK_BOOTSTRAP)
        go_on(run);
    else
        sedge_run_watch(run);
}

static void fall_back(struct sedge_run *run)
{
    sedge_failure_add(&run->failure, "NUCLEUS_RESTART_FAILURE");
    sedge_failure_cause(&run->failure,
                        "The nucleus did not come up with the new configuration: it ended %d times before the "
                        "deployment was over",
                        SEDGE_DEPLOY_RESTARTS_MAX);
    sedge_log(SEDGE_WARN, "deploy", "rollback", "id=%s %s", run->entry->id, run->failure.cause);
    note_way_back(run, json_object_get(sedge_json_arr(run->entry->restart, "back")));
    keep(run, fallen_back);
}

static void resume_steps(struct sedge_run *run)
{
    struct sedge_entry *e = run->entry;

    if (e->phase == SEDGE_PHASE_ROLLBACK_BOOTSTRAP && e->attempts > SEDGE_DEPLOY_RESTARTS_MAX)
        step_failed(run);
    else
        go_on(run);
}

bool sedge_run_resume_restart(struct sedge_run *run)
{
    struct sedge_entry *e = run->entry;

    if (!e->restart) return false;
    if (!sedge_restart_holds(e) && !sedge_json_bool(e->restart, "fellBack", false)) {
        json_object_object_del(e->restart, "rebootFrom"); /* the machine has been rebooted */
        return false;
    }
    (void)sedge_run_reread_document(run); /* only for the group's name in messages */
    run->rolling_back = e->phase == SEDGE_PHASE_ROLLBACK_BOOTSTRAP;
    if (e->outcome) sedge_failure_from_json(&run->failure, e->outcome);
    sedge_run_report(run, false);
    if (sedge_json_bool(e->restart, "fellBack", false))
        fall_back(run);
    else if (reboot_is_due(e))
        reboot_now(run);
    else
        resume_steps(run);
    return true;
}
