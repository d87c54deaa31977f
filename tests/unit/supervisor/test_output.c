#include "../test.h"

#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "supervisor/output.h"

static char dir[64];
static struct sedge_output_source *src;

static struct sedge_output *open_output(const struct sedge_log_settings *settings)
{
    struct sedge_log_settings s = *settings;
    struct sedge_output *o;

    s.file_size_kb = 100 * 1024; /* one file */
    s.total_size_kb = 100 * 1024;
    (void)snprintf(dir, sizeof(dir), "/tmp/sedge-output-XXXXXX");
    assert_non_null(mkdtemp(dir));
    o = sedge_output_new("c", &s, dir);
    src = sedge_output_begin(o, "services.c.lifecycle.Run");
    return o;
}

/* The log's text; the folder is gone afterwards. */
static char *close_output(struct sedge_output *o)
{
    sedge_auto_free char *path = sedge_xasprintf("%s/c.log", dir);
    struct sedge_buf b = SEDGE_BUF_INIT;

    sedge_output_source_free(src);
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
            sedge_output_data(src, false, rows[i].chunks[k], strlen(rows[i].chunks[k]), 0);
        sedge_output_data(src, false, "", 0, 0);
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
    sedge_output_data(src, false, "a\0b\n", 4, 0);
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
    sedge_output_data(src, false, "x", 1, 0); /* now every cut would split a character */
    for (int i = 0; i < 100; i++)
        sedge_output_data(src, false, chunk, sizeof(chunk), 0);
    sedge_output_data(src, false, "", 0, 0);
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
        sedge_output_data(src, false, line, sizeof(line), 1000);
    assert_in_range(sedge_output_dropped(o), 60000, 90000);
    sedge_output_data(src, false, "later\n", 6, 3000);
    assert_int_equal(sedge_output_dropped(o), 0);
    log = close_output(o);
    assert_non_null(strstr(log, "output-dropped. "));
    assert_non_null(strstr(log, "stdout. later. {"));
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0, len = strlen(what);

    for (const char *p = text; *p; p++) /* strstr under the address sanitizer looks at all of the rest each time */
        if (*p == *what && strncmp(p, what, len) == 0) n++;
    return n;
}

/* Sent in pieces of a size that fits nothing; the log must account for every line. */
static void what_is_dropped_is_counted_exactly(void **st)
{
    static const char *const lines[] = {"y\n", "y\r\n", "y\r", "\n", "\r", "a longer line of output\r\n"};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(lines); i++) {
        struct sedge_output *o = open_output(&SEDGE_LOG_SETTINGS_DEFAULT);
        sedge_auto_buf struct sedge_buf all = SEDGE_BUF_INIT;
        sedge_auto_free char *log = NULL;
        int64_t dropped;
        for (int k = 0; k < 100000; k++)
            sedge_buf_puts(&all, lines[i]);
        for (size_t at = 0; at < all.len; at += 4093)
            sedge_output_data(src, false, all.data + at, all.len - at < 4093 ? all.len - at : 4093, 1000);
        dropped = sedge_output_dropped(o);
        log = close_output(o);
        assert_true(dropped > 50000);
        assert_int_equal((int64_t)count(log, ": stdout. ") + dropped, 100000);
        assert_int_equal(count(log, "output-dropped. "), 1);
    }
}

static void while_lines_are_dropped_the_notice_comes_once_a_second(void **st)
{
    struct sedge_output *o = open_output(&SEDGE_LOG_SETTINGS_DEFAULT);
    sedge_auto_free char *log = NULL;
    char line[100];

    (void)st;
    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\n';
    for (int ms = 1000; ms < 11000; ms++) /* ten seconds of 3 MB/s */
        for (int i = 0; i < 30; i++)
            sedge_output_data(src, false, line, sizeof(line), ms);
    log = close_output(o);
    assert_in_range(count(log, "output-dropped. "), 5, 12);
    assert_in_range(strlen(log), SEDGE_OUTPUT_BURST, SEDGE_OUTPUT_BURST + 12 * SEDGE_OUTPUT_BYTES_PER_SEC);
}

