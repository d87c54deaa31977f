/*
 * run - what the files of the deployer share: its state, and the deployment that is being carried out. Private.
 */
#ifndef SEDGE_DEPLOY_RUN_H
#define SEDGE_DEPLOY_RUN_H

#include "deployer.h"
#include "document.h"
#include "plan.h"
#include "recipe/recipe.h"
#include "resolve.h"

/* Journalled phases in order: what a nucleus that was killed goes on with. */
#define SEDGE_PHASES(X)                                                                                                \
    X(QUEUED)    /* nothing changed yet: begin (again) from the start */                                               \
    X(BOOTSTRAP) /* new configuration is in force, nothing runs: bootstrap steps, then a restart of the nucleus */     \
    X(APPLIED)   /* new configuration is in force: watch it, then commit or roll back */                               \
    X(ROLLBACK_BOOTSTRAP) /* old configuration is in force again, nothing runs: its bootstrap steps, then a restart */ \
    X(ROLLED_BACK)        /* old configuration is in force again: watch it, then fail */                               \
    X(DONE)

enum sedge_phase {
#define X(sym) SEDGE_PHASE_##sym,
    SEDGE_PHASES(X)
#undef X
        SEDGE_PHASE_COUNT
};

/* One deployment, waiting, running or remembered. */
struct sedge_entry {
    char *id;
    int64_t seq;
    int64_t execution_number;
    enum sedge_source source;
    enum sedge_phase phase;
    struct json_object *request; /* local request or cloud document; dropped when it is done */
    int64_t created_ms;
    int64_t attempts;
    const char *status; /* QUEUED, IN_PROGRESS, ... */
    struct json_object *details;
    char *deployment_id;
    char *configuration_arn;
    struct json_object *snapshot;  /* BOOTSTRAP, APPLIED: the configuration before */
    struct json_object *outcome;   /* ROLLBACK_BOOTSTRAP, ROLLED_BACK: {"stack":[],"cause":""} of what caused it */
    struct json_object *restart;   /* restart.h: on the way over a restart of the nucleus; NULL: in place */
    struct json_object *notes;     /* notes.c, cleanup.c: for a start after a kill; NULL: none */
    struct json_object *asked;     /* consult.h: components that have been told of the update; NULL: not come so far */
    struct json_object *unchanged; /* names of the roots that it leaves as they are; NULL: not known yet */
    bool cancel;
    bool told; /* whoever wants to know of its end has it on the disk */
    bool report_again;
    struct sedge_entry *next;
};

/* A component version that resolving has met. */
struct sedge_package {
    char *component;
    char *version;
    struct sedge_recipe *recipe;
    char *remote_text; /* fetched, not yet parsed and stored */
    char *remote_name; /* for messages */
    char *remote_arn;  /* of the component version, from the data plane; NULL: from the object store */
    bool failed;       /* the store has no such recipe */
    struct sedge_package *next;
};

/* What components are asked before anything changes: consult.h. */
enum sedge_question { SEDGE_ASK_NOTHING, SEDGE_ASK_UPDATE, SEDGE_ASK_CONFIGURATION };
struct sedge_consultation {
    enum sedge_question question;
    struct json_object *unanswered; /* component -> what it was asked: its new configuration, null for an update */
    int64_t pause_ms;               /* SEDGE_ASK_UPDATE: the longest that was asked for */
    char *pause_for;                /* who asked for it, and why */
    struct json_object *rejected;   /* SEDGE_ASK_CONFIGURATION: component -> its message */
};

/* What the data plane said about a component (candidates.c). */
struct sedge_negotiation {
    char *component;
    struct json_object *requirements; /* who -> range */
    char *version;
    struct sedge_negotiation *next;
};

/* What the object store said about a component. */
struct sedge_listing {
    char *component;
    bool asked;
    struct sedge_strv versions;
    struct sedge_listing *next;
};

