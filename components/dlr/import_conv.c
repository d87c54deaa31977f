/* Operators with weights or windows: Conv, pooling, batch normalisation. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "importer.h"

/* ---- windows ---- */

struct axis {
    int64_t in, kernel, stride, dilation, before, after, out;
};

/* Whether the input is a line of pixels, which is taken as an image of one row. */
static bool is_line(const struct sedge_importer *p)
{
    const struct sedge_sym *s = sedge_imp_in(p, 0);

    if (s && s->kind == SEDGE_SYM_CONST) return s->tensor->shape.rank == 3;
    return s && s->kind == SEDGE_SYM_VALUE && p->g->values[s->value].shape.rank == 3;
}

/* A list attribute with one number for each of `n` places; `def` where it is missing. Of a line, every second is. */
static int list_attr(struct sedge_importer *p, const char *name, int64_t def, int64_t low, size_t n, int64_t *out)
{
    const struct sedge_onnx_attr *a = sedge_imp_attr(p, name);
    size_t every = is_line(p) ? 2 : 1;

    for (size_t i = 0; i < n; i++)
        out[i] = a ? low : def;
    if (!a) return 0;
    if (a->nints != n / every)
        return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "%s has %zu numbers, expected %zu (images only)", name, a->nints,
                              n / every);
    for (size_t k = 0; k < a->nints; k++) {
        size_t i = every * k + every - 1;
        out[i] = a->ints[k];
        if (out[i] < low || out[i] > SEDGE_DLR_WINDOW_MAX)
            return sedge_imp_fail(p, SEDGE_E_LIMIT, "%s: %lld is outside %lld..%d", name, (long long)out[i],
                                  (long long)low, SEDGE_DLR_WINDOW_MAX);
    }
    return 0;
}

static int64_t reach(const struct axis *a)
{
    return a->dilation * (a->kernel - 1) + 1;
}

static void pad_same(struct axis *a, bool more_before)
{
    int64_t out = (a->in + a->stride - 1) / a->stride;
    int64_t total = (out - 1) * a->stride + reach(a) - a->in;

    if (total < 0) total = 0;
    a->before = more_before ? total - total / 2 : total / 2;
    a->after = total - a->before;
}

static int slide(struct sedge_importer *p, struct axis *a, bool ceil)
{
    int64_t span = a->in + a->before + a->after - reach(a);

    if (span < 0)
        return sedge_imp_fail(p, SEDGE_E_INVALID, "a window of %lld on %lld pixels", (long long)reach(a),
                              (long long)a->in + a->before + a->after);
    a->out = span / a->stride + 1;
    if (ceil && span % a->stride && a->out * a->stride < a->in + a->before) a->out++;
    span = (a->out - 1) * a->stride + reach(a) - a->in - a->before;
    if (span > a->after) a->after = span; /* only with `ceil` */
    return 0;
}

static int read_window(struct sedge_importer *p, const struct sedge_shape *x, int64_t kh, int64_t kw, struct axis ax[2])
{
    const struct sedge_onnx_attr *mode = sedge_imp_attr(p, "auto_pad");
    bool ceil = sedge_imp_int(p, "ceil_mode", 0) != 0;
    int64_t strides[2], dilations[2], pads[4];

    if (list_attr(p, "strides", 1, 1, 2, strides) || list_attr(p, "dilations", 1, 1, 2, dilations) ||
        list_attr(p, "pads", 0, 0, 4, pads))
        return -1;
    for (int i = 0; i < 2; i++) {
        ax[i] = (struct axis){x->dims[2 + i], i ? kw : kh, strides[i], dilations[i], pads[i], pads[2 + i], 0};
        if (mode && sedge_slice_is(mode->s, "VALID")) ax[i].before = ax[i].after = 0;
        if (mode && sedge_slice_is(mode->s, "SAME_UPPER")) pad_same(&ax[i], false);
        if (mode && sedge_slice_is(mode->s, "SAME_LOWER")) pad_same(&ax[i], true);
        if (slide(p, &ax[i], ceil)) return -1;
    }
    return 0;
}

