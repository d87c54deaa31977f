/* Each operator alone, against a plain computation in the order that ONNX defines. */
#include "../test.h"

#include <math.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "dlr.h"
#include "support/onnx_write.h"

#define CLOSE_ENOUGH 1e-4f

static const char path[] = "test_operators.onnx";

/* Numbers that look random and are the same each time. */
static float *numbers(size_t n, unsigned seed)
{
    float *v = sedge_xcalloc(n, sizeof(*v));

    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525U + 1013904223U;
        v[i] = (float)(seed >> 8) / 8388608.0f - 1;
    }
    return v;
}

static void save(struct onnx_write *w)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    FILE *f = fopen(path, "wb");

    onnx_write_end(w, &b);
    assert_non_null(f);
    assert_int_equal(fwrite(b.data, 1, b.len, f), b.len);
    assert_int_equal(fclose(f), 0);
}

/* Runs the model in `w` on x; the result has to be `expected` (n elements) in the given shape. */
static void gives(struct onnx_write *w, const float *x, const float *expected, size_t n, const char *shape)
{
    DLRModelHandle m = NULL;
    int64_t in[6], out[6], count;
    char text[64] = "";
    const char *name;
    const void *y;
    int dim;

    save(w);
    if (CreateDLRModel(&m, path, DLR_CPU, 0)) fail_msg("%s", DLRGetLastError());
    (void)unlink(path);
    assert_int_equal(GetDLRInputName(&m, 0, &name), 0);
    assert_int_equal(GetDLRInputSizeDim(&m, 0, &count, &dim), 0);
    assert_int_equal(GetDLRInputShape(&m, 0, in), 0);
    if (SetDLRInput(&m, name, in, x, dim) || RunDLRModel(&m)) fail_msg("%s", DLRGetLastError());
    assert_int_equal(GetDLROutputSizeDim(&m, 0, &count, &dim), 0);
    assert_int_equal(GetDLROutputShape(&m, 0, out), 0);
    for (int i = 0; i < dim; i++)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%lld", i ? "," : "", (long long)out[i]);
    assert_string_equal(text, shape);
    assert_int_equal(count, n);
    assert_int_equal(GetDLROutputPtr(&m, 0, &y), 0);
    for (size_t i = 0; i < n; i++) {
        float got = ((const float *)y)[i];
        if (!(fabsf(got - expected[i]) < CLOSE_ENOUGH))
            fail_msg("element %zu: %g, expected %g", i, (double)got, (double)expected[i]);
    }
    assert_int_equal(DeleteDLRModel(&m), 0);
}

/* ---- windows ---- */

struct window {
    const char *op, *attrs, *shape; /* of the result */
    int opset, channels, size, outputs, groups, kernel, stride, dilation, before, out;
    bool relu, norm, counts_padding;
};

static float at(const float *x, int size, int c, int y, int k, float outside)
{
    return y < 0 || k < 0 || y >= size || k >= size ? outside : x[(c * size + y) * size + k];
}

/* One element of a convolution or pooling. */
static float slide(const struct window *t, const float *x, const float *w, int o, int oy, int ox)
{
    bool conv = strcmp(t->op, "Conv") == 0, max = strcmp(t->op, "MaxPool") == 0;
    int ic = conv ? t->channels / t->groups : 1, first = conv ? o / (t->outputs / t->groups) * ic : o, n = 0;
    float sum = max ? -INFINITY : 0;

    for (int c = 0; c < ic; c++)
        for (int i = 0; i < t->kernel; i++)
            for (int k = 0; k < t->kernel; k++) {
                int y = oy * t->stride - t->before + i * t->dilation, z = ox * t->stride - t->before + k * t->dilation;
                bool inside = y >= 0 && z >= 0 && y < t->size && z < t->size;
                float v = at(x, t->size, first + c, y, z, max ? -INFINITY : 0);
                n += inside || t->counts_padding;
                if (max)
                    sum = fmaxf(sum, v);
                else
                    sum += conv ? v * w[((o * ic + c) * t->kernel + i) * t->kernel + k] : v;
            }
    return conv || max ? sum : sum / (float)n;
}

