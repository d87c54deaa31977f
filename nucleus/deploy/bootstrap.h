/*
 * bootstrap - which bootstrap steps a deployment runs, in which order, and how far it has come. Pure.
 *
 *   tasks = sedge_bootstrap_tasks(services_now, services_planned);      // empty: none is required
 *   while ((task = sedge_bootstrap_next(tasks))) {
 *       sedge_bootstrap_begin(task);                                    // and to the disk, before its script starts
 *       ... run it ...
 *       switch (sedge_bootstrap_end(task, exit_code)) ...               // and to the disk again
 *   }
 *
 * A list is a JSON array of {"componentName", "status": "PENDING" or "DONE", "exitCode", "started"}, as it is in the
 * journal. `services` are plain objects as below `services` of the configuration: {"com.example.A": {"version",
 * "dependencies", "lifecycle", ...}}. Results are new references unless said otherwise.
 */
#ifndef SEDGE_DEPLOY_BOOTSTRAP_H
#define SEDGE_DEPLOY_BOOTSTRAP_H

#include <stdbool.h>

#include "base/json.h"

/* Exit codes of a script, spec/deployment.md 16.2. */
enum {
    SEDGE_BOOTSTRAP_EXIT_RESTART = 100, /* done, restart the nucleus now */
    SEDGE_BOOTSTRAP_EXIT_REBOOT = 101   /* done, reboot the machine now */
};

/* Whether the step of `after` has to run (spec/deployment.md 16.1): it exists, and the component is new (`before` is
 * NULL), has another version, or another step. Values are compared as texts, names without regard to case, Setenv by
 * what is in it. */
bool sedge_bootstrap_is_required(struct json_object *before, struct json_object *after);

/* What going from `now` to `planned` requires, dependencies first, all PENDING. */
struct json_object *sedge_bootstrap_tasks(struct json_object *now, struct json_object *planned);
/* What going back from `failed` to `snapshot` requires: only steps with BootstrapOnRollback, and only of components
 * whose step was started by the failed deployment (in `done`, the list of its tasks). */
struct json_object *sedge_bootstrap_tasks_back(struct json_object *snapshot, struct json_object *failed,
                                               struct json_object *done);

/* The first that is not DONE; borrowed; NULL: none is left. */
struct json_object *sedge_bootstrap_next(struct json_object *tasks);
const char *sedge_bootstrap_component(struct json_object *task);
void sedge_bootstrap_begin(struct json_object *task);

enum sedge_bootstrap_result {
    SEDGE_BOOTSTRAP_GO_ON,
    SEDGE_BOOTSTRAP_RESTART,
    SEDGE_BOOTSTRAP_REBOOT,
    SEDGE_BOOTSTRAP_FAILED
};
/* The task is DONE with this exit code of its script. */
enum sedge_bootstrap_result sedge_bootstrap_end(struct json_object *task, int exit_code);

#endif
