#include "counters.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cloud/query.h"

const char *sedge_count_name(int class)
{
    static const char *const more[] = {"STALE", "RETRY", "UNHEALTHY", "LATE_SUCCESS"};

    if (class < SEDGE_EXEC_COUNT) return sedge_exec_state_name(class);
    return class < SEDGE_COUNT_N ? more[class - SEDGE_EXEC_COUNT] : "UNKNOWN";
}

int sedge_counts_read(struct sedge_db *db, int64_t deployment_id, struct sedge_counts *out, struct sedge_err *err)
{
    sqlite3_stmt *q =
        sedge_q(db, err, "SELECT status, SUM(n) FROM counter WHERE deployment_id=?1 GROUP BY 1", "i", deployment_id);
    int rc = -1;

    *out = (struct sedge_counts){{0}};
    while (q && (rc = sedge_db_step(db, q, err)) == 1) {
        int64_t class = sqlite3_column_int64(q, 0);

        if (class >= 0 && class < SEDGE_COUNT_N) out->n[class] = sqlite3_column_int64(q, 1);
    }
    (void)sqlite3_finalize(q);
    return rc;
}

int sedge_counts_rebuild(struct sedge_db *db, struct sedge_err *err)
{
    if (sedge_q_run(
            db, err,
            "DELETE FROM counter WHERE deployment_id IN (SELECT id FROM deployment WHERE state IN " SEDGE_DEP_ALIVE ")",
            "") != 0)
        return -1;
    if (sedge_q_run(db, err,
                    "INSERT INTO counter(deployment_id,status,n) SELECT e.deployment_id, CASE WHEN e.flags & 4 THEN 9"
                    " WHEN e.status=5 AND e.flags & 8 THEN 8 WHEN e.status=2 AND e.flags & 2 THEN 10 ELSE e.status END"
                    " AS class, COUNT(*) FROM execution e WHERE e.deployment_id IN (SELECT id FROM deployment WHERE"
                    " state IN " SEDGE_DEP_ALIVE ") AND NOT EXISTS(SELECT 1 FROM execution x WHERE"
                    " x.thing_id=e.thing_id AND x.deployment_id=e.deployment_id AND x.exec_no>e.exec_no) GROUP BY 1, 2",
                    "") != 0)
        return -1;
    return sedge_q_run(
        db, err,
        "INSERT INTO counter(deployment_id,status,n) SELECT deployment_id, 11, COUNT(*) FROM execution"
        " WHERE late_status=2 AND deployment_id IN (SELECT id FROM deployment WHERE state IN " SEDGE_DEP_ALIVE
        ") GROUP BY 1",
        "");
}

int64_t sedge_counts_open(const struct sedge_counts *n)
{
    return n->n[SEDGE_EXEC_QUEUED] + n->n[SEDGE_EXEC_IN_PROGRESS] + n->n[SEDGE_COUNT_RETRY];
}

int64_t sedge_counts_bad(const struct sedge_counts *n)
{
    return n->n[SEDGE_EXEC_FAILED] + n->n[SEDGE_EXEC_TIMED_OUT] + n->n[SEDGE_EXEC_REJECTED] +
           n->n[SEDGE_COUNT_UNHEALTHY];
}

int64_t sedge_counts_executed(const struct sedge_counts *n)
{
    return n->n[SEDGE_EXEC_SUCCEEDED] + sedge_counts_bad(n);
}

int64_t sedge_counts_released(const struct sedge_counts *n)
{
    return sedge_counts_executed(n) + sedge_counts_open(n) + n->n[SEDGE_COUNT_STALE];
}

struct sedge_counts sedge_counts_minus(const struct sedge_counts *now, const struct sedge_counts *was)
{
    struct sedge_counts out = {{0}};

    for (int i = 0; i < SEDGE_COUNT_N; i++)
        out.n[i] = now->n[i] > was->n[i] ? now->n[i] - was->n[i] : 0;
    return out;
}

char *sedge_counts_text(const struct sedge_counts *n)
{
    sedge_auto_put struct json_object *list = json_object_new_array();

    for (int i = 0; i < SEDGE_COUNT_N; i++)
        (void)json_object_array_add(list, json_object_new_int64(n->n[i]));
    return sedge_xstrdup(sedge_json_text(list));
}

struct sedge_counts sedge_counts_parse(const char *text)
{
    sedge_auto_put struct json_object *list = text ? sedge_json_parse(text, strlen(text), "counts", NULL) : NULL;
    struct sedge_counts out = {{0}};

    for (size_t i = 0; json_object_is_type(list, json_type_array) && i < SEDGE_COUNT_N; i++)
        out.n[i] = json_object_get_int64(json_object_array_get_idx(list, i));
    return out;
}
