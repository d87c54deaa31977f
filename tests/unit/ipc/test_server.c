#include "../test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "fixture.h"
#include "ipc_wire/message.h"
#include "vectors.h"

#define WAIT_MS 60000 /* ends a hang */

/* A raw peer: a socket and a splitter. */
struct peer {
    int fd;
    struct sedge_frame_in in;
    char buf[65536];
};

static void peer_open(struct peer *p, const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    (void)snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    p->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(p->fd, (const struct sockaddr *)&a, sizeof a), 0);
    sedge_frame_in_init(&p->in, SEDGE_FRAME_MAX);
}

static void peer_close(struct peer *p)
{
    (void)close(p->fd);
    sedge_frame_in_release(&p->in);
}

static void peer_send(struct peer *p, const struct sedge_buf *b)
{
    size_t done = 0;

    while (done < b->len) {
        ssize_t n = send(p->fd, b->data + done, b->len - done, MSG_NOSIGNAL);

        if (n < 0) return; /* the server has closed: the test looks at what it said */
        done += (size_t)n;
    }
}

/* 1: a frame; 0: end of the connection; -1: nothing within timeout_ms. */
static int peer_next(struct peer *p, struct sedge_frame *f, struct sedge_message *m, int timeout_ms)
{
    for (;;) {
        struct pollfd pf = {.fd = p->fd, .events = POLLIN};
        ssize_t n;
        int rc = sedge_frame_in_next(&p->in, f, NULL);

        assert_true(rc >= 0);
        if (rc == 1) {
            assert_int_equal(sedge_message_decode(f, m, NULL), 0);
            return 1;
        }
        if (poll(&pf, 1, timeout_ms) == 0) return -1;
        n = recv(p->fd, p->buf, sizeof p->buf, 0);
        if (n <= 0) return 0;
        sedge_frame_in_push(&p->in, p->buf, (size_t)n);
    }
}

static void peer_hello(struct peer *p, const char *path, const char *token)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    struct sedge_frame f;
    struct sedge_message m;

    peer_open(p, path);
    assert_int_equal(sedge_message_connect(&b, token, NULL), 0);
    peer_send(p, &b);
    assert_int_equal(peer_next(p, &f, &m, WAIT_MS), 1);
    assert_int_equal(m.type, SEDGE_MSG_CONNECT_ACK);
    assert_int_equal(m.flags, 1);
}

static void peer_request(struct peer *p, int32_t id, const char *op, const char *json)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    sedge_auto_free char *full = sedge_xasprintf(SEDGE_IPC_NAMESPACE "%s", op);

    assert_int_equal(sedge_message_request(&b, id, full, json, strlen(json), NULL), 0);
    peer_send(p, &b);
}

static void add_bare(struct sedge_buf *b, int type, int flags, int id, const char *op)
{
    size_t start = b->len;

    sedge_frame_begin(b);
    sedge_frame_int32(b, ":message-type", type);
    sedge_frame_int32(b, ":message-flags", flags);
    sedge_frame_int32(b, ":stream-id", id);
    if (op) sedge_frame_string(b, "operation", op, strlen(op));
    assert_int_equal(sedge_frame_end(b, start, "{}", 2, NULL), 0);
}

static void peer_bare(struct peer *p, int type, int flags, int id, const char *op)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;

    add_bare(&b, type, flags, id, op);
    peer_send(p, &b);
}

static void expect(struct peer *p, int type, int flags, int id, const char *shape)
{
    struct sedge_frame f;
    struct sedge_message m;

    assert_int_equal(peer_next(p, &f, &m, WAIT_MS), 1);
    assert_int_equal(m.type, type);
    assert_int_equal(m.flags, flags);
    assert_int_equal(m.stream_id, id);
    if (!shape) return;
    assert_true(sedge_text_is(m.service_model_type, shape));
    assert_true(sedge_text_is(m.content_type, "application/json"));
}

static void expect_end(struct peer *p)
{
    struct sedge_frame f;
    struct sedge_message m;

    assert_int_equal(peer_next(p, &f, &m, WAIT_MS), 0);
}

