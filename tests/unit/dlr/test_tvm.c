/* Compiled models: a library of hand-written operators, with graphs and parameter files made here. */
#include "../test.h"

#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"
#include "dlr.h"

#define OPS         SEDGE_BUILD_DIR "/tests/libtvm_ops.so"
#define OPS_FOREIGN SEDGE_BUILD_DIR "/tests/libtvm_ops_foreign.so"
#define OPS_LINKED  SEDGE_BUILD_DIR "/tests/libtvm_ops_linked.so"

static const int64_t shape[2] = {2, 2};

static void refused(int rc, const char *part)
{
    assert_int_equal(rc, -1);
    if (!strstr(DLRGetLastError(), part)) fail_msg("\"%s\" does not hold \"%s\"", DLRGetLastError(), part);
}

/* ---- pieces of a model ---- */

/* Input x and weight w (or constant, when linked), then one operator for each word: each takes the result of the one
 * before, "ops_add" also w. A word that ends in "!" wants one dimension. All tensors are float32 [2,2]. */
static char *graph_of(const char *words)
{
    sedge_auto_strv struct sedge_strv ops = {NULL, 0};
    struct sedge_buf b = SEDGE_BUF_INIT;
    size_t n;

    sedge_strv_split(&ops, words, " ");
    n = ops.n + 2;
    sedge_buf_puts(
        &b,
        "{\"nodes\":[{\"op\":\"null\",\"name\":\"x\",\"inputs\":[]},{\"op\":\"null\",\"name\":\"w\",\"inputs\":[]}");
    for (size_t i = 0; i < ops.n; i++) {
        sedge_auto_free char *name = sedge_xstrdup(ops.v[i]);
        size_t last = strlen(name) - 1, from = i ? i + 1 : 0;
        bool flat = name[last] == '!', add = strcmp(name, "ops_add") == 0;
        if (flat) name[last] = '\0';
        sedge_buf_printf(&b,
                         ",{\"op\":\"tvm_op\",\"name\":\"n%zu\",\"attrs\":{\"func_name\":\"%s\",\"flatten_data\":\"%"
                         "d\",\"num_inputs\":\"%d\","
                         "\"num_outputs\":\"1\",\"hash\":\"0\"},\"inputs\":[[%zu,0,0]%s]}",
                         i, name, flat, add ? 2 : 1, from, add ? ",[1,0,0]" : "");
    }
    sedge_buf_printf(&b, "],\"arg_nodes\":[0,1],\"heads\":[[%zu,0,0]],\"node_row_ptr\":[", n - 1);
    for (size_t i = 0; i <= n; i++)
        sedge_buf_printf(&b, "%s%zu", i ? "," : "", i);
    sedge_buf_puts(&b, "],\"attrs\":{\"dltype\":[\"list_str\",[");
    for (size_t i = 0; i < n; i++)
        sedge_buf_printf(&b, "%s\"float32\"", i ? "," : "");
    sedge_buf_puts(&b, "]],\"shape\":[\"list_shape\",[");
    for (size_t i = 0; i < n; i++)
        sedge_buf_printf(&b, "%s[2,2]", i ? "," : "");
    sedge_buf_puts(&b, "]],\"storage_id\":[\"list_int\",[");
    for (size_t i = 0; i < n; i++) /* "__nop" gives the same memory another name */
        sedge_buf_printf(&b, "%s%zu", i ? "," : "", i == 2 && strcmp(ops.v[0], "__nop") == 0 ? 0 : i);
    sedge_buf_puts(&b, "]]}}");
    return sedge_buf_steal(&b);
}

static void number(struct sedge_buf *b, uint64_t v, size_t size)
{
    for (size_t i = 0; i < size; i++)
        sedge_buf_putc(b, (char)(v >> 8 * i));
}

/* One weight of that name: 1 2 3 4. */
static void params_of(struct sedge_buf *b, const char *name)
{
    const float v[4] = {1, 2, 3, 4};

    number(b, 0xF7E58D4F05049CB7ULL, 8);
    number(b, 0, 8);
    number(b, 1, 8);
    number(b, strlen(name), 8);
    sedge_buf_puts(b, name);
    number(b, 1, 8);
    number(b, 0xDD5E40F096B4A13FULL, 8);
    number(b, 0, 8);
    number(b, 1, 4);
    number(b, 0, 4);
    number(b, 2, 4);
    number(b, 0x00012002, 4); /* float, 32 bits, 1 lane */
    number(b, 2, 8);
    number(b, 2, 8);
    number(b, sizeof(v), 8);
    sedge_buf_add(b, v, sizeof(v));
}

