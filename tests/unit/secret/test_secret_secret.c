#include "../test.h"

#include "base/db.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "secret/secret.h"

#include <sys/stat.h>
#include <unistd.h>

/* A store in a folder of its own; the last answer of a callback is in the fields. */
struct fixture {
    uv_loop_t loop;
    struct sedge_secrets *s;
    char dir[64];
    bool done;
    int opened;
    struct sedge_err err;
    char *value;
    size_t len;
    char arn[256], version[128];
};

static void open_store(struct fixture *x)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    x->s = sedge_secrets_open(&x->loop, x->dir, &err);
    if (!sedge_secrets_is_open(x->s)) fail_msg("%s", err.msg);
}

static void reopen(struct fixture *x)
{
    sedge_secrets_close(x->s);
    open_store(x);
}

static int setup(void **st)
{
    struct fixture *x = SEDGE_NEW(struct fixture);

    sedge_log_set_level(SEDGE_ERROR + 1);
    (void)snprintf(x->dir, sizeof x->dir, "/tmp/sedge-secret-XXXXXX");
    assert_non_null(mkdtemp(x->dir));
    assert_int_equal(uv_loop_init(&x->loop), 0);
    open_store(x);
    *st = x;
    return 0;
}

static int teardown(void **st)
{
    struct fixture *x = *st;

    sedge_secrets_close(x->s);
    (void)uv_run(&x->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&x->loop), 0);
    assert_int_equal(sedge_fs_remove_tree(x->dir, NULL), 0);
    free(x->value);
    free(x);
    return 0;
}

static void finish(struct fixture *x)
{
    while (!x->done)
        (void)uv_run(&x->loop, UV_RUN_ONCE);
}

static void done_cb(void *arg, const struct sedge_secret *s, const struct sedge_secret_version *v,
                    const struct sedge_err *err)
{
    struct fixture *x = arg;

    x->done = true;
    x->err = *err;
    if (s) (void)snprintf(x->arn, sizeof x->arn, "%s", s->arn);
    if (v) (void)snprintf(x->version, sizeof x->version, "%s", v->id);
}

static void value_cb(void *arg, const char *data, size_t len, const struct sedge_err *err)
{
    struct fixture *x = arg;

    x->done = true;
    x->err = *err;
    x->len = len;
    free(x->value);
    x->value = data ? sedge_xstrndup(data, len) : NULL;
}

static enum sedge_err_code set_new(struct fixture *x, struct sedge_secret_new in)
{
    x->done = false;
    sedge_secrets_set(x->s, &in, done_cb, x);
    assert_false(x->done);
    finish(x);
    return x->err.code;
}

static enum sedge_err_code set(struct fixture *x, const char *name, const char *value, const char *version,
                               const char *label)
{
    char *labels[] = {(char *)(uintptr_t)label};
    struct sedge_strv list = {labels, 1};

    return set_new(
        x,
        (struct sedge_secret_new){
            .name = name, .version_id = version, .labels = label ? &list : NULL, .data = value, .len = strlen(value)});
}

static enum sedge_err_code drop(struct fixture *x, const char *id, const char *version)
{
    x->done = false;
    sedge_secrets_remove(x->s, id, version, done_cb, x);
    finish(x);
    return x->err.code;
}

/* The value with a label, NULL if it cannot be read. */
static const char *get(struct fixture *x, const char *id, const char *label)
{
    const struct sedge_secret *s = sedge_secrets_find(x->s, id);
    const struct sedge_secret_version *v = s ? sedge_secret_labelled(s, label) : NULL;

    if (!v) return "(none)";
    x->done = false;
    assert_int_equal(sedge_secrets_read(x->s, s, v, value_cb, x, NULL), 0);
    finish(x);
    return x->value;
}

static const char *current(struct fixture *x, const char *id)
{
    return get(x, id, SEDGE_SECRET_CURRENT);
}

/* The store has its file for itself. */
static void sql(struct fixture *x, const char *text)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/secrets.db", x->dir);
    struct sedge_db *db;

    sedge_secrets_close(x->s);
    db = sedge_db_open(path, "", 1, NULL);
    assert_non_null(db);
    assert_int_equal(sedge_db_exec(db, text, NULL), 0);
    sedge_db_close(db);
    open_store(x);
}

