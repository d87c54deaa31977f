/* iotJobConfiguration: the members of AWS IoT Jobs. */
#include <math.h>
#include <string.h>

#include "base/str.h"
#include "policy_internal.h"

#define J        "iotJobConfiguration"
#define AT(name) J "." name

struct job {
    struct json_object *rate, *abort, *timeout, *retry, *schedule;
};
static const struct sedge_jfield job_fields[] = {
    {"jobExecutionsRolloutConfig", SEDGE_J_OBJ, false, 0, 0, offsetof(struct job, rate)},
    {"abortConfig", SEDGE_J_OBJ, false, 0, 0, offsetof(struct job, abort)},
    {"timeoutConfig", SEDGE_J_OBJ, false, 0, 0, offsetof(struct job, timeout)},
    {"jobExecutionsRetryConfig", SEDGE_J_OBJ, false, 0, 0, offsetof(struct job, retry)},
    {"schedulingConfig", SEDGE_J_OBJ, false, 0, 0, offsetof(struct job, schedule)},
};

struct rate {
    int64_t maximum;
    struct json_object *exponential;
};
static const struct sedge_jfield rate_fields[] = {
    {"maximumPerMinute", SEDGE_J_INT, false, 1, SEDGE_POLICY_RATE_MAX, offsetof(struct rate, maximum)},
    {"exponentialRate", SEDGE_J_OBJ, false, 0, 0, offsetof(struct rate, exponential)},
};

struct growth {
    int64_t base;
    double factor;
    struct json_object *criteria;
};
static const struct sedge_jfield growth_fields[] = {
    {"baseRatePerMinute", SEDGE_J_INT, true, 1, SEDGE_POLICY_RATE_MAX, offsetof(struct growth, base)},
    {"incrementFactor", SEDGE_J_DOUBLE, true, 1, 5, offsetof(struct growth, factor)},
    {"rateIncreaseCriteria", SEDGE_J_OBJ, true, 0, 0, offsetof(struct growth, criteria)},
};

struct criteria {
    int64_t notified, succeeded;
};
static const struct sedge_jfield criteria_fields[] = {
    {"numberOfNotifiedThings", SEDGE_J_INT, false, 1, INT32_MAX, offsetof(struct criteria, notified)},
    {"numberOfSucceededThings", SEDGE_J_INT, false, 1, INT32_MAX, offsetof(struct criteria, succeeded)},
};

struct list {
    struct json_object *criteria;
};
static const struct sedge_jfield list_fields[] = {
    {"criteriaList", SEDGE_J_ARR, true, 0, 0, offsetof(struct list, criteria)},
};

struct abort_rule {
    char *action, *type;
    int64_t min;
    double percent;
};
static const struct sedge_jfield abort_fields[] = {
    {"action", SEDGE_J_STR, true, 1, 32, offsetof(struct abort_rule, action)},
    {"failureType", SEDGE_J_STR, true, 1, 32, offsetof(struct abort_rule, type)},
    {"minNumberOfExecutedThings", SEDGE_J_INT, true, 1, INT32_MAX, offsetof(struct abort_rule, min)},
    {"thresholdPercentage", SEDGE_J_DOUBLE, true, 0, 100, offsetof(struct abort_rule, percent)},
};

struct retry_rule {
    char *type;
    int64_t n;
};
static const struct sedge_jfield retry_fields[] = {
    {"failureType", SEDGE_J_STR, true, 1, 32, offsetof(struct retry_rule, type)},
    {"numberOfRetries", SEDGE_J_INT, true, 0, SEDGE_POLICY_RETRIES_MAX, offsetof(struct retry_rule, n)},
};

struct timeout {
    int64_t minutes;
};
static const struct sedge_jfield timeout_fields[] = {
    {"inProgressTimeoutInMinutes", SEDGE_J_INT, false, 1, 10080, offsetof(struct timeout, minutes)},
};

#define DECODE(o, where, fields, out) sedge_json_decode(o, where, fields, SEDGE_ARRAY_LEN(fields), 0, out, err)
#define RELEASE(fields, out)          sedge_json_release_fields(fields, SEDGE_ARRAY_LEN(fields), out)

static bool decimals(double v, double scale)
{
    return fabs(v * scale - nearbyint(v * scale)) < 1e-6;
}

static int take_growth(struct json_object *o, struct sedge_policy *p, struct sedge_err *err)
{
    struct criteria c = {0};
    struct growth g = {0};
    int rc = DECODE(o, AT("jobExecutionsRolloutConfig.exponentialRate"), growth_fields, &g);

    if (rc == 0 && !decimals(g.factor, 10))
        rc = sedge_err_set(err, SEDGE_E_INVALID,
                           AT("jobExecutionsRolloutConfig.exponentialRate.incrementFactor") ": %g has more than one "
                                                                                            "decimal",
                           g.factor);
    if (rc == 0)
        rc = DECODE(g.criteria, AT("jobExecutionsRolloutConfig.exponentialRate.rateIncreaseCriteria"), criteria_fields,
                    &c);
    if (rc == 0 && (c.notified != 0) == (c.succeeded != 0))
        rc = sedge_err_set(
            err, SEDGE_E_INVALID,
            AT("jobExecutionsRolloutConfig.exponentialRate.rateIncreaseCriteria") ": expected exactly one "
                                                                                  "of numberOfNotifiedThings "
                                                                                  "and numberOfSucceededThings");
    p->base_per_minute = g.base;
    p->factor = g.factor;
    p->increase_by_success = c.succeeded != 0;
    p->increase_at = c.succeeded ? c.succeeded : c.notified;
    RELEASE(growth_fields, &g);
    return rc;
}

