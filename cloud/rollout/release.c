#include "release.h"

#include "base/mem.h"
#include "cloud/deploy/exec.h"
#include "judge.h"
#include "cloud/query.h"

#define REVISIONS_LOOKED_AT 64 /* alive ones of one target */

/* Ids that a query gives, at most max. */
static int ids_of(struct sedge_db *db, sqlite3_stmt *q, int64_t *ids, int max, int *n, struct sedge_err *err)
{
    int rc = -1;

    *n = 0;
    while (q && (rc = sedge_db_step(db, q, err)) == 1 && *n < max)
        ids[(*n)++] = sqlite3_column_int64(q, 0);
    sedge_db_done(db, q);
    return rc < 0 ? -1 : 0;
}

/* The alive revisions of a target, newest first. */
static int alive_of(struct sedge_db *db, int64_t target_id, int64_t *ids, int *n, struct sedge_err *err)
{
    return ids_of(db,
                  sedge_q_kept(db, err,
                               "SELECT id FROM deployment WHERE target_id=?1 AND state IN " SEDGE_DEP_ALIVE
                               " ORDER BY revision DESC",
                               "i", target_id),
                  ids, REVISIONS_LOOKED_AT, n, err);
}

/* 1: the thing was offered this revision or a newer one of the target. */
static int has_it(struct sedge_db *db, const struct sedge_rev *r, int64_t thing_id, struct sedge_err *err)
{
    int64_t one = 0;

    return sedge_q_i64(db, err, &one,
                       "SELECT 1 FROM execution e JOIN deployment d ON d.id=e.deployment_id WHERE e.thing_id=?1 AND"
                       " d.target_id=?2 AND d.revision>=?3 LIMIT 1",
                       "iii", thing_id, r->target_id, r->revision);
}

static int end_older(struct sedge_db *db, int64_t now, const struct sedge_rev *r, int64_t thing_id,
                     struct sedge_err *err)
{
    return sedge_q_run(db, err,
                       "UPDATE execution SET status=?4, version=version+1, updated_at=?5, deadline_at=NULL,"
                       " step_deadline_at=NULL WHERE thing_id=?1 AND status IN (0,1) AND deployment_id IN (SELECT id"
                       " FROM deployment WHERE target_id=?2 AND revision<?3 AND state IN " SEDGE_DEP_ALIVE ")",
                       "iiiii", thing_id, r->target_id, r->revision, (int64_t)SEDGE_EXEC_CANCELED, now);
}

/* Counts one release in the current minute. */
static int count_minute(struct sedge_db *db, int64_t now, struct sedge_rev *r, struct sedge_err *err)
{
    if (r->minute != now / 60) r->minute_n = 0;
    r->minute = now / 60;
    r->minute_n++;
    return sedge_q_run(db, err, "UPDATE deployment SET minute=?2, minute_n=?3 WHERE id=?1", "iii", r->id, r->minute,
                       r->minute_n);
}

/* Offers also what the thing had before: a new execution. */
static int offer(struct sedge_db *db, int64_t now, struct sedge_rev *r, int64_t thing_id, struct sedge_err *err)
{
    if (end_older(db, now, r, thing_id, err) != 0 || sedge_exec_offer(db, now, thing_id, r->id, err) != 0) return -1;
    return count_minute(db, now, r, err);
}

int sedge_release_one(struct sedge_db *db, int64_t now, struct sedge_rev *r, int64_t thing_id, enum sedge_release *done,
                      struct sedge_err *err)
{
    int has = has_it(db, r, thing_id, err);
    bool may = true;

    *done = SEDGE_RELEASE_HAD;
    if (has != 0) return has < 0 ? -1 : 0;
    if (sedge_rev_spend(db, now, r, thing_id, &may, err) != 0) return -1;
    *done = may ? SEDGE_RELEASE_DONE : SEDGE_RELEASE_LATER;
    return may ? offer(db, now, r, thing_id, err) : 0;
}

/* Too many bytes now: the engine looks at everybody again, and releases the thing at its pace. */
static int leave_to_engine(struct sedge_db *db, const struct sedge_rev *r, struct sedge_err *err)
{
    if (!r->released) return 0;
    return sedge_q_run(db, err,
                       "UPDATE deployment SET joins=joins+1, released=0, state=CASE state WHEN ?2 THEN ?3 ELSE state"
                       " END WHERE id=?1",
                       "iii", r->id, (int64_t)SEDGE_DEP_ACTIVE, (int64_t)SEDGE_DEP_ROLLING);
}

