#include "telemetry.h"

#include <string.h>

#include "cloud/query.h"

int sedge_telemetry_add(struct sedge_db *db, int64_t thing_id, struct json_object *out, struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_q(db, err, "SELECT at, body FROM telemetry WHERE thing_id=?1", "i", thing_id);
    int rc = q ? sedge_db_step(db, q, err) : -1;

    if (rc == 1) {
        const char *text = sedge_db_text(q, 1);
        struct json_object *o = json_object_new_object();

        sedge_json_add_i64(o, "receivedAt", sqlite3_column_int64(q, 0));
        (void)json_object_object_add(o, "message", sedge_json_parse(text, strlen(text), "telemetry", NULL));
        (void)json_object_object_add(out, "telemetry", o); /* takes o */
    }
    (void)sqlite3_finalize(q);
    return rc < 0 ? -1 : 0;
}
