/* The start of a nucleus in the middle of a deployment that restarts it: counted, and at last made a start as before.
 */
#include "restart.h"

#include "base/log.h"
#include "base/mem.h"

static struct sedge_entry *load(struct sedge_db *db, struct sedge_deployer *d, struct sedge_err *err)
{
    *d = (struct sedge_deployer){.entries = NULL};
    if (sedge_journal_load(d, db, err) != 0) return NULL;
    return sedge_restart_pending(d->entries);
}

static void release(struct sedge_deployer *d)
{
    while (d->entries) {
        struct sedge_entry *e = d->entries;
        d->entries = e->next;
        sedge_entry_free(e);
    }
}

int sedge_deployer_is_restarting(struct sedge_db *db, bool *out, struct sedge_err *err)
{
    struct sedge_deployer d;
    struct sedge_err why = SEDGE_ERR_INIT;

    *out = load(db, &d, &why) != NULL;
    release(&d);
    if (why.code == SEDGE_OK) return 0;
    if (err) *err = why;
    return -1;
}

static void put_back(struct sedge_config *cfg, struct sedge_entry *e)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct json_object *tasks = sedge_restart_restore(cfg, e, &err);

    if (!tasks) {
        sedge_log(SEDGE_ERROR, "deploy", "rollback-failed", "id=%s %s", e->id, err.msg);
        return;
    }
    sedge_log(SEDGE_WARN, "deploy", "configuration-put-back", "id=%s after %d starts that came to nothing", e->id,
              SEDGE_DEPLOY_RESTARTS_MAX);
    if (sedge_json_bool(e->restart, "fellBack", false)) {
        (void)json_object_put(
            tasks); /* compared with what an earlier start has put back already: the first list counts */
        return;
    }
    (void)json_object_object_add(e->restart, "back", tasks);
    sedge_json_add_bool(e->restart, "fellBack", true);
}

/* What is put back here is in memory only: the deployer writes it with its own row, in one transaction. A kill before
 * that comes back here. */
int sedge_deployer_guard(struct sedge_db *db, struct sedge_config *cfg, struct sedge_err *err)
{
    struct sedge_deployer d;
    struct sedge_err why = SEDGE_ERR_INIT;
    struct sedge_entry *e = load(db, &d, &why);
    int rc = why.code == SEDGE_OK ? 0 : -1;

    if (e && e->phase != SEDGE_PHASE_ROLLED_BACK) {
        e->attempts++;
        if (e->attempts > SEDGE_DEPLOY_RESTARTS_MAX && e->phase != SEDGE_PHASE_ROLLBACK_BOOTSTRAP) put_back(cfg, e);
        rc = sedge_journal_note_start(db, e, &why);
    }
    release(&d);
    if (rc != 0 && err) *err = why;
    return rc;
}
