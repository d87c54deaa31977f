#include "plan.h"

#include <limits.h>
#include <stdlib.h>

#include "base/mem.h"

/* Kernels may read (never use) a few bytes past a tensor. */
#define SLACK 64

static size_t size_of(const struct sedge_value *v)
{
    size_t n = sedge_value_bytes(v) + SLACK;
    return (n + SEDGE_PLAN_ALIGN - 1) / SEDGE_PLAN_ALIGN * SEDGE_PLAN_ALIGN;
}

static void touch(struct sedge_graph *g, int value, int op)
{
    struct sedge_value *root = &g->values[g->values[value].root];

    if (root->first > op) root->first = op;
    if (root->last < op) root->last = op;
}

static void find_lives(struct sedge_graph *g)
{
    for (size_t i = 0; i < g->nvalues; i++) {
        g->values[i].first = INT_MAX;
        g->values[i].last = -1;
    }
    for (size_t i = 0; i < g->nops; i++) {
        touch(g, g->ops[i].out, (int)i);
        for (size_t k = 0; k < g->ops[i].nin; k++)
            touch(g, g->ops[i].in[k], (int)i);
    }
    for (size_t i = 0; i < g->nin; i++) {
        touch(g, g->in[i], 0);
        touch(g, g->in[i], INT_MAX);
    }
    for (size_t i = 0; i < g->nout; i++) {
        touch(g, g->out[i], 0);
        touch(g, g->out[i], INT_MAX);
    }
}

struct place {
    struct sedge_value *v;
    size_t size;
};

/* Largest first; among equals the one that lives earlier. */
static int by_size(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    if (x->size != y->size) return x->size > y->size ? -1 : 1;
    return x->v->first < y->v->first ? -1 : x->v->first > y->v->first;
}

static int by_offset(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    return x->v->offset < y->v->offset ? -1 : x->v->offset > y->v->offset;
}

/* The lowest gap among those already placed that live at the same time; `near` is room for them. */
static size_t lowest_gap(const struct place *placed, size_t n, const struct place *p, struct place *near)
{
    size_t count = 0, at = 0;

    for (size_t i = 0; i < n; i++)
        if (placed[i].v->first <= p->v->last && p->v->first <= placed[i].v->last) near[count++] = placed[i];
    qsort(near, count, sizeof(*near), by_offset);
    for (size_t i = 0; i < count; i++) {
        if (near[i].v->offset >= at + p->size) break;
        if (near[i].v->offset + near[i].size > at) at = near[i].v->offset + near[i].size;
    }
    return at;
}

int sedge_plan(struct sedge_graph *g, size_t arena_max, struct sedge_err *err)
{
    sedge_auto_free struct place *places = sedge_xcalloc(g->nvalues + 1, sizeof(*places));
    sedge_auto_free struct place *near = sedge_xcalloc(g->nvalues + 1, sizeof(*near));
    size_t n = 0;

    find_lives(g);
    for (size_t i = 0; i < g->nvalues; i++) {
        struct sedge_value *v = &g->values[i];
        if (v->root == (int)i && !v->fixed && v->last >= 0) places[n++] = (struct place){v, size_of(v)};
    }
    qsort(places, n, sizeof(*places), by_size);
    g->arena_size = SEDGE_PLAN_ALIGN;
    for (size_t i = 0; i < n; i++) {
        places[i].v->offset = lowest_gap(places, i, &places[i], near);
        size_t end = places[i].v->offset + places[i].size;
        if (end > arena_max)
            return sedge_err_set(err, SEDGE_E_LIMIT, "the tensors of the model need over %zu MiB of memory at once",
                                 arena_max >> 20);
        if (end > g->arena_size) g->arena_size = end;
    }
    return 0;
}
