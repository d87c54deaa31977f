#include "group_dynamic.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "group_query.h"
#include "cloud/query.h"
#include "registry.h"

struct group {
    int64_t id;
    char *name;
    struct sedge_group_query *query;
};
struct groups {
    struct group *v;
    size_t n;
};

static void groups_release(struct groups *g)
{
    for (size_t i = 0; i < g->n; i++) {
        free(g->v[i].name);
        sedge_group_query_free(g->v[i].query);
    }
    free(g->v);
}

/* Dynamic groups, or the one of this name. */
static int load(struct sedge_cloud *c, const char *only, struct groups *out, struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_q(
        c->db, err, "SELECT id, name, query FROM grp WHERE query IS NOT NULL AND (?1 IS NULL OR name=?1)", "t", only);
    int rc = -1;

    *out = (struct groups){0};
    while (q && (rc = sedge_db_step(c->db, q, err)) == 1) {
        struct sedge_group_query *query = sedge_group_query_parse(sedge_db_text(q, 2), NULL);

        if (!query) continue; /* written by a newer version */
        out->v = sedge_xrealloc(out->v, out->n + 1, sizeof(*out->v));
        out->v[out->n++] = (struct group){sqlite3_column_int64(q, 0), sedge_xstrdup(sedge_db_text(q, 1)), query};
    }
    (void)sqlite3_finalize(q);
    return rc < 0 ? -1 : 0;
}

static struct json_object *facts_of(sqlite3_stmt *q)
{
    static const char *const keys[] = {"name", "health", "runtime", "platform", "arch", "coreVersion"};
    struct json_object *o = json_object_new_object();
    const char *attrs = sedge_db_text(q, 7), *components = sedge_db_text(q, 8);

    for (int i = 0; i < (int)SEDGE_ARRAY_LEN(keys); i++) {
        if (sqlite3_column_type(q, i + 1) != SQLITE_NULL) sedge_json_add_str(o, keys[i], sedge_db_text(q, i + 1));
    }
    (void)json_object_object_add(o, "attr", sedge_json_parse_object(attrs, strlen(attrs), "attributes", NULL));
    (void)json_object_object_add(o, "component",
                                 sedge_json_parse_object(components, strlen(components), "components", NULL));
    return o;
}

static int is_member(struct sedge_cloud *c, int64_t group, int64_t thing, struct sedge_err *err)
{
    int64_t one = 0;

    return sedge_q_i64(c->db, err, &one, "SELECT 1 FROM member WHERE group_id=?1 AND thing_id=?2", "ii", group, thing);
}

/* Puts the thing where the query wants it. A thing that is in ten groups already stays out. */
static int place(struct sedge_cloud *c, const struct group *g, int64_t thing_id, const char *thing,
                 struct json_object *facts, int64_t now_ms, int *moved, struct sedge_err *err)
{
    bool wanted = sedge_group_query_match(g->query, facts);
    int in = is_member(c, g->id, thing_id, err);
    struct sedge_err why = SEDGE_ERR_INIT;
    int rc;

    if (in < 0) return -1;
    if (wanted == (in == 1)) return 0;
    rc = sedge_group_set_member(c, g->name, thing, wanted, now_ms, &why);
    if (rc == 0) ++*moved;
    if (rc == 0 || why.code == SEDGE_E_LIMIT || why.code == SEDGE_E_NOT_FOUND) return 0;
    if (err) *err = why;
    return -1;
}

struct thing {
    int64_t id;
    char *name;
    struct json_object *facts;
};

static void things_release(struct thing *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(v[i].name);
        json_object_put(v[i].facts);
    }
}

#define FACTS                                                                                                          \
    "SELECT t.id, t.name, CASE t.health WHEN 1 THEN 'HEALTHY' WHEN 0 THEN 'UNHEALTHY' ELSE 'UNKNOWN' END, t.runtime,"  \
    " t.platform, t.arch, t.ggc_version, t.attrs, (SELECT json_group_object(n.name, s.version) FROM component_state s" \
    " JOIN name n ON n.id=s.name_id WHERE s.thing_id=t.id) FROM thing t WHERE t.state<>2 AND t.id>?1"

