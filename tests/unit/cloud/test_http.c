/* The HTTP server on a Unix socket: who is let in, what is too much, and clients that are too slow. */
#include "../test.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "cloud/http/cache.h"
#include "cloud/http/http.h"
#include "cloud/http/throttle.h"

#define BODY_MAX   64
#define DEADLINE_S 60
#define PATIENCE_S 600 /* of a server that cuts nobody */

struct fixture {
    char dir[64];
    char *socket;
    struct sedge_http *http;
    int role; /* of whoever asks; -1: nobody */
};

static int identify(void *user, struct sedge_cloud *c, const struct sedge_http_proof *proof,
                    struct sedge_http_peer *out, struct sedge_err *err)
{
    const struct fixture *f = user;

    assert_non_null(c->db);
    if (f->role < 0) return sedge_err_set(err, SEDGE_E_DENIED, "not you");
    if (f->role == 77) return sedge_err_set(err, SEDGE_E_LIMIT, "slowly");
    (void)snprintf(out->who, sizeof(out->who), "%u", (unsigned)proof->uid);
    out->role = (unsigned)f->role;
    return 0;
}

static void echo(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    (void)user;
    re->json = json_object_new_object();
    sedge_json_add_str(re->json, "arg", sedge_http_arg(rq, 0));
    sedge_json_add_str(re->json, "body", rq->body);
    sedge_json_add_str(re->json, "who", rq->peer.who);
}

static void give_error(void *user, const struct sedge_http_request *rq, struct sedge_http_reply *re)
{
    struct sedge_err err = {.code = (enum sedge_err_code)strtol(sedge_http_arg(rq, 0), NULL, 10), .msg = "so"};

    (void)user;
    sedge_http_fail(re, &err);
}

static const struct sedge_http_route routes[] = {
    {"POST", "echo/{}", "Echo", 1, echo},
    {"GET", "fail/{}", "Fail", 0, give_error},
    {0},
};

static int start(void **st, unsigned limit_s)
{
    struct fixture *f = SEDGE_NEW(struct fixture);
    struct sedge_cloud_settings s;
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_http_options o;

    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/sedge-http-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->socket = sedge_xasprintf("%s/s", f->dir);
    f->role = 1;
    sedge_cloud_settings_default(&s);
    assert_int_equal(sedge_cloud_init(f->dir, &s, &err), 0);
    sedge_cloud_settings_release(&s);
    o = (struct sedge_http_options){.name = "test",
                                    .dir = f->dir,
                                    .socket = f->socket,
                                    .routes = routes,
                                    .identify = identify,
                                    .user = f,
                                    .threads = 2,
                                    .body_max = BODY_MAX,
                                    .idle_s = limit_s,
                                    .request_s = limit_s};
    f->http = sedge_http_start(&o, &err);
    if (!f->http) fail_msg("%s", err.msg);
    *st = f;
    return 0;
}

static int setup(void **st)
{
    return start(st, PATIENCE_S);
}

static int setup_impatient(void **st)
{
    return start(st, 1);
}

static int teardown(void **st)
{
    struct fixture *f = *st;

    sedge_http_stop(f->http);
    assert_false(sedge_fs_exists(f->socket));
    (void)sedge_fs_remove_tree(f->dir, NULL);
    free(f->socket);
    free(f);
    return 0;
}

static int connect_to(const struct fixture *f)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(a.sun_path, sizeof(a.sun_path), "%s", f->socket);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

/* Sends and reads until the server closes; NULL: it did not in time. */
static char *ask(const struct fixture *f, const char *request)
{
    struct sedge_buf b = SEDGE_BUF_INIT;
    int fd = connect_to(f);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char chunk[4096];
    ssize_t n = 1;

    (void)send(fd, request, strlen(request), MSG_NOSIGNAL); /* it may be refused before all of it is there */
    while (n > 0) {
        if (poll(&p, 1, DEADLINE_S * 1000) != 1) fail_msg("no answer to: %s", request);
        n = recv(fd, chunk, sizeof(chunk), 0);
        if (n > 0) sedge_buf_add(&b, chunk, (size_t)n);
    }
    (void)close(fd);
    sedge_buf_puts(&b, "");
    return sedge_buf_steal(&b);
}

