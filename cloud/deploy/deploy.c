#include "deploy.h"

#include <string.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "deploy_check.h"
#include "document.h"
#include "cloud/rollout/policy.h"
#include "cloud/query.h"
#include "cloud/registry/registry.h"
#include "cloud/rollout/rollout.h"

struct target {
    int64_t id, last_revision, last_creation_ms, current, member_id; /* member_id: group or thing */
};

static int find_target(struct sedge_cloud *c, const struct sedge_deploy_request *rq, struct target *t,
                       struct sedge_err *err)
{
    sqlite3_stmt *q;
    int rc = rq->kind == SEDGE_TARGET_GROUP ? sedge_group_id(c, rq->target, &t->member_id, err)
                                            : sedge_thing_id(c, rq->target, &t->member_id, err);

    if (rc != 0) return -1;
    if (sedge_q_run(c->db, err, "INSERT INTO target(kind,ref_name) VALUES(?1,?2) ON CONFLICT(kind,ref_name) DO NOTHING",
                    "it", (int64_t)rq->kind, rq->target) != 0)
        return -1;
    q = sedge_q(
        c->db, err,
        "SELECT id, last_revision, last_creation_ms, current_deployment FROM target WHERE kind=?1 AND ref_name=?2",
        "it", (int64_t)rq->kind, rq->target);
    rc = q ? sedge_db_step(c->db, q, err) : -1;
    if (rc == 1) {
        t->id = sqlite3_column_int64(q, 0);
        t->last_revision = sqlite3_column_int64(q, 1);
        t->last_creation_ms = sqlite3_column_int64(q, 2);
        t->current = sqlite3_column_int64(q, 3);
    }
    (void)sqlite3_finalize(q);
    return rc == 1 ? 0 : -1;
}

static struct json_object *result(struct sedge_cloud *c, int64_t deployment, bool unchanged, struct sedge_err *err)
{
    struct json_object *o = sedge_deploy_show(c, deployment, err);

    if (o && unchanged) sedge_json_add_bool(o, "unchanged", true);
    return o;
}

static void sha256_base64(const struct sedge_buf *text, struct sedge_buf *out)
{
    uint8_t sum[SEDGE_SHA256_LEN];

    sedge_sha256(text->data, text->len, sum);
    sedge_base64_encode(out, sum, sizeof(sum));
}

static int check_size(struct sedge_cloud *c, const struct sedge_buf *doc, const struct sedge_buf *full,
                      struct sedge_err *err)
{
    if (doc->len > SEDGE_DOC_INLINE_MAX || full->len > SEDGE_DOC_INPUT_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "the deployment document has %zu bytes; %d are possible", full->len,
                             SEDGE_DOC_INPUT_MAX);
    if (full->len == 0 || (c->set.s3_bucket && c->set.s3_bucket[0])) return 0;
    return sedge_err_set(err, SEDGE_E_LIMIT,
                         "the deployment document has %zu bytes, more than a message takes, and there is no object "
                         "store to put it into; set one with: sedge-cloud init --s3-endpoint URL --bucket NAME",
                         full->len);
}

/* Nobody is told of a document that is still to be put into the object store. */
static int64_t first_state(const struct sedge_policy *p, bool large, int64_t now_ms)
{
    if (p->approval) return SEDGE_DEP_WAITING_APPROVAL;
    return large || p->start_at > now_ms / 1000 ? SEDGE_DEP_SCHEDULED : SEDGE_DEP_ROLLING;
}

