#include "reboot.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM      "reboot"
#define SYSTEM_PATHS "/usr/sbin:/usr/bin:/sbin:/bin"

struct reboot {
    uv_work_t work;
    uv_process_t process;
    uv_loop_t *loop;
    struct sedge_err err;
    void (*done)(void *arg, const struct sedge_err *err);
    void *arg;
};

static void closed_cb(uv_handle_t *handle)
{
    struct reboot *r = handle->data;

    r->done(r->arg, &r->err);
    free(r);
}

static void exited_cb(uv_process_t *process, int64_t code, int signal)
{
    struct reboot *r = process->data;

    if (code != 0 || signal != 0)
        (void)sedge_err_set(&r->err, SEDGE_E_DENIED, "the program \"%s\" ended with %s %lld%s", PROGRAM,
                            signal ? "signal" : "exit code", signal ? (long long)signal : (long long)code,
                            geteuid() == 0 ? "" : "; the nucleus does not run as root, which a reboot usually needs");
    uv_close((uv_handle_t *)process, closed_cb);
}

/* PATH of the nucleus first; services are sometimes started with a short one. */
static char *path_variable(void)
{
    const char *path = getenv("PATH");

    return sedge_xasprintf("PATH=%s%s%s", path ? path : "", path && *path ? ":" : "", SYSTEM_PATHS);
}

static void synced_cb(uv_work_t *work, int status)
{
    struct reboot *r = work->data;
    sedge_auto_free char *path = path_variable();
    char program[] = PROGRAM;
    char *argv[] = {program, NULL}, *env[] = {path, NULL};
    uv_stdio_container_t stdio[] = {{.flags = UV_IGNORE},
                                    {.flags = UV_INHERIT_FD, .data.fd = STDOUT_FILENO},
                                    {.flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO}};
    uv_process_options_t o = {
        .exit_cb = exited_cb, .file = program, .args = argv, .env = env, .stdio = stdio, .stdio_count = 3};
    int rc;

    (void)status; /* never cancelled */
    r->process.data = r;
    rc = uv_spawn(r->loop, &r->process, &o);
    if (rc == 0) return;
    (void)sedge_err_set(&r->err, SEDGE_E_NOT_FOUND, "the program \"%s\" cannot be executed (%s): is it on %s?", PROGRAM,
                        uv_strerror(rc), path);
    uv_close((uv_handle_t *)&r->process, closed_cb);
}

static void sync_cb(uv_work_t *work)
{
    (void)work;
    sync(); /* all discs: may take its time */
}

void sedge_reboot(uv_loop_t *loop, void (*done)(void *arg, const struct sedge_err *err), void *arg)
{
    struct reboot *r = SEDGE_NEW(struct reboot);

    *r = (struct reboot){.loop = loop, .done = done, .arg = arg};
    r->work.data = r;
    sedge_log(SEDGE_WARN, "main", "reboot", "the machine is rebooted, as a bootstrap script of a deployment asks");
    sedge_assert(uv_queue_work(loop, &r->work, sync_cb, synced_cb) == 0);
}
