#include "exec.h"

#include "base/mem.h"
#include "cloud/rollout/counters.h"
#include "cloud/query.h"
#include "cloud/rollout/retry.h"
#include "cloud/plane/shadow.h"

#define EXPIRE_BATCH 1000
#define COLUMNS                                                                                                        \
    "SELECT e.thing_id, e.deployment_id, e.exec_no, e.status, e.version, e.queued_at, e.started_at, e.updated_at,"     \
    " e.deadline_at, e.step_deadline_at, e.details, d.job_id, d.state, e.flags"                                        \
    " FROM execution e JOIN deployment d ON d.id = e.deployment_id "

void sedge_exec_release_row(struct sedge_exec *e)
{
    free(e->details);
    free(e->job_id);
    *e = (struct sedge_exec){0};
}

static void read_row(sqlite3_stmt *q, struct sedge_exec *e)
{
    *e = (struct sedge_exec){
        .thing_id = sqlite3_column_int64(q, 0),
        .deployment_id = sqlite3_column_int64(q, 1),
        .exec_no = sqlite3_column_int64(q, 2),
        .status = sqlite3_column_int64(q, 3),
        .version = sqlite3_column_int64(q, 4),
        .queued_at = sqlite3_column_int64(q, 5),
        .started_at = sqlite3_column_int64(q, 6),
        .updated_at = sqlite3_column_int64(q, 7),
        .deadline_at = sqlite3_column_int64(q, 8),
        .step_deadline_at = sqlite3_column_int64(q, 9),
        .deployment_state = sqlite3_column_int64(q, 12),
        .flags = sqlite3_column_int64(q, 13),
    };
    if (sqlite3_column_type(q, 10) != SQLITE_NULL) e->details = sedge_xstrdup(sedge_db_text(q, 10));
    e->job_id = sedge_xstrdup(sedge_db_text(q, 11));
}

bool sedge_exec_terminal(int64_t status)
{
    return status != SEDGE_EXEC_QUEUED && status != SEDGE_EXEC_IN_PROGRESS;
}

int sedge_exec_mark_dirty(struct sedge_db *db, int64_t thing_id, struct sedge_err *err)
{
    return sedge_exec_mark(db, thing_id, SEDGE_EXEC_NS_DEPLOY, err);
}

int sedge_exec_mark(struct sedge_db *db, int64_t thing_id, int ns, struct sedge_err *err)
{
    return sedge_q_run(db, err,
                       "INSERT INTO dirty(thing_id,ns,seq) VALUES(?1,?2,1)"
                       " ON CONFLICT(thing_id,ns) DO UPDATE SET seq=seq+1",
                       "ii", thing_id, (int64_t)ns);
}

static int reopen(struct sedge_db *db, int64_t deployment_id, struct sedge_err *err)
{
    return sedge_q_run(db, err, "UPDATE deployment SET state=?2 WHERE id=?1 AND state=?3", "iii", deployment_id,
                       (int64_t)SEDGE_DEP_ROLLING, (int64_t)SEDGE_DEP_ACTIVE);
}

int sedge_exec_offer(struct sedge_db *db, int64_t now, int64_t thing_id, int64_t deployment_id, struct sedge_err *err)
{
    int rc;

    if (sedge_q_run(db, err, "UPDATE thing SET last_queued_at=MAX(?2,last_queued_at+1) WHERE id=?1", "ii", thing_id,
                    now) != 0)
        return -1;
    if (sedge_q_run(db, err,
                    "INSERT INTO execution(thing_id,deployment_id,exec_no,status,version,queued_at,updated_at)"
                    " SELECT ?1, ?2, (SELECT COALESCE(MAX(exec_no),0)+1 FROM execution WHERE thing_id=?1 AND"
                    " deployment_id=?2), ?3, 1, last_queued_at, last_queued_at FROM thing WHERE id=?1",
                    "iii", thing_id, deployment_id, (int64_t)SEDGE_EXEC_QUEUED) != 0)
        return -1;
    if (reopen(db, deployment_id, err) != 0) return -1;
    rc = sedge_carrier_route(db, now, thing_id, deployment_id, err);
    return rc == 0 ? sedge_exec_mark_dirty(db, thing_id, err) : rc > 0 ? 0 : -1;
}

/* Of one thing: by its key, however many others the deployment has. */
static int end_one(struct sedge_db *db, int64_t now, int64_t thing_id, int64_t deployment_id, int64_t last, int64_t to,
                   struct sedge_err *err)
{
    int64_t open = 0;

