/* A component's side of UpdateState, for tests: `report_state RUNNING` reports once; `report_state RUNNING 100 50`
 * reports 50 times with 100 ms between. Prints what went wrong and exits with 1. */
#include <sedge_ipc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PATIENCE_MS 120000 /* the machine may be busy */

int main(int argc, char **argv)
{
    struct sedge_ipc_err err;
    struct sedge_ipc_options options = SEDGE_IPC_OPTIONS_INIT;
    struct sedge_ipc_client *c;
    long ms = argc > 2 ? strtol(argv[2], NULL, 10) : 0, times = argc > 3 ? strtol(argv[3], NULL, 10) : 1;
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};

    options.timeout_ms = PATIENCE_MS;
    c = sedge_ipc_connect(&options, &err);
    if (!c || argc < 2) {
        (void)fprintf(stderr, "%s\n", c ? "usage: report_state STATE [MS TIMES]" : err.message);
        return 1;
    }
    for (long i = 0; i < times; i++) {
        if (sedge_ipc_update_state(c, argv[1], &err) != 0) {
            (void)fprintf(stderr, "%s\n", err.message);
            return 1;
        }
        (void)nanosleep(&pause, NULL); /* cut short by a signal: only the pause is shorter */
    }
    sedge_ipc_disconnect(c);
    return 0;
}
