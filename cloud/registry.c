#include "registry.h"

#include <string.h>
#include <unistd.h>
#include <pwd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "exec.h"
#include "fleet.h"
#include "query.h"

#define NAMES_SHOWN 8

int sedge_audit(struct sedge_db *db, int64_t now_ms, const char *what, const char *ref, const char *body,
                struct sedge_err *err)
{
    struct passwd *pw = getpwuid(getuid());

    return sedge_q_run(db, err, "INSERT INTO audit(at,who,what,ref,body) VALUES(?1,?2,?3,?4,?5)", "itttt", now_ms,
                       pw ? pw->pw_name : NULL, what, ref, body);
}

/* "there are: a, b, c" from a query with one text column. */
static void names_hint(struct sedge_db *db, const char *sql, const char *none, struct sedge_buf *out)
{
    sqlite3_stmt *q = sedge_q(db, NULL, sql, "");
    int n = 0;

    while (q && sedge_db_step(db, q, NULL) == 1 && n <= NAMES_SHOWN) {
        if (n == NAMES_SHOWN)
            sedge_buf_puts(out, ", ...");
        else
            sedge_buf_printf(out, "%s%s", n ? ", " : "there are: ", sedge_db_text(q, 0));
        n++;
    }
    (void)sqlite3_finalize(q);
    if (n == 0) sedge_buf_puts(out, none);
}

int sedge_thing_id(struct sedge_cloud *c, const char *name, int64_t *id, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf hint = SEDGE_BUF_INIT;
    int rc = sedge_q_i64(c->db, err, id, "SELECT id FROM thing WHERE name=?1 AND state<>2", "t", name);

    if (rc != 0) return rc == 1 ? 0 : -1;
    names_hint(c->db, "SELECT name FROM thing WHERE state<>2 ORDER BY name", "there are no things yet", &hint);
    return sedge_err_set(err, SEDGE_E_NOT_FOUND,
                         "thing \"%s\" does not exist (%s); make it with: sedge-cloud thing create %s", name, hint.data,
                         name);
}

int sedge_group_id(struct sedge_cloud *c, const char *name, int64_t *id, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf hint = SEDGE_BUF_INIT;
    int rc = sedge_q_i64(c->db, err, id, "SELECT id FROM grp WHERE name=?1", "t", name);

    if (rc != 0) return rc == 1 ? 0 : -1;
    names_hint(c->db, "SELECT name FROM grp ORDER BY name", "there are no groups yet", &hint);
    return sedge_err_set(err, SEDGE_E_NOT_FOUND,
                         "group \"%s\" does not exist (%s); make it with: sedge-cloud group create %s", name, hint.data,
                         name);
}

static int delete_thing(struct sedge_cloud *c, int64_t id, int64_t now_ms, struct sedge_err *err)
{
    static const char *const clean[] = {
        "DELETE FROM member WHERE thing_id=?1",          "DELETE FROM shadow WHERE thing_id=?1",
        "DELETE FROM component_state WHERE thing_id=?1", "DELETE FROM dirty WHERE thing_id=?1",
        "DELETE FROM notified WHERE thing_id=?1",        "UPDATE thing SET state=2 WHERE id=?1",
    };

    if (sedge_q_run(c->db, err,
                    "UPDATE execution SET status=?2, version=version+1, updated_at=?3, deadline_at=NULL,"
                    " step_deadline_at=NULL WHERE thing_id=?1 AND status IN (0,1)",
                    "iii", id, (int64_t)SEDGE_EXEC_REMOVED, now_ms / 1000) != 0)
        return -1;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(clean); i++) {
        if (sedge_q_run(c->db, err, clean[i], "i", id) != 0) return -1;
    }
    return 0;
}

int sedge_thing_delete(struct sedge_cloud *c, const char *name, int64_t now_ms, struct sedge_err *err)
{
    int64_t id = 0;
    int rc;

    if (sedge_q_begin(c->db, err) != 0) return -1;
    rc = sedge_thing_id(c, name, &id, err);
    if (rc == 0) rc = delete_thing(c, id, now_ms, err);
    if (rc == 0) rc = sedge_audit(c->db, now_ms, "thing-delete", name, NULL, err);
    return sedge_q_end(c->db, rc, err);
}

struct json_object *sedge_thing_list(struct sedge_cloud *c, struct sedge_err *err)
{
    struct json_object *list = json_object_new_array();
    sqlite3_stmt *q = sedge_q(c->db, err,
                              "SELECT t.name, t.state, t.created_at, t.last_seen, t.health, t.ggc_version, t.runtime,"
                              " (SELECT group_concat(g.name, ',') FROM member m JOIN grp g ON g.id=m.group_id"
                              " WHERE m.thing_id=t.id) FROM thing t WHERE t.state<>2 ORDER BY t.name",
                              "");
    int rc = -1;

