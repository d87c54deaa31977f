/* Request targets: segments, queries and patterns. */
#include "../test.h"

#include <string.h>

#include "base/mem.h"
#include "cloud/http/http_target.h"
#include "cloud/http/page.h"
#include "base/json.h"

static void paths_are_cut_before_they_are_decoded(void **st)
{
    static const struct {
        const char *text, *segments; /* joined by "|"; NULL: refused */
    } rows[] = {
        {"/", ""},
        {"/a", "a"},
        {"/a/", "a"},
        {"/a//b", "a||b"},
        {"/a%2Fb/c%20d", "a/b|c d"},
        {"/a+b", "a+b"},
        {"/%C3%A4", "\xc3\xa4"},
        {"/x?y=/z", "x"},
        {"/s3%3A%2F%2Fb%2Fk.zip", "s3://b/k.zip"},
        {"", NULL},
        {"a", NULL},
        {"*", NULL},
        {"/%", NULL},
        {"/%2", NULL},
        {"/%zz", NULL},
        {"/%00", NULL},
        {"/%0a", NULL},
        {"/%ff", NULL},
        {"/a/../b", NULL},
        {"/a/%2e%2e", NULL},
        {"/.", NULL},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_http_target t;
        struct sedge_err err = SEDGE_ERR_INIT;
        int rc = sedge_http_target_parse(rows[i].text, &t, &err);

        if ((rc == 0) != (rows[i].segments != NULL)) fail_msg("%s: %d %s", rows[i].text, rc, err.msg);
        if (rc == 0) {
            sedge_auto_free char *joined = sedge_strv_join(&t.segments, "|");

            assert_string_equal(joined, rows[i].segments);
        }
        sedge_http_target_release(&t);
    }
}

static void queries_have_names_and_values(void **st)
{
    struct sedge_http_target t;
    struct sedge_err err = SEDGE_ERR_INIT;

    (void)st;
    assert_int_equal(sedge_http_target_parse("/x?a=1+2&b&&c=%26%3D&a=3&=v", &t, &err), 0);
    assert_string_equal(sedge_http_query(&t, "a", "-"), "1 2");
    assert_string_equal(sedge_http_query(&t, "b", "-"), "");
    assert_string_equal(sedge_http_query(&t, "c", "-"), "&=");
    assert_string_equal(sedge_http_query(&t, "d", "-"), "-");
    sedge_http_target_release(&t);
    assert_int_equal(sedge_http_target_parse("/x?a=%", &t, &err), -1);
    sedge_http_target_release(&t);
}

static void more_than_the_limits_is_refused(void **st)
{
    sedge_auto_buf struct sedge_buf deep = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf wide = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf longest = SEDGE_BUF_INIT;
    const struct sedge_buf *const all[] = {&deep, &wide, &longest};

    (void)st;
    for (int i = 0; i <= SEDGE_HTTP_SEGMENTS_MAX; i++)
        sedge_buf_puts(&deep, "/a");
    sedge_buf_puts(&wide, "/?");
    for (int i = 0; i <= SEDGE_HTTP_QUERY_MAX; i++)
        sedge_buf_puts(&wide, "a&");
    sedge_buf_putc(&longest, '/');
    while (longest.len <= SEDGE_HTTP_TARGET_MAX)
        sedge_buf_putc(&longest, 'a');
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(all); i++) {
        struct sedge_http_target t;
        struct sedge_err err = SEDGE_ERR_INIT;

        assert_int_equal(sedge_http_target_parse(all[i]->data, &t, &err), -1);
        assert_int_equal(err.code, SEDGE_E_LIMIT);
        sedge_http_target_release(&t);
    }
}

static void patterns_take_segments(void **st)
{
    static const struct {
        const char *text, *pattern;
        bool fits;
        size_t arg; /* of the first {} */
    } rows[] = {
        {"/a/x/b", "a/{}/b", true, 1},  {"/a/x", "a/{}/b", false, 0}, {"/a/x/b/c", "a/{}/b", false, 0},
        {"/a", "a", true, 0},           {"/ab", "a", false, 0},       {"/a", "ab", false, 0},
        {"/a/x/y/z", "a/{*}", true, 1}, {"/a", "a/{*}", false, 0},    {"/a/b", "{}/b", true, 0},
        {"/", "a", false, 0},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_http_target t;
        struct sedge_err err = SEDGE_ERR_INIT;
        size_t args[4] = {0};

        assert_int_equal(sedge_http_target_parse(rows[i].text, &t, &err), 0);
        if (sedge_http_match(&t, rows[i].pattern, args) != rows[i].fits)
            fail_msg("%s %s", rows[i].text, rows[i].pattern);
        if (rows[i].fits) assert_int_equal(args[0], rows[i].arg);
        sedge_http_target_release(&t);
    }
}

static struct json_object *numbers(int n)
{
    struct json_object *list = json_object_new_array();

    for (int i = 0; i < n; i++)
        (void)json_object_array_add(list, json_object_new_int(i));
    return list;
}

static void lists_come_in_pieces_until_the_end(void **st)
{
    sedge_auto_free char *token = sedge_xstrdup("");
    int seen = 0, pages = 0;

    (void)st;
    do {
        sedge_auto_free char *text = sedge_xasprintf("/x?maxResults=4&nextToken=%s", token);
        struct sedge_http_target t;
        struct json_object *o;

        assert_int_equal(sedge_http_target_parse(text, &t, NULL), 0);
        o = sedge_page_of(&t, "items", numbers(10));
        seen += (int)json_object_array_length(sedge_json_arr(o, "items"));
        free(token);
        token = sedge_xstrdup(sedge_json_str(o, "nextToken", ""));
        json_object_put(o);
        sedge_http_target_release(&t);
        pages++;
    } while (token[0]);
    assert_int_equal(seen, 10);
    assert_int_equal(pages, 3);
}

static void a_token_that_is_none_begins_at_the_start(void **st)
{
    static const char *const targets[] = {"/x?nextToken=%C3%A4", "/x?nextToken=////", "/x?maxResults=0",
                                          "/x?maxResults=-1", "/x?maxResults=many"};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(targets); i++) {
        struct sedge_http_target t;
        struct json_object *o;

        assert_int_equal(sedge_http_target_parse(targets[i], &t, NULL), 0);
        o = sedge_page_of(&t, "items", numbers(3));
        assert_int_equal(json_object_array_length(sedge_json_arr(o, "items")), 3);
        json_object_put(o);
        sedge_http_target_release(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_cut_before_they_are_decoded),
        cmocka_unit_test(queries_have_names_and_values),
        cmocka_unit_test(more_than_the_limits_is_refused),
        cmocka_unit_test(patterns_take_segments),
        cmocka_unit_test(lists_come_in_pieces_until_the_end),
        cmocka_unit_test(a_token_that_is_none_begins_at_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
