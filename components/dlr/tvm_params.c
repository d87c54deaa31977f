#include "tvm_params.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dtype.h"

#define LIST_MAGIC   0xF7E58D4F05049CB7ULL
#define TENSOR_MAGIC 0xDD5E40F096B4A13FULL

struct reader {
    const uint8_t *start, *p, *end;
    struct sedge_err *err;
};

static int cut(const struct reader *r, const char *what)
{
    return sedge_err_set(r->err, SEDGE_E_INVALID, "byte %zu: the file ends within %s", (size_t)(r->p - r->start), what);
}

/* A number of `size` bytes, little-endian. */
static int number(struct reader *r, size_t size, uint64_t *out, const char *what)
{
    uint64_t v = 0;

    if ((size_t)(r->end - r->p) < size) return cut(r, what);
    for (size_t i = size; i-- > 0;)
        v = v << 8 | r->p[i];
    r->p += size;
    *out = v;
    return 0;
}

static int magic(struct reader *r, uint64_t wanted, const char *what)
{
    uint64_t found, reserved;

    if (number(r, 8, &found, what) || number(r, 8, &reserved, what)) return -1;
    if (found != wanted)
        return sedge_err_set(r->err, SEDGE_E_INVALID, "byte %zu: this is not %s", (size_t)(r->p - r->start) - 16, what);
    return 0;
}

static int count(struct reader *r, size_t *out)
{
    uint64_t n;

    if (number(r, 8, &n, "the number of weights")) return -1;
    if (n > SEDGE_DLR_TENSORS_MAX)
        return sedge_err_set(r->err, SEDGE_E_LIMIT, "%llu weights, at most %d are allowed", (unsigned long long)n,
                             SEDGE_DLR_TENSORS_MAX);
    *out = (size_t)n;
    return 0;
}

static int read_name(struct reader *r, struct sedge_slice *out)
{
    uint64_t n;

    if (number(r, 8, &n, "the name of a weight")) return -1;
    if (n > SEDGE_DLR_NAME_MAX)
        return sedge_err_set(r->err, SEDGE_E_LIMIT, "a name of %llu bytes, at most %d are allowed",
                             (unsigned long long)n, SEDGE_DLR_NAME_MAX);
    if (n > (uint64_t)(r->end - r->p)) return cut(r, "the name of a weight");
    if (memchr(r->p, 0, (size_t)n))
        return sedge_err_set(r->err, SEDGE_E_INVALID, "the name of a weight has a NUL byte");
    *out = (struct sedge_slice){r->p, (size_t)n};
    r->p += n;
    return 0;
}

static int read_shape(struct reader *r, struct sedge_tvm_param *t, uint64_t *bytes)
{
    uint64_t code, bits, lanes, d, total;

    if (number(r, 1, &code, "a type") || number(r, 1, &bits, "a type") || number(r, 2, &lanes, "a type")) return -1;
    t->type = (DLDataType){(uint8_t)code, (uint8_t)bits, (uint16_t)lanes};
    total = sedge_dtype_bytes(t->type);
    for (int i = 0; i < t->rank; i++) {
        if (number(r, 8, &d, "a shape")) return -1;
        if (d > SEDGE_DLR_EXTENT_MAX)
            return sedge_err_set(r->err, SEDGE_E_LIMIT, "weight \"%.*s\": extent %lld; expected 0 to %lld",
                                 (int)t->name.n, (const char *)t->name.p, (long long)d, SEDGE_DLR_EXTENT_MAX);
        t->dims[i] = (int64_t)d;
        if (__builtin_mul_overflow(total, d, &total)) total = UINT64_MAX;
    }
    *bytes = total;
    return 0;
}

static int read_tensor(struct reader *r, struct sedge_tvm_param *t)
{
    uint64_t device, id, rank, bytes, wanted = 0;

    if (magic(r, TENSOR_MAGIC, "a weight of a parameter file")) return -1;
    if (number(r, 4, &device, "a weight") || number(r, 4, &id, "a weight") || number(r, 4, &rank, "a weight"))
        return -1;
    if (device != DLR_CPU)
        return sedge_err_set(r->err, SEDGE_E_UNSUPPORTED, "weight \"%.*s\" is for device type %llu; only %d (cpu) runs",
                             (int)t->name.n, (const char *)t->name.p, (unsigned long long)device, DLR_CPU);
    if (rank > SEDGE_DLR_TVM_RANK_MAX)
        return sedge_err_set(r->err, SEDGE_E_LIMIT, "weight \"%.*s\" has %llu dimensions, at most %d are allowed",
                             (int)t->name.n, (const char *)t->name.p, (unsigned long long)rank, SEDGE_DLR_TVM_RANK_MAX);
    t->rank = (int)rank;
    if (read_shape(r, t, &wanted) || number(r, 8, &bytes, "a weight")) return -1;
    if (bytes != wanted)
        return sedge_err_set(r->err, SEDGE_E_INVALID, "weight \"%.*s\" has %llu bytes, and its shape asks for %llu",
                             (int)t->name.n, (const char *)t->name.p, (unsigned long long)bytes,
                             (unsigned long long)wanted);
    if (bytes > (uint64_t)(r->end - r->p)) return cut(r, "a weight");
    t->data = (struct sedge_slice){r->p, (size_t)bytes};
    r->p += bytes;
    return 0;
}

static int read_all(struct reader *r, struct sedge_tvm_params *p)
{
    size_t n, again;

    if (magic(r, LIST_MAGIC, "a parameter file of a compiled model") || count(r, &n)) return -1;
    p->v = sedge_xcalloc(n + 1, sizeof(*p->v));
    for (size_t i = 0; i < n; i++)
        if (read_name(r, &p->v[i].name)) return -1;
    if (count(r, &again)) return -1;
    if (again != n)
        return sedge_err_set(r->err, SEDGE_E_INVALID, "%zu names and %zu weights: the numbers should be equal", n,
                             again);
    for (; p->n < n; p->n++)
        if (read_tensor(r, &p->v[p->n])) return -1;
    return 0;
}

int sedge_tvm_params_read(struct sedge_tvm_params *p, const uint8_t *data, size_t n, struct sedge_err *err)
{
    struct reader r = {data, data, data + n, err};

    *p = (struct sedge_tvm_params){0};
    if (read_all(&r, p) == 0) return 0;
    sedge_tvm_params_release(p);
    return -1;
}

void sedge_tvm_params_release(struct sedge_tvm_params *p)
{
    free(p->v);
    *p = (struct sedge_tvm_params){0};
}

const struct sedge_tvm_param *sedge_tvm_params_find(const struct sedge_tvm_params *p, const char *name)
{
    for (size_t i = 0; i < p->n; i++)
        if (sedge_slice_is(p->v[i].name, name)) return &p->v[i];
    return NULL;
}
