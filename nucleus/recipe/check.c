#include "check_parts.h"
#include "recipe.h"

#include "base/buf.h"
#include "base/mem.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    enum sedge_severity severity;
    enum sedge_fails fails;
} rules[RULE_COUNT] = {
#define X(sym, name, severity, fails) [RULE_##sym] = {name, SEDGE_SEVERITY_##severity, SEDGE_FAILS_##fails},
    SEDGE_CHECK_RULES(X)
#undef X
};

const char *sedge_severity_name(enum sedge_severity s)
{
    static const char *const names[] = {
        [SEDGE_SEVERITY_NOTE] = "note", [SEDGE_SEVERITY_WARNING] = "warning", [SEDGE_SEVERITY_ERROR] = "error"};

    return names[s];
}

const char *sedge_fails_name(enum sedge_fails f)
{
    static const char *const names[] = {[SEDGE_FAILS_NOT] = NULL,
                                        [SEDGE_FAILS_RECIPE] = "recipe",
                                        [SEDGE_FAILS_DEPLOYMENT] = "deployment",
                                        [SEDGE_FAILS_STEP] = "step"};

    return names[f];
}

void sedge_report_release(struct sedge_report *r)
{
    for (size_t i = 0; i < r->n; i++) {
        free(r->v[i].member);
        free(r->v[i].text);
        free(r->v[i].expected);
        free(r->v[i].suggestion);
        free(r->v[i].message);
    }
    free(r->v);
    *r = (struct sedge_report){.v = NULL};
}

/* --- findings ----------------------------------------------------------------------------------------------------- */

static struct sedge_finding *new_finding(struct check *c, enum rule rule)
{
    struct sedge_report *r = c->out;
    struct sedge_finding *f;

    r->v = sedge_xrealloc(r->v, r->n + 1, sizeof *r->v);
    f = &r->v[r->n++];
    *f = (struct sedge_finding){.severity = rules[rule].severity, .fails = rules[rule].fails, .rule = rules[rule].name};
    *(f->severity == SEDGE_SEVERITY_ERROR     ? &r->errors
      : f->severity == SEDGE_SEVERITY_WARNING ? &r->warnings
                                              : &r->notes) += 1;
    return f;
}

/* The offset of a place; columns are characters, not bytes. */
static size_t offset_of(const struct source *src, unsigned line, unsigned column)
{
    size_t i = 0;

    for (; line > 1 && i < src->len; i++)
        if (src->text[i] == '\n') line--;
    for (; column > 1 && i < src->len && src->text[i] != '\n'; i++)
        if (i + 1 == src->len || ((unsigned char)src->text[i + 1] & 0xc0) != 0x80) column--;
    return i;
}

/* Moves the place to `text` behind it. A text that is written with escapes is not found: the place stays. */
static void move_to(const struct source *src, const char *text, unsigned *line, unsigned *column)
{
    size_t from = offset_of(src, *line, *column);
    const char *hit = from < src->len ? memmem(src->text + from, src->len - from, text, strlen(text)) : NULL;

    if (!hit) return;
    for (const char *p = src->text + from; p < hit; p++) {
        if (*p == '\n') {
            (*line)++;
            *column = 1;
        } else if (((unsigned char)p[1] & 0xc0) != 0x80) {
            (*column)++;
        }
    }
}

#define TEXT_SHOWN 200

/* One line, not longer than `max` bytes of what stands in a recipe. Heap; NULL for NULL. */
static char *quoted(const char *text, size_t max)
{
    struct sedge_buf b = SEDGE_BUF_INIT;
    size_t n = text ? strlen(text) : 0;
    size_t shown = n > max ? max : n;

    if (!text) return NULL;
    while (shown < n && ((unsigned char)text[shown] & 0xc0) == 0x80)
        shown--;
    sedge_buf_puts(&b, "");
    sedge_str_escape(&b, text, shown);
    if (shown < n) sedge_buf_puts(&b, "...");
    return sedge_buf_steal(&b);
}

