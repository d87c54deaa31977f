#include "sup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* ---- ways of a component ---- */

static void a_run_script_runs_with_its_environment_and_ends(void **st)
{
    struct rig r;
    sedge_auto_free char *out = NULL, *log = NULL;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "com.example.Hello",
              "{'Setenv':{'WINNER':'lifecycle','N':5},'Run':{'Setenv':{'WINNER':'step'},"
              "'Script':'echo hello; echo bad >&2; printf \\\"%s %s %s %s %s\\\" $FROM_ROOT $WINNER $N ${#SVCUID} "
              "$(test $SVCUID = $AWS_CONTAINER_AUTHORIZATION_TOKEN && echo same) > out; pwd >> out'}}");
    rig_wait(&r, "com.example.Hello:STOPPING com.example.Hello:FINISHED");
    assert_string_equal(r.trace, "com.example.Hello:INSTALLED com.example.Hello:STARTING com.example.Hello:RUNNING "
                                 "com.example.Hello:STOPPING com.example.Hello:FINISHED");
    out = rig_file(&r, "work/com.example.Hello/out");
    assert_non_null(strstr(out, "root step 5 32 same"));
    assert_non_null(strstr(out, "/work/com.example.Hello\n"));
    log = rig_file(&r, "logs/com.example.Hello.log");
    assert_non_null(strstr(log, "[INFO] (Copier) com.example.Hello: stdout. hello. {scriptName=services.com.example."
                                "Hello.lifecycle.Run.Script, serviceName=com.example.Hello, currentState="));
    assert_non_null(strstr(log, "[WARN] (Copier) com.example.Hello: stderr. bad. {"));
    assert_non_null(strstr(log, "shell-runner-start. {command="));
    assert_non_null(strstr(log, "Run script exited. {exitCode=0, "));
    assert_true(rig_info(&r, "com.example.Hello").last_exit.known);
    rig_close(&r);
}

static void steps_run_in_order(void **st)
{
    struct rig r;
    sedge_auto_free char *out = NULL;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a",
              "{'install':'echo install >> o','startup':'echo startup >> o','run':'echo never >> o',"
              "'shutdown':'echo shutdown >> o','uninstall':'echo uninstall $GREENGRASS_COMPONENT_VERSION >> o'}");
    rig_wait(&r, "a:RUNNING");
    assert_int_equal(sedge_supervisor_restart(r.sup, "a", &r.err), 0);
    rig_wait(&r, "a:STOPPING a:INSTALLED a:STARTING a:RUNNING");
    assert_int_equal(sedge_supervisor_remove(r.sup, "a", true, rig_done, &r, &r.err), 0);
    rig_until(&r, rig_is_done, "removal");
    rig_wait(&r, "a:STOPPING a:FINISHED a:UNINSTALLING a:UNINSTALLED");
    out = rig_file(&r, "work/a/o");
    assert_string_equal(out, "install\nstartup\nshutdown\nstartup\nshutdown\nuninstall 1.0.0\n");
    assert_int_equal(sedge_supervisor_start(r.sup, "a", &r.err), -1);
    assert_int_equal(r.err.code, SEDGE_E_NOT_FOUND);
    rig_close(&r);
}

