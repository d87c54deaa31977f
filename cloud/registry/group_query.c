#include "group_query.h"

#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/semver.h"
#include "base/str.h"

enum kind { AND, OR, NOT, TERM };
enum op { EXISTS, EQ, NE, LT, LE, GT, GE };

struct node {
    enum kind kind;
    struct node *a, *b;  /* AND, OR; NOT: a */
    char *space, *field; /* TERM: "attr", "component" or NULL */
    enum op op;
    char *value;
};

struct sedge_group_query {
    struct node *root;
};

struct parser {
    const char *text, *at;
    int terms, depth;
    struct sedge_err *err;
};

static void node_free(struct node *n)
{
    if (!n) return;
    node_free(n->a);
    node_free(n->b);
    free(n->space);
    free(n->field);
    free(n->value);
    free(n);
}

static struct node *fail(struct parser *p, const char *expected)
{
    if (*p->at)
        (void)sedge_err_set(p->err, SEDGE_E_INVALID, "query, column %zu: expected %s at \"%.20s\"",
                            (size_t)(p->at - p->text) + 1, expected, p->at);
    else
        (void)sedge_err_set(p->err, SEDGE_E_INVALID, "query: it ends too early; expected %s", expected);
    return NULL;
}

static void skip(struct parser *p)
{
    p->at += strspn(p->at, " \t\r\n");
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("_.-+:@/#,", c));
}

static size_t word_length(const struct parser *p)
{
    size_t n = 0;

    while (is_word(p->at[n]))
        n++;
    return n;
}

static bool take_keyword(struct parser *p, const char *word)
{
    size_t n = strlen(word);

    skip(p);
    if (word_length(p) != n || strncasecmp(p->at, word, n) != 0) return false;
    p->at += n;
    return true;
}

static bool known_field(const char *field)
{
    static const char *const fields[] = {"name", "health", "runtime", "platform", "arch", "coreVersion"};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(fields); i++) {
        if (strcmp(field, fields[i]) == 0) return true;
    }
    return false;
}

static bool take_field(struct parser *p, struct node *n)
{
    size_t len = word_length(p);
    sedge_auto_free char *word = sedge_xstrndup(p->at, len);

    for (int i = 0; i < 2; i++) {
        const char *space = i ? "component" : "attr";
        size_t k = strlen(space);

        if (strncmp(word, space, k) != 0 || word[k] != '.' || !word[k + 1]) continue;
        n->space = sedge_xstrdup(space);
        n->field = sedge_xstrdup(word + k + 1);
    }
    if (!n->field && known_field(word)) n->field = sedge_steal(&word);
    if (!n->field) return false;
    p->at += len;
    return true;
}

static enum op take_operator(struct parser *p)
{
    static const struct {
        const char *text;
        enum op op;
    } ops[] = {{"!=", NE}, {"<=", LE}, {">=", GE}, {"=", EQ}, {"<", LT}, {">", GT}};

    skip(p);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(ops); i++) {
        if (!sedge_str_starts(p->at, ops[i].text)) continue;
        p->at += strlen(ops[i].text);
        return ops[i].op;
    }
    return EXISTS;
}

static char *take_value(struct parser *p)
{
    char quote;
    const char *end;
    size_t n;
    char *value;

    skip(p);
    quote = *p->at;
    if (quote != '\'' && quote != '"') {
        n = word_length(p);
        value = n ? sedge_xstrndup(p->at, n) : NULL;
        p->at += n;
        return value;
    }
    end = strchr(p->at + 1, quote);
    if (!end) return NULL;
    value = sedge_xstrndup(p->at + 1, (size_t)(end - p->at - 1));
    p->at = end + 1;
    return value;
}

static struct node *parse_term(struct parser *p)
{
    struct node *n;

    if (++p->terms > SEDGE_GROUP_QUERY_TERMS_MAX) {
        (void)sedge_err_set(p->err, SEDGE_E_LIMIT, "query: more than %d conditions", SEDGE_GROUP_QUERY_TERMS_MAX);
        return NULL;
    }
    n = SEDGE_NEW(struct node);
    n->kind = TERM;
    if (!take_field(p, n)) {
        (void)fail(p, "attr.NAME, component.NAME, name, health, runtime, platform, arch or coreVersion");
    } else {
        n->op = take_operator(p);
        if (n->op == EXISTS) return n;
        n->value = take_value(p);
        if (n->value) return n;
        (void)fail(p, "a value: a word, or a text in quotes");
    }
    node_free(n);
    return NULL;
}

