/* Names and link targets of archives: what is let through must stay inside. */
#include "fetch_helper/helper/unpack.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sedge_auto_free char *name = sedge_xstrndup((const char *)data, size);
    const char *target = strchr(name, '|');
    sedge_auto_buf struct sedge_buf clean = SEDGE_BUF_INIT;

    if (sedge_unpack_name(name, &clean, NULL) == 0 && clean.len > 0 &&
        (clean.data[0] == '/' || strstr(clean.data, "//") || strcmp(clean.data, "..") == 0 ||
         strncmp(clean.data, "../", 3) == 0 || strstr(clean.data, "/../")))
        abort();
    if (target && sedge_unpack_link_allowed(name, target + 1) && target[1] == '/') abort();
    return 0;
}
