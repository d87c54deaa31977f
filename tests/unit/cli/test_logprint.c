#include "../test.h"

#include <time.h>

#include "base/mem.h"
#include "cli/logprint.h"

#define FAILED                                                                                                         \
    "{\"thread\":\"pool-1\",\"level\":\"ERROR\",\"eventType\":\"broken\",\"message\":\"no way\",\"contexts\":{"        \
    "\"k\":\"v\",\"k2\":\"v2\"},\"loggerName\":\"com.aws.x.Deploy\",\"timestamp\":1709806542123,\"cause\":{"           \
    "\"message\":\"disk full\",\"stackTrace\":[{\"className\":\"a.B\",\"methodName\":\"c\",\"fileName\":\"B.java\","   \
    "\"lineNumber\":7}],\"cause\":{\"message\":\"deeper\"}}}"
#define TEXT "2024-03-07T10:15:42.123Z [INFO] (Copier) c: stdout. 31 \x1b[2J. {}"
#define ON   "\x1b[31m\x1b[1m"
#define OFF  "\x1b[0m\x1b[0m"

static void entries_are_shown_in_the_style(void **st)
{
    static const struct {
        const char *line;
        struct sedge_logstyle style;
        const char *keyword;
        const char *want;
    } rows[] = {
        {FAILED,
         {.verbose = false},
         NULL,
         "2024-03-07 10:15:42 UTC [ERROR] x.Deploy: broken. no way. {k=v, k2=v2}\nEXCEPTION: disk full\n"},
        {FAILED,
         {.colour = true},
         "ERROR",
         "2024-03-07 10:15:42 UTC [" ON "ERROR" OFF "] x.Deploy: broken. no way. {k=v, k2=v2}\n" ON
         "EXCEPTION: disk full" OFF "\n"},
        {FAILED,
         {.verbose = true},
         NULL,
         "2024-03-07T10:15:42.123Z [ERROR] (pool-1) com.aws.x.Deploy: broken. no way. {k=v, k2=v2}\ndisk full\n\tat "
         "a.B.c(B.java:7)\nCaused by: deeper\n"},
        {FAILED, {.json = true, .colour = true}, "ERROR", FAILED "\n"},
        {"{\"timestamp\":0,\"message\":\"only\"}", {.verbose = false}, NULL, "1970-01-01 00:00:00 UTC only\n"},
        {"{\"timestamp\":0,\"message\":\"\",\"contexts\":{},\"eventType\":\"e\",\"level\":\"INFO\",\"loggerName\":"
         "\"l\"}",
         {.verbose = false},
         NULL,
         "1970-01-01 00:00:00 UTC [INFO] l: e\n"},
        {TEXT,
         {.colour = true},
         "31",
         "2024-03-07T10:15:42.123Z [INFO] (Copier) c: stdout. " ON "31" OFF " \\x1B[2J. {}\n"},
        {TEXT, {.verbose = true}, NULL, "2024-03-07T10:15:42.123Z [INFO] (Copier) c: stdout. 31 \\x1B[2J. {}\n"},
        {"no form", {.json = true}, NULL, "{\"timestamp\":5,\"message\":\"no form\"}\n"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_buf struct sedge_buf out = SEDGE_BUF_INIT;
        sedge_auto_strv struct sedge_strv keywords = {NULL, 0};
        struct sedge_logentry e;
        if (rows[i].keyword) sedge_strv_add(&keywords, rows[i].keyword);
        sedge_logentry_parse(rows[i].line, NULL, 5, &e);
        sedge_logprint(&out, &e, &keywords, &rows[i].style);
        assert_string_equal(out.data, rows[i].want);
        sedge_logentry_release(&e);
    }
}

static int zone(void **st)
{
    (void)st;
    (void)setenv("TZ", "UTC", 1);
    tzset();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(entries_are_shown_in_the_style)};
    return cmocka_run_group_tests(tests, zone, NULL);
}
