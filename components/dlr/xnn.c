#include "xnn.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xnnpack.h>

#include "base/clock.h"
#include "base/mem.h"
#include "kernels.h"
#include "threads.h"

struct sedge_xnn {
    const struct sedge_graph *g;
    char *arena;
    xnn_operator_t *kernels; /* one for each operator; NULL for those of kernels.h */
    pthreadpool_t pool;      /* NULL: the calling thread alone */
    int threads;
};

static int check(enum xnn_status status, const struct sedge_op *op, struct sedge_err *err)
{
    static const char *const why[] = {"",
                                      "XNNPACK is not initialised",
                                      "a parameter that XNNPACK refuses",
                                      "a wrong state",
                                      "a parameter that XNNPACK does not support",
                                      "this processor is not supported by XNNPACK",
                                      "out of memory"};

    if (status == xnn_status_success) return 0;
    return sedge_err_set(err, status == xnn_status_out_of_memory ? SEDGE_E_LIMIT : SEDGE_E_UNSUPPORTED,
                         "node \"%.*s\": %s", (int)op->node.n, (const char *)op->node.p,
                         (size_t)status < SEDGE_ARRAY_LEN(why) ? why[status] : "XNNPACK failed");
}

/* ---- weights ---- */

/* The pages of the file that hold these weights are not needed any more. */
static void give_back(struct sedge_slice file, const struct sedge_onnx_tensor *t)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)t->data.p, to = from + t->data.n;

    if (from < (uintptr_t)file.p || to > (uintptr_t)file.p + file.n) return;
    from = (from + page - 1) / page * page;
    to = to / page * page;
    if (from >= to) return;
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): the address of a page */
    (void)madvise((void *)from, to - from, MADV_DONTNEED); /* only a hint: clean pages of a file */
}

static float weight_at(const uint8_t *raw, size_t i)
{
    float v;
    memcpy(&v, raw + i * sizeof(v), sizeof(v));
    return v;
}

/* From [outputs][ic][pixels] to [outputs][pixels][ic], scaled. */
static float *conv_kernel(const struct sedge_op *op, size_t outputs)
{
    size_t pixels = (size_t)op->win.kh * op->win.kw;
    float *k = sedge_xcalloc(outputs * op->ic * pixels, sizeof(*k));

    for (size_t o = 0; o < outputs; o++) {
        float scale = op->scale ? op->scale[o] : 1;
        size_t base = o * op->ic * pixels;
        for (size_t c = 0; c < op->ic; c++)
            for (size_t x = 0; x < pixels; x++)
                k[base + x * op->ic + c] =
                    scale * (op->weights ? weight_at(op->weights->data.p, base + c * pixels + x) : 1);
    }
    return k;
}

static float *fc_kernel(const struct sedge_op *op)
{
    size_t n = op->ic * op->oc;
    float *k = sedge_xcalloc(n, sizeof(*k));

    memcpy(k, op->weights->data.p, n * sizeof(*k));
    for (size_t i = 0; i < n && (op->scale || op->alpha < 1 || op->alpha > 1); i++)
        k[i] *= op->alpha * (op->scale ? op->scale[op->transposed ? i % op->oc : i / op->ic] : 1);
    return k;
}

/* NULL when there is nothing to add. */
static float *bias_of(const struct sedge_op *op, size_t outputs, float beta)
{
    float *b;

    if (!op->bias && !op->shift) return NULL;
    b = sedge_xcalloc(outputs, sizeof(*b));
    for (size_t o = 0; o < outputs; o++) {
        if (op->bias) b[o] = beta * weight_at(op->bias->data.p, op->bias->count == 1 ? 0 : o);
        if (op->scale) b[o] = b[o] * op->scale[o] + op->shift[o];
    }
    return b;
}

/* ---- kernels ---- */

static enum xnn_status make_conv(const struct sedge_op *op, struct sedge_slice file, xnn_operator_t *out)
{
    size_t outputs = op->groups * op->oc;
    sedge_auto_free float *kernel = conv_kernel(op, outputs), *bias = bias_of(op, outputs, 1);
    const struct sedge_window *w = &op->win;

