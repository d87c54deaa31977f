#include "guests.h"

#include <string.h>

#include "base/mem.h"
#include "plane_internal.h"
#include "cloud/query.h"

#define ROOM 64 /* things by which the table grows */

struct sedge_guests {
    struct sedge_guest *v; /* by thing id */
    size_t n;
    size_t *names; /* thing ids by hash of the name, open addressing; 0: free */
    size_t slots, used;
    uint64_t generation;
    int64_t data_version, changes;
};

struct sedge_guests *sedge_guests_new(void)
{
    struct sedge_guests *g = SEDGE_NEW(struct sedge_guests);

    g->generation = 1;
    g->data_version = g->changes = -1;
    return g;
}

void sedge_guests_free(struct sedge_guests *g)
{
    if (!g) return;
    for (size_t i = 0; i < g->n; i++) {
        free(g->v[i].name);
        sedge_plane_chunks_free(g->v[i].chunks);
    }
    free(g->v);
    free(g->names);
    free(g);
}

static int64_t changes_of(struct sedge_db *db)
{
    return sqlite3_total_changes64(sedge_db_handle(db));
}

int sedge_guests_refresh(struct sedge_guests *g, struct sedge_db *db, struct sedge_err *err)
{
    int64_t version = 0, changes = changes_of(db);

    if (sedge_q_i64(db, err, &version, "PRAGMA data_version", "") < 0) return -1;
    if (version != g->data_version || changes != g->changes) g->generation++;
    g->data_version = version;
    g->changes = changes;
    return 0;
}

void sedge_guests_own(struct sedge_guests *g, struct sedge_db *db)
{
    g->changes = changes_of(db);
}

struct sedge_guest *sedge_guests_by_id(struct sedge_guests *g, int64_t thing_id)
{
    size_t at = (size_t)thing_id;

    if (at >= g->n) {
        g->v = sedge_xrealloc(g->v, at + ROOM, sizeof(*g->v));
        memset(g->v + g->n, 0, (at + ROOM - g->n) * sizeof(*g->v));
        g->n = at + ROOM;
    }
    g->v[at].thing_id = thing_id;
    return &g->v[at];
}

static size_t hash_of(const char *name)
{
    uint64_t hash = 1469598103934665603ULL; /* FNV-1a */

    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 1099511628211ULL;
    return (size_t)hash;
}

/* Where `name` is, or where it would go. */
static size_t slot_of(const struct sedge_guests *g, const char *name)
{
    size_t at = hash_of(name) & (g->slots - 1);

    while (g->names[at] && strcmp(g->v[g->names[at]].name, name) != 0)
        at = (at + 1) & (g->slots - 1);
    return at;
}

static void grow(struct sedge_guests *g)
{
    size_t *old = g->names, n = g->slots;

    g->slots = n ? n * 2 : ROOM;
    g->names = sedge_xcalloc(g->slots, sizeof(*g->names));
    for (size_t i = 0; i < n; i++) {
        if (old[i]) g->names[slot_of(g, g->v[old[i]].name)] = old[i];
    }
    free(old);
}

struct sedge_guest *sedge_guests_by_name(struct sedge_guests *g, const char *name)
{
    size_t id = g->slots ? g->names[slot_of(g, name)] : 0;

    return id && g->v[id].known == g->generation ? &g->v[id] : NULL;
}

struct sedge_guest *sedge_guests_learn(struct sedge_guests *g, const char *name, int64_t thing_id)
{
    struct sedge_guest *t = sedge_guests_by_id(g, thing_id);
    size_t at;

    if (!t->name) t->name = sedge_xstrdup(name); /* a thing keeps its name; a new one of that name has another id */
    if (g->used * 2 >= g->slots) grow(g);
    at = slot_of(g, name);
    if (!g->names[at]) g->used++;
    g->names[at] = (size_t)thing_id;
    t->known = g->generation;
    return t;
}

bool sedge_guest_idle(const struct sedge_guests *g, const struct sedge_guest *t)
{
    return t->idle == g->generation;
}

void sedge_guest_set_idle(const struct sedge_guests *g, struct sedge_guest *t, bool idle)
{
    t->idle = idle ? g->generation : 0;
}

static double refill(double tokens, int64_t ms, double rate, double most)
{
    tokens += (double)ms * rate / 1000.0;
    return tokens > most ? most : tokens;
}

enum sedge_guest_rate sedge_guest_count(struct sedge_guest *t, int64_t mono_ms)
{
    int64_t passed = mono_ms - (t->refilled_ms ? t->refilled_ms : mono_ms);

    if (!t->refilled_ms) {
        t->tokens = SEDGE_GUEST_BURST;
        t->flood = SEDGE_GUEST_BURST * SEDGE_GUEST_FLOOD;
    }
    t->refilled_ms = mono_ms;
    t->tokens = refill(t->tokens, passed, SEDGE_GUEST_RATE, SEDGE_GUEST_BURST);
    t->flood = refill(t->flood, passed, SEDGE_GUEST_RATE * SEDGE_GUEST_FLOOD, SEDGE_GUEST_BURST * SEDGE_GUEST_FLOOD);
    if (mono_ms < t->deaf_until_ms) return SEDGE_GUEST_DEAF;
    if (t->flood < 1.0) {
        t->deaf_until_ms = mono_ms + SEDGE_GUEST_FLOOD_MS;
        return SEDGE_GUEST_TURNS_DEAF;
    }
    t->flood -= 1.0;
    if (t->tokens < 1.0) return SEDGE_GUEST_TOO_FAST;
    t->tokens -= 1.0;
    return SEDGE_GUEST_WELCOME;
}

int sedge_guest_write_seen(struct sedge_guest *t, struct sedge_db *db, int64_t now_s, struct sedge_err *err)
{
    int64_t passed = now_s - t->written_s;

    t->seen_s = now_s;
    if (passed >= 0 && passed < SEDGE_GUEST_SEEN_S) return 0;
    if (sedge_q_run(db, err, "UPDATE thing SET last_seen=?2 WHERE id=?1", "ii", t->thing_id, now_s) != 0) return -1;
    t->written_s = now_s;
    return 0;
}

int sedge_guests_write_seen(struct sedge_guests *g, struct sedge_db *db, int64_t now_s, struct sedge_err *err)
{
    for (size_t i = 1; i < g->n; i++) {
        struct sedge_guest *t = &g->v[i];

        sedge_plane_chunks_expire(&t->chunks, now_s);
        if (t->seen_s <= t->written_s || now_s - t->written_s < SEDGE_GUEST_SEEN_S) continue;
        if (sedge_q_run(db, err, "UPDATE thing SET last_seen=?2 WHERE id=?1", "ii", t->thing_id, t->seen_s) != 0)
            return -1;
        t->written_s = t->seen_s;
    }
    return 0;
}