static void opened_cb(void *arg, const struct sedge_err *err)
{
    struct fixture *x = arg;

    x->done = true;
    x->opened++;
    x->err = *err;
}

static enum sedge_err_code open_again(struct fixture *x)
{
    x->done = false;
    sedge_secrets_open_again(x->s, opened_cb, x);
    finish(x);
    return x->err.code;
}

/* The next life, in which a folder is where the database has to be made. */
static char *block_store(struct fixture *x)
{
    char *path = sedge_xasprintf("%s/secrets.db", x->dir);
    struct sedge_err err = SEDGE_ERR_INIT;

    sedge_secrets_close(x->s);
    (void)unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    x->s = sedge_secrets_open(&x->loop, x->dir, &err);
    assert_false(sedge_secrets_is_open(x->s));
    assert_int_not_equal(err.code, SEDGE_OK);
    return path;
}

static char *key_path(struct fixture *x)
{
    return sedge_xasprintf("%s/secret.key", x->dir);
}

/* ---- tests ---- */

static void a_value_is_found_by_name_and_by_arn_also_after_a_restart(void **st)
{
    struct fixture *x = *st;

    assert_int_equal(set(x, "team/db", "s3cret", NULL, NULL), SEDGE_OK);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(current(x, "team/db"), "s3cret");
        assert_string_equal(current(x, x->arn), "s3cret");
        assert_true(sedge_is_uuid(sedge_secrets_find(x->s, "team/db")->versions[0].id));
        reopen(x);
    }
    assert_null(sedge_secrets_find(x->s, "team"));
}

static void bytes_of_any_kind_come_back_as_they_were(void **st)
{
    struct fixture *x = *st;
    char bytes[SEDGE_SECRET_VALUE_MAX];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)i;
    assert_int_equal(
        set_new(x, (struct sedge_secret_new){.name = "b", .data = bytes, .len = sizeof bytes, .binary = true}),
        SEDGE_OK);
    (void)current(x, "b");
    assert_int_equal(x->len, sizeof bytes);
    assert_true(sedge_secrets_find(x->s, "b")->versions[0].binary);
}

static int look_for_value(const char *path, const char *relative, void *user, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf content = SEDGE_BUF_INIT;
    struct stat info;

    (void)relative;
    assert_int_equal(stat(path, &info), 0);
    if (info.st_mode & 0077) fail_msg("%s can be read by others", path);
    if (sedge_fs_read(path, 1 << 24, &content, err) != 0) return -1;
    if (memmem(content.data, content.len, user, strlen(user))) fail_msg("%s has the value in clear", path);
    return 0;
}

static void no_file_has_the_value_in_clear_or_is_open_to_others(void **st)
{
    static char value[] = "unmistakable-value-4711";
    struct fixture *x = *st;

    assert_int_equal(set(x, "db", value, NULL, NULL), SEDGE_OK);
    assert_int_equal(sedge_fs_walk(x->dir, look_for_value, value, NULL), 0);
    reopen(x);
    assert_int_equal(sedge_fs_walk(x->dir, look_for_value, value, NULL), 0);
}

static void a_new_value_is_current_and_the_one_before_is_previous(void **st)
{
    struct fixture *x = *st;

    assert_int_equal(set(x, "db", "one", "v1", NULL), SEDGE_OK);
    assert_string_equal(get(x, "db", SEDGE_SECRET_PREVIOUS), "(none)");
    assert_int_equal(set(x, "db", "two", "v2", NULL), SEDGE_OK);
    assert_int_equal(set(x, "db", "three", "v3", NULL), SEDGE_OK);
    assert_string_equal(current(x, "db"), "three");
    assert_string_equal(get(x, "db", SEDGE_SECRET_PREVIOUS), "two");
    assert_int_equal(sedge_secret_version(sedge_secrets_find(x->s, "db"), "v1")->labels.n, 0);
}