static void check_window(const struct window *t)
{
    size_t pixels = (size_t)t->out * (size_t)t->out, n = (size_t)t->outputs * pixels;
    size_t nk = (size_t)(t->outputs * (t->channels / t->groups) * t->kernel * t->kernel);
    sedge_auto_free float *x = numbers((size_t)(t->channels * t->size * t->size), 1), *w = numbers(nk, 2);
    sedge_auto_free float *b = numbers((size_t)t->outputs, 3), *scale = numbers((size_t)t->outputs, 4);
    sedge_auto_free float *y = sedge_xcalloc(n, sizeof(*y)), *var = sedge_xcalloc((size_t)t->outputs, sizeof(*var));
    bool conv = strcmp(t->op, "Conv") == 0;
    struct onnx_write f;
    char shape[64];

    for (int i = 0; i < t->outputs; i++)
        var[i] = 0.5f + (float)i;
    for (int o = 0; o < t->outputs; o++)
        for (int i = 0; i < t->out * t->out; i++) {
            float v = slide(t, x, w, o, i / t->out, i % t->out) + (conv ? b[o] : 0);
            if (t->norm) v = (v - b[o]) / sqrtf(var[o] + 1e-5f) * scale[o] + b[o];
            y[o * t->out * t->out + i] = t->relu && v < 0 ? 0 : v;
        }
    onnx_write_begin(&f, t->opset);
    (void)snprintf(shape, sizeof(shape), "1,%d,%d,%d", t->channels, t->size, t->size);
    onnx_write_input(&f, "x", shape);
    (void)snprintf(shape, sizeof(shape), "%d,%d,%d,%d", t->outputs, t->channels / t->groups, t->kernel, t->kernel);
    if (conv) onnx_write_floats(&f, "k", shape, w);
    (void)snprintf(shape, sizeof(shape), "%d", t->outputs);
    onnx_write_floats(&f, "b", shape, b);
    onnx_write_floats(&f, "s", shape, scale);
    onnx_write_floats(&f, "v", shape, var);
    onnx_write_node(&f, t->op, conv ? "x,k,b" : "x", "y0", t->attrs);
    if (t->norm) onnx_write_node(&f, "BatchNormalization", "y0,s,b,b,v", "y1", "epsilon=0.00001");
    if (t->relu) onnx_write_node(&f, "Relu", t->norm ? "y1" : "y0", "y2", "");
    onnx_write_output(&f, t->relu ? "y2" : t->norm ? "y1" : "y0");
    gives(&f, x, y, n, t->shape);
}

