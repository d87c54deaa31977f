/* A body that is too large for memory goes into a file of the state folder. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "http_internal.h"

int sedge_http_file_open(struct sedge_http_file *f, const char *dir, struct sedge_err *err)
{
    sedge_auto_free char *folder = sedge_xasprintf("%s/" SEDGE_HTTP_INCOMING, dir);

    f->path = sedge_xasprintf("%s/XXXXXX", folder);
    if (sedge_fs_mkdirs(folder, 0700, err) != 0) return -1;
    f->fd = mkostemp(f->path, O_CLOEXEC);
    return f->fd >= 0 ? 0 : sedge_err_sys(err, errno, "%s", f->path);
}

int sedge_http_file_add(struct sedge_http_file *f, const char *data, size_t n, struct sedge_err *err)
{
    while (n > 0) {
        ssize_t k = write(f->fd, data, n);

        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return sedge_err_sys(err, errno, "%s", f->path);
        data += k;
        n -= (size_t)k;
    }
    return 0;
}

int sedge_http_file_sync(struct sedge_http_file *f, struct sedge_err *err)
{
    return fsync(f->fd) == 0 ? 0 : sedge_err_sys(err, errno, "%s", f->path);
}

void sedge_http_file_close(struct sedge_http_file *f)
{
    if (f->fd >= 0) {
        (void)close(f->fd);
        (void)unlink(f->path); /* unless a handler has put it elsewhere */
    }
    free(f->path);
    *f = (struct sedge_http_file){.fd = -1};
}
