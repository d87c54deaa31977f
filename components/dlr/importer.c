#include "importer.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernels.h"

/* ---- messages ---- */

int sedge_imp_wrap(struct sedge_importer *p)
{
    const struct sedge_onnx_node *n = p->node;
    struct sedge_slice name = n->name.n || n->nout == 0 ? n->name : n->out[0];

    return sedge_err_wrap(p->err, "operator %.*s (node \"%.*s\", opset %lld)", (int)n->op.n, (const char *)n->op.p,
                          (int)name.n, (const char *)name.p, (long long)p->m->opset);
}

int sedge_imp_fail(struct sedge_importer *p, enum sedge_err_code code, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap); /* cut when too long */
    va_end(ap);
    (void)sedge_err_set(p->err, code, "%s", text);
    return sedge_imp_wrap(p);
}

/* ---- names ---- */

struct sedge_sym *sedge_imp_find(const struct sedge_importer *p, struct sedge_slice name)
{
    uint64_t h = 1469598103934665603ULL; /* FNV-1a */

    for (size_t i = 0; i < name.n; i++)
        h = (h ^ name.p[i]) * 1099511628211ULL;
    for (size_t i = (size_t)(h ^ h >> 32);; i++) {
        struct sedge_sym *s = &p->table[i & (p->table_size - 1)];
        if (s->kind == SEDGE_SYM_FREE || sedge_slice_eq(s->name, name)) return s;
    }
}

/* ---- attributes and inputs ---- */

const struct sedge_onnx_attr *sedge_imp_attr(const struct sedge_importer *p, const char *name)
{
    for (size_t i = 0; i < p->node->nattrs; i++)
        if (sedge_slice_is(p->node->attrs[i].name, name)) return &p->node->attrs[i];
    return NULL;
}

int64_t sedge_imp_int(const struct sedge_importer *p, const char *name, int64_t def)
{
    const struct sedge_onnx_attr *a = sedge_imp_attr(p, name);
    return a ? a->i : def;
}

float sedge_imp_float(const struct sedge_importer *p, const char *name, float def)
{
    const struct sedge_onnx_attr *a = sedge_imp_attr(p, name);
    return a ? a->f : def;
}

bool sedge_imp_has(const struct sedge_importer *p, size_t i)
{
    return i < p->node->nin && p->node->in[i].n > 0;
}

struct sedge_sym *sedge_imp_in(const struct sedge_importer *p, size_t i)
{
    return sedge_imp_has(p, i) ? sedge_imp_find(p, p->node->in[i]) : NULL;
}

/* Memory for the content of a constant, zeros. NULL: there are too many of them. */
static void *new_content(struct sedge_importer *p, size_t count, size_t width)
{
    p->fixed_bytes += (uint64_t)count * width;
    if (p->fixed_bytes <= SEDGE_DLR_CONSTANTS_MAX)
        return sedge_xcalloc(count + 16, width); /* kernels may read a
                                            little past the end */
    (void)sedge_imp_fail(p, SEDGE_E_LIMIT, "over %llu MiB of constants beside the weights",
                         (unsigned long long)(SEDGE_DLR_CONSTANTS_MAX >> 20));
    return NULL;
}

int sedge_imp_fix(struct sedge_importer *p, const struct sedge_onnx_tensor *t, const struct sedge_shape *shape,
                  int *value)
{
    size_t width = sedge_onnx_width(t->dtype), rows = t->count, cols = 1;
    char *content;

    if (!width)
        return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "a constant of type %s, which is not computed",
                              sedge_onnx_dtype_name(t->dtype));
    if (sedge_imp_new_value(p, shape, value)) return -1;
    content = new_content(p, t->count, width);
    if (!content) return -1;
    p->g->values[*value].dtype = t->dtype;
    p->g->values[*value].fixed = content;
    p->uses[*value] = 2; /* nobody folds into it */
    if (shape->rank == 4) rows = (size_t)shape->dims[1], cols = (size_t)(shape->dims[2] * shape->dims[3]);
    for (size_t n = 0; n < t->count; n += rows * cols)
        sedge_transpose(t->data.p + n * width, content + n * width, rows, cols, width);
    return 0;
}

int sedge_imp_any(struct sedge_importer *p, size_t i, int *value)
{
    struct sedge_sym *s = sedge_imp_in(p, i);

    if (!s || s->kind == SEDGE_SYM_FREE || s->kind == SEDGE_SYM_PENDING)
        return sedge_imp_fail(p, SEDGE_E_INVALID, "input %zu \"%.*s\" is not assigned before", i,
                              s ? (int)p->node->in[i].n : 0, s ? (const char *)p->node->in[i].p : "");
    if (s->kind == SEDGE_SYM_CONST) return sedge_imp_fix(p, s->tensor, &s->tensor->shape, value);
    if (p->g->values[s->value].rows)
        return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "input %zu has an extent that is known only when it is computed",
                              i);
    *value = s->value;
    return 0;
}

