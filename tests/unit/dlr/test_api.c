/* The C API: what it says about a model, and how it refuses wrong calls and wrong models. */
#include "../test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"
#include "dlr.h"
#include "support/onnx_write.h"

#define DIGITS SEDGE_SOURCE_DIR "/components/modelstore/digits/v1"

static DLRModelHandle digits(void)
{
    DLRModelHandle m = NULL;

    if (CreateDLRModel(&m, DIGITS, DLR_CPU, 0)) fail_msg("%s", DLRGetLastError());
    return m;
}

static void refused(int rc, const char *part)
{
    assert_int_equal(rc, -1);
    if (!strstr(DLRGetLastError(), part)) fail_msg("\"%s\" does not hold \"%s\"", DLRGetLastError(), part);
}

static void a_model_is_described(void **st)
{
    DLRModelHandle m = digits();
    const char *text;
    int64_t shape[4], size;
    int n, dim;
    bool has;

    (void)st;
    assert_int_equal(GetDLRNumInputs(&m, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(GetDLRNumOutputs(&m, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(GetDLRNumWeights(&m, &n), 0);
    assert_int_equal(n, 8);
    assert_int_equal(GetDLRWeightName(&m, 0, &text), 0);
    assert_string_equal(text, "conv1_w");
    assert_int_equal(GetDLRInputName(&m, 0, &text), 0);
    assert_string_equal(text, "input");
    assert_int_equal(GetDLRInputType(&m, 0, &text), 0);
    assert_string_equal(text, "float32");
    assert_int_equal(GetDLRInputSizeDim(&m, 0, &size, &dim), 0);
    assert_int_equal(size, 64);
    assert_int_equal(dim, 4);
    assert_int_equal(GetDLRInputShape(&m, 0, shape), 0);
    assert_int_equal(shape[3], 8);
    assert_int_equal(GetDLROutputSizeDim(&m, 0, &size, &dim), 0);
    assert_int_equal(size, 10);
    assert_int_equal(dim, 2);
    assert_int_equal(GetDLROutputType(&m, 0, &text), 0);
    assert_string_equal(text, "float32");
    assert_int_equal(GetDLRHasMetadata(&m, &has), 0);
    assert_true(has);
    assert_int_equal(GetDLROutputName(&m, 0, &text), 0);
    assert_string_equal(text, "output");
    assert_int_equal(GetDLROutputIndex(&m, "output", &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(GetDLRBackend(&m, &text), 0);
    assert_string_equal(text, "onnx");
    assert_int_equal(GetDLRVersion(&text), 0);
    assert_string_equal(text, "1.10.0");
    assert_int_equal(GetDLRDeviceType(DIGITS), DLR_CPU);
    assert_int_equal(DeleteDLRModel(&m), 0);
    assert_null(m);
    assert_int_equal(DeleteDLRModel(&m), 0);
}

static void threads_and_affinity_do_not_change_results(void **st)
{
    DLRModelHandle m = digits();
    const int64_t shape[4] = {1, 1, 8, 8};
    float x[64], first[10], y[10];

    (void)st;
    for (int i = 0; i < 64; i++)
        x[i] = (float)(i % 7) / 7;
    assert_int_equal(SetDLRInput(&m, "input", shape, x, 4), 0);
    assert_int_equal(RunDLRModel(&m), 0);
    assert_int_equal(GetDLROutputByName(&m, "output", first), 0);
    for (int threads = 1; threads <= 4; threads++)
        for (int pin = 0; pin < 2; pin++) {
            assert_int_equal(SetDLRNumThreads(&m, threads), 0);
            assert_int_equal(UseDLRCPUAffinity(&m, pin), 0);
            assert_int_equal(RunDLRModel(&m), 0);
            assert_int_equal(GetDLROutput(&m, 0, y), 0);
            assert_memory_equal(y, first, sizeof(y));
        }
    assert_int_equal(DeleteDLRModel(&m), 0);
}

static void wrong_calls_are_errors_that_say_what_is_wrong(void **st)
{
    DLRModelHandle m = digits(), none = NULL;
    const int64_t shape[4] = {1, 1, 8, 8}, flat[1] = {64}, small[2] = {8, 4}, negative[2] = {-8, -8};
    const int64_t huge[3] = {1LL << 40, 1LL << 40, 1LL << 40};
    const char *text;
    float x[64] = {0};
    int n;

    (void)st;
    refused(SetDLRInput(&m, "image", shape, x, 4), "no input \"image\"; it has: input");
    refused(SetDLRInput(&m, "input", small, x, 2), "64 elements");
    refused(SetDLRInput(&m, "input", negative, x, 2), "not positive");
    refused(SetDLRInput(&m, "input", huge, x, 3), "too large");
    refused(SetDLRInput(&m, NULL, shape, x, 4), "null pointer");
    refused(SetDLRInput(&m, "input", shape, NULL, 4), "null pointer");
    assert_int_equal(SetDLRInput(&m, "input", flat, x, 1), 0); /* the count has to match, not the shape */
    refused(GetDLRInputName(&m, 1, &text), "input 1 does not exist");
    refused(GetDLRInputName(&m, -1, &text), "input -1 does not exist");
    refused(GetDLRInputName(&m, 0, NULL), "null pointer");
    refused(GetDLROutput(&m, 1, x), "output 1 does not exist");
    refused(GetDLROutput(&m, 0, NULL), "null pointer");
    refused(GetDLRWeightName(&m, 8, &text), "weight 8 does not exist");
    refused(GetDLROutputIndex(&m, "logits", &n), "no output \"logits\"");
    refused(SetDLRNumThreads(&m, 0), "0 threads");
    refused(RunDLRModel(&none), "handle is null");
    refused(RunDLRModel(NULL), "handle is null");
    refused(GetDLRNumInputs(&none, &n), "handle is null");
    refused(CreateDLRModel(NULL, DIGITS, DLR_CPU, 0), "null pointer");
    refused(CreateDLRModel(&none, NULL, DLR_CPU, 0), "null pointer");
    refused(CreateDLRModel(&none, DIGITS, DLR_GPU, 0), "device type 2");
    refused(CreateDLRModel(&none, "/nowhere/model", DLR_CPU, 0), "/nowhere/model: no such file or folder");
    assert_null(none);
    assert_int_equal(DeleteDLRModel(&m), 0);
}

/* ---- folders ---- */

static void put(const char *dir, const char *name, const char *content)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/%s", dir, name);
    assert_int_equal(sedge_fs_write_atomic(path, content, strlen(content), 0644, NULL), 0);
}

static void a_folder_without_a_usable_model_is_refused(void **st)
{
    static const struct {
        const char *a, *b, *says;
    } rows[] = {
        {"notes.txt", "labels.txt", "no model: a file whose name ends in .onnx"},
        {"a.onnx", "b.onnx", "two files with the same role"},
        {"compiled.params", "x.txt", "has no graph beside it"},
        {"compiled.params", "compiled_model.json", "has no operator library beside it"},
        {"compiled_model.json", "compiled.so", "has no parameters beside it"},
        {"compiled.so", "version.json", "Treelite"},
        {"code.ro", "compiled.so", "Relay VM"},
        {"empty.onnx", "x.txt", "it is empty"},
    };
    DLRModelHandle m = NULL;

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        char dir[] = "/tmp/sedge-test-XXXXXX";
        assert_non_null(mkdtemp(dir));
        put(dir, rows[i].a, "");
        put(dir, rows[i].b, "");
        refused(CreateDLRModel(&m, dir, DLR_CPU, 0), rows[i].says);
        assert_int_equal(sedge_fs_remove_tree(dir, NULL), 0);
    }
}

static void metadata_of_another_device_is_refused_and_broken_metadata_counts_as_none(void **st)
{
    char dir[] = "/tmp/sedge-test-XXXXXX";
    DLRModelHandle m = NULL;
    bool has = true;
    const char *name;

    (void)st;
    assert_non_null(mkdtemp(dir));
    put(dir, "x.meta", "{\"Requirements\":{\"TargetDeviceType\":\"gpu\"}}");
    sedge_auto_free char *both = sedge_xasprintf("%s:" DIGITS "/digits.onnx", dir);
    refused(CreateDLRModel(&m, both, DLR_CPU, 0), "device type 2");
    assert_int_equal(GetDLRDeviceType(dir), DLR_GPU);
    put(dir, "x.meta", "{not json");
    assert_int_equal(GetDLRDeviceType(dir), -1);
    assert_int_equal(CreateDLRModel(&m, both, DLR_CPU, 0), 0);
    assert_int_equal(GetDLRHasMetadata(&m, &has), 0);
    assert_false(has);
    refused(GetDLROutputName(&m, 0, &name), "no metadata");
    assert_int_equal(DeleteDLRModel(&m), 0);
    assert_int_equal(sedge_fs_remove_tree(dir, NULL), 0);
}

/* ---- models that are refused ---- */

static void load_refused(const void *data, size_t n, const char *says)
{
    char path[] = "/tmp/sedge-test-XXXXXX.onnx";
    DLRModelHandle m = NULL;
    int fd = mkstemps(path, 5);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, n), (ssize_t)n);
    (void)close(fd);
    refused(CreateDLRModel(&m, path, DLR_CPU, 0), says);
    assert_null(m);
    (void)unlink(path);
}

struct refusal {
    const char *op, *in, *attrs, *says;
    int opset;
};

static void what_cannot_be_computed_is_refused_by_name(void **st)
{
    static const struct refusal rows[] = {
        {"LSTM", "x", "", "operator LSTM (node \"y\", opset 13): not supported by this runtime", 13},
        {"Relu", "x,x", "", "operator Relu (node \"y\", opset 13): 2 inputs, expected 1 to 1", 13},
        {"Relu", "nobody", "", "input 0 \"nobody\" is not assigned before", 13},
        {"Relu", "y", "", "input 0 \"y\" is not assigned before", 13},
        {"Relu", "x", "", "opset 5; 7 to 21 are supported", 5},
        {"Relu", "x", "", "opset 99", 99},
        {"Conv", "x,x", "", "the kernel (input 1) has to be a constant", 13},
        {"Conv", "x,k", "group=2", "on an input of 2 channels", 13},
        {"Conv", "x,k", "strides=[0,1]", "strides: 0 is outside 1..", 13},
        {"Conv", "x,k", "strides=[1]", "strides has 1 numbers", 13},
        {"Conv", "x,k", "pads=[-1,0,0,0]", "pads: -1 is outside", 13},
        {"Conv", "x,k", "dilations=[4000,4000]", "a window of", 13},
        {"Conv", "x,k,k", "", "the bias has", 13},
        {"MaxPool", "x", "", "kernel_shape is missing", 13},
        {"MaxPool", "x", "kernel_shape=[9,9]", "a window of 9 on 4 pixels", 13},
        {"MaxPool", "x", "kernel_shape=[2,2] pads=[2,2,2,2]", "padding 2 as wide as the window", 13},
        {"Gemm", "x,k", "", "A has 4 dimensions, expected 2", 13},
        {"Clip", "x", "min=2.0 max=1.0", "leave nothing", 7},
        {"Reshape", "x,shape", "", "32 elements in a shape of 9", 13},
        {"Transpose", "x", "perm=[0,0,1,2]", "not a permutation", 13},
        {"Flatten", "x", "axis=7", "axis 7 of 4", 13},
        {"Softmax", "x", "axis=4", "axis 4 of 4", 13},
        {"Concat", "x,k", "axis=1", "another shape than the first", 13},
        {"Pad", "x", "mode=mirror pads=[0,0,0,0,0,0,0,0]", "mode \"mirror\" is not supported", 7},
        {"Add", "x,k", "", "do not fit", 13},
        {"Pad", "x", "pads=[4000,4000,4000,4000,4000,4000,4000,4000]", "more than 134217728 elements", 7},
    };
    static const float k[3 * 2 * 9] = {0};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
        struct onnx_write w;
        print_message("%s %s %s\n", rows[i].op, rows[i].in, rows[i].attrs);
        onnx_write_begin(&w, rows[i].opset);
        onnx_write_input(&w, "x", "1,2,4,4");
        onnx_write_floats(&w, "k", "3,2,3,3", k);
        onnx_write_ints(&w, "shape", "3,3");
        onnx_write_node(&w, rows[i].op, rows[i].in, "y", rows[i].attrs);
        onnx_write_output(&w, "y");
        onnx_write_end(&w, &b);
        load_refused(b.data, b.len, rows[i].says);
    }
}

static void open_extents_are_refused_but_for_the_batch(void **st)
{
    static const struct {
        const char *shape, *says;
    } rows[] = {{"N,2,4,4", NULL}, {"1,2,H,W", "dimension 2 is not fixed"}, {"1,0,4,4", "dimension 1 is not fixed"}};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
        struct onnx_write w;
        onnx_write_begin(&w, 13);
        onnx_write_input(&w, "x", rows[i].shape);
        onnx_write_node(&w, "Relu", "x", "y", "");
        onnx_write_output(&w, rows[i].says ? "y" : "z"); /* the first row gets past its input */
        onnx_write_end(&w, &b);
        load_refused(b.data, b.len, rows[i].says ? rows[i].says : "output \"z\" is not computed by any node");
    }
}

