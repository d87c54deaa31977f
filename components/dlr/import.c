/* The table of operators, names, and the whole graph. */
#include "import.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "importer.h"

struct rule {
    const char *op;
    sedge_import_fn *fn;
    size_t min_in, max_in, more_out; /* outputs beside the first */
};

static const struct rule rules[] = {
    {"Abs", sedge_imp_func, 1, 1, 0},
    {"Acos", sedge_imp_func, 1, 1, 0},
    {"Add", sedge_imp_binary, 2, 2, 0},
    {"And", sedge_imp_binary, 2, 2, 0},
    {"ArgMax", sedge_imp_arg, 1, 1, 0},
    {"ArgMin", sedge_imp_arg, 1, 1, 0},
    {"Asin", sedge_imp_func, 1, 1, 0},
    {"Atan", sedge_imp_func, 1, 1, 0},
    {"AveragePool", sedge_imp_pool, 1, 1, 0},
    {"BatchNormalization", sedge_imp_norm, 5, 5, 0},
    {"Cast", sedge_imp_cast, 1, 1, 0},
    {"CastLike", sedge_imp_cast, 2, 2, 0},
    {"Ceil", sedge_imp_func, 1, 1, 0},
    {"Celu", sedge_imp_func, 1, 1, 0},
    {"Clip", sedge_imp_clip, 1, 3, 0},
    {"Concat", sedge_imp_concat, 1, SEDGE_DLR_LINKS_MAX, 0},
    {"Constant", sedge_imp_constant, 0, 0, 0},
    {"Conv", sedge_imp_conv, 2, 3, 0},
    {"ConvTranspose", sedge_imp_conv_transpose, 2, 3, 0},
    {"Cos", sedge_imp_func, 1, 1, 0},
    {"DepthToSpace", sedge_imp_depth_to_space, 1, 1, 0},
    {"DequantizeLinear", sedge_imp_dequantize, 2, 3, 0},
    {"Div", sedge_imp_binary, 2, 2, 0},
    {"Dropout", sedge_imp_dropout, 1, 3, 0},
    {"Elu", sedge_imp_func, 1, 1, 0},
    {"Equal", sedge_imp_binary, 2, 2, 0},
    {"Erf", sedge_imp_func, 1, 1, 0},
    {"Exp", sedge_imp_func, 1, 1, 0},
    {"Expand", sedge_imp_expand, 2, 2, 0},
    {"Flatten", sedge_imp_flatten, 1, 1, 0},
    {"Floor", sedge_imp_func, 1, 1, 0},
    {"Gather", sedge_imp_gather, 2, 2, 0},
    {"Gemm", sedge_imp_gemm, 2, 3, 0},
    {"GlobalAveragePool", sedge_imp_global_pool, 1, 1, 0},
    {"GlobalMaxPool", sedge_imp_global_pool, 1, 1, 0},
    {"Greater", sedge_imp_binary, 2, 2, 0},
    {"GreaterOrEqual", sedge_imp_binary, 2, 2, 0},
    {"HardSigmoid", sedge_imp_func, 1, 1, 0},
    {"HardSwish", sedge_imp_unary, 1, 1, 0},
    {"Identity", sedge_imp_pass, 1, 1, 0},
    {"LeakyRelu", sedge_imp_leaky_relu, 1, 1, 0},
    {"Less", sedge_imp_binary, 2, 2, 0},
    {"LessOrEqual", sedge_imp_binary, 2, 2, 0},
    {"Log", sedge_imp_func, 1, 1, 0},
    {"LogSoftmax", sedge_imp_softmax, 1, 1, 0},
    {"MatMul", sedge_imp_matmul, 2, 2, 0},
    {"Max", sedge_imp_variadic, 1, SEDGE_DLR_LINKS_MAX, 0},
    {"MaxPool", sedge_imp_pool, 1, 1, 0},
    {"Mean", sedge_imp_variadic, 1, SEDGE_DLR_LINKS_MAX, 0},
    {"Min", sedge_imp_variadic, 1, SEDGE_DLR_LINKS_MAX, 0},
    {"Mul", sedge_imp_binary, 2, 2, 0},
    {"Neg", sedge_imp_func, 1, 1, 0},
    {"NonMaxSuppression", sedge_imp_nms, 2, 5, 0},
    {"Not", sedge_imp_func, 1, 1, 0},
    {"Or", sedge_imp_binary, 2, 2, 0},
    {"PRelu", sedge_imp_binary, 2, 2, 0},
    {"Pad", sedge_imp_pad, 1, 4, 0},
    {"Pow", sedge_imp_binary, 2, 2, 0},
    {"QuantizeLinear", sedge_imp_quantize, 2, 3, 0},
    {"Reciprocal", sedge_imp_func, 1, 1, 0},
    {"ReduceL1", sedge_imp_reduce, 1, 2, 0},
    {"ReduceL2", sedge_imp_reduce, 1, 2, 0},
    {"ReduceLogSum", sedge_imp_reduce, 1, 2, 0},
    {"ReduceLogSumExp", sedge_imp_reduce, 1, 2, 0},
    {"ReduceMax", sedge_imp_reduce, 1, 2, 0},
    {"ReduceMean", sedge_imp_reduce, 1, 2, 0},
    {"ReduceMin", sedge_imp_reduce, 1, 2, 0},
    {"ReduceProd", sedge_imp_reduce, 1, 2, 0},
    {"ReduceSum", sedge_imp_reduce, 1, 2, 0},
    {"ReduceSumSquare", sedge_imp_reduce, 1, 2, 0},
    {"Relu", sedge_imp_relu, 1, 1, 0},
    {"Reshape", sedge_imp_reshape, 2, 2, 0},
    {"Resize", sedge_imp_resize, 1, 4, 0},
    {"Round", sedge_imp_func, 1, 1, 0},
    {"Selu", sedge_imp_func, 1, 1, 0},
    {"Shape", sedge_imp_shape, 1, 1, 0},
    {"Sigmoid", sedge_imp_unary, 1, 1, 0},
    {"Sign", sedge_imp_func, 1, 1, 0},
    {"Sin", sedge_imp_func, 1, 1, 0},
    {"Slice", sedge_imp_slice, 1, 5, 0},
    {"Softmax", sedge_imp_softmax, 1, 1, 0},
    {"Softplus", sedge_imp_func, 1, 1, 0},
    {"Softsign", sedge_imp_func, 1, 1, 0},
    {"SpaceToDepth", sedge_imp_space_to_depth, 1, 1, 0},
    {"Split", sedge_imp_split, 1, 2, SEDGE_DLR_LINKS_MAX},
    {"Sqrt", sedge_imp_func, 1, 1, 0},
    {"Squeeze", sedge_imp_squeeze, 1, 2, 0},
    {"Sub", sedge_imp_binary, 2, 2, 0},
    {"Sum", sedge_imp_variadic, 1, SEDGE_DLR_LINKS_MAX, 0},
    {"Tan", sedge_imp_func, 1, 1, 0},
    {"Tanh", sedge_imp_func, 1, 1, 0},
    {"ThresholdedRelu", sedge_imp_func, 1, 1, 0},
    {"Tile", sedge_imp_tile, 2, 2, 0},
    {"TopK", sedge_imp_topk, 1, 2, 1},
    {"Transpose", sedge_imp_transpose, 1, 1, 0},
    {"Unsqueeze", sedge_imp_squeeze, 1, 2, 0},
    {"Upsample", sedge_imp_resize, 1, 2, 0},
    {"Where", sedge_imp_where, 3, 3, 0},
    {"Xor", sedge_imp_binary, 2, 2, 0},
};

