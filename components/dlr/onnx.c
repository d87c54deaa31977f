#include "onnx.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Field numbers of onnx.proto. */
enum {
    MODEL_GRAPH = 7,
    MODEL_OPSET = 8,
    MODEL_FUNCTIONS = 25,
    OPSET_DOMAIN = 1,
    OPSET_VERSION = 2,
    GRAPH_NODE = 1,
    GRAPH_INIT = 5,
    GRAPH_IN = 11,
    GRAPH_OUT = 12,
    GRAPH_SPARSE = 15,
    NODE_IN = 1,
    NODE_OUT = 2,
    NODE_NAME = 3,
    NODE_OP = 4,
    NODE_ATTR = 5,
    NODE_DOMAIN = 7,
    ATTR_NAME = 1,
    ATTR_F = 2,
    ATTR_I = 3,
    ATTR_S = 4,
    ATTR_T = 5,
    ATTR_G = 6,
    ATTR_FLOATS = 7,
    ATTR_INTS = 8,
    ATTR_GRAPHS = 11,
    TENSOR_DIMS = 1,
    TENSOR_TYPE = 2,
    TENSOR_FLOATS = 4,
    TENSOR_INT32 = 5,
    TENSOR_INT64 = 7,
    TENSOR_NAME = 8,
    TENSOR_RAW = 9,
    TENSOR_EXTERNAL = 13,
    TENSOR_LOCATION = 14,
    VALUE_NAME = 1,
    VALUE_TYPE = 2,
    TYPE_TENSOR = 1,
    TENSORTYPE_ELEM = 1,
    TENSORTYPE_SHAPE = 2,
    SHAPE_DIM = 1,
    DIM_VALUE = 1
};

/* An array that grows by doubling up to a limit; sizes stay far below overflow because the limits are small. */
static int grow(void **array, size_t *n, size_t size, size_t limit, const char *what, struct sedge_err *err)
{
    if (*n >= limit) return sedge_err_set(err, SEDGE_E_LIMIT, "more than %zu %s", limit, what);
    if ((*n & (*n - 1)) == 0) *array = sedge_xrealloc(*array, *n ? *n * 2 : 1, size);
    memset((char *)*array + *n * size, 0, size);
    (*n)++;
    return 0;
}
#define GROW(array, n, limit, what, err)                                                                               \
    (grow((void **)&(array), &(n), sizeof(*(array)), limit, what, err) ? NULL : &(array)[(n)-1])

static int name_of(const struct sedge_pb_field *f, struct sedge_slice *out, struct sedge_err *err)
{
    if (f->type != SEDGE_PB_BYTES) return sedge_err_set(err, SEDGE_E_INVALID, "a number where a name was expected");
    if (f->bytes.n > SEDGE_DLR_NAME_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "a name of %zu bytes, at most %d are allowed", f->bytes.n,
                             SEDGE_DLR_NAME_MAX);
    if (f->bytes.n && memchr(f->bytes.p, 0, f->bytes.n))
        return sedge_err_set(err, SEDGE_E_INVALID, "a name with a zero byte in it");
    *out = f->bytes;
    return 0;
}

static int sub_of(const struct sedge_pb_field *f, struct sedge_pb *out, struct sedge_err *err)
{
    if (f->type != SEDGE_PB_BYTES)
        return sedge_err_set(err, SEDGE_E_INVALID, "field %u: a number where a message was expected", f->number);
    *out = sedge_pb_of(f->bytes);
    return 0;
}

/* One element, or a packed run of them, appended to a list of integers. */
static int ints_of(const struct sedge_pb_field *f, int64_t **list, size_t *n, size_t limit, struct sedge_err *err)
{
    struct sedge_pb r = sedge_pb_of(f->bytes);
    uint64_t v = f->value;
    int64_t *slot;

    if (f->type != SEDGE_PB_BYTES) {
        slot = GROW(*list, *n, limit, "numbers in a list", err);
        if (!slot) return -1;
        *slot = (int64_t)v;
        return 0;
    }
    while (r.p != r.end) {
        if (sedge_pb_varint(&r, &v, err)) return -1;
        slot = GROW(*list, *n, limit, "numbers in a list", err);
        if (!slot) return -1;
        *slot = (int64_t)v;
    }
    return 0;
}

