/*
 * doc_cache - the device documents of the deployments that are asked for now. They never change, so they are read once
 * and given to each device as they are, byte for byte.
 *
 *   const struct sedge_doc_text *d = sedge_doc_cache_get(cache, db, deployment_id, &err);   // until the next get
 */
#ifndef SEDGE_CLOUD_DOC_CACHE_H
#define SEDGE_CLOUD_DOC_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "base/db.h"
#include "base/err.h"

#define SEDGE_DOC_CACHE_MAX 32 /* documents; the one not used for longest makes room */

struct sedge_doc_text {
    int64_t deployment_id;
    char *text; /* JSON */
    size_t len;
    int64_t in_progress_minutes;
};

struct sedge_doc_cache;
struct sedge_doc_cache *sedge_doc_cache_new(void);
void sedge_doc_cache_free(struct sedge_doc_cache *c);
/* NULL on failure. */
const struct sedge_doc_text *sedge_doc_cache_get(struct sedge_doc_cache *c, struct sedge_db *db, int64_t deployment_id,
                                                 struct sedge_err *err);

#endif
