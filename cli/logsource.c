#include "logsource.h"

#include "base/clock.h"
#include "base/mem.h"
#include "logreader.h"

#include <stdio.h>
#include <string.h>

struct queue {
    struct sedge_loghit *v;
    size_t first, n, cap;
};

struct sedge_logsource {
    const struct sedge_logquery *query;
    struct sedge_logreader *reader;
    struct queue around;        /* the last lines that did not match, at most query->before */
    struct queue out;           /* to be given out */
    int after;                  /* lines that are still to be given out though they do not match */
    struct sedge_logentry last; /* the entry that lines of no form belong to */
    bool has_last;
};

void sedge_loghit_release(struct sedge_loghit *h)
{
    sedge_logentry_release(&h->entry);
    sedge_strv_release(&h->keywords);
}

static void grow(struct queue *q)
{
    size_t cap = q->cap ? q->cap * 2 : 8;
    struct sedge_loghit *v = sedge_xcalloc(cap, sizeof *v);

    for (size_t i = 0; i < q->n; i++)
        v[i] = q->v[(q->first + i) % q->cap];
    free(q->v);
    *q = (struct queue){v, 0, q->n, cap};
}

static void push_take(struct queue *q, struct sedge_loghit *h)
{
    if (q->n == q->cap) grow(q);
    q->v[(q->first + q->n++) % q->cap] = *h;
}

static struct sedge_loghit pop(struct queue *q)
{
    struct sedge_loghit h = q->v[q->first];

    q->first = (q->first + 1) % q->cap;
    q->n--;
    return h;
}

static void release(struct queue *q)
{
    while (q->n) {
        struct sedge_loghit h = pop(q);
        sedge_loghit_release(&h);
    }
    free(q->v);
}

struct sedge_logsource *sedge_logsource_new(const struct sedge_strv *paths, const struct sedge_logquery *query)
{
    struct sedge_logsource *s = SEDGE_NEW(struct sedge_logsource);

    s->query = query;
    s->reader = sedge_logreader_new(paths, SEDGE_LOGLINE_MAX, query->follow);
    return s;
}

void sedge_logsource_free(struct sedge_logsource *s)
{
    if (!s) return;
    sedge_logreader_free(s->reader);
    release(&s->around);
    release(&s->out);
    sedge_logentry_release(&s->last);
    free(s);
}

static void remember(struct sedge_logsource *s, const struct sedge_logentry *e)
{
    if (e->form == SEDGE_LOGFORM_PLAIN) return;
    json_object_put(s->last.fields);
    s->last.fields = json_object_get(e->fields);
    s->last.time_ms = e->time_ms;
    s->has_last = true;
}

static bool parse(struct sedge_logsource *s, const char *line, struct sedge_logentry *out)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    if (!s->query->syslog) {
        sedge_logentry_parse(line, s->has_last ? &s->last : NULL, sedge_wall_ms(), out);
        remember(s, out);
        return true;
    }
    if (sedge_logentry_parse_syslog(line, sedge_wall_ms(), out, &err) == 0) return true;
    (void)fprintf(stderr, "%s\n", err.msg);
    return false;
}

/* A line that does not match is printed after a match, or kept for the next one. */
static void around(struct sedge_logsource *s, struct sedge_loghit *h)
{
    sedge_strv_release(&h->keywords); /* of the elements that did match */
    if (s->after > 0) {
        s->after--;
        push_take(&s->out, h);
        return;
    }
    push_take(&s->around, h);
    if (s->around.n > (size_t)s->query->before) {
        struct sedge_loghit oldest = pop(&s->around);
        sedge_loghit_release(&oldest);
    }
}

static void take_line(struct sedge_logsource *s, const char *line)
{
    struct sedge_loghit h = {.keywords = {NULL, 0}};

    if (!*line || !parse(s, line, &h.entry)) return;
    if (!sedge_logwindow_has(s->query->windows, s->query->nwindows, h.entry.time_ms) ||
        !sedge_logfilter_match(s->query->filter, &h.entry, &h.keywords)) {
        around(s, &h);
        return;
    }
    while (s->around.n) {
        struct sedge_loghit earlier = pop(&s->around);
        push_take(&s->out, &earlier);
    }
    push_take(&s->out, &h);
    s->after = s->query->after;
}

const struct sedge_loghit *sedge_logsource_peek(struct sedge_logsource *s)
{
    while (s->out.n == 0) {
        const char *line = sedge_logreader_next(s->reader);
        if (!line) return NULL;
        take_line(s, line);
    }
    return &s->out.v[s->out.first];
}

int sedge_logsource_next(struct sedge_logsource *s, struct sedge_loghit *out)
{
    if (!sedge_logsource_peek(s)) return 0;
    *out = pop(&s->out);
    return 1;
}
