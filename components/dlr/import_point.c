/* Activations with bounds, and others of XNNPACK. */
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
    case SEDGE_OP_GATHER:
    case SEDGE_OP_ARG:
    case SEDGE_OP_TOPK:
    case SEDGE_OP_TAKE:
    case SEDGE_OP_REDUCE:
    case SEDGE_OP_MATMUL:
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
