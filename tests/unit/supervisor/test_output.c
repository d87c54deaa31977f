#include "../test.h"

#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "supervisor/output.h"

static char dir[64];

static struct sedge_output *open_output(const struct sedge_log_settings *settings)
{
    (void)snprintf(dir, sizeof(dir), "/tmp/sedge-output-XXXXXX");
    assert_non_null(mkdtemp(dir));
    return sedge_output_new("c", settings, dir);
}

/* The log's text; the folder is gone afterwards. */
static char *close_output(struct sedge_output *o)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/c.log", dir);
    struct sedge_buf b = SEDGE_BUF_INIT;

    sedge_output_free(o);
    (void)sedge_fs_read(path, 64u << 20, &b, NULL);
    assert_int_equal(sedge_fs_remove_tree(dir, NULL), 0);
    return sedge_buf_steal(&b);
}

/* The messages between "stdout. " and ". {", joined by "|". */
static char *messages(const char *log)
{
    struct sedge_buf b = SEDGE_BUF_INIT;

    for (const char *p = log; *p;) {
        const char *end = strchr(p, '\n');
        const char *from = strstr(p, "stdout. "), *to;
        if (!end) break;
        if (from && from < end) {
            from += strlen("stdout. ");
            to = memmem(from, (size_t)(end - from), ". {", 3);
            if (b.len) sedge_buf_putc(&b, '|');
            if (to) sedge_buf_add(&b, from, (size_t)(to - from));
        }
        p = end + 1;
    }
    return sedge_buf_steal(&b);
}

static void lines_end_with_any_of_three_endings(void **st)
{
    static const struct {
        const char *chunks[4];
        const char *want;
    } rows[] = {
        {{"a\nb\n"}, "a|b"},
        {{"a\r\nb\r\n"}, "a|b"},
        {{"a\rb\r"}, "a|b"},
        {{"a\r", "\nb\n"}, "a|b"},
        {{"a", "b", "c\n"}, "abc"},
        {{"  padded\t \n"}, "padded"},
        {{"no end"}, "no end"},
        {{"a\r", "b\n"}, "a|b"},
        {{"x\xff\x01y\n"}, "x\\xff\\x01y"},
        {{"gr\xc3\xbc\xc3\x9f\n"}, "gr\xc3\xbc\xc3\x9f"},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_output *o = open_output(&SEDGE_LOG_SETTINGS_DEFAULT);
        sedge_auto_free char *log = NULL, *got = NULL;
        for (int k = 0; k < 4 && rows[i].chunks[k]; k++)
            sedge_output_data(o, false, rows[i].chunks[k], strlen(rows[i].chunks[k]), 0);
        sedge_output_data(o, false, "", 0, 0);
        log = close_output(o);
        got = messages(log);
        assert_string_equal(got, rows[i].want);
    }
}

static void a_nul_byte_does_not_hide_the_rest(void **st)
{
    struct sedge_output *o = open_output(&SEDGE_LOG_SETTINGS_DEFAULT);
    sedge_auto_free char *log = NULL, *got = NULL;

    (void)st;
    sedge_output_data(o, false, "a\0b\n", 4, 0);
    log = close_output(o);
    got = messages(log);
    assert_string_equal(got, "a\\x00b");
}

static void an_endless_line_is_cut_in_pieces_at_characters(void **st)
{
    struct sedge_output *o = open_output(&SEDGE_LOG_SETTINGS_DEFAULT);
    sedge_auto_free char *log = NULL, *got = NULL;
    char chunk[1000];
    size_t pieces = 1;

    (void)st;
    for (size_t i = 0; i < sizeof(chunk); i++)
        chunk[i] = i % 2 ? '\xbc' : '\xc3';
    sedge_output_data(o, false, "x", 1, 0); /* now every cut would split a character */
    for (int i = 0; i < 100; i++)
        sedge_output_data(o, false, chunk, sizeof(chunk), 0);
    sedge_output_data(o, false, "", 0, 0);
    log = close_output(o);
    got = messages(log);
    assert_null(strstr(got, "\\x"));
    for (const char *p = got; (p = strchr(p, '|')); p++)
        pieces++;
    assert_in_range(pieces, 6, 8);
}