static void windows_slide_as_onnx_says(void **st)
{
    static const struct window rows[] = {
        {"Conv", "pads=[1,1,1,1]", "1,4,5,5", 13, 3, 5, 4, 1, 3, 1, 1, 1, 5, false, false, false},
        {"Conv", "pads=[1,1,1,1]", "1,4,5,5", 13, 3, 5, 4, 1, 3, 1, 1, 1, 5, true, true, false},
        {"Conv", "group=2 strides=[2,2] auto_pad=VALID", "1,4,3,3", 11, 4, 7, 4, 2, 3, 2, 1, 0, 3, true, false, false},
        {"Conv", "strides=[2,2] auto_pad=SAME_UPPER", "1,4,3,3", 13, 4, 6, 4, 1, 3, 2, 1, 0, 3, false, false, false},
        {"Conv", "strides=[2,2] auto_pad=SAME_LOWER", "1,4,3,3", 13, 4, 6, 4, 1, 3, 2, 1, 1, 3, false, false, false},
        {"Conv", "group=6 pads=[1,1,1,1]", "1,6,4,4", 13, 6, 4, 6, 6, 3, 1, 1, 1, 4, false, true, false},
        {"Conv", "group=3 pads=[1,1,1,1]", "1,6,4,4", 13, 3, 4, 6, 3, 3, 1, 1, 1, 4, true, false, false},
        {"Conv", "dilations=[2,2] pads=[2,2,2,2]", "1,3,6,6", 13, 2, 6, 3, 1, 3, 1, 2, 2, 6, false, false, false},
        {"Conv", "kernel_shape=[1,1]", "1,8,3,3", 7, 5, 3, 8, 1, 1, 1, 1, 0, 3, true, false, false},
        {"MaxPool", "kernel_shape=[2,2] strides=[2,2]", "1,3,2,2", 13, 3, 5, 3, 3, 2, 2, 1, 0, 2, false, false, false},
        {"MaxPool", "kernel_shape=[2,2] strides=[2,2] ceil_mode=1", "1,3,3,3", 13, 3, 5, 3, 3, 2, 2, 1, 0, 3, true,
         false, false},
        {"MaxPool", "kernel_shape=[3,3] strides=[2,2] pads=[1,1,1,1]", "1,3,3,3", 13, 3, 6, 3, 3, 3, 2, 1, 1, 3, false,
         false, false},
        {"AveragePool", "kernel_shape=[3,3] pads=[1,1,1,1]", "1,2,4,4", 13, 2, 4, 2, 2, 3, 1, 1, 1, 4, false, false,
         false},
        {"AveragePool", "kernel_shape=[3,3] pads=[1,1,1,1] count_include_pad=1", "1,2,4,4", 13, 2, 4, 2, 2, 3, 1, 1, 1,
         4, false, false, true},
        {"AveragePool", "kernel_shape=[2,2] strides=[2,2] ceil_mode=1", "1,2,3,3", 13, 2, 5, 2, 2, 2, 2, 1, 0, 3, false,
         true, false},
    };
    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        print_message("%s %s\n", rows[i].op, rows[i].attrs);
        check_window(&rows[i]);
    }
}

/* ---- element by element, and moving ---- */

struct small {
    const char *name, *nodes, *in, *out; /* nodes: "Op|in|out|attrs;..." from x to y */
    int opset;
    float x[8], y[24];
};

