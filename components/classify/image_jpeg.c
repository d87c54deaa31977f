/* JPEG, through libjpeg. Its errors arrive by longjmp: nothing here is allocated between setjmp and the jump but what
 * the caller or libjpeg itself frees. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

#include <jerror.h>

#include "image.h"

struct failure {
    struct jpeg_error_mgr mgr; /* first: libjpeg hands back a pointer to it */
    jmp_buf back;
    char text[JMSG_LENGTH_MAX];
};

static _Noreturn void on_error(j_common_ptr cinfo)
{
    struct failure *f = (struct failure *)(void *)cinfo->err;

    f->mgr.format_message(cinfo, f->text);
    longjmp(f->back, 1); /* NOLINT(cert-err52-cpp): the only way out that libjpeg offers */
}

/* Warnings: a picture that ends too early is an error for us, everything else is let pass. */
static void on_message(j_common_ptr cinfo, int level)
{
    if (level < 0 && (cinfo->err->msg_code == JWRN_JPEG_EOF || cinfo->err->msg_code == JWRN_HIT_MARKER))
        on_error(cinfo);
}

static void read_rows(struct jpeg_decompress_struct *j, const struct sedge_image *img)
{
    while (j->output_scanline < j->output_height) {
        JSAMPROW row = img->rgb + (size_t)j->output_scanline * img->width * 3;
        (void)jpeg_read_scanlines(j, &row, 1);
    }
}

int sedge_image_jpeg(struct sedge_image *img, const uint8_t *data, size_t n, struct sedge_err *err)
{
    struct jpeg_decompress_struct j;
    struct failure f;

    j.err = jpeg_std_error(&f.mgr);
    f.mgr.error_exit = on_error;
    f.mgr.emit_message = on_message;
    if (setjmp(f.back)) { /* NOLINT(cert-err52-cpp): see on_error */
        jpeg_destroy_decompress(&j);
        return sedge_err_set(err, SEDGE_E_INVALID, "JPEG: %s", f.text);
    }
    jpeg_create_decompress(&j);
    jpeg_mem_src(&j, data, (unsigned long)n);
    (void)jpeg_read_header(&j, TRUE);
    j.out_color_space = JCS_RGB;
    if (sedge_image_make(img, j.image_width, j.image_height, err)) {
        jpeg_destroy_decompress(&j);
        return -1;
    }
    (void)jpeg_start_decompress(&j);
    read_rows(&j, img);
    (void)jpeg_finish_decompress(&j);
    jpeg_destroy_decompress(&j);
    return 0;
}
