/*
 * fault - a library in front of sedge-nucleus and sedge-fetch (LD_PRELOAD) that counts the calls which matter when the
 * power goes, and at a chosen one ends both programs, lets the call fail or moves the clock. Other programs that
 * inherit it are left alone.
 *
 * Kinds of events, numbered from 1 each, below SEDGE_FAULT_ROOT (logs aside):
 *   sync   fsync, fdatasync, syncfs
 *   write  write, pwrite, ftruncate: of the databases and of all other files
 *   name   rename, link, symlink, unlink, mkdir, rmdir
 *   spawn  the start of a script's monitor, of a helper, and of the nucleus itself when it restarts
 *   mqtt   each message given to the MQTT library; each message and each acknowledgement that the library hands over
 *
 * Environment:
 *   SEDGE_FAULT_ROOT   the root of the device
 *   SEDGE_FAULT_STATE  a file for struct fault_state: counters go on when the nucleus restarts, and include sedge-fetch
 *   SEDGE_FAULT_TRACE  a file that gets a line for each event: number, kind, number of the kind, program, call, what
 *   SEDGE_FAULT        ACTION:KIND:NUMBER[:ARGUMENT][@TEXT]   TEXT: only events whose file or topic holds it are
 * counted before, after    kill -9 of both programs before or after the call fail:..:ERROR    this one fails with
 * ENOSPC, EIO or EDQUOT failing:..:ERROR this one and all that follow, until the test writes `healed` into the state
 *     short            a write does half of what it should
 *     clock:..:SECONDS the wall clock jumps before the call, for our programs; certificates are judged by the real time
 */
#ifndef SEDGE_FAULT_H
#define SEDGE_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FAULT_KINDS(X) X(sync) X(write) X(name) X(spawn) X(mqtt)

enum fault_kind {
#define X(sym) FAULT_##sym,
    FAULT_KINDS(X)
#undef X
        FAULT_KIND_COUNT
};

/* Shared by the programs and the test, which knows this layout. */
struct fault_state {
    int32_t nucleus; /* process id */
    int32_t fired;   /* the chosen event has come */
    int32_t healed;  /* "failing" is over */
    int32_t total;
    int64_t shift_s; /* of the wall clock */
    int32_t count[FAULT_KIND_COUNT];
};

struct fault_event {
    bool counted;
    bool chosen;
    int error;    /* the call shall fail with it; 0: not */
    bool shorten; /* a write */
};

/* plan.c. What is NULL or lies elsewhere is not counted. errno stays as it is. */
struct fault_event fault_file(enum fault_kind kind, const char *call, const char *path);
struct fault_event fault_fd(enum fault_kind kind, const char *call, int fd);
struct fault_event fault_other(enum fault_kind kind, const char *call, const char *what);
void fault_done(const struct fault_event *e);
int64_t fault_shift_s(void);
/* Fills in the next definition of a function. */
void *fault_next(const char *name);

#define FAULT_NEXT(fn) ((__typeof__(&(fn)))fault_next(#fn))
#define FAULT_EXPORT   __attribute__((visibility("default")))

#endif
