#include "unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../protocol.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"

#define SPACE_CHECK_BYTES (16LL << 20) /* written between two looks at the free space */
#define LIST_MAX          ((size_t)64 << 20)
#define BLOCK             65536

struct out {
    const struct sedge_unpack *u;
    int root; /* folder "<to>.new" */
    int64_t archive_size;
    int64_t bytes, unchecked; /* written in all; since the last look at the free space */
    int64_t entries, files;
    struct sedge_buf list; /* what ".<name>.unpacked" will hold */
};

static bool has_control(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || (unsigned char)*s == 0x7f) return true;
    return false;
}

static int refuse(struct sedge_err *err, const char *name, const char *why)
{
    sedge_auto_buf struct sedge_buf shown = SEDGE_BUF_INIT;

    sedge_str_escape(&shown, name, strlen(name));
    return sedge_err_set(err, SEDGE_E_INVALID, "archive entry \"%.200s\" %s", shown.data ? shown.data : "", why);
}

int sedge_unpack_name(const char *name, struct sedge_buf *out, struct sedge_err *err)
{
    const char *p = name;
    size_t depth = 0;

    if (*name == '/') return refuse(err, name, "has an absolute path");
    if (strlen(name) > SEDGE_UNPACK_NAME_MAX) return refuse(err, name, "has a name longer than 1024 bytes");
    if (has_control(name)) return refuse(err, name, "has control characters in its name");
    while (*p) {
        size_t n = strcspn(p, "/");

        if (n == 2 && p[0] == '.' && p[1] == '.') return refuse(err, name, "would leave the folder (\"..\")");
        if (n > 255) return refuse(err, name, "has a part longer than 255 bytes");
        if (n > 0 && !(n == 1 && *p == '.')) {
            if (depth++) sedge_buf_putc(out, '/');
            sedge_buf_add(out, p, n);
        }
        p += n + (p[n] == '/');
    }
    return depth > SEDGE_UNPACK_DEPTH_MAX ? refuse(err, name, "is nested deeper than 32 folders") : 0;
}

bool sedge_unpack_link_allowed(const char *name, const char *target)
{
    size_t depth = 0;
    bool names = false; /* a name was seen: ".." behind it could follow another link */

    for (const char *p = name; *p; p++)
        depth += *p == '/';
    if (!*target || *target == '/' || has_control(target) || strlen(target) > SEDGE_UNPACK_NAME_MAX) return false;
    for (const char *p = target; *p;) {
        size_t n = strcspn(p, "/");

        if (n == 2 && p[0] == '.' && p[1] == '.') {
            if (names || depth == 0) return false;
            depth--;
        } else if (n > 0 && !(n == 1 && *p == '.')) {
            names = true;
        }
        p += n + (p[n] == '/');
    }
    return true;
}

