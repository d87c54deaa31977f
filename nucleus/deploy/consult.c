#include "consult.h"

#include "base/log.h"
#include "base/mem.h"

#include <string.h>

static void begin_round(struct sedge_run *run);

/* ---- both questions ---- */

void sedge_consultation_end(struct sedge_run *run)
{
    struct sedge_consultation *c = &run->consultation;

    c->question = SEDGE_ASK_NOTHING;
    (void)json_object_put(c->unanswered);
    (void)json_object_put(c->rejected);
    c->unanswered = c->rejected = NULL;
    free(c->pause_for);
    c->pause_for = NULL;
    c->pause_ms = 0;
}

struct sedge_run *sedge_consultation_of(struct sedge_deployer *d, enum sedge_question question, const char *component,
                                        const char *deployment_id)
{
    struct sedge_run *run = d->run;

    if (!run || run->consultation.question != question || strcmp(run->entry->deployment_id, deployment_id) != 0)
        return NULL;
    return sedge_json_has(run->consultation.unanswered, component) ? run : NULL;
}

void sedge_consultation_answered(struct sedge_run *run, const char *component, void (*then)(struct sedge_run *run))
{
    json_object_object_del(run->consultation.unanswered, component);
    if (json_object_object_length(run->consultation.unanswered) == 0 && !run->entry->cancel)
        sedge_run_after(run, 0, then);
}

char *sedge_consultation_text(const char *message)
{
    size_t n = message ? strlen(message) : 0;

    if (n > SEDGE_DEPLOY_MESSAGE_MAX) n = sedge_utf8_prefix(message, SEDGE_DEPLOY_MESSAGE_MAX);
    return sedge_xstrndup(message ? message : "", n);
}

char *sedge_consultation_names(struct json_object *o)
{
    sedge_auto_strv struct sedge_strv names = {NULL, 0};

    json_object_object_foreach (o, name, value) {
        (void)value;
        sedge_strv_add(&names, name);
    }
    return sedge_strv_join(&names, ", ");
}

/* ---- a round of the update ---- */

static bool is_listed(struct json_object *list, const char *name)
{
    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        if (sedge_str_eq(json_object_get_string(json_object_array_get_idx(list, i)), name)) return true;
    return false;
}

static void add_name(struct json_object *list, const char *name)
{
    if (!is_listed(list, name)) (void)json_object_array_add(list, json_object_new_string(name));
}

static void add_listeners(struct sedge_run *run, struct json_object *list)
{
    sedge_auto_strv struct sedge_strv names = {NULL, 0};

    run->d->ops.listeners(run->d->env, &names);
    for (size_t i = 0; i < names.n; i++)
        add_name(list, names.v[i]);
}

static bool may_listen_again(struct sedge_run *run, const char *component)
{
    struct sedge_service_info info;

    return sedge_supervisor_get(run->d->o.supervisor, component, &info, NULL) == 0 && info.state != SEDGE_LC_BROKEN &&
           info.state != SEDGE_LC_FINISHED;
}

/* Told in an earlier life of the nucleus: they have been started anew, and may not have come to listening yet. */
static void add_earlier(struct sedge_run *run, struct json_object *list)
{
    struct json_object *earlier = run->entry->asked;

    for (size_t i = 0; earlier && i < json_object_array_length(earlier); i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(earlier, i));
        if (name && may_listen_again(run, name)) add_name(list, name);
    }
}

static struct sedge_update_event event_of(const struct sedge_run *run)
{
    return (struct sedge_update_event){run->entry->deployment_id, run->restarts};
}

static void show(struct sedge_run *run)
{
    sedge_auto_free char *names = sedge_consultation_names(run->consultation.unanswered);
    sedge_auto_free char *text = sedge_xasprintf("for the answer of %s", names);

    if (!sedge_str_eq(run->phase_text, "WAITING")) sedge_run_phase(run, "NOTIFYING", text);
}

