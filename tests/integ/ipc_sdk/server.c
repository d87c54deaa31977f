/* The test server as a program: sdk_server <socket path>. Serves until SIGTERM; prints "ready" when it listens. */
#include <signal.h>
#include <stdio.h>

#include "fixture.h"

static void signal_cb(uv_signal_t *s, int signum)
{
    (void)signum;
    fixture_close(s->data);
    uv_close((uv_handle_t *)s, NULL);
}

int main(int argc, char **argv)
{
    uv_loop_t loop;
    uv_signal_t term;

    if (argc != 2) {
        (void)fprintf(stderr, "usage: sdk_server <socket path>\n");
        return 2;
    }
    if (uv_loop_init(&loop) || uv_signal_init(&loop, &term)) return 1;
    term.data = fixture_new(&loop, argv[1], NULL, NULL);
    (void)uv_signal_start(&term, signal_cb, SIGTERM);
    (void)puts("ready");
    (void)fflush(stdout);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop) ? 1 : 0;
}
