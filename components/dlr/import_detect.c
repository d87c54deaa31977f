/* What detectors end with: NonMaxSuppression. */
#include <math.h>

#include "base/mem.h"
#include "importer.h"

/* The number in input i, `def` where it is left out. */
static int number(struct sedge_importer *p, size_t i, const char *what, float def, float *out)
{
    const struct sedge_onnx_tensor *t;

    *out = def;
    if (!sedge_imp_has(p, i)) return 0;
    t = sedge_imp_const(p, i, what);
    return t ? sedge_imp_scalar(p, t, out) : -1;
}

static int most_boxes(struct sedge_importer *p, int64_t boxes, int64_t *most)
{
    const struct sedge_onnx_tensor *t;

    *most = 0;
    if (sedge_imp_has(p, 2)) {
        t = sedge_imp_const(p, 2, "max_output_boxes_per_class");
        if (!t || sedge_imp_ints(p, t, most, 1) < 0) return -1;
    }
    if (*most < 1) return sedge_imp_fail(p, SEDGE_E_UNSUPPORTED, "max_output_boxes_per_class is 0: no result");
    if (*most > boxes) *most = boxes;
    return 0;
}

int sedge_imp_nms(struct sedge_importer *p)
{
    struct sedge_shape y = {2, {0, 3}};
    float overlap, score;
    struct sedge_op *op;
    int64_t most;
    int v[2], value;

    if (sedge_imp_value(p, 0, &v[0]) || sedge_imp_value(p, 1, &v[1])) return -1;
    const struct sedge_shape b = p->g->values[v[0]].shape, s = p->g->values[v[1]].shape;
    if (b.rank != 3 || s.rank != 3 || b.dims[2] != 4 || b.dims[0] != s.dims[0] || b.dims[1] != s.dims[2])
        return sedge_imp_fail(p, SEDGE_E_INVALID,
                              "expected boxes [batch, boxes, 4] and scores [batch, classes, boxes]");
    if (most_boxes(p, b.dims[1], &most) || number(p, 3, "iou_threshold", 0, &overlap) ||
        number(p, 4, "score_threshold", -INFINITY, &score))
        return -1;
    op = sedge_imp_new_op(p, SEDGE_OP_NMS, 2);
    op->in[0] = v[0];
    op->in[1] = v[1];
    op->rows = (size_t)s.dims[1];
    op->cols = (size_t)most;
    op->alpha = overlap;
    op->beta = score;
    op->func = sedge_imp_int(p, "center_point_box", 0) != 0;
    y.dims[0] = s.dims[0] * s.dims[1] * most;
    if (sedge_imp_between(p, op, SEDGE_ONNX_INT64, &y, &value)) return -1;
    p->g->values[value].rows = sedge_xcalloc(1, sizeof(size_t));
    sedge_imp_bind_value(p, value);
    return 0;
}
