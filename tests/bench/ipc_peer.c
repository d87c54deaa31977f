#include "ipc_peer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <zlib.h>

#include "ipc_wire/frame.h"
#include "ipc_wire/message.h"

#define IN_BYTES    (512u << 10)
#define SEQ_DIGITS  12
#define HEAD        "{\"seq\": \"" /* nine bytes and twelve digits: whole groups of base64 */
#define EVENT_HEAD  "{\"jsonMessage\":{\"message\":"
#define STREAM_NAME ":stream-id"
#define CHECK_EVERY 64u

void die(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vfprintf(stderr, fmt, ap);
    va_end(ap);
    (void)fputc('\n', stderr);
    exit(1);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* ---- messages ---- */

static void put_seq(char *to, uint64_t seq)
{
    for (int i = SEQ_DIGITS; i-- > 0; seq /= 10)
        to[i] = (char)('0' + seq % 10);
}

static void message(char out[MESSAGE_BYTES + 1])
{
    static const char middle[] = "\",\"x\":\"";
    size_t at = sizeof HEAD - 1 + SEQ_DIGITS;

    memset(out, 'v', MESSAGE_BYTES);
    memcpy(out, HEAD, sizeof HEAD - 1);
    put_seq(out + sizeof HEAD - 1, 0);
    memcpy(out + at, middle, sizeof middle - 1);
    memcpy(out + MESSAGE_BYTES - 2, "\"}", 3);
}

static void delivered(struct peer *p, const char *text, size_t n)
{
    static char expected[MESSAGE_BYTES + 1];
    const size_t at = sizeof HEAD - 1;

    if (!*expected) message(expected);
    put_seq(expected + at, p->deliveries);
    if (n != MESSAGE_BYTES || memcmp(text, expected, MESSAGE_BYTES) != 0)
        die("message %llu was expected, this one came: %.*s", (unsigned long long)p->deliveries, (int)n, text);
    p->deliveries++;
}

/* ---- what comes in: each returns the bytes of one frame, 0 while it is not whole ---- */

static size_t raw_frame(struct peer *p, const uint8_t *at, size_t left)
{
    size_t total = left >= 4 ? get32(at) : 0;

    if (total == 0 || left < total) return 0;
    delivered(p, (const char *)at + 4, MESSAGE_BYTES);
    return total;
}

static size_t mqtt_frame(struct peer *p, const uint8_t *at, size_t left)
{
    size_t n = 0;
    size_t head = 1;
    size_t topic;

    for (unsigned shift = 0;; shift += 7) {
        if (head >= left) return 0;
        n |= (size_t)(at[head] & 0x7Fu) << shift;
        if (!(at[head++] & 0x80u)) break;
    }
    if (left < head + n) return 0;
    if (at[0] >> 4 != 3) { /* CONNACK, SUBACK */
        p->answers++;
        return head + n;
    }
    topic = 2 + ((size_t)at[head] << 8 | at[head + 1]);
    delivered(p, (const char *)at + head + topic, n - topic);
    return head + n;
}

static void check_frame(const uint8_t *at, size_t total)
{
    if ((uint32_t)crc32(0, at, (uInt)(total - 4)) != get32(at + total - 4)) die("a frame's checksum is wrong");
}

/* An answer whose length is not the usual one is looked at. */
static void answered(struct peer *p, const uint8_t *at, size_t total)
{
    struct sedge_frame f = {.headers = at + SEDGE_FRAME_PRELUDE, .headers_len = get32(at + 4)};
    struct sedge_message m;

    p->answers++;
    if (total == p->answer_bytes) return;
    f.payload = f.headers + f.headers_len;
    f.payload_len = total - SEDGE_FRAME_OVERHEAD - f.headers_len;
    if (sedge_message_decode(&f, &m, NULL)) die("a frame without the usual headers");
    if (m.type == SEDGE_MSG_CONNECT_ACK && !(m.flags & SEDGE_MSG_ACCEPTED)) die("the token was refused");
    if (m.type != SEDGE_MSG_CONNECT_ACK && m.type != SEDGE_MSG_APPLICATION)
        die("refused: %.*s", (int)f.payload_len, (const char *)f.payload);
    if (m.type == SEDGE_MSG_APPLICATION) p->answer_bytes = total;
}

static size_t sedge_frame(struct peer *p, const uint8_t *at, size_t left)
{
    size_t total = left >= SEDGE_FRAME_PRELUDE ? get32(at) : 0;
    const char *payload;

    if (total == 0 || left < total) return 0;
    if (p->frames++ % CHECK_EVERY == 0) check_frame(at, total);
    payload = (const char *)at + SEDGE_FRAME_PRELUDE + get32(at + 4);
    if (!p->subscribed)
        answered(p, at, total);
    else if (memcmp(payload, EVENT_HEAD, sizeof EVENT_HEAD - 1) == 0)
        delivered(p, payload + sizeof EVENT_HEAD - 1, MESSAGE_BYTES);
    else
        die("not a message: %.*s", (int)(total - SEDGE_FRAME_OVERHEAD - get32(at + 4)), payload);
    return total;
}

void peer_read(struct peer *p, bool wait)
{
    size_t (*const frame[])(struct peer *, const uint8_t *, size_t) = {raw_frame, mqtt_frame, sedge_frame};
    ssize_t n = recv(p->fd, p->in + p->in_len, IN_BYTES - p->in_len, wait ? 0 : MSG_DONTWAIT);
    size_t at = 0;
    size_t used;

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) die("the connection has ended: %s", n < 0 ? strerror(errno) : "closed");
    p->in_len += (size_t)n;
    while ((used = frame[p->proto](p, p->in + at, p->in_len - at)) > 0)
        at += used;
    p->in_len -= at;
    if (p->in_len > 0 && at > 0) memmove(p->in, p->in + at, p->in_len);
}

