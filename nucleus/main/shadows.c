/* The shadow service and its configuration, services.aws.greengrass.ShadowManager.configuration, which is live. */
#include "nucleus.h"

#include "base/log.h"
#include "base/mem.h"

#include <string.h>

static void configure(struct sedge_nucleus *n)
{
    sedge_auto_put struct json_object *o =
        sedge_config_get_object(n->config, SEDGE_PATH("services", SEDGE_SHADOW_MANAGER, "configuration"));
    const char *thing = sedge_config_str(n->config, SEDGE_PATH("system", "thingName"), "");
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_shadow_settings_read(&n->shadow_settings, o, thing, &err) != 0) {
        if (!sedge_str_eq(n->shadow_error, err.msg)) /* a deployment gives an event for each value */
            sedge_log(SEDGE_ERROR, "shadow", "configuration",
                      SEDGE_SHADOW_MANAGER ": %s; what was in force stays in force", err.msg);
        free(n->shadow_error);
        n->shadow_error = sedge_xstrdup(err.msg);
        return;
    }
    free(sedge_steal(&n->shadow_error));
    sedge_shadows_configure(n->shadows, &n->shadow_settings);
    if (n->shadow_sync && n->writer) sedge_shadow_sync_configure(n->shadow_sync, &n->shadow_settings);
}

static void changed_cb(const struct sedge_config_event *event, void *user)
{
    struct sedge_nucleus *n = user;

    (void)event;
    if (!n->stopping) configure(n);
}

int sedge_nucleus_open_shadows(struct sedge_nucleus *n, struct sedge_err *err)
{
    n->shadow_settings = SEDGE_SHADOW_SETTINGS_INIT;
    n->shadows = sedge_shadows_new(n->db, err);
    if (!n->shadows) return -1;
    configure(n);
    return 0;
}

void sedge_nucleus_start_shadows(struct sedge_nucleus *n)
{
    sedge_shadows_start(n->shadows, n->writer);
    n->shadow_watch =
        sedge_config_watch(n->config, SEDGE_PATH("services", SEDGE_SHADOW_MANAGER, "configuration"), changed_cb, n);
}

void sedge_nucleus_sync_shadows(struct sedge_nucleus *n)
{
    sedge_shadow_sync_start(n->shadow_sync, n->mqtt, n->writer);
    if (!n->shadow_error) sedge_shadow_sync_configure(n->shadow_sync, &n->shadow_settings);
}

void sedge_nucleus_end_shadows(struct sedge_nucleus *n)
{
    sedge_shadows_free(n->shadows);
    sedge_shadow_settings_release(&n->shadow_settings);
    free(n->shadow_error);
}
