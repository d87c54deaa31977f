#include "cloud/site/backup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "commands.h"
#include "cloud/site/upkeep.h"

int sedge_cmd_upkeep(struct sedge_run *r, struct sedge_err *err)
{
    sedge_auto_put struct json_object *o = NULL;
    struct sedge_upkeep_done d;

    if (sedge_upkeep_run(&r->cloud, sedge_run_has(r, "clean"), sedge_wall_ms(), &d, err) != 0) return -1;
    if (r->json) {
        o = json_object_new_object();
        sedge_json_add_i64(o, "revisions", d.revisions);
        sedge_json_add_i64(o, "executions", d.executions);
        sedge_json_add_i64(o, "leftovers", d.leftovers);
        sedge_json_add_bool(o, "cleaned", d.cleaned);
        sedge_print_json(o);
        return 0;
    }
    printf("Archived %d revision%s", d.revisions, d.revisions == 1 ? "" : "s");
    if (d.cleaned)
        printf(", exported %d old execution%s, deleted %d object%s of crashed uploads", d.executions,
               d.executions == 1 ? "" : "s", d.leftovers, d.leftovers == 1 ? "" : "s");
    puts("");
    return 0;
}

int sedge_cmd_backup(struct sedge_run *r, struct sedge_err *err)
{
    const char *file = r->operands.n ? r->operands.v[0] : NULL;
    sedge_auto_free char *key = NULL;

    if (!file && !sedge_run_has(r, "to-store"))
        return sedge_err_set(err, SEDGE_E_INVALID, "backup needs a FILE, or --to-store");
    if (file && sedge_cloud_backup(&r->cloud, file, err) != 0) return -1;
    if (file && !r->json) printf("Wrote the database to %s\n", file);
    if (sedge_run_has(r, "to-store")) {
        if (sedge_cloud_backup_to_store(&r->cloud, sedge_wall_ms(), &key, err) != 0) return -1;
        if (!r->json) printf("Wrote the database to %s in bucket %s\n", key, r->cloud.set.s3_bucket);
    }
    return sedge_run_done(r, sedge_texts("file", file, "key", key, NULL),
                          "It needs %s/cloud.json and %s/ca beside it: keep a copy of these too\n", r->state, r->state);
}
