/* From wave to wave. */
#include "base/log.h"
#include "base/mem.h"
#include "cloud/query.h"
#include "rollout_internal.h"
#include "wave.h"

#define LOOK_UNTIL 10 /* times minThings: a wave that is expected to be larger needs no look at its things */

/* Buckets of all active members. Heap. */
static int64_t *buckets_of(struct sedge_db *db, const struct sedge_rev *r, int64_t members, size_t *n,
                           struct sedge_err *err)
{
    int64_t *all = sedge_xcalloc((size_t)members + 1, sizeof(*all));
    sqlite3_stmt *q = sedge_q(db, err,
                              "SELECT t.name FROM effective_member m JOIN thing t ON t.id=m.thing_id WHERE m.group_id="
                              "(SELECT id FROM grp WHERE name=?1) AND t.state=?2 LIMIT ?3",
                              "tii", (const char *)r->target, (int64_t)SEDGE_THING_ACTIVE, members);
    int rc = -1;

    *n = 0;
    while (q && (rc = sedge_db_step(db, q, err)) == 1 && *n < (size_t)members)
        all[(*n)++] = sedge_wave_bucket(sedge_wave_hash(sedge_rev_salt(r), sedge_db_text(q, 0)));
    (void)sqlite3_finalize(q);
    if (rc >= 0) return all;
    free(all);
    return NULL;
}

/* At least minThings belong to the wave, if there are so many. */
static int raise_limit(struct sedge_db *db, const struct sedge_rev *r, const struct sedge_wave *w, int64_t *limit,
                       struct sedge_err *err)
{
    sedge_auto_free int64_t *all = NULL;
    int64_t members = 0;
    size_t n = 0;

    if (!w->min_things) return 0;
    if (sedge_q_i64(db, err, &members,
                    "SELECT COUNT(*) FROM effective_member WHERE group_id=(SELECT id FROM grp WHERE name=?1)", "t",
                    (const char *)r->target) < 0)
        return -1;
    if (members * w->hundredths / SEDGE_WAVE_BUCKETS > w->min_things * LOOK_UNTIL) return 0;
    all = buckets_of(db, r, members, &n, err);
    if (!all) return -1;
    *limit = sedge_wave_limit(*limit, w->min_things, all, n);
    return 0;
}

int sedge_wave_begin(struct sedge_db *db, struct sedge_rev *r, int64_t now, struct sedge_err *err)
{
    const struct sedge_wave *w = &r->policy.waves[r->wave < r->policy.n_waves ? r->wave : r->policy.n_waves - 1];
    int64_t limit = w->canary ? 0 : w->hundredths;

    if (!w->canary && raise_limit(db, r, w, &limit, err) != 0) return -1;
    if (limit > SEDGE_WAVE_BUCKETS) limit = SEDGE_WAVE_BUCKETS;
    r->wave_limit = limit;
    r->wave_started_at = now;
    r->wave_done_at = 0;
    if (r->policy.n_waves > 1)
        sedge_log(SEDGE_INFO, "rollout", "wave", "target=%s revision=%lld wave=%lld/%d percent=%.2f", r->target,
                  (long long)r->revision, (long long)r->wave + 1, r->policy.n_waves, (double)limit / 100);
    return sedge_q_run(
        db, err, "UPDATE deployment SET wave=?2, wave_limit=?3, wave_started_at=?4, wave_done_at=NULL WHERE id=?1",
        "iiii", r->id, r->wave, limit, now);
}

int sedge_wave_step(struct sedge_db *db, struct sedge_rev *r, const struct sedge_counts *n, int64_t sleeping,
                    int64_t now, bool *over, struct sedge_err *err)
{
    bool last = r->wave >= r->policy.n_waves - 1;
    const struct sedge_wave *w = &r->policy.waves[last ? r->policy.n_waves - 1 : r->wave];

    *over = false;
    if (last) {
        *over = true;
        return 0;
    }
    if (!sedge_judge_wave_done(&r->policy, n, sleeping)) return 0;
    if (!r->wave_done_at) {
        r->wave_done_at = now;
        if (sedge_q_run(db, err, "UPDATE deployment SET wave_done_at=?2 WHERE id=?1", "ii", r->id, now) != 0) return -1;
    }
    if (now < r->wave_done_at + w->soak_minutes * 60) return 0;
    r->wave++;
    return sedge_wave_begin(db, r, now, err);
}
