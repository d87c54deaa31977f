#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/files.h"
#include "base/mem.h"
#include "simple.h"
#include "timer.h"

#define NOTE_MAX        4096u
#define ARGS_MAX        64
#define READS_A_TURN    8 /* of one stream, while there is more */
#define REAP_AGAIN_MS   1
#define REAP_SLOWEST_MS 1000
#define PLAIN_SHELL     "sh" /* another one was chosen for a reason */
#define NFDS            4    /* stdin, stdout, stderr, control */

enum { OUT, ERR, NSTREAMS };

struct stream { /* uv_poll_t: much smaller than uv_pipe_t */
    uv_poll_t poll;
    int fd;
    struct sedge_process *p;
    size_t budget;
    uint64_t since; /* loop time from which the budget counts */
    bool waiting, cheap, ended;
};

struct sedge_process {
    uv_poll_t control;
    int control_fd;
    struct stream streams[NSTREAMS];
    struct sedge_timer tick;  /* waiting streams are read again */
    struct sedge_timer drain; /* the pipes have had their time */
    struct sedge_timer reaper;
    uint64_t reap_ms;
    int stdin_fd; /* held open, never written */
    struct sedge_buf notes;
    struct sedge_process_reader *reader;
    struct sedge_process_cbs cbs;
    void *user;
    struct sedge_process_exit exit;
    pid_t pid, monitor_pid;
    int drain_ms;
    int nopen; /* handles */
    bool spawned, lost, has_exit, drained, has_ended, monitor_gone, closing;
};

static void check(struct sedge_process *p);

/* ---- closing: memory goes with the last handle ---- */

static void closed_cb(uv_handle_t *h)
{
    struct sedge_process *p = h->data;

    if (--p->nopen > 0) return;
    if (p->spawned) p->cbs.gone(p, p->user);
    sedge_buf_release(&p->notes);
    free(p);
}

/* It no longer counts as one of those that wait. */
static void go_on(struct stream *st)
{
    if (!st->waiting) return;
    st->waiting = false;
    st->p->reader->waiting--;
}

static void close_all(struct sedge_process *p)
{
    uv_handle_t *handles[] = {(uv_handle_t *)&p->control, (uv_handle_t *)&p->streams[OUT].poll,
                              (uv_handle_t *)&p->streams[ERR].poll};
    int fds[] = {p->stdin_fd, p->control_fd, p->streams[OUT].fd, p->streams[ERR].fd};

    if (p->closing) return;
    p->closing = true;
    for (int i = 0; i < NSTREAMS; i++)
        go_on(&p->streams[i]);
    sedge_timer_stop(&p->tick);
    sedge_timer_stop(&p->drain);
    sedge_timer_stop(&p->reaper);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(handles); i++)
        uv_close(handles[i], closed_cb);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(fds); i++)
        (void)close(fds[i]); /* pipes: nothing to learn from the result */
}

/* ---- reading ---- */

static void tick_cb(void *arg);

/* What has come, at most n bytes, into the buffer that serves all: it is handed over at once. 0: the end. -1: nothing
 * now. */
static ssize_t read_chunk(const struct sedge_process *p, int fd, size_t n)
{
    ssize_t got;

    do {
        got = read(fd, p->reader->chunk, n);
    } while (got < 0 && errno == EINTR);
    if (got >= 0) return got;
    return errno == EAGAIN ? -1 : 0;
}

/* What is left for each when this one goes on beside those that wait. */
static size_t share(const struct stream *st)
{
    size_t part = SEDGE_PROCESS_READ_BUDGET / (1 + st->p->reader->waiting);

    return part > SEDGE_PROCESS_CHUNK_SMALL ? part : SEDGE_PROCESS_CHUNK_SMALL;
}

