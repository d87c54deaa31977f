#include "step.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    int64_t timeout_s;
} steps[] = {{"bootstrap", 120}, {"install", 120}, {"startup", 120},  {"run", SEDGE_STEP_NO_TIMEOUT},
             {"shutdown", 15},   {"recover", 60},  {"uninstall", 120}};

int64_t sedge_step_default_timeout_s(const char *name)
{
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(steps); i++)
        if (strcasecmp(steps[i].name, name) == 0) return steps[i].timeout_s;
    return SEDGE_STEP_NO_TIMEOUT;
}

bool sedge_json_truthy(struct json_object *v)
{
    static const char *const words[] = {"true", "yes", "on", "t", "y", "Y"};
    double d;

    if (json_object_is_type(v, json_type_boolean)) return json_object_get_boolean(v);
    if (json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double)) {
        d = json_object_get_double(v);
        return d < 0 || d > 0;
    }
    for (size_t i = 0; sedge_json_is_str(v) && i < SEDGE_ARRAY_LEN(words); i++)
        if (strcmp(json_object_get_string(v), words[i]) == 0) return true;
    return false;
}

/* Seconds: numbers without their fraction, numeric text; other text counts as 0. */
static int64_t seconds(struct json_object *v, int64_t def)
{
    double d = 0;

    if (json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double))
        d = json_object_get_double(v);
    else if (!json_object_is_type(v, json_type_string))
        return def;
    else if (sedge_str_to_double(json_object_get_string(v), &d, NULL) != 0)
        d = 0;
    if (!(d > 0)) return 0;
    return d >= (double)SEDGE_STEP_TIMEOUT_MAX_S ? SEDGE_STEP_TIMEOUT_MAX_S : (int64_t)d;
}

int64_t sedge_lifecycle_error_reset_s(struct json_object *lifecycle)
{
    return seconds(sedge_json_get_nocase(lifecycle, "errorResetTime", NULL), SEDGE_ERROR_RESET_DEFAULT_S);
}

static bool is_scalar(struct json_object *v)
{
    return sedge_json_is_str(v) || json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double) ||
           json_object_is_type(v, json_type_boolean);
}

static const char *scalar_text(struct json_object *v)
{
    return json_object_is_type(v, json_type_string) ? json_object_get_string(v) : sedge_json_text(v);
}

static void set_script(struct sedge_step *out, const char *script)
{
    out->form = *script ? SEDGE_STEP_SCRIPT : SEDGE_STEP_EMPTY;
    out->script = *script ? script : NULL;
}

static void read_map(struct json_object *map, struct sedge_step *out)
{
    const char *stored = NULL;
    struct json_object *script = sedge_json_get_nocase(map, "Script", &stored);
    struct json_object *skipif = sedge_json_get_nocase(map, "Skipif", NULL);
    struct json_object *env = sedge_json_get_nocase(map, "Setenv", NULL);

    out->form = stored && !script ? SEDGE_STEP_EMPTY : SEDGE_STEP_INVALID;
    if (script && is_scalar(script)) set_script(out, scalar_text(script));
    out->requires_privilege = sedge_json_truthy(sedge_json_get_nocase(map, "RequiresPrivilege", NULL));
    out->timeout_s = seconds(sedge_json_get_nocase(map, "Timeout", NULL), out->timeout_s);
    if (skipif && is_scalar(skipif)) out->skipif = scalar_text(skipif);
    if (env && json_object_is_type(env, json_type_object)) out->env = env;
    out->bootstrap_on_rollback = sedge_json_truthy(sedge_json_get_nocase(map, "BootstrapOnRollback", NULL));
}

enum sedge_step_form sedge_lifecycle_step(struct json_object *lifecycle, const char *name, struct sedge_step *out)
{
    const char *stored = NULL;
    struct json_object *v = sedge_json_get_nocase(lifecycle, name, &stored);

    *out = (struct sedge_step){.form = stored && !v ? SEDGE_STEP_EMPTY : SEDGE_STEP_ABSENT,
                               .timeout_s = sedge_step_default_timeout_s(name)};
    if (v && json_object_is_type(v, json_type_object))
        read_map(v, out);
    else if (sedge_json_is_str(v))
        set_script(out, json_object_get_string(v));
    return out->form;
}

static bool names(const char *entry, const char *name, size_t n)
{
    return strncmp(entry, name, n) == 0 && entry[n] == '=';
}

void sedge_env_set(struct sedge_strv *env, const char *name, const char *value)
{
    size_t n = strlen(name);

    if (n == 0 || strchr(name, '=')) return;
    for (size_t i = 0; i < env->n; i++) {
        if (!names(env->v[i], name, n)) continue;
        free(env->v[i]);
        env->v[i] = sedge_xasprintf("%s=%s", name, value);
        return;
    }
    sedge_strv_add_take(env, sedge_xasprintf("%s=%s", name, value));
}

const char *sedge_env_get(const struct sedge_strv *env, const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; i < env->n; i++)
        if (names(env->v[i], name, n)) return env->v[i] + n + 1;
    return NULL;
}

void sedge_env_add_map(struct sedge_strv *env, struct json_object *map)
{
    if (!map || !json_object_is_type(map, json_type_object)) return;
    json_object_object_foreach (map, name, v) {
        if (v && is_scalar(v)) sedge_env_set(env, name, scalar_text(v));
    }
}

void sedge_env_add_step(struct sedge_strv *env, struct json_object *lifecycle, const struct sedge_step *step)
{
    sedge_env_add_map(env, sedge_json_get_nocase(lifecycle, "setenv", NULL));
    if (step) sedge_env_add_map(env, step->env);
}