static struct sedge_window window_of(const struct axis ax[2])
{
    return (struct sedge_window){(uint32_t)ax[0].kernel, (uint32_t)ax[1].kernel,   (uint32_t)ax[0].stride,
                                 (uint32_t)ax[1].stride, (uint32_t)ax[0].dilation, (uint32_t)ax[1].dilation,
                                 (uint32_t)ax[0].before, (uint32_t)ax[1].before,   (uint32_t)ax[0].after,
                                 (uint32_t)ax[1].after};
}

static int image_in(struct sedge_importer *p, int *value, struct sedge_shape *shape)
{
    if (sedge_imp_value(p, 0, value)) return -1;
    *shape = p->g->values[*value].shape;
    if (shape->rank == 3) {
        *shape = (struct sedge_shape){4, {shape->dims[0], shape->dims[1], 1, shape->dims[2]}};
        return sedge_imp_reshaped(p, *value, shape, value);
    }
    if (shape->rank != 4)
        return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED,
                              "an input of %d dimensions, expected 4 (batch, channels, height, width)", shape->rank);
    return 0;
}

static int finish_image(struct sedge_importer *p, struct sedge_op *op, const struct sedge_shape *y)
{
    const struct sedge_shape line = {3, {y->dims[0], y->dims[1], y->dims[3]}};
    int value;

    if (!is_line(p)) return sedge_imp_finish(p, op, y);
    if (sedge_imp_between(p, op, SEDGE_ONNX_FLOAT, y, &value) || sedge_imp_reshaped(p, value, &line, &value)) return -1;
    sedge_imp_bind_value(p, value);
    return 0;
}

/* ---- convolution ---- */

/* The kernel and its size; `d` has room for four extents. */
static const struct sedge_onnx_tensor *read_kernel(struct sedge_importer *p, int64_t *d)
{
    const struct sedge_onnx_tensor *w = sedge_imp_const(p, 1, "the kernel");
    int rank = is_line(p) ? 3 : 4;
    int64_t kernel[2];

    if (!w || !sedge_imp_floats(p, 1, "the kernel", w->count)) return NULL;
    if (w->shape.rank != rank || w->count == 0) {
        (void)sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "a kernel of %d dimensions, expected %d", w->shape.rank, rank);
        return NULL;
    }
    memcpy(d, w->shape.dims, 4 * sizeof(*d));
    if (rank == 3) d[3] = d[2], d[2] = 1;
    kernel[0] = d[2];
    kernel[1] = d[3];
    if (sedge_imp_attr(p, "kernel_shape") && list_attr(p, "kernel_shape", 1, 1, 2, kernel)) return NULL;
    if (kernel[0] == d[2] && kernel[1] == d[3] && d[2] <= SEDGE_DLR_WINDOW_MAX && d[3] <= SEDGE_DLR_WINDOW_MAX)
        return w;
    (void)sedge_imp_fail(p, SEDGE_E_INVALID, "kernel_shape is not that of the kernel, or over %d",
                         SEDGE_DLR_WINDOW_MAX);
    return NULL;
}

/* Weights of a convolution, or of a transposed one, whose kernel has inputs and outputs the other way round. */
static int conv_weights(struct sedge_importer *p, const struct sedge_shape *x, bool transposed, struct sedge_op *op)
{
    int64_t groups = sedge_imp_int(p, "group", 1), d[4], inputs;

    op->weights = read_kernel(p, d);
    if (!op->weights) return -1;
    inputs = transposed ? d[0] : d[1] * groups;
    if (groups < 1 || groups > d[0] || d[0] % groups || inputs != x->dims[1])
        return sedge_imp_fail(p, SEDGE_E_INVALID,
                              "a kernel for %lld channels in %lld groups on an input of %lld channels",
                              (long long)(transposed ? d[0] : d[1]), (long long)groups, (long long)x->dims[1]);
    op->groups = (uint32_t)groups;
    op->ic = (size_t)(transposed ? d[0] / groups : d[1]);
    op->oc = (size_t)(transposed ? d[1] : d[0] / groups);
    op->win.kh = (uint32_t)d[2];
    op->win.kw = (uint32_t)d[3];
    if (!sedge_imp_has(p, 2)) return 0;
    op->bias = sedge_imp_floats(p, 2, "the bias", op->groups * op->oc);
    return op->bias ? 0 : -1;
}

