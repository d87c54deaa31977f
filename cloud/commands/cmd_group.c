#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "commands.h"
#include "cloud/registry/group_dynamic.h"
#include "cloud/registry/registry.h"

int sedge_cmd_group_create(struct sedge_run *r, struct sedge_err *err)
{
    const char *parent = sedge_run_opt(r, "parent", NULL), *query = sedge_run_opt(r, "query", NULL);
    int joined = 0;

    if (parent && query)
        return sedge_err_set(err, SEDGE_E_INVALID, "--parent and --query: a dynamic group stands below no other");
    if (query) {
        if (sedge_group_create_dynamic(&r->cloud, r->operands.v[0], query, sedge_wall_ms(), &joined, err) != 0)
            return -1;
        return sedge_run_done(r, sedge_texts("groupName", r->operands.v[0], "query", query, NULL),
                              "Made dynamic group %s with %d thing%s\n", r->operands.v[0], joined,
                              joined == 1 ? "" : "s");
    }

    if (sedge_group_create_below(&r->cloud, r->operands.v[0], parent, err) != 0) return -1;
    return sedge_run_done(r, sedge_texts("groupName", r->operands.v[0], "parent", parent, NULL), "Made group %s%s%s\n",
                          r->operands.v[0], parent ? " below " : "", parent ? parent : "");
}

int sedge_cmd_group_list(struct sedge_run *r, struct sedge_err *err)
{
    sedge_auto_put struct json_object *list = sedge_group_list(&r->cloud, err);
    struct sedge_table t = {.columns = 5};

    if (!list) return -1;
    if (r->json) {
        sedge_print_json(list);
        return 0;
    }
    if (json_object_array_length(list) == 0) {
        puts("There are no groups yet; make one with: sedge-cloud group create NAME");
        return 0;
    }
    sedge_table_row(&t, (const char *const[]){"GROUP", "PARENT", "THINGS", "REVISION", "STATE"});
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *o = json_object_array_get_idx(list, i), *revision = sedge_json_get(o, "revision");

        sedge_table_row(&t, (const char *const[]){sedge_json_str(o, "groupName", ""), sedge_json_str(o, "parent", NULL),
                                                  sedge_json_text(sedge_json_get(o, "things")),
                                                  revision ? sedge_json_text(revision) : NULL,
                                                  sedge_json_str(o, "state", NULL)});
    }
    sedge_table_print(&t, stdout);
    return 0;
}

static void print_list(const char *title, struct json_object *list)
{
    if (json_object_array_length(list) == 0) return;
    printf("%s\n", title);
    for (size_t i = 0; i < json_object_array_length(list); i++)
        printf("  %s\n", json_object_get_string(json_object_array_get_idx(list, i)));
}

int sedge_cmd_group_show(struct sedge_run *r, struct sedge_err *err)
{
    sedge_auto_put struct json_object *o = sedge_group_show(&r->cloud, r->operands.v[0], err);
    struct json_object *things, *below;

    if (!o) return -1;
    if (r->json) {
        sedge_print_json(o);
        return 0;
    }
    things = sedge_json_arr(o, "things");
    below = sedge_json_arr(o, "thingsOfGroupsBelow");
    printf("Group:     %s\nParent:    %s\n", r->operands.v[0], sedge_json_str(o, "parent", "-"));
    if (sedge_json_get(o, "query")) printf("Query:     %s\n", sedge_json_str(o, "query", ""));
    printf("Revision:  %s\nThings:    %zu\n",
           sedge_json_get(o, "revision") ? sedge_json_text(sedge_json_get(o, "revision")) : "none",
           json_object_array_length(things) + json_object_array_length(below));
    print_list("\nMembers:", things);
    print_list("\nMembers of groups below:", below);
    print_list("\nGroups below:", sedge_json_arr(o, "groups"));
    return 0;
}

static void add_thing(struct json_object *things, const char *thing, const char *offers)
{
    (void)json_object_array_add(things, sedge_texts("thingName", thing, "offered", offers, NULL)); /* takes it */
}

