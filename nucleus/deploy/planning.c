/* Everything is on the device: what its configuration shall be, from the tree as it is now. */
#include "artifacts.h"
#include "restart.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/params.h"
#include "config/resolve.h"
#include "recipe/step.h"

#include <string.h>

static void warn_cb(void *user, const char *component, const char *text)
{
    struct sedge_run *run = user;

    sedge_log(SEDGE_WARN, "deploy", "plan", "id=%s component=%s %s", run->entry->id, component, text);
}

static void fill_component(struct sedge_run *run, const struct sedge_choice *c, struct sedge_plan_component *out)
{
    struct sedge_config *cfg = run->d->o.config;
    struct sedge_package *p = sedge_package_of(run, c);

    out->recipe = p->recipe;
    out->manifest = sedge_recipe_select(p->recipe, run->platform, NULL);
    (void)sedge_config_get(cfg, SEDGE_PATH("services", c->component, "configuration"), SEDGE_CONFIG_STAMPED,
                           &out->running);
    out->run_with = sedge_config_get_object(cfg, SEDGE_PATH("services", c->component, "runWith"));
    out->running_version = sedge_json_str(run->active, c->component, NULL);
    out->previous_version = sedge_config_str(cfg, SEDGE_PATH("services", c->component, "previousVersion"), NULL);
    out->root = sedge_document_root(&run->doc, c->component);
}

/* The nucleus itself as a root: its configuration is merged like a component's, and checked first. NULL with SEDGE_OK
 * when the deployment does not change it. */
static struct json_object *nucleus_configuration(struct sedge_run *run)
{
    const struct sedge_root *root = sedge_document_root(&run->doc, SEDGE_NUCLEUS);
    sedge_auto_put struct json_object *running = NULL;
    struct json_object *configuration;

    run->err = SEDGE_ERR_INIT;
    if (!root || (!root->merge && !root->reset)) return NULL;
    (void)sedge_config_get(run->d->o.config, SEDGE_PATH("services", SEDGE_NUCLEUS, "configuration"),
                           SEDGE_CONFIG_STAMPED, &running);
    configuration =
        sedge_config_resolve_component(running, NULL, root->reset, root->merge, run->deploy_ts, NULL, &run->err);
    if (configuration && sedge_nucleus_params_check(configuration, NULL, &run->err) == 0) return configuration;
    (void)json_object_put(configuration);
    sedge_failure_add(&run->failure, sedge_str_starts(run->err.msg, "runWithDefault")
                                         ? "RUN_WITH_CONFIG_NOT_VALID"
                                         : "COMPONENT_CONFIGURATION_NOT_VALID");
    sedge_failure_cause(&run->failure, "%s: %s", SEDGE_NUCLEUS, run->err.msg);
    return NULL;
}

/* Takes the reference. */
static void plan_nucleus(struct sedge_run *run, struct json_object *configuration)
{
    struct json_object *service = sedge_config_get_object(run->d->o.config, SEDGE_PATH("services", SEDGE_NUCLEUS));

    if (!service) service = json_object_new_object();
    (void)json_object_object_add(service, "configuration", configuration);
    (void)json_object_object_add(run->services, SEDGE_NUCLEUS, service);
}

/* What this deployment says about the nucleus counts for it already. */
static bool interpolates_configuration(struct sedge_run *run, struct json_object *nucleus)
{
    if (!nucleus) return sedge_nucleus_param_bool(run->d->o.config, "interpolateComponentConfiguration");
    return sedge_json_truthy(sedge_json_get_nocase(nucleus, "interpolateComponentConfiguration", NULL));
}

static void plan_main(struct sedge_run *run)
{
    struct json_object *service = json_object_new_object();
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < run->resolution.n; i++)
        if (run->resolution.choices[i].root)
            (void)json_object_array_add(list, json_object_new_string(run->resolution.choices[i].component));
    (void)json_object_array_add(list, json_object_new_string(SEDGE_NUCLEUS));
    (void)json_object_object_add(service, "dependencies", list);
    (void)json_object_object_add(service, "lifecycle", json_object_new_object());
    (void)json_object_object_add(run->services, "main", service);
}

static struct json_object *plan_components(struct sedge_run *run, bool interpolate)
{
    sedge_auto_free struct sedge_plan_component *components = sedge_xcalloc(run->resolution.n, sizeof *components);
    struct sedge_config *cfg = run->d->o.config;
    sedge_auto_free char *thing = sedge_xstrdup(sedge_config_str(cfg, SEDGE_PATH("system", "thingName"), ""));
    struct sedge_plan_input in = {.components = components,
                                  .root = run->d->root,
                                  .thing_name = thing,
                                  .deploy_ts = run->deploy_ts,
                                  .interpolate_configuration = interpolate,
                                  .warn = warn_cb,
                                  .user = run};
    struct json_object *services;

    for (size_t i = 0; i < run->resolution.n; i++)
        if (!run->resolution.choices[i].builtin) fill_component(run, &run->resolution.choices[i], &components[in.n++]);
    services = sedge_plan_services(&in, &run->err);
    for (size_t i = 0; i < in.n; i++) {
        (void)json_object_put(components[i].running);
        (void)json_object_put(components[i].run_with);
    }
    return services;
}

/* -1: the failure is set. */
static int make_plan(struct sedge_run *run)
{
    struct sedge_config *cfg = run->d->o.config;
    sedge_auto_put struct json_object *nucleus = NULL;

    run->planned_from = sedge_config_generation(cfg);
    run->deploy_ts = run->doc.created_ms;
    if (strcmp(sedge_nucleus_param_str(cfg, "deploymentConfigurationTimeSource"), "deploymentProcessingTime") == 0)
        run->deploy_ts = sedge_wall_ms();
    nucleus = nucleus_configuration(run);
    if (run->err.code != SEDGE_OK) return -1;
    (void)json_object_put(run->services);
    run->services = plan_components(run, interpolates_configuration(run, nucleus));
    if (!run->services) {
        sedge_failure_add(&run->failure, "CONFIG_INTERPOLATE_ERROR");
        sedge_failure_cause(&run->failure, "%s", run->err.msg);
        return -1;
    }
    if (sedge_run_plan_builtins(run) != 0) return -1;
    plan_main(run);
    if (nucleus) plan_nucleus(run, sedge_steal(&nucleus));
    sedge_run_look_for_restart(run);
    return 0;
}

void sedge_run_plan(struct sedge_run *run)
{
    sedge_auto_put struct json_object *now =
        sedge_config_get_object(run->d->o.config, SEDGE_PATH("services", SEDGE_NUCLEUS, "configuration"));

    if (make_plan(run) != 0)
        sedge_run_fail_early(run);
    else
        sedge_run_check_run_with(run, now,
                                 sedge_json_obj(sedge_json_obj(run->services, SEDGE_NUCLEUS), "configuration"));
}

int sedge_run_replan(struct sedge_run *run)
{
    return run->planned_from == sedge_config_generation(run->d->o.config) ? 0 : make_plan(run);
}
