#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "fs.h"
#include "mem.h"

#define CGROUP_FILE_MAX 65536u
#define CPU_PERIOD_US   100000LL

enum { MEMORY, CPU, FREEZER, NHIERARCHIES };

struct sedge_cgroups {
    enum sedge_cgroup_version version;
    char *base[NHIERARCHIES]; /* folder of our group in each hierarchy (v2: only the first); NULL: not there */
};

static bool can_use(const char *hierarchy)
{
    return sedge_fs_is_dir(hierarchy) && access(hierarchy, W_OK) == 0;
}

static void find_v1(struct sedge_cgroups *c, const char *mount, const char *group)
{
    static const char *const names[NHIERARCHIES][2] = {
        {"memory", "memory"}, {"cpu,cpuacct", "cpu"}, {"freezer", "freezer"}};

    for (int h = 0; h < NHIERARCHIES; h++) {
        for (int k = 0; k < 2 && !c->base[h]; k++) {
            sedge_auto_free char *dir = sedge_xasprintf("%s/%s", mount, names[h][k]);
            if (can_use(dir)) c->base[h] = sedge_xasprintf("%s/%s", dir, group);
        }
        if (c->base[h]) c->version = SEDGE_CGROUP_V1;
    }
}

struct sedge_cgroups *sedge_cgroups_open(const char *mount, const char *group)
{
    struct sedge_cgroups *c = SEDGE_NEW(struct sedge_cgroups);
    sedge_auto_free char *controllers = sedge_xasprintf("%s/cgroup.controllers", mount);

    if (sedge_fs_exists(controllers)) {
        if (can_use(mount)) {
            c->version = SEDGE_CGROUP_V2;
            c->base[0] = sedge_xasprintf("%s/%s", mount, group);
        }
    } else {
        find_v1(c, mount, group);
    }
    return c;
}

enum sedge_cgroup_version sedge_cgroups_version(const struct sedge_cgroups *c)
{
    return c->version;
}

static int write_file(const char *dir, const char *file, const char *text, struct sedge_err *err)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/%s", dir, file);
    sedge_auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0) return sedge_err_sys(err, errno, "open %s", path);
    if (write(fd, text, strlen(text)) < 0) return sedge_err_sys(err, errno, "write \"%s\" to %s", text, path);
    return 0;
}

static int make_dir(const char *path, struct sedge_err *err)
{
    if (mkdir(path, 0755) != 0 && errno != EEXIST) return sedge_err_sys(err, errno, "mkdir %s", path);
    return 0;
}

/* v2: the parent hands its controllers down; each alone, since one that is missing would refuse them all. */
static void delegate(const char *dir)
{
    static const char *const controllers[] = {"+cpu", "+io", "+memory", "+pids"};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(controllers); i++)
        (void)write_file(dir, "cgroup.subtree_control", controllers[i], NULL); /* limits then say what is missing */
}

static int make_base(struct sedge_cgroups *c, int h, struct sedge_err *err)
{
    sedge_auto_free char *mount = sedge_xstrdup(c->base[h]);

    if (sedge_fs_is_dir(c->base[h])) return 0;
    *strrchr(mount, '/') = '\0';
    if (c->version == SEDGE_CGROUP_V2) delegate(mount);
    if (make_dir(c->base[h], err) != 0) return -1;
    if (c->version == SEDGE_CGROUP_V2) delegate(c->base[h]);
    return 0;
}

static char *group_dir(const struct sedge_cgroups *c, int h, const char *component)
{
    return c->base[h] ? sedge_xasprintf("%s/%s", c->base[h], component) : NULL;
}

int sedge_cgroups_make(struct sedge_cgroups *c, const char *component, struct sedge_strv *dirs, struct sedge_err *err)
{
    size_t before = dirs->n;

    if (c->version == SEDGE_CGROUP_ABSENT)
        return sedge_err_set(err, SEDGE_E_UNSUPPORTED, "no control groups that this nucleus may use on this machine");
    for (int h = 0; h < NHIERARCHIES; h++) {
        sedge_auto_free char *dir = group_dir(c, h, component);
        if (dir && make_base(c, h, err) == 0 && make_dir(dir, err) == 0) sedge_strv_add_take(dirs, sedge_steal(&dir));
    }
    return dirs->n > before ? 0 : -1;
}

static int limit_memory(const struct sedge_cgroups *c, const char *component, int64_t memory_kb, struct sedge_err *err)
{
    sedge_auto_free char *dir = group_dir(c, MEMORY, component);
    bool v2 = c->version == SEDGE_CGROUP_V2;
    char text[32];

    if (!dir) return sedge_err_set(err, SEDGE_E_UNSUPPORTED, "the memory controller is not there");
    if (memory_kb > 0)
        (void)snprintf(text, sizeof(text), "%lld", (long long)memory_kb * 1024);
    else
        (void)snprintf(text, sizeof(text), "%s", v2 ? "max" : "-1");
    return write_file(dir, v2 ? "memory.max" : "memory.limit_in_bytes", text, err);
}

static int64_t read_period(const char *dir, const char *file, bool second_word)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/%s", dir, file);
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;
    const char *p;
    int64_t v;

    if (sedge_fs_read(path, CGROUP_FILE_MAX, &text, NULL) != 0 || text.len == 0) return CPU_PERIOD_US;
    p = second_word ? strchr(text.data, ' ') : text.data;
    v = p ? strtoll(p, NULL, 10) : 0;
    return v > 0 ? v : CPU_PERIOD_US;
}

