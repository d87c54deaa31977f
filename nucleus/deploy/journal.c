/* The table `deployment` of nucleus.db: one row for each deployment that waits, runs or is remembered. A shadow
 * deployment that a newer one replaces in the queue gives it its place: `seq` is unique, too. */
#include "run.h"

#include "base/log.h"
#include "base/mem.h"
#include "config/persist.h"

#include <string.h>

const char sedge_deploy_schema[] =
    "CREATE TABLE IF NOT EXISTS deployment(id TEXT NOT NULL, exec_no INTEGER NOT NULL, seq INTEGER NOT NULL,"
    " source TEXT NOT NULL, phase TEXT NOT NULL, created_ms INTEGER NOT NULL, attempts INTEGER NOT NULL,"
    " status TEXT NOT NULL, details TEXT, request TEXT, snapshot TEXT, outcome TEXT, deployment_id TEXT,"
    " configuration_arn TEXT, restart TEXT, asked TEXT, notes TEXT, unchanged TEXT, told INTEGER NOT NULL DEFAULT 1,"
    " PRIMARY KEY(id, exec_no));";

static const char *const phase_names[] = {
#define X(sym) [SEDGE_PHASE_##sym] = #sym,
    SEDGE_PHASES(X)
#undef X
};

const char *sedge_phase_name(enum sedge_phase phase)
{
    return phase_names[phase];
}

static int phase_from_name(const char *name, enum sedge_phase *out)
{
    for (unsigned i = 0; i < SEDGE_PHASE_COUNT; i++) {
        if (strcmp(phase_names[i], name) == 0) {
            *out = (enum sedge_phase)i;
            return 0;
        }
    }
    return -1;
}

static const char *const statuses[] = {"QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED", "CANCELED"};

static const char *status_constant(const char *name)
{
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(statuses); i++)
        if (strcmp(statuses[i], name) == 0) return statuses[i];
    return "FAILED";
}

void sedge_entry_free(struct sedge_entry *e)
{
    free(e->id);
    free(e->deployment_id);
    free(e->configuration_arn);
    (void)json_object_put(e->request);
    (void)json_object_put(e->details);
    (void)json_object_put(e->snapshot);
    (void)json_object_put(e->outcome);
    (void)json_object_put(e->restart);
    (void)json_object_put(e->asked);
    (void)json_object_put(e->notes);
    (void)json_object_put(e->unchanged);
    free(e);
}

/* A row as texts of its own, for the worker thread. */
struct row {
    char *id, *source, *phase, *status, *details, *request, *snapshot, *outcome, *deployment_id, *configuration_arn,
        *restart, *asked, *notes, *unchanged;
    int64_t exec_no, seq, created_ms, attempts, told;
    struct sedge_run *run;
    void (*done)(struct sedge_run *run, const struct sedge_err *err);
    void (*kept)(void *arg, const struct sedge_err *err); /* of an entry that no run holds */
    void *kept_arg;
};

static char *text_of(struct json_object *v)
{
    return v ? sedge_xstrdup(sedge_json_text(v)) : NULL;
}

static struct row *make_row(const struct sedge_entry *e)
{
    struct row *r = SEDGE_NEW(struct row);

    r->id = sedge_xstrdup(e->id);
    r->exec_no = e->execution_number;
    r->seq = e->seq;
    r->source = sedge_xstrdup(sedge_source_name(e->source));
    r->phase = sedge_xstrdup(sedge_phase_name(e->phase));
    r->created_ms = e->created_ms;
    r->attempts = e->attempts;
    r->status = sedge_xstrdup(e->status);
    r->details = text_of(e->details);
    r->request = text_of(e->request);
    if (e->phase == SEDGE_PHASE_BOOTSTRAP || e->phase == SEDGE_PHASE_APPLIED) r->snapshot = text_of(e->snapshot);
    r->outcome = text_of(e->outcome);
    r->deployment_id = sedge_xstrdup(e->deployment_id);
    r->configuration_arn = sedge_xstrdup(e->configuration_arn);
    r->restart = text_of(e->restart);
    if (e->phase != SEDGE_PHASE_DONE) r->asked = text_of(e->asked);
    r->notes = text_of(e->notes);
    r->unchanged = text_of(e->unchanged);
    r->told = e->told;
    return r;
}

