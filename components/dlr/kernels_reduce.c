/* Kernels that sum up: reductions and matrix products. */
#include <math.h>
#include <string.h>

#include "kernels.h"

/* ---- reductions ---- */

static double begin(enum sedge_reduce f, double first)
{
    if (f == SEDGE_R_MAX || f == SEDGE_R_MIN) return first;
    return f == SEDGE_R_PROD;
}

/* `top` is the largest of all: subtracted before what would overflow otherwise. */
static double add(enum sedge_reduce f, double sum, double x, double top)
{
    switch (f) {
    case SEDGE_R_SUM:
    case SEDGE_R_MEAN:
    case SEDGE_R_LOGSUM:
        return sum + x;
    case SEDGE_R_MAX:
        return x > sum || isnan(x) ? x : sum;
    case SEDGE_R_MIN:
        return x < sum || isnan(x) ? x : sum;
    case SEDGE_R_PROD:
        return sum * x;
    case SEDGE_R_L1:
        return sum + fabs(x);
    case SEDGE_R_L2:
    case SEDGE_R_SUMSQUARE:
        return sum + x * x;
    case SEDGE_R_LOGSUMEXP:
        return sum + exp(x - top);
    }
    return sum;
}

static double end(enum sedge_reduce f, double sum, size_t n, double top)
{
    if (f == SEDGE_R_MEAN) return sum / (double)n;
    if (f == SEDGE_R_L2) return sqrt(sum);
    if (f == SEDGE_R_LOGSUM) return log(sum);
    return f == SEDGE_R_LOGSUMEXP ? log(sum) + top : sum;
}

static double fold_all(enum sedge_reduce f, struct sedge_walk *w, const float *x, size_t n, double top)
{
    double sum = begin(f, (double)x[0]);

    for (size_t i = 0; i < n; i++) {
        sum = add(f, sum, (double)x[w->at[0]], top);
        sedge_walk_next(w);
    }
    return sum;
}

/* The axes that are reduced have an extent of 1 in the output. */
int sedge_kernel_reduce(const struct sedge_call *c)
{
    enum sedge_reduce f = (enum sedge_reduce)c->op->func;
    struct sedge_walk outer = {.operands = 1}, inner = {.operands = 1};
    size_t count = sedge_call_value(c, c->op->out)->count, n = sedge_call_value(c, c->op->in[0])->count / count;
    size_t dims[SEDGE_DLR_RANK_MAX];
    const float *x = sedge_call_in(c, 0);
    float *y = sedge_call_out(c);
    ptrdiff_t step = 1;

    inner.rank = sedge_value_memory(&sedge_call_value(c, c->op->in[0])->shape, dims);
    outer.rank = sedge_value_memory(&sedge_call_value(c, c->op->out)->shape, outer.extent);
    for (int a = inner.rank - 1; a >= 0; step *= (ptrdiff_t)dims[a--]) {
        inner.extent[a] = dims[a] / outer.extent[a];
        inner.step[0][a] = outer.step[0][a] = step;
    }
    for (size_t i = 0; i < count; i++, sedge_walk_next(&outer)) {
        const float *from = x + outer.at[0];
        double top = 0;
        if (f == SEDGE_R_LOGSUMEXP) top = fold_all(SEDGE_R_MAX, &inner, from, n, 0);
        if (isinf(top)) top = 0;
        y[i] = (float)end(f, fold_all(f, &inner, from, n, top), n, top);
    }
    return 0;
}

/* ---- matrices ---- */

static void product(const struct sedge_op *op, const float *a, const float *b, float *y)
{
    size_t m = op->rows, k = op->ic, n = op->cols;

    memset(y, 0, m * n * sizeof(*y));
    for (size_t i = 0; i < m; i++, y += n)
        for (size_t j = 0; j < k; j++) {
            float factor = op->alpha * a[i * k + j];
            for (size_t x = 0; x < n; x++)
                y[x] += factor * b[j * n + x];
        }
}

/* [rows][ic] times [ic][cols] for each place of dims[]; from one place to the next, pre[] and post[] elements of the
 * operands. */
int sedge_kernel_matmul(const struct sedge_call *c)
{
    const struct sedge_op *op = c->op;
    struct sedge_walk w = {.rank = op->axes, .operands = 2};
    const float *a = sedge_call_in(c, 0), *b = sedge_call_in(c, 1);
    size_t size = op->rows * op->cols, count = sedge_call_value(c, op->out)->count / size;
    float *y = sedge_call_out(c);

    for (int i = 0; i < op->axes; i++) {
        w.extent[i] = op->dims[i];
        w.step[0][i] = (ptrdiff_t)op->pre[i];
        w.step[1][i] = (ptrdiff_t)op->post[i];
    }
    for (size_t i = 0; i < count; i++, sedge_walk_next(&w))
        product(op, a + w.at[0], b + w.at[1], y + i * size);
    return 0;
}