static struct node *parse_or(struct parser *p);

static struct node *parse_parentheses(struct parser *p)
{
    struct node *n;

    p->at++;
    n = parse_or(p);
    skip(p);
    if (n && *p->at == ')') {
        p->at++;
        return n;
    }
    if (n) (void)fail(p, "\"and\", \"or\" or \")\"");
    node_free(n);
    return NULL;
}

static struct node *parse_unit(struct parser *p);

static struct node *parse_not(struct parser *p)
{
    struct node *a = parse_unit(p), *n;

    if (!a) return NULL;
    n = SEDGE_NEW(struct node);
    n->kind = NOT;
    n->a = a;
    return n;
}

static struct node *parse_unit(struct parser *p)
{
    struct node *n;

    if (p->depth == SEDGE_GROUP_QUERY_DEPTH_MAX) {
        (void)sedge_err_set(p->err, SEDGE_E_LIMIT, "query: nested deeper than %d", SEDGE_GROUP_QUERY_DEPTH_MAX);
        return NULL;
    }
    p->depth++;
    skip(p);
    if (*p->at == '(')
        n = parse_parentheses(p);
    else
        n = take_keyword(p, "not") ? parse_not(p) : parse_term(p);
    p->depth--;
    return n;
}

/* Units joined by `word`. */
static struct node *parse_joined(struct parser *p, const char *word, enum kind kind,
                                 struct node *(*part)(struct parser *))
{
    struct node *left = part(p);

    while (left && take_keyword(p, word)) {
        struct node *n = SEDGE_NEW(struct node);

        n->kind = kind;
        n->a = left;
        n->b = part(p);
        left = n;
        if (!n->b) {
            node_free(n);
            return NULL;
        }
    }
    return left;
}

static struct node *parse_and(struct parser *p)
{
    return parse_joined(p, "and", AND, parse_unit);
}

static struct node *parse_or(struct parser *p)
{
    return parse_joined(p, "or", OR, parse_and);
}

struct sedge_group_query *sedge_group_query_parse(const char *text, struct sedge_err *err)
{
    struct parser p = {.text = text, .at = text, .err = err};
    struct sedge_group_query *q;
    struct node *root;

    if (strlen(text) > SEDGE_GROUP_QUERY_MAX) {
        (void)sedge_err_set(err, SEDGE_E_LIMIT, "the query is longer than %d bytes", SEDGE_GROUP_QUERY_MAX);
        return NULL;
    }
    root = parse_or(&p);
    skip(&p);
    if (root && *p.at) {
        (void)fail(&p, "\"and\" or \"or\"");
        node_free(root);
        root = NULL;
    }
    if (!root) return NULL;
    q = SEDGE_NEW(struct sedge_group_query);
    q->root = root;
    return q;
}

void sedge_group_query_free(struct sedge_group_query *q)
{
    if (!q) return;
    node_free(q->root);
    free(q);
}

/* As versions when both are. */
static int compare(const char *a, const char *b)
{
    struct sedge_version va, vb;

    if (sedge_version_parse(a, &va, NULL) == 0 && sedge_version_parse(b, &vb, NULL) == 0)
        return sedge_version_cmp(&va, &vb);
    return strcmp(a, b);
}

static bool term_holds(const struct node *n, struct json_object *facts)
{
    const char *have = sedge_json_str(n->space ? sedge_json_obj(facts, n->space) : facts, n->field, NULL);
    int order;

    if (!have) return false;
    if (n->op == EXISTS) return true;
    order = compare(have, n->value);
    switch (n->op) {
    case EQ:
        return order == 0;
    case NE:
        return order != 0;
    case LT:
        return order < 0;
    case LE:
        return order <= 0;
    case GT:
        return order > 0;
    case GE:
        return order >= 0;
    case EXISTS:
    default:
        return true;
    }
}

static bool holds(const struct node *n, struct json_object *facts)
{
    switch (n->kind) {
    case AND:
        return holds(n->a, facts) && holds(n->b, facts);
    case OR:
        return holds(n->a, facts) || holds(n->b, facts);
    case NOT:
        return !holds(n->a, facts);
    case TERM:
    default:
        return term_holds(n, facts);
    }
}

bool sedge_group_query_match(const struct sedge_group_query *q, struct json_object *facts)
{
    return holds(q->root, facts);
}