    if (sedge_q_run(db, err,
                    "UPDATE execution SET flags=flags&~4, next_retry_at=NULL WHERE thing_id=?1 AND deployment_id=?2 AND"
                    " next_retry_at IS NOT NULL",
                    "ii", thing_id, deployment_id) != 0 ||
        sedge_q_i64(db, err, &open,
                    "SELECT COUNT(*) FROM execution WHERE thing_id=?1 AND deployment_id=?2 AND status<=?3", "iii",
                    thing_id, deployment_id, last) < 0)
        return -1;
    if (open == 0) return 0;
    if (sedge_q_run(db, err,
                    "UPDATE execution SET status=?4, version=version+1, updated_at=?5, deadline_at=NULL,"
                    " step_deadline_at=NULL WHERE thing_id=?1 AND deployment_id=?2 AND status<=?3",
                    "iiiii", thing_id, deployment_id, last, to, now) != 0)
        return -1;
    return sedge_exec_mark_dirty(db, thing_id, err);
}

int sedge_exec_end(struct sedge_db *db, int64_t now, int64_t thing_id, int64_t deployment_id, bool force,
                   enum sedge_exec_state to, struct sedge_err *err)
{
    int64_t last = force ? SEDGE_EXEC_IN_PROGRESS : SEDGE_EXEC_QUEUED;

    if (thing_id) return end_one(db, now, thing_id, deployment_id, last, to, err);
    if (sedge_q_run(
            db, err,
            "INSERT INTO dirty(thing_id,ns,seq) SELECT DISTINCT thing_id, ?3, 1 FROM execution"
            " WHERE deployment_id=?1 AND status<=?2 AND (flags & 1)=0 ON CONFLICT(thing_id,ns) DO UPDATE SET seq=seq+1",
            "iii", deployment_id, last, (int64_t)SEDGE_EXEC_NS_DEPLOY) != 0 ||
        sedge_q_run(db, err,
                    "UPDATE execution SET flags=flags&~4, next_retry_at=NULL WHERE deployment_id=?1 AND status IN (3,4)"
                    " AND next_retry_at IS NOT NULL",
                    "i", deployment_id) != 0)
        return -1;
    return sedge_q_run(db, err,
                       "UPDATE execution SET status=?3, version=version+1, updated_at=?4, deadline_at=NULL,"
                       " step_deadline_at=NULL WHERE deployment_id=?1 AND status<=?2",
                       "iiii", deployment_id, last, (int64_t)to, now);
}

int sedge_exec_settle(struct sedge_db *db, int64_t deployment_id, struct sedge_err *err)
{
    return sedge_q_run(db, err,
                       "UPDATE deployment SET state=?2+?3-state WHERE id=?1 AND state IN (?2,?3) AND"
                       " state<>CASE WHEN released=0 OR gated=1 OR EXISTS(SELECT 1 FROM counter WHERE deployment_id=?1"
                       " AND status IN (0,1,?4) AND n>0) THEN ?2 ELSE ?3 END",
                       "iiii", deployment_id, (int64_t)SEDGE_DEP_ROLLING, (int64_t)SEDGE_DEP_ACTIVE,
                       (int64_t)SEDGE_COUNT_RETRY);
}

struct expired {
    int64_t thing, deployment, no;
};

static int expire_one(struct sedge_db *db, int64_t now, const struct expired *x, struct sedge_err *err)
{
    if (sedge_q_run(db, err,
                    "UPDATE execution SET status=?4, version=version+1, updated_at=?5, deadline_at=NULL,"
                    " step_deadline_at=NULL WHERE thing_id=?1 AND deployment_id=?2 AND exec_no=?3 AND status=?6",
                    "iiiiii", x->thing, x->deployment, x->no, (int64_t)SEDGE_EXEC_TIMED_OUT, now,
                    (int64_t)SEDGE_EXEC_IN_PROGRESS) != 0)
        return -1;
    if (sedge_retry_ended(db, now, x->thing, x->deployment, x->no, SEDGE_EXEC_TIMED_OUT, NULL, err) != 0) return -1;
    return sedge_exec_mark_dirty(db, x->thing, err);
}

int sedge_exec_expire(struct sedge_db *db, int64_t now, int *n, struct sedge_err *err)
{
    sedge_auto_free struct expired *rows = sedge_xcalloc(EXPIRE_BATCH, sizeof(*rows));
    sqlite3_stmt *q = sedge_q(db, err,
                              "SELECT thing_id, deployment_id, exec_no FROM execution WHERE deadline_at<=?1 UNION"
                              " SELECT thing_id, deployment_id, exec_no FROM execution WHERE step_deadline_at<=?1"
                              " LIMIT ?2",
                              "ii", now, (int64_t)EXPIRE_BATCH);
    int found = 0, rc;

    *n = 0;
    if (!q) return -1;
    while ((rc = sedge_db_step(db, q, err)) == 1 && found < EXPIRE_BATCH)
        rows[found++] =
            (struct expired){sqlite3_column_int64(q, 0), sqlite3_column_int64(q, 1), sqlite3_column_int64(q, 2)};
    (void)sqlite3_finalize(q);
    for (int i = 0; rc >= 0 && i < found; i++)
        rc = expire_one(db, now, &rows[i], err);
    *n = found;
    return rc < 0 ? -1 : 0;
}

