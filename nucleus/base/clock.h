/*
 * clock - wall time for people and protocols, monotonic time for durations. A jumped wall clock breaks nothing, because
 * no duration is taken from it. Any thread.
 */
#ifndef SEDGE_BASE_CLOCK_H
#define SEDGE_BASE_CLOCK_H

#include <stdint.h>

int64_t sedge_wall_ms(void); /* since the epoch */
int64_t sedge_mono_ms(void);

#define SEDGE_TIME_LEN 32
/* 2024-03-07T10:15:42.123Z */
void sedge_time_iso(int64_t wall_ms, char out[SEDGE_TIME_LEN]);
/* 07-03-2024 10:15:42 UTC: the form of greengrass-cli */
void sedge_time_cli(int64_t wall_ms, char out[SEDGE_TIME_LEN]);

#endif
