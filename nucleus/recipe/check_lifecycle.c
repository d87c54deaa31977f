/* Lifecycles: which one counts, selections, steps and their members. */
#include "check_parts.h"
#include "extension.h"
#include "step.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>
#include <strings.h>

/* A lifecycle while it is looked at. */
struct walk {
    struct check *c;
    bool global; /* selections count */
    const struct files *files;
};

/* What a value on the way is: a whole lifecycle, the value of one of its keys, or that of a key of a step. */
struct role {
    enum sedge_keys_level level; /* of an object's keys; with `key` NULL */
    const struct sedge_key *key; /* the key whose value it is, NULL for a whole lifecycle */
    const char *step;            /* the step it belongs to, NULL for none */
};

static void check_value(const struct walk *w, const struct at *at, struct json_object *v, struct role role);

static bool is_keyword(const struct walk *w, const char *key)
{
    return w->global && sedge_strv_has(&w->c->keywords, key);
}

static bool is_selection_level(const struct walk *w, struct json_object *map)
{
    json_object_object_foreach (map, key, v) {
        (void)v;
        if (is_keyword(w, key)) return true;
    }
    return false;
}

/* --- keys --------------------------------------------------------------------------------------------------------- */

static const char *nearest_keyword(const struct walk *w, const char *key)
{
    const struct sedge_strv *k = &w->c->keywords;

    return w->global ? sedge_str_nearest(key, (const char *const *)k->v, k->n) : NULL;
}

static void unknown_key(const struct walk *w, const struct at *at, enum sedge_keys_level level, struct json_object *v)
{
    struct about about = {.at = at, .key = true, .text = at->key, .suggestion = sedge_key_nearest(level, at->key)};
    bool selects = json_object_is_type(v, json_type_object);

    if (!about.suggestion) about.suggestion = nearest_keyword(w, at->key);
    if (!w->global && (sedge_strv_has(&w->c->keywords, at->key))) {
        about.suggestion = NULL;
        sedge_check_found(w->c, RULE_UNKNOWN_KEY, &about,
                          "is ignored: selections count in the global Lifecycle only, not in that of a manifest");
    } else if (level == SEDGE_KEYS_STEP && sedge_key_find(SEDGE_KEYS_LIFECYCLE, at->key) && !about.suggestion) {
        sedge_check_found(w->c, RULE_UNKNOWN_KEY, &about,
                          "unknown key of a step, it is ignored; it belongs into Lifecycle");
    } else if (w->global && selects && level == SEDGE_KEYS_LIFECYCLE && !about.suggestion) {
        sedge_check_found(
            w->c, RULE_UNKNOWN_KEY, &about,
            "unknown step, it is ignored; if it is meant as a selection, a manifest must name it in Selections");
    } else {
        sedge_check_found(w->c, RULE_UNKNOWN_KEY, &about, "unknown key of a %s, it is ignored",
                          sedge_keys_level_name(level));
    }
}

/* The tree of the configuration compares names without regard to case: the second spelling goes over the first. */
static void check_same_key(const struct walk *w, const struct at *at, struct json_object *map)
{
    const struct about about = {.at = at, .key = true, .text = at->key};

    json_object_object_foreach (map, key, v) {
        (void)v;
        if (strcmp(key, at->key) == 0) return;
        if (strcasecmp(key, at->key) != 0) continue;
        sedge_check_found(w->c, RULE_SAME_KEY, &about, "is there already, as \"%s\": only one of the two counts", key);
        return;
    }
}

/* The keys of a lifecycle or of a step. */
static void check_map(const struct walk *w, const struct at *at, struct json_object *map, enum sedge_keys_level level,
                      const char *step)
{
    json_object_object_foreach (map, name, v) {
        const struct at here = {at, name, 0};
        const struct sedge_key *key = sedge_key_find(level, name);

        if (w->c->full) return;
        if (!key) {
            unknown_key(w, &here, level, v);
            continue;
        }
        check_same_key(w, &here, map);
        check_value(w, &here, v, (struct role){level, key, key->type == SEDGE_KEY_STEP ? key->name : step});
    }
}

