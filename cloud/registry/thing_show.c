/* Things as the operator sees them: the list with its filters, and one thing whole. */
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "cloud/fleet.h"
#include "cloud/query.h"
#include "registry.h"
#include "cloud/plane/telemetry.h"

static const char *health_name(sqlite3_stmt *q, int column)
{
    if (sqlite3_column_type(q, column) == SQLITE_NULL) return "UNKNOWN";
    return sqlite3_column_int(q, column) ? "HEALTHY" : "UNHEALTHY";
}

static void add_text(struct json_object *o, const char *key, sqlite3_stmt *q, int column)
{
    if (sqlite3_column_type(q, column) != SQLITE_NULL) sedge_json_add_str(o, key, sedge_db_text(q, column));
}

#define COLUMNS                                                                                                        \
    "SELECT t.name, t.state, t.created_at, t.last_seen, t.health, t.ggc_version, t.runtime,"                           \
    " (SELECT group_concat(name, ',') FROM (SELECT g.name FROM member m JOIN grp g ON g.id=m.group_id"                 \
    " WHERE m.thing_id=t.id ORDER BY 1)), t.attrs, t.platform, t.arch FROM thing t WHERE t.state<>2"

static struct json_object *thing_of(sqlite3_stmt *q)
{
    struct json_object *o = json_object_new_object();
    const char *attrs = sedge_db_text(q, 8);

    sedge_json_add_str(o, "thingName", sedge_db_text(q, 0));
    sedge_json_add_str(o, "state", sqlite3_column_int(q, 1) ? "BLOCKED" : "ACTIVE");
    sedge_json_add_str(o, "groups", sedge_db_text(q, 7));
    (void)json_object_object_add(o, "attributes",
                                 sedge_json_parse_object(attrs, strlen(attrs), "attributes", NULL)); /* taken */
    if (sqlite3_column_type(q, 4) != SQLITE_NULL) sedge_json_add_str(o, "health", health_name(q, 4));
    add_text(o, "coreVersion", q, 5);
    add_text(o, "runtime", q, 6);
    add_text(o, "platform", q, 9);
    add_text(o, "architecture", q, 10);
    sedge_json_add_i64(o, "createdAt", sqlite3_column_int64(q, 2));
    if (sqlite3_column_type(q, 3) != SQLITE_NULL) sedge_json_add_i64(o, "lastSeen", sqlite3_column_int64(q, 3));
    return o;
}

/* The filter in the form of the query's arguments. */
struct prepared {
    char *attribute, *value, *component, *version;
    int64_t group, health; /* group 0: any; health -2: any, -1: not known */
};

static void prepared_release(struct prepared *p)
{
    free(p->attribute);
    free(p->value);
    free(p->component);
    free(p->version);
}

static void split(const char *text, char at, char **first, char **second)
{
    const char *p = strchr(text, at);

    *first = p ? sedge_xstrndup(text, (size_t)(p - text)) : sedge_xstrdup(text);
    *second = p ? sedge_xstrdup(p + 1) : NULL;
}

static int prepare(struct sedge_cloud *c, const struct sedge_thing_filter *f, struct prepared *p, struct sedge_err *err)
{
    static const char *const names[] = {"UNKNOWN", "UNHEALTHY", "HEALTHY"};

    *p = (struct prepared){.health = -2};
    if (f->attribute) split(f->attribute, '=', &p->attribute, &p->value);
    if (f->component) split(f->component, '@', &p->component, &p->version);
    if (f->group && sedge_group_id(c, f->group, &p->group, err) != 0) return -1;
    if (!f->health) return 0;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(names); i++) {
        if (strcasecmp(f->health, names[i]) == 0) p->health = (int64_t)i - 1;
    }
    if (p->health != -2) return 0;
    return sedge_err_set(err, SEDGE_E_INVALID, "health \"%s\": expected HEALTHY, UNHEALTHY or UNKNOWN", f->health);
}

static struct json_object *find(struct sedge_cloud *c, const struct prepared *p, int64_t seen_before,
                                struct sedge_err *err)
{
    struct json_object *list = json_object_new_array();
    sqlite3_stmt *q =
        sedge_q(c->db, err,
                COLUMNS " AND (?1 IS NULL OR EXISTS(SELECT 1 FROM json_each(t.attrs) j WHERE j.key=?1 AND"
                        " (?2 IS NULL OR j.value=?2)))"
                        " AND (?3=0 OR t.id IN (SELECT thing_id FROM effective_member WHERE group_id=?3))"
                        " AND (?4=-2 OR COALESCE(t.health,-1)=?4)"
                        " AND (?5 IS NULL OR EXISTS(SELECT 1 FROM component_state s JOIN name n ON n.id=s.name_id"
                        " WHERE s.thing_id=t.id AND n.name=?5 AND (?6 IS NULL OR s.version=?6)))"
                        " AND (?7=0 OR COALESCE(t.last_seen,0)<?7) ORDER BY t.name",
                "ttiitti", (const char *)p->attribute, (const char *)p->value, p->group, p->health,
                (const char *)p->component, (const char *)p->version, seen_before);
    int rc = -1;

    while (q && (rc = sedge_db_step(c->db, q, err)) == 1)
        (void)json_object_array_add(list, thing_of(q));
    (void)sqlite3_finalize(q);
    if (rc >= 0) return list;
    json_object_put(list);
    return NULL;
}

struct json_object *sedge_thing_find(struct sedge_cloud *c, const struct sedge_thing_filter *filter,
                                     struct sedge_err *err)
{
    static const struct sedge_thing_filter all;
    struct json_object *list = NULL;
    struct prepared p;

    if (!filter) filter = &all;
    if (prepare(c, filter, &p, err) == 0) list = find(c, &p, filter->seen_before, err);
    prepared_release(&p);
    return list;
}

struct json_object *sedge_thing_list(struct sedge_cloud *c, struct sedge_err *err)
{
    return sedge_thing_find(c, NULL, err);
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

static int add_carrier(struct sedge_cloud *c, int64_t id, struct json_object *o, struct sedge_err *err)
{
    sedge_auto_free char *carrier = NULL;

    if (sedge_q_text(c->db, err, &carrier, "SELECT COALESCE(carrier,'auto') FROM thing WHERE id=?1", "i", id) != 1)
        return -1;
    sedge_json_add_str(o, "carrier", carrier);
    return 0;
}

struct json_object *sedge_thing_show(struct sedge_cloud *c, const char *name, struct sedge_err *err)
{
    struct json_object *o = NULL;
    sqlite3_stmt *q;
    int64_t id = 0;
    int rc;

    if (sedge_thing_id(c, name, &id, err) != 0) return NULL;
    q = sedge_q(c->db, err, COLUMNS " AND t.id=?1", "i", id);
    rc = q ? sedge_db_step(c->db, q, err) : -1;
    if (rc == 1) o = thing_of(q);
    (void)sqlite3_finalize(q);
    if (o && add_components(c, id, o, err) == 0 && add_executions(c, id, o, err) == 0 &&
        add_carrier(c, id, o, err) == 0 && sedge_telemetry_add(c->db, id, o, err) == 0)
        return o;
    json_object_put(o);
    return NULL;
}
