/* Brings every artifact of the chosen versions onto the device: what is there already, what must come, what is
 * unpacked. */
#include "restart.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/params.h"
#include "config/resolve.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRESS_LOG_MS 5000

enum action { ACTION_NONE, ACTION_GET, ACTION_UNPACK };

struct sedge_download {
    struct sedge_run *run;
    const char *component;
    const char *version;
    const struct sedge_artifact *artifact;
    char *dest;
    char *unarchive_to;
    enum action action;
    uint64_t id;
    int64_t done_bytes, total_bytes, bytes_per_s;
    bool over;
};

static struct sedge_package *package_of(struct sedge_run *run, const struct sedge_choice *c)
{
    for (struct sedge_package *p = run->packages; p; p = p->next)
        if (strcmp(p->component, c->component) == 0 && strcmp(p->version, c->version) == 0) return p;
    return NULL;
}

static void uri_failure(struct sedge_run *run, const struct sedge_artifact *a, const struct sedge_err *err)
{
    sedge_failure_add(&run->failure, "ARTIFACT_DOWNLOAD_ERROR");
    if (!*a->uri)
        sedge_failure_add(&run->failure, "EMPTY_ARTIFACT_URI");
    else if (err->code == SEDGE_E_UNSUPPORTED)
        sedge_failure_add(&run->failure, "UNSUPPORTED_ARTIFACT_SCHEME");
    else
        sedge_failure_add(&run->failure, "ARTIFACT_URI_NOT_VALID");
    sedge_failure_cause(&run->failure, "%s", err->msg);
}

/* An artifact that is not on the device: may it be fetched? */
static int decide_missing(struct sedge_download *w)
{
    struct sedge_run *run = w->run;
    const struct sedge_artifact *a = w->artifact;
    enum sedge_uri_scheme scheme = sedge_artifact_scheme(a->uri);
    const char *code = NULL;

    w->action = ACTION_GET;
    if (scheme == SEDGE_URI_HTTP || scheme == SEDGE_URI_HTTPS || scheme == SEDGE_URI_FILE) return 0;
    if (scheme != SEDGE_URI_S3)
        code = "UNSUPPORTED_ARTIFACT_SCHEME";
    else if (!run->has_store && !a->algorithm)
        code = "DEVICE_CONFIG_NOT_VALID_FOR_ARTIFACT_DOWNLOAD";
    else if (!a->algorithm)
        code = "RECIPE_MISSING_ARTIFACT_HASH_ALGORITHM";
    if (!code) return 0;
    sedge_failure_add(&run->failure, "ARTIFACT_DOWNLOAD_ERROR");
    sedge_failure_add(&run->failure, code);
    sedge_failure_cause(&run->failure,
                        "Artifact %s of %s %s is not on the device and cannot be fetched: %s. Put the file into "
                        "<artifactDir>/%s/%s/ of a local deployment, or publish the component to the object store",
                        a->uri, w->component, w->version,
                        scheme != SEDGE_URI_S3 ? "nothing here serves its scheme"
                                               : "the recipe has no Digest and Algorithm",
                        w->component, w->version);
    return -1;
}

static int decide(struct sedge_download *w)
{
    struct sedge_run *run = w->run;
    const struct sedge_artifact *a = w->artifact;
    sedge_auto_buf struct sedge_buf have = SEDGE_BUF_INIT;

    if (!sedge_fs_exists(w->dest)) return decide_missing(w);
    w->action = a->unarchive == SEDGE_UNARCHIVE_NONE ? ACTION_NONE : ACTION_UNPACK;
    if (!a->digest || !a->algorithm) return 0; /* placed by hand for local development: taken as it is */
    if (sedge_digest_file_base64(w->dest, a->algorithm, &have, &run->err) != 0) {
        sedge_failure_add(&run->failure, "ARTIFACT_DOWNLOAD_ERROR");
        if (run->err.code == SEDGE_E_UNSUPPORTED) sedge_failure_add(&run->failure, "HASHING_ALGORITHM_UNAVAILABLE");
        sedge_failure_cause(&run->failure, "Artifact %s of %s %s: %s", a->uri, w->component, w->version, run->err.msg);
        return -1;
    }
    if (strcmp(have.data, a->digest) != 0) w->action = ACTION_GET;
    return 0;
}

