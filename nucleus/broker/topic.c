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

/* ---- MQTT ---- */

/* Behind "$share/<group>/"; the text itself when it is no shared subscription. */
static const char *unshared(const char *filter)
{
    const char *slash;

    if (strncmp(filter, "$share/", 7) != 0) return filter;
    slash = strchr(filter + 7, '/');
    return slash ? slash + 1 : filter;
}

bool sedge_mqtt_topic_matches(const char *filter, const char *topic)
{
    const char *fs = unshared(filter);
    size_t fn = strlen(fs);
    size_t tn = strlen(topic);
    size_t fpos = 0;
    size_t tpos = 0;
    struct level f;
    struct level t;

    if (fn == 0 || tn == 0) return false;
    if (topic[0] == '$' && (fs[0] == '+' || fs[0] == '#')) return false;
    while (next_level(fs, fn, &fpos, &f)) {
        if (is(&f, '#')) return true; /* also the level above it */
        if (!next_level(topic, tn, &tpos, &t)) return false;
        if (!is(&f, '+') && !same(&f, &t)) return false;
    }
    return !next_level(topic, tn, &tpos, &t);
}

bool sedge_mqtt_filter_covers(const char *wide, const char *narrow)
{
    const char *ws = unshared(wide);
    const char *ns = unshared(narrow);
    size_t wn = strlen(ws);
    size_t nn = strlen(ns);
    size_t wpos = 0;
    size_t npos = 0;
    struct level w;
    struct level n;

    if (wn == 0 || nn == 0) return false;
    if (ns[0] == '$' && (ws[0] == '+' || ws[0] == '#')) return false;
    while (next_level(ws, wn, &wpos, &w)) {
        if (is(&w, '#')) return true;
        if (!next_level(ns, nn, &npos, &n) || is(&n, '#')) return false;
        if (!is(&w, '+') && !same(&w, &n)) return false;
    }
    return !next_level(ns, nn, &npos, &n);
}

int sedge_mqtt_filter_check(const char *filter, struct sedge_err *err)
{
    const char *fs = unshared(filter);
    size_t n = strlen(fs);
    size_t pos = 0;
    struct level l;

    if (n == 0) return sedge_err_set(err, SEDGE_E_INVALID, "Topic must not be empty");
    while (next_level(fs, n, &pos, &l)) {
        if (is(&l, '+') || (is(&l, '#') && l.last)) continue;
        if (memchr(l.p, '#', l.n) || memchr(l.p, '+', l.n))
            return sedge_err_set(err, SEDGE_E_INVALID,
                                 "The topic filter %s is invalid: '+' stands for a whole level, '#' for all levels at "
                                 "the end",
                                 filter);
    }
    return 0;
}

/* ---- limits of IoT Core ---- */

/* Characters, not bytes: continuation bytes do not count. */
static size_t characters(const char *s)
{
    size_t n = 0;

    for (; *s; s++)
        n += ((unsigned char)*s & 0xC0u) != 0x80u;
    return n;
}

static size_t slashes(const char *s)
{
    size_t n = 0;

    for (; *s; s++)
        n += *s == '/';
    return n;
}

/* Behind "$aws/rules/<rule>/", which does not count. */
static const char *without_rule(const char *topic)
{
    const char *slash;

    if (strncmp(topic, "$aws/rules/", 11) != 0) return topic;
    slash = strchr(topic + 11, '/');
    return slash ? slash + 1 : topic;
}

static int check_limits(const char *counted, struct sedge_err *err)
{
    if (counted[0] == '$') { /* reserved topics have a limit of their own */
        if (characters(counted) <= SEDGE_MQTT_RESERVED_MAX) return 0;
        return sedge_err_set(err, SEDGE_E_LIMIT, "Reserved topic total length is greater than %u bytes",
                             SEDGE_MQTT_RESERVED_MAX);
    }
    if (slashes(counted) > SEDGE_MQTT_SLASHES_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "The request topic must have no more than %u forward slashes (/)",
                             SEDGE_MQTT_SLASHES_MAX);
    if (characters(counted) > SEDGE_MQTT_TOPIC_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT,
                             "The topic size of request must be no larger than %u bytes of UTF-8 encoded characters",
                             SEDGE_MQTT_TOPIC_MAX);
    return 0;
}

int sedge_iotcore_topic_check(const char *topic, struct sedge_err *err)
{
    if (!*topic) return sedge_err_set(err, SEDGE_E_INVALID, "Topic must not be empty");
    if (strpbrk(topic, "#+"))
        return sedge_err_set(err, SEDGE_E_INVALID, "Publish topics must not contain wildcard characters of '#' or '+'");
    return check_limits(without_rule(topic), err);
}

int sedge_iotcore_filter_check(const char *filter, struct sedge_err *err)
{
    if (sedge_mqtt_filter_check(filter, err)) return -1;
    return check_limits(unshared(filter), err);
}
