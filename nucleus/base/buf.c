#include "buf.h"
#include "mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void sedge_buf_release(struct sedge_buf *b)
{
    free(b->data);
    *b = SEDGE_BUF_INIT;
}

void sedge_buf_wipe(struct sedge_buf *b)
{
    sedge_wipe(b->data, b->cap);
    sedge_buf_release(b);
}

void sedge_buf_clear(struct sedge_buf *b)
{
    b->len = 0;
    if (b->data) b->data[0] = 0;
}

void sedge_buf_reserve(struct sedge_buf *b, size_t extra)
{
    size_t need = b->len + extra + 1;
    size_t cap = b->cap ? b->cap : 64;

    sedge_assert(need > extra);
    if (need <= b->cap) return;
    while (cap < need)
        cap *= 2;
    b->data = sedge_xrealloc(b->data, cap, 1);
    b->cap = cap;
}

void sedge_buf_add(struct sedge_buf *b, const void *p, size_t n)
{
    sedge_buf_reserve(b, n);
    if (n) memcpy(b->data + b->len, p, n);
    b->len += n;
    b->data[b->len] = 0;
}

void sedge_buf_puts(struct sedge_buf *b, const char *s)
{
    sedge_buf_add(b, s, strlen(s));
}

void sedge_buf_putc(struct sedge_buf *b, char c)
{
    sedge_buf_add(b, &c, 1);
}

void sedge_buf_printf(struct sedge_buf *b, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    sedge_assert(n >= 0);
    sedge_buf_reserve(b, (size_t)n);
    va_start(ap, fmt);
    (void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
}

void sedge_buf_drop_front(struct sedge_buf *b, size_t n)
{
    if (n >= b->len) {
        sedge_buf_clear(b);
        return;
    }
    memmove(b->data, b->data + n, b->len - n + 1);
    b->len -= n;
}

char *sedge_buf_steal(struct sedge_buf *b)
{
    char *p;

    sedge_buf_reserve(b, 0);
    b->data[b->len] = 0;
    p = b->data;
    *b = SEDGE_BUF_INIT;
    return p;
}
