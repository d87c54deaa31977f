/* From the request to the plan. Nothing on the device changes here but the component store. */
#include "run.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/params.h"
#include "fetch/lookup.h"
#include "recipe/platform.h"

#include <string.h>

#define NUCLEUS SEDGE_NUCLEUS

static void resolve_round(struct sedge_run *run);

/* ---- what resolving knows (worker thread) ---- */

struct sedge_package *sedge_run_package(struct sedge_run *run, const char *component, const char *version, bool make)
{
    struct sedge_package *p;

    for (p = run->packages; p; p = p->next)
        if (strcmp(p->component, component) == 0 && strcmp(p->version, version) == 0) return p;
    if (!make) return NULL;
    p = SEDGE_NEW(struct sedge_package);
    p->component = sedge_xstrdup(component);
    p->version = sedge_xstrdup(version);
    p->next = run->packages;
    run->packages = p;
    return p;
}

static struct sedge_listing *find_listing(struct sedge_run *run, const char *component, bool make)
{
    struct sedge_listing *l;

    for (l = run->listings; l; l = l->next)
        if (strcmp(l->component, component) == 0) return l;
    if (!make) return NULL;
    l = SEDGE_NEW(struct sedge_listing);
    l->component = sedge_xstrdup(component);
    l->next = run->listings;
    run->listings = l;
    return l;
}

static const char *op_builtin(void *env, const char *component)
{
    (void)env;
    return sedge_builtin_version(component);
}

static const char *op_active(void *env, const char *component)
{
    struct sedge_run *run = env;

    return sedge_json_str(run->active, component, NULL);
}

static int op_versions(void *env, const char *component, bool local_only, struct sedge_strv *out)
{
    struct sedge_run *run = env;
    struct sedge_listing *l = find_listing(run, component, false);

    if (sedge_store_versions(run->d->o.store, component, out, &run->err) != 0)
        sedge_log(SEDGE_WARN, "deploy", "component-store", "%s", run->err.msg);
    if (!run->has_store || local_only) return 1;
    if (!l || !l->asked) return 0;
    for (size_t i = 0; i < l->versions.n; i++)
        if (!sedge_strv_has(out, l->versions.v[i])) sedge_strv_add(out, l->versions.v[i]);
    return 1;
}

static int check_identity(const struct sedge_package *p, struct sedge_err *err)
{
    if (strcmp(p->recipe->name, p->component) == 0 && strcmp(p->recipe->version.text, p->version) == 0) return 0;
    return sedge_err_set(err, SEDGE_E_INVALID, "the recipe of %s %s says that it is %s %s", p->component, p->version,
                         p->recipe->name, p->recipe->version.text);
}

static int load_fetched(struct sedge_run *run, struct sedge_package *p, struct sedge_err *err)
{
    sedge_auto_put struct json_object *metadata = NULL;

    p->recipe = sedge_recipe_parse(p->remote_text, strlen(p->remote_text), p->remote_name, err);
    if (!p->recipe || check_identity(p, err) != 0) return -1;
    if (p->remote_arn) {
        metadata = json_object_new_object();
        sedge_json_add_str(metadata, "componentVersionArn", p->remote_arn);
    }
    return sedge_store_put_recipe(run->d->o.store, p->component, p->version, p->remote_text, metadata, err);
}

/* 1 loaded, 0 the object store has to be asked, -1 failed. */
static int load_package(struct sedge_run *run, struct sedge_package *p, struct sedge_err *err)
{
    sedge_auto_free char *text = NULL;
    sedge_auto_free char *name = NULL;

    if (p->recipe) return 1;
    if (p->remote_text) return load_fetched(run, p, err) == 0 ? 1 : -1;
    text = sedge_store_recipe(run->d->o.store, p->component, p->version, err);
    if (!text && err->code == SEDGE_E_NOT_FOUND && run->has_store && !p->failed) return 0;
    if (!text) return -1;
    name = sedge_xasprintf("recipe of %s %s", p->component, p->version);
    p->recipe = sedge_recipe_parse(text, strlen(text), name, err);
    return p->recipe && check_identity(p, err) == 0 ? 1 : -1;
}

