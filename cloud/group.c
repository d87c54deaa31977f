#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "exec.h"
#include "query.h"
#include "registry.h"

int sedge_group_create(struct sedge_cloud *c, const char *name, struct sedge_err *err)
{
    int64_t id = 0;
    int rc;

    if (sedge_cloud_check_name("group", name, err) != 0) return -1;
    rc = sedge_q_i64(c->db, err, &id, "SELECT id FROM grp WHERE name=?1", "t", name);
    if (rc < 0) return -1;
    if (rc == 1) return sedge_err_set(err, SEDGE_E_CONFLICT, "group \"%s\" exists already", name);
    return sedge_q_run(c->db, err, "INSERT INTO grp(name) VALUES(?1)", "t", name);
}

/* The current revision of a group: 1 and its deployment's id, 0 none. */
static int current_of(struct sedge_cloud *c, const char *group, int64_t *deployment, struct sedge_err *err)
{
    return sedge_q_i64(c->db, err, deployment,
                       "SELECT d.id FROM target t JOIN deployment d ON d.id=t.current_deployment"
                       " WHERE t.kind=?1 AND t.ref_name=?2 AND d.state IN (0,1)",
                       "it", (int64_t)SEDGE_TARGET_GROUP, group);
}

static int leave(struct sedge_cloud *c, int64_t group_id, const char *group, int64_t thing, int64_t now_ms,
                 struct sedge_err *err)
{
    int64_t deployment = 0;
    int rc = current_of(c, group, &deployment, err);

    if (rc == 1 && (sedge_exec_end(c->db, now_ms / 1000, thing, deployment, true, SEDGE_EXEC_REMOVED, err) != 0 ||
                    sedge_exec_settle(c->db, deployment, err) != 0))
        return -1;
    if (rc < 0) return -1;
    return sedge_q_run(c->db, err, "DELETE FROM member WHERE group_id=?1 AND thing_id=?2", "ii", group_id, thing);
}

static int delete_group(struct sedge_cloud *c, const char *name, bool cascade, int64_t now_ms, struct sedge_err *err)
{
    int64_t id = 0, deployment = 0;
    int rc;

    if (sedge_group_id(c, name, &id, err) != 0) return -1;
    rc = current_of(c, name, &deployment, err);
    if (rc < 0) return -1;
    if (rc == 1) {
        if (!cascade)
            return sedge_err_set(
                err, SEDGE_E_CONFLICT,
                "group \"%s\" has a current deployment; cancel it first (sedge-cloud deploy cancel group:%s) "
                "or repeat with --cascade",
                name, name);
        if (sedge_exec_end(c->db, now_ms / 1000, 0, deployment, true, SEDGE_EXEC_REMOVED, err) != 0 ||
            sedge_q_run(c->db, err, "UPDATE deployment SET state=?2 WHERE id=?1", "ii", deployment,
                        (int64_t)SEDGE_DEP_INACTIVE) != 0)
            return -1;
    }
    /* The target row stays: revision numbers are never used again. */
    if (sedge_q_run(c->db, err, "UPDATE target SET current_deployment=NULL WHERE kind=?1 AND ref_name=?2", "it",
                    (int64_t)SEDGE_TARGET_GROUP, name) != 0 ||
        sedge_q_run(c->db, err, "DELETE FROM member WHERE group_id=?1", "i", id) != 0)
        return -1;
    return sedge_q_run(c->db, err, "DELETE FROM grp WHERE id=?1", "i", id);
}

int sedge_group_delete(struct sedge_cloud *c, const char *name, bool cascade, int64_t now_ms, struct sedge_err *err)
{
    int rc;

    if (sedge_q_begin(c->db, err) != 0) return -1;
    rc = delete_group(c, name, cascade, now_ms, err);
    if (rc == 0) rc = sedge_audit(c->db, now_ms, "group-delete", name, NULL, err);
    return sedge_q_end(c->db, rc, err);
}

static int join(struct sedge_cloud *c, const char *group, const char *thing, int64_t now_ms, char **offers,
                struct sedge_err *err)
{
    int64_t group_id = 0, thing_id = 0, n = 0, deployment = 0, revision = 0;
    int rc;

