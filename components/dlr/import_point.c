/* Operators on single elements, and softmax. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "importer.h"

/* ---- activations with bounds ---- */

static bool takes_bounds(enum sedge_op_kind kind)
{
    switch (kind) {
    case SEDGE_OP_CONV:
    case SEDGE_OP_FC:
    case SEDGE_OP_ADD:
    case SEDGE_OP_SUB:
    case SEDGE_OP_MUL:
    case SEDGE_OP_DIV:
    case SEDGE_OP_CLAMP:
    case SEDGE_OP_MAXPOOL:
    case SEDGE_OP_AVGPOOL:
    case SEDGE_OP_MEAN:
        return true;
    case SEDGE_OP_SIGMOID:
    case SEDGE_OP_HARDSWISH:
    case SEDGE_OP_SOFTMAX:
    case SEDGE_OP_PAD:
    case SEDGE_OP_PERMUTE:
    case SEDGE_OP_CONCAT:
    case SEDGE_OP_MAX:
    case SEDGE_OP_MIN:
    case SEDGE_OP_LEAKYRELU:
    case SEDGE_OP_STRIDED:
    case SEDGE_OP_UNARY:
    case SEDGE_OP_BINARY:
    case SEDGE_OP_WHERE:
    case SEDGE_OP_CAST:
        return false;
    }
    return false;
}

static int clamp(struct sedge_importer *p, float low, float high)
{
    struct sedge_op *op;
    int value;

    if (!(low < high))
        return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "bounds %g to %g leave nothing", (double)low, (double)high);
    if (sedge_imp_value(p, 0, &value)) return -1;
    op = sedge_imp_sole_producer(p, value);
    if (op && takes_bounds(op->kind) && fmaxf(op->min, low) < fminf(op->max, high)) {
        op->min = fmaxf(op->min, low);
        op->max = fminf(op->max, high);
        return sedge_imp_pass(p);
    }
    const struct sedge_shape x = p->g->values[value].shape;
    op = sedge_imp_new_op(p, SEDGE_OP_CLAMP, 1);
    op->in[0] = value;
    op->min = low;
    op->max = high;
    return sedge_imp_finish(p, op, &x);
}

int sedge_imp_relu(struct sedge_importer *p)
{
    return clamp(p, 0, INFINITY);
}

static int bound(struct sedge_importer *p, size_t i, const char *attr, float def, float *out)
{
    const struct sedge_onnx_tensor *t;

    *out = sedge_imp_float(p, attr, def); /* before opset 11 */
    if (!sedge_imp_has(p, i)) return 0;
    t = sedge_imp_const(p, i, attr);
    return t ? sedge_imp_scalar(p, t, out) : -1;
}

int sedge_imp_clip(struct sedge_importer *p)
{
    float low, high;

    if (bound(p, 1, "min", -INFINITY, &low) || bound(p, 2, "max", INFINITY, &high)) return -1;
    if (low == -INFINITY && high == INFINITY) return sedge_imp_pass(p);
    return clamp(p, low, high);
}

int sedge_imp_unary(struct sedge_importer *p)
{
    struct sedge_op *op;
    int value;

    if (sedge_imp_value(p, 0, &value)) return -1;
    const struct sedge_shape x = p->g->values[value].shape;
    op = sedge_imp_new_op(p, sedge_slice_is(p->node->op, "Sigmoid") ? SEDGE_OP_SIGMOID : SEDGE_OP_HARDSWISH, 1);
    op->in[0] = value;
    return sedge_imp_finish(p, op, &x);
}

int sedge_imp_dropout(struct sedge_importer *p)
{
    struct sedge_sym *training = sedge_imp_in(p, 2);

    if (training && (training->kind != SEDGE_SYM_CONST || training->tensor->data.n != 1 || training->tensor->data.p[0]))
        return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "training mode: export the model for inference");
    return sedge_imp_pass(p);
}

/* ---- softmax ---- */

static int64_t product(const struct sedge_shape *s, int from, int to)
{
    int64_t n = 1;
    for (int i = from; i < to; i++)
        n *= s->dims[i];
    return n;
}

int sedge_imp_softmax(struct sedge_importer *p)
{
    bool one_axis = p->m->opset >= 13;
    int64_t axis = sedge_imp_int(p, "axis", one_axis ? -1 : 1);
    struct sedge_shape x;
    struct sedge_op *op;
    int value, last;

    if (sedge_imp_value(p, 0, &value)) return -1;
    x = p->g->values[value].shape;
    if (axis < 0) axis += x.rank;
    if (axis < 0 || axis >= x.rank)
        return sedge_imp_fail(p, SEDGE_E_INVALID, "axis %lld of %d", (long long)axis, x.rank);
    /* Older opsets take all axes from `axis` on as one. In memory, the channels of an image come last. */
    last = x.rank == 4 && one_axis ? 1 : x.rank - 1;
    if ((one_axis && axis != last) || (x.rank == 4 && axis != 1))
        return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "over axis %lld of %d dimensions", (long long)axis, x.rank);
    op = sedge_imp_new_op(p, SEDGE_OP_SOFTMAX, 1);
    op->in[0] = value;
    op->cols = (size_t)(one_axis ? x.dims[axis] : product(&x, (int)axis, x.rank));
    op->rows = op->cols ? p->g->values[value].count / op->cols : 0;
    return sedge_imp_finish(p, op, &x);
}

/* ---- mean over the pixels ---- */

int sedge_imp_reduce_mean(struct sedge_importer *p)
{
    const struct sedge_onnx_attr *a = sedge_imp_attr(p, "axes");
    const struct sedge_onnx_tensor *t = NULL;
    int64_t axes[2] = {0, 0};
    struct sedge_op *op;
    int value, n = 0;

    if (sedge_imp_value(p, 0, &value)) return -1;
    const struct sedge_shape x = p->g->values[value].shape;
    if (sedge_imp_has(p, 1)) {
        t = sedge_imp_const(p, 1, "axes");
        if (!t || (n = sedge_imp_ints(p, t, axes, 2)) < 0) return -1;
    } else if (a && a->nints == 2) {
        n = 2;
        memcpy(axes, a->ints, sizeof(axes));
    }
    for (int i = 0; i < 2; i++)
        axes[i] += axes[i] < 0 ? x.rank : 0;
    if (x.rank != 4 || n != 2 || axes[0] + axes[1] != 5 || (axes[0] != 2 && axes[0] != 3))
        return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "only the mean over height and width of an image is supported");
    op = sedge_imp_new_op(p, SEDGE_OP_MEAN, 1);
    op->in[0] = value;
    if (sedge_imp_int(p, "keepdims", 1))
        return sedge_imp_finish(p, op, &(struct sedge_shape){4, {x.dims[0], x.dims[1], 1, 1}});
    return sedge_imp_finish(p, op, &(struct sedge_shape){2, {x.dims[0], x.dims[1]}});
}
