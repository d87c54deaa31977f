/*
 * backoff - how long a component that fails waits before it is started again, and when it is given up. Pure.
 *
 *   failures = sedge_backoff_count(settings, failures, ran_ms);          // one more error
 *   if (sedge_backoff_gives_up(settings, failures)) ...BROKEN
 *   pause_ms = sedge_backoff_pause_ms(settings, failures, random);
 *
 * The n-th error in a row waits initial * factor^(n-1), at most max. A random share of that, up to `jitter`, is taken
 * off, so that devices that failed together do not come back together. A component that was RUNNING for reset_after
 * begins anew.
 */
#ifndef SEDGE_SUPERVISOR_BACKOFF_H
#define SEDGE_SUPERVISOR_BACKOFF_H

#include "recipe/extension.h"

/* Errors in a row, after one more. ran_ms: how long the component had been RUNNING; 0 when it was not. */
int sedge_backoff_count(const struct sedge_backoff_settings *s, int failures, int64_t ran_ms);
bool sedge_backoff_gives_up(const struct sedge_backoff_settings *s, int failures);
/* failures: 1 or more. random: any 32 bits. */
int64_t sedge_backoff_pause_ms(const struct sedge_backoff_settings *s, int failures, uint32_t random);

#endif
