/*
 * deployer - carries out deployments, one at a time, and survives being killed at any instant.
 *
 *   struct sedge_deployer *d = sedge_deployer_new(&options, &ops, env);
 *   sedge_deployer_load(d, db, &err);       // blocking: journal of the previous life
 *   sedge_deployer_boot(d);                 // gives the configured components to the supervisor and starts them
 *   sedge_deployer_resume(d);               // goes on with what was under way
 *   sedge_deployer_submit_local(d, request, id, &err);
 *   sedge_deployer_submit_job(d, job_id, execution_number, document);
 *   sedge_deployer_submit_shadow(d, arn, document);
 *
 * The road of a deployment: queue, prepare (import local recipes), resolve (versions, with look-ups in the object
 * store), download, plan, apply (configuration and journal in one transaction), watch until stable, remove what is
 * obsolete, commit; or roll back to exactly the configuration before. Up to the transaction nothing on the device has
 * changed and the deployment can be cancelled; a nucleus that is killed there begins it again. After it, a nucleus that
 * is killed goes on watching, or rolling back.
 *
 * A deployment with bootstrap steps, or with changes that count at a start of the nucleus, goes over a restart of the
 * nucleus (restart.h): `restart` and `reboot` of ops. Starts that come to nothing meanwhile are counted before the
 * configuration is used: that is why main asks before, and calls the guard right after it has been read.
 *
 *   sedge_deployer_is_restarting(db, &restarting, &err);   // then --config and the like do not count
 *   ... the configuration is read ...
 *   sedge_deployer_guard(db, config, &err);
 *
 * Failures carry the codes of spec/deployment.md 18 and a cause for people. Loop thread; callbacks of ops come later,
 * never from inside a call here.
 *
 * Different from the original, on purpose (docs/compatibility.md): deployments start at once instead of at the next
 * poll; a local deployment survives a restart of the nucleus; groups are remembered on a device without a cloud.
 */
#ifndef SEDGE_DEPLOY_DEPLOYER_H
#define SEDGE_DEPLOY_DEPLOYER_H

#include <uv.h>

#include "base/db.h"
#include "base/err.h"
#include "base/json.h"
#include "config/config.h"
#include "failure.h"
#include "fetch/fetch.h"
#include "store/store.h"
#include "supervisor/supervisor.h"

#define SEDGE_DEPLOY_QUEUE_MAX        32 /* waiting; a further local one is refused, jobs wait in the cloud */
#define SEDGE_DEPLOY_RECORDS_MAX      64 /* finished deployments that are remembered */
#define SEDGE_DEPLOY_ATTEMPTS_MAX     5  /* starts of one deployment before it fails with DEPLOYMENT_INTERRUPTED */
#define SEDGE_DEPLOY_RESTARTS_MAX     3 /* failed starts of the nucleus before a deployment that restarts it goes back */
#define SEDGE_DEPLOY_STOP_MS          30000    /* for the components to stop before a restart of the nucleus */
#define SEDGE_DEPLOY_REBOOT_WAIT_MS   300000   /* for the machine to go down */
#define SEDGE_DEPLOY_STABLE_MS        1000     /* a component counts as up when it has been up for so long */
#define SEDGE_DEPLOY_PAUSE_MAX_MS     60000    /* a component that failed and pauses for longer fails the deployment */
#define SEDGE_DEPLOY_MESSAGE_MAX      1024     /* bytes kept of what a component says to a deployment */
#define SEDGE_DEPLOY_JOURNAL_RETRY_MS 2000     /* pause before a step that could not be noted is noted again */
#define SEDGE_DEPLOY_MEMBERSHIP_MS    600000   /* that a deployment of the cloud asks for thing groups, in vain */
#define SEDGE_DEPLOY_REFUSALS_MAX     10       /* times that a wrong digest, or a refused document, is tried */
#define SEDGE_DEPLOY_LARGE_MAX        10485760 /* bytes of a document that is downloaded */

