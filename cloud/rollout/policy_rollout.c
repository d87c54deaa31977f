/* The rollout block: waves, gate and limits. */
#include <math.h>
#include <string.h>

#include "base/str.h"
#include "cloud/cloud.h"
#include "policy_internal.h"

#define MINUTES_MAX 525600 /* a year */

struct rollout {
    struct json_object *waves, *gate;
    char *canary_group, *salt, *supersede;
    int64_t max_in_progress, max_bytes, dormant_days, health_minutes;
    bool approval;
};
static const struct sedge_jfield rollout_fields[] = {
    {"waves", SEDGE_J_ARR, false, 0, 0, offsetof(struct rollout, waves)},
    {"canaryGroup", SEDGE_J_STR, false, 1, SEDGE_CLOUD_GROUP_MAX, offsetof(struct rollout, canary_group)},
    {"gate", SEDGE_J_OBJ, false, 0, 0, offsetof(struct rollout, gate)},
    {"maxInProgress", SEDGE_J_INT, false, 1, INT32_MAX, offsetof(struct rollout, max_in_progress)},
    {"maxBytesPerSecond", SEDGE_J_INT, false, 1, SEDGE_POLICY_BYTES_MAX, offsetof(struct rollout, max_bytes)},
    {"salt", SEDGE_J_STR, false, 1, 32, offsetof(struct rollout, salt)},
    {"supersede", SEDGE_J_STR, false, 1, 32, offsetof(struct rollout, supersede)},
    {"dormantDays", SEDGE_J_INT, false, 1, 3650, offsetof(struct rollout, dormant_days)},
    {"healthWindowMinutes", SEDGE_J_INT, false, 0, 10080, offsetof(struct rollout, health_minutes)},
    {"approval", SEDGE_J_BOOL, false, 0, 0, offsetof(struct rollout, approval)},
};

struct wave {
    double percent;
    int64_t min_things, soak;
};
static const struct sedge_jfield wave_fields[] = {
    {"percent", SEDGE_J_DOUBLE, true, 0, 100, offsetof(struct wave, percent)},
    {"minThings", SEDGE_J_INT, false, 1, INT32_MAX, offsetof(struct wave, min_things)},
    {"soakMinutes", SEDGE_J_INT, false, 0, MINUTES_MAX, offsetof(struct wave, soak)},
};

struct gate {
    double success, unfinished;
    int64_t min_finished;
    char *on_fail;
};
static const struct sedge_jfield gate_fields[] = {
    {"successPercentage", SEDGE_J_DOUBLE, false, 0, 100, offsetof(struct gate, success)},
    {"minFinished", SEDGE_J_INT, false, 1, INT32_MAX, offsetof(struct gate, min_finished)},
    {"maxUnfinishedPercentage", SEDGE_J_DOUBLE, false, 0, 100, offsetof(struct gate, unfinished)},
    {"onFail", SEDGE_J_STR, false, 1, 32, offsetof(struct gate, on_fail)},
};

static int take_wave(struct json_object *o, const char *where, struct sedge_policy *p, struct sedge_err *err)
{
    const struct sedge_wave *before = p->n_waves ? &p->waves[p->n_waves - 1] : NULL;
    struct wave w = {0};
    int64_t hundredths;

    if (!json_object_is_type(o, json_type_object))
        return sedge_err_set(err, SEDGE_E_INVALID, "%s: expected an object such as {\"percent\":10}", where);
    if (sedge_json_decode(o, where, wave_fields, SEDGE_ARRAY_LEN(wave_fields), 0, &w, err) != 0) return -1;
    hundredths = (int64_t)nearbyint(w.percent * 100);
    if (fabs(w.percent * 100 - (double)hundredths) > 1e-6 || hundredths == 0)
        return sedge_err_set(err, SEDGE_E_INVALID, "%s.percent: %g is not one of 0.01, 0.02, ... 100", where,
                             w.percent);
    if (before && !before->canary && hundredths <= before->hundredths)
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "%s.percent: %g is not above the wave before (%g): percentages add up, the last is 100",
                             where, w.percent, (double)before->hundredths / 100);
    p->waves[p->n_waves++] =
        (struct sedge_wave){.hundredths = hundredths, .min_things = w.min_things, .soak_minutes = w.soak};
    return 0;
}

