#include "args.h"

#include "base/mem.h"

#include <limits.h>
#include <string.h>

static bool is_name(const char *name, const char *word, size_t n)
{
    return name && strlen(name) == n && strncmp(name, word, n) == 0;
}

/* The row of a word; *value is what follows "=" or a short name, or NULL. */
static const struct sedge_arg *find(const char *word, const struct sedge_arg *rows, size_t n, const char **value)
{
    size_t len = strcspn(word, "=");
    const struct sedge_arg *best = NULL;

    *value = word[len] ? word + len + 1 : NULL;
    for (size_t i = 0; i < n; i++)
        if (is_name(rows[i].name, word, len) || is_name(rows[i].alias, word, len)) return &rows[i];
    for (size_t i = 0; i < n && word[0] == '-' && word[1] != '-'; i++) { /* -nvalue: the longest short name that fits */
        if (!rows[i].alias || rows[i].type == SEDGE_ARG_FLAG || !sedge_str_starts(word, rows[i].alias)) continue;
        if (!best || strlen(rows[i].alias) > strlen(best->alias)) best = &rows[i];
    }
    if (best) *value = word + strlen(best->alias);
    return best;
}

static int unknown(const char *word, const struct sedge_arg *rows, size_t n, struct sedge_err *err)
{
    sedge_auto_free const char **names = sedge_xcalloc(n, sizeof *names);
    const char *near;

    for (size_t i = 0; i < n; i++)
        names[i] = rows[i].name;
    near = sedge_str_nearest(word, names, n);
    return sedge_err_set(err, SEDGE_E_INVALID, "%s: '%s'%s%s%s", *word == '-' ? "Unknown option" : "Unmatched argument",
                         word, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int store(const struct sedge_arg *row, const char *value, char *slot, struct sedge_err *err)
{
    int64_t number;
    int small;

    switch (row->type) {
    case SEDGE_ARG_FLAG:
        if (value && strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
            return sedge_err_set(err, SEDGE_E_INVALID, "option %s: expected nothing, true or false, got '%s'",
                                 row->name, value);
        *(bool *)(void *)slot = !value || strcmp(value, "true") == 0;
        return 0;
    case SEDGE_ARG_TEXT:
        memcpy(slot, &value, sizeof value);
        return 0;
    case SEDGE_ARG_LIST:
    case SEDGE_ARG_WORDS:
        sedge_strv_add((struct sedge_strv *)(void *)slot, value);
        return 0;
    case SEDGE_ARG_INT:
        if (sedge_str_to_i64(value, 0, INT_MAX, &number, err) != 0) return sedge_err_wrap(err, "option %s", row->name);
        small = (int)number;
        memcpy(slot, &small, sizeof small);
        return 0;
    }
    return 0;
}

static int check_required(const struct sedge_arg *rows, size_t n, const bool *seen, struct sedge_err *err)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i].required && !seen[i] && rows[i].type == SEDGE_ARG_WORDS)
            return sedge_err_set(err, SEDGE_E_INVALID, "Missing required parameter: '%s'", rows[i].name);
        else if (rows[i].required && !seen[i])
            return sedge_err_set(err, SEDGE_E_INVALID, "Missing required option: '%s=%s'", rows[i].name, rows[i].value);
    return 0;
}

static bool is_option(const char *word, const struct sedge_arg *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i].name, word) == 0 || sedge_str_eq(rows[i].alias, word)) return true;
    return false;
}

/* The word after an option that needs one: anything, also "-1h", but no other option. NULL: it is missing. */
static const char *next_word(int argc, char **argv, int *i, const struct sedge_arg *rows, size_t n,
                             const struct sedge_arg *row, struct sedge_err *err)
{
    const char *next = *i + 1 < argc ? argv[*i + 1] : NULL;

    if (!next)
        (void)sedge_err_set(err, SEDGE_E_INVALID, "Missing required parameter for option '%s' (%s)", row->name,
                            row->value);
    else if (is_option(next, rows, n))
        (void)sedge_err_set(err, SEDGE_E_INVALID, "Expected parameter for option '%s' (%s) but found '%s'", row->name,
                            row->value, next);
    else
        return argv[++*i];
    return NULL;
}

/* The row of words that are no options. */
static const struct sedge_arg *words_row(const struct sedge_arg *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i].type == SEDGE_ARG_WORDS) return &rows[i];
    return NULL;
}

const char *sedge_args_words(const struct sedge_arg *rows, size_t n)
{
    const struct sedge_arg *row = words_row(rows, n);

    return row ? row->name : NULL;
}

static int take_option(int argc, char **argv, int *i, const struct sedge_arg *rows, size_t n, void *out, bool *seen,
                       struct sedge_err *err)
{
    const char *value;
    const struct sedge_arg *row = find(argv[*i], rows, n, &value);

    if (!row && *argv[*i] != '-') row = words_row(rows, n);
    if (!row) return unknown(argv[*i], rows, n, err);
    if (row->type == SEDGE_ARG_WORDS) value = argv[*i];
    if (row->type != SEDGE_ARG_FLAG && !value) {
        value = next_word(argc, argv, i, rows, n, row, err);
        if (!value) return -1;
    }
    if (seen[row - rows] && row->type != SEDGE_ARG_LIST && row->type != SEDGE_ARG_WORDS)
        return sedge_err_set(err, SEDGE_E_INVALID, "option '%s' should be specified only once", row->name);
    seen[row - rows] = true;
    return store(row, value, (char *)out + row->offset, err);
}

enum sedge_args_result sedge_args_parse(int argc, char **argv, const struct sedge_arg *rows, size_t n, void *out,
                                        struct sedge_err *err)
{
    sedge_auto_free bool *seen = sedge_xcalloc(n, sizeof *seen);

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return SEDGE_ARGS_HELP;
        if (strcmp(argv[i], "--version") == 0 || strcmp(argv[i], "-V") == 0) return SEDGE_ARGS_VERSION;
        if (take_option(argc, argv, &i, rows, n, out, seen, err) != 0) return SEDGE_ARGS_BAD;
    }
    return check_required(rows, n, seen, err) == 0 ? SEDGE_ARGS_RUN : SEDGE_ARGS_BAD;
}

void sedge_args_release(const struct sedge_arg *rows, size_t n, void *out)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i].type == SEDGE_ARG_LIST || rows[i].type == SEDGE_ARG_WORDS)
            sedge_strv_release((struct sedge_strv *)(void *)((char *)out + rows[i].offset));
}

void sedge_args_usage(const struct sedge_arg *rows, size_t n, struct sedge_buf *out)
{
    for (size_t i = 0; i < n; i++) {
        sedge_auto_free char *left =
            sedge_xasprintf("%s%s%s%s%s", rows[i].alias ? rows[i].alias : "", rows[i].alias ? ", " : "", rows[i].name,
                            rows[i].value ? " " : "", rows[i].value ? rows[i].value : "");
        sedge_buf_printf(out, "  %-40s %s%s\n", left, rows[i].help, rows[i].required ? " (required)" : "");
    }
}