static bool has_room(struct check *c)
{
    struct sedge_finding *f;

    if (c->out->n < SEDGE_CHECK_FINDINGS_MAX) return true;
    if (c->full) return false;
    c->full = true;
    f = new_finding(c, RULE_CUT);
    f->member = sedge_xstrdup("");
    f->message = sedge_xasprintf("there is more; only the first %d findings are told", SEDGE_CHECK_FINDINGS_MAX);
    f->line = f->column = UINT_MAX; /* sorts to the end */
    return false;
}

static void add(struct check *c, enum rule rule, const struct about *about, const char *message)
{
    sedge_auto_buf struct sedge_buf member = SEDGE_BUF_INIT;
    struct sedge_finding *f;

    sedge_buf_puts(&member, "");
    sedge_source_member(about->at, &member);
    f = new_finding(c, rule);
    if (sedge_source_locate(&c->src, about->at, about->key, &f->line, &f->column) != 0) f->line = f->column = 0;
    if (about->find && f->line) move_to(&c->src, about->find, &f->line, &f->column);
    f->member = quoted(member.data, TEXT_SHOWN);
    f->text = quoted(about->text, TEXT_SHOWN);
    f->expected = quoted(about->expected, TEXT_SHOWN);
    f->suggestion = quoted(about->suggestion, TEXT_SHOWN);
    f->message = about->suggestion ? sedge_xasprintf("%s; did you mean \"%s\"?", message, f->suggestion)
                                   : sedge_xstrdup(message);
}

void sedge_check_found(struct check *c, enum rule rule, const struct about *about, const char *fmt, ...)
{
    char text[SEDGE_ERR_MSG_MAX];
    sedge_auto_free char *message = NULL;
    va_list ap;

    if (!has_room(c)) return;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    message = quoted(text, sizeof text);
    add(c, rule, about, message);
}

void sedge_check_expected(struct check *c, enum rule rule, const struct about *about)
{
    sedge_auto_free char *got = quoted(about->text, TEXT_SHOWN);

    sedge_check_found(c, rule, about, "expected %s, got %s", about->expected, got);
}

/* --- values ------------------------------------------------------------------------------------------------------- */

struct json_object *sedge_check_object(struct json_object *o, const char *key, const char **stored)
{
    struct json_object *v = sedge_json_get_nocase(o, key, stored);

    return json_object_is_type(v, json_type_object) ? v : NULL;
}

struct json_object *sedge_check_list(struct json_object *o, const char *key, const char **stored)
{
    struct json_object *v = sedge_json_get_nocase(o, key, stored);

    return json_object_is_type(v, json_type_array) ? v : NULL;
}

bool sedge_check_is_scalar(struct json_object *v)
{
    return sedge_json_is_str(v) || json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double) ||
           json_object_is_type(v, json_type_boolean);
}

const char *sedge_check_text(struct json_object *v)
{
    return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : sedge_json_text(v);
}

const char *sedge_check_type_name(struct json_object *v)
{
    static const char *const names[] = {
        [json_type_null] = "nothing", [json_type_boolean] = "a boolean", [json_type_double] = "a number",
        [json_type_int] = "a number", [json_type_object] = "an object",  [json_type_array] = "a list",
        [json_type_string] = "a text"};

    return names[json_object_get_type(v)];
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

/* "x.yaml:3:17: text": takes the place off a reader's message. */
static const char *split_place(const char *message, const char *file, unsigned *line, unsigned *column)
{
    size_t n = strlen(file);
    const char *p;
    unsigned at[2] = {0, 0};

    *line = *column = 0;
    if (strncmp(message, file, n) != 0) return message;
    p = message + n;
    for (int i = 0; i < 2; i++) {
        if (*p != ':' || !isdigit((unsigned char)p[1])) break;
        for (p++; isdigit((unsigned char)*p) && at[i] < UINT_MAX / 16; p++)
            at[i] = at[i] * 10 + (unsigned)(*p - '0');
    }
    if (!sedge_str_starts(p, ": ")) return message;
    *line = at[0];
    *column = at[1];
    return p + 2;
}

/* What the reader said, as a finding without member. */
static void add_read_error(struct check *c, enum rule rule, const struct sedge_err *err)
{
    struct sedge_finding *f = new_finding(c, rule);

    f->message = quoted(split_place(err->msg, c->src.file, &f->line, &f->column), SEDGE_ERR_MSG_MAX);
    f->member = sedge_xstrdup("");
}

static bool is_refused(const struct sedge_report *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->v[i].fails == SEDGE_FAILS_RECIPE) return true;
    return false;
}