/* ---- names ---- */

/* Enters a name. NULL when it is there already (an ONNX graph assigns each name once). */
static struct sedge_sym *enter(struct sedge_importer *p, struct sedge_slice name)
{
    struct sedge_sym *s = sedge_imp_find(p, name);

    if (s->kind != SEDGE_SYM_FREE) return NULL;
    s->name = name;
    s->kind = SEDGE_SYM_PENDING;
    return s;
}

static int twice(struct sedge_importer *p, struct sedge_slice name)
{
    return sedge_err_set(p->err, SEDGE_E_INVALID, "the name \"%.*s\" is assigned twice", (int)name.n,
                         (const char *)name.p);
}

static int enter_all(struct sedge_importer *p)
{
    for (size_t i = 0; i < p->m->ntensors; i++) {
        struct sedge_sym *s = enter(p, p->m->tensors[i].name);
        if (!s) return twice(p, p->m->tensors[i].name);
        s->kind = SEDGE_SYM_CONST;
        s->tensor = &p->m->tensors[i];
    }
    for (size_t i = 0; i < p->m->nin; i++) {
        struct sedge_sym *s = sedge_imp_find(p, p->m->in[i].name);
        if (s->kind == SEDGE_SYM_FREE)
            (void)enter(p, p->m->in[i].name);
        else if (s->kind != SEDGE_SYM_CONST)
            return twice(p, p->m->in[i].name);
    }
    for (size_t i = 0; i < p->m->nnodes; i++)
        for (size_t k = 0; k < p->m->nodes[i].nout; k++)
            if (p->m->nodes[i].out[k].n && !enter(p, p->m->nodes[i].out[k])) return twice(p, p->m->nodes[i].out[k]);
    return 0;
}

