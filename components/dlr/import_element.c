/* Operators on single elements that are more than bounds: functions, arithmetic, comparison, conversion. */
#include <string.h>

#include "base/mem.h"
#include "importer.h"

/* ---- axes and shapes ---- */

int sedge_imp_axis(struct sedge_importer *p, int64_t axis, int rank, int *out)
{
    if (axis < -rank || axis >= rank)
        return sedge_imp_fail(p, SEDGE_E_INVALID, "axis %lld of %d", (long long)axis, rank);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return 0;
}

int sedge_imp_place(int rank, int axis)
{
    int place = 0;

    while (sedge_memory_axis(rank, place) != axis)
        place++;
    return place;
}

int sedge_imp_list(struct sedge_importer *p, size_t i, const char *name, int64_t *out)
{
    const struct sedge_onnx_attr *a = name ? sedge_imp_attr(p, name) : NULL;
    const struct sedge_onnx_tensor *t;

    if (sedge_imp_has(p, i)) {
        t = sedge_imp_const(p, i, name ? name : "the list");
        return t ? sedge_imp_ints(p, t, out, SEDGE_DLR_RANK_MAX) : -1;
    }
    if (!a) return 0;
    if (a->nints > SEDGE_DLR_RANK_MAX)
        return sedge_imp_fail(p, SEDGE_E_LIMIT, "%s has %zu numbers, at most %d are allowed", name, a->nints,
                              SEDGE_DLR_RANK_MAX);
    if (a->nints) memcpy(out, a->ints, a->nints * sizeof(*out));
    return (int)a->nints;
}

/* Of one rank by ones in front. */
static int same_rank(struct sedge_importer *p, int *value, int rank)
{
    const struct sedge_shape old = p->g->values[*value].shape;
    struct sedge_shape shape = {.rank = rank};
    int extra = rank - old.rank;

    if (extra == 0) return 0;
    for (int k = 0; k < rank; k++)
        shape.dims[k] = k < extra ? 1 : old.dims[k - extra];
    if (!p->g->values[*value].fixed) return sedge_imp_reshaped(p, *value, &shape, value);
    const struct sedge_value v = p->g->values[*value]; /* a constant is laid out anew */
    struct sedge_onnx_tensor t = {.dtype = v.dtype, .count = v.count, .data = {v.fixed, sedge_value_bytes(&v)}};
    if (old.rank == 4) return sedge_imp_reshaped(p, *value, &shape, value);
    return sedge_imp_fix(p, &t, &shape, value);
}

int sedge_imp_broadcast(struct sedge_importer *p, int *values, size_t n, struct sedge_shape *y)
{
    *y = (struct sedge_shape){0};
    for (size_t i = 0; i < n; i++)
        if (p->g->values[values[i]].shape.rank > y->rank) y->rank = p->g->values[values[i]].shape.rank;
    for (int k = 0; k < y->rank; k++)
        y->dims[k] = 1;
    for (size_t i = 0; i < n; i++) {
        if (same_rank(p, &values[i], y->rank)) return -1;
        const struct sedge_shape *x = &p->g->values[values[i]].shape;
        for (int k = 0; k < y->rank; k++) {
            if (x->dims[k] != y->dims[k] && x->dims[k] != 1 && y->dims[k] != 1)
                return sedge_imp_fail(p, SEDGE_E_INVALID, "extents %lld and %lld in dimension %d do not fit",
                                      (long long)y->dims[k], (long long)x->dims[k], k);
            if (y->dims[k] == 1) y->dims[k] = x->dims[k];
        }
    }
    return 0;
}

/* ---- one operand ---- */

struct func {
    const char *op;
    enum sedge_unary func;
    const char *a, *b; /* attributes */
    float def_a, def_b;
};

