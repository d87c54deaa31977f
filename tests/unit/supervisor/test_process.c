#include "../test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "supervisor/process.h"

#define WAIT_MS 60000

struct seen {
    bool started, gone, lost;
    struct sedge_process_exit exit;
};

static void on_started(struct sedge_process *p, void *user)
{
    struct seen *s = user;

    (void)p;
    s->started = true;
}

static size_t on_output(struct sedge_process *p, bool is_stderr, const char *data, size_t n, void *user)
{
    (void)p;
    (void)is_stderr;
    (void)data;
    (void)user;
    return n;
}

static void on_note(struct sedge_process *p, char kind, const char *text, void *user)
{
    (void)p;
    (void)user;
    print_message("%c %s\n", kind, text);
}

static void on_ended(struct sedge_process *p, const struct sedge_process_exit *how, void *user)
{
    struct seen *s = user;

    s->exit = *how;
    s->lost = sedge_process_lost_monitor(p);
}

static void on_gone(struct sedge_process *p, void *user)
{
    struct seen *s = user;

    (void)p;
    s->gone = true;
}

static void pause_ms(long ms)
{
    const struct timespec t = {0, ms * 1000000};

    (void)nanosleep(&t, NULL);
}

/* The state letter of /proc/PID/stat. */
static char state_of(pid_t pid)
{
    char path[64], text[256] = "";
    const char *p;
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(read(fd, text, sizeof(text) - 1) > 0);
    (void)close(fd);
    p = strrchr(text, ')');
    return p ? p[2] : '?';
}

static void wake(uv_timer_t *t)
{
    (void)t;
}

static void run_until_gone(uv_loop_t *loop, const struct seen *seen)
{
    int64_t end = sedge_mono_ms() + WAIT_MS;
    uv_timer_t tick;

    (void)uv_timer_init(loop, &tick);
    (void)uv_timer_start(&tick, wake, 5, 5);
    while (!seen->gone && sedge_mono_ms() < end)
        (void)uv_run(loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&tick, NULL);
    (void)uv_run(loop, UV_RUN_NOWAIT);
}

/* Its notes wait unread, and so does our signal to it, when it ends: the socket then has an error, data and an end. */
static void a_monitor_that_ends_without_reading_a_signal_is_noticed(void **st)
{
    const struct sedge_process_cbs cbs = {on_started, on_output, on_note, on_ended, on_gone};
    static struct sedge_process_reader reader;
    sedge_auto_free char *dir = sedge_xstrdup("/tmp/sedge-process-XXXXXX");
    sedge_auto_free char *ready = NULL;
    struct sedge_process_spec spec = {.exec_path = SEDGE_BIN_DIR "/sedge-exec",
                                      .shell = "sh",
                                      .script = ": >ready; exec sleep 100",
                                      .drain_ms = -1,
                                      .reader = &reader};
    struct seen seen = {0};
    struct sedge_process *p;
    uv_loop_t loop;
    pid_t monitor;
    int status;

    (void)st;
    assert_non_null(mkdtemp(dir));
    ready = sedge_xasprintf("%s/ready", dir);
    spec.dir = dir;
    assert_int_equal(uv_loop_init(&loop), 0);
    p = sedge_process_spawn(&loop, &spec, &cbs, &seen, NULL);
    assert_non_null(p);
    monitor = sedge_process_monitor(p);
    while (!sedge_fs_exists(ready) || state_of(monitor) != 'S') /* it has told of the start and waits */
        pause_ms(5);
    assert_int_equal(kill(monitor, SIGSTOP), 0);
    assert_int_equal(waitpid(monitor, &status, WUNTRACED), monitor);
    sedge_process_signal(p, SEDGE_PROCESS_TERM);
    assert_int_equal(kill(monitor, SIGKILL), 0);
    while (state_of(monitor) != 'Z')
        pause_ms(5);
    run_until_gone(&loop, &seen);
    assert_true(seen.started);
    assert_true(seen.gone);
    assert_true(seen.lost);
    assert_int_equal(seen.exit.signal, SIGKILL);
    assert_int_equal(uv_loop_close(&loop), 0);
    assert_int_equal(sedge_fs_remove_tree(dir, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_monitor_that_ends_without_reading_a_signal_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
