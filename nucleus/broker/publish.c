#include "publish.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "ipc_wire/frame.h"
#include "ipc_wire/message.h"

#define EVENT_OVERHEAD 512u /* headers of the event's frame and the members around topic and message */

struct scan {
    const char *start, *p, *end;
    struct sedge_err *err;
};

/* The inside of a string as it stands in the text. */
struct slice {
    const char *p;
    size_t n;
    bool escaped;
};

static int bad(const struct scan *s, const char *what)
{
    return sedge_err_set(s->err, SEDGE_E_INVALID, "request: not valid JSON at byte %td: %s", s->p - s->start, what);
}

static int wrong(const struct scan *s, const char *member, const char *expected)
{
    return sedge_err_set(s->err, SEDGE_E_INVALID, "%s: expected %s", member, expected);
}

/* ---- grammar ---- */

static void space(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r'))
        s->p++;
}

static bool at(const struct scan *s, char c)
{
    return s->p < s->end && *s->p == c;
}

static bool digit(const struct scan *s)
{
    return s->p < s->end && *s->p >= '0' && *s->p <= '9';
}

static int hex4(const char *p, const char *end, unsigned *out)
{
    *out = 0;
    if (end - p < 4) return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        unsigned v = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                     : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                     : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                            : 16u;

        if (v > 15) return -1;
        *out = *out << 4 | v;
    }
    return 0;
}

static int escape(struct scan *s)
{
    unsigned u;

    s->p++;
    if (s->p >= s->end) return bad(s, "the text ends in an escape");
    if (*s->p == 'u') {
        s->p++;
        if (hex4(s->p, s->end, &u)) return bad(s, "four hexadecimal digits expected");
        s->p += 4;
        return 0;
    }
    if (*s->p == 0 || !strchr("\"\\/bfnrt", *s->p)) return bad(s, "unknown escape");
    s->p++;
    return 0;
}

/* Eight bytes at once while none of them ends a run of plain ASCII. */
static const char *plain_run(const char *p, const char *end)
{
    const uint64_t ones = 0x0101010101010101u;
    const uint64_t highs = 0x8080808080808080u;

    while (end - p >= 8) {
        uint64_t w;
        uint64_t quote;
        uint64_t back;

        memcpy(&w, p, sizeof w);
        quote = w ^ (ones * '"');
        back = w ^ (ones * '\\');
        if (((w - ones * 0x20u) | (quote - ones) | (back - ones) | w) & highs) break;
        p += 8;
    }
    while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\')
        p++;
    return p;
}

static int string(struct scan *s, struct slice *out)
{
    bool high = false;

    if (!at(s, '"')) return bad(s, "a string expected");
    out->p = ++s->p;
    out->escaped = false;
    for (;;) {
        s->p = plain_run(s->p, s->end);
        if (s->p >= s->end) return bad(s, "the text ends inside a string");
        if (*s->p == '"') break;
        if (*s->p == '\\') {
            out->escaped = true;
            if (escape(s)) return -1;
        } else if ((unsigned char)*s->p >= 0x80) {
            high = true;
            s->p++;
        } else {
            return bad(s, "control character inside a string");
        }
    }
    out->n = (size_t)(s->p - out->p);
    if (high && !sedge_utf8_valid(out->p, out->n)) return bad(s, "invalid UTF-8");
    s->p++;
    return 0;
}

static int digits(struct scan *s)
{
    if (!digit(s)) return bad(s, "a digit expected");
    while (digit(s))
        s->p++;
    return 0;
}

static int number(struct scan *s)
{
    if (at(s, '-')) s->p++;
    if (at(s, '0'))
        s->p++;
    else if (digits(s))
        return -1;
    if (at(s, '.')) {
        s->p++;
        if (digits(s)) return -1;
    }
    if (at(s, 'e') || at(s, 'E')) {
        s->p++;
        if (at(s, '+') || at(s, '-')) s->p++;
        return digits(s);
    }
    return 0;
}

static int word(struct scan *s, const char *w)
{
    size_t n = strlen(w);

    if ((size_t)(s->end - s->p) < n || memcmp(s->p, w, n) != 0) return bad(s, "a value expected");
    s->p += n;
    return 0;
}

static int value(struct scan *s, unsigned depth);

/* Steps to the next member: 1 at its value, with its key; 0 behind the object. `n` counts from 0. */
static int member(struct scan *s, size_t n, struct slice *key)
{
    space(s);
    if (n == 0) {
        s->p++; /* '{' */
        space(s);
    }
    if (at(s, '}')) {
        s->p++;
        return 0;
    }
    if (n > 0) {
        if (!at(s, ',')) return bad(s, "',' or '}' expected");
        s->p++;
        space(s);
    }
    if (string(s, key)) return -1;
    space(s);
    if (!at(s, ':')) return bad(s, "':' expected");
    s->p++;
    space(s);
    return 1;
}

