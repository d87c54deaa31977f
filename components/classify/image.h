/*
 * image - decodes JPEG, PNG and BMP into RGB, and turns that into what a network takes. Pure but for sedge_image_read.
 *
 *   struct sedge_image img;
 *   if (sedge_image_read(&img, path, err)) ...
 *   sedge_image_resize(&img, w, h, rgb);
 *   sedge_image_release(&img);
 *
 * The kind is told by the first bytes, not by the name. Images are untrusted: a broken, cut off or too large one is an
 * error, never more. Any thread.
 */
#ifndef SEDGE_CLASSIFY_IMAGE_H
#define SEDGE_CLASSIFY_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define SEDGE_IMAGE_FILE_MAX   (64U << 20) /* bytes */
#define SEDGE_IMAGE_SIDE_MAX   16384
#define SEDGE_IMAGE_PIXELS_MAX 25000000

struct sedge_image {
    uint32_t width, height;
    uint8_t *rgb; /* width * height * 3, top row first */
};

int sedge_image_read(struct sedge_image *img, const char *path, struct sedge_err *err);
int sedge_image_decode(struct sedge_image *img, const void *data, size_t n, struct sedge_err *err);
void sedge_image_release(struct sedge_image *img);

/* To width x height, bilinear; when it gets smaller the filter is as wide as the step, so that no pixel is passed over.
 * `rgb` takes width * height * 3 bytes. */
void sedge_image_resize(const struct sedge_image *img, uint32_t width, uint32_t height, uint8_t *rgb);

/* For the decoders: checks the limits and makes room. */
int sedge_image_make(struct sedge_image *img, uint64_t width, uint64_t height, struct sedge_err *err);
int sedge_image_jpeg(struct sedge_image *img, const uint8_t *data, size_t n, struct sedge_err *err);
int sedge_image_png(struct sedge_image *img, const uint8_t *data, size_t n, struct sedge_err *err);
int sedge_image_bmp(struct sedge_image *img, const uint8_t *data, size_t n, struct sedge_err *err);

#endif
