/*
 * step - reading a lifecycle object: steps, environment, skipif. Names are looked up without regard to case.
 *
 *   struct sedge_step s;
 *   switch (sedge_lifecycle_step(lifecycle, "install", &s)) {
 *   case SEDGE_STEP_ABSENT: case SEDGE_STEP_EMPTY: nothing to do
 *   case SEDGE_STEP_INVALID: the map has no script: <STEP>_CONFIG_NOT_VALID
 *   case SEDGE_STEP_SCRIPT: s.skipif? then s.script
 *   }
 *
 * Ownership: all pointers of struct sedge_step are borrowed from the lifecycle. Pure, except sedge_skipif_eval, which
 * asks the file system (stat, access: quick, but not for a hot path).
 */
#ifndef SEDGE_RECIPE_STEP_H
#define SEDGE_RECIPE_STEP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

#define SEDGE_STEP_NO_TIMEOUT       (-1)
#define SEDGE_STEP_TIMEOUT_MAX_S    (10LL * 365 * 86400)
#define SEDGE_ERROR_RESET_DEFAULT_S 3600

enum sedge_step_form { SEDGE_STEP_ABSENT, SEDGE_STEP_EMPTY, SEDGE_STEP_SCRIPT, SEDGE_STEP_INVALID };

struct sedge_step {
    enum sedge_step_form form;
    const char *script; /* NULL unless form is SCRIPT */
    bool requires_privilege;
    int64_t timeout_s;          /* default of the step when not given; NO_TIMEOUT for run; 0 expires at once */
    const char *skipif;         /* NULL if absent */
    struct json_object *env;    /* the step's Setenv; NULL if absent */
    bool bootstrap_on_rollback; /* only meaningful for "bootstrap" */
};

/* Fills *out (always) and returns its form. `lifecycle` may be NULL. */
enum sedge_step_form sedge_lifecycle_step(struct json_object *lifecycle, const char *name, struct sedge_step *out);
/* errorResetTime in seconds, or its default. */
int64_t sedge_lifecycle_error_reset_s(struct json_object *lifecycle);
/* Default of a step in seconds: bootstrap, install, startup, uninstall 120; shutdown 15; recover 60; run none. */
int64_t sedge_step_default_timeout_s(const char *name);
/* Boolean as the original reads it: true, a number other than 0, or one of the texts true yes on t y Y. */
bool sedge_json_truthy(struct json_object *v);

/* Environment as a list of "NAME=value"; setting a name again replaces it. Names that are empty or hold "=" are left
 * out. */
void sedge_env_set(struct sedge_strv *env, const char *name, const char *value);
const char *sedge_env_get(const struct sedge_strv *env, const char *name); /* borrowed; NULL if absent */
/* Sets every entry of an object of scalars (Setenv): text as it is, numbers and booleans as text, others left out. */
void sedge_env_add_map(struct sedge_strv *env, struct json_object *map);
/* Lifecycle setenv, then the step's Setenv over it (`step` may be NULL). */
void sedge_env_add_step(struct sedge_strv *env, struct json_object *lifecycle, const struct sedge_step *step);

enum sedge_skipif_op { SEDGE_SKIPIF_ONPATH, SEDGE_SKIPIF_EXISTS };
struct sedge_skipif {
    enum sedge_skipif_op op;
    bool negate;
    char *argument; /* owned */
};
/* INVALID quotes the expression and says what is possible. */
int sedge_skipif_parse(const char *text, struct sedge_skipif *out, struct sedge_err *err);
void sedge_skipif_release(struct sedge_skipif *s);

struct sedge_skipif_env {
    const char *search_path; /* PATH of the nucleus; split at ":" and ",", the four system folders are added */
    const char *home;        /* home of the nucleus user, for "~/" */
    const char *root;        /* <root>, for "~root/", "~config/", "~packages/" */
    bool (*exists)(const char *path, void *user);     /* NULL: the file system */
    bool (*executable)(const char *path, void *user); /* NULL: the file system; a regular file that may be executed */
    void *user;
};
/* Whether the step is to be skipped. */
bool sedge_skipif_eval(const struct sedge_skipif *s, const struct sedge_skipif_env *env);

#endif
