/* One component: its memory, and its state as others see it. */
#include "service.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "recipe/step.h"

#define WARNED_MAX 16 /* different warnings about the set-up of its scripts */

/* ---- memory ---- */

static void free_deps(struct service *s)
{
    sedge_strv_release(&s->dep_names);
    free(s->deps);
    s->deps = NULL;
    s->ndeps = 0;
}

static void destroy(struct service *s)
{
    struct sedge_supervisor *sup = s->sup;

    if (s->detached && !service_find(sup, s->name)) sedge_cgroups_remove(sup->cgroups, s->name);
    sedge_output_free(s->output);
    failure_forget(s);
    free_deps(s);
    json_object_put(s->lifecycle);
    json_object_put(s->setenv);
    service_forget_shutdown(s);
    free(s->complaints);
    free(s->bootstrap_err);
    free(s->thaw_err);
    free(s->shown_reason);
    free(s->name);
    free(s->version);
    free(s->run_user);
    free(s->fixed_user);
    free(s->owned);
    free(s->user);
    free(s->reason);
    sedge_strv_release(&s->warned);
    free(s);
    supervisor_unref(sup);
}

void service_keep_error(struct sedge_err **at, const struct sedge_err *err)
{
    free(*at);
    *at = NULL;
    if (err->code == SEDGE_OK) return;
    *at = SEDGE_NEW(struct sedge_err);
    **at = *err;
}

void service_unref(struct service *s)
{
    if (--s->refs == 0) destroy(s);
}

static void closed_cb(void *arg)
{
    service_unref(arg);
}

void service_time(struct service *s, struct sedge_timer *t, void (*fn)(void *service), uint64_t ms)
{
    if (!s->closed) sedge_timer_start(t, s->sup->loop, fn, s, ms);
}

void service_close(struct service *s)
{
    if (s->closed) return;
    service_end_pause(s);
    s->closed = true;
    sedge_timer_stop(&s->timer);
    sedge_timer_stop(&s->killer);
    sedge_timer_stop(&s->freezer);
    sedge_timer_stop(&s->alarm);
    sedge_timer_start(&s->last, s->sup->loop, closed_cb, s, 0); /* the caller still has it */
}

void service_assign(struct service *s, const struct sedge_service_spec *spec)
{
    struct json_object *lifecycle = json_object_get(spec->lifecycle), *env = json_object_get(spec->setenv);
    char *version = sedge_xstrdup(spec->version ? spec->version : ""), *user = sedge_xstrdup(spec->run_user);

    free_deps(s);
    s->deps = spec->ndeps ? sedge_xcalloc(spec->ndeps, sizeof(*s->deps)) : NULL;
    for (size_t i = 0; i < spec->ndeps; i++) {
        sedge_strv_add(&s->dep_names, spec->deps[i].name);
        s->deps[i] = (struct sedge_service_dep){s->dep_names.v[i], spec->deps[i].hard};
    }
    s->ndeps = spec->ndeps;
    json_object_put(s->lifecycle);
    json_object_put(s->setenv);
    free(s->version);
    free(s->run_user);
    s->lifecycle = lifecycle;
    s->setenv = env;
    s->version = version;
    s->run_user = user;
    s->limits = spec->limits;
    s->has_limits = spec->has_limits;
    s->lc.error_reset_ms = sedge_lifecycle_error_reset_s(lifecycle) * 1000;
    care_configure(s, spec->periodic);
}

void service_new_token(struct service *s)
{
    sedge_auto_buf struct sedge_buf hex = SEDGE_BUF_INIT;
    unsigned char bytes[SERVICE_TOKEN_LEN / 2];

    sedge_random_bytes(bytes, sizeof(bytes));
    sedge_hex_encode(&hex, bytes, sizeof(bytes));
    memcpy(s->token, hex.data, SERVICE_TOKEN_LEN);
}

struct service *service_new(struct sedge_supervisor *sup, const struct sedge_service_spec *spec)
{
    struct service *s = SEDGE_NEW(struct service);