/* ---- what goes out ---- */

void peer_send(struct peer *p)
{
    size_t at = 0;

    while (at < p->out.len) {
        ssize_t n = send(p->fd, p->out.data + at, p->out.len - at, MSG_NOSIGNAL);

        if (n < 0) die("sending: %s", strerror(errno));
        at += (size_t)n;
    }
    sedge_buf_clear(&p->out);
}

static void mqtt_text(struct sedge_buf *out, const char *s)
{
    size_t n = strlen(s);

    sedge_buf_putc(out, (char)(n >> 8));
    sedge_buf_putc(out, (char)n);
    sedge_buf_add(out, s, n);
}

static void mqtt_packet(struct sedge_buf *out, unsigned type, const struct sedge_buf *body)
{
    size_t n = body->len;

    sedge_buf_putc(out, (char)type);
    do {
        sedge_buf_putc(out, (char)((n & 0x7Fu) | (n > 0x7F ? 0x80u : 0)));
        n >>= 7;
    } while (n > 0);
    sedge_buf_add(out, body->data, body->len);
}

static void mqtt_connect(struct peer *p)
{
    sedge_auto_buf struct sedge_buf body = SEDGE_BUF_INIT;

    mqtt_text(&body, "MQTT");
    sedge_buf_add(&body, "\x04\x02\x00\x00", 4); /* 3.1.1, clean session, no keep-alive */
    mqtt_text(&body, "");
    mqtt_packet(&p->out, 0x10, &body);
}

static void mqtt_subscribe(struct peer *p, const char *topic)
{
    sedge_auto_buf struct sedge_buf body = SEDGE_BUF_INIT;

    sedge_buf_add(&body, "\x00\x01", 2);
    mqtt_text(&body, topic);
    sedge_buf_putc(&body, 0);
    mqtt_packet(&p->out, 0x82, &body);
}

static void sedge_request(struct sedge_buf *out, int32_t stream, const char *operation, const char *json)
{
    sedge_auto_buf struct sedge_buf name = SEDGE_BUF_INIT;

    sedge_buf_printf(&name, SEDGE_IPC_NAMESPACE "%s", operation);
    if (sedge_message_request(out, stream, name.data, json, strlen(json), NULL)) die("a request too large");
}

static void sedge_connect(struct peer *p)
{
    const char *token = getenv("SVCUID");

    if (!token) die("SVCUID is not set");
    if (sedge_message_connect(&p->out, token, NULL)) die("a token too large");
}

static void finish(struct peer *p)
{
    uint64_t answers = p->answers + 1;

    peer_send(p);
    while (p->answers < answers)
        peer_read(p, true);
}

void peer_subscribe(struct peer *p, const char *topic)
{
    sedge_auto_buf struct sedge_buf json = SEDGE_BUF_INIT;

    if (p->proto == RAW) return;
    p->subscribed = false;
    if (p->proto == MQTT) {
        mqtt_subscribe(p, topic);
    } else {
        sedge_buf_printf(&json, "{\"topic\":\"%s\"}", topic);
        sedge_request(&p->out, ++p->last_stream, "SubscribeToTopic", json.data);
    }
    finish(p);
    p->subscribed = true;
}