static int add_download(struct sedge_run *run, const struct sedge_choice *c, const struct sedge_artifact *a)
{
    sedge_auto_free char *name = sedge_artifact_file_name(a->uri, &run->err);
    sedge_auto_free char *dir = sedge_store_artifact_dir(run->d->o.store, c->component, c->version, NULL);
    sedge_auto_free char *unarchived = sedge_store_unarchived_dir(run->d->o.store, c->component, c->version, NULL);
    sedge_auto_free char *base = NULL;
    struct sedge_download *w;

    if (!name || !dir || !unarchived) {
        (void)sedge_err_wrap(&run->err, "%s %s: artifact %s", c->component, c->version, a->uri);
        uri_failure(run, a, &run->err);
        return -1;
    }
    base = sedge_artifact_base_name(name, a->unarchive);
    run->downloads = sedge_xrealloc(run->downloads, run->ndownloads + 1, sizeof *run->downloads);
    w = &run->downloads[run->ndownloads++];
    memset(w, 0, sizeof *w);
    w->run = run;
    w->component = c->component;
    w->version = c->version;
    w->artifact = a;
    w->dest = sedge_xasprintf("%s/%s", dir, name);
    w->unarchive_to = sedge_xasprintf("%s/%s", unarchived, base);
    if (sedge_fs_mkdirs(dir, 0755, &run->err) != 0 ||
        (a->unarchive != SEDGE_UNARCHIVE_NONE && sedge_fs_mkdirs(unarchived, 0755, &run->err) != 0)) {
        sedge_failure_add(&run->failure, "ARTIFACT_DOWNLOAD_ERROR");
        sedge_failure_add_err(&run->failure, "IO_WRITE_ERROR", &run->err);
        return -1;
    }
    return decide(w);
}

/* spec/recipe.md 10.2: a store that is full already takes no more. What a download adds is known only later; the helper
 * checks the free space of the disk before each. */
static int check_store_size(struct sedge_run *run)
{
    int64_t size = sedge_store_size(run->d->o.store, NULL);
    bool wanted = false;

    for (size_t i = 0; i < run->ndownloads; i++)
        wanted = wanted || run->downloads[i].action == ACTION_GET;
    if (!wanted || size < run->store_limit) return 0;
    sedge_failure_add(&run->failure, "ARTIFACT_DOWNLOAD_ERROR");
    sedge_failure_add(&run->failure, "DISK_SPACE_CRITICAL");
    sedge_failure_cause(&run->failure,
                        "The component store holds %lld bytes and may hold %lld: remove components, or raise "
                        "componentStoreMaxSizeBytes "
                        "of aws.greengrass.Nucleus",
                        (long long)size, (long long)run->store_limit);
    return -1;
}

static void inspect_work(struct sedge_run *run)
{
    run->rc = 0;
    for (size_t i = 0; run->rc == 0 && i < run->resolution.n; i++) {
        const struct sedge_choice *c = &run->resolution.choices[i];
        struct sedge_package *p = c->builtin ? NULL : package_of(run, c);
        const struct sedge_manifest *m = p ? sedge_recipe_select(p->recipe, run->platform, &run->err) : NULL;

        for (size_t k = 0; m && run->rc == 0 && k < m->nartifacts; k++)
            run->rc = add_download(run, c, &m->artifacts[k]);
    }
    if (run->rc == 0) run->rc = check_store_size(run);
}

/* ---- transfers ---- */

static void plan_after_downloads(struct sedge_run *run);

static void sum_progress(struct sedge_run *run)
{
    run->bytes_done = run->bytes_total = run->bytes_per_s = 0;
    for (size_t i = 0; i < run->ndownloads; i++) {
        run->bytes_done += run->downloads[i].done_bytes;
        if (run->downloads[i].total_bytes > 0) run->bytes_total += run->downloads[i].total_bytes;
        if (!run->downloads[i].over) run->bytes_per_s += run->downloads[i].bytes_per_s;
    }
    sedge_run_progress(run);
}

static void progress_cb(const struct sedge_fetch_progress *p, void *user)
{
    struct sedge_download *w = user;

    w->done_bytes = p->done_bytes;
    w->total_bytes = p->total_bytes;
    w->bytes_per_s = p->bytes_per_s;
    sum_progress(w->run);
}

static void transfers_over(struct sedge_run *run)
{
    if (--run->waiting > 0) return;
    if (run->entry->cancel || sedge_run_is_over(run)) {
        sedge_run_fail_early(run);
        return;
    }
    if (!sedge_failure_is_set(&run->failure)) {
        plan_after_downloads(run);
        return;
    }
    if (!run->transient || run->entry->source == SEDGE_SOURCE_LOCAL) {
        sedge_run_fail_early(run);
        return;
    }
    run->retry_ms = run->retry_ms ? run->retry_ms * 2 : SEDGE_DEPLOY_RETRY_MIN_MS;
    if (run->retry_ms > SEDGE_DEPLOY_RETRY_MAX_MS) run->retry_ms = SEDGE_DEPLOY_RETRY_MAX_MS;
    sedge_log(SEDGE_WARN, "deploy", "download-wait", "id=%s retry in %lld ms: %s", run->entry->id,
              (long long)run->retry_ms, run->failure.cause);
    sedge_run_phase(run, "WAITING", run->failure.cause);
    sedge_failure_release(&run->failure);
    run->transient = false;
    sedge_run_after(run, run->retry_ms, sedge_run_download);
}