static void a_label_of_ones_own_does_not_move_the_current_one(void **st)
{
    struct fixture *x = *st;

    assert_int_equal(set(x, "db", "one", "v1", "blue"), SEDGE_OK);
    assert_string_equal(current(x, "db"), "one"); /* the first is current in any case */
    assert_int_equal(set(x, "db", "two", "v2", "green"), SEDGE_OK);
    assert_string_equal(current(x, "db"), "one");
    assert_string_equal(get(x, "db", "green"), "two");
    assert_int_equal(set(x, "db", "three", "v3", "green"), SEDGE_OK);
    assert_string_equal(get(x, "db", "green"), "three");
    assert_string_equal(get(x, "db", "blue"), "one");
}

static void the_oldest_version_without_a_label_makes_room(void **st)
{
    struct fixture *x = *st;
    const struct sedge_secret *s;

    assert_int_equal(set(x, "db", "first", "v0", "keep"), SEDGE_OK);
    for (int i = 1; i <= SEDGE_SECRET_VERSIONS_MAX + 3; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "v%d", i);
        assert_int_equal(set(x, "db", id, id, NULL), SEDGE_OK);
    }
    s = sedge_secrets_find(x->s, "db");
    assert_int_equal(s->n, SEDGE_SECRET_VERSIONS_MAX);
    assert_string_equal(get(x, "db", "keep"), "first");
    assert_null(sedge_secret_version(s, "v4"));
    assert_non_null(sedge_secret_version(s, "v5"));
}

static void a_version_more_than_there_is_room_for_is_refused_and_nothing_is_changed(void **st)
{
    struct fixture *x = *st;

    for (int i = 0; i < SEDGE_SECRET_VERSIONS_MAX; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "v%d", i);
        assert_int_equal(set(x, "db", id, id, id), SEDGE_OK);
    }
    assert_int_equal(set(x, "db", "more", "more", "more"), SEDGE_E_LIMIT);
    assert_non_null(strstr(x->err.msg, "all have labels"));
    reopen(x);
    assert_int_equal(sedge_secrets_find(x->s, "db")->n, SEDGE_SECRET_VERSIONS_MAX);
    assert_string_equal(current(x, "db"), "v0");
}

static void the_same_version_again_is_fine_and_another_value_for_it_is_not(void **st)
{
    struct fixture *x = *st;

    assert_int_equal(set(x, "db", "one", "v1", NULL), SEDGE_OK);
    assert_int_equal(set(x, "db", "two", "v2", NULL), SEDGE_OK);
    assert_int_equal(set(x, "db", "one", "v1", NULL), SEDGE_OK);
    assert_string_equal(current(x, "db"), "two");
    assert_int_equal(set(x, "db", "changed", "v1", NULL), SEDGE_E_CONFLICT);
    assert_null(strstr(x->err.msg, "changed")); /* the text never has a value */
}

static void a_name_and_an_arn_belong_together(void **st)
{
    static const char arn[] = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf";
    struct fixture *x = *st;

    assert_int_equal(set_new(x, (struct sedge_secret_new){.arn = arn, .data = "v", .len = 1}), SEDGE_OK);
    assert_string_equal(current(x, "db"), "v");
    assert_int_equal(set(x, "db", "w", NULL, NULL), SEDGE_OK);
    assert_string_equal(current(x, arn), "w");
    assert_int_equal(
        set_new(x,
                (struct sedge_secret_new){.arn = "arn:aws:secretsmanager:r:1:secret:db-000000", .data = "v", .len = 1}),
        SEDGE_E_CONFLICT);
    assert_int_equal(set_new(x, (struct sedge_secret_new){.name = "other", .arn = arn, .data = "v", .len = 1}),
                     SEDGE_E_INVALID);
}

