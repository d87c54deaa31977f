#include "records.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

/* ---- writing ---- */

struct sedge_logfile *sedge_metric_log(const char *dir, const char *name)
{
    struct sedge_logfile *f = sedge_logfile_new(dir, name);

    sedge_logfile_limits(f, SEDGE_TELEMETRY_FILE_KB, SEDGE_TELEMETRY_TOTAL_KB);
    return f;
}

static void write_line(struct sedge_logfile *f, const char *logger, const char *message)
{
    sedge_auto_buf struct sedge_buf line = SEDGE_BUF_INIT;

    sedge_log_format_line(&line, SEDGE_LOG_JSON, SEDGE_TRACE, "main", logger, NULL, message, NULL);
    sedge_logfile_write(f, line.data, line.len);
}

void sedge_metric_write(struct sedge_logfile *f, const char *namespace, const char *name, const char *unit,
                        const char *kind, struct json_object *value, int64_t ts)
{
    sedge_auto_put struct json_object *o = json_object_new_object();
    sedge_auto_free char *logger = sedge_xasprintf("Metrics-%s", namespace);

    sedge_json_add_str(o, "NS", namespace);
    sedge_json_add_str(o, "N", name);
    sedge_json_add_str(o, "U", unit);
    sedge_json_add_str(o, "A", kind);
    (void)json_object_object_add(o, "V", value);
    sedge_json_add_i64(o, "TS", ts);
    write_line(f, logger, sedge_json_text(o));
}

void sedge_points_write(struct sedge_logfile *f, const char *point)
{
    write_line(f, "Metrics-" SEDGE_TELEMETRY_POINTS, point);
}

/* ---- reading ---- */

typedef void (*message_fn)(struct json_object *message, const char *text, void *user);

struct reading {
    const char *dir;
    bool points; /* the log of data points, or all others */
    int64_t after, until;
    message_fn fn;
    void *user;
    ino_t *seen;
    size_t n_seen;
};

static bool is_wanted(const struct reading *r, const char *name)
{
    size_t n = strlen(SEDGE_TELEMETRY_POINTS);
    bool points = strncmp(name, SEDGE_TELEMETRY_POINTS, n) == 0 && (name[n] == '.' || name[n] == '_');

    return sedge_str_ends(name, ".log") && points == r->points;
}

static bool see(struct reading *r, ino_t inode)
{
    for (size_t i = 0; i < r->n_seen; i++)
        if (r->seen[i] == inode) return false;
    r->seen = sedge_xrealloc(r->seen, r->n_seen + 1, sizeof *r->seen);
    r->seen[r->n_seen++] = inode;
    return true;
}

static void take_line(const struct reading *r, const char *line, size_t len)
{
    sedge_auto_put struct json_object *o = sedge_json_parse_object(line, len, "line", NULL);
    const char *text = sedge_json_str(o, "message", "");
    sedge_auto_put struct json_object *message =
        *text ? sedge_json_parse_object(text, strlen(text), "message", NULL) : NULL;
    int64_t ts = sedge_json_i64(message, "TS", INT64_MIN);

    if (message && ts > r->after && ts <= r->until) r->fn(message, text, r->user);
}

static void read_file(struct reading *r, int dir, const char *name)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;
    struct stat st;
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    if (!f) { /* gone meanwhile: the other pass finds it under its new name */
        if (fd >= 0) (void)close(fd);
        return;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (int64_t)st.st_mtime * 1000 + 999 >= r->after &&
        see(r, st.st_ino))
        while ((n = getline(&line, &cap, f)) > 0)
            take_line(r, line, (size_t)n);
    free(line);
    (void)fclose(f); /* read only */
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* In the order of time: rotated files by their names, then the active ones ('.' is below '_', so these are put last).
 */
static void list(const struct reading *r, struct sedge_strv *rotated, struct sedge_strv *active)
{
    DIR *d = opendir(r->dir);
    struct dirent *e;

    while (d && (e = readdir(d))) {
        if (!is_wanted(r, e->d_name)) continue;
        sedge_strv_add(strchr(e->d_name, '_') ? rotated : active, e->d_name);
    }
    if (d) (void)closedir(d);
    if (rotated->n) qsort(rotated->v, rotated->n, sizeof *rotated->v, by_name);
}

static void pass(struct reading *r)
{
    sedge_auto_strv struct sedge_strv rotated = {NULL, 0};
    sedge_auto_strv struct sedge_strv active = {NULL, 0};
    sedge_auto_close int dir = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0) return;
    list(r, &rotated, &active);
    for (size_t i = 0; i < rotated.n; i++)
        read_file(r, dir, rotated.v[i]);
    for (size_t i = 0; i < active.n; i++)
        read_file(r, dir, active.v[i]);
}

/* Twice: a file that was rotated between listing and opening has another name then, and is known by its number. */
static void read_all(struct reading *r)
{
    pass(r);
    pass(r);
    free(r->seen);
}

static void add_value(struct json_object *m, const char *text, void *user)
{
    const char *namespace = sedge_json_str(m, "NS", ""), *name = sedge_json_str(m, "N", "");

    (void)text;
    if (*namespace && *name && sedge_json_get(m, "V"))
        sedge_aggregate_add(user, namespace, name, sedge_json_str(m, "U", "Count"), sedge_json_str(m, "A", "Average"),
                            sedge_json_double(m, "V", 0));
}

void sedge_metrics_read(const char *dir, int64_t after, int64_t until, struct sedge_aggregate *a)
{
    struct reading r = {.dir = dir, .after = after, .until = until, .fn = add_value, .user = a};

    read_all(&r);
}

static void add_point(struct json_object *m, const char *text, void *user)
{
    if (sedge_json_arr(m, "M") && *sedge_json_str(m, "NS", "")) sedge_strv_add(user, text);
}

static void keep_newest(struct sedge_strv *points)
{
    size_t old = points->n > SEDGE_TELEMETRY_POINTS_MAX ? points->n - SEDGE_TELEMETRY_POINTS_MAX : 0;

    for (size_t i = 0; i < old; i++)
        free(points->v[i]);
    if (old) memmove(points->v, points->v + old, (points->n - old) * sizeof *points->v);
    points->n -= old;
}

void sedge_points_read(const char *dir, int64_t after, int64_t until, struct sedge_strv *out)
{
    struct reading r = {.dir = dir, .points = true, .after = after, .until = until, .fn = add_point, .user = out};

    read_all(&r);
    keep_newest(out);
}
