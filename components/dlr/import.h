/*
 * import - turns a decoded ONNX file into a graph: checks every operator, fixes all shapes, folds constants, batch
 * normalisations and activations. Pure.
 *
 *   struct sedge_graph g;
 *   if (sedge_import(&g, &onnx, err)) ...
 *   sedge_graph_release(&g);
 *
 * The graph borrows weights from the decoded file (and `*folded`, constants made here) until the kernels are made. A
 * refusal is UNSUPPORTED (or INVALID) and names operator, node and opset:
 *   operator LSTM (node "lstm1", opset 13): not supported by this runtime ...
 */
#ifndef SEDGE_DLR_IMPORT_H
#define SEDGE_DLR_IMPORT_H

#include "graph.h"

/* Constants computed while importing. */
struct sedge_folded {
    struct sedge_onnx_tensor **v;
    size_t n;
};

int sedge_import(struct sedge_graph *g, struct sedge_folded *folded, const struct sedge_onnx *m, struct sedge_err *err);
void sedge_folded_release(struct sedge_folded *f);

#endif
