/* Operators on images that neither weigh nor slide: Resize and Upsample, DepthToSpace, SpaceToDepth, Pad, Tile. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "importer.h"

/* ---- resizing ---- */

struct word {
    const char *text;
    int value;
};

/* The value of a word in an attribute; -1 with a message when it is not known. */
static int word_of(struct sedge_importer *p, const char *name, const char *def, const struct word *words, size_t n)
{
    const struct sedge_onnx_attr *a = sedge_imp_attr(p, name);
    struct sedge_slice s = a ? a->s : (struct sedge_slice){(const uint8_t *)def, strlen(def)};

    for (size_t i = 0; i < n; i++)
        if (sedge_slice_is(s, words[i].text)) return words[i].value;
    return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "%s \"%.*s\" is not supported", name, (int)(s.n < 32 ? s.n : 32),
                          (const char *)s.p);
}

/* Factors of all axes, from the attribute or a constant. Returns how many, 0 when they are left out. */
static int read_factors(struct sedge_importer *p, size_t input, float *factor)
{
    const struct sedge_onnx_attr *a = sedge_imp_attr(p, "scales"); /* Upsample of old */
    const struct sedge_onnx_tensor *t = NULL;
    size_t n = a ? a->nfloats : 0;

    if (sedge_imp_has(p, input)) {
        t = sedge_imp_const(p, input, "scales");
        if (!t || !sedge_imp_floats(p, input, "scales", t->count)) return -1;
        n = t->count;
    }
    if (n > SEDGE_DLR_RANK_MAX) return sedge_imp_fail(p, SEDGE_E_LIMIT, "%zu scales", n);
    if (n) memcpy(factor, t ? (const void *)t->data.p : (const void *)a->floats, n * sizeof(*factor));
    return (int)n;
}

/* Sets the extents of `y` (those of the input before) and the factors. */
static int read_size(struct sedge_importer *p, struct sedge_shape *y, float *factor)
{
    bool inputs = sedge_slice_is(p->node->op, "Resize") && p->m->opset >= 11; /* has an input roi */
    int64_t size[SEDGE_DLR_RANK_MAX];
    int n = read_factors(p, inputs ? 2 : 1, factor), sizes = 0;

    if (n < 0) return -1;
    if (n == 0 && inputs) sizes = sedge_imp_list(p, 3, NULL, size);
    if (sizes < 0) return -1;
    if ((n ? n : sizes) != y->rank)
        return sedge_imp_fail(p, SEDGE_E_INVALID, "%d sizes for %d dimensions", n ? n : sizes, y->rank);
    for (int i = 0; i < y->rank; i++) {
        double extent = n ? floor((double)y->dims[i] * (double)factor[i]) : (double)size[i];
        if (!(extent >= 1 && extent <= (double)SEDGE_DLR_EXTENT_MAX))
            return sedge_imp_fail(p, SEDGE_E_INVALID, "an extent of %g", extent);
        if (!n) factor[i] = (float)(extent / (double)y->dims[i]);
        y->dims[i] = (int64_t)extent;
    }
    return 0;
}

static int read_modes(struct sedge_importer *p, struct sedge_resize *r, enum sedge_resize_mode *mode)
{
    static const struct word modes[] = {
        {"nearest", SEDGE_RESIZE_NEAREST}, {"linear", SEDGE_RESIZE_LINEAR}, {"cubic", SEDGE_RESIZE_CUBIC}};
    static const struct word coords[] = {{"half_pixel", SEDGE_COORD_HALF},
                                         {"pytorch_half_pixel", SEDGE_COORD_HALF_OR_0},
                                         {"align_corners", SEDGE_COORD_CORNERS},
                                         {"asymmetric", SEDGE_COORD_PLAIN}};
    static const struct word rounding[] = {{"round_prefer_floor", SEDGE_ROUND_HALF_DOWN},
                                           {"round_prefer_ceil", SEDGE_ROUND_HALF_UP},
                                           {"floor", SEDGE_ROUND_DOWN},
                                           {"ceil", SEDGE_ROUND_UP}};
    bool old = p->m->opset < 11 || sedge_slice_is(p->node->op, "Upsample");
    int m = word_of(p, "mode", "nearest", modes, SEDGE_ARRAY_LEN(modes)), c, n;

    if (m < 0) return -1;
    c = word_of(p, "coordinate_transformation_mode", old ? "asymmetric" : "half_pixel", coords,
                SEDGE_ARRAY_LEN(coords));
    n = c < 0 ? -1
              : word_of(p, "nearest_mode", old ? "floor" : "round_prefer_floor", rounding, SEDGE_ARRAY_LEN(rounding));
    if (n < 0) return -1;
    if (sedge_imp_attr(p, "axes") || sedge_imp_int(p, "antialias", 0))
        return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "axes and antialias are not supported");
    *mode = (enum sedge_resize_mode)m;
    r->coords = (enum sedge_coords)c;
    r->rounding = (enum sedge_rounding)n;
    r->exclude = sedge_imp_int(p, "exclude_outside", 0) != 0;
    return 0;
}