static const struct small smalls[] = {
    {"Relu", "Relu|x|y|", "4", "4", 13, {-1, 0, 2, -3}, {0, 0, 2, 0}},
    {"Clip with constants", "Clip|x|y|min=-1.0 max=1.5", "4", "4", 7, {-2, 0, 2, 1}, {-1, 0, 1.5f, 1}},
    {"Clip with inputs", "Clip|x,neg,two|y|", "4", "4", 13, {-2, 0, 4, 1}, {-1, 0, 2, 1}},
    {"two bounds after one another", "Relu|x|a|;Clip|a,neg,two|y|", "4", "4", 13, {-2, 0, 4, 1}, {0, 0, 2, 1}},
    {"a value that is read twice is not clipped in place",
     "Add|x,x|a|;Relu|a|b|;Add|a,b|y|",
     "2",
     "2",
     13,
     {-1, 2},
     {-2, 8}},
    {"Sigmoid", "Sigmoid|x|y|", "2", "2", 13, {0, 2}, {0.5f, 0.880797f}},
    {"HardSwish", "HardSwish|x|y|", "4", "4", 14, {-4, 0, 1, 4}, {0, 0, 0.6666667f, 4}},
    {"Add one number", "Add|x,two|y|", "1,3", "1,3", 13, {1, 2, 3}, {3, 4, 5}},
    {"Sub", "Sub|two,x|y|", "3", "3", 13, {1, 2, 3}, {1, 0, -1}},
    {"Div", "Div|x,two|y|", "3", "3", 13, {1, 2, 3}, {0.5f, 1, 1.5f}},
    {"Mul by channel", "Mul|x,c3|y|", "1,2,2,1", "1,2,2,1", 13, {1, 2, 3, 4}, {10, 20, 60, 80}},
    {"Add a constant image", "Add|x,img|y|", "1,2,2,1", "1,2,2,1", 13, {0, 0, 0, 0}, {1, 2, 3, 4}},
    {"Softmax", "Softmax|x|y|", "2,2", "2,2", 13, {0, 0, 1, 0}, {0.5f, 0.5f, 0.731059f, 0.268941f}},
    {"Softmax over channels",
     "Softmax|x|y|axis=1",
     "1,2,1,2",
     "1,2,1,2",
     13,
     {0, 1, 0, 0},
     {0.5f, 0.731059f, 0.5f, 0.268941f}},
    {"Softmax of old", "Softmax|x|y|", "1,2,2", "1,2,2", 11, {0, 0, 0, 0}, {0.25f, 0.25f, 0.25f, 0.25f}},
    {"GlobalAveragePool", "GlobalAveragePool|x|y|", "1,2,2,2", "1,2,1,1", 13, {1, 2, 3, 4, 5, 5, 5, 9}, {2.5f, 6}},
    {"ReduceMean", "ReduceMean|x|y|axes=[2,3] keepdims=0", "1,2,2,2", "1,2", 13, {1, 2, 3, 4, 5, 5, 5, 9}, {2.5f, 6}},
    {"Flatten keeps the logical order",
     "Relu|x|a|;Flatten|a|y|",
     "1,2,2,2",
     "1,8",
     13,
     {1, 2, 3, 4, 5, 6, 7, 8},
     {1, 2, 3, 4, 5, 6, 7, 8}},
    {"Reshape", "Reshape|x,shape|y|", "1,2,2,2", "2,4", 13, {1, 2, 3, 4, 5, 6, 7, 8}, {1, 2, 3, 4, 5, 6, 7, 8}},
    {"Reshape from what Shape says",
     "Shape|x|s|;Gather|s,zero|b|axis=0;Unsqueeze|b,zero1|b1|;Squeeze|b1,zero1|b2|;Concat|b2,minus|t|axis=0;Reshape|x,"
     "t|y|",
     "1,2,2,2",
     "1,8",
     13,
     {1, 2, 3, 4, 5, 6, 7, 8},
     {1, 2, 3, 4, 5, 6, 7, 8}},
    {"Reshape by computed constants",
     "Shape|x|s|;Cast|s|f|to=1;Mul|f,two|g|;Cast|g|h|to=7;Gather|h,zero1|b|axis=0;Concat|b,minus|t|axis=0;Reshape|x,t|"
     "y|",
     "1,2,2,2",
     "2,4",
     13,
     {1, 2, 3, 4, 5, 6, 7, 8},
     {1, 2, 3, 4, 5, 6, 7, 8}},
    {"an image plus a row",
     "Transpose|x|r|;Reshape|r,row|v|;Add|x,v|y|",
     "1,2,1,2",
     "1,2,2,2",
     13,
     {1, 2, 3, 4},
     {2, 5, 3, 6, 4, 7, 5, 8}},
    {"ReduceLogSumExp",
     "ReduceLogSumExp|x|y|axes=[1] keepdims=0",
     "2,2",
     "2",
     13,
     {0, 0, 1000, 1000},
     {0.693147f, 1000.693147f}},
    {"MatMul of two images",
     "Transpose|x|t|perm=[0,1,3,2];MatMul|x,t|y|",
     "1,2,2,1",
     "1,2,2,2",
     13,
     {1, 2, 3, 4},
     {1, 2, 2, 4, 9, 12, 12, 16}},
    {"MatMul of an image by a constant",
     "MatMul|x,m|y|",
     "1,2,1,2",
     "1,2,1,3",
     13,
     {1, 10, 0, 1},
     {41, 52, 63, 4, 5, 6}},
    {"Slice backwards through the channels",
     "Slice|x,minus,far,one,minus|y|",
     "1,3,1,2",
     "1,3,1,2",
     13,
     {1, 2, 3, 4, 5, 6},
     {5, 6, 3, 4, 1, 2}},
    {"Softmax over the columns of an image",
     "Softmax|x|y|axis=3",
     "1,2,1,2",
     "1,2,1,2",
     13,
     {0, 0, 1, 0},
     {0.5f, 0.5f, 0.731059f, 0.268941f}},
    {"Conv of a line", "Conv|x,line|y|pads=[1,0] strides=[2]", "1,1,4", "1,1,2", 13, {1, 2, 3, 4}, {10, 32}},
    {"batch normalisation of lines",
     "BatchNormalization|x,s2,s2,s2,v2|y|epsilon=0.0",
     "1,2,2",
     "1,2,2",
     13,
     {1, 3, 2, 6},
     {1, 2, 2, 4}},
    {"batch normalisation and Relu folded into ConvTranspose",
     "ConvTranspose|x,up|a|strides=[2,2];BatchNormalization|a,s2,s2,s2,v2|b|epsilon=0.0;Relu|b|y|",
     "1,1,1,2",
     "1,2,2,4",
     13,
     {1, -5},
     {1, 1.5f, 0, 0, 2, 2.5f, 0, 0, 4, 5, 0, 0, 6, 7, 0, 0}},
    {"Clip between computed bounds",
     "ReduceMin|x|l|;Mul|l,neg|h|;Clip|x,l,h|y|",
     "4",
     "4",
     13,
     {-2, 0, 4, 1},
     {-2, 0, 2, 1}},
    {"Pad with negative amounts and reflection",
     "Pad|x|a|pads=[0,0,0,-1,0,0,0,0];Pad|a|y|pads=[0,0,0,1,0,0,0,1] mode=reflect",
     "1,1,1,4",
     "1,1,1,5",
     7,
     {1, 2, 3, 4},
     {3, 2, 3, 4, 3}},
    {"Resize of an image with two channels",
     "Resize|x,,wide|y|mode=linear",
     "1,2,1,2",
     "1,2,1,4",
     13,
     {0, 4, 1, 5},
     {0, 1, 3, 4, 1, 2, 4, 5}},
    {"weights that are quantised",
     "Cast|shape|c|to=3;DequantizeLinear|c,two|d|axis=0;Unsqueeze|d,one|e|;MatMul|x,e|y|",
     "1,2",
     "1,1",
     13,
     {3, 1},
     {10}},
    {"QuantizeLinear rounds halves to even and saturates",
     "QuantizeLinear|x,two|q|;Cast|q|y|to=1",
     "4",
     "4",
     13,
     {3, 5, -1, 1000},
     {2, 2, 0, 255}},
    {"Squeeze", "Squeeze|x|y|axes=[2,3]", "1,2,1,1", "1,2", 11, {1, 2}, {1, 2}},
    {"Unsqueeze", "Unsqueeze|x|y|axes=[0,3]", "2,2", "1,2,2,1", 11, {1, 2, 3, 4}, {1, 2, 3, 4}},
    {"Transpose", "Transpose|x|y|", "2,3", "3,2", 13, {1, 2, 3, 4, 5, 6}, {1, 4, 2, 5, 3, 6}},
    {"Transpose to NHWC",
     "Transpose|x|y|perm=[0,2,3,1]",
     "1,2,2,2",
     "1,2,2,2",
     13,
     {1, 2, 3, 4, 5, 6, 7, 8},
     {1, 5, 2, 6, 3, 7, 4, 8}},
    {"Concat of channels",
     "Relu|x|a|;Concat|x,a|y|axis=1",
     "1,2,1,2",
     "1,4,1,2",
     13,
     {1, -2, 3, -4},
     {1, -2, 3, -4, 1, 0, 3, 0}},
    {"Concat of columns", "Concat|x,x|y|axis=-1", "2,2", "2,4", 13, {1, 2, 3, 4}, {1, 2, 1, 2, 3, 4, 3, 4}},
    {"Pad",
     "Pad|x|y|pads=[0,0,0,1,0,0,0,1] value=9.0",
     "1,2,1,2",
     "1,2,1,4",
     7,
     {1, 2, 3, 4},
     {9, 1, 2, 9, 9, 3, 4, 9}},
    {"Dropout and Identity vanish", "Dropout|x|a|;Identity|a|y|", "2", "2", 13, {1, 2}, {1, 2}},
    {"Gemm", "Gemm|x,m,c2|y|alpha=2.0 beta=0.5", "1,2", "1,3", 13, {1, 10}, {82.5f, 105, 127.5f}},
    {"Gemm, transposed", "Gemm|x,m|y|transB=1", "1,3", "1,2", 13, {1, 10, 100}, {321, 654}},
    {"MatMul", "MatMul|x,m|y|", "2,2", "2,3", 13, {1, 10, 0, 1}, {41, 52, 63, 4, 5, 6}},
    {"MatMul by a constant that is transposed",
     "Transpose|m|mt|;MatMul|x,mt|y|",
     "1,3",
     "1,2",
     13,
     {1, 10, 100},
     {321, 654}},
    {"batch normalisation alone",
     "BatchNormalization|x,s2,s2,s2,v2|y|epsilon=0.0",
     "1,2,1,2",
     "1,2,1,2",
     13,
     {1, 3, 2, 6},
     {1, 2, 2, 4}},
};

