/* sedge pubsub | iotcore pub | sub (spec/cli.md 7). */
#include "cli.h"

#include "base/fs.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define MESSAGE_FILE_MAX (8u << 20)

struct topic_args {
    const char *topic, *message;
    int qos;
};

static bool empty_topic(const char *topic)
{
    if (strspn(topic, " \t") != strlen(topic)) return false;
    (void)fputs("Topic name cannot be empty\n", stderr);
    return true;
}

static int failed(const char *what, const char *topic, const struct sedge_ipc_err *err)
{
    if (strcmp(err->name, "UnauthorizedError") == 0) {
        sedge_cli_fail("Unauthorized error while %s topic: %s", what, topic);
        return 0;
    }
    sedge_cli_fail("%s%s%s", err->name, *err->name ? ": " : "", err->message);
    return SEDGE_EXIT_FAILED;
}

static int read_message(const char *text, struct sedge_buf *out)
{
    sedge_auto_free char *path = sedge_cli_expand(text);
    struct sedge_err err = SEDGE_ERR_INIT;

    if (!sedge_fs_exists(path) || sedge_fs_is_dir(path)) {
        sedge_buf_puts(out, text);
        return 0;
    }
    if (sedge_fs_read(path, MESSAGE_FILE_MAX, out, &err) == 0) return 0;
    sedge_cli_fail("--message: %s", err.msg);
    return -1;
}

static int publish(struct sedge_cli *cli, const struct topic_args *a, bool cloud)
{
    sedge_auto_buf struct sedge_buf message = SEDGE_BUF_INIT;
    struct sedge_ipc_client *c;
    struct sedge_ipc_err err;
    int rc;

    if (empty_topic(a->topic)) return 0;
    if (read_message(a->message, &message) != 0) return SEDGE_EXIT_FAILED;
    c = sedge_cli_connect(cli);
    if (!c) return SEDGE_EXIT_FAILED;
    if (cloud)
        rc = sedge_ipc_publish_iot_core(c, a->topic, a->qos, message.data, message.len, &err);
    else
        rc = sedge_ipc_publish_binary(c, a->topic, message.data, message.len, &err);
    sedge_ipc_disconnect(c);
    return rc == 0 ? 0 : failed("publishing to", a->topic, &err);
}

static void message_cb(const struct sedge_ipc_message *m, void *user)
{
    (void)user;
    (void)fwrite(m->data, 1, m->size, stdout);
    (void)putchar('\n');
    (void)fflush(stdout);
}

static int subscribe(struct sedge_cli *cli, const struct topic_args *a, bool cloud)
{
    struct sedge_ipc_client *c;
    struct sedge_ipc_err err;
    sedge_ipc_sub_t sub;
    int rc;

    if (empty_topic(a->topic)) return 0;
    c = sedge_cli_connect(cli);
    if (!c) return SEDGE_EXIT_FAILED;
    if (cloud)
        rc = sedge_ipc_subscribe_iot_core(c, a->topic, a->qos, message_cb, NULL, NULL, &sub, &err);
    else
        rc = sedge_ipc_subscribe_topic(c, a->topic, "RECEIVE_ALL_MESSAGES", message_cb, NULL, NULL, &sub, &err);
    if (rc != 0) {
        sedge_ipc_disconnect(c);
        return failed("subscribing to", a->topic, &err);
    }
    (void)printf("Successfully subscribed to topic: %s\n", a->topic);
    (void)fflush(stdout);
    while (sedge_ipc_client_dispatch(c, -1, &err) >= 0) {
    }
    (void)printf("Subscribe to %s stream closed.\n", cloud ? "IoT Core" : "topic");
    sedge_ipc_disconnect(c);
    return 0;
}

static int run_pub(struct sedge_cli *cli, void *args)
{
    return publish(cli, args, false);
}

static int run_sub(struct sedge_cli *cli, void *args)
{
    return subscribe(cli, args, false);
}

static int run_cloud_pub(struct sedge_cli *cli, void *args)
{
    return publish(cli, args, true);
}

static int run_cloud_sub(struct sedge_cli *cli, void *args)
{
    return subscribe(cli, args, true);
}

#define TOPIC                                                                                                          \
    {                                                                                                                  \
        "--topic", "-t", SEDGE_ARG_TEXT, true, offsetof(struct topic_args, topic), "<topic>", "topic or filter"        \
    }
#define MESSAGE                                                                                                        \
    {                                                                                                                  \
        "--message", "-m", SEDGE_ARG_TEXT, true, offsetof(struct topic_args, message), "<text or file>",               \
            "what to publish"                                                                                          \
    }
#define QOS                                                                                                            \
    {                                                                                                                  \
        "--qos", "-q", SEDGE_ARG_INT, false, offsetof(struct topic_args, qos), "<0 or 1>",                             \
            "quality of service, default 0"                                                                            \
    }
static const struct sedge_arg pub_args[] = {TOPIC, MESSAGE};
static const struct sedge_arg sub_args[] = {TOPIC};
static const struct sedge_arg cloud_pub_args[] = {TOPIC, MESSAGE, QOS};
static const struct sedge_arg cloud_sub_args[] = {TOPIC, QOS};

const struct sedge_command sedge_topic_commands[] = {
    {"pubsub", "pub", "Publish to a local topic", pub_args, SEDGE_ARRAY_LEN(pub_args), sizeof(struct topic_args),
     run_pub},
    {"pubsub", "sub", "Print the messages of a local topic", sub_args, SEDGE_ARRAY_LEN(sub_args),
     sizeof(struct topic_args), run_sub},
    {"iotcore", "pub", "Publish to a topic of the cloud broker", cloud_pub_args, SEDGE_ARRAY_LEN(cloud_pub_args),
     sizeof(struct topic_args), run_cloud_pub},
    {"iotcore", "sub", "Print the messages of a topic of the cloud broker", cloud_sub_args,
     SEDGE_ARRAY_LEN(cloud_sub_args), sizeof(struct topic_args), run_cloud_sub},
};
const size_t sedge_topic_ncommands = SEDGE_ARRAY_LEN(sedge_topic_commands);
