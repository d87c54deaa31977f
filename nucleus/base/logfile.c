#include "logfile.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "fs.h"
#include "log.h"
#include "mem.h"
#include "str.h"

#define STAMP_LEN 13 /* yyyy_MM_dd_HH */

struct sedge_logfile {
    char *dir;
    char *name;
    char *path;
    int fd; /* -1: not open */
    bool quiet;
    bool failing; /* reported */
    int64_t size, file_bytes, total_bytes;
    size_t max_files; /* rotated ones */
    int64_t (*wall_ms)(void);
    int64_t hour;       /* local hours since the epoch in which the file was begun */
    int64_t gmtoff;     /* seconds */
    int64_t retry_mono; /* not before */
    int64_t dropped;
};

struct sedge_logfile *sedge_logfile_new(const char *dir, const char *name)
{
    struct sedge_logfile *f = SEDGE_NEW(struct sedge_logfile);

    f->dir = sedge_xstrdup(dir);
    f->name = sedge_xstrdup(name);
    f->path = sedge_xasprintf("%s/%s.log", dir, name);
    f->fd = -1;
    f->wall_ms = sedge_wall_ms;
    sedge_logfile_limits(f, 1024, 10240);
    return f;
}

void sedge_logfile_reopen(struct sedge_logfile *f)
{
    if (f->fd >= 0) (void)close(f->fd); /* page cache: nothing to learn from the result */
    f->fd = -1;
    f->retry_mono = 0;
}

void sedge_logfile_free(struct sedge_logfile *f)
{
    if (!f) return;
    sedge_logfile_reopen(f);
    free(f->dir);
    free(f->name);
    free(f->path);
    free(f);
}

void sedge_logfile_limits(struct sedge_logfile *f, int64_t file_kb, int64_t total_kb)
{
    f->total_bytes = (total_kb > 0 ? total_kb : 1) * 1024;
    f->file_bytes = (file_kb > 0 ? file_kb : 1) * 1024;
    if (f->file_bytes > f->total_bytes) f->file_bytes = f->total_bytes;
    f->max_files = (size_t)(f->total_bytes / f->file_bytes);
}

void sedge_logfile_clock(struct sedge_logfile *f, int64_t (*wall_ms)(void))
{
    f->wall_ms = wall_ms;
}

void sedge_logfile_quiet(struct sedge_logfile *f, bool quiet)
{
    f->quiet = quiet;
}

int64_t sedge_logfile_dropped(const struct sedge_logfile *f)
{
    return f->dropped;
}

static void complain(struct sedge_logfile *f, const char *what, int sys)
{
    f->dropped++;
    f->retry_mono = sedge_mono_ms() + SEDGE_LOGFILE_RETRY_MS;
    if (f->failing) return;
    f->failing = true;
    if (!f->quiet)
        sedge_log(SEDGE_ERROR, "logfile", "log-not-writable", "path=%s: %s: %s; lines are dropped until it works again",
                  f->path, what, strerror(sys));
}

/* ---- rotated files ---- */

struct rotated {
    char *path;
    char stamp[STAMP_LEN + 1];
    long index;
    int64_t size;
};

struct rotated_list {
    struct rotated *v;
    size_t n;
};

static void list_release(struct rotated_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->v[i].path);
    free(l->v);
    *l = (struct rotated_list){NULL, 0};
}

static void list_add(struct rotated_list *l, const struct rotated *r)
{
    l->v = sedge_xrealloc(l->v, l->n + 1, sizeof(*l->v));
    l->v[l->n++] = *r;
}

static bool is_stamp(const char *s)
{
    for (int i = 0; i < STAMP_LEN; i++) {
        bool underscore = i == 4 || i == 7 || i == 10;
        if (underscore ? s[i] != '_' : !isdigit((unsigned char)s[i])) return false;
    }
    return true;
}

/* "<name>_yyyy_MM_dd_HH_<i>.log": component names may hold underscores and digits, so the name is compared whole. */
static bool parse_rotated(const char *file, const char *name, struct rotated *out)
{
    size_t n = strlen(name);
    char *end;

    if (strncmp(file, name, n) != 0 || file[n] != '_' || strlen(file + n) < STAMP_LEN + 3) return false;
    if (!is_stamp(file + n + 1) || file[n + 1 + STAMP_LEN] != '_' || !isdigit((unsigned char)file[n + 2 + STAMP_LEN]))
        return false;
    memcpy(out->stamp, file + n + 1, STAMP_LEN);
    out->stamp[STAMP_LEN] = '\0';
    out->index = strtol(file + n + 2 + STAMP_LEN, &end, 10);
    return strcmp(end, ".log") == 0;
}

static int by_age(const void *a, const void *b)
{
    const struct rotated *x = a, *y = b;
    int c = strcmp(x->stamp, y->stamp);

    if (c != 0) return c;
    return x->index < y->index ? -1 : x->index > y->index;
}

static struct rotated_list list_rotated(const char *dir, const char *name)
{
    struct rotated_list l = {NULL, 0};
    DIR *d = opendir(dir);
    const struct dirent *e;

    while (d && (e = readdir(d))) {
        struct rotated r;
        struct stat st;
        if (!parse_rotated(e->d_name, name, &r)) continue;
        r.path = sedge_xasprintf("%s/%s", dir, e->d_name);
        r.size = stat(r.path, &st) == 0 ? st.st_size : 0;
        list_add(&l, &r);
    }
    if (d) (void)closedir(d);
    if (l.n > 1) qsort(l.v, l.n, sizeof(*l.v), by_age);
    return l;
}

