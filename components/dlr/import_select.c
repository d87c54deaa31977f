/* Operators that pick elements: Slice, Split, Gather, ArgMax, ArgMin, TopK. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "importer.h"

/* Steps in memory from one element to the next along each axis of memory. */
static void strides_of(const struct sedge_shape *s, ptrdiff_t *stride)
{
    size_t dims[SEDGE_DLR_RANK_MAX];
    ptrdiff_t step = 1;

    for (int a = sedge_value_memory(s, dims) - 1; a >= 0; a--) {
        stride[a] = step;
        step *= (ptrdiff_t)dims[a];
    }
}

/* ---- Slice ---- */

struct range {
    int64_t start, step, count;
};

static int64_t within(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

/* A range as it is written, on `extent` elements. */
static struct range range_of(int64_t start, int64_t end, int64_t step, int64_t extent)
{
    struct range r = {.step = within(step, -SEDGE_DLR_EXTENT_MAX, SEDGE_DLR_EXTENT_MAX)};
    int64_t low = step < 0 ? -1 : 0, high = step < 0 ? extent - 1 : extent;

    r.start = within(start < 0 ? start + extent : start, step < 0 ? 0 : low, high);
    end = within(end < 0 ? end + extent : end, low, high);
    r.count = step < 0 ? (r.start - end - r.step - 1) / -r.step : (end - r.start + r.step - 1) / r.step;
    if (r.count < 0) r.count = 0;
    return r;
}

static int read_ranges(struct sedge_importer *p, const struct sedge_shape *x, struct range *ranges)
{
    int64_t start[SEDGE_DLR_RANK_MAX], end[SEDGE_DLR_RANK_MAX], axes[SEDGE_DLR_RANK_MAX], steps[SEDGE_DLR_RANK_MAX];
    int n = sedge_imp_list(p, 1, "starts", start), ends = n < 0 ? -1 : sedge_imp_list(p, 2, "ends", end);
    int naxes = ends < 0 ? -1 : sedge_imp_list(p, 3, "axes", axes), axis;
    int nsteps = naxes < 0 ? -1 : sedge_imp_list(p, 4, NULL, steps);

    if (nsteps < 0) return -1;
    if (n != ends || (naxes && naxes != n) || (nsteps && nsteps != n) || n > x->rank)
        return sedge_imp_fail(p, SEDGE_E_INVALID, "%d starts, %d ends, %d axes and %d steps", n, ends, naxes, nsteps);
    for (int i = 0; i < x->rank; i++)
        ranges[i] = (struct range){0, 1, x->dims[i]};
    for (int i = 0; i < n; i++) {
        if (sedge_imp_axis(p, naxes ? axes[i] : i, x->rank, &axis)) return -1;
        if (nsteps && steps[i] == 0) return sedge_imp_fail(p, SEDGE_E_INVALID, "a step of 0");
        ranges[axis] = range_of(start[i], end[i], nsteps ? steps[i] : 1, x->dims[axis]);
    }
    return 0;
}

int sedge_imp_slice(struct sedge_importer *p)
{
    struct range ranges[SEDGE_DLR_RANK_MAX];
    ptrdiff_t stride[SEDGE_DLR_RANK_MAX];
    struct sedge_shape y;
    struct sedge_op *op;
    int value;

    if (sedge_imp_any(p, 0, &value)) return -1;
    const struct sedge_value x = p->g->values[value];
    if (read_ranges(p, &x.shape, ranges)) return -1;
    strides_of(&x.shape, stride);
    y.rank = x.shape.rank;
    op = sedge_imp_new_op(p, SEDGE_OP_STRIDED, 1);
    op->in[0] = value;
    for (int a = 0; a < y.rank; a++) {
        const struct range *r = &ranges[sedge_memory_axis(y.rank, a)];
        op->stride[a] = stride[a] * (ptrdiff_t)r->step;
        op->start += stride[a] * (ptrdiff_t)r->start;
        y.dims[sedge_memory_axis(y.rank, a)] = r->count;
    }
    return sedge_imp_finish_as(p, op, x.dtype, &y);
}

/* ---- Split ---- */

/* Extents of the parts: given, or equal ones of which the last may be shorter. */
static int read_parts(struct sedge_importer *p, int64_t extent, int64_t *parts, size_t n)
{
    const struct sedge_onnx_attr *a = sedge_imp_attr(p, "split");
    const struct sedge_onnx_tensor *t;
    int64_t sum = 0, each = (extent + (int64_t)n - 1) / (int64_t)n;
    int got = -1;

    if (sedge_imp_has(p, 1)) {
        t = sedge_imp_const(p, 1, "the list of parts");
        if (!t || (got = sedge_imp_ints(p, t, parts, (int)n)) < 0) return -1;
    } else if (a && a->nints <= n) {
        got = (int)a->nints;
        if (got) memcpy(parts, a->ints, a->nints * sizeof(*parts));
    }
    for (size_t i = 0; got < 0 && i < n; i++)
        parts[i] = i + 1 < n ? each : extent - each * (int64_t)(n - 1);
    for (size_t i = 0; i < n && sum <= extent; i++) {
        if ((got >= 0 && got != (int)n) || parts[i] < 1 || parts[i] > extent) break;
        sum += parts[i];
        if (i + 1 == n && sum == extent) return 0;
    }
    return sedge_imp_fail(p, SEDGE_E_INVALID, "%zu parts that do not make up %lld", n, (long long)extent);
}

int sedge_imp_split(struct sedge_importer *p)
{
    size_t n = p->node->nout;
    sedge_auto_free int64_t *parts = sedge_xcalloc(n + 1, sizeof(*parts));
    int64_t before = 0;
    int value, axis, part;

    if (n == 0) return 0;
    if (sedge_imp_any(p, 0, &value)) return -1;
    const struct sedge_value x = p->g->values[value];
    if (sedge_imp_axis(p, sedge_imp_int(p, "axis", 0), x.shape.rank, &axis)) return -1;
    if (read_parts(p, x.shape.dims[axis], parts, n)) return -1;
    for (size_t i = 0; i < n; before += parts[i++]) {
        struct sedge_op *op = sedge_imp_new_op(p, SEDGE_OP_STRIDED, 1);
        struct sedge_shape y = x.shape;
        op->in[0] = value;
        strides_of(&x.shape, op->stride);
        op->start = op->stride[sedge_imp_place(y.rank, axis)] * (ptrdiff_t)before;
        y.dims[axis] = parts[i];
        if (sedge_imp_between(p, op, x.dtype, &y, &part)) return -1;
        sedge_imp_bind_output(p, i, part);
    }
    return 0;
}

/* ---- Gather ---- */

/* Extents of a shape, picked out of what Shape gave: a few integers that may have no elements. */
static bool picks_extents(const struct sedge_importer *p)
{
    const struct sedge_sym *data = sedge_imp_in(p, 0), *index = sedge_imp_in(p, 1);

    return data && index && data->kind == SEDGE_SYM_CONST && index->kind == SEDGE_SYM_CONST &&
           data->tensor->dtype == SEDGE_ONNX_INT64 && data->tensor->shape.rank == 1 &&
           data->tensor->count <= SEDGE_DLR_RANK_MAX && index->tensor->count <= SEDGE_DLR_RANK_MAX &&
           index->tensor->shape.rank <= 1;
}

static int pick_extents(struct sedge_importer *p)
{
    const struct sedge_onnx_tensor *data = sedge_imp_in(p, 0)->tensor, *index = sedge_imp_in(p, 1)->tensor;
    int64_t list[SEDGE_DLR_RANK_MAX], at[SEDGE_DLR_RANK_MAX], out[SEDGE_DLR_RANK_MAX];
    int n = sedge_imp_ints(p, data, list, SEDGE_DLR_RANK_MAX);
    int k = n < 0 ? -1 : sedge_imp_ints(p, index, at, SEDGE_DLR_RANK_MAX);

    if (k < 0) return -1;
    for (int i = 0; i < k; i++) {
        if (at[i] < 0) at[i] += n;
        if (at[i] < 0 || at[i] >= n) return sedge_imp_fail(p, SEDGE_E_INVALID, "index %lld of %d", (long long)at[i], n);
        out[i] = list[at[i]];
    }
    return sedge_imp_bind_ints(p, out, k, index->shape.rank);
}

int sedge_imp_gather(struct sedge_importer *p)
{
    struct sedge_shape y = {0};
    struct sedge_op *op;
    int v[2], axis;

    if (picks_extents(p)) return pick_extents(p);
    if (sedge_imp_any(p, 0, &v[0]) || sedge_imp_any(p, 1, &v[1])) return -1;
    const struct sedge_value x = p->g->values[v[0]], at = p->g->values[v[1]];
    if (sedge_imp_axis(p, sedge_imp_int(p, "axis", 0), x.shape.rank, &axis)) return -1;
    if (at.dtype != SEDGE_ONNX_INT64 && at.dtype != SEDGE_ONNX_INT32)
        return sedge_imp_fail(p, SEDGE_E_INVALID, "indices of type %s", sedge_onnx_dtype_name(at.dtype));
    if (x.shape.rank + at.shape.rank - 1 > SEDGE_DLR_RANK_MAX)
        return sedge_imp_fail(p, SEDGE_E_LIMIT, "a result of %d dimensions", x.shape.rank + at.shape.rank - 1);
    if (sedge_imp_plain(p, &v[0]) || sedge_imp_plain(p, &v[1])) return -1;
    op = sedge_imp_new_op(p, SEDGE_OP_GATHER, 2);
    memcpy(op->in, v, sizeof(v));
    op->rows = op->cols = 1;
    for (int i = 0; i < x.shape.rank; i++) {
        if (i < axis) op->rows *= (size_t)x.shape.dims[i];
        if (i > axis) op->cols *= (size_t)x.shape.dims[i];
        if (i != axis) y.dims[y.rank++] = x.shape.dims[i];
        for (int k = 0; i == axis && k < at.shape.rank; k++)
            y.dims[y.rank++] = at.shape.dims[k];
    }
    op->ic = (size_t)x.shape.dims[axis];
    return sedge_imp_finish_plain(p, op, x.dtype, &y);
}

/* ---- the largest ---- */

/* ArgMax and ArgMin. */
int sedge_imp_arg(struct sedge_importer *p)
{
    struct sedge_shape y, shape = {0};
    struct sedge_op *op;
    int value, axis;

    if (sedge_imp_value(p, 0, &value)) return -1;
    y = p->g->values[value].shape;
    if (sedge_imp_axis(p, sedge_imp_int(p, "axis", 0), y.rank, &axis)) return -1;
    op = sedge_imp_new_op(p, SEDGE_OP_ARG, 1);
    op->in[0] = value;
    op->axes = sedge_imp_place(y.rank, axis);
    op->smallest = sedge_slice_is(p->node->op, "ArgMin");
    op->last = sedge_imp_int(p, "select_last_index", 0) != 0;
    y.dims[axis] = 1;
    if (sedge_imp_int(p, "keepdims", 1)) return sedge_imp_finish_as(p, op, SEDGE_ONNX_INT64, &y);
    for (int i = 0; i < y.rank; i++)
        if (i != axis) shape.dims[shape.rank++] = y.dims[i];
    if (sedge_imp_between(p, op, SEDGE_ONNX_INT64, &y, &value) || sedge_imp_reshaped(p, value, &shape, &value))
        return -1;
    sedge_imp_bind_value(p, value);
    return 0;
}

/* The indices, and then the elements that they name. */
int sedge_imp_topk(struct sedge_importer *p)
{
    int64_t k[SEDGE_DLR_RANK_MAX] = {sedge_imp_int(p, "k", 0)};
    int value, axis, indices, values, n = sedge_imp_list(p, 1, NULL, k);
    struct sedge_shape y;
    struct sedge_op *op;

    if (n < 0 || sedge_imp_value(p, 0, &value)) return -1;
    y = p->g->values[value].shape;
    if (sedge_imp_axis(p, sedge_imp_int(p, "axis", -1), y.rank, &axis)) return -1;
    if (n > 1 || k[0] < 1 || k[0] > y.dims[axis])
        return sedge_imp_fail(p, SEDGE_E_INVALID, "%lld of %lld elements", (long long)k[0], (long long)y.dims[axis]);
    y.dims[axis] = k[0];
    op = sedge_imp_new_op(p, SEDGE_OP_TOPK, 1);
    op->in[0] = value;
    op->axes = sedge_imp_place(y.rank, axis);
    op->smallest = sedge_imp_int(p, "largest", 1) == 0;
    if (sedge_imp_between(p, op, SEDGE_ONNX_INT64, &y, &indices)) return -1;
    op = sedge_imp_new_op(p, SEDGE_OP_TAKE, 2);
    op->in[0] = value;
    op->in[1] = indices;
    op->axes = sedge_imp_place(y.rank, axis);
    if (sedge_imp_between(p, op, SEDGE_ONNX_FLOAT, &y, &values)) return -1;
    sedge_imp_bind_output(p, 0, values);
    sedge_imp_bind_output(p, 1, indices);
    return 0;
}