/* --- values of keys ----------------------------------------------------------------------------------------------- */

static bool has_variable(const char *text)
{
    return strchr(text, '{') != NULL;
}

static void wrong_type(const struct walk *w, const struct at *at, enum rule rule, const struct sedge_key *key,
                       struct json_object *v, const char *then)
{
    const struct about about = {.at = at, .expected = sedge_key_expected(key)};

    sedge_check_found(w->c, rule, &about, "expected %s, got %s; %s", about.expected, sedge_check_type_name(v), then);
}

static void check_bool(const struct walk *w, const struct at *at, struct json_object *v, const struct role *role)
{
    static const char *const no[] = {"false", "no", "off", "f", "n", "N", "0", ""};
    const char *text = sedge_json_is_str(v) ? json_object_get_string(v) : NULL;
    const struct about about = {.at = at, .text = text, .expected = "true or false"};

    if (strcmp(role->key->name, "BootstrapOnRollback") == 0 && strcmp(role->step, "bootstrap") != 0)
        sedge_check_found(w->c, RULE_BOOTSTRAP_ONLY, &(struct about){.at = at, .key = true, .text = role->key->name},
                          "counts in the step bootstrap only");
    if (strcmp(role->key->name, "RequiresPrivilege") == 0 && sedge_json_truthy(v))
        sedge_check_found(w->c, RULE_PRIVILEGE, &(struct about){.at = at, .key = true},
                          "runs as the user of the nucleus; a nucleus that is not root cannot give it root");
    if (v && !sedge_check_is_scalar(v)) wrong_type(w, at, RULE_BOOLEAN_TEXT, role->key, v, "it counts as false");
    if (!text || sedge_json_truthy(v) || has_variable(text)) return;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(no); i++)
        if (strcmp(text, no[i]) == 0) return;
    sedge_check_found(
        w->c, RULE_BOOLEAN_TEXT, &about,
        "the text \"%s\" counts as false; expected true without quotes, or one of the texts true, yes, on, t, y", text);
}

static void check_seconds(const struct walk *w, const struct at *at, struct json_object *v, const struct role *role)
{
    const char *text = v && sedge_check_is_scalar(v) ? sedge_check_text(v) : NULL;
    const struct about about = {.at = at, .text = text, .expected = "a number of seconds"};
    const char *then = role->step ? "expires at once" : "forgets every error at once";
    double d = 0;

    if (!v) return;
    if (!text || json_object_is_type(v, json_type_boolean)) {
        wrong_type(w, at, RULE_SECONDS, role->key, v, "it is ignored");
        return;
    }
    if (has_variable(text)) return;
    if (sedge_str_to_double(text, &d, NULL) != 0)
        sedge_check_found(w->c, RULE_SECONDS, &about,
                          "expected a number of seconds, got \"%.100s\", which counts as 0 and %s", text, then);
    else if (d < 1)
        sedge_check_found(w->c, RULE_SECONDS, &about, "%.100s counts as 0 seconds (fractions are cut off) and %s", text,
                          then);
}

static void check_skipif(const struct walk *w, const struct at *at, struct json_object *v, const struct role *role)
{
    const char *text = v && sedge_check_is_scalar(v) ? sedge_check_text(v) : NULL;
    const struct about about = {.at = at, .text = text, .expected = sedge_key_expected(role->key)};
    struct sedge_skipif s;

    if (!v) return;
    if (strcmp(role->step, "recover") == 0)
        sedge_check_found(w->c, RULE_RECOVER_SKIPIF, &(struct about){.at = at, .key = true},
                          "a recover that is skipped costs its whole time-out on Greengrass (not here)");
    if (!text) {
        wrong_type(w, at, RULE_STEP_TYPE, role->key, v, "it is ignored");
    } else if (text[strspn(text, " \t\r\n!")] == '{') {
        return; /* a recipe variable may bring the operator */
    } else if (sedge_skipif_parse(text, &s, NULL) != 0) {
        sedge_check_expected(w->c, RULE_SKIPIF, &about);
    } else {
        sedge_skipif_release(&s);
    }
}

