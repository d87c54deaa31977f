/*
 * proc - what /proc tells about processes. Blocking in the sense of reading files that are in memory. Any thread.
 */
#ifndef SEDGE_BASE_PROC_H
#define SEDGE_BASE_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct sedge_proc_stat {
    pid_t pid;
    pid_t ppid;
    pid_t pgrp;
    pid_t session;
    char state;          /* R S D Z T ... */
    uint64_t start_time; /* ticks since boot: pid and start time together name a process for ever */
};

struct sedge_proc_table {
    struct sedge_proc_stat *v;
    size_t n;
};

/* -1 when there is no such process. */
int sedge_proc_stat(pid_t pid, struct sedge_proc_stat *out);
/* All processes; empty when /proc cannot be read. */
void sedge_proc_table_read(struct sedge_proc_table *t);
void sedge_proc_table_release(struct sedge_proc_table *t);
/* Keeps only the descendants of `root` (without itself), deepest first. */
void sedge_proc_table_keep_below(struct sedge_proc_table *t, pid_t root);
/* Whether `pid` is `ancestor` or runs below it. */
bool sedge_proc_is_below(pid_t pid, pid_t ancestor);
/* Whether the environment that the process was started with has NAME=VALUE. False when it may not be read. */
bool sedge_proc_has_env(pid_t pid, const char *assignment);

#define SEDGE_SIGNAL_NAME_LEN 24
/* "SIGSEGV", "SIGRTMIN+3"; "signal 99" for what is none. Returns out. */
const char *sedge_signal_name(int signal, char out[SEDGE_SIGNAL_NAME_LEN]);

#endif
