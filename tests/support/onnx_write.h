/*
 * onnx_write - writes small ONNX files for tests.
 *
 *   struct onnx_write w;
 *   onnx_write_begin(&w, 13);
 *   onnx_write_input(&w, "x", "1,3,4,4");
 *   onnx_write_floats(&w, "k", "2,3,3,3", values);
 *   onnx_write_node(&w, "Conv", "x,k", "y", "pads=[1,1,1,1] group=1");
 *   onnx_write_output(&w, "y");
 *   onnx_write_end(&w, &bytes);
 *
 * Attributes: name=3 (integer), name=0.5 (float, has a point), name=[1,2] (integers), name=TEXT (anything else).
 * Shapes are decimal numbers with commas, "" is a scalar.
 */
#ifndef SEDGE_TEST_ONNX_WRITE_H
#define SEDGE_TEST_ONNX_WRITE_H

#include <stdint.h>

#include "base/buf.h"

struct onnx_write {
    struct sedge_buf graph;
    int64_t opset;
};

void onnx_write_begin(struct onnx_write *w, int64_t opset);
void onnx_write_input(struct onnx_write *w, const char *name, const char *shape);
void onnx_write_output(struct onnx_write *w, const char *name);
void onnx_write_floats(struct onnx_write *w, const char *name, const char *shape, const float *v);
void onnx_write_ints(struct onnx_write *w, const char *name, const char *list);
void onnx_write_node(struct onnx_write *w, const char *op, const char *in, const char *out, const char *attrs);
/* Appends the file to *out and forgets the graph. */
void onnx_write_end(struct onnx_write *w, struct sedge_buf *out);

/* Pieces of protobuf, for files that are wrong on purpose. */
void pb_varint(struct sedge_buf *b, uint64_t v);
void pb_int(struct sedge_buf *b, unsigned field, int64_t v);
void pb_bytes(struct sedge_buf *b, unsigned field, const void *p, size_t n);
void pb_text(struct sedge_buf *b, unsigned field, const char *text);

#endif