static void what_makes_no_sense_is_refused_with_the_reason_and_without_the_value(void **st)
{
    static char large[SEDGE_SECRET_VALUE_MAX + 1];
    static const struct {
        const char *name, *value, *version, *label, *text;
        enum sedge_err_code code;
    } rows[] = {
        {"a b", "value", NULL, NULL, "is not a name", SEDGE_E_INVALID},
        {"", "value", NULL, NULL, "is not a name", SEDGE_E_INVALID},
        {"db", "", NULL, NULL, "is empty", SEDGE_E_INVALID},
        {"db", "value", "", NULL, "no version id", SEDGE_E_INVALID},
        {"db", "value", "a b", NULL, "no version id", SEDGE_E_INVALID},
        {"db", "value", NULL, "a\tb", "no staging label", SEDGE_E_INVALID},
        {"db", "value\xff", NULL, NULL, "not UTF-8", SEDGE_E_INVALID},
        {"db", large, NULL, NULL, "has 65537 bytes, at most 65536", SEDGE_E_LIMIT},
    };
    struct fixture *x = *st;

    memset(large, 'x', sizeof large);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        size_t n = rows[i].value == large ? sizeof large : strlen(rows[i].value);
        char *labels[] = {(char *)(uintptr_t)rows[i].label};
        struct sedge_strv list = {labels, rows[i].label ? 1 : 0};
        struct sedge_secret_new in = {
            .name = rows[i].name, .version_id = rows[i].version, .labels = &list, .data = rows[i].value, .len = n};
        assert_int_equal(set_new(x, in), rows[i].code);
        if (!strstr(x->err.msg, rows[i].text)) fail_msg("row %zu: %s", i, x->err.msg);
        if (strstr(x->err.msg, "value\xff")) fail_msg("row %zu shows the value", i);
    }
    assert_int_equal(sedge_secrets_count(x->s), 0);
}

static void secrets_are_listed_by_name(void **st)
{
    struct fixture *x = *st;

    assert_int_equal(set(x, "b", "1", NULL, NULL), SEDGE_OK);
    assert_int_equal(set(x, "c", "1", NULL, NULL), SEDGE_OK);
    assert_int_equal(set(x, "a", "1", NULL, NULL), SEDGE_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sedge_secrets_count(x->s), 3);
        assert_string_equal(sedge_secrets_at(x->s, 0)->name, "a");
        assert_string_equal(sedge_secrets_at(x->s, 2)->name, "c");
        reopen(x);
    }
}

static void a_removed_secret_is_gone_with_all_its_versions(void **st)
{
    struct fixture *x = *st;

    assert_int_equal(set(x, "db", "one", NULL, NULL), SEDGE_OK);
    assert_int_equal(set(x, "db", "two", NULL, NULL), SEDGE_OK);
    assert_int_equal(set(x, "other", "stays", NULL, NULL), SEDGE_OK);
    assert_int_equal(drop(x, "db", NULL), SEDGE_OK);
    assert_int_equal(drop(x, "db", NULL), SEDGE_E_NOT_FOUND);
    reopen(x);
    assert_null(sedge_secrets_find(x->s, "db"));
    assert_string_equal(current(x, "other"), "stays");
}

static void one_version_can_be_removed_but_not_the_current_one(void **st)
{
    struct fixture *x = *st;

    assert_int_equal(set(x, "db", "one", "v1", NULL), SEDGE_OK);
    assert_int_equal(set(x, "db", "two", "v2", NULL), SEDGE_OK);
    assert_int_equal(drop(x, "db", "v2"), SEDGE_E_CONFLICT);
    assert_int_equal(drop(x, "db", "v3"), SEDGE_E_NOT_FOUND);
    assert_int_equal(drop(x, "db", "v1"), SEDGE_OK);
    assert_string_equal(x->version, "v1");
    assert_int_equal(sedge_secrets_find(x->s, "db")->n, 1);
    assert_string_equal(current(x, "db"), "two");
}

static void a_changed_record_is_refused_by_name_and_the_others_are_read(void **st)
{
    struct fixture *x = *st;

    assert_int_equal(set(x, "db", "one", NULL, NULL), SEDGE_OK);
    assert_int_equal(set(x, "other", "fine", NULL, NULL), SEDGE_OK);
    sql(x, "UPDATE version SET sealed = substr(sealed, 1, 12) || CASE substr(sealed, 13, 1) WHEN x'00' THEN x'01' ELSE "
           "x'00' END"
           " || substr(sealed, 14) WHERE secret = 1");
    assert_null(current(x, "db"));
    assert_int_equal(x->err.code, SEDGE_E_DIGEST);
    assert_non_null(strstr(x->err.msg, "secret:db-"));
    assert_string_equal(current(x, "other"), "fine");
}

