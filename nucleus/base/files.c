#include "files.h"

#include <stdbool.h>
#include <sys/resource.h>

static bool raised;
static rlim_t before;

size_t sedge_files_limit(void)
{
    struct rlimit r = {0, 0};

    (void)getrlimit(RLIMIT_NOFILE, &r); /* cannot fail with these arguments */
    return (size_t)r.rlim_cur;
}

void sedge_files_raise(void)
{
    struct rlimit r;

    if (raised || getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur >= r.rlim_max) return;
    before = r.rlim_cur;
    r.rlim_cur = r.rlim_max;
    raised = setrlimit(RLIMIT_NOFILE, &r) == 0;
}

size_t sedge_files_before(void)
{
    return raised ? (size_t)before : sedge_files_limit();
}

void sedge_files_restore(void)
{
    struct rlimit r;

    if (!raised || getrlimit(RLIMIT_NOFILE, &r) != 0) return;
    r.rlim_cur = before;
    raised = setrlimit(RLIMIT_NOFILE, &r) != 0;
}
