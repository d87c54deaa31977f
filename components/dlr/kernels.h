/*
 * kernels - operators that XNNPACK does not have, in plain C. Pure: constants are folded with them, too.
 */
#ifndef SEDGE_DLR_KERNELS_H
#define SEDGE_DLR_KERNELS_H

#include "graph.h"

/* Whether the kind is computed here. */
bool sedge_kernel_has(enum sedge_op_kind kind);
/* Computes one operator of such a kind. The arena (planned, plan.h) may be NULL when all its values are constants. -1:
 * the content of an input makes no sense (an index that is outside). */
int sedge_kernel_run(const struct sedge_graph *g, void *arena, const struct sedge_op *op, struct sedge_err *err);

/* A matrix of elements of `width` bytes, which need not be aligned, to its transposed. */
void sedge_transpose(const void *from, void *to, size_t rows, size_t cols, size_t width);

/* ---- shared by the kernels ---- */

enum { SEDGE_WALK_OPERANDS = 3 }; /* at most, of a walk */

/* A walk over all elements of the output, with the place in each operand. */
struct sedge_walk {
    int rank;
    size_t extent[SEDGE_DLR_RANK_MAX], i[SEDGE_DLR_RANK_MAX];
    size_t operands;
    ptrdiff_t step[SEDGE_WALK_OPERANDS][SEDGE_DLR_RANK_MAX], at[SEDGE_WALK_OPERANDS];
};

/* One operator as a kernel sees it. */
struct sedge_call {
    const struct sedge_graph *g;
    void *arena;
    const struct sedge_op *op;
    struct sedge_err *err;
};

static inline void *sedge_call_in(const struct sedge_call *c, size_t i)
{
    return sedge_value_at(c->g, c->arena, c->op->in[i]);
}

static inline void *sedge_call_out(const struct sedge_call *c)
{
    return sedge_value_at(c->g, c->arena, c->op->out);
}

static inline const struct sedge_value *sedge_call_value(const struct sedge_call *c, int value)
{
    return &c->g->values[value];
}

/* The output with the inputs of the operator broadcast to it. */
struct sedge_walk sedge_walk_broadcast(const struct sedge_call *c);

static inline void sedge_walk_next(struct sedge_walk *w)
{
    for (int a = w->rank - 1; a >= 0; a--) {
        for (size_t k = 0; k < w->operands; k++)
            w->at[k] += w->step[k][a];
        if (++w->i[a] < w->extent[a]) return;
        for (size_t k = 0; k < w->operands; k++)
            w->at[k] -= w->step[k][a] * (ptrdiff_t)w->extent[a];
        w->i[a] = 0;
    }
}

/* An integer element of any type but float32. Storing cuts off what does not fit. */
int64_t sedge_load_int(const void *p, size_t i, int64_t dtype);
void sedge_store_int(void *p, size_t i, int64_t dtype, int64_t v);

typedef int sedge_kernel_fn(const struct sedge_call *c);

sedge_kernel_fn sedge_kernel_unary, sedge_kernel_binary, sedge_kernel_where, sedge_kernel_cast;
sedge_kernel_fn sedge_kernel_quantize, sedge_kernel_dequantize;
sedge_kernel_fn sedge_kernel_resize, sedge_kernel_edge, sedge_kernel_nms;
sedge_kernel_fn sedge_kernel_gather, sedge_kernel_arg, sedge_kernel_topk, sedge_kernel_take, sedge_kernel_reduce,
    sedge_kernel_matmul;

#endif
