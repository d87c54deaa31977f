#include "logtime.h"

#include "base/mem.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define OFFSET_DIGITS_MAX 9 /* of one number of a relative time */

struct moment {
    struct tm tm;
    int ms;
};

/* Exactly `digits` digits. */
static bool take_number(const char **p, int digits, int *out)
{
    int v = 0;

    for (int i = 0; i < digits; i++) {
        if (!isdigit((unsigned char)(*p)[i])) return false;
        v = v * 10 + ((*p)[i] - '0');
    }
    *p += digits;
    *out = v;
    return true;
}

static bool take_char(const char **p, char c)
{
    if (**p != c) return false;
    (*p)++;
    return true;
}

static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

static bool set_date(struct moment *m, int year, int month, int day)
{
    if (month < 1 || month > 12 || day < 1 || day > days_of(year, month)) return false;
    m->tm.tm_year = year - 1900;
    m->tm.tm_mon = month - 1;
    m->tm.tm_mday = day;
    return true;
}

/* 2020-07-14 or, when `compact` is allowed, 20200714 */
static bool take_date(const char **p, bool compact, struct moment *m)
{
    int year, month, day;

    if (!take_number(p, 4, &year)) return false;
    if (compact && isdigit((unsigned char)**p))
        return take_number(p, 2, &month) && take_number(p, 2, &day) && set_date(m, year, month, day);
    return take_char(p, '-') && take_number(p, 2, &month) && take_char(p, '-') && take_number(p, 2, &day) &&
           set_date(m, year, month, day);
}

/* ".1" to ".123456789": the first three digits count. */
static bool take_fraction(const char **p, struct moment *m)
{
    int digits = 0;

    m->ms = 0;
    for (; isdigit((unsigned char)**p); (*p)++, digits++)
        if (digits < 3) m->ms = m->ms * 10 + (**p - '0');
    for (int i = digits; i < 3; i++)
        m->ms *= 10;
    return digits >= 1 && digits <= 9;
}

/* 22:15, 22:15:13, 22:15:13.5, 22:15:13123 */
static bool take_time(const char **p, struct moment *m)
{
    int hour, minute, second = 0;

    if (!take_number(p, 2, &hour) || !take_char(p, ':') || !take_number(p, 2, &minute)) return false;
    if (take_char(p, ':')) {
        if (!take_number(p, 2, &second)) return false;
        if (take_char(p, '.') || take_char(p, ',')) {
            if (!take_fraction(p, m)) return false;
        } else if (isdigit((unsigned char)**p) && !take_number(p, 3, &m->ms)) {
            return false;
        }
    }
    m->tm.tm_hour = hour;
    m->tm.tm_min = minute;
    m->tm.tm_sec = second;
    return hour < 24 && minute < 60 && second < 60;
}

static int64_t local_ms(struct moment *m)
{
    m->tm.tm_isdst = -1;
    return (int64_t)mktime(&m->tm) * 1000 + m->ms;
}

static void today(int64_t now_ms, struct moment *m)
{
    time_t now = (time_t)(now_ms / 1000);

    *m = (struct moment){.ms = 0};
    if (!localtime_r(&now, &m->tm)) m->tm = (struct tm){.tm_mday = 1, .tm_year = 70};
    m->tm.tm_hour = m->tm.tm_min = m->tm.tm_sec = 0;
}

/* ---- relative: [+-]<n>d[+-]<n>h[+-]<n>m[+-]<n>s ---- */

static const struct {
    const char *words[5]; /* the longer ones first */
    int64_t ms;
} units[] = {{{"days", "day", "d"}, 86400000},
             {{"hours", "hour", "hr", "h"}, 3600000},
             {{"minutes", "minute", "min", "m"}, 60000},
             {{"seconds", "second", "sec", "s"}, 1000}};

static bool take_unit(const char **p, size_t *unit)
{
    for (size_t u = *unit; u < SEDGE_ARRAY_LEN(units); u++) {
        for (size_t w = 0; units[u].words[w]; w++) {
            if (!sedge_str_starts(*p, units[u].words[w])) continue;
            *p += strlen(units[u].words[w]);
            *unit = u;
            return true;
        }
    }
    return false;
}

static bool parse_relative(const char *p, int64_t *offset_ms)
{
    size_t unit = 0;

    *offset_ms = 0;
    if (!*p) return false;
    while (*p) {
        bool minus = *p == '-';
        int64_t v = 0;
        int digits = 0;
        if (*p == '-' || *p == '+') p++;
        for (; isdigit((unsigned char)*p) && digits < OFFSET_DIGITS_MAX; p++, digits++)
            v = v * 10 + (*p - '0');
        if (!digits || !take_unit(&p, &unit)) return false;
        *offset_ms += (minus ? -v : v) * units[unit].ms;
        unit++;
    }
    return true;
}

static bool parse_date_time(const char *text, int64_t *out_ms)
{
    struct moment m = {.ms = 0};
    const char *p = text;

    if (!take_date(&p, false, &m) || !take_char(&p, 'T') || !take_time(&p, &m) || *p) return false;
    *out_ms = local_ms(&m);
    return true;
}

static bool parse_date(const char *text, int64_t *out_ms)
{
    struct moment m = {.ms = 0};
    const char *p = text;

    if (!take_date(&p, true, &m) || *p) return false;
    *out_ms = local_ms(&m);
    return true;
}

