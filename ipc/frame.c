#include "frame.h"

#include <string.h>

#include "base/mem.h"
#include "crc.h"

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

/* ---- headers ---- */

/* Size of the value of a fixed-size type; -1 for the two with a length field, -2 for unknown ones. */
static int fixed_size(unsigned type)
{
    static const signed char sizes[] = {
        [SEDGE_HDR_TRUE] = 0,      [SEDGE_HDR_FALSE] = 0, [SEDGE_HDR_BYTE] = 1,   [SEDGE_HDR_INT16] = 2,
        [SEDGE_HDR_INT32] = 4,     [SEDGE_HDR_INT64] = 8, [SEDGE_HDR_BYTES] = -1, [SEDGE_HDR_STRING] = -1,
        [SEDGE_HDR_TIMESTAMP] = 8, [SEDGE_HDR_UUID] = 16};

    return type < SEDGE_ARRAY_LEN(sizes) ? sizes[type] : -2;
}

static int runs_over(size_t at, struct sedge_err *err)
{
    return sedge_err_set(err, SEDGE_E_INVALID, "frame: the header at byte %zu runs over the header block", at);
}

static int value_size(const uint8_t *p, size_t left, size_t at, unsigned type, size_t *skip, size_t *size,
                      struct sedge_err *err)
{
    int fixed = fixed_size(type);

    *skip = 0;
    if (fixed == -2)
        return sedge_err_set(err, SEDGE_E_INVALID, "frame: header type %u at byte %zu is none of 0..9", type, at);
    if (fixed >= 0) {
        *size = (size_t)fixed;
        return *size <= left ? 0 : runs_over(at, err);
    }
    if (left < 2) return runs_over(at, err);
    *skip = 2;
    *size = (size_t)p[0] << 8 | p[1];
    if (*size > SEDGE_HEADER_VALUE_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "frame: a header value of %zu bytes is longer than %u", *size,
                             SEDGE_HEADER_VALUE_MAX);
    return *size <= left - 2 ? 0 : runs_over(at, err);
}

int sedge_header_next(const uint8_t *block, size_t len, size_t *pos, struct sedge_header *h, struct sedge_err *err)
{
    size_t at = *pos;
    size_t start = at;
    size_t skip;

    if (at >= len) return 0;
    h->name_len = block[at++];
    if (h->name_len == 0) return sedge_err_set(err, SEDGE_E_INVALID, "frame: header without a name at byte %zu", start);
    if (len - at < h->name_len + 1) return runs_over(start, err);
    h->name = (const char *)block + at;
    at += h->name_len;
    h->type = (enum sedge_header_type)block[at++];
    if (value_size(block + at, len - at, start, (unsigned)h->type, &skip, &h->value_len, err)) return -1;
    h->value = block + at + skip;
    at += skip + h->value_len;
    h->raw = block + start;
    h->raw_len = at - start;
    *pos = at;
    return 1;
}

int64_t sedge_header_int(const struct sedge_header *h)
{
    uint64_t v = 0;
    unsigned bits = (unsigned)h->value_len * 8;

    for (size_t i = 0; i < h->value_len && i < 8; i++)
        v = v << 8 | h->value[i];
    if (bits > 0 && bits < 64 && (v >> (bits - 1) & 1u)) v |= UINT64_MAX << bits;
    return (int64_t)v;
}

static int check_headers(const uint8_t *block, size_t len, struct sedge_err *err)
{
    struct sedge_header h;
    size_t pos = 0;
    unsigned n = 0;
    int rc;

    while ((rc = sedge_header_next(block, len, &pos, &h, err)) == 1)
        if (++n > SEDGE_HEADERS_MAX)
            return sedge_err_set(err, SEDGE_E_LIMIT, "frame: more than %u headers", SEDGE_HEADERS_MAX);
    return rc;
}

/* ---- splitting ---- */

void sedge_frame_in_init(struct sedge_frame_in *in, size_t limit_bytes)
{
    *in = (struct sedge_frame_in){.part = SEDGE_BUF_INIT, .limit_bytes = limit_bytes};
    if (limit_bytes > SEDGE_FRAME_MAX) in->limit_bytes = SEDGE_FRAME_MAX;
    if (limit_bytes < SEDGE_FRAME_MIN) in->limit_bytes = SEDGE_FRAME_MIN;
}

void sedge_frame_in_release(struct sedge_frame_in *in)
{
    sedge_buf_release(&in->part);
    in->chunk = NULL;
    in->chunk_len = 0;
}

void sedge_frame_in_push(struct sedge_frame_in *in, const void *chunk, size_t n)
{
    sedge_assert(in->chunk_len == 0);
    in->chunk = chunk;
    in->chunk_len = n;
}

bool sedge_frame_in_partial(const struct sedge_frame_in *in)
{
    return in->chunk_len > 0 || (in->part.len > 0 && !in->part_done) || in->skip_left > 0;
}