int sedge_exec_pending(struct sedge_db *db, int64_t thing_id, struct sedge_exec *rows, int max, struct sedge_err *err)
{
    /* An open execution of a superseded deployment, or a queued one of a cancelled deployment, is never offered. */
    sqlite3_stmt *q =
        sedge_q_kept(db, err,
                     COLUMNS "WHERE e.thing_id=?1 AND e.status IN (0,1) AND (e.flags & 1)=0 AND"
                             " (d.state IN " SEDGE_DEP_OFFERED " OR (d.state IN (?2,?3) AND e.status=1))"
                             " ORDER BY e.status DESC, e.queued_at, e.deployment_id LIMIT ?4",
                     "iiii", thing_id, (int64_t)SEDGE_DEP_CANCELED, (int64_t)SEDGE_DEP_ABORTED, (int64_t)max);
    int n = 0, rc = -1;

    while (q && (rc = sedge_db_step(db, q, err)) == 1 && n < max)
        read_row(q, &rows[n++]);
    sedge_db_done(db, q);
    if (rc >= 0) return n;
    while (n > 0)
        sedge_exec_release_row(&rows[--n]);
    return -1;
}

int sedge_exec_find(struct sedge_db *db, int64_t thing_id, const char *job_id, int64_t exec_no, struct sedge_exec *out,
                    struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_q_kept(db, err,
                                   COLUMNS "WHERE e.thing_id=?1 AND d.job_id=?2 AND (?3=0 OR e.exec_no=?3)"
                                           " ORDER BY e.exec_no DESC LIMIT 1",
                                   "iti", thing_id, job_id, exec_no);
    int rc = q ? sedge_db_step(db, q, err) : -1;

    if (rc == 1) read_row(q, out);
    sedge_db_done(db, q);
    return rc;
}

int sedge_exec_newest(struct sedge_db *db, int64_t thing_id, int64_t deployment_id, struct sedge_exec *out,
                      struct sedge_err *err)
{
    sqlite3_stmt *q =
        sedge_q_kept(db, err, COLUMNS "WHERE e.thing_id=?1 AND e.deployment_id=?2 ORDER BY e.exec_no DESC LIMIT 1",
                     "ii", thing_id, deployment_id);
    int rc = q ? sedge_db_step(db, q, err) : -1;

    if (rc == 1) read_row(q, out);
    sedge_db_done(db, q);
    return rc;
}

int sedge_exec_store_late(struct sedge_db *db, const struct sedge_exec *e, int64_t status, struct sedge_err *err)
{
    return sedge_q_run(db, err,
                       "UPDATE execution SET late_status=?4 WHERE thing_id=?1 AND deployment_id=?2 AND exec_no=?3",
                       "iiii", e->thing_id, e->deployment_id, e->exec_no, status);
}

int sedge_exec_offer_again(struct sedge_db *db, int64_t now, int64_t thing_id, struct sedge_err *err)
{
    int64_t over[SEDGE_CLOUD_GROUPS_OF_THING];
    sqlite3_stmt *q = sedge_q_kept(
        db, err,
        "SELECT e.deployment_id FROM execution e JOIN deployment d ON d.id=e.deployment_id JOIN target g ON"
        " g.id=d.target_id WHERE e.thing_id=?1 AND g.kind=?2 AND d.state IN " SEDGE_DEP_OFFERED " AND NOT EXISTS(SELECT"
        " 1 FROM execution x JOIN deployment y ON y.id=x.deployment_id WHERE x.thing_id=?1 AND y.target_id=d.target_id"
        " AND y.revision>d.revision) GROUP BY e.deployment_id HAVING MIN(e.status)>?3 ORDER BY d.creation_ms LIMIT ?4",
        "iiii", thing_id, (int64_t)SEDGE_TARGET_GROUP, (int64_t)SEDGE_EXEC_IN_PROGRESS, (int64_t)SEDGE_ARRAY_LEN(over));
    int n = 0, rc = -1;

    while (q && (rc = sedge_db_step(db, q, err)) == 1 && n < (int)SEDGE_ARRAY_LEN(over))
        over[n++] = sqlite3_column_int64(q, 0);
    sedge_db_done(db, q);
    for (int i = 0; rc >= 0 && i < n; i++)
        rc = sedge_exec_offer(db, now, thing_id, over[i], err);
    return rc < 0 ? -1 : 0;
}
