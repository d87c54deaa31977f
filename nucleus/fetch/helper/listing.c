#include "listing.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

enum token { TOKEN_END, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_BAD };

struct name {
    const char *s;
    size_t n;
};

struct scan {
    const char *p, *end;
    struct name stack[SEDGE_LISTING_DEPTH_MAX];
    size_t depth;
    bool self_closing; /* the element just opened ends at once */
    struct name closed;
    struct sedge_buf text; /* of the innermost element since its start */
};

static bool is(struct name a, const char *b)
{
    return a.n == strlen(b) && memcmp(a.s, b, a.n) == 0;
}

/* The element around the one just closed. */
static struct name parent(const struct scan *s)
{
    return s->depth > 0 ? s->stack[s->depth - 1] : (struct name){"", 0};
}

static void add_utf8(struct sedge_buf *b, uint32_t c)
{
    if (c < 0x80u) {
        sedge_buf_putc(b, (char)c);
        return;
    }
    if (c < 0x800u) {
        sedge_buf_putc(b, (char)(0xC0u | (c >> 6)));
    } else if (c < 0x10000u) {
        sedge_buf_putc(b, (char)(0xE0u | (c >> 12)));
        sedge_buf_putc(b, (char)(0x80u | ((c >> 6) & 63u)));
    } else {
        sedge_buf_putc(b, (char)(0xF0u | (c >> 18)));
        sedge_buf_putc(b, (char)(0x80u | ((c >> 12) & 63u)));
        sedge_buf_putc(b, (char)(0x80u | ((c >> 6) & 63u)));
    }
    sedge_buf_putc(b, (char)(0x80u | (c & 63u)));
}

/* &#60; and &#x3c;: true if `s` is a reference to a character that may be there. */
static bool char_reference(struct sedge_buf *b, const char *s, size_t n)
{
    uint32_t c = 0, base = 10;
    size_t i = 1;

    if (n > 1 && (s[1] == 'x' || s[1] == 'X')) {
        base = 16;
        i = 2;
    }
    if (i >= n || n > 10) return false;
    for (; i < n; i++) {
        const char *digits = "0123456789abcdef", *d = strchr(digits, s[i] >= 'A' && s[i] <= 'F' ? s[i] + 32 : s[i]);
        uint32_t v = d && *d ? (uint32_t)(d - digits) : 99;

        if (v >= base || c > 0x10FFFFu) return false;
        c = c * base + v;
    }
    if (c == 0 || c > 0x10FFFFu || (c >= 0xD800u && c < 0xE000u)) return false;
    add_utf8(b, c);
    return true;
}