static void lifecycles_end_in_the_expected_state(void **st)
{
    static const struct {
        const char *lifecycle, *trace, *code;
    } rows[] = {
        {"{}", "a:INSTALLED a:STARTING a:FINISHED", "NONE"},
        {"{'install':'true'}", "a:INSTALLED a:STARTING a:FINISHED", "NONE"},
        {"{'run':''}", "a:INSTALLED a:STARTING a:FINISHED", "NONE"},
        {"{'startup':'exit 0'}", "a:INSTALLED a:STARTING a:RUNNING", "NONE"},
        {"{'startup':{'skipif':'exists /','script':'false'},'run':'sleep 100'}", "a:INSTALLED a:STARTING a:RUNNING",
         "NONE"},
        {"{'install':{'skipif':'onpath sh','script':'false'}}", "a:INSTALLED a:STARTING a:FINISHED", "NONE"},
        {"{'install':'exit 7'}", "a:ERRORED a:NEW a:ERRORED a:NEW a:BROKEN", "INSTALL_ERROR"},
        {"{'install':{'timeout':0,'script':'sleep 100'}}", "a:ERRORED a:NEW a:ERRORED a:NEW a:BROKEN",
         "INSTALL_TIMEOUT"},
        {"{'install':{'skipif':'nonsense','script':'true'}}", "a:ERRORED a:NEW a:ERRORED a:NEW a:BROKEN",
         "INSTALL_CONFIG_NOT_VALID"},
        {"{'startup':{'timeout':1}}",
         "a:INSTALLED a:STARTING a:ERRORED a:STOPPING a:INSTALLED a:STARTING a:ERRORED a:STOPPING a:INSTALLED "
         "a:STARTING a:BROKEN",
         "STARTUP_CONFIG_NOT_VALID"},
        {"{'startup':'exit 3'}",
         "a:INSTALLED a:STARTING a:ERRORED a:STOPPING a:INSTALLED a:STARTING a:ERRORED a:STOPPING a:INSTALLED "
         "a:STARTING a:BROKEN",
         "STARTUP_ERROR"},
        {"{'run':'kill -9 $$'}",
         "a:INSTALLED a:STARTING a:RUNNING a:ERRORED a:STOPPING a:INSTALLED a:STARTING a:RUNNING a:ERRORED a:STOPPING "
         "a:INSTALLED a:STARTING a:RUNNING a:BROKEN",
         "RUN_ERROR"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct rig r;
        rig_open(&r, NULL);
        rig_start(&r, "a", rows[i].lifecycle);
        rig_wait(&r, rows[i].trace);
        assert_string_equal(r.trace, rows[i].trace);
        assert_string_equal(sedge_status_name(rig_info(&r, "a").code), rows[i].code);
        rig_close(&r);
    }
}

static void the_third_crash_breaks_and_says_why(void **st)
{
    struct rig r;
    sedge_auto_free char *out = NULL;
    struct sedge_service_info info;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a", "{'run':'echo run >> o; exit 7','recover':'echo recover >> o','shutdown':'echo down >> o'}");
    rig_wait(&r, "a:BROKEN");
    info = rig_info(&r, "a");
    assert_int_equal(info.code, SEDGE_STATUS_RUN_ERROR);
    assert_non_null(strstr(info.reason, "exited with code 7"));
    assert_int_equal(info.last_exit.code, 7);
    assert_true(info.broken_since_mono > 0);
    r.done = false;
    assert_int_equal(sedge_supervisor_restart(r.sup, "a", &r.err), 0); /* does not help */
    sedge_supervisor_stop_all(r.sup, 10000, rig_done, &r);
    rig_until(&r, rig_is_done, "stop");
    out = rig_file(&r, "work/a/o");
    assert_string_equal(out, "run\nrecover\ndown\nrun\nrecover\ndown\nrun\ndown\n");
    rig_close(&r);
}

static void a_component_reports_its_own_state(void **st)
{
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a", "{'startup':'sleep 100'}");
    rig_wait(&r, "a:STARTING");
    assert_int_equal(sedge_supervisor_report(r.sup, "a", SEDGE_LC_RUNNING, &r.err), 0);
    assert_true(rig_traced(&r, "a:STARTING")); /* the event comes later */
    rig_wait(&r, "a:RUNNING");
    assert_int_equal(sedge_supervisor_report(r.sup, "a", SEDGE_LC_RUNNING, &r.err), 0); /* ignored */
    assert_int_equal(sedge_supervisor_report(r.sup, "a", SEDGE_LC_ERRORED, &r.err), 0);
    rig_wait(&r, "a:RUNNING a:ERRORED a:STOPPING a:INSTALLED a:STARTING");
    assert_int_equal(sedge_supervisor_report(r.sup, "a", SEDGE_LC_FINISHED, &r.err), -1);
    assert_int_equal(r.err.code, SEDGE_E_INVALID);
    rig_close(&r);
}

static void a_startup_that_takes_too_long_is_an_error(void **st)
{
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a", "{'startup':{'timeout':1,'script':'echo $$ > pid; sleep 100'}}");
    rig_wait(&r, "a:STARTING a:ERRORED a:STOPPING a:INSTALLED a:STARTING");
    rig_close(&r);
}

static void a_shutdown_that_takes_too_long_is_an_error_and_its_script_is_killed(void **st)
{
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a", "{'run':'sleep 1000','shutdown':{'timeout':1,'script':'exec sleep 1000'}}");
    rig_wait(&r, "a:RUNNING");
    assert_int_equal(sedge_supervisor_stop(r.sup, "a", &r.err), 0);
    rig_wait(&r, "a:STOPPING a:ERRORED a:FINISHED");
    assert_false(rig_has_processes(&r));
    rig_close(&r);
}

/* ---- processes ---- */

static void stopping_ends_grandchildren_and_daemons(void **st)
{
    struct rig r;
    pid_t child, daemon;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a",
              "{'run':'setsid sh -c \\\"echo \\\\$\\\\$ > d.new; mv d.new daemon; trap : TERM; exec sleep 1000\\\" "
              ">/dev/null 2>&1 & (sleep 1001 & echo $! > c.new; mv c.new child; wait) & wait'}");
    rig_wait(&r, "a:RUNNING");
    rig_until(&r, rig_pid_written, "work/a/daemon");
    rig_until(&r, rig_pid_written, "work/a/child");
    child = rig_pid(&r, "work/a/child");
    daemon = rig_pid(&r, "work/a/daemon");
    assert_true(rig_alive(child));
    assert_true(rig_alive(daemon));
    assert_string_equal(sedge_supervisor_owner_of_pid(r.sup, child), "a");
    assert_string_equal(sedge_supervisor_owner_of_pid(r.sup, daemon), "a");
    assert_null(sedge_supervisor_owner_of_pid(r.sup, getpid()));
    assert_int_equal(sedge_supervisor_stop(r.sup, "a", &r.err), 0);
    rig_wait(&r, "a:STOPPING a:FINISHED");
    assert_false(rig_alive(child));
    assert_false(rig_alive(daemon));
    rig_close(&r);
}

