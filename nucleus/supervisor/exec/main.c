/*
 * sedge-exec - runs one script of a component, and stays until nothing of it is left.
 *
 *   sedge-exec [-d DIR] [-u UID -g GID [-G GID,GID...]] [-c CGROUP-DIR]... [-n FILES] [-p] [-s N] -- PROGRAM
 * ARGUMENT...
 *
 * -s: the first N arguments are a command of their own, to be executed instead if that can be done: what the rest, a
 * shell, would come to in the end.
 *
 * Started by the nucleus for every script, with file descriptor 3 a socket to it. It makes itself the reaper of all
 * that will be below it, forks, and in the child sets session, control groups, folder, groups, user and (without -p)
 * no_new_privs, then executes PROGRAM. Daemons that PROGRAM leaves behind become its own children, so that a component
 * ends completely: on request, and when the nucleus dies in whatever way (the socket then ends).
 *
 * To the nucleus, a line each: "W <text>" something minor failed; "E <text>" the script could not be executed;
 * "S <pid>" it has been executed, or, after E, not; "X <code> <signal> <core 0|1>" it ended. The exit of sedge-exec
 * itself says that no process is left. From the nucleus, a byte each: 't' SIGTERM to all, 'k' SIGKILL to all until none
 * is left.
 *
 * Linked against the C library alone: it runs once for every component, all the time.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CONTROL_FD      3
#define CGROUPS_MAX     8
#define GROUPS_MAX      256
#define PLAIN_MAX       24
#define TABLE_MAX       32768 /* processes looked at: the default of kernel.pid_max */
#define ORPHAN_GRACE_MS 1000  /* between TERM and KILL when the nucleus has died */
#define KILL_AGAIN_MS   20    /* KILL is repeated, since a process may fork while the others are killed */
#define EXIT_LAUNCH     127
#define EXIT_USAGE      100

struct options {
    const char *dir;
    const char *cgroups[CGROUPS_MAX];
    int ncgroups;
    const char *files; /* soft limit of open files; NULL: as it is */
    bool switch_user;
    bool privileged;
    uid_t uid;
    gid_t gid;
    gid_t groups[GROUPS_MAX];
    size_t ngroups;
    char *plain[PLAIN_MAX + 1]; /* the command of -s; [0] NULL: none */
    char **command;
};

struct monitor {
    const struct options *options;
    int signals; /* signalfd */
    pid_t script;
    bool orphaned; /* the nucleus is gone */
    bool killing;
    int64_t kill_at; /* 0: never */
};

static void tell(char kind, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void tell(char kind, const char *fmt, ...)
{
    char line[512];
    va_list ap;
    int n;

    line[0] = kind;
    line[1] = ' ';
    va_start(ap, fmt);
    n = vsnprintf(line + 2, sizeof(line) - 3, fmt, ap);
    va_end(ap);
    if (n < 0) return;
    n = n > (int)sizeof(line) - 4 ? (int)sizeof(line) - 4 : n;
    line[n + 2] = '\n';
    while (write(CONTROL_FD, line, (size_t)n + 3) < 0 && errno == EINTR) {
    }
}

/* ---- options ---- */

static unsigned long number(const char *text)
{
    char *end;
    unsigned long v;

    errno = 0;
    v = strtoul(text, &end, 10);
    if (errno != 0 || *end != '\0' || end == text || v > (uid_t)-2) {
        tell('E', "sedge-exec: \"%s\" is not a number", text);
        exit(EXIT_USAGE);
    }
    return v;
}

static void parse_groups(struct options *o, char *list)
{
    char *rest = NULL;

    for (char *g = strtok_r(list, ",", &rest); g; g = strtok_r(NULL, ",", &rest))
        if (o->ngroups < GROUPS_MAX) o->groups[o->ngroups++] = (gid_t)number(g);
}

static int keep_plain(struct options *o, char **argv, size_t n)
{
    if (n > PLAIN_MAX) return -1;
    memcpy(o->plain, argv, n * sizeof(*argv));
    return 0;
}

static int parse_options(int argc, char **argv, struct options *o)
{
    int c, plain = 0;

    while ((c = getopt(argc, argv, "+d:u:g:G:c:n:ps:")) != -1) {
        switch (c) {
        case 'd':
            o->dir = optarg;
            break;
        case 'u':
            o->uid = (uid_t)number(optarg);
            o->switch_user = true;
            break;
        case 'g':
            o->gid = (gid_t)number(optarg);
            break;
        case 'G':
            parse_groups(o, optarg);
            break;
        case 'c':
            if (o->ncgroups < CGROUPS_MAX) o->cgroups[o->ncgroups++] = optarg;
            break;
        case 'n':
            o->files = optarg;
            break;
        case 'p':
            o->privileged = true;
            break;
        case 's':
            plain = (int)number(optarg);
            break;
        default:
            return -1;
        }
    }
    if (plain < 0 || plain >= argc - optind) return -1;
    o->command = argv + optind + plain;
    return plain == 0 || keep_plain(o, argv + optind, (size_t)plain) == 0 ? 0 : -1;
}

/* ---- the child ---- */

static void enter_cgroup(const char *dir)
{
    char path[512];
    int fd;

    (void)snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "0", 1) != 1) tell('W', "cannot enter control group %s: %s", dir, strerror(errno));
    if (fd >= 0) (void)close(fd);
}

