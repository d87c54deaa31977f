/* What lookup.c needs of fetch.c beyond fetch.h. */
#ifndef SEDGE_FETCH_INTERNAL_H
#define SEDGE_FETCH_INTERNAL_H

#include "fetch.h"

/* A request that fails with `err` (copied), later, as all do. */
void sedge_fetch_submit_failed(struct sedge_fetcher *f, const struct sedge_err *err, sedge_fetch_done_cb done,
                               void *user);

#endif
