/* From the plan to a stable device, or back to what ran before (spec/deployment.md 12, 15, 17). */
#include "restart.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/persist.h"

#include <string.h>

static size_t nbuiltins(void)
{
    size_t n = 0;

    while (sedge_builtins[n])
        n++;
    return n;
}

static void collect_broken(struct sedge_run *run)
{
    sedge_auto_strv struct sedge_strv names = {NULL, 0};

    sedge_service_names(run->d, &names);
    for (size_t i = 0; i < names.n; i++) {
        struct sedge_service_info info;
        if (sedge_supervisor_get(run->d->o.supervisor, names.v[i], &info, NULL) != 0) continue;
        if (info.state == SEDGE_LC_BROKEN || info.pause_ms > 0) /* both had failed before the deployment */
            sedge_strv_add(&run->broken_before, names.v[i]);
    }
}

/* ---- watching ---- */

enum verdict { VERDICT_WAIT, VERDICT_STABLE, VERDICT_BROKEN };

static void blame(struct sedge_run *run, const char *name, const struct sedge_service_info *info, const char *what)
{
    sedge_failure_add(&run->failure, "COMPONENT_UPDATE_ERROR");
    sedge_failure_add(&run->failure, "COMPONENT_BROKEN");
    sedge_failure_cause(&run->failure, "Component %s %s %s: %s See %s/logs/%s.log", name, info->version, what,
                        info->reason, run->d->root, name);
    if (run->failure.output.n == 0) sedge_supervisor_last_lines(run->d->o.supervisor, name, &run->failure.output);
}

/* With a back-off a component need never be BROKEN: as many errors as would break it without one fail the deployment,
 * and so does a pause that is too long to wait for. */
static bool has_failed(const struct sedge_run *run, const struct sedge_service_info *info)
{
    if (info->third_error_mono > 0 && info->third_error_mono >= run->since_mono) return true;
    return info->pause_ms > SEDGE_DEPLOY_PAUSE_MAX_MS && info->error_mono >= run->since_mono;
}

static enum verdict judge(struct sedge_run *run, const char *name, int64_t now, int64_t *wait_ms)
{
    struct sedge_service_info info;
    int64_t age;

    if (run->rolling_back && sedge_strv_has(&run->broken_before, name)) return VERDICT_STABLE;
    if (sedge_supervisor_get(run->d->o.supervisor, name, &info, NULL) != 0) return VERDICT_WAIT;
    if (info.state == SEDGE_LC_BROKEN) {
        if (info.broken_since_mono < run->since_mono && info.pending) return VERDICT_WAIT; /* is being reinstalled */
        blame(run, name, &info, "is BROKEN");
        return VERDICT_BROKEN;
    }
    if (has_failed(run, &info)) {
        blame(run, name, &info, "fails again and again");
        return VERDICT_BROKEN;
    }
    if (info.pending) return VERDICT_WAIT;
    if (info.state == SEDGE_LC_FINISHED) return VERDICT_STABLE;
    if (info.state != SEDGE_LC_RUNNING) return VERDICT_WAIT;
    age = now - info.state_since_mono;
    if (age >= SEDGE_DEPLOY_STABLE_MS) return VERDICT_STABLE;
    if (SEDGE_DEPLOY_STABLE_MS - age < *wait_ms) *wait_ms = SEDGE_DEPLOY_STABLE_MS - age;
    return VERDICT_WAIT;
}

static void stable(struct sedge_run *run);
static void broken(struct sedge_run *run);

void sedge_run_check(struct sedge_run *run)
{
    sedge_auto_strv struct sedge_strv names = {NULL, 0};
    int64_t now = sedge_mono_ms();
    int64_t wait_ms = SEDGE_DEPLOY_STABLE_MS;
    bool all = true;

    if (!run->watching) return;
    sedge_service_names(run->d, &names);
    for (size_t i = 0; i < names.n; i++) {
        enum verdict v = judge(run, names.v[i], now, &wait_ms);
        if (v == VERDICT_BROKEN) {
            run->watching = false;
            broken(run);
            return;
        }
        all = all && v == VERDICT_STABLE;
    }
    if (all) {
        run->watching = false;
        stable(run);
        return;
    }
    sedge_run_after(run, wait_ms, sedge_run_check);
}

void sedge_run_watch(struct sedge_run *run)
{
    run->watching = true;
    sedge_run_phase(run, run->rolling_back ? "ROLLING_BACK" : "STARTING", NULL);
    sedge_run_after(run, 1, sedge_run_check);
}

