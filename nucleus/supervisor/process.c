#include "process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

#define NOTE_MAX 4096u
#define ARGS_MAX 64

enum { OUT, ERR, NSTREAMS };

struct stream {
    uv_pipe_t pipe;
    struct sedge_process *p;
    size_t budget;
    uint64_t since; /* loop time from which the budget counts */
    bool waiting, cheap, ended;
};

struct sedge_process {
    uv_process_t monitor;
    uv_pipe_t control;
    struct stream streams[NSTREAMS];
    uv_timer_t tick;  /* waiting streams are read again */
    uv_timer_t drain; /* the pipes have had their time */
    int stdin_fd;     /* held open, never written */
    struct sedge_buf notes;
    struct sedge_process_reader *reader;
    struct sedge_process_cbs cbs;
    void *user;
    struct sedge_process_exit exit;
    pid_t pid, monitor_pid;
    int drain_ms;
    int nopen; /* handles */
    bool spawned, lost, has_exit, drained, has_ended, monitor_gone, control_ended, closing;
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
    uv_handle_t *handles[] = {
        (uv_handle_t *)&p->monitor,           (uv_handle_t *)&p->control, (uv_handle_t *)&p->streams[OUT].pipe,
        (uv_handle_t *)&p->streams[ERR].pipe, (uv_handle_t *)&p->tick,    (uv_handle_t *)&p->drain};

    if (p->closing) return;
    p->closing = true;
    for (int i = 0; i < NSTREAMS; i++)
        go_on(&p->streams[i]);
    if (p->stdin_fd >= 0) (void)close(p->stdin_fd); /* a pipe: nothing to learn from the result */
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(handles); i++)
        uv_close(handles[i], closed_cb);
}

/* ---- reading ---- */

static void tick_cb(uv_timer_t *t);

static void alloc_chunk(const struct sedge_process *p, size_t n, uv_buf_t *buf)
{
    *buf = uv_buf_init(p->reader->chunk, (unsigned)n); /* read and handed over at once: one buffer serves all */
}

static void alloc_cb(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    alloc_chunk(h->data, SEDGE_PROCESS_CHUNK, buf);
}

static void alloc_stream_cb(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
    const struct stream *st = (const struct stream *)h;

    (void)suggested;
    alloc_chunk(st->p, st->cheap ? SEDGE_PROCESS_CHUNK : SEDGE_PROCESS_CHUNK_SMALL, buf);
}

/* What is left for each when this one goes on beside those that wait. */
static size_t share(const struct stream *st)
{
    size_t part = SEDGE_PROCESS_READ_BUDGET / (1 + st->p->reader->waiting);

    return part > SEDGE_PROCESS_CHUNK_SMALL ? part : SEDGE_PROCESS_CHUNK_SMALL;
}

/* For a tick; longer where the least share is more than a part of the budget. */
static void wait(struct stream *st)
{
    struct sedge_process *p = st->p;
    uint64_t ms;

    (void)uv_read_stop((uv_stream_t *)&st->pipe);
    st->waiting = true;
    p->reader->waiting++;
    ms = (uint64_t)SEDGE_PROCESS_TICK_MS * share(st) * p->reader->waiting / SEDGE_PROCESS_READ_BUDGET;
    if (ms < SEDGE_PROCESS_TICK_MS) ms = SEDGE_PROCESS_TICK_MS;
    if (!uv_is_active((uv_handle_t *)&p->tick)) (void)uv_timer_start(&p->tick, tick_cb, ms, 0);
}

static void spend(struct stream *st, size_t n, size_t work)
{
    uint64_t now = uv_now(st->pipe.loop);
    size_t cost = work > n ? work : n;

    st->cheap = work <= n;
    if (now - st->since >= SEDGE_PROCESS_TICK_MS) {
        st->since = now;
        st->budget = share(st);
    }
    st->budget = st->budget > cost ? st->budget - cost : 0;
    if (st->budget == 0) wait(st);
}

static void read_cb(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct stream *st = (struct stream *)s;
    struct sedge_process *p = st->p;

    if (n > 0) {
        spend(st, (size_t)n, p->cbs.output(p, st == &p->streams[ERR], buf->base, (size_t)n, p->user));
        return;
    }
    if (n == 0) return;
    (void)uv_read_stop(s);
    st->ended = true;
    (void)p->cbs.output(p, st == &p->streams[ERR], "", 0, p->user);
    check(p);
}

static void tick_cb(uv_timer_t *t)
{
    struct sedge_process *p = t->data;

    for (int i = 0; i < NSTREAMS; i++) {
        struct stream *st = &p->streams[i];
        if (!st->waiting) continue;
        go_on(st);
        st->since = 0; /* a new budget */
        if (!p->closing) (void)uv_read_start((uv_stream_t *)&st->pipe, alloc_stream_cb, read_cb);
    }
}

/* ---- the end ---- */

static void drain_cb(uv_timer_t *t)
{
    struct sedge_process *p = t->data;

    p->drained = true;
    check(p);
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
    if (p->has_ended && p->monitor_gone && p->control_ended && (eof || p->drained)) close_all(p);
}

static void has_exited(struct sedge_process *p, int code, int signal, bool core)
{
    if (p->has_exit) return;
    p->has_exit = true;
    p->exit = (struct sedge_process_exit){.code = code, .signal = signal, .core = core};
    if (p->drain_ms >= 0) (void)uv_timer_start(&p->drain, drain_cb, (uint64_t)p->drain_ms, 0);
}

