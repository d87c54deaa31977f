#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "commands.h"
#include "cloud/query.h"
#include "cloud/registry/registry.h"
#include "cloud/plane/shadow.h"
#include "shadow_rules/names.h"

static const char *shadow_name(const struct sedge_run *r)
{
    return r->operands.n > 1 ? r->operands.v[1] : "";
}

static int find(struct sedge_run *r, int64_t *thing_id, struct sedge_err *err)
{
    if (sedge_shadow_check_name(shadow_name(r), err) != 0) return -1;
    return sedge_thing_id(&r->cloud, r->operands.v[0], thing_id, err);
}

int sedge_cmd_shadow_list(struct sedge_run *r, struct sedge_err *err)
{
    sedge_auto_put struct json_object *list = json_object_new_array();
    sqlite3_stmt *q;
    int64_t id = 0;
    int rc = -1;

    if (sedge_thing_id(&r->cloud, r->operands.v[0], &id, err) != 0) return -1;
    q = sedge_q(r->cloud.db, err, "SELECT name, version FROM shadow WHERE thing_id=?1 AND gone=0 ORDER BY name", "i",
                id);
    while (q && (rc = sedge_db_step(r->cloud.db, q, err)) == 1) {
        struct json_object *o = json_object_new_object();

        sedge_json_add_str(o, "shadowName", sedge_db_text(q, 0));
        sedge_json_add_i64(o, "version", sqlite3_column_int64(q, 1));
        (void)json_object_array_add(list, o); /* takes o */
        if (!r->json)
            printf("%s, version %lld\n", sedge_db_text(q, 0)[0] ? sedge_db_text(q, 0) : "(classic)",
                   (long long)sqlite3_column_int64(q, 1));
    }
    (void)sqlite3_finalize(q);
    if (rc < 0) return -1;
    if (r->json)
        sedge_print_json(list);
    else if (json_object_array_length(list) == 0)
        puts("The thing has no shadows.");
    return 0;
}

int sedge_cmd_shadow_show(struct sedge_run *r, struct sedge_err *err)
{
    struct sedge_shadow_doc doc = SEDGE_SHADOW_DOC_INIT;
    int64_t id = 0;
    int rc = find(r, &id, err);

    if (rc == 0) rc = sedge_shadow_load(r->cloud.db, id, shadow_name(r), &doc, err);
    if (rc == 0 && !doc.exists)
        rc =
            sedge_err_set(err, SEDGE_E_NOT_FOUND, "thing \"%s\" has no such shadow; it has: sedge-cloud shadow list %s",
                          r->operands.v[0], r->operands.v[0]);
    if (rc == 0) {
        sedge_auto_put struct json_object *o = sedge_shadow_got(&doc, doc.timestamp);
        sedge_print_json(o);
    }
    sedge_shadow_doc_release(&doc);
    return rc;
}

static int change(struct sedge_run *r, const char *update, struct sedge_err *err)
{
    int64_t id = 0;

    if (find(r, &id, err) != 0) return -1;
    if (strcmp(shadow_name(r), SEDGE_SHADOW_DEPLOYMENT) == 0)
        return sedge_err_set(err, SEDGE_E_DENIED,
                             "this shadow carries deployments; change it with: sedge-cloud deploy revise thing:%s",
                             r->operands.v[0]);
    if (update) return sedge_shadow_change(r->cloud.db, sedge_wall_ms() / 1000, id, shadow_name(r), update, err);
    return sedge_shadow_delete(r->cloud.db, id, shadow_name(r), err);
}

static int change_once(struct sedge_run *r, const char *update, struct sedge_err *err)
{
    if (sedge_q_begin(r->cloud.db, err) != 0) return -1;
    return sedge_q_end(r->cloud.db, change(r, update, err), err);
}

static int changed(struct sedge_run *r, const char *line)
{
    return sedge_run_done(r, sedge_texts("thingName", r->operands.v[0], "shadowName", shadow_name(r), NULL), "%s\n",
                          line);
}

int sedge_cmd_shadow_update(struct sedge_run *r, struct sedge_err *err)
{
    const char *desired = sedge_run_opt(r, "desired", NULL);
    sedge_auto_free char *update = NULL;

    if (!desired)
        return sedge_err_set(err, SEDGE_E_INVALID, "expected --desired JSON, an object to merge; null deletes");
    update = sedge_xasprintf("{\"state\":{\"desired\":%s}}", desired);
    if (change_once(r, update, err) != 0) return -1;
    return changed(r, "Changed; the device is told.");
}

int sedge_cmd_shadow_delete(struct sedge_run *r, struct sedge_err *err)
{
    if (change_once(r, NULL, err) != 0) return -1;
    return changed(r, "Deleted; the device is told.");
}

int sedge_cmd_thing_carrier(struct sedge_run *r, struct sedge_err *err)
{
    if (sedge_carrier_set(&r->cloud, r->operands.v[0], r->operands.v[1], sedge_wall_ms(), err) != 0) return -1;
    return sedge_run_done(r, sedge_texts("thingName", r->operands.v[0], "carrier", r->operands.v[1], NULL),
                          "Deployments to thing %s alone: %s\n", r->operands.v[0], r->operands.v[1]);
}
