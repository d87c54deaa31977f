/*
 * policy - how a deployment rolls out: the operator's iotJobConfiguration and rollout block, checked and decoded.
 *
 *   struct sedge_policy p;
 *   rc = sedge_policy_decode(job, rollout, &p, &err);     // also for what is stored: checked the same way
 *   ...
 *   sedge_policy_release(&p);                             // in any case
 *
 * iotJobConfiguration has the members of AWS IoT Jobs (jobExecutionsRolloutConfig, abortConfig, timeoutConfig,
 * jobExecutionsRetryConfig, schedulingConfig); rollout has waves, gate and limits of ours. Deployments keep both as the
 * operator wrote them, in one object: {"inProgressTimeoutInMinutes":60,"iotJobConfiguration":{...},"rollout":{...}}.
 * Pure: no database, no clock.
 */
#ifndef SEDGE_CLOUD_POLICY_H
#define SEDGE_CLOUD_POLICY_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define SEDGE_POLICY_WAVES_MAX       32
#define SEDGE_POLICY_RULES_MAX       10    /* abort criteria */
#define SEDGE_POLICY_WINDOWS_MAX     16    /* maintenance windows */
#define SEDGE_POLICY_RATE_MAX        60000 /* releases a minute */
#define SEDGE_POLICY_RATE_DEFAULT    1000
#define SEDGE_POLICY_RETRIES_MAX     10
#define SEDGE_POLICY_BYTES_MAX       1000000000000 /* a second */
#define SEDGE_POLICY_DORMANT_DAYS    30            /* a thing that was not seen for so long is not counted on */
#define SEDGE_POLICY_HEALTH_MINUTES  10 /* a component that breaks so soon after SUCCEEDED counts as a failure */
#define SEDGE_POLICY_SUCCESS_PERCENT 95
#define SEDGE_POLICY_MIN_FINISHED    5
#define SEDGE_POLICY_UNFINISHED      20 /* percent of a wave that need not be finished */
#define SEDGE_POLICY_ABORT_PERCENT   20 /* the rule without abortConfig: so many fail ... */
#define SEDGE_POLICY_ABORT_MIN       10 /* ... after so many: PAUSE */

/* Failures that a rule is about: bits. */
enum { SEDGE_FAIL_FAILED = 1, SEDGE_FAIL_REJECTED = 2, SEDGE_FAIL_TIMED_OUT = 4, SEDGE_FAIL_ALL = 7 };
enum sedge_on_fail { SEDGE_GATE_PAUSE, SEDGE_GATE_ABORT, SEDGE_GATE_REVERT };
enum sedge_at_end { SEDGE_END_STOP, SEDGE_END_CANCEL, SEDGE_END_FORCE_CANCEL };

struct sedge_abort_rule {
    int failures;
    int64_t min_executed;
    double percent;
};
struct sedge_wave {
    bool canary;          /* the things of the canary group; limits below do not count */
    int64_t hundredths;   /* of a percent, cumulative: 10000 is everybody */
    int64_t min_things;   /* 0: none */
    int64_t soak_minutes; /* after it has finished, before the next */
};
struct sedge_window { /* things are released only inside of windows, if there are any */
    uint64_t minutes; /* cron fields as bits; UTC */
    uint32_t hours, days, months, weekdays;
    bool any_day, any_weekday;
    int64_t length_minutes;
};

struct sedge_policy {
    int64_t in_progress_minutes;                      /* 0: the service's default */
    int64_t per_minute, base_per_minute, increase_at; /* base 0: constant rate */
    bool increase_by_success;
    double factor;
    struct sedge_abort_rule rules[SEDGE_POLICY_RULES_MAX];
    int n_rules; /* 0: the default rule, which pauses */
    int64_t retries_failed, retries_timed_out;
    int64_t start_at, end_at; /* seconds; 0: none */
    enum sedge_at_end at_end;
    struct sedge_window windows[SEDGE_POLICY_WINDOWS_MAX];
    int n_windows;
    struct sedge_wave waves[SEDGE_POLICY_WAVES_MAX + 1]; /* never empty; the last one is everybody */
    int n_waves;
    char *canary_group;
    bool gated; /* waves or a gate were given */
    double success_percent, unfinished_percent;
    int64_t min_finished;
    enum sedge_on_fail on_fail;
    int64_t max_in_progress;      /* 0: no bound */
    int64_t max_bytes_per_second; /* 0: no bound */
    bool salt_group;              /* the same canaries each time */
    bool supersede_waves;         /* the revision before goes on where this one has not come yet */
    int64_t dormant_days, health_minutes;
    bool approval;
};

int sedge_policy_decode(struct json_object *job, struct json_object *rollout, struct sedge_policy *out,
                        struct sedge_err *err);
/* What a deployment row has stored. */
int sedge_policy_load(const char *text, struct sedge_policy *out, struct sedge_err *err);
void sedge_policy_release(struct sedge_policy *p);
/* The text to store. `minutes`: the time limit in force. Heap. */
char *sedge_policy_text(struct json_object *job, struct json_object *rollout, int64_t minutes);

/* Whether things may be released at this time, by the windows. */
bool sedge_policy_window_open(const struct sedge_policy *p, int64_t now_s);

#endif
