/* The files of control groups, v1, v2 and hybrid, in a fake tree: spec/lifecycle.md 13 and 14, row by row. What the
 * kernel does with them is tested with real components (tests/integ/test_limits.py). */
#include "../test.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/fs.h"
#include "base/mem.h"

#define GROUP "greengrass-test"
#define NAME  "com.example.Tick"

static char mount_dir[64];

static void put(const char *relative, const char *text)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/%s", mount_dir, relative);
    sedge_auto_free char *dir = sedge_xstrdup(path);
    FILE *f;

    *strrchr(dir, '/') = '\0';
    assert_int_equal(sedge_fs_mkdirs(dir, 0755, NULL), 0);
    f = fopen(path, "we");
    assert_non_null(f);
    (void)fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void holds(const char *relative, const char *text)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/%s", mount_dir, relative);
    sedge_auto_buf struct sedge_buf got = SEDGE_BUF_INIT;

    assert_int_equal(sedge_fs_read(path, 4096, &got, NULL), 0);
    assert_string_equal(got.len ? got.data : "", text);
}

static bool is_there(const char *relative)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/%s", mount_dir, relative);

    return sedge_fs_exists(path);
}

static void drop(const char *relative)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/%s", mount_dir, relative);

    assert_int_equal(unlink(path), 0);
}

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(mount_dir, sizeof(mount_dir), "/tmp/sedge-cgroup-XXXXXX");
    return mkdtemp(mount_dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return sedge_fs_remove_tree(mount_dir, NULL);
}

static void v1_tree(void)
{
    put("memory/cgroup.procs", "");
    put("cpu,cpuacct/cgroup.procs", "");
    put("freezer/cgroup.procs", "");
}

static void v1_group(void)
{
    put("memory/" GROUP "/" NAME "/cgroup.procs", "");
    put("memory/" GROUP "/" NAME "/memory.limit_in_bytes", "9223372036854771712\n");
    put("cpu,cpuacct/" GROUP "/" NAME "/cgroup.procs", "");
    put("cpu,cpuacct/" GROUP "/" NAME "/cpu.cfs_quota_us", "-1\n");
    put("cpu,cpuacct/" GROUP "/" NAME "/cpu.cfs_period_us", "100000\n");
    put("freezer/" GROUP "/" NAME "/cgroup.procs", "");
    put("freezer/" GROUP "/" NAME "/freezer.state", "THAWED\n");
}

static void v2_tree(const char *at)
{
    char path[128];

    (void)snprintf(path, sizeof(path), "%scgroup.controllers", at);
    put(path, "cpuset cpu io memory pids\n");
    (void)snprintf(path, sizeof(path), "%scgroup.subtree_control", at);
    put(path, "");
}

static void v2_group(void)
{
    put(GROUP "/" NAME "/cgroup.procs", "");
    put(GROUP "/" NAME "/memory.max", "max\n");
    put(GROUP "/" NAME "/cpu.max", "max 100000\n");
    put(GROUP "/" NAME "/cgroup.freeze", "0\n");
}

static struct sedge_cgroups *open_it(void)
{
    return sedge_cgroups_open(mount_dir, GROUP);
}

static void limits_are(struct sedge_cgroups *c, int64_t memory_kb, double cpus)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_cgroups_limit(c, NAME, memory_kb, cpus, &err) != 0) fail_msg("%s", err.msg);
}

/* ---- folders ---- */

static void v1_has_a_group_in_each_hierarchy_and_those_that_limit_only_with_limits(void **state)
{
    sedge_auto_strv struct sedge_strv dirs = {NULL, 0};
    struct sedge_cgroups *c;

    (void)state;
    v1_tree();
    c = open_it();
    assert_int_equal(sedge_cgroups_make(c, NAME, false, &dirs, NULL), 0);
    assert_int_equal(dirs.n, 1);
    assert_true(is_there("freezer/" GROUP "/" NAME));
    assert_false(is_there("memory/" GROUP));
    assert_int_equal(sedge_cgroups_make(c, NAME, true, &dirs, NULL), 0);
    assert_int_equal(dirs.n, 4);
    assert_true(is_there("memory/" GROUP "/" NAME));
    assert_true(is_there("cpu,cpuacct/" GROUP "/" NAME));
    sedge_cgroups_close(c);
    assert_false(is_there("memory/" GROUP));
}

