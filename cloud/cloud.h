/*
 * cloud - the state of the cloud side: settings, database, certificate authority, all in one folder.
 *
 *   <dir>/cloud.json     settings with the service's and the store's secrets (0600)
 *   <dir>/cloud.db       things, groups, components, deployments, executions (SQLite, WAL)
 *   <dir>/ca/            key and certificate of the device CA (ca.h)
 *
 *   struct sedge_cloud c;
 *   if (sedge_cloud_open(&c, dir, &err) != 0) ...
 *   ...
 *   sedge_cloud_close(&c);                 // also after a failed open
 *
 * The database is the only truth. `serve` and the operator's commands are separate processes on the same database; each
 * change is one short transaction, and whoever changes what a device should see marks the thing dirty in it. `serve`
 * publishes dirty things, now or when it comes up. One thread for each struct sedge_cloud.
 */
#ifndef SEDGE_CLOUD_CLOUD_H
#define SEDGE_CLOUD_CLOUD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/db.h"
#include "base/err.h"

#define SEDGE_CLOUD_THING_MAX       64  /* certificate CN */
#define SEDGE_CLOUD_GROUP_MAX       128 /* also component names */
#define SEDGE_CLOUD_GROUPS_OF_THING 10
#define SEDGE_CLOUD_SERVICE_USER    "fleet-service"
#define SEDGE_CLOUD_NS              "namespace-aws-gg-deployment"

struct sedge_cloud_settings {
    char *region, *account;
    char *device_host; /* where devices reach the broker */
    int64_t device_port;
    char *service_host;
    int64_t service_port;
    char *service_user, *service_password;
    char *broker_dir; /* the folder of the last broker-config, for the revocation list; NULL: none yet */
    char *s3_endpoint, *s3_region, *s3_bucket, *s3_prefix;
    bool s3_path_style;
    char *s3_access_key, *s3_secret_key;               /* of the publisher; NULL: environment or credentials file */
    char *s3_device_access_key, *s3_device_secret_key; /* written into device bundles; NULL: the publisher's */
    int64_t in_progress_minutes;                       /* default time limit of an execution */
    bool auto_register;          /* things that nobody made, with a certificate of the site's authority */
    char *data_host, *data_bind; /* data plane: host names in its certificate, the first for devices; address */
    int64_t data_port;           /* 0: no data plane */
    char *data_allow;            /* components that no deployment of a thing has: "log", "enforce" or "off" */
    char *api_host, *api_bind;   /* control API on TCP, alike */
    int64_t api_port;            /* 0: on the Unix socket alone */
    char *api_socket;            /* NULL: <dir>/api.sock */
};

struct sedge_cloud {
    char *dir;
    struct sedge_db *db;
    struct sedge_cloud_settings set;
};

/* thing.state */
enum { SEDGE_THING_ACTIVE, SEDGE_THING_BLOCKED, SEDGE_THING_DELETED };
/* target.kind */
enum { SEDGE_TARGET_GROUP, SEDGE_TARGET_THING };

#define SEDGE_EXEC_STATES(X)                                                                                           \
    X(QUEUED) X(IN_PROGRESS) X(SUCCEEDED) X(FAILED) X(TIMED_OUT) X(REJECTED) X(REMOVED) X(CANCELED)
enum sedge_exec_state {
#define X(s) SEDGE_EXEC_##s,
    SEDGE_EXEC_STATES(X)
#undef X
        SEDGE_EXEC_COUNT
};
#define SEDGE_DEP_STATES(X)                                                                                            \
    X(ROLLING) X(ACTIVE) X(CANCELED) X(INACTIVE) X(PAUSED) X(ABORTED) X(SCHEDULED) X(WAITING_APPROVAL) X(FAILED)
enum sedge_dep_state {
#define X(s) SEDGE_DEP_##s,
    SEDGE_DEP_STATES(X)
#undef X
        SEDGE_DEP_COUNT
};
/* Sets of deployment states, for SQL. Alive: may still be offered to somebody, now or later. Offered: what was released
 * stands in the devices' lists. */
#define SEDGE_DEP_ALIVE   "(0,1,4,6,7)"
#define SEDGE_DEP_OFFERED "(0,1,4)"
const char *sedge_exec_state_name(int64_t state);
const char *sedge_dep_state_name(int64_t state);
int64_t sedge_dep_state_number(const char *name); /* in any case; -1: no such state */

/* Default settings, to be changed and given to init. */
void sedge_cloud_settings_default(struct sedge_cloud_settings *s);
void sedge_cloud_settings_release(struct sedge_cloud_settings *s);
int sedge_cloud_settings_read(const char *dir, struct sedge_cloud_settings *s, struct sedge_err *err);
int sedge_cloud_settings_write(const char *dir, const struct sedge_cloud_settings *s, struct sedge_err *err);

/* Makes the folder (0700), settings, CA and database. Run again it changes the settings and keeps everything else. */
int sedge_cloud_init(const char *dir, const struct sedge_cloud_settings *s, struct sedge_err *err);
/* NOT_FOUND with the init command to run when the folder holds no settings. */
int sedge_cloud_open(struct sedge_cloud *c, const char *dir, struct sedge_err *err);
void sedge_cloud_close(struct sedge_cloud *c);
/* The database alone; ":memory:" for tests. */
struct sedge_db *sedge_cloud_db_open(const char *path, struct sedge_err *err);

/* Names by the rules of the specification; what: "thing", "group", "component". */
int sedge_cloud_check_name(const char *what, const char *name, struct sedge_err *err);

#endif
