/* Operators along axes: reductions, softmax and its logarithm. */
#include <string.h>

#include "base/mem.h"
#include "importer.h"

/* ---- reductions ---- */

static const struct {
    const char *op;
    enum sedge_reduce func;
} reductions[] = {
    {"ReduceL1", SEDGE_R_L1},         {"ReduceL2", SEDGE_R_L2},
    {"ReduceLogSum", SEDGE_R_LOGSUM}, {"ReduceLogSumExp", SEDGE_R_LOGSUMEXP},
    {"ReduceMax", SEDGE_R_MAX},       {"ReduceMean", SEDGE_R_MEAN},
    {"ReduceMin", SEDGE_R_MIN},       {"ReduceProd", SEDGE_R_PROD},
    {"ReduceSum", SEDGE_R_SUM},       {"ReduceSumSquare", SEDGE_R_SUMSQUARE},
};

/* The mean of height and width is XNNPACK's, which takes bounds (import_point.c). */
static struct sedge_op *new_reduction(struct sedge_importer *p, int value, unsigned set)
{
    const struct sedge_shape *x = &p->g->values[value].shape;
    struct sedge_op *op;
    size_t i = 0;

    while (!sedge_slice_is(p->node->op, reductions[i].op))
        i++;
    bool pixels = reductions[i].func == SEDGE_R_MEAN && x->rank == 4 && set == 12 && !p->g->values[value].fixed;
    op = sedge_imp_new_op(p, pixels ? SEDGE_OP_MEAN : SEDGE_OP_REDUCE, 1);
    op->in[0] = value;
    op->func = reductions[i].func;
    return op;
}

int sedge_imp_reduce(struct sedge_importer *p)
{
    struct sedge_shape kept, shape = {0};
    unsigned set;
    struct sedge_op *op;
    int value, n;

    if (sedge_imp_value(p, 0, &value)) return -1;
    kept = p->g->values[value].shape;
    n = sedge_imp_axes(p, kept.rank, &set);
    if (n < 0) return -1;
    if (n == 0 && sedge_imp_int(p, "noop_with_empty_axes", 0)) return sedge_imp_pass(p);
    if (n == 0) set = (1U << kept.rank) - 1;
    op = new_reduction(p, value, set);
    for (int i = 0; i < kept.rank; i++) {
        if (!(set >> i & 1)) shape.dims[shape.rank++] = kept.dims[i];
        if (set >> i & 1) kept.dims[i] = 1;
    }
    if (op->kind == SEDGE_OP_MEAN && !sedge_imp_int(p, "keepdims", 1)) return sedge_imp_finish(p, op, &shape);
    if (op->kind == SEDGE_OP_MEAN) return sedge_imp_finish(p, op, &kept);
    if (sedge_imp_int(p, "keepdims", 1)) return sedge_imp_finish_as(p, op, SEDGE_ONNX_FLOAT, &kept);
    if (sedge_imp_between(p, op, SEDGE_ONNX_FLOAT, &kept, &value) || sedge_imp_reshaped(p, value, &shape, &value))
        return -1;
    sedge_imp_bind_value(p, value);
    return 0;
}

/* ---- softmax ---- */

/* Over the last axis in memory, or over `cols` elements each. */
static int softmax_rows(struct sedge_importer *p, int value, size_t cols, const struct sedge_shape *y, int *out)
{
    size_t rows = p->g->values[value].count / cols;
    struct sedge_op *op = sedge_imp_new_op(p, SEDGE_OP_SOFTMAX, 1);

    op->in[0] = value;
    op->cols = cols;
    op->rows = rows;
    return sedge_imp_between(p, op, SEDGE_ONNX_FLOAT, y, out);
}

/* Over an axis that is not the last in memory: it is moved there and back. */
static int softmax_moved(struct sedge_importer *p, int value, int axis, int *out)
{
    const struct sedge_shape x = p->g->values[value].shape, flat = {1, {(int64_t)p->g->values[value].count}};
    size_t dims[SEDGE_DLR_RANK_MAX], moved[SEDGE_DLR_RANK_MAX];
    int rank = sedge_value_memory(&x, dims), place = sedge_imp_place(x.rank, axis);
    int there[SEDGE_DLR_RANK_MAX], back[SEDGE_DLR_RANK_MAX];

    for (int i = 0, k = 0; i < rank; i++)
        if (i != place) there[k++] = i;
    there[rank - 1] = place;
    for (int i = 0; i < rank; i++) {
        moved[i] = dims[there[i]];
        back[there[i]] = i;
    }
    if (sedge_imp_permute(p, value, dims, rank, there, &flat, &value)) return -1;
    if (softmax_rows(p, value, dims[place], &flat, &value)) return -1;
    return sedge_imp_permute(p, value, moved, rank, back, &x, out);
}

/* x - log(sum(exp(x))) along the axis. */
static int log_softmax(struct sedge_importer *p, int value, int axis, int *out)
{
    const struct sedge_shape x = p->g->values[value].shape;
    struct sedge_shape kept = x;
    struct sedge_op *op = sedge_imp_new_op(p, SEDGE_OP_REDUCE, 1);
    int sum;

    op->in[0] = value;
    op->func = SEDGE_R_LOGSUMEXP;
    kept.dims[axis] = 1;
    if (sedge_imp_between(p, op, SEDGE_ONNX_FLOAT, &kept, &sum)) return -1;
    op = sedge_imp_new_op(p, SEDGE_OP_SUB, 2);
    op->in[0] = value;
    op->in[1] = sum;
    return sedge_imp_between(p, op, SEDGE_ONNX_FLOAT, &x, out);
}

static int along(struct sedge_importer *p, int value, int axis, int *out)
{
    const struct sedge_shape x = p->g->values[value].shape;

    if (sedge_slice_is(p->node->op, "LogSoftmax")) return log_softmax(p, value, axis, out);
    if (sedge_imp_place(x.rank, axis) != x.rank - 1) return softmax_moved(p, value, axis, out);
    return softmax_rows(p, value, (size_t)x.dims[axis], &x, out);
}

/* Softmax and LogSoftmax. Before opset 13 all axes from `axis` on count as one. */
int sedge_imp_softmax(struct sedge_importer *p)
{
    bool one_axis = p->m->opset >= 13;
    struct sedge_shape x, flat = {2, {1, 1}};
    int value, axis;

    if (sedge_imp_value(p, 0, &value)) return -1;
    x = p->g->values[value].shape;
    if (sedge_imp_axis(p, sedge_imp_int(p, "axis", one_axis ? -1 : 1), x.rank, &axis)) return -1;
    if (one_axis || axis == x.rank - 1) {
        if (along(p, value, axis, &value)) return -1;
    } else {
        for (int i = 0; i < x.rank; i++)
            flat.dims[i >= axis] *= x.dims[i];
        if (sedge_imp_reshaped(p, value, &flat, &value) || along(p, value, 1, &value) ||
            sedge_imp_reshaped(p, value, &x, &value))
            return -1;
    }
    sedge_imp_bind_value(p, value);
    return 0;
}