    if (sedge_group_id(c, group, &group_id, err) != 0 || sedge_thing_id(c, thing, &thing_id, err) != 0) return -1;
    rc =
        sedge_q_i64(c->db, err, &n, "SELECT 1 FROM member WHERE group_id=?1 AND thing_id=?2", "ii", group_id, thing_id);
    if (rc != 0) return rc < 0 ? -1 : 0; /* is a member already */
    if (sedge_q_i64(c->db, err, &n, "SELECT COUNT(*) FROM member WHERE thing_id=?1", "i", thing_id) < 0) return -1;
    if (n >= SEDGE_CLOUD_GROUPS_OF_THING)
        return sedge_err_set(err, SEDGE_E_LIMIT, "thing \"%s\" is in %lld groups already; %d is the limit", thing,
                             (long long)n, SEDGE_CLOUD_GROUPS_OF_THING);
    if (sedge_q_run(c->db, err, "INSERT INTO member(group_id,thing_id,added_at) VALUES(?1,?2,?3)", "iii", group_id,
                    thing_id, now_ms / 1000) != 0)
        return -1;
    rc = current_of(c, group, &deployment, err);
    if (rc <= 0) return rc;
    if (sedge_q_i64(c->db, err, &revision, "SELECT revision FROM deployment WHERE id=?1", "i", deployment) < 0)
        return -1;
    *offers = sedge_xasprintf("group:%s:%lld", group, (long long)revision);
    return sedge_exec_offer(c->db, now_ms / 1000, thing_id, deployment, err);
}

int sedge_group_add(struct sedge_cloud *c, const char *group, const char *thing, int64_t now_ms, char **offers,
                    struct sedge_err *err)
{
    int rc;

    *offers = NULL;
    if (sedge_q_begin(c->db, err) != 0) return -1;
    rc = join(c, group, thing, now_ms, offers, err);
    if (rc == 0) rc = sedge_audit(c->db, now_ms, "group-add", group, thing, err);
    return sedge_q_end(c->db, rc, err);
}

int sedge_group_rm(struct sedge_cloud *c, const char *group, const char *thing, int64_t now_ms, struct sedge_err *err)
{
    int64_t group_id = 0, thing_id = 0;
    int rc;

    if (sedge_q_begin(c->db, err) != 0) return -1;
    rc = sedge_group_id(c, group, &group_id, err);
    if (rc == 0) rc = sedge_thing_id(c, thing, &thing_id, err);
    if (rc == 0) rc = leave(c, group_id, group, thing_id, now_ms, err);
    if (rc == 0) rc = sedge_audit(c->db, now_ms, "group-rm", group, thing, err);
    return sedge_q_end(c->db, rc, err);
}

struct json_object *sedge_group_list(struct sedge_cloud *c, struct sedge_err *err)
{
    struct json_object *list = json_object_new_array();
    sqlite3_stmt *q =
        sedge_q(c->db, err,
                "SELECT g.name, (SELECT COUNT(*) FROM member m WHERE m.group_id=g.id), d.revision, d.state"
                " FROM grp g LEFT JOIN target t ON t.kind=?1 AND t.ref_name=g.name"
                " LEFT JOIN deployment d ON d.id=t.current_deployment ORDER BY g.name",
                "i", (int64_t)SEDGE_TARGET_GROUP);
    int rc = -1;

    while (q && (rc = sedge_db_step(c->db, q, err)) == 1) {
        struct json_object *o = json_object_new_object();

        sedge_json_add_str(o, "groupName", sedge_db_text(q, 0));
        sedge_json_add_i64(o, "things", sqlite3_column_int64(q, 1));
        if (sqlite3_column_type(q, 2) != SQLITE_NULL) {
            sedge_json_add_i64(o, "revision", sqlite3_column_int64(q, 2));
            sedge_json_add_str(o, "state", sedge_dep_state_name(sqlite3_column_int64(q, 3)));
        }
        (void)json_object_array_add(list, o); /* takes o */
    }
    (void)sqlite3_finalize(q);
    if (rc >= 0) return list;
    json_object_put(list);
    return NULL;
}

struct json_object *sedge_group_show(struct sedge_cloud *c, const char *name, struct sedge_err *err)
{
    struct json_object *o = json_object_new_object(), *things = json_object_new_array();
    int64_t id = 0, deployment = 0, revision = 0;
    sqlite3_stmt *q = NULL;
    int rc = sedge_group_id(c, name, &id, err);

    sedge_json_add_str(o, "groupName", name);
    (void)json_object_object_add(o, "things", things); /* takes things */
    if (rc == 0)
        q = sedge_q(c->db, err,
                    "SELECT t.name FROM member m JOIN thing t ON t.id=m.thing_id WHERE m.group_id=?1 ORDER BY 1", "i",
                    id);
    if (!q) rc = -1;
    while (q && (rc = sedge_db_step(c->db, q, err)) == 1)
        (void)json_object_array_add(things, json_object_new_string(sedge_db_text(q, 0)));
    (void)sqlite3_finalize(q);
    if (rc == 0 && (rc = current_of(c, name, &deployment, err)) == 1) {
        rc = sedge_q_i64(c->db, err, &revision, "SELECT revision FROM deployment WHERE id=?1", "i", deployment);
        sedge_json_add_i64(o, "revision", revision);
    }
    if (rc >= 0) return o;
    json_object_put(o);
    return NULL;
}
