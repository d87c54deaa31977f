/* Which thing groups the device belongs to (spec/deployment.md 8, cloud-protocol.md 8.5). */
#include "run.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "fetch/dataplane.h"

/* What was remembered counts; if nothing was, all groups do that have deployed something here. */
static void use_remembered(struct sedge_run *run, const char *why)
{
    run->membership = sedge_groups_membership(run->d);
    sedge_log(SEDGE_WARN, "deploy", "thing-groups", "id=%s %s; going on with the thing groups %s", run->entry->id, why,
              run->membership ? "that were told last" : "that have deployed something");
}

static void use_told(struct sedge_run *run, const struct sedge_strv *names)
{
    run->membership = json_object_new_object();
    for (size_t i = 0; i < names->n; i++) {
        sedge_auto_free char *group = sedge_xasprintf("thinggroup/%s", names->v[i]);

        json_object_object_add(run->membership, group, NULL);
    }
    sedge_groups_keep_membership(run);
}

/* A local deployment has one attempt, one of the cloud ten minutes: an outage of the data plane holds up no rollout.
 * What is wrong on this device, or a refusal, does not heal. */
static bool is_worth_waiting(const struct sedge_run *run, const struct sedge_plane_result *r)
{
    if (run->entry->source == SEDGE_SOURCE_LOCAL || r->status == 403) return false;
    if (!sedge_err_may_heal(r->err) && r->status == 0) return false;
    return sedge_mono_ms() - run->asking_since_mono < SEDGE_DEPLOY_MEMBERSHIP_MS;
}

/* Whether a group that was left has components here still. */
static void decide_repeat(struct sedge_run *run)
{
    run->repeated = false;
    if (sedge_groups_have_left(run))
        sedge_run_begin(run);
    else
        sedge_run_end_repeated(run);
}

static void go_on(struct sedge_run *run)
{
    if (run->repeated)
        decide_repeat(run);
    else
        sedge_run_resolve(run);
}

static void groups_cb(const struct sedge_plane_groups *g, void *user)
{
    struct sedge_run *run = user;

    run->waiting--;
    if (run->entry->cancel || sedge_run_is_over(run)) {
        sedge_run_fail_early(run);
        return;
    }
    if (g->r.err && is_worth_waiting(run, &g->r)) {
        sedge_run_note_failure(run, g->r.err, g->r.stack, "CLOUD_API_ERROR");
        run->asked_ms = g->r.pause_ms;
        sedge_run_pause(run, sedge_run_ask_membership);
        return;
    }
    run->tries = 0;
    if (g->r.err)
        use_remembered(run, g->r.err->msg);
    else
        use_told(run, g->names);
    go_on(run);
}

void sedge_run_ask_membership(struct sedge_run *run)
{
    if (!run->has_plane || run->membership) {
        sedge_run_resolve(run);
        return;
    }
    if (!run->asking_since_mono) run->asking_since_mono = sedge_mono_ms();
    sedge_run_phase(run, "RESOLVING", NULL);
    run->waiting++;
    sedge_plane_thing_groups(run->d->o.fetcher, 1, groups_cb, run);
}

void sedge_run_repeat(struct sedge_run *run)
{
    if (!run->has_plane || !sedge_groups_have_others(run)) {
        sedge_run_end_repeated(run);
        return;
    }
    run->repeated = true;
    sedge_run_ask_membership(run);
}