static void v1_takes_a_hierarchy_of_cpu_alone_too(void **state)
{
    sedge_auto_strv struct sedge_strv dirs = {NULL, 0};
    struct sedge_cgroups *c;

    (void)state;
    put("cpu/cgroup.procs", "");
    c = open_it();
    assert_int_equal(sedge_cgroups_make(c, NAME, true, &dirs, NULL), 0);
    assert_int_equal(dirs.n, 1);
    assert_true(is_there("cpu/" GROUP "/" NAME));
    sedge_cgroups_close(c);
}

static void v2_has_one_group_and_controllers_are_handed_down_on_both_levels(void **state)
{
    sedge_auto_strv struct sedge_strv dirs = {NULL, 0};
    struct sedge_cgroups *c;

    (void)state;
    v2_tree("");
    put(GROUP "/cgroup.subtree_control", "");
    c = open_it();
    assert_int_equal(sedge_cgroups_make(c, NAME, false, &dirs, NULL), 0);
    assert_int_equal(dirs.n, 1);
    assert_true(is_there(GROUP "/" NAME));
    holds("cgroup.subtree_control", "+cpu +io +memory +pids");
    holds(GROUP "/cgroup.subtree_control", "+cpu +io +memory +pids");
    drop(GROUP "/cgroup.subtree_control");
    sedge_cgroups_close(c);
    assert_false(is_there(GROUP));
}

static void a_stop_removes_the_group(void **state)
{
    sedge_auto_strv struct sedge_strv dirs = {NULL, 0};
    struct sedge_cgroups *c;

    (void)state;
    v1_tree();
    c = open_it();
    assert_int_equal(sedge_cgroups_make(c, NAME, true, &dirs, NULL), 0);
    sedge_cgroups_remove(c, NAME);
    for (size_t i = 0; i < dirs.n; i++)
        assert_false(sedge_fs_exists(dirs.v[i]));
    sedge_cgroups_close(c);
}

/* ---- limits ---- */

static void v1_limits_are_bytes_and_a_quota_of_the_period(void **state)
{
    struct sedge_cgroups *c;

    (void)state;
    v1_tree();
    v1_group();
    c = open_it();
    limits_are(c, 64, 1.5);
    holds("memory/" GROUP "/" NAME "/memory.limit_in_bytes", "65536");
    holds("cpu,cpuacct/" GROUP "/" NAME "/cpu.cfs_quota_us", "150000");
    put("cpu,cpuacct/" GROUP "/" NAME "/cpu.cfs_period_us", "50000\n");
    limits_are(c, 1, 51.27); /* a live change */
    holds("memory/" GROUP "/" NAME "/memory.limit_in_bytes", "1024");
    holds("cpu,cpuacct/" GROUP "/" NAME "/cpu.cfs_quota_us", "2563500");
    limits_are(c, 0, 0); /* and their removal */
    holds("memory/" GROUP "/" NAME "/memory.limit_in_bytes", "-1");
    holds("cpu,cpuacct/" GROUP "/" NAME "/cpu.cfs_quota_us", "-1");
    sedge_cgroups_close(c);
}

static void v2_limits_are_bytes_and_a_quota_with_the_period_of_the_file(void **state)
{
    struct sedge_cgroups *c;

    (void)state;
    v2_tree("");
    v2_group();
    c = open_it();
    limits_are(c, 64, 51.27);
    holds(GROUP "/" NAME "/memory.max", "65536");
    holds(GROUP "/" NAME "/cpu.max", "5127000 100000");
    put(GROUP "/" NAME "/cpu.max", "max 20000\n");
    limits_are(c, 1048576, 0.5);
    holds(GROUP "/" NAME "/memory.max", "1073741824");
    holds(GROUP "/" NAME "/cpu.max", "10000 20000");
    limits_are(c, 0, 0);
    holds(GROUP "/" NAME "/memory.max", "max");
    holds(GROUP "/" NAME "/cpu.max", "max");
    sedge_cgroups_close(c);
}

