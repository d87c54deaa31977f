/* sedge-classify as a component: the real program against a small nucleus that answers the four calls it makes. */
#include "../test.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "ipc_server/server.h"

#define DIGITS  SEDGE_SOURCE_DIR "/components/modelstore/digits/"
#define WAIT_MS 60000
#define ALLOWED "ml/dlr/image-classification"

struct nucleus {
    uv_loop_t loop;
    uv_timer_t deadline;
    struct sedge_ipc_server *server;
    struct sedge_ipc_stream *watcher;  /* the subscription to configuration changes */
    struct json_object *config, *last; /* last: message published */
    char dir[32];
    char *last_topic;
    int published, refused, wanted;
    bool gone;
    pid_t child;
    int output; /* stdout and stderr of the child */
    struct sedge_buf text;
};

/* ---- the nucleus ---- */

static const char *authenticate(const char *token, const struct sedge_ipc_peer *peer, void *user)
{
    (void)peer;
    (void)user;
    return strcmp(token, "secret") == 0 ? "aws.greengrass.DLRImageClassification" : NULL;
}

static void on_publish(struct nucleus *n, struct sedge_ipc_stream *s, struct json_object *request)
{
    sedge_auto_buf struct sedge_buf payload = SEDGE_BUF_INIT;
    const char *topic = sedge_json_str(request, "topicName", ""), *text = sedge_json_str(request, "payload", "");

    if (strcmp(topic, ALLOWED) != 0) {
        n->refused++;
        (void)sedge_ipc_error(s, "UnauthorizedError", "Principal is not authorized", NULL);
        return;
    }
    assert_string_equal(sedge_json_str(request, "qos", ""), "1");
    assert_int_equal(sedge_base64_decode(&payload, text, strlen(text), NULL), 0);
    if (n->last) json_object_put(n->last);
    n->last = sedge_json_parse_object(payload.data, payload.len, "message", NULL);
    assert_non_null(n->last);
    n->published++;
    (void)sedge_ipc_respond(s, NULL);
}

static void on_request(struct sedge_ipc_stream *s, const char *operation, const char *payload, size_t len, void *user)
{
    sedge_auto_put struct json_object *request = sedge_json_parse_object(payload, len, "request", NULL);
    struct nucleus *n = user;

    if (strcmp(operation, "aws.greengrass#GetConfiguration") == 0) {
        sedge_auto_free char *text =
            sedge_xasprintf("{\"componentName\":\"x\",\"value\":%s}", sedge_json_text(n->config));
        (void)sedge_ipc_respond(s, text);
    } else if (strcmp(operation, "aws.greengrass#SubscribeToConfigurationUpdate") == 0) {
        n->watcher = sedge_ipc_stream_ref(s);
        (void)sedge_ipc_accept_stream(s, NULL);
    } else if (strcmp(operation, "aws.greengrass#PublishToIoTCore") == 0) {
        on_publish(n, s, request);
    } else {
        fail_msg("unexpected %s", operation);
    }
    if (n->published + n->refused >= n->wanted) uv_stop(&n->loop);
}

static void on_stream_closed(struct sedge_ipc_stream *s, void *user)
{
    (void)s;
    (void)user;
}

static void on_disconnected(const char *identity, void *slot, void *user)
{
    struct nucleus *n = user;

    (void)identity;
    (void)slot;
    n->gone = true;
    uv_stop(&n->loop);
}

static void too_late(uv_timer_t *t)
{
    uv_stop(t->loop);
}

static void until(struct nucleus *n, int more)
{
    n->wanted = n->published + n->refused + more;
    uv_timer_start(&n->deadline, too_late, WAIT_MS, 0);
    uv_run(&n->loop, UV_RUN_DEFAULT);
    uv_timer_stop(&n->deadline);
    if (n->published + n->refused < n->wanted) fail_msg("%d of %d messages came", n->published + n->refused, n->wanted);
}

static void set_config(struct nucleus *n, const char *json)
{
    if (n->config) json_object_put(n->config);
    n->config = sedge_json_parse_object(json, strlen(json), "config", NULL);
    assert_non_null(n->config);
    if (!n->watcher) return;
    (void)sedge_ipc_event_json(n->watcher, "aws.greengrass#ConfigurationUpdateEvents",
                               "{\"configurationUpdateEvent\":{\"componentName\":\"x\",\"keyPath\":[]}}");
}

/* ---- the program ---- */

static void start(struct nucleus *n, const char *model)
{
    sedge_auto_free char *socket = sedge_xasprintf("%s/s", n->dir);
    int out[2];

    assert_int_equal(pipe(out), 0);
    n->output = out[0];
    n->child = fork();
    if (n->child == 0) {
        (void)dup2(out[1], 1);
        (void)dup2(out[1], 2);
        (void)close(out[0]);
        (void)close(out[1]);
        (void)setenv("SVCUID", "secret", 1);
        (void)setenv("AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT", socket, 1);
        (void)setenv("DLR_IC_MODEL_DIR", model, 1);
        (void)setenv("DEFAULT_DLR_IC_IMAGE_DIR", DIGITS "samples", 1);
        (void)execl(SEDGE_BIN_DIR "/sedge-classify", "sedge-classify", NULL);
        _exit(127);
    }
    (void)close(out[1]);
}