static _Noreturn void cannot(const char *what, const char *name)
{
    tell('E', "%s%s%s: %s", what, *name ? " " : "", name, strerror(errno));
    _exit(EXIT_LAUNCH);
}

/* The nucleus has raised its own limit; programs that use select() need the usual one. */
static void set_files(const struct options *o)
{
    struct rlimit r;

    if (!o->files || getrlimit(RLIMIT_NOFILE, &r) != 0) return;
    r.rlim_cur = number(o->files);
    (void)setrlimit(RLIMIT_NOFILE, &r); /* lower than the hard one: nothing to refuse */
}

/* Returns when it cannot be done. */
static void execute_plain(const struct options *o)
{
    static char pwd[512] = "PWD="; /* the one thing that shells put into the environment */

    if (getenv("PATH") && getcwd(pwd + 4, sizeof(pwd) - 4) && putenv(pwd) == 0) (void)execvp(o->plain[0], o->plain);
}

static _Noreturn void become_script(const struct options *o, pid_t monitor)
{
    sigset_t none;

    set_files(o);
    (void)setsid(); /* own session and group: kill(0, ...) in a script does not reach us */
    for (int i = 0; i < o->ncgroups; i++)
        enter_cgroup(o->cgroups[i]);
    if (o->switch_user) {
        if (setgroups(o->ngroups, o->groups) != 0) cannot("setgroups", "");
        if (setresgid(o->gid, o->gid, o->gid) != 0) cannot("set group", "");
        if (setresuid(o->uid, o->uid, o->uid) != 0) cannot("set user", "");
    }
    if (o->dir && chdir(o->dir) != 0) cannot("work folder", o->dir);
    if (!o->privileged && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) cannot("no_new_privs", "");
    /* after the change of user, which clears it: the script ends should we be killed ourselves */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != monitor) _exit(EXIT_LAUNCH);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)fcntl(CONTROL_FD, F_SETFD, FD_CLOEXEC);
    if (o->plain[0]) execute_plain(o);
    (void)execvp(o->command[0], o->command);
    cannot("cannot execute", o->command[0]);
}

/* ---- all that runs below us ---- */

struct entry {
    pid_t pid, ppid, pgrp;
    bool below;
};

static bool read_entry(const char *name, struct entry *out)
{
    char path[64], text[512];
    const char *p;
    char *end;
    ssize_t n;
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/%s/stat", name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    n = read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    if (n <= 0) return false;
    text[n] = '\0';
    p = strrchr(text, ')'); /* the name before may hold anything */
    if (!p || strlen(p) < 5) return false;
    out->pid = (pid_t)strtol(name, NULL, 10);
    out->ppid = (pid_t)strtol(p + 4, &end, 10);
    out->pgrp = (pid_t)strtol(end, NULL, 10);
    return true;
}

static size_t read_table(struct entry *table)
{
    DIR *d = opendir("/proc");
    const struct dirent *e;
    size_t n = 0;

    while (d && n < TABLE_MAX && (e = readdir(d)))
        if (e->d_name[0] >= '0' && e->d_name[0] <= '9' && read_entry(e->d_name, &table[n])) n++;
    if (d) (void)closedir(d);
    return n;
}

