#include "../test.h"

#include "base/mem.h"
#include "mqtt/proxy.h"

static void urls_are_taken_apart(void **st)
{
    static const struct {
        const char *url;
        enum sedge_proxy_kind kind;
        const char *host;
        int port;
        const char *user, *password;
    } rows[] = {{"http://proxy.example.com", SEDGE_PROXY_HTTP, "proxy.example.com", 80, NULL, NULL},
                {"HTTPS://p/", SEDGE_PROXY_HTTPS, "p", 443, NULL, NULL},
                {"socks5://10.0.0.1", SEDGE_PROXY_SOCKS5, "10.0.0.1", 1080, NULL, NULL},
                {"http://me:p%40ss@p:3128/x", SEDGE_PROXY_HTTP, "p", 3128, "me", "p@ss"},
                {"http://a@b:c@p:1", SEDGE_PROXY_HTTP, "p", 1, "a@b", "c"},
                {"http://me@[::1]:8080", SEDGE_PROXY_HTTP, "::1", 8080, "me", ""},
                {"https://[fe80::1]", SEDGE_PROXY_HTTPS, "fe80::1", 443, NULL, NULL}};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct sedge_proxy p;
        assert_int_equal(sedge_proxy_parse(rows[i].url, &p, NULL), 0);
        assert_int_equal(p.kind, rows[i].kind);
        assert_string_equal(p.host, rows[i].host);
        assert_int_equal(p.port, rows[i].port);
        if (rows[i].user) assert_string_equal(p.user, rows[i].user);
        if (rows[i].user) assert_string_equal(p.password, rows[i].password);
        if (!rows[i].user) assert_null(p.user);
        sedge_proxy_release(&p);
    }
}

static void what_is_no_proxy_is_refused_without_telling_a_password(void **st)
{
    static const char *const urls[] = {"",
                                       "proxy:3128",
                                       "ftp://secret@p",
                                       "http://",
                                       "http://p:0",
                                       "http://p:65536",
                                       "http://p:",
                                       "http://me:secret%4@p",
                                       "http://me:secret%0d@p",
                                       "http://[::1",
                                       "http://[::1]x",
                                       "http://me:secret@"};

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(urls); i++) {
        struct sedge_proxy p;
        struct sedge_err err = SEDGE_ERR_INIT;
        assert_int_equal(sedge_proxy_parse(urls[i], &p, &err), -1);
        assert_int_equal(err.code, SEDGE_E_INVALID);
        assert_non_null(strstr(err.msg, "networkProxy.proxy.url: "));
        assert_null(strstr(err.msg, "secret"));
        sedge_proxy_release(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_taken_apart),
        cmocka_unit_test(what_is_no_proxy_is_refused_without_telling_a_password),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
