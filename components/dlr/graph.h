/*
 * graph - a network ready to be computed: operators in order, each with fixed shapes, over values.
 *
 * Made by the importer (import.h), laid out in memory by plan.h, computed by xnn.h. Knows neither file format nor
 * kernels.
 *
 * Layout: a value of rank 4 has the logical shape N,C,H,W and lies in memory as N,H,W,C. Every other rank lies as its
 * shape says. An alias is a value that shares the memory of its root (a reshape that moves nothing).
 */
#ifndef SEDGE_DLR_GRAPH_H
#define SEDGE_DLR_GRAPH_H

#include <stddef.h>

#include "onnx.h"

/* The operators of kernels.h, on any element type where nothing else is said. */
#define SEDGE_KERNEL_OPS(X)                                                                                            \
    X(PERMUTE)                                                                                                         \
    X(CONCAT)                                                                                                          \
    X(STRIDED) /* output element (i, k, ...) is element start + i*stride[0] + k*stride[1] ... */                       \
    X(UNARY)   /* func of each element */                                                                              \
    X(BINARY)  /* func of two that broadcast */                                                                        \
    X(WHERE)   /* in[0] ? in[1] : in[2], broadcast */                                                                  \
    X(CAST)                                                                                                            \
    X(GATHER)     /* rows of `ic` pieces of `cols` elements: in[1] says which */                                       \
    X(ARG)        /* int64: where along `axes` the largest float32 is */                                               \
    X(TOPK)       /* int64: where the largest float32 are, first the largest */                                        \
    X(TAKE)       /* the float32 elements that TOPK named */                                                           \
    X(REDUCE)     /* func of float32 along the axes that have an extent of 1 in the output */                          \
    X(RESIZE)     /* float32 */                                                                                        \
    X(EDGE)       /* func of what is outside; stride[]: how much is in front */                                        \
    X(QUANTIZE)   /* float32, scale, zero point if there is one: to 8 bits */                                          \
    X(DEQUANTIZE) /* 8 bits or int32, scale, zero point if there is one */                                             \
    X(NMS)        /* boxes, scores; rows: classes, cols: most boxes of one, alpha: overlap, beta: score */             \
    X(MATMUL)     /* alpha * [rows][ic] * [ic][cols] for each place of dims[]; pre[], post[]: steps of in[0], in[1] */

enum sedge_op_kind {
    SEDGE_OP_CONV, /* also depthwise and batch normalisation that stands alone */
    SEDGE_OP_FC,   /* rows * weights + bias */
    SEDGE_OP_ADD,  /* the four of two operands broadcast */
    SEDGE_OP_SUB,
    SEDGE_OP_MUL,
    SEDGE_OP_DIV,
    SEDGE_OP_CLAMP,
    SEDGE_OP_SIGMOID,
    SEDGE_OP_HARDSWISH,
    SEDGE_OP_MAXPOOL,
    SEDGE_OP_AVGPOOL, /* padding does not count */
    SEDGE_OP_MEAN,    /* over all pixels */
    SEDGE_OP_SOFTMAX, /* over `cols`, for each of `rows` */
    SEDGE_OP_PAD,
    SEDGE_OP_MAX,
    SEDGE_OP_MIN,
    SEDGE_OP_LEAKYRELU,
    SEDGE_OP_DECONV, /* weights [groups*ic][oc][kh][kw]; pre[]: rows and columns more at the end */
#define X(name) SEDGE_OP_##name,
    SEDGE_KERNEL_OPS(X)
#undef X
};

/* Functions of UNARY (float32; NOT is of bool). */
enum sedge_unary {
    SEDGE_U_ABS,
    SEDGE_U_ACOS,
    SEDGE_U_ASIN,
    SEDGE_U_ATAN,
    SEDGE_U_CEIL,
    SEDGE_U_CELU,
    SEDGE_U_COS,
    SEDGE_U_ELU,
    SEDGE_U_ERF,
    SEDGE_U_EXP,
    SEDGE_U_FLOOR,
    SEDGE_U_HARDSIGMOID,
    SEDGE_U_LOG,
    SEDGE_U_NEG,
    SEDGE_U_NOT,
    SEDGE_U_RECIPROCAL,
    SEDGE_U_ROUND,
    SEDGE_U_SELU,
    SEDGE_U_SIGN,
    SEDGE_U_SIN,
    SEDGE_U_SOFTPLUS,
    SEDGE_U_SOFTSIGN,
    SEDGE_U_SQRT,
    SEDGE_U_TAN,
    SEDGE_U_TANH,
    SEDGE_U_THRESHOLDED
};

/* Functions of BINARY. From EQUAL on the result is bool. */
enum sedge_binary {
    SEDGE_B_ADD,
    SEDGE_B_SUB,
    SEDGE_B_MUL,
    SEDGE_B_DIV, /* of integers: towards zero; by zero gives 0 */
    SEDGE_B_MAX,
    SEDGE_B_MIN,
    SEDGE_B_POW,   /* float32 */
    SEDGE_B_PRELU, /* float32: a < 0 ? a*b : a */
    SEDGE_B_EQUAL,
    SEDGE_B_LESS,
    SEDGE_B_LESS_EQUAL,
    SEDGE_B_GREATER,
    SEDGE_B_GREATER_EQUAL,
    SEDGE_B_AND, /* the three of bool */
    SEDGE_B_OR,
    SEDGE_B_XOR
};

