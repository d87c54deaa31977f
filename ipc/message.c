#include "message.h"

#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "crc.h"

#define CONTENT_TYPE    "application/json"
#define STREAM_ID_BYTES 4u
#define CRC_BYTES       4u

/* ---- decoding ---- */

enum { HAS_TYPE = 1, HAS_FLAGS = 2, HAS_STREAM = 4, HAS_ALL = 7 };

static bool named(const struct sedge_header *h, const char *name, size_t n)
{
    return h->name_len == n && strncasecmp(h->name, name, n) == 0;
}

static void take_text(const struct sedge_header *h, struct sedge_text *out)
{
    if (!out->p && h->type == SEDGE_HDR_STRING) *out = (struct sedge_text){(const char *)h->value, h->value_len};
}

/* The first header of a name counts, whatever its type. */
static void take_int(const struct sedge_header *h, unsigned bit, unsigned *seen, unsigned *good, int32_t *out)
{
    if (*seen & bit) return;
    *seen |= bit;
    if (h->type != SEDGE_HDR_INT32) return;
    *good |= bit;
    *out = (int32_t)sedge_header_int(h);
}

#define NAMED(h, s) named(h, s, sizeof(s) - 1)

int sedge_message_decode(const struct sedge_frame *f, struct sedge_message *m, struct sedge_err *err)
{
    struct sedge_header h;
    unsigned seen = 0;
    unsigned good = 0;
    size_t pos = 0;
    int rc;

    *m = (struct sedge_message){.frame = f};
    while ((rc = sedge_header_next(f->headers, f->headers_len, &pos, &h, err)) == 1) {
        if (NAMED(&h, ":message-type"))
            take_int(&h, HAS_TYPE, &seen, &good, &m->type);
        else if (NAMED(&h, ":message-flags"))
            take_int(&h, HAS_FLAGS, &seen, &good, &m->flags);
        else if (NAMED(&h, ":stream-id"))
            take_int(&h, HAS_STREAM, &seen, &good, &m->stream_id);
        else if (NAMED(&h, "operation"))
            take_text(&h, &m->operation);
        else if (NAMED(&h, "service-model-type"))
            take_text(&h, &m->service_model_type);
        else if (NAMED(&h, ":content-type"))
            take_text(&h, &m->content_type);
        else if (NAMED(&h, ":version"))
            take_text(&h, &m->version);
    }
    if (rc < 0) return -1;
    if (good == HAS_ALL) return 0;
    return sedge_err_set(err, SEDGE_E_INVALID, "message: header %s is missing or is not an int32",
                         !(good & HAS_TYPE)    ? ":message-type"
                         : !(good & HAS_FLAGS) ? ":message-flags"
                                               : ":stream-id");
}

bool sedge_text_is(struct sedge_text t, const char *s)
{
    return t.p && t.len == strlen(s) && memcmp(t.p, s, t.len) == 0;
}

/* ---- building ---- */

static void base_headers(struct sedge_buf *out, enum sedge_msg_type type, int32_t flags, int32_t stream_id)
{
    sedge_frame_int32(out, ":message-type", (int32_t)type);
    sedge_frame_int32(out, ":message-flags", flags);
    sedge_frame_int32(out, ":stream-id", stream_id);
}

static void content_type(struct sedge_buf *out)
{
    sedge_frame_string(out, ":content-type", CONTENT_TYPE, sizeof CONTENT_TYPE - 1);
}

static size_t bare(struct sedge_buf *out, enum sedge_msg_type type, int32_t flags, int32_t stream_id)
{
    size_t start = out->len;

    sedge_frame_begin(out);
    base_headers(out, type, flags, stream_id);
    return start;
}

static size_t shaped(struct sedge_buf *out, enum sedge_msg_type type, int32_t flags, int32_t stream_id,
                     const char *shape)
{
    size_t start = out->len;

    sedge_frame_begin(out);
    content_type(out);
    sedge_frame_string(out, "service-model-type", shape, strlen(shape));
    base_headers(out, type, flags, stream_id);
    return start;
}

int sedge_message_connect(struct sedge_buf *out, const char *token, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf json = SEDGE_BUF_INIT;
    size_t start = out->len;

    sedge_frame_begin(out);
    sedge_frame_string(out, ":version", SEDGE_IPC_VERSION, sizeof SEDGE_IPC_VERSION - 1);
    base_headers(out, SEDGE_MSG_CONNECT, 0, 0);
    sedge_buf_puts(&json, "{\"authToken\":");
    sedge_json_quote(&json, token, strlen(token));
    sedge_buf_putc(&json, '}');
    return sedge_frame_end(out, start, json.data, json.len, err);
}