/* For a tick; longer where the least share is more than a part of the budget. */
static void let_wait(struct stream *st)
{
    struct sedge_process *p = st->p;
    uint64_t ms;

    (void)uv_poll_stop(&st->poll);
    st->waiting = true;
    p->reader->waiting++;
    ms = (uint64_t)SEDGE_PROCESS_TICK_MS * share(st) * p->reader->waiting / SEDGE_PROCESS_READ_BUDGET;
    if (ms < SEDGE_PROCESS_TICK_MS) ms = SEDGE_PROCESS_TICK_MS;
    if (!sedge_timer_runs(&p->tick)) sedge_timer_start(&p->tick, p->control.loop, tick_cb, p, ms);
}

static void spend(struct stream *st, size_t n, size_t work)
{
    uint64_t now = uv_now(st->poll.loop);
    size_t cost = work > n ? work : n;

    st->cheap = work <= n;
    if (now - st->since >= SEDGE_PROCESS_TICK_MS) {
        st->since = now;
        st->budget = share(st);
    }
    st->budget = st->budget > cost ? st->budget - cost : 0;
    if (st->budget == 0) let_wait(st);
}

static void stream_end(struct stream *st)
{
    struct sedge_process *p = st->p;

    (void)uv_poll_stop(&st->poll);
    st->ended = true;
    (void)p->cbs.output(p, st == &p->streams[ERR], "", 0, p->user);
    check(p);
}

static void readable_cb(uv_poll_t *poll, int status, int events)
{
    struct stream *st = (struct stream *)poll;
    struct sedge_process *p = st->p;

    (void)status; /* read tells */
    (void)events;
    for (int i = 0; i < READS_A_TURN && !st->waiting; i++) {
        size_t size = st->cheap ? SEDGE_PROCESS_CHUNK : SEDGE_PROCESS_CHUNK_SMALL;
        ssize_t n = read_chunk(p, st->fd, size);
        if (n == 0) stream_end(st);
        if (n <= 0) return;
        spend(st, (size_t)n, p->cbs.output(p, st == &p->streams[ERR], p->reader->chunk, (size_t)n, p->user));
        if ((size_t)n < size || p->closing) return;
    }
}

static void tick_cb(void *arg)
{
    struct sedge_process *p = arg;

    for (int i = 0; i < NSTREAMS; i++) {
        struct stream *st = &p->streams[i];
        if (!st->waiting) continue;
        go_on(st);
        st->since = 0; /* a new budget */
        if (!p->closing) (void)uv_poll_start(&st->poll, UV_READABLE, readable_cb);
    }
}

/* ---- the end ---- */

static void drain_cb(void *arg)
{
    struct sedge_process *p = arg;

    p->drained = true;
    check(p);
}

static void start_drain(struct sedge_process *p, uint64_t ms)
{
    sedge_timer_start(&p->drain, p->control.loop, drain_cb, p, ms);
}

static void check(struct sedge_process *p)
{
    bool eof = p->streams[OUT].ended && p->streams[ERR].ended;

    if (p->closing) return;
    if (p->has_exit && !p->has_ended && (eof || p->drained)) {
        p->has_ended = true;
        p->pid = 0;
        p->cbs.ended(p, &p->exit, p->user);
    }
    if (p->has_ended && p->monitor_gone && (eof || p->drained)) close_all(p);
}

static void has_exited(struct sedge_process *p, int code, int signal, bool core)
{
    if (p->has_exit) return;
    p->has_exit = true;
    p->exit = (struct sedge_process_exit){.code = code, .signal = signal, .core = core};
    if (p->drain_ms >= 0) start_drain(p, (uint64_t)p->drain_ms);
}

static void monitor_exited(struct sedge_process *p, int status)
{
    int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

    p->monitor_gone = true;
    p->lost = signal != 0;
    if (!p->has_exit) has_exited(p, signal ? -1 : WEXITSTATUS(status), signal, false);
    start_drain(p, SEDGE_PROCESS_LAST_MS);
    check(p);
}

