/* The client library against peers that misbehave, connections that end, and callbacks that do everything. */
#include "../test.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "peer.h"
#include "sedge_ipc.h"

#define WAIT_MS 60000 /* ends a hang */
#define START(...)                                                                                                     \
    static const struct act script[] = {__VA_ARGS__};                                                                  \
    struct peer *p = peer_start(script, SEDGE_ARRAY_LEN(script))

struct got {
    struct sedge_ipc_client *c;
    struct peer *p;
    unsigned events, ends, replies, accepts, states;
    int code;
    enum sedge_ipc_state state[4];
    sedge_ipc_sub_t sub;
    char text[256];
    char name[64]; /* of the error at the end */
};

static void on_state(struct sedge_ipc_client *c, enum sedge_ipc_state state, const struct sedge_ipc_err *why,
                     void *user)
{
    struct got *g = user;

    assert_ptr_equal(c, g->c);
    assert_true(state == SEDGE_IPC_RESTORED ? why->code == SEDGE_IPC_OK : why->code != SEDGE_IPC_OK);
    if (g->states < SEDGE_ARRAY_LEN(g->state)) g->state[g->states] = state;
    g->states++;
}

static struct sedge_ipc_client *join_with(struct peer *p, int timeout_ms, int reconnect_ms, struct got *g)
{
    struct sedge_ipc_options o = SEDGE_IPC_OPTIONS_INIT;
    struct sedge_ipc_err err;
    struct sedge_ipc_client *c;

    o.socket_path = peer_path(p);
    o.token = "token";
    o.timeout_ms = timeout_ms;
    o.reconnect_ms = reconnect_ms;
    o.on_state = g ? on_state : NULL;
    o.user = g;
    c = sedge_ipc_connect(&o, &err);
    if (!c) fail_msg("%s", err.message);
    return c;
}

static struct sedge_ipc_client *join(struct peer *p)
{
    return join_with(p, WAIT_MS, 0, NULL);
}

static void finish(struct sedge_ipc_client *c, struct peer *p)
{
    sedge_ipc_disconnect(c);
    peer_stop(p);
}

static void on_event(const char *json, size_t size, void *user)
{
    struct got *g = user;

    g->events++;
    assert_int_equal(strlen(json), size);
    (void)snprintf(g->text, sizeof g->text, "%s", json);
}

static void on_end(const struct sedge_ipc_err *err, void *user)
{
    struct got *g = user;

    g->ends++;
    g->code = err->code;
    (void)snprintf(g->name, sizeof g->name, "%s", err->name);
}

static void on_reply(const struct sedge_ipc_err *err, const char *json, void *user)
{
    struct got *g = user;

    g->replies++;
    g->code = err->code;
    (void)snprintf(g->text, sizeof g->text, "%s", json);
}

static void on_accept(void *user)
{
    ((struct got *)user)->accepts++;
}

static void dispatch_until(struct sedge_ipc_client *c, const unsigned *n, unsigned want)
{
    int64_t end = sedge_mono_ms() + WAIT_MS;

    while (*n < want && sedge_mono_ms() < end)
        if (sedge_ipc_client_dispatch(c, 100, NULL) < 0) break;
    assert_int_equal(*n, want);
}

/* ---- nonsense ---- */

#define PRELUDE_4GB "\xff\xff\xff\xff\0\0\0\0\x7f\x9d\x42\x0a"

static void nonsense_ends_the_connection_with_a_protocol_error(void **st)
{
    static const struct act rows[][2] = {
        {{.kind = WAIT}, {.kind = RAW, .text = "HTTP/1.1 400 Bad Request\r\n\r\n", .size = 28}},
        {{.kind = WAIT}, {.kind = RAW, .text = PRELUDE_4GB, .size = 12}},
    };

    (void)st;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(rows); i++) {
        struct peer *p = peer_start(rows[i], 2);
        struct sedge_ipc_client *c = join(p);
        struct sedge_ipc_err err;

        assert_int_equal(sedge_ipc_call(c, "Any", NULL, NULL, &err), -1);
        assert_int_equal(err.code, SEDGE_IPC_E_PROTOCOL);
        assert_int_equal(sedge_ipc_call(c, "Any", NULL, NULL, &err), -1);
        assert_int_equal(err.code, SEDGE_IPC_E_PROTOCOL);
        assert_int_equal(sedge_ipc_client_dispatch(c, -1, &err), -1);
        finish(c, p);
    }
}

