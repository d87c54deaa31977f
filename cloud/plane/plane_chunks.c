/* A fleet status that comes in several messages: which pieces are there, and which components they name. */
#include "base/mem.h"
#include "base/str.h"
#include "plane_internal.h"

#define NAMES_MAX 4096 /* components of one fleet status; with more it is never whole */

struct sedge_guest_chunks {
    int64_t seq, ts, started_s, total;
    uint64_t got; /* bit for each piece */
    struct sedge_strv names;
};

_Static_assert(SEDGE_GUEST_CHUNKS_MAX == 64, "one bit for each piece");

void sedge_plane_chunks_free(struct sedge_guest_chunks *c)
{
    if (!c) return;
    sedge_strv_release(&c->names);
    free(c);
}

void sedge_plane_chunks_expire(struct sedge_guest_chunks **c, int64_t now_s)
{
    if (!*c || now_s - (*c)->started_s < SEDGE_GUEST_CHUNK_S) return;
    sedge_plane_chunks_free(*c);
    *c = NULL;
}

enum sedge_plane_piece sedge_plane_chunk_take(struct sedge_guest_chunks **at, const struct sedge_plane_chunk *k,
                                              int64_t now_s)
{
    struct sedge_guest_chunks *c;
    uint64_t bit;

    sedge_plane_chunks_expire(at, now_s);
    if (k->id < 1 || k->id > k->total || k->total > SEDGE_GUEST_CHUNKS_MAX) return SEDGE_PIECE_NEW;
    if (!*at || (*at)->seq != k->seq || (*at)->ts != k->ts || (*at)->total != k->total) {
        sedge_plane_chunks_free(*at);
        *at = SEDGE_NEW(struct sedge_guest_chunks);
        (*at)->seq = k->seq;
        (*at)->ts = k->ts;
        (*at)->total = k->total;
        (*at)->started_s = now_s;
    }
    c = *at;
    bit = UINT64_C(1) << (k->id - 1);
    if (c->got & bit) return SEDGE_PIECE_AGAIN;
    c->got |= bit;
    return c->got == UINT64_MAX >> (SEDGE_GUEST_CHUNKS_MAX - c->total) ? SEDGE_PIECE_LAST : SEDGE_PIECE_NEW;
}

void sedge_plane_chunk_name(struct sedge_guest_chunks *c, const char *component)
{
    if (c && c->names.n <= NAMES_MAX) sedge_strv_add(&c->names, component);
}

const struct sedge_strv *sedge_plane_chunk_names(const struct sedge_guest_chunks *c)
{
    return c->names.n <= NAMES_MAX ? &c->names : NULL;
}
