#include "logfiles.h"

#include "base/mem.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define INDEX_DIGITS_MAX 9
static const char suffix[] = ".log";

/* "_<digits>" that ends at *end, `digits` of them or (0) any number; *end moves before it. */
static bool take_back(const char *name, size_t *end, size_t digits, long long *out)
{
    size_t from = *end;

    while (from > 0 && isdigit((unsigned char)name[from - 1]))
        from--;
    if (from == 0 || name[from - 1] != '_' || from == *end || *end - from > INDEX_DIGITS_MAX) return false;
    if (digits && *end - from != digits) return false;
    *out = 0;
    for (size_t i = from; i < *end; i++)
        *out = *out * 10 + (name[i] - '0');
    *end = from - 1;
    return true;
}

int sedge_logname_parse(const char *file_name, struct sedge_logname *out, struct sedge_err *err)
{
    size_t end = strlen(file_name);
    long long year, month, day, hour;

    *out = (struct sedge_logname){.rotated = false};
    if (!sedge_str_ends(file_name, suffix) || end == strlen(suffix))
        return sedge_err_set(err, SEDGE_E_INVALID, "Unable to parse file name: %s", file_name);
    end -= strlen(suffix);
    out->group_length = end;
    if (!take_back(file_name, &end, 0, &out->index) || !take_back(file_name, &end, 2, &hour) ||
        !take_back(file_name, &end, 2, &day) || !take_back(file_name, &end, 2, &month) ||
        !take_back(file_name, &end, 4, &year) || end == 0)
        return 0;
    out->group_length = end;
    out->rotated = true;
    out->when = ((year * 100 + month) * 100 + day) * 100 + hour;
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int sedge_logfiles_list(const char *dir, struct sedge_strv *out, struct sedge_err *err)
{
    DIR *d = opendir(dir);
    size_t first = out->n;
    struct dirent *e;

    if (!d) return sedge_err_sys(err, errno, "%s", dir);
    while ((e = readdir(d))) {
        sedge_auto_free char *path = sedge_xasprintf("%s%s%s", dir, sedge_str_ends(dir, "/") ? "" : "/", e->d_name);
        struct stat st;
        if (strstr(e->d_name, "log") && stat(path, &st) == 0 && S_ISREG(st.st_mode))
            sedge_strv_add_take(out, sedge_steal(&path));
    }
    (void)closedir(d);
    if (out->n > first) qsort(out->v + first, out->n - first, sizeof *out->v, by_text);
    return 0;
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* Rotated files by time and index, then the active file. */
static int by_age(const void *a, const void *b)
{
    struct sedge_logname x, y;

    (void)sedge_logname_parse(name_of(*(char *const *)a), &x, NULL); /* was good when it was grouped */
    (void)sedge_logname_parse(name_of(*(char *const *)b), &y, NULL);
    if (x.rotated != y.rotated) return x.rotated ? -1 : 1;
    if (x.when != y.when) return x.when < y.when ? -1 : 1;
    return (x.index > y.index) - (x.index < y.index);
}

static struct sedge_loggroup *group_of(struct sedge_loggroups *groups, char *name_take)
{
    for (size_t i = 0; i < groups->n; i++) {
        if (strcmp(groups->v[i].name, name_take) != 0) continue;
        free(name_take);
        return &groups->v[i];
    }
    groups->v = sedge_xrealloc(groups->v, groups->n + 1, sizeof *groups->v);
    groups->v[groups->n] = (struct sedge_loggroup){.name = name_take};
    return &groups->v[groups->n++];
}

void sedge_logfiles_group(const struct sedge_strv *paths, struct sedge_loggroups *out, struct sedge_strv *odd)
{
    for (size_t i = 0; i < paths->n; i++) {
        const char *name = name_of(paths->v[i]);
        struct sedge_logname parsed;
        struct sedge_loggroup *g;
        if (sedge_logname_parse(name, &parsed, NULL) != 0) {
            sedge_strv_add(odd, paths->v[i]);
            continue;
        }
        g = group_of(out, sedge_xstrndup(paths->v[i], (size_t)(name - paths->v[i]) + parsed.group_length));
        if (!sedge_strv_has(&g->paths, paths->v[i])) sedge_strv_add(&g->paths, paths->v[i]);
    }
    for (size_t i = 0; i < out->n; i++)
        qsort(out->v[i].paths.v, out->v[i].paths.n, sizeof *out->v[i].paths.v, by_age);
}

void sedge_loggroups_release(struct sedge_loggroups *groups)
{
    for (size_t i = 0; i < groups->n; i++) {
        free(groups->v[i].name);
        sedge_strv_release(&groups->v[i].paths);
    }
    free(groups->v);
    *groups = (struct sedge_loggroups){NULL, 0};
}
