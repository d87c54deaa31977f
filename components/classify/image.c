#include "image.h"

#include <math.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"

int sedge_image_make(struct sedge_image *img, uint64_t width, uint64_t height, struct sedge_err *err)
{
    if (width < 1 || height < 1 || width > SEDGE_IMAGE_SIDE_MAX || height > SEDGE_IMAGE_SIDE_MAX ||
        width * height > SEDGE_IMAGE_PIXELS_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "%llu x %llu pixels; allowed are 1 to %d each way and %d in all",
                             (unsigned long long)width, (unsigned long long)height, SEDGE_IMAGE_SIDE_MAX,
                             SEDGE_IMAGE_PIXELS_MAX);
    img->rgb = calloc(width * height, 3);
    if (!img->rgb)
        return sedge_err_set(err, SEDGE_E_LIMIT, "no memory for %llu x %llu pixels", (unsigned long long)width,
                             (unsigned long long)height);
    img->width = (uint32_t)width;
    img->height = (uint32_t)height;
    return 0;
}

void sedge_image_release(struct sedge_image *img)
{
    free(img->rgb);
    *img = (struct sedge_image){0, 0, NULL};
}

int sedge_image_png(struct sedge_image *img, const uint8_t *data, size_t n, struct sedge_err *err)
{
    png_image png = {.version = PNG_IMAGE_VERSION};

    if (!png_image_begin_read_from_memory(&png, data, n))
        return sedge_err_set(err, SEDGE_E_INVALID, "PNG: %s", png.message);
    png.format = PNG_FORMAT_RGB; /* transparent parts become black */
    if (sedge_image_make(img, png.width, png.height, err)) {
        png_image_free(&png);
        return -1;
    }
    if (png_image_finish_read(&png, NULL, img->rgb, 0, NULL)) return 0;
    return sedge_err_set(err, SEDGE_E_INVALID, "PNG: %s", png.message);
}

int sedge_image_decode(struct sedge_image *img, const void *data, size_t n, struct sedge_err *err)
{
    static const uint8_t png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    const uint8_t *p = data;
    int rc;

    *img = (struct sedge_image){0, 0, NULL};
    if (n >= 8 && memcmp(p, png, 8) == 0)
        rc = sedge_image_png(img, p, n, err);
    else if (n >= 3 && p[0] == 0xff && p[1] == 0xd8 && p[2] == 0xff)
        rc = sedge_image_jpeg(img, p, n, err);
    else if (n >= 2 && p[0] == 'B' && p[1] == 'M')
        rc = sedge_image_bmp(img, p, n, err);
    else
        rc = sedge_err_set(err, SEDGE_E_UNSUPPORTED, "not a JPEG, PNG or BMP image");
    if (rc) sedge_image_release(img);
    return rc;
}

int sedge_image_read(struct sedge_image *img, const char *path, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf data = SEDGE_BUF_INIT;

    *img = (struct sedge_image){0, 0, NULL};
    if (sedge_fs_read(path, SEDGE_IMAGE_FILE_MAX, &data, err)) return -1;
    return sedge_image_decode(img, data.data, data.len, err) ? sedge_err_wrap(err, "%s", path) : 0;
}

/* ---- resize ---- */

/* Where one output pixel gets its content from, along one axis. */
struct tap {
    size_t start, n;
    const float *weights;
};

/* A triangle around the centre of each output pixel, as wide as the step between them but at least one pixel. */
static struct tap *make_taps(size_t from, size_t to, float **weights)
{
    double step = (double)from / (double)to, reach = step > 1 ? step : 1;
    size_t width = (size_t)(2 * reach) + 3;
    struct tap *taps = sedge_xcalloc(to, sizeof(*taps));
    float *w = *weights = sedge_xcalloc(to * width, sizeof(*w));

    for (size_t i = 0; i < to; i++, w += width) {
        double centre = ((double)i + 0.5) * step, sum = 0;
        double low = floor(centre - reach), high = ceil(centre + reach);
        size_t first = low < 0 ? 0 : (size_t)low, last = high > (double)from ? from : (size_t)high, n = 0;
        for (size_t k = first; k < last && n < width; k++) {
            double v = 1 - fabs((double)k + 0.5 - centre) / reach;
            w[n++] = v > 0 ? (float)v : 0;
            sum += v > 0 ? v : 0;
        }
        for (size_t k = 0; k < n; k++)
            w[k] = (float)((double)w[k] / sum);
        taps[i] = (struct tap){first, n, w};
    }
    return taps;
}

static void narrow_rows(const struct sedge_image *img, const struct tap *taps, size_t width, float *out)
{
    for (size_t y = 0; y < img->height; y++)
        for (size_t x = 0; x < width; x++, out += 3) {
            const uint8_t *p = img->rgb + (y * img->width + taps[x].start) * 3;
            float r = 0, g = 0, b = 0;
            for (size_t k = 0; k < taps[x].n; k++, p += 3) {
                r += taps[x].weights[k] * p[0];
                g += taps[x].weights[k] * p[1];
                b += taps[x].weights[k] * p[2];
            }
            out[0] = r;
            out[1] = g;
            out[2] = b;
        }
}

static uint8_t to_byte(float v)
{
    return v <= 0 ? 0 : v >= 255 ? 255 : (uint8_t)lroundf(v);
}

void sedge_image_resize(const struct sedge_image *img, uint32_t width, uint32_t height, uint8_t *rgb)
{
    sedge_auto_free float *wx = NULL, *wy = NULL;
    sedge_auto_free struct tap *tx = make_taps(img->width, width, &wx), *ty = make_taps(img->height, height, &wy);
    size_t row = (size_t)width * 3;
    sedge_auto_free float *half = sedge_xcalloc((size_t)img->height * row, sizeof(*half));

    narrow_rows(img, tx, width, half);
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < row; x++) {
            float v = 0;
            for (size_t k = 0; k < ty[y].n; k++)
                v += ty[y].weights[k] * half[(ty[y].start + k) * row + x];
            rgb[y * row + x] = to_byte(v);
        }
}
