#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/mem.h"
#include "dlr.h"
#include "tool.h"

#define WARM_UP  10
#define RANK_MAX 8

struct figures {
    const char *backend;
    double load_ms, first_ms, median_ms, p99_ms, best_ms;
    double resident_mb, peak_mb;
};

static double now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double status_mb(const char *key)
{
    char line[128];
    double kb = 0;
    FILE *f = fopen("/proc/self/status", "re");

    while (f && fgets(line, sizeof(line), f))
        if (strncmp(line, key, strlen(key)) == 0) kb = strtod(line + strlen(key), NULL);
    if (f) (void)fclose(f);
    return kb / 1e3;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The first input, of zeros, is set before each run; the others keep their zeros. */
static int measure(DLRModelHandle *m, int runs, double *ms, struct figures *out)
{
    const char *name;
    int64_t shape[RANK_MAX], size;
    sedge_auto_free void *zeros = NULL;
    int dim;

    if (GetDLRInputName(m, 0, &name) || GetDLRInputSizeDim(m, 0, &size, &dim) || GetDLRInputShape(m, 0, shape))
        return -1;
    zeros = sedge_xcalloc((size_t)size + 1, sizeof(double));
    for (int i = -WARM_UP; i < runs; i++) {
        double start = now_ms();
        if (SetDLRInput(m, name, shape, zeros, dim) || RunDLRModel(m)) return -1;
        if (i == -WARM_UP) out->first_ms = now_ms() - start;
        if (i >= 0) ms[i] = now_ms() - start;
    }
    return 0;
}

static int bench(const struct tool_words *w, DLRModelHandle *m, struct figures *out)
{
    sedge_auto_free double *ms = sedge_xcalloc((size_t)w->runs, sizeof(*ms));
    double start = now_ms();

    if (CreateDLRModel(m, w->model, DLR_CPU, 0)) return -1;
    out->load_ms = now_ms() - start;
    if (w->threads && SetDLRNumThreads(m, w->threads)) return -1;
    if (GetDLRBackend(m, &out->backend) || measure(m, w->runs, ms, out)) return -1;
    qsort(ms, (size_t)w->runs, sizeof(*ms), by_value);
    out->best_ms = ms[0];
    out->median_ms = ms[w->runs / 2];
    out->p99_ms = ms[w->runs * 99 / 100];
    out->resident_mb = status_mb("VmRSS:");
    out->peak_mb = status_mb("VmHWM:");
    return 0;
}

static void print_json(const struct tool_words *w, const struct figures *f)
{
    const struct {
        const char *name;
        double value;
    } all[] = {{"loadMs", f->load_ms}, {"firstMs", f->first_ms},       {"medianMs", f->median_ms}, {"p99Ms", f->p99_ms},
               {"bestMs", f->best_ms}, {"residentMB", f->resident_mb}, {"peakMB", f->peak_mb}};
    sedge_auto_put struct json_object *o = json_object_new_object();

    sedge_json_add_str(o, "model", w->model);
    sedge_json_add_str(o, "backend", f->backend);
    sedge_json_add_i64(o, "runs", w->runs);
    if (w->threads) sedge_json_add_i64(o, "threads", w->threads);
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        (void)json_object_object_add(o, all[i].name, tool_number(all[i].value));
    puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
}

int tool_bench(const struct tool_words *w)
{
    DLRModelHandle m = NULL;
    struct figures f = {0};
    int rc = 0;

    if (w->n) return tool_fail("bench takes one model") + 1;
    if (bench(w, &m, &f))
        rc = tool_fail("%s", DLRGetLastError());
    else if (w->json)
        print_json(w, &f);
    else
        printf("%s: load %.1f ms, first run %.3f ms, median %.3f ms, p99 %.3f ms, best %.3f ms; memory %.1f MB, peak "
               "%.1f MB\n",
               f.backend, f.load_ms, f.first_ms, f.median_ms, f.p99_ms, f.best_ms, f.resident_mb, f.peak_mb);
    (void)DeleteDLRModel(&m);
    return rc;
}
