/* Control groups: where they are, their limits, the freezer. What is done to the processes in them: cgroup_procs.c. */
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup_internal.h"
#include "fs.h"
#include "mem.h"

#define FILE_MAX      ((size_t)64 << 20) /* cgroup.procs of as many processes as a kernel can have */
#define CPU_PERIOD_US 100000LL

static const struct {
    const char *controller; /* its name in cgroup.controllers; NULL: always there */
    const char *v1[2];      /* names that its hierarchy has below the mount point */
    const char *limit[2];   /* file of the limit, v1 and v2 */
} kinds[SEDGE_CGROUP_NPLACES] = {
    [SEDGE_CGROUP_MEMORY] = {"memory", {"memory", NULL}, {"memory.limit_in_bytes", "memory.max"}},
    [SEDGE_CGROUP_CPU] = {"cpu", {"cpu,cpuacct", "cpu"}, {"cpu.cfs_quota_us", "cpu.max"}},
    [SEDGE_CGROUP_FREEZER] = {NULL, {"freezer", NULL}, {"freezer.state", "cgroup.freeze"}},
};

/* ---- files ---- */

int sedge_cgroup_read(const char *dir, const char *file, struct sedge_buf *out)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/%s", dir, file);

    return sedge_fs_read(path, FILE_MAX, out, NULL) == 0 && out->len > 0 ? 0 : -1;
}

int sedge_cgroup_write(const char *dir, const char *file, const char *text, struct sedge_err *err)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/%s", dir, file);
    sedge_auto_close int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

    if (fd < 0) return sedge_err_sys(err, errno, "open %s", path);
    if (write(fd, text, strlen(text)) < 0) return sedge_err_sys(err, errno, "write \"%s\" to %s", text, path);
    return 0;
}

static bool has_word(const char *text, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = strstr(text, word); p; p = strstr(p + 1, word))
        if ((p == text || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\n' || p[n] == '\0')) return true;
    return false;
}

/* ---- where they are ---- */

static bool can_use(const char *hierarchy)
{
    return sedge_fs_is_dir(hierarchy) && access(hierarchy, W_OK) == 0;
}

static void take_v2(struct sedge_cgroups *c, const char *mount, const char *group)
{
    sedge_auto_buf struct sedge_buf controllers = SEDGE_BUF_INIT;

    if (!can_use(mount)) return;
    (void)sedge_cgroup_read(mount, "cgroup.controllers", &controllers);
    for (int k = 0; k < SEDGE_CGROUP_NPLACES; k++) {
        const char *name = kinds[k].controller;
        if (c->places[k].base || (name && !has_word(controllers.len ? controllers.data : "", name))) continue;
        c->places[k] = (struct sedge_cgroup_place){sedge_xasprintf("%s/%s", mount, group), true};
    }
}

static void take_v1(struct sedge_cgroups *c, const char *mount, const char *group)
{
    for (int k = 0; k < SEDGE_CGROUP_NPLACES; k++) {
        for (int i = 0; i < 2 && kinds[k].v1[i] && !c->places[k].base; i++) {
            sedge_auto_free char *dir = sedge_xasprintf("%s/%s", mount, kinds[k].v1[i]);
            sedge_auto_free char *procs = sedge_xasprintf("%s/cgroup.procs", dir);
            if (can_use(dir) && sedge_fs_exists(procs)) c->places[k].base = sedge_xasprintf("%s/%s", dir, group);
        }
    }
}

bool sedge_cgroup_is_v2(const char *mount)
{
    sedge_auto_free char *controllers = sedge_xasprintf("%s/cgroup.controllers", mount);

    return sedge_fs_exists(controllers);
}

struct sedge_cgroups *sedge_cgroups_open(const char *mount, const char *group)
{
    struct sedge_cgroups *c = SEDGE_NEW(struct sedge_cgroups);
    sedge_auto_free char *unified = sedge_xasprintf("%s/unified", mount);

    if (sedge_cgroup_is_v2(mount)) {
        take_v2(c, mount, group);
    } else {
        take_v1(c, mount, group);
        if (sedge_cgroup_is_v2(unified)) take_v2(c, unified, group);
    }
    return c;
}

char *sedge_cgroup_dir(const struct sedge_cgroups *c, int kind, const char *component)
{
    return c->places[kind].base ? sedge_xasprintf("%s/%s", c->places[kind].base, component) : NULL;
}

bool sedge_cgroup_is_twin(const struct sedge_cgroups *c, int kind)
{
    for (int k = 0; k < kind; k++)
        if (c->places[k].base && c->places[kind].base && strcmp(c->places[k].base, c->places[kind].base) == 0)
            return true;
    return false;
}

/* ---- making them ---- */

static int make_dir(const char *path, struct sedge_err *err)
{
    if (mkdir(path, 0755) != 0 && errno != EEXIST) return sedge_err_sys(err, errno, "mkdir %s", path);
    return 0;
}

/* v2: a group hands its controllers down. One that is missing would refuse them all, so then each is tried alone; what
 * that leaves out shows when a limit is set. */
static void delegate(const char *dir)
{
    static const char *const each[] = {"+cpu", "+io", "+memory", "+pids"};

    if (sedge_cgroup_write(dir, "cgroup.subtree_control", "+cpu +io +memory +pids", NULL) == 0) return;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(each); i++)
        (void)sedge_cgroup_write(dir, "cgroup.subtree_control", each[i], NULL);
}

