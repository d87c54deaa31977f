/*
 * judge - what the numbers of a deployment mean: go on, stop, how well it went. Pure: numbers in, a decision out.
 *
 * Three rules, in this order: the operator's abort criteria (all executions), the gate (only what has happened since an
 * operator resumed, if one did), and without abort criteria a default rule that pauses.
 */
#ifndef SEDGE_CLOUD_JUDGE_H
#define SEDGE_CLOUD_JUDGE_H

#include "counters.h"
#include "policy.h"

#define SEDGE_JUDGE_TEXT_MAX 256 /* bytes of a reason */

enum sedge_judgement { SEDGE_JUDGE_FINE, SEDGE_JUDGE_PAUSE, SEDGE_JUDGE_ABORT, SEDGE_JUDGE_REVERT };

/* `all`: everything of the deployment; `since`: without what the operator has accepted by resuming. why: the reason in
 * words, "" when FINE. */
enum sedge_judgement sedge_judge(const struct sedge_policy *p, const struct sedge_counts *all,
                                 const struct sedge_counts *since, char why[SEDGE_JUDGE_TEXT_MAX]);

/* Whether a wave whose things are all released has finished: enough of them are done. `sleeping`: QUEUED executions of
 * dormant things, which do not count. */
bool sedge_judge_wave_done(const struct sedge_policy *p, const struct sedge_counts *n, int64_t sleeping);

/* "OK", "DEGRADED", "BAD" or "UNKNOWN" (specification 5.7). `stopped`: a rule has paused or aborted the deployment;
 * `more`: things are still to be released. */
const char *sedge_judge_outcome(const struct sedge_policy *p, const struct sedge_counts *n, bool stopped, bool more);

/* Releases a minute at this step of an exponential rate. */
double sedge_rate_at(const struct sedge_policy *p, int64_t step);

#endif
