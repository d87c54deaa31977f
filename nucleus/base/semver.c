#include "semver.h"
#include "mem.h"
#include "str.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum cmp_op { OP_EQ, OP_LT, OP_LE, OP_GT, OP_GE };

struct comparator {
    enum cmp_op op;
    struct sedge_version v;
};

/* One alternative: all comparators must hold. The longest forms (^, ~, ranges) give two. */
struct alternative {
    struct comparator *c;
    size_t n;
};

struct sedge_semreq {
    char *text;
    struct alternative *alt;
    size_t n;
};

/* A version with missing or wildcard parts: `given` counts the numbers in front of the first of them. */
struct partial {
    uint32_t n[3];
    unsigned given;
    char pre[SEDGE_VERSION_TEXT_MAX + 1];
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_identifier_char(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

/* Reads one of the three numbers at *p. */
static int read_number(const char **p, uint32_t *out, struct sedge_err *err)
{
    const char *start = *p;
    uint32_t v = 0;

    if (!is_digit(*start)) return sedge_err_set(err, SEDGE_E_INVALID, "expected a number at \"%s\"", start);
    for (; is_digit(**p); (*p)++) {
        v = v * 10 + (uint32_t)(**p - '0');
        if (v > SEDGE_VERSION_NUMBER_MAX)
            return sedge_err_set(err, SEDGE_E_LIMIT, "a number is larger than %d", SEDGE_VERSION_NUMBER_MAX);
    }
    if (*start == '0' && *p - start > 1)
        return sedge_err_set(err, SEDGE_E_INVALID, "a number has a leading zero at \"%s\"", start);
    *out = v;
    return 0;
}

/* Reads dot-separated identifiers at *p. */
static int read_identifiers(const char **p, const char *what, bool numbers_strict, struct sedge_err *err)
{
    for (;;) {
        const char *start = *p;
        bool digits = true;

        for (; is_identifier_char(**p); (*p)++)
            digits = digits && is_digit(**p);
        if (*p == start) return sedge_err_set(err, SEDGE_E_INVALID, "the %s has an empty part", what);
        if (numbers_strict && digits && *start == '0' && *p - start > 1)
            return sedge_err_set(err, SEDGE_E_INVALID, "the %s has a number with a leading zero", what);
        if (**p != '.') return 0;
        (*p)++;
    }
}

/* Reads "[-prerelease][+build]" at *p. */
static int read_tail(const char **p, char pre[SEDGE_VERSION_TEXT_MAX + 1], struct sedge_err *err)
{
    const char *start;

    pre[0] = '\0';
    if (**p == '-') {
        start = ++*p;
        if (read_identifiers(p, "pre-release tag", true, err) != 0) return -1;
        if (*p - start > SEDGE_VERSION_TEXT_MAX)
            return sedge_err_set(err, SEDGE_E_LIMIT, "the pre-release tag is too long");
        memcpy(pre, start, (size_t)(*p - start));
        pre[*p - start] = '\0';
    }
    if (**p != '+') return 0;
    (*p)++;
    return read_identifiers(p, "build metadata", false, err);
}

static int parse_version(const char *text, struct sedge_version *out, struct sedge_err *err)
{
    const char *p = text;

    for (int i = 0; i < 3; i++) {
        if (i > 0 && *p++ != '.') return sedge_err_set(err, SEDGE_E_INVALID, "expected three numbers, as in 1.0.0");
        if (read_number(&p, &out->n[i], err) != 0) return -1;
    }
    if (read_tail(&p, out->pre, err) != 0) return -1;
    if (*p) return sedge_err_set(err, SEDGE_E_INVALID, "unexpected \"%s\" after the version", p);
    return 0;
}

int sedge_version_parse(const char *text, struct sedge_version *out, struct sedge_err *err)
{
    size_t len = strlen(text);

    memset(out, 0, sizeof *out);
    if (len > SEDGE_VERSION_TEXT_MAX)
        return sedge_err_set(err, SEDGE_E_LIMIT, "version \"%.20s...\": more than %d characters", text,
                             SEDGE_VERSION_TEXT_MAX);
    if (parse_version(text, out, err) != 0) return sedge_err_wrap(err, "version \"%s\"", text);
    memcpy(out->text, text, len + 1);
    return 0;
}

static int sign(long d)
{
    return (d > 0) - (d < 0);
}

/* Compares the identifiers [a, a+na) and [b, b+nb). */
static int identifier_cmp(const char *a, size_t na, const char *b, size_t nb)
{
    int rc;

    if (strspn(a, "0123456789") >= na && strspn(b, "0123456789") >= nb) {
        if (na != nb) return na < nb ? -1 : 1; /* no leading zeros */
        return sign(memcmp(a, b, na));
    }
    rc = strncasecmp(a, b, na < nb ? na : nb);
    if (rc) return sign(rc);
    return (na > nb) - (na < nb);
}

static int pre_cmp(const char *a, const char *b)
{
    if (!*a || !*b) return (*a == '\0') - (*b == '\0'); /* no tag beats any tag */
    for (;;) {
        size_t na = strcspn(a, ".");
        size_t nb = strcspn(b, ".");
        int rc = identifier_cmp(a, na, b, nb);

        if (rc) return rc;
        if (!a[na] || !b[nb]) return (a[na] != '\0') - (b[nb] != '\0');
        a += na + 1;
        b += nb + 1;
    }
}

int sedge_version_cmp(const struct sedge_version *a, const struct sedge_version *b)
{
    for (int i = 0; i < 3; i++)
        if (a->n[i] != b->n[i]) return a->n[i] < b->n[i] ? -1 : 1;
    return pre_cmp(a->pre, b->pre);
}

static void add_comparator(struct alternative *a, enum cmp_op op, const uint32_t n[3], const char *pre)
{
    struct comparator *c;

    a->c = sedge_xrealloc(a->c, a->n + 1, sizeof *a->c);
    c = &a->c[a->n++];
    memset(c, 0, sizeof *c);
    c->op = op;
    memcpy(c->v.n, n, sizeof c->v.n);
    memcpy(c->v.pre, pre, strlen(pre) + 1);
}

/* Adds "< the next step of number `which`": 1.2.3, 1 -> <1.3.0. */
static void add_below_next(struct alternative *a, const uint32_t n[3], unsigned which)
{
    uint32_t up[3] = {0, 0, 0};

    for (unsigned i = 0; i < which; i++)
        up[i] = n[i];
    up[which] = n[which] + 1;
    add_comparator(a, OP_LT, up, "");
}

static const uint32_t zero[3] = {0, 0, 0};

static void add_exact_or_x(struct alternative *a, const struct partial *p)
{
    if (p->given == 3) {
        add_comparator(a, OP_EQ, p->n, p->pre);
        return;
    }
    add_comparator(a, OP_GE, p->n, "");
    if (p->given > 0) add_below_next(a, p->n, p->given - 1);
}

static void add_tilde(struct alternative *a, const struct partial *p)
{
    add_comparator(a, OP_GE, p->n, p->pre);
    if (p->given > 0) add_below_next(a, p->n, p->given > 1 ? 1 : 0);
}

static void add_caret(struct alternative *a, const struct partial *p)
{
    unsigned which = 0;

    add_comparator(a, OP_GE, p->n, p->pre);
    while (which + 1 < p->given && p->n[which] == 0)
        which++;
    if (p->given > 0) add_below_next(a, p->n, which);
}

/* <, <=, >, >= of a partial version: what is missing stands for all its values. */
static int add_compare(struct alternative *a, const char *op, const struct partial *p, struct sedge_err *err)
{
    bool equal = op[1] == '=';
    uint32_t up[3] = {0, 0, 0};

    if (p->given == 3) {
        add_comparator(a, op[0] == '<' ? (equal ? OP_LE : OP_LT) : (equal ? OP_GE : OP_GT), p->n, p->pre);
        return 0;
    }
    if (p->given == 0) {
        if (!equal) return sedge_err_set(err, SEDGE_E_INVALID, "no version is \"%s\" than any version", op);
        add_comparator(a, OP_GE, zero, "");
        return 0;
    }
    for (unsigned i = 0; i < p->given; i++)
        up[i] = p->n[i];
    up[p->given - 1]++;
    if (op[0] == '<')
        add_comparator(a, OP_LT, equal ? up : p->n, "");
    else
        add_comparator(a, OP_GE, equal ? p->n : up, "");
    return 0;
}

static void skip_blanks(const char **p)
{
    while (**p == ' ' || **p == '\t' || **p == '\n' || **p == '\r')
        (*p)++;
}

static bool is_wildcard(char c)
{
    return c == 'x' || c == 'X' || c == '*';
}

/* Reads "1", "1.2", "1.2.x", "1.2.3-beta+b", "*", with a leading "v" at *p. */
static int read_partial(const char **p, struct partial *out, struct sedge_err *err)
{
    bool wild = false;

    memset(out, 0, sizeof *out);
    if (**p == 'v' || **p == 'V') (*p)++;
    for (int i = 0;; i++) {
        if (is_wildcard(**p)) {
            wild = true;
            (*p)++;
        } else {
            uint32_t n;
            if (read_number(p, &n, err) != 0) return -1;
            if (!wild) out->n[out->given++] = n;
        }
        if (i == 2 || **p != '.') break;
        (*p)++;
    }
    if (out->given == 3) {
        if (read_tail(p, out->pre, err) != 0) return -1;
    } else if (**p == '-' || **p == '+') {
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "\"%s\" needs three numbers in front of it (a range needs blanks: 1.2 - 2.3)", *p);
    }
    if (is_identifier_char(**p) || **p == '.')
        return sedge_err_set(err, SEDGE_E_INVALID, "unexpected \"%s\" in a version", *p);
    return 0;
}

/* Reads an operator at *p into op ("" if there is none). */
static int read_operator(const char **p, char op[3], struct sedge_err *err)
{
    size_t n = strspn(*p, "<>=~^");

    static const char *const known[] = {"", "<", "<=", ">", ">=", "=", "~", "^"};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(known); i++) {
        if (strlen(known[i]) == n && strncmp(*p, known[i], n) == 0) {
            memcpy(op, known[i], n + 1);
            *p += n;
            return 0;
        }
    }
    return sedge_err_set(err, SEDGE_E_INVALID, "unknown operator at \"%s\"; expected one of < <= > >= = ~ ^", *p);
}