void peer_open(struct peer *p, const char *spec)
{
    static const char *const names[] = {"raw:", "mqtt:", "sedge:"};
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    const char *path = strchr(spec, ':');

    *p = (struct peer){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), .in = malloc(IN_BYTES)};
    while (strncmp(spec, names[p->proto], strlen(names[p->proto])) != 0)
        if (++p->proto > SEDGE) die("%s: raw:, mqtt: or sedge: expected", spec);
    if (!p->in || p->fd < 0 || !path || strlen(path + 1) >= sizeof a.sun_path) die("%s cannot be used", spec);
    memcpy(a.sun_path, path + 1, strlen(path + 1));
    if (connect(p->fd, (const struct sockaddr *)&a, sizeof a) < 0) die("%s: %s", spec, strerror(errno));
    if (p->proto == RAW) return;
    if (p->proto == MQTT)
        mqtt_connect(p);
    else
        sedge_connect(p);
    finish(p);
    p->answers = 0;
}

/* ---- requests, one after the other with the next number ---- */

static void base64(char *to, const char *from, size_t n)
{
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < n; i += 3, to += 4) {
        unsigned left = (unsigned)(n - i);
        unsigned v = (unsigned)(unsigned char)from[i] << 16;

        if (left > 1) v |= (unsigned)(unsigned char)from[i + 1] << 8;
        if (left > 2) v |= (unsigned char)from[i + 2];
        to[0] = set[v >> 18];
        to[1] = set[v >> 12 & 63];
        to[2] = left > 1 ? set[v >> 6 & 63] : '=';
        to[3] = left > 2 ? set[v & 63] : '=';
    }
}

static const char *request_json(struct sedge_buf *json, enum kind kind, const char *topic)
{
    char text[MESSAGE_BYTES + 1];
    char coded[(MESSAGE_BYTES + 2) / 3 * 4 + 1] = "";

    message(text);
    base64(coded, text, MESSAGE_BYTES);
    if (kind == PUBLISH) {
        sedge_buf_printf(json, "{\"topic\":\"%s\",\"publishMessage\":{\"jsonMessage\":{\"message\":%s}}}", topic, text);
        return "PublishToTopic";
    }
    if (kind == GET_CONFIGURATION) {
        sedge_buf_puts(json, "{\"componentName\":\"com.bench.Load\",\"keyPath\":[\"settings\",\"rate\"]}");
        return "GetConfiguration";
    }
    sedge_buf_printf(json, "{\"topicName\":\"%s\",\"qos\":\"%d\",\"payload\":\"%s\"}", topic, kind == IOTCORE_1, coded);
    return "PublishToIoTCore";
}

static size_t find(const struct sedge_buf *b, const char *text)
{
    const char *at = memmem(b->data, b->len, text, strlen(text));

    return at ? (size_t)(at - b->data) + strlen(text) : 0;
}

void request_make(struct request *r, const struct peer *p, enum kind kind, const char *topic)
{
    sedge_auto_buf struct sedge_buf json = SEDGE_BUF_INIT;
    const char *operation = request_json(&json, kind, topic);
    char text[MESSAGE_BYTES + 1];

    *r = (struct request){.kind = kind, .text = SEDGE_BUF_INIT};
    message(text);
    if (p->proto == MQTT) {
        sedge_buf_clear(&json);
        mqtt_text(&json, topic);
        sedge_buf_add(&json, text, MESSAGE_BYTES);
        mqtt_packet(&r->text, 0x30, &json);
        r->seq_at = find(&r->text, HEAD);
        return;
    }
    sedge_request(&r->text, 1, operation, json.data);
    if (p->proto == RAW) { /* as long as a request to the nucleus */
        memcpy(r->text.data + 4, text, MESSAGE_BYTES);
        r->seq_at = 4 + sizeof HEAD - 1;
        return;
    }
    r->stream_at = find(&r->text, STREAM_NAME) + 1;
    r->crc = (uint32_t)crc32(0, (const Bytef *)r->text.data, (uInt)r->stream_at);
    if (kind == PUBLISH) r->seq_at = find(&r->text, HEAD);
    if (kind == IOTCORE_0 || kind == IOTCORE_1)
        r->seq_at = find(&r->text, "\"payload\":\"") + (sizeof HEAD - 1) / 3 * 4;
}

void request_add(const struct request *r, struct peer *p, uint64_t seq)
{
    char digits[SEQ_DIGITS];
    char *at;

    sedge_buf_add(&p->out, r->text.data, r->text.len);
    at = p->out.data + p->out.len - r->text.len;
    put_seq(digits, seq);
    if (r->kind == PUBLISH)
        memcpy(at + r->seq_at, digits, SEQ_DIGITS);
    else if (r->kind != GET_CONFIGURATION)
        base64(at + r->seq_at, digits, SEQ_DIGITS);
    if (p->proto != SEDGE) return;
    put32((uint8_t *)at + r->stream_at, (uint32_t)++p->last_stream);
    put32((uint8_t *)at + r->text.len - 4,
          (uint32_t)crc32(r->crc, (const Bytef *)at + r->stream_at, (uInt)(r->text.len - 4 - r->stream_at)));
}