static void round_over(struct sedge_run *run)
{
    struct sedge_consultation *c = &run->consultation;
    sedge_auto_free char *silent = sedge_consultation_names(c->unanswered);
    sedge_auto_free char *why = sedge_steal(&c->pause_for);
    int64_t pause_ms = c->pause_ms;

    sedge_consultation_end(run);
    if (run->entry->cancel || sedge_run_is_over(run)) {
        sedge_run_fail_early(run);
        return;
    }
    if (*silent) sedge_log(SEDGE_WARN, "deploy", "update-unanswered", "id=%s components=%s", run->entry->id, silent);
    if (pause_ms <= 0) {
        sedge_run_validate(run);
        return;
    }
    sedge_run_phase(run, "WAITING", why);
    sedge_run_after(run, pause_ms, begin_round);
}

static void tell(struct sedge_run *run)
{
    struct sedge_consultation *c = &run->consultation;
    struct sedge_update_event event = event_of(run);
    struct json_object *asked = run->entry->asked;

    add_listeners(run, asked); /* some may have come meanwhile */
    sedge_consultation_end(run);
    c->question = SEDGE_ASK_UPDATE;
    c->unanswered = json_object_new_object();
    for (size_t i = 0; i < json_object_array_length(asked); i++)
        (void)json_object_object_add(c->unanswered, json_object_get_string(json_object_array_get_idx(asked, i)), NULL);
    run->d->ops.pre_update(run->d->env, &event);
    show(run);
    sedge_run_after(run, run->doc.notify_timeout_s * 1000, round_over);
}

static void kept_cb(struct sedge_run *run, const struct sedge_err *err)
{
    (void)err; /* logged by the journal; the question does not depend on it */
    if (sedge_run_is_over(run))
        sedge_run_abandon(run);
    else if (run->entry->cancel)
        sedge_run_fail_early(run);
    else
        tell(run);
}

static void begin_round(struct sedge_run *run)
{
    struct sedge_entry *e = run->entry;
    struct json_object *list = json_object_new_array();
    bool first = e->attempts > 0;
    bool same;

    add_listeners(run, list);
    if (first) add_earlier(run, list);
    same = json_object_equal(list, e->asked);
    (void)json_object_put(e->asked);
    e->asked = list;
    if (json_object_array_length(list) == 0) {
        sedge_run_validate(run);
    } else if (first || !same) {
        e->attempts = 0; /* components may defer it over any number of starts */
        sedge_journal_save(run, kept_cb);
    } else {
        tell(run);
    }
}

void sedge_run_consult(struct sedge_run *run)
{
    if (run->entry->cancel || sedge_run_is_over(run))
        sedge_run_fail_early(run);
    else if (run->doc.notify && run->d->ops.listeners)
        begin_round(run);
    else
        sedge_run_validate(run);
}

/* ---- answers ---- */

int sedge_deployer_answer_update(struct sedge_deployer *d, const char *component, const char *deployment_id,
                                 int64_t pause_ms, const char *message, struct sedge_err *err)
{
    struct sedge_run *run = sedge_consultation_of(d, SEDGE_ASK_UPDATE, component, deployment_id);
    sedge_auto_free char *text = sedge_consultation_text(message);
    struct sedge_consultation *c;

    if (!run) return sedge_err_set(err, SEDGE_E_NOT_FOUND, "Time limit to respond to PreComponentUpdateEvent exceeded");
    c = &run->consultation;
    sedge_log(SEDGE_INFO, "deploy", "update-answer", "id=%s component=%s pauseMs=%lld %s", run->entry->id, component,
              (long long)pause_ms, text);
    if (pause_ms > c->pause_ms) {
        c->pause_ms = pause_ms;
        free(c->pause_for);
        c->pause_for = sedge_xasprintf("%s defers the update%s%s", component, *text ? ": " : "", text);
    }
    sedge_consultation_answered(run, component, round_over);
    return 0;
}

bool sedge_deployer_join_update(struct sedge_deployer *d, const char *component, struct sedge_update_event *out)
{
    struct sedge_run *run = d->run;

    if (!run || run->consultation.question != SEDGE_ASK_UPDATE) return false;
    if (!is_listed(run->entry->asked, component)) {
        add_name(run->entry->asked, component);
        (void)json_object_object_add(run->consultation.unanswered, component, NULL);
    } else if (!sedge_json_has(run->consultation.unanswered, component)) {
        return false; /* has answered */
    }
    *out = event_of(run);
    return true;
}
