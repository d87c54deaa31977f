#include "deploy_status.h"

#include "deploy.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "cloud/rollout/counters.h"
#include "cloud/query.h"

#define THINGS_SHOWN 3

/* Only the newest execution of each thing counts. */
#define NEWEST                                                                                                         \
    " AND NOT EXISTS(SELECT 1 FROM execution n WHERE n.thing_id=e.thing_id AND n.deployment_id=e.deployment_id AND "   \
    "n.exec_no>e.exec_no) "
#define STACK "json_extract(e.details,'$.\"deployment-error-stack\"')"
#define CAUSE "json_extract(e.details,'$.\"deployment-failure-cause\"')"

/* What a device reported in statusDetails: where it stands, or stack and cause. */
static void add_stack(struct json_object *o, const char *stack)
{
    struct json_object *list = stack && stack[0] ? sedge_json_parse(stack, strlen(stack), "stack", NULL) : NULL;

    if (json_object_is_type(list, json_type_array))
        (void)json_object_object_add(o, "errorStack", list); /* takes list */
    else
        json_object_put(list);
}

static void add_details(struct json_object *o, const char *details)
{
    sedge_auto_put struct json_object *d = sedge_json_parse_object(details, strlen(details), "details", NULL);

    sedge_json_add_str(o, "phase", sedge_json_str(d, "phase", NULL));
    sedge_json_add_str(o, "detailedStatus", sedge_json_str(d, "detailed-deployment-status", NULL));
    sedge_json_add_str(o, "cause", sedge_json_str(d, "deployment-failure-cause", NULL));
    add_stack(o, sedge_json_str(d, "deployment-error-stack", NULL));
}

static struct json_object *device_of(sqlite3_stmt *q)
{
    struct json_object *o = json_object_new_object();

    sedge_json_add_str(o, "thingName", sedge_db_text(q, 0));
    sedge_json_add_str(o, "status", sedge_exec_state_name(sqlite3_column_int64(q, 1)));
    sedge_json_add_i64(o, "executionNumber", sqlite3_column_int64(q, 2));
    sedge_json_add_i64(o, "since", sqlite3_column_int64(q, 3));
    if (sqlite3_column_type(q, 4) != SQLITE_NULL) sedge_json_add_i64(o, "lastSeen", sqlite3_column_int64(q, 4));
    if (sqlite3_column_type(q, 5) != SQLITE_NULL) add_details(o, sedge_db_text(q, 5));
    if (sqlite3_column_type(q, 6) != SQLITE_NULL)
        sedge_json_add_str(o, "lateStatus", sedge_exec_state_name(sqlite3_column_int64(q, 6)));
    if (sqlite3_column_type(q, 7) != SQLITE_NULL) sedge_json_add_str(o, "coreVersion", sedge_db_text(q, 7));
    return o;
}

static int status_number(const char *name, int64_t *out, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf all = SEDGE_BUF_INIT;

    *out = -1;
    if (!name) return 0;
    for (int s = 0; s < SEDGE_EXEC_COUNT; s++) {
        if (strcasecmp(name, sedge_exec_state_name(s)) == 0) *out = s;
        sedge_buf_printf(&all, "%s%s", s ? ", " : "", sedge_exec_state_name(s));
    }
    if (*out >= 0) return 0;
    return sedge_err_set(err, SEDGE_E_INVALID, "status \"%s\": expected one of %s", name, all.data);
}

int sedge_deploy_devices(struct sedge_cloud *c, int64_t id, const char *status, struct json_object *o,
                         struct sedge_err *err)
{
    struct json_object *list = json_object_new_array();
    sqlite3_stmt *q = NULL;
    int64_t wanted = -1;
    int rc = -1;

    (void)json_object_object_add(o, "devices", list); /* takes list */
    if (status_number(status, &wanted, err) == 0)
        q = sedge_q(c->db, err,
                    "SELECT t.name, e.status, e.exec_no, e.updated_at, t.last_seen, e.details, e.late_status,"
                    " t.ggc_version FROM execution e JOIN thing t ON t.id=e.thing_id WHERE e.deployment_id=?1"
                    " AND (?2=-1 OR e.status=?2)" NEWEST "ORDER BY t.name",
                    "ii", id, wanted);
    while (q && (rc = sedge_db_step(c->db, q, err)) == 1)
        (void)json_object_array_add(list, device_of(q));
    (void)sqlite3_finalize(q);
    return rc < 0 ? -1 : 0;
}

