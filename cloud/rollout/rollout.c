#include "rollout.h"

#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "cloud/deploy/exec.h"
#include "cloud/query.h"
#include "retry.h"
#include "rollout_internal.h"
#include "wave.h"

struct sedge_rollout {
    struct sedge_cloud *c;
    struct sedge_run_state *runs;
    size_t n;
};

struct sedge_rollout *sedge_rollout_new(struct sedge_cloud *c)
{
    struct sedge_rollout *r = SEDGE_NEW(struct sedge_rollout);

    r->c = c;
    return r;
}

void sedge_rollout_free(struct sedge_rollout *r)
{
    if (!r) return;
    for (size_t i = 0; i < r->n; i++)
        free(r->runs[i].next);
    free(r->runs);
    free(r);
}

static struct sedge_run_state *state_of(struct sedge_rollout *r, int64_t id, int64_t mono_ms)
{
    struct sedge_run_state *s;

    for (size_t i = 0; i < r->n; i++) {
        if (r->runs[i].id == id) return &r->runs[i];
    }
    r->runs = sedge_xrealloc(r->runs, r->n + 1, sizeof(*r->runs));
    s = &r->runs[r->n++];
    *s = (struct sedge_run_state){.id = id, .wave = -1, .last_ms = mono_ms};
    return s;
}

static void forget_others(struct sedge_rollout *r)
{
    for (size_t i = r->n; i-- > 0;) {
        if (!r->runs[i].seen) {
            free(r->runs[i].next);
            r->runs[i] = r->runs[--r->n];
        } else
            r->runs[i].seen = false;
    }
}

/* Deployments that somebody must look after now. Heap list. */
static int64_t *due(struct sedge_db *db, size_t *n, struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_q_kept(
        db, err, "SELECT id FROM deployment WHERE state IN " SEDGE_DEP_ALIVE " AND state<>?1 AND state<>?2 ORDER BY id",
        "ii", (int64_t)SEDGE_DEP_ACTIVE, (int64_t)SEDGE_DEP_WAITING_APPROVAL);
    int64_t *ids = sedge_xcalloc(1, sizeof(*ids));
    int rc = -1;

    *n = 0;
    while (q && (rc = sedge_db_step(db, q, err)) == 1) {
        ids = sedge_xrealloc(ids, *n + 1, sizeof(*ids));
        ids[(*n)++] = sqlite3_column_int64(q, 0);
    }
    sedge_db_done(db, q);
    if (rc >= 0) return ids;
    free(ids);
    return NULL;
}

/* The rate rises when enough things were notified, or succeeded, since it rose last. */
static int raise_rate(struct sedge_db *db, struct sedge_rev *r, const struct sedge_counts *n, struct sedge_err *err)
{
    int64_t have = r->policy.increase_by_success ? n->n[SEDGE_EXEC_SUCCEEDED] : sedge_counts_released(n);
    int64_t steps;

    if (!r->policy.base_per_minute || have - r->rate_mark < r->policy.increase_at) return 0;
    steps = (have - r->rate_mark) / r->policy.increase_at;
    r->rate_step += steps;
    r->rate_mark += steps * r->policy.increase_at;
    return sedge_q_run(db, err, "UPDATE deployment SET rate_step=?2, rate_mark=?3 WHERE id=?1", "iii", r->id,
                       r->rate_step, r->rate_mark);
}

static void add_tokens(const struct sedge_rev *r, struct sedge_run_state *s, int64_t mono_ms)
{
    double rate = sedge_rate_at(&r->policy, r->rate_step);

    s->tokens += rate / 60000.0 * (double)(mono_ms - s->last_ms);
    if (s->tokens > rate) s->tokens = rate;
    s->last_ms = mono_ms;
}

/* Whether the thing that was found some time ago is there, and a member, still: 1, 0, -1. */
static int is_member(struct sedge_db *db, const struct sedge_rev *r, int64_t thing_id, struct sedge_err *err)
{
    int64_t one = 0;

    return sedge_q_i64(db, err, &one,
                       "SELECT 1 FROM member m JOIN grp_above a ON a.group_id=m.group_id JOIN grp g ON g.id=a.above_id"
                       " JOIN thing t ON t.id=m.thing_id WHERE m.thing_id=?1 AND g.name=?2 AND t.state=?3 LIMIT 1",
                       "iti", thing_id, (const char *)r->target, (int64_t)SEDGE_THING_ACTIVE);
}

/* Releases as many as there are tokens, room and bytes for. */
static int release_some(struct sedge_db *db, struct sedge_rev *r, struct sedge_run_state *s, int64_t now,
                        struct sedge_err *err)
{
    int64_t room = 0;
    double most;

