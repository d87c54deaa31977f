/* The modelled levels of a recipe, by the table of keys: what the parser would refuse, all of it. */
#include "check_parts.h"
#include "platform.h"
#include "recipe.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/semver.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static void check_level(struct check *c, const struct at *at, struct json_object *o, enum sedge_keys_level level);

static void wrong_type(struct check *c, const struct at *at, const char *expected, struct json_object *v)
{
    const struct about about = {
        .at = at, .expected = expected, .text = sedge_check_is_scalar(v) ? sedge_check_text(v) : NULL};

    sedge_check_found(c, RULE_TYPE, &about, "expected %s, got %s", expected, sedge_check_type_name(v));
}

/* The text of a scalar; NULL after a finding. */
static const char *text_of(struct check *c, const struct at *at, const char *expected, struct json_object *v)
{
    if (sedge_check_is_scalar(v)) return sedge_check_text(v);
    wrong_type(c, at, expected, v);
    return NULL;
}

/* A reader's message becomes a finding. */
static void refused(struct check *c, const struct at *at, enum rule rule, const char *text)
{
    const struct about about = {.at = at, .text = text};

    sedge_check_found(c, rule, &about, "%s", c->src.err->msg);
}

static bool too_many(struct check *c, const struct at *at, size_t n, size_t max)
{
    const struct about about = {.at = at, .key = true};

    if (max == 0 || n <= max) return false;
    sedge_check_found(c, RULE_LIMIT, &about, "%zu entries, at most %zu are allowed", n, max);
    return true;
}

/* --- texts -------------------------------------------------------------------------------------------------------- */

static void check_text(struct check *c, const struct at *at, struct json_object *v, const struct sedge_key *key)
{
    (void)text_of(c, at, sedge_key_expected(key), v);
}

static void check_format(struct check *c, const struct at *at, struct json_object *v, const struct sedge_key *key)
{
    const char *text = text_of(c, at, sedge_key_expected(key), v);
    const struct about about = {.at = at, .text = text, .expected = sedge_key_expected(key)};

    if (text && strcmp(text, SEDGE_RECIPE_FORMAT) != 0) sedge_check_expected(c, RULE_VALUE, &about);
}

static void check_name(struct check *c, const struct at *at, struct json_object *v, const struct sedge_key *key)
{
    const char *text = text_of(c, at, sedge_key_expected(key), v);

    if (text && sedge_component_name_check(text, c->src.err) != 0)
        refused(c, at, RULE_VALUE, text);
    else if (text && *text == '.')
        sedge_check_found(c, RULE_COMPONENT_NAME, &(struct about){.at = at, .text = text},
                          "a component name that begins with \".\" cannot be deployed here");
}

static void check_version(struct check *c, const struct at *at, struct json_object *v, const struct sedge_key *key)
{
    const char *text = text_of(c, at, sedge_key_expected(key), v);
    const struct about about = {.at = at, .text = text};
    struct sedge_version version;

    if (!text) return;
    if (sedge_version_parse(text, &version, c->src.err) != 0) {
        refused(c, at, RULE_VALUE, text);
        return;
    }
    if (version.pre[0] && strspn(version.pre, "0123456789.") == strlen(version.pre))
        sedge_check_found(
            c, RULE_VERSION_PRERELEASE, &about,
            "the pre-release \"%s\" begins with a number: Greengrass reads \"%s\" in a requirement as a range "
            "of versions; name it like %u.%u.%u-rc.%s",
            version.pre, text, version.n[0], version.n[1], version.n[2], version.pre);
    else if (version.pre[0])
        sedge_check_found(
            c, RULE_PRERELEASE, &about,
            "a pre-release: a range such as ^%u.0.0 or \">=%u.0.0 <%u.0.0\" does not match it unless it names a "
            "pre-release of %u.%u.%u",
            version.n[0], version.n[0], version.n[0] + 1, version.n[0], version.n[1], version.n[2]);
}

