/* Kernels that make more or fewer pixels: resizing, and what is around the edges. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernels.h"

/* ---- where a pixel comes from ---- */

/* Up to four elements along an axis and their shares. */
struct tap {
    size_t at[4];
    float share[4];
};

struct axis {
    size_t in, out, taps;
    double factor;
    struct tap *tap; /* one for each element of the output */
};

static double source_of(const struct sedge_op *op, const struct axis *a, size_t i)
{
    double x = (double)i, length = (double)a->in * a->factor;

    switch (op->resize.coords) {
    case SEDGE_COORD_HALF:
        return (x + 0.5) / a->factor - 0.5;
    case SEDGE_COORD_HALF_OR_0:
        return a->out > 1 ? (x + 0.5) / a->factor - 0.5 : 0;
    case SEDGE_COORD_CORNERS:
        return length > 1 ? x * (double)(a->in - 1) / (length - 1) : 0;
    case SEDGE_COORD_PLAIN:
        break;
    }
    return x / a->factor;
}

static double rounded(enum sedge_rounding r, double x)
{
    if (r == SEDGE_ROUND_HALF_DOWN) return ceil(x - 0.5);
    if (r == SEDGE_ROUND_HALF_UP) return floor(x + 0.5);
    return r == SEDGE_ROUND_DOWN ? floor(x) : ceil(x);
}

/* The share of an element that is `d` away. */
static double cubic(double a, double d)
{
    d = fabs(d);
    if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

static size_t inside(double x, size_t n)
{
    if (!(x > 0)) return 0;
    return x < (double)n ? (size_t)x : n - 1;
}

static void set_tap(const struct sedge_op *op, const struct axis *a, size_t i)
{
    double x = source_of(op, a, i), first = floor(x) - (a->taps == 4), sum = 0;
    struct tap *t = &a->tap[i];

    if (a->taps == 1) {
        *t =
            (struct tap){{a->in == a->out && a->factor == 1 ? i : inside(rounded(op->resize.rounding, x), a->in)}, {1}};
        return;
    }
    for (size_t k = 0; k < a->taps; k++) {
        double at = first + (double)k, share = a->taps == 2 ? 1 - fabs(x - at) : cubic((double)op->alpha, x - at);
        if (a->taps == 4 && op->resize.exclude && (at < 0 || at >= (double)a->in)) share = 0;
        t->at[k] = inside(at, a->in);
        t->share[k] = (float)share;
        sum += share;
    }
    for (size_t k = 0; k < a->taps && op->resize.exclude && fabs(sum) > 0; k++)
        t->share[k] = (float)((double)t->share[k] / sum);
}

/* The tables of all axes, in one piece of memory that the caller frees. */
static struct tap *make_taps(const struct sedge_call *c, struct axis *axes, int rank)
{
    static const size_t taps[] = {[SEDGE_RESIZE_NEAREST] = 1, [SEDGE_RESIZE_LINEAR] = 2, [SEDGE_RESIZE_CUBIC] = 4};
    struct tap *all, *next;
    size_t n = 0;

    for (int a = 0; a < rank; a++)
        n += axes[a].out;
    next = all = sedge_xcalloc(n + 1, sizeof(*all));
    for (int a = 0; a < rank; a++) {
        bool same = axes[a].in == axes[a].out && axes[a].factor == 1;
        axes[a].taps = same ? 1 : taps[c->op->func];
        axes[a].tap = next;
        next += axes[a].out;
        for (size_t i = 0; i < axes[a].out; i++)
            set_tap(c->op, &axes[a], i);
    }
    return all;
}

/* ---- resizing ---- */

/* Adds up what one place of the outer axes takes: each choice of one tap per axis, `inner` elements at once. */
static void gather_taps(const struct axis *axes, int rank, const size_t *i, size_t inner, const float *x, float *y)
{
    size_t choice[SEDGE_DLR_RANK_MAX] = {0};

    memset(y, 0, inner * sizeof(*y));
    for (;;) {
        size_t at = 0;
        float share = 1;
        int a;
        for (a = 0; a < rank; a++) {
            at = at * axes[a].in + axes[a].tap[i[a]].at[choice[a]];
            share *= axes[a].tap[i[a]].share[choice[a]];
        }
        for (size_t k = 0; k < inner; k++)
            y[k] += share * x[at * inner + k];
        for (a = rank - 1; a >= 0 && ++choice[a] == axes[a].taps; a--)
            choice[a] = 0;
        if (a < 0) return;
    }
}

int sedge_kernel_resize(const struct sedge_call *c)
{
    size_t in[SEDGE_DLR_RANK_MAX], inner = 1, count = sedge_call_value(c, c->op->out)->count;
    struct axis axes[SEDGE_DLR_RANK_MAX];
    const float *x = sedge_call_in(c, 0);
    float *y = sedge_call_out(c);
    struct sedge_walk w = {.operands = 0};

    w.rank = sedge_value_memory(&sedge_call_value(c, c->op->out)->shape, w.extent);
    (void)sedge_value_memory(&sedge_call_value(c, c->op->in[0])->shape, in);
    for (int a = 0; a < w.rank; a++)
        axes[a] = (struct axis){in[a], w.extent[a], 1, (double)c->op->resize.factor[a], NULL};
    struct tap *taps = make_taps(c, axes, w.rank);
    if (w.rank > 0 && axes[w.rank - 1].in == axes[w.rank - 1].out && axes[w.rank - 1].factor == 1)
        inner = axes[--w.rank].in;
    for (size_t n = 0; n < count; n += inner, sedge_walk_next(&w))
        gather_taps(axes, w.rank, w.i, inner, x, y + n);
    free(taps);
    return 0;
}

/* ---- edges ---- */

/* The element that stands at place i, which may be outside 0..n-1; -1: the fill. */
static ptrdiff_t element_at(enum sedge_pad_mode mode, ptrdiff_t i, ptrdiff_t n)
{
    ptrdiff_t period = 2 * (n - 1);

    if (i >= 0 && i < n) return i;
    if (mode == SEDGE_PAD_CONSTANT) return -1;
    if (mode == SEDGE_PAD_EDGE) return i < 0 ? 0 : n - 1;
    if (mode == SEDGE_PAD_WRAP) return (i % n + n) % n;
    if (period == 0) return 0;
    i = (i % period + period) % period;
    return i < n ? i : period - i;
}

int sedge_kernel_edge(const struct sedge_call *c)
{
    const struct sedge_value *out = sedge_call_value(c, c->op->out);
    size_t width = sedge_onnx_width(out->dtype), in[SEDGE_DLR_RANK_MAX];
    struct sedge_walk w = {.operands = 0};
    const char *x = sedge_call_in(c, 0), *fill = (const char *)&c->op->fill_bytes;
    char *y = sedge_call_out(c);

    if (out->dtype == SEDGE_ONNX_FLOAT) fill = (const char *)&c->op->fill;
    w.rank = sedge_value_memory(&out->shape, w.extent);
    (void)sedge_value_memory(&sedge_call_value(c, c->op->in[0])->shape, in);
    for (size_t n = 0; n < out->count; n++, sedge_walk_next(&w)) {
        size_t at = 0;
        bool outside = false;
        for (int a = 0; a < w.rank; a++) {
            ptrdiff_t i = (ptrdiff_t)w.i[a] - c->op->stride[a];
            i = element_at((enum sedge_pad_mode)c->op->func, i, (ptrdiff_t)in[a]);
            outside = outside || i < 0;
            at = at * in[a] + (size_t)(i < 0 ? 0 : i);
        }
        memcpy(y + n * width, outside ? fill : x + at * width, width);
    }
    return 0;
}
