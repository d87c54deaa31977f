#include "publisher.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "cloud/deploy/exec.h"
#include "cloud/query.h"

#define MESSAGES_MAX 4 /* of one dirty row */
#define ROOM         64

/* Messages on their way: the dirty row goes when the broker has them. */
struct sent {
    int mids[MESSAGES_MAX];
    size_t n, left;
    bool heard;
    int64_t thing_id, ns, seq;
    char *head;
};

/* The last message of each kind to one thing. */
struct told {
    int64_t at_ms[SEDGE_EXEC_NS_COUNT];
    int64_t seq[SEDGE_EXEC_NS_COUNT]; /* on its way; 0: none */
};

struct sedge_publisher {
    struct sedge_db *db;
    struct sedge_plane *plane;
    sedge_publish_fn send;
    void *user;
    struct sent sent[SEDGE_PUBLISH_WINDOW];
    size_t nsent;
    struct told *told; /* by thing id */
    size_t ntold;
    int64_t confirm_at;
    int64_t at_thing, at_ns; /* the row that was looked at last */
};

struct row {
    int64_t thing_id, ns, seq;
};

struct sedge_publisher *sedge_publisher_new(struct sedge_db *db, struct sedge_plane *plane, sedge_publish_fn send,
                                            void *user)
{
    struct sedge_publisher *p = SEDGE_NEW(struct sedge_publisher);

    p->db = db;
    p->plane = plane;
    p->send = send;
    p->user = user;
    return p;
}

static struct told *told_of(struct sedge_publisher *p, int64_t thing_id)
{
    size_t at = (size_t)thing_id;

    if (at >= p->ntold) {
        p->told = sedge_xrealloc(p->told, at + ROOM, sizeof(*p->told));
        memset(p->told + p->ntold, 0, (at + ROOM - p->ntold) * sizeof(*p->told));
        p->ntold = at + ROOM;
    }
    return &p->told[at];
}

static void forget(struct sedge_publisher *p, size_t i)
{
    told_of(p, p->sent[i].thing_id)->seq[p->sent[i].ns] = 0;
    free(p->sent[i].head);
    p->sent[i] = p->sent[--p->nsent];
}

void sedge_publisher_lost(struct sedge_publisher *p)
{
    while (p->nsent)
        forget(p, p->nsent - 1); /* still dirty: sent again after the connection is back */
}

void sedge_publisher_free(struct sedge_publisher *p)
{
    if (!p) return;
    sedge_publisher_lost(p);
    free(p->told);
    free(p);
}

void sedge_publisher_acked(struct sedge_publisher *p, int mid, bool heard)
{
    for (size_t i = 0; i < p->nsent; i++) {
        struct sent *s = &p->sent[i];

        for (size_t k = 0; k < s->n; k++) {
            if (s->mids[k] != mid) continue;
            s->mids[k] = 0; /* no packet has this id */
            s->left--;
            s->heard |= heard;
            return;
        }
    }
}

static int send_all(struct sedge_publisher *p, const struct sedge_plane_out *out, struct sent *s)
{
    for (size_t i = 0; i < out->n; i++) {
        sedge_assert(s->n < MESSAGES_MAX);
        if (p->send(p->user, &out->v[i], &s->mids[s->n]) != 0) return -1;
        s->n++;
        s->left++;
    }
    s->heard = out->n == 0; /* nobody to be told: not a sign of absence */
    return 0;
}

static void tell(struct sedge_publisher *p, const struct row *row, int64_t mono_ms, int64_t wall_ms)
{
    struct sedge_plane_out out = {0};
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sent s = {.thing_id = row->thing_id, .ns = row->ns, .seq = row->seq};
    struct told *t = told_of(p, row->thing_id);
    int rc = sedge_plane_notify(p->plane, wall_ms, row->thing_id, row->ns, &out, &s.head, &err);

    if (rc < 0) sedge_log(SEDGE_ERROR, "serve", "database", "%s", err.msg);
    if (rc == 0) rc = send_all(p, &out, &s);
    sedge_plane_out_release(&out);
    if (rc != 0) {
        free(s.head);
        return;
    }
    t->at_ms[row->ns] = mono_ms;
    t->seq[row->ns] = row->seq;
    p->sent[p->nsent++] = s;
}