static void files_that_are_not_onnx_are_refused(void **st)
{
    static const struct {
        const char *data;
        size_t n;
        const char *says;
    } rows[] = {
        {"hello world, this is text", 25, "is"},
        {"\x3a\xff\xff\xff\xff\x0f", 6, "cut off"},
        {"\x3a\x80", 2, "cut off inside a number"},
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12, "more than 64 bits"},
        {"\x08\x07", 2, "no graph in it"},
        {"\x3a\x00\x3a\x00", 4, "two graphs"},
        {"\x3a\x00", 2, "opset 0"},
        {"\x00\x00", 2, "field number 0"},
        {"\x0b\x0c", 2, "wire type 3"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++)
        load_refused(rows[i].data, rows[i].n, rows[i].says);
}

static void every_cut_of_a_real_model_is_refused(void **st)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    (void)st;
    assert_int_equal(sedge_fs_read(DIGITS "/digits.onnx", 1 << 20, &b, NULL), 0);
    for (size_t n = 1; n < b.len; n += n < 200 ? 7 : 1777)
        load_refused(b.data, n, ".onnx: ");
}

static void a_tensor_with_other_bytes_than_its_shape_says_is_refused(void **st)
{
    static const struct {
        const char *dims;
        size_t bytes;
        const char *says;
    } rows[] = {
        {"3", 8, "8 bytes where its shape asks for 12"},
        {"99999999,99999999", 8, "is outside 0.."},
        {"16000000,16000000", 8, "more than 134217728 elements"},
        {"-5", 8, "extent -5"},
        {"1,1,1,1,1,1,1", 8, "more than 6 numbers"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_buf struct sedge_buf t = SEDGE_BUF_INIT, g = SEDGE_BUF_INIT, f = SEDGE_BUF_INIT;
        sedge_auto_strv struct sedge_strv dims = {NULL, 0};
        sedge_strv_split(&dims, rows[i].dims, ",");
        for (size_t k = 0; k < dims.n; k++)
            pb_int(&t, 1, strtoll(dims.v[k], NULL, 10));
        pb_int(&t, 2, 1);
        pb_bytes(&t, 9, "12345678", rows[i].bytes);
        pb_text(&t, 8, "w");
        pb_bytes(&g, 5, t.data, t.len);
        pb_bytes(&f, 7, g.data, g.len);
        load_refused(f.data, f.len, rows[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_is_described),
        cmocka_unit_test(threads_and_affinity_do_not_change_results),
        cmocka_unit_test(wrong_calls_are_errors_that_say_what_is_wrong),
        cmocka_unit_test(a_folder_without_a_usable_model_is_refused),
        cmocka_unit_test(metadata_of_another_device_is_refused_and_broken_metadata_counts_as_none),
        cmocka_unit_test(what_cannot_be_computed_is_refused_by_name),
        cmocka_unit_test(open_extents_are_refused_but_for_the_batch),
        cmocka_unit_test(files_that_are_not_onnx_are_refused),
        cmocka_unit_test(every_cut_of_a_real_model_is_refused),
        cmocka_unit_test(a_tensor_with_other_bytes_than_its_shape_says_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