/* ---- removing what nobody wants ---- */

static void removed_all(struct sedge_run *run)
{
    if (run->rolling_back)
        sedge_run_finish(run, "FAILED", "FAILED_ROLLBACK_COMPLETE");
    else
        sedge_run_finish(run, "SUCCEEDED", "SUCCESSFUL");
}

static void removed_cb(void *arg, const struct sedge_err *err)
{
    struct sedge_run *run = arg;

    if (err->code != SEDGE_OK) sedge_log(SEDGE_WARN, "deploy", "component-removal", "%s", err->msg);
    if (--run->removing > 0) return;
    if (sedge_run_is_over(run))
        sedge_run_abandon(run);
    else
        removed_all(run);
}

struct obsolete {
    struct sedge_run *run;
    struct sedge_strv names;
};

static int find_obsolete(const struct sedge_service_info *info, void *user)
{
    struct obsolete *o = user;

    if (!info->builtin && !sedge_config_has(o->run->d->o.config, SEDGE_PATH("services", info->name, "version")))
        sedge_strv_add(&o->names, info->name);
    return 0;
}

static void remove_obsolete(struct sedge_run *run)
{
    struct obsolete o = {run, {NULL, 0}};

    sedge_supervisor_each(run->d->o.supervisor, find_obsolete, &o);
    run->removing = 1;
    for (size_t i = 0; i < o.names.n; i++) {
        sedge_log(SEDGE_INFO, "deploy", "component-removed", "component=%s", o.names.v[i]);
        if (sedge_supervisor_remove(run->d->o.supervisor, o.names.v[i], true, removed_cb, run, &run->err) == 0)
            run->removing++;
    }
    sedge_strv_release(&o.names);
    if (--run->removing == 0) removed_all(run);
}

static void stable(struct sedge_run *run)
{
    sedge_run_phase(run, "FINISHING", NULL);
    remove_obsolete(run);
}

/* ---- rolling back ---- */

static void rolled_back_cb(struct sedge_run *run, const struct sedge_err *err)
{
    if (sedge_run_is_over(run)) {
        sedge_run_abandon(run);
        return;
    }
    if (err->code != SEDGE_OK)
        sedge_log(SEDGE_ERROR, "deploy", "journal", "the rollback is not on the disk yet: %s", err->msg);
    run->since_mono = sedge_mono_ms();
    sedge_services_put_all(run);
    if (run->d->ops.changed) run->d->ops.changed(run->d->env);
    sedge_run_watch(run);
}

int sedge_run_restore(struct sedge_run *run, struct sedge_err *err)
{
    int rc;

    sedge_config_begin(run->d->o.config);
    rc = sedge_config_restore(run->d->o.config, run->entry->snapshot, sedge_builtins, nbuiltins(), err);
    sedge_config_end(run->d->o.config);
    return rc;
}

static void roll_back(struct sedge_run *run)
{
    struct sedge_entry *e = run->entry;

    sedge_auto_put struct json_object *failed = sedge_run_services_before(run);

    sedge_log(SEDGE_WARN, "deploy", "rollback", "id=%s %s", e->id, run->failure.cause);
    run->rolling_back = true;
    e->phase = SEDGE_PHASE_ROLLED_BACK;
    (void)json_object_put(e->outcome);
    e->outcome = sedge_failure_to_json(&run->failure);
    if (sedge_run_restore(run, &run->err) != 0) {
        sedge_log(SEDGE_ERROR, "deploy", "rollback-failed", "id=%s %s", e->id, run->err.msg);
        sedge_run_finish(run, "FAILED", "FAILED_UNABLE_TO_ROLLBACK");
        return;
    }
    sedge_run_note_leaving(run, failed);
    sedge_journal_save(run, rolled_back_cb);
}

static void broken(struct sedge_run *run)
{
    if (run->rolling_back)
        sedge_run_finish(run, "FAILED", "FAILED_UNABLE_TO_ROLLBACK");
    else if (run->entry->restart)
        sedge_run_restart_back(run); /* whatever the policy says */
    else if (run->doc.rollback)
        roll_back(run);
    else
        sedge_run_finish(run, "FAILED", "FAILED_ROLLBACK_NOT_REQUESTED");
}

/* ---- applying ---- */

static void start_watching(struct sedge_run *run)
{
    sedge_services_put_all(run);
    if (run->d->ops.changed) run->d->ops.changed(run->d->env);
    if (sedge_failure_is_set(&run->failure))
        broken(run);
    else
        sedge_run_watch(run);
}