/* The text was read, and is no recipe that can be used. */
static bool is_recipe_error(const struct sedge_err *err)
{
    return err->code == SEDGE_E_INVALID || err->code == SEDGE_E_LIMIT || err->code == SEDGE_E_UNSUPPORTED;
}

static int op_dependencies(void *env, const char *component, const char *version, struct sedge_strv *components,
                           struct sedge_strv *requirements, struct sedge_err *err)
{
    struct sedge_run *run = env;
    struct sedge_package *p = sedge_run_package(run, component, version, true);
    int rc = load_package(run, p, err);

    if (rc < 0) {
        sedge_failure_add(&run->failure, "COMPONENT_PACKAGE_LOADING_ERROR");
        if (is_recipe_error(err)) sedge_failure_add(&run->failure, "RECIPE_PARSE_ERROR");
    }
    for (size_t i = 0; rc == 1 && i < p->recipe->ndependencies; i++) {
        sedge_strv_add(components, p->recipe->dependencies[i].name);
        sedge_strv_add(requirements, sedge_semreq_text(p->recipe->dependencies[i].requirement));
    }
    return rc;
}

/* The chosen recipes must fit this device and this nucleus. */
static int check_choices(struct sedge_run *run)
{
    for (size_t i = 0; i < run->resolution.n; i++) {
        const struct sedge_choice *c = &run->resolution.choices[i];
        struct sedge_package *p = c->builtin ? NULL : sedge_run_package(run, c->component, c->version, false);

        if (!p) continue;
        if (p->recipe->type == SEDGE_COMPONENT_NUCLEUS) {
            sedge_failure_add(&run->failure, "MULTIPLE_NUCLEUS_RESOLVED_ERROR");
            sedge_failure_cause(&run->failure,
                                "Component %s %s is of type aws.greengrass.nucleus, and " NUCLEUS " is there already",
                                c->component, c->version);
            return -1;
        }
        if (p->recipe->type != SEDGE_COMPONENT_GENERIC) {
            sedge_failure_add(&run->failure, "CUSTOM_PLUGIN_NOT_SUPPORTED");
            sedge_failure_cause(
                &run->failure,
                "Component %s %s is of type %s; this nucleus runs components of type aws.greengrass.generic",
                c->component, c->version, sedge_component_type_name(p->recipe->type));
            return -1;
        }
        if (sedge_recipe_select(p->recipe, run->platform, &run->err)) continue;
        sedge_failure_add(&run->failure, "COMPONENT_PACKAGE_LOADING_ERROR");
        sedge_failure_add(&run->failure, p->recipe->nmanifests == 0           ? "RECIPE_MISSING_MANIFEST"
                                         : run->err.code == SEDGE_E_NOT_FOUND ? "LOCAL_RECIPE_NOT_FOUND"
                                                                              : "RECIPE_PARSE_ERROR");
        sedge_failure_cause(&run->failure, "%s", run->err.msg);
        return -1;
    }
    return 0;
}

static void resolve_work(struct sedge_run *run)
{
    struct sedge_resolve_ops ops = {op_builtin, op_active, op_versions, op_dependencies, NULL, NULL};

    if (run->has_plane) {
        ops.negotiate = sedge_run_negotiate;
        ops.foreign = sedge_run_is_foreign;
    }
    sedge_resolution_release(&run->resolution);
    run->resolve_rc = sedge_resolve(run->wanted, run->nwanted, &ops, run, &run->resolution, &run->failure);
    if (run->resolve_rc == 0) run->resolve_rc = check_choices(run);
}

/* ---- look-ups in the object store ---- */

struct lookup {
    struct sedge_run *run;
    char *component;
    char *version;
};

static struct lookup *new_lookup(struct sedge_run *run, const struct sedge_lookup *missing)
{
    struct lookup *l = SEDGE_NEW(struct lookup);

