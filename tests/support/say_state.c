/*
 * say_state - a component's way to report its state from a script: for each argument one UpdateState.
 *
 *   say_state RUNNING ERRORED      prints a line for each: "RUNNING ok", or "RUNNING ResourceNotFoundError"
 *
 * Reads the environment that the nucleus gives to components. Exits with 1 only if there is no connection.
 */
#include <sedge_ipc.h>
#include <stdio.h>

#define PATIENCE_MS 120000 /* the machine may be busy */

static void report(struct sedge_ipc_client *c, const char *state)
{
    struct sedge_ipc_err err;
    char request[256];
    int rc;

    (void)snprintf(request, sizeof request, "{\"state\":\"%s\"}", state);
    rc = sedge_ipc_call(c, "UpdateState", request, NULL, &err);
    (void)printf("%s %s\n", state, rc == 0 ? "ok" : err.code == SEDGE_IPC_E_REMOTE ? err.name : err.message);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    struct sedge_ipc_err err;
    struct sedge_ipc_options options = SEDGE_IPC_OPTIONS_INIT;
    struct sedge_ipc_client *c;

    options.timeout_ms = PATIENCE_MS;
    c = sedge_ipc_connect(&options, &err);
    if (!c) {
        (void)fprintf(stderr, "say_state: %s\n", err.message);
        return 1;
    }
    for (int i = 1; i < argc; i++)
        report(c, argv[i]);
    sedge_ipc_disconnect(c);
    return 0;
}
