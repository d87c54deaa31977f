#include "clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec t;

    (void)clock_gettime(id, &t); /* cannot fail for these clocks */
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t sedge_wall_ms(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t sedge_mono_ms(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

static void to_utc(int64_t ms, struct tm *tm)
{
    time_t s = (time_t)(ms >= 0 ? ms / 1000 : (ms - 999) / 1000);

    if (!gmtime_r(&s, tm)) *tm = (struct tm){.tm_mday = 1, .tm_year = 70};
}

void sedge_time_iso(int64_t wall_ms, char out[SEDGE_TIME_LEN])
{
    struct tm tm;
    size_t n;

    to_utc(wall_ms, &tm);
    n = strftime(out, SEDGE_TIME_LEN, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(out + n, SEDGE_TIME_LEN - n, ".%03dZ", (int)(((wall_ms % 1000) + 1000) % 1000));
}

void sedge_time_cli(int64_t wall_ms, char out[SEDGE_TIME_LEN])
{
    struct tm tm;

    to_utc(wall_ms, &tm);
    (void)strftime(out, SEDGE_TIME_LEN, "%d-%m-%Y %H:%M:%S UTC", &tm);
}