/* Opens the folder `name` (n bytes) below `dir`, never through a link; makes it if it is not there. */
static int enter(int dir, const char *name, size_t n, const char *whole, struct sedge_err *err)
{
    sedge_auto_free char *part = sedge_xstrndup(name, n);
    bool made = mkdirat(dir, part, 0700) == 0;
    int fd;

    if (!made && errno != EEXIST) return sedge_err_sys(err, errno, "cannot make the folder of \"%s\"", whole);
    fd = openat(dir, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return refuse(err, whole, "lies below something that is not a folder");
    if (made && fchmod(fd, 0755)) {
        (void)sedge_err_sys(err, errno, "cannot set the mode of the folder of \"%s\"", whole);
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* Folder that holds the entry, as an open descriptor; *leaf is the last part of the name. */
static int open_parent(struct out *o, const char *name, const char **leaf, struct sedge_err *err)
{
    int fd = dup(o->root);

    if (fd < 0) return sedge_err_sys(err, errno, "dup");
    for (;;) {
        size_t n = strcspn(name, "/");
        int inner;

        if (!name[n]) break;
        inner = enter(fd, name, n, name, err);
        (void)close(fd);
        if (inner < 0) return -1;
        fd = inner;
        name += n + 1;
    }
    *leaf = name;
    return fd;
}

static int check_bounds(struct out *o, int64_t more, struct sedge_err *err)
{
    int64_t allowed = o->archive_size * SEDGE_UNPACK_RATIO_MAX, left;

    if (o->u->canceled && atomic_load(o->u->canceled)) return sedge_err_set(err, SEDGE_E_CANCELED, "canceled");
    o->bytes += more;
    o->unchecked += more;
    if (allowed < SEDGE_UNPACK_RATIO_FREE) allowed = SEDGE_UNPACK_RATIO_FREE;
    if (allowed > SEDGE_UNPACK_BYTES_MAX) allowed = SEDGE_UNPACK_BYTES_MAX;
    if (o->bytes > allowed)
        return sedge_err_set(err, SEDGE_E_LIMIT,
                             "the archive of %" PRId64 " bytes unpacks to more than %" PRId64
                             " bytes: refused as an archive bomb",
                             o->archive_size, allowed);
    if (o->unchecked < SPACE_CHECK_BYTES && more > 0) return 0;
    o->unchecked = 0;
    left = sedge_fs_free_bytes(o->u->to, err);
    if (left < 0) return -1;
    if (left >= o->u->min_free) return 0;
    return sedge_err_set(err, SEDGE_E_NO_SPACE,
                         "%" PRId64 " bytes free at %s, %" PRId64 " must stay free; free some space", left, o->u->to,
                         o->u->min_free);
}

static int write_block(int fd, const char *p, size_t n, off_t offset, struct sedge_err *err)
{
    while (n > 0) {
        ssize_t w = pwrite(fd, p, n, offset);

        if (w < 0 && errno == EINTR) continue;
        if (w < 0) return sedge_err_sys(err, errno, "cannot write");
        p += w;
        n -= (size_t)w;
        offset += w;
    }
    return 0;
}

static int copy_data(struct out *o, struct archive *a, int fd, int64_t *size, struct sedge_err *err)
{
    const void *block;
    size_t n;
    la_int64_t offset;
    int rc;

    while ((rc = archive_read_data_block(a, &block, &n, &offset)) == ARCHIVE_OK) {
        /* Holes count as if they were written: the offset comes from the archive. */
        if (offset < *size || offset > SEDGE_UNPACK_BYTES_MAX)
            return sedge_err_set(err, SEDGE_E_INVALID, "the archive is damaged: data out of order");
        if (check_bounds(o, offset + (int64_t)n - *size, err) || write_block(fd, block, n, offset, err)) return -1;
        *size = offset + (int64_t)n;
    }
    if (rc == ARCHIVE_EOF) return 0;
    return sedge_err_set(err, SEDGE_E_INVALID, "the archive is damaged or encrypted: %s",
                         archive_error_string(a) ? archive_error_string(a) : "unreadable");
}

static int write_file(struct out *o, struct archive *a, int dir, const char *leaf, const char *name,
                      struct sedge_err *err)
{
    sedge_auto_close int fd = -1;
    int64_t size = 0;

    (void)unlinkat(dir, leaf, 0); /* the last of several entries of one name wins; open reports what remains */
    fd = openat(dir, leaf, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return sedge_err_sys(err, errno, "cannot create \"%s\"", name);
    if (copy_data(o, a, fd, &size, err)) return sedge_err_wrap(err, "%s", name);
    if (ftruncate(fd, size) || fchmod(fd, o->u->file_mode ? o->u->file_mode : 0644))
        return sedge_err_sys(err, errno, "cannot finish \"%s\"", name);
    o->files++;
    sedge_buf_printf(&o->list, "%" PRId64 " %s\n", size, name);
    return 0;
}

static int write_symlink(int dir, const char *leaf, const char *name, const char *target, struct sedge_err *err)
{
    if (!target || !sedge_unpack_link_allowed(name, target)) return refuse(err, name, "is a link out of the folder");
    (void)unlinkat(dir, leaf, 0); /* as in write_file */
    if (symlinkat(target, dir, leaf)) return sedge_err_sys(err, errno, "cannot create \"%s\"", name);
    return 0;
}

static int write_hardlink(struct out *o, int dir, const char *leaf, const char *name, const char *target,
                          struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf clean = SEDGE_BUF_INIT;
    sedge_auto_close int from = -1;
    const char *from_leaf;
    struct stat st;

    if (sedge_unpack_name(target, &clean, err) || clean.len == 0)
        return refuse(err, name, "is a hard link out of the folder");
    from = open_parent(o, clean.data, &from_leaf, err);
    if (from < 0) return -1;
    if (fstatat(from, from_leaf, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
        return refuse(err, name, "is a hard link to something that is no file of the archive");
    if (strcmp(clean.data, name) == 0) return 0;
    (void)unlinkat(dir, leaf, 0); /* as in write_file */
    if (linkat(from, from_leaf, dir, leaf, 0)) return sedge_err_sys(err, errno, "cannot create \"%s\"", name);
    o->files++;
    sedge_buf_printf(&o->list, "%" PRId64 " %s\n", (int64_t)st.st_size, name);
    return 0;
}

static int write_entry(struct out *o, struct archive *a, struct archive_entry *e, const char *name,
                       struct sedge_err *err)
{
    const char *leaf = NULL, *hardlink = archive_entry_hardlink(e);
    sedge_auto_close int dir = open_parent(o, name, &leaf, err), folder = -1;

    if (dir < 0) return -1;
    if (hardlink) return write_hardlink(o, dir, leaf, name, hardlink, err);
    switch (archive_entry_filetype(e)) {
    case AE_IFREG:
        return write_file(o, a, dir, leaf, name, err);
    case AE_IFLNK:
        return write_symlink(dir, leaf, name, archive_entry_symlink(e), err);
    case AE_IFDIR:
        folder = enter(dir, leaf, strlen(leaf), name, err);
        return folder < 0 ? -1 : 0;
    default:
        return refuse(err, name, "is a device, pipe or socket");
    }
}

static int take_entry(struct out *o, struct archive *a, struct archive_entry *e, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf name = SEDGE_BUF_INIT;
    const char *raw = archive_entry_pathname(e);

    if (!raw) raw = archive_entry_pathname_utf8(e);
    if (!raw) return sedge_err_set(err, SEDGE_E_INVALID, "the archive has an entry without a readable name");
    if (++o->entries > SEDGE_UNPACK_ENTRIES_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "the archive has more than %d entries: refused as an archive bomb",
                             SEDGE_UNPACK_ENTRIES_MAX);
    if (sedge_unpack_name(raw, &name, err)) return -1;
    if (name.len == 0) {
        if (archive_entry_filetype(e) == AE_IFDIR && !archive_entry_hardlink(e)) return 0; /* "./" */
        return refuse(err, raw, "has no name");
    }
    return write_entry(o, a, e, name.data, err);
}

static int read_entries(struct out *o, struct archive *a, struct sedge_err *err)
{
    struct archive_entry *e;
    int rc;

    while ((rc = archive_read_next_header(a, &e)) == ARCHIVE_OK || rc == ARCHIVE_WARN)
        if (take_entry(o, a, e, err)) return -1;
    if (rc == ARCHIVE_EOF) return 0;
    return sedge_err_set(err, SEDGE_E_INVALID, "the archive is damaged or of another kind: %s",
                         archive_error_string(a) ? archive_error_string(a) : "unreadable");
}

static void choose_format(struct archive *a, enum sedge_unarchive kind)
{
    if (kind == SEDGE_UNARCHIVE_ZIP) {
        (void)archive_read_support_format_zip(a);
    } else {
        (void)archive_read_support_format_tar(a);
        if (kind == SEDGE_UNARCHIVE_TGZ) (void)archive_read_support_filter_gzip(a);
    }
}

static int read_archive(struct out *o, struct sedge_err *err)
{
    struct archive *a = archive_read_new();
    int rc;

    if (!a) return sedge_err_set(err, SEDGE_E_IO, "out of memory");
    choose_format(a, o->u->kind);
    if (archive_read_open_filename(a, o->u->archive, BLOCK) != ARCHIVE_OK)
        rc = sedge_err_set(err, SEDGE_E_INVALID, "cannot read the archive: %s",
                           archive_error_string(a) ? archive_error_string(a) : "unreadable");
    else
        rc = read_entries(o, a, err);
    (void)archive_read_free(a); /* a reader: nothing can be lost */
    return rc;
}

/* "/a/b" -> "/a/.b.unpacked" */
static char *list_path(const char *to)
{
    const char *slash = strrchr(to, '/');

    return sedge_xasprintf("%.*s.%s.unpacked", (int)(slash + 1 - to), to, slash + 1);
}

static bool line_agrees(int dir, const char *line)
{
    char *name;
    long long size = strtoll(line, &name, 10);
    struct stat st;

    return *name == ' ' && fstatat(dir, name + 1, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
           st.st_size == size;
}

/* Number of files if the folder still is what `head` says was unpacked, otherwise -1. */
static int64_t unpacked_before(const struct sedge_unpack *u, const char *head)
{
    sedge_auto_free char *path = list_path(u->to);
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;
    sedge_auto_close int dir = open(u->to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct sedge_err ignored;
    int64_t files = 0;
    char *line, *save = NULL;

    if (dir < 0 || sedge_fs_read(path, LIST_MAX, &text, &ignored) || !text.data) return -1;
    if (!sedge_str_starts(text.data, head)) return -1;
    for (line = strtok_r(text.data + strlen(head), "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        if (!line_agrees(dir, line)) return -1;
        files++;
    }
    return files;
}

/* Puts "<to>.new" in place of `to`; a power cut leaves the old or the new folder. */
static int exchange(const char *fresh, const char *to, struct sedge_err *err)
{
    if (!sedge_fs_exists(to)) {
        if (rename(fresh, to)) return sedge_err_sys(err, errno, "cannot rename %s", fresh);
        return sedge_fs_sync_parent(to, err);
    }
    if (renameat2(AT_FDCWD, fresh, AT_FDCWD, to, RENAME_EXCHANGE)) {
        /* File systems without an exchange: there is a moment with neither, and the next run unpacks again. */
        if (sedge_fs_remove_tree(to, err)) return -1;
        if (rename(fresh, to)) return sedge_err_sys(err, errno, "cannot rename %s", fresh);
    }
    return sedge_fs_sync_parent(to, err) || sedge_fs_remove_tree(fresh, err) ? -1 : 0;
}

static int unpack_fresh(struct out *o, const char *fresh, struct sedge_err *err)
{
    sedge_auto_free char *list = list_path(o->u->to);

    if (sedge_fs_remove_tree(fresh, err) || sedge_fs_mkdirs(fresh, 0755, err)) return -1;
    o->root = open(fresh, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (o->root < 0) return sedge_err_sys(err, errno, "cannot open %s", fresh);
    if (check_bounds(o, 0, err) || read_archive(o, err)) return -1;
    if (syncfs(o->root)) return sedge_err_sys(err, errno, "cannot sync %s", fresh);
    if (exchange(fresh, o->u->to, err)) return -1;
    return sedge_fs_write_atomic(list, o->list.data, o->list.len, 0644, err);
}

int sedge_unpack(const struct sedge_unpack *u, int64_t *nfiles, bool *was_there, struct sedge_err *err)
{
    sedge_auto_free char *fresh = sedge_xasprintf("%s.new", u->to);
    struct out o = {.u = u, .root = -1, .list = SEDGE_BUF_INIT};
    struct stat st;
    int rc;

    if (stat(u->archive, &st)) return sedge_err_sys(err, errno, "cannot read %s", u->archive);
    o.archive_size = st.st_size;
    sedge_buf_puts(&o.list, "sedge-unpack 1 ");
    rc = sedge_sha256_file_hex(u->archive, &o.list, err);
    sedge_buf_printf(&o.list, " %o\n", (unsigned)u->file_mode);
    *nfiles = rc == 0 ? unpacked_before(u, o.list.data) : -1;
    *was_there = *nfiles >= 0;
    if (rc == 0 && !*was_there) {
        rc = unpack_fresh(&o, fresh, err);
        *nfiles = o.files;
        if (rc) (void)sedge_fs_remove_tree(fresh, NULL); /* the failure is already being reported */
    }
    if (o.root >= 0) (void)close(o.root);
    sedge_buf_release(&o.list);
    return rc ? sedge_err_wrap(err, "cannot unpack %s", u->archive) : 0;
}
