/*
 * onnx - decodes an ONNX file into plain structs: nodes, weights, inputs, outputs. Knows the file format, not what the
 * operators mean.
 *
 *   struct sedge_onnx m;
 *   if (sedge_onnx_decode(&m, data, n, err)) ...
 *   sedge_onnx_release(&m);
 *
 * Names and tensor data are slices of `data`, which has to outlive the struct. Nothing is checked beyond the format:
 * every length, count, name and tensor size is in its limit (limits.h), tensors have exactly the bytes that their shape
 * asks for.
 */
#ifndef SEDGE_DLR_ONNX_H
#define SEDGE_DLR_ONNX_H

#include "limits.h"
#include "wire.h"

enum sedge_onnx_dtype {
    SEDGE_ONNX_FLOAT = 1,
    SEDGE_ONNX_UINT8 = 2,
    SEDGE_ONNX_INT8 = 3,
    SEDGE_ONNX_INT32 = 6,
    SEDGE_ONNX_INT64 = 7,
    SEDGE_ONNX_BOOL = 9
};

struct sedge_shape {
    int rank;
    int64_t dims[SEDGE_DLR_RANK_MAX];
};

struct sedge_onnx_tensor {
    struct sedge_slice name;
    int64_t dtype;
    struct sedge_shape shape;
    size_t count;
    struct sedge_slice data; /* little-endian, row-major, not aligned */
    void *owned;             /* memory behind `data` when the file has it in another form */
};

struct sedge_onnx_attr {
    struct sedge_slice name;
    int64_t i;
    float f;
    struct sedge_slice s;
    struct sedge_onnx_tensor *t;
    int64_t *ints;
    size_t nints;
    float *floats;
    size_t nfloats;
    bool has_graph;
};

struct sedge_onnx_node {
    struct sedge_slice name, op, domain;
    struct sedge_slice *in, *out; /* an empty name is an input or output left out */
    size_t nin, nout;
    struct sedge_onnx_attr *attrs;
    size_t nattrs;
};

struct sedge_onnx_io {
    struct sedge_slice name;
    int64_t dtype;
    struct sedge_shape shape; /* -1: known only by a name, or not at all */
    bool has_shape;
};

struct sedge_onnx {
    int64_t opset; /* of the standard operators; 0 when the file does not say */
    struct sedge_onnx_node *nodes;
    struct sedge_onnx_tensor *tensors; /* initializers */
    struct sedge_onnx_io *in, *out;    /* `in` still holds initializers where old files list them */
    size_t nnodes, ntensors, nin, nout;
};

int sedge_onnx_decode(struct sedge_onnx *m, const void *data, size_t n, struct sedge_err *err);
void sedge_onnx_release(struct sedge_onnx *m);

/* Product of the extents; -1 with LIMIT when an extent or the product is out of its limit. */
int sedge_shape_count(const struct sedge_shape *s, size_t *count, struct sedge_err *err);
const char *sedge_onnx_dtype_name(int64_t dtype);
/* Bytes of an element; 0 for a type that is not computed: such a tensor is kept by its shape only. */
size_t sedge_onnx_width(int64_t dtype);

#endif