int sedge_imp_value(struct sedge_importer *p, size_t i, int *value)
{
    if (sedge_imp_any(p, i, value)) return -1;
    if (p->g->values[*value].dtype == SEDGE_ONNX_FLOAT) return 0;
    return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "input %zu is of type %s, only float32 is computed", i,
                          sedge_onnx_dtype_name(p->g->values[*value].dtype));
}

int sedge_imp_all(struct sedge_importer *p, int *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (sedge_imp_any(p, i, &values[i])) return -1;
        if (p->g->values[values[i]].dtype != p->g->values[values[0]].dtype)
            return sedge_imp_fail(p, SEDGE_E_INVALID, "input %zu has another type than the first", i);
    }
    return 0;
}

const struct sedge_onnx_tensor *sedge_imp_const(struct sedge_importer *p, size_t i, const char *what)
{
    struct sedge_sym *s = sedge_imp_in(p, i);

    if (s && s->kind == SEDGE_SYM_CONST) return s->tensor;
    (void)sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "%s (input %zu) has to be a constant", what, i);
    return NULL;
}

const struct sedge_onnx_tensor *sedge_imp_floats(struct sedge_importer *p, size_t i, const char *what, size_t count)
{
    const struct sedge_onnx_tensor *t = sedge_imp_const(p, i, what);

    if (!t) return NULL;
    if (t->dtype != SEDGE_ONNX_FLOAT) {
        (void)sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "%s is of type %s, only float32 is computed", what,
                             sedge_onnx_dtype_name(t->dtype));
        return NULL;
    }
    if (t->count != count) {
        (void)sedge_imp_fail(p, SEDGE_E_INVALID, "%s has %zu elements, expected %zu", what, t->count, count);
        return NULL;
    }
    return t;
}

int sedge_imp_ints(struct sedge_importer *p, const struct sedge_onnx_tensor *t, int64_t *out, int max)
{
    if (t->dtype != SEDGE_ONNX_INT64 && t->dtype != SEDGE_ONNX_INT32)
        return sedge_imp_fail(p, SEDGE_E_INVALID, "a list of type %s, expected int64", sedge_onnx_dtype_name(t->dtype));
    if (t->count > (size_t)max)
        return sedge_imp_fail(p, SEDGE_E_INVALID, "a list of %zu numbers, at most %d were expected", t->count, max);
    for (size_t i = 0; i < t->count; i++) {
        int32_t narrow;
        if (t->dtype == SEDGE_ONNX_INT64) {
            memcpy(&out[i], t->data.p + 8 * i, 8);
        } else {
            memcpy(&narrow, t->data.p + 4 * i, 4);
            out[i] = narrow;
        }
    }
    return (int)t->count;
}

int sedge_imp_scalar(struct sedge_importer *p, const struct sedge_onnx_tensor *t, float *out)
{
    if (t->dtype != SEDGE_ONNX_FLOAT || t->count != 1)
        return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "expected one float32 number");
    memcpy(out, t->data.p, sizeof(*out));
    return 0;
}

/* ---- new things ---- */

static void *more(void *array, size_t n, size_t size)
{
    return n & (n - 1) ? array : sedge_xrealloc(array, n ? n * 2 : 1, size);
}

int sedge_imp_new_value(struct sedge_importer *p, const struct sedge_shape *shape, int *value)
{
    struct sedge_graph *g = p->g;
    size_t n = g->nvalues, count;

    if (sedge_shape_count(shape, &count, p->err)) return p->node ? sedge_imp_wrap(p) : -1;
    if (count == 0)
        return sedge_err_set(p->err, SEDGE_E_INVALID, "a tensor without elements"), p->node ? sedge_imp_wrap(p) : -1;
    g->values = more(g->values, n, sizeof(*g->values));
    p->producer = more(p->producer, n, sizeof(*p->producer));
    p->uses = more(p->uses, n, sizeof(*p->uses));
    g->values[n] = (struct sedge_value){.shape = *shape, .dtype = SEDGE_ONNX_FLOAT, .count = count, .root = (int)n};
    p->producer[n] = -1;
    p->uses[n] = 0;
    g->nvalues++;
    *value = (int)n;
    return 0;
}

struct sedge_op *sedge_imp_new_op(struct sedge_importer *p, enum sedge_op_kind kind, size_t nin)
{
    struct sedge_graph *g = p->g;

    g->ops = more(g->ops, g->nops, sizeof(*g->ops));
    g->ops[g->nops] =
        (struct sedge_op){.kind = kind, .nin = nin, .min = -INFINITY, .max = INFINITY, .node = p->node->name};
    g->ops[g->nops].in = sedge_xcalloc(nin, sizeof(int));
    return &g->ops[g->nops++];
}

