#include "recipe.h"
#include "platform.h"
#include "source.h"

#include "base/fs.h"
#include "base/mem.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define AT(up_, key_)     (&(const struct at){(up_), (key_), 0})
#define AT_INDEX(up_, i_) (&(const struct at){(up_), NULL, (i_)})

/* --- members ------------------------------------------------------------------------------------------------------ */

/* The member `key` of o in any letter case, NULL if absent or null; *stored gets its spelling. -1 when it is there in
 * two spellings. */
static int member(const struct source *src, const struct at *at, struct json_object *o, const char *key,
                  struct json_object **out, const char **stored)
{
    *out = NULL;
    *stored = NULL;
    json_object_object_foreach (o, k, v) {
        if (strcasecmp(k, key) != 0) continue;
        if (*stored)
            return sedge_source_bad(src, AT(at, k), SEDGE_E_INVALID, "is there already, as \"%s\"; expected it once",
                                    *stored);
        *stored = k;
        *out = v;
    }
    return 0;
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

static int wrong_type(const struct source *src, const struct at *at, const char *expected, struct json_object *v)
{
    return sedge_source_bad(src, at, SEDGE_E_INVALID, "expected %s, got %s", expected,
                            json_object_is_type(v, json_type_string) ? "text"
                                                                     : json_type_to_name(json_object_get_type(v)));
}

/* A text member (numbers and booleans count by their text); *out is a copy, NULL if absent. */
static int text_member(const struct source *src, const struct at *at, struct json_object *o, const char *key,
                       char **out)
{
    struct json_object *v;
    const char *stored;

    if (member(src, at, o, key, &v, &stored) != 0) return -1;
    if (!v) return 0;
    if (!is_scalar(v)) return wrong_type(src, AT(at, stored), "text", v);
    *out = sedge_xstrdup(scalar_text(v));
    return 0;
}

static int required_text(const struct source *src, const struct at *at, struct json_object *o, const char *key,
                         const char *expected, char **out)
{
    if (text_member(src, at, o, key, out) != 0) return -1;
    if (*out) return 0;
    return sedge_source_bad(src, at, SEDGE_E_INVALID, "%s is missing; expected %s", key, expected);
}

/* A member of one type (object or array), borrowed; NULL if absent. */
static int typed_member(const struct source *src, const struct at *at, struct json_object *o, const char *key,
                        enum json_type type, struct json_object **out, const char **stored)
{
    if (member(src, at, o, key, out, stored) != 0) return -1;
    if (!*out || json_object_is_type(*out, type)) return 0;
    return wrong_type(src, AT(at, *stored), type == json_type_array ? "a list" : "an object", *out);
}

/* A word out of a list, in any letter case; *out keeps its value if absent. */
static int word_member(const struct source *src, const struct at *at, struct json_object *o, const char *key,
                       const char *const *words, size_t n, unsigned *out)
{
    sedge_auto_buf struct sedge_buf list = SEDGE_BUF_INIT;
    struct json_object *v;
    const char *stored;

    if (member(src, at, o, key, &v, &stored) != 0) return -1;
    if (!v) return 0;
    for (unsigned i = 0; i < n; i++) {
        if (sedge_json_is_str(v) && strcasecmp(json_object_get_string(v), words[i]) == 0) {
            *out = i;
            return 0;
        }
        sedge_buf_printf(&list, "%s%s", i ? ", " : "", words[i]);
    }
    return sedge_source_bad(src, AT(at, stored), SEDGE_E_INVALID, "expected one of %s, got %.100s", list.data,
                            sedge_json_text(v));
}

static int too_many(const struct source *src, const struct at *at, size_t n, size_t max)
{
    return sedge_source_bad(src, at, SEDGE_E_LIMIT, "%zu entries, at most %zu are allowed", n, max);
}

/* --- artifacts ---------------------------------------------------------------------------------------------------- */

static int parse_permission(const struct source *src, const struct at *at, struct json_object *o,
                            struct sedge_artifact *a)
{
    static const char *const words[] = {
        [SEDGE_PERMISSION_NONE] = "NONE", [SEDGE_PERMISSION_OWNER] = "OWNER", [SEDGE_PERMISSION_ALL] = "ALL"};
    struct json_object *permission;
    unsigned read = SEDGE_PERMISSION_OWNER;
    unsigned execute = SEDGE_PERMISSION_NONE;
    const char *stored;

