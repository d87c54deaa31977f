/*
 * Kills what a previous life of this nucleus has left. sedge-exec does that by itself when the nucleus dies; this is
 * for the case that both have been killed, or that it has not come to its end yet. Processes are known by their control
 * group, or by a variable that every script's environment has.
 */
#include <signal.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/proc.h"
#include "service.h"

#define ROUNDS_MAX 100
#define ROUND_US   10000

static bool is_ours(pid_t pid, const char *tag)
{
    return sedge_proc_has_env(pid, tag) && !sedge_proc_is_below(getpid(), pid);
}

static size_t kill_tagged(const char *tag)
{
    struct sedge_proc_table t;
    size_t n = 0;

    sedge_proc_table_read(&t);
    for (size_t i = 0; i < t.n; i++) {
        if (t.v[i].state == 'Z' || !is_ours(t.v[i].pid, tag)) continue;
        if (kill(t.v[i].pid, SIGKILL) == 0) n++;
    }
    sedge_proc_table_release(&t);
    return n;
}

void sweep_leftovers(const char *root, struct sedge_cgroups *cgroups)
{
    sedge_auto_free char *tag = sedge_xasprintf(SWEEP_VARIABLE "=%s", root);

    for (int round = 0; round < ROUNDS_MAX; round++) {
        size_t n = sedge_cgroups_kill_all(cgroups);
        if (n + kill_tagged(tag) == 0) break;
        (void)usleep(ROUND_US);
    }
    (void)sedge_cgroups_kill_all(cgroups); /* now empty: the folders go too */
}

void sweep_script(const char *token, const char *component, struct sedge_cgroups *cgroups)
{
    sedge_auto_free char *tag = sedge_xasprintf("SVCUID=%s", token);

    for (int round = 0; round < ROUNDS_MAX; round++) {
        sedge_cgroups_kill(cgroups, component);
        if (kill_tagged(tag) == 0 && sedge_cgroups_count(cgroups, component) == 0) return;
        (void)usleep(ROUND_US);
    }
}
