/*
 * retry - how long to wait before the next attempt.       (pure)
 */
#ifndef SEDGE_FETCH_RETRY_H
#define SEDGE_FETCH_RETRY_H

#include <stdint.h>

/* Delay before attempt `attempt` + 1 (attempt counts from 1): base doubled for each attempt, at most max, of which a
 * random half to whole is taken; `random` is any number. At least what the server asked for, up to max. */
int64_t sedge_retry_delay_ms(int64_t attempt, int64_t base_ms, int64_t max_ms, int64_t asked_ms, uint32_t random);

#endif