/* Resize and Upsample. */
int sedge_imp_resize(struct sedge_importer *p)
{
    float factor[SEDGE_DLR_RANK_MAX] = {0};
    struct sedge_resize r = {0};
    enum sedge_resize_mode mode = SEDGE_RESIZE_NEAREST;
    struct sedge_shape y;
    struct sedge_op *op;
    int value, resized = 0;

    if (sedge_imp_value(p, 0, &value)) return -1;
    y = p->g->values[value].shape;
    if (read_modes(p, &r, &mode) || read_size(p, &y, factor)) return -1;
    for (int i = 0; i < y.rank; i++)
        resized += y.dims[i] != p->g->values[value].shape.dims[i] || factor[i] < 1 || factor[i] > 1;
    if (mode != SEDGE_RESIZE_NEAREST && resized > 3)
        return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "of more than 3 dimensions is not supported");
    op = sedge_imp_new_op(p, SEDGE_OP_RESIZE, 1);
    op->in[0] = value;
    op->func = mode;
    op->alpha = sedge_imp_float(p, "cubic_coeff_a", -0.75F);
    for (int i = 0; i < y.rank; i++)
        r.factor[i] = factor[sedge_memory_axis(y.rank, i)];
    op->resize = r;
    return sedge_imp_finish_as(p, op, SEDGE_ONNX_FLOAT, &y);
}

/* ---- between depth and pixels ---- */

static int moved(struct sedge_importer *p, int value, const size_t dims[6], const int perm[6],
                 const struct sedge_shape *y)
{
    const struct sedge_shape flat = {1, {(int64_t)p->g->values[value].count}};

    if (sedge_imp_plain(p, &value) || sedge_imp_permute(p, value, dims, 6, perm, &flat, &value) ||
        sedge_imp_reshaped(p, value, y, &value))
        return -1;
    sedge_imp_bind_value(p, value);
    return 0;
}

static int read_block(struct sedge_importer *p, int *value, struct sedge_shape *x, int64_t *block)
{
    *block = sedge_imp_int(p, "blocksize", 0);
    if (sedge_imp_any(p, 0, value)) return -1;
    *x = p->g->values[*value].shape;
    if (x->rank != 4) return sedge_imp_fail(p, SEDGE_E_INVALID, "an input of %d dimensions, expected 4", x->rank);
    if (*block >= 1 && *block <= SEDGE_DLR_WINDOW_MAX) return 0;
    return sedge_imp_fail(p, SEDGE_E_INVALID, "a block of %lld pixels", (long long)*block);
}

int sedge_imp_depth_to_space(struct sedge_importer *p)
{
    static const int dcr[6] = {0, 3, 4, 1, 5, 2}, crd[6] = {0, 1, 4, 2, 5, 3};
    const struct sedge_onnx_attr *mode = sedge_imp_attr(p, "mode");
    bool columns = mode && sedge_slice_is(mode->s, "CRD");
    struct sedge_shape x;
    int64_t b;
    int value;

    if (read_block(p, &value, &x, &b)) return -1;
    if (x.dims[1] % (b * b))
        return sedge_imp_fail(p, SEDGE_E_INVALID, "%lld channels in blocks of %lld", (long long)x.dims[1],
                              (long long)b);
    size_t n = (size_t)x.dims[0], c = (size_t)(x.dims[1] / (b * b)), h = (size_t)x.dims[2], w = (size_t)x.dims[3];
    size_t k = (size_t)b;
    const size_t rows[6] = {n, k, k, c, h, w}, cols[6] = {n, c, k, k, h, w};
    const struct sedge_shape y = {4, {x.dims[0], (int64_t)c, x.dims[2] * b, x.dims[3] * b}};
    return moved(p, value, columns ? cols : rows, columns ? crd : dcr, &y);
}

int sedge_imp_space_to_depth(struct sedge_importer *p)
{
    static const int perm[6] = {0, 3, 5, 1, 2, 4};
    struct sedge_shape x;
    int64_t b;
    int value;

    if (read_block(p, &value, &x, &b)) return -1;
    if (x.dims[2] % b || x.dims[3] % b)
        return sedge_imp_fail(p, SEDGE_E_INVALID, "%lld by %lld pixels in blocks of %lld", (long long)x.dims[3],
                              (long long)x.dims[2], (long long)b);
    const struct sedge_shape y = {4, {x.dims[0], x.dims[1] * b * b, x.dims[2] / b, x.dims[3] / b}};
    const size_t k = (size_t)b,
                 dims[6] = {(size_t)x.dims[0], (size_t)x.dims[1], (size_t)y.dims[2], k, (size_t)y.dims[3], k};
    return moved(p, value, dims, perm, &y);
}

/* ---- around the edges ---- */

