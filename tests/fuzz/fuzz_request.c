/* First line: an operation; the rest: a request. What the check lets pass has the types that handlers rely on. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ipc_model/operations.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_passed(const struct sedge_member *m, struct json_object *o)
{
    for (; m && m->name; m++) {
        struct json_object *v = sedge_json_get(o, m->name);

        if (!v) continue;
        if (m->type <= SEDGE_M_BLOB && !sedge_json_is_str(v)) abort();
        if (m->type == SEDGE_M_SHAPE) check_passed(sedge_shape_find(m->of)->members, v);
        if (m->type == SEDGE_M_SHAPES)
            for (size_t i = 0; i < json_object_array_length(v); i++)
                check_passed(sedge_shape_find(m->of)->members, json_object_array_get_idx(v, i));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, '\n', size);
    size_t n = end ? (size_t)(end - data) : size;
    sedge_auto_free char *name = sedge_xstrndup((const char *)data, n);
    const struct sedge_operation *op = sedge_operation_find(name);
    sedge_auto_put struct json_object *request = NULL;
    struct sedge_err err = SEDGE_ERR_INIT;

    if (!op || !end) return 0;
    request = sedge_json_parse_object((const char *)end + 1, size - n - 1, "request", NULL);
    if (!request) return 0;
    if (sedge_operation_check(op, request, &err) == 0)
        check_passed(op->request, request);
    else if (!err.msg[0])
        abort();
    return 0;
}