static void beyond_the_rate_lines_are_dropped_and_counted(void **st)
{
    struct sedge_output *o = open_output(&SEDGE_LOG_SETTINGS_DEFAULT);
    sedge_auto_free char *log = NULL;
    char line[100];

    (void)st;
    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\n';
    for (int i = 0; i < 100000; i++)
        sedge_output_data(o, false, line, sizeof(line), 1000);
    assert_in_range(sedge_output_dropped(o), 60000, 90000);
    sedge_output_data(o, false, "later\n", 6, 3000);
    assert_int_equal(sedge_output_dropped(o), 0);
    log = close_output(o);
    assert_non_null(strstr(log, "output-dropped. "));
    assert_non_null(strstr(log, "stdout. later. {"));
}

static void json_lines_have_the_fields_of_the_original(void **st)
{
    struct sedge_log_settings settings = SEDGE_LOG_SETTINGS_DEFAULT;
    struct sedge_output *o;
    sedge_auto_free char *log = NULL;
    sedge_auto_put struct json_object *line = NULL;

    (void)st;
    settings.format = SEDGE_LOG_JSON;
    o = open_output(&settings);
    sedge_output_begin(o, "services.c.lifecycle.Run");
    sedge_output_state(o, "RUNNING");
    sedge_output_data(o, true, "bad \"thing\"\n", 12, 0);
    log = close_output(o);
    line = sedge_json_parse_object(log, strlen(log) - 1, "log", NULL);
    assert_non_null(line);
    assert_string_equal(sedge_json_str(line, "level", ""), "WARN");
    assert_string_equal(sedge_json_str(line, "eventType", ""), "stderr");
    assert_string_equal(sedge_json_str(line, "message", ""), "bad \"thing\"");
    assert_string_equal(sedge_json_text(sedge_json_obj(line, "contexts")),
                        "{\"scriptName\":\"services.c.lifecycle.Run\",\"serviceName\":\"c\",\"currentState\":"
                        "\"RUNNING\"}");
}

static void a_level_above_hides_lines(void **st)
{
    struct sedge_log_settings settings = SEDGE_LOG_SETTINGS_DEFAULT;
    struct sedge_output *o;
    sedge_auto_free char *log = NULL;

    (void)st;
    settings.level = SEDGE_WARN;
    o = open_output(&settings);
    sedge_output_data(o, false, "info\n", 5, 0);
    sedge_output_data(o, true, "warn\n", 5, 0);
    log = close_output(o);
    assert_null(strstr(log, "info"));
    assert_non_null(strstr(log, "warn"));
}

static void the_last_lines_are_kept_in_order(void **st)
{
    struct sedge_output *o = open_output(&SEDGE_LOG_SETTINGS_DEFAULT);
    sedge_auto_strv struct sedge_strv last = {NULL, 0};
    sedge_auto_free char *log = NULL;

    (void)st;
    for (int i = 0; i < 50; i++) {
        char line[16];
        (void)snprintf(line, sizeof(line), "%d\n", i);
        sedge_output_data(o, false, line, strlen(line), 0);
    }
    sedge_output_last(o, &last);
    assert_int_equal(last.n, SEDGE_LAST_LINES);
    assert_string_equal(last.v[0], "30");
    assert_string_equal(last.v[SEDGE_LAST_LINES - 1], "49");
    log = close_output(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_end_with_any_of_three_endings),
        cmocka_unit_test(a_nul_byte_does_not_hide_the_rest),
        cmocka_unit_test(an_endless_line_is_cut_in_pieces_at_characters),
        cmocka_unit_test(beyond_the_rate_lines_are_dropped_and_counted),
        cmocka_unit_test(json_lines_have_the_fields_of_the_original),
        cmocka_unit_test(a_level_above_hides_lines),
        cmocka_unit_test(the_last_lines_are_kept_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