static int add_examples(struct sedge_cloud *c, int64_t id, int64_t status, const char *stack, struct json_object *o,
                        struct sedge_err *err)
{
    struct json_object *list = json_object_new_array();
    sqlite3_stmt *q =
        sedge_q(c->db, err,
                "SELECT t.name, " CAUSE " FROM execution e JOIN thing t ON t.id=e.thing_id"
                " WHERE e.deployment_id=?1 AND e.status=?2 AND " STACK " IS ?3" NEWEST "ORDER BY 1 LIMIT ?4",
                "iiti", id, status, stack, (int64_t)THINGS_SHOWN);
    int rc = -1;

    (void)json_object_object_add(o, "things", list); /* takes list */
    while (q && (rc = sedge_db_step(c->db, q, err)) == 1) {
        if (json_object_array_length(list) == 0 && sqlite3_column_type(q, 1) != SQLITE_NULL)
            sedge_json_add_str(o, "cause", sedge_db_text(q, 1));
        (void)json_object_array_add(list, json_object_new_string(sedge_db_text(q, 0)));
    }
    (void)sqlite3_finalize(q);
    return rc < 0 ? -1 : 0;
}

static int add_errors(struct sedge_cloud *c, int64_t id, struct json_object *out, struct sedge_err *err)
{
    struct json_object *list = json_object_new_array();
    sqlite3_stmt *q = sedge_q(c->db, err,
                              "SELECT e.status, " STACK ", COUNT(*) FROM execution e WHERE e.deployment_id=?1 AND"
                              " e.status IN (3,4,5)" NEWEST "GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT ?2",
                              "ii", id, (int64_t)SEDGE_ERRORS_SHOWN);
    int rc = -1;

    (void)json_object_object_add(out, "errors", list); /* takes list */
    while (q && (rc = sedge_db_step(c->db, q, err)) == 1) {
        struct json_object *o = json_object_new_object();
        const char *stack = sqlite3_column_type(q, 1) == SQLITE_NULL ? NULL : sedge_db_text(q, 1);

        (void)json_object_array_add(list, o); /* takes o */
        sedge_json_add_str(o, "status", sedge_exec_state_name(sqlite3_column_int64(q, 0)));
        add_stack(o, stack);
        sedge_json_add_i64(o, "count", sqlite3_column_int64(q, 2));
        if (add_examples(c, id, sqlite3_column_int64(q, 0), stack, o, err) != 0) break;
    }
    (void)sqlite3_finalize(q);
    return rc == 0 ? 0 : -1;
}

/* Seconds that half of the successful things took; 0 without any. */
static int median(struct sedge_cloud *c, int64_t id, int64_t *out, struct sedge_err *err)
{
    int64_t n = 0;

    *out = 0;
    if (sedge_q_i64(c->db, err, &n,
                    "SELECT COUNT(*) FROM execution WHERE deployment_id=?1 AND status=2 AND started_at IS NOT NULL",
                    "i", id) < 0)
        return -1;
    if (n == 0) return 0;
    return sedge_q_i64(c->db, err, out,
                       "SELECT updated_at-started_at FROM execution WHERE deployment_id=?1 AND status=2 AND started_at"
                       " IS NOT NULL ORDER BY 1 LIMIT 1 OFFSET ?2",
                       "ii", id, n / 2) < 0
               ? -1
               : 0;
}

static int add_stuck(struct sedge_cloud *c, int64_t id, int64_t now_s, struct json_object *out, struct sedge_err *err)
{
    struct json_object *list = json_object_new_array();
    int64_t usual = 0, limit, total = 0;
    sqlite3_stmt *q = NULL;
    int rc;

    (void)json_object_object_add(out, "stuck", list); /* takes list */
    rc = median(c, id, &usual, err);
    limit = 2 * usual > SEDGE_STUCK_MIN_S ? 2 * usual : SEDGE_STUCK_MIN_S;
    if (usual) sedge_json_add_i64(out, "medianSeconds", usual);
    /* Nobody to compare with: nobody is stuck yet, the time limit decides. */
    if (rc == 0 && usual)
        q = sedge_q(c->db, err,
                    "SELECT t.name, e.updated_at, json_extract(e.details,'$.phase'), COUNT(*) OVER () FROM execution e"
                    " JOIN thing t ON t.id=e.thing_id WHERE e.deployment_id=?1 AND e.status=1 AND e.updated_at<?2"
                    " ORDER BY 2, 1 LIMIT ?3",
                    "iii", id, now_s - limit, (int64_t)SEDGE_STUCK_SHOWN);
    if (rc == 0 && usual && !q) rc = -1;
    while (q && (rc = sedge_db_step(c->db, q, err)) == 1) {
        struct json_object *o = json_object_new_object();

        sedge_json_add_str(o, "thingName", sedge_db_text(q, 0));
        sedge_json_add_i64(o, "since", sqlite3_column_int64(q, 1));
        if (sqlite3_column_type(q, 2) != SQLITE_NULL) sedge_json_add_str(o, "phase", sedge_db_text(q, 2));
        total = sqlite3_column_int64(q, 3);
        (void)json_object_array_add(list, o); /* takes o */
    }
    (void)sqlite3_finalize(q);
    sedge_json_add_i64(out, "stuckTotal", total);
    return rc;
}