static void a_connection_that_closes_in_the_middle_of_a_frame_ends_the_call(void **st)
{
    START({.kind = WAIT}, {.kind = RAW, .text = "\0\0\0\x40\0\0\0\x10", .size = 8}, {.kind = CLOSE});
    struct sedge_ipc_client *c = join(p);
    struct sedge_ipc_err err;

    (void)st;
    assert_int_equal(sedge_ipc_call(c, "Any", NULL, NULL, &err), -1);
    assert_int_equal(err.code, SEDGE_IPC_E_CLOSED);
    finish(c, p);
}

static void an_answer_in_single_bytes_is_put_together(void **st)
{
    START({.kind = WAIT}, {.kind = DRIP, .text = "{\"a\":1}"});
    struct sedge_ipc_client *c = join(p);
    char *text = NULL;

    (void)st;
    assert_int_equal(sedge_ipc_call(c, "Any", NULL, &text, NULL), 0);
    assert_string_equal(text, "{\"a\":1}");
    sedge_ipc_free(text);
    finish(c, p);
}

static void an_answer_without_an_end_is_ended_by_the_client(void **st)
{
    START({.kind = WAIT}, {.kind = ACCEPT, .text = "{}"}, {.kind = WAIT}, {.kind = WAIT},
          {.kind = ANSWER, .text = "{}"});
    struct sedge_ipc_client *c = join(p);

    (void)st;
    assert_int_equal(sedge_ipc_call(c, "Any", NULL, NULL, NULL), 0);
    assert_int_equal(sedge_ipc_call(c, "Any", "{\"n\":2}", NULL, NULL), 0);
    assert_string_equal(peer_request(p, 1), "!");
    assert_string_equal(peer_request(p, 2), "{\"n\":2}");
    finish(c, p);
}

static void a_ping_is_answered(void **st)
{
    START({.kind = WAIT}, {.kind = PING}, {.kind = ANSWER, .text = "{}"}, {.kind = WAIT});
    struct sedge_ipc_client *c = join(p);

    (void)st;
    assert_int_equal(sedge_ipc_call(c, "Any", NULL, NULL, NULL), 0);
    assert_string_equal(peer_request(p, 1), "pong");
    finish(c, p);
}

static void the_json_of_an_error_is_kept_with_all_members(void **st)
{
    START({.kind = WAIT}, {.kind = FAIL, .text = "ConflictError"});
    struct sedge_ipc_client *c = join(p);
    struct sedge_ipc_err err;

    (void)st;
    assert_string_equal(sedge_ipc_client_error_json(c), "{}");
    assert_int_equal(sedge_ipc_update_state(c, "RUNNING", &err), -1);
    assert_string_equal(err.name, "ConflictError");
    assert_string_equal(err.message, "because");
    assert_non_null(strstr(sedge_ipc_client_error_json(c), "\"_errorCode\":\"ConflictError\""));
    finish(c, p);
}

static void on_message(const struct sedge_ipc_message *m, void *user)
{
    struct got *g = user;

    g->events++;
    (void)snprintf(g->text, sizeof g->text, "%s %s", m->topic, (const char *)m->data);
}

static void an_event_that_cannot_be_read_ends_its_subscription_and_nothing_else(void **st)
{
    START({.kind = WAIT}, {.kind = ACCEPT, .text = "{}"},
          {.kind = EVENT, .text = "{\"jsonMessage\":{\"message\":{\"a\":[1]},\"context\":{\"topic\":\"t\\u002f1\"}}}"},
          {.kind = EVENT, .text = "{\"binaryMessage\":{\"message\":\"?\"}}"},
          {.kind = EVENT, .text = "{\"binaryMessage\":{}}"}, {.kind = WAIT}, {.kind = WAIT},
          {.kind = ANSWER, .text = "{}"});
    struct sedge_ipc_client *c = join(p);
    struct got g = {0};

    (void)st;
    assert_int_equal(sedge_ipc_subscribe_topic(c, "t", NULL, on_message, on_end, &g, NULL, NULL), 0);
    dispatch_until(c, &g.events, 1);
    assert_string_equal(g.text, "t/1 {\"a\":[1]}");
    dispatch_until(c, &g.ends, 1);
    assert_int_equal(g.code, SEDGE_IPC_E_PROTOCOL);
    assert_string_equal(peer_request(p, 1), "!");
    assert_int_equal(sedge_ipc_call(c, "Any", NULL, NULL, NULL), 0);
    finish(c, p);
}

