/* Anything that a nucleus may send, to a client that waits for answers and events of every kind. The first byte chooses
 * whether the checksums are put right, so that the rest reaches what is behind them. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_reply(const struct sedge_ipc_err *err, const char *json, void *user)
{
    (void)err;
    (void)user;
    if (!json) abort();
}

static void on_message(const struct sedge_ipc_message *m, void *user)
{
    (void)user;
    if (!m->topic || ((const char *)m->data)[m->size] != '\0') abort();
}

static void on_event(const char *json, size_t size, void *user)
{
    (void)user;
    if (json[size] != '\0') abort();
}

static void on_end(const struct sedge_ipc_err *err, void *user)
{
    (void)err;
    (void)user;
}

static void on_connection(int connected, void *user)
{
    (void)connected;
    (void)user;
}

/* Stream 1 is a call, 2 a subscription, 3 messages of the cloud. */
static void begin(struct sedge_ipc_client *c)
{
    if (sedge_ipc_call_async(c, "Any", NULL, on_reply, NULL, NULL) ||
        sedge_ipc_subscribe_async(c, "Any", NULL, on_event, NULL, on_end, NULL, NULL, NULL) ||
        sedge_ipc_subscribe_iot_core_async(c, "a", 0, on_message, NULL, on_end, NULL, NULL, NULL))
        abort();
}

/* Frames whose stream, type, flags and payload come from the input. */
static void put_frames(struct sedge_buf *out, const uint8_t *data, size_t size)
{
    while (size > 3) {
        size_t n = data[2] < size - 3 ? data[2] : size - 3;

        (void)sedge_message_application(out, (enum sedge_msg_type)(data[0] & 7), data[1] & 3, data[0] >> 3,
                                        "aws.greengrass#Any", (const char *)data + 3, n, NULL); /* fits */
        data += 3 + n;
        size -= 3 + n;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sedge_buf b = SEDGE_BUF_INIT;
    struct sedge_ipc_client *c;
    int pair[2];

    if (size < 1 || size > 4096 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return 0;
    c = sedge_client_adopt(pair[0], NULL);
    if (!c) abort();
    begin(c);
    if (data[0] & 1)
        put_frames(&b, data + 1, size - 1);
    else
        sedge_buf_add(&b, data + 1, size - 1);
    (void)!write(pair[1], b.data, b.len); /* 4096 bytes and their heads fit a socket */
    (void)shutdown(pair[1], SHUT_WR);
    while (sedge_ipc_client_dispatch(c, 1000, NULL) >= 0)
        ;
    (void)sedge_ipc_subscribe_connection(c, on_connection, on_end, NULL, NULL, NULL); /* refused: it is over */
    sedge_ipc_disconnect(c);
    (void)close(pair[1]);
    sedge_buf_release(&b);
    return 0;
}
