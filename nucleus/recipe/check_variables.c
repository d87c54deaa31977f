/* Recipe variables: those that stay in the text because nothing answers to them, and those in places where none count.
 */
#include "check_parts.h"
#include "interpolate.h"

#include "base/buf.h"
#include "base/mem.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Everything that can stand between braces, without those of other components. */
static const struct {
    const char *space, *key; /* key NULL: a JSON pointer */
    bool others;             /* also of a dependency */
} variables[] = {{"configuration", NULL, true}, {"artifacts", "path", true},   {"artifacts", "decompressedPath", true},
                 {"work", "path", true},        {"kernel", "rootPath", false}, {"iot", "thingName", false}};

/* A placeholder in the text, and where it stands. */
struct spot {
    struct check *c;
    const struct at *at;
    const char *text;  /* the whole text */
    const char *brace; /* in it */
    const struct sedge_variable *v;
    const char *written; /* "{artifacts:path}" */
    const struct files *files;
};

static struct about about(const struct spot *s, const char *suggestion)
{
    return (struct about){.at = s->at, .find = s->written, .text = s->written, .suggestion = suggestion};
}

/* Heap; how it is written; component NULL for the own one. */
static char *placeholder(const char *component, const char *space, const char *key)
{
    return sedge_xasprintf("{%s%s%s:%s}", component ? component : "", component ? ":" : "", space, key);
}

static bool dollar_before(const struct spot *s)
{
    return s->brace > s->text && s->brace[-1] == '$';
}

/* ${NAME:-x} of a shell. */
static bool is_shell(const struct spot *s)
{
    return dollar_before(s) && (s->v->component || (*s->v->key && strchr("-=+?0123456789 ", *s->v->key)));
}

/* --- configuration ------------------------------------------------------------------------------------------------ */

/* The member of `o` that differs from `name` by letter case only, or is near; NULL for none. */
static const char *near_member(struct json_object *o, const char *name)
{
    const char *near = NULL;
    const char *names[64];
    size_t n = 0;

    if (!json_object_is_type(o, json_type_object)) return NULL;
    json_object_object_foreach (o, key, v) {
        (void)v;
        if (strcasecmp(key, name) == 0) near = key;
        if (n < SEDGE_ARRAY_LEN(names)) names[n++] = key;
    }
    return near ? near : sedge_str_nearest(name, names, n);
}

/* Heap; the pointer with the first part that is not there replaced by what is near. NULL: no idea. */
static char *nearest_pointer(struct json_object *root, const char *pointer)
{
    struct sedge_buf out = SEDGE_BUF_INIT;
    struct json_object *v = root;
    bool replaced = false;

    sedge_buf_puts(&out, "");
    for (const char *p = pointer; *p == '/';) {
        size_t n = strcspn(p + 1, "/");
        sedge_auto_free char *part = sedge_xstrndup(p + 1, n);
        const char *name = sedge_json_has(v, part) ? part : near_member(v, part);

        if (!name) {
            sedge_buf_release(&out);
            return NULL;
        }
        replaced = replaced || name != part;
        sedge_buf_printf(&out, "/%s", name);
        v = sedge_json_get(v, name);
        p += n + 1;
    }
    if (replaced) return sedge_buf_steal(&out);
    sedge_buf_release(&out);
    return NULL;
}

static void check_pointer(const struct spot *s)
{
    sedge_auto_put struct json_object *empty = json_object_new_object();
    struct json_object *root = s->c->defaults ? s->c->defaults : empty;
    struct json_object *found = NULL;
    sedge_auto_free char *near = NULL;
    sedge_auto_free char *suggestion = NULL;
    struct about a;

    if (sedge_json_pointer(root, s->v->key, &found, NULL) == 1) return;
    near = nearest_pointer(root, s->v->key);
    if (near) suggestion = placeholder(NULL, "configuration", near);
    a = about(s, suggestion);
    sedge_check_found(s->c, RULE_VARIABLE_POINTER, &a,
                      "%.100s stays as it is unless a deployment sets %.100s: DefaultConfiguration has no such value",
                      s->written, s->v->key);
}

static void check_configuration(const struct spot *s)
{
    if (*s->v->key && *s->v->key != '/') {
        sedge_auto_free char *key = sedge_xasprintf("/%s", s->v->key);
        sedge_auto_free char *suggestion = placeholder(s->v->component, "configuration", key);
        struct about a = about(s, suggestion);

        sedge_check_found(s->c, RULE_POINTER_FORM, &a, "a JSON pointer begins with \"/\"; the deployment fails");
    } else if (!s->v->component) {
        check_pointer(s);
    }
}