static void add_constants(struct onnx_write *w)
{
    static const float neg = -1, two = 2, c3[] = {10, 20}, img[] = {1, 2, 3, 4}, m[] = {1, 2, 3, 4, 5, 6},
                       c2[] = {1, 2, 3}, s2[] = {1, 2}, v2[] = {4, 16}, line[] = {1, 10},
                       up[] = {1, 2, 3, 4, 6, 8, 10, 12}, wide[] = {1, 1, 1, 2};

    onnx_write_floats(w, "neg", "", &neg);
    onnx_write_floats(w, "two", "", &two);
    onnx_write_floats(w, "c3", "2,1,1", c3);
    onnx_write_floats(w, "img", "1,2,2,1", img);
    onnx_write_floats(w, "m", "2,3", m);
    onnx_write_floats(w, "c2", "3", c2);
    onnx_write_floats(w, "s2", "2", s2);
    onnx_write_floats(w, "v2", "2", v2);
    onnx_write_floats(w, "line", "1,1,2", line);
    onnx_write_floats(w, "up", "1,2,2,2", up);
    onnx_write_floats(w, "wide", "4", wide);
    onnx_write_ints(w, "shape", "2,-1");
    onnx_write_ints(w, "row", "2,-1");
    onnx_write_ints(w, "one", "1");
    onnx_write_ints(w, "far", "-9223372036854775807");
    onnx_write_ints(w, "zero", "0");
    onnx_write_ints(w, "zero1", "0");
    onnx_write_ints(w, "minus", "-1");
}