static bool is_reaped(struct sedge_process *p, int *status)
{
    pid_t pid;

    *status = 0;
    do {
        pid = waitpid(p->monitor_pid, status, WNOHANG);
    } while (pid < 0 && errno == EINTR);
    return pid != 0;
}

/* A process closes its descriptors a moment before it can be waited for. */
static void reap_cb(void *arg)
{
    struct sedge_process *p = arg;
    int status;

    if (is_reaped(p, &status)) {
        monitor_exited(p, status);
        return;
    }
    p->reap_ms = p->reap_ms < REAP_SLOWEST_MS ? p->reap_ms * 2 : p->reap_ms;
    sedge_timer_start(&p->reaper, p->control.loop, reap_cb, p, p->reap_ms);
}

static void reap(struct sedge_process *p)
{
    int status;

    if (!is_reaped(p, &status)) {
        (void)sched_yield(); /* mostly it needs just this processor */
        if (!is_reaped(p, &status)) {
            p->reap_ms = REAP_AGAIN_MS;
            sedge_timer_start(&p->reaper, p->control.loop, reap_cb, p, p->reap_ms);
            return;
        }
    }
    monitor_exited(p, status);
}

/* ---- what sedge-exec says ---- */

static void note(struct sedge_process *p, const char *line)
{
    long code, signal, core;
    char *end;

    switch (line[0]) {
    case 'S':
        p->pid = (pid_t)strtol(line + 1, NULL, 10);
        p->cbs.started(p, p->user);
        break;
    case 'X':
        code = strtol(line + 1, &end, 10);
        signal = strtol(end, &end, 10);
        core = strtol(end, &end, 10);
        has_exited(p, (int)code, (int)signal, core != 0);
        check(p);
        break;
    case 'E':
    case 'W':
        p->cbs.note(p, line[0], strlen(line) > 2 ? line + 2 : "", p->user);
        break;
    default:
        break;
    }
}

/* Only the monitor has the other end, so this says that it ends. No signal handler is needed, and no search for whose
 * child it was: with hundreds of components the end of one costs as much as with one. */
static void control_end(struct sedge_process *p)
{
    (void)uv_poll_stop(&p->control);
    reap(p);
}

static void control_cb(uv_poll_t *poll, int status, int events)
{
    struct sedge_process *p = poll->data;
    ssize_t n = read_chunk(p, p->control_fd, SEDGE_PROCESS_CHUNK);
    char *nl;

    (void)events;
    /* A signal that the monitor did not read before it ended is an error of the socket. libuv stops watching at that,
     * but its last notes are still to be read, and then its end. */
    if (status < 0) (void)uv_poll_start(poll, UV_READABLE, control_cb);
    if (n < 0) return;
    if (n == 0 || p->notes.len > NOTE_MAX) {
        control_end(p);
        return;
    }
    sedge_buf_add(&p->notes, p->reader->chunk, (size_t)n);
    while (p->notes.len > 0 && (nl = memchr(p->notes.data, '\n', p->notes.len))) {
        size_t len = (size_t)(nl - p->notes.data);
        *nl = '\0';
        note(p, p->notes.data);
        sedge_buf_drop_front(&p->notes, len + 1);
    }
    if (p->notes.len == 0) sedge_buf_release(&p->notes);
}

/* ---- spawning ---- */

struct fds {
    int ours[NFDS], theirs[NFDS];
};

static void close_fds(int *fds)
{
    for (int i = 0; i < NFDS; i++)
        if (fds[i] >= 0) (void)close(fds[i]);
}

/* Above those that they become: none is overwritten before its turn. */
static int raise_fd(int *fd)
{
    int high;

    if (*fd >= NFDS) return 0;
    high = fcntl(*fd, F_DUPFD_CLOEXEC, NFDS);
    if (high < 0) return -errno;
    (void)close(*fd); /* a pipe: nothing to learn from the result */
    *fd = high;
    return 0;
}