    if (sedge_rev_room(db, r, now, &room, err) != 0) return -1;
    most = fmin(fmin(floor(s->tokens), (double)room), SEDGE_ROLLOUT_BATCH);
    if (s->at == s->n && !s->complete && sedge_rollout_scan(db, r, now, s, err) != 0) return -1;
    while (most >= 1 && s->at < s->n) {
        enum sedge_release done = SEDGE_RELEASE_HAD;
        int64_t thing_id = s->next[s->at].thing_id;
        int is = is_member(db, r, thing_id, err);

        if (is < 0 || (is && sedge_release_one(db, now, r, thing_id, &done, err) != 0)) return -1;
        if (done == SEDGE_RELEASE_LATER) return 0;
        s->at++;
        if (done == SEDGE_RELEASE_HAD) continue;
        s->tokens -= 1;
        most -= 1;
    }
    return 0;
}

static int count_sleepers(struct sedge_db *db, const struct sedge_rev *r, struct sedge_run_state *s, int64_t now,
                          int64_t mono_ms, struct sedge_err *err)
{
    if (s->sleeping_ms && mono_ms - s->sleeping_ms < SEDGE_ROLLOUT_SLEEPER_MS) return 0;
    s->sleeping_ms = mono_ms;
    return sedge_q_i64(db, err, &s->sleeping,
                       "SELECT COUNT(*) FROM execution e JOIN thing t ON t.id=e.thing_id WHERE e.deployment_id=?1 AND"
                       " e.status=0 AND COALESCE(t.last_seen,t.created_at)<?2",
                       "ii", r->id, now - r->policy.dormant_days * 86400) < 0
               ? -1
               : 0;
}

/* Everybody has been offered it. */
static int finish(struct sedge_db *db, struct sedge_rev *r, int64_t now, struct sedge_err *err)
{
    r->released = true;
    if (sedge_q_run(db, err, "UPDATE deployment SET released=1 WHERE id=?1", "i", r->id) != 0) return -1;
    if (!r->only_after && sedge_release_supersede(db, now, r->target_id, r->revision, err) != 0) return -1;
    return sedge_exec_settle(db, r->id, err);
}

static int advance(struct sedge_db *db, struct sedge_rev *r, struct sedge_run_state *s, const struct sedge_counts *n,
                   int64_t now, int64_t mono_ms, struct sedge_err *err)
{
    struct sedge_counts after;
    bool over = false;

    if (r->wave_limit < 0 && sedge_wave_begin(db, r, now, err) != 0) return -1;
    if (s->wave != r->wave || s->joins != r->joins) sedge_rollout_rescan(s, r);
    add_tokens(r, s, mono_ms);
    if (!sedge_policy_window_open(&r->policy, now)) return 0;
    if (raise_rate(db, r, n, err) != 0 || release_some(db, r, s, now, err) != 0) return -1;
    if (!s->complete || s->at < s->n) return 0;
    if (sedge_counts_read(db, r->id, &after, err) != 0) return -1;
    if (sedge_counts_open(&after) && count_sleepers(db, r, s, now, mono_ms, err) != 0) return -1;
    if (sedge_wave_step(db, r, &after, s->sleeping, now, &over, err) != 0) return -1;
    return over ? finish(db, r, now, err) : 0;
}

/* A gated deployment is over when nothing is open and its last wave has soaked. */
static int close_gate(struct sedge_db *db, const struct sedge_rev *r, const struct sedge_counts *n, int64_t now,
                      struct sedge_err *err)
{
    int64_t soak = r->policy.waves[r->policy.n_waves - 1].soak_minutes * 60;

    if (!r->gated || sedge_counts_open(n)) return 0;
    if (!r->wave_done_at && soak)
        return sedge_q_run(db, err, "UPDATE deployment SET wave_done_at=?2 WHERE id=?1", "ii", r->id, now);
    if (soak && now < r->wave_done_at + soak) return 0;
    if (sedge_q_run(db, err, "UPDATE deployment SET gated=0 WHERE id=?1", "i", r->id) != 0) return -1;
    return sedge_exec_settle(db, r->id, err);
}

/* The end of its schedule: 1 when it has come. */
static int at_end(struct sedge_db *db, const struct sedge_rev *r, int64_t now, struct sedge_err *err)
{
    int rc;

    if (!r->policy.end_at || now < r->policy.end_at) return 0;
    if (r->policy.at_end != SEDGE_END_STOP)
        rc = sedge_release_stop(db, now, r->id, SEDGE_DEP_CANCELED, r->policy.at_end == SEDGE_END_FORCE_CANCEL,
                                "its endTime has come", err);
    else if (r->released || r->state == SEDGE_DEP_PAUSED)
        return 0; /* nothing to stop */
    else
        rc = sedge_q_run(db, err, "UPDATE deployment SET state=?2, reason=?3 WHERE id=?1", "iit", r->id,
                         (int64_t)SEDGE_DEP_PAUSED, "its endTime has come: nothing more is released");
    sedge_log(SEDGE_WARN, "rollout", "end-time", "target=%s revision=%lld", r->target, (long long)r->revision);
    return rc == 0 ? 1 : -1;
}

