/* Reads the text of a regular expression into a program of steps. */
#include "pattern_internal.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define LAST_CHARACTER 0x10ffffu
#define REPEAT_MAX     1000 /* of "{n,m}" */

struct reader {
    const char *at;
    struct sedge_pattern *p;
    unsigned depth;
    bool literal; /* between \Q and \E */
    struct sedge_err *err;
};

static int bad(struct reader *r, const char *why)
{
    return sedge_err_set(r->err, SEDGE_E_INVALID, "%s", why);
}

static int unsupported(struct reader *r, const char *what)
{
    return sedge_err_set(r->err, SEDGE_E_UNSUPPORTED, "%s is not supported; write it without", what);
}

/* ---- steps ---- */

static int room(struct reader *r, size_t more)
{
    if (r->p->n + more > SEDGE_PATTERN_STEPS_MAX)
        return sedge_err_set(r->err, SEDGE_E_LIMIT, "it is too large: more than %d steps", SEDGE_PATTERN_STEPS_MAX);
    r->p->steps = sedge_xrealloc(r->p->steps, r->p->n + more, sizeof *r->p->steps);
    return 0;
}

/* Puts a step in front of the block that begins at `at` and goes to the end. */
static int insert(struct reader *r, size_t at, struct step s)
{
    if (room(r, 1) != 0) return -1;
    memmove(&r->p->steps[at + 1], &r->p->steps[at], (r->p->n - at) * sizeof s);
    r->p->steps[at] = s;
    r->p->n++;
    return 0;
}

static int append(struct reader *r, struct step s)
{
    return insert(r, r->p->n, s);
}

static int append_char(struct reader *r, uint32_t c)
{
    return append(r, (struct step){.kind = STEP_CHAR, .c = c});
}

static int append_copy(struct reader *r, const struct step *block, size_t n)
{
    if (n == 0) return 0;
    if (room(r, n) != 0) return -1;
    memcpy(&r->p->steps[r->p->n], block, n * sizeof *block);
    r->p->n += n;
    return 0;
}

/* ---- sets ---- */

struct named_set {
    const char *name;
    struct range ranges[5];
    size_t n;
};

/* \d \h \s \w */
static const struct named_set letters_sets[] = {
    {"d", {{'0', '9'}}, 1},
    {"h", {{' ', ' '}, {'\t', '\t'}, {0xa0, 0xa0}, {0x2000, 0x200a}, {0x3000, 0x3000}}, 5},
    {"s", {{' ', ' '}, {'\t', '\r'}}, 2},
    {"w", {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}, 4}};

/* \p{...} */
static const struct named_set posix_sets[] = {{"Lower", {{'a', 'z'}}, 1},
                                              {"Upper", {{'A', 'Z'}}, 1},
                                              {"ASCII", {{0, 0x7f}}, 1},
                                              {"Alpha", {{'A', 'Z'}, {'a', 'z'}}, 2},
                                              {"Digit", {{'0', '9'}}, 1},
                                              {"Alnum", {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}, 3},
                                              {"Punct", {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}, 4},
                                              {"Graph", {{'!', '~'}}, 1},
                                              {"Print", {{' ', '~'}}, 1},
                                              {"Blank", {{' ', ' '}, {'\t', '\t'}}, 2},
                                              {"Cntrl", {{0, 0x1f}, {0x7f, 0x7f}}, 2},
                                              {"XDigit", {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}, 3},
                                              {"Space", {{' ', ' '}, {'\t', '\r'}}, 2}};

static void add_range(struct reader *r, uint32_t from, uint32_t to)
{
    struct sedge_pattern *p = r->p;

    p->ranges = sedge_xrealloc(p->ranges, p->nranges + 1, sizeof *p->ranges);
    p->ranges[p->nranges++] = (struct range){from, to};
}

static bool any_covers(const struct range *v, size_t n, uint32_t c, uint32_t *end)
{
    for (size_t i = 0; i < n; i++) {
        if (c < v[i].from || c > v[i].to) continue;
        *end = v[i].to;
        return true;
    }
    return false;
}

