#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "commands.h"
#include "cloud/deploy/device_why.h"

static void print_head(struct json_object *o)
{
    char seen[32] = "never";
    int64_t at = sedge_json_i64(o, "lastSeen", 0);

    if (at) sedge_ago(at, seen);
    printf("Thing:      %s (%s)\nHealth:     %s\nRuntime:    %s %s\nLast seen:  %s\n",
           sedge_json_str(o, "thingName", ""), sedge_json_str(o, "state", ""), sedge_json_str(o, "health", "UNKNOWN"),
           sedge_json_str(o, "runtime", "-"), sedge_json_str(o, "coreVersion", ""), seen);
}

static void print_targets(struct json_object *list)
{
    struct sedge_table t = {.columns = 6};

    if (json_object_array_length(list) == 0) {
        puts("\nNo current deployment reaches this thing.");
        return;
    }
    puts("");
    sedge_table_row(&t, (const char *const[]){"TARGET", "REVISION", "REPORTED", "STATUS", "SINCE", "CAUSE"});
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *o = json_object_array_get_idx(list, i), *reported = sedge_json_get(o, "reportedRevision");
        int64_t at = sedge_json_i64(o, "since", 0);
        char since[32] = "";

        if (at) sedge_ago(at, since);
        sedge_table_row(&t, (const char *const[]){sedge_json_str(o, "target", ""),
                                                  sedge_json_text(sedge_json_get(o, "revision")),
                                                  reported ? sedge_json_text(reported) : NULL,
                                                  sedge_json_str(o, "status", "not released"), since,
                                                  sedge_json_str(o, "cause", sedge_json_str(o, "phase", NULL))});
    }
    sedge_table_print(&t, stdout);
}

/* "group:a 1.0.0, group:b 2.0.0" */
static char *wanted_text(struct json_object *wanted)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    for (size_t i = 0; i < json_object_array_length(wanted); i++) {
        struct json_object *o = json_object_array_get_idx(wanted, i);

        sedge_buf_printf(&b, "%s%s %s", i ? ", " : "", sedge_json_str(o, "target", ""),
                         sedge_json_str(o, "version", ""));
    }
    return sedge_buf_steal(&b);
}

static void print_components(struct json_object *list)
{
    struct sedge_table t = {.columns = 5};

    if (json_object_array_length(list) == 0) return;
    puts("");
    sedge_table_row(&t, (const char *const[]){"COMPONENT", "ASKED FOR BY", "RUNS", "STATUS", "REASON"});
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *o = json_object_array_get_idx(list, i);
        sedge_auto_free char *wanted = wanted_text(sedge_json_arr(o, "wanted"));

        sedge_table_row(&t, (const char *const[]){sedge_json_str(o, "componentName", ""), wanted,
                                                  sedge_json_str(o, "version", NULL), sedge_json_str(o, "status", NULL),
                                                  sedge_json_str(o, "reason", NULL)});
    }
    sedge_table_print(&t, stdout);
}

int sedge_cmd_device_status(struct sedge_run *r, struct sedge_err *err)
{
    sedge_auto_put struct json_object *o = sedge_device_why(&r->cloud, r->operands.v[0], sedge_wall_ms() / 1000, err);

    if (!o) return -1;
    if (r->json) {
        sedge_print_json(o);
        return 0;
    }
    print_head(o);
    sedge_print_telemetry(sedge_json_obj(o, "telemetry"), stdout);
    print_targets(sedge_json_arr(o, "targets"));
    print_components(sedge_json_arr(o, "components"));
    return 0;
}

int sedge_cmd_device_why(struct sedge_run *r, struct sedge_err *err)
{
    sedge_auto_put struct json_object *o = sedge_device_why(&r->cloud, r->operands.v[0], sedge_wall_ms() / 1000, err);
    struct json_object *why = sedge_json_arr(o, "why");

    if (!o) return -1;
    if (r->json) {
        sedge_print_json(o);
        return 0;
    }
    for (size_t i = 0; i < json_object_array_length(why); i++)
        puts(json_object_get_string(json_object_array_get_idx(why, i)));
    print_targets(sedge_json_arr(o, "targets"));
    print_components(sedge_json_arr(o, "components"));
    return 0;
}