/* After a version without operator: " - upper". 1 if there was one, 0 if not. */
static int read_range_end(const char **p, struct alternative *a, const struct partial *low, struct sedge_err *err)
{
    const char *q = *p;
    struct partial high;

    skip_blanks(&q);
    if (*q != '-' || q == *p) return 0;
    q++;
    skip_blanks(&q);
    if (read_partial(&q, &high, err) != 0) return -1;
    add_comparator(a, OP_GE, low->n, low->pre);
    if (high.given == 3)
        add_comparator(a, OP_LE, high.n, high.pre);
    else if (high.given > 0)
        add_below_next(a, high.n, high.given - 1);
    *p = q;
    return 1;
}

/* One comparator, x-range, ~, ^ or hyphen range at *p. */
static int read_term(const char **p, struct alternative *a, struct sedge_err *err)
{
    struct partial v;
    char op[3];
    int rc;

    if (read_operator(p, op, err) != 0) return -1;
    skip_blanks(p);
    if (read_partial(p, &v, err) != 0) return -1;
    switch (op[0]) {
    case '<':
    case '>':
        return add_compare(a, op, &v, err);
    case '~':
        add_tilde(a, &v);
        return 0;
    case '^':
        add_caret(a, &v);
        return 0;
    case '\0':
        rc = read_range_end(p, a, &v, err);
        if (rc != 0) return rc < 0 ? -1 : 0;
        break;
    default:
        break;
    }
    add_exact_or_x(a, &v);
    return 0;
}