static int pad_amounts(struct sedge_importer *p, int rank, int64_t *pads)
{
    const struct sedge_onnx_attr *a = sedge_imp_attr(p, "pads"); /* before opset 11 */
    const struct sedge_onnx_tensor *t;
    int n;

    if (sedge_imp_has(p, 1)) {
        t = sedge_imp_const(p, 1, "pads");
        n = t ? sedge_imp_ints(p, t, pads, 2 * SEDGE_DLR_RANK_MAX) : -1;
        if (n < 0) return -1;
    } else {
        n = a && a->nints <= (size_t)2 * SEDGE_DLR_RANK_MAX ? (int)a->nints : 0;
        if (n) memcpy(pads, a->ints, (size_t)n * sizeof(*pads));
    }
    if (n != 2 * rank) return sedge_imp_fail(p, SEDGE_E_INVALID, "pads has %d numbers for %d dimensions", n, rank);
    for (int i = 0; i < n; i++)
        if (pads[i] < -SEDGE_DLR_WINDOW_MAX || pads[i] > SEDGE_DLR_WINDOW_MAX)
            return sedge_imp_fail(p, SEDGE_E_LIMIT, "pads: %lld is outside -%d..%d", (long long)pads[i],
                                  SEDGE_DLR_WINDOW_MAX, SEDGE_DLR_WINDOW_MAX);
    return 0;
}

static int read_fill(struct sedge_importer *p, struct sedge_op *op, int64_t dtype)
{
    const struct sedge_onnx_tensor *t;

    op->fill = sedge_imp_float(p, "value", 0);
    if (!sedge_imp_has(p, 2)) return 0;
    t = sedge_imp_const(p, 2, "constant_value");
    if (!t) return -1;
    if (t->dtype != dtype || t->count != 1)
        return sedge_imp_fail(p, SEDGE_E_INVALID, "constant_value is not one number of the type of the input");
    if (dtype == SEDGE_ONNX_FLOAT) return sedge_imp_scalar(p, t, &op->fill);
    memcpy(&op->fill_bytes, t->data.p, sedge_onnx_width(dtype));
    return 0;
}

/* In memory: before[] and the extents of the output. XNNPACK's own where it can. */
static int finish_pad(struct sedge_importer *p, struct sedge_op *op, const struct sedge_value *x, const int64_t *pads)
{
    bool fast = op->func == SEDGE_PAD_CONSTANT && x->dtype == SEDGE_ONNX_FLOAT && !x->fixed;
    struct sedge_shape y = x->shape;

    for (int i = 0; i < 2 * y.rank; i++)
        fast = fast && pads[i] >= 0;
    if (fast) op->kind = SEDGE_OP_PAD;
    op->axes = sedge_value_memory(&y, op->dims);
    for (int i = 0; i < y.rank; i++) {
        int axis = sedge_memory_axis(y.rank, i);
        op->stride[i] = (ptrdiff_t)pads[axis];
        if (fast) op->pre[i] = (size_t)pads[axis];
        if (fast) op->post[i] = (size_t)pads[y.rank + axis];
    }
    for (int i = 0; i < y.rank; i++)
        y.dims[i] += pads[i] + pads[y.rank + i];
    return fast ? sedge_imp_finish(p, op, &y) : sedge_imp_finish_as(p, op, x->dtype, &y);
}

int sedge_imp_pad(struct sedge_importer *p)
{
    static const struct word modes[] = {{"constant", SEDGE_PAD_CONSTANT},
                                        {"edge", SEDGE_PAD_EDGE},
                                        {"reflect", SEDGE_PAD_REFLECT},
                                        {"wrap", SEDGE_PAD_WRAP}};
    int mode = word_of(p, "mode", "constant", modes, SEDGE_ARRAY_LEN(modes)), value;
    int64_t pads[2 * SEDGE_DLR_RANK_MAX];
    struct sedge_op *op;

    if (mode < 0 || sedge_imp_any(p, 0, &value)) return -1;
    const struct sedge_value x = p->g->values[value];
    if (sedge_imp_has(p, 3)) return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "axes are not supported");
    if (pad_amounts(p, x.shape.rank, pads)) return -1;
    op = sedge_imp_new_op(p, SEDGE_OP_EDGE, 1);
    op->in[0] = value;
    op->func = (unsigned)mode;
    return read_fill(p, op, x.dtype) ? -1 : finish_pad(p, op, &x, pads);
}

/* Repeats are what wraps around. */
int sedge_imp_tile(struct sedge_importer *p)
{
    int64_t times[SEDGE_DLR_RANK_MAX];
    struct sedge_shape y;
    struct sedge_op *op;
    int value, n = sedge_imp_list(p, 1, NULL, times);

    if (n < 0 || sedge_imp_any(p, 0, &value)) return -1;
    const struct sedge_value x = p->g->values[value];
    y = x.shape;
    if (n != y.rank) return sedge_imp_fail(p, SEDGE_E_INVALID, "%d repeats for %d dimensions", n, y.rank);
    for (int i = 0; i < n; i++) {
        if (times[i] < 1 || times[i] > SEDGE_DLR_EXTENT_MAX)
            return sedge_imp_fail(p, SEDGE_E_INVALID, "%lld repeats", (long long)times[i]);
        y.dims[i] *= times[i];
    }
    op = sedge_imp_new_op(p, SEDGE_OP_EDGE, 1);
    op->in[0] = value;
    op->func = SEDGE_PAD_WRAP;
    return sedge_imp_finish_as(p, op, x.dtype, &y);
}
