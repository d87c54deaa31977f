/* From the configuration tree to what the supervisor runs. */
#include "run.h"

#include "base/log.h"
#include "base/mem.h"
#include "shadow/settings.h"

#include <string.h>

#define NUCLEUS_COMPATIBLE_VERSION "2.17.0"
#define DOCKER_COMPATIBLE_VERSION  "2.0.15"
#define SHADOW_COMPATIBLE_VERSION  "2.3.10"
#define SECRET_COMPATIBLE_VERSION  "2.1.8"
#define LOG_COMPATIBLE_VERSION     "2.3.10"
#define LOG_MANAGER                "aws.greengrass.LogManager" /* takes its configuration; logs stay on the device */

const char *const sedge_builtins[] = {"aws.greengrass.Nucleus",
                                      "aws.greengrass.Cli",
                                      "aws.greengrass.TokenExchangeService",
                                      SEDGE_DOCKER_MANAGER,
                                      SEDGE_SHADOW_MANAGER,
                                      SEDGE_SECRET_MANAGER,
                                      LOG_MANAGER,
                                      "DeploymentService",
                                      "FleetStatusService",
                                      "TelemetryAgent",
                                      "UpdateSystemPolicyService",
                                      "main",
                                      NULL};

const char *sedge_builtin_version(const char *component)
{
    if (strcmp(component, SEDGE_DOCKER_MANAGER) == 0) return DOCKER_COMPATIBLE_VERSION;
    if (strcmp(component, SEDGE_SHADOW_MANAGER) == 0) return SHADOW_COMPATIBLE_VERSION;
    if (strcmp(component, SEDGE_SECRET_MANAGER) == 0) return SECRET_COMPATIBLE_VERSION;
    if (strcmp(component, LOG_MANAGER) == 0) return LOG_COMPATIBLE_VERSION;
    for (size_t i = 0; sedge_builtins[i]; i++)
        if (strcmp(sedge_builtins[i], component) == 0)
            return sedge_str_starts(component, "aws.") ? NUCLEUS_COMPATIBLE_VERSION : "0.0.0";
    return NULL;
}

void sedge_service_names(struct sedge_deployer *d, struct sedge_strv *out)
{
    sedge_auto_strv struct sedge_strv all = {NULL, 0};

    sedge_config_children(d->o.config, SEDGE_PATH("services"), &all);
    for (size_t i = 0; i < all.n; i++) {
        const char *type = sedge_config_str(d->o.config, SEDGE_PATH("services", all.v[i], "componentType"), "");
        if (strcmp(type, "GENERIC") == 0 && !sedge_builtin_version(all.v[i])) sedge_strv_add(out, all.v[i]);
    }
}

/* "name:HARD" entries; abbreviations of the type are tolerated, without one it is HARD. */
static size_t read_dependencies(struct json_object *list, struct sedge_strv *names, struct sedge_service_dep *out)
{
    size_t n = json_object_array_length(list);

    for (size_t i = 0; i < n; i++) {
        char *name = sedge_xstrdup(json_object_get_string(json_object_array_get_idx(list, i)));
        char *colon = strchr(name, ':');
        bool hard = !colon || (colon[1] != 's' && colon[1] != 'S');
        if (colon) *colon = 0;
        sedge_strv_add_take(names, name);
        out[i] = (struct sedge_service_dep){name, hard};
    }
    return n;
}

static void read_limits(struct json_object *run_with, struct sedge_service_spec *spec)
{
    struct json_object *limits = sedge_json_obj(run_with, "systemResourceLimits");

    spec->has_limits = limits != NULL;
    spec->limits = sedge_limits_read(limits);
}

static void with_spec(struct sedge_deployer *d, const char *name, struct json_object *service,
                      void (*use)(struct sedge_deployer *d, const struct sedge_service_spec *spec, void *arg),
                      void *arg)
{
    struct json_object *list = sedge_json_arr(service, "dependencies");
    sedge_auto_free struct sedge_service_dep *deps =
        sedge_xcalloc(list ? json_object_array_length(list) : 0, sizeof *deps);
    sedge_auto_strv struct sedge_strv names = {NULL, 0};
    struct json_object *run_with = sedge_json_obj(service, "runWith");
    struct sedge_service_spec spec = {.name = name,
                                      .version = sedge_json_str(service, "version", ""),
                                      .lifecycle = sedge_json_obj(service, "lifecycle"),
                                      .deps = deps,
                                      .run_user = sedge_json_str(run_with, "posixUser", NULL),
                                      .setenv = sedge_json_obj(service, "setenv"),
                                      .periodic = sedge_json_get(service, "periodic")};

    sedge_json_compact(spec.lifecycle); /* the supervisor keeps them */
    sedge_json_compact(spec.setenv);
    if (list) spec.ndeps = read_dependencies(list, &names, deps);
    read_limits(run_with, &spec);
    use(d, &spec, arg);
}