static int insert(struct sedge_cloud *c, const struct sedge_deploy_request *rq, const struct target *t,
                  const struct sedge_policy *p, const char *hash, int64_t now_ms, int64_t *id, struct sedge_err *err)
{
    char uuid[SEDGE_UUID_LEN + 1], job[SEDGE_UUID_LEN + 1];
    int64_t revision = t->last_revision + 1;
    int64_t created = now_ms > t->last_creation_ms ? now_ms : t->last_creation_ms + 1;
    int64_t minutes = rq->in_progress_minutes ? rq->in_progress_minutes : c->set.in_progress_minutes;
    sedge_auto_free char *arn =
        sedge_xasprintf("arn:aws:greengrass:%s:%s:configuration:%s/%s:%lld", c->set.region, c->set.account,
                        rq->kind == SEDGE_TARGET_GROUP ? "thinggroup" : "thing", rq->target, (long long)revision);
    sedge_auto_free char *policy = sedge_policy_text(rq->job, rq->rollout, minutes);
    sedge_auto_buf struct sedge_buf doc = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf full = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf digest = SEDGE_BUF_INIT;

    sedge_uuid4(uuid);
    sedge_uuid4(job);
    sedge_doc_fit(rq->content, &(struct sedge_doc_ids){uuid, rq->name, arn, created}, rq->kind, &doc, &full);
    if (check_size(c, &doc, &full, err) != 0) return -1;
    if (full.len) sha256_base64(&full, &digest);
    if (sedge_q_run(
            c->db, err,
            "INSERT INTO deployment(uuid,job_id,target_id,revision,name,creation_ms,state,device_doc,content_hash,"
            "request,policy,large,full_doc,full_sha256,gated,only_after,created_by) "
            "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,"
            "?11,?12,?13,?14,?15,NULLIF(?16,0),?17)",
            "ttiitiittttittiit", (const char *)uuid, (const char *)job, t->id, revision, rq->name, created,
            first_state(p, full.len != 0, now_ms), (const char *)doc.data, hash, rq->request ? rq->request : "",
            (const char *)policy, (int64_t)(full.len != 0), full.len ? (const char *)full.data : NULL,
            full.len ? (const char *)digest.data : NULL, (int64_t)p->gated, rq->only_after, sedge_who()) != 0)
        return -1;
    *id = sqlite3_last_insert_rowid(sedge_db_handle(c->db));
    if (sedge_audit(c->db, now_ms, "deploy-create", uuid, hash, err) != 0) return -1;
    return sedge_q_run(c->db, err,
                       "UPDATE target SET last_revision=?2, last_creation_ms=?3, current_deployment=?4 WHERE id=?1",
                       "iiii", t->id, revision, created, *id);
}

/* What can only be said with the target. */
static int check_policy(struct sedge_cloud *c, const struct sedge_deploy_request *rq, const struct sedge_policy *p,
                        int64_t now_ms, struct sedge_err *err)
{
    int64_t id = 0;

    if (rq->kind == SEDGE_TARGET_THING && p->n_waves > 1)
        return sedge_err_set(err, SEDGE_E_INVALID, "rollout: waves and canaryGroup are for groups; thing:%s is one",
                             rq->target);
    if (p->end_at && p->end_at <= now_ms / 1000)
        return sedge_err_set(err, SEDGE_E_INVALID, "iotJobConfiguration.schedulingConfig.endTime has passed");
    if (!p->canary_group) return 0;
    return sedge_group_id(c, p->canary_group, &id, err) == 0 ? 0 : sedge_err_wrap(err, "rollout.canaryGroup");
}

static int check_expected(const struct sedge_deploy_request *rq, const struct target *t, struct sedge_err *err)
{
    if (!rq->expects || rq->expected_revision == t->last_revision) return 0;
    return sedge_err_set(err, SEDGE_E_CONFLICT,
                         "%s:%s is at revision %lld, not at %lld: somebody else has changed it; look at it and repeat",
                         rq->kind == SEDGE_TARGET_GROUP ? "group" : "thing", rq->target, (long long)t->last_revision,
                         (long long)rq->expected_revision);
}

/* The new revision takes its place. One that never began makes room for it. */
static int enter(struct sedge_cloud *c, const struct sedge_deploy_request *rq, const struct target *t,
                 const struct sedge_policy *p, const char *hash, int64_t now_ms, int64_t *id, struct sedge_err *err)
{
    int64_t state = 0;

    if (sedge_q_run(c->db, err, "UPDATE deployment SET state=?2 WHERE target_id=?1 AND state IN (?3,?4)", "iiii", t->id,
                    (int64_t)SEDGE_DEP_INACTIVE, (int64_t)SEDGE_DEP_SCHEDULED,
                    (int64_t)SEDGE_DEP_WAITING_APPROVAL) != 0 ||
        insert(c, rq, t, p, hash, now_ms, id, err) != 0 ||
        sedge_q_i64(c->db, err, &state, "SELECT state FROM deployment WHERE id=?1", "i", *id) != 1)
        return -1;
    return state == SEDGE_DEP_ROLLING ? sedge_rollout_begin(c, *id, now_ms, err) : 0;
}

