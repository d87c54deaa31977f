#include "fs.h"
#include "mem.h"
#include "str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

int sedge_fs_read(const char *path, size_t limit, struct sedge_buf *out, struct sedge_err *err)
{
    sedge_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t total = 0;

    if (fd < 0) return sedge_err_sys(err, errno, "%s", path);
    for (;;) {
        ssize_t n;
        sedge_buf_reserve(out, 16384);
        n = read(fd, out->data + out->len, 16384);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return sedge_err_sys(err, errno, "%s: read", path);
        if (n == 0) break;
        total += (size_t)n;
        if (total > limit)
            return sedge_err_set(err, SEDGE_E_LIMIT, "%s: larger than the limit of %zu bytes", path, limit);
        out->len += (size_t)n;
        out->data[out->len] = 0;
    }
    sedge_buf_add(out, "", 0);
    return 0;
}

static int write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t w = write(fd, p, n);
        if (w < 0 && errno == EINTR) continue;
        if (w < 0) return -1;
        p += w;
        n -= (size_t)w;
    }
    return 0;
}

int sedge_fs_sync_parent(const char *path, struct sedge_err *err)
{
    sedge_auto_free char *dir = sedge_xstrdup(path);
    char *slash = strrchr(dir, '/');
    sedge_auto_close int fd = -1;

    if (slash) slash[slash == dir] = 0;
    fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return sedge_err_sys(err, errno, "%s", dir);
    if (fsync(fd) != 0) return sedge_err_sys(err, errno, "%s: fsync", dir);
    return 0;
}

/* "<path>.new" with this content; `finish` brings it to the disk. */
static int write_new(const char *path, const void *data, size_t n, mode_t mode, int (*finish)(int fd),
                     struct sedge_err *err)
{
    sedge_auto_free char *tmp = sedge_xasprintf("%s.new", path);
    int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    int saved;

    if (fd < 0) return sedge_err_sys(err, errno, "%s", tmp);
    if (fchmod(fd, mode) == 0 && write_all(fd, data, n) == 0 && finish(fd) == 0 && close(fd) == 0) return 0;
    saved = errno;
    (void)close(fd); /* the first failure is the one to report */
    (void)unlink(tmp);
    return sedge_err_sys(err, saved, "%s: write", tmp);
}

static int put_in_place(const char *path, struct sedge_err *err)
{
    sedge_auto_free char *tmp = sedge_xasprintf("%s.new", path);

    if (rename(tmp, path) == 0) return 0;
    (void)sedge_err_sys(err, errno, "%s: rename", path);
    (void)unlink(tmp); /* the first failure is the one to report */
    return -1;
}

int sedge_fs_write_atomic(const char *path, const void *data, size_t n, mode_t mode, struct sedge_err *err)
{
    if (write_new(path, data, n, mode, fsync, err) != 0 || put_in_place(path, err) != 0) return -1;
    return sedge_fs_sync_parent(path, err);
}

void sedge_fs_discard_new(const char *path)
{
    sedge_auto_free char *tmp = sedge_xasprintf("%s.new", path);

    (void)unlink(tmp); /* usually there is none */
}

/* ---- many files ---- */

/* On its way: the fsync that follows for the first file then commits the names and places of all of them. */
static int begin_writing(int fd)
{
    (void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE); /* not everywhere; fsync is what counts */
    return 0;
}

int sedge_fs_batch_add(struct sedge_fs_batch *b, const char *path, const void *data, size_t n, mode_t mode,
                       struct sedge_err *err)
{
    if (write_new(path, data, n, mode, begin_writing, err) != 0) return -1;
    if (!sedge_strv_has(&b->paths, path)) sedge_strv_add(&b->paths, path);
    return 0;
}

