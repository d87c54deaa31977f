#include "../test.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "cli/logsource.h"

struct files {
    char dir[32];
    struct sedge_strv paths; /* an older one and the active one */
};

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
}

static int set_up(void **st)
{
    struct files *f = SEDGE_NEW(struct files);

    (void)snprintf(f->dir, sizeof f->dir, "/tmp/sedge-src-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    sedge_strv_add_take(&f->paths, sedge_xasprintf("%s/a_2024_03_07_10_0.log", f->dir));
    sedge_strv_add_take(&f->paths, sedge_xasprintf("%s/a.log", f->dir));
    *st = f;
    return 0;
}

static int tear_down(void **st)
{
    struct files *f = *st;

    (void)sedge_fs_remove_tree(f->dir, NULL);
    sedge_strv_release(&f->paths);
    free(f);
    return 0;
}

/* Everything that is there now, joined by "|". */
static char *drain(struct sedge_logsource *s)
{
    sedge_auto_strv struct sedge_strv lines = {NULL, 0};
    struct sedge_loghit hit;

    while (sedge_logsource_next(s, &hit) == 1) {
        sedge_strv_add(&lines, hit.entry.raw);
        sedge_loghit_release(&hit);
    }
    return sedge_strv_join(&lines, "|");
}

static void lines_around_a_match_cross_files(void **st)
{
    static const struct {
        const char *filter;
        int before, after;
        const char *want;
    } rows[] = {{"x", 0, 0, "x1|x2"},           {"x", 1, 0, "b|x1|e|x2"},      {"x", 0, 1, "x1|c|x2"},
                {"x", 9, 9, "a|b|x1|c|d|e|x2"}, {"", 0, 0, "a|b|x1|c|d|e|x2"}, {"none", 2, 2, ""}};
    const struct files *f = *st;

    put(f->paths.v[0], "a\nb\nx1\r\n\nc\n");
    put(f->paths.v[1], "d\ne\nx2");
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_logfilter *filter = sedge_logfilter_new();
        struct sedge_logquery q = {.filter = filter, .before = rows[i].before, .after = rows[i].after};
        struct sedge_logsource *s = sedge_logsource_new(&f->paths, &q);
        sedge_auto_free char *got = NULL;
        char *warning;
        assert_int_equal(sedge_logfilter_add(filter, rows[i].filter, &warning, NULL), 0);
        got = drain(s);
        assert_string_equal(got, rows[i].want);
        sedge_logsource_free(s);
        sedge_logfilter_free(filter);
    }
}

static void expect(struct sedge_logsource *s, const char *want)
{
    sedge_auto_free char *got = drain(s);

    assert_string_equal(got, want);
}

static void a_follower_sees_complete_lines_and_rotation(void **st)
{
    const struct files *f = *st;
    struct sedge_logfilter *filter = sedge_logfilter_new();
    struct sedge_logquery q = {.filter = filter, .follow = true};
    sedge_auto_free char *rotated = sedge_xasprintf("%s/a_2024_03_07_11_0.log", f->dir);
    struct sedge_logsource *s;

    put(f->paths.v[0], "a\n");
    put(f->paths.v[1], "b\npart");
    s = sedge_logsource_new(&f->paths, &q);
    expect(s, "a|b");
    put(f->paths.v[1], "ial\nc\n");
    expect(s, "partial|c");
    put(f->paths.v[1], "d\n");
    assert_int_equal(rename(f->paths.v[1], rotated), 0);
    expect(s, "d");
    put(f->paths.v[1], "e\n");
    expect(s, "e");
    assert_int_equal(truncate(f->paths.v[1], 0), 0);
    expect(s, "");
    put(f->paths.v[1], "f\n");
    expect(s, "f");
    sedge_logsource_free(s);
    sedge_logfilter_free(filter);
}

static void overlong_lines_are_cut(void **st)
{
    const struct files *f = *st;
    struct sedge_logfilter *filter = sedge_logfilter_new();
    struct sedge_logquery q = {.filter = filter};
    struct sedge_logsource *s;
    sedge_auto_free char *text = sedge_xcalloc(SEDGE_LOGLINE_MAX + 10, 1);
    sedge_auto_free char *got = NULL;

    memset(text, 'x', SEDGE_LOGLINE_MAX + 9);
    put(f->paths.v[0], text);
    put(f->paths.v[1], "end\n");
    s = sedge_logsource_new(&f->paths, &q);
    got = drain(s);
    assert_int_equal(strcspn(got, "|"), SEDGE_LOGLINE_MAX);
    assert_string_equal(got + SEDGE_LOGLINE_MAX, "|xxxxxxxxx|end");
    sedge_logsource_free(s);
    sedge_logfilter_free(filter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_around_a_match_cross_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_follower_sees_complete_lines_and_rotation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(overlong_lines_are_cut, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