static struct json_object *create_checked(struct sedge_cloud *c, const struct sedge_deploy_request *rq,
                                          const struct sedge_policy *p, int64_t now_ms, struct json_object *warnings,
                                          struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf hash = SEDGE_BUF_INIT;
    sedge_auto_free char *current_hash = NULL;
    struct target t = {0};
    int64_t id = 0;

    if (find_target(c, rq, &t, err) != 0 || check_expected(rq, &t, err) != 0 ||
        check_policy(c, rq, p, now_ms, err) != 0)
        return NULL;
    if (sedge_deploy_check(c, rq->kind, rq->target, rq->content, rq->skip_resolve, warnings, err) != 0) return NULL;
    sedge_doc_hash(rq->content, &hash);
    if (t.current && sedge_q_text(c->db, err, &current_hash,
                                  "SELECT content_hash FROM deployment WHERE id=?1 AND state IN " SEDGE_DEP_ALIVE, "i",
                                  t.current) < 0)
        return NULL;
    if (!rq->force && sedge_str_eq(current_hash, hash.data)) return result(c, t.current, true, err);
    if (enter(c, rq, &t, p, hash.data, now_ms, &id, err) != 0) return NULL;
    return result(c, id, false, err);
}

static struct json_object *create(struct sedge_cloud *c, const struct sedge_deploy_request *rq, int64_t now_ms,
                                  struct json_object *warnings, struct sedge_err *err)
{
    struct sedge_policy p;
    struct json_object *o = NULL;

    if (sedge_policy_decode(rq->job, rq->rollout, &p, err) == 0) o = create_checked(c, rq, &p, now_ms, warnings, err);
    sedge_policy_release(&p);
    return o;
}

int sedge_deploy_policy(struct sedge_cloud *c, int64_t id, struct json_object **job, struct json_object **rollout,
                        struct sedge_err *err)
{
    sedge_auto_put struct json_object *o = NULL;
    sedge_auto_free char *text = NULL;

    if (sedge_q_text(c->db, err, &text, "SELECT policy FROM deployment WHERE id=?1", "i", id) != 1) return -1;
    o = sedge_json_parse_object(text, strlen(text), "stored policy", err);
    if (!o) return -1;
    *job = sedge_json_obj(o, "iotJobConfiguration");
    *job = *job ? sedge_json_copy(*job) : NULL;
    if (*job) json_object_object_del(*job, "schedulingConfig");
    *rollout = json_object_get(sedge_json_obj(o, "rollout"));
    return 0;
}

int sedge_deploy_last_revision(struct sedge_cloud *c, int kind, const char *target, int64_t *out, struct sedge_err *err)
{
    *out = 0;
    return sedge_q_i64(c->db, err, out, "SELECT last_revision FROM target WHERE kind=?1 AND ref_name=?2", "it",
                       (int64_t)kind, target) < 0
               ? -1
               : 0;
}

/* Of a rollout block, what belongs to the network and not to one revision. New reference; NULL: nothing. */
static struct json_object *lasting(struct json_object *rollout)
{
    int64_t bytes = sedge_json_i64(rollout, "maxBytesPerSecond", 0);
    struct json_object *o;

    if (!bytes) return NULL;
    o = json_object_new_object();
    sedge_json_add_i64(o, "maxBytesPerSecond", bytes);
    return o;
}

struct json_object *sedge_deploy_copy(struct sedge_cloud *c, int64_t from, int64_t only_after, int64_t now_ms,
                                      struct sedge_err *err)
{
    sedge_auto_put struct json_object *content = NULL, *rollout = NULL, *job = NULL, *kept = NULL;
    sedge_auto_put struct json_object *warnings = json_object_new_array();
    sedge_auto_free char *name = NULL, *target = NULL;
    struct sedge_deploy_request rq = {.force = true, .skip_resolve = true, .only_after = only_after};
    int64_t kind = 0;

    content = sedge_deploy_content(c, from, &name, &rq.in_progress_minutes, err);
    if (!content ||
        sedge_q_text(c->db, err, &target,
                     "SELECT t.ref_name FROM deployment d JOIN target t ON t.id=d.target_id WHERE d.id=?1", "i",
                     from) != 1 ||
        sedge_q_i64(c->db, err, &kind,
                    "SELECT t.kind FROM deployment d JOIN target t ON t.id=d.target_id WHERE d.id=?1", "i",
                    from) != 1 ||
        sedge_deploy_policy(c, from, &job, &rollout, err) != 0)
        return NULL;
    rq.kind = (int)kind;
    rq.target = target;
    rq.name = name;
    rq.content = content;
    rq.job = job;
    rq.rollout = kept = lasting(rollout);
    return create(c, &rq, now_ms, warnings, err);
}