static void values_of_zero_or_less_leave_that_resource_alone(void **state)
{
    struct sedge_cgroups *c;

    (void)state;
    v2_tree("");
    v2_group();
    c = open_it();
    limits_are(c, -5, 2);
    holds(GROUP "/" NAME "/memory.max", "max");
    holds(GROUP "/" NAME "/cpu.max", "200000 100000");
    limits_are(c, 64, -0.5);
    holds(GROUP "/" NAME "/memory.max", "65536");
    holds(GROUP "/" NAME "/cpu.max", "max");
    sedge_cgroups_close(c);
}

static void a_share_below_the_kernels_least_is_its_least(void **state)
{
    struct sedge_cgroups *c;

    (void)state;
    v2_tree("");
    v2_group();
    c = open_it();
    limits_are(c, 0, 0.000001);
    holds(GROUP "/" NAME "/cpu.max", "1000 100000");
    sedge_cgroups_close(c);
}

static void no_limits_need_no_groups_and_create_none(void **state)
{
    struct sedge_cgroups *c;

    (void)state;
    v1_tree();
    c = open_it();
    limits_are(c, 0, 0);
    assert_false(is_there("memory/" GROUP));
    sedge_cgroups_close(c);
}

static void a_missing_controller_is_named_and_the_other_limit_still_set(void **state)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_cgroups *c;

    (void)state;
    v1_tree();
    v1_group();
    drop("memory/cgroup.procs");
    c = open_it();
    assert_int_equal(sedge_cgroups_limit(c, NAME, 64, 2, &err), -1);
    assert_int_equal(err.code, SEDGE_E_UNSUPPORTED);
    assert_string_equal(err.msg, "the memory controller of control groups is not there");
    holds("cpu,cpuacct/" GROUP "/" NAME "/cpu.cfs_quota_us", "200000");
    err = SEDGE_ERR_INIT;
    if (sedge_cgroups_limit(c, NAME, 0, 1, &err) != 0) fail_msg("%s", err.msg); /* nobody asked for memory */
    sedge_cgroups_close(c);
}

static void a_controller_that_v2_does_not_offer_is_named(void **state)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_cgroups *c;

    (void)state;
    put("cgroup.controllers", "cpuset io pids memory\n"); /* "cpu" is no word of it */
    put("cgroup.subtree_control", "");
    v2_group();
    c = open_it();
    assert_int_equal(sedge_cgroups_limit(c, NAME, 64, 2, &err), -1);
    assert_string_equal(err.msg, "the cpu controller of control groups is not there");
    holds(GROUP "/" NAME "/memory.max", "65536");
    sedge_cgroups_close(c);
}

static void without_control_groups_everything_says_so(void **state)
{
    sedge_auto_strv struct sedge_strv dirs = {NULL, 0};
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_cgroups *c = open_it();

    (void)state;
    assert_int_equal(sedge_cgroups_make(c, NAME, true, &dirs, &err), -1);
    assert_int_equal(err.code, SEDGE_E_UNSUPPORTED);
    assert_int_equal(sedge_cgroups_limit(c, NAME, 64, 2, &err), -1);
    assert_int_equal(sedge_cgroups_limit(c, NAME, 0, 0, &err), 0);
    assert_int_equal(sedge_cgroups_freeze(c, NAME, true, &err), -1);
    assert_non_null(strstr(err.msg, "freezer"));
    assert_false(sedge_cgroups_is_frozen(c, NAME));
    assert_int_equal(sedge_cgroups_count(c, NAME), 0);
    sedge_cgroups_close(c);
}

/* ---- processes ---- */

