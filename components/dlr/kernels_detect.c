/* Non-maximum suppression: of boxes that overlap, only the one with the highest score stays. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "kernels.h"

struct box {
    float top, left, bottom, right;
};

struct candidate {
    struct box box;
    float score;
    size_t index;
};

static struct box box_of(const float *v, bool centre)
{
    if (centre) return (struct box){v[1] - v[3] / 2, v[0] - v[2] / 2, v[1] + v[3] / 2, v[0] + v[2] / 2};
    return (struct box){fminf(v[0], v[2]), fminf(v[1], v[3]), fmaxf(v[0], v[2]), fmaxf(v[1], v[3])};
}

static float area(struct box b)
{
    return fmaxf(b.bottom - b.top, 0) * fmaxf(b.right - b.left, 0);
}

static float overlap(struct box a, struct box b)
{
    float common = area(
        (struct box){fmaxf(a.top, b.top), fmaxf(a.left, b.left), fminf(a.bottom, b.bottom), fminf(a.right, b.right)});
    float all = area(a) + area(b) - common;

    return all > 0 ? common / all : 0;
}

static int best_first(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;

    if (x->score > y->score || x->score < y->score) return x->score > y->score ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* Those above the score, the best first. What is no number is not above. */
static size_t candidates(const struct sedge_op *op, const float *boxes, const float *scores, size_t n,
                         struct candidate *list)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        if (scores[i] > op->beta) list[count++] = (struct candidate){box_of(boxes + 4 * i, op->func), scores[i], i};
    qsort(list, count, sizeof(*list), best_first);
    return count;
}

/* The survivors of one class move to the front; returns how many. */
static size_t suppress(const struct sedge_op *op, struct candidate *list, size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n && kept < op->cols; i++) {
        bool free = true;
        for (size_t k = 0; k < kept && free; k++)
            free = !(overlap(list[k].box, list[i].box) > op->alpha);
        if (free) list[kept++] = list[i];
    }
    return kept;
}

int sedge_kernel_nms(const struct sedge_call *c)
{
    const struct sedge_shape *shape = &sedge_call_value(c, c->op->in[0])->shape;
    size_t n = (size_t)shape->dims[1], rows = 0, classes = c->op->rows;
    sedge_auto_free struct candidate *list = sedge_xcalloc(n, sizeof(*list));
    const float *boxes = sedge_call_in(c, 0), *scores = sedge_call_in(c, 1);
    int64_t *y = sedge_call_out(c);

    for (size_t b = 0; b < (size_t)shape->dims[0]; b++)
        for (size_t k = 0; k < classes; k++) {
            size_t count = candidates(c->op, boxes + b * n * 4, scores + (b * classes + k) * n, n, list);
            count = suppress(c->op, list, count);
            for (size_t i = 0; i < count; i++, rows++) {
                y[3 * rows] = (int64_t)b;
                y[3 * rows + 1] = (int64_t)k;
                y[3 * rows + 2] = (int64_t)list[i].index;
            }
        }
    *sedge_call_value(c, c->op->out)->rows = rows;
    return 0;
}
