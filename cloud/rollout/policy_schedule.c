/* schedulingConfig: begin, end and maintenance windows; all times are UTC. */
#include <string.h>
#include <time.h>

#include "base/str.h"
#include "policy_internal.h"

#define AT(name)           "iotJobConfiguration.schedulingConfig" name
#define WINDOW_MINUTES_MAX 1430

struct schedule {
    char *start, *end, *behavior;
    struct json_object *windows;
};
static const struct sedge_jfield schedule_fields[] = {
    {"startTime", SEDGE_J_STR, false, 1, 64, offsetof(struct schedule, start)},
    {"endTime", SEDGE_J_STR, false, 1, 64, offsetof(struct schedule, end)},
    {"endBehavior", SEDGE_J_STR, false, 1, 32, offsetof(struct schedule, behavior)},
    {"maintenanceWindows", SEDGE_J_ARR, false, 0, 0, offsetof(struct schedule, windows)},
};

struct window {
    char *start;
    int64_t minutes;
};
static const struct sedge_jfield window_fields[] = {
    {"startTime", SEDGE_J_STR, true, 1, 256, offsetof(struct window, start)},
    {"durationInMinutes", SEDGE_J_INT, true, 1, WINDOW_MINUTES_MAX, offsetof(struct window, minutes)},
};

static int parse_time(const char *where, const char *text, int64_t *out, struct sedge_err *err)
{
    static const char *const forms[] = {"%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S"};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(forms); i++) {
        struct tm tm = {0};
        const char *end = strptime(text, forms[i], &tm);

        if (!end || (*end && strcmp(end, "Z") != 0)) continue;
        *out = (int64_t)timegm(&tm);
        return 0;
    }
    return sedge_err_set(err, SEDGE_E_INVALID, "%s: \"%s\": expected a time in UTC such as \"2026-03-01 22:30\"", where,
                         text);
}

static int cron_value(const char *text, const char *const *names, int64_t min, int64_t max, int64_t *out,
                      struct sedge_err *err)
{
    for (int i = 0; names && names[i]; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = i + 1;
            return 0;
        }
    }
    return sedge_str_to_i64(text, min, max, out, err);
}

/* One item of a field: *, a value, a range, each with /STEP. */
static int cron_item(const char *item, const char *const *names, int64_t min, int64_t max, uint64_t *bits,
                     struct sedge_err *err)
{
    sedge_auto_strv struct sedge_strv step = {0}, range = {0};
    int64_t from = min, to = max, by = 1;

    sedge_strv_split(&step, item, "/");
    sedge_strv_split(&range, step.v[0], "-");
    if (step.n > 2 || range.n > 2)
        return sedge_err_set(err, SEDGE_E_INVALID, "\"%s\" is no item of a cron field", item);
    if (step.n == 2 && sedge_str_to_i64(step.v[1], 1, max, &by, err) != 0) return -1;
    if (strcmp(step.v[0], "*") != 0 && strcmp(step.v[0], "?") != 0) {
        if (cron_value(range.v[0], names, min, max, &from, err) != 0) return -1;
        if (range.n == 2 && cron_value(range.v[1], names, min, max, &to, err) != 0) return -1;
        if (range.n == 1 && step.n == 1) to = from;
    }
    for (int64_t v = from; v <= to; v += by)
        *bits |= UINT64_C(1) << v;
    return 0;
}

static int cron_field(const char *text, const char *const *names, int64_t min, int64_t max, uint64_t *bits,
                      struct sedge_err *err)
{
    sedge_auto_strv struct sedge_strv items = {0};

    *bits = 0;
    sedge_strv_split(&items, text, ",");
    for (size_t i = 0; i < items.n; i++) {
        if (cron_item(items.v[i], names, min, max, bits, err) != 0) return -1;
    }
    return *bits ? 0 : sedge_err_set(err, SEDGE_E_INVALID, "\"%s\" is never true", text);
}