static int prune(struct sedge_run *r, const char *thing, struct json_object *things, struct sedge_err *err)
{
    sedge_auto_free char *by = NULL;

    if (sedge_group_prune(&r->cloud, r->operands.v[0], thing, sedge_wall_ms(), &by, err) != 0) return -1;
    if (!r->json)
        printf("%s is not in group %s; it removes the group's components with %s\n", thing, r->operands.v[0], by);
    (void)json_object_array_add(things, sedge_texts("thingName", thing, "prunedBy", by, NULL)); /* takes it */
    return 0;
}

/* The lines have been printed as it went on; with --json all comes at the end. */
static int changed(const struct sedge_run *r, const char *group, struct json_object *things)
{
    sedge_auto_put struct json_object *o = sedge_texts("groupName", group, NULL);

    (void)json_object_object_add(o, "things", json_object_get(things));
    if (r->json) sedge_print_json(o);
    return 0;
}

int sedge_cmd_group_add(struct sedge_run *r, struct sedge_err *err)
{
    sedge_auto_put struct json_object *things = json_object_new_array();
    const char *group = r->operands.v[0];
    int64_t id = 0;

    if (sedge_run_has(r, "create") && sedge_group_id(&r->cloud, group, &id, NULL) != 0 &&
        sedge_group_create(&r->cloud, group, err) != 0)
        return -1;
    for (size_t i = 1; i < r->operands.n; i++) {
        sedge_auto_free char *offers = NULL;

        if (sedge_group_add(&r->cloud, group, r->operands.v[i], sedge_wall_ms(), &offers, err) != 0) return -1;
        if (!r->json)
            printf("%s is in group %s%s%s\n", r->operands.v[i], group, offers ? "; it gets deployment " : "",
                   offers ? offers : "");
        add_thing(things, r->operands.v[i], offers);
    }
    return changed(r, group, things);
}

int sedge_cmd_group_move(struct sedge_run *r, struct sedge_err *err)
{
    sedge_auto_put struct json_object *things = json_object_new_array();
    const char *from = r->operands.v[0], *to = r->operands.v[1];

    for (size_t i = 2; i < r->operands.n; i++) {
        sedge_auto_free char *offers = NULL;

        if (sedge_group_move(&r->cloud, from, to, r->operands.v[i], sedge_wall_ms(), &offers, err) != 0) return -1;
        if (!r->json)
            printf("%s is in group %s, not in %s%s%s\n", r->operands.v[i], to, from,
                   offers ? "; it gets deployment " : "", offers ? offers : "");
        add_thing(things, r->operands.v[i], offers);
    }
    return changed(r, to, things);
}

static void tell_leaving(const struct sedge_run *r, const char *thing, const char *group)
{
    if (r->cloud.set.data_port)
        printf("%s is not in group %s; it removes the group's components with its next deployment\n", thing, group);
    else
        printf("%s is not in group %s; without a data plane it keeps the group's components until they are removed\n"
               "on the device: sedge deployment create --groupId %s --remove COMPONENT\n",
               thing, group, group);
}

int sedge_cmd_group_rm(struct sedge_run *r, struct sedge_err *err)
{
    sedge_auto_put struct json_object *things = json_object_new_array();

    for (size_t i = 1; i < r->operands.n; i++) {
        if (sedge_run_has(r, "prune")) {
            if (prune(r, r->operands.v[i], things, err) != 0) return -1;
            continue;
        }
        if (sedge_group_rm(&r->cloud, r->operands.v[0], r->operands.v[i], sedge_wall_ms(), err) != 0) return -1;
        if (!r->json) tell_leaving(r, r->operands.v[i], r->operands.v[0]);
        add_thing(things, r->operands.v[i], NULL);
    }
    return changed(r, r->operands.v[0], things);
}

int sedge_cmd_group_delete(struct sedge_run *r, struct sedge_err *err)
{
    if (sedge_group_delete(&r->cloud, r->operands.v[0], sedge_run_has(r, "cascade"), sedge_wall_ms(), err) != 0)
        return -1;
    return sedge_run_done(r, sedge_texts("groupName", r->operands.v[0], "state", "DELETED", NULL), "Deleted group %s\n",
                          r->operands.v[0]);
}
