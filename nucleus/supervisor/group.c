/*
 * What is done to all processes of a component at once: limits that change while it runs, pause and resume.
 *
 * Work items move the component's whole tree into its control groups, until a look at /proc finds nobody outside: what
 * is born meanwhile is born inside. Then the freezer is asked, and the loop looks every few milliseconds whether it is
 * done. One work item for a component at a time, so that the older of two limits cannot win.
 */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "service.h"

#define PASSES_MAX    16 /* looks at /proc; a fork bomb can outrun any number */
#define MONITORS_MAX  16
#define LOOK_MS       5
#define LOOKS_PER_TRY 10
#define THAW_TRIES    3
#define THAW_TRY_MS   500

struct gather {
    uv_work_t work;
    struct service *s;
    char *component;
    pid_t monitors[MONITORS_MAX];
    size_t n;
    bool limit, freeze;
    struct sedge_limits limits;
    int limited, frozen; /* 0 or -1 */
    struct sedge_err limit_err, freeze_err;
};

struct pause_waiter {
    struct pause_waiter *next;
    sedge_supervisor_done done;
    void *arg;
};

static void begin(struct service *s);

/* ---- what the configuration says ---- */

static double number_of(struct json_object *limits, const char *key, double max)
{
    struct json_object *v = sedge_json_get(limits, key);
    double d = v && (json_object_is_type(v, json_type_string) || json_object_is_type(v, json_type_int) ||
                     json_object_is_type(v, json_type_double))
                   ? json_object_get_double(v)
                   : 0;

    if (!(d > 0)) return 0; /* NaN too */
    return d < max ? d : max;
}

struct sedge_limits sedge_limits_read(struct json_object *limits)
{
    return (struct sedge_limits){
        .memory_kb = (int64_t)number_of(limits, "memory", (double)SEDGE_LIMIT_MEMORY_KB_MAX),
        .cpus = number_of(limits, "cpus", SEDGE_LIMIT_CPUS_MAX),
    };
}

/* ---- in the worker ---- */

static int enter_tree(struct sedge_cgroups *c, const struct gather *g, struct sedge_err *err)
{
    int moved = 0;

    for (size_t i = 0; i < g->n && moved >= 0; i++) {
        struct sedge_proc_table t;
        sedge_auto_free pid_t *pids = NULL;
        int n = 0;
        sedge_proc_table_read(&t);
        sedge_proc_table_keep_below(&t, g->monitors[i]);
        pids = sedge_xcalloc(t.n + 1, sizeof(*pids));
        for (size_t k = 0; k < t.n; k++)
            if (t.v[k].state != 'Z') pids[n++] = t.v[k].pid;
        n = sedge_cgroups_enter(c, g->component, pids, (size_t)n, err);
        moved = n < 0 ? -1 : moved + n;
        sedge_proc_table_release(&t);
    }
    return moved;
}

static void gather_cb(uv_work_t *w)
{
    struct gather *g = w->data;
    struct sedge_cgroups *c = g->s->sup->cgroups;
    sedge_auto_strv struct sedge_strv dirs = {NULL, 0};
    struct sedge_err err = SEDGE_ERR_INIT;
    int moved = 1;

    if (g->limit) g->limited = sedge_cgroups_limit(c, g->component, g->limits.memory_kb, g->limits.cpus, &g->limit_err);
    if (g->freeze) g->frozen = sedge_cgroups_make(c, g->component, false, &dirs, &g->freeze_err);
    for (int i = 0; i < PASSES_MAX && moved > 0; i++)
        moved = enter_tree(c, g, &err);
    if (moved < 0 && g->limit && g->limited == 0) g->limit_err = err;
    if (moved < 0 && g->limit) g->limited = -1;
    if (moved < 0 && g->freeze && g->frozen == 0) g->freeze_err = err;
    if (moved < 0 && g->freeze) g->frozen = -1;
    if (g->freeze && g->frozen == 0) g->frozen = sedge_cgroups_freeze(c, g->component, true, &g->freeze_err);
}

/* ---- pause: the states between ---- */