static int step(struct sedge_cloud *c, struct sedge_rev *r, struct sedge_run_state *s, int64_t now_ms, int64_t mono_ms,
                struct sedge_err *err)
{
    int64_t now = now_ms / 1000;
    struct sedge_counts n;
    bool stopped = false;
    int rc = at_end(c->db, r, now, err);

    if (rc != 0) return rc < 0 ? -1 : 0;
    if (r->state == SEDGE_DEP_SCHEDULED)
        return now >= r->policy.start_at && !r->unstored ? sedge_rollout_begin(c, r->id, now_ms, err) : 0;
    if (r->state != SEDGE_DEP_ROLLING) return 0;
    if (sedge_counts_read(c->db, r->id, &n, err) != 0) return -1;
    if (sedge_rollout_judge(c, r, &n, now_ms, &stopped, err) != 0) return -1;
    if (stopped) return 0;
    return r->released ? close_gate(c->db, r, &n, now, err) : advance(c->db, r, s, &n, now, mono_ms, err);
}

/* What was looked at in memory is forgotten with what was undone: it begins anew after a rest, and the others go on. */
static void rest(struct sedge_run_state *s, int64_t mono_ms, const struct sedge_err *why)
{
    sedge_log(SEDGE_ERROR, "rollout", "step-failed", "deployment=%lld: %s; tried again in %d s", (long long)s->id,
              why->msg, SEDGE_ROLLOUT_REST_MS / 1000);
    free(s->next);
    *s = (struct sedge_run_state){
        .id = s->id, .wave = -1, .last_ms = mono_ms, .seen = true, .rests_until = mono_ms + SEDGE_ROLLOUT_REST_MS};
}

static int step_alone(struct sedge_rollout *r, int64_t id, int64_t now_ms, int64_t mono_ms, struct sedge_err *err)
{
    struct sedge_run_state *s = state_of(r, id, mono_ms);
    struct sedge_err why = SEDGE_ERR_INIT;
    struct sedge_rev rev;
    int rc;

    s->seen = true;
    if (mono_ms < s->rests_until) return 0;
    if (sedge_q_part_begin(r->c->db, err) != 0) return -1;
    rc = sedge_rev_load(r->c->db, id, &rev, &why) == 1 ? step(r->c, &rev, s, now_ms, mono_ms, &why) : -1;
    sedge_rev_release(&rev);
    if (rc != 0) rest(s, mono_ms, &why);
    return sedge_q_part_end(r->c->db, rc, err);
}

int sedge_rollout_tick(struct sedge_rollout *r, int64_t now_ms, int64_t mono_ms, struct sedge_err *err)
{
    sedge_auto_free int64_t *ids = NULL;
    size_t n = 0;
    int again = 0, rc = sedge_retry_due(r->c->db, now_ms / 1000, &again, err);

    if (rc != 0) return -1;
    ids = due(r->c->db, &n, err);
    if (!ids) return -1;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = step_alone(r, ids[i], now_ms, mono_ms, err);
    forget_others(r);
    return rc;
}

static int begin_thing(struct sedge_db *db, struct sedge_rev *r, int64_t now, struct sedge_err *err)
{
    int64_t thing = 0;
    enum sedge_release done;

    if (sedge_q_i64(db, err, &thing, "SELECT id FROM thing WHERE name=?1 AND state<>?2", "ti", (const char *)r->target,
                    (int64_t)SEDGE_THING_DELETED) < 0 ||
        (thing && sedge_release_one(db, now, r, thing, &done, err) != 0))
        return -1;
    return finish(db, r, now, err);
}

static int begin_group(struct sedge_db *db, struct sedge_rev *r, int64_t now, struct sedge_err *err)
{
    struct sedge_run_state s = {.id = r->id, .wave = -1};
    struct sedge_counts n = {{0}};
    int rc;

    s.tokens = fmax(1, sedge_rate_at(&r->policy, 0) / 60);
    rc = advance(db, r, &s, &n, now, 0, err);
    free(s.next);
    return rc;
}

int sedge_rollout_begin(struct sedge_cloud *c, int64_t deployment_id, int64_t now_ms, struct sedge_err *err)
{
    int64_t now = now_ms / 1000;
    struct sedge_rev r;
    int rc = sedge_rev_load(c->db, deployment_id, &r, err) == 1 ? 0 : -1;

    if (rc == 0) {
        r.state = SEDGE_DEP_ROLLING;
        rc = sedge_q_run(c->db, err, "UPDATE deployment SET state=?2 WHERE id=?1", "ii", r.id, r.state);
    }
    if (rc == 0 && !r.policy.supersede_waves && !r.only_after)
        rc = sedge_release_supersede(c->db, now, r.target_id, r.revision, err);
    if (rc == 0)
        rc = r.kind == SEDGE_TARGET_THING ? begin_thing(c->db, &r, now, err) : begin_group(c->db, &r, now, err);
    sedge_rev_release(&r);
    return rc;
}
