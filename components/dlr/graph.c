#include "graph.h"

#include <stdlib.h>
#include <string.h>

static const int nhwc[4] = {0, 2, 3, 1};

int sedge_memory_axis(int rank, int i)
{
    return rank == 4 ? nhwc[i] : i;
}

int sedge_value_memory(const struct sedge_shape *s, size_t dims[SEDGE_DLR_RANK_MAX])
{
    for (int i = 0; i < s->rank; i++)
        dims[i] = (size_t)s->dims[sedge_memory_axis(s->rank, i)];
    return s->rank;
}

void *sedge_value_at(const struct sedge_graph *g, void *arena, int value)
{
    const struct sedge_value *v = &g->values[value];

    if (v->fixed) return v->fixed;
    return (char *)arena + g->values[v->root].offset;
}

size_t sedge_value_bytes(const struct sedge_value *v)
{
    return v->count * sedge_onnx_width(v->dtype);
}

void sedge_graph_release(struct sedge_graph *g)
{
    for (size_t i = 0; i < g->nops; i++) {
        free(g->ops[i].in);
        free(g->ops[i].scale);
        free(g->ops[i].shift);
    }
    for (size_t i = 0; i < g->nvalues; i++) {
        free(g->values[i].fixed);
        free(g->values[i].rows);
    }
    free(g->ops);
    free(g->values);
    free(g->in);
    free(g->out);
    memset(g, 0, sizeof(*g));
}
