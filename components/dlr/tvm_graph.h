/*
 * tvm_graph - reads the graph (*.json) of a compiled model: operators in order, over entries, which lie in slots.
 *
 *   struct sedge_tvm_graph g;
 *   if (sedge_tvm_graph_read(&g, text, n, err)) ...
 *   sedge_tvm_graph_release(&g);
 *
 * An entry is one output of a node; each has a type, a shape and the number of the slot that holds it. Several entries
 * share a slot when they are not needed at the same time. Every index in the struct was checked. Format: spec/dlr.md
 * section 3.
 */
#ifndef SEDGE_DLR_TVM_GRAPH_H
#define SEDGE_DLR_TVM_GRAPH_H

#include "dlr.h"
#include "limits.h"

#include "base/err.h"

struct sedge_tvm_entry {
    DLDataType type;
    int rank;
    int64_t dims[SEDGE_DLR_TVM_RANK_MAX];
    size_t count, bytes;
    size_t slot;
};

struct sedge_tvm_node {
    char *name;
    char *function; /* NULL: an input or a weight */
    size_t *in;     /* entries */
    size_t nin;
    size_t first, nout; /* entries */
    bool flatten;       /* its tensors are given with one dimension */
};

struct sedge_tvm_graph {
    struct sedge_tvm_node *nodes;
    struct sedge_tvm_entry *entries;
    size_t *args;  /* nodes: inputs and weights, in the order of the model */
    size_t *heads; /* entries: outputs of the model */
    size_t nnodes, nentries, nargs, nheads;
    size_t nslots;
};

int sedge_tvm_graph_read(struct sedge_tvm_graph *g, const char *text, size_t n, struct sedge_err *err);
void sedge_tvm_graph_release(struct sedge_tvm_graph *g);

#endif
