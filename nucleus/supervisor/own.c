/*
 * Giving a tree to a user. The nucleus is root and the tree may be the user's already, who can change it meanwhile:
 * every step is relative to an open folder and follows no link.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "prepare.h"

#define DEPTH_MAX 64

struct owner {
    uid_t uid;
    gid_t gid;
    struct sedge_err *err;
};

static int own_folder(int fd, int depth, const struct owner *o);

static int failed(const struct owner *o, const char *what, const char *name)
{
    return sedge_err_sys(o->err, errno, "%s %s", what, name);
}

static int descend(int parent, const char *name, int depth, const struct owner *o)
{
    int fd, rc;

    if (depth >= DEPTH_MAX) return sedge_err_set(o->err, SEDGE_E_LIMIT, "%s: folders are nested too deeply", name);
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? 0 : failed(o, "open", name);
    rc = own_folder(fd, depth + 1, o);
    (void)close(fd);
    return rc;
}

static int own_entry(int parent, const char *name, int depth, const struct owner *o)
{
    struct stat st;

    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT ? 0 : failed(o, "stat", name);
    /* another name of somebody else's file would hand over that file */
    if (!S_ISDIR(st.st_mode) && st.st_nlink > 1) return 0;
    if ((st.st_uid != o->uid || st.st_gid != o->gid) &&
        fchownat(parent, name, o->uid, o->gid, AT_SYMLINK_NOFOLLOW) != 0 && errno != ENOENT)
        return failed(o, "chown", name);
    return S_ISDIR(st.st_mode) ? descend(parent, name, depth, o) : 0;
}

/* The folder's entries, all of them also after a failure; the first failure counts. */
static int own_folder(int fd, int depth, const struct owner *o)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0), rc = 0;
    DIR *d = copy >= 0 ? fdopendir(copy) : NULL;
    const struct dirent *e;

    if (!d) {
        rc = failed(o, "read", "folder");
        if (copy >= 0) (void)close(copy);
        return rc;
    }
    while ((e = readdir(d))) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        if (own_entry(fd, e->d_name, depth, o) != 0) rc = -1;
    }
    (void)closedir(d);
    return rc;
}

int sedge_own_tree(const char *path, bool itself, uid_t uid, gid_t gid, struct sedge_err *err)
{
    struct owner o = {uid, gid, err};
    sedge_auto_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0) return failed(&o, "open", path);
    if (itself && fchown(fd, uid, gid) != 0) return failed(&o, "chown", path);
    return own_folder(fd, 0, &o);
}