void sedge_message_connect_ack(struct sedge_buf *out, bool accepted)
{
    size_t start = bare(out, SEDGE_MSG_CONNECT_ACK, accepted ? SEDGE_MSG_ACCEPTED : 0, 0);

    (void)sedge_frame_end(out, start, NULL, 0, NULL); /* fixed size: fits */
}

int sedge_message_request(struct sedge_buf *out, int32_t stream_id, const char *operation, const char *json, size_t len,
                          struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf shape = SEDGE_BUF_INIT;
    size_t start;

    sedge_buf_printf(&shape, "%sRequest", operation);
    start = shaped(out, SEDGE_MSG_APPLICATION, 0, stream_id, shape.data);
    sedge_frame_string(out, "operation", operation, strlen(operation));
    return sedge_frame_end(out, start, json, len, err);
}

void sedge_message_terminate(struct sedge_buf *out, int32_t stream_id)
{
    size_t start = bare(out, SEDGE_MSG_APPLICATION, SEDGE_MSG_TERMINATE, stream_id);

    (void)sedge_frame_end(out, start, NULL, 0, NULL); /* fixed size: fits */
}

int sedge_message_application(struct sedge_buf *out, enum sedge_msg_type type, int32_t flags, int32_t stream_id,
                              const char *shape, const char *json, size_t len, struct sedge_err *err)
{
    size_t start = shaped(out, type, flags, stream_id, shape);

    return sedge_frame_end(out, start, json, len, err);
}

void sedge_message_protocol_error(struct sedge_buf *out, enum sedge_msg_type type, const char *text)
{
    sedge_auto_buf struct sedge_buf json = SEDGE_BUF_INIT;
    size_t start = out->len;

    sedge_buf_puts(&json, "{ \"message\": ");
    sedge_json_quote(&json, text, strlen(text));
    sedge_buf_puts(&json, " }");
    sedge_frame_begin(out);
    content_type(out);
    base_headers(out, type, 0, 0);
    (void)sedge_frame_end(out, start, json.data, json.len, NULL); /* our own short texts: fits */
}

int sedge_message_ping_response(struct sedge_buf *out, const struct sedge_frame *ping, struct sedge_err *err)
{
    size_t start = bare(out, SEDGE_MSG_PING_RESPONSE, 0, 0);
    struct sedge_header h;
    size_t pos = 0;

    while (sedge_header_next(ping->headers, ping->headers_len, &pos, &h, NULL) == 1)
        if (h.name[0] != ':') sedge_frame_raw_header(out, &h);
    return sedge_frame_end(out, start, ping->payload, ping->payload_len, err);
}

int sedge_message_head(struct sedge_buf *out, enum sedge_msg_type type, int32_t flags, int32_t stream_id,
                       const char *shape, struct sedge_payload *p, uint8_t trailer[4], struct sedge_err *err)
{
    size_t start = shaped(out, type, flags, stream_id, shape);
    uint32_t crc;

    if (sedge_frame_seal_head(out, start, p->len, &crc, err)) return -1;
    sedge_payload_seal(p);
    sedge_frame_trailer(trailer, (uint32_t)crc32_combine_op(crc, p->crc, p->crc_op));
    return 0;
}

/* ---- frames alike ---- */

static bool head_is(const struct sedge_head *h, int32_t flags, const char *name, size_t n, const char *suffix, size_t m,
                    size_t payload_len)
{
    return h->frame_len > 0 && h->payload_len == payload_len && h->flags == flags && h->shape_len == n + m &&
           memcmp(h->shape, name, n) == 0 && memcmp(h->shape + n, suffix, m) == 0;
}

