#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "commands.h"
#include "registry.h"

int sedge_cmd_thing_create(struct sedge_run *r, struct sedge_err *err)
{
    const char *name = r->operands.v[0];
    struct sedge_bundle b = {
        .out = sedge_run_opt(r, "out", name),
        .install_dir = sedge_run_opt(r, "install-dir", NULL),
        .root = sedge_run_opt(r, "root", NULL),
    };

    if (sedge_thing_create(&r->cloud, name, &b, sedge_wall_ms(), err) != 0) return -1;
    if (r->json) {
        sedge_auto_put struct json_object *o = json_object_new_object();

        sedge_json_add_str(o, "thingName", name);
        sedge_json_add_str(o, "bundle", b.out);
        sedge_print_json(o);
        return 0;
    }
    printf("Made thing %s; its key, certificate and configuration are in %s\n"
           "start the device with: sedge-nucleus --init-config %s/config.yaml\n",
           name, b.out, b.out);
    return 0;
}

static void last_seen(struct json_object *t, char out[32])
{
    int64_t at = sedge_json_i64(t, "lastSeen", 0);

    if (at)
        sedge_ago(at, out);
    else
        (void)snprintf(out, 32, "never");
}

int sedge_cmd_thing_list(struct sedge_run *r, struct sedge_err *err)
{
    sedge_auto_put struct json_object *list = sedge_thing_list(&r->cloud, err);
    struct sedge_table t = {.columns = 5};

    if (!list) return -1;
    if (r->json) {
        sedge_print_json(list);
        return 0;
    }
    if (json_object_array_length(list) == 0) {
        puts("There are no things yet; make one with: sedge-cloud thing create NAME");
        return 0;
    }
    sedge_table_row(&t, (const char *const[]){"THING", "GROUPS", "HEALTH", "RUNTIME", "LAST SEEN"});
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *o = json_object_array_get_idx(list, i);
        sedge_auto_free char *runtime =
            sedge_xasprintf("%s %s", sedge_json_str(o, "runtime", ""), sedge_json_str(o, "coreVersion", ""));
        char seen[32];

        last_seen(o, seen);
        sedge_table_row(&t, (const char *const[]){sedge_json_str(o, "thingName", ""), sedge_json_str(o, "groups", ""),
                                                  sedge_json_str(o, "health", ""),
                                                  strcmp(runtime, " ") == 0 ? "" : runtime, seen});
    }
    sedge_table_print(&t, stdout);
    return 0;
}

static void print_components(struct json_object *o)
{
    struct json_object *list = sedge_json_arr(o, "components");
    struct sedge_table t = {.columns = 4};

    if (json_object_array_length(list) == 0) {
        puts("\nThe device has not reported components yet.");
        return;
    }
    puts("");
    sedge_table_row(&t, (const char *const[]){"COMPONENT", "VERSION", "STATUS", "REASON"});
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *c = json_object_array_get_idx(list, i);

        sedge_table_row(&t,
                        (const char *const[]){sedge_json_str(c, "componentName", ""), sedge_json_str(c, "version", ""),
                                              sedge_json_str(c, "status", ""), sedge_json_str(c, "reason", "")});
    }
    sedge_table_print(&t, stdout);
}

static void print_deployments(struct json_object *o)
{
    struct json_object *list = sedge_json_arr(o, "deployments");
    struct sedge_table t = {.columns = 4};

    if (json_object_array_length(list) == 0) {
        puts("\nNo deployment was offered to this thing.");
        return;
    }
    puts("");
    sedge_table_row(&t, (const char *const[]){"DEPLOYMENT", "STATUS", "SINCE", "CAUSE"});
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *d = json_object_array_get_idx(list, i), *details = sedge_json_obj(d, "statusDetails");
        char since[32];

        sedge_ago(sedge_json_i64(d, "updatedAt", 0), since);
        sedge_table_row(&t, (const char *const[]){sedge_json_str(d, "target", ""), sedge_json_str(d, "status", ""),
                                                  since, sedge_json_str(details, "deployment-failure-cause", "")});
    }
    sedge_table_print(&t, stdout);
}

int sedge_cmd_thing_show(struct sedge_run *r, struct sedge_err *err)
{
    sedge_auto_put struct json_object *o = sedge_thing_show(&r->cloud, r->operands.v[0], err);
    char seen[32];

    if (!o) return -1;
    if (r->json) {
        sedge_print_json(o);
        return 0;
    }
    last_seen(o, seen);
    printf("Thing:      %s (%s)\nGroups:     %s\nRuntime:    %s %s\nHealth:     %s\nLast seen:  %s\n",
           sedge_json_str(o, "thingName", ""), sedge_json_str(o, "state", ""), sedge_json_str(o, "groups", "-"),
           sedge_json_str(o, "runtime", "-"), sedge_json_str(o, "coreVersion", ""),
           sedge_json_str(o, "health", "unknown"), seen);
    print_components(o);
    print_deployments(o);
    return 0;
}