static void expect_alive(struct peer *p, int32_t id)
{
    peer_request(p, id, "TestEcho", "{}");
    expect(p, 0, 2, id, "aws.greengrass#TestEchoResponse");
}

static int setup(void **st)
{
    *st = fixture_start(NULL);
    return 0;
}

static int teardown(void **st)
{
    fixture_stop(*st);
    return 0;
}

static void connection_faults_get_a_protocol_error_and_the_end(void **st)
{
    static const struct {
        int type, flags, id;
        const char *op;
        bool hello;
        int answer;
    } rows[] = {
        {0, 0, 1, "aws.greengrass#ListComponents", false, SEDGE_MSG_PROTOCOL_ERROR},
        {2, 0, 0, NULL, false, SEDGE_MSG_PROTOCOL_ERROR},
        {4, 0, 0, NULL, true, SEDGE_MSG_PROTOCOL_ERROR},
        {5, 0, 0, NULL, true, SEDGE_MSG_INTERNAL_ERROR},
        {0, 0, 0, "aws.greengrass#ListComponents", true, SEDGE_MSG_PROTOCOL_ERROR},
        {9, 0, 0, NULL, true, SEDGE_MSG_PROTOCOL_ERROR},
        {2, 0, 3, NULL, true, SEDGE_MSG_PROTOCOL_ERROR},
        {0, 0, -1, "aws.greengrass#ListComponents", true, SEDGE_MSG_PROTOCOL_ERROR},
        {0, 0, 1, NULL, true, SEDGE_MSG_PROTOCOL_ERROR},
        {6, 0, 0, NULL, true, -1},
        {7, 0, 0, NULL, true, -1},
    };

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct peer p;

        if (rows[i].hello)
            peer_hello(&p, fixture_path(*st), "T:a");
        else
            peer_open(&p, fixture_path(*st));
        peer_bare(&p, rows[i].type, rows[i].flags, rows[i].id, rows[i].op);
        if (rows[i].answer >= 0) expect(&p, rows[i].answer, 0, 0, NULL);
        expect_end(&p);
        peer_close(&p);
    }
}

static void refused_handshakes_get_flags_0_and_the_end(void **st)
{
    static const struct {
        const char *version, *payload;
    } rows[] = {{"0.1.0", "{\"authToken\":\"wrong\"}"},
                {"0.2.0", "{\"authToken\":\"T:a\"}"},
                {NULL, "{\"authToken\":\"T:a\"}"},
                {"0.1.0", ""},
                {"0.1.0", "[]"},
                {"0.1.0", "{\"authToken\":5}"},
                {"0.1.0", "{\"authToken\":\"\"}"},
                {"0.1.0", "{\"authToken\":\"T:a\""}};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
        struct peer p;

        peer_open(&p, fixture_path(*st));
        sedge_frame_begin(&b);
        if (rows[i].version) sedge_frame_string(&b, ":version", rows[i].version, strlen(rows[i].version));
        sedge_frame_int32(&b, ":message-type", SEDGE_MSG_CONNECT);
        sedge_frame_int32(&b, ":message-flags", 0);
        sedge_frame_int32(&b, ":stream-id", 0);
        assert_int_equal(sedge_frame_end(&b, 0, rows[i].payload, strlen(rows[i].payload), NULL), 0);
        peer_send(&p, &b);
        expect(&p, SEDGE_MSG_CONNECT_ACK, 0, 0, NULL);
        expect_end(&p);
        peer_close(&p);
    }
}