/* Keeps the newest of the list: as many as `max_files`, and as fit into total_bytes together with active_bytes. */
static void trim(struct rotated_list *l, int64_t total_bytes, int64_t active_bytes, size_t max_files)
{
    int64_t sum = active_bytes;

    for (size_t i = l->n; i-- > 0;) { /* newest first */
        sum += l->v[i].size;
        if (sum > total_bytes || l->n - i > max_files) (void)unlink(l->v[i].path); /* or at the next rotation */
    }
}

void sedge_logfile_trim(const char *dir, const char *name, int64_t total_bytes, int64_t active_bytes, size_t max_files)
{
    struct rotated_list l = list_rotated(dir, name);

    trim(&l, total_bytes, active_bytes, max_files);
    list_release(&l);
}

static void stamp_of(int64_t local_hour, char out[STAMP_LEN + 1])
{
    time_t t = (time_t)(local_hour * 3600);
    struct tm tm;

    if (!gmtime_r(&t, &tm) || strftime(out, STAMP_LEN + 1, "%Y_%m_%d_%H", &tm) == 0)
        (void)snprintf(out, STAMP_LEN + 1, "0000_00_00_00");
}

/* One listing serves the new name and the bound: a folder may hold the logs of hundreds of components. */
static int rotate(struct sedge_logfile *f)
{
    struct rotated_list l = list_rotated(f->dir, f->name);
    struct rotated r = {.size = f->size};
    int sys = 0;

    stamp_of(f->hour, r.stamp);
    for (size_t i = 0; i < l.n; i++)
        if (strcmp(l.v[i].stamp, r.stamp) == 0) r.index = l.v[i].index + 1;
    r.path = sedge_xasprintf("%s/%s_%s_%ld.log", f->dir, f->name, r.stamp, r.index);
    if (rename(f->path, r.path) != 0 && errno != ENOENT) sys = errno;
    list_add(&l, &r);
    sedge_logfile_reopen(f);
    if (sys == 0)
        trim(&l, f->total_bytes, f->file_bytes, f->max_files);
    else
        complain(f, "rename", sys); /* and nothing more is written: the file must not grow for ever */
    list_release(&l);
    return sys ? -1 : 0;
}

/* ---- writing ---- */

static int64_t local_hour(const struct sedge_logfile *f, int64_t wall_s)
{
    return (wall_s + f->gmtoff) / 3600;
}

static int open_file(struct sedge_logfile *f)
{
    time_t now = (time_t)(f->wall_ms() / 1000);
    struct stat st;
    struct tm tm;

    f->fd = open(f->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (f->fd < 0 && errno == ENOENT && sedge_fs_mkdirs(f->dir, 0700, NULL) == 0)
        f->fd = open(f->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (f->fd < 0 || fstat(f->fd, &st) != 0) {
        complain(f, "open", errno);
        return -1;
    }
    f->gmtoff = localtime_r(&now, &tm) ? tm.tm_gmtoff : 0;
    f->size = st.st_size;
    f->hour = local_hour(f, st.st_size > 0 ? st.st_mtime : now);
    return 0;
}

static bool is_due(const struct sedge_logfile *f, size_t n)
{
    if (f->size == 0) return false;
    return f->size + (int64_t)n > f->file_bytes || local_hour(f, f->wall_ms() / 1000) != f->hour;
}

static int prepare(struct sedge_logfile *f, size_t n)
{
    if (f->fd < 0) {
        if (f->retry_mono > sedge_mono_ms()) {
            f->dropped++;
            return -1;
        }
        if (open_file(f) != 0) return -1;
    }
    if (!is_due(f, n)) return 0;
    return rotate(f) == 0 ? open_file(f) : -1;
}

/* What of the text goes into the file that is open: whole lines up to its size, at least one. */
static size_t portion(const struct sedge_logfile *f, const char *text, size_t n)
{
    size_t room = f->size < f->file_bytes ? (size_t)(f->file_bytes - f->size) : 0;
    const char *nl;

    if (n <= room) return n;
    nl = memrchr(text, '\n', room);
    if (!nl) nl = memchr(text, '\n', n);
    return nl ? (size_t)(nl - text) + 1 : n;
}

static int put(struct sedge_logfile *f, const char *text, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t k = write(f->fd, text + done, n - done);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) {
            int sys = errno;
            bool torn = done > 0 && ftruncate(f->fd, f->size) != 0; /* no half lines, if it can be helped */
            sedge_logfile_reopen(f);
            complain(f, torn ? "a part was written" : "write", sys);
            return -1;
        }
        done += (size_t)k;
    }
    f->size += (int64_t)n;
    return 0;
}

static size_t first_line(const char *text, size_t n)
{
    const char *nl = memchr(text, '\n', n);

    return nl ? (size_t)(nl - text) + 1 : n;
}

void sedge_logfile_write(struct sedge_logfile *f, const char *text, size_t n)
{
    while (n > 0) {
        size_t len;
        if (prepare(f, first_line(text, n)) != 0) return;
        len = portion(f, text, n);
        if (put(f, text, len) != 0) return;
        text += len;
        n -= len;
    }
    if (!f->failing) return;
    f->failing = false;
    if (!f->quiet)
        sedge_log(SEDGE_INFO, "logfile", "log-writable-again", "path=%s dropped=%lld", f->path, (long long)f->dropped);
}

void sedge_logfile_sink(const char *line, size_t n, void *user)
{
    sedge_logfile_write(user, line, n);
}
