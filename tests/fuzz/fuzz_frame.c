/* The splitter fed whole and in pieces gives the same frames, and never reads outside its input (sanitizers watch). */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "ipc_wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LIMIT 512u /* low, so that oversize frames are met */

static int run(const uint8_t *data, size_t size, size_t step, struct sedge_buf *out)
{
    struct sedge_frame_in in;
    struct sedge_frame f;
    int rc = 0;

    sedge_frame_in_init(&in, LIMIT);
    for (size_t i = 0; i < size && rc == 0; i += step) {
        sedge_frame_in_push(&in, data + i, size - i < step ? size - i : step);
        while ((rc = sedge_frame_in_next(&in, &f, NULL)) == 1) {
            sedge_buf_printf(out, "[%zu %zu %d]", f.headers_len, f.payload_len, f.oversize);
            sedge_buf_add(out, f.headers, f.headers_len);
            if (!f.oversize) sedge_buf_add(out, f.payload, f.payload_len);
        }
    }
    sedge_frame_in_release(&in);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sedge_buf whole = SEDGE_BUF_INIT;
    struct sedge_buf pieces = SEDGE_BUF_INIT;
    size_t step;
    int a;
    int b;

    if (size < 2) return 0;
    step = data[0] % 64u + 1u;
    a = run(data + 1, size - 1, size, &whole);
    b = run(data + 1, size - 1, step, &pieces);
    if (a != b || whole.len != pieces.len || (whole.len > 0 && memcmp(whole.data, pieces.data, whole.len) != 0))
        abort();
    sedge_buf_release(&whole);
    sedge_buf_release(&pieces);
    return 0;
}
