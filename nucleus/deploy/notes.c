/* What the journal keeps of a deployment beside its phase, for a nucleus that was killed on the way:
 *   resolved      component -> version: clean-up keeps them if the deployment fails
 *   brokenBefore  components that had failed before: on the way back nobody waits for them
 *   leaving       component -> its service of the configuration: removed at the end, with its uninstall step */
#include "run.h"

#include "base/log.h"

static void set(struct sedge_run *run, const char *name, struct json_object *value)
{
    struct sedge_entry *e = run->entry;

    if (!e->notes) e->notes = json_object_new_object();
    (void)json_object_object_add(e->notes, name, value);
}

void sedge_run_note_resolved(struct sedge_run *run)
{
    struct json_object *resolved = json_object_new_object();

    for (size_t i = 0; i < run->resolution.n; i++)
        sedge_json_add_str(resolved, run->resolution.choices[i].component, run->resolution.choices[i].version);
    set(run, "resolved", resolved);
}

void sedge_run_note_broken(struct sedge_run *run)
{
    struct json_object *names = json_object_new_array();

    for (size_t i = 0; i < run->broken_before.n; i++)
        (void)json_object_array_add(names, json_object_new_string(run->broken_before.v[i]));
    set(run, "brokenBefore", names);
}

void sedge_run_note_end(struct sedge_run *run)
{
    if (!sedge_json_obj(run->entry->notes, "resolved")) sedge_run_note_resolved(run); /* nothing was applied */
    json_object_object_del(run->entry->notes, "brokenBefore");
    json_object_object_del(run->entry->notes, "leaving");
}

struct json_object *sedge_run_services_before(struct sedge_run *run)
{
    struct json_object *services = json_object_new_object();
    sedge_auto_strv struct sedge_strv names = {NULL, 0};

    sedge_service_names(run->d, &names);
    for (size_t i = 0; i < names.n; i++)
        (void)json_object_object_add(services, names.v[i],
                                     sedge_config_get_object(run->d->o.config, SEDGE_PATH("services", names.v[i])));
    return services;
}

void sedge_run_note_leaving(struct sedge_run *run, struct json_object *before)
{
    struct json_object *leaving = json_object_new_object();

    json_object_object_foreach (before, name, service) {
        if (!sedge_config_has(run->d->o.config, SEDGE_PATH("services", name, "version")))
            (void)json_object_object_add(leaving, name, json_object_get(service));
    }
    set(run, "leaving", leaving);
}

void sedge_run_recall(struct sedge_run *run)
{
    struct json_object *broken = sedge_json_arr(run->entry->notes, "brokenBefore");
    struct json_object *leaving = sedge_json_obj(run->entry->notes, "leaving");
    struct sedge_err err = SEDGE_ERR_INIT;

    for (size_t i = 0; broken && i < json_object_array_length(broken); i++)
        sedge_strv_add(&run->broken_before, json_object_get_string(json_object_array_get_idx(broken, i)));
    if (!leaving) return;
    json_object_object_foreach (leaving, name, service) {
        if (sedge_service_put_object(run->d, name, service, &err) != 0)
            sedge_log(SEDGE_WARN, "deploy", "component-removal", "%s", err.msg);
    }
}
