/*
 * process - one script under sedge-exec: its pipes, its end, and the end of everything that it started.
 *
 *   p = sedge_process_spawn(loop, &spec, &cbs, user, &err);
 *   cbs.started, output..., ended, gone      in this order; each but output and note exactly once; a note of why it
 *                                            could not be executed comes before started
 *   sedge_process_signal(p, SEDGE_PROCESS_TERM / KILL)     any time before gone
 *
 * `ended`: the script itself has been reaped and both of its pipes have come to their end (a daemon that keeps stdout
 * open keeps the script "running"). With drain_ms >= 0 the pipes get only that long after the exit.
 * `gone`: no process of it is left; the memory is freed when the callback returns.
 *
 * A writer without measure is slowed down by its full pipe: each of its streams may cost SEDGE_PROCESS_READ_BUDGET in
 * SEDGE_PROCESS_TICK_MS, counted in bytes read or, where it is more, in what `output` returns as the work it has done.
 * Several that do that share this, so that all together cost what one costs; who writes little never waits. Nothing is
 * lost here.
 */
#ifndef SEDGE_SUPERVISOR_PROCESS_H
#define SEDGE_SUPERVISOR_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "base/err.h"
#include "base/str.h"

#define SEDGE_PROCESS_READ_BUDGET ((size_t)128 * 1024)
#define SEDGE_PROCESS_TICK_MS     5
#define SEDGE_PROCESS_CHUNK       ((size_t)32 * 1024)
#define SEDGE_PROCESS_CHUNK_SMALL ((size_t)4 * 1024) /* while output costs more than the reading */
#define SEDGE_PROCESS_LAST_MS     5000               /* for the pipes after the last process is gone */

struct sedge_process;

enum sedge_process_signal { SEDGE_PROCESS_TERM = 't', SEDGE_PROCESS_KILL = 'k' };

struct sedge_process_exit {
    int code;   /* -1 when a signal ended it */
    int signal; /* 0 or the signal */
    bool core;
};

struct sedge_process_reader { /* shared by all processes of a loop; zeroed at first */
    char chunk[SEDGE_PROCESS_CHUNK];
    unsigned waiting; /* streams that have used up their budget */
};

struct sedge_process_spec {
    const char *exec_path;
    const char *shell;
    const char *script;
    const char *dir;
    char **env; /* NULL-terminated */
    const struct sedge_strv *cgroups;
    bool switch_user;
    bool privileged;
    uid_t uid;
    gid_t gid;
    const gid_t *groups;
    size_t ngroups;
    int drain_ms; /* -1: without limit */
    struct sedge_process_reader *reader;
};

struct sedge_process_cbs {
    void (*started)(struct sedge_process *p, void *user);
    size_t (*output)(struct sedge_process *p, bool is_stderr, const char *data, size_t n,
                     void *user); /* n 0: its end */
    /* kind 'W': something minor; 'E': the script could not be executed */
    void (*note)(struct sedge_process *p, char kind, const char *text, void *user);
    void (*ended)(struct sedge_process *p, const struct sedge_process_exit *how, void *user);
    void (*gone)(struct sedge_process *p, void *user);
};

struct sedge_process *sedge_process_spawn(uv_loop_t *loop, const struct sedge_process_spec *spec,
                                          const struct sedge_process_cbs *cbs, void *user, struct sedge_err *err);
/* NULL, here and below: one that is gone. */
void sedge_process_signal(struct sedge_process *p, enum sedge_process_signal which);
pid_t sedge_process_pid(const struct sedge_process *p);     /* of the script; 0 before started and after its end */
pid_t sedge_process_monitor(const struct sedge_process *p); /* of sedge-exec; all others run below it */
/* The monitor was killed: descendants may be left that only control groups or /proc can find. */
bool sedge_process_lost_monitor(const struct sedge_process *p);

#endif
