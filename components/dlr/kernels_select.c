/* Kernels that pick elements. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernels.h"

/* The elements along one axis of memory: `n` of them, `inner` apart, in outer*inner rows. */
struct lanes {
    size_t outer, n, inner;
};

static struct lanes lanes_of(const struct sedge_call *c, int value)
{
    struct lanes l = {1, 1, 1};
    size_t dims[SEDGE_DLR_RANK_MAX];
    int rank = sedge_value_memory(&sedge_call_value(c, value)->shape, dims);

    for (int a = 0; a < rank; a++)
        if (a < c->op->axes)
            l.outer *= dims[a];
        else if (a == c->op->axes)
            l.n = dims[a];
        else
            l.inner *= dims[a];
    return l;
}

/* A total order: what is no number is the largest. */
static int order(float a, float b)
{
    if (isnan(a) || isnan(b)) return isnan(a) - isnan(b);
    return (a > b) - (a < b);
}

int sedge_kernel_arg(const struct sedge_call *c)
{
    struct lanes l = lanes_of(c, c->op->in[0]);
    const float *x = sedge_call_in(c, 0);
    int64_t *y = sedge_call_out(c);

    for (size_t o = 0; o < l.outer; o++, x += l.n * l.inner)
        for (size_t i = 0; i < l.inner; i++) {
            size_t best = 0;
            for (size_t k = 1; k < l.n; k++) {
                int cmp = order(x[k * l.inner + i], x[best * l.inner + i]) * (c->op->smallest ? -1 : 1);
                if (cmp > 0 || (cmp == 0 && c->op->last)) best = k;
            }
            *y++ = (int64_t)best;
        }
    return 0;
}

struct ranked {
    float key;
    size_t index;
};

static int largest_first(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    int cmp = order(y->key, x->key);

    return cmp ? cmp : (x->index > y->index) - (x->index < y->index);
}

int sedge_kernel_topk(const struct sedge_call *c)
{
    struct lanes l = lanes_of(c, c->op->in[0]);
    size_t k = lanes_of(c, c->op->out).n;
    sedge_auto_free struct ranked *list = sedge_xcalloc(l.n, sizeof(*list));
    const float *x = sedge_call_in(c, 0);
    int64_t *y = sedge_call_out(c);

    for (size_t o = 0; o < l.outer; o++, x += l.n * l.inner, y += k * l.inner)
        for (size_t i = 0; i < l.inner; i++) {
            for (size_t j = 0; j < l.n; j++)
                list[j] = (struct ranked){c->op->smallest ? -x[j * l.inner + i] : x[j * l.inner + i], j};
            qsort(list, l.n, sizeof(*list), largest_first);
            for (size_t j = 0; j < k; j++)
                y[j * l.inner + i] = (int64_t)list[j].index;
        }
    return 0;
}

/* Of what TOPK gave, so every index is inside. */
int sedge_kernel_take(const struct sedge_call *c)
{
    struct lanes l = lanes_of(c, c->op->in[0]);
    size_t k = lanes_of(c, c->op->out).n;
    const float *x = sedge_call_in(c, 0);
    const int64_t *at = sedge_call_in(c, 1);
    float *y = sedge_call_out(c);

    for (size_t o = 0; o < l.outer; o++, x += l.n * l.inner)
        for (size_t j = 0; j < k; j++)
            for (size_t i = 0; i < l.inner; i++)
                *y++ = x[(size_t)*at++ * l.inner + i];
    return 0;
}

int sedge_kernel_gather(const struct sedge_call *c)
{
    const struct sedge_value *at = sedge_call_value(c, c->op->in[1]);
    size_t row = c->op->cols * sedge_onnx_width(sedge_call_value(c, c->op->out)->dtype);
    int64_t n = (int64_t)c->op->ic;
    const char *x = sedge_call_in(c, 0);
    const void *indices = sedge_call_in(c, 1);
    char *y = sedge_call_out(c);

    for (size_t o = 0; o < c->op->rows; o++, x += row * c->op->ic)
        for (size_t i = 0; i < at->count; i++, y += row) {
            int64_t k = sedge_load_int(indices, i, at->dtype);
            if (k < -n || k >= n)
                return sedge_err_set(c->err, SEDGE_E_INVALID, "Gather: index %lld of %lld", (long long)k, (long long)n);
            memcpy(y, x + (size_t)(k < 0 ? k + n : k) * row, row);
        }
    return 0;
}