static void done_cb(const struct sedge_fetch_result *r, void *user)
{
    struct sedge_download *w = user;
    struct sedge_run *run = w->run;

    w->over = true;
    if (r->err) {
        if (sedge_err_may_heal(r->err))
            run->transient = true;
        else
            run->transient = false;
        sedge_failure_add(&run->failure, "ARTIFACT_DOWNLOAD_ERROR");
        for (size_t i = 0; r->stack && i < json_object_array_length(r->stack); i++)
            sedge_failure_add(&run->failure, json_object_get_string(json_object_array_get_idx(r->stack, i)));
        sedge_failure_cause(&run->failure, "Artifact of %s %s: %s", w->component, w->version, r->err->msg);
    } else {
        sedge_log(SEDGE_INFO, "deploy", "artifact-ready", "component=%s version=%s file=%s", w->component, w->version,
                  w->dest);
        if (w->total_bytes <= 0) w->total_bytes = w->done_bytes;
    }
    transfers_over(run);
}

static void start(struct sedge_download *w)
{
    struct sedge_fetcher *f = w->run->d->o.fetcher;
    const struct sedge_artifact *a = w->artifact;
    mode_t mode = sedge_artifact_mode(a, geteuid() == 0);
    struct sedge_fetch_get get = {.url = a->uri,
                                  .dest = w->dest,
                                  .digest = a->digest,
                                  .algorithm = a->algorithm,
                                  .mode = mode,
                                  .unarchive =
                                      a->unarchive == SEDGE_UNARCHIVE_NONE ? NULL : sedge_unarchive_name(a->unarchive),
                                  .unarchive_to = a->unarchive == SEDGE_UNARCHIVE_NONE ? NULL : w->unarchive_to,
                                  .file_mode = mode};

    w->run->waiting++;
    w->over = false;
    if (w->action == ACTION_UNPACK)
        w->id = sedge_fetch_unpack(f, &get, done_cb, w);
    else
        w->id = sedge_fetch_get(f, &get, progress_cb, done_cb, w);
}

static void inspected(struct sedge_run *run)
{
    if (run->rc != 0 || run->entry->cancel || sedge_run_is_over(run)) {
        sedge_run_fail_early(run);
        return;
    }
    run->waiting++; /* holds the count above zero until all are asked for */
    for (size_t i = 0; i < run->ndownloads; i++)
        if (run->downloads[i].action != ACTION_NONE) start(&run->downloads[i]);
    if (run->waiting > 1) sedge_run_phase(run, "DOWNLOADING", NULL);
    transfers_over(run);
}

void sedge_run_download(struct sedge_run *run)
{
    sedge_run_release_downloads(run);
    sedge_run_work(run, inspect_work, inspected);
}

void sedge_run_cancel_downloads(struct sedge_run *run)
{
    for (size_t i = 0; i < run->ndownloads; i++)
        if (run->downloads[i].id && !run->downloads[i].over)
            sedge_fetch_cancel(run->d->o.fetcher, run->downloads[i].id);
}

void sedge_run_release_downloads(struct sedge_run *run)
{
    for (size_t i = 0; i < run->ndownloads; i++) {
        free(run->downloads[i].dest);
        free(run->downloads[i].unarchive_to);
    }
    free(run->downloads);
    run->downloads = NULL;
    run->ndownloads = 0;
}

/* ---- the plan ---- */

static void warn_cb(void *user, const char *component, const char *text)
{
    struct sedge_run *run = user;

    sedge_log(SEDGE_WARN, "deploy", "plan", "id=%s component=%s %s", run->entry->id, component, text);
}

static void fill_component(struct sedge_run *run, const struct sedge_choice *c, struct sedge_plan_component *out)
{
    struct sedge_config *cfg = run->d->o.config;
    struct sedge_package *p = package_of(run, c);

    out->recipe = p->recipe;
    out->manifest = sedge_recipe_select(p->recipe, run->platform, NULL);
    (void)sedge_config_get(cfg, SEDGE_PATH("services", c->component, "configuration"), SEDGE_CONFIG_STAMPED,
                           &out->running);
    out->run_with = sedge_config_get_object(cfg, SEDGE_PATH("services", c->component, "runWith"));
    out->running_version = sedge_json_str(run->active, c->component, NULL);
    out->previous_version = sedge_config_str(cfg, SEDGE_PATH("services", c->component, "previousVersion"), NULL);
    out->root = sedge_document_root(&run->doc, c->component);
}

