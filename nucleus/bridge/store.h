/*
 * store - executions of jobs in nucleus.db. Internal to bridge.
 */
#ifndef SEDGE_BRIDGE_STORE_H
#define SEDGE_BRIDGE_STORE_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/db.h"
#include "jobs.h"

/* One execution that this device has taken. */
struct sedge_exec {
    struct sedge_exec *next; /* oldest first */
    struct sedge_jobs *jobs;
    char job_id[SEDGE_JOB_ID_MAX + 1];
    int64_t number;
    int64_t attempts;
    char *status;                 /* terminal; NULL while it runs */
    struct json_object *details;  /* of the status; may be NULL */
    struct json_object *document; /* until it has ended */
    bool acked;                   /* the cloud has answered the terminal status */
    /* of this run of the program */
    bool stored;          /* status is on disk */
    bool taken;           /* handed to the deployment side */
    bool began;           /* IN_PROGRESS was wanted */
    bool announced;       /* the cloud has accepted an IN_PROGRESS */
    int64_t announced_at; /* when it was last sent */
    bool check;           /* ask the cloud whether it has been withdrawn */
    bool told;            /* on_cancel has run */
    bool plain;           /* the cloud does not like the statusDetails */
    int tries;            /* of reporting; of checking */
    int64_t due;          /* next try */
    int unanswered;       /* IN_PROGRESS updates without an answer so far */
    int puts;             /* writes under way: not freed before they are done */
    char phase[256];
    int percent;
    int64_t progress_at;
};

void sedge_exec_free(struct sedge_exec *e);
/* All executions, oldest first. */
int sedge_store_load(struct sedge_db *db, struct sedge_exec **list, struct sedge_err *err);
/* Writes the present state of e; done runs on the loop. The strings are copied. `user` goes to done. */
void sedge_store_put(struct sedge_dbw *w, const struct sedge_exec *e, sedge_dbw_done done, void *user);
void sedge_store_delete(struct sedge_dbw *w, const struct sedge_exec *e);
/* The argument that done got from sedge_store_put: */
void *sedge_store_user(void *arg);
void sedge_store_free(void *arg); /* done must call this */

#endif