/* The table of ipc-wire 5.7, row by row, on one connection. */
static void frames_for_streams_follow_the_table(void **st)
{
    sedge_auto_buf struct sedge_buf both = SEDGE_BUF_INIT;
    struct peer p;

    peer_hello(&p, fixture_path(*st), "T:table");
    peer_request(&p, 1, "SubscribeToTopic", "{\"topic\":\"t\"}");
    expect(&p, 0, 0, 1, "aws.greengrass#SubscribeToTopicResponse");
    peer_bare(&p, 0, 0, 1, "aws.greengrass#ListComponents"); /* step 2 */
    expect(&p, 1, 2, 1, "aws.greengrass#ServiceError");
    peer_bare(&p, 0, 0, 1, "aws.greengrass#ListComponents"); /* step 3, both flags */
    peer_bare(&p, 0, 2, 1, NULL);
    peer_bare(&p, 0, 2, 9, NULL); /* step 4 with flag 2: last stays */
    expect_alive(&p, 2);
    peer_bare(&p, 0, 2, 3, "aws.greengrass#TestEcho"); /* step 5: used up */
    peer_bare(&p, 0, 0, 3, "aws.greengrass#TestEcho");
    expect_alive(&p, 7); /* a gap */
    peer_request(&p, 8, "SubscribeToTopic", "{\"topic\":\"t\"}");
    expect(&p, 0, 0, 8, NULL);
    peer_bare(&p, 0, 2, 8, NULL); /* step 1: silently, and no event afterwards */
    peer_request(&p, 9, "PublishToTopic", "{\"topic\":\"t\",\"publishMessage\":{\"jsonMessage\":{\"message\":{}}}}");
    expect(&p, 0, 2, 9, "aws.greengrass#PublishToTopicResponse");
    add_bare(&both, 0, 0, 10, "aws.greengrass#TestLater"); /* terminated before its answer: they come together */
    add_bare(&both, 0, 2, 10, NULL);
    peer_send(&p, &both);
    (void)usleep(60000);
    expect_alive(&p, 11);
    peer_bare(&p, 1, 0, 12, "aws.greengrass#TestEcho"); /* type 1 from a client counts as type 0 */
    expect(&p, 0, 2, 12, "aws.greengrass#TestEchoResponse");
    peer_close(&p);
}

static void a_ping_is_answered_with_its_payload_and_own_headers(void **st)
{
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    struct sedge_frame f;
    struct sedge_message m;
    struct peer p;

    peer_hello(&p, fixture_path(*st), "T:a");
    sedge_frame_begin(&b);
    sedge_frame_string(&b, "mark", "x", 1);
    sedge_frame_int32(&b, ":message-type", SEDGE_MSG_PING);
    sedge_frame_int32(&b, ":message-flags", 0);
    sedge_frame_int32(&b, ":stream-id", 0);
    assert_int_equal(sedge_frame_end(&b, 0, "hi", 2, NULL), 0);
    peer_send(&p, &b);
    assert_int_equal(peer_next(&p, &f, &m, WAIT_MS), 1);
    assert_int_equal(m.type, SEDGE_MSG_PING_RESPONSE);
    assert_int_equal(f.payload_len, 2);
    assert_non_null(memmem(f.headers, f.headers_len, "mark", 4));
    peer_close(&p);
}

static void garbage_ends_its_own_connection_only(void **st)
{
    struct sedge_buf junk = {(char[]){"GET / HTTP/1.1\r\nHost: x\r\n\r\n"}, 26, 0};
    struct peer good;
    struct peer bad;

    peer_hello(&good, fixture_path(*st), "T:good");
    peer_open(&bad, fixture_path(*st));
    peer_send(&bad, &junk);
    expect_end(&bad);
    peer_close(&bad);
    peer_hello(&bad, fixture_path(*st), "T:bad");
    peer_send(&bad, &junk);
    expect_end(&bad);
    peer_close(&bad);
    expect_alive(&good, 1);
    peer_close(&good);
}

static void frames_before_a_half_close_are_still_answered(void **st)
{
    struct peer p;

    peer_hello(&p, fixture_path(*st), "T:a");
    for (int32_t i = 1; i <= 100; i++)
        peer_request(&p, i, "TestEcho", "{\"k\":1}");
    assert_int_equal(shutdown(p.fd, SHUT_WR), 0);
    for (int32_t i = 1; i <= 100; i++)
        expect(&p, 0, 2, i, "aws.greengrass#TestEchoResponse");
    expect_end(&p);
    peer_close(&p);
}