/* --- paths -------------------------------------------------------------------------------------------------------- */

/* The name after the placeholder: "{artifacts:path}/NAME". Heap; NULL when it is not plain. */
static char *name_behind(const struct spot *s)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    const char *p = s->brace + strlen(s->written);
    size_t n;

    if (*p++ != '/') return NULL;
    n = strspn(p, plain);
    if (n == 0 || (p[n] && strchr("*?[{$(`~+@%", p[n]))) return NULL;
    return sedge_xstrndup(p, n);
}

static void check_decompressed(const struct spot *s)
{
    sedge_auto_free char *name = name_behind(s);
    sedge_auto_free char *folders = sedge_strv_join(&s->files->bases, ", ");
    struct about a = about(s, NULL);

    if (!s->files->archives) {
        sedge_check_found(s->c, RULE_DECOMPRESSED_PATH, &a, "nothing is unpacked: no artifact has Unarchive");
        return;
    }
    if (!name || sedge_strv_has(&s->files->bases, name)) return;
    a.text = name;
    a.suggestion = s->files->bases.n == 1 ? s->files->bases.v[0] : NULL;
    sedge_check_found(s->c, RULE_DECOMPRESSED_PATH, &a,
                      "an archive is unpacked into a folder of its own name, and there is no \"%s\": expected "
                      "{artifacts:decompressedPath}/ and one of %s",
                      name, folders);
}

/* A file that is nearly the name of an artifact. Others may be meant: what lies in the folder is deployed, too. */
static void check_file(const struct spot *s)
{
    sedge_auto_free char *name = name_behind(s);
    const struct sedge_strv *names = &s->files->names;
    struct about a;

    if (!name || sedge_strv_has(names, name)) return;
    a = about(s, sedge_str_nearest(name, (const char *const *)names->v, names->n));
    a.text = name;
    if (a.suggestion) sedge_check_found(s->c, RULE_ARTIFACT_FILE, &a, "no artifact has the file name %s", name);
}

/* --- names -------------------------------------------------------------------------------------------------------- */

static const char *nearest_space(const char *space)
{
    static const char *const names[] = {"configuration", "artifacts", "work", "kernel", "iot"};
    static const struct {
        const char *written, *meant;
    } others[] = {{"config", "configuration"}, {"artifact", "artifacts"}, {"thing", "iot"}, {"nucleus", "kernel"}};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(others); i++)
        if (strcasecmp(others[i].written, space) == 0) return others[i].meant;
    return sedge_str_nearest(space, names, SEDGE_ARRAY_LEN(names));
}

/* Heap; the variable that was probably meant, NULL for no idea. */
static char *nearest_variable(const struct spot *s)
{
    const char *space = nearest_space(s->v->space);
    const char *keys[4];
    const char *key = NULL;
    size_t n = 0;

    if (!space) return NULL;
    if (strcmp(space, "configuration") == 0) return placeholder(s->v->component, space, s->v->key);
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(variables); i++) {
        if (strcmp(variables[i].space, space) != 0) continue;
        if (s->v->component && !variables[i].others) return placeholder(NULL, space, variables[i].key);
        keys[n++] = variables[i].key;
    }
    key = n == 1 ? keys[0] : sedge_str_nearest(s->v->key, keys, n);
    return key ? placeholder(s->v->component, space, key) : NULL;
}

static bool is_known(const struct sedge_variable *v)
{
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(variables); i++) {
        if (v->component && !variables[i].others) continue;
        if (strcmp(variables[i].space, v->space) == 0 && (!variables[i].key || strcmp(variables[i].key, v->key) == 0))
            return true;
    }
    return false;
}

static bool check_component(const struct spot *s)
{
    const char *component = s->v->component;
    sedge_auto_free char *suggestion = NULL;
    const char *near = s->c->dependencies ? near_member(s->c->dependencies, component) : NULL;
    const char *own = sedge_json_str(s->c->doc, "ComponentName", "");
    struct about a;

    if (s->c->dependencies && sedge_json_has(s->c->dependencies, component)) return true;
    if (strcmp(own, component) == 0)
        suggestion = placeholder(NULL, s->v->space, s->v->key);
    else if (near)
        suggestion = placeholder(near, s->v->space, s->v->key);
    a = about(s, suggestion);
    sedge_check_found(s->c, RULE_VARIABLE_COMPONENT, &a,
                      "stays as it is: %.100s is not among the ComponentDependencies", component);
    return false;
}

