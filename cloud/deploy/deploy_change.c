/* pause, resume, approve, cancel, revert, retry. */
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "deploy.h"
#include "exec.h"
#include "cloud/query.h"
#include "cloud/registry/registry.h"
#include "cloud/rollout/rollout.h"
#include "cloud/plane/shadow.h"

struct change {
    struct sedge_cloud *c;
    int64_t id, now_ms;
    struct sedge_rev rev;
};

/* One transaction: the row is read, `work` changes it, the audit gets a line. */
static int run(struct sedge_cloud *c, int64_t id, int64_t now_ms, const char *what,
               int (*work)(struct change *x, void *arg, struct sedge_err *err), void *arg, struct sedge_err *err)
{
    struct change x = {.c = c, .id = id, .now_ms = now_ms};
    int rc;

    if (sedge_q_begin(c->db, err) != 0) return -1;
    rc = sedge_rev_load(c->db, id, &x.rev, err);
    if (rc == 0) rc = sedge_err_set(err, SEDGE_E_NOT_FOUND, "there is no such deployment");
    if (rc == 1) rc = work(&x, arg, err);
    if (rc == 0) rc = sedge_audit(c->db, now_ms, what, x.rev.uuid, NULL, err);
    sedge_rev_release(&x.rev);
    return sedge_q_end(c->db, rc, err);
}

static int set_state(struct change *x, int64_t state, const char *reason, struct sedge_err *err)
{
    return sedge_q_run(x->c->db, err, "UPDATE deployment SET state=?2, reason=?3 WHERE id=?1", "iit", x->id, state,
                       reason);
}

static const char *over_text(int64_t state)
{
    switch (state) {
    case SEDGE_DEP_INACTIVE:
        return "it was superseded by a newer revision";
    case SEDGE_DEP_ACTIVE:
        return "everybody has it already";
    case SEDGE_DEP_PAUSED:
        return "it is paused already";
    case SEDGE_DEP_SCHEDULED:
        return "it has not started yet";
    case SEDGE_DEP_WAITING_APPROVAL:
        return "it waits for: sedge-cloud deploy approve";
    default:
        return "it is over";
    }
}

static int refuse(const struct change *x, const char *what, struct sedge_err *err)
{
    return sedge_err_set(err, SEDGE_E_CONFLICT, "%s:%s:%lld cannot be %s: it is %s (%s)",
                         x->rev.kind == SEDGE_TARGET_GROUP ? "group" : "thing", x->rev.target,
                         (long long)x->rev.revision, what, sedge_dep_state_name(x->rev.state), over_text(x->rev.state));
}

static int hold(struct change *x, void *arg, struct sedge_err *err)
{
    (void)arg;
    if (x->rev.state != SEDGE_DEP_ROLLING) return refuse(x, "paused", err);
    return set_state(x, SEDGE_DEP_PAUSED, "paused by an operator", err);
}

int sedge_deploy_pause(struct sedge_cloud *c, int64_t id, int64_t now_ms, struct sedge_err *err)
{
    return run(c, id, now_ms, "deploy-pause", hold, NULL, err);
}

static int resume(struct change *x, void *arg, struct sedge_err *err)
{
    sedge_auto_free char *accepted = NULL;
    struct sedge_counts n;

    (void)arg;
    if (x->rev.state != SEDGE_DEP_PAUSED) return refuse(x, "resumed", err);
    if (x->rev.policy.end_at && x->now_ms / 1000 >= x->rev.policy.end_at)
        return sedge_err_set(err, SEDGE_E_CONFLICT,
                             "its endTime has passed; make a new revision: sedge-cloud deploy revise");
    if (sedge_counts_read(x->c->db, x->id, &n, err) != 0) return -1;
    accepted = sedge_counts_text(&n);
    if (sedge_q_run(x->c->db, err, "UPDATE deployment SET accepted=?2, verdict=0 WHERE id=?1", "it", x->id,
                    (const char *)accepted) != 0 ||
        set_state(x, SEDGE_DEP_ROLLING, NULL, err) != 0)
        return -1;
    return sedge_exec_settle(x->c->db, x->id, err);
}

int sedge_deploy_resume(struct sedge_cloud *c, int64_t id, int64_t now_ms, struct sedge_err *err)
{
    return run(c, id, now_ms, "deploy-resume", resume, NULL, err);
}

