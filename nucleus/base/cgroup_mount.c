/* Mounting the hierarchies of v1 that a machine has in its kernel but not in its file system. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "cgroup_internal.h"
#include "fs.h"
#include "mem.h"

#define FLAGS (MS_NOSUID | MS_NODEV | MS_NOEXEC)

static bool is_there(const char *mount, const char *name)
{
    sedge_auto_free char *procs = sedge_xasprintf("%s/%s/cgroup.procs", mount, name);

    return sedge_fs_exists(procs);
}

static bool mount_one(const char *at, const char *name)
{
    sedge_auto_free char *dir = sedge_xasprintf("%s/%s", at, name);

    if (is_there(at, name)) return true;
    if (mkdir(dir, 0755) != 0 && errno != EEXIST) return false;
    if (mount("cgroup", dir, "cgroup", FLAGS, name) == 0) return true;
    (void)rmdir(dir); /* its use then says what is missing */
    return false;
}

/* Whether the kernel has the controller for v1: it is enabled, and v2 has not taken it. A line of /proc/cgroups is
 * "name hierarchy groups enabled". */
static bool is_free(const char *at, const char *kernel, const char *name)
{
    sedge_auto_free char *unified = sedge_xasprintf("%s/unified", at);
    sedge_auto_buf struct sedge_buf taken = SEDGE_BUF_INIT;
    sedge_auto_free char *line = sedge_xasprintf("\n%s\t", name);
    const char *p = strstr(kernel, line);
    long hierarchy, enabled;
    char *end;

    if (!p) return false;
    hierarchy = strtol(p + strlen(line), &end, 10);
    (void)strtol(end, &end, 10);
    enabled = strtol(end, &end, 10);
    if (enabled != 1) return false;
    return hierarchy != 0 || sedge_cgroup_read(unified, "cgroup.controllers", &taken) != 0 || !strstr(taken.data, name);
}

void sedge_cgroups_mount(const char *mount_point)
{
    sedge_auto_buf struct sedge_buf kernel = SEDGE_BUF_INIT;

    if (geteuid() != 0 || sedge_cgroup_is_v2(mount_point)) return;
    if (sedge_cgroup_read("/proc", "cgroups", &kernel) != 0) return;
    if (is_free(mount_point, kernel.data, "memory")) (void)mount_one(mount_point, "memory");
    if (is_free(mount_point, kernel.data, "freezer")) (void)mount_one(mount_point, "freezer");
    if (!is_free(mount_point, kernel.data, "cpu") || is_there(mount_point, "cpu,cpuacct") ||
        is_there(mount_point, "cpu"))
        return;
    if (!mount_one(mount_point, "cpu,cpuacct"))
        (void)mount_one(mount_point, "cpu"); /* cpuacct alone may be in use elsewhere */
}
