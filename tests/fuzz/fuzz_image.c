/* Any bytes as a picture. */
#include "classify/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct sedge_image img;
    uint8_t rgb[8 * 8 * 3];

    if (sedge_image_decode(&img, data, n, NULL)) return 0;
    sedge_image_resize(&img, 8, 8, rgb);
    sedge_image_release(&img);
    return 0;
}
