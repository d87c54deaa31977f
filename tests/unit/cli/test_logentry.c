#include "../test.h"

#include "base/mem.h"
#include "base/str.h"
#include "cli/logentry.h"

#define NOW INT64_C(1709806542123)
#define TICK                                                                                                           \
    "2024-03-07T10:15:42.123Z [INFO] (Copier) com.example.Tick: stdout. hello, all. "                                  \
    "{scriptName=services.com.example.Tick.lifecycle.Run.Script, serviceName=com.example.Tick, currentState=RUNNING}"
#define JSON                                                                                                           \
    "{\"thread\":\"Copier\",\"level\":\"WARN\",\"eventType\":\"stderr\",\"message\":\"oh\",\"contexts\":{"             \
    "\"serviceName\":\"com.example.Tick\"},\"loggerName\":\"com.example.Tick\",\"timestamp\":1709806542123,\"cause\":" \
    "null}"

static void check(const struct sedge_logentry *e, const char *key, const char *want)
{
    const char *got = sedge_logentry_get(e, key);

    if (!sedge_str_eq(got, want))
        fail_msg("%s of %s: '%s', expected '%s'", key, e->raw, got ? got : "(none)", want ? want : "(none)");
}

static void both_formats_give_the_same_keys(void **st)
{
    static const struct {
        const char *line;
        enum sedge_logform form;
        const char *values[6]; /* level thread loggerName eventType message serviceName */
    } rows[] = {
        {TICK, SEDGE_LOGFORM_TEXT, {"INFO", "Copier", "com.example.Tick", "stdout", "hello, all", "com.example.Tick"}},
        {JSON, SEDGE_LOGFORM_JSON, {"WARN", "Copier", "com.example.Tick", "stderr", "oh", "com.example.Tick"}},
        {"2024-03-07T10:15:42.123Z [INFO] (a b) x: Run script exited. {exitCode=0, serviceName=a, b, c}",
         SEDGE_LOGFORM_TEXT,
         {"INFO", "a b", "x", NULL, "Run script exited", "a, b, c"}},
        {"2024-03-07T10:15:42.123Z [ERROR] (main) deploy: failed. a {b}. {c. {}",
         SEDGE_LOGFORM_TEXT,
         {"ERROR", "main", "deploy", "failed", "a {b}. {c", NULL}},
        {"2024-03-07T10:15:42.123Z [ERROR] (main) deploy: {}",
         SEDGE_LOGFORM_TEXT,
         {"ERROR", "main", "deploy", NULL, NULL, NULL}},
        {"2024-03-07T10:15:42.123Z [ERROR] (main) deploy: started. {}",
         SEDGE_LOGFORM_TEXT,
         {"ERROR", "main", "deploy", "started", NULL, NULL}},
    };
    static const char *const keys[] = {"level", "thread", "loggerName", "eventType", "message", "serviceName"};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_logentry e;
        sedge_logentry_parse(rows[i].line, NULL, 0, &e);
        assert_int_equal(e.form, rows[i].form);
        assert_true(e.time_ms == NOW);
        assert_string_equal(e.raw, rows[i].line);
        for (size_t k = 0; k < SEDGE_ARRAY_LEN(keys); k++)
            check(&e, keys[k], rows[i].values[k]);
        sedge_logentry_release(&e);
    }
}

static void other_lines_are_messages_of_now(void **st)
{
    static const char *const rows[] = {"hello",
                                       "{\"message\":\"no time\"}",
                                       "{\"timestamp\":1709806542123",
                                       "{\"timestamp\":\"x\"}",
                                       "2024-03-07T10:15:42.123Z hello",
                                       "2024-03-07T10:15:42.123Z [INFO] (main",
                                       "{\"timestamp\":1e300}",
                                       "{}"};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_logentry e;
        sedge_logentry_parse(rows[i], NULL, 77, &e);
        assert_int_equal(e.form, SEDGE_LOGFORM_PLAIN);
        assert_true(e.time_ms == 77);
        check(&e, "message", rows[i]);
        sedge_logentry_release(&e);
    }
}

static void a_line_of_a_stack_trace_belongs_to_its_entry(void **st)
{
    struct sedge_logentry first, second;

    (void)st;
    sedge_logentry_parse(TICK, NULL, 0, &first);
    sedge_logentry_parse("Caused by: x", &first, 77, &second);
    assert_int_equal(second.form, SEDGE_LOGFORM_PLAIN);
    assert_true(second.time_ms == NOW);
    assert_string_equal(second.raw, "Caused by: x");
    check(&second, "level", "INFO");
    sedge_logentry_release(&first);
    sedge_logentry_release(&second);
}

static void lines_of_the_system_log_have_keys_of_their_own(void **st)
{
    static const struct {
        const char *line;
        const char *values[5]; /* priority host logger class message */
    } rows[] = {
        {"<34>Mar  7 10:15:42 box sshd[812] (net): Accepted: yes", {"34", "box", "sshd[812]", "net", "Accepted: yes"}},
        {"Mar  7 10:15:42 box sshd[812]: Accepted", {NULL, "box", "sshd[812]", NULL, "Accepted"}},
        {"Mar  7 10:15:42 kernel: up", {NULL, NULL, "kernel", NULL, "up"}},
        {"Mar  7 10:15:42 nothing known", {NULL, NULL, NULL, NULL, "nothing known"}},
        {"2024-03-07T10:15:42.123456+01:00 box cron: x", {NULL, "box", "cron", NULL, "x"}},
    };
    static const char *const keys[] = {"priority", "host", "logger", "class", "message"};
    struct sedge_logentry e;

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        assert_int_equal(sedge_logentry_parse_syslog(rows[i].line, NOW, &e, NULL), 0);
        for (size_t k = 0; k < SEDGE_ARRAY_LEN(keys); k++)
            check(&e, keys[k], rows[i].values[k]);
        sedge_logentry_release(&e);
    }
    assert_int_equal(sedge_logentry_parse_syslog("hello", NOW, &e, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_formats_give_the_same_keys),
        cmocka_unit_test(other_lines_are_messages_of_now),
        cmocka_unit_test(a_line_of_a_stack_trace_belongs_to_its_entry),
        cmocka_unit_test(lines_of_the_system_log_have_keys_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