/* The next things after `after`: how many, -1 failure. */
static int read_things(struct sedge_cloud *c, bool all, int64_t after, struct thing *v, struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_q(c->db, err,
                              all ? FACTS " ORDER BY t.id LIMIT ?2"
                                  : FACTS " AND t.id IN (SELECT thing_id FROM looking) ORDER BY t.id LIMIT ?2",
                              "ii", after, (int64_t)SEDGE_REGROUP_BATCH);
    int n = 0, rc = -1;

    while (q && n < SEDGE_REGROUP_BATCH && (rc = sedge_db_step(c->db, q, err)) == 1) {
        v[n++] = (struct thing){sqlite3_column_int64(q, 0), sedge_xstrdup(sedge_db_text(q, 1)), facts_of(q)};
    }
    (void)sqlite3_finalize(q);
    if (rc >= 0) return n;
    things_release(v, (size_t)n);
    return -1;
}

static int look_at(struct sedge_cloud *c, const struct groups *g, const struct thing *t, int64_t now_ms, int *moved,
                   struct sedge_err *err)
{
    for (size_t i = 0; i < g->n; i++) {
        if (place(c, &g->v[i], t->id, t->name, t->facts, now_ms, moved, err) != 0) return -1;
    }
    return 0;
}

/* Takes the notes before the things are read: what changes meanwhile is noted again. */
static int take_notes(struct sedge_cloud *c, struct sedge_err *err)
{
    int rc;

    if (sedge_db_exec(c->db, "CREATE TEMP TABLE IF NOT EXISTS looking(thing_id INTEGER PRIMARY KEY)", err) != 0 ||
        sedge_q_begin(c->db, err) != 0)
        return -1;
    rc = sedge_db_exec(
        c->db, "DELETE FROM looking; INSERT INTO looking SELECT thing_id FROM regroup; DELETE FROM regroup", err);
    return sedge_q_end(c->db, rc, err);
}

/* Everybody, or the things whose notes were taken. */
static int go_through(struct sedge_cloud *c, const struct groups *g, bool all, int64_t now_ms, int *moved,
                      struct sedge_err *err)
{
    sedge_auto_free struct thing *v = sedge_xcalloc(SEDGE_REGROUP_BATCH, sizeof(*v));
    int64_t after = 0;
    int n;

    while ((n = read_things(c, all, after, v, err)) > 0) {
        int rc = 0;

        for (int i = 0; rc == 0 && i < n; i++)
            rc = look_at(c, g, &v[i], now_ms, moved, err);
        after = v[n - 1].id;
        things_release(v, (size_t)n);
        if (rc != 0) return -1;
    }
    return n;
}

int sedge_groups_refresh(struct sedge_cloud *c, int64_t now_ms, int *moved, struct sedge_err *err)
{
    struct groups g;
    int rc = load(c, NULL, &g, err);

    *moved = 0;
    if (rc == 0) rc = take_notes(c, err);
    if (rc == 0 && g.n) rc = go_through(c, &g, false, now_ms, moved, err);
    groups_release(&g);
    return rc;
}

int sedge_groups_note_all(struct sedge_cloud *c, struct sedge_err *err)
{
    return sedge_q_run(c->db, err,
                       "INSERT OR IGNORE INTO regroup SELECT id FROM thing WHERE state<>2 AND EXISTS(SELECT 1 FROM grp"
                       " WHERE query IS NOT NULL)",
                       "");
}

int sedge_groups_waiting(struct sedge_cloud *c, int64_t *n, struct sedge_err *err)
{
    *n = 0;
    return sedge_q_i64(c->db, err, n, "SELECT 1 FROM regroup LIMIT 1", "") < 0 ? -1 : 0;
}

static int insert(struct sedge_cloud *c, const char *name, const char *query, struct sedge_err *err)
{
    int64_t id = 0;
    int rc;

    if (sedge_cloud_check_name("group", name, err) != 0 || sedge_q_begin(c->db, err) != 0) return -1;
    rc = sedge_q_i64(c->db, err, &id, "SELECT id FROM grp WHERE name=?1", "t", name);
    if (rc == 1) rc = sedge_err_set(err, SEDGE_E_CONFLICT, "group \"%s\" exists already", name);
    if (rc == 0) rc = sedge_q_run(c->db, err, "INSERT INTO grp(name,query) VALUES(?1,?2)", "tt", name, query);
    return sedge_q_end(c->db, rc, err);
}

int sedge_group_create_dynamic(struct sedge_cloud *c, const char *name, const char *query, int64_t now_ms, int *joined,
                               struct sedge_err *err)
{
    struct sedge_group_query *parsed = sedge_group_query_parse(query, err);
    struct groups g = {0};
    int rc = -1;

    *joined = 0;
    if (!parsed) return -1;
    sedge_group_query_free(parsed);
    if (insert(c, name, query, err) == 0) rc = load(c, name, &g, err);
    if (rc == 0) rc = go_through(c, &g, true, now_ms, joined, err);
    groups_release(&g);
    return rc;
}