    if (op->weights) give_back(file, op->weights);
    return xnn_create_convolution2d_nhwc_f32(w->top, w->right, w->bottom, w->left, w->kh, w->kw, w->sh, w->sw, w->dh,
                                             w->dw, op->groups, op->ic, op->oc, op->groups * op->ic, outputs, kernel,
                                             bias, op->min, op->max, 0, out);
}

/* From [groups*ic][oc][pixels] to [groups*oc][pixels][ic], scaled. */
static float *deconv_kernel(const struct sedge_op *op)
{
    size_t pixels = (size_t)op->win.kh * op->win.kw, outputs = op->groups * op->oc;
    float *k = sedge_xcalloc(outputs * op->ic * pixels, sizeof(*k));

    for (size_t o = 0; o < outputs; o++)
        for (size_t c = 0; c < op->ic; c++)
            for (size_t x = 0; x < pixels; x++)
                k[(o * pixels + x) * op->ic + c] =
                    (op->scale ? op->scale[o] : 1) *
                    weight_at(op->weights->data.p, ((o / op->oc * op->ic + c) * op->oc + o % op->oc) * pixels + x);
    return k;
}

static enum xnn_status make_deconv(const struct sedge_op *op, struct sedge_slice file, xnn_operator_t *out)
{
    size_t outputs = op->groups * op->oc;
    sedge_auto_free float *kernel = deconv_kernel(op), *bias = bias_of(op, outputs, 1);
    const struct sedge_window *w = &op->win;

    give_back(file, op->weights);
    return xnn_create_deconvolution2d_nhwc_f32(w->top, w->right, w->bottom, w->left, w->kh, w->kw, w->sh, w->sw, w->dh,
                                               w->dw, op->groups, op->ic, op->oc, op->groups * op->ic, outputs, kernel,
                                               bias, op->min, op->max, 0, out);
}

static enum xnn_status make_fc(const struct sedge_op *op, struct sedge_slice file, xnn_operator_t *out)
{
    sedge_auto_free float *kernel = fc_kernel(op), *bias = bias_of(op, op->oc, op->beta);

    give_back(file, op->weights);
    return xnn_create_fully_connected_nc_f32(op->ic, op->oc, op->ic, op->oc, kernel, bias, op->min, op->max,
                                             op->transposed ? XNN_FLAG_TRANSPOSE_WEIGHTS : 0, out);
}

static size_t channels_of(const struct sedge_graph *g, int value)
{
    return (size_t)g->values[value].shape.dims[1];
}

static enum xnn_status make_pool(const struct sedge_graph *g, const struct sedge_op *op, xnn_operator_t *out)
{
    const struct sedge_window *w = &op->win;
    size_t c = channels_of(g, op->in[0]);

    if (op->kind == SEDGE_OP_AVGPOOL)
        return xnn_create_average_pooling2d_nhwc_f32(w->top, w->right, w->bottom, w->left, w->kh, w->kw, w->sh, w->sw,
                                                     c, c, c, op->min, op->max, 0, out);
    return xnn_create_max_pooling2d_nhwc_f32(w->top, w->right, w->bottom, w->left, w->kh, w->kw, w->sh, w->sw, w->dh,
                                             w->dw, c, c, c, op->min, op->max, 0, out);
}

