/* Decoding and resizing: real pictures, and pictures that are broken. */
#include "../test.h"

#include <jpeglib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "classify/image.h"

#define SAMPLES SEDGE_SOURCE_DIR "/components/modelstore/digits/samples/"

static void a_png_and_a_bmp_are_read(void **st)
{
    static const char *const rows[] = {SAMPLES "digit_0_0101.png", SAMPLES "digit_0_0160.bmp"};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_err err = SEDGE_ERR_INIT;
        struct sedge_image img;
        if (sedge_image_read(&img, rows[i], &err)) fail_msg("%s", err.msg);
        assert_int_equal(img.width, 64);
        assert_int_equal(img.height, 64);
        assert_int_equal(img.rgb[0], 0);                                /* a dark corner */
        assert_int_equal(img.rgb[3 * 64 * 4], img.rgb[3 * 64 * 4 + 2]); /* grey */
        sedge_image_release(&img);
    }
}

/* Four colours, one in each corner: top left red, top right green, bottom left blue, bottom right white. */
static const uint8_t corners[12] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255};

static void bitmaps_of_all_supported_kinds_give_the_same_picture(void **st)
{
    static const struct {
        unsigned bits;
        bool top_down;
    } rows[] = {{24, false}, {24, true}, {32, false}, {32, true}, {8, false}};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        unsigned palette = rows[i].bits == 8 ? 1024 : 0, stride = (2 * rows[i].bits / 8 + 3) / 4 * 4;
        uint8_t b[54 + 1024 + 32] = {'B', 'M'};
        struct sedge_err err = SEDGE_ERR_INIT;
        struct sedge_image img;
        b[10] = (uint8_t)(54 + palette);
        b[11] = (uint8_t)((54 + palette) >> 8);
        b[14] = 40;
        b[18] = 2;
        b[22] = 2;
        if (rows[i].top_down) memcpy(b + 22, "\xfe\xff\xff\xff", 4);
        b[28] = (uint8_t)rows[i].bits;
        for (unsigned p = 0; p < 4; p++) {
            unsigned y = rows[i].top_down ? p / 2 : 1 - p / 2;
            uint8_t *to = b + 54 + palette + y * stride + p % 2 * (rows[i].bits / 8);
            if (palette) *to = (uint8_t)p;
            if (palette) to = b + 54 + (size_t)p * 4;
            for (unsigned c = 0; c < 3; c++)
                to[c] = corners[p * 3 + 2 - c];
        }
        if (sedge_image_decode(&img, b, 54 + palette + 2 * stride, &err))
            fail_msg("%u bits: %s", rows[i].bits, err.msg);
        assert_memory_equal(img.rgb, corners, sizeof(corners));
        sedge_image_release(&img);
    }
}

/* A JPEG of one colour, made by libjpeg. */
static void make_jpeg(struct sedge_buf *out, unsigned width, unsigned height, uint8_t value)
{
    struct jpeg_compress_struct j;
    struct jpeg_error_mgr e;
    unsigned char *data = NULL;
    unsigned long n = 0;

    j.err = jpeg_std_error(&e);
    jpeg_create_compress(&j);
    jpeg_mem_dest(&j, &data, &n);
    j.image_width = width;
    j.image_height = height;
    j.input_components = 1;
    j.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&j);
    jpeg_start_compress(&j, TRUE);
    sedge_auto_free uint8_t *row = sedge_xcalloc(width, 1);
    memset(row, value, width);
    while (j.next_scanline < j.image_height)
        (void)jpeg_write_scanlines(&j, (JSAMPARRAY)&row, 1);
    jpeg_finish_compress(&j);
    jpeg_destroy_compress(&j);
    sedge_buf_add(out, data, n);
    free(data);
}

