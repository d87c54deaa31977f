#include "../test.h"

#include <poll.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/clock.h"
#include "fixture.h"
#include "sedge_ipc.h"

#define WAIT_MS 60000 /* ends a hang */

static struct sedge_ipc_client *join(struct fixture_thread *t, const char *token)
{
    struct sedge_ipc_err err;
    struct sedge_ipc_options o = {
        .size = sizeof o, .socket_path = fixture_path(t), .token = token, .timeout_ms = WAIT_MS};
    struct sedge_ipc_client *c = sedge_ipc_connect(&o, &err);

    if (!c) fail_msg("%s", err.message);
    return c;
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

static void wrong_token_is_refused_with_a_reason(void **st)
{
    struct sedge_ipc_err err;
    struct sedge_ipc_options o = {.size = sizeof o, .socket_path = fixture_path(*st), .token = "nonsense"};

    assert_null(sedge_ipc_connect(&o, &err));
    assert_int_equal(err.code, SEDGE_IPC_E_REFUSED);
    assert_non_null(strstr(err.message, "token"));
}

static void nobody_on_the_socket_is_a_connect_error(void **st)
{
    struct sedge_ipc_err err;
    struct sedge_ipc_options o = {.size = sizeof o, .socket_path = "/tmp/sedge-there-is-no-such-socket", .token = "x"};

    (void)st;
    assert_null(sedge_ipc_connect(&o, &err));
    assert_int_equal(err.code, SEDGE_IPC_E_CONNECT);
}

static void the_environment_is_used_and_named_when_missing(void **st)
{
    struct sedge_ipc_err err;
    struct sedge_ipc_client *c;

    (void)unsetenv(SEDGE_IPC_ENV_TOKEN);
    (void)setenv(SEDGE_IPC_ENV_SOCKET, fixture_path(*st), 1);
    assert_null(sedge_ipc_connect(NULL, &err));
    assert_int_equal(err.code, SEDGE_IPC_E_ARGUMENT);
    assert_non_null(strstr(err.message, SEDGE_IPC_ENV_TOKEN));
    (void)setenv(SEDGE_IPC_ENV_TOKEN, "T:com.example.Env", 1);
    c = sedge_ipc_connect(NULL, &err);
    assert_non_null(c);
    sedge_ipc_disconnect(c);
    (void)unsetenv(SEDGE_IPC_ENV_TOKEN);
    (void)unsetenv(SEDGE_IPC_ENV_SOCKET);
}

static void a_call_returns_the_answers_text(void **st)
{
    struct sedge_ipc_client *c = join(*st, "T:a");
    char *text = NULL;

    assert_int_equal(sedge_ipc_call(c, "TestEcho", "{\"x\":\"\xC3\xA9\"}", &text, NULL), 0);
    assert_string_equal(text, "{\"x\":\"\xC3\xA9\"}");
    sedge_ipc_free(text);
    assert_int_equal(sedge_ipc_call(c, "aws.greengrass#TestLater", NULL, &text, NULL), 0);
    assert_string_equal(text, "{}");
    sedge_ipc_free(text);
    sedge_ipc_disconnect(c);
}

static void an_error_has_name_message_and_extras(void **st)
{
    struct sedge_ipc_client *c = join(*st, "T:a");
    struct sedge_ipc_err err;
    char *text = NULL;

    assert_int_equal(sedge_ipc_call(c, "TestFail",
                                    "{\"name\":\"ResourceNotFoundError\",\"message\":\"no \\\"key\\\"\","
                                    "\"extras\":\"{\\\"resourceType\\\":\\\"Component\\\"}\"}",
                                    &text, &err),
                     -1);
    assert_int_equal(err.code, SEDGE_IPC_E_REMOTE);
    assert_string_equal(err.name, "ResourceNotFoundError");
    assert_string_equal(err.message, "no \"key\"");
    assert_string_equal(text, "{\"message\":\"no \\\"key\\\"\",\"_service\":\"aws.greengrass#GreengrassCoreIPC\","
                              "\"_message\":\"no \\\"key\\\"\",\"_errorCode\":\"ResourceNotFoundError\","
                              "\"resourceType\":\"Component\"}");
    sedge_ipc_free(text);
    sedge_ipc_disconnect(c);
}

static void a_call_without_answer_times_out_and_the_client_goes_on(void **st)
{
    struct sedge_ipc_client *c = join(*st, "T:a");
    struct sedge_ipc_err err;

    sedge_ipc_set_timeout(c, 50);
    assert_int_equal(sedge_ipc_call(c, "TestNever", NULL, NULL, &err), -1);
    assert_int_equal(err.code, SEDGE_IPC_E_TIMEOUT);
    sedge_ipc_set_timeout(c, WAIT_MS);
    assert_int_equal(sedge_ipc_call(c, "TestEcho", NULL, NULL, &err), 0);
    sedge_ipc_disconnect(c);
}

static void a_large_call_goes_both_ways(void **st)
{
    struct sedge_ipc_client *c = join(*st, "T:a");
    size_t n = 12u << 20;
    char *big = malloc(n + 16);
    char *text = NULL;

    assert_non_null(big);
    memcpy(big, "{\"x\":\"", 6);
    memset(big + 6, 'a', n);
    memcpy(big + 6 + n, "\"}", 3);
    sedge_ipc_set_timeout(c, WAIT_MS);
    assert_int_equal(sedge_ipc_call(c, "TestEcho", big, &text, NULL), 0);
    assert_string_equal(text, big);
    sedge_ipc_free(text);
    free(big);
    sedge_ipc_disconnect(c);
}

static void a_call_over_the_protocol_limit_is_refused_before_anything_is_sent(void **st)
{
    struct sedge_ipc_client *c = join(*st, "T:a");
    struct sedge_ipc_err err;
    size_t n = 25u << 20;
    char *big = malloc(n + 1);

    assert_non_null(big);
    memset(big, ' ', n);
    big[n] = 0;
    assert_int_equal(sedge_ipc_call(c, "TestEcho", big, NULL, &err), -1);
    assert_int_equal(err.code, SEDGE_IPC_E_LIMIT);
    assert_int_equal(sedge_ipc_call(c, "TestEcho", NULL, NULL, &err), 0);
    free(big);
    sedge_ipc_disconnect(c);
}

struct got {
    unsigned n, ended;
    int code;
    char topic[64], data[64];
    size_t size;
    int is_json;
};

static void on_message(const struct sedge_ipc_message *m, void *user)
{
    struct got *g = user;

    g->n++;
    (void)snprintf(g->topic, sizeof g->topic, "%s", m->topic);
    g->size = m->size;
    g->is_json = m->is_json;
    memcpy(g->data, m->data, m->size < sizeof g->data ? m->size + 1 : sizeof g->data);
}

static void on_end(const struct sedge_ipc_err *err, void *user)
{
    struct got *g = user;

    g->ended++;
    g->code = err->code;
}

static void dispatch_until(struct sedge_ipc_client *c, const unsigned *n, unsigned want)
{
    int64_t end = sedge_mono_ms() + WAIT_MS;

    while (*n < want && sedge_mono_ms() < end)
        if (sedge_ipc_client_dispatch(c, 100, NULL) < 0) break;
    assert_int_equal(*n, want);
}

static void json_and_bytes_reach_a_subscriber(void **st)
{
    struct sedge_ipc_client *pub = join(*st, "T:pub");
    struct sedge_ipc_client *sub = join(*st, "T:sub");
    struct got g = {0};
    sedge_ipc_sub_t id = 0;

    assert_int_equal(sedge_ipc_subscribe_topic(sub, "s/+", NULL, on_message, on_end, &g, &id, NULL), 0);
    assert_true(id > 0);
    assert_int_equal(sedge_ipc_publish_json(pub, "s/\xC3\xBC", "{\"t\": 21.50}", NULL), 0);
    dispatch_until(sub, &g.n, 1);
    assert_string_equal(g.topic, "s/\xC3\xBC");
    assert_int_equal(g.is_json, 1);
    assert_string_equal(g.data, "{\"t\": 21.50}"); /* byte for byte */
    assert_int_equal(sedge_ipc_publish_binary(pub, "s/2", "a\0b", 3, NULL), 0);
    dispatch_until(sub, &g.n, 2);
    assert_int_equal(g.size, 3);
    assert_int_equal(g.is_json, 0);
    assert_memory_equal(g.data, "a\0b\0", 4);
    assert_int_equal(sedge_ipc_publish_binary(pub, "s/3", NULL, 0, NULL), 0);
    dispatch_until(sub, &g.n, 3);
    assert_int_equal(g.size, 0);
    sedge_ipc_unsubscribe(sub, id);
    assert_int_equal(sedge_ipc_publish_json(pub, "s/1", "{}", NULL), 0);
    assert_int_equal(sedge_ipc_call(sub, "TestEcho", NULL, NULL, NULL), 0);
    assert_int_equal(sedge_ipc_client_dispatch(sub, 0, NULL), 0);
    assert_int_equal(g.ended, 0);
    sedge_ipc_disconnect(pub);
    sedge_ipc_disconnect(sub);
}

static void malformed_json_is_refused_before_it_is_sent(void **st)
{
    struct sedge_ipc_client *c = join(*st, "T:a");
    struct sedge_ipc_err err;

    assert_int_equal(sedge_ipc_publish_json(c, "t", "{\"a\":}", &err), -1);
    assert_int_equal(err.code, SEDGE_IPC_E_ARGUMENT);
    assert_int_equal(sedge_ipc_publish_json(c, "t", "[1]", &err), -1);
    assert_int_equal(err.code, SEDGE_IPC_E_ARGUMENT);
    sedge_ipc_disconnect(c);
}

static void events_kept_during_a_blocking_call_make_the_descriptor_readable(void **st)
{
    struct sedge_ipc_client *c = join(*st, "T:a");
    struct got g = {0};
    struct pollfd p = {.fd = sedge_ipc_client_fd(c), .events = POLLIN};

    assert_int_equal(sedge_ipc_subscribe_topic(c, "x", NULL, on_message, on_end, &g, NULL, NULL), 0);
    assert_int_equal(poll(&p, 1, 0), 0);
    assert_int_equal(sedge_ipc_publish_json(c, "x", "{}", NULL), 0);
    assert_int_equal(sedge_ipc_call(c, "TestEcho", NULL, NULL, NULL), 0);
    assert_int_equal(poll(&p, 1, WAIT_MS), 1);
    assert_int_equal(g.n, 0);
    assert_int_equal(sedge_ipc_client_dispatch(c, 0, NULL), 1);
    assert_int_equal(g.n, 1);
    assert_int_equal(poll(&p, 1, 0), 0);
    sedge_ipc_disconnect(c);
}

static void on_raw(const char *json, size_t size, void *user)
{
    struct got *g = user;

    assert_int_equal(strlen(json), size);
    (void)snprintf(g->data, sizeof g->data, "%s", json);
    g->n++;
}

static void an_event_before_the_response_is_held_back(void **st)
{
    struct sedge_ipc_client *c = join(*st, "T:a");
    struct got g = {0};

    assert_int_equal(sedge_ipc_subscribe(c, "TestEarly", NULL, on_raw, on_end, &g, NULL, NULL), 0);
    dispatch_until(c, &g.n, 1);
    assert_string_equal(g.data, "{\"n\":0,\"pad\":\"\"}");
    sedge_ipc_disconnect(c);
}

static void a_refused_subscription_is_an_error(void **st)
{
    struct sedge_ipc_client *c = join(*st, "T:a");
    struct sedge_ipc_err err;

    assert_int_equal(sedge_ipc_subscribe_topic(c, "", NULL, on_message, on_end, NULL, NULL, &err), -1);
    assert_string_equal(err.name, "InvalidArgumentsError");
    sedge_ipc_disconnect(c);
}

static void events_come_in_order_and_all(void **st)
{
    struct sedge_ipc_client *c = join(*st, "T:a");
    struct got g = {0};

    assert_int_equal(sedge_ipc_subscribe(c, "TestBurst", "{\"count\":3000}", on_raw, on_end, &g, NULL, NULL), 0);
    dispatch_until(c, &g.n, 3000);
    assert_string_equal(g.data, "{\"n\":2999,\"pad\":\"\"}");
    sedge_ipc_disconnect(c);
}

static void a_dropped_identity_learns_why_and_others_stay(void **st)
{
    struct sedge_ipc_client *victim = join(*st, "T:victim");
    struct sedge_ipc_client *other = join(*st, "T:other");
    struct got g = {0};
    struct sedge_ipc_err err;

    assert_int_equal(sedge_ipc_subscribe_topic(victim, "x", NULL, on_message, on_end, &g, NULL, NULL), 0);
    sedge_ipc_set_timeout(other, 50);
    (void)sedge_ipc_call(other, "TestDrop", "{\"identity\":\"victim\"}", NULL, &err);
    assert_int_equal(err.code, SEDGE_IPC_E_TIMEOUT); /* the operation has no answer */
    while (sedge_ipc_client_dispatch(victim, 1000, &err) >= 0)
        ;
    assert_int_equal(err.code, SEDGE_IPC_E_CLOSED);
    assert_int_equal(g.ended, 1);
    assert_int_equal(g.code, SEDGE_IPC_E_REMOTE);
    sedge_ipc_set_timeout(other, WAIT_MS);
    assert_int_equal(sedge_ipc_call(other, "TestEcho", NULL, NULL, &err), 0);
    sedge_ipc_disconnect(victim);
    sedge_ipc_disconnect(other);
}

static void on_reply(const struct sedge_ipc_err *err, const char *response_json, void *user)
{
    struct got *g = user;

    g->n++;
    g->code = err->code;
    (void)snprintf(g->data, sizeof g->data, "%s", response_json);
}

static void an_asynchronous_call_answers_from_dispatch(void **st)
{
    struct sedge_ipc_client *c = join(*st, "T:a");
    struct got g = {0};

    assert_int_equal(sedge_ipc_call_async(c, "TestLater", "{\"k\":1}", on_reply, &g, NULL), 0);
    assert_int_equal(sedge_ipc_call(c, "TestEcho", NULL, NULL, NULL), 0);
    assert_int_equal(g.n, 0);
    dispatch_until(c, &g.n, 1);
    assert_int_equal(g.code, SEDGE_IPC_OK);
    assert_string_equal(g.data, "{\"k\":1}");
    sedge_ipc_disconnect(c);
}

static void on_change(const char *component, const char *const *key_path, void *user)
{
    struct got *g = user;

    g->n++;
    (void)snprintf(g->topic, sizeof g->topic, "%s", component);
    (void)snprintf(g->data, sizeof g->data, "%s", key_path[0]);
    assert_null(key_path[1]);
}

static void configuration_is_read_written_and_watched(void **st)
{
    static const struct {
        const char *path[4];
        const char *want;
    } rows[] = {
        {{NULL}, "{\"mqtt\":{\"port\":8883,\"host\":\"h\"},\"a\":{\"a\":5},\"list\":[1,{\"b\":2}],\"z\":null}"},
        {{"mqtt", NULL}, "{\"port\":8883,\"host\":\"h\"}"},
        {{"mqtt", "port", NULL}, "8883"},
        {{"mqtt", "host", NULL}, "\"h\""},
        {{"a", NULL}, "{\"a\":5}"},
        {{"a", "a", NULL}, "5"},
        {{"list", NULL}, "[1,{\"b\":2}]"},
        {{"z", NULL}, "null"},
    };
    struct sedge_ipc_client *c = join(*st, "T:conf");
    struct got g = {0};
    struct sedge_ipc_err err;
    char *text = NULL;

    assert_int_equal(sedge_ipc_subscribe_configuration(c, NULL, NULL, on_change, on_end, &g, NULL, NULL), 0);
    assert_int_equal(sedge_ipc_update_configuration(
                         c, NULL,
                         "{\"mqtt\":{\"port\":8883,\"host\":\"h\"},\"a\":{\"a\":5},\"list\":[1,{\"b\":2}],\"z\":null}",
                         NULL),
                     0);
    dispatch_until(c, &g.n, 4);
    assert_string_equal(g.topic, "conf");
    assert_string_equal(g.data, "z");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(sedge_ipc_get_configuration(c, "conf", rows[i].path, &text, NULL), 0);
        assert_string_equal(text, rows[i].want);
        sedge_ipc_free(text);
    }
    assert_int_equal(sedge_ipc_get_configuration(c, NULL, (const char *const[]){"nope", NULL}, &text, &err), -1);
    assert_string_equal(err.name, "ResourceNotFoundError");
    assert_int_equal(sedge_ipc_update_state(c, "RUNNING", &err), 0);
    sedge_ipc_disconnect(c);
}

