/*
 * nucleus - all boxes of the daemon, wired together. Private to main.
 *
 *   struct sedge_nucleus n;
 *   if (sedge_nucleus_start(&n, &options, &err) != 0) ...
 *   uv_run(&n.loop, UV_RUN_DEFAULT);       // until sedge_nucleus_stop
 *   sedge_nucleus_end(&n);
 *
 * Start order: root folder and lock, database, configuration, log, supervisor, deployments, cloud session, IPC socket;
 * then the components are started. The stop is the reverse, and waits for the components.
 */
#ifndef SEDGE_MAIN_NUCLEUS_H
#define SEDGE_MAIN_NUCLEUS_H

#include <uv.h>

#include "api/api.h"
#include "base/db.h"
#include "base/logfile.h"
#include "bridge/fleet.h"
#include "bridge/jobs.h"
#include "bridge/shadow_sync.h"
#include "bridge/telemetry.h"
#include "bridge/thing.h"
#include "config/config.h"
#include "deploy/deployer.h"
#include "fetch/fetch.h"
#include "mqtt/session.h"
#include "mqtt/spool.h"
#include "options.h"
#include "shadow/shadows.h"
#include "secret/secret.h"
#include "store/store.h"
#include "tes/tes.h"
#include "supervisor/supervisor.h"

#define SEDGE_STATE_SCHEMA_VERSION 1

struct sedge_nucleus {
    uv_loop_t loop;
    char *root;
    char *socket_path;
    char *component_socket; /* as components get it */
    char *program_dir;      /* where sedge-exec, sedge-fetch and sedge are */
    int lock_fd;
    struct sedge_logfile *logfile;
    struct sedge_log_settings log; /* in force */
    char *log_dir;                 /* its directory */
    char *log_error;               /* reported last */
    struct sedge_db *db;           /* until the writer takes it over */
    struct sedge_dbw *writer;
    struct sedge_config *config;
    struct sedge_store *store;
    struct sedge_supervisor *supervisor;
    struct sedge_fetcher *fetcher;
    struct sedge_fetcher *provider; /* of credentials; NULL: not configured */
    struct sedge_tes *tes;          /* likewise */
    void (*tes_closed)(void *user);
    struct sedge_deployer *deployer;
    struct sedge_mqtt *mqtt; /* NULL: not configured for a cloud */
    struct sedge_spool *spool;
    struct sedge_jobs *jobs;
    struct sedge_thing *thing;
    struct sedge_fleet *fleet;
    struct sedge_telemetry *telemetry;
    struct sedge_shadows *shadows;
    struct sedge_shadow_settings shadow_settings; /* in force */
    char *shadow_error;                           /* reported last; NULL: the settings are good */
    struct sedge_shadow_sync *shadow_sync;        /* NULL without a cloud */
    struct sedge_secrets *secrets;
    struct sedge_api *api;
    struct sedge_config_watch *watch, *shadow_watch;
    uv_signal_t term, intr;
    uv_timer_t trim;
    uv_timer_t move; /* runs while the connection waits to be made anew */
    int64_t move_by;
    bool settled;
    bool stopping;
    bool again; /* when it has ended, the program is executed anew */
    int open;   /* parts that are still closing */
};

int sedge_nucleus_start(struct sedge_nucleus *n, const struct sedge_options *options, struct sedge_err *err);
void sedge_nucleus_stop(struct sedge_nucleus *n);
/* The same, and main then starts the program again in this process. A signal to end still ends it. */
void sedge_nucleus_restart(struct sedge_nucleus *n);
void sedge_nucleus_end(struct sedge_nucleus *n);