    l->run = run;
    l->component = sedge_xstrdup(missing->component);
    l->version = sedge_xstrdup(missing->version);
    run->waiting++;
    return l;
}

static void free_lookup(struct lookup *l)
{
    free(l->component);
    free(l->version);
    free(l);
}

void sedge_run_lookup_over(struct sedge_run *run)
{
    if (--run->waiting > 0) return;
    if (run->entry->cancel || sedge_run_is_over(run)) {
        sedge_run_fail_early(run);
        return;
    }
    if (!sedge_failure_is_set(&run->failure))
        resolve_round(run);
    else if (!sedge_run_wait(run, resolve_round))
        sedge_run_fail_early(run);
}

static void versions_cb(const struct sedge_fetch_versions *r, void *user)
{
    struct lookup *l = user;
    struct sedge_run *run = l->run;
    struct sedge_listing *listing = find_listing(run, l->component, true);
    sedge_auto_strv struct sedge_strv local = {NULL, 0};

    if (!r->err) {
        listing->asked = true;
        for (size_t i = 0; i < r->versions->n; i++)
            sedge_strv_add(&listing->versions, r->versions->v[i]);
    } else if (sedge_store_versions(run->d->o.store, l->component, &local, NULL) == 0 && local.n > 0) {
        sedge_log(SEDGE_WARN, "deploy", "object-store", "%s; going on with what is on the device", r->err->msg);
        listing->asked = true;
    } else {
        sedge_run_note_failure(run, r->err, r->stack, "COMPONENT_PACKAGE_LOADING_ERROR");
    }
    free_lookup(l);
    sedge_run_lookup_over(run);
}

static void recipe_cb(const struct sedge_fetch_recipe *r, void *user)
{
    struct lookup *l = user;
    struct sedge_run *run = l->run;
    struct sedge_package *p = sedge_run_package(run, l->component, l->version, true);

    if (!r->err) {
        p->remote_text = sedge_xstrndup(r->text, r->len);
        p->remote_name = sedge_xasprintf("%s", r->url ? r->url : "recipe");
    } else if (r->err->code == SEDGE_E_NOT_FOUND) {
        p->failed = true;
    } else {
        sedge_run_note_failure(run, r->err, r->stack, "COMPONENT_PACKAGE_LOADING_ERROR");
    }
    free_lookup(l);
    sedge_run_lookup_over(run);
}

static void look_up_missing(struct sedge_run *run)
{
    const struct sedge_resolution *r = &run->resolution;

    run->waiting++; /* holds the count above zero until all are asked */
    for (size_t i = 0; i < r->nmissing; i++) {
        struct lookup *l;

        if (r->missing[i].requirements) {
            sedge_run_ask_candidate(run, &r->missing[i]);
            continue;
        }
        l = new_lookup(run, &r->missing[i]);
        if (l->version)
            sedge_fetch_component_recipe(run->d->o.fetcher, l->component, l->version, recipe_cb, l);
        else
            sedge_fetch_component_versions(run->d->o.fetcher, l->component, versions_cb, l);
    }
    sedge_run_lookup_over(run);
}

/* ---- steps ---- */

static void resolved(struct sedge_run *run)
{
    if (run->entry->cancel || sedge_run_is_over(run) || run->resolve_rc < 0) {
        sedge_run_fail_early(run);
        return;
    }
    if (run->resolve_rc == 1) {
        look_up_missing(run);
        return;
    }
    run->tries = 0;
    sedge_run_download(run);
}

static void resolve_round(struct sedge_run *run)
{
    sedge_run_phase(run, "RESOLVING", NULL);
    sedge_run_work(run, resolve_work, resolved);
}

