#include "str.h"
#include "mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

bool sedge_str_starts(const char *s, const char *prefix)
{
    return s && strncmp(s, prefix, strlen(prefix)) == 0;
}

bool sedge_str_ends(const char *s, const char *suffix)
{
    size_t n = s ? strlen(s) : 0;
    size_t m = strlen(suffix);

    return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

bool sedge_str_eq(const char *a, const char *b)
{
    if (!a || !b) return a == b;
    return strcmp(a, b) == 0;
}

void sedge_strv_release(struct sedge_strv *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->v[i]);
    free(l->v);
    *l = (struct sedge_strv){NULL, 0};
}

void sedge_strv_add_take(struct sedge_strv *l, char *s)
{
    l->v = sedge_xrealloc(l->v, l->n + 1, sizeof *l->v);
    l->v[l->n++] = s;
}

void sedge_strv_add(struct sedge_strv *l, const char *s)
{
    sedge_strv_add_take(l, sedge_xstrdup(s));
}

bool sedge_strv_has(const struct sedge_strv *l, const char *s)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->v[i], s) == 0) return true;
    return false;
}

void sedge_strv_split(struct sedge_strv *l, const char *s, const char *separators)
{
    for (;;) {
        size_t n = strcspn(s, separators);
        sedge_strv_add_take(l, sedge_xstrndup(s, n));
        if (!s[n]) return;
        s += n + 1;
    }
}

char *sedge_strv_join(const struct sedge_strv *l, const char *separator)
{
    struct sedge_buf b = SEDGE_BUF_INIT;

    for (size_t i = 0; i < l->n; i++) {
        if (i) sedge_buf_puts(&b, separator);
        sedge_buf_puts(&b, l->v[i]);
    }
    return sedge_buf_steal(&b);
}

int sedge_str_to_i64(const char *s, int64_t min, int64_t max, int64_t *out, struct sedge_err *err)
{
    char *end;
    long long v;

    errno = 0;
    v = strtoll(s, &end, 10);
    if (end == s || *end || errno == EINVAL)
        return sedge_err_set(err, SEDGE_E_INVALID, "expected an integer, got \"%s\"", s);
    if (errno == ERANGE || v < min || v > max)
        return sedge_err_set(err, SEDGE_E_LIMIT, "%s is outside %lld..%lld", s, (long long)min, (long long)max);
    *out = v;
    return 0;
}

int sedge_str_to_double(const char *s, double *out, struct sedge_err *err)
{
    char *end;
    double v;

    errno = 0;
    v = strtod(s, &end);
    if (end == s || *end || errno) return sedge_err_set(err, SEDGE_E_INVALID, "expected a number, got \"%s\"", s);
    *out = v;
    return 0;
}

static const char b64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char b64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode64(struct sedge_buf *out, const uint8_t *p, size_t n, const char *alphabet, bool pad)
{
    sedge_buf_reserve(out, (n + 2) / 3 * 4);
    sedge_buf_puts(out, ""); /* a terminated text of no bytes, too */
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16;
        size_t left = n - i;

        if (left > 1) v |= (uint32_t)p[i + 1] << 8;
        if (left > 2) v |= p[i + 2];
        sedge_buf_putc(out, alphabet[v >> 18]);
        sedge_buf_putc(out, alphabet[(v >> 12) & 63]);
        if (left > 1)
            sedge_buf_putc(out, alphabet[(v >> 6) & 63]);
        else if (pad)
            sedge_buf_putc(out, '=');
        if (left > 2)
            sedge_buf_putc(out, alphabet[v & 63]);
        else if (pad)
            sedge_buf_putc(out, '=');
    }
}

void sedge_base64_encode(struct sedge_buf *out, const void *data, size_t n)
{
    encode64(out, data, n, b64, true);
}

void sedge_base64url_encode(struct sedge_buf *out, const void *data, size_t n)
{
    encode64(out, data, n, b64url, false);
}

static int b64_value(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+') return 62;
    return c == '/' ? 63 : -1;
}

int sedge_base64_decode(struct sedge_buf *out, const char *text, size_t n, struct sedge_err *err)
{
    uint32_t v = 0;
    size_t chars = n;

    if (n % 4 == 0) {
        while (chars > 0 && n - chars < 2 && text[chars - 1] == '=')
            chars--;
    }
    if (chars % 4 == 1) return sedge_err_set(err, SEDGE_E_INVALID, "base64 text has an impossible length (%zu)", n);
    sedge_buf_reserve(out, chars / 4 * 3 + 3);
    for (size_t i = 0; i < chars; i++) {
        int d = b64_value(text[i]);
        if (d < 0)
            return sedge_err_set(err, SEDGE_E_INVALID, "not base64: character 0x%02x at offset %zu",
                                 (unsigned char)text[i], i);
        v = v << 6 | (uint32_t)d;
        if (i % 4 == 3) {
            sedge_buf_putc(out, (char)(v >> 16 & 255));
            sedge_buf_putc(out, (char)(v >> 8 & 255));
            sedge_buf_putc(out, (char)(v & 255));
            v = 0;
        }
    }
    if (chars % 4 == 2) sedge_buf_putc(out, (char)(v >> 4 & 255));
    if (chars % 4 == 3) {
        sedge_buf_putc(out, (char)(v >> 10 & 255));
        sedge_buf_putc(out, (char)(v >> 2 & 255));
    }
    return 0;
}

void sedge_hex_encode(struct sedge_buf *out, const void *data, size_t n)
{
    const uint8_t *p = data;

    for (size_t i = 0; i < n; i++)
        sedge_buf_printf(out, "%02x", p[i]);
}

