/* The processes in control groups: moving, counting, killing; and how groups end. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroup.h"
#include "cgroup_internal.h"
#include "fs.h"
#include "mem.h"

struct pids {
    pid_t *v;
    size_t n;
};

static void read_pids(const char *dir, struct pids *out)
{
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;
    char *p, *end;

    *out = (struct pids){NULL, 0};
    if (sedge_cgroup_read(dir, "cgroup.procs", &text) != 0) return;
    out->v = sedge_xcalloc(text.len / 2 + 1, sizeof(*out->v)); /* each has a digit and a line end */
    for (p = text.data; *p; p = end) {
        long pid = strtol(p, &end, 10);
        if (end == p) break;
        if (pid > 1) out->v[out->n++] = (pid_t)pid;
        if (*end == '\n') end++;
    }
}

static bool has_pid(const struct pids *list, pid_t pid)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->v[i] == pid) return true;
    return false;
}

/* 1: moved; 0: gone meanwhile. */
static int move(const char *dir, pid_t pid, struct sedge_err *err)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/cgroup.procs", dir);
    sedge_auto_close int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    char text[32];
    int n = snprintf(text, sizeof(text), "%d\n", (int)pid);

    if (fd < 0) return sedge_err_sys(err, errno, "open %s", path);
    if (write(fd, text, (size_t)n) >= 0) return 1;
    return errno == ESRCH ? 0 : sedge_err_sys(err, errno, "write process %d to %s", (int)pid, path);
}

static int enter_one(const char *dir, const pid_t *pids, size_t n, struct sedge_err *err)
{
    struct pids there;
    int moved = 0, rc = 0;

    read_pids(dir, &there);
    for (size_t i = 0; i < n && rc >= 0; i++) {
        if (has_pid(&there, pids[i])) continue;
        rc = move(dir, pids[i], err);
        moved += rc > 0;
    }
    free(there.v);
    return rc < 0 ? -1 : moved;
}

int sedge_cgroups_enter(struct sedge_cgroups *c, const char *component, const pid_t *pids, size_t n,
                        struct sedge_err *err)
{
    int moved = 0;

    for (int k = 0; k < SEDGE_CGROUP_NPLACES; k++) {
        sedge_auto_free char *dir = sedge_cgroup_dir(c, k, component);
        int rc;
        if (!dir || sedge_cgroup_is_twin(c, k) || !sedge_fs_is_dir(dir)) continue;
        rc = enter_one(dir, pids, n, err);
        if (rc < 0) return -1;
        moved += rc;
    }
    return moved;
}

static void kill_in(const char *dir)
{
    struct pids there;

    read_pids(dir, &there);
    for (size_t i = 0; i < there.n; i++)
        (void)kill(there.v[i], SIGKILL); /* gone meanwhile: fine */
    free(there.v);
}

void sedge_cgroups_kill(struct sedge_cgroups *c, const char *component)
{
    /* v1: what is being frozen does not fork, so that nobody is born while the others are killed */
    if (!c->places[SEDGE_CGROUP_FREEZER].v2) (void)sedge_cgroups_freeze(c, component, true, NULL);
    for (int k = 0; k < SEDGE_CGROUP_NPLACES; k++) {
        sedge_auto_free char *dir = sedge_cgroup_dir(c, k, component);
        if (!dir || sedge_cgroup_is_twin(c, k) || !sedge_fs_is_dir(dir)) continue;
        if (!c->places[k].v2 || sedge_cgroup_write(dir, "cgroup.kill", "1", NULL) != 0) kill_in(dir);
    }
    (void)sedge_cgroups_freeze(c, component, false, NULL); /* in v1 a frozen process dies when it is thawed */
}

size_t sedge_cgroups_count(struct sedge_cgroups *c, const char *component)
{
    size_t most = 0;

    for (int k = 0; k < SEDGE_CGROUP_NPLACES; k++) {
        sedge_auto_free char *dir = sedge_cgroup_dir(c, k, component);
        struct pids there = {NULL, 0};
        if (dir) read_pids(dir, &there);
        if (there.n > most) most = there.n;
        free(there.v);
    }
    return most;
}

void sedge_cgroups_remove(struct sedge_cgroups *c, const char *component)
{
    for (int k = 0; k < SEDGE_CGROUP_NPLACES; k++) {
        sedge_auto_free char *dir = sedge_cgroup_dir(c, k, component);
        if (dir) (void)rmdir(dir); /* busy: the next start uses it again */
    }
}

/* Calls fn for each component that has a group. */
static size_t each_component(struct sedge_cgroups *c, size_t (*fn)(struct sedge_cgroups *c, const char *component))
{
    size_t sum = 0;

    for (int k = 0; k < SEDGE_CGROUP_NPLACES; k++) {
        DIR *d = c->places[k].base && !sedge_cgroup_is_twin(c, k) ? opendir(c->places[k].base) : NULL;
        const struct dirent *e;
        while (d && (e = readdir(d)))
            if (e->d_name[0] != '.' && e->d_type == DT_DIR) sum += fn(c, e->d_name);
        if (d) (void)closedir(d);
    }
    return sum;
}

static size_t kill_and_remove(struct sedge_cgroups *c, const char *component)
{
    size_t n = sedge_cgroups_count(c, component);

    if (n > 0) sedge_cgroups_kill(c, component);
    sedge_cgroups_remove(c, component);
    return n;
}

static size_t only_remove(struct sedge_cgroups *c, const char *component)
{
    sedge_cgroups_remove(c, component);
    return 0;
}

size_t sedge_cgroups_kill_all(struct sedge_cgroups *c)
{
    return each_component(c, kill_and_remove);
}

void sedge_cgroups_close(struct sedge_cgroups *c)
{
    if (!c) return;
    (void)each_component(c, only_remove);
    for (int k = 0; k < SEDGE_CGROUP_NPLACES; k++)
        if (c->places[k].base) (void)rmdir(c->places[k].base); /* stays while a process is in it */
    for (int k = 0; k < SEDGE_CGROUP_NPLACES; k++)
        free(c->places[k].base);
    free(c);
}
