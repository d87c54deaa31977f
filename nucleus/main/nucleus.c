#include "nucleus.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/params.h"
#include "config/persist.h"
#include "config/start.h"
#include "notify.h"
#include "reboot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define SOCKET_NAME     "ipc.socket"
#define SOCKET_PATH_MAX 107u /* what fits into an address */

/* ---- the folder ---- */

static const struct {
    const char *name;
    mode_t mode;
} folders[] = {{"config", 0700}, {"logs", 0700},     {"state", 0700},       {"work", 0755},
               {"bin", 0755},    {"packages", 0755}, {"deployments", 0700}, {"cli_ipc_info", 0755}};

static int make_folders(struct sedge_nucleus *n, struct sedge_err *err)
{
    if (sedge_fs_mkdirs(n->root, 0755, err) != 0) return -1;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(folders); i++) {
        sedge_auto_free char *path = sedge_xasprintf("%s/%s", n->root, folders[i].name);
        if (sedge_fs_mkdirs(path, folders[i].mode, err) != 0) return -1;
    }
    return 0;
}

static int take_lock(struct sedge_nucleus *n, struct sedge_err *err)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/state/lock", n->root);

    n->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (n->lock_fd < 0) return sedge_err_sys(err, errno, "%s", path);
    if (flock(n->lock_fd, LOCK_EX | LOCK_NB) == 0) return 0;
    return sedge_err_set(err, SEDGE_E_CONFLICT, "another sedge-nucleus runs in %s; stop it, or choose another --root",
                         n->root);
}

static char *program_dir(void)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
    char *slash;

    if (len < 0) return sedge_xstrdup("/usr/bin");
    path[len] = 0;
    slash = strrchr(path, '/');
    if (slash) *slash = 0;
    return sedge_xstrdup(path);
}

/* <root>/bin/greengrass-cli and <root>/bin/sedge, so that scripts find the command where Greengrass has it. */
static void link_cli(struct sedge_nucleus *n)
{
    static const char *const names[] = {"greengrass-cli", "sedge"};
    sedge_auto_free char *target = sedge_xasprintf("%s/sedge", n->program_dir);

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(names); i++) {
        sedge_auto_free char *link = sedge_xasprintf("%s/bin/%s", n->root, names[i]);
        char now[PATH_MAX];
        ssize_t len = readlink(link, now, sizeof now - 1);
        if (len >= 0) now[len] = 0;
        if (len >= 0 && strcmp(now, target) == 0) continue;
        (void)unlink(link); /* symlink() reports what matters */
        if (symlink(target, link) != 0) sedge_log(SEDGE_WARN, "main", "cli-link", "%s: %s", link, strerror(errno));
    }
}

/* <root>/restarting: tells the command line that this process is about to be back. */
static void mark_restart(struct sedge_nucleus *n, bool restarting)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/restarting", n->root);
    sedge_auto_free char *text = sedge_xasprintf("%d", (int)getpid());
    struct sedge_err err = SEDGE_ERR_INIT;

    if (!restarting) {
        /* Usually there is none. One that cannot be removed must say nothing, or commands wait for nobody. */
        if (unlink(path) != 0 && errno != ENOENT && truncate(path, 0) != 0)
            sedge_log(SEDGE_WARN, "main", "restart", "%s: %s", path, strerror(errno));
        sedge_fs_discard_new(path);
    } else if (sedge_fs_write_atomic(path, text, strlen(text), 0644, &err) != 0) {
        sedge_log(SEDGE_WARN, "main", "restart", "%s", err.msg);
    }
}

/* ---- start ---- */