static void a_grey_jpeg_is_read_as_rgb(void **st)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_image img;

    (void)st;
    make_jpeg(&b, 33, 17, 100);
    if (sedge_image_decode(&img, b.data, b.len, &err)) fail_msg("%s", err.msg);
    assert_int_equal(img.width, 33);
    assert_int_equal(img.height, 17);
    for (size_t i = 0; i < 33 * 17 * 3; i++)
        assert_in_range(img.rgb[i], 98, 102);
    sedge_image_release(&img);
}

static void broken(const void *data, size_t n, const char *says)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_image img;

    assert_int_equal(sedge_image_decode(&img, data, n, &err), -1);
    assert_null(img.rgb);
    if (!strstr(err.msg, says)) fail_msg("\"%s\" does not hold \"%s\"", err.msg, says);
}

static void every_cut_of_a_picture_is_an_error(void **st)
{
    static const char *const rows[] = {SAMPLES "digit_0_0101.png", SAMPLES "digit_0_0160.bmp"};
    sedge_auto_buf struct sedge_buf jpeg = SEDGE_BUF_INIT;

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
        assert_int_equal(sedge_fs_read(rows[i], 1 << 20, &b, NULL), 0);
        for (size_t n = 0; n + 16 < b.len; n += 1 + n / 50)
            broken(b.data, n, "");
    }
    make_jpeg(&jpeg, 64, 64, 30);
    for (size_t n = 0; n < jpeg.len - 4; n++)
        broken(jpeg.data, n, "");
}

static void pictures_that_are_too_large_or_of_another_kind_are_errors(void **st)
{
    uint8_t bmp[54] = {'B', 'M', [10] = 54, [14] = 40, [28] = 24};
    static const uint8_t png[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\1\0\0\0\1\0\0\10\2\0\0\0\x93\xeb\x9a\xf5";
    sedge_auto_buf struct sedge_buf jpeg = SEDGE_BUF_INIT;

    (void)st;
    broken("GIF89a", 6, "not a JPEG, PNG or BMP");
    broken("", 0, "not a JPEG, PNG or BMP");
    broken(bmp, sizeof(bmp), "0 x 0 pixels");
    memcpy(bmp + 18, "\xff\xff\xff\x7f\xff\xff\xff\x7f", 8);
    broken(bmp, sizeof(bmp), "2147483647 x 2147483647 pixels");
    memcpy(bmp + 18, "\x10\0\0\0\0\0\0\x80", 8);
    broken(bmp, sizeof(bmp), "2147483648 pixels");
    memcpy(bmp + 18, "\x10\0\0\0\x10\0\0\0", 8);
    broken(bmp, sizeof(bmp), "cut off");
    bmp[30] = 1;
    broken(bmp, sizeof(bmp), "compression 1");
    broken(png, sizeof(png) - 1, "PNG");
    make_jpeg(&jpeg, 20000, 1, 0);
    broken(jpeg.data, jpeg.len, "20000 x 1 pixels");
}

static void resizing_keeps_corners_and_averages(void **st)
{
    struct sedge_image img = {2, 2, (uint8_t *)(uintptr_t)corners};
    uint8_t same[12], one[3], large[8 * 8 * 3];

    (void)st;
    sedge_image_resize(&img, 2, 2, same);
    assert_memory_equal(same, corners, sizeof(same));
    sedge_image_resize(&img, 1, 1, one);
    for (int c = 0; c < 3; c++)
        assert_in_range(one[c], 127, 128); /* two of the four have it */
    sedge_image_resize(&img, 8, 8, large);
    assert_memory_equal(large, corners, 3);
    assert_memory_equal(large + 63 * 3, corners + 9, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_png_and_a_bmp_are_read),
        cmocka_unit_test(bitmaps_of_all_supported_kinds_give_the_same_picture),
        cmocka_unit_test(a_grey_jpeg_is_read_as_rgb),
        cmocka_unit_test(every_cut_of_a_picture_is_an_error),
        cmocka_unit_test(pictures_that_are_too_large_or_of_another_kind_are_errors),
        cmocka_unit_test(resizing_keeps_corners_and_averages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
