#include "reconnect.h"

int64_t sedge_reconnect_delay_ms(unsigned failures, int64_t min_ms, int64_t max_ms, uint32_t random)
{
    int64_t ceiling = min_ms > 0 ? min_ms : 1;

    if (max_ms < ceiling) max_ms = ceiling;
    for (unsigned i = 0; i < failures && ceiling < max_ms; i++)
        ceiling *= 2; /* stops at max_ms, so it cannot overflow before 2^62 ms */
    if (ceiling > max_ms) ceiling = max_ms;
    if (min_ms < 0) min_ms = 0;
    if (min_ms > ceiling) min_ms = ceiling;
    return min_ms + (int64_t)((double)(ceiling - min_ms) * ((double)random / 4294967295.0));
}

void sedge_bucket_init(struct sedge_bucket *b, double rate, int64_t now_ms)
{
    *b = (struct sedge_bucket){rate, rate, now_ms};
}

static void refill(struct sedge_bucket *b, int64_t now_ms)
{
    if (now_ms > b->last_ms) b->tokens += b->rate * (double)(now_ms - b->last_ms) / 1000.0;
    if (b->tokens > b->rate) b->tokens = b->rate;
    b->last_ms = now_ms;
}

int64_t sedge_bucket_wait(struct sedge_bucket *b, double n, int64_t now_ms)
{
    double want = n < b->rate ? n : b->rate;

    if (b->rate <= 0) return 0; /* no limit */
    refill(b, now_ms);
    if (b->tokens >= want - 1e-6) return 0;
    return (int64_t)((want - b->tokens) * 1000.0 / b->rate) + 1;
}

int64_t sedge_bucket_take(struct sedge_bucket *b, double n, int64_t now_ms)
{
    int64_t wait = sedge_bucket_wait(b, n, now_ms);

    if (wait == 0 && b->rate > 0) b->tokens -= n; /* may go below zero for a large n: it is paid back */
    return wait;
}