static size_t entity(struct sedge_buf *b, const char *p, size_t left)
{
    static const struct {
        const char *name;
        char c;
    } known[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    const char *semi = memchr(p, ';', left < 16 ? left : 16);
    struct name n = {p + 1, semi ? (size_t)(semi - p - 1) : 0};

    for (size_t i = 0; semi && i < SEDGE_ARRAY_LEN(known); i++) {
        if (!is(n, known[i].name)) continue;
        sedge_buf_putc(b, known[i].c);
        return n.n + 2;
    }
    if (n.n > 1 && n.s[0] == '#' && char_reference(b, n.s, n.n)) return n.n + 2;
    sedge_buf_putc(b, '&');
    return 1;
}

static void take_text(struct scan *s)
{
    while (s->p < s->end && *s->p != '<') {
        if (*s->p == '&')
            s->p += entity(&s->text, s->p, (size_t)(s->end - s->p));
        else
            sedge_buf_putc(&s->text, *s->p++);
    }
}

static bool at(const struct scan *s, const char *mark)
{
    size_t n = strlen(mark);

    return (size_t)(s->end - s->p) >= n && memcmp(s->p, mark, n) == 0;
}

static const char *find(const struct scan *s, const char *mark)
{
    return memmem(s->p, (size_t)(s->end - s->p), mark, strlen(mark));
}

/* <!-- -->, <? ?>, <![CDATA[ ]]>, <!DOCTYPE >: 1 passed over, 0 none of them, -1 not closed. */
static int skip_special(struct scan *s)
{
    const char *close;

    if (at(s, "<![CDATA[")) {
        s->p += strlen("<![CDATA[");
        close = find(s, "]]>");
        if (!close) return -1;
        sedge_buf_add(&s->text, s->p, (size_t)(close - s->p));
        s->p = close + 3;
        return 1;
    }
    if (!at(s, "<!") && !at(s, "<?")) return 0;
    close = find(s, at(s, "<!--") ? "-->" : ">");
    if (!close) return -1;
    s->p = close + (at(s, "<!--") ? 3 : 1);
    return 1;
}

/* The name without its namespace prefix. */
static struct name local_name(const char *s, size_t n)
{
    const char *colon = memchr(s, ':', n);

    return colon ? (struct name){colon + 1, n - (size_t)(colon + 1 - s)} : (struct name){s, n};
}

static enum token take_tag(struct scan *s)
{
    const char *start = s->p + 1, *close = memchr(start, '>', (size_t)(s->end - start));
    bool closing = start < s->end && *start == '/';
    struct name name;
    size_t n = 0;

    if (!close) return TOKEN_BAD;
    start += closing;
    while (start + n < close && !strchr(" \t\r\n/", start[n]))
        n++;
    name = local_name(start, n);
    s->p = close + 1;
    if (closing) {
        if (s->depth == 0 || s->stack[s->depth - 1].n != name.n ||
            memcmp(s->stack[s->depth - 1].s, name.s, name.n) != 0)
            return TOKEN_BAD;
        s->depth--;
        s->closed = name;
        return TOKEN_CLOSE;
    }
    if (name.n == 0 || s->depth == SEDGE_LISTING_DEPTH_MAX) return TOKEN_BAD;
    s->stack[s->depth++] = name;
    s->self_closing = close[-1] == '/';
    sedge_buf_clear(&s->text);
    return TOKEN_OPEN;
}

static enum token next(struct scan *s)
{
    if (s->self_closing) {
        s->self_closing = false;
        s->closed = s->stack[--s->depth];
        return TOKEN_CLOSE;
    }
    for (;;) {
        int special;

        take_text(s);
        if (s->p == s->end) return s->depth ? TOKEN_BAD : TOKEN_END;
        special = skip_special(s);
        if (special < 0) return TOKEN_BAD;
        if (special == 0) return take_tag(s);
    }
}

static const char *text_of(const struct scan *s)
{
    return s->text.data ? s->text.data : "";
}

/* At the end of an element. -1: a text with a NUL, which no key has. */
static int note(struct sedge_listing *l, const struct scan *s)
{
    const char *text = text_of(s);

    if (strlen(text) != s->text.len) return -1;
    if (is(s->closed, "Key") && is(parent(s), "Contents"))
        sedge_strv_add(&l->keys, text);
    else if (is(s->closed, "Prefix") && is(parent(s), "CommonPrefixes"))
        sedge_strv_add(&l->prefixes, text);
    else if (is(s->closed, "IsTruncated") && s->depth == 1)
        l->truncated = strcmp(text, "true") == 0;
    else if (is(s->closed, "NextContinuationToken") && s->depth == 1) {
        free(l->token);
        l->token = sedge_xstrdup(text);
    }
    return 0;
}

int sedge_listing_parse(struct sedge_listing *l, const char *xml, size_t n, struct sedge_err *err)
{
    struct scan s = {.p = xml, .end = xml + n};
    bool listing = false, ok = true;
    enum token t;

    l->truncated = false;
    free(l->token);
    l->token = NULL;
    while (ok && (t = next(&s)) != TOKEN_END) {
        ok = t != TOKEN_BAD;
        if (t == TOKEN_OPEN && s.depth == 1) listing = is(s.stack[0], "ListBucketResult");
        if (t == TOKEN_CLOSE && listing) ok = note(l, &s) == 0;
        if (t == TOKEN_CLOSE) sedge_buf_clear(&s.text);
    }
    sedge_buf_release(&s.text);
    if (ok && listing && (!l->truncated || l->token)) return 0;
    return sedge_err_set(err, SEDGE_E_INVALID, "the answer is not an S3 listing; check objectStore.endpoint");
}

void sedge_listing_release(struct sedge_listing *l)
{
    sedge_strv_release(&l->keys);
    sedge_strv_release(&l->prefixes);
    free(l->token);
    *l = (struct sedge_listing){.token = NULL};
}

void sedge_s3_error_code(const char *xml, size_t n, char *code, size_t size)
{
    struct scan s = {.p = xml, .end = xml + n};
    enum token t;

    code[0] = 0;
    while ((t = next(&s)) == TOKEN_OPEN || t == TOKEN_CLOSE) {
        const char *text = text_of(&s);
        size_t len = strlen(text);

        if (t != TOKEN_CLOSE || !is(s.closed, "Code") || !is(parent(&s), "Error")) continue;
        /* Only what looks like a code: it goes into messages. */
        if (len < size && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.") == len)
            memcpy(code, text, len + 1);
        break;
    }
    sedge_buf_release(&s.text);
}
