#include "extension.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

struct range {
    const char *name; /* as a person writes it, below "sedge." */
    double def, min, max;
};

/* ---- warnings ---- */

__attribute__((format(printf, 2, 3))) static void warn(struct sedge_strv *warnings, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0) text = NULL;
    va_end(ap);
    if (text) sedge_strv_add_take(warnings, text);
}

/* Names that nobody knows are most likely misspelt. */
static void check_names(struct json_object *map, const char *where, const char *const *known, const char *list,
                        struct sedge_strv *warnings)
{
    json_object_object_foreach (map, key, value) {
        bool ok = false;

        (void)value;
        for (size_t i = 0; known[i] && !ok; i++)
            ok = strcasecmp(key, known[i]) == 0;
        if (!ok) warn(warnings, "%s.%.100s of the lifecycle is not known and ignored: expected %s", where, key, list);
    }
}

/* ---- values ---- */

static bool is_map(struct json_object *v)
{
    return v && json_object_is_type(v, json_type_object);
}

static bool is_word(struct json_object *v, const char *word)
{
    return sedge_json_is_str(v) && strcasecmp(json_object_get_string(v), word) == 0;
}

static bool is_off(struct json_object *v)
{
    if (json_object_is_type(v, json_type_boolean)) return !json_object_get_boolean(v);
    return is_word(v, "") || is_word(v, "false") || is_word(v, "none") || is_word(v, "off");
}

static bool is_on(struct json_object *v)
{
    if (json_object_is_type(v, json_type_boolean)) return json_object_get_boolean(v);
    return is_word(v, "true");
}

static bool read_number(struct json_object *v, double *out)
{
    if (json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double)) {
        *out = json_object_get_double(v);
        return true;
    }
    return sedge_json_is_str(v) && sedge_str_to_double(json_object_get_string(v), out, NULL) == 0;
}

/* The number, or the default and a warning. Absent and null are the default, too. */
static double number(struct json_object *v, const struct range *r, struct sedge_strv *warnings)
{
    double d;

    if (!v) return r->def;
    if (read_number(v, &d) && d >= r->min && d <= r->max) return d;
    warn(warnings, "sedge.%s of the lifecycle is %.100s: expected a number from %g to %.15g; %g is used", r->name,
         sedge_json_text(v), r->min, r->max, r->def);
    return r->def;
}

static double member(struct json_object *map, const char *name, const struct range *r, struct sedge_strv *warnings)
{
    return number(sedge_json_get_nocase(map, name, NULL), r, warnings);
}

/* ---- the four members ---- */

static void default_backoff(struct sedge_backoff_settings *out)
{
    *out = (struct sedge_backoff_settings){.on = true,
                                           .initial_ms = SEDGE_BACKOFF_INITIAL_DEFAULT_S * INT64_C(1000),
                                           .max_ms = SEDGE_BACKOFF_MAX_DEFAULT_S * INT64_C(1000),
                                           .factor = SEDGE_BACKOFF_FACTOR_DEFAULT,
                                           .jitter = SEDGE_BACKOFF_JITTER_DEFAULT,
                                           .reset_after_ms = SEDGE_BACKOFF_RESET_DEFAULT_S * INT64_C(1000)};
}

static void read_backoff_map(struct json_object *map, struct sedge_backoff_settings *out, struct sedge_strv *warnings)
{
    static const char *const names[] = {"initial", "max", "factor", "jitter", "resetAfter", "attempts", NULL};
    static const struct range initial = {"backoff.initial", SEDGE_BACKOFF_INITIAL_DEFAULT_S, SEDGE_BACKOFF_PAUSE_MIN_S,
                                         SEDGE_BACKOFF_PAUSE_MAX_S},
                              longest = {"backoff.max", SEDGE_BACKOFF_MAX_DEFAULT_S, SEDGE_BACKOFF_PAUSE_MIN_S,
                                         SEDGE_BACKOFF_PAUSE_MAX_S},
                              factor = {"backoff.factor", SEDGE_BACKOFF_FACTOR_DEFAULT, 1, SEDGE_BACKOFF_FACTOR_MAX},
                              jitter = {"backoff.jitter", SEDGE_BACKOFF_JITTER_DEFAULT, 0, 1},
                              reset = {"backoff.resetAfter", SEDGE_BACKOFF_RESET_DEFAULT_S, 0, SEDGE_EXTENSION_MAX_S},
                              attempts = {"backoff.attempts", 0, 0, SEDGE_BACKOFF_ATTEMPTS_MAX};

    check_names(map, "sedge.backoff", names, "initial, max, factor, jitter, resetAfter or attempts", warnings);
    out->initial_ms = llround(member(map, "initial", &initial, warnings) * 1000);
    out->max_ms = llround(member(map, "max", &longest, warnings) * 1000);
    out->factor = member(map, "factor", &factor, warnings);
    out->jitter = member(map, "jitter", &jitter, warnings);
    out->reset_after_ms = llround(member(map, "resetAfter", &reset, warnings) * 1000);
    out->attempts = (int)member(map, "attempts", &attempts, warnings);
    if (out->max_ms >= out->initial_ms) return;
    if (sedge_json_get_nocase(map, "max", NULL))
        warn(warnings, "sedge.backoff.max of the lifecycle is less than sedge.backoff.initial: every pause has %g s",
             (double)out->initial_ms / 1000);
    out->max_ms = out->initial_ms;
}