static void a_request_over_the_servers_limit_gets_an_error_on_its_stream(void **st)
{
    struct sedge_ipc_server_options o = SEDGE_IPC_SERVER_OPTIONS_INIT;
    struct fixture_thread *t;
    static char big[100000];
    struct peer p;

    (void)st;
    o.frame_limit_bytes = 10000;
    o.streams_max = 3;
    t = fixture_start(&o);
    memset(big, ' ', sizeof big - 1);
    peer_hello(&p, fixture_path(t), "T:a");
    peer_request(&p, 1, "TestEcho", big);
    expect(&p, 1, 2, 1, "aws.greengrass#ServiceError");
    for (int32_t i = 2; i <= 4; i++)
        peer_request(&p, i, "TestNever", "{}");
    peer_request(&p, 5, "TestEcho", "{}"); /* the fourth open stream */
    expect(&p, 1, 2, 5, "aws.greengrass#ServiceError");
    peer_bare(&p, 0, 2, 2, NULL);
    expect_alive(&p, 6);
    peer_close(&p);
    fixture_stop(t);
}

static void a_silent_connection_is_dropped_after_the_handshake_timeout(void **st)
{
    struct sedge_ipc_server_options o = SEDGE_IPC_SERVER_OPTIONS_INIT;
    struct fixture_thread *t;
    struct peer silent;
    struct peer good;

    (void)st;
    o.handshake_timeout_ms = 2000; /* time enough for the good one */
    t = fixture_start(&o);
    peer_hello(&good, fixture_path(t), "T:a");
    peer_open(&silent, fixture_path(t));
    expect_end(&silent);
    expect_alive(&good, 1);
    peer_close(&silent);
    peer_close(&good);
    fixture_stop(t);
}

static void a_frame_that_has_begun_must_go_on(void **st)
{
    struct sedge_ipc_server_options o = SEDGE_IPC_SERVER_OPTIONS_INIT;
    sedge_auto_buf struct sedge_buf frame = SEDGE_BUF_INIT;
    sedge_auto_buf struct sedge_buf half = SEDGE_BUF_INIT;
    struct fixture_thread *t;
    struct peer stuck;
    struct peer silent;

    (void)st;
    o.frame_timeout_ms = 50;
    t = fixture_start(&o);
    peer_hello(&stuck, fixture_path(t), "T:a");
    peer_hello(&silent, fixture_path(t), "T:b");
    sedge_message_terminate(&frame, 1);
    sedge_buf_add(&half, frame.data, frame.len - 1);
    peer_send(&stuck, &half);
    expect_end(&stuck);
    expect_alive(&silent, 1); /* between two frames anybody may be silent */
    peer_close(&stuck);
    peer_close(&silent);
    fixture_stop(t);
}

static void a_slow_reader_loses_events_and_holds_up_nobody(void **st)
{
    struct sedge_ipc_server_options o = SEDGE_IPC_SERVER_OPTIONS_INIT;
    struct fixture_thread *t;
    struct sedge_ipc_stats stats;
    struct sedge_frame f;
    struct sedge_message m;
    struct peer slow;
    struct peer fast;
    char json[1200];
    unsigned got = 0;
    int rc;

    (void)st;
    o.queue_bytes = 100000;
    t = fixture_start(&o);
    peer_hello(&slow, fixture_path(t), "T:slow");
    peer_hello(&fast, fixture_path(t), "T:fast");
    peer_request(&slow, 1, "SubscribeToTopic", "{\"topic\":\"t\"}");
    expect(&slow, 0, 0, 1, NULL);
    (void)snprintf(json, sizeof json,
                   "{\"topic\":\"t\",\"publishMessage\":{\"jsonMessage\":{\"message\":{\"x\":\"%01000d\"}}}}", 0);
    for (int32_t i = 1; i <= 2000; i++) {
        peer_request(&fast, i, "PublishToTopic", json);
        expect(&fast, 0, 2, i, NULL);
    }
    fixture_stats(t, &stats);
    assert_true(stats.events_dropped > 500);
    peer_request(&slow, 2, "TestEcho", "{}"); /* the answer is not dropped, and comes behind the events */
    while ((rc = peer_next(&slow, &f, &m, WAIT_MS)) == 1 && m.stream_id == 1)
        got++;
    assert_int_equal(rc, 1);
    assert_int_equal(m.stream_id, 2);
    assert_int_equal(got + stats.events_dropped, 2000);
    peer_close(&slow);
    peer_close(&fast);
    fixture_stop(t);
}