static int finish_conv(struct sedge_importer *p, enum sedge_op_kind kind, int value, const struct sedge_op *parts,
                       const struct axis ax[2])
{
    struct sedge_op *op = sedge_imp_new_op(p, kind, 1);
    struct sedge_shape y = {4, {p->g->values[value].shape.dims[0], (int64_t)(parts->groups * parts->oc)}};

    op->in[0] = value;
    op->win = window_of(ax);
    op->weights = parts->weights;
    op->bias = parts->bias;
    op->groups = parts->groups;
    op->ic = parts->ic;
    op->oc = parts->oc;
    memcpy(op->pre, parts->pre, sizeof(op->pre));
    y.dims[2] = ax[0].out;
    y.dims[3] = ax[1].out;
    return finish_image(p, op, &y);
}

int sedge_imp_conv(struct sedge_importer *p)
{
    struct sedge_op parts = {0};
    struct sedge_shape x;
    struct axis ax[2];
    int value;

    if (image_in(p, &value, &x) || conv_weights(p, &x, false, &parts)) return -1;
    if (read_window(p, &x, parts.win.kh, parts.win.kw, ax)) return -1;
    return finish_conv(p, SEDGE_OP_CONV, value, &parts, ax);
}

/* The extent of the output, or the padding that makes it what is wished (0: nothing is). `more` pixels come at the end.
 */
static int spread(struct sedge_importer *p, struct axis *a, int64_t *more, int64_t wish)
{
    const struct sedge_onnx_attr *mode = sedge_imp_attr(p, "auto_pad");
    int64_t natural = a->stride * (a->in - 1) + *more + reach(a), total;

    if (mode && sedge_slice_is(mode->s, "VALID")) a->before = a->after = 0;
    if (!wish && mode && (sedge_slice_is(mode->s, "SAME_UPPER") || sedge_slice_is(mode->s, "SAME_LOWER")))
        wish = a->in * a->stride;
    if (wish) {
        if (wish > natural) *more += wish - natural;
        total = wish > natural ? 0 : natural - wish;
        natural = wish + total;
        a->before = mode && sedge_slice_is(mode->s, "SAME_UPPER") ? total / 2 : total - total / 2;
        a->after = total - a->before;
    }
    a->out = natural - a->before - a->after;
    if (*more >= a->stride || a->out < 1 || a->before < 0 || a->after < 0)
        return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "%lld pixels out of %lld, %lld of them added at the end",
                              (long long)a->out, (long long)a->in, (long long)*more);
    return 0;
}

int sedge_imp_conv_transpose(struct sedge_importer *p)
{
    int64_t strides[2], dilations[2], pads[4], more[2], wish[2];
    struct sedge_op parts = {0};
    struct sedge_shape x;
    struct axis ax[2];
    int value;

    if (image_in(p, &value, &x) || conv_weights(p, &x, true, &parts)) return -1;
    if (list_attr(p, "strides", 1, 1, 2, strides) || list_attr(p, "dilations", 1, 1, 2, dilations) ||
        list_attr(p, "pads", 0, 0, 4, pads) || list_attr(p, "output_padding", 0, 0, 2, more) ||
        list_attr(p, "output_shape", 0, 0, 2, wish))
        return -1;
    for (int i = 0; i < 2; i++) {
        ax[i] = (struct axis){
            x.dims[2 + i], i ? parts.win.kw : parts.win.kh, strides[i], dilations[i], pads[i], pads[2 + i], 0};
        if (spread(p, &ax[i], &more[i], wish[i])) return -1;
        parts.pre[i] = (size_t)more[i];
    }
    return finish_conv(p, SEDGE_OP_DECONV, value, &parts, ax);
}

/* ---- batch normalisation ---- */

