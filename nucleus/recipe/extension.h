/*
 * extension - what a lifecycle may ask for beyond the original: the map below its key "sedge" (docs/extensions.md).
 *
 *   sedge_auto_strv struct sedge_strv warnings = {NULL, 0};
 *   struct sedge_extension x;
 *   sedge_lifecycle_extension(lifecycle, &x, &warnings);
 *
 * Everything is off unless it is asked for. Names are looked up without regard to case; numbers may be texts, as
 * variables of the configuration give them. Nothing is ever an error: what makes no sense takes its default, or stays
 * off, and a sentence for the component's log says what was expected. Pure.
 */
#ifndef SEDGE_RECIPE_EXTENSION_H
#define SEDGE_RECIPE_EXTENSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "base/str.h"

#define SEDGE_EXTENSION_KEY "sedge"

/* Limits (docs/limits.md) */
#define SEDGE_BACKOFF_INITIAL_DEFAULT_S 1
#define SEDGE_BACKOFF_MAX_DEFAULT_S     300
#define SEDGE_BACKOFF_PAUSE_MIN_S       0.1   /* of initial and max */
#define SEDGE_BACKOFF_PAUSE_MAX_S       86400 /* of initial and max */
#define SEDGE_BACKOFF_FACTOR_DEFAULT    2
#define SEDGE_BACKOFF_FACTOR_MAX        100
#define SEDGE_BACKOFF_JITTER_DEFAULT    0.2
#define SEDGE_BACKOFF_RESET_DEFAULT_S   600
#define SEDGE_BACKOFF_ATTEMPTS_MAX      1000000
#define SEDGE_START_TIMEOUT_DEFAULT_S   120                  /* of readiness "report" for a run step */
#define SEDGE_EXTENSION_MAX_S           (10LL * 365 * 86400) /* of resetAfter, startTimeout and watchdog */

struct sedge_backoff_settings {
    bool on;
    int64_t initial_ms;     /* first pause */
    int64_t max_ms;         /* longest one */
    double factor;          /* from one pause to the next */
    double jitter;          /* share of a pause by which it may be shortened at random */
    int64_t reset_after_ms; /* a component that was RUNNING for so long begins with the first pause again */
    int attempts;           /* errors in a row that make it BROKEN; 0: never */
};

struct sedge_extension {
    struct sedge_backoff_settings backoff;
    bool report_ready;       /* RUNNING only when the component says so */
    int64_t start_timeout_s; /* for that; -1: not given */
    int64_t watchdog_ms;     /* 0: off */
    bool output_is_life;     /* a line of output counts as a sign of life, too */
};

/* Fills *out, always. `lifecycle` may be NULL. Warnings are added. */
void sedge_lifecycle_extension(struct json_object *lifecycle, struct sedge_extension *out, struct sedge_strv *warnings);

#endif