static int approve(struct change *x, void *arg, struct sedge_err *err)
{
    sedge_auto_free char *creator = NULL;
    const char *who = arg;

    if (x->rev.state != SEDGE_DEP_WAITING_APPROVAL) return refuse(x, "approved", err);
    if (sedge_q_text(x->c->db, err, &creator, "SELECT created_by FROM deployment WHERE id=?1", "i", x->id) != 1)
        return -1;
    if (!who || strcmp(who, creator) == 0)
        return sedge_err_set(err, SEDGE_E_DENIED, "user %s has created this deployment; another user must approve it",
                             who ? who : "?");
    if (sedge_q_run(x->c->db, err, "UPDATE deployment SET approved_by=?2 WHERE id=?1", "it", x->id, who) != 0)
        return -1;
    if (x->rev.policy.start_at > x->now_ms / 1000 || x->rev.unstored)
        return set_state(x, SEDGE_DEP_SCHEDULED, NULL, err);
    return sedge_rollout_begin(x->c, x->id, x->now_ms, err);
}

int sedge_deploy_approve(struct sedge_cloud *c, int64_t id, const char *who, int64_t now_ms, struct sedge_err *err)
{
    sedge_auto_free char *copy = who ? sedge_xstrdup(who) : NULL;

    return run(c, id, now_ms, "deploy-approve", approve, copy, err);
}

static int cancel(struct change *x, void *arg, struct sedge_err *err)
{
    const bool *force = arg;

    if (x->rev.state == SEDGE_DEP_INACTIVE || x->rev.state == SEDGE_DEP_FAILED) return refuse(x, "cancelled", err);
    if (sedge_carrier_cancel(x->c->db, x->now_ms / 1000, x->id, err) != 0) return -1;
    return sedge_release_stop(x->c->db, x->now_ms / 1000, x->id,
                              x->rev.state == SEDGE_DEP_ABORTED ? SEDGE_DEP_ABORTED : SEDGE_DEP_CANCELED, *force,
                              x->rev.reason, err);
}

int sedge_deploy_cancel(struct sedge_cloud *c, int64_t id, bool force, int64_t now_ms, struct sedge_err *err)
{
    return run(c, id, now_ms, "deploy-cancel", cancel, &force, err);
}

/* The newest revision before this one that went well: 1, 0, -1. */
static int last_good(struct change *x, int64_t *id, struct sedge_err *err)
{
    sqlite3_stmt *q =
        sedge_q(x->c->db, err, "SELECT id FROM deployment WHERE target_id=?1 AND revision<?2 ORDER BY revision DESC",
                "ii", x->rev.target_id, x->rev.revision);
    int rc = -1;

    while (q && (rc = sedge_db_step(x->c->db, q, err)) == 1) {
        struct sedge_counts n;
        struct sedge_rev r;

        *id = sqlite3_column_int64(q, 0);
        if (sedge_rev_load(x->c->db, *id, &r, err) != 1 || sedge_counts_read(x->c->db, *id, &n, err) != 0) rc = -1;
        if (rc == 1 && strcmp(sedge_judge_outcome(&r.policy, &n, r.stopped, false), "OK") != 0) rc = 0;
        sedge_rev_release(&r);
        if (rc != 0) break;
    }
    (void)sqlite3_finalize(q);
    return rc;
}

struct fall_back {
    bool force;
    struct json_object *made;
};

static int fall_back(struct change *x, void *arg, struct sedge_err *err)
{
    struct fall_back *f = arg;
    int64_t good = 0;
    int rc = cancel(x, &f->force, err);

    if (rc == 0) rc = last_good(x, &good, err);
    if (rc == 0)
        return sedge_err_set(err, SEDGE_E_NOT_FOUND,
                             "no earlier revision of this target went well; cancel without --fallback");
    if (rc == 1) f->made = sedge_deploy_copy(x->c, good, 0, x->now_ms, err);
    return f->made ? 0 : -1;
}

struct json_object *sedge_deploy_fall_back(struct sedge_cloud *c, int64_t id, bool force, int64_t now_ms,
                                           struct sedge_err *err)
{
    struct fall_back f = {.force = force};

    if (run(c, id, now_ms, "deploy-cancel", fall_back, &f, err) == 0) return f.made;
    json_object_put(f.made);
    return NULL;
}

struct revert {
    bool expects;
    int64_t expected;
    struct json_object *made;
};

static int revert(struct change *x, void *arg, struct sedge_err *err)
{
    struct revert *v = arg;
    int64_t last = 0;

    if (sedge_q_i64(x->c->db, err, &last, "SELECT last_revision FROM target WHERE id=?1", "i", x->rev.target_id) != 1)
        return -1;
    if (v->expects && v->expected != last)
        return sedge_err_set(err, SEDGE_E_CONFLICT, "the target is at revision %lld, not at %lld; look and repeat",
                             (long long)last, (long long)v->expected);
    v->made = sedge_deploy_copy(x->c, x->id, 0, x->now_ms, err);
    return v->made ? 0 : -1;
}