/* Whether a pre-release tag stands in the text; *number: one that could also be a version. */
static bool has_prerelease(const char *text, bool *number)
{
    bool found = false;

    *number = false;
    for (const char *p = strchr(text, '-'); p; p = strchr(p + 1, '-')) {
        size_t tag = strcspn(p + 1, " |<>=,");

        if (p == text || !isdigit((unsigned char)p[-1]) || tag == 0) continue;
        found = true;
        if (strspn(p + 1, "0123456789.") >= tag) *number = true;
    }
    return found;
}

static void check_requirement(struct check *c, const struct at *at, struct json_object *v, const struct sedge_key *key)
{
    const char *text = text_of(c, at, sedge_key_expected(key), v);
    const struct about about = {.at = at, .text = text};
    struct sedge_semreq *r;
    bool number;

    if (!text) return;
    r = sedge_semreq_parse(text, c->src.err);
    if (!r)
        refused(c, at, RULE_VALUE, text);
    else if (!has_prerelease(text, &number))
        (void)number;
    else if (!number)
        sedge_check_found(c, RULE_PRERELEASE, &about,
                          "of the pre-releases, only those of the same major.minor.patch match");
    else
        sedge_check_found(
            c, RULE_REQUIREMENT_PRERELEASE, &about,
            "\"%s\" has a pre-release that begins with a number: Greengrass reads it as a range of versions; "
            "write blanks around the \"-\" of a range",
            text);
    sedge_semreq_free(r);
}

static void check_word(struct check *c, const struct at *at, struct json_object *v, const struct sedge_key *key)
{
    sedge_auto_buf struct sedge_buf list = SEDGE_BUF_INIT;
    const char *text = sedge_json_is_str(v) ? json_object_get_string(v) : NULL;
    struct about about = {.at = at, .text = sedge_check_is_scalar(v) ? sedge_check_text(v) : NULL};
    size_t n = 0;

    for (; key->words[n]; n++) {
        if (text && strcasecmp(text, key->words[n]) == 0) return;
        sedge_buf_printf(&list, "%s%s", n ? ", " : "one of ", key->words[n]);
    }
    about.expected = list.data;
    if (text && strlen(text) > 3) about.suggestion = sedge_str_nearest(text, key->words, n);
    if (about.text)
        sedge_check_expected(c, RULE_VALUE, &about);
    else
        wrong_type(c, at, list.data, v);
}

/* What the file name has to be is looked at in check_artifacts.c. */
static void check_uri(struct check *c, const struct at *at, struct json_object *v, const struct sedge_key *key)
{
    const char *text = text_of(c, at, sedge_key_expected(key), v);
    const struct about about = {.at = at, .text = text, .expected = sedge_key_expected(key)};

    if (text && !*text) sedge_check_found(c, RULE_ARTIFACT_URI, &about, "is empty; expected %s", about.expected);
}

/* --- collections -------------------------------------------------------------------------------------------------- */

/* A recipe without manifests is read, and fails when it is deployed (recipe.md 2). */
static enum rule missing_rule(const struct sedge_key *key)
{
    return key->below == SEDGE_KEYS_MANIFEST ? RULE_MISSING_MANIFEST : RULE_MISSING_KEY;
}

static void check_object(struct check *c, const struct at *at, struct json_object *v, const struct sedge_key *key)
{
    if (json_object_is_type(v, json_type_object))
        check_level(c, at, v, key->below);
    else
        wrong_type(c, at, sedge_key_expected(key), v);
}

static void check_objects(struct check *c, const struct at *at, struct json_object *v, const struct sedge_key *key)
{
    sedge_auto_free char *expected = sedge_xasprintf("an object (%s)", sedge_keys_level_name(key->below));
    size_t n;

    if (!json_object_is_type(v, json_type_array)) {
        wrong_type(c, at, sedge_key_expected(key), v);
        return;
    }
    n = json_object_array_length(v);
    if (n == 0 && key->required)
        sedge_check_found(c, missing_rule(key), &(struct about){.at = at, .expected = key->expected},
                          "is empty; expected %s", key->expected);
    if (too_many(c, at, n, key->max)) return;
    for (size_t i = 0; i < n; i++) {
        struct json_object *element = json_object_array_get_idx(v, i);

        if (json_object_is_type(element, json_type_object))
            check_level(c, AT_INDEX(at, i), element, key->below);
        else
            wrong_type(c, AT_INDEX(at, i), expected, element);
    }
}

