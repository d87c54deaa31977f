#include "simple.h"

#include <string.h>

#include "base/mem.h"

#define BLANKS " \t"
#define PLAIN  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:@,+-=%"

/* Reserved words, and commands that a shell has built in; sorted. */
static const char *const shells_own[] = {
    ".",       ":",       "alias",   "bg",      "bind",     "break",   "builtin", "caller",    "case",    "cd",
    "chdir",   "command", "compgen", "coproc",  "complete", "compopt", "declare", "continue",  "dirs",    "disown",
    "do",      "done",    "echo",    "elif",    "else",     "enable",  "esac",    "eval",      "exec",    "exit",
    "export",  "false",   "fc",      "fg",      "fi",       "for",     "getopts", "function",  "hash",    "help",
    "if",      "history", "in",      "jobs",    "kill",     "let",     "local",   "logout",    "mapfile", "popd",
    "printf",  "pushd",   "pwd",     "read",    "readonly", "return",  "select",  "readarray", "set",     "shift",
    "shopt",   "source",  "suspend", "test",    "then",     "time",    "times",   "trap",      "true",    "type",
    "typeset", "ulimit",  "umask",   "unalias", "unset",    "until",   "wait",    "while"};

static bool is_shells_own(const char *word)
{
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(shells_own); i++)
        if (strcmp(shells_own[i], word) == 0) return true;
    return false;
}

static void split(const char *text, size_t len, struct sedge_strv *words)
{
    const char *end = text + len;

    for (const char *p = text; p < end;) {
        size_t blanks = strspn(p, BLANKS);
        size_t n = strcspn(p + blanks, BLANKS "\n");
        p += blanks;
        if (p >= end) break;
        sedge_strv_add_take(words, sedge_xstrndup(p, n));
        p += n;
    }
}

static bool is_simple(const struct sedge_strv *words, bool after_exec)
{
    const char *first = words->n > 0 ? words->v[0] : "-";

    if (words->n > SEDGE_SIMPLE_WORDS_MAX || strchr("-%", first[0]) || strchr(first, '=')) return false;
    return after_exec || !is_shells_own(first);
}

bool sedge_simple_words(const char *script, struct sedge_strv *words)
{
    const char *start = script + strspn(script, BLANKS "\n");
    size_t len = strspn(start, PLAIN BLANKS);
    bool after_exec = len > 5 && strncmp(start, "exec", 4) == 0 && strchr(BLANKS, start[4]);

    if (start[len + strspn(start + len, BLANKS "\n")] != '\0') return false; /* something else, or another line */
    split(after_exec ? start + 5 : start, after_exec ? len - 5 : len, words);
    if (is_simple(words, after_exec)) return true;
    sedge_strv_release(words);
    return false;
}
