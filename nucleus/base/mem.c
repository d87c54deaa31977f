#include "mem.h"

#include <json-c/json.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static _Noreturn void out_of_memory(void)
{
    (void)fputs("sedge: out of memory\n", stderr);
    abort();
}

void *sedge_xcalloc(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size ? size : 1);

    if (!p) out_of_memory();
    return p;
}

void *sedge_xrealloc(void *p, size_t n, size_t size)
{
    void *q;

    if (size && n > SIZE_MAX / size) out_of_memory();
    q = realloc(p, n * size > 0 ? n * size : 1);
    if (!q) out_of_memory();
    return q;
}

char *sedge_xstrdup(const char *s)
{
    return s ? sedge_xstrndup(s, strlen(s)) : NULL;
}

char *sedge_xstrndup(const char *s, size_t n)
{
    char *p = strndup(s, n);

    if (!p) out_of_memory();
    return p;
}

char *sedge_xasprintf(const char *fmt, ...)
{
    char *p = NULL;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vasprintf(&p, fmt, ap);
    va_end(ap);
    if (n < 0) out_of_memory();
    return p;
}

void sedge_wipe(void *p, size_t n)
{
    if (n > 0) explicit_bzero(p, n);
}

void sedge_wipe_text(const char *text, size_t n)
{
    void *p;

    memcpy(&p, &text, sizeof(p));
    sedge_wipe(p, n);
}

_Noreturn void sedge_bug(const char *file, int line, const char *what)
{
    (void)fprintf(stderr, "sedge: bug at %s:%d: %s\n", file, line, what);
    abort();
}

void sedge_auto_freep(void *p)
{
    void *q;

    memcpy(&q, p, sizeof q);
    free(q);
}

void sedge_auto_putp(struct json_object **p)
{
    if (*p) (void)json_object_put(*p);
}
