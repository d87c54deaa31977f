/*
 * throttle - how often one thing may ask: a bucket of tokens for each, in a table of fixed size. Two things that share
 * a place push each other out, which only forgives them. Any thread.
 */
#ifndef SEDGE_CLOUD_THROTTLE_H
#define SEDGE_CLOUD_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#define SEDGE_THROTTLE_PLACES 4096

struct sedge_throttle;

struct sedge_throttle *sedge_throttle_new(int rate_per_s, int burst);
void sedge_throttle_free(struct sedge_throttle *t);
/* Takes a token; false when there is none. */
bool sedge_throttle_take(struct sedge_throttle *t, int64_t id, int64_t now_ms);

#endif
