#include "classifier.h"

#include <dirent.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <dlr.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "image.h"

#define META_MAX   (1U << 20)
#define LABELS_MAX (16U << 20) /* bytes */
#define LABEL_LEN  32

enum colours { GRAY, RGB, BGR };
enum softmax { LOOK, APPLIED, MISSING };

struct sedge_classifier {
    DLRModelHandle model;
    char *input; /* its name */
    int64_t shape[4], classes;
    uint32_t width, height;
    bool interleaved; /* [1,H,W,C] instead of [1,C,H,W] */
    enum colours colours;
    float mean[3], scale[3];
    enum softmax softmax;
    struct sedge_strv labels;
    uint8_t *rgb;
    float *values, *scores;
};

static int dlr_failed(struct sedge_err *err)
{
    return sedge_err_set(err, SEDGE_E_INVALID, "%s", DLRGetLastError());
}

/* ---- the section of the metadata ---- */

static struct json_object *read_meta(const char *folder)
{
    struct json_object *meta = NULL;
    DIR *dir = opendir(folder);
    struct dirent *e;

    while (dir && !meta && (e = readdir(dir))) {
        sedge_auto_free char *path = sedge_xasprintf("%s/%s", folder, e->d_name);
        sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;
        if (!sedge_str_ends(e->d_name, ".meta") || sedge_fs_read(path, META_MAX, &text, NULL) || !text.data) continue;
        meta =
            sedge_json_parse_object(text.data, text.len, path, NULL); /* what is not JSON counts as none, as in DLR */
    }
    if (dir) (void)closedir(dir);
    return meta;
}

/* One number for all colours, or one for each. */
static int read_numbers(struct json_object *section, const char *key, float def, float out[3], struct sedge_err *err)
{
    struct json_object *list = sedge_json_arr(section, key);
    size_t n = list ? json_object_array_length(list) : 0;

    for (int i = 0; i < 3; i++)
        out[i] = def;
    if (!sedge_json_has(section, key)) return 0;
    if (n != 1 && n != 3)
        return sedge_err_set(err, SEDGE_E_INVALID, "ImageClassification.%s: expected a list of 1 or 3 numbers", key);
    for (size_t i = 0; i < 3; i++) {
        struct json_object *v = json_object_array_get_idx(list, n == 1 ? 0 : i);
        if (!json_object_is_type(v, json_type_double) && !json_object_is_type(v, json_type_int))
            return sedge_err_set(err, SEDGE_E_INVALID, "ImageClassification.%s: expected numbers", key);
        out[i] = (float)json_object_get_double(v);
    }
    return 0;
}

static int read_section(struct sedge_classifier *c, struct json_object *section, bool one_channel,
                        struct sedge_err *err)
{
    const char *colours = sedge_json_str(section, "Channels", one_channel ? "gray" : "rgb");

    if (strcmp(colours, "gray") == 0)
        c->colours = GRAY;
    else if (strcmp(colours, "rgb") == 0)
        c->colours = RGB;
    else if (strcmp(colours, "bgr") == 0)
        c->colours = BGR;
    else
        return sedge_err_set(err, SEDGE_E_INVALID, "ImageClassification.Channels: \"%s\"; expected gray, rgb or bgr",
                             colours);
    if ((c->colours == GRAY) != one_channel)
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "ImageClassification.Channels: \"%s\", but the model takes %d channels", colours,
                             one_channel ? 1 : 3);
    if (sedge_json_i64(section, "Width", c->width) != c->width ||
        sedge_json_i64(section, "Height", c->height) != c->height)
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "ImageClassification: Width and Height differ from the model's %u x %u", c->width,
                             c->height);
    if (read_numbers(section, "Mean", 128, c->mean, err) || read_numbers(section, "Scale", 128, c->scale, err))
        return -1;
    for (int i = 0; i < 3; i++)
        if (!(fabsf(c->scale[i]) > 0))
            return sedge_err_set(err, SEDGE_E_INVALID, "ImageClassification.Scale: 0 cannot be divided by");
    if (sedge_json_has(section, "Softmax")) c->softmax = sedge_json_bool(section, "Softmax", false) ? APPLIED : MISSING;
    return 0;
}