/* All terms up to "||" or the end. */
static int read_alternative(const char **p, struct alternative *a, struct sedge_err *err)
{
    skip_blanks(p);
    if (strncmp(*p, "latest", 6) == 0) {
        *p += 6;
        add_comparator(a, OP_GE, zero, "");
        skip_blanks(p);
        return 0;
    }
    while (**p && **p != '|') {
        if (a->n > 0 && !strchr("<>=~^", **p))
            return sedge_err_set(err, SEDGE_E_INVALID,
                                 "expected an operator (< <= > >= = ~ ^), \"||\" or the end at \"%s\"", *p);
        if (read_term(p, a, err) != 0) return -1;
        skip_blanks(p);
    }
    return 0;
}

static int parse_requirement(struct sedge_semreq *r, struct sedge_err *err)
{
    const char *p = r->text;

    for (;;) {
        struct alternative *a;

        r->alt = sedge_xrealloc(r->alt, r->n + 1, sizeof *r->alt);
        a = &r->alt[r->n++];
        *a = (struct alternative){NULL, 0};
        if (read_alternative(&p, a, err) != 0) return -1;
        if (a->n == 0) {
            if (r->n > 1 || *p) return sedge_err_set(err, SEDGE_E_INVALID, "nothing stands beside \"||\"");
            add_comparator(a, OP_GE, zero, "");
        }
        if (!*p) return 0;
        if (strncmp(p, "||", 2) != 0)
            return sedge_err_set(err, SEDGE_E_INVALID, "unexpected \"%s\"; alternatives are separated by \"||\"", p);
        p += 2;
    }
}