/* Marks in place, moving descendants to the front: parents come before their children. */
static size_t keep_below(struct entry *table, size_t n)
{
    pid_t self = getpid();
    size_t kept = 0;

    for (size_t before = (size_t)-1; before != kept;) {
        before = kept;
        for (size_t i = kept; i < n; i++) {
            struct entry e = table[i];
            e.below = e.ppid == self;
            for (size_t k = 0; k < kept && !e.below; k++)
                e.below = table[k].pid == e.ppid;
            if (!e.below) continue;
            table[i] = table[kept];
            table[kept++] = e;
        }
    }
    return kept;
}

/* Process groups of descendants hold nobody else: each is of a session that began below us. A signal to a group reaches
 * those too that are being born; a process that forks and ends all the time could outrun the look at /proc. */
static void kill_groups(const struct entry *table, size_t n)
{
    pid_t self = getpgrp(), last = 0;

    for (size_t i = 0; i < n; i++) {
        if (table[i].pgrp <= 1 || table[i].pgrp == self || table[i].pgrp == last) continue;
        last = table[i].pgrp;
        (void)kill(-last, SIGKILL); /* gone meanwhile: fine */
    }
}

static size_t add_child(struct entry *table, size_t n, pid_t pid, pid_t parent)
{
    if (pid <= 0 || n == TABLE_MAX) return n;
    table[n] = (struct entry){.pid = pid, .ppid = parent, .pgrp = getpgid(pid)};
    return n + 1;
}

/* Appends the children of one thread. */
static size_t read_children(const char *path, pid_t parent, struct entry *table, size_t n)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char text[1024];
    ssize_t got;
    pid_t pid = 0;

    while (fd >= 0 && (got = read(fd, text, sizeof(text))) > 0) {
        for (ssize_t i = 0; i < got; i++) {
            if (text[i] >= '0' && text[i] <= '9') {
                pid = pid * 10 + (text[i] - '0');
                continue;
            }
            n = add_child(table, n, pid, parent);
            pid = 0;
        }
    }
    if (fd >= 0) (void)close(fd);
    return n;
}

static size_t add_children(pid_t of, struct entry *table, size_t n)
{
    char path[64], file[400];
    const struct dirent *e;
    DIR *d;

    (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)of);
    d = opendir(path);
    while (d && (e = readdir(d))) {
        if (e->d_name[0] == '.') continue;
        (void)snprintf(file, sizeof(file), "%s/%s/children", path, e->d_name);
        n = read_children(file, of, table, n);
    }
    if (d) (void)closedir(d);
    return n;
}

/* All descendants, parents before their children. The kernel's own lists of children, where it keeps them: otherwise,
 * with hundreds of components that stop at once, each of us would look at every process of the machine. */
static size_t read_below(struct entry *table)
{
    size_t n = 0;

    if (access("/proc/thread-self/children", R_OK) != 0) return keep_below(table, read_table(table));
    n = add_children(getpid(), table, n);
    for (size_t i = 0; i < n; i++)
        n = add_children(table[i].pid, table, n);
    return n;
}

/* To all descendants, the deepest first, the script itself last but for its own parents. */
static void signal_all(int signo)
{
    struct entry *table = malloc(TABLE_MAX * sizeof(*table)); /* untouched pages cost nothing */
    size_t n;

    if (!table) return;
    n = read_below(table);
    if (signo == SIGKILL) kill_groups(table, n);
    while (n-- > 0)
        (void)kill(table[n].pid, signo); /* gone meanwhile: fine */
    free(table);
}

/* ---- the parent ---- */

static int64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void tell_groups(const struct options *o, const char *file, const char *text)
{
    char path[512];

    for (int i = 0; i < o->ncgroups; i++) {
        ssize_t unheard;
        int fd;
        (void)snprintf(path, sizeof(path), "%s/%s", o->cgroups[i], file);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0) continue;                    /* that group has no such file */
        unheard = write(fd, text, strlen(text)); /* nobody is left to be told */
        (void)unheard;
        (void)close(fd);
    }
}

/* A paused component: signals reach a frozen process when it is thawed. While the nucleus lives, that is its business.
 */
static void thaw(const struct options *o)
{
    tell_groups(o, "freezer.state", "THAWED");
    tell_groups(o, "cgroup.freeze", "0");
}

