#include "logreader.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define CHUNK 65536

struct sedge_logreader {
    const struct sedge_strv *paths;
    size_t limit;
    bool follow;
    size_t next; /* path to open */
    int fd;
    struct sedge_buf buf;
    size_t at;       /* first byte of the buffer that has not been given out */
    size_t searched; /* bytes from `at` known to hold no newline */
    struct sedge_buf line;
};

struct sedge_logreader *sedge_logreader_new(const struct sedge_strv *paths, size_t limit, bool follow)
{
    struct sedge_logreader *r = SEDGE_NEW(struct sedge_logreader);

    r->paths = paths;
    r->limit = limit;
    r->follow = follow;
    r->fd = -1;
    return r;
}

void sedge_logreader_free(struct sedge_logreader *r)
{
    if (r->fd >= 0) (void)close(r->fd);
    sedge_buf_release(&r->buf);
    sedge_buf_release(&r->line);
    free(r);
}

static bool is_last(const struct sedge_logreader *r)
{
    return r->next >= r->paths->n;
}

/* Opens the next file that can be opened. */
static bool open_next(struct sedge_logreader *r)
{
    while (r->fd < 0 && r->next < r->paths->n) {
        const char *path = r->paths->v[r->next++];
        r->fd = open(path, O_RDONLY | O_CLOEXEC);
        if (r->fd < 0) (void)fprintf(stderr, "Unable to read %s: %s\n", path, strerror(errno));
    }
    return r->fd >= 0;
}

/* Reads some more; false at the end of the file. */
static bool fill(struct sedge_logreader *r)
{
    ssize_t n;

    sedge_buf_drop_front(&r->buf, r->at);
    r->at = 0;
    sedge_buf_reserve(&r->buf, CHUNK);
    do
        n = read(r->fd, r->buf.data + r->buf.len, CHUNK - 1);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        r->buf.len += (size_t)n;
        r->buf.data[r->buf.len] = 0;
    }
    return n > 0;
}

static const char *give(struct sedge_logreader *r, size_t n, size_t skip)
{
    const char *from = r->buf.data + r->at;

    sedge_buf_clear(&r->line);
    sedge_buf_reserve(&r->line, n + 1);
    for (size_t i = 0; i < n; i++) /* a NUL would hide the rest of the line */
        sedge_buf_putc(&r->line, from[i] ? from[i] : ' ');
    if (n && r->line.data[n - 1] == '\r') r->line.data[n - 1] = 0;
    if (!n) sedge_buf_puts(&r->line, "");
    r->at += n + skip;
    r->searched = 0;
    return r->line.data ? r->line.data : "";
}

/* A line of the buffer; NULL: there is none. */
static const char *from_buffer(struct sedge_logreader *r, bool at_end)
{
    size_t have = r->buf.len - r->at;
    const char *nl = have > r->searched ? memchr(r->buf.data + r->at + r->searched, '\n', have - r->searched) : NULL;

    if (nl) return give(r, (size_t)(nl - r->buf.data) - r->at, 1);
    if (have >= r->limit) return give(r, r->limit, 0);
    if (at_end && have > 0) return give(r, have, 0);
    r->searched = have;
    return NULL;
}

/* Whether the active file is another one now, or shorter: it was rotated. */
static bool was_rotated(const struct sedge_logreader *r)
{
    struct stat open_file, named;

    if (fstat(r->fd, &open_file) != 0 || stat(r->paths->v[r->next - 1], &named) != 0) return false;
    return open_file.st_ino != named.st_ino || open_file.st_dev != named.st_dev ||
           lseek(r->fd, 0, SEEK_CUR) > open_file.st_size;
}

static void close_file(struct sedge_logreader *r)
{
    (void)close(r->fd);
    r->fd = -1;
    sedge_buf_clear(&r->buf);
    r->at = r->searched = 0;
}

const char *sedge_logreader_next(struct sedge_logreader *r)
{
    for (;;) {
        bool tail, rotated;
        const char *line;
        if (r->fd < 0 && !open_next(r)) return NULL;
        line = from_buffer(r, false);
        if (line) return line;
        tail = r->follow && is_last(r);
        rotated = tail && was_rotated(r); /* before reading: nothing is appended to it after the rotation */
        if (fill(r)) continue;
        if (tail && !rotated) return NULL;
        line = from_buffer(r, true);
        if (line) return line;
        close_file(r);
        if (rotated) r->next--;
    }
}
