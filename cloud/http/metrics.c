#include "metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "cloud/query.h"

static _Atomic int64_t values[SEDGE_METRIC_COUNT];

struct series {
    const char *plane, *operation;
    int status;
    int64_t n, ms;
};
static struct {
    pthread_mutex_t lock;
    struct series v[SEDGE_METRICS_SERIES_MAX];
    size_t n;
} requests = {.lock = PTHREAD_MUTEX_INITIALIZER};

void sedge_metrics_add(enum sedge_metric m, int64_t n)
{
    (void)atomic_fetch_add(&values[m], n);
}

void sedge_metrics_set(enum sedge_metric m, int64_t value)
{
    atomic_store(&values[m], value);
}

static struct series *series_of(const char *plane, const char *operation, int status)
{
    for (size_t i = 0; i < requests.n; i++) {
        struct series *s = &requests.v[i];

        if (s->status == status && strcmp(s->plane, plane) == 0 && strcmp(s->operation, operation) == 0) return s;
    }
    if (requests.n == SEDGE_METRICS_SERIES_MAX - 1) { /* the last one is for the rest */
        plane = operation = "other";
        status = 0;
    } else if (requests.n == SEDGE_METRICS_SERIES_MAX)
        return &requests.v[requests.n - 1];
    requests.v[requests.n] = /* copies: a listener that ends takes its name along */
        (struct series){.plane = sedge_xstrdup(plane), .operation = sedge_xstrdup(operation), .status = status};
    return &requests.v[requests.n++];
}

void sedge_metrics_request(const char *plane, const char *operation, int status, int64_t ms)
{
    struct series *s;

    (void)pthread_mutex_lock(&requests.lock);
    s = series_of(plane, operation, status);
    s->n++;
    s->ms += ms;
    (void)pthread_mutex_unlock(&requests.lock);
}

static void write_values(struct sedge_buf *out)
{
    static const struct {
        const char *name, *type, *help;
    } rows[] = {
#define X(sym, name_, type_, help_) {name_, type_, help_},
        SEDGE_METRICS(X)
#undef X
    };

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++)
        sedge_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %lld\n", rows[i].name, rows[i].help, rows[i].name,
                         rows[i].type, rows[i].name, (long long)atomic_load(&values[i]));
}

static void write_requests(struct sedge_buf *out)
{
    static const char name[] = "sedge_http_requests", time[] = "sedge_http_request_milliseconds";

    (void)pthread_mutex_lock(&requests.lock);
    sedge_buf_printf(out, "# HELP %s_total HTTP requests\n# TYPE %s_total counter\n", name, name);
    for (size_t i = 0; i < requests.n; i++)
        sedge_buf_printf(out, "%s_total{plane=\"%s\",operation=\"%s\",status=\"%d\"} %lld\n", name, requests.v[i].plane,
                         requests.v[i].operation, requests.v[i].status, (long long)requests.v[i].n);
    sedge_buf_printf(out, "# HELP %s_total time that HTTP requests took\n# TYPE %s_total counter\n", time, time);
    for (size_t i = 0; i < requests.n; i++)
        sedge_buf_printf(out, "%s_total{plane=\"%s\",operation=\"%s\",status=\"%d\"} %lld\n", time, requests.v[i].plane,
                         requests.v[i].operation, requests.v[i].status, (long long)requests.v[i].ms);
    (void)pthread_mutex_unlock(&requests.lock);
}

/* One gauge from a query with two columns: label and number; a label that is NULL is left out. */
static int write_query(struct sedge_cloud *c, const char *name, const char *help, const char *label, const char *sql,
                       int64_t arg, struct sedge_buf *out, struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_q(c->db, err, sql, "i", arg);
    int rc = -1;

    sedge_buf_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
    while (q && (rc = sedge_db_step(c->db, q, err)) == 1) {
        if (label)
            sedge_buf_printf(out, "%s{%s=\"%s\"} %lld\n", name, label, sedge_db_text(q, 0),
                             (long long)sqlite3_column_int64(q, 1));
        else
            sedge_buf_printf(out, "%s %lld\n", name, (long long)sqlite3_column_int64(q, 1));
    }
    (void)sqlite3_finalize(q);
    return rc;
}

static int write_executions(struct sedge_cloud *c, struct sedge_buf *out, struct sedge_err *err)
{
    static const char name[] = "sedge_executions";
    sqlite3_stmt *q = sedge_q(c->db, err,
                              "SELECT t.kind, t.ref_name, d.revision, e.status, COUNT(*) FROM target t"
                              " JOIN deployment d ON d.id=t.current_deployment"
                              " JOIN execution e ON e.deployment_id=d.id GROUP BY t.id, e.status",
                              "");
    int rc = -1;

    sedge_buf_printf(out, "# HELP %s executions of current deployments\n# TYPE %s gauge\n", name, name);
    while (q && (rc = sedge_db_step(c->db, q, err)) == 1)
        sedge_buf_printf(out, "%s{target=\"%s:%s\",revision=\"%lld\",status=\"%s\"} %lld\n", name,
                         sqlite3_column_int(q, 0) ? "thing" : "group", sedge_db_text(q, 1),
                         (long long)sqlite3_column_int64(q, 2), sedge_exec_state_name(sqlite3_column_int64(q, 3)),
                         (long long)sqlite3_column_int64(q, 4));
    (void)sqlite3_finalize(q);
    return rc;
}

int sedge_metrics_write(struct sedge_cloud *c, int64_t now_ms, struct sedge_buf *out, struct sedge_err *err)
{
    static const struct {
        const char *name, *help, *label, *sql;
    } rows[] = {
        {"sedge_things", "things by state", "state",
         "SELECT CASE state WHEN 0 THEN 'ACTIVE' ELSE 'BLOCKED' END, COUNT(*) FROM thing WHERE state<>2 AND ?1 IS NOT "
         "NULL"
         " GROUP BY 1"},
        {"sedge_things_health", "things by the health that they told", "health",
         "SELECT CASE health WHEN 1 THEN 'HEALTHY' WHEN 0 THEN 'UNHEALTHY' ELSE 'UNKNOWN' END, COUNT(*) FROM thing"
         " WHERE state<>2 AND ?1 IS NOT NULL GROUP BY 1"},
        {"sedge_things_seen", "things that were heard of within a day", NULL,
         "SELECT NULL, COUNT(*) FROM thing WHERE state<>2 AND last_seen>=?1-86400"},
        {"sedge_things_gaps", "lost status messages", NULL,
         "SELECT NULL, COALESCE(SUM(fss_gap),0) FROM thing WHERE state<>2 AND ?1 IS NOT NULL"},
        {"sedge_dirty", "things that wait for a notification", NULL,
         "SELECT NULL, COUNT(*) FROM dirty WHERE ?1 IS NOT NULL"},
        {"sedge_component_versions", "published versions by state", "state",
         "SELECT CASE state WHEN 0 THEN 'DEPLOYABLE' WHEN 1 THEN 'DEPRECATED' ELSE 'BLOCKED' END, COUNT(*)"
         " FROM component_version WHERE ?1 IS NOT NULL GROUP BY 1"},
    };

    write_values(out);
    write_requests(out);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        if (write_query(c, rows[i].name, rows[i].help, rows[i].label, rows[i].sql, now_ms / 1000, out, err) < 0)
            return -1;
    }
    return write_executions(c, out, err) < 0 ? -1 : 0;
}
