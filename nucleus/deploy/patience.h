/*
 * patience - the pause before a deployment asks the outside world again (spec/deployment.md 7).       (pure)
 */
#ifndef SEDGE_DEPLOY_PATIENCE_H
#define SEDGE_DEPLOY_PATIENCE_H

#include <stdint.h>

/* After `tries` (from 1) attempts in a row that came to nothing: an interval of min_ms, doubled with each try up to
 * max_ms; half of it is certain, of the other half a random part is taken. `random` is any number. */
int64_t sedge_patience_ms(int64_t tries, int64_t min_ms, int64_t max_ms, uint32_t random);

#endif