static void the_end_of_the_server_ends_calls_and_subscriptions(void **st)
{
    struct fixture_thread *t = fixture_start(NULL);
    struct sedge_ipc_client *c = join(t, "T:a");
    struct got sub = {0};
    struct got reply = {0};
    struct sedge_ipc_err err;

    (void)st;
    assert_int_equal(sedge_ipc_subscribe_topic(c, "x", NULL, on_message, on_end, &sub, NULL, NULL), 0);
    assert_int_equal(sedge_ipc_call_async(c, "TestNever", NULL, on_reply, &reply, NULL), 0);
    assert_int_equal(sedge_ipc_call(c, "TestEcho", NULL, NULL, NULL), 0);
    fixture_stop(t);
    while (sedge_ipc_client_dispatch(c, 1000, &err) >= 0)
        ;
    assert_int_equal(err.code, SEDGE_IPC_E_CLOSED);
    assert_int_equal(sub.code, SEDGE_IPC_E_CLOSED);
    assert_int_equal(sub.ended, 1);
    assert_int_equal(reply.n, 1);
    assert_int_equal(reply.code, SEDGE_IPC_E_REMOTE); /* ServiceError: the nucleus is shutting down */
    assert_int_equal(sedge_ipc_call(c, "TestEcho", NULL, NULL, &err), -1);
    assert_int_equal(err.code, SEDGE_IPC_E_CLOSED);
    sedge_ipc_disconnect(c);
}

#define T(f) cmocka_unit_test(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(wrong_token_is_refused_with_a_reason),
        T(nobody_on_the_socket_is_a_connect_error),
        T(the_environment_is_used_and_named_when_missing),
        T(a_call_returns_the_answers_text),
        T(an_error_has_name_message_and_extras),
        T(a_call_without_answer_times_out_and_the_client_goes_on),
        T(a_large_call_goes_both_ways),
        T(a_call_over_the_protocol_limit_is_refused_before_anything_is_sent),
        T(json_and_bytes_reach_a_subscriber),
        T(malformed_json_is_refused_before_it_is_sent),
        T(events_kept_during_a_blocking_call_make_the_descriptor_readable),
        T(an_event_before_the_response_is_held_back),
        T(a_refused_subscription_is_an_error),
        T(events_come_in_order_and_all),
        T(a_dropped_identity_learns_why_and_others_stay),
        T(an_asynchronous_call_answers_from_dispatch),
        T(configuration_is_read_written_and_watched),
        T(the_end_of_the_server_ends_calls_and_subscriptions),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
