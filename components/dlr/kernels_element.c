/* Kernels on single elements: functions, arithmetic and comparison of all types, conversion. */
#include <math.h>
#include <string.h>

#include "kernels.h"

/* ---- elements ---- */

int64_t sedge_load_int(const void *p, size_t i, int64_t dtype)
{
    if (dtype == SEDGE_ONNX_INT64) return ((const int64_t *)p)[i];
    if (dtype == SEDGE_ONNX_INT32) return ((const int32_t *)p)[i];
    return dtype == SEDGE_ONNX_INT8 ? ((const int8_t *)p)[i] : ((const uint8_t *)p)[i];
}

void sedge_store_int(void *p, size_t i, int64_t dtype, int64_t v)
{
    if (dtype == SEDGE_ONNX_INT64)
        ((int64_t *)p)[i] = v;
    else if (dtype == SEDGE_ONNX_INT32)
        ((int32_t *)p)[i] = (int32_t)v;
    else if (dtype == SEDGE_ONNX_BOOL)
        ((uint8_t *)p)[i] = v != 0;
    else
        ((uint8_t *)p)[i] = (uint8_t)v;
}

/* ---- one operand ---- */

/* With the parameters a and b where the function has some. */
static float unary(enum sedge_unary f, float x, float a, float b)
{
    switch (f) {
    case SEDGE_U_ABS:
        return fabsf(x);
    case SEDGE_U_ACOS:
        return acosf(x);
    case SEDGE_U_ASIN:
        return asinf(x);
    case SEDGE_U_ATAN:
        return atanf(x);
    case SEDGE_U_CEIL:
        return ceilf(x);
    case SEDGE_U_CELU:
        return fmaxf(x, 0) + fminf(0, a * expm1f(x / a));
    case SEDGE_U_COS:
        return cosf(x);
    case SEDGE_U_ELU:
        return x < 0 ? a * expm1f(x) : x;
    case SEDGE_U_ERF:
        return erff(x);
    case SEDGE_U_EXP:
        return expf(x);
    case SEDGE_U_FLOOR:
        return floorf(x);
    case SEDGE_U_HARDSIGMOID:
        return fmaxf(0, fminf(1, a * x + b));
    case SEDGE_U_LOG:
        return logf(x);
    case SEDGE_U_NEG:
        return -x;
    case SEDGE_U_RECIPROCAL:
        return 1 / x;
    case SEDGE_U_ROUND:
        return nearbyintf(x); /* halves to even */
    case SEDGE_U_SELU:
        return b * (x > 0 ? x : a * expm1f(x));
    case SEDGE_U_SIGN:
        return (float)((x > 0) - (x < 0));
    case SEDGE_U_SIN:
        return sinf(x);
    case SEDGE_U_SOFTPLUS:
        return fmaxf(x, 0) + log1pf(expf(-fabsf(x)));
    case SEDGE_U_SOFTSIGN:
        return x / (1 + fabsf(x));
    case SEDGE_U_SQRT:
        return sqrtf(x);
    case SEDGE_U_TAN:
        return tanf(x);
    case SEDGE_U_TANH:
        return tanhf(x);
    case SEDGE_U_THRESHOLDED:
        return x > a ? x : 0;
    case SEDGE_U_NOT:
        break;
    }
    return x;
}

int sedge_kernel_unary(const struct sedge_call *c)
{
    size_t n = sedge_call_value(c, c->op->out)->count;
    const void *x = sedge_call_in(c, 0);
    void *y = sedge_call_out(c);

    if (c->op->func == SEDGE_U_NOT)
        for (size_t i = 0; i < n; i++)
            ((uint8_t *)y)[i] = ((const uint8_t *)x)[i] == 0;
    else
        for (size_t i = 0; i < n; i++)
            ((float *)y)[i] = unary((enum sedge_unary)c->op->func, ((const float *)x)[i], c->op->alpha, c->op->beta);
    return 0;
}

/* ---- two operands ---- */

static float of_floats(enum sedge_binary f, float a, float b)
{
    switch (f) {
    case SEDGE_B_ADD:
        return a + b;
    case SEDGE_B_SUB:
        return a - b;
    case SEDGE_B_MUL:
        return a * b;
    case SEDGE_B_DIV:
        return a / b;
    case SEDGE_B_MAX:
        return fmaxf(a, b);
    case SEDGE_B_MIN:
        return fminf(a, b);
    case SEDGE_B_POW:
        return powf(a, b);
    case SEDGE_B_PRELU:
        return a < 0 ? a * b : a;
    case SEDGE_B_EQUAL:
    case SEDGE_B_LESS:
    case SEDGE_B_LESS_EQUAL:
    case SEDGE_B_GREATER:
    case SEDGE_B_GREATER_EQUAL:
    case SEDGE_B_AND:
    case SEDGE_B_OR:
    case SEDGE_B_XOR:
        break;
    }
    return 0;
}