struct put {
    int rc;
    struct sedge_err *err;
};

static void put(struct sedge_deployer *d, const struct sedge_service_spec *spec, void *arg)
{
    struct put *p = arg;

    p->rc = sedge_supervisor_put(d->o.supervisor, spec, NULL, p->err);
}

static struct json_object *configured(struct sedge_deployer *d, const char *name)
{
    return sedge_config_get_object(d->o.config, SEDGE_PATH("services", name));
}

int sedge_service_put_object(struct sedge_deployer *d, const char *name, struct json_object *service,
                             struct sedge_err *err)
{
    struct put p = {0, err};

    with_spec(d, name, service, put, &p);
    return p.rc;
}

int sedge_service_put(struct sedge_deployer *d, const char *name, struct sedge_err *err)
{
    sedge_auto_put struct json_object *service = configured(d, name);

    return sedge_service_put_object(d, name, service, err);
}

struct bootstrap {
    sedge_bootstrap_done done;
    void *arg;
};

static void bootstrap(struct sedge_deployer *d, const struct sedge_service_spec *spec, void *arg)
{
    struct bootstrap *b = arg;

    sedge_supervisor_bootstrap(d->o.supervisor, spec, b->done, b->arg);
}

void sedge_service_bootstrap(struct sedge_deployer *d, const char *name, sedge_bootstrap_done done, void *arg)
{
    sedge_auto_put struct json_object *service = configured(d, name);
    struct bootstrap b = {done, arg};

    with_spec(d, name, service, bootstrap, &b);
}

void sedge_services_start_all(struct sedge_deployer *d)
{
    d->holding = false;
    sedge_deployer_boot(d);
}

void sedge_deployer_boot(struct sedge_deployer *d)
{
    sedge_auto_strv struct sedge_strv names = {NULL, 0};

    sedge_service_names(d, &names);
    sedge_supervisor_begin_update(d->o.supervisor);
    for (size_t i = 0; i < names.n; i++) {
        struct sedge_err err = SEDGE_ERR_INIT;
        if (sedge_service_put(d, names.v[i], &err) != 0)
            sedge_log(SEDGE_ERROR, "deploy", "component-not-loaded", "%s", err.msg);
    }
    sedge_supervisor_end_update(d->o.supervisor);
    if (!d->holding) sedge_supervisor_start_all(d->o.supervisor);
    d->booted = true;
}

/* Gives every configured component to the supervisor: it adds, restarts, reinstalls or leaves alone. */
void sedge_services_put_all(struct sedge_run *run)
{
    struct sedge_deployer *d = run->d;
    sedge_auto_strv struct sedge_strv names = {NULL, 0};

    sedge_service_names(d, &names);
    sedge_supervisor_begin_update(d->o.supervisor);
    for (size_t i = 0; i < names.n; i++) {
        struct sedge_service_info info;
        bool known = sedge_supervisor_get(d->o.supervisor, names.v[i], &info, NULL) == 0;
        bool broken = known && info.state == SEDGE_LC_BROKEN;

        if (sedge_service_put(d, names.v[i], &run->err) != 0) {
            sedge_failure_add(&run->failure, "COMPONENT_UPDATE_ERROR");
            sedge_failure_cause(&run->failure, "%s", run->err.msg);
            continue;
        }
        if (broken)
            (void)sedge_supervisor_reinstall(d->o.supervisor, names.v[i], NULL);
        else if (!known || info.pause_ms > 0) /* a deployment does not wait for a pause that began before it */
            (void)sedge_supervisor_start(d->o.supervisor, names.v[i], NULL);
    }
    sedge_supervisor_end_update(d->o.supervisor);
}