static void the_last_lines_are_those_of_the_end_even_when_they_were_dropped(void **st)
{
    struct sedge_output *o = open_output(&SEDGE_LOG_SETTINGS_DEFAULT);
    sedge_auto_strv struct sedge_strv last = {NULL, 0};
    sedge_auto_buf struct sedge_buf all = SEDGE_BUF_INIT;
    sedge_auto_free char *log = NULL;

    (void)st;
    for (int i = 0; i < 200000; i++)
        sedge_buf_printf(&all, "%d\n", i);
    for (size_t at = 0; at < all.len; at += 30000)
        sedge_output_data(src, false, all.data + at, all.len - at < 30000 ? all.len - at : 30000, 0);
    sedge_output_last(o, true, &last);
    log = close_output(o);
    assert_null(strstr(log, "stdout. 199999."));
    assert_int_equal(last.n, SEDGE_LAST_LINES);
    assert_string_equal(last.v[0], "199980");
    assert_string_equal(last.v[SEDGE_LAST_LINES - 1], "199999");
}

static void the_last_lines_can_be_shown_anywhere(void **st)
{
    struct sedge_output *o = open_output(&SEDGE_LOG_SETTINGS_DEFAULT);
    sedge_auto_strv struct sedge_strv last = {NULL, 0};
    sedge_auto_buf struct sedge_buf line = SEDGE_BUF_INIT;
    sedge_auto_free char *log = NULL;

    (void)st;
    sedge_buf_puts(&line, "x");
    for (int i = 0; i < 200; i++)
        sedge_buf_puts(&line, "\xc3\xbc");
    sedge_buf_puts(&line, "\n\x1b[2J\xff\n");
    sedge_output_data(src, false, line.data, line.len, 0);
    sedge_output_last(o, true, &last);
    log = close_output(o);
    assert_int_equal(last.n, 2);
    assert_true(strlen(last.v[0]) < SEDGE_LAST_LINE_MAX && sedge_utf8_valid(last.v[0], strlen(last.v[0])));
    assert_string_equal(last.v[1], "\\x1b[2J\\xff");
}

static void two_scripts_at_once_do_not_mix(void **st)
{
    struct sedge_output *o = open_output(&SEDGE_LOG_SETTINGS_DEFAULT);
    struct sedge_output_source *run = src, *shutdown = sedge_output_begin(o, "services.c.lifecycle.Shutdown");
    sedge_auto_strv struct sedge_strv last = {NULL, 0};
    sedge_auto_free char *log = NULL, *got = NULL;

    (void)st;
    sedge_output_data(run, false, "from ", 5, 0);
    sedge_output_data(shutdown, false, "good", 4, 0);
    sedge_output_data(run, false, "run\n", 4, 0);
    sedge_output_data(shutdown, false, "bye\n", 4, 0);
    sedge_output_data(run, false, "rest of it", 10, 0);
    sedge_output_data(shutdown, false, "", 0, 0);
    sedge_output_last(o, true, &last);
    sedge_output_source_free(shutdown);
    log = close_output(o);
    got = messages(log);
    assert_string_equal(got, "from run|goodbye|rest of it");
    assert_int_equal(count(log, "scriptName=services.c.lifecycle.Run,"), 2);
    assert_int_equal(count(log, "stdout. goodbye. {scriptName=services.c.lifecycle.Shutdown,"), 1);
    assert_int_equal(last.n, 1);
    assert_string_equal(last.v[0], "goodbye");
}

static void a_line_without_an_end_is_there_when_the_script_has_ended(void **st)
{
    struct sedge_output *o = open_output(&SEDGE_LOG_SETTINGS_DEFAULT);
    sedge_auto_free char *log = NULL, *got = NULL;

    (void)st;
    sedge_output_data(src, false, "no end", 6, 0);
    sedge_output_finish(src); /* a child still holds the pipe */
    sedge_output_data(src, false, "of the child\n", 13, 0);
    log = close_output(o);
    got = messages(log);
    assert_string_equal(got, "no end|of the child");
}

static const char nasty[] = "one\0\x1b]0;title\x07\xff\xfe\xc3\n"
                            "\xc2\x85 2024-03-07T10:15:42.123Z [ERROR] (main) forged: \xe2\x80\xa8\n"
                            "\",\"level\":\"ERROR\"}\n"
                            "\xed\xa0\x80 \xf4\x90\x80\x80 \b\x7f\n";

static void binary_output_forges_no_line_of_text(void **st)
{
    struct sedge_output *o = open_output(&SEDGE_LOG_SETTINGS_DEFAULT);
    sedge_auto_free char *log = NULL;

    (void)st;
    sedge_output_data(src, false, nasty, sizeof(nasty) - 1, 0);
    log = close_output(o);
    assert_int_equal(count(log, "\n"), 4);
    assert_true(sedge_utf8_valid(log, strlen(log)));
    assert_non_null(strstr(log, "stdout. one\\x00\\x1b]0;title\\x07\\xff\\xfe\\xc3. {"));
    assert_non_null(strstr(log, "stdout. \\u0085 2024"));
    for (const char *p = log; *p; p++)
        assert_true((unsigned char)*p >= 0x20 || *p == '\n');
}

