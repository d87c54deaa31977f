/* Several connections of one process to one database. */
#include "../test.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/db.h"
#include "base/fs.h"
#include "base/mem.h"

#define LOCK_BYTES 0x40000002 /* where SQLite keeps the locks of readers (its file format) */
#define LOCK_COUNT 510

/* As another process: whether the database is in use. */
static bool in_use(const char *path)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = LOCK_BYTES, .l_len = LOCK_COUNT};
        int fd = open(path, O_RDWR | O_CLOEXEC);

        _exit(fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

static void a_second_connection_leaves_the_locks_of_the_first_alone(void **st)
{
    char dir[] = "/tmp/sedge-db-XXXXXX";
    sedge_auto_free char *path = NULL;
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_db *one, *two;

    (void)st;
    assert_non_null(mkdtemp(dir));
    path = sedge_xasprintf("%s/db", dir);
    one = sedge_db_open(path, "CREATE TABLE t(v)", 1, &err);
    assert_non_null(one);
    assert_true(in_use(path));
    two = sedge_db_open(path, "CREATE TABLE t(v)", 1, &err);
    assert_non_null(two);
    sedge_db_close(two);
    assert_true(in_use(path));
    two = sedge_db_open(path, "CREATE TABLE t(v)", 1, &err);
    assert_true(in_use(path));
    sedge_db_close(two);
    sedge_db_close(one);
    assert_false(in_use(path));
    assert_int_equal(sedge_fs_remove_tree(dir, NULL), 0);
}

static void a_folder_that_is_not_there_is_named(void **st)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)st;
    assert_null(sedge_db_open("/nowhere/at/all/db", "CREATE TABLE t(v)", 1, &err));
    assert_non_null(strstr(err.msg, "/nowhere/at/all/db"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_connection_leaves_the_locks_of_the_first_alone),
        cmocka_unit_test(a_folder_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
