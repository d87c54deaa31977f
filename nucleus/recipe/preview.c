#include "preview.h"
#include "interpolate.h"
#include "platform.h"
#include "step.h"

#include "base/mem.h"

#include <string.h>
#include <strings.h>

/* --- platforms ---------------------------------------------------------------------------------------------------- */

/* Names of architectures, ours and those of other programs. */
static const struct {
    const char *written, *architecture, *detail;
} architectures[] = {{"amd64", "amd64", NULL},       {"x86_64", "amd64", NULL},       {"x86-64", "amd64", NULL},
                     {"x64", "amd64", NULL},         {"aarch64", "aarch64", NULL},    {"arm64", "aarch64", NULL},
                     {"armv8", "aarch64", NULL},     {"arm64/v8", "aarch64", NULL},   {"x86", "x86", NULL},
                     {"i386", "x86", NULL},          {"i686", "x86", NULL},           {"386", "x86", NULL},
                     {"arm", "arm", NULL},           {"arm/v6", "arm", "armv6l"},     {"armv6", "arm", "armv6l"},
                     {"arm/v7", "arm", "armv7l"},    {"armv7", "arm", "armv7l"},      {"armhf", "arm", "armv7l"},
                     {"arm/v8", "arm", "armv8l"},    {"armv6l", "arm", "armv6l"},     {"armv7l", "arm", "armv7l"},
                     {"armv8l", "arm", "armv8l"},    {"armv6b", "arm", "armv6b"},     {"armv7b", "arm", "armv7b"},
                     {"armv8b", "arm", "armv8b"},    {"arm/armv6l", "arm", "armv6l"}, {"arm/armv7l", "arm", "armv7l"},
                     {"arm/armv8l", "arm", "armv8l"}};

static int set_architecture(struct json_object *platform, const char *name, struct sedge_err *err)
{
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(architectures); i++) {
        if (strcasecmp(architectures[i].written, name) != 0) continue;
        sedge_json_add_str(platform, "architecture", architectures[i].architecture);
        sedge_json_add_str(platform, "architecture.detail", architectures[i].detail);
        return 0;
    }
    return sedge_err_set(err, SEDGE_E_INVALID,
                         "unknown architecture \"%.40s\"; expected amd64, arm64, arm, armv6l, armv7l, armv8l or x86",
                         name);
}

static int set_os(struct json_object *platform, const char *name, struct sedge_err *err)
{
    static const char *const names[] = {"linux", "darwin", "windows"};

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(names); i++) {
        if (strcasecmp(names[i], name) != 0) continue;
        sedge_json_add_str(platform, "os", names[i]);
        return 0;
    }
    return sedge_err_set(err, SEDGE_E_INVALID, "unknown os \"%.40s\"; expected linux, darwin or windows", name);
}

static int set_attribute(struct json_object *platform, char *word, struct sedge_err *err)
{
    char *eq = strchr(word, '=');

    if (!eq || eq == word)
        return sedge_err_set(err, SEDGE_E_INVALID, "expected an attribute as name=value, got \"%.40s\"", word);
    *eq = '\0';
    sedge_json_add_str(platform, word, eq + 1);
    return 0;
}

struct json_object *sedge_platform_parse(const char *text, struct sedge_err *err)
{
    sedge_auto_put struct json_object *platform = json_object_new_object();
    sedge_auto_strv struct sedge_strv words = {NULL, 0};
    char *slash;

    sedge_strv_split(&words, text, ",");
    slash = words.n ? strchr(words.v[0], '/') : NULL;
    if (!slash) {
        (void)sedge_err_set(err, SEDGE_E_INVALID, "expected os/architecture such as linux/arm64, got \"%.40s\"", text);
        return NULL;
    }
    *slash = '\0';
    if (set_os(platform, words.v[0], err) != 0 || set_architecture(platform, slash + 1, err) != 0) return NULL;
    for (size_t i = 1; i < words.n; i++)
        if (set_attribute(platform, words.v[i], err) != 0) return NULL;
    return sedge_steal(&platform);
}

/* --- preview ------------------------------------------------------------------------------------------------------ */

struct preview {
    const struct sedge_recipe *recipe;
    const struct sedge_manifest *manifest;
    const struct sedge_preview_options *o;
    struct json_object *out;
    struct json_object *unresolved;
};

/* Members of `over` win; objects are merged. */
static void merge(struct json_object *base, struct json_object *over)
{
    json_object_object_foreach (over, key, v) {
        struct json_object *below = sedge_json_obj(base, key);

        if (below && json_object_is_type(v, json_type_object))
            merge(below, v);
        else
            (void)json_object_object_add(base, key, sedge_json_copy(v)); /* takes the reference */
    }
}

static void note_unresolved(const char *placeholder, const char *why, void *user)
{
    struct preview *p = user;
    struct json_object *entry;

    for (size_t i = 0; i < json_object_array_length(p->unresolved); i++)
        if (strcmp(sedge_json_str(json_object_array_get_idx(p->unresolved, i), "variable", ""), placeholder) == 0)
            return;
    entry = json_object_new_object();
    sedge_json_add_str(entry, "variable", placeholder);
    sedge_json_add_str(entry, "reason", why);
    (void)json_object_array_add(p->unresolved, entry); /* takes the reference */
}

static struct json_object *interpolated(struct preview *p, struct json_object *lifecycle, struct sedge_err *err)
{
    sedge_auto_put struct json_object *configuration =
        p->recipe->default_configuration ? sedge_json_copy(p->recipe->default_configuration) : json_object_new_object();
    size_t n = p->recipe->ndependencies;
    sedge_auto_free struct sedge_interp_component *dependencies = sedge_xcalloc(n, sizeof *dependencies);
    struct sedge_interp in = {.root = p->o->root,
                              .thing_name = p->o->thing_name,
                              .self = {p->recipe->name, p->recipe->version.text, configuration},
                              .dependencies = dependencies,
                              .ndependencies = n,
                              .on_unknown = note_unresolved,
                              .user = p};

