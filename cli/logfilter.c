#include "logfilter.h"

#include "base/log.h"
#include "base/mem.h"

#include <regex.h>
#include <string.h>

enum kind { REGEX, KEY_VALUE, LEVEL, CAUSE };

struct element {
    enum kind kind;
    size_t group; /* which --filter option it comes from */
    regex_t regex;
    char *key, *value;
    enum sedge_level level;
};

struct sedge_logfilter {
    struct element *v;
    size_t n, ngroups;
};

struct sedge_logfilter *sedge_logfilter_new(void)
{
    return SEDGE_NEW(struct sedge_logfilter);
}

static void release(struct element *e)
{
    if (e->kind == REGEX) regfree(&e->regex);
    free(e->key);
    free(e->value);
}

void sedge_logfilter_free(struct sedge_logfilter *f)
{
    for (size_t i = 0; f && i < f->n; i++)
        release(&f->v[i]);
    if (f) free(f->v);
    free(f);
}

/* What users of the original's expressions write and POSIX does not know. */
static char *translate(const char *text)
{
    static const struct {
        const char *from, *outside, *inside;
    } rows[] = {{"\\d", "[0-9]", "0-9"},
                {"\\D", "[^0-9]", NULL},
                {"\\w", NULL, "a-zA-Z0-9_"},
                {"\\s", NULL, " \t"},
                {"(?:", "(", NULL}};
    sedge_auto_buf struct sedge_buf out = SEDGE_BUF_INIT;
    bool inside = false;

    for (const char *p = text; *p;) {
        const char *to = NULL;
        size_t n = 1;
        for (size_t i = 0; !to && i < SEDGE_ARRAY_LEN(rows); i++) {
            if (!sedge_str_starts(p, rows[i].from)) continue;
            to = inside ? rows[i].inside : rows[i].outside;
            n = to ? strlen(rows[i].from) : 1;
        }
        if (!to && *p == '\\' && p[1] && !inside) n = 2;
        if (!to && *p == '[' && !inside)
            inside = true;
        else if (!to && *p == ']')
            inside = false;
        if (to)
            sedge_buf_puts(&out, to);
        else
            sedge_buf_add(&out, p, n);
        p += n;
    }
    return sedge_buf_steal(&out);
}

static int set_regex(struct element *e, const char *text, struct sedge_err *err)
{
    sedge_auto_free char *translated = translate(text);
    char why[128];
    int rc = regcomp(&e->regex, translated, REG_EXTENDED);

    if (rc == 0) return 0;
    (void)regerror(rc, &e->regex, why, sizeof why);
    e->kind = KEY_VALUE; /* nothing to free */
    return sedge_err_set(err, SEDGE_E_INVALID, "filter '%s' is not a regular expression: %s", text, why);
}

static int set_key_value(struct element *e, const char *text, const char *eq, char **warning, struct sedge_err *err)
{
    e->kind = KEY_VALUE;
    if (strchr(eq + 1, '='))
        return sedge_err_set(err, SEDGE_E_INVALID, "filter '%s': expected <key>=<value> with one '='", text);
    e->key = sedge_xstrndup(text, (size_t)(eq - text));
    e->value = sedge_xstrdup(eq + 1);
    if (strcmp(e->key, "error") == 0) {
        e->kind = CAUSE;
    } else if (strcmp(e->key, "level") == 0) {
        if (sedge_level_from_name(e->value, &e->level) == 0)
            e->kind = LEVEL;
        else if (!*warning)
            *warning = sedge_xasprintf("Invalid log level: %s (expected TRACE, DEBUG, INFO, WARN or ERROR)", e->value);
    }
    return 0;
}

int sedge_logfilter_add(struct sedge_logfilter *f, const char *text, char **warning, struct sedge_err *err)
{
    sedge_auto_strv struct sedge_strv words = {NULL, 0};
    size_t before = f->n;

    *warning = NULL;
    sedge_strv_split(&words, text, ",");
    for (size_t i = 0; i < words.n; i++) {
        struct element *e;
        const char *eq = strchr(words.v[i], '=');
        if (!*words.v[i]) continue;
        f->v = sedge_xrealloc(f->v, f->n + 1, sizeof *f->v);
        e = &f->v[f->n++];
        *e = (struct element){.kind = REGEX, .group = f->ngroups};
        if ((eq ? set_key_value(e, words.v[i], eq, warning, err) : set_regex(e, words.v[i], err)) != 0) return -1;
    }
    if (f->n > before) f->ngroups++;
    return 0;
}

static bool match_regex(const struct element *e, const struct sedge_logentry *entry, struct sedge_strv *keywords)
{
    const char *p = entry->raw;
    regmatch_t m;
    bool found = false;

    while (*p && regexec(&e->regex, p, 1, &m, found ? REG_NOTBOL : 0) == 0) {
        found = true;
        if (m.rm_eo > m.rm_so) sedge_strv_add_take(keywords, sedge_xstrndup(p + m.rm_so, (size_t)(m.rm_eo - m.rm_so)));
        p += m.rm_eo > 0 ? m.rm_eo : 1;
    }
    return found || (!*entry->raw && regexec(&e->regex, "", 0, NULL, 0) == 0);
}

/* "sshd" also is the logger "sshd[812]" of the system log. */
static bool equals(const struct sedge_logentry *entry, const char *have, const char *want)
{
    size_t n = strlen(want);

    if (strcmp(have, want) == 0) return true;
    return entry->form == SEDGE_LOGFORM_SYSLOG && strncmp(have, want, n) == 0 && have[n] == '[';
}

static bool match_level(const struct element *e, const struct sedge_logentry *entry, struct sedge_strv *keywords)
{
    const char *name = sedge_logentry_get(entry, "level");
    enum sedge_level level;

    if (!name || sedge_level_from_name(name, &level) != 0 || level < e->level) return false;
    sedge_strv_add(keywords, name);
    return true;
}

static bool match_cause(const struct element *e, const struct sedge_logentry *entry, struct sedge_strv *keywords)
{
    struct json_object *cause = sedge_json_get(entry->fields, "cause");

    if (!cause) return false;
    if (strcmp(e->value, "any") == 0) return true;
    if (!strstr(sedge_json_text(cause), e->value)) return false;
    sedge_strv_add(keywords, e->value);
    return true;
}

static bool match_element(const struct element *e, const struct sedge_logentry *entry, struct sedge_strv *keywords)
{
    const char *have;

    switch (e->kind) {
    case REGEX:
        return match_regex(e, entry, keywords);
    case LEVEL:
        return match_level(e, entry, keywords);
    case CAUSE:
        return match_cause(e, entry, keywords);
    case KEY_VALUE:
        have = sedge_logentry_get(entry, e->key);
        if (!have || !equals(entry, have, e->value)) return false;
        if (*e->value) sedge_strv_add(keywords, e->value);
        return true;
    }
    return false;
}

bool sedge_logfilter_match(const struct sedge_logfilter *f, const struct sedge_logentry *e, struct sedge_strv *keywords)
{
    for (size_t group = 0, i = 0; group < f->ngroups; group++) {
        bool found = false;
        for (; i < f->n && f->v[i].group == group; i++)
            found = match_element(&f->v[i], e, keywords) || found;
        if (!found) return false;
    }
    return true;
}