static int create_with(DLRModelHandle *m, const char *library, const char *graph, const char *weight, const char *meta)
{
    sedge_auto_buf struct sedge_buf params = SEDGE_BUF_INIT;

    params_of(&params, weight);
    const DLRModelElem parts[] = {{.type = TVM_GRAPH, .data = graph},
                                  {.type = TVM_PARAMS, .data = params.data, .data_size = params.len},
                                  {.type = TVM_LIB, .path = library},
                                  {.type = NEO_METADATA, .data = meta}};
    return CreateDLRModelFromModelElem(m, parts, meta ? 4 : 3, DLR_CPU, 0);
}

static int create(DLRModelHandle *m, const char *words)
{
    sedge_auto_free char *graph = graph_of(words);
    return create_with(m, OPS, graph, "w", NULL);
}

static DLRModelHandle model(const char *words)
{
    DLRModelHandle m = NULL;

    if (create(&m, words)) fail_msg("%s", DLRGetLastError());
    return m;
}

static void gives(DLRModelHandle *m, const float x[4], float a, float b, float c, float d)
{
    const float wanted[4] = {a, b, c, d};
    float y[4];

    if (x) assert_int_equal(SetDLRInput(m, "x", shape, x, 2), 0);
    if (RunDLRModel(m)) fail_msg("%s", DLRGetLastError());
    assert_int_equal(GetDLROutput(m, 0, y), 0);
    for (int i = 0; i < 4; i++)
        assert_float_equal(y[i], wanted[i], 1e-6F);
}

static const float ones[4] = {1, 1, 1, 1};

/* ---- what works ---- */

