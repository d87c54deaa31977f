/* When the spool writes its file and reads it back, and how it goes on without one. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "spool_parts.h"

#define DISK_AGAIN_MS 60000 /* after a failed write */

/* --- the file ---------------------------------------------------------------------------------------------------- */

static void submit(struct sedge_spool *s, sedge_dbw_work work, sedge_dbw_done done, struct sedge_spool_op fill)
{
    struct sedge_spool_op *op = SEDGE_NEW(struct sedge_spool_op);

    *op = fill;
    op->s = s;
    s->ops++;
    sedge_dbw_submit(s->writer, work, done, op);
}

static void op_ended(struct sedge_spool_op *op)
{
    struct sedge_spool *s = op->s;

    free(op);
    s->ops--;
    if (s->closing) sedge_spool_maybe_closed(s);
}

static void small_op_done(void *arg, int rc, const struct sedge_err *err)
{
    if (rc != 0) sedge_log(SEDGE_WARN, "spool", "write-failed", "%s", err->msg);
    op_ended(arg);
}

static void disk_failed(struct sedge_spool *s, const struct sedge_err *err)
{
    if (s->disk_ok)
        sedge_log(SEDGE_ERROR, "spool", "disk-failed", "%s; messages are kept in memory until it works again",
                  err->msg);
    s->disk_ok = false;
    s->stats.on_disk = false;
    s->disk_again = sedge_mono_ms() + DISK_AGAIN_MS;
}

static void insert_done(void *arg, int rc, const struct sedge_err *err)
{
    struct sedge_spool_op *op = arg;
    struct sedge_spool *s = op->s;
    struct sedge_item *i = op->item;

    i->disk = rc == 0 ? SEDGE_DISK_YES : SEDGE_DISK_NO;
    if (rc != 0)
        disk_failed(s, err);
    else if (!s->disk_ok) {
        sedge_log(SEDGE_INFO, "spool", "disk-works", "%s", s->path);
        s->disk_ok = s->stats.on_disk = true;
    }
    if (i->gone) sedge_item_free(i); /* acknowledged meanwhile; its row is deleted behind this */
    op_ended(op);
}

static void write_item(struct sedge_spool *s, struct sedge_item *i)
{
    if (!s->writer || i->qos == 0 || i->disk != SEDGE_DISK_NO) return;
    if (!s->disk_ok && sedge_mono_ms() < s->disk_again) return;
    i->disk = SEDGE_DISK_WRITING;
    submit(s, sedge_spool_insert, insert_done,
           (struct sedge_spool_op){.item = i, .path = s->path, .min_free = s->o.min_free_bytes});
}

/* An item that goes to the file only: older ones are there already. Its memory is freed when it is safe. */
static void insert_only_done(void *arg, int rc, const struct sedge_err *err)
{
    struct sedge_spool_op *op = arg;
    struct sedge_spool *s = op->s;
    struct sedge_item *i = op->item;

    if (rc == 0) {
        sedge_item_free(i);
    } else { /* kept in memory; it may be sent before older ones that are in the file */
        disk_failed(s, err);
        s->unloaded--;
        i->disk = SEDGE_DISK_NO;
        sedge_spool_list_add(&s->queue, i);
    }
    op_ended(op);
    if (!s->closing) sedge_spool_arm(s, 0);
}

void sedge_spool_write_only(struct sedge_spool *s, struct sedge_item *i)
{
    s->unloaded++;
    submit(s, sedge_spool_insert, insert_only_done,
           (struct sedge_spool_op){.item = i, .path = s->path, .min_free = s->o.min_free_bytes});
}

static void load_done(void *arg, int rc, const struct sedge_err *err)
{
    struct sedge_spool_op *op = arg;
    struct sedge_spool *s = op->s;
    struct sedge_item *i;

    s->loading = false;
    if (rc != 0) disk_failed(s, err);
    while ((i = op->rows)) {
        op->rows = i->next;
        i->s = s;
        s->loaded_id = i->id;
        s->unloaded--;
        if (sedge_spool_list_has(&s->queue, i->id)) /* was kept in memory while the disk failed */
            sedge_item_free(i);
        else
            sedge_spool_list_add(&s->queue, i);
    }
    if (rc == 0 && s->queue.n == 0) s->unloaded = 0; /* whatever was counted is not there */
    op_ended(op);
    if (!s->closing) sedge_spool_arm(s, rc == 0 ? 0 : DISK_AGAIN_MS);
}

void sedge_spool_load_more(struct sedge_spool *s)
{
    if (s->unloaded <= 0 || s->loading || s->queue.n > SEDGE_SPOOL_WINDOW / 2 || s->closing) return;
    s->loading = true;
    submit(s, sedge_spool_load, load_done, (struct sedge_spool_op){.after = s->loaded_id, .limit = SEDGE_SPOOL_WINDOW});
}

void sedge_spool_write_waiting(struct sedge_spool *s, int64_t older_than)
{
    for (struct sedge_item *i = s->queue.first; i; i = i->next)
        if (i->disk == SEDGE_DISK_NO && i->accepted <= older_than) write_item(s, i);
}

void sedge_spool_delete_row(struct sedge_spool *s, const struct sedge_item *i)
{
    submit(s, sedge_spool_delete, small_op_done, (struct sedge_spool_op){.id = i->id});
}

void sedge_spool_save_attempts(struct sedge_spool *s, const struct sedge_item *i)
{
    submit(s, sedge_spool_set_attempts, small_op_done, (struct sedge_spool_op){.id = i->id, .attempts = i->attempts});
}

/* --- opening ----------------------------------------------------------------------------------------------------- */

static struct sedge_db *open_file(const char *path, struct sedge_spool_totals *totals, struct sedge_err *err)
{
    struct sedge_db *db = sedge_db_open_alone(path, sedge_spool_schema, SEDGE_SPOOL_SCHEMA_VERSION, err);

    if (db && sedge_spool_totals(db, totals, err) == 0) return db;
    sedge_db_close(db);
    return NULL;
}

static void set_aside(const char *path)
{
    sedge_auto_free char *bad = sedge_xasprintf("%s.bad", path);
    static const char *const companions[] = {"-wal", "-shm"};

    if (rename(path, bad) != 0) return; /* then opening again fails, too, and memory is used */
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(companions); i++) {
        sedge_auto_free char *file = sedge_xasprintf("%s%s", path, companions[i]);
        (void)unlink(file); /* mostly not there */
    }
}

void sedge_spool_open_storage(struct sedge_spool *s)
{
    struct sedge_spool_totals totals = {0, 0, 0};
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_db *db = open_file(s->path, &totals, &err);

    if (!db && err.code == SEDGE_E_CORRUPT) {
        sedge_log(SEDGE_ERROR, "spool", "damaged", "%s; kept as %s.bad, a new one is begun", err.msg, s->path);
        set_aside(s->path);
        err = SEDGE_ERR_INIT;
        db = open_file(s->path, &totals, &err);
    }
    if (!db) {
        sedge_log(SEDGE_ERROR, "spool", "memory-only", "%s; messages will not survive a restart", err.msg);
        return;
    }
    s->writer = sedge_dbw_new(s->loop, db);
    s->disk_ok = s->stats.on_disk = true;
    s->next_id = totals.last_id + 1;
    s->unloaded = totals.messages;
    s->stats.messages = totals.messages;
    s->stats.bytes = totals.bytes;
    if (totals.messages)
        sedge_log(SEDGE_INFO, "spool", "waiting", "%lld messages from an earlier run", (long long)totals.messages);
}