static void start_killing(struct monitor *m)
{
    m->killing = true;
    if (m->orphaned) tell_groups(m->options, "freezer.state", "FROZEN"); /* nobody is born meanwhile */
    signal_all(SIGKILL);
    if (m->orphaned) tell_groups(m->options, "cgroup.kill", "1");
    if (m->orphaned) thaw(m->options);
    m->kill_at = now_ms() + KILL_AGAIN_MS;
}

static void reap(const struct monitor *m)
{
    struct signalfd_siginfo info;
    int status;
    pid_t pid;

    while (read(m->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
    }
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid != m->script) continue;
        if (WIFSIGNALED(status))
            tell('X', "-1 %d %d", WTERMSIG(status), WCOREDUMP(status) ? 1 : 0);
        else
            tell('X', "%d 0 0", WEXITSTATUS(status));
    }
    if (pid < 0 && errno == ECHILD) _exit(0);
}

static void obey(struct monitor *m)
{
    char bytes[16];
    ssize_t n = read(CONTROL_FD, bytes, sizeof(bytes));

    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) {
        m->orphaned = true;
        thaw(m->options);
        if (!m->killing) {
            signal_all(SIGTERM);
            m->kill_at = now_ms() + ORPHAN_GRACE_MS;
        }
        return;
    }
    for (ssize_t i = 0; i < n; i++) {
        if (bytes[i] == 't') signal_all(SIGTERM);
        if (bytes[i] == 'k') start_killing(m);
    }
}

static int wait_ms(const struct monitor *m)
{
    int64_t left;

    if (m->kill_at == 0) return -1;
    left = m->kill_at - now_ms();
    return left > 0 ? (int)left : 0;
}

static _Noreturn void monitor(struct monitor *m)
{
    for (;;) {
        struct pollfd fds[2] = {{.fd = m->signals, .events = POLLIN}, {.fd = CONTROL_FD, .events = POLLIN}};
        (void)poll(fds, m->orphaned ? 1 : 2, wait_ms(m));
        if (fds[1].revents && !m->orphaned) obey(m);
        if (m->kill_at != 0 && now_ms() >= m->kill_at) start_killing(m);
        reap(m);
    }
}

/* Signals are taken from a descriptor: none of them ends us before our children. */
static int open_signals(void)
{
    sigset_t all, child;

    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
    (void)sigemptyset(&child);
    (void)sigaddset(&child, SIGCHLD);
    return signalfd(-1, &child, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* The script's pipes end when the script and its children close them, not when we do. */
static void let_go_of_streams(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int fd = 0; fd <= 2; fd++)
        if (null < 0 || dup2(null, fd) < 0) (void)close(fd);
    if (null > 2) (void)close(null);
}

int main(int argc, char **argv)
{
    struct options o = {0};
    struct monitor m = {.options = &o};
    pid_t self = getpid();

    /* Descriptors that a library of the nucleus opened without close-on-exec are none of the script's business; and a
     * copy here would keep the nucleus' broken connections alive in its event loop. */
    (void)syscall(SYS_close_range, CONTROL_FD + 1, ~0U, 0); /* musl has no function for it */
    if (parse_options(argc, argv, &o) != 0) {
        tell('E', "sedge-exec: wrong arguments");
        return EXIT_USAGE;
    }
    (void)setsid();
    m.signals = open_signals();
    if (m.signals < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) {
        tell('E', "sedge-exec: %s", strerror(errno));
        return EXIT_LAUNCH;
    }
    /* The child only makes system calls until it executes the script, so it can do with our memory and stack: a copy of
     * them would cost as much again as starting a program. */
    m.script = vfork(); // NOLINT(clang-analyzer-security.insecureAPI.vfork)
    if (m.script < 0) {
        tell('E', "vfork: %s", strerror(errno));
        return EXIT_LAUNCH;
    }
    if (m.script == 0) {
        (void)signal(SIGPIPE, SIG_DFL);
        become_script(&o, self);
    }
    tell('S', "%d", (int)m.script); /* vfork: not before the script has been executed, or could not be */
    let_go_of_streams();
    if (chdir("/") != 0) tell('W', "chdir /: %s", strerror(errno));
    monitor(&m);
}
