/*
 * frame - splits a byte stream into event-stream frames and builds frames (spec: ipc-wire 2).
 *
 *   struct sedge_frame_in in;
 *   struct sedge_frame f;
 *   sedge_frame_in_init(&in, SEDGE_FRAME_MAX);
 *   for every chunk read:
 *       sedge_frame_in_push(&in, chunk, n);
 *       while ((rc = sedge_frame_in_next(&in, &f, &err)) == 1) { ...use f... }
 *       if (rc < 0) close the connection
 *   sedge_frame_in_release(&in);
 *
 * No I/O, no loop: testable and fuzzable with bytes alone. Any thread, one at a time for each object.
 * Ownership: a chunk is borrowed until next has returned 0 or -1; a frame points into the chunk or into `in` and is
 * valid until the next call on `in`. A frame that lies whole in one chunk is not copied.
 * Memory: an idle splitter holds none; a partial frame holds what has come of it, never what its length field promises.
 * Limits: the prelude is checked as soon as its 12 bytes are here. A frame over `limit_bytes` but within the protocol
 * limit is skipped (its CRC is checked) and handed out with its headers and without payload, `oversize` set, so that it
 * can be answered.
 * After -1 the stream has no trustworthy boundary any more: release it and close.
 */
#ifndef SEDGE_IPC_FRAME_H
#define SEDGE_IPC_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define SEDGE_FRAME_MIN        16u
#define SEDGE_FRAME_MAX        25165824u /* 24 MiB: protocol limit of a whole frame */
#define SEDGE_FRAME_PRELUDE    12u
#define SEDGE_FRAME_OVERHEAD   16u
#define SEDGE_HEADERS_MAX      1024u  /* headers in a frame */
#define SEDGE_HEADER_VALUE_MAX 32767u /* bytes of a text or byte array */
#define SEDGE_OVERSIZE_HEADERS 65536u /* header block that is kept of a frame that is skipped */
#define SEDGE_FRAME_KEEP_BYTES 65536u /* memory for partial frames above this is given back after use */

enum sedge_header_type {
    SEDGE_HDR_TRUE = 0,
    SEDGE_HDR_FALSE = 1,
    SEDGE_HDR_BYTE = 2,
    SEDGE_HDR_INT16 = 3,
    SEDGE_HDR_INT32 = 4,
    SEDGE_HDR_INT64 = 5,
    SEDGE_HDR_BYTES = 6,
    SEDGE_HDR_STRING = 7,
    SEDGE_HDR_TIMESTAMP = 8,
    SEDGE_HDR_UUID = 9
};

struct sedge_header {
    const char *name; /* not terminated */
    size_t name_len;
    enum sedge_header_type type;
    const uint8_t *value; /* without the length field; not terminated */
    size_t value_len;
    const uint8_t *raw; /* the whole header as it is on the wire */
    size_t raw_len;
};

struct sedge_frame {
    const uint8_t *headers;
    size_t headers_len;
    const uint8_t *payload;
    size_t payload_len;
    bool oversize; /* payload was skipped: NULL and its length on the wire */
};

struct sedge_frame_in {
    struct sedge_buf part;
    const uint8_t *chunk;
    size_t chunk_len;
    size_t limit_bytes;
    size_t skip_left; /* bytes of an oversize frame still to come, trailer included */
    uint32_t skip_crc;
    size_t skip_payload_len;
    bool part_done; /* `part` was handed out by the last call */
    bool failed;
};

void sedge_frame_in_init(struct sedge_frame_in *in, size_t limit_bytes); /* 16..SEDGE_FRAME_MAX, clamped */
void sedge_frame_in_release(struct sedge_frame_in *in);
void sedge_frame_in_push(struct sedge_frame_in *in, const void *chunk, size_t n); /* only after next returned 0 */
/* 1: *f filled; 0: needs more; -1: LIMIT (a length outside the limits) or INVALID (CRC, header block). */
int sedge_frame_in_next(struct sedge_frame_in *in, struct sedge_frame *f, struct sedge_err *err);
/* Whether the bytes so far end inside a frame. */
bool sedge_frame_in_partial(const struct sedge_frame_in *in);

/* Walks a header block: set *pos = 0 first. 1: *h filled; 0: end; -1 INVALID or LIMIT. next() above has already checked
 * the whole block of every frame it hands out, so for those -1 does not occur. */
int sedge_header_next(const uint8_t *block, size_t len, size_t *pos, struct sedge_header *h, struct sedge_err *err);
int64_t sedge_header_int(const struct sedge_header *h); /* value of a BYTE, INT16, INT32, INT64, TIMESTAMP */

/*
 * Building: begin, headers, then end (payload copied) or seal_head and trailer (the payload travels on its own).
 * Only int32 and string headers exist here because the C SDK dies of any other.
 */
void sedge_frame_begin(struct sedge_buf *out);
void sedge_frame_int32(struct sedge_buf *out, const char *name, int32_t value);
void sedge_frame_string(struct sedge_buf *out, const char *name, const char *value, size_t len); /* cut at 32767 */
void sedge_frame_raw_header(struct sedge_buf *out, const struct sedge_header *h);                /* copy, for pings */
/* `start` is out->len at begin. -1 LIMIT when the frame would exceed SEDGE_FRAME_MAX; `out` is back at `start` then. */
int sedge_frame_end(struct sedge_buf *out, size_t start, const void *payload, size_t len, struct sedge_err *err);
/* The two halves of end, for a payload that stays where it is: fills the prelude for payload_len bytes to come and
 * gives the CRC so far; then the four bytes that go behind the payload. */
int sedge_frame_seal_head(struct sedge_buf *out, size_t start, size_t payload_len, uint32_t *crc,
                          struct sedge_err *err);
void sedge_frame_trailer(uint8_t trailer[4], uint32_t crc);

#endif