static void applied_cb(struct sedge_run *run, const struct sedge_err *err)
{
    if (sedge_run_is_over(run)) {
        sedge_run_abandon(run);
        return;
    }
    if (err->code == SEDGE_OK) {
        start_watching(run);
        return;
    }
    /* The new configuration is not on the disk: go back before any component has seen it. */
    sedge_failure_add_err(&run->failure, "IO_WRITE_ERROR", err);
    (void)sedge_run_restore(run, NULL);
    run->entry->phase = SEDGE_PHASE_QUEUED;
    sedge_run_fail_early(run);
}

int sedge_run_write_plan(struct sedge_run *run)
{
    struct sedge_entry *e = run->entry;
    struct sedge_config *cfg = run->d->o.config;
    sedge_auto_put struct json_object *before = sedge_run_services_before(run);
    int rc;

    sedge_config_begin(cfg);
    rc =
        sedge_config_apply(cfg, run->services, run->deploy_ts, sedge_wall_ms(), sedge_builtins, nbuiltins(), &run->err);
    if (rc != 0) (void)sedge_config_restore(cfg, e->snapshot, sedge_builtins, nbuiltins(), NULL);
    sedge_config_end(cfg);
    if (rc != 0) {
        sedge_failure_add_err(&run->failure, "COMPONENT_UPDATE_ERROR", &run->err);
        return rc;
    }
    sedge_run_note_resolved(run);
    sedge_run_note_broken(run);
    if (!run->restarts) sedge_run_note_leaving(run, before); /* over a restart they go without their uninstall step */
    return 0;
}

void sedge_run_apply(struct sedge_run *run)
{
    struct sedge_entry *e = run->entry;

    if (e->cancel || sedge_run_is_over(run)) {
        sedge_run_fail_early(run);
        return;
    }
    if (sedge_run_replan(run) != 0) {
        sedge_run_fail_early(run);
        return;
    }
    sedge_run_note_unchanged(run);
    if (run->restarts) {
        sedge_run_restart(run);
        return;
    }
    sedge_run_phase(run, "APPLYING", NULL);
    sedge_run_release_packages(run);
    collect_broken(run);
    run->since_mono = sedge_mono_ms();
    (void)json_object_put(e->snapshot);
    e->snapshot = sedge_config_snapshot(run->d->o.config);
    if (sedge_run_write_plan(run) != 0) {
        sedge_run_fail_early(run);
        return;
    }
    (void)json_object_put(run->services);
    run->services = NULL;
    e->phase = SEDGE_PHASE_APPLIED;
    sedge_journal_save(run, applied_cb);
}

/* After a restart of the nucleus: the supervisor has been given the configuration that is in force. */
int sedge_run_reread_document(struct sedge_run *run)
{
    struct sedge_entry *e = run->entry;

    if (e->source != SEDGE_SOURCE_LOCAL) return sedge_document_parse(e->request, &run->doc, &run->failure);
    {
        sedge_auto_free char *group = NULL;
        sedge_auto_put struct json_object *roots = NULL;
        if (sedge_document_local_group(e->request, &group, &run->err) != 0) return -1;
        roots = sedge_groups_local_roots(run->d, group);
        return sedge_document_from_local(e->request, e->id, e->created_ms, roots, &run->doc, &run->err);
    }
}

void sedge_run_resume_applied(struct sedge_run *run)
{
    if (sedge_run_reread_document(run) != 0) {
        sedge_run_finish(run, "FAILED", "FAILED_UNABLE_TO_ROLLBACK");
        return;
    }
    sedge_run_report(run, false);
    sedge_run_recall(run);
    if (run->entry->attempts > SEDGE_DEPLOY_ATTEMPTS_MAX) {
        sedge_failure_add(&run->failure, "DEPLOYMENT_INTERRUPTED");
        sedge_failure_cause(&run->failure,
                            "The nucleus ended %d times while this deployment was starting its components",
                            SEDGE_DEPLOY_ATTEMPTS_MAX);
        broken(run);
        return;
    }
    sedge_run_watch(run);
}

void sedge_run_resume_rolled_back(struct sedge_run *run)
{
    run->rolling_back = true;
    (void)sedge_run_reread_document(run); /* only for the group's name in messages */
    sedge_failure_from_json(&run->failure, run->entry->outcome);
    sedge_run_report(run, false);
    sedge_run_recall(run);
    sedge_run_watch(run);
}
