#include "again.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* As it was called where that is a path (a link may point to a newer version by then), else where the kernel found it.
 */
static void find_program(struct sedge_again *a)
{
    char folder[PATH_MAX];
    ssize_t len;

    if (a->argv[0][0] == '/') {
        if (snprintf(a->path, sizeof a->path, "%s", a->argv[0]) < (int)sizeof a->path) return;
    } else if (strchr(a->argv[0], '/') && getcwd(folder, sizeof folder)) {
        if (snprintf(a->path, sizeof a->path, "%s/%s", folder, a->argv[0]) < (int)sizeof a->path) return;
    }
    len = readlink("/proc/self/exe", a->path, sizeof a->path - 1);
    a->path[len > 0 ? len : 0] = 0;
}

void sedge_again_init(struct sedge_again *a, char **argv)
{
    size_t n = 0;

    a->argv = argv;
    find_program(a);
    while (environ[n])
        n++;
    a->env = sedge_xcalloc(n + 1, sizeof *a->env);
    memcpy(a->env, environ, n * sizeof *a->env);
}

int sedge_again_execute(const struct sedge_again *a)
{
    (void)execve(a->path, a->argv, a->env);
    (void)fprintf(stderr, "sedge-nucleus: cannot start again: %s: %s\n", a->path, strerror(errno));
    return SEDGE_EXIT_AGAIN;
}