static void count_uses(struct sedge_importer *p)
{
    for (size_t i = 0; i < p->m->nnodes; i++)
        for (size_t k = 0; k < p->m->nodes[i].nin; k++)
            sedge_imp_find(p, p->m->nodes[i].in[k])->uses++;
    for (size_t i = 0; i < p->m->nout; i++)
        sedge_imp_find(p, p->m->out[i].name)->uses++;
}

/* Room for every name that is defined or mentioned, at most half full. */
static void make_table(struct sedge_importer *p)
{
    size_t n = p->m->ntensors + p->m->nin + p->m->nout + 16;

    for (size_t i = 0; i < p->m->nnodes; i++)
        n += p->m->nodes[i].nout;
    p->table_size = 64;
    while (p->table_size < 2 * n)
        p->table_size *= 2;
    p->table = sedge_xcalloc(p->table_size, sizeof(*p->table));
}

/* ---- the whole graph ---- */

static const struct rule *rule_for(struct sedge_slice op)
{
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rules); i++)
        if (sedge_slice_is(op, rules[i].op)) return &rules[i];
    return NULL;
}

static int import_node(struct sedge_importer *p)
{
    const struct sedge_onnx_node *node = p->node;
    const struct rule *r = rule_for(node->op);

    if (node->domain.n && !sedge_slice_is(node->domain, "ai.onnx"))
        return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "operators of domain \"%.*s\" are not supported",
                              (int)node->domain.n, (const char *)node->domain.p);
    if (!r)
        return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED,
                              "not supported by this runtime; docs/dlr.md lists what is. Export the model without it");
    if (node->nin < r->min_in || node->nin > r->max_in)
        return sedge_imp_fail(p, SEDGE_E_INVALID, "%zu inputs, expected %zu to %zu", node->nin, r->min_in, r->max_in);
    for (size_t i = 1 + r->more_out; i < node->nout; i++)
        if (node->out[i].n && sedge_imp_find(p, node->out[i])->uses)
            return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "its output %zu is used, which is not computed", i);
    return r->fn(p);
}

static int import_inputs(struct sedge_importer *p)
{
    for (size_t i = 0; i < p->m->nin; i++) {
        const struct sedge_onnx_io *io = &p->m->in[i];
        struct sedge_sym *s = sedge_imp_find(p, io->name);
        struct sedge_shape shape = io->shape;
        int value;

        if (s->kind == SEDGE_SYM_CONST) continue; /* a weight with its default */
        if (!sedge_onnx_width(io->dtype))
            return sedge_err_set(p->err, SEDGE_E_UNSUPPORTED, "input \"%.*s\" is of type %s, which is not computed",
                                 (int)io->name.n, (const char *)io->name.p, sedge_onnx_dtype_name(io->dtype));
        if (p->g->nin == SEDGE_DLR_IO_MAX)
            return sedge_err_set(p->err, SEDGE_E_LIMIT, "more than %d inputs", SEDGE_DLR_IO_MAX);
        if (shape.rank > 0 && shape.dims[0] == -1) shape.dims[0] = 1; /* an open batch: one at a time */
        for (int k = 0; k < shape.rank; k++)
            if (!io->has_shape || shape.dims[k] < 1)
                return sedge_err_set(p->err, SEDGE_E_UNSUPPORTED,
                                     "input \"%.*s\": dimension %d is not fixed; export the model with fixed extents",
                                     (int)io->name.n, (const char *)io->name.p, k);
        if (sedge_imp_new_value(p, &shape, &value)) return -1;
        s->kind = SEDGE_SYM_VALUE;
        s->value = value;
        p->g->values[value].dtype = io->dtype;
        p->uses[value] = s->uses;
        p->g->in[p->g->nin++] = value;
    }
    return p->g->nin ? 0 : sedge_err_set(p->err, SEDGE_E_INVALID, "the model has no input");
}