static void take(struct sedge_frame_in *in, size_t n)
{
    in->chunk += n;
    in->chunk_len -= n;
}

static void drop_part(struct sedge_frame_in *in)
{
    in->part_done = false;
    if (in->chunk_len == 0 || in->part.cap > SEDGE_FRAME_KEEP_BYTES)
        sedge_buf_release(&in->part);
    else
        sedge_buf_clear(&in->part);
}

/* Moves bytes of the chunk to `part` until it holds `want`; whether it does. */
static bool gather(struct sedge_frame_in *in, size_t want)
{
    size_t n = want > in->part.len ? want - in->part.len : 0;

    if (n > in->chunk_len) n = in->chunk_len;
    if (n > 0) sedge_buf_add(&in->part, in->chunk, n);
    take(in, n);
    return in->part.len >= want;
}

static int check_prelude(const uint8_t *p, struct sedge_err *err)
{
    uint32_t total = get32(p);
    uint32_t headers = get32(p + 4);

    if (sedge_crc32(0, p, 8) != get32(p + 8))
        return sedge_err_set(err, SEDGE_E_INVALID, "frame: the checksum of the prelude is wrong");
    if (total < SEDGE_FRAME_MIN || total > SEDGE_FRAME_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "frame: a length of %u is outside %u..%u", total, SEDGE_FRAME_MIN,
                             SEDGE_FRAME_MAX);
    if (headers > total - SEDGE_FRAME_OVERHEAD)
        return sedge_err_set(err, SEDGE_E_LIMIT, "frame: %u bytes of headers do not fit a frame of %u", headers, total);
    return 0;
}

static int bad_crc(struct sedge_err *err)
{
    return sedge_err_set(err, SEDGE_E_INVALID, "frame: the checksum of the message is wrong");
}

static int finish(const uint8_t *p, struct sedge_frame *f, struct sedge_err *err)
{
    size_t total = get32(p);
    size_t headers = get32(p + 4);

    if (sedge_crc32(0, p, total - 4) != get32(p + total - 4)) return bad_crc(err);
    if (check_headers(p + SEDGE_FRAME_PRELUDE, headers, err)) return -1;
    f->headers = p + SEDGE_FRAME_PRELUDE;
    f->headers_len = headers;
    f->payload = f->headers + headers;
    f->payload_len = total - headers - SEDGE_FRAME_OVERHEAD;
    f->oversize = false;
    return 1;
}

/* The headers of an oversize frame are in `part`: remember what is needed to skip the rest. */
static int begin_skip(struct sedge_frame_in *in, size_t total, size_t headers, struct sedge_err *err)
{
    const uint8_t *p = (const uint8_t *)in->part.data;

    if (check_headers(p + SEDGE_FRAME_PRELUDE, headers, err)) return -1;
    in->skip_payload_len = total - headers - SEDGE_FRAME_OVERHEAD;
    in->skip_left = in->skip_payload_len + 4;
    in->skip_crc = sedge_crc32(0, p, in->part.len);
    return 0;
}

/* The trailer is gathered behind the headers in `part`. */
static int skip(struct sedge_frame_in *in, struct sedge_frame *f, struct sedge_err *err)
{
    const uint8_t *p;
    size_t n;
    size_t head;

    if (in->skip_left > 4) {
        n = in->skip_left - 4 < in->chunk_len ? in->skip_left - 4 : in->chunk_len;
        in->skip_crc = sedge_crc32(in->skip_crc, in->chunk, n);
        take(in, n);
        in->skip_left -= n;
        if (in->skip_left > 4) return 0;
    }
    head = SEDGE_FRAME_PRELUDE + get32((const uint8_t *)in->part.data + 4);
    if (!gather(in, head + 4)) return 0;
    p = (const uint8_t *)in->part.data;
    in->skip_left = 0;
    if (in->skip_crc != get32(p + head)) return bad_crc(err);
    f->headers = p + SEDGE_FRAME_PRELUDE;
    f->headers_len = head - SEDGE_FRAME_PRELUDE;
    f->payload = NULL;
    f->payload_len = in->skip_payload_len;
    f->oversize = true;
    in->part_done = true;
    return 1;
}

static int start_oversize(struct sedge_frame_in *in, struct sedge_frame *f, struct sedge_err *err)
{
    size_t total = get32((const uint8_t *)in->part.data);
    size_t headers = get32((const uint8_t *)in->part.data + 4);

    if (headers > SEDGE_OVERSIZE_HEADERS)
        return sedge_err_set(err, SEDGE_E_LIMIT, "frame: %zu bytes of headers in a frame over the limit of %zu bytes",
                             headers, in->limit_bytes);
    if (!gather(in, SEDGE_FRAME_PRELUDE + headers)) return 0;
    if (begin_skip(in, total, headers, err)) return -1;
    return skip(in, f, err);
}

