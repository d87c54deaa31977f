/* What an S3 store answers: listings and error documents. */
#include "fetch_helper/helper/listing.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sedge_listing l = {.token = NULL};
    char code[64];

    (void)sedge_listing_parse(&l, (const char *)data, size, NULL);
    sedge_listing_release(&l);
    sedge_s3_error_code((const char *)data, size, code, sizeof code);
    return 0;
}