static void processes_enter_every_group_once(void **state)
{
    static const pid_t pids[] = {4000001, 4000002};
    struct sedge_cgroups *c;

    (void)state;
    v1_tree();
    v1_group();
    put("memory/" GROUP "/" NAME "/cgroup.procs", "4000002\n");
    c = open_it();
    assert_int_equal(sedge_cgroups_enter(c, NAME, pids, 2, NULL), 5);
    holds("memory/" GROUP "/" NAME "/cgroup.procs", "4000002\n4000001\n");
    holds("cpu,cpuacct/" GROUP "/" NAME "/cgroup.procs", "4000001\n4000002\n");
    holds("freezer/" GROUP "/" NAME "/cgroup.procs", "4000001\n4000002\n");
    assert_int_equal(sedge_cgroups_enter(c, NAME, pids, 2, NULL), 0); /* all are there: the tree is complete */
    assert_int_equal(sedge_cgroups_count(c, NAME), 2);
    sedge_cgroups_close(c);
}

static void in_v2_a_process_is_written_once(void **state)
{
    static const pid_t pid = 4000001;
    struct sedge_cgroups *c;

    (void)state;
    v2_tree("");
    v2_group();
    c = open_it();
    assert_int_equal(sedge_cgroups_enter(c, NAME, &pid, 1, NULL), 1);
    holds(GROUP "/" NAME "/cgroup.procs", "4000001\n");
    sedge_cgroups_close(c);
}

static pid_t sleeper(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        (void)pause();
        _exit(0);
    }
    assert_true(pid > 0);
    return pid;
}

static void killing_reaches_every_process_of_the_group(void **state)
{
    pid_t a = sleeper(), b = sleeper();
    char text[64];
    struct sedge_cgroups *c;
    int status;

    (void)state;
    v1_tree();
    v1_group();
    (void)snprintf(text, sizeof(text), "%d\n%d\n", (int)a, (int)b);
    put("freezer/" GROUP "/" NAME "/cgroup.procs", text);
    c = open_it();
    assert_true(sedge_cgroups_kill_all(c) > 0);
    assert_int_equal(waitpid(a, &status, 0), a);
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_int_equal(waitpid(b, &status, 0), b);
    assert_int_equal(WTERMSIG(status), SIGKILL);
    holds("freezer/" GROUP "/" NAME "/freezer.state", "THAWED"); /* a frozen process could not die */
    sedge_cgroups_close(c);
}

static void v2_kills_by_its_own_file(void **state)
{
    pid_t a = sleeper();
    char text[32];
    struct sedge_cgroups *c;

    (void)state;
    v2_tree("");
    v2_group();
    put(GROUP "/" NAME "/cgroup.kill", "");
    (void)snprintf(text, sizeof(text), "%d\n", (int)a);
    put(GROUP "/" NAME "/cgroup.procs", text);
    c = open_it();
    sedge_cgroups_kill(c, NAME);
    holds(GROUP "/" NAME "/cgroup.kill", "1");
    assert_int_equal(kill(a, 0), 0); /* left to the kernel, which this one is not */
    sedge_cgroups_close(c);
    (void)kill(a, SIGKILL);
    assert_int_equal(waitpid(a, NULL, 0), a);
}

/* ---- the freezer ---- */

static void v1_freezes_and_thaws_by_word(void **state)
{
    struct sedge_cgroups *c;

    (void)state;
    v1_tree();
    v1_group();
    c = open_it();
    assert_int_equal(sedge_cgroups_freeze(c, NAME, true, NULL), 0);
    holds("freezer/" GROUP "/" NAME "/freezer.state", "FROZEN");
    assert_true(sedge_cgroups_is_frozen(c, NAME));
    put("freezer/" GROUP "/" NAME "/freezer.state", "FREEZING\n"); /* not all of them yet */
    assert_false(sedge_cgroups_is_frozen(c, NAME));
    sedge_cgroups_freeze_again(c, NAME);
    assert_true(sedge_cgroups_is_frozen(c, NAME));
    assert_int_equal(sedge_cgroups_freeze(c, NAME, false, NULL), 0);
    holds("freezer/" GROUP "/" NAME "/freezer.state", "THAWED");
    sedge_cgroups_close(c);
}