static void check_texts(struct check *c, const struct at *at, struct json_object *v, const struct sedge_key *key)
{
    if (!json_object_is_type(v, json_type_array)) {
        wrong_type(c, at, sedge_key_expected(key), v);
        return;
    }
    if (too_many(c, at, json_object_array_length(v), key->max)) return;
    for (size_t i = 0; i < json_object_array_length(v); i++)
        (void)text_of(c, AT_INDEX(at, i), "text", json_object_array_get_idx(v, i));
}

/* The component's own name, as far as it can be read. */
static const char *own_name(struct check *c)
{
    struct json_object *v = sedge_json_get_nocase(c->doc, "ComponentName", NULL);

    return sedge_json_is_str(v) ? json_object_get_string(v) : "";
}

static void check_dependency(struct check *c, const struct at *at, struct json_object *v, const struct sedge_key *key)
{
    const struct about about = {.at = at, .key = true, .text = at->key};
    struct json_object *type;

    if (sedge_component_name_check(at->key, c->src.err) != 0) {
        sedge_check_found(c, RULE_VALUE, &about, "%s", c->src.err->msg);
    } else if (strcmp(at->key, own_name(c)) == 0) {
        sedge_check_found(c, RULE_DEPENDENCY_CYCLE, &about, "the component depends on itself");
    }
    if (!json_object_is_type(v, json_type_object)) {
        wrong_type(c, at, "an object with VersionRequirement", v);
        return;
    }
    check_level(c, at, v, key->below);
    type = sedge_json_get_nocase(v, "DependencyType", NULL);
    if (sedge_json_is_str(type) && strcasecmp(json_object_get_string(type), "SOFT") == 0)
        sedge_check_found(c, RULE_SOFT_DEPENDENCY, &about,
                          "a SOFT dependency is deployed, nothing more: this component does not wait for it");
}

static void check_named(struct check *c, const struct at *at, struct json_object *v, const struct sedge_key *key)
{
    if (!json_object_is_type(v, json_type_object)) {
        wrong_type(c, at, sedge_key_expected(key), v);
        return;
    }
    if (too_many(c, at, (size_t)json_object_object_length(v), key->max)) return;
    json_object_object_foreach (v, name, child) {
        check_dependency(c, AT(at, name), child, key);
    }
}

/* Names and values are looked at in check_platform.c; here what makes the parser refuse them. */
static void check_platform(struct check *c, const struct at *at, struct json_object *v, const struct sedge_key *key)
{
    if (!json_object_is_type(v, json_type_object)) {
        wrong_type(c, at, sedge_key_expected(key), v);
        return;
    }
    json_object_object_foreach (v, name, child) {
        const struct at here = {at, name, 0};
        const char *text = child ? text_of(c, &here, "text", child) : NULL;

        if (text && sedge_platform_template_check(text, c->src.err) != 0) refused(c, &here, RULE_PLATFORM_REGEX, text);
    }
}

static void check_values(struct check *c, const struct at *at, struct json_object *v, const struct sedge_key *key)
{
    if (!json_object_is_type(v, json_type_object)) {
        wrong_type(c, at, sedge_key_expected(key), v);
        return;
    }
    sedge_check_configuration(c, at, v);
    sedge_check_access(c, at);
}

/* Steps are looked at in check_lifecycle.c. */
static void check_lifecycle(struct check *c, const struct at *at, struct json_object *v, const struct sedge_key *key)
{
    if (!json_object_is_type(v, json_type_object)) wrong_type(c, at, sedge_key_expected(key), v);
}