static int make_group(struct sedge_cgroups *c, int kind, const char *component, struct sedge_err *err)
{
    const struct sedge_cgroup_place *p = &c->places[kind];
    sedge_auto_free char *dir = sedge_cgroup_dir(c, kind, component);
    sedge_auto_free char *mount = sedge_xstrdup(p->base);

    if (sedge_fs_is_dir(dir)) return 0;
    *strrchr(mount, '/') = '\0';
    if (p->v2) delegate(mount);
    if (make_dir(p->base, err) != 0) return -1;
    if (p->v2) delegate(p->base);
    return make_dir(dir, err);
}

static int no_groups(struct sedge_err *err)
{
    return sedge_err_set(err, SEDGE_E_UNSUPPORTED,
                         "this nucleus can use no control groups here: that needs root, or a cgroup file system "
                         "below /sys/fs/cgroup that its user may write to");
}

int sedge_cgroups_make(struct sedge_cgroups *c, const char *component, bool limits, struct sedge_strv *dirs,
                       struct sedge_err *err)
{
    size_t before = dirs->n;

    (void)no_groups(err);
    for (int k = 0; k < SEDGE_CGROUP_NPLACES; k++) {
        if (!c->places[k].base || sedge_cgroup_is_twin(c, k)) continue;
        if (k != SEDGE_CGROUP_FREEZER && !c->places[k].v2 && !limits) continue;
        if (make_group(c, k, component, err) == 0) sedge_strv_add_take(dirs, sedge_cgroup_dir(c, k, component));
    }
    if (dirs->n == before) return -1;
    if (err) *err = SEDGE_ERR_INIT;
    return 0;
}

/* ---- limits ---- */

static int64_t read_period(const char *dir, bool v2)
{
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;
    const char *p;
    int64_t v;

    if (sedge_cgroup_read(dir, v2 ? "cpu.max" : "cpu.cfs_period_us", &text) != 0) return CPU_PERIOD_US;
    p = v2 ? strchr(text.data, ' ') : text.data;
    v = p ? strtoll(p, NULL, 10) : 0;
    return v > 0 ? v : CPU_PERIOD_US;
}

static void cpu_text(char *out, size_t n, const char *dir, bool v2, double cpus)
{
    int64_t period = read_period(dir, v2);
    int64_t quota = (int64_t)llround(cpus * (double)period);

    if (quota < SEDGE_CGROUP_QUOTA_MIN_US) quota = SEDGE_CGROUP_QUOTA_MIN_US;
    if (v2)
        (void)snprintf(out, n, "%lld %lld", (long long)quota, (long long)period);
    else
        (void)snprintf(out, n, "%lld", (long long)quota);
}