    while (q && (rc = sedge_db_step(c->db, q, err)) == 1) {
        struct json_object *o = json_object_new_object();

        sedge_json_add_str(o, "thingName", sedge_db_text(q, 0));
        sedge_json_add_str(o, "state", sqlite3_column_int(q, 1) ? "BLOCKED" : "ACTIVE");
        sedge_json_add_str(o, "groups", sedge_db_text(q, 7));
        if (sqlite3_column_type(q, 4) != SQLITE_NULL)
            sedge_json_add_str(o, "health", sqlite3_column_int(q, 4) ? "HEALTHY" : "UNHEALTHY");
        if (sqlite3_column_type(q, 5) != SQLITE_NULL) sedge_json_add_str(o, "coreVersion", sedge_db_text(q, 5));
        if (sqlite3_column_type(q, 6) != SQLITE_NULL) sedge_json_add_str(o, "runtime", sedge_db_text(q, 6));
        sedge_json_add_i64(o, "createdAt", sqlite3_column_int64(q, 2));
        if (sqlite3_column_type(q, 3) != SQLITE_NULL) sedge_json_add_i64(o, "lastSeen", sqlite3_column_int64(q, 3));
        (void)json_object_array_add(list, o); /* takes o */
    }
    (void)sqlite3_finalize(q);
    if (rc >= 0) return list;
    json_object_put(list);
    return NULL;
}

static int add_components(struct sedge_cloud *c, int64_t id, struct json_object *out, struct sedge_err *err)
{
    struct json_object *list = json_object_new_array();
    sqlite3_stmt *q =
        sedge_q(c->db, err,
                "SELECT n.name, s.version, s.state, s.is_root, s.arns, s.reason, s.updated_at"
                " FROM component_state s JOIN name n ON n.id=s.name_id WHERE s.thing_id=?1 ORDER BY n.name",
                "i", id);
    int rc = -1;

    (void)json_object_object_add(out, "components", list); /* takes list */
    while (q && (rc = sedge_db_step(c->db, q, err)) == 1) {
        struct json_object *o = json_object_new_object();

        sedge_json_add_str(o, "componentName", sedge_db_text(q, 0));
        sedge_json_add_str(o, "version", sedge_db_text(q, 1));
        sedge_json_add_str(o, "status", sedge_fleet_state_name(sqlite3_column_int64(q, 2)));
        sedge_json_add_bool(o, "isRoot", sqlite3_column_int(q, 3) != 0);
        if (sqlite3_column_type(q, 5) != SQLITE_NULL) sedge_json_add_str(o, "reason", sedge_db_text(q, 5));
        sedge_json_add_i64(o, "updatedAt", sqlite3_column_int64(q, 6));
        (void)json_object_array_add(list, o); /* takes o */
    }
    (void)sqlite3_finalize(q);
    return rc < 0 ? -1 : 0;
}

static int add_executions(struct sedge_cloud *c, int64_t id, struct json_object *out, struct sedge_err *err)
{
    struct json_object *list = json_object_new_array();
    sqlite3_stmt *q =
        sedge_q(c->db, err,
                "SELECT g.kind, g.ref_name, d.revision, d.uuid, e.exec_no, e.status, e.details, e.updated_at,"
                " e.late_status FROM execution e JOIN deployment d ON d.id=e.deployment_id"
                " JOIN target g ON g.id=d.target_id WHERE e.thing_id=?1"
                " ORDER BY e.queued_at DESC, d.id DESC LIMIT 20",
                "i", id);
    int rc = -1;

    (void)json_object_object_add(out, "deployments", list); /* takes list */
    while (q && (rc = sedge_db_step(c->db, q, err)) == 1) {
        sedge_auto_free char *target = sedge_xasprintf("%s:%s:%lld", sqlite3_column_int(q, 0) ? "thing" : "group",
                                                       sedge_db_text(q, 1), (long long)sqlite3_column_int64(q, 2));
        const char *details = sedge_db_text(q, 6);
        struct json_object *o = json_object_new_object();

        sedge_json_add_str(o, "target", target);
        sedge_json_add_str(o, "deploymentId", sedge_db_text(q, 3));
        sedge_json_add_i64(o, "executionNumber", sqlite3_column_int64(q, 4));
        sedge_json_add_str(o, "status", sedge_exec_state_name(sqlite3_column_int64(q, 5)));
        if (details[0])
            (void)json_object_object_add(o, "statusDetails",
                                         sedge_json_parse_object(details, strlen(details), "details", NULL));
        if (sqlite3_column_type(q, 8) != SQLITE_NULL)
            sedge_json_add_str(o, "lateStatus", sedge_exec_state_name(sqlite3_column_int64(q, 8)));
        sedge_json_add_i64(o, "updatedAt", sqlite3_column_int64(q, 7));
        (void)json_object_array_add(list, o); /* takes o */
    }
    (void)sqlite3_finalize(q);
    return rc < 0 ? -1 : 0;
}

struct json_object *sedge_thing_show(struct sedge_cloud *c, const char *name, struct sedge_err *err)
{
    sedge_auto_put struct json_object *all = NULL;
    struct json_object *o = NULL;
    int64_t id = 0;

    if (sedge_thing_id(c, name, &id, err) != 0) return NULL;
    all = sedge_thing_list(c, err);
    for (size_t i = 0; all && i < json_object_array_length(all); i++) {
        struct json_object *t = json_object_array_get_idx(all, i);

        if (strcmp(sedge_json_str(t, "thingName", ""), name) == 0) o = json_object_get(t);
    }
    if (!o) return NULL;
    if (add_components(c, id, o, err) == 0 && add_executions(c, id, o, err) == 0) return o;
    json_object_put(o);
    return NULL;
}