static int read_labels(struct sedge_classifier *c, const char *path, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;

    if (sedge_fs_read(path, LABELS_MAX, &text, err)) return sedge_err_wrap(err, "labels");
    sedge_strv_split(&c->labels, text.data ? text.data : "", "\n");
    if (c->labels.n > SEDGE_CLASSIFY_LABELS_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "%s: %zu labels, at most %d are allowed", path, c->labels.n,
                             SEDGE_CLASSIFY_LABELS_MAX);
    for (size_t i = 0; i < c->labels.n; i++)
        c->labels.v[i][strcspn(c->labels.v[i], "\r")] = 0;
    if ((int64_t)c->labels.n < c->classes)
        return sedge_err_set(err, SEDGE_E_INVALID, "%s: %zu labels for %lld classes", path, c->labels.n,
                             (long long)c->classes);
    return 0;
}

static int find_labels(struct sedge_classifier *c, const char *folder, const char *given, struct json_object *section,
                       struct sedge_err *err)
{
    const char *name = sedge_json_str(section, "Labels", NULL);
    sedge_auto_free char *path = NULL;

    if (given) return read_labels(c, given, err);
    if (name && strchr(name, '/'))
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "ImageClassification.Labels: \"%s\" has to be a file in the model folder", name);
    path = sedge_xasprintf("%s/%s", folder, name ? name : "labels.txt");
    if (name || sedge_fs_exists(path)) return read_labels(c, path, err);
    for (int64_t i = 0; i < c->classes; i++)
        sedge_strv_add_take(&c->labels, sedge_xasprintf("class %lld", (long long)i));
    return 0;
}

/* ---- the model ---- */

static int image_input(struct sedge_classifier *c, bool *one_channel, struct sedge_err *err)
{
    int64_t channels;
    const char *name, *type;
    int64_t size;
    int n, dim;

    if (GetDLRNumInputs(&c->model, &n) || GetDLRInputName(&c->model, 0, &name) ||
        GetDLRInputType(&c->model, 0, &type) || GetDLRInputSizeDim(&c->model, 0, &size, &dim))
        return dlr_failed(err);
    if (n != 1 || dim != 4 || strcmp(type, "float32") != 0)
        return sedge_err_set(
            err, SEDGE_E_UNSUPPORTED,
            "the model has %d inputs, the first of type %s with %d dimensions; expected one image: float32, "
            "4 dimensions",
            n, type, dim);
    if (GetDLRInputShape(&c->model, 0, c->shape)) return dlr_failed(err);
    c->interleaved = c->shape[1] != 1 && c->shape[1] != 3;
    channels = c->shape[c->interleaved ? 3 : 1];
    if (c->shape[0] != 1 || (channels != 1 && channels != 3) ||
        size > 3LL * SEDGE_CLASSIFY_SIDE_MAX * SEDGE_CLASSIFY_SIDE_MAX)
        return sedge_err_set(err, SEDGE_E_UNSUPPORTED,
                             "the model takes %lld x %lld x %lld x %lld; expected one image of 1 or 3 channels",
                             (long long)c->shape[0], (long long)c->shape[1], (long long)c->shape[2],
                             (long long)c->shape[3]);
    c->height = (uint32_t)c->shape[c->interleaved ? 1 : 2];
    c->width = (uint32_t)c->shape[c->interleaved ? 2 : 3];
    c->input = sedge_xstrdup(name);
    *one_channel = channels == 1;
    return 0;
}

static int open_parts(struct sedge_classifier *c, const char *folder, const char *labels, struct sedge_err *err)
{
    sedge_auto_put struct json_object *meta = NULL;
    struct json_object *section;
    bool one_channel = false;
    int dim;

    if (CreateDLRModel(&c->model, folder, DLR_CPU, 0)) return dlr_failed(err);
    if (image_input(c, &one_channel, err)) return -1;
    if (GetDLROutputSizeDim(&c->model, 0, &c->classes, &dim)) return dlr_failed(err);
    if (c->classes > SEDGE_CLASSIFY_LABELS_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "%s: %lld classes, at most %d are allowed", folder,
                             (long long)c->classes, SEDGE_CLASSIFY_LABELS_MAX);
    meta = read_meta(folder);
    section = sedge_json_obj(meta, "ImageClassification");
    if (read_section(c, section, one_channel, err) || find_labels(c, folder, labels, section, err))
        return sedge_err_wrap(err, "%s", folder);
    c->rgb = sedge_xcalloc((size_t)c->width * c->height, 3);
    c->values = sedge_xcalloc((size_t)c->width * c->height * 3, sizeof(float));
    c->scores = sedge_xcalloc((size_t)c->classes, sizeof(float));
    return 0;
}