static void a_message_nested_deeper_than_any_parser_goes_passes_through(void **st)
{
    enum { DEPTH = 5000 };
    char *event = malloc(2 * DEPTH + 200), *at = event;
    struct act script[] = {{.kind = WAIT}, {.kind = ACCEPT, .text = "{}"}, {.kind = EVENT, .text = event}};
    struct got g = {0};
    struct sedge_ipc_client *c;
    struct peer *p;

    (void)st;
    assert_non_null(event);
    at += sprintf(at, "{\"jsonMessage\":{\"message\":{\"a\":");
    memset(at, '[', DEPTH);
    memset(at + DEPTH, ']', DEPTH);
    (void)sprintf(at + 2 * DEPTH, "},\"context\":{\"topic\":\"deep\"}}}");
    p = peer_start(script, SEDGE_ARRAY_LEN(script));
    c = join(p);
    assert_int_equal(sedge_ipc_subscribe_topic(c, "deep", NULL, on_message, on_end, &g, NULL, NULL), 0);
    dispatch_until(c, &g.events, 1);
    assert_int_equal(strncmp(g.text, "deep {\"a\":[[[", 13), 0);
    assert_int_equal(g.ends, 0);
    finish(c, p);
    free(event);
}

/* ---- slow peers, time-outs, signals, forks ---- */

static void asynchronous_calls_time_out_each_by_itself_and_wake_the_loop(void **st)
{
    START({.kind = WAIT}, {.kind = WAIT}, {.kind = ANSWER, .text = "{\"b\":1}"}, {.kind = WAIT});
    struct sedge_ipc_client *c = join_with(p, 50, 0, NULL);
    struct got late = {0}, fine = {0};
    struct pollfd fd = {.fd = sedge_ipc_client_fd(c), .events = POLLIN};

    (void)st;
    assert_int_equal(sedge_ipc_call_async(c, "A", NULL, on_reply, &late, NULL), 0);
    sedge_ipc_set_timeout(c, WAIT_MS);
    assert_int_equal(sedge_ipc_call_async(c, "B", NULL, on_reply, &fine, NULL), 0);
    dispatch_until(c, &fine.replies, 1);
    assert_string_equal(fine.text, "{\"b\":1}");
    while (late.replies == 0) {
        assert_int_equal(poll(&fd, 1, WAIT_MS), 1);
        assert_true(sedge_ipc_client_dispatch(c, 0, NULL) >= 0);
    }
    assert_int_equal(late.code, SEDGE_IPC_E_TIMEOUT);
    assert_string_equal(peer_request(p, 2), "!");
    finish(c, p);
}

static void requests_wait_for_a_peer_that_does_not_read_up_to_a_limit(void **st)
{
    START({.kind = PATIENCE}, {.kind = WAIT}, {.kind = WAIT}, {.kind = WAIT}, {.kind = WAIT});
    struct sedge_ipc_client *c = join_with(p, 100, 0, NULL);
    size_t n = 5u << 20;
    char *big = malloc(n + 1);
    int64_t end = sedge_mono_ms() + WAIT_MS;
    struct got g = {0};
    struct sedge_ipc_err err;

    (void)st;
    assert_non_null(big);
    memset(big, ' ', n);
    memcpy(big, "{}", 2);
    big[n] = 0;
    assert_int_equal(sedge_ipc_call_async(c, "Any", big, on_reply, &g, &err), 0);
    assert_int_equal(sedge_ipc_call_async(c, "Any", big, on_reply, &g, &err), -1);
    assert_int_equal(err.code, SEDGE_IPC_E_TIMEOUT);
    peer_go(p);
    dispatch_until(c, &g.replies, 1); /* its own time is over, too */
    sedge_ipc_set_timeout(c, WAIT_MS);
    assert_int_equal(sedge_ipc_call_async(c, "Any", big, NULL, NULL, &err), 0);
    while (peer_requests(p) == 0 && sedge_mono_ms() < end) /* it comes whole only while more is sent */
        (void)sedge_ipc_client_dispatch(c, 10, NULL);
    assert_int_equal(strlen(peer_request(p, 0)), n);
    finish(c, p);
    free(big);
}

static void ignore(int number)
{
    (void)number;
}