    if (typed_member(src, at, o, "Permission", json_type_object, &permission, &stored) != 0) return -1;
    if (permission) {
        const struct at here = {at, stored, 0};

        if (word_member(src, &here, permission, "Read", words, SEDGE_ARRAY_LEN(words), &read) != 0 ||
            word_member(src, &here, permission, "Execute", words, SEDGE_ARRAY_LEN(words), &execute) != 0)
            return -1;
    }
    a->read = (enum sedge_permission)read;
    a->execute = (enum sedge_permission)execute;
    return 0;
}

static int parse_artifact(const struct source *src, const struct at *at, struct json_object *o,
                          struct sedge_artifact *a)
{
    static const char *const words[] = {[SEDGE_UNARCHIVE_NONE] = "NONE",
                                        [SEDGE_UNARCHIVE_ZIP] = "ZIP",
                                        [SEDGE_UNARCHIVE_TAR] = "TAR",
                                        [SEDGE_UNARCHIVE_TGZ] = "TGZ"};
    unsigned unarchive = SEDGE_UNARCHIVE_NONE;

    if (!json_object_is_type(o, json_type_object)) return wrong_type(src, at, "an object with Uri", o);
    if (required_text(src, at, o, "Uri", "a text such as s3://bucket/key", &a->uri) != 0 ||
        text_member(src, at, o, "Digest", &a->digest) != 0 ||
        text_member(src, at, o, "Algorithm", &a->algorithm) != 0 ||
        word_member(src, at, o, "Unarchive", words, SEDGE_ARRAY_LEN(words), &unarchive) != 0)
        return -1;
    a->unarchive = (enum sedge_unarchive)unarchive;
    return parse_permission(src, at, o, a);
}

static int parse_artifacts(const struct source *src, const struct at *up, struct json_object *o,
                           struct sedge_manifest *m)
{
    struct json_object *list;
    struct at at = {up, NULL, 0};
    size_t n;

    if (typed_member(src, up, o, "Artifacts", json_type_array, &list, &at.key) != 0) return -1;
    n = list ? json_object_array_length(list) : 0;
    if (n > SEDGE_RECIPE_ARTIFACTS_MAX) return too_many(src, &at, n, SEDGE_RECIPE_ARTIFACTS_MAX);
    m->artifacts = sedge_xcalloc(n, sizeof *m->artifacts);
    for (size_t i = 0; i < n; i++) {
        m->nartifacts = i + 1;
        if (parse_artifact(src, AT_INDEX(&at, i), json_object_array_get_idx(list, i), &m->artifacts[i]) != 0) return -1;
    }
    return 0;
}

/* --- manifests ---------------------------------------------------------------------------------------------------- */

static int parse_platform(const struct source *src, const struct at *up, struct json_object *o,
                          struct sedge_manifest *m)
{
    struct json_object *platform;
    struct at at = {up, NULL, 0};

    if (typed_member(src, up, o, "Platform", json_type_object, &platform, &at.key) != 0) return -1;
    if (!platform) return 0;
    m->platform = json_object_new_object();
    json_object_object_foreach (platform, name, v) {
        const struct at here = {&at, name, 0};

        if (v && !is_scalar(v)) return wrong_type(src, &here, "text", v);
        /* What is only not supported counts when the device comes to it: another manifest may fit before. */
        if (v && sedge_platform_template_check(scalar_text(v), src->err) != 0 && src->err->code != SEDGE_E_UNSUPPORTED)
            return sedge_source_wrap(src, &here);
        (void)json_object_object_add(m->platform, name, v ? json_object_new_string(scalar_text(v)) : NULL);
    }
    return 0;
}

static int parse_selections(const struct source *src, const struct at *up, struct json_object *o,
                            struct sedge_manifest *m)
{
    struct json_object *list;
    struct at at = {up, NULL, 0};
    size_t n;

    if (typed_member(src, up, o, "Selections", json_type_array, &list, &at.key) != 0) return -1;
    n = list ? json_object_array_length(list) : 0;
    if (n > SEDGE_RECIPE_SELECTIONS_MAX) return too_many(src, &at, n, SEDGE_RECIPE_SELECTIONS_MAX);
    for (size_t i = 0; i < n; i++) {
        struct json_object *v = json_object_array_get_idx(list, i);

        if (!v || !is_scalar(v)) return wrong_type(src, AT_INDEX(&at, i), "text", v);
        sedge_strv_add(&m->selections, scalar_text(v));
    }
    return 0;
}

static int parse_manifest(const struct source *src, const struct at *at, struct json_object *o,
                          struct sedge_manifest *m)
{
    struct json_object *lifecycle;
    const char *stored;