/* `amount` > 0: the limit; otherwise none. */
static int set_limit(struct sedge_cgroups *c, int kind, const char *component, double amount, struct sedge_err *err)
{
    sedge_auto_free char *dir = sedge_cgroup_dir(c, kind, component);
    bool v2 = c->places[kind].v2;
    const char *file = kinds[kind].limit[v2];
    char text[64];

    if (!dir && amount > 0)
        return sedge_err_set(err, SEDGE_E_UNSUPPORTED, "the %s controller of control groups is not there",
                             kinds[kind].controller);
    if (amount <= 0) {
        sedge_auto_free char *path = dir ? sedge_xasprintf("%s/%s", dir, file) : NULL;
        if (!path || !sedge_fs_exists(path)) return 0; /* never limited */
        return sedge_cgroup_write(dir, file, v2 ? "max" : "-1", err);
    }
    if (make_group(c, kind, component, err) != 0) return -1;
    if (kind == SEDGE_CGROUP_CPU)
        cpu_text(text, sizeof(text), dir, v2, amount);
    else
        (void)snprintf(text, sizeof(text), "%.0f", amount);
    return sedge_cgroup_write(dir, file, text, err);
}

int sedge_cgroups_limit(struct sedge_cgroups *c, const char *component, int64_t memory_kb, double cpus,
                        struct sedge_err *err)
{
    bool wanted = memory_kb > 0 || cpus > 0;
    int memory, cpu;

    if (wanted && !c->places[SEDGE_CGROUP_MEMORY].base && !c->places[SEDGE_CGROUP_CPU].base &&
        !c->places[SEDGE_CGROUP_FREEZER].base)
        return no_groups(err);
    memory = set_limit(c, SEDGE_CGROUP_MEMORY, component, (double)memory_kb * 1024, err);
    cpu = set_limit(c, SEDGE_CGROUP_CPU, component, cpus, memory == 0 ? err : NULL);
    return memory == 0 && cpu == 0 ? 0 : -1;
}

/* ---- the freezer ---- */

int sedge_cgroups_freeze(struct sedge_cgroups *c, const char *component, bool frozen, struct sedge_err *err)
{
    sedge_auto_free char *dir = sedge_cgroup_dir(c, SEDGE_CGROUP_FREEZER, component);
    bool v2 = c->places[SEDGE_CGROUP_FREEZER].v2;
    const char *text = v2 ? (frozen ? "1" : "0") : (frozen ? "FROZEN" : "THAWED");

    if (!dir)
        return sedge_err_set(
            err, SEDGE_E_UNSUPPORTED,
            "this nucleus can use no freezer of control groups here: that needs root and a kernel that "
            "has it");
    return sedge_cgroup_write(dir, kinds[SEDGE_CGROUP_FREEZER].limit[v2], text, err);
}

void sedge_cgroups_freeze_again(struct sedge_cgroups *c, const char *component)
{
    if (c->places[SEDGE_CGROUP_FREEZER].v2) return;
    (void)sedge_cgroups_freeze(c, component, false, NULL); /* the next look tells */
    (void)sedge_cgroups_freeze(c, component, true, NULL);
}

bool sedge_cgroups_is_frozen(struct sedge_cgroups *c, const char *component)
{
    sedge_auto_free char *dir = sedge_cgroup_dir(c, SEDGE_CGROUP_FREEZER, component);
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;
    bool v2 = c->places[SEDGE_CGROUP_FREEZER].v2;
    const char *p;

    if (!dir) return false;
    if (v2 && sedge_cgroup_read(dir, "cgroup.events", &text) == 0 && (p = strstr(text.data, "frozen ")))
        return p[strlen("frozen ")] == '1';
    if (sedge_cgroup_read(dir, kinds[SEDGE_CGROUP_FREEZER].limit[v2], &text) != 0) return false;
    return sedge_str_starts(text.data, v2 ? "1" : "FROZEN");
}

int64_t sedge_cgroups_oom_kills(struct sedge_cgroups *c, const char *component)
{
    sedge_auto_free char *dir = sedge_cgroup_dir(c, SEDGE_CGROUP_MEMORY, component);
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;
    const char *p;

    if (!dir) return 0;
    if (sedge_cgroup_read(dir, c->places[SEDGE_CGROUP_MEMORY].v2 ? "memory.events" : "memory.oom_control", &text) != 0)
        return 0;
    p = strstr(text.data, "oom_kill ");
    return p ? strtoll(p + strlen("oom_kill "), NULL, 10) : 0;
}