/* The deployment being carried out. */
struct sedge_run {
    struct sedge_deployer *d;
    struct sedge_entry *entry;
    struct sedge_document doc;
    struct sedge_failure failure;
    struct sedge_requirement *wanted; /* roots of all groups */
    size_t nwanted;
    struct json_object *active; /* component -> running version */
    struct json_object *platform;
    struct sedge_package *packages; /* worker only while `working` */
    struct sedge_listing *listings;
    struct sedge_negotiation *negotiations;
    struct json_object *membership; /* thing groups of the device, "thinggroup/NAME" -> null; NULL: not known */
    int64_t asking_since_mono;      /* for them */
    bool repeated;                  /* asked because a revision in force is executed again */
    struct json_object *completed;  /* large.c: the whole document, between worker and loop */
    struct sedge_resolution resolution;
    int resolve_rc;
    bool has_plane;    /* a data plane is configured */
    bool presigned;    /* it gives s3: artifacts too */
    bool has_store;    /* recipes are looked up in an object store */
    bool may_download; /* an object store can be reached by its settings, or by what the environment says */
    char *region;      /* of the device; "" */
    bool working;      /* a work item is under way */
    uv_work_t work;
    int rc; /* of the work item */
    struct sedge_err err;
    size_t waiting;   /* requests to the data plane or the object store */
    bool transient;   /* one of them failed in a way that may heal */
    bool permanent;   /* one of them failed in another way */
    bool mismatch;    /* one of them brought what has another digest */
    int refusals;     /* wrong digests, or refusals of a large document */
    int64_t asked_ms; /* pause that the data plane asks for; 0: none */
    int64_t tries;    /* in a row that came to nothing: patience.h */
    struct sedge_download *downloads;
    size_t ndownloads;
    int64_t bytes_done, bytes_total, bytes_per_s;
    char *phase_text;             /* for people: "RESOLVING" */
    char *message;                /* why it waits, or NULL */
    struct json_object *services; /* the plan */
    uint64_t planned_from;        /* generation of the configuration that it was made from */
    bool restarts;                /* it goes over a restart of the nucleus: for one of the next two */
    struct json_object *tasks;    /* bootstrap steps that it requires */
    const char *restart_for;      /* parameter of the nucleus whose change requires a restart; NULL: none */
    struct sedge_consultation consultation;
    char *new_user, *new_shell; /* of a changed runWithDefault, to be checked */
    void (*kept)(struct sedge_run *run);
    int64_t deploy_ts;
    int64_t store_limit; /* componentStoreMaxSizeBytes */
    int64_t since_mono;  /* components that break after this count */
    struct sedge_strv broken_before;
    size_t removing;
    bool watching;
    bool rolling_back;
    size_t saving; /* journal writes under way */
};

struct sedge_deployer {
    struct sedge_deployer_options o;
    char *root;
    struct sedge_deployer_ops ops;
    void *env;
    struct sedge_entry *entries; /* oldest first */
    int64_t last_seq;
    struct sedge_run *run;
    bool cleaning;    /* what nobody needs is being removed: nothing new arrives meanwhile */
    uv_timer_t timer; /* retry, and the check for stability */
    void (*timer_fn)(struct sedge_run *run);
    uv_timer_t kick; /* starts the next one from the loop, not from inside a call */
    bool booted;
    bool holding; /* components are not started: bootstrap steps come first */
    bool frozen;  /* the nucleus is being stopped */
    bool closing;
    int open_handles;
    void (*closed)(void *arg);
    void *closed_arg;
};

#define SEDGE_DOCKER_MANAGER "aws.greengrass.DockerApplicationManager"
#define SEDGE_SECRET_MANAGER "aws.greengrass.SecretManager"
/* The built-in components, NULL-terminated: they have no recipe, and deployments never remove them. */
extern const char *const sedge_builtins[];
const char *sedge_builtin_version(const char *component);

/* journal.c: rows of the table `deployment`. save: with the configuration changes of this turn, in one transaction. */
void sedge_journal_save(struct sedge_run *run, void (*done)(struct sedge_run *run, const struct sedge_err *err));
/* An entry that is not being carried out; `kept` (may be NULL) runs once, later, when it is on the disk or cannot be.
 */
void sedge_journal_save_entry(struct sedge_deployer *d, struct sedge_entry *e,
                              void (*kept)(void *arg, const struct sedge_err *err), void *arg);
int sedge_journal_load(struct sedge_deployer *d, struct sedge_db *db, struct sedge_err *err);
/* A start is counted and, with `restart`, the way back noted: directly, before the writer has the database. */
int sedge_journal_note_start(struct sedge_db *db, struct sedge_entry *e, struct sedge_err *err);
void sedge_entry_free(struct sedge_entry *e);
const char *sedge_phase_name(enum sedge_phase phase);

