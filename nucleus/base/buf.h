/*
 * buf - a growing byte buffer that always ends in a NUL beyond its length.
 *
 *   struct sedge_buf b = SEDGE_BUF_INIT;
 *   sedge_buf_printf(&b, "%s=%d", k, v);
 *   ... b.data, b.len ...
 *   sedge_buf_release(&b);            // or: char *text = sedge_buf_steal(&b);
 *
 * `data` is never NULL after the first append. Growth aborts when memory is gone: bound what comes from outside first.
 */
#ifndef SEDGE_BASE_BUF_H
#define SEDGE_BASE_BUF_H

#include <stddef.h>

struct sedge_buf {
    char *data;
    size_t len;
    size_t cap;
};

#define SEDGE_BUF_INIT ((struct sedge_buf){NULL, 0, 0})
#define sedge_auto_buf __attribute__((cleanup(sedge_buf_release)))

void sedge_buf_release(struct sedge_buf *b); /* frees; the buffer is empty and usable afterwards */
void sedge_buf_clear(struct sedge_buf *b);   /* length 0, memory kept */
void sedge_buf_wipe(struct sedge_buf *b);    /* overwrites and frees; reserve first, growing leaves copies behind */
void sedge_buf_reserve(struct sedge_buf *b, size_t extra);
void sedge_buf_add(struct sedge_buf *b, const void *p, size_t n);
void sedge_buf_puts(struct sedge_buf *b, const char *s);
void sedge_buf_putc(struct sedge_buf *b, char c);
void sedge_buf_printf(struct sedge_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sedge_buf_drop_front(struct sedge_buf *b, size_t n); /* removes the first n bytes */
char *sedge_buf_steal(struct sedge_buf *b);               /* heap text, "" for an empty buffer */

#endif
