#include "../test.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/mem.h"

static char dir[] = "/tmp/sedge-fs-XXXXXX";

static char *path_of(const char *name)
{
    return sedge_xasprintf("%s/%s", dir, name);
}

static void assert_content(const char *name, const char *want)
{
    sedge_auto_free char *path = path_of(name);
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;

    assert_int_equal(sedge_fs_read(path, 1000, &text, NULL), 0);
    sedge_buf_puts(&text, "");
    assert_string_equal(text.data, want);
}

static void add(struct sedge_fs_batch *b, const char *name, const char *text)
{
    sedge_auto_free char *path = path_of(name);

    assert_int_equal(sedge_fs_batch_add(b, path, text, strlen(text), 0640, NULL), 0);
}

static bool is_there(const char *name)
{
    sedge_auto_free char *path = path_of(name);

    return sedge_fs_exists(path);
}

static void a_batch_is_in_its_place_only_after_its_commit(void **st)
{
    sedge_auto_free char *sub = path_of("sub"), *a = path_of("a");
    struct sedge_fs_batch b = {{NULL, 0}};
    struct stat s;

    (void)st;
    assert_int_equal(sedge_fs_mkdirs(sub, 0700, NULL), 0);
    assert_int_equal(sedge_fs_write_atomic(a, "old", 3, 0600, NULL), 0);
    add(&b, "a", "first");
    add(&b, "sub/b", "in a folder");
    add(&b, "a", "new"); /* the last of one name counts */
    add(&b, "c", "");
    assert_content("a", "old");
    assert_false(is_there("sub/b"));
    assert_int_equal(sedge_fs_batch_commit(&b, NULL), 0);
    assert_content("a", "new");
    assert_content("sub/b", "in a folder");
    assert_content("c", "");
    assert_false(is_there("a.new"));
    assert_int_equal(stat(a, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0640);
    assert_int_equal(sedge_fs_batch_commit(&b, NULL), 0); /* nothing left to do */
    sedge_fs_batch_release(&b);
}

static void a_batch_that_is_given_up_leaves_nothing(void **st)
{
    struct sedge_fs_batch b = {{NULL, 0}};
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_free char *nowhere = path_of("missing/x");

    (void)st;
    add(&b, "d", "text");
    assert_int_equal(sedge_fs_batch_add(&b, nowhere, "x", 1, 0600, &err), -1);
    assert_non_null(strstr(err.msg, "missing/x"));
    sedge_fs_batch_release(&b);
    assert_false(is_there("d"));
    assert_false(is_there("d.new"));
}

static int make(void **st)
{
    (void)st;
    return mkdtemp(dir) ? 0 : -1;
}

static int drop(void **st)
{
    (void)st;
    return sedge_fs_remove_tree(dir, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_batch_is_in_its_place_only_after_its_commit),
                                       cmocka_unit_test(a_batch_that_is_given_up_leaves_nothing)};
    return cmocka_run_group_tests(tests, make, drop);
}
