/* Calls that start programs. */
#include "fault.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

/* Components and their monitors do not get the library. */
static char **without_us(char *const env[])
{
    size_t n = 0, kept = 0;
    char **out;

    while (env[n])
        n++;
    out = calloc(n + 1, sizeof *out);
    for (size_t i = 0; out && i < n; i++)
        if (strncmp(env[i], "LD_PRELOAD=", 11) != 0 && strncmp(env[i], "SEDGE_FAULT", 11) != 0) out[kept++] = env[i];
    return out;
}

FAULT_EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                             const posix_spawnattr_t *attributes, char *const argv[], char *const env[])
{
    static __typeof__(&posix_spawn) next;
    struct fault_event e = fault_other(FAULT_spawn, "posix_spawn", path);
    char **clean = without_us(env);
    int rc;

    if (!next) next = FAULT_NEXT(posix_spawn);
    rc = e.error ? e.error : next(pid, path, actions, attributes, argv, clean);
    free(clean);
    fault_done(&e);
    return rc;
}

FAULT_EXPORT int uv_spawn(uv_loop_t *loop, uv_process_t *process, const uv_process_options_t *options)
{
    static __typeof__(&uv_spawn) next;
    struct fault_event e = fault_other(FAULT_spawn, "uv_spawn", options->file);
    int rc;

    if (!next) next = FAULT_NEXT(uv_spawn);
    rc = next(loop, process, options);
    fault_done(&e);
    return rc;
}

/* The nucleus restarts as itself. There is no after. */
FAULT_EXPORT int execve(const char *path, char *const argv[], char *const env[])
{
    static __typeof__(&execve) next;
    const char *name = strrchr(path, '/');

    if (!next) next = FAULT_NEXT(execve);
    if (name && strcmp(name, "/sedge-nucleus") == 0) (void)fault_other(FAULT_spawn, "execve", path);
    return next(path, argv, env);
}
