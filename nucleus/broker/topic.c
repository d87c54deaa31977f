#include "topic.h"

#include <string.h>

/* A level of a topic; `last` tells that no further one follows. */
struct level {
    const char *p;
    size_t n;
    bool last;
};

/* ---- local topics ---- */

/* Length without the empty levels at the end. */
static size_t trimmed(const char *s)
{
    size_t n = strlen(s);

    while (n > 0 && s[n - 1] == '/')
        n--;
    return n;
}

/* The level at *pos of s[0..n); false behind the last. */
static bool next_level(const char *s, size_t n, size_t *pos, struct level *out)
{
    const char *slash;

    if (*pos > n || n == 0) return false;
    out->p = s + *pos;
    slash = memchr(out->p, '/', n - *pos);
    out->n = slash ? (size_t)(slash - out->p) : n - *pos;
    out->last = slash == NULL;
    *pos = out->last ? n + 1 : *pos + out->n + 1;
    return true;
}

static bool is(const struct level *l, char c)
{
    return l->n == 1 && l->p[0] == c;
}

static bool same(const struct level *a, const struct level *b)
{
    return a->n == b->n && memcmp(a->p, b->p, a->n) == 0;
}

bool sedge_topic_matches(const char *filter, const char *topic)
{
    size_t fn = trimmed(filter);
    size_t tn = trimmed(topic);
    size_t fpos = 0;
    size_t tpos = 0;
    struct level f;
    struct level t;

    if (fn == 0 || tn == 0) return false;
    while (next_level(filter, fn, &fpos, &f)) {
        if (!next_level(topic, tn, &tpos, &t)) return false;
        if (is(&f, '#') && f.last) return true;
        if (!is(&f, '+') && !is(&f, '#') && !same(&f, &t)) return false;
    }
    return !next_level(topic, tn, &tpos, &t);
}

bool sedge_topic_filter_has_wildcard(const char *filter)
{
    size_t n = trimmed(filter);
    size_t pos = 0;
    struct level l;

    while (next_level(filter, n, &pos, &l))
        if (is(&l, '+') || (is(&l, '#') && l.last)) return true;
    return false;
}

bool sedge_topic_has_level(const char *topic)
{
    return trimmed(topic) > 0;
}

bool sedge_topic_has_wildcard_char(const char *topic)
{
    return topic[strcspn(topic, "+#*")] != 0;
}
