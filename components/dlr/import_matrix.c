/* Matrix products: Gemm and MatMul; by constants they are XNNPACK's fully connected operator. */
#include <string.h>

#include "base/mem.h"
#include "importer.h"

/* ---- by a constant ---- */

/* Whether input 1 is a matrix that does not change. */
static bool constant_matrix(const struct sedge_importer *p)
{
    const struct sedge_sym *b = sedge_imp_in(p, 1);

    return b && b->kind == SEDGE_SYM_CONST && b->tensor->dtype == SEDGE_ONNX_FLOAT && b->tensor->shape.rank == 2 &&
           b->tensor->count > 0;
}

/* Input 1 as weights; with the number of columns set in `y`. NULL: `cols` columns do not fit. */
static struct sedge_op *new_fc(struct sedge_importer *p, int value, bool transposed, struct sedge_shape *y)
{
    const struct sedge_onnx_tensor *w = sedge_imp_in(p, 1)->tensor;
    int64_t ic = w->shape.dims[transposed ? 0 : 1], oc = w->shape.dims[transposed ? 1 : 0];
    struct sedge_op *op;

    if (y->dims[y->rank - 1] != ic) {
        (void)sedge_imp_fail(p, SEDGE_E_INVALID, "%lld columns of A on %lld rows of B", (long long)y->dims[y->rank - 1],
                             (long long)ic);
        return NULL;
    }
    op = sedge_imp_new_op(p, SEDGE_OP_FC, 1);
    op->in[0] = value;
    op->weights = w;
    op->ic = (size_t)ic;
    op->oc = (size_t)oc;
    op->alpha = op->beta = 1;
    op->transposed = transposed;
    y->dims[y->rank - 1] = oc;
    return op;
}

/* ---- any two ---- */

/* Makes a matrix of a vector. */
static int as_matrix(struct sedge_importer *p, int *value, bool row)
{
    const struct sedge_shape x = p->g->values[*value].shape;

    if (x.rank == 0) return sedge_imp_fail(p, SEDGE_E_INVALID, "a number where a matrix was expected");
    if (x.rank > 1) return 0;
    return sedge_imp_reshaped(p, *value, &(struct sedge_shape){2, {row ? 1 : x.dims[0], row ? x.dims[0] : 1}}, value);
}

static int64_t from_end(const struct sedge_shape *s, int i)
{
    return i < s->rank ? s->dims[s->rank - 1 - i] : 1;
}

/* Extents of the batch and how far the operands go from one matrix to the next. */
static int set_batch(struct sedge_importer *p, struct sedge_op *op, const struct sedge_shape *a,
                     const struct sedge_shape *b, struct sedge_shape *y)
{
    int64_t step_a = from_end(a, 0) * from_end(a, 1), step_b = from_end(b, 0) * from_end(b, 1);

    y->rank = a->rank > b->rank ? a->rank : b->rank;
    op->axes = y->rank - 2;
    for (int i = 2; i < y->rank; i++) {
        int64_t da = from_end(a, i), db = from_end(b, i);
        int axis = y->rank - 1 - i;
        if (da != db && da != 1 && db != 1)
            return sedge_imp_fail(p, SEDGE_E_INVALID, "extents %lld and %lld do not fit", (long long)da, (long long)db);
        y->dims[axis] = da == 1 ? db : da;
        op->dims[axis] = (size_t)y->dims[axis];
        op->pre[axis] = da == 1 ? 0 : (size_t)step_a;
        op->post[axis] = db == 1 ? 0 : (size_t)step_b;
        step_a *= da;
        step_b *= db;
    }
    return 0;
}

/* Of two that are matrices, or batches of them; the operator and the shape of its result. */
static struct sedge_op *new_product(struct sedge_importer *p, int v[2], struct sedge_shape *y)
{
    const struct sedge_shape a = p->g->values[v[0]].shape, b = p->g->values[v[1]].shape;
    struct sedge_op *op;

    if (from_end(&a, 0) != from_end(&b, 1)) {
        (void)sedge_imp_fail(p, SEDGE_E_INVALID, "%lld columns of A on %lld rows of B", (long long)from_end(&a, 0),
                             (long long)from_end(&b, 1));
        return NULL;
    }
    if (sedge_imp_plain(p, &v[0]) || sedge_imp_plain(p, &v[1])) return NULL;
    op = sedge_imp_new_op(p, SEDGE_OP_MATMUL, 2);
    memcpy(op->in, v, 2 * sizeof(*v));
    op->alpha = 1;
    op->rows = (size_t)from_end(&a, 1);
    op->ic = (size_t)from_end(&a, 0);
    op->cols = (size_t)from_end(&b, 0);
    if (set_batch(p, op, &a, &b, y)) return NULL;
    y->dims[y->rank - 2] = (int64_t)op->rows;
    y->dims[y->rank - 1] = (int64_t)op->cols;
    return op;
}

/* ---- MatMul ---- */

static int matmul_by_constant(struct sedge_importer *p, int value)
{
    struct sedge_shape y = p->g->values[value].shape, rows = y;
    struct sedge_op *op;

    if (y.rank != 4) {
        op = new_fc(p, value, true, &y);
        return op ? sedge_imp_finish(p, op, &y) : -1;
    }
    rows = (struct sedge_shape){2, {y.dims[0] * y.dims[1] * y.dims[2], y.dims[3]}};
    if (sedge_imp_reshaped(p, value, &rows, &value)) return -1;
    op = new_fc(p, value, true, &rows);
    if (!op || sedge_imp_between(p, op, SEDGE_ONNX_FLOAT, &rows, &value)) return -1;
    y.dims[3] = rows.dims[1];
    if (sedge_imp_reshaped(p, value, &y, &value)) return -1;
    sedge_imp_bind_value(p, value);
    return 0;
}