static void import_work(struct sedge_run *run)
{
    const struct sedge_document *doc = &run->doc;

    run->rc = 0;
    if (doc->recipe_dir) run->rc = sedge_store_import_recipes(run->d->o.store, doc->recipe_dir, NULL, &run->err);
    if (run->rc != 0) {
        sedge_failure_add(&run->failure, "IO_ERROR");
        sedge_failure_add(&run->failure, "IO_WRITE_ERROR");
        if (is_recipe_error(&run->err)) sedge_failure_add(&run->failure, "IO_MAPPING_ERROR");
        sedge_failure_cause(&run->failure, "%s", run->err.msg);
        return;
    }
    if (doc->artifact_dir) run->rc = sedge_store_import_artifacts(run->d->o.store, doc->artifact_dir, &run->err);
    if (run->rc == 0) return;
    sedge_failure_add(&run->failure, "IO_ERROR");
    sedge_failure_add_err(&run->failure, "IO_WRITE_ERROR", &run->err);
}

static void imported(struct sedge_run *run)
{
    if (run->rc != 0 || run->entry->cancel || sedge_run_is_over(run)) {
        sedge_run_fail_early(run);
        return;
    }
    sedge_run_complete_document(run);
}

void sedge_run_resolve(struct sedge_run *run)
{
    sedge_run_collect_roots(run);
    resolve_round(run);
}

static int read_document(struct sedge_run *run)
{
    struct sedge_entry *e = run->entry;
    sedge_auto_put struct json_object *roots = NULL;
    sedge_auto_free char *group = NULL;

    if (e->source != SEDGE_SOURCE_LOCAL) return sedge_document_parse(e->request, &run->doc, &run->failure);
    if (sedge_document_local_group(e->request, &group, &run->err) == 0) {
        roots = sedge_groups_local_roots(run->d, group);
        if (sedge_document_from_local(e->request, e->id, e->created_ms, roots, &run->doc, &run->err) == 0) return 0;
    }
    sedge_failure_add(&run->failure, "DEPLOYMENT_DOCUMENT_NOT_VALID");
    sedge_failure_cause(&run->failure, "%s", run->err.msg);
    return -1;
}

static bool object_store_configured(struct sedge_deployer *d)
{
    return sedge_json_str(sedge_fetcher_store(d->o.fetcher), "bucket", NULL) != NULL;
}

/* s3: artifacts name their bucket themselves; an endpoint or keys are enough, as is what the AWS tools would find. */
static bool may_download(struct sedge_deployer *d)
{
    static const char *const members[] = {"bucket", "endpoint", "region", "accessKeyId"};
    static const char *const variables[] = {"AWS_ACCESS_KEY_ID", "AWS_SHARED_CREDENTIALS_FILE", "AWS_PROFILE"};
    struct json_object *store = sedge_fetcher_store(d->o.fetcher);

    for (size_t i = 0; i < SEDGE_ARRAY_LEN(members); i++)
        if (*sedge_json_str(store, members[i], "")) return true;
    for (size_t i = 0; i < SEDGE_ARRAY_LEN(variables); i++)
        if (getenv(variables[i])) return true;
    return false;
}

/* Keys of its own, as the configuration or the AWS tools would give them. */
static bool has_credentials(struct sedge_deployer *d)
{
    return *sedge_json_str(sedge_fetcher_store(d->o.fetcher), "accessKeyId", "") || getenv("AWS_ACCESS_KEY_ID") ||
           getenv("AWS_SHARED_CREDENTIALS_FILE") || getenv("AWS_PROFILE");
}

/* objectStore.backend: auto leaves s3: artifacts to the data plane where the device could not sign for them itself. */
static bool wants_presigned(struct sedge_deployer *d)
{
    const char *backend = sedge_nucleus_param_str(d->o.config, "objectStore.backend");

    return strcmp(backend, "presign") == 0 || (strcmp(backend, "auto") == 0 && !has_credentials(d));
}

static void read_settings(struct sedge_run *run)
{
    struct sedge_deployer *d = run->d;

    run->has_plane = sedge_fetcher_plane(d->o.fetcher) != NULL;
    run->presigned = run->has_plane && wants_presigned(d);
    run->has_store = !run->has_plane && object_store_configured(d);
    run->may_download = may_download(d);
    run->region = sedge_xstrdup(sedge_nucleus_param_str(d->o.config, "awsRegion"));
    run->store_limit = sedge_nucleus_param_i64(d->o.config, "componentStoreMaxSizeBytes");
}