/* "cron(MINUTE HOUR DAY MONTH WEEKDAY YEAR)" as AWS writes it; the year is * . */
static int parse_cron(const char *text, struct sedge_window *w, struct sedge_err *err)
{
    static const char *const months[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL",
                                         "AUG", "SEP", "OCT", "NOV", "DEC", NULL};
    static const char *const weekdays[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", NULL};
    sedge_auto_strv struct sedge_strv f = {0};
    sedge_auto_free char *inner = NULL;
    uint64_t bits[4];

    if (!sedge_str_starts(text, "cron(") || !sedge_str_ends(text, ")"))
        return sedge_err_set(err, SEDGE_E_INVALID, "\"%s\": expected cron(MINUTE HOUR DAY MONTH WEEKDAY YEAR)", text);
    inner = sedge_xstrndup(text + 5, strlen(text) - 6);
    sedge_strv_split(&f, inner, " ");
    if (f.n != 6 || strcmp(f.v[5], "*") != 0)
        return sedge_err_set(err, SEDGE_E_INVALID, "\"%s\": expected six fields separated by blanks, the year as *",
                             text);
    if (cron_field(f.v[0], NULL, 0, 59, &w->minutes, err) != 0 || cron_field(f.v[1], NULL, 0, 23, &bits[0], err) != 0 ||
        cron_field(f.v[2], NULL, 1, 31, &bits[1], err) != 0 || cron_field(f.v[3], months, 1, 12, &bits[2], err) != 0 ||
        cron_field(f.v[4], weekdays, 1, 7, &bits[3], err) != 0)
        return -1;
    w->hours = (uint32_t)bits[0];
    w->days = (uint32_t)bits[1];
    w->months = (uint32_t)bits[2];
    w->weekdays = (uint32_t)bits[3];
    w->any_day = f.v[2][0] == '*' || f.v[2][0] == '?';
    w->any_weekday = f.v[4][0] == '*' || f.v[4][0] == '?';
    return 0;
}

static int take_window(struct json_object *o, const char *where, struct sedge_policy *p, struct sedge_err *err)
{
    struct sedge_window *out = &p->windows[p->n_windows];
    struct window w = {0};
    int rc = json_object_is_type(o, json_type_object)
                 ? sedge_json_decode(o, where, window_fields, SEDGE_ARRAY_LEN(window_fields), 0, &w, err)
                 : sedge_err_set(err, SEDGE_E_INVALID, "%s: expected an object", where);

    if (rc == 0 && (rc = parse_cron(w.start, out, err)) != 0) (void)sedge_err_wrap(err, "%s.startTime", where);
    out->length_minutes = w.minutes;
    if (rc == 0) p->n_windows++;
    sedge_json_release_fields(window_fields, SEDGE_ARRAY_LEN(window_fields), &w);
    return rc;
}

static int take_windows(struct json_object *list, struct sedge_policy *p, struct sedge_err *err)
{
    size_t n = json_object_array_length(list);

    if (n > SEDGE_POLICY_WINDOWS_MAX)
        return sedge_err_set(err, SEDGE_E_INVALID, AT(".maintenanceWindows") ": %zu are too many; %d is the limit", n,
                             SEDGE_POLICY_WINDOWS_MAX);
    for (size_t i = 0; i < n; i++) {
        sedge_auto_free char *where = sedge_xasprintf(AT(".maintenanceWindows") "/%zu", i);

        if (take_window(json_object_array_get_idx(list, i), where, p, err) != 0) return -1;
    }
    return 0;
}

static int take(const struct schedule *s, struct sedge_policy *p, struct sedge_err *err)
{
    static const char *const names[] = {"STOP_ROLLOUT", "CANCEL", "FORCE_CANCEL", NULL};
    int i = s->behavior ? sedge_policy_choice(AT(".endBehavior"), s->behavior, names, err) : 0;

    if (i < 0 || (s->start && parse_time(AT(".startTime"), s->start, &p->start_at, err) != 0) ||
        (s->end && parse_time(AT(".endTime"), s->end, &p->end_at, err) != 0))
        return -1;
    p->at_end = (enum sedge_at_end)i;
    if (s->behavior && !s->end) return sedge_err_set(err, SEDGE_E_INVALID, AT(".endBehavior") " needs an endTime");
    if (p->end_at && p->end_at <= p->start_at)
        return sedge_err_set(err, SEDGE_E_INVALID, AT(".endTime") " is not after startTime");
    return s->windows ? take_windows(s->windows, p, err) : 0;
}

int sedge_policy_decode_schedule(struct json_object *schedule, struct sedge_policy *p, struct sedge_err *err)
{
    struct schedule s = {0};
    int rc = sedge_json_decode(schedule, AT(""), schedule_fields, SEDGE_ARRAY_LEN(schedule_fields), 0, &s, err);

    if (rc == 0) rc = take(&s, p, err);
    sedge_json_release_fields(schedule_fields, SEDGE_ARRAY_LEN(schedule_fields), &s);
    return rc;
}

static bool starts(const struct sedge_window *w, int64_t at_s)
{
    time_t t = (time_t)at_s;
    struct tm tm;
    bool day, weekday;

    if (!gmtime_r(&t, &tm)) return false;
    day = (w->days >> tm.tm_mday) & 1;
    weekday = (w->weekdays >> (tm.tm_wday + 1)) & 1;
    return ((w->minutes >> tm.tm_min) & 1) && ((w->hours >> tm.tm_hour) & 1) && ((w->months >> (tm.tm_mon + 1)) & 1) &&
           (w->any_day       ? weekday
            : w->any_weekday ? day
                             : (day || weekday));
}

bool sedge_policy_window_open(const struct sedge_policy *p, int64_t now_s)
{
    int64_t minute = now_s - now_s % 60;

    for (int i = 0; i < p->n_windows; i++) {
        for (int64_t back = 0; back < p->windows[i].length_minutes; back++) {
            if (starts(&p->windows[i], minute - back * 60)) return true;
        }
    }
    return p->n_windows == 0;
}
