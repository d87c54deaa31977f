/* Any bytes as an ONNX file: decode, import, plan; and compute, where the network is small. */
#include <stdlib.h>
#include <string.h>

#include "dlr/import.h"
#include "dlr/plan.h"
#include "dlr/xnn.h"

#define COMPUTE_MAX (1U << 20) /* bytes of all tensors */
#define OPS_MAX     64

static size_t work_of(const struct sedge_graph *g)
{
    size_t n = 0;

    for (size_t i = 0; i < g->nops; i++) {
        const struct sedge_op *op = &g->ops[i];
        size_t taps =
            op->kind == SEDGE_OP_CONV || op->kind == SEDGE_OP_FC || op->kind == SEDGE_OP_MATMUL ? op->ic + op->oc : 1;
        size_t window = op->win.kh ? (size_t)op->win.kh * op->win.kw * op->win.dh * op->win.dw : 1;
        n += g->values[op->out].count * taps * window;
    }
    return n;
}

static void compute(struct sedge_graph *g, struct sedge_slice file)
{
    struct sedge_xnn *x;
    void *arena = NULL;

    if (g->nops > OPS_MAX || g->arena_size > COMPUTE_MAX || work_of(g) > COMPUTE_MAX * 8) return;
    x = sedge_xnn_new(g, file, NULL);
    if (x && posix_memalign(&arena, SEDGE_PLAN_ALIGN, g->arena_size) == 0) {
        memset(arena, 0, g->arena_size);
        if (sedge_xnn_bind(x, arena, 1, NULL) == 0) (void)sedge_xnn_run(x, NULL);
    }
    sedge_xnn_free(x);
    free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct sedge_folded folded;
    struct sedge_onnx onnx;
    struct sedge_graph g;
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_onnx_decode(&onnx, data, n, &err)) return 0;
    if (sedge_import(&g, &folded, &onnx, &err) == 0) {
        if (sedge_plan(&g, COMPUTE_MAX * 64, &err) == 0) compute(&g, (struct sedge_slice){NULL, 0});
        sedge_graph_release(&g);
        sedge_folded_release(&folded);
    }
    sedge_onnx_release(&onnx);
    return 0;
}
