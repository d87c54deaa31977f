/* QuantizeLinear and DequantizeLinear: models with int8 weights compute in float32 between them. */
#include <string.h>

#include "base/mem.h"
#include "importer.h"

/* A parameter that has one number for each place of an axis gets the rank of the input. */
static int along_axis(struct sedge_importer *p, const struct sedge_shape *x, int axis, int *value)
{
    const struct sedge_value *v = &p->g->values[*value];
    struct sedge_shape shape = {.rank = x->rank};

    if (v->count == 1 && v->shape.rank <= 1) return 0;
    if (v->shape.rank != 1 || v->shape.dims[0] != x->dims[axis])
        return sedge_imp_fail(p, SEDGE_E_INVALID, "%zu parameters for %lld places of axis %d", v->count,
                              (long long)x->dims[axis], axis);
    for (int i = 0; i < x->rank; i++)
        shape.dims[i] = i == axis ? x->dims[i] : 1;
    return sedge_imp_reshaped(p, *value, &shape, value);
}

/* Inputs 1 and 2 of the node beside the value in v[0]. Returns how many inputs there are, -1 on failure. */
static int parameters(struct sedge_importer *p, int *v)
{
    const struct sedge_shape x = p->g->values[v[0]].shape;
    int axis = 0, n = sedge_imp_has(p, 2) ? 3 : 2;
    struct sedge_shape y;

    if (x.rank > 0 && p->g->values[v[0]].count > 1) {
        int64_t wish = sedge_imp_int(p, "axis", 1);
        if (wish == 1 && x.rank == 1) wish = 0; /* the default does not matter for one number */
        if (sedge_imp_axis(p, wish, x.rank, &axis)) return -1;
    }
    if (sedge_imp_value(p, 1, &v[1]) || along_axis(p, &x, axis, &v[1])) return -1;
    if (n == 3 && (sedge_imp_any(p, 2, &v[2]) || along_axis(p, &x, axis, &v[2]))) return -1;
    if (sedge_imp_broadcast(p, v, (size_t)n, &y)) return -1;
    if (memcmp(y.dims, x.dims, (size_t)x.rank * sizeof(*x.dims)) != 0 || y.rank != x.rank)
        return sedge_imp_fail(p, SEDGE_E_INVALID, "the parameters have more dimensions than the input");
    return n;
}

static bool is_byte(int64_t dtype)
{
    return dtype == SEDGE_ONNX_INT8 || dtype == SEDGE_ONNX_UINT8;
}

int sedge_imp_quantize(struct sedge_importer *p)
{
    int64_t dtype = SEDGE_ONNX_UINT8;
    struct sedge_op *op;
    int v[3], n;

    if (sedge_imp_value(p, 0, &v[0])) return -1;
    const struct sedge_shape x = p->g->values[v[0]].shape;
    n = parameters(p, v);
    if (n < 0) return -1;
    if (n == 3) dtype = p->g->values[v[2]].dtype;
    if (!is_byte(dtype))
        return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "to type %s is not supported", sedge_onnx_dtype_name(dtype));
    op = sedge_imp_new_op(p, SEDGE_OP_QUANTIZE, (size_t)n);
    memcpy(op->in, v, (size_t)n * sizeof(*v));
    return sedge_imp_finish_as(p, op, dtype, &x);
}

int sedge_imp_dequantize(struct sedge_importer *p)
{
    struct sedge_op *op;
    int v[3], n;

    if (sedge_imp_any(p, 0, &v[0])) return -1;
    const struct sedge_value x = p->g->values[v[0]];
    if (!is_byte(x.dtype) && x.dtype != SEDGE_ONNX_INT32)
        return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "of type %s is not supported", sedge_onnx_dtype_name(x.dtype));
    n = parameters(p, v);
    if (n < 0) return -1;
    if (n == 3 && p->g->values[v[2]].dtype != x.dtype)
        return sedge_imp_fail(p, SEDGE_E_INVALID, "x_zero_point has another type than x");
    op = sedge_imp_new_op(p, SEDGE_OP_DEQUANTIZE, (size_t)n);
    memcpy(op->in, v, (size_t)n * sizeof(*v));
    return sedge_imp_finish_as(p, op, SEDGE_ONNX_FLOAT, &x.shape);
}