int sedge_cmd_thing_delete(struct sedge_run *r, struct sedge_err *err)
{
    if (sedge_thing_delete(&r->cloud, r->operands.v[0], sedge_wall_ms(), err) != 0) return -1;
    printf("Deleted thing %s; the broker accepts its certificate until it expires, but nobody answers it\n",
           r->operands.v[0]);
    return 0;
}

int sedge_cmd_group_create(struct sedge_run *r, struct sedge_err *err)
{
    if (sedge_group_create(&r->cloud, r->operands.v[0], err) != 0) return -1;
    printf("Made group %s\n", r->operands.v[0]);
    return 0;
}

int sedge_cmd_group_list(struct sedge_run *r, struct sedge_err *err)
{
    sedge_auto_put struct json_object *list = sedge_group_list(&r->cloud, err);
    struct sedge_table t = {.columns = 4};

    if (!list) return -1;
    if (r->json) {
        sedge_print_json(list);
        return 0;
    }
    if (json_object_array_length(list) == 0) {
        puts("There are no groups yet; make one with: sedge-cloud group create NAME");
        return 0;
    }
    sedge_table_row(&t, (const char *const[]){"GROUP", "THINGS", "REVISION", "STATE"});
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *o = json_object_array_get_idx(list, i), *revision = sedge_json_get(o, "revision");

        sedge_table_row(
            &t, (const char *const[]){sedge_json_str(o, "groupName", ""), sedge_json_text(sedge_json_get(o, "things")),
                                      revision ? sedge_json_text(revision) : NULL, sedge_json_str(o, "state", NULL)});
    }
    sedge_table_print(&t, stdout);
    return 0;
}

int sedge_cmd_group_show(struct sedge_run *r, struct sedge_err *err)
{
    sedge_auto_put struct json_object *o = sedge_group_show(&r->cloud, r->operands.v[0], err);
    struct json_object *things;

    if (!o) return -1;
    if (r->json) {
        sedge_print_json(o);
        return 0;
    }
    things = sedge_json_arr(o, "things");
    printf("Group:     %s\nRevision:  %s\nThings:    %zu\n", r->operands.v[0],
           sedge_json_get(o, "revision") ? sedge_json_text(sedge_json_get(o, "revision")) : "none",
           json_object_array_length(things));
    for (size_t i = 0; i < json_object_array_length(things); i++)
        printf("  %s\n", json_object_get_string(json_object_array_get_idx(things, i)));
    return 0;
}

int sedge_cmd_group_add(struct sedge_run *r, struct sedge_err *err)
{
    const char *group = r->operands.v[0];
    int64_t id = 0;

    if (sedge_run_has(r, "create") && sedge_group_id(&r->cloud, group, &id, NULL) != 0 &&
        sedge_group_create(&r->cloud, group, err) != 0)
        return -1;
    for (size_t i = 1; i < r->operands.n; i++) {
        sedge_auto_free char *offers = NULL;

        if (sedge_group_add(&r->cloud, group, r->operands.v[i], sedge_wall_ms(), &offers, err) != 0) return -1;
        printf("%s is in group %s%s%s\n", r->operands.v[i], group, offers ? "; it gets deployment " : "",
               offers ? offers : "");
    }
    return 0;
}

int sedge_cmd_group_rm(struct sedge_run *r, struct sedge_err *err)
{
    for (size_t i = 1; i < r->operands.n; i++) {
        if (sedge_group_rm(&r->cloud, r->operands.v[0], r->operands.v[i], sedge_wall_ms(), err) != 0) return -1;
        printf("%s is not in group %s; it keeps the group's components until they are removed on the device:\n"
               "  sedge deployment create --groupId %s --remove COMPONENT\n",
               r->operands.v[i], r->operands.v[0], r->operands.v[0]);
    }
    return 0;
}

int sedge_cmd_group_delete(struct sedge_run *r, struct sedge_err *err)
{
    if (sedge_group_delete(&r->cloud, r->operands.v[0], sedge_run_has(r, "cascade"), sedge_wall_ms(), err) != 0)
        return -1;
    printf("Deleted group %s\n", r->operands.v[0]);
    return 0;
}