static void check_variable_value(const struct walk *w, const struct at *at, struct json_object *v)
{
    static const char *const reserved[] = {"SVCUID", "AWS_CONTAINER_AUTHORIZATION_TOKEN",
                                           "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT",
                                           "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH"};
    const char *text = v && sedge_check_is_scalar(v) ? sedge_check_text(v) : NULL;
    const struct about about = {.at = at, .text = text};
    const struct about name = {.at = at, .key = true, .text = at->key};
    const char *dollar = text ? strchr(text, '$') : NULL;

    if (!*at->key || strchr(at->key, '='))
        sedge_check_found(w->c, RULE_SETENV_NAME, &name, "is left out: not a name of an environment variable");
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(reserved); i++)
        if (strcmp(reserved[i], at->key) == 0)
            sedge_check_found(w->c, RULE_SETENV_NAME, &name,
                              "replaces what the component needs to talk to the nucleus");
    if (!text)
        sedge_check_found(w->c, RULE_SETENV_VALUE, &about, "expected a text, number or boolean, got %s; it is left out",
                          sedge_check_type_name(v));
    else if (dollar && (dollar[1] == '{' || dollar[1] == '_' || (dollar[1] >= 'A' && dollar[1] <= 'Z')))
        sedge_check_found(w->c, RULE_SETENV_DOLLAR, &about,
                          "is passed on as it is: no shell replaces \"%.40s\" here; set it in the script", dollar);
}

static void check_environment(const struct walk *w, const struct at *at, struct json_object *v, const struct role *role)
{
    if (!v) return;
    if (!json_object_is_type(v, json_type_object)) {
        wrong_type(w, at, RULE_SETENV_VALUE, role->key, v, "it is ignored");
        return;
    }
    json_object_object_foreach (v, name, child) {
        const struct at here = {at, name, 0};

        if (w->global && json_object_is_type(child, json_type_object) && is_selection_level(w, child)) continue;
        check_variable_value(w, &here, child);
    }
}

static void check_script(const struct walk *w, const struct at *at, struct json_object *v, const struct role *role,
                         bool skipif)
{
    const char *text = v && sedge_check_is_scalar(v) ? sedge_check_text(v) : NULL;
    const struct about about = {.at = at, .text = text};

    if (!v || (text && !*text)) {
        sedge_check_found(w->c, RULE_EMPTY_SCRIPT, &about, "there is no script: the step does nothing");
    } else if (!text) {
        wrong_type(w, at, RULE_STEP_TYPE, role->key, v, "the step counts as absent");
    } else if (!sedge_json_is_str(v)) {
        sedge_check_found(w->c, RULE_STEP_TYPE, &about, "expected a script, got %s; \"%.100s\" is run as a command",
                          sedge_check_type_name(v), text);
    } else {
        sedge_check_script(w->c, at, role->step, text, skipif, w->files);
    }
}

/* Whether the step has a Skipif: then what is said about scripts that run too often does not hold. */
static bool has_skipif(struct json_object *step)
{
    return sedge_json_get_nocase(step, "Skipif", NULL) != NULL;
}