/* Real pipes, not sockets: scripts open /dev/stdout. */
static int make_fds(struct fds *f, struct sedge_err *err)
{
    uv_file pair[2];
    uv_os_sock_t socks[2];
    int rc = 0;

    *f = (struct fds){{-1, -1, -1, -1}, {-1, -1, -1, -1}};
    for (int i = 0; i < 3 && rc == 0; i++) {
        rc = i == 0 ? uv_pipe(pair, 0, UV_NONBLOCK_PIPE) : uv_pipe(pair, UV_NONBLOCK_PIPE, 0);
        if (rc != 0) break;
        f->theirs[i] = i == 0 ? pair[0] : pair[1];
        f->ours[i] = i == 0 ? pair[1] : pair[0];
    }
    if (rc == 0) rc = uv_socketpair(SOCK_STREAM, 0, socks, UV_NONBLOCK_PIPE, 0);
    if (rc == 0) {
        f->ours[3] = socks[0];
        f->theirs[3] = socks[1];
    }
    for (int i = 0; i < NFDS && rc == 0; i++)
        rc = raise_fd(&f->theirs[i]);
    if (rc == 0) return 0;
    close_fds(f->ours);
    close_fds(f->theirs);
    return sedge_err_sys(err, -rc, "pipes for a script");
}

static struct sedge_process *new_process(uv_loop_t *loop, const struct fds *f)
{
    struct sedge_process *p = SEDGE_NEW(struct sedge_process);

    p->stdin_fd = f->ours[0];
    p->control_fd = f->ours[3];
    (void)uv_poll_init(loop, &p->control, p->control_fd);
    p->control.data = p;
    for (int i = 0; i < NSTREAMS; i++) {
        struct stream *st = &p->streams[i];
        st->p = p;
        st->budget = SEDGE_PROCESS_READ_BUDGET;
        st->fd = f->ours[i + 1];
        (void)uv_poll_init(loop, &st->poll, st->fd);
        st->poll.data = p;
    }
    p->nopen = 3;
    return p;
}

struct args {
    char *v[ARGS_MAX];
    int n;
    struct sedge_strv owned;
};

static void arg(struct args *a, const char *text)
{
    sedge_assert(a->n < ARGS_MAX - 1);
    sedge_strv_add(&a->owned, text);
    a->v[a->n++] = a->owned.v[a->owned.n - 1];
}

static void user_args(struct args *a, const struct sedge_process_spec *spec)
{
    sedge_auto_buf struct sedge_buf groups = SEDGE_BUF_INIT;
    char number[32];

    (void)snprintf(number, sizeof(number), "%u", (unsigned)spec->uid);
    arg(a, "-u");
    arg(a, number);
    (void)snprintf(number, sizeof(number), "%u", (unsigned)spec->gid);
    arg(a, "-g");
    arg(a, number);
    for (size_t i = 0; i < spec->ngroups; i++)
        sedge_buf_printf(&groups, "%s%u", i ? "," : "", (unsigned)spec->groups[i]);
    if (spec->ngroups == 0) return;
    arg(a, "-G");
    arg(a, groups.data);
}

static void files_arg(struct args *a)
{
    char number[32];

    (void)snprintf(number, sizeof number, "%zu", sedge_files_before());
    arg(a, "-n");
    arg(a, number);
}

/* A plain command is tried without the shell first. */
static void plain_args(struct args *a, const struct sedge_process_spec *spec)
{
    sedge_auto_strv struct sedge_strv words = {NULL, 0};
    char number[32];

    if (strcmp(spec->shell, PLAIN_SHELL) != 0 || !sedge_simple_words(spec->script, &words)) {
        arg(a, "--");
        return;
    }
    (void)snprintf(number, sizeof(number), "%zu", words.n);
    arg(a, "-s");
    arg(a, number);
    arg(a, "--");
    for (size_t i = 0; i < words.n; i++)
        arg(a, words.v[i]);
}

