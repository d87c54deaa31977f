/* YAML text: what parses must come back equal after writing it; JSON positions on the side. */
#include "base/json_scan.h"
#include "base/mem.h"
#include "base/yaml.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sedge_auto_free char *text = sedge_xcalloc(size + 1, 1);
    sedge_auto_put struct json_object *v = NULL;
    sedge_auto_put struct json_object *back = NULL;
    sedge_auto_buf struct sedge_buf out = SEDGE_BUF_INIT;
    struct sedge_err err = SEDGE_ERR_INIT;
    unsigned line;
    unsigned column;

    memcpy(text, data, size);
    if (sedge_json_scan(text, size, "fuzz", NULL) == 0)
        sedge_assert(sedge_json_locate(text, size, "", &line, &column) == 0);
    v = sedge_yaml_parse(text, size, "fuzz", &err);
    if (err.code != SEDGE_OK) return 0;
    (void)sedge_yaml_locate(text, size, "/a/0/b", &line, &column);
    sedge_yaml_emit(&out, v);
    back = sedge_yaml_parse(out.data, out.len, "again", &err);
    sedge_assert(err.code == SEDGE_OK || err.code == SEDGE_E_LIMIT);
    if (err.code == SEDGE_OK) sedge_assert(json_object_equal(v, back));
    return 0;
}
