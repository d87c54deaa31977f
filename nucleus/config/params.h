/*
 * params - the table of the nucleus' own parameters, services.<nucleus>.configuration (config.md 7, 9, 12, 13, 14).
 *
 * One row says name, type, range, default, whether it is a secret, and what a change does. Getters, the check of a new
 * configuration and the documentation come from it. Loop thread (pure where no tree is given).
 */
#ifndef SEDGE_CONFIG_PARAMS_H
#define SEDGE_CONFIG_PARAMS_H

#include "config.h"

#define SEDGE_NUCLEUS "aws.greengrass.Nucleus"

enum sedge_param_type {
    SEDGE_P_TEXT,
    SEDGE_P_INT,
    SEDGE_P_NUMBER,
    SEDGE_P_BOOL,
    SEDGE_P_CHOICE, /* one of `choices`, case as written */
    SEDGE_P_MAP     /* object of texts, or of further rows */
};
enum sedge_param_reload {
    SEDGE_P_LIVE,      /* takes effect at once */
    SEDGE_P_RECONNECT, /* takes effect at once; for the session with the broker by connecting anew */
    SEDGE_P_RESTART,   /* a deployment that changes it restarts the nucleus */
    SEDGE_P_NEXT_USE,  /* read when needed */
    SEDGE_P_IGNORED    /* accepted for compatibility; `note` says why */
};
struct sedge_param {
    const char *name; /* "mqtt.spooler.maxSizeInBytes": names below configuration, joined by dots */
    enum sedge_param_type type;
    enum sedge_param_reload reload;
    int64_t min, max;    /* INT, NUMBER */
    const char *def;     /* as text; NULL: none */
    const char *choices; /* CHOICE: words separated by '|' */
    bool lenient;        /* a value outside the range counts as not given, and is no error (config.md 13, 14) */
    bool secret;
    const char *note; /* one line of help; the reason for IGNORED */
};

const struct sedge_param *sedge_nucleus_params(size_t *n);
const struct sedge_param *sedge_nucleus_param_find(const char *name); /* without regard to case; NULL */

/* Value in force: the one configured if it is valid for the row, otherwise the default. An unknown name is a bug
 * (assertion). The text is valid until the next write; NULL when there is neither. */
const char *sedge_nucleus_param_str(struct sedge_config *cfg, const char *name);
int64_t sedge_nucleus_param_i64(struct sedge_config *cfg, const char *name);
double sedge_nucleus_param_number(struct sedge_config *cfg, const char *name);
bool sedge_nucleus_param_bool(struct sedge_config *cfg, const char *name);
/* A MAP, or a whole section ("mqtt", "objectStore"), as plain object as it is configured, without defaults and
 * unchecked; new reference. NULL when absent. */
struct json_object *sedge_nucleus_param_map(struct sedge_config *cfg, const char *name);

/* A section ("mqtt") as the rows below it have it: their spelling and types; without defaults and without values that
 * do not fit. New reference. */
struct json_object *sedge_nucleus_param_values(struct sedge_config *cfg, const char *section);

/* Checks a configuration object (plain) against the table. -1 INVALID for the first bad value: "mqtt.port: 70000 is
 * outside 1..65535". Names that are not in the table go to `unknown` (may be NULL) and are no error. The section
 * "logging" has a check of its own, below. */
int sedge_nucleus_params_check(struct json_object *configuration, struct sedge_strv *unknown, struct sedge_err *err);
/* The same for one section, strictly: a name that is not in the table is INVALID too, names are compared with case. The
 * rule for "logging": when this fails, the whole section is ignored. */
int sedge_nucleus_section_check(const char *section, struct json_object *value, struct sedge_err *err);
/* The strongest reaction that going from `before` to `after` (plain objects, NULL: empty) needs; a missing value is the
 * default, and values are compared as texts:
 * RESTART, then RECONNECT, then LIVE; NEXT_USE when nothing else changed. iotDataEndpoint that is set for the first
 * time, or taken away, is RESTART. *name (may be NULL) is the first such row. */
enum sedge_param_reload sedge_nucleus_params_diff(struct json_object *before, struct json_object *after,
                                                  const char **name);

#endif