static int deeper(struct scan *s, unsigned depth)
{
    if (depth + 1 < SEDGE_PUBLISH_DEPTH_MAX) return 0;
    return sedge_err_set(s->err, SEDGE_E_LIMIT, "request: JSON is nested deeper than %u", SEDGE_PUBLISH_DEPTH_MAX);
}

static int object(struct scan *s, unsigned depth)
{
    struct slice key;
    size_t n = 0;
    int rc;

    while ((rc = member(s, n, &key)) == 1) {
        if (deeper(s, depth) || value(s, depth + 1)) return -1;
        n++;
    }
    return rc;
}

static int array(struct scan *s, unsigned depth)
{
    s->p++;
    space(s);
    if (at(s, ']')) {
        s->p++;
        return 0;
    }
    for (;;) {
        if (deeper(s, depth) || value(s, depth + 1)) return -1;
        space(s);
        if (at(s, ']')) break;
        if (!at(s, ',')) return bad(s, "',' or ']' expected");
        s->p++;
        space(s);
    }
    s->p++;
    return 0;
}

static int value(struct scan *s, unsigned depth)
{
    struct slice text;

    if (s->p >= s->end) return bad(s, "the text ends too early");
    switch (*s->p) {
    case '{':
        return object(s, depth);
    case '[':
        return array(s, depth);
    case '"':
        return string(s, &text);
    case 't':
        return word(s, "true");
    case 'f':
        return word(s, "false");
    case 'n':
        return word(s, "null");
    default:
        return number(s);
    }
}

/* ---- escapes ---- */

static void put_utf8(struct sedge_buf *out, unsigned u)
{
    if (u < 0x80) {
        sedge_buf_putc(out, (char)u);
    } else if (u < 0x800) {
        sedge_buf_putc(out, (char)(0xC0u | u >> 6));
        sedge_buf_putc(out, (char)(0x80u | (u & 0x3Fu)));
    } else if (u < 0x10000) {
        sedge_buf_putc(out, (char)(0xE0u | u >> 12));
        sedge_buf_putc(out, (char)(0x80u | (u >> 6 & 0x3Fu)));
        sedge_buf_putc(out, (char)(0x80u | (u & 0x3Fu)));
    } else {
        sedge_buf_putc(out, (char)(0xF0u | u >> 18));
        sedge_buf_putc(out, (char)(0x80u | (u >> 12 & 0x3Fu)));
        sedge_buf_putc(out, (char)(0x80u | (u >> 6 & 0x3Fu)));
        sedge_buf_putc(out, (char)(0x80u | (u & 0x3Fu)));
    }
}

/* One \uXXXX or a pair of surrogates at p (behind the 'u'); the number of bytes used, 0 for a NUL or half a pair. */
static size_t unicode(struct sedge_buf *out, const char *p, const char *end)
{
    unsigned hi;
    unsigned lo;

    if (hex4(p, end, &hi) || hi == 0 || (hi >= 0xDC00 && hi < 0xE000)) return 0;
    if (hi < 0xD800 || hi > 0xDFFF) {
        put_utf8(out, hi);
        return 4;
    }
    if (end - p < 10 || p[4] != '\\' || p[5] != 'u' || hex4(p + 6, end, &lo) || lo < 0xDC00 || lo > 0xDFFF) return 0;
    put_utf8(out, 0x10000u + ((hi - 0xD800u) << 10) + (lo - 0xDC00u));
    return 10;
}

/* The text of a slice that the grammar has accepted. -1 when it holds a NUL or half a surrogate pair. */
static int unescape(struct sedge_buf *out, const struct slice *in)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const char *p = in->p;
    const char *end = in->p + in->n;

    while (p < end) {
        const char *back = memchr(p, '\\', (size_t)(end - p));
        const char *stop = back ? back : end;
        size_t used;

        sedge_buf_add(out, p, (size_t)(stop - p));
        if (!back) break;
        if (back[1] != 'u') {
            sedge_buf_putc(out, to[strchr(from, back[1]) - from]);
            p = back + 2;
            continue;
        }
        used = unicode(out, back + 2, end);
        if (used == 0) return -1;
        p = back + 2 + used;
    }
    return 0;
}

static bool key_is(const struct slice *key, const char *name)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    size_t n = strlen(name);

    if (!key->escaped) return key->n == n && memcmp(key->p, name, n) == 0;
    return unescape(&b, key) == 0 && b.len == n && memcmp(b.data, name, n) == 0;
}

/* ---- members ---- */

