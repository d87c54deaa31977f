#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"
#include "base/mem.h"
#include "dlr/report.h"
#include "tool.h"

static void print_ends(struct json_object *report, const char *key, const char *title)
{
    struct json_object *list = sedge_json_arr(report, key);

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *o = json_object_array_get_idx(list, i);
        printf("%-10s %s  %s %s\n", i ? "" : title, sedge_json_str(o, "name", ""), sedge_json_str(o, "type", ""),
               json_object_to_json_string_ext(sedge_json_arr(o, "shape"), JSON_C_TO_STRING_PLAIN));
    }
}

static void print_text(struct json_object *report)
{
    const char *title = "operators";

    printf("%-10s %s (%s)\n", "back-end", sedge_json_str(report, "backend", ""), sedge_json_str(report, "why", ""));
    print_ends(report, "inputs", "inputs");
    print_ends(report, "outputs", "outputs");
    printf("%-10s %" PRId64 "\n", "weights", sedge_json_i64(report, "weights", 0));
    json_object_object_foreach (sedge_json_obj(report, "operators"), name, times) {
        printf("%-10s %" PRId64 " %s\n", title, json_object_get_int64(times), name);
        title = "";
    }
    printf("%-10s %.1f MB for tensors while it runs\n", "memory", (double)sedge_json_i64(report, "memory", 0) / 1e6);
}

int tool_info(const struct tool_words *w)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_put struct json_object *report = NULL;

    if (w->n) return tool_fail("info takes one model") + 1;
    report = sedge_model_report(w->model, &err);
    if (!report) return tool_fail("%s", err.msg);
    if (w->json)
        puts(json_object_to_json_string_ext(report, TOOL_JSON));
    else
        print_text(report);
    return 0;
}