static int open_configuration(struct sedge_nucleus *n, const struct sedge_options *o, struct sedge_err *err)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/state/nucleus.db", n->root);
    sedge_auto_free char *schema = sedge_xasprintf("%s%s", sedge_config_schema, sedge_deploy_schema);
    struct sedge_config_start start = {.root = n->root,
                                       .config_file = o->config_file,
                                       .init_config_file = o->init_config,
                                       .aws_region = o->aws_region,
                                       .env_stage = o->env_stage,
                                       .component_default_user = o->default_user,
                                       .nucleus_version = "2.17.0"};
    bool restarting = false;

    n->db = sedge_config_open_db(path, schema, SEDGE_STATE_SCHEMA_VERSION, &start.db_was_bad, err);
    if (!n->db) return -1;
    if (sedge_deployer_is_restarting(n->db, &restarting, err) != 0) return -1;
    if (restarting) /* the deployment decides: a --config would discard it, a user given would undo it */
        start.config_file = start.init_config_file = start.aws_region = start.env_stage = start.component_default_user =
            NULL;
    start.db = n->db;
    n->config = sedge_config_new(&n->loop);
    if (sedge_config_start(n->config, &start, err) != 0) return -1;
    if (sedge_deployer_guard(n->db, n->config, err) != 0) return -1;
    {
        sedge_auto_put struct json_object *own =
            sedge_config_get_object(n->config, SEDGE_PATH("services", SEDGE_NUCLEUS, "configuration"));
        struct sedge_strv unknown = {NULL, 0};
        struct sedge_err bad = SEDGE_ERR_INIT;
        if (own && sedge_nucleus_params_check(own, &unknown, &bad) != 0)
            sedge_log(SEDGE_ERROR, "main", "configuration", "%s; the default is used", bad.msg);
        for (size_t i = 0; i < unknown.n; i++)
            sedge_log(SEDGE_WARN, "main", "configuration", "unknown parameter %s is ignored", unknown.v[i]);
        sedge_strv_release(&unknown);
    }
    return 0;
}

static char *socket_path(struct sedge_nucleus *n)
{
    const char *text = sedge_config_str(n->config, SEDGE_PATH("system", "ipcSocketPath"), "");

    if (text && *text) return sedge_config_expand_path(n->root, text);
    return sedge_xasprintf("%s/" SOCKET_NAME, n->root);
}

/* SDKs put the path into an address of 108 bytes. When it does not fit, components get one that is relative to their
 * work folder, <root>/work/COMPONENT; and when the socket is elsewhere, a link leads there. */
static char *component_socket(struct sedge_nucleus *n)
{
    sedge_auto_free char *link = sedge_xasprintf("%s/" SOCKET_NAME, n->root);
    char target[PATH_MAX];

    if (readlink(link, target, sizeof target) >= 0) (void)unlink(link); /* of an earlier configuration */
    if (strlen(n->socket_path) <= SOCKET_PATH_MAX) return sedge_xstrdup(n->socket_path);
    if (strcmp(link, n->socket_path) != 0 && symlink(n->socket_path, link) != 0)
        sedge_log(SEDGE_ERROR, "main", "ipc-socket", "%s: %s: components cannot reach the nucleus", link,
                  strerror(errno));
    return sedge_xstrdup("../../" SOCKET_NAME);
}

static void service_event_cb(void *env, const struct sedge_service_event *event)
{
    struct sedge_nucleus *n = env;

    sedge_deployer_service_event(n->deployer, event);
    sedge_cloud_service_event(n, event);
    sedge_trim_later(n);
}

static int open_supervisor(struct sedge_nucleus *n, struct sedge_err *err)
{
    static const struct {
        const char *name;
        const char *version;
        enum sedge_lc_state state;
    } builtins[] = {{"TelemetryAgent", "0.0.0", SEDGE_LC_RUNNING},
                    {"UpdateSystemPolicyService", "0.0.0", SEDGE_LC_RUNNING},
                    {"FleetStatusService", "0.0.0", SEDGE_LC_RUNNING},
                    {"DeploymentService", "0.0.0", SEDGE_LC_RUNNING},
                    {"aws.greengrass.TokenExchangeService", "2.17.0", SEDGE_LC_FINISHED},
                    {"aws.greengrass.DockerApplicationManager", "2.0.15", SEDGE_LC_FINISHED},
                    {SEDGE_SHADOW_MANAGER, "2.3.10", SEDGE_LC_RUNNING},
                    {"aws.greengrass.SecretManager", "2.1.8", SEDGE_LC_RUNNING},
                    {"aws.greengrass.Nucleus", "2.17.0", SEDGE_LC_FINISHED},
                    {"aws.greengrass.Cli", "2.17.0", SEDGE_LC_RUNNING}};
    struct sedge_supervisor_ops ops = {service_event_cb, sedge_settings_environment};
    sedge_auto_free char *exec_path = sedge_xasprintf("%s/sedge-exec", n->program_dir);
    struct sedge_supervisor_options o = {.root = n->root,
                                         .exec_path = exec_path,
                                         .default_user = sedge_nucleus_param_str(n->config, "runWithDefault.posixUser"),
                                         .shell = sedge_nucleus_param_str(n->config, "runWithDefault.posixShell"),
                                         .default_limits = sedge_settings_default_limits(n),
                                         .log = n->log};

    n->supervisor = sedge_supervisor_new(&n->loop, &o, &ops, n, err);
    if (!n->supervisor) return -1;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(builtins); i++)
        sedge_supervisor_add_builtin(n->supervisor, builtins[i].name, builtins[i].version, builtins[i].state);
    return 0;
}