static void free_row(struct row *r)
{
    free(r->id);
    free(r->source);
    free(r->phase);
    free(r->status);
    free(r->details);
    free(r->request);
    free(r->snapshot);
    free(r->outcome);
    free(r->deployment_id);
    free(r->configuration_arn);
    free(r->restart);
    free(r->asked);
    free(r->notes);
    free(r->unchanged);
    free(r);
}

static void bind_row(sqlite3_stmt *q, void *user)
{
    const struct row *r = user;

    sedge_db_bind_text(q, 1, r->id);
    sedge_db_bind_i64(q, 2, r->exec_no);
    sedge_db_bind_i64(q, 3, r->seq);
    sedge_db_bind_text(q, 4, r->source);
    sedge_db_bind_text(q, 5, r->phase);
    sedge_db_bind_i64(q, 6, r->created_ms);
    sedge_db_bind_i64(q, 7, r->attempts);
    sedge_db_bind_text(q, 8, r->status);
    sedge_db_bind_text(q, 9, r->details);
    sedge_db_bind_text(q, 10, r->request);
    sedge_db_bind_text(q, 11, r->snapshot);
    sedge_db_bind_text(q, 12, r->outcome);
    sedge_db_bind_text(q, 13, r->deployment_id);
    sedge_db_bind_text(q, 14, r->configuration_arn);
    sedge_db_bind_text(q, 15, r->restart);
    sedge_db_bind_text(q, 16, r->asked);
    sedge_db_bind_text(q, 17, r->notes);
    sedge_db_bind_text(q, 18, r->unchanged);
    sedge_db_bind_i64(q, 19, r->told);
}

static void bind_keep(sqlite3_stmt *q, void *user)
{
    const struct row *r = user;

    sedge_db_bind_i64(q, 1, r->seq - SEDGE_DEPLOY_RECORDS_MAX);
    sedge_db_bind_i64(q, 2, r->seq);
    sedge_db_bind_text(q, 3, r->id);
}

static int save_work(struct sedge_db *db, void *arg, struct sedge_err *err)
{
    struct row *r = arg;

    if (sedge_db_run(db,
                     "INSERT OR REPLACE INTO deployment(id, exec_no, seq, source, phase, created_ms, attempts, status,"
                     " details, request, snapshot, outcome, deployment_id, configuration_arn, restart,"
                     " asked, notes, unchanged, told)"
                     " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19)",
                     bind_row, r, err) != 0)
        return -1;
    return sedge_db_run(
        db, "DELETE FROM deployment WHERE phase = 'DONE' AND told = 1 AND seq <= ?1 OR seq = ?2 AND id <> ?3",
        bind_keep, r, err);
}

static void saved_cb(void *arg, int rc, const struct sedge_err *err)
{
    struct row *r = arg;

    if (rc != 0) sedge_log(SEDGE_ERROR, "deploy", "journal", "deployment %s: %s", r->id, err->msg);
    if (r->run) r->run->saving--;
    if (r->done) r->done(r->run, err);
    if (r->kept) r->kept(r->kept_arg, err);
    free_row(r);
}

void sedge_journal_save(struct sedge_run *run, void (*done)(struct sedge_run *run, const struct sedge_err *err))
{
    struct row *r = make_row(run->entry);

    run->saving++;
    r->run = run;
    r->done = done;
    sedge_config_flush_with(run->d->o.config, save_work, saved_cb, r);
}

void sedge_journal_save_entry(struct sedge_deployer *d, struct sedge_entry *e,
                              void (*kept)(void *arg, const struct sedge_err *err), void *arg)
{
    struct row *r = make_row(e);

    r->kept = kept;
    r->kept_arg = arg;
    sedge_config_flush_with(d->o.config, save_work, saved_cb, r);
}

static struct json_object *parse_column(sqlite3_stmt *q, int column)
{
    const char *text = sedge_db_text(q, column);

    return *text ? sedge_json_parse(text, strlen(text), "deployment journal", NULL) : NULL;
}

static char *copy_column(sqlite3_stmt *q, int column)
{
    const char *text = sedge_db_text(q, column);

    return *text ? sedge_xstrdup(text) : NULL;
}

static struct sedge_entry *read_row(sqlite3_stmt *q)
{
    struct sedge_entry *e = SEDGE_NEW(struct sedge_entry);

