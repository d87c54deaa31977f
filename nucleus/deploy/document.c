#include "document.h"

#include "base/mem.h"
#include "base/str.h"
#include "recipe/recipe.h"

#include <string.h>

#define NOTIFY_DEFAULT_S     60
#define VALIDATION_DEFAULT_S 60
#define VALIDATION_LOCAL_S   20
#define LARGE                "LARGE_CONFIGURATION"
#define FULL                 "sedge:components" /* beside the members of the document: what was downloaded */
static const char *const known_capabilities[] = {LARGE, "LINUX_RESOURCE_LIMITS", "SUB_DEPLOYMENTS"};

void sedge_document_release(struct sedge_document *d)
{
    for (size_t i = 0; i < d->nroots; i++) {
        free(d->roots[i].name);
        free(d->roots[i].version);
        (void)json_object_put(d->roots[i].merge);
        (void)json_object_put(d->roots[i].reset);
        (void)json_object_put(d->roots[i].run_with);
    }
    free(d->roots);
    free(d->deployment_id);
    free(d->configuration_arn);
    free(d->group);
    free(d->recipe_dir);
    free(d->artifact_dir);
    memset(d, 0, sizeof *d);
}

const struct sedge_root *sedge_document_root(const struct sedge_document *d, const char *name)
{
    for (size_t i = 0; i < d->nroots; i++)
        if (strcmp(d->roots[i].name, name) == 0) return &d->roots[i];
    return NULL;
}

static struct sedge_root *add_root(struct sedge_document *d, const char *name, const char *version)
{
    struct sedge_root *r;

    d->roots = sedge_xrealloc(d->roots, d->nroots + 1, sizeof *d->roots);
    r = &d->roots[d->nroots++];
    memset(r, 0, sizeof *r);
    r->name = sedge_xstrdup(name);
    r->version = sedge_xstrdup(version);
    return r;
}

static int refuse(struct sedge_failure *f, const char *code, const char *cause)
{
    sedge_failure_add(f, "DEPLOYMENT_DOCUMENT_NOT_VALID");
    if (code) sedge_failure_add(f, code);
    sedge_failure_cause(f, "%s", cause);
    return -1;
}

static int refuse_member(struct sedge_failure *f, const char *component, const char *what)
{
    sedge_auto_free char *cause =
        sedge_xasprintf("The deployment document is not valid: component \"%s\": %s", component, what);

    return refuse(f, "COMPONENT_METADATA_NOT_VALID_IN_DEPLOYMENT", cause);
}

/* "arn:...:configuration:thinggroup/G:7" gives group "thinggroup/G" and revision 7; other texts are the group verbatim.
 */
static void read_arn(struct sedge_document *d)
{
    static const char marker[] = ":configuration:";
    const char *start = strstr(d->configuration_arn, marker);
    const char *colon;

    if (!start || !(colon = strrchr(start + sizeof marker - 1, ':'))) {
        d->group = sedge_xstrdup(d->configuration_arn);
        return;
    }
    start += sizeof marker - 1;
    d->group = sedge_xstrndup(start, (size_t)(colon - start));
    if (sedge_str_to_i64(colon + 1, 1, INT64_MAX, &d->revision, NULL) != 0) d->revision = 0;
}

static void read_on_behalf_of(struct json_object *doc, struct sedge_document *d)
{
    const char *arn = sedge_json_str(doc, "onBehalfOf", NULL);
    const char *group = arn ? strstr(arn, ":thinggroup/") : NULL;

    if (!group) return;
    free(d->group);
    d->group = sedge_xstrdup(group + 1);
}

static int read_update(struct json_object *c, struct sedge_root *r, struct sedge_failure *f)
{
    struct json_object *update = sedge_json_obj(c, "configurationUpdate");
    struct json_object *merge = sedge_json_get(update, "merge");
    struct json_object *reset = sedge_json_get(update, "reset");

    if (merge && json_object_is_type(merge, json_type_object))
        r->merge = json_object_get(merge);
    else if (merge && !sedge_str_eq(sedge_json_str(update, "merge", NULL), ""))
        return refuse_member(f, r->name, "configurationUpdate.merge must be an object");
    if (!reset) return 0;
    if (!json_object_is_type(reset, json_type_array))
        return refuse_member(f, r->name, "configurationUpdate.reset must be a list of JSON pointers");
    for (size_t i = 0; i < json_object_array_length(reset); i++)
        if (!sedge_json_is_str(json_object_array_get_idx(reset, i)))
            return refuse_member(f, r->name, "configurationUpdate.reset must be a list of JSON pointers");
    r->reset = json_object_get(reset);
    return 0;
}