struct sedge_onnx_tensor *sedge_imp_new_const(struct sedge_importer *p, int64_t dtype, const struct sedge_shape *shape)
{
    struct sedge_onnx_tensor *t = SEDGE_NEW(struct sedge_onnx_tensor);

    t->dtype = dtype;
    t->shape = *shape;
    p->folded->v = more(p->folded->v, p->folded->n, sizeof(struct sedge_onnx_tensor *));
    p->folded->v[p->folded->n++] = t;
    return t;
}

void sedge_imp_bind_value(struct sedge_importer *p, int value)
{
    sedge_imp_bind_output(p, 0, value);
}

void sedge_imp_bind_output(struct sedge_importer *p, size_t i, int value)
{
    struct sedge_sym *s;

    if (p->node->nout <= i || p->node->out[i].n == 0) return; /* a result that nobody wants */
    s = sedge_imp_find(p, p->node->out[i]);
    s->kind = SEDGE_SYM_VALUE;
    s->value = value;
    p->uses[value] += s->uses;
}

void sedge_imp_bind_const(struct sedge_importer *p, const struct sedge_onnx_tensor *t)
{
    struct sedge_sym *s;

    if (p->node->nout == 0 || p->node->out[0].n == 0) return;
    s = sedge_imp_find(p, p->node->out[0]);
    s->kind = SEDGE_SYM_CONST;
    s->tensor = t;
}

int sedge_imp_between(struct sedge_importer *p, struct sedge_op *op, int64_t dtype, const struct sedge_shape *shape,
                      int *value)
{
    if (sedge_imp_new_value(p, shape, value)) return -1;
    p->g->values[*value].dtype = dtype;
    op->out = *value;
    return 0;
}

int sedge_imp_finish(struct sedge_importer *p, struct sedge_op *op, const struct sedge_shape *shape)
{
    int value;

    if (sedge_imp_between(p, op, SEDGE_ONNX_FLOAT, shape, &value)) return -1;
    p->producer[value] = (int)(op - p->g->ops);
    sedge_imp_bind_value(p, value);
    return 0;
}

static bool can_fold(const struct sedge_importer *p, const struct sedge_op *op)
{
    for (size_t i = 0; i < op->nin; i++)
        if (!p->g->values[op->in[i]].fixed) return false;
    if (op->kind == SEDGE_OP_DEQUANTIZE) return true; /* of weights, which have to be constants */
    return sedge_kernel_has(op->kind) && p->g->values[op->out].count <= SEDGE_DLR_FOLD_MAX;
}

/* The last operator, whose inputs are constants, becomes a constant in logical order. */
static int fold(struct sedge_importer *p, struct sedge_op *op)
{
    struct sedge_value *v = &p->g->values[op->out];
    size_t width = sedge_onnx_width(v->dtype), rows = v->count, cols = 1;
    char *content = new_content(p, v->count, width);
    struct sedge_onnx_tensor *t;

    v->fixed = content; /* not needed after this: nothing reads the value */
    if (!content) return -1;
    t = sedge_imp_new_const(p, v->dtype, &v->shape);
    t->owned = sedge_xcalloc(v->count, width);
    t->count = v->count;
    t->data = (struct sedge_slice){t->owned, v->count * width};
    if (sedge_kernel_run(p->g, NULL, op, p->err)) return sedge_imp_wrap(p);
    if (v->shape.rank == 4) rows = (size_t)(v->shape.dims[2] * v->shape.dims[3]), cols = (size_t)v->shape.dims[1];
    for (size_t n = 0; n < v->count; n += rows * cols)
        sedge_transpose(content + n * width, (char *)t->owned + n * width, rows, cols, width);
    free(content);
    v->fixed = NULL;
    free(op->in);
    p->g->nops--;
    sedge_imp_bind_const(p, t);
    return 0;
}

int sedge_imp_finish_as(struct sedge_importer *p, struct sedge_op *op, int64_t dtype, const struct sedge_shape *shape)
{
    int value;

    if (sedge_imp_between(p, op, dtype, shape, &value)) return -1;
    if (can_fold(p, op)) return fold(p, op);
    sedge_imp_bind_value(p, value);
    return 0;
}

int sedge_imp_pass(struct sedge_importer *p)
{
    struct sedge_sym *s = sedge_imp_in(p, 0);
    int value;

    if (s && s->kind == SEDGE_SYM_CONST) {
        sedge_imp_bind_const(p, s->tensor);
        return 0;
    }
    if (sedge_imp_any(p, 0, &value)) return -1;
    p->uses[value]--; /* the readers of the output take the place of this one */
    sedge_imp_bind_value(p, value);
    return 0;
}

struct sedge_op *sedge_imp_sole_producer(struct sedge_importer *p, int value)
{
    return p->uses[value] == 1 && p->producer[value] >= 0 ? &p->g->ops[p->producer[value]] : NULL;
}
