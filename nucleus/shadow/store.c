#include "store.h"

#include <string.h>

#include "base/mem.h"

const char sedge_shadow_schema[] =
    "CREATE TABLE IF NOT EXISTS shadow (thing TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL,"
    " timestamp INTEGER NOT NULL, document TEXT, PRIMARY KEY (thing, name));"
    "CREATE INDEX IF NOT EXISTS shadow_deleted ON shadow (timestamp) WHERE document IS NULL;";

static sqlite3_stmt *prepare(struct sedge_db *db, const char *sql, const char *thing, const char *name,
                             struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_db_prepare(db, sql, err);

    if (!q) return NULL;
    sedge_db_bind_text(q, 1, thing);
    sedge_db_bind_text(q, 2, name);
    return q;
}

static int read_row(sqlite3_stmt *q, struct sedge_shadow_doc *doc, struct sedge_err *err)
{
    sedge_auto_put struct json_object *o = NULL;
    const char *text = sedge_db_text(q, 2);

    doc->version = sqlite3_column_int64(q, 0);
    doc->timestamp = sqlite3_column_int64(q, 1);
    if (sqlite3_column_type(q, 2) == SQLITE_NULL) return 0;
    o = sedge_json_parse_object(text, strlen(text), "stored shadow", err);
    if (!o || !sedge_json_obj(o, "state") || !sedge_json_obj(o, "metadata"))
        return sedge_err_set(err, SEDGE_E_CORRUPT, "the stored shadow is damaged; delete it and write it anew");
    doc->exists = true;
    doc->state = json_object_get(sedge_json_obj(o, "state"));
    doc->metadata = json_object_get(sedge_json_obj(o, "metadata"));
    return 0;
}

int sedge_shadow_load(struct sedge_db *db, const char *thing, const char *name, struct sedge_shadow_doc *doc,
                      struct sedge_err *err)
{
    sqlite3_stmt *q =
        prepare(db, "SELECT version, timestamp, document FROM shadow WHERE thing=?1 AND name=?2", thing, name, err);
    int rc;

    *doc = SEDGE_SHADOW_DOC_INIT;
    if (!q) return -1;
    rc = sedge_db_step(db, q, err);
    if (rc == 1) rc = read_row(q, doc, err);
    (void)sqlite3_finalize(q);
    return rc;
}

/* Makes no new shadow when there are enough. */
static int check_count(struct sedge_db *db, struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_db_prepare(db, "SELECT count(*) FROM shadow", err);
    int rc;
    int64_t n;

    if (!q) return -1;
    rc = sedge_db_step(db, q, err);
    n = rc == 1 ? sqlite3_column_int64(q, 0) : 0;
    (void)sqlite3_finalize(q);
    if (rc < 0) return -1;
    if (n < SEDGE_SHADOW_COUNT_MAX) return 0;
    /* what was deleted longest ago makes room */
    if (sedge_db_exec(db,
                      "DELETE FROM shadow WHERE rowid IN (SELECT rowid FROM shadow WHERE document IS NULL"
                      " ORDER BY timestamp LIMIT 1)",
                      err) != 0)
        return -1;
    if (sqlite3_changes(sedge_db_handle(db)) > 0) return 0;
    return sedge_err_set(err, SEDGE_E_NO_SPACE, "There are %d shadows already; delete some", SEDGE_SHADOW_COUNT_MAX);
}

static char *text_of(const struct sedge_shadow_doc *doc)
{
    sedge_auto_put struct json_object *o = json_object_new_object();

    (void)json_object_object_add(o, "state", json_object_get(doc->state));
    (void)json_object_object_add(o, "metadata", json_object_get(doc->metadata));
    return sedge_xstrdup(sedge_json_text(o));
}

static int write_row(struct sedge_db *db, sqlite3_stmt *q, struct sedge_err *err)
{
    int rc = q ? sedge_db_step(db, q, err) : -1;

    (void)sqlite3_finalize(q);
    return rc < 0 ? -1 : sqlite3_changes(sedge_db_handle(db));
}

int sedge_shadow_save(struct sedge_db *db, const char *thing, const char *name, const struct sedge_shadow_doc *doc,
                      struct sedge_err *err)
{
    static const char *const sql[] = {
        "UPDATE shadow SET version=?3, timestamp=?4, document=?5 WHERE thing=?1 AND name=?2",
        "INSERT INTO shadow (thing, name, version, timestamp, document) VALUES (?1, ?2, ?3, ?4, ?5)"};
    sedge_auto_free char *text = doc->exists ? text_of(doc) : NULL;

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(sql); i++) {
        sqlite3_stmt *q;
        int changed;

        if (i == 1 && check_count(db, err) != 0) return -1;
        q = prepare(db, sql[i], thing, name, err);
        if (q) {
            sedge_db_bind_i64(q, 3, doc->version);
            sedge_db_bind_i64(q, 4, doc->timestamp);
            sedge_db_bind_text(q, 5, text);
        }
        changed = write_row(db, q, err);
        if (changed != 0) return changed < 0 ? -1 : 0;
    }
    return 0;
}

int sedge_shadow_names(struct sedge_db *db, const char *thing, const char *after, int limit, struct sedge_strv *names,
                       struct sedge_err *err)
{
    sqlite3_stmt *q = prepare(db,
                              "SELECT name FROM shadow WHERE thing=?1 AND name>?2 AND document IS NOT NULL"
                              " ORDER BY name LIMIT ?3",
                              thing, after, err);
    int rc;

    if (!q) return -1;
    sedge_db_bind_i64(q, 3, limit);
    while ((rc = sedge_db_step(db, q, err)) == 1)
        sedge_strv_add(names, sedge_db_text(q, 0));
    (void)sqlite3_finalize(q);
    return rc;
}