/* The first start of a range above c, or one more than the last character. */
static uint32_t next_start(const struct range *v, size_t n, uint32_t c)
{
    uint32_t next = LAST_CHARACTER + 1;

    for (size_t i = 0; i < n; i++)
        if (v[i].from > c && v[i].from < next) next = v[i].from;
    return next;
}

/* Adds every character that is in none of the ranges, which need no order. */
static void add_all_but(struct reader *r, const struct range *v, size_t n)
{
    uint32_t c = 0;

    while (c <= LAST_CHARACTER) {
        uint32_t end;

        if (any_covers(v, n, c, &end)) {
            c = end + 1;
            continue;
        }
        end = next_start(v, n, c);
        add_range(r, c, end - 1);
        c = end;
    }
}

static void add_named(struct reader *r, const struct named_set *s, bool negate)
{
    if (negate) {
        add_all_but(r, s->ranges, s->n);
        return;
    }
    for (size_t i = 0; i < s->n; i++)
        add_range(r, s->ranges[i].from, s->ranges[i].to);
}

/* "{Alpha}" or "L" at r->at, after \p or \P. */
static int add_property(struct reader *r, bool negate)
{
    size_t n = *r->at == '{' ? strcspn(r->at, "}") : 0;

    if (n > 1 && r->at[n] == '}') {
        for (size_t i = 0; i < SEDGE_ARRAY_LEN(posix_sets); i++) {
            const struct named_set *s = &posix_sets[i];
            if (strlen(s->name) != n - 1 || strncmp(s->name, r->at + 1, n - 1) != 0) continue;
            r->at += n + 1;
            add_named(r, s, negate);
            return 1;
        }
    }
    return unsupported(r, "a \\p{...} other than those of POSIX (Alpha, Digit, ...)");
}

/* A set by its letter, after the backslash: 1 it was one, 0 it is something else, -1 refused. */
static int take_named(struct reader *r)
{
    char c = *r->at;

    if (c == 'p' || c == 'P') {
        r->at++;
        return add_property(r, c == 'P');
    }
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(letters_sets); i++) {
        const struct named_set *s = &letters_sets[i];

        if (c != s->name[0] && c != s->name[0] - 'a' + 'A') continue;
        r->at++;
        add_named(r, s, c != s->name[0]);
        return 1;
    }
    return 0;
}

/* ---- escapes ---- */

static int take_number(struct reader *r, unsigned base, unsigned most, unsigned least, uint32_t *out)
{
    static const char digits[] = "0123456789abcdef";
    unsigned n = 0;

    for (*out = 0; n < most && *r->at; n++, r->at++) {
        const char *d = strchr(digits, *r->at >= 'A' && *r->at <= 'F' ? *r->at - 'A' + 'a' : *r->at);
        if (!d || (unsigned)(d - digits) >= base) break;
        *out = *out * base + (uint32_t)(d - digits);
    }
    if (n < least) return bad(r, "an escape with too few digits");
    return *out == 0 ? bad(r, "it asks for the character zero") : 0;
}

/* One character by its escape, after the backslash. */
static int take_escape(struct reader *r, uint32_t *out)
{
    static const char names[] = "tnrfae";
    static const char values[] = "\t\n\r\f\a\033";
    char c = *r->at;
    const char *known = c ? strchr(names, c) : NULL;

    if (!c) return bad(r, "a \"\\\" at the end");
    if ((unsigned char)c >= 0x80) {
        *out = sedge_pattern_take(&r->at);
        return 0;
    }
    r->at++;
    if (known) {
        *out = (unsigned char)values[known - names];
        return 0;
    }
    if (c == 'x') return take_number(r, 16, 2, 2, out);
    if (c == 'u') return take_number(r, 16, 4, 4, out);
    if (c == '0') return take_number(r, 8, 3, 1, out);
    if ((c >= '1' && c <= '9') || c == 'k') return unsupported(r, "a back-reference");
    if (c == 'G' || c == 'R' || c == 'X' || c == 'N' || c == 'c' || c == 'v' || c == 'V')
        return sedge_err_set(r->err, SEDGE_E_UNSUPPORTED, "\\%c is not supported; write it without", c);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return sedge_err_set(r->err, SEDGE_E_INVALID, "there is no escape \\%c", c);
    *out = (unsigned char)c;
    return 0;
}

