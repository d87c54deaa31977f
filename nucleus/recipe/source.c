#include "source.h"

#include "base/buf.h"
#include "base/json_scan.h"
#include "base/yaml.h"

#include <stdarg.h>
#include <stdio.h>

struct json_object *sedge_source_read(const struct source *src)
{
    if (src->yaml) return sedge_yaml_parse_object(src->text, src->len, src->file, src->err);
    if (sedge_json_scan(src->text, src->len, src->file, src->err) != 0) return NULL;
    return sedge_json_parse_object(src->text, src->len, src->file, src->err);
}

/* Appends "/Manifests/0/Name". */
static void put_pointer(struct sedge_buf *b, const struct at *at)
{
    if (!at) return;
    put_pointer(b, at->up);
    sedge_buf_putc(b, '/');
    if (!at->key) {
        sedge_buf_printf(b, "%zu", at->index);
        return;
    }
    for (const char *p = at->key; *p; p++) {
        if (*p == '~')
            sedge_buf_puts(b, "~0");
        else if (*p == '/')
            sedge_buf_puts(b, "~1");
        else
            sedge_buf_putc(b, *p);
    }
}

void sedge_source_member(const struct at *at, struct sedge_buf *b)
{
    if (!at) return;
    sedge_source_member(at->up, b);
    if (at->key)
        sedge_buf_printf(b, "%s%s", at->up ? "." : "", at->key);
    else
        sedge_buf_printf(b, "[%zu]", at->index);
}

static int locate(const struct source *src, bool key, const char *pointer, unsigned *line, unsigned *column)
{
    if (key)
        return src->yaml ? sedge_yaml_locate_key(src->text, src->len, pointer, line, column)
                         : sedge_json_locate_key(src->text, src->len, pointer, line, column);
    return src->yaml ? sedge_yaml_locate(src->text, src->len, pointer, line, column)
                     : sedge_json_locate(src->text, src->len, pointer, line, column);
}

int sedge_source_locate(const struct source *src, const struct at *at, bool key, unsigned *line, unsigned *column)
{
    for (;; at = at->up) {
        sedge_auto_buf struct sedge_buf pointer = SEDGE_BUF_INIT;
        int rc;

        sedge_buf_puts(&pointer, "");
        put_pointer(&pointer, at);
        rc = locate(src, key, pointer.data, line, column);
        if (rc == 0 || !at) return rc;
    }
}

int sedge_source_wrap(const struct source *src, const struct at *at)
{
    sedge_auto_buf struct sedge_buf name = SEDGE_BUF_INIT;
    unsigned line = 0;
    unsigned column = 0;

    sedge_source_member(at, &name);
    if (name.len) (void)sedge_err_wrap(src->err, "%s", name.data);
    if (sedge_source_locate(src, at, false, &line, &column) != 0) return sedge_err_wrap(src->err, "%s", src->file);
    return sedge_err_wrap(src->err, "%s:%u:%u", src->file, line, column);
}

int sedge_source_bad(const struct source *src, const struct at *at, enum sedge_err_code code, const char *fmt, ...)
{
    char text[SEDGE_ERR_MSG_MAX];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    (void)sedge_err_set(src->err, code, "%s", text);
    return sedge_source_wrap(src, at);
}
