/*
 * reconnect - how long to wait before the next attempt: exponential with full jitter. Pure.
 *
 * The n-th wait after a failure is a random time in [min, min(max, min * 2^n)], so that a fleet that lost its broker
 * does not come back in one instant.
 */
#ifndef SEDGE_MQTT_RECONNECT_H
#define SEDGE_MQTT_RECONNECT_H

#include <stdint.h>

/* failures: attempts that failed in a row, 1 for the first. random: any 32 random bits. */
int64_t sedge_reconnect_delay_ms(unsigned failures, int64_t min_ms, int64_t max_ms, uint32_t random);

/* A bucket of tokens that refills at `rate` a second and holds one second's worth. */
struct sedge_bucket {
    double tokens;
    double rate;
    int64_t last_ms;
};
void sedge_bucket_init(struct sedge_bucket *b, double rate, int64_t now_ms);
/* Milliseconds until `n` tokens may be taken (0: taken now). More than the bucket holds is granted when it is full. */
int64_t sedge_bucket_take(struct sedge_bucket *b, double n, int64_t now_ms);
/* The same without taking. */
int64_t sedge_bucket_wait(struct sedge_bucket *b, double n, int64_t now_ms);

#endif
