/*
 * restart - the way of a deployment over a restart of the nucleus (spec/deployment.md 16). Private to deploy.
 *
 * Taken when a bootstrap step has to run or a parameter of the nucleus changes that counts at its start. All components
 * stop; configuration, snapshot and the list of steps go to the disk in one transaction (BOOTSTRAP); the steps run, one
 * at a time; the nucleus starts again; the components start and are watched (APPLIED). Back: the snapshot is restored,
 * steps with BootstrapOnRollback run after a restart (ROLLBACK_BOOTSTRAP), after another one the old components are
 * watched (ROLLED_BACK). The failure policy is not asked: such a deployment always goes back.
 *
 * Each start of the nucleus while BOOTSTRAP, APPLIED or ROLLBACK_BOOTSTRAP is pending is counted before its
 * configuration is used (guard.c); the count begins anew with each restart that is meant. After
 * SEDGE_DEPLOY_RESTARTS_MAX starts that came to nothing, the snapshot is in force again.
 *
 * `restart` of an entry, as in the journal: {"tasks": [...], "back": [...], "fellBack": true, "rebootFrom": "boot id"};
 * lists as in bootstrap.h. "fellBack": guard.c has restored the snapshot for this start, which is to be made lasting.
 * "rebootFrom": a step asked for a reboot, and the machine has not been told yet.
 */
#ifndef SEDGE_DEPLOY_RESTART_H
#define SEDGE_DEPLOY_RESTART_H

#include "run.h"

/* Whether the plan needs it (run->restarts), and what for; says so in the log. */
void sedge_run_look_for_restart(struct sedge_run *run);
void sedge_run_restart(struct sedge_run *run);
/* A failure is set: stops everything and goes back. */
void sedge_run_restart_back(struct sedge_run *run);
/* After a start: goes on with BOOTSTRAP or ROLLBACK_BOOTSTRAP, a reboot that is due, a fall-back. false: none of it. */
bool sedge_run_resume_restart(struct sedge_run *run);

/* Whether components must not be started yet. */
bool sedge_restart_holds(const struct sedge_entry *e);
/* Going back: restores the snapshot in the tree and returns the steps to run then (new reference); NULL: cannot. */
struct json_object *sedge_restart_restore(struct sedge_config *cfg, struct sedge_entry *e, struct sedge_err *err);
/* The first entry that is on this way, NULL: none. */
struct sedge_entry *sedge_restart_pending(struct sedge_entry *entries);

/* runwith.c: a changed runWithDefault must be usable; then sedge_run_consult, or a failure without change. */
void sedge_run_check_run_with(struct sedge_run *run, struct json_object *before, struct json_object *after);

#endif
