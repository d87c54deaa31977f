#include "../test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/persist.h"

#define VERSION 1

struct bench {
    char dir[64];
    char *path;
    uv_loop_t loop;
    struct sedge_config *cfg;
    struct sedge_dbw *w;
};

static void quiet(const char *line, size_t n, void *user)
{
    (void)line;
    (void)n;
    (void)user;
}

static int make_dir(void **st)
{
    struct bench *b = SEDGE_NEW(struct bench);

    (void)snprintf(b->dir, sizeof(b->dir), "/tmp/sedge-test-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    b->path = sedge_xasprintf("%s/nucleus.db", b->dir);
    sedge_log_set_sink(quiet, NULL);
    *st = b;
    return 0;
}

static int remove_dir(void **st)
{
    struct bench *b = *st;

    (void)sedge_fs_remove_tree(b->dir, NULL);
    free(b->path);
    free(b);
    return 0;
}

static struct sedge_db *open_db(struct bench *b, bool *moved)
{
    sedge_auto_free char *schema =
        sedge_xasprintf("%s CREATE TABLE IF NOT EXISTS journal(v TEXT UNIQUE);", sedge_config_schema);
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_db *db = sedge_config_open_db(b->path, schema, VERSION, moved, &err);

    if (!db) fail_msg("%s", err.msg);
    return db;
}

/* The stored tree as it would be at a start. */
static void start(struct bench *b)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    bool moved;
    struct sedge_db *db = open_db(b, &moved);

    assert_false(moved);
    assert_int_equal(uv_loop_init(&b->loop), 0);
    b->cfg = sedge_config_new(&b->loop);
    if (sedge_config_load(b->cfg, db, &err) < 0) fail_msg("%s", err.msg);
    b->w = sedge_dbw_new(&b->loop, db);
    sedge_config_attach(b->cfg, b->w);
}

static void stop(struct bench *b)
{
    sedge_config_close(b->cfg, NULL, NULL);
    sedge_dbw_close(b->w);
    (void)uv_run(&b->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&b->loop), 0);
}

static void restart(struct bench *b)
{
    (void)uv_run(&b->loop, UV_RUN_DEFAULT);
    stop(b);
    start(b);
}

static void merge(struct bench *b, const char *text, int64_t ts)
{
    sedge_auto_put struct json_object *o = sedge_json_parse(text, strlen(text), "test", NULL);

    assert_int_equal(sedge_config_merge(b->cfg, SEDGE_PATH_ROOT, o, ts, NULL), 0);
}

static char *stamped(struct bench *b)
{
    sedge_auto_put struct json_object *v = sedge_config_snapshot(b->cfg);

    return sedge_json_text_sorted(v);
}

static void assert_survives(struct bench *b)
{
    sedge_auto_free char *before = stamped(b);
    sedge_auto_free char *after = NULL;

    restart(b);
    after = stamped(b);
    assert_string_equal(after, before);
}

static void every_change_survives_a_restart_with_its_time(void **st)
{
    struct bench *b = *st;

    start(b);
    merge(b,
          "{\"system\":{\"a/b\":\"x\",\"c~d\":[1,{\"y\":2}],\"n\":null,\"f\":1.5,\"\":1,\"é\":\"ü\\n\"},"
          "\"services\":{\"A\":{\"configuration\":{},\"x\":1},\"AB\":{\"x\":1},\"A0\":2}}",
          100);
    assert_survives(b);
    merge(b, "{\"system\":{\"n\":5,\"a/b\":{\"now\":\"map\"}}}", 300);
    merge(b, "{\"system\":{\"f\":1.5}}", 400); /* only the time */
    assert_survives(b);
    assert_int_equal(sedge_config_remove(b->cfg, SEDGE_PATH("services", "A"), 500, 0), 1);
    assert_survives(b);
    assert_true(sedge_config_has(b->cfg, SEDGE_PATH("services", "AB")));
    assert_true(sedge_config_has(b->cfg, SEDGE_PATH("services", "A0")));
    assert_int_equal(sedge_config_remove(b->cfg, SEDGE_PATH("services", "AB", "x"), 500, 0), 1);
    merge(b, "{\"system\":{\"a/b\":7}}", 1);
    assert_survives(b);
    stop(b);
}

