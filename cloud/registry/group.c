#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cloud/query.h"
#include "cloud/deploy/prune.h"
#include "registry.h"
#include "cloud/rollout/release.h"

/* How many groups stand above it, itself included. */
static int depth_of(struct sedge_cloud *c, int64_t id, int64_t *depth, struct sedge_err *err)
{
    return sedge_q_i64(c->db, err, depth, "SELECT COUNT(*) FROM grp_above WHERE group_id=?1", "i", id) == 1 ? 0 : -1;
}

static int create(struct sedge_cloud *c, const char *name, const char *parent, struct sedge_err *err)
{
    int64_t id = 0, above = 0, depth = 0;
    int rc = sedge_q_i64(c->db, err, &id, "SELECT id FROM grp WHERE name=?1", "t", name);

    if (rc < 0) return -1;
    if (rc == 1) return sedge_err_set(err, SEDGE_E_CONFLICT, "group \"%s\" exists already", name);
    if (!parent) return sedge_q_run(c->db, err, "INSERT INTO grp(name) VALUES(?1)", "t", name);
    if (sedge_group_id(c, parent, &above, err) != 0 || depth_of(c, above, &depth, err) != 0) return -1;
    if (depth >= SEDGE_GROUP_DEPTH_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "group \"%s\" is at depth %lld already; %d is the limit", parent,
                             (long long)depth, SEDGE_GROUP_DEPTH_MAX);
    return sedge_q_run(c->db, err, "INSERT INTO grp(name,parent_id) VALUES(?1,?2)", "ti", name, above);
}

int sedge_group_create_below(struct sedge_cloud *c, const char *name, const char *parent, struct sedge_err *err)
{
    if (sedge_cloud_check_name("group", name, err) != 0 || sedge_q_begin(c->db, err) != 0) return -1;
    return sedge_q_end(c->db, create(c, name, parent, err), err);
}

int sedge_group_create(struct sedge_cloud *c, const char *name, struct sedge_err *err)
{
    return sedge_group_create_below(c, name, NULL, err);
}

/* The current revision of a group: 1 and its deployment's id, 0 none. */
static int current_of(struct sedge_cloud *c, const char *group, int64_t *deployment, struct sedge_err *err)
{
    return sedge_q_i64(c->db, err, deployment,
                       "SELECT d.id FROM target t JOIN deployment d ON d.id=t.current_deployment"
                       " WHERE t.kind=?1 AND t.ref_name=?2 AND d.state IN " SEDGE_DEP_ALIVE,
                       "it", (int64_t)SEDGE_TARGET_GROUP, group);
}

struct group {
    int64_t id;
    char *name;
};

/* The groups above `group_id`, itself first, of which the thing is a member neither directly nor by another group. */
static int outside_of(struct sedge_cloud *c, int64_t group_id, int64_t thing_id,
                      struct group out[SEDGE_GROUP_DEPTH_MAX], int *n, struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_q(c->db, err,
                              "SELECT g.id, g.name FROM grp_above a JOIN grp g ON g.id=a.above_id WHERE a.group_id=?1"
                              " AND NOT EXISTS(SELECT 1 FROM effective_member e WHERE e.group_id=a.above_id AND"
                              " e.thing_id=?2) ORDER BY (SELECT COUNT(*) FROM grp_above x WHERE x.group_id=g.id) DESC",
                              "ii", group_id, thing_id);
    int rc = -1;

    *n = 0;
    while (q && (rc = sedge_db_step(c->db, q, err)) == 1 && *n < SEDGE_GROUP_DEPTH_MAX)
        out[(*n)++] = (struct group){sqlite3_column_int64(q, 0), sedge_xstrdup(sedge_db_text(q, 1))};
    (void)sqlite3_finalize(q);
    return rc < 0 ? -1 : 0;
}

static void groups_release(struct group *g, int n)
{
    while (n > 0)
        free(g[--n].name);
}

