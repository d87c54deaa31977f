#include "judge.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static int64_t failures(const struct sedge_counts *n, int bits)
{
    return ((bits & SEDGE_FAIL_FAILED) ? n->n[SEDGE_EXEC_FAILED] : 0) +
           ((bits & SEDGE_FAIL_REJECTED) ? n->n[SEDGE_EXEC_REJECTED] : 0) +
           ((bits & SEDGE_FAIL_TIMED_OUT) ? n->n[SEDGE_EXEC_TIMED_OUT] : 0);
}

static double percent(int64_t part, int64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

static const char *failure_name(int bits)
{
    switch (bits) {
    case SEDGE_FAIL_FAILED:
        return "FAILED";
    case SEDGE_FAIL_REJECTED:
        return "REJECTED";
    case SEDGE_FAIL_TIMED_OUT:
        return "TIMED_OUT";
    default:
        return "FAILED, REJECTED or TIMED_OUT";
    }
}

static bool abort_rule_met(const struct sedge_policy *p, const struct sedge_counts *n, char *why)
{
    int64_t executed = sedge_counts_executed(n);

    for (int i = 0; i < p->n_rules; i++) {
        double bad = percent(failures(n, p->rules[i].failures), executed);

        if (executed < p->rules[i].min_executed || bad < p->rules[i].percent) continue;
        (void)snprintf(why, SEDGE_JUDGE_TEXT_MAX, "abort criterion %d: %s %.1f %% of %lld", i + 1,
                       failure_name(p->rules[i].failures), bad, (long long)executed);
        return true;
    }
    return false;
}

static bool gate_fails(const struct sedge_policy *p, const struct sedge_counts *since, char *why)
{
    int64_t executed = sedge_counts_executed(since);
    double good = percent(since->n[SEDGE_EXEC_SUCCEEDED], executed);

    if (!p->gated || executed < p->min_finished || good >= p->success_percent) return false;
    (void)snprintf(why, SEDGE_JUDGE_TEXT_MAX, "gate: %.1f %% of %lld finished things succeeded, %g %% are required",
                   good, (long long)executed, p->success_percent);
    return true;
}

static bool default_rule_met(const struct sedge_policy *p, const struct sedge_counts *since, char *why)
{
    int64_t executed = sedge_counts_executed(since);
    double bad = percent(failures(since, SEDGE_FAIL_FAILED | SEDGE_FAIL_TIMED_OUT), executed);

    if (p->n_rules || executed < SEDGE_POLICY_ABORT_MIN || bad < SEDGE_POLICY_ABORT_PERCENT) return false;
    (void)snprintf(why, SEDGE_JUDGE_TEXT_MAX,
                   "default rule: FAILED or TIMED_OUT %.1f %% of %lld, the limit without abortConfig is %d %%", bad,
                   (long long)executed, SEDGE_POLICY_ABORT_PERCENT);
    return true;
}

enum sedge_judgement sedge_judge(const struct sedge_policy *p, const struct sedge_counts *all,
                                 const struct sedge_counts *since, char why[SEDGE_JUDGE_TEXT_MAX])
{
    static const enum sedge_judgement by_gate[] = {
        [SEDGE_GATE_PAUSE] = SEDGE_JUDGE_PAUSE,
        [SEDGE_GATE_ABORT] = SEDGE_JUDGE_ABORT,
        [SEDGE_GATE_REVERT] = SEDGE_JUDGE_REVERT,
    };

    why[0] = 0;
    if (abort_rule_met(p, all, why)) return SEDGE_JUDGE_ABORT;
    if (gate_fails(p, since, why)) return by_gate[p->on_fail];
    return default_rule_met(p, since, why) ? SEDGE_JUDGE_PAUSE : SEDGE_JUDGE_FINE;
}

bool sedge_judge_wave_done(const struct sedge_policy *p, const struct sedge_counts *n, int64_t sleeping)
{
    int64_t total = sedge_counts_released(n) - sleeping, open = sedge_counts_open(n) - sleeping;
    int64_t finished = total - open, wanted = p->min_finished < total ? p->min_finished : total;

    return finished >= wanted && (double)open <= (double)total * p->unfinished_percent / 100;
}

/* The share of failures from which on a deployment is bad and not only degraded. */
static double bad_percent(const struct sedge_policy *p)
{
    double least = 100;

    for (int i = 0; i < p->n_rules; i++)
        least = fmin(least, p->rules[i].percent);
    return p->n_rules ? least : SEDGE_POLICY_ABORT_PERCENT;
}

static int64_t bad_min(const struct sedge_policy *p)
{
    int64_t least = INT64_MAX;

    for (int i = 0; i < p->n_rules; i++)
        least = p->rules[i].min_executed < least ? p->rules[i].min_executed : least;
    return p->n_rules ? least : SEDGE_POLICY_ABORT_MIN;
}

const char *sedge_judge_outcome(const struct sedge_policy *p, const struct sedge_counts *n, bool stopped, bool more)
{
    int64_t executed = sedge_counts_executed(n), bad = sedge_counts_bad(n);
    int64_t total = sedge_counts_released(n), open = sedge_counts_open(n);

    if (stopped) return "BAD";
    if (executed == 0) return "UNKNOWN";
    if (bad == executed && !open && !more) return "BAD";
    if (executed >= bad_min(p) && percent(bad, executed) >= bad_percent(p)) return "BAD";
    if (percent(executed - bad, executed) < p->success_percent) return open || more ? "UNKNOWN" : "DEGRADED";
    if (more || (double)open > (double)total * p->unfinished_percent / 100) return "UNKNOWN";
    return "OK";
}

double sedge_rate_at(const struct sedge_policy *p, int64_t step)
{
    double rate =
        p->base_per_minute ? (double)p->base_per_minute * pow(p->factor, (double)step) : (double)p->per_minute;

    return rate < (double)p->per_minute ? rate : (double)p->per_minute;
}