int sedge_imp_matmul(struct sedge_importer *p)
{
    struct sedge_shape y;
    struct sedge_op *op;
    int v[2];

    if (sedge_imp_value(p, 0, &v[0])) return -1;
    if (constant_matrix(p) && p->g->values[v[0]].shape.rank >= 2) return matmul_by_constant(p, v[0]);
    if (sedge_imp_value(p, 1, &v[1])) return -1;
    bool row = p->g->values[v[0]].shape.rank == 1, column = p->g->values[v[1]].shape.rank == 1;
    if (as_matrix(p, &v[0], true) || as_matrix(p, &v[1], false)) return -1;
    op = new_product(p, v, &y);
    if (!op) return -1;
    if (column) y.rank--;
    if (row) { /* without the extent of 1 in front of the last, or at the end */
        y.dims[y.rank - (column ? 1 : 2)] = y.dims[y.rank - 1];
        y.rank--;
    }
    return sedge_imp_finish_plain(p, op, SEDGE_ONNX_FLOAT, &y);
}

/* ---- Gemm ---- */

static int transpose(struct sedge_importer *p, int *value)
{
    static const int perm[2] = {1, 0};
    const struct sedge_shape x = p->g->values[*value].shape, y = {2, {x.dims[1], x.dims[0]}};
    size_t dims[SEDGE_DLR_RANK_MAX];

    (void)sedge_value_memory(&x, dims);
    return sedge_imp_permute(p, *value, dims, 2, perm, &y, value);
}

/* Whether C is left out, or a constant row that becomes the bias. */
static bool constant_row(const struct sedge_importer *p, int64_t cols)
{
    const struct sedge_sym *c = sedge_imp_in(p, 2);

    if (!c) return true;
    if (c->kind != SEDGE_SYM_CONST || c->tensor->dtype != SEDGE_ONNX_FLOAT) return false;
    return c->tensor->count == 1 ||
           (c->tensor->count == (size_t)cols && c->tensor->shape.dims[c->tensor->shape.rank - 1] == cols);
}

static int gemm_by_constant(struct sedge_importer *p, int value, bool transposed, float beta)
{
    struct sedge_shape y = p->g->values[value].shape;
    struct sedge_op *op = new_fc(p, value, transposed, &y);

    if (!op) return -1;
    op->alpha = sedge_imp_float(p, "alpha", 1);
    op->beta = beta;
    if (sedge_imp_has(p, 2)) op->bias = sedge_imp_in(p, 2)->tensor;
    return sedge_imp_finish(p, op, &y);
}

static int gemm_of_two(struct sedge_importer *p, int v[2], float beta)
{
    struct sedge_op *op;
    struct sedge_shape y, sum;

    op = new_product(p, v, &y);
    if (!op) return -1;
    op->alpha = sedge_imp_float(p, "alpha", 1);
    if (!sedge_imp_has(p, 2)) return sedge_imp_finish_as(p, op, SEDGE_ONNX_FLOAT, &y);
    if (sedge_imp_between(p, op, SEDGE_ONNX_FLOAT, &y, &v[0]) || sedge_imp_value(p, 2, &v[1]) ||
        sedge_imp_scaled(p, v[1], beta, &v[1]) || sedge_imp_broadcast(p, v, 2, &sum))
        return -1;
    if (memcmp(sum.dims, y.dims, 2 * sizeof(*y.dims)) != 0 || sum.rank != 2)
        return sedge_imp_fail(p, SEDGE_E_INVALID, "C does not fit a result of %lld to %lld", (long long)y.dims[0],
                              (long long)y.dims[1]);
    op = sedge_imp_new_op(p, SEDGE_OP_ADD, 2);
    memcpy(op->in, v, 2 * sizeof(*v));
    return sedge_imp_finish(p, op, &y);
}

int sedge_imp_gemm(struct sedge_importer *p)
{
    bool transposed = sedge_imp_int(p, "transB", 0) != 0;
    float beta = sedge_imp_float(p, "beta", 1);
    int v[2];

    if (sedge_imp_value(p, 0, &v[0])) return -1;
    if (p->g->values[v[0]].shape.rank != 2)
        return sedge_imp_fail(p, SEDGE_E_INVALID, "A has %d dimensions, expected 2", p->g->values[v[0]].shape.rank);
    if (sedge_imp_int(p, "transA", 0) && transpose(p, &v[0])) return -1;
    if (constant_matrix(p) && constant_row(p, sedge_imp_in(p, 1)->tensor->shape.dims[transposed ? 0 : 1]))
        return gemm_by_constant(p, v[0], !transposed, beta);
    if (sedge_imp_value(p, 1, &v[1])) return -1;
    if (p->g->values[v[1]].shape.rank != 2)
        return sedge_imp_fail(p, SEDGE_E_INVALID, "B has %d dimensions, expected 2", p->g->values[v[1]].shape.rank);
    if (transposed && transpose(p, &v[1])) return -1;
    return gemm_of_two(p, v, beta);
}