static int leave(struct sedge_cloud *c, int64_t group_id, int64_t thing, int64_t now_ms, struct sedge_err *err)
{
    struct group left[SEDGE_GROUP_DEPTH_MAX];
    int n = 0;
    int rc = sedge_q_run(c->db, err, "DELETE FROM member WHERE group_id=?1 AND thing_id=?2", "ii", group_id, thing);

    if (rc == 0) rc = outside_of(c, group_id, thing, left, &n, err);
    for (int i = 0; rc == 0 && i < n; i++)
        rc = sedge_release_left(c->db, now_ms / 1000, left[i].name, thing, err);
    groups_release(left, n);
    return rc;
}

static int delete_group(struct sedge_cloud *c, const char *name, bool cascade, int64_t now_ms, struct sedge_err *err)
{
    int64_t id = 0, deployment = 0, below = 0;
    int rc;

    if (sedge_group_id(c, name, &id, err) != 0) return -1;
    rc = sedge_q_i64(c->db, err, &below, "SELECT COUNT(*) FROM grp WHERE parent_id=?1", "i", id);
    if (rc == 1 && below)
        return sedge_err_set(err, SEDGE_E_CONFLICT,
                             "there are groups below \"%s\"; delete them first (sedge-cloud group show %s lists them)",
                             name, name);
    rc = current_of(c, name, &deployment, err);
    if (rc < 0) return -1;
    if (rc == 1 && !cascade)
        return sedge_err_set(
            err, SEDGE_E_CONFLICT,
            "group \"%s\" has a current deployment; cancel it first (sedge-cloud deploy cancel group:%s) "
            "or repeat with --cascade",
            name, name);
    /* The target row stays: revision numbers are never used again. */
    if (sedge_release_group_gone(c->db, now_ms / 1000, name, err) != 0 ||
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

int sedge_group_join(struct sedge_cloud *c, const char *group, const char *thing, int64_t now_ms,
                     struct sedge_buf *offers, struct sedge_err *err)
{
    struct group joined[SEDGE_GROUP_DEPTH_MAX];
    int64_t group_id = 0, thing_id = 0, in = 0;
    int n = 0, rc;

    if (sedge_group_id(c, group, &group_id, err) != 0 || sedge_thing_id(c, thing, &thing_id, err) != 0) return -1;
    rc = sedge_q_i64(c->db, err, &in, "SELECT 1 FROM member WHERE group_id=?1 AND thing_id=?2", "ii", group_id,
                     thing_id);
    if (rc != 0) return rc < 0 ? -1 : 0; /* is a member already */
    if (sedge_q_i64(c->db, err, &in, "SELECT COUNT(*) FROM member WHERE thing_id=?1", "i", thing_id) < 0) return -1;
    if (in >= SEDGE_CLOUD_GROUPS_OF_THING)
        return sedge_err_set(err, SEDGE_E_LIMIT, "thing \"%s\" is in %lld groups already; %d is the limit", thing,
                             (long long)in, SEDGE_CLOUD_GROUPS_OF_THING);
    rc = outside_of(c, group_id, thing_id, joined, &n, err);
    if (rc == 0)
        rc = sedge_q_run(c->db, err, "INSERT INTO member(group_id,thing_id,added_at) VALUES(?1,?2,?3)", "iii", group_id,
                         thing_id, now_ms / 1000);
    for (int i = 0; rc == 0 && i < n; i++)
        rc = sedge_release_joined(c->db, now_ms / 1000, joined[i].name, thing_id, offers, err);
    groups_release(joined, n);
    return rc;
}

/* Members of a dynamic group are what its query says. */
static int check_static(struct sedge_cloud *c, const char *group, struct sedge_err *err)
{
    sedge_auto_free char *query = NULL;
    int rc = sedge_q_text(c->db, err, &query, "SELECT query FROM grp WHERE name=?1 AND query IS NOT NULL", "t", group);

    if (rc <= 0) return rc;
    return sedge_err_set(
        err, SEDGE_E_CONFLICT,
        "group \"%s\" is dynamic: its members are the things with %s; change what is known of the thing "
        "(sedge-cloud thing set-attr), or use another group",
        group, query);
}

static int leave_by_name(struct sedge_cloud *c, const char *group, const char *thing, int64_t now_ms,
                         struct sedge_err *err)
{
    int64_t group_id = 0, thing_id = 0;

    if (sedge_group_id(c, group, &group_id, err) != 0 || sedge_thing_id(c, thing, &thing_id, err) != 0) return -1;
    return leave(c, group_id, thing_id, now_ms, err);
}

int sedge_group_set_member(struct sedge_cloud *c, const char *group, const char *thing, bool in, int64_t now_ms,
                           struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf offers = SEDGE_BUF_INIT;
    int rc;

    if (sedge_q_begin(c->db, err) != 0) return -1;
    rc = in ? sedge_group_join(c, group, thing, now_ms, &offers, err) : leave_by_name(c, group, thing, now_ms, err);
    if (rc == 0) rc = sedge_audit(c->db, now_ms, in ? "group-query-in" : "group-query-out", group, thing, err);
    return sedge_q_end(c->db, rc, err);
}

int sedge_group_add(struct sedge_cloud *c, const char *group, const char *thing, int64_t now_ms, char **offers,
                    struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf got = SEDGE_BUF_INIT;
    int rc;

    *offers = NULL;
    if (sedge_q_begin(c->db, err) != 0) return -1;
    rc = check_static(c, group, err);
    if (rc == 0) rc = sedge_group_join(c, group, thing, now_ms, &got, err);
    if (rc == 0) rc = sedge_audit(c->db, now_ms, "group-add", group, thing, err);
    if (rc == 0 && got.len) *offers = sedge_buf_steal(&got);
    return sedge_q_end(c->db, rc, err);
}

/* Joins first: of groups above both the thing stays a member all the time. */
static int move(struct sedge_cloud *c, const char *from, const char *to, const char *thing, int64_t now_ms,
                struct sedge_buf *offers, struct sedge_err *err)
{
    int64_t group_id = 0, thing_id = 0, in = 0;
    int rc;

    if (sedge_group_id(c, from, &group_id, err) != 0 || sedge_thing_id(c, thing, &thing_id, err) != 0) return -1;
    rc = sedge_q_i64(c->db, err, &in, "SELECT 1 FROM member WHERE group_id=?1 AND thing_id=?2", "ii", group_id,
                     thing_id);
    if (rc == 0) return sedge_err_set(err, SEDGE_E_NOT_FOUND, "thing \"%s\" is not in group \"%s\"", thing, from);
    if (rc < 0 || strcmp(from, to) == 0) return rc < 0 ? -1 : 0;
    if (sedge_group_join(c, to, thing, now_ms, offers, err) != 0) return -1;
    return leave(c, group_id, thing_id, now_ms, err);
}

int sedge_group_move(struct sedge_cloud *c, const char *from, const char *to, const char *thing, int64_t now_ms,
                     char **offers, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf got = SEDGE_BUF_INIT;
    int rc;

    *offers = NULL;
    if (sedge_q_begin(c->db, err) != 0) return -1;
    rc = check_static(c, from, err);
    if (rc == 0) rc = check_static(c, to, err);
    if (rc == 0) rc = move(c, from, to, thing, now_ms, &got, err);
    if (rc == 0) rc = sedge_audit(c->db, now_ms, "group-move", to, thing, err);
    if (rc == 0 && got.len) *offers = sedge_buf_steal(&got);
    return sedge_q_end(c->db, rc, err);
}

static int take_out(struct sedge_cloud *c, const char *group, const char *thing, int64_t now_ms, struct sedge_err *err)
{
    if (check_static(c, group, err) != 0 || leave_by_name(c, group, thing, now_ms, err) != 0) return -1;
    return sedge_audit(c->db, now_ms, "group-rm", group, thing, err);
}

int sedge_group_rm(struct sedge_cloud *c, const char *group, const char *thing, int64_t now_ms, struct sedge_err *err)
{
    if (sedge_q_begin(c->db, err) != 0) return -1;
    return sedge_q_end(c->db, take_out(c, group, thing, now_ms, err), err);
}

int sedge_group_prune(struct sedge_cloud *c, const char *group, const char *thing, int64_t now_ms, char **by,
                      struct sedge_err *err)
{
    int rc;

    *by = NULL;
    if (sedge_q_begin(c->db, err) != 0) return -1;
    rc = take_out(c, group, thing, now_ms, err);
    if (rc == 0) rc = sedge_prune(c, thing, now_ms, by, err);
    if (rc == 0) rc = sedge_audit(c->db, now_ms, "group-prune", group, *by, err);
    rc = sedge_q_end(c->db, rc, err);
    if (rc == 0) return 0;
    free(*by);
    *by = NULL;
    return -1;
}

struct json_object *sedge_group_list(struct sedge_cloud *c, struct sedge_err *err)
{
    struct json_object *list = json_object_new_array();
    sqlite3_stmt *q =
        sedge_q(c->db, err,
                "SELECT g.name, (SELECT COUNT(*) FROM effective_member m WHERE m.group_id=g.id), d.revision, d.state,"
                " p.name, g.query FROM grp g LEFT JOIN grp p ON p.id=g.parent_id LEFT JOIN target t ON t.kind=?1 AND "
                "t.ref_name=g.name"
                " LEFT JOIN deployment d ON d.id=t.current_deployment ORDER BY g.name",
                "i", (int64_t)SEDGE_TARGET_GROUP);
    int rc = -1;

    while (q && (rc = sedge_db_step(c->db, q, err)) == 1) {
        struct json_object *o = json_object_new_object();

        sedge_json_add_str(o, "groupName", sedge_db_text(q, 0));
        if (sqlite3_column_type(q, 4) != SQLITE_NULL) sedge_json_add_str(o, "parent", sedge_db_text(q, 4));
        if (sqlite3_column_type(q, 5) != SQLITE_NULL) sedge_json_add_str(o, "query", sedge_db_text(q, 5));
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

static int add_names(struct sedge_cloud *c, int64_t id, const char *sql, const char *key, struct json_object *out,
                     struct sedge_err *err)
{
    struct json_object *list = json_object_new_array();
    sqlite3_stmt *q = sedge_q(c->db, err, sql, "i", id);
    int rc = -1;

    (void)json_object_object_add(out, key, list); /* takes list */
    while (q && (rc = sedge_db_step(c->db, q, err)) == 1)
        (void)json_object_array_add(list, json_object_new_string(sedge_db_text(q, 0)));
    (void)sqlite3_finalize(q);
    return rc < 0 ? -1 : 0;
}

static int add_current(struct sedge_cloud *c, const char *name, struct json_object *out, struct sedge_err *err)
{
    int64_t deployment = 0, revision = 0;
    int rc = current_of(c, name, &deployment, err);

    if (rc == 1) {
        rc = sedge_q_i64(c->db, err, &revision, "SELECT revision FROM deployment WHERE id=?1", "i", deployment);
        sedge_json_add_i64(out, "revision", revision);
    }
    return rc < 0 ? -1 : 0;
}

struct json_object *sedge_group_show(struct sedge_cloud *c, const char *name, struct sedge_err *err)
{
    struct json_object *o = json_object_new_object();
    sedge_auto_free char *parent = NULL;
    sedge_auto_free char *query = NULL;
    int64_t id = 0;
    int rc = sedge_group_id(c, name, &id, err);

    sedge_json_add_str(o, "groupName", name);
    if (rc == 0)
        rc = sedge_q_text(c->db, err, &parent, "SELECT p.name FROM grp g JOIN grp p ON p.id=g.parent_id WHERE g.id=?1",
                          "i", id);
    sedge_json_add_str(o, "parent", parent);
    if (rc >= 0)
        rc = sedge_q_text(c->db, err, &query, "SELECT query FROM grp WHERE id=?1 AND query IS NOT NULL", "i", id);
    sedge_json_add_str(o, "query", query);
    if (rc >= 0 && add_names(c, id, "SELECT name FROM grp WHERE parent_id=?1 ORDER BY 1", "groups", o, err) == 0 &&
        add_names(c, id, "SELECT t.name FROM member m JOIN thing t ON t.id=m.thing_id WHERE m.group_id=?1 ORDER BY 1",
                  "things", o, err) == 0 &&
        add_names(c, id,
                  "SELECT t.name FROM effective_member e JOIN thing t ON t.id=e.thing_id WHERE e.group_id=?1 AND"
                  " NOT EXISTS(SELECT 1 FROM member m WHERE m.group_id=?1 AND m.thing_id=t.id) ORDER BY 1",
                  "thingsOfGroupsBelow", o, err) == 0 &&
        add_current(c, name, o, err) == 0)
        return o;
    json_object_put(o);
    return NULL;
}