static enum xnn_status make(const struct sedge_graph *g, const struct sedge_op *op, struct sedge_slice file,
                            xnn_operator_t *out)
{
    size_t n = g->values[op->in[0]].count;

    switch (op->kind) {
    case SEDGE_OP_CONV:
        return make_conv(op, file, out);
    case SEDGE_OP_DECONV:
        return make_deconv(op, file, out);
    case SEDGE_OP_FC:
        return make_fc(op, file, out);
    case SEDGE_OP_ADD:
        return xnn_create_add_nd_f32(op->min, op->max, 0, out);
    case SEDGE_OP_SUB:
        return xnn_create_subtract_nd_f32(op->min, op->max, 0, out);
    case SEDGE_OP_MUL:
        return xnn_create_multiply_nd_f32(op->min, op->max, 0, out);
    case SEDGE_OP_DIV:
        return xnn_create_divide_nd_f32(op->min, op->max, 0, out);
    case SEDGE_OP_CLAMP:
        return xnn_create_clamp_nc_f32(n, n, n, op->min, op->max, 0, out);
    case SEDGE_OP_SIGMOID:
        return xnn_create_sigmoid_nc_f32(n, n, n, 0, out);
    case SEDGE_OP_HARDSWISH:
        return xnn_create_hardswish_nc_f32(n, n, n, 0, out);
    case SEDGE_OP_MAXPOOL:
    case SEDGE_OP_AVGPOOL:
        return make_pool(g, op, out);
    case SEDGE_OP_MEAN:
        n = channels_of(g, op->in[0]);
        return xnn_create_global_average_pooling_nwc_f32(n, n, n, op->min, op->max, 0, out);
    case SEDGE_OP_SOFTMAX:
        return xnn_create_softmax_nc_f32(op->cols, op->cols, op->cols, 0, out);
    case SEDGE_OP_PAD:
        return xnn_create_constant_pad_nd_x32(&op->fill, 0, out);
    case SEDGE_OP_MAX:
        return xnn_create_maximum_nd_f32(0, out);
    case SEDGE_OP_MIN:
        return xnn_create_minimum_nd_f32(0, out);
    case SEDGE_OP_LEAKYRELU:
        return xnn_create_leaky_relu_nc_f32(n, n, n, op->alpha, 0, out);
#define X(name) case SEDGE_OP_##name:
        SEDGE_KERNEL_OPS(X)
#undef X
        break; /* kernels.h */
    }
    return xnn_status_success;
}

struct sedge_xnn *sedge_xnn_new(const struct sedge_graph *g, struct sedge_slice file, struct sedge_err *err)
{
    struct sedge_xnn *x;

    if (xnn_initialize(NULL) != xnn_status_success) {
        (void)sedge_err_set(err, SEDGE_E_UNSUPPORTED, "this processor is not supported by XNNPACK");
        return NULL;
    }
    x = SEDGE_NEW(struct sedge_xnn);
    x->g = g;
    x->kernels = sedge_xcalloc(g->nops + 1, sizeof(xnn_operator_t));
    for (size_t i = 0; i < g->nops; i++)
        if (check(make(g, &g->ops[i], file, &x->kernels[i]), &g->ops[i], err)) {
            sedge_xnn_free(x);
            return NULL;
        }
    return x;
}

/* ---- memory ---- */

static float *at(const struct sedge_xnn *x, int value)
{
    return sedge_value_at(x->g, x->arena, value); /* offsets are multiples of SEDGE_PLAN_ALIGN */
}

struct extent {
    size_t n, h, w;
};

static struct extent extent_of(const struct sedge_shape *s)
{
    if (s->rank == 4) return (struct extent){(size_t)s->dims[0], (size_t)s->dims[2], (size_t)s->dims[3]};
    return (struct extent){(size_t)s->dims[0], 1, 1};
}

static enum xnn_status setup_binary(struct sedge_xnn *x, const struct sedge_op *op, xnn_operator_t k)
{
    size_t a[SEDGE_DLR_RANK_MAX] = {1}, b[SEDGE_DLR_RANK_MAX] = {1};
    size_t na = (size_t)sedge_value_memory(&x->g->values[op->in[0]].shape, a);
    size_t nb = (size_t)sedge_value_memory(&x->g->values[op->in[1]].shape, b);
    const float *p = at(x, op->in[0]), *q = at(x, op->in[1]);
    float *y = at(x, op->out);

    na += na == 0;
    nb += nb == 0;
    if (op->kind == SEDGE_OP_ADD) return xnn_setup_add_nd_f32(k, na, a, nb, b, p, q, y, x->pool);
    if (op->kind == SEDGE_OP_SUB) return xnn_setup_subtract_nd_f32(k, na, a, nb, b, p, q, y, x->pool);
    if (op->kind == SEDGE_OP_MUL) return xnn_setup_multiply_nd_f32(k, na, a, nb, b, p, q, y, x->pool);
    if (op->kind == SEDGE_OP_MAX) return xnn_setup_maximum_nd_f32(k, na, a, nb, b, p, q, y, x->pool);
    if (op->kind == SEDGE_OP_MIN) return xnn_setup_minimum_nd_f32(k, na, a, nb, b, p, q, y, x->pool);
    return xnn_setup_divide_nd_f32(k, na, a, nb, b, p, q, y, x->pool);
}

