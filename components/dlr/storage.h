/*
 * storage - the memory that holds the tensors of a model. Counted, so that a tensor that was handed out
 * (GetDLROutputManagedTensorPtr) may outlive its model. Any thread.
 */
#ifndef SEDGE_DLR_STORAGE_H
#define SEDGE_DLR_STORAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct sedge_storage {
    void *p; /* aligned to SEDGE_DLR_ALIGN bytes */
    size_t size;
    int refs; /* atomic */
    void (*release)(void *p);
};

/* `bytes` of zeros; the holder has one reference. LIMIT when there is no memory. */
struct sedge_storage *sedge_storage_new(size_t bytes, struct sedge_err *err);
struct sedge_storage *sedge_storage_retain(struct sedge_storage *s);
void sedge_storage_release(struct sedge_storage *s); /* NULL: nothing */

/* What new storage is made with, in the whole process; NULL: what the system has. Only both together matter. */
void sedge_storage_set_memalign(void *(*memalign)(size_t alignment, size_t bytes));
void sedge_storage_set_free(void (*release)(void *p));

#endif