static void policies_changed_cb(void *env)
{
    struct sedge_nucleus *n = env;

    if (n->api) sedge_api_reload_policies(n->api);
    sedge_trim_later(n);
}

static void restart_cb(void *env)
{
    sedge_nucleus_restart(env);
}

static void reboot_cb(void *env, void (*done)(void *arg, const struct sedge_err *err), void *arg)
{
    struct sedge_nucleus *n = env;

    sedge_reboot(&n->loop, done, arg);
}

static void listeners_cb(void *env, struct sedge_strv *names)
{
    struct sedge_nucleus *n = env;

    if (n->api) sedge_api_listeners(n->api, names);
}

static void pre_update_cb(void *env, const struct sedge_update_event *event)
{
    struct sedge_nucleus *n = env;

    if (n->api) sedge_api_pre_update(n->api, event);
}

static void post_update_cb(void *env, const char *deployment_id)
{
    struct sedge_nucleus *n = env;

    if (n->api) sedge_api_post_update(n->api, deployment_id);
}

static bool validate_cb(void *env, const char *component, const char *deployment_id, struct json_object *configuration)
{
    struct sedge_nucleus *n = env;

    return n->api && sedge_api_validate(n->api, component, deployment_id, configuration);
}

static int open_deployer(struct sedge_nucleus *n, struct sedge_err *err)
{
    struct sedge_deployer_ops ops = {.report = sedge_cloud_report,
                                     .progress = sedge_cloud_progress,
                                     .changed = policies_changed_cb,
                                     .restart = restart_cb,
                                     .reboot = reboot_cb,
                                     .listeners = listeners_cb,
                                     .pre_update = pre_update_cb,
                                     .post_update = post_update_cb,
                                     .validate = validate_cb};
    struct sedge_deployer_options o = {
        .loop = &n->loop, .root = n->root, .config = n->config, .supervisor = n->supervisor};

    n->store = sedge_store_open(n->root, err);
    if (!n->store) return -1;
    sedge_http_open(n);
    o.store = n->store;
    o.fetcher = n->fetcher;
    n->deployer = sedge_deployer_new(&o, &ops, n);
    return sedge_deployer_load(n->deployer, n->db, err);
}

static void changed_cb(const struct sedge_config_event *event, void *user)
{
    struct sedge_nucleus *n = user;
    const char *key = event->path.n > 3 ? event->path.v[3] : "";

    if (n->stopping) return;
    if (!*key || strcasecmp(key, "logging") == 0) sedge_settings_apply_log(n); /* "": all of it has been removed */
    if (!*key || strcasecmp(key, "telemetry") == 0) sedge_nucleus_configure_telemetry(n);
    if (strcasecmp(key, "fleetStatus") == 0) sedge_cloud_set_cadence(n);
    if (sedge_http_is_setting(key)) sedge_http_changed(n);
    if (strcasecmp(key, "iotCredEndpoint") == 0 || strcasecmp(key, "iotRoleAlias") == 0) sedge_nucleus_configure_tes(n);
    if (strcasecmp(key, "runWithDefault") == 0 && event->path.n > 4 &&
        strcasecmp(event->path.v[4], "systemResourceLimits") == 0) {
        sedge_supervisor_set_default_limits(n->supervisor, sedge_settings_default_limits(n));
    } else if (strcasecmp(key, "mqtt") == 0 || strcasecmp(key, "iotDataEndpoint") == 0) {
        sedge_cloud_reconfigure(n);
    } else if (strcasecmp(key, "networkProxy") == 0 || strcasecmp(key, "runWithDefault") == 0) {
        sedge_log(SEDGE_WARN, "main", "configuration",
                  "the change of %s takes effect when the nucleus is started again", key);
    }
}

static void signal_cb(uv_signal_t *handle, int number)
{
    struct sedge_nucleus *n = handle->data;

    (void)number;
    if (n->again) {
        sedge_notify("STOPPING=1");
        mark_restart(n, false);
    }
    n->again = false;
    sedge_nucleus_stop(n);
}