static void operators_run_in_order_with_their_weights(void **st)
{
    DLRModelHandle m = model("ops_add ops_double ops_flat!");
    const char *text;
    int n;

    (void)st;
    assert_int_equal(GetDLRBackend(&m, &text), 0);
    assert_string_equal(text, "tvm");
    assert_int_equal(GetDLRNumInputs(&m, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(GetDLRInputName(&m, 0, &text), 0);
    assert_string_equal(text, "x");
    assert_int_equal(GetDLRNumWeights(&m, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(GetDLRWeightName(&m, 0, &text), 0);
    assert_string_equal(text, "w");
    gives(&m, ones, 4, 6, 8, 10);
    gives(&m, NULL, 4, 6, 8, 10);
    assert_int_equal(DeleteDLRModel(&m), 0);
}

static void parallel_parts_barriers_and_workspaces_work_with_any_number_of_threads(void **st)
{
    DLRModelHandle m = model("ops_device ops_double ops_sum");
    const float x[4] = {1, 2, 3, 4};

    (void)st;
    assert_int_equal(RunDLRModel(&m), 0); /* ops_device writes nothing: it calls a function of the runtime */
    assert_int_equal(DeleteDLRModel(&m), 0);
    m = model("ops_double ops_sum");
    for (int threads = 1; threads <= 4; threads++) {
        assert_int_equal(SetDLRNumThreads(&m, threads), 0);
        assert_int_equal(UseDLRCPUAffinity(&m, threads % 2), 0);
        for (int run = 0; run < 50; run++)
            gives(&m, x, 20, 20, 20, 20);
    }
    assert_int_equal(DeleteDLRModel(&m), 0);
}

static void linked_constants_come_from_the_library(void **st)
{
    sedge_auto_free char *graph = graph_of("ops_add");
    DLRModelHandle m = NULL;
    int n;

    (void)st;
    if (create_with(&m, OPS_LINKED, graph, "unused", NULL)) fail_msg("%s", DLRGetLastError());
    assert_int_equal(GetDLRNumInputs(&m, &n), 0);
    assert_int_equal(n, 1);
    gives(&m, ones, 11, 21, 31, 41);
    assert_int_equal(DeleteDLRModel(&m), 0);
}

static void metadata_names_outputs_and_is_checked(void **st)
{
    sedge_auto_free char *graph = graph_of("ops_add");
    DLRModelHandle m = NULL;
    const char *name;
    float y[4];

    (void)st;
    assert_int_equal(create_with(&m, OPS, graph, "w", "{\"Model\":{\"Outputs\":[{\"name\":\"probabilities\"}]}}"), 0);
    assert_int_equal(GetDLROutputName(&m, 0, &name), 0);
    assert_string_equal(name, "probabilities");
    assert_int_equal(GetDLROutputByName(&m, "probabilities", y), 0);
    assert_int_equal(DeleteDLRModel(&m), 0);
    refused(create_with(&m, OPS, graph, "w", "{\"Requirements\":{\"TargetDeviceType\":\"gpu\"}}"), "device type 2");
    assert_int_equal(create_with(&m, OPS, graph, "w", "no JSON"), 0);
    refused(GetDLROutputName(&m, 0, &name), "no metadata");
    assert_int_equal(DeleteDLRModel(&m), 0);
}

/* ---- tensors ---- */

static DLTensor tensor_of(void *data)
{
    return (DLTensor){.data = data,
                      .device = {kDLCPU, 0},
                      .ndim = 2,
                      .dtype = {kDLFloat, 32, 1},
                      .shape = (int64_t *)(uintptr_t)shape};
}

static void tensors_are_copied_in_and_out(void **st)
{
    DLRModelHandle m = model("ops_add");
    float x[5] = {9, 1, 2, 3, 4}, y[4];
    DLTensor in = tensor_of(x), out = tensor_of(y);
    int64_t back[2] = {1, 2}, by_row[2] = {2, 1};

    (void)st;
    in.byte_offset = sizeof(float);
    in.strides = by_row;
    assert_int_equal(SetDLRInputTensor(&m, "x", &in), 0);
    assert_int_equal(RunDLRModel(&m), 0);
    assert_int_equal(GetDLROutputTensor(&m, 0, &out), 0);
    assert_float_equal(y[3], 8, 1e-6F);
    in.strides = back;
    refused(SetDLRInputTensor(&m, "x", &in), "strides");
    in.strides = NULL;
    in.dtype.bits = 64;
    refused(SetDLRInputTensor(&m, "x", &in), "elements of type float64; expected float32");
    in.dtype.bits = 32;
    in.ndim = 1;
    refused(SetDLRInputTensor(&m, "x", &in), "2 elements; expected 4");
    in.device.device_type = (DLDeviceType)2;
    refused(SetDLRInputTensor(&m, "x", &in), "not in the memory of the CPU");
    refused(SetDLRInputTensor(&m, "y", &in), "no input \"y\"");
    refused(GetDLROutputTensor(&m, 1, &out), "output 1 does not exist");
    refused(SetDLRInputTensor(&m, "x", NULL), "null pointer");
    assert_int_equal(DeleteDLRModel(&m), 0);
}

static void an_input_may_stay_where_the_caller_has_it(void **st)
{
    static const char *const chains[] = {"ops_add", "__nop ops_add"};
    float *x = aligned_alloc(128, 256);
    int64_t flat = 4;

    (void)st;
    assert_non_null(x);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(chains); i++) {
        DLRModelHandle m = model(chains[i]);
        DLTensor t = tensor_of(x);
        float seen[4];
        memcpy(x, ones, sizeof(ones));
        assert_int_equal(SetDLRInputTensorZeroCopy(&m, "x", &t), 0);
        gives(&m, NULL, 2, 3, 4, 5);
        x[0] = 5;
        gives(&m, NULL, 6, 3, 4, 5);
        assert_int_equal(GetDLRInput(&m, "x", seen), 0);
        assert_float_equal(seen[0], 5, 1e-6F);
        t.data = x + 1;
        refused(SetDLRInputTensorZeroCopy(&m, "x", &t), "not aligned to 128 bytes");
        t = tensor_of(x);
        t.ndim = 1;
        t.shape = &flat;
        refused(SetDLRInputTensorZeroCopy(&m, "x", &t), "another shape");
        assert_int_equal(DeleteDLRModel(&m), 0);
    }
    free(x);
}

static void a_shared_output_outlives_its_model(void **st)
{
    DLRModelHandle m = model("ops_add");
    const void *out;
    DLManagedTensor *t;

    (void)st;
    gives(&m, ones, 2, 3, 4, 5);
    assert_int_equal(GetDLROutputManagedTensorPtr(&m, 0, &out), 0);
    t = (DLManagedTensor *)(uintptr_t)out;
    assert_int_equal(DeleteDLRModel(&m), 0);
    assert_int_equal(t->dl_tensor.ndim, 2);
    assert_int_equal(t->dl_tensor.shape[1], 2);
    assert_float_equal(((float *)t->dl_tensor.data)[3], 5, 1e-6F);
    t->deleter(t);
}

/* ---- pipelines ---- */

static void write_folder(const char *dir, const char *words)
{
    sedge_auto_buf struct sedge_buf params = SEDGE_BUF_INIT;
    sedge_auto_free char *graph = graph_of(words), *json = sedge_xasprintf("%s/compiled_model.json", dir);
    sedge_auto_free char *weights = sedge_xasprintf("%s/compiled.params", dir),
                         *so = sedge_xasprintf("%s/compiled.so", dir);

    params_of(&params, "w");
    assert_int_equal(sedge_fs_mkdirs(dir, 0755, NULL), 0);
    assert_int_equal(sedge_fs_write_atomic(json, graph, strlen(graph), 0644, NULL), 0);
    assert_int_equal(sedge_fs_write_atomic(weights, params.data, params.len, 0644, NULL), 0);
    (void)unlink(so);
    assert_int_equal(symlink(OPS, so), 0);
}

static void models_in_a_pipeline_feed_each_other(void **st)
{
    char dir[] = "/tmp/sedge-test-XXXXXX";
    DLRModelHandle m = NULL;
    const char *name;
    int n;

    (void)st;
    assert_non_null(mkdtemp(dir));
    sedge_auto_free char *first = sedge_xasprintf("%s/first", dir), *second = sedge_xasprintf("%s/second", dir);
    write_folder(first, "ops_add");
    write_folder(second, "ops_double");
    const char *paths[] = {first, second, SEDGE_SOURCE_DIR "/components/modelstore/digits/v1"};
    if (CreateDLRPipeline(&m, 2, paths, DLR_CPU, 0)) fail_msg("%s", DLRGetLastError());
    assert_int_equal(GetDLRBackend(&m, &name), 0);
    assert_string_equal(name, "pipeline");
    assert_int_equal(GetDLRNumWeights(&m, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(SetDLRNumThreads(&m, 2), 0);
    gives(&m, ones, 4, 6, 8, 10);
    assert_int_equal(DeleteDLRModel(&m), 0);
    refused(CreateDLRPipeline(&m, 3, paths, DLR_CPU, 0), "does not fit input \"input\" of model 2");
    refused(CreateDLRPipeline(&m, 0, paths, DLR_CPU, 0), "0 models");
    paths[1] = "/nowhere";
    refused(CreateDLRPipeline(&m, 2, paths, DLR_CPU, 0), "/nowhere: no such file or folder");
    assert_int_equal(sedge_fs_remove_tree(dir, NULL), 0);
}

/* ---- allocators ---- */

static int taken;

static void *counting_memalign(size_t alignment, size_t size)
{
    taken++;
    return aligned_alloc(alignment, size);
}

static void counting_free(void *p)
{
    taken--;
    free(p);
}

static void the_program_may_give_the_memory(void **st)
{
    DLRModelHandle m;

    (void)st;
    assert_int_equal(SetDLRCustomAllocatorMalloc(malloc), 0);
    assert_int_equal(SetDLRCustomAllocatorMemalign(counting_memalign), 0);
    m = model("ops_add");
    assert_int_equal(taken, 0); /* without a free function it is not used */
    assert_int_equal(DeleteDLRModel(&m), 0);
    assert_int_equal(SetDLRCustomAllocatorFree(counting_free), 0);
    m = model("ops_add");
    assert_int_equal(taken, 1);
    gives(&m, ones, 2, 3, 4, 5);
    assert_int_equal(DeleteDLRModel(&m), 0);
    assert_int_equal(taken, 0);
    assert_int_equal(SetDLRCustomAllocatorMemalign(NULL), 0);
    assert_int_equal(SetDLRCustomAllocatorFree(NULL), 0);
}

/* ---- what is refused ---- */

static void a_failing_operator_is_named_with_its_reason(void **st)
{
    static const struct {
        const char *words, *says;
    } rows[] = {
        {"ops_flat", "node \"n0\" failed: ops_flat: ndim is not 1"},
        {"ops_fail", "ops_fail: task failed"},
        {"ops_nested", "a parallel part within another"},
        {"ops_crowd", "more of them than threads"},
        {"ops_foreign", "it needs the function \"tvm.contrib.cblas.matmul\""},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++)
        for (int threads = 1; threads < 4; threads += 2) {
            DLRModelHandle m = model(rows[i].words);
            assert_int_equal(SetDLRNumThreads(&m, threads), 0);
            refused(RunDLRModel(&m), rows[i].says);
            assert_int_equal(DeleteDLRModel(&m), 0);
        }
}

static void libraries_that_cannot_run_are_refused(void **st)
{
    sedge_auto_free char *graph = graph_of("ops_add"), *unknown = graph_of("ops_none"), *libc = graph_of("abs"),
                         *copy = graph_of("__copy");
    DLRModelHandle m = NULL;

    (void)st;
    refused(create_with(&m, OPS_FOREIGN, graph, "w", NULL), "it needs module type \"cuda\"");
    refused(create_with(&m, SEDGE_SOURCE_DIR "/README.md", graph, "w", NULL), "cannot be loaded");
    refused(create_with(&m, "none.so", graph, "w", NULL), "none.so cannot be loaded");
    refused(create_with(&m, OPS, unknown, "w", NULL), "the library has no function \"ops_none\"");
    refused(create_with(&m, OPS, libc, "w", NULL), "the library has no function \"abs\"");
    refused(create_with(&m, OPS, copy, "w", NULL), "copies between devices");
    assert_null(m);
}

static void wrong_elements_are_refused(void **st)
{
    const DLRModelElem hexagon = {.type = HEXAGON_LIB, .path = "x"}, empty = {.type = TVM_GRAPH};
    const DLRModelElem library = {.type = TVM_LIB, .data = "x", .data_size = 1},
                       bytecode = {.type = RELAY_EXEC, .path = "x"};
    const DLRModelElem twice[] = {{.type = TVM_GRAPH, .data = "{}"}, {.type = TVM_GRAPH, .data = "{}"}};
    DLRModelHandle m = NULL;

    (void)st;
    refused(CreateDLRModelFromModelElem(&m, &hexagon, 1, DLR_CPU, 0), "type 0, which is not supported");
    refused(CreateDLRModelFromModelElem(&m, &empty, 1, DLR_CPU, 0), "neither path nor data");
    refused(CreateDLRModelFromModelElem(&m, &library, 1, DLR_CPU, 0), "by its path");
    refused(CreateDLRModelFromModelElem(&m, &bytecode, 1, DLR_CPU, 0), "Relay VM");
    refused(CreateDLRModelFromModelElem(&m, twice, 2, DLR_CPU, 0), "another one of type 2");
    refused(CreateDLRModelFromModelElem(&m, twice, 1, DLR_CPU, 0), "no parameters");
    refused(CreateDLRModelFromModelElem(&m, NULL, 1, DLR_CPU, 0), "null pointer");
    refused(CreateDLRModelFromModelElem(&m, NULL, 0, DLR_CPU, 0), "null pointer");
}

/* The graph with one text in it replaced. */
static char *changed(const char *from, const char *to)
{
    sedge_auto_free char *graph = graph_of("ops_add");
    const char *at = strstr(graph, from);

    assert_non_null(at);
    return sedge_xasprintf("%.*s%s%s", (int)(at - graph), graph, to, at + strlen(from));
}

static void broken_graphs_are_refused(void **st)
{
    static const struct {
        const char *from, *to, *says;
    } rows[] = {
        {"[0,0,0],[1", "[2,0,0],[1", "expected an integer from 0 to 1"}, /* itself: not computed before */
        {"[0,0,0],[1", "[0,1,0],[1", "an output of a node: 1"},
        {"[0,0,0],[1", "7,[1", "expected [node, output]"},
        {"\"num_inputs\":\"2\"", "\"num_inputs\":\"3\"", "do not fit 2 inputs"},
        {"\"num_outputs\":\"1\"", "\"num_outputs\":\"x\"", "num_outputs"},
        {"\"func_name\"", "\"name\"", "no \"func_name\""},
        {"tvm_op", "conv", "op \"conv\""},
        {"\"arg_nodes\":[0,1]", "\"arg_nodes\":[0,2]", "which is an operator"},
        {"\"heads\":[[2,0,0]]", "\"heads\":[]", "no output"},
        {"\"heads\":[[2,0,0]]", "\"heads\":[[-1,0]]", "heads"},
        {"\"node_row_ptr\":[0,1,2,3]", "\"node_row_ptr\":[0,1,2]", "one more than nodes"},
        {"\"node_row_ptr\":[0,1,2,3]", "\"node_row_ptr\":[0,2,1,3]", "never to fall"},
        {"\"node_row_ptr\":[0,1,2,3]", "\"node_row_ptr\":[0,1,2,900000]", "node_row_ptr"},
        {"[\"float32\",", "[\"handle\",", "element type \"handle\""},
        {"[\"float32\",", "[7,", "type of entry 0"},
        {"[[2,2],", "[[16777216,16777216],", "too many elements"},
        {"[[2,2],", "[[-2,2],", "an extent: -2"},
        {"[[2,2],", "[7,", "shape of entry 0"},
        {"[[2,2],", "[[1,1,1,1,1,1,1,1,4],", "at most 8"},
        {"[0,1,2]]}", "[0,1,7]]}", "storage_id: 7"},
        {"[0,1,2]]}", "[0,1]]}", "\"attrs.storage_id\" has 2 elements"},
        {"[0,1,2]]}", "[0,1,2]],\"device_index\":[\"list_int\",[1,2,1]]}", "device type 2"},
        {"\"nodes\":[", "\"nodes\":7,\"n\":[", "\"nodes\": a list was expected"},
        {"[[2,2],[2,2]", "[[2,2],[2,3]", "weight \"w\""},
        {"{\"nodes\"", "{\"nodes", "graph"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_free char *graph = changed(rows[i].from, rows[i].to);
        DLRModelHandle m = NULL;
        refused(create_with(&m, OPS, graph, "w", NULL), rows[i].says);
    }
}

static int create_with_params(const void *data, size_t n)
{
    sedge_auto_free char *graph = graph_of("ops_add");
    const DLRModelElem parts[] = {{.type = TVM_GRAPH, .data = graph},
                                  {.type = TVM_PARAMS, .data = data, .data_size = n},
                                  {.type = TVM_LIB, .path = OPS}};
    DLRModelHandle m = NULL;
    int rc = CreateDLRModelFromModelElem(&m, parts, 3, DLR_CPU, 0);

    (void)DeleteDLRModel(&m);
    return rc;
}

static void broken_parameter_files_are_refused(void **st)
{
    static const struct {
        size_t at;
        uint8_t to;
        const char *says;
    } rows[] = {
        {0, 0, "not a parameter file"},
        {16, 2, "weights, at most 40000"},
        {20, 1, "weights, at most"},
        {24, 200, "the file ends within"},
        {28, 1, "a name of"},
        {32, 0, "NUL byte"},
        {33, 2, "1 names and 2 weights"},
        {41, 0, "not a weight"},
        {57, 2, "device type 2"},
        {65, 9, "9 dimensions"},
        {70, 64, "its shape asks for"},
        {80, 1, "extent"},
        {89, 17, "has 17 bytes"},
    };
    sedge_auto_buf struct sedge_buf whole = SEDGE_BUF_INIT;

    (void)st;
    params_of(&whole, "w");
    assert_int_equal(create_with_params(whole.data, whole.len), 0);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        uint8_t old = (uint8_t)whole.data[rows[i].at];
        whole.data[rows[i].at] = (char)rows[i].to;
        refused(create_with_params(whole.data, whole.len), rows[i].says);
        whole.data[rows[i].at] = (char)old;
    }
    for (size_t n = 1; n < whole.len; n++) { /* a copy of that size, so that a read past its end is seen */
        sedge_auto_free char *cut = sedge_xcalloc(1, n);
        memcpy(cut, whole.data, n);
        assert_int_equal(create_with_params(cut, n), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_run_in_order_with_their_weights),
        cmocka_unit_test(parallel_parts_barriers_and_workspaces_work_with_any_number_of_threads),
        cmocka_unit_test(linked_constants_come_from_the_library),
        cmocka_unit_test(metadata_names_outputs_and_is_checked),
        cmocka_unit_test(tensors_are_copied_in_and_out),
        cmocka_unit_test(an_input_may_stay_where_the_caller_has_it),
        cmocka_unit_test(a_shared_output_outlives_its_model),
        cmocka_unit_test(models_in_a_pipeline_feed_each_other),
        cmocka_unit_test(the_program_may_give_the_memory),
        cmocka_unit_test(a_failing_operator_is_named_with_its_reason),
        cmocka_unit_test(libraries_that_cannot_run_are_refused),
        cmocka_unit_test(wrong_elements_are_refused),
        cmocka_unit_test(broken_graphs_are_refused),
        cmocka_unit_test(broken_parameter_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
