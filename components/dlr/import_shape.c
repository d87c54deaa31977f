/* Operators that move or rename data, and constants. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "importer.h"

/* ---- moving ---- */

/* Whether the axes longer than 1 keep their order: then nothing moves. */
static bool keeps_order(const size_t *dims, int rank, const int *perm)
{
    int before = -1;

    for (int i = 0; i < rank; i++) {
        if (dims[perm[i]] == 1) continue;
        if (perm[i] < before) return false;
        before = perm[i];
    }
    return true;
}

int sedge_imp_permute(struct sedge_importer *p, int from, const size_t *dims, int rank, const int *perm,
                      const struct sedge_shape *shape, int *to)
{
    struct sedge_op *op;

    if (sedge_imp_new_value(p, shape, to)) return -1;
    p->g->values[*to].dtype = p->g->values[from].dtype;
    if (keeps_order(dims, rank, perm) && !p->g->values[from].fixed) {
        p->g->values[*to].root = p->g->values[from].root;
        return 0;
    }
    op = sedge_imp_new_op(p, SEDGE_OP_PERMUTE, 1);
    op->in[0] = from;
    op->out = *to;
    op->axes = rank;
    memcpy(op->dims, dims, (size_t)rank * sizeof(*dims));
    memcpy(op->perm, perm, (size_t)rank * sizeof(*perm));
    return 0;
}

int sedge_imp_reshaped(struct sedge_importer *p, int value, const struct sedge_shape *shape, int *to)
{
    static const int to_nchw[4] = {0, 3, 1, 2}, to_nhwc[4] = {0, 2, 3, 1};
    const struct sedge_shape flat = {1, {(int64_t)p->g->values[value].count}}, old = p->g->values[value].shape;
    size_t dims[SEDGE_DLR_RANK_MAX] = {(size_t)flat.dims[0]};
    static const int same[1] = {0};
    int plain;

    if (old.rank == 4) {
        (void)sedge_value_memory(&old, dims);
        if (sedge_imp_permute(p, value, dims, 4, to_nchw, shape->rank == 4 ? &flat : shape, &plain)) return -1;
    } else if (sedge_imp_permute(p, value, dims, 1, same, shape->rank == 4 ? &flat : shape, &plain)) {
        return -1;
    }
    *to = plain;
    if (shape->rank != 4) return 0;
    for (int i = 0; i < 4; i++)
        dims[i] = (size_t)shape->dims[i];
    return sedge_imp_permute(p, plain, dims, 4, to_nhwc, shape, to);
}

int sedge_imp_plain(struct sedge_importer *p, int *value)
{
    const struct sedge_value *v = &p->g->values[*value];

    if (v->shape.rank != 4) return 0;
    return sedge_imp_reshaped(p, *value, &(struct sedge_shape){1, {(int64_t)v->count}}, value);
}

int sedge_imp_finish_plain(struct sedge_importer *p, struct sedge_op *op, int64_t dtype, const struct sedge_shape *y)
{
    struct sedge_shape flat = {1, {1}};
    int value;

    if (y->rank != 4) return sedge_imp_finish_as(p, op, dtype, y);
    for (int i = 0; i < 4; i++)
        flat.dims[0] *= y->dims[i];
    if (sedge_imp_between(p, op, dtype, &flat, &value) || sedge_imp_reshaped(p, value, y, &value)) return -1;
    sedge_imp_bind_value(p, value);
    return 0;
}

static int rename_const(struct sedge_importer *p, const struct sedge_onnx_tensor *from, const struct sedge_shape *shape)
{
    struct sedge_onnx_tensor *t = sedge_imp_new_const(p, from->dtype, shape);

    t->count = from->count;
    t->data = from->data;
    sedge_imp_bind_const(p, t);
    return 0;
}

static int reshape_any(struct sedge_importer *p, const struct sedge_shape *shape, size_t old_count)
{
    struct sedge_sym *s = sedge_imp_in(p, 0);
    size_t count;
    int value;

    if (sedge_shape_count(shape, &count, p->err)) return sedge_imp_wrap(p);
    if (count != old_count)
        return sedge_imp_fail(p, SEDGE_E_INVALID, "%zu elements in a shape of %zu", old_count, count);
    if (s && s->kind == SEDGE_SYM_CONST) return rename_const(p, s->tensor, shape);
    if (sedge_imp_any(p, 0, &value) || sedge_imp_reshaped(p, value, shape, &value)) return -1;
    sedge_imp_bind_value(p, value);
    return 0;
}

