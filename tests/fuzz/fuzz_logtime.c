/* Times and windows of `logs get`, and the time stamps of log lines. */
#include "cli/logtime.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define NOW_MS 1709806542123

static void print(int64_t ms)
{
    char out[64];

    sedge_logtime_local(ms, out, sizeof out);
    sedge_logtime_offset(ms, out, sizeof out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = sedge_xstrndup((const char *)data, size);
    struct sedge_logwindow w;
    int64_t ms = 0;

    if (sedge_logtime_parse(text, NOW_MS, &ms, NULL) == 0) print(ms);
    if (sedge_logwindow_parse(text, NOW_MS, &w, NULL) == 0) (void)sedge_logwindow_has(&w, 1, ms);
    if (sedge_logtime_stamp(text, &ms) > strlen(text)) __builtin_trap();
    print(ms);
    if (sedge_logtime_syslog(text, NOW_MS, &ms) > strlen(text)) __builtin_trap();
    print(ms);
    free(text);
    return 0;
}
