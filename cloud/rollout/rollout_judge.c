/* What the judge says is done here: pause, abort, revert. */
#include <stdio.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "cloud/deploy/deploy.h"
#include "cloud/query.h"
#include "cloud/registry/registry.h"
#include "rollout_internal.h"

static int note(struct sedge_cloud *c, const struct sedge_rev *r, const char *what, const char *why, int64_t now_ms,
                struct sedge_err *err)
{
    sedge_log(SEDGE_ERROR, "rollout", what, "target=%s revision=%lld deployment=%s: %s", r->target,
              (long long)r->revision, r->uuid, why);
    if (sedge_q_run(c->db, err, "UPDATE deployment SET verdict=1 WHERE id=?1", "i", r->id) != 0) return -1;
    return sedge_audit(c->db, now_ms, what, r->uuid, why, err);
}

static int hold(struct sedge_cloud *c, const struct sedge_rev *r, const char *why, int64_t now_ms,
                struct sedge_err *err)
{
    if (sedge_q_run(c->db, err, "UPDATE deployment SET state=?2, reason=?3 WHERE id=?1", "iit", r->id,
                    (int64_t)SEDGE_DEP_PAUSED, why) != 0)
        return -1;
    return note(c, r, "deploy-paused", why, now_ms, err);
}

static int stop(struct sedge_cloud *c, const struct sedge_rev *r, const char *why, int64_t now_ms,
                struct sedge_err *err)
{
    if (sedge_release_stop(c->db, now_ms / 1000, r->id, SEDGE_DEP_ABORTED, false, why, err) != 0) return -1;
    return note(c, r, "deploy-aborted", why, now_ms, err);
}

/* The last revision before this one that was not given up itself: 1, 0, -1. *alive: it is still offered. */
static int previous(struct sedge_cloud *c, const struct sedge_rev *r, int64_t *id, bool *alive, struct sedge_err *err)
{
    int64_t one = 0;
    int rc = sedge_q_i64(c->db, err, id,
                         "SELECT id FROM deployment WHERE target_id=?1 AND revision<?2 AND state IN (0,1,3,4)"
                         " AND verdict=0 ORDER BY revision DESC LIMIT 1",
                         "ii", r->target_id, r->revision);

    if (rc != 1) return rc;
    rc =
        sedge_q_i64(c->db, err, &one, "SELECT 1 FROM deployment WHERE id=?1 AND state IN " SEDGE_DEP_OFFERED, "i", *id);
    *alive = rc == 1;
    return rc < 0 ? -1 : 1;
}

/* A new revision with the content before. Where the one before is still in force for things that this one never
 * reached, only the others get it. */
static int revert(struct sedge_cloud *c, const struct sedge_rev *r, const char *why, int64_t now_ms,
                  struct sedge_err *err)
{
    sedge_auto_free char *reason = NULL;
    sedge_auto_put struct json_object *o = NULL;
    int64_t before = 0;
    bool alive = false;
    int rc = previous(c, r, &before, &alive, err);

    if (rc < 0) return -1;
    if (rc == 0) {
        reason = sedge_xasprintf("%s; there is no revision to go back to", why);
        return stop(c, r, reason, now_ms, err);
    }
    if (stop(c, r, why, now_ms, err) != 0) return -1;
    o = sedge_deploy_copy(c, before, alive ? r->id : 0, now_ms, err);
    if (!o) return -1;
    reason = sedge_xasprintf("%s; revision %lld goes back", why, (long long)sedge_json_i64(o, "revision", 0));
    return sedge_q_run(c->db, err, "UPDATE deployment SET reason=?2 WHERE id=?1", "it", r->id, (const char *)reason);
}

int sedge_rollout_judge(struct sedge_cloud *c, struct sedge_rev *r, const struct sedge_counts *n, int64_t now_ms,
                        bool *stopped, struct sedge_err *err)
{
    struct sedge_counts since = sedge_counts_minus(n, &r->accepted);
    char why[SEDGE_JUDGE_TEXT_MAX];
    enum sedge_judgement j = sedge_judge(&r->policy, n, &since, why);

    *stopped = j != SEDGE_JUDGE_FINE;
    switch (j) {
    case SEDGE_JUDGE_FINE:
        return 0;
    case SEDGE_JUDGE_PAUSE:
        return hold(c, r, why, now_ms, err);
    case SEDGE_JUDGE_ABORT:
        return stop(c, r, why, now_ms, err);
    case SEDGE_JUDGE_REVERT:
        return revert(c, r, why, now_ms, err);
    }
    return 0;
}
