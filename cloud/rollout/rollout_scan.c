/* Which things come next. */
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "cloud/query.h"
#include "rollout_internal.h"
#include "wave.h"

/* Members in the order of things, and whether they have the revision or a newer one. One
 * group is read along its key; with groups below it the things are put in order first. */
#define LOOK(members)                                                                                                  \
    "SELECT m.thing_id, t.name, COALESCE(t.last_seen,t.created_at), t.state, EXISTS(SELECT 1 FROM execution e JOIN"    \
    " deployment d ON d.id=e.deployment_id WHERE e.thing_id=m.thing_id AND d.target_id=?2 AND d.revision>=?3)"         \
    " FROM " members " m JOIN thing t ON t.id=m.thing_id WHERE m.group_id=(SELECT id FROM grp WHERE name=?1)"          \
    " AND m.thing_id>?4 ORDER BY m.thing_id LIMIT ?5"
#define DAY_S 86400

static int compare(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    if (x->away != y->away) return x->away - y->away;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

void sedge_rollout_rescan(struct sedge_run_state *s, const struct sedge_rev *r)
{
    s->wave = r->wave;
    s->joins = r->joins;
    s->cursor = 0;
    s->complete = false;
    s->n = s->at = 0;
}

static int is_nested(struct sedge_db *db, const struct sedge_rev *r, int64_t *below, struct sedge_err *err)
{
    return sedge_q_i64(db, err, below, "SELECT COUNT(*) FROM grp_above a JOIN grp g ON g.id=a.above_id WHERE g.name=?1",
                       "t", (const char *)r->target) < 0
               ? -1
               : 0;
}

/* One row: into the list when it may get the revision. */
static int take(struct sedge_db *db, const struct sedge_rev *r, int64_t now, sqlite3_stmt *q, struct sedge_run_state *s,
                struct sedge_err *err)
{
    int64_t seen = sqlite3_column_int64(q, 2);
    int rc;

    s->cursor = sqlite3_column_int64(q, 0);
    if (sqlite3_column_int64(q, 3) != SEDGE_THING_ACTIVE || sqlite3_column_int(q, 4)) return 0;
    if (seen < now - r->policy.dormant_days * DAY_S) return 0;
    rc = sedge_rev_reaches(db, r, s->cursor, err);
    if (rc == 1)
        s->next[s->n++] = (struct candidate){s->cursor, seen < now - SEDGE_ROLLOUT_ONLINE_S,
                                             sedge_wave_hash(sedge_rev_salt(r), sedge_db_text(q, 1))};
    return rc < 0 ? -1 : 0;
}

int sedge_rollout_scan(struct sedge_db *db, const struct sedge_rev *r, int64_t now, struct sedge_run_state *s,
                       struct sedge_err *err)
{
    int64_t below = 1;
    sqlite3_stmt *q = NULL;
    int rc = is_nested(db, r, &below, err), rows = 0;

    if (rc != 0) return -1;
    free(s->next);
    s->next = sedge_xcalloc(SEDGE_ROLLOUT_SCAN, sizeof(*s->next));
    s->n = s->at = 0;
    q = sedge_q(db, err, below > 1 ? LOOK("effective_member") : LOOK("member"), "tiiii", (const char *)r->target,
                r->target_id, r->revision, s->cursor, (int64_t)SEDGE_ROLLOUT_SCAN);
    rc = q ? 1 : -1;
    while (rc == 1 && rows < SEDGE_ROLLOUT_SCAN && (rc = sedge_db_step(db, q, err)) == 1) {
        rows++;
        if (take(db, r, now, q, s, err) != 0) rc = -1;
    }
    (void)sqlite3_finalize(q);
    if (rc < 0) return -1;
    s->complete = rows < SEDGE_ROLLOUT_SCAN;
    qsort(s->next, s->n, sizeof(*s->next), compare);
    s->next = sedge_xrealloc(s->next, s->n + 1, sizeof(*s->next));
    return 0;
}