static const struct func funcs[] = {
    {"Abs", SEDGE_U_ABS, NULL, NULL, 0, 0},
    {"Acos", SEDGE_U_ACOS, NULL, NULL, 0, 0},
    {"Asin", SEDGE_U_ASIN, NULL, NULL, 0, 0},
    {"Atan", SEDGE_U_ATAN, NULL, NULL, 0, 0},
    {"Ceil", SEDGE_U_CEIL, NULL, NULL, 0, 0},
    {"Celu", SEDGE_U_CELU, "alpha", NULL, 1, 0},
    {"Cos", SEDGE_U_COS, NULL, NULL, 0, 0},
    {"Elu", SEDGE_U_ELU, "alpha", NULL, 1, 0},
    {"Erf", SEDGE_U_ERF, NULL, NULL, 0, 0},
    {"Exp", SEDGE_U_EXP, NULL, NULL, 0, 0},
    {"Floor", SEDGE_U_FLOOR, NULL, NULL, 0, 0},
    {"HardSigmoid", SEDGE_U_HARDSIGMOID, "alpha", "beta", 0.2F, 0.5F},
    {"Log", SEDGE_U_LOG, NULL, NULL, 0, 0},
    {"Neg", SEDGE_U_NEG, NULL, NULL, 0, 0},
    {"Not", SEDGE_U_NOT, NULL, NULL, 0, 0},
    {"Reciprocal", SEDGE_U_RECIPROCAL, NULL, NULL, 0, 0},
    {"Round", SEDGE_U_ROUND, NULL, NULL, 0, 0},
    {"Selu", SEDGE_U_SELU, "alpha", "gamma", 1.67326319F, 1.05070102F},
    {"Sign", SEDGE_U_SIGN, NULL, NULL, 0, 0},
    {"Sin", SEDGE_U_SIN, NULL, NULL, 0, 0},
    {"Softplus", SEDGE_U_SOFTPLUS, NULL, NULL, 0, 0},
    {"Softsign", SEDGE_U_SOFTSIGN, NULL, NULL, 0, 0},
    {"Sqrt", SEDGE_U_SQRT, NULL, NULL, 0, 0},
    {"Tan", SEDGE_U_TAN, NULL, NULL, 0, 0},
    {"Tanh", SEDGE_U_TANH, NULL, NULL, 0, 0},
    {"ThresholdedRelu", SEDGE_U_THRESHOLDED, "alpha", NULL, 1, 0},
};

int sedge_imp_func(struct sedge_importer *p)
{
    const struct func *f = funcs;
    struct sedge_op *op;
    int value;

    while (!sedge_slice_is(p->node->op, f->op))
        f++;
    if (sedge_imp_any(p, 0, &value)) return -1;
    const struct sedge_value x = p->g->values[value];
    if (x.dtype != (f->func == SEDGE_U_NOT ? SEDGE_ONNX_BOOL : SEDGE_ONNX_FLOAT))
        return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "of type %s is not supported", sedge_onnx_dtype_name(x.dtype));
    op = sedge_imp_new_op(p, SEDGE_OP_UNARY, 1);
    op->in[0] = value;
    op->func = f->func;
    op->alpha = f->a ? sedge_imp_float(p, f->a, f->def_a) : 0;
    op->beta = f->b ? sedge_imp_float(p, f->b, f->def_b) : 0;
    return sedge_imp_finish_as(p, op, x.dtype, &x.shape);
}

int sedge_imp_leaky_relu(struct sedge_importer *p)
{
    struct sedge_op *op;
    int value;

    if (sedge_imp_value(p, 0, &value)) return -1;
    const struct sedge_shape x = p->g->values[value].shape;
    op = sedge_imp_new_op(p, SEDGE_OP_LEAKYRELU, 1);
    op->in[0] = value;
    op->alpha = sedge_imp_float(p, "alpha", 0.01F);
    return sedge_imp_finish(p, op, &x);
}

static bool to_type(const struct sedge_importer *p, int64_t *to)
{
    const struct sedge_sym *like = sedge_imp_in(p, 1);

    *to = sedge_imp_int(p, "to", 0);
    if (like && like->kind == SEDGE_SYM_CONST) *to = like->tensor->dtype;
    if (like && like->kind == SEDGE_SYM_VALUE) *to = p->g->values[like->value].dtype;
    return sedge_onnx_width(*to) != 0;
}

/* Cast and CastLike. */
int sedge_imp_cast(struct sedge_importer *p)
{
    struct sedge_op *op;
    int64_t to;
    int value;

    if (!to_type(p, &to))
        return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "to type %s is not supported", sedge_onnx_dtype_name(to));
    if (sedge_imp_any(p, 0, &value)) return -1;
    const struct sedge_value x = p->g->values[value];
    if (x.dtype == to) return sedge_imp_pass(p);
    op = sedge_imp_new_op(p, SEDGE_OP_CAST, 1);
    op->in[0] = value;
    return sedge_imp_finish_as(p, op, to, &x.shape);
}