struct json_object *sedge_deploy_nothing(struct sedge_cloud *c, const char *thing, int64_t now_ms,
                                         struct sedge_err *err)
{
    sedge_auto_put struct json_object *content = sedge_doc_empty();
    sedge_auto_put struct json_object *warnings = json_object_new_array();
    struct sedge_deploy_request rq = {
        .kind = SEDGE_TARGET_THING, .target = thing, .content = content, .skip_resolve = true, .force = true};

    return create(c, &rq, now_ms, warnings, err);
}

/* Hash of what the operator asked for, to tell a repeated request from another one with the same token. */
static void request_hash(const struct sedge_deploy_request *rq, struct sedge_buf *out)
{
    sedge_auto_free char *content = sedge_json_text_sorted(rq->content);
    sedge_auto_free char *policy = sedge_policy_text(rq->job, rq->rollout, rq->in_progress_minutes);
    sedge_auto_free char *all =
        sedge_xasprintf("%d/%s/%s/%s/%s", rq->kind, rq->target, rq->name ? rq->name : "", policy, content);

    sedge_sha256_hex(all, strlen(all), out);
}

/* The answer that was given to this token. NULL with err->code OK: none yet. */
static struct json_object *recall(struct sedge_cloud *c, const char *token, const char *hash, int64_t now,
                                  struct sedge_err *err)
{
    sedge_auto_free char *had = NULL;
    sedge_auto_free char *answer = NULL;
    int rc;

    if (sedge_q_run(c->db, err, "DELETE FROM idem WHERE expires_at<=?1", "i", now) != 0) return NULL;
    rc = sedge_q_text(c->db, err, &had, "SELECT request_hash FROM idem WHERE token=?1", "t", token);
    if (rc <= 0) return NULL;
    if (strcmp(had, hash) != 0) {
        (void)sedge_err_set(err, SEDGE_E_CONFLICT, "token \"%s\" was used for another request; use a new one", token);
        return NULL;
    }
    if (sedge_q_text(c->db, err, &answer, "SELECT response FROM idem WHERE token=?1", "t", token) != 1) return NULL;
    return sedge_json_parse_object(answer, strlen(answer), "stored answer", err);
}

static struct json_object *with_warnings(struct json_object *o, struct json_object *warnings)
{
    if (o && json_object_array_length(warnings)) (void)json_object_object_add(o, "warnings", json_object_get(warnings));
    return o;
}

static struct json_object *create_once(struct sedge_cloud *c, const struct sedge_deploy_request *rq, int64_t now_ms,
                                       struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf hash = SEDGE_BUF_INIT;
    sedge_auto_put struct json_object *warnings = json_object_new_array();
    struct json_object *o;

    if (!rq->token) return with_warnings(create(c, rq, now_ms, warnings, err), warnings);
    request_hash(rq, &hash);
    err->code = SEDGE_OK;
    o = recall(c, rq->token, hash.data, now_ms / 1000, err);
    if (o || err->code != SEDGE_OK) return o;
    o = with_warnings(create(c, rq, now_ms, warnings, err), warnings);
    if (o &&
        sedge_q_run(c->db, err, "INSERT INTO idem(token,request_hash,response,expires_at) VALUES(?1,?2,?3,?4)", "ttti",
                    rq->token, (const char *)hash.data, sedge_json_text(o), now_ms / 1000 + SEDGE_IDEM_SECONDS) != 0) {
        json_object_put(o);
        return NULL;
    }
    return o;
}

struct json_object *sedge_deploy_create(struct sedge_cloud *c, const struct sedge_deploy_request *rq, int64_t now_ms,
                                        struct sedge_err *err)
{
    struct json_object *o;

    if (sedge_q_begin(c->db, err) != 0) return NULL;
    o = create_once(c, rq, now_ms, err);
    if (sedge_q_end(c->db, o ? 0 : -1, err) == 0) return o;
    json_object_put(o);
    return NULL;
}
