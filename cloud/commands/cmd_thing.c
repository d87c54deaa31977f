#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "commands.h"
#include "cloud/registry/registry.h"

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

static void print_things(struct json_object *list)
{
    struct sedge_table t = {.columns = 6};

    sedge_table_row(&t, (const char *const[]){"THING", "STATE", "GROUPS", "HEALTH", "RUNTIME", "LAST SEEN"});
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *o = json_object_array_get_idx(list, i);
        sedge_auto_free char *runtime =
            sedge_xasprintf("%s %s", sedge_json_str(o, "runtime", ""), sedge_json_str(o, "coreVersion", ""));
        char seen[32];

        last_seen(o, seen);
        sedge_table_row(&t, (const char *const[]){sedge_json_str(o, "thingName", ""), sedge_json_str(o, "state", ""),
                                                  sedge_json_str(o, "groups", ""), sedge_json_str(o, "health", ""),
                                                  strcmp(runtime, " ") == 0 ? "" : runtime, seen});
    }
    sedge_table_print(&t, stdout);
}

int sedge_cmd_thing_list(struct sedge_run *r, struct sedge_err *err)
{
    struct sedge_thing_filter f = {
        .attribute = sedge_run_opt(r, "attr", NULL),
        .group = sedge_run_opt(r, "group", NULL),
        .health = sedge_run_opt(r, "health", NULL),
        .component = sedge_run_opt(r, "component", NULL),
    };
    sedge_auto_put struct json_object *list = NULL;

    if (sedge_run_age(r, "not-seen-for", &f.seen_before, err) != 0) return -1;
    list = sedge_thing_find(&r->cloud, &f, err);
    if (!list) return -1;
    if (r->json)
        sedge_print_json(list);
    else if (json_object_array_length(list))
        print_things(list);
    else if (f.attribute || f.group || f.health || f.component || f.seen_before)
        puts("No thing fits.");
    else
        puts("There are no things yet; make one with: sedge-cloud thing create NAME");
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
    sedge_auto_buf struct sedge_buf attributes = SEDGE_BUF_INIT;
    char seen[32];

    if (!o) return -1;
    if (r->json) {
        sedge_print_json(o);
        return 0;
    }
    json_object_object_foreach (sedge_json_obj(o, "attributes"), name, v) {
        sedge_buf_printf(&attributes, "%s%s=%s", attributes.len ? ", " : "", name, json_object_get_string(v));
    }
    last_seen(o, seen);
    printf("Thing:      %s (%s)\nAttributes: %s\nGroups:     %s\nRuntime:    %s %s\nHealth:     %s\nLast seen:  %s\n",
           sedge_json_str(o, "thingName", ""), sedge_json_str(o, "state", ""), attributes.len ? attributes.data : "-",
           sedge_json_str(o, "groups", "")[0] ? sedge_json_str(o, "groups", "") : "-",
           sedge_json_str(o, "runtime", "-"), sedge_json_str(o, "coreVersion", ""),
           sedge_json_str(o, "health", "unknown"), seen);
    print_components(o);
    print_deployments(o);
    sedge_print_telemetry(sedge_json_obj(o, "telemetry"), stdout);
    return 0;
}

/* What the operator still has to do so that the broker refuses a certificate. */
static void tell_broker(const struct sedge_run *r)
{
    const char *dir = r->cloud.set.broker_dir;

    if (r->json) return;
    if (dir && dir[0])
        printf("  its certificate is in %s/" SEDGE_REVOCATIONS_FILE
               "; mosquitto reads it when it starts, or now with:\n"
               "  kill -HUP $(pidof mosquitto)\n",
               dir);
    else
        puts("  its certificate goes into the list that sedge-cloud broker-config writes for mosquitto");
}

int sedge_cmd_thing_delete(struct sedge_run *r, struct sedge_err *err)
{
    if (sedge_thing_delete(&r->cloud, r->operands.v[0], sedge_wall_ms(), err) != 0) return -1;
    (void)sedge_run_done(r, sedge_texts("thingName", r->operands.v[0], "state", "DELETED", NULL),
                         "Deleted thing %s; nobody answers it any more\n", r->operands.v[0]);
    tell_broker(r);
    return 0;
}

int sedge_cmd_thing_block(struct sedge_run *r, struct sedge_err *err)
{
    if (sedge_thing_block(&r->cloud, r->operands.v[0], true, sedge_wall_ms(), err) != 0) return -1;
    (void)sedge_run_done(r, sedge_texts("thingName", r->operands.v[0], "state", "BLOCKED", NULL),
                         "Blocked thing %s; nobody answers it until: sedge-cloud thing unblock %s\n", r->operands.v[0],
                         r->operands.v[0]);
    tell_broker(r);
    return 0;
}

int sedge_cmd_thing_unblock(struct sedge_run *r, struct sedge_err *err)
{
    if (sedge_thing_block(&r->cloud, r->operands.v[0], false, sedge_wall_ms(), err) != 0) return -1;
    return sedge_run_done(r, sedge_texts("thingName", r->operands.v[0], "state", "ACTIVE", NULL),
                          "Thing %s may connect again; mosquitto forgets the block when it starts, or on SIGHUP\n",
                          r->operands.v[0]);
}

int sedge_cmd_thing_set_attr(struct sedge_run *r, struct sedge_err *err)
{
    struct sedge_strv changes = {r->operands.v + 1, r->operands.n - 1}; /* borrowed */
    sedge_auto_put struct json_object *o = NULL;

    if (sedge_thing_set_attributes(&r->cloud, r->operands.v[0], &changes, sedge_wall_ms(), err) != 0) return -1;
    o = sedge_thing_show(&r->cloud, r->operands.v[0], err);
    if (!o) return -1;
    if (r->json)
        sedge_print_json(sedge_json_obj(o, "attributes"));
    else
        printf("%s has %s\n", r->operands.v[0], sedge_json_text(sedge_json_obj(o, "attributes")));
    return 0;
}