/* ---- two operands ---- */

struct pair {
    const char *op;
    enum sedge_op_kind fast; /* of float32; BINARY: no other */
    enum sedge_binary func;
};

static const struct pair pairs[] = {
    {"Add", SEDGE_OP_ADD, SEDGE_B_ADD},
    {"And", SEDGE_OP_BINARY, SEDGE_B_AND},
    {"Div", SEDGE_OP_DIV, SEDGE_B_DIV},
    {"Equal", SEDGE_OP_BINARY, SEDGE_B_EQUAL},
    {"Greater", SEDGE_OP_BINARY, SEDGE_B_GREATER},
    {"GreaterOrEqual", SEDGE_OP_BINARY, SEDGE_B_GREATER_EQUAL},
    {"Less", SEDGE_OP_BINARY, SEDGE_B_LESS},
    {"LessOrEqual", SEDGE_OP_BINARY, SEDGE_B_LESS_EQUAL},
    {"Max", SEDGE_OP_MAX, SEDGE_B_MAX},
    {"Mean", SEDGE_OP_ADD, SEDGE_B_ADD},
    {"Min", SEDGE_OP_MIN, SEDGE_B_MIN},
    {"Mul", SEDGE_OP_MUL, SEDGE_B_MUL},
    {"Or", SEDGE_OP_BINARY, SEDGE_B_OR},
    {"PRelu", SEDGE_OP_BINARY, SEDGE_B_PRELU},
    {"Pow", SEDGE_OP_BINARY, SEDGE_B_POW},
    {"Sub", SEDGE_OP_SUB, SEDGE_B_SUB},
    {"Sum", SEDGE_OP_ADD, SEDGE_B_ADD},
    {"Xor", SEDGE_OP_BINARY, SEDGE_B_XOR},
};

static bool takes_type(enum sedge_binary f, int64_t dtype)
{
    if (f >= SEDGE_B_AND) return dtype == SEDGE_ONNX_BOOL;
    if (f == SEDGE_B_POW || f == SEDGE_B_PRELU) return dtype == SEDGE_ONNX_FLOAT;
    return dtype != SEDGE_ONNX_BOOL || f == SEDGE_B_EQUAL;
}

/* Of values that are broadcast to `y` already. Only XNNPACK's own kernels take bounds (import_point.c). */
static struct sedge_op *new_binary(struct sedge_importer *p, const int v[2], int64_t *dtype)
{
    const struct sedge_value *a = &p->g->values[v[0]], *b = &p->g->values[v[1]];
    bool fast = a->dtype == SEDGE_ONNX_FLOAT && (!a->fixed || !b->fixed);
    const struct pair *f = pairs;
    struct sedge_op *op;

    while (!sedge_slice_is(p->node->op, f->op))
        f++;
    *dtype = f->func >= SEDGE_B_EQUAL ? SEDGE_ONNX_BOOL : a->dtype;
    if (!takes_type(f->func, a->dtype)) {
        (void)sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "of type %s is not supported", sedge_onnx_dtype_name(a->dtype));
        return NULL;
    }
    op = sedge_imp_new_op(p, fast ? f->fast : SEDGE_OP_BINARY, 2);
    memcpy(op->in, v, 2 * sizeof(*v));
    op->func = f->func;
    return op;
}

static int finish_binary(struct sedge_importer *p, struct sedge_op *op, int64_t dtype, const struct sedge_shape *y)
{
    return op->kind == SEDGE_OP_BINARY ? sedge_imp_finish_as(p, op, dtype, y) : sedge_imp_finish(p, op, y);
}

int sedge_imp_binary(struct sedge_importer *p)
{
    struct sedge_shape y;
    struct sedge_op *op;
    int64_t dtype;
    int v[2];

    if (sedge_imp_all(p, v, 2) || sedge_imp_broadcast(p, v, 2, &y)) return -1;
    op = new_binary(p, v, &dtype);
    return op ? finish_binary(p, op, dtype, &y) : -1;
}

