#include "../test.h"

#include "base/mem.h"
#include "tes/request.h"

#define PATH SEDGE_TES_PATH

static void requests_are_answered_by_method_path_and_token(void **st)
{
    static const struct {
        const char *head;
        int status;
        const char *token;
    } rows[] = {{"GET " PATH " HTTP/1.1\r\nHost: x\r\nAuthorization: abc\r\n\r\n", 200, "abc"},
                {"GET " PATH "?x=1 HTTP/1.1\r\nauthorization:\t abc \r\n\r\n", 200, "abc"},
                {"GET " PATH " HTTP/1.1\r\n\r\n", 403, ""},
                {"GET " PATH " HTTP/1.1\r\nAuthorization:\r\n\r\n", 403, ""},
                {"GET " PATH " HTTP/1.1\r\nX-Authorization: abc\r\n\r\n", 403, ""},
                {"GET " PATH " HTTP/1.1\r\n\r\nAuthorization: abc\r\n\r\n", 403, ""},
                {"GET / HTTP/1.1\r\nAuthorization: abc\r\n\r\n", 400, ""},
                {"GET " PATH "x HTTP/1.1\r\nAuthorization: abc\r\n\r\n", 400, ""},
                {"POST " PATH " HTTP/1.1\r\nAuthorization: abc\r\n\r\n", 405, ""},
                {"HEAD / HTTP/1.1\r\n\r\n", 405, ""},
                {"rubbish\r\n\r\n", 400, ""},
                {"\r\n\r\n", 400, ""}};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        char token[SEDGE_TES_TOKEN_MAX + 1] = "";
        assert_int_equal(sedge_tes_request_read(rows[i].head, token), rows[i].status);
        assert_string_equal(token, rows[i].token);
    }
}

static void a_token_that_is_too_long_is_none(void **st)
{
    char token[SEDGE_TES_TOKEN_MAX + 1] = "";
    char long_one[SEDGE_TES_TOKEN_MAX + 2];
    sedge_auto_free char *head = NULL;

    (void)st;
    memset(long_one, 'a', sizeof long_one);
    long_one[sizeof long_one - 1] = '\0';
    head = sedge_xasprintf("GET " PATH " HTTP/1.1\r\nAuthorization: %s\r\n\r\n", long_one);
    assert_int_equal(sedge_tes_request_read(head, token), 403);
}

static void a_request_ends_with_an_empty_line(void **st)
{
    (void)st;
    assert_int_equal(sedge_tes_request_end("GET / HTTP/1.1\r\n", 16), 0);
    assert_int_equal(sedge_tes_request_end("a\r\n\r\nb", 6), 5);
    assert_int_equal(sedge_tes_request_end("", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_answered_by_method_path_and_token),
        cmocka_unit_test(a_token_that_is_too_long_is_none),
        cmocka_unit_test(a_request_ends_with_an_empty_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