static void binary_output_does_not_break_json(void **st)
{
    struct sedge_log_settings settings = SEDGE_LOG_SETTINGS_DEFAULT;
    sedge_auto_strv struct sedge_strv lines = {NULL, 0};
    struct sedge_output *o;
    sedge_auto_free char *log = NULL;

    (void)st;
    settings.format = SEDGE_LOG_JSON;
    o = open_output(&settings);
    sedge_output_data(src, false, nasty, sizeof(nasty) - 1, 0);
    log = close_output(o);
    sedge_strv_split(&lines, log, "\n");
    assert_int_equal(count(log, "\n"), 4);
    for (size_t i = 0; i < lines.n && *lines.v[i]; i++) {
        sedge_auto_put struct json_object *line = sedge_json_parse_object(lines.v[i], strlen(lines.v[i]), "log", NULL);
        assert_non_null(line);
        assert_string_equal(sedge_json_str(line, "level", ""), "INFO");
    }
}

static void an_endless_line_of_any_size_is_survived(void **st)
{
    struct sedge_output *o = open_output(&SEDGE_LOG_SETTINGS_DEFAULT);
    sedge_auto_free char *chunk = sedge_xcalloc(1, 32768), *log = NULL;

    (void)st;
    for (int i = 0; i < 1000; i++) /* 31 MB of NUL bytes, each of which becomes four in the log */
        sedge_output_data(src, i % 2, chunk, 32768, i);
    sedge_output_data(src, false, "\nafter\n", 7, 60000);
    log = close_output(o);
    assert_in_range(strlen(log), 1u << 20, SEDGE_OUTPUT_BURST + (2u << 20));
    assert_non_null(strstr(log, "stdout. after. {"));
}

static void a_raw_line_is_the_message_alone(void **st)
{
    struct sedge_log_settings settings = SEDGE_LOG_SETTINGS_DEFAULT;
    struct sedge_output *o;
    sedge_auto_free char *log = NULL;

    (void)st;
    settings.format = SEDGE_LOG_RAW;
    o = open_output(&settings);
    sedge_output_data(src, true, " bare \n\n", 8, 0);
    log = close_output(o);
    assert_string_equal(log, "bare\n\n");
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
    sedge_output_state(o, "RUNNING");
    sedge_output_data(src, true, "bad \"thing\"\n", 12, 0);
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
    sedge_auto_strv struct sedge_strv last = {NULL, 0};
    struct sedge_output *o;
    sedge_auto_free char *log = NULL;

    (void)st;
    settings.level = SEDGE_WARN;
    o = open_output(&settings);
    sedge_output_data(src, false, "info\n", 5, 0);
    sedge_output_data(src, true, "warn\n", 5, 0);
    for (int i = 0; i < 200000; i++)
        sedge_output_data(src, false, "hidden\n", 7, 0);
    assert_int_equal(sedge_output_dropped(o), 0); /* there is no news in what nobody wanted */
    sedge_output_last(o, true, &last);
    log = close_output(o);
    assert_int_equal(count(log, "\n"), 1);
    assert_non_null(strstr(log, "stderr. warn. {"));
    assert_string_equal(last.v[last.n - 1], "hidden");
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
        sedge_output_data(src, false, line, strlen(line), 0);
    }
    sedge_output_last(o, false, &last);
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
        cmocka_unit_test(what_is_dropped_is_counted_exactly),
        cmocka_unit_test(while_lines_are_dropped_the_notice_comes_once_a_second),
        cmocka_unit_test(the_last_lines_are_those_of_the_end_even_when_they_were_dropped),
        cmocka_unit_test(the_last_lines_can_be_shown_anywhere),
        cmocka_unit_test(two_scripts_at_once_do_not_mix),
        cmocka_unit_test(a_line_without_an_end_is_there_when_the_script_has_ended),
        cmocka_unit_test(binary_output_forges_no_line_of_text),
        cmocka_unit_test(binary_output_does_not_break_json),
        cmocka_unit_test(an_endless_line_of_any_size_is_survived),
        cmocka_unit_test(a_raw_line_is_the_message_alone),
        cmocka_unit_test(json_lines_have_the_fields_of_the_original),
        cmocka_unit_test(a_level_above_hides_lines),
        cmocka_unit_test(the_last_lines_are_kept_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
