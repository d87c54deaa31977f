#include "proc.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "fs.h"
#include "mem.h"

#define STAT_MAX  1024
#define DEPTH_MAX 4096 /* of a chain of parents: more is a loop that the table's age has made */
#define ENV_MAX   ((size_t)4 * 1024 * 1024)

/* "pid (comm) S ppid pgrp session ...": comm may hold blanks and parentheses, so look for the last one. */
static int parse_stat(char *text, struct sedge_proc_stat *out)
{
    char *p = strrchr(text, ')');
    int ppid, pgrp, session;
    unsigned long long start;
    char state;

    if (!p) return -1;
    /* field 22 is the start time: 3 state, 4 ppid, 5 pgrp, 6 session, then 15 that do not matter */
    if (sscanf(p + 1, // NOLINT(cert-err34-c): the kernel writes these numbers
               " %c %d %d %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu", &state, &ppid, &pgrp,
               &session, &start) != 5)
        return -1;
    out->state = state;
    out->ppid = ppid;
    out->pgrp = pgrp;
    out->session = session;
    out->start_time = start;
    return 0;
}

int sedge_proc_stat(pid_t pid, struct sedge_proc_stat *out)
{
    char path[64], text[STAT_MAX];
    sedge_auto_close int fd = -1;
    ssize_t n;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    n = read(fd, text, sizeof(text) - 1);
    if (n <= 0) return -1;
    text[n] = '\0';
    *out = (struct sedge_proc_stat){.pid = pid};
    return parse_stat(text, out);
}

void sedge_proc_table_read(struct sedge_proc_table *t)
{
    DIR *d = opendir("/proc");
    const struct dirent *e;
    size_t cap = 0;

    *t = (struct sedge_proc_table){NULL, 0};
    while (d && (e = readdir(d))) {
        struct sedge_proc_stat st;
        if (!isdigit((unsigned char)e->d_name[0])) continue;
        if (sedge_proc_stat((pid_t)strtol(e->d_name, NULL, 10), &st) != 0) continue;
        if (t->n == cap) {
            cap = cap ? cap * 2 : 128;
            t->v = sedge_xrealloc(t->v, cap, sizeof(*t->v));
        }
        t->v[t->n++] = st;
    }
    if (d) (void)closedir(d);
}

void sedge_proc_table_release(struct sedge_proc_table *t)
{
    free(t->v);
    *t = (struct sedge_proc_table){NULL, 0};
}

static bool is_in(const struct sedge_proc_stat *v, size_t n, pid_t pid)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].pid == pid) return true;
    return false;
}

void sedge_proc_table_keep_below(struct sedge_proc_table *t, pid_t root)
{
    size_t kept = 0;

    /* v[0..kept) are descendants, parents before children; each round adds the next generation */
    for (size_t before = (size_t)-1; before != kept;) {
        before = kept;
        for (size_t i = kept; i < t->n; i++) {
            struct sedge_proc_stat st = t->v[i];
            if (st.pid == root || (st.ppid != root && !is_in(t->v, kept, st.ppid))) continue;
            t->v[i] = t->v[kept];
            t->v[kept++] = st;
        }
    }
    t->n = kept;
    for (size_t i = 0; i < kept / 2; i++) {
        struct sedge_proc_stat st = t->v[i];
        t->v[i] = t->v[kept - 1 - i];
        t->v[kept - 1 - i] = st;
    }
}

bool sedge_proc_is_below(pid_t pid, pid_t ancestor)
{
    struct sedge_proc_stat st;

    for (int depth = 0; depth < DEPTH_MAX && pid > 0; depth++) {
        if (pid == ancestor) return true;
        if (sedge_proc_stat(pid, &st) != 0) return false;
        pid = st.ppid;
    }
    return false;
}

bool sedge_proc_has_env(pid_t pid, const char *assignment)
{
    sedge_auto_buf struct sedge_buf env = SEDGE_BUF_INIT;
    size_t want = strlen(assignment);
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
    if (sedge_fs_read(path, ENV_MAX, &env, NULL) != 0 || env.len == 0) return false;
    for (size_t at = 0; at < env.len; at += strlen(env.data + at) + 1)
        if (strlen(env.data + at) == want && memcmp(env.data + at, assignment, want) == 0) return true;
    return false;
}

const char *sedge_signal_name(int signal, char out[SEDGE_SIGNAL_NAME_LEN])
{
    const char *name = sigabbrev_np(signal);

    if (name)
        (void)snprintf(out, SEDGE_SIGNAL_NAME_LEN, "SIG%s", name);
    else if (signal >= SIGRTMIN && signal <= SIGRTMAX)
        (void)snprintf(out, SEDGE_SIGNAL_NAME_LEN, "SIGRTMIN+%d", signal - SIGRTMIN);
    else
        (void)snprintf(out, SEDGE_SIGNAL_NAME_LEN, "signal %d", signal);
    return out;
}
