/* Request targets, tokens of lists and names of components: what the HTTP listeners take apart themselves. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cloud/data/data_internal.h"
#include "cloud/http/http_target.h"
#include "cloud/http/page.h"

static void look_at(const struct sedge_http_target *t)
{
    static const char *const patterns[] = {"greengrass/v2/components/{}/artifacts/{*}", "{}/{}/{}", "a/{*}"};
    size_t args[8];

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(patterns); i++) {
        if (sedge_http_match(t, patterns[i], args)) sedge_assert(args[0] < t->segments.n);
    }
    for (size_t i = 0; i < t->segments.n; i++) {
        sedge_auto_free char *name = NULL;
        sedge_auto_free char *version = NULL;

        sedge_assert(sedge_utf8_valid(t->segments.v[i], strlen(t->segments.v[i])));
        if (sedge_data_parse_arn(t->segments.v[i], &name, &version, NULL) == 0) sedge_assert(name[0] && version[0]);
    }
    sedge_assert(sedge_page_size(t, SEDGE_PAGE_DEFAULT) >= 1 &&
                 sedge_page_size(t, SEDGE_PAGE_DEFAULT) <= SEDGE_PAGE_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    sedge_auto_free char *text = sedge_xstrndup((const char *)data, n);
    sedge_auto_free char *after = sedge_page_after(text);
    sedge_auto_free char *token = sedge_page_token(after);
    sedge_auto_free char *again = sedge_page_after(token);
    struct sedge_http_target t;

    sedge_assert(strcmp(after, again) == 0);
    if (sedge_http_target_parse(text, &t, NULL) == 0) look_at(&t);
    sedge_http_target_release(&t);
    return 0;
}
