/* What a component may ask for beyond the original: pauses between attempts, RUNNING by report alone, a watchdog; and
 * periodic starts. One alarm serves all, because each belongs to a state of its own. */
#include "service.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

#define LAST_LOOK_MS 100

static void alarm_cb(void *arg);

static uint32_t random32(void)
{
    uint32_t r;

    sedge_random_bytes(&r, sizeof(r));
    return r;
}

static void set_alarm(struct service *s, int64_t ms)
{
    service_time(s, &s->alarm, alarm_cb, ms > 0 ? (uint64_t)ms : 0);
}

/* ---- settings ---- */

/* Said once, not with every deployment that brings the same settings. */
static void complain(struct service *s, const struct sedge_strv *warnings)
{
    char *all = warnings->n > 0 ? sedge_strv_join(warnings, "\n") : NULL;

    if (!sedge_str_eq(s->complaints, all)) {
        for (size_t i = 0; i < warnings->n; i++)
            service_note(s, SEDGE_WARN, "lifecycle-settings", "%s", warnings->v[i]);
    }
    free(s->complaints);
    s->complaints = all;
}

void care_configure(struct service *s, struct json_object *periodic)
{
    sedge_auto_strv struct sedge_strv warnings = {NULL, 0};

    sedge_lifecycle_extension(s->lifecycle, &s->extension, &warnings);
    sedge_periodic_read(periodic, &s->periodic, &warnings);
    complain(s, &warnings);
    s->lc.backoff = s->extension.backoff;
    if (!s->lc.backoff.on) care_forgive(s);
    care_moved(s);
}

/* ---- pauses ---- */

static int64_t pause_ms(const struct service *s)
{
    return s->retry_at > 0 ? s->retry_at - sedge_mono_ms() : 0;
}

int64_t care_pause_ms(const struct service *s)
{
    int64_t left = pause_ms(s);
    bool waits = s->lc.state == SEDGE_LC_NEW || s->lc.state == SEDGE_LC_INSTALLED;

    return waits && !s->lc.busy && left > 0 ? left : 0;
}

void care_wait(struct service *s)
{
    int64_t left = pause_ms(s);

    if (left > 0) set_alarm(s, left);
}

void care_forgive(struct service *s)
{
    bool paused = s->retry_at > 0;

    sedge_lc_forgive(&s->lc);
    memset(s->errors, 0, sizeof(s->errors));
    s->retry_at = 0;
    if (paused) service_dirty(s);
}

void care_failed(struct service *s)
{
    int64_t ms;

    if (!s->lc.backoff.on || s->lc.state == SEDGE_LC_BROKEN) return;
    memmove(s->errors + 1, s->errors, sizeof(s->errors) - sizeof(s->errors[0]));
    s->errors[0] = sedge_mono_ms();
    ms = sedge_backoff_pause_ms(&s->lc.backoff, s->lc.failures, random32());
    s->retry_at = s->errors[0] + ms;
    service_note(s, SEDGE_WARN, "back-off", "Error %d in a row: the component starts again in %.1f s", s->lc.failures,
                 (double)ms / 1000);
}

/* "Starts again in 12 s (attempt 4)." */
const char *care_reason(struct service *s)
{
    int64_t left = care_pause_ms(s);
    const char *reason = s->reason ? s->reason : "";

    if (left == 0) return reason;
    free(s->shown_reason);
    s->shown_reason = sedge_xasprintf("%s%sStarts again in %lld s (attempt %d).", reason, *reason ? " " : "",
                                      (long long)(left + 999) / 1000, s->lc.failures + 1);
    return s->shown_reason;
}

/* ---- the watchdog ---- */

bool care_alive(struct service *s)
{
    if (s->extension.watchdog_ms == 0) return false;
    s->alive = sedge_mono_ms();
    s->suspect = false;
    return true;
}

static void bite(struct service *s)
{
    char text[160];

    (void)snprintf(text, sizeof(text),
                   "The component gave no sign of life for %g s (watchdog): it is killed and started again.",
                   (double)s->extension.watchdog_ms / 1000);
    service_note(s, SEDGE_ERROR, "watchdog", "%s", text);
    service_event_reason(s, SEDGE_LC_EV_EXPIRED, SEDGE_STATUS_RUN_ERROR, text);
    service_kill(s, NULL);
}

/* What has arrived while the nucleus itself was held up is looked at first. */
static void watch(struct service *s)
{
    int64_t left;

    if (s->extension.watchdog_ms == 0) return;
    if (s->pause != SERVICE_NOT_PAUSED) (void)care_alive(s); /* what is frozen cannot give a sign of life */
    left = s->alive + s->extension.watchdog_ms - sedge_mono_ms();
    if (left <= 0 && s->suspect) {
        bite(s);
        return;
    }
    s->suspect = left <= 0;
    set_alarm(s, left > 0 ? left : LAST_LOOK_MS);
}

/* ---- the alarm ---- */

static void start_periodic(struct service *s)
{
    int64_t ms = sedge_periodic_delay_ms(&s->periodic, sedge_wall_ms(), random32());

    service_note(s, SEDGE_INFO, "periodic", "The component starts again in %.1f s", (double)ms / 1000);
    set_alarm(s, ms);
}

static void alarm_cb(void *arg)
{
    struct service *s = arg;

    if (s->lc.state == SEDGE_LC_RUNNING)
        watch(s);
    else if (s->lc.state == SEDGE_LC_FINISHED && !s->stopped)
        (void)sedge_lc_want_start(&s->lc);
    service_dirty(s);
}

void care_moved(struct service *s)
{
    if (s->closed) return;
    sedge_timer_stop(&s->alarm);
    s->suspect = false;
    s->alive = sedge_mono_ms();
    if (s->lc.state == SEDGE_LC_RUNNING) watch(s);
    if (s->lc.state == SEDGE_LC_FINISHED && s->periodic.interval_ms > 0 && !s->stopped && !s->lc.closed)
        start_periodic(s);
}