static void a_peer_that_never_reads_its_answers_is_not_read_from(void **st)
{
    struct sedge_ipc_server_options o = SEDGE_IPC_SERVER_OPTIONS_INIT;
    struct fixture_thread *t;
    sedge_auto_buf struct sedge_buf b = SEDGE_BUF_INIT;
    static char json[20001];
    struct sedge_ipc_stats stats;
    struct peer p;
    ssize_t n = 1;
    int32_t id = 0;
    int stuck = 0;

    (void)st;
    o.queue_bytes = 100000;
    t = fixture_start(&o);
    peer_hello(&p, fixture_path(t), "T:a");
    memset(json, ' ', sizeof json - 1);
    json[0] = '{';
    json[sizeof json - 2] = '}';
    while (id < 2000 && stuck < 50) {
        sedge_buf_clear(&b);
        assert_int_equal(sedge_message_request(&b, ++id, "aws.greengrass#TestEcho", json, 20000, NULL), 0);
        for (size_t done = 0; done < b.len && stuck < 50;) {
            n = send(p.fd, b.data + done, b.len - done, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (n > 0) {
                done += (size_t)n;
                stuck = 0;
            } else {
                stuck++;
                (void)usleep(2000);
            }
        }
    }
    assert_true(id < 2000);
    fixture_stats(t, &stats);
    assert_true(stats.frames_in < 2000);
    for (int32_t i = 1; i < id; i++)
        expect(&p, 0, 2, i, NULL); /* reading makes it go on */
    peer_close(&p);
    fixture_stop(t);
}

static void a_thousand_connections_with_twenty_subscriptions_each(void **st)
{
    struct fixture_thread *t;
    struct rlimit r;
    struct peer *p;
    struct peer pub;
    enum { N = 1000, SUBS = 20 };

    (void)st;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
    r.rlim_cur = r.rlim_max < 4096 ? r.rlim_max : 4096;
    (void)setrlimit(RLIMIT_NOFILE, &r);
    if (r.rlim_cur < 2 * N + 50) {
        print_message("skipped: only %lu descriptors allowed\n", (unsigned long)r.rlim_cur);
        skip();
    }
    t = fixture_start(NULL);
    p = calloc(N, sizeof *p);
    assert_non_null(p);
    for (int i = 0; i < N; i++) {
        peer_hello(&p[i], fixture_path(t), "T:many");
        for (int32_t k = 1; k <= SUBS; k++)
            peer_request(&p[i], k, "SubscribeToTopic", "{\"topic\":\"all\"}");
    }
    for (int i = 0; i < N; i++)
        for (int32_t k = 1; k <= SUBS; k++)
            expect(&p[i], 0, 0, k, NULL);
    peer_hello(&pub, fixture_path(t), "T:pub");
    peer_request(&pub, 1, "PublishToTopic",
                 "{\"topic\":\"all\",\"publishMessage\":{\"jsonMessage\":{\"message\":{}}}}");
    expect(&pub, 0, 2, 1, NULL);
    for (int i = 0; i < N; i++)
        for (int k = 0; k < SUBS; k++) {
            struct sedge_frame f;
            struct sedge_message m;

            assert_int_equal(peer_next(&p[i], &f, &m, WAIT_MS), 1);
            assert_true(sedge_text_is(m.service_model_type, "aws.greengrass#SubscriptionResponseMessage"));
        }
    for (int i = 0; i < N; i++)
        peer_close(&p[i]);
    expect_alive(&pub, 2);
    peer_close(&pub);
    free(p);
    fixture_stop(t);
}

/* ---- the socket file ---- */

static const struct sedge_ipc_callbacks no_callbacks;

static void the_socket_is_open_to_all_and_not_taken_twice(void **st)
{
    struct sedge_err err = SEDGE_ERR_INIT;
    struct stat s;
    uv_loop_t loop;

    assert_int_equal(stat(fixture_path(*st), &s), 0);
    assert_int_equal(s.st_mode & 0777, 0666);
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_null(sedge_ipc_server_open(&loop, fixture_path(*st), NULL, &no_callbacks, NULL, &err));
    assert_int_equal(err.code, SEDGE_E_CONFLICT);
    assert_non_null(strstr(err.msg, "another nucleus"));
    assert_int_equal(access(fixture_path(*st), F_OK), 0);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void bad_paths_are_refused_and_stale_sockets_replaced(void **st)
{
    char dir[] = "/tmp/sedge-ipc-XXXXXX";
    sedge_auto_free char *path = NULL;
    char too_long[200];
    struct sedge_err err = SEDGE_ERR_INIT;
    struct sedge_ipc_server *srv;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    uv_loop_t loop;
    int fd;

    (void)st;
    assert_non_null(mkdtemp(dir));
    path = sedge_xasprintf("%s/s", dir);
    assert_int_equal(uv_loop_init(&loop), 0);
    memset(too_long, 'x', sizeof too_long - 1);
    too_long[0] = '/';
    too_long[sizeof too_long - 1] = 0;
    assert_null(sedge_ipc_server_open(&loop, too_long, NULL, &no_callbacks, NULL, &err));
    assert_int_equal(err.code, SEDGE_E_LIMIT);
    assert_non_null(strstr(err.msg, "ipcSocketPath"));
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    (void)close(fd);
    assert_null(sedge_ipc_server_open(&loop, path, NULL, &no_callbacks, NULL, &err));
    assert_int_equal(err.code, SEDGE_E_CONFLICT);
    assert_int_equal(unlink(path), 0);
    (void)snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof a), 0);
    (void)close(fd); /* the file stays: what a killed nucleus leaves */
    srv = sedge_ipc_server_open(&loop, path, NULL, &no_callbacks, NULL, &err);
    if (!srv) fail_msg("%s", err.msg);
    sedge_ipc_server_close(srv, NULL, NULL);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(uv_loop_close(&loop), 0);
    assert_int_equal(rmdir(dir), 0);
}