static void watch_signals(struct sedge_nucleus *n)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)uv_signal_init(&n->loop, &n->term);
    (void)uv_signal_init(&n->loop, &n->intr);
    n->term.data = n;
    n->intr.data = n;
    (void)uv_signal_start(&n->term, signal_cb, SIGTERM);
    (void)uv_signal_start(&n->intr, signal_cb, SIGINT);
}

/* Two worker threads are plenty: one writes the database, one hashes and unpacks. The variable is for this process, not
 * for its components. */
static void nothing_cb(uv_work_t *work)
{
    (void)work;
}

static void nothing_done_cb(uv_work_t *work, int status)
{
    (void)status; /* never cancelled */
    free(work);
}

static void start_workers(struct sedge_nucleus *n)
{
    uv_work_t *work = SEDGE_NEW(uv_work_t);

    (void)setenv("UV_THREADPOOL_SIZE", "2", 1); /* fails only without memory */
    sedge_assert(uv_queue_work(&n->loop, work, nothing_cb, nothing_done_cb) == 0);
    (void)unsetenv("UV_THREADPOOL_SIZE");
}

static void write_effective(struct sedge_nucleus *n)
{
    sedge_auto_free char *text = sedge_config_effective_text(n->config);
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_config_write_effective(n->root, text, &err) != 0)
        sedge_log(SEDGE_WARN, "main", "effective-config", "%s", err.msg);
}

/* Without it the device runs, and each request for a secret tries to open it again. */
static void open_secrets(struct sedge_nucleus *n)
{
    sedge_auto_free char *dir = sedge_xasprintf("%s/state", n->root);
    struct sedge_err err = SEDGE_ERR_INIT;

    n->secrets = sedge_secrets_open(&n->loop, dir, &err);
    if (!sedge_secrets_is_open(n->secrets))
        sedge_log(SEDGE_ERROR, "main", "secrets", "%s; tried again when a secret is asked for", err.msg);
}

static int open_api(struct sedge_nucleus *n, struct sedge_err *err)
{
    struct sedge_api_options o = {.loop = &n->loop,
                                  .root = n->root,
                                  .socket_path = n->socket_path,
                                  .config = n->config,
                                  .supervisor = n->supervisor,
                                  .deployer = n->deployer,
                                  .mqtt = n->mqtt,
                                  .spool = n->spool,
                                  .shadows = n->shadows,
                                  .secrets = n->secrets};

    n->api = sedge_api_open(&o, err);
    return n->api ? 0 : -1;
}

int sedge_nucleus_start(struct sedge_nucleus *n, const struct sedge_options *options, struct sedge_err *err)
{
    memset(n, 0, sizeof *n);
    n->lock_fd = -1;
    n->root = sedge_options_root(options);
    n->program_dir = program_dir();
    if (make_folders(n, err) != 0 || take_lock(n, err) != 0) return -1;
    sedge_assert(uv_loop_init(&n->loop) == 0);
    start_workers(n);
    sedge_trim_open(n);
    sedge_move_open(n);
    if (open_configuration(n, options, err) != 0) return -1;
    n->socket_path = socket_path(n);
    n->component_socket = component_socket(n);
    sedge_settings_apply_log(n);
    sedge_log(SEDGE_INFO, "main", "launch", "sedge-nucleus %s root=%s pid=%d", SEDGE_VERSION, n->root, (int)getpid());
    if (open_supervisor(n, err) != 0 || open_deployer(n, err) != 0 || sedge_nucleus_open_shadows(n, err) != 0 ||
        sedge_cloud_open(n, err) != 0)
        return -1;
    n->writer = sedge_dbw_new(&n->loop, n->db);
    sedge_config_attach(n->config, n->writer);
    sedge_nucleus_start_shadows(n);
    open_secrets(n);
    if (open_api(n, err) != 0) return -1;
    mark_restart(n, false);
    watch_signals(n);
    sedge_notify("READY=1");
    link_cli(n);
    write_effective(n);
    n->watch = sedge_config_watch(n->config, SEDGE_PATH("services", SEDGE_NUCLEUS, "configuration"), changed_cb, n);
    sedge_nucleus_configure_tes(n);
    sedge_deployer_boot(n->deployer);
    sedge_cloud_start(n);
    sedge_nucleus_start_telemetry(n);
    sedge_deployer_resume(n->deployer);
    return 0;
}