/* Whether a thing beyond the engine's own pace may be released now: 1, 0, -1. */
static int may_release(struct sedge_db *db, int64_t now, struct sedge_rev *r, int64_t thing_id, struct sedge_err *err)
{
    int64_t room = 0;
    bool may = true;

    if (r->state != SEDGE_DEP_ROLLING && r->state != SEDGE_DEP_ACTIVE) return 0;
    if (!sedge_policy_window_open(&r->policy, now)) return 0;
    if (r->minute == now / 60 && (double)r->minute_n >= sedge_rate_at(&r->policy, r->rate_step)) return 0;
    if (sedge_rev_room(db, r, now, &room, err) < 0) return -1;
    if (room <= 0) return 0;
    if (sedge_rev_spend(db, now, r, thing_id, &may, err) != 0) return -1;
    return may ? 1 : leave_to_engine(db, r, err);
}

/* One alive revision and one thing. 1: this revision decides (offered, or had already); 0: look at the one before. */
static int late_for(struct sedge_db *db, int64_t now, int64_t id, int64_t thing_id, bool again, int64_t *offered,
                    struct sedge_err *err)
{
    struct sedge_rev r;
    int rc = sedge_rev_load(db, id, &r, err), has = 0;

    if (rc == 1) rc = has = has_it(db, &r, thing_id, err);
    if (rc == 1 && again) { /* it was a member before, and this reached it then */
        rc = r.state == SEDGE_DEP_PAUSED ? 1 : offer(db, now, &r, thing_id, err) == 0 ? 1 : -1;
        if (rc == 1 && r.state != SEDGE_DEP_PAUSED) *offered = r.revision;
    } else if (rc == 0 && r.id) {
        rc = sedge_rev_reaches(db, &r, thing_id, err);
        if (rc == 1) rc = may_release(db, now, &r, thing_id, err);
        if (rc == 1 && offer(db, now, &r, thing_id, err) != 0) rc = -1;
        if (rc == 1) *offered = r.revision;
    }
    sedge_rev_release(&r);
    return rc;
}

/* *offered: the revision, or 0. */
static int late_of_target(struct sedge_db *db, int64_t now, int64_t target_id, int64_t thing_id, bool again,
                          int64_t *offered, struct sedge_err *err)
{
    int64_t ids[REVISIONS_LOOKED_AT];
    int n = 0, rc = alive_of(db, target_id, ids, &n, err);

    *offered = 0;
    for (int i = 0; rc == 0 && i < n; i++) {
        rc = late_for(db, now, ids[i], thing_id, again, offered, err);
        if (rc == 1) return 0;
    }
    return rc < 0 ? -1 : 0;
}

int sedge_release_late(struct sedge_db *db, int64_t now, int64_t thing_id, int *offered, struct sedge_err *err)
{
    int64_t targets[SEDGE_CLOUD_GROUPS_OF_THING * 8 + 1], revision = 0;
    int n = 0, rc;

    *offered = 0;
    /* Targets with an alive revision newer than what the thing has: mostly none. */
    rc = ids_of(
        db,
        sedge_q_kept(db, err,
                     "SELECT t.id FROM target t WHERE t.id IN (SELECT t.id FROM member m JOIN grp_above a ON"
                     " a.group_id=m.group_id JOIN grp g ON g.id=a.above_id JOIN target t ON t.kind=0 AND"
                     " t.ref_name=g.name WHERE m.thing_id=?1 UNION SELECT t.id FROM thing x JOIN target t ON"
                     " t.kind=1 AND t.ref_name=x.name WHERE x.id=?1) AND EXISTS(SELECT 1 FROM deployment d WHERE"
                     " d.target_id=t.id AND d.state IN " SEDGE_DEP_ALIVE " AND NOT EXISTS(SELECT 1 FROM execution"
                     " e WHERE e.thing_id=?1 AND e.deployment_id=d.id))",
                     "i", thing_id),
        targets, (int)SEDGE_ARRAY_LEN(targets), &n, err);
    for (int i = 0; rc == 0 && i < n; i++) {
        rc = late_of_target(db, now, targets[i], thing_id, false, &revision, err);
        *offered += revision != 0;
    }
    return rc;
}

/* The target row of a group: 1, 0 none, -1. */
static int target_of(struct sedge_db *db, const char *group, int64_t *id, struct sedge_err *err)
{
    return sedge_q_i64(db, err, id, "SELECT id FROM target WHERE kind=0 AND ref_name=?1", "t", group);
}

