/*
 * err - how every module reports a failure.
 *
 * A function that can fail returns 0 or -1 (or a pointer, or NULL) and takes `struct sedge_err *err` last. The code is
 * for programs (IPC error name, exit status, retry or not); the message is for people: it holds the offending value and
 * where it stood, and says what to do where that is not obvious. Low layers report, they do not log; the layer that
 * decides logs once. Wrap an error when you know something that the callee did not.
 *
 * No allocation: works when memory is gone. `err` may be NULL everywhere. Any thread.
 */
#ifndef SEDGE_BASE_ERR_H
#define SEDGE_BASE_ERR_H

#include <stdarg.h>

#define SEDGE_ERR_CODES(X)                                                                                             \
    X(INVALID, "invalid")         /* malformed or inconsistent input: never heals by itself */                         \
    X(NOT_FOUND, "not-found")     /* the named thing does not exist */                                                 \
    X(CONFLICT, "conflict")       /* exists already, or in another version or state */                                 \
    X(DENIED, "denied")           /* credentials, permission or policy */                                              \
    X(TIMEOUT, "timeout")         /* may heal */                                                                       \
    X(UNAVAILABLE, "unavailable") /* peer or network down: may heal */                                                 \
    X(LIMIT, "limit-exceeded")    /* a named limit of docs/limits.md */                                                \
    X(NO_SPACE, "no-space")       /* disk full, or about to be */                                                      \
    X(DIGEST, "digest-mismatch")  /* content is not what was announced */                                              \
    X(CORRUPT, "corrupt")         /* our own stored state is damaged */                                                \
    X(UNSUPPORTED, "unsupported") /* understood, and not offered here */                                               \
    X(CANCELED, "canceled")                                                                                            \
    X(IO, "io-error") /* the operating system refused: see .sys */

enum sedge_err_code {
    SEDGE_OK = 0,
#define X(sym, name) SEDGE_E_##sym,
    SEDGE_ERR_CODES(X)
#undef X
        SEDGE_ERR_COUNT
};

#define SEDGE_ERR_MSG_MAX 1024

struct sedge_err {
    enum sedge_err_code code;
    int sys; /* errno value for IO, otherwise 0 */
    char msg[SEDGE_ERR_MSG_MAX];
};

#define SEDGE_ERR_INIT ((struct sedge_err){.code = SEDGE_OK})

/* Each returns -1, so that a caller can write `return sedge_err_set(...)`. Overlong messages are cut at a character. */
int sedge_err_set(struct sedge_err *err, enum sedge_err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* As set, with the code that fits errno value `sys` and ": <strerror>" appended. */
int sedge_err_sys(struct sedge_err *err, int sys, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Puts "<text>: " in front of the message; the code stays. */
int sedge_err_wrap(struct sedge_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "not-found" for SEDGE_E_NOT_FOUND; "ok" for SEDGE_OK. */
const char *sedge_err_name(enum sedge_err_code code);
/* The reverse; SEDGE_E_IO for a name that is not known. */
enum sedge_err_code sedge_err_from_name(const char *name);
/* Whether trying the same again later may succeed (TIMEOUT, UNAVAILABLE). */
int sedge_err_may_heal(const struct sedge_err *err);

#endif