/* deployer.c */
struct sedge_entry *sedge_entry_add(struct sedge_deployer *d, const char *id, enum sedge_source source,
                                    struct json_object *request);
/* 1: it will be CANCELED, or has begun to change components; 0: it is finished. */
int sedge_entry_cancel(struct sedge_deployer *d, struct sedge_entry *e);
void sedge_deployer_kick(struct sedge_deployer *d);      /* the next one starts from the loop */
void sedge_deployer_try_close(struct sedge_deployer *d); /* something that closing waits for has ended */
void sedge_run_phase(struct sedge_run *run, const char *text, const char *message);
void sedge_run_progress(struct sedge_run *run);
void sedge_run_report(struct sedge_run *run, bool terminal);
/* The end: status and details are set, the journal is written, the next deployment starts. */
void sedge_run_finish(struct sedge_run *run, const char *status, const char *detailed);
/* The deployer is closing, or will be: drops the run once nothing is under way. The journal goes on with it at the next
 * start. */
void sedge_run_abandon(struct sedge_run *run);
bool sedge_run_is_over(const struct sedge_run *run); /* nothing may be begun any more: abandon */
/* Fails before anything was changed. */
void sedge_run_fail_early(struct sedge_run *run);
void sedge_run_after(struct sedge_run *run, int64_t ms, void (*fn)(struct sedge_run *run));
void sedge_run_work(struct sedge_run *run, void (*work)(struct sedge_run *run), void (*then)(struct sedge_run *run));

/* notes.c: what a nucleus that was killed has to know beyond configuration and phase, journalled with them: versions
 * that were resolved, components that leave and their uninstall steps, components that were BROKEN before. */
void sedge_run_note_resolved(struct sedge_run *run);
void sedge_run_note_broken(struct sedge_run *run);
/* Around a change of the configuration: what was there before and is no longer leaves. */
struct json_object *sedge_run_services_before(struct sedge_run *run);
void sedge_run_note_leaving(struct sedge_run *run, struct json_object *before);
/* Of the deployment that is over: only what its clean-up needs. */
void sedge_run_note_end(struct sedge_run *run);
/* After a start: what leaves is given to the supervisor again, which will remove it. */
void sedge_run_recall(struct sedge_run *run);

/* cleanup.c: removes the versions that neither run, ran before, nor were resolved by a deployment that failed. What is
 * due is in the entry's notes until it is done. */
void sedge_run_clean_up(struct sedge_run *run);
/* At a start: what a kill has left undone. */
void sedge_deployer_clean_up(struct sedge_deployer *d);

/* prepare.c: from the request to the plan, changing nothing but the component store. Ends in sedge_run_apply. */
void sedge_run_prepare(struct sedge_run *run);
void sedge_run_release_prepared(struct sedge_run *run);
void sedge_run_begin(struct sedge_run *run);        /* the document is to be carried out */
void sedge_run_end_repeated(struct sedge_run *run); /* it is in force already: no work */
/* The recipes: no longer needed once the plan is made. What is allocated for good then lies dense in their place. */
void sedge_run_release_packages(struct sedge_run *run);
struct sedge_package *sedge_run_package(struct sedge_run *run, const char *component, const char *version, bool make);
/* A request of resolving is over; the last one leads on. */
void sedge_run_lookup_over(struct sedge_run *run);
/* The roots of the document are known: which groups count, then resolving. */
void sedge_run_resolve(struct sedge_run *run);

/* patience.c: a request failed. Notes codes and cause, and whether trying again may help. */
void sedge_run_note_failure(struct sedge_run *run, const struct sedge_err *err, struct json_object *stack,
                            const char *base);
/* Whether what failed is tried again, after a pause, by `again`: a job waits for the network, as long as that takes; a
 * local deployment says so at once. The failure is forgotten then. */
bool sedge_run_wait(struct sedge_run *run, void (*again)(struct sedge_run *run));
/* The same whatever failed and whoever asked. */
void sedge_run_pause(struct sedge_run *run, void (*again)(struct sedge_run *run));

