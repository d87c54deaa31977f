#include "retry.h"

#include <string.h>

#include "base/mem.h"
#include "counters.h"
#include "cloud/deploy/exec.h"
#include "policy.h"
#include "cloud/query.h"
#include "wave.h"

#define STALE        "REJECTED_STALE_DEPLOYMENT"
#define JITTER_PARTS 1000

int64_t sedge_retry_delay(int64_t n)
{
    int64_t s = n < 16 ? (int64_t)SEDGE_RETRY_FIRST_S << n : SEDGE_RETRY_MAX_S;

    return s < SEDGE_RETRY_MAX_S ? s : SEDGE_RETRY_MAX_S;
}

static int set_flag(struct sedge_db *db, int64_t thing_id, int64_t deployment_id, int64_t exec_no, int64_t flag,
                    int64_t retry_at, struct sedge_err *err)
{
    return sedge_q_run(db, err,
                       "UPDATE execution SET flags=flags|?4, next_retry_at=NULLIF(?5,0) WHERE thing_id=?1 AND"
                       " deployment_id=?2 AND exec_no=?3",
                       "iiiii", thing_id, deployment_id, exec_no, flag, retry_at);
}

/* Retries that the policy allows for this kind of failure; 0 when the deployment is over. */
static int allowed(struct sedge_db *db, int64_t deployment_id, int64_t status, int64_t *n, struct sedge_err *err)
{
    sedge_auto_free char *text = NULL;
    struct sedge_policy p;
    int rc = sedge_q_text(db, err, &text, "SELECT policy FROM deployment WHERE id=?1 AND state IN " SEDGE_DEP_OFFERED,
                          "i", deployment_id);

    *n = 0;
    if (rc <= 0) return rc;
    rc = sedge_policy_load(text, &p, err);
    *n = status == SEDGE_EXEC_FAILED ? p.retries_failed : p.retries_timed_out;
    sedge_policy_release(&p);
    return rc;
}

static int plan(struct sedge_db *db, int64_t now, int64_t thing_id, int64_t deployment_id, int64_t exec_no,
                int64_t status, struct sedge_err *err)
{
    sedge_auto_free char *key = NULL;
    int64_t max = 0, used = 0, delay;

    if (allowed(db, deployment_id, status, &max, err) != 0) return -1;
    if (max == 0) return 0;
    if (sedge_q_i64(db, err, &used,
                    "SELECT retries FROM execution WHERE thing_id=?1 AND deployment_id=?2 AND exec_no=?3", "iii",
                    thing_id, deployment_id, exec_no) < 0)
        return -1;
    if (used >= max) return 0;
    /* Up to a quarter more, so that things which failed together do not all come back together. */
    key = sedge_xasprintf("%lld/%lld/%lld", (long long)thing_id, (long long)deployment_id, (long long)exec_no);
    delay = sedge_retry_delay(used);
    delay += delay / 4 * (int64_t)(sedge_wave_hash("retry", key) % JITTER_PARTS) / JITTER_PARTS;
    return set_flag(db, thing_id, deployment_id, exec_no, SEDGE_EXEC_RETRY_PENDING, now + delay, err);
}

int sedge_retry_ended(struct sedge_db *db, int64_t now, int64_t thing_id, int64_t deployment_id, int64_t exec_no,
                      int64_t status, const char *details, struct sedge_err *err)
{
    int rc = 0;

    if (status == SEDGE_EXEC_REJECTED && details && strstr(details, STALE))
        rc = set_flag(db, thing_id, deployment_id, exec_no, SEDGE_EXEC_STALE, 0, err);
    if (status == SEDGE_EXEC_FAILED || status == SEDGE_EXEC_TIMED_OUT)
        rc = plan(db, now, thing_id, deployment_id, exec_no, status, err);
    return rc == 0 ? sedge_exec_settle(db, deployment_id, err) : -1;
}

struct due {
    int64_t thing, deployment, no, retries, wanted;
};

static int again(struct sedge_db *db, int64_t now, const struct due *d, struct sedge_err *err)
{
    if (sedge_q_run(db, err,
                    "UPDATE execution SET flags=flags&~?4, next_retry_at=NULL WHERE thing_id=?1 AND deployment_id=?2"
                    " AND exec_no=?3",
                    "iiii", d->thing, d->deployment, d->no, (int64_t)SEDGE_EXEC_RETRY_PENDING) != 0)
        return -1;
    if (!d->wanted) return sedge_exec_settle(db, d->deployment, err);
    if (sedge_exec_offer(db, now, d->thing, d->deployment, err) != 0) return -1;
    return sedge_q_run(db, err, "UPDATE execution SET retries=?4 WHERE thing_id=?1 AND deployment_id=?2 AND exec_no=?3",
                       "iiii", d->thing, d->deployment, d->no + 1, d->retries + 1);
}

int sedge_retry_due(struct sedge_db *db, int64_t now, int *n, struct sedge_err *err)
{
    sedge_auto_free struct due *rows = sedge_xcalloc(SEDGE_RETRY_BATCH, sizeof(*rows));
    /* Not wanted any more: it succeeded late, or a newer execution or revision is there. */
    sqlite3_stmt *q = sedge_q_kept(
        db, err,
        "SELECT e.thing_id, e.deployment_id, e.exec_no, e.retries, COALESCE(e.late_status,0)<>2 AND NOT EXISTS(SELECT 1"
        " FROM execution x JOIN deployment y ON y.id=x.deployment_id WHERE x.thing_id=e.thing_id AND"
        " y.target_id=d.target_id AND (y.revision>d.revision OR (y.id=d.id AND x.exec_no>e.exec_no)))"
        " FROM execution e JOIN deployment d ON d.id=e.deployment_id WHERE e.next_retry_at<=?1 AND d.state<>?2 LIMIT "
        "?3",
        "iii", now, (int64_t)SEDGE_DEP_PAUSED, (int64_t)SEDGE_RETRY_BATCH);
    int found = 0, rc = -1;

    while (q && found < SEDGE_RETRY_BATCH && (rc = sedge_db_step(db, q, err)) == 1)
        rows[found++] = (struct due){sqlite3_column_int64(q, 0), sqlite3_column_int64(q, 1), sqlite3_column_int64(q, 2),
                                     sqlite3_column_int64(q, 3), sqlite3_column_int64(q, 4)};
    sedge_db_done(db, q);
    for (int i = 0; rc >= 0 && i < found; i++)
        rc = again(db, now, &rows[i], err);
    *n = found;
    return rc < 0 ? -1 : 0;
}