/* Shape and size of input 0, computed or constant. */
static int input_shape(struct sedge_importer *p, struct sedge_shape *shape, size_t *count)
{
    struct sedge_sym *s = sedge_imp_in(p, 0);
    int value;

    if (s && s->kind == SEDGE_SYM_CONST) {
        *shape = s->tensor->shape;
        *count = s->tensor->count;
        return 0;
    }
    if (sedge_imp_any(p, 0, &value)) return -1;
    *shape = p->g->values[value].shape;
    *count = p->g->values[value].count;
    return 0;
}

int sedge_imp_reshape(struct sedge_importer *p)
{
    const struct sedge_onnx_tensor *t = sedge_imp_const(p, 1, "the new shape");
    struct sedge_shape old, shape = {0};
    int64_t known = 1;
    int open = -1;
    size_t count;

    if (!t || input_shape(p, &old, &count)) return -1;
    shape.rank = sedge_imp_ints(p, t, shape.dims, SEDGE_DLR_RANK_MAX);
    if (shape.rank < 0) return -1;
    for (int i = 0; i < shape.rank; i++) {
        if (shape.dims[i] == 0 && i < old.rank && !sedge_imp_int(p, "allowzero", 0)) shape.dims[i] = old.dims[i];
        if (shape.dims[i] == -1 && open < 0) {
            open = i;
            continue;
        }
        if (shape.dims[i] < 1 || shape.dims[i] > SEDGE_DLR_EXTENT_MAX || known > SEDGE_DLR_ELEMENTS_MAX)
            return sedge_imp_fail(p, SEDGE_E_INVALID, "extent %lld in the new shape", (long long)shape.dims[i]);
        known *= shape.dims[i];
    }
    if (open >= 0) shape.dims[open] = (int64_t)count / known;
    return reshape_any(p, &shape, count);
}

int sedge_imp_flatten(struct sedge_importer *p)
{
    int64_t axis = sedge_imp_int(p, "axis", 1);
    struct sedge_shape old, shape = {2, {1, 1}};
    size_t count;

    if (input_shape(p, &old, &count)) return -1;
    if (axis < 0) axis += old.rank;
    if (axis < 0 || axis > old.rank)
        return sedge_imp_fail(p, SEDGE_E_INVALID, "axis %lld of %d", (long long)axis, old.rank);
    for (int i = 0; i < old.rank; i++)
        shape.dims[i >= axis] *= old.dims[i];
    return reshape_any(p, &shape, count);
}

int sedge_imp_axes(struct sedge_importer *p, int rank, unsigned *set)
{
    const struct sedge_onnx_attr *a = sedge_imp_attr(p, "axes");
    const struct sedge_onnx_tensor *t;
    int64_t axes[SEDGE_DLR_RANK_MAX];
    int n = 0;

    *set = 0;
    if (sedge_imp_has(p, 1)) {
        t = sedge_imp_const(p, 1, "axes");
        if (!t || (n = sedge_imp_ints(p, t, axes, SEDGE_DLR_RANK_MAX)) < 0) return -1;
    } else if (a && a->nints <= SEDGE_DLR_RANK_MAX) {
        n = (int)a->nints;
        if (n) memcpy(axes, a->ints, (size_t)n * sizeof(*axes));
    }
    for (int i = 0; i < n; i++) {
        int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
        if (axis < 0 || axis >= rank)
            return sedge_imp_fail(p, SEDGE_E_INVALID, "axis %lld of %d", (long long)axes[i], rank);
        *set |= 1U << axis;
    }
    return n;
}

static int unsqueeze(struct sedge_importer *p, const struct sedge_shape *old, size_t count)
{
    const struct sedge_onnx_attr *a = sedge_imp_attr(p, "axes");
    struct sedge_sym *s = sedge_imp_in(p, 1);
    size_t n = a ? a->nints : s && s->kind == SEDGE_SYM_CONST ? s->tensor->count : 0;
    struct sedge_shape shape = {0};
    unsigned set;
    int from = 0;

    if (n < 1 || n + (size_t)old->rank > SEDGE_DLR_RANK_MAX)
        return sedge_imp_fail(p, SEDGE_E_LIMIT, "%zu axes added to %d", n, old->rank);
    shape.rank = old->rank + (int)n;
    if (sedge_imp_axes(p, shape.rank, &set) < 0) return -1;
    for (int i = 0; i < shape.rank; i++) {
        if (!(set >> i & 1) && from == old->rank) return sedge_imp_fail(p, SEDGE_E_INVALID, "an axis is named twice");
        shape.dims[i] = set >> i & 1 ? 1 : old->dims[from++];
    }
    return reshape_any(p, &shape, count);
}