static void private_names_are_never_written(void **st)
{
    struct bench *b = *st;

    start(b);
    merge(b, "{\"services\":{\"A\":{\"_State\":1,\"_private\":{\"k\":1},\"x\":1}}}", 100);
    restart(b);
    assert_false(sedge_config_has(b->cfg, SEDGE_PATH("services", "A", "_State")));
    assert_false(sedge_config_has(b->cfg, SEDGE_PATH("services", "A", "_private")));
    assert_true(sedge_config_has(b->cfg, SEDGE_PATH("services", "A", "x")));
    stop(b);
}

/* ---- with a journal row ---- */

static int add_row(struct sedge_db *db, void *arg, struct sedge_err *err)
{
    sqlite3_stmt *q = sedge_db_prepare(db, "INSERT INTO journal(v) VALUES(?1)", err);
    int rc;

    sedge_db_bind_text(q, 1, arg);
    rc = sedge_db_step(db, q, err);
    (void)sqlite3_finalize(q);
    return rc < 0 ? -1 : 0;
}

static int last_rc = 1;
static void note_rc(void *arg, int rc, const struct sedge_err *err)
{
    (void)arg;
    (void)err;
    last_rc = rc;
}

static void a_journal_row_commits_with_the_changes_or_neither_does(void **st)
{
    static char row[] = "step 1";
    struct bench *b = *st;

    start(b);
    merge(b, "{\"a\":1}", 100);
    sedge_config_flush_with(b->cfg, add_row, note_rc, row);
    assert_int_equal(last_rc, 1); /* later, never from inside the call */
    (void)uv_run(&b->loop, UV_RUN_DEFAULT);
    assert_int_equal(last_rc, 0);
    merge(b, "{\"a\":2}", 200);
    sedge_config_flush_with(b->cfg, add_row, note_rc, row); /* the row exists: refused */
    while (last_rc == 0)
        (void)uv_run(&b->loop, UV_RUN_ONCE);
    assert_int_equal(last_rc, -1);
    stop(b);
    start(b);
    assert_int_equal(sedge_config_i64(b->cfg, SEDGE_PATH("a"), 0), 1);
    stop(b);
}

static void after_a_failure_the_complete_tree_is_written_again(void **st)
{
    static char row[] = "step 1";
    struct bench *b = *st;

    start(b);
    merge(b, "{\"a\":1,\"b\":{\"c\":1}}", 100);
    sedge_config_flush_with(b->cfg, add_row, note_rc, row);
    merge(b, "{\"a\":2}", 200);
    sedge_config_flush_with(b->cfg, add_row, note_rc, row);
    last_rc = 0;
    while (last_rc == 0)
        (void)uv_run(&b->loop, UV_RUN_ONCE);
    (void)sedge_config_remove(b->cfg, SEDGE_PATH("b"), 300, 0);
    sedge_config_flush(b->cfg, note_rc, NULL);
    while (last_rc != 0)
        (void)uv_run(&b->loop, UV_RUN_ONCE);
    stop(b);
    start(b);
    assert_int_equal(sedge_config_i64(b->cfg, SEDGE_PATH("a"), 0), 2);
    assert_false(sedge_config_has(b->cfg, SEDGE_PATH("b")));
    stop(b);
}

/* ---- killed at any instant ---- */

struct writing {
    struct bench *b;
    int fd;
    int64_t nr;
};