static float float_at(const uint8_t *p)
{
    float v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static int floats_of(const struct sedge_pb_field *f, float **list, size_t *n, size_t limit, struct sedge_err *err)
{
    if (f->type == SEDGE_PB_VARINT || f->bytes.n % sizeof(float))
        return sedge_err_set(err, SEDGE_E_INVALID, "a list of numbers has a broken length");
    for (size_t i = 0; i < f->bytes.n; i += sizeof(float)) {
        float *slot = GROW(*list, *n, limit, "numbers in a list", err);
        if (!slot) return -1;
        *slot = float_at(f->bytes.p + i);
    }
    return 0;
}

int sedge_shape_count(const struct sedge_shape *s, size_t *count, struct sedge_err *err)
{
    int64_t n = 1;

    for (int i = 0; i < s->rank; i++) {
        int64_t d = s->dims[i];
        if (d < 0 || d > SEDGE_DLR_EXTENT_MAX)
            return sedge_err_set(err, SEDGE_E_LIMIT, "extent %lld of dimension %d is outside 0..%lld", (long long)d, i,
                                 (long long)SEDGE_DLR_EXTENT_MAX);
        n *= d; /* at most 2^27 * 2^24 */
        if (n > SEDGE_DLR_ELEMENTS_MAX)
            return sedge_err_set(err, SEDGE_E_LIMIT, "more than %lld elements", (long long)SEDGE_DLR_ELEMENTS_MAX);
    }
    *count = (size_t)n;
    return 0;
}

const char *sedge_onnx_dtype_name(int64_t dtype)
{
    static const char *const names[] = {"undefined", "float32", "uint8",     "int8",       "uint16",  "int16",
                                        "int32",     "int64",   "string",    "bool",       "float16", "float64",
                                        "uint32",    "uint64",  "complex64", "complex128", "bfloat16"};
    return dtype >= 0 && (size_t)dtype < SEDGE_ARRAY_LEN(names) ? names[dtype] : "unknown";
}

size_t sedge_onnx_width(int64_t dtype)
{
    switch (dtype) {
    case SEDGE_ONNX_FLOAT:
    case SEDGE_ONNX_INT32:
        return 4;
    case SEDGE_ONNX_INT64:
        return 8;
    case SEDGE_ONNX_BOOL:
    case SEDGE_ONNX_UINT8:
    case SEDGE_ONNX_INT8:
        return 1;
    default:
        return 0; /* whoever needs the content refuses it by name */
    }
}

/* What the typed fields of a tensor hold, before it is known which of them counts. */
struct tensor_parts {
    struct sedge_slice raw, packed;
    bool has_raw;
    size_t nchunks;
    float *floats;
    int64_t *ints;
    size_t nfloats, nints;
};

static int tensor_field(struct sedge_onnx_tensor *t, struct tensor_parts *parts, const struct sedge_pb_field *f,
                        int64_t **dims, size_t *ndims, struct sedge_err *err)
{
    switch (f->number) {
    case TENSOR_DIMS:
        return ints_of(f, dims, ndims, SEDGE_DLR_RANK_MAX, err);
    case TENSOR_TYPE:
        t->dtype = (int64_t)f->value;
        return 0;
    case TENSOR_NAME:
        return name_of(f, &t->name, err);
    case TENSOR_RAW:
        parts->has_raw = true;
        parts->raw = f->bytes;
        return 0;
    case TENSOR_FLOATS:
        if (parts->nchunks++ == 0 && f->type == SEDGE_PB_BYTES) {
            parts->packed = f->bytes; /* the usual case: one packed run, used in place */
            return 0;
        }
        return sedge_err_set(err, SEDGE_E_UNSUPPORTED, "float_data in more than one piece");
    case TENSOR_INT32:
    case TENSOR_INT64:
        return ints_of(f, &parts->ints, &parts->nints, SEDGE_DLR_INTS_MAX, err);
    case TENSOR_EXTERNAL:
        return sedge_err_set(err, SEDGE_E_UNSUPPORTED,
                             "weights in a separate file are not supported: save the model as one file");
    case TENSOR_LOCATION:
        if (f->value == 0) return 0;
        return sedge_err_set(err, SEDGE_E_UNSUPPORTED,
                             "weights in a separate file are not supported: save the model as one file");
    default:
        return 0;
    }
}

/* Integers were written as varints: lay them out as raw bytes of the tensor's type. */
static void own_ints(struct sedge_onnx_tensor *t, const int64_t *ints, size_t n, size_t width)
{
    uint8_t *raw = sedge_xcalloc(n, width);

    for (size_t i = 0; i < n; i++)
        for (size_t b = 0; b < width; b++)
            raw[i * width + b] = (uint8_t)((uint64_t)ints[i] >> (8 * b));
    t->owned = raw;
    t->data = (struct sedge_slice){raw, n * width};
}

static int tensor_finish(struct sedge_onnx_tensor *t, const struct tensor_parts *parts, struct sedge_err *err)
{
    size_t width = sedge_onnx_width(t->dtype);

    if (sedge_shape_count(&t->shape, &t->count, err)) return -1;
    if (width == 0) return 0;
    if (parts->has_raw)
        t->data = parts->raw;
    else if (t->dtype == SEDGE_ONNX_FLOAT)
        t->data = parts->packed;
    else if (parts->nints)
        own_ints(t, parts->ints, parts->nints, width);
    if (t->data.n != t->count * width)
        return sedge_err_set(err, SEDGE_E_INVALID, "%zu bytes where its shape asks for %zu", t->data.n,
                             t->count * width);
    return 0;
}

static int tensor_decode(struct sedge_onnx_tensor *t, struct sedge_pb r, struct sedge_err *err)
{
    struct tensor_parts parts = {0};
    struct sedge_pb_field f;
    int64_t *dims = NULL;
    size_t ndims = 0;
    int rc;

    while ((rc = sedge_pb_next(&r, &f, err)) == 1)
        if (tensor_field(t, &parts, &f, &dims, &ndims, err)) {
            rc = -1;
            break;
        }
    t->shape.rank = (int)ndims;
    if (ndims) memcpy(t->shape.dims, dims, ndims * sizeof(*dims));
    if (rc == 0) rc = tensor_finish(t, &parts, err);
    if (rc) (void)sedge_err_wrap(err, "tensor \"%.*s\"", (int)t->name.n, (const char *)t->name.p);
    free(dims);
    free(parts.ints);
    return rc;
}

static int attr_decode(struct sedge_onnx_attr *a, struct sedge_pb r, struct sedge_err *err)
{
    struct sedge_pb_field f;
    struct sedge_pb sub;
    int rc;

    while ((rc = sedge_pb_next(&r, &f, err)) == 1) {
        switch (f.number) {
        case ATTR_NAME:
            rc = name_of(&f, &a->name, err);
            break;
        case ATTR_F:
            if (f.type == SEDGE_PB_FIXED32) a->f = float_at(f.bytes.p);
            rc = 0;
            break;
        case ATTR_I:
            a->i = (int64_t)f.value;
            rc = 0;
            break;
        case ATTR_S:
            a->s = f.bytes;
            rc = 0;
            break;
        case ATTR_FLOATS:
            rc = floats_of(&f, &a->floats, &a->nfloats, SEDGE_DLR_INTS_MAX, err);
            break;
        case ATTR_INTS:
            rc = ints_of(&f, &a->ints, &a->nints, SEDGE_DLR_INTS_MAX, err);
            break;
        case ATTR_G:
        case ATTR_GRAPHS:
            a->has_graph = true;
            rc = 0;
            break;
        case ATTR_T:
            if (a->t) return sedge_err_set(err, SEDGE_E_INVALID, "an attribute with two tensors");
            a->t = SEDGE_NEW(struct sedge_onnx_tensor);
            rc = sub_of(&f, &sub, err) || tensor_decode(a->t, sub, err) ? -1 : 0;
            break;
        default:
            rc = 0;
            break;
        }
        if (rc) return -1;
    }
    return rc;
}

static int link_add(const struct sedge_pb_field *f, struct sedge_slice **list, size_t *n, struct sedge_err *err)
{
    struct sedge_slice *slot = GROW(*list, *n, SEDGE_DLR_LINKS_MAX, "inputs or outputs of a node", err);
    return slot ? name_of(f, slot, err) : -1;
}

static int node_decode(struct sedge_onnx_node *node, struct sedge_pb r, struct sedge_err *err)
{
    struct sedge_onnx_attr *attr;
    struct sedge_pb_field f;
    struct sedge_pb sub;
    int rc;

    while ((rc = sedge_pb_next(&r, &f, err)) == 1) {
        switch (f.number) {
        case NODE_IN:
            rc = link_add(&f, &node->in, &node->nin, err);
            break;
        case NODE_OUT:
            rc = link_add(&f, &node->out, &node->nout, err);
            break;
        case NODE_NAME:
            rc = name_of(&f, &node->name, err);
            break;
        case NODE_OP:
            rc = name_of(&f, &node->op, err);
            break;
        case NODE_DOMAIN:
            rc = name_of(&f, &node->domain, err);
            break;
        case NODE_ATTR:
            attr = GROW(node->attrs, node->nattrs, SEDGE_DLR_ATTRS_MAX, "attributes of a node", err);
            rc = !attr || sub_of(&f, &sub, err) || attr_decode(attr, sub, err) ? -1 : 0;
            break;
        default:
            rc = 0;
            break;
        }
        if (rc) return -1;
    }
    return rc;
}

static int dim_decode(struct sedge_shape *s, struct sedge_pb r, struct sedge_err *err)
{
    struct sedge_pb_field f;
    int rc;

    if (s->rank == SEDGE_DLR_RANK_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "more than %d dimensions", SEDGE_DLR_RANK_MAX);
    s->dims[s->rank] = -1;
    while ((rc = sedge_pb_next(&r, &f, err)) == 1)
        if (f.number == DIM_VALUE && f.type == SEDGE_PB_VARINT) s->dims[s->rank] = (int64_t)f.value;
    s->rank++;
    return rc;
}

static int type_decode(struct sedge_onnx_io *io, struct sedge_pb r, struct sedge_err *err)
{
    struct sedge_pb_field f;
    struct sedge_pb sub;
    int rc;

    while ((rc = sedge_pb_next(&r, &f, err)) == 1) {
        if (f.number == TENSORTYPE_ELEM) io->dtype = (int64_t)f.value;
        if (f.number != TENSORTYPE_SHAPE) continue;
        if (io->has_shape) return sedge_err_set(err, SEDGE_E_INVALID, "two shapes");
        io->has_shape = true;
        if (sub_of(&f, &sub, err)) return -1;
        while ((rc = sedge_pb_next(&sub, &f, err)) == 1) {
            struct sedge_pb dim;
            if (f.number == SHAPE_DIM && (sub_of(&f, &dim, err) || dim_decode(&io->shape, dim, err))) return -1;
        }
        if (rc) return -1;
    }
    return rc;
}

static int io_decode(struct sedge_onnx_io *io, struct sedge_pb r, struct sedge_err *err)
{
    struct sedge_pb_field f;
    struct sedge_pb sub;
    int rc;

    while ((rc = sedge_pb_next(&r, &f, err)) == 1) {
        if (f.number == VALUE_NAME && name_of(&f, &io->name, err)) return -1;
        if (f.number != VALUE_TYPE) continue;
        if (sub_of(&f, &sub, err)) return -1;
        while ((rc = sedge_pb_next(&sub, &f, err)) == 1) {
            struct sedge_pb type;
            if (f.number == TYPE_TENSOR && (sub_of(&f, &type, err) || type_decode(io, type, err))) return -1;
        }
        if (rc) return -1;
    }
    return rc;
}

static int graph_field(struct sedge_onnx *m, const struct sedge_pb_field *f, struct sedge_err *err)
{
    struct sedge_onnx_tensor *tensor;
    struct sedge_onnx_node *node;
    struct sedge_onnx_io *io;
    struct sedge_pb sub;

    switch (f->number) {
    case GRAPH_NODE:
        node = GROW(m->nodes, m->nnodes, SEDGE_DLR_NODES_MAX, "nodes", err);
        if (!node || sub_of(f, &sub, err)) return -1;
        return node_decode(node, sub, err) ? sedge_err_wrap(err, "node %zu", m->nnodes - 1) : 0;
    case GRAPH_INIT:
        tensor = GROW(m->tensors, m->ntensors, SEDGE_DLR_TENSORS_MAX, "weights", err);
        return !tensor || sub_of(f, &sub, err) || tensor_decode(tensor, sub, err) ? -1 : 0;
    case GRAPH_IN: /* old files list the weights among the inputs */
        io = GROW(m->in, m->nin, SEDGE_DLR_TENSORS_MAX, "inputs", err);
        return !io || sub_of(f, &sub, err) || io_decode(io, sub, err) ? -1 : 0;
    case GRAPH_OUT:
        io = GROW(m->out, m->nout, SEDGE_DLR_IO_MAX, "outputs", err);
        return !io || sub_of(f, &sub, err) || io_decode(io, sub, err) ? -1 : 0;
    case GRAPH_SPARSE:
        return sedge_err_set(err, SEDGE_E_UNSUPPORTED, "sparse weights are not supported");
    default:
        return 0;
    }
}

static int graph_decode(struct sedge_onnx *m, struct sedge_pb r, struct sedge_err *err)
{
    struct sedge_pb_field f;
    int rc;

    while ((rc = sedge_pb_next(&r, &f, err)) == 1)
        if (graph_field(m, &f, err)) return -1;
    return rc;
}

static int opset_decode(struct sedge_onnx *m, struct sedge_pb r, struct sedge_err *err)
{
    struct sedge_slice domain = {NULL, 0};
    struct sedge_pb_field f;
    int64_t version = 0;
    int rc;

    while ((rc = sedge_pb_next(&r, &f, err)) == 1) {
        if (f.number == OPSET_DOMAIN && name_of(&f, &domain, err)) return -1;
        if (f.number == OPSET_VERSION) version = (int64_t)f.value;
    }
    if (rc == 0 && (domain.n == 0 || sedge_slice_is(domain, "ai.onnx"))) m->opset = version;
    return rc;
}

static int model_decode(struct sedge_onnx *m, struct sedge_pb r, struct sedge_err *err)
{
    struct sedge_pb_field f;
    struct sedge_pb sub;
    bool graph = false;
    int rc;

    while ((rc = sedge_pb_next(&r, &f, err)) == 1) {
        if (f.number == MODEL_FUNCTIONS)
            return sedge_err_set(err, SEDGE_E_UNSUPPORTED, "a model with functions of its own is not supported");
        if (f.number == MODEL_OPSET && (sub_of(&f, &sub, err) || opset_decode(m, sub, err))) return -1;
        if (f.number != MODEL_GRAPH) continue;
        if (graph) return sedge_err_set(err, SEDGE_E_INVALID, "two graphs in one model");
        graph = true;
        if (sub_of(&f, &sub, err) || graph_decode(m, sub, err)) return -1;
    }
    if (rc) return rc;
    return graph ? 0 : sedge_err_set(err, SEDGE_E_INVALID, "no graph in it: this is not an ONNX model");
}

int sedge_onnx_decode(struct sedge_onnx *m, const void *data, size_t n, struct sedge_err *err)
{
    memset(m, 0, sizeof(*m));
    if (n == 0) return sedge_err_set(err, SEDGE_E_INVALID, "the file is empty");
    if (model_decode(m, (struct sedge_pb){data, (const uint8_t *)data + n}, err) == 0) return 0;
    sedge_onnx_release(m);
    return -1;
}

static void node_release(struct sedge_onnx_node *node)
{
    for (size_t i = 0; i < node->nattrs; i++) {
        free(node->attrs[i].ints);
        free(node->attrs[i].floats);
        if (node->attrs[i].t) free(node->attrs[i].t->owned);
        free(node->attrs[i].t);
    }
    free(node->attrs);
    free(node->in);
    free(node->out);
}

void sedge_onnx_release(struct sedge_onnx *m)
{
    for (size_t i = 0; i < m->nnodes; i++)
        node_release(&m->nodes[i]);
    for (size_t i = 0; i < m->ntensors; i++)
        free(m->tensors[i].owned);
    free(m->nodes);
    free(m->tensors);
    free(m->in);
    free(m->out);
    memset(m, 0, sizeof(*m));
}
