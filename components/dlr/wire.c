#include "wire.h"

#include <string.h>

#define VARINT_BYTES_MAX 10
#define FIELD_NUMBER_MAX ((1U << 29) - 1)

int sedge_pb_varint(struct sedge_pb *r, uint64_t *out, struct sedge_err *err)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < VARINT_BYTES_MAX; i++) {
        if (r->p == r->end) return sedge_err_set(err, SEDGE_E_INVALID, "the file is cut off inside a number");
        uint8_t b = *r->p++;
        if (i == VARINT_BYTES_MAX - 1 && b > 1) break;
        v |= (uint64_t)(b & 0x7f) << (7 * i);
        if (!(b & 0x80)) {
            *out = v;
            return 0;
        }
    }
    return sedge_err_set(err, SEDGE_E_INVALID, "a number has more than 64 bits");
}

static int take(struct sedge_pb *r, uint64_t n, struct sedge_slice *out, struct sedge_err *err)
{
    size_t left = (size_t)(r->end - r->p);

    if (n > left)
        return sedge_err_set(err, SEDGE_E_INVALID, "a field of %llu bytes where %zu are left: the file is cut off",
                             (unsigned long long)n, left);
    *out = (struct sedge_slice){r->p, (size_t)n};
    r->p += n;
    return 0;
}

static int fixed(struct sedge_pb *r, size_t n, struct sedge_pb_field *f, struct sedge_err *err)
{
    if (take(r, n, &f->bytes, err)) return -1;
    f->value = 0;
    for (size_t i = 0; i < n; i++)
        f->value |= (uint64_t)f->bytes.p[i] << (8 * i);
    return 0;
}

int sedge_pb_next(struct sedge_pb *r, struct sedge_pb_field *f, struct sedge_err *err)
{
    uint64_t key, length;

    if (r->p == r->end) return 0;
    if (sedge_pb_varint(r, &key, err)) return -1;
    if (key >> 3 == 0 || key >> 3 > FIELD_NUMBER_MAX)
        return sedge_err_set(err, SEDGE_E_INVALID, "field number %llu does not exist", (unsigned long long)(key >> 3));
    *f = (struct sedge_pb_field){.number = (uint32_t)(key >> 3)};
    switch (key & 7) {
    case SEDGE_PB_VARINT:
        f->type = SEDGE_PB_VARINT;
        return sedge_pb_varint(r, &f->value, err) ? -1 : 1;
    case SEDGE_PB_FIXED64:
        f->type = SEDGE_PB_FIXED64;
        return fixed(r, 8, f, err) ? -1 : 1;
    case SEDGE_PB_FIXED32:
        f->type = SEDGE_PB_FIXED32;
        return fixed(r, 4, f, err) ? -1 : 1;
    case SEDGE_PB_BYTES:
        f->type = SEDGE_PB_BYTES;
        return sedge_pb_varint(r, &length, err) || take(r, length, &f->bytes, err) ? -1 : 1;
    default:
        return sedge_err_set(err, SEDGE_E_INVALID, "wire type %u is not used by ONNX: this is not an ONNX file",
                             (unsigned)(key & 7));
    }
}

bool sedge_slice_is(struct sedge_slice s, const char *text)
{
    return s.n == strlen(text) && (s.n == 0 || memcmp(s.p, text, s.n) == 0);
}

bool sedge_slice_eq(struct sedge_slice a, struct sedge_slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