/* An output of rank 4 is handed out in its logical order: a permutation into a value of rank 1 of the same count. */
static int output_value(struct sedge_importer *p, int value, int *out)
{
    static const struct sedge_onnx_node none = {.nout = 0};
    struct sedge_shape shape = p->g->values[value].shape;
    size_t dims[SEDGE_DLR_RANK_MAX];
    static const int perm[4] = {0, 3, 1, 2};

    *out = value;
    if (shape.rank != 4) return 0;
    p->node = &none;
    (void)sedge_value_memory(&shape, dims);
    if (sedge_imp_permute(p, value, dims, 4, perm, &(struct sedge_shape){1, {(int64_t)p->g->values[value].count}}, out))
        return -1;
    p->g->values[*out].shape = shape;
    return 0;
}

/* A result that does not depend on any input. */
static int constant_output(struct sedge_importer *p, struct sedge_sym *s)
{
    static const struct sedge_onnx_node none = {.nout = 0};

    p->node = &none;
    if (sedge_imp_fix(p, s->tensor, &s->tensor->shape, &s->value)) return -1;
    s->kind = SEDGE_SYM_VALUE;
    return 0;
}

static int import_outputs(struct sedge_importer *p)
{
    for (size_t i = 0; i < p->m->nout; i++) {
        struct sedge_slice name = p->m->out[i].name;
        struct sedge_sym *s = sedge_imp_find(p, name);
        if (s->kind == SEDGE_SYM_CONST && constant_output(p, s)) return -1;
        if (s->kind != SEDGE_SYM_VALUE)
            return sedge_err_set(p->err, SEDGE_E_INVALID, "output \"%.*s\" is not computed by any node", (int)name.n,
                                 (const char *)name.p);
        if (output_value(p, s->value, &p->g->out[p->g->nout])) return -1;
        p->g->nout++;
    }
    return p->g->nout ? 0 : sedge_err_set(p->err, SEDGE_E_INVALID, "the model has no output");
}

/* Constants that went into others are not kept. */
static void drop_unused(struct sedge_graph *g)
{
    sedge_auto_free bool *used = sedge_xcalloc(g->nvalues + 1, sizeof(*used));

    for (size_t i = 0; i < g->nops; i++)
        for (size_t k = 0; k < g->ops[i].nin; k++)
            used[g->ops[i].in[k]] = true;
    for (size_t i = 0; i < g->nout; i++)
        used[g->out[i]] = true;
    for (size_t i = 0; i < g->nvalues; i++) {
        if (used[i]) continue;
        free(g->values[i].fixed);
        g->values[i].fixed = NULL;
    }
}

static int import_all(struct sedge_importer *p)
{
    if (p->m->opset < SEDGE_DLR_OPSET_MIN || p->m->opset > SEDGE_DLR_OPSET_MAX)
        return sedge_err_set(p->err, SEDGE_E_UNSUPPORTED,
                             "opset %lld; %d to %d are supported. Export or convert the model to one of these",
                             (long long)p->m->opset, SEDGE_DLR_OPSET_MIN, SEDGE_DLR_OPSET_MAX);
    if (enter_all(p)) return -1;
    count_uses(p);
    if (import_inputs(p)) return -1;
    for (size_t i = 0; i < p->m->nnodes; i++) {
        p->node = &p->m->nodes[i];
        if (import_node(p)) return -1;
    }
    if (import_outputs(p)) return -1;
    drop_unused(p->g);
    return 0;
}

int sedge_import(struct sedge_graph *g, struct sedge_folded *folded, const struct sedge_onnx *m, struct sedge_err *err)
{
    struct sedge_importer p = {.m = m, .g = g, .folded = folded, .err = err};
    int rc;

    memset(g, 0, sizeof(*g));
    memset(folded, 0, sizeof(*folded));
    g->in = sedge_xcalloc(SEDGE_DLR_IO_MAX, sizeof(int));
    g->out = sedge_xcalloc(SEDGE_DLR_IO_MAX, sizeof(int));
    make_table(&p);
    rc = import_all(&p);
    free(p.table);
    free(p.producer);
    free(p.uses);
    if (rc) {
        sedge_graph_release(g);
        sedge_folded_release(folded);
    }
    return rc;
}

void sedge_folded_release(struct sedge_folded *f)
{
    for (size_t i = 0; i < f->n; i++) {
        free(f->v[i]->owned);
        free(f->v[i]);
    }
    free(f->v);
    *f = (struct sedge_folded){NULL, 0};
}