static char *trimmed(const char *text)
{
    size_t n;

    skip_blanks(&text);
    n = strlen(text);
    while (n > 0 && isspace((unsigned char)text[n - 1]))
        n--;
    return sedge_xstrndup(text, n);
}

struct sedge_semreq *sedge_semreq_parse(const char *text, struct sedge_err *err)
{
    struct sedge_semreq *r;

    if (strlen(text) > SEDGE_SEMREQ_TEXT_MAX) {
        (void)sedge_err_set(err, SEDGE_E_LIMIT, "version requirement: more than %d characters", SEDGE_SEMREQ_TEXT_MAX);
        return NULL;
    }
    r = SEDGE_NEW(struct sedge_semreq);
    r->text = trimmed(text);
    if (parse_requirement(r, err) == 0) return r;
    (void)sedge_err_wrap(err, "version requirement \"%s\"", r->text);
    sedge_semreq_free(r);
    return NULL;
}

void sedge_semreq_free(struct sedge_semreq *r)
{
    if (!r) return;
    for (size_t i = 0; i < r->n; i++)
        free(r->alt[i].c);
    free(r->alt);
    free(r->text);
    free(r);
}

static bool holds(const struct comparator *c, const struct sedge_version *v)
{
    int d = sedge_version_cmp(v, &c->v);

    switch (c->op) {
    case OP_EQ:
        return d == 0;
    case OP_LT:
        return d < 0;
    case OP_LE:
        return d <= 0;
    case OP_GT:
        return d > 0;
    case OP_GE:
        return d >= 0;
    }
    return false;
}

static bool matches_all(const struct alternative *a, const struct sedge_version *v)
{
    bool tagged = a->n == 1 || !v->pre[0]; /* a pre-release must be asked for by one of several comparators */

    for (size_t i = 0; i < a->n; i++) {
        const struct comparator *c = &a->c[i];

        if (!holds(c, v)) return false;
        if (c->v.pre[0] && memcmp(c->v.n, v->n, sizeof v->n) == 0) tagged = true;
    }
    return tagged;
}

bool sedge_semreq_match(const struct sedge_semreq *r, const struct sedge_version *v)
{
    for (size_t i = 0; i < r->n; i++)
        if (matches_all(&r->alt[i], v)) return true;
    return false;
}

const char *sedge_semreq_text(const struct sedge_semreq *r)
{
    return r->text;
}