static bool parse_time(const char *text, int64_t now_ms, int64_t *out_ms)
{
    struct moment m;
    const char *p = text;

    today(now_ms, &m);
    if (!take_time(&p, &m) || *p) return false;
    *out_ms = local_ms(&m);
    return true;
}

int sedge_logtime_parse(const char *text, int64_t now_ms, int64_t *out_ms, struct sedge_err *err)
{
    int64_t offset;

    *out_ms = now_ms;
    if (!*text) return 0;
    if (parse_relative(text, &offset)) {
        *out_ms = now_ms + offset;
        return 0;
    }
    if (parse_date_time(text, out_ms) || parse_date(text, out_ms) || parse_time(text, now_ms, out_ms)) return 0;
    return sedge_err_set(err, SEDGE_E_INVALID,
                         "cannot parse '%s' as a time: expected an offset such as -1h30m or -2days, a date and time "
                         "such as 2020-07-14T22:15:13, a date, or a time of today such as 22:15",
                         text);
}

int sedge_logwindow_parse(const char *text, int64_t now_ms, struct sedge_logwindow *out, struct sedge_err *err)
{
    const char *comma = strchr(text, ',');
    sedge_auto_free char *begin = sedge_xstrndup(text, comma ? (size_t)(comma - text) : strlen(text));

    /* The original splits at commas, so a comma before a fraction is not understood here either. */
    if (comma && (strcmp(text, ",") == 0 || strchr(comma + 1, ',')))
        return sedge_err_set(err, SEDGE_E_INVALID,
                             "time window '%s': expected <begin>,<end>, of which one may be empty", text);
    if (sedge_logtime_parse(begin, now_ms, &out->begin_ms, err) != 0 ||
        sedge_logtime_parse(comma ? comma + 1 : "", now_ms, &out->end_ms, err) != 0)
        return sedge_err_wrap(err, "time window");
    return 0;
}

bool sedge_logwindow_has(const struct sedge_logwindow *windows, size_t n, int64_t ms)
{
    for (size_t i = 0; i < n; i++)
        if (windows[i].begin_ms < ms && ms < windows[i].end_ms) return true;
    return n == 0;
}

bool sedge_logwindow_over(const struct sedge_logwindow *windows, size_t n, int64_t now_ms)
{
    for (size_t i = 0; i < n; i++)
        if (now_ms < windows[i].end_ms) return false;
    return n > 0;
}

/* ---- stamps of lines ---- */

/* Z, +01:00, +0100 */
static bool take_offset(const char **p, int64_t *offset_ms)
{
    int hours, minutes;
    bool minus = **p == '-';

    *offset_ms = 0;
    if (take_char(p, 'Z')) return true;
    if (!take_char(p, '+') && !take_char(p, '-')) return false;
    if (!take_number(p, 2, &hours)) return false;
    (void)take_char(p, ':'); /* both forms are common */
    if (!take_number(p, 2, &minutes)) return false;
    *offset_ms = (int64_t)(minus ? -60000 : 60000) * (hours * 60 + minutes);
    return true;
}

size_t sedge_logtime_stamp(const char *text, int64_t *out_ms)
{
    struct moment m = {.ms = 0};
    const char *p = text;
    int64_t offset;

    if (!take_date(&p, false, &m) || !take_char(&p, 'T') || !take_time(&p, &m) || !take_offset(&p, &offset)) return 0;
    *out_ms = (int64_t)timegm(&m.tm) * 1000 + m.ms - offset;
    return (size_t)(p - text);
}

static bool take_month(const char **p, int *month)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (int i = 0; i < 12; i++) {
        if (strncmp(*p, names + 3 * (size_t)i, 3) != 0) continue;
        *p += 3;
        *month = i + 1;
        return true;
    }
    return false;
}

size_t sedge_logtime_syslog(const char *text, int64_t now_ms, int64_t *out_ms)
{
    struct moment m;
    const char *p = text;
    int month, day;

    today(now_ms, &m);
    if (!take_month(&p, &month) || *p != ' ') return 0;
    p += strspn(p, " ");
    if (!take_number(&p, isdigit((unsigned char)p[0]) && isdigit((unsigned char)p[1]) ? 2 : 1, &day)) return 0;
    if (!set_date(&m, m.tm.tm_year + 1900, month, day) || !take_char(&p, ' ') || !take_time(&p, &m)) return 0;
    *out_ms = local_ms(&m);
    return (size_t)(p - text);
}

static void local_tm(int64_t ms, struct tm *tm)
{
    time_t s = (time_t)(ms >= 0 ? ms / 1000 : (ms - 999) / 1000);

    if (!localtime_r(&s, tm)) *tm = (struct tm){.tm_mday = 1, .tm_year = 70};
}

void sedge_logtime_local(int64_t ms, char *out, size_t size)
{
    struct tm tm;

    local_tm(ms, &tm);
    if (strftime(out, size, "%Y-%m-%d %H:%M:%S %Z", &tm) == 0) *out = 0;
}

void sedge_logtime_offset(int64_t ms, char *out, size_t size)
{
    struct tm tm;
    size_t n;
    int minutes;

    local_tm(ms, &tm);
    minutes = (int)(tm.tm_gmtoff / 60);
    n = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(out + n, size - n, ".%03d%c%02d:%02d", (int)(((ms % 1000) + 1000) % 1000), minutes < 0 ? '-' : '+',
                   abs(minutes) / 60, abs(minutes) % 60);
}
