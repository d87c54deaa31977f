/* Parts of the nucleus as root components: their configuration is merged like a component's. */
#include "run.h"

#include "base/mem.h"
#include "config/params.h"
#include "config/resolve.h"
#include "shadow/settings.h"

#include <string.h>

/* What the part itself would refuse fails the deployment. */
static int check(struct sedge_run *run, const char *name, struct json_object *configuration)
{
    struct sedge_shadow_settings s = SEDGE_SHADOW_SETTINGS_INIT;
    int rc;

    if (strcmp(name, SEDGE_SHADOW_MANAGER) != 0) return 0;
    rc = sedge_shadow_settings_read(&s, configuration, NULL, &run->err);
    sedge_shadow_settings_release(&s);
    return rc;
}

static int plan(struct sedge_run *run, const struct sedge_root *root, const char *name)
{
    struct sedge_config *cfg = run->d->o.config;
    sedge_auto_put struct json_object *running = NULL;
    struct json_object *configuration, *service;

    (void)sedge_config_get(cfg, SEDGE_PATH("services", name, "configuration"), SEDGE_CONFIG_STAMPED, &running);
    configuration =
        sedge_config_resolve_component(running, NULL, root->reset, root->merge, run->deploy_ts, NULL, &run->err);
    if (!configuration || check(run, name, configuration) != 0) {
        (void)json_object_put(configuration);
        sedge_failure_add(&run->failure, "COMPONENT_CONFIGURATION_NOT_VALID");
        sedge_failure_cause(&run->failure, "%s: %s", name, run->err.msg);
        return -1;
    }
    service = sedge_config_get_object(cfg, SEDGE_PATH("services", name));
    if (!service) service = json_object_new_object();
    (void)json_object_object_add(service, "configuration", configuration);
    (void)json_object_object_add(run->services, name, service);
    return 0;
}

int sedge_run_plan_builtins(struct sedge_run *run)
{
    for (size_t i = 0; i < run->resolution.n; i++) {
        const char *name = run->resolution.choices[i].component;
        const struct sedge_root *root = sedge_document_root(&run->doc, name);

        if (!run->resolution.choices[i].builtin || strcmp(name, SEDGE_NUCLEUS) == 0) continue;
        if (root && (root->merge || root->reset) && plan(run, root, name) != 0) return -1;
    }
    return 0;
}