static void add_nodes(struct onnx_write *w, const char *nodes)
{
    sedge_auto_strv struct sedge_strv list = {NULL, 0};

    sedge_strv_split(&list, nodes, ";");
    for (size_t i = 0; i < list.n; i++) {
        sedge_auto_strv struct sedge_strv part = {NULL, 0};
        sedge_strv_split(&part, list.v[i], "|");
        assert_int_equal(part.n, 4);
        onnx_write_node(w, part.v[0], part.v[1], part.v[2], part.v[3]);
    }
}

static void small_graphs_give_what_they_should(void **st)
{
    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(smalls); i++) {
        const struct small *t = &smalls[i];
        sedge_auto_strv struct sedge_strv dims = {NULL, 0};
        struct onnx_write w;
        size_t n = 1;

        print_message("%s\n", t->name);
        sedge_strv_split(&dims, t->out, ",");
        for (size_t k = 0; k < dims.n; k++)
            n *= (size_t)strtoul(dims.v[k], NULL, 10);
        onnx_write_begin(&w, t->opset);
        onnx_write_input(&w, "x", t->in);
        add_constants(&w);
        add_nodes(&w, t->nodes);
        onnx_write_output(&w, "y");
        gives(&w, t->x, t->y, n, t->out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_slide_as_onnx_says),
        cmocka_unit_test(small_graphs_give_what_they_should),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