static int next_from_part(struct sedge_frame_in *in, struct sedge_frame *f, struct sedge_err *err)
{
    bool known = in->part.len >= SEDGE_FRAME_PRELUDE;
    size_t total;
    int rc;

    if (!gather(in, SEDGE_FRAME_PRELUDE)) return 0;
    if (!known && check_prelude((const uint8_t *)in->part.data, err)) return -1;
    total = get32((const uint8_t *)in->part.data);
    if (total > in->limit_bytes) return start_oversize(in, f, err);
    if (!gather(in, total)) return 0;
    rc = finish((const uint8_t *)in->part.data, f, err);
    in->part_done = rc == 1;
    return rc;
}

/* A frame that lies whole in the chunk is used where it is. */
static int next_from_chunk(struct sedge_frame_in *in, struct sedge_frame *f, struct sedge_err *err)
{
    size_t total;
    int rc;

    if (in->chunk_len < SEDGE_FRAME_PRELUDE) return next_from_part(in, f, err);
    if (check_prelude(in->chunk, err)) return -1;
    total = get32(in->chunk);
    if (total > in->limit_bytes || total > in->chunk_len) return next_from_part(in, f, err);
    rc = finish(in->chunk, f, err);
    if (rc == 1) take(in, total);
    return rc;
}

int sedge_frame_in_next(struct sedge_frame_in *in, struct sedge_frame *f, struct sedge_err *err)
{
    int rc;

    if (in->failed) return sedge_err_set(err, SEDGE_E_INVALID, "frame: the stream has lost its boundaries");
    if (in->part_done) drop_part(in);
    if (in->skip_left > 0)
        rc = skip(in, f, err);
    else if (in->part.len > 0)
        rc = next_from_part(in, f, err);
    else
        rc = in->chunk_len > 0 ? next_from_chunk(in, f, err) : 0;
    if (rc < 0) {
        in->failed = true;
        in->chunk_len = 0;
    }
    return rc;
}

/* ---- building ---- */

void sedge_frame_begin(struct sedge_buf *out)
{
    static const uint8_t prelude[SEDGE_FRAME_PRELUDE];

    sedge_buf_add(out, prelude, sizeof prelude);
}

static void header_name(struct sedge_buf *out, const char *name, enum sedge_header_type type)
{
    size_t n = strlen(name);

    sedge_assert(n > 0 && n < 256);
    sedge_buf_putc(out, (char)n);
    sedge_buf_add(out, name, n);
    sedge_buf_putc(out, (char)type);
}

void sedge_frame_int32(struct sedge_buf *out, const char *name, int32_t value)
{
    uint8_t v[4];

    header_name(out, name, SEDGE_HDR_INT32);
    put32(v, (uint32_t)value);
    sedge_buf_add(out, v, sizeof v);
}

void sedge_frame_string(struct sedge_buf *out, const char *name, const char *value, size_t len)
{
    uint8_t n[2];

    if (len > SEDGE_HEADER_VALUE_MAX) len = SEDGE_HEADER_VALUE_MAX;
    header_name(out, name, SEDGE_HDR_STRING);
    n[0] = (uint8_t)(len >> 8);
    n[1] = (uint8_t)len;
    sedge_buf_add(out, n, sizeof n);
    sedge_buf_add(out, value, len);
}

void sedge_frame_raw_header(struct sedge_buf *out, const struct sedge_header *h)
{
    sedge_buf_add(out, h->raw, h->raw_len);
}

int sedge_frame_seal_head(struct sedge_buf *out, size_t start, size_t payload_len, uint32_t *crc, struct sedge_err *err)
{
    uint8_t *p = (uint8_t *)out->data + start;
    size_t headers = out->len - start - SEDGE_FRAME_PRELUDE;

    if (payload_len > SEDGE_FRAME_MAX || headers + payload_len + SEDGE_FRAME_OVERHEAD > SEDGE_FRAME_MAX) {
        out->len = start;
        out->data[start] = 0;
        return sedge_err_set(err, SEDGE_E_LIMIT, "frame: a payload of %zu bytes does not fit a frame of %u",
                             payload_len, SEDGE_FRAME_MAX);
    }
    put32(p, (uint32_t)(headers + payload_len + SEDGE_FRAME_OVERHEAD));
    put32(p + 4, (uint32_t)headers);
    put32(p + 8, sedge_crc32(0, p, 8));
    *crc = sedge_crc32(0, p, out->len - start);
    return 0;
}

void sedge_frame_trailer(uint8_t trailer[4], uint32_t crc)
{
    put32(trailer, crc);
}

int sedge_frame_end(struct sedge_buf *out, size_t start, const void *payload, size_t len, struct sedge_err *err)
{
    uint32_t crc;
    uint8_t trailer[4];

    if (sedge_frame_seal_head(out, start, len, &crc, err)) return -1;
    sedge_buf_reserve(out, len + sizeof trailer);
    sedge_buf_add(out, payload, len);
    sedge_frame_trailer(trailer, sedge_crc32(crc, payload ? payload : "", len));
    sedge_buf_add(out, trailer, sizeof trailer);
    return 0;
}
