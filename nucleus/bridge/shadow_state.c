/* How shadows were when they were last in step with the cloud: the table `shadow_sync` of nucleus.db. */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "shadow_sync_internal.h"

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS shadow_sync (thing TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL,"
    " state TEXT, PRIMARY KEY (thing, name));";

static struct sedge_synced *read_row(struct sedge_shadow_sync *y, sqlite3_stmt *q)
{
    struct sedge_synced *s = SEDGE_NEW(struct sedge_synced);
    const char *text = sedge_db_text(q, 3);

    s->sync = y;
    s->thing = sedge_xstrdup(sedge_db_text(q, 0));
    s->name = sedge_xstrdup(sedge_db_text(q, 1));
    s->base.version = sqlite3_column_int64(q, 2);
    s->base.state = *text ? sedge_json_parse_object(text, strlen(text), "stored shadow", NULL) : NULL;
    s->base.exists = s->base.state != NULL;
    s->known = true;
    return s;
}

int sedge_shadow_state_load(struct sedge_shadow_sync *y, struct sedge_db *db, struct sedge_err *err)
{
    sqlite3_stmt *q;
    int rc;

    if (sedge_db_exec(db, schema, err) != 0) return -1;
    q = sedge_db_prepare(db, "SELECT thing, name, version, state FROM shadow_sync", err);
    if (!q) return -1;
    while ((rc = sedge_db_step(db, q, err)) == 1) {
        struct sedge_synced *s = read_row(y, q);
        s->next = y->list;
        y->list = s;
    }
    (void)sqlite3_finalize(q);
    return rc;
}

struct row {
    struct sedge_shadow_sync *sync;
    char *thing, *name, *state;
    int64_t version;
    bool remove;
};

static void bind_row(sqlite3_stmt *q, void *user)
{
    const struct row *r = user;

    sedge_db_bind_text(q, 1, r->thing);
    sedge_db_bind_text(q, 2, r->name);
    if (r->remove) return;
    sedge_db_bind_i64(q, 3, r->version);
    sedge_db_bind_text(q, 4, r->state);
}

static int work(struct sedge_db *db, void *arg, struct sedge_err *err)
{
    struct row *r = arg;
    const char *sql = r->remove ? "DELETE FROM shadow_sync WHERE thing=?1 AND name=?2"
                                : "INSERT INTO shadow_sync (thing, name, version, state) VALUES (?1, ?2, ?3, ?4)"
                                  " ON CONFLICT (thing, name) DO UPDATE SET version=?3, state=?4";

    return sedge_db_run(db, sql, bind_row, r, err);
}

static void done_cb(void *arg, int rc, const struct sedge_err *err)
{
    struct row *r = arg;
    struct sedge_shadow_sync *y = r->sync;

    if (rc != 0)
        sedge_log(SEDGE_ERROR, "shadow", "store-failed", "thing=%s shadow=%s: %s", r->thing, r->name, err->msg);
    free(r->thing);
    free(r->name);
    free(r->state);
    free(r);
    sedge_shadow_sync_call_ended(y);
}

static void submit(struct sedge_synced *s, bool remove)
{
    struct row *r = SEDGE_NEW(struct row);

    r->sync = s->sync;
    r->thing = sedge_xstrdup(s->thing);
    r->name = sedge_xstrdup(s->name);
    r->version = s->base.version;
    r->state = s->base.exists ? sedge_xstrdup(sedge_json_text(s->base.state)) : NULL;
    r->remove = remove;
    s->sync->calls++;
    sedge_dbw_submit(s->sync->writer, work, done_cb, r);
}

void sedge_shadow_state_put(struct sedge_synced *s)
{
    submit(s, false);
}

void sedge_shadow_state_delete(struct sedge_synced *s)
{
    submit(s, true);
}