static void answer(struct service *s, const struct sedge_err *err)
{
    struct pause_waiter *next, *w = s->pause_waiters;

    s->pause_waiters = NULL;
    for (; w; w = next) {
        next = w->next;
        w->done(w->arg, err);
        free(w);
    }
}

static void look_cb(void *arg);

static void look_again(struct service *s, uint64_t ms)
{
    service_time(s, &s->freezer, look_cb, ms);
}

static void thaw(struct service *s, struct sedge_err *err)
{
    if (sedge_cgroups_freeze(s->sup->cgroups, s->name, false, err) != 0 && s->pause != SERVICE_THAWING)
        service_note(s, SEDGE_ERROR, "resume", "The component could not be resumed before its end: %s", err->msg);
}

static void not_frozen(struct service *s, const struct sedge_err *why)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    s->pause = SERVICE_NOT_PAUSED;
    if (why->code != SEDGE_E_UNSUPPORTED) thaw(s, &err); /* some of its processes may be frozen */
    answer(s, why);
}

static void look_whether_frozen(struct service *s)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    if (sedge_cgroups_is_frozen(s->sup->cgroups, s->name)) {
        s->pause = SERVICE_PAUSED;
        service_note(s, SEDGE_INFO, "paused", "The component is paused");
        answer(s, &err);
    } else if (sedge_mono_ms() > s->pause_until) {
        (void)sedge_err_set(&err, SEDGE_E_TIMEOUT, "not all of its processes could be frozen within %d ms",
                            SEDGE_FREEZE_TIMEOUT_MS);
        not_frozen(s, &err);
    } else {
        if (++s->looks % LOOKS_PER_TRY == 0) sedge_cgroups_freeze_again(s->sup->cgroups, s->name);
        look_again(s, LOOK_MS);
    }
}

/* The last try has failed: what the component does now nobody knows, so it starts anew. */
static void give_up_thawing(struct service *s)
{
    struct sedge_err err = s->thaw_err ? *s->thaw_err : SEDGE_ERR_INIT;

    if (err.code == SEDGE_OK)
        (void)sedge_err_set(&err, SEDGE_E_TIMEOUT, "its processes are still frozen after %d tries", THAW_TRIES);
    service_note(s, SEDGE_ERROR, "resume", "The component could not be resumed and is restarted: %s", err.msg);
    s->pause = SERVICE_NOT_PAUSED;
    if (sedge_lc_want_restart(&s->lc) > 0) service_dirty(s);
    answer(s, &err);
}

static void try_to_thaw(struct service *s)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    s->pause_until = sedge_mono_ms() + THAW_TRY_MS;
    s->thaw_tries++;
    thaw(s, &err);
    service_keep_error(&s->thaw_err, &err);
    look_again(s, LOOK_MS);
}

static void look_whether_thawed(struct service *s)
{
    struct sedge_err ok = SEDGE_ERR_INIT;

    if (!s->thaw_err && !sedge_cgroups_is_frozen(s->sup->cgroups, s->name)) {
        s->pause = SERVICE_NOT_PAUSED;
        (void)care_alive(s); /* a watchdog's time begins anew */
        service_note(s, SEDGE_INFO, "resumed", "The component is resumed");
        answer(s, &ok);
    } else if (!s->thaw_err && sedge_mono_ms() <= s->pause_until) {
        look_again(s, LOOK_MS);
    } else if (s->thaw_tries < THAW_TRIES) {
        try_to_thaw(s);
    } else {
        give_up_thawing(s);
    }
}

static void look_cb(void *arg)
{
    struct service *s = arg;
    struct sedge_err ok = SEDGE_ERR_INIT;

    switch (s->pause) {
    case SERVICE_FREEZING:
        look_whether_frozen(s);
        break;
    case SERVICE_THAWING:
        look_whether_thawed(s);
        break;
    case SERVICE_PAUSED: /* was so already */
    case SERVICE_NOT_PAUSED:
        answer(s, &ok);
        break;
    }
}

void service_end_pause(struct service *s)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    if (s->pause == SERVICE_NOT_PAUSED) return;
    sedge_timer_stop(&s->freezer);
    s->pause = SERVICE_NOT_PAUSED;
    thaw(s, &err);
    err = SEDGE_ERR_INIT;
    (void)sedge_err_set(&err, SEDGE_E_CANCELED, "it is being stopped");
    answer(s, &err);
}

