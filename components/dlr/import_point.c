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
    case SEDGE_OP_DECONV:
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
    case SEDGE_OP_MAX:
    case SEDGE_OP_MIN:
    case SEDGE_OP_LEAKYRELU:
#define X(name) case SEDGE_OP_##name:
        SEDGE_KERNEL_OPS(X)
#undef X
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

/* Whether it is more than two numbers on float32. */
static bool clips_any(const struct sedge_importer *p)
{
    const struct sedge_sym *x = sedge_imp_in(p, 0);
    int64_t dtype = SEDGE_ONNX_FLOAT;

    if (x && x->kind == SEDGE_SYM_CONST) return true;
    if (x && x->kind == SEDGE_SYM_VALUE) dtype = p->g->values[x->value].dtype;
    for (size_t i = 1; i < 3; i++) {
        const struct sedge_sym *s = sedge_imp_in(p, i);
        if (s && s->kind != SEDGE_SYM_CONST) return true;
    }
    return dtype != SEDGE_ONNX_FLOAT;
}

/* The larger of it and the lower bound, then the smaller of that and the upper one. */
static int clip_any(struct sedge_importer *p)
{
    struct sedge_shape y;
    int v[2];

    if (sedge_imp_any(p, 0, &v[0])) return -1;
    const int64_t dtype = p->g->values[v[0]].dtype;
    if (dtype == SEDGE_ONNX_BOOL) return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "of type bool is not supported");
    for (size_t i = 1; i < 3; i++) {
        if (!sedge_imp_has(p, i)) continue;
        if (sedge_imp_any(p, i, &v[1])) return -1;
        if (p->g->values[v[1]].dtype != dtype || p->g->values[v[1]].count != 1)
            return sedge_imp_fail(p, SEDGE_E_INVALID, "bound %zu is not one number of the type of the input", i);
        if (sedge_imp_broadcast(p, v, 2, &y)) return -1;
        struct sedge_op *op = sedge_imp_new_op(p, SEDGE_OP_BINARY, 2);
        memcpy(op->in, v, sizeof(v));
        op->func = i == 1 ? SEDGE_B_MAX : SEDGE_B_MIN;
        if (sedge_imp_between(p, op, dtype, &y, &v[0])) return -1;
    }
    sedge_imp_bind_value(p, v[0]);
    return 0;
}

int sedge_imp_clip(struct sedge_importer *p)
{
    float low, high;

    if (clips_any(p)) return clip_any(p);
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
