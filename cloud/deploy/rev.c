/* A deployment row, and whom it reaches. */
#include "base/mem.h"
#include "base/str.h"
#include "cloud/query.h"
#include "cloud/rollout/release.h"
#include "cloud/rollout/wave.h"

static char *text_or_null(sqlite3_stmt *q, int column)
{
    return sqlite3_column_type(q, column) == SQLITE_NULL ? NULL : sedge_xstrdup(sedge_db_text(q, column));
}

static void read_row(sqlite3_stmt *q, struct sedge_rev *r)
{
    *r = (struct sedge_rev){
        .id = sqlite3_column_int64(q, 0),
        .target_id = sqlite3_column_int64(q, 1),
        .kind = sqlite3_column_int64(q, 2),
        .revision = sqlite3_column_int64(q, 3),
        .state = sqlite3_column_int64(q, 4),
        .wave = sqlite3_column_int64(q, 5),
        .wave_started_at = sqlite3_column_int64(q, 6),
        .wave_done_at = sqlite3_column_int64(q, 7),
        .wave_limit = sqlite3_column_type(q, 8) == SQLITE_NULL ? -1 : sqlite3_column_int64(q, 8),
        .rate_step = sqlite3_column_int64(q, 9),
        .rate_mark = sqlite3_column_int64(q, 10),
        .released = sqlite3_column_int64(q, 11) != 0,
        .gated = sqlite3_column_int64(q, 12) != 0,
        .stopped = sqlite3_column_int64(q, 13) != 0,
        .only_after = sqlite3_column_int64(q, 14),
        .joins = sqlite3_column_int64(q, 15),
        .minute = sqlite3_column_int64(q, 16),
        .minute_n = sqlite3_column_int64(q, 17),
        .bytes_owed = sqlite3_column_int64(q, 24),
        .bytes_at = sqlite3_column_int64(q, 25),
    };
    r->unstored = sqlite3_column_int64(q, 23) != 0;
    r->target = sedge_xstrdup(sedge_db_text(q, 18));
    r->uuid = sedge_xstrdup(sedge_db_text(q, 19));
    r->reason = text_or_null(q, 20);
    r->accepted = sedge_counts_parse(sqlite3_column_type(q, 21) == SQLITE_NULL ? NULL : sedge_db_text(q, 21));
}

int sedge_rev_load(struct sedge_db *db, int64_t id, struct sedge_rev *out, struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_q_kept(
        db, err,
        "SELECT d.id, d.target_id, t.kind, d.revision, d.state, d.wave, d.wave_started_at, d.wave_done_at,"
        " d.wave_limit, d.rate_step, d.rate_mark, d.released, d.gated, d.verdict, d.only_after, d.joins, d.minute,"
        " d.minute_n, t.ref_name, d.uuid, d.reason, d.accepted, d.policy, d.large AND NOT d.archived, d.bytes_owed,"
        " d.bytes_at FROM deployment d JOIN target t ON t.id=d.target_id WHERE d.id=?1",
        "i", id);
    int rc = q ? sedge_db_step(db, q, err) : -1;

    *out = (struct sedge_rev){0};
    if (rc == 1) {
        read_row(q, out);
        if (sedge_policy_load(sedge_db_text(q, 22), &out->policy, err) != 0) rc = -1;
    }
    sedge_db_done(db, q);
    return rc;
}

void sedge_rev_release(struct sedge_rev *r)
{
    free(r->target);
    free(r->uuid);
    free(r->reason);
    sedge_policy_release(&r->policy);
    *r = (struct sedge_rev){0};
}

const char *sedge_rev_salt(const struct sedge_rev *r)
{
    return r->policy.salt_group ? r->target : r->uuid;
}

/* Things that had the deployment which this one takes back. */
static int was_given(struct sedge_db *db, const struct sedge_rev *r, int64_t thing_id, struct sedge_err *err)
{
    int64_t one = 0;

    if (!r->only_after) return 1;
    return sedge_q_i64(db, err, &one,
                       "SELECT 1 FROM execution WHERE thing_id=?1 AND deployment_id=?2 AND (status NOT IN (6,7) OR"
                       " started_at IS NOT NULL) LIMIT 1",
                       "ii", thing_id, r->only_after);
}

static int in_canaries(struct sedge_db *db, const struct sedge_rev *r, int64_t thing_id, struct sedge_err *err)
{
    int64_t one = 0;

    if (!r->policy.canary_group) return 0;
    return sedge_q_i64(db, err, &one,
                       "SELECT 1 FROM member m JOIN grp_above a ON a.group_id=m.group_id JOIN grp g ON g.id=a.above_id"
                       " WHERE m.thing_id=?1 AND g.name=?2 LIMIT 1",
                       "it", thing_id, (const char *)r->policy.canary_group);
}

int sedge_rev_reaches(struct sedge_db *db, const struct sedge_rev *r, int64_t thing_id, struct sedge_err *err)
{
    sedge_auto_free char *name = NULL;
    int rc = was_given(db, r, thing_id, err);

    if (rc != 1 || r->released || r->wave_limit >= SEDGE_WAVE_BUCKETS) return rc;
    if (r->wave_limit < 0) return 0;
    rc = sedge_q_text(db, err, &name, "SELECT name FROM thing WHERE id=?1", "i", thing_id);
    if (rc != 1) return rc;
    if (sedge_wave_bucket(sedge_wave_hash(sedge_rev_salt(r), name)) < r->wave_limit) return 1;
    return in_canaries(db, r, thing_id, err);
}

int sedge_rev_room(struct sedge_db *db, const struct sedge_rev *r, int64_t now, int64_t *room, struct sedge_err *err)
{
    struct sedge_counts n;
    int64_t soon = 0;

    *room = INT64_MAX;
    if (!r->policy.max_in_progress) return 0;
    if (sedge_counts_read(db, r->id, &n, err) != 0) return -1;
    /* What has been QUEUED for longer belongs to a device that is away. */
    if (n.n[SEDGE_EXEC_QUEUED] &&
        sedge_q_i64(db, err, &soon,
                    "SELECT COUNT(*) FROM execution WHERE deployment_id=?1 AND status=0 AND queued_at>?2", "ii", r->id,
                    now - SEDGE_RELEASE_ANSWER_S) < 0)
        return -1;
    *room = r->policy.max_in_progress - n.n[SEDGE_EXEC_IN_PROGRESS] - soon;
    if (*room < 0) *room = 0;
    return 0;
}