static int take_rate(struct json_object *o, struct sedge_policy *p, struct sedge_err *err)
{
    struct rate r = {.maximum = SEDGE_POLICY_RATE_DEFAULT};
    int rc = DECODE(o, AT("jobExecutionsRolloutConfig"), rate_fields, &r);

    p->per_minute = r.maximum;
    if (rc == 0 && r.exponential) rc = take_growth(r.exponential, p, err);
    if (rc == 0 && p->base_per_minute > p->per_minute)
        rc = sedge_err_set(err, SEDGE_E_INVALID,
                           AT("jobExecutionsRolloutConfig") ": baseRatePerMinute %lld is above maximumPerMinute %lld",
                           (long long)p->base_per_minute, (long long)p->per_minute);
    RELEASE(rate_fields, &r);
    return rc;
}

static int failure_bits(const char *where, const char *text, bool rejected, struct sedge_err *err)
{
    static const char *const all[] = {"FAILED", "TIMED_OUT", "ALL", "REJECTED", NULL};
    static const char *const some[] = {"FAILED", "TIMED_OUT", "ALL", NULL};
    static const int bits[] = {SEDGE_FAIL_FAILED, SEDGE_FAIL_TIMED_OUT, SEDGE_FAIL_ALL, SEDGE_FAIL_REJECTED};
    sedge_auto_free char *at = sedge_xasprintf("%s.failureType", where);
    int i = sedge_policy_choice(at, text, rejected ? all : some, err);

    return i < 0 ? -1 : bits[i];
}

static int take_abort_rule(struct json_object *o, const char *where, struct sedge_policy *p, struct sedge_err *err)
{
    struct abort_rule a = {0};
    int rc = DECODE(o, where, abort_fields, &a), bits = 0;

    if (rc == 0 && strcmp(a.action, "CANCEL") != 0)
        rc = sedge_err_set(err, SEDGE_E_INVALID, "%s.action: \"%s\" is not CANCEL", where, a.action);
    if (rc == 0 && !decimals(a.percent, 100))
        rc = sedge_err_set(err, SEDGE_E_INVALID, "%s.thresholdPercentage: %g has more than two decimals", where,
                           a.percent);
    if (rc == 0 && (bits = failure_bits(where, a.type, true, err)) < 0) rc = -1;
    if (rc == 0) p->rules[p->n_rules++] = (struct sedge_abort_rule){bits, a.min, a.percent};
    RELEASE(abort_fields, &a);
    return rc;
}

static int take_retry_rule(struct json_object *o, const char *where, struct sedge_policy *p, struct sedge_err *err)
{
    struct retry_rule r = {0};
    int rc = DECODE(o, where, retry_fields, &r), bits = 0;

    if (rc == 0 && (bits = failure_bits(where, r.type, false, err)) < 0) rc = -1;
    if (rc == 0 && (bits & SEDGE_FAIL_FAILED)) p->retries_failed = r.n;
    if (rc == 0 && (bits & SEDGE_FAIL_TIMED_OUT)) p->retries_timed_out = r.n;
    RELEASE(retry_fields, &r);
    return rc;
}

static int take_list(struct json_object *o, const char *where, size_t max,
                     int (*take)(struct json_object *o, const char *where, struct sedge_policy *p,
                                 struct sedge_err *err),
                     struct sedge_policy *p, struct sedge_err *err)
{
    struct list l = {0};
    int rc = DECODE(o, where, list_fields, &l);
    size_t n = l.criteria ? json_object_array_length(l.criteria) : 0;

    if (rc == 0 && (n < 1 || n > max))
        rc = sedge_err_set(err, SEDGE_E_INVALID, "%s.criteriaList: expected 1 to %zu entries, got %zu", where, max, n);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        sedge_auto_free char *at = sedge_xasprintf("%s.criteriaList/%zu", where, i);
        struct json_object *one = json_object_array_get_idx(l.criteria, i);

        rc = json_object_is_type(one, json_type_object)
                 ? take(one, at, p, err)
                 : sedge_err_set(err, SEDGE_E_INVALID, "%s: expected an object", at);
    }
    RELEASE(list_fields, &l);
    return rc;
}

static int take_timeout(struct json_object *o, struct sedge_policy *p, struct sedge_err *err)
{
    struct timeout t = {0};

    if (DECODE(o, AT("timeoutConfig"), timeout_fields, &t) != 0) return -1;
    p->in_progress_minutes = t.minutes;
    return 0;
}

int sedge_policy_decode_job(struct json_object *job, struct sedge_policy *p, struct sedge_err *err)
{
    struct job j = {0};
    int rc = DECODE(job, J, job_fields, &j);

    if (rc == 0 && j.rate) rc = take_rate(j.rate, p, err);
    if (rc == 0 && j.abort) rc = take_list(j.abort, AT("abortConfig"), SEDGE_POLICY_RULES_MAX, take_abort_rule, p, err);
    if (rc == 0 && j.timeout) rc = take_timeout(j.timeout, p, err);
    if (rc == 0 && j.retry) rc = take_list(j.retry, AT("jobExecutionsRetryConfig"), 2, take_retry_rule, p, err);
    if (rc == 0 && j.schedule) rc = sedge_policy_decode_schedule(j.schedule, p, err);
    RELEASE(job_fields, &j);
    return rc;
}