/* Sums and products wrap around, as the machine does it. */
static int64_t of_ints(enum sedge_binary f, int64_t a, int64_t b)
{
    switch (f) {
    case SEDGE_B_ADD:
        return (int64_t)((uint64_t)a + (uint64_t)b);
    case SEDGE_B_SUB:
        return (int64_t)((uint64_t)a - (uint64_t)b);
    case SEDGE_B_MUL:
        return (int64_t)((uint64_t)a * (uint64_t)b);
    case SEDGE_B_DIV:
        if (b == -1) return (int64_t)(0 - (uint64_t)a);
        return b ? a / b : 0;
    case SEDGE_B_MAX:
        return a > b ? a : b;
    case SEDGE_B_MIN:
        return a < b ? a : b;
    case SEDGE_B_AND:
        return a && b;
    case SEDGE_B_OR:
        return a || b;
    case SEDGE_B_XOR:
        return !a != !b;
    case SEDGE_B_POW:
    case SEDGE_B_PRELU:
    case SEDGE_B_EQUAL:
    case SEDGE_B_LESS:
    case SEDGE_B_LESS_EQUAL:
    case SEDGE_B_GREATER:
    case SEDGE_B_GREATER_EQUAL:
        break;
    }
    return 0;
}

/* Of less (-1), equal (0), greater (1), and not comparable (2). */
static bool compares(enum sedge_binary f, int order)
{
    if (f == SEDGE_B_EQUAL) return order == 0;
    if (f == SEDGE_B_LESS) return order == -1;
    if (f == SEDGE_B_LESS_EQUAL) return order == -1 || order == 0;
    return order == 1 || (f == SEDGE_B_GREATER_EQUAL && order == 0);
}

static int order_of(const void *x, const void *y, size_t i, size_t k, int64_t dtype)
{
    if (dtype == SEDGE_ONNX_FLOAT) {
        float a = ((const float *)x)[i], b = ((const float *)y)[k];
        return a < b ? -1 : a > b ? 1 : isnan(a) || isnan(b) ? 2 : 0;
    }
    int64_t a = sedge_load_int(x, i, dtype), b = sedge_load_int(y, k, dtype);
    return a < b ? -1 : a > b;
}

int sedge_kernel_binary(const struct sedge_call *c)
{
    enum sedge_binary f = (enum sedge_binary)c->op->func;
    const struct sedge_value *out = sedge_call_value(c, c->op->out);
    int64_t dtype = sedge_call_value(c, c->op->in[0])->dtype;
    const void *x = sedge_call_in(c, 0), *y = sedge_call_in(c, 1);
    struct sedge_walk w = sedge_walk_broadcast(c);
    void *z = sedge_call_out(c);

    for (size_t n = 0; n < out->count; n++, sedge_walk_next(&w)) {
        size_t i = (size_t)w.at[0], k = (size_t)w.at[1];
        if (f >= SEDGE_B_EQUAL && f <= SEDGE_B_GREATER_EQUAL)
            ((uint8_t *)z)[n] = compares(f, order_of(x, y, i, k, dtype));
        else if (dtype == SEDGE_ONNX_FLOAT)
            ((float *)z)[n] = of_floats(f, ((const float *)x)[i], ((const float *)y)[k]);
        else
            sedge_store_int(z, n, out->dtype, of_ints(f, sedge_load_int(x, i, dtype), sedge_load_int(y, k, dtype)));
    }
    return 0;
}

/* ---- others ---- */

int sedge_kernel_where(const struct sedge_call *c)
{
    const struct sedge_value *out = sedge_call_value(c, c->op->out);
    size_t width = sedge_onnx_width(out->dtype);
    const uint8_t *condition = sedge_call_in(c, 0);
    const char *x = sedge_call_in(c, 1), *y = sedge_call_in(c, 2);
    struct sedge_walk w = sedge_walk_broadcast(c);
    char *z = sedge_call_out(c);

    for (size_t n = 0; n < out->count; n++, sedge_walk_next(&w))
        if (condition[w.at[0]])
            memcpy(z + n * width, x + (size_t)w.at[1] * width, width);
        else
            memcpy(z + n * width, y + (size_t)w.at[2] * width, width);
    return 0;
}

/* Towards zero; what is no number gives 0, and what is too large the largest. */
static int64_t int_of(float v)
{
    if (isnan(v)) return 0;
    if (v >= 9.2e18f) return INT64_MAX;
    return v <= -9.2e18f ? INT64_MIN : (int64_t)v;
}

int sedge_kernel_cast(const struct sedge_call *c)
{
    const struct sedge_value *out = sedge_call_value(c, c->op->out);
    int64_t from = sedge_call_value(c, c->op->in[0])->dtype;
    const void *x = sedge_call_in(c, 0);
    void *y = sedge_call_out(c);

    for (size_t i = 0; i < out->count; i++) {
        if (from != SEDGE_ONNX_FLOAT) {
            int64_t v = sedge_load_int(x, i, from);
            if (out->dtype == SEDGE_ONNX_FLOAT)
                ((float *)y)[i] = (float)v;
            else
                sedge_store_int(y, i, out->dtype, v);
            continue;
        }
        float v = ((const float *)x)[i];
        sedge_store_int(y, i, out->dtype, out->dtype == SEDGE_ONNX_BOOL ? v < 0 || v > 0 || isnan(v) : int_of(v));
    }
    return 0;
}