/* ---- stop: components first, then what serves them, then the state ---- */

static void step_state(struct sedge_nucleus *n);

static void supervisor_freed_cb(void *arg)
{
    struct sedge_nucleus *n = arg;

    n->supervisor = NULL;
    if (--n->open == 0) step_state(n);
}

static void part_closed_cb(void *arg)
{
    struct sedge_nucleus *n = arg;

    if (--n->open == 0) step_state(n);
}

static void mqtt_users_closed_cb(void *arg)
{
    struct sedge_nucleus *n = arg;

    if (--n->open > 0) return;
    n->open = 4;
    if (n->mqtt)
        sedge_mqtt_close(n->mqtt, part_closed_cb, n);
    else
        n->open--;
    sedge_fetcher_close(n->fetcher, part_closed_cb, n);
    sedge_deployer_close(n->deployer, part_closed_cb, n);
    sedge_supervisor_free(n->supervisor, supervisor_freed_cb, n);
}

static void step_cloud(struct sedge_nucleus *n)
{
    n->open = 3;
    if (sedge_nucleus_close_tes(n, mqtt_users_closed_cb)) n->open++;
    sedge_telemetry_close(n->telemetry, mqtt_users_closed_cb, n);
    if (n->mqtt) {
        n->open += 4;
        sedge_jobs_close(n->jobs, mqtt_users_closed_cb, n);
        sedge_thing_close(n->thing, mqtt_users_closed_cb, n);
        sedge_fleet_close(n->fleet, mqtt_users_closed_cb, n);
        sedge_shadow_sync_close(n->shadow_sync, mqtt_users_closed_cb, n);
    }
    sedge_spool_close(n->spool, mqtt_users_closed_cb, n);
    sedge_api_close(n->api, mqtt_users_closed_cb, n);
    n->api = NULL; /* the deployer may still have something to say */
}

static void stopped_cb(void *arg, const struct sedge_err *err)
{
    struct sedge_nucleus *n = arg;

    if (err->code != SEDGE_OK) sedge_log(SEDGE_WARN, "main", "stop", "%s", err->msg);
    step_cloud(n);
}

static void step_state(struct sedge_nucleus *n)
{
    write_effective(n);
    sedge_config_unwatch(n->watch);
    sedge_config_unwatch(n->shadow_watch);
    uv_close((uv_handle_t *)&n->term, NULL);
    uv_close((uv_handle_t *)&n->intr, NULL);
    sedge_trim_close(n);
    sedge_move_close(n);
    sedge_config_flush(n->config, NULL, NULL);
    sedge_config_close(n->config, NULL, NULL);
}

static void stop(struct sedge_nucleus *n)
{
    n->stopping = true;
    sedge_deployer_freeze(n->deployer);
    sedge_supervisor_stop_all(n->supervisor, 0, stopped_cb, n);
}

void sedge_nucleus_stop(struct sedge_nucleus *n)
{
    if (n->stopping) return;
    sedge_log(SEDGE_INFO, "main", "shutdown", "stopping the components");
    sedge_notify("STOPPING=1");
    stop(n);
}

/* The service manager hears nothing of it: for it, this process goes on, and says once more that it is ready. */
void sedge_nucleus_restart(struct sedge_nucleus *n)
{
    if (n->stopping) return;
    sedge_log(SEDGE_INFO, "main", "restart", "the nucleus ends and starts again, as a deployment needs it");
    n->again = true;
    mark_restart(n, true);
    stop(n);
}

void sedge_nucleus_end(struct sedge_nucleus *n)
{
    if (n->writer) sedge_dbw_close(n->writer);
    sedge_nucleus_end_shadows(n);
    sedge_secrets_close(n->secrets);
    if (n->store) sedge_store_close(n->store);
    (void)uv_run(&n->loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&n->loop) != 0) sedge_log(SEDGE_WARN, "main", "shutdown", "a handle was left open");
    sedge_log_set_sink(NULL, NULL);
    sedge_logfile_free(n->logfile);
    free(n->log_dir);
    free(n->log_error);
    if (n->lock_fd >= 0) (void)close(n->lock_fd);
    free(n->root);
    free(n->socket_path);
    free(n->component_socket);
    free(n->program_dir);
}