enum sedge_reduce {
    SEDGE_R_SUM,
    SEDGE_R_MEAN,
    SEDGE_R_MAX,
    SEDGE_R_MIN,
    SEDGE_R_PROD,
    SEDGE_R_L1,
    SEDGE_R_L2,
    SEDGE_R_SUMSQUARE,
    SEDGE_R_LOGSUM,
    SEDGE_R_LOGSUMEXP
};

enum sedge_resize_mode { SEDGE_RESIZE_NEAREST, SEDGE_RESIZE_LINEAR, SEDGE_RESIZE_CUBIC };
enum sedge_coords { SEDGE_COORD_HALF, SEDGE_COORD_HALF_OR_0, SEDGE_COORD_CORNERS, SEDGE_COORD_PLAIN };
enum sedge_rounding { SEDGE_ROUND_HALF_DOWN, SEDGE_ROUND_HALF_UP, SEDGE_ROUND_DOWN, SEDGE_ROUND_UP };

/* Where the elements of a RESIZE come from: ONNX' coordinate_transformation_mode and nearest_mode. */
struct sedge_resize {
    enum sedge_coords coords;
    enum sedge_rounding rounding;
    bool exclude;                     /* CUBIC: what is outside has no share */
    float factor[SEDGE_DLR_RANK_MAX]; /* of each axis in memory */
};

enum sedge_pad_mode { SEDGE_PAD_CONSTANT, SEDGE_PAD_EDGE, SEDGE_PAD_REFLECT, SEDGE_PAD_WRAP };

struct sedge_value {
    struct sedge_shape shape;
    int64_t dtype; /* enum sedge_onnx_dtype */
    size_t count;
    int root;        /* itself, or the value whose memory it shares */
    void *fixed;     /* owned content of a constant; NULL for what is computed */
    size_t *rows;    /* owned: how much of the first extent is in use after a run; NULL: all of it */
    int first, last; /* operators between which a root is needed (plan.h) */
    size_t offset;   /* of a root in the arena, in bytes (plan.h) */
};

struct sedge_window {
    uint32_t kh, kw, sh, sw, dh, dw;
    uint32_t top, left, bottom, right;
};

struct sedge_op {
    enum sedge_op_kind kind;
    int *in; /* values; `nin` of them */
    size_t nin;
    int out;
    float min, max; /* activation, applied to the result where the kind has one */
    struct sedge_window win;
    uint32_t groups;
    size_t ic, oc; /* CONV: of one group; FC: of the matrix */
    /* CONV: [groups*oc][ic][kh][kw]; FC: [oc][ic], or [ic][oc] when `transposed`. Borrowed from the decoded file until
     * the kernels are made; NULL weights of a CONV mean all ones (a batch normalisation). */
    const struct sedge_onnx_tensor *weights, *bias;
    float *scale, *shift; /* owned, one for each output channel: y*scale + shift, folded into weights and bias */
    bool transposed;
    bool smallest, last; /* ARG, TOPK: the smallest; of equal ones the last */
    unsigned func;       /* of the enum of the kind */
    float alpha, beta;   /* FC: factors of weights and bias; UNARY, LEAKYRELU: parameters */
    size_t rows, cols;
    int axes; /* PERMUTE, PAD, MATMUL: rank of dims[], how it is in memory; CONCAT, ARG, TOPK, TAKE: the axis in memory
               */
    size_t dims[SEDGE_DLR_RANK_MAX], pre[SEDGE_DLR_RANK_MAX], post[SEDGE_DLR_RANK_MAX];
    int perm[SEDGE_DLR_RANK_MAX]; /* output axis i is input axis perm[i] */
    float fill;                   /* PAD, EDGE */
    int64_t fill_bytes;           /* EDGE of another type: as it is in memory */
    struct sedge_resize resize;
    ptrdiff_t start, stride[SEDGE_DLR_RANK_MAX]; /* STRIDED */
    struct sedge_slice node;                     /* for messages; borrowed like the weights */
};

struct sedge_graph {
    struct sedge_value *values;
    struct sedge_op *ops;
    int *in, *out; /* values, in the order of the model */
    size_t nvalues, nops, nin, nout;
    size_t arena_size; /* bytes, set by plan.h */
};

void sedge_graph_release(struct sedge_graph *g);

/* Where a value is: its own constant content, or its place in the arena. NULL arena: only constants have a place. */
void *sedge_value_at(const struct sedge_graph *g, void *arena, int value);
/* Bytes of the elements of a value. */
size_t sedge_value_bytes(const struct sedge_value *v);

/* How a value lies in memory: extents, outermost first. Returns how many. */
int sedge_value_memory(const struct sedge_shape *s, size_t dims[SEDGE_DLR_RANK_MAX]);
/* The logical axis that is at place i in memory. */
int sedge_memory_axis(int rank, int i);

#endif