extern const char sedge_deploy_schema[]; /* CREATE TABLE IF NOT EXISTS ... for nucleus.db */

struct sedge_deployer;

struct sedge_deployer_options {
    uv_loop_t *loop;
    const char *root;
    struct sedge_config *config;
    struct sedge_store *store;
    struct sedge_fetcher *fetcher;
    struct sedge_supervisor *supervisor;
};

/* A status to tell the cloud or whoever asked. */
struct sedge_deploy_report {
    const char *id; /* job id, or local id */
    int64_t execution_number;
    enum sedge_source source;
    const char *status;          /* IN_PROGRESS, SUCCEEDED, FAILED, REJECTED, CANCELED */
    struct json_object *details; /* sedge_failure_details; NULL with IN_PROGRESS and CANCELED */
    const char *deployment_id;   /* the Greengrass id; NULL when the document could not be read */
    const char *configuration_arn;
    struct json_object *unchanged_roots; /* array of names, with a terminal status */
    bool terminal;
};

typedef void (*sedge_deploy_report_fn)(void *user, const struct sedge_deploy_report *report);

/* What components that listen for updates are told before one. */
struct sedge_update_event {
    const char *deployment_id; /* until the next turn of the loop */
    bool restarting;           /* the nucleus will restart for it */
};

struct sedge_deployer_ops {
    void (*report)(void *env, const struct sedge_deploy_report *report);
    /* Where a job stands: phase such as "DOWNLOADING", percent or -1, a text such as the reason of a wait, or NULL. */
    void (*progress)(void *env, const char *id, int64_t execution_number, enum sedge_source source, const char *phase,
                     int percent, const char *text);
    /* Components were added, changed or removed: policies and names must be read anew. */
    void (*changed)(void *env);
    /* The nucleus has to end in order and start again, with the journal as it is. */
    void (*restart)(void *env);
    /* The machine has to be rebooted. `done` once, later: OK when it has been told to, otherwise why not. */
    void (*reboot)(void *env, void (*done)(void *arg, const struct sedge_err *err), void *arg);
    /* Adds the components that listen for updates; may name one several times. NULL: nobody ever does. */
    void (*listeners)(void *env, struct sedge_strv *names);
    /* Tells all of them, each with sedge_deployer_answer_update to follow; and that it is over or will not be. */
    void (*pre_update)(void *env, const struct sedge_update_event *event);
    void (*post_update)(void *env, const char *deployment_id);
    /* Puts its new configuration (borrowed) to the component's validator, with sedge_deployer_answer_validation to
     * follow. false: it has none. NULL: none has. */
    bool (*validate)(void *env, const char *component, const char *deployment_id, struct json_object *configuration);
};

struct sedge_deployer *sedge_deployer_new(const struct sedge_deployer_options *options,
                                          const struct sedge_deployer_ops *ops, void *env);
/* Stops work; the journal keeps what is under way. `closed` runs when the memory is gone. */
void sedge_deployer_close(struct sedge_deployer *d, void (*closed)(void *arg), void *arg);
int sedge_deployer_load(struct sedge_deployer *d, struct sedge_db *db, struct sedge_err *err);
/* Blocking; before the configuration is read: whether a deployment is on its way over a restart of the nucleus. */
int sedge_deployer_is_restarting(struct sedge_db *db, bool *out, struct sedge_err *err);
/* Blocking; after it: counts this start, and puts the configuration back after too many. */
int sedge_deployer_guard(struct sedge_db *db, struct sedge_config *cfg, struct sedge_err *err);
void sedge_deployer_boot(struct sedge_deployer *d);
/* The nucleus begins to stop: nothing is begun any more, and what components do now does not count. Close follows. */
void sedge_deployer_freeze(struct sedge_deployer *d);
void sedge_deployer_resume(struct sedge_deployer *d);

