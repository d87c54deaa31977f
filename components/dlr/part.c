#include "part.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

bool sedge_part_there(const struct sedge_part *part)
{
    return part->path || part->data;
}

const char *sedge_part_name(const struct sedge_part *part)
{
    return part->path ? part->path : "(in memory)";
}

static int check_size(const char *name, uint64_t size, uint64_t limit, struct sedge_err *err)
{
    if (!size) return sedge_err_set(err, SEDGE_E_INVALID, "%s: it is empty", name);
    if (size > limit)
        return sedge_err_set(err, SEDGE_E_LIMIT, "%s: %llu bytes, at most %llu are allowed", name,
                             (unsigned long long)size, (unsigned long long)limit);
    return 0;
}

static int map_file(const char *path, uint64_t limit, struct sedge_part_view *view, struct sedge_err *err)
{
    sedge_auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    void *p;

    if (fd < 0 || fstat(fd, &st)) return sedge_err_sys(err, errno, "%s", path);
    if (check_size(path, st.st_size > 0 ? (uint64_t)st.st_size : 0, limit, err)) return -1;
    p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) return sedge_err_sys(err, errno, "%s", path);
    *view = (struct sedge_part_view){p, (size_t)st.st_size, p};
    return 0;
}

int sedge_part_open(const struct sedge_part *part, uint64_t limit, struct sedge_part_view *view, struct sedge_err *err)
{
    if (part->path) return map_file(part->path, limit, view, err);
    *view = (struct sedge_part_view){part->data, part->size, NULL};
    return check_size(sedge_part_name(part), part->size, limit, err);
}

void sedge_part_done(const struct sedge_part_view *view, const void *at)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t whole = (size_t)((const uint8_t *)at - view->p) / page * page;

    if (view->map && whole) (void)madvise(view->map, whole, MADV_DONTNEED); /* only advice */
}

void sedge_part_close(struct sedge_part_view *view)
{
    if (view->map) (void)munmap(view->map, view->n); /* cannot fail for what was mapped */
    *view = (struct sedge_part_view){0};
}