static void check_step_map(const struct walk *w, const struct at *at, struct json_object *v, const struct role *role)
{
    const char *stored = NULL;
    struct json_object *script = sedge_json_get_nocase(v, "Script", &stored);
    const struct at script_at = {at, stored, 0};
    const struct role script_role = {SEDGE_KEYS_STEP, sedge_key_find(SEDGE_KEYS_STEP, "Script"), role->step};

    check_map(w, at, v, SEDGE_KEYS_STEP, role->step);
    if (!stored)
        sedge_check_found(w->c, RULE_MISSING_SCRIPT, &(struct about){.at = at, .key = true, .expected = "Script"},
                          "Script is missing; expected a text");
    else if (json_object_is_type(script, json_type_object) && !is_selection_level(w, script))
        sedge_check_found(w->c, RULE_MISSING_SCRIPT, &(struct about){.at = &script_at, .expected = "a text"},
                          "expected a text, got an object");
    else if (!json_object_is_type(script, json_type_object))
        check_script(w, &script_at, script, &script_role, has_skipif(v));
}

static void check_step(const struct walk *w, const struct at *at, struct json_object *v, const struct role *role)
{
    if (json_object_is_type(v, json_type_object))
        check_step_map(w, at, v, role);
    else
        check_script(w, at, v, role, false);
}

/* Scripts of a step are looked at with the step, which knows of its Skipif; here only those below selections. */
static void check_script_key(const struct walk *w, const struct at *at, struct json_object *v, const struct role *role)
{
    if (!at->up || !at->key || strcasecmp(at->key, "Script") != 0) check_script(w, at, v, role, true);
}

/* --- extensions --------------------------------------------------------------------------------------------------- */

static bool has_selections(const struct walk *w, struct json_object *v)
{
    if (!w->global || !json_object_is_type(v, json_type_object)) return false;
    if (is_selection_level(w, v)) return true;
    json_object_object_foreach (v, name, child) {
        (void)name;
        if (has_selections(w, child)) return true;
    }
    return false;
}

/* Unknown keys of the map and of those below it. */
static void check_setting_names(const struct walk *w, const struct at *at, struct json_object *v,
                                const struct sedge_key *key)
{
    if (!json_object_is_type(v, json_type_object)) return;
    json_object_object_foreach (v, name, child) {
        const struct at here = {at, name, 0};
        const struct sedge_key *row = sedge_key_find(key->below, name);

        if (!row)
            unknown_key(w, &here, key->below, child);
        else if (row->type == SEDGE_KEY_SETTINGS)
            check_setting_names(w, &here, child, row);
    }
}

/* What the reader of the extensions would say in the component's log; "sedge.backoff.max of the lifecycle is ...". */
static void check_settings(const struct walk *w, const struct at *at, struct json_object *v, const struct role *role)
{
    sedge_auto_put struct json_object *lifecycle = json_object_new_object();
    sedge_auto_strv struct sedge_strv warnings = {NULL, 0};
    struct sedge_extension extension;

    if (!v || has_selections(w, v)) return;
    check_setting_names(w, at, v, role->key);
    (void)json_object_object_add(lifecycle, SEDGE_EXTENSION_KEY, json_object_get(v)); /* takes the reference */
    sedge_lifecycle_extension(lifecycle, &extension, &warnings);
    for (size_t i = 0; i < warnings.n; i++) {
        size_t end = strcspn(warnings.v[i], " ");
        const char *last = memrchr(warnings.v[i], '.', end);
        sedge_auto_free char *name = last ? sedge_xstrndup(last + 1, (size_t)(warnings.v[i] + end - last - 1)) : NULL;
        const struct about about = {.at = at, .find = name, .text = name};

        if (strstr(warnings.v[i], "is not known") || strstr(warnings.v[i], "\"{"))
            continue; /* told; a recipe variable */
        sedge_check_found(w->c, RULE_EXTENSION, &about, "%s", warnings.v[i]);
    }
}

typedef void (*key_check)(const struct walk *w, const struct at *at, struct json_object *v, const struct role *role);
static const key_check key_checks[SEDGE_NKEY_TYPES] = {
    [SEDGE_KEY_STEP] = check_step,         [SEDGE_KEY_SCRIPT] = check_script_key,
    [SEDGE_KEY_SKIPIF] = check_skipif,     [SEDGE_KEY_SECONDS] = check_seconds,
    [SEDGE_KEY_BOOL] = check_bool,         [SEDGE_KEY_ENVIRONMENT] = check_environment,
    [SEDGE_KEY_SETTINGS] = check_settings,
};

