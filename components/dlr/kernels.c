/* The table of kernels, and those that only move elements. */
#include "kernels.h"

#include <string.h>

#include "base/mem.h"

/* ---- walks ---- */

struct sedge_walk sedge_walk_broadcast(const struct sedge_call *c)
{
    struct sedge_walk w = {.operands = c->op->nin};

    w.rank = sedge_value_memory(&sedge_call_value(c, c->op->out)->shape, w.extent);
    for (size_t k = 0; k < c->op->nin; k++) {
        size_t dims[SEDGE_DLR_RANK_MAX], step = 1;
        int rank = sedge_value_memory(&sedge_call_value(c, c->op->in[k])->shape, dims);
        for (int a = rank - 1; a >= 0; a--) { /* of the same rank, or without dimensions */
            w.step[k][a] = dims[a] == 1 ? 0 : (ptrdiff_t)step;
            step *= dims[a];
        }
    }
    return w;
}

static void copy_one(char *to, const char *from, size_t width)
{
    if (width == 4)
        memcpy(to, from, 4);
    else if (width == 8)
        memcpy(to, from, 8);
    else
        *to = *from;
}

/* Output element by element, input as the walk says. Rows that lie together are copied as they are. */
static void copy_walk(struct sedge_walk *w, const char *from, char *to, size_t count, size_t width)
{
    size_t row = 1;

    if (w->rank > 0 && w->step[0][w->rank - 1] == 1) row = w->extent[--w->rank];
    for (size_t n = 0; n < count; n += row, to += row * width) {
        if (row == 1)
            copy_one(to, from + w->at[0] * (ptrdiff_t)width, width);
        else
            memcpy(to, from + w->at[0] * (ptrdiff_t)width, row * width);
        sedge_walk_next(w);
    }
}

void sedge_transpose(const void *from, void *to, size_t rows, size_t cols, size_t width)
{
    struct sedge_walk w = {.rank = 2, .operands = 1, .extent = {cols, rows}, .step = {{1, (ptrdiff_t)cols}}};
    const char *a = from;
    float *b = to;

    if (rows == 1 || cols == 1) {
        memcpy(to, from, rows * cols * width);
    } else if (width == sizeof(float)) {
        for (size_t r = 0; r < rows; r++)
            for (size_t c = 0; c < cols; c++)
                memcpy(b + c * rows + r, a + (r * cols + c) * sizeof(float), sizeof(float));
    } else {
        copy_walk(&w, from, to, rows * cols, width);
    }
}

/* ---- kernels ---- */

static int permute(const struct sedge_call *c)
{
    const struct sedge_value *out = sedge_call_value(c, c->op->out);
    struct sedge_walk w = {.rank = c->op->axes, .operands = 1};

    for (int a = 0; a < w.rank; a++) {
        w.step[0][a] = 1;
        for (int b = c->op->perm[a] + 1; b < w.rank; b++)
            w.step[0][a] *= (ptrdiff_t)c->op->dims[b];
        w.extent[a] = c->op->dims[c->op->perm[a]];
    }
    copy_walk(&w, sedge_call_in(c, 0), sedge_call_out(c), out->count, sedge_onnx_width(out->dtype));
    return 0;
}

static int strided(const struct sedge_call *c)
{
    const struct sedge_value *out = sedge_call_value(c, c->op->out);
    struct sedge_walk w = {.operands = 1, .at = {c->op->start}};

    w.rank = sedge_value_memory(&out->shape, w.extent);
    memcpy(w.step[0], c->op->stride, sizeof(w.step[0]));
    copy_walk(&w, sedge_call_in(c, 0), sedge_call_out(c), out->count, sedge_onnx_width(out->dtype));
    return 0;
}

static int concat(const struct sedge_call *c)
{
    const struct sedge_op *op = c->op;
    size_t dims[SEDGE_DLR_RANK_MAX], outer = 1, row, width = sedge_onnx_width(sedge_call_value(c, op->out)->dtype);
    char *to = sedge_call_out(c);

    (void)sedge_value_memory(&sedge_call_value(c, op->out)->shape, dims);
    for (int i = 0; i < op->axes; i++)
        outer *= dims[i];
    row = sedge_value_bytes(sedge_call_value(c, op->out)) / outer;
    for (size_t k = 0; k < op->nin; k++) {
        size_t piece = sedge_call_value(c, op->in[k])->count / outer * width;
        const char *from = sedge_call_in(c, k);
        for (size_t i = 0; i < outer; i++)
            memcpy(to + i * row, from + i * piece, piece);
        to += piece;
    }
    return 0;
}

static sedge_kernel_fn *kernel_of(enum sedge_op_kind kind)
{
    static sedge_kernel_fn *const kernels[] = {
        [SEDGE_OP_PERMUTE] = permute,
        [SEDGE_OP_STRIDED] = strided,
        [SEDGE_OP_CONCAT] = concat,
        [SEDGE_OP_UNARY] = sedge_kernel_unary,
        [SEDGE_OP_BINARY] = sedge_kernel_binary,
        [SEDGE_OP_WHERE] = sedge_kernel_where,
        [SEDGE_OP_CAST] = sedge_kernel_cast,
        [SEDGE_OP_QUANTIZE] = sedge_kernel_quantize,
        [SEDGE_OP_DEQUANTIZE] = sedge_kernel_dequantize,
        [SEDGE_OP_RESIZE] = sedge_kernel_resize,
        [SEDGE_OP_EDGE] = sedge_kernel_edge,
        [SEDGE_OP_NMS] = sedge_kernel_nms,
        [SEDGE_OP_GATHER] = sedge_kernel_gather,
        [SEDGE_OP_ARG] = sedge_kernel_arg,
        [SEDGE_OP_TOPK] = sedge_kernel_topk,
        [SEDGE_OP_TAKE] = sedge_kernel_take,
        [SEDGE_OP_REDUCE] = sedge_kernel_reduce,
        [SEDGE_OP_MATMUL] = sedge_kernel_matmul,
    };

    return kind < SEDGE_ARRAY_LEN(kernels) ? kernels[kind] : NULL;
}

bool sedge_kernel_has(enum sedge_op_kind kind)
{
    return kernel_of(kind) != NULL;
}

int sedge_kernel_run(const struct sedge_graph *g, void *arena, const struct sedge_op *op, struct sedge_err *err)
{
    return kernel_of(op->kind)(&(struct sedge_call){g, arena, op, err});
}
