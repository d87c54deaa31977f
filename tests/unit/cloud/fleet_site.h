/* fleet_site - a group g of 100 things in memory with its rollout engine and a clock that the test moves. */
#ifndef SEDGE_TEST_FLEET_SITE_H
#define SEDGE_TEST_FLEET_SITE_H

#include "site.h"

#include "cloud/rollout/counters.h"
#include "cloud/deploy/exec.h"
#include "cloud/rollout/release.h"
#include "cloud/rollout/retry.h"
#include "cloud/rollout/rollout.h"

#define S0 (T0 / 1000)

struct fleet {
    struct sedge_cloud *c;
    struct sedge_rollout *r;
    int64_t now_ms, mono_ms;
};

static inline void sql(struct fleet *f, const char *text)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_db_exec(f->c->db, text, &err) != 0) fail_msg("%s", err.msg);
}

static inline int setup(void **st)
{
    struct fleet *f = SEDGE_NEW(struct fleet);
    struct sedge_err err = SEDGE_ERR_INIT;

    f->c = SEDGE_NEW(struct sedge_cloud);
    sedge_cloud_settings_default(&f->c->set);
    f->c->db = sedge_cloud_db_open(":memory:", &err);
    if (!f->c->db) fail_msg("%s", err.msg);
    assert_int_equal(sedge_group_create(f->c, "g", &err), 0);
    sql(f, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<100) INSERT INTO"
           " thing(name,created_at,last_seen) SELECT printf('t-%03d',i), 1764590400, 1764590400 FROM n");
    sql(f, "INSERT INTO member SELECT 1, id, 1764590400 FROM thing");
    f->r = sedge_rollout_new(f->c);
    f->now_ms = T0;
    *st = f;
    return 0;
}

static inline int teardown(void **st)
{
    struct fleet *f = *st;

    sedge_rollout_free(f->r);
    sedge_cloud_close(f->c);
    free(f->c);
    free(f);
    return 0;
}

static inline int64_t count(struct fleet *f, const char *text)
{
    return site_count(f->c, text);
}

static inline int64_t create_for(struct fleet *f, const char *group, const char *version, const char *job,
                                 const char *rollout)
{
    sedge_auto_put struct json_object *content = sedge_doc_empty();
    sedge_auto_put struct json_object *j = job ? sedge_json_parse_object(job, strlen(job), "job", NULL) : NULL;
    sedge_auto_put struct json_object *r =
        rollout ? sedge_json_parse_object(rollout, strlen(rollout), "rollout", NULL) : NULL;
    sedge_auto_free char *a = sedge_xasprintf("a@%s", version);
    sedge_auto_put struct json_object *o = NULL;
    struct sedge_deploy_request rq = {
        .kind = SEDGE_TARGET_GROUP, .target = group, .content = content, .skip_resolve = true, .job = j, .rollout = r};
    struct sedge_err err = SEDGE_ERR_INIT;

    assert_int_equal(sedge_doc_set_component(content, a, &err), 0);
    o = sedge_deploy_create(f->c, &rq, f->now_ms, &err);
    if (!o) fail_msg("%s", err.msg);
    return count(f, "SELECT MAX(id) FROM deployment");
}

static inline int64_t create(struct fleet *f, const char *version, const char *job, const char *rollout)
{
    return create_for(f, "g", version, job, rollout);
}

static inline void tick(struct fleet *f, int64_t ms)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    f->now_ms += ms;
    f->mono_ms += ms;
    assert_int_equal(sedge_q_begin(f->c->db, &err), 0);
    if (sedge_q_end(f->c->db, sedge_rollout_tick(f->r, f->now_ms, f->mono_ms, &err), &err) != 0)
        fail_msg("%s", err.msg);
}

static inline void ticks(struct fleet *f, int n, int64_t ms)
{
    while (n-- > 0)
        tick(f, ms);
}

/* The next `n` open executions of a deployment end so. */
static inline void finish(struct fleet *f, int64_t deployment, int n, int status)
{
    for (int i = 0; i < n; i++) {
        int64_t thing = 0, no = 0;

        assert_int_equal(sedge_q_i64(f->c->db, NULL, &thing,
                                     "SELECT thing_id FROM execution WHERE deployment_id=?1 AND status IN (0,1) ORDER "
                                     "BY exec_no DESC, thing_id LIMIT 1",
                                     "i", deployment),
                         1);
        assert_int_equal(sedge_q_i64(f->c->db, NULL, &no,
                                     "SELECT MAX(exec_no) FROM execution WHERE deployment_id=?1 AND thing_id=?2", "ii",
                                     deployment, thing),
                         1);
        assert_int_equal(sedge_q_run(f->c->db, NULL,
                                     "UPDATE execution SET status=?4 WHERE thing_id=?1 AND deployment_id=?2 AND"
                                     " exec_no=?3",
                                     "iiii", thing, deployment, no, (int64_t)status),
                         0);
        assert_int_equal(sedge_retry_ended(f->c->db, f->now_ms / 1000, thing, deployment, no, status, NULL, NULL), 0);
    }
}

static inline int64_t state_of(struct fleet *f, int64_t deployment)
{
    int64_t n = -1;

    assert_int_equal(sedge_q_i64(f->c->db, NULL, &n, "SELECT state FROM deployment WHERE id=?1", "i", deployment), 1);
    return n;
}

static inline int64_t given(struct fleet *f, int64_t deployment)
{
    int64_t n = -1;

    assert_int_equal(
        sedge_q_i64(f->c->db, NULL, &n, "SELECT COUNT(*) FROM execution WHERE deployment_id=?1", "i", deployment), 1);
    return n;
}

#define FAST "{\"jobExecutionsRolloutConfig\":{\"maximumPerMinute\":60000}}"

#endif