/* Squeeze and Unsqueeze. */
int sedge_imp_squeeze(struct sedge_importer *p)
{
    struct sedge_shape old, shape = {0};
    unsigned set;
    size_t count;
    int n;

    if (input_shape(p, &old, &count)) return -1;
    if (sedge_slice_is(p->node->op, "Unsqueeze")) return unsqueeze(p, &old, count);
    n = sedge_imp_axes(p, old.rank, &set);
    if (n < 0) return -1;
    for (int i = 0; i < old.rank; i++)
        if (n ? !(set >> i & 1) : old.dims[i] != 1) shape.dims[shape.rank++] = old.dims[i];
    return reshape_any(p, &shape, count);
}

static int read_perm(struct sedge_importer *p, int rank, int *perm)
{
    const struct sedge_onnx_attr *a = sedge_imp_attr(p, "perm");
    unsigned seen = 0;

    if (a && a->nints != (size_t)rank)
        return sedge_imp_fail(p, SEDGE_E_INVALID, "perm has %zu numbers for %d dimensions", a->nints, rank);
    for (int i = 0; i < rank; i++) {
        int64_t v = a ? a->ints[i] : rank - 1 - i;
        if (v < 0 || v >= rank || seen >> v & 1) return sedge_imp_fail(p, SEDGE_E_INVALID, "perm is not a permutation");
        seen |= 1U << v;
        perm[i] = (int)v;
    }
    return 0;
}

static int transpose_const(struct sedge_importer *p, const struct sedge_onnx_tensor *from, const int *perm)
{
    struct sedge_shape shape = {2, {from->shape.dims[1], from->shape.dims[0]}};
    size_t rows = (size_t)from->shape.dims[0], cols = (size_t)from->shape.dims[1], width;
    struct sedge_onnx_tensor *t;
    uint8_t *raw;

    if (perm[0] == 0) return sedge_imp_pass(p);
    width = from->count ? from->data.n / from->count : 0;
    t = sedge_imp_new_const(p, from->dtype, &shape);
    raw = sedge_xcalloc(from->data.n + 1, 1);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < cols; c++)
            if (width) memcpy(raw + (c * rows + r) * width, from->data.p + (r * cols + c) * width, width);
    t->owned = raw;
    t->count = from->count;
    t->data = (struct sedge_slice){raw, from->data.n};
    sedge_imp_bind_const(p, t);
    return 0;
}

int sedge_imp_transpose(struct sedge_importer *p)
{
    struct sedge_sym *s = sedge_imp_in(p, 0);
    int perm[SEDGE_DLR_RANK_MAX], moved[SEDGE_DLR_RANK_MAX], place[SEDGE_DLR_RANK_MAX] = {0}, value, to;
    struct sedge_shape x, y;
    size_t dims[SEDGE_DLR_RANK_MAX], count;

    if (input_shape(p, &x, &count) || read_perm(p, x.rank, perm)) return -1;
    if (s->kind == SEDGE_SYM_CONST && x.rank == 2) return transpose_const(p, s->tensor, perm);
    if (sedge_imp_any(p, 0, &value)) return -1;
    y.rank = sedge_value_memory(&x, dims);
    for (int i = 0; i < x.rank; i++) {
        y.dims[i] = x.dims[perm[i]];
        place[sedge_memory_axis(x.rank, i)] = i; /* where in memory a logical axis is */
    }
    for (int i = 0; i < x.rank; i++)
        moved[i] = place[perm[sedge_memory_axis(x.rank, i)]];
    if (sedge_imp_permute(p, value, dims, x.rank, moved, &y, &to)) return -1;
    sedge_imp_bind_value(p, to);
    return 0;
}

/* ---- constants of integers ---- */

int sedge_imp_bind_ints(struct sedge_importer *p, const int64_t *v, int n, int rank)
{
    struct sedge_shape shape = {rank, {n}};
    struct sedge_onnx_tensor *t = sedge_imp_new_const(p, SEDGE_ONNX_INT64, &shape);

    t->owned = sedge_xcalloc((size_t)n + 1, sizeof(*v));
    memcpy(t->owned, v, (size_t)n * sizeof(*v));
    t->count = (size_t)n;
    t->data = (struct sedge_slice){t->owned, (size_t)n * sizeof(*v)};
    sedge_imp_bind_const(p, t);
    return 0;
}

/* ---- joining ---- */