static float float_of(const struct sedge_onnx_tensor *t, size_t i)
{
    float v;
    memcpy(&v, t->data.p + i * sizeof(v), sizeof(v));
    return v;
}

/* y*s + t after what the operator does already. */
static void compose(struct sedge_op *op, const float *s, const float *t, size_t n)
{
    bool fresh = op->scale == NULL;

    if (fresh) {
        op->scale = sedge_xcalloc(n, sizeof(float));
        op->shift = sedge_xcalloc(n, sizeof(float));
    }
    for (size_t i = 0; i < n; i++) {
        op->scale[i] = fresh ? s[i] : op->scale[i] * s[i];
        op->shift[i] = fresh ? t[i] : op->shift[i] * s[i] + t[i];
    }
}

static int finish_reshaped(struct sedge_importer *p, struct sedge_op *op, const struct sedge_shape *x,
                           const struct sedge_shape *y)
{
    int value;

    if (sedge_imp_between(p, op, SEDGE_ONNX_FLOAT, x, &value) || sedge_imp_reshaped(p, value, y, &value)) return -1;
    sedge_imp_bind_value(p, value);
    return 0;
}

/* `whole` is the shape of the result; that of the value may have fewer dimensions. */
static int norm_alone(struct sedge_importer *p, int value, const float *s, const float *t,
                      const struct sedge_shape *whole)
{
    const struct sedge_shape x = p->g->values[value].shape;
    struct sedge_op *op = sedge_imp_new_op(p, SEDGE_OP_CONV, 1);

    op->in[0] = value;
    op->win = (struct sedge_window){1, 1, 1, 1, 1, 1, 0, 0, 0, 0};
    op->groups = (uint32_t)x.dims[1];
    op->ic = op->oc = 1;
    compose(op, s, t, (size_t)x.dims[1]);
    return x.rank == whole->rank ? sedge_imp_finish(p, op, &x) : finish_reshaped(p, op, &x, whole);
}

int sedge_imp_norm(struct sedge_importer *p)
{
    const struct sedge_onnx_tensor *part[4]; /* scale, bias, mean, variance */
    static const char *const what[4] = {"scale", "B", "mean", "var"};
    sedge_auto_free float *s = NULL, *t = NULL;
    float eps = sedge_imp_float(p, "epsilon", 1e-5f);
    struct sedge_op *op;
    size_t n;
    int value;

    if (sedge_imp_value(p, 0, &value)) return -1;
    const struct sedge_shape x = p->g->values[value].shape;
    if (x.rank < 2 || sedge_imp_int(p, "training_mode", 0))
        return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "an input of %d dimensions, or training", x.rank);
    n = (size_t)x.dims[1];
    for (size_t i = 0; i < 4; i++) {
        part[i] = sedge_imp_floats(p, i + 1, what[i], n);
        if (!part[i]) return -1;
    }
    s = sedge_xcalloc(n, sizeof(*s));
    t = sedge_xcalloc(n, sizeof(*t));
    for (size_t i = 0; i < n; i++) {
        s[i] = float_of(part[0], i) / sqrtf(float_of(part[3], i) + eps);
        t[i] = float_of(part[1], i) - float_of(part[2], i) * s[i];
    }
    op = sedge_imp_sole_producer(p, value);
    if (x.rank != 2 && x.rank != 4) {
        const struct sedge_shape flat = {
            4, {x.dims[0], x.dims[1], (int64_t)(p->g->values[value].count / n) / x.dims[0], 1}};
        return sedge_imp_reshaped(p, value, &flat, &value) || norm_alone(p, value, s, t, &x) ? -1 : 0;
    }
    if (!op || (op->kind != SEDGE_OP_CONV && op->kind != SEDGE_OP_FC && op->kind != SEDGE_OP_DECONV) ||
        op->min > -INFINITY || op->max < INFINITY)
        return norm_alone(p, value, s, t, &x);
    compose(op, s, t, n);
    return sedge_imp_pass(p);
}

/* ---- pooling ---- */