    if (!json_object_is_type(o, json_type_object)) return wrong_type(src, at, "an object", o);
    if (text_member(src, at, o, "Name", &m->name) != 0 || parse_platform(src, at, o, m) != 0 ||
        parse_selections(src, at, o, m) != 0 ||
        typed_member(src, at, o, "Lifecycle", json_type_object, &lifecycle, &stored) != 0)
        return -1;
    m->lifecycle = json_object_get(lifecycle);
    return parse_artifacts(src, at, o, m);
}

static int parse_manifests(const struct source *src, struct json_object *doc, struct sedge_recipe *r)
{
    struct json_object *list;
    struct at at = {NULL, NULL, 0};
    size_t n;

    if (typed_member(src, NULL, doc, "Manifests", json_type_array, &list, &at.key) != 0) return -1;
    n = list ? json_object_array_length(list) : 0;
    if (n > SEDGE_RECIPE_MANIFESTS_MAX) return too_many(src, &at, n, SEDGE_RECIPE_MANIFESTS_MAX);
    r->manifests = sedge_xcalloc(n, sizeof *r->manifests);
    for (size_t i = 0; i < n; i++) {
        r->nmanifests = i + 1;
        if (parse_manifest(src, AT_INDEX(&at, i), json_object_array_get_idx(list, i), &r->manifests[i]) != 0) return -1;
    }
    return 0;
}

/* --- dependencies ------------------------------------------------------------------------------------------------- */

static int parse_dependency(const struct source *src, const struct at *at, struct json_object *o,
                            struct sedge_dependency *d)
{
    static const char *const words[] = {"HARD", "SOFT"};
    sedge_auto_free char *requirement = NULL;
    unsigned type = 0;

    d->name = sedge_xstrdup(at->key);
    if (sedge_component_name_check(d->name, src->err) != 0) return sedge_source_wrap(src, at);
    if (!json_object_is_type(o, json_type_object)) return wrong_type(src, at, "an object with VersionRequirement", o);
    if (required_text(src, at, o, "VersionRequirement", "a text such as \">=1.0.0 <2.0.0\"", &requirement) != 0 ||
        word_member(src, at, o, "DependencyType", words, SEDGE_ARRAY_LEN(words), &type) != 0)
        return -1;
    d->hard = type == 0;
    d->requirement = sedge_semreq_parse(requirement, src->err);
    return d->requirement ? 0 : sedge_source_wrap(src, AT(at, "VersionRequirement"));
}

static int parse_dependencies(const struct source *src, struct json_object *doc, struct sedge_recipe *r)
{
    struct json_object *map;
    struct at at = {NULL, NULL, 0};
    size_t n;

    if (typed_member(src, NULL, doc, "ComponentDependencies", json_type_object, &map, &at.key) != 0) return -1;
    if (!map) return 0;
    n = (size_t)json_object_object_length(map);
    if (n > SEDGE_RECIPE_DEPS_MAX) return too_many(src, &at, n, SEDGE_RECIPE_DEPS_MAX);
    r->dependencies = sedge_xcalloc(n, sizeof *r->dependencies);
    json_object_object_foreach (map, name, v) {
        struct sedge_dependency *d = &r->dependencies[r->ndependencies++];

        if (parse_dependency(src, AT(&at, name), v, d) != 0) return -1;
    }
    return 0;
}

/* --- the whole ---------------------------------------------------------------------------------------------------- */

static int parse_identity(const struct source *src, struct json_object *doc, struct sedge_recipe *r)
{
    sedge_auto_free char *format = NULL;
    sedge_auto_free char *version = NULL;

    if (required_text(src, NULL, doc, "RecipeFormatVersion", "\"" SEDGE_RECIPE_FORMAT "\"", &format) != 0 ||
        required_text(src, NULL, doc, "ComponentName", "a text such as com.example.Hello", &r->name) != 0 ||
        required_text(src, NULL, doc, "ComponentVersion", "a text such as \"1.0.0\"", &version) != 0)
        return -1;
    if (strcmp(format, SEDGE_RECIPE_FORMAT) != 0)
        return sedge_source_bad(src, AT(NULL, "RecipeFormatVersion"), SEDGE_E_UNSUPPORTED,
                                "expected \"" SEDGE_RECIPE_FORMAT "\", got \"%.40s\"", format);
    if (sedge_component_name_check(r->name, src->err) != 0) return sedge_source_wrap(src, AT(NULL, "ComponentName"));
    if (sedge_version_parse(version, &r->version, src->err) != 0)
        return sedge_source_wrap(src, AT(NULL, "ComponentVersion"));
    return 0;
}

static int parse_header(const struct source *src, struct json_object *doc, struct sedge_recipe *r)
{
    static const char *const words[] = {[SEDGE_COMPONENT_GENERIC] = "aws.greengrass.generic",
                                        [SEDGE_COMPONENT_LAMBDA] = "aws.greengrass.lambda",
                                        [SEDGE_COMPONENT_PLUGIN] = "aws.greengrass.plugin",
                                        [SEDGE_COMPONENT_NUCLEUS] = "aws.greengrass.nucleus"};
    unsigned type = SEDGE_COMPONENT_GENERIC;

    if (text_member(src, NULL, doc, "ComponentDescription", &r->description) != 0 ||
        text_member(src, NULL, doc, "ComponentPublisher", &r->publisher) != 0 ||
        text_member(src, NULL, doc, "ComponentSource", &r->source) != 0 ||
        word_member(src, NULL, doc, "ComponentType", words, SEDGE_ARRAY_LEN(words), &type) != 0)
        return -1;
    r->type = (enum sedge_component_type)type;
    return 0;
}

static int parse_configuration(const struct source *src, struct json_object *doc, struct sedge_recipe *r)
{
    struct json_object *outer;
    struct json_object *inner;
    struct at at = {NULL, NULL, 0};
    const char *stored;

    if (typed_member(src, NULL, doc, "ComponentConfiguration", json_type_object, &outer, &at.key) != 0) return -1;
    if (!outer) return 0;
    if (typed_member(src, &at, outer, "DefaultConfiguration", json_type_object, &inner, &stored) != 0) return -1;
    r->default_configuration = json_object_get(inner);
    return 0;
}

/* "- all: {...}": a list of maps with one key each becomes one map. */
static int merge_list(const struct source *src, const struct at *at, struct json_object *list, struct json_object *out)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *map = json_object_array_get_idx(list, i);