/* ---- classes ---- */

static int deeper(struct reader *r)
{
    if (++r->depth > SEDGE_PATTERN_DEPTH_MAX)
        return sedge_err_set(r->err, SEDGE_E_LIMIT, "groups and classes are nested deeper than %d",
                             SEDGE_PATTERN_DEPTH_MAX);
    return 0;
}

static int class_char(struct reader *r, uint32_t *out)
{
    if (*r->at == '\\') {
        r->at++;
        return take_escape(r, out);
    }
    *out = sedge_pattern_take(&r->at);
    return 0;
}

/* Adds the letters of first..last that are in from..to in their other case, which begins at `other`. */
static void add_other_case(struct reader *r, uint32_t from, uint32_t to, uint32_t first, uint32_t last, uint32_t other)
{
    if (from < first) from = first;
    if (to > last) to = last;
    if (from <= to) add_range(r, from - first + other, to - first + other);
}

/* "a" or "a-z". */
static int class_range(struct reader *r)
{
    uint32_t from, to;

    if (class_char(r, &from) != 0) return -1;
    to = from;
    if (r->at[0] == '-' && r->at[1] && r->at[1] != ']' && r->at[1] != '[') {
        r->at++;
        if (class_char(r, &to) != 0) return -1;
        if (to < from) return bad(r, "a class has a range that goes down");
    }
    add_range(r, from, to);
    if (r->p->ignore_case) {
        add_other_case(r, from, to, 'a', 'z', 'A');
        add_other_case(r, from, to, 'A', 'Z', 'a');
    }
    return 0;
}

/* The inside of "[...]"; adds its ranges, those of a negated class turned round. */
static int read_class(struct reader *r)
{
    size_t first = r->p->nranges;
    bool negate = *r->at == '^';
    bool empty = true;
    int rc = deeper(r);

    if (negate) r->at++;
    for (; rc == 0 && (*r->at != ']' || empty); empty = false) {
        if (!*r->at) return bad(r, "a \"[\" without \"]\"");
        if (r->at[0] == '&' && r->at[1] == '&') return unsupported(r, "an intersection (&&) of classes");
        if (*r->at == '[') {
            r->at++;
            rc = read_class(r);
            continue;
        }
        if (*r->at == '\\') {
            r->at++;
            rc = take_named(r);
            if (rc < 0) return -1;
            if (rc == 1) {
                rc = 0;
                continue;
            }
            r->at--;
        }
        rc = class_range(r);
    }
    if (rc != 0) return -1;
    r->at++;
    r->depth--;
    if (negate) {
        size_t n = r->p->nranges - first;
        sedge_auto_free struct range *inside = sedge_xcalloc(n, sizeof *inside);

        memcpy(inside, &r->p->ranges[first], n * sizeof *inside);
        r->p->nranges = first;
        add_all_but(r, inside, n);
    }
    return 0;
}

/* A step for the ranges that were added since there were `first`. */
static int append_set(struct reader *r, size_t first)
{
    return append(r, (struct step){.kind = STEP_SET, .first = first, .count = r->p->nranges - first});
}

/* ---- the expression ---- */

static int read_alternatives(struct reader *r);

