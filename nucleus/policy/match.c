#include "match.h"
#include "policy.h"

#include "base/mem.h"

#include <string.h>

/*
 * A pattern is a list of tokens; matching is a walk over the resource with the set of tokens that may come next (a
 * Thompson machine), so that the time is at most tokens times characters whatever the pattern.
 */

/* Whether the character at `i` of the n characters at s makes up a whole level. */
static bool whole_level(const char *s, size_t i, size_t n)
{
    return (i == 0 || s[i - 1] == '/') && (i + 1 == n || s[i + 1] == '/');
}

/* One token at p (at offset i of the text), its length in the text; 0 with *why when it is not valid. */
static size_t read_token(const char *text, size_t i, size_t n, struct sedge_match_token *t, const char **why)
{
    const char *p = text + i;

    *t = (struct sedge_match_token){SEDGE_TOKEN_LITERAL, *p};
    if (*p == '?') {
        *why = "\"?\" is not a wildcard; write ${?} for the character";
        return 0;
    }
    if (*p == '*') t->kind = SEDGE_TOKEN_ANY;
    if (*p == '+' && whole_level(text, i, n)) t->kind = SEDGE_TOKEN_LEVEL;
    if (*p == '#' && whole_level(text, i, n) && i + 1 == n) t->kind = SEDGE_TOKEN_REST;
    if (*p != '$' || p[1] != '{') return 1;
    if (!p[2] || !strchr("*$?", p[2]) || p[3] != '}') {
        *why = "after \"${\" only ${*}, ${$} and ${?} are possible";
        return 0;
    }
    t->c = p[2];
    return 4;
}

int sedge_match_compile(const char *text, struct sedge_match_pattern *out, struct sedge_err *err)
{
    size_t n = strlen(text);
    const char *why = "";

    *out = (struct sedge_match_pattern){NULL, 0, NULL};
    if (text[strspn(text, " \t\r\n")] == '\0') return sedge_err_set(err, SEDGE_E_INVALID, "a resource is empty");
    if (n > SEDGE_POLICY_PATTERN_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "resource \"%.40s...\" is longer than %d bytes", text,
                             SEDGE_POLICY_PATTERN_MAX);
    out->tokens = sedge_xcalloc(n, sizeof *out->tokens);
    for (size_t i = 0; i < n;) {
        size_t used = read_token(text, i, n, &out->tokens[out->n], &why);

        if (used == 0) {
            sedge_match_release(out);
            return sedge_err_set(err, SEDGE_E_INVALID, "resource \"%s\": %s", text, why);
        }
        out->n++;
        i += used;
    }
    out->text = sedge_xstrdup(text);
    return 0;
}

void sedge_match_release(struct sedge_match_pattern *p)
{
    free(p->tokens);
    free(p->text);
    *p = (struct sedge_match_pattern){NULL, 0, NULL};
}

struct machine {
    const struct sedge_match_pattern *p;
    bool mqtt;
    unsigned char *now; /* now[i]: token i may come next; now[n]: the end was reached */
};

static bool repeats(const struct machine *m, size_t i)
{
    enum sedge_token_kind kind = m->p->tokens[i].kind;

    return kind == SEDGE_TOKEN_ANY || (m->mqtt && kind != SEDGE_TOKEN_LITERAL);
}

/* A token that matches any run may be passed over without a character. */
static void close_empty(struct machine *m)
{
    for (size_t i = 0; i < m->p->n; i++)
        if (m->now[i] && repeats(m, i)) m->now[i + 1] = 1;
}

/* `wild`: the character is a wildcard level of a requested MQTT filter, which literals of a pattern do not cover. */
static bool takes(const struct machine *m, size_t i, char c, bool wild)
{
    const struct sedge_match_token *t = &m->p->tokens[i];

    if (t->kind == SEDGE_TOKEN_ANY) return true;
    if (m->mqtt && t->kind == SEDGE_TOKEN_REST) return true;
    if (m->mqtt && t->kind == SEDGE_TOKEN_LEVEL) return c != '/' && !(wild && c == '#');
    return t->c == c && !wild;
}

static bool step(struct machine *m, char c, bool wild)
{
    bool alive = false;

    for (size_t i = m->p->n + 1; i-- > 0;) { /* from the end, so that a token that moves on is not seen twice */
        bool here = m->now[i] != 0;

        if (i < m->p->n && here && takes(m, i, c, wild)) {
            alive = true;
            if (repeats(m, i)) continue;
            m->now[i + 1] = 1;
        }
        m->now[i] = 0;
    }
    close_empty(m);
    return alive;
}

/* At the end of the resource "a", pattern "a/#" stands before its "/": that matches too. */
static bool at_parent(const struct machine *m)
{
    size_t n = m->p->n;

    return m->mqtt && n >= 2 && m->p->tokens[n - 1].kind == SEDGE_TOKEN_REST && m->p->tokens[n - 2].c == '/' &&
           m->now[n - 2];
}

bool sedge_match_run(const struct sedge_match_pattern *p, const char *resource, enum sedge_match_style style)
{
    unsigned char now[SEDGE_POLICY_PATTERN_MAX + 1];
    struct machine m = {p, style == SEDGE_MATCH_MQTT, now};
    size_t n = strlen(resource);

    if (strcmp(p->text, resource) == 0 && !strchr(p->text, '$')) return true; /* equal text always permits itself */
    memset(now, 0, p->n + 1);
    now[0] = 1;
    close_empty(&m);
    for (size_t i = 0; i < n; i++) {
        char c = resource[i];
        bool wild = m.mqtt && whole_level(resource, i, n) && (c == '+' || (c == '#' && i + 1 == n));

        if (!step(&m, c, wild)) return false;
    }
    return now[p->n] || at_parent(&m);
}

bool sedge_policy_match(const char *pattern, const char *resource, enum sedge_match_style style)
{
    struct sedge_match_pattern p;
    bool hit;

    if (sedge_match_compile(pattern, &p, NULL) != 0) return false;
    hit = sedge_match_run(&p, resource, style);
    sedge_match_release(&p);
    return hit;
}

int sedge_policy_pattern_check(const char *pattern, struct sedge_err *err)
{
    struct sedge_match_pattern p;

    if (sedge_match_compile(pattern, &p, err) != 0) return -1;
    sedge_match_release(&p);
    return 0;
}
