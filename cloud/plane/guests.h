/*
 * guests - what is remembered of each thing while the service runs: its token bucket, when it was last heard, whether
 * it has nothing to do, whether the broker knows it. All of it may be lost: the database is the only truth.
 *
 *   sedge_guests_refresh(g, db, &err);              // before a transaction: did somebody else change the database?
 *   struct sedge_guest *t = sedge_guests_by_name(g, "cam-1");     // NULL: not known, or not since the last change
 *   t = sedge_guests_learn(g, "cam-1", id);         // after the database said so
 *   ...
 *   sedge_guests_own(g, db);                        // after the commit: what we wrote ourselves makes no work
 *
 * A change by another process, or by another part of this one between `own` and `refresh`, starts a new generation:
 * what was known of all things (name, "nothing to do") is looked up again. Pointers are good until the next learn.
 */
#ifndef SEDGE_CLOUD_GUESTS_H
#define SEDGE_CLOUD_GUESTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/db.h"
#include "base/err.h"

#define SEDGE_GUEST_RATE       10 /* requests a second of one thing */
#define SEDGE_GUEST_BURST      50
#define SEDGE_GUEST_FLOOD      10    /* times the rate: then it is not heard at all for some time */
#define SEDGE_GUEST_FLOOD_MS   60000 /* how long */
#define SEDGE_GUEST_SEEN_S     10    /* last_seen of a thing is written at most so often */
#define SEDGE_GUEST_CHUNK_S    300   /* chunks of a fleet status that is not whole by then are taken as they are */
#define SEDGE_GUEST_CHUNKS_MAX 64    /* chunks of one fleet status */

struct sedge_guest_chunks; /* of a COMPLETE fleet status that is arriving: plane_chunks.c */

struct sedge_guest {
    int64_t thing_id;
    uint64_t known, idle; /* generation in which that was so; 0: never */
    char *name;
    bool absent; /* the broker had no subscriber for it, and it was not heard since */
    int64_t seen_s, written_s;
    int64_t refilled_ms, poison_ms, deaf_until_ms;
    double tokens, flood;
    unsigned suppressed;
    struct sedge_guest_chunks *chunks;
};

struct sedge_guests;
struct sedge_guests *sedge_guests_new(void);
void sedge_guests_free(struct sedge_guests *g);

int sedge_guests_refresh(struct sedge_guests *g, struct sedge_db *db, struct sedge_err *err);
void sedge_guests_own(struct sedge_guests *g, struct sedge_db *db);

struct sedge_guest *sedge_guests_by_name(struct sedge_guests *g, const char *name);
struct sedge_guest *sedge_guests_learn(struct sedge_guests *g, const char *name, int64_t thing_id);
struct sedge_guest *sedge_guests_by_id(struct sedge_guests *g, int64_t thing_id); /* 0: of all that are not known */

/* A thing that asked and got nothing needs no look into the database until something changes. */
bool sedge_guest_idle(const struct sedge_guests *g, const struct sedge_guest *t);
void sedge_guest_set_idle(const struct sedge_guests *g, struct sedge_guest *t, bool idle);

enum sedge_guest_rate { SEDGE_GUEST_WELCOME, SEDGE_GUEST_TOO_FAST, SEDGE_GUEST_DEAF, SEDGE_GUEST_TURNS_DEAF };
enum sedge_guest_rate sedge_guest_count(struct sedge_guest *t, int64_t mono_ms);

/* Writes last_seen of the things that were heard without a look into the database; inside a transaction. */
int sedge_guests_write_seen(struct sedge_guests *g, struct sedge_db *db, int64_t now_s, struct sedge_err *err);
int sedge_guest_write_seen(struct sedge_guest *t, struct sedge_db *db, int64_t now_s, struct sedge_err *err);

#endif
