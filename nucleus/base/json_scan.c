#include "json_scan.h"
#include "json.h"
#include "mem.h"
#include "str.h"

#include <stdio.h>
#include <string.h>

struct scan {
    const char *text;
    size_t len;
    size_t at;
    const char *what;
    struct sedge_err *err;
    size_t found;     /* locate: offset of the value looked for, */
    size_t found_key; /* and of its key if it has one */
};

static void line_of(const char *text, size_t offset, unsigned *line, unsigned *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < offset; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '\n') {
            (*line)++;
            *column = 1;
        } else if ((c & 0xc0) != 0x80) { /* continuation bytes are no columns */
            (*column)++;
        }
    }
}

/* "<what>:<line>:<column>: expected <expected>, got <what stands there>" */
static int expected(struct scan *s, const char *wanted)
{
    sedge_auto_buf struct sedge_buf got = SEDGE_BUF_INIT;
    unsigned line;
    unsigned column;

    line_of(s->text, s->at, &line, &column);
    if (s->at >= s->len) {
        sedge_buf_puts(&got, "the end of the text");
    } else {
        sedge_buf_putc(&got, '"');
        sedge_str_escape(&got, s->text + s->at, 1);
        sedge_buf_putc(&got, '"');
    }
    return sedge_err_set(s->err, SEDGE_E_INVALID, "%s:%u:%u: not valid JSON: expected %s, got %s", s->what, line,
                         column, wanted, got.data);
}

static char peek(const struct scan *s)
{
    return s->at < s->len ? s->text[s->at] : '\0';
}

static bool is_one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

static void blanks(struct scan *s)
{
    while (s->at < s->len && is_one_of(s->text[s->at], " \t\r\n"))
        s->at++;
}

static int string(struct scan *s)
{
    s->at++; /* the opening quote */
    for (; s->at < s->len; s->at++) {
        unsigned char c = (unsigned char)s->text[s->at];

        if (c == '"') {
            s->at++;
            return 0;
        }
        if (c < 0x20) return expected(s, "a closing quote (line breaks in a text are written \\n)");
        if (c == '\\') {
            s->at++;
            if (s->at >= s->len || !is_one_of(s->text[s->at], "\"\\/bfnrtu"))
                return expected(s, "one of \" \\ / b f n r t u after a backslash");
        }
    }
    return expected(s, "a closing quote");
}

static size_t digits(struct scan *s)
{
    size_t start = s->at;

    while (peek(s) >= '0' && peek(s) <= '9')
        s->at++;
    return s->at - start;
}

static int number(struct scan *s)
{
    if (peek(s) == '-') s->at++;
    if (peek(s) == '0')
        s->at++;
    else if (!digits(s))
        return expected(s, "a digit");
    if (peek(s) == '.') {
        s->at++;
        if (!digits(s)) return expected(s, "a digit after the point");
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        s->at++;
        if (peek(s) == '+' || peek(s) == '-') s->at++;
        if (!digits(s)) return expected(s, "a digit of the exponent");
    }
    return 0;
}

static int word(struct scan *s)
{
    static const char *const words[] = {"true", "false", "null"};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(words); i++) {
        size_t n = strlen(words[i]);
        if (s->len - s->at >= n && memcmp(s->text + s->at, words[i], n) == 0) {
            s->at += n;
            return 0;
        }
    }
    return expected(s, "a value (text in double quotes, number, true, false, null, { or [)");
}

static int value(struct scan *s, unsigned depth, const char *pointer);

/* The text of a key between its quotes, unescaped. Heap; NULL when it cannot be one. */
static char *key_text(struct scan *s, size_t start)
{
    sedge_auto_put struct json_object *v = sedge_json_parse(s->text + start, s->at - start, "key", NULL);

    return sedge_json_is_str(v) ? sedge_xstrdup(json_object_get_string(v)) : NULL;
}

/* Notes a key in `seen`; an error when it was there. */
static int note_key(struct scan *s, size_t start, const char *key, struct json_object *seen)
{
    unsigned line;
    unsigned column;

    if (!sedge_json_has(seen, key)) {
        (void)json_object_object_add(seen, key, NULL);
        return 0;
    }
    line_of(s->text, start, &line, &column);
    return sedge_err_set(s->err, SEDGE_E_INVALID, "%s:%u:%u: key \"%s\" is there twice", s->what, line, column, key);
}

