/* New configurations are put to the components' validators (spec/deployment.md 14). */
#include "consult.h"

#include "base/log.h"
#include "base/mem.h"
#include "config/resolve.h"

#include <string.h>

static struct json_object *without_private(struct json_object *v)
{
    struct json_object *out;

    if (!json_object_is_type(v, json_type_object)) return json_object_get(v);
    out = json_object_new_object();
    json_object_object_foreach (v, key, value) {
        if (key[0] != '_') (void)json_object_object_add(out, key, without_private(value));
    }
    return out;
}

/* The configuration that the component will have, as clients see it; NULL when nothing changes, or its version does. */
static struct json_object *changed(struct sedge_run *run, const char *component, struct json_object *service)
{
    struct sedge_path path = SEDGE_PATH("services", component, "configuration");
    struct json_object *planned = sedge_json_obj(service, "configuration");
    const char *version = sedge_json_str(run->active, component, NULL);
    sedge_auto_put struct json_object *now = NULL, *stamped = NULL, *next = NULL;

    if (!planned || !version || !sedge_str_eq(version, sedge_json_str(service, "version", NULL))) return NULL;
    (void)sedge_config_get(run->d->o.config, path, 0, &now);
    (void)sedge_config_get(run->d->o.config, path, SEDGE_CONFIG_STAMPED, &stamped);
    next = sedge_config_resolve_written(stamped, planned, run->deploy_ts);
    return json_object_equal(now, next) ? NULL : without_private(next);
}

/* ---- the end ---- */

static void blame(struct sedge_run *run)
{
    struct sedge_consultation *c = &run->consultation;
    sedge_auto_buf struct sedge_buf why = SEDGE_BUF_INIT;
    sedge_auto_free char *silent = sedge_consultation_names(c->unanswered);

    json_object_object_foreach (c->rejected, component, message) {
        const char *text = json_object_get_string(message);
        sedge_buf_printf(&why, "%sComponent %s rejects its new configuration%s%s", why.len ? ". " : "", component,
                         *text ? ": " : "", text);
    }
    if (*silent)
        sedge_buf_printf(&why, "%sNo answer within %lld s to whether the new configuration is valid: %s",
                         why.len ? ". " : "", (long long)run->doc.validation_timeout_s, silent);
    sedge_failure_add(&run->failure, "COMPONENT_CONFIGURATION_NOT_VALID");
    sedge_failure_cause(&run->failure, "%s", why.data);
}

static void judged(struct sedge_run *run)
{
    struct sedge_consultation *c = &run->consultation;
    bool all = json_object_object_length(c->unanswered) == 0 && json_object_object_length(c->rejected) == 0;

    if (!all && !run->entry->cancel && !sedge_run_is_over(run)) blame(run);
    sedge_consultation_end(run);
    if (all)
        sedge_run_apply(run);
    else
        sedge_run_fail_early(run);
}

/* ---- the question ---- */

static void ask(struct sedge_run *run, const char *component, struct json_object *service)
{
    struct json_object *configuration = changed(run, component, service);

    if (configuration && run->d->ops.validate(run->d->env, component, run->entry->deployment_id, configuration)) {
        sedge_log(SEDGE_INFO, "deploy", "validation-asked", "id=%s component=%s", run->entry->id, component);
        (void)json_object_object_add(run->consultation.unanswered, component, configuration);
    } else {
        (void)json_object_put(configuration);
    }
}

void sedge_run_validate(struct sedge_run *run)
{
    struct sedge_consultation *c = &run->consultation;
    sedge_auto_free char *names = NULL, *text = NULL;

    if (run->entry->cancel || sedge_run_is_over(run) || sedge_run_replan(run) != 0) {
        sedge_run_fail_early(run);
        return;
    }
    sedge_consultation_end(run);
    c->question = SEDGE_ASK_CONFIGURATION;
    c->unanswered = json_object_new_object();
    c->rejected = json_object_new_object();
    json_object_object_foreach (run->services, component, service) {
        if (run->d->ops.validate) ask(run, component, service);
    }
    if (json_object_object_length(c->unanswered) == 0) {
        judged(run);
        return;
    }
    names = sedge_consultation_names(c->unanswered);
    text = sedge_xasprintf("for the answer of %s", names);
    sedge_run_phase(run, "VALIDATING", text);
    sedge_run_after(run, run->doc.validation_timeout_s * 1000, judged);
}

/* ---- answers ---- */

int sedge_deployer_answer_validation(struct sedge_deployer *d, const char *component, const char *deployment_id,
                                     bool accepted, const char *message, struct sedge_err *err)
{
    struct sedge_run *run = sedge_consultation_of(d, SEDGE_ASK_CONFIGURATION, component, deployment_id);
    sedge_auto_free char *text = sedge_consultation_text(message);

    if (!run) return sedge_err_set(err, SEDGE_E_NOT_FOUND, "Validation request either timed out or was never made");
    sedge_log(SEDGE_INFO, "deploy", "validation-answer", "id=%s component=%s %s %s", run->entry->id, component,
              accepted ? "ACCEPTED" : "REJECTED", text);
    if (!accepted) (void)json_object_object_add(run->consultation.rejected, component, json_object_new_string(text));
    sedge_consultation_answered(run, component, judged);
    return 0;
}

struct json_object *sedge_deployer_unjudged(struct sedge_deployer *d, const char *component, const char **deployment_id)
{
    struct sedge_run *run = d->run;

    if (!run || run->consultation.question != SEDGE_ASK_CONFIGURATION) return NULL;
    *deployment_id = run->entry->deployment_id;
    return sedge_json_obj(run->consultation.unanswered, component);
}