int sedge_imp_scaled(struct sedge_importer *p, int value, float factor, int *out)
{
    struct sedge_onnx_tensor t = {
        .dtype = SEDGE_ONNX_FLOAT, .count = 1, .data = {(const uint8_t *)&factor, sizeof(factor)}};
    int v[2] = {value, 0};
    struct sedge_shape y;
    struct sedge_op *op;

    if (sedge_imp_fix(p, &t, &t.shape, &v[1]) || sedge_imp_broadcast(p, v, 2, &y)) return -1;
    op = sedge_imp_new_op(p, SEDGE_OP_MUL, 2);
    memcpy(op->in, v, sizeof(v));
    return sedge_imp_between(p, op, SEDGE_ONNX_FLOAT, &y, out);
}

/* Max, Min, Sum and Mean: of any number of inputs, two by two. */
int sedge_imp_variadic(struct sedge_importer *p)
{
    sedge_auto_free int *values = sedge_xcalloc(p->node->nin, sizeof(*values));
    bool mean = sedge_slice_is(p->node->op, "Mean");
    size_t n = p->node->nin;
    struct sedge_shape y;
    int64_t dtype;

    if (n == 1) return sedge_imp_pass(p);
    if (sedge_imp_all(p, values, n)) return -1;
    if (mean && p->g->values[values[0]].dtype != SEDGE_ONNX_FLOAT)
        return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "only float32 is supported");
    for (size_t i = 1; i < n; i++) {
        int v[2] = {values[0], values[i]};
        if (sedge_imp_broadcast(p, v, 2, &y)) return -1;
        struct sedge_op *op = new_binary(p, v, &dtype);
        if (!op) return -1;
        if (i + 1 == n && !mean) return finish_binary(p, op, dtype, &y);
        if (sedge_imp_between(p, op, dtype, &y, &values[0])) return -1;
    }
    if (sedge_imp_scaled(p, values[0], 1.0F / (float)n, &values[0])) return -1;
    sedge_imp_bind_value(p, values[0]);
    return 0;
}

int sedge_imp_where(struct sedge_importer *p)
{
    struct sedge_shape y;
    struct sedge_op *op;
    int v[3];

    for (size_t i = 0; i < 3; i++)
        if (sedge_imp_any(p, i, &v[i])) return -1;
    int64_t dtype = p->g->values[v[1]].dtype;
    if (p->g->values[v[0]].dtype != SEDGE_ONNX_BOOL || p->g->values[v[2]].dtype != dtype)
        return sedge_imp_fail(p, SEDGE_E_INVALID, "expected a bool and two of one type");
    if (sedge_imp_broadcast(p, v, 3, &y)) return -1;
    op = sedge_imp_new_op(p, SEDGE_OP_WHERE, 3);
    memcpy(op->in, v, sizeof(v));
    return sedge_imp_finish_as(p, op, dtype, &y);
}

int sedge_imp_expand(struct sedge_importer *p)
{
    struct sedge_shape wish = {0}, y;
    size_t dims[SEDGE_DLR_RANK_MAX];
    ptrdiff_t step = 1;
    struct sedge_op *op;
    int value, rank;

    wish.rank = sedge_imp_list(p, 1, "shape", wish.dims);
    if (wish.rank < 0 || sedge_imp_any(p, 0, &value)) return -1;
    rank = p->g->values[value].shape.rank;
    if (rank < wish.rank && same_rank(p, &value, wish.rank)) return -1;
    y = p->g->values[value].shape;
    for (int i = 0; i < wish.rank; i++) {
        int64_t *have = &y.dims[y.rank - wish.rank + i];
        if (wish.dims[i] != *have && wish.dims[i] != 1 && *have != 1)
            return sedge_imp_fail(p, SEDGE_E_INVALID, "an extent of %lld to %lld", (long long)*have,
                                  (long long)wish.dims[i]);
        if (*have == 1) *have = wish.dims[i];
    }
    const struct sedge_value x = p->g->values[value];
    op = sedge_imp_new_op(p, SEDGE_OP_STRIDED, 1);
    op->in[0] = value;
    rank = sedge_value_memory(&x.shape, dims);
    for (int a = rank - 1; a >= 0; a--) {
        op->stride[a] = dims[a] == 1 ? 0 : step;
        step *= (ptrdiff_t)dims[a];
    }
    return sedge_imp_finish_as(p, op, x.dtype, &y);
}