    e->id = sedge_xstrdup(sedge_db_text(q, 0));
    e->execution_number = sqlite3_column_int64(q, 1);
    e->seq = sqlite3_column_int64(q, 2);
    if (sedge_source_from_name(sedge_db_text(q, 3), &e->source) != 0) e->source = SEDGE_SOURCE_LOCAL;
    if (phase_from_name(sedge_db_text(q, 4), &e->phase) != 0) e->phase = SEDGE_PHASE_DONE;
    e->created_ms = sqlite3_column_int64(q, 5);
    e->attempts = sqlite3_column_int64(q, 6);
    e->status = status_constant(sedge_db_text(q, 7));
    e->details = parse_column(q, 8);
    e->request = parse_column(q, 9);
    e->snapshot = parse_column(q, 10);
    e->outcome = parse_column(q, 11);
    e->deployment_id = copy_column(q, 12);
    e->configuration_arn = copy_column(q, 13);
    e->restart = parse_column(q, 14);
    e->asked = parse_column(q, 15);
    e->notes = parse_column(q, 16);
    e->unchanged = parse_column(q, 17);
    e->told = sqlite3_column_int(q, 18) != 0;
    e->report_again = e->phase == SEDGE_PHASE_DONE && !e->told; /* killed in between */
    return e;
}

static void bind_start(sqlite3_stmt *q, void *user)
{
    const struct sedge_entry *e = user;

    sedge_db_bind_text(q, 1, e->id);
    sedge_db_bind_i64(q, 2, e->execution_number);
    sedge_db_bind_i64(q, 3, e->attempts);
    sedge_db_bind_text(q, 4, sedge_json_text(e->restart));
}

int sedge_journal_note_start(struct sedge_db *db, struct sedge_entry *e, struct sedge_err *err)
{
    return sedge_db_run(db, "UPDATE deployment SET attempts = ?3, restart = ?4 WHERE id = ?1 AND exec_no = ?2",
                        bind_start, e, err);
}

/* A database of an earlier build lacks these columns. */
static int add_columns(struct sedge_db *db, struct sedge_err *err)
{
    static const struct {
        const char *look, *add;
    } columns[] = {{"SELECT 1 FROM pragma_table_info('deployment') WHERE name = 'restart'",
                    "ALTER TABLE deployment ADD COLUMN restart TEXT"},
                   {"SELECT 1 FROM pragma_table_info('deployment') WHERE name = 'asked'",
                    "ALTER TABLE deployment ADD COLUMN asked TEXT"},
                   {"SELECT 1 FROM pragma_table_info('deployment') WHERE name = 'notes'",
                    "ALTER TABLE deployment ADD COLUMN notes TEXT"},
                   {"SELECT 1 FROM pragma_table_info('deployment') WHERE name = 'unchanged'",
                    "ALTER TABLE deployment ADD COLUMN unchanged TEXT"},
                   {"SELECT 1 FROM pragma_table_info('deployment') WHERE name = 'told'",
                    "ALTER TABLE deployment ADD COLUMN told INTEGER NOT NULL DEFAULT 1"}};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < SEDGE_ARRAY_LEN(columns); i++) {
        sqlite3_stmt *q = sedge_db_prepare(db, columns[i].look, err);
        if (!q) return -1;
        rc = sedge_db_step(db, q, err);
        (void)sqlite3_finalize(q);
        if (rc >= 0) rc = rc == 0 ? sedge_db_exec(db, columns[i].add, err) : 0;
    }
    return rc;
}

int sedge_journal_load(struct sedge_deployer *d, struct sedge_db *db, struct sedge_err *err)
{
    sqlite3_stmt *q =
        add_columns(db, err) != 0
            ? NULL
            : sedge_db_prepare(
                  db,
                  "SELECT id, exec_no, seq, source, phase, created_ms, attempts, status, details, request,"
                  " snapshot, outcome, deployment_id, configuration_arn, restart, asked, notes, unchanged, told"
                  " FROM deployment ORDER BY seq",
                  err);
    struct sedge_entry **tail = &d->entries;
    int rc;

    if (!q) return -1;
    while ((rc = sedge_db_step(db, q, err)) == 1) {
        *tail = read_row(q);
        d->last_seq = (*tail)->seq;
        tail = &(*tail)->next;
    }
    (void)sqlite3_finalize(q);
    return rc;
}
