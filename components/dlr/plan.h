/*
 * plan - gives every computed value a place in one block of memory, so that values alive at the same time do not
 * overlap and the block is small. Inputs and outputs keep their place for good: the caller may look at them between
 * runs. Pure.
 */
#ifndef SEDGE_DLR_PLAN_H
#define SEDGE_DLR_PLAN_H

#include "graph.h"

#define SEDGE_PLAN_ALIGN 64

/* Sets offset, first and last of all roots and g->arena_size. LIMIT when the block would be over `arena_max`. */
int sedge_plan(struct sedge_graph *g, size_t arena_max, struct sedge_err *err);

#endif