static void make_args(struct args *a, const struct sedge_process_spec *spec)
{
    arg(a, "sedge-exec");
    arg(a, "-d");
    arg(a, spec->dir);
    if (spec->switch_user) user_args(a, spec);
    for (size_t i = 0; spec->cgroups && i < spec->cgroups->n; i++) {
        arg(a, "-c");
        arg(a, spec->cgroups->v[i]);
    }
    files_arg(a);
    if (spec->privileged) arg(a, "-p");
    plain_args(a, spec);
    arg(a, spec->shell);
    arg(a, "-c");
    arg(a, spec->script);
    a->v[a->n] = NULL;
}

/* All signals as they are in a new session: we ignore some. */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t all, none;
    int rc;

    (void)sigfillset(&all);
    (void)sigemptyset(&none);
    rc = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    if (rc == 0) rc = posix_spawnattr_setsigdefault(attributes, &all);
    return rc == 0 ? posix_spawnattr_setsigmask(attributes, &none) : rc;
}

/* posix_spawn shares our memory until the program is executed: unlike fork it does not copy the page tables of a
 * nucleus with hundreds of components, and leaves no page of ours to be copied on the next write. */
static int execute(struct sedge_process *p, const struct sedge_process_spec *spec, char **args, const struct fds *f)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int rc = posix_spawn_file_actions_init(&actions);

    if (rc != 0) return rc;
    rc = posix_spawnattr_init(&attributes);
    if (rc == 0) {
        rc = set_attributes(&attributes);
        for (int i = 0; i < NFDS && rc == 0; i++)
            rc = posix_spawn_file_actions_adddup2(&actions, f->theirs[i], i);
        if (rc == 0)
            rc = posix_spawn(&p->monitor_pid, spec->exec_path, &actions, &attributes, args,
                             spec->env ? spec->env : environ);
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return rc;
}

static int spawn(struct sedge_process *p, const struct sedge_process_spec *spec, const struct fds *f)
{
    struct args a = {.n = 0};
    int rc;

    make_args(&a, spec);
    rc = execute(p, spec, a.v, f);
    sedge_strv_release(&a.owned);
    return rc;
}

static void start_reading(struct sedge_process *p)
{
    (void)uv_poll_start(&p->control, UV_READABLE, control_cb);
    for (int i = 0; i < NSTREAMS; i++)
        (void)uv_poll_start(&p->streams[i].poll, UV_READABLE, readable_cb);
}

struct sedge_process *sedge_process_spawn(uv_loop_t *loop, const struct sedge_process_spec *spec,
                                          const struct sedge_process_cbs *cbs, void *user, struct sedge_err *err)
{
    struct sedge_process *p;
    struct fds f;
    int rc;

    if (make_fds(&f, err) != 0) return NULL;
    p = new_process(loop, &f);
    p->cbs = *cbs;
    p->user = user;
    p->drain_ms = spec->drain_ms;
    p->reader = spec->reader;
    rc = spawn(p, spec, &f);
    close_fds(f.theirs);
    if (rc != 0) {
        (void)sedge_err_sys(err, rc, "start %s", spec->exec_path);
        close_all(p);
        return NULL;
    }
    p->spawned = true;
    start_reading(p);
    return p;
}

void sedge_process_signal(struct sedge_process *p, enum sedge_process_signal which)
{
    char byte = (char)which;

    if (!p || p->closing) return;
    /* room for thousands of these; without a reader the monitor is gone, and with it the reason to write */
    (void)send(p->control_fd, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

pid_t sedge_process_pid(const struct sedge_process *p)
{
    return p ? p->pid : 0;
}

pid_t sedge_process_monitor(const struct sedge_process *p)
{
    return !p || p->monitor_gone ? 0 : p->monitor_pid;
}

bool sedge_process_lost_monitor(const struct sedge_process *p)
{
    return p->lost;
}