static void a_daemon_started_by_startup_lives_until_the_stop(void **st)
{
    struct rig r;
    pid_t daemon;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a", "{'startup':'(setsid sleep 1000 >/dev/null 2>&1 & echo $! > pid)'}");
    rig_wait(&r, "a:RUNNING");
    daemon = rig_pid(&r, "work/a/pid");
    assert_true(rig_alive(daemon));
    assert_int_equal(sedge_supervisor_stop(r.sup, "a", &r.err), 0);
    rig_wait(&r, "a:STOPPING a:FINISHED");
    assert_false(rig_alive(daemon));
    rig_close(&r);
}

static void what_ignores_term_is_killed_after_the_grace(void **st)
{
    struct rig r;
    int64_t began;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a", "{'run':'trap \\\"\\\" TERM; echo $$ > p; while true; do sleep 1000; done'}");
    rig_until(&r, rig_pid_written, "work/a/p");
    began = (int64_t)uv_now(&r.loop); /* the grace begins with the loop's time */
    assert_int_equal(sedge_supervisor_stop(r.sup, "a", &r.err), 0);
    rig_wait(&r, "a:STOPPING a:FINISHED");
    assert_true(sedge_mono_ms() - began >= SEDGE_KILL_GRACE_MS - 100);
    assert_false(rig_alive(rig_pid(&r, "work/a/p")));
    rig_close(&r);
}

static void a_deadline_ends_a_stop_that_hangs(void **st)
{
    struct rig r;

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a", "{'run':'sleep 1000','shutdown':{'timeout':1000,'script':'sleep 1000'}}");
    rig_wait(&r, "a:RUNNING");
    sedge_supervisor_stop_all(r.sup, 300, rig_done, &r);
    rig_until(&r, rig_is_done, "stop");
    assert_false(rig_has_processes(&r));
    rig_close(&r);
}

