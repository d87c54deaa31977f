/* Follows all ways through a pattern at once, so that the time is at most steps times characters. */
#include "pattern_internal.h"

#include "base/mem.h"

#include <string.h>

/* Bytes of a character by its first byte, 0 for none. */
static unsigned length_of(unsigned char c)
{
    if (c < 0x80) return 1;
    if (c >= 0xc2 && c <= 0xdf) return 2;
    if (c >= 0xe0 && c <= 0xef) return 3;
    return c >= 0xf0 && c <= 0xf4 ? 4 : 0;
}

uint32_t sedge_pattern_take(const char **p)
{
    const unsigned char *s = (const unsigned char *)*p;
    unsigned n = length_of(*s);
    uint32_t c = n < 2 ? *s : *s & (0x7fu >> n);

    for (unsigned i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            n = 0;
            break;
        }
        c = c << 6 | (s[i] & 0x3fu);
    }
    if (n == 0) {
        (*p)++;
        return *s;
    }
    *p += n;
    return c;
}

static uint32_t other_case(uint32_t c)
{
    if (c >= 'a' && c <= 'z') return c - 'a' + 'A';
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

static bool in_ranges(const struct sedge_pattern *p, const struct step *s, uint32_t c)
{
    for (size_t i = s->first; i < s->first + s->count; i++)
        if (c >= p->ranges[i].from && c <= p->ranges[i].to) return true;
    return false;
}

static bool takes(const struct sedge_pattern *p, const struct step *s, uint32_t c)
{
    if (s->kind == STEP_CHAR) return s->c == c || (p->ignore_case && s->c == other_case(c));
    if (s->kind == STEP_SET) return in_ranges(p, s, c); /* of both cases already */
    return s->kind == STEP_ANY && c != '\n' && c != '\r' && c != 0x85 && c != 0x2028 && c != 0x2029;
}

static bool is_word(uint32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Where the matcher stands: between two characters, 0 where there is none. */
struct place {
    uint32_t before, after;
    bool begin;
};

static bool holds(enum step_kind kind, const struct place *at)
{
    bool edge = is_word(at->before) != is_word(at->after);

    if (kind == STEP_BEGIN) return at->begin;
    if (kind == STEP_END) return at->after == 0;
    return edge == (kind == STEP_WORD_EDGE);
}

/* Steps that are reached; `n` of the pattern stands for its end. */
struct front {
    size_t *list;
    size_t n;
    bool *has;
};

static void reach(struct front *f, size_t i)
{
    if (f->has[i]) return;
    f->has[i] = true;
    f->list[f->n++] = i;
}

/* Adds what can be reached from the steps in f without a character. */
static void spread(const struct sedge_pattern *p, struct front *f, const struct place *at)
{
    for (size_t k = 0; k < f->n; k++) {
        size_t i = f->list[k];
        const struct step *s;

        if (i == p->n) continue;
        s = &p->steps[i];
        if (s->kind == STEP_JUMP || s->kind == STEP_SPLIT) reach(f, (size_t)((int64_t)i + s->a));
        if (s->kind == STEP_SPLIT) reach(f, (size_t)((int64_t)i + s->b));
        if (s->kind >= STEP_BEGIN && holds(s->kind, at)) reach(f, i + 1);
    }
}

static void clear(struct front *f, size_t size)
{
    memset(f->has, 0, size * sizeof *f->has);
    f->n = 0;
}

bool sedge_pattern_match(const struct sedge_pattern *p, const char *value)
{
    size_t size = p->n + 1;
    sedge_auto_free size_t *lists = sedge_xcalloc(2 * size, sizeof *lists);
    sedge_auto_free bool *marks = sedge_xcalloc(2 * size, sizeof *marks);
    struct front now = {lists, 0, marks};
    struct front next = {lists + size, 0, marks + size};
    struct place at = {0, 0, true};

    reach(&now, 0);
    for (;;) {
        const char *ahead = value;
        struct front swap;

        at.after = *value ? sedge_pattern_take(&ahead) : 0;
        spread(p, &now, &at);
        if (!*value) return now.has[p->n];
        clear(&next, size);
        for (size_t k = 0; k < now.n; k++)
            if (now.list[k] < p->n && takes(p, &p->steps[now.list[k]], at.after)) reach(&next, now.list[k] + 1);
        if (next.n == 0) return false;
        swap = now;
        now = next;
        next = swap;
        at = (struct place){at.after, 0, false};
        value = ahead;
    }
}
