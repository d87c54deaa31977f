/*
 * A component that prints what others publish below examples/. It stays subscribed when the connection is lost and
 * comes back.
 */
#include <sedge_ipc.h>
#include <signal.h>
#include <stdio.h>

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static void on_message(const struct sedge_ipc_message *m, void *user)
{
    (void)user;
    if (m->is_json)
        printf("%s: %s\n", m->topic, (const char *)m->data);
    else
        printf("%s: %zu bytes\n", m->topic, m->size);
    fflush(stdout);
}

static void on_end(const struct sedge_ipc_err *err, void *user)
{
    (void)user;
    fprintf(stderr, "the subscription has ended: %s %s\n", err->name, err->message);
    stop = 1;
}

static void on_state(struct sedge_ipc_client *c, enum sedge_ipc_state state, const struct sedge_ipc_err *why,
                     void *user)
{
    (void)c;
    (void)user;
    fprintf(stderr, "%s%s\n", state == SEDGE_IPC_RESTORED ? "connected again" : "not connected: ", why->message);
}

int main(void)
{
    struct sedge_ipc_options options = SEDGE_IPC_OPTIONS_INIT;
    struct sigaction action = {.sa_handler = on_signal};
    struct sedge_ipc_client *c;
    struct sedge_ipc_err err;

    sigaction(SIGTERM, &action, NULL); /* the nucleus stops us with it */
    options.reconnect_ms = 10000;
    options.on_state = on_state;
    c = sedge_ipc_connect(&options, &err);
    if (!c || sedge_ipc_subscribe_topic(c, "examples/#", NULL, on_message, on_end, NULL, NULL, &err)) {
        fprintf(stderr, "%s %s\n", err.name, err.message);
        return 1;
    }
    printf("subscribed\n");
    fflush(stdout);
    while (!stop && sedge_ipc_client_dispatch(c, -1, &err) >= 0)
        ;
    printf("bye\n");
    sedge_ipc_disconnect(c);
    return stop ? 0 : 1;
}
