#include "payload.h"

#include <limits.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"
#include "crc.h"

struct sedge_payload *sedge_payload_new(size_t len)
{
    struct sedge_payload *p = sedge_xrealloc(NULL, sizeof *p + len + 1, 1);

    *p = (struct sedge_payload){.refs = 1, .len = len};
    p->data[len] = 0;
    return p;
}

struct sedge_payload *sedge_payload_copy(const void *data, size_t len)
{
    struct sedge_payload *p = sedge_payload_new(len);

    if (len > 0) memcpy(p->data, data, len);
    return p;
}

void sedge_payload_seal(struct sedge_payload *p)
{
    if (p->sealed) return;
    p->sealed = true;
    p->crc = sedge_crc32(0, p->data, p->len);
    p->crc_op = crc32_combine_gen((z_off_t)p->len);
}

struct sedge_payload *sedge_payload_ref(struct sedge_payload *p)
{
    sedge_assert(p->refs < UINT_MAX);
    p->refs++;
    return p;
}

void sedge_payload_unref(struct sedge_payload *p)
{
    if (p && --p->refs == 0) free(p);
}
