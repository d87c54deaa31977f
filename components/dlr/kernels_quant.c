/* Kernels between float32 and 8 bits: value = (stored - zero point) * scale. */
#include <math.h>

#include "kernels.h"

static int64_t zero_point(const struct sedge_call *c, const struct sedge_walk *w)
{
    if (c->op->nin < 3) return 0;
    return sedge_load_int(sedge_call_in(c, 2), (size_t)w->at[2], sedge_call_value(c, c->op->in[2])->dtype);
}

int sedge_kernel_quantize(const struct sedge_call *c)
{
    const struct sedge_value *out = sedge_call_value(c, c->op->out);
    float low = out->dtype == SEDGE_ONNX_INT8 ? -128 : 0, high = out->dtype == SEDGE_ONNX_INT8 ? 127 : 255;
    const float *x = sedge_call_in(c, 0), *scale = sedge_call_in(c, 1);
    struct sedge_walk w = sedge_walk_broadcast(c);
    void *y = sedge_call_out(c);

    for (size_t i = 0; i < out->count; i++, sedge_walk_next(&w)) {
        float v = nearbyintf(x[w.at[0]] / scale[w.at[1]]) + (float)zero_point(c, &w); /* halves to even */
        sedge_store_int(y, i, out->dtype, isnan(v) ? 0 : (int64_t)fmaxf(low, fminf(high, v)));
    }
    return 0;
}

int sedge_kernel_dequantize(const struct sedge_call *c)
{
    const struct sedge_value *in = sedge_call_value(c, c->op->in[0]);
    const float *scale = sedge_call_in(c, 1);
    const void *x = sedge_call_in(c, 0);
    struct sedge_walk w = sedge_walk_broadcast(c);
    float *y = sedge_call_out(c);

    for (size_t i = 0; i < in->count; i++, sedge_walk_next(&w))
        y[i] = (float)(sedge_load_int(x, (size_t)w.at[0], in->dtype) - zero_point(c, &w)) * scale[w.at[1]];
    return 0;
}
