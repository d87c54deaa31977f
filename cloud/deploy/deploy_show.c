#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "deploy.h"
#include "deploy_status.h"
#include "document.h"
#include "cloud/rollout/judge.h"
#include "cloud/query.h"
#include "cloud/rollout/release.h"

/* Only the newest execution of each thing counts. */
#define NEWEST                                                                                                         \
    " AND NOT EXISTS(SELECT 1 FROM execution n WHERE n.thing_id=e.thing_id AND n.deployment_id=e.deployment_id AND "   \
    "n.exec_no>e.exec_no) "

static int find_revision(struct sedge_cloud *c, const char *text, int64_t revision, int64_t *id, struct sedge_err *err)
{
    sedge_auto_free char *name = NULL;
    int kind = 0, rc;

    if (sedge_doc_parse_target(text, &kind, &name, err) != 0) return -1;
    rc = sedge_q_i64(c->db, err, id,
                     "SELECT d.id FROM target t JOIN deployment d ON d.target_id=t.id WHERE t.kind=?1 AND t.ref_name=?2"
                     " AND (?3=0 OR d.revision=?3) ORDER BY d.id=COALESCE(t.current_deployment,0) DESC, d.revision DESC"
                     " LIMIT 1",
                     "iti", (int64_t)kind, name, revision);
    if (rc != 0) return rc == 1 ? 0 : -1;
    if (revision) return sedge_err_set(err, SEDGE_E_NOT_FOUND, "%s has no revision %lld", text, (long long)revision);
    return sedge_err_set(err, SEDGE_E_NOT_FOUND,
                         "there is no deployment for %s; make one with: sedge-cloud deploy create --target %s -f FILE",
                         text, text);
}

int sedge_deploy_find(struct sedge_cloud *c, const char *text, int64_t *id, struct sedge_err *err)
{
    const char *colon = strrchr(text, ':');
    sedge_auto_free char *target = NULL;
    int64_t revision = 0;
    int rc;

    if (sedge_str_starts(text, "group:") || sedge_str_starts(text, "thing:")) {
        if (colon && colon != strchr(text, ':') && sedge_str_to_i64(colon + 1, 1, INT64_MAX, &revision, NULL) == 0)
            target = sedge_xstrndup(text, (size_t)(colon - text));
        return find_revision(c, target ? target : text, revision, id, err);
    }
    rc = sedge_q_i64(c->db, err, id, "SELECT id FROM deployment WHERE uuid=?1 OR job_id=?1", "t", text);
    if (rc == 0)
        return sedge_err_set(err, SEDGE_E_NOT_FOUND,
                             "there is no deployment \"%s\"; expected a deployment id, group:NAME, thing:NAME or "
                             "group:NAME:REVISION (sedge-cloud deploy list shows them)",
                             text);
    return rc == 1 ? 0 : -1;
}

struct json_object *sedge_deploy_content(struct sedge_cloud *c, int64_t id, char **name, int64_t *minutes,
                                         struct sedge_err *err)
{
    sqlite3_stmt *q =
        sedge_q(c->db, err, "SELECT COALESCE(full_doc,device_doc), name, policy FROM deployment WHERE id=?1", "i", id);
    struct json_object *o = NULL;

    if (q && sedge_db_step(c->db, q, err) == 1) {
        const char *policy = sedge_db_text(q, 2);
        sedge_auto_put struct json_object *p = sedge_json_parse_object(policy, strlen(policy), "policy", NULL);

        o = sedge_doc_content(sedge_db_text(q, 0), err);
        *name = sqlite3_column_type(q, 1) == SQLITE_NULL ? NULL : sedge_xstrdup(sedge_db_text(q, 1));
        *minutes = sedge_json_i64(p, "inProgressTimeoutInMinutes", 0);
    }
    (void)sqlite3_finalize(q);
    return o;
}

static int add_counters(struct sedge_cloud *c, int64_t id, struct json_object *out, struct sedge_err *err)
{
    struct json_object *o = json_object_new_object();
    struct sedge_counts n;
    int64_t total = 0;
    int rc = sedge_counts_read(c->db, id, &n, err);

    for (int s = 0; rc == 0 && s < SEDGE_COUNT_N; s++) {
        total += s == SEDGE_COUNT_LATE ? 0 : n.n[s];
        if (n.n[s]) sedge_json_add_i64(o, sedge_count_name(s), n.n[s]);
    }
    sedge_json_add_i64(out, "things", total);
    (void)json_object_object_add(out, "counters", o); /* takes o */
    return rc;
}

/* Where it stands: wave, reason, outcome. */
static int add_course(struct sedge_cloud *c, int64_t id, struct json_object *o, struct sedge_err *err)
{
    struct sedge_counts n;
    struct sedge_rev r;
    int rc = sedge_rev_load(c->db, id, &r, err) == 1 ? sedge_counts_read(c->db, id, &n, err) : -1;

    if (rc == 0) {
        sedge_json_add_str(
            o, "outcome",
            sedge_judge_outcome(&r.policy, &n, r.stopped,
                                !r.released && (r.state == SEDGE_DEP_ROLLING || r.state == SEDGE_DEP_PAUSED)));
        sedge_json_add_str(o, "reason",
                           r.unstored && r.state == SEDGE_DEP_SCHEDULED ? "its document is not in the object store yet"
                                                                        : r.reason);
        if (r.policy.n_waves > 1) {
            sedge_json_add_i64(o, "wave", r.wave + 1);
            sedge_json_add_i64(o, "waves", r.policy.n_waves);
        }
        if (r.state == SEDGE_DEP_SCHEDULED && r.policy.start_at) sedge_json_add_i64(o, "startsAt", r.policy.start_at);
    }
    sedge_rev_release(&r);
    return rc;
}

