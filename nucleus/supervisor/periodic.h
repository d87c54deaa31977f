/*
 * periodic - when a component that has FINISHED is started again: services.<name>.periodic of the configuration (a
 * number of seconds, or a map with interval, fuzz, phase). Pure.
 *
 * Starts are due at multiples of the interval since the epoch, `phase` seconds later, and up to fuzz * interval later
 * still: a random delay, so that devices do not all start at one moment.
 */
#ifndef SEDGE_SUPERVISOR_PERIODIC_H
#define SEDGE_SUPERVISOR_PERIODIC_H

#include <json-c/json.h>
#include <stdint.h>

#include "base/str.h"

/* Limits (docs/limits.md) */
#define SEDGE_PERIODIC_DEFAULT_S    300
#define SEDGE_PERIODIC_FUZZ_DEFAULT 0.5
#define SEDGE_PERIODIC_MAX_S        (10LL * 365 * 86400)

struct sedge_periodic {
    int64_t interval_ms; /* 0: not periodic */
    int64_t phase_ms;
    double fuzz;
};

/* Fills *out, always. What makes no sense takes its default, and a warning is added. v may be NULL. */
void sedge_periodic_read(struct json_object *v, struct sedge_periodic *out, struct sedge_strv *warnings);
/* How long from now; random: any 32 bits. */
int64_t sedge_periodic_delay_ms(const struct sedge_periodic *p, int64_t wall_ms, uint32_t random);

#endif