static void a_record_moved_to_another_secret_is_refused(void **st)
{
    struct fixture *x = *st;

    assert_int_equal(set(x, "weak", "mine", "v1", NULL), SEDGE_OK);
    assert_int_equal(set(x, "strong", "theirs", "v1", NULL), SEDGE_OK);
    sql(x, "UPDATE version SET sealed = (SELECT sealed FROM version WHERE secret = 2) WHERE secret = 1");
    assert_null(current(x, "weak"));
    assert_int_equal(x->err.code, SEDGE_E_DIGEST);
}

static void with_another_key_old_values_are_refused_by_name_and_new_ones_work(void **st)
{
    struct fixture *x = *st;
    sedge_auto_free char *path = key_path(x);

    assert_int_equal(set(x, "db", "one", NULL, NULL), SEDGE_OK);
    sedge_secrets_close(x->s);
    assert_int_equal(sedge_fs_write_atomic(path, "01234567890123456789012345678901", 32, 0600, NULL), 0);
    open_store(x);
    assert_null(current(x, "db"));
    assert_int_equal(x->err.code, SEDGE_E_DENIED);
    assert_non_null(strstr(x->err.msg, "secret:db-"));
    assert_non_null(strstr(x->err.msg, "another key"));
    assert_int_equal(set(x, "db", "two", NULL, NULL), SEDGE_OK);
    assert_string_equal(current(x, "db"), "two");
}

static void with_a_lost_key_old_values_are_refused_until_they_are_set_anew(void **st)
{
    struct fixture *x = *st;
    sedge_auto_free char *path = key_path(x);

    assert_int_equal(set(x, "db", "one", NULL, NULL), SEDGE_OK);
    assert_int_equal(unlink(path), 0);
    reopen(x);
    assert_null(current(x, "db"));
    assert_non_null(strstr(x->err.msg, "missing"));
    assert_false(sedge_fs_exists(path)); /* reading makes none: the old one may come back */
    assert_int_equal(set(x, "db", "two", NULL, NULL), SEDGE_OK);
    assert_string_equal(current(x, "db"), "two");
    assert_null(get(x, "db", SEDGE_SECRET_PREVIOUS));
}

static void a_key_file_that_is_none_is_not_replaced(void **st)
{
    struct fixture *x = *st;
    sedge_auto_free char *path = key_path(x);

    assert_int_equal(sedge_fs_write_atomic(path, "half", 4, 0600, NULL), 0);
    reopen(x);
    assert_int_equal(set(x, "db", "one", NULL, NULL), SEDGE_E_INVALID);
    assert_non_null(strstr(x->err.msg, "has 4 bytes, not 32"));
}

static void a_damaged_database_is_kept_aside_and_a_new_one_begun(void **st)
{
    struct fixture *x = *st;
    sedge_auto_free char *path = sedge_xasprintf("%s/secrets.db", x->dir);
    sedge_auto_free char *bad = sedge_xasprintf("%s.bad", path);
    char rubbish[4096];

    memset(rubbish, 'r', sizeof rubbish);
    assert_int_equal(set(x, "db", "one", NULL, NULL), SEDGE_OK);
    sedge_secrets_close(x->s);
    assert_int_equal(sedge_fs_write_atomic(path, rubbish, sizeof rubbish, 0600, NULL), 0);
    open_store(x);
    assert_int_equal(sedge_secrets_count(x->s), 0);
    assert_true(sedge_fs_exists(bad));
    assert_int_equal(set(x, "db", "two", NULL, NULL), SEDGE_OK);
}

static void a_store_that_could_not_be_opened_is_when_the_reason_is_gone(void **st)
{
    struct fixture *x = *st;
    sedge_auto_free char *path = block_store(x);

    assert_int_not_equal(open_again(x), SEDGE_OK);
    assert_false(sedge_secrets_is_open(x->s));
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(open_again(x), SEDGE_OK);
    assert_true(sedge_secrets_is_open(x->s));
    assert_int_equal(set(x, "db", "one", NULL, NULL), SEDGE_OK);
    assert_string_equal(current(x, "db"), "one");
}