/* Padding that counts in the average: zeros are put around the image first. */
static int pad_first(struct sedge_importer *p, int *value, struct axis ax[2])
{
    const struct sedge_shape x = p->g->values[*value].shape;
    struct sedge_op *op = sedge_imp_new_op(p, SEDGE_OP_PAD, 1);
    struct sedge_shape y = x;

    op->in[0] = *value;
    op->axes = sedge_value_memory(&x, op->dims);
    for (int i = 0; i < 2; i++) {
        op->pre[1 + i] = (size_t)ax[i].before;
        op->post[1 + i] = (size_t)ax[i].after;
        y.dims[2 + i] += ax[i].before + ax[i].after;
        ax[i].before = ax[i].after = 0;
    }
    if (sedge_imp_new_value(p, &y, value)) return -1;
    op->out = *value;
    return 0;
}

static int check_pool(struct sedge_importer *p, const struct axis ax[2], bool average)
{
    for (int i = 0; i < 2; i++) {
        if (ax[i].before >= reach(&ax[i]) || ax[i].after >= reach(&ax[i]))
            return sedge_imp_fail(p, SEDGE_E_INVALID, "padding %lld as wide as the window",
                                  (long long)(ax[i].before > ax[i].after ? ax[i].before : ax[i].after));
        if (average && ax[i].dilation != 1)
            return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "an average with dilation is not supported");
    }
    return 0;
}

int sedge_imp_pool(struct sedge_importer *p)
{
    bool average = sedge_slice_is(p->node->op, "AveragePool");
    bool padded;
    int64_t kernel[2];
    struct sedge_shape x, y;
    struct axis ax[2];
    struct sedge_op *op;
    int value;

    if (image_in(p, &value, &x) || list_attr(p, "kernel_shape", 0, 1, 2, kernel)) return -1;
    if (kernel[0] < 1) return sedge_imp_fail(p, SEDGE_E_INVALID, "kernel_shape is missing");
    if (read_window(p, &x, kernel[0], kernel[1], ax) || check_pool(p, ax, average)) return -1;
    y = (struct sedge_shape){4, {x.dims[0], x.dims[1], ax[0].out, ax[1].out}};
    if (kernel[0] == 1 && kernel[1] == 1) {
        if (ax[0].out == x.dims[2] && ax[1].out == x.dims[3]) return sedge_imp_pass(p);
        return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "a window of one pixel with stride or padding");
    }
    padded = ax[0].before || ax[0].after || ax[1].before || ax[1].after;
    if (average && padded && sedge_imp_int(p, "count_include_pad", 0)) {
        if (sedge_imp_int(p, "ceil_mode", 0))
            return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "ceil_mode together with count_include_pad");
        if (pad_first(p, &value, ax)) return -1;
    }
    op = sedge_imp_new_op(p, average ? SEDGE_OP_AVGPOOL : SEDGE_OP_MAXPOOL, 1);
    op->in[0] = value;
    op->win = window_of(ax);
    return finish_image(p, op, &y);
}

/* GlobalAveragePool and GlobalMaxPool. */
int sedge_imp_global_pool(struct sedge_importer *p)
{
    bool average = sedge_slice_is(p->node->op, "GlobalAveragePool");
    struct sedge_shape y;
    struct sedge_op *op;
    int value;

    if (sedge_imp_value(p, 0, &value)) return -1;
    y = p->g->values[value].shape;
    if (y.rank < 3) return sedge_imp_fail(p, SEDGE_E_INVALID, "an input of %d dimensions, expected 3 or more", y.rank);
    op = sedge_imp_new_op(p, average && y.rank == 4 ? SEDGE_OP_MEAN : SEDGE_OP_REDUCE, 1);
    op->in[0] = value;
    op->func = average ? SEDGE_R_MEAN : SEDGE_R_MAX;
    for (int i = 2; i < y.rank; i++)
        y.dims[i] = 1;
    return op->kind == SEDGE_OP_MEAN ? sedge_imp_finish(p, op, &y) : sedge_imp_finish_as(p, op, SEDGE_ONNX_FLOAT, &y);
}
