#include "retry.h"

int64_t sedge_retry_delay_ms(int64_t attempt, int64_t base_ms, int64_t max_ms, int64_t asked_ms, uint32_t random)
{
    int64_t full = base_ms < 1 ? 1 : base_ms, delay;

    for (; attempt > 1 && full < max_ms; attempt--)
        full *= 2;
    if (full > max_ms) full = max_ms;
    delay = full / 2 + (int64_t)(random % (uint32_t)(full / 2 + 1));
    if (asked_ms > max_ms) asked_ms = max_ms;
    return delay > asked_ms ? delay : asked_ms;
}
