#include "http_target.h"

#include <string.h>

#include "base/mem.h"

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static int decode(const char *s, size_t n, bool plus, struct sedge_buf *out, struct sedge_err *err)
{
    for (size_t i = 0; i < n; i++) {
        int hi, lo;

        if (s[i] != '%') {
            sedge_buf_putc(out, plus && s[i] == '+' ? ' ' : s[i]);
            continue;
        }
        hi = n - i > 2 ? hex(s[i + 1]) : -1;
        lo = n - i > 2 ? hex(s[i + 2]) : -1;
        if (hi < 0 || lo < 0)
            return sedge_err_set(err, SEDGE_E_INVALID, "the request's path has a %% without two hexadecimal digits");
        sedge_buf_putc(out, (char)(hi * 16 + lo));
        i += 2;
    }
    return 0;
}

/* Decodes n bytes into one more text of the list. */
static int add(struct sedge_strv *list, const char *s, size_t n, bool plus, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    sedge_buf_puts(&b, "");
    if (decode(s, n, plus, &b, err) != 0) return -1;
    for (size_t i = 0; i < b.len; i++) {
        if ((unsigned char)b.data[i] < 0x20 || b.data[i] == 0x7f)
            return sedge_err_set(err, SEDGE_E_INVALID, "the request's path holds a control character");
    }
    if (!sedge_utf8_valid(b.data, b.len))
        return sedge_err_set(err, SEDGE_E_INVALID, "the request's path is not valid UTF-8");
    sedge_strv_add(list, b.data);
    return 0;
}

static int add_segment(struct sedge_http_target *t, const char *s, size_t n, struct sedge_err *err)
{
    const char *last;

    if (t->segments.n == SEDGE_HTTP_SEGMENTS_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "the request's path has more than %d parts", SEDGE_HTTP_SEGMENTS_MAX);
    if (add(&t->segments, s, n, false, err) != 0) return -1;
    last = t->segments.v[t->segments.n - 1];
    if (strcmp(last, ".") != 0 && strcmp(last, "..") != 0) return 0;
    return sedge_err_set(err, SEDGE_E_INVALID, "the request's path holds the part \"%s\"", last);
}

static int parse_path(const char *s, size_t n, struct sedge_http_target *t, struct sedge_err *err)
{
    size_t start = 1;

    if (n == 0 || s[0] != '/') return sedge_err_set(err, SEDGE_E_INVALID, "the request's path does not begin with /");
    for (size_t i = 1; i <= n; i++) {
        if (i < n && s[i] != '/') continue;
        if ((i < n || i > start) && add_segment(t, s + start, i - start, err) != 0) return -1;
        start = i + 1;
    }
    return 0;
}

static int parse_query(const char *s, struct sedge_http_target *t, struct sedge_err *err)
{
    while (*s) {
        size_t n = strcspn(s, "&"), name = strcspn(s, "=&");

        if (n > 0 && t->names.n == SEDGE_HTTP_QUERY_MAX)
            return sedge_err_set(err, SEDGE_E_LIMIT, "the request's query has more than %d members",
                                 SEDGE_HTTP_QUERY_MAX);
        if (n > 0 && (add(&t->names, s, name, true, err) != 0 ||
                      add(&t->values, s + name + (name < n), n - name - (name < n), true, err) != 0))
            return -1;
        s += n + (s[n] == '&');
    }
    return 0;
}

int sedge_http_target_parse(const char *text, struct sedge_http_target *out, struct sedge_err *err)
{
    size_t path = strcspn(text, "?");

    *out = (struct sedge_http_target){0};
    if (strlen(text) > SEDGE_HTTP_TARGET_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "the request's path has more than %d bytes", SEDGE_HTTP_TARGET_MAX);
    if (parse_path(text, path, out, err) != 0) return -1;
    return text[path] ? parse_query(text + path + 1, out, err) : 0;
}

void sedge_http_target_release(struct sedge_http_target *t)
{
    sedge_strv_release(&t->segments);
    sedge_strv_release(&t->names);
    sedge_strv_release(&t->values);
}

const char *sedge_http_query(const struct sedge_http_target *t, const char *name, const char *def)
{
    for (size_t i = 0; i < t->names.n; i++) {
        if (strcmp(t->names.v[i], name) == 0) return t->values.v[i];
    }
    return def;
}

bool sedge_http_match(const struct sedge_http_target *t, const char *pattern, size_t *args)
{
    size_t i = 0, n = 0;

    for (const char *p = pattern; *p; i++) {
        size_t len = strcspn(p, "/");

        if (i >= t->segments.n) return false;
        if (strncmp(p, "{", 1) == 0) {
            args[n++] = i;
            if (strcmp(p, "{*}") == 0) return true;
        } else if (strlen(t->segments.v[i]) != len || strncmp(t->segments.v[i], p, len) != 0)
            return false;
        p += len + (p[len] == '/');
    }
    return i == t->segments.n;
}
