/* Windows bitmaps: 24 and 32 bits, and 8 bits with a palette; not compressed. */
#include "image.h"

#define FILE_HEADER 14
#define INFO_HEADER 40
#define INFO_MAX    1024

struct bmp {
    uint32_t offset, info, bits, compression, colours;
    int64_t width, height;
};

static uint32_t le(const uint8_t *p, unsigned n)
{
    uint32_t v = 0;

    while (n-- > 0)
        v = v << 8 | p[n];
    return v;
}

static int read_header(struct bmp *b, const uint8_t *p, size_t n, struct sedge_err *err)
{
    if (n < FILE_HEADER + INFO_HEADER) return sedge_err_set(err, SEDGE_E_INVALID, "BMP: cut off in its header");
    b->offset = le(p + 10, 4);
    b->info = le(p + 14, 4);
    b->width = (int32_t)le(p + 18, 4);
    b->height = (int32_t)le(p + 22, 4);
    b->bits = le(p + 28, 2);
    b->compression = le(p + 30, 4);
    b->colours = le(p + 46, 4);
    if (b->info < INFO_HEADER || b->info > INFO_MAX)
        return sedge_err_set(err, SEDGE_E_UNSUPPORTED, "BMP: a header of %u bytes is not supported", b->info);
    if ((b->bits != 8 && b->bits != 24 && b->bits != 32) || b->compression != 0)
        return sedge_err_set(err, SEDGE_E_UNSUPPORTED,
                             "BMP: %u bits with compression %u; supported are 8, 24 and 32 bits, not compressed",
                             b->bits, b->compression);
    return 0;
}

static void copy_row(const struct bmp *b, const uint8_t *palette, const uint8_t *from, uint8_t *to, uint32_t width)
{
    unsigned step = b->bits / 8;

    for (uint32_t x = 0; x < width; x++, from += step, to += 3) {
        const uint8_t *bgr = b->bits == 8 ? palette + (size_t)from[0] * 4 : from;
        to[0] = bgr[2];
        to[1] = bgr[1];
        to[2] = bgr[0];
    }
}

int sedge_image_bmp(struct sedge_image *img, const uint8_t *data, size_t n, struct sedge_err *err)
{
    struct bmp b = {0};
    uint64_t stride, rows;

    if (read_header(&b, data, n, err)) return -1;
    rows = (uint64_t)(b.height < 0 ? -b.height : b.height); /* negative: the top row comes first */
    if (sedge_image_make(img, b.width < 0 ? 0 : (uint64_t)b.width, rows, err)) return -1;
    stride = ((uint64_t)img->width * (b.bits / 8) + 3) / 4 * 4;
    if (b.offset > n || stride * rows > n - b.offset)
        return sedge_err_set(err, SEDGE_E_INVALID, "BMP: cut off: %zu bytes, %llu are needed", n,
                             (unsigned long long)b.offset + stride * rows);
    const uint8_t *palette = data + FILE_HEADER + b.info;
    if (b.bits == 8 && (FILE_HEADER + (size_t)b.info + 256UL * 4 > n || (b.colours && b.colours != 256)))
        return sedge_err_set(err, SEDGE_E_UNSUPPORTED, "BMP: a palette of 256 colours was expected");
    for (uint64_t y = 0; y < rows; y++)
        copy_row(&b, palette, data + b.offset + stride * (b.height < 0 ? y : rows - 1 - y),
                 img->rgb + (size_t)y * img->width * 3, img->width);
    return 0;
}
