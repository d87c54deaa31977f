#include "broker.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "topic.h"

#define SLOTS_MIN 8u

struct sedge_subscription {
    struct node *node;
    bool tail;                              /* in node->below instead of node->here */
    bool dead;                              /* removed while a publish is under way */
    bool not_own;                           /* suppress the messages of its own identity */
    struct sedge_subscription *prev, *next; /* of the node */
    struct sedge_subscription *next_dead;
    void *user;
    char *filter;
    char identity[];
};

/* One level of all filters with the same beginning. */
struct node {
    struct node *parent;
    struct node *any; /* child for '+', and for '#' before the end */
    struct node **slots;
    size_t nslots, nchildren;
    struct node *next_slot;
    struct sedge_subscription *here;  /* filters that end here */
    struct sedge_subscription *below; /* filters that go on with '#' as their last level */
    uint32_t hash;
    bool is_any;
    size_t len;
    char level[];
};

struct sedge_broker {
    struct node *root;
    size_t n;
    unsigned publishing; /* depth */
    struct sedge_subscription *dead;
};

enum sedge_receive_mode sedge_receive_mode_from_name(const char *name)
{
    if (name && strcmp(name, "RECEIVE_ALL_MESSAGES") == 0) return SEDGE_RECEIVE_ALL;
    if (name && strcmp(name, "RECEIVE_MESSAGES_FROM_OTHERS") == 0) return SEDGE_RECEIVE_FROM_OTHERS;
    return SEDGE_RECEIVE_DEFAULT;
}

/* ---- nodes ---- */

static uint32_t hash_of(const char *s, size_t n)
{
    uint32_t h = 2166136261u; /* FNV-1a; filters are written by components of the device, not by strangers */

    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)s[i]) * 16777619u;
    return h;
}

static struct node *node_new(struct node *parent, const char *level, size_t len, uint32_t hash)
{
    struct node *n = sedge_xcalloc(1, sizeof *n + len + 1);

    n->parent = parent;
    n->hash = hash;
    n->len = len;
    if (len > 0) memcpy(n->level, level, len);
    return n;
}

static struct node *child_find(const struct node *n, const char *level, size_t len, uint32_t hash)
{
    struct node *c = n->nslots ? n->slots[hash & (n->nslots - 1)] : NULL;

    while (c && (c->hash != hash || c->len != len || memcmp(c->level, level, len) != 0))
        c = c->next_slot;
    return c;
}

static void slot_in(struct node *n, struct node *c)
{
    struct node **slot = &n->slots[c->hash & (n->nslots - 1)];

    c->next_slot = *slot;
    *slot = c;
}

static void grow(struct node *n)
{
    struct node **old = n->slots;
    size_t nold = n->nslots;

    n->nslots = nold ? nold * 2 : SLOTS_MIN;
    n->slots = sedge_xcalloc(n->nslots, sizeof(struct node *));
    for (size_t i = 0; i < nold; i++) {
        struct node *c = old[i];

        while (c) {
            struct node *next = c->next_slot;

            slot_in(n, c);
            c = next;
        }
    }
    free(old);
}

static struct node *child_get(struct node *n, const char *level, size_t len)
{
    uint32_t hash = hash_of(level, len);
    struct node *c;

    if (len == 1 && (*level == '+' || *level == '#')) { /* '#' comes here only before the end */
        if (!n->any) {
            n->any = node_new(n, level, 0, 0);
            n->any->is_any = true;
        }
        return n->any;
    }
    c = child_find(n, level, len, hash);
    if (c) return c;
    if (n->nchildren >= n->nslots) grow(n);
    c = node_new(n, level, len, hash);
    slot_in(n, c);
    n->nchildren++;
    return c;
}

static void unslot(struct node *n, struct node *c)
{
    struct node **p = &n->slots[c->hash & (n->nslots - 1)];

    while (*p != c)
        p = &(*p)->next_slot;
    *p = c->next_slot;
    n->nchildren--;
}

/* Frees the node and its parents as far as nothing needs them any more. */
static void prune(struct node *n)
{
    while (n->parent && !n->here && !n->below && !n->any && n->nchildren == 0) {
        struct node *parent = n->parent;

        if (n->is_any)
            parent->any = NULL;
        else
            unslot(parent, n);
        free(n->slots);
        free(n);
        n = parent;
    }
}

/* ---- subscriptions ---- */

struct sedge_broker *sedge_broker_new(void)
{
    struct sedge_broker *b = SEDGE_NEW(struct sedge_broker);

    b->root = node_new(NULL, "", 0, 0);
    return b;
}

static size_t trimmed(const char *s)
{
    size_t n = strlen(s);

    while (n > 0 && s[n - 1] == '/')
        n--;
    return n;
}

static size_t count_levels(const char *s, size_t n)
{
    size_t levels = n > 0;

    for (size_t i = 0; i < n; i++)
        levels += s[i] == '/';
    return levels;
}

/* The node at which the filter ends; *tail when its last level is '#'. A filter without levels ends at the root and
 * matches nothing. */
static struct node *filter_node(struct sedge_broker *b, const char *filter, bool *tail)
{
    size_t n = trimmed(filter);
    const char *p = filter;
    const char *end = filter + n;
    struct node *at = b->root;

    *tail = false;
    while (n > 0 && p <= end) {
        const char *slash = memchr(p, '/', (size_t)(end - p));
        size_t len = slash ? (size_t)(slash - p) : (size_t)(end - p);

        if (!slash && len == 1 && *p == '#') {
            *tail = true;
            break;
        }
        at = child_get(at, p, len);
        if (!slash) break;
        p = slash + 1;
    }
    return at;
}