struct sedge_classifier *sedge_classifier_open(const char *folder, const char *labels, struct sedge_err *err)
{
    struct sedge_classifier *c = SEDGE_NEW(struct sedge_classifier);

    if (open_parts(c, folder, labels, err) == 0) return c;
    sedge_classifier_close(c);
    return NULL;
}

void sedge_classifier_close(struct sedge_classifier *c)
{
    if (!c) return;
    (void)DeleteDLRModel(&c->model); /* fails for a null handle pointer only */
    sedge_strv_release(&c->labels);
    free(c->input);
    free(c->rgb);
    free(c->values);
    free(c->scores);
    free(c);
}

/* ---- one image ---- */

static float colour_of(const struct sedge_classifier *c, const uint8_t *rgb, size_t channel)
{
    float v = c->colours == GRAY ? roundf(0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2])
                                 : rgb[c->colours == BGR ? 2 - channel : channel];
    return (v - c->mean[channel]) / c->scale[channel];
}

static void fill_input(struct sedge_classifier *c, const struct sedge_image *img)
{
    size_t pixels = (size_t)c->width * c->height, channels = c->colours == GRAY ? 1 : 3;

    sedge_image_resize(img, c->width, c->height, c->rgb);
    for (size_t i = 0; i < pixels; i++)
        for (size_t k = 0; k < channels; k++)
            c->values[c->interleaved ? i * channels + k : k * pixels + i] = colour_of(c, c->rgb + i * 3, k);
}

static bool are_probabilities(const float *v, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++) {
        if (!(v[i] >= 0 && v[i] <= 1)) return false;
        sum += (double)v[i];
    }
    return fabs(sum - 1) < 0.01;
}

static void apply_softmax(float *v, int64_t n)
{
    float max = -INFINITY;
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        max = fmaxf(max, v[i]);
    for (int64_t i = 0; i < n; i++) {
        v[i] = expf(v[i] - max);
        sum += (double)v[i];
    }
    for (int64_t i = 0; i < n; i++)
        v[i] = (float)((double)v[i] / sum);
}

static void rank(const struct sedge_classifier *c, struct sedge_ranking *out)
{
    for (int64_t i = 0; i < c->classes; i++) {
        int at = out->n;
        while (at > 0 && c->scores[i] > out->best[at - 1].score)
            at--;
        if (at == SEDGE_CLASSIFY_BEST) continue;
        if (out->n < SEDGE_CLASSIFY_BEST) out->n++;
        for (int k = out->n - 1; k > at; k--)
            out->best[k] = out->best[k - 1];
        out->best[at].index = (int)i;
        out->best[at].label = c->labels.v[i];
        out->best[at].score = c->scores[i];
    }
}

static double now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail for this clock */
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int infer(struct sedge_classifier *c, struct sedge_err *err)
{
    if (SetDLRInput(&c->model, c->input, c->shape, c->values, 4) || RunDLRModel(&c->model) ||
        GetDLROutput(&c->model, 0, c->scores))
        return dlr_failed(err);
    return 0;
}

int sedge_classifier_try(struct sedge_classifier *c, struct sedge_err *err)
{
    return infer(c, err);
}

int sedge_classifier_run(struct sedge_classifier *c, const char *image, struct sedge_ranking *out,
                         struct sedge_err *err)
{
    struct sedge_image img;
    double start;

    *out = (struct sedge_ranking){.n = 0};
    if (sedge_image_read(&img, image, err)) return -1;
    fill_input(c, &img);
    sedge_image_release(&img);
    start = now_ms();
    if (infer(c, err)) return -1;
    out->milliseconds = now_ms() - start;
    if (c->softmax == MISSING || (c->softmax == LOOK && !are_probabilities(c->scores, c->classes)))
        apply_softmax(c->scores, c->classes);
    rank(c, out);
    return 0;
}
