#include "shadow.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cloud/deploy/exec.h"
#include "cloud/query.h"

static void add_part(struct json_object *state, const char *key, const char *text)
{
    struct json_object *part = text[0] ? sedge_json_parse_object(text, strlen(text), key, NULL) : NULL;

    if (part) (void)json_object_object_add(state, key, part); /* takes part */
}

static void read_row(sqlite3_stmt *q, struct sedge_shadow_doc *doc)
{
    const char *metadata = sedge_db_text(q, 3);

    doc->version = sqlite3_column_int64(q, 0);
    doc->timestamp = sqlite3_column_int64(q, 4);
    doc->exists = sqlite3_column_int(q, 5) == 0;
    doc->state = json_object_new_object();
    add_part(doc->state, "desired", sedge_db_text(q, 1));
    add_part(doc->state, "reported", sedge_db_text(q, 2));
    if (metadata[0]) doc->metadata = sedge_json_parse_object(metadata, strlen(metadata), "metadata", NULL);
    if (!doc->metadata) doc->metadata = json_object_new_object();
}

int sedge_shadow_load(struct sedge_db *db, int64_t thing_id, const char *name, struct sedge_shadow_doc *doc,
                      struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_q_kept(db, err,
                                   "SELECT version, desired, reported, metadata, updated_at, gone FROM shadow"
                                   " WHERE thing_id=?1 AND name=?2",
                                   "it", thing_id, name);
    int rc = q ? sedge_db_step(db, q, err) : -1;

    *doc = SEDGE_SHADOW_DOC_INIT;
    if (rc == 1) read_row(q, doc);
    sedge_db_done(db, q);
    return rc < 0 ? -1 : 0;
}

static const char *part_text(const struct sedge_shadow_doc *doc, const char *key)
{
    struct json_object *part = doc->exists ? sedge_json_get(doc->state, key) : NULL;

    return part ? sedge_json_text(part) : NULL;
}

static int check_count(struct sedge_db *db, int64_t thing_id, struct sedge_err *err)
{
    int64_t n = 0;

    if (sedge_q_i64(db, err, &n, "SELECT COUNT(*) FROM shadow WHERE thing_id=?1", "i", thing_id) < 0) return -1;
    if (n < SEDGE_SHADOWS_MAX) return 0;
    return sedge_err_set(err, SEDGE_E_LIMIT, "The thing has %d shadows already", SEDGE_SHADOWS_MAX);
}

int sedge_shadow_save(struct sedge_db *db, int64_t thing_id, const char *name, const struct sedge_shadow_doc *doc,
                      struct sedge_err *err)
{
    if (doc->version == 1 && check_count(db, thing_id, err) != 0) return -1;
    return sedge_q_run(db, err,
                       "INSERT INTO shadow(thing_id,name,version,desired,reported,metadata,updated_at,gone)"
                       " VALUES(?1,?2,?3,?4,?5,?6,?7,?8) ON CONFLICT(thing_id,name) DO UPDATE SET"
                       " version=excluded.version, desired=excluded.desired, reported=excluded.reported,"
                       " metadata=excluded.metadata, updated_at=excluded.updated_at, gone=excluded.gone",
                       "ititttii", thing_id, name, doc->version, part_text(doc, "desired"), part_text(doc, "reported"),
                       doc->exists ? sedge_json_text(doc->metadata) : NULL, doc->timestamp, (int64_t)!doc->exists);
}

static int tell(struct sedge_db *db, int64_t thing_id, const char *name, struct sedge_err *err)
{
    if (sedge_q_run(db, err, "UPDATE shadow SET untold=1 WHERE thing_id=?1 AND name=?2", "it", thing_id, name) != 0)
        return -1;
    return sedge_exec_mark(db, thing_id, SEDGE_EXEC_NS_SHADOW, err);
}

int sedge_shadow_change(struct sedge_db *db, int64_t now, int64_t thing_id, const char *name, const char *update,
                        struct sedge_err *err)
{
    struct sedge_shadow_update u = SEDGE_SHADOW_UPDATE_INIT;
    struct sedge_shadow_doc doc = SEDGE_SHADOW_DOC_INIT;
    int rc = sedge_shadow_update_parse(&u, update, strlen(update), err);

    if (rc == 0) rc = sedge_shadow_load(db, thing_id, name, &doc, err);
    if (rc == 0) rc = sedge_shadow_update_apply(&doc, &u, SEDGE_SHADOW_DOC_MAX, now, err);
    if (rc == 0) rc = sedge_shadow_save(db, thing_id, name, &doc, err);
    if (rc == 0) rc = tell(db, thing_id, name, err);
    sedge_shadow_doc_release(&doc);
    sedge_shadow_update_release(&u);
    return rc;
}

int sedge_shadow_delete(struct sedge_db *db, int64_t thing_id, const char *name, struct sedge_err *err)
{
    int64_t n = 0;
    int rc =
        sedge_q_i64(db, err, &n, "SELECT 1 FROM shadow WHERE thing_id=?1 AND name=?2 AND gone=0", "it", thing_id, name);

    if (rc < 0) return -1;
    if (rc == 0) return sedge_err_set(err, SEDGE_E_NOT_FOUND, "No shadow exists with name: '%s'", name);
    if (sedge_q_run(db, err,
                    "UPDATE shadow SET gone=1, desired=NULL, reported=NULL, metadata=NULL WHERE thing_id=?1 AND"
                    " name=?2",
                    "it", thing_id, name) != 0)
        return -1;
    return tell(db, thing_id, name, err);
}
