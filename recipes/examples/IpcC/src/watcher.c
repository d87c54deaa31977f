/*
 * A component that follows its own configuration by its own loop, here poll(2): the library has one descriptor for
 * that. In place of poll think of libuv, GLib or whatever your program is built on.
 */
#include <poll.h>
#include <sedge_ipc.h>
#include <stdio.h>

static void print_value(struct sedge_ipc_client *c, const char *const *key_path)
{
    struct sedge_ipc_err err;
    char *value = NULL;

    for (size_t i = 0; key_path[i]; i++)
        printf("/%s", key_path[i]);
    if (sedge_ipc_get_configuration(c, NULL, key_path, &value, &err))
        printf(" is gone: %s\n", err.message);
    else
        printf(" is %s\n", value);
    fflush(stdout);
    sedge_ipc_free(value);
}

static void on_change(const char *component, const char *const *key_path, void *user)
{
    (void)component;
    print_value(user, key_path);
}

int main(void)
{
    static const char *const colour[] = {"Colour", NULL};
    struct sedge_ipc_err err;
    struct sedge_ipc_client *c = sedge_ipc_connect(NULL, &err);
    struct pollfd fd = {.events = POLLIN};

    if (!c || sedge_ipc_subscribe_configuration(c, NULL, NULL, on_change, NULL, c, NULL, &err)) {
        fprintf(stderr, "%s %s\n", err.name, err.message);
        return 1;
    }
    print_value(c, colour);
    fd.fd = sedge_ipc_client_fd(c);
    while (poll(&fd, 1, -1) >= 0)
        if (sedge_ipc_client_dispatch(c, 0, &err) < 0) break;
    fprintf(stderr, "%s\n", err.message);
    sedge_ipc_disconnect(c);
    return 1;
}
