/* Expressions of `logs get --filter`, one a line, and after an empty line the log line they are held against.
 *
 * Our translation of regular expressions is meant, not the C library's work with them: repetitions of repetitions and
 * back references take it any time and memory, which only hurts the user who typed them. They are left out. */
#include "cli/logfilter.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define NOW_MS         1709806542123
#define EXPRESSION_MAX 64
#define REPEATS_MAX    2

static bool is_cheap(const char *text)
{
    int repeats = 0;

    for (const char *p = text; *p; p++) {
        if (*p == '{' || (*p == '\\' && p[1] >= '1' && p[1] <= '9')) return false;
        repeats += *p == '*' || *p == '+' || *p == '?';
    }
    return repeats <= REPEATS_MAX && strlen(text) <= EXPRESSION_MAX;
}

static bool add(struct sedge_logfilter *f, const char *text)
{
    char *warning = NULL;
    int rc = sedge_logfilter_add(f, text, &warning, NULL);

    free(warning);
    return rc == 0;
}

static void match(const struct sedge_logfilter *f, const char *line)
{
    struct sedge_strv keywords = {NULL, 0};
    struct sedge_logentry e;

    sedge_logentry_parse(line, NULL, NOW_MS, &e);
    (void)sedge_logfilter_match(f, &e, &keywords);
    sedge_logentry_release(&e);
    sedge_strv_release(&keywords);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = sedge_xstrndup((const char *)data, size), *rest = text, *line;
    struct sedge_logfilter *f = sedge_logfilter_new();
    bool good = true;

    while (good && (line = strsep(&rest, "\n")) && *line)
        good = is_cheap(line) && add(f, line);
    if (good && rest) match(f, rest);
    sedge_logfilter_free(f);
    free(text);
    return 0;
}
