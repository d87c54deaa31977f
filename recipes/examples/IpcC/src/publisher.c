/*
 * A component that publishes a number on a local topic, again and again. The pause between two is its configuration
 * value IntervalMs, which may change at any time.
 */
#include <sedge_ipc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char *const interval_path[] = {"IntervalMs", NULL};

static long long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static int read_interval(struct sedge_ipc_client *c, int *interval_ms)
{
    struct sedge_ipc_err err;
    char *text = NULL;

    if (sedge_ipc_get_configuration(c, NULL, interval_path, &text, &err)) {
        fprintf(stderr, "IntervalMs: %s %s\n", err.name, err.message);
        return -1;
    }
    *interval_ms = atoi(text);
    sedge_ipc_free(text);
    if (*interval_ms < 1) *interval_ms = 1;
    printf("publishing every %d ms\n", *interval_ms);
    fflush(stdout);
    return 0;
}

static void on_change(const char *component, const char *const *key_path, void *user)
{
    (void)component;
    (void)key_path;
    *(int *)user = 1;
}

static int publish(struct sedge_ipc_client *c, unsigned n)
{
    struct sedge_ipc_err err;
    char message[64];

    snprintf(message, sizeof message, "{\"n\":%u}", n);
    if (sedge_ipc_publish_json(c, "examples/numbers", message, &err) == 0) return 0;
    fprintf(stderr, "publish: %s %s\n", err.name, err.message);
    return -1;
}

int main(void)
{
    struct sedge_ipc_err err;
    struct sedge_ipc_client *c = sedge_ipc_connect(NULL, &err);
    long long due = now_ms();
    int interval_ms, changed = 0;

    if (!c || sedge_ipc_subscribe_configuration(c, NULL, interval_path, on_change, NULL, &changed, NULL, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    if (read_interval(c, &interval_ms)) return 1;
    for (unsigned n = 1; publish(c, n) == 0; n++) {
        for (due += interval_ms; now_ms() < due;) {
            if (sedge_ipc_client_dispatch(c, (int)(due - now_ms()), &err) < 0)
                return 1; /* the nucleus starts us again */
            if (changed && read_interval(c, &interval_ms)) return 1;
            if (changed) due = now_ms();
            changed = 0;
        }
    }
    sedge_ipc_disconnect(c);
    return 1;
}