/* ---- vectors ---- */

/* Sends a captured client frame on a fresh connection and wants an answer on its stream of the right form. */
static void dispatch_vector(struct json_object *v, void *arg)
{
    sedge_auto_buf struct sedge_buf wire = SEDGE_BUF_INIT;
    struct sedge_frame f;
    struct sedge_message m;
    struct peer p;
    int64_t flags = sedge_json_i64(v, "flags", 0);

    if (strcmp(sedge_json_str(v, "direction", ""), "client-to-server") != 0 || !sedge_json_str(v, "operation", NULL) ||
        flags != 0)
        return;
    unhex(&wire, sedge_json_str(v, "hex", ""));
    peer_hello(&p, fixture_path(arg), "LABTOKEN00000001");
    peer_send(&p, &wire);
    do /* a burst of events may come first on the subscription's stream */
        assert_int_equal(peer_next(&p, &f, &m, WAIT_MS), 1);
    while (m.stream_id != sedge_json_i64(v, "streamId", 0));
    assert_true(m.type == SEDGE_MSG_APPLICATION || m.type == SEDGE_MSG_ERROR);
    assert_true(f.payload_len >= 2);
    assert_true(sedge_text_is(m.content_type, "application/json"));
    if (m.type == SEDGE_MSG_ERROR) assert_int_equal(m.flags, 2);
    peer_close(&p);
}

static void requests_of_every_sdk_are_answered_in_form(void **st)
{
    need_vectors();
    (void)each_vector(dispatch_vector, *st);
}