static void signals_interrupt_dispatch_and_not_calls(void **st)
{
    START({.kind = WAIT}, {.kind = SIGNAL}, {.kind = ANSWER, .text = "{}"}, {.kind = DISTURB}, {.kind = WAIT});
    struct sedge_ipc_client *c = join(p);
    struct sigaction sa = {.sa_handler = ignore};

    (void)st;
    assert_int_equal(sigaction(SIGUSR1, &sa, NULL), 0);
    assert_int_equal(sedge_ipc_call(c, "Any", NULL, NULL, NULL), 0);
    assert_int_equal(sedge_ipc_client_dispatch(c, -1, NULL), 0);
    finish(c, p);
}

static void a_child_that_disconnects_leaves_the_parent_connected(void **st)
{
    START({.kind = WAIT}, {.kind = ANSWER, .text = "{}"}, {.kind = EVENT, .text = "{}"});
    struct sedge_ipc_client *c = join(p);
    pid_t child = fork();
    int status;

    (void)st;
    assert_true(child >= 0);
    if (child == 0) {
        sedge_ipc_disconnect(c);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(sedge_ipc_call(c, "Any", NULL, NULL, NULL), 0);
    finish(c, p);
}

/* ---- callbacks that do everything ---- */

static void unsubscribe_me(const char *json, size_t size, void *user)
{
    struct got *g = user;

    (void)json;
    (void)size;
    g->events++;
    sedge_ipc_unsubscribe(g->c, g->sub);
}

static void a_callback_may_end_its_own_subscription(void **st)
{
    START({.kind = WAIT}, {.kind = ACCEPT, .text = "{}"}, {.kind = EVENT, .text = "{\"n\":1}"},
          {.kind = EVENT, .text = "{\"n\":2}"}, {.kind = WAIT}, {.kind = WAIT}, {.kind = ANSWER, .text = "{}"});
    struct sedge_ipc_client *c = join(p);
    struct got g = {.c = c};

    (void)st;
    assert_int_equal(sedge_ipc_subscribe(c, "Any", NULL, unsubscribe_me, on_end, &g, &g.sub, NULL), 0);
    dispatch_until(c, &g.events, 1);
    assert_int_equal(sedge_ipc_call(c, "Any", NULL, NULL, NULL), 0);
    assert_int_equal(sedge_ipc_client_dispatch(c, 0, NULL), 0);
    assert_int_equal(g.events, 1);
    assert_int_equal(g.ends, 0);
    sedge_ipc_unsubscribe(c, g.sub);
    finish(c, p);
}

static void disconnect_me(const char *json, size_t size, void *user)
{
    struct got *g = user;
    struct sedge_ipc_err err;

    (void)json;
    (void)size;
    g->events++;
    sedge_ipc_disconnect(g->c);
    assert_int_equal(sedge_ipc_call(g->c, "Any", NULL, NULL, &err), -1);
    assert_int_equal(err.code, SEDGE_IPC_E_DISCONNECTED);
}

static void a_callback_may_disconnect_and_dispatch_says_so(void **st)
{
    START({.kind = WAIT}, {.kind = ACCEPT, .text = "{}"}, {.kind = EVENT, .text = "{}"}, {.kind = EVENT, .text = "{}"});
    struct sedge_ipc_client *c = join(p);
    struct got g = {.c = c};
    struct sedge_ipc_err err;
    int rc;

    (void)st;
    assert_int_equal(sedge_ipc_subscribe(c, "Any", NULL, disconnect_me, on_end, &g, NULL, NULL), 0);
    while ((rc = sedge_ipc_client_dispatch(c, -1, &err)) == 0)
        ;
    assert_int_equal(rc, -1);
    assert_int_equal(err.code, SEDGE_IPC_E_DISCONNECTED);
    assert_int_equal(g.events, 1);
    assert_int_equal(g.ends, 0);
    peer_stop(p);
}

static void busy(const char *json, size_t size, void *user)
{
    struct got *g = user;
    struct sedge_ipc_err err;
    char *text = NULL;

    (void)json;
    (void)size;
    g->events++;
    assert_int_equal(sedge_ipc_client_dispatch(g->c, 0, &err), -1);
    assert_int_equal(err.code, SEDGE_IPC_E_ARGUMENT);
    assert_int_equal(sedge_ipc_call(g->c, "Any", NULL, &text, NULL), 0);
    sedge_ipc_free(text);
    assert_int_equal(sedge_ipc_subscribe(g->c, "Any", NULL, on_event, on_end, g, NULL, NULL), 0);
}

static void a_callback_may_call_and_subscribe_but_not_dispatch(void **st)
{
    START({.kind = WAIT}, {.kind = ACCEPT, .text = "{}"}, {.kind = EVENT, .text = "{}"}, {.kind = WAIT},
          {.kind = ANSWER, .text = "{}"}, {.kind = WAIT}, {.kind = ACCEPT, .text = "{}"},
          {.kind = EVENT, .text = "{\"n\":2}"});
    struct sedge_ipc_client *c = join(p);
    struct got g = {.c = c};

    (void)st;
    assert_int_equal(sedge_ipc_subscribe(c, "Any", NULL, busy, on_end, &g, NULL, NULL), 0);
    dispatch_until(c, &g.events, 2);
    assert_string_equal(g.text, "{\"n\":2}");
    finish(c, p);
}

static void an_asynchronous_subscription_tells_acceptance_events_and_refusal(void **st)
{
    START({.kind = WAIT}, {.kind = ACCEPT, .text = "{}"}, {.kind = EVENT, .text = "{\"n\":1}"}, {.kind = WAIT},
          {.kind = FAIL, .text = "UnauthorizedError"});
    struct sedge_ipc_client *c = join(p);
    struct got good = {0}, bad = {0};

    (void)st;
    assert_int_equal(sedge_ipc_subscribe_async(c, "Any", NULL, on_event, on_accept, on_end, &good, NULL, NULL), 0);
    dispatch_until(c, &good.events, 1);
    assert_int_equal(good.accepts, 1);
    assert_int_equal(sedge_ipc_subscribe_iot_core_async(c, "a", 1, on_message, on_accept, on_end, &bad, NULL, NULL), 0);
    dispatch_until(c, &bad.ends, 1);
    assert_string_equal(bad.name, "UnauthorizedError");
    assert_int_equal(bad.accepts, 0);
    finish(c, p);
}

/* ---- connecting again ---- */

static void a_lost_connection_is_made_again_with_its_subscriptions(void **st)
{
    START({.kind = WAIT}, {.kind = ACCEPT, .text = "{}"}, {.kind = WAIT}, {.kind = CLOSE}, {.kind = NEXT},
          {.kind = WAIT}, {.kind = ACCEPT, .text = "{}"}, {.kind = EVENT, .text = "{\"n\":2}"}, {.kind = WAIT},
          {.kind = ANSWER, .text = "{}"});
    struct got g = {0}, call = {0};
    struct sedge_ipc_client *c = g.c = join_with(p, WAIT_MS, 50, &g);

    (void)st;
    assert_int_equal(sedge_ipc_subscribe(c, "Any", "{\"sub\":1}", on_event, on_end, &g, &g.sub, NULL), 0);
    assert_int_equal(sedge_ipc_call_async(c, "Any", NULL, on_reply, &call, NULL), 0);
    dispatch_until(c, &g.events, 1);
    assert_string_equal(g.text, "{\"n\":2}");
    assert_string_equal(peer_request(p, 2), "{\"sub\":1}");
    assert_int_equal(g.states, 2);
    assert_int_equal(g.state[0], SEDGE_IPC_LOST);
    assert_int_equal(g.state[1], SEDGE_IPC_RESTORED);
    assert_int_equal(call.replies, 1);
    assert_int_equal(call.code, SEDGE_IPC_E_CLOSED);
    assert_int_equal(sedge_ipc_call(c, "Any", NULL, NULL, NULL), 0);
    assert_int_equal(g.ends, 0);
    finish(c, p);
}

static void a_blocking_call_waits_for_the_next_connection(void **st)
{
    START({.kind = WAIT}, {.kind = CLOSE}, {.kind = NEXT}, {.kind = WAIT}, {.kind = ANSWER, .text = "{\"again\":1}"});
    struct sedge_ipc_client *c = join_with(p, WAIT_MS, 1000, NULL);
    struct sedge_ipc_err err;
    char *text = NULL;

    (void)st;
    assert_int_equal(sedge_ipc_call(c, "Any", NULL, NULL, &err), -1);
    assert_int_equal(err.code, SEDGE_IPC_E_CLOSED);
    assert_int_equal(sedge_ipc_call_async(c, "Any", NULL, NULL, NULL, &err), -1);
    assert_int_equal(err.code, SEDGE_IPC_E_CLOSED);
    assert_int_equal(sedge_ipc_call(c, "Any", NULL, &text, &err), 0);
    assert_string_equal(text, "{\"again\":1}");
    sedge_ipc_free(text);
    finish(c, p);
}

static void a_refused_token_ends_the_attempts(void **st)
{
    START({.kind = WAIT}, {.kind = ACCEPT, .text = "{}"}, {.kind = CLOSE}, {.kind = REFUSE});
    struct got g = {0};
    struct sedge_ipc_client *c = g.c = join_with(p, WAIT_MS, 20, &g);
    struct sedge_ipc_err err;

    (void)st;
    assert_int_equal(sedge_ipc_subscribe(c, "Any", NULL, on_event, on_end, &g, NULL, NULL), 0);
    while (sedge_ipc_client_dispatch(c, WAIT_MS, &err) >= 0)
        ;
    assert_int_equal(err.code, SEDGE_IPC_E_REFUSED);
    assert_int_equal(g.states, 2);
    assert_int_equal(g.state[1], SEDGE_IPC_GIVEN_UP);
    assert_int_equal(g.ends, 1);
    assert_int_equal(g.code, SEDGE_IPC_E_REFUSED);
    finish(c, p);
}

static void a_subscription_that_is_refused_the_second_time_ends(void **st)
{
    START({.kind = WAIT}, {.kind = ACCEPT, .text = "{}"}, {.kind = CLOSE}, {.kind = NEXT}, {.kind = WAIT},
          {.kind = FAIL, .text = "UnauthorizedError"});
    struct got g = {0};
    struct sedge_ipc_client *c = join_with(p, WAIT_MS, 20, NULL);

    (void)st;
    assert_int_equal(sedge_ipc_subscribe(c, "Any", NULL, on_event, on_end, &g, NULL, NULL), 0);
    dispatch_until(c, &g.ends, 1);
    assert_string_equal(g.name, "UnauthorizedError");
    finish(c, p);
}

static void options_of_an_earlier_header_are_read_as_far_as_they_go(void **st)
{
    START({.kind = WAIT}, {.kind = ANSWER, .text = "{}"});
    struct sedge_ipc_options o = SEDGE_IPC_OPTIONS_INIT;
    struct sedge_ipc_client *c;
    struct sedge_ipc_err err;

    (void)st;
    o.size = offsetof(struct sedge_ipc_options, reconnect_ms);
    o.socket_path = peer_path(p);
    o.token = "x";
    o.reconnect_ms = 1;
    o.on_state = (sedge_ipc_state_cb)1;
    c = sedge_ipc_connect(&o, &err);
    assert_non_null(c);
    assert_int_equal(sedge_ipc_call(c, "Any", NULL, NULL, NULL), 0);
    finish(c, p);
    o.size = 0;
    assert_null(sedge_ipc_connect(&o, &err));
    assert_int_equal(err.code, SEDGE_IPC_E_ARGUMENT);
}

#define T(f) cmocka_unit_test(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(nonsense_ends_the_connection_with_a_protocol_error),
        T(a_connection_that_closes_in_the_middle_of_a_frame_ends_the_call),
        T(an_answer_in_single_bytes_is_put_together),
        T(an_answer_without_an_end_is_ended_by_the_client),
        T(a_ping_is_answered),
        T(the_json_of_an_error_is_kept_with_all_members),
        T(an_event_that_cannot_be_read_ends_its_subscription_and_nothing_else),
        T(a_message_nested_deeper_than_any_parser_goes_passes_through),
        T(asynchronous_calls_time_out_each_by_itself_and_wake_the_loop),
        T(requests_wait_for_a_peer_that_does_not_read_up_to_a_limit),
        T(signals_interrupt_dispatch_and_not_calls),
        T(a_child_that_disconnects_leaves_the_parent_connected),
        T(a_callback_may_end_its_own_subscription),
        T(a_callback_may_disconnect_and_dispatch_says_so),
        T(a_callback_may_call_and_subscribe_but_not_dispatch),
        T(an_asynchronous_subscription_tells_acceptance_events_and_refusal),
        T(a_lost_connection_is_made_again_with_its_subscriptions),
        T(a_blocking_call_waits_for_the_next_connection),
        T(a_refused_token_ends_the_attempts),
        T(a_subscription_that_is_refused_the_second_time_ends),
        T(options_of_an_earlier_header_are_read_as_far_as_they_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