static void add_head(sqlite3_stmt *q, struct json_object *o)
{
    sedge_auto_free char *target = sedge_xasprintf(
        "%s:%s", sqlite3_column_int(q, 2) == SEDGE_TARGET_GROUP ? "group" : "thing", sedge_db_text(q, 3));

    sedge_json_add_str(o, "deploymentId", sedge_db_text(q, 0));
    sedge_json_add_str(o, "jobId", sedge_db_text(q, 1));
    sedge_json_add_str(o, "target", target);
    sedge_json_add_i64(o, "revision", sqlite3_column_int64(q, 4));
    if (sqlite3_column_type(q, 5) != SQLITE_NULL) sedge_json_add_str(o, "deploymentName", sedge_db_text(q, 5));
    sedge_json_add_i64(o, "creationTimestamp", sqlite3_column_int64(q, 6));
    sedge_json_add_str(o, "state", sedge_dep_state_name(sqlite3_column_int64(q, 7)));
    if (sqlite3_column_int(q, 10)) sedge_json_add_bool(o, "large", true);
}
#define HEAD                                                                                                           \
    "SELECT d.uuid, d.job_id, t.kind, t.ref_name, d.revision, d.name, d.creation_ms, d.state, "                        \
    "COALESCE(d.full_doc,d.device_doc), d.id, d.large "                                                                \
    "FROM deployment d JOIN target t ON t.id=d.target_id "

struct json_object *sedge_deploy_show(struct sedge_cloud *c, int64_t id, struct sedge_err *err)
{
    struct json_object *o = json_object_new_object();
    sqlite3_stmt *q = sedge_q(c->db, err, HEAD "WHERE d.id=?1", "i", id);
    int rc = q ? sedge_db_step(c->db, q, err) : -1;

    if (rc == 1) {
        sedge_auto_put struct json_object *content = sedge_doc_content(sedge_db_text(q, 8), err);

        add_head(q, o);
        rc = add_counters(c, id, o, err);
        if (rc == 0) rc = add_course(c, id, o, err);
        if (content)
            (void)json_object_object_add(o, "components", json_object_get(sedge_json_obj(content, "components")));
    } else if (rc == 0)
        rc = sedge_err_set(err, SEDGE_E_NOT_FOUND, "there is no such deployment");
    (void)sqlite3_finalize(q);
    if (rc == 0) return o;
    json_object_put(o);
    return NULL;
}

struct json_object *sedge_deploy_list(struct sedge_cloud *c, const char *target, bool latest, struct sedge_err *err)
{
    struct json_object *list = json_object_new_array();
    sedge_auto_free char *name = NULL;
    int kind = -1, rc = -1;
    sqlite3_stmt *q = NULL;

    if (!target || sedge_doc_parse_target(target, &kind, &name, err) == 0)
        q = sedge_q(c->db, err,
                    HEAD "WHERE (?1 IS NULL OR (t.ref_name=?1 AND t.kind=?2)) AND (?3=0 OR d.revision=t.last_revision)"
                         " ORDER BY d.creation_ms DESC, d.id DESC",
                    "tii", (const char *)name, (int64_t)kind, (int64_t)latest);
    while (q && (rc = sedge_db_step(c->db, q, err)) == 1) {
        struct json_object *o = json_object_new_object();

        (void)json_object_array_add(list, o); /* takes o */
        add_head(q, o);
        if (add_counters(c, sqlite3_column_int64(q, 9), o, err) != 0 ||
            add_course(c, sqlite3_column_int64(q, 9), o, err) != 0)
            break;
    }
    (void)sqlite3_finalize(q);
    if (rc == 0) return list;
    json_object_put(list);
    return NULL;
}

int sedge_deploy_progress(struct sedge_cloud *c, int64_t id, int64_t *open, int64_t *failed, int64_t *state,
                          struct sedge_err *err)
{
    struct sedge_counts n;
    struct sedge_rev r;
    int rc = sedge_rev_load(c->db, id, &r, err) == 1 ? sedge_counts_read(c->db, id, &n, err) : -1;
    bool more = r.state == SEDGE_DEP_ROLLING || r.state == SEDGE_DEP_PAUSED || r.state == SEDGE_DEP_SCHEDULED ||
                r.state == SEDGE_DEP_WAITING_APPROVAL;

    if (rc == 0) {
        *state = r.state;
        *failed = sedge_counts_bad(&n);
        *open = sedge_counts_open(&n);
        if (*open == 0 && more) *open = 1; /* who is still to be released is not counted */
    }
    sedge_rev_release(&r);
    return rc;
}
