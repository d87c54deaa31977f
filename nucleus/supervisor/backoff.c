#include "backoff.h"

#include <limits.h>

int sedge_backoff_count(const struct sedge_backoff_settings *s, int failures, int64_t ran_ms)
{
    if (ran_ms > 0 && ran_ms >= s->reset_after_ms) return 1;
    return failures < INT_MAX ? failures + 1 : failures;
}

bool sedge_backoff_gives_up(const struct sedge_backoff_settings *s, int failures)
{
    return s->attempts > 0 && failures >= s->attempts;
}

int64_t sedge_backoff_pause_ms(const struct sedge_backoff_settings *s, int failures, uint32_t random)
{
    double longest = (double)s->max_ms, pause = (double)s->initial_ms;

    if (s->factor > 1) {
        for (int i = 1; i < failures && pause < longest; i++)
            pause *= s->factor;
    }
    if (pause > longest) pause = longest;
    return (int64_t)(pause * (1 - s->jitter * ((double)random / UINT32_MAX)));
}
