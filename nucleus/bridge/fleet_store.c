/* What fleet status keeps on the disk: the sequence number, when a complete message was sent, ends of deployments. */
#include "fleet_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "jobs.h"

struct write {
    struct sedge_fleet *f;
    const char *sql;
    char *text;
    int64_t number;
    char *name;
};

static void bind_write(sqlite3_stmt *q, void *user)
{
    const struct write *w = user;
    int n = sqlite3_bind_parameter_count(q);

    if (n >= 1) sedge_db_bind_i64(q, 1, w->number);
    if (n >= 2) sedge_db_bind_text(q, 2, w->name);
    if (n >= 3) sedge_db_bind_text(q, 3, w->text);
}

static int write_work(struct sedge_db *db, void *arg, struct sedge_err *err)
{
    struct write *w = arg;

    return sedge_db_run(db, w->sql, bind_write, w, err);
}

static void write_done(void *arg, int rc, const struct sedge_err *err)
{
    struct write *w = arg;
    struct sedge_fleet *f = w->f;

    if (rc != 0) sedge_log(SEDGE_WARN, "fleet", "store-failed", "%s", err->msg);
    free(w->text);
    free(w->name);
    free(w);
    sedge_fleet_stored(f);
}

static void submit(struct sedge_fleet *f, const char *sql, int64_t number, const char *name, const char *text)
{
    struct write *w = SEDGE_NEW(struct write);

    w->f = f;
    w->sql = sql;
    w->number = number;
    w->name = sedge_xstrdup(name);
    w->text = sedge_xstrdup(text);
    f->ops_running++;
    sedge_dbw_submit(f->writer, write_work, write_done, w);
}

void sedge_fleet_store_value(struct sedge_fleet *f, const char *name, int64_t v)
{
    submit(f, "INSERT INTO bridge_value (value, name) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?1", v,
           name, NULL);
}

static int load_values(struct sedge_fleet *f, struct sedge_db *db, struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_db_prepare(db, "SELECT name, value FROM bridge_value", err);
    int rc;

    if (!q) return -1;
    while ((rc = sedge_db_step(db, q, err)) == 1) {
        if (strcmp(sedge_db_text(q, 0), "fleet-sequence") == 0) f->sequence = sqlite3_column_int64(q, 1);
        if (strcmp(sedge_db_text(q, 0), "fleet-cadence") == 0) f->cadence_wall = sqlite3_column_int64(q, 1);
    }
    (void)sqlite3_finalize(q);
    return rc;
}

static void bind_sequence(sqlite3_stmt *q, void *user)
{
    const struct sedge_fleet *f = user;

    sedge_db_bind_i64(q, 1, f->sequence);
}

/* The write of the last number used may have been lost with the power: a start skips one, and that is on the disk
 * before the first message, so that no number is ever used twice. A disk that takes nothing must not stop the device.
 */
static void skip_number(struct sedge_fleet *f, struct sedge_db *db)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    f->sequence++;
    if (sedge_db_run(db,
                     "INSERT INTO bridge_value (value, name) VALUES (?1, 'fleet-sequence')"
                     " ON CONFLICT (name) DO UPDATE SET value = ?1",
                     bind_sequence, f, &err) != 0)
        sedge_log(SEDGE_WARN, "fleet", "not-stored", "%s; a sequence number may come twice", err.msg);
}

void sedge_fleet_append_event(struct sedge_fleet *f, int64_t row, const char *trigger, struct json_object *info_take)
{
    struct sedge_fleet_event **end = &f->events;

    while (*end)
        end = &(*end)->next;
    *end = SEDGE_NEW(struct sedge_fleet_event);
    (*end)->row = row;
    (*end)->trigger = sedge_xstrdup(trigger);
    (*end)->info = info_take;
}

void sedge_fleet_free_event(struct sedge_fleet_event *e)
{
    if (!e) return;
    free(e->trigger);
    json_object_put(e->info);
    free(e);
}

static int load_events(struct sedge_fleet *f, struct sedge_db *db, struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_db_prepare(db, "SELECT id, kind, info FROM bridge_event ORDER BY id", err);
    int rc;

    if (!q) return -1;
    while ((rc = sedge_db_step(db, q, err)) == 1) {
        const char *text = sedge_db_text(q, 2);
        struct json_object *info = sedge_json_parse_object(text, strlen(text), "event", NULL);
        f->next_row = sqlite3_column_int64(q, 0) + 1;
        if (info) sedge_fleet_append_event(f, sqlite3_column_int64(q, 0), sedge_db_text(q, 1), info);
    }
    (void)sqlite3_finalize(q);
    return rc;
}

void sedge_fleet_forget_event(struct sedge_fleet *f, struct sedge_fleet_event *e)
{
    if (e->row) submit(f, "DELETE FROM bridge_event WHERE id = ?1", e->row, NULL, NULL);
    sedge_fleet_free_event(e);
}

void sedge_fleet_store_event(struct sedge_fleet *f, const char *trigger, struct json_object *info)
{
    int64_t row = f->next_row++;
    size_t n = 0;

    for (struct sedge_fleet_event *e = f->events; e; e = e->next)
        n++;
    if (n >= SEDGE_FLEET_EVENTS_MAX) {
        struct sedge_fleet_event *oldest = f->events;
        f->events = oldest->next;
        sedge_fleet_forget_event(f, oldest);
    }
    sedge_fleet_append_event(f, row, trigger, sedge_json_copy(info));
    if (f->writer)
        submit(f, "INSERT INTO bridge_event (id, kind, info) VALUES (?1, ?2, ?3)", row, trigger, sedge_json_text(info));
}

void sedge_fleet_drop_local_events(struct sedge_fleet *f)
{
    struct sedge_fleet_event **at = &f->events;

    while (*at) {
        struct sedge_fleet_event *e = *at;
        if (e->row) {
            at = &e->next;
            continue;
        }
        *at = e->next;
        sedge_fleet_free_event(e);
    }
}

int sedge_fleet_load(struct sedge_fleet *f, struct sedge_db *db, struct sedge_err *err)
{
    if (sedge_db_exec(db, sedge_bridge_schema, err) != 0 || load_values(f, db, err) != 0) return -1;
    if (load_events(f, db, err) != 0) return -1;
    skip_number(f, db);
    return 0;
}
