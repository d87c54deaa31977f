/*
 * sandbox - what the helper gives up before it touches anything from the network.
 */
#ifndef SEDGE_FETCH_SANDBOX_H
#define SEDGE_FETCH_SANDBOX_H

#include <sys/types.h>

#include "base/err.h"

/* Becomes `user` (if not NULL and we are root; any other user than ourselves is an error), then: umask 077, no core
 * file, bounded memory and files, no new privileges, not traceable, dies with its parent. */
int sedge_sandbox_enter(const char *user, pid_t parent, struct sedge_err *err);

#endif