static int take_waves(struct json_object *list, struct sedge_policy *p, struct sedge_err *err)
{
    size_t n = json_object_array_length(list);

    if (n < 1 || n > SEDGE_POLICY_WAVES_MAX)
        return sedge_err_set(err, SEDGE_E_INVALID, "rollout.waves: expected 1 to %d waves, got %zu",
                             SEDGE_POLICY_WAVES_MAX, n);
    for (size_t i = 0; i < n; i++) {
        sedge_auto_free char *where = sedge_xasprintf("rollout.waves/%zu", i);

        if (take_wave(json_object_array_get_idx(list, i), where, p, err) != 0) return -1;
    }
    if (p->waves[p->n_waves - 1].hundredths == 10000) return 0;
    return sedge_err_set(err, SEDGE_E_INVALID,
                         "rollout.waves/%zu.percent: the last wave must be 100, or the rest never gets the revision",
                         n - 1);
}

static int take_gate(struct json_object *o, struct sedge_policy *p, struct sedge_err *err)
{
    static const char *const names[] = {"PAUSE", "ABORT", "REVERT", NULL};
    struct gate g = {p->success_percent, p->unfinished_percent, p->min_finished, NULL};
    int rc = sedge_json_decode(o, "rollout.gate", gate_fields, SEDGE_ARRAY_LEN(gate_fields), 0, &g, err), i = 0;

    if (rc == 0 && g.on_fail && (i = sedge_policy_choice("rollout.gate.onFail", g.on_fail, names, err)) < 0) rc = -1;
    if (rc == 0) p->on_fail = (enum sedge_on_fail)i;
    p->success_percent = g.success;
    p->unfinished_percent = g.unfinished;
    p->min_finished = g.min_finished;
    sedge_json_release_fields(gate_fields, SEDGE_ARRAY_LEN(gate_fields), &g);
    return rc;
}

static int take_choices(struct rollout *r, struct sedge_policy *p, struct sedge_err *err)
{
    static const char *const salts[] = {"revision", "group", NULL};
    static const char *const ways[] = {"immediately", "waves", NULL};
    int salt = r->salt ? sedge_policy_choice("rollout.salt", r->salt, salts, err) : 0;
    int way = r->supersede ? sedge_policy_choice("rollout.supersede", r->supersede, ways, err) : p->n_waves > 1;

    if (salt < 0 || way < 0) return -1;
    p->salt_group = salt == 1;
    p->supersede_waves = way == 1;
    return 0;
}

static int take(struct rollout *r, struct sedge_policy *p, struct sedge_err *err)
{
    if (r->canary_group && sedge_cloud_check_name("group", r->canary_group, err) != 0)
        return sedge_err_wrap(err, "rollout.canaryGroup");
    p->n_waves = 0;
    if (r->canary_group) p->waves[p->n_waves++] = (struct sedge_wave){.canary = true};
    if (r->waves) {
        if (take_waves(r->waves, p, err) != 0) return -1;
    } else
        p->waves[p->n_waves++] = (struct sedge_wave){.hundredths = 10000};
    p->gated = r->gate || r->waves || r->canary_group;
    if (r->gate && take_gate(r->gate, p, err) != 0) return -1;
    p->canary_group = sedge_steal(&r->canary_group);
    p->max_in_progress = r->max_in_progress;
    p->max_bytes_per_second = r->max_bytes;
    p->dormant_days = r->dormant_days;
    p->health_minutes = r->health_minutes;
    p->approval = r->approval;
    return take_choices(r, p, err);
}

int sedge_policy_decode_rollout(struct json_object *rollout, struct sedge_policy *p, struct sedge_err *err)
{
    struct rollout r = {.dormant_days = p->dormant_days, .health_minutes = p->health_minutes};
    int rc = sedge_json_decode(rollout, "rollout", rollout_fields, SEDGE_ARRAY_LEN(rollout_fields), 0, &r, err);

    if (rc == 0) rc = take(&r, p, err);
    sedge_json_release_fields(rollout_fields, SEDGE_ARRAY_LEN(rollout_fields), &r);
    return rc;
}
