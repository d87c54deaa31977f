/* The form of fleet status messages (spec/cloud-protocol.md 13). */
#include "fleet_internal.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

static const char *name_of(struct json_object *entry)
{
    return sedge_json_str(entry, "componentName", "");
}

static const char *status_of(struct json_object *entry)
{
    return sedge_json_str(entry, "status", "");
}

static struct json_object *find_entry(struct json_object *all, const char *name)
{
    for (size_t i = 0; i < json_object_array_length(all); i++)
        if (strcmp(name_of(json_object_array_get_idx(all, i)), name) == 0) return json_object_array_get_idx(all, i);
    return NULL;
}

static bool is_healthy(struct json_object *all)
{
    for (size_t i = 0; i < json_object_array_length(all); i++)
        if (strcmp(status_of(json_object_array_get_idx(all, i)), "BROKEN") == 0) return false;
    return true;
}

bool sedge_fleet_all_stable(struct json_object *all)
{
    static const char *const moving[] = {"NEW", "INSTALLED", "STARTING", "STOPPING", "UNINSTALLING"};

    for (size_t i = 0; i < json_object_array_length(all); i++)
        for (size_t k = 0; k < SEDGE_ARRAY_LEN(moving); k++)
            if (strcmp(status_of(json_object_array_get_idx(all, i)), moving[k]) == 0) return false;
    return true;
}

struct json_object *sedge_fleet_base(const struct sedge_fleet *f, bool complete, const char *trigger,
                                     struct json_object *all)
{
    struct json_object *o = json_object_new_object();

    sedge_json_add_str(o, "ggcVersion", f->version);
    sedge_json_add_str(o, "platform", "linux");
    sedge_json_add_str(o, "architecture", f->architecture);
    sedge_json_add_str(o, "runtime", SEDGE_FLEET_RUNTIME);
    sedge_json_add_str(o, "thing", f->thing);
    sedge_json_add_str(o, "overallDeviceStatus", is_healthy(all) ? "HEALTHY" : "UNHEALTHY");
    sedge_json_add_i64(o, "sequenceNumber", f->sequence);
    sedge_json_add_i64(o, "timestamp", sedge_wall_ms());
    sedge_json_add_str(o, "messageType", complete ? "COMPLETE" : "PARTIAL");
    sedge_json_add_str(o, "trigger", trigger);
    return o;
}

static void add_removed(struct json_object *list, const char *name)
{
    struct json_object *e = json_object_new_object();

    sedge_json_add_str(e, "componentName", name);
    sedge_json_add_str(e, "version", "");
    (void)json_object_object_add(e, "fleetConfigArns", json_object_new_array());
    (void)json_object_object_add(e, "componentStatusDetails", NULL);
    sedge_json_add_bool(e, "isRoot", false);
    sedge_json_add_str(e, "status", "UNINSTALLED");
    (void)json_object_array_add(list, e);
}

static bool is_new(const struct sedge_fleet *f, const char *name, const struct sedge_strv *only)
{
    if (only) return sedge_strv_has(only, name);
    return sedge_strv_has(&f->dirty, name) || !sedge_json_has(f->known, name);
}

static void add_arns(struct json_object *to, struct json_object *entry)
{
    struct json_object *from = sedge_json_arr(entry, "fleetConfigArns");

    for (size_t i = 0; from && i < json_object_array_length(from); i++) {
        struct json_object *arn = json_object_array_get_idx(from, i);
        bool there = false;
        for (size_t k = 0; k < json_object_array_length(to); k++)
            there = there || json_object_equal(json_object_array_get_idx(to, k), arn);
        if (!there) (void)json_object_array_add(to, json_object_get(arn));
    }
}

/* Parts of the nucleus belong to every deployment that the message tells of. */
static void fill_arns(struct json_object *list)
{
    sedge_auto_put struct json_object *arns = json_object_new_array();

    for (size_t i = 0; i < json_object_array_length(list); i++)
        add_arns(arns, json_object_array_get_idx(list, i));
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *e = json_object_array_get_idx(list, i);
        if (!sedge_json_arr(e, "fleetConfigArns"))
            (void)json_object_object_add(e, "fleetConfigArns", json_object_get(arns));
    }
}

struct json_object *sedge_fleet_select(const struct sedge_fleet *f, struct json_object *all, bool complete,
                                       const struct sedge_strv *only)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < json_object_array_length(all); i++) {
        struct json_object *e = json_object_array_get_idx(all, i);
        if (complete || is_new(f, name_of(e), only)) (void)json_object_array_add(list, json_object_get(e));
    }
    fill_arns(list);
    if (complete) return list;
    json_object_object_foreach (f->known, known, unused) {
        (void)unused;
        if (!find_entry(all, known) && (!only || sedge_strv_has(only, known))) add_removed(list, known);
    }
    return list;
}

struct json_object *sedge_fleet_information(struct json_object *info, struct json_object *components)
{
    struct json_object *o = sedge_json_copy(info);
    struct json_object *roots = sedge_json_arr(o, "unchangedRootComponents");
    struct json_object *left = json_object_new_array();

    for (size_t i = 0; roots && i < json_object_array_length(roots); i++) {
        struct json_object *name = json_object_array_get_idx(roots, i);
        if (!find_entry(components, json_object_get_string(name)))
            (void)json_object_array_add(left, json_object_get(name));
    }
    (void)json_object_object_add(o, "unchangedRootComponents", left);
    return o;
}

struct json_object *sedge_fleet_names(struct json_object *all)
{
    struct json_object *names = json_object_new_object();

    for (size_t i = 0; i < json_object_array_length(all); i++)
        sedge_json_add_bool(names, name_of(json_object_array_get_idx(all, i)), true);
    return names;
}