int sedge_head_set(struct sedge_head *h, int32_t flags, const char *name, const char *suffix, size_t payload_len,
                   struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf out = SEDGE_BUF_INIT;
    size_t n = strlen(name);
    size_t m = strlen(suffix);
    uint32_t crc;

    if (head_is(h, flags, name, n, suffix, m, payload_len)) return 0;
    h->frame_len = 0;
    if (n + m >= sizeof h->shape)
        return sedge_err_set(err, SEDGE_E_LIMIT, "message: the name of a shape has %zu bytes", n + m);
    memcpy(h->shape, name, n);
    memcpy(h->shape + n, suffix, m + 1);
    (void)shaped(&out, SEDGE_MSG_APPLICATION, flags, 0, h->shape);
    sedge_assert(out.len <= sizeof h->bytes);
    if (sedge_frame_seal_head(&out, 0, payload_len, &crc, err)) return -1;
    memcpy(h->bytes, out.data, out.len);
    h->len = out.len;
    h->payload_len = payload_len;
    h->flags = flags;
    h->shape_len = n + m;
    h->crc = sedge_crc32(0, h->bytes, h->len - STREAM_ID_BYTES);
    h->frame_len = h->len + payload_len + CRC_BYTES;
    return 0;
}

void sedge_head_frame(const struct sedge_head *h, int32_t stream_id, const void *payload, uint8_t *out)
{
    size_t before = h->len - STREAM_ID_BYTES;

    memcpy(out, h->bytes, before);
    for (unsigned i = 0; i < STREAM_ID_BYTES; i++)
        out[before + i] = (uint8_t)((uint32_t)stream_id >> (24 - 8 * i));
    if (h->payload_len > 0) memcpy(out + h->len, payload, h->payload_len);
    sedge_frame_trailer(out + h->len + h->payload_len,
                        sedge_crc32(h->crc, out + before, STREAM_ID_BYTES + h->payload_len));
}

/* ---- JSON texts ---- */

/* Length of the well-formed UTF-8 sequence at s, 0 if there is none. */
static size_t utf8_len(const char *s, size_t n)
{
    unsigned char c = (unsigned char)s[0];
    size_t len = c < 0x80 ? 1 : c >= 0xC2 && c < 0xE0 ? 2 : c >= 0xE0 && c < 0xF0 ? 3 : c >= 0xF0 && c < 0xF5 ? 4 : 0;

    if (len == 0 || len > n) return 0;
    return len == 1 || sedge_utf8_valid(s, len) ? len : 0;
}

static bool plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static size_t quote_one(struct sedge_buf *out, const char *s, size_t n)
{
    unsigned char c = (unsigned char)s[0];
    size_t len;

    if (c == '"' || c == '\\') {
        sedge_buf_putc(out, '\\');
        sedge_buf_putc(out, (char)c);
        return 1;
    }
    if (c < 0x20) {
        if (c == '\n')
            sedge_buf_puts(out, "\\n");
        else if (c == '\t')
            sedge_buf_puts(out, "\\t");
        else
            sedge_buf_printf(out, "\\u%04x", (unsigned)c);
        return 1;
    }
    len = utf8_len(s, n);
    if (len > 0)
        sedge_buf_add(out, s, len);
    else
        sedge_buf_puts(out, "\xEF\xBF\xBD");
    return len > 0 ? len : 1;
}

void sedge_json_quote(struct sedge_buf *out, const char *s, size_t n)
{
    size_t i = 0;

    sedge_buf_reserve(out, n + 2);
    sedge_buf_putc(out, '"');
    while (i < n) {
        size_t run = i;

        while (run < n && plain((unsigned char)s[run]))
            run++;
        sedge_buf_add(out, s + i, run - i);
        i = run;
        if (i < n) i += quote_one(out, s + i, n - i);
    }
    sedge_buf_putc(out, '"');
}

void sedge_message_error_json(struct sedge_buf *out, const char *name, const char *message, const char *extras)
{
    const char *text = message ? message : "";
    const char *open = extras ? strchr(extras, '{') : NULL;
    const char *close = open ? strrchr(open, '}') : NULL;

    sedge_buf_puts(out, "{\"message\":");
    sedge_json_quote(out, text, strlen(text));
    sedge_buf_puts(out, ",\"_service\":\"" SEDGE_IPC_SERVICE "\",\"_message\":");
    sedge_json_quote(out, text, strlen(text));
    sedge_buf_puts(out, ",\"_errorCode\":");
    sedge_json_quote(out, name, strlen(name));
    if (close) {
        open++;
        open += strspn(open, " \t\r\n");
        if (open < close) {
            sedge_buf_putc(out, ',');
            sedge_buf_add(out, open, (size_t)(close - open));
        }
    }
    sedge_buf_putc(out, '}');
}