static void expect(const struct fixture *f, const char *request, const char *const *wanted)
{
    sedge_auto_free char *answer = ask(f, request);

    for (; *wanted; wanted++) {
        if (!strstr(answer, *wanted)) fail_msg("%s\nwithout \"%s\":\n%s", request, *wanted, answer);
    }
}
#define EXPECT(f, request, ...) expect(f, request, (const char *const[]){__VA_ARGS__, NULL})
#define CLOSE                   "Host: x\r\nConnection: close\r\n"

static void a_request_reaches_its_handler(void **st)
{
    sedge_auto_free char *who = sedge_xasprintf("\"who\":\"%u\"", (unsigned)getuid());

    EXPECT(*st, "POST /echo/a%2Fb HTTP/1.1\r\n" CLOSE "Content-Length: 2\r\n\r\nhi", "HTTP/1.1 200", "\"arg\":\"a/b\"",
           "\"body\":\"hi\"", who, "Content-Type: application/json", "x-amzn-RequestId: ", "Cache-Control: no-store");
}

static void who_is_not_let_in_learns_nothing(void **st)
{
    struct fixture *f = *st;

    f->role = -1;
    EXPECT(f, "GET /no/such HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 403", "AccessDeniedException", "not you");
    f->role = 0;
    EXPECT(f, "POST /echo/a HTTP/1.1\r\n" CLOSE "Content-Length: 0\r\n\r\n", "HTTP/1.1 403", "may not do this (Echo)");
    f->role = 77;
    EXPECT(f, "GET /no HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 429", "ThrottlingException", "Retry-After: 1");
}

static void paths_and_methods_that_are_not_there_are_told(void **st)
{
    EXPECT(*st, "GET /no/such HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 404",
           "x-amzn-ErrorType: ResourceNotFoundException");
    EXPECT(*st, "PUT /echo/a HTTP/1.1\r\n" CLOSE "Content-Length: 0\r\n\r\n", "HTTP/1.1 405");
    EXPECT(*st, "GET /%zz HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 400", "ValidationException", "hexadecimal");
}

static void errors_have_status_name_and_message(void **st)
{
    static const struct {
        enum sedge_err_code code;
        const char *status, *name;
    } rows[] = {
        {SEDGE_E_INVALID, "HTTP/1.1 400", "ValidationException"},
        {SEDGE_E_LIMIT, "HTTP/1.1 400", "ValidationException"},
        {SEDGE_E_DENIED, "HTTP/1.1 403", "AccessDeniedException"},
        {SEDGE_E_NOT_FOUND, "HTTP/1.1 404", "ResourceNotFoundException"},
        {SEDGE_E_CONFLICT, "HTTP/1.1 409", "ConflictException"},
        {SEDGE_E_UNAVAILABLE, "HTTP/1.1 503", "Retry-After: 30"},
        {SEDGE_E_CORRUPT, "HTTP/1.1 500", "InternalServerException"},
    };

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_free char *request = sedge_xasprintf("GET /fail/%d HTTP/1.1\r\n" CLOSE "\r\n", (int)rows[i].code);

        EXPECT(*st, request, rows[i].status, rows[i].name, "{\"message\":\"so\"}");
    }
}

static void a_body_that_is_too_large_is_refused(void **st)
{
    sedge_auto_buf struct sedge_buf chunked = SEDGE_BUF_INIT;

    EXPECT(*st, "POST /echo/a HTTP/1.1\r\n" CLOSE "Content-Length: 100000000000\r\n\r\n", "HTTP/1.1 413",
           "the body may have 64 bytes");
    sedge_buf_puts(&chunked, "POST /echo/a HTTP/1.1\r\n" CLOSE "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 20; i++)
        sedge_buf_puts(&chunked, "10\r\n0123456789abcdef\r\n");
    sedge_buf_puts(&chunked, "0\r\n\r\n");
    EXPECT(*st, chunked.data, "HTTP/1.1 413");
}

static void a_head_that_is_too_large_is_refused(void **st)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    sedge_buf_puts(&b, "GET /echo/a HTTP/1.1\r\n" CLOSE "X: ");
    for (int i = 0; i < SEDGE_HTTP_MEMORY_MAX; i++)
        sedge_buf_putc(&b, 'x');
    sedge_buf_puts(&b, "\r\n\r\n");
    EXPECT(*st, b.data, "HTTP/1.1 431");
}

static bool ends(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char chunk[512];

    return poll(&p, 1, DEADLINE_S * 1000) == 1 && recv(fd, chunk, sizeof(chunk), 0) <= 0;
}

