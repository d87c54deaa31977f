#include "../test.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/logfile.h"
#include "base/mem.h"
#include "base/proc.h"

static char dir[64];

static int make_dir(void **st)
{
    (void)st;
    (void)snprintf(dir, sizeof(dir), "/tmp/sedge-logfile-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **st)
{
    (void)st;
    return sedge_fs_remove_tree(dir, NULL);
}

static int64_t fake_ms;
static int64_t fake_clock(void)
{
    return fake_ms;
}

static size_t count_files(const char *prefix, int64_t *bytes)
{
    DIR *d = opendir(dir);
    struct dirent *e;
    size_t n = 0;

    assert_non_null(d);
    *bytes = 0;
    while ((e = readdir(d))) {
        char path[512];
        struct stat s;
        if (strncmp(e->d_name, prefix, strlen(prefix)) != 0) continue;
        (void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        assert_int_equal(stat(path, &s), 0);
        *bytes += s.st_size;
        n++;
    }
    (void)closedir(d);
    return n;
}

static char *read_text(const char *name)
{
    struct sedge_buf b = SEDGE_BUF_INIT;
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    assert_int_equal(sedge_fs_read(path, 1u << 20, &b, NULL), 0);
    return sedge_buf_steal(&b);
}

static void a_file_appears_with_its_first_line_and_is_private(void **st)
{
    struct sedge_logfile *f = sedge_logfile_new(dir, "a.b");
    sedge_auto_free char *text = NULL;
    char path[128];
    struct stat s;

    (void)st;
    (void)snprintf(path, sizeof(path), "%s/a.b.log", dir);
    assert_false(sedge_fs_exists(path));
    sedge_logfile_write(f, "one\n", 4);
    sedge_logfile_write(f, "two\n", 4);
    sedge_logfile_free(f);
    f = sedge_logfile_new(dir, "a.b");
    sedge_logfile_write(f, "three\n", 6);
    sedge_logfile_free(f);
    text = read_text("a.b.log");
    assert_string_equal(text, "one\ntwo\nthree\n");
    assert_int_equal(stat(path, &s), 0);
    assert_int_equal(s.st_mode & 0777, 0600);
}

static void a_full_file_is_rotated_and_the_total_stays_bounded(void **st)
{
    struct sedge_logfile *f = sedge_logfile_new(dir, "rot");
    char line[128];
    int64_t bytes;
    size_t n;

    (void)st;
    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\n';
    sedge_logfile_limits(f, 1, 5);
    for (int i = 0; i < 1000; i++)
        sedge_logfile_write(f, line, sizeof(line));
    sedge_logfile_free(f);
    n = count_files("rot", &bytes);
    assert_in_range(n, 4, 6);
    assert_in_range(bytes, 3 * 1024, 5 * 1024);
}

static void rotated_names_carry_the_hour_and_count_up(void **st)
{
    struct sedge_logfile *f = sedge_logfile_new(dir, "x_2024_01_02_03_4");
    char stamp[64], want[512];
    time_t now = time(NULL);
    struct tm tm;

    (void)st;
    fake_ms = (int64_t)now * 1000; /* one hour throughout */
    sedge_logfile_clock(f, fake_clock);
    sedge_logfile_limits(f, 1, 100);
    for (int i = 0; i < 3; i++) {
        char chunk[1000];
        memset(chunk, 'a' + i, sizeof(chunk));
        sedge_logfile_write(f, chunk, sizeof(chunk));
    }
    sedge_logfile_free(f);
    assert_non_null(localtime_r(&now, &tm));
    assert_true(strftime(stamp, sizeof(stamp), "%Y_%m_%d_%H", &tm) > 0);
    for (int i = 0; i < 2; i++) {
        (void)snprintf(want, sizeof(want), "%s/x_2024_01_02_03_4_%s_%d.log", dir, stamp, i);
        if (!sedge_fs_exists(want)) fail_msg("missing %s", want);
    }
}

static void a_file_of_an_earlier_hour_is_rotated_when_it_is_opened(void **st)
{
    struct sedge_logfile *f = sedge_logfile_new(dir, "old");
    struct timespec times[2] = {{1700000000, 0}, {1700000000, 0}};
    sedge_auto_free char *text = NULL;
    char path[128];
    int64_t bytes;

    (void)st;
    sedge_logfile_write(f, "before\n", 7);
    sedge_logfile_reopen(f);
    (void)snprintf(path, sizeof(path), "%s/old.log", dir);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    sedge_logfile_write(f, "after\n", 6);
    sedge_logfile_free(f);
    text = read_text("old.log");
    assert_string_equal(text, "after\n");
    assert_int_equal(count_files("old_2023_11_1", &bytes), 1);
}

static void trimming_touches_only_files_of_exactly_this_name(void **st)
{
    static const char *const names[] = {"t_2024_01_01_10_0.log",   "t_2024_01_01_10_2.log", "t_2024_01_01_10_11.log",
                                        "t_x_2024_01_01_10_0.log", "t_2024_01_01_10_0.txt", "t_2024_01_01.log"};
    int64_t bytes;

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(names); i++) {
        char path[256];
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        assert_int_equal(sedge_fs_write_atomic(path, "0123456789", 10, 0600, NULL), 0);
    }
    sedge_logfile_trim(dir, "t", 15, 5, 10);
    assert_int_equal(count_files("t_2024_01_01_10_0.log", &bytes), 0);
    assert_int_equal(count_files("t_2024_01_01_10_2.log", &bytes), 0);
    assert_int_equal(count_files("t_2024_01_01_10_11.log", &bytes), 1); /* 11 is newer than 2 */
    assert_int_equal(count_files("t_", &bytes), 4);
}

static void the_hour_rotates_and_the_count_begins_anew(void **st)
{
    struct sedge_logfile *f = sedge_logfile_new(dir, "hour");
    sedge_auto_free char *last = NULL;
    char text[1000];
    int64_t bytes;

    (void)st;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\n';
    sedge_logfile_clock(f, fake_clock);
    sedge_logfile_limits(f, 1, 100);
    assert_int_equal(setenv("TZ", "XST-2", 1), 0); /* local time is two hours ahead */
    tzset();
    fake_ms = 1709805599000; /* 2024-03-07 09:59:59 UTC */
    for (int i = 0; i < 3; i++)
        sedge_logfile_write(f, text, sizeof(text));
    fake_ms += 1000; /* 10:00:00 UTC */
    sedge_logfile_write(f, "new hour\n", 9);
    for (int i = 0; i < 2; i++)
        sedge_logfile_write(f, text, sizeof(text));
    sedge_logfile_write(f, "last\n", 5);
    sedge_logfile_free(f);
    assert_int_equal(unsetenv("TZ"), 0);
    tzset();
    last = read_text("hour.log");
    assert_non_null(strstr(last, "last\n"));
    for (int i = 0; i < 3; i++) {
        char name[64];
        (void)snprintf(name, sizeof(name), "hour_2024_03_07_11_%d.log", i);
        assert_int_equal(count_files(name, &bytes), 1);
        assert_int_equal(bytes, sizeof(text));
    }
    assert_int_equal(count_files("hour_2024_03_07_12_0.log", &bytes), 1);
    assert_int_equal(count_files("hour", &bytes), 5);
}

static void small_files_of_many_hours_are_bounded_in_number(void **st)
{
    struct sedge_logfile *f = sedge_logfile_new(dir, "many");
    int64_t bytes;

    (void)st;
    sedge_logfile_clock(f, fake_clock);
    sedge_logfile_limits(f, 1024, 10240);
    fake_ms = 1709805600000;
    for (int i = 0; i < 40; i++) {
        sedge_logfile_write(f, "one line\n", 9);
        fake_ms += 3600000;
    }
    sedge_logfile_free(f);
    assert_int_equal(count_files("many", &bytes), 11); /* ten rotated ones: total/size */
}

static void a_large_write_is_spread_over_files_at_line_ends(void **st)
{
    struct sedge_logfile *f = sedge_logfile_new(dir, "large");
    sedge_auto_buf struct sedge_buf all = SEDGE_BUF_INIT;
    int64_t bytes;

    (void)st;
    sedge_logfile_limits(f, 1, 8);
    for (int i = 0; i < 5000; i++)
        sedge_buf_printf(&all, "line %04d\n", i);
    sedge_logfile_write(f, all.data, all.len);
    sedge_logfile_free(f);
    assert_in_range(count_files("large", &bytes), 7, 9);
    assert_true(bytes <= 8 * 1024);
    {
        sedge_auto_free char *text = read_text("large.log");
        assert_true(strncmp(text, "line ", 5) == 0);
        assert_non_null(strstr(text, "line 4999\n"));
        assert_true(strlen(text) <= 1024 && strlen(text) % 10 == 0);
    }
}

static void a_file_larger_than_the_total_is_taken_as_the_total(void **st)
{
    struct sedge_logfile *f = sedge_logfile_new(dir, "clamp");
    int64_t bytes;

    (void)st;
    sedge_logfile_limits(f, 1024, 2);
    for (int i = 0; i < 1000; i++)
        sedge_logfile_write(f, "0123456789\n", 11);
    sedge_logfile_free(f);
    (void)count_files("clamp", &bytes);
    assert_true(bytes <= 2048);
}

static size_t complaints;
static void count_complaints(const char *line, size_t n, void *user)
{
    (void)n;
    (void)user;
    if (strstr(line, "log-not-writable")) complaints++;
}

static void a_failing_disk_is_reported_once_and_lines_are_counted(void **st)
{
    struct sedge_logfile *f;
    char path[128];

    (void)st;
    (void)snprintf(path, sizeof(path), "%s/blocked", dir);
    assert_int_equal(sedge_fs_write_atomic(path, "", 0, 0600, NULL), 0); /* a file where the folder should be */
    f = sedge_logfile_new(path, "c");
    sedge_log_set_sink(count_complaints, NULL);
    for (int i = 0; i < 5; i++)
        sedge_logfile_write(f, "x\n", 2);
    sedge_log_set_sink(NULL, NULL);
    assert_int_equal(complaints, 1);
    assert_int_equal(sedge_logfile_dropped(f), 5);
    assert_int_equal(unlink(path), 0);
    sedge_logfile_reopen(f); /* instead of waiting for the retry */
    sedge_logfile_write(f, "y\n", 2);
    assert_int_equal(sedge_logfile_dropped(f), 5);
    sedge_logfile_free(f);
}

static void the_process_table_finds_grandchildren_deepest_first(void **st)
{
    int go[2], ready[2];
    pid_t child;
    char c;
    struct sedge_proc_table t;
    struct sedge_proc_stat self;

    (void)st;
    assert_int_equal(pipe(go), 0);
    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        pid_t grandchild = fork();
        (void)close(go[1]);
        if (grandchild == 0) {
            if (write(ready[1], "x", 1) != 1) _exit(1);
            if (read(go[0], &c, 1) != 0) _exit(1);
            _exit(0);
        }
        (void)waitpid(grandchild, NULL, 0);
        _exit(0);
    }
    assert_int_equal(read(ready[0], &c, 1), 1);
    sedge_proc_table_read(&t);
    sedge_proc_table_keep_below(&t, getpid());
    assert_int_equal(t.n, 2);
    assert_int_equal(t.v[1].pid, child);
    assert_int_equal(t.v[0].ppid, child);
    assert_true(sedge_proc_is_below(t.v[0].pid, getpid()));
    assert_false(sedge_proc_is_below(getppid(), getpid()));
    assert_int_equal(sedge_proc_stat(getpid(), &self), 0);
    assert_int_equal(self.ppid, getppid());
    assert_int_equal(self.session, getsid(0));
    sedge_proc_table_release(&t);
    (void)close(go[1]);
    (void)close(go[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_appears_with_its_first_line_and_is_private),
        cmocka_unit_test(a_full_file_is_rotated_and_the_total_stays_bounded),
        cmocka_unit_test(rotated_names_carry_the_hour_and_count_up),
        cmocka_unit_test(a_file_of_an_earlier_hour_is_rotated_when_it_is_opened),
        cmocka_unit_test(the_hour_rotates_and_the_count_begins_anew),
        cmocka_unit_test(small_files_of_many_hours_are_bounded_in_number),
        cmocka_unit_test(a_large_write_is_spread_over_files_at_line_ends),
        cmocka_unit_test(a_file_larger_than_the_total_is_taken_as_the_total),
        cmocka_unit_test(trimming_touches_only_files_of_exactly_this_name),
        cmocka_unit_test(a_failing_disk_is_reported_once_and_lines_are_counted),
        cmocka_unit_test(the_process_table_finds_grandchildren_deepest_first),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