/* The nucleus itself as a root: its configuration is merged like a component's, and checked first. */
static int plan_nucleus(struct sedge_run *run)
{
    struct sedge_config *cfg = run->d->o.config;
    const struct sedge_root *root = sedge_document_root(&run->doc, SEDGE_NUCLEUS);
    sedge_auto_put struct json_object *running = NULL;
    sedge_auto_put struct json_object *service = NULL;
    struct json_object *configuration;

    if (!root || (!root->merge && !root->reset)) return 0;
    (void)sedge_config_get(cfg, SEDGE_PATH("services", SEDGE_NUCLEUS, "configuration"), SEDGE_CONFIG_STAMPED, &running);
    configuration =
        sedge_config_resolve_component(running, NULL, root->reset, root->merge, run->deploy_ts, NULL, &run->err);
    if (!configuration || sedge_nucleus_params_check(configuration, NULL, &run->err) != 0) {
        (void)json_object_put(configuration);
        sedge_failure_add(&run->failure, sedge_str_starts(run->err.msg, "runWithDefault")
                                             ? "RUN_WITH_CONFIG_NOT_VALID"
                                             : "COMPONENT_CONFIGURATION_NOT_VALID");
        sedge_failure_cause(&run->failure, "%s: %s", SEDGE_NUCLEUS, run->err.msg);
        return -1;
    }
    service = sedge_config_get_object(cfg, SEDGE_PATH("services", SEDGE_NUCLEUS));
    if (!service) service = json_object_new_object();
    (void)json_object_object_add(service, "configuration", configuration);
    (void)json_object_object_add(run->services, SEDGE_NUCLEUS, sedge_steal(&service));
    return 0;
}

static void plan_main(struct sedge_run *run)
{
    struct json_object *service = json_object_new_object();
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < run->resolution.n; i++)
        if (run->resolution.choices[i].root)
            (void)json_object_array_add(list, json_object_new_string(run->resolution.choices[i].component));
    (void)json_object_array_add(list, json_object_new_string(SEDGE_NUCLEUS));
    (void)json_object_object_add(service, "dependencies", list);
    (void)json_object_object_add(service, "lifecycle", json_object_new_object());
    (void)json_object_object_add(run->services, "main", service);
}

static void plan_after_downloads(struct sedge_run *run)
{
    sedge_auto_free struct sedge_plan_component *components = sedge_xcalloc(run->resolution.n, sizeof *components);
    sedge_auto_free char *thing = NULL;
    struct sedge_config *cfg = run->d->o.config;
    struct sedge_plan_input in = {.components = components, .root = run->d->root, .warn = warn_cb, .user = run};

    thing = sedge_xstrdup(sedge_config_str(cfg, SEDGE_PATH("system", "thingName"), ""));
    run->deploy_ts = run->doc.created_ms;
    if (strcmp(sedge_nucleus_param_str(cfg, "deploymentConfigurationTimeSource"), "deploymentProcessingTime") == 0)
        run->deploy_ts = sedge_wall_ms();
    in.thing_name = thing;
    in.deploy_ts = run->deploy_ts;
    in.interpolate_configuration = sedge_nucleus_param_bool(cfg, "interpolateComponentConfiguration");
    for (size_t i = 0; i < run->resolution.n; i++)
        if (!run->resolution.choices[i].builtin) fill_component(run, &run->resolution.choices[i], &components[in.n++]);
    run->services = sedge_plan_services(&in, &run->err);
    for (size_t i = 0; i < in.n; i++) {
        (void)json_object_put(components[i].running);
        (void)json_object_put(components[i].run_with);
    }
    if (!run->services) {
        sedge_failure_add(&run->failure, "CONFIG_INTERPOLATE_ERROR");
        sedge_failure_cause(&run->failure, "%s", run->err.msg);
        sedge_run_fail_early(run);
        return;
    }
    plan_main(run);
    if (plan_nucleus(run) != 0) {
        sedge_run_fail_early(run);
    } else {
        sedge_auto_put struct json_object *now =
            sedge_config_get_object(cfg, SEDGE_PATH("services", SEDGE_NUCLEUS, "configuration"));
        struct json_object *planned = sedge_json_obj(run->services, SEDGE_NUCLEUS);
        sedge_run_check_run_with(run, now, sedge_json_obj(planned, "configuration"));
    }
}
