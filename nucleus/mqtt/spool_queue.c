/* What the spool holds in memory: who holds how much of it, in which order, and what goes when it is full. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "spool_parts.h"

#define SHARE 4 /* a component may always have a quarter */

/* --- accounts ---------------------------------------------------------------------------------------------------- */

static struct sedge_spool_publisher *publisher_of(struct sedge_spool *s, const char *name)
{
    struct sedge_spool_publisher *p;

    for (p = s->publishers; p; p = p->next)
        if (strcmp(p->name, name) == 0) return p;
    p = SEDGE_NEW(struct sedge_spool_publisher);
    p->name = sedge_xstrdup(name);
    p->next = s->publishers;
    s->publishers = p;
    return p;
}

void sedge_spool_account(struct sedge_spool *s, const struct sedge_item *i, int sign)
{
    s->stats.messages += sign;
    s->stats.bytes += sign * i->size;
    publisher_of(s, i->component)->bytes += sign * i->size;
}

/* What one component may hold: all of it when it is alone, at least a quarter otherwise. */
static int64_t share_of(struct sedge_spool *s, const struct sedge_spool_publisher *me)
{
    int64_t active = 1;

    for (struct sedge_spool_publisher *p = s->publishers; p; p = p->next)
        active += p != me && p->bytes > 0;
    return s->o.max_bytes / (active < SHARE ? active : SHARE);
}

/* --- lists ------------------------------------------------------------------------------------------------------- */

void sedge_spool_list_add(struct sedge_spool_list *l, struct sedge_item *i)
{
    struct sedge_item **p = &l->first;

    while (*p && (*p)->id < i->id)
        p = &(*p)->next;
    i->next = *p;
    *p = i;
    l->n++;
}

bool sedge_spool_list_has(const struct sedge_spool_list *l, int64_t id)
{
    for (const struct sedge_item *i = l->first; i; i = i->next)
        if (i->id == id) return true;
    return false;
}

static void unlink_item(struct sedge_spool *s, struct sedge_item *gone)
{
    struct sedge_spool_list *l = gone->qos > 0 ? &s->queue : &s->loose;

    for (struct sedge_item **p = &l->first; *p; p = &(*p)->next)
        if (*p == gone) {
            *p = gone->next;
            l->n--;
            return;
        }
}

/* --- the end of a message ---------------------------------------------------------------------------------------- */

void sedge_spool_remove(struct sedge_spool *s, struct sedge_item *i)
{
    unlink_item(s, i);
    sedge_spool_account(s, i, -1);
    if (i->disk != SEDGE_DISK_NO) sedge_spool_delete_row(s, i);
    if (i->disk == SEDGE_DISK_WRITING)
        i->gone = true;
    else
        sedge_item_free(i);
}

void sedge_spool_drop(struct sedge_spool *s, struct sedge_item *i, const char *why)
{
    sedge_log(SEDGE_WARN, "spool", "dropped", "component=%s topic=%s bytes=%zu: %s", i->component, i->topic, i->len,
              why);
    s->stats.dropped++;
    sedge_spool_remove(s, i);
}

/* --- room -------------------------------------------------------------------------------------------------------- */

static bool fits(struct sedge_spool *s, const struct sedge_item *i)
{
    const struct sedge_spool_publisher *p = publisher_of(s, i->component);

    return s->stats.bytes + i->size <= s->o.max_bytes && s->stats.messages < s->o.max_messages &&
           p->bytes + i->size <= share_of(s, p);
}

static bool drop_oldest_of(struct sedge_spool *s, struct sedge_spool_list *l, const char *component)
{
    for (struct sedge_item *i = l->first; i; i = i->next) {
        if (i->sent || (component && strcmp(i->component, component) != 0)) continue;
        sedge_spool_drop(s, i, "the spool is full");
        return true;
    }
    return false;
}

static void coalesce(struct sedge_spool *s, const struct sedge_item *newer)
{
    struct sedge_spool_list *l = newer->qos > 0 ? &s->queue : &s->loose;

    for (struct sedge_item *i = l->first; i; i = i->next)
        if (!i->sent && strcmp(i->topic, newer->topic) == 0) {
            sedge_spool_remove(s, i);
            return;
        }
}

int sedge_spool_make_room(struct sedge_spool *s, const struct sedge_item *i, struct sedge_err *err)
{
    if (i->size > s->o.max_bytes)
        return sedge_err_set(err, SEDGE_E_LIMIT, "Message is larger than the size of message spool.");
    if (s->o.policy == SEDGE_SPOOL_COALESCE) coalesce(s, i);
    while (!fits(s, i))
        if (!drop_oldest_of(s, &s->loose, NULL) &&
            (s->o.policy != SEDGE_SPOOL_DROP_OLDEST || !drop_oldest_of(s, &s->queue, i->component)))
            return sedge_err_set(err, SEDGE_E_LIMIT, "Message spool is full. Message could not be added.");
    return 0;
}

static void free_list(struct sedge_spool_list *l)
{
    struct sedge_item *i;

    while ((i = l->first)) {
        l->first = i->next;
        sedge_item_free(i);
    }
}

void sedge_spool_queue_release(struct sedge_spool *s)
{
    struct sedge_spool_publisher *p;

    free_list(&s->queue);
    free_list(&s->loose);
    while ((p = s->publishers)) {
        s->publishers = p->next;
        free(p->name);
        free(p);
    }
}