static void replay(struct fixture_thread *t, const char *name)
{
    sedge_auto_put struct json_object *doc = load_json(name);
    struct json_object *steps = sedge_json_arr(doc, "steps");
    sedge_auto_buf struct sedge_buf all = SEDGE_BUF_INIT;
    bool over[256] = {false};
    struct sedge_frame f;
    struct sedge_message m;
    struct peer p;

    peer_open(&p, fixture_path(t));
    for (size_t i = 0; i < json_object_array_length(steps); i++) {
        struct json_object *s = json_object_array_get_idx(steps, i);

        if (strcmp(sedge_json_str(s, "from", ""), "client") == 0) unhex(&all, sedge_json_str(s, "hex", ""));
    }
    peer_send(&p, &all);
    (void)shutdown(p.fd, SHUT_WR);
    while (peer_next(&p, &f, &m, WAIT_MS) == 1) {
        assert_true(m.stream_id >= 0 && m.stream_id < 256);
        if (m.stream_id == 0) {
            assert_int_equal(m.type, SEDGE_MSG_CONNECT_ACK);
            continue;
        }
        assert_false(over[m.stream_id]); /* nothing follows a frame with flags 2 */
        over[m.stream_id] = m.flags & 2;
        if (m.type == SEDGE_MSG_ERROR) assert_int_equal(m.flags, 2);
    }
    peer_close(&p);
}

static void recorded_sessions_are_replayed(void **st)
{
    need_vectors();
    replay(*st, "session_all-operations.json");
    replay(*st, "session_client-close-with-open-streams.json");
    replay(*st, "session_out-of-order-and-abandoned.json");
}

static void decoder_cases_get_the_stated_reaction(void **st)
{
    sedge_auto_put struct json_object *doc = NULL;
    struct json_object *cases;

    need_vectors();
    doc = load_json("decoder-cases.json");
    cases = sedge_json_arr(doc, "cases");
    for (size_t i = 0; i < json_object_array_length(cases); i++) {
        struct json_object *c = json_object_array_get_idx(cases, i);
        const char *expected = sedge_json_str(c, "expect", "");
        const char *name = sedge_json_str(c, "name", "");
        sedge_auto_buf struct sedge_buf wire = SEDGE_BUF_INIT;
        struct peer p;

        unhex(&wire, sedge_json_str(c, "hex", ""));
        if (strcmp(name, "first-frame-not-connect") == 0)
            peer_open(&p, fixture_path(*st));
        else
            peer_hello(&p, fixture_path(*st), "T:case");
        peer_send(&p, &wire);
        if (strncmp(expected, "close the connection", 20) == 0) {
            expect_end(&p);
        } else if (strstr(expected, "ProtocolError")) {
            expect(&p, SEDGE_MSG_PROTOCOL_ERROR, 0, 0, NULL);
            expect_end(&p);
        } else { /* unsupported here, or not JSON: either way an error on the stream */
            expect(&p, SEDGE_MSG_ERROR, 2, 1, "aws.greengrass#ServiceError");
            expect_alive(&p, 2);
        }
        peer_close(&p);
    }
}

#define T(f) cmocka_unit_test(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(connection_faults_get_a_protocol_error_and_the_end),
        T(refused_handshakes_get_flags_0_and_the_end),
        T(frames_for_streams_follow_the_table),
        T(a_ping_is_answered_with_its_payload_and_own_headers),
        T(garbage_ends_its_own_connection_only),
        T(frames_before_a_half_close_are_still_answered),
        T(a_request_over_the_servers_limit_gets_an_error_on_its_stream),
        T(a_silent_connection_is_dropped_after_the_handshake_timeout),
        T(a_frame_that_has_begun_must_go_on),
        T(a_slow_reader_loses_events_and_holds_up_nobody),
        T(a_peer_that_never_reads_its_answers_is_not_read_from),
        T(a_thousand_connections_with_twenty_subscriptions_each),
        T(the_socket_is_open_to_all_and_not_taken_twice),
        T(bad_paths_are_refused_and_stale_sockets_replaced),
        T(requests_of_every_sdk_are_answered_in_form),
        T(recorded_sessions_are_replayed),
        T(decoder_cases_get_the_stated_reaction),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