/* settings.c: configuration -> options of the boxes. Texts in the results live until the next write of the tree. */
/* n->log and the log of the nucleus, then that of the components; keeps what is in force when the section is bad. */
void sedge_settings_apply_log(struct sedge_nucleus *n);
/* The proxy's URL with the configured user in it, unless it names one itself. Heap; NULL: no proxy. */
char *sedge_settings_proxy(struct sedge_nucleus *n);
/* false: the device is not configured for a cloud. `paths` keeps the file names and the proxy that *out points to. */
bool sedge_settings_mqtt(struct sedge_nucleus *n, struct sedge_mqtt_options *out, struct sedge_strv *paths);
/* A text parameter; NULL when it is empty. */
const char *sedge_settings_text(struct sedge_nucleus *n, const char *name);
struct json_object *sedge_settings_store(struct sedge_nucleus *n); /* new reference */
/* A path of the section "system"; NULL: not set. Heap. */
char *sedge_settings_path(struct sedge_nucleus *n, const char *key);
void sedge_settings_environment(void *env, const char *component, struct sedge_strv *out);
/* Seconds of the section's parameter; -1 when it is not given or too short (config.md 13, 14). The shortest that counts
 * is that of the table, or SEDGE_MIN_INTERVAL_S of the environment, which tests set. */
int64_t sedge_settings_interval(struct sedge_nucleus *n, const char *section, const char *key);
int64_t sedge_settings_default_interval(const char *section, const char *key);
struct sedge_limits sedge_settings_default_limits(struct sedge_nucleus *n);

/* http.c: the nucleus' client of data plane and object store, and its settings after a change of theirs. */
void sedge_http_open(struct sedge_nucleus *n);
bool sedge_http_is_setting(const char *key);
void sedge_http_changed(struct sedge_nucleus *n);

/* The client of the credentials provider, made or changed as iotCredEndpoint and system now say. */
void sedge_http_set_provider(struct sedge_nucleus *n);

/* tes.c: before components are started, and when iotCredEndpoint or iotRoleAlias have changed; at the end: false when
 * there is nothing to close. */
void sedge_nucleus_configure_tes(struct sedge_nucleus *n);
bool sedge_nucleus_close_tes(struct sedge_nucleus *n, void (*closed)(void *user));

/* shadows.c: open before there is a writer, start before the API, end after the writer is closed. */
int sedge_nucleus_open_shadows(struct sedge_nucleus *n, struct sedge_err *err);
void sedge_nucleus_start_shadows(struct sedge_nucleus *n);
void sedge_nucleus_sync_shadows(struct sedge_nucleus *n); /* with the session, before that starts */
void sedge_nucleus_end_shadows(struct sedge_nucleus *n);

/* telemetry.c: after the session has been opened; at each change of the section. */
void sedge_nucleus_start_telemetry(struct sedge_nucleus *n);
void sedge_nucleus_configure_telemetry(struct sedge_nucleus *n);

/* trim.c: memory that work has left behind goes back to the system some seconds after the last sign of work. */
void sedge_trim_open(struct sedge_nucleus *n);
void sedge_trim_later(struct sedge_nucleus *n);
void sedge_trim_close(struct sedge_nucleus *n);

/* move.c: changed parameters of the connection count at once, those of a deployment of the cloud when its status has
 * been answered. */
void sedge_move_open(struct sedge_nucleus *n);
void sedge_move_later(struct sedge_nucleus *n);
void sedge_move_close(struct sedge_nucleus *n);

/* cloud.c: session, spool, jobs, fleet status, and what the deployer tells them. */
int sedge_cloud_open(struct sedge_nucleus *n, struct sedge_err *err);
void sedge_cloud_start(struct sedge_nucleus *n);
void sedge_cloud_report(void *env, const struct sedge_deploy_report *r);
void sedge_cloud_progress(void *env, const char *id, int64_t execution_number, enum sedge_source source,
                          const char *phase, int percent, const char *text);
void sedge_cloud_reconfigure(struct sedge_nucleus *n);  /* mqtt or iotDataEndpoint have changed */
void sedge_cloud_connect_anew(struct sedge_nucleus *n); /* with the configuration of now */
void sedge_cloud_set_cadence(struct sedge_nucleus *n);  /* the configuration of fleet status has changed */
void sedge_cloud_service_event(struct sedge_nucleus *n, const struct sedge_service_event *event);

#endif