void sedge_random_bytes(void *out, size_t n)
{
    uint8_t *p = out;

    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        sedge_assert(got > 0 || errno == EINTR);
        if (got < 0) continue;
        p += got;
        n -= (size_t)got;
    }
}

void sedge_uuid4(char out[SEDGE_UUID_LEN + 1])
{
    uint8_t r[16];
    struct sedge_buf b = SEDGE_BUF_INIT;

    sedge_random_bytes(r, sizeof r);
    r[6] = (uint8_t)((r[6] & 0x0Fu) | 0x40u);
    r[8] = (uint8_t)((r[8] & 0x3Fu) | 0x80u);
    for (size_t i = 0; i < sizeof r; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) sedge_buf_putc(&b, '-');
        sedge_hex_encode(&b, &r[i], 1);
    }
    memcpy(out, b.data, SEDGE_UUID_LEN + 1);
    sedge_buf_release(&b);
}

bool sedge_is_uuid(const char *s)
{
    if (!s || strlen(s) != SEDGE_UUID_LEN) return false;
    for (size_t i = 0; i < SEDGE_UUID_LEN; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s[i] != '-' : !strchr("0123456789abcdefABCDEF", s[i])) return false;
    }
    return true;
}

bool sedge_secret_eq(const char *a, const char *b)
{
    size_t n = strlen(a);
    size_t m = strlen(b);
    unsigned diff = n == m ? 0 : 1;

    for (size_t i = 0; i < n; i++)
        diff |= (unsigned)((unsigned char)a[i] ^ (unsigned char)(m ? b[i % m] : 0));
    return diff == 0;
}

/* Length of the valid UTF-8 sequence at p, 0 if there is none. */
static size_t utf8_len(const unsigned char *p, size_t n)
{
    if (p[0] < 0x80) return 1;
    if (p[0] >= 0xC2 && p[0] <= 0xDF && n > 1 && (p[1] & 0xC0) == 0x80) return 2;
    if (p[0] >= 0xE0 && p[0] <= 0xEF && n > 2 && (p[1] & 0xC0) == 0x80 && (p[2] & 0xC0) == 0x80) {
        if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F)) return 0;
        return 3;
    }
    if (p[0] >= 0xF0 && p[0] <= 0xF4 && n > 3 && (p[1] & 0xC0) == 0x80 && (p[2] & 0xC0) == 0x80 &&
        (p[3] & 0xC0) == 0x80) {
        if ((p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F)) return 0;
        return 4;
    }
    return 0;
}

/* What would end a line or steer a terminal: C0, DEL, and beyond ASCII C1 and the two separators of Unicode. */
static bool is_control(const unsigned char *p, size_t len)
{
    if (len == 1) return (p[0] < 0x20 && p[0] != '\t') || p[0] == 0x7F;
    if (len == 2) return p[0] == 0xC2 && p[1] < 0xA0;
    return len == 3 && p[0] == 0xE2 && p[1] == 0x80 && (p[2] == 0xA8 || p[2] == 0xA9);
}

static void escape_one(struct sedge_buf *out, const unsigned char *p, size_t len)
{
    if (len <= 1)
        sedge_buf_printf(out, "\\x%02x", p[0]);
    else if (len == 2)
        sedge_buf_printf(out, "\\u%04x", (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu));
    else
        sedge_buf_printf(out, "\\u%04x", (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu));
}

void sedge_str_escape(struct sedge_buf *out, const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s;
    size_t done = 0; /* what comes before has been added */

    for (size_t i = 0; i < n;) {
        size_t len = utf8_len(p + i, n - i);
        if (len == 0 || is_control(p + i, len)) {
            sedge_buf_add(out, s + done, i - done);
            escape_one(out, p + i, len);
            i += len ? len : 1;
            done = i;
        } else {
            i += len;
        }
    }
    sedge_buf_add(out, s + done, n - done);
}

void sedge_url_encode(struct sedge_buf *out, const char *s, bool keep_slash)
{
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    static const char digits[] = "0123456789ABCDEF";

    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;

        if (strchr(unreserved, c) || (keep_slash && c == '/')) {
            sedge_buf_putc(out, *s);
        } else {
            sedge_buf_putc(out, '%');
            sedge_buf_putc(out, digits[c >> 4]);
            sedge_buf_putc(out, digits[c & 15]);
        }
    }
}

size_t sedge_utf8_prefix(const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s;
    size_t i = 0, len;

    while (i < n && (len = utf8_len(p + i, n - i)) > 0)
        i += len;
    return i;
}

bool sedge_utf8_valid(const char *s, size_t n)
{
    return sedge_utf8_prefix(s, n) == n && !memchr(s, 0, n);
}

#define NEAREST_MAX 63

static size_t edit_distance(const char *a, const char *b)
{
    size_t n = strlen(a);
    size_t m = strlen(b);
    size_t row[NEAREST_MAX + 1];

    if (n > NEAREST_MAX || m > NEAREST_MAX) return NEAREST_MAX;
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diag = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = diag + (strncasecmp(&a[i - 1], &b[j - 1], 1) != 0);
            diag = row[j];
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[m];
}

const char *sedge_str_nearest(const char *word, const char *const *known, size_t n)
{
    const char *best = NULL;
    size_t best_distance = 3;

    for (size_t i = 0; i < n; i++) {
        size_t d = edit_distance(word, known[i]);
        if (d < best_distance && d * 2 < strlen(known[i])) {
            best = known[i];
            best_distance = d;
        }
    }
    return best;
}