static void check_global_lifecycle(struct check *c, const struct at *at, struct json_object *v,
                                   const struct sedge_key *key)
{
    sedge_auto_put struct json_object *seen = json_object_new_object();

    if (!json_object_is_type(v, json_type_array)) {
        check_lifecycle(c, at, v, key);
        return;
    }
    for (size_t i = 0; i < json_object_array_length(v); i++) {
        struct json_object *map = json_object_array_get_idx(v, i);
        const struct at here = {at, NULL, i};

        if (!json_object_is_type(map, json_type_object)) {
            wrong_type(c, &here, "an object", map);
            continue;
        }
        json_object_object_foreach (map, name, child) {
            (void)child;
            if (sedge_json_has(seen, name))
                sedge_check_found(c, RULE_DUPLICATE_KEY,
                                  &(struct about){.at = AT(&here, name), .key = true, .text = name}, "is there twice");
            (void)json_object_object_add(seen, name, NULL);
        }
    }
}

/* --- levels ------------------------------------------------------------------------------------------------------- */

typedef void (*value_check)(struct check *c, const struct at *at, struct json_object *v, const struct sedge_key *key);

/* Types of the free-form levels are not here: nothing that stands there makes the parser refuse a recipe. */
static const value_check checks[SEDGE_NKEY_TYPES] = {
    [SEDGE_KEY_TEXT] = check_text,
    [SEDGE_KEY_FORMAT] = check_format,
    [SEDGE_KEY_NAME] = check_name,
    [SEDGE_KEY_VERSION] = check_version,
    [SEDGE_KEY_REQUIREMENT] = check_requirement,
    [SEDGE_KEY_WORD] = check_word,
    [SEDGE_KEY_OBJECT] = check_object,
    [SEDGE_KEY_OBJECTS] = check_objects,
    [SEDGE_KEY_NAMED] = check_named,
    [SEDGE_KEY_TEXTS] = check_texts,
    [SEDGE_KEY_PLATFORM] = check_platform,
    [SEDGE_KEY_VALUES] = check_values,
    [SEDGE_KEY_URI] = check_uri,
    [SEDGE_KEY_LIFECYCLE] = check_lifecycle,
    [SEDGE_KEY_GLOBAL_LIFECYCLE] = check_global_lifecycle,
};

/* Where a key that is not known on this level would be one: "Lifecycle" for "Run" in a manifest. */
static const char *other_place(enum sedge_keys_level level, const char *name)
{
    if (strcasecmp(name, "accessControl") == 0) return "ComponentConfiguration.DefaultConfiguration";
    if (level == SEDGE_KEYS_CONFIGURATION) return "DefaultConfiguration";
    if (level == SEDGE_KEYS_RECIPE && sedge_key_find(SEDGE_KEYS_MANIFEST, name)) return "Manifests[...]";
    if (level <= SEDGE_KEYS_MANIFEST && sedge_key_find(SEDGE_KEYS_LIFECYCLE, name)) return "Lifecycle";
    if (level == SEDGE_KEYS_ARTIFACT && sedge_key_find(SEDGE_KEYS_PERMISSION, name)) return "Permission";
    if (level == SEDGE_KEYS_MANIFEST && sedge_key_find(SEDGE_KEYS_PLATFORM, name)) return "Platform";
    if (level == SEDGE_KEYS_MANIFEST && sedge_key_find(SEDGE_KEYS_ARTIFACT, name)) return "Artifacts[...]";
    return NULL;
}

static void unknown_key(struct check *c, const struct at *at, enum sedge_keys_level level)
{
    const char *place = other_place(level, at->key);
    const struct about about = {
        .at = at, .key = true, .text = at->key, .suggestion = place ? NULL : sedge_key_nearest(level, at->key)};

    sedge_check_found(c, RULE_UNKNOWN_KEY, &about, "unknown key of a %s, it is ignored%s%s",
                      sedge_keys_level_name(level), place ? "; it belongs into " : "", place ? place : "");
}

