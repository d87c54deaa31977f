/* Versions and requirements: the first line is a version, the second a requirement. */
#include "base/mem.h"
#include "base/semver.h"

#include <string.h>

static void check_version(const char *text, struct sedge_version *v)
{
    struct sedge_err err;

    if (sedge_version_parse(text, v, &err) != 0) (void)sedge_version_parse("1.2.3-a.1", v, NULL);
    sedge_assert(sedge_version_cmp(v, v) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sedge_auto_free char *text = sedge_xstrndup((const char *)data, size);
    char *line = strchr(text, '\n');
    struct sedge_version v;
    struct sedge_semreq *r;
    struct sedge_semreq *again;

    if (line) *line++ = '\0';
    check_version(text, &v);
    r = sedge_semreq_parse(line ? line : text, NULL);
    if (!r) return 0;
    again = sedge_semreq_parse(sedge_semreq_text(r), NULL); /* the text that is kept means the same */
    sedge_assert(again && sedge_semreq_match(again, &v) == sedge_semreq_match(r, &v));
    sedge_semreq_free(again);
    sedge_semreq_free(r);
    return 0;
}