/* How long ago the things that have not asked yet were heard. */
static int add_queued(struct sedge_cloud *c, int64_t id, int64_t now_s, struct json_object *o, struct sedge_err *err)
{
    sqlite3_stmt *q =
        sedge_q(c->db, err,
                "SELECT SUM(seen>=?2), SUM(seen<?2 AND seen>=?3), SUM(seen<?3) FROM (SELECT COALESCE(t.last_seen,0) AS"
                " seen FROM execution e JOIN thing t ON t.id=e.thing_id WHERE e.deployment_id=?1 AND e.status=0)",
                "iii", id, now_s - SEDGE_OFFLINE_S, now_s - SEDGE_DORMANT_S);
    int rc = q ? sedge_db_step(c->db, q, err) : -1;

    if (rc == 1) {
        sedge_json_add_i64(o, "queuedRecent", sqlite3_column_int64(q, 0));
        sedge_json_add_i64(o, "queuedAway", sqlite3_column_int64(q, 1));
        sedge_json_add_i64(o, "queuedDormant", sqlite3_column_int64(q, 2));
    }
    (void)sqlite3_finalize(q);
    return rc < 0 ? -1 : 0;
}

static void add_share(struct json_object *o, const char *key, int64_t part, int64_t whole)
{
    (void)json_object_object_add(o, key, json_object_new_int64(whole ? part * 100 / whole : 0)); /* whole percents */
}

static int add_speed(struct sedge_cloud *c, int64_t id, int64_t now_s, int64_t left, struct json_object *o,
                     struct sedge_err *err)
{
    int64_t finished = 0;
    double rate;

    if (sedge_q_i64(c->db, err, &finished,
                    "SELECT COUNT(*) FROM execution WHERE deployment_id=?1 AND status IN (2,3,4,5) AND updated_at>?2",
                    "ii", id, now_s - SEDGE_RATE_WINDOW_S) < 0)
        return -1;
    rate = (double)finished * 60 / SEDGE_RATE_WINDOW_S;
    (void)json_object_object_add(o, "perMinute", json_object_new_double(rate));
    if (finished && left) sedge_json_add_i64(o, "secondsLeft", (int64_t)((double)left * 60 / rate));
    return 0;
}

static int add_progress(struct sedge_cloud *c, int64_t id, int64_t now_s, struct json_object *out,
                        struct sedge_err *err)
{
    struct json_object *o = json_object_new_object();
    int64_t eligible = 0, released, open;
    struct sedge_counts n;

    (void)json_object_object_add(out, "progress", o); /* takes o */
    if (sedge_counts_read(c->db, id, &n, err) != 0 ||
        sedge_q_i64(c->db, err, &eligible,
                    "SELECT COUNT(*) FROM target t JOIN target_member m ON m.target_id=t.id JOIN thing h ON"
                    " h.id=m.thing_id WHERE t.current_deployment=?1 AND h.state=?2",
                    "ii", id, (int64_t)SEDGE_THING_ACTIVE) < 0)
        return -1;
    released = sedge_counts_released(&n);
    open = sedge_counts_open(&n);
    if (eligible < released) eligible = released; /* not current any more, or things have left */
    sedge_json_add_i64(o, "eligible", eligible);
    sedge_json_add_i64(o, "released", released);
    sedge_json_add_i64(o, "unreleased", eligible - released);
    sedge_json_add_i64(o, "done", released - open);
    add_share(o, "succeededPercent", n.n[SEDGE_EXEC_SUCCEEDED], eligible);
    add_share(o, "failedPercent", sedge_counts_bad(&n), eligible);
    if (add_queued(c, id, now_s, o, err) != 0) return -1;
    return add_speed(c, id, now_s, eligible - released + open, o, err);
}

int sedge_deploy_status(struct sedge_cloud *c, int64_t id, int64_t now_s, struct json_object *o, struct sedge_err *err)
{
    if (add_progress(c, id, now_s, o, err) != 0 || add_stuck(c, id, now_s, o, err) != 0) return -1;
    return add_errors(c, id, o, err);
}

struct json_object *sedge_deploy_report(struct sedge_cloud *c, int64_t id, int64_t now_s, bool devices,
                                        const char *status, struct sedge_err *err)
{
    struct json_object *o = sedge_deploy_show(c, id, err);

    if (o && sedge_deploy_status(c, id, now_s, o, err) == 0 &&
        (!devices || sedge_deploy_devices(c, id, status, o, err) == 0))
        return o;
    json_object_put(o);
    return NULL;
}
