/* Lines of log files, one entry after the other as a reader of one file meets them, and as lines of the system log. */
#include "cli/logentry.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define NOW_MS 1709806542123

static void look_at(const struct sedge_logentry *e)
{
    static const char *const keys[] = {"level", "eventType", "message", "serviceName", "cause", "logger"};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(keys); i++)
        (void)sedge_logentry_get(e, keys[i]);
}

static void system_line(const char *line)
{
    struct sedge_logentry e;

    if (sedge_logentry_parse_syslog(line, NOW_MS, &e, NULL) == 0) look_at(&e);
    sedge_logentry_release(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = sedge_xstrndup((const char *)data, size), *rest = text, *line;
    struct sedge_logentry before = {.raw = NULL}, e;

    while ((line = strsep(&rest, "\n"))) {
        sedge_logentry_parse(line, before.raw ? &before : NULL, NOW_MS, &e);
        look_at(&e);
        sedge_logentry_release(&before);
        before = e;
        system_line(line);
    }
    sedge_logentry_release(&before);
    free(text);
    return 0;
}
