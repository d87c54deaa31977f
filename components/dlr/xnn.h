/*
 * xnn - computes a graph with XNNPACK. The only file that knows that library: its interface differs between
 * distributions.
 *
 *   struct sedge_xnn *x = sedge_xnn_new(&graph, file, err);   packs the weights; the model file is not needed after
 * this sedge_xnn_bind(x, arena, threads, err);                   again whenever the number of threads changes
 *   sedge_xnn_run(x, err);
 *   sedge_xnn_free(x);
 *
 * The graph and the arena (planned, aligned to SEDGE_PLAN_ALIGN) have to outlive it. `file` is the mapped model file:
 * its pages are given back as they are read. One thread at a time.
 */
#ifndef SEDGE_DLR_XNN_H
#define SEDGE_DLR_XNN_H

#include "graph.h"

struct sedge_xnn;

struct sedge_xnn *sedge_xnn_new(const struct sedge_graph *g, struct sedge_slice file, struct sedge_err *err);
int sedge_xnn_bind(struct sedge_xnn *x, void *arena, int threads, struct sedge_err *err);
int sedge_xnn_run(struct sedge_xnn *x, struct sedge_err *err);
/* Each worker thread on a processor of its own, or free to move again. */
int sedge_xnn_pin(struct sedge_xnn *x, bool pin, struct sedge_err *err);
void sedge_xnn_free(struct sedge_xnn *x);

#endif