/* The last word is the parser's: what it refuses and nobody here saw is reported in its words. */
static void ask_parser(struct check *c)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_recipe *r;

    if (is_refused(c->out)) return;
    r = sedge_recipe_parse(c->src.text, c->src.len, c->src.file, &err);
    if (!r) add_read_error(c, err.code == SEDGE_E_LIMIT ? RULE_LIMIT : RULE_VALUE, &err);
    sedge_recipe_free(r);
}

#define KEYWORDS_MAX ((size_t)SEDGE_RECIPE_MANIFESTS_MAX * SEDGE_RECIPE_SELECTIONS_MAX)

static void add_keywords(struct check *c)
{
    sedge_strv_add(&c->keywords, "all");
    for (size_t i = 0; c->manifests && i < json_object_array_length(c->manifests); i++) {
        struct json_object *list = sedge_check_list(json_object_array_get_idx(c->manifests, i), "Selections", NULL);

        for (size_t k = 0; list && k < json_object_array_length(list); k++) {
            struct json_object *v = json_object_array_get_idx(list, k);

            if (c->keywords.n < KEYWORDS_MAX && sedge_check_is_scalar(v))
                sedge_strv_add(&c->keywords, sedge_check_text(v));
        }
    }
}

static void check_document(struct check *c)
{
    struct json_object *configuration = sedge_check_object(c->doc, "ComponentConfiguration", NULL);

    c->defaults = configuration ? sedge_check_object(configuration, "DefaultConfiguration", NULL) : NULL;
    c->dependencies = sedge_check_object(c->doc, "ComponentDependencies", NULL);
    c->manifests = sedge_check_list(c->doc, "Manifests", NULL);
    add_keywords(c);
    sedge_check_keys(c);
    ask_parser(c);
    sedge_check_platforms(c);
    sedge_check_artifacts(c);
    sedge_check_lifecycles(c);
}

static int by_place(const void *a, const void *b)
{
    const struct sedge_finding *x = a;
    const struct sedge_finding *y = b;

    if (x->line != y->line) return x->line < y->line ? -1 : 1;
    if (x->column != y->column) return x->column < y->column ? -1 : 1;
    if (x->severity != y->severity) return x->severity > y->severity ? -1 : 1;
    return strcmp(x->rule, y->rule);
}

void sedge_recipe_check(const char *text, size_t len, const char *file, struct sedge_report *out)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct check c = {.src = {text, len, file, sedge_recipe_is_yaml(text, len, file), &err}, .out = out};

    *out = (struct sedge_report){.v = NULL};
    if (len > SEDGE_RECIPE_BYTES_MAX)
        (void)sedge_err_set(&err, SEDGE_E_LIMIT, "%s: a recipe of %zu bytes; at most %u are allowed", file, len,
                            SEDGE_RECIPE_BYTES_MAX);
    else
        c.doc = sedge_source_read(&c.src);
    if (c.doc)
        check_document(&c);
    else
        add_read_error(&c, err.code == SEDGE_E_LIMIT ? RULE_LIMIT : RULE_SYNTAX, &err);
    if (out->n) qsort(out->v, out->n, sizeof *out->v, by_place);
    if (c.full && out->v[out->n - 1].line == UINT_MAX) out->v[out->n - 1].line = out->v[out->n - 1].column = 0;
    sedge_strv_release(&c.keywords);
    (void)json_object_put(c.doc);
}
