#include "storage.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "limits.h"

/* Atomic: set by a program before it makes its models, as the API says; the only state that models share. */
static void *(*custom_memalign)(size_t alignment, size_t bytes);
static void (*custom_free)(void *p);

void sedge_storage_set_memalign(void *(*memalign)(size_t alignment, size_t bytes))
{
    __atomic_store_n(&custom_memalign, memalign, __ATOMIC_SEQ_CST);
}

void sedge_storage_set_free(void (*release)(void *p))
{
    __atomic_store_n(&custom_free, release, __ATOMIC_SEQ_CST);
}

struct sedge_storage *sedge_storage_new(size_t bytes, struct sedge_err *err)
{
    void *(*memalign_with)(size_t, size_t) = __atomic_load_n(&custom_memalign, __ATOMIC_SEQ_CST);
    void (*free_with)(void *) = __atomic_load_n(&custom_free, __ATOMIC_SEQ_CST);
    size_t n = (bytes + SEDGE_DLR_ALIGN - 1) / SEDGE_DLR_ALIGN * SEDGE_DLR_ALIGN;
    bool custom = memalign_with && free_with;
    struct sedge_storage *s;
    void *p;

    if (n < SEDGE_DLR_ALIGN) n = SEDGE_DLR_ALIGN;
    p = custom ? memalign_with(SEDGE_DLR_ALIGN, n) : aligned_alloc(SEDGE_DLR_ALIGN, n);
    if (!p) {
        (void)sedge_err_set(err, SEDGE_E_LIMIT, "no memory for the model's tensors (%zu MiB)", n >> 20);
        return NULL;
    }
    if ((uintptr_t)p % SEDGE_DLR_ALIGN) {
        free_with(p);
        (void)sedge_err_set(err, SEDGE_E_INVALID, "the program's memalign gave memory that is not aligned to %d bytes",
                            SEDGE_DLR_ALIGN);
        return NULL;
    }
    memset(p, 0, n);
    s = SEDGE_NEW(struct sedge_storage);
    *s = (struct sedge_storage){p, n, 1, custom ? free_with : free};
    return s;
}

struct sedge_storage *sedge_storage_retain(struct sedge_storage *s)
{
    (void)__atomic_add_fetch(&s->refs, 1, __ATOMIC_SEQ_CST);
    return s;
}

void sedge_storage_release(struct sedge_storage *s)
{
    if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_SEQ_CST) > 0) return;
    s->release(s->p);
    free(s);
}