static enum xnn_status setup(struct sedge_xnn *x, const struct sedge_op *op, xnn_operator_t k)
{
    const struct sedge_value *in = &x->g->values[op->in[0]];
    struct extent e = extent_of(&in->shape);
    const float *p = at(x, op->in[0]);
    float *y = at(x, op->out);

    switch (op->kind) {
    case SEDGE_OP_CONV:
        return xnn_setup_convolution2d_nhwc_f32(k, e.n, e.h, e.w, p, y, x->pool);
    case SEDGE_OP_DECONV:
        return xnn_setup_deconvolution2d_nhwc_f32(k, e.n, e.h, e.w, (uint32_t)op->pre[0], (uint32_t)op->pre[1], p, y,
                                                  x->pool);
    case SEDGE_OP_FC:
        return xnn_setup_fully_connected_nc_f32(k, in->count / op->ic, p, y, x->pool);
    case SEDGE_OP_ADD:
    case SEDGE_OP_SUB:
    case SEDGE_OP_MUL:
    case SEDGE_OP_DIV:
    case SEDGE_OP_MAX:
    case SEDGE_OP_MIN:
        return setup_binary(x, op, k);
    case SEDGE_OP_CLAMP:
        return xnn_setup_clamp_nc_f32(k, 1, p, y, x->pool);
    case SEDGE_OP_SIGMOID:
        return xnn_setup_sigmoid_nc_f32(k, 1, p, y, x->pool);
    case SEDGE_OP_HARDSWISH:
        return xnn_setup_hardswish_nc_f32(k, 1, p, y, x->pool);
    case SEDGE_OP_MAXPOOL:
        return xnn_setup_max_pooling2d_nhwc_f32(k, e.n, e.h, e.w, p, y, x->pool);
    case SEDGE_OP_AVGPOOL:
        return xnn_setup_average_pooling2d_nhwc_f32(k, e.n, e.h, e.w, p, y, x->pool);
    case SEDGE_OP_MEAN:
        return xnn_setup_global_average_pooling_nwc_f32(k, e.n, e.h * e.w, p, y, x->pool);
    case SEDGE_OP_SOFTMAX:
        return xnn_setup_softmax_nc_f32(k, op->rows, p, y, x->pool);
    case SEDGE_OP_PAD:
        return xnn_setup_constant_pad_nd_x32(k, (size_t)op->axes, op->dims, op->pre, op->post, p, y, x->pool);
    case SEDGE_OP_LEAKYRELU:
        return xnn_setup_leaky_relu_nc_f32(k, 1, p, y, x->pool);
#define X(name) case SEDGE_OP_##name:
        SEDGE_KERNEL_OPS(X)
#undef X
        break;
    }
    return xnn_status_success;
}

int sedge_xnn_bind(struct sedge_xnn *x, void *arena, int threads, struct sedge_err *err)
{
    if (threads != x->threads) {
        if (sedge_threads_pool(&x->pool, threads, err)) return -1;
        x->threads = threads;
    }
    x->arena = arena;
    for (size_t i = 0; i < x->g->nops; i++)
        if (x->kernels[i] && check(setup(x, &x->g->ops[i], x->kernels[i]), &x->g->ops[i], err)) return -1;
    return 0;
}

/* ---- running ---- */

int sedge_xnn_run(struct sedge_xnn *x, struct sedge_err *err)
{
    for (size_t i = 0; i < x->g->nops; i++) {
        if (!x->kernels[i]) {
            if (sedge_kernel_run(x->g, x->arena, &x->g->ops[i], err)) return -1;
        } else if (check(xnn_run_operator(x->kernels[i], x->pool), &x->g->ops[i], err)) {
            return -1;
        }
    }
    return 0;
}

int sedge_xnn_pin(struct sedge_xnn *x, bool pin, struct sedge_err *err)
{
    return sedge_threads_pin(x->pool, pin, err);
}

void sedge_xnn_free(struct sedge_xnn *x)
{
    if (!x) return;
    for (size_t i = 0; i < x->g->nops; i++)
        if (x->kernels[i]) (void)xnn_delete_operator(x->kernels[i]); /* cannot fail for a kernel that was made */
    free(x->kernels);
    pthreadpool_destroy(x->pool);
    free(x);
}
