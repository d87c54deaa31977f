#include "system.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"

#define TEXT_MAX 65536 /* /proc/stat grows with the interrupts of the machine */
#define OS_FILE  "/etc/os-release"

/* Digits behind spaces; *p is behind them then. */
static bool take_number(const char **p, uint64_t *out)
{
    char *end;

    *p += strspn(*p, " \t");
    if (!isdigit((unsigned char)**p)) return false;
    *out = strtoull(*p, &end, 10); /* numbers of the kernel fit */
    *p = end;
    return true;
}

/* cpu user nice system idle iowait irq softirq steal guest guest_nice: the guests are in user and nice already. */
int sedge_system_cpu_time(const char *proc_stat, struct sedge_cpu_time *out)
{
    uint64_t v[8] = {0};
    uint64_t total = 0;
    size_t n = 0;

    if (strncmp(proc_stat, "cpu ", 4) != 0) return -1;
    proc_stat += 4;
    while (n < SEDGE_ARRAY_LEN(v) && take_number(&proc_stat, &v[n]))
        total += v[n++];
    if (n < 4) return -1;
    *out = (struct sedge_cpu_time){.busy = total - v[3] - v[4], .total = total};
    return 0;
}

double sedge_system_cpu_share(const struct sedge_cpu_time *before, const struct sedge_cpu_time *now)
{
    uint64_t total = now->total - before->total, busy = now->busy - before->busy;

    if (now->total <= before->total || now->busy < before->busy) return 0;
    return busy >= total ? 100.0 : 100.0 * (double)busy / (double)total;
}

int sedge_system_files(const char *file_nr, double *out)
{
    uint64_t used = 0;

    if (!take_number(&file_nr, &used)) return -1;
    *out = (double)used;
    return 0;
}

static int kilobytes(const char *meminfo, const char *key, uint64_t *out)
{
    const char *at = strstr(meminfo, key);

    if (!at) return -1;
    at += strlen(key);
    return take_number(&at, out) ? 0 : -1;
}

int sedge_system_memory_mb(const char *meminfo, double *out)
{
    uint64_t total = 0, available = 0;

    if (kilobytes(meminfo, "MemTotal:", &total) != 0 || kilobytes(meminfo, "MemAvailable:", &available) != 0 ||
        available > total)
        return -1;
    *out = (double)(total - available) / 1024.0;
    return 0;
}

/* "" when it cannot be read. */
static char *text_of(const char *path)
{
    struct sedge_buf b = SEDGE_BUF_INIT;

    if (sedge_fs_read(path, TEXT_MAX, &b, NULL) != 0) sedge_buf_clear(&b);
    return sedge_buf_steal(&b);
}

/* The first line is enough. */
static char *first_line_of(const char *path)
{
    char line[512] = "";
    FILE *f = fopen(path, "re");

    if (!f) return sedge_xstrdup("");
    if (!fgets(line, sizeof line, f)) line[0] = '\0';
    (void)fclose(f); /* read only */
    return sedge_xstrdup(line);
}

void sedge_system_load(struct sedge_cpu_time *last, struct sedge_system_load *out)
{
    sedge_auto_free char *stat = first_line_of("/proc/stat");
    sedge_auto_free char *files = first_line_of("/proc/sys/fs/file-nr");
    sedge_auto_free char *memory = text_of("/proc/meminfo");
    struct sedge_cpu_time now = *last;

    *out = (struct sedge_system_load){0};
    (void)sedge_system_cpu_time(stat, &now);
    out->cpu_percent = sedge_system_cpu_share(last, &now);
    *last = now;
    (void)sedge_system_files(files, &out->files);
    (void)sedge_system_memory_mb(memory, &out->memory_mb);
}

/* The value of NAME=value or NAME="value"; "unknown" without it. Heap. */
static char *os_value(const char *text, const char *name)
{
    size_t n = strlen(name);

    for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        const char *v = line + n + 1;
        size_t len;
        if (strncmp(line, name, n) != 0 || line[n] != '=') continue;
        len = strcspn(v, "\n");
        if (len >= 2 && (*v == '"' || *v == '\'') && v[len - 1] == *v) return sedge_xstrndup(v + 1, len - 2);
        return sedge_xstrndup(v, len);
    }
    return sedge_xstrdup("unknown");
}

static void add(struct json_object *list, const char *name, const char *text)
{
    struct json_object *o = json_object_new_object();

    sedge_json_add_str(o, "N", name);
    (void)json_object_object_add(o, "Sum", json_object_new_double(1.0));
    sedge_json_add_str(o, "U", text);
    (void)json_object_array_add(list, o);
}

struct json_object *sedge_system_identity(void)
{
    struct json_object *list = json_object_new_array();
    sedge_auto_free char *os = text_of(OS_FILE);
    sedge_auto_free char *name = os_value(os, "NAME");
    sedge_auto_free char *version = os_value(os, "VERSION_ID");
    struct utsname u = {0};

    (void)uname(&u); /* fails for bad pointers only */
    add(list, "OSName", name);
    add(list, "OSVersion", version);
    add(list, "KernelVersion", u.release);
    add(list, "CPUArchitecture", u.machine);
    return list;
}
