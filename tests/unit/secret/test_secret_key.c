#include "../test.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "secret/key.h"

#include <sys/stat.h>
#include <unistd.h>

static char dir[64];
static char path[128];

static int setup(void **st)
{
    (void)st;
    sedge_log_set_level(SEDGE_ERROR);
    (void)snprintf(dir, sizeof dir, "/tmp/sedge-key-XXXXXX");
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/secret.key", dir);
    return 0;
}

static int teardown(void **st)
{
    (void)st;
    return sedge_fs_remove_tree(dir, NULL);
}

static void a_new_key_is_for_its_owner_alone_and_is_read_back(void **st)
{
    struct sedge_secret_key made, read;
    struct stat info;

    (void)st;
    assert_int_equal(sedge_secret_key_create(path, &made, NULL), 0);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(info.st_size, SEDGE_SEAL_KEY_LEN);
    assert_int_equal(sedge_secret_key_load(path, &read, NULL), 0);
    assert_memory_equal(&made, &read, sizeof made);
    assert_int_equal(strlen(made.id), SEDGE_SECRET_KEY_ID_LEN);
}

static void two_keys_are_different_and_so_are_their_ids(void **st)
{
    struct sedge_secret_key a, b;

    (void)st;
    assert_int_equal(sedge_secret_key_create(path, &a, NULL), 0);
    assert_int_equal(sedge_secret_key_create(path, &b, NULL), 0);
    assert_memory_not_equal(a.bytes, b.bytes, sizeof a.bytes);
    assert_string_not_equal(a.id, b.id);
}

static void a_missing_key_is_not_found(void **st)
{
    struct sedge_secret_key k;
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)st;
    assert_int_equal(sedge_secret_key_load(path, &k, &err), -1);
    assert_int_equal(err.code, SEDGE_E_NOT_FOUND);
    assert_string_equal(k.id, "");
}

static void a_key_that_others_could_read_is_closed_to_them(void **st)
{
    struct sedge_secret_key k;
    struct stat info;

    (void)st;
    assert_int_equal(sedge_secret_key_create(path, &k, NULL), 0);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(sedge_secret_key_load(path, &k, NULL), 0);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
}

static void what_is_not_the_key_is_refused(void **st)
{
    struct sedge_secret_key k;
    struct sedge_err err = SEDGE_ERR_INIT;
    char other[128];

    (void)st;
    assert_int_equal(sedge_fs_write_atomic(path, "short", 5, 0600, NULL), 0);
    assert_int_equal(sedge_secret_key_load(path, &k, &err), -1);
    assert_non_null(strstr(err.msg, "has 5 bytes, not 32"));
    (void)snprintf(other, sizeof other, "%s/other", dir);
    assert_int_equal(sedge_secret_key_create(other, &k, NULL), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(other, path), 0);
    assert_int_equal(sedge_secret_key_load(path, &k, &err), -1);
    assert_non_null(strstr(err.msg, "is a link"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(sedge_secret_key_load(path, &k, &err), -1);
    assert_non_null(strstr(err.msg, "is not a regular file"));
    assert_int_equal(rmdir(path), 0);
}

static void a_key_of_another_user_is_refused(void **st)
{
    struct sedge_secret_key k;
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)st;
    if (geteuid() != 0) skip();
    assert_int_equal(sedge_secret_key_create(path, &k, NULL), 0);
    assert_int_equal(chown(path, 65534, (gid_t)-1), 0);
    assert_int_equal(sedge_secret_key_load(path, &k, &err), -1);
    assert_int_equal(err.code, SEDGE_E_DENIED);
    assert_non_null(strstr(err.msg, "belongs to user 65534"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_key_is_for_its_owner_alone_and_is_read_back, setup, teardown),
        cmocka_unit_test_setup_teardown(two_keys_are_different_and_so_are_their_ids, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_key_is_not_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_that_others_could_read_is_closed_to_them, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_the_key_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_key_of_another_user_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
