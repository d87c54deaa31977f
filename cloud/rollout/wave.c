#include "wave.h"

#include <stdlib.h>

uint64_t sedge_wave_hash(const char *salt, const char *thing)
{
    uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a, then mixed so that similar names spread */

    for (const char *s = salt; *s; s++)
        h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
    h = (h ^ '/') * UINT64_C(1099511628211);
    for (const char *s = thing; *s; s++)
        h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
    h = (h ^ (h >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    h = (h ^ (h >> 27)) * UINT64_C(0x94d049bb133111eb);
    return h ^ (h >> 31);
}

int64_t sedge_wave_bucket(uint64_t hash)
{
    return (int64_t)(hash % SEDGE_WAVE_BUCKETS);
}

static int by_number(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

int64_t sedge_wave_limit(int64_t limit, int64_t min, int64_t *buckets, size_t n)
{
    int64_t least;

    if (min <= 0 || n == 0) return limit;
    qsort(buckets, n, sizeof(*buckets), by_number);
    least = buckets[((size_t)min < n ? (size_t)min : n) - 1] + 1;
    return least > limit ? least : limit;
}