static void who_asks_while_it_is_being_opened_shares_the_attempt(void **st)
{
    struct fixture *x = *st;
    sedge_auto_free char *path = block_store(x);

    assert_int_equal(rmdir(path), 0);
    for (int i = 0; i < 3; i++)
        sedge_secrets_open_again(x->s, opened_cb, x);
    assert_int_equal(x->opened, 0);
    (void)uv_run(&x->loop, UV_RUN_DEFAULT);
    assert_int_equal(x->opened, 3);
    assert_true(sedge_secrets_is_open(x->s));
}

static void nobody_waits_in_line_without_end(void **st)
{
    struct fixture *x = *st;
    const struct sedge_secret *s;
    struct sedge_err err = SEDGE_ERR_INIT;

    assert_int_equal(set(x, "db", "one", NULL, NULL), SEDGE_OK);
    s = sedge_secrets_find(x->s, "db");
    for (int i = 0; i < SEDGE_SECRET_READS_MAX; i++)
        assert_int_equal(sedge_secrets_read(x->s, s, &s->versions[0], value_cb, x, NULL), 0);
    assert_int_equal(sedge_secrets_read(x->s, s, &s->versions[0], value_cb, x, &err), -1);
    assert_int_equal(err.code, SEDGE_E_LIMIT);
    (void)uv_run(&x->loop, UV_RUN_DEFAULT);
    assert_string_equal(current(x, "db"), "one");
}

static void two_sets_in_a_row_do_not_lose_a_version(void **st)
{
    struct fixture *x = *st;
    struct sedge_secret_new in = {.name = "db", .version_id = "v1", .data = "1", .len = 1};

    sedge_secrets_set(x->s, &in, done_cb, x);
    in = (struct sedge_secret_new){.name = "db", .version_id = "v2", .data = "2", .len = 1};
    assert_int_equal(set_new(x, in), SEDGE_OK);
    (void)uv_run(&x->loop, UV_RUN_DEFAULT);
    assert_int_equal(sedge_secrets_count(x->s), 1);
    assert_string_equal(current(x, "db"), "2");
    assert_string_equal(get(x, "db", SEDGE_SECRET_PREVIOUS), "1");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_value_is_found_by_name_and_by_arn_also_after_a_restart),
        TEST(bytes_of_any_kind_come_back_as_they_were),
        TEST(no_file_has_the_value_in_clear_or_is_open_to_others),
        TEST(a_new_value_is_current_and_the_one_before_is_previous),
        TEST(a_label_of_ones_own_does_not_move_the_current_one),
        TEST(the_oldest_version_without_a_label_makes_room),
        TEST(a_version_more_than_there_is_room_for_is_refused_and_nothing_is_changed),
        TEST(the_same_version_again_is_fine_and_another_value_for_it_is_not),
        TEST(a_name_and_an_arn_belong_together),
        TEST(what_makes_no_sense_is_refused_with_the_reason_and_without_the_value),
        TEST(secrets_are_listed_by_name),
        TEST(a_removed_secret_is_gone_with_all_its_versions),
        TEST(one_version_can_be_removed_but_not_the_current_one),
        TEST(a_changed_record_is_refused_by_name_and_the_others_are_read),
        TEST(a_record_moved_to_another_secret_is_refused),
        TEST(with_another_key_old_values_are_refused_by_name_and_new_ones_work),
        TEST(with_a_lost_key_old_values_are_refused_until_they_are_set_anew),
        TEST(a_key_file_that_is_none_is_not_replaced),
        TEST(a_damaged_database_is_kept_aside_and_a_new_one_begun),
        TEST(a_store_that_could_not_be_opened_is_when_the_reason_is_gone),
        TEST(who_asks_while_it_is_being_opened_shares_the_attempt),
        TEST(nobody_waits_in_line_without_end),
        TEST(two_sets_in_a_row_do_not_lose_a_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