/* ---- the work item ---- */

static void has_frozen(struct service *s, const struct gather *g)
{
    struct sedge_err err = SEDGE_ERR_INIT;

    if (s->pause != SERVICE_FREEZING) {
        if (g->frozen == 0) thaw(s, &err); /* it was stopped in between */
        return;
    }
    if (g->frozen != 0) {
        not_frozen(s, &g->freeze_err);
        return;
    }
    s->pause_until = sedge_mono_ms() + SEDGE_FREEZE_TIMEOUT_MS;
    s->looks = 0;
    look_whether_frozen(s);
}

static void gathered_cb(uv_work_t *w, int status)
{
    struct gather *g = w->data;
    struct service *s = g->s;

    s->gathering = false;
    if (status == 0 && g->limit && g->limited != 0) service_warn_limits(s, g->limit_err.msg);
    if (status == 0 && g->freeze) has_frozen(s, g);
    if (!s->closed && (s->limits_due || s->freeze_due)) begin(s);
    free(g->component);
    free(g);
    service_unref(s);
}

static void begin(struct service *s)
{
    struct gather *g = SEDGE_NEW(struct gather);

    s->gathering = true;
    g->work.data = g;
    g->s = s;
    g->component = sedge_xstrdup(s->name);
    g->limit = s->limits_due;
    g->freeze = s->freeze_due && s->pause == SERVICE_FREEZING;
    g->limits = service_limits(s);
    s->limits_due = false;
    s->freeze_due = false;
    for (const struct script *sc = s->scripts; sc && g->n < MONITORS_MAX; sc = sc->next) {
        pid_t pid = sedge_process_monitor(sc->process);
        if (pid > 0) g->monitors[g->n++] = pid;
    }
    s->refs++;
    (void)uv_queue_work(s->sup->loop, &g->work, gather_cb, gathered_cb);
}

void service_apply_limits(struct service *s)
{
    if (s->builtin || s->closed || !s->scripts) return; /* the next launch sets them */
    s->limited = true;
    s->limits_due = true;
    if (!s->gathering) begin(s);
}

/* ---- requests ---- */

static void wait_for(struct service *s, sedge_supervisor_done done, void *arg)
{
    struct pause_waiter *w = SEDGE_NEW(struct pause_waiter);

    *w = (struct pause_waiter){s->pause_waiters, done, arg};
    s->pause_waiters = w;
}

int sedge_supervisor_pause(struct sedge_supervisor *sup, const char *name, sedge_supervisor_done done, void *arg,
                           struct sedge_err *err)
{
    struct service *s = supervisor_find_generic(sup, name, err);

    if (!s) return -1;
    if (s->lc.state != SEDGE_LC_RUNNING || s->closed)
        return sedge_err_set(err, SEDGE_E_CONFLICT, "Component %s is not running", name);
    if (s->pause == SERVICE_THAWING)
        return sedge_err_set(err, SEDGE_E_UNAVAILABLE, "Component %s is being resumed: try again", name);
    wait_for(s, done, arg);
    if (s->pause == SERVICE_PAUSED) look_again(s, 0);
    if (s->pause != SERVICE_NOT_PAUSED) return 0;
    s->pause = SERVICE_FREEZING;
    s->freeze_due = true;
    if (!s->gathering) begin(s);
    return 0;
}

int sedge_supervisor_resume(struct sedge_supervisor *sup, const char *name, sedge_supervisor_done done, void *arg,
                            struct sedge_err *err)
{
    struct service *s = supervisor_find_generic(sup, name, err);

    if (!s) return -1;
    if (s->pause != SERVICE_PAUSED && s->pause != SERVICE_THAWING)
        return sedge_err_set(err, SEDGE_E_CONFLICT, "Component %s is not paused", name);
    wait_for(s, done, arg);
    if (s->pause == SERVICE_THAWING) return 0;
    s->pause = SERVICE_THAWING;
    s->thaw_tries = 0;
    try_to_thaw(s);
    return 0;
}
