/*
 * importer - what the parts of the importer share: the table of names, the node at hand, and how operators are added.
 */
#ifndef SEDGE_DLR_IMPORTER_H
#define SEDGE_DLR_IMPORTER_H

#include "import.h"

enum sedge_sym_kind { SEDGE_SYM_FREE = 0, SEDGE_SYM_PENDING, SEDGE_SYM_VALUE, SEDGE_SYM_CONST };

struct sedge_sym {
    struct sedge_slice name;
    enum sedge_sym_kind kind;
    int value;
    const struct sedge_onnx_tensor *tensor;
    int uses; /* by nodes and as outputs */
};

struct sedge_importer {
    const struct sedge_onnx *m;
    struct sedge_graph *g;
    struct sedge_folded *folded;
    struct sedge_sym *table; /* open addressing; size is a power of two */
    size_t table_size;
    int *producer;        /* for each value: the operator that an activation may be folded into, or -1 */
    int *uses;            /* for each value */
    uint64_t fixed_bytes; /* of all constants laid out or computed so far */
    const struct sedge_onnx_node *node;
    struct sedge_err *err;
};

typedef int sedge_import_fn(struct sedge_importer *p);

/* Each -1 with "operator X (node "n", opset 13): <text>". */
int sedge_imp_fail(struct sedge_importer *p, enum sedge_err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int sedge_imp_wrap(struct sedge_importer *p);

/* The place of a name in the table: its own, or the free one where it belongs. */
struct sedge_sym *sedge_imp_find(const struct sedge_importer *p, struct sedge_slice name);

/* Attributes of the node at hand. */
const struct sedge_onnx_attr *sedge_imp_attr(const struct sedge_importer *p, const char *name);
int64_t sedge_imp_int(const struct sedge_importer *p, const char *name, int64_t def);
float sedge_imp_float(const struct sedge_importer *p, const char *name, float def);

/* Input i of the node at hand. NULL when it is left out. */
struct sedge_sym *sedge_imp_in(const struct sedge_importer *p, size_t i);
bool sedge_imp_has(const struct sedge_importer *p, size_t i);
/* As something computed of float32 (a constant becomes a fixed value). -1: left out, or of another type. */
int sedge_imp_value(struct sedge_importer *p, size_t i, int *value);
/* The same of any type that is computed. */
int sedge_imp_any(struct sedge_importer *p, size_t i, int *value);
/* All inputs, of one type; `values` has room for them. */
int sedge_imp_all(struct sedge_importer *p, int *values, size_t n);
/* As a constant; NULL (and the message) when it is computed or left out. */
const struct sedge_onnx_tensor *sedge_imp_const(struct sedge_importer *p, size_t i, const char *what);
/* A float32 constant of `count` elements. */
const struct sedge_onnx_tensor *sedge_imp_floats(struct sedge_importer *p, size_t i, const char *what, size_t count);
/* The integers of a constant: at most `max`. Returns how many, or -1. */
int sedge_imp_ints(struct sedge_importer *p, const struct sedge_onnx_tensor *t, int64_t *out, int max);
/* The first element of a float32 constant. */
int sedge_imp_scalar(struct sedge_importer *p, const struct sedge_onnx_tensor *t, float *out);
/* The constant as a fixed value of that shape. */
int sedge_imp_fix(struct sedge_importer *p, const struct sedge_onnx_tensor *t, const struct sedge_shape *shape,
                  int *value);

/* New things. Shapes are checked against the limits. */
int sedge_imp_new_value(struct sedge_importer *p, const struct sedge_shape *shape, int *value);
struct sedge_op *sedge_imp_new_op(struct sedge_importer *p, enum sedge_op_kind kind, size_t nin);
struct sedge_onnx_tensor *sedge_imp_new_const(struct sedge_importer *p, int64_t dtype, const struct sedge_shape *shape);
/* An operator with a result of its own: makes the value, sets out, and binds output 0 of the node to it. */
int sedge_imp_finish(struct sedge_importer *p, struct sedge_op *op, const struct sedge_shape *shape);
/* The same with a result of any type; when all inputs are constants it is computed at once (kernels.h). */
int sedge_imp_finish_as(struct sedge_importer *p, struct sedge_op *op, int64_t dtype, const struct sedge_shape *shape);
/* An operator in between: makes the value and sets out, binds nothing. */
int sedge_imp_between(struct sedge_importer *p, struct sedge_op *op, int64_t dtype, const struct sedge_shape *shape,
                      int *value);

/* Bind output 0 of the node at hand, or output i. */
void sedge_imp_bind_value(struct sedge_importer *p, int value);
void sedge_imp_bind_output(struct sedge_importer *p, size_t i, int value);
void sedge_imp_bind_const(struct sedge_importer *p, const struct sedge_onnx_tensor *t);
/* The output is the input: Identity and what amounts to it. */
int sedge_imp_pass(struct sedge_importer *p);
/* The operator that makes `value` when nothing else reads it and it can still be changed, otherwise NULL. */
struct sedge_op *sedge_imp_sole_producer(struct sedge_importer *p, int value);

/* Moves data so that output axis i (in memory) is input axis perm[i]; an alias when nothing moves. */
int sedge_imp_permute(struct sedge_importer *p, int from, const size_t *dims, int rank, const int *perm,
                      const struct sedge_shape *shape, int *to);

/* The same elements in their logical order under another shape. */
int sedge_imp_reshaped(struct sedge_importer *p, int value, const struct sedge_shape *shape, int *to);
/* Makes shapes of one rank by ones in front, and finds what they broadcast to. */
int sedge_imp_broadcast(struct sedge_importer *p, int *values, size_t n, struct sedge_shape *y);
/* A list from the constant input i, or from the attribute `name` (NULL: only the input); at most RANK_MAX numbers.
 * Returns how many, 0 when it is left out. */
int sedge_imp_list(struct sedge_importer *p, size_t i, const char *name, int64_t *out);
/* An axis that counts from the end when negative. */
int sedge_imp_axis(struct sedge_importer *p, int64_t axis, int rank, int *out);
/* The place in memory of a logical axis. */
int sedge_imp_place(int rank, int axis);

/* The value in logical order, as a list when its rank is 4. */
int sedge_imp_plain(struct sedge_importer *p, int *value);
/* Like finish_as, for a kernel that writes in logical order. */
int sedge_imp_finish_plain(struct sedge_importer *p, struct sedge_op *op, int64_t dtype, const struct sedge_shape *y);
/* The value times a number. */
int sedge_imp_scaled(struct sedge_importer *p, int value, float factor, int *out);
/* Binds output 0 to a list of n integers of rank 0 or 1. */
int sedge_imp_bind_ints(struct sedge_importer *p, const int64_t *v, int n, int rank);
/* Axes from the attribute or the constant input 1, as a bit set below `rank`. Returns how many. */
int sedge_imp_axes(struct sedge_importer *p, int rank, unsigned *set);

sedge_import_fn sedge_imp_conv_transpose, sedge_imp_resize, sedge_imp_depth_to_space, sedge_imp_space_to_depth,
    sedge_imp_tile, sedge_imp_nms;
sedge_import_fn sedge_imp_quantize, sedge_imp_dequantize;
sedge_import_fn sedge_imp_slice, sedge_imp_split, sedge_imp_arg, sedge_imp_topk, sedge_imp_reduce;
sedge_import_fn sedge_imp_conv, sedge_imp_gemm, sedge_imp_matmul, sedge_imp_pool, sedge_imp_global_pool, sedge_imp_norm;
sedge_import_fn sedge_imp_func, sedge_imp_variadic, sedge_imp_leaky_relu, sedge_imp_cast, sedge_imp_where,
    sedge_imp_expand;
sedge_import_fn sedge_imp_relu, sedge_imp_clip, sedge_imp_binary, sedge_imp_unary, sedge_imp_softmax, sedge_imp_dropout;
sedge_import_fn sedge_imp_constant, sedge_imp_reshape, sedge_imp_flatten, sedge_imp_squeeze, sedge_imp_transpose,
    sedge_imp_concat, sedge_imp_pad, sedge_imp_shape, sedge_imp_gather;

#endif