static void monitor_exit_cb(uv_process_t *h, int64_t status, int signal)
{
    struct sedge_process *p = h->data;

    p->monitor_gone = true;
    p->lost = signal != 0;
    if (!p->has_exit) p->exit = (struct sedge_process_exit){signal ? -1 : (int)status, signal, false};
    (void)uv_timer_start(&p->drain, drain_cb, SEDGE_PROCESS_LAST_MS, 0);
    if (p->control_ended && !p->has_exit) has_exited(p, p->exit.code, p->exit.signal, false);
    check(p);
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

static void control_end(struct sedge_process *p)
{
    (void)uv_read_stop((uv_stream_t *)&p->control);
    p->control_ended = true;
    if (p->monitor_gone && !p->has_exit) has_exited(p, p->exit.code, p->exit.signal, false);
    check(p);
}

static void control_cb(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct sedge_process *p = s->data;
    char *nl;

    if (n < 0 || p->notes.len > NOTE_MAX) {
        control_end(p);
        return;
    }
    sedge_buf_add(&p->notes, buf->base, (size_t)n);
    while (p->notes.len > 0 && (nl = memchr(p->notes.data, '\n', p->notes.len))) {
        size_t len = (size_t)(nl - p->notes.data);
        *nl = '\0';
        note(p, p->notes.data);
        sedge_buf_drop_front(&p->notes, len + 1);
    }
}

/* ---- spawning ---- */

struct fds {
    int ours[4], theirs[4]; /* stdin, stdout, stderr, control */
};

static void close_fds(int *fds)
{
    for (int i = 0; i < 4; i++)
        if (fds[i] >= 0) (void)close(fds[i]);
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
        return 0;
    }
    close_fds(f->ours);
    close_fds(f->theirs);
    return sedge_err_sys(err, -rc, "pipes for a script");
}

static struct sedge_process *new_process(uv_loop_t *loop, const struct fds *f)
{
    struct sedge_process *p = SEDGE_NEW(struct sedge_process);

    p->stdin_fd = f->ours[0];
    p->monitor.data = p;
    (void)uv_pipe_init(loop, &p->control, 0);
    (void)uv_pipe_open(&p->control, f->ours[3]);
    p->control.data = p;
    for (int i = 0; i < NSTREAMS; i++) {
        struct stream *st = &p->streams[i];
        st->p = p;
        st->budget = SEDGE_PROCESS_READ_BUDGET;
        (void)uv_pipe_init(loop, &st->pipe, 0);
        (void)uv_pipe_open(&st->pipe, f->ours[i + 1]);
        st->pipe.data = p;
    }
    (void)uv_timer_init(loop, &p->tick);
    (void)uv_timer_init(loop, &p->drain);
    p->tick.data = p;
    p->drain.data = p;
    p->nopen = 6;
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
    if (spec->privileged) arg(a, "-p");
    arg(a, "--");
    arg(a, spec->shell);
    arg(a, "-c");
    arg(a, spec->script);
    a->v[a->n] = NULL;
}

static int spawn(uv_loop_t *loop, struct sedge_process *p, const struct sedge_process_spec *spec, const struct fds *f)
{
    struct args a = {.n = 0};
    uv_stdio_container_t stdio[4];
    uv_process_options_t o = {.exit_cb = monitor_exit_cb, .file = spec->exec_path, .env = spec->env};
    int rc;

    make_args(&a, spec);
    for (int i = 0; i < 4; i++) {
        stdio[i].flags = UV_INHERIT_FD;
        stdio[i].data.fd = f->theirs[i];
    }
    o.args = a.v;
    o.stdio = stdio;
    o.stdio_count = 4;
    rc = uv_spawn(loop, &p->monitor, &o);
    sedge_strv_release(&a.owned);
    return rc;
}

static void start_reading(struct sedge_process *p)
{
    (void)uv_read_start((uv_stream_t *)&p->control, alloc_cb, control_cb);
    for (int i = 0; i < NSTREAMS; i++)
        (void)uv_read_start((uv_stream_t *)&p->streams[i].pipe, alloc_stream_cb, read_cb);
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
    rc = spawn(loop, p, spec, &f);
    close_fds(f.theirs);
    if (rc != 0) {
        (void)sedge_err_sys(err, -rc, "start %s", spec->exec_path);
        close_all(p);
        return NULL;
    }
    p->spawned = true;
    p->monitor_pid = uv_process_get_pid(&p->monitor);
    start_reading(p);
    return p;
}

void sedge_process_signal(struct sedge_process *p, enum sedge_process_signal which)
{
    char byte = (char)which;
    uv_os_fd_t fd;

    if (p->closing || uv_fileno((uv_handle_t *)&p->control, &fd) != 0) return;
    /* room for thousands of these; without a reader the monitor is gone, and with it the reason to write */
    (void)send(fd, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

pid_t sedge_process_pid(const struct sedge_process *p)
{
    return p->pid;
}

pid_t sedge_process_monitor(const struct sedge_process *p)
{
    return p->monitor_gone ? 0 : p->monitor_pid;
}

bool sedge_process_lost_monitor(const struct sedge_process *p)
{
    return p->lost;
}
