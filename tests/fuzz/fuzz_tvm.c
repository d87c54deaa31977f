/* Any bytes as the graph, as the parameter file, and as the metadata of a compiled model: the first byte says which. */
#include <stdlib.h>
#include <string.h>

#include "dlr/model.h"
#include "dlr/tvm_graph.h"
#include "dlr/tvm_params.h"

static void graph(const uint8_t *data, size_t n)
{
    struct sedge_tvm_graph g;
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_tvm_graph_read(&g, (const char *)data, n, &err)) return;
    for (size_t i = 0; i < g.nnodes; i++)
        for (size_t k = 0; k < g.nodes[i].nin; k++)
            if (g.nodes[i].in[k] >= g.nentries) abort();
    for (size_t i = 0; i < g.nheads; i++)
        if (g.heads[i] >= g.nentries) abort();
    for (size_t i = 0; i < g.nargs; i++)
        if (g.args[i] >= g.nnodes || g.nodes[g.args[i]].first >= g.nentries) abort();
    for (size_t i = 0; i < g.nentries; i++)
        if (g.entries[i].slot >= g.nslots) abort();
    sedge_tvm_graph_release(&g);
}

static void params(const uint8_t *data, size_t n)
{
    struct sedge_tvm_params p;
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_tvm_params_read(&p, data, n, &err)) return;
    for (size_t i = 0; i < p.n; i++)
        if (p.v[i].data.n && p.v[i].data.p + p.v[i].data.n > data + n) abort();
    sedge_tvm_params_release(&p);
}

static void meta(const uint8_t *data, size_t n)
{
    const struct sedge_part part = {.data = data, .size = n};
    struct json_object *o = sedge_meta_read(&part);

    (void)sedge_meta_device(o);
    (void)sedge_meta_output(o, 0);
    if (o) json_object_put(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0) return 0;
    switch (data[0] % 3) {
    case 0:
        graph(data + 1, n - 1);
        break;
    case 1:
        params(data + 1, n - 1);
        break;
    default:
        meta(data + 1, n - 1);
        break;
    }
    return 0;
}