static int scan_topic(struct scan *s, struct sedge_publish *out)
{
    struct slice text;

    out->has_topic = false;
    sedge_buf_clear(&out->topic_buf);
    if (at(s, 'n')) return word(s, "null");
    if (!at(s, '"')) return wrong(s, "topic", "a string");
    if (string(s, &text)) return -1;
    if (!text.escaped)
        sedge_buf_add(&out->topic_buf, text.p, text.n);
    else if (unescape(&out->topic_buf, &text))
        return wrong(s, "topic", "a string without NUL and half surrogate pairs");
    out->has_topic = true;
    return 0;
}

static bool base64_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

/* Keeps the slice when it is canonical; missing padding is added, anything else refused. */
static int check_base64(struct scan *s, struct sedge_publish *out, const char *p, size_t n)
{
    size_t body = n;

    while (body > 0 && n - body < 2 && p[body - 1] == '=')
        body--;
    for (size_t i = 0; i < body; i++)
        if (!base64_char(p[i])) return wrong(s, "publishMessage.binaryMessage.message", "base64");
    if (body % 4 == 1 || (n > body && n % 4 != 0)) return wrong(s, "publishMessage.binaryMessage.message", "base64");
    if (n % 4 == 0) {
        out->message = p;
        out->message_len = n;
        return 0;
    }
    if (p != out->message_buf.data) sedge_buf_add(&out->message_buf, p, n);
    sedge_buf_add(&out->message_buf, "==", 4 - n % 4);
    out->message = out->message_buf.data;
    out->message_len = out->message_buf.len;
    return 0;
}

static int scan_binary(struct scan *s, struct sedge_publish *out)
{
    struct slice text;

    sedge_buf_clear(&out->message_buf);
    if (!at(s, '"')) return wrong(s, "publishMessage.binaryMessage.message", "a string");
    if (string(s, &text)) return -1;
    out->has_message = true;
    if (!text.escaped) return check_base64(s, out, text.p, text.n);
    if (unescape(&out->message_buf, &text)) return wrong(s, "publishMessage.binaryMessage.message", "base64");
    return check_base64(s, out, out->message_buf.data, out->message_buf.len);
}

static int scan_json(struct scan *s, struct sedge_publish *out)
{
    const char *start = s->p;

    if (!at(s, '{')) return wrong(s, "publishMessage.jsonMessage.message", "an object");
    if (object(s, 3)) return -1;
    out->has_message = true;
    out->message = start;
    out->message_len = (size_t)(s->p - start);
    return 0;
}

static void forget_message(struct sedge_publish *out)
{
    out->has_message = false;
    out->message = "";
    out->message_len = 0;
}

/* The object below jsonMessage or binaryMessage. */
static int scan_kind(struct scan *s, struct sedge_publish *out, enum sedge_publish_kind kind)
{
    struct slice key;
    size_t n = 0;
    int rc;

    if (!at(s, '{'))
        return wrong(s, kind == SEDGE_PUBLISH_JSON ? "publishMessage.jsonMessage" : "publishMessage.binaryMessage",
                     "an object");
    forget_message(out);
    while ((rc = member(s, n++, &key)) == 1) {
        if (!key_is(&key, "message"))
            rc = value(s, 3);
        else if (at(s, 'n')) {
            forget_message(out);
            rc = word(s, "null");
        } else
            rc = kind == SEDGE_PUBLISH_JSON ? scan_json(s, out) : scan_binary(s, out);
        if (rc) return -1;
    }
    return rc;
}

static int scan_union(struct scan *s, struct sedge_publish *out)
{
    bool have[3] = {false, false, false};
    struct slice key;
    size_t n = 0;
    int rc;

    out->kind = SEDGE_PUBLISH_NONE;
    out->nkinds = 0;
    out->has_publish_message = false;
    forget_message(out);
    if (at(s, 'n')) return word(s, "null");
    if (!at(s, '{')) return wrong(s, "publishMessage", "an object");
    out->has_publish_message = true;
    while ((rc = member(s, n++, &key)) == 1) {
        enum sedge_publish_kind kind = key_is(&key, "jsonMessage")     ? SEDGE_PUBLISH_JSON
                                       : key_is(&key, "binaryMessage") ? SEDGE_PUBLISH_BINARY
                                                                       : SEDGE_PUBLISH_NONE;

        have[kind] = !at(s, 'n');
        if (kind == SEDGE_PUBLISH_NONE || !have[kind])
            rc = value(s, 2);
        else {
            out->kind = kind;
            rc = scan_kind(s, out, kind);
        }
        if (rc) return -1;
    }
    if (rc == 0) {
        out->nkinds = (unsigned)have[SEDGE_PUBLISH_JSON] + (unsigned)have[SEDGE_PUBLISH_BINARY];
        if (out->nkinds == 0 || !have[out->kind]) {
            /* a later null took the member back */
            if (out->nkinds == 1) return wrong(s, "publishMessage", "each member once");
            out->kind = SEDGE_PUBLISH_NONE;
            forget_message(out);
        }
    }
    return rc;
}

