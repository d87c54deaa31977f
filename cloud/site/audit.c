#include "audit.h"

#include "base/json.h"
#include "cloud/query.h"

struct json_object *sedge_audit_list(struct sedge_cloud *c, const struct sedge_audit_filter *f, struct sedge_err *err)
{
    static const char *const keys[] = {"who", "what", "ref", "detail"};
    struct json_object *list = json_object_new_array();
    sqlite3_stmt *q =
        sedge_q(c->db, err,
                "SELECT at, who, what, ref, body FROM audit WHERE (?1 IS NULL OR substr(what,1,length(?1))=?1)"
                " AND (?2 IS NULL OR ref=?2) AND (?3 IS NULL OR who=?3) AND at>=?4"
                " ORDER BY id DESC LIMIT ?5",
                "tttii", f->what, f->ref, f->who, f->since_ms, f->limit ? f->limit : SEDGE_AUDIT_SHOWN);
    int rc = -1;

    while (q && (rc = sedge_db_step(c->db, q, err)) == 1) {
        struct json_object *o = json_object_new_object();

        sedge_json_add_i64(o, "at", sqlite3_column_int64(q, 0));
        for (int i = 0; i < 4; i++) {
            if (sqlite3_column_type(q, i + 1) != SQLITE_NULL) sedge_json_add_str(o, keys[i], sedge_db_text(q, i + 1));
        }
        (void)json_object_array_add(list, o); /* takes o */
    }
    (void)sqlite3_finalize(q);
    if (rc >= 0) return list;
    json_object_put(list);
    return NULL;
}
