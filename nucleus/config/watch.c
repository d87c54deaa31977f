#include "cfg.h"

#include <stdlib.h>
#include <strings.h>

#include "base/mem.h"

struct sedge_config_watch *sedge_config_watch(struct sedge_config *cfg, struct sedge_path path, sedge_config_cb cb,
                                              void *user)
{
    struct sedge_config_watch *w = SEDGE_NEW(struct sedge_config_watch), **end = &cfg->watches;

    w->cfg = cfg;
    w->cb = cb;
    w->user = user;
    for (size_t i = 0; i < path.n; i++)
        sedge_strv_add(&w->path, path.v[i]);
    while (*end)
        end = &(*end)->next;
    *end = w;
    return w;
}

void sedge_config_unwatch(struct sedge_config_watch *w)
{
    struct sedge_config_watch **p;

    if (!w) return;
    for (struct sedge_cfg_event *e = w->cfg->events; e; e = e->next)
        if (e->watch == w) e->watch = NULL;
    for (p = &w->cfg->watches; *p != w;)
        p = &(*p)->next;
    *p = w->next;
    sedge_strv_release(&w->path);
    free(w);
}

/* Whether the watched node exists in the tree of `n`. */
static bool exists(const struct sedge_config_watch *w, const struct sedge_node *n)
{
    for (size_t i = 0; n && i < w->path.n; i++) {
        if (n->leaf) return false;
        n = sedge_node_child(n, w->path.v[i]);
    }
    return n != NULL;
}

static bool concerns(const struct sedge_config_watch *w, const char *const *names, size_t nnames,
                     enum sedge_config_change change, const struct sedge_node *root)
{
    size_t common = w->path.n < nnames ? w->path.n : nnames;

    for (size_t i = 0; i < common; i++)
        if (strcasecmp(w->path.v[i], names[i]) != 0) return false;
    if (nnames >= w->path.n) return true;
    return change == SEDGE_CONFIG_REMOVED && exists(w, root);
}

void sedge_cfg_queue_event(struct sedge_config *cfg, const struct sedge_node *n, enum sedge_config_change change)
{
    const char *names[SEDGE_CONFIG_DEPTH_MAX];
    size_t nnames = cfg->watches ? sedge_cfg_names(n, names) : 0;

    for (struct sedge_config_watch *w = cfg->watches; w; w = w->next) {
        struct sedge_cfg_event *e;

        if (!concerns(w, names, nnames, change, cfg->tree.root)) continue;
        e = SEDGE_NEW(struct sedge_cfg_event);
        e->watch = w;
        e->change = change;
        for (size_t i = 0; i < nnames; i++)
            sedge_strv_add(&e->path, names[i]);
        *cfg->events_end = e;
        cfg->events_end = &e->next;
    }
}

static struct sedge_cfg_event *pop(struct sedge_config *cfg)
{
    struct sedge_cfg_event *e = cfg->events;

    cfg->events = e->next;
    if (!cfg->events) cfg->events_end = &cfg->events;
    return e;
}

static void free_event(struct sedge_cfg_event *e)
{
    sedge_strv_release(&e->path);
    free(e);
}

void sedge_cfg_drop_events(struct sedge_config *cfg)
{
    while (cfg->events)
        free_event(pop(cfg));
}

void sedge_config_dispatch(struct sedge_config *cfg)
{
    size_t n = 0;

    for (const struct sedge_cfg_event *e = cfg->events; e; e = e->next)
        n++; /* what the watchers cause comes in the next turn */
    for (; n > 0 && cfg->batch == 0 && cfg->events; n--) {
        struct sedge_cfg_event *e = pop(cfg);

        if (e->watch)
            e->watch->cb(
                &(struct sedge_config_event){.change = e->change, .path = {(const char *const *)e->path.v, e->path.n}},
                e->watch->user);
        free_event(e);
    }
    if (cfg->events) sedge_cfg_schedule(cfg);
}