static int read_components(struct json_object *doc, struct sedge_document *d, struct sedge_failure *f)
{
    struct json_object *full = sedge_json_get(doc, FULL);
    struct json_object *components = full ? full : sedge_json_get(doc, "components");

    if (!components || d->incomplete) return 0;
    if (!json_object_is_type(components, json_type_object))
        return refuse(f, "DEPLOYMENT_DOCUMENT_PARSE_ERROR",
                      "The deployment document is not valid: components must be an object");
    if (json_object_object_length(components) > SEDGE_DOCUMENT_COMPONENTS_MAX)
        return refuse(f, "DEPLOYMENT_DOCUMENT_SIZE_EXCEEDED",
                      "The deployment document lists more than 1000 root components");
    json_object_object_foreach (components, name, c) {
        const char *version = sedge_json_str(c, "version", NULL);
        struct sedge_root *r;
        struct sedge_err err = SEDGE_ERR_INIT;
        if (sedge_component_name_check(name, &err) != 0) return refuse_member(f, name, err.msg);
        if (!version || !*version) return refuse_member(f, name, "the version is missing");
        r = add_root(d, name, version);
        if (read_update(c, r, f) != 0) return -1;
        r->has_run_with = true; /* a cloud document is complete: what it leaves out goes back to the default */
        if (sedge_json_obj(c, "runWith")) r->run_with = json_object_get(sedge_json_obj(c, "runWith"));
    }
    return 0;
}

static bool requires(struct json_object *doc, const char *capability)
{
    struct json_object *list = sedge_json_arr(doc, "requiredCapabilities");

    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        if (sedge_str_eq(json_object_get_string(json_object_array_get_idx(list, i)), capability)) return true;
    return false;
}

struct json_object *sedge_document_offered(struct json_object *doc)
{
    struct json_object *o = json_object_new_object();

    json_object_object_foreach (doc, key, value) {
        if (strcmp(key, FULL) != 0) json_object_object_add(o, key, json_object_get(value));
    }
    return o;
}

struct json_object *sedge_document_complete(struct json_object *doc, struct json_object *full, struct sedge_err *err)
{
    struct json_object *components = sedge_json_obj(full, "components"), *o;

    if (!components) {
        (void)sedge_err_set(err, SEDGE_E_INVALID, "the downloaded deployment document has no components");
        return NULL;
    }
    o = sedge_document_offered(doc);
    json_object_object_add(o, FULL, json_object_get(components));
    return o;
}

static size_t inline_size(struct json_object *doc)
{
    sedge_auto_put struct json_object *offered = sedge_document_offered(doc);

    return strlen(sedge_json_text(offered));
}

int sedge_document_check_capabilities(struct json_object *doc, struct sedge_failure *f)
{
    struct json_object *list = sedge_json_arr(doc, "requiredCapabilities");

    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(list, i));
        bool known = false;
        for (size_t k = 0; k < SEDGE_ARRAY_LEN(known_capabilities); k++)
            known = known || (name && strcmp(name, known_capabilities[k]) == 0);
        if (known) continue;
        sedge_failure_add(f, "NUCLEUS_MISSING_REQUIRED_CAPABILITIES");
        sedge_failure_cause(f, "The deployment requires the capability %s, which this nucleus does not have",
                            name ? name : "null");
        return -1;
    }
    return 0;
}

static int64_t read_timeout(struct json_object *policy, int64_t def)
{
    int64_t s = sedge_json_i64(policy, "timeout", def);

    if (s < 0) return 0;
    return s < SEDGE_DOCUMENT_TIMEOUT_MAX_S ? s : SEDGE_DOCUMENT_TIMEOUT_MAX_S;
}

