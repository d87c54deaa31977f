#include "../test.h"

#include <unistd.h>

#include "base/mem.h"
#include "shadow/shadows.h"

/* A service on a database of its own, and what it said. */
struct fixture {
    uv_loop_t loop;
    char path[64];
    struct sedge_dbw *writer;
    struct sedge_shadows *sh;
    struct sedge_buf messages; /* topic and payload, a line each */
    int changes;
    /* of the last call */
    bool done;
    struct sedge_err err;
    struct sedge_buf document;
    struct sedge_strv names;
    int64_t version;
};

static void message_cb(void *user, const char *topic, const char *payload, size_t len)
{
    struct fixture *f = user;

    sedge_buf_printf(&f->messages, "%s %.*s\n", topic, (int)len, payload);
}

static void change_cb(void *user, const char *thing, const char *name)
{
    struct fixture *f = user;

    assert_string_equal(thing, "cam");
    assert_string_equal(name, "conf");
    f->changes++;
}

static void open_service(struct fixture *f)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_db *db = sedge_db_open(f->path, "", 1, &err);

    assert_non_null(db);
    f->sh = sedge_shadows_new(db, &err);
    assert_non_null(f->sh);
    f->writer = sedge_dbw_new(&f->loop, db);
    sedge_shadows_start(f->sh, f->writer);
    sedge_shadows_on_message(f->sh, message_cb, f);
    sedge_shadows_on_change(f->sh, change_cb, f);
}

static void close_service(struct fixture *f)
{
    sedge_dbw_close(f->writer);
    sedge_shadows_free(f->sh);
}

static int set_up(void **st)
{
    struct fixture *f = SEDGE_NEW(struct fixture);
    int fd;

    (void)snprintf(f->path, sizeof f->path, "/tmp/test_shadows.XXXXXX");
    fd = mkstemp(f->path);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    open_service(f);
    *st = f;
    return 0;
}

static int tear_down(void **st)
{
    struct fixture *f = *st;
    static const char *const parts[] = {"", "-wal", "-shm"};

    close_service(f);
    (void)uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(parts); i++) {
        sedge_auto_free char *path = sedge_xasprintf("%s%s", f->path, parts[i]);
        (void)unlink(path);
    }
    sedge_buf_release(&f->messages);
    sedge_buf_release(&f->document);
    sedge_strv_release(&f->names);
    free(f);
    return 0;
}

static void done_cb(void *arg, const struct sedge_shadow_result *result, const struct sedge_err *err)
{
    struct fixture *f = arg;

    f->done = true;
    f->err = *err;
    f->version = result->version;
    sedge_buf_clear(&f->document);
    sedge_buf_puts(&f->document, result->document ? result->document : "");
    sedge_strv_release(&f->names);
    for (size_t i = 0; i < result->names->n; i++)
        sedge_strv_add(&f->names, result->names->v[i]);
}

static int wait_done(struct fixture *f)
{
    f->done = false;
    while (!f->done)
        (void)uv_run(&f->loop, UV_RUN_ONCE);
    return f->err.code == SEDGE_OK ? 0 : -1;
}

static int update_named(struct fixture *f, const char *name, const char *text)
{
    struct sedge_shadow_update u = SEDGE_SHADOW_UPDATE_INIT;

    assert_int_equal(sedge_shadow_update_parse(&u, text, strlen(text), NULL), 0);
    sedge_shadows_update_take(f->sh, "cam", name, &u, SEDGE_SHADOW_TELL | SEDGE_SHADOW_CHANGE, done_cb, f);
    return wait_done(f);
}

static int update(struct fixture *f, const char *text)
{
    return update_named(f, "conf", text);
}

static int get(struct fixture *f)
{
    sedge_shadows_get(f->sh, "cam", "conf", 0, done_cb, f);
    return wait_done(f);
}

static int forget(struct fixture *f)
{
    sedge_shadows_delete(f->sh, "cam", "conf", -1, SEDGE_SHADOW_TELL | SEDGE_SHADOW_CHANGE, done_cb, f);
    return wait_done(f);
}

static void what_was_written_is_there_after_a_reopen(void **st)
{
    struct fixture *f = *st;

    assert_int_equal(update(f, "{\"state\":{\"desired\":{\"a\":1}}}"), 0);
    close_service(f);
    open_service(f);
    assert_int_equal(get(f), 0);
    assert_non_null(strstr(f->document.data, "{\"state\":{\"desired\":{\"a\":1},\"delta\":{\"a\":1}}"));
    assert_int_equal(f->version, 1);
}

static void versions_go_on_after_delete_and_reopen(void **st)
{
    struct fixture *f = *st;

    assert_int_equal(update(f, "{\"state\":{\"desired\":{\"a\":1}}}"), 0);
    assert_int_equal(update(f, "{\"state\":{\"desired\":{\"a\":2}},\"version\":1}"), 0);
    assert_int_equal(forget(f), 0);
    assert_int_equal(f->version, 2);
    close_service(f);
    open_service(f);
    assert_int_equal(get(f), -1);
    assert_int_equal(f->err.code, SEDGE_E_NOT_FOUND);
    assert_string_equal(f->err.msg, "No shadow found");
    assert_int_equal(forget(f), -1);
    assert_int_equal(update(f, "{\"state\":{\"reported\":{\"b\":1}}}"), 0);
    assert_int_equal(f->version, 3);
    assert_int_equal(get(f), 0);
    assert_non_null(strstr(f->document.data, "{\"state\":{\"reported\":{\"b\":1}}")); /* nothing of before */
}

