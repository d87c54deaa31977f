/* Calls that change files. */
#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of a call that returns int. */
#define CALL(event, fn, ...)                                                                                           \
    do {                                                                                                               \
        static __typeof__(&(fn)) next;                                                                                 \
        struct fault_event e_ = (event);                                                                               \
        int rc_ = -1;                                                                                                  \
        if (!next) next = FAULT_NEXT(fn);                                                                              \
        if (e_.error)                                                                                                  \
            errno = e_.error;                                                                                          \
        else                                                                                                           \
            rc_ = next(__VA_ARGS__);                                                                                   \
        fault_done(&e_);                                                                                               \
        return rc_;                                                                                                    \
    } while (0)

/* The path of what a call names relative to a folder. */
static const char *path_at(int dirfd, const char *name, char out[PATH_MAX])
{
    char link[64], dir[PATH_MAX];
    ssize_t n;

    if (name[0] == '/' || dirfd == AT_FDCWD) return name;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", dirfd);
    n = readlink(link, dir, sizeof dir - 1);
    if (n <= 0) return name;
    dir[n] = '\0';
    return snprintf(out, PATH_MAX, "%s/%s", dir, name) < PATH_MAX ? out : name;
}

/* A name that is to be made, or to go: what changes nothing is no event. */
static struct fault_event made(const char *path)
{
    struct stat st;
    int saved = errno;
    bool there = lstat(path, &st) == 0;

    errno = saved;
    return there ? (struct fault_event){.counted = false} : fault_file(FAULT_name, "mkdir", path);
}

static struct fault_event gone(const char *path)
{
    struct stat st;
    int saved = errno;
    bool there = lstat(path, &st) == 0;

    errno = saved;
    return there ? fault_file(FAULT_name, "unlink", path) : (struct fault_event){.counted = false};
}

/* ---- to the disk ---- */

FAULT_EXPORT int fsync(int fd)
{
    CALL(fault_fd(FAULT_sync, "fsync", fd), fsync, fd);
}

FAULT_EXPORT int fdatasync(int fd)
{
    CALL(fault_fd(FAULT_sync, "fdatasync", fd), fdatasync, fd);
}

FAULT_EXPORT int syncfs(int fd)
{
    CALL(fault_fd(FAULT_sync, "syncfs", fd), syncfs, fd);
}

/* ---- content ---- */

FAULT_EXPORT ssize_t write(int fd, const void *p, size_t n)
{
    static ssize_t (*next)(int, const void *, size_t);
    struct fault_event e = fault_fd(FAULT_write, "write", fd);
    ssize_t rc = -1;

    if (!next) next = FAULT_NEXT(write);
    if (e.error)
        errno = e.error;
    else
        rc = next(fd, p, e.shorten && n > 1 ? n / 2 : n);
    fault_done(&e);
    return rc;
}

static ssize_t write_at(ssize_t (*next)(int, const void *, size_t, off64_t), int fd, const void *p, size_t n,
                        off64_t at)
{
    struct fault_event e = fault_fd(FAULT_write, "pwrite", fd);
    ssize_t rc = -1;

    if (e.error)
        errno = e.error;
    else
        rc = next(fd, p, e.shorten && n > 1 ? n / 2 : n, at);
    fault_done(&e);
    return rc;
}

FAULT_EXPORT ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
    return write_at(FAULT_NEXT(pwrite64), fd, p, n, at);
}

FAULT_EXPORT ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
    return write_at(FAULT_NEXT(pwrite64), fd, p, n, at);
}

FAULT_EXPORT int ftruncate(int fd, off_t n)
{
    CALL(fault_fd(FAULT_write, "ftruncate", fd), ftruncate, fd, n);
}

FAULT_EXPORT int ftruncate64(int fd, off64_t n)
{
    CALL(fault_fd(FAULT_write, "ftruncate", fd), ftruncate64, fd, n);
}

/* ---- names ---- */

FAULT_EXPORT int rename(const char *from, const char *to)
{
    CALL(fault_file(FAULT_name, "rename", to), rename, from, to);
}

FAULT_EXPORT int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    char path[PATH_MAX];

    CALL(fault_file(FAULT_name, "rename", path_at(to_dir, to, path)), renameat2, from_dir, from, to_dir, to, flags);
}

FAULT_EXPORT int link(const char *from, const char *to)
{
    CALL(fault_file(FAULT_name, "link", to), link, from, to);
}

FAULT_EXPORT int symlink(const char *target, const char *path)
{
    CALL(fault_file(FAULT_name, "symlink", path), symlink, target, path);
}

FAULT_EXPORT int unlink(const char *path)
{
    CALL(gone(path), unlink, path);
}

FAULT_EXPORT int unlinkat(int dirfd, const char *name, int flags)
{
    char path[PATH_MAX];

    CALL(gone(path_at(dirfd, name, path)), unlinkat, dirfd, name, flags);
}

FAULT_EXPORT int mkdir(const char *path, mode_t mode)
{
    CALL(made(path), mkdir, path, mode);
}

FAULT_EXPORT int mkdirat(int dirfd, const char *name, mode_t mode)
{
    char path[PATH_MAX];

    CALL(made(path_at(dirfd, name, path)), mkdirat, dirfd, name, mode);
}

FAULT_EXPORT int rmdir(const char *path)
{
    CALL(gone(path), rmdir, path);
}