/* Waits for the end and collects what it has written. Returns the exit status. */
static int finish(struct nucleus *n)
{
    char chunk[4096];
    ssize_t got;
    int status;

    while ((got = read(n->output, chunk, sizeof(chunk))) > 0)
        sedge_buf_add(&n->text, chunk, (size_t)got);
    (void)close(n->output);
    assert_int_equal(waitpid(n->child, &status, 0), n->child);
    n->child = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void said(const struct nucleus *n, const char *part)
{
    if (!n->text.data || !strstr(n->text.data, part)) fail_msg("it did not say \"%s\" but:\n%s", part, n->text.data);
}

static int set_up(void **st)
{
    static const struct sedge_ipc_callbacks cbs = {.authenticate = authenticate,
                                                   .on_request = on_request,
                                                   .on_stream_closed = on_stream_closed,
                                                   .on_disconnected = on_disconnected};
    struct nucleus *n = SEDGE_NEW(struct nucleus);
    struct sedge_err err = SEDGE_ERR_INIT;

    *st = n;
    memcpy(n->dir, "/tmp/sedge-test-XXXXXX", sizeof("/tmp/sedge-test-XXXXXX"));
    if (!mkdtemp(n->dir) || uv_loop_init(&n->loop) || uv_timer_init(&n->loop, &n->deadline)) return -1;
    sedge_auto_free char *socket = sedge_xasprintf("%s/s", n->dir);
    n->server = sedge_ipc_server_open(&n->loop, socket, NULL, &cbs, n, &err);
    return n->server ? 0 : -1;
}

static void close_server(struct nucleus *n)
{
    if (n->server) sedge_ipc_server_close(n->server, NULL, NULL);
    n->server = NULL;
    if (!uv_is_closing((uv_handle_t *)&n->deadline)) uv_close((uv_handle_t *)&n->deadline, NULL);
    while (uv_run(&n->loop, UV_RUN_DEFAULT)) /* a callback may have stopped it before all was closed */
        continue;
}

static int tear_down(void **st)
{
    struct nucleus *n = *st;

    if (n->child > 0) {
        (void)kill(n->child, SIGKILL);
        (void)waitpid(n->child, NULL, 0);
    }
    sedge_ipc_stream_unref(n->watcher);
    close_server(n);
    (void)uv_loop_close(&n->loop);
    (void)sedge_fs_remove_tree(n->dir, NULL);
    if (n->config) json_object_put(n->config);
    if (n->last) json_object_put(n->last);
    sedge_buf_release(&n->text);
    free(n);
    return 0;
}

/* ---- what it does ---- */

static const char *last_label(const struct nucleus *n)
{
    struct json_object *list = sedge_json_arr(n->last, "inference-results");
    return sedge_json_str(json_object_array_get_idx(list, 0), "Label", "");
}

static void it_classifies_publishes_follows_the_configuration_and_ends_with_the_nucleus(void **st)
{
    struct nucleus *n = *st;

    set_config(n, "{\"InferenceInterval\":\"0.1\"}");
    start(n, DIGITS "v1");
    until(n, 3);
    assert_string_equal(sedge_json_str(n->last, "image", ""), "digit_1_0001.png");
    assert_string_equal(last_label(n), "1");
    assert_string_equal(sedge_json_str(n->last, "inference-type", ""), "image-classification");
    set_config(n, "{\"InferenceInterval\":\"0.1\",\"ImageName\":\"digit_8_0018.png\"}");
    until(n, 3);
    assert_string_equal(last_label(n), "8");
    set_config(n, "{\"InferenceInterval\":\"never\"}"); /* refused: the old one stays */
    until(n, 2);
    assert_string_equal(last_label(n), "8");
    set_config(n, "{\"InferenceInterval\":\"0.1\",\"PublishResultsOnTopic\":\"other\"}");
    until(n, 4);
    assert_true(n->refused >= 1);
    set_config(n, "{\"InferenceInterval\":\"0.1\",\"ImageName\":\"digit_5_0032.bmp\"}"); /* it has kept running */
    until(n, 4);
    assert_string_equal(last_label(n), "5");
    close_server(n);
    assert_int_equal(finish(n), 1);
    said(n, "InferenceInterval: \"never\"; expected seconds");
    said(n, "publishing on \"other\" is not allowed (UnauthorizedError): list the topic under accessControl");
    said(n, "the connection to the nucleus has ended");
}

static void a_bad_image_is_skipped_and_the_rest_goes_on(void **st)
{
    struct nucleus *n = *st;
    sedge_auto_free char *bad = sedge_xasprintf("%s/a.png", n->dir), *good = sedge_xasprintf("%s/b.bmp", n->dir);
    sedge_auto_free char *config = sedge_xasprintf("{\"InferenceInterval\":0.1,\"ImageDirectory\":\"%s\"}", n->dir);
    sedge_auto_buf struct sedge_buf image = SEDGE_BUF_INIT;

    assert_int_equal(sedge_fs_read(DIGITS "samples/digit_0_0160.bmp", 1 << 20, &image, NULL), 0);
    assert_int_equal(sedge_fs_write_atomic(bad, "nonsense", 8, 0644, NULL), 0);
    assert_int_equal(sedge_fs_write_atomic(good, image.data, image.len, 0644, NULL), 0);
    set_config(n, config);
    start(n, DIGITS "v2");
    until(n, 3);
    assert_string_equal(sedge_json_str(n->last, "image", ""), "b.bmp");
    assert_string_equal(last_label(n), "0");
    close_server(n);
    assert_int_equal(finish(n), 1);
    said(n, "a.png: not a JPEG, PNG or BMP image");
}

static void without_a_model_it_says_what_to_check_and_ends(void **st)
{
    struct nucleus *n = *st;

    set_config(n, "{\"ModelResourceKey\":\"missing\"}");
    start(n, "/nowhere");
    n->wanted = 1;
    uv_timer_start(&n->deadline, too_late, WAIT_MS, 0);
    uv_run(&n->loop, UV_RUN_DEFAULT); /* until it has gone */
    assert_true(n->gone);
    close_server(n);
    assert_int_equal(finish(n), 1);
    said(n, "no model folder /nowhere/missing or /nowhere: check DLR_IC_MODEL_DIR and ModelResourceKey");
    assert_int_equal(n->published, 0);
}

/* v1: the digits; crash: a compiled model whose library ends what loads it; broken: no model. */
static void make_models(const char *dir)
{
    static const char graph[] = "{\"nodes\":[{\"op\":\"null\",\"name\":\"x\",\"inputs\":[]}],\"arg_nodes\":[0],"
                                "\"heads\":[[0,0,0]],\"node_row_ptr\":[0,1],"
                                "\"attrs\":{\"dltype\":[\"list_str\",[\"float32\"]],\"shape\":[\"list_shape\",[[1,1,8,"
                                "8]]],\"storage_id\":[\"list_int\",[0]]}}";
    sedge_auto_free char *v1 = sedge_xasprintf("%s/v1", dir), *crash = sedge_xasprintf("%s/crash", dir);
    sedge_auto_free char *broken = sedge_xasprintf("%s/broken", dir), *onnx = sedge_xasprintf("%s/broken/m.onnx", dir);
    sedge_auto_free char *json = sedge_xasprintf("%s/crash/m.json", dir), *so = sedge_xasprintf("%s/crash/m.so", dir);
    sedge_auto_free char *params = sedge_xasprintf("%s/crash/m.params", dir);

    assert_int_equal(symlink(DIGITS "v1", v1), 0);
    assert_int_equal(sedge_fs_mkdirs(crash, 0755, NULL), 0);
    assert_int_equal(sedge_fs_mkdirs(broken, 0755, NULL), 0);
    assert_int_equal(sedge_fs_write_atomic(json, graph, strlen(graph), 0644, NULL), 0);
    assert_int_equal(sedge_fs_write_atomic(params, "x", 1, 0644, NULL), 0);
    assert_int_equal(sedge_fs_write_atomic(onnx, "nonsense", 8, 0644, NULL), 0);
    assert_int_equal(symlink(SEDGE_BUILD_DIR "/tests/libcrash_on_load.so", so), 0);
}

static void a_model_that_crashes_or_is_refused_leaves_the_last_good_one_at_work(void **st)
{
    struct nucleus *n = *st;

    make_models(n->dir);
    set_config(n, "{\"InferenceInterval\":\"0.1\",\"ModelResourceKey\":\"v1\",\"ImageName\":\"digit_8_0018.png\"}");
    start(n, n->dir);
    until(n, 2);
    set_config(n, "{\"InferenceInterval\":\"0.1\",\"ModelResourceKey\":\"crash\",\"ImageName\":\"digit_5_0032.bmp\"}");
    until(n, 4);
    assert_string_equal(last_label(n), "5");
    set_config(n, "{\"InferenceInterval\":\"0.1\",\"ModelResourceKey\":\"broken\",\"ImageName\":\"digit_8_0018.png\"}");
    until(n, 4);
    assert_string_equal(last_label(n), "8");
    close_server(n);
    assert_int_equal(finish(n), 1);
    said(n, "/crash: the model crashes what loads it (signal 11, Segmentation fault)");
    said(n, "/broken/m.onnx: ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_classifies_publishes_follows_the_configuration_and_ends_with_the_nucleus,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bad_image_is_skipped_and_the_rest_goes_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_model_that_crashes_or_is_refused_leaves_the_last_good_one_at_work, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_a_model_it_says_what_to_check_and_ends, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