static void list_in(struct sedge_subscription *s)
{
    struct sedge_subscription **head = s->tail ? &s->node->below : &s->node->here;

    s->next = *head;
    if (s->next) s->next->prev = s;
    *head = s;
}

static bool mode_hides_own(enum sedge_receive_mode mode, const char *filter)
{
    if (mode == SEDGE_RECEIVE_DEFAULT) return sedge_topic_filter_has_wildcard(filter);
    return mode == SEDGE_RECEIVE_FROM_OTHERS;
}

struct sedge_subscription *sedge_broker_subscribe(struct sedge_broker *b, const char *filter, const char *identity,
                                                  enum sedge_receive_mode mode, void *user, struct sedge_err *err)
{
    size_t n = strlen(identity) + 1;
    struct sedge_subscription *s;

    if (count_levels(filter, trimmed(filter)) > SEDGE_BROKER_LEVELS_MAX) {
        (void)sedge_err_set(err, SEDGE_E_LIMIT, "The topic filter has more than %u levels", SEDGE_BROKER_LEVELS_MAX);
        return NULL;
    }
    if (strlen(filter) > SEDGE_BROKER_FILTER_MAX) {
        (void)sedge_err_set(err, SEDGE_E_LIMIT, "The topic filter has more than %u bytes", SEDGE_BROKER_FILTER_MAX);
        return NULL;
    }
    s = sedge_xcalloc(1, sizeof *s + n);
    memcpy(s->identity, identity, n);
    s->user = user;
    s->filter = sedge_xstrdup(filter);
    s->not_own = mode_hides_own(mode, filter);
    s->node = filter_node(b, filter, &s->tail);
    list_in(s);
    b->n++;
    return s;
}

static void remove_now(struct sedge_subscription *s)
{
    struct node *node = s->node;

    if (s->prev)
        s->prev->next = s->next;
    else if (s->tail)
        node->below = s->next;
    else
        node->here = s->next;
    if (s->next) s->next->prev = s->prev;
    free(s->filter);
    free(s);
    prune(node);
}

void sedge_broker_unsubscribe(struct sedge_broker *b, struct sedge_subscription *s)
{
    if (!s || s->dead) return;
    b->n--;
    if (b->publishing == 0) {
        remove_now(s);
        return;
    }
    s->dead = true;
    s->next_dead = b->dead;
    b->dead = s;
}

static void free_subscriptions(struct sedge_subscription *s)
{
    while (s) {
        struct sedge_subscription *next = s->next;

        free(s->filter);
        free(s);
        s = next;
    }
}

/* Without recursion: a filter may be deep. Goes down to a leaf, frees it, goes on with its parent. */
static void free_tree(struct node *n)
{
    while (n) {
        struct node *parent = n->parent;
        struct node *child = n->any;
        size_t i = 0;

        while (!child && i < n->nslots)
            child = n->slots[i++];
        if (child) {
            n = child;
            continue;
        }
        if (parent && n->is_any)
            parent->any = NULL;
        else if (parent)
            unslot(parent, n);
        free_subscriptions(n->here);
        free_subscriptions(n->below);
        free(n->slots);
        free(n);
        n = parent;
    }
}

void sedge_broker_free(struct sedge_broker *b)
{
    if (!b) return;
    sedge_assert(b->publishing == 0);
    free_tree(b->root);
    free(b);
}

size_t sedge_broker_count(const struct sedge_broker *b)
{
    return b->n;
}

const char *sedge_subscription_filter(const struct sedge_subscription *s)
{
    return s->filter;
}

/* ---- publish ---- */

struct pass {
    const char *publisher;
    const char *end; /* of the topic without its empty levels at the end */
    void (*deliver)(void *user, void *arg);
    void *arg;
    size_t n;
};

static void deliver_list(struct sedge_subscription *s, struct pass *p)
{
    for (; s; s = s->next) {
        if (s->dead || (s->not_own && p->publisher && strcmp(s->identity, p->publisher) == 0)) continue;
        p->n++;
        p->deliver(s->user, p->arg);
    }
}

/* `at` is the beginning of a level; NULL behind the last. Recursion is as deep as the deepest filter, which is bounded.
 */
static void walk(struct node *n, const char *at, struct pass *p)
{
    const char *slash;
    const char *next;
    size_t len;
    struct node *c;

    if (!at) {
        deliver_list(n->here, p);
        return;
    }
    deliver_list(n->below, p);
    slash = memchr(at, '/', (size_t)(p->end - at));
    len = slash ? (size_t)(slash - at) : (size_t)(p->end - at);
    next = slash ? slash + 1 : NULL;
    c = child_find(n, at, len, n->nslots ? hash_of(at, len) : 0);
    if (c) walk(c, next, p);
    if (n->any) walk(n->any, next, p);
}

static void bury(struct sedge_broker *b)
{
    while (b->dead) {
        struct sedge_subscription *s = b->dead;

        b->dead = s->next_dead;
        remove_now(s);
    }
}

size_t sedge_broker_publish(struct sedge_broker *b, const char *topic, const char *publisher,
                            void (*deliver)(void *user, void *arg), void *arg)
{
    size_t n = trimmed(topic);
    struct pass p = {.publisher = publisher, .end = topic + n, .deliver = deliver, .arg = arg};

    if (n == 0) return 0;
    b->publishing++;
    walk(b->root, topic, &p);
    if (--b->publishing == 0) bury(b);
    return p.n;
}