#define SEDGE_DOCUMENT_FILE ".document" /* end of the name of a large document in <root>/deployments while it comes */
/* Worker: takes away what is left of them. */
void sedge_documents_sweep(const char *root);
/* large.c: a document whose components are elsewhere (LARGE_CONFIGURATION) is completed; then membership.c. */
void sedge_run_complete_document(struct sedge_run *run);
/* membership.c: which thing groups the device is in; then sedge_run_resolve. */
void sedge_run_ask_membership(struct sedge_run *run);
/* A revision in force is executed again: no work, unless the device has left a group since (the cloud prunes). */
void sedge_run_repeat(struct sedge_run *run);
/* candidates.c: sedge_resolve_ops.negotiate and foreign (worker), and the question of a look-up (loop). */
int sedge_run_negotiate(void *env, const char *component, const char *candidate, struct json_object *requirements,
                        const char **version);
bool sedge_run_is_foreign(void *env, const char *component, const char *version);
void sedge_run_ask_candidate(struct sedge_run *run, const struct sedge_lookup *l);
void sedge_run_release_negotiations(struct sedge_run *run);

/* unchanged.c: what the plan leaves as it is, before it is written. */
void sedge_run_note_unchanged(struct sedge_run *run);
void sedge_run_note_all_unchanged(struct sedge_run *run);
/* groups.c */
/* The membership that the data plane told last; new reference, NULL: none. */
struct json_object *sedge_groups_membership(struct sedge_deployer *d);
void sedge_groups_keep_membership(struct sedge_run *run);
void sedge_run_collect_roots(struct sedge_run *run);
void sedge_groups_commit(struct sedge_run *run);
bool sedge_groups_is_stale(struct sedge_run *run);
bool sedge_groups_is_repeat(struct sedge_run *run);
bool sedge_groups_have_others(struct sedge_run *run); /* another thing group has components here */
bool sedge_groups_have_left(struct sedge_run *run);   /* one that the device is no longer in has */
struct json_object *sedge_groups_local_roots(struct sedge_deployer *d, const char *group);

/* activate.c: from the plan to a stable device, or back. */
void sedge_run_apply(struct sedge_run *run);
void sedge_run_resume_applied(struct sedge_run *run);
void sedge_run_resume_rolled_back(struct sedge_run *run);
void sedge_run_check(struct sedge_run *run);

/* Writes the plan over the configuration; -1: nothing has changed, and the failure is set. */
int sedge_run_write_plan(struct sedge_run *run);
int sedge_run_restore(struct sedge_run *run, struct sedge_err *err);
int sedge_run_reread_document(struct sedge_run *run);
void sedge_run_watch(struct sedge_run *run);

/* services.c: configuration -> supervisor */
int sedge_service_put(struct sedge_deployer *d, const char *name, struct sedge_err *err);
/* One that the configuration does not hold any more. */
int sedge_service_put_object(struct sedge_deployer *d, const char *name, struct json_object *service,
                             struct sedge_err *err);
/* Runs the bootstrap step of a component as it is configured now. */
void sedge_service_bootstrap(struct sedge_deployer *d, const char *name, sedge_bootstrap_done done, void *arg);
/* What boot held back: gives all components to the supervisor and starts them. */
void sedge_services_start_all(struct sedge_deployer *d);
/* Names of the components in the configuration that the supervisor runs, in stored order. */
void sedge_service_names(struct sedge_deployer *d, struct sedge_strv *out);
void sedge_services_put_all(struct sedge_run *run);

/* builtins.c: into run->services; -1: the failure is set. The nucleus itself is planned in planning.c. */
int sedge_run_plan_builtins(struct sedge_run *run);
/* planning.c: makes the plan, and goes on to consult.h. */
void sedge_run_plan(struct sedge_run *run);
/* Makes it anew if the configuration has changed since; -1: the failure is set. */
int sedge_run_replan(struct sedge_run *run);

/* download.c */
void sedge_run_download(struct sedge_run *run);
/* Whatever it waits for from outside is given up; the callbacks come with CANCELED. */
void sedge_run_cancel_downloads(struct sedge_run *run);
void sedge_run_cancel_pulls(struct sedge_run *run); /* of images: before the loop ends */
void sedge_run_release_downloads(struct sedge_run *run);

#endif
