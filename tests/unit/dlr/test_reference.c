/* Real networks with outputs computed by another runtime: ../shared/data. */
#include "../test.h"

#include <math.h>
#include <unistd.h>

#include "dlr.h"

#define DATA         SEDGE_SHARED_DIR "/data/"
#define CLOSE_ENOUGH 1e-4f

static float *read_floats(const char *path, size_t n)
{
    float *v = calloc(n, sizeof(*v));
    FILE *f = fopen(path, "rb");

    assert_non_null(f);
    assert_int_equal(fread(v, sizeof(*v), n, f), n);
    (void)fclose(f);
    return v;
}

static float worst_difference(const char *folder, const char *name, const char *ending, int threads)
{
    char path[512];
    DLRModelHandle m = NULL;
    int64_t shape[4], in, out;
    int dim;
    float worst = 0;

    (void)snprintf(path, sizeof(path), DATA "%s/%s%s", folder, name, ending);
    if (access(path, R_OK)) {
        print_message("../shared/data is not there: skipped\n");
        skip();
    }
    if (CreateDLRModel(&m, path, DLR_CPU, 0)) fail_msg("%s", DLRGetLastError());
    assert_int_equal(SetDLRNumThreads(&m, threads), 0);
    assert_int_equal(GetDLRInputSizeDim(&m, 0, &in, &dim), 0);
    assert_int_equal(dim, 4);
    assert_int_equal(GetDLRInputShape(&m, 0, shape), 0);
    assert_int_equal(GetDLROutputSizeDim(&m, 0, &out, &dim), 0);
    assert_int_equal(out, 1001);
    (void)snprintf(path, sizeof(path), DATA "reference/%s.cat.input.f32", name);
    float *x = read_floats(path, (size_t)in), *y = calloc((size_t)out, sizeof(*y));
    (void)snprintf(path, sizeof(path), DATA "reference/%s.cat.output.f32", name);
    float *expected = read_floats(path, (size_t)out);
    for (int run = 0; run < 2; run++) {
        assert_int_equal(SetDLRInput(&m, "input", shape, x, 4), 0);
        if (RunDLRModel(&m)) fail_msg("%s", DLRGetLastError());
        assert_int_equal(GetDLROutput(&m, 0, y), 0);
        for (int64_t i = 0; i < out; i++)
            worst = fmaxf(worst, fabsf(y[i] - expected[i]));
    }
    float *back = calloc((size_t)in, sizeof(*back));
    assert_int_equal(GetDLRInput(&m, "input", back), 0);
    assert_memory_equal(back, x, (size_t)in * sizeof(*x));
    free(back);
    free(x);
    free(y);
    free(expected);
    assert_int_equal(DeleteDLRModel(&m), 0);
    print_message("%s/%s, %d threads: worst difference %g\n", folder, name, threads, (double)worst);
    return worst;
}

static void mobilenet_v2_gives_the_reference_output(void **st)
{
    (void)st;
    assert_true(worst_difference("models", "mobilenet_v2_224", ".onnx", 1) < CLOSE_ENOUGH);
    assert_true(worst_difference("models", "mobilenet_v2_224", ".onnx", 2) < CLOSE_ENOUGH);
}

static void mobilenet_v1_gives_the_reference_output(void **st)
{
    (void)st;
    assert_true(worst_difference("models", "mobilenet_v1_0.25_128", ".onnx", 1) < CLOSE_ENOUGH);
    assert_true(worst_difference("models", "mobilenet_v1_0.25_128", ".onnx", 3) < CLOSE_ENOUGH);
}

static bool runs_here(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("sse4.2"); /* what the compiled folders were made for */
#else
    return false;
#endif
}

static void compiled_mobilenets_give_the_reference_output(void **st)
{
    (void)st;
    if (!runs_here()) {
        print_message("the compiled models are for x86-64-v2: skipped\n");
        skip();
    }
    for (int threads = 1; threads < 4; threads++) {
        assert_true(worst_difference("neo", "mobilenet_v1_0.25_128", "", threads) < CLOSE_ENOUGH);
        assert_true(worst_difference("neo", "mobilenet_v2_224", "", threads) < CLOSE_ENOUGH);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mobilenet_v2_gives_the_reference_output),
        cmocka_unit_test(mobilenet_v1_gives_the_reference_output),
        cmocka_unit_test(compiled_mobilenets_give_the_reference_output),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