/* The nucleus is killed in the middle of everything. */
static pid_t fork_nucleus(const char *root)
{
    pid_t pid = fork();

    if (pid == 0) {
        struct rig r;
        rig_open(&r, root);
        rig_start(
            &r, "a",
            "{'run':'setsid sh -c \\\"echo \\\\$\\\\$ > d.new; mv d.new daemon; exec sleep 1000\\\" >/dev/null 2>&1 "
            "& echo $$ > m.new; mv m.new main; sleep 1000'}");
        (void)uv_run(&r.loop, UV_RUN_DEFAULT);
        _exit(0);
    }
    return pid;
}

static bool is_dead(struct rig *r, const char *path)
{
    return !rig_alive(rig_pid(r, path));
}

static void nothing_is_left_when_the_nucleus_is_killed(void **st)
{
    struct rig r, next;
    sedge_auto_free char *root = NULL;
    pid_t nucleus;

    (void)st;
    rig_open(&r, NULL);
    root = sedge_xasprintf("%s/other", r.root);
    nucleus = fork_nucleus(root);
    rig_until(&r, rig_pid_written, "other/work/a/daemon");
    rig_until(&r, rig_pid_written, "other/work/a/main");
    assert_true(rig_alive(rig_pid(&r, "other/work/a/daemon")));
    assert_int_equal(kill(nucleus, SIGKILL), 0);
    assert_int_equal(waitpid(nucleus, NULL, 0), nucleus);
    rig_until(&r, is_dead, "other/work/a/main");
    rig_until(&r, is_dead, "other/work/a/daemon");
    rig_open(&next, root); /* removes what only a nucleus can: control groups */
    rig_close(&next);
    rig_close(&r);
}

static pid_t parent_of(pid_t pid)
{
    char path[64], text[512] = "";
    FILE *f;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    f = fopen(path, "r");
    if (!f) return 0;
    if (!fgets(text, sizeof(text), f)) text[0] = '\0';
    (void)fclose(f);
    return strrchr(text, ')') ? (pid_t)strtol(strrchr(text, ')') + 4, NULL, 10) : 0;
}

static void the_next_life_kills_what_the_last_one_left(void **st)
{
    struct rig r, next;
    sedge_auto_free char *root = NULL;
    pid_t nucleus, daemon;

    (void)st;
    rig_open(&r, NULL);
    root = sedge_xasprintf("%s/other", r.root);
    nucleus = fork_nucleus(root);
    rig_until(&r, rig_pid_written, "other/work/a/daemon");
    rig_until(&r, rig_pid_written, "other/work/a/main");
    daemon = rig_pid(&r, "other/work/a/daemon");
    (void)kill(nucleus, SIGSTOP);
    (void)kill(parent_of(rig_pid(&r, "other/work/a/main")), SIGKILL); /* sedge-exec dies too */
    (void)kill(nucleus, SIGKILL);
    assert_int_equal(waitpid(nucleus, NULL, 0), nucleus);
    assert_true(rig_alive(daemon));
    rig_open(&next, root);
    rig_until(&next, is_dead, "work/a/daemon");
    rig_close(&next);
    rig_close(&r);
}

/* ---- limits ---- */

static bool rig_pid_written_or_logged(struct rig *r, const char *path)
{
    sedge_auto_free char *log = rig_file(r, "logs/lim.log");
    return rig_pid(r, path) > 0 || strstr(log, "systemResourceLimits");
}

static void limits_are_set_or_their_absence_is_explained(void **st)
{
    static const char script[] = "{\"run\":\"p=$(grep -E '^[0-9]+:memory:' /proc/self/cgroup | cut -d: -f3); q=$(grep "
                                 "'^0::' /proc/self/cgroup | "
                                 "cut -c4-); cat /sys/fs/cgroup/memory$p/memory.limit_in_bytes > m 2>/dev/null || cat "
                                 "/sys/fs/cgroup$q/memory.max > m; sleep 100\"}";
    struct sedge_service_spec spec = {.name = "lim", .version = "1.0.0", .has_limits = true};
    struct rig r;
    sedge_auto_free char *value = NULL, *log = NULL;

    (void)st;
    rig_open(&r, NULL);
    spec.limits = (struct sedge_limits){.memory_kb = 65536, .cpus = 0.5};
    spec.lifecycle = sedge_json_parse_object(script, strlen(script), "script", &r.err);
    assert_non_null(spec.lifecycle);
    assert_int_equal(sedge_supervisor_put(r.sup, &spec, NULL, &r.err), 0);
    json_object_put(spec.lifecycle);
    assert_int_equal(sedge_supervisor_start(r.sup, "lim", &r.err), 0);
    rig_wait(&r, "lim:RUNNING");
    rig_until(&r, rig_pid_written_or_logged, "work/lim/m");
    value = rig_file(&r, "work/lim/m");
    log = rig_file(&r, "logs/lim.log");
    if (strtol(value, NULL, 10) != 65536L * 1024)
        assert_non_null(strstr(log, "systemResourceLimits are not applied: "));
    rig_close(&r);
}