static void a_silent_client_is_cut(void **st)
{
    int fd = connect_to(*st);

    (void)send(fd, "POST /echo", 10, MSG_NOSIGNAL);
    assert_true(ends(fd));
    (void)close(fd);
}

/* One byte now and then keeps the idle limit away, but not that of the whole request. */
static void a_client_that_drips_is_cut(void **st)
{
    struct fixture *f = *st;
    int64_t end = sedge_mono_ms() + DEADLINE_S * 1000LL;
    int fd = connect_to(f);
    ssize_t n = send(fd, "GET /fail/1 HTTP/1.1\r\nX: ", 24, MSG_NOSIGNAL);
    struct pollfd p = {.fd = fd, .events = POLLIN};

    while (n > 0 && sedge_mono_ms() < end && poll(&p, 1, 100) == 0) {
        n = send(fd, "x", 1, MSG_NOSIGNAL);
        sedge_http_sweep(f->http);
    }
    assert_true(sedge_mono_ms() < end);
    assert_true(ends(fd) || errno == ECONNRESET);
    (void)close(fd);
    EXPECT(f, "GET /fail/1 HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 400");
}

static void what_is_no_http_is_answered_or_cut(void **st)
{
    static const char *const rows[] = {"\r\n\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02\x00\r\n\r\n",
                                       "GET /fail/1 HTTP/1.1\r\n\r\n",
                                       ("POST /echo/a HTTP/1.1\r\n" CLOSE "Content-Length: -1\r\n\r\n")};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_free char *answer = ask(*st, rows[i]);

        assert_null(strstr(answer, "HTTP/1.1 200"));
    }
    EXPECT(*st, "GET /fail/1 HTTP/1.1\r\n" CLOSE "\r\n", "HTTP/1.1 400");
}

static void a_cache_forgets_with_time_and_size(void **st)
{
    struct sedge_cache *c = sedge_cache_new(60000), *old = sedge_cache_new(0);
    sedge_auto_free char *big = sedge_xcalloc(SEDGE_CACHE_BYTES_MAX / 4 + 2, 1);
    char *got;

    (void)st;
    memset(big, 'x', SEDGE_CACHE_BYTES_MAX / 4 + 1);
    sedge_cache_put(c, "k", "v");
    sedge_cache_put(old, "k", "v");
    got = sedge_cache_get(c, "k");
    assert_string_equal(got, "v");
    free(got);
    assert_null(sedge_cache_get(c, "other"));
    assert_null(sedge_cache_get(old, "k"));
    sedge_cache_put(c, "big", big);
    assert_null(sedge_cache_get(c, "big"));
    big[SEDGE_CACHE_BYTES_MAX / 4] = 0;
    for (int i = 0; i < 10; i++) {
        sedge_auto_free char *key = sedge_xasprintf("%d", i);

        sedge_cache_put(c, key, big);
    }
    got = sedge_cache_get(c, "9");
    assert_non_null(got);
    free(got);
    sedge_cache_free(c);
    sedge_cache_free(old);
}

static void each_thing_has_a_bucket_of_its_own(void **st)
{
    struct sedge_throttle *t = sedge_throttle_new(2, 3);

    (void)st;
    for (int i = 0; i < 3; i++)
        assert_true(sedge_throttle_take(t, 1, 1000));
    assert_false(sedge_throttle_take(t, 1, 1000));
    assert_true(sedge_throttle_take(t, 2, 1000));
    assert_false(sedge_throttle_take(t, 1, 1499));
    assert_true(sedge_throttle_take(t, 1, 1500));
    assert_false(sedge_throttle_take(t, 1, 900)); /* a clock that went back gives nothing */
    assert_true(sedge_throttle_take(t, 1 + SEDGE_THROTTLE_PLACES, 900));
    sedge_throttle_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_request_reaches_its_handler, setup, teardown),
        cmocka_unit_test_setup_teardown(who_is_not_let_in_learns_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(paths_and_methods_that_are_not_there_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(errors_have_status_name_and_message, setup, teardown),
        cmocka_unit_test_setup_teardown(a_body_that_is_too_large_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_head_that_is_too_large_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_silent_client_is_cut, setup_impatient, teardown),
        cmocka_unit_test_setup_teardown(a_client_that_drips_is_cut, setup_impatient, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_http_is_answered_or_cut, setup_impatient, teardown),
        cmocka_unit_test(a_cache_forgets_with_time_and_size),
        cmocka_unit_test(each_thing_has_a_bucket_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