static int limit_cpu(const struct sedge_cgroups *c, const char *component, double cpus, struct sedge_err *err)
{
    bool v2 = c->version == SEDGE_CGROUP_V2;
    sedge_auto_free char *dir = group_dir(c, v2 ? MEMORY : CPU, component);
    char text[64];
    int64_t period;

    if (!dir) return sedge_err_set(err, SEDGE_E_UNSUPPORTED, "the cpu controller is not there");
    period = read_period(dir, v2 ? "cpu.max" : "cpu.cfs_period_us", v2);
    if (cpus > 0 && v2)
        (void)snprintf(text, sizeof(text), "%lld %lld", (long long)(cpus * (double)period), (long long)period);
    else if (cpus > 0)
        (void)snprintf(text, sizeof(text), "%lld", (long long)(cpus * (double)period));
    else
        (void)snprintf(text, sizeof(text), "%s", v2 ? "max" : "-1");
    return write_file(dir, v2 ? "cpu.max" : "cpu.cfs_quota_us", text, err);
}

int sedge_cgroups_limit(struct sedge_cgroups *c, const char *component, int64_t memory_kb, double cpus,
                        struct sedge_err *err)
{
    int memory, cpu;

    if (c->version == SEDGE_CGROUP_ABSENT)
        return sedge_err_set(err, SEDGE_E_UNSUPPORTED,
                             "no control groups that this nucleus may use: resource limits need root and a mounted "
                             "cgroup file system");
    memory = limit_memory(c, component, memory_kb, err);
    cpu = limit_cpu(c, component, cpus, memory == 0 ? err : NULL);
    return memory == 0 && cpu == 0 ? 0 : -1;
}

int sedge_cgroups_freeze(struct sedge_cgroups *c, const char *component, bool frozen, struct sedge_err *err)
{
    bool v2 = c->version == SEDGE_CGROUP_V2;
    sedge_auto_free char *dir = group_dir(c, v2 ? MEMORY : FREEZER, component);

    if (!dir) return sedge_err_set(err, SEDGE_E_UNSUPPORTED, "no freezer that this nucleus may use");
    if (v2) return write_file(dir, "cgroup.freeze", frozen ? "1" : "0", err);
    return write_file(dir, "freezer.state", frozen ? "FROZEN" : "THAWED", err);
}

/* Calls fn for each pid in the group; returns their number. */
static size_t each_pid(const char *dir, void (*fn)(pid_t pid))
{
    sedge_auto_free char *path = sedge_xasprintf("%s/cgroup.procs", dir);
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;
    size_t n = 0;
    char *p, *end;

    if (sedge_fs_read(path, CGROUP_FILE_MAX, &text, NULL) != 0 || text.len == 0) return 0;
    for (p = text.data; *p; p = end) {
        long pid = strtol(p, &end, 10);
        if (end == p) break;
        if (pid > 1) {
            if (fn) fn((pid_t)pid);
            n++;
        }
        if (*end == '\n') end++;
    }
    return n;
}

static void kill_one(pid_t pid)
{
    (void)kill(pid, SIGKILL); /* gone meanwhile: fine */
}

void sedge_cgroups_kill(struct sedge_cgroups *c, const char *component)
{
    for (int h = 0; h < NHIERARCHIES; h++) {
        sedge_auto_free char *dir = group_dir(c, h, component);
        if (!dir || !sedge_fs_is_dir(dir)) continue;
        if (c->version == SEDGE_CGROUP_V2 && write_file(dir, "cgroup.kill", "1", NULL) == 0) return;
        (void)each_pid(dir, kill_one);
    }
    /* a frozen process dies when it is thawed */
    (void)sedge_cgroups_freeze(c, component, false, NULL);
}

size_t sedge_cgroups_count(struct sedge_cgroups *c, const char *component)
{
    size_t most = 0;

    for (int h = 0; h < NHIERARCHIES; h++) {
        sedge_auto_free char *dir = group_dir(c, h, component);
        size_t n = dir ? each_pid(dir, NULL) : 0;
        if (n > most) most = n;
    }
    return most;
}

void sedge_cgroups_remove(struct sedge_cgroups *c, const char *component)
{
    for (int h = 0; h < NHIERARCHIES; h++) {
        sedge_auto_free char *dir = group_dir(c, h, component);
        if (dir) (void)rmdir(dir); /* busy: the next start uses it again */
    }
}

/* Calls fn for each component that has a group. */
static void each_component(struct sedge_cgroups *c, void (*fn)(struct sedge_cgroups *c, const char *component))
{
    for (int h = 0; h < NHIERARCHIES; h++) {
        DIR *d = c->base[h] ? opendir(c->base[h]) : NULL;
        const struct dirent *e;
        while (d && (e = readdir(d)))
            if (e->d_name[0] != '.' && e->d_type == DT_DIR) fn(c, e->d_name);
        if (d) (void)closedir(d);
    }
}

void sedge_cgroups_kill_all(struct sedge_cgroups *c)
{
    each_component(c, sedge_cgroups_kill);
    each_component(c, sedge_cgroups_remove);
}

void sedge_cgroups_close(struct sedge_cgroups *c)
{
    if (!c) return;
    each_component(c, sedge_cgroups_remove);
    for (int h = 0; h < NHIERARCHIES; h++) {
        if (c->base[h]) (void)rmdir(c->base[h]); /* stays while a process is in it */
        free(c->base[h]);
    }
    free(c);
}
