/*
 * wave - which things a wave has. No list is stored: a thing's place is a hash of its name and a salt, and a wave is
 * everybody below a limit. Pure.
 */
#ifndef SEDGE_CLOUD_WAVE_H
#define SEDGE_CLOUD_WAVE_H

#include <stddef.h>
#include <stdint.h>

#define SEDGE_WAVE_BUCKETS 10000

uint64_t sedge_wave_hash(const char *salt, const char *thing);
int64_t sedge_wave_bucket(uint64_t hash);
/* The limit that takes at least `min` of these buckets (sorted here), and never less than `limit`. */
int64_t sedge_wave_limit(int64_t limit, int64_t min, int64_t *buckets, size_t n);

#endif