static void report_and_write_next(void *arg, int rc, const struct sedge_err *err)
{
    struct writing *w = arg;

    (void)err;
    if (rc != 0 || (w->nr > 0 && write(w->fd, &w->nr, sizeof(w->nr)) != (ssize_t)sizeof(w->nr))) _exit(3);
    w->nr++;
    (void)sedge_config_set_take(w->b->cfg, SEDGE_PATH("services", "A", "left"), json_object_new_int64(w->nr), w->nr,
                                NULL);
    (void)sedge_config_set_take(w->b->cfg, SEDGE_PATH("services", "A", "right"), json_object_new_int64(w->nr), w->nr,
                                NULL);
    sedge_config_flush(w->b->cfg, report_and_write_next, w);
}

static void write_until_killed(struct bench *b, int fd)
{
    struct writing w = {b, fd, 0};

    start(b);
    report_and_write_next(&w, 0, NULL);
    (void)uv_run(&b->loop, UV_RUN_DEFAULT);
    _exit(4);
}

static void what_was_reported_as_written_survives_sigkill(void **st)
{
    struct bench *b = *st;
    int64_t acked = 0, nr;

    for (int round = 0; round < 5; round++) {
        int fds[2], status;
        pid_t pid;

        assert_int_equal(pipe(fds), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            (void)close(fds[0]);
            write_until_killed(b, fds[1]);
        }
        (void)close(fds[1]);
        for (int i = 0; i < 3 + round * 7 && read(fds[0], &nr, sizeof(nr)) == (ssize_t)sizeof(nr); i++)
            acked = nr;
        assert_int_equal(kill(pid, SIGKILL), 0);
        while (read(fds[0], &nr, sizeof(nr)) == (ssize_t)sizeof(nr))
            acked = nr; /* reported before the kill */
        (void)close(fds[0]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        start(b);
        nr = sedge_config_i64(b->cfg, SEDGE_PATH("services", "A", "left"), -1);
        assert_true(nr >= acked);
        assert_int_equal(sedge_config_i64(b->cfg, SEDGE_PATH("services", "A", "right"), -2), nr); /* one transaction */
        stop(b);
    }
}

static void a_damaged_database_is_moved_aside(void **st)
{
    struct bench *b = *st;
    sedge_auto_free char *bad = sedge_xasprintf("%s.bad", b->path);
    bool moved = false;
    int fd;

    start(b);
    for (int i = 0; i < 2000; i++) {
        sedge_auto_free char *name = sedge_xasprintf("key-%d", i);

        (void)sedge_config_set_take(b->cfg, SEDGE_PATH("services", name), json_object_new_string(name), 1, NULL);
    }
    (void)uv_run(&b->loop, UV_RUN_DEFAULT);
    stop(b);
    fd = open(b->path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    for (off_t at = 4096; at < 40960; at += 512)
        assert_int_equal(pwrite(fd, "damaged damaged damaged", 23, at), 23);
    (void)close(fd);
    sedge_db_close(open_db(b, &moved));
    assert_true(moved);
    assert_true(sedge_fs_exists(bad));
    start(b);
    assert_false(sedge_config_has(b->cfg, SEDGE_PATH("services")));
    stop(b);
}

static void a_file_that_is_no_database_is_moved_aside(void **st)
{
    struct bench *b = *st;
    bool moved = false;
    char text[4096];

    memset(text, 'x', sizeof(text));
    assert_int_equal(sedge_fs_write_atomic(b->path, text, sizeof(text), 0600, NULL), 0);
    sedge_db_close(open_db(b, &moved));
    assert_true(moved);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
    const struct CMUnitTest tests[] = {
        T(every_change_survives_a_restart_with_its_time),
        T(private_names_are_never_written),
        T(a_journal_row_commits_with_the_changes_or_neither_does),
        T(after_a_failure_the_complete_tree_is_written_again),
        T(what_was_reported_as_written_survives_sigkill),
        T(a_damaged_database_is_moved_aside),
        T(a_file_that_is_no_database_is_moved_aside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
