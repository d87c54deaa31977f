/*
 * wire - reads the protobuf wire format from a block of bytes, without copying and without trust.
 *
 *   struct sedge_pb r = {data, data + n};
 *   struct sedge_pb_field f;
 *   while ((rc = sedge_pb_next(&r, &f, err)) == 1)
 *       switch (f.number) { case 1: ...f.value... case 2: ...f.bytes... }
 *
 * A field never reaches beyond the block it was found in. Slices point into the block and live as long as it. Groups
 * (long obsolete) are refused.
 */
#ifndef SEDGE_DLR_WIRE_H
#define SEDGE_DLR_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sedge_pb {
    const uint8_t *p, *end;
};

struct sedge_slice {
    const uint8_t *p;
    size_t n;
};

enum sedge_pb_type { SEDGE_PB_VARINT = 0, SEDGE_PB_FIXED64 = 1, SEDGE_PB_BYTES = 2, SEDGE_PB_FIXED32 = 5 };

struct sedge_pb_field {
    uint32_t number;
    enum sedge_pb_type type;
    uint64_t value;           /* VARINT, FIXED64, FIXED32 */
    struct sedge_slice bytes; /* BYTES; FIXED32 and FIXED64 too: their 4 or 8 bytes as they stand */
};

/* 1 a field, 0 the end, -1 not protobuf (INVALID). */
int sedge_pb_next(struct sedge_pb *r, struct sedge_pb_field *f, struct sedge_err *err);
int sedge_pb_varint(struct sedge_pb *r, uint64_t *out, struct sedge_err *err);

static inline struct sedge_pb sedge_pb_of(struct sedge_slice s)
{
    return (struct sedge_pb){s.p, s.n ? s.p + s.n : s.p};
}
bool sedge_slice_is(struct sedge_slice s, const char *text);
bool sedge_slice_eq(struct sedge_slice a, struct sedge_slice b);

#endif