static int scan_members(struct scan *s, struct sedge_publish *out)
{
    struct slice key;
    size_t n = 0;
    int rc;

    while ((rc = member(s, n++, &key)) == 1) {
        if (key_is(&key, "topic"))
            rc = scan_topic(s, out);
        else if (key_is(&key, "publishMessage"))
            rc = scan_union(s, out);
        else
            rc = value(s, 1);
        if (rc) return -1;
    }
    return rc;
}

static int check_size(const struct sedge_publish *p, struct sedge_err *err)
{
    if (p->message_len + 6 * p->topic_len + EVENT_OVERHEAD <= SEDGE_FRAME_MAX) return 0;
    return sedge_err_set(err, SEDGE_E_LIMIT, "The message of %zu bytes on a topic of %zu bytes does not fit a frame",
                         p->message_len, p->topic_len);
}

int sedge_publish_scan(const char *payload, size_t len, struct sedge_publish *out, struct sedge_err *err)
{
    struct scan s = {payload, payload, payload + len, err};

    out->has_topic = false;
    out->has_publish_message = false;
    out->kind = SEDGE_PUBLISH_NONE;
    out->nkinds = 0;
    sedge_buf_clear(&out->topic_buf);
    forget_message(out);
    space(&s);
    if (!at(&s, '{')) return wrong(&s, "request", "a JSON object");
    if (scan_members(&s, out)) return -1;
    space(&s);
    if (s.p != s.end) return bad(&s, "text after the end of the object");
    out->topic = out->has_topic && out->topic_buf.data ? out->topic_buf.data : "";
    out->topic_len = out->has_topic ? out->topic_buf.len : 0;
    return check_size(out, err);
}

void sedge_publish_release(struct sedge_publish *p)
{
    sedge_buf_release(&p->topic_buf);
    sedge_buf_release(&p->message_buf);
}

/* ---- events ---- */

#define JSON_HEAD    "{\"jsonMessage\":{\"message\":"
#define BINARY_HEAD  "{\"binaryMessage\":{\"message\":\""
#define CONTEXT      ",\"context\":{\"topic\":"
#define BINARY_TAIL  "\"" CONTEXT
#define EVENT_TAIL   "}}}"
#define LIT_LEN(lit) (sizeof(lit) - 1)

static char *put(char *to, const char *p, size_t n)
{
    if (n > 0) memcpy(to, p, n);
    return to + n;
}

static struct sedge_payload *build(const char *head, size_t head_len, const char *message, size_t message_len,
                                   const char *tail, size_t tail_len, const char *topic, size_t topic_len)
{
    sedge_auto_buf struct sedge_buf quoted = SEDGE_BUF_INIT;
    struct sedge_payload *p;
    char *to;

    sedge_json_quote(&quoted, topic, topic_len);
    p = sedge_payload_new(head_len + message_len + tail_len + quoted.len + LIT_LEN(EVENT_TAIL));
    to = put(p->data, head, head_len);
    to = put(to, message, message_len);
    to = put(to, tail, tail_len);
    to = put(to, quoted.data, quoted.len);
    (void)put(to, EVENT_TAIL, LIT_LEN(EVENT_TAIL));
    return p;
}

static struct sedge_payload *json_event(const char *topic, size_t topic_len, const char *json, size_t len)
{
    return build(JSON_HEAD, LIT_LEN(JSON_HEAD), json, len, CONTEXT, LIT_LEN(CONTEXT), topic, topic_len);
}

static struct sedge_payload *binary_event(const char *topic, size_t topic_len, const char *base64, size_t len)
{
    return build(BINARY_HEAD, LIT_LEN(BINARY_HEAD), base64, len, BINARY_TAIL, LIT_LEN(BINARY_TAIL), topic, topic_len);
}

struct sedge_payload *sedge_publish_event(const struct sedge_publish *p)
{
    sedge_assert(p->kind != SEDGE_PUBLISH_NONE);
    if (p->kind == SEDGE_PUBLISH_BINARY) return binary_event(p->topic, p->topic_len, p->message, p->message_len);
    sedge_assert(p->has_message);
    return json_event(p->topic, p->topic_len, p->message, p->message_len);
}

struct sedge_payload *sedge_publish_event_json(const char *topic, const char *json, size_t len)
{
    return json_event(topic, strlen(topic), json, len);
}

struct sedge_payload *sedge_publish_event_binary(const char *topic, const void *data, size_t len)
{
    sedge_auto_buf struct sedge_buf base64 = SEDGE_BUF_INIT;

    sedge_base64_encode(&base64, data, len);
    return binary_event(topic, strlen(topic), base64.data, base64.len);
}
