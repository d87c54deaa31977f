/*
 * dlr_bench - latency and memory of one model.
 *
 *   dlr_bench MODEL_FOLDER [RUNS [THREADS]]
 *
 * Prints load time, median and best latency of RUNS runs after 9 to warm up (input copy included), and the process'
 * resident memory: steady and peak.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dlr.h"

#define RUNS_MAX 10000
#define WARM_UP  9

static double now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static long status_kb(const char *key)
{
    char line[128];
    long kb = 0;
    FILE *f = fopen("/proc/self/status", "re");

    while (f && fgets(line, sizeof(line), f))
        if (strncmp(line, key, strlen(key)) == 0) kb = strtol(line + strlen(key), NULL, 10);
    if (f) (void)fclose(f);
    return kb;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static int fail(void)
{
    (void)fprintf(stderr, "dlr_bench: %s\n", DLRGetLastError());
    return 1;
}

int main(int argc, char **argv)
{
    DLRModelHandle m = NULL;
    const char *name;
    int64_t shape[8], size;
    int dim;
    long runs = argc > 2 ? strtol(argv[2], NULL, 10) : 60;

    if (argc < 2 || runs < 1 || runs > RUNS_MAX) {
        (void)fprintf(stderr, "usage: dlr_bench MODEL_FOLDER [RUNS [THREADS]]\n");
        return 2;
    }
    double start = now_ms();
    if (CreateDLRModel(&m, argv[1], DLR_CPU, 0)) return fail();
    double load = now_ms() - start;
    if (argc > 3 && SetDLRNumThreads(&m, (int)strtol(argv[3], NULL, 10))) return fail();
    if (GetDLRInputName(&m, 0, &name) || GetDLRInputSizeDim(&m, 0, &size, &dim) || GetDLRInputShape(&m, 0, shape))
        return fail();
    float *input = calloc((size_t)size, sizeof(*input));
    double *ms = calloc((size_t)runs, sizeof(*ms));
    for (long i = -WARM_UP; input && ms && i < runs; i++) {
        start = now_ms();
        if (SetDLRInput(&m, name, shape, input, dim) || RunDLRModel(&m)) return fail();
        if (i >= 0) ms[i] = now_ms() - start;
    }
    if (ms) qsort(ms, (size_t)runs, sizeof(*ms), by_value);
    if (ms)
        printf("load %.1f ms, median %.3f ms, best %.3f ms, resident %.1f MB, peak %.1f MB\n", load, ms[runs / 2],
               ms[0], (double)status_kb("VmRSS:") / 1e3, (double)status_kb("VmHWM:") / 1e3);
    free(input);
    free(ms);
    return DeleteDLRModel(&m) ? fail() : 0;
}
