/*
 * mem - small allocations that cannot fail, and clean-up at the end of a scope.
 *
 * The x functions abort when memory is gone: use them for small things of our own. Any size that comes from outside is
 * compared with a named limit first. Any thread.
 *
 *   sedge_auto_free char *path = sedge_xasprintf("%s/config", root);
 *   sedge_auto_put struct json_object *doc = NULL;
 *   ...
 *   return sedge_steal(&path);       // hands ownership out, leaves NULL behind
 */
#ifndef SEDGE_BASE_MEM_H
#define SEDGE_BASE_MEM_H

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

struct json_object;

void *sedge_xcalloc(size_t n, size_t size);
void *sedge_xrealloc(void *p, size_t n, size_t size); /* n * size is checked for overflow */
char *sedge_xstrdup(const char *s);                   /* NULL gives NULL */
char *sedge_xstrndup(const char *s, size_t n);
char *sedge_xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Overwrites what must not stay in memory; never optimised away. */
void sedge_wipe(void *p, size_t n);
void sedge_wipe_text(const char *text, size_t n); /* of an object that hands it out as constant, such as of json-c */

#define SEDGE_NEW(type) ((type *)sedge_xcalloc(1, sizeof(type)))

/* Logs the text to stderr and aborts: for our own mistakes only, never for input. Stays on in release builds. */
_Noreturn void sedge_bug(const char *file, int line, const char *what);
#define sedge_assert(cond) ((cond) ? (void)0 : sedge_bug(__FILE__, __LINE__, #cond))

void sedge_auto_freep(void *p);
void sedge_auto_putp(struct json_object **p);
static inline void sedge_auto_closep(const int *fd)
{
    if (*fd >= 0) (void)close(*fd); /* read-only or already synced files: nothing to learn from the result */
}

#define sedge_auto_free  __attribute__((cleanup(sedge_auto_freep)))
#define sedge_auto_put   __attribute__((cleanup(sedge_auto_putp)))
#define sedge_auto_close __attribute__((cleanup(sedge_auto_closep)))
#define sedge_steal(p)                                                                                                 \
    (__extension__({                                                                                                   \
        __typeof__(*(p)) v_ = *(p);                                                                                    \
        *(p) = NULL;                                                                                                   \
        v_;                                                                                                            \
    }))
#define SEDGE_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