static void check_spot(const struct spot *s)
{
    sedge_auto_free char *suggestion = NULL;
    struct about a = about(s, NULL);

    if (!is_known(s->v)) {
        suggestion = nearest_variable(s);
        a.suggestion = suggestion;
        if (dollar_before(s) && (is_shell(s) || !suggestion)) return;
        sedge_check_found(s->c, RULE_VARIABLE_UNKNOWN, &a, "stays as it is: there is no recipe variable %.100s",
                          s->written);
        return;
    }
    if (is_shell(s)) return;
    if (dollar_before(s))
        sedge_check_found(s->c, RULE_VARIABLE_DOLLAR, &a,
                          "the \"$\" in front stays in the text; recipe variables have none");
    if (s->v->component && !check_component(s)) return;
    if (strcmp(s->v->space, "configuration") == 0) check_configuration(s);
    if (s->v->component || strcmp(s->v->space, "artifacts") != 0) return;
    if (strcmp(s->v->key, "path") == 0)
        check_file(s);
    else
        check_decompressed(s);
}

/* Calls back for each placeholder of the text, those of other components as well; the same one only once. */
static void each(struct check *c, const struct at *at, const char *text, const struct files *files,
                 void (*fn)(const struct spot *s))
{
    sedge_auto_strv struct sedge_strv seen = {NULL, 0};

    for (const char *p = strchr(text, '{'); p && !c->full; p = strchr(p + 1, '{')) {
        struct sedge_variable v;
        bool found = sedge_variable_read(p, false, &v);

        if (!found) {
            sedge_variable_release(&v);
            found = sedge_variable_read(p, true, &v);
        }
        if (found) {
            sedge_auto_free char *written = sedge_xstrndup(p, v.length);
            const struct spot spot = {c, at, text, p, &v, written, files};

            if (seen.n >= SEDGE_CHECK_FINDINGS_MAX || !sedge_strv_has(&seen, written)) fn(&spot);
            if (seen.n < SEDGE_CHECK_FINDINGS_MAX) sedge_strv_add(&seen, written);
        }
        sedge_variable_release(&v);
    }
}

void sedge_check_variables(struct check *c, const struct at *at, const char *text, const struct files *files)
{
    each(c, at, text, files, check_spot);
}

/* --- the configuration -------------------------------------------------------------------------------------------- */

static void in_configuration(const struct spot *s)
{
    struct about a = about(s, NULL);

    if (!is_known(s->v) || dollar_before(s)) return;
    if (strcmp(s->v->space, "configuration") == 0)
        sedge_check_found(s->c, RULE_VARIABLE_PLACE, &a, "stays as it is: it is not replaced within a configuration");
    else
        sedge_check_found(s->c, RULE_VARIABLE_PLACE, &a,
                          "stays as it is, unless the nucleus has interpolateComponentConfiguration: true");
}

#define SIBLINGS_MAX 1000 /* members of one object that are compared with each other: enough for what people write */

/* Names are compared without regard to case in the tree, and "_" in front keeps them from the disk. */
static void check_names(struct check *c, const struct at *at, struct json_object *o, const char *name)
{
    const struct about a = {.at = AT(at, name), .key = true, .text = name};

    if (*name == '_')
        sedge_check_found(c, RULE_CONFIGURATION_KEY, &a,
                          "names that begin with \"_\" are internal: the value is not kept");
    json_object_object_foreach (o, key, v) {
        (void)v;
        if (strcmp(key, name) == 0) return;
        if (strcasecmp(key, name) != 0) continue;
        sedge_check_found(c, RULE_CONFIGURATION_KEY, &a,
                          "is there already, as \"%s\": letter case does not count, one of the two "
                          "is lost",
                          key);
        return;
    }
}

void sedge_check_configuration(struct check *c, const struct at *at, struct json_object *v)
{
    if (c->full) return;
    if (json_object_is_type(v, json_type_object)) {
        size_t n = 0;

        json_object_object_foreach (v, name, child) {
            if (n++ < SIBLINGS_MAX) check_names(c, at, v, name);
            sedge_check_configuration(c, AT(at, name), child);
        }
    } else if (json_object_is_type(v, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(v); i++)
            sedge_check_configuration(c, AT_INDEX(at, i), json_object_array_get_idx(v, i));
    } else if (sedge_json_is_str(v)) {
        each(c, at, json_object_get_string(v), NULL, in_configuration);
    }
}
