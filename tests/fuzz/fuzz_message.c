/* A header block of any bytes (checksums are put right here), decoded; a ping answered; what comes out is well-formed.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "ipc_wire/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void reparse(const struct sedge_buf *b)
{
    struct sedge_frame_in in;
    struct sedge_frame f;
    struct sedge_message m;

    sedge_frame_in_init(&in, SEDGE_FRAME_MAX);
    sedge_frame_in_push(&in, b->data, b->len);
    if (sedge_frame_in_next(&in, &f, NULL) != 1 || sedge_message_decode(&f, &m, NULL) != 0) abort();
    if (sedge_frame_in_next(&in, &f, NULL) != 0 || sedge_frame_in_partial(&in)) abort();
    sedge_frame_in_release(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sedge_buf b = SEDGE_BUF_INIT;
    struct sedge_buf out = SEDGE_BUF_INIT;
    struct sedge_frame_in in;
    struct sedge_frame f;
    struct sedge_message m;
    size_t split;

    if (size < 2) return 0;
    split = (size_t)(data[0] << 8 | data[1]) % (size - 1);
    sedge_frame_begin(&b);
    sedge_buf_add(&b, data + 2, split < size - 2 ? split : size - 2);
    split = b.len - SEDGE_FRAME_PRELUDE;
    if (sedge_frame_end(&b, 0, data + 2 + split, size - 2 - split, NULL)) abort();
    sedge_frame_in_init(&in, SEDGE_FRAME_MAX);
    sedge_frame_in_push(&in, b.data, b.len);
    if (sedge_frame_in_next(&in, &f, NULL) == 1 && sedge_message_decode(&f, &m, NULL) == 0 &&
        sedge_message_ping_response(&out, &f, NULL) == 0)
        reparse(&out);
    sedge_buf_clear(&out);
    sedge_message_protocol_error(&out, SEDGE_MSG_PROTOCOL_ERROR, "x");
    reparse(&out);
    sedge_frame_in_release(&in);
    sedge_buf_release(&b);
    sedge_buf_release(&out);
    return 0;
}