static void a_refused_update_changes_nothing(void **st)
{
    struct fixture *f = *st;

    assert_int_equal(update(f, "{\"state\":{\"desired\":{\"a\":1}}}"), 0);
    assert_int_equal(update(f, "{\"state\":{\"desired\":{\"a\":2}},\"version\":7}"), -1);
    assert_int_equal(f->err.code, SEDGE_E_CONFLICT);
    assert_int_equal(get(f), 0);
    assert_int_equal(f->version, 1);
    assert_non_null(strstr(f->document.data, "\"desired\":{\"a\":1}"));
}

static void the_size_limit_is_live(void **st)
{
    struct fixture *f = *st;
    struct sedge_shadow_settings s = SEDGE_SHADOW_SETTINGS_INIT;

    s.size_limit = 10;
    sedge_shadows_configure(f->sh, &s);
    assert_int_equal(update(f, "{\"state\":{\"desired\":{\"aaaa\":1}}}"), 0);
    assert_int_equal(update(f, "{\"state\":{\"desired\":{\"aaaa\":12}}}"), -1);
    assert_int_equal(f->err.code, SEDGE_E_LIMIT);
}

static void subscribers_are_told(void **st)
{
    struct fixture *f = *st;
    static const char *const topics[] = {"$aws/things/cam/shadow/name/conf/update/accepted ",
                                         "$aws/things/cam/shadow/name/conf/update/delta ",
                                         "$aws/things/cam/shadow/name/conf/update/documents {\"current\":",
                                         "$aws/things/cam/shadow/name/conf/update/documents {\"previous\":",
                                         "$aws/things/cam/shadow/name/conf/update/rejected {\"code\":409,",
                                         "$aws/things/cam/shadow/name/conf/delete/accepted {\"version\":2,",
                                         "$aws/things/cam/shadow/name/conf/delete/rejected {\"code\":404,"};

    assert_int_equal(update(f, "{\"state\":{\"desired\":{\"a\":1}}}"), 0);
    assert_int_equal(update(f, "{\"state\":{\"reported\":{\"a\":1}}}"), 0);
    assert_int_equal(update(f, "{\"state\":{},\"version\":9}"), -1);
    assert_int_equal(forget(f), 0);
    assert_int_equal(forget(f), -1);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(topics); i++)
        assert_non_null(strstr(f->messages.data, topics[i]));
    assert_null(strstr(strstr(f->messages.data, "/delta") + 1, "/delta")); /* once: then both were equal */
    assert_int_equal(f->changes, 3);
}

static void names_are_listed_in_pages(void **st)
{
    struct fixture *f = *st;

    assert_int_equal(update_named(f, "conf", "{\"state\":{}}"), 0);
    sedge_shadows_on_change(f->sh, NULL, NULL);
    assert_int_equal(update_named(f, "b", "{\"state\":{}}"), 0);
    assert_int_equal(update_named(f, "z", "{\"state\":{}}"), 0);
    assert_int_equal(update_named(f, "", "{\"state\":{}}"), 0); /* classic: not in the list */
    sedge_shadows_list(f->sh, "cam", "", 2, done_cb, f);
    assert_int_equal(wait_done(f), 0);
    assert_int_equal(f->names.n, 2);
    assert_string_equal(f->names.v[0], "b");
    sedge_shadows_list(f->sh, "cam", f->names.v[1], 2, done_cb, f);
    assert_int_equal(wait_done(f), 0);
    assert_int_equal(f->names.n, 1);
    assert_string_equal(f->names.v[0], "z");
    sedge_shadows_list(f->sh, "other", "", 2, done_cb, f);
    assert_int_equal(wait_done(f), 0);
    assert_int_equal(f->names.n, 0);
}

static int damage_work(struct sedge_db *db, void *arg, struct sedge_err *err)
{
    (void)arg;
    return sedge_db_exec(db, "UPDATE shadow SET document='{'", err);
}

static void a_damaged_shadow_is_reported_and_can_be_deleted(void **st)
{
    struct fixture *f = *st;

    assert_int_equal(update(f, "{\"state\":{}}"), 0);
    sedge_dbw_submit(f->writer, damage_work, NULL, NULL);
    assert_int_equal(get(f), -1);
    assert_int_equal(f->err.code, SEDGE_E_CORRUPT);
    assert_int_equal(forget(f), 0);
    assert_int_equal(update(f, "{\"state\":{}}"), 0);
    assert_int_equal(f->version, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_written_is_there_after_a_reopen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(versions_go_on_after_delete_and_reopen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refused_update_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_size_limit_is_live, set_up, tear_down),
        cmocka_unit_test_setup_teardown(subscribers_are_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_are_listed_in_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_shadow_is_reported_and_can_be_deleted, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