int sedge_document_parse(struct json_object *doc, struct sedge_document *out, struct sedge_failure *f)
{
    struct json_object *update = sedge_json_obj(doc, "componentUpdatePolicy");
    const char *arn = sedge_json_str(doc, "configurationArn", NULL);

    memset(out, 0, sizeof *out);
    if (!doc || !json_object_is_type(doc, json_type_object))
        return refuse(f, "DEPLOYMENT_DOCUMENT_PARSE_ERROR",
                      "The deployment document is not valid: expected a JSON object");
    if (!arn || !*arn)
        return refuse(f, "DEPLOYMENT_DOCUMENT_PARSE_ERROR",
                      "The deployment document is not valid: configurationArn is missing");
    if (inline_size(doc) > SEDGE_DOCUMENT_BYTES_MAX)
        return refuse(f, "DEPLOYMENT_DOCUMENT_SIZE_EXCEEDED", "The deployment document is larger than 32768 bytes");
    out->configuration_arn = sedge_xstrdup(arn);
    out->deployment_id = sedge_xstrdup(sedge_json_str(doc, "deploymentId", arn));
    read_arn(out);
    read_on_behalf_of(doc, out);
    out->created_ms = sedge_json_i64(doc, "creationTimestamp", 0);
    out->rollback = strcmp(sedge_json_str(doc, "failureHandlingPolicy", "ROLLBACK"), "DO_NOTHING") != 0;
    out->notify = strcmp(sedge_json_str(update, "action", "NOTIFY_COMPONENTS"), "SKIP_NOTIFY_COMPONENTS") != 0;
    out->notify_timeout_s = read_timeout(update, NOTIFY_DEFAULT_S);
    out->validation_timeout_s =
        read_timeout(sedge_json_obj(doc, "configurationValidationPolicy"), VALIDATION_DEFAULT_S);
    out->incomplete = requires(doc, LARGE) && !sedge_json_has(doc, FULL);
    if (read_components(doc, out, f) != 0) {
        sedge_document_release(out);
        return -1;
    }
    return 0;
}

int sedge_document_local_group(struct json_object *request, char **out, struct sedge_err *err)
{
    const char *name = sedge_json_str(request, "groupName", "");

    if (strchr(name, ':'))
        return sedge_err_set(err, SEDGE_E_INVALID, "Thing group name cannot contain colon characters");
    *out = *name ? sedge_xasprintf("thinggroup/%s", name) : sedge_xstrdup(SEDGE_LOCAL_GROUP);
    return 0;
}

static bool listed(struct json_object *list, const char *name)
{
    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        if (sedge_str_eq(json_object_get_string(json_object_array_get_idx(list, i)), name)) return true;
    return false;
}

static int add_local_roots(struct json_object *request, struct json_object *roots, struct sedge_document *d,
                           struct sedge_err *err)
{
    struct json_object *add = sedge_json_obj(request, "rootComponentVersionsToAdd");
    struct json_object *removed = sedge_json_arr(request, "rootComponentsToRemove");

    if (roots) {
        json_object_object_foreach (roots, name, version) {
            if (!listed(removed, name) && !sedge_json_has(add, name))
                (void)add_root(d, name, json_object_get_string(version));
        }
    }
    if (!add) return 0;
    json_object_object_foreach (add, name, version) {
        if (!sedge_json_is_str(version))
            return sedge_err_set(err, SEDGE_E_INVALID, "rootComponentVersionsToAdd.%s: expected a version as text",
                                 name);
        (void)add_root(d, name, json_object_get_string(version));
    }
    return 0;
}

static void add_local_updates(struct json_object *request, struct sedge_document *d)
{
    struct json_object *configuration = sedge_json_obj(request, "componentToConfiguration");
    struct json_object *run_with = sedge_json_obj(request, "componentToRunWithInfo");

    for (size_t i = 0; i < d->nroots; i++) {
        struct sedge_root *r = &d->roots[i];
        struct json_object *update = sedge_json_obj(configuration, r->name);
        struct json_object *with = sedge_json_obj(run_with, r->name);
        if (sedge_json_obj(update, "MERGE")) r->merge = json_object_get(sedge_json_obj(update, "MERGE"));
        if (sedge_json_arr(update, "RESET")) r->reset = json_object_get(sedge_json_arr(update, "RESET"));
        r->has_run_with = with != NULL;
        r->run_with = with ? json_object_get(with) : NULL;
    }
}

int sedge_document_from_local(struct json_object *request, const char *id, int64_t now_ms, struct json_object *roots,
                              struct sedge_document *out, struct sedge_err *err)
{
    memset(out, 0, sizeof *out);
    if (sedge_document_local_group(request, &out->group, err) != 0) return -1;
    out->deployment_id = sedge_xstrdup(id);
    out->created_ms = now_ms;
    out->rollback = strcmp(sedge_json_str(request, "failureHandlingPolicy", "DO_NOTHING"), "ROLLBACK") == 0;
    out->validation_timeout_s = VALIDATION_LOCAL_S;
    out->recipe_dir = sedge_xstrdup(sedge_json_str(request, "recipeDirectoryPath", NULL));
    out->artifact_dir = sedge_xstrdup(sedge_json_str(request, "artifactsDirectoryPath", NULL));
    if (add_local_roots(request, roots, out, err) != 0) {
        sedge_document_release(out);
        return -1;
    }
    add_local_updates(request, out);
    return 0;
}