int sedge_release_joined(struct sedge_db *db, int64_t now, const char *group, int64_t thing_id,
                         struct sedge_buf *offers, struct sedge_err *err)
{
    int64_t target = 0, revision = 0, before = 0;
    int rc = target_of(db, group, &target, err), was;

    if (rc <= 0) return rc;
    was = sedge_q_i64(db, err, &before,
                      "SELECT 1 FROM execution e JOIN deployment d ON d.id=e.deployment_id WHERE e.thing_id=?1 AND"
                      " d.target_id=?2 AND d.state IN " SEDGE_DEP_ALIVE " LIMIT 1",
                      "ii", thing_id, target);
    if (was < 0 || late_of_target(db, now, target, thing_id, was == 1, &revision, err) != 0) return -1;
    if (revision) sedge_buf_printf(offers, "%sgroup:%s:%lld", offers->len ? ", " : "", group, (long long)revision);
    /* Not offered now: the engine looks again, and releases it at its pace. */
    return sedge_q_run(db, err,
                       "UPDATE deployment SET joins=joins+1, released=released AND ?2, state=CASE WHEN state=1 AND"
                       " NOT ?2 THEN 0 ELSE state END WHERE target_id=?1 AND state IN " SEDGE_DEP_ALIVE,
                       "ii", target, (int64_t)(revision != 0 || was == 1));
}

int sedge_release_left(struct sedge_db *db, int64_t now, const char *group, int64_t thing_id, struct sedge_err *err)
{
    int64_t ids[REVISIONS_LOOKED_AT], target = 0;
    int n = 0, rc = target_of(db, group, &target, err);

    if (rc <= 0) return rc;
    rc = alive_of(db, target, ids, &n, err);
    for (int i = 0; rc == 0 && i < n; i++) {
        rc = sedge_exec_end(db, now, thing_id, ids[i], true, SEDGE_EXEC_REMOVED, err);
        if (rc == 0) rc = sedge_exec_settle(db, ids[i], err);
    }
    return rc;
}

static int over(struct sedge_db *db, int64_t now, int64_t id, enum sedge_exec_state to, struct sedge_err *err)
{
    if (sedge_exec_end(db, now, 0, id, true, to, err) != 0) return -1;
    return sedge_q_run(db, err, "UPDATE deployment SET state=?2, gated=0 WHERE id=?1", "ii", id,
                       (int64_t)SEDGE_DEP_INACTIVE);
}

int sedge_release_group_gone(struct sedge_db *db, int64_t now, const char *group, struct sedge_err *err)
{
    int64_t ids[REVISIONS_LOOKED_AT], target = 0;
    int n = 0, rc = target_of(db, group, &target, err);

    if (rc <= 0) return rc;
    rc = alive_of(db, target, ids, &n, err);
    for (int i = 0; rc == 0 && i < n; i++)
        rc = over(db, now, ids[i], SEDGE_EXEC_REMOVED, err);
    if (rc != 0) return -1;
    return sedge_q_run(db, err, "UPDATE target SET current_deployment=NULL WHERE id=?1", "i", target);
}

int sedge_release_supersede(struct sedge_db *db, int64_t now, int64_t target_id, int64_t revision,
                            struct sedge_err *err)
{
    int64_t ids[REVISIONS_LOOKED_AT];
    int n = 0;
    int rc = ids_of(db,
                    sedge_q_kept(db, err,
                                 "SELECT id FROM deployment WHERE target_id=?1 AND state IN " SEDGE_DEP_ALIVE
                                 " AND revision<?2 ORDER BY revision",
                                 "ii", target_id, revision),
                    ids, REVISIONS_LOOKED_AT, &n, err);

    for (int i = 0; rc == 0 && i < n; i++)
        rc = over(db, now, ids[i], SEDGE_EXEC_CANCELED, err);
    return rc;
}

int sedge_release_stop(struct sedge_db *db, int64_t now, int64_t deployment_id, int64_t state, bool force,
                       const char *reason, struct sedge_err *err)
{
    if (sedge_exec_end(db, now, 0, deployment_id, force, SEDGE_EXEC_CANCELED, err) != 0 ||
        sedge_q_run(db, err, "UPDATE deployment SET state=?2, reason=?3, gated=0 WHERE id=?1", "iit", deployment_id,
                    state, reason) != 0)
        return -1;
    return sedge_q_run(db, err,
                       "UPDATE target SET current_deployment=(SELECT id FROM deployment d WHERE d.target_id=target.id"
                       " AND d.state IN " SEDGE_DEP_ALIVE " ORDER BY d.revision DESC LIMIT 1) WHERE"
                       " current_deployment=?1",
                       "i", deployment_id);
}