static int sync_new(const char *path, struct sedge_err *err)
{
    sedge_auto_free char *tmp = sedge_xasprintf("%s.new", path);
    sedge_auto_close int fd = open(tmp, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    return fd >= 0 && fsync(fd) == 0 ? 0 : sedge_err_sys(err, errno, "%s: write", tmp);
}

static bool is_same_folder(const char *a, const char *b)
{
    size_t n = (size_t)(strrchr(a, '/') - a) + 1;

    return strncmp(a, b, n) == 0 && !strchr(b + n, '/');
}

int sedge_fs_batch_commit(struct sedge_fs_batch *b, struct sedge_err *err)
{
    char **v = b->paths.v;
    size_t n = b->paths.n;

    for (size_t i = 0; i < n; i++)
        if (sync_new(v[i], err) != 0) return -1;
    for (size_t i = 0; i < n; i++)
        if (put_in_place(v[i], err) != 0) return -1;
    for (size_t i = 0; i < n; i++)
        if ((i + 1 == n || !is_same_folder(v[i], v[i + 1])) && sedge_fs_sync_parent(v[i], err) != 0) return -1;
    sedge_strv_release(&b->paths);
    return 0;
}

void sedge_fs_batch_release(struct sedge_fs_batch *b)
{
    for (size_t i = 0; i < b->paths.n; i++)
        sedge_fs_discard_new(b->paths.v[i]);
    sedge_strv_release(&b->paths);
}

int sedge_fs_mkdirs(const char *path, mode_t mode, struct sedge_err *err)
{
    sedge_auto_free char *p = sedge_xstrdup(path);

    for (char *s = p + 1; *s; s++) {
        if (*s != '/') continue;
        *s = 0;
        /* chmod: the umask may be stricter than what the header promises. */
        if (mkdir(p, 0755) == 0 ? chmod(p, 0755) != 0 : errno != EEXIST)
            return sedge_err_sys(err, errno, "%s: mkdir", p);
        *s = '/';
    }
    if (mkdir(p, mode) != 0 && errno != EEXIST) return sedge_err_sys(err, errno, "%s: mkdir", p);
    if (!sedge_fs_is_dir(p)) return sedge_err_sys(err, ENOTDIR, "%s", p);
    if (chmod(p, mode) != 0) return sedge_err_sys(err, errno, "%s: chmod", p);
    return 0;
}

static int remove_at(int dirfd, const char *name)
{
    DIR *d;
    struct dirent *e;
    int fd;
    int rc = 0;

    if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT) return 0;
    if (errno != EISDIR && errno != EPERM) return -1;
    fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return -1;
    d = fdopendir(fd);
    if (!d) {
        (void)close(fd);
        return -1;
    }
    while (rc == 0 && (e = readdir(d)))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) rc = remove_at(fd, e->d_name);
    (void)closedir(d);
    return rc == 0 ? unlinkat(dirfd, name, AT_REMOVEDIR) : -1;
}

int sedge_fs_remove_tree(const char *path, struct sedge_err *err)
{
    if (remove_at(AT_FDCWD, path) != 0) return sedge_err_sys(err, errno, "%s: remove", path);
    return 0;
}

static int copy_file(const char *from, const char *to, mode_t mode, struct sedge_err *err)
{
    sedge_auto_free char *tmp = sedge_xasprintf("%s.new", to);
    sedge_auto_close int in = open(from, O_RDONLY | O_CLOEXEC);
    sedge_auto_close int out = -1;
    char chunk[65536];
    struct stat old;
    ssize_t n;

    if (in < 0) return sedge_err_sys(err, errno, "%s", from);
    out = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (out < 0) return sedge_err_sys(err, errno, "%s", tmp);
    while ((n = read(in, chunk, sizeof chunk)) > 0)
        if (write_all(out, chunk, (size_t)n) != 0) return sedge_err_sys(err, errno, "%s: write", tmp);
    if (n < 0) return sedge_err_sys(err, errno, "%s: read", from);
    /* Who owns the file that is replaced owns the new one: a component that runs goes on reading it. Best effort. */
    if (geteuid() == 0 && lstat(to, &old) == 0 && S_ISREG(old.st_mode)) (void)!fchown(out, old.st_uid, old.st_gid);
    if (fchmod(out, mode & 07777) != 0 || fsync(out) != 0) return sedge_err_sys(err, errno, "%s: write", tmp);
    if (rename(tmp, to) != 0) return sedge_err_sys(err, errno, "%s: rename", to);
    return 0;
}

