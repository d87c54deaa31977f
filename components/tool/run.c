#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "classify/classifier.h"
#include "dlr.h"
#include "tool.h"

#define TENSOR_FILE_MAX (512U << 20)

/* ---- images ---- */

static struct json_object *ranking_json(const char *image, const struct sedge_ranking *r, int top)
{
    struct json_object *o = json_object_new_object(), *list = json_object_new_array();

    for (int i = 0; i < r->n && i < top; i++) {
        struct json_object *one = json_object_new_object();
        sedge_json_add_i64(one, "class", r->best[i].index);
        sedge_json_add_str(one, "label", r->best[i].label);
        (void)json_object_object_add(one, "score", tool_number((double)r->best[i].score));
        (void)json_object_array_add(list, one);
    }
    sedge_json_add_str(o, "image", image);
    (void)json_object_object_add(o, "milliseconds", tool_number(r->milliseconds));
    (void)json_object_object_add(o, "results", list);
    return o;
}

static void print_ranking(const char *image, const struct sedge_ranking *r, int top)
{
    printf("%s  %.3f ms\n", image, r->milliseconds);
    for (int i = 0; i < r->n && i < top; i++)
        printf("  %7.4f  %s\n", (double)r->best[i].score, r->best[i].label);
}

/* The classifier makes the model by itself; this is before any thread is started. */
static void set_threads(int threads)
{
    sedge_auto_free char *text = sedge_xasprintf("%d", threads);
    (void)setenv("TVM_NUM_THREADS", text, 1); /* fails for lack of memory only: then the default counts */
}

static int run_images(const struct tool_words *w)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_classifier *c;
    sedge_auto_put struct json_object *all = json_object_new_array();
    int failed = 0;

    if (w->threads) set_threads(w->threads);
    c = sedge_classifier_open(w->model, w->labels, &err);
    if (!c) return tool_fail("%s", err.msg);
    for (int i = 0; i < w->n; i++) {
        struct sedge_ranking r;
        if (sedge_classifier_run(c, w->more[i], &r, &err))
            failed = tool_fail("%s", err.msg);
        else if (w->json)
            (void)json_object_array_add(all, ranking_json(w->more[i], &r, w->top));
        else
            print_ranking(w->more[i], &r, w->top);
    }
    sedge_classifier_close(c);
    if (w->json) puts(json_object_to_json_string_ext(all, TOOL_JSON));
    return failed;
}

/* ---- raw tensors ---- */

static size_t bytes_of(int64_t count, const char *type)
{
    const char *digits = strpbrk(type, "123468"); /* "float32", "int8"; "bool" has none */

    return (size_t)count * (digits ? strtoul(digits, NULL, 10) / 8 : 1);
}

static int read_input(DLRModelHandle *m, int index, const char *name, const char *file)
{
    sedge_auto_buf struct sedge_buf data = SEDGE_BUF_INIT;
    struct sedge_err err = SEDGE_ERR_INIT;
    const char *type;
    int64_t size;
    int dim;

    if (sedge_fs_read(file, TENSOR_FILE_MAX, &data, &err)) return tool_fail("%s", err.msg);
    if (GetDLRInputSizeDim(m, index, &size, &dim) || GetDLRInputType(m, index, &type))
        return tool_fail("%s", DLRGetLastError());
    if (data.len != bytes_of(size, type))
        return tool_fail("%s has %zu bytes; input \"%s\" takes %zu (%lld elements of %s)", file, data.len, name,
                         bytes_of(size, type), (long long)size, type);
    return SetDLRInput(m, name, &size, data.data, 1) ? tool_fail("%s", DLRGetLastError()) : 0;
}

static int set_inputs(const struct tool_words *w, DLRModelHandle *m)
{
    int n;

    if (GetDLRNumInputs(m, &n)) return tool_fail("%s", DLRGetLastError());
    for (int i = 0; i < w->ninput; i++) {
        const char *file = strchr(w->input[i], '=') + 1, *known = NULL;
        sedge_auto_free char *name = sedge_xstrndup(w->input[i], (size_t)(file - w->input[i] - 1));
        int index = 0;
        while (index < n && (GetDLRInputName(m, index, &known) || strcmp(known, name) != 0))
            index++;
        if (index == n) return tool_fail("the model has no input \"%s\"; see sedge-dlr info", name);
        if (read_input(m, index, name, file)) return 1;
    }
    return 0;
}

/* A number, or a name that the metadata gives. */
static int output_index(DLRModelHandle *m, const char *name, int *index)
{
    char *end;

    *index = (int)strtol(name, &end, 10);
    if (end != name && *end == '\0') return 0;
    return GetDLROutputIndex(m, name, index);
}

static int write_output(DLRModelHandle *m, const char *word)
{
    const char *file = strchr(word, '=') + 1, *type;
    sedge_auto_free char *name = sedge_xstrndup(word, (size_t)(file - word - 1));
    struct sedge_err err = SEDGE_ERR_INIT;
    const void *data;
    int64_t size;
    int index, dim;

    if (output_index(m, name, &index) || GetDLROutputSizeDim(m, index, &size, &dim) ||
        GetDLROutputType(m, index, &type) || GetDLROutputPtr(m, index, &data))
        return tool_fail("output \"%s\": %s", name, DLRGetLastError());
    return sedge_fs_write_atomic(file, data, bytes_of(size, type), 0644, &err) ? tool_fail("%s", err.msg) : 0;
}

static int print_outputs(DLRModelHandle *m)
{
    int n, dim;

    if (GetDLRNumOutputs(m, &n)) return tool_fail("%s", DLRGetLastError());
    for (int i = 0; i < n; i++) {
        const char *type;
        const void *data;
        int64_t size;
        if (GetDLROutputSizeDim(m, i, &size, &dim) || GetDLROutputType(m, i, &type) || GetDLROutputPtr(m, i, &data))
            return tool_fail("%s", DLRGetLastError());
        printf("output %d: %lld elements of %s", i, (long long)size, type);
        for (int64_t k = 0; k < size && k < 8 && strcmp(type, "float32") == 0; k++)
            printf("%s%g", k ? " " : ": ", (double)((const float *)data)[k]);
        puts(size > 8 ? " ..." : "");
    }
    return 0;
}

static int run_tensors(const struct tool_words *w)
{
    DLRModelHandle m = NULL;
    int rc;

    if (CreateDLRModel(&m, w->model, DLR_CPU, 0)) return tool_fail("%s", DLRGetLastError());
    rc = w->threads && SetDLRNumThreads(&m, w->threads) ? tool_fail("%s", DLRGetLastError()) : set_inputs(w, &m);
    if (rc == 0 && RunDLRModel(&m)) rc = tool_fail("%s", DLRGetLastError());
    for (int i = 0; rc == 0 && i < w->noutput; i++)
        rc = write_output(&m, w->output[i]);
    if (rc == 0 && w->noutput == 0) rc = print_outputs(&m);
    (void)DeleteDLRModel(&m);
    return rc;
}

int tool_run(const struct tool_words *w)
{
    if (w->n && w->ninput) return tool_fail("images and --input do not go together") + 1;
    if (!w->n && !w->ninput) return tool_fail("give images, or --input NAME=FILE for each input") + 1;
    return w->n ? run_images(w) : run_tensors(w);
}