static bool due(struct sedge_publisher *p, const struct row *row, int64_t mono_ms)
{
    const struct told *t;

    if (row->ns < 0 || row->ns >= SEDGE_EXEC_NS_COUNT) return false; /* of a newer version */
    t = told_of(p, row->thing_id);
    if (t->seq[row->ns]) return false;
    return !t->at_ms[row->ns] || mono_ms - t->at_ms[row->ns] >= SEDGE_PUBLISH_DEBOUNCE_MS;
}

/* The next rows behind the last one; from the start again when there are no more. */
static size_t next_rows(struct sedge_publisher *p, struct row *rows)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    sqlite3_stmt *q = sedge_q_kept(
        p->db, &err, "SELECT thing_id, ns, seq FROM dirty WHERE (thing_id,ns)>(?1,?2) ORDER BY thing_id, ns LIMIT ?3",
        "iii", p->at_thing, p->at_ns, (int64_t)SEDGE_PUBLISH_ROWS);
    size_t n = 0;

    while (q && n < SEDGE_PUBLISH_ROWS && sedge_db_step(p->db, q, &err) == 1)
        rows[n++] = (struct row){sqlite3_column_int64(q, 0), sqlite3_column_int64(q, 1), sqlite3_column_int64(q, 2)};
    sedge_db_done(p->db, q);
    if (err.code != SEDGE_OK) sedge_log(SEDGE_ERROR, "serve", "database", "%s", err.msg);
    p->at_thing = p->at_ns = 0;
    return n;
}

void sedge_publisher_turn(struct sedge_publisher *p, int64_t mono_ms, int64_t wall_ms)
{
    struct row rows[SEDGE_PUBLISH_ROWS];
    size_t n, i;

    if (p->nsent == SEDGE_PUBLISH_WINDOW) return;
    n = next_rows(p, rows);
    for (i = 0; i < n && p->nsent < SEDGE_PUBLISH_WINDOW; i++) {
        if (due(p, &rows[i], mono_ms)) tell(p, &rows[i], mono_ms, wall_ms);
    }
    if (i < n || n == SEDGE_PUBLISH_ROWS) {
        p->at_thing = rows[i - 1].thing_id;
        p->at_ns = rows[i - 1].ns;
    }
}

static int write_told(struct sedge_publisher *p, struct sedge_err *err)
{
    for (size_t i = 0; i < p->nsent; i++) {
        const struct sent *s = &p->sent[i];

        if (s->left == 0 && sedge_plane_told(p->plane, s->thing_id, s->ns, s->seq, s->head, err) != 0) return -1;
    }
    return 0;
}

void sedge_publisher_confirm(struct sedge_publisher *p, int64_t mono_ms)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    size_t taken = 0;

    for (size_t i = 0; i < p->nsent; i++)
        taken += p->sent[i].left == 0;
    if (taken == 0 || (mono_ms < p->confirm_at && taken < SEDGE_PUBLISH_WINDOW / 2)) return;
    p->confirm_at = mono_ms + SEDGE_PUBLISH_CONFIRM_MS;
    if (sedge_plane_refresh(p->plane, &err) != 0 || sedge_q_begin(p->db, &err) != 0 ||
        sedge_q_end(p->db, write_told(p, &err), &err) != 0) {
        sedge_log(SEDGE_ERROR, "serve", "database", "%s", err.msg);
        return; /* tried again with the next turn */
    }
    sedge_plane_own(p->plane);
    for (size_t i = p->nsent; i-- > 0;) {
        if (p->sent[i].left) continue;
        if (!p->sent[i].heard) sedge_plane_absent(p->plane, p->sent[i].thing_id);
        forget(p, i);
    }
}
