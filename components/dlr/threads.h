/*
 * threads - how many threads a model gets, and where they run. The pool itself is pthreadpool's.
 */
#ifndef SEDGE_DLR_THREADS_H
#define SEDGE_DLR_THREADS_H

#include <pthreadpool.h>
#include <stdbool.h>

#include "base/err.h"

/* TVM_NUM_THREADS, else OMP_NUM_THREADS, else the processors that the process may use, at most
 * SEDGE_DLR_THREADS_AUTO. */
int sedge_threads_default(void);

/* Makes *pool one of `threads` threads, the calling one included; NULL for 1. On failure *pool stays as it was. */
int sedge_threads_pool(pthreadpool_t *pool, int threads, struct sedge_err *err);

/* Binds each thread of the pool except the calling one to a processor of its own, or lets them move again. */
int sedge_threads_pin(pthreadpool_t pool, bool pin, struct sedge_err *err);

#endif