static int copy_link(const char *from, const char *to, struct sedge_err *err)
{
    char target[4096];
    ssize_t n = readlink(from, target, sizeof target - 1);

    if (n < 0) return sedge_err_sys(err, errno, "%s", from);
    target[n] = 0;
    (void)unlink(to);
    if (symlink(target, to) != 0) return sedge_err_sys(err, errno, "%s", to);
    return 0;
}

static int copy_entry(const char *from, const char *to, struct sedge_err *err)
{
    struct stat st;

    if (lstat(from, &st) != 0) return sedge_err_sys(err, errno, "%s", from);
    if (S_ISLNK(st.st_mode)) return copy_link(from, to, err);
    if (S_ISDIR(st.st_mode)) return sedge_fs_copy_tree(from, to, err);
    if (S_ISREG(st.st_mode)) return copy_file(from, to, st.st_mode, err);
    return 0; /* sockets, devices: nothing to copy */
}

int sedge_fs_copy_tree(const char *from, const char *to, struct sedge_err *err)
{
    DIR *d = opendir(from);
    struct dirent *e;
    int rc;

    if (!d) return sedge_err_sys(err, errno, "%s", from);
    rc = sedge_fs_mkdirs(to, 0755, err);
    while (rc == 0 && (e = readdir(d))) {
        sedge_auto_free char *a = sedge_xasprintf("%s/%s", from, e->d_name);
        sedge_auto_free char *b = sedge_xasprintf("%s/%s", to, e->d_name);
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) rc = copy_entry(a, b, err);
    }
    (void)closedir(d);
    return rc;
}

bool sedge_fs_exists(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0;
}

bool sedge_fs_is_dir(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int64_t sedge_fs_free_bytes(const char *path, struct sedge_err *err)
{
    sedge_auto_free char *p = sedge_xstrdup(path);
    struct statvfs vfs;

    while (statvfs(p, &vfs) != 0) {
        char *slash = strrchr(p, '/');
        if (errno != ENOENT || !slash || slash == p) return sedge_err_sys(err, errno, "%s: free space", path);
        *slash = 0;
    }
    return (int64_t)vfs.f_bavail * (int64_t)vfs.f_frsize;
}

static int visible(const struct dirent *e)
{
    return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

struct walk {
    int (*fn)(const char *, const char *, void *, struct sedge_err *);
    void *user;
};

static int walk_dir(const char *dir, const char *relative, const struct walk *w, struct sedge_err *err)
{
    struct dirent **list;
    int n = scandir(dir, &list, visible, by_name);
    int rc = 0;

    if (n < 0) return sedge_err_sys(err, errno, "%s", dir);
    for (int i = 0; i < n; i++) {
        sedge_auto_free char *path = sedge_xasprintf("%s/%s", dir, list[i]->d_name);
        sedge_auto_free char *rel = sedge_xasprintf("%s%s%s", relative, *relative ? "/" : "", list[i]->d_name);
        struct stat st;

        free(list[i]);
        if (rc != 0 || lstat(path, &st) != 0) continue;
        if (S_ISDIR(st.st_mode))
            rc = walk_dir(path, rel, w, err);
        else if (S_ISREG(st.st_mode))
            rc = w->fn(path, rel, w->user, err);
    }
    free(list);
    return rc;
}

int sedge_fs_walk(const char *dir, int (*fn)(const char *path, const char *relative, void *user, struct sedge_err *err),
                  void *user, struct sedge_err *err)
{
    struct walk w = {fn, user};

    return walk_dir(dir, "", &w, err);
}