    if (p->o->configuration) merge(configuration, p->o->configuration);
    for (size_t i = 0; i < n; i++)
        dependencies[i] = (struct sedge_interp_component){p->recipe->dependencies[i].name, "<version>", NULL};
    return sedge_interpolate(&in, lifecycle, err);
}

static struct json_object *environment_of(struct json_object *lifecycle, const struct sedge_step *step)
{
    sedge_auto_strv struct sedge_strv env = {NULL, 0};
    struct json_object *out = json_object_new_object();

    sedge_env_add_step(&env, lifecycle, step);
    for (size_t i = 0; i < env.n; i++) {
        char *eq = strchr(env.v[i], '=');

        *eq = '\0';
        sedge_json_add_str(out, env.v[i], eq + 1);
    }
    return out;
}

static void add_step(struct json_object *list, struct json_object *lifecycle, const char *name)
{
    struct sedge_step step;
    struct json_object *o;

    if (sedge_lifecycle_step(lifecycle, name, &step) == SEDGE_STEP_ABSENT) return;
    o = json_object_new_object();
    sedge_json_add_str(o, "step", name);
    sedge_json_add_str(o, "script", step.script);
    sedge_json_add_bool(o, "requiresPrivilege", step.requires_privilege);
    (void)json_object_object_add(
        o, "timeout", step.timeout_s == SEDGE_STEP_NO_TIMEOUT ? NULL : json_object_new_int64(step.timeout_s));
    sedge_json_add_str(o, "skipif", step.skipif);
    (void)json_object_object_add(o, "environment", environment_of(lifecycle, &step)); /* takes the reference */
    (void)json_object_array_add(list, o);                                             /* takes the reference */
}

static void add_artifacts(const struct preview *p)
{
    const struct sedge_recipe *r = p->recipe;
    sedge_auto_free char *folder = sedge_artifacts_path(p->o->root, r->name, r->version.text);
    sedge_auto_free char *unpacked = sedge_unarchived_path(p->o->root, r->name, r->version.text);
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < p->manifest->nartifacts; i++) {
        const struct sedge_artifact *a = &p->manifest->artifacts[i];
        sedge_auto_free char *name = sedge_artifact_file_name(a->uri, NULL);
        sedge_auto_free char *base = name ? sedge_artifact_base_name(name, a->unarchive) : NULL;
        sedge_auto_free char *file = name ? sedge_xasprintf("%s/%s", folder, name) : NULL;
        sedge_auto_free char *to = name && a->unarchive ? sedge_xasprintf("%s/%s", unpacked, base) : NULL;
        struct json_object *o = json_object_new_object();

        sedge_json_add_str(o, "uri", a->uri);
        sedge_json_add_str(o, "file", file);
        sedge_json_add_str(o, "unpacked", to);
        (void)json_object_array_add(list, o); /* takes the reference */
    }
    (void)json_object_object_add(p->out, "artifacts", list); /* takes the reference */
}

static void add_manifest(const struct preview *p)
{
    struct json_object *o = json_object_new_object();

    sedge_json_add_i64(o, "index", p->manifest - p->recipe->manifests);
    sedge_json_add_str(o, "name", p->manifest->name);
    (void)json_object_object_add(o, "platform", sedge_json_copy(p->manifest->platform));
    (void)json_object_object_add(p->out, "manifest", o); /* takes the reference */
}

static void add_lifecycle(struct preview *p)
{
    static const char *const order[] = {"bootstrap", "install", "startup", "run", "shutdown", "recover", "uninstall"};
    sedge_auto_put struct json_object *lifecycle = sedge_recipe_lifecycle(p->recipe, p->manifest);
    bool own = p->manifest->lifecycle && json_object_object_length(p->manifest->lifecycle) > 0;
    bool some = json_object_object_length(lifecycle) > 0;
    struct json_object *steps = json_object_new_array();
    struct sedge_err err = SEDGE_ERR_INIT;
    sedge_auto_put struct json_object *done = interpolated(p, lifecycle, &err);

    sedge_json_add_str(p->out, "lifecycle", own ? "manifest" : some ? "global" : "none");
    for (size_t i = 0; done && i < SEDGE_ARRAY_LEN(order); i++)
        add_step(steps, done, order[i]);
    (void)json_object_object_add(p->out, "steps", steps); /* takes the reference */
    if (!done) sedge_json_add_str(p->out, "error", err.msg);
}

struct json_object *sedge_recipe_preview(const struct sedge_recipe *r, struct json_object *platform,
                                         const struct sedge_preview_options *o, struct sedge_err *err)
{
    struct sedge_err why = SEDGE_ERR_INIT;
    struct preview p = {r, sedge_recipe_select(r, platform, &why), o, NULL, NULL};

    if (!p.manifest && why.code != SEDGE_E_NOT_FOUND) {
        if (err) *err = why;
        return NULL;
    }
    p.out = json_object_new_object();
    p.unresolved = json_object_new_array();
    (void)json_object_object_add(p.out, "platform", json_object_get(platform));
    (void)json_object_object_add(p.out, "unresolved", p.unresolved); /* takes the reference */
    if (p.manifest) {
        add_manifest(&p);
        add_artifacts(&p);
        add_lifecycle(&p);
    } else {
        sedge_json_add_str(p.out, "reason", why.msg);
    }
    return p.out;
}