/* Queues a CreateLocalDeployment request (borrowed); `id` gets its UUID. After 0, `kept` runs once, later, when the
 * request is on the disk: who asked hears of it then, so that a kill after the answer loses nothing. With an error it
 * runs all the same, but would not outlive a kill. -1: INVALID, CONFLICT (the artifact directory is
 * the store itself) or LIMIT (queue full) with the text of the operation. */
int sedge_deployer_submit_local(struct sedge_deployer *d, struct json_object *request, char id[SEDGE_UUID_LEN + 1],
                                void (*kept)(void *arg, const struct sedge_err *err), void *arg, struct sedge_err *err);
/* Queues a job. One whose id and execution number are known is not run again; if it is finished, its status is reported
 * again. */
void sedge_deployer_submit_job(struct sedge_deployer *d, const char *job_id, int64_t execution_number,
                               struct json_object *document);
/* 1: cancelled, unless it has begun to change components, 0: it is finished, -1 NOT_FOUND. execution_number: of a job;
 * 0 of a local deployment. */
int sedge_deployer_cancel(struct sedge_deployer *d, enum sedge_source source, const char *id, int64_t execution_number,
                          struct sedge_err *err);
/* Queues the deployment of the device's shadow; its id is its configuration ARN. One that waits is replaced, one that
 * runs is cancelled if nothing has been changed so far. Once is enough for one that runs. */
void sedge_deployer_submit_shadow(struct sedge_deployer *d, const char *arn, struct json_object *document);
/* Cancels what waits or runs of it, as sedge_deployer_cancel does. */
void sedge_deployer_cancel_shadow(struct sedge_deployer *d);
/* All that are known of it, oldest first: finished ones with their end, others with QUEUED or IN_PROGRESS. After load.
 */
void sedge_deployer_each_shadow(struct sedge_deployer *d, sedge_deploy_report_fn fn, void *user);
/* Calls fn for each job that is queued or running: what an earlier life left, after load. */
void sedge_deployer_each_job(struct sedge_deployer *d,
                             void (*fn)(const char *job_id, int64_t execution_number, void *user), void *user);

/* DeferComponentUpdate: the component asks for a pause (<= 0: for none); `message` (may be NULL) is for people.
 * NOT_FOUND with the text of the operation: it is not asked, no longer, or has answered. */
int sedge_deployer_answer_update(struct sedge_deployer *d, const char *component, const char *deployment_id,
                                 int64_t pause_ms, const char *message, struct sedge_err *err);
/* The component begins to listen: true when the update that components are asked about now is to be told to it. */
bool sedge_deployer_join_update(struct sedge_deployer *d, const char *component, struct sedge_update_event *out);
/* SendConfigurationValidityReport; like sedge_deployer_answer_update. */
int sedge_deployer_answer_validation(struct sedge_deployer *d, const char *component, const char *deployment_id,
                                     bool accepted, const char *message, struct sedge_err *err);
/* The component has another validator: the configuration that it still has to judge (borrowed), NULL: none. */
struct json_object *sedge_deployer_unjudged(struct sedge_deployer *d, const char *component,
                                            const char **deployment_id);

/* One of the cloud is being carried out. */
bool sedge_deployer_serves_cloud(const struct sedge_deployer *d);
/* A local deployment as GetLocalDeploymentStatus answers it (deploymentId, status, createdOn, deploymentStatusDetails),
 * plus "progress" {phase, doneBytes, totalBytes, bytesPerSecond, message} while it runs. New reference; NULL: none. */
struct json_object *sedge_deployer_local_status(struct sedge_deployer *d, const char *id);
/* All local ones, oldest first, without details; new reference to an array. */
struct json_object *sedge_deployer_local_list(struct sedge_deployer *d);
/* Configuration ARNs (or local ids) that want a component; new reference to an array of texts. *root: it is a root. */
struct json_object *sedge_deployer_arns_of(struct sedge_deployer *d, const char *component, bool *root);

/* The supervisor tells of every state change (main connects its event callback here). */
void sedge_deployer_service_event(struct sedge_deployer *d, const struct sedge_service_event *event);

#endif
