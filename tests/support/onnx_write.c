#include "onnx_write.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define FLOAT 1
#define INT64 7

void pb_varint(struct sedge_buf *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        sedge_buf_putc(b, (char)(v | 0x80));
    sedge_buf_putc(b, (char)v);
}

void pb_int(struct sedge_buf *b, unsigned field, int64_t v)
{
    pb_varint(b, (uint64_t)field << 3);
    pb_varint(b, (uint64_t)v);
}

void pb_bytes(struct sedge_buf *b, unsigned field, const void *p, size_t n)
{
    pb_varint(b, (uint64_t)field << 3 | 2);
    pb_varint(b, n);
    sedge_buf_add(b, p, n);
}

void pb_text(struct sedge_buf *b, unsigned field, const char *text)
{
    pb_bytes(b, field, text, strlen(text));
}

static void pb_float(struct sedge_buf *b, unsigned field, float v)
{
    pb_varint(b, (uint64_t)field << 3 | 5);
    sedge_buf_add(b, &v, sizeof(v));
}

static void pb_message(struct sedge_buf *b, unsigned field, struct sedge_buf *m)
{
    pb_bytes(b, field, m->data, m->len);
    sedge_buf_release(m);
}

void onnx_write_begin(struct onnx_write *w, int64_t opset)
{
    *w = (struct onnx_write){SEDGE_BUF_INIT, opset};
}

/* Calls pb_int for each number of "1,2,3"; returns their product. */
static int64_t ints(struct sedge_buf *b, unsigned field, const char *list)
{
    int64_t product = 1;

    while (*list) {
        char *end;
        int64_t v = strtoll(list, &end, 10);
        pb_int(b, field, v);
        product = (int64_t)((uint64_t)product * (uint64_t)v); /* means nothing for lists that are not shapes */
        list = *end == ',' ? end + 1 : end;
    }
    return product;
}

void onnx_write_input(struct onnx_write *w, const char *name, const char *shape)
{
    struct sedge_buf dims = SEDGE_BUF_INIT, type = SEDGE_BUF_INIT, tensor = SEDGE_BUF_INIT, io = SEDGE_BUF_INIT;
    sedge_auto_strv struct sedge_strv list = {NULL, 0};

    if (*shape) sedge_strv_split(&list, shape, ",");
    for (size_t i = 0; i < list.n; i++) {
        struct sedge_buf dim = SEDGE_BUF_INIT;
        if (list.v[i][0] >= '0' && list.v[i][0] <= '9')
            pb_int(&dim, 1, strtoll(list.v[i], NULL, 10));
        else
            pb_text(&dim, 2, list.v[i]); /* a named extent */
        pb_message(&dims, 1, &dim);
    }
    pb_int(&tensor, 1, FLOAT);
    pb_message(&tensor, 2, &dims);
    pb_message(&type, 1, &tensor);
    pb_text(&io, 1, name);
    pb_message(&io, 2, &type);
    pb_message(&w->graph, 11, &io);
}

void onnx_write_output(struct onnx_write *w, const char *name)
{
    struct sedge_buf io = SEDGE_BUF_INIT;

    pb_text(&io, 1, name);
    pb_message(&w->graph, 12, &io);
}

void onnx_write_floats(struct onnx_write *w, const char *name, const char *shape, const float *v)
{
    struct sedge_buf t = SEDGE_BUF_INIT;
    int64_t n = ints(&t, 1, shape);

    pb_int(&t, 2, FLOAT);
    pb_text(&t, 8, name);
    pb_bytes(&t, 9, v, (size_t)n * sizeof(*v));
    pb_message(&w->graph, 5, &t);
}

void onnx_write_ints(struct onnx_write *w, const char *name, const char *list)
{
    sedge_auto_strv struct sedge_strv numbers = {NULL, 0};
    struct sedge_buf t = SEDGE_BUF_INIT;

    sedge_strv_split(&numbers, list, ",");
    pb_int(&t, 1, (int64_t)numbers.n);
    pb_int(&t, 2, INT64);
    pb_text(&t, 8, name);
    (void)ints(&t, 7, list);
    pb_message(&w->graph, 5, &t);
}

static void attribute(struct sedge_buf *node, const char *text)
{
    struct sedge_buf a = SEDGE_BUF_INIT;
    const char *value = strchr(text, '=');

    pb_bytes(&a, 1, text, (size_t)(value - text));
    value++;
    if (*value == '[') {
        sedge_auto_free char *list = sedge_xstrndup(value + 1, strlen(value) - 2);
        (void)ints(&a, 8, list);
    } else if (strspn(value, "-0123456789") == strlen(value)) {
        pb_int(&a, 3, strtoll(value, NULL, 10));
    } else if (strspn(value, "-.0123456789e") == strlen(value)) {
        pb_float(&a, 2, strtof(value, NULL));
    } else {
        pb_text(&a, 4, value);
    }
    pb_message(node, 5, &a);
}

static void names(struct sedge_buf *node, unsigned field, const char *list)
{
    sedge_auto_strv struct sedge_strv parts = {NULL, 0};

    if (*list) sedge_strv_split(&parts, list, ",");
    for (size_t i = 0; i < parts.n; i++)
        pb_text(node, field, parts.v[i]);
}

void onnx_write_node(struct onnx_write *w, const char *op, const char *in, const char *out, const char *attrs)
{
    sedge_auto_strv struct sedge_strv list = {NULL, 0};
    struct sedge_buf node = SEDGE_BUF_INIT;

    names(&node, 1, in);
    names(&node, 2, out);
    pb_text(&node, 4, op);
    if (*attrs) sedge_strv_split(&list, attrs, " ");
    for (size_t i = 0; i < list.n; i++)
        attribute(&node, list.v[i]);
    pb_message(&w->graph, 1, &node);
}

void onnx_write_end(struct onnx_write *w, struct sedge_buf *out)
{
    struct sedge_buf opset = SEDGE_BUF_INIT;

    pb_int(out, 1, 7);
    pb_int(&opset, 2, w->opset);
    pb_message(out, 8, &opset);
    pb_message(out, 7, &w->graph);
}