/* Whether it joins extents of a shape: lists of a few integers, perhaps empty. */
static bool joins_lists(const struct sedge_importer *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->node->nin; i++) {
        const struct sedge_sym *s = sedge_imp_in(p, i);
        if (!s || s->kind != SEDGE_SYM_CONST || s->tensor->dtype != SEDGE_ONNX_INT64 || s->tensor->shape.rank > 1)
            return false;
        n += s->tensor->count;
    }
    return n <= SEDGE_DLR_RANK_MAX;
}

static int concat_ints(struct sedge_importer *p)
{
    int64_t list[SEDGE_DLR_RANK_MAX];
    int n = 0, got;

    for (size_t i = 0; i < p->node->nin; i++) {
        got = sedge_imp_ints(p, sedge_imp_in(p, i)->tensor, list + n, SEDGE_DLR_RANK_MAX - n);
        if (got < 0) return -1;
        n += got;
    }
    return sedge_imp_bind_ints(p, list, n, 1);
}

static int concat_shape(struct sedge_importer *p, const int *values, struct sedge_shape *y, int *axis)
{
    *y = p->g->values[values[0]].shape;
    if (sedge_imp_axis(p, sedge_imp_int(p, "axis", 1), y->rank, axis)) return -1;
    for (size_t i = 1; i < p->node->nin; i++) {
        const struct sedge_shape *x = &p->g->values[values[i]].shape;
        for (int k = 0; k < y->rank; k++)
            if (x->rank != y->rank || (k != *axis && x->dims[k] != y->dims[k]))
                return sedge_imp_fail(p, SEDGE_E_INVALID, "input %zu has another shape than the first", i);
        y->dims[*axis] += x->dims[*axis];
    }
    return 0;
}

int sedge_imp_concat(struct sedge_importer *p)
{
    sedge_auto_free int *values = sedge_xcalloc(p->node->nin, sizeof(*values));
    struct sedge_shape y;
    struct sedge_op *op;
    int axis;

    if (joins_lists(p)) return concat_ints(p);
    if (sedge_imp_all(p, values, p->node->nin) || concat_shape(p, values, &y, &axis)) return -1;
    op = sedge_imp_new_op(p, SEDGE_OP_CONCAT, p->node->nin);
    memcpy(op->in, values, p->node->nin * sizeof(*values));
    op->axes = sedge_imp_place(y.rank, axis);
    return sedge_imp_finish_as(p, op, p->g->values[values[0]].dtype, &y);
}

/* ---- constants ---- */

static int constant_of(struct sedge_importer *p, int64_t dtype, int rank, size_t n, const void *v)
{
    struct sedge_onnx_tensor *t = sedge_imp_new_const(p, dtype, &(struct sedge_shape){rank, {(int64_t)n}});

    t->count = n;
    t->data = (struct sedge_slice){v, n * sedge_onnx_width(dtype)}; /* lives as long as the decoded file */
    sedge_imp_bind_const(p, t);
    return 0;
}

int sedge_imp_constant(struct sedge_importer *p)
{
    const struct sedge_onnx_attr *a = sedge_imp_attr(p, "value");

    if (a && a->t) {
        sedge_imp_bind_const(p, a->t);
        return 0;
    }
    if ((a = sedge_imp_attr(p, "value_float"))) return constant_of(p, SEDGE_ONNX_FLOAT, 0, 1, &a->f);
    if ((a = sedge_imp_attr(p, "value_int"))) return constant_of(p, SEDGE_ONNX_INT64, 0, 1, &a->i);
    if ((a = sedge_imp_attr(p, "value_floats"))) return constant_of(p, SEDGE_ONNX_FLOAT, 1, a->nfloats, a->floats);
    if ((a = sedge_imp_attr(p, "value_ints"))) return constant_of(p, SEDGE_ONNX_INT64, 1, a->nints, a->ints);
    return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "only tensors and numbers are supported");
}

int sedge_imp_shape(struct sedge_importer *p)
{
    int64_t start = sedge_imp_int(p, "start", 0), end;
    struct sedge_shape x;
    size_t count;

    if (input_shape(p, &x, &count)) return -1;
    end = sedge_imp_int(p, "end", x.rank);
    if (start < 0) start += x.rank;
    if (end < 0) end += x.rank;
    start = start < 0 ? 0 : start > x.rank ? x.rank : start; /* outside counts as the nearest */
    end = end < start ? start : end > x.rank ? x.rank : end;
    return sedge_imp_bind_ints(p, x.dims + start, (int)(end - start), 1);
}