/* After "(". */
static int read_group(struct reader *r)
{
    static const struct {
        const char *begin, *what;
    } refused[] = {{"?=", "look-ahead (?=...)"},
                   {"?!", "look-ahead (?!...)"},
                   {"?<=", "look-behind (?<=...)"},
                   {"?<!", "look-behind (?<!...)"},
                   {"?>", "an atomic group (?>...)"}};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(refused); i++)
        if (sedge_str_starts(r->at, refused[i].begin)) return unsupported(r, refused[i].what);
    if (sedge_str_starts(r->at, "?:")) {
        r->at += 2;
    } else if (sedge_str_starts(r->at, "?<")) {
        r->at += strcspn(r->at, ">");
        if (*r->at != '>') return bad(r, "a group's name has no end");
        r->at++;
    } else if (*r->at == '?') {
        return unsupported(r, "a flag (?...) other than (?i) in front of everything");
    }
    if (deeper(r) != 0 || read_alternatives(r) != 0) return -1;
    r->depth--;
    if (*r->at != ')') return bad(r, "a \"(\" without \")\"");
    r->at++;
    return 0;
}

/* After a backslash, outside of classes. */
static int read_escape(struct reader *r)
{
    static const struct {
        char letter;
        enum step_kind kind;
    } places[] = {{'A', STEP_BEGIN}, {'z', STEP_END}, {'Z', STEP_END}, {'b', STEP_WORD_EDGE}, {'B', STEP_NO_WORD_EDGE}};
    size_t first = r->p->nranges;
    uint32_t c;
    int rc;

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(places); i++) {
        if (*r->at != places[i].letter) continue;
        r->at++;
        return append(r, (struct step){.kind = places[i].kind});
    }
    if (*r->at == 'E') return bad(r, "\\E without \\Q");
    rc = take_named(r);
    if (rc != 0) return rc < 0 ? -1 : append_set(r, first);
    return take_escape(r, &c) == 0 ? append_char(r, c) : -1;
}

static int read_literal(struct reader *r)
{
    return append_char(r, sedge_pattern_take(&r->at));
}

static int read_atom(struct reader *r)
{
    size_t first = r->p->nranges;
    char c = *r->at;

    if (r->literal) return read_literal(r);
    switch (c) {
    case '*':
    case '+':
    case '?':
    case '{':
        return sedge_err_set(r->err, SEDGE_E_INVALID, "a \"%c\" with nothing to repeat", c);
    case '(':
        r->at++;
        return read_group(r);
    case '[':
        r->at++;
        return read_class(r) == 0 ? append_set(r, first) : -1;
    case '\\':
        r->at++;
        return read_escape(r);
    case '.':
    case '^':
    case '$':
        r->at++;
        return append(r, (struct step){.kind = c == '.' ? STEP_ANY : c == '^' ? STEP_BEGIN : STEP_END});
    default:
        return read_literal(r);
    }
}

struct times {
    unsigned least, most;
    bool endless;
};

static int take_count(struct reader *r, unsigned *out)
{
    if (*r->at < '0' || *r->at > '9') return bad(r, "expected a number in \"{...}\"");
    for (*out = 0; *r->at >= '0' && *r->at <= '9'; r->at++) {
        *out = *out * 10 + (unsigned)(*r->at - '0');
        if (*out > REPEAT_MAX) return sedge_err_set(r->err, SEDGE_E_LIMIT, "it repeats more than %d times", REPEAT_MAX);
    }
    return 0;
}

/* After "{". */
static int take_counts(struct reader *r, struct times *out)
{
    if (take_count(r, &out->least) != 0) return -1;
    out->most = out->least;
    if (*r->at == ',') {
        r->at++;
        out->endless = *r->at == '}';
        if (!out->endless && take_count(r, &out->most) != 0) return -1;
    }
    if (*r->at != '}') return bad(r, "a \"{\" without \"}\"");
    r->at++;
    return out->endless || out->most >= out->least ? 0 : bad(r, "\"{n,m}\" goes down");
}

/* A quantifier at r->at: 1 there was one, 0 none. */
static int take_quantifier(struct reader *r, struct times *out)
{
    char c = *r->at;

    *out = (struct times){.least = c == '+', .most = 1, .endless = c != '?'};
    if (r->literal || !c || !strchr("*+?{", c)) return 0;
    r->at++;
    if (c == '{') {
        *out = (struct times){0};
        if (take_counts(r, out) != 0) return -1;
    }
    if (*r->at == '+') return unsupported(r, "a possessive quantifier");
    if (*r->at == '?') r->at++; /* lazy: the same when the whole value must match */
    return 1;
}