/* If the first token of `pointer` is `token`, what follows it; otherwise NULL. */
static const char *below(const char *pointer, const char *token)
{
    const char *p = pointer;

    if (!p || *p != '/') return NULL;
    for (p++; *p && *p != '/'; p++, token++) {
        char c = *p;
        if (c == '~' && (p[1] == '0' || p[1] == '1')) c = *++p == '0' ? '~' : '/';
        if (c != *token) return NULL;
    }
    return *token ? NULL : p;
}

static int member(struct scan *s, unsigned depth, const char *pointer, struct json_object *seen)
{
    sedge_auto_free char *key = NULL;
    size_t start = s->at;

    if (peek(s) != '"') return expected(s, "a key in double quotes");
    if (string(s) != 0) return -1;
    key = key_text(s, start);
    if (!key) {
        s->at = start;
        return expected(s, "a key of valid UTF-8 without NUL characters");
    }
    if (note_key(s, start, key, seen) != 0) return -1;
    blanks(s);
    if (peek(s) != ':') return expected(s, "\":\" after a key");
    s->at++;
    blanks(s);
    pointer = below(pointer, key);
    if (pointer && !*pointer) s->found_key = start;
    return value(s, depth, pointer);
}

static int object(struct scan *s, unsigned depth, const char *pointer)
{
    sedge_auto_put struct json_object *seen = json_object_new_object();

    s->at++;
    blanks(s);
    if (peek(s) == '}') {
        s->at++;
        return 0;
    }
    for (;;) {
        if (member(s, depth, pointer, seen) != 0) return -1;
        blanks(s);
        if (peek(s) == '}') {
            s->at++;
            return 0;
        }
        if (peek(s) != ',') return expected(s, "\",\" or \"}\" after a value of an object");
        s->at++;
        blanks(s);
    }
}

static int array(struct scan *s, unsigned depth, const char *pointer)
{
    s->at++;
    blanks(s);
    if (peek(s) == ']') {
        s->at++;
        return 0;
    }
    for (size_t i = 0;; i++) {
        char index[24];

        (void)snprintf(index, sizeof index, "%zu", i);
        if (value(s, depth, below(pointer, index)) != 0) return -1;
        blanks(s);
        if (peek(s) == ']') {
            s->at++;
            return 0;
        }
        if (peek(s) != ',') return expected(s, "\",\" or \"]\" after an element of a list");
        s->at++;
        blanks(s);
    }
}

/* `pointer`: what is left of the pointer looked for when its front led here, otherwise NULL. */
static int value(struct scan *s, unsigned depth, const char *pointer)
{
    if (depth >= SEDGE_JSON_DEPTH_MAX)
        return sedge_err_set(s->err, SEDGE_E_LIMIT, "%s: nested deeper than %d", s->what, SEDGE_JSON_DEPTH_MAX);
    if (pointer && !*pointer) s->found = s->at;
    switch (peek(s)) {
    case '{':
        return object(s, depth + 1, pointer);
    case '[':
        return array(s, depth + 1, pointer);
    case '"':
        return string(s);
    case '-':
        return number(s);
    default:
        return peek(s) >= '0' && peek(s) <= '9' ? number(s) : word(s);
    }
}

static int whole(struct scan *s, const char *pointer)
{
    blanks(s);
    if (value(s, 0, pointer) != 0) return -1;
    blanks(s);
    return s->at == s->len ? 0 : expected(s, "the end of the text");
}

int sedge_json_scan(const char *text, size_t len, const char *what, struct sedge_err *err)
{
    struct scan s = {.text = text, .len = len, .what = what, .err = err};

    return whole(&s, NULL);
}

static int locate(const char *text, size_t len, const char *pointer, bool key, unsigned *line, unsigned *column)
{
    struct scan s = {.text = text, .len = len, .what = "", .found = SIZE_MAX, .found_key = SIZE_MAX};

    if (whole(&s, pointer) != 0 || s.found == SIZE_MAX) return -1;
    line_of(text, key && s.found_key != SIZE_MAX ? s.found_key : s.found, line, column);
    return 0;
}

int sedge_json_locate(const char *text, size_t len, const char *pointer, unsigned *line, unsigned *column)
{
    return locate(text, len, pointer, false, line, column);
}

int sedge_json_locate_key(const char *text, size_t len, const char *pointer, unsigned *line, unsigned *column)
{
    return locate(text, len, pointer, true, line, column);
}