        if (!json_object_is_type(map, json_type_object)) return wrong_type(src, AT_INDEX(at, i), "an object", map);
        json_object_object_foreach (map, key, v) {
            if (sedge_json_has(out, key))
                return sedge_source_bad(src, AT(AT_INDEX(at, i), key), SEDGE_E_INVALID, "is there twice");
            (void)json_object_object_add(out, key, json_object_get(v)); /* takes the reference */
        }
    }
    return 0;
}

static int parse_lifecycle(const struct source *src, struct json_object *doc, struct sedge_recipe *r)
{
    struct json_object *v;
    struct at at = {NULL, NULL, 0};

    if (member(src, NULL, doc, "Lifecycle", &v, &at.key) != 0) return -1;
    if (json_object_is_type(v, json_type_array)) {
        r->lifecycle = json_object_new_object();
        return merge_list(src, &at, v, r->lifecycle);
    }
    if (v && !json_object_is_type(v, json_type_object)) return wrong_type(src, &at, "an object", v);
    r->lifecycle = json_object_get(v);
    return 0;
}

static bool has_extension(const char *name, const char *extension)
{
    size_t n = strlen(name);
    size_t k = strlen(extension);

    return n > k && strcasecmp(name + n - k, extension) == 0;
}

bool sedge_recipe_is_file_name(const char *name)
{
    return has_extension(name, ".json") || has_extension(name, ".yaml") || has_extension(name, ".yml");
}

bool sedge_recipe_is_yaml(const char *text, size_t len, const char *file)
{
    size_t i = 0;

    if (has_extension(file, ".json")) return false;
    if (has_extension(file, ".yaml") || has_extension(file, ".yml")) return true;
    while (i < len && isspace((unsigned char)text[i]))
        i++;
    return i == len || text[i] != '{';
}

struct sedge_recipe *sedge_recipe_parse(const char *text, size_t len, const char *file, struct sedge_err *err)
{
    struct sedge_err local = SEDGE_ERR_INIT;
    struct source src = {text, len, file, sedge_recipe_is_yaml(text, len, file), err ? err : &local};
    struct sedge_recipe *r;

    if (len > SEDGE_RECIPE_BYTES_MAX) {
        (void)sedge_err_set(err, SEDGE_E_LIMIT, "%s: a recipe of %zu bytes; at most %u are allowed", file, len,
                            SEDGE_RECIPE_BYTES_MAX);
        return NULL;
    }
    r = SEDGE_NEW(struct sedge_recipe);
    r->document = sedge_source_read(&src);
    if (r->document && parse_identity(&src, r->document, r) == 0 && parse_header(&src, r->document, r) == 0 &&
        parse_configuration(&src, r->document, r) == 0 && parse_dependencies(&src, r->document, r) == 0 &&
        parse_manifests(&src, r->document, r) == 0 && parse_lifecycle(&src, r->document, r) == 0)
        return r;
    sedge_recipe_free(r);
    return NULL;
}

struct sedge_recipe *sedge_recipe_load(const char *path, struct sedge_err *err)
{
    sedge_auto_buf struct sedge_buf text = SEDGE_BUF_INIT;

    if (!sedge_recipe_is_file_name(path)) {
        (void)sedge_err_set(err, SEDGE_E_UNSUPPORTED, "%s: not a recipe file; expected .json, .yaml or .yml", path);
        return NULL;
    }
    if (sedge_fs_read(path, SEDGE_RECIPE_BYTES_MAX, &text, err) != 0) return NULL;
    sedge_buf_puts(&text, "");
    return sedge_recipe_parse(text.data, text.len, path, err);
}