static void read_backoff(struct json_object *v, struct sedge_backoff_settings *out, struct sedge_strv *warnings)
{
    if (!v || is_off(v)) return;
    if (is_map(v) || is_on(v)) {
        default_backoff(out);
        if (is_map(v)) read_backoff_map(v, out, warnings);
        return;
    }
    warn(warnings,
         "sedge.backoff of the lifecycle is %.100s: expected a map such as {initial: 1, max: 300}, or true; "
         "there is no back-off",
         sedge_json_text(v));
}

static void read_readiness(struct json_object *sedge, struct sedge_extension *out, struct sedge_strv *warnings)
{
    static const struct range timeout = {"startTimeout", SEDGE_START_TIMEOUT_DEFAULT_S, 1, SEDGE_EXTENSION_MAX_S};
    struct json_object *v = sedge_json_get_nocase(sedge, "readiness", NULL);
    struct json_object *t = sedge_json_get_nocase(sedge, "startTimeout", NULL);

    out->report_ready = v && is_word(v, "report");
    if (v && !out->report_ready && !is_off(v))
        warn(warnings, "sedge.readiness of the lifecycle is %.100s: expected \"report\"; it is left out",
             sedge_json_text(v));
    out->start_timeout_s = t ? llround(number(t, &timeout, warnings)) : -1;
    if (t && !out->report_ready)
        warn(warnings,
             "sedge.startTimeout of the lifecycle has no effect without sedge.readiness \"report\": a startup "
             "step has a Timeout of its own");
}

static void read_watchdog(struct json_object *v, struct sedge_extension *out, struct sedge_strv *warnings)
{
    static const char *const names[] = {"timeout", "output", NULL};
    static const struct range seconds = {"watchdog", 0, 0, SEDGE_EXTENSION_MAX_S};
    struct json_object *output = NULL;

    if (!v || is_off(v)) return;
    if (is_map(v)) {
        check_names(v, "sedge.watchdog", names, "timeout or output", warnings);
        output = sedge_json_get_nocase(v, "output", NULL);
        v = sedge_json_get_nocase(v, "timeout", NULL);
        if (!v)
            warn(warnings, "sedge.watchdog of the lifecycle has no timeout: expected seconds; there is no watchdog");
    }
    out->watchdog_ms = llround(number(v, &seconds, warnings) * 1000);
    out->output_is_life = output && is_on(output);
    if (output && !is_on(output) && !is_off(output))
        warn(warnings, "sedge.watchdog.output of the lifecycle is %.100s: expected true or false; false is used",
             sedge_json_text(output));
}

void sedge_lifecycle_extension(struct json_object *lifecycle, struct sedge_extension *out, struct sedge_strv *warnings)
{
    static const char *const names[] = {"backoff", "readiness", "startTimeout", "watchdog", NULL};
    struct json_object *sedge = sedge_json_get_nocase(lifecycle, SEDGE_EXTENSION_KEY, NULL);

    *out = (struct sedge_extension){.start_timeout_s = -1};
    if (!sedge || is_off(sedge)) return;
    if (!is_map(sedge)) {
        warn(warnings,
             "sedge of the lifecycle is %.100s: expected a map with backoff, readiness or watchdog; it is left "
             "out",
             sedge_json_text(sedge));
        return;
    }
    check_names(sedge, "sedge", names, "backoff, readiness, startTimeout or watchdog", warnings);
    read_backoff(sedge_json_get_nocase(sedge, "backoff", NULL), &out->backoff, warnings);
    read_readiness(sedge, out, warnings);
    read_watchdog(sedge_json_get_nocase(sedge, "watchdog", NULL), out, warnings);
}