static struct json_object *running_versions(struct sedge_deployer *d)
{
    sedge_auto_strv struct sedge_strv names = {NULL, 0};
    struct json_object *o = json_object_new_object();

    sedge_service_names(d, &names);
    for (size_t i = 0; i < names.n; i++)
        sedge_json_add_str(o, names.v[i],
                           sedge_config_str(d->o.config, SEDGE_PATH("services", names.v[i], "version"), NULL));
    return o;
}

static struct json_object *device_platform(struct sedge_deployer *d)
{
    struct json_object *platform = sedge_platform_detect();
    sedge_auto_put struct json_object *overrides = sedge_nucleus_param_map(d->o.config, "platformOverride");

    sedge_platform_override(platform, overrides);
    return platform;
}

void sedge_run_end_repeated(struct sedge_run *run)
{
    sedge_log(SEDGE_INFO, "deploy", "deployment-repeated", "id=%s is in force already", run->entry->id);
    sedge_run_note_all_unchanged(run);
    sedge_run_finish(run, "SUCCEEDED", "SUCCESSFUL");
}

void sedge_run_begin(struct sedge_run *run)
{
    struct sedge_entry *e = run->entry;

    run->active = running_versions(run->d);
    run->platform = device_platform(run->d);
    sedge_run_report(run, false);
    if (e->source != SEDGE_SOURCE_LOCAL && sedge_document_check_capabilities(e->request, &run->failure) != 0) {
        sedge_run_fail_early(run);
        return;
    }
    sedge_run_phase(run, "PREPARING", NULL);
    sedge_run_work(run, import_work, imported);
}

void sedge_run_prepare(struct sedge_run *run)
{
    struct sedge_entry *e = run->entry;

    if (read_document(run) != 0) {
        sedge_run_finish(run, "FAILED", e->source == SEDGE_SOURCE_LOCAL ? "FAILED_NO_STATE_CHANGE" : NULL);
        return;
    }
    e->deployment_id = sedge_xstrdup(run->doc.deployment_id);
    e->configuration_arn = sedge_xstrdup(run->doc.configuration_arn);
    if (sedge_groups_is_stale(run)) {
        sedge_failure_add(&run->failure, "DEPLOYMENT_REJECTED");
        sedge_failure_add(&run->failure, "REJECTED_STALE_DEPLOYMENT");
        sedge_failure_cause(&run->failure, "The device already has a newer revision of %s", run->doc.group);
        sedge_run_finish(run, "REJECTED", "REJECTED");
        return;
    }
    read_settings(run);
    if (sedge_groups_is_repeat(run))
        sedge_run_repeat(run);
    else
        sedge_run_begin(run);
}

void sedge_run_release_packages(struct sedge_run *run)
{
    while (run->packages) {
        struct sedge_package *p = run->packages;
        run->packages = p->next;
        sedge_recipe_free(p->recipe);
        free(p->component);
        free(p->version);
        free(p->remote_text);
        free(p->remote_name);
        free(p->remote_arn);
        free(p);
    }
}

void sedge_run_release_prepared(struct sedge_run *run)
{
    sedge_run_release_packages(run);
    while (run->listings) {
        struct sedge_listing *l = run->listings;
        run->listings = l->next;
        sedge_strv_release(&l->versions);
        free(l->component);
        free(l);
    }
    for (size_t i = 0; i < run->nwanted; i++) {
        free(run->wanted[i].component);
        free(run->wanted[i].who);
        free(run->wanted[i].text);
    }
    free(run->wanted);
    sedge_run_release_negotiations(run);
    (void)json_object_put(run->membership);
    (void)json_object_put(run->active);
    (void)json_object_put(run->platform);
    free(run->region);
    sedge_resolution_release(&run->resolution);
}