    s->sup = sup;
    sup->refs++;
    s->name = sedge_xstrdup(spec->name);
    sedge_lc_init(&s->lc);
    s->since = sedge_mono_ms();
    s->output = sedge_output_new(s->name, &sup->log, sup->logs);
    s->refs = 1; /* until it is closed */
    service_assign(s, spec);
    service_new_token(s);
    return s;
}

struct sedge_limits service_limits(const struct service *s)
{
    return s->has_limits ? s->limits : s->sup->default_limits;
}

void service_note(struct service *s, enum sedge_level level, const char *event, const char *fmt, ...)
{
    sedge_auto_free char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0) text = NULL;
    va_end(ap);
    if (text) sedge_output_note(s->output, level, event, text, NULL);
}

void service_warn_once(struct service *s, const char *text)
{
    if (s->warned.n >= WARNED_MAX || sedge_strv_has(&s->warned, text)) return;
    sedge_strv_add(&s->warned, text);
    service_note(s, SEDGE_WARN, "script-set-up", "%s", text);
}

void service_warn_limits(struct service *s, const char *why)
{
    sedge_auto_free char *text = sedge_xasprintf(SEDGE_LIMITS_WARNING, why);

    service_warn_once(s, text);
}

/* ---- state ---- */

void service_dirty(struct service *s)
{
    s->dirty = true;
    supervisor_wake(s->sup);
}

static void set_reason(struct service *s, const char *reason, const char *detail)
{
    free(s->reason);
    s->reason = NULL;
    if (s->lc.code != SEDGE_STATUS_NONE)
        s->reason = sedge_xasprintf("%s%s%s", reason, detail ? " " : "", detail ? detail : "");
}

void service_remove_groups(struct service *s)
{
    sedge_cgroups_remove(s->sup->cgroups, s->name);
    s->oom_kills = 0; /* counted by the group */
}

void service_moved(struct service *s, enum sedge_lc_state old)
{
    service_retime(s);
    if (s->lc.state != SEDGE_LC_RUNNING) service_end_pause(s);
    if (s->lc.state == SEDGE_LC_FINISHED && !s->scripts) service_remove_groups(s);
    s->after_kill = NULL; /* whoever waited for the end of the processes has been overtaken */
    s->since = sedge_mono_ms();
    s->broken_since = s->lc.state == SEDGE_LC_BROKEN ? s->since : 0;
    if (s->lc.code == SEDGE_STATUS_NONE) set_reason(s, "", NULL);
    care_moved(s);
    sedge_output_state(s->output, sedge_lc_name(s->lc.state));
    failure_note(s, old);
    supervisor_moved(s, old);
}

static bool counts(enum sedge_lc_state state)
{
    return state == SEDGE_LC_NEW || state == SEDGE_LC_STARTING || state == SEDGE_LC_RUNNING;
}

/* `reason` and `detail` (either may be NULL): in place of the text of the code, and behind it. */
static void happen(struct service *s, enum sedge_lc_event event, enum sedge_status_code code, const char *reason,
                   const char *detail)
{
    enum sedge_lc_state old = s->lc.state;

    if (sedge_lc_event(&s->lc, event, sedge_mono_ms(), code)) {
        set_reason(s, reason ? reason : sedge_status_text(s->lc.code), detail);
        if (counts(old) && (s->lc.state == SEDGE_LC_ERRORED || s->lc.state == SEDGE_LC_BROKEN)) care_failed(s);
        service_moved(s, old);
    }
    service_dirty(s);
}

void service_event(struct service *s, enum sedge_lc_event event, enum sedge_status_code code)
{
    happen(s, event, code, NULL, NULL);
}

void service_event_detail(struct service *s, enum sedge_lc_event event, enum sedge_status_code code, const char *detail)
{
    happen(s, event, code, NULL, detail);
}

void service_event_reason(struct service *s, enum sedge_lc_event event, enum sedge_status_code code, const char *reason)
{
    happen(s, event, code, reason, NULL);
}