/* ---- mistakes of users, and output without measure ---- */

static void a_script_that_is_not_executable_is_explained_in_the_log(void **st)
{
    struct rig r;
    sedge_auto_free char *log = NULL, *path = NULL;

    (void)st;
    rig_open(&r, NULL);
    path = sedge_xasprintf("%s/tool.sh", r.root);
    assert_int_equal(sedge_fs_write_atomic(path, "#!/bin/sh\n", 10, 0644, NULL), 0);
    rig_start(&r, "a", "{'run':'../../tool.sh'}");
    rig_wait(&r, "a:BROKEN");
    log = rig_file(&r, "logs/a.log");
    assert_non_null(strstr(log, "Permission denied"));
    assert_non_null(strstr(log, "Exit code 126: the shell found a program that it may not execute"));
    rig_close(&r);
}

static int add_file(const char *path, const char *relative, void *user, struct sedge_err *err)
{
    (void)relative;
    return sedge_fs_read(path, 64u << 20, user, err);
}

static void a_hundred_megabytes_of_output_leave_a_bounded_log(void **st)
{
    struct rig r;
    sedge_auto_free char *log = NULL, *dir = NULL;
    sedge_auto_buf struct sedge_buf all = SEDGE_BUF_INIT; /* the notice may be in a file that was full after it */
    sedge_auto_strv struct sedge_strv last = {NULL, 0};

    (void)st;
    rig_open(&r, NULL);
    rig_start(&r, "a", "{'run':'head -c 100000000 /dev/zero | tr \\\"\\\\0\\\" x | fold -w 100; echo; echo the end'}");
    rig_wait(&r, "a:FINISHED");
    log = rig_file(&r, "logs/a.log");
    assert_true(strlen(log) <= 1024 * 1024);
    dir = sedge_xasprintf("%s/logs", r.root);
    assert_int_equal(sedge_fs_walk(dir, add_file, &all, NULL), 0);
    assert_non_null(strstr(all.data, " bytes) were dropped: the component writes more than"));
    sedge_supervisor_last_lines(r.sup, "a", &last);
    assert_int_equal(last.n, SEDGE_LAST_LINES);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_script_runs_with_its_environment_and_ends),
        cmocka_unit_test(steps_run_in_order),
        cmocka_unit_test(lifecycles_end_in_the_expected_state),
        cmocka_unit_test(the_third_crash_breaks_and_says_why),
        cmocka_unit_test(a_component_reports_its_own_state),
        cmocka_unit_test(a_startup_that_takes_too_long_is_an_error),
        cmocka_unit_test(a_shutdown_that_takes_too_long_is_an_error_and_its_script_is_killed),
        cmocka_unit_test(stopping_ends_grandchildren_and_daemons),
        cmocka_unit_test(a_daemon_started_by_startup_lives_until_the_stop),
        cmocka_unit_test(what_ignores_term_is_killed_after_the_grace),
        cmocka_unit_test(a_deadline_ends_a_stop_that_hangs),
        cmocka_unit_test(nothing_is_left_when_the_nucleus_is_killed),
        cmocka_unit_test(the_next_life_kills_what_the_last_one_left),
        cmocka_unit_test(limits_are_set_or_their_absence_is_explained),
        cmocka_unit_test(a_script_that_is_not_executable_is_explained_in_the_log),
        cmocka_unit_test(a_hundred_megabytes_of_output_leave_a_bounded_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
