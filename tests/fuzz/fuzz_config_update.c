/*
 * A list [running, defaults, reset, merge, keyPath, value, configuration of the nucleus] goes through everything that
 * takes values from outside: resolution for a deployment, apply, UpdateConfiguration, rollback, the parameter check.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "config/config.h"
#include "config/params.h"
#include "config/resolve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct json_object *item(struct json_object *list, size_t i)
{
    return json_object_array_get_idx(list, i);
}

static void update(struct sedge_config *cfg, struct json_object *path, struct json_object *value)
{
    const char *names[40];
    size_t n = json_object_is_type(path, json_type_array) ? json_object_array_length(path) : 0;

    if (n > SEDGE_ARRAY_LEN(names)) return;
    for (size_t i = 0; i < n; i++) {
        if (!sedge_json_is_str(item(path, i))) return;
        names[i] = json_object_get_string(item(path, i));
    }
    (void)sedge_config_update(cfg, "A", (struct sedge_path){names, n}, value, 50, NULL);
}

/* Rollback gives back what was there, times included. */
static void roll_back(struct sedge_config *cfg, struct json_object *services)
{
    sedge_auto_put struct json_object *before = sedge_config_snapshot(cfg), *after = NULL;
    sedge_auto_free char *one = sedge_json_text_sorted(before), *two = NULL;

    (void)sedge_config_apply(cfg, services, 40, 60, NULL, 0, NULL);
    (void)sedge_config_remove(cfg, SEDGE_PATH("services"), 0, SEDGE_CONFIG_FORCE);
    sedge_assert(sedge_config_restore(cfg, before, NULL, 0, NULL) == 0);
    after = sedge_config_snapshot(cfg);
    two = sedge_json_text_sorted(after);
    sedge_assert(strcmp(one, two) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sedge_auto_put struct json_object *list = sedge_json_parse((const char *)data, size, "fuzz", NULL);
    struct sedge_config *cfg;
    struct json_object *running = NULL;

    if (!json_object_is_type(list, json_type_array)) return 0;
    cfg = sedge_config_new(NULL);
    (void)sedge_config_write(cfg, SEDGE_PATH("services", "A", "configuration"), item(list, 0), 30, NULL);
    (void)sedge_config_get(cfg, SEDGE_PATH("services", "A", "configuration"), SEDGE_CONFIG_STAMPED, &running);
    sedge_auto_put struct json_object *resolved =
        sedge_config_resolve_component(running, item(list, 1), item(list, 2), item(list, 3), 40, NULL, NULL);
    sedge_auto_put struct json_object *run_with = sedge_config_resolve_run_with(item(list, 1), item(list, 3));
    update(cfg, item(list, 4), item(list, 5));
    roll_back(cfg, resolved ? resolved : run_with);
    (void)sedge_nucleus_params_check(item(list, 6), NULL, NULL);
    (void)sedge_nucleus_section_check("logging", item(list, 6), NULL);
    (void)sedge_nucleus_params_diff(item(list, 6), item(list, 1), NULL);
    (void)json_object_put(running);
    sedge_config_close(cfg, NULL, NULL);
    return 0;
}