static void v2_freezes_and_thaws_by_number(void **state)
{
    struct sedge_cgroups *c;

    (void)state;
    v2_tree("");
    v2_group();
    c = open_it();
    assert_int_equal(sedge_cgroups_freeze(c, NAME, true, NULL), 0);
    holds(GROUP "/" NAME "/cgroup.freeze", "1");
    assert_true(sedge_cgroups_is_frozen(c, NAME));
    put(GROUP "/" NAME "/cgroup.events", "populated 1\nfrozen 0\n"); /* asked for, and not there yet */
    assert_false(sedge_cgroups_is_frozen(c, NAME));
    put(GROUP "/" NAME "/cgroup.events", "populated 1\nfrozen 1\n");
    assert_true(sedge_cgroups_is_frozen(c, NAME));
    assert_int_equal(sedge_cgroups_freeze(c, NAME, false, NULL), 0);
    holds(GROUP "/" NAME "/cgroup.freeze", "0");
    sedge_cgroups_close(c);
}

/* ---- hybrid ---- */

static void in_a_hybrid_v1_comes_first_and_v2_fills_the_gaps(void **state)
{
    sedge_auto_strv struct sedge_strv dirs = {NULL, 0};
    struct sedge_cgroups *c;

    (void)state;
    put("cpu,cpuacct/cgroup.procs", "");
    v2_tree("unified/");
    c = open_it();
    assert_int_equal(sedge_cgroups_make(c, NAME, true, &dirs, NULL), 0);
    assert_int_equal(dirs.n, 2);
    assert_true(is_there("cpu,cpuacct/" GROUP "/" NAME));
    put("unified/" GROUP "/" NAME "/memory.max", "max\n");
    put("unified/" GROUP "/" NAME "/cgroup.freeze", "0\n");
    put("cpu,cpuacct/" GROUP "/" NAME "/cpu.cfs_quota_us", "-1\n");
    limits_are(c, 64, 1);
    holds("unified/" GROUP "/" NAME "/memory.max", "65536");
    holds("cpu,cpuacct/" GROUP "/" NAME "/cpu.cfs_quota_us", "100000"); /* no period to read: the kernel's default */
    assert_int_equal(sedge_cgroups_freeze(c, NAME, true, NULL), 0);
    holds("unified/" GROUP "/" NAME "/cgroup.freeze", "1");
    sedge_cgroups_close(c);
}

static void kills_for_memory_are_counted(void **state)
{
    struct sedge_cgroups *c;

    (void)state;
    v1_tree();
    v1_group();
    put("memory/" GROUP "/" NAME "/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
    c = open_it();
    assert_int_equal(sedge_cgroups_oom_kills(c, NAME), 3);
    sedge_cgroups_close(c);
    assert_int_equal(tear_down(NULL), 0);
    assert_int_equal(set_up(NULL), 0);
    v2_tree("");
    v2_group();
    c = open_it();
    assert_int_equal(sedge_cgroups_oom_kills(c, NAME), 0);
    put(GROUP "/" NAME "/memory.events", "low 0\nhigh 0\nmax 9\noom 2\noom_kill 2\noom_group_kill 0\n");
    assert_int_equal(sedge_cgroups_oom_kills(c, NAME), 2);
    sedge_cgroups_close(c);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(v1_has_a_group_in_each_hierarchy_and_those_that_limit_only_with_limits),
        T(v1_takes_a_hierarchy_of_cpu_alone_too),
        T(v2_has_one_group_and_controllers_are_handed_down_on_both_levels),
        T(a_stop_removes_the_group),
        T(v1_limits_are_bytes_and_a_quota_of_the_period),
        T(v2_limits_are_bytes_and_a_quota_with_the_period_of_the_file),
        T(values_of_zero_or_less_leave_that_resource_alone),
        T(a_share_below_the_kernels_least_is_its_least),
        T(no_limits_need_no_groups_and_create_none),
        T(a_missing_controller_is_named_and_the_other_limit_still_set),
        T(a_controller_that_v2_does_not_offer_is_named),
        T(without_control_groups_everything_says_so),
        T(processes_enter_every_group_once),
        T(in_v2_a_process_is_written_once),
        T(killing_reaches_every_process_of_the_group),
        T(v2_kills_by_its_own_file),
        T(v1_freezes_and_thaws_by_word),
        T(v2_freezes_and_thaws_by_number),
        T(in_a_hybrid_v1_comes_first_and_v2_fills_the_gaps),
        T(kills_for_memory_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