/* Repeats the block from `at` to the end. */
static int repeat(struct reader *r, size_t at, const struct times *t)
{
    size_t n = r->p->n - at;
    sedge_auto_free struct step *block = sedge_xcalloc(n ? n : 1, sizeof *block);
    int32_t len = (int32_t)n;

    if (n > 0) memcpy(block, &r->p->steps[at], n * sizeof *block);
    r->p->n = at;
    for (unsigned i = 0; i < t->least; i++)
        if (append_copy(r, block, n) != 0) return -1;
    if (t->endless)
        return append(r, (struct step){.kind = STEP_SPLIT, .a = 1, .b = len + 2}) != 0 ||
                       append_copy(r, block, n) != 0 ||
                       append(r, (struct step){.kind = STEP_JUMP, .a = -(len + 1)}) != 0
                   ? -1
                   : 0;
    for (unsigned i = t->least; i < t->most; i++)
        if (append(r, (struct step){.kind = STEP_SPLIT, .a = 1, .b = len + 1}) != 0 || append_copy(r, block, n) != 0)
            return -1;
    return 0;
}

/* \Q and \E change what the following characters are; whether there was one. */
static bool take_quote(struct reader *r)
{
    const char *mark = r->literal ? "\\E" : "\\Q";

    if (!sedge_str_starts(r->at, mark)) return false;
    r->literal = !r->literal;
    r->at += 2;
    return true;
}

static int read_sequence(struct reader *r)
{
    while (*r->at) {
        size_t at = r->p->n;
        struct times t;
        int rc;

        if (take_quote(r)) continue;
        if (!r->literal && (*r->at == '|' || *r->at == ')')) return 0;
        if (read_atom(r) != 0) return -1;
        if (r->literal) (void)take_quote(r); /* "\Qab\E*" repeats the b */
        rc = take_quantifier(r, &t);
        if (rc < 0 || (rc == 1 && repeat(r, at, &t) != 0)) return -1;
    }
    return 0;
}

/* Each alternative but the last: a split over it in front, and a jump to the end of all behind it. */
static int read_alternatives(struct reader *r)
{
    int32_t last = -1; /* the jumps are a list through their `b` until the end is known */

    for (;;) {
        size_t at = r->p->n;

        if (read_sequence(r) != 0) return -1;
        if (*r->at != '|') break;
        r->at++;
        if (insert(r, at, (struct step){.kind = STEP_SPLIT, .a = 1, .b = (int32_t)(r->p->n - at + 2)}) != 0 ||
            append(r, (struct step){.kind = STEP_JUMP, .b = last}) != 0)
            return -1;
        last = (int32_t)r->p->n - 1;
    }
    while (last >= 0) {
        struct step *jump = &r->p->steps[last];

        jump->a = (int32_t)r->p->n - last;
        last = jump->b;
    }
    return 0;
}

static int read_all(struct reader *r)
{
    if (sedge_str_starts(r->at, "(?i)")) {
        r->p->ignore_case = true;
        r->at += 4;
    }
    if (read_alternatives(r) != 0) return -1;
    return *r->at ? bad(r, "a \")\" without \"(\"") : 0;
}

struct sedge_pattern *sedge_pattern_parse(const char *text, struct sedge_err *err)
{
    struct sedge_err local = SEDGE_ERR_INIT;
    struct sedge_pattern *p = SEDGE_NEW(struct sedge_pattern);
    struct reader r = {.at = text, .p = p, .err = err ? err : &local};

    if (read_all(&r) == 0) return p;
    sedge_pattern_free(p);
    return NULL;
}

void sedge_pattern_free(struct sedge_pattern *p)
{
    if (!p) return;
    free(p->steps);
    free(p->ranges);
    free(p);
}
