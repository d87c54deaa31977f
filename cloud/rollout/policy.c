#include "policy.h"

#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "policy_internal.h"

int sedge_policy_choice(const char *where, const char *text, const char *const *names, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf all = SEDGE_BUF_INIT;

    for (int i = 0; names[i]; i++) {
        if (strcmp(text, names[i]) == 0) return i;
        sedge_buf_printf(&all, "%s%s", i ? ", " : "", names[i]);
    }
    return sedge_err_set(err, SEDGE_E_INVALID, "%s: \"%s\" is none of %s", where, text, all.data);
}

static void set_defaults(struct sedge_policy *p)
{
    *p = (struct sedge_policy){
        .per_minute = SEDGE_POLICY_RATE_DEFAULT,
        .waves = {{.hundredths = 10000}},
        .n_waves = 1,
        .success_percent = SEDGE_POLICY_SUCCESS_PERCENT,
        .unfinished_percent = SEDGE_POLICY_UNFINISHED,
        .min_finished = SEDGE_POLICY_MIN_FINISHED,
        .dormant_days = SEDGE_POLICY_DORMANT_DAYS,
        .health_minutes = SEDGE_POLICY_HEALTH_MINUTES,
    };
}

int sedge_policy_decode(struct json_object *job, struct json_object *rollout, struct sedge_policy *out,
                        struct sedge_err *err)
{
    set_defaults(out);
    if (job && sedge_policy_decode_job(job, out, err) != 0) return -1;
    return rollout ? sedge_policy_decode_rollout(rollout, out, err) : 0;
}

int sedge_policy_load(const char *text, struct sedge_policy *out, struct sedge_err *err)
{
    sedge_auto_put struct json_object *o = NULL;

    set_defaults(out);
    o = sedge_json_parse_object(text, strlen(text), "stored policy", err);
    if (!o ||
        sedge_policy_decode(sedge_json_obj(o, "iotJobConfiguration"), sedge_json_obj(o, "rollout"), out, err) != 0)
        return -1;
    out->in_progress_minutes = sedge_json_i64(o, "inProgressTimeoutInMinutes", out->in_progress_minutes);
    return 0;
}

void sedge_policy_release(struct sedge_policy *p)
{
    free(p->canary_group);
    p->canary_group = NULL;
}

char *sedge_policy_text(struct json_object *job, struct json_object *rollout, int64_t minutes)
{
    sedge_auto_put struct json_object *o = json_object_new_object();

    sedge_json_add_i64(o, "inProgressTimeoutInMinutes", minutes);
    if (job) (void)json_object_object_add(o, "iotJobConfiguration", json_object_get(job));
    if (rollout) (void)json_object_object_add(o, "rollout", json_object_get(rollout));
    return sedge_xstrdup(sedge_json_text(o));
}