/* --- selections --------------------------------------------------------------------------------------------------- */

/* A level with selections: each value stands for the whole; other keys are dropped. */
static void check_selections(const struct walk *w, const struct at *at, struct json_object *map, struct role role)
{
    json_object_object_foreach (map, name, v) {
        const struct at here = {at, name, 0};
        const struct about about = {.at = &here, .key = true, .text = name, .suggestion = nearest_keyword(w, name)};

        if (w->c->full) return;
        if (is_keyword(w, name))
            check_value(w, &here, v, role);
        else
            sedge_check_found(
                w->c, RULE_SELECTION_MIXED, &about,
                "is dropped: beside a selection (\"all\", or what manifests name in Selections) only selections "
                "count");
    }
}

static void check_value(const struct walk *w, const struct at *at, struct json_object *v, struct role role)
{
    if (json_object_is_type(v, json_type_object) && is_selection_level(w, v))
        check_selections(w, at, v, role);
    else if (!role.key && json_object_is_type(v, json_type_object))
        check_map(w, at, v, SEDGE_KEYS_LIFECYCLE, NULL);
    else if (role.key && key_checks[role.key->type])
        key_checks[role.key->type](w, at, v, &role);
}

/* --- lifecycles --------------------------------------------------------------------------------------------------- */

/* Variables anywhere in it. */
static void check_texts(const struct walk *w, const struct at *at, struct json_object *v)
{
    if (w->c->full) return;
    if (json_object_is_type(v, json_type_object)) {
        json_object_object_foreach (v, name, child) {
            check_texts(w, AT(at, name), child);
        }
    } else if (json_object_is_type(v, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(v); i++)
            check_texts(w, AT_INDEX(at, i), json_object_array_get_idx(v, i));
    } else if (sedge_json_is_str(v)) {
        sedge_check_variables(w->c, at, json_object_get_string(v), w->files);
    }
}

/* Maps with both steps: the lifecycle, and what selections stand for in it. */
static void check_startup_and_run(const struct walk *w, const struct at *at, struct json_object *v)
{
    const char *key = NULL;
    struct json_object *startup;

    if (!json_object_is_type(v, json_type_object)) return;
    if (is_selection_level(w, v)) {
        json_object_object_foreach (v, name, child) {
            if (is_keyword(w, name)) check_startup_and_run(w, AT(at, name), child);
        }
        return;
    }
    startup = sedge_json_get_nocase(v, "startup", NULL);
    if (!startup || !sedge_json_get_nocase(v, "run", &key) || has_skipif(startup)) return;
    sedge_check_found(w->c, RULE_STARTUP_AND_RUN, &(struct about){.at = AT(at, key), .key = true, .text = key},
                      "is ignored, because there is a startup (which no Skipif leaves out)");
}

static void check_lifecycle(const struct walk *w, const struct at *at, struct json_object *v)
{
    check_value(w, at, v, (struct role){SEDGE_KEYS_LIFECYCLE, NULL, NULL});
    check_startup_and_run(w, at, v);
    check_texts(w, at, v);
}

static bool is_filled(struct json_object *v)
{
    if (json_object_is_type(v, json_type_array)) return json_object_array_length(v) > 0;
    return json_object_is_type(v, json_type_object) && json_object_object_length(v) > 0;
}

/* The global lifecycle as one object, also when it is written as a list. */
static void check_global(struct check *c, const struct at *at, struct json_object *global, const struct files *files)
{
    const struct walk w = {c, true, files};

    if (json_object_is_type(global, json_type_object)) {
        check_lifecycle(&w, at, global);
        return;
    }
    sedge_check_found(c, RULE_LIFECYCLE_LIST, &(struct about){.at = at},
                      "a list of objects: Greengrass expects one object");
    for (size_t i = 0; i < json_object_array_length(global); i++)
        check_lifecycle(&w, AT_INDEX(at, i), json_object_array_get_idx(global, i));
}