/* Whether a key of the table stands here already in another spelling, with the same rule as the parser. */
static const char *earlier(struct json_object *o, const char *name)
{
    json_object_object_foreach (o, key, v) {
        (void)v;
        if (strcmp(key, name) == 0) return NULL;
        if (strcasecmp(key, name) == 0) return key;
    }
    return NULL;
}

static void check_required(struct check *c, const struct at *at, struct json_object *o, enum sedge_keys_level level)
{
    size_t n;
    const struct sedge_key *rows = sedge_keys(level, &n);

    for (size_t i = 0; i < n; i++) {
        const struct about about = {.at = at, .expected = sedge_key_expected(&rows[i])};
        const char *stored = NULL;

        if (!rows[i].required || sedge_json_get_nocase(o, rows[i].name, &stored)) continue;
        sedge_check_found(c, missing_rule(&rows[i]), &about, "%s is %s; expected %s", rows[i].name,
                          stored ? "null" : "missing", about.expected);
    }
}

static void check_level(struct check *c, const struct at *at, struct json_object *o, enum sedge_keys_level level)
{
    check_required(c, at, o, level);
    json_object_object_foreach (o, name, v) {
        const struct at here = {at, name, 0};
        const struct sedge_key *row = sedge_key_find(level, name);
        const char *first = row ? earlier(o, name) : NULL;

        if (!row)
            unknown_key(c, &here, level);
        else if (first)
            sedge_check_found(c, RULE_DUPLICATE_KEY, &(struct about){.at = &here, .key = true, .text = name},
                              "is there already, as \"%s\"; expected it once", first);
        else if (v && checks[row->type])
            checks[row->type](c, &here, v, row);
    }
}

static void check_type(struct check *c)
{
    const char *stored = NULL;
    struct json_object *v = sedge_json_get_nocase(c->doc, "ComponentType", &stored);
    const char *text = sedge_json_is_str(v) ? json_object_get_string(v) : "aws.greengrass.generic";
    const struct about about = {.at = AT(NULL, stored), .text = text, .expected = "aws.greengrass.generic"};
    const struct sedge_key *key = sedge_key_find(SEDGE_KEYS_RECIPE, "ComponentType");

    for (size_t i = 1; key->words[i]; i++)
        if (strcasecmp(text, key->words[i]) == 0)
            sedge_check_found(c, RULE_COMPONENT_TYPE, &about,
                              "components of type %s cannot be deployed here; expected aws.greengrass.generic", text);
}

/* "com.x.A-1.0.0.yaml" promises a name and a version. */
static void check_file_name(struct check *c)
{
    const char *slash = strrchr(c->src.file, '/');
    const char *base = slash ? slash + 1 : c->src.file;
    struct json_object *version = sedge_json_get_nocase(c->doc, "ComponentVersion", NULL);
    sedge_auto_free char *want = NULL;
    struct sedge_version parsed;
    const char *dash;
    size_t n = strlen(base);

    if (!sedge_recipe_is_file_name(base) || !sedge_json_is_str(version)) return;
    while (base[--n] != '.') {
    }
    for (dash = strchr(base, '-'); dash; dash = strchr(dash + 1, '-')) {
        sedge_auto_free char *text = sedge_xstrndup(dash + 1, (size_t)(base + n > dash + 1 ? base + n - dash - 1 : 0));

        if (sedge_version_parse(text, &parsed, NULL) == 0) break;
    }
    want = sedge_xasprintf("%s-%s", own_name(c), json_object_get_string(version));
    if (!dash || strncmp(base, want, n) == 0 || !*own_name(c)) return;
    sedge_check_found(c, RULE_FILE_NAME, &(struct about){.at = NULL, .text = base},
                      "the file is named %s, but this is %s %s; some nuclei go by the file name", base, own_name(c),
                      json_object_get_string(version));
}

void sedge_check_keys(struct check *c)
{
    check_level(c, NULL, c->doc, SEDGE_KEYS_RECIPE);
    check_type(c);
    check_file_name(c);
}
