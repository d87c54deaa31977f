/* Topological order: dependencies first, ties in the order of addition; HARD and SOFT edges count alike. */
#include <stdlib.h>

#include "base/mem.h"
#include "service.h"

struct order {
    struct service **v;
    size_t n;
};

/* Marks on the way down, so that a cycle (which a deployment refuses) ends here. */
static void visit(struct sedge_supervisor *sup, struct service *s, struct order *o)
{
    if (s->mark) return;
    s->mark = 1;
    for (size_t i = 0; i < s->ndeps; i++) {
        struct service *d = service_find(sup, s->deps[i].name);
        if (d) visit(sup, d, o);
    }
    o->v[o->n++] = s;
}

struct service **depend_order(struct sedge_supervisor *sup, size_t *n)
{
    struct order o = {NULL, 0};
    size_t count = 0;

    for (struct service *s = sup->services; s; s = s->next) {
        s->mark = 0;
        count++;
    }
    o.v = sedge_xcalloc(count + 1, sizeof(struct service *));
    for (struct service *s = sup->services; s; s = s->next)
        visit(sup, s, &o);
    *n = o.n;
    return o.v;
}

void depend_sort(struct sedge_supervisor *sup, bool backwards)
{
    sedge_auto_free struct service **order = NULL;
    struct service **at = &sup->services;
    size_t n;

    order = depend_order(sup, &n);
    for (size_t i = 0; i < n; i++) {
        *at = order[backwards ? n - 1 - i : i];
        at = &(*at)->next;
    }
    *at = NULL;
}