/* A selection that is named like a key: the key becomes a selection, too. */
static void check_selection_names(struct check *c, const struct at *at, struct json_object *list)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *v = json_object_array_get_idx(list, i);
        const char *word = v && sedge_check_is_scalar(v) ? sedge_check_text(v) : "";

        if (sedge_key_find(SEDGE_KEYS_LIFECYCLE, word) || sedge_key_find(SEDGE_KEYS_STEP, word))
            sedge_check_found(c, RULE_SELECTION_NAME, &(struct about){.at = AT_INDEX(at, i), .text = word},
                              "is also the name of a key: everywhere in the global Lifecycle it counts as a selection");
    }
}

/* Selections of a manifest that nothing answers to. */
static void check_selection(struct check *c, const struct at *at, struct json_object *manifest,
                            struct json_object *global, bool own)
{
    const char *key = NULL;
    struct json_object *list = sedge_check_list(manifest, "Selections", &key);
    const struct about about = {.at = AT(at, key), .key = true};
    bool hit = false;

    if (!list || json_object_array_length(list) == 0) return;
    check_selection_names(c, AT(at, key), list);
    if (!is_filled(global))
        sedge_check_found(c, RULE_SELECTION_UNUSED, &about, "there is no global Lifecycle that they could select from");
    if (!is_filled(global) || own || !json_object_is_type(global, json_type_object)) return;
    json_object_object_foreach (global, name, v) {
        if (!sedge_strv_has(&c->keywords, name)) return; /* selections are further below */
        for (size_t i = 0; i < json_object_array_length(list); i++) {
            struct json_object *word = json_object_array_get_idx(list, i);

            if (v && sedge_check_is_scalar(word) && strcmp(sedge_check_text(word), name) == 0) hit = true;
        }
        if (v && strcmp(name, "all") == 0) hit = true;
    }
    if (!hit)
        sedge_check_found(
            c, RULE_SELECTION_EMPTY, &about,
            "the global Lifecycle has none of these, and no \"all\": the component has no steps on such a device");
}

static bool check_manifest(struct check *c, const struct at *at, struct json_object *m, struct json_object *global)
{
    const char *key = NULL;
    struct json_object *own = sedge_check_object(m, "Lifecycle", &key);
    const struct at here = {at, key, 0};
    struct files files = {.any = false};
    const struct walk w = {c, false, &files};

    check_selection(c, at, m, global, is_filled(own));
    if (!is_filled(own)) return false;
    sedge_check_files_add(&files, m);
    if (is_filled(global))
        sedge_check_found(c, RULE_LIFECYCLE_REPLACED, &(struct about){.at = &here, .key = true},
                          "replaces the global Lifecycle whole: nothing of that is used for this manifest");
    check_lifecycle(&w, &here, own);
    sedge_check_files_release(&files);
    return true;
}

void sedge_check_lifecycles(struct check *c)
{
    const char *key = NULL;
    const char *global_key = NULL;
    struct json_object *manifests = sedge_check_list(c->doc, "Manifests", &key);
    struct json_object *global = sedge_json_get_nocase(c->doc, "Lifecycle", &global_key);
    const struct at at = {NULL, key, 0};
    struct files files = {.any = false};
    size_t n = manifests ? json_object_array_length(manifests) : 0;
    bool used = n == 0;

    for (size_t i = 0; i < n && !c->full; i++) {
        struct json_object *m = json_object_array_get_idx(manifests, i);

        if (!json_object_is_type(m, json_type_object) || check_manifest(c, AT_INDEX(&at, i), m, global)) continue;
        used = true;
        sedge_check_files_add(&files, m);
    }
    if (is_filled(global) && used) check_global(c, AT(NULL, global_key), global, &files);
    sedge_check_files_release(&files);
}