struct json_object *sedge_deploy_revert(struct sedge_cloud *c, int64_t from, bool expects, int64_t expected_revision,
                                        int64_t now_ms, struct sedge_err *err)
{
    struct revert v = {.expects = expects, .expected = expected_revision};

    if (run(c, from, now_ms, "deploy-revert", revert, &v, err) == 0) return v.made;
    json_object_put(v.made);
    return NULL;
}

struct retry {
    unsigned states;
    const struct sedge_strv *things;
    int64_t n;
};

static int retry_one(struct change *x, int64_t thing_id, int64_t exec_no, struct sedge_err *err)
{
    if (sedge_q_run(x->c->db, err,
                    "UPDATE execution SET flags=flags&~?4, next_retry_at=NULL WHERE thing_id=?1 AND deployment_id=?2"
                    " AND exec_no=?3",
                    "iiii", thing_id, x->id, exec_no, (int64_t)SEDGE_EXEC_RETRY_PENDING) != 0)
        return -1;
    return sedge_exec_offer(x->c->db, x->now_ms / 1000, thing_id, x->id, err);
}

/* One thing by name. */
static int retry_named(struct change *x, const char *name, struct retry *t, struct sedge_err *err)
{
    struct sedge_exec e = {0};
    int64_t thing = 0;
    int rc = sedge_thing_id(x->c, name, &thing, err);

    if (rc != 0) return -1;
    rc = sedge_exec_newest(x->c->db, thing, x->id, &e, err);
    if (rc == 0) rc = sedge_err_set(err, SEDGE_E_NOT_FOUND, "thing \"%s\" was not offered this deployment", name);
    if (rc == 1 && !(t->states & (1u << e.status)))
        rc = sedge_err_set(err, SEDGE_E_CONFLICT, "thing \"%s\" is %s; --status says what is tried again", name,
                           sedge_exec_state_name(e.status));
    if (rc == 1) rc = retry_one(x, thing, e.exec_no, err);
    sedge_exec_release_row(&e);
    t->n += rc == 0;
    return rc;
}

static int retry_all(struct change *x, struct retry *t, struct sedge_err *err)
{
    sedge_auto_free int64_t *rows = sedge_xcalloc(2, sizeof(*rows));
    size_t n = 0;
    sqlite3_stmt *q = sedge_q(
        x->c->db, err,
        "SELECT e.thing_id, e.exec_no FROM execution e JOIN thing t ON t.id=e.thing_id WHERE e.deployment_id=?1 AND"
        " ((1<<e.status) & ?2) AND t.state=0 AND NOT EXISTS(SELECT 1 FROM execution x JOIN deployment y ON"
        " y.id=x.deployment_id WHERE x.thing_id=e.thing_id AND y.target_id=?3 AND (y.revision>?4 OR (y.id=?1 AND"
        " x.exec_no>e.exec_no)))",
        "iiii", x->id, (int64_t)t->states, x->rev.target_id, x->rev.revision);
    int rc = -1;

    while (q && (rc = sedge_db_step(x->c->db, q, err)) == 1) {
        rows = sedge_xrealloc(rows, n + 2, sizeof(*rows));
        rows[n++] = sqlite3_column_int64(q, 0);
        rows[n++] = sqlite3_column_int64(q, 1);
    }
    (void)sqlite3_finalize(q);
    for (size_t i = 0; rc == 0 && i < n; i += 2)
        rc = retry_one(x, rows[i], rows[i + 1], err);
    t->n = (int64_t)n / 2;
    return rc;
}

static int retry(struct change *x, void *arg, struct sedge_err *err)
{
    struct retry *t = arg;
    int rc = 0;

    if (x->rev.state != SEDGE_DEP_ROLLING && x->rev.state != SEDGE_DEP_ACTIVE && x->rev.state != SEDGE_DEP_PAUSED)
        return refuse(x, "retried", err);
    if (!t->things || t->things->n == 0) return retry_all(x, t, err);
    for (size_t i = 0; rc == 0 && i < t->things->n; i++)
        rc = retry_named(x, t->things->v[i], t, err);
    return rc;
}

int sedge_deploy_retry(struct sedge_cloud *c, int64_t id, unsigned states, const struct sedge_strv *things,
                       int64_t now_ms, int64_t *n, struct sedge_err *err)
{
    struct retry t = {.states = states, .things = things};
    int rc = run(c, id, now_ms, "deploy-retry", retry, &t, err);

    *n = t.n;
    return rc;
}
