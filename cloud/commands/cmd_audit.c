#include "cloud/site/audit.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "commands.h"

int sedge_cmd_audit(struct sedge_run *r, struct sedge_err *err)
{
    struct sedge_audit_filter f = {
        .what = sedge_run_opt(r, "what", NULL),
        .ref = sedge_run_opt(r, "which", NULL),
        .who = sedge_run_opt(r, "who", NULL),
    };
    sedge_auto_put struct json_object *list = NULL;
    struct sedge_table t = {.columns = 5};
    int64_t since = 0;

    if (sedge_run_age(r, "since", &since, err) != 0 ||
        sedge_run_int(r, "limit", 1, SEDGE_AUDIT_MAX, &f.limit, err) != 0)
        return -1;
    f.since_ms = since * 1000;
    list = sedge_audit_list(&r->cloud, &f, err);
    if (!list) return -1;
    if (r->json) {
        sedge_print_json(list);
        return 0;
    }
    sedge_table_row(&t, (const char *const[]){"TIME", "WHO", "WHAT", "WHICH", "DETAIL"});
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *o = json_object_array_get_idx(list, i);
        char at[SEDGE_TIME_LEN];

        sedge_time_cli(sedge_json_i64(o, "at", 0), at);
        sedge_table_row(&t, (const char *const[]){at, sedge_json_str(o, "who", NULL), sedge_json_str(o, "what", NULL),
                                                  sedge_json_str(o, "ref", NULL), sedge_json_str(o, "detail", NULL)});
    }
    sedge_table_print(&t, stdout);
    return 0;
}
